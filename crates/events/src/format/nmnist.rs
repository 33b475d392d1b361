//! Records of 40 bits: N-MNIST, N-Caltech101 (`.bin`) and SLAYER's `.bs2`.
//!
//! No header. Big-endian, from the highest bit:
//!
//! | bits | what |
//! |---|---|
//! | 39..32 | x |
//! | 31..24 | y, from the top; 240 marks an overflow |
//! | 23 | brighter |
//! | 22..0 | time in microseconds, begins again after 8.39 s |
//!
//! A record with y = 240 is no event: all times after it are 8192 microseconds later. There is no size of the sensor.
//! Row 240 can therefore not be written, and no column or row above 255. A silence of half a turn or more is written as
//! such marks.

use cortado_base::{Error, Result};

use super::records::{self, check_pixel, each, inside, no_triggers};
use super::{Decode, Encode, Options, Piece};
use crate::clock::Unwrapper;
use crate::event::{Event, Geometry, Recording, Trigger, View};
use crate::report::Report;

/// After so many microseconds the counter begins again.
const PERIOD: u64 = 1 << 23;
/// The row that marks an overflow.
const MARK: u8 = 240;
/// Microseconds of a mark.
const STEP: u64 = 1 << 13;
/// So many marks are written for one silence: 2 h 23 min.
const MARKS: u64 = 1 << 20;

/// Reads records of 40 bits.
pub(crate) struct Decoder {
    geometry: Option<Geometry>,
    clock: Unwrapper,
    /// Microseconds of the marks so far.
    shift: u64,
}

impl Decoder {
    pub fn new(options: &Options) -> Self {
        Self {
            geometry: options.geometry,
            clock: Unwrapper::new(PERIOD),
            shift: 0,
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
        out.geometry = self.geometry;
        let events = &mut out.events;
        events.reserve(piece.bytes.len() / 5);
        each(
            piece,
            0,
            report,
            |&[x, y, high, middle, low], offset, report| {
                if y == MARK {
                    self.shift += STEP;
                    return Ok(());
                }
                let counter = u32::from_be_bytes([0, high & 0x7f, middle, low]);
                let t = records::unwrap(&mut self.clock, counter.into(), report) + self.shift;
                let (x, y) = (x.into(), y.into());
                if inside(self.geometry, x, y, offset, report)? {
                    let p = high >> 7 == 1;
                    events.push(Event { t, x, y, p });
                }
                Ok(())
            },
        )
    }
}

/// Writes records of 40 bits.
pub(crate) struct Encoder {
    clock: Unwrapper,
    shift: u64,
    last: u64,
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            clock: Unwrapper::new(PERIOD),
            shift: 0,
            last: 0,
        }
    }
}

const NAME: &str = "records of 40 bits";

impl Encoder {
    /// The counter of a time, after the marks that it needs.
    fn counter(&mut self, t: u64, out: &mut Vec<u8>) -> Result<u32> {
        let rest = t.checked_sub(self.shift);
        let found = rest.and_then(|rest| records::counter(&mut self.clock, PERIOD, rest));
        if let (Some(counter), Some(rest)) = (found, rest) {
            self.last = rest;
            return Ok(counter as u32);
        }
        let silence = t.saturating_sub(self.shift).saturating_sub(self.last);
        let marks = silence.saturating_sub(PERIOD / 2 - 1).div_ceil(STEP);
        if marks == 0 || marks > MARKS {
            return Err(records::no_time(t, PERIOD, NAME));
        }
        (0..marks).for_each(|_| out.extend([0, MARK, 0, 0, 0]));
        self.shift += marks * STEP;
        self.last = t - self.shift;
        let counter = records::counter_of(&mut self.clock, PERIOD, self.last, NAME)?;
        Ok(counter as u32)
    }
}

impl Encode for Encoder {
    fn start(&mut self, _geometry: Option<Geometry>, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }

    fn encode(&mut self, events: View<'_>, triggers: &[Trigger], out: &mut Vec<u8>) -> Result<()> {
        no_triggers(triggers, NAME)?;
        for event in events.iter() {
            check_pixel(event, (255, 255), NAME)?;
            if event.y == MARK.into() {
                let at = format!("the event at {} us", event.t);
                let expected = format!("another than {MARK}, which marks an overflow in {NAME}");
                return Err(Error::invalid("row", at, expected, event.y));
            }
            let counter = self.counter(event.t, out)?;
            let [_, high, middle, low] = counter.to_be_bytes();
            let p = u8::from(event.p) << 7;
            out.extend([event.x as u8, event.y as u8, p | high, middle, low]);
        }
        Ok(())
    }
}
