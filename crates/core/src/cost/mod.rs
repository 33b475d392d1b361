//! What inference costs: synaptic operations, neuron updates, memory, and an estimate of energy beside that of an ANN
//! of the same shape (`yik2025`).
//!
//! A [`Meter`] runs a network step by step and counts in whole numbers, so that neither chunks of a stream nor threads
//! change a count. [`Cost`] holds the counts, [`Totals`] what a sample costs, [`Estimate`] the energy.

mod energy;
mod meter;
mod neuron;

pub use energy::{
    Accounting, BYTES_PER_EVENT, Column, DRAM_PJ, Estimate, LEFT_OUT, PRECISIONS, Precision,
    SRAM_PJ,
};
pub use meter::{Meter, measure};
pub use neuron::{Operations, operations};

use crate::{Error, Result};
use serde::Serialize;

/// What travels to a projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Spikes, or the maximum of spikes.
    Spikes,
    /// What sums, means, batch norm, weights or a membrane make of spikes.
    Graded,
    /// A current from outside, or what is made of one.
    Current,
}

/// Counts of a projection, summed over samples and steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Projection {
    /// Its name.
    pub name: String,
    /// `linear` or `conv2d`.
    pub kind: &'static str,
    /// The node that its input comes from.
    pub from: String,
    /// What its input is made of.
    pub signal: Signal,
    /// Whether it is part of a loop.
    pub recurrent: bool,
    /// Number of weights.
    pub weights: u64,
    /// Those that are zero.
    pub zero_weights: u64,
    /// Pairs of an input and an output that a weight joins; a kernel's weight joins many, a tap on the padding none.
    pub synapses: u64,
    /// Outputs.
    pub outputs: u64,
    /// Activations that came in.
    pub activations: u64,
    /// Those that are not zero.
    pub nonzero: u64,
    /// Synaptic operations if neither an activation nor a weight were zero: `synapses` in each step.
    pub dense: u64,
    /// Accumulates: weights that are not zero times activations that are not zero, of steps in which all activations of
    /// a sample are -1, 0 or 1.
    pub acs: u64,
    /// Multiply-accumulates: the same of all other steps.
    pub macs: u64,
    /// Accumulates of an engine that computes once for a presentation what stays the same in all steps.
    pub acs_hoisted: u64,
    /// Multiply-accumulates of such an engine.
    pub macs_hoisted: u64,
}

/// Counts of a population, summed over samples and steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Population {
    /// Its name.
    pub name: String,
    /// Its neuron model.
    pub model: &'static str,
    /// Number of neurons.
    pub neurons: u64,
    /// State variables of a neuron.
    pub states: u64,
    /// Whether it hands on spikes, not its membrane.
    pub spiking: bool,
    /// Outputs: neurons times steps.
    pub activations: u64,
    /// Those that are not zero: for spiking populations its spikes.
    pub nonzero: u64,
    /// Membranes that a step changed, all of the first step of a presentation included.
    pub updates: u64,
    /// Operations of the model in a step of a neuron.
    pub operations: Operations,
}

impl Population {
    /// Its spikes; none of a population that hands on its membrane.
    pub fn spikes(&self) -> u64 {
        if self.spiking { self.nonzero } else { 0 }
    }
}

/// Bytes in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Footprint {
    /// Trained numbers.
    pub parameters: u64,
    /// Running statistics of batch norm.
    pub buffers: u64,
    /// Constants of a step of the neurons, one set for a population that shares them.
    pub constants: u64,
    /// State variables of all neurons, for one sample; spikes under way in a delay are left out.
    pub state: u64,
}

/// Counts of a network on some samples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Samples that were presented.
    pub samples: u64,
    /// Steps, summed over samples.
    pub steps: u64,
    /// Inputs of the network.
    pub inputs: u64,
    /// Spikes that went in.
    pub input_spikes: u64,
    /// One for each node with weights.
    pub projections: Vec<Projection>,
    /// One for each population.
    pub populations: Vec<Population>,
    /// Bytes in memory, the same for any number of samples.
    pub footprint: Footprint,
}

/// What a sample costs on average.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Totals {
    /// Steps.
    pub steps: f64,
    /// Activations that are not zero, over all projections' inputs.
    pub input_activations: f64,
    /// Synaptic operations if nothing were zero.
    pub dense: f64,
    /// Effective accumulates.
    pub effective_acs: f64,
    /// Effective multiply-accumulates.
    pub effective_macs: f64,
    /// Effective accumulates, what stays the same computed once.
    pub acs_hoisted: f64,
    /// Effective multiply-accumulates, what stays the same computed once.
    pub macs_hoisted: f64,
    /// Spikes of all populations.
    pub spikes: f64,
    /// Spikes that went in.
    pub input_spikes: f64,
    /// Membranes that a step changed.
    pub membrane_updates: f64,
    /// Operations of neurons whose membrane changed.
    pub neuron_operations: f64,
    /// Operations of neurons if all were updated in all steps.
    pub neuron_operations_dense: f64,
    /// Share of zeros in the outputs of the populations that spike.
    pub activation_sparsity: f64,
    /// Share of zeros in the weights.
    pub connection_sparsity: f64,
    /// Bytes of parameters and buffers.
    pub footprint: u64,
}

impl Cost {
    /// Adds the counts of other samples on the same network.
    ///
    /// # Errors
    /// Counts of another network.
    pub fn add(&mut self, other: &Self) -> Result<()> {
        let same = self.projections.len() == other.projections.len()
            && self.populations.len() == other.populations.len()
            && self.footprint == other.footprint
            && self.projections.iter().zip(&other.projections).all(alike);
        if !same {
            return Err(Error::invalid(
                "counts",
                "the cost of samples",
                "those of the same network and kind of input",
                "those of another",
            ));
        }
        self.samples += other.samples;
        self.steps += other.steps;
        self.input_spikes += other.input_spikes;
        for (a, b) in self.projections.iter_mut().zip(&other.projections) {
            a.activations += b.activations;
            a.nonzero += b.nonzero;
            a.dense += b.dense;
            a.acs += b.acs;
            a.macs += b.macs;
            a.acs_hoisted += b.acs_hoisted;
            a.macs_hoisted += b.macs_hoisted;
        }
        for (a, b) in self.populations.iter_mut().zip(&other.populations) {
            a.activations += b.activations;
            a.nonzero += b.nonzero;
            a.updates += b.updates;
        }
        Ok(())
    }

    /// What a sample costs on average.
    pub fn totals(&self) -> Totals {
        let each = |sum: u64| ratio(sum, self.samples);
        let over = |f: fn(&Projection) -> u64| self.projections.iter().map(f).sum::<u64>();
        let cells = |f: fn(&Population) -> u64| self.populations.iter().map(f).sum::<u64>();
        let outputs = cells(|p| if p.spiking { p.activations } else { 0 });
        let spikes = cells(Population::spikes);
        Totals {
            steps: each(self.steps),
            input_activations: each(over(|p| p.nonzero)),
            dense: each(over(|p| p.dense)),
            effective_acs: each(over(|p| p.acs)),
            effective_macs: each(over(|p| p.macs)),
            acs_hoisted: each(over(|p| p.acs_hoisted)),
            macs_hoisted: each(over(|p| p.macs_hoisted)),
            spikes: each(spikes),
            input_spikes: each(self.input_spikes),
            membrane_updates: each(cells(|p| p.updates)),
            neuron_operations: each(cells(|p| p.updates * p.operations.count())),
            neuron_operations_dense: each(cells(|p| p.activations * p.operations.count())),
            activation_sparsity: ratio(outputs - spikes, outputs),
            connection_sparsity: ratio(over(|p| p.zero_weights), over(|p| p.weights)),
            footprint: self.footprint.parameters + self.footprint.buffers,
        }
    }

    /// Multiply-accumulates of an ANN of the same shape, for a sample: all synapses, once; in each step if the network
    /// has loops, which an ANN would have too.
    pub fn ann_macs(&self) -> f64 {
        self.ann_passes() * self.synapses() as f64
    }

    /// How often the ANN of the same shape runs for a sample: once, or in each step if the network has loops.
    pub fn ann_passes(&self) -> f64 {
        if self.projections.iter().any(|p| p.recurrent) {
            ratio(self.steps, self.samples)
        } else {
            1.0
        }
    }

    /// Synapses of all projections.
    pub fn synapses(&self) -> u64 {
        self.projections.iter().map(|p| p.synapses).sum()
    }
}

fn alike((a, b): (&Projection, &Projection)) -> bool {
    a.name == b.name && a.signal == b.signal && a.synapses == b.synapses
}

/// `a / b`; 0 of nothing.
fn ratio(a: u64, b: u64) -> f64 {
    if b == 0 { 0.0 } else { a as f64 / b as f64 }
}
