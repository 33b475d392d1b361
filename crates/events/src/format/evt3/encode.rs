//! Recordings as EVT 3.0.

use cortado_base::Result;

use super::{ADDR_X, ADDR_Y, BASE_X, BITS, LARGEST, TIME_HIGH, TIME_LOW, TRIGGER, VECT_8, VECT_12};
use crate::event::{Geometry, Trigger, View};
use crate::format::words::Highs;
use crate::format::{Encode, raw};

/// Writes EVT 3.0: events that follow each other in one row, at one time and with one polarity become vectors where that
/// takes fewer words.
#[derive(Default)]
pub(crate) struct Encoder {
    /// The last time, split as in words, and the last row.
    high: Highs,
    low: Option<u64>,
    y: Option<u16>,
}

impl Encoder {
    fn word(kind: u16, rest: u16, out: &mut Vec<u8>) {
        out.extend((kind << BITS | rest).to_le_bytes());
    }

    fn time(&mut self, t: u64, out: &mut Vec<u8>) -> Result<()> {
        let (high, low) = (t >> BITS, t & 0xfff);
        for counter in self.high.to(high, BITS)? {
            Self::word(TIME_HIGH, counter as u16, out);
            self.low = Some(0);
        }
        if self.low != Some(low) {
            Self::word(TIME_LOW, low as u16, out);
            self.low = Some(low);
        }
        Ok(())
    }

    fn trigger(&mut self, trigger: &Trigger, out: &mut Vec<u8>) -> Result<()> {
        raw::check_input(trigger, 0xf, "EVT 3.0")?;
        self.time(trigger.t, out)?;
        Self::word(TRIGGER, trigger.id << 8 | u16::from(trigger.value), out);
        Ok(())
    }

    /// One or more events of one time, row and polarity in ascending columns that fit into 32 from the first.
    fn group(&mut self, group: View<'_>, out: &mut Vec<u8>) -> Result<()> {
        let first = group.get(0);
        self.time(first.t, out)?;
        if self.y != Some(first.y) {
            Self::word(ADDR_Y, first.y, out);
            self.y = Some(first.y);
        }
        let polarity = u16::from(first.p) << 11;
        let span = group.x[group.len() - 1] - first.x;
        let vectors = match span {
            0..12 => 1,
            12..24 => 2,
            _ => 3,
        };
        if group.len() <= 1 + vectors {
            for &x in group.x {
                Self::word(ADDR_X, polarity | x, out);
            }
            return Ok(());
        }
        Self::word(BASE_X, polarity | first.x, out);
        let bits = group
            .x
            .iter()
            .fold(0u32, |bits, x| bits | 1 << (x - first.x));
        for vector in 0..vectors {
            let kind = if vector < 2 { VECT_12 } else { VECT_8 };
            Self::word(kind, (bits >> (12 * vector) & 0xfff) as u16, out);
        }
        Ok(())
    }
}

impl Encode for Encoder {
    fn start(&mut self, geometry: Option<Geometry>, out: &mut Vec<u8>) -> Result<()> {
        raw::write("3.0", "EVT3", geometry, out);
        Ok(())
    }

    fn encode(&mut self, events: View<'_>, triggers: &[Trigger], out: &mut Vec<u8>) -> Result<()> {
        let mut triggers = triggers.iter().peekable();
        let mut i = 0;
        while i < events.len() {
            let first = events.get(i);
            raw::check_pixel(first, LARGEST, "EVT 3.0")?;
            while let Some(trigger) = triggers.next_if(|g| g.t < first.t) {
                self.trigger(trigger, out)?;
            }
            let mut end = i + 1;
            while end < events.len() {
                let (next, before) = (events.get(end), events.x[end - 1]);
                let same = (next.t, next.y, next.p) == (first.t, first.y, first.p);
                if !same || next.x <= before || next.x - first.x > 31 || next.x > LARGEST {
                    break;
                }
                end += 1;
            }
            self.group(events.slice(i..end), out)?;
            i = end;
        }
        triggers.try_for_each(|trigger| self.trigger(trigger, out))
    }
}
