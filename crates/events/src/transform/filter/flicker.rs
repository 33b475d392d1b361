//! Light that flickers, as lamps do at twice the frequency of the mains.

use cortado_base::{Error, Result};

use super::Filter;
use crate::event::{Events, Geometry, View};
use crate::transform::{area, pixel, within_memory};

/// Drops events of pixels that become brighter and darker at a frequency of a band.
///
/// A period is the time from one rise, the first brighter event after a darker one, to the next. A pixel flickers once
/// `cycles` periods in a row lay in the band, and until one does not or the longest period has passed without a rise;
/// what came before it was known passes. Lamps flicker at 100 or 120 Hz, twice the frequency of the mains.
#[derive(Clone, Debug)]
pub struct Flicker {
    geometry: Geometry,
    /// Shortest and longest period in microseconds.
    period: [u64; 2],
    cycles: u32,
    pixels: Vec<Pixel>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Pixel {
    /// When it last rose, plus 1; 0 is never.
    rise: u64,
    /// Periods of the band in a row.
    cycles: u32,
    /// Whether its last event was darker.
    dark: bool,
}

impl Flicker {
    /// For a sensor, the lowest and highest frequency in hertz, and so many periods in a row.
    ///
    /// # Errors
    /// A band that is empty or not above 0; no periods; a sensor of more than 2^26 pixels.
    pub fn new(geometry: Geometry, [low, high]: [f64; 2], cycles: u32) -> Result<Self> {
        if !(low > 0.0 && low <= high && high.is_finite()) {
            let expected = "two frequencies in hertz above 0, the lower one first";
            return Err(Error::invalid(
                "band",
                "flicker",
                expected,
                format!("{low} to {high}"),
            ));
        }
        within_memory(geometry)?;
        if cycles == 0 {
            return Err(Error::invalid("cycles", "flicker", "at least 1", cycles));
        }
        Ok(Self {
            geometry,
            period: [(1e6 / high).floor() as u64, (1e6 / low).ceil() as u64],
            cycles,
            pixels: vec![Pixel::default(); area(geometry)],
        })
    }
}

impl Filter for Flicker {
    fn filter(&mut self, view: View<'_>, out: &mut Events) {
        let [shortest, longest] = self.period;
        for e in view.iter() {
            if !self.geometry.contains(e.x, e.y) {
                continue;
            }
            let state = &mut self.pixels[pixel(self.geometry, e.x, e.y)];
            let since = e.t.saturating_sub(state.rise.saturating_sub(1));
            let known = state.rise != 0;
            if known && since > longest {
                state.cycles = 0;
            }
            if e.p && state.dark {
                let fits = known && (shortest..=longest).contains(&since);
                state.cycles = if fits {
                    self.cycles.min(state.cycles + 1)
                } else {
                    0
                };
                state.rise = e.t.saturating_add(1);
            }
            state.dark = !e.p;
            if state.cycles < self.cycles {
                out.push(e);
            }
        }
    }
}
