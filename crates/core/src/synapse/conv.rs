//! Convolution over images whose channels stand last: what fired adds whole runs of the kernel to a row of outputs.

use super::Pairs;
use crate::kernel::{TILE, View, add_rows, padded};
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
                                self.scatter(i as usize, None, weights, out);
                            }
                        } else {
                            source.nonzeros(b, t, |i, v| self.scatter(i, Some(v), weights, out));
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
                                self.gather(i as usize, None, error, gradient);
                            }
                        } else {
                            source.nonzeros(b, t, |i, v| self.gather(i, Some(v), error, gradient));
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

    /// Adds the error of the source: for each output pixel the error of its patch, put back where it came from. Outputs
    /// without error are left out: behind a pooling node that is most of them.
    pub fn backward<R: Float>(
        &self,
        transposed: &[R],
        error: View<'_, R>,
        into: &mut Errors<'_, R>,
        pairs: Pairs,
        steps: Range<usize>,
    ) {
        let [o, oh, ow] = self.output;
        let mut patch = vec![R::ZERO; padded(self.patch())];
        let mut sparse = Sparse::default();
        for t in pairs.pieces(steps).flatten() {
            for b in 0..into.samples {
                let error = error.row(b, t, oh * ow * o);
                let out = into.row(b, t - pairs.shift);
                R::vectorize(
                    #[inline(always)]
                    || {
                        for (p, pixel) in error.chunks_exact(o).enumerate() {
                            for group in 0..self.groups {
                                self.spread(transposed, pixel, group, &mut sparse, &mut patch);
                                if !sparse.index.is_empty() {
                                    self.put_back(p, group, &patch, out);
                                }
                            }
                        }
                    },
                );
            }
        }
    }

    /// The error of the patch of an output pixel in a group of channels.
    #[inline(always)]
    fn spread<R: Float>(
        &self,
        transposed: &[R],
        pixel: &[R],
        group: usize,
        sparse: &mut Sparse<R>,
        patch: &mut [R],
    ) {
        let og = self.output[0] / self.groups;
        sparse.index.clear();
        sparse.values.clear();
        for (k, &e) in pixel[group * og..][..og].iter().enumerate() {
            if e != R::ZERO {
                sparse.index.push(k as u32);
                sparse.values.push(e);
            }
        }
        if sparse.index.is_empty() {
            return;
        }
        let panels = &transposed[group * patch.len() * og..][..patch.len() * og];
        let panels = panels.chunks_exact(og * TILE);
        for (panel, patch) in panels.zip(patch.chunks_exact_mut(TILE)) {
            let mut sum = [R::ZERO; TILE];
            add_rows(&mut sum, panel, &sparse.index, Some(&sparse.values));
            patch.copy_from_slice(&sum);
        }
    }

    /// Adds a patch where it was taken from.
    #[inline(always)]
    fn put_back<R: Float>(&self, pixel: usize, group: usize, patch: &[R], out: &mut [R]) {
        let ([c, h, w], [_, _, ow], [kh, kw]) = (self.input, self.output, self.kernel);
        let ([sy, sx], [py, px], cg) = (self.stride, self.padding, self.input[0] / self.groups);
        let (y, x) = (pixel / ow * sy, pixel % ow * sx);
        let taps = px.saturating_sub(x)..kw.min(w + px - x);
        for row in py.saturating_sub(y)..kh.min(h + py - y) {
            let line = (y + row - py) * w;
            let patch = &patch[row * kw * cg..][..kw * cg];
            if self.groups == 1 {
                let to = (line + x + taps.start - px) * c;
                add(&mut out[to..], &patch[taps.start * c..taps.end * c], None);
            } else {
                for tap in taps.clone() {
                    let to = (line + x + tap - px) * c + group * cg;
                    add(&mut out[to..], &patch[tap * cg..][..cg], None);
                }
            }
        }
    }
}

/// Errors that are not zero.
#[derive(Default)]
struct Sparse<R> {
    index: Vec<u32>,
    values: Vec<R>,
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
