//! Prophesee's HDF5 files, whose events are packed with the codec ECF.
//!
//! | data set | what |
//! |---|---|
//! | `CD/events` | records `x` u16, `y` u16, `p` i16, `t` i64 (microseconds), 16 bytes each, in chunks packed by filter 0x8ECF |
//! | `CD/indexes` | records `id` u64, `ts` i64: for every 2 ms the first event in it and its time, less the attribute `offset` |
//! | `EXT_TRIGGER/events` | records `p` i16, `t` i64, `id` i16, 24 bytes each |
//!
//! The file has attributes, among them `geometry`, such as `1280x720`. What is packed by another filter, or not at all,
//! is read as well; fields are found by their names. The index is written and not read. Bits of time that lie beyond the
//! last entry of an index of a million are not indexed.

pub(crate) mod codec;

use std::path::Path;

use cortado_base::hdf5::{Column, Dataset, Field, File, Kind, Packing, Writer};
use cortado_base::{Error, Result};

use super::{BATCH, Batches, Collect, Options};
use crate::event::{Event, Events, Geometry, Recording, Trigger, View};
use crate::report::Report;

const FILTER: u16 = 0x8ecf;
/// Events of a chunk.
const CHUNK: usize = 16384;
/// Microseconds for each entry of the index.
const STEP: u64 = 2000;
/// Entries of an index at most.
const ENTRIES: u64 = 1 << 20;

const EVENTS: &str = "CD/events";
const TRIGGERS: &str = "EXT_TRIGGER/events";

/// Whether a file is of this kind.
pub(crate) fn is(file: &File) -> bool {
    matches!(file.dataset(EVENTS), Ok(Some(data)) if matches!(data.kind(), Kind::Record { .. }))
}

/// Fields of a record by name: where they are and what.
struct Fields(Vec<Field>);

impl Fields {
    fn new(data: &Dataset, names: &[&str]) -> Result<Self> {
        let one = |name: &&str| {
            let found = data.kind().field(name).cloned();
            let fits = |f: &Field| {
                matches!(f.kind, Kind::Integer { .. }) && f.offset + f.kind.size() <= data.size()
            };
            found
                .filter(fits)
                .ok_or_else(|| data.wrong(&format!("records with an integer {name}"), data.kind()))
        };
        names.iter().map(one).collect::<Result<_>>().map(Self)
    }

    /// The integers of field `i` of all records.
    fn column(&self, i: usize, bytes: &[u8], data: &Dataset) -> Result<Vec<i64>> {
        let field = &self.0[i];
        let mut out = Vec::new();
        let start = bytes.get(field.offset..).unwrap_or_default();
        let done = field.kind.wholes(start, data.size(), &mut out);
        done.ok_or_else(|| data.wrong("integers up to 2^63 - 1", &field.kind))?;
        Ok(out)
    }
}

/// Reads such a file, a few chunks at a time.
pub(crate) struct Reader {
    data: Dataset,
    fields: Fields,
    packed: bool,
    /// The next event.
    place: usize,
    triggers: std::vec::IntoIter<Trigger>,
    chunk: Events,
    geometry: Option<Geometry>,
}

impl Reader {
    pub fn open(path: &Path, options: &Options, report: &mut Report) -> Result<Self> {
        let file = File::open(path)?;
        let data = file.need(EVENTS)?;
        let fields = Fields::new(&data, &["x", "y", "p", "t"])?;
        let filters = data.filters();
        let packed = filters.contains(&FILTER);
        if data.shape().len() != 1 || packed && (filters.len() != 1 || data.size() != 16) {
            let expected = "one dimension, and no filter beside ECF";
            return Err(data.wrong(expected, format!("{:?}, {filters:?}", data.shape())));
        }
        for name in file.texts() {
            if let Some(value) = file.text(&name) {
                report.header.push((name, value));
            }
        }
        let written = file.text("geometry").and_then(|text| {
            let (width, height) = text.trim().split_once('x')?;
            Some(Geometry::new(width.parse().ok()?, height.parse().ok()?))
        });
        let triggers = match file.dataset(TRIGGERS) {
            Ok(Some(data)) => triggers(&data, report)?,
            Ok(None) => Vec::new(),
            Err(e) => {
                report.damage_at("triggers", TRIGGERS, "readable data", e)?;
                Vec::new()
            }
        };
        Ok(Self {
            data,
            fields,
            packed,
            place: 0,
            triggers: triggers.into_iter(),
            chunk: Events::new(),
            geometry: options.geometry.or(written),
        })
    }

    /// Adds the events of the chunk that begins at `place`.
    fn unpack(&mut self, out: &mut Recording, report: &mut Report) -> Result<usize> {
        let size = self.data.block();
        let index = self.place / size;
        let wanted = size.min(self.data.rows() - self.place);
        let at = |place: usize| format!("chunk {index}, byte {place} of it");
        let (bytes, mask) = match self.data.chunk(index) {
            Ok(chunk) => chunk,
            Err(e) => {
                report.damage_at("chunk", at(0), "one that is there", e)?;
                return Ok(wanted);
            }
        };
        if mask & 1 == 1 {
            let length = wanted * self.data.size();
            match bytes.get(..length) {
                Some(records) => self.records(records, out, report)?,
                None => report.damage_at("chunk", at(bytes.len()), "all its events", "its end")?,
            }
            return Ok(wanted);
        }
        let decoded = codec::count(&bytes).and_then(|count| {
            self.chunk.resize(count);
            codec::decode(&bytes, self.chunk.slots())
        });
        match decoded {
            Ok(()) if self.chunk.len() >= wanted => {
                let events = self.chunk.view().slice(0..wanted);
                if events.t.iter().all(|&t| t >> 63 == 0) {
                    out.events.append(events);
                } else {
                    report.damage_at("chunk", at(4), "times from 0 on", "one below")?;
                }
            }
            Ok(()) => {
                let got = self.chunk.len();
                report.damage_at("chunk", at(0), format!("{wanted} events"), got)?;
            }
            Err(wrong) => {
                report.damage_at("chunk", at(wrong.place), "events packed by ECF", wrong.why)?;
            }
        }
        Ok(wanted)
    }

    /// Adds events from records.
    fn records(&self, bytes: &[u8], out: &mut Recording, report: &mut Report) -> Result<()> {
        let column = |i| self.fields.column(i, bytes, &self.data);
        let (x, y, p, t) = (column(0)?, column(1)?, column(2)?, column(3)?);
        super::events(self.place, [&t, &x, &y, &p], out, report)
    }
}

impl Batches for Reader {
    fn next(&mut self, out: &mut Recording, report: &mut Report) -> Result<bool> {
        out.geometry = out.geometry.or(self.geometry);
        let end = self.place.saturating_add(BATCH).min(self.data.rows());
        if self.place >= end {
            out.triggers.extend(self.triggers.by_ref());
            return Ok(false);
        }
        while self.place < end {
            self.place += if self.packed {
                self.unpack(out, report)?
            } else {
                let count = end - self.place;
                let mut bytes = Vec::new();
                match self.data.read(self.place, count, &mut bytes) {
                    Ok(()) => self.records(&bytes, out, report)?,
                    Err(e) => {
                        let at = format!("event {}", self.place);
                        report.damage_at("events", at, "readable data", e)?;
                    }
                }
                count
            };
        }
        let last = out.events.view().t.last().copied().unwrap_or(0);
        let early = self
            .triggers
            .as_slice()
            .iter()
            .take_while(|g| g.t <= last)
            .count();
        out.triggers.extend(self.triggers.by_ref().take(early));
        Ok(true)
    }
}

fn triggers(data: &Dataset, report: &mut Report) -> Result<Vec<Trigger>> {
    if data.shape().len() != 1 {
        return Err(data.wrong("one dimension", format!("{:?}", data.shape())));
    }
    let fields = Fields::new(data, &["p", "t", "id"])?;
    let bytes = data.whole()?;
    let (p, t) = (
        fields.column(0, &bytes, data)?,
        fields.column(1, &bytes, data)?,
    );
    let id = fields.column(2, &bytes, data)?;
    let mut all = Vec::with_capacity(t.len());
    for (k, ((&p, &t), &id)) in p.iter().zip(&t).zip(&id).enumerate() {
        match (u64::try_from(t), u16::try_from(id)) {
            (Ok(t), Ok(id)) => all.push(Trigger {
                t,
                id,
                value: p > 0,
            }),
            _ => {
                let got = format!("t = {t}, id = {id}");
                report.damage_at("trigger", format!("trigger {k}"), "numbers from 0 on", got)?;
            }
        }
    }
    Ok(all)
}

/// Writes such a file.
pub(crate) struct Maker {
    writer: Writer,
    events: Column,
    indexes: Column,
    triggers: Column,
    /// Events that wait for a whole chunk.
    rest: Events,
    /// Events before them.
    before: u64,
    /// The end of the part of time that the index covers, and its start.
    covered: Option<(u64, u64)>,
}

fn integer(bytes: usize, signed: bool) -> Kind {
    Kind::Integer {
        bytes,
        signed,
        big: false,
    }
}

fn record(bytes: usize, fields: &[(&str, usize, Kind)]) -> Kind {
    let field = |(name, offset, kind): &(&str, usize, Kind)| Field {
        name: (*name).into(),
        offset: *offset,
        kind: kind.clone(),
    };
    Kind::Record {
        bytes,
        fields: fields.iter().map(field).collect(),
    }
}

impl Maker {
    pub fn create(path: &Path, geometry: Option<Geometry>) -> Result<Self> {
        let writer = Writer::create(path)?;
        writer.text("version", "1.0")?;
        writer.text("format", "ECF")?;
        if let Some(geometry) = geometry {
            writer.text("geometry", &geometry.to_string())?;
        }
        writer.group("CD")?;
        writer.group("EXT_TRIGGER")?;
        let (u16, i16, u64, i64) = (
            integer(2, false),
            integer(2, true),
            integer(8, false),
            integer(8, true),
        );
        let event = [
            ("x", 0, u16.clone()),
            ("y", 2, u16),
            ("p", 4, i16.clone()),
            ("t", 8, i64.clone()),
        ];
        let index = [("id", 0, u64), ("ts", 8, i64.clone())];
        let trigger = [("p", 0, i16.clone()), ("t", 8, i64), ("id", 16, i16)];
        let event = record(16, &event);
        Ok(Self {
            events: writer.chunked(EVENTS, &event, Packing::Own(FILTER), CHUNK)?,
            indexes: writer.chunked("CD/indexes", &record(16, &index), Packing::Plain, CHUNK)?,
            triggers: writer.chunked(TRIGGERS, &record(24, &trigger), Packing::Plain, CHUNK)?,
            writer,
            rest: Events::new(),
            before: 0,
            covered: None,
        })
    }

    /// Writes a chunk of `rows` events, the last one again where there are fewer than a chunk has.
    fn chunk(&mut self, events: View<'_>) -> Result<()> {
        self.index(events)?;
        self.before += events.len() as u64;
        let mut bytes = Vec::new();
        if events.len() < CHUNK {
            // The filter always unpacks a whole chunk; what is beyond the last event is not seen.
            let mut full = events.to_events();
            if let Some(last) = events.iter().last() {
                full.extend(std::iter::repeat_n(last, CHUNK - events.len()));
            }
            codec::encode(full.view(), &mut bytes);
        } else {
            codec::encode(events, &mut bytes);
        }
        self.events.chunk(events.len(), &bytes)
    }

    /// Adds to the index: for each part of time the first event in it or after.
    fn index(&mut self, events: View<'_>) -> Result<()> {
        let mut bytes = Vec::new();
        for (k, &t) in events.t.iter().enumerate() {
            let (mut end, start) = self.covered.unwrap_or((t - t % STEP, t - t % STEP));
            let entry = [self.before + k as u64, t.saturating_sub(start)];
            while t >= end && end - start < ENTRIES * STEP {
                entry.iter().for_each(|n| bytes.extend(n.to_le_bytes()));
                end += STEP;
            }
            self.covered = Some((end, start));
        }
        self.indexes.append(&bytes)
    }
}

impl Collect for Maker {
    fn collect(&mut self, events: View<'_>, triggers: &[Trigger]) -> Result<()> {
        let fits = |e: &Event| e.x <= codec::LARGEST && e.y <= codec::LARGEST && e.t >> 63 == 0;
        if let Some(e) = events.iter().find(|e| !fits(e)) {
            let at = format!("the event at {} us", e.t);
            let expected = "x and y up to 2047 and a time below 2^63 us in ECF";
            return Err(Error::invalid(
                "event",
                at,
                expected,
                format!("({}, {})", e.x, e.y),
            ));
        }
        for trigger in triggers {
            let (Ok(id), Ok(t)) = (i16::try_from(trigger.id), i64::try_from(trigger.t)) else {
                let at = format!("the trigger at {} us", trigger.t);
                let expected = "at most 32767, and a time below 2^63 us";
                return Err(Error::invalid("input", at, expected, trigger.id));
            };
            let mut record = [0; 24];
            record[..2].copy_from_slice(&i16::from(trigger.value).to_le_bytes());
            record[8..16].copy_from_slice(&t.to_le_bytes());
            record[16..18].copy_from_slice(&id.to_le_bytes());
            self.triggers.append(&record)?;
        }
        let mut rest = std::mem::take(&mut self.rest);
        rest.append(events);
        let mut place = 0;
        while rest.len() - place >= CHUNK {
            self.chunk(rest.view().slice(place..place + CHUNK))?;
            place += CHUNK;
        }
        self.rest = rest.view().slice(place..rest.len()).to_events();
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            self.chunk(rest.view())?;
        }
        let start = self.covered.map_or(0, |(_, start)| start);
        self.indexes.text("offset", &start.to_string())?;
        let Self {
            writer,
            events,
            indexes,
            triggers,
            ..
        } = *self;
        drop((events, indexes, triggers));
        writer.finish()
    }
}
