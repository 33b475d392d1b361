//! What rules that learn online have in common: populations as linear maps from step to step, and samples of a batch in groups.

mod cells;
mod linear;

pub(super) use cells::{Cells, Way, populations};
pub(super) use linear::{Filter, port, span};

use super::{BatchReport, Objective, Targets};
use crate::network::{Network, Node};
use crate::neuron::Lanes;
use crate::sim::Totals;
use crate::sim::clock::Input;
use crate::{Error, Result};
use linear::alike;
use rayon::prelude::*;
use std::ops::Range;

/// Steps that run forward before their traces do: what is held of them does not grow with the length of a sample.
pub(super) const CHUNK: usize = 32;

/// A node that such a rule cannot work with.
pub(super) fn refuse<R: Lanes>(node: &Node<R>, expected: &str, got: impl ToString) -> Error {
    let place = format!("node '{}' under a rule that learns online", node.name);
    Error::invalid("node", place, expected, got)
}

/// Refuses what no such rule can make small, and a batch that does not fit the network.
pub(super) fn check<R: Lanes>(
    net: &Network<R>,
    input: &Input<R>,
    targets: &Targets<'_>,
    objective: &Objective,
) -> Result<()> {
    input.check(net)?;
    objective.loss.check(net, input.extent(), targets)?;
    let place = "training online";
    if !objective.loss.by_steps() {
        let expected = "step_cross_entropy, last_cross_entropy or squared_error";
        let got = format!("{:?}", objective.loss);
        return Err(Error::invalid("loss", place, expected, got));
    }
    if let Some(truncate) = objective.truncate {
        let expected = "none: no error goes back in time";
        return Err(Error::invalid("truncate", place, expected, truncate));
    }
    Ok(())
}

/// Memory for one sample at a time, as a rule wants it.
pub(super) trait Sample<R, J>: Default + Send + Sync {
    /// Runs sample `b`, and adds its gradients.
    ///
    /// # Errors
    /// The node of a membrane that is not finite.
    fn run(
        &mut self,
        job: &J,
        b: usize,
        into: &mut Totals<R>,
    ) -> std::result::Result<BatchReport, usize>;
}

/// Some samples of a batch, with gradients of their own.
#[derive(Debug)]
pub(super) struct Group<R, S> {
    pub sample: S,
    pub totals: Totals<R>,
    report: BatchReport,
    bad: Option<usize>,
}

/// Runs a batch; the first group is left with its gradients.
///
/// How the batch is cut depends on its size alone, so that the bits do not depend on threads.
///
/// # Errors
/// A membrane that is not finite.
pub(super) fn run<R: Lanes, J: Sync, S: Sample<R, J>>(
    groups: &mut Vec<Group<R, S>>,
    net: &Network<R>,
    job: &J,
    batch: usize,
) -> Result<BatchReport> {
    let count = (batch / 2).clamp(2, 16).min(batch);
    begin(groups, net, count);
    let each = groups.par_iter_mut().enumerate();
    each.for_each(|(g, group)| group.run(job, share(batch, count, g)));
    if let Some(node) = groups.iter().find_map(|g| g.bad) {
        return Err(net.diverged(node));
    }
    reduce(groups);
    let mut report = BatchReport::default();
    groups.iter().for_each(|g| report.add(g.report));
    Ok(report)
}

fn begin<R: Lanes, S: Default>(groups: &mut Vec<Group<R, S>>, net: &Network<R>, count: usize) {
    let lengths = |g: &Group<R, S>| {
        let all = g.totals.gradients.iter();
        all.map(|g| g.len())
            .eq(net.params.iter().map(|p| p.data.len()))
    };
    if groups.len() != count || !groups.iter().all(lengths) {
        let new = |_| Group {
            sample: S::default(),
            totals: Totals::zero(net),
            report: BatchReport::default(),
            bad: None,
        };
        *groups = (0..count).map(new).collect();
    }
    for g in groups {
        g.totals.clear();
        g.report = BatchReport::default();
        g.bad = None;
    }
}

/// Adds up the groups, in order, into the first.
fn reduce<R: Lanes, S: Send + Sync>(groups: &mut [Group<R, S>]) {
    let Some((first, others)) = groups.split_first_mut() else {
        return;
    };
    const PIECE: usize = 1 << 13;
    for (k, sum) in first.totals.gradients.iter_mut().enumerate() {
        sum.par_chunks_mut(PIECE).enumerate().for_each(|(n, sum)| {
            for other in others.iter() {
                let other = &other.totals.gradients[k][n * PIECE..][..sum.len()];
                sum.iter_mut().zip(other).for_each(|(s, &o)| *s += o);
            }
        });
    }
}

impl<R: Lanes, S> Group<R, S> {
    fn run<J>(&mut self, job: &J, samples: Range<usize>)
    where
        S: Sample<R, J>,
    {
        for b in samples {
            match self.sample.run(job, b, &mut self.totals) {
                Ok(report) => self.report.add(report),
                Err(node) => {
                    self.bad = Some(node);
                    return;
                }
            }
        }
    }
}

/// Samples of each of `groups`.
pub(super) fn share(samples: usize, groups: usize, g: usize) -> Range<usize> {
    g * samples / groups..(g + 1) * samples / groups
}
