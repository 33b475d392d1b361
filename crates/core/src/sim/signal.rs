//! What nodes hand to each other inside a block of samples.

use crate::kernel::{Layout, padded};
use crate::network::Node;
use crate::neuron::Lanes;
use crate::num::{Aligned, Float};
use crate::spikes::Rows;
use crate::synapse::{Ring, Scratch};

/// The form of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Sparse spikes.
    Rows,
    /// A value for each neuron and step.
    Dense,
    /// A value for each neuron, the same in all steps.
    Constant,
    /// Weights that the population behind them applies to the spikes before them.
    Fused,
}

/// A signal as a consumer reads it, the delay of the edge taken off.
#[derive(Clone, Copy)]
pub(crate) enum Signal<'a, R> {
    /// Row `first + t * samples + b`.
    Rows {
        rows: &'a Rows<R>,
        first: usize,
        samples: usize,
    },
    /// `row` values at `layout`.
    Dense {
        data: &'a [R],
        layout: Layout,
        row: usize,
    },
    /// At `b * row`.
    Constant { data: &'a [R], row: usize },
}

impl<'a, R: Float> Signal<'a, R> {
    /// The sparse row of a step.
    #[inline]
    pub fn sparse(&self, b: usize, t: usize) -> Option<(&'a [u32], Option<&'a [R]>)> {
        match *self {
            Signal::Rows {
                rows,
                first,
                samples,
            } => {
                let r = first + t * samples + b;
                let range = rows.offsets[r] as usize..rows.offsets[r + 1] as usize;
                let values = rows.values().map(|v| &v[range.clone()]);
                Some((&rows.index[range], values))
            }
            _ => None,
        }
    }

    /// The dense row of a step, or the constant one.
    #[inline]
    pub fn dense(&self, b: usize, t: usize) -> Option<&'a [R]> {
        match *self {
            Signal::Rows { .. } => None,
            Signal::Dense { data, layout, row } => Some(&data[layout.at(b, t)..][..row]),
            Signal::Constant { data, row } => Some(&data[b * row..][..row]),
        }
    }

    /// Writes a step's values to `out`, as many as there is room for.
    pub fn expand(&self, b: usize, t: usize, out: &mut [R]) {
        match (self.sparse(b, t), self.dense(b, t)) {
            (Some((index, values)), _) => {
                out.fill(R::ZERO);
                for (n, &i) in index.iter().enumerate() {
                    out[i as usize] = values.map_or(R::ONE, |v| v[n]);
                }
            }
            (_, Some(row)) => {
                let n = out.len().min(row.len());
                out[..n].copy_from_slice(&row[..n]);
            }
            _ => {}
        }
    }

    /// Calls `f` with the place and value of everything in a step that is not zero.
    #[inline(always)]
    pub fn nonzeros(&self, b: usize, t: usize, mut f: impl FnMut(usize, R)) {
        if let Some((index, values)) = self.sparse(b, t) {
            match values {
                None => index.iter().for_each(|&i| f(i as usize, R::ONE)),
                Some(values) => index
                    .iter()
                    .zip(values)
                    .for_each(|(&i, &v)| f(i as usize, v)),
            }
        } else if let Some(row) = self.dense(b, t) {
            for (i, &v) in row.iter().enumerate() {
                if v != R::ZERO {
                    f(i, v);
                }
            }
        }
    }
}

/// What a node holds for a block of samples.
#[derive(Clone, Debug)]
pub(crate) struct Slot<R> {
    pub class: Class,
    /// The class at the start of a chunk; a fused product may turn dense within.
    pub form: Class,
    pub samples: usize,
    pub steps: usize,
    /// Steps before this chunk that consumers still read.
    pub lead: usize,
    /// Neurons, padded to whole tiles.
    pub row: usize,
    /// As of the node.
    pub brief: [bool; 2],
    pub looped: bool,
    pub rows: Rows<R>,
    /// Values, where [`Slot::layout`] says.
    pub data: Aligned<R>,
    /// Error of the output, where [`Slot::error_layout`] says.
    pub error: Aligned<R>,
    /// Error of a population's output that is the same in all steps, `[sample][row]`.
    pub steady: Aligned<R>,
    /// What dropout multiplies by, `[sample][row]`.
    pub mask: Aligned<R>,
    pub scratch: Scratch<R>,
    /// Spikes that each input of a gated pool has had and each output has passed, `[sample][inputs, outputs]`.
    pub counts: Vec<u32>,
    /// What weights that hold spikes back have still to bring.
    pub ring: Ring<R>,
}

impl<R: Float> Slot<R> {
    pub fn new<L: Lanes>(samples: usize, node: &Node<L>) -> Self {
        Self {
            class: Class::Constant,
            form: Class::Constant,
            samples,
            steps: 0,
            lead: node.lead,
            row: padded(node.shape.size()),
            brief: node.brief,
            looped: node.looped,
            rows: Rows::default(),
            data: Aligned::default(),
            error: Aligned::default(),
            steady: Aligned::default(),
            mask: Aligned::default(),
            scratch: Scratch::default(),
            counts: Vec::new(),
            ring: Ring::default(),
        }
    }

    /// Makes room for a chunk of steps; `fresh` forgets what was before.
    #[inline(always)]
    pub fn begin(&mut self, class: Class, steps: usize, fresh: bool) {
        let (s, row, lead) = (self.samples, self.row, self.lead);
        match class {
            Class::Fused => {}
            Class::Rows => {
                if fresh {
                    self.rows.clear();
                }
                self.rows.keep_last(lead * s);
            }
            Class::Dense if self.brief[0] => self.data.resize(s * row),
            Class::Dense if lead == 0 => self.data.resize(s * steps * row),
            Class::Dense => {
                let (old, new) = ((lead + self.steps) * row, (lead + steps) * row);
                let mut history = Vec::new();
                if !fresh && self.class == Class::Dense {
                    for b in 0..s {
                        history.extend_from_slice(
                            &self.data[(b + 1) * old - lead * row..][..lead * row],
                        );
                    }
                }
                self.data.resize(s * new);
                history.resize(s * lead * row, R::ZERO);
                for b in 0..s {
                    self.data[b * new..][..lead * row]
                        .copy_from_slice(&history[b * lead * row..][..lead * row]);
                }
            }
            Class::Constant => self.data.resize(s * row),
        }
        self.class = class;
        self.steps = steps;
    }

    /// The signal as an edge with that delay hands it on.
    #[inline(always)]
    pub fn signal(&self, delay: usize) -> Signal<'_, R> {
        let shift = self.lead - delay;
        match self.class {
            Class::Rows => Signal::Rows {
                rows: &self.rows,
                first: shift * self.samples,
                samples: self.samples,
            },
            Class::Dense => {
                let mut layout = self.layout();
                layout.origin = shift * self.row;
                Signal::Dense {
                    data: &self.data,
                    layout,
                    row: self.row,
                }
            }
            _ => Signal::Constant {
                data: &self.data,
                row: self.row,
            },
        }
    }

    /// Where values stand: `[sample][lead + step][row]`, or `[sample][row]` if one step is held at a time.
    #[inline(always)]
    pub fn layout(&self) -> Layout {
        if self.class == Class::Constant || self.brief[0] {
            return Layout::still(self.row);
        }
        Layout {
            origin: self.lead * self.row,
            ..Layout::by_step(self.lead + self.steps, 1, self.row)
        }
    }

    /// Where errors stand: `[sample][step][row]`, or `[sample][row]` if one step is held at a time, or
    /// `[step][sample][row]` in a loop, which goes through all samples step by step.
    pub fn error_layout(&self) -> Layout {
        if self.class == Class::Constant || self.brief[1] {
            Layout::still(self.row)
        } else if self.looped {
            Layout::by_time(self.samples, self.row)
        } else {
            Layout::by_step(self.steps, 1, self.row)
        }
    }

    /// Where a step's values are written; the same place for all steps of a constant.
    pub fn out(&mut self, b: usize, t: usize) -> &mut [R] {
        let at = self.layout().at(b, t);
        &mut self.data[at..][..self.row]
    }

    /// Makes room for errors, all zero.
    pub fn begin_error(&mut self) {
        self.make_room_for_error();
        self.error.fill(R::ZERO);
    }

    /// Makes room for errors that are written before they are read.
    pub fn make_room_for_error(&mut self) {
        let still = self.class == Class::Constant || self.brief[1];
        let steps = if still { 1 } else { self.steps };
        self.error.resize(self.samples * self.row * steps);
    }
}

/// Where the error of a node's output is collected.
pub(crate) struct Errors<'a, R> {
    pub data: &'a mut [R],
    pub layout: Layout,
    pub samples: usize,
    pub row_len: usize,
    pub constant: bool,
    /// Whether this is the first error of these steps: it is written, not added.
    pub fresh: bool,
}

impl<R: Float> Errors<'_, R> {
    /// The error of a step to add to; one for all steps of a constant.
    pub fn row(&mut self, b: usize, t: usize) -> &mut [R] {
        let row = &mut self.data[self.layout.at(b, t)..][..self.row_len];
        if self.fresh {
            row.fill(R::ZERO);
        }
        row
    }
}
