//! A linear readout: multinomial logistic regression.

use crate::range::{NOT_NEGATIVE, SHARE, fits, within};
use crate::{Error, Result, Tensor};
use cortado::num::Float;
use cortado_base::rng::{Purpose, Rng};
use serde::{Deserialize, Serialize};

/// How the readout learns.
///
/// # Equations
/// Of each feature its mean is taken, and all are divided by one deviation. `p = softmax(W x + b)`; the cross entropy plus
/// `decay |W|^2 / 2` falls by Adam (`kingma2015`) on batches of 100, its rate down to 0 along a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Linear {
    /// Passes.
    pub epochs: usize,
    /// Rate at first.
    pub rate: f32,
    /// Decay of weights.
    pub decay: f32,
}

impl Default for Linear {
    fn default() -> Self {
        Self {
            epochs: 10,
            rate: 1e-3,
            decay: 1e-4,
        }
    }
}

/// Samples of a batch.
const BATCH: usize = 100;

/// A readout that has learned.
#[derive(Clone, Debug)]
pub struct Readout {
    classes: usize,
    /// Mean of each feature, and one over the deviation of all.
    mean: Vec<f32>,
    scale: f32,
    /// `[class][feature]`, the last one the bias.
    w: Vec<Vec<f32>>,
}

/// The most passes.
const MOST: usize = 1_000_000;

impl Readout {
    /// Its numbers: the score of a class is `weight (x - mean) scale + bias`.
    pub(super) fn tensors(&self) -> [Tensor; 4] {
        let features = self.mean.len();
        let rows = |of: fn(&[f32]) -> &[f32]| self.w.iter().flat_map(|w| of(w)).copied().collect();
        let weight = rows(|w| &w[..w.len() - 1]);
        let bias = rows(|w| &w[w.len() - 1..]);
        [
            Tensor::new("readout.weight", &[self.classes, features], weight),
            Tensor::new("readout.bias", &[self.classes], bias),
            Tensor::new("readout.mean", &[features], self.mean.clone()),
            Tensor::new("readout.scale", &[1], vec![self.scale]),
        ]
    }
}

impl Linear {
    /// Whether it can learn so many classes from so many features.
    ///
    /// # Errors
    /// No pass, or more than a million; numbers out of their ranges; more than 2^28 weights.
    pub fn check(&self, features: usize, classes: usize) -> Result<()> {
        if !(1..=MOST).contains(&self.epochs) {
            let expected = "1 to a million";
            return Err(Error::invalid("epochs", "readout", expected, self.epochs));
        }
        within(
            "readout",
            &[
                ("rate", self.rate.into(), SHARE),
                ("decay", self.decay.into(), NOT_NEGATIVE),
            ],
        )?;
        fits("weights", "readout", &[features.saturating_add(1), classes])
    }

    /// Learns labels of features, `[sample][feature]`, by settings that [`Linear::check`] has seen.
    pub fn fit(&self, features: &[f32], labels: &[u32], classes: usize, seed: u64) -> Readout {
        let n = features.len() / labels.len().max(1);
        let mean = mean(features, n);
        let square = |(i, &x): (usize, &f32)| f64::from(x - mean[i % n]).powi(2);
        let squares: f64 = features.iter().enumerate().map(square).sum();
        // Features that are all the same say nothing, at any scale.
        let squares = if squares > 0.0 { squares } else { 1.0 };
        let mut readout = Readout {
            classes,
            scale: (features.len() as f64 / squares).sqrt() as f32,
            mean,
            w: vec![vec![0.0; n + 1]; classes],
        };
        let mut moments = vec![vec![[0.0f32; 2]; n + 1]; classes];
        let total = self.epochs * labels.len().div_ceil(BATCH);
        let mut step = 0;
        for epoch in 0..self.epochs {
            let mut order: Vec<usize> = (0..labels.len()).collect();
            Rng::new(seed, 100, Purpose::Shuffle, epoch as u64).shuffle(&mut order);
            for batch in order.chunks(BATCH) {
                let mut gradient = vec![vec![0.0f32; n + 1]; classes];
                for &i in batch {
                    let x = &features[i * n..(i + 1) * n];
                    let mut p = readout.scores(x);
                    softmax(&mut p);
                    for (c, p) in p.iter().enumerate() {
                        let error = p - f32::from(u8::from(labels[i] as usize == c));
                        readout.add(&mut gradient[c], x, error);
                    }
                }
                let rate = self.rate * (1.0 - step as f32 / total as f32);
                step += 1;
                for ((w, g), m) in readout.w.iter_mut().zip(&gradient).zip(&mut moments) {
                    self.adam(w, g, m, [rate, step as f32, batch.len() as f32]);
                }
            }
        }
        readout
    }

    fn adam(&self, w: &mut [f32], g: &[f32], m: &mut [[f32; 2]], [rate, step, n]: [f32; 3]) {
        let (b1, b2) = (0.9f32, 0.999f32);
        let [c1, c2] = [b1, b2].map(|b| 1.0 / (1.0 - b.powf(step)));
        f32::vectorize(
            #[inline(always)]
            || {
                for ((w, g), m) in w.iter_mut().zip(g).zip(m) {
                    let g = g / n + self.decay * *w;
                    *m = [b1 * m[0] + (1.0 - b1) * g, b2 * m[1] + (1.0 - b2) * g * g];
                    *w -= rate * m[0] * c1 / ((m[1] * c2).sqrt() + 1e-8);
                }
            },
        );
    }
}

impl Readout {
    fn scores(&self, x: &[f32]) -> Vec<f32> {
        let one = |w: &Vec<f32>| w[x.len()] + self.scale * dot(w, x, &self.mean);
        self.w.iter().map(one).collect()
    }

    /// `g += error (scale (x - mean), 1)`.
    fn add(&self, g: &mut [f32], x: &[f32], error: f32) {
        let by = error * self.scale;
        f32::vectorize(
            #[inline(always)]
            || {
                for ((g, x), m) in g.iter_mut().zip(x).zip(&self.mean) {
                    *g += by * (x - m);
                }
            },
        );
        g[x.len()] += error;
    }

    /// Share of samples whose class it finds.
    pub fn accuracy(&self, features: &[f32], labels: &[u32]) -> f64 {
        let n = features.len() / labels.len().max(1);
        let right = |&(i, &label): &(usize, &u32)| {
            let scores = self.scores(&features[i * n..(i + 1) * n]);
            let best = (0..self.classes).reduce(|a, b| if scores[b] > scores[a] { b } else { a });
            best == Some(label as usize)
        };
        let hits = labels.iter().enumerate().filter(right).count();
        hits as f64 / labels.len().max(1) as f64
    }
}

fn softmax(x: &mut [f32]) {
    let top = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    x.iter_mut().for_each(|x| *x = (*x - top).exp());
    let sum: f32 = x.iter().sum();
    x.iter_mut().for_each(|x| *x /= sum);
}

/// The mean of each of `n` features.
fn mean(features: &[f32], n: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64; n];
    for row in features.chunks_exact(n.max(1)) {
        sums.iter_mut()
            .zip(row)
            .for_each(|(s, &x)| *s += f64::from(x));
    }
    let count = (features.len() / n.max(1)).max(1) as f64;
    sums.iter().map(|s| (s / count) as f32).collect()
}

/// `w · (x - m)`: sixteen sums side by side, in an order that does not depend on the processor.
fn dot(w: &[f32], x: &[f32], m: &[f32]) -> f32 {
    f32::vectorize(
        #[inline(always)]
        || {
            let mut sums = [0.0f32; 16];
            let (w, w_rest) = w[..x.len()].as_chunks::<16>();
            let (x, x_rest) = x.as_chunks::<16>();
            let (m, m_rest) = m.as_chunks::<16>();
            for ((w, x), m) in w.iter().zip(x).zip(m) {
                for i in 0..16 {
                    sums[i] += w[i] * (x[i] - m[i]);
                }
            }
            let rest = w_rest.iter().zip(x_rest).zip(m_rest);
            sums.iter().sum::<f32>() + rest.map(|((w, x), m)| w * (x - m)).sum::<f32>()
        },
    )
}
