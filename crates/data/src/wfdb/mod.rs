//! Records of PhysioNet: signals in the WFDB formats 212 and 16, and annotations in the MIT format.
//!
//! A record is a header `NAME.hea` in text, one or more files of samples that it names, and files of annotations,
//! `NAME.atr` as a rule. Source: Moody and Mark 2001 (`moody2001`), Goldberger et al. 2000 (`goldberger2000`).

mod annotation;
mod header;

pub use annotation::{Annotation, annotations, decode_annotations};

use std::path::Path;

use cortado::{Error, Result};
use header::{Format, Header, Line};

/// Signals that were sampled together.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its name.
    pub name: String,
    /// Samples each second, in hertz.
    pub rate: f64,
    /// The signals, all of the same length.
    pub signals: Vec<Signal>,
    /// Lines of the header after `#`.
    pub comments: Vec<String>,
}

/// One signal of a [`Record`].
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// What it is, for example `MLII`; may be empty.
    pub name: String,
    /// Its physical unit, for example `mV`.
    pub units: String,
    /// Steps of the converter for one unit.
    pub gain: f64,
    /// The converter's value at a physical zero.
    pub baseline: i32,
    /// The middle of the converter's range.
    pub adc_zero: i32,
    /// The converter's resolution in bits.
    pub adc_bits: u32,
    /// Values of the converter.
    pub samples: Vec<i32>,
    /// The value that stands for a sample that is missing: -2^11 or -2^15, the lowest of the format.
    pub missing: i32,
}

impl Signal {
    /// `(sample - baseline) / gain`, in `units`; a missing sample is not a number.
    pub fn physical(&self) -> Vec<f32> {
        let one = |&x: &i32| {
            if x == self.missing {
                f32::NAN
            } else {
                ((f64::from(x) - f64::from(self.baseline)) / self.gain) as f32
            }
        };
        self.samples.iter().map(one).collect()
    }
}

/// Reads the record whose header is `path` (`.hea` may be left out), with files of samples beside it.
///
/// # Errors
/// A file that cannot be read, and what [`decode`] refuses.
pub fn read(path: &Path) -> Result<Record> {
    let mut path = path.to_path_buf();
    if path.extension().is_none_or(|e| e != "hea") {
        path.as_mut_os_string().push(".hea");
    }
    let read = |path: &Path| std::fs::read(path).map_err(|e| Error::io("cannot read", path, e));
    let header = read(&path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut file = |name: &str| read(&folder.join(name));
    decode(&header, &path.display().to_string(), &mut file)
}

/// The record of a header; `file` gives the bytes of a file of samples, `at` says in an error where the header is from.
///
/// Samples beyond the number in the header are left out.
///
/// # Errors
/// A header that does not follow the format, several segments, samples in another format than 212 and 16, more than
/// one sample of a signal in a frame, a skew, a file of samples in another folder or with too few of them, a checksum
/// (the sum of the samples modulo 2^16) that is not the header's.
///
/// ```
/// // Two samples of one signal: 1000 and -1 in 12 bits each.
/// let header = b"r 1 360 2\nr.dat 212 200(1024)/mV 11 1024 1000 999 0 MLII\n";
/// let mut file = |_: &str| Ok(vec![0xe8, 0xf3, 0xff]);
/// let record = cortado_data::wfdb::decode(header, "memory", &mut file)?;
/// assert_eq!(record.signals[0].samples, [1000, -1]);
/// assert_eq!(record.signals[0].physical()[0], (1000.0 - 1024.0) / 200.0);
/// # Ok::<(), cortado::Error>(())
/// ```
pub fn decode(
    header: &[u8],
    at: &str,
    file: &mut dyn FnMut(&str) -> Result<Vec<u8>>,
) -> Result<Record> {
    let header = Header::parse(header, at)?;
    let mut signals: Vec<Signal> = Vec::new();
    let mut length = header.length;
    for group in header.lines.chunk_by(|a, b| a.file == b.file) {
        let name = &group[0].file;
        let at = format!("{at}, file {}", name.escape_debug());
        let samples = group_samples(group, &file(name)?, length, &at)?;
        let frames = samples.len() / group.len();
        length = Some(frames);
        for (i, line) in group.iter().enumerate() {
            let own: Vec<i32> = samples
                .iter()
                .skip(i)
                .step_by(group.len())
                .copied()
                .collect();
            let sum = own.iter().fold(0u16, |sum, &x| sum.wrapping_add(x as u16));
            if let Some(checksum) = line.checksum.filter(|&c| c as u16 != sum) {
                let at = format!("{at}, signal {}", signals.len());
                return Err(Error::invalid(
                    "sum of the samples",
                    at,
                    checksum.to_string(),
                    sum as i16,
                ));
            }
            signals.push(line.signal(own));
        }
    }
    Ok(Record {
        name: header.name,
        rate: header.rate,
        signals,
        comments: header.comments,
    })
}

/// The samples of the signals of one file, frame by frame; `length` frames of them, or all.
fn group_samples(
    group: &[Line],
    bytes: &[u8],
    length: Option<usize>,
    at: &str,
) -> Result<Vec<i32>> {
    let (format, offset) = (group[0].format, group[0].offset);
    if let Some(other) = group
        .iter()
        .find(|l| (l.format, l.offset) != (format, offset))
    {
        let expected = format!(
            "format {} and offset {offset} in all lines",
            format.number()
        );
        let got = format!("{} and {}", other.format.number(), other.offset);
        return Err(Error::invalid("signal line", at, expected, got));
    }
    let bytes = bytes.get(offset..).unwrap_or_default();
    let frames = format.count(bytes.len()) / group.len();
    if let Some(length) = length.filter(|&l| l > frames) {
        let expected = format!("{length} samples of each signal");
        return Err(Error::invalid("samples", at, expected, frames));
    }
    let mut samples = format.samples(bytes);
    samples.truncate(length.unwrap_or(frames) * group.len());
    Ok(samples)
}

impl Format {
    fn number(self) -> u32 {
        match self {
            Self::Packed12 => 212,
            Self::Whole16 => 16,
        }
    }

    /// How many samples so many bytes hold.
    fn count(self, bytes: usize) -> usize {
        match self {
            Self::Packed12 => bytes / 3 * 2 + usize::from(bytes % 3 == 2),
            Self::Whole16 => bytes / 2,
        }
    }

    /// Format 212: two samples of 12 bits in three bytes, the upper four bits of both in the byte between the lower
    /// eight. Format 16: two bytes, the lower first.
    fn samples(self, bytes: &[u8]) -> Vec<i32> {
        let mut samples = Vec::new();
        match self {
            Self::Packed12 => {
                let sign = |x: u16| i32::from((x << 4) as i16 >> 4);
                let low = |a: u8, b: u8| sign(u16::from(a) | u16::from(b) << 8);
                let (pairs, rest) = bytes.as_chunks::<3>();
                for &[a, b, c] in pairs {
                    samples.extend([low(a, b), low(c, b >> 4)]);
                }
                if let [a, b] = *rest {
                    samples.push(low(a, b));
                }
            }
            Self::Whole16 => {
                let pairs = bytes.as_chunks().0.iter();
                samples.extend(pairs.map(|&b| i32::from(i16::from_le_bytes(b))));
            }
        }
        samples
    }
}

impl Line {
    fn signal(&self, samples: Vec<i32>) -> Signal {
        Signal {
            name: self.description.clone(),
            units: self.units.clone(),
            gain: self.gain,
            baseline: self.baseline,
            adc_zero: self.adc_zero,
            adc_bits: self.adc_bits,
            samples,
            missing: match self.format {
                Format::Packed12 => -1 << 11,
                Format::Whole16 => -1 << 15,
            },
        }
    }
}
