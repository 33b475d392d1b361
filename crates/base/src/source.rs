//! Files that may be packed.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::{Error, Result};
use flate2::read::MultiGzDecoder;

/// The bytes of a file, unpacked if it is gzip.
pub struct Source<'a> {
    file: &'a Path,
    bytes: Box<dyn Read>,
    gzip: bool,
}

impl<'a> Source<'a> {
    /// Opens a file.
    ///
    /// # Errors
    /// The operating system's.
    pub fn open(file: &'a Path) -> Result<Self> {
        let mut opened = File::open(file).map_err(|e| Error::io("cannot open", file, e))?;
        let mut start = Vec::new();
        opened
            .by_ref()
            .take(2)
            .read_to_end(&mut start)
            .map_err(|e| Error::io("cannot read", file, e))?;
        let gzip = start == [0x1f, 0x8b];
        let whole = std::io::Cursor::new(start).chain(opened);
        let bytes: Box<dyn Read> = if gzip {
            Box::new(MultiGzDecoder::new(whole))
        } else {
            Box::new(whole)
        };
        Ok(Self { file, bytes, gzip })
    }

    /// Up to `limit` bytes, fewer at the end; memory grows with what is there, not with `limit`.
    ///
    /// # Errors
    /// The operating system's; a damaged gzip stream.
    pub fn read(&mut self, limit: u64) -> Result<Vec<u8>> {
        let mut data = Vec::new();
        match self.bytes.by_ref().take(limit).read_to_end(&mut data) {
            Ok(_) => Ok(data),
            Err(e) if self.gzip && is_corruption(e.kind()) => Err(self.invalid(
                "gzip data",
                "a whole stream with the right checksum".into(),
                e,
            )),
            Err(e) => Err(Error::io("cannot read", self.file, e)),
        }
    }

    /// An error in what the file holds.
    pub fn invalid(&self, what: &'static str, expected: String, got: impl ToString) -> Error {
        Error::invalid(what, self.file.display().to_string(), expected, got)
    }
}

/// Whether the decoder, rather than the operating system, refused the bytes.
fn is_corruption(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof
    )
}
