//! What inference costs, an ANN of the same shape beside it.

use super::Scene;
use crate::samples;
use anyhow::{Result, bail};
use cortado::cost::{Cost, Estimate, LEFT_OUT, Totals, measure};
use serde::Serialize;
use std::fmt;

/// Samples that are measured together.
const BATCH: usize = 64;

/// What inference costs, as the command prints it and a report shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Section {
    /// The recipe in a line.
    pub about: String,
    /// Name of the data set.
    pub data: String,
    /// Precision of the run.
    pub precision: &'static str,
    /// Means over samples.
    pub per_sample: Totals,
    /// The ANN of the same shape, for a sample.
    pub ann: Ann,
    /// Sums over samples, by node.
    pub counts: Cost,
    /// Energy of a sample, by precision.
    pub energy: Vec<Estimate>,
    /// What the energies leave out.
    pub left_out: &'static str,
}

/// An ANN of the same shape: the same weights, every synapse a multiply-accumulate.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ann {
    /// How often it runs for a sample.
    pub passes: f64,
    /// Its multiply-accumulates, none left out for a zero.
    pub macs: f64,
    /// Bytes of its weights: those of the SNN.
    pub footprint: u64,
}

/// Measures the first `samples` test samples.
///
/// # Errors
/// No samples; whatever the encoder or the network says.
pub fn cost(scene: &Scene<'_>, samples: usize) -> Result<Section> {
    let Scene {
        recipe,
        net,
        test: data,
    } = *scene;
    let ids: Vec<usize> = (0..data.len().min(samples)).collect();
    let mut sum: Option<Cost> = None;
    for chunk in ids.chunks(BATCH) {
        let (input, _) = samples::batch(recipe, data, chunk, 0)?;
        let cost = measure(net, &input)?;
        match &mut sum {
            Some(sum) => sum.add(&cost)?,
            None => sum = Some(cost),
        }
    }
    let Some(counts) = sum else {
        bail!(
            "no samples to measure: --samples {samples} of {} test samples",
            data.len()
        );
    };
    Ok(Section {
        about: recipe.about.clone(),
        data: recipe.data.name.clone(),
        precision: "f32",
        per_sample: counts.totals(),
        ann: Ann {
            passes: counts.ann_passes(),
            macs: counts.ann_macs(),
            footprint: counts.footprint.parameters,
        },
        energy: Estimate::all(&counts),
        counts,
        left_out: LEFT_OUT,
    })
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, t) = (self.counts.samples, &self.per_sample);
        writeln!(
            f,
            "{}\n{n} test samples of {}, {} steps each, {}\n",
            self.about,
            self.data,
            number(t.steps),
            self.precision
        )?;
        writeln!(f, "synaptic operations, mean of a sample")?;
        self.projections(f)?;
        writeln!(f, "\nneurons, mean of a sample")?;
        self.populations(f)?;
        self.sizes(f)?;
        writeln!(f, "\nenergy of a sample, an estimate for 45 nm")?;
        self.energies(f)?;
        writeln!(
            f,
            "\nbreak-even: spikes of a neuron in a presentation at which SNN and ANN take the same; here it is {}.",
            number(self.energy[0].spikes_per_neuron)
        )?;
        writeln!(f, "{}", wrapped(self.left_out, 110))
    }
}

impl Section {
    fn each(&self, sum: u64) -> String {
        number(sum as f64 / self.counts.samples as f64)
    }

    fn projections(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![words(
            "node kind input weights non-zero dense AC MAC AC,once MAC,once ANN,MAC",
        )];
        for p in &self.counts.projections {
            let signal = format!("{:?}", p.signal).to_lowercase();
            let mut row = vec![p.name.clone(), p.kind.into(), signal, p.weights.to_string()];
            let sums = [
                p.nonzero,
                p.dense,
                p.acs,
                p.macs,
                p.acs_hoisted,
                p.macs_hoisted,
            ];
            row.extend(sums.map(|sum| self.each(sum)));
            row.push(number(self.ann.passes * p.synapses as f64));
            rows.push(row);
        }
        let t = &self.per_sample;
        let weights: u64 = self.counts.projections.iter().map(|p| p.weights).sum();
        let mut row = words("total    ");
        row.extend([String::new(), String::new(), weights.to_string()]);
        let means = [
            t.input_activations,
            t.dense,
            t.effective_acs,
            t.effective_macs,
            t.acs_hoisted,
            t.macs_hoisted,
        ];
        row.extend(means.map(number));
        row.push(number(self.ann.macs));
        rows.push(row);
        table(f, &rows, 3)?;
        writeln!(
            f,
            "once: for an engine that computes once what stays the same in all steps. ANN: one pass, dense{}.",
            if self.ann.passes > 1.0 {
                ", in each step because the network has loops"
            } else {
                ""
            }
        )
    }

    fn populations(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![words(
            "population neuron neurons spikes spikes/neuron zeros updates operations,each operations",
        )];
        for p in &self.counts.populations {
            let (n, samples) = (p.neurons, self.counts.samples);
            let spikes = |text: String| if p.spiking { text } else { "-".into() };
            rows.push(vec![
                p.name.clone(),
                p.model.into(),
                n.to_string(),
                spikes(self.each(p.nonzero)),
                spikes(number(p.nonzero as f64 / (n * samples) as f64)),
                spikes(percent(1.0 - p.nonzero as f64 / p.activations as f64)),
                self.each(p.updates),
                p.operations.count().to_string(),
                self.each(p.updates * p.operations.count()),
            ]);
        }
        let t = &self.per_sample;
        let neurons: u64 = self.counts.populations.iter().map(|p| p.neurons).sum();
        rows.push(vec![
            "total".into(),
            String::new(),
            neurons.to_string(),
            number(t.spikes),
            String::new(),
            percent(t.activation_sparsity),
            number(t.membrane_updates),
            String::new(),
            number(t.neuron_operations),
        ]);
        table(f, &rows, 2)
    }

    fn sizes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (t, m) = (&self.per_sample, &self.counts.footprint);
        writeln!(
            f,
            "\nactivation sparsity  {:.4}  zeros in the outputs of populations that spike",
            t.activation_sparsity
        )?;
        writeln!(
            f,
            "connection sparsity  {:.4}  zeros in the weights",
            t.connection_sparsity
        )?;
        writeln!(
            f,
            "footprint            {} bytes: parameters {}, buffers {}; besides, neuron constants {}, state of a sample {}",
            t.footprint, m.parameters, m.buffers, m.constants, m.state
        )
    }

    fn energies(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![words("counted numbers SNN,nJ ANN,nJ SNN/ANN break-even")];
        for e in &self.energy {
            for a in &e.accountings {
                rows.push(vec![
                    a.counted.into(),
                    e.precision.name.into(),
                    number(a.snn_pj / 1e3),
                    number(a.ann_pj / 1e3),
                    number(a.snn_pj / a.ann_pj),
                    a.break_even.map_or("none".into(), number),
                ]);
            }
        }
        table(f, &rows, 2)?;
        for e in &self.energy {
            writeln!(
                f,
                "{}: MAC {:.2} pJ, AC {:.2} pJ, ratio {:.1}",
                e.precision.name,
                e.mac_pj,
                e.ac_pj,
                e.mac_pj / e.ac_pj
            )?;
        }
        Ok(())
    }
}

/// Words of a heading; a comma stands for a space.
fn words(text: &str) -> Vec<String> {
    text.split_whitespace()
        .map(|w| w.replace(',', " "))
        .collect()
}

/// Four digits that count.
pub fn number(x: f64) -> String {
    let digits = match x.abs() {
        a if a >= 1000.0 || a.fract() == 0.0 => 0,
        a if a >= 100.0 => 1,
        a if a >= 10.0 => 2,
        a if a >= 0.01 => 3,
        _ => return format!("{x:.2e}"),
    };
    format!("{x:.digits$}")
}

fn percent(x: f64) -> String {
    format!("{:.1} %", 100.0 * x)
}

/// Columns of the width of what stands in them, the first `left` of them flush left.
fn table(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>], left: usize) -> fmt::Result {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |c: usize| {
        rows.iter()
            .filter_map(|r| r.get(c))
            .map(|s| s.chars().count())
            .max()
    };
    for row in rows {
        let mut line = String::new();
        for (c, cell) in row.iter().enumerate().take(columns) {
            let w = width(c).unwrap_or(0);
            line += &if c < left {
                format!("{cell:w$}  ")
            } else {
                format!("{cell:>w$}  ")
            };
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Lines of at most that many characters.
fn wrapped(text: &str, width: usize) -> String {
    let (mut out, mut room) = (String::new(), width);
    for word in text.split_whitespace() {
        let n = word.chars().count() + 1;
        if n > room {
            out.push('\n');
            room = width;
        } else if !out.is_empty() {
            out.push(' ');
        }
        room = room.saturating_sub(n);
        out += word;
    }
    out
}
