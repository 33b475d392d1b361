//! From the bytes of a file to values by name.
//!
//! Whatever a file says, memory is bounded by its length: all numbers and texts together take at most 1024 bytes for each
//! byte of the file and 1 MiB, as long as they have the types of the file. What is nested deeper than [`DEEPEST`] groups,
//! so also a group that has itself in it, is an error, and so are more than [`MOST`] names.

use std::path::Path;

use cortado_base::hdf5::{Dataset, File as Hdf5, Kind as Cell};

use super::decode;
use super::graph::File;
use super::value::{DType, Metadata, Tensor, Value};
use crate::{Error, Result};

/// Groups that stand in one another.
pub(super) const DEEPEST: usize = 64;
/// Names of groups and data sets.
const MOST: usize = 1 << 16;
/// Bytes in all for each byte of the file, and beside.
const LARGEST: u64 = 1024;
const SMALL: u64 = 1 << 20;

impl File {
    /// Reads a file as h5py writes it.
    ///
    /// # Errors
    /// A file that cannot be read, is no HDF5 file, or is damaged; a node of an unknown type, a parameter that is missing,
    /// unknown, or not what NIR says. What fits NIR but not together is for [`File::check`].
    ///
    /// # References
    /// `pedersen2024`
    pub fn read(path: &Path) -> Result<Self> {
        let length = std::fs::metadata(path);
        let length = length.map_err(|e| Error::io("cannot open", path, e))?.len();
        let mut reader = Reader {
            hdf5: Hdf5::open(path)?,
            names: MOST,
            bytes: length.saturating_mul(LARGEST).saturating_add(SMALL),
        };
        let version = match reader.hdf5.dataset("version")? {
            Some(set) => Some(reader.value(set)?),
            None => None,
        };
        let missing = || Error::invalid("group", reader.hdf5.at(), "node", "none of this name");
        let members = reader.hdf5.members("node")?.ok_or_else(missing)?;
        let node = reader.group("node", members, 0)?;
        decode::file(version, node, &path.display().to_string())
    }
}

struct Reader {
    hdf5: Hdf5,
    /// Names and bytes that there may yet be.
    names: usize,
    bytes: u64,
}

impl Reader {
    fn group(
        &mut self,
        path: &str,
        members: Vec<(String, bool)>,
        depth: usize,
    ) -> Result<Metadata> {
        let wrong = |expected: String| {
            let at = format!("{}, {path}", self.hdf5.at());
            Error::invalid("groups", at, expected, "more")
        };
        if depth > DEEPEST {
            return Err(wrong(format!("at most {DEEPEST} in one another")));
        }
        let left = self.names.checked_sub(members.len());
        self.names = left.ok_or_else(|| wrong(format!("at most {MOST} names")))?;
        let mut all = Metadata::new();
        for (name, is_group) in members {
            let inner = format!("{path}/{name}");
            let value = if is_group {
                let members = self.hdf5.members(&inner)?.unwrap_or_default();
                Value::Map(self.group(&inner, members, depth + 1)?)
            } else {
                let set = self.hdf5.need(&inner)?;
                self.value(set)?
            };
            all.insert(name, value);
        }
        Ok(all)
    }

    fn value(&mut self, mut set: Dataset) -> Result<Value> {
        let shape = set.shape().to_vec();
        let cells = shape.iter().fold(1u64, |n, &d| n.saturating_mul(d as u64));
        self.take(&set, cells.saturating_mul(set.size() as u64))?;
        if matches!(set.kind(), Cell::Text(_) | Cell::LongText) {
            let data = match cells {
                0 => Vec::new(),
                _ => self.hdf5.exact_strings(&set)?,
            };
            self.take(&set, data.iter().map(|t| t.len() as u64).sum())?;
            return Ok(Value::Texts { shape, data });
        }
        let dtype = dtype(&set).ok_or_else(|| set.wrong("numbers or text", set.kind()))?;
        let rows = if cells == 0 { 0 } else { set.rows() };
        if dtype.is_real() {
            let mut data = Vec::new();
            set.reals(0, rows, &mut data)?;
            return Ok(Value::Numbers(Tensor { shape, data, dtype }));
        }
        let mut data = Vec::new();
        set.wholes(0, rows, &mut data)?;
        Ok(Value::Integers { shape, data, dtype })
    }

    fn take(&mut self, set: &Dataset, bytes: u64) -> Result<()> {
        let left = self.bytes.checked_sub(bytes);
        let too_many = || set.wrong("less than 1024 bytes for each of the file", "more in all");
        self.bytes = left.ok_or_else(too_many)?;
        Ok(())
    }
}

fn dtype(set: &Dataset) -> Option<DType> {
    Some(match *set.kind() {
        Cell::Integer { bytes: 1, .. } if set.truths() => DType::Bool,
        Cell::Integer { bytes, signed, .. } => match (bytes, signed) {
            (1, true) => DType::I8,
            (2, true) => DType::I16,
            (4, true) => DType::I32,
            (8, true) => DType::I64,
            (1, false) => DType::U8,
            (2, false) => DType::U16,
            (4, false) => DType::U32,
            (8, false) => DType::U64,
            _ => return None,
        },
        Cell::Real { bytes: 2, .. } => DType::F16,
        Cell::Real { bytes: 4, .. } => DType::F32,
        Cell::Real { bytes: 8, .. } => DType::F64,
        _ => return None,
    })
}
