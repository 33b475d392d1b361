//! One sample: a few steps forward, then what each layer learns from them, then the next few.

use super::Local;
use super::plan::{Layer, Plan};
use super::trace::Trace;
use crate::kernel::{Layout, TILE, View, padded, tangent_rows};
use crate::learn::loss::{Wanted, decision};
use crate::learn::online::{self, CHUNK, Way, span};
use crate::learn::{BatchReport, Objective, Scores, Targets};
use crate::network::{Network, Op};
use crate::neuron::Lanes;
use crate::num::Aligned;
use crate::sim::clock::{Input, operations};
use crate::sim::{Block, Pass, Totals};
use crate::synapse::{Linear, Pairs};

/// What the samples of a batch have in common.
pub(super) struct Job<'a, R: Lanes> {
    pub pass: &'a Pass<'a, R>,
    pub plan: &'a Plan<'a, R>,
    pub input: &'a Input<R>,
    pub targets: &'a Targets<'a>,
    pub objective: &'a Objective,
    pub local: Local,
    pub batch: usize,
    /// Whether weights learn; else local readouts are looked at.
    pub learns: bool,
}

/// Memory for one sample at a time.
#[derive(Debug, Default)]
pub(super) struct Sample<R> {
    block: Option<Block<R>>,
    layers: Vec<Memory<R>>,
    /// By layer before the readout: samples that its readout classified rightly where nothing learns.
    pub right: Vec<usize>,
}

/// What a layer holds.
#[derive(Debug, Default)]
struct Memory<R> {
    /// `[tile][states][TILE]`
    state: Aligned<R>,
    /// The tangent of a tile.
    tangent: Vec<R>,
    /// The error of the gap, or of the readout's membrane, `[step][row]`.
    error: Aligned<R>,
    /// What the readout says in a step, and the error of that.
    y: Vec<R>,
    said: Vec<f64>,
    wrong: Vec<f64>,
    /// The error as a neuron sees it.
    signal: Vec<R>,
    traces: Vec<Trace<R>>,
    /// What a layer's readout said in all steps that count; what the network's readout is judged by.
    sums: Vec<f64>,
    scores: Option<Scores>,
}

impl<'a, R: Lanes> online::Sample<R, Job<'a, R>> for Sample<R> {
    fn run(
        &mut self,
        job: &Job<'a, R>,
        b: usize,
        into: &mut Totals<R>,
    ) -> Result<BatchReport, usize> {
        let (pass, plan) = (job.pass, job.plan);
        let (net, steps) = (pass.net, job.input.extent().1);
        let mut block = self.block.take().unwrap_or_else(|| Block::new(net, 0..1));
        self.begin(job);
        let mut report = BatchReport {
            samples: 1,
            ..BatchReport::default()
        };
        for start in (0..steps).step_by(CHUNK) {
            let range = start..(start + CHUNK).min(steps);
            let part = job.input.part(b, range.clone());
            block.begin(pass, &part, start == 0);
            if job.learns {
                for &node in &plan.dropouts {
                    if let Op::Dropout(d) = &net.nodes[node].op {
                        d.draw((net.seed, pass.step), b..b + 1, &mut block.slots[node]);
                    }
                }
            }
            block.advance(pass);
            if let Some(node) = block.not_finite() {
                return Err(node);
            }
            let (spikes, synops) = operations(net, &block);
            report.spikes += spikes;
            report.synops += synops;
            for (memory, layer) in self.layers.iter_mut().zip(&plan.layers) {
                memory.error.resize(range.len() * padded(layer.cells.op.n));
                for t in range.clone() {
                    let Some(wanted) = job.targets.in_step(b, t) else {
                        continue;
                    };
                    report.loss += memory.judge(job, &block, layer, (t, t - start), wanted);
                }
                if job.learns {
                    memory.learn(job, &block, layer, range.len(), into);
                }
            }
        }
        if let Targets::Classes(labels) = job.targets {
            let right = |m: &Memory<R>| {
                let said = match &m.scores {
                    Some(scores) => scores.decision(),
                    None => decision(&m.sums),
                };
                said == Some(labels[b] as usize)
            };
            if let Some((last, inner)) = self.layers.split_last() {
                report.correct = usize::from(right(last));
                if !job.learns {
                    self.right.resize(inner.len(), 0);
                    let each = self.right.iter_mut().zip(inner);
                    each.for_each(|(n, m)| *n += usize::from(right(m)));
                }
            }
        }
        self.block = Some(block);
        Ok(report)
    }
}

impl<R: Lanes> Sample<R> {
    /// All at rest.
    fn begin(&mut self, job: &Job<'_, R>) {
        let net = job.pass.net;
        let all = &job.plan.layers;
        self.layers.resize_with(all.len(), Memory::default);
        for (memory, layer) in self.layers.iter_mut().zip(all) {
            let (op, outputs) = (layer.cells.op, net.outputs());
            memory.state.clear();
            memory.state.extend_from_slice(&op.rest);
            let tangent = tangent_rows(op.states) * TILE;
            memory.tangent.resize(tangent, R::ZERO);
            memory.y.resize(outputs, R::ZERO);
            memory.said.resize(outputs, 0.0);
            memory.wrong.resize(outputs, 0.0);
            memory.signal.resize(padded(op.n), R::ZERO);
            memory.sums.clear();
            memory.sums.resize(outputs, 0.0);
            memory.scores = match layer.readout {
                None => Some(Scores::new(job.objective.loss, outputs)),
                Some(_) => None,
            };
            memory
                .traces
                .resize_with(layer.cells.ways.len(), Trace::default);
            for (trace, way) in memory.traces.iter_mut().zip(&layer.cells.ways) {
                trace.begin(&layer.filter, padded(way.inputs));
            }
        }
    }
}

impl<R: Lanes> Memory<R> {
    /// The loss of step `t` of the sample, `here` of the block; its error is left behind.
    fn judge(
        &mut self,
        job: &Job<'_, R>,
        block: &Block<R>,
        layer: &Layer<'_, R>,
        (t, here): (usize, usize),
        wanted: Wanted<'_>,
    ) -> f64 {
        let (outputs, steps) = (self.y.len(), job.input.extent().1);
        let signal = block.slots[layer.cells.node].signal(0);
        match &layer.readout {
            None => signal.expand(0, here, &mut self.y),
            Some(g) => {
                self.y.fill(R::ZERO);
                signal.nonzeros(0, here, |j, z| {
                    if let Some(g) = g.chunks_exact(outputs).nth(j) {
                        self.y.iter_mut().zip(g).for_each(|(y, &g)| *y += g * z);
                    }
                });
            }
        }
        let said = self.said.iter_mut().zip(&self.y);
        said.for_each(|(s, y)| *s = y.value());
        if let Some(scores) = &mut self.scores {
            scores.push(&self.y);
        } else if t >= job.local.burn_in {
            self.sums
                .iter_mut()
                .zip(&self.said)
                .for_each(|(s, y)| *s += y);
        }
        let at = (t, steps);
        let loss = match layer.readout {
            None => job
                .objective
                .loss
                .in_step(&self.said, wanted, at, &mut self.wrong),
            Some(_) => job.local.in_step(&self.said, wanted, at, &mut self.wrong),
        };
        if job.learns {
            self.linearise(job, block, layer, here);
        }
        loss
    }

    /// The error of the gap of each neuron in a step.
    fn linearise(&mut self, job: &Job<'_, R>, block: &Block<R>, layer: &Layer<'_, R>, t: usize) {
        let (op, s, outputs) = (layer.cells.op, layer.cells.op.states, self.y.len());
        let share = 1.0 / job.batch as f64;
        let wrong = self.wrong.iter().map(|&e| R::of(e * share));
        let row = &mut self.error[t * padded(op.n)..][..padded(op.n)];
        let Some(g) = &layer.readout else {
            row.iter_mut().zip(wrong).for_each(|(r, e)| *r = e);
            return;
        };
        for (y, e) in self.y.iter_mut().zip(wrong) {
            *y = e;
        }
        for (r, g) in self.signal.iter_mut().zip(g.chunks_exact(outputs)) {
            *r = g.iter().zip(&self.y).fold(R::ZERO, |s, (&g, &e)| s + g * e);
        }
        let tape = job.pass.states(block, layer.cells.node, 0);
        let (at, factor) = layer.filter.slope();
        let each = row
            .chunks_exact_mut(TILE)
            .zip(self.signal.chunks_exact(TILE));
        for (tile, (row, signal)) in each.enumerate() {
            let state = &mut self.state[tile * s * TILE..][..s * TILE];
            let place = (tile, 0, t);
            let mut span = span(job.pass, op, place, tape, (state, &mut self.tangent));
            op.model.tangent(&mut span);
            let slopes = &self.tangent[at * TILE..][..TILE];
            for (j, r) in row.iter_mut().enumerate() {
                *r = signal[j] * (slopes[j] / factor);
            }
        }
    }

    /// Adds the gradients of a chunk of steps.
    fn learn(
        &mut self,
        job: &Job<'_, R>,
        block: &Block<R>,
        layer: &Layer<'_, R>,
        steps: usize,
        into: &mut Totals<R>,
    ) {
        let row = padded(layer.cells.op.n);
        for (trace, way) in self.traces.iter_mut().zip(&layer.cells.ways) {
            let source = block.slots[way.from].signal(way.delay);
            let pulse = !job.pass.current(&block.slots, way.node);
            trace.follow(&layer.filter, &source, (usize::from(pulse), steps));
            gradient(job.pass.net, *way, trace, (&self.error, row), steps, into);
        }
    }
}

/// Adds the products of errors and traces to the gradients of the weights.
fn gradient<R: Lanes>(
    net: &Network<R>,
    way: Way,
    trace: &Trace<R>,
    (error, row): (&[R], usize),
    steps: usize,
    into: &mut Totals<R>,
) {
    let layout = Layout::by_step(steps, 1, row);
    let all = Pairs {
        shift: 0,
        stretch: usize::MAX,
    };
    let view = View {
        data: error,
        layout,
    };
    let (source, weights) = (trace.signal(steps), &mut into.gradients[way.weight]);
    match &net.nodes[way.node].op {
        Op::Linear(l) => l.gradient(view, &source, (1, steps), all, weights),
        Op::Conv(c) => c.gradient(view, &source, (1, 0..steps), all, weights),
        _ => {}
    }
    let Some(bias) = way.bias else {
        return;
    };
    let mut scaled = error.to_vec();
    for (row, &p) in scaled.chunks_exact_mut(row).zip(trace.bias()) {
        row.iter_mut().for_each(|e| *e = *e * p);
    }
    let view = View {
        data: &scaled,
        layout,
    };
    let bias = &mut into.gradients[bias];
    match &net.nodes[way.node].op {
        Op::Linear(_) => Linear::bias_gradient(view, (1, steps), bias),
        Op::Conv(c) => c.bias_gradient(view, (1, 0..steps), bias),
        _ => {}
    }
}
