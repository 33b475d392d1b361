//! Populations inside a block: what reaches them, and what goes back through them.

use super::block::Block;
use super::pass::Pass;
use super::signal::{Class, Errors, Signal, Slot};
use crate::kernel::{Backward, Fired, Forward, Incoming, Layout, Rules, Source, TILE, View};
use crate::network::{Edge, Op, Population};
use crate::neuron::{Arrivals, Lanes, Output, Pulse, Threshold};
use crate::num::{Aligned, Float};
use crate::synapse::Pairs;
use std::ops::Range;

/// What a population holds for a block of samples besides its output.
#[derive(Clone, Debug)]
pub(crate) struct Cells<R> {
    /// `[tile][sample][states][64]`
    pub state: Aligned<R>,
    /// What backward needs: states before the reset, then the errors of what arrived.
    pub tape: Aligned<R>,
    /// A bit for each neuron that fired, `[tile][sample][step]`.
    pub fired: Vec<u64>,
    /// The edges in, those that bring a current first, and how many these are.
    incoming: Vec<Edge>,
    currents: usize,
}

impl<R: Float> Default for Cells<R> {
    fn default() -> Self {
        Self {
            state: Aligned::default(),
            tape: Aligned::default(),
            fired: Vec::new(),
            incoming: Vec::new(),
            currents: 0,
        }
    }
}

impl<R: Lanes> Cells<R> {
    /// Sorts the edges into node `i`.
    pub fn arrange(&mut self, pass: &Pass<'_, R>, i: usize, slots: &[Slot<R>]) {
        self.incoming.clone_from(&pass.net.nodes[i].sources);
        self.incoming.sort_by_key(|e| !pass.current(slots, e.node));
        let current = |e: &Edge| pass.current(slots, e.node);
        self.currents = self.incoming.partition_point(current);
    }
}

impl<R: Lanes> Pass<'_, R> {
    #[inline(always)]
    pub fn rules(&self) -> Rules {
        let c = &self.net.spec.convention;
        Rules {
            before: c.arrivals == Arrivals::BeforeFlow,
            at_threshold: c.threshold == Threshold::Ge,
            smooth: self.net.smooth.then_some(self.net.spec.surrogate),
        }
    }

    /// Whether what a node hands on reaches a population as a current.
    #[inline(always)]
    pub fn current(&self, slots: &[Slot<R>], node: usize) -> bool {
        let stem = self.net.nodes[node].stem;
        let spikes = match &self.net.nodes[stem].op {
            Op::Population(p) => p.output == Output::Spikes,
            _ => slots[stem].class == Class::Rows,
        };
        !spikes || self.net.spec.convention.pulse == Pulse::Box
    }

    /// Whether the tape holds current and pulse besides the states.
    #[inline]
    pub fn keeps_inputs(&self, p: &Population<R>) -> bool {
        !p.affine || p.trained
    }

    /// Columns of a population's tape: its states, what reached it if the Jacobian needs it, and never less than two,
    /// for the errors of both ports, where it has both.
    #[inline]
    fn columns(&self, p: &Population<R>, node: usize) -> usize {
        let inputs = if self.keeps_inputs(p) { 2 } else { 0 };
        let ports = self.net.nodes[node].sources.len().min(2);
        (p.states + inputs).max(ports)
    }

    /// Where a population's tape stands: by tile, unless something that reads it wants all neurons of a step together.
    #[inline]
    fn layout(&self, p: &Population<R>, node: usize, slot: &Slot<R>) -> Layout {
        let (samples, steps) = (slot.samples, slot.steps);
        let nodes = &self.net.nodes;
        let weights = |e: &Edge| matches!(nodes[e.node].op, Op::Linear(_));
        let row = p.tiles() * TILE;
        let columns = self.columns(p, node);
        match (nodes[node].sources.iter().all(weights), nodes[node].looped) {
            (true, true) => Layout::by_tile_and_time(samples, steps, columns),
            (true, false) => Layout::by_tile(steps, columns, row),
            (false, _) => Layout::by_step(steps, columns, row),
        }
    }

    /// The error of what reaches a population as a current, or as a pulse: in the first column of the tape, or in the
    /// second for currents beside pulses.
    pub fn tape_error<'s>(&self, block: &'s Block<R>, node: usize, current: bool) -> View<'s, R> {
        let mut view = self.states(block, node, 0);
        if let Op::Population(p) = &self.net.nodes[node].op
            && current
            && self.columns(p, node) > 1
        {
            view.layout.origin = view.layout.column;
        }
        view
    }

    /// A state variable before the reset, where the tape is kept.
    pub fn states<'s>(&self, block: &'s Block<R>, node: usize, column: usize) -> View<'s, R> {
        let mut layout = Layout::default();
        if let Op::Population(p) = &self.net.nodes[node].op {
            layout = self.layout(p, node, &block.slots[node]);
            layout.origin = column * layout.column;
        }
        View {
            data: &block.cells[node].tape,
            layout,
        }
    }

    /// What an edge brings.
    #[inline(always)]
    fn source<'s>(&'s self, slots: &'s [Slot<R>], edge: Edge) -> Source<'s, R> {
        let (net, slot) = (self.net, &slots[edge.node]);
        match (&net.nodes[edge.node].op, slot.class) {
            (Op::Linear(l), Class::Fused) => {
                let from = net.nodes[edge.node].sources[0];
                let slot = &slots[from.node];
                Source::Rows {
                    fired: Fired {
                        rows: &slot.rows,
                        first: (slot.lead - from.delay) * slot.samples,
                        stride: slot.samples,
                    },
                    weights: &net.params[l.weight].data,
                    inputs: l.inputs,
                    bias: l.bias.map(|k| &net.params[k].data[..]),
                }
            }
            _ => match slot.signal(edge.delay) {
                Signal::Rows {
                    rows,
                    first,
                    samples: stride,
                } => Source::Own(Fired {
                    rows,
                    first,
                    stride,
                }),
                Signal::Dense { data, layout, .. } => Source::Each { data, layout },
                Signal::Constant { data, row } => Source::Each {
                    data,
                    layout: Layout::still(row),
                },
            },
        }
    }

    /// Makes room for a chunk of a population.
    #[inline(always)]
    pub fn begin_population(
        &self,
        p: &Population<R>,
        node: usize,
        cells: &mut Cells<R>,
        fresh: bool,
        (samples, steps): (usize, usize),
    ) {
        if fresh {
            cells.state.clear();
            for rest in p.rest.chunks_exact(p.states * TILE) {
                (0..samples).for_each(|_| cells.state.extend_from_slice(rest));
            }
        }
        cells.fired.resize(samples * p.tiles() * steps, 0);
        let taped = self.train && self.net.nodes[node].learns || self.keep.contains(&node);
        cells.tape.resize(if taped {
            samples * steps * self.columns(p, node) * p.tiles() * TILE
        } else {
            0
        });
    }
}

impl<R: Lanes> Block<R> {
    #[inline]
    pub fn forward_population(
        &mut self,
        pass: &Pass<'_, R>,
        p: &Population<R>,
        node: usize,
        steps: Range<usize>,
    ) {
        let slot = &mut self.slots[node];
        let (samples, total, row) = (slot.samples, slot.steps, slot.row);
        let tiles = p.tiles();
        // What is written, apart from what is read: a recurrent projection reads the rows of the slot.
        let mut data = if slot.class == Class::Dense {
            std::mem::take(&mut slot.data)
        } else {
            Aligned::default()
        };
        let cells = &mut self.cells[node];
        let (class, out_layout) = (slot.class, slot.layout());
        let tape = !cells.tape.is_empty();
        let tape = tape.then(|| (&mut cells.tape[..], pass.layout(p, node, slot)));
        // One or two edges, as there mostly are, need no memory of their own.
        let slots = &self.slots[..];
        let (one, two, many): ([_; 1], [_; 2], Vec<_>);
        let sources = match cells.incoming[..] {
            [e] => {
                one = [pass.source(slots, e)];
                &one[..]
            }
            [a, b] => {
                two = [pass.source(slots, a), pass.source(slots, b)];
                &two[..]
            }
            ref all => {
                many = all.iter().map(|&e| pass.source(slots, e)).collect();
                &many[..]
            }
        };
        let out = (class == Class::Dense).then(|| (&mut data[..], out_layout));
        let (membrane, graded) = match p.output {
            Output::Membrane => (out, None),
            Output::Spikes => (None, out),
        };
        p.model.forward(&mut Forward {
            constants: &p.constants,
            rules: pass.rules(),
            sources: (sources, cells.currents),
            tiles,
            samples,
            steps: steps.clone(),
            total,
            state: &mut cells.state,
            tape,
            inputs: pass.keeps_inputs(p).then_some([p.states, p.states + 1]),
            fired: &mut cells.fired,
            membrane,
            graded,
        });
        let slot = &mut self.slots[node];
        if class == Class::Dense {
            slot.data = data;
        }
        match slot.class {
            Class::Rows => {
                for t in steps {
                    for b in 0..samples {
                        for tile in 0..tiles {
                            let bits = cells.fired[(tile * samples + b) * total + t];
                            push_bits(bits, tile, p.n, &mut slot.rows.index);
                        }
                        slot.rows.close();
                    }
                }
            }
            _ if p.n < row && pass.net.nodes[node].read => {
                for t in steps {
                    (0..samples).for_each(|b| slot.out(b, t)[p.n..].fill(R::ZERO));
                }
            }
            _ => {}
        }
    }

    pub fn backward_population(
        &mut self,
        pass: &Pass<'_, R>,
        p: &Population<R>,
        node: usize,
        steps: Range<usize>,
        by_constants: &mut [R],
    ) {
        let slot = &self.slots[node];
        let (total, row) = (slot.steps, slot.row);
        let layout = pass.layout(p, node, slot);
        let columns = pass.columns(p, node);
        let edges = &pass.net.nodes[node].sources;
        let currents = self.cells[node].currents;
        let pieces = Pairs {
            shift: 0,
            stretch: pass.stretch,
        };
        let pieces: Vec<Range<usize>> = pieces.pieces(steps.clone()).collect();
        // The state of the run is not needed any more: its place holds the error of the state.
        let Cells { state, tape, .. } = &mut self.cells[node];
        if steps.end == total {
            state.fill(R::ZERO);
        }
        for piece in pieces.iter().rev() {
            if piece.end % pass.stretch == 0 {
                state.fill(R::ZERO);
            }
            let each = if slot.error.is_empty() {
                Incoming::Zero
            } else {
                Incoming::Each {
                    data: &slot.error,
                    layout: slot.error_layout(),
                }
            };
            let steady = if slot.steady.is_empty() {
                Incoming::Zero
            } else {
                Incoming::Each {
                    data: &slot.steady,
                    layout: Layout::still(row),
                }
            };
            p.model.backward(&mut Backward {
                constants: &p.constants,
                rules: pass.rules(),
                surrogate: pass.net.spec.surrogate,
                detach: pass.net.spec.detach_reset,
                tiles: p.tiles(),
                samples: slot.samples,
                steps: piece.clone(),
                initial: &p.rest,
                carry: state,
                tape: (tape, layout),
                inputs: pass.keeps_inputs(p).then_some([p.states, p.states + 1]),
                pulse_column: (currents < edges.len()).then_some(0),
                current_column: (currents > 0).then_some(usize::from(columns > 1)),
                output: [each, steady],
                membrane: p.output == Output::Membrane,
                by_constants: p.trained.then_some(&mut *by_constants),
            });
        }
        let steps = pieces.first().map_or(0, |p| p.start)..pieces.last().map_or(0, |p| p.end);
        for &e in edges {
            let from = &pass.net.nodes[e.node];
            if from.learns && from.reader.is_none() {
                let current = pass.current(&self.slots, e.node);
                let fresh = from.first == Some(node) && self.slots[e.node].class != Class::Constant;
                self.hand_down(
                    pass,
                    (node, e.node),
                    current,
                    (e.delay, fresh),
                    steps.clone(),
                );
            }
        }
    }

    /// Adds the error of what reached population `node` to the error of the node that it came from, or writes it if
    /// `fresh`.
    pub fn hand_down(
        &mut self,
        pass: &Pass<'_, R>,
        (node, from): (usize, usize),
        current: bool,
        (shift, fresh): (usize, bool),
        steps: Range<usize>,
    ) {
        let mut error = std::mem::take(&mut self.slots[from].error);
        let slot = &self.slots[node];
        let view = pass.tape_error(self, node, current);
        let mut into = Errors {
            data: &mut error,
            layout: self.slots[from].error_layout(),
            samples: slot.samples,
            row_len: slot.row,
            constant: self.slots[from].class == Class::Constant,
            fresh,
        };
        let pairs = Pairs {
            shift,
            stretch: pass.stretch,
        };
        for t in pairs.pieces(steps).flatten() {
            for b in 0..slot.samples {
                let out = into.row(b, t - shift);
                for (tile, out) in out.chunks_exact_mut(TILE).enumerate() {
                    let e = &view.data[view.at(b, t, tile)..][..TILE];
                    out.iter_mut().zip(e).for_each(|(o, &e)| *o += e);
                }
            }
        }
        self.slots[from].error = error;
    }
}

/// Appends the neurons of a tile that fired; bits past the last neuron are padding.
#[inline(always)]
fn push_bits(mut bits: u64, tile: usize, width: usize, index: &mut Vec<u32>) {
    let (base, live) = ((tile * TILE) as u32, width - tile * TILE);
    if live < TILE {
        bits &= (1u64 << live) - 1;
    }
    // Mostly there are none, one or two, and which cannot be foreseen: two are written and what is too much is cut off.
    let lowest = |bits: u64| base + bits.trailing_zeros();
    let rest = bits & bits.wrapping_sub(1);
    index.extend_from_slice(&[lowest(bits), lowest(rest)]);
    let surplus = usize::from(bits == 0) + usize::from(rest == 0);
    index.truncate(index.len() - surplus);
    bits = rest & rest.wrapping_sub(1);
    while bits != 0 {
        index.push(lowest(bits));
        bits &= bits - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_become_indices_and_padding_does_not() {
        let pushed = |bits: u64, tile: usize, width: usize| {
            let mut index = vec![7];
            push_bits(bits, tile, width, &mut index);
            index
        };
        assert_eq!(pushed(0, 0, 64), [7]);
        assert_eq!(pushed(1 << 63, 1, 128), [7, 127]);
        assert_eq!(pushed(0b101, 0, 64), [7, 0, 2]);
        assert_eq!(pushed(0b10_1101, 2, 200), [7, 128, 130, 131, 133]);
        assert_eq!(pushed(u64::MAX, 1, 67), [7, 64, 65, 66]);
    }
}
