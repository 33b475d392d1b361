//! Prophesee EVT 2.0: 32-bit words, an event each.
//!
//! After the header of RAW files, little-endian words; the upper four bits say what a word is:
//!
//! | bits 31..28 | what | the rest |
//! |---|---|---|
//! | 0, 1 | **event**, darker or brighter | time 27..22, x 21..11, y 10..0 |
//! | 8 | time, upper part | 27..0 in units of 64 microseconds |
//! | 10 | trigger | time 27..22, input 12..8, value 0 |
//! | 13, 14, 15 | inertial data, other, continued | left out |
//!
//! Time is the last upper part and 6 bits below it, 34 bits in all: it begins again every 4 h 46 min. What comes before
//! the first upper part has no time and is left out.

use cortado_base::Result;

use super::Encode;
use super::raw::Header;
use super::words::{Highs, Machine, Output, Scan, Upper};
use crate::event::{Geometry, Trigger, View};

const TIME_HIGH: u32 = 8;
const TRIGGER: u32 = 10;
/// Other kinds that carry no event: inertial data, other, continued.
const OTHERS: [u32; 3] = [0xd, 0xe, 0xf];
/// Bits of the upper part of time.
const HIGH: u32 = Upper::BITS[0];
/// Bits of the lower part.
const LOW: u32 = Upper::BITS[1];
/// The largest row or column that a word holds.
const LARGEST: u16 = 0x7ff;

/// The state of a decoder.
#[derive(Clone)]
pub(crate) struct Evt2 {
    time: Upper,
}

fn high(word: u32) -> u64 {
    u64::from(word & 0x0fff_ffff) << LOW
}

impl Machine for Evt2 {
    const SIZE: usize = 4;

    fn new(_header: &Header) -> Self {
        Self { time: Upper::new() }
    }

    fn scan(&self, words: &[u8]) -> Scan {
        let mut scan = Scan::default();
        for block in words.as_chunks::<4>().0.chunks(RUN) {
            let (mut events, mut times) = (0, 0);
            for word in block {
                let kind = u32::from_le_bytes(*word) >> 28;
                events += u32::from(kind <= 1);
                times |= u32::from(kind == TIME_HIGH);
            }
            scan.events += events as usize;
            if times == 0 {
                continue;
            }
            for word in block {
                let word = u32::from_le_bytes(*word);
                if word >> 28 == TIME_HIGH && scan.highs.last() != Some(&high(word)) {
                    scan.highs.push(high(word));
                }
            }
        }
        scan
    }

    fn skip(&mut self, _words: &[u8], scan: &Scan) {
        self.time.skip(scan);
    }

    fn save(&self) -> Vec<u64> {
        self.time.save()
    }

    fn load(&mut self, state: &[u64]) -> bool {
        self.time.load(state)
    }

    fn run(&mut self, words: &[u8], out: &mut Output<'_>) -> Result<usize> {
        let mut n = 0;
        for (i, block) in words.as_chunks::<4>().0.chunks(RUN).enumerate() {
            if let (Some(high), Ok(block)) = (self.time.last, block.try_into())
                && events(block, high, n, out)
            {
                n += RUN;
                continue;
            }
            for (k, word) in block.iter().enumerate() {
                n = self.word(u32::from_le_bytes(*word), (RUN * i + k, n), out)?;
            }
        }
        Ok(n)
    }
}

/// Words that are looked at together; between two of time there are a hundred and more of events.
const RUN: usize = 16;

/// Puts words that are all events of the sensor to place `n`; `false` if they are not, or there is no room.
///
/// Without a branch for a word, so that a processor can take many at once.
#[inline(always)]
fn events(block: &[[u8; 4]; RUN], high: u64, n: usize, out: &mut Output<'_>) -> bool {
    let words = block.map(u32::from_le_bytes);
    let Geometry { width, height } = out.geometry;
    let (mut other, mut outside) = (0, false);
    for word in words {
        let (x, y) = ((word >> 11) as u16 & LARGEST, word as u16 & LARGEST);
        other |= word >> 29;
        outside |= (x >= width) | (y >= height);
    }
    let slots = &mut out.slots;
    let end = n + RUN;
    if other != 0 || outside || end > slots.t.len() {
        return false;
    }
    let (t, x) = (&mut slots.t[n..end], &mut slots.x[n..end]);
    let (y, p) = (&mut slots.y[n..end], &mut slots.p[n..end]);
    for k in 0..RUN {
        t[k] = high + u64::from(words[k] >> 22 & 0x3f);
    }
    for k in 0..RUN {
        x[k] = (words[k] >> 11) as u16 & LARGEST;
        y[k] = words[k] as u16 & LARGEST;
    }
    for k in 0..RUN {
        p[k] = words[k] >> 28 == 1;
    }
    true
}

impl Evt2 {
    /// Reads any word, the `i`th, after `n` events.
    #[inline]
    fn word(
        &mut self,
        word: u32,
        (i, mut n): (usize, usize),
        out: &mut Output<'_>,
    ) -> Result<usize> {
        let kind = word >> 28;
        let low = u64::from(word >> 22 & 0x3f);
        match (kind, self.time.last) {
            (0 | 1, Some(high)) => {
                let (x, y) = ((word >> 11) as u16 & LARGEST, word as u16 & LARGEST);
                if !out.geometry.contains(x, y) {
                    out.outside(i, 4, x, y)?;
                    return Ok(n);
                }
                out.slots.t[n] = high + low;
                out.slots.x[n] = x;
                out.slots.y[n] = y;
                out.slots.p[n] = kind == 1;
                n += 1;
            }
            (TIME_HIGH, _) => self.time.set(high(word), out.report),
            (TRIGGER, Some(high)) => out.triggers.push(Trigger {
                t: high + low,
                id: (word >> 8 & 0x1f) as u16,
                value: word & 1 == 1,
            }),
            (0 | 1 | TRIGGER, None) => out.report.untimed += 1,
            (kind, _) if OTHERS.contains(&kind) => {}
            _ => {
                let expected = "type 0, 1, 8, 10 or 13 to 15 in the upper four bits";
                out.unknown(i, 4, expected, word.into())?;
            }
        }
        Ok(n)
    }
}

/// Writes EVT 2.0: a time word wherever the upper part changes.
#[derive(Default)]
pub(crate) struct Encoder {
    high: Highs,
}

impl Encoder {
    /// The time word of `t` where it is another than the last one.
    fn advance(&mut self, t: u64, out: &mut Vec<u8>) -> Result<()> {
        for counter in self.high.to(t >> LOW, HIGH)? {
            Self::word(TIME_HIGH, counter as u32, out);
        }
        Ok(())
    }

    fn word(kind: u32, rest: u32, out: &mut Vec<u8>) {
        out.extend((kind << 28 | rest).to_le_bytes());
    }

    fn trigger(&mut self, trigger: &Trigger, out: &mut Vec<u8>) -> Result<()> {
        super::raw::check_input(trigger, 0x1f, "EVT 2.0")?;
        self.advance(trigger.t, out)?;
        let low = (trigger.t as u32 & 0x3f) << 22;
        Self::word(
            TRIGGER,
            low | u32::from(trigger.id) << 8 | u32::from(trigger.value),
            out,
        );
        Ok(())
    }
}

impl Encode for Encoder {
    fn start(&mut self, geometry: Option<Geometry>, out: &mut Vec<u8>) -> Result<()> {
        super::raw::write("2.0", "EVT2", geometry, out);
        Ok(())
    }

    fn encode(&mut self, events: View<'_>, triggers: &[Trigger], out: &mut Vec<u8>) -> Result<()> {
        let mut triggers = triggers.iter().peekable();
        for event in events.iter() {
            super::raw::check_pixel(event, LARGEST, "EVT 2.0")?;
            while let Some(trigger) = triggers.next_if(|g| g.t < event.t) {
                self.trigger(trigger, out)?;
            }
            self.advance(event.t, out)?;
            let low = (event.t as u32 & 0x3f) << 22;
            let pixel = u32::from(event.x) << 11 | u32::from(event.y);
            Self::word(u32::from(event.p), low | pixel, out);
        }
        triggers.try_for_each(|trigger| self.trigger(trigger, out))
    }
}
