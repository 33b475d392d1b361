//! Optimisers and schedules.

use crate::network::Network;
use crate::neuron::Lanes;
use crate::num::{Aligned, Float};
use crate::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How parameters follow their gradients `g`, with a rate `a`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// `m = beta1 m + g`, `w -= a m`; plain descent if `beta1` is 0.
    Sgd,
    /// `m` and `v` are means of `g` and `g^2`, unbiased: `w -= a m / (sqrt(v) + epsilon)` (`kingma2015`).
    #[default]
    Adam,
    /// Adam, and `w -= a decay w` beside it (`loshchilov2019`).
    AdamW,
    /// `u = max(beta2 u, |g|)`, `w -= a m / (u + epsilon)` with `m` unbiased (`kingma2015`, section 7.1).
    Adamax,
}

/// An optimiser and its constants.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerSpec {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The learning rate `a`, before the schedule.
    pub rate: f64,
    /// Decay of the first moment, or momentum.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Weight decay: part of the gradient, except for AdamW.
    pub decay: f64,
    /// Largest global norm of a gradient; 0 for none.
    pub clip: f64,
    /// How the rate changes.
    pub schedule: Schedule,
}

impl Default for OptimizerSpec {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Adam,
            rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            decay: 0.0,
            clip: 0.0,
            schedule: Schedule::Constant,
        }
    }
}

/// A factor on the learning rate, over the steps of a training run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// 1.
    #[default]
    Constant,
    /// `factor^k` after `k` of `parts` equal parts.
    Step {
        /// Number of parts.
        parts: usize,
        /// What each part multiplies by.
        factor: f64,
    },
    /// Half a cosine from 1 to 0 (`loshchilov2017`, without restarts).
    Cosine,
    /// Up from 1/25 to 1 in the share `warmup` of the steps, then down to 1/250,000, by cosines (`smith2019`).
    OneCycle {
        /// The share.
        warmup: f64,
    },
}

impl Schedule {
    /// The factor at step `step` of `total`.
    ///
    /// ```
    /// use cortado::learn::Schedule;
    /// assert!((Schedule::Cosine.factor(50, 100) - 0.5).abs() < 1e-12);
    /// assert_eq!(Schedule::Step { parts: 2, factor: 0.1 }.factor(50, 100), 0.1);
    /// assert_eq!(Schedule::OneCycle { warmup: 0.3 }.factor(30, 100), 1.0);
    /// ```
    pub fn factor(&self, step: usize, total: usize) -> f64 {
        let part = step as f64 / total.max(1) as f64;
        let cosine = |from: f64, to: f64, part: f64| {
            to + (from - to) * 0.5 * (1.0 + (std::f64::consts::PI * part).cos())
        };
        match *self {
            Self::Constant => 1.0,
            Self::Step { parts, factor } => factor.powi((part * parts as f64) as i32),
            Self::Cosine => cosine(1.0, 0.0, part),
            Self::OneCycle { warmup } if part < warmup => cosine(0.04, 1.0, part / warmup),
            Self::OneCycle { warmup } => {
                cosine(1.0, 4e-6, (part - warmup) / (1.0 - warmup).max(1e-12))
            }
        }
    }
}

/// An optimiser under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer<R> {
    /// Its constants.
    pub spec: OptimizerSpec,
    /// Steps taken.
    pub(crate) steps: u64,
    /// First and second moments, by parameter.
    pub(crate) moments: [Vec<Aligned<R>>; 2],
}

/// The constants of one step, for a parameter.
#[derive(Clone, Copy)]
struct Rule<R> {
    algorithm: Algorithm,
    clip: R,
    decay: R,
    shrink: R,
    rate: R,
    b1: R,
    b2: R,
    c1: R,
    c2: R,
    root: R,
    epsilon: R,
}

impl<R: Lanes> Optimizer<R> {
    /// For the parameters of `net`.
    ///
    /// # Errors
    /// A constant out of its range.
    pub fn new(spec: OptimizerSpec, net: &Network<R>) -> Result<Self> {
        let range = |name: &str, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            let expected = format!("{low} to {high}");
            Err(Error::invalid("optimiser", name, expected, value))
        };
        range("rate", spec.rate, 0.0, 1e6)?;
        range("beta1", spec.beta1, 0.0, 1.0 - 1e-9)?;
        range("beta2", spec.beta2, 0.0, 1.0 - 1e-9)?;
        range("epsilon", spec.epsilon, 0.0, 1.0)?;
        range("decay", spec.decay, 0.0, 1e6)?;
        range("clip", spec.clip, 0.0, f64::MAX)?;
        if let Schedule::OneCycle { warmup } = spec.schedule {
            range("warmup", warmup, 0.0, 1.0)?;
        }
        let zeros: Vec<Aligned<R>> = net
            .params
            .iter()
            .map(|p| Aligned::zeros(p.data.len()))
            .collect();
        Ok(Self {
            spec,
            steps: 0,
            moments: [zeros.clone(), zeros],
        })
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// One step down the gradients, `factor` being the schedule's.
    pub fn step(&mut self, net: &mut Network<R>, gradients: &[Aligned<R>], factor: f64) {
        let s = &self.spec;
        self.steps += 1;
        let norm = if s.clip > 0.0 { norm(gradients) } else { 0.0 };
        let unbias = |beta: f64| 1.0 - beta.powf(self.steps as f64);
        let rate = s.rate * factor;
        let adam = s.algorithm != Algorithm::Sgd;
        let rule = Rule {
            algorithm: s.algorithm,
            clip: R::of(if norm > s.clip { s.clip / norm } else { 1.0 }),
            decay: R::of(if s.algorithm == Algorithm::AdamW {
                0.0
            } else {
                s.decay
            }),
            shrink: R::of(if s.algorithm == Algorithm::AdamW {
                rate * s.decay
            } else {
                0.0
            }),
            rate: R::of(if adam { rate / unbias(s.beta1) } else { rate }),
            b1: R::of(s.beta1),
            b2: R::of(s.beta2),
            c1: R::of(if adam { 1.0 - s.beta1 } else { 1.0 }),
            c2: R::of(1.0 - s.beta2),
            root: R::of(1.0 / unbias(s.beta2)),
            epsilon: R::of(s.epsilon),
        };
        const PIECE: usize = 1 << 13;
        let [first, second] = &mut self.moments;
        for (((param, g), m), v) in net.params.iter_mut().zip(gradients).zip(first).zip(second) {
            let rule = Rule {
                rate: rule.rate * R::of(param.rate),
                ..rule
            };
            let pieces = param
                .data
                .par_chunks_mut(PIECE)
                .zip(g.par_chunks(PIECE))
                .zip(m.par_chunks_mut(PIECE).zip(v.par_chunks_mut(PIECE)));
            pieces.for_each(|((w, g), (m, v))| {
                R::vectorize(
                    #[inline(always)]
                    || rule.apply(w, g, m, v),
                );
            });
            if let Some([low, high]) = param.bounds {
                let kept = param.data.iter_mut();
                kept.for_each(|w| *w = if *w < low { low } else { *w });
                let kept = param.data.iter_mut();
                kept.for_each(|w| *w = if *w > high { high } else { *w });
            }
        }
        net.refresh();
    }
}

impl<R: Float> Rule<R> {
    #[inline(always)]
    fn apply(self, w: &mut [R], g: &[R], m: &mut [R], v: &mut [R]) {
        match self.algorithm {
            Algorithm::Sgd => self.descend(w, g, m, v, |_, _| R::ONE),
            Algorithm::Adamax => self.descend(w, g, m, v, |v, g| {
                let (held, g) = (*v * self.b2, g.abs());
                *v = if held < g { g } else { held };
                *v + self.epsilon
            }),
            Algorithm::Adam | Algorithm::AdamW => self.descend(w, g, m, v, |v, g| {
                *v = *v * self.b2 + g * g * self.c2;
                (*v * self.root).sqrt() + self.epsilon
            }),
        }
    }

    /// One loop for each algorithm, for the compiler to vectorise; `below` moves the second moment of a gradient and
    /// gives what the first is divided by.
    #[inline(always)]
    fn descend(
        self,
        w: &mut [R],
        g: &[R],
        m: &mut [R],
        v: &mut [R],
        below: impl Fn(&mut R, R) -> R,
    ) {
        let n = w.len();
        let (g, m, v) = (&g[..n], &mut m[..n], &mut v[..n]);
        for i in 0..n {
            let g = g[i] * self.clip + w[i] * self.decay;
            m[i] = m[i] * self.b1 + g * self.c1;
            let below = below(&mut v[i], g);
            w[i] = w[i] - w[i] * self.shrink - self.rate * m[i] / below;
        }
    }
}

/// The norm of all gradients together, summed in a fixed order.
fn norm<R: Float>(gradients: &[Aligned<R>]) -> f64 {
    let mut lanes = [0.0; 16];
    for g in gradients {
        for chunk in g.chunks(16) {
            for (lane, g) in lanes.iter_mut().zip(chunk) {
                *lane += g.value() * g.value();
            }
        }
    }
    lanes.iter().sum::<f64>().sqrt()
}
