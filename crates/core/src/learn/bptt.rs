//! Backpropagation through time over a batch: blocks in groups, each group with gradients of its own, added up in order.
//!
//! How a batch is cut depends on sizes alone and never on the number of threads, so that the bits do not either.

use super::{Loss, Rates, Targets};
use crate::kernel::padded;
use crate::network::{Network, Op};
use crate::neuron::{Lanes, Output};
use crate::num::Aligned;
use crate::sim::clock::{Input, operations};
use crate::sim::{Block, Pass, Totals};
use crate::synapse::Moments;
use crate::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What training makes small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// The loss on the readout.
    pub loss: Loss,
    /// The price of firing too little or too much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rates: Option<Rates>,
    /// Steps after which backpropagation is cut; none for all steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncate: Option<usize>,
}

impl From<Loss> for Objective {
    fn from(loss: Loss) -> Self {
        Self {
            loss,
            ..Self::default()
        }
    }
}

/// What a batch gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BatchReport {
    /// Mean loss of a sample, the regularisers included.
    pub loss: f64,
    /// Number of samples classified rightly.
    pub correct: usize,
    /// Number of samples.
    pub samples: usize,
    /// Spikes of all populations.
    pub spikes: usize,
    /// Weights added because a spike arrived.
    pub synops: usize,
}

impl BatchReport {
    /// Takes in another batch.
    pub fn add(&mut self, other: Self) {
        let samples = self.samples + other.samples;
        let total = self.loss * self.samples as f64 + other.loss * other.samples as f64;
        self.loss = total / samples.max(1) as f64;
        self.correct += other.correct;
        self.samples = samples;
        self.spikes += other.spikes;
        self.synops += other.synops;
    }
}

/// Memory that one step of training hands to the next, and the gradients.
#[derive(Debug, Default)]
pub struct Workspace<R> {
    groups: Vec<Group<R>>,
    plan: Option<Plan>,
    /// Moments of the last batch, by node, for the running statistics.
    moments: Vec<[Vec<f64>; 2]>,
}

#[derive(Debug)]
struct Group<R> {
    /// One that all ranges share, or one for each where blocks wait for each other.
    blocks: Vec<Block<R>>,
    ranges: Vec<Range<usize>>,
    totals: Totals<R>,
    report: BatchReport,
    bad: Option<usize>,
}

/// How a batch is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    samples: usize,
    steps: usize,
    block: usize,
    groups: usize,
}

/// Bytes of tape that a block may hold: what stays in a second-level cache of a megabyte beside a panel of weights.
const TAPE: usize = 1 << 20;

impl Plan {
    fn new<R: Lanes>(net: &Network<R>, samples: usize, steps: usize) -> Self {
        let neurons: usize = net.populations().map(|(_, p)| padded(p.n) * p.states).sum();
        let weights: usize = net.params.iter().map(|p| p.data.len()).sum();
        // A group's gradients are cleared and added up once a batch: that must stay small beside the batch itself.
        let worth = samples * steps * neurons / (8 * weights.max(1));
        let groups = worth.clamp(2, 16).min(samples);
        let looped = net.nodes.iter().any(|n| n.looped);
        let fits = TAPE / (steps * neurons * size_of::<R>()).max(1);
        let block = fits.clamp(if looped { 8 } else { 1 }, 16);
        Self {
            samples,
            steps,
            block: block.min(samples.div_ceil(groups)),
            groups,
        }
    }

    /// The samples of each group, cut into blocks.
    fn ranges(self) -> Vec<Vec<Range<usize>>> {
        let edge = |g: usize| g * self.samples / self.groups;
        (0..self.groups)
            .map(|g| {
                let end = edge(g + 1);
                let starts = (edge(g)..end).step_by(self.block);
                starts.map(|a| a..(a + self.block).min(end)).collect()
            })
            .collect()
    }
}

impl<R: Lanes> Workspace<R> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            groups: Vec::new(),
            plan: None,
            moments: Vec::new(),
        }
    }

    /// The gradients of the last batch, in the order of [`Network::params`] and standing as they do.
    pub fn gradients(&self) -> &[Aligned<R>] {
        self.groups.first().map_or(&[], |g| &g.totals.gradients[..])
    }

    /// Loss and gradients of a batch by backpropagation through time; `step` is a key of dropout.
    ///
    /// # Errors
    /// Those of [`Input`], [`Loss::check`] and [`Objective`]; a readout that is not finite.
    pub fn run<'a>(
        &mut self,
        net: &Network<R>,
        input: &Input<R>,
        targets: impl Into<Targets<'a>>,
        objective: &Objective,
        step: u64,
    ) -> Result<BatchReport> {
        let (samples, steps) = input.extent();
        input.check(net)?;
        net.check_trained_delays()?;
        objective.loss.clocked()?;
        let targets = targets.into();
        objective.loss.check(net, (samples, steps), &targets)?;
        if objective.truncate == Some(0) {
            return Err(Error::invalid(
                "truncate",
                "the objective",
                "at least one step",
                0,
            ));
        }
        let mut pass = Pass::new(net, true);
        pass.step = step;
        pass.stretch = objective.truncate.unwrap_or(usize::MAX);
        pass.transpose();
        self.begin(net, Plan::new(net, samples, steps));
        let job = Job {
            input,
            targets,
            objective,
            samples,
        };
        if !net.norms.is_empty() {
            self.in_step(&mut pass, &job);
        } else {
            self.groups.par_iter_mut().for_each(|g| g.run(&pass, &job));
        }
        if let Some(node) = self.groups.iter().find_map(|g| g.bad) {
            return Err(net.diverged(node));
        }
        self.reduce(net);
        self.moments = std::mem::take(&mut pass.moments);
        self.norm_gradients(net, &pass.sums);
        let mut report = BatchReport::default();
        self.groups.iter().for_each(|g| report.add(g.report));
        Ok(report)
    }

    fn begin(&mut self, net: &Network<R>, plan: Plan) {
        if self.plan == Some(plan)
            && self.groups[0].totals.gradients.len() == net.params.len()
            && self.groups[0].blocks[0].slots.len() == net.nodes.len()
        {
            for g in &mut self.groups {
                g.totals.clear();
                g.report = BatchReport::default();
            }
            return;
        }
        let waits = !net.norms.is_empty();
        let group = |ranges: Vec<Range<usize>>| Group {
            blocks: ranges[..if waits { ranges.len() } else { 1 }]
                .iter()
                .map(|r| Block::new(net, r.clone()))
                .collect(),
            ranges,
            totals: Totals::zero(net),
            report: BatchReport::default(),
            bad: None,
        };
        self.groups = plan.ranges().into_iter().map(group).collect();
        self.plan = Some(plan);
    }

    /// All blocks stage by stage, because batch norm needs sums over them.
    fn in_step(&mut self, pass: &mut Pass<'_, R>, job: &Job<'_, R>) {
        let net = pass.net;
        let groups = &mut self.groups;
        for_each(groups, |b, _| b.begin(pass, job.input, true));
        for stage in &net.stages {
            let i = stage.nodes[0];
            if let Op::Norm(n) = &net.nodes[i].op {
                let sums = sum(groups, |b| b.measure(pass, i, n));
                pass.moments[i] = n.moments(&sums);
            }
            for_each(groups, |b, _| b.forward(pass, std::slice::from_ref(stage)));
        }
        groups.par_iter_mut().for_each(|g| {
            let mut blocks = std::mem::take(&mut g.blocks);
            blocks.iter_mut().for_each(|b| g.lose(pass, job, b));
            g.blocks = blocks;
        });
        for stage in net.stages.iter().rev() {
            let i = stage.nodes[0];
            if let Op::Norm(n) = &net.nodes[i].op {
                pass.sums[i] = sum(groups, |b| b.measure_error(pass, i, n));
            }
            for_each(groups, |b, totals| {
                b.backward(pass, std::slice::from_ref(stage), totals)
            });
        }
    }

    /// Adds up the groups, in order, into the first.
    fn reduce(&mut self, net: &Network<R>) {
        let Some((first, others)) = self.groups.split_first_mut() else {
            return;
        };
        let Totals {
            gradients,
            constants,
        } = &mut first.totals;
        let pieces = |sum: &mut Aligned<R>, others: &[&Aligned<R>]| {
            const PIECE: usize = 1 << 13;
            sum.par_chunks_mut(PIECE).enumerate().for_each(|(k, sum)| {
                for other in others {
                    let other = &other[k * PIECE..][..sum.len()];
                    sum.iter_mut().zip(other).for_each(|(s, &o)| *s += o);
                }
            });
        };
        for (k, sum) in gradients.iter_mut().enumerate() {
            let parts: Vec<&Aligned<R>> = others.iter().map(|g| &g.totals.gradients[k]).collect();
            pieces(sum, &parts);
        }
        for (k, sum) in constants.iter_mut().enumerate() {
            let parts: Vec<&Aligned<R>> = others.iter().map(|g| &g.totals.constants[k]).collect();
            pieces(sum, &parts);
        }
        for (i, p) in net.populations().filter(|(_, p)| p.trained) {
            p.chain(&net.params, &constants[i], gradients);
        }
    }

    fn norm_gradients(&mut self, net: &Network<R>, sums: &[Moments]) {
        let Some(first) = self.groups.first_mut() else {
            return;
        };
        for (i, node) in net.nodes.iter().enumerate() {
            if let Op::Norm(n) = &node.op {
                for (k, from) in [(n.shift, &sums[i].first), (n.scale, &sums[i].second)] {
                    let g = first.totals.gradients[k].iter_mut().zip(from);
                    g.for_each(|(g, &s)| *g += R::of(s));
                }
            }
        }
    }

    /// Moves the running statistics of batch norm towards those of the last batch.
    pub fn update_statistics(&self, net: &mut Network<R>) {
        for i in 0..net.nodes.len() {
            let Op::Norm(n) = &net.nodes[i].op else {
                continue;
            };
            let [mean, variance] = &self.moments[i];
            for (k, new) in [(n.mean, mean), (n.variance, variance)] {
                for (old, &new) in net.buffers[k].data.iter_mut().zip(new) {
                    *old += R::of(n.momentum) * (R::of(new) - *old);
                }
            }
        }
    }
}

/// What blocks of a batch have in common.
struct Job<'a, R> {
    input: &'a Input<R>,
    targets: Targets<'a>,
    objective: &'a Objective,
    samples: usize,
}

fn for_each<R: Lanes>(groups: &mut [Group<R>], f: impl Fn(&mut Block<R>, &mut Totals<R>) + Sync) {
    groups.par_iter_mut().for_each(|g| {
        g.blocks.iter_mut().for_each(|b| f(b, &mut g.totals));
    });
}

/// Sums over all blocks, in order.
fn sum<R: Lanes>(groups: &mut [Group<R>], f: impl Fn(&mut Block<R>) -> Moments + Sync) -> Moments {
    let parts: Vec<Vec<Moments>> = groups
        .par_iter_mut()
        .map(|g| g.blocks.iter_mut().map(&f).collect())
        .collect();
    let mut total = Moments::default();
    parts.iter().flatten().for_each(|m| total.add(m));
    total
}

impl<R: Lanes> Group<R> {
    /// Forward, loss and backward, block after block.
    fn run(&mut self, pass: &Pass<'_, R>, job: &Job<'_, R>) {
        let mut block = self.blocks.swap_remove(0);
        for range in self.ranges.clone() {
            block.turn_to(range);
            block.begin(pass, job.input, true);
            block.advance(pass);
            self.lose(pass, job, &mut block);
            block.backward(pass, &pass.net.stages, &mut self.totals);
        }
        self.blocks.push(block);
    }

    /// The loss of a block that has run, its error left in it.
    fn lose(&mut self, pass: &Pass<'_, R>, job: &Job<'_, R>, block: &mut Block<R>) {
        let net = pass.net;
        if let Some(node) = block.not_finite() {
            self.bad.get_or_insert(node);
        }
        block.begin_errors(pass);
        self.report.add(judge(net, job, block));
    }
}

/// Loss and counts of a block; errors are left in it.
fn judge<R: Lanes>(net: &Network<R>, job: &Job<'_, R>, block: &mut Block<R>) -> BatchReport {
    let (last, objective) = (net.nodes.len() - 1, job.objective);
    let targets = (&job.targets, block.range.start);
    let readout = &mut block.slots[last];
    let scale = (job.samples, net.spec.dt);
    let value = objective.loss.block(readout, net.outputs(), targets, scale);
    let mut loss = value.loss;
    if let Some(rates) = &objective.rates {
        for (i, p) in net.populations() {
            if p.output == Output::Spikes {
                loss += rates.block(&mut block.slots[i], p.n, job.samples);
            }
        }
    }
    let (spikes, synops) = operations(net, block);
    BatchReport {
        loss: loss / block.range.len() as f64,
        correct: value.correct,
        samples: block.range.len(),
        spikes,
        synops,
    }
}

/// Loss and gradients of a batch, each gradient in the order of its parameter's shape.
///
/// # Errors
/// As [`Workspace::run`].
pub fn gradients<'a, R: Lanes>(
    net: &Network<R>,
    input: &Input<R>,
    targets: impl Into<Targets<'a>>,
    objective: &Objective,
) -> Result<(Vec<Vec<R>>, BatchReport)> {
    let mut workspace = Workspace::new();
    let report = workspace.run(net, input, targets, objective, 0)?;
    let params = net.params.iter().zip(workspace.gradients());
    Ok((params.map(|(p, g)| p.values_of(g)).collect(), report))
}

/// Loss and accuracy of a batch, without gradients, dropout off and batch norm by its running statistics.
///
/// # Errors
/// As [`Workspace::run`].
pub fn evaluate<'a, R: Lanes>(
    net: &Network<R>,
    input: &Input<R>,
    targets: impl Into<Targets<'a>>,
    objective: &Objective,
) -> Result<BatchReport> {
    let (samples, steps) = input.extent();
    input.check(net)?;
    objective.loss.clocked()?;
    let targets = targets.into();
    objective.loss.check(net, (samples, steps), &targets)?;
    let pass = Pass::new(net, false);
    let job = Job {
        input,
        targets,
        objective,
        samples,
    };
    let ranges = Plan {
        groups: 1,
        ..Plan::new(net, samples, steps)
    };
    let reports: Vec<Result<BatchReport>> = ranges.ranges()[0]
        .par_iter()
        .map(|range| {
            let mut block = Block::new(net, range.clone());
            block.begin(&pass, input, true);
            block.advance(&pass);
            match block.not_finite() {
                Some(node) => Err(net.diverged(node)),
                None => Ok(judge(net, &job, &mut block)),
            }
        })
        .collect();
    let mut sum = BatchReport::default();
    for report in reports {
        sum.add(report?);
    }
    Ok(sum)
}
