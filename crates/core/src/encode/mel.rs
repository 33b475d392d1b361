//! Sound as the energy in bands of the mel scale: one spiking output for how much there is, one for when it rises.

use super::value::positive;
use super::{Presentation, Series};
use crate::network::whole_steps;
use crate::{Error, Result};
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A filter bank with integrate-and-fire outputs.
///
/// # Equations
/// The sound is scaled to a root mean square of 0.1. In each step of the clock a Hann window of `window` seconds starts there;
/// `P_b` is its power spectrum under triangle `b` of `bands` that are evenly spaced from `low` to `high` in
/// `2595 log10(1 + f / 700)`, and `f_b = max(0, log10(P_b + 1e-4) + 4) / 4`.
///
/// Output `b`: `v += rate dt f_b`, a spike where `v >= 1`, then `v -= 1`. Output `bands + b`: a spike where
/// `f_b - ref > rise`; `ref` becomes `f_b` whenever `|f_b - ref| > rise`.
///
/// # Shapes
/// `[1]` becomes `[2 bands]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mel {
    /// Number of bands.
    pub bands: usize,
    /// Lower edge of the first band in hertz.
    pub low: f64,
    /// Upper edge of the last band in hertz.
    pub high: f64,
    /// Length of the window in seconds.
    pub window: f64,
    /// Spikes per second of an output at `f = 1`.
    pub rate: f64,
    /// How far `f` has to rise for a spike of the second output.
    pub rise: f64,
}

impl Default for Mel {
    fn default() -> Self {
        Self {
            bands: 64,
            low: 50.0,
            high: 4000.0,
            window: 25e-3,
            rate: 100.0,
            rise: 0.15,
        }
    }
}

/// Root mean square to which a sound is scaled.
pub(super) const LOUDNESS: f64 = 0.1;

/// A sound of that loudness; silence stays silent.
pub(super) fn normalised(series: &Series<'_>) -> Vec<f64> {
    let power: f64 = series
        .data
        .iter()
        .map(|&v| f64::from(v) * f64::from(v))
        .sum();
    let rms = (power / series.data.len().max(1) as f64).sqrt();
    let gain = if rms > 0.0 { LOUDNESS / rms } else { 0.0 };
    series.data.iter().map(|&v| f64::from(v) * gain).collect()
}

/// A bank made ready for sounds of one sampling rate.
pub(super) struct Bank {
    spec: Mel,
    hann: Vec<f64>,
    hop: usize,
    fft: Arc<dyn Fft<f64>>,
    /// For each band the first bin and the weights from there.
    triangles: Vec<(usize, Vec<f64>)>,
}

fn mel(f: f64) -> f64 {
    2595.0 * (1.0 + f / 700.0).log10()
}

impl Mel {
    /// Checks everything that does not depend on the sound.
    pub(super) fn check(&self) -> Result<()> {
        if self.bands == 0 || self.bands > 1 << 16 {
            let expected = "1 to 65536";
            return Err(Error::invalid("encoder", "mel.bands", expected, self.bands));
        }
        for (name, v) in [
            ("mel.low", self.low),
            ("mel.window", self.window),
            ("mel.rate", self.rate),
            ("mel.rise", self.rise),
        ] {
            positive(name, v)?;
        }
        if self.high <= self.low || !self.high.is_finite() {
            let expected = format!("more than {}", self.low);
            return Err(Error::invalid("encoder", "mel.high", expected, self.high));
        }
        Ok(())
    }

    /// The bank for a sampling period, steps being whole numbers of it.
    pub(super) fn bank(&self, period: f64, dt: f64) -> Result<Bank> {
        let hop = whole_steps(dt, period, || {
            "the clock's step, in samples of the sound".into()
        })?;
        let length = (self.window / period).round().max(1.0);
        if length > 65536.0 {
            let expected = "at most 65536 samples of the sound";
            return Err(Error::invalid("encoder", "mel.window", expected, length));
        }
        let size = (length as usize).next_power_of_two();
        let hann = |i: usize| 0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / length).cos();
        let nyquist = 0.5 / period;
        if self.high > nyquist * (1.0 + 1e-9) {
            let expected = format!("at most half the sampling rate, {nyquist} Hz");
            return Err(Error::invalid("encoder", "mel.high", expected, self.high));
        }
        let (low, high) = (mel(self.low), mel(self.high));
        let edge = |k: usize| low + (high - low) * k as f64 / (self.bands + 1) as f64;
        let triangles = (0..self.bands)
            .map(|b| {
                let [left, centre, right] = [edge(b), edge(b + 1), edge(b + 2)];
                let weight = |bin: usize| {
                    let m = mel(bin as f64 / (size as f64 * period));
                    ((m - left) / (centre - left))
                        .min((right - m) / (right - centre))
                        .max(0.0)
                };
                let all: Vec<f64> = (0..=size / 2).map(weight).collect();
                let first = all.iter().position(|&w| w > 0.0).unwrap_or(0);
                let last = all.iter().rposition(|&w| w > 0.0).map_or(first, |l| l + 1);
                (first, all[first..last].to_vec())
            })
            .collect();
        Ok(Bank {
            spec: *self,
            hann: (0..length as usize).map(hann).collect(),
            hop,
            fft: FftPlanner::new().plan_fft_forward(size),
            triangles,
        })
    }
}

impl Bank {
    /// Calls `fire` with the step and the output of each spike.
    pub fn spikes(&self, sound: &[f64], at: &Presentation, fire: &mut dyn FnMut(usize, usize)) {
        let n = self.spec.bands;
        let mut potential = vec![0.0; n];
        let mut reference = vec![0.0; n];
        let mut buffer = vec![Complex::new(0.0, 0.0); self.fft.len()];
        let mut scratch = vec![Complex::new(0.0, 0.0); self.fft.get_inplace_scratch_len()];
        for t in 0..at.steps {
            let frame = sound.get(t * self.hop..).unwrap_or(&[]);
            if frame.is_empty() {
                break;
            }
            buffer.fill(Complex::new(0.0, 0.0));
            let windowed = frame.iter().zip(&self.hann).zip(&mut buffer);
            windowed.for_each(|((x, w), slot)| slot.re = x * w);
            self.fft.process_with_scratch(&mut buffer, &mut scratch);
            for (b, (first, weights)) in self.triangles.iter().enumerate() {
                let bins = buffer[*first..].iter().zip(weights);
                let power: f64 = bins.map(|(z, w)| z.norm_sqr() * w).sum();
                let f = ((power + 1e-4).log10() + 4.0).max(0.0) / 4.0;
                potential[b] += self.spec.rate * at.dt * f;
                if potential[b] >= 1.0 {
                    potential[b] -= 1.0;
                    fire(t, b);
                }
                let off = f - reference[b];
                if off > self.spec.rise {
                    fire(t, n + b);
                }
                if off.abs() > self.spec.rise {
                    reference[b] = f;
                }
            }
        }
    }
}
