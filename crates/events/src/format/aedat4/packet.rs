//! The packets of AEDAT 4: bodies out of their frames, events out of bodies.

use std::io::Read;

use cortado_base::Result;

use super::flat;
use crate::event::{Geometry, Slots, Trigger};
use crate::format::records::outside;
use crate::report::Report;

/// How bodies are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
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
pub(super) struct Frames {
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

    /// An LZ4 frame: magic, flags, the largest block, sizes, then blocks behind their length. Blocks may go on from those
    /// before them. Those with checksums, which no known writer of AEDAT makes, are left to the library.
    fn lz4(&mut self, frame: &[u8]) -> std::result::Result<usize, String> {
        let Some(&[0x04, 0x22, 0x4d, 0x18, flags, block]) = frame.first_chunk::<6>() else {
            return Err("no LZ4 frame".into());
        };
        if flags & 0b1101_0111 != 0x40 {
            return self.lz4_with_checksums(frame);
        }
        let largest = match block >> 4 & 7 {
            n @ 4..=7 => 1usize << (8 + 2 * n),
            n => return Err(format!("an LZ4 frame with blocks of kind {n}")),
        };
        let linked = flags & 0x20 == 0;
        let mut place = if flags & 8 == 0 { 7 } else { 15 };
        let mut length = 0;
        loop {
            let cut = || "an LZ4 frame that is cut off".to_string();
            let rest = frame.get(place..).ok_or_else(cut)?;
            let (size, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
            let size = u32::from_le_bytes(*size);
            if size == 0 {
                return Ok(length);
            }
            let plain = size >> 31 == 1;
            let size = (size & 0x7fff_ffff) as usize;
            let block = rest.get(..size).ok_or_else(cut)?;
            place += 4 + size;
            if plain {
                self.room(length, size);
                self.bytes[length..length + size].copy_from_slice(block);
                length += size;
                continue;
            }
            self.room(length, largest.min(RATIO_LZ4 * size + 64));
            let (before, after) = self.bytes.split_at_mut(length);
            let dictionary = &before[if linked {
                length.saturating_sub(1 << 16)
            } else {
                length
            }..];
            let found = match dictionary {
                [] => lz4_flex::block::decompress_into(block, after),
                _ => lz4_flex::block::decompress_into_with_dict(block, after, dictionary),
            };
            length += found.map_err(|e| format!("an LZ4 block with an error ({e})"))?;
        }
    }

    fn lz4_with_checksums(&mut self, frame: &[u8]) -> std::result::Result<usize, String> {
        self.bytes.clear();
        let limit = frame.len() * RATIO_LZ4;
        let mut frames = lz4_flex::frame::FrameDecoder::new(frame).take(limit as u64);
        let found = frames.read_to_end(&mut self.bytes);
        found.map_err(|e| format!("an LZ4 frame with an error ({e})"))
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

/// The events of a body, 16 bytes each.
pub(super) fn elements(body: &[u8]) -> std::result::Result<&[[u8; 16]], String> {
    let found = flat::root(body, b"EVTS").and_then(|table| table.vector(0, 16));
    Ok(found.ok_or("no whole events")?.as_chunks().0)
}

/// Rows and columns of a sensor that is not known, so that none are negative.
const LARGEST: Geometry = Geometry::new(0x8000, 0x8000);

/// Puts events into places, of which there are as many; gives the number of those with a time from 0 on and a pixel of the
/// sensor. `offset` is the place of the packet in the file.
pub(super) fn columns(
    elements: &[[u8; 16]],
    sensor: Option<Geometry>,
    offset: u64,
    slots: &mut Slots<'_>,
    report: &mut Report,
) -> Result<usize> {
    let sensor = sensor.unwrap_or(LARGEST);
    let n = elements.len();
    let (ts, xs) = (&mut slots.t[..n], &mut slots.x[..n]);
    let (ys, ps) = (&mut slots.y[..n], &mut slots.p[..n]);
    let (mut times, mut right, mut low) = (0, 0, 0);
    for (i, element) in elements.iter().enumerate() {
        let all = u128::from_le_bytes(*element);
        let (t, rest) = (all as u64, (all >> 64) as u64);
        let (x, y) = (rest as u16, (rest >> 16) as u16);
        (ts[i], xs[i], ys[i], ps[i]) = (t, x, y, (rest >> 32) as u8 != 0);
        times |= t;
        right = right.max(x);
        low = low.max(y);
    }
    if times >> 63 == 0 && (n == 0 || sensor.contains(right, low)) {
        return Ok(n);
    }
    let mut kept = 0;
    for i in 0..n {
        let (t, x, y) = (slots.t[i], slots.x[i], slots.y[i]);
        if t >> 63 == 1 {
            report.damage("time", offset, "from 0 on", t as i64)?;
        } else if !sensor.contains(x, y) {
            outside(sensor, x, y, offset, report)?;
        } else {
            (slots.t[kept], slots.x[kept], slots.y[kept]) = (t, x, y);
            slots.p[kept] = slots.p[i];
            kept += 1;
        }
    }
    Ok(kept)
}

/// Kinds of triggers, with input and value: edges of signal and generator, starts and ends of frames and exposures.
pub(super) const TRIGGERS: [(i8, u16, bool); 9] = [
    (1, 0, true),
    (2, 0, false),
    (3, 0, true), // a pulse; of two kinds with one meaning the first is written
    (4, 1, true),
    (5, 1, false),
    (6, 2, true),
    (7, 2, false),
    (8, 3, true),
    (9, 3, false),
];

/// Adds the triggers of a body.
pub(super) fn triggers(
    body: &[u8],
    offset: u64,
    out: &mut Vec<Trigger>,
    report: &mut Report,
) -> Result<()> {
    let tables = flat::root(body, b"TRIG").and_then(|table| table.tables(0));
    let Some(tables) = tables else {
        return report.damage("packet", offset, "triggers", "no whole triggers");
    };
    for table in tables {
        let Some(table) = table else {
            report.damage("packet", offset, "triggers", "an offset out of the packet")?;
            continue;
        };
        let kind = table.value(1).map_or(0, |[kind]: [u8; 1]| kind as i8);
        let Some(&(_, id, value)) = TRIGGERS.iter().find(|(k, ..)| *k == kind) else {
            report.assume("resets of time and unknown kinds of triggers are left out");
            continue;
        };
        match u64::try_from(table.long(0)) {
            Ok(t) => out.push(Trigger { t, id, value }),
            Err(_) => report.damage("time", offset, "from 0 on", table.long(0))?,
        }
    }
    Ok(())
}
