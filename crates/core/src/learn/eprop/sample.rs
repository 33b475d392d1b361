//! One sample, online: a few steps forward, then their traces, then the next few.

use super::Means;
use super::plan::Plan;
use super::trace::{Form, Step, Traces};
use crate::kernel::{TILE, padded, tangent_rows};
use crate::learn::loss::decision;
use crate::learn::online::{self, CHUNK, Cells, port, span};
use crate::learn::{BatchReport, Objective, Scores, Targets};
use crate::network::Network;
use crate::neuron::Lanes;
use crate::num::{Aligned, Float};
use crate::sim::clock::{Input, operations};
use crate::sim::{Block, Pass, Totals};

/// What the samples of a batch have in common.
pub(super) struct Job<'a, R: Lanes> {
    pub pass: &'a Pass<'a, R>,
    pub plan: &'a Plan<'a, R>,
    pub input: &'a Input<R>,
    pub targets: &'a Targets<'a>,
    pub objective: &'a Objective,
    pub batch: usize,
    pub means: Means<'a, R>,
}

/// Memory for one sample at a time.
#[derive(Debug, Default)]
pub(super) struct Sample<R> {
    block: Option<Block<R>>,
    populations: Vec<Memory<R>>,
    /// What the readout handed on in a step, and the error of it.
    row: Vec<R>,
    y: Vec<f64>,
    error: Vec<f64>,
}

/// What a population holds.
#[derive(Debug, Default)]
struct Memory<R> {
    /// `[tile][states][TILE]`
    state: Aligned<R>,
    /// `[tile]` tangents.
    tangents: Aligned<R>,
    /// The learning signal, `[tile][TILE]`.
    signal: Aligned<R>,
    /// Spikes of each neuron.
    counts: Vec<u32>,
    traces: Vec<Traces<R>>,
}

impl<R: Lanes> Job<'_, R> {
    fn net(&self) -> &Network<R> {
        self.pass.net
    }

    /// The form of the traces of a population.
    fn form<'a>(&'a self, p: usize, cells: &Cells<'_, R>) -> Form<'a, R> {
        let readout = p + 1 == self.plan.populations.len();
        let filtered = !readout && matches!(self.means, Means::Broadcast { .. });
        Form {
            states: cells.op.states,
            tiles: cells.op.tiles(),
            alike: cells.alike,
            filter: filtered.then_some(&self.plan.readout),
            sums: !readout && self.objective.rates.is_some(),
        }
    }
}

impl<'a, R: Lanes> online::Sample<R, Job<'a, R>> for Sample<R> {
    fn run(
        &mut self,
        job: &Job<'a, R>,
        b: usize,
        into: &mut Totals<R>,
    ) -> Result<BatchReport, usize> {
        let net = job.net();
        let steps = job.input.extent().1;
        let mut block = self.block.take().unwrap_or_else(|| Block::new(net, 0..1));
        self.begin(job);
        let mut scores = Scores::new(job.objective.loss, net.outputs());
        let mut report = BatchReport {
            samples: 1,
            ..BatchReport::default()
        };
        for start in (0..steps).step_by(CHUNK) {
            let range = start..(start + CHUNK).min(steps);
            let part = job.input.part(b, range.clone());
            block.begin(job.pass, &part, start == 0);
            block.advance(job.pass);
            if let Some(node) = block.not_finite() {
                return Err(node);
            }
            let (spikes, synops) = operations(net, &block);
            report.spikes += spikes;
            report.synops += synops;
            for t in range {
                report.loss += self.judge(job, &block, (b, t), start, &mut scores);
                self.step(job, &block, t - start, into);
            }
        }
        report.loss += self.settle(job, steps, into);
        if let Targets::Classes(labels) = job.targets {
            let right = decision(&scores.values()) == Some(labels[b] as usize);
            report.correct = usize::from(right);
        }
        self.block = Some(block);
        Ok(report)
    }
}

impl<R: Lanes> Sample<R> {
    /// All at rest.
    fn begin(&mut self, job: &Job<'_, R>) {
        let all = &job.plan.populations;
        self.populations.resize_with(all.len(), Memory::default);
        let outputs = job.net().outputs();
        self.row.resize(outputs, R::ZERO);
        self.y.resize(outputs, 0.0);
        self.error.resize(outputs, 0.0);
        for (p, (memory, cells)) in self.populations.iter_mut().zip(all).enumerate() {
            let op = cells.op;
            let form = job.form(p, cells);
            memory.state.clear();
            memory.state.extend_from_slice(&op.rest);
            let rows = form.tiles * tangent_rows(form.states) * TILE;
            memory.tangents.resize(rows);
            memory.signal.resize(padded(op.n));
            memory.counts.clear();
            memory.counts.resize(op.n, 0);
            memory.traces.resize_with(cells.ways.len(), Traces::default);
            for (trace, way) in memory.traces.iter_mut().zip(&cells.ways) {
                trace.begin(way, &form);
            }
            if p + 1 == all.len() {
                let tiles = memory
                    .tangents
                    .chunks_exact_mut(tangent_rows(form.states) * TILE);
                tiles.for_each(|tile| job.plan.readout.fill(tile));
            }
        }
    }

    /// The loss of step `t` of sample `b`; its error is left behind.
    fn judge(
        &mut self,
        job: &Job<'_, R>,
        block: &Block<R>,
        (b, t): (usize, usize),
        start: usize,
        scores: &mut Scores,
    ) -> f64 {
        let readout = &block.slots[block.slots.len() - 1];
        readout.signal(0).expand(0, t - start, &mut self.row);
        scores.push(&self.row);
        for (y, v) in self.y.iter_mut().zip(&self.row) {
            *y = v.value();
        }
        let Some(wanted) = job.targets.in_step(b, t) else {
            return 0.0;
        };
        let steps = (t, job.input.extent().1);
        let loss = job.objective.loss;
        loss.in_step(&self.y, wanted, steps, &mut self.error)
    }

    /// Carries everything on by a step, `t` being counted from the start of the block's steps.
    fn step(&mut self, job: &Job<'_, R>, block: &Block<R>, t: usize, into: &mut Totals<R>) {
        let all = &job.plan.populations;
        let inner = all.len() - 1;
        for (memory, cells) in self.populations.iter_mut().zip(&all[..inner]) {
            memory.linearise(job, block, cells, t);
        }
        let learns = self.error.iter().any(|&e| e != 0.0);
        if learns {
            let share = 1.0 / job.batch as f64;
            let last = &mut self.populations[inner];
            for (s, &e) in last.signal.iter_mut().zip(&self.error) {
                *s = R::of(e * share);
            }
            match job.means {
                Means::Broadcast { .. } => self.broadcast(job),
                Means::Layers => self.hand_down(job),
            }
        }
        for (p, (memory, cells)) in self.populations.iter_mut().zip(all).enumerate() {
            let form = job.form(p, cells);
            for (trace, way) in memory.traces.iter_mut().zip(&cells.ways) {
                trace.arrive(way, &block.slots[way.from].signal(way.delay), t);
                let step = Step {
                    tangents: &memory.tangents,
                    signal: learns.then_some(&memory.signal[..]),
                    pulse: !job.pass.current(&block.slots, way.node),
                };
                trace.step(way, &form, &step, into);
            }
        }
    }

    /// The learning signal of each neuron straight from the errors of the readout.
    fn broadcast(&mut self, job: &Job<'_, R>) {
        let Means::Broadcast {
            weights,
            random,
            share,
        } = &job.means
        else {
            return;
        };
        let all = &job.plan.populations;
        let inner = all.len() - 1;
        let Some((last, others)) = self.populations.split_last_mut() else {
            return;
        };
        for (p, (memory, cells)) in others.iter_mut().zip(all).enumerate() {
            memory.signal.fill(R::ZERO);
            if let Some(random) = random.get(p) {
                let share = R::of(*share);
                for (row, &e) in random
                    .chunks_exact(memory.signal.len())
                    .zip(&last.signal[..])
                {
                    let e = e * share;
                    let each = memory.signal.iter_mut().zip(row);
                    each.for_each(|(s, &b)| *s += b * e);
                }
            }
            if *weights {
                for way in all[inner].ways.iter().filter(|w| w.from == cells.node) {
                    let data = &job.net().params[way.weight].data;
                    pull(
                        data,
                        way.inputs,
                        &last.signal[..job.net().outputs()],
                        &mut memory.signal,
                    );
                }
            }
        }
    }

    /// The error of each neuron's spike in this step through the layers behind it, as far as they take no time.
    fn hand_down(&mut self, job: &Job<'_, R>) {
        let all = &job.plan.populations;
        for p in (0..all.len() - 1).rev() {
            let (before, behind) = self.populations.split_at_mut(p + 1);
            let memory = &mut before[p];
            memory.signal.fill(R::ZERO);
            for (next, cells) in behind.iter().zip(&all[p + 1..]) {
                let ways = cells.ways.iter();
                for way in ways.filter(|w| w.from == all[p].node && w.delay == 0) {
                    let s = cells.op.states;
                    let row = port(s, job.plan.readout.spike == 1) * TILE;
                    let tiles = next.tangents.chunks_exact(tangent_rows(s) * TILE);
                    let instant = tiles.flat_map(|tile| &tile[row..row + TILE]);
                    let error: Vec<R> = instant
                        .zip(&next.signal[..])
                        .map(|(&i, &s)| i * s)
                        .take(cells.op.n)
                        .collect();
                    let data = &job.net().params[way.weight].data;
                    pull(data, way.inputs, &error, &mut memory.signal);
                }
            }
        }
    }

    /// The price of the rates of all populations; its gradient is added.
    fn settle(&mut self, job: &Job<'_, R>, steps: usize, into: &mut Totals<R>) -> f64 {
        let Some(rates) = &job.objective.rates else {
            return 0.0;
        };
        let mut sum = 0.0;
        for (memory, cells) in self.populations.iter_mut().zip(job.plan.inner()) {
            let n = cells.op.n;
            memory.signal.fill(R::ZERO);
            for (j, &count) in memory.counts.iter().enumerate() {
                let (pays, slope) = rates.penalty(f64::from(count) / steps as f64);
                sum += pays / n as f64;
                memory.signal[j] = R::of(slope / (steps * n * job.batch) as f64);
            }
            for (trace, way) in memory.traces.iter().zip(&cells.ways) {
                trace.settle(way, &memory.signal, into);
            }
        }
        sum
    }
}

impl<R: Lanes> Memory<R> {
    /// The tangents of a step, and who fired in it.
    fn linearise(&mut self, job: &Job<'_, R>, block: &Block<R>, cells: &Cells<'_, R>, t: usize) {
        let (op, s) = (cells.op, cells.op.states);
        let tape = job.pass.states(block, cells.node, 0);
        let states = self.state.chunks_exact_mut(s * TILE);
        let tangents = self.tangents.chunks_exact_mut(tangent_rows(s) * TILE);
        for (tile, (state, out)) in states.zip(tangents).enumerate() {
            let mut span = span(job.pass, op, (tile, 0, t), tape, (state, out));
            op.model.tangent(&mut span);
        }
        let counts = &mut self.counts;
        block.slots[cells.node].signal(0).nonzeros(0, t, |j, _| {
            if let Some(c) = counts.get_mut(j) {
                *c += 1;
            }
        });
    }
}

/// Adds the error of what came in through weights, `[tile][inputs][TILE]`, from that of what went out.
fn pull<R: Float>(weights: &[R], inputs: usize, error: &[R], into: &mut [R]) {
    for (tile, error) in error.chunks(TILE).enumerate() {
        let rows = weights[tile * inputs * TILE..].chunks_exact(TILE);
        for (i, row) in into[..inputs].iter_mut().zip(rows) {
            for (&w, &e) in row.iter().zip(error) {
                *i += w * e;
            }
        }
    }
}
