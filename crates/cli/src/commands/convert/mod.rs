//! `cortado convert`: from a trained network to spikes.

mod coded;
mod rate;
mod report;
mod save;

use crate::experiment::Folder;
use crate::stop::CODES;
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use cortado::learn::Fit;
use cortado_convert::ann::Ann;
use cortado_convert::calibrate::Scale;
use cortado_convert::measure::{MOST_STEPS, classes};
use cortado_convert::{network, onnx, store};
use cortado_data::Dataset;
use report::Report;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Arguments of `cortado convert`.
#[derive(clap::Args)]
#[command(after_help = CODES)]
pub struct Args {
    /// A trained network: an ONNX file, the folder of a run whose units are relu or qcfs, or a .safetensors file that --out of fs or ttfs wrote
    model: PathBuf,
    /// How a unit's value becomes spikes
    #[arg(long, value_enum)]
    method: Method,
    /// Steps of the clock for a sample; binary digits of a value under fs; of no account under ttfs, which has no clock
    #[arg(long, default_value_t = 32)]
    steps: usize,
    /// Data set: its training samples tell how large values get, its test samples are decided
    #[arg(long, value_name = "NAME")]
    data: String,
    /// Folder of the data sets; where the environment says if absent
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Number of test samples, the first ones; all if absent
    #[arg(long)]
    limit: Option<usize>,
    /// Where the spiking network goes: a folder for `cortado run`, or a file that ends in .nir, .onnx or .safetensors; .safetensors of fs and ttfs
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Picture of accuracy against steps, .svg or .png (rate and qcfs)
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Fail if more points of accuracy are lost, and name the layer at which most are
    #[arg(long, value_name = "POINTS")]
    max_loss: Option<f64>,
    /// Number of training samples that tell how large values get, the first ones
    #[arg(long, value_name = "N", default_value_t = 1000)]
    calibrate: usize,
    /// What counts as a layer's largest value: all of it, a percentile, or a percentile of each channel
    #[arg(long, value_enum, default_value_t = Of::Percentile)]
    scale: Of,
    /// The percentile of the positive values
    #[arg(long, default_value_t = 99.9)]
    percentile: f64,
    /// What takes up the scale: thresholds, or the weights, thresholds being 1
    #[arg(long, value_enum, default_value_t = Balance::Threshold)]
    balance: Balance,
    /// The membrane at the start, as a share of the threshold
    #[arg(long, default_value_t = 0.5)]
    start: f64,
    /// Levels of a quantised unit under qcfs; as many as steps if absent
    #[arg(long)]
    levels: Option<usize>,
    /// Passes over the training set that fine-tune the quantised network under qcfs
    #[arg(long, default_value_t = 2)]
    epochs: usize,
    /// Learning rate of the fine-tuning
    #[arg(long, default_value_t = 3e-4)]
    rate: f64,
    /// Samples of one step of the fine-tuning
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// How much larger than the largest calibrated value the window of a layer is, under ttfs
    #[arg(long, default_value_t = 2.0)]
    margin: f64,
    /// Number of test samples that each layer's rates are compared on, the first ones
    #[arg(long, value_name = "N", default_value_t = 256)]
    compare: usize,
    /// The clock's step in seconds
    #[arg(long, default_value_t = 1e-3)]
    dt: f64,
    /// Seed of the order of samples in fine-tuning
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Number of threads; all cores if absent. Results do not depend on it
    #[arg(long)]
    threads: Option<usize>,
    /// Only the last line, one JSON object
    #[arg(long)]
    json: bool,
}

/// How a unit's value becomes spikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    /// How often a neuron fires
    Rate,
    /// The same, of a network that is fine-tuned with as many levels as there will be steps
    Qcfs,
    /// Few spikes: the binary digits of the value
    Fs,
    /// Time to the first spike: the earlier, the more
    Ttfs,
}

/// What counts as a layer's largest value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Of {
    /// The largest
    Max,
    /// A percentile of the layer
    Percentile,
    /// A percentile of each channel
    Channel,
}

/// What takes up the scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Balance {
    /// Thresholds
    Threshold,
    /// Weights
    Weights,
}

impl Args {
    fn scale(&self) -> Scale {
        match self.scale {
            Of::Max => Scale::Max,
            Of::Percentile => Scale::Percentile(self.percentile),
            Of::Channel => Scale::Channel(self.percentile),
        }
    }
}

/// What is converted, and on what.
struct Task<'a> {
    args: &'a Args,
    ann: Ann,
    train: Dataset,
    test: Dataset,
    /// What the trained network decides for the test samples.
    wanted: Vec<u32>,
}

impl Task<'_> {
    /// Values of the samples that tell how large values get, and their number.
    fn calibration(&self) -> (&[f32], usize) {
        let n = self.args.calibrate.min(self.train.len());
        (&self.train.all_values()[..n * self.train.features()], n)
    }

    /// Share of the test samples that `decided` has right.
    fn accuracy(&self, decided: &[u32]) -> f64 {
        agreement(decided, self.test.labels())
    }

    fn note(&self, text: impl std::fmt::Display) -> Result<()> {
        if self.args.json {
            return Ok(());
        }
        writeln!(std::io::stdout(), "{text}").context("cannot write to stdout")
    }
}

/// Share of equal classes.
fn agreement(a: &[u32], b: &[u32]) -> f64 {
    a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len().max(1) as f64
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let pool = super::pool(args.threads)?;
    pool.install(|| {
        let start = Instant::now();
        let task = task(args)?;
        let accuracy = task.accuracy(&task.wanted);
        task.note(format!(
            "{}: {} layers, {} parameters, accuracy {accuracy:.4} on {} samples of {}",
            args.model.display(),
            task.ann.layers.len(),
            task.ann.parameters(),
            task.test.len(),
            args.data
        ))?;
        let report = match args.method {
            Method::Rate => rate::convert(&task, task.ann.clone())?,
            Method::Qcfs => rate::fine_tune(&task)?,
            Method::Fs => coded::few_spikes(&task)?,
            Method::Ttfs => coded::first_spike(&task)?,
        };
        if !args.json {
            report.print()?;
        }
        let mut line = report.json(accuracy);
        line["seconds"] = start.elapsed().as_secs_f64().into();
        line["threads"] = rayon::current_num_threads().into();
        line["seed"] = args.seed.into();
        writeln!(std::io::stdout(), "{line}").context("cannot write to stdout")?;
        lost(args, &report, accuracy)
    })
}

/// Fails if more was lost than asked for.
fn lost(args: &Args, report: &Report, accuracy: f64) -> Result<()> {
    let points = 100.0 * (accuracy - report.accuracy);
    // Shares of samples are rounded: as many points as asked for are not more.
    let Some(most) = args.max_loss.filter(|most| points > most + 1e-9) else {
        return Ok(());
    };
    let blame = report.blame().map_or(String::new(), |layer| {
        format!("; most is lost at layer '{layer}'")
    });
    bail!("the conversion lost {points:.2} points of accuracy, more than {most}{blame}")
}

fn task(args: &Args) -> Result<Task<'_>> {
    let ann = load(&args.model)?.folded().units_first();
    let folder = args
        .folder
        .clone()
        .unwrap_or_else(cortado_data::default_folder);
    let mut split = cortado_data::load(&args.data, &folder).context("data")?;
    if let Some(n) = args.limit {
        split.test.truncate(n);
    }
    for (what, set) in [("training", &split.train), ("test", &split.test)] {
        if set.all_values().is_empty() || set.classes == 0 {
            bail!(
                "--data {}: expected {what} samples of values with classes, got none",
                args.data
            );
        }
        if set.features() != ann.inputs() {
            bail!(
                "--data {}: expected samples of {:?} as the network takes, got {:?}",
                args.data,
                ann.input,
                set.shape
            );
        }
    }
    if args.steps == 0 || args.calibrate == 0 {
        bail!("--steps, --calibrate: expected at least 1, got 0");
    }
    if args.steps > MOST_STEPS {
        bail!("--steps: expected at most {MOST_STEPS}, got {}", args.steps);
    }
    let wanted = classes(&ann, split.test.all_values(), split.test.len())?;
    Ok(Task {
        args,
        ann,
        train: split.train,
        test: split.test,
        wanted,
    })
}

/// A trained network from a file or a run.
fn load(path: &Path) -> Result<Ann> {
    if path.extension().is_some_and(|e| e == "safetensors") {
        return Ok(store::read_ann(path)?.0);
    }
    if !path.is_dir() {
        return Ok(onnx::read(path)?);
    }
    let fit = match path.join("manifest.json").exists() {
        true => Fit::<f32>::load(path)?.0,
        false => Folder::open(path)?.0.load()?.0,
    };
    Ok(network::read(&fit.net)?)
}
