//! Losses on what the readout did, and their errors.

use super::{Scores, Signals};
use crate::network::Network;
use crate::neuron::{Lanes, Output};
use crate::num::Float;
use crate::sim::Slot;
use crate::spikes::Spikes;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A loss on the readout's output over `T` steps, mean over the samples of a batch.
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
    /// Cross-entropy of the membrane after the last step: of an integrator, of the sum of all that reached it.
    LastCrossEntropy,
    /// Mean over the last steps of the cross-entropy of the membrane in each: the learning window of `bellec2020`.
    StepCrossEntropy {
        /// How many steps; all if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<usize>,
    },
    /// `1/2 sum_t sum_k (y_k[t] - y*_k[t])^2` for a membrane `y` that should be `y*`.
    SquaredError,
    /// Cross-entropy of `-10 t_j / T`, `t_j` being the step of an output's first spike, or `T` without one.
    ///
    /// As a function of spikes the time is `sum_t prod_{u <= t} (1 - z_u)`, and that is what is differentiated.
    FirstSpike,
    /// `-ln softmax(-t_j / tau0)[label] + alpha (exp(t_label / tau1) - 1)`, `t_j` being the time of an output's first spike, or the
    /// end of the sample without one (`goeltz2021`); under `eventprop` only.
    SpikeTime {
        /// The time constant of the softmax, in seconds.
        tau0: f64,
        /// The weight of the second term, which asks for early spikes.
        #[serde(default)]
        alpha: f64,
        /// Its time constant, in seconds.
        #[serde(default = "second")]
        tau1: f64,
    },
    /// Cross-entropy of the mean over time of the membrane times `exp(-t / tau)` (`nowotny2025`); under `eventprop` only.
    Integral {
        /// The time constant in seconds; infinite if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tau: Option<f64>,
    },
    /// Sum of all spikes, whatever the target: for benchmarks.
    SpikeSum,
    /// `h / tau sum_t sum_j d_j[t]^2` with `d_j[t] = exp(-h / tau) d_j[t - 1] + z_j[t] - y_j[t]`, for spikes `z` that should
    /// be `y`: a spike too much, or too little, costs a half (`vanrossum2001`).
    VanRossum {
        /// The time constant in seconds: how far apart two spikes may be and still be nearly the same.
        tau: f64,
    },
}

fn second() -> f64 {
    1.0
}

/// What the readout should do.
#[derive(Clone, Debug)]
pub enum Targets<'a> {
    /// The class of each sample: the output that should be largest.
    Classes(Cow<'a, [u32]>),
    /// The spikes of each output.
    Spikes(Cow<'a, Spikes>),
    /// The membrane of each output.
    Signals(Cow<'a, Signals>),
}

impl<'a, T: AsRef<[u32]> + ?Sized> From<&'a T> for Targets<'a> {
    fn from(classes: &'a T) -> Self {
        Self::Classes(Cow::Borrowed(classes.as_ref()))
    }
}

impl From<Vec<u32>> for Targets<'_> {
    fn from(classes: Vec<u32>) -> Self {
        Self::Classes(Cow::Owned(classes))
    }
}

impl<'a> From<&'a Spikes> for Targets<'a> {
    fn from(spikes: &'a Spikes) -> Self {
        Self::Spikes(Cow::Borrowed(spikes))
    }
}

impl From<Spikes> for Targets<'_> {
    fn from(spikes: Spikes) -> Self {
        Self::Spikes(Cow::Owned(spikes))
    }
}

impl<'a> From<&'a Signals> for Targets<'a> {
    fn from(signals: &'a Signals) -> Self {
        Self::Signals(Cow::Borrowed(signals))
    }
}

impl From<Signals> for Targets<'_> {
    fn from(signals: Signals) -> Self {
        Self::Signals(Cow::Owned(signals))
    }
}

impl Targets<'_> {
    /// What sample `b` should do in step `t`; none of spikes.
    pub(super) fn in_step(&self, b: usize, t: usize) -> Option<Wanted<'_>> {
        match self {
            Self::Classes(labels) => Some(Wanted::Class(labels[b] as usize)),
            Self::Signals(y) => Some(Wanted::Values(y.row(b, t))),
            Self::Spikes(_) => None,
        }
    }

    /// What they are, in a word.
    fn name(&self) -> &'static str {
        match self {
            Self::Classes(_) => "classes",
            Self::Spikes(_) => "spikes",
            Self::Signals(_) => "signals",
        }
    }
}

/// What the readout should do in a step.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'a> {
    Class(usize),
    Values(&'a [f64]),
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
pub(super) const GAIN: f64 = 10.0;

/// Share of steps in which the label's output, and any other, is to fire.
const RATES: [f64; 2] = [0.9, 0.1];

impl Loss {
    /// What the readout has to hand on.
    pub fn wants(self) -> Output {
        match self {
            Self::MeanCrossEntropy
            | Self::SumCrossEntropy
            | Self::MaxCrossEntropy
            | Self::LastCrossEntropy
            | Self::StepCrossEntropy { .. }
            | Self::SquaredError
            | Self::Integral { .. } => Output::Membrane,
            _ => Output::Spikes,
        }
    }

    /// Checks that a network and targets fit.
    ///
    /// # Errors
    /// Another number of targets than of samples; a label that no output stands for; labels where spikes are wanted, or
    /// spikes where labels are; a loss on membranes where the readout spikes, or on spikes where it does not.
    pub fn check<R: Lanes>(
        self,
        net: &Network<R>,
        (samples, steps): (usize, usize),
        targets: &Targets<'_>,
    ) -> Result<()> {
        if net.output() != self.wants() {
            return Err(Error::invalid(
                "loss",
                format!("readout '{}'", net.readout().name),
                format!("{:?}", self.wants()),
                format!("{:?}", net.output()),
            ));
        }
        let n = net.outputs();
        match (self, targets) {
            (Self::VanRossum { tau }, _) if !(tau > 0.0 && tau.is_finite()) => {
                let expected = "a positive number of seconds";
                Err(Error::invalid("loss", "van_rossum.tau", expected, tau))
            }
            (Self::VanRossum { .. }, Targets::Spikes(y)) | (Self::SpikeSum, Targets::Spikes(y)) => {
                let (want, got) = ([samples, steps, n], [y.samples, y.steps, y.width]);
                if want == got {
                    return Ok(());
                }
                let expected = format!("{want:?} samples, steps and outputs");
                Err(Error::invalid(
                    "targets",
                    "the loss",
                    expected,
                    format!("{got:?}"),
                ))
            }
            (Self::SquaredError, Targets::Signals(y)) => {
                let want = [samples, steps, n];
                if want == y.extent {
                    return Ok(());
                }
                let expected = format!("{want:?} samples, steps and outputs");
                let got = format!("{:?}", y.extent);
                Err(Error::invalid("targets", "the loss", expected, got))
            }
            (Self::VanRossum { .. }, other) => Err(Error::invalid(
                "targets",
                "the loss",
                "spikes",
                other.name(),
            )),
            (Self::SquaredError, other) => Err(Error::invalid(
                "targets",
                "the loss",
                "signals",
                other.name(),
            )),
            (_, Targets::Spikes(_) | Targets::Signals(_)) => Err(Error::invalid(
                "targets",
                "the loss",
                "classes",
                targets.name(),
            )),
            (Self::StepCrossEntropy { window: Some(w) }, _) if w == 0 || w > steps => {
                let expected = format!("1 to {steps} steps");
                Err(Error::invalid("window", "the loss", expected, w))
            }
            (_, Targets::Classes(labels)) => {
                if labels.len() != samples {
                    let expected = format!("{samples} labels");
                    return Err(Error::invalid("labels", "the loss", expected, labels.len()));
                }
                if let Some(l) = labels.iter().find(|&&l| l as usize >= n) {
                    let expected = format!("less than the {n} outputs");
                    return Err(Error::invalid("label", "the loss", expected, l));
                }
                Ok(())
            }
        }
    }

    /// Refuses a loss that is defined without a clock alone.
    pub(crate) fn clocked(self) -> Result<()> {
        match self {
            Self::SpikeTime { .. } | Self::Integral { .. } => {
                let got = format!("{self:?}");
                Err(Error::invalid(
                    "loss",
                    "training by the clock",
                    "a loss over steps, or the rule eventprop",
                    got,
                ))
            }
            _ => Ok(()),
        }
    }

    /// What is compared between outputs, the largest being the decision, from what the readout of one sample handed on,
    /// `[steps][outputs]`; for any number of steps from the start.
    ///
    /// ```
    /// use cortado::learn::Loss;
    /// let counts = Loss::CountCrossEntropy.scores(&[0.0f32, 1.0, 1.0, 1.0, 0.0, 1.0], 2);
    /// assert_eq!(counts, [1.0, 3.0]);
    /// ```
    pub fn scores<R: Float>(self, output: &[R], outputs: usize) -> Vec<f64> {
        let mut scores = Scores::new(self, outputs);
        output
            .chunks_exact(outputs.max(1))
            .for_each(|row| scores.push(row));
        scores.values()
    }

    /// The loss of a block, its error left in the slot and divided by `batch`, the number of samples of the batch.
    pub(crate) fn block<R: Float>(
        self,
        slot: &mut Slot<R>,
        n: usize,
        (targets, first): (&Targets<'_>, usize),
        (batch, dt): (usize, f64),
    ) -> BlockLoss {
        let mut sum = BlockLoss::default();
        if self.steady() {
            slot.steady.clear();
            slot.steady.resize(slot.samples * slot.row);
        } else if slot.error.is_empty() {
            slot.begin_error();
        }
        let (mut row, mut rows) = (vec![R::ZERO; n], Vec::new());
        for b in 0..slot.samples {
            let mut scores = Scores::new(self, n);
            rows.clear();
            for t in 0..slot.steps {
                let signal = slot.signal(0);
                if self.steady() {
                    scores.add(|take| signal.nonzeros(b, t, take));
                    continue;
                }
                signal.expand(b, t, &mut row);
                rows.extend(row.iter().map(|v| v.value()));
                scores.push(&row);
            }
            let scores = scores.values();
            let readout = Readout {
                rows: &rows,
                n,
                steps: slot.steps,
            };
            let mut send = Send {
                slot,
                b,
                batch: batch as f64,
            };
            match targets {
                Targets::Classes(labels) => {
                    let label = labels[first + b] as usize;
                    sum.correct += usize::from(decision(&scores) == Some(label));
                    sum.loss += readout.lose(self, &scores, label, &mut send);
                }
                Targets::Signals(y) => {
                    sum.loss +=
                        readout.follow(self, |t| Wanted::Values(y.row(first + b, t)), &mut send);
                }
                Targets::Spikes(y) => {
                    sum.loss += match self {
                        Self::VanRossum { tau } => {
                            readout.distance(dt / tau, |t| y.row(first + b, t), &mut send)
                        }
                        _ => readout.lose(self, &scores, 0, &mut send),
                    }
                }
            }
        }
        sum
    }

    /// Whether the loss is a sum over steps, each of which can be judged by itself.
    pub(super) fn by_steps(self) -> bool {
        matches!(
            self,
            Self::StepCrossEntropy { .. } | Self::LastCrossEntropy | Self::SquaredError
        )
    }

    /// What a step adds to a loss that is a sum over `steps` of them, and the error by what the readout handed on in it, `y`.
    pub(super) fn in_step(
        self,
        y: &[f64],
        wanted: Wanted<'_>,
        (t, steps): (usize, usize),
        error: &mut [f64],
    ) -> f64 {
        match wanted {
            Wanted::Values(wanted) => {
                let all = error.iter_mut().zip(y).zip(wanted);
                all.fold(0.0, |sum, ((e, y), w)| {
                    *e = y - w;
                    sum + 0.5 * *e * *e
                })
            }
            Wanted::Class(label) => {
                let window = match self {
                    Self::StepCrossEntropy { window } => window.unwrap_or(steps),
                    _ => 1,
                };
                if t + window < steps {
                    error.fill(0.0);
                    return 0.0;
                }
                let share = 1.0 / window as f64;
                let (value, by) = loss_of(self, y, label, steps);
                error.iter_mut().zip(by).for_each(|(e, g)| *e = g * share);
                value * share
            }
        }
    }

    /// Whether the error is the same in all steps.
    fn steady(self) -> bool {
        !matches!(
            self,
            Self::MaxCrossEntropy
                | Self::LastCrossEntropy
                | Self::StepCrossEntropy { .. }
                | Self::SquaredError
                | Self::FirstSpike
                | Self::SpikeTime { .. }
                | Self::VanRossum { .. }
        )
    }
}

/// The first of the largest scores.
pub(crate) fn decision(scores: &[f64]) -> Option<usize> {
    let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter().position(|&s| s == best)
}

/// Where the error of a sample's readout goes.
struct Send<'a, R> {
    slot: &'a mut Slot<R>,
    b: usize,
    batch: f64,
}

impl<R: Float> Send<'_, R> {
    /// The error of an output in all steps.
    fn always(&mut self, j: usize, error: f64) {
        self.slot.steady[self.b * self.slot.row + j] = R::of(error / self.batch);
    }

    /// Adds to the error of an output in one step.
    fn at(&mut self, t: usize, j: usize, error: f64) {
        let place = self.slot.error_layout().at(self.b, t) + j;
        self.slot.error[place] += R::of(error / self.batch);
    }
}

/// What the readout handed on for one sample: `[steps][n]`, or nothing where the error is the same in all steps.
struct Readout<'a> {
    rows: &'a [f64],
    n: usize,
    steps: usize,
}

impl Readout<'_> {
    /// Output `j` over time.
    fn column(&self, j: usize) -> impl DoubleEndedIterator<Item = f64> + ExactSizeIterator {
        self.rows[j..].iter().step_by(self.n).copied()
    }

    /// The step of an output's maximum, the first if there are several.
    fn peak(&self, j: usize) -> usize {
        let first = (0, f64::NEG_INFINITY);
        let steps = self.column(j).enumerate();
        steps
            .fold(first, |best, (t, v)| if v > best.1 { (t, v) } else { best })
            .0
    }

    /// A loss that is a sum over steps; its errors are sent.
    fn follow<'y, R: Float>(
        &self,
        loss: Loss,
        wanted: impl Fn(usize) -> Wanted<'y>,
        send: &mut Send<R>,
    ) -> f64 {
        let mut error = vec![0.0; self.n];
        let rows = self.rows.chunks_exact(self.n).enumerate();
        rows.fold(0.0, |sum, (t, y)| {
            let value = loss.in_step(y, wanted(t), (t, self.steps), &mut error);
            error
                .iter()
                .enumerate()
                .for_each(|(j, &e)| send.at(t, j, e));
            sum + value
        })
    }

    /// The loss for a label; its error is sent.
    fn lose<R: Float>(&self, loss: Loss, scores: &[f64], label: usize, send: &mut Send<R>) -> f64 {
        if matches!(loss, Loss::StepCrossEntropy { .. }) {
            return self.follow(loss, |_| Wanted::Class(label), send);
        }
        let (value, by_score) = loss_of(loss, scores, label, self.steps);
        let share = GAIN / self.steps as f64;
        for (j, g) in by_score.into_iter().enumerate() {
            match loss {
                Loss::MaxCrossEntropy => send.at(self.peak(j), j, g),
                Loss::LastCrossEntropy => send.at(self.steps - 1, j, g),
                Loss::FirstSpike => {
                    for (t, d) in self.first_by_spikes(j).into_iter().enumerate() {
                        send.at(t, j, g * -share * d);
                    }
                }
                Loss::MeanCrossEntropy => send.always(j, g * share),
                _ => send.always(j, g),
            }
        }
        value
    }

    /// Derivative of an output's first-spike time by its spike in each step:
    /// `-sum_{t >= s} prod_{u <= t, u != s} (1 - z_u)`.
    fn first_by_spikes(&self, j: usize) -> Vec<f64> {
        let z: Vec<f64> = self.column(j).collect();
        let before: Vec<f64> = std::iter::once(1.0)
            .chain(quiet(z.iter().copied()))
            .collect();
        // after(s) = 1 + (1 - z_{s+1}) after(s + 1): the sum over t >= s of the product over s < u <= t.
        let mut out = vec![0.0; z.len()];
        let mut after = 0.0;
        for s in (0..z.len()).rev() {
            after = 1.0 + z.get(s + 1).map_or(0.0, |z| (1.0 - z) * after);
            out[s] = -before[s] * after;
        }
        out
    }

    /// The van Rossum distance to the spikes `wanted` of each step, `share` being the step over the time constant; its
    /// error is sent.
    fn distance<'y, R: Float>(
        &self,
        share: f64,
        wanted: impl Fn(usize) -> &'y [u32],
        send: &mut Send<R>,
    ) -> f64 {
        let (decay, mut sum) = ((-share).exp(), 0.0);
        for j in 0..self.n {
            let mut d = 0.0;
            let filtered: Vec<f64> = self
                .column(j)
                .enumerate()
                .map(|(t, z)| {
                    let y = f64::from(u8::from(wanted(t).contains(&(j as u32))));
                    d = decay * d + z - y;
                    d
                })
                .collect();
            sum += share * filtered.iter().map(|d| d * d).sum::<f64>();
            let mut by = 0.0;
            for (t, d) in filtered.into_iter().enumerate().rev() {
                by = decay * by + 2.0 * share * d;
                send.at(t, j, by);
            }
        }
        sum
    }
}

/// `prod_{u <= t} (1 - z_u)` for each step `t`.
fn quiet(z: impl Iterator<Item = f64>) -> impl Iterator<Item = f64> {
    z.scan(1.0, |quiet, z| {
        *quiet *= 1.0 - z;
        Some(*quiet)
    })
}

/// The loss of a sample, and its gradient by the scores.
pub(super) fn loss_of(loss: Loss, scores: &[f64], label: usize, steps: usize) -> (f64, Vec<f64>) {
    match loss {
        Loss::SpikeSum => (scores.iter().sum(), vec![1.0; scores.len()]),
        Loss::CountMse => {
            let t = steps as f64;
            let off = |j: usize| scores[j] / t - RATES[usize::from(j != label)];
            let sum = (0..scores.len()).map(|j| off(j) * off(j)).sum();
            (sum, (0..scores.len()).map(|j| 2.0 * off(j) / t).collect())
        }
        _ => {
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scores.iter().map(|l| (l - top).exp()).sum();
            let share = |j: usize| (scores[j] - top).exp() / sum;
            let by = (0..scores.len()).map(|j| share(j) - f64::from(u32::from(j == label)));
            (top + sum.ln() - scores[label], by.collect())
        }
    }
}
