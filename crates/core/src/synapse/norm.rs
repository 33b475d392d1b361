//! Batch norm through time (`ioffe2015`): each channel over all samples, steps and pixels of a batch.

use super::Pairs;
use crate::kernel::View;
use crate::num::Float;
use crate::sim::{Class, Errors, Signal, Slot};
use std::ops::Range;

/// `y = scale (x - mean) / sqrt(variance + epsilon) + shift`, with the moments of the batch in training and running
/// ones otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Norm {
    pub scale: usize,
    pub shift: usize,
    pub mean: usize,
    pub variance: usize,
    pub channels: usize,
    pub momentum: f64,
    pub epsilon: f64,
}

/// Sums over a block, by channel: of `x` and `x^2`, or of the error and of the error times the normalised input.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moments {
    pub count: f64,
    pub first: Vec<f64>,
    pub second: Vec<f64>,
}

impl Moments {
    fn zero(channels: usize) -> Self {
        Self {
            count: 0.0,
            first: vec![0.0; channels],
            second: vec![0.0; channels],
        }
    }

    /// Adds those of another block.
    pub fn add(&mut self, other: &Self) {
        if self.first.is_empty() {
            *self = Self::zero(other.first.len());
        }
        self.count += other.count;
        let add = |a: &mut [f64], b: &[f64]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        add(&mut self.first, &other.first);
        add(&mut self.second, &other.second);
    }
}

/// A channel's affine map.
pub(crate) struct Affine<R> {
    /// Mean and inverse standard deviation of each channel.
    pub mean: Vec<R>,
    pub inverse: Vec<R>,
}

impl Norm {
    /// Sums of a block's input.
    pub fn measure<R: Float>(
        &self,
        source: &Signal<'_, R>,
        (samples, steps, size): (usize, usize, usize),
    ) -> Moments {
        let mut m = Moments::zero(self.channels);
        let steps = if matches!(source, Signal::Constant { .. }) {
            1
        } else {
            steps
        };
        for b in 0..samples {
            for t in 0..steps {
                source.nonzeros(b, t, |i, v| {
                    if i < size {
                        m.first[i % self.channels] += v.value();
                        m.second[i % self.channels] += v.value() * v.value();
                    }
                });
            }
        }
        m.count = (samples * steps * (size / self.channels)) as f64;
        m
    }

    /// Mean and variance of the batch.
    pub fn moments(&self, m: &Moments) -> [Vec<f64>; 2] {
        let mean: Vec<f64> = m.first.iter().map(|s| s / m.count).collect();
        let variance = m.second.iter().zip(&mean);
        let variance = variance
            .map(|(s, m1)| (s / m.count - m1 * m1).max(0.0))
            .collect();
        [mean, variance]
    }

    /// The map of given moments.
    pub fn affine<R: Float>(&self, mean: &[f64], variance: &[f64]) -> Affine<R> {
        let inverse = variance
            .iter()
            .map(|v| R::of(1.0 / (v + self.epsilon).sqrt()));
        Affine {
            mean: mean.iter().map(|&m| R::of(m)).collect(),
            inverse: inverse.collect(),
        }
    }

    /// Writes the normalised values.
    pub fn forward<R: Float>(
        &self,
        (affine, scale, shift): (&Affine<R>, &[R], &[R]),
        source: &Signal<'_, R>,
        out: &mut Slot<R>,
        size: usize,
        steps: Range<usize>,
    ) {
        let steps = if out.class == Class::Constant {
            0..1
        } else {
            steps
        };
        for t in steps {
            for b in 0..out.samples {
                let out = out.out(b, t);
                source.expand(b, t, out);
                for pixel in out[..size].chunks_exact_mut(self.channels) {
                    for (c, x) in pixel.iter_mut().enumerate() {
                        *x = (*x - affine.mean[c]) * affine.inverse[c] * scale[c] + shift[c];
                    }
                }
            }
        }
    }

    /// Sums of the error, and of the error times the normalised input: the gradients of shift and scale.
    pub fn measure_error<R: Float>(
        &self,
        affine: &Affine<R>,
        error: View<'_, R>,
        source: &Signal<'_, R>,
        (samples, steps, size): (usize, usize, usize),
    ) -> Moments {
        let mut m = Moments::zero(self.channels);
        let mut x = vec![R::ZERO; crate::kernel::padded(size)];
        let steps = if matches!(source, Signal::Constant { .. }) {
            1
        } else {
            steps
        };
        for b in 0..samples {
            for t in 0..steps {
                source.expand(b, t, &mut x);
                for (i, &e) in error.row(b, t, size).iter().enumerate() {
                    let c = i % self.channels;
                    let normal = (x[i] - affine.mean[c]) * affine.inverse[c];
                    m.first[c] += e.value();
                    m.second[c] += (e * normal).value();
                }
            }
        }
        m.count = (samples * steps * (size / self.channels)) as f64;
        m
    }

    /// Adds the error of the source; `total` are the sums of the whole batch.
    pub fn backward<R: Float>(
        &self,
        (affine, scale, total): (&Affine<R>, &[R], &Moments),
        error: View<'_, R>,
        source: &Signal<'_, R>,
        into: &mut Errors<'_, R>,
        size: usize,
        pairs: Pairs,
        steps: Range<usize>,
    ) {
        let mut x = vec![R::ZERO; into.row_len];
        let mean = |v: &[f64]| -> Vec<R> { v.iter().map(|s| R::of(s / total.count)).collect() };
        let (first, second) = (mean(&total.first), mean(&total.second));
        for t in pairs.pieces(steps).flatten() {
            for b in 0..into.samples {
                source.expand(b, t, &mut x);
                let error = error.row(b, t, size);
                let out = into.row(b, t - pairs.shift);
                for i in 0..size {
                    let c = i % self.channels;
                    let normal = (x[i] - affine.mean[c]) * affine.inverse[c];
                    out[i] +=
                        (error[i] - first[c] - normal * second[c]) * affine.inverse[c] * scale[c];
                }
            }
        }
    }
}
