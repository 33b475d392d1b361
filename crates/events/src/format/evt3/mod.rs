//! Prophesee EVT 3.0: 16-bit words that change a state, some of which emit events.
//!
//! After the header of RAW files, little-endian words; the upper four bits say what a word is, the others are:
//!
//! | bits 15..12 | what | the rest |
//! |---|---|---|
//! | 0 | row | y 10..0 (bit 11: the other camera of two) |
//! | 2 | **event** | polarity 11, x 10..0 |
//! | 3 | base of vectors | polarity 11, x 10..0 |
//! | 4 | **up to 12 events** | bit `i` is an event at base + `i`; then the base is 12 higher |
//! | 5 | **up to 8 events** | as 4, with 8 bits and 8 higher |
//! | 6 | time, lower part | 11..0 in microseconds |
//! | 8 | time, upper part | 11..0 in units of 4096 microseconds |
//! | 10 | trigger | input 11..8, value 0 |
//! | 7, 14, 15 | continued, other | left out |
//!
//! The lower part of time is 0 after a new upper part. Time has 24 bits and begins again every 16.8 s. Events before the
//! first upper part have no time, those before the first row no place: both are left out. A vector is read by itself,
//! whether or not it is one of a 12-12-8 triple.

mod block;
mod encode;

use std::hint::select_unpredictable;

use cortado_base::Result;

use super::raw::Header;
use super::words::{Machine, Output, Scan, advance};
use crate::clock::Unwrapper;
use crate::event::{Geometry, Trigger};

pub(crate) use encode::Encoder;

const ADDR_Y: u16 = 0;
const ADDR_X: u16 = 2;
const BASE_X: u16 = 3;
const VECT_12: u16 = 4;
const VECT_8: u16 = 5;
const TIME_LOW: u16 = 6;
const TIME_HIGH: u16 = 8;
const TRIGGER: u16 = 10;
/// Kinds that carry no event: continued, other.
const OTHERS: [u16; 3] = [7, 0xe, 0xf];
/// Bits of each part of time.
const BITS: u32 = 12;
/// The largest row or column that a word holds.
const LARGEST: u16 = 0x7ff;

/// For each kind of word the bits that are an event each.
const VECTORS: [u16; 16] = {
    let mut bits = [0; 16];
    bits[VECT_12 as usize] = 0xfff;
    bits[VECT_8 as usize] = 0xff;
    bits
};
/// How many bits are ones, in steps that processors without an instruction for it can take for many words at once.
#[inline(always)]
fn ones(bits: u16) -> u16 {
    let pairs = bits - (bits >> 1 & 0x5555);
    let fours = (pairs & 0x3333) + (pairs >> 2 & 0x3333);
    let eights = (fours + (fours >> 4)) & 0x0f0f;
    (eights + (eights >> 8)) & 0x1f
}

/// At most so many words are taken one by one before a block is tried again.
const SINGLY: usize = 1 << 10;

/// The state of a decoder.
#[derive(Clone)]
pub(crate) struct Evt3 {
    clock: Unwrapper,
    /// The last upper part as it stood in its word.
    counter: Option<u64>,
    /// The last upper part in microseconds.
    high: u64,
    low: u64,
    y: Option<u16>,
    /// At most one more than the largest column.
    base: u16,
    polarity: bool,
}

impl Machine for Evt3 {
    const SIZE: usize = 2;

    fn new(_header: &Header) -> Self {
        Self {
            clock: Unwrapper::new(1 << (2 * BITS)),
            counter: None,
            high: 0,
            low: 0,
            y: None,
            base: 0,
            polarity: false,
        }
    }

    fn scan(&self, words: &[u8]) -> Scan {
        let mut scan = Scan::default();
        // In lanes of 16 bits: 4096 words hold fewer than 2^16 events.
        for block in words.as_chunks::<2>().0.chunks(1 << 12) {
            let (mut events, mut vectors) = (0u16, 0u16);
            for word in block {
                let word = u16::from_le_bytes(*word);
                let kind = word >> BITS;
                let twelve = if kind == VECT_12 { 0xfff } else { 0 };
                let eight = if kind == VECT_8 { 0xff } else { 0 };
                let bits = word & (twelve | eight);
                vectors |= bits | u16::from(kind == BASE_X);
                events += ones(bits) + u16::from(kind == ADDR_X);
            }
            scan.events += usize::from(events);
            scan.vectors |= vectors != 0;
            for words in block.chunks(64) {
                let last = scan
                    .highs
                    .last()
                    .map_or(0, |high| TIME_HIGH << BITS | (high >> BITS) as u16);
                let new = |word: &[u8; 2]| {
                    let word = u16::from_le_bytes(*word);
                    (word >> BITS == TIME_HIGH) & (word != last)
                };
                if !words.iter().fold(false, |any, word| any | new(word)) {
                    continue;
                }
                for word in words {
                    let word = u16::from_le_bytes(*word);
                    let high = u64::from(word & 0xfff) << BITS;
                    if word >> BITS == TIME_HIGH && scan.highs.last() != Some(&high) {
                        scan.highs.push(high);
                    }
                }
            }
        }
        scan
    }

    fn skip(&mut self, words: &[u8], scan: &Scan) {
        let words = words.as_chunks::<2>().0;
        // Backwards to where everything but the clock has been said: a row, a base, and a lower part of time with an upper
        // part before it.
        let (mut y, mut base, mut low, mut time) = (false, !scan.vectors, false, false);
        let mut start = words.len();
        while start > 0 && !(y && base && time) {
            start -= 1;
            match u16::from_le_bytes(words[start]) >> BITS {
                ADDR_Y => y = true,
                BASE_X => base = true,
                TIME_LOW => low = true,
                TIME_HIGH => time = time || low,
                _ => {}
            }
        }
        let mut counter = self.counter.filter(|_| start == 0);
        for word in &words[start..] {
            let word = u16::from_le_bytes(*word);
            match word >> BITS {
                ADDR_Y => self.y = Some(word & LARGEST),
                BASE_X => self.set_base(word),
                VECT_12 => self.move_base(12),
                VECT_8 => self.move_base(8),
                TIME_LOW => self.low = u64::from(word & 0xfff),
                TIME_HIGH => {
                    let now = Some(u64::from(word & 0xfff) << BITS);
                    if now != counter {
                        (counter, self.low) = (now, 0);
                    }
                }
                _ => {}
            }
        }
        if let Some(high) = advance(&mut self.clock, &scan.highs) {
            self.high = high;
            self.counter = scan.highs.last().copied();
        }
    }

    fn save(&self) -> Vec<u64> {
        let [base, last] = self.clock.state();
        let counter = self.counter.unwrap_or(u64::MAX);
        let y = self.y.map_or(u64::MAX, u64::from);
        let (column, polarity) = (self.base.into(), self.polarity.into());
        vec![
            base, last, counter, self.high, self.low, y, column, polarity,
        ]
    }

    fn load(&mut self, state: &[u64]) -> bool {
        let &[base, last, counter, high, low, y, column, polarity] = state else {
            return false;
        };
        self.clock.set([base, last]);
        self.counter = (counter != u64::MAX).then_some(counter);
        (self.high, self.low) = (high, low);
        self.y = u16::try_from(y).ok();
        self.base = (column as u16).min(LARGEST + 1);
        self.polarity = polarity == 1;
        true
    }

    fn run(&mut self, words: &[u8], out: &mut Output<'_>) -> Result<usize> {
        let words = words.as_chunks::<2>().0;
        let (mut i, mut n) = (0, 0);
        // Up to where words are taken one by one, and how many after the next block that cannot be taken at once: more each
        // time, since where there are vectors hardly any can.
        let (mut singly, mut next) = (0, block::LENGTH);
        while i < words.len() {
            if i >= singly {
                if let Some(after) = self.block(&words[i..], n, out) {
                    (i, n) = (i + block::LENGTH, after);
                    next = block::LENGTH;
                    continue;
                }
                singly = (i + next).min(words.len());
                next = (2 * next).min(SINGLY);
            }
            (i, n) = self.plain(&words[..singly], (i, n), out);
            if let Some(word) = words[..singly].get(i) {
                n = self.word(u16::from_le_bytes(*word), (i, n), out)?;
                i += 1;
            }
        }
        Ok(n)
    }
}

impl Evt3 {
    /// Reads events, rows, bases and lower parts of time from word `i` on, up to a word of another kind, a turn of the
    /// clock, or an event that has no place or time. What a word does is not decided by branches, which no processor could
    /// predict: each is written as if it were an event, over which the next one is written if it is none.
    #[inline(never)]
    fn plain(
        &mut self,
        words: &[[u8; 2]],
        (mut i, mut n): (usize, usize),
        out: &mut Output<'_>,
    ) -> (usize, usize) {
        const PLAIN: u32 =
            1 << ADDR_Y | 1 << ADDR_X | 1 << BASE_X | 1 << TIME_LOW | 1 << 7 | 3 << 14;
        let (Some(mut y), Some(counter)) = (self.y, self.counter) else {
            return (i, n);
        };
        let same_time = TIME_HIGH << BITS | (counter >> BITS) as u16;
        let Geometry { width, height } = out.geometry;
        let length = out.slots.t.len();
        let (t, x) = (&mut out.slots.t[..length], &mut out.slots.x[..length]);
        let (ys, p) = (&mut out.slots.y[..length], &mut out.slots.p[..length]);
        let (mut base, mut polarity) = (self.base, self.polarity);
        let mut now = self.high + self.low;
        let end = width.min(LARGEST + 1);
        while i < words.len() && n < length {
            let word = u16::from_le_bytes(words[i]);
            let (kind, column) = (word >> BITS, word & LARGEST);
            let outside = (column >= width) | (y >= height);
            let plain = (PLAIN >> kind & 1 == 1) | (word == same_time);
            if !plain | ((kind == ADDR_X) & outside) {
                let bits = word & VECTORS[usize::from(kind)];
                if bits != 0 && y < height && base + 12 <= end && n + 12 <= length {
                    let mut bits = bits;
                    while bits != 0 {
                        t[n] = now;
                        x[n] = base + bits.trailing_zeros() as u16;
                        ys[n] = y;
                        p[n] = polarity;
                        bits &= bits - 1;
                        n += 1;
                    }
                } else if bits != 0 || VECTORS[usize::from(kind)] == 0 {
                    break;
                }
                base += match kind {
                    VECT_12 => 12,
                    VECT_8 => 8,
                    _ => 0,
                };
                base = base.min(LARGEST + 1);
                i += 1;
                continue;
            }
            y = select_unpredictable(kind == ADDR_Y, column, y);
            now = select_unpredictable(kind == TIME_LOW, self.high + u64::from(word & 0xfff), now);
            base = select_unpredictable(kind == BASE_X, column, base);
            let brighter = word >> 11 & 1 == 1;
            polarity = select_unpredictable(kind == BASE_X, brighter, polarity);
            t[n] = now;
            x[n] = column;
            ys[n] = y;
            p[n] = brighter;
            n += usize::from(kind == ADDR_X);
            i += 1;
        }
        self.y = Some(y);
        self.low = now - self.high;
        (self.base, self.polarity) = (base, polarity);
        (i, n)
    }

    /// Reads any word.
    fn word(
        &mut self,
        word: u16,
        (i, mut n): (usize, usize),
        out: &mut Output<'_>,
    ) -> Result<usize> {
        match word >> BITS {
            ADDR_X => {
                let x = word & LARGEST;
                match (self.y, self.counter) {
                    (Some(y), Some(_)) if out.geometry.contains(x, y) => {
                        out.slots.t[n] = self.high + self.low;
                        out.slots.x[n] = x;
                        out.slots.y[n] = y;
                        out.slots.p[n] = word >> 11 & 1 == 1;
                        n += 1;
                    }
                    (Some(y), Some(_)) => out.outside(i, 2, x, y)?,
                    _ => out.report.untimed += 1,
                }
            }
            ADDR_Y => self.y = Some(word & LARGEST),
            TIME_LOW => self.low = u64::from(word & 0xfff),
            BASE_X => self.set_base(word),
            kind @ (VECT_12 | VECT_8) => {
                n = self.vector(i, n, word & VECTORS[usize::from(kind)], out)?;
                self.move_base(if kind == VECT_12 { 12 } else { 8 });
            }
            TIME_HIGH => {
                let counter = u64::from(word & 0xfff) << BITS;
                if self.counter != Some(counter) {
                    self.counter = Some(counter);
                    let before = self.clock.wraps();
                    self.high = self.clock.unwrap(counter);
                    out.report.wraps += self.clock.wraps() - before;
                    self.low = 0;
                }
            }
            TRIGGER => match self.counter {
                Some(_) => out.triggers.push(Trigger {
                    t: self.high + self.low,
                    id: word >> 8 & 0xf,
                    value: word & 1 == 1,
                }),
                None => out.report.untimed += 1,
            },
            kind if OTHERS.contains(&kind) => {}
            _ => {
                let expected = "type 0, 2 to 8, 10, 14 or 15 in the upper four bits";
                out.unknown(i, 2, expected, word.into())?;
            }
        }
        Ok(n)
    }

    #[inline]
    fn set_base(&mut self, word: u16) {
        self.base = word & LARGEST;
        self.polarity = word >> 11 & 1 == 1;
    }

    #[inline]
    fn move_base(&mut self, columns: u16) {
        self.base = (self.base + columns).min(LARGEST + 1);
    }

    /// The events of a vector.
    #[inline]
    fn vector(&self, i: usize, mut n: usize, mut bits: u16, out: &mut Output<'_>) -> Result<usize> {
        let (Some(y), Some(_)) = (self.y, self.counter) else {
            out.report.untimed += u64::from(bits.count_ones());
            return Ok(n);
        };
        let t = self.high + self.low;
        let inside = y < out.geometry.height;
        while bits != 0 {
            let x = self.base + bits.trailing_zeros() as u16;
            bits &= bits - 1;
            if !inside || x >= out.geometry.width || x > LARGEST {
                out.outside(i, 2, x, y)?;
                continue;
            }
            out.slots.t[n] = t;
            out.slots.x[n] = x;
            out.slots.y[n] = y;
            out.slots.p[n] = self.polarity;
            n += 1;
        }
        Ok(n)
    }
}
