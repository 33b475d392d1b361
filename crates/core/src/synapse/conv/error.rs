//! The error that goes back through a convolution: for each output pixel that has one, kernel rows times its channels.

use super::{Conv, add};
use crate::kernel::{View, multiply_add};
use crate::num::{Aligned, Float, Simd, simd};
use crate::sim::Errors;
use crate::synapse::{Pairs, Scratch};
use std::ops::Range;

impl Conv {
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
        let ([c, h, w], [o, oh, ow]) = (self.input, self.output);
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
                        let weights = &weights[n * lanes + at..];
                        multiply_add::<R, LANES, FUSE>(&mut sum[n], e, weights);
                    }
                }
                let to = self.inside::<LANES>((row, y, x), N, at);
                if let Some(to) = to.filter(|to| to.end <= out.len()) {
                    for n in 0..N {
                        let to = &mut out[to.start + n * w * c..][..LANES];
                        for j in 0..LANES {
                            to[j] += sum[n][j];
                        }
                    }
                    continue;
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

    /// Where in the image `LANES` lanes from `at` on of `rows` kernel rows stand, if they are all on it.
    #[inline(always)]
    fn inside<const LANES: usize>(
        &self,
        (row, y, x): (usize, usize, usize),
        rows: usize,
        at: usize,
    ) -> Option<Range<usize>> {
        let ([c, h, w], kw) = (self.input, self.kernel[1]);
        let line = (y * self.stride[0] + row).checked_sub(self.padding[0])?;
        let left = (x * self.stride[1]).checked_sub(self.padding[1])?;
        // The weights of the lanes behind the row are zero.
        let whole = self.groups == 1 && kw * c > at + LANES - REGISTER;
        let start = (line * w + left) * c + at;
        let end = start + (rows - 1) * w * c + LANES;
        (whole && line + rows <= h && left + kw <= w).then_some(start..end)
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
                let to = pixel(taps.start) + a - taps.start * c;
                add(&mut out[to..], &sum[a - at..b - at], None);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Layout, padded};
    use crate::synapse::windows;

    /// The error of each input is that of the outputs that it reaches, times the weights on the way.
    fn backward_is_the_transpose<R: Float>(conv: Conv, tolerance: f64) {
        let size = |s: [usize; 3]| s.iter().product::<usize>();
        let (inputs, outputs) = (size(conv.input), size(conv.output));
        let number = |n: usize, period: usize| R::of((n * 37 % period) as f64 * 0.02 - 0.9);
        let count = conv.patch() * conv.output[0];
        let weights: Vec<R> = (0..count).map(|n| number(n, 89)).collect();
        let mut error = vec![R::ZERO; padded(outputs)];
        let some = error[..outputs].iter_mut().enumerate();
        some.filter(|(n, _)| n % 5 < 2)
            .for_each(|(n, e)| *e = number(n, 97));
        let row = padded(inputs);
        let mut data = vec![R::of(7.0); row];
        let mut into = Errors {
            data: &mut data,
            layout: Layout::by_step(1, 1, row),
            samples: 1,
            row_len: row,
            constant: false,
            fresh: true,
        };
        let view = View {
            data: &error,
            layout: Layout::by_step(1, 1, padded(outputs)),
        };
        let all = Pairs {
            shift: 0,
            stretch: usize::MAX,
        };
        let transposed = conv.transposed(&weights);
        conv.backward(
            &transposed,
            view,
            &mut into,
            &mut Scratch::default(),
            all,
            0..1,
        );
        for input in 0..inputs {
            let mut reached = vec![R::ZERO; outputs];
            conv.scatter(input, None, &weights, &mut reached);
            let pairs = reached.iter().zip(&error);
            let expected: f64 = pairs.map(|(w, e)| w.value() * e.value()).sum();
            let got = data[input].value();
            assert!(
                (got - expected).abs() < tolerance,
                "{input}: {got}, {expected}"
            );
        }
        assert!(data[inputs..].iter().all(|&e| e == R::ZERO));
    }

    #[test]
    fn errors_go_back_through_kernels_of_every_size() {
        // Up to two bundles of rows, and from one register of lanes to more than fit at a time.
        for (channels, kernel, stride, padding, groups) in [
            ([1, 3], [1, 1], [1, 1], [0, 0], 1),
            ([2, 5], [2, 5], [1, 2], [1, 0], 1),
            ([12, 32], [5, 5], [1, 1], [0, 0], 1),
            ([8, 6], [4, 6], [2, 1], [3, 2], 1),
            ([30, 4], [6, 5], [1, 1], [2, 4], 1),
            ([8, 70], [5, 4], [1, 3], [2, 1], 2),
        ] {
            let [h, w] = [9, 11];
            let extent = |size, axis: usize| {
                windows(size, kernel[axis], stride[axis], padding[axis]).unwrap()
            };
            let conv = Conv {
                weight: 0,
                bias: None,
                input: [channels[0], h, w],
                output: [channels[1], extent(h, 0), extent(w, 1)],
                kernel,
                stride,
                padding,
                groups,
                spans: Vec::new(),
                offsets: Vec::new(),
            }
            .ready();
            backward_is_the_transpose::<f32>(conv.clone(), 1e-3);
            backward_is_the_transpose::<f64>(conv, 1e-11);
        }
    }
}
