//! Scores of a readout while it runs.

use super::Loss;
use super::loss::{GAIN, decision};
use crate::num::Float;
use std::collections::VecDeque;

/// What a loss compares between outputs, step by step: after any number of steps the bits of [`Loss::scores`] on all of
/// them, in memory that does not grow.
///
/// ```
/// use cortado::learn::{Loss, Scores};
/// let mut scores = Scores::new(Loss::CountCrossEntropy, 2);
/// for row in [[0.0f32, 1.0], [1.0, 1.0], [0.0, 1.0]] {
///     scores.push(&row);
/// }
/// assert_eq!((scores.values(), scores.decision()), (vec![1.0, 3.0], Some(1)));
/// ```
#[derive(Clone, Debug)]
pub struct Scores {
    loss: Loss,
    steps: usize,
    sums: Vec<f64>,
    /// Product of `1 - z` over the steps so far.
    quiet: Vec<f64>,
    /// The last steps, where only these count.
    last: VecDeque<f64>,
}

impl Scores {
    /// Before the first step.
    pub fn new(loss: Loss, outputs: usize) -> Self {
        let start = match loss {
            Loss::MaxCrossEntropy => f64::NEG_INFINITY,
            _ => 0.0,
        };
        Self {
            loss,
            steps: 0,
            sums: vec![start; outputs],
            quiet: vec![1.0; outputs],
            last: VecDeque::new(),
        }
    }

    /// Takes in what the readout handed on in a step, `[outputs]`.
    pub fn push<R: Float>(&mut self, row: &[R]) {
        self.steps += 1;
        if let Loss::StepCrossEntropy { window: Some(w) } = self.loss {
            let surplus = (self.last.len() + row.len()).saturating_sub(w * row.len());
            self.last.drain(..surplus);
            self.last.extend(row.iter().map(|v| v.value()));
            return;
        }
        let all = self.sums.iter_mut().zip(&mut self.quiet).zip(row);
        for ((sum, quiet), v) in all {
            let v = v.value();
            match self.loss {
                Loss::MaxCrossEntropy => *sum = if v > *sum { v } else { *sum },
                Loss::LastCrossEntropy => *sum = v,
                Loss::FirstSpike | Loss::SpikeTime { .. } => {
                    *quiet *= 1.0 - v;
                    *sum += *quiet;
                }
                _ => *sum += v,
            }
        }
    }

    /// Takes in a step of a loss that adds outputs up: `each` hands on what is not zero.
    #[inline(always)]
    pub(super) fn add<R: Float>(&mut self, each: impl FnOnce(&mut dyn FnMut(usize, R))) {
        self.steps += 1;
        let n = self.sums.len();
        each(&mut |j, v| {
            if j < n {
                self.sums[j] += v.value();
            }
        });
    }

    /// Number of steps so far.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The scores.
    pub fn values(&self) -> Vec<f64> {
        let factor = match self.loss {
            Loss::MeanCrossEntropy => GAIN / self.steps as f64,
            Loss::FirstSpike | Loss::SpikeTime { .. } => -GAIN / self.steps as f64,
            Loss::MaxCrossEntropy => return self.sums.clone(),
            Loss::StepCrossEntropy { window: Some(_) } => {
                let n = self.sums.len();
                let column = |j| self.last.iter().skip(j).step_by(n.max(1));
                let mean = |j| column(j).sum::<f64>() / column(j).len().max(1) as f64;
                return (0..n).map(mean).collect();
            }
            Loss::StepCrossEntropy { .. } => 1.0 / self.steps as f64,
            _ => 1.0,
        };
        self.sums.iter().map(|s| s * factor).collect()
    }

    /// The output of the largest score, the first if there are several.
    pub fn decision(&self) -> Option<usize> {
        decision(&self.values())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Rng};

    /// The definitions of the losses, written out over a whole presentation.
    fn written_out(loss: Loss, output: &[f32], n: usize, j: usize) -> f64 {
        let column = || output[j..].iter().step_by(n).map(|&v| f64::from(v));
        let steps = column().count();
        match loss {
            Loss::MeanCrossEntropy => 10.0 * column().sum::<f64>() / steps as f64,
            Loss::MaxCrossEntropy => column().fold(f64::NEG_INFINITY, f64::max),
            Loss::LastCrossEntropy => column().next_back().unwrap_or(0.0),
            Loss::StepCrossEntropy { window } => {
                let rest = steps.saturating_sub(window.unwrap_or(steps));
                column().skip(rest).sum::<f64>() / (steps - rest) as f64
            }
            Loss::FirstSpike => {
                let first = column().position(|z| z == 1.0).unwrap_or(steps);
                -10.0 * first as f64 / steps as f64
            }
            _ => column().sum(),
        }
    }

    #[test]
    fn every_prefix_has_the_scores_of_the_definition() {
        let mut rng = Rng::new(3, 0, Purpose::Other, 0);
        let (n, steps) = (5, 23);
        for loss in [
            Loss::CountCrossEntropy,
            Loss::MeanCrossEntropy,
            Loss::SumCrossEntropy,
            Loss::MaxCrossEntropy,
            Loss::LastCrossEntropy,
            Loss::StepCrossEntropy { window: None },
            Loss::StepCrossEntropy { window: Some(4) },
            Loss::SquaredError,
            Loss::FirstSpike,
            Loss::VanRossum { tau: 5e-3 },
        ] {
            let spikes = loss.wants() == crate::neuron::Output::Spikes;
            let mut draw = || match (spikes, rng.uniform()) {
                (true, u) => f32::from(u8::from(u < 0.2)),
                (false, u) => (u - 0.5) as f32,
            };
            let output: Vec<f32> = (0..n * steps).map(|_| draw()).collect();
            let mut scores = Scores::new(loss, n);
            for t in 0..steps {
                scores.push(&output[t * n..(t + 1) * n]);
                for (j, score) in scores.values().into_iter().enumerate() {
                    let wanted = written_out(loss, &output[..(t + 1) * n], n, j);
                    assert!(
                        (score - wanted).abs() < 1e-12,
                        "{loss:?} after {t}: {score} {wanted}"
                    );
                }
            }
            assert_eq!(scores.values(), loss.scores(&output, n));
        }
    }
}
