//! `cortado run`: a trained network on files or a stream.

mod arrays;
mod coded;
pub mod engine;
mod latency;
mod lines;
pub mod model;
mod sink;
mod source;
mod timed;
mod watch;

use crate::commands::nir::Reading;
use anyhow::{Context, Result, bail};
use cortado::encode::Presentation;
use cortado::sim::clock::Probe;
use engine::{Choice, Engine, Given, choose};
use model::Model;
use serde_json::{Value, json};
use sink::Sink;
use source::{As, Source, Timed};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::Instant;
use watch::Watch;

/// Arguments of `cortado run`.
#[derive(clap::Args)]
#[command(after_help = "\
INPUT is one of
  JSON lines, all of one kind: {\"t\": 0.0132, \"i\": 7} a spike of channel 7 at 13.2 ms, in the order of time;
    {\"spikes\": [0, 7]} the spikes of one step; {\"x\": [0.1, 0.0]} the currents of one step;
  an array in .npy or .npz: [steps, inputs] or [samples, steps, inputs], floats being currents and integers or booleans \
spikes; or values [samples, ...] that the encoder of the run takes. Arrays of four axes or one are values; --as says so of \
others.

--json prints JSON lines. {\"sample\", \"step\", \"t\", \"node\", \"spikes\"}: the neurons of the readout that fired in a step, \
and those of a probe of spikes, for steps that have any. {\"sample\", \"step\", \"t\", \"node\", WHAT}: the values of another \
probe, for every step. {\"sample\", \"steps\", \"class\", \"scores\", \"first_spike\", \"decided\", \"latency\"}: the decision of a \
sample, the step of the first spike of the readout, the step from which the decision stays, and the seconds from the first \
input to that step; class and scores only where the network was trained on classes. Last, {\"samples\", \"steps\", \"dt\", \
\"spikes\", \"chunks\", \"latency_ms\"}: spikes by population, and the wall-clock milliseconds of a chunk as min, median, p99 \
and max. Steps and t (seconds) begin at 0 in each sample.

--out writes the arrays output [samples, steps, outputs], spikes_sample, spikes_step and spikes_neuron of the readout, \
classes [samples] and scores [samples, outputs], and one [samples, steps, neurons] for each probe under its name.

What comes out does not depend on --chunk.

--engine event runs without a clock: spikes have the times at which they are fired, in seconds from the start of the sample. \
Events keep their times, values go through the encoder of the run as times, and the spikes of a step stand at its start. Lines are \
{\"sample\", \"t\", \"node\", \"spikes\"}; {\"sample\", \"seconds\", \"class\", \"scores\", \"first_spike\", \"decided\", \"latency\"} \
with times in seconds; last {\"samples\", \"seconds\", \"dt\", \"input_spikes\", \"spikes\", \"latency_ms\"}, the wall-clock \
milliseconds from an input spike to the first spike of the readout before the next input, or to the end of what it causes. --out writes \
spikes_sample, spikes_time, spikes_neuron, and so for each probe under its name, classes and scores. The summary of either \
engine holds \"engine\", \"clock\" or \"event\", and \"why\" it was chosen.")]
pub struct Args {
    /// Folder of a run, or of a checkpoint, a NIR file, or a .safetensors file of `cortado convert`
    model: PathBuf,
    /// A file, or - for JSON lines on standard input
    input: PathBuf,
    /// Step of the clock in seconds, if not that of the network
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    dt: Option<f64>,
    /// Steps of a sample: a stream begins anew after as many, what ends before goes on without input
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..1 << 40))]
    steps: Option<u64>,
    /// Steps that are run at a time; 1 for JSON lines and 256 for arrays if absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..1 << 24))]
    chunk: Option<u64>,
    /// What an array holds
    #[arg(long = "as", value_name = "KIND")]
    kind: Option<As>,
    /// Name of the array in an .npz of several
    #[arg(long, value_name = "NAME")]
    array: Option<String>,
    /// JSON lines in place of text
    #[arg(long, conflicts_with = "out")]
    json: bool,
    /// An .npz file to write arrays to
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also what a population does: hidden.spikes, hidden.v
    #[arg(long = "probe", value_name = "NODE.WHAT")]
    probes: Vec<String>,
    /// Which engine runs it: by steps, or from spike to spike
    #[arg(long, value_name = "ENGINE", default_value = "auto")]
    engine: Engine,
    /// Number of threads; all cores if absent. Results do not depend on it
    #[arg(long)]
    threads: Option<usize>,
    #[command(flatten)]
    reading: Reading,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let pool = super::pool(args.threads)?;
    if coded::is_coded(&args.model) {
        return pool.install(|| coded::run(args));
    }
    let model = Model::load(&args.model, args.dt, &args.reading)?;
    let probes = args
        .probes
        .iter()
        .map(|p| probe(p))
        .collect::<Result<Vec<_>>>()?;
    let mut source = open(args, &model)?;
    let steps = of_steps(args, &probes);
    let choice = choose(args.engine, &model, &source.given()?, steps)?;
    let name = match choice.event {
        Some(_) => "event",
        None => "clock",
    };
    let readout = model.net.spec().nodes.last().map(|n| n.name.as_str());
    let fired = || {
        let beside = probes.iter().filter(|p| Some(p.node.as_str()) != readout);
        let beside = beside.map(|p| format!("{}.spikes", p.node));
        std::iter::once("spikes".into()).chain(beside).collect()
    };
    let mut sink = match &args.out {
        Some(path) => Sink::arrays(path, choice.event.as_ref().map(|_| fired())),
        None => Sink::lines(args.json, !model.decides()),
    };
    let Choice { event, why } = choice;
    pool.install(|| {
        let mut summary = match event {
            Some(engine) => {
                if let Some(steps) = steps {
                    bail!("--engine event: there are no steps, and {steps} is of steps");
                }
                timed::Run::new(&model, engine, &probes)?.drive(source.timed(), &mut sink)?
            }
            None => drive(args, &model, &probes, source.stepped(), &mut sink)?,
        };
        summary["engine"] = json!(name);
        summary["why"] = json!(why);
        sink.finish(&summary)
    })
}

/// What is asked for that has a meaning by steps alone.
fn of_steps(args: &Args, probes: &[Probe]) -> Option<&'static str> {
    if args.dt.is_some() {
        return Some("--dt");
    }
    if args.chunk.is_some() {
        return Some("--chunk");
    }
    let state = probes.iter().any(|p| p.what != "spikes");
    state.then_some("--probe of a state")
}

/// A source of any kind.
enum Open<'a> {
    Lines(Box<lines::Lines>),
    Arrays(Box<arrays::Arrays<'a>>),
}

impl Open<'_> {
    /// What it holds.
    fn given(&mut self) -> Result<Given> {
        match self {
            Self::Lines(lines) => Ok(match lines.first()? {
                true => Given::Currents,
                false => Given::Spikes(None),
            }),
            Self::Arrays(arrays) => arrays.given(),
        }
    }

    fn timed(&mut self) -> &mut dyn Timed {
        match self {
            Self::Lines(lines) => &mut **lines,
            Self::Arrays(arrays) => &mut **arrays,
        }
    }

    fn stepped(&mut self) -> &mut dyn Source {
        match self {
            Self::Lines(lines) => &mut **lines,
            Self::Arrays(arrays) => &mut **arrays,
        }
    }
}

/// All samples through the network, chunk by chunk.
fn drive(
    args: &Args,
    model: &Model,
    probes: &[Probe],
    source: &mut dyn Source,
    sink: &mut Sink,
) -> Result<Value> {
    let chunk = args.chunk.map_or(source.chunk(), |c| c as usize);
    let mut watch = Watch::new(model, probes);
    while let Some(samples) = source.next()? {
        let mut state = model.net.rest(samples);
        watch.begin(samples);
        while let Some(input) = source.steps(chunk)? {
            let start = Instant::now();
            let record = model.net.advance(&mut state, &input, probes)?;
            watch.chunk(&input, &record, start.elapsed(), sink)?;
        }
        watch.end(sink)?;
    }
    Ok(watch.summary())
}

fn probe(text: &str) -> Result<Probe> {
    let Some((node, what)) = text.rsplit_once('.') else {
        bail!("--probe {text}: expected NODE.WHAT, for example hidden.spikes or hidden.v");
    };
    Ok(Probe {
        node: node.into(),
        what: what.into(),
        neurons: Vec::new(),
    })
}

/// The input, recognised by its first bytes.
fn open<'a>(args: &Args, model: &'a Model) -> Result<Open<'a>> {
    let steps = args.steps.map(|s| s as usize);
    let name = match args.input == Path::new("-") {
        true => "standard input".into(),
        false => args.input.display().to_string(),
    };
    let mut reader: Box<dyn BufRead + Send> = match args.input == Path::new("-") {
        true => Box::new(std::io::BufReader::new(std::io::stdin())),
        false => {
            let file =
                std::fs::File::open(&args.input).with_context(|| format!("cannot open {name}"))?;
            Box::new(std::io::BufReader::new(file))
        }
    };
    let head = reader
        .fill_buf()
        .with_context(|| format!("cannot read {name}"))?;
    if !head.starts_with(b"\x93NUMPY") && !head.starts_with(b"PK") {
        if args.kind.is_some() || args.array.is_some() {
            bail!("--as and --array are of arrays: {name} is none");
        }
        let lines = lines::Lines::new(reader, name, model, steps);
        return Ok(Open::Lines(Box::new(lines)));
    }
    let mut bytes = Vec::new();
    reader
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {name}"))?;
    let array = arrays::read(&bytes, &name, args.array.as_deref())?;
    let source = arrays::Arrays::new(array, &name, model, args.kind, steps);
    Ok(Open::Arrays(Box::new(source.with_context(|| name)?)))
}

/// The clock of a model: the random numbers are those of a test.
fn presentation(model: &Model, steps: usize) -> Presentation {
    let seed = model.recipe.as_ref().map_or(0, |r| r.seed);
    Presentation {
        steps,
        dt: model.dt(),
        seed,
        round: 0,
    }
}
