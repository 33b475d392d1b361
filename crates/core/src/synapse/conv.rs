//! Convolution over images whose channels stand last: what fired adds whole runs of the kernel to a row of outputs.

use super::{Pairs, Scratch};
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

    /// The kernel as `[group][bundle of kernel rows][output][row of the bundle][lane]`, lanes being `[tap][channel]` as
    /// they stand in the image.
    pub fn transposed<R: Float>(&self, weights: &[R]) -> Aligned<R> {
        let ([c, ..], [o, ..], [kh, kw]) = (self.input, self.output, self.kernel);
        let (cg, og, lanes) = (c / self.groups, o / self.groups, self.lanes());
        let mut out = Aligned::zeros(self.groups * kh * og * lanes);
        for channel in 0..c {
            let (group, within) = (channel / cg, channel % cg);
            for row in 0..kh {
                let (first, rows) = self.bundle(row);
                let bundle = (group * kh + first) * og * lanes;
                for tap in 0..kw {
                    let lane = (kw - 1 - tap) * cg + within;
                    let from = &weights[((channel * kh + row) * kw + tap) * og..][..og];
                    for (k, &w) in from.iter().enumerate() {
                        out[bundle + (k * rows + row - first) * lanes + lane] = w;
                    }
                }
            }
        }
        out
    }

    /// The first kernel row of the bundle that holds `row`, and the number of its rows.
    fn bundle(&self, row: usize) -> (usize, usize) {
        let first = row / ROWS * ROWS;
        (first, ROWS.min(self.kernel[0] - first))
    }

    /// Adds the error of the source: for each output pixel the error of what its kernel rows cover. Outputs without
    /// error are left out: behind a pooling node that is most of them.
    pub fn backward<R: Float>(
        &self,
        transposed: &[R],
        error: View<'_, R>,
        into: &mut Errors<'_, R>,
        scratch: &mut Scratch<R>,
        pairs: Pairs,
        steps: Range<usize>,
    ) {
        let size: usize = self.output.iter().product();
        let og = self.output[0] / self.groups;
        let panel = self.kernel[0] * og * self.lanes();
        scratch.index.resize(size, 0);
        let mut present = Present(scratch);
        let mut sums = [R::ZERO; ROWS * 4 * REGISTER];
        for t in pairs.pieces(steps).flatten() {
            for b in 0..into.samples {
                let out = into.row(b, t - pairs.shift);
                let error = error.row(b, t, size);
                R::vectorize(
                    #[inline(always)]
                    || present.collect(error, og),
                );
                for (group, panel) in transposed.chunks_exact(panel).enumerate() {
                    for row in (0..self.kernel[0]).step_by(ROWS) {
                        let rows = self.bundle(row).1;
                        let panel = &panel[row * og * self.lanes()..][..rows * og * self.lanes()];
                        let from = (&present, error, panel);
                        let to = (&mut sums[..], &mut *out);
                        match simd() {
                            Simd::Plain => self.spread::<R, false>((group, row), rows, from, to),
                            _ => R::vectorize(
                                #[inline(always)]
                                || self.spread::<R, true>((group, row), rows, from, to),
                            ),
                        }
                    }
                }
            }
        }
    }

    /// Adds what the errors bring through a bundle of kernel rows of a group, as many lanes at a time as stay in
    /// registers.
    #[inline(always)]
    fn spread<R: Float, const FUSE: bool>(
        &self,
        place: (usize, usize),
        rows: usize,
        from: (&Present<'_, R>, &[R], &[R]),
        (sums, out): (&mut [R], &mut [R]),
    ) {
        let lanes = self.lanes();
        for at in (0..lanes).step_by(4 * REGISTER) {
            match (rows, (lanes - at) / REGISTER) {
                (1, 1) => self.strip::<R, 16, 1, FUSE>(place, from, at, (sums, out)),
                (1, 2) => self.strip::<R, 32, 1, FUSE>(place, from, at, (sums, out)),
                (1, 3) => self.strip::<R, 48, 1, FUSE>(place, from, at, (sums, out)),
                (1, _) => self.strip::<R, 64, 1, FUSE>(place, from, at, (sums, out)),
                (2, 1) => self.strip::<R, 16, 2, FUSE>(place, from, at, (sums, out)),
                (2, 2) => self.strip::<R, 32, 2, FUSE>(place, from, at, (sums, out)),
                (2, 3) => self.strip::<R, 48, 2, FUSE>(place, from, at, (sums, out)),
                (2, _) => self.strip::<R, 64, 2, FUSE>(place, from, at, (sums, out)),
                (_, 1) => self.strip::<R, 16, ROWS, FUSE>(place, from, at, (sums, out)),
                (_, 2) => self.strip::<R, 32, ROWS, FUSE>(place, from, at, (sums, out)),
                (_, 3) => self.strip::<R, 48, ROWS, FUSE>(place, from, at, (sums, out)),
                (_, _) => self.strip::<R, 64, ROWS, FUSE>(place, from, at, (sums, out)),
            }
        }
    }

    /// The lanes from `at` on of `N` kernel rows.
    #[inline(always)]
    fn strip<R: Float, const LANES: usize, const N: usize, const FUSE: bool>(
        &self,
        (group, row): (usize, usize),
        (present, error, panel): (&Present<'_, R>, &[R], &[R]),
        at: usize,
        (sums, out): (&mut [R], &mut [R]),
    ) {
        let ([_, h, _], [o, oh, ow]) = (self.input, self.output);
        let (lanes, og) = (self.lanes(), o / self.groups);
        // Pixels that reach the same inputs do not follow each other: adding to what was written just now has to wait.
        let apart = self.kernel[1].div_ceil(self.stride[1]);
        for y in 0..oh {
            for x in (0..apart).flat_map(|first| (first..ow).step_by(apart)) {
                let pixel = (y * ow + x) * self.groups + group;
                let index = present.of(pixel);
                if index.is_empty() {
                    continue;
                }
                let error = &error[pixel * og..][..og];
                let mut sum = [[R::ZERO; LANES]; N];
                for &k in index {
                    let e = error[k as usize];
                    let weights = &panel[k as usize * N * lanes..][..N * lanes];
                    for n in 0..N {
                        let weights = &weights[n * lanes + at..][..LANES];
                        for j in 0..LANES {
                            sum[n][j] = if FUSE {
                                e.fused(weights[j], sum[n][j])
                            } else {
                                sum[n][j] + e * weights[j]
                            };
                        }
                    }
                }
                // Out of the registers first: a loop that is not unrolled would keep them from being used above.
                for n in 0..N {
                    sums[n * LANES..][..LANES].copy_from_slice(&sum[n]);
                }
                for (n, sum) in sums[..N * LANES].as_chunks::<LANES>().0.iter().enumerate() {
                    let line = (y * self.stride[0] + row + n).checked_sub(self.padding[0]);
                    if let Some(line) = line.filter(|&line| line < h) {
                        self.put((group, line, x), at, sum, out);
                    }
                }
            }
        }
    }

    /// Adds the lanes from `at` on of a kernel row to the line of the image that it covers.
    #[inline(always)]
    fn put<R: Float, const LANES: usize>(
        &self,
        (group, line, x): (usize, usize, usize),
        at: usize,
        sum: &[R; LANES],
        out: &mut [R],
    ) {
        let ([c, _, w], kw, px) = (self.input, self.kernel[1], self.padding[1]);
        let cg = c / self.groups;
        // Taps that fall on the image; the first stands at `from`.
        let left = x * self.stride[1];
        let taps = px.saturating_sub(left)..kw.min(w + px - left);
        let pixel = |tap: usize| (line * w + left + tap - px) * c;
        if self.groups == 1 {
            let (a, b) = (at.max(taps.start * c), (at + LANES).min(taps.end * c));
            if a < b {
                let to = &mut out[pixel(taps.start) + a - taps.start * c..];
                let whole = taps.end == kw && a == at && b - a > LANES - REGISTER;
                if whole && to.len() >= LANES {
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

/// Lanes of the widest register.
const REGISTER: usize = 16;

/// Kernel rows that run together: their weights fit in the first cache, their sums in registers.
const ROWS: usize = 3;

/// Which outputs of each pixel and group have an error that is not zero.
struct Present<'a, R>(&'a mut Scratch<R>);

impl<R: Float> Present<'_, R> {
    /// Takes the errors of a step, `channels` to each pixel and group. Zeros are written too and overwritten by what
    /// comes next: which they are cannot be foreseen, and a branch would miss.
    #[inline(always)]
    fn collect(&mut self, error: &[R], channels: usize) {
        let Scratch { index, offsets, .. } = &mut *self.0;
        offsets.clear();
        offsets.push(0);
        let mut n = 0;
        for pixel in error.chunks_exact(channels) {
            for (k, &e) in pixel.iter().enumerate() {
                index[n] = k as u32;
                n += usize::from(e != R::ZERO);
            }
            offsets.push(n as u32);
        }
    }

    #[inline(always)]
    fn of(&self, pixel: usize) -> &[u32] {
        let offsets = &self.0.offsets;
        &self.0.index[offsets[pixel] as usize..offsets[pixel + 1] as usize]
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
