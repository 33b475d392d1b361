//! The section on the cost of inference.

use super::Report;
use super::html::{escape, table};
use crate::observe::cost::{self as measured, Section, number};
use anyhow::Result;

/// Test samples that are measured.
const SAMPLES: usize = 64;

/// Operations, memory and energy of a sample, an ANN of the same shape in the next column.
pub fn cost(r: &Report) -> Result<Option<String>> {
    let Some(scene) = r.scene.filter(|s| !s.test.is_empty()) else {
        return Ok(None);
    };
    let section = measured::cost(scene, SAMPLES)?;
    let n = section.counts.samples;
    let words = format!(
        "Means over {n} test sample{} of {} steps. Energies are an estimate for 45 nm. {}",
        if n == 1 { "" } else { "s" },
        number(section.per_sample.steps),
        section.left_out
    );
    let words = format!("<p>{}</p>\n", escape(&words));
    Ok(Some(counts(&section) + &energies(&section) + &words))
}

fn counts(section: &Section) -> String {
    let (t, ann) = (&section.per_sample, &section.ann);
    let row = |name: &str, snn: f64, ann: Option<f64>| {
        let ann = ann.map_or("–".into(), number);
        vec![name.to_string(), number(snn), ann]
    };
    let rows = [
        row("spikes", t.spikes, None),
        row("accumulates", t.effective_acs, None),
        row("multiply-accumulates", t.effective_macs, Some(ann.macs)),
        row("neuron updates", t.membrane_updates, None),
        row(
            "bytes of weights",
            t.footprint as f64,
            Some(ann.footprint as f64),
        ),
    ];
    let head = ["a sample", "SNN", "ANN of the same shape"].map(String::from);
    table(&head, &rows, 1)
}

fn energies(section: &Section) -> String {
    let row = |name: &str, a: &cortado::cost::Accounting| {
        vec![
            a.counted.to_string(),
            name.to_string(),
            number(a.snn_pj / 1e3),
            number(a.ann_pj / 1e3),
            number(a.snn_pj / a.ann_pj),
        ]
    };
    let rows = section.energy.iter().flat_map(|e| {
        let name = e.precision.name;
        e.accountings.iter().map(move |a| row(name, a))
    });
    let head = ["energy of", "numbers", "SNN, nJ", "ANN, nJ", "SNN / ANN"].map(String::from);
    table(&head, &rows.collect::<Vec<_>>(), 2)
}
