//! Networks in which the time of a spike tells a number: layer after layer, each in a window of its own.
//!
//! A unit waits until all that it depends on has been said, then says its own value by when it fires: in a few weighted spikes
//! ([`FewSpikes`]), or by the time of a single one ([`FirstSpike`]). Between the units, each spike touches the synapses that it
//! has, once.

mod fs;
mod linear;
mod ttfs;

pub use fs::FewSpikes;
pub use ttfs::FirstSpike;

use crate::ann::{Ann, Op, Source};
use crate::{Error, Result};
use linear::Weights;
use rayon::prelude::*;

/// A spike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spike {
    /// The neuron, in the order of its layer's shape.
    pub neuron: u32,
    /// When: a step of the layer's window, or a time since the sample began.
    pub time: f64,
}

/// Calls back with each window that a neuron is in.
pub type Windows<'a> = &'a dyn Fn(u32, &mut dyn FnMut(usize));

/// How numbers are told by spikes. Layers are counted as in the [`Ann`]; `None` is the input.
pub trait Coding: Sync {
    /// Whether the input is spikes too; it is a current that each first neuron holds otherwise.
    fn codes_input(&self) -> bool;
    /// The largest number that a layer can tell, if it can tell any.
    fn room(&self, layer: usize) -> Option<f64>;
    /// The spikes that tell the positive numbers of a layer, in the order of their times.
    fn encode(&self, layer: Option<usize>, potentials: &[f64], spikes: &mut Vec<Spike>);
    /// The number that a spike of a layer adds.
    fn value(&self, layer: Option<usize>, time: f64) -> f64;
    /// The spikes that tell the largest number of each window; `windows` calls back with the windows of a neuron.
    fn largest(&self, spikes: &[Spike], outputs: usize, windows: Windows<'_>, out: &mut Vec<Spike>);
}

/// A network with a coding.
pub struct Coded<C> {
    ann: Ann,
    coding: C,
    weights: Vec<Weights>,
}

/// What a sample did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The potentials of the outputs.
    pub outputs: Vec<f64>,
    /// Spikes of the input, where it is coded.
    pub input_spikes: usize,
    /// For each layer of units, in their order: its number, and what its spikes tell.
    pub units: Vec<(usize, Vec<f64>)>,
    /// Spikes of each layer of units.
    pub spikes: Vec<usize>,
    /// Additions of a weight by a spike.
    pub operations: usize,
}

/// What a layer hands on.
enum Signal {
    /// A potential of each neuron.
    Potentials(Vec<f64>),
    /// Spikes, coded as those of a layer.
    Spikes(Option<usize>, Vec<Spike>),
}

impl<C: Coding> Coded<C> {
    /// Gives a network a coding. Batch norm should be folded.
    ///
    /// # Errors
    /// A unit that is neither a ReLU nor a clip from 0: spikes tell no negative numbers here.
    pub fn new(ann: Ann, coding: C) -> Result<Self> {
        for (i, layer) in ann.layers.iter().enumerate() {
            let last = i + 1 == ann.layers.len();
            let room = coding.room(i).filter(|r| *r > 0.0 && r.is_finite());
            if layer.op.is_unit() && room.is_none() {
                let at = format!("layer '{}'", layer.name);
                let got = format!("{:?}", coding.room(i));
                return Err(Error::invalid(
                    "largest value",
                    at,
                    "a positive number",
                    got,
                ));
            }
            let fits = match layer.op {
                Op::Relu | Op::Clip { low: 0.0, .. } => true,
                Op::Softmax => last,
                _ => !layer.op.is_unit(),
            };
            if !fits {
                let at = format!("layer '{}'", layer.name);
                let expected = "relu or a clip from 0; softmax at the end alone";
                return Err(Error::invalid("layer", at, expected, layer.op.name()));
            }
        }
        let weights = ann.layers.iter().map(Weights::new).collect();
        Ok(Self {
            ann,
            coding,
            weights,
        })
    }

    /// The network.
    pub fn ann(&self) -> &Ann {
        &self.ann
    }

    /// The coding.
    pub fn coding(&self) -> &C {
        &self.coding
    }

    /// Runs samples `[samples][inputs]`, side by side.
    ///
    /// # Errors
    /// Another number of values; a value that is not finite; a negative one where the input is coded.
    pub fn run(&self, samples: &[f64]) -> Result<Vec<Outcome>> {
        let n = self.ann.inputs();
        let fits = |v: &f64| v.is_finite() && (*v >= 0.0 || !self.coding.codes_input());
        if samples.is_empty() || !samples.len().is_multiple_of(n) {
            let expected = format!("{n} values for each sample");
            return Err(Error::invalid(
                "input",
                "the network",
                expected,
                samples.len(),
            ));
        }
        if let Some(at) = samples.iter().position(|v| !fits(v)) {
            let expected = if self.coding.codes_input() {
                "numbers from 0 on: spikes tell no others"
            } else {
                "finite numbers"
            };
            let place = format!("sample {}", at / n);
            return Err(Error::invalid("input", place, expected, samples[at]));
        }
        Ok(samples.par_chunks(n).map(|x| self.sample(x)).collect())
    }

    fn sample(&self, x: &[f64]) -> Outcome {
        let mut outcome = Outcome::default();
        let mut input = Signal::Potentials(x.to_vec());
        if self.coding.codes_input() {
            let mut spikes = Vec::new();
            self.coding.encode(None, x, &mut spikes);
            outcome.input_spikes = spikes.len();
            input = Signal::Spikes(None, spikes);
        }
        let mut signals: Vec<Signal> = Vec::with_capacity(self.ann.layers.len());
        for (i, layer) in self.ann.layers.iter().enumerate() {
            let signal = {
                let from = |s: Source| match s {
                    Source::Input => &input,
                    Source::Layer(i) => &signals[i],
                };
                let first = from(layer.from[0]);
                match &layer.op {
                    Op::Relu | Op::Clip { .. } => {
                        let potentials = self.potentials(first, self.ann.shape(layer.from[0]));
                        let mut spikes = Vec::new();
                        self.coding.encode(Some(i), &potentials, &mut spikes);
                        let signal = Signal::Spikes(Some(i), spikes);
                        outcome
                            .units
                            .push((i, self.potentials(&signal, &layer.shape)));
                        outcome.spikes.push(match &signal {
                            Signal::Spikes(_, spikes) => spikes.len(),
                            Signal::Potentials(_) => 0,
                        });
                        signal
                    }
                    Op::MaxPool2d(_) => self.pool(i, first),
                    Op::Reshape => match first {
                        Signal::Potentials(v) => Signal::Potentials(v.clone()),
                        Signal::Spikes(layer, spikes) => Signal::Spikes(*layer, spikes.clone()),
                    },
                    Op::Softmax => Signal::Potentials(self.potentials(first, &layer.shape)),
                    _ => {
                        let mut out = self.weights[i].base(layer);
                        for &source in &layer.from {
                            let shape = self.ann.shape(source);
                            self.nonzeros(from(source), |j, v| {
                                outcome.operations +=
                                    self.weights[i].scatter(layer, shape, j, v, &mut out);
                            });
                        }
                        Signal::Potentials(out)
                    }
                }
            };
            signals.push(signal);
        }
        if let (Some(last), Some(layer)) = (signals.last(), self.ann.layers.last()) {
            outcome.outputs = self.potentials(last, &layer.shape);
        }
        outcome
    }

    /// Calls `f` with each neuron that says something, and what; a neuron may be called several times.
    fn nonzeros(&self, signal: &Signal, mut f: impl FnMut(usize, f64)) {
        match signal {
            Signal::Potentials(v) => {
                let said = v.iter().enumerate().filter(|v| *v.1 != 0.0);
                said.for_each(|(j, &v)| f(j, v));
            }
            Signal::Spikes(layer, spikes) => {
                for s in spikes {
                    f(s.neuron as usize, self.coding.value(*layer, s.time));
                }
            }
        }
    }

    fn potentials(&self, signal: &Signal, shape: &[usize]) -> Vec<f64> {
        if let Signal::Potentials(v) = signal {
            return v.clone();
        }
        let mut out = vec![0.0; shape.iter().product()];
        self.nonzeros(signal, |j, v| out[j] += v);
        out
    }

    fn pool(&self, i: usize, first: &Signal) -> Signal {
        let layer = &self.ann.layers[i];
        let shape = self.ann.shape(layer.from[0]);
        let outputs: usize = layer.shape.iter().product();
        match first {
            Signal::Potentials(v) => {
                let mut out = vec![f64::NEG_INFINITY; outputs];
                for (j, &v) in v.iter().enumerate() {
                    linear::windows(layer, shape, j, |o| out[o] = out[o].max(v));
                }
                Signal::Potentials(out)
            }
            Signal::Spikes(code, spikes) => {
                let mut out = Vec::new();
                let windows =
                    |j: u32, f: &mut dyn FnMut(usize)| linear::windows(layer, shape, j as usize, f);
                self.coding.largest(spikes, outputs, &windows, &mut out);
                Signal::Spikes(*code, out)
            }
        }
    }
}
