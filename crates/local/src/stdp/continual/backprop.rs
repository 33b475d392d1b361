//! The same tasks for a network that learns by backpropagation, with nothing against forgetting.

use super::Continual;
use crate::{Result, Set};
use cortado::learn::{Fit, FitSpec, Loss, OptimizerSpec, Rule, evaluate};
use cortado::network::{Network, NetworkSpec};
use cortado::neuron::{Convention, Gain, Pulse};
use cortado::sim::clock::Input;

/// Steps of the clock for an image.
const STEPS: usize = 8;
const DT: f64 = 1e-3;
/// A decay of 0.9 a step.
const TAU: f64 = 9.491221581029903e-3;

/// A hidden layer of LIF neurons, a leaky readout, one output for each class of all tasks.
pub struct Backprop {
    fit: Fit<f32>,
    /// Steps of the optimiser in all.
    total: usize,
}

impl Backprop {
    /// A network that has learnt nothing; `samples` will be shown.
    pub fn new(
        of: &Continual,
        shape: &[usize],
        classes: usize,
        samples: usize,
        seed: u64,
    ) -> Result<Self> {
        let mut spec = NetworkSpec::new(DT)
            .flatten("flat")
            .linear("fc1", of.hidden)
            .population("hidden", "lif", &[("tau_mem", TAU)])
            .linear("fc2", classes)
            .population("readout", "li", &[("tau_mem", TAU)]);
        spec.convention = Convention {
            gain: Gain::Unscaled,
            pulse: Pulse::Box,
            ..Convention::default()
        };
        let fit = FitSpec {
            epochs: 1,
            batch: of.batch,
            rule: Rule::Bptt,
            wake: 0.0,
            eprop: Default::default(),
            decolle: Default::default(),
            objective: Loss::MeanCrossEntropy.into(),
            optimizer: OptimizerSpec {
                rate: of.rate,
                ..OptimizerSpec::default()
            },
        };
        let fit = Fit::new(Network::new(shape, &spec, seed)?, fit)?;
        Ok(Self {
            fit,
            total: samples.div_ceil(of.batch),
        })
    }

    /// Learns a task, its images in that order.
    pub fn learn(&mut self, set: &Set<'_>, order: &[usize], batch: usize) -> Result<()> {
        for ids in order.chunks(batch) {
            let (input, labels) = shown(set, ids);
            self.fit.step(&input, labels, self.total)?;
        }
        Ok(())
    }

    /// The share of images that are told right, of all classes.
    pub fn accuracy(&self, set: &Set<'_>, ids: &[usize]) -> Result<f64> {
        let (input, labels) = shown(set, ids);
        let report = evaluate(&self.fit.net, &input, labels, &self.fit.spec.objective)?;
        Ok(report.correct as f64 / report.samples.max(1) as f64)
    }
}

/// Images as currents that stay the same.
fn shown(set: &Set<'_>, ids: &[usize]) -> (Input<f32>, Vec<u32>) {
    let input = Input::Current {
        samples: ids.len(),
        steps: STEPS,
        data: ids.iter().flat_map(|&i| set.sample(i)).copied().collect(),
    };
    (input, ids.iter().map(|&i| set.labels[i]).collect())
}
