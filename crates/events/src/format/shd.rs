//! HDF5 files of the layout of the Spiking Heidelberg Digits and Spiking Speech Commands (`cramer2020`).
//!
//! | data set | what | type |
//! |---|---|---|
//! | `spikes/times` | for each sample its spikes' times in seconds | rows of `f2`, `f4` or `f8` |
//! | `spikes/units` | for each sample its spikes' channels | rows of integers in 0..=65535 |
//! | `labels` | each sample's class | integers |
//! | `extra/speaker` | who spoke, if it is there | integers |
//! | `extra/keys` | the classes' names, if they are there | text |
//!
//! [`Shd`] is all samples, for training. As a recording one sample is read, `x` being the channel; times in half
//! precision are only so fine, half a millisecond from 0.5 s on and a millisecond from 1 s on.

use std::path::{Path, PathBuf};

use cortado_base::hdf5::{Dataset, File, Kind, Writer};
use cortado_base::{Draft, Error, Result};

use super::{Batches, Collect, Options};
use crate::event::{Event, Geometry, Recording, Trigger, View};
use crate::report::Report;

/// Channels of the cochlea of both sets.
const CHANNELS: u16 = 700;
/// Times from here on, in microseconds, are not exact as seconds in double precision.
const LATEST: u64 = 1 << 50;

/// Samples of spikes with their classes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shd {
    /// For each sample the times of its spikes in seconds, finite and not negative, in the file's order.
    pub times: Vec<Vec<f32>>,
    /// For each sample the channels of its spikes, as many as times.
    pub units: Vec<Vec<u16>>,
    /// For each sample its class.
    pub labels: Vec<u32>,
    /// For each sample who spoke.
    pub speakers: Option<Vec<u32>>,
    /// The names of the classes; every label is below their number.
    pub classes: Option<Vec<String>>,
}

impl Shd {
    /// Reads an HDF5 file of this layout.
    ///
    /// # Shapes
    /// `S` samples, sample `s` with `K_s` spikes: `times` and `units` `[S][K_s]`, `labels` and `speakers` `[S]`.
    ///
    /// # Errors
    /// A file that cannot be read or is no HDF5 file, a missing data set or one of another type or shape, data in
    /// another file, damaged storage, different numbers of samples or spikes, a time that is negative or not finite, a
    /// channel above 65535, a label without a name.
    pub fn read(path: &Path) -> Result<Self> {
        let mut file = File::open(path)?;
        let labels = whole(&file.need("labels")?)?;
        let rows = labels.len();
        let times = of_length(file.need("spikes/times")?, rows)?;
        let times = file.rows(&times, |kind, bytes| Some(kind.real(bytes)? as f32))?;
        let units = of_length(file.need("spikes/units")?, rows)?;
        let units = file.rows(&units, channel)?;
        let speakers = file.dataset("extra/speaker")?;
        let speakers = speakers
            .map(|data| whole(&of_length(data, rows)?))
            .transpose()?;
        let keys = file.dataset("extra/keys")?;
        let classes = keys.map(|data| file.strings(&line(data)?)).transpose()?;
        let shd = Self {
            times,
            units,
            labels,
            speakers,
            classes,
        };
        shd.check(file.at())?;
        Ok(shd)
    }

    /// What a sample has to be.
    fn check(&self, file: &str) -> Result<()> {
        let names = self.classes.as_ref().map_or(usize::MAX, Vec::len);
        let lengths = [self.units.len(), self.labels.len()];
        let speakers = self.speakers.as_ref().map_or(self.times.len(), Vec::len);
        if lengths != [self.times.len(); 2] || speakers != self.times.len() {
            let expected = format!("{} of units, labels and speakers", self.times.len());
            return Err(Error::invalid(
                "samples",
                file,
                expected,
                format!("{lengths:?}"),
            ));
        }
        for (s, (t, u)) in self.times.iter().zip(&self.units).enumerate() {
            let at = || format!("{file}, sample {s}");
            if t.len() != u.len() {
                let expected = format!("{}, one for each time", t.len());
                return Err(Error::invalid("number of units", at(), expected, u.len()));
            }
            if let Some(wrong) = t.iter().find(|t| !(t.is_finite() && **t >= 0.0)) {
                return Err(Error::invalid("time", at(), "seconds from 0 on", wrong));
            }
            if self.labels[s] as usize >= names {
                let expected = format!("below {names}, the number of classes");
                return Err(Error::invalid("label", at(), expected, self.labels[s]));
            }
        }
        Ok(())
    }

    /// Writes such a file, whole or not at all; times are single precision there.
    ///
    /// ```
    /// use cortado_events::Shd;
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("a.h5");
    /// let shd = Shd { times: vec![vec![0.25, 0.5]], units: vec![vec![3, 699]], labels: vec![0], ..Shd::default() };
    /// shd.write(&path)?;
    /// assert_eq!(Shd::read(&path)?, shd);
    /// # Ok::<(), cortado_base::Error>(())
    /// ```
    ///
    /// # Errors
    /// Samples that [`Shd::read`] would refuse; the operating system's.
    pub fn write(&self, path: &Path) -> Result<()> {
        self.check("samples to write")?;
        let draft = Draft::new(path)?;
        let writer = Writer::create(draft.place())?;
        writer.group("spikes")?;
        writer.rows("spikes/times", &self.times)?;
        writer.rows("spikes/units", &self.units)?;
        writer.numbers("labels", &self.labels)?;
        if self.speakers.is_some() || self.classes.is_some() {
            writer.group("extra")?;
        }
        if let Some(speakers) = &self.speakers {
            writer.numbers("extra/speaker", speakers)?;
        }
        if let Some(classes) = &self.classes {
            writer.strings("extra/keys", classes)?;
        }
        writer.finish()?;
        draft.keep()
    }
}

/// Whether a file is of this kind.
pub(crate) fn is(file: &File) -> bool {
    file.has("spikes/times") && file.has("spikes/units")
}

fn channel(kind: &Kind, bytes: &[u8]) -> Option<u16> {
    u16::try_from(kind.whole(bytes)?).ok()
}

/// A data set of one dimension.
fn line(data: Dataset) -> Result<Dataset> {
    if data.shape().len() != 1 {
        return Err(data.wrong("one dimension", format!("{:?}", data.shape())));
    }
    Ok(data)
}

fn of_length(data: Dataset, length: usize) -> Result<Dataset> {
    let data = line(data)?;
    if data.rows() != length {
        let expected = format!("{length} elements, one for each label");
        return Err(data.wrong(&expected, data.rows()));
    }
    Ok(data)
}

fn whole(data: &Dataset) -> Result<Vec<u32>> {
    if data.shape().len() != 1 {
        return Err(data.wrong("one dimension", format!("{:?}", data.shape())));
    }
    let bytes = data.whole()?;
    let one = |bytes| u32::try_from(data.kind().whole(bytes)?).ok();
    let all: Option<_> = bytes.chunks_exact(data.size()).map(one).collect();
    all.ok_or_else(|| data.wrong("whole numbers from 0 on", data.kind()))
}

/// One sample of a file, read as a recording.
pub(crate) struct Sample {
    file: File,
    times: Dataset,
    units: Dataset,
    sample: usize,
    done: bool,
}

impl Sample {
    pub fn open(path: &Path, options: &Options, report: &mut Report) -> Result<Self> {
        let file = File::open(path)?;
        let times = line(file.need("spikes/times")?)?;
        let units = of_length(file.need("spikes/units")?, times.rows())?;
        let (sample, samples) = (options.sample, times.rows());
        if sample >= samples {
            let expected = format!("below {samples}, the number of samples");
            return Err(Error::invalid("sample", file.at(), expected, sample));
        }
        report.assume(format!("sample {sample} of the {samples} in the file"));
        if let Some(data) = file.dataset("labels")? {
            let labels = whole(&data)?;
            if let Some(label) = labels.get(sample) {
                report.header.push(("label".into(), label.to_string()));
            }
        }
        Ok(Self {
            file,
            times,
            units,
            sample,
            done: false,
        })
    }
}

impl Batches for Sample {
    fn next(&mut self, out: &mut Recording, report: &mut Report) -> Result<bool> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(false);
        }
        let place = self.sample;
        let times = self.file.row(&mut self.times, place, Kind::real)?;
        let units = self.file.row(&mut self.units, place, channel)?;
        if times.len() != units.len() {
            let at = format!("sample {place}");
            let expected = format!("{}, one for each time", times.len());
            report.damage_at("number of units", at, expected, units.len())?;
        }
        for (k, (&t, &x)) in times.iter().zip(&units).enumerate() {
            let microseconds = (t * 1e6).round();
            if !(0.0..LATEST as f64).contains(&microseconds) {
                let at = format!("sample {place}, spike {k}");
                report.damage_at("time", at, "seconds from 0 on", t)?;
                continue;
            }
            out.events.push(Event {
                t: microseconds as u64,
                x,
                y: 0,
                p: true,
            });
        }
        let most = units.iter().max().map_or(0, |x| x.saturating_add(1));
        let width = most.max(CHANNELS);
        if out.geometry.is_none() {
            report.assume(format!("{width} channels"));
            out.geometry = Some(Geometry::new(width, 1));
        }
        Ok(true)
    }
}

/// A recording that becomes a file with one sample, of class 0.
pub(crate) struct Line {
    path: PathBuf,
    times: Vec<f64>,
    units: Vec<u16>,
}

impl Line {
    pub fn create(path: &Path) -> Self {
        Self {
            path: path.into(),
            times: Vec::new(),
            units: Vec::new(),
        }
    }
}

impl Collect for Line {
    fn collect(&mut self, events: View<'_>, triggers: &[Trigger]) -> Result<()> {
        super::records::no_triggers(triggers, "HDF5 of spikes")?;
        for event in events.iter() {
            if event.y != 0 || !event.p || event.t >= LATEST {
                let at = format!("the event at {} us", event.t);
                let expected = "row 0, polarity 1 and a time below 2^50 us in SHD";
                let got = format!("row {}, polarity {}", event.y, u8::from(event.p));
                return Err(Error::invalid("event", at, expected, got));
            }
            self.times.push(event.t as f64 / 1e6);
            self.units.push(event.x);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let writer = Writer::create(&self.path)?;
        writer.group("spikes")?;
        writer.rows("spikes/times", &[self.times])?;
        writer.rows("spikes/units", &[self.units])?;
        writer.numbers("labels", &[0])?;
        writer.finish()
    }
}
