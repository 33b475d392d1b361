//! Text, a line an event.
//!
//! - RPG: `t x y p` between blanks, `t` in decimal seconds; the first line may be `width height`.
//! - CSV: numbers between commas, semicolons or tabs. The first line may name the columns; else they are `t`, `x`, `y`,
//!   `p`. Times are integer microseconds, or decimal seconds if that of the first event has a point.
//!
//! Seconds are read as decimal numbers, exactly, and rounded to the nearest microsecond, half of one up. Empty lines and
//! lines that begin with `#` are no events; what is no event otherwise is damage.

use cortado_base::Result;

use super::columns::{Order, meaning};
use super::{Decode, Encode, Options, Piece};
use crate::event::{Event, Geometry, Recording, Trigger, View};
use crate::report::Report;

/// No line may be longer, in bytes.
const LONGEST: usize = 1 << 16;
/// Microseconds of a second have so many digits.
const SECONDS: u32 = 6;

/// Reads such text.
pub(crate) struct Decoder {
    csv: bool,
    options: Options,
    order: Option<Order>,
    /// Digits behind the point that times are stored with.
    scale: Option<u32>,
    separator: u8,
    /// Lines so far.
    lines: u64,
}

impl Decoder {
    pub fn new(csv: bool, options: &Options) -> Self {
        Self {
            csv,
            options: options.clone(),
            order: None,
            scale: (!csv).then_some(SECONDS),
            separator: b' ',
            lines: 0,
        }
    }

    /// Learns from the first line that is not empty; whether it is no event.
    fn begin(&mut self, line: &[u8], out: &mut Recording, report: &mut Report) -> Result<bool> {
        out.geometry = out.geometry.or(self.options.geometry);
        if self.csv {
            let found = b",;\t".iter().find(|s| line.contains(s));
            self.separator = found.copied().unwrap_or(b',');
        }
        let text = String::from_utf8_lossy(line);
        let parts: Vec<&str> = self.split(&text);
        if !self.csv && parts.len() == 2 {
            let size = [0, 1].map(|i| parts[i].parse::<u16>().ok().filter(|&n| n > 0));
            if let [Some(width), Some(height)] = size {
                out.geometry = self.options.geometry.or(Some(Geometry::new(width, height)));
                return Ok(true);
            }
        }
        let named = parts.iter().any(|part| meaning(part).is_some());
        if self.csv && named && self.options.columns.is_none() {
            let order = Order::named(parts.iter().copied());
            self.order = Some(order.ok_or_else(|| {
                let expected = "columns t and x, and at most one of each name";
                report.wrong("first line", 0, expected, text.escape_debug())
            })?);
            return Ok(true);
        }
        if parts.len() < 4 && self.options.columns.is_none() {
            // What is no event is found to be so later.
            self.order = Order::named(["t", "x", "y", "p"].into_iter());
            return Ok(false);
        }
        let mut silent = report.fresh();
        let to = if self.csv { report } else { &mut silent };
        self.order = Some(Order::given(&self.options, Some("txyp"), parts.len(), to)?);
        Ok(named && self.csv)
    }

    fn split<'a>(&self, text: &'a str) -> Vec<&'a str> {
        if self.csv {
            text.split(char::from(self.separator))
                .map(str::trim)
                .collect()
        } else {
            text.split_ascii_whitespace().collect()
        }
    }

    fn line(
        &mut self,
        line: &[u8],
        offset: u64,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<()> {
        self.lines += 1;
        if let (Some(order), Some(scale)) = (&self.order, self.scale)
            && let Some(event) = self.event(line, order, scale)
        {
            out.events.push(event);
            return Ok(());
        }
        let line = line.trim_ascii();
        let line = if self.lines == 1 {
            line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
        } else {
            line
        };
        if line.is_empty() || line[0] == b'#' {
            return Ok(());
        }
        if self.order.is_none() && self.begin(line, out, report)? {
            return Ok(());
        }
        let Some(order) = self.order else {
            return Ok(());
        };
        let scale = self.scale(line, &order, report);
        if let Some(event) = self.event(line, &order, scale) {
            out.events.push(event);
            return Ok(());
        }
        let start = &line[..line.len().min(60)];
        let place = format!("line {}, byte {offset}", self.lines);
        let expected = "a time, x, y and polarity";
        let got = format!("\"{}\"", start.escape_ascii());
        report.damage_at("line", place, expected, got)
    }

    /// Digits behind the point that times have, decided by the first event.
    fn scale(&mut self, line: &[u8], order: &Order, report: &mut Report) -> u32 {
        if let Some(scale) = self.scale {
            return scale;
        }
        let text = String::from_utf8_lossy(line);
        let parts = self.split(&text);
        let time = parts.get(order.t).copied().unwrap_or_default();
        if decimal(time.as_bytes(), SECONDS).is_none() {
            return 0;
        }
        let point = time.contains('.');
        report.assume(if point {
            "times in seconds, since the first one has a point"
        } else {
            "times in microseconds, since the first one has no point"
        });
        *self.scale.insert(if point { SECONDS } else { 0 })
    }

    /// The event of a line, if it is one.
    #[inline]
    fn event(&self, line: &[u8], order: &Order, scale: u32) -> Option<Event> {
        let mut parts = Parts {
            rest: line,
            separator: self.separator,
        };
        let mut event = Event {
            p: order.p.is_none(),
            ..Event::default()
        };
        let last = order
            .t
            .max(order.x)
            .max(order.y.unwrap_or(0))
            .max(order.p.unwrap_or(0));
        for i in 0..=last {
            if i == order.t {
                event.t = parts.number(scale)?;
            } else if i == order.x {
                event.x = u16::try_from(parts.number(0)?).ok()?;
            } else if Some(i) == order.y {
                event.y = u16::try_from(parts.number(0)?).ok()?;
            } else if Some(i) == order.p {
                event.p = polarity(parts.next()?)?;
            } else {
                parts.next()?;
            }
        }
        // Further columns are allowed where they were there from the start.
        let more = parts.rest.trim_ascii();
        (more.is_empty() || order.width > last + 1).then_some(event)
    }
}

/// What separators stand between.
struct Parts<'a> {
    rest: &'a [u8],
    /// A blank stands for any number of blanks and tabs.
    separator: u8,
}

impl<'a> Parts<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.separator == b' ' {
            self.rest = self.rest.trim_ascii_start();
            let end = self.rest.iter().position(u8::is_ascii_whitespace);
            let (part, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
            self.rest = rest;
            return (!part.is_empty()).then_some(part);
        }
        let end = self.rest.iter().position(|&b| b == self.separator);
        let (part, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.get(1..).unwrap_or_default();
        let part = part.trim_ascii();
        (!part.is_empty()).then_some(part)
    }

    /// A number that is not below zero, times ten to the power of `scale`.
    #[inline]
    fn number(&mut self, scale: u32) -> Option<u64> {
        let part = self.next()?;
        // Fewer digits than can overflow, and a point with as many behind it as are wanted.
        let (whole, fraction) = match part.iter().position(|&b| b == b'.') {
            None => (part, &[][..]),
            Some(place) => (&part[..place], &part[place + 1..]),
        };
        let digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
        let plain = !whole.is_empty() && whole.len() <= 12 && fraction.len() <= scale as usize;
        if !(plain && digits(whole) && digits(fraction)) {
            return decimal(part, scale);
        }
        let add = |n: u64, &b: &u8| n * 10 + u64::from(b - b'0');
        let n = fraction.iter().fold(whole.iter().fold(0, add), add);
        Some(n * 10u64.pow(scale - fraction.len() as u32))
    }
}

/// A decimal number that is not below zero, times ten to the power of `scale`, rounded to the nearest integer, half up.
/// With a `scale` of 0 the number has to be whole.
fn decimal(text: &[u8], scale: u32) -> Option<u64> {
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let (mantissa, exponent) = match text.iter().position(|b| b"eE".contains(b)) {
        None => (text, 0),
        Some(place) => {
            let exponent = std::str::from_utf8(&text[place + 1..]).ok()?;
            (&text[..place], exponent.parse::<i32>().ok()?)
        }
    };
    let point = mantissa
        .iter()
        .position(|&b| b == b'.')
        .unwrap_or(mantissa.len());
    let digits: Vec<u8> = mantissa.iter().copied().filter(|&b| b != b'.').collect();
    let points = mantissa.len() - digits.len();
    if digits.is_empty() || points > 1 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // So many digits stand before the point of the result.
    let before = i64::try_from(point).ok()? + i64::from(exponent) + i64::from(scale);
    let split = usize::try_from(before.max(0)).ok()?;
    let mut value = 0u64;
    let kept = digits.iter().take(split);
    for b in kept {
        value = value.checked_mul(10)?.checked_add(u64::from(b - b'0'))?;
    }
    for _ in digits.len()..split {
        if value == 0 {
            break;
        }
        value = value.checked_mul(10)?;
    }
    let rest = digits.get(split..).unwrap_or_default();
    if scale == 0 && rest.iter().any(|&b| b != b'0') {
        return None;
    }
    let up = before >= 0 && rest.first().is_some_and(|&b| b >= b'5');
    value.checked_add(u64::from(up))
}

fn polarity(text: &[u8]) -> Option<bool> {
    match text {
        b"1" | b"+1" => return Some(true),
        b"0" | b"-1" => return Some(false),
        _ => {}
    }
    match text.to_ascii_lowercase().as_slice() {
        b"true" => Some(true),
        b"false" => Some(false),
        text => {
            // As NumPy writes it by default.
            let bare = text.strip_prefix(b"-").unwrap_or(text);
            match (decimal(bare, 0)?, bare.len() < text.len()) {
                (1, negative) => Some(!negative),
                (0, _) => Some(false),
                _ => None,
            }
        }
    }
}

/// The event at the start of text that has columns `t`, `x`, `y`, `p` of digits with a single separator between them, a point
/// in `t` at most, and an end of line, which most text is; and the bytes it takes.
#[inline]
fn plain(text: &[u8], separator: u8, scale: u32) -> Option<(Event, usize)> {
    let mut place = 0;
    let mut number = |most: usize, end: u8| {
        let mut n = 0u64;
        let start = place;
        loop {
            let digit = text.get(place)?.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            n = n.wrapping_mul(10).wrapping_add(digit.into());
            place += 1;
        }
        let digits = place - start;
        let point = text[place] == b'.' && most > 5;
        if !(1..=most).contains(&digits) || !point && text[place] != end {
            return None;
        }
        place += 1;
        Some((n, point))
    };
    // Twelve digits and six more fit in 64 bits.
    let (mut t, point) = number(12, separator)?;
    if point {
        let mut left = scale;
        let mut up = false;
        loop {
            let byte = *text.get(place)?;
            place += 1;
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                if byte != separator {
                    return None;
                }
                break;
            }
            if left > 0 {
                t = t * 10 + u64::from(digit);
                left -= 1;
            } else if scale == 0 {
                return None;
            } else {
                up = digit >= 5;
                // What follows changes nothing.
                let rest = text.get(place..)?;
                let more = rest.iter().position(|b| !b.is_ascii_digit())?;
                if rest[more] != separator {
                    return None;
                }
                place += more + 1;
                break;
            }
        }
        t = t * 10u64.pow(left) + u64::from(up);
    } else {
        t = t.checked_mul(10u64.pow(scale))?;
    }
    let mut number = |end: u8| {
        let mut n = 0u32;
        let start = place;
        loop {
            let digit = text.get(place)?.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            n = n.wrapping_mul(10).wrapping_add(digit.into());
            place += 1;
        }
        let good = (1..=5).contains(&(place - start)) && text[place] == end;
        place += 1;
        good.then_some(n)
    };
    let x = u16::try_from(number(separator)?).ok()?;
    let y = u16::try_from(number(separator)?).ok()?;
    let p = match number(b'\n')? {
        0 => false,
        1 => true,
        _ => return None,
    };
    Some((Event { t, x, y, p }, place))
}

impl Decode for Decoder {
    fn decode(
        &mut self,
        piece: Piece<'_>,
        out: &mut Recording,
        report: &mut Report,
    ) -> Result<usize> {
        let mut place = 0;
        loop {
            let rest = &piece.bytes[place..];
            if let (
                Some(Order {
                    t: 0,
                    x: 1,
                    y: Some(2),
                    p: Some(3),
                    width: 4,
                }),
                Some(scale),
            ) = (self.order, self.scale)
                && let Some((event, used)) = plain(rest, self.separator, scale)
            {
                out.events.push(event);
                self.lines += 1;
                place += used;
                continue;
            }
            let near = &rest[..rest.len().min(LONGEST + 1)];
            let end = near.iter().position(|&b| b == b'\n');
            if end.is_none() && rest.len() > LONGEST {
                let offset = piece.offset + place as u64;
                let expected = format!("at most {LONGEST} bytes");
                return Err(report.wrong("line", offset, expected, "more"));
            }
            let (line, length) = match end {
                Some(end) => (&rest[..end], end + 1),
                None if piece.last && !rest.is_empty() => (rest, rest.len()),
                None => return Ok(place),
            };
            self.line(line, piece.offset + place as u64, out, report)?;
            place += length;
        }
    }
}

/// Writes such text.
pub(crate) struct Encoder {
    csv: bool,
}

impl Encoder {
    pub fn new(csv: bool) -> Self {
        Self { csv }
    }
}

impl Encode for Encoder {
    fn start(&mut self, geometry: Option<Geometry>, out: &mut Vec<u8>) -> Result<()> {
        match geometry {
            _ if self.csv => out.extend(b"t,x,y,p\n"),
            Some(g) => out.extend(format!("{} {}\n", g.width, g.height).bytes()),
            None => {}
        }
        Ok(())
    }

    fn encode(&mut self, events: View<'_>, triggers: &[Trigger], out: &mut Vec<u8>) -> Result<()> {
        super::records::no_triggers(triggers, "text")?;
        out.reserve(20 * events.len());
        let separator = if self.csv { b',' } else { b' ' };
        for Event { t, x, y, p } in events.iter() {
            if self.csv {
                digits(out, t, 1);
            } else {
                digits(out, t / 1_000_000, 1);
                out.push(b'.');
                digits(out, t % 1_000_000, 6);
            }
            out.push(separator);
            digits(out, x.into(), 1);
            out.push(separator);
            digits(out, y.into(), 1);
            out.extend([separator, b'0' + u8::from(p), b'\n']);
        }
        Ok(())
    }
}

/// Adds a number in at least so many digits.
fn digits(out: &mut Vec<u8>, mut n: u64, least: usize) {
    let mut text = [b'0'; 20];
    let mut place = text.len();
    while n > 0 || text.len() - place < least {
        place -= 1;
        text[place] = b'0' + (n % 10) as u8;
        n /= 10;
    }
    out.extend_from_slice(&text[place..]);
}

#[cfg(test)]
mod tests {
    use super::{Event, decimal, plain};
    use proptest::prelude::*;

    proptest! {
        /// The quick way is the exact one.
        #[test]
        fn plain_times_are_exact(whole in 0u64..2_000_000_000, fraction in "[0-9]{0,12}", point in any::<bool>()) {
            let time = if point { format!("{whole}.{fraction}") } else { whole.to_string() };
            let text = format!("{time} 7 65535 1\nmore");
            let t = decimal(time.as_bytes(), 6).unwrap();
            let event = Event { t, x: 7, y: 65535, p: true };
            prop_assert_eq!(plain(text.as_bytes(), b' ', 6), Some((event, text.len() - 4)));
        }
    }

    #[test]
    fn what_is_not_plain_is_left() {
        for text in [
            "1 2 3 1",
            "1 2 3 2\n",
            "1  2 3 1\n",
            "1 2 65536 1\n",
            "1e3 2 3 1\n",
            " 1 2 3 1\n",
            "1 2 3 1 5\n",
            "1 2.0 3 1\n",
            "1.5e3 2 3 1\n",
            "1.1234567x 2 3 1\n",
            "1 2 3 1\r\n",
        ] {
            assert_eq!(plain(text.as_bytes(), b' ', 6), None, "{text}");
        }
    }

    #[test]
    fn decimals_are_exact() {
        for (text, scale, value) in [
            ("0.0000005", 6, Some(1)),
            ("0.0000004999999999999999999999", 6, Some(0)),
            ("1468939993.067416019", 6, Some(1_468_939_993_067_416)),
            ("1.5e-05", 6, Some(15)),
            ("1.234567500000000000e+00", 6, Some(1_234_568)),
            ("5e-8", 6, Some(0)),
            ("6e-7", 6, Some(1)),
            ("18446744073709551615", 0, Some(u64::MAX)),
            ("18446744073709551616", 0, None),
            ("18446744073709.551615", 6, Some(u64::MAX)),
            ("18446744073709.5516155", 6, None),
            ("3.0", 0, Some(3)),
            ("3.5", 0, None),
            ("3e2", 0, Some(300)),
            ("0e999999999", 0, Some(0)),
            ("1e999999999", 0, None),
            ("1e-999999999", 6, Some(0)),
            (".5", 6, Some(500_000)),
            ("5.", 6, Some(5_000_000)),
            (".", 6, None),
            ("1.2.3", 6, None),
            ("-1", 6, None),
            ("", 6, None),
            ("1x", 6, None),
        ] {
            assert_eq!(decimal(text.as_bytes(), scale), value, "{text}");
        }
    }
}
