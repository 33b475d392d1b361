//! All to all: `x_j = b_j + sum_i w_ji z_i`.

use crate::kernel::{Lane, Left, Right, TILE, View, add_rows, panel};
use crate::num::Float;
use crate::sim::{Class, Errors, Signal, Slot};
use std::ops::Range;

/// Weights from all inputs to all outputs; the numbers stand in the network's parameters.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    pub weight: usize,
    pub bias: Option<usize>,
    pub delays: Option<Delay>,
    pub inputs: usize,
    pub outputs: usize,
}

/// Where the delays of weights stand, in seconds: one number, one for each input, or one for each weight in the order of the
/// weights.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Delay {
    /// A trained parameter of the network.
    Trained(usize),
    /// One of its buffers.
    Fixed(usize),
}

impl Delay {
    /// Where among `count` delays that of the weight at `place` stands, for a projection of so many inputs.
    #[inline(always)]
    pub fn place(count: usize, inputs: usize, place: usize) -> usize {
        match count {
            1 => 0,
            n if n == inputs => place / TILE % inputs,
            _ => place,
        }
    }
}

/// Which steps of an error belong to which steps of a source: error step `t` and source step `t - shift`, never across
/// the end of a stretch of backpropagation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pairs {
    pub shift: usize,
    /// Length of a stretch; `usize::MAX` for all.
    pub stretch: usize,
}

impl Pairs {
    /// The steps of the error, in pieces.
    pub fn pieces(self, steps: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let first = steps.start / self.stretch;
        let last = steps.end.div_ceil(self.stretch);
        (first..last).filter_map(move |k| {
            let a = k.saturating_mul(self.stretch);
            let b = a.saturating_add(self.stretch).min(steps.end);
            let a = (a + self.shift).max(steps.start);
            (a < b).then_some(a..b)
        })
    }
}

/// Share of inputs that fire above which the dense product is faster than adding rows: a row costs a load and an
/// addition of each register, plus its address; an input of the dense product a multiply-add and part of a load.
const DENSE_ABOVE: f64 = 0.6;

impl Linear {
    fn tile<'a, R>(&self, weights: &'a [R], tile: usize) -> &'a [R] {
        &weights[tile * self.inputs * TILE..][..self.inputs * TILE]
    }

    /// Whether a source is so dense that the product is cheaper than adding rows; both give the same bits.
    pub fn prefers_dense<R: Float>(&self, source: &Signal<'_, R>, steps: usize) -> bool {
        let Signal::Rows {
            rows,
            first,
            samples,
        } = *source
        else {
            return true;
        };
        let (a, b) = (rows.offsets[first], rows.offsets[first + steps * samples]);
        rows.values.is_empty()
            && f64::from(b - a) > DENSE_ABOVE * (steps * samples * self.inputs) as f64
    }

    /// For each input as it stands in memory, how many weights that are not zero lead away from it.
    pub fn fan_out<R: Float>(&self, weights: &[R]) -> Vec<u64> {
        let mut count = vec![0; self.inputs];
        for tile in 0..self.outputs.div_ceil(TILE) {
            let live = (self.outputs - tile * TILE).min(TILE);
            let rows = self.tile(weights, tile).chunks_exact(TILE);
            for (count, row) in count.iter_mut().zip(rows) {
                *count += row[..live].iter().filter(|&&w| w != R::ZERO).count() as u64;
            }
        }
        count
    }

    /// Writes the weighted sums.
    pub fn forward<R: Float>(
        &self,
        (weights, bias): (&[R], Option<&[R]>),
        source: &Signal<'_, R>,
        out: &mut Slot<R>,
        steps: Range<usize>,
    ) {
        let (samples, row) = (out.samples, out.row);
        if let Some(bias) = bias {
            for b in 0..samples {
                steps
                    .clone()
                    .for_each(|t| out.out(b, t).copy_from_slice(bias));
            }
        }
        let keep = bias.is_some();
        let count = if out.class == Class::Constant {
            1
        } else {
            steps.len()
        };
        let width = padded_inputs(source, self.inputs);
        let mut expanded = Vec::new();
        for b in 0..samples {
            let dense = match source.dense(b, steps.start) {
                Some(_) => None,
                None if count > 1 && self.prefers_dense(source, steps.end) => {
                    expanded.resize(count * width, R::ZERO);
                    for (t, row) in steps.clone().zip(expanded.chunks_exact_mut(width)) {
                        source.expand(b, t, row);
                    }
                    Some(&expanded[..])
                }
                None => {
                    for t in steps.clone() {
                        self.sparse_row(weights, source, out.out(b, t), (b, t), keep);
                    }
                    continue;
                }
            };
            let data = match (dense, *source) {
                (Some(data), _) => data,
                (None, Signal::Dense { data, layout, .. }) => &data[layout.at(b, steps.start)..],
                (None, Signal::Constant { data, row }) => &data[b * row..],
                _ => continue,
            };
            let left = Left::even(data, width, 1);
            let at = out.layout().at(b, steps.start);
            for tile in 0..row / TILE {
                let right = Right::packed(self.tile(weights, tile));
                let c = &mut out.data[at + tile * TILE..];
                panel(count, self.inputs, left, right, keep, c, row);
            }
        }
    }

    fn sparse_row<R: Float>(
        &self,
        weights: &[R],
        source: &Signal<'_, R>,
        out: &mut [R],
        (b, t): (usize, usize),
        keep: bool,
    ) {
        let Some((index, values)) = source.sparse(b, t) else {
            return;
        };
        for (tile, out) in out.chunks_exact_mut(TILE).enumerate() {
            let mut sum = Lane::zero();
            R::vectorize(
                #[inline(always)]
                || add_rows(&mut sum, self.tile(weights, tile), index, values),
            );
            for (o, &s) in out.iter_mut().zip(&sum[..]) {
                *o = if keep { *o + s } else { s };
            }
        }
    }

    /// Adds the error of the source; `transposed` are the panels of the transposed weights.
    pub fn backward<R: Float>(
        &self,
        transposed: &[R],
        error: View<'_, R>,
        into: &mut Errors<'_, R>,
        pairs: Pairs,
        steps: Range<usize>,
    ) {
        let (from, to, keep) = (error.layout, into.layout, !into.fresh);
        for range in pairs.pieces(steps) {
            let (count, first) = (range.len(), range.start - pairs.shift);
            for tile in 0..into.row_len / TILE {
                let right = &transposed[tile * self.outputs * TILE..][..self.outputs * TILE];
                let right = Right::packed(right);
                let mut multiply = |rows, b: usize, [row, stride]: [usize; 2]| {
                    let left = Left {
                        data: &error.data[error.at(b, range.start, 0)..],
                        row,
                        column: 1,
                        part: from.tile,
                    };
                    let c = &mut into.data[to.at(b, first) + tile * TILE..];
                    panel(rows, self.outputs, left, right, keep, c, stride);
                };
                if into.constant || count == 1 {
                    multiply(into.samples, 0, [from.batch, to.batch]);
                } else {
                    (0..into.samples).for_each(|b| multiply(count, b, [from.step, to.step]));
                }
            }
        }
    }

    /// Adds the gradient of the weights; the signal has the delay of its edge taken off.
    pub fn gradient<R: Float>(
        &self,
        error: View<'_, R>,
        source: &Signal<'_, R>,
        (samples, steps): (usize, usize),
        pairs: Pairs,
        gradient: &mut [R],
    ) {
        match *source {
            Signal::Rows { .. } => {
                let columns = Columns::new(self.inputs, error, source, samples, steps, pairs);
                R::vectorize(
                    #[inline(always)]
                    || columns.gather(error, gradient, self.inputs),
                );
            }
            Signal::Constant { data, row } => {
                let left = Left::even(data, 1, row);
                for (tile, g) in gradient.chunks_exact_mut(self.inputs * TILE).enumerate() {
                    let right = Right {
                        data: &error.data[error.at(0, 0, tile)..],
                        row: error.layout.batch,
                    };
                    panel(self.inputs, samples, left, right, true, g, TILE);
                }
            }
            Signal::Dense { data, layout, .. } => {
                for b in 0..samples {
                    for range in pairs.pieces(0..steps) {
                        let data = &data[layout.at(b, range.start)..];
                        let left = Left::even(data, 1, layout.step);
                        for (tile, g) in gradient.chunks_exact_mut(self.inputs * TILE).enumerate() {
                            let right = Right {
                                data: &error.data[error.at(b, range.start, tile)..],
                                row: error.layout.step,
                            };
                            panel(self.inputs, range.len(), left, right, true, g, TILE);
                        }
                    }
                }
            }
        }
    }

    /// Adds the gradient of the bias.
    pub fn bias_gradient<R: Float>(
        error: View<'_, R>,
        (samples, steps): (usize, usize),
        gradient: &mut [R],
    ) {
        for b in 0..samples {
            for t in 0..steps {
                for (tile, g) in gradient.chunks_exact_mut(TILE).enumerate() {
                    let e = &error.data[error.at(b, t, tile)..][..TILE];
                    g.iter_mut().zip(e).for_each(|(g, &e)| *g += e);
                }
            }
        }
    }
}

fn padded_inputs<R>(source: &Signal<'_, R>, inputs: usize) -> usize {
    match source {
        Signal::Rows { .. } => inputs,
        Signal::Dense { row, .. } | Signal::Constant { row, .. } => *row,
    }
}

/// For each input, where the errors stand of the steps in which it fired, counted in tiles.
struct Columns<R> {
    offsets: Vec<u32>,
    address: Vec<u32>,
    values: Vec<R>,
}

impl<R: Float> Columns<R> {
    fn new(
        inputs: usize,
        error: View<'_, R>,
        source: &Signal<'_, R>,
        samples: usize,
        steps: usize,
        pairs: Pairs,
    ) -> Self {
        let mut offsets = vec![0u32; inputs + 2];
        let times: Vec<usize> = pairs.pieces(0..steps).flatten().collect();
        let mut valued = false;
        for b in 0..samples {
            for &t in &times {
                if let Some((index, values)) = source.sparse(b, t) {
                    index.iter().for_each(|&i| offsets[i as usize + 2] += 1);
                    valued |= values.is_some();
                }
            }
        }
        for i in 2..offsets.len() {
            offsets[i] += offsets[i - 1];
        }
        let count = offsets[inputs + 1] as usize;
        let mut address = vec![0u32; count];
        let mut list = vec![R::ZERO; if valued { count } else { 0 }];
        for b in 0..samples {
            for &t in &times {
                let at = (error.at(b, t, 0) / TILE) as u32;
                let Some((index, values)) = source.sparse(b, t) else {
                    continue;
                };
                for (n, &i) in index.iter().enumerate() {
                    let slot = &mut offsets[i as usize + 1];
                    address[*slot as usize] = at;
                    if let Some(values) = values {
                        list[*slot as usize] = values[n];
                    }
                    *slot += 1;
                }
            }
        }
        Self {
            offsets,
            address,
            values: list,
        }
    }

    #[inline(always)]
    fn gather(&self, error: View<'_, R>, gradient: &mut [R], inputs: usize) {
        for (tile, gradient) in gradient.chunks_exact_mut(inputs * TILE).enumerate() {
            let data = error.data[tile * error.layout.tile..].as_chunks::<TILE>().0;
            for (i, g) in gradient.chunks_exact_mut(TILE).enumerate() {
                let range = self.offsets[i] as usize..self.offsets[i + 1] as usize;
                if range.is_empty() {
                    continue;
                }
                let mut sum = Lane::zero();
                if self.values.is_empty() {
                    for &a in &self.address[range] {
                        let e = &data[a as usize];
                        for j in 0..TILE {
                            sum[j] += e[j];
                        }
                    }
                } else {
                    for n in range {
                        let e = &data[self.address[n] as usize];
                        for j in 0..TILE {
                            sum[j] += e[j] * self.values[n];
                        }
                    }
                }
                for j in 0..TILE {
                    g[j] += sum[j];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_stay_within_a_stretch() {
        let p = Pairs {
            shift: 1,
            stretch: 4,
        };
        assert_eq!(p.pieces(0..10).collect::<Vec<_>>(), [1..4, 5..8, 9..10]);
        assert_eq!(p.pieces(4..5).count(), 0);
        let all = Pairs {
            shift: 2,
            stretch: usize::MAX,
        };
        assert!(all.pieces(0..10).eq(std::iter::once(2..10)));
    }
}
