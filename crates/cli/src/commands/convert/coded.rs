//! Values told by the times of spikes.

use super::report::Report;
use super::{Task, agreement};
use anyhow::{Result, bail};
use cortado_convert::ann::Op;
use cortado_convert::calibrate::{Scale, reach};
use cortado_convert::coded::{Coded, Coding, FewSpikes, FirstSpike, Outcome};
use cortado_convert::measure::{Told, compare, largest};
use cortado_convert::store::{self, Code};

/// Samples that run at once: what their units told is held.
const BATCH: usize = 256;

/// Binary digits.
pub fn few_spikes(task: &Task<'_>) -> Result<Report> {
    let (steps, largest) = (task.args.steps, room(task, task.args.scale(), 1.0)?);
    let coding = FewSpikes::new(steps, largest.clone())?;
    save(task, &Code::FewSpikes { steps, largest })?;
    run(
        task,
        Coded::new(task.ann.clone(), coding)?,
        ("fs", task.args.steps),
    )
}

/// Times to first spike.
pub fn first_spike(task: &Task<'_>) -> Result<Report> {
    let margin = task.args.margin;
    if !(margin >= 1.0 && margin.is_finite()) {
        bail!("--margin: expected a factor of at least 1, got {margin}");
    }
    let largest = room(task, Scale::Max, margin)?;
    let input = task
        .train
        .all_values()
        .iter()
        .fold(0.0f32, |m, &v| m.max(v));
    let input = f64::from(input);
    let coding = FirstSpike::new(input, &largest)?;
    save(task, &Code::FirstSpike { input, largest })?;
    run(task, Coded::new(task.ann.clone(), coding)?, ("ttfs", 0))
}

fn save(task: &Task<'_>, code: &Code) -> Result<()> {
    if task.args.plot.is_some() {
        bail!("--plot: expected --method rate or qcfs, which decide after every step");
    }
    let Some(path) = &task.args.out else {
        return Ok(());
    };
    if path.extension().is_none_or(|e| e != "safetensors") {
        bail!(
            "--out {}: expected a name that ends in .safetensors under fs and ttfs",
            path.display()
        );
    }
    Ok(store::write_ann(path, &task.ann, Some(code))?)
}

/// The largest value that each layer of units can tell.
fn room(task: &Task<'_>, scale: Scale, margin: f64) -> Result<Vec<Option<f64>>> {
    let (samples, n) = task.calibration();
    let reach = reach(&task.ann, samples, n, scale)?;
    let of = |(i, r): (usize, Option<Vec<f64>>)| {
        let largest = r?.into_iter().fold(0.0, f64::max);
        Some(match task.ann.layers[i].op {
            // What is above the end is cut off there, as it must be.
            Op::Clip { high, .. } if high.is_finite() => high,
            _ => largest * margin,
        })
    };
    Ok(reach.into_iter().enumerate().map(of).collect())
}

fn run<C: Coding>(
    task: &Task<'_>,
    coded: Coded<C>,
    (method, steps): (&'static str, usize),
) -> Result<Report> {
    let n = task.test.features();
    let (mut decided, mut spikes, mut neurons, mut given, mut additions) = (Vec::new(), 0, 0, 0, 0);
    let mut apart = 0.0f64;
    let mut told: Vec<Told> = Vec::new();
    let some = task.args.compare.clamp(1, task.test.len());
    for batch in task.test.all_values().chunks(BATCH * n) {
        let values: Vec<f64> = batch.iter().map(|&v| f64::from(v)).collect();
        let outcomes = coded.run(&values)?;
        let exact = task
            .ann
            .trace(&values, batch.len() / n, |b, exact: &[Vec<f64>]| {
                let of = |(i, told): &(usize, Vec<f64>)| -> f64 {
                    let each = told.iter().zip(&exact[*i]);
                    each.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
                };
                outcomes[b].units.iter().map(of).fold(0.0, f64::max)
            })?;
        apart = exact.into_iter().fold(apart, f64::max);
        for outcome in &outcomes {
            if decided.len() < some {
                note(&coded, outcome, &mut told);
            }
            decided.push(largest(&outcome.outputs));
            spikes += outcome.spikes.iter().sum::<usize>();
            neurons = outcome.units.iter().map(|u| u.1.len()).sum();
            given += outcome.input_spikes;
            additions += outcome.operations;
        }
    }
    let samples = decided.len() as f64;
    Ok(Report {
        method,
        steps,
        samples: decided.len(),
        accuracy: task.accuracy(&decided),
        agreement: agreement(&decided, &task.wanted),
        spikes_per_neuron: spikes as f64 / (neurons as f64 * samples),
        by_step: Vec::new(),
        layers: compare(&task.ann, &task.test.all_values()[..some * n], &told)?,
        extra: vec![
            ("largest_difference", apart),
            ("input_spikes_per_sample", given as f64 / samples),
            ("additions_per_sample", additions as f64 / samples),
        ],
    })
}

/// Adds what a sample's units told to what those before it did.
fn note<C: Coding>(coded: &Coded<C>, outcome: &Outcome, told: &mut Vec<Told>) {
    for (n, ((layer, values), spikes)) in outcome.units.iter().zip(&outcome.spikes).enumerate() {
        if told.len() == n {
            told.push(Told {
                layer: *layer,
                scale: vec![coded.coding().room(*layer).unwrap_or(1.0)],
                ..Told::default()
            });
        }
        told[n].values.extend(values.iter().map(|&v| v as f32));
        told[n].spikes += spikes;
    }
}
