//! What a sensor gives for one sample.

use crate::{Error, Result};

/// One sample as a sensor gave it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sample<'a> {
    /// Values in 0..=1 that do not change.
    Values(&'a [f32]),
    /// A signal in time.
    Series(Series<'a>),
    /// Spikes.
    Events(Events<'a>),
}

/// A signal in time: a frame of values every `period` seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Series<'a> {
    /// `[frames][channels]`
    pub data: &'a [f32],
    /// Number of channels.
    pub channels: usize,
    /// Seconds from frame to frame.
    pub period: f64,
}

/// Spikes of a sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Events<'a> {
    /// The time of each in microseconds from the start of the sample.
    pub times: &'a [u32],
    /// The channel of each.
    pub units: &'a [u32],
    /// Number of channels.
    pub channels: usize,
}

impl Sample<'_> {
    /// Number of values of a frame, or of channels.
    pub fn width(&self) -> usize {
        match self {
            Self::Values(v) => v.len(),
            Self::Series(s) => s.channels,
            Self::Events(e) => e.channels,
        }
    }

    /// The word for it in an error.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Values(_) => "values",
            Self::Series(_) => "a signal in time",
            Self::Events(_) => "spikes of a sensor",
        }
    }

    /// Checks it, as the sample of that number.
    ///
    /// # Errors
    /// A value outside 0..=1; a signal that is not whole frames of finite values; a spike of a channel that is not there.
    pub fn check(&self, sample: usize) -> Result<()> {
        match self {
            Self::Values(v) => match v.iter().position(|v| !(0.0..=1.0).contains(v)) {
                None => Ok(()),
                Some(i) => {
                    let place = format!("sample {sample}, position {i}");
                    Err(Error::invalid("value", place, "a number in 0..=1", v[i]))
                }
            },
            Self::Series(s) => s.check(sample),
            Self::Events(e) => e.check(sample),
        }
    }
}

impl Series<'_> {
    fn check(&self, sample: usize) -> Result<()> {
        let place = || format!("sample {sample}");
        if !(self.period > 0.0 && self.period.is_finite()) {
            let expected = "a positive number of seconds";
            return Err(Error::invalid("period", place(), expected, self.period));
        }
        if self.channels == 0 || !self.data.len().is_multiple_of(self.channels) {
            let expected = format!("whole frames of {} channels", self.channels);
            return Err(Error::invalid("signal", place(), expected, self.data.len()));
        }
        if let Some(i) = self.data.iter().position(|v| !v.is_finite()) {
            let place = format!("sample {sample}, frame {}", i / self.channels);
            return Err(Error::invalid(
                "value",
                place,
                "a finite number",
                self.data[i],
            ));
        }
        Ok(())
    }

    /// Hands the channels at a time on, on the straight line between two frames; 0 when the signal has ended.
    pub(super) fn read(&self, time: f64, mut take: impl FnMut(f64)) {
        let frames = self.data.len() / self.channels;
        // A time that is a frame's, but for rounding, is that frame's.
        let place = time / self.period;
        let near = place.round();
        let place = if (place - near).abs() < 1e-9 * near.max(1.0) {
            near
        } else {
            place
        };
        let (frame, part) = (place as usize, place.fract());
        for c in 0..self.channels {
            let value = |frame: usize| f64::from(self.data[frame * self.channels + c]);
            take(match frame.saturating_add(1) {
                next if next < frames => value(frame) * (1.0 - part) + value(next) * part,
                next if next == frames && part == 0.0 => value(frame),
                _ => 0.0,
            });
        }
    }
}

impl Events<'_> {
    fn check(&self, sample: usize) -> Result<()> {
        let place = |i: usize| format!("sample {sample}, spike {i}");
        if self.times.len() != self.units.len() {
            let expected = format!("{} channels, one for each time", self.times.len());
            let place = format!("sample {sample}");
            return Err(Error::invalid("spikes", place, expected, self.units.len()));
        }
        if let Some(i) = self.units.iter().position(|&u| u as usize >= self.channels) {
            let expected = format!("less than {}", self.channels);
            return Err(Error::invalid("channel", place(i), expected, self.units[i]));
        }
        Ok(())
    }

    /// Calls `fire` with the step and the channel of each spike that is not too late; `dt` is a step in microseconds.
    pub(super) fn bin(&self, steps: usize, dt: u32, mut fire: impl FnMut(usize, usize)) {
        for (&t, &unit) in self.times.iter().zip(self.units) {
            let step = (t / dt) as usize;
            if step < steps {
                fire(step, unit as usize);
            }
        }
    }
}
