//! What Prophesee's encodings share: a text header, and words of one size that a small machine reads in order.
//!
//! Read at once, a recording is cut into segments. A first pass counts each segment's events and notes its upper parts of
//! time; then each segment's machine is put into the state that it would have there, from the words before it, and all
//! run side by side into places of their own. The result is that of one machine, whatever the number of segments.

use cortado_base::{Error, Result};
use rayon::prelude::*;

use super::raw::Header;
use super::{Decode, Options, Piece};
use crate::clock::Unwrapper;
use crate::event::{Events, Geometry, Recording, Slots, Trigger};
use crate::report::Report;

/// Bytes of a segment, at least.
const SEGMENT: usize = 1 << 20;

/// A machine that reads words; as a value, its state.
pub(crate) trait Machine: Clone + Send + Sync {
    /// Bytes of a word.
    const SIZE: usize;

    /// The state before the first word.
    fn new(header: &Header) -> Self;

    /// What has to be known of the first words before any is read; `false` while there are too few.
    fn look(&mut self, _words: &[u8], _last: bool, _report: &mut Report) -> bool {
        true
    }

    /// What can be seen in words without a state.
    fn scan(&self, words: &[u8]) -> Scan;

    /// The state after words that were scanned, as if they were read.
    fn skip(&mut self, words: &[u8], scan: &Scan);

    /// The state as numbers.
    fn save(&self) -> Vec<u64>;

    /// Takes up a state; `false` if it is none.
    fn load(&mut self, state: &[u64]) -> bool;

    /// Reads words; `out` has places for as many as [`Scan::events`] says. Gives the number of events.
    fn run(&mut self, words: &[u8], out: &mut Output<'_>) -> Result<usize>;
}

/// What can be seen in words without a state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scan {
    /// No fewer than the events.
    pub events: usize,
    /// Upper parts of time, in microseconds, where they differ from the one before.
    pub highs: Vec<u64>,
    /// Whether there are vectors.
    pub vectors: bool,
}

/// Where a machine puts what it reads.
pub(crate) struct Output<'a> {
    pub slots: Slots<'a>,
    pub triggers: &'a mut Vec<Trigger>,
    pub report: &'a mut Report,
    /// The sensor; without one, as large as can be.
    pub geometry: Geometry,
    /// Place of the first word in the file.
    pub offset: u64,
}

impl Output<'_> {
    /// An event outside of the sensor is damage.
    #[cold]
    pub fn outside(&mut self, word: usize, size: usize, x: u16, y: u16) -> Result<()> {
        let offset = self.offset + (word * size) as u64;
        let expected = format!("a pixel of {}", self.geometry);
        self.report
            .damage("pixel", offset, expected, format!("({x}, {y})"))
    }

    /// A word of no known type is damage.
    #[cold]
    pub fn unknown(&mut self, word: usize, size: usize, expected: &str, got: u64) -> Result<()> {
        let offset = self.offset + (word * size) as u64;
        let got = format!("{got:#0width$x}", width = 2 * size + 2);
        self.report.damage("word", offset, expected, got)
    }
}

/// Reads the words of a machine after a header.
pub(crate) struct Decoder<M> {
    options: Options,
    machine: Option<M>,
    looked: bool,
    geometry: Geometry,
}

/// The sensor that has every pixel.
const EVERYWHERE: Geometry = Geometry::new(u16::MAX, u16::MAX);

impl<M: Machine> Decoder<M> {
    pub fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            machine: None,
            looked: false,
            geometry: EVERYWHERE,
        }
    }

    /// One of words that stand elsewhere than in a RAW file, without a header.
    pub fn begun(sensor: Option<Geometry>) -> Self {
        Self {
            options: Options::default(),
            machine: Some(M::new(&Header::default())),
            looked: false,
            geometry: sensor.unwrap_or(EVERYWHERE),
        }
    }

    /// Reads the header, if that was not done, and as much of the words as the machine wants to see before the first;
    /// gives the number of bytes of the header, or nothing while bytes are missing.
    fn begin(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<Option<usize>> {
        let mut start = 0;
        if self.machine.is_none() {
            let Some(header) = Header::read(piece, report)? else {
                return Ok(None);
            };
            out.geometry = self.options.geometry.or_else(|| header.geometry(report));
            self.geometry = out.geometry.unwrap_or(EVERYWHERE);
            start = header.length;
            self.machine = Some(M::new(&header));
        }
        if let (false, Some(machine)) = (self.looked, &mut self.machine) {
            self.looked = machine.look(&piece.bytes[start..], piece.last, report);
        }
        Ok(Some(start))
    }
}

impl<M: Machine> Decode for Decoder<M> {
    fn decode(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<usize> {
        let Some(start) = self.begin(piece, out, report)? else {
            return Ok(0);
        };
        let (Some(machine), true) = (&mut self.machine, self.looked) else {
            return Ok(start);
        };
        let bytes = &piece.bytes[start..];
        let whole = bytes.len() / M::SIZE * M::SIZE;
        let (words, rest) = bytes.split_at(whole);
        let n = out.events.len();
        out.events.resize(n + machine.scan(words).events);
        let mut output = Output {
            slots: out.events.slots().after(n),
            triggers: &mut out.triggers,
            report,
            geometry: self.geometry,
            offset: piece.offset + start as u64,
        };
        let found = machine.run(words, &mut output)?;
        out.events.truncate(n + found);
        cut_off::<M>(piece, rest.len(), report)?;
        Ok(if piece.last {
            piece.bytes.len()
        } else {
            start + whole
        })
    }

    fn save(&self) -> Option<Vec<u64>> {
        self.machine.as_ref().filter(|_| self.looked).map(M::save)
    }

    fn load(&mut self, state: &[u64]) -> bool {
        self.looked && self.machine.as_mut().is_some_and(|m| m.load(state))
    }
}

fn cut_off<M: Machine>(piece: Piece<'_>, rest: usize, report: &mut Report) -> Result<()> {
    if !piece.last || rest == 0 {
        return Ok(());
    }
    let offset = piece.offset + (piece.bytes.len() - rest) as u64;
    let expected = format!("a whole word of {} bytes", M::SIZE);
    report.damage("end", offset, expected, rest)
}

/// A part of the words, and what the first pass found.
struct Segment<'a, M> {
    words: &'a [u8],
    offset: u64,
    scan: Scan,
    /// The state before the first word.
    machine: M,
}

/// What a segment's machine found.
struct Found {
    events: usize,
    triggers: Vec<Trigger>,
    report: Report,
}

/// Reads a whole recording on all cores.
pub(crate) fn whole<M: Machine>(
    bytes: &[u8],
    options: &Options,
    out: &mut Recording,
    report: &mut Report,
) -> Result<()> {
    let mut decoder = Decoder::<M>::new(options);
    let piece = Piece {
        bytes,
        offset: 0,
        last: true,
    };
    let start = decoder.begin(piece, out, report)?.unwrap_or(0);
    let Some(first) = decoder.machine else {
        return Ok(());
    };
    let bytes = &bytes[start..];
    let (words, rest) = bytes.split_at(bytes.len() / M::SIZE * M::SIZE);
    let parts = (words.len() / SEGMENT).clamp(1, 4 * rayon::current_num_threads());
    let length = words
        .len()
        .div_ceil(parts)
        .next_multiple_of(M::SIZE)
        .max(M::SIZE);
    let scans: Vec<Scan> = words
        .par_chunks(length)
        .map(|part| first.scan(part))
        .collect();
    // Each segment's state follows from the one before and the words between them.
    let mut machine = first;
    let mut segments = Vec::with_capacity(scans.len());
    for (i, (words, scan)) in words.chunks(length).zip(scans).enumerate() {
        let before = machine.clone();
        machine.skip(words, &scan);
        segments.push(Segment {
            words,
            offset: (start + i * length) as u64,
            scan,
            machine: before,
        });
    }

    let counts: Vec<usize> = segments.iter().map(|s| s.scan.events).collect();
    out.events.resize(counts.iter().sum());
    let mut slots = out.events.slots();
    let places: Vec<Slots<'_>> = counts.iter().map(|&n| slots.split_off(n)).collect();
    let geometry = decoder.geometry;
    let found: Vec<Result<Found>> = segments
        .par_iter_mut()
        .zip(places)
        .map(|(segment, slots)| {
            let mut triggers = Vec::new();
            let mut found = report.fresh();
            let mut output = Output {
                slots,
                triggers: &mut triggers,
                report: &mut found,
                geometry,
                offset: segment.offset,
            };
            let events = segment.machine.run(segment.words, &mut output)?;
            Ok(Found {
                events,
                triggers,
                report: found,
            })
        })
        .collect();

    let mut lengths = Vec::with_capacity(found.len());
    for found in found {
        let found = found?;
        lengths.push(found.events);
        out.triggers.extend(found.triggers);
        report.merge(found.report);
    }
    close_up(&mut out.events, &counts, &lengths);
    cut_off::<M>(piece, rest.len(), report)
}

/// Takes out the places that stayed empty: of each part's `counts` the first `lengths` are kept.
pub(crate) fn close_up(events: &mut Events, counts: &[usize], lengths: &[usize]) {
    let (mut from, mut to) = (0, 0);
    for (&count, &length) in counts.iter().zip(lengths) {
        if from != to {
            events.copy_within(from..from + length, to);
        }
        from += count;
        to += length;
    }
    events.truncate(to);
}

/// Time as EVT 2.0 and 2.1 say it: an upper part of 28 bits in units of 64 microseconds, below which each word has 6 bits.
#[derive(Clone)]
pub(crate) struct Upper {
    clock: Unwrapper,
    /// The last upper part in microseconds, if there was one.
    pub last: Option<u64>,
}

impl Upper {
    /// Bits of the upper part, and of what a word has below it.
    pub const BITS: [u32; 2] = [28, 6];

    pub fn new() -> Self {
        Self {
            clock: Unwrapper::new(1 << (Self::BITS[0] + Self::BITS[1])),
            last: None,
        }
    }

    /// Takes up an upper part.
    #[inline]
    pub fn set(&mut self, counter: u64, report: &mut Report) {
        let before = self.clock.wraps();
        self.last = Some(self.clock.unwrap(counter));
        report.wraps += self.clock.wraps() - before;
    }

    /// As after words that were scanned.
    pub fn skip(&mut self, scan: &Scan) {
        self.last = advance(&mut self.clock, &scan.highs).or(self.last);
    }

    /// As numbers.
    pub fn save(&self) -> Vec<u64> {
        let [base, last] = self.clock.state();
        vec![base, last, self.last.unwrap_or(u64::MAX)]
    }

    /// From such numbers.
    pub fn load(&mut self, state: &[u64]) -> bool {
        let &[base, last, high] = state else {
            return false;
        };
        self.clock.set([base, last]);
        self.last = (high != u64::MAX).then_some(high);
        true
    }
}

/// Upper parts of time in microseconds through a clock.
pub(crate) fn advance(clock: &mut Unwrapper, highs: &[u64]) -> Option<u64> {
    highs.iter().map(|&high| clock.unwrap(high)).last()
}

/// So many turns of the counter without an event can be written.
const TURNS: u64 = 1 << 10;

/// The upper parts of time that were written, and the one from which a reader counts.
#[derive(Default)]
pub(crate) struct Highs {
    last: Option<u64>,
    /// As of [`Unwrapper`]: an event from an earlier turn does not move it.
    reference: u64,
}

impl Highs {
    /// The counters to write for an upper part of time `high`, of which words hold `bits`; none if it is the last one.
    ///
    /// Every step is less than half a turn, so that a reader can tell it from a step back.
    ///
    /// # Errors
    /// A step back that a reader would take for a turn, or more than [`TURNS`] turns.
    pub fn to(&mut self, high: u64, bits: u32) -> Result<impl Iterator<Item = u64> + use<>> {
        let (turn, from) = (1u64 << bits, self.reference);
        let longest = turn / 2 - 1;
        let ahead = high.saturating_sub(from);
        let wrong =
            |expected: String, got: &str| Err(Error::invalid("time", "the events", expected, got));
        if from.saturating_sub(high) > longest {
            return wrong("no step back by half a turn of the counter".into(), "one");
        }
        if ahead / longest > 2 * TURNS {
            let expected = format!(
                "no silence, also before the first event, of more than {TURNS} turns of the counter"
            );
            return wrong(expected, "one (times may be made to begin at 0)");
        }
        let steps = match self.last == Some(high) {
            true => 0,
            false => ahead.div_ceil(longest).max(1),
        };
        self.last = Some(high);
        if high / turn >= from / turn {
            self.reference = high;
        }
        Ok((1..=steps).map(move |step| high.min(from + step * longest) & (turn - 1)))
    }
}
