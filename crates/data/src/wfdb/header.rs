//! The header of a record.
//!
//! ```text
//! name[/segments] signals [rate[/counter[(base)]] [samples [time [date]]]]
//! file format[xframe][:skew][+offset] [gain[(baseline)][/units] [bits [zero [first [checksum [block [description]]]]]]]
//! ```
//! The second line comes once for each signal. Lines after `#` are comments.

use std::str::FromStr;

use cortado::{Error, Result};

/// Samples each second where a header does not say.
const RATE: f64 = 250.0;
/// Steps of the converter for one unit where a header does not say or says 0.
const GAIN: f64 = 200.0;
const UNITS: &str = "mV";
const BITS: u32 = 12;

pub(super) struct Header {
    pub name: String,
    pub rate: f64,
    /// Samples of each signal.
    pub length: Option<usize>,
    pub lines: Vec<Line>,
    pub comments: Vec<String>,
}

/// How samples are stored.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Format {
    /// Format 212.
    Packed12,
    /// Format 16.
    Whole16,
}

/// What a header says of one signal.
pub(super) struct Line {
    pub file: String,
    pub format: Format,
    /// Bytes of the file before the samples.
    pub offset: usize,
    pub gain: f64,
    pub baseline: i32,
    pub units: String,
    pub adc_bits: u32,
    pub adc_zero: i32,
    pub checksum: Option<i16>,
    pub description: String,
}

impl Header {
    pub fn parse(bytes: &[u8], at: &str) -> Result<Self> {
        let text = String::from_utf8_lossy(bytes);
        let mut comments = Vec::new();
        let mut lines = Vec::new();
        for (i, line) in text.lines().enumerate() {
            match line.trim().strip_prefix('#') {
                Some(comment) => comments.push(comment.trim().to_string()),
                None if line.trim().is_empty() => {}
                None => lines.push((line.trim(), format!("{at}, line {}", i + 1))),
            }
        }
        let mut lines = lines.into_iter();
        let Some((record, at_record)) = lines.next() else {
            return Err(Error::invalid("header", at, "a record line", "none"));
        };
        let (mut header, signals) = Self::record(record, &at_record)?;
        for (line, at) in lines {
            let line = Line::parse(line, &at)?;
            let mut before = header
                .lines
                .iter()
                .rev()
                .skip_while(|l| l.file == line.file);
            if before.any(|l| l.file == line.file) {
                let expected = "the signals of a file one after the other";
                return Err(Error::invalid(
                    "signal line",
                    at,
                    expected,
                    line.file.escape_debug(),
                ));
            }
            header.lines.push(line);
        }
        if header.lines.len() != signals || signals == 0 {
            let expected = format!("{}, one for each signal", signals.max(1));
            return Err(Error::invalid(
                "signal lines",
                at,
                expected,
                header.lines.len(),
            ));
        }
        header.comments = comments;
        Ok(header)
    }

    /// What the record line says, and the number of signals.
    fn record(line: &str, at: &str) -> Result<(Self, usize)> {
        let mut fields = line.split_whitespace();
        let name = fields.next().unwrap_or_default();
        if name.contains('/') {
            return Err(Error::invalid(
                "record",
                at,
                "one segment",
                name.escape_debug(),
            ));
        }
        let signals = number("number of signals", fields.next().unwrap_or_default(), at)?;
        let rate = match fields.next() {
            None => RATE,
            Some(rate) => number("rate", rate.split('/').next().unwrap_or(rate), at)?,
        };
        if !(rate > 0.0 && f64::is_finite(rate)) {
            return Err(Error::invalid(
                "rate",
                at,
                "a positive number of hertz",
                rate,
            ));
        }
        let length = fields.next().map(|n| number("number of samples", n, at));
        let header = Self {
            name: name.to_string(),
            rate,
            length: length.transpose()?.filter(|&n: &usize| n > 0),
            lines: Vec::new(),
            comments: Vec::new(),
        };
        Ok((header, signals))
    }
}

impl Line {
    fn parse(line: &str, at: &str) -> Result<Self> {
        let mut rest = line;
        let mut next = || {
            let (field, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            rest = after.trim_start();
            Some(field).filter(|f| !f.is_empty())
        };
        let file = next().unwrap_or_default();
        if file.contains(['/', '\\', ':']) || matches!(file, "-" | "~" | "." | "..") {
            let expected = "the name of a file beside the header";
            let got = file.escape_debug();
            return Err(Error::invalid("file of samples", at, expected, got));
        }
        let (format, offset) = storage(next().unwrap_or_default(), at)?;
        let (gain, baseline, units) = calibration(next().unwrap_or("0"), at)?;
        let adc_bits = next().map_or(Ok(BITS), |n| number("resolution", n, at))?;
        let adc_zero = next().map_or(Ok(0), |n| number("converter's zero", n, at))?;
        next().map_or(Ok(0), |n| number::<i32>("initial value", n, at))?;
        let checksum = next().map(|n| number("checksum", n, at)).transpose()?;
        next().map_or(Ok(0), |n| number::<i64>("size of a block", n, at))?;
        Ok(Self {
            file: file.to_string(),
            format,
            offset,
            gain,
            baseline: baseline.unwrap_or(adc_zero),
            units,
            adc_bits: if adc_bits == 0 { BITS } else { adc_bits },
            adc_zero,
            checksum,
            description: rest.to_string(),
        })
    }
}

/// `format[xframe][:skew][+offset]`
fn storage(field: &str, at: &str) -> Result<(Format, usize)> {
    let (rest, offset) = field.split_once('+').unwrap_or((field, "0"));
    let (rest, skew) = rest.split_once(':').unwrap_or((rest, "0"));
    let (format, frame) = rest.split_once('x').unwrap_or((rest, "1"));
    for (what, text, only) in [("skew", skew, 0), ("samples in a frame", frame, 1)] {
        let got: u32 = number(what, text, at)?;
        if got != only {
            return Err(Error::invalid(what, at, only.to_string(), got));
        }
    }
    let format = match format {
        "212" => Format::Packed12,
        "16" => Format::Whole16,
        _ => {
            return Err(Error::invalid(
                "format of samples",
                at,
                "212 or 16",
                format.escape_debug(),
            ));
        }
    };
    Ok((format, number("offset", offset, at)?))
}

/// `gain[(baseline)][/units]`
fn calibration(field: &str, at: &str) -> Result<(f64, Option<i32>, String)> {
    let (rest, units) = field.split_once('/').unwrap_or((field, UNITS));
    let (gain, baseline) = match rest.split_once('(') {
        None => (rest, None),
        Some((gain, baseline)) => {
            let inside = baseline.strip_suffix(')').unwrap_or("");
            (gain, Some(number("baseline", inside, at)?))
        }
    };
    let gain: f64 = number("gain", gain, at)?;
    if !gain.is_finite() {
        return Err(Error::invalid("gain", at, "a finite number", gain));
    }
    let gain = if gain == 0.0 { GAIN } else { gain };
    Ok((gain, baseline, units.to_string()))
}

fn number<T: FromStr>(what: &'static str, text: &str, at: &str) -> Result<T> {
    let wrong = |_| {
        Error::invalid(
            what,
            at,
            "a number that fits",
            format!("'{}'", text.escape_debug()),
        )
    };
    text.parse().map_err(wrong)
}
