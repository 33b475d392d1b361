//! From what a sensor gives to spikes: codes of values, of signals in time and of sound.
//!
//! | encoder | of | source |
//! |---|---|---|
//! | [`Direct`](Encoder::Direct) | values, signals | |
//! | [`Bernoulli`](Encoder::Bernoulli), [`Poisson`](Encoder::Poisson) | values | |
//! | [`LatencyLinear`](Encoder::LatencyLinear), [`LatencyLog`](Encoder::LatencyLog) | values | |
//! | [`Burst`](Encoder::Burst) | values | `guo2021` |
//! | [`Population`](Encoder::Population) | values | `bohte2002` |
//! | [`Delta`] | signals | `corradi2015` |
//! | [`Mel`], [`Cochlea`] | sound | |
//! | [`Bin`](Encoder::Bin) | spikes that are there already | |

mod augment;
mod cochlea;
mod delta;
mod distort;
mod mel;
mod sample;
mod value;

pub use augment::Augment;
pub use cochlea::Cochlea;
pub use delta::Delta;
pub use distort::Distort;
pub use mel::Mel;
pub use sample::{Events, Sample, Series};

use crate::num::Float;
use crate::rng::{Purpose, Rng};
use crate::sim::clock::Input;
use crate::sim::event::Times;
use crate::spikes::Spikes;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use value::Code;

/// How samples reach a network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Encoder {
    /// As a current: values stay the same in all steps; a signal is read at the start of each step, on a straight line between
    /// frames, and is 0 when it has ended.
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
        /// Whether one more input, the last, fires at the start: times are then told apart from each other and from nothing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        origin: bool,
    },
    /// As a latency: one spike at `tau ln(x / (x - threshold))`, when a leaky integrator under `x` reaches the
    /// threshold; a spike that would come later stands in the last step.
    LatencyLog {
        /// The time constant in seconds.
        tau: f64,
        /// Values at or below it stay silent; positive.
        threshold: f64,
    },
    /// As a burst: `ceil(spikes x)` spikes from the first step on, `ceil(longest - (longest - shortest) x)` apart (`guo2021`).
    Burst {
        /// Spikes at `x = 1`.
        #[serde(default = "five")]
        spikes: u32,
        /// Seconds between spikes at `x = 1`: a whole number of steps.
        shortest: f64,
        /// Seconds between spikes at `x = 0`.
        longest: f64,
    },
    /// As a population: `n` Gaussian receptive fields over 0..=1 respond with `exp(-(x - i / (n - 1))^2 / (2 s^2))`,
    /// `s = 1 / (overlap (n - 1))`, and each response is coded again (`bohte2002`). `[channels, ...]` becomes
    /// `[n channels, ...]`.
    Population {
        /// Number of fields.
        n: usize,
        /// Distance of two fields over their width.
        #[serde(default = "one_and_a_half")]
        overlap: f64,
        /// How a response becomes spikes.
        code: Field,
    },
    /// Delta modulation of a signal.
    Delta(Delta),
    /// Bands of sound on the mel scale.
    Mel(Mel),
    /// A cochlea with hair cells.
    Cochlea(Cochlea),
    /// Spikes that a sensor has made stand in the step that their time falls into, a whole number of microseconds long.
    Bin {
        /// Spikes of a channel in one step are a current of their number; they are one spike otherwise.
        #[serde(default)]
        counted: bool,
    },
}

/// How a response of a receptive field becomes spikes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Field {
    /// As [`Encoder::LatencyLinear`]: the field that fits best fires first.
    Latency {
        /// As there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<f64>,
        /// As there.
        #[serde(default = "tenth")]
        threshold: f64,
    },
    /// As [`Encoder::Poisson`].
    Poisson {
        /// As there.
        rate: f64,
    },
}

fn one() -> f64 {
    1.0
}

fn one_and_a_half() -> f64 {
    1.5
}

fn tenth() -> f64 {
    0.1
}

fn five() -> u32 {
    5
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

/// The longest presentation: four and a half hours at a millisecond a step.
const MOST_STEPS: usize = 1 << 24;

impl Encoder {
    /// Encodes samples `values` in 0..=1, `[ids.len()][width]`; random numbers are named by a sample's id, so that what it
    /// becomes does not depend on its company.
    ///
    /// ```
    /// use cortado::{encode::{Encoder, Presentation}, sim::clock::Input};
    /// let at = Presentation { steps: 5, dt: 1e-3, seed: 0, round: 0 };
    /// let code = Encoder::LatencyLinear { window: None, threshold: 0.0, origin: false };
    /// let Input::Spikes(s) = code.encode::<f32>(&[1.0, 0.0, 0.5], &[0], &at).unwrap() else { panic!() };
    /// assert_eq!((s.row(0, 0), s.row(0, 2), s.count()), (&[0u32][..], &[2u32][..], 2));
    /// ```
    ///
    /// # Errors
    /// As [`Encoder::present`].
    pub fn encode<R: Float>(
        &self,
        values: &[f32],
        ids: &[u32],
        at: &Presentation,
    ) -> Result<Input<R>> {
        let width = values.len() / ids.len().max(1);
        let samples: Vec<Sample<'_>> = match width {
            0 => vec![Sample::Values(&[]); ids.len()],
            _ => values.chunks_exact(width).map(Sample::Values).collect(),
        };
        self.present(&samples, ids, at)
    }

    /// Encodes samples of any kind, all of one width.
    ///
    /// # Errors
    /// No steps, or more than 2^24; samples of a kind that the encoder does not take, or of different widths; a value outside 0..=1, or one of a
    /// signal that is not finite; a constant out of its range; a window that is not a whole number of steps, or longer than the
    /// presentation.
    pub fn present<R: Float>(
        &self,
        samples: &[Sample<'_>],
        ids: &[u32],
        at: &Presentation,
    ) -> Result<Input<R>> {
        let width = checked(samples, at)?;
        match self {
            Self::Direct => return direct(samples, at),
            Self::Bin { counted: true } => return self.counts(samples, at),
            _ => {}
        }
        let ready = self.ready(samples, at)?;
        let inputs = width * self.maps();
        let mut spikes = Spikes::builder(samples.len(), at.steps, inputs + self.origin());
        let mut rows = vec![Vec::new(); at.steps];
        for (sample, &id) in samples.iter().zip(ids) {
            let mut rng = Rng::new(at.seed, id, Purpose::Encode, at.round);
            let mut fire = |t: usize, i: usize| rows[t].push(i as u32);
            match (&ready, sample) {
                (Ready::Values(code), Sample::Values(values)) => {
                    for (i, &x) in values.iter().enumerate() {
                        let mut fire = |map: usize, t| fire(t, map * width + i);
                        code.spikes(f64::from(x), at.steps, &mut rng, &mut fire);
                    }
                }
                (Ready::Delta(delta), Sample::Series(series)) => {
                    delta.spikes(series, at, &mut fire)?;
                }
                (Ready::Mel(bank), Sample::Series(sound)) => {
                    bank.spikes(&mel::normalised(sound), at, &mut fire);
                }
                (Ready::Cochlea(cochlea), Sample::Series(sound)) => {
                    cochlea.spikes(sound, at, &mut fire)?;
                }
                (Ready::Bin { dt }, Sample::Events(events)) => events.bin(at.steps, *dt, fire),
                _ => return Err(self.does_not_take(sample)),
            }
            if self.origin() > 0 {
                rows[0].push(inputs as u32);
            }
            for row in &mut rows {
                row.sort_unstable();
                row.dedup();
                spikes.push_row(row.drain(..));
            }
        }
        Ok(Input::Spikes(spikes))
    }

    /// The shape of what reaches the network, of samples of that shape.
    ///
    /// ```
    /// use cortado::encode::{Delta, Encoder};
    /// let delta = Encoder::Delta(Delta { thresholds: vec![0.1, 0.3], smooth: 0.0 });
    /// assert_eq!(delta.shape(&[3]), [12]);
    /// ```
    pub fn shape(&self, sample: &[usize]) -> Vec<usize> {
        if self.origin() > 0 {
            return vec![sample.iter().product::<usize>() + 1];
        }
        let mut shape = sample.to_vec();
        if let Some(first) = shape.first_mut() {
            *first = first.saturating_mul(self.maps());
        }
        shape
    }

    /// Inputs besides those of values: one that always fires, or none.
    fn origin(&self) -> usize {
        usize::from(matches!(self, Self::LatencyLinear { origin: true, .. }))
    }

    /// Encodes samples of any kind as times in seconds, for engines without a clock: latencies and spikes of sensors keep
    /// theirs, what other encoders give stands at the start of its step.
    ///
    /// ```
    /// use cortado::encode::{Encoder, Presentation, Sample};
    /// let at = Presentation { steps: 5, dt: 1e-3, seed: 0, round: 0 };
    /// let code = Encoder::LatencyLinear { window: Some(4e-3), threshold: 0.0, origin: true };
    /// let times = code.times(&[Sample::Values(&[0.75, 0.125])], &[0], &at).unwrap();
    /// assert_eq!(times.sample(0), (&[0.0, 1e-3, 3.5e-3][..], &[2u32, 0, 1][..]));
    /// ```
    ///
    /// # Errors
    /// As [`Encoder::present`]; an encoder that gives currents.
    pub fn times(&self, samples: &[Sample<'_>], ids: &[u32], at: &Presentation) -> Result<Times> {
        let duration = at.steps as f64 * at.dt;
        let inputs = checked(samples, at)? * self.maps() + self.origin();
        if !self.exact() {
            return match self.present::<f32>(samples, ids, at)? {
                Input::Spikes(s) => Times::from_spikes(&s, at.dt),
                _ => Err(Error::invalid(
                    "encoder",
                    "spike times",
                    "one that makes spikes",
                    "a current",
                )),
            };
        }
        let ready = self.ready(samples, at)?;
        let one = |sample: &Sample<'_>| -> Result<Vec<(f64, u32)>> {
            let (mut spikes, width) = (Vec::new(), sample.width());
            match (&ready, sample) {
                (Ready::Values(code), Sample::Values(values)) => {
                    for (i, &x) in values.iter().enumerate() {
                        let mut fire =
                            |map: usize, t: f64| spikes.push((t * at.dt, (map * width + i) as u32));
                        code.times(f64::from(x), &mut fire);
                    }
                }
                (Ready::Bin { .. }, Sample::Events(events)) => {
                    let each = events.times.iter().zip(events.units);
                    spikes.extend(each.map(|(&t, &i)| (f64::from(t) * 1e-6, i)));
                    spikes.retain(|s| s.0 < duration);
                }
                _ => return Err(self.does_not_take(sample)),
            }
            if self.origin() > 0 {
                spikes.push((0.0, inputs as u32 - 1));
            }
            Ok(spikes)
        };
        let all: Vec<_> = samples.iter().map(one).collect::<Result<_>>()?;
        Times::new(inputs, duration, all)
    }

    /// Whether it knows times between steps.
    pub fn exact(&self) -> bool {
        match self {
            Self::LatencyLinear { .. } | Self::LatencyLog { .. } | Self::Bin { counted: false } => {
                true
            }
            Self::Population { code, .. } => matches!(code, Field::Latency { .. }),
            _ => false,
        }
    }

    /// Number of outputs for each value or channel; output `map w + i` belongs to channel `i` of `w`.
    pub fn maps(&self) -> usize {
        match self {
            Self::Population { n, .. } => *n,
            Self::Delta(delta) => delta.maps(),
            Self::Mel(mel) => 2 * mel.bands,
            Self::Cochlea(cochlea) => cochlea.thresholds.len() * cochlea.bands,
            _ => 1,
        }
    }

    /// Number of neighbours that a spike may be shifted among: the bands of a sound, or the channels of a sensor of that width.
    pub fn neighbours(&self, width: usize) -> usize {
        match self {
            Self::Mel(mel) => mel.bands,
            Self::Cochlea(cochlea) => cochlea.bands,
            _ => width,
        }
    }

    /// Whether a sample becomes something else in each round.
    pub fn random(&self) -> bool {
        match self {
            Self::Bernoulli { .. } | Self::Poisson { .. } => true,
            Self::Population { code, .. } => matches!(code, Field::Poisson { .. }),
            _ => false,
        }
    }

    fn ready(&self, samples: &[Sample<'_>], at: &Presentation) -> Result<Ready<'_>> {
        if let Some(code) = Code::new(self, at)? {
            return Ok(Ready::Values(code));
        }
        Ok(match self {
            Self::Delta(delta) => {
                delta.check()?;
                Ready::Delta(delta)
            }
            Self::Cochlea(cochlea) => {
                cochlea.check()?;
                Ready::Cochlea(cochlea)
            }
            Self::Mel(mel) => {
                mel.check()?;
                let period = |s: &Sample<'_>| match s {
                    Sample::Series(s) => Ok(s.period),
                    other => Err(self.does_not_take(other)),
                };
                let Some(first) = samples.first().map(period).transpose()? else {
                    return Ok(Ready::Bin { dt: 1 });
                };
                for sample in samples {
                    if period(sample)? != first {
                        let expected = format!("{first} s as the first sound");
                        let got = period(sample)?;
                        return Err(Error::invalid("period", "the encoder", expected, got));
                    }
                }
                Ready::Mel(mel.bank(first, at.dt)?)
            }
            _ => Ready::Bin {
                dt: microseconds(at.dt)?,
            },
        })
    }

    /// Spikes of a sensor as currents.
    fn counts<R: Float>(&self, samples: &[Sample<'_>], at: &Presentation) -> Result<Input<R>> {
        let width = samples.first().map_or(0, Sample::width);
        let (count, steps, dt) = (samples.len(), at.steps, microseconds(at.dt)?);
        let numbers = count.checked_mul(steps).and_then(|n| n.checked_mul(width));
        let Some(numbers) = numbers.filter(|&n| n <= MOST_NUMBERS) else {
            let expected = format!("at most {MOST_NUMBERS} numbers of counted spikes in a batch");
            let got = format!("{count} samples of {steps} steps of {width}");
            return Err(Error::invalid("input", "the encoder", expected, got));
        };
        let mut data = vec![R::ZERO; numbers];
        for (b, sample) in samples.iter().enumerate() {
            let Sample::Events(events) = sample else {
                return Err(self.does_not_take(sample));
            };
            let one = &mut data[b * steps * width..][..steps * width];
            events.bin(steps, dt, |t, i| one[t * width + i] += R::ONE);
        }
        Ok(Input::Currents {
            samples: count,
            steps,
            data,
        })
    }

    fn does_not_take(&self, sample: &Sample<'_>) -> Error {
        let expected = match self {
            Self::Delta(_) | Self::Mel(_) | Self::Cochlea(_) => "a signal in time",
            Self::Bin { .. } => "spikes of a sensor",
            _ => "values",
        };
        Error::invalid("sample", "the encoder", expected, sample.kind())
    }
}

/// The width of samples that may be encoded.
fn checked(samples: &[Sample<'_>], at: &Presentation) -> Result<usize> {
    if at.steps == 0 || at.steps > MOST_STEPS {
        let expected = format!("at least one, at most {MOST_STEPS}");
        return Err(Error::invalid("steps", "the encoder", expected, at.steps));
    }
    let width = samples.first().map_or(0, Sample::width);
    for (i, s) in samples.iter().enumerate() {
        s.check(i)?;
        if s.width() != width {
            let at = format!("sample {i}");
            return Err(Error::invalid("width", at, width.to_string(), s.width()));
        }
    }
    Ok(width)
}

/// Counted spikes are a number for each step and channel: in a batch at most as many as fill 8 GiB.
const MOST_NUMBERS: usize = 1 << 31;

/// A step in microseconds, of which it is a whole number.
fn microseconds(dt: f64) -> Result<u32> {
    let whole = (dt * 1e6).round();
    if (1.0..=f64::from(u32::MAX)).contains(&whole) && (dt * 1e6 - whole).abs() < 1e-6 * whole {
        return Ok(whole as u32);
    }
    let expected = "a whole number of microseconds, for spikes of a sensor";
    Err(Error::invalid(
        "step",
        "the encoder",
        expected,
        format!("{dt} s"),
    ))
}

/// An encoder made ready for some samples.
enum Ready<'a> {
    Values(Code),
    Delta(&'a Delta),
    Mel(mel::Bank),
    Cochlea(&'a Cochlea),
    Bin { dt: u32 },
}

/// Values and signals as currents.
fn direct<R: Float>(samples: &[Sample<'_>], at: &Presentation) -> Result<Input<R>> {
    let mut data = Vec::new();
    let series = matches!(samples.first(), Some(Sample::Series(_)));
    for sample in samples {
        match sample {
            Sample::Values(v) if !series => data.extend(v.iter().map(|&v| R::of(f64::from(v)))),
            Sample::Series(s) if series => {
                (0..at.steps).for_each(|t| s.read(t as f64 * at.dt, |v| data.push(R::of(v))));
            }
            other => {
                let expected = if series { "a signal in time" } else { "values" };
                return Err(Error::invalid(
                    "sample",
                    "the encoder",
                    expected,
                    other.kind(),
                ));
            }
        }
    }
    let (samples, steps) = (samples.len(), at.steps);
    Ok(if series {
        Input::Currents {
            samples,
            steps,
            data,
        }
    } else {
        Input::Current {
            samples,
            steps,
            data,
        }
    })
}

#[cfg(test)]
mod tests;
