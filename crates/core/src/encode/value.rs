//! Codes of a value `x` in 0..=1: rates, latencies, bursts, populations.

use super::{Encoder, Field, Presentation};
use crate::network::whole_steps;
use crate::rng::Rng;
use crate::{Error, Result};

/// An encoder of values with its times in steps.
pub(super) enum Code {
    Chance { gain: f64 },
    Hazard { rate: f64 },
    Linear { window: f64, threshold: f64 },
    Log { tau: f64, threshold: f64 },
    Burst { spikes: f64, gaps: [f64; 2] },
    Population { fields: Fields, code: Box<Code> },
}

/// Gaussian receptive fields over 0..=1.
pub(super) struct Fields {
    pub n: usize,
    width: f64,
}

impl Fields {
    /// `n` fields centred at `i / (n - 1)`, their width being their distance over `overlap`.
    fn new(n: usize, overlap: f64) -> Result<Self> {
        if n < 2 {
            return Err(Error::invalid("encoder", "population.n", "at least 2", n));
        }
        let width = 1.0 / ((n - 1) as f64 * positive("overlap", overlap)?);
        Ok(Self { n, width })
    }

    /// The response of field `i` to `x`, 1 in its centre.
    pub fn response(&self, i: usize, x: f64) -> f64 {
        let off = (x - i as f64 / (self.n - 1) as f64) / self.width;
        (-0.5 * off * off).exp()
    }
}

pub(super) fn positive(name: &str, value: f64) -> Result<f64> {
    if value > 0.0 && value.is_finite() {
        return Ok(value);
    }
    Err(Error::invalid("encoder", name, "a positive number", value))
}

/// A threshold in the precision of the values, so that a value equal to it is not above it.
fn single(threshold: f64) -> f64 {
    f64::from(threshold as f32)
}

impl Code {
    /// The code of an encoder of values in steps; `None` for the others.
    pub fn new(encoder: &Encoder, at: &Presentation) -> Result<Option<Self>> {
        let last = at.steps.saturating_sub(1);
        let within = |name: &'static str, window: Option<f64>| -> Result<f64> {
            let window = match window {
                None => last,
                Some(w) => whole_steps(w, at.dt, || format!("the encoder's {name}"))?,
            };
            if window > last {
                let expected = format!("at most {last} steps");
                return Err(Error::invalid("encoder", name, expected, window));
            }
            Ok(window as f64)
        };
        Ok(Some(match *encoder {
            Encoder::Bernoulli { gain } => Self::Chance {
                gain: positive("gain", gain)?,
            },
            Encoder::Poisson { rate } => Self::Hazard {
                rate: positive("rate", rate)? * at.dt,
            },
            Encoder::LatencyLinear {
                window, threshold, ..
            } => Self::Linear {
                window: within("window", window)?,
                threshold: single(threshold),
            },
            Encoder::LatencyLog { tau, threshold } => Self::Log {
                tau: positive("tau", tau)? / at.dt,
                threshold: single(positive("threshold", threshold)?),
            },
            Encoder::Burst {
                spikes,
                shortest,
                longest,
            } => {
                let gaps = [shortest, longest];
                let gaps = gaps.map(|g| whole_steps(g, at.dt, || "the encoder's gap".into()));
                let [shortest, longest] = gaps;
                let (shortest, longest) = (shortest?, longest?);
                if shortest == 0 || longest < shortest {
                    let expected = "gaps of at least one step, the shortest first";
                    let got = format!("{shortest} and {longest} steps");
                    return Err(Error::invalid("encoder", "burst", expected, got));
                }
                Self::Burst {
                    spikes: f64::from(spikes),
                    gaps: [shortest as f64, longest as f64],
                }
            }
            Encoder::Population { n, overlap, code } => {
                let code = match code {
                    Field::Latency { window, threshold } => Self::Linear {
                        window: within("window", window)?,
                        threshold: single(threshold),
                    },
                    Field::Poisson { rate } => Self::Hazard {
                        rate: positive("rate", rate)? * at.dt,
                    },
                };
                Self::Population {
                    fields: Fields::new(n, overlap)?,
                    code: Box::new(code),
                }
            }
            _ => return Ok(None),
        }))
    }

    /// Calls `fire` with the field and the time, in steps and parts of them, of each spike of a value that is coded by latency.
    pub fn times(&self, x: f64, fire: &mut dyn FnMut(usize, f64)) {
        match self {
            Self::Linear { window, threshold } if x > *threshold => fire(0, (1.0 - x) * window),
            Self::Log { tau, threshold } if x > *threshold => {
                fire(0, tau * (x / (x - threshold)).ln())
            }
            Self::Population { fields, code } => {
                for i in 0..fields.n {
                    code.times(fields.response(i, x), &mut |_, t| fire(i, t));
                }
            }
            _ => {}
        }
    }

    /// Calls `fire` with the field and the step of each spike of a value.
    pub fn spikes(&self, x: f64, steps: usize, rng: &mut Rng, fire: &mut dyn FnMut(usize, usize)) {
        let hazard = match self {
            Self::Chance { gain } => -(-(gain * x).min(1.0)).ln_1p(),
            Self::Hazard { rate } => rate * x,
            Self::Linear { window, threshold } => {
                if x > *threshold {
                    fire(0, ((1.0 - x) * window).round() as usize);
                }
                return;
            }
            Self::Log { tau, threshold } => {
                if x > *threshold {
                    let t = (tau * (x / (x - threshold)).ln()).round();
                    fire(0, (t as usize).min(steps - 1));
                }
                return;
            }
            Self::Burst { spikes, gaps } => {
                let n = (spikes * x).ceil();
                let gap = (gaps[1] - (gaps[1] - gaps[0]) * x).ceil();
                (0..n as usize)
                    .map(|k| k as f64 * gap)
                    .take_while(|&t| t < steps as f64)
                    .for_each(|t| fire(0, t as usize));
                return;
            }
            Self::Population { fields, code } => {
                for i in 0..fields.n {
                    let response = fields.response(i, x);
                    code.spikes(response, steps, rng, &mut |_, t| fire(i, t));
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
            fire(0, t as usize);
            t += 1.0;
        }
    }
}
