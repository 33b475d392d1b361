//! Rates, with and without fine-tuning.

use super::report::Report;
use super::save::Form;
use super::{Balance, Task, agreement};
use anyhow::Result;
use cortado::learn::{Algorithm, Fit, FitSpec, Loss, OptimizerSpec, Rule, Schedule};
use cortado::sim::clock::Input;
use cortado_convert::ann::Ann;
use cortado_convert::measure::{classes, decide, layers};
use cortado_convert::network;
use cortado_convert::rate::{self, Rate, Rates, quantise};
use std::time::Instant;

/// The network in rates, and the form in which it is to be written.
fn rates(task: &Task<'_>, ann: &Ann) -> Result<(Rates, Option<Form>)> {
    let args = task.args;
    let (samples, n) = task.calibration();
    let how = Rate {
        scale: args.scale(),
        balance: match args.balance {
            Balance::Threshold => rate::Balance::Threshold,
            Balance::Weights => rate::Balance::Weights,
        },
        start: args.start,
        dt: args.dt,
    };
    let rates = how.convert(ann, samples, n)?;
    let network = &rates.built.network;
    let form = args.out.as_ref().map(|path| Form::new(network, path));
    Ok((rates, form.transpose()?))
}

/// Converts to rates and runs the test set.
pub fn convert(task: &Task<'_>, ann: Ann) -> Result<Report> {
    let args = task.args;
    let (rates, form) = rates(task, &ann)?;
    let values = task.test.all_values();
    let start = Instant::now();
    let decisions = decide(&rates.built.network, values, args.steps)?;
    let seconds = start.elapsed().as_secs_f64();
    let last: Vec<u32> = decisions
        .classes
        .chunks(args.steps)
        .map(|c| c[args.steps - 1])
        .collect();
    let samples = task.test.len() as f64;
    let share = |wanted: &[u32]| -> Vec<f64> {
        decisions
            .agree(wanted)
            .iter()
            .map(|&n| n as f64 / samples)
            .collect()
    };
    let some = args.compare.clamp(1, task.test.len()) * task.test.features();
    let report = Report {
        method: if ann == task.ann { "rate" } else { "qcfs" },
        steps: args.steps,
        samples: task.test.len(),
        accuracy: task.accuracy(&last),
        agreement: agreement(&last, &task.wanted),
        spikes_per_neuron: decisions.spikes_per_neuron(),
        by_step: share(task.test.labels()),
        layers: layers(&ann, &rates, &values[..some], args.steps)?,
        extra: vec![("run_seconds", seconds)],
    };
    if let Some(path) = &args.plot {
        report.plot(path, task.accuracy(&task.wanted))?;
    }
    if let (Some(path), Some(form)) = (&args.out, form) {
        for lost in form.write(rates.built.network, path)? {
            task.note(lost)?;
        }
    }
    Ok(report)
}

/// Fine-tunes with units that quantise, then converts.
pub fn fine_tune(task: &Task<'_>) -> Result<Report> {
    let args = task.args;
    let (samples, n) = task.calibration();
    let levels = args.levels.unwrap_or(args.steps);
    // What cannot be converted or written is said before the training.
    rates(task, &task.ann)?;
    let network = quantise(&task.ann, samples, n, args.scale(), (levels, args.dt))?.network;
    let spec = FitSpec {
        epochs: args.epochs,
        batch: args.batch,
        rule: Rule::Bptt,
        wake: 0.0,
        eprop: Default::default(),
        decolle: Default::default(),
        objective: Loss::LastCrossEntropy.into(),
        optimizer: OptimizerSpec {
            algorithm: Algorithm::AdamW,
            rate: args.rate,
            decay: 1e-2,
            clip: 1.0,
            schedule: Schedule::Cosine,
            ..OptimizerSpec::default()
        },
    };
    let mut fit = Fit::new(network.with_seed(args.seed), spec)?;
    let train = &task.train;
    for epoch in 1..=args.epochs {
        let batch = |ids: &[usize], _: u64| {
            let input = Input::Current {
                samples: ids.len(),
                steps: 1,
                data: ids.iter().flat_map(|&i| train.values(i)).copied().collect(),
            };
            let labels: Vec<u32> = ids.iter().map(|&i| train.label(i)).collect();
            Ok((input, labels.into()))
        };
        let sum = fit.epoch::<cortado::Error, _>(train.len(), batch, |_| Ok(()))?;
        task.note(format!("fine-tuning, epoch {epoch}: loss {:.4}", sum.loss))?;
    }
    let quantised = network::read(&fit.net)?;
    let decided = classes(&quantised, task.test.all_values(), task.test.len())?;
    let mut report = convert(task, quantised)?;
    report
        .extra
        .push(("quantised_accuracy", task.accuracy(&decided)));
    Ok(report)
}
