//! AEDAT 4 read at once on all cores.

use cortado_base::Result;
use rayon::prelude::*;

use super::frames::{Compression, Frames, peek};
use super::{Decoder, Kind, Layout, flat, packet, read};
use crate::event::{Recording, Slots, Trigger};
use crate::format::words::close_up;
use crate::format::{Options, Piece};
use crate::report::Report;

/// Bytes of packets that are read one after the other.
const PART: usize = 1 << 18;
/// A packet cannot hold more events than so many times its bytes: 255 of LZ4, 16 bytes each.
const DENSEST: u64 = 16;
/// And no more than so many times of Zstd, or the table is not used.
const DENSEST_ZSTD: u64 = 64;

struct Packet<'a> {
    kind: Kind,
    body: &'a [u8],
    offset: u64,
}

/// Packets that are read one after the other, and what was found in them.
struct Part<'a> {
    packets: &'a [Packet<'a>],
    /// Places for as many events as are expected.
    slots: Slots<'a>,
    /// What was found if it is not known how many there are, and triggers.
    out: Recording,
    events: usize,
    report: Report,
    /// Whether the numbers were right.
    right: bool,
    result: Result<()>,
}

impl<'a> Part<'a> {
    fn new(packets: &'a [Packet<'a>], slots: Slots<'a>, report: &Report) -> Self {
        Self {
            packets,
            slots,
            out: Recording::default(),
            events: 0,
            report: report.fresh(),
            right: true,
            result: Ok(()),
        }
    }

    /// Reads the packets, with their numbers of events into places of their own.
    fn read(&mut self, layout: &Layout, counts: Option<&[u64]>) {
        let mut frames = Frames::default();
        for (i, packet) in self.packets.iter().enumerate() {
            self.result = match (counts, packet.kind) {
                (Some(counts), Kind::Events) => {
                    self.events(&mut frames, layout, packet, counts[i] as usize)
                }
                _ => {
                    let Packet { kind, body, offset } = *packet;
                    let report = &mut self.report;
                    read(
                        &mut frames,
                        layout,
                        kind,
                        body,
                        offset,
                        &mut self.out,
                        report,
                    )
                }
            };
            if self.result.is_err() || !self.right {
                return;
            }
        }
    }

    fn events(
        &mut self,
        frames: &mut Frames,
        layout: &Layout,
        packet: &Packet<'_>,
        count: usize,
    ) -> Result<()> {
        let body = frames.open(packet.body, layout.compression);
        // What cannot be read is told when all is read again, as when the number was wrong.
        let elements = match body.and_then(packet::elements) {
            Ok(elements) if elements.len() == count => elements,
            _ => {
                self.right = false;
                return Ok(());
            }
        };
        // What was left out leaves its places to those that follow.
        let n = self.events;
        let mut slots = self.slots.rest(n);
        let report = &mut self.report;
        self.events += packet::columns(elements, layout.sensor, packet.offset, &mut slots, report)?;
        Ok(())
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
    let mut packets = Vec::new();
    // What is wrong between packets is at the end, after what is wrong in them.
    let mut between = report.fresh();
    let walked = decoder.walk(
        &layout,
        piece,
        start,
        &mut between,
        |_, kind, body, offset, _| {
            packets.push(Packet { kind, body, offset });
            Ok(())
        },
    );
    let mut parts: Vec<&[Packet<'_>]> = Vec::new();
    let mut rest = &packets[..];
    while !rest.is_empty() {
        let mut size = 0;
        let full = rest.iter().position(|packet| {
            size += packet.body.len() + 8;
            size > PART
        });
        let (part, after) = rest.split_at(full.map_or(rest.len(), |n| n.max(1)));
        parts.push(part);
        rest = after;
    }
    let counts = counts(bytes, &layout, &packets);
    let placed = match &counts {
        Some(counts) => in_places(&layout, &parts, counts, out, report)?,
        None => false,
    };
    if !placed {
        copied(&layout, &parts, out, report)?;
    }
    report.merge(between);
    walked.map(|_| ())
}

/// Reads into places; `false` if the numbers were wrong.
fn in_places(
    layout: &Layout,
    parts: &[&[Packet<'_>]],
    counts: &[u64],
    out: &mut Recording,
    report: &mut Report,
) -> Result<bool> {
    let mut of_parts = Vec::with_capacity(parts.len());
    let mut rest = counts;
    for part in parts {
        let (here, after) = rest.split_at(part.len());
        of_parts.push(here);
        rest = after;
    }
    let sizes: Vec<usize> = of_parts
        .iter()
        .map(|c| c.iter().sum::<u64>() as usize)
        .collect();
    out.events.resize(sizes.iter().sum());
    let mut slots = out.events.slots();
    let mut all: Vec<Part<'_>> = parts
        .iter()
        .zip(&sizes)
        .map(|(packets, &size)| Part::new(packets, slots.split_off(size), report))
        .collect();
    all.par_iter_mut()
        .zip(of_parts)
        .for_each(|(part, counts)| part.read(layout, Some(counts)));
    if all.iter().any(|part| !part.right) {
        return Ok(false);
    }
    let mut lengths = Vec::with_capacity(all.len());
    let mut triggers: Vec<Trigger> = Vec::new();
    for part in all {
        part.result?;
        lengths.push(part.events);
        triggers.extend(part.out.triggers);
        report.merge(part.report);
    }
    out.triggers.extend(triggers);
    close_up(&mut out.events, &sizes, &lengths);
    Ok(true)
}

/// No places.
fn nowhere<'a>() -> Slots<'a> {
    Slots {
        t: &mut [],
        x: &mut [],
        y: &mut [],
        p: &mut [],
    }
}

/// Reads and copies.
fn copied(
    layout: &Layout,
    parts: &[&[Packet<'_>]],
    out: &mut Recording,
    report: &mut Report,
) -> Result<()> {
    out.events.clear();
    // So many at once that what waits to be copied stays small.
    for parts in parts.chunks(4 * rayon::current_num_threads()) {
        let read: Vec<Part<'_>> = parts
            .par_iter()
            .map(|packets| {
                let mut part = Part::new(packets, nowhere(), report);
                part.read(layout, None);
                part
            })
            .collect();
        for part in read {
            part.result?;
            out.events.append(part.out.events.view());
            out.triggers.extend(part.out.triggers);
            report.merge(part.report);
        }
    }
    Ok(())
}

/// How many events each packet seems to have, 0 for triggers: of their own first bytes, or where Zstd hides these of the
/// table. Nothing if that is not known of all.
fn counts(bytes: &[u8], layout: &Layout, packets: &[Packet<'_>]) -> Option<Vec<u64>> {
    let how = layout.compression;
    if how == Compression::Zstd {
        return in_table(bytes, layout, packets);
    }
    let count = |packet: &Packet<'_>| {
        if packet.kind == Kind::Triggers {
            return Some(0);
        }
        let count = u64::from(peek(packet.body, how)?);
        (count <= DENSEST * packet.body.len() as u64).then_some(count)
    };
    packets.par_iter().with_min_len(64).map(count).collect()
}

/// The numbers that the table of packets says, if there is one that fits to them.
fn in_table(bytes: &[u8], layout: &Layout, packets: &[Packet<'_>]) -> Option<Vec<u64>> {
    let at = usize::try_from(layout.table?).ok()?;
    let mut frames = Frames::default();
    let table = frames.open(bytes.get(at..)?, layout.compression).ok()?;
    let mut entries = flat::root(table, b"FTAB")?.tables(0)?;
    let mut counts = Vec::with_capacity(packets.len());
    for packet in packets {
        // The entries of other packets stand between.
        let body = packet.offset as i64 + 8;
        let entry = entries
            .by_ref()
            .flatten()
            .find(|entry| entry.long(0) == body)?;
        let count = match packet.kind {
            Kind::Triggers => 0,
            Kind::Events => u64::try_from(entry.long(2)).ok()?,
        };
        (count <= DENSEST_ZSTD * packet.body.len() as u64).then_some(())?;
        counts.push(count);
    }
    Some(counts)
}
