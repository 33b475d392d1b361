//! Exact gradients by spike times: EventProp (`wunderlich2021`), with delays, loops and time constants (`meszaros2025`).
//!
//! A network runs without a clock. Its loss depends on spike times, which move smoothly with weights, delays and parameters as
//! long as no spike appears or vanishes; the adjoint of the dynamics, run back from event to event, gives that derivative
//! exactly. A tape holds one entry for each spike: its memory does not grow with time.
//!
//! Neurons whose model flows in closed form can be trained: `if`, `lif`, `cuba_if`, `cuba_lif`, `alif`, behind weights and in loops. Populations
//! of a loop run window by window, a window being the shortest time in which a spike comes back.
//!
//! # Deviations
//! A membrane that only grazes its threshold gives a time without a derivative: see `steepness` in `cells.rs`. A neuron lifted over
//! threshold by a jump fires at the time of the arrival, whatever the weight.

mod alone;
mod cells;
mod plan;
mod readout;
mod sample;
mod tape;
#[cfg(test)]
mod tests;
mod together;

use super::{BatchReport, Loss, Objective, Targets};
use crate::network::{Network, Op};
use crate::neuron::{Lanes, Output};
use crate::num::Aligned;
use crate::sim::event::Times;
use crate::{Error, Result};
use plan::Plan;
use rayon::prelude::*;
use sample::{Job, Sample, Sums};

/// Memory that one step of training hands to the next, and the gradients.
#[derive(Debug, Default)]
pub struct Workspace<R> {
    groups: Vec<Group>,
    gradients: Vec<Aligned<R>>,
}

/// Some samples of a batch, with gradients of their own.
#[derive(Clone, Debug, Default)]
struct Group {
    sample: Sample,
    sums: Sums,
    samples: usize,
}

/// Groups of samples, whose gradients are added up in order: by the size of the batch alone, so that the bits do not depend on
/// threads.
fn groups(samples: usize) -> usize {
    (samples / 8).clamp(2, 16).min(samples)
}

impl<R: Lanes> Workspace<R> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            groups: Vec::new(),
            gradients: Vec::new(),
        }
    }

    /// The gradients of the last batch, in the order of [`Network::params`] and standing as they do.
    pub fn gradients(&self) -> &[Aligned<R>] {
        &self.gradients
    }

    /// Loss and gradients of a batch.
    ///
    /// # Errors
    /// A node, a model, a convention or a loss that has no exact gradient without a clock; another number of inputs, labels that do
    /// not fit; a gradient that is not finite.
    pub fn run<'a>(
        &mut self,
        net: &Network<R>,
        input: &Times,
        targets: impl Into<Targets<'a>>,
        objective: &Objective,
    ) -> Result<BatchReport> {
        let targets = targets.into();
        let (job, labels) = job(net, input, &targets, objective)?;
        self.groups.resize_with(groups(job.batch), Group::default);
        let all = self.groups.len();
        let each = self.groups.par_iter_mut().enumerate();
        let done: Result<Vec<()>> = each
            .map(|(g, group)| {
                let range = g * job.batch / all..(g + 1) * job.batch / all;
                group.run(&job, input, labels, range)
            })
            .collect();
        done?;
        self.reduce(&job)?;
        let mut report = BatchReport::default();
        let parts = self.groups.iter().map(|g| g.sums.report(g.samples));
        parts.for_each(|part| report.add(part));
        Ok(report)
    }

    /// Adds `by` to all weights into the neurons that were silent in all samples of the last batch: they have no gradient.
    pub(super) fn wake(&self, net: &mut Network<R>, by: f64) -> Result<()> {
        let plan = Plan::new(net)?;
        for (p, population) in plan.populations.iter().enumerate().skip(1) {
            let fires = population.output == Output::Spikes;
            let silent = |j: &usize| self.groups.iter().all(|g| g.sums.fired[p][*j] == 0);
            for j in (0..population.n).filter(|j| fires && silent(j)) {
                for way in &population.ways {
                    for i in 0..way.inputs {
                        let place = plan::place(way.inputs, i as u32, j as u32);
                        net.params[way.weight].data[place] += R::of(by);
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds up the groups.
    fn reduce(&mut self, job: &Job<'_, R>) -> Result<()> {
        let net = job.net;
        self.gradients
            .resize_with(net.params.len(), Aligned::default);
        let groups = &self.groups;
        let share = 1.0 / job.batch as f64;
        self.gradients
            .par_iter_mut()
            .enumerate()
            .for_each(|(k, g)| {
                g.resize(net.params[k].data.len());
                g.par_chunks_mut(1 << 13)
                    .enumerate()
                    .for_each(|(c, chunk)| {
                        for (i, g) in chunk.iter_mut().enumerate() {
                            let sum: f64 = groups
                                .iter()
                                .map(|group| group.sums.params[k][(c << 13) + i])
                                .sum();
                            *g = R::of(sum * share);
                        }
                    });
            });
        for (p, population) in job.plan.populations.iter().enumerate() {
            if population.fixed {
                continue;
            }
            if let Op::Population(cells) = &net.nodes[population.node].op {
                let count = groups[0].sums.cells[p].len() / population.n;
                for j in 0..population.n {
                    let at = j * count..(j + 1) * count;
                    let by = |i: usize| {
                        groups
                            .iter()
                            .map(|g| g.sums.cells[p][at.clone()][i])
                            .sum::<f64>()
                            * share
                    };
                    let by: Vec<f64> = (0..count).map(by).collect();
                    cells.add_by_params(&net.params, j, &by, &mut self.gradients);
                }
            }
        }
        for (param, g) in net.params.iter().zip(&self.gradients) {
            if let Some(i) = g.iter().position(|v| !v.finite()) {
                let place = format!("parameter '{}', number {i} in memory", param.name);
                return Err(Error::invalid("gradient", place, "a finite number", g[i]));
            }
        }
        Ok(())
    }
}

impl Group {
    fn run<R: Lanes>(
        &mut self,
        job: &Job<'_, R>,
        input: &Times,
        labels: &[u32],
        range: std::ops::Range<usize>,
    ) -> Result<()> {
        self.sums.clear(job);
        self.samples = range.len();
        for b in range {
            self.sample.forward(job, input.sample(b), true)?;
            let verdict = self.sample.verdict(job, labels[b] as usize);
            self.sums.count(job, &self.sample, &verdict);
            self.sample
                .backward(job, &verdict, &mut self.sums, |_, _| {});
        }
        Ok(())
    }
}

impl Sums {
    /// Nothing yet; with room for gradients.
    fn clear<R: Lanes>(&mut self, job: &Job<'_, R>) {
        self.count_from_zero(job);
        let zero = |list: &mut Vec<f64>, n: usize| {
            list.clear();
            list.resize(n, 0.0);
        };
        self.params.resize_with(job.net.params.len(), Vec::new);
        for (g, p) in self.params.iter_mut().zip(&job.net.params) {
            zero(g, p.data.len());
        }
        self.cells.resize_with(job.plan.populations.len(), Vec::new);
        for (g, p) in self.cells.iter_mut().zip(&job.plan.populations) {
            zero(g, if p.fixed { 0 } else { p.n * p.parameters });
        }
    }

    fn count_from_zero<R: Lanes>(&mut self, job: &Job<'_, R>) {
        let silent = job.plan.populations.iter().map(|p| vec![0; p.n]);
        self.fired = silent.collect();
        (self.loss, self.correct, self.spikes, self.synops) = (0.0, 0, 0, 0);
    }

    /// Takes in what a sample gave.
    fn count<R: Lanes>(&mut self, job: &Job<'_, R>, sample: &Sample, verdict: &sample::Verdict) {
        self.loss += verdict.loss;
        self.correct += usize::from(verdict.correct);
        for (fired, train) in self.fired.iter_mut().zip(&sample.trains) {
            train.unit.iter().for_each(|&j| fired[j as usize] += 1);
        }
        self.spikes += sample.trains[1..].iter().map(|t| t.len()).sum::<usize>();
        for p in &job.plan.populations[1..] {
            let arrived: usize = p.ways.iter().map(|w| sample.trains[w.from].len()).sum();
            self.synops += arrived * p.n;
        }
    }

    fn report(&self, samples: usize) -> BatchReport {
        BatchReport {
            loss: self.loss / samples.max(1) as f64,
            correct: self.correct,
            samples,
            spikes: self.spikes,
            synops: self.synops,
        }
    }
}

/// Checks that everything fits.
fn job<'a, R: Lanes>(
    net: &'a Network<R>,
    input: &Times,
    targets: &'a Targets<'_>,
    objective: &Objective,
) -> Result<(Job<'a, R>, &'a [u32])> {
    let batch = input.samples();
    if input.width != net.inputs() || batch == 0 {
        let expected = format!("{} inputs, at least one sample", net.inputs());
        let got = format!("{} inputs, {batch} samples", input.width);
        return Err(Error::invalid("input", "the network", expected, got));
    }
    objective.loss.check(net, (batch, 1), targets)?;
    let Targets::Classes(labels) = targets else {
        return Err(Error::invalid("targets", "eventprop", "classes", "spikes"));
    };
    let fits = match objective.loss {
        Loss::SpikeTime { tau0, alpha, tau1 } => tau0 > 0.0 && tau1 > 0.0 && alpha >= 0.0,
        Loss::Integral { tau } => tau.is_none_or(|t| t > 0.0),
        Loss::MaxCrossEntropy => true,
        _ => {
            let expected = "spike_time, integral or max_cross_entropy";
            let got = format!("{:?}", objective.loss);
            return Err(Error::invalid("loss", "eventprop", expected, got));
        }
    };
    if !fits {
        let got = format!("{:?}", objective.loss);
        return Err(Error::invalid(
            "loss",
            "eventprop",
            "positive time constants",
            got,
        ));
    }
    if objective.truncate.is_some() {
        return Err(Error::invalid(
            "truncate",
            "eventprop",
            "none: there are no steps",
            "some",
        ));
    }
    let plan = Plan::new(net)?;
    let mut cells: Vec<Option<Box<dyn cells::Cells<R>>>> = vec![None];
    let (mut membranes, mut quiet) = (None, None);
    for p in &plan.populations[1..] {
        let Op::Population(population) = &net.nodes[p.node].op else {
            continue;
        };
        let name = population.model.spec().name;
        let table = population.table(&net.params);
        let at = |e| {
            Error::invalid(
                "population",
                format!("'{}'", net.nodes[p.node].name),
                "one for eventprop",
                e,
            )
        };
        if p.output == Output::Membrane {
            if population.trained || (name == "li" && objective.loss == Loss::MaxCrossEntropy) {
                let expected =
                    "parameters that are not trained, and cuba_li under max_cross_entropy";
                let place = format!("readout '{}' under eventprop", net.nodes[p.node].name);
                return Err(Error::invalid("readout", place, expected, name));
            }
            membranes = Some(readout::Membranes::new(name, &table, p.n, p.together).map_err(at)?);
            cells.push(None);
        } else {
            if matches!(name, "cuba_if" | "cuba_lif") && p.node + 1 == net.nodes.len() {
                let [leak, threshold] =
                    ["v_leak", "v_threshold"].map(|n| population.model.spec().param(n));
                let volts = |k: Option<usize>| k.map_or(0.0, |k| table[0][k]);
                let rise = (volts(threshold) - volts(leak))
                    .abs()
                    .max(f64::MIN_POSITIVE);
                quiet = Some((
                    readout::Membranes::new(name, &table, p.n, p.together).map_err(at)?,
                    rise,
                ));
            }
            let how = (population.reset, p.together);
            let group = cells::cells(name, &table, p.n, how, input.duration);
            cells.push(Some(group.map_err(at)?));
        }
    }
    let job = Job {
        net,
        plan,
        cells,
        membranes,
        quiet,
        loss: objective.loss,
        rates: objective.rates,
        batch,
        end: input.duration,
    };
    Ok((job, labels))
}

/// Loss and accuracy of a batch, without gradients.
///
/// # Errors
/// As [`Workspace::run`].
pub fn evaluate<'a, R: Lanes>(
    net: &Network<R>,
    input: &Times,
    targets: impl Into<Targets<'a>>,
    objective: &Objective,
) -> Result<BatchReport> {
    let targets = targets.into();
    let (job, labels) = job(net, input, &targets, objective)?;
    let one = |b: usize| -> Result<BatchReport> {
        let (mut sample, mut sums) = (Sample::default(), Sums::default());
        sums.count_from_zero(&job);
        sample.forward(&job, input.sample(b), false)?;
        let verdict = sample.verdict(&job, labels[b] as usize);
        sums.count(&job, &sample, &verdict);
        Ok(sums.report(1))
    };
    let reports: Result<Vec<BatchReport>> = (0..job.batch).into_par_iter().map(one).collect();
    let mut sum = BatchReport::default();
    reports?.into_iter().for_each(|r| sum.add(r));
    Ok(sum)
}
