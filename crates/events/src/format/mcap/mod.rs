//! MCAP, the container of ROS 2, with packets of event_camera_msgs.
//!
//! `\x89MCAP0\r\n`, then records: kind `u8`, length `u64`, so many bytes. Little-endian; text is behind its length `u32`.
//!
//! | kind | what | bytes |
//! |---|---|---|
//! | 3 | schema | number `u16`, name, encoding, definition |
//! | 4 | channel | number `u16`, schema `u16`, topic, encoding of messages, more |
//! | 5 | **message** | channel `u16`, sequence `u32`, times `u64` twice, the message |
//! | 6 | chunk | times `u64` twice, unpacked size `u64`, CRC-32 of the unpacked `u32` or 0, compression (none, `lz4` or `zstd`, a frame), packed size `u64`, records |
//! | 15, 2 | end of the data, end of the file | |
//!
//! All other kinds are passed over. Read are the messages `event_camera_msgs/msg/EventPacket` in CDR of the first topic that
//! has them; see [`packet`] for their layout. Their encodings are `evt3` (the words of [`evt3`](super::evt3), through all
//! packets; time is the sensor's, of 24 bits unrolled) and `libcaer_cmp` (see [`caer`]; time is absolute).
//!
//! A record is read when all of it is there: memory is that of the largest chunk, and unpacked at most 255 times that with LZ4,
//! or 1024 times and 64 KiB with Zstd. Places of damage in a packed chunk are counted in what it holds, from its record on.

mod caer;
mod packet;

use std::collections::BTreeMap;

use cortado_base::Result;
use flate2::Crc;

use self::packet::{Fields, Packet};
use super::aedat4::{Compression, Frames};
use super::evt3::Evt3;
use super::{Decode, Options, Piece, words};
use crate::event::{Geometry, Recording};
use crate::report::Report;

const MAGIC: &[u8; 8] = b"\x89MCAP0\r\n";
const FOOTER: u8 = 2;
const SCHEMA: u8 = 3;
const CHANNEL: u8 = 4;
const MESSAGE: u8 = 5;
const CHUNK: u8 = 6;
const END_OF_DATA: u8 = 15;
/// The messages that are read.
const EVENTS: &[u8] = b"event_camera_msgs/msg/EventPacket";
/// What errors say of encodings.
const ENCODINGS: &str = "evt3 or libcaer_cmp";

/// What reads the payload of packets.
enum Machine {
    Evt3(Box<words::Decoder<Evt3>>),
    Caer(caer::Machine),
}

/// The topic that is read, as its first packet says.
struct Stream {
    channel: u16,
    encoding: Vec<u8>,
    size: (u32, u32),
    /// The number of the last packet.
    number: u64,
    machine: Machine,
}

/// Reads MCAP.
pub(crate) struct Decoder {
    options: Options,
    begun: bool,
    /// Bytes of a record that is passed over which are still to come.
    skip: u64,
    ended: bool,
    /// Names of schemas.
    schemas: BTreeMap<u16, Vec<u8>>,
    /// Channels of events, with their topics, and whether their messages are in CDR.
    channels: BTreeMap<u16, (String, bool)>,
    stream: Option<Stream>,
    frames: Frames,
}

impl Decoder {
    pub fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            begun: false,
            skip: 0,
            ended: false,
            schemas: BTreeMap::new(),
            channels: BTreeMap::new(),
            stream: None,
            frames: Frames::default(),
        }
    }

    /// Reads the whole records at the start of a piece, which may be what a chunk holds; gives the bytes used.
    fn records(
        &mut self,
        piece: Piece<'_>,
        in_chunk: bool,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<usize> {
        let mut place = 0;
        while !self.ended {
            let rest = &piece.bytes[place..];
            let here = self.skip.min(rest.len() as u64);
            self.skip -= here;
            place += here as usize;
            let rest = &piece.bytes[place..];
            let Some((head, rest)) = rest.split_first_chunk::<9>() else {
                break;
            };
            let offset = piece.offset + place as u64;
            let [kind, length @ ..] = *head;
            let length = u64::from_le_bytes(length);
            if kind == END_OF_DATA || kind == FOOTER {
                self.ended = true;
                break;
            }
            if !(SCHEMA..=CHUNK).contains(&kind) {
                self.skip = length;
                place += 9;
                continue;
            }
            let body = usize::try_from(length).ok().and_then(|n| rest.get(..n));
            let Some(body) = body else {
                break;
            };
            place += 9 + body.len();
            let mut fields = Fields::new(body);
            let known = match kind {
                SCHEMA => self.schema(&mut fields),
                CHANNEL => self.channel(&mut fields),
                MESSAGE => Some(self.message(&mut fields, offset + 9, out, report)?),
                _ if in_chunk => None,
                _ => self.chunk(&mut fields, offset, out, report)?.then_some(()),
            };
            if known.is_none() {
                let got = format!("{length} bytes of kind {kind}");
                report.damage("record", offset, "a record of MCAP", got)?;
            }
        }
        Ok(place)
    }

    fn schema(&mut self, fields: &mut Fields<'_>) -> Option<()> {
        let number = fields.u16()?;
        let name = fields.text()?;
        self.schemas.insert(number, name.to_vec());
        Some(())
    }

    fn channel(&mut self, fields: &mut Fields<'_>) -> Option<()> {
        let (number, schema) = (fields.u16()?, fields.u16()?);
        let topic = String::from_utf8_lossy(fields.text()?).into_owned();
        let cdr = fields.text()? == b"cdr";
        if self.schemas.get(&schema).is_some_and(|name| name == EVENTS) {
            self.channels.insert(number, (topic, cdr));
        }
        Some(())
    }

    /// Reads the records in a chunk; `false` if it is none.
    fn chunk(
        &mut self,
        fields: &mut Fields<'_>,
        offset: u64,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<bool> {
        let Some((sum, how, packed)) = chunk(fields) else {
            return Ok(false);
        };
        let compression = match how {
            b"" => Compression::None,
            b"lz4" => Compression::Lz4,
            b"zstd" => Compression::Zstd,
            other => {
                let expected = "a compression that is none, lz4 or zstd";
                report.damage("chunk", offset, expected, other.escape_ascii())?;
                return Ok(true);
            }
        };
        let mut frames = std::mem::take(&mut self.frames);
        let result = match frames.open(packed, compression) {
            Err(got) => report.damage("chunk", offset, "a whole chunk", got),
            Ok(bytes) => {
                // What is not packed stands behind the fields of the chunk.
                let plain = compression == Compression::None;
                let first = offset + if plain { 49 } else { 0 };
                self.unpacked(bytes, sum, (offset, first), out, report)
            }
        };
        self.frames = frames;
        result.map(|()| true)
    }

    fn unpacked(
        &mut self,
        bytes: &[u8],
        sum: u32,
        (offset, first): (u64, u64),
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<()> {
        let mut crc = Crc::new();
        crc.update(bytes);
        if sum != 0 && crc.sum() != sum {
            let got = format!("{:#010x}", crc.sum());
            report.damage("chunk", offset, format!("the checksum {sum:#010x}"), got)?;
        }
        let piece = Piece {
            bytes,
            offset: first,
            last: true,
        };
        let used = self.records(piece, true, out, report)?;
        // The end of a file is no part of a chunk.
        let cut = used < bytes.len() || self.skip > 0;
        (self.skip, self.ended) = (0, false);
        if cut {
            let got = format!("{} bytes", bytes.len() - used);
            report.damage("chunk", offset, "whole records to its end", got)?;
        }
        Ok(())
    }

    /// Reads a message of whatever channel; damage is reported.
    fn message(
        &mut self,
        fields: &mut Fields<'_>,
        offset: u64,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<()> {
        let channel = fields.u16();
        let Some((topic, cdr)) = channel.and_then(|n| self.channels.get(&n)) else {
            return Ok(());
        };
        let channel = channel.unwrap_or_default();
        if self.stream.as_ref().is_some_and(|s| s.channel != channel) {
            report.assume("of several topics with events the first is read");
            return Ok(());
        }
        if !cdr {
            let got = format!("another encoding in topic {}", topic.escape_debug());
            return Err(report.wrong("message", offset, "messages in CDR", got));
        }
        let packet = fields.take(20).and_then(|_| Packet::read(fields.rest()));
        let Some(packet) = packet else {
            let expected = "a packet of events in CDR";
            return report.damage("packet", offset, expected, "one that is cut off");
        };
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let side = |n: u32| u16::try_from(n).ok().filter(|&n| n > 0);
                let written = side(packet.width).zip(side(packet.height));
                let written = written.map(|(w, h)| Geometry::new(w, h));
                let sensor = self.options.geometry.or(written);
                let machine = match packet.encoding {
                    b"evt3" => Machine::Evt3(Box::new(words::Decoder::begun(sensor))),
                    b"libcaer_cmp" => Machine::Caer(caer::Machine::new(sensor)),
                    other => {
                        let got = other[..other.len().min(40)].escape_ascii();
                        return Err(report.wrong("encoding", offset, ENCODINGS, got));
                    }
                };
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                report.header.push(("topic".into(), topic.clone()));
                let encoding = text(packet.encoding);
                report.header.push(("encoding".into(), encoding));
                report.header.push(("frame_id".into(), text(packet.frame)));
                out.geometry = sensor;
                self.stream.insert(Stream {
                    channel,
                    encoding: packet.encoding.to_vec(),
                    size: (packet.width, packet.height),
                    number: packet.number.wrapping_sub(1),
                    machine,
                })
            }
        };
        stream.read(&packet, offset + 22, out, report)
    }
}

/// Checksum, compression and packed bytes of a chunk.
fn chunk<'a>(fields: &mut Fields<'a>) -> Option<(u32, &'a [u8], &'a [u8])> {
    fields.take(24)?;
    let sum = fields.u32()?;
    let how = fields.text()?;
    let length = usize::try_from(fields.u64()?).ok()?;
    Some((sum, how, fields.take(length)?))
}

impl Stream {
    /// Reads the events of a packet, whose message is at `offset`.
    fn read(
        &mut self,
        packet: &Packet<'_>,
        offset: u64,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<()> {
        let size = (packet.width, packet.height);
        if packet.big || packet.encoding != self.encoding || size != self.size {
            let words = if packet.big { "big" } else { "little" };
            let expected = format!(
                "{} of {}x{} in little-endian words as before",
                self.encoding.escape_ascii(),
                self.size.0,
                self.size.1
            );
            let encoding = packet.encoding[..packet.encoding.len().min(40)].escape_ascii();
            let got = format!(
                "{encoding} of {}x{} in {words}-endian words",
                size.0, size.1
            );
            return report.damage("packet", offset, expected, got);
        }
        if packet.number != self.number.wrapping_add(1) {
            report.assume("packets are missing, by their numbers");
        }
        self.number = packet.number;
        let bytes = packet.events;
        let offset = offset + packet.place as u64;
        let whole = bytes.len() & !1;
        let piece = Piece {
            bytes: &bytes[..whole],
            offset,
            last: false,
        };
        match &mut self.machine {
            Machine::Evt3(machine) => {
                machine.decode(piece, out, report)?;
            }
            Machine::Caer(machine) => machine.read(piece, packet.base, out, report)?,
        }
        if whole < bytes.len() {
            let expected = "a whole word of 2 bytes";
            report.damage("packet", offset + whole as u64, expected, 1)?;
        }
        Ok(())
    }
}

impl Decode for Decoder {
    fn decode(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<usize> {
        let mut start = 0;
        if !self.begun {
            let n = piece.bytes.len().min(MAGIC.len());
            if n < MAGIC.len() && !piece.last {
                return Ok(0);
            }
            if piece.bytes[..n] != MAGIC[..] {
                let got = format!("bytes \"{}\"", piece.bytes[..n].escape_ascii());
                return Err(report.wrong("magic", 0, "\\x89MCAP0\\r\\n", got));
            }
            (self.begun, start) = (true, n);
        }
        let records = Piece {
            bytes: &piece.bytes[start..],
            offset: piece.offset + start as u64,
            last: piece.last,
        };
        let used = start + self.records(records, false, out, report)?;
        if !piece.last {
            return Ok(if self.ended { piece.bytes.len() } else { used });
        }
        if !self.ended {
            let got = "the end of the file";
            let expected = "a whole record and an end of the data";
            report.damage("end", piece.offset + used as u64, expected, got)?;
        }
        if self.channels.is_empty() {
            let names = self.schemas.values().take(8);
            let names: Vec<_> = names
                .map(|n| n[..n.len().min(60)].escape_ascii().to_string())
                .collect();
            let got = match names.join(", ") {
                none if none.is_empty() => "no messages".into(),
                names => names,
            };
            let expected = "messages event_camera_msgs/msg/EventPacket";
            return Err(report.wrong("messages", 0, expected, got));
        }
        Ok(piece.bytes.len())
    }
}
