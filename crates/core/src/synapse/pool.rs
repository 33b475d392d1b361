//! Sum, mean and maximum over windows of an image.

use super::{Pairs, Scratch};
use crate::kernel::View;
use crate::num::Float;
use crate::sim::{Class, Errors, Signal, Slot};
use std::ops::Range;

/// What is taken of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolKind {
    Sum,
    Mean,
    /// The error goes to the first of the largest, in rows from the top left.
    Max,
    /// Of spikes, those that bring their input's count above the number that have passed: at every step, the count of what
    /// passed is the largest count of an input. Of numbers, and for errors, as [`PoolKind::Max`].
    Gate,
}

impl PoolKind {
    /// Whether it adds what is in a window.
    pub fn is_linear(self) -> bool {
        matches!(self, Self::Sum | Self::Mean)
    }
}

/// Pooling of each channel by itself.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub kind: PoolKind,
    pub input: [usize; 3],
    pub output: [usize; 3],
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    /// The one output whose window holds each input, [`NONE`] where there is none; empty where windows overlap. Filled in
    /// by [`Pool::ready`].
    pub only: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Pool {
    fn weight<R: Float>(&self) -> R {
        match self.kind {
            PoolKind::Mean => R::ONE / R::of((self.kernel[0] * self.kernel[1]) as f64),
            _ => R::ONE,
        }
    }

    /// Fills in which output each input has, where it has one at most.
    pub fn ready(mut self) -> Self {
        if self.kernel.iter().zip(self.stride).all(|(&k, s)| k <= s) {
            let mut only = vec![NONE; self.input.iter().product()];
            for (input, only) in only.iter_mut().enumerate() {
                self.windows_of(input, |o| *only = o as u32);
            }
            self.only = only;
        }
        self
    }

    /// Calls `f` with each output whose window holds the input.
    #[inline(always)]
    fn windows_of(&self, input: usize, mut f: impl FnMut(usize)) {
        if let Some(&only) = self.only.get(input) {
            if only != NONE {
                f(only as usize);
            }
            return;
        }
        let ([c, _, w], [_, oh, ow]) = (self.input, self.output);
        let (channel, pixel) = (input % c, input / c);
        let range = |at: usize, axis: usize, size: usize| {
            let (k, s) = (self.kernel[axis], self.stride[axis]);
            (at + 1).saturating_sub(k).div_ceil(s)..(at / s + 1).min(size)
        };
        for y in range(pixel / w, 0, oh) {
            for x in range(pixel % w, 1, ow) {
                f((y * ow + x) * c + channel);
            }
        }
    }

    /// Calls `f` with each output and each input of its window, in the order of rows.
    #[inline(always)]
    fn windows(&self, mut f: impl FnMut(usize, usize)) {
        let ([c, _, w], [_, oh, ow]) = (self.input, self.output);
        for y in 0..oh {
            for x in 0..ow {
                for ky in 0..self.kernel[0] {
                    for kx in 0..self.kernel[1] {
                        let pixel = (y * self.stride[0] + ky) * w + x * self.stride[1] + kx;
                        for channel in 0..c {
                            f((y * ow + x) * c + channel, pixel * c + channel);
                        }
                    }
                }
            }
        }
    }

    /// Writes some steps: sparse from sparse, dense from dense.
    pub fn forward<R: Float>(
        &self,
        source: &Signal<'_, R>,
        out: &mut Slot<R>,
        steps: Range<usize>,
    ) {
        match out.class {
            Class::Rows => {
                let mut scratch = std::mem::take(&mut out.scratch);
                let size: usize = self.output.iter().product();
                scratch.sums.resize(size, R::ZERO);
                scratch.touched.resize(size.div_ceil(64), 0);
                let mut counts = std::mem::take(&mut out.counts);
                let each = if self.kind == PoolKind::Gate {
                    self.input.iter().product::<usize>() + size
                } else {
                    0
                };
                counts.resize(out.samples * each, 0);
                for t in steps {
                    for b in 0..out.samples {
                        let counts = &mut counts[b * each..][..each];
                        self.sparse(source, out, (b, t), (&mut scratch, counts));
                    }
                }
                (out.scratch, out.counts) = (scratch, counts);
            }
            class => {
                let steps = if class == Class::Constant {
                    0..1
                } else {
                    steps
                };
                for t in steps {
                    for b in 0..out.samples {
                        let Some(row) = source.dense(b, t) else {
                            continue;
                        };
                        let out = out.out(b, t);
                        let max = !self.kind.is_linear();
                        out.fill(if max {
                            R::of(f64::NEG_INFINITY)
                        } else {
                            R::ZERO
                        });
                        let size: usize = self.output.iter().product();
                        out[size..].fill(R::ZERO);
                        let weight = self.weight();
                        self.windows(|o, i| {
                            if !max {
                                out[o] += row[i] * weight;
                            } else if row[i] > out[o] {
                                out[o] = row[i];
                            }
                        });
                    }
                }
            }
        }
    }

    fn sparse<R: Float>(
        &self,
        source: &Signal<'_, R>,
        out: &mut Slot<R>,
        (b, t): (usize, usize),
        (scratch, counts): (&mut Scratch<R>, &mut [u32]),
    ) {
        let Some((index, values)) = source.sparse(b, t) else {
            return;
        };
        let max = !self.kind.is_linear();
        let ones = max && values.is_none();
        if ones && self.kind == PoolKind::Gate {
            self.gate(index, counts, &mut scratch.touched);
        } else {
            let weight: R = self.weight();
            for (n, &i) in index.iter().enumerate() {
                let v = values.map_or(R::ONE, |v| v[n]);
                self.windows_of(i as usize, |o| {
                    scratch.touched[o / 64] |= 1 << (o % 64);
                    if !max {
                        scratch.sums[o] += v * weight;
                    } else if v > scratch.sums[o] {
                        scratch.sums[o] = v;
                    }
                });
            }
        }
        for (word, bits) in scratch.touched.iter_mut().enumerate() {
            while *bits != 0 {
                let o = word * 64 + bits.trailing_zeros() as usize;
                *bits &= *bits - 1;
                out.rows.index.push(o as u32);
                if !ones {
                    out.rows.values.push(scratch.sums[o]);
                }
                scratch.sums[o] = R::ZERO;
            }
        }
        out.rows.close();
    }

    /// Marks the outputs that a spike passes to; `counts` holds the spikes of each input, then those that each output passed.
    fn gate(&self, index: &[u32], counts: &mut [u32], touched: &mut [u64]) {
        let (inputs, passed) = counts.split_at_mut(self.input.iter().product());
        for &i in index {
            let count = &mut inputs[i as usize];
            *count += 1;
            self.windows_of(i as usize, |o| {
                if *count > passed[o] {
                    passed[o] = *count;
                    touched[o / 64] |= 1 << (o % 64);
                }
            });
        }
    }

    /// Adds the error of the source.
    pub fn backward<R: Float>(
        &self,
        error: View<'_, R>,
        source: &Signal<'_, R>,
        into: &mut Errors<'_, R>,
        scratch: &mut Scratch<R>,
        pairs: Pairs,
        steps: Range<usize>,
    ) {
        let size: usize = self.output.iter().product();
        for t in pairs.pieces(steps).flatten() {
            for b in 0..into.samples {
                let error = error.row(b, t, size);
                let out = into.row(b, t - pairs.shift);
                if self.kind.is_linear() {
                    let weight = self.weight();
                    self.windows(|o, i| out[i] += error[o] * weight);
                } else if let Some((index, None)) = source.sparse(b, t) {
                    scratch.row.resize(size, R::ZERO);
                    self.route_spikes(index, error, &mut scratch.row, out);
                } else {
                    let (route, row) = (&mut scratch.index, &mut scratch.row);
                    row.resize(out.len(), R::ZERO);
                    source.expand(b, t, row);
                    route.clear();
                    route.resize(size, u32::MAX);
                    self.windows(|o, i| {
                        if route[o] == u32::MAX || row[i] > row[route[o] as usize] {
                            route[o] = i as u32;
                        }
                    });
                    for (&i, &e) in route.iter().zip(error) {
                        out[i as usize] += e;
                    }
                }
            }
        }
    }

    /// The largest of spikes is the first that fired, and the top left where none did.
    fn route_spikes<R: Float>(&self, index: &[u32], error: &[R], left: &mut [R], out: &mut [R]) {
        left.copy_from_slice(error);
        for &i in index {
            self.windows_of(i as usize, |o| {
                out[i as usize] += std::mem::take(&mut left[o])
            });
        }
        let ([c, _, w], [_, _, ow]) = (self.input, self.output);
        for (pixel, left) in left.chunks_exact(c).enumerate() {
            let corner = pixel / ow * self.stride[0] * w + pixel % ow * self.stride[1];
            let out = out[corner * c..][..c].iter_mut();
            out.zip(left).for_each(|(o, &e)| *o += e);
        }
    }
}
