//! What a simulated sensor is like.

use cortado_base::{Error, Result};
use serde::{Deserialize, Serialize};

/// How the level of a pixel follows from its light.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Response {
    /// `ln(offset + light)`, light being 0 to 1 (`rebecq2018`).
    Log {
        /// Keeps the logarithm of darkness finite.
        offset: f64,
    },
    /// With `x = 255 light`: `ln(x)` above the knee, and the line from 0 to it below (`hu2021`), so that the noise of a
    /// dark image of 8 bits makes no events.
    LinLog {
        /// Where the line ends, above 1; 20 in v2e.
        knee: f64,
    },
}

/// Parameters of a simulated sensor; the default is a perfect one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Rise of the logarithm of light that makes an event (0.2).
    pub c_on: f64,
    /// Fall of the logarithm of light that makes an event (0.2).
    pub c_off: f64,
    /// Standard deviation of the thresholds among pixels (0); none is below 0.01.
    pub mismatch: f64,
    /// A pixel makes no event within so many microseconds after one (0); what it misses is lost.
    pub refractory: u64,
    /// From light to level (`Log` with offset 0.001).
    pub response: Response,
    /// Light of a white pixel: 1 or 255 (1).
    pub white: f32,
    /// Bandwidth in hertz of a pixel that sees white; 0 is no limit (0). It falls with the light, to 20/275 of it in
    /// darkness: a first-order low-pass of the level.
    pub cutoff: f64,
    /// Brighter events a second that a pixel makes of itself (0).
    pub leak_rate: f64,
    /// Events a second of a dark pixel by shot noise, half of them of either polarity (0); a white one has a quarter. A
    /// pixel remembers the level at which it is when noise makes it fire.
    pub shot_rate: f64,
    /// Seed of thresholds and of shot noise.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            c_on: 0.2,
            c_off: 0.2,
            mismatch: 0.0,
            refractory: 0,
            response: Response::Log { offset: 0.001 },
            white: 1.0,
            cutoff: 0.0,
            leak_rate: 0.0,
            shot_rate: 0.0,
            seed: 0,
        }
    }
}

impl Options {
    /// A sensor in bad light, with noise as strong as the noisy setting of v2e.
    pub fn noisy() -> Self {
        Self {
            mismatch: 0.05,
            response: Response::LinLog { knee: 20.0 },
            cutoff: 30.0,
            leak_rate: 0.1,
            shot_rate: 5.0,
            ..Self::default()
        }
    }

    /// Refuses what makes no sensor, or more events than memory holds.
    pub(super) fn check(&self) -> Result<()> {
        let within = |what, x: f64, low: f64, high: f64| {
            if (low..=high).contains(&x) {
                return Ok(());
            }
            Err(Error::invalid(
                what,
                "simulator",
                format!("a number from {low} to {high}"),
                x,
            ))
        };
        within("c_on", self.c_on, LEAST, 100.0)?;
        within("c_off", self.c_off, LEAST, 100.0)?;
        within("mismatch", self.mismatch, 0.0, 100.0)?;
        within("white", self.white.into(), 1e-6, 1e6)?;
        within("cutoff", self.cutoff, 0.0, 1e9)?;
        within("leak_rate", self.leak_rate, 0.0, 1e4)?;
        within("shot_rate", self.shot_rate, 0.0, 1e5)?;
        match self.response {
            Response::Log { offset } => within("offset", offset, 0.0, 1.0),
            Response::LinLog { knee } => within("knee", knee, 1.0 + 1e-6, 255.0),
        }
    }

    /// Light from 0 to 1.
    pub(super) fn share(&self, light: f32) -> f64 {
        f64::from(light) / f64::from(self.white)
    }

    /// The level of such a light.
    pub(super) fn level(&self, share: f64) -> f64 {
        match self.response {
            // A logarithm that is never that of 0.
            Response::Log { offset } => (offset + share).max(1e-12).ln(),
            Response::LinLog { knee } => {
                let x = 255.0 * share;
                if x > knee {
                    x.ln()
                } else {
                    x * knee.ln() / knee
                }
            }
        }
    }
}

/// No threshold is lower.
pub(super) const LEAST: f64 = 0.01;
