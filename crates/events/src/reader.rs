//! Recordings from files and streams.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use cortado_base::{Error, Result};

use crate::decoder::Decoder;
use crate::event::{Geometry, Recording};
use crate::format::{Batches, Format, Options};
use crate::index::Index;
use crate::report::Report;
use crate::sniff::{LOOK, Start};

/// Bytes that are read at once.
const BLOCK: usize = 1 << 18;

/// Reads a recording in batches, with memory that does not grow with its length.
///
/// ```no_run
/// use cortado_events::{Options, Reader, Recording};
/// let mut reader = Reader::open("recording.raw".as_ref(), None, &Options::default())?;
/// let mut batch = Recording::default();
/// let mut events = 0;
/// while reader.next(&mut batch)? {
///     events += batch.events.len();
///     batch.clear();
/// }
/// println!("{events} events, {} places of damage", reader.report().damaged());
/// # Ok::<(), cortado_base::Error>(())
/// ```
pub struct Reader {
    format: Format,
    source: Source,
    report: Report,
    /// Events from then on are not wanted.
    until: u64,
}

enum Source {
    /// Bytes in order; those of the start come before what is still to be read.
    Stream {
        decoder: Box<Decoder>,
        start: Vec<u8>,
        bytes: Box<dyn Read + Send>,
        block: Vec<u8>,
        ended: bool,
        index: Option<Index>,
        /// Of the header, where that was read before.
        sensor: Option<Geometry>,
    },
    File {
        batches: Box<dyn Batches>,
        // A stream that was put into a file so that it can be read as one.
        _copy: Option<tempfile::NamedTempFile>,
    },
}

impl Reader {
    /// Opens a file; its format is found from what is in it, where none is given.
    ///
    /// # Errors
    /// A file that cannot be read, or whose format is not known.
    pub fn open(path: &Path, format: Option<Format>, options: &Options) -> Result<Self> {
        let refused = |e| Error::io("cannot open", path, e);
        let file = File::open(path).map_err(refused)?;
        let meta = file.metadata().map_err(refused)?;
        if meta.is_dir() {
            let at = path.display().to_string();
            return Err(Error::invalid("recording", at, "a file", "a folder"));
        }
        let length = meta.is_file().then_some(meta.len());
        Self::begin(Box::new(file), Some(path), length, format, options)
    }

    /// Reads from a stream; errors name `at`.
    ///
    /// # Errors
    /// A stream that cannot be read, or whose format is not known.
    pub fn stream(
        bytes: Box<dyn Read + Send>,
        at: &str,
        format: Option<Format>,
        options: &Options,
    ) -> Result<Self> {
        Self::begin(bytes, None, None, format, options).map_err(|e| match e {
            Error::Invalid {
                what,
                at: place,
                expected,
                got,
            } => Error::Invalid {
                what,
                at: place.replacen(STREAM, at, 1),
                expected,
                got,
            },
            e => e,
        })
    }

    fn begin(
        mut bytes: Box<dyn Read + Send>,
        path: Option<&Path>,
        length: Option<u64>,
        format: Option<Format>,
        options: &Options,
    ) -> Result<Self> {
        let at = path.map_or(STREAM.to_string(), |p| p.display().to_string());
        let refused = |e| Error::io("cannot read", path.unwrap_or(Path::new(STREAM)), e);
        let mut start = Vec::new();
        let taken = bytes.by_ref().take(LOOK as u64).read_to_end(&mut start);
        taken.map_err(refused)?;
        let mut report = Report::new(options.policy, &at);
        // What an HDF5 file is stands in its data sets, which only a file gives.
        let mut copy = None;
        let path = if path.is_none()
            && (hdf5(&start) || format.is_some_and(|f| f.decoder(options).is_none()))
        {
            let file = copy.insert(tempfile::NamedTempFile::new().map_err(refused)?);
            file.write_all(&start).map_err(refused)?;
            std::io::copy(&mut bytes, file).map_err(refused)?;
            Some(file.path().to_path_buf())
        } else {
            path.map(Path::to_path_buf)
        };
        let path = path.as_deref();
        let known = match format {
            Some(format) => format,
            None if hdf5(&start) => Format::of_hdf5(path.unwrap_or(Path::new(STREAM)))?,
            None => {
                let ending = path
                    .and_then(Path::extension)
                    .map(|e| e.to_string_lossy().to_lowercase());
                let whole = (start.len() < LOOK).then_some(start.len() as u64);
                Start {
                    bytes: &start,
                    length: length.or(whole),
                    ending: &ending.unwrap_or_default(),
                }
                .format(&mut report)?
            }
        };
        let source = if known.decoder(options).is_some() {
            Source::Stream {
                decoder: Box::new(Decoder::resume(
                    known,
                    options,
                    std::mem::take(&mut report),
                )?),
                start,
                bytes,
                block: Vec::new(),
                ended: false,
                index: None,
                sensor: None,
            }
        } else {
            let (batches, copy) = match path {
                Some(path) => (known.open(path, options, &mut report)?, copy),
                None => {
                    let mut copy = tempfile::NamedTempFile::new().map_err(refused)?;
                    copy.write_all(&start).map_err(refused)?;
                    std::io::copy(&mut bytes, &mut copy).map_err(refused)?;
                    (known.open(copy.path(), options, &mut report)?, Some(copy))
                }
            };
            Source::File {
                batches,
                _copy: copy,
            }
        };
        Ok(Self {
            format: known,
            source,
            report,
            until: u64::MAX,
        })
    }

    /// Adds the next events to `out`; `false` if there are none left.
    ///
    /// # Errors
    /// A file that cannot be read or is not of its format; damage, if that is not to be skipped.
    pub fn next(&mut self, out: &mut Recording) -> Result<bool> {
        if self.passed() {
            return Ok(false);
        }
        match &mut self.source {
            Source::File { batches, .. } => batches.next(out, &mut self.report),
            Source::Stream {
                decoder,
                start,
                bytes,
                block,
                ended,
                sensor,
                ..
            } => {
                out.geometry = out.geometry.or(*sensor);
                if *ended {
                    return Ok(false);
                }
                if !start.is_empty() {
                    decoder.feed(&std::mem::take(start), out)?;
                    return Ok(true);
                }
                block.resize(BLOCK, 0);
                match bytes.read(block) {
                    Ok(0) => {
                        *ended = true;
                        decoder.finish(out)?;
                    }
                    Ok(n) => decoder.feed(&block[..n], out)?,
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(Error::io("cannot read", decoder.report().at(), e)),
                }
                Ok(true)
            }
        }
    }

    /// Opens a file as [`Reader::open`], but begins a little before the events from `from` on, by the index beside it, which
    /// is made if it is not there; at the start, where its format has none. Events before `from` may come as well.
    ///
    /// # Errors
    /// As [`Reader::open`] and [`Reader::next`].
    ///
    /// ```no_run
    /// use cortado_events::{Options, Reader, Recording};
    /// let mut reader = Reader::open_at("hour.raw".as_ref(), None, &Options::default(), 3_000_000_000)?.until(3_001_000_000);
    /// let mut second = Recording::default();
    /// while reader.next(&mut second)? {}
    /// second.events.retain(|e| (3_000_000_000..3_001_000_000).contains(&e.t));
    /// # Ok::<(), cortado_base::Error>(())
    /// ```
    pub fn open_at(
        path: &Path,
        format: Option<Format>,
        options: &Options,
        from: u64,
    ) -> Result<Self> {
        let mut reader = Self::open(path, format, options)?;
        if let Source::Stream {
            decoder,
            start,
            bytes,
            index,
            sensor,
            ..
        } = &mut reader.source
            && let Some(found) = Index::of(path, reader.format, options)?
        {
            let mut file = File::open(path).map_err(|e| Error::io("cannot open", path, e))?;
            *sensor = found.seek(&mut file, decoder, from, path)?;
            start.clear();
            *bytes = Box::new(file);
            *index = Some(found);
        }
        Ok(reader)
    }

    /// Stops where it is known, by an index, that no event before `until` is still to come.
    pub fn until(mut self, until: u64) -> Self {
        self.until = until;
        self
    }

    fn passed(&self) -> bool {
        match &self.source {
            Source::Stream {
                decoder,
                index: Some(index),
                ..
            } => index.passed(decoder.offset(), self.until),
            _ => false,
        }
    }

    /// The format that is read.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What was found so far.
    pub fn report(&self) -> &Report {
        match &self.source {
            Source::Stream { decoder, .. } => decoder.report(),
            Source::File { .. } => &self.report,
        }
    }
}

/// Whether a file begins as HDF5, after a user block or not.
fn hdf5(start: &[u8]) -> bool {
    let places = [0, 512, 1024, 2048, 4096, 8192, 16384, 32768];
    let at = |place: &usize| {
        start
            .get(*place..)
            .is_some_and(|s| s.starts_with(cortado_base::hdf5::MAGIC))
    };
    places.iter().any(at)
}

/// Name of a stream in errors.
const STREAM: &str = "the input";

/// Reads a whole recording from a file, on all cores where its format allows that.
///
/// # Errors
/// As [`Reader::open`] and [`Reader::next`].
pub fn read(path: &Path, options: &Options) -> Result<(Recording, Report)> {
    let mut recording = Recording::default();
    let mut reader = Reader::open(path, None, options)?;
    if reader.format.whole().is_some() {
        let bytes = std::fs::read(path).map_err(|e| Error::io("cannot read", path, e))?;
        let at = path.display().to_string();
        let report = decode(&bytes, reader.format, options, &at, &mut recording)?;
        return Ok((recording, report));
    }
    while reader.next(&mut recording)? {}
    let report = reader.report().clone();
    Ok((recording, report))
}

/// Decodes the whole bytes of a recording into `out`, in place of what is there, on all cores where its format allows that.
///
/// The memory of `out` is used again: reading many recordings into one allocates nothing after the longest.
///
/// # Errors
/// Bytes that are not of the format; damage, if that is not to be skipped; a format that needs a file.
pub fn decode(
    bytes: &[u8],
    format: Format,
    options: &Options,
    at: &str,
    out: &mut Recording,
) -> Result<Report> {
    out.triggers.clear();
    out.geometry = None;
    if let Some(whole) = format.whole() {
        let mut report = Report::new(options.policy, at);
        whole(bytes, options, out, &mut report)?;
        return Ok(report);
    }
    out.events.clear();
    let mut decoder = Decoder::new(format, options, at)?;
    decoder.feed(bytes, out)?;
    decoder.finish(out)?;
    Ok(decoder.report().clone())
}
