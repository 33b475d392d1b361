//! Training runs: batches in random order, epoch after epoch, from wherever the run stands.

use super::{
    BatchReport, Objective, Optimizer, OptimizerSpec, Targets, Workspace, decolle, eprop, eventprop,
};
use crate::network::Network;
use crate::neuron::Lanes;
use crate::num::Aligned;
use crate::rng::{Purpose, Rng};
use crate::sim::clock::Input;
use crate::sim::event::Times;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// How gradients are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Backpropagation through the steps of a clock, with surrogate derivatives of spikes.
    #[default]
    Bptt,
    /// Exact derivatives by spike times, without a clock: see [`eventprop`].
    Eventprop,
    /// Eligibility traces times learning signals, online (`bellec2020`): see [`eprop`].
    Eprop,
    /// Online training through time (`xiao2022`): see [`eprop`].
    Ottt,
    /// Layers that learn by readouts of their own, online (`kaiser2020`): see [`decolle`].
    Decolle,
    /// Backpropagation through the layers of each step alone (`meng2023`): [`Rule::Bptt`] cut after every step.
    Sltt,
}

/// A batch as it reaches a network: by the steps of a clock, or by times.
#[derive(Clone, Debug)]
pub enum Batch<R> {
    /// For all rules but [`Rule::Eventprop`].
    Steps(Input<R>),
    /// For [`Rule::Eventprop`].
    Times(Times),
}

impl<R> From<Input<R>> for Batch<R> {
    fn from(input: Input<R>) -> Self {
        Self::Steps(input)
    }
}

impl<R> From<Times> for Batch<R> {
    fn from(times: Times) -> Self {
        Self::Times(times)
    }
}

/// How a network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitSpec {
    /// Passes over the training set.
    pub epochs: usize,
    /// Samples of one step of the optimiser.
    pub batch: usize,
    /// How gradients are found.
    #[serde(default)]
    pub rule: Rule,
    /// Under [`Rule::Eventprop`]: what is added to all weights into a neuron that stays silent for a whole batch, for it has no
    /// gradient; it follows the schedule of the learning rate.
    #[serde(default)]
    pub wake: f64,
    /// The options of [`Rule::Eprop`].
    #[serde(default)]
    pub eprop: eprop::Options,
    /// The readouts of layers under [`Rule::Decolle`].
    #[serde(default)]
    pub decolle: decolle::Local,
    /// What is minimised.
    pub objective: Objective,
    /// How.
    #[serde(default)]
    pub optimizer: OptimizerSpec,
}

/// A network in training.
///
/// Everything that the next step depends on is here and in the number of steps taken, so that a run which goes on
/// from a checkpoint is the run that was never stopped.
pub struct Fit<R: Lanes> {
    /// The network.
    pub net: Network<R>,
    /// The optimiser.
    pub optimizer: Optimizer<R>,
    /// What is done.
    pub spec: FitSpec,
    /// Sum over the batches of the epoch under way.
    pub sum: BatchReport,
    workspace: Workspace<R>,
    exact: eventprop::Workspace<R>,
    online: eprop::Workspace<R>,
    layers: decolle::Workspace<R>,
}

impl<R: Lanes> Fit<R> {
    /// Ready for the first step.
    ///
    /// # Errors
    /// A batch without samples; those of [`Optimizer::new`].
    pub fn new(mut net: Network<R>, spec: FitSpec) -> Result<Self> {
        if spec.batch == 0 {
            return Err(Error::invalid(
                "batch",
                "training",
                "at least one sample",
                0,
            ));
        }
        if spec.rule == Rule::Eprop && !spec.eprop.autapses {
            eprop::without_autapses(&mut net);
        }
        Ok(Self {
            optimizer: Optimizer::new(spec.optimizer, &net)?,
            net,
            spec,
            sum: BatchReport::default(),
            workspace: Workspace::new(),
            exact: eventprop::Workspace::new(),
            online: eprop::Workspace::new(),
            layers: decolle::Workspace::new(),
        })
    }

    /// Number of batches of an epoch over that many samples.
    pub fn batches(&self, samples: usize) -> usize {
        samples.div_ceil(self.spec.batch)
    }

    /// Epochs finished.
    pub fn epochs(&self, samples: usize) -> usize {
        self.optimizer.steps() as usize / self.batches(samples).max(1)
    }

    /// One step on a batch, as one of `total`.
    ///
    /// # Errors
    /// Those of [`Workspace::run`], [`eprop::Workspace::run`] or [`decolle::Workspace::run`]; a loss that is not finite. The parameters are then as before.
    pub fn step<'a>(
        &mut self,
        input: &Input<R>,
        targets: impl Into<Targets<'a>>,
        total: usize,
    ) -> Result<BatchReport> {
        self.refuse(false)?;
        let done = self.optimizer.steps();
        let epochs = self.spec.epochs.max(1);
        let epoch = done as usize / (total / epochs).max(1);
        self.net.progress = epoch as f64 / epochs as f64;
        let (net, mut objective) = (&self.net, self.spec.objective);
        let rule = match self.spec.rule {
            Rule::Eprop => Some(eprop::Rule::Eprop(&self.spec.eprop, done)),
            Rule::Ottt => Some(eprop::Rule::Ottt),
            _ => None,
        };
        if let Some(rule) = rule {
            let report = self.online.run(net, input, targets, &objective, rule)?;
            let gradients = self.online.gradients();
            follow(&mut self.optimizer, &mut self.net, gradients, report, total)?;
            return Ok(report);
        }
        if self.spec.rule == Rule::Decolle {
            let local = &self.spec.decolle;
            let report = self
                .layers
                .run(net, input, targets, &objective, local, done)?;
            let gradients = self.layers.gradients();
            follow(&mut self.optimizer, &mut self.net, gradients, report, total)?;
            return Ok(report);
        }
        if self.spec.rule == Rule::Sltt {
            objective.truncate = Some(1);
        }
        let report = self.workspace.run(net, input, targets, &objective, done)?;
        let gradients = self.workspace.gradients();
        follow(&mut self.optimizer, &mut self.net, gradients, report, total)?;
        self.workspace.update_statistics(&mut self.net);
        Ok(report)
    }

    /// As [`Fit::step`], on spike times under [`Rule::Eventprop`].
    ///
    /// # Errors
    /// Those of [`eventprop::Workspace::run`]; a loss that is not finite. The parameters are then as before.
    pub fn step_times<'a>(
        &mut self,
        input: &Times,
        targets: impl Into<Targets<'a>>,
        total: usize,
    ) -> Result<BatchReport> {
        self.refuse(true)?;
        let report = self
            .exact
            .run(&self.net, input, targets, &self.spec.objective)?;
        let gradients = self.exact.gradients();
        follow(&mut self.optimizer, &mut self.net, gradients, report, total)?;
        if self.spec.wake != 0.0 {
            let done = self.optimizer.steps() as usize - 1;
            let factor = self.spec.optimizer.schedule.factor(done, total);
            self.exact.wake(&mut self.net, self.spec.wake * factor)?;
        }
        Ok(report)
    }

    /// A batch of the wrong kind: by times, or by steps.
    fn refuse(&self, times: bool) -> Result<()> {
        let expected = match (self.spec.rule == Rule::Eventprop, times) {
            (true, false) => "spike times",
            (false, true) => "steps of a clock",
            _ => return Ok(()),
        };
        Err(Error::invalid("batch", "training", expected, "the other"))
    }

    /// Runs the epoch under way to its end: `batch` gives the samples of that number under that epoch's number, and
    /// `after` is called after each step. An error of `after` stops the epoch between two steps: it may be saved there, and
    /// goes on when it is called again.
    ///
    /// # Errors
    /// Those of [`Fit::step`] and of the two functions.
    pub fn epoch<E: From<Error>, B: Into<Batch<R>>>(
        &mut self,
        samples: usize,
        mut batch: impl FnMut(&[usize], u64) -> Result<(B, Targets<'static>)>,
        mut after: impl FnMut(&Self) -> std::result::Result<(), E>,
    ) -> std::result::Result<BatchReport, E> {
        if samples == 0 {
            return Err(Error::invalid("samples", "training", "at least one", 0).into());
        }
        let (batches, epoch) = (self.batches(samples), self.epochs(samples));
        let mut order: Vec<usize> = (0..samples).collect();
        Rng::new(self.net.seed, 0, Purpose::Shuffle, epoch as u64).shuffle(&mut order);
        let done = self.optimizer.steps() as usize % batches;
        for chunk in order.chunks(self.spec.batch).skip(done) {
            let (input, targets) = batch(chunk, epoch as u64)?;
            let total = batches * self.spec.epochs;
            let report = match input.into() {
                Batch::Steps(input) => self.step(&input, targets, total)?,
                Batch::Times(times) => self.step_times(&times, targets, total)?,
            };
            self.sum.add(report);
            after(self)?;
        }
        Ok(std::mem::take(&mut self.sum))
    }
}

/// One step down the gradients of a batch.
fn follow<R: Lanes>(
    optimizer: &mut Optimizer<R>,
    net: &mut Network<R>,
    gradients: &[Aligned<R>],
    report: BatchReport,
    total: usize,
) -> Result<()> {
    let done = optimizer.steps();
    if !report.loss.is_finite() {
        let place = format!("step {} of training", done + 1);
        return Err(Error::invalid(
            "loss",
            place,
            "a finite number",
            report.loss,
        ));
    }
    let factor = optimizer.spec.schedule.factor(done as usize, total);
    optimizer.step(net, gradients, factor);
    Ok(())
}
