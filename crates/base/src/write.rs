//! Files that are there whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::{Error, Result};

/// Writes a file so that it is there whole, or not; others may read it as any file of the user's. What is no file, such as a
/// pipe or a device, is written to and not replaced.
///
/// # Errors
/// The operating system's, with the path.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(mut there) = no_file(path)? {
        let done = there.write_all(bytes);
        return done.map_err(|e| Error::io("cannot write", path, e));
    }
    let mut draft = Draft::new(path)?;
    draft.write(bytes)?;
    draft.keep()
}

/// What stands at a path and is no file, such as a pipe or a device, opened to be written; nothing where a file can be.
///
/// # Errors
/// The operating system's, with the path; also for a folder.
pub fn no_file(path: &Path) -> Result<Option<File>> {
    if std::fs::metadata(path).map_or(true, |m| m.is_file()) {
        return Ok(None);
    }
    let there = OpenOptions::new().write(true).open(path);
    there
        .map(Some)
        .map_err(|e| Error::io("cannot write", path, e))
}

/// A file that gets its name when it is whole; dropped before, it leaves nothing behind.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    file: NamedTempFile,
}

impl Draft {
    /// Begins a file beside `path`, or, where that is a link, beside what it leads to, which it will replace.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub fn new(path: &Path) -> Result<Self> {
        let leads_to = std::fs::canonicalize(path);
        let path = leads_to.as_deref().unwrap_or(path);
        let mut builder = tempfile::Builder::new();
        // As any new file: the system takes off what the user does not want.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder(path));
        Ok(Self {
            path: path.into(),
            file: file.map_err(|e| Error::io("cannot write", path, e))?,
        })
    }

    /// Where it is until it is whole, for what writes to a path.
    pub fn place(&self) -> &Path {
        self.file.path()
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let done = self.file.write_all(bytes);
        done.map_err(|e| Error::io("cannot write", &self.path, e))
    }

    /// Puts other bytes at a place where there are some.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub fn patch(&mut self, place: u64, bytes: &[u8]) -> Result<()> {
        let file = self.file.as_file_mut();
        let done = file
            .seek(SeekFrom::Start(place))
            .and_then(|_| file.write_all(bytes))
            .and_then(|()| file.seek(SeekFrom::End(0)));
        done.map_err(|e| Error::io("cannot write", &self.path, e))
            .map(|_| ())
    }

    /// Gives it its name, in place of what has it now.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub fn keep(self) -> Result<()> {
        let synced = self.file.as_file().sync_all();
        synced.map_err(|e| Error::io("cannot write", &self.path, e))?;
        let path = self.path.clone();
        self.keep_soon()?;
        // The name lasts once the folder is on disk; not every system can be asked for that.
        if let Ok(folder) = File::open(folder(&path)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }

    /// As [`Draft::keep`], but does not wait for the disk: whole for other programs, while a crash of the system may leave it
    /// broken. For files whose reader checks them.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub fn keep_soon(self) -> Result<()> {
        let kept = self.file.persist(&self.path);
        kept.map_err(|e| Error::io("cannot write", &self.path, e.error))?;
        Ok(())
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}
