//! What has arrived of a file, and where from.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use cortado::{Error, Result};
use cortado_base::write_atomic;
use serde::{Deserialize, Serialize};

/// Where the bytes of a part are from: without this a server cannot be asked whether the rest belongs to them.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Origin {
    pub url: String,
    /// Strong `ETag`, or else `Last-Modified`, of the server.
    pub validator: Option<String>,
}

/// `NAME.part` with the first bytes of NAME, and `NAME.part.from` with their origin.
pub(super) struct Part {
    path: PathBuf,
    file: File,
    len: u64,
    origin: Option<Origin>,
    carried: bool,
}

impl Part {
    /// The part that an earlier run has left, or an empty one.
    pub fn open(target: &Path) -> Result<Self> {
        let path = beside(target, ".part");
        let refused = |e| Error::io("cannot write", &path, e);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(refused)?;
        let len = file.seek(SeekFrom::End(0)).map_err(refused)?;
        // An origin that cannot be read is none: the part then starts again or its checksum decides.
        let origin = fs::read(beside(&path, ".from")).ok();
        let origin = origin.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(Self {
            path,
            file,
            len,
            origin,
            carried: len > 0,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Whether bytes are among it that were there when it was opened.
    pub fn carried(&self) -> bool {
        self.carried
    }

    /// Throws away what is there and starts with bytes from `origin`.
    pub fn restart(&mut self, origin: Origin) -> Result<()> {
        let refused = |e| Error::io("cannot write", &self.path, e);
        self.file.set_len(0).map_err(refused)?;
        self.file.rewind().map_err(refused)?;
        self.len = 0;
        self.carried = false;
        // The bytes are gone before their origin changes, so that a kill in between leaves no false pair.
        self.file.sync_data().map_err(refused)?;
        let text = serde_json::to_string(&origin).unwrap_or_default();
        write_atomic(&beside(&self.path, ".from"), text.as_bytes())?;
        self.origin = Some(origin);
        Ok(())
    }

    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all(bytes);
        written.map_err(|e| Error::io("cannot write", &self.path, e))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Gives the whole file its name.
    pub fn keep(self, target: &Path) -> Result<()> {
        let synced = self.file.sync_all();
        synced.map_err(|e| Error::io("cannot write", &self.path, e))?;
        fs::rename(&self.path, target).map_err(|e| Error::io("cannot rename to", target, e))?;
        remove(&beside(&self.path, ".from"))
    }

    /// Removes the part and its origin.
    pub fn discard(self) -> Result<()> {
        remove(&self.path)?;
        remove(&beside(&self.path, ".from"))
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("cannot remove", path, e)),
        _ => Ok(()),
    }
}
