//! All to all with delays of single weights: `x_j[t] = b_j + sum_i w_ji sum_n k_ji[n] z_i[t - n]`.
//!
//! A spike adds each of its weights to the step in which it arrives, in a ring of the steps to come: the work grows with
//! the spikes, whatever the delays. The bits do not depend on how steps are cut into chunks.

use super::{Linear, Pairs, Taps};
use crate::kernel::{TILE, View};
use crate::num::{Aligned, Float};
use crate::sim::{Errors, Signal, Slot};
use std::ops::Range;

/// What is still on its way to the outputs of a projection, `[sample][tile][steps to come][64]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ring<R> {
    data: Aligned<R>,
    /// Steps to come, a power of two.
    len: usize,
    /// The number of the chunk's first step, and of its steps.
    clock: usize,
    steps: usize,
}

impl<R: Float> Ring<R> {
    /// Makes room for a chunk of steps and lags of up to `longest`; `fresh` forgets what was before. What is on its way
    /// stays so, whatever the delays are now.
    pub fn begin(&mut self, longest: usize, cells: usize, steps: usize, fresh: bool) {
        let len = (longest + 1).next_power_of_two();
        if fresh {
            (self.clock, self.len) = (0, len);
            self.data.resize(cells * len * TILE);
            self.data.fill(R::ZERO);
        } else {
            self.clock += self.steps;
            if len > self.len {
                self.grow(len);
            }
        }
        self.steps = steps;
    }

    fn grow(&mut self, len: usize) {
        let old = std::mem::take(&mut self.data);
        self.data.resize(old.len() / self.len * len);
        let from = old.chunks_exact(self.len * TILE);
        for (from, to) in from.zip(self.data.chunks_exact_mut(len * TILE)) {
            for step in self.clock..self.clock + self.len {
                to[step % len * TILE..][..TILE]
                    .copy_from_slice(&from[step % self.len * TILE..][..TILE]);
            }
        }
        self.len = len;
    }
}

/// Rows of 64 weights with their taps.
struct Row<'a, R> {
    weights: &'a [R; TILE],
    first: &'a [u32; TILE],
    share: &'a [[R; TILE]],
    slope: &'a [[R; TILE]],
}

impl<R: Float> Taps<R> {
    fn row<'a>(&'a self, weights: &'a [R], n: usize) -> Row<'a, R> {
        let width = if self.width > 1 { self.width } else { 0 };
        Row {
            weights: &weights.as_chunks::<TILE>().0[n],
            first: &self.first.as_chunks::<TILE>().0[n],
            share: &self.share.as_chunks::<TILE>().0[n * width..][..width],
            slope: &self.slope.as_chunks::<TILE>().0[n * width..][..width],
        }
    }
}

impl<R: Float> Row<'_, R> {
    /// Adds what an input of value `v` in step `now` brings, and when.
    #[inline(always)]
    fn scatter(&self, ring: &mut [[R; TILE]], now: usize, v: R) {
        let last = ring.len() - 1;
        match self.share {
            [] => {
                for j in 0..TILE {
                    ring[(now + self.first[j] as usize) & last][j] += self.weights[j] * v;
                }
            }
            share => {
                for j in 0..TILE {
                    let (at, w) = (now + self.first[j] as usize, self.weights[j] * v);
                    for (m, share) in share.iter().enumerate() {
                        ring[(at + m) & last][j] += w * share[j];
                    }
                }
            }
        }
    }

    /// Adds the derivatives by weights and delays that an input of value `v` has, given the errors from its step on.
    #[inline(always)]
    fn gather(&self, errors: &[[R; TILE]], v: R, by_weight: &mut [R], by_delay: &mut [R]) {
        for j in 0..TILE {
            let errors = &errors[self.first[j] as usize..];
            if self.share.is_empty() {
                by_weight[j] += errors[0][j] * v;
                continue;
            }
            let (mut share, mut slope) = (R::ZERO, R::ZERO);
            for m in 0..self.share.len() {
                share += self.share[m][j] * errors[m][j];
                slope += self.slope[m][j] * errors[m][j];
            }
            by_weight[j] += share * v;
            if let Some(g) = by_delay.get_mut(j) {
                *g += self.weights[j] * slope * v;
            }
        }
    }
}

impl Linear {
    /// Writes what arrives.
    pub fn forward_late<R: Float>(
        &self,
        (weights, bias): (&[R], Option<&[R]>),
        taps: &Taps<R>,
        source: &Signal<'_, R>,
        out: &mut Slot<R>,
        steps: Range<usize>,
    ) {
        let mut ring = std::mem::take(&mut out.ring);
        let cells = ring.data.chunks_exact_mut(ring.len * TILE);
        let tiles = out.row / TILE;
        for (cell, ring_data) in cells.enumerate() {
            let (b, tile) = (cell / tiles, cell % tiles);
            let rows = ring_data.as_chunks_mut::<TILE>().0;
            for t in steps.clone() {
                let now = ring.clock + t;
                source.nonzeros(b, t, |i, v| {
                    // Places past the last input are padding.
                    if i < self.inputs {
                        taps.row(weights, tile * self.inputs + i)
                            .scatter(rows, now, v);
                    }
                });
                let here = &mut rows[now % ring.len];
                let out = &mut out.out(b, t)[tile * TILE..][..TILE];
                out.copy_from_slice(here);
                if let Some(bias) = bias {
                    let bias = &bias[tile * TILE..][..TILE];
                    out.iter_mut().zip(bias).for_each(|(o, &b)| *o = b + *o);
                }
                here.fill(R::ZERO);
            }
        }
        out.ring = ring;
    }

    /// Adds the error of the source: each weight brings back errors of later steps. Of all steps at once, or of a single
    /// one, as in a loop, for all samples at once.
    pub fn backward_late<R: Float>(
        &self,
        (weights, taps): (&[R], &Taps<R>),
        error: View<'_, R>,
        into: &mut Errors<'_, R>,
        pairs: Pairs,
        steps: Range<usize>,
    ) {
        for range in pairs.pieces(steps) {
            let first = range.start / pairs.stretch * pairs.stretch;
            let reach = range.start - pairs.shift - first;
            R::vectorize(
                #[inline(always)]
                || match range.len() {
                    1 => self.step_back((weights, taps), error, into, (range.start, reach), pairs),
                    _ => self.steps_back((weights, taps), error, into, range, pairs),
                },
            );
        }
    }

    /// The errors of steps that begin a stretch of backpropagation.
    #[inline(always)]
    fn steps_back<R: Float>(
        &self,
        (weights, taps): (&[R], &Taps<R>),
        error: View<'_, R>,
        into: &mut Errors<'_, R>,
        range: Range<usize>,
        pairs: Pairs,
    ) {
        let (steps, width) = (range.len(), taps.width);
        // `[output][step]`, and zeros behind: what would arrive past the end has no error.
        let row = steps + width - 1;
        let mut errors = vec![R::ZERO; self.outputs * row];
        let mut sums = vec![R::ZERO; steps];
        for b in 0..into.samples {
            for (j, errors) in errors.chunks_exact_mut(row).enumerate() {
                for (e, t) in errors.iter_mut().zip(range.clone()) {
                    *e = error.data[error.at(b, t, j / TILE) + j % TILE];
                }
            }
            for i in 0..self.inputs {
                sums.fill(R::ZERO);
                for (tile, errors) in errors.chunks(TILE * row).enumerate() {
                    let own = taps.row(weights, tile * self.inputs + i);
                    for (j, errors) in errors.chunks_exact(row).enumerate() {
                        let (w, first) = (own.weights[j], own.first[j] as usize);
                        if first >= steps {
                            continue;
                        }
                        let sums = &mut sums[..steps - first];
                        let errors = &errors[first..];
                        if own.share.is_empty() {
                            add_taps(sums, errors, [w]);
                        }
                        let (pairs, last) = own.share.as_chunks::<2>();
                        for (m, two) in pairs.iter().enumerate() {
                            add_taps(sums, &errors[2 * m..], two.map(|share| w * share[j]));
                        }
                        if let [share] = last {
                            add_taps(sums, &errors[width - 1..], [w * share[j]]);
                        }
                    }
                }
                for (t, &s) in range.clone().zip(&sums) {
                    into.data[into.layout.at(b, t - pairs.shift) + i] += s;
                }
            }
        }
    }

    /// The errors of step `t`, which go back by `reach` steps at most, besides the delay of the edge.
    #[inline(always)]
    fn step_back<R: Float>(
        &self,
        (weights, taps): (&[R], &Taps<R>),
        error: View<'_, R>,
        into: &mut Errors<'_, R>,
        (t, reach): (usize, usize),
        pairs: Pairs,
    ) {
        const LANES: usize = 16;
        let mut errors = vec![[R::ZERO; LANES]; self.outputs];
        // By lag.
        let mut sums = vec![[R::ZERO; LANES]; taps.longest + 1];
        for samples in (0..into.samples).step_by(LANES) {
            let samples = samples..(samples + LANES).min(into.samples);
            for (j, errors) in errors.iter_mut().enumerate() {
                for (e, b) in errors.iter_mut().zip(samples.clone()) {
                    *e = error.data[error.at(b, t, j / TILE) + j % TILE];
                }
            }
            for i in 0..self.inputs {
                sums.fill([R::ZERO; LANES]);
                for (tile, errors) in errors.chunks(TILE).enumerate() {
                    let own = taps.row(weights, tile * self.inputs + i);
                    for (j, errors) in errors.iter().enumerate() {
                        let (w, first) = (own.weights[j], own.first[j] as usize);
                        for (m, sums) in sums[first..][..taps.width].iter_mut().enumerate() {
                            let factor = own.share.get(m).map_or(w, |share| w * share[j]);
                            for l in 0..LANES {
                                sums[l] += factor * errors[l];
                            }
                        }
                    }
                }
                for (lag, sums) in sums.iter().enumerate().take(reach + 1) {
                    for (&s, b) in sums.iter().zip(samples.clone()) {
                        into.data[into.layout.at(b, t - pairs.shift - lag) + i] += s;
                    }
                }
            }
        }
    }

    /// Adds the gradients of weights and delays; the signal has the delay of its edge taken off. Without trained delays
    /// `by_delay` is empty.
    pub fn gradient_late<R: Float>(
        &self,
        (weights, taps): (&[R], &Taps<R>),
        error: View<'_, R>,
        source: &Signal<'_, R>,
        (samples, steps): (usize, usize),
        pairs: Pairs,
        [by_weight, by_delay]: [&mut [R]; 2],
    ) {
        let mut errors: Vec<[R; TILE]> = Vec::new();
        for range in pairs.pieces(0..steps) {
            for cell in 0..samples * self.outputs.div_ceil(TILE) {
                let (b, tile) = (cell % samples, cell / samples);
                errors.clear();
                for t in range.clone() {
                    let at = error.at(b, t, tile);
                    errors.extend_from_slice(error.data[at..][..TILE].as_chunks().0);
                }
                // What would arrive past the end has no error.
                errors.resize(range.len() + taps.longest, [R::ZERO; TILE]);
                for (n, t) in range.clone().enumerate() {
                    source.nonzeros(b, t, |i, v| {
                        if i < self.inputs {
                            let row = tile * self.inputs + i;
                            let by_weight = &mut by_weight[row * TILE..][..TILE];
                            let row_of = taps.row(weights, row);
                            if by_delay.len() == self.inputs {
                                // One delay for all weights of an input.
                                let mut all = [R::ZERO; TILE];
                                row_of.gather(&errors[n..], v, by_weight, &mut all);
                                by_delay[i] += all.into_iter().fold(R::ZERO, |a, b| a + b);
                                return;
                            }
                            let by_delay = by_delay.get_mut(row * TILE..(row + 1) * TILE);
                            let by_delay = by_delay.unwrap_or(&mut []);
                            row_of.gather(&errors[n..], v, by_weight, by_delay);
                        }
                    });
                }
            }
        }
    }
}

/// Adds the errors of the steps from each on, weighted.
#[inline(always)]
fn add_taps<R: Float, const N: usize>(sums: &mut [R], errors: &[R], factors: [R; N]) {
    let n = sums.len();
    let errors: [&[R]; N] = std::array::from_fn(|m| &errors[m..][..n]);
    for t in 0..n {
        let mut sum = sums[t];
        for m in 0..N {
            sum += factors[m] * errors[m][t];
        }
        sums[t] = sum;
    }
}
