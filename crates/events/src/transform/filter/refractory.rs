//! A dead time of each pixel.

use cortado_base::Result;

use super::Filter;
use crate::event::{Events, Geometry, View};
use crate::transform::{area, pixel, within_memory};

/// Drops events of a pixel, of either polarity, that come less than a dead time after its last one.
///
/// The last one is the last that passed, so that gaps are at least the dead time and an event passes again as soon as it
/// can. Paralysable, it is the last that came: a pixel that fires fast enough is never seen again.
#[derive(Clone, Debug)]
pub struct Refractory {
    geometry: Geometry,
    delta: u64,
    paralysable: bool,
    /// When each pixel last fired, plus 1; 0 is never.
    last: Vec<u64>,
}

impl Refractory {
    /// For a sensor and a dead time in microseconds.
    ///
    /// # Errors
    /// A sensor of more than 2^26 pixels.
    pub fn new(geometry: Geometry, delta: u64, paralysable: bool) -> Result<Self> {
        Ok(Self {
            geometry: within_memory(geometry)?,
            delta,
            paralysable,
            last: vec![0; area(geometry)],
        })
    }
}

impl Filter for Refractory {
    fn filter(&mut self, view: View<'_>, out: &mut Events) {
        for e in view.iter() {
            if !self.geometry.contains(e.x, e.y) {
                continue;
            }
            let last = &mut self.last[pixel(self.geometry, e.x, e.y)];
            let passes = *last == 0 || e.t.saturating_sub(*last - 1) >= self.delta;
            if passes || self.paralysable {
                *last = e.t.saturating_add(1);
            }
            if passes {
                out.push(e);
            }
        }
    }
}
