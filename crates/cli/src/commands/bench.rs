//! `cortado bench`: how long a step of training takes, and one prediction, beside what the machine can do.

use super::limits::Limits;
use anyhow::{Result, bail};
use clap::ValueEnum;
use cortado::encode::{Encoder, Presentation};
use cortado::learn::{Loss, Objective, Optimizer, OptimizerSpec, Workspace};
use cortado::network::{Network, NetworkSpec, NodeKind};
use cortado::neuron::{Gain, Pulse, Reset};
use cortado::sim::clock::Input;
use cortado::spikes::Spikes;
use cortado::surrogate::{Shape, Surrogate};
use serde_json::{Map, Value, json};
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

/// Arguments of `cortado bench`.
#[derive(clap::Args)]
pub struct Args {
    /// What to time; everything if absent
    work: Option<Work>,
    /// Neurons of the hidden population
    #[arg(long)]
    pub n: Option<usize>,
    /// Steps
    #[arg(long)]
    pub t: Option<usize>,
    /// Seed of weights and input; if absent, one whose rates are near the mean over seeds
    #[arg(long)]
    pub seed: Option<u64>,
    /// Number of threads; all cores if absent
    #[arg(long)]
    threads: Option<usize>,
    /// Timed repeats at least
    #[arg(long, default_value_t = 7)]
    pub repeats: usize,
    /// Go on repeating for this many seconds
    #[arg(long, default_value_t = 2.5)]
    pub budget: f64,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// engines: the neuron model
    #[arg(long, default_value = "lif")]
    pub neuron: String,
    /// engines: shares of neurons and milliseconds with a spike
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "0.001,0.003,0.01,0.03,0.1,0.3,0.5"
    )]
    pub activity: Vec<f64>,
    /// engines: steps of the clock in seconds
    #[arg(long, value_delimiter = ',', default_value = "1e-3,1e-4,1e-5")]
    pub dt: Vec<f64>,
}

/// What is timed. All neurons are LIF that keep 0.95 of their membrane in a step, reset by subtraction, trained with a
/// fast sigmoid of slope 25 and a detached reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Work {
    /// Linear 512 -> 512 and LIF, T 500, batch 16, loss = sum of spikes: forward and backward
    LifFwdBwd,
    /// 700 -> 256 recurrent LIF -> 20 leaky readout, T 100, batch 64: one step of Adam
    RecurrentTrain,
    /// 784 -> 800 LIF -> 10 LIF, T 25, batch 128: one step of Adam
    DenseTrain,
    /// 2x34x34, 12c5 - LIF - max-pool - 32c5 - LIF - max-pool - linear 10 - LIF, T 30, batch 32: one step of Adam
    ConvTrain,
    /// One prediction of the recurrent network for one sample, that comes in step by step
    Infer,
    /// 700 -> 256 recurrent -> 20, one sample as a stream on one thread: the engine without a clock beside the clock, from 0.1
    /// to 50 % activity; only if asked for
    Engines,
}

/// Sizes of a work.
struct Sizes {
    nin: usize,
    n: usize,
    nout: usize,
    t: usize,
    batch: usize,
    density: f64,
}

impl Work {
    fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |v| v.get_name().into())
    }

    /// A few kernels of a few channels differ much from seed to seed, and with them the spikes and the work.
    fn seed(self) -> u64 {
        match self {
            Self::LifFwdBwd | Self::RecurrentTrain | Self::Infer | Self::Engines => 1,
            Self::DenseTrain => 3,
            Self::ConvTrain => 6,
        }
    }

    fn sizes(self, args: &Args) -> Sizes {
        let (nin, n, nout, t, batch, density) = match self {
            Self::LifFwdBwd => (512, 512, 512, 500, 16, 0.02),
            Self::RecurrentTrain => (700, 256, 20, 100, 64, 0.015),
            Self::Infer | Self::Engines => (700, 256, 20, 100, 1, 0.015),
            Self::DenseTrain => (784, 800, 10, 25, 128, 0.13),
            Self::ConvTrain => (2 * 34 * 34, 0, 10, 30, 32, 0.02),
        };
        let n = args.n.unwrap_or(n);
        let same = self == Self::LifFwdBwd;
        Sizes {
            nin: if same { n } else { nin },
            n,
            nout: if same { n } else { nout },
            t: args.t.unwrap_or(t),
            batch,
            density,
        }
    }

    /// The network; weights are normal with standard deviation `scale / sqrt(inputs)`.
    fn network(self, s: &Sizes) -> NetworkSpec {
        let dt = 1e-3;
        let keep = [("tau_mem", -dt / 0.95f64.ln())];
        let lif = |spec: NetworkSpec, name: &str| spec.population(name, "lif", &keep);
        let from = |scale: f64, share: f64| scale / share.sqrt();
        let empty = NetworkSpec::new(dt);
        let (mut spec, scales) = match self {
            Self::LifFwdBwd => (
                lif(empty.linear("fc", s.n), "hidden"),
                vec![from(0.14, s.density)],
            ),
            Self::RecurrentTrain | Self::Infer | Self::Engines => (
                lif(empty.linear("fc1", s.n), "hidden")
                    .recurrent()
                    .linear("fc2", s.nout)
                    .population("readout", "li", &keep),
                vec![
                    from(0.22, s.density),
                    from(0.05, 0.05),
                    0.1 * (s.n as f64).sqrt(),
                ],
            ),
            Self::DenseTrain => (
                lif(
                    lif(empty.linear("fc1", s.n), "hidden").linear("fc2", s.nout),
                    "readout",
                ),
                vec![from(0.2, s.density), from(0.25, 0.05)],
            ),
            Self::ConvTrain => {
                let first = lif(empty.conv2d("c1", 12, 5), "conv1").max_pool2d("p1", 2);
                let second = lif(first.conv2d("c2", 32, 5), "conv2").max_pool2d("p2", 2);
                (
                    lif(second.flatten("flat").linear("fc", s.nout), "readout"),
                    vec![from(0.25, s.density), from(0.25, 0.1), from(0.25, 0.1)],
                )
            }
        };
        spec.convention.gain = Gain::Unscaled;
        spec.convention.pulse = Pulse::Box;
        spec.surrogate = Surrogate::new(Shape::FastSigmoid).with_slope(25.0);
        let mut scales = scales.into_iter();
        for node in &mut spec.nodes {
            match &mut node.kind {
                NodeKind::Linear { scale, .. } | NodeKind::Conv2d { scale, .. } => {
                    *scale = scales.next().unwrap_or(1.0);
                }
                NodeKind::Population { reset, .. } => *reset = Reset::Subtract,
                _ => {}
            }
        }
        spec
    }
}

/// Times of the calls of `step`, after three that are not timed.
fn seconds(args: &Args, mut step: impl FnMut() -> Result<()>) -> Result<Vec<f64>> {
    for _ in 0..3 {
        step()?;
    }
    let (start, mut took) = (Instant::now(), Vec::new());
    while took.len() < args.repeats.max(1)
        || (start.elapsed().as_secs_f64() < args.budget && took.len() < 10_000)
    {
        let start = Instant::now();
        step()?;
        took.push(start.elapsed().as_secs_f64());
    }
    took.sort_by(f64::total_cmp);
    Ok(took)
}

/// Peak resident memory of this process in MiB, where the system tells it.
fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

fn measure(work: Work, args: &Args) -> Result<Value> {
    let s = work.sizes(args);
    let image = [2, 34, 34];
    let flat = [s.nin];
    let shape = if work == Work::ConvTrain {
        &image[..]
    } else {
        &flat[..]
    };
    let seed = args.seed.unwrap_or(work.seed());
    let mut net = Network::<f32>::new(shape, &work.network(&s), seed)?;
    let at = Presentation {
        steps: s.t,
        dt: 1e-3,
        seed,
        round: 0,
    };
    let ids: Vec<u32> = (0..s.batch as u32).collect();
    let encoder = Encoder::Bernoulli { gain: s.density };
    let input = encoder.encode::<f32>(&vec![1.0; s.batch * s.nin], &ids, &at)?;
    let Input::Spikes(spikes) = &input else {
        bail!("spikes expected");
    };
    let labels: Vec<u32> = ids.iter().map(|i| i % s.nout as u32).collect();
    let loss = match work {
        Work::LifFwdBwd => Loss::SpikeSum,
        Work::RecurrentTrain | Work::Infer | Work::Engines => Loss::MaxCrossEntropy,
        Work::DenseTrain | Work::ConvTrain => Loss::CountCrossEntropy,
    };
    let objective = Objective::from(loss);
    let spec = OptimizerSpec {
        rate: 1e-5,
        ..OptimizerSpec::default()
    };
    let mut optimizer = Optimizer::new(spec, &net)?;
    let mut workspace = Workspace::new();
    let mut synops = 0;
    let took = if work == Work::Infer {
        let steps: Vec<Input<f32>> = (0..s.t)
            .map(|t| Ok(Input::Spikes(single(spikes, t)?)))
            .collect::<Result<_>>()?;
        let (mut state, mut output) = (net.rest(1), Vec::new());
        seconds(args, || {
            state.reset();
            let mut best = vec![f32::NEG_INFINITY; s.nout];
            for step in &steps {
                net.stream(&mut state, step, &mut output)?;
                for (best, &o) in best.iter_mut().zip(&output) {
                    *best = if o > *best { o } else { *best };
                }
            }
            black_box(best);
            Ok(())
        })?
    } else {
        seconds(args, || {
            let report = workspace.run(&net, &input, &labels, &objective, 0)?;
            synops = report.synops;
            if work != Work::LifFwdBwd {
                optimizer.step(&mut net, workspace.gradients(), 1.0);
            }
            Ok(())
        })?
    };
    let peak = peak_rss_mb();
    // As drawn: training has moved the weights meanwhile.
    let record = Network::<f32>::new(shape, &work.network(&s), seed)?.run(&input, &[])?;
    let rates: Map<String, Value> = record
        .activity
        .iter()
        .filter(|a| a.name != "readout")
        .map(|a| {
            let n = (a.neurons * s.t * s.batch) as f64;
            (a.name.clone(), json!(a.spikes as f64 / n))
        })
        .collect();
    let mut params = json!({ "t": s.t, "batch": s.batch, "density": s.density });
    if work != Work::ConvTrain {
        params["n"] = json!(s.n);
        if work != Work::LifFwdBwd {
            params["nin"] = json!(s.nin);
            params["nout"] = json!(s.nout);
        }
    }
    let median = took[took.len() / 2];
    Ok(json!({
        "work": work.name(), "params": params, "median_s": median, "min_s": took[0],
        "peak_rss_mb": peak, "threads": rayon::current_num_threads(), "repeats": took.len(),
        "rates": rates, "input_bytes": spikes.bytes(), "synops": synops,
    }))
}

/// One step of the first sample.
fn single(spikes: &Spikes, t: usize) -> Result<Spikes> {
    let mut dense = vec![0.0; spikes.width];
    for &i in spikes.row(0, t) {
        dense[i as usize] = 1.0;
    }
    Ok(Spikes::from_dense(1, 1, spikes.width, &dense)?)
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let pool = super::pool(args.threads)?;
    pool.install(|| {
        let mut out = std::io::stdout();
        if args.work == Some(Work::Engines) {
            return super::engines::run(args, &mut out);
        }
        let all = Work::value_variants();
        let all: Vec<Work> = all
            .iter()
            .copied()
            .filter(|&w| w != Work::Engines)
            .collect();
        let works = args.work.as_ref().map_or(&all[..], std::slice::from_ref);
        if !args.json {
            writeln!(out, "{}", Limits::measure())?;
            writeln!(
                out,
                "{:16} {:>10} {:>10} {:>8} {:>8}  spikes per neuron and step",
                "work", "median ms", "least ms", "MiB", "repeats"
            )?;
        }
        for &work in works {
            let m = measure(work, args)?;
            if args.json {
                writeln!(out, "{m}")?;
                continue;
            }
            let number = |key: &str| m[key].as_f64().unwrap_or(f64::NAN);
            let rates: Vec<String> = m["rates"].as_object().map_or_else(Vec::new, |rates| {
                let show =
                    |(k, v): (&String, &Value)| format!("{k} {:.4}", v.as_f64().unwrap_or(0.0));
                rates.iter().map(show).collect()
            });
            writeln!(
                out,
                "{:16} {:10.3} {:10.3} {:8.0} {:8}  {}",
                work.name(),
                number("median_s") * 1e3,
                number("min_s") * 1e3,
                number("peak_rss_mb"),
                m["repeats"],
                rates.join(", ")
            )?;
        }
        Ok(())
    })
}
