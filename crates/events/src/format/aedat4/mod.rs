//! AEDAT 4.0 of DV: packets of several streams, compressed one by one.
//!
//! | bytes | what |
//! |---|---|
//! | 14 | `#!AER-DAT4.0` and the end of a line |
//! | 4, then so many | FlatBuffer `IOHE`: compression (0 none, 1 and 2 LZ4, 3 and 4 Zstd), place of the table of packets or -1, XML that names the streams |
//! | 4, 4, n | packet: stream, n, body |
//! | rest | at the place that the header says, the table |
//!
//! A body is a whole frame of LZ4 (in the known files with blocks that go on from each other) or Zstd; in it a FlatBuffer
//! behind its size, of the kind that the stream has in the XML:
//!
//! | kind | what |
//! |---|---|
//! | `EVTS` | vector of 16 bytes each: t of 64 bits, x and y of 16 bits, brighter of 8 bits, 3 bytes unused |
//! | `TRIG` | vector of tables: t, kind of trigger |
//! | `FTAB` | the table: for each packet a table of place of its body, stream and length, elements, first and last time |
//!
//! All little-endian; time is microseconds since 1970. Of several streams with events the one with the lowest number is
//! read, which the report then says; of triggers all. Inputs of triggers are 0 signal, 1 generator, 2 frame, 3 exposure.
//! All other packets are passed over.
//!
//! Read at once, all packets are taken out of their frames side by side. How many events each holds is seen in its first
//! bytes, or with Zstd in the table, so that they go straight to their places; where that turns out wrong, they are
//! copied. Memory is at most 255 times the bytes of a packet with LZ4, and with Zstd 1024 times and 64 KiB (twice that
//! while it is taken out), whatever the packet says of itself.

mod encode;
mod flat;
mod frames;
mod header;
mod lz4;
mod packet;
mod whole;

pub(crate) use encode::Encoder;
pub(super) use frames::{Compression, Frames};
pub(crate) use whole::whole;

use cortado_base::Result;

use self::header::Header;
use super::{Decode, Options, Piece};
use crate::event::{Geometry, Recording};
use crate::report::Report;

/// What a packet holds of what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Events,
    Triggers,
}

/// What the header says of the rest.
#[derive(Clone)]
struct Layout {
    compression: Compression,
    table: Option<u64>,
    /// The stream of events and those of triggers.
    events: Option<i32>,
    triggers: Vec<i32>,
    known: Vec<i32>,
    sensor: Option<Geometry>,
}

/// Reads AEDAT 4.
pub(crate) struct Decoder {
    options: Options,
    layout: Option<Layout>,
    /// Bytes of a packet that is passed over which are still to come.
    skip: u64,
    /// Whether no packets follow: the table was found, or what stands there is none.
    ended: bool,
    frames: Frames,
}

impl Decoder {
    pub fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            layout: None,
            skip: 0,
            ended: false,
            frames: Frames::default(),
        }
    }

    /// Reads the header; gives its length, or nothing while bytes are missing.
    fn begin(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<Option<(Layout, usize)>> {
        if let Some(layout) = &self.layout {
            return Ok(Some((layout.clone(), 0)));
        }
        let Some(header) = Header::read(piece, report)? else {
            return Ok(None);
        };
        let ids = |kind: &str| -> Vec<i32> {
            let of = header.streams.iter().filter(|(_, s)| s.kind == kind);
            of.map(|(id, _)| *id).collect()
        };
        let events = ids("EVTS");
        match events.as_slice() {
            [] => report.assume("there is no stream of events"),
            [_] => {}
            [first, rest @ ..] => report.assume(format!(
                "of the streams of events number {first} is read, {rest:?} left out"
            )),
        }
        let events = events.first().copied();
        let written = events.and_then(|id| header.streams.get(&id)?.geometry());
        out.geometry = self.options.geometry.or(written);
        let layout = Layout {
            compression: header.compression,
            table: header.table,
            events,
            triggers: ids("TRIG"),
            known: header.streams.keys().copied().collect(),
            sensor: out.geometry,
        };
        self.layout = Some(layout.clone());
        Ok(Some((layout, header.length)))
    }

    /// Calls `each` with the kind, the body and its place in the file of every packet that is read, from `start` on; gives
    /// the bytes used.
    fn walk<'a>(
        &mut self,
        layout: &Layout,
        piece: Piece<'a>,
        start: usize,
        report: &mut Report,
        mut each: impl FnMut(&mut Self, Kind, &'a [u8], u64, &mut Report) -> Result<()>,
    ) -> Result<usize> {
        let mut place = start;
        loop {
            let rest = &piece.bytes[place..];
            if self.skip > 0 {
                let here = self.skip.min(rest.len() as u64);
                self.skip -= here;
                place += here as usize;
                if self.skip > 0 {
                    return self.cut(piece, place, 0, report);
                }
                continue;
            }
            let offset = piece.offset + place as u64;
            self.ended |= layout.table == Some(offset);
            if self.ended {
                return Ok(piece.bytes.len());
            }
            // Twelve bytes tell a packet from a table whose place is not in the header.
            let Some(&[a, b, c, d, e, f, g, h]) = rest
                .first_chunk::<8>()
                .filter(|_| rest.len() >= 12 || piece.last)
            else {
                return self.cut(piece, place, rest.len(), report);
            };
            if layout.table.is_none() && is_table(rest) {
                self.ended = true;
                continue;
            }
            let (id, size) = (
                i32::from_le_bytes([a, b, c, d]),
                i32::from_le_bytes([e, f, g, h]),
            );
            let Ok(size) = usize::try_from(size) else {
                report.damage("packet", offset, "a length from 0 on", size)?;
                self.ended = true;
                continue;
            };
            let kind = if layout.events == Some(id) {
                Kind::Events
            } else if layout.triggers.contains(&id) {
                Kind::Triggers
            } else {
                if !layout.known.contains(&id) {
                    report.assume("packets of streams that the header does not name are left out");
                }
                self.skip = size as u64;
                place += 8;
                continue;
            };
            let Some(body) = rest[8..].get(..size) else {
                return self.cut(piece, place, rest.len(), report);
            };
            place += 8 + size;
            each(self, kind, body, offset, report)?;
        }
    }

    /// What is left over is damage if nothing follows; gives the bytes used.
    fn cut(
        &mut self,
        piece: Piece<'_>,
        place: usize,
        rest: usize,
        report: &mut Report,
    ) -> Result<usize> {
        if piece.last && (rest > 0 || self.skip > 0) {
            let offset = piece.offset + place as u64;
            report.damage("end", offset, "a whole packet", rest)?;
            return Ok(piece.bytes.len());
        }
        Ok(place)
    }
}

/// Whether a table of packets begins here, which no packet does: a frame of LZ4 or Zstd, or the buffer itself.
fn is_table(bytes: &[u8]) -> bool {
    let frame = [b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd"];
    frame.iter().any(|magic| bytes.starts_with(*magic)) || bytes.get(8..12) == Some(b"FTAB")
}

impl Decode for Decoder {
    fn decode(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<usize> {
        let Some((layout, start)) = self.begin(piece, out, report)? else {
            return Ok(0);
        };
        self.walk(
            &layout,
            piece,
            start,
            report,
            |decoder, kind, body, offset, report| {
                read(
                    &mut decoder.frames,
                    &layout,
                    kind,
                    body,
                    offset,
                    out,
                    report,
                )
            },
        )
    }

    fn save(&self) -> Option<Vec<u64>> {
        let between = self.layout.is_some() && self.skip == 0 && !self.ended;
        between.then(Vec::new)
    }

    fn load(&mut self, state: &[u64]) -> bool {
        state.is_empty() && self.layout.is_some()
    }
}

/// Adds what a packet holds.
fn read(
    frames: &mut Frames,
    layout: &Layout,
    kind: Kind,
    body: &[u8],
    offset: u64,
    out: &mut Recording,
    report: &mut Report,
) -> Result<()> {
    let body = match frames.open(body, layout.compression) {
        Ok(body) => body,
        Err(got) => return report.damage("packet", offset, "a whole body", got),
    };
    if kind == Kind::Triggers {
        return packet::triggers(body, offset, &mut out.triggers, report);
    }
    let elements = match packet::elements(body) {
        Ok(elements) => elements,
        Err(got) => return report.damage("packet", offset, "events", got),
    };
    let n = out.events.len();
    out.events.resize(n + elements.len());
    let mut slots = out.events.slots().after(n);
    let found = packet::columns(elements, layout.sensor, offset, &mut slots, report)?;
    out.events.truncate(n + found);
    Ok(())
}
