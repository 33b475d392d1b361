//! AEDAT 4 written: one stream of events and one of triggers, with LZ4.

use cortado_base::{Error, Result};

use super::frames::lz4_check;
use super::header::MAGIC;
use super::packet::TRIGGERS;
use crate::event::{Geometry, Trigger, View};
use crate::format::Encode;
use crate::format::records::check_pixel;

/// Events of a packet.
const PACKET: usize = 1 << 13;
/// Numbers of the streams.
const EVENTS: i32 = 0;
const SIGNALS: i32 = 1;
/// Place of the place of the table.
const PATCH: u64 = 14 + 48;

/// What the table says of a packet.
struct Entry {
    place: u64,
    stream: i32,
    size: usize,
    elements: usize,
    span: (u64, u64),
}

/// Writes AEDAT 4.
pub(crate) struct Encoder {
    compressed: bool,
    /// Bytes so far.
    length: u64,
    table: Vec<Entry>,
}

impl Encoder {
    /// With LZ4, or not compressed.
    pub fn new(compressed: bool) -> Self {
        Self {
            compressed,
            length: 0,
            table: Vec::new(),
        }
    }

    /// A body in its frame: magic, flags (version 1, blocks that do not go on from each other), kind of largest block,
    /// check of these two; one block; the end.
    fn frame(&self, body: &[u8]) -> Vec<u8> {
        if !self.compressed {
            return body.to_vec();
        }
        // The kind of the smallest block that holds the body.
        let kind = match body.len() {
            0..=0x1_0000 => 0x40,
            0x1_0001..=0x4_0000 => 0x50,
            0x4_0001..=0x10_0000 => 0x60,
            _ => 0x70,
        };
        let mut frame = vec![0x04, 0x22, 0x4d, 0x18, 0x60, kind, lz4_check(&[0x60, kind])];
        for part in body.chunks(1 << 22) {
            let block = lz4_flex::block::compress(part);
            let (size, block) = match block.len() < part.len() {
                true => (block.len() as u32, &block[..]),
                false => (part.len() as u32 | 1 << 31, part),
            };
            frame.extend(size.to_le_bytes());
            frame.extend(block);
        }
        frame.extend([0; 4]);
        frame
    }

    fn packet(
        &mut self,
        stream: i32,
        body: &[u8],
        elements: usize,
        span: (u64, u64),
        out: &mut Vec<u8>,
    ) {
        let frame = self.frame(body);
        out.extend(stream.to_le_bytes());
        out.extend((frame.len() as u32).to_le_bytes());
        let place = self.length + 8;
        self.length = place + frame.len() as u64;
        let size = frame.len();
        self.table.push(Entry {
            place,
            stream,
            size,
            elements,
            span,
        });
        out.extend(frame);
    }
}

/// A buffer with a vector in its root table; what follows the count comes from `fill`.
fn buffer(kind: &[u8; 4], count: usize, fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![0; 4];
    out.extend(16u32.to_le_bytes());
    out.extend(kind);
    // The list of the root table's fields at byte 14, the table at 20, the vector at 28.
    out.extend([0, 0, 6, 0, 8, 0, 4, 0]);
    out.extend(6i32.to_le_bytes());
    out.extend(4u32.to_le_bytes());
    out.extend((count as u32).to_le_bytes());
    fill(&mut out);
    let size = out.len() as u32 - 4;
    out[..4].copy_from_slice(&size.to_le_bytes());
    out
}

/// A buffer with a vector of tables that all have the same fields, `fields` being their list: offsets, the list, tables.
fn tables(kind: &[u8; 4], fields: &[u16], tables: &[Vec<u8>]) -> Vec<u8> {
    buffer(kind, tables.len(), |out| {
        let size = fields.get(1).map_or(0, |&size| usize::from(size));
        let list = out.len() + 4 * tables.len();
        let first = (list + 2 * fields.len()).next_multiple_of(8);
        for i in 0..tables.len() {
            let offset = first + i * size - (out.len());
            out.extend((offset as u32).to_le_bytes());
        }
        fields
            .iter()
            .for_each(|field| out.extend(field.to_le_bytes()));
        out.resize(first, 0);
        for table in tables {
            let back = (out.len() - list) as i32;
            out.extend(back.to_le_bytes());
            out.extend(table);
        }
    })
}

impl Encode for Encoder {
    fn start(&mut self, geometry: Option<Geometry>, out: &mut Vec<u8>) -> Result<()> {
        let size = geometry.map_or(String::new(), |Geometry { width, height }| {
            format!(
                "<attr key=\"sizeX\" type=\"int\">{width}</attr><attr key=\"sizeY\" type=\"int\">{height}</attr>"
            )
        });
        let compression = if self.compressed { "LZ4" } else { "NONE" };
        let stream = |id: i32, kind: &str, name: &str, what: &str, info: &str| {
            let path = format!("/mainloop/Recorder/outInfo/{id}/");
            format!(
                "<node name=\"{id}\" path=\"{path}\">\
                 <attr key=\"compression\" type=\"string\">{compression}</attr>\
                 <attr key=\"originalModuleName\" type=\"string\">capture</attr>\
                 <attr key=\"originalOutputName\" type=\"string\">{name}</attr>\
                 <attr key=\"typeDescription\" type=\"string\">{what}</attr>\
                 <attr key=\"typeIdentifier\" type=\"string\">{kind}</attr>\
                 <node name=\"info\" path=\"{path}info/\">{info}\
                 <attr key=\"source\" type=\"string\">cortado</attr>\
                 <attr key=\"tsOffset\" type=\"long\">0</attr></node></node>"
            )
        };
        let text = format!(
            "<dv version=\"2.0\"><node name=\"outInfo\" path=\"/mainloop/Recorder/outInfo/\">{}{}</node></dv>",
            stream(
                EVENTS,
                "EVTS",
                "events",
                "Array of events (polarity ON/OFF).",
                &size
            ),
            stream(
                SIGNALS,
                "TRIG",
                "triggers",
                "External triggers and special signals.",
                ""
            )
        );
        // The list of fields at byte 16 of the buffer, the table at 32: offset of the list, compression, (unused), text,
        // place of the packets' table.
        let mut buffer = vec![0; 4];
        buffer.extend(28u32.to_le_bytes());
        buffer.extend(b"IOHE");
        buffer.extend([0; 4]);
        for number in [10u16, 24, 4, 16, 12] {
            buffer.extend(number.to_le_bytes());
        }
        buffer.resize(32, 0);
        buffer.extend(16i32.to_le_bytes());
        buffer.extend(i32::from(self.compressed).to_le_bytes());
        buffer.extend([0; 4]);
        buffer.extend(12u32.to_le_bytes());
        buffer.extend((-1i64).to_le_bytes());
        buffer.extend((text.len() as u32).to_le_bytes());
        buffer.extend(text.bytes());
        buffer.push(0);
        buffer.resize(buffer.len().next_multiple_of(8), 0);
        let size = buffer.len() as u32 - 4;
        buffer[..4].copy_from_slice(&size.to_le_bytes());
        out.extend(MAGIC);
        out.extend(&buffer);
        self.length = (MAGIC.len() + buffer.len()) as u64;
        Ok(())
    }

    fn encode(&mut self, events: View<'_>, triggers: &[Trigger], out: &mut Vec<u8>) -> Result<()> {
        let largest = i64::MAX as u64;
        let late = |t: u64| {
            let at = format!("the event at {t} us");
            Error::invalid("time", at, format!("at most {largest} in AEDAT 4"), t)
        };
        for start in (0..events.len()).step_by(PACKET) {
            let part = events.slice(start..start + PACKET);
            for event in part.iter() {
                check_pixel(event, (0x7fff, 0x7fff), "AEDAT 4")?;
                if event.t > largest {
                    return Err(late(event.t));
                }
            }
            let body = buffer(b"EVTS", part.len(), |out| {
                for event in part.iter() {
                    out.extend(event.t.to_le_bytes());
                    out.extend(event.x.to_le_bytes());
                    out.extend(event.y.to_le_bytes());
                    out.extend([u8::from(event.p), 0, 0, 0]);
                }
            });
            self.packet(
                EVENTS,
                &body,
                part.len(),
                part.span().unwrap_or_default(),
                out,
            );
        }
        for part in triggers.chunks(PACKET) {
            let mut bodies = Vec::with_capacity(part.len());
            for trigger in part {
                if trigger.t > largest {
                    return Err(late(trigger.t));
                }
                let kind = TRIGGERS
                    .iter()
                    .find(|(_, id, value)| (*id, *value) == (trigger.id, trigger.value));
                let Some((kind, ..)) = kind else {
                    let at = format!("the trigger at {} us", trigger.t);
                    return Err(Error::invalid(
                        "input",
                        at,
                        "at most 3 in AEDAT 4",
                        trigger.id,
                    ));
                };
                let mut table = vec![*kind as u8, 0, 0, 0];
                table.extend(trigger.t.to_le_bytes());
                bodies.push(table);
            }
            let body = tables(b"TRIG", &[8, 16, 8, 4], &bodies);
            let times = || part.iter().map(|trigger| trigger.t);
            let span = (times().min().unwrap_or(0), times().max().unwrap_or(0));
            self.packet(SIGNALS, &body, part.len(), span, out);
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Vec<(u64, Vec<u8>)>> {
        let entry = |e: &Entry| {
            let mut table = e.stream.to_le_bytes().to_vec();
            table.extend((e.size as u32).to_le_bytes());
            table.extend([0; 4]);
            for number in [e.place, e.elements as u64, e.span.0, e.span.1] {
                table.extend(number.to_le_bytes());
            }
            table
        };
        let entries: Vec<Vec<u8>> = self.table.iter().map(entry).collect();
        let frame = self.frame(&tables(b"FTAB", &[14, 48, 16, 4, 24, 32, 40], &entries));
        out.extend(frame);
        let place = self.length;
        Ok(vec![(PATCH, place.to_le_bytes().to_vec())])
    }
}
