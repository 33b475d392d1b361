//! A cochlea: band-pass filters along the basilar membrane, half-wave rectification, and hair cells that spike.

use super::mel::normalised;
use super::value::positive;
use super::{Presentation, Series};
use crate::{Error, Result};
use rustfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

/// A gammatone filter bank with leaky integrate-and-fire hair cells.
///
/// # Equations
/// The sound is scaled to a root mean square of 0.1. Bands are evenly spaced from `low` to `high` in
/// `21.4 log10(1 + 4.37e-3 f)`, the number of equivalent rectangular bandwidths `E(f) = 24.7 (1 + 4.37e-3 f)` below `f`
/// (`glasberg1990`). A band is a cascade of four complex one-pole filters `y = a y + (1 - |a|) x` with
/// `a = exp(2 pi (i f - 1.019 E(f)) h)`, `h` being the sampling period (`hohmann2002`); its output `y` is twice the real part.
///
/// A hair cell rectifies and compresses, `d = max(0, y)^0.3`, and integrates, `tau v' = d - v`; it spikes where
/// `v > threshold`, then `v = 0`, and rests for `refractory` seconds. There is one for each threshold, so that the loudness is told by
/// which of them fire.
///
/// # Shapes
/// `[1]` becomes `[thresholds bands]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cochlea {
    /// Number of bands.
    pub bands: usize,
    /// Centre of the first band in hertz.
    pub low: f64,
    /// Centre of the last band in hertz.
    pub high: f64,
    /// Time constant of a hair cell in seconds.
    pub tau: f64,
    /// Seconds that a hair cell rests after a spike.
    pub refractory: f64,
    /// One hair cell in each band for each.
    pub thresholds: Vec<f64>,
}

impl Default for Cochlea {
    fn default() -> Self {
        Self {
            bands: 64,
            low: 100.0,
            high: 3500.0,
            tau: 5e-3,
            refractory: 5e-3,
            thresholds: vec![0.1, 0.18],
        }
    }
}

/// Exponent of the compression.
const COMPRESSION: f64 = 0.3;

fn erb(f: f64) -> f64 {
    24.7 * (1.0 + 4.37e-3 * f)
}

impl Cochlea {
    pub(super) fn check(&self) -> Result<()> {
        if self.bands == 0 || self.bands > 1 << 16 {
            let expected = "1 to 65536";
            return Err(Error::invalid(
                "encoder",
                "cochlea.bands",
                expected,
                self.bands,
            ));
        }
        if self.thresholds.is_empty() {
            let expected = "at least one";
            return Err(Error::invalid("encoder", "cochlea.thresholds", expected, 0));
        }
        for (name, v) in [("cochlea.low", self.low), ("cochlea.tau", self.tau)] {
            positive(name, v)?;
        }
        for &t in &self.thresholds {
            positive("cochlea.thresholds", t)?;
        }
        if !(0.0..1e3).contains(&self.refractory) {
            let at = "cochlea.refractory";
            return Err(Error::invalid("encoder", at, "seconds", self.refractory));
        }
        if self.high < self.low || !self.high.is_finite() {
            let expected = format!("at least {}", self.low);
            return Err(Error::invalid(
                "encoder",
                "cochlea.high",
                expected,
                self.high,
            ));
        }
        Ok(())
    }

    /// The centre of a band in hertz.
    pub fn centre(&self, band: usize) -> f64 {
        let [low, high] = [self.low, self.high].map(|f| (1.0 + 4.37e-3 * f).ln());
        let part = band as f64 / (self.bands.max(2) - 1) as f64;
        ((low + (high - low) * part).exp() - 1.0) / 4.37e-3
    }

    /// What a band makes of a sound, sample by sample.
    pub fn filter(&self, band: usize, sound: &[f64], period: f64) -> Vec<f64> {
        let f = self.centre(band);
        let turn = std::f64::consts::TAU * period;
        let a = Complex::from_polar((-1.019 * erb(f) * turn).exp(), f * turn);
        let gain = 1.0 - a.norm();
        let mut state = [Complex::new(0.0, 0.0); 4];
        let run = |&x: &f64| {
            let mut y = Complex::new(x, 0.0);
            for s in &mut state {
                *s = a * *s + y * gain;
                y = *s;
            }
            2.0 * y.re
        };
        sound.iter().map(run).collect()
    }

    /// Calls `fire` with the step and the output of each spike.
    pub(super) fn spikes(
        &self,
        series: &Series<'_>,
        at: &Presentation,
        fire: &mut dyn FnMut(usize, usize),
    ) -> Result<()> {
        let nyquist = 0.5 / series.period;
        if self.high >= nyquist {
            let expected = format!("less than half the sampling rate, {nyquist} Hz");
            return Err(Error::invalid(
                "encoder",
                "cochlea.high",
                expected,
                self.high,
            ));
        }
        let sound = normalised(series);
        let follow = 1.0 - (-series.period / self.tau).exp();
        let rest = (self.refractory / series.period).round() as usize;
        let step = series.period / at.dt;
        for band in 0..self.bands {
            let drive = self.filter(band, &sound, series.period);
            for (cell, &threshold) in self.thresholds.iter().enumerate() {
                let (mut v, mut quiet) = (0.0, 0);
                for (i, &y) in drive.iter().enumerate() {
                    let t = (i as f64 * step) as usize;
                    if t >= at.steps {
                        break;
                    }
                    if quiet > 0 {
                        quiet -= 1;
                        continue;
                    }
                    v += follow * (y.max(0.0).powf(COMPRESSION) - v);
                    if v > threshold {
                        (v, quiet) = (0.0, rest);
                        fire(t, cell * self.bands + band);
                    }
                }
            }
        }
        Ok(())
    }
}
