//! The frames of AEDAT 4's bodies: LZ4 and Zstd.

use twox_hash::XxHash32;

use super::{flat, lz4};

/// How bodies are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Lz4,
    Zstd,
}

/// A frame of Zstd may hold so many times its own bytes, and [`FREE`].
const RATIO: usize = 1024;
const FREE: usize = 1 << 16;
/// A frame of LZ4 cannot hold more than so many times its own bytes.
const RATIO_LZ4: usize = 255;

/// Takes bodies out of frames; its memory is used again.
#[derive(Default)]
pub(crate) struct Frames {
    /// What was taken out last stands at the start; it never gets shorter, so that it is cleared once only.
    bytes: Vec<u8>,
    zstd: Option<rust_zstd::Decompressor>,
}

impl Frames {
    /// What a frame holds, or what is wrong with it.
    pub fn open<'a>(
        &'a mut self,
        frame: &'a [u8],
        how: Compression,
    ) -> std::result::Result<&'a [u8], String> {
        let length = match how {
            Compression::None => return Ok(frame),
            Compression::Lz4 => self.lz4(frame)?,
            Compression::Zstd => self.zstd(frame)?,
        };
        Ok(&self.bytes[..length])
    }

    /// Room for `more` bytes after `length`.
    fn room(&mut self, length: usize, more: usize) {
        if self.bytes.len() < length + more {
            self.bytes.resize(length + more, 0);
        }
    }

    /// The blocks of an LZ4 frame one after the other; they may go on from those before them.
    fn lz4(&mut self, frame: &[u8]) -> std::result::Result<usize, String> {
        let head = Head::read(frame)?;
        let mut place = head.length;
        let mut length = 0;
        let cut = || "an LZ4 frame that is cut off".to_string();
        // The check of what stands before a place, if there is one.
        let check = |place: &mut usize, there: bool, bytes: &[u8]| {
            if !there {
                return Ok(());
            }
            let sum = frame.get(*place..).and_then(|rest| rest.first_chunk::<4>());
            *place += 4;
            if u32::from_le_bytes(*sum.ok_or_else(cut)?) != XxHash32::oneshot(0, bytes) {
                return Err("an LZ4 frame with other bytes than its checksum says".to_string());
            }
            Ok(())
        };
        loop {
            let rest = frame.get(place..).ok_or_else(cut)?;
            let (size, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
            let size = u32::from_le_bytes(*size);
            if size == 0 {
                place += 4;
                check(
                    &mut place,
                    head.flags & CONTENT_CHECK != 0,
                    &self.bytes[..length],
                )?;
                return Ok(length);
            }
            let plain = size >> 31 == 1;
            let size = (size & 0x7fff_ffff) as usize;
            let block = rest.get(..size).ok_or_else(cut)?;
            place += 4 + size;
            check(&mut place, head.flags & BLOCK_CHECKS != 0, block)?;
            if plain {
                self.room(length, size);
                self.bytes[length..length + size].copy_from_slice(block);
                length += size;
                continue;
            }
            let room = head.largest.min(RATIO_LZ4 * size + 64);
            self.room(length, room);
            let first = if head.flags & ALONE == 0 { 0 } else { length };
            let out = &mut self.bytes[first..length + room];
            let end = lz4::block(block, out, length - first);
            length = first + end.ok_or("an LZ4 block with an error")?;
        }
    }

    fn zstd(&mut self, frame: &[u8]) -> std::result::Result<usize, String> {
        let error = |e: String| format!("a Zstd frame with an error ({e})");
        let limit = frame.len() * RATIO + FREE;
        let mut decoder = self.zstd.take().unwrap_or_default();
        decoder.reset();
        let (mut from, mut length) = (0, 0);
        self.room(0, (8 * frame.len()).max(1 << 12));
        loop {
            let before = (from, length);
            let hint = decoder.decompress_stream(frame, &mut from, &mut self.bytes, &mut length);
            let hint = hint.map_err(error)?;
            if hint == 0 && from == frame.len() {
                self.zstd = Some(decoder);
                return Ok(length);
            }
            if length == self.bytes.len() {
                if length > limit {
                    return Err(format!("a Zstd frame of more than {RATIO} times its bytes"));
                }
                self.room(length, length);
            } else if before == (from, length) {
                return Err("a Zstd frame that is cut off".into());
            }
        }
    }
}

/// Flags of an LZ4 frame: blocks do not go on from each other; checks; the size of the content; a dictionary.
const ALONE: u8 = 0x20;
const BLOCK_CHECKS: u8 = 0x10;
const CONTENT_SIZE: u8 = 8;
const CONTENT_CHECK: u8 = 4;
const DICTIONARY: u8 = 1;

/// The head of an LZ4 frame: magic, flags, kind of the largest block, the size of the content if the flags say so, and a
/// check of all but the magic.
struct Head {
    flags: u8,
    /// Bytes of the largest block.
    largest: usize,
    length: usize,
}

impl Head {
    fn read(frame: &[u8]) -> std::result::Result<Self, String> {
        let Some(&[0x04, 0x22, 0x4d, 0x18, flags, block]) = frame.first_chunk::<6>() else {
            return Err("no LZ4 frame".into());
        };
        let length = if flags & CONTENT_SIZE == 0 { 7 } else { 15 };
        let sum = frame.get(4..length).and_then(<[u8]>::split_last);
        if sum.is_none_or(|(sum, of)| *sum != lz4_check(of)) {
            return Err("an LZ4 frame with a head other than its check".into());
        }
        match (flags >> 6, flags & DICTIONARY, block >> 4 & 7) {
            (1, 0, n @ 4..=7) => Ok(Self {
                flags,
                largest: 1 << (8 + 2 * n),
                length,
            }),
            (version, _, n) => Err(format!(
                "an LZ4 frame of version {version} with blocks of kind {n}, or a dictionary"
            )),
        }
    }
}

/// The check of an LZ4 frame's head.
pub(super) fn lz4_check(head: &[u8]) -> u8 {
    (XxHash32::oneshot(0, head) >> 8) as u8
}

/// How many events a packet seems to hold, from its first bytes; not to be relied on.
pub(super) fn peek(frame: &[u8], how: Compression) -> Option<u32> {
    let mut start = [0; 160];
    match how {
        Compression::None => return flat::count(frame),
        Compression::Zstd => return None,
        Compression::Lz4 => {}
    }
    let (size, block) = frame
        .get(Head::read(frame).ok()?.length..)?
        .split_first_chunk::<4>()?;
    let size = u32::from_le_bytes(*size);
    if size >> 31 == 1 {
        return flat::count(block);
    }
    // What does not fit is an error, after all that fits.
    lz4::block(block.get(..size as usize)?, &mut start, 0);
    flat::count(&start)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text
            .bytes()
            .map(|b| (b as char).to_digit(16).unwrap_or(0) as u8)
            .collect();
        digits.chunks(2).map(|d| d[0] << 4 | d[1]).collect()
    }

    fn text() -> Vec<u8> {
        let mut text = b"cortado event data cortado event data 0123456789 0123456789".to_vec();
        text.resize(text.len() + 100, 0);
        text
    }

    /// Made by `zstd` from a stream, so without the size of the content, and from a file with a check; by `lz4`.
    #[test]
    fn frames_of_the_programs() {
        let content =
            "636f727461646f206576656e74206461746120303132333435363738390003000097844b8c5a32c3";
        let unsized_ = hex(&format!("28b52ffd00584d0100f0{content}"));
        let checked = hex(&format!("28b52ffd249f4d0100f0{content}c4405931"));
        let lz4 = hex(
            "04224d186440a730000000ff04636f727461646f206576656e74206461746120130000a7303132333435363738390b001f\
             0001004b50000000000000000000db630cb9",
        );
        let mut frames = Frames::default();
        for (frame, how) in [
            (&unsized_, Compression::Zstd),
            (&checked, Compression::Zstd),
            (&lz4, Compression::Lz4),
            (&text(), Compression::None),
        ] {
            assert_eq!(frames.open(frame, how), Ok(&text()[..]));
            if how != Compression::None {
                assert!(frames.open(&frame[..frame.len() - 5], how).is_err());
            }
        }
        assert!(frames.open(&lz4, Compression::Zstd).is_err());
        assert!(frames.open(&[], Compression::Lz4).is_err());
        assert!(frames.open(&[], Compression::Zstd).is_err());
    }

    /// Blocks that go on from those before them and blocks that do not, many of them.
    #[test]
    fn frames_of_many_blocks() {
        let long: Vec<u8> = (0..400_000u32)
            .flat_map(|i| ((i / 3).wrapping_mul(2_654_435_761) % 1000).to_le_bytes())
            .collect();
        for mode in [BlockMode::Linked, BlockMode::Independent] {
            for checks in [false, true] {
                let info = FrameInfo::new()
                    .block_mode(mode)
                    .block_size(BlockSize::Max64KB)
                    .block_checksums(checks)
                    .content_size(checks.then_some(long.len() as u64));
                let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
                encoder.write_all(&long).unwrap();
                let frame = encoder.finish().unwrap();
                assert!(frame.len() < long.len() / 2);
                let mut frames = Frames::default();
                assert!(
                    frames.open(&frame, Compression::Lz4) == Ok(&long[..]),
                    "{checks}"
                );
            }
        }
    }

    /// Some bytes that stand for very many are refused.
    #[test]
    fn frames_that_hold_too_much() {
        let frame = rust_zstd::compress(&vec![0; 100 << 20], 3);
        let mut frames = Frames::default();
        let error = frames.open(&frame, Compression::Zstd).unwrap_err();
        assert!(error.contains("1024 times"), "{error}");
        assert!(frames.bytes.len() <= 2 * (frame.len() * RATIO + FREE));
        let zeros = vec![0; 60_000];
        let frame = rust_zstd::compress(&zeros, 3);
        assert_eq!(frames.open(&frame, Compression::Zstd), Ok(&zeros[..]));
    }
}
