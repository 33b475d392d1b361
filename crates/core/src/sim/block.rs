//! A block of samples: all nodes forward over all steps, and the errors back.
//!
//! A block is small enough for its tape to stay in cache, runs on one thread, and knows nothing of other blocks; only
//! batch norm in training asks for sums over all of them.

use super::pass::{Pass, Totals};
use super::population::Cells;
use super::signal::{Class, Errors, Slot};
use crate::kernel::{TILE, View};
use crate::network::{Network, Op, Pace, Stage};
use crate::neuron::{Lanes, Output};
use crate::sim::clock::Input;
use crate::synapse::{Moments, Norm, Pairs};
use std::ops::Range;

/// A block of samples and what its nodes hold.
#[derive(Clone, Debug)]
pub(crate) struct Block<R> {
    pub slots: Vec<Slot<R>>,
    /// By node; empty but for populations.
    pub cells: Vec<Cells<R>>,
    /// The nodes with something to do in a chunk of one step, where the last chunk was one too: a stream comes in step by
    /// step, and looking at the other nodes would take as long as the step.
    busy: Vec<usize>,
    /// Whether spikes were smooth in the last chunk.
    smooth: bool,
    /// The samples of the batch.
    pub range: Range<usize>,
    pub steps: usize,
}

impl<R: Lanes> Block<R> {
    pub fn new(net: &Network<R>, range: Range<usize>) -> Self {
        let slot = |n| Slot::new(range.len(), n);
        Self {
            slots: net.nodes.iter().map(slot).collect(),
            cells: vec![Cells::default(); net.nodes.len()],
            busy: Vec::new(),
            smooth: net.smooth,
            range,
            steps: 0,
        }
    }

    /// Turns to other samples.
    pub fn turn_to(&mut self, range: Range<usize>) {
        self.slots.iter_mut().for_each(|s| s.samples = range.len());
        self.range = range;
    }

    /// Takes in a chunk of steps; `fresh` starts from rest.
    pub fn begin(&mut self, pass: &Pass<'_, R>, input: &Input<R>, fresh: bool) {
        let net = pass.net;
        self.steps = input.extent().1;
        let before = self.slots[0].class;
        input.fill(
            &net.nodes[0].shape,
            self.range.clone(),
            &mut self.slots[0],
            fresh,
        );
        // The forms of all outputs follow from that of the input.
        let known = self.slots[0].class == before && self.smooth == net.smooth;
        self.smooth = net.smooth;
        if known && self.steps == 1 && !self.busy.is_empty() {
            for n in 0..self.busy.len() {
                self.begin_node(pass, self.busy[n], fresh);
            }
            return;
        }
        for i in 1..net.nodes.len() {
            self.slots[i].form = self.class(net, i);
            self.cells[i].arrange(pass, i, &self.slots);
            self.begin_node(pass, i, fresh);
        }
        self.busy.clear();
        if self.steps == 1 {
            // A single step is not worth spreading out for a dense product.
            let idle = |i: &usize| {
                let op = &net.nodes[*i].op;
                self.slots[*i].form == Class::Fused || matches!(op, Op::Input | Op::Flatten)
            };
            let order = net.stages.iter().flat_map(|s| s.nodes.iter().copied());
            self.busy.extend(order.filter(|i| !idle(i)));
        }
    }

    #[inline]
    fn begin_node(&mut self, pass: &Pass<'_, R>, i: usize, fresh: bool) {
        let slot = &mut self.slots[i];
        slot.begin(slot.form, self.steps, fresh);
        match &pass.net.nodes[i].op {
            Op::Population(p) => {
                let extent = (slot.samples, self.steps);
                pass.begin_population(p, i, &mut self.cells[i], fresh, extent);
            }
            Op::Linear(_) => {
                if let Some(taps) = pass.taps(i) {
                    let cells = slot.samples * slot.row / TILE;
                    slot.ring.begin(taps.longest, cells, self.steps, fresh);
                }
            }
            Op::Pool(_) if fresh => slot.counts.clear(),
            Op::Dropout(d) => {
                slot.mask.clear();
                if pass.train {
                    d.draw((pass.net.seed, pass.step), self.range.clone(), slot);
                }
            }
            _ => {}
        }
    }

    /// Runs all stages forward.
    pub fn advance(&mut self, pass: &Pass<'_, R>) {
        if self.busy.is_empty() {
            return self.forward(pass, &pass.net.stages);
        }
        for n in 0..self.busy.len() {
            self.forward_node(pass, self.busy[n], 0..1);
        }
    }

    /// The form of a node's output: it follows from the population or input at its stem, which may run later.
    fn class(&self, net: &Network<R>, i: usize) -> Class {
        let node = &net.nodes[i];
        let source = || self.class(net, node.sources[0].node);
        match &node.op {
            Op::Population(p) if p.output == Output::Spikes && !net.smooth => Class::Rows,
            Op::Population(_) => Class::Dense,
            Op::Input => self.slots[0].class,
            op => match (op, source()) {
                (Op::Linear(_), _) if node.taps.is_some() => Class::Dense,
                (_, Class::Constant) => Class::Constant,
                (Op::Linear(_), Class::Rows) if node.reader.is_some() => Class::Fused,
                (Op::Pool(_) | Op::Dropout(_) | Op::Flatten, Class::Rows) => Class::Rows,
                _ => Class::Dense,
            },
        }
    }

    /// Runs stages forward.
    pub fn forward(&mut self, pass: &Pass<'_, R>, stages: &[Stage]) {
        for stage in stages {
            let chunk = self.chunk(stage);
            let mut start = 0;
            while start < self.steps {
                for &i in &stage.nodes {
                    self.forward_node(pass, i, start..start + chunk);
                }
                start += chunk;
            }
        }
    }

    /// How many steps a stage takes at a time.
    fn chunk(&self, stage: &Stage) -> usize {
        match stage.pace {
            Pace::Whole => self.steps,
            Pace::Image | Pace::Loop => 1,
        }
    }

    /// A population whose membrane is not finite: that stays in a state, or reaches the readout's.
    pub fn not_finite(&self) -> Option<usize> {
        R::vectorize(
            #[inline(always)]
            || {
                let mut cells = self.cells.iter();
                cells.position(|c| c.state.iter().fold(false, |bad, v| bad | !v.finite()))
            },
        )
    }

    #[inline]
    fn forward_node(&mut self, pass: &Pass<'_, R>, i: usize, steps: Range<usize>) {
        let node = &pass.net.nodes[i];
        let Some(&edge) = node.sources.first() else {
            return;
        };
        // What is the same in all steps is there since the first.
        if steps.start > 0 && self.slots[i].class == Class::Constant {
            return;
        }
        if let Op::Linear(l) = &node.op
            && self.slots[i].class == Class::Fused
        {
            if steps.len() < self.steps || !self.busy.is_empty() {
                return;
            }
            let source = self.slots[edge.node].signal(edge.delay);
            if !l.prefers_dense(&source, self.steps) {
                return;
            }
            self.slots[i].begin(Class::Dense, self.steps, true);
        }
        if let Op::Population(p) = &node.op {
            self.forward_population(pass, p, i, steps);
            return;
        }
        // What is no population reads another node.
        let Ok([slot, from]) = self.slots.get_disjoint_mut([i, edge.node]) else {
            return;
        };
        let source = from.signal(edge.delay);
        match &node.op {
            Op::Input | Op::Flatten | Op::Population(_) => {}
            Op::Linear(l) => {
                let weights = pass.weights(l.weight, l.bias);
                match pass.taps(i) {
                    None => l.forward(weights, &source, slot, steps),
                    Some(taps) => l.forward_late(weights, taps, &source, slot, steps),
                }
            }
            Op::Conv(c) => c.forward(pass.weights(c.weight, c.bias), &source, slot, steps),
            Op::Pool(p) => p.forward(&source, slot, steps),
            Op::Dropout(d) => d.forward(&source, slot, steps),
            Op::Norm(n) => {
                let [mean, variance] = &pass.moments[i];
                let affine = n.affine(mean, variance);
                let (scale, shift) = pass.weights(n.scale, Some(n.shift));
                let maps = (&affine, scale, shift.unwrap_or(&[]));
                n.forward(maps, &source, slot, node.shape.size(), steps);
            }
        }
    }

    /// Sums that batch norm needs of this block before it runs.
    pub fn measure(&self, pass: &Pass<'_, R>, i: usize, n: &Norm) -> Moments {
        let node = &pass.net.nodes[i];
        let edge = node.sources[0];
        let source = self.slots[edge.node].signal(edge.delay);
        n.measure(&source, (self.range.len(), self.steps, node.shape.size()))
    }

    /// Sums over the errors that reach batch norm.
    pub fn measure_error(&mut self, pass: &Pass<'_, R>, i: usize, n: &Norm) -> Moments {
        self.settle(pass, i);
        let node = &pass.net.nodes[i];
        let edge = node.sources[0];
        let source = self.slots[edge.node].signal(edge.delay);
        let [mean, variance] = &pass.moments[i];
        let extent = (self.range.len(), self.steps, node.shape.size());
        n.measure_error(
            &n.affine(mean, variance),
            self.error(pass, i),
            &source,
            extent,
        )
    }

    /// Makes room for the errors that go back.
    pub fn begin_errors(&mut self, pass: &Pass<'_, R>) {
        let net = pass.net;
        for (i, node) in net.nodes.iter().enumerate() {
            let viewed = node.reader.is_some() && self.slots[i].class != Class::Constant;
            let slot = &mut self.slots[i];
            slot.steady.clear();
            if !node.learns || viewed || !node.read {
                slot.error.clear();
            } else if node.first.is_some() && slot.class != Class::Constant {
                slot.make_room_for_error();
            } else {
                slot.begin_error();
            }
        }
    }

    /// Runs stages backward, the last one first.
    pub fn backward(&mut self, pass: &Pass<'_, R>, stages: &[Stage], totals: &mut Totals<R>) {
        for stage in stages.iter().rev() {
            let looped = stage.pace == Pace::Loop;
            let chunk = self.chunk(stage);
            let mut end = self.steps;
            while end > 0 {
                let steps = end - chunk..end;
                for &i in stage.nodes.iter().rev() {
                    self.backward_node(pass, i, steps.clone(), totals);
                    if !looped {
                        self.gradient(pass, i, steps.clone(), totals);
                    }
                }
                end -= chunk;
            }
            if looped {
                for &i in &stage.nodes {
                    self.gradient(pass, i, 0..self.steps, totals);
                }
            }
        }
    }

    /// The error of a node's output.
    fn error<'s>(&'s self, pass: &Pass<'_, R>, i: usize) -> View<'s, R> {
        let slot = &self.slots[i];
        match pass.net.nodes[i].reader {
            Some(p) if slot.class != Class::Constant => {
                pass.tape_error(self, p, pass.current(&self.slots, i))
            }
            _ => View {
                data: &slot.error,
                layout: slot.error_layout(),
            },
        }
    }

    /// Sums the error of a constant over the steps of the population that reads it.
    fn settle(&mut self, pass: &Pass<'_, R>, i: usize) {
        let Some(p) = pass.net.nodes[i].reader else {
            return;
        };
        if self.slots[i].class != Class::Constant || !pass.net.nodes[i].learns {
            return;
        }
        self.slots[i].begin_error();
        let current = pass.current(&self.slots, i);
        self.hand_down(pass, (p, i), current, (0, false), 0..self.steps);
    }

    /// Adds the error of a node's source.
    fn backward_node(
        &mut self,
        pass: &Pass<'_, R>,
        i: usize,
        steps: Range<usize>,
        totals: &mut Totals<R>,
    ) {
        let node = &pass.net.nodes[i];
        if !node.learns {
            return;
        }
        if let Op::Population(p) = &node.op {
            self.backward_population(pass, p, i, steps, &mut totals.constants[i]);
            return;
        }
        let Some(&edge) = node.sources.first() else {
            return;
        };
        self.settle(pass, i);
        if !pass.net.nodes[edge.node].learns {
            return;
        }
        let mut data = std::mem::take(&mut self.slots[edge.node].error);
        let mut scratch = std::mem::take(&mut self.slots[i].scratch);
        let from = &self.slots[edge.node];
        let source = from.signal(edge.delay);
        let constant = from.class == Class::Constant;
        let once = constant && self.slots[i].class == Class::Constant;
        let steps = if once { 0..1 } else { steps };
        let mut into = Errors {
            data: &mut data,
            layout: from.error_layout(),
            samples: from.samples,
            row_len: from.row,
            constant,
            fresh: pass.net.nodes[edge.node].first == Some(i) && !constant,
        };
        let pairs = Pairs {
            shift: edge.delay,
            stretch: pass.stretch,
        };
        let error = self.error(pass, i);
        match &node.op {
            Op::Linear(l) => match pass.taps(i) {
                None => l.backward(&pass.transposed[i], error, &mut into, pairs, steps),
                Some(taps) => {
                    let weights = (pass.weights(l.weight, None).0, taps);
                    l.backward_late(weights, error, &mut into, pairs, steps);
                }
            },
            Op::Conv(c) => {
                let transposed = &pass.transposed[i];
                c.backward(transposed, error, &mut into, &mut scratch, pairs, steps);
            }
            Op::Pool(p) => p.backward(error, &source, &mut into, &mut scratch, pairs, steps),
            Op::Dropout(d) => d.backward(error, &self.slots[i].mask, &mut into, pairs, steps),
            Op::Norm(n) => {
                let [mean, variance] = &pass.moments[i];
                let affine = n.affine(mean, variance);
                let maps = (&affine, &pass.net.params[n.scale].data[..], &pass.sums[i]);
                n.backward(
                    maps,
                    error,
                    &source,
                    &mut into,
                    node.shape.size(),
                    pairs,
                    steps,
                );
            }
            _ => {}
        }
        self.slots[edge.node].error = data;
        self.slots[i].scratch = scratch;
    }

    /// Adds the gradients of a node's parameters.
    fn gradient(&self, pass: &Pass<'_, R>, i: usize, steps: Range<usize>, totals: &mut Totals<R>) {
        let node = &pass.net.nodes[i];
        let Some(edge) = node.sources.first() else {
            return;
        };
        let source = self.slots[edge.node].signal(edge.delay);
        let constant = self.slots[i].class == Class::Constant;
        let steps = match constant {
            true if steps.start > 0 => return,
            true => 0..1,
            false => steps,
        };
        let samples = self.range.len();
        let pairs = Pairs {
            shift: edge.delay,
            // A cut stops errors: what a weight multiplies may lie before it.
            stretch: usize::MAX,
        };
        match &node.op {
            Op::Linear(l) => {
                let error = self.error(pass, i);
                let extent = (samples, steps.end);
                if let Some(taps) = pass.taps(i) {
                    let weights = (pass.weights(l.weight, None).0, taps);
                    let into = totals.late(l);
                    l.gradient_late(weights, error, &source, extent, pairs, into);
                } else {
                    let into = &mut totals.gradients[l.weight];
                    l.gradient(error, &source, extent, pairs, into);
                }
                if let Some(b) = l.bias {
                    crate::synapse::Linear::bias_gradient(error, extent, &mut totals.gradients[b]);
                }
            }
            Op::Conv(c) => {
                let error = self.error(pass, i);
                let extent = (samples, steps);
                c.gradient(
                    error,
                    &source,
                    extent.clone(),
                    pairs,
                    &mut totals.gradients[c.weight],
                );
                if let Some(b) = c.bias {
                    c.bias_gradient(error, extent, &mut totals.gradients[b]);
                }
            }
            _ => {}
        }
    }
}
