//! Training runs: batches in random order, epoch after epoch, from wherever the run stands.

use super::{BatchReport, Objective, Optimizer, OptimizerSpec, Targets, Workspace};
use crate::network::Network;
use crate::neuron::Lanes;
use crate::rng::{Purpose, Rng};
use crate::sim::clock::Input;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// How a network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitSpec {
    /// Passes over the training set.
    pub epochs: usize,
    /// Samples of one step of the optimiser.
    pub batch: usize,
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
}

impl<R: Lanes> Fit<R> {
    /// Ready for the first step.
    ///
    /// # Errors
    /// A batch without samples; those of [`Optimizer::new`].
    pub fn new(net: Network<R>, spec: FitSpec) -> Result<Self> {
        if spec.batch == 0 {
            return Err(Error::invalid(
                "batch",
                "training",
                "at least one sample",
                0,
            ));
        }
        Ok(Self {
            optimizer: Optimizer::new(spec.optimizer, &net)?,
            net,
            spec,
            sum: BatchReport::default(),
            workspace: Workspace::new(),
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
    /// Those of [`Workspace::run`]; a loss that is not finite. The parameters are then as before.
    pub fn step<'a>(
        &mut self,
        input: &Input<R>,
        targets: impl Into<Targets<'a>>,
        total: usize,
    ) -> Result<BatchReport> {
        let done = self.optimizer.steps();
        let report = self
            .workspace
            .run(&self.net, input, targets, &self.spec.objective, done)?;
        if !report.loss.is_finite() {
            let place = format!("step {} of training", done + 1);
            return Err(Error::invalid(
                "loss",
                place,
                "a finite number",
                report.loss,
            ));
        }
        let factor = self.spec.optimizer.schedule.factor(done as usize, total);
        self.optimizer
            .step(&mut self.net, self.workspace.gradients(), factor);
        self.workspace.update_statistics(&mut self.net);
        Ok(report)
    }

    /// Runs the epoch under way to its end: `batch` gives the samples of that number under that epoch's number, and
    /// `after` is called after each step. An error of `after` stops the epoch between two steps: it may be saved there, and
    /// goes on when it is called again.
    ///
    /// # Errors
    /// Those of [`Fit::step`] and of the two functions.
    pub fn epoch<E: From<Error>>(
        &mut self,
        samples: usize,
        mut batch: impl FnMut(&[usize], u64) -> Result<(Input<R>, Targets<'static>)>,
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
            let report = self.step(&input, targets, batches * self.spec.epochs)?;
            self.sum.add(report);
            after(self)?;
        }
        Ok(std::mem::take(&mut self.sum))
    }
}
