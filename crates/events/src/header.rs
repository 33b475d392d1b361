//! Headers of text lines before binary data.

use cortado_base::Result;

use crate::report::Report;

/// No header may be longer, in bytes.
pub const LONGEST: usize = 1 << 20;

/// Lines of a header and the bytes it takes.
type Lines<'a> = (Vec<&'a [u8]>, usize);

/// The lines at the start of `bytes` that begin with `mark`, up to the line `end` if that comes, and how many bytes they
/// take; nothing while the header may go on in bytes that are not there yet.
///
/// Lines lose the mark, blanks around them and their ends. A line with control characters is data that begins with the
/// mark by chance.
///
/// # Errors
/// More than [`LONGEST`] bytes.
pub fn lines<'a>(
    bytes: &'a [u8],
    last: bool,
    mark: u8,
    end: &str,
    report: &Report,
) -> Result<Option<Lines<'a>>> {
    let mut lines = Vec::new();
    let mut place = 0;
    loop {
        if place > LONGEST {
            return Err(report.wrong(
                "header",
                0,
                format!("at most {LONGEST} bytes"),
                format!("{place} and more"),
            ));
        }
        match bytes.get(place) {
            None if last => return Ok(Some((lines, place))),
            None => return Ok(None),
            Some(&first) if first != mark => return Ok(Some((lines, place))),
            Some(_) => {}
        }
        let rest = &bytes[place..];
        let Some(length) = rest.iter().position(|&b| b == b'\n') else {
            if last || rest.len() > LONGEST {
                // A mark without an end of line is data.
                return Ok(Some((lines, place)));
            }
            return Ok(None);
        };
        let line = rest[1..length.max(1)].trim_ascii();
        if line.iter().any(|&b| b.is_ascii_control() && b != b'\t') {
            return Ok(Some((lines, place)));
        }
        place += length + 1;
        if line == end.as_bytes() {
            return Ok(Some((lines, place)));
        }
        lines.push(line);
    }
}
