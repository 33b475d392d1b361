//! Convolution over images whose channels stand last: what fired adds whole runs of the kernel to a row of outputs.

mod error;

use super::Pairs;
use crate::kernel::View;
use crate::num::Float;
use crate::sim::{Class, Signal, Slot};
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
    /// What each input pixel reaches, and where its spans start; filled in by [`Conv::ready`].
    pub spans: Vec<Span>,
    pub offsets: Vec<u32>,
}

/// Neighbouring outputs that one input reaches through neighbouring taps of one kernel row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// Place in the kernel of a channel.
    kernel: u32,
    /// Place in the outputs of a group.
    output: u32,
    len: u32,
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

    /// Fills in what each input pixel reaches.
    pub fn ready(mut self) -> Self {
        let [_, h, w] = self.input;
        for pixel in 0..h * w {
            self.offsets.push(self.spans.len() as u32);
            self.reach(pixel / w, pixel % w);
        }
        self.offsets.push(self.spans.len() as u32);
        self
    }

    /// The outputs that input `i` reaches and the numbers of the weights, all in canonical order.
    pub fn taps(&self, i: usize) -> Vec<(usize, usize)> {
        let ([c, h, w], [o, oh, ow], [kh, kw]) = (self.input, self.output, self.kernel);
        let (cg, og) = (c / self.groups, o / self.groups);
        let (channel, y, x) = (i / (h * w), i / w % h, i % w);
        // The output along one axis that a tap leads to.
        let axis = |at: usize, tap: usize, k: usize, n: usize| {
            let from = (at + self.padding[k]).checked_sub(tap)?;
            let fits = from.is_multiple_of(self.stride[k]) && from / self.stride[k] < n;
            fits.then(|| from / self.stride[k])
        };
        let mut taps = Vec::new();
        for out in (channel / cg * og)..(channel / cg + 1) * og {
            for (ky, kx) in (0..kh).flat_map(|ky| (0..kw).map(move |kx| (ky, kx))) {
                if let (Some(py), Some(px)) = (axis(y, ky, 0, oh), axis(x, kx, 1, ow)) {
                    let weight = ((out * cg + channel % cg) * kh + ky) * kw + kx;
                    taps.push(((out * oh + py) * ow + px, weight));
                }
            }
        }
        taps
    }

    fn reach(&mut self, y: usize, x: usize) {
        let ([o, oh, ow], [kh, kw]) = (self.output, self.kernel);
        let ([sy, sx], [py, px], og) = (self.stride, self.padding, o / self.groups);
        // The output that a tap of the kernel reaches, the taps of a row counted from the right.
        let output = |row: usize, tap: usize| {
            let above = (y + py).checked_sub(row)?;
            let left = (x + px + tap + 1).checked_sub(kw)?;
            let fits = above.is_multiple_of(sy) && left.is_multiple_of(sx);
            (fits && above / sy < oh && left / sx < ow).then(|| above / sy * ow + left / sx)
        };
        for row in 0..kh {
            let mut end = None;
            for tap in 0..kw {
                let Some(pixel) = output(row, tap) else {
                    continue;
                };
                // Taps that reach neighbours make one span, if nothing of another group lies between.
                match (
                    end == Some((pixel, tap)) && self.groups == 1,
                    self.spans.last_mut(),
                ) {
                    (true, Some(span)) => span.len += og as u32,
                    _ => self.spans.push(Span {
                        kernel: ((row * kw + tap) * og) as u32,
                        output: (pixel * o) as u32,
                        len: og as u32,
                    }),
                }
                end = Some((pixel + 1, tap + 1));
            }
        }
    }

    /// The spans of an input, and what to add to their places in the kernel and in the output.
    #[inline(always)]
    fn spans(&self, input: usize) -> (&[Span], usize, usize) {
        let (input, c) = (input as u32, self.input[0] as u32);
        let (channel, pixel) = ((input % c) as usize, (input / c) as usize);
        let (cg, og) = (self.input[0] / self.groups, self.output[0] / self.groups);
        let kernel = channel * self.kernel[0] * self.kernel[1] * og;
        let output = if self.groups == 1 {
            0
        } else {
            channel / cg * og
        };
        let range = self.offsets[pixel] as usize..self.offsets[pixel + 1] as usize;
        (&self.spans[range], kernel, output)
    }

    /// For each input as it stands in memory, how many taps lead from it to an output, and how many of these have a weight
    /// that is not zero.
    pub fn fan_out<R: Float>(&self, weights: &[R]) -> (Vec<u64>, Vec<u64>) {
        let of = |input: usize| {
            let (spans, kernel, _) = self.spans(input);
            spans.iter().fold((0, 0), |(all, live), s| {
                let w = &weights[kernel + s.kernel as usize..][..s.len as usize];
                let nonzero = w.iter().filter(|&&w| w != R::ZERO).count();
                (all + u64::from(s.len), live + nonzero as u64)
            })
        };
        (0..self.input.iter().product()).map(of).unzip()
    }

    /// Adds the weights of an input to what it reaches.
    #[inline(always)]
    fn scatter<R: Float>(&self, input: usize, value: Option<R>, weights: &[R], out: &mut [R]) {
        let (spans, kernel, output) = self.spans(input);
        for s in spans {
            let w = &weights[kernel + s.kernel as usize..][..s.len as usize];
            add(&mut out[output + s.output as usize..], w, value);
        }
    }

    /// Adds the errors of what an input reaches to the gradient of its weights.
    #[inline(always)]
    fn gather<R: Float>(&self, input: usize, value: Option<R>, error: &[R], gradient: &mut [R]) {
        let (spans, kernel, output) = self.spans(input);
        for s in spans {
            let e = &error[output + s.output as usize..][..s.len as usize];
            add(&mut gradient[kernel + s.kernel as usize..], e, value);
        }
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
        // What each row starts from.
        let mut start = std::mem::take(&mut out.scratch.row);
        start.clear();
        start.resize(out.row, R::ZERO);
        if let Some(bias) = bias {
            let size: usize = self.output.iter().product();
            let pixels = start[..size].chunks_exact_mut(self.output[0]);
            pixels.for_each(|p| p.copy_from_slice(bias));
        }
        for t in steps {
            for b in 0..out.samples {
                let out = out.out(b, t);
                out.copy_from_slice(&start);
                R::vectorize(
                    #[inline(always)]
                    || {
                        if let Some((index, None)) = source.sparse(b, t) {
                            for &i in index {
                                self.scatter(i as usize, None, weights, out);
                            }
                        } else {
                            source.nonzeros(
                                b,
                                t,
                                #[inline(always)]
                                |i, v| self.scatter(i, Some(v), weights, out),
                            );
                        }
                    },
                );
            }
        }
        out.scratch.row = start;
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
                                self.gather(i as usize, None, error, gradient);
                            }
                        } else {
                            source.nonzeros(
                                b,
                                t,
                                #[inline(always)]
                                |i, v| self.gather(i, Some(v), error, gradient),
                            );
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
}

/// Adds `from` to the start of `to`, times `factor` if there is one.
#[inline(always)]
fn add<R: Float>(to: &mut [R], from: &[R], factor: Option<R>) {
    let n = from.len();
    let to = &mut to[..n];
    match factor {
        None => {
            for j in 0..n {
                to[j] += from[j];
            }
        }
        Some(v) => {
            for j in 0..n {
                to[j] += from[j] * v;
            }
        }
    }
}
