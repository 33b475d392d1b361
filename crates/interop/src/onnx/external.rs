//! Numbers that stand in files beside the model.

use super::proto::TensorProto;
use crate::{Error, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: i32 = 1;

/// Takes in the numbers of tensors that are kept in files of `folder`, `most` bytes at most.
///
/// # Errors
/// A place outside of the folder, or that a file does not have; the operating system's.
pub(super) fn take_in(tensors: &mut [TensorProto], folder: &Path, most: u64) -> Result<()> {
    let mut left = most;
    for tensor in tensors {
        if tensor.data_location != Some(EXTERNAL) {
            continue;
        }
        let bytes = read(tensor, folder, left)?;
        left -= bytes.len() as u64;
        tensor.raw_data = Some(bytes);
        tensor.external_data.clear();
        tensor.data_location = None;
    }
    Ok(())
}

fn read(tensor: &TensorProto, folder: &Path, most: u64) -> Result<Vec<u8>> {
    let name = tensor.name.as_deref().unwrap_or_default();
    let wrong = |what, expected: &str, got: String| {
        Error::invalid(what, format!("tensor '{name}'"), expected, got)
    };
    let entry = |key: &str| {
        let mut entries = tensor.external_data.iter();
        let found = entries.find(|e| e.key.as_deref() == Some(key));
        found.and_then(|e| e.value.as_deref())
    };
    let number = |key: &str| match entry(key) {
        None => Ok(None),
        Some(text) => match text.parse::<u64>() {
            Ok(n) => Ok(Some(n)),
            Err(_) => Err(wrong(
                "place",
                "a number of bytes",
                format!("{key} '{text}'"),
            )),
        },
    };
    let place = entry("location").unwrap_or_default();
    let path = inside(folder, place).ok_or_else(|| {
        let expected = "a file in the folder of the model";
        wrong("place", expected, format!("'{place}'"))
    })?;
    let failed = |e| Error::io("cannot read", &path, e);
    let mut file = File::open(&path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let start = number("offset")?.unwrap_or(0);
    let there = length.saturating_sub(start);
    let count = number("length")?.unwrap_or(there);
    if start > length || count > there.min(most) {
        let expected = format!("within {} bytes of {}", length.min(most), path.display());
        return Err(wrong(
            "place",
            &expected,
            format!("{count} bytes from {start}"),
        ));
    }
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(count).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The file of that place, if it is one in the folder, links followed.
fn inside(folder: &Path, place: &str) -> Option<PathBuf> {
    let plain = |c| matches!(c, Component::Normal(_) | Component::CurDir);
    if place.is_empty() || !Path::new(place).components().all(plain) {
        return None;
    }
    let path = folder.join(place);
    match (path.canonicalize(), folder.canonicalize()) {
        (Ok(real), Ok(folder)) => real.starts_with(folder).then_some(path),
        // A file that is missing is the operating system's to say.
        _ => Some(path),
    }
}
