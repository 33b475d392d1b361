//! What was downloaded, from where, with which sums: `sources.json` in the folder of the data set.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use cortado::{Error, Result};
use cortado_base::write_atomic;
use serde::{Deserialize, Serialize};

use crate::hash::Sums;

/// Name of the record.
pub const RECORD: &str = "sources.json";

/// The record of a folder, by names of the manifest's files.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Record {
    pub files: BTreeMap<String, Entry>,
}

/// What was downloaded as one file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Entry {
    pub from: String,
    pub bytes: u64,
    pub sha256: String,
    /// How it was checked, in words.
    pub checked: String,
    pub unpacked: Option<Unpacked>,
}

/// What was unpacked from it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Unpacked {
    pub files: u64,
    pub bytes: u64,
    pub sha256: String,
}

impl Unpacked {
    pub fn new((sums, files): (Sums, u64)) -> Self {
        Self {
            files,
            bytes: sums.bytes,
            sha256: sums.sha256,
        }
    }
}

impl Record {
    /// The record of `folder`, empty where there is none.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(RECORD);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(Error::io("cannot read", path, e)),
        };
        serde_json::from_slice(&bytes).map_err(|e| {
            let at = path.display().to_string();
            Error::invalid(
                "record of downloads",
                at,
                "as cortado wrote it, or no such file",
                e,
            )
        })
    }

    pub fn save(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        write_atomic(&folder.join(RECORD), text.as_bytes())
    }
}
