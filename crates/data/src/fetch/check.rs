//! What of a data set is there, and whether it is right.

use std::fmt;
use std::path::Path;

use cortado::Result;

use super::record::Record;
use crate::hash::{self, Checksum};
use crate::manifest::{Manifest, Source};

/// How something was found to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// By the SHA-256 of the manifest.
    Sha256,
    /// By the MD5 of the manifest, which finds damage, not malice.
    Md5,
    /// By the SHA-256 that was recorded at the first download: the manifest knows none.
    Recorded,
    /// By its length only: the manifest knows no checksum. At a download the SHA-256 is recorded.
    Size,
    /// Not at all: it is there, and neither checksum nor length is known.
    Nothing,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "SHA-256 right",
            Self::Md5 => "MD5 right",
            Self::Recorded => "as at the first download (no published checksum)",
            Self::Size => "only the length checked (no published checksum)",
            Self::Nothing => "not checked (no published checksum, no record)",
        })
    }
}

impl Checked {
    pub(super) fn by(checksum: &Checksum) -> Self {
        match checksum {
            Checksum::Sha256(_) => Self::Sha256,
            Checksum::Md5(_) => Self::Md5,
            Checksum::Unknown => Self::Size,
        }
    }
}

/// The state of one file or folder of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is not there; so many bytes have arrived.
    Absent {
        /// Length of the part.
        arrived: u64,
    },
    /// It is there.
    There {
        /// Its bytes.
        bytes: u64,
        /// How it was checked.
        checked: Checked,
    },
    /// It is there and is something else.
    Wrong {
        /// What the manifest or the record says.
        expected: String,
        /// What was found.
        got: String,
    },
}

/// Sums up everything that is there of `manifest` in its folder in `folder`, with the name of each file or
/// folder as a user finds it.
///
/// # Errors
/// The operating system's, and a record that cannot be read.
pub fn check(manifest: &Manifest, folder: &Path) -> Result<Vec<(String, State)>> {
    let folder = folder.join(&manifest.name);
    let record = Record::load(&folder)?;
    let one = |file: &Source| Ok((file.target().to_string(), state(file, &folder, &record)?));
    manifest.files.iter().map(one).collect()
}

/// Whether everything of `manifest` is there by name, without a look inside.
pub fn present(manifest: &Manifest, folder: &Path) -> bool {
    let folder = folder.join(&manifest.name);
    manifest
        .files
        .iter()
        .all(|f| folder.join(f.target()).exists())
}

pub(super) fn state(file: &Source, folder: &Path, record: &Record) -> Result<State> {
    let target = folder.join(file.target());
    if target.symlink_metadata().is_err() {
        let part = folder.join(format!("{}.part", file.name));
        let arrived = part.metadata().map_or(0, |m| m.len());
        return Ok(State::Absent { arrived });
    }
    let (sums, _) = hash::of_tree(&target)?;
    let entry = record.files.get(&file.name);
    let (checksum, size, recorded) = match &file.unpack {
        Some(plan) => {
            let unpacked = entry.and_then(|e| e.unpacked.as_ref());
            (&plan.checksum, None, unpacked.map(|u| &u.sha256))
        }
        None => (&file.checksum, file.size, entry.map(|e| &e.sha256)),
    };
    let there = |checked| State::There {
        bytes: sums.bytes,
        checked,
    };
    let wrong = |expected: String, got: String| State::Wrong { expected, got };
    Ok(match (checksum.matches(&sums), recorded, size) {
        (Some(true), ..) => there(Checked::by(checksum)),
        (Some(false), ..) => wrong(checksum.to_string(), checksum.of(&sums).to_string()),
        (None, Some(sum), _) if *sum == sums.sha256 => there(Checked::Recorded),
        (None, Some(sum), _) => wrong(format!("sha256:{sum}"), format!("sha256:{}", sums.sha256)),
        (None, None, Some(size)) if size == sums.bytes => there(Checked::Size),
        (None, None, Some(size)) => wrong(format!("{size} bytes"), format!("{} bytes", sums.bytes)),
        (None, None, None) => there(Checked::Nothing),
    })
}
