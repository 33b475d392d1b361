//! Event Stream 2.0 (`.es`): five bytes an event, time as steps.
//!
//! "Event Stream", three bytes of version, one of type; but for type 0 width and height, 16 bits each. Little-endian. Rows
//! are counted from the bottom.
//!
//! | type | event | no event |
//! |---|---|---|
//! | 0 generic | step; length as groups of 7 bits, lowest first, bit 0 says that one more follows; so many bytes | 255: step of 254; 254: reset |
//! | 1 DVS | step in bits 7..1, brighter in bit 0; x, y of 16 bits | 255: step of 127; 254: reset |
//! | 2 ATIS | step in bits 7..2, polarity in bit 1, exposure in bit 0; x, y | from 252 on: bits 1..0 times a step of 63 (0: reset) |
//! | 4 colour | step; x, y; red, green, blue | as generic |
//!
//! A step is the microseconds since what was before. Of ATIS only the changes of level are events here, not the
//! exposures; colours have no polarity and generic events no pixel. A reset says nothing about time. Time cannot step
//! back; a long silence is many bytes, and the writer (DVS) makes at most [`SILENCE`] of them.

use cortado_base::{Error, Result};

use super::records::{no_triggers, outside};
use super::{Decode, Encode, Options, Piece};
use crate::event::{Geometry, Recording, Trigger, View};
use crate::report::Report;

const MAGIC: &[u8; 12] = b"Event Stream";
/// Bytes that are written for one silence: 35 min.
const SILENCE: u64 = 1 << 24;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Generic,
    Dvs,
    Atis,
    Colour,
}

/// What of a generic event has been read.
#[derive(Clone, Copy)]
enum Generic {
    /// Its step comes.
    Step,
    /// A part of its length, of so many bits.
    Length(u64, u32),
    /// So many of its bytes come.
    Bytes(u64),
}

/// Reads Event Stream.
pub(crate) struct Decoder {
    options: Options,
    kind: Option<Kind>,
    sensor: Geometry,
    t: u64,
    generic: Generic,
    /// Bytes of generic events, and exposures.
    left_out: u64,
    /// Damage after which nothing can be read.
    lost: bool,
}

impl Decoder {
    pub fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            kind: None,
            sensor: Geometry::new(0, 0),
            t: 0,
            generic: Generic::Step,
            left_out: 0,
            lost: false,
        }
    }

    /// Reads what stands before the events; gives its length, or nothing while bytes are missing.
    fn begin(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<Option<(Kind, usize)>> {
        if let Some(kind) = self.kind {
            return Ok(Some((kind, 0)));
        }
        let bytes = piece.bytes;
        let sized = bytes.get(15).is_some_and(|&kind| kind != 0);
        let length = if sized { 20 } else { 16 };
        if bytes.len() < length && !piece.last {
            return Ok(None);
        }
        if !bytes.starts_with(MAGIC) {
            let got = bytes[..bytes.len().min(12)].escape_ascii();
            return Err(report.wrong("header", 0, "\"Event Stream\"", format!("\"{got}\"")));
        }
        if bytes.len() < length {
            let expected = format!("a header of {length} bytes");
            return Err(report.wrong("header", 0, expected, bytes.len()));
        }
        if bytes[12] != 2 {
            let got = format!("{}.{}.{}", bytes[12], bytes[13], bytes[14]);
            return Err(report.wrong("version", 12, "2", got));
        }
        let kind = match bytes[15] {
            0 => Kind::Generic,
            1 => Kind::Dvs,
            2 => Kind::Atis,
            4 => Kind::Colour,
            other => {
                let expected = "0 generic, 1 DVS, 2 ATIS or 4 colour";
                return Err(report.wrong("type", 15, expected, other));
            }
        };
        if let Some(&[a, b, c, d]) = bytes.get(16..20).filter(|_| sized) {
            let written = Geometry::new(u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
            self.sensor = self.options.geometry.unwrap_or(written);
            out.geometry = Some(self.sensor);
        } else {
            out.geometry = self.options.geometry;
        }
        if kind == Kind::Colour {
            report.assume("colours have no polarity: all are given as darker");
        }
        self.kind = Some(kind);
        Ok(Some((kind, length)))
    }

    /// What is to be said at the end.
    fn end(&self, kind: Kind, report: &mut Report) {
        let n = self.left_out;
        match kind {
            Kind::Generic => report.assume(format!(
                "generic events have no pixel: all are given at (0, 0); their {n} bytes are left out"
            )),
            Kind::Atis => report.assume(format!("{n} exposures of ATIS are left out")),
            Kind::Dvs | Kind::Colour => {}
        }
    }

    /// Reads generic events; gives the bytes used, which are all.
    fn generic(
        &mut self,
        bytes: &[u8],
        offset: u64,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<usize> {
        let mut place = 0;
        while let Some(&byte) = bytes.get(place) {
            match self.generic {
                Generic::Step => match byte {
                    255 => self.t += 254,
                    254 => {}
                    step => {
                        self.t += u64::from(step);
                        self.generic = Generic::Length(0, 0);
                    }
                },
                Generic::Length(length, bits) => {
                    if bits > 56 {
                        let expected = "the length of an event in at most 9 bytes";
                        report.damage("length", offset + place as u64, expected, "more")?;
                        self.lost = true;
                        return Ok(bytes.len());
                    }
                    let length = length | u64::from(byte >> 1) << bits;
                    self.generic = if byte & 1 == 1 {
                        Generic::Length(length, bits + 7)
                    } else {
                        Generic::Bytes(length)
                    };
                }
                Generic::Bytes(length) => {
                    let here = length.min((bytes.len() - place) as u64);
                    self.left_out += here;
                    place += here as usize;
                    self.generic = Generic::Bytes(length - here);
                    self.whole(out);
                    continue;
                }
            }
            place += 1;
            self.whole(out);
        }
        Ok(place)
    }

    /// Adds a generic event if all its bytes were read.
    fn whole(&mut self, out: &mut Recording) {
        if let Generic::Bytes(0) = self.generic {
            self.generic = Generic::Step;
            let t = self.t;
            out.events.push(crate::event::Event {
                t,
                ..Default::default()
            });
        }
    }

    /// Reads events of a fixed size; gives the bytes used.
    fn fixed<K: Fixed>(
        &mut self,
        bytes: &[u8],
        offset: u64,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<usize> {
        let start = out.events.len();
        out.events.resize(start + bytes.len() / K::SIZE);
        let slots = out.events.slots().after(start);
        let (mut n, mut place, mut t) = (0, 0, self.t);
        let Geometry { width, height } = self.sensor;
        // With rows from the bottom, row y is row `last` - y from the top.
        let (last, turn) = match self.options.raw_rows {
            true => (0, 0),
            false => (height.wrapping_sub(1), u16::MAX),
        };
        let limit = slots.t.len();
        let (ts, xs, ys, ps) = (
            slots.t,
            &mut slots.x[..limit],
            &mut slots.y[..limit],
            &mut slots.p[..limit],
        );
        while let Some(&first) = bytes.get(place) {
            if let Some(step) = K::silence(first) {
                t += step;
                place += 1;
                continue;
            }
            let Some(&[_, a, b, c, d]) = bytes.get(place..place + 5) else {
                break;
            };
            if K::SIZE > 5 && bytes.len() - place < K::SIZE {
                break;
            }
            t += K::step(first);
            let (x, y) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
            if x >= width || y >= height {
                outside(self.sensor, x, y, offset + place as u64, report)?;
            } else if K::level(first) {
                if n < limit {
                    ts[n] = t;
                    xs[n] = x;
                    // y, or last - y = last + !y + 1.
                    ys[n] = last.wrapping_add(y ^ turn).wrapping_add(turn & 1);
                    ps[n] = K::brighter(first);
                }
                n += 1;
            } else {
                self.left_out += 1;
            }
            place += K::SIZE;
        }
        self.t = t;
        out.events.truncate(start + n);
        Ok(place)
    }
}

/// What differs between events of a fixed size: all of it in their first byte.
trait Fixed {
    const SIZE: usize;
    /// Microseconds of a byte that is no event.
    fn silence(byte: u8) -> Option<u64>;
    fn step(byte: u8) -> u64;
    fn brighter(byte: u8) -> bool;
    /// Whether it is a change of level.
    fn level(_byte: u8) -> bool {
        true
    }
}

struct Dvs;

impl Fixed for Dvs {
    const SIZE: usize = 5;
    #[inline]
    fn silence(byte: u8) -> Option<u64> {
        (byte >= 254).then_some(if byte == 255 { 127 } else { 0 })
    }
    #[inline]
    fn step(byte: u8) -> u64 {
        u64::from(byte >> 1)
    }
    #[inline]
    fn brighter(byte: u8) -> bool {
        byte & 1 == 1
    }
}

struct Atis;

impl Fixed for Atis {
    const SIZE: usize = 5;
    #[inline]
    fn silence(byte: u8) -> Option<u64> {
        (byte >= 252).then_some(u64::from(byte & 3) * 63)
    }
    #[inline]
    fn step(byte: u8) -> u64 {
        u64::from(byte >> 2)
    }
    #[inline]
    fn brighter(byte: u8) -> bool {
        byte & 2 == 2
    }
    #[inline]
    fn level(byte: u8) -> bool {
        byte & 1 == 0
    }
}

struct Colour;

impl Fixed for Colour {
    const SIZE: usize = 8;
    #[inline]
    fn silence(byte: u8) -> Option<u64> {
        (byte >= 254).then_some(if byte == 255 { 254 } else { 0 })
    }
    #[inline]
    fn step(byte: u8) -> u64 {
        u64::from(byte)
    }
    #[inline]
    fn brighter(_byte: u8) -> bool {
        false
    }
}

impl Decode for Decoder {
    fn decode(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<usize> {
        let Some((kind, start)) = self.begin(piece, out, report)? else {
            return Ok(0);
        };
        let bytes = &piece.bytes[start..];
        let offset = piece.offset + start as u64;
        let used = match kind {
            _ if self.lost => bytes.len(),
            Kind::Generic => self.generic(bytes, offset, out, report)?,
            Kind::Dvs => self.fixed::<Dvs>(bytes, offset, out, report)?,
            Kind::Atis => self.fixed::<Atis>(bytes, offset, out, report)?,
            Kind::Colour => self.fixed::<Colour>(bytes, offset, out, report)?,
        };
        if piece.last {
            let rest = bytes.len() - used;
            let open = !matches!(self.generic, Generic::Step) && !self.lost;
            if rest > 0 || open {
                report.damage("end", offset + used as u64, "a whole event", rest)?;
            }
            self.end(kind, report);
            return Ok(piece.bytes.len());
        }
        Ok(start + used)
    }

    fn save(&self) -> Option<Vec<u64>> {
        let whole = matches!(self.kind, Some(Kind::Dvs | Kind::Atis | Kind::Colour)) && !self.lost;
        whole.then(|| vec![self.t])
    }

    fn load(&mut self, state: &[u64]) -> bool {
        let &[t] = state else {
            return false;
        };
        self.t = t;
        self.kind.is_some()
    }
}

/// Writes Event Stream of type DVS.
#[derive(Default)]
pub(crate) struct Encoder {
    sensor: Option<Geometry>,
    t: u64,
}

impl Encode for Encoder {
    fn start(&mut self, geometry: Option<Geometry>, out: &mut Vec<u8>) -> Result<()> {
        let Some(Geometry { width, height }) = geometry else {
            let expected = "the size of the sensor, which Event Stream says first";
            return Err(Error::invalid("recording", "the events", expected, "none"));
        };
        self.sensor = geometry;
        out.extend(MAGIC);
        out.extend([2, 0, 0, 1]);
        out.extend(width.to_le_bytes());
        out.extend(height.to_le_bytes());
        Ok(())
    }

    fn encode(&mut self, events: View<'_>, triggers: &[Trigger], out: &mut Vec<u8>) -> Result<()> {
        no_triggers(triggers, "Event Stream")?;
        let sensor = self.sensor.unwrap_or(Geometry::new(0, 0));
        out.reserve(5 * events.len());
        for event in events.iter() {
            let at = || format!("the event at {} us", event.t);
            if !sensor.contains(event.x, event.y) {
                let got = format!("({}, {})", event.x, event.y);
                return Err(Error::invalid(
                    "pixel",
                    at(),
                    format!("one of {sensor}"),
                    got,
                ));
            }
            let Some(step) = event.t.checked_sub(self.t) else {
                let expected = format!("{} us or later, since Event Stream holds steps", self.t);
                return Err(Error::invalid("time", at(), expected, event.t));
            };
            let silences = step / 127;
            if silences > SILENCE {
                let expected = format!(
                    "a silence, also before the first event, of at most {} us in Event Stream (times may be made to \
                     begin at 0)",
                    SILENCE * 127
                );
                return Err(Error::invalid("time", at(), expected, step));
            }
            (0..silences).for_each(|_| out.push(255));
            let [a, b] = event.x.to_le_bytes();
            let [c, d] = (sensor.height - 1 - event.y).to_le_bytes();
            out.extend([((step % 127) as u8) << 1 | u8::from(event.p), a, b, c, d]);
            self.t = event.t;
        }
        Ok(())
    }
}
