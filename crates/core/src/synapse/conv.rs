//! Convolution over images whose channels stand last: what fired adds whole runs of the kernel to a row of outputs.

use super::Pairs;
use crate::kernel::View;
use crate::num::{Aligned, Float, Simd, simd};
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

    /// Lanes of a kernel row over all channels of a group, padded to whole registers.
    fn lanes(&self) -> usize {
        (self.kernel[1] * self.input[0] / self.groups).next_multiple_of(REGISTER)
    }

    /// The kernel as `[group][kernel row][output][lane]`, lanes being `[tap][channel]` as they stand in the image.
    pub fn transposed<R: Float>(&self, weights: &[R]) -> Aligned<R> {
        let ([c, ..], [o, ..], [kh, kw]) = (self.input, self.output, self.kernel);
        let (cg, og, lanes) = (c / self.groups, o / self.groups, self.lanes());
        let mut out = Aligned::zeros(self.groups * kh * og * lanes);
        for channel in 0..c {
            let (group, within) = (channel / cg, channel % cg);
            for row in 0..kh {
                for tap in 0..kw {
                    let lane = (kw - 1 - tap) * cg + within;
                    let from = &weights[((channel * kh + row) * kw + tap) * og..][..og];
                    for (k, &w) in from.iter().enumerate() {
                        out[((group * kh + row) * og + k) * lanes + lane] = w;
                    }
                }
            }
        }
        out
    }

    /// Adds the error of the source: for each output pixel and kernel row the error of what the row covers. Outputs
    /// without error are left out: behind a pooling node that is most of them.
    pub fn backward<R: Float>(
        &self,
        transposed: &[R],
        error: View<'_, R>,
        into: &mut Errors<'_, R>,
        pairs: Pairs,
        steps: Range<usize>,
    ) {
        let size: usize = self.output.iter().product();
        let og = self.output[0] / self.groups;
        let panel = self.lanes() * og;
        let mut sparse = Sparse::new(size);
        for t in pairs.pieces(steps).flatten() {
            for b in 0..into.samples {
                let out = into.row(b, t - pairs.shift);
                R::vectorize(
                    #[inline(always)]
                    || sparse.collect(error.row(b, t, size), og),
                );
                for (n, panel) in transposed.chunks_exact(panel).enumerate() {
                    let place = (n / self.kernel[0], n % self.kernel[0]);
                    match simd() {
                        Simd::Plain => self.spread::<R, false>(place, &sparse, panel, out),
                        _ => R::vectorize(
                            #[inline(always)]
                            || self.spread::<R, true>(place, &sparse, panel, out),
                        ),
                    }
                }
            }
        }
    }

    /// Adds what the errors bring through one kernel row of a group.
    #[inline(always)]
    fn spread<R: Float, const FUSE: bool>(
        &self,
        place: (usize, usize),
        errors: &Sparse<R>,
        panel: &[R],
        out: &mut [R],
    ) {
        let lanes = self.lanes();
        for at in (0..lanes).step_by(4 * REGISTER) {
            let part = (at, lanes, panel);
            match (lanes - at) / REGISTER {
                1 => self.strip::<R, 16, FUSE>(place, errors, part, out),
                2 => self.strip::<R, 32, FUSE>(place, errors, part, out),
                3 => self.strip::<R, 48, FUSE>(place, errors, part, out),
                _ => self.strip::<R, 64, FUSE>(place, errors, part, out),
            }
        }
    }

    /// The lanes from `at` on, as many as stay in registers.
    #[inline(always)]
    fn strip<R: Float, const LANES: usize, const FUSE: bool>(
        &self,
        (group, row): (usize, usize),
        errors: &Sparse<R>,
        (at, lanes, panel): (usize, usize, &[R]),
        out: &mut [R],
    ) {
        let ([c, h, w], [_, oh, ow], kw) = (self.input, self.output, self.kernel[1]);
        let ([sy, sx], [py, px], cg) = (self.stride, self.padding, c / self.groups);
        for y in 0..oh {
            let Some(line) = (y * sy + row).checked_sub(py).filter(|&line| line < h) else {
                continue;
            };
            for x in 0..ow {
                let (index, values) = errors.of((y * ow + x) * self.groups + group);
                if index.is_empty() {
                    continue;
                }
                let mut sum = [R::ZERO; LANES];
                for (&k, &e) in index.iter().zip(values) {
                    let weights = &panel[k as usize * lanes + at..][..LANES];
                    for j in 0..LANES {
                        sum[j] = if FUSE {
                            e.fused(weights[j], sum[j])
                        } else {
                            sum[j] + e * weights[j]
                        };
                    }
                }
                // Taps that fall on the image; the first stands at `from`.
                let left = x * sx;
                let taps = px.saturating_sub(left)..kw.min(w + px - left);
                let pixel = |tap: usize| (line * w + left + tap - px) * c;
                if self.groups == 1 {
                    let (a, b) = (at.max(taps.start * c), (at + LANES).min(taps.end * c));
                    if a < b {
                        let to = &mut out[pixel(taps.start) + a - taps.start * c..];
                        if taps.end == kw
                            && a == at
                            && b - a > LANES - REGISTER
                            && to.len() >= LANES
                        {
                            // The weights of the lanes behind the row are zero.
                            for j in 0..LANES {
                                to[j] += sum[j];
                            }
                        } else {
                            add(to, &sum[a - at..b - at], None);
                        }
                    }
                } else {
                    for tap in taps {
                        let (a, b) = (at.max(tap * cg), (at + LANES).min((tap + 1) * cg));
                        if a < b {
                            let to = pixel(tap) + group * cg + a - tap * cg;
                            add(&mut out[to..], &sum[a - at..b - at], None);
                        }
                    }
                }
            }
        }
    }
}

/// Lanes of the widest register.
const REGISTER: usize = 16;

/// Errors that are not zero, of each output pixel and group.
struct Sparse<R> {
    offsets: Vec<u32>,
    index: Vec<u32>,
    values: Vec<R>,
}

impl<R: Float> Sparse<R> {
    fn new(size: usize) -> Self {
        Self {
            offsets: Vec::new(),
            index: vec![0; size],
            values: vec![R::ZERO; size],
        }
    }

    /// Takes the errors of a step, `channels` to each pixel and group. Zeros are written too and overwritten by what
    /// comes next: which they are cannot be foreseen, and a branch would miss.
    #[inline(always)]
    fn collect(&mut self, error: &[R], channels: usize) {
        self.offsets.clear();
        self.offsets.push(0);
        let mut n = 0;
        for pixel in error.chunks_exact(channels) {
            for (k, &e) in pixel.iter().enumerate() {
                self.index[n] = k as u32;
                self.values[n] = e;
                n += usize::from(e != R::ZERO);
            }
            self.offsets.push(n as u32);
        }
    }

    #[inline(always)]
    fn of(&self, pixel: usize) -> (&[u32], &[R]) {
        let range = self.offsets[pixel] as usize..self.offsets[pixel + 1] as usize;
        (&self.index[range.clone()], &self.values[range])
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
