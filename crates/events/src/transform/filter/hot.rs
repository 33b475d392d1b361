//! Pixels that fire too often.

use cortado_base::{Error, Result};

use super::Filter;
use crate::event::{Events, Geometry, View};
use crate::transform::{area, pixel, within_memory};

/// Counts the events of each pixel, and says which pixels are hot.
///
/// A rate is known at the end of a recording only: it is read twice, once to learn and once through [`PixelMask`].
///
/// ```
/// use cortado_events::{Event, Events, Geometry, transform::filter::HotPixels};
/// let mut pixels = HotPixels::new(Geometry::new(4, 4))?;
/// let events: Events = (0..1000).map(|i| Event { t: 1000 * i, x: 2, y: 1, p: true }).collect();
/// pixels.learn(events.view());
/// assert_eq!(pixels.mask(Some(900.0), None)?.pixels().collect::<Vec<_>>(), [(2, 1)]);
/// # Ok::<(), cortado_base::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct HotPixels {
    geometry: Geometry,
    counts: Vec<u64>,
    /// First and last time.
    span: Option<(u64, u64)>,
}

impl HotPixels {
    /// No events yet.
    ///
    /// # Errors
    /// A sensor of more than 2^26 pixels.
    pub fn new(geometry: Geometry) -> Result<Self> {
        Ok(Self {
            geometry: within_memory(geometry)?,
            counts: vec![0; area(geometry)],
            span: None,
        })
    }

    /// Counts events that follow those before.
    pub fn learn(&mut self, view: View<'_>) {
        for e in view.iter().filter(|e| self.geometry.contains(e.x, e.y)) {
            self.counts[pixel(self.geometry, e.x, e.y)] += 1;
        }
        if let Some((first, last)) = view.span() {
            let (a, b) = self.span.unwrap_or((first, last));
            self.span = Some((a.min(first), b.max(last)));
        }
    }

    /// The pixels with a rate of more than `frequency` hertz over the duration of what was learned (last - first + 1
    /// microseconds), and those with more events than the mean of the pixels that have any by more than `deviations`
    /// standard deviations.
    ///
    /// # Errors
    /// Neither is given; one is negative or not a number.
    pub fn mask(&self, frequency: Option<f64>, deviations: Option<f64>) -> Result<PixelMask> {
        let given = [frequency, deviations];
        if given == [None, None] || given.iter().flatten().any(|x| x.is_nan() || *x < 0.0) {
            let expected = "a frequency or a number of deviations, from 0";
            return Err(Error::invalid(
                "limit",
                "hot_pixels",
                expected,
                format!("{frequency:?}, {deviations:?}"),
            ));
        }
        let seconds = self
            .span
            .map_or(0.0, |(a, b)| ((b - a) as f64 + 1.0) * 1e-6);
        let active = || self.counts.iter().filter(|c| **c > 0).map(|c| *c as f64);
        let n = active().count().max(1) as f64;
        let mean = active().sum::<f64>() / n;
        let deviation = (active().map(|c| (c - mean) * (c - mean)).sum::<f64>() / n).sqrt();
        let by_rate = frequency.map_or(f64::INFINITY, |f| f * seconds);
        let by_mean = deviations.map_or(f64::INFINITY, |d| mean + d * deviation);
        let most = by_rate.min(by_mean);
        let hot = self.counts.iter().map(|c| *c as f64 > most).collect();
        Ok(PixelMask {
            geometry: self.geometry,
            hot,
        })
    }
}

/// Drops the events of some pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PixelMask {
    geometry: Geometry,
    hot: Vec<bool>,
}

impl PixelMask {
    /// Drops the events of these columns and rows.
    ///
    /// # Errors
    /// A pixel that is not on the sensor; a sensor of more than 2^26 pixels.
    pub fn new(geometry: Geometry, coordinates: &[[u16; 2]]) -> Result<Self> {
        let mut hot = vec![false; area(within_memory(geometry)?)];
        for &[x, y] in coordinates {
            if !geometry.contains(x, y) {
                let expected = format!("a pixel of the sensor of {geometry}");
                return Err(Error::invalid(
                    "coordinate",
                    "pixels to drop",
                    expected,
                    format!("({x}, {y})"),
                ));
            }
            hot[pixel(geometry, x, y)] = true;
        }
        Ok(Self { geometry, hot })
    }

    /// Column and row of the pixels whose events are dropped, row by row.
    pub fn pixels(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        let width = usize::from(self.geometry.width).max(1);
        let hot = self.hot.iter().enumerate().filter(|(_, hot)| **hot);
        hot.map(move |(i, _)| ((i % width) as u16, (i / width) as u16))
    }
}

impl Filter for PixelMask {
    fn filter(&mut self, view: View<'_>, out: &mut Events) {
        let passes = |e: &crate::Event| {
            self.geometry.contains(e.x, e.y) && !self.hot[pixel(self.geometry, e.x, e.y)]
        };
        view.iter().filter(passes).for_each(|e| out.push(e));
    }
}
