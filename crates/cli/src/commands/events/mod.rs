//! `cortado events`: recordings of event cameras and other spiking sensors.

mod bench;
mod convert;
mod cut;
mod filter;
mod info;
mod simulate;
mod view;

use crate::stop::unreadable;
use anyhow::{Context, Result};
use cortado_events::format::Format;
use cortado_events::{Geometry, Options, Policy, Reader, Recording, Writer};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments of `cortado events`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// What a recording holds: sensor, duration, counts, rates, damage, and all that was assumed
    Info(info::Args),
    /// Write a recording in another format
    Convert(convert::Args),
    /// Take a part of a recording out, or cut it into parts
    Cut(cut::Args),
    /// Drop what is noise: hot pixels, flicker, background activity; or apply transforms
    Filter(filter::Args),
    /// Make a recording of a data set of images, of frames, or of a picture, as an event camera would
    Simulate(simulate::Args),
    /// Look at a recording: an animated GIF, a sheet of frames as PNG, or live in the terminal
    View(view::Args),
    /// Time the decoding of recordings on this machine
    Bench(bench::Args),
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    match &args.verb {
        Verb::Info(args) => info::run(args),
        Verb::Convert(args) => convert::run(args),
        Verb::Cut(args) => cut::run(args),
        Verb::Filter(args) => filter::run(args),
        Verb::Simulate(args) => simulate::run(args),
        Verb::View(args) => view::run(args),
        Verb::Bench(args) => bench::run(args),
    }
}

/// A recording to read.
#[derive(clap::Args, Clone)]
pub struct Source {
    /// The recording; `-` is the standard input
    file: PathBuf,
    #[command(flatten)]
    how: How,
}

/// How a recording is read.
#[derive(clap::Args, Clone)]
pub struct How {
    /// Format, where it is not to be found from what is in the file
    #[arg(long, value_parser = format)]
    format: Option<Format>,
    /// Size of the sensor, where the file does not say it or says it wrongly, as 640x480
    #[arg(long, value_name = "WxH", value_parser = geometry)]
    geometry: Option<Geometry>,
    /// Sample of a file that holds several, from 0 on
    #[arg(long, default_value_t = 0)]
    sample: usize,
    /// Order of columns that have no names, as xytp
    #[arg(long, value_name = "ORDER")]
    columns: Option<String>,
    /// Stop at the first damage, with its offset in bytes, instead of skipping and counting it
    #[arg(long)]
    strict: bool,
}

impl How {
    /// As the library takes it.
    fn options(&self) -> Options {
        Options {
            policy: if self.strict {
                Policy::Strict
            } else {
                Policy::Lenient
            },
            geometry: self.geometry,
            sample: self.sample,
            columns: self.columns.clone(),
            ..Options::default()
        }
    }
}

impl Source {
    /// Opens it.
    fn open(&self) -> Result<Reader> {
        self.open_with(&self.how.options())
    }

    fn open_with(&self, options: &Options) -> Result<Reader> {
        let reader = if self.file == Path::new("-") {
            Reader::stream(
                Box::new(std::io::stdin()),
                "standard input",
                self.how.format,
                options,
            )
        } else {
            Reader::open(&self.file, self.how.format, options)
        };
        reader.map_err(unreadable)
    }

    /// Hands batches of it to `each`, until that says `false`.
    fn for_each(
        &self,
        reader: &mut Reader,
        mut each: impl FnMut(&mut Recording) -> Result<bool>,
    ) -> Result<()> {
        let mut batch = Recording::default();
        while reader.next(&mut batch).map_err(unreadable)? {
            if !each(&mut batch)? {
                break;
            }
            batch.clear();
        }
        Ok(())
    }
}

/// Reads a file into memory that is used again, on all cores.
fn load(path: &Path, bytes: &mut Vec<u8>) -> Result<()> {
    use rayon::prelude::*;
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::open(path)?;
    bytes.resize(file.metadata()?.len() as usize, 0);
    let part = bytes.len().div_ceil(rayon::current_num_threads()).max(1);
    let parts = bytes.par_chunks_mut(part).enumerate();
    parts.try_for_each(|(i, part_bytes)| file.read_exact_at(part_bytes, (i * part) as u64))?;
    Ok(())
}

/// A format by its name.
fn format(name: &str) -> Result<Format, String> {
    let found = Format::ALL.iter().find(|f| f.name() == name);
    found.copied().ok_or_else(|| {
        let names: Vec<_> = Format::ALL.iter().map(|f| f.name()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// A sensor as `640x480`.
fn geometry(text: &str) -> Result<Geometry, String> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|&n| n > 0);
    let pair = text
        .split_once('x')
        .and_then(|(w, h)| Some((number(w)?, number(h)?)));
    let (w, h) = pair.ok_or("expected two sizes, as 640x480")?;
    Ok(Geometry::new(w, h))
}

/// A time in microseconds, as `1500`, `1500us`, `1.5ms` or `0.0015s`.
fn time(text: &str) -> Result<u64, String> {
    let expected = "expected microseconds, or a number with us, ms or s";
    let (number, unit) = [("us", 0), ("ms", 3), ("s", 6), ("", 0)]
        .iter()
        .find_map(|(unit, digits)| Some((text.strip_suffix(unit)?, *digits)))
        .ok_or(expected)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > unit
        || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        || whole.is_empty()
    {
        return Err(format!("{expected}, down to 1 us"));
    }
    let digits = format!("{whole}{fraction:0<unit$}");
    digits.parse().map_err(|_| expected.to_string())
}

/// A recording to write.
#[derive(clap::Args, Clone)]
pub struct Target {
    /// Where to; `-` is the standard output
    out: PathBuf,
    /// Format to write, where the ending of the name does not say it
    #[arg(long, value_parser = format)]
    to: Option<Format>,
    /// Leave out the edges of trigger inputs, which many formats cannot hold
    #[arg(long)]
    drop_triggers: bool,
    /// Let times begin at 0: the first event's time is taken from all
    #[arg(long)]
    zero: bool,
}

/// What was done to the batches of a recording on their way.
#[derive(Default)]
struct Settled {
    events: usize,
    /// The first event's time.
    first: Option<u64>,
    /// How many were earlier than that.
    earlier: usize,
    /// Triggers that were left out.
    dropped: usize,
}

impl Settled {
    /// Says it on standard error.
    fn say(&self, format: Format) -> Result<()> {
        let mut err = std::io::stderr();
        writeln!(err, "{} events to {}", self.events, format.title())?;
        if self.dropped > 0 {
            writeln!(err, "left out: {} triggers", self.dropped)?;
        }
        if self.earlier > 0 {
            writeln!(
                err,
                "put at 0: {} that came before the first event's time",
                self.earlier
            )?;
        }
        Ok(())
    }
}

/// The format of a file to write: the one given, or that of the ending of its name.
fn format_of(path: &Path, format: Option<Format>) -> Result<Format> {
    if let Some(format) = format {
        return Ok(format);
    }
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    // Where several share an ending, the one that is most written.
    let format = match ending.as_deref().unwrap_or_default() {
        "raw" => Some(Format::Evt3),
        "aedat" => Some(Format::Aedat31),
        "h5" => Some(Format::Dsec),
        "hdf5" => Some(Format::Ecf),
        ending => Format::ALL
            .iter()
            .find(|f| f.endings().contains(&ending))
            .copied(),
    };
    format.with_context(|| {
        let got = ending.unwrap_or_default();
        format!(
            "format at {}: expected --to, or a name with the ending of one, got '{got}'",
            path.display()
        )
    })
}

impl Target {
    fn format(&self) -> Result<Format> {
        format_of(&self.out, self.to)
    }

    /// Lets times begin at 0 and leaves triggers out, if that is wanted.
    fn settle(&self, batch: &mut Recording, settled: &mut Settled) {
        if self.zero {
            settled.first = settled.first.or(batch.events.view().t.first().copied());
            settled.earlier += batch.rebase(settled.first.unwrap_or(0));
        }
        if self.drop_triggers {
            settled.dropped += batch.triggers.len();
            batch.triggers.clear();
        }
        settled.events += batch.events.len();
    }

    /// Begins it.
    fn create(&self, sensor: Option<Geometry>) -> Result<Writer> {
        let format = self.format()?;
        Ok(if self.out == Path::new("-") {
            Writer::stream(Box::new(std::io::stdout()), format, sensor)?
        } else {
            Writer::create(&self.out, format, sensor)?
        })
    }
}

/// Copies a recording; `change` has each batch before it is written, and says whether more is wanted.
fn copy(
    source: &Source,
    target: &Target,
    mut change: impl FnMut(&mut Recording) -> Result<bool>,
) -> Result<()> {
    copy_from(source, target, source.open()?, &mut change)
}

/// As [`copy`], from a reader that is open.
fn copy_from(
    source: &Source,
    target: &Target,
    mut reader: Reader,
    change: &mut dyn FnMut(&mut Recording) -> Result<bool>,
) -> Result<()> {
    target.format()?;
    let mut writer: Option<Writer> = None;
    let (mut settled, mut sensor) = (Settled::default(), source.how.geometry);
    source.for_each(&mut reader, |batch| {
        let more = change(batch)?;
        target.settle(batch, &mut settled);
        sensor = batch.geometry.or(sensor);
        match &mut writer {
            Some(writer) => writer.write(batch)?,
            None if batch.events.is_empty() && batch.triggers.is_empty() => {}
            // The sensor is known with the first events.
            none => none.insert(target.create(sensor)?).write(batch)?,
        }
        Ok(more)
    })?;
    let writer = match writer {
        Some(writer) => writer,
        None => target.create(sensor)?,
    };
    writer.finish()?;
    let report = reader.report();
    settled.say(target.format()?)?;
    let mut err = std::io::stderr();
    for what in report.assumptions() {
        writeln!(err, "assumed: {what}")?;
    }
    if let Some(place) = report.places().first() {
        let count = report.damaged();
        writeln!(err, "skipped: {count} places of damage, the first: {place}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_microseconds() {
        for (text, us) in [
            ("1500", 1500),
            ("1500us", 1500),
            ("1.5ms", 1500),
            ("0.0015s", 1500),
            ("2s", 2_000_000),
        ] {
            assert_eq!(time(text), Ok(us), "{text}");
        }
        for text in [
            "",
            "s",
            "1.5",
            "1.5us",
            "0.0000015s",
            "-3ms",
            "1e3",
            ".5s",
            "99999999999999999999",
        ] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
