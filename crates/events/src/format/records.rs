//! What formats of records of one size share.

use cortado_base::{Error, Result};

use super::Piece;
use crate::clock::Unwrapper;
use crate::event::{Event, Geometry};
use crate::report::Report;

/// Calls `each` with every whole record from `start` on and its place in the file; gives the bytes used.
pub(crate) fn each<const N: usize>(
    piece: Piece<'_>,
    start: usize,
    report: &mut Report,
    mut each: impl FnMut(&[u8; N], u64, &mut Report) -> Result<()>,
) -> Result<usize> {
    let (records, rest) = piece.bytes[start..].as_chunks::<N>();
    for (i, record) in records.iter().enumerate() {
        each(record, piece.offset + (start + i * N) as u64, report)?;
    }
    cut_off(piece, rest.len(), N, report)
}

/// What is left over is damage if nothing follows; gives the bytes used.
pub(crate) fn cut_off(
    piece: Piece<'_>,
    rest: usize,
    size: usize,
    report: &mut Report,
) -> Result<usize> {
    let used = piece.bytes.len() - rest;
    if !piece.last || rest == 0 {
        return Ok(used);
    }
    let expected = format!("a whole record of {size} bytes");
    report.damage("end", piece.offset + used as u64, expected, rest)?;
    Ok(piece.bytes.len())
}

/// Whether the sensor has a pixel; if not, that is damage.
#[inline]
pub(crate) fn inside(
    sensor: Option<Geometry>,
    x: u16,
    y: u16,
    offset: u64,
    report: &mut Report,
) -> Result<bool> {
    match sensor {
        Some(sensor) if !sensor.contains(x, y) => {
            outside(sensor, x, y, offset, report)?;
            Ok(false)
        }
        _ => Ok(true),
    }
}

#[cold]
pub(crate) fn outside(
    sensor: Geometry,
    x: u16,
    y: u16,
    offset: u64,
    report: &mut Report,
) -> Result<()> {
    let expected = format!("a pixel of {sensor}");
    report.damage("pixel", offset, expected, format!("({x}, {y})"))
}

/// Puts a time through a clock and counts in the report how often that has begun again.
#[inline]
pub(crate) fn unwrap(clock: &mut Unwrapper, counter: u64, report: &mut Report) -> u64 {
    let before = clock.wraps();
    let t = clock.unwrap(counter);
    report.wraps += clock.wraps() - before;
    t
}

/// The counter to write for a time, if the clock of a reader takes it for that time.
pub(crate) fn counter(clock: &mut Unwrapper, period: u64, t: u64) -> Option<u64> {
    let counter = t % period;
    let mut next = clock.clone();
    (next.unwrap(counter) == t).then(|| {
        *clock = next;
        counter
    })
}

/// As [`counter`], or a sentence.
pub(crate) fn counter_of(clock: &mut Unwrapper, period: u64, t: u64, name: &str) -> Result<u64> {
    counter(clock, period, t).ok_or_else(|| no_time(t, period, name))
}

/// The error for a time that cannot be written.
#[cold]
pub(crate) fn no_time(t: u64, period: u64, name: &str) -> Error {
    let expected = format!(
        "less than half a turn of the clock of {name}, which turns in {period} us, from the one before \
         (times may be made to begin at 0)"
    );
    Error::invalid("time", format!("the event at {t} us"), expected, t)
}

/// Refuses a pixel that a record does not hold.
pub(crate) fn check_pixel(event: Event, largest: (u16, u16), name: &str) -> Result<()> {
    if event.x <= largest.0 && event.y <= largest.1 {
        return Ok(());
    }
    let at = format!("the event at {} us", event.t);
    let expected = format!("x up to {} and y up to {} in {name}", largest.0, largest.1);
    let got = format!("({}, {})", event.x, event.y);
    Err(Error::invalid("pixel", at, expected, got))
}

/// Refuses triggers where a format has no place for them.
pub(crate) fn no_triggers(triggers: &[crate::event::Trigger], name: &str) -> Result<()> {
    match triggers.first() {
        None => Ok(()),
        Some(first) => Err(Error::invalid(
            "triggers",
            format!("{} us", first.t),
            format!("none, since {name} has no place for them"),
            triggers.len(),
        )),
    }
}
