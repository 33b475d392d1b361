//! The bytes of an entry.
//!
//! ```text
//! byte  size  what, little-endian
//!    0     8  "CORTSAMP"
//!    8     2  version of this layout, 1
//!   10     2  1 where the sensor is known, else 0
//!   12     4  columns and rows of the sensor, 2 bytes each
//!   16    32  the address, so that an entry under another's name is not taken for it
//!   48     8  number n of events
//!   56    4n  times in microseconds
//!         2n  x
//!         2n  y
//!      n / 8  polarities, eight to a byte from the lowest bit on, rounded up
//!          8  XXH3 (64 bits) of all before
//! ```

use cortado_events::{Events, Geometry, Recording};
use twox_hash::XxHash3_64;

use super::Address;

const MAGIC: &[u8; 8] = b"CORTSAMP";
const VERSION: u16 = 1;
/// Bytes before the columns.
pub(super) const HEAD: usize = 56;
const SUM: usize = 8;

/// Length of an entry of so many events, if it has one.
fn length(events: u64) -> Option<u64> {
    let columns = events.checked_mul(8)?.checked_add(events.div_ceil(8))?;
    columns.checked_add((HEAD + SUM) as u64)
}

/// An entry for `recording`, without its triggers; none where a time does not fit in 32 bits, which no sample has.
pub(super) fn encode(address: &Address, recording: &Recording) -> Option<Vec<u8>> {
    let view = recording.events.view();
    let n = view.len() as u64;
    let mut out = Vec::with_capacity(usize::try_from(length(n)?).ok()?);
    let sensor = recording.geometry.unwrap_or(Geometry::new(0, 0));
    out.extend_from_slice(MAGIC);
    let known = u16::from(recording.geometry.is_some());
    for half in [VERSION, known, sensor.width, sensor.height] {
        out.extend_from_slice(&half.to_le_bytes());
    }
    out.extend_from_slice(&address.0);
    out.extend_from_slice(&n.to_le_bytes());
    for &t in view.t {
        out.extend_from_slice(&u32::try_from(t).ok()?.to_le_bytes());
    }
    for column in [view.x, view.y] {
        column
            .iter()
            .for_each(|c| out.extend_from_slice(&c.to_le_bytes()));
    }
    let eight = |bits: &[bool]| bits.iter().rev().fold(0, |b, &p| b << 1 | u8::from(p));
    out.extend(view.p.chunks(8).map(eight));
    let sum = XxHash3_64::oneshot(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    Some(out)
}

/// Whether these are the first bytes of an entry with this address, in a file of `bytes` bytes.
pub(super) fn is_head(head: &[u8; HEAD], address: &Address, bytes: u64) -> bool {
    let count = head.last_chunk().map(|n| u64::from_le_bytes(*n));
    head.starts_with(MAGIC)
        && head[8..10] == VERSION.to_le_bytes()
        && head[16..48] == address.0
        && count.and_then(length) == Some(bytes)
}

/// The recording of a whole entry; none where anything in it is not right.
pub(super) fn decode(bytes: &[u8], address: &Address) -> Option<Recording> {
    let head = bytes.first_chunk::<HEAD>()?;
    if !is_head(head, address, bytes.len() as u64) {
        return None;
    }
    let (rest, sum) = bytes.split_last_chunk::<SUM>()?;
    if XxHash3_64::oneshot(rest) != u64::from_le_bytes(*sum) {
        return None;
    }
    let half = |at: usize| head[at..].first_chunk().map(|b| u16::from_le_bytes(*b));
    let known = half(10)? == 1;
    let sensor = Geometry::new(half(12)?, half(14)?);
    let columns = rest.get(HEAD..)?;
    let n = usize::try_from(u64::from_le_bytes(*head.last_chunk()?)).ok()?;
    let (t, columns) = columns.split_at_checked(n.checked_mul(4)?)?;
    let (x, columns) = columns.split_at_checked(n.checked_mul(2)?)?;
    let (y, bits) = columns.split_at_checked(n.checked_mul(2)?)?;
    let times = t.as_chunks().0.iter();
    let halves = |column: &[u8]| -> Vec<u16> {
        let halves = column.as_chunks().0.iter();
        halves.map(|b| u16::from_le_bytes(*b)).collect()
    };
    let mut p = vec![false; n];
    for (eight, byte) in p.chunks_mut(8).zip(bits) {
        for (i, p) in eight.iter_mut().enumerate() {
            *p = byte >> i & 1 == 1;
        }
    }
    let t = times.map(|b| u64::from(u32::from_le_bytes(*b))).collect();
    Some(Recording {
        events: Events::from_columns(t, halves(x), halves(y), p).ok()?,
        geometry: known.then_some(sensor),
        ..Recording::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cortado_events::Event;

    fn recording(n: u64, sensor: Option<Geometry>) -> Recording {
        let event = |i: u64| Event {
            t: i.wrapping_mul(0x9e37_79b9) & 0xffff_ffff,
            x: (i * 7919) as u16,
            y: (65535 - i * 31) as u16,
            p: i.is_multiple_of(3),
        };
        Recording {
            events: (0..n).map(event).collect(),
            geometry: sensor,
            ..Recording::default()
        }
    }

    #[test]
    fn what_is_kept_comes_back() {
        let address = Address([7; 32]);
        for n in [0, 1, 7, 8, 9, 1000] {
            for sensor in [None, Some(Geometry::new(0, 0)), Some(Geometry::new(3, 500))] {
                let recording = recording(n, sensor);
                let bytes = encode(&address, &recording).unwrap();
                assert_eq!(bytes.len() as u64, length(n).unwrap());
                assert_eq!(decode(&bytes, &address), Some(recording));
                assert_eq!(decode(&bytes, &Address([8; 32])), None);
            }
        }
        let mut late = recording(3, None);
        late.events.extend([Event {
            t: 1 << 32,
            ..Event::default()
        }]);
        assert_eq!(encode(&address, &late), None);
    }

    /// Every bit of an entry counts, and so does its length.
    #[test]
    fn one_wrong_bit_is_seen() {
        let address = Address([9; 32]);
        let bytes = encode(&address, &recording(13, Some(Geometry::new(4, 5)))).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut wrong = bytes.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&wrong, &address), None, "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end], &address), None);
        }
        assert_eq!(decode(&[&bytes[..], &[0]].concat(), &address), None);
        // A count that the file cannot hold is seen in the head.
        let mut huge = *bytes.first_chunk::<HEAD>().unwrap();
        huge[48..].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(!is_head(&huge, &address, u64::MAX));
    }
}
