//! Noise and drift that a signal might have had.

use super::Series;
use crate::rng::Rng;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// White noise and a drifting baseline, added to a signal; the same kind of either for all its channels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distort {
    /// Between which ratios of the signal's variance to that of the noise, in decibels; drawn evenly for each sample.
    pub snr: [f64; 2],
    /// Amplitude of the drift in the signal's unit: three sines, a third each, of 0.05 to 0.5 Hz and any phase.
    #[serde(default)]
    pub drift: f64,
    /// Share of samples that are left as they are.
    #[serde(default)]
    pub spare: f64,
}

/// Slowest and fastest drift in hertz: breathing and movement.
const DRIFT: [f64; 2] = [0.05, 0.5];

impl Distort {
    /// Checks the constants.
    ///
    /// # Errors
    /// One that is out of its range.
    pub fn check(&self) -> Result<()> {
        let ordered = self.snr[0] <= self.snr[1] && self.snr.iter().all(|d| d.abs() <= 300.0);
        if !ordered || !(0.0..1e9).contains(&self.drift) || !(0.0..=1.0).contains(&self.spare) {
            let expected = "snr from low to high decibels, a drift of at least 0, a share";
            return Err(Error::invalid(
                "distortion",
                "a signal",
                expected,
                format!("{self:?}"),
            ));
        }
        Ok(())
    }

    /// The distorted signal, `[frames][channels]`.
    ///
    /// ```
    /// use cortado::{encode::{Distort, Series}, rng::{Purpose, Rng}};
    /// let data: Vec<f32> = (0..10_000).map(|i| (i as f32 * 0.1).sin()).collect();
    /// let series = Series { data: &data, channels: 1, period: 1e-3 };
    /// let noisy = Distort { snr: [6.0, 6.0], drift: 0.0, spare: 0.0 };
    /// let noisy = noisy.apply(&series, &mut Rng::new(0, 0, Purpose::Augment, 0));
    /// let noise: f32 = noisy.iter().zip(&data).map(|(a, b)| (a - b) * (a - b)).sum::<f32>() / 10_000.0;
    /// assert!((10.0 * (0.5 / noise).log10() - 6.0).abs() < 0.2);
    /// ```
    pub fn apply(&self, series: &Series<'_>, rng: &mut Rng) -> Vec<f32> {
        let (data, n) = (series.data, series.channels.max(1));
        let mut out = data.to_vec();
        if self.spare > 0.0 && rng.uniform() < self.spare {
            return out;
        }
        let ratio = self.snr[0] + (self.snr[1] - self.snr[0]) * rng.uniform();
        for c in 0..n {
            let channel = || data.iter().skip(c).step_by(n).map(|&v| f64::from(v));
            let frames = channel().count().max(1) as f64;
            let mean = channel().sum::<f64>() / frames;
            let variance = channel().map(|v| (v - mean) * (v - mean)).sum::<f64>() / frames;
            let noise = (variance * 10f64.powf(-ratio / 10.0)).sqrt();
            let waves = [(); 3].map(|()| {
                let f = DRIFT[0] + (DRIFT[1] - DRIFT[0]) * rng.uniform();
                (f * series.period, rng.uniform())
            });
            for (frame, v) in out.iter_mut().skip(c).step_by(n).enumerate() {
                let sine = |(f, phase): (f64, f64)| {
                    (std::f64::consts::TAU * (f * frame as f64 + phase)).sin()
                };
                let drift: f64 = waves.map(sine).iter().sum::<f64>() * self.drift / 3.0;
                *v += (rng.normal() * noise + drift) as f32;
            }
        }
        out
    }
}
