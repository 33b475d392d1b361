//! Prophesee DAT: decoded events of one kind, 8 bytes each.
//!
//! Lines `% key value`, among them `% Version`, `% Width` and `% Height`; a byte for the kind, a byte for the size, which
//! is 8; then little-endian records:
//!
//! | bits | version 2, kinds 0x00 and 0x0C | version 1 | kind 0x0E, triggers |
//! |---|---|---|---|
//! | 31..0 | time in microseconds | the same | the same |
//! | 63..32 | p 63..60, y 59..46, x 45..32 | p 49, y 48..41, x 40..32 | input 63..58, value 35..32 |
//!
//! Every p but 0 is brighter. Time begins again every 71.6 min. Without lines there are no kind and size either, and the
//! records are events of version 2 (or what the lines of old files with `% Version 1` say).
//!
//! Records are read in blocks. Where times ascend through a block, which two steps of the clock tell, all of them are one
//! sum; else each goes through the clock. Read at once, parts take for granted that times ascend in the parts before
//! them; where the clock of the part before has come out otherwise, a part is read again.

use cortado_base::{Error, Result};
use rayon::prelude::*;

use super::raw::{self, Header};
use super::records::{self, check_pixel, counter_of, cut_off, outside};
use super::{Decode, Encode, Options, Piece};
use crate::clock::Unwrapper;
use crate::event::{Geometry, Recording, Slots, Trigger, View};
use crate::report::Report;

/// After so many microseconds the counter begins again.
const PERIOD: u64 = 1 << 32;
/// Kinds of events: 2D, contrast detection, external trigger.
const EVENT_2D: u8 = 0x00;
const EVENT_CD: u8 = 0x0c;
const TRIGGER: u8 = 0x0e;
/// Records of a block.
const BLOCK: usize = 1024;
/// Records of a part that is read beside others.
const PART: usize = 1 << 17;
/// The largest row or column of version 2.
const LARGEST: u16 = 0x3fff;

/// What stands before the records.
#[derive(Clone, Copy)]
struct Layout {
    kind: u8,
    old: bool,
    sensor: Option<Geometry>,
}

/// Reads DAT.
pub(crate) struct Decoder {
    options: Options,
    layout: Option<Layout>,
    clock: Unwrapper,
}

impl Decoder {
    pub fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            layout: None,
            clock: Unwrapper::new(PERIOD),
        }
    }

    /// Reads what stands before the records; gives its length, or nothing while bytes are missing.
    fn begin(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<Option<(Layout, usize)>> {
        if let Some(layout) = self.layout {
            return Ok(Some((layout, 0)));
        }
        let Some(header) = Header::read(piece, report)? else {
            return Ok(None);
        };
        let mut start = header.length;
        let mut kind = EVENT_2D;
        if start == 0 {
            report.assume("no header: events of version 2");
        } else {
            let Some(&[found, size]) = piece.bytes.get(start..start + 2) else {
                if piece.last {
                    let expected = "the kind and the size of events";
                    return Err(report.wrong("header", start as u64, expected, "the end"));
                }
                return Ok(None);
            };
            if ![EVENT_2D, EVENT_CD, TRIGGER].contains(&found) || size != 8 {
                let expected = "kind 0x00, 0x0c or 0x0e and size 8";
                let got = format!("kind {found:#04x} and size {size}");
                return Err(report.wrong("events", start as u64, expected, got));
            }
            kind = found;
            start += 2;
        }
        out.geometry = self.options.geometry.or_else(|| header.geometry(report));
        let layout = Layout {
            kind,
            old: header.get("Version") == Some("1"),
            sensor: out.geometry,
        };
        self.layout = Some(layout);
        Ok(Some((layout, start)))
    }
}

impl Decode for Decoder {
    fn decode(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<usize> {
        let Some((layout, start)) = self.begin(piece, out, report)? else {
            return Ok(0);
        };
        let (records, rest) = piece.bytes[start..].as_chunks::<8>();
        if layout.kind == TRIGGER {
            for record in records {
                let [t, word] = halves(record);
                out.triggers.push(Trigger {
                    t: records::unwrap(&mut self.clock, t.into(), report),
                    id: (word >> 26) as u16,
                    value: word & 0xf != 0,
                });
            }
        } else {
            let n = out.events.len();
            out.events.resize(n + records.len());
            let mut slots = out.events.slots().after(n);
            let offset = piece.offset + start as u64;
            let clock = &mut self.clock;
            let found = run(layout, records, offset, clock, &mut slots, report)?;
            out.events.truncate(n + found);
        }
        cut_off(piece, rest.len(), 8, report)
    }

    fn save(&self) -> Option<Vec<u64>> {
        self.layout.as_ref().map(|_| self.clock.state().to_vec())
    }

    fn load(&mut self, state: &[u64]) -> bool {
        let &[base, last] = state else {
            return false;
        };
        self.clock.set([base, last]);
        self.layout.is_some()
    }
}

/// Time and the rest of a record.
#[inline]
fn halves(record: &[u8; 8]) -> [u32; 2] {
    let word = u64::from_le_bytes(*record);
    [word as u32, (word >> 32) as u32]
}

/// Reads records into places, of which there are as many; gives the number of events.
fn run(
    layout: Layout,
    records: &[[u8; 8]],
    offset: u64,
    clock: &mut Unwrapper,
    slots: &mut Slots<'_>,
    report: &mut Report,
) -> Result<usize> {
    let mut n = 0;
    let before = clock.wraps();
    for (i, block) in records.chunks(BLOCK).enumerate() {
        let places = n..n + block.len();
        times(block, clock, &mut slots.t[places.clone()]);
        let (x, y) = (&mut slots.x[places.clone()], &mut slots.y[places.clone()]);
        pixels(layout.old, block, x, y, &mut slots.p[places.clone()]);
        let Some(sensor) = layout.sensor else {
            n = places.end;
            continue;
        };
        let largest = |column: &[u16]| column.iter().fold(0, |a, &b| a.max(b));
        if sensor.contains(largest(x), largest(y)) {
            n = places.end;
            continue;
        }
        for (j, from) in places.enumerate() {
            let (x, y) = (slots.x[from], slots.y[from]);
            if !sensor.contains(x, y) {
                let place = offset + ((i * BLOCK + j) * 8) as u64;
                outside(sensor, x, y, place, report)?;
                continue;
            }
            (slots.t[n], slots.x[n], slots.y[n]) = (slots.t[from], x, y);
            slots.p[n] = slots.p[from];
            n += 1;
        }
    }
    report.wraps += clock.wraps() - before;
    Ok(n)
}

/// The times of a block.
fn times(block: &[[u8; 8]], clock: &mut Unwrapper, t: &mut [u64]) {
    let counter = |record: &[u8; 8]| halves(record)[0];
    let (Some(first), Some(last)) = (block.first().map(counter), block.last().map(counter)) else {
        return;
    };
    let mut next = clock.clone();
    let (start, end) = (next.unwrap(first.into()), next.unwrap(last.into()));
    // No step back, and the clock takes first and last for times as far apart as their counters: so it does all between.
    let near = last.wrapping_sub(first) <= u32::MAX / 2 && first <= last;
    let back = block.windows(2).fold(false, |back, pair| {
        back | (counter(&pair[0]) > counter(&pair[1]))
    });
    if near && !back && end.wrapping_sub(start) == u64::from(last - first) {
        *clock = next;
        let base = start.wrapping_sub(first.into());
        for (t, record) in t.iter_mut().zip(block) {
            *t = base.wrapping_add(counter(record).into());
        }
        return;
    }
    for (t, record) in t.iter_mut().zip(block) {
        *t = clock.unwrap(counter(record).into());
    }
}

/// Columns, rows and polarities of a block.
fn pixels(old: bool, block: &[[u8; 8]], x: &mut [u16], y: &mut [u16], p: &mut [bool]) {
    let places = x.iter_mut().zip(y).zip(p).zip(block);
    if old {
        for (((x, y), p), record) in places {
            let word = halves(record)[1];
            *x = (word & 0x1ff) as u16;
            *y = (word >> 9 & 0xff) as u16;
            *p = word >> 17 & 1 == 1;
        }
        return;
    }
    for (((x, y), p), record) in places {
        let word = halves(record)[1];
        *x = word as u16 & LARGEST;
        *y = (word >> 14) as u16 & LARGEST;
        *p = word >> 28 != 0;
    }
}

/// Records that are read beside others.
struct Part<'a> {
    records: &'a [[u8; 8]],
    offset: u64,
    slots: Slots<'a>,
    /// The clock before them and after them.
    before: Unwrapper,
    after: Unwrapper,
    report: Report,
    /// The number of events, or why there is none.
    found: Result<usize>,
}

impl Part<'_> {
    fn read(&mut self, layout: Layout, report: &Report) {
        self.report = report.fresh();
        self.after = self.before.clone();
        let (clock, report) = (&mut self.after, &mut self.report);
        let slots = &mut self.slots;
        self.found = run(layout, self.records, self.offset, clock, slots, report);
    }
}

/// Reads a whole recording on all cores.
pub(crate) fn whole(
    bytes: &[u8],
    options: &Options,
    out: &mut Recording,
    report: &mut Report,
) -> Result<()> {
    let piece = Piece {
        bytes,
        offset: 0,
        last: true,
    };
    let mut decoder = Decoder::new(options);
    let Some((layout, start)) = decoder.begin(piece, out, report)? else {
        return Ok(());
    };
    if layout.kind == TRIGGER {
        out.events.clear();
        let piece = Piece {
            bytes: &bytes[start..],
            offset: start as u64,
            ..piece
        };
        return decoder.decode(piece, out, report).map(|_| ());
    }
    let (records, rest) = bytes[start..].as_chunks::<8>();
    out.events.resize(records.len());
    let mut slots = out.events.slots();
    let mut clock = decoder.clock;
    let mut parts = Vec::with_capacity(records.len().div_ceil(PART));
    for (i, records) in records.chunks(PART).enumerate() {
        let before = clock.clone();
        if let [first, .., last] = records {
            clock.unwrap(halves(first)[0].into());
            clock.unwrap(halves(last)[0].into());
        }
        parts.push(Part {
            records,
            offset: (start + i * PART * 8) as u64,
            slots: slots.split_off(records.len()),
            after: before.clone(),
            before,
            report: report.fresh(),
            found: Ok(0),
        });
    }
    parts
        .par_iter_mut()
        .for_each(|part| part.read(layout, report));
    let mut clock = Unwrapper::new(PERIOD);
    for part in &mut parts {
        if part.before != clock {
            part.before = clock;
            part.read(layout, report);
        }
        clock = part.after.clone();
    }
    let mut lengths = Vec::with_capacity(parts.len());
    let counts: Vec<usize> = parts.iter().map(|part| part.records.len()).collect();
    for part in parts {
        lengths.push(part.found?);
        report.merge(part.report);
    }
    super::words::close_up(&mut out.events, &counts, &lengths);
    cut_off(piece, rest.len(), 8, report).map(|_| ())
}

/// Writes DAT of version 2: events, or if there are none triggers.
pub(crate) struct Encoder {
    geometry: Option<Geometry>,
    kind: Option<u8>,
    clock: Unwrapper,
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            geometry: None,
            kind: None,
            clock: Unwrapper::new(PERIOD),
        }
    }
}

impl Encoder {
    /// The header, when it is known what follows.
    fn header(&mut self, kind: u8, out: &mut Vec<u8>) -> Result<()> {
        match self.kind {
            Some(known) if known == kind => return Ok(()),
            Some(_) => {
                let expected = "either events or triggers, since DAT holds one kind";
                return Err(Error::invalid("recording", "DAT", expected, "both"));
            }
            None => self.kind = Some(kind),
        }
        let name = if kind == TRIGGER { "Ext Trigger" } else { "CD" };
        out.extend(format!("% Data file containing {name} events\n% Version 2\n").bytes());
        if let Some(Geometry { width, height }) = self.geometry {
            out.extend(format!("% Width {width}\n% Height {height}\n").bytes());
        }
        out.extend([kind, 8]);
        Ok(())
    }

    fn record(&mut self, t: u64, word: u32, out: &mut Vec<u8>) -> Result<()> {
        let t = counter_of(&mut self.clock, PERIOD, t, "DAT")? as u32;
        out.extend((u64::from(word) << 32 | u64::from(t)).to_le_bytes());
        Ok(())
    }
}

impl Encode for Encoder {
    fn start(&mut self, geometry: Option<Geometry>, _out: &mut Vec<u8>) -> Result<()> {
        self.geometry = geometry;
        Ok(())
    }

    fn encode(&mut self, events: View<'_>, triggers: &[Trigger], out: &mut Vec<u8>) -> Result<()> {
        if !events.is_empty() {
            self.header(EVENT_CD, out)?;
        }
        for event in events.iter() {
            check_pixel(event, (LARGEST, LARGEST), "DAT")?;
            let pixel = u32::from(event.y) << 14 | u32::from(event.x);
            self.record(event.t, u32::from(event.p) << 28 | pixel, out)?;
        }
        for trigger in triggers {
            self.header(TRIGGER, out)?;
            raw::check_input(trigger, 0x3f, "DAT")?;
            let word = u32::from(trigger.id) << 26 | u32::from(trigger.value);
            self.record(trigger.t, word, out)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Vec<(u64, Vec<u8>)>> {
        if self.kind.is_none() {
            self.header(EVENT_CD, out)?;
        }
        Ok(Vec::new())
    }
}
