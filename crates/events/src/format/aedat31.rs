//! AEDAT 3.1 of cAER: packets of events of one type.
//!
//! Lines that begin with `#`, the first `#!AER-DAT3.1`, the last `#!END-HEADER`; `#Source 1: ..` names the sensor. Then
//! little-endian packets:
//!
//! | bytes | what |
//! |---|---|
//! | 2 | type: 0 special, 1 polarity; others are passed over |
//! | 2 | source |
//! | 4 | bytes of an event |
//! | 4 | place of the time in an event |
//! | 4 | upper part of all times in it: above the 31 bits of an event |
//! | 4 | capacity, which says nothing about the file |
//! | 4 | number of events that follow |
//! | 4 | how many of them are valid |
//!
//! Events are 8 bytes: 32 bits of data, of which bit 0 says whether it is valid, and 32 bits of time in microseconds. Data of
//! polarity: x 31..17, y 16..2, brighter 1. Data of special: type 7..1, of which edges of signals (2 and 3, 6 and 7, 9 and
//! 10) are triggers here, of inputs 0, 1 and 2. Rows are counted from the top. If there are events of several sources,
//! those of the first are read.

use cortado_base::{Error, Result};

use super::aedat2;
use super::records::{check_pixel, inside};
use super::{Decode, Encode, Options, Piece};
use crate::event::{Event, Geometry, Recording, Trigger, View};
use crate::header;
use crate::report::Report;

const SPECIAL: i16 = 0;
const POLARITY: i16 = 1;
/// Bytes of the head of a packet.
const HEAD: usize = 28;
const END: &str = "!END-HEADER";
/// Types of special events that are edges, with input and value.
const EDGES: [(u32, u16, bool); 6] = [
    (2, 0, true),
    (3, 0, false),
    (6, 1, true),
    (7, 1, false),
    (9, 2, true),
    (10, 2, false),
];

/// What follows.
#[derive(Clone, Copy)]
enum State {
    Header,
    Head,
    /// So many events of a type and size, with the upper part of their times.
    Events(i16, usize, u64, u64),
    /// So many bytes that are passed over.
    Skip(u64),
    /// Nothing that can be read.
    Lost,
}

/// Reads AEDAT 3.1.
pub(crate) struct Decoder {
    options: Options,
    state: State,
    geometry: Option<Geometry>,
    source: Option<i16>,
    /// Events that say of themselves that they are not valid.
    invalid: u64,
}

impl Decoder {
    pub fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            state: State::Header,
            geometry: None,
            source: None,
            invalid: 0,
        }
    }

    /// Reads the header; gives its length, 0 while bytes are missing.
    fn header(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<usize> {
        let lines = header::lines(piece.bytes, piece.last, b'#', END, report)?;
        let Some((lines, length)) = lines else {
            return Ok(0);
        };
        let lines: Vec<_> = lines.into_iter().map(String::from_utf8_lossy).collect();
        if !lines
            .first()
            .is_some_and(|line| line.starts_with("!AER-DAT3.1"))
        {
            let got = lines
                .first()
                .map_or("none".into(), |line| format!("\"#{line}\""));
            return Err(report.wrong("header", 0, "\"#!AER-DAT3.1\"", got));
        }
        report.header = aedat2::entries(lines.iter().map(|line| line.as_ref()));
        let source = report
            .header
            .iter()
            .find(|(key, _)| key.starts_with("Source"));
        let size = source.and_then(|(_, name)| {
            let number = |text: &str| text.parse().ok().filter(|&n: &u16| n > 0);
            let pair = name.split_once('x').map(|(w, h)| (number(w), number(h)));
            match pair {
                Some((Some(width), Some(height))) => Some(Geometry::new(width, height)),
                _ => aedat2::sensor(name).map(|(_, size)| size),
            }
        });
        self.geometry = self.options.geometry.or(size);
        out.geometry = self.geometry;
        self.state = State::Head;
        Ok(length)
    }

    /// What follows the head of a packet.
    fn head(&mut self, head: &[u8; HEAD], offset: u64, report: &mut Report) -> Result<State> {
        let short = |i: usize| i16::from_le_bytes([head[i], head[i + 1]]);
        let long = |i: usize| i32::from_le_bytes([head[i], head[i + 1], head[i + 2], head[i + 3]]);
        let (kind, source) = (short(0), short(2));
        let (size, high, number) = (long(4), long(12), long(20));
        let (Ok(size), Ok(high), Ok(number)) = (
            u64::try_from(size),
            u64::try_from(high),
            u64::try_from(number),
        ) else {
            let expected = "sizes and numbers from 0 on";
            let got = format!("{size}, {high} and {number}");
            report.damage("packet", offset, expected, got)?;
            return Ok(State::Lost);
        };
        let read = match kind {
            SPECIAL => true,
            POLARITY if *self.source.get_or_insert(source) == source => true,
            POLARITY => {
                report.assume("events of the first source are read, those of others left out");
                false
            }
            _ => false,
        };
        if !read {
            return Ok(State::Skip(size * number));
        }
        if size < 8 {
            report.damage("packet", offset, "at least 8 bytes an event", size)?;
            return Ok(State::Skip(size * number));
        }
        Ok(State::Events(kind, size as usize, number, high << 31))
    }

    /// An event of a packet.
    fn event(
        &mut self,
        kind: i16,
        bytes: &[u8; 8],
        high: u64,
        offset: u64,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<()> {
        let word = u64::from_le_bytes(*bytes);
        let (data, time) = (word as u32, (word >> 32) as i32);
        if data & 1 == 0 {
            self.invalid += 1;
            return Ok(());
        }
        let Ok(low) = u64::try_from(time) else {
            return report.damage("time", offset, "from 0 on", time);
        };
        let t = high | low;
        if kind == SPECIAL {
            let edge = EDGES.iter().find(|(edge, ..)| *edge == data >> 1 & 0x7f);
            let trigger = edge.map(|&(_, id, value)| Trigger { t, id, value });
            out.triggers.extend(trigger);
            return Ok(());
        }
        let (x, y, p) = (
            (data >> 17) as u16,
            (data >> 2 & 0x7fff) as u16,
            data & 2 == 2,
        );
        if inside(self.geometry, x, y, offset, report)? {
            out.events.push(Event { t, x, y, p });
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
        let mut place = 0;
        loop {
            let rest = &piece.bytes[place..];
            let offset = piece.offset + place as u64;
            match self.state {
                State::Header => {
                    place = self.header(piece, out, report)?;
                    if matches!(self.state, State::Header) {
                        return Ok(0);
                    }
                    continue;
                }
                State::Lost => place = piece.bytes.len(),
                State::Head | State::Events(_, _, 0, _) | State::Skip(0) => {
                    self.state = State::Head;
                    if let Some(head) = rest.first_chunk::<HEAD>() {
                        self.state = self.head(head, offset, report)?;
                        place += HEAD;
                        continue;
                    }
                }
                State::Skip(left) => {
                    let here = left.min(rest.len() as u64);
                    self.state = State::Skip(left - here);
                    place += here as usize;
                    if here == left {
                        continue;
                    }
                }
                State::Events(kind, size, mut left, high) => {
                    let here = left.min((rest.len() / size) as u64) as usize;
                    for (i, event) in rest.chunks_exact(size).take(here).enumerate() {
                        if let Some(bytes) = event.first_chunk() {
                            let offset = offset + (i * size) as u64;
                            self.event(kind, bytes, high, offset, out, report)?;
                        }
                    }
                    place += here * size;
                    left -= here as u64;
                    self.state = State::Events(kind, size, left, high);
                    if left == 0 {
                        continue;
                    }
                }
            }
            break;
        }
        if !piece.last {
            return Ok(place);
        }
        let rest = piece.bytes.len() - place;
        if rest > 0 || matches!(self.state, State::Skip(_) | State::Events(..)) {
            let offset = piece.offset + place as u64;
            report.damage("end", offset, "a whole packet", rest)?;
        }
        if self.invalid > 0 {
            report.assume(format!(
                "{} events that are marked as not valid are left out",
                self.invalid
            ));
        }
        Ok(piece.bytes.len())
    }
}

/// Writes AEDAT 3.1.
#[derive(Default)]
pub(crate) struct Encoder;

/// Events of a packet.
const PACKET: usize = 1 << 12;

/// A packet of events: data and time of each.
fn packet(kind: i16, events: &[(u32, u64)], out: &mut Vec<u8>) {
    let high = events.first().map_or(0, |(_, t)| t >> 31) as u32;
    out.extend(kind.to_le_bytes());
    out.extend(1i16.to_le_bytes());
    let number = events.len() as u32;
    for value in [8, 4, high, number, number, number] {
        out.extend(value.to_le_bytes());
    }
    for (data, t) in events {
        out.extend((data | 1).to_le_bytes());
        out.extend((*t as u32 & 0x7fff_ffff).to_le_bytes());
    }
}

/// Packets of events whose times have the same upper part.
fn packets(kind: i16, events: &[(u32, u64)], out: &mut Vec<u8>) -> Result<()> {
    const LARGEST: u64 = (1 << 62) - 1;
    if let Some((_, t)) = events.iter().find(|(_, t)| *t > LARGEST) {
        let expected = format!("at most {LARGEST} in AEDAT 3.1");
        return Err(Error::invalid("time", "an event", expected, t));
    }
    for part in events.chunk_by(|a, b| a.1 >> 31 == b.1 >> 31) {
        part.chunks(PACKET).for_each(|part| packet(kind, part, out));
    }
    Ok(())
}

impl Encode for Encoder {
    fn start(&mut self, geometry: Option<Geometry>, out: &mut Vec<u8>) -> Result<()> {
        let source = match geometry.map(|g| (g.width, g.height)) {
            None => "unknown".to_string(),
            Some((128, 128)) => "DVS128".to_string(),
            Some((240, 180)) => "DAVIS240C".to_string(),
            Some((346, 260)) => "DAVIS346".to_string(),
            Some((640, 480)) => "DAVIS640".to_string(),
            Some((width, height)) => format!("{width}x{height}"),
        };
        let text = format!("#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: {source}\r\n#{END}\r\n");
        out.extend(text.bytes());
        Ok(())
    }

    fn encode(&mut self, events: View<'_>, triggers: &[Trigger], out: &mut Vec<u8>) -> Result<()> {
        let mut edges = Vec::with_capacity(triggers.len());
        for trigger in triggers {
            let edge = EDGES
                .iter()
                .find(|(_, id, value)| (*id, *value) == (trigger.id, trigger.value));
            let Some((edge, ..)) = edge else {
                let at = format!("the trigger at {} us", trigger.t);
                return Err(Error::invalid(
                    "input",
                    at,
                    "at most 2 in AEDAT 3.1",
                    trigger.id,
                ));
            };
            edges.push((edge << 1, trigger.t));
        }
        packets(SPECIAL, &edges, out)?;
        for start in (0..events.len()).step_by(PACKET) {
            let mut part = Vec::with_capacity(PACKET);
            for event in events.slice(start..start + PACKET).iter() {
                check_pixel(event, (0x7fff, 0x7fff), "AEDAT 3.1")?;
                let pixel = u32::from(event.x) << 17 | u32::from(event.y) << 2;
                part.push((pixel | u32::from(event.p) << 1, event.t));
            }
            packets(POLARITY, &part, out)?;
        }
        Ok(())
    }
}
