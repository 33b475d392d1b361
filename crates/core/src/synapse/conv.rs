//! Convolution over images whose channels stand last: what fired adds whole runs of the kernel to a row of outputs.

use super::Pairs;
use crate::kernel::{Left, Right, TILE, View, padded, panel};
use crate::num::Float;
use crate::sim::{Class, Errors, Signal, Slot};
use std::ops::Range;

/// `y_o(p) = b_o + sum_{c,k} w_oc(k) z_c(stride p + k - padding)`.
#[derive(Clone, Debug)]
pub(crate) struct Conv {
    pub weight: usize,
    pub bias: Option<usize>,
    pub input: [usize; 3],
    pub output: [usize; 3],
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub groups: usize,
}

/// Neighbouring outputs that one input reaches through neighbouring taps of one kernel row.
struct Run {
    /// The row of the kernel.
    row: usize,
    /// The first tap, counted from the right, and how many.
    taps: Range<usize>,
    /// The first output pixel.
    pixel: usize,
}

impl Conv {
    /// Multiply-accumulates of a step if everything fired; taps that fall on the padding count.
    pub fn macs(&self) -> usize {
        self.output.iter().product::<usize>() * self.patch()
    }

    /// Taps of one output.
    fn patch(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.input[0] / self.groups
    }

    /// What an input pixel reaches.
    #[inline(always)]
    fn runs(&self, y: usize, x: usize, mut f: impl FnMut(Run)) {
        let ([_, oh, ow], [kh, kw]) = (self.output, self.kernel);
        let ([sy, sx], [py, px]) = (self.stride, self.padding);
        for row in 0..kh {
            let Some(above) = (y + py).checked_sub(row) else {
                break;
            };
            if above % sy != 0 || above / sy >= oh {
                continue;
            }
            let line = above / sy * ow;
            if sx == 1 {
                // Tap f from the right reaches column x + padding - (kw - 1 - f).
                let (right, end) = (x + px + 1, x + px);
                let first = kw.saturating_sub(right);
                let last = kw.min((ow + kw - 1).saturating_sub(end));
                if first < last {
                    f(Run {
                        row,
                        taps: first..last,
                        pixel: line + right + first - kw,
                    });
                }
            } else {
                for tap in 0..kw {
                    let Some(left) = (x + px + tap + 1).checked_sub(kw) else {
                        continue;
                    };
                    if left % sx == 0 && left / sx < ow {
                        f(Run {
                            row,
                            taps: tap..tap + 1,
                            pixel: line + left / sx,
                        });
                    }
                }
            }
        }
    }

    /// Calls `f` with where each run stands in the kernel and in the output, and its length.
    #[inline(always)]
    fn spans(&self, input: usize, mut f: impl FnMut(usize, usize, usize)) {
        let ([c, _, w], [o, _, _], [kh, kw]) = (self.input, self.output, self.kernel);
        let (channel, pixel) = (input % c, input / c);
        let (per_group, og) = (c / self.groups, o / self.groups);
        let group = channel / per_group;
        self.runs(pixel / w, pixel % w, |run| {
            let kernel = ((channel * kh + run.row) * kw + run.taps.start) * og;
            let output = run.pixel * o + group * og;
            if self.groups == 1 {
                f(kernel, output, run.taps.len() * o);
            } else {
                for n in 0..run.taps.len() {
                    f(kernel + n * og, output + n * o, og);
                }
            }
        });
    }

    /// Writes the weighted sums of some steps.
    pub fn forward<R: Float>(
        &self,
        (weights, bias): (&[R], Option<&[R]>),
        source: &Signal<'_, R>,
        out: &mut Slot<R>,
        steps: Range<usize>,
    ) {
        let steps = if out.class == Class::Constant {
            0..1
        } else {
            steps
        };
        let channels = self.output[0];
        for t in steps {
            for b in 0..out.samples {
                let out = out.out(b, t);
                out.fill(R::ZERO);
                if let Some(bias) = bias {
                    let size: usize = self.output.iter().product();
                    let pixels = out[..size].chunks_exact_mut(channels);
                    pixels.for_each(|p| p.copy_from_slice(bias));
                }
                R::vectorize(
                    #[inline(always)]
                    || {
                        if let Some((index, None)) = source.sparse(b, t) {
                            for &i in index {
                                self.spans(i as usize, |k, o, n| {
                                    let w = &weights[k..k + n];
                                    out[o..o + n].iter_mut().zip(w).for_each(|(o, &w)| *o += w);
                                });
                            }
                        } else {
                            source.nonzeros(b, t, |i, v| {
                                self.spans(i, |k, o, n| {
                                    let w = &weights[k..k + n];
                                    let out = out[o..o + n].iter_mut().zip(w);
                                    out.for_each(|(o, &w)| *o += w * v);
                                });
                            });
                        }
                    },
                );
            }
        }
    }

    /// Adds the gradient of the kernel; source and error are of the same steps.
    pub fn gradient<R: Float>(
        &self,
        error: View<'_, R>,
        source: &Signal<'_, R>,
        (samples, steps): (usize, Range<usize>),
        pairs: Pairs,
        gradient: &mut [R],
    ) {
        let size = self.output.iter().product();
        for t in pairs.pieces(steps).flatten() {
            for b in 0..samples {
                let error = error.row(b, t, size);
                R::vectorize(
                    #[inline(always)]
                    || {
                        if let Some((index, None)) = source.sparse(b, t) {
                            for &i in index {
                                self.spans(i as usize, |k, o, n| {
                                    let g = gradient[k..k + n].iter_mut().zip(&error[o..o + n]);
                                    g.for_each(|(g, &e)| *g += e);
                                });
                            }
                        } else {
                            source.nonzeros(b, t, |i, v| {
                                self.spans(i, |k, o, n| {
                                    let g = gradient[k..k + n].iter_mut().zip(&error[o..o + n]);
                                    g.for_each(|(g, &e)| *g += e * v);
                                });
                            });
                        }
                    },
                );
            }
        }
    }

    /// Adds the gradient of the bias.
    pub fn bias_gradient<R: Float>(
        &self,
        error: View<'_, R>,
        (samples, steps): (usize, Range<usize>),
        gradient: &mut [R],
    ) {
        let size = self.output.iter().product();
        for t in steps {
            for b in 0..samples {
                for pixel in error.row(b, t, size).chunks_exact(self.output[0]) {
                    gradient.iter_mut().zip(pixel).for_each(|(g, &e)| *g += e);
                }
            }
        }
    }

    /// The kernel as panels `[group][patch / 64][output][64]`, a patch being `[height][width][channel]`.
    pub fn transposed<R: Float>(&self, weights: &[R]) -> Vec<R> {
        let ([c, ..], [o, ..], [kh, kw]) = (self.input, self.output, self.kernel);
        let (cg, og) = (c / self.groups, o / self.groups);
        let width = padded(self.patch());
        let mut out = vec![R::ZERO; self.groups * width * og];
        for channel in 0..c {
            let (group, within) = (channel / cg, channel % cg);
            for row in 0..kh {
                for tap in 0..kw {
                    let patch = (row * kw + kw - 1 - tap) * cg + within;
                    let from = &weights[((channel * kh + row) * kw + tap) * og..][..og];
                    for (k, &w) in from.iter().enumerate() {
                        let panel = (group * width + patch / TILE * TILE) * og;
                        out[panel + k * TILE + patch % TILE] = w;
                    }
                }
            }
        }
        out
    }

    /// Adds the error of the source: for each output pixel the error of its patch, put back where it came from.
    pub fn backward<R: Float>(
        &self,
        transposed: &[R],
        error: View<'_, R>,
        into: &mut Errors<'_, R>,
        pairs: Pairs,
        steps: Range<usize>,
    ) {
        let ([c, h, w], [o, oh, ow], [kh, kw]) = (self.input, self.output, self.kernel);
        let (cg, og, pixels) = (c / self.groups, o / self.groups, oh * ow);
        let width = padded(self.patch());
        let mut patches = vec![R::ZERO; pixels * width];
        let [[sy, sx], [py, px]] = [self.stride, self.padding];
        for t in pairs.pieces(steps).flatten() {
            for b in 0..into.samples {
                let error = error.row(b, t, pixels * o);
                let out = into.row(b, t - pairs.shift);
                for group in 0..self.groups {
                    let left = Left {
                        data: &error[group * og..],
                        row: o,
                        column: 1,
                    };
                    for tile in 0..width / TILE {
                        let right = &transposed[(group * width + tile * TILE) * og..];
                        let c = &mut patches[tile * TILE..];
                        panel(pixels, og, left, Right::packed(right), false, c, width);
                    }
                    for (pixel, patch) in patches.chunks_exact(width).enumerate() {
                        let (y, x) = (pixel / ow * sy, pixel % ow * sx);
                        let taps = px.saturating_sub(x)..kw.min(w + px - x);
                        for row in py.saturating_sub(y)..kh.min(h + py - y) {
                            let line = (y + row - py) * w;
                            let patch = &patch[row * kw * cg..][..kw * cg];
                            if self.groups == 1 {
                                let to = (line + x + taps.start - px) * c;
                                let from = &patch[taps.start * c..taps.end * c];
                                let out = out[to..][..from.len()].iter_mut();
                                out.zip(from).for_each(|(o, &e)| *o += e);
                            } else {
                                for tap in taps.clone() {
                                    let to = (line + x + tap - px) * c + group * cg;
                                    let out = out[to..][..cg].iter_mut();
                                    let from = &patch[tap * cg..][..cg];
                                    out.zip(from).for_each(|(o, &e)| *o += e);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
