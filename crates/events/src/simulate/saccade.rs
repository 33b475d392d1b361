//! A still image before a sensor that moves, as N-MNIST was recorded.

use cortado_base::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Options, Simulator};
use crate::event::{Events, Geometry, Recording};

/// Corners of the path in units of its size: three saccades around a triangle and back (`orchard2015`).
const CORNERS: [[f64; 2]; 4] = [[-0.5, -0.5], [0.0, 0.5], [0.5, -0.5], [-0.5, -0.5]];

/// How a sensor moves before an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Saccade {
    /// Each pixel of the image is a square of so many pixels of the sensor (1).
    pub scale: u16,
    /// Pixels of the sensor around the image, which see black (3: a digit of 28x28 has a sensor of 34x34 as N-MNIST).
    pub margin: u16,
    /// Width and height of the path in pixels of the sensor (4), at most twice the margin.
    pub size: f64,
    /// Microseconds of each of the three saccades (100 000).
    pub duration: u64,
    /// Microseconds between the frames that the sensor sees (1000).
    pub frame: u64,
    /// Light of a black pixel, of a white one being 1 (0.1).
    pub black: f32,
    /// The sensor (thresholds of 0.35, the rest as [`Options::default`]).
    pub sensor: Options,
}

impl Default for Saccade {
    fn default() -> Self {
        Self {
            scale: 1,
            margin: 3,
            size: 4.0,
            duration: 100_000,
            frame: 1000,
            black: 0.1,
            sensor: Options {
                c_on: 0.35,
                c_off: 0.35,
                ..Options::default()
            },
        }
    }
}

impl Saccade {
    /// Where the image is at a time, in pixels to the right and down from the middle of the sensor.
    ///
    /// ```
    /// let saccade = cortado_events::simulate::Saccade::default();
    /// assert_eq!([0, 50_000, 100_000, 300_000].map(|t| saccade.place(t)), [[-2.0, -2.0], [-1.0, 0.0], [0.0, 2.0], [-2.0, -2.0]]);
    /// ```
    pub fn place(&self, t: u64) -> [f64; 2] {
        let duration = self.duration.max(1);
        let leg = ((t / duration) as usize).min(CORNERS.len() - 2);
        let share = ((t - leg as u64 * duration) as f64 / duration as f64).min(1.0);
        let (from, to) = (CORNERS[leg], CORNERS[leg + 1]);
        [0, 1].map(|axis| self.size * (from[axis] + share * (to[axis] - from[axis])))
    }

    /// The sensor for an image of that size.
    ///
    /// # Errors
    /// An image without pixels, or too large for a sensor.
    pub fn geometry(&self, width: u16, height: u16) -> Result<Geometry> {
        let side = |n: u16| {
            let side = u32::from(n) * u32::from(self.scale) + 2 * u32::from(self.margin);
            u16::try_from(side).ok().filter(|_| n > 0 && self.scale > 0)
        };
        match (side(width), side(height)) {
            (Some(width), Some(height)) => Ok(Geometry { width, height }),
            _ => {
                let got = format!("{width}x{height} times {}", self.scale);
                Err(Error::invalid(
                    "size",
                    "saccade",
                    "1 to 65535 pixels with margins",
                    got,
                ))
            }
        }
    }

    fn check(&self) -> Result<()> {
        let most = 2.0 * f64::from(self.margin);
        if !(0.0..=most).contains(&self.size) {
            return Err(Error::invalid(
                "size of the path",
                "saccade",
                format!("0 to {most}, twice the margin"),
                self.size,
            ));
        }
        if !(1..=MOST).contains(&self.duration) || self.frame == 0 {
            let got = format!("{} us in frames of {} us", self.duration, self.frame);
            return Err(Error::invalid(
                "duration",
                "saccade",
                format!("1 to {MOST} us in frames of 1 us or more"),
                got,
            ));
        }
        if !(0.0..1.0).contains(&self.black) {
            return Err(Error::invalid(
                "black",
                "saccade",
                "0 or more, and less than 1",
                self.black,
            ));
        }
        Ok(())
    }
}

/// A saccade takes no more microseconds.
const MOST: u64 = 1 << 40;

/// Moves a sensor before an image for three saccades, and gives what it records.
///
/// The image moves along the path by parts of pixels, interpolated linearly in both directions, and the sensor sees it as
/// frames. Its light is `black + (1 - black) value`.
///
/// # Shapes
/// `image` is `[height, width]`, row by row, with values from 0 to 1.
///
/// # Errors
/// Another number of values; values out of range; options out of range.
///
/// # Deviations
/// The motion has constant speed, and the sensor moves sideways instead of turning, so that the image is not distorted.
///
/// ```
/// use cortado_events::simulate::{Saccade, saccade};
/// let dot: Vec<f32> = (0..64).map(|i| f32::from(u8::from(i == 27 || i == 28))).collect();
/// let recording = saccade(&dot, 8, 8, &Saccade::default())?;
/// assert_eq!(recording.geometry.unwrap().to_string(), "14x14");
/// assert!(recording.events.len() > 100 && recording.events.view().t.is_sorted());
/// # Ok::<(), cortado_base::Error>(())
/// ```
pub fn saccade(image: &[f32], width: u16, height: u16, options: &Saccade) -> Result<Recording> {
    options.check()?;
    let geometry = options.geometry(width, height)?;
    let expected = usize::from(width) * usize::from(height);
    if image.len() != expected {
        return Err(Error::invalid(
            "size",
            "image",
            format!("{expected} values of {width}x{height}"),
            image.len(),
        ));
    }
    if let Some(i) = image.iter().position(|v| !(0.0..=1.0).contains(v)) {
        return Err(Error::invalid(
            "value",
            format!("image, pixel {i}"),
            "a number from 0 to 1",
            image[i],
        ));
    }
    let sensor = Options {
        white: 1.0,
        ..options.sensor.clone()
    };
    let mut simulator = Simulator::new(geometry, &sensor)?;
    let mut events = Events::new();
    let canvas = Canvas::new(image, width, geometry, options);
    let mut frame = vec![0.0; canvas.light.len()];
    let (end, mut t) = (3 * options.duration, 0);
    loop {
        canvas.moved(options.place(t), &mut frame);
        simulator.push(&frame, t, &mut events)?;
        if t == end {
            break;
        }
        t = end.min(t.saturating_add(options.frame));
    }
    Ok(Recording {
        events,
        triggers: Vec::new(),
        geometry: Some(geometry),
    })
}

/// The image on the middle of the sensor.
struct Canvas {
    geometry: Geometry,
    black: f32,
    light: Vec<f32>,
}

impl Canvas {
    fn new(image: &[f32], width: u16, geometry: Geometry, options: &Saccade) -> Self {
        let [columns, rows] = [geometry.width, geometry.height].map(usize::from);
        let (margin, scale) = (usize::from(options.margin), usize::from(options.scale));
        let mut light = vec![options.black; columns * rows];
        for y in margin..rows - margin {
            for x in margin..columns - margin {
                let value = image[(y - margin) / scale * usize::from(width) + (x - margin) / scale];
                light[y * columns + x] = options.black + (1.0 - options.black) * value;
            }
        }
        Self {
            geometry,
            black: options.black,
            light,
        }
    }

    /// The same, moved to the right and down.
    fn moved(&self, [right, down]: [f64; 2], out: &mut [f32]) {
        let [columns, rows] = [self.geometry.width, self.geometry.height].map(i64::from);
        // A pixel sees what was at (x - right, y - down): between the pixels there and one further on.
        let [dx, dy] = [-right, -down].map(|d| d.floor());
        let [u, v] = [(-right - dx) as f32, (-down - dy) as f32];
        let [dx, dy] = [dx, dy].map(|d| d as i64);
        let at = |x: i64, y: i64| {
            let inside = (0..columns).contains(&x) && (0..rows).contains(&y);
            if inside {
                self.light[(y * columns + x) as usize]
            } else {
                self.black
            }
        };
        for (i, light) in out.iter_mut().enumerate() {
            let (x, y) = (i as i64 % columns + dx, i as i64 / columns + dy);
            let above = (1.0 - u) * at(x, y) + u * at(x + 1, y);
            let below = (1.0 - u) * at(x, y + 1) + u * at(x + 1, y + 1);
            *light = (1.0 - v) * above + v * below;
        }
    }
}
