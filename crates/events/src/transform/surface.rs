//! Time surfaces: how long ago each pixel fired.

use cortado_base::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Frames, area, pixel};
use crate::event::{Geometry, View};
use crate::slice::{Cut, Slicer};

/// How what was fades with its age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// `exp(-age / tau)`.
    #[default]
    Exponential,
    /// `max(0, 1 - age / (3 tau))`.
    Linear,
}

/// A decay with its time constant in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fade {
    pub decay: Decay,
    pub tau: f64,
}

impl Decay {
    pub(super) fn over(self, tau: f64) -> Result<Fade> {
        if tau > 0.0 && tau.is_finite() {
            return Ok(Fade { decay: self, tau });
        }
        Err(Error::invalid(
            "tau",
            "time surface",
            "a time in microseconds above 0",
            tau,
        ))
    }
}

impl Fade {
    /// What is left after so many microseconds.
    pub fn after(self, age: u64) -> f64 {
        match self.decay {
            Decay::Exponential => (-(age as f64) / self.tau).exp(),
            Decay::Linear => (1.0 - age as f64 / (3.0 * self.tau)).max(0.0),
        }
    }
}

pub(super) fn surfaces(
    view: View<'_>,
    geometry: Geometry,
    dt: Option<u64>,
    fade: Fade,
) -> Result<Frames<f32>> {
    let cut = match dt {
        Some(window) => Cut::Time { window, overlap: 0 },
        None => Cut::TimeParts { n: 1, overlap: 0 },
    };
    let slices = Slicer::new(cut).slices(view, &[])?;
    let mut frames = Frames::zeros([
        slices.len(),
        2,
        geometry.height.into(),
        geometry.width.into(),
    ])?;
    let size = area(geometry);
    // When each pixel last fired, plus 1; 0 is never.
    let mut last = vec![0u64; 2 * size];
    for (frame, slice) in frames
        .data
        .chunks_exact_mut((2 * size).max(1))
        .zip(slices.iter())
    {
        for e in slice.events.iter() {
            last[usize::from(e.p) * size + pixel(geometry, e.x, e.y)] = e.t.saturating_add(1);
        }
        // Also the last frame stands a whole step after the one before.
        let now = dt.map_or(slice.end, |dt| slice.start.saturating_add(dt));
        for (value, &t) in frame.iter_mut().zip(&last) {
            if t != 0 {
                *value = fade.after(now - (t - 1)) as f32;
            }
        }
    }
    Ok(frames)
}
