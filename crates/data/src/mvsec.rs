//! MVSEC (`zhu2018`): two DAVIS346 of 346x260 on vehicles, with depth and flow, as HDF5.
//!
//! | data set | what |
//! |---|---|
//! | `davis/SIDE/events` of `..._data.hdf5` | `[n, 4]`: x, y, seconds, 1 or -1 |
//! | `davis/SIDE/depth_image_rect` of `..._gt.hdf5` | `[frames, rows, columns]`, metres; NaN where it is not known |
//! | `davis/SIDE/flow_dist` of `..._gt.hdf5` | `[frames, 2, rows, columns]`, pixels to the right and down |
//! | the same and `_ts` | `[frames]`, seconds |
//!
//! Seconds are those of a clock, 1.5e9 and more, in double precision, which is so fine as a quarter of a microsecond there. They are
//! rounded to whole microseconds, halves away from 0; then the [`Sequence::origin`] is taken from all. Times ascend in
//! these files, and windows rely on it.

use std::path::Path;

use cortado_base::hdf5::{Dataset, File};
use cortado_base::{Error, Result};
use cortado_events::{Geometry, Recording};

use crate::sequence::{Rows, Side, window};

/// The sensor of both cameras.
pub const SENSOR: Geometry = Geometry::new(346, 260);

/// A sequence, of which events and frames are read when they are asked for.
pub struct Sequence {
    data: File,
    truth: Option<File>,
    origin: u64,
}

impl Sequence {
    /// Opens the file of events and, where there is one, that of the ground truth.
    ///
    /// # Errors
    /// A file that is no HDF5 file; no events of the left camera, or whose first has no time.
    ///
    /// ```
    /// use cortado_data::{mvsec, sequence::Side};
    /// let file = |name: &str| std::path::Path::new("tests/fixtures").join(name);
    /// let flight = mvsec::Sequence::open(&file("mvsec_data.hdf5"), Some(&file("mvsec_gt.hdf5")))?;
    /// assert_eq!(flight.events(Side::Left, 1000, 2000)?.events.len(), 100);
    /// assert_eq!(flight.depth(Side::Left)?.times()[1], 40_000);
    /// # Ok::<(), cortado::Error>(())
    /// ```
    pub fn open(data: &Path, truth: Option<&Path>) -> Result<Self> {
        let data = File::open(data)?;
        let truth = truth.map(File::open).transpose()?;
        let mut left = Events::of(&data, Side::Left, 0)?;
        let mut first = Vec::new();
        left.read(0, left.rows().min(1), &mut first)?;
        let origin = first.first().map_or(0, |e| e[0]);
        let origin = u64::try_from(origin)
            .map_err(|_| left.0.wrong("times from 1970 on", format!("{origin} us")))?;
        Ok(Self {
            data,
            truth,
            origin,
        })
    }

    /// Microseconds of the clock at which all times here begin: those of the first event of the left camera.
    pub fn origin(&self) -> u64 {
        self.origin
    }

    /// The events of a camera from `from` to before `until`, in microseconds after the [`Sequence::origin`].
    ///
    /// # Errors
    /// Damage; a time that is no number, a pixel that the sensor does not have.
    pub fn events(&self, side: Side, from: u64, until: u64) -> Result<Recording> {
        let mut events = Events::of(&self.data, side, self.origin)?;
        let at = events.0.at().to_string();
        window(&mut events, (from, until), SENSOR, &at)
    }

    /// Rectified depth in metres, `[1, rows, columns]` each; NaN where it is not known.
    ///
    /// # Errors
    /// No ground truth, or without depth of that camera; another shape; other numbers of times than of frames.
    pub fn depth(&self, side: Side) -> Result<Frames> {
        self.frames(side, "depth_image_rect")
    }

    /// Flow in pixels, `[2, rows, columns]` each: to the right, then down; 0 where it is not known.
    ///
    /// # Errors
    /// As [`Sequence::depth`].
    pub fn flow(&self, side: Side) -> Result<Frames> {
        self.frames(side, "flow_dist")
    }

    fn frames(&self, side: Side, what: &str) -> Result<Frames> {
        let Some(truth) = &self.truth else {
            let expected = "a file of the ground truth";
            return Err(Error::invalid(
                what_of(what),
                self.data.at(),
                expected,
                "none",
            ));
        };
        let name = format!("davis/{}/{what}", side.name());
        let data = truth.need(&name)?;
        let shape = match *data.shape() {
            [_, rows, columns] => [1, rows, columns],
            [_, channels, rows, columns] => [channels, rows, columns],
            _ => {
                let got = format!("{:?}", data.shape());
                return Err(data.wrong("frames of rows and columns", got));
            }
        };
        let mut seconds = truth.need(&format!("{name}_ts"))?;
        if seconds.shape() != [data.rows()] {
            let expected = format!("{}, one for each frame", data.rows());
            return Err(seconds.wrong(&expected, format!("{:?}", seconds.shape())));
        }
        let mut times = Vec::new();
        seconds.reals(0, data.rows(), &mut times)?;
        let time = |&t: &f64| microseconds(t, self.origin, &seconds);
        let times = times.iter().map(time).collect::<Result<_>>()?;
        Ok(Frames { data, times, shape })
    }
}

fn what_of(name: &str) -> &'static str {
    match name {
        "flow_dist" => "flow",
        _ => "depth",
    }
}

/// Frames of numbers with their times, read one at a time.
pub struct Frames {
    data: Dataset,
    times: Vec<i64>,
    shape: [usize; 3],
}

impl Frames {
    /// The time of each frame in microseconds after the [`Sequence::origin`]; before it below 0.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// Channels, rows and columns of a frame.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Puts frame `i`, `[channels, rows, columns]` row-major, in place of what is in `out`.
    ///
    /// # Errors
    /// Damage; a frame that is not there; numbers that are not of floating point.
    pub fn read(&mut self, i: usize, out: &mut Vec<f32>) -> Result<()> {
        let mut values = Vec::new();
        self.data.reals(i, 1, &mut values)?;
        out.clear();
        out.extend(values.iter().map(|&v| v as f32));
        Ok(())
    }
}

/// A table of events, and the origin of their times.
struct Events(Dataset, u64);

impl Events {
    fn of(file: &File, side: Side, origin: u64) -> Result<Self> {
        let data = file.need(&format!("davis/{}/events", side.name()))?;
        if !matches!(data.shape(), [_, 4]) {
            let got = format!("{:?}", data.shape());
            return Err(data.wrong("rows of x, y, seconds and polarity", got));
        }
        Ok(Self(data, origin))
    }
}

impl Rows for Events {
    fn rows(&self) -> usize {
        self.0.rows()
    }

    fn read(&mut self, start: usize, count: usize, out: &mut Vec<[i64; 4]>) -> Result<()> {
        let mut values = Vec::new();
        self.0.reals(start, count, &mut values)?;
        for row in values.as_chunks::<4>().0 {
            let [x, y, t, p] = *row;
            // What is no pixel is none of the sensor.
            let pixel = |v: f64| match v.fract() == 0.0 && (0.0..65536.0).contains(&v) {
                true => v as i64,
                false => -1,
            };
            let t = microseconds(t, self.1, &self.0)?;
            out.push([t, pixel(x), pixel(y), i64::from(p > 0.0)]);
        }
        Ok(())
    }
}

/// Seconds of the clock as microseconds after the origin.
fn microseconds(seconds: f64, origin: u64, data: &Dataset) -> Result<i64> {
    let us = (seconds * 1e6).round();
    // Up to here such numbers are whole microseconds apart.
    if us.abs() < 9e15 {
        return Ok((us as i64).saturating_sub_unsigned(origin));
    }
    Err(data.wrong("seconds below 9e9", seconds))
}
