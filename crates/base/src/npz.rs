//! NumPy's `.npz` archives: a zip file with a `.npy` file for each named array, stored or deflated.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, Write};
use std::path::Path;

use crate::write_atomic;
use crate::{Error, Result};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::npy;
pub use crate::npy::{Array, Data};

/// The usual limit on the bytes of all arrays of an archive once unpacked: 4 GiB.
pub const LIMIT: u64 = 4 << 30;

/// Reads all arrays of a `.npz` file by name, at most `limit` bytes of numbers in all (usually [`LIMIT`]).
///
/// Members whose name does not end in `.npy` are left out.
///
/// # Errors
/// A file that cannot be read, and what [`decode`] refuses.
pub fn read(path: &Path, limit: u64) -> Result<BTreeMap<String, Array>> {
    let file = File::open(path).map_err(|e| Error::io("cannot open", path, e))?;
    arrays(BufReader::new(file), &path.display().to_string(), limit)
}

/// The arrays in the bytes of a `.npz` file; `at` says in an error where they are from.
///
/// # Errors
/// Bytes that are no zip file, a wrong checksum, a member that is packed in another way than deflate, encrypted,
/// there twice or no array ([`npy::decode`]), more than `limit` bytes of numbers.
///
/// ```
/// use cortado_base::npz::{Array, LIMIT, decode, encode};
/// let spikes = Array::new(vec![2, 2], vec![true, false, false, true])?;
/// let bytes = encode(&[("spikes", &spikes)])?;
/// assert_eq!(decode(&bytes, "memory", LIMIT)?["spikes"], spikes);
/// let e = decode(&bytes, "memory", 3).unwrap_err();
/// assert_eq!(e.to_string(), "array data at memory, member spikes.npy: expected at most 3 bytes, got 4, shape [2, 2]");
/// # Ok::<(), cortado_base::Error>(())
/// ```
pub fn decode(bytes: &[u8], at: &str, limit: u64) -> Result<BTreeMap<String, Array>> {
    arrays(Cursor::new(bytes), at, limit)
}

fn arrays(source: impl Read + Seek, at: &str, limit: u64) -> Result<BTreeMap<String, Array>> {
    let mut arrays = BTreeMap::new();
    each(source, at, limit, &mut |name, at, member, left| {
        let array = npy::decode_from(member, at, left)?;
        let bytes = array.data.bytes();
        if arrays.insert(name.to_string(), array).is_some() {
            return Err(Error::invalid("archive", at, "each name once", "it again"));
        }
        Ok(bytes)
    })?;
    Ok(arrays)
}

/// What is done with a member: its name without `.npy`, where it is for errors, its unpacked bytes, and how many may
/// still be taken; it says how many it took.
pub type Member<'a> = &'a mut dyn FnMut(&str, &str, &mut dyn Read, u64) -> Result<u64>;

/// Gives each array of a `.npz` file to `member` as bytes, at most `limit` in all.
///
/// # Errors
/// A file that cannot be read or is no zip file, and what `member` refuses.
pub fn members(path: &Path, limit: u64, member: Member<'_>) -> Result<()> {
    let file = File::open(path).map_err(|e| Error::io("cannot open", path, e))?;
    let at = path.display().to_string();
    each(BufReader::new(file), &at, limit, member)
}

fn each(source: impl Read + Seek, at: &str, limit: u64, member: Member<'_>) -> Result<()> {
    let refused = |e: ZipError| match e {
        ZipError::Io(e) => Error::io("cannot read", at, e),
        e => Error::invalid("archive", at, "a zip file, stored or deflated", e),
    };
    let mut archive = ZipArchive::new(source).map_err(refused)?;
    let mut left = limit;
    for i in 0..archive.len() {
        let mut file = archive.by_index(i).map_err(refused)?;
        let whole = file.name().map_err(refused)?.into_owned();
        let Some(name) = whole.strip_suffix(".npy") else {
            continue;
        };
        // A name may hold anything; an error is printed.
        let at = format!("{at}, member {}", whole.escape_debug());
        left = left.saturating_sub(member(name, &at, &mut file, left)?);
    }
    Ok(())
}

/// The bytes of a `.npz` file with these arrays, deflated; the same arrays give the same bytes.
///
/// # Errors
/// A name twice, a name that a zip file cannot hold, or a shape that does not fit its numbers.
pub fn encode(arrays: &[(&str, &Array)]) -> Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for &(name, array) in arrays {
        let refused = |e: ZipError| Error::invalid("name", name, "one for a new member", e);
        let bytes = npy::encode(array)?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .large_file(bytes.len() > i32::MAX as usize);
        archive
            .start_file(format!("{name}.npy"), options)
            .map_err(refused)?;
        archive.write_all(&bytes).map_err(|e| refused(e.into()))?;
    }
    let end = archive.finish();
    let refused = |e| Error::invalid("archive", "its end", "one that a zip file can hold", e);
    Ok(end.map_err(refused)?.into_inner())
}

/// Writes a `.npz` file, whole or not at all.
///
/// # Errors
/// What [`encode`] refuses, or the operating system.
pub fn write(path: &Path, arrays: &[(&str, &Array)]) -> Result<()> {
    write_atomic(path, &encode(arrays)?)
}
