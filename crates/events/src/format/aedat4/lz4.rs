//! A block of LZ4, taken apart for what is in packets of events.
//!
//! A block is sequences: a byte with two lengths of 4 bits, which further bytes of up to 255 may extend; so many bytes as they
//! are; how far back the second part begins, 16 bits; so many bytes and four from there, which may reach into themselves.
//! The last sequence has the first part only.
//!
//! Events are 16 bytes, most of them as one or two events before: sequences of a few bytes that reach 16 or 32 back. A
//! load of 16 bytes there would wait for the stores of the sequences just before it; so that none has to, short parts are copied by
//! two overlapping loads of 4 or 8 bytes, each within what one store wrote.

/// Takes a block apart into `out` from `at` on, and gives the place after the last byte; `None` for a block with an error
/// or with more than there is room for. Parts may begin in what stands before `at`.
pub(super) fn block(input: &[u8], out: &mut [u8], at: usize) -> Option<usize> {
    let (mut i, mut o) = (0, at);
    loop {
        let rest = input.get(i..)?;
        let token = *rest.first()?;
        let (mut plain, mut copied) = (usize::from(token >> 4), usize::from(token & 15));
        // A short sequence that is not near an end is copied without looking, 8 and 16 bytes at most.
        if plain <= 8
            && copied <= 12
            && let Some(head) = rest.first_chunk::<12>()
            && let Some(place) = out.get_mut(o..).and_then(|out| out.first_chunk_mut::<24>())
        {
            place[..8].copy_from_slice(&head[1..9]);
            let back = usize::from(u16::from_le_bytes([head[1 + plain], head[2 + plain]]));
            let length = copied + 4;
            i += 3 + plain;
            o += plain;
            if back >= length {
                let from = out.get(o.checked_sub(back)?..)?.first_chunk::<16>()?;
                if length <= 8 {
                    let first = [from[0], from[1], from[2], from[3]];
                    let second = [
                        from[length - 4],
                        from[length - 3],
                        from[length - 2],
                        from[length - 1],
                    ];
                    let to = out.get_mut(o..)?.first_chunk_mut::<8>()?;
                    to[..4].copy_from_slice(&first);
                    to[length - 4..length].copy_from_slice(&second);
                } else {
                    let mut first = [0; 8];
                    first.copy_from_slice(&from[..8]);
                    let mut second = [0; 8];
                    second.copy_from_slice(&from[length - 8..length]);
                    let to = out.get_mut(o..)?.first_chunk_mut::<16>()?;
                    to[..8].copy_from_slice(&first);
                    to[length - 8..length].copy_from_slice(&second);
                }
                o += length;
                continue;
            }
            o = repeat(out, o, back, length)?;
            continue;
        }
        i += 1;
        if plain == 15 {
            plain += more(input, &mut i)?;
        }
        let from = input.get(i..i.checked_add(plain)?)?;
        out.get_mut(o..o.checked_add(plain)?)?.copy_from_slice(from);
        i += plain;
        o += plain;
        if i == input.len() {
            return Some(o);
        }
        let back = usize::from(u16::from_le_bytes(*input.get(i..)?.first_chunk()?));
        i += 2;
        if copied == 15 {
            copied += more(input, &mut i)?;
        }
        o = repeat(out, o, back, copied + 4)?;
    }
}

/// The rest of a length.
fn more(input: &[u8], i: &mut usize) -> Option<usize> {
    let mut sum = 0usize;
    loop {
        let byte = *input.get(*i)?;
        *i += 1;
        sum = sum.checked_add(byte.into())?;
        if byte != 255 {
            return Some(sum);
        }
    }
}

/// Copies `length` bytes from `back` before; gives the place after them.
fn repeat(out: &mut [u8], o: usize, back: usize, length: usize) -> Option<usize> {
    let start = o.checked_sub(back)?;
    let end = o.checked_add(length)?;
    (back > 0 && end <= out.len()).then_some(())?;
    if back >= length {
        out.copy_within(start..start + length, o);
        return Some(end);
    }
    // What is there grows by itself until it is long enough.
    let mut from = o;
    while from < end {
        let here = (from - start).min(end - from);
        out.copy_within(start..start + here, from);
        from += here;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::block;
    use proptest::prelude::*;

    /// Bytes that repeat in many ways: far, near, and into themselves.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let step = (0usize..40, 1usize..70, 0usize..30, any::<u8>());
        prop::collection::vec(step, 0..60).prop_map(|steps| {
            let mut bytes = vec![7u8; 3];
            for (plain, back, length, byte) in steps {
                let plain = if plain < 30 { plain % 4 } else { plain };
                bytes.extend((0..plain).map(|i| byte.wrapping_mul(i as u8 | 1)));
                let long = if length > 25 { 300 } else { length };
                let back = back.min(bytes.len());
                (0..long).for_each(|_| bytes.push(bytes[bytes.len() - back]));
            }
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// The library takes them apart in the same way, also into exactly as much room as is needed, and no less.
        #[test]
        fn blocks_as_the_library(bytes in bytes(), before in 0usize..80) {
            let packed = lz4_flex::block::compress(&bytes);
            for more in [0, 1, 100] {
                let mut out = vec![9; before + bytes.len() + more];
                prop_assert_eq!(block(&packed, &mut out, before), Some(before + bytes.len()));
                prop_assert_eq!(&out[before..before + bytes.len()], &bytes[..]);
                prop_assert!(out[..before].iter().all(|&b| b == 9));
            }
            let mut out = vec![0; bytes.len().saturating_sub(1)];
            prop_assert_eq!(block(&packed, &mut out, 0), None);
        }

        /// Parts may begin in what was there before.
        #[test]
        fn blocks_go_on(bytes in bytes(), at in 0usize..1000) {
            let at = at.min(bytes.len());
            let packed = lz4_flex::block::compress_with_dict(&bytes[at..], &bytes[..at]);
            let mut out = vec![0; bytes.len() + 64];
            out[..at].copy_from_slice(&bytes[..at]);
            prop_assert_eq!(block(&packed, &mut out, at), Some(bytes.len()));
            prop_assert_eq!(&out[..bytes.len()], &bytes[..]);
        }

        /// Whatever the bytes are, what both take apart is the same.
        #[test]
        fn damaged_blocks(bytes in bytes(), changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..4)) {
            let mut packed = lz4_flex::block::compress(&bytes);
            for (place, byte) in changes {
                let n = packed.len();
                packed[place % n] = byte;
            }
            let mut out = vec![0; 4000];
            let mut of_library = vec![0; 4000];
            let own = block(&packed, &mut out, 0);
            let library = lz4_flex::block::decompress_into(&packed, &mut of_library);
            if let (Some(n), Ok(m)) = (own, &library) {
                prop_assert_eq!(n, *m);
                prop_assert!(out[..n] == of_library[..n]);
            }
            prop_assert_eq!(own.is_some(), library.is_ok(), "{:?} {:?}", own, library);
        }
    }
}
