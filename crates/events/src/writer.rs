//! Recordings to files and streams.

use std::io::Write;
use std::path::Path;

use cortado_base::{Draft, Error, Result, no_file};

use crate::event::{Geometry, Recording};
use crate::format::{Collect, Encode, Format};

/// Writes a recording in batches; the file gets its name when it is whole.
///
/// ```
/// use cortado_events::{Event, Geometry, Recording, Writer, format::Format, read};
/// let path = std::env::temp_dir().join("cortado-writer-example.raw");
/// let mut batch = Recording::default();
/// batch.events.push(Event { t: 5_000_000, x: 3, y: 4, p: true });
/// let mut writer = Writer::create(&path, Format::Evt3, Some(Geometry::new(320, 240)))?;
/// writer.write(&batch)?;
/// writer.finish()?;
/// let (again, report) = read(&path, &Default::default())?;
/// assert_eq!((again.events, again.geometry), (batch.events, Some(Geometry::new(320, 240))));
/// assert_eq!(report.damaged(), 0);
/// # std::fs::remove_file(&path).ok();
/// # Ok::<(), cortado_base::Error>(())
/// ```
pub struct Writer {
    sink: Sink,
    bytes: Vec<u8>,
}

enum Sink {
    Draft(Box<dyn Encode>, Draft),
    Stream(Box<dyn Encode>, Box<dyn Write + Send>),
    Collect(Box<dyn Collect>, Draft),
}

impl Writer {
    /// Begins a file of a format; what is no file, such as a pipe, is written to as a stream.
    ///
    /// # Errors
    /// A file that cannot be written; a format that cannot.
    pub fn create(path: &Path, format: Format, geometry: Option<Geometry>) -> Result<Self> {
        if let Some(there) = no_file(path)? {
            return Self::stream(Box::new(there), format, geometry);
        }
        let draft = Draft::new(path)?;
        let sink = match format.encoder() {
            Some(encode) => Sink::Draft(encode, draft),
            None => Sink::Collect(format.create(draft.place(), geometry)?, draft),
        };
        Self::start(sink, geometry)
    }

    /// Begins a stream of a format; what a format would put back into its start stays open.
    ///
    /// # Errors
    /// A stream that cannot be written; a format that needs a file.
    pub fn stream(
        to: Box<dyn Write + Send>,
        format: Format,
        geometry: Option<Geometry>,
    ) -> Result<Self> {
        let encode = format
            .encoder()
            .ok_or_else(|| format.cannot("be written to a stream"))?;
        Self::start(Sink::Stream(encode, to), geometry)
    }

    fn start(sink: Sink, geometry: Option<Geometry>) -> Result<Self> {
        let mut writer = Self {
            sink,
            bytes: Vec::new(),
        };
        match &mut writer.sink {
            Sink::Draft(encode, _) | Sink::Stream(encode, _) => {
                encode.start(geometry, &mut writer.bytes)?
            }
            Sink::Collect(..) => {}
        }
        writer.flush()?;
        Ok(writer)
    }

    /// Adds events and triggers.
    ///
    /// # Errors
    /// Events that the format cannot hold; a file that cannot be written.
    pub fn write(&mut self, batch: &Recording) -> Result<()> {
        let (events, triggers) = (batch.events.view(), &batch.triggers[..]);
        match &mut self.sink {
            Sink::Draft(encode, _) | Sink::Stream(encode, _) => {
                encode.encode(events, triggers, &mut self.bytes)?;
            }
            Sink::Collect(collect, _) => collect.collect(events, triggers)?,
        }
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        match &mut self.sink {
            Sink::Draft(_, draft) => draft.write(&self.bytes)?,
            Sink::Stream(_, to) => to.write_all(&self.bytes).map_err(refused)?,
            Sink::Collect(..) => {}
        }
        self.bytes.clear();
        Ok(())
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(mut self) -> Result<()> {
        let patches = match &mut self.sink {
            Sink::Draft(encode, _) | Sink::Stream(encode, _) => encode.finish(&mut self.bytes)?,
            Sink::Collect(..) => Vec::new(),
        };
        self.flush()?;
        match self.sink {
            Sink::Draft(_, mut draft) => {
                patches
                    .iter()
                    .try_for_each(|(place, bytes)| draft.patch(*place, bytes))?;
                draft.keep()
            }
            Sink::Stream(_, mut to) => to.flush().map_err(refused),
            Sink::Collect(collect, draft) => {
                collect.finish()?;
                draft.keep()
            }
        }
    }
}

fn refused(e: std::io::Error) -> Error {
    Error::io("cannot write", "the output", e)
}

/// Writes a whole recording to a file.
///
/// # Errors
/// As [`Writer`].
pub fn write(path: &Path, format: Format, recording: &Recording) -> Result<()> {
    let mut writer = Writer::create(path, format, recording.geometry)?;
    writer.write(recording)?;
    writer.finish()
}

/// The bytes of a whole recording.
///
/// # Errors
/// Events that the format cannot hold; a format that needs a file.
pub fn encode(format: Format, recording: &Recording) -> Result<Vec<u8>> {
    let mut encode = format
        .encoder()
        .ok_or_else(|| format.cannot("be written to memory"))?;
    let mut bytes = Vec::new();
    encode.start(recording.geometry, &mut bytes)?;
    encode.encode(recording.events.view(), &recording.triggers, &mut bytes)?;
    for (place, patch) in encode.finish(&mut bytes)? {
        let place = place as usize;
        if let Some(bytes) = bytes.get_mut(place..place + patch.len()) {
            bytes.copy_from_slice(&patch);
        }
    }
    Ok(bytes)
}
