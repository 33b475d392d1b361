//! Downloads: mirrors, resume, checksums, unpacking.
//!
//! A file arrives as `NAME.part`, with its origin beside it, and gets its name when its length and its
//! checksum are right, so that a run that is killed leaves a part that the next run goes on with, or the
//! whole file. The rest of a part is asked for with `Range`; with `If-Range` where the server gave a
//! validator. A part goes on only where a checksum will tell, or where the same server can.
//!
//! Where the manifest knows no checksum ([`Checksum::Unknown`](crate::hash::Checksum)) the length is checked
//! against its bound, and [`RECORD`] keeps the SHA-256 of the first download, which is expected from then on.
//!
//! Proxies are taken from `ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.

mod check;
mod fetcher;
mod http;
mod part;
mod record;

use std::path::Path;
use std::time::Duration;

use cortado::Result;

use crate::manifest::Manifest;
use fetcher::Fetcher;
use record::Record;

pub use check::{Checked, State, check, present};
pub use record::RECORD;

/// How to download.
#[derive(Clone, Debug)]
pub struct Options {
    /// Longest time for a connection.
    pub connect: Duration,
    /// Longest silence of a server.
    pub read: Duration,
    /// Tries at one mirror that bring nothing, before the next mirror's turn.
    pub tries: u32,
    /// Pause before the second try; it doubles with every further one, up to 30 s.
    pub backoff: Duration,
    /// Address of a folder or path of a folder that holds the files, instead of the manifest's mirrors.
    pub from: Option<String>,
    /// Whether archives are kept once they are unpacked.
    pub keep: bool,
    /// Whether what is there and wrong is replaced.
    pub force: bool,
    /// Whether proxies of the environment are used.
    pub proxy: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            read: Duration::from_secs(30),
            tries: 3,
            backoff: Duration::from_secs(1),
            from: None,
            keep: false,
            force: false,
            proxy: true,
        }
    }
}

/// What happens, as it happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// A file's turn has come.
    File {
        /// Its name.
        name: &'a str,
        /// Its length, where it is known.
        bytes: Option<u64>,
    },
    /// A source is asked.
    Trying {
        /// Its address or path.
        from: &'a str,
    },
    /// The source goes on where a part ends.
    Resumed {
        /// Length of the part.
        at: u64,
    },
    /// Bytes have arrived.
    Bytes {
        /// All that have, of this file.
        so_far: u64,
    },
    /// A try did not bring the file.
    Failed {
        /// Address or path.
        from: &'a str,
        /// The reason.
        why: &'a str,
    },
    /// The archive is being unpacked.
    Unpacking,
    /// The file's turn is over.
    Done(&'a Fetched),
}

/// One file or folder that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its name in the folder of the data set.
    pub name: String,
    /// Its bytes, of all files where it is a folder.
    pub bytes: u64,
    /// Where it came from; nothing where it was there already.
    pub from: Option<String>,
    /// How it was checked.
    pub checked: Checked,
}

/// Brings everything of `manifest` into its folder in `folder`; what is there and right stays as it is.
///
/// # Errors
/// One sentence with every mirror and its reason when none has the file; something wrong in the file's
/// place without [`Options::force`]; another download into the same folder; the operating system's.
pub fn get(
    manifest: &Manifest,
    folder: &Path,
    options: &Options,
    tell: &mut dyn FnMut(Event),
) -> Result<Vec<Fetched>> {
    let folder = folder.join(&manifest.name);
    let mut fetcher = Fetcher {
        manifest,
        record: Record::load(&folder)?,
        folder,
        options,
        agent: http::agent(options),
        tell,
        lock: None,
    };
    manifest
        .files
        .iter()
        .map(|file| fetcher.file(file))
        .collect()
}
