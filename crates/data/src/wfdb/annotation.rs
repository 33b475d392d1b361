//! Annotations in the MIT format.

use std::path::Path;

use cortado::{Error, Result};

/// The symbols of the codes 0 to 41; a blank where a code has none.
const SYMBOLS: &[u8; 42] = b" NLRaVFJASEj/Q~ | sT*D\"=pB^t+u?![]en@xf()r";
/// The beats among the symbols, as PhysioNet lists them.
const BEATS: &str = "NLRBAaJSVrFejnE/fQ?";
/// The highest code of an annotation.
const LAST: u8 = 49;
const SKIP: u8 = 59;
const NUM: u8 = 60;
const SUB: u8 = 61;
const CHN: u8 = 62;
const AUX: u8 = 63;

/// A mark at one sample of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotation {
    /// The sample, counted from 0.
    pub sample: u64,
    /// What it marks, 0 to 49.
    pub code: u8,
    /// A class within the code.
    pub subtype: i8,
    /// The signal that it belongs to.
    pub channel: u8,
    /// A number whose meaning is the annotator's.
    pub number: i8,
    /// A text, for example `(N` where normal rhythm begins; mostly empty.
    pub text: Vec<u8>,
}

impl Annotation {
    /// PhysioNet's symbol, for example `N` for a normal beat; nothing for a code without one.
    pub fn symbol(&self) -> Option<char> {
        let symbol = *SYMBOLS.get(usize::from(self.code))?;
        Some(char::from(symbol)).filter(|&c| c != ' ')
    }

    /// Whether it marks a beat of the heart.
    pub fn is_beat(&self) -> bool {
        self.symbol().is_some_and(|c| BEATS.contains(c))
    }
}

/// Reads a file of annotations.
///
/// # Errors
/// A file that cannot be read, and what [`decode_annotations`] refuses.
pub fn annotations(path: &Path) -> Result<Vec<Annotation>> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("cannot read", path, e))?;
    decode_annotations(&bytes, &path.display().to_string())
}

/// The annotations in the bytes of a file in the MIT format; `at` says in an error where they are from.
///
/// Each is a word of 16 bits, lower byte first: a code in the upper 6, the samples since the one before in the lower 10.
/// Codes above 58 belong to an annotation: `SKIP` (59) adds the 32 bits that follow to the time of the next one, the
/// upper word first; `NUM` (60) and `CHN` (62) set the number and the channel from the last one on, `SUB` (61) the
/// subtype of the last one, `AUX` (63) its text, padded to whole words. A word 0 ends the file.
///
/// # Errors
/// A file without its end, something other than zeros after it, an unknown code, something that belongs to an
/// annotation before the first, a time before the start.
///
/// ```
/// // A normal beat (code 1) at sample 77, then the end.
/// let marks = cortado_data::wfdb::decode_annotations(&[77, 1 << 2, 0, 0], "memory")?;
/// assert_eq!((marks[0].sample, marks[0].symbol(), marks[0].is_beat()), (77, Some('N'), true));
/// # Ok::<(), cortado::Error>(())
/// ```
pub fn decode_annotations(bytes: &[u8], at: &str) -> Result<Vec<Annotation>> {
    let mut words = Words { bytes, at };
    let mut marks: Vec<Annotation> = Vec::new();
    let mut time = 0i64;
    let (mut channel, mut number) = (0, 0);
    loop {
        let word = words.next()?;
        let (code, low) = ((word >> 10) as u8, word & 0x3ff);
        if word == 0 {
            break;
        }
        if code == SKIP {
            let high = words.next()?;
            let interval = (u32::from(high) << 16 | u32::from(words.next()?)) as i32;
            time = time.saturating_add(i64::from(interval));
            continue;
        }
        if code <= LAST {
            time = time.saturating_add(i64::from(low));
            let sample = u64::try_from(time);
            marks.push(Annotation {
                sample: sample.map_err(|_| words.wrong("a time from 0 on", time))?,
                code,
                subtype: 0,
                channel,
                number,
                text: Vec::new(),
            });
            continue;
        }
        let Some(last) = marks.last_mut() else {
            return Err(words.wrong("an annotation first", code));
        };
        match code {
            NUM => (number, last.number) = (low as i8, low as i8),
            SUB => last.subtype = low as i8,
            CHN => (channel, last.channel) = (low as u8, low as u8),
            AUX => last.text = words.text(usize::from(low))?,
            _ => return Err(words.wrong("a code up to 49 or from 59 on", code)),
        }
    }
    match words.bytes.iter().any(|&b| b != 0) {
        true => Err(words.wrong("the end", "more")),
        false => Ok(marks),
    }
}

/// What is left of a file.
struct Words<'a> {
    bytes: &'a [u8],
    at: &'a str,
}

impl Words<'_> {
    fn next(&mut self) -> Result<u16> {
        let cut = || self.wrong("a word 0 at the end", "the end of the file");
        let (&word, rest) = self.bytes.split_first_chunk::<2>().ok_or_else(cut)?;
        self.bytes = rest;
        Ok(u16::from_le_bytes(word))
    }

    /// `length` bytes, padded to whole words; zeros at the end are left out.
    fn text(&mut self, length: usize) -> Result<Vec<u8>> {
        let cut = || self.wrong("a text as long as it says", "the end of the file");
        let whole = length.next_multiple_of(2);
        let (text, rest) = self.bytes.split_at_checked(whole).ok_or_else(cut)?;
        self.bytes = rest;
        let text = &text[..length];
        let end = text.iter().rposition(|&b| b != 0).map_or(0, |i| i + 1);
        Ok(text[..end].to_vec())
    }

    fn wrong(&self, expected: &str, got: impl ToString) -> Error {
        Error::invalid("annotation", self.at, expected, got)
    }
}
