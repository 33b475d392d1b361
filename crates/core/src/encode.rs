//! From numbers to spikes: rate and latency codes, and direct current.

use crate::network::whole_steps;
use crate::num::Float;
use crate::rng::{Purpose, Rng};
use crate::sim::clock::Input;
use crate::spikes::Spikes;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// How values `x` in 0..=1 reach a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Encoder {
    /// As a current that stays the same.
    #[default]
    Direct,
    /// As a rate: a spike in each step with probability `min(1, gain x)`.
    Bernoulli {
        /// The factor.
        #[serde(default = "one")]
        gain: f64,
    },
    /// As a rate: a Poisson process of `rate x`; a step in which it has an event holds a spike.
    Poisson {
        /// Events per second at `x = 1`.
        rate: f64,
    },
    /// As a latency: one spike at `(1 - x) window`, rounded to a step, so that the largest come first.
    LatencyLinear {
        /// Seconds to the last step in which a spike may stand; all steps if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<f64>,
        /// Values at or below it stay silent.
        #[serde(default)]
        threshold: f64,
    },
    /// As a latency: one spike at `tau ln(x / (x - threshold))`, when a leaky integrator under `x` reaches the
    /// threshold; a spike that would come later stands in the last step.
    LatencyLog {
        /// The time constant in seconds.
        tau: f64,
        /// Values at or below it stay silent; positive.
        threshold: f64,
    },
}

fn one() -> f64 {
    1.0
}

/// The clock and the random numbers of an encoding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Presentation {
    /// Number of steps.
    pub steps: usize,
    /// A step in seconds.
    pub dt: f64,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Draws of different rounds differ: the epoch of training, for example.
    pub round: u64,
}

impl Encoder {
    /// Encodes samples `values`, `[ids.len()][width]`; random numbers are named by a sample's id, so that what it
    /// becomes does not depend on its company.
    ///
    /// ```
    /// use cortado::{encode::{Encoder, Presentation}, sim::clock::Input};
    /// let at = Presentation { steps: 5, dt: 1e-3, seed: 0, round: 0 };
    /// let code = Encoder::LatencyLinear { window: None, threshold: 0.0 };
    /// let Input::Spikes(s) = code.encode::<f32>(&[1.0, 0.0, 0.5], &[0], &at).unwrap() else { panic!() };
    /// assert_eq!((s.row(0, 0), s.row(0, 2), s.count()), (&[0u32][..], &[2u32][..], 2));
    /// ```
    ///
    /// # Errors
    /// No steps; a value outside 0..=1; a constant out of its range; a window that is not a whole number of steps, or longer
    /// than the presentation.
    pub fn encode<R: Float>(
        &self,
        values: &[f32],
        ids: &[u32],
        at: &Presentation,
    ) -> Result<Input<R>> {
        let (samples, width) = (ids.len(), values.len() / ids.len().max(1));
        if let Some(i) = values.iter().position(|v| !(0.0..=1.0).contains(v)) {
            let place = format!("sample {}, position {}", i / width.max(1), i % width.max(1));
            return Err(Error::invalid(
                "value",
                place,
                "a number in 0..=1",
                values[i],
            ));
        }
        if at.steps == 0 {
            return Err(Error::invalid("steps", "the encoder", "at least one", 0));
        }
        let code = self.check(at)?;
        if let Self::Direct = self {
            return Ok(Input::Current {
                samples,
                steps: at.steps,
                data: values.iter().map(|&v| R::of(f64::from(v))).collect(),
            });
        }
        let mut spikes = Spikes::builder(samples, at.steps, width);
        let mut rows = vec![Vec::new(); at.steps];
        for (sample, &id) in values.chunks_exact(width.max(1)).zip(ids) {
            let mut rng = Rng::new(at.seed, id, Purpose::Encode, at.round);
            for (i, &x) in sample.iter().enumerate() {
                code.spikes(f64::from(x), at.steps, &mut rng, |t| rows[t].push(i as u32));
            }
            rows.iter_mut()
                .for_each(|row| spikes.push_row(row.drain(..)));
        }
        Ok(Input::Spikes(spikes))
    }

    /// The code in steps.
    fn check(&self, at: &Presentation) -> Result<Code> {
        let positive = |name: &str, value: f64| {
            if value > 0.0 && value.is_finite() {
                return Ok(value);
            }
            Err(Error::invalid("encoder", name, "a positive number", value))
        };
        Ok(match *self {
            Self::Direct => Code::Chance { gain: 0.0 },
            Self::Bernoulli { gain } => Code::Chance {
                gain: positive("gain", gain)?,
            },
            Self::Poisson { rate } => Code::Hazard {
                rate: positive("rate", rate)? * at.dt,
            },
            Self::LatencyLinear { window, threshold } => {
                let last = at.steps.saturating_sub(1);
                let window = match window {
                    None => last,
                    Some(w) => whole_steps(w, at.dt, || "the encoder's window".into())?,
                };
                if window > last {
                    let expected = format!("at most {last} steps");
                    return Err(Error::invalid("encoder", "window", expected, window));
                }
                Code::Linear {
                    window: window as f64,
                    threshold: single(threshold),
                }
            }
            Self::LatencyLog { tau, threshold } => Code::Log {
                tau: positive("tau", tau)? / at.dt,
                threshold: single(positive("threshold", threshold)?),
            },
        })
    }
}

/// A threshold in the precision of the values, so that a value equal to it is not above it.
fn single(threshold: f64) -> f64 {
    f64::from(threshold as f32)
}

/// An encoder with its times in steps.
enum Code {
    Chance { gain: f64 },
    Hazard { rate: f64 },
    Linear { window: f64, threshold: f64 },
    Log { tau: f64, threshold: f64 },
}

impl Code {
    /// Calls `fire` with the steps of a value's spikes.
    fn spikes(&self, x: f64, steps: usize, rng: &mut Rng, mut fire: impl FnMut(usize)) {
        let hazard = match *self {
            Self::Chance { gain } => -(-(gain * x).min(1.0)).ln_1p(),
            Self::Hazard { rate } => rate * x,
            Self::Linear { window, threshold } => {
                if x > threshold {
                    fire(((1.0 - x) * window).round() as usize);
                }
                return;
            }
            Self::Log { tau, threshold } => {
                if x > threshold {
                    let t = (tau * (x / (x - threshold)).ln()).round();
                    fire((t as usize).min(steps - 1));
                }
                return;
            }
        };
        if hazard <= 0.0 {
            return;
        }
        // The wait to the next step that holds a spike is geometric: an exponential, rounded down.
        let mut t = 0.0;
        loop {
            t += (-(1.0 - rng.uniform()).ln() / hazard).floor();
            if t >= steps as f64 {
                return;
            }
            fire(t as usize);
            t += 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spikes(code: Encoder, values: &[f32], ids: &[u32], round: u64) -> Spikes {
        let at = Presentation {
            steps: 400,
            dt: 1e-3,
            seed: 3,
            round,
        };
        match code.encode::<f32>(values, ids, &at).unwrap() {
            Input::Spikes(s) => s,
            _ => panic!("a current"),
        }
    }

    /// Counts lie within five standard deviations of the binomial law.
    #[test]
    fn rates_are_those_of_the_law() {
        let x = 0.3f32;
        let values = [x; 500];
        for (code, p) in [
            (Encoder::Bernoulli { gain: 0.5 }, 0.15),
            (Encoder::Poisson { rate: 500.0 }, 1.0 - (-0.15f64).exp()),
        ] {
            let s = spikes(code, &values, &[0], 0);
            let n = 400.0 * 500.0;
            let sd = (n * p * (1.0 - p)).sqrt();
            assert!(
                (s.count() as f64 - n * p).abs() < 5.0 * sd,
                "{code:?} {}",
                s.count()
            );
            let first: usize = (0..200).map(|t| s.row(0, t).len()).sum();
            assert!((first as f64 - n * p / 2.0).abs() < 5.0 * sd);
        }
        assert_eq!(
            spikes(Encoder::Bernoulli { gain: 1.0 }, &[0.0, 1.0], &[0], 0).count(),
            400
        );
    }

    #[test]
    fn a_sample_does_not_depend_on_its_company_but_on_its_round() {
        let values: Vec<f32> = (0..60).map(|i| i as f32 / 60.0).collect();
        let code = Encoder::Bernoulli { gain: 1.0 };
        let both = spikes(code, &values, &[4, 9], 1);
        let alone = spikes(code, &values[30..], &[9], 1);
        assert!((0..400).all(|t| both.row(1, t) == alone.row(0, t)));
        let again = spikes(code, &values[30..], &[9], 2);
        assert!((0..400).any(|t| again.row(0, t) != alone.row(0, t)));
    }

    #[test]
    fn the_logarithmic_latency_is_that_of_a_leaky_integrator() {
        let code = Encoder::LatencyLog {
            tau: 50e-3,
            threshold: 0.2,
        };
        let s = spikes(code, &[0.1, 0.2, 0.25, 1.0, 0.200_000_1], &[0], 0);
        // 50 ln 5 = 80.47, 50 ln 1.25 = 11.16, and the last would come after the end.
        let time = |i: u32| (0..400).find(|&t| s.row(0, t).contains(&i));
        assert_eq!(
            [time(0), time(1), time(2), time(3), time(4)],
            [None, None, Some(80), Some(11), Some(399)]
        );
    }

    #[test]
    fn bad_constants_are_sentences() {
        let at = Presentation {
            steps: 5,
            dt: 1e-3,
            seed: 0,
            round: 0,
        };
        let message =
            |code: Encoder, x: f32| code.encode::<f32>(&[x], &[0], &at).unwrap_err().to_string();
        let latency = |window| Encoder::LatencyLinear {
            window: Some(window),
            threshold: 0.0,
        };
        assert!(message(latency(1.5e-3), 0.5).contains("whole number of steps"));
        assert!(message(latency(5e-3), 0.5).contains("at most 4 steps"));
        assert!(message(Encoder::Poisson { rate: f64::NAN }, 0.5).contains("rate"));
        let none = Presentation { steps: 0, ..at };
        let error = latency(0.0).encode::<f32>(&[1.0], &[0], &none);
        assert!(error.unwrap_err().to_string().contains("at least one"));
        assert!(message(Encoder::Direct, f32::NAN).contains("position 0"));
    }
}
