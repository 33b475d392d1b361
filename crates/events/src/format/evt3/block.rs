//! Many words of EVT 3.0 at once, where they are single events, rows and lower parts of time.
//!
//! What each word is becomes a bit in a mask of 64 for each kind, without looking at one word after the other; then only
//! events are gone through, and the row and the time of each are those of the nearest set bit below it.

use super::{ADDR_X, ADDR_Y, BITS, Evt3, LARGEST, OTHERS, TIME_HIGH, TIME_LOW};
use crate::event::Geometry;
use crate::format::words::Output;

/// Words of a block, as many as a mask has bits.
pub(super) const LENGTH: usize = 64;

/// Which words of a block are what.
struct Kinds {
    events: u64,
    rows: u64,
    lows: u64,
}

impl Kinds {
    /// The kinds of words that are nothing else than these, or nothing; `same_time` is the upper part of time as it is.
    #[inline(always)]
    fn of(words: &[u16; LENGTH], same_time: u16) -> Option<Self> {
        // A bit for each kind, and one for what is none of them.
        let mut codes = [0u8; LENGTH];
        for (code, &word) in codes.iter_mut().zip(words) {
            let kind = word >> BITS;
            let is = |kinds: u16| u8::from(kind == kinds);
            let known = is(ADDR_X) | is(ADDR_Y) << 1 | is(TIME_LOW) << 2;
            let nothing =
                is(OTHERS[0]) | is(OTHERS[1]) | is(OTHERS[2]) | u8::from(word == same_time);
            *code = known | (u8::from(known == 0) & (nothing ^ 1)) << 3;
        }
        let other = codes.iter().fold(0, |any, code| any | code >> 3);
        (other == 0).then(|| Self {
            events: mask(&codes, 0),
            rows: mask(&codes, 1),
            lows: mask(&codes, 2),
        })
    }
}

/// Bit `bit` of each code, that of the first one lowest.
#[inline(always)]
fn mask(codes: &[u8; LENGTH], bit: u32) -> u64 {
    let (eights, _) = codes.as_chunks::<8>();
    eights.iter().rev().fold(0, |mask, eight| {
        let bits = u64::from_le_bytes(*eight) >> bit & 0x0101_0101_0101_0101;
        // The product has bit `i` of its highest byte from byte `i`.
        mask << 8 | bits.wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}

impl Evt3 {
    /// Reads a block at the start of `words` and gives the number of events after it; nothing if it holds anything else, an
    /// event outside of the sensor, or more events than there is room for, and then nothing is done.
    #[inline(never)]
    pub(super) fn block(
        &mut self,
        words: &[[u8; 2]],
        n: usize,
        out: &mut Output<'_>,
    ) -> Option<usize> {
        let words: &[[u8; 2]; LENGTH] = words.first_chunk()?;
        let words = words.map(u16::from_le_bytes);
        let (y, counter) = (self.y?, self.counter?);
        let Kinds {
            mut events,
            rows,
            lows,
        } = Kinds::of(&words, TIME_HIGH << BITS | (counter >> BITS) as u16)?;
        let end = n + events.count_ones() as usize;
        let slots = &mut out.slots;
        let (t, x) = (slots.t.get_mut(n..end)?, slots.x.get_mut(n..end)?);
        let (ys, p) = (slots.y.get_mut(n..end)?, slots.p.get_mut(n..end)?);
        let Geometry { width, height } = out.geometry;
        // The last word of a kind in a mask, or what was said before the block.
        let last = |mask: u64, before: u16, bits: u16| match mask {
            0 => before,
            mask => words[63 - mask.leading_zeros() as usize] & bits,
        };
        let low = self.low as u16;
        let mut outside = false;
        for (((t, x), ys), p) in t.iter_mut().zip(x).zip(ys).zip(p) {
            let i = events.trailing_zeros();
            events &= events.wrapping_sub(1);
            let below = (1u64 << (i & 63)) - 1;
            let word = words[i as usize & 63];
            let (column, row) = (word & LARGEST, last(rows & below, y, LARGEST));
            outside |= (column >= width) | (row >= height);
            *t = self.high + u64::from(last(lows & below, low, 0xfff));
            *x = column;
            *ys = row;
            *p = word >> 11 & 1 == 1;
        }
        if outside {
            return None;
        }
        self.y = Some(last(rows, y, LARGEST));
        self.low = last(lows, low, 0xfff).into();
        Some(end)
    }
}
