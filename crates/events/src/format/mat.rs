//! MATLAB 5 files: ST-MNIST's array of spikes, and columns of events as ASL-DVS's.
//!
//! 116 bytes of text, 8 unused, the version `u16` 0x100, and `MI`, which a little-endian file has as `IM`; then elements: kind
//! `u32`, length `u32`, so many bytes, and zeros up to a multiple of 8. If the upper half of the kind is not 0, it is a length
//! of up to 4, and the bytes stand where the length would. Kinds are 1 `i8`, 2 `u8`, 3 `i16`, 4 `u16`, 5 `i32`, 6 `u32`,
//! 7 `f32`, 9 `f64`, 12 `i64`, 13 `u64`, 14 an array, and 15 an element that is deflated with zlib, after which there are no
//! zeros. An array holds elements: flags `u32` (the lowest byte is its class, 6 to 15 for numbers), dimensions `i32`, name,
//! and numbers column by column, of the smallest kind that holds them.
//!
//! | arrays | what |
//! |---|---|
//! | `spiketrain`, n + 1 rows | ST-MNIST: a column for each event. The last row is its time in seconds; of the n rows above, the one that is not 0 is the sensor: 1 brighter (pressed), -1 darker |
//! | `ts`, `x`, `y`, `pol`, or usual other names | ASL-DVS: a number for each event; times are microseconds, or seconds if they are not all whole. Above 0 is brighter |
//!
//! The n sensors of ST-MNIST are a square of 10 by 10: sensor `i` is column `i % 10` and row `i / 10`. Should a column
//! have more than one sensor, each is an event. Times are rounded to microseconds.
//!
//! The file is read when all of it is there. Its elements unpack to at most 1100 times its bytes and 1 MiB, which is more
//! than deflate can make of them.

use std::borrow::Cow;
use std::io::Read;

use cortado_base::{Error, Result};

use super::columns::meaning;
use super::{Decode, Options, Piece};
use crate::event::{Event, Geometry, Recording};
use crate::report::Report;

const HEADER: usize = 128;
/// Kinds of elements.
const ARRAY: u32 = 14;
const DEFLATED: u32 = 15;
/// Classes of arrays of numbers.
const NUMBERS: std::ops::RangeInclusive<u32> = 6..=15;
/// The name of ST-MNIST's array.
const SPIKES: &[u8] = b"spiketrain";

/// Reads such a file.
pub(crate) struct Decoder {
    geometry: Option<Geometry>,
}

impl Decoder {
    pub fn new(options: &Options) -> Self {
        Self {
            geometry: options.geometry,
        }
    }
}

/// An element, and the bytes it takes.
struct Element<'a> {
    kind: u32,
    bytes: &'a [u8],
    length: usize,
}

fn u32_of(bytes: &[u8], big: bool) -> Option<u32> {
    let bytes = *bytes.first_chunk::<4>()?;
    Some(match big {
        true => u32::from_be_bytes(bytes),
        false => u32::from_le_bytes(bytes),
    })
}

/// The first element; what is wrong, if it is not whole.
fn element(bytes: &[u8], big: bool) -> std::result::Result<Element<'_>, String> {
    let cut = || format!("{} bytes", bytes.len());
    let tag = bytes.first_chunk::<8>().ok_or_else(cut)?;
    let first = u32_of(tag, big).unwrap_or(0);
    if first >> 16 != 0 {
        let length = (first >> 16) as usize;
        let held = bytes[4..8].get(..length);
        return Ok(Element {
            kind: first & 0xffff,
            bytes: held.ok_or_else(|| format!("{length} bytes in a short element"))?,
            length: 8,
        });
    }
    let length = u32_of(&tag[4..], big).unwrap_or(0) as usize;
    let held = bytes[8..].get(..length);
    let held = held.ok_or_else(|| format!("{} of {length} bytes", bytes.len() - 8))?;
    let padded = match first {
        DEFLATED => length,
        _ => length.next_multiple_of(8),
    };
    Ok(Element {
        kind: first,
        bytes: held,
        length: bytes.len().min(8 + padded),
    })
}

/// An array of numbers, column by column.
struct Array<'a> {
    name: &'a [u8],
    rows: usize,
    columns: usize,
    kind: u32,
    big: bool,
    bytes: &'a [u8],
}

/// Bytes of a number.
fn size(kind: u32) -> Option<usize> {
    match kind {
        1 | 2 => Some(1),
        3 | 4 => Some(2),
        5..=7 => Some(4),
        9 | 12 | 13 => Some(8),
        _ => None,
    }
}

impl<'a> Array<'a> {
    /// The array in an element's bytes; nothing if it is none of numbers in two dimensions, or empty.
    fn read(bytes: &'a [u8], big: bool) -> std::result::Result<Option<Self>, String> {
        let mut place = 0;
        let mut next = || {
            let found = element(&bytes[place..], big);
            place += found.as_ref().map_or(0, |e| e.length);
            found
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        let class = u32_of(next()?.bytes, big).map(|flags| flags & 0xff);
        let sides = next()?.bytes;
        let name = next()?.bytes;
        if !class.is_some_and(|class| NUMBERS.contains(&class)) || sides.len() != 8 {
            return Ok(None);
        }
        let side = |place: usize| u32_of(&sides[place..], big).unwrap_or(0) as usize;
        let (rows, columns) = (side(0), side(4));
        let numbers = next()?;
        let size = size(numbers.kind).ok_or_else(|| format!("numbers of kind {}", numbers.kind))?;
        let all = rows.checked_mul(columns).and_then(|n| n.checked_mul(size));
        if all != Some(numbers.bytes.len()) {
            let got = numbers.bytes.len();
            return Err(format!(
                "{got} bytes for {rows} x {columns} numbers of {size}"
            ));
        }
        Ok(Some(Self {
            name,
            rows,
            columns,
            kind: numbers.kind,
            big,
            bytes: numbers.bytes,
        }))
    }

    fn len(&self) -> usize {
        self.rows * self.columns
    }

    fn word<const N: usize>(&self, i: usize) -> [u8; N] {
        let found = self.bytes.as_chunks::<N>().0.get(i);
        let mut word = found.copied().unwrap_or([0; N]);
        if self.big {
            word.reverse();
        }
        word
    }

    /// Number `i`; one of 64 bits may be rounded.
    fn real(&self, i: usize) -> f64 {
        match self.kind {
            7 => f32::from_le_bytes(self.word(i)).into(),
            9 => f64::from_le_bytes(self.word(i)),
            13 => u64::from_le_bytes(self.word(i)) as f64,
            _ => self.whole(i) as f64,
        }
    }

    /// Number `i`; -1 if it is no whole number of 63 bits.
    fn whole(&self, i: usize) -> i64 {
        match self.kind {
            1 => i8::from_le_bytes(self.word(i)).into(),
            2 => u8::from_le_bytes(self.word(i)).into(),
            3 => i16::from_le_bytes(self.word(i)).into(),
            4 => u16::from_le_bytes(self.word(i)).into(),
            5 => i32::from_le_bytes(self.word(i)).into(),
            6 => u32::from_le_bytes(self.word(i)).into(),
            12 => i64::from_le_bytes(self.word(i)),
            13 => i64::try_from(u64::from_le_bytes(self.word(i))).unwrap_or(-1),
            _ => match self.real(i) {
                v if v.fract() == 0.0 && (0.0..9.2e18).contains(&v) => v as i64,
                _ => -1,
            },
        }
    }
}

/// Seconds in microseconds; -1 if that is no time.
fn micros(seconds: f64) -> i64 {
    match (seconds * 1e6).round() {
        t if (0.0..9.2e18).contains(&t) => t as i64,
        _ => -1,
    }
}

impl Decode for Decoder {
    fn decode(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<usize> {
        if !piece.last {
            return Ok(0);
        }
        let bytes = piece.bytes;
        let head = bytes.first_chunk::<HEADER>();
        let big = match head.map(|head| &head[126..]) {
            Some(b"IM") => false,
            Some(b"MI") => true,
            _ => {
                let got = match head {
                    Some(head) => head[126..].escape_ascii().to_string(),
                    None => format!("a file of {} bytes", bytes.len()),
                };
                let expected = "a header of 128 bytes that ends with IM or MI";
                return Err(report.wrong("header", 0, expected, got));
            }
        };
        let text = bytes[..116].split(|&b| b == 0).next().unwrap_or_default();
        let text = String::from_utf8_lossy(text).trim().to_string();
        report.header.push(("text".into(), text));

        let bodies = unpack(bytes, big, report)?;
        let mut arrays = Vec::new();
        for (place, body) in &bodies {
            match Array::read(body, big) {
                Ok(array) => arrays.extend(array),
                Err(got) => report.damage("array", *place, "a whole array", got)?,
            }
        }
        if let Some(spikes) = arrays.iter().find(|a| a.name == SPIKES) {
            let sensor = spike_train(spikes, out, report)?;
            out.geometry = Some(self.geometry.unwrap_or(sensor));
        } else {
            columns(&arrays, out, report)?;
            out.geometry = self.geometry;
        }
        Ok(bytes.len())
    }
}

/// The bytes of all arrays, each with the place of its element in the file.
fn unpack<'a>(
    bytes: &'a [u8],
    big: bool,
    report: &mut Report,
) -> Result<Vec<(u64, Cow<'a, [u8]>)>> {
    let limit = (bytes.len() as u64)
        .saturating_mul(1100)
        .saturating_add(1 << 20);
    let mut left = limit;
    let mut bodies = Vec::new();
    let mut place = HEADER;
    while place < bytes.len() {
        let at = place as u64;
        let found = match element(&bytes[place..], big) {
            Ok(found) => found,
            Err(got) => {
                report.damage("element", at, "a whole element", got)?;
                break;
            }
        };
        place += found.length;
        match found.kind {
            ARRAY => bodies.push((at, Cow::Borrowed(found.bytes))),
            DEFLATED => {
                let mut held = Vec::new();
                let source = flate2::read::ZlibDecoder::new(found.bytes);
                let read = source.take(left.saturating_add(1)).read_to_end(&mut held);
                if held.len() as u64 > left {
                    let expected = format!("at most {limit} bytes in all elements");
                    return Err(report.wrong("element", at, expected, "more"));
                }
                left -= held.len() as u64;
                let inner = read.map_err(|e| e.to_string()).and_then(|_| {
                    let inner = element(&held, big)?;
                    Ok((inner.kind, 8, 8 + inner.bytes.len()))
                });
                match inner {
                    Ok((ARRAY, start, end)) if end <= held.len() => {
                        held.truncate(end);
                        held.drain(..start);
                        bodies.push((at, Cow::Owned(held)));
                    }
                    Ok(_) => {}
                    Err(got) => report.damage("element", at, "an element that unpacks", got)?,
                }
            }
            _ => {}
        }
    }
    Ok(bodies)
}

/// Events of ST-MNIST's array; gives the sensor.
fn spike_train(array: &Array<'_>, out: &mut Recording, report: &mut Report) -> Result<Geometry> {
    let sensors = array.rows.saturating_sub(1);
    let side = sensors.isqrt();
    let width = u16::try_from(side).ok().filter(|&w| w > 0);
    let Some(width) = width.filter(|_| side * side == sensors) else {
        let expected = "a row for each sensor of a square, and one of times";
        let at = format!("{}, array spiketrain", report.at());
        let got = format!("{} rows", array.rows);
        return Err(Error::invalid("shape", at, expected, got));
    };
    for column in 0..array.columns {
        let first = column * array.rows;
        let t = u64::try_from(micros(array.real(first + sensors)));
        for sensor in 0..sensors {
            let value = array.real(first + sensor);
            if value == 0.0 {
                continue;
            }
            let (Ok(t), false) = (t, value.is_nan()) else {
                let seconds = array.real(first + sensors);
                let expected = "a time from 0 on, and a number";
                let got = format!("t = {seconds}, {value}");
                report.damage_at("event", format!("column {column}"), expected, got)?;
                continue;
            };
            out.events.push(Event {
                t,
                x: (sensor % side) as u16,
                y: (sensor / side) as u16,
                p: value > 0.0,
            });
        }
    }
    Ok(Geometry::new(width, width))
}

/// Events of arrays that are a column each.
fn columns(arrays: &[Array<'_>], out: &mut Recording, report: &mut Report) -> Result<()> {
    let mut found: [Option<&Array<'_>>; 4] = [None; 4];
    for array in arrays {
        let name = String::from_utf8_lossy(array.name);
        if let Some(which) = meaning(&name)
            && let Some(before) = found[which].replace(array)
        {
            let got = format!(
                "{} and {}",
                before.name.escape_ascii(),
                name.escape_default()
            );
            let expected = "one array for each column";
            return Err(Error::invalid("arrays", report.at(), expected, got));
        }
    }
    let [Some(t), Some(x), Some(y), Some(p)] = found else {
        let mut names = String::new();
        for array in arrays.iter().take(8) {
            let name = &array.name[..array.name.len().min(40)];
            names += &format!("{} ", name.escape_ascii());
        }
        let got = match names.trim_end() {
            "" => "no array of numbers",
            names => names,
        };
        let expected = "spiketrain, or ts, x, y and pol";
        return Err(Error::invalid("arrays", report.at(), expected, got));
    };
    let all = [t, x, y, p];
    if let Some(other) = all
        .iter()
        .find(|a| a.len() != t.len() || a.rows.min(a.columns) > 1)
    {
        let at = format!("{}, array {}", report.at(), other.name.escape_ascii());
        let expected = format!("{} numbers in a row or column, one for each time", t.len());
        let got = format!("{} x {}", other.rows, other.columns);
        return Err(Error::invalid("shape", at, expected, got));
    }
    let broken = |i: usize| t.real(i).fract() != 0.0;
    let seconds = matches!(t.kind, 7 | 9) && (0..t.len()).any(broken);
    if seconds {
        report.assume("times in seconds, since they are not all whole numbers");
    }
    let time = |i| match seconds {
        true => micros(t.real(i)),
        false => t.whole(i),
    };
    for start in (0..t.len()).step_by(super::BATCH) {
        let range = start..(start + super::BATCH).min(t.len());
        let part = [
            range.clone().map(time).collect::<Vec<_>>(),
            range.clone().map(|i| x.whole(i)).collect(),
            range.clone().map(|i| y.whole(i)).collect(),
            range.map(|i| i64::from(p.real(i) > 0.0)).collect(),
        ];
        super::events(start, part.each_ref().map(Vec::as_slice), out, report)?;
    }
    Ok(())
}
