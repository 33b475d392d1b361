//! The changes by name, with their parameters.

use serde::{Deserialize, Serialize};

use super::downsample::Method;
use super::filter::Neighbours;
use super::{Decay, Draw, Outliers};
use crate::slice::{Cut, Rest};

/// A change to a recording.
///
/// Times are in microseconds, lengths in pixels, frequencies in hertz. A parameter that is a [`Draw`] is a number, or a
/// range `[low, high]` from which each recording draws its own. The names are those of Tonic, whose behaviour is what
/// `# Deviations` speak of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Transform {
    /// Puts events in order of time; those of one time stay in order.
    Sort {},
    /// Keeps a window of the sensor, whose upper left pixel becomes (0, 0); at the size of the sensor it drops what is
    /// not on it.
    Crop {
        /// Left column.
        x: u16,
        /// Upper row.
        y: u16,
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// Keeps the centre of the sensor, or puts the sensor into the centre of a larger one.
    ///
    /// # Deviations
    /// Width and height have names, as Tonic's text and code differ in their order. An odd difference leaves the extra
    /// column at the right and the extra row at the bottom.
    CenterCrop {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// Keeps a window at a random place.
    ///
    /// # Deviations
    /// All places are equally likely, also the last one, which Tonic never draws. A window larger than the sensor is an
    /// error.
    RandomCrop {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// Mirrors columns with a probability.
    RandomFlipLr {
        /// The probability.
        #[serde(default = "half")]
        p: f64,
    },
    /// Mirrors rows with a probability.
    RandomFlipUd {
        /// The probability.
        #[serde(default = "half")]
        p: f64,
    },
    /// Fewer pixels or another pace of time: `x <- floor(x width' / width)`, `t <- round(t time_factor)`.
    ///
    /// # Deviations
    /// Time is rounded, and the sensor becomes the smaller one. Events that fall together stay, as in Tonic, unless
    /// `unique` says otherwise: then of those with the same time, pixel and polarity the first stays.
    Downsample {
        /// What times are multiplied by.
        #[serde(default = "one")]
        time_factor: f64,
        /// Columns afterwards; as before if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        width: Option<u16>,
        /// Rows afterwards; as before if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        height: Option<u16>,
        /// Whether events that become equal are one.
        #[serde(default)]
        unique: bool,
    },
    /// Fewer pixels, each of which makes events of its own from those of the pixels it stands for.
    ///
    /// # Deviations
    /// Times are in microseconds, where Tonic takes milliseconds for this change alone; the work is done event by event
    /// and not on frames, so that events keep microseconds; the method has no default, as Tonic's is refused by itself.
    EventDownsampling {
        /// Columns afterwards.
        width: u16,
        /// Rows afterwards.
        height: u16,
        /// How.
        method: Method,
    },
    /// Moves each event by a random number of pixels: normal with variances `var_x` and `var_y` and covariance
    /// `sigma_xy`, rounded.
    ///
    /// # Deviations
    /// Rounded, where Tonic truncates towards zero after adding, which moves events by half a pixel in the mean; no
    /// event is left outside the sensor.
    SpatialJitter {
        /// Variance of columns, in pixels squared.
        #[serde(default = "one")]
        var_x: f64,
        /// Variance of rows, in pixels squared.
        #[serde(default = "one")]
        var_y: f64,
        /// Covariance, in pixels squared.
        #[serde(default)]
        sigma_xy: f64,
        /// What becomes of events that leave the sensor.
        #[serde(default)]
        outliers: Outliers,
    },
    /// Keeps events and triggers of `[start, end)`; times stay.
    ///
    /// # Deviations
    /// Half-open. Without an end all is kept, where Tonic keeps the last time of the first recording for all others.
    CropTime {
        /// First time that is kept.
        #[serde(default)]
        start: u64,
        /// First time that is not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        end: Option<u64>,
    },
    /// Moves all times so that the first event is at 0; triggers before it are dropped.
    TimeAlignment {},
    /// Moves each event by a random time, normal and rounded, and sorts.
    ///
    /// # Deviations
    /// Rounded and not truncated; sorted by default. What would come before 0 is dropped (`drop`) or put at 0 (`clamp`).
    TimeJitter {
        /// Standard deviation in microseconds.
        std: f64,
        /// What becomes of events that would come before 0.
        #[serde(default)]
        outliers: Outliers,
        /// Whether they are put in order again.
        #[serde(default = "yes")]
        sort: bool,
    },
    /// `t <- round(coefficient t + offset)`; what would come before 0 is dropped.
    TimeSkew {
        /// What times are multiplied by, not negative.
        coefficient: Draw,
        /// What is added, in microseconds.
        #[serde(default = "zero")]
        offset: Draw,
    },
    /// Plays backwards with a probability: `t <- first + last - t`, in reverse order.
    ///
    /// # Deviations
    /// The span of time stays where it is (Tonic: `t <- last - t`), so that twice is the same as never. Polarities are
    /// flipped only if asked for. Triggers are reversed as well, and a rising edge becomes a falling one.
    RandomTimeReversal {
        /// The probability.
        #[serde(default = "half")]
        p: f64,
        /// Whether what became brighter becomes darker.
        #[serde(default = "yes")]
        flip_polarities: bool,
    },
    /// Drops exactly `round(p n)` of n events, all sets of them being equally likely.
    DropEvent {
        /// The share.
        p: Draw,
    },
    /// Drops events of a random interval of time.
    ///
    /// # Deviations
    /// The interval begins between the first event and `last - length`, where Tonic counts from 0, which misses
    /// recordings that begin later.
    DropEventByTime {
        /// Length of the interval as a share of that of the recording.
        #[serde(default = "fifth")]
        duration_ratio: Draw,
    },
    /// Drops events of a random rectangle with the shape of the sensor.
    ///
    /// # Deviations
    /// The ratio is that of areas, where Tonic scales each side by it; a range is drawn from its own bounds, where Tonic
    /// draws from the upper bound to 1.
    DropEventByArea {
        /// Area of the rectangle as a share of that of the sensor.
        #[serde(default = "fifth")]
        area_ratio: Draw,
    },
    /// One of four with equal chance (`gu2021`): nothing; drop by time, share 0.1 to 0.9; by area, share 0.05 to 0.25;
    /// at random, share 0.1 to 0.9.
    EventDrop {},
    /// Drops the events of the listed pixels.
    DropPixel {
        /// Column and row of each.
        coordinates: Vec<[u16; 2]>,
    },
    /// Drops the events of pixels that fire too often: [`HotPixels`](super::filter::HotPixels).
    ///
    /// # Deviations
    /// Rates are events over the duration of the recording (last - first + 1 microseconds).
    HotPixels {
        /// Pixels with more events a second are hot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        frequency: Option<f64>,
        /// Pixels whose rate is above the mean of the pixels with events by more than so many standard deviations are hot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deviations: Option<f64>,
    },
    /// Drops the events of each pixel with a probability.
    RandomDropPixel {
        /// The probability.
        p: f64,
    },
    /// Keeps of each pixel the events n, 2n, 3n, ..., of either polarity.
    Decimation {
        /// One in so many.
        n: u32,
    },
    /// Background activity: keeps an event that enough neighbours support, see [`Background`](super::filter::Background) (`delbruck2008`).
    ///
    /// # Deviations
    /// A pixel that never fired supports nothing, where Tonic lets the first `filter_time` of a recording pass.
    Denoise {
        /// How long an event supports its neighbours, in microseconds.
        filter_time: u64,
        /// Which pixels are neighbours.
        #[serde(default)]
        neighbours: Neighbours,
        /// How many of them are needed.
        #[serde(default = "once")]
        support: u8,
    },
    /// Drops events of light that flickers at a frequency of a band, see [`Flicker`](super::filter::Flicker).
    Flicker {
        /// Lowest and highest frequency in hertz.
        band: [f64; 2],
        /// After so many periods in a row a pixel flickers.
        #[serde(default = "thrice")]
        cycles: u32,
    },
    /// Drops events of a pixel that come less than `delta` after the last one, see [`Refractory`](super::filter::Refractory).
    ///
    /// # Deviations
    /// Counted from the last event that was kept, not from the last one that came, unless `paralysable`; an event at
    /// time 0 is one like others; a gap of exactly `delta` is enough.
    RefractoryPeriod {
        /// Microseconds.
        delta: Draw,
        /// Whether events that are dropped begin the period anew.
        #[serde(default)]
        paralysable: bool,
    },
    /// Makes all polarities `false`.
    MergePolarities {},
    /// Flips polarities with a probability.
    ///
    /// # Deviations
    /// Each event by itself, as Tonic's text says; its code flips all or none, which is `all` here.
    RandomFlipPolarity {
        /// The probability.
        #[serde(default = "half")]
        p: f64,
        /// Whether all are flipped together.
        #[serde(default)]
        all: bool,
    },
    /// Adds n events, uniform over pixels, polarities and the time from the first to the last event, and sorts.
    UniformNoise {
        /// How many, rounded.
        n: Draw,
    },
    /// Numbers of events, `[T, P, H, W]`, see [`Frames`](super::Frames).
    ///
    /// # Deviations
    /// Counts have 32 bits and do not overflow; windows are those of [`Slicer`](crate::slice::Slicer), so that no event between start and end
    /// is lost; a recording without events gives frames of the right shape.
    ToFrame {
        /// Windows, a frame each.
        cut: Cut,
        /// As [`Slicer::start`](crate::slice::Slicer::start).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start: Option<u64>,
        /// As [`Slicer::end`](crate::slice::Slicer::end).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        end: Option<u64>,
        /// As [`Slicer::rest`](crate::slice::Slicer::rest).
        #[serde(default)]
        rest: Rest,
        /// Whether both polarities are counted together, P being 1.
        #[serde(default)]
        merge: bool,
    },
    /// One frame of all events, `[1, P, H, W]`.
    ToImage {
        /// Whether both polarities are counted together, P being 1.
        #[serde(default)]
        merge: bool,
    },
    /// Frames of 0 and 1 read as the bits of a number (`barchid2022`), `[T, P, H, W]`.
    ///
    /// # Equations
    /// The recording is cut in `n_frames n_bits` windows as [`Cut::TimeParts`]; b_i is 1 if a pixel has an event in
    /// window i of a frame: `value = (sum_i 2^i b_i) / (2^n_bits - 1)`.
    ToBinaRep {
        /// Frames.
        #[serde(default = "once_u32")]
        n_frames: u32,
        /// Bits, up to 24.
        #[serde(default = "eight")]
        n_bits: u32,
    },
    /// Events in bins that overlap, with the sign of their polarity (`zhu2019`, `rebecq2019`), `[T, 1, H, W]`.
    ///
    /// # Equations
    /// With `s = (n - 1) (t - first) / (last - first)`, bin b gets `(+1 or -1) max(0, 1 - |b - s|)`.
    ///
    /// # Deviations
    /// By n - 1 as in the papers, where Tonic divides by n and loses the last event; if all events have one time they
    /// are in bin 0.
    ToVoxelGrid {
        /// Bins.
        n_bins: u32,
    },
    /// How long ago each pixel fired, `[T, P, H, W]`.
    ///
    /// # Equations
    /// At the time s of a frame, `exp(-(s - t) / tau)` with t the time of the last event before s, 0 if there is none;
    /// frame i is at `s = first + (i + 1) dt`, and the last one at or after the end.
    ///
    /// # Deviations
    /// Windows without events give a frame like others.
    ToTimesurface {
        /// Microseconds between frames; one frame at the end if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dt: Option<u64>,
        /// Microseconds.
        tau: f64,
        /// How it fades.
        #[serde(default)]
        decay: Decay,
    },
    /// Histograms of averaged time surfaces (`sironi2018`), `[cells, P, S, S]` with cells row by row.
    ///
    /// # Equations
    /// The surface of an event at t is, for each offset z of a square of side S around it, the sum of
    /// `exp(-(t - t') / tau)` over the events of its polarity at its pixel plus z, of the same cell, with t' in
    /// `[t - window, t)`. A cell has the mean of the surfaces of its events, for each polarity.
    ///
    /// # Deviations
    /// A running sum for each pixel, so that time does not grow with the square of the number of events.
    ToAveragedTimesurface {
        /// Side S of the surface, odd.
        #[serde(default = "five")]
        surface_size: u16,
        /// Side of a cell.
        #[serde(default = "ten")]
        cell_size: u16,
        /// Memory in microseconds.
        #[serde(default = "thousand")]
        time_window: u64,
        /// Microseconds.
        #[serde(default = "hundred")]
        tau: f64,
        /// How it fades.
        #[serde(default)]
        decay: Decay,
    },
    /// Spikes in steps of the clock, see [`Spikes`](super::Spikes).
    ToSpikes {
        /// Microseconds of a step.
        dt: u64,
        /// Steps; up to the last event if absent, what is beyond is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        steps: Option<u32>,
        /// Where step 0 begins; at the first event if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start: Option<u64>,
        /// Whether a channel has at most one spike in a step; else events are counted.
        #[serde(default = "yes")]
        binary: bool,
        /// Whether both polarities are one channel.
        #[serde(default)]
        merge: bool,
    },
}

fn half() -> f64 {
    0.5
}
fn one() -> f64 {
    1.0
}
fn zero() -> Draw {
    Draw::Fixed(0.0)
}
fn fifth() -> Draw {
    Draw::Fixed(0.2)
}
fn yes() -> bool {
    true
}
fn once() -> u8 {
    1
}
fn once_u32() -> u32 {
    1
}
fn thrice() -> u32 {
    3
}
fn eight() -> u32 {
    8
}
fn five() -> u16 {
    5
}
fn ten() -> u16 {
    10
}
fn thousand() -> u64 {
    1000
}
fn hundred() -> f64 {
    100.0
}
