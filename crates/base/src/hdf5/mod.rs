//! HDF5 files: data sets by name, in slices, numbers as the file's types say; and how they are written.
//!
//! The structure is read by the crate `rust-hdf5`, and so are the packings deflate, shuffle, LZF, LZ4, Zstandard,
//! bitshuffle and Blosc; rows of variable length are read here. Chunks of other packings are handed on as they are.
//!
//! Whatever a file says, memory is bounded by its length: what is read whole takes at most 16 bytes for each byte of the
//! file (the place of a row takes as many), what is read in slices at most as much and 64 MiB more at a time, and no
//! data set may have more than 1024 bytes for each byte of the file and 1 MiB. Should the crate panic on a damaged
//! file, that becomes an error; the panic's own message still goes to the standard error stream.

mod dataset;
mod heap;
mod kind;
mod write;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::{Error, Result};
use rust_hdf5::{H5File, H5FileOptions, Hdf5Error, LinkClass};

pub use dataset::Dataset;
use heap::Heap;
pub use kind::{Field, Kind};
pub use write::{Column, Element, Packing, Writer};

/// The first bytes of an HDF5 file; after a user block they may stand at 512, 1024, 2048 and so on.
pub const MAGIC: &[u8] = b"\x89HDF\r\n\x1a\n";

/// So many links are followed one after the other.
const LINKS: usize = 16;

/// An HDF5 file that is read.
pub struct File {
    hdf5: H5File,
    heap: Heap,
    /// Bytes of the file.
    length: u64,
    at: String,
}

impl File {
    /// Opens a file.
    ///
    /// # Errors
    /// A file that cannot be read, or is no HDF5 file.
    pub fn open(path: &Path) -> Result<Self> {
        let at = path.display().to_string();
        let file = std::fs::File::open(path).map_err(|e| Error::io("cannot open", path, e))?;
        let length = file
            .metadata()
            .map_err(|e| Error::io("cannot read", path, e))?
            .len();
        guarded(&at.clone(), || {
            let options = H5FileOptions::new().no_locking();
            let hdf5 = options.open(path).map_err(|e| damaged(&at, e))?;
            let heap = Heap::new(file, length, hdf5.userblock_size());
            Ok(Self {
                hdf5,
                heap,
                length,
                at,
            })
        })
    }

    /// The file, as errors name it.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// A data set, if there is one of this name.
    ///
    /// # Errors
    /// Damage; data in another file; a data set that is far too large for the file.
    pub fn dataset(&self, name: &str) -> Result<Option<Dataset>> {
        let at = format!("{}, {name}", self.at);
        if guarded(&at, || Ok(self.leaves(name, LINKS)))? {
            let expected = "data in this file";
            return Err(Error::invalid("data set", at, expected, "elsewhere"));
        }
        guarded(&at, || match self.hdf5.dataset(name) {
            Ok(data) => Dataset::new(data, at.clone(), self.length).map(Some),
            Err(Hdf5Error::NotFound(_)) => Ok(None),
            Err(e) => Err(damaged(&at, e)),
        })
    }

    /// Names of what is in a group, and whether each is a group itself; nothing if there is no such group.
    ///
    /// # Errors
    /// Damage; a group in another file.
    ///
    /// ```
    /// use cortado_base::hdf5::{File, Writer};
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("a.h5");
    /// let writer = Writer::create(&path)?;
    /// writer.group("a")?;
    /// writer.number("a/x", 3)?;
    /// writer.group("a/b")?;
    /// writer.finish()?;
    /// let members = File::open(&path)?.members("a")?.unwrap();
    /// assert_eq!(members, [("b".to_string(), true), ("x".to_string(), false)]);
    /// # Ok::<(), cortado_base::Error>(())
    /// ```
    pub fn members(&self, group: &str) -> Result<Option<Vec<(String, bool)>>> {
        let at = format!("{}, {group}", self.at);
        guarded(&at, || {
            if self.leaves(group, LINKS) {
                let expected = "data in this file";
                return Err(Error::invalid("group", &at, expected, "elsewhere"));
            }
            let refused = |e: Hdf5Error| damaged(&at, e);
            let group = match self.hdf5.root_group().group(group.trim_matches('/')) {
                Ok(group) => group,
                Err(Hdf5Error::NotFound(_)) => return Ok(None),
                Err(e) => return Err(refused(e)),
            };
            let names = group.link_names().map_err(refused)?;
            let is_group = |name: String| {
                let inner = group.group(&name).is_ok();
                (name, inner)
            };
            Ok(Some(names.into_iter().map(is_group).collect()))
        })
    }

    /// Whether a link on the way to `name` leads into another file, or more than `links` links lead on.
    fn leaves(&self, name: &str, links: usize) -> bool {
        let name = name.trim_matches('/');
        let root = self.hdf5.root_group();
        let ends = name.match_indices('/').map(|(end, _)| end);
        for end in ends.chain([name.len()]) {
            let (way, rest) = name.split_at(end);
            match root.link_class(way) {
                Ok(LinkClass::External { .. }) => return true,
                Ok(LinkClass::Soft { path }) => {
                    let folder = way.rsplit_once('/').map_or("", |(folder, _)| folder);
                    let on = match path.starts_with('/') {
                        true => format!("{path}{rest}"),
                        false => format!("{folder}/{path}{rest}"),
                    };
                    return links == 0 || self.leaves(&on, links - 1);
                }
                _ => {}
            }
        }
        false
    }

    /// A data set that has to be there.
    ///
    /// # Errors
    /// None of this name, and those of [`File::dataset`].
    pub fn need(&self, name: &str) -> Result<Dataset> {
        let missing = || Error::invalid("data set", &self.at, name, "none of this name");
        self.dataset(name)?.ok_or_else(missing)
    }

    /// Whether there is a data set of this name that can be read.
    pub fn has(&self, name: &str) -> bool {
        matches!(self.dataset(name), Ok(Some(_)))
    }

    /// An attribute of the file that is text, if it is there and can be read.
    pub fn text(&self, name: &str) -> Option<String> {
        guarded(&self.at, || {
            self.hdf5
                .attr_string(name)
                .map_err(|e| damaged(&self.at, e))
        })
        .ok()
    }

    /// Names of the file's attributes.
    pub fn texts(&self) -> Vec<String> {
        guarded(&self.at, || {
            self.hdf5.attr_names().map_err(|e| damaged(&self.at, e))
        })
        .unwrap_or_default()
    }

    /// The rows of variable length of a data set, each number converted by `number`.
    ///
    /// # Errors
    /// A data set of another type, damage, a number that `number` refuses.
    pub fn rows<T>(
        &mut self,
        data: &Dataset,
        number: impl Fn(&Kind, &[u8]) -> Option<T>,
    ) -> Result<Vec<Vec<T>>> {
        let Kind::Rows(base) = data.kind() else {
            return Err(data.wrong("rows of numbers", data.kind()));
        };
        let size = base.size();
        let bytes = data.whole()?;
        self.heap.restart();
        let row = |reference: &[u8]| {
            let bytes = self
                .heap
                .object(reference, size)
                .map_err(|e| damaged(data.at(), e))?;
            let values: Option<_> = bytes
                .chunks_exact(size.max(1))
                .map(|b| number(base, b))
                .collect();
            values.ok_or_else(|| data.wrong("numbers that fit", base))
        };
        bytes.chunks_exact(data.size()).map(row).collect()
    }

    /// The one row `place` of a data set of rows of variable length, as [`File::rows`].
    ///
    /// # Errors
    /// As [`File::rows`].
    pub fn row<T>(
        &mut self,
        data: &mut Dataset,
        place: usize,
        number: impl Fn(&Kind, &[u8]) -> Option<T>,
    ) -> Result<Vec<T>> {
        let Kind::Rows(base) = data.kind().clone() else {
            return Err(data.wrong("rows of numbers", data.kind()));
        };
        let mut reference = Vec::new();
        data.read(place, 1, &mut reference)?;
        self.heap.restart();
        let object = self.heap.object(&reference, base.size());
        let bytes = object.map_err(|e| damaged(data.at(), e))?;
        let elements = bytes.chunks_exact(base.size().max(1));
        let values: Option<_> = elements.map(|b| number(&base, b)).collect();
        values.ok_or_else(|| data.wrong("numbers that fit", &base))
    }

    /// The texts of a data set, of fixed or variable length, without blanks at the end.
    ///
    /// # Errors
    /// A data set of another type, damage.
    pub fn strings(&mut self, data: &Dataset) -> Result<Vec<String>> {
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8_lossy(&bytes);
            text.trim_end_matches(' ').to_string()
        };
        Ok(self.texts_as_bytes(data)?.into_iter().map(text).collect())
    }

    /// The texts of a data set, as they are: blanks are taken off only where the type says that they fill up.
    ///
    /// # Errors
    /// A data set of another type, damage, text that is not UTF-8.
    pub fn exact_strings(&mut self, data: &Dataset) -> Result<Vec<String>> {
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes);
            let text = text.map_err(|e| data.wrong("text in UTF-8", e))?;
            Ok(match data.blanks() {
                true => text.trim_end_matches(' ').into(),
                false => text,
            })
        };
        self.texts_as_bytes(data)?.into_iter().map(text).collect()
    }

    /// The bytes of texts; a zero ends one.
    fn texts_as_bytes(&mut self, data: &Dataset) -> Result<Vec<Vec<u8>>> {
        let end = |bytes: &[u8]| {
            let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
            bytes[..end].to_vec()
        };
        let bytes = data.whole()?;
        let mut elements = bytes.chunks_exact(data.size());
        self.heap.restart();
        match data.kind() {
            Kind::Text(_) => Ok(elements.map(end).collect()),
            Kind::LongText => elements.try_fold(Vec::new(), |mut all, e| {
                let object = self.heap.object(e, 1);
                all.push(end(&object.map_err(|e| damaged(data.at(), e))?));
                Ok(all)
            }),
            kind => Err(data.wrong("text", kind)),
        }
    }
}

fn damaged(at: &str, got: impl ToString) -> Error {
    Error::invalid("HDF5 file", at, "readable data", got)
}

/// Runs what asks the crate for something; a panic in it becomes an error.
///
/// What was half done then is the crate's own state, which only the crate uses, through here.
fn guarded<T>(at: &str, ask: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(ask))
        .unwrap_or_else(|_| Err(damaged(at, "a structure that cannot be followed")))
}
