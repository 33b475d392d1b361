//! RIFF WAV files: sound as PCM of 8, 16, 24 or 32 bits, or as floating point.
//!
//! A file is `RIFF`, a size, `WAVE`, and then chunks: a name of four bytes, a size (`u32`, little-endian), that many
//! bytes, and one more where the size is odd. `fmt ` says what the numbers are, `data` holds them, one frame after the
//! other with one sample for each channel; other chunks are skipped.

use std::path::Path;

use cortado::{Error, Result};

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xfffe;
/// The last 14 bytes of the sub-format of an extensible file whose first two bytes are a format as above.
const SUBFORMAT: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

/// A sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Wav {
    /// Frames each second, in hertz.
    pub rate: u32,
    /// Samples in each frame.
    pub channels: usize,
    /// `[frames][channels]`, full scale being -1..1; PCM of `n` bits is divided by `2^(n - 1)`.
    pub samples: Vec<f32>,
}

impl Wav {
    /// How many frames there are.
    pub fn frames(&self) -> usize {
        self.samples.len() / self.channels.max(1)
    }
}

/// Reads a WAV file.
///
/// # Errors
/// A file that cannot be read, and what [`decode`] refuses.
pub fn read(path: &Path) -> Result<Wav> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("cannot read", path, e))?;
    decode(&bytes, &path.display().to_string())
}

/// The sound in the bytes of a WAV file; `at` says in an error where they are from.
///
/// A `data` chunk whose size is 0xffffffff, as programs write that cannot go back, goes to the end.
///
/// # Errors
/// A wrong start, a missing chunk or one that is cut off, a format other than PCM of 8, 16, 24 or 32 bits or floating
/// point of 32 or 64, no channels, no rate, half a frame, or a sample that is not finite.
///
/// ```
/// // One channel, 8 kHz, 16 bits: one sample of half the full scale.
/// let bytes = b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x02\0\0\0\0\x40";
/// let wav = cortado_data::wav::decode(bytes, "memory")?;
/// assert_eq!((wav.rate, wav.channels, wav.samples), (8000, 1, vec![0.5]));
/// # Ok::<(), cortado::Error>(())
/// ```
pub fn decode(bytes: &[u8], at: &str) -> Result<Wav> {
    let (start, mut rest) = bytes.split_at_checked(12).unwrap_or((bytes, &[]));
    if !start.starts_with(b"RIFF") || start.get(8..) != Some(b"WAVE") {
        let got = start.escape_ascii();
        return Err(Error::invalid("start", at, "RIFF, a size and WAVE", got));
    }
    let mut format = None;
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, size @ ..] = *head;
        let (name, size) = ([a, b, c, d], u32::from_le_bytes(size));
        let to_end = name == *b"data" && size == u32::MAX;
        let size = if to_end { after.len() } else { size as usize };
        let Some((body, after)) = after.split_at_checked(size) else {
            let at = format!("{at}, chunk {}", name.escape_ascii());
            let expected = format!("{size} bytes");
            return Err(Error::invalid("chunk", at, expected, after.len()));
        };
        match &name {
            b"fmt " if format.is_none() => format = Some(Format::parse(body, at)?),
            b"fmt " => return Err(Error::invalid("chunk fmt", at, "one", "another")),
            b"data" => {
                let missing = || Error::invalid("chunks", at, "fmt before data", "data");
                return format.ok_or_else(missing)?.sound(body, at);
            }
            _ => {}
        }
        rest = after.get(size % 2..).unwrap_or_default();
    }
    Err(Error::invalid("chunks", at, "one named data", "none"))
}

struct Format {
    rate: u32,
    channels: usize,
    float: bool,
    /// Bytes of one sample.
    size: usize,
}

impl Format {
    fn parse(body: &[u8], at: &str) -> Result<Self> {
        let wrong = |what, expected: &str, got: &dyn ToString| {
            Err(Error::invalid(what, at, expected, got.to_string()))
        };
        let Some((&[t0, t1, c0, c1, r0, r1, r2, r3, _, _, _, _, a0, a1, b0, b1], more)) =
            body.split_first_chunk::<16>()
        else {
            return wrong("chunk fmt", "at least 16 bytes", &body.len());
        };
        let mut tag = u16::from_le_bytes([t0, t1]);
        if tag == EXTENSIBLE {
            // A size, valid bits, the place of each channel, and the format as an identifier of 16 bytes.
            tag = match more.get(8..24) {
                Some([low, high, rest @ ..]) if *rest == SUBFORMAT => {
                    u16::from_le_bytes([*low, *high])
                }
                _ => return wrong("sub-format", "PCM or floating point", &more.escape_ascii()),
            };
        }
        let bits = u16::from_le_bytes([b0, b1]);
        let float = match (tag, bits) {
            (PCM, 8 | 16 | 24 | 32) => false,
            (FLOAT, 32 | 64) => true,
            _ => {
                let expected = "PCM (1) of 8, 16, 24 or 32 bits or floating point (3) of 32 or 64";
                return wrong("format", expected, &format!("{tag} of {bits} bits"));
            }
        };
        let (size, channels) = (usize::from(bits / 8), u16::from_le_bytes([c0, c1]));
        let (rate, frame) = (
            u32::from_le_bytes([r0, r1, r2, r3]),
            u16::from_le_bytes([a0, a1]),
        );
        if channels == 0 || rate == 0 {
            let got = format!("{channels} and {rate} Hz");
            return wrong("channels and rate", "at least 1 each", &got);
        }
        let channels = usize::from(channels);
        if usize::from(frame) != channels * size {
            let expected = format!("{} bytes", channels * size);
            return wrong("size of a frame", &expected, &frame);
        }
        Ok(Self {
            rate,
            channels,
            float,
            size,
        })
    }

    fn sound(&self, data: &[u8], at: &str) -> Result<Wav> {
        let frame = self.channels * self.size;
        if !data.len().is_multiple_of(frame) {
            let expected = format!("whole frames of {frame} bytes");
            return Err(Error::invalid("chunk data", at, expected, data.len()));
        }
        let samples: Vec<f32> = match (self.size, self.float) {
            (1, _) => data
                .iter()
                .map(|&b| (f32::from(b) - 128.0) / 128.0)
                .collect(),
            (2, _) => each(data, |b| f32::from(i16::from_le_bytes(b)) / 32768.0),
            // Three bytes above an empty one: the same value at the scale of 32 bits.
            (3, _) => each(data, |[a, b, c]| scaled(i32::from_le_bytes([0, a, b, c]))),
            (4, false) => each(data, |b| scaled(i32::from_le_bytes(b))),
            (4, true) => each(data, f32::from_le_bytes),
            _ => each(data, |b| f64::from_le_bytes(b) as f32),
        };
        if let Some(i) = samples.iter().position(|x| !x.is_finite()) {
            let at = format!("{at}, frame {}", i / self.channels);
            return Err(Error::invalid("sample", at, "a finite number", samples[i]));
        }
        Ok(Wav {
            rate: self.rate,
            channels: self.channels,
            samples,
        })
    }
}

fn scaled(sample: i32) -> f32 {
    (f64::from(sample) / 2f64.powi(31)) as f32
}

fn each<const N: usize>(data: &[u8], sample: fn([u8; N]) -> f32) -> Vec<f32> {
    data.as_chunks().0.iter().map(|&b| sample(b)).collect()
}
