//! Losses on what the last population did.

use crate::network::Network;
use crate::neuron::{Lanes, Output};
use crate::sim::TILE;
use crate::sim::clock::{OutputError, Record};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// A loss on the output of the last population.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Cross-entropy of the spike counts.
    CountCrossEntropy,
    /// Cross-entropy of ten times the membrane's mean over time.
    #[default]
    MeanCrossEntropy,
    /// Cross-entropy of the membrane's maximum over time.
    MaxCrossEntropy,
    /// Sum of all spikes, whatever the label: for benchmarks.
    SpikeSum,
}

/// A loss and its error.
pub struct LossValue<R> {
    /// Mean over the samples.
    pub loss: f64,
    /// Number of samples whose largest output is their label.
    pub correct: usize,
    /// What goes back.
    pub error: OutputError<R>,
}

/// The logit is the mean membrane times this, so that a membrane near threshold decides.
const MEAN_GAIN: f64 = 10.0;

impl Loss {
    /// The loss of a record, and its error.
    ///
    /// # Errors
    /// Another number of labels than of samples; a label that no output stands for; a loss on membranes
    /// where the last population spikes, or on spikes where it does not.
    pub fn of<R: Lanes>(
        self,
        net: &Network<R>,
        record: &Record<R>,
        labels: &[u32],
    ) -> Result<LossValue<R>> {
        let (Some(p), Some(out)) = (net.populations.last(), record.activity.last()) else {
            return Err(Error::invalid("record", "the loss", "a population", "none"));
        };
        let (samples, steps, n) = (out.spikes.samples, out.spikes.steps, p.spec.n);
        let wants = if matches!(self, Self::CountCrossEntropy | Self::SpikeSum) {
            Output::Spikes
        } else {
            Output::Membrane
        };
        if p.output() != wants {
            return Err(Error::invalid(
                "loss",
                format!("population '{}'", p.spec.name),
                format!("{wants:?}"),
                format!("{:?}", p.output()),
            ));
        }
        if labels.len() != samples {
            return Err(Error::invalid(
                "labels",
                "the loss",
                format!("{samples} labels"),
                labels.len(),
            ));
        }
        if let Some(l) = labels.iter().find(|&&l| l as usize >= n) {
            return Err(Error::invalid(
                "label",
                "the loss",
                format!("less than the {n} outputs"),
                l,
            ));
        }
        let row = n.div_ceil(TILE) * TILE;
        if self == Self::SpikeSum {
            let error = OutputError {
                data: vec![R::ONE; samples * row],
                constant: true,
            };
            return Ok(LossValue {
                loss: out.spikes.count() as f64 / samples as f64,
                correct: 0,
                error,
            });
        }
        let constant = self != Self::MaxCrossEntropy;
        let mut error = vec![R::ZERO; samples * row * if constant { 1 } else { steps }];
        let (mut loss, mut correct) = (0.0, 0);
        for (b, &label) in labels.iter().enumerate() {
            let mut logits = vec![0.0; n];
            let mut peaks = vec![0; n];
            let membrane = |t: usize, j: usize| out.membrane[(b * steps + t) * row + j].value();
            match self {
                Self::CountCrossEntropy => {
                    (0..steps).for_each(|t| {
                        out.spikes
                            .row(b, t)
                            .iter()
                            .for_each(|&j| logits[j as usize] += 1.0)
                    });
                }
                Self::MaxCrossEntropy => {
                    for j in 0..n {
                        for t in 1..steps {
                            if membrane(t, j) > membrane(peaks[j], j) {
                                peaks[j] = t;
                            }
                        }
                        logits[j] = membrane(peaks[j], j);
                    }
                }
                _ => {
                    for (j, l) in logits.iter_mut().enumerate() {
                        *l = (0..steps).map(|t| membrane(t, j)).sum::<f64>() * MEAN_GAIN
                            / steps as f64;
                    }
                }
            }
            let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = logits.iter().map(|l| (l - top).exp()).sum();
            loss += top + sum.ln() - logits[label as usize];
            correct += usize::from(logits.iter().position(|&l| l == top) == Some(label as usize));
            for (j, &logit) in logits.iter().enumerate() {
                let mut g = (logit - top).exp() / sum - f64::from(u32::from(j == label as usize));
                g /= samples as f64;
                match self {
                    Self::MaxCrossEntropy => error[(b * steps + peaks[j]) * row + j] = R::of(g),
                    Self::MeanCrossEntropy => {
                        error[b * row + j] = R::of(g * MEAN_GAIN / steps as f64)
                    }
                    _ => error[b * row + j] = R::of(g),
                }
            }
        }
        Ok(LossValue {
            loss: loss / samples as f64,
            correct,
            error: OutputError {
                data: error,
                constant,
            },
        })
    }
}
