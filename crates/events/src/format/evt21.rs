//! Prophesee EVT 2.1: 64-bit words, up to 32 events of one row each.
//!
//! After the header of RAW files, words whose upper four bits say what they are:
//!
//! | bits 63..60 | what | the rest |
//! |---|---|---|
//! | 0, 1 | **up to 32 events**, darker or brighter | time 59..54, x 53..43, y 42..32; bit `i` of 31..0 is an event at x + `i` |
//! | 8 | time, upper part | 59..32 in units of 64 microseconds |
//! | 10 | trigger | time 59..54, input 44..40, value 32 |
//! | 13, 14, 15 | inertial data, other, continued | left out |
//!
//! Some sensors send a word little-endian, others (IMX636) its upper half first, each half little-endian. The file does
//! not say which: it is the one in which the first words make more sense.
//! Time is that of EVT 2.0.

use cortado_base::Result;

use super::Encode;
use super::raw::Header;
use super::words::{Highs, Machine, Output, Scan, Upper};
use crate::event::{Geometry, Trigger, View};
use crate::report::Report;

const TIME_HIGH: u64 = 8;
const TRIGGER: u64 = 10;
/// Other kinds that carry no event: inertial data, other, continued.
const OTHERS: [u64; 3] = [0xd, 0xe, 0xf];
/// Bits of the upper part of time.
const HIGH: u32 = Upper::BITS[0];
/// Bits of the lower part.
const LOW: u32 = Upper::BITS[1];
/// The largest row or column that a word holds.
const LARGEST: u16 = 0x7ff;
/// Words that decide which half comes first.
const LOOK: usize = 64;

/// The state of a decoder.
#[derive(Clone)]
pub(crate) struct Evt21 {
    time: Upper,
    /// Bits by which a word that was read little-endian is turned: 0, or 32 where the upper half comes first.
    turn: u32,
}

fn high(word: u64) -> u64 {
    (word >> 32 & 0x0fff_ffff) << LOW
}

/// How much sense a word makes. Turned the wrong way, hardly any word is one of time.
fn sense(word: u64) -> usize {
    match word >> 60 {
        0 | 1 => usize::from(word as u32 != 0 && (word >> 43 & 0x1f) == 0),
        TIME_HIGH if word as u32 == 0 => 4,
        TRIGGER => 1,
        kind => usize::from(OTHERS.contains(&kind)),
    }
}

impl Machine for Evt21 {
    const SIZE: usize = 8;

    fn new(_header: &Header) -> Self {
        Self {
            time: Upper::new(),
            turn: 0,
        }
    }

    fn look(&mut self, words: &[u8], last: bool, report: &mut Report) -> bool {
        let words = words.as_chunks::<8>().0;
        if words.len() < LOOK && !last {
            return false;
        }
        let first = &words[..words.len().min(LOOK)];
        let fits = |turn: u32| -> usize {
            let turned = first
                .iter()
                .map(|&w| u64::from_le_bytes(w).rotate_left(turn));
            turned.map(sense).sum()
        };
        if fits(32) > fits(0) {
            self.turn = 32;
            report.assume(
                "words with their upper half first, which makes more sense of the first ones",
            );
        }
        true
    }

    fn scan(&self, words: &[u8]) -> Scan {
        let mut scan = Scan::default();
        for word in words.as_chunks::<8>().0 {
            let word = self.turned(*word);
            match word >> 60 {
                0 | 1 => scan.events += (word as u32).count_ones() as usize,
                TIME_HIGH if scan.highs.last() != Some(&high(word)) => scan.highs.push(high(word)),
                _ => {}
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
        for (i, word) in words.as_chunks::<8>().0.iter().enumerate() {
            let word = self.turned(*word);
            let low = word >> 54 & 0x3f;
            match (word >> 60, self.time.last) {
                (0 | 1, Some(high)) => n = vector(word, high + low, (i, n), out)?,
                (TIME_HIGH, _) => self.time.set(high(word), out.report),
                (TRIGGER, Some(high)) => out.triggers.push(Trigger {
                    t: high + low,
                    id: (word >> 40 & 0x1f) as u16,
                    value: word >> 32 & 1 == 1,
                }),
                (0 | 1, None) => out.report.untimed += u64::from((word as u32).count_ones()),
                (TRIGGER, None) => out.report.untimed += 1,
                (kind, _) if OTHERS.contains(&kind) => {}
                _ => {
                    let expected = "type 0, 1, 8, 10 or 13 to 15 in the upper four bits";
                    out.unknown(i, 8, expected, word)?;
                }
            }
        }
        Ok(n)
    }
}

impl Evt21 {
    /// A word as it was meant.
    #[inline]
    fn turned(&self, word: [u8; 8]) -> u64 {
        u64::from_le_bytes(word).rotate_left(self.turn)
    }
}

/// The events of word `i`, after `n` others.
#[inline]
fn vector(word: u64, t: u64, (i, mut n): (usize, usize), out: &mut Output<'_>) -> Result<usize> {
    let (base, y) = ((word >> 43) as u16 & LARGEST, (word >> 32) as u16 & LARGEST);
    let inside = y < out.geometry.height;
    let mut bits = word as u32;
    while bits != 0 {
        let x = base + bits.trailing_zeros() as u16;
        bits &= bits - 1;
        if !inside || x >= out.geometry.width || x > LARGEST {
            out.outside(i, 8, x, y)?;
            continue;
        }
        out.slots.t[n] = t;
        out.slots.x[n] = x;
        out.slots.y[n] = y;
        out.slots.p[n] = word >> 60 == 1;
        n += 1;
    }
    Ok(n)
}

/// Writes EVT 2.1, little-endian: events that follow each other in 32 columns of one row, at one time and with one
/// polarity, share a word.
#[derive(Default)]
pub(crate) struct Encoder {
    high: Highs,
}

impl Encoder {
    fn word(kind: u64, rest: u64, out: &mut Vec<u8>) {
        out.extend((kind << 60 | rest).to_le_bytes());
    }

    /// The time word of `t` where it is another than the last one.
    fn advance(&mut self, t: u64, out: &mut Vec<u8>) -> Result<()> {
        for counter in self.high.to(t >> LOW, HIGH)? {
            Self::word(TIME_HIGH, counter << 32, out);
        }
        Ok(())
    }

    fn trigger(&mut self, trigger: &Trigger, out: &mut Vec<u8>) -> Result<()> {
        super::raw::check_input(trigger, 0x1f, "EVT 2.1")?;
        self.advance(trigger.t, out)?;
        let rest = (trigger.t & 0x3f) << 54 | u64::from(trigger.id) << 40;
        Self::word(TRIGGER, rest | u64::from(trigger.value) << 32, out);
        Ok(())
    }
}

impl Encode for Encoder {
    fn start(&mut self, geometry: Option<Geometry>, out: &mut Vec<u8>) -> Result<()> {
        super::raw::write("2.1", "EVT21", geometry, out);
        Ok(())
    }

    fn encode(&mut self, events: View<'_>, triggers: &[Trigger], out: &mut Vec<u8>) -> Result<()> {
        let mut triggers = triggers.iter().peekable();
        let mut i = 0;
        while i < events.len() {
            let first = events.get(i);
            super::raw::check_pixel(first, LARGEST, "EVT 2.1")?;
            while let Some(trigger) = triggers.next_if(|g| g.t < first.t) {
                self.trigger(trigger, out)?;
            }
            let base = first.x & !0x1f;
            let mut bits = 1u32 << (first.x - base);
            i += 1;
            while i < events.len() {
                let next = events.get(i);
                let same =
                    (next.t, next.y, next.p, next.x & !0x1f) == (first.t, first.y, first.p, base);
                if !same || next.x <= events.x[i - 1] {
                    break;
                }
                bits |= 1 << (next.x - base);
                i += 1;
            }
            self.advance(first.t, out)?;
            let pixel = u64::from(base) << 43 | u64::from(first.y) << 32;
            let low = (first.t & 0x3f) << 54;
            Self::word(u64::from(first.p), low | pixel | u64::from(bits), out);
        }
        triggers.try_for_each(|trigger| self.trigger(trigger, out))
    }
}
