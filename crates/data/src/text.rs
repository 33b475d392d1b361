//! Text files with one number on each line, as recordings of muscles (EMG) come in.
//!
//! Lines that start with `#` are comments, empty lines are skipped. The file may be gzip-compressed; that is seen from
//! its first two bytes.

use std::path::Path;

use cortado::{Error, Result};

use cortado_base::source::Source;

/// The usual limit on the bytes of a file once unpacked: 1 GiB.
pub const LIMIT: u64 = 1 << 30;

/// What such a file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// The comments without their `#`.
    pub comments: Vec<String>,
    /// The numbers in order, finite.
    pub numbers: Vec<f32>,
}

impl Text {
    /// The value of a comment `KEY:= VALUE`, for example `1000.00` of `Sampling Rate (Hz)`.
    ///
    /// ```
    /// let text = cortado_data::text::decode(b"# Sampling Rate (Hz):= 1000.00\n2055.0\n2056\n", "memory")?;
    /// assert_eq!(text.numbers, [2055.0, 2056.0]);
    /// assert_eq!(text.value("Sampling Rate (Hz)"), Some("1000.00"));
    /// # Ok::<(), cortado::Error>(())
    /// ```
    pub fn value(&self, key: &str) -> Option<&str> {
        let after = |comment: &'_ String| {
            let rest = comment.strip_prefix(key)?.trim_start();
            Some(comment.len() - rest.strip_prefix(":=")?.len())
        };
        let found = self.comments.iter().find_map(|c| Some((c, after(c)?)));
        found.map(|(comment, from)| comment[from..].trim())
    }
}

/// Reads such a file, of at most `limit` bytes once unpacked (usually [`LIMIT`]).
///
/// # Errors
/// A file that cannot be read, corrupt gzip, more than `limit` bytes, and what [`decode`] refuses.
pub fn read(path: &Path, limit: u64) -> Result<Text> {
    let mut source = Source::open(path)?;
    let bytes = source.read(limit.saturating_add(1))?;
    if bytes.len() as u64 > limit {
        return Err(source.invalid("text", format!("at most {limit} bytes"), "more"));
    }
    decode(&bytes, &path.display().to_string())
}

/// The numbers in the bytes of a file that is not packed; `at` says in an error where they are from.
///
/// # Errors
/// A line that is neither a comment nor empty nor a finite number.
pub fn decode(bytes: &[u8], at: &str) -> Result<Text> {
    let mut text = Text::default();
    for (i, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let line = line.trim_ascii();
        if let Some(comment) = line.strip_prefix(b"#") {
            let comment = String::from_utf8_lossy(comment.trim_ascii());
            text.comments.push(comment.into_owned());
        } else if !line.is_empty() {
            let number = std::str::from_utf8(line)
                .ok()
                .and_then(|l| l.parse::<f32>().ok());
            let Some(number) = number.filter(|x| x.is_finite()) else {
                let at = format!("{at}, line {}", i + 1);
                let got = line[..line.len().min(40)].escape_ascii();
                return Err(Error::invalid("number", at, "a finite one", got));
            };
            text.numbers.push(number);
        }
    }
    Ok(text)
}
