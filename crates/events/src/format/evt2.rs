//! Prophesee EVT 2.0: 32-bit words, an event each.
//!
//! After the header of RAW files, little-endian words; the upper four bits say what a word is:
//!
//! | bits 31..28 | what | the rest |
//! |---|---|---|
//! | 0, 1 | event, darker or brighter | time 27..22, x 21..11, y 10..0 |
//! | 8 | time, upper part | 27..0 in units of 64 microseconds |
//! | 10 | trigger | time 27..22, input 12..8, value 0 |
//! | 14, 15 | other, continued | left out |
//!
//! Time is the last upper part and 6 bits below it, 34 bits in all: it begins again every 4 h 46 min. What comes before
//! the first upper part has no time.

use cortado_base::{Error, Result};

use super::raw::Header;
use super::{Decode, Encode, Options, Piece};
use crate::clock::Unwrapper;
use crate::event::{Geometry, Recording, Trigger, View};
use crate::report::Report;

const TIME_HIGH: u32 = 8;
const TRIGGER: u32 = 10;
/// Other kinds that carry no event: IMU data, other, continued.
const OTHERS: [u32; 3] = [0xd, 0xe, 0xf];
/// Bits of the lower part of time.
const LOW: u32 = 6;
/// Bits of the upper part.
const HIGH: u32 = 28;

/// Reads EVT 2.0.
pub(crate) struct Decoder {
    options: Options,
    begun: bool,
    clock: Unwrapper,
    /// The last upper part of time in microseconds.
    high: Option<u64>,
}

impl Decoder {
    pub fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            begun: false,
            clock: Unwrapper::new(1 << (LOW + HIGH)),
            high: None,
        }
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
            let Some(header) = Header::read(piece, report)? else {
                return Ok(0);
            };
            out.geometry = self.options.geometry.or_else(|| header.geometry(report));
            start = header.length;
            self.begun = true;
        }
        let (words, rest) = piece.bytes[start..].as_chunks::<4>();
        let n = out.events.len();
        // Never more events than words; what is left over is cut off again.
        out.events.resize(n + words.len());
        let slots = out.events.slots();
        let mut place = n;
        for (i, word) in words.iter().enumerate() {
            let word = u32::from_le_bytes(*word);
            let kind = word >> 28;
            let low = u64::from(word >> 22 & 0x3f);
            match (kind, self.high) {
                (0 | 1, Some(high)) => {
                    slots.t[place] = high | low;
                    slots.x[place] = (word >> 11 & 0x7ff) as u16;
                    slots.y[place] = (word & 0x7ff) as u16;
                    slots.p[place] = kind == 1;
                    place += 1;
                }
                (TIME_HIGH, _) => {
                    let high = u64::from(word & 0x0fff_ffff) << LOW;
                    self.high = Some(self.clock.unwrap(high));
                    report.wraps = self.clock.wraps();
                }
                (TRIGGER, Some(high)) => out.triggers.push(Trigger {
                    t: high | low,
                    id: (word >> 8 & 0x1f) as u16,
                    value: word & 1 == 1,
                }),
                (0 | 1 | TRIGGER, None) => report.untimed += 1,
                (kind, _) if OTHERS.contains(&kind) => {}
                _ => {
                    let offset = piece.offset + (start + 4 * i) as u64;
                    let expected = "type 0, 1, 8, 10 or 13 to 15 in the upper four bits";
                    report.damage("word", offset, expected, format!("{word:#010x}"))?;
                }
            }
        }
        out.events.truncate(place);
        let mut used = piece.bytes.len() - rest.len();
        if piece.last && !rest.is_empty() {
            let offset = piece.offset + used as u64;
            report.damage("end", offset, "a whole word of 4 bytes", rest.len())?;
            used += rest.len();
        }
        Ok(used)
    }
}

/// Writes EVT 2.0: a time word wherever the upper part changes.
#[derive(Default)]
pub(crate) struct Encoder {
    high: Option<u64>,
}

impl Encoder {
    /// The time word of `t` where it is another than the last one.
    fn advance(&mut self, t: u64, out: &mut Vec<u8>) {
        let high = t >> LOW;
        if self.high != Some(high) {
            self.high = Some(high);
            let word = TIME_HIGH << 28 | (high & 0x0fff_ffff) as u32;
            out.extend(word.to_le_bytes());
        }
    }
}

impl Encode for Encoder {
    fn start(&mut self, geometry: Option<Geometry>, out: &mut Vec<u8>) -> Result<()> {
        out.extend(b"% evt 2.0\n");
        if let Some(geometry) = geometry {
            out.extend(format!("% geometry {geometry}\n").bytes());
        }
        out.extend(b"% end\n");
        Ok(())
    }

    fn encode(&mut self, events: View<'_>, triggers: &[Trigger], out: &mut Vec<u8>) -> Result<()> {
        let mut triggers = triggers.iter().peekable();
        for event in events.iter() {
            while let Some(trigger) = triggers.next_if(|g| g.t < event.t) {
                self.trigger(trigger, out)?;
            }
            if event.x > 0x7ff || event.y > 0x7ff {
                let at = format!("the event at {} us", event.t);
                let got = format!("({}, {})", event.x, event.y);
                return Err(Error::invalid(
                    "pixel",
                    at,
                    "x and y up to 2047 in EVT 2.0",
                    got,
                ));
            }
            self.advance(event.t, out);
            let word = u32::from(event.p) << 28
                | (event.t as u32 & 0x3f) << 22
                | u32::from(event.x) << 11
                | u32::from(event.y);
            out.extend(word.to_le_bytes());
        }
        triggers.try_for_each(|trigger| self.trigger(trigger, out))
    }
}

impl Encoder {
    fn trigger(&mut self, trigger: &Trigger, out: &mut Vec<u8>) -> Result<()> {
        if trigger.id > 0x1f {
            let at = format!("the trigger at {} us", trigger.t);
            return Err(Error::invalid(
                "input",
                at,
                "at most 31 in EVT 2.0",
                trigger.id,
            ));
        }
        self.advance(trigger.t, out);
        let word = TRIGGER << 28
            | (trigger.t as u32 & 0x3f) << 22
            | u32::from(trigger.id) << 8
            | u32::from(trigger.value);
        out.extend(word.to_le_bytes());
        Ok(())
    }
}
