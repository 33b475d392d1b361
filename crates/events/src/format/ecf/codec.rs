//! The codec ECF: the events of a chunk as runs.
//!
//! All little-endian. A `u32`: the number of events, at most 65535, in bits 31..2, bit 1 for layout A, bit 0 for layout
//! B, neither for C. A `u64`: the time `t` from which steps count. Then the times, bytes with a step in the upper and a
//! count in the lower four bits: `t` grows by the step (0 to 14) and holds for so many events; a count of 15 says that the
//! count follows as `u16`. A step of 15 adds no events: the lower bits are four bits of a long step, the lowest first,
//! which goes on as long as such bytes follow. Steps are modulo 2^64, so that time may also step back.
//!
//! | layout | after the times |
//! |---|---|
//! | A | `y << 12 \| x << 1 \| p`, 24 bits each, four of them in three `u32` |
//! | B | runs of `y`, then `x << 1 \| p`, 12 bits each, four of them in three `u16` |
//! | C | runs of `y`, then `x`, then runs of `p` |
//!
//! A run of `y` is a `u16`, `y << 5 | count`, a count of 31 following as `u16`; a run of `p` a byte, `p << 7 | count`, a
//! count of 127 following as `u16`. `x` of layout C is a `u16`, `x << 5 | mask`, whose bit `4 - k` says that an event at
//! `x + k + 1` follows. Three words with four values `a` to `d` hold, in A,
//! `a << 8 | b & 0xff`, `b >> 8 << 16 | c & 0xffff`, `c >> 16 << 24 | d`; in B
//! `a << 4 | b & 0xf`, `b >> 4 << 8 | c & 0xff`, `c >> 8 << 12 | d`. What the last ones have beyond the number of events is not
//! read.

use crate::event::{Slots, View};

/// No more events fit in a chunk.
pub const MOST: usize = 65535;
/// No larger `x` or `y` can be written.
pub const LARGEST: u16 = 0x7ff;

const PACKED: u32 = 2;
const PACKED_ROWS: u32 = 1;

/// Where a chunk is wrong, in bytes, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub place: usize,
    pub why: &'static str,
}

/// Bytes that are taken from the front.
struct Input<'a> {
    bytes: &'a [u8],
    place: usize,
}

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Wrong> {
        let rest = self.bytes.get(self.place..).unwrap_or_default();
        let taken = *rest.first_chunk::<N>().ok_or(self.wrong("cut off"))?;
        self.place += N;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, Wrong> {
        self.take().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, Wrong> {
        self.take().map(u16::from_le_bytes)
    }

    fn wrong(&self, why: &'static str) -> Wrong {
        Wrong {
            place: self.place,
            why,
        }
    }

    /// The next `count` places of a column, from `n` on.
    fn run<'b, T>(
        &self,
        column: &'b mut [T],
        n: &mut usize,
        count: u16,
    ) -> Result<&'b mut [T], Wrong> {
        let range = *n..*n + usize::from(count);
        *n = range.end;
        column
            .get_mut(range)
            .ok_or(self.wrong("a run that is too long"))
    }
}

/// How many events a chunk has.
pub fn count(bytes: &[u8]) -> Result<usize, Wrong> {
    let mut input = Input { bytes, place: 0 };
    let count = u32::from_le_bytes(input.take()?) >> 2;
    match count as usize {
        count @ ..=MOST => Ok(count),
        _ => Err(Wrong {
            place: 0,
            why: "more than 65535 events",
        }),
    }
}

/// Decodes a chunk into columns that have as many places as [`count`] says.
pub fn decode(bytes: &[u8], out: Slots<'_>) -> Result<(), Wrong> {
    let mut input = Input { bytes, place: 0 };
    let layout = u32::from_le_bytes(input.take()?) & 3;
    times(&mut input, out.t)?;
    if layout & PACKED != 0 {
        return all_packed(&mut input, out);
    }
    rows(&mut input, out.y)?;
    if layout & PACKED_ROWS != 0 {
        return packed(&mut input, out);
    }
    columns(&mut input, out.x)?;
    polarities(&mut input, out.p)
}

fn times(input: &mut Input<'_>, out: &mut [u64]) -> Result<(), Wrong> {
    let mut t = u64::from_le_bytes(input.take()?);
    let mut n = 0;
    let (mut long, mut shift) = (0u64, 0);
    while n < out.len() {
        let byte = input.u8()?;
        let (step, count) = (byte >> 4, byte & 0xf);
        if step == 0xf {
            if shift >= 64 {
                return Err(input.wrong("a step in time of more than 64 bits"));
            }
            long |= u64::from(count) << shift;
            shift += 4;
            continue;
        }
        t = t.wrapping_add(long).wrapping_add(step.into());
        (long, shift) = (0, 0);
        let count = match count {
            0xf => input.u16()?,
            count => count.into(),
        };
        input.run(out, &mut n, count)?.fill(t);
    }
    Ok(())
}

fn rows(input: &mut Input<'_>, out: &mut [u16]) -> Result<(), Wrong> {
    let mut n = 0;
    while n < out.len() {
        let word = input.u16()?;
        let count = match word & 0x1f {
            0x1f => input.u16()?,
            count => count,
        };
        input.run(out, &mut n, count)?.fill(word >> 5);
    }
    Ok(())
}

fn polarities(input: &mut Input<'_>, out: &mut [bool]) -> Result<(), Wrong> {
    let mut n = 0;
    while n < out.len() {
        let byte = input.u8()?;
        let count = match byte & 0x7f {
            0x7f => input.u16()?,
            count => count.into(),
        };
        input.run(out, &mut n, count)?.fill(byte >> 7 == 1);
    }
    Ok(())
}

fn columns(input: &mut Input<'_>, out: &mut [u16]) -> Result<(), Wrong> {
    let mut n = 0;
    while n < out.len() {
        let word = input.u16()?;
        let x = word >> 5;
        out[n] = x;
        n += 1;
        for k in 0..5 {
            if word >> (4 - k) & 1 == 1
                && let Some(place) = out.get_mut(n)
            {
                *place = x + k + 1;
                n += 1;
            }
        }
    }
    Ok(())
}

fn packed(input: &mut Input<'_>, out: Slots<'_>) -> Result<(), Wrong> {
    for (x, p) in out.x.chunks_mut(4).zip(out.p.chunks_mut(4)) {
        let [a, b, c] = [input.u16()?, input.u16()?, input.u16()?];
        let four = [
            a >> 4,
            a & 0xf | b >> 8 << 4,
            b & 0xff | c >> 12 << 8,
            c & 0xfff,
        ];
        for ((x, p), value) in x.iter_mut().zip(p).zip(four) {
            (*x, *p) = (value >> 1, value & 1 == 1);
        }
    }
    Ok(())
}

fn all_packed(input: &mut Input<'_>, out: Slots<'_>) -> Result<(), Wrong> {
    let xy = out.x.chunks_mut(4).zip(out.y.chunks_mut(4));
    for ((x, y), p) in xy.zip(out.p.chunks_mut(4)) {
        let [a, b, c] = [(); 3].map(|()| input.take().map(u32::from_le_bytes));
        let (a, b, c) = (a?, b?, c?);
        let four = [
            a >> 8,
            a & 0xff | b >> 16 << 8,
            b & 0xffff | c >> 24 << 16,
            c & 0xff_ffff,
        ];
        for (((x, y), p), value) in x.iter_mut().zip(y).zip(p).zip(four) {
            *x = (value >> 1 & 0x7ff) as u16;
            *y = (value >> 12 & 0x7ff) as u16;
            *p = value & 1 == 1;
        }
    }
    Ok(())
}

/// Adds a chunk of events, at most [`MOST`], with `x` and `y` up to [`LARGEST`], in the layout that is shortest.
pub fn encode(events: View<'_>, out: &mut Vec<u8>) {
    let n = events.len();
    let mut start = Vec::with_capacity(12 + 2 * n);
    encode_times(events.t, &mut start);
    let mut y = Vec::new();
    for (&value, count) in runs(events.y) {
        match count {
            ..0x1f => y.extend((value << 5 | count).to_le_bytes()),
            _ => {
                y.extend((value << 5 | 0x1f).to_le_bytes());
                y.extend(count.to_le_bytes());
            }
        }
    }
    let mut c = encode_columns(events.x);
    for (&value, count) in runs(events.p) {
        let p = u8::from(value) << 7;
        match count {
            ..0x7f => c.push(p | count as u8),
            _ => {
                c.push(p | 0x7f);
                c.extend(count.to_le_bytes());
            }
        }
    }
    let fours = n.div_ceil(4);
    let (a, b) = (12 * fours, y.len() + 6 * fours);
    let layout = match y.len() + c.len() {
        c if a <= b && a <= c => PACKED,
        c if b <= c => PACKED_ROWS,
        _ => 0,
    };
    out.extend(((n as u32) << 2 | layout).to_le_bytes());
    out.extend(start);
    match layout {
        PACKED => {
            for i in (0..n).step_by(4) {
                let v = [0, 1, 2, 3].map(|k| {
                    let e = events
                        .slice(i + k..i + k + 1)
                        .iter()
                        .next()
                        .unwrap_or_default();
                    u32::from(e.y) << 12 | u32::from(e.x) << 1 | u32::from(e.p)
                });
                let words = [
                    v[0] << 8 | v[1] & 0xff,
                    v[1] >> 8 << 16 | v[2] & 0xffff,
                    v[2] >> 16 << 24 | v[3],
                ];
                words.iter().for_each(|w| out.extend(w.to_le_bytes()));
            }
        }
        PACKED_ROWS => {
            out.extend(y);
            for i in (0..n).step_by(4) {
                let v = [0, 1, 2, 3].map(|k| {
                    let e = events
                        .slice(i + k..i + k + 1)
                        .iter()
                        .next()
                        .unwrap_or_default();
                    e.x << 1 | u16::from(e.p)
                });
                let words = [
                    v[0] << 4 | v[1] & 0xf,
                    v[1] >> 4 << 8 | v[2] & 0xff,
                    v[2] >> 8 << 12 | v[3],
                ];
                words.iter().for_each(|w| out.extend(w.to_le_bytes()));
            }
        }
        _ => {
            out.extend(y);
            out.extend(c);
        }
    }
}

fn encode_times(times: &[u64], out: &mut Vec<u8>) {
    let mut now = times.first().copied().unwrap_or(0);
    out.extend(now.to_le_bytes());
    for (&t, count) in runs(times) {
        let step = t.wrapping_sub(now);
        now = t;
        let short = if step < 0xf {
            step as u8
        } else {
            let mut rest = step;
            while rest > 0 {
                out.push(0xf0 | (rest & 0xf) as u8);
                rest >>= 4;
            }
            0
        };
        match count {
            ..0xf => out.push(short << 4 | count as u8),
            _ => {
                out.push(short << 4 | 0xf);
                out.extend(count.to_le_bytes());
            }
        }
    }
}

fn encode_columns(xs: &[u16]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = xs.iter().copied().peekable();
    while let Some(x) = rest.next() {
        let mut word = x << 5;
        for k in 0..5 {
            if rest.next_if_eq(&(x + k + 1)).is_some() {
                word |= 1 << (4 - k);
            }
        }
        out.extend(word.to_le_bytes());
    }
    out
}

/// Values with how often each follows itself.
fn runs<T: PartialEq>(values: &[T]) -> impl Iterator<Item = (&T, u16)> {
    let runs = values.chunk_by(PartialEq::eq);
    runs.filter_map(|run| Some((run.first()?, run.len() as u16)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Events};
    use proptest::prelude::*;

    fn back(bytes: &[u8]) -> Result<Events, Wrong> {
        let mut events = Events::new();
        events.resize(count(bytes)?);
        decode(bytes, events.slots())?;
        Ok(events)
    }

    fn event(t: u64, x: u16, y: u16, p: bool) -> Event {
        Event { t, x, y, p }
    }

    /// Chunks put together by hand, and that the encoder makes the same.
    #[test]
    fn layouts() {
        let head = |n: u8, layout: u8, t: u64| {
            [&[n << 2 | layout, 0, 0, 0][..], &t.to_le_bytes()].concat()
        };
        // Four events in layout A, 24 bits each.
        let four: Events = [
            (7, 1, 2, true),
            (7, 9, 4, false),
            (8, 2047, 2047, true),
            (500, 5, 6, false),
        ]
        .map(|(t, x, y, p)| event(t, x, y, p))
        .into_iter()
        .collect();
        let times = [0x02, 0x11, 0xfc, 0xfe, 0xf1, 0x01];
        let word = |x: u32, y: u32, p: u32| y << 12 | x << 1 | p;
        let bits = [
            word(1, 2, 1),
            word(9, 4, 0),
            word(2047, 2047, 1),
            word(5, 6, 0),
        ];
        let packed = bits.chunks(4).flat_map(|v| {
            let words = [
                v[0] * 256 + v[1] % 256,
                v[1] / 256 * 65536 + v[2] % 65536,
                v[2] / 65536 * (1 << 24) + v[3],
            ];
            words.into_iter().flat_map(u32::to_le_bytes)
        });
        let a: Vec<u8> = head(4, 2, 7)
            .into_iter()
            .chain(times)
            .chain(packed)
            .collect();
        assert_eq!(back(&a), Ok(four.clone()));
        let mut made = Vec::new();
        encode(four.view(), &mut made);
        assert_eq!(made, a);

        // Forty events of one row in layout B, 12 bits each.
        let forty: Events = (0..40u16)
            .map(|k| event(9, 100 * (k % 7), 300, k % 3 == 0))
            .collect();
        let bits: Vec<u16> = forty.iter().map(|e| e.x << 1 | u16::from(e.p)).collect();
        let packed = bits.chunks(4).flat_map(|v| {
            let words = [
                v[0] * 16 + v[1] % 16,
                v[1] / 16 * 256 + v[2] % 256,
                v[2] / 256 * 4096 + v[3],
            ];
            words.into_iter().flat_map(u16::to_le_bytes)
        });
        let runs = [0x0f, 40, 0, 0x9f, 0x25, 40, 0];
        let b: Vec<u8> = head(40, 1, 9)
            .into_iter()
            .chain(runs)
            .chain(packed)
            .collect();
        assert_eq!(back(&b), Ok(forty.clone()));
        made.clear();
        encode(forty.view(), &mut made);
        assert_eq!(made, b);

        // A row of neighbours in layout C; the last mask promises one more than there are.
        let row: Events = [10, 11, 13, 15, 20, 21]
            .map(|x| event(9, x, 3, true))
            .into_iter()
            .collect();
        let c = [
            &head(6, 0, 9)[..],
            &[0x06, 0x66, 0, 0x55, 0x01, 0x98, 0x02, 0x86],
        ]
        .concat();
        assert_eq!(back(&c), Ok(row.clone()));
        made.clear();
        encode(row.view(), &mut made);
        assert_eq!(made[..16], c[..16]);
        assert_eq!(back(&made), Ok(row));
    }

    fn any_events() -> impl Strategy<Value = Events> {
        let time = prop_oneof![0..40u64, any::<u64>()];
        let part = (
            time,
            0..=LARGEST,
            0..=LARGEST,
            any::<bool>(),
            1..60usize,
            0..3u16,
        );
        prop::collection::vec(part, 0..40).prop_map(|all| {
            let run = |(t, x, y, p, n, step): (u64, u16, u16, bool, usize, u16)| {
                (0..n as u16).map(move |k| event(t, (x + k * step) & LARGEST, y, p))
            };
            all.into_iter().flat_map(run).collect()
        })
    }

    proptest! {
        #[test]
        fn chunks_come_back(events in any_events()) {
            let mut bytes = Vec::new();
            encode(events.view(), &mut bytes);
            prop_assert_eq!(back(&bytes), Ok(events.clone()));
            for end in 0..bytes.len() {
                prop_assert!(events.is_empty() && end >= 12 || back(&bytes[..end]).is_err());
            }
        }

        #[test]
        fn any_bytes_are_events_or_wrong(mut bytes in prop::collection::vec(any::<u8>(), 0..300), n in 0..100u32) {
            if let Some(head) = bytes.first_chunk_mut::<4>() {
                *head = (u32::from(head[0]) & 3 | n << 2).to_le_bytes();
            }
            match back(&bytes) {
                Ok(events) => prop_assert_eq!(events.len(), n as usize),
                Err(wrong) => prop_assert!(wrong.place <= bytes.len()),
            }
        }
    }

    #[test]
    fn full_chunks() {
        let events: Events = (0..MOST).map(|_| event(5, 4, 3, true)).collect();
        let mut bytes = Vec::new();
        encode(events.view(), &mut bytes);
        assert_eq!(back(&bytes), Ok(events));
        let many = [0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(back(&many).unwrap_err().why, "more than 65535 events");
    }
}
