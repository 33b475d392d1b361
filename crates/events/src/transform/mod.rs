//! Changes to recordings, and what is made of them for a network: frames, surfaces, voxels, spikes.
//!
//! A change is a value, [`Transform`], that can stand in a file; several make a [`Pipeline`]. Random ones draw from a
//! [`Key`] of seed, sample and epoch, so that neither the order of samples nor threads matter. All take time
//! proportional to the number of events. What is given is never changed.
//!
//! ```
//! use cortado_events::{Event, Geometry, Recording, transform::{Key, Output, Pipeline}};
//! let recording = Recording {
//!     events: (0..40).map(|i| Event { t: 25 * i, x: i as u16 % 8, y: 3, p: i % 2 == 0 }).collect(),
//!     geometry: Some(Geometry::new(8, 4)),
//!     ..Recording::default()
//! };
//! let steps = r#"[{"type": "drop_event", "p": 0.25}, {"type": "to_frame", "cut": {"by": "time_parts", "n": 5}}]"#;
//! let pipeline: Pipeline = serde_json::from_str(steps).unwrap();
//! let Output::Counts(frames) = pipeline.run(recording, Key { seed: 7, sample: 0, epoch: 0 })? else { panic!() };
//! assert_eq!((frames.shape, frames.data.iter().sum::<u32>()), ([5, 2, 4, 8], 30));
//! # Ok::<(), cortado_base::Error>(())
//! ```

mod change;
mod downsample;
mod drop;
pub mod filter;
mod frames;
mod hats;
mod noise;
mod spatial;
mod spec;
mod spikes;
mod surface;
mod time;
mod voxel;

use cortado_base::rng::{Purpose, Rng};
use cortado_base::{Error, Result};
use serde::{Deserialize, Serialize};

pub use downsample::Method;
pub use frames::Frames;
pub use spatial::Outliers;
pub use spec::Transform;
pub use spikes::Spikes;
pub use surface::Decay;

use crate::event::{Geometry, Recording, View};

/// What random changes are drawn from: the same key gives the same change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Key {
    /// Of the run.
    pub seed: u64,
    /// Which recording of the data set.
    pub sample: u32,
    /// How often it was seen before.
    pub epoch: u32,
}

impl Key {
    /// The numbers of the change at that place of a pipeline.
    fn rng(self, place: u16) -> Rng {
        let step = u64::from(self.epoch) << 16 | u64::from(place);
        Rng::new(self.seed, self.sample, Purpose::Events, step)
    }
}

/// What a change gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A recording.
    Events(Recording),
    /// Numbers of events.
    Counts(Frames<u32>),
    /// Real numbers.
    Values(Frames<f32>),
    /// Spikes in steps of the clock.
    Spikes(Spikes),
}

/// Changes one after the other; what is no longer a recording is the last one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pipeline(pub Vec<Transform>);

impl Pipeline {
    /// All changes, in order.
    ///
    /// # Errors
    /// Parameters out of range; a sensor or order of time that a change needs and the recording lacks; a change after
    /// one that gave no recording.
    ///
    /// # Deviations
    /// Tonic stops where no events are left and returns them instead of what the last change gives; here each change
    /// takes recordings without events, and frames of them have their shape.
    pub fn run(&self, mut recording: Recording, key: Key) -> Result<Output> {
        let last = self.0.len().saturating_sub(1);
        for (place, transform) in self.0.iter().enumerate() {
            let mut rng = key.rng(u16::try_from(place).unwrap_or(u16::MAX));
            if let Some(output) = transform.change(&mut recording, &mut rng)? {
                if place < last {
                    let at = format!("pipeline, step {place}");
                    return Err(Error::invalid(
                        "transform",
                        at,
                        "one that gives events, as others follow",
                        "one that gives an array",
                    ));
                }
                return Ok(output);
            }
        }
        Ok(Output::Events(recording))
    }

    /// Whether the key matters: whether one of them is random.
    pub fn is_random(&self) -> bool {
        self.0.iter().any(Transform::is_random)
    }
}

impl Transform {
    /// This change alone.
    ///
    /// # Errors
    /// As [`Pipeline::run`].
    pub fn apply(&self, recording: &Recording, key: Key) -> Result<Output> {
        let mut recording = recording.clone();
        let output = self.change(&mut recording, &mut key.rng(0))?;
        Ok(output.unwrap_or(Output::Events(recording)))
    }
}

/// A number, or a range from which it is drawn uniformly for each recording.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number or a range [low, high]")]
pub enum Draw {
    /// Always this.
    Fixed(f64),
    /// From the first up to the second.
    Range([f64; 2]),
}

impl Draw {
    /// Whether recordings differ in it.
    fn varies(self) -> bool {
        matches!(self, Self::Range([a, b]) if a != b)
    }

    /// A number of it that must be in `allowed`.
    fn pick(self, rng: &mut Rng, what: &'static str, allowed: [f64; 2]) -> Result<f64> {
        let [a, b] = match self {
            Self::Fixed(x) => [x, x],
            Self::Range(range) => range,
        };
        inside(what, a, allowed)?;
        inside(what, b, allowed)?;
        if b < a {
            return Err(Error::invalid(
                what,
                "transform",
                format!("a range that begins before {b}"),
                a,
            ));
        }
        Ok(if a == b {
            a
        } else {
            a + (b - a) * rng.uniform()
        })
    }
}

/// Probabilities and shares.
const SHARE: [f64; 2] = [0.0, 1.0];
/// Anything from 0 that is still exact as a whole number.
const POSITIVE: [f64; 2] = [0.0, 9e15];
/// Any such number, of either sign.
const NUMBER: [f64; 2] = [-9e15, 9e15];

fn inside(what: &'static str, x: f64, [low, high]: [f64; 2]) -> Result<f64> {
    if (low..=high).contains(&x) {
        return Ok(x);
    }
    Err(Error::invalid(
        what,
        "transform",
        format!("a number from {low} to {high}"),
        x,
    ))
}

/// The sensor of a recording.
fn sensor(recording: &Recording) -> Result<Geometry> {
    let expected = "the width and height of the sensor in the recording";
    let geometry = recording.geometry;
    within_memory(
        geometry.ok_or_else(|| Error::invalid("geometry", "transform", expected, "none"))?,
    )
}

/// Refuses a sensor, which a file may claim to be of any size, for which a table of pixels would not fit in memory.
pub(crate) fn within_memory(geometry: Geometry) -> Result<Geometry> {
    const MOST: usize = 1 << 26;
    if area(geometry) <= MOST {
        return Ok(geometry);
    }
    Err(Error::invalid(
        "geometry",
        "sensor",
        format!("at most {MOST} pixels"),
        geometry,
    ))
}

/// The sensor of a recording, all events being on it.
fn whole(recording: &Recording) -> Result<Geometry> {
    let geometry = sensor(recording)?;
    within(recording.events.view(), geometry)?;
    Ok(geometry)
}

/// Refuses events that are not on the sensor.
fn within(view: View<'_>, geometry: Geometry) -> Result<()> {
    match view.iter().position(|e| !geometry.contains(e.x, e.y)) {
        None => Ok(()),
        Some(i) => {
            let e = view.get(i);
            let expected = format!("a pixel of the sensor of {geometry} (crop to it first)");
            Err(Error::invalid(
                "coordinate",
                format!("event {i}"),
                expected,
                format!("({}, {})", e.x, e.y),
            ))
        }
    }
}

/// How many pixels a sensor has.
fn area(geometry: Geometry) -> usize {
    usize::from(geometry.width) * usize::from(geometry.height)
}

/// The place of a pixel in a table of all.
#[inline]
fn pixel(geometry: Geometry, x: u16, y: u16) -> usize {
    usize::from(y) * usize::from(geometry.width) + usize::from(x)
}
