//! Losses on what the readout did in a block of samples, and their errors.

use crate::network::Network;
use crate::neuron::{Lanes, Output};
use crate::num::Float;
use crate::sim::{Class, Slot};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// A loss on the readout's output over `T` steps, mean over the samples of a batch; `y` is 1 for the label's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Cross-entropy of the spike counts.
    CountCrossEntropy,
    /// `sum_j (n_j / T - target_j)^2` of the spike counts `n_j`, the target being 0.9 for the label and 0.1 otherwise.
    CountMse,
    /// Cross-entropy of ten times the membrane's mean over time.
    #[default]
    MeanCrossEntropy,
    /// Cross-entropy of the membrane's sum over time.
    SumCrossEntropy,
    /// Cross-entropy of the membrane's maximum over time.
    MaxCrossEntropy,
    /// Cross-entropy of `-10 t_j / T`, `t_j` being the step of an output's first spike, or `T` without one.
    ///
    /// As a function of spikes the time is `sum_t prod_{u <= t} (1 - z_u)`, and that is what is differentiated.
    FirstSpike,
    /// Sum of all spikes, whatever the label: for benchmarks.
    SpikeSum,
}

/// What a block of samples gave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BlockLoss {
    /// Sum over the samples.
    pub loss: f64,
    /// Number of samples whose largest output is their label.
    pub correct: usize,
}

/// The logit is the mean membrane, or the share of steps to the first spike, times this: what is near threshold decides.
const GAIN: f64 = 10.0;

/// Share of steps in which the label's output, and any other, is to fire.
const RATES: [f64; 2] = [0.9, 0.1];

impl Loss {
    /// Checks that a network and labels fit.
    ///
    /// # Errors
    /// Another number of labels than of samples; a label that no output stands for; a loss on membranes
    /// where the readout spikes, or on spikes where it does not.
    pub fn check<R: Lanes>(self, net: &Network<R>, samples: usize, labels: &[u32]) -> Result<()> {
        let wants = match self {
            Self::MeanCrossEntropy | Self::SumCrossEntropy | Self::MaxCrossEntropy => {
                Output::Membrane
            }
            _ => Output::Spikes,
        };
        if net.output() != wants {
            return Err(Error::invalid(
                "loss",
                format!("readout '{}'", net.readout().name),
                format!("{wants:?}"),
                format!("{:?}", net.output()),
            ));
        }
        if labels.len() != samples {
            let expected = format!("{samples} labels");
            return Err(Error::invalid("labels", "the loss", expected, labels.len()));
        }
        if let Some(l) = labels.iter().find(|&&l| l as usize >= net.outputs()) {
            let expected = format!("less than the {} outputs", net.outputs());
            return Err(Error::invalid("label", "the loss", expected, l));
        }
        Ok(())
    }

    /// The loss of a block, its error left in the slot and divided by `batch`, the number of samples of the batch.
    pub(crate) fn block<R: Float>(
        self,
        slot: &mut Slot<R>,
        n: usize,
        labels: &[u32],
        batch: usize,
    ) -> BlockLoss {
        let mut sum = BlockLoss::default();
        if matches!(self, Self::MaxCrossEntropy | Self::FirstSpike) {
            if slot.error.is_empty() {
                slot.begin_error();
            }
        } else {
            slot.steady.clear();
            slot.steady.resize(slot.samples * slot.row);
        }
        for (b, &label) in labels.iter().enumerate() {
            let rows = self.logits(slot, n, b);
            let (value, by_logit) = self.value(&rows.logits, label as usize, slot.steps);
            let best = rows
                .logits
                .iter()
                .copied()
                .fold(f64::NEG_INFINITY, f64::max);
            let first = rows.logits.iter().position(|&l| l == best);
            sum.loss += value;
            sum.correct += usize::from(first == Some(label as usize));
            for (j, g) in by_logit.into_iter().enumerate() {
                self.send(slot, b, j, g / batch as f64, &rows);
            }
        }
        sum
    }

    /// What is compared between outputs.
    fn logits<R: Float>(self, slot: &Slot<R>, n: usize, b: usize) -> Logits {
        let steps = slot.steps;
        let mut out = Logits {
            logits: vec![0.0; n],
            peaks: Vec::new(),
        };
        let signal = slot.signal(0);
        match self {
            Self::MaxCrossEntropy => {
                out.peaks = vec![0; n];
                let mut best = signal
                    .dense(b, 0)
                    .map_or(Vec::new(), |row| row[..n].to_vec());
                for t in 1..steps {
                    let row = signal.dense(b, t).unwrap_or(&[]);
                    for ((best, peak), &v) in best.iter_mut().zip(&mut out.peaks).zip(row) {
                        let above = v > *best;
                        *best = if above { v } else { *best };
                        *peak = if above { t as u32 } else { *peak };
                    }
                }
                let logits = out.logits.iter_mut().zip(&best);
                logits.for_each(|(l, v)| *l = v.value());
            }
            Self::FirstSpike => {
                let times = first_times(slot, n, b);
                let scale = -GAIN / steps as f64;
                out.logits = times.into_iter().map(|t| t * scale).collect();
            }
            _ => {
                for t in 0..steps {
                    signal.nonzeros(b, t, |j, v| {
                        if j < n {
                            out.logits[j] += v.value();
                        }
                    });
                }
                if self == Self::MeanCrossEntropy {
                    let scale = GAIN / steps as f64;
                    out.logits.iter_mut().for_each(|l| *l *= scale);
                }
            }
        }
        out
    }

    /// The loss of a sample, and its gradient by the logits.
    fn value(self, logits: &[f64], label: usize, steps: usize) -> (f64, Vec<f64>) {
        match self {
            Self::SpikeSum => (logits.iter().sum(), vec![1.0; logits.len()]),
            Self::CountMse => {
                let t = steps as f64;
                let off = |j: usize| logits[j] / t - RATES[usize::from(j != label)];
                let sum = (0..logits.len()).map(|j| off(j) * off(j)).sum();
                (sum, (0..logits.len()).map(|j| 2.0 * off(j) / t).collect())
            }
            _ => {
                let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = logits.iter().map(|l| (l - top).exp()).sum();
                let share = |j: usize| (logits[j] - top).exp() / sum;
                let by = (0..logits.len()).map(|j| share(j) - f64::from(u32::from(j == label)));
                (top + sum.ln() - logits[label], by.collect())
            }
        }
    }

    /// Leaves the error of one logit.
    fn send<R: Float>(self, slot: &mut Slot<R>, b: usize, j: usize, g: f64, rows: &Logits) {
        let (row, steps) = (slot.row, slot.steps);
        let layout = slot.error_layout();
        match self {
            Self::MaxCrossEntropy => {
                slot.error[layout.at(b, rows.peaks[j] as usize) + j] += R::of(g);
            }
            Self::FirstSpike => {
                let by_spike = by_spikes(slot, b, j);
                for (t, d) in by_spike.into_iter().enumerate() {
                    let g = g * -GAIN / steps as f64 * d;
                    slot.error[layout.at(b, t) + j] += R::of(g);
                }
            }
            Self::MeanCrossEntropy => slot.steady[b * row + j] = R::of(g * GAIN / steps as f64),
            _ => slot.steady[b * row + j] = R::of(g),
        }
    }
}

/// What is compared between outputs, and the step of each maximum.
struct Logits {
    logits: Vec<f64>,
    peaks: Vec<u32>,
}

/// Spikes of one output.
fn spikes<R: Float>(slot: &Slot<R>, b: usize, j: usize) -> Vec<f64> {
    let mut z = vec![0.0; slot.steps];
    for (t, z) in z.iter_mut().enumerate() {
        slot.signal(0).nonzeros(b, t, |i, v| {
            if i == j {
                *z = v.value();
            }
        });
    }
    z
}

/// `sum_t prod_{u <= t} (1 - z_u)` for each output.
fn first_times<R: Float>(slot: &Slot<R>, n: usize, b: usize) -> Vec<f64> {
    let mut quiet = vec![1.0; n];
    let mut time = vec![0.0; n];
    for t in 0..slot.steps {
        slot.signal(0).nonzeros(b, t, |j, v| {
            if j < n {
                quiet[j] *= 1.0 - v.value();
            }
        });
        time.iter_mut().zip(&quiet).for_each(|(t, q)| *t += q);
    }
    time
}

/// Derivative of an output's first-spike time by its spike in each step: `-sum_{t >= s} prod_{u <= t, u != s} (1 - z_u)`.
fn by_spikes<R: Float>(slot: &Slot<R>, b: usize, j: usize) -> Vec<f64> {
    debug_assert!(matches!(slot.class, Class::Rows | Class::Dense));
    let z = spikes(slot, b, j);
    let mut before = vec![1.0; z.len()];
    for s in 1..z.len() {
        before[s] = before[s - 1] * (1.0 - z[s - 1]);
    }
    // after(s) = 1 + (1 - z_{s+1}) after(s + 1): the sum over t >= s of the product over s < u <= t.
    let mut out = vec![0.0; z.len()];
    let mut after = 0.0;
    for s in (0..z.len()).rev() {
        after = 1.0
            + if s + 1 < z.len() {
                (1.0 - z[s + 1]) * after
            } else {
                0.0
            };
        out[s] = -before[s] * after;
    }
    out
}
