//! Events that a sensor would make of what it sees: from frames, and from a still image before which it moves.
//!
//! A pixel compares the logarithm of its light with a level that it remembers. Whenever the two differ by a threshold it
//! fires, and remembers a level that is a threshold further on (`rebecq2018`); noise of real pixels can be added
//! (`hu2021`). Frames come one after the other, whatever their number: the result is the same for any number of threads.

mod options;
mod pixel;
mod saccade;

use cortado_base::{Error, Result};
use rayon::prelude::*;

pub use options::{Options, Response};
pub use saccade::{Saccade, saccade};

use crate::event::{Event, Events, Geometry};
use crate::transform::within_memory;
use pixel::{Interval, Pixel};

/// Microseconds from a frame to the next: 12 days.
const MOST: u64 = 1 << 40;

/// Pixels that a thread works on at once.
const CHUNK: usize = 4096;

/// A sensor before which frames pass.
///
/// # Equations
/// Between frames at t0 and t1 the level of a pixel is a line, `L(t) = L0 + (L1 - L0) (t - t0) / (t1 - t0)`, L being the
/// [`Response`] to the light after the low-pass of the pixel. With leak events the remembered level R falls at
/// `leak_rate c_on` per second. An event is at the first time when `L - R` reaches c_on, or -c_off, rounded up to a
/// microsecond; R then rises by c_on, or falls by c_off. A threshold is crossed as often as the line does it.
///
/// # Units
/// Light is linear, from 0 to [`Options::white`]; times are in microseconds.
///
/// # Deviations
/// v2e works in steps of its frames, and its noise in steps of them too; here crossings, leak and shot noise have their
/// times between frames. The low-pass is `1 - exp(-dt / tau)` of a step, where v2e takes `dt / tau`.
///
/// ```
/// use cortado_events::{Events, Geometry, simulate::{Options, Response, Simulator}};
/// let options = Options { response: Response::Log { offset: 0.0 }, c_on: 0.5, ..Options::default() };
/// let mut simulator = Simulator::new(Geometry::new(1, 1), &options)?;
/// let mut events = Events::new();
/// simulator.push(&[0.1], 0, &mut events)?;
/// simulator.push(&[0.1 * 1.2f32.exp()], 1000, &mut events)?;
/// // The logarithm rises by 1.2 in 1000 us: by 0.5 in 416.7 us.
/// assert_eq!(events.view().t, [417, 834]);
/// # Ok::<(), cortado_base::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Simulator {
    geometry: Geometry,
    options: Options,
    pixels: Vec<Pixel>,
    /// Time of the last frame.
    last: Option<u64>,
}

impl Simulator {
    /// A sensor that has seen nothing.
    ///
    /// # Errors
    /// Options out of range; a sensor of more than 2^26 pixels.
    pub fn new(geometry: Geometry, options: &Options) -> Result<Self> {
        options.check()?;
        within_memory(geometry)?;
        let n = usize::from(geometry.width) * usize::from(geometry.height);
        let pixels = (0..n as u32)
            .into_par_iter()
            .map(|i| Pixel::new(i, options))
            .collect();
        Ok(Self {
            geometry,
            options: options.clone(),
            pixels,
            last: None,
        })
    }

    /// The sensor.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Adds the events from the last frame up to this one at `t`, in order of time and then of pixels, row by row; the
    /// first frame makes none.
    ///
    /// # Shapes
    /// `frame` is `[H, W]`, row by row.
    ///
    /// # Errors
    /// A frame of another size; light that is negative or not a number; a time that is not after that of the last frame.
    pub fn push(&mut self, frame: &[f32], t: u64, out: &mut Events) -> Result<()> {
        if frame.len() != self.pixels.len() {
            let expected = format!(
                "{} pixels of a sensor of {}",
                self.pixels.len(),
                self.geometry
            );
            return Err(Error::invalid(
                "size",
                format!("frame at {t} us"),
                expected,
                frame.len(),
            ));
        }
        if let Some(i) = frame
            .iter()
            .position(|light| !(light.is_finite() && *light >= 0.0))
        {
            let at = format!("frame at {t} us, pixel {i}");
            return Err(Error::invalid("light", at, "a number from 0", frame[i]));
        }
        let options = &self.options;
        let Some(last) = self.last.replace(t) else {
            let pixels = self.pixels.iter_mut().zip(frame);
            pixels.for_each(|(pixel, light)| pixel.begin(*light, options));
            return Ok(());
        };
        if t <= last || t - last > MOST {
            self.last = Some(last);
            return Err(Error::invalid(
                "time",
                "frame",
                format!("after {last} us, that of the last frame, by at most 2^40 us"),
                t,
            ));
        }
        let interval = Interval {
            start: last,
            length: t - last,
        };
        let advance = |(c, (pixels, lights)): (usize, (&mut [Pixel], &[f32]))| {
            let mut found = Vec::new();
            for (i, (pixel, light)) in pixels.iter_mut().zip(lights).enumerate() {
                let place = (c * CHUNK + i) as u32;
                let say = |t, p| found.push((t, place, p));
                pixel.advance(place, *light, interval, options, say);
            }
            found
        };
        // What one thread does in no time is not handed to another.
        let mut found: Vec<(u64, u32, bool)> = if frame.len() <= CHUNK {
            advance((0, (&mut self.pixels, frame)))
        } else {
            let pixels = self.pixels.par_chunks_mut(CHUNK);
            let chunks = pixels.zip(frame.par_chunks(CHUNK)).enumerate();
            chunks.map(advance).collect::<Vec<_>>().concat()
        };
        found.sort_by_key(|(t, ..)| *t);
        let width = u32::from(self.geometry.width);
        out.extend(found.iter().map(|&(t, place, p)| Event {
            t,
            x: (place % width) as u16,
            y: (place / width) as u16,
            p,
        }));
        Ok(())
    }
}
