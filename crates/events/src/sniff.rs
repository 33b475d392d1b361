//! The format of a recording from its first bytes.

use cortado_base::{Error, Result};

use crate::format::{Format, Piece, raw};
use crate::report::Report;

/// Bytes that are looked at.
pub(crate) const LOOK: usize = 1 << 16;

/// The start of a recording, as much of it as [`LOOK`] or all.
pub(crate) struct Start<'a> {
    pub bytes: &'a [u8],
    /// Length of the whole, where it is known.
    pub length: Option<u64>,
    /// The ending of its name, which decides only where the bytes do not.
    pub ending: &'a str,
}

impl Start<'_> {
    /// The format; what was guessed is noted in the report.
    ///
    /// # Errors
    /// No known format, or one that is known but not read.
    pub fn format(&self, report: &mut Report) -> Result<Format> {
        let found = self
            .magic(report)?
            .or_else(|| self.text())
            .or_else(|| self.records(report));
        found.ok_or_else(|| {
            let start = &self.bytes[..self.bytes.len().min(16)];
            let got = match start {
                [] => "an empty file".to_string(),
                start => format!("bytes that begin with \"{}\"", start.escape_ascii()),
            };
            Error::invalid("recording", report.at(), "a known format, or --format", got)
        })
    }

    /// Of formats that say what they are.
    fn magic(&self, report: &Report) -> Result<Option<Format>> {
        let magic: [(&[u8], Format); 9] = [
            (b"#!AER-DAT4", Format::Aedat4),
            (b"#!AER-DAT3.1", Format::Aedat31),
            (b"#!AER-DAT2", Format::Aedat2),
            (b"#!AER-DAT1", Format::Aedat2),
            (b"Event Stream", Format::Es),
            (b"\x93NUMPY", Format::Npy),
            (b"MATLAB 5.0", Format::Mat),
            (b"\x89MCAP0\r\n", Format::Mcap),
            (b"% evt3", Format::Evt3),
        ];
        if let Some((_, format)) = magic
            .iter()
            .find(|(start, _)| self.bytes.starts_with(start))
        {
            return Ok(Some(*format));
        }
        if self.bytes.starts_with(b"SQLite format 3\0") {
            let expected = "a recording that is no data base (convert the ROS 2 bag to MCAP)";
            return Err(Error::invalid("format", report.at(), expected, "SQLite"));
        }
        if self.bytes.starts_with(b"PK\x03\x04") {
            // The name of the first member stands behind 30 bytes.
            let length = self
                .bytes
                .get(26..28)
                .map_or(0, |b| usize::from(b[0]) + 256 * usize::from(b[1]));
            let name = self.bytes.get(30..30 + length).unwrap_or_default();
            return Ok(Some(if name.ends_with(b".npy") {
                Format::Npz
            } else {
                Format::Rpg
            }));
        }
        if self.bytes.first() == Some(&b'%') {
            return self.prophesee(report);
        }
        Ok(None)
    }

    /// RAW and DAT files.
    fn prophesee(&self, report: &Report) -> Result<Option<Format>> {
        let piece = Piece {
            bytes: self.bytes,
            offset: 0,
            last: true,
        };
        let header = raw::Header::read(piece, &mut report.fresh())?.unwrap_or_default();
        Ok(match header.encoding() {
            Some("2") => Some(Format::Evt2),
            Some("2.1" | "21") => Some(Format::Evt21),
            Some("3") => Some(Format::Evt3),
            Some(other) => {
                let expected = "EVT 2.0, 2.1 or 3.0";
                return Err(Error::invalid("encoding", report.at(), expected, other));
            }
            None => {
                let kind = self.bytes.get(header.length..header.length + 2);
                let dat =
                    header.get("Version").is_some() || matches!(kind, Some([0 | 0x0c | 0x0e, 8]));
                dat.then_some(Format::Dat)
            }
        })
    }

    /// Lines of numbers.
    fn text(&self) -> Option<Format> {
        let printable = |b: &u8| b.is_ascii_graphic() || b.is_ascii_whitespace();
        let text = self
            .bytes
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(self.bytes);
        if text.is_empty() || !text.iter().all(printable) {
            return None;
        }
        let mut lines = text
            .split(|&b| b == b'\n')
            .filter(|l| !l.trim_ascii().is_empty() && l[0] != b'#');
        let first = lines.next()?;
        // Some line near the start holds nothing but at least three numbers.
        let number = |w: &&[u8]| {
            w.first()
                .is_some_and(|b| b.is_ascii_digit() || b"+-.".contains(b))
        };
        let numbers = |line: &[u8]| {
            let plain = line
                .iter()
                .all(|b| b.is_ascii_digit() || b",;\t .+-eE\r".contains(b));
            plain && line.split(|b| b",;\t ".contains(b)).filter(number).count() >= 3
        };
        // Without events there may be the names of columns, or the size of the sensor, alone.
        let words = |line: &[u8]| -> Vec<Vec<u8>> {
            let parts = line.split(|b| b",;\t ".contains(b));
            parts.map(|w| w.trim_ascii().to_vec()).collect()
        };
        let header = words(first);
        let named = [&b"t"[..], b"x", b"y"]
            .iter()
            .all(|n| header.iter().any(|w| w == n));
        let alone = lines.next().is_none()
            && header.len() == 2
            && header
                .iter()
                .all(|w| !w.is_empty() && w.iter().all(u8::is_ascii_digit));
        let all = text.split(|&b| b == b'\n');
        if !named && !alone && !all.take(100).any(numbers) {
            return None;
        }
        let comma = first.iter().any(|b| b",;\t".contains(b));
        Some(if comma { Format::Csv } else { Format::Rpg })
    }

    /// Records without a header: the size with which times ascend.
    fn records(&self, report: &mut Report) -> Option<Format> {
        let be = |bytes: &[u8]| bytes.iter().fold(0u64, |n, &b| n << 8 | u64::from(b));
        let whole = |size: u64| self.length.is_none_or(|n| n % size == 0) && self.length != Some(0);
        let ascending = |times: Vec<u64>| {
            let pairs = times.len().saturating_sub(1);
            let good = times.is_sorted_by(|a, b| a <= b);
            let up = times.windows(2).filter(|w| w[0] <= w[1]).count();
            pairs > 0 && (good || up * 20 >= pairs * 19)
        };
        let times = |size: usize, time: &dyn Fn(&[u8]) -> u64| -> Vec<u64> {
            self.bytes.chunks_exact(size).map(time).collect()
        };
        let five = whole(5) && ascending(times(5, &|r| be(&r[2..5]) & 0x7f_ffff));
        let seven = whole(7) && ascending(times(7, &|r| be(&r[4..7])));
        let guess = |report: &mut Report, format: Format, why: &str| {
            report.assume(format!("{}, since {why}", format.title()));
            Some(format)
        };
        // Records of N-MNIST with row 240 are turns of its counter and no events.
        let mut events = self
            .bytes
            .chunks_exact(5)
            .filter(|r| r[1] != 240)
            .peekable();
        let zeros = self.ending != "bs2" && events.peek().is_some() && events.all(|r| r[0] == 0);
        match (five, seven) {
            (true, false) if self.ending == "bs1" || zeros => {
                let why =
                    "records of 5 bytes begin with 0 or the name says so, and their times ascend";
                guess(report, Format::Bs1, why)
            }
            (true, false) => guess(report, Format::Nmnist, "times ascend in records of 5 bytes"),
            (false, true) => guess(report, Format::Bs3, "times ascend in records of 7 bytes"),
            _ => {
                let named = Format::ALL.iter().find(|f| {
                    f.endings().contains(&self.ending)
                        && matches!(f, Format::Nmnist | Format::Bs1 | Format::Bs3 | Format::Dat)
                })?;
                guess(
                    report,
                    *named,
                    "its name says so and the bytes do not contradict",
                )
            }
        }
    }
}
