//! Networks whose spikes tell numbers by their times: no clock and no state, one sample after the other.

use super::{Args, arrays};
use anyhow::{Context, Result, bail};
use cortado_convert::ann::Ann;
use cortado_convert::coded::{Coded, Coding, FewSpikes, FirstSpike, Outcome};
use cortado_convert::measure::largest;
use cortado_convert::store::{self, Code};
use serde_json::json;
use std::io::Write;
use std::path::Path;

/// Samples that run at once.
const BATCH: usize = 64;

/// Whether a path is a file that `cortado convert` wrote under fs or ttfs.
pub fn is_coded(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "safetensors")
}

/// Runs the network of a file on an array of values, `[samples, ...]`.
pub fn run(args: &Args) -> Result<()> {
    let (ann, code) = store::read_ann(&args.model)?;
    let given = [
        ("--dt", args.dt.is_some()),
        ("--steps", args.steps.is_some()),
        ("--chunk", args.chunk.is_some()),
        ("--probe", !args.probes.is_empty()),
        ("--out", args.out.is_some()),
    ];
    if let Some((option, _)) = given.iter().find(|g| g.1) {
        bail!("{option}: there are no steps in {}", args.model.display());
    }
    match code {
        None => bail!(
            "{}: expected a code of fs or ttfs, got an artificial network",
            args.model.display()
        ),
        Some(Code::FewSpikes { steps, largest }) => {
            drive(args, ann, FewSpikes::new(steps, largest)?)
        }
        Some(Code::FirstSpike { input, largest }) => {
            drive(args, ann, FirstSpike::new(input, &largest)?)
        }
    }
}

fn drive<C: Coding>(args: &Args, ann: Ann, coding: C) -> Result<()> {
    let name = args.input.display().to_string();
    let bytes = std::fs::read(&args.input).with_context(|| format!("cannot read {name}"))?;
    if !bytes.starts_with(b"\x93NUMPY") && !bytes.starts_with(b"PK") {
        bail!("{name}: expected values in .npy or .npz, got something else");
    }
    let array = arrays::read(&bytes, &name, args.array.as_deref())?;
    let values: Vec<f64> = array.to_f32().into_iter().map(f64::from).collect();
    let neurons: usize = (ann.layers.iter().filter(|l| l.op.is_unit()))
        .map(|l| l.shape.iter().product::<usize>())
        .sum();
    let coded = Coded::new(ann, coding)?;
    let (mut sample, mut spikes) = (0usize, 0);
    for batch in values.chunks(BATCH * coded.ann().inputs()) {
        for outcome in coded.run(batch).with_context(|| name.clone())? {
            say(args, sample, &outcome)?;
            spikes += outcome.spikes.iter().sum::<usize>();
            sample += 1;
        }
    }
    let each = spikes as f64 / (neurons * sample).max(1) as f64;
    let summary = json!({ "samples": sample, "spikes": spikes, "spikes_per_neuron": each, "engine": "coded" });
    writeln!(std::io::stdout(), "{summary}").context("cannot write to stdout")
}

fn say(args: &Args, sample: usize, outcome: &Outcome) -> Result<()> {
    let class = largest(&outcome.outputs);
    let spikes: usize = outcome.spikes.iter().sum();
    let line = match args.json {
        true => json!({
            "sample": sample, "class": class, "scores": outcome.outputs, "spikes": spikes, "input_spikes": outcome.input_spikes,
        })
        .to_string(),
        false => format!("sample {sample}: class {class}, {spikes} spikes"),
    };
    writeln!(std::io::stdout(), "{line}").context("cannot write to stdout")
}
