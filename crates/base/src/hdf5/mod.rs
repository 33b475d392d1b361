//! HDF5 files of the layout of the Spiking Heidelberg Digits and Spiking Speech Commands (`cramer2020`).
//!
//! | data set | what | type |
//! |---|---|---|
//! | `spikes/times` | for each sample its spikes' times in seconds | rows of `f2`, `f4` or `f8` |
//! | `spikes/units` | for each sample its spikes' channels | rows of integers in 0..=65535 |
//! | `labels` | each sample's class | integers |
//! | `extra/speaker` | who spoke, if it is there | integers |
//! | `extra/keys` | the classes' names, if they are there | text |
//!
//! The structure is read by the crate `rust-hdf5`, rows of variable length here. The crate is asked to unpack at most
//! 16 bytes for each byte of the file, as many as the place of a row takes. Should it panic on a damaged file, that
//! becomes an error; the panic's own message still goes to the standard error stream.

mod heap;

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::{Error, Result};
use rust_hdf5::{
    ByteOrder, DatatypeMessage, H5Dataset, H5File, H5FileOptions, Hdf5Error, StorageLayout,
};

use crate::half::half;
use heap::Heap;

/// How many times the size of the file a data set may have.
const UNPACKED: u64 = 16;

/// Samples of spikes with their classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Shd {
    /// For each sample the times of its spikes in seconds, finite and not negative, in the file's order.
    pub times: Vec<Vec<f32>>,
    /// For each sample the channels of its spikes, as many as times.
    pub units: Vec<Vec<u16>>,
    /// For each sample its class.
    pub labels: Vec<u32>,
    /// For each sample who spoke.
    pub speakers: Option<Vec<u32>>,
    /// The names of the classes; every label is below their number.
    pub classes: Option<Vec<String>>,
}

/// Reads an HDF5 file of this layout.
///
/// # Shapes
/// `S` samples, sample `s` with `K_s` spikes: `times` and `units` `[S][K_s]`, `labels` and `speakers` `[S]`.
///
/// # Errors
/// A file that cannot be read or is no HDF5 file, a missing data set or one of another type or shape, data in another
/// file, damaged storage, different numbers of samples or spikes, a time that is negative or not finite, a channel
/// above 65535, a label without a name.
pub fn read(path: &Path) -> Result<Shd> {
    let at = path.display().to_string();
    let file = File::open(path).map_err(|e| Error::io("cannot open", path, e))?;
    let length = file
        .metadata()
        .map_err(|e| Error::io("cannot read", path, e))?
        .len();
    // Nothing outlives the closure but its result, so a panic leaves nothing half done behind.
    let result = catch_unwind(AssertUnwindSafe(|| {
        let options = H5FileOptions::new().no_locking();
        let hdf5 = options.open(path).map_err(|e| damaged(&at, e))?;
        let heap = Heap::new(file, length, hdf5.userblock_size());
        Source {
            hdf5,
            heap,
            length,
            at: &at,
        }
        .shd()
    }));
    result.unwrap_or_else(|_| Err(damaged(&at, "a structure that cannot be followed")))
}

fn damaged(at: &str, got: impl ToString) -> Error {
    Error::invalid("HDF5 file", at, "readable data", got)
}

/// An open file.
struct Source<'a> {
    hdf5: H5File,
    heap: Heap,
    /// Bytes of the file.
    length: u64,
    at: &'a str,
}

/// The bytes of a data set of one dimension.
struct Raw {
    bytes: Vec<u8>,
    /// Bytes of one element.
    size: usize,
    kind: DatatypeMessage,
    /// Where it is, for errors.
    at: String,
}

impl Source<'_> {
    fn shd(mut self) -> Result<Shd> {
        let labels = self.raw("labels")?.whole()?;
        let rows = labels.len();
        let times = self.rows("spikes/times", rows, number)?;
        let units = self.rows("spikes/units", rows, |kind, bytes| {
            u16::try_from(whole(kind, bytes)?).ok()
        })?;
        let speakers = self.optional("extra/speaker")?;
        let speakers = speakers
            .map(|raw| raw.of_length(rows)?.whole())
            .transpose()?;
        let keys = self.optional("extra/keys")?;
        let classes = keys.map(|raw| self.text(&raw)).transpose()?;
        for (s, (t, u)) in times.iter().zip(&units).enumerate() {
            let at = || format!("{}, sample {s}", self.at);
            if t.len() != u.len() {
                let expected = format!("{}, one for each time", t.len());
                return Err(Error::invalid("number of units", at(), expected, u.len()));
            }
            if let Some(wrong) = t.iter().find(|t| !(t.is_finite() && **t >= 0.0)) {
                return Err(Error::invalid("time", at(), "seconds from 0 on", wrong));
            }
            let names = classes.as_ref().map_or(usize::MAX, Vec::len);
            if labels[s] as usize >= names {
                let expected = format!("below {names}, the number of classes");
                return Err(Error::invalid("label", at(), expected, labels[s]));
            }
        }
        Ok(Shd {
            times,
            units,
            labels,
            speakers,
            classes,
        })
    }

    fn optional(&self, name: &str) -> Result<Option<Raw>> {
        match self.hdf5.dataset(name) {
            Ok(data) => self.bytes(&data, name).map(Some),
            Err(Hdf5Error::NotFound(_)) => Ok(None),
            Err(e) => Err(damaged(&format!("{}, {name}", self.at), e)),
        }
    }

    fn raw(&self, name: &str) -> Result<Raw> {
        let missing = || Error::invalid("data set", self.at, name, "none of this name");
        self.optional(name)?.ok_or_else(missing)
    }

    /// The bytes of a data set, all of which are in the file.
    fn bytes(&self, data: &H5Dataset, name: &str) -> Result<Raw> {
        let at = format!("{}, {name}", self.at);
        let refused = |e: Hdf5Error| damaged(&at, e);
        let (shape, size) = (data.shape(), data.element_size());
        let layout = data.storage_layout().map_err(refused)?;
        let outside = !data.external_files().map_err(refused)?.is_empty();
        if outside || layout == StorageLayout::Virtual {
            return Err(Error::invalid(
                "data set",
                at,
                "data in this file",
                "elsewhere",
            ));
        }
        let chunk = data.chunk_dims().unwrap_or_default();
        let most = self.length.saturating_mul(UNPACKED);
        let fits = |d: &usize| (*d as u64).saturating_mul(size as u64) <= most;
        if shape.len() != 1 || chunk.len() > 1 || !shape.iter().chain(&chunk).all(fits) {
            let expected = format!("one dimension of at most {most} bytes");
            let got = format!("{shape:?} in chunks {chunk:?}, {size} bytes each");
            return Err(Error::invalid("shape", at, expected, got));
        }
        let kind = data.datatype().map_err(refused)?;
        let bytes = data.read_raw_bytes().map_err(refused)?;
        if bytes.len() != shape[0].saturating_mul(size) || size == 0 {
            return Err(damaged(
                &at,
                format!("{} bytes for {shape:?} of {size}", bytes.len()),
            ));
        }
        Ok(Raw {
            bytes,
            size,
            kind,
            at,
        })
    }

    /// Rows of variable length, each number converted by `number`.
    fn rows<T>(
        &mut self,
        name: &str,
        rows: usize,
        number: impl Fn(&DatatypeMessage, &[u8]) -> Option<T>,
    ) -> Result<Vec<Vec<T>>> {
        let raw = self.raw(name)?.of_length(rows)?;
        let DatatypeMessage::VarLenSequence { base } = &raw.kind else {
            return Err(raw.wrong("rows of numbers", format!("{:?}", raw.kind)));
        };
        let size = base.element_size() as usize;
        self.heap.restart();
        let row = |reference: &[u8]| {
            let bytes = self
                .heap
                .object(reference, size)
                .map_err(|e| raw.damaged(e))?;
            let values: Option<_> = bytes
                .chunks_exact(size.max(1))
                .map(|b| number(base, b))
                .collect();
            values.ok_or_else(|| raw.wrong("numbers that fit", format!("{base:?}")))
        };
        raw.bytes.chunks_exact(raw.size).map(row).collect()
    }

    /// Text of fixed or variable length.
    fn text(&mut self, raw: &Raw) -> Result<Vec<String>> {
        // A zero ends a text, zeros or blanks fill it up.
        let trim = |bytes: &[u8]| {
            let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
            let text = String::from_utf8_lossy(&bytes[..end]);
            text.trim_end_matches(' ').to_string()
        };
        let elements = raw.bytes.chunks_exact(raw.size);
        self.heap.restart();
        match &raw.kind {
            DatatypeMessage::FixedString { .. } => Ok(elements.map(trim).collect()),
            DatatypeMessage::VarLenString { .. } => elements
                .map(|e| {
                    self.heap
                        .object(e, 1)
                        .map(|b| trim(&b))
                        .map_err(|e| raw.damaged(e))
                })
                .collect(),
            kind => Err(raw.wrong("text", format!("{kind:?}"))),
        }
    }
}

impl Raw {
    fn of_length(self, length: usize) -> Result<Self> {
        let got = self.bytes.len() / self.size;
        if got != length {
            return Err(self.wrong(&format!("{length} elements, one for each label"), got));
        }
        Ok(self)
    }

    fn whole(&self) -> Result<Vec<u32>> {
        let one = |bytes| {
            let value = whole(&self.kind, bytes).and_then(|x| u32::try_from(x).ok());
            value.ok_or_else(|| self.wrong("whole numbers from 0 on", format!("{:?}", self.kind)))
        };
        self.bytes.chunks_exact(self.size).map(one).collect()
    }

    fn wrong(&self, expected: &str, got: impl ToString) -> Error {
        Error::invalid("data set", &self.at, expected, got)
    }

    fn damaged(&self, got: impl ToString) -> Error {
        damaged(&self.at, got)
    }
}

/// The lowest byte first, whatever the order in the file.
fn ordered(bytes: &[u8], order: ByteOrder) -> Option<[u8; 8]> {
    let mut out = [0; 8];
    let place = out.get_mut(..bytes.len())?;
    place.copy_from_slice(bytes);
    if order == ByteOrder::BigEndian {
        place.reverse();
    }
    Some(out)
}

/// An integer of all its bits; nothing for another type or a value below zero.
fn whole(kind: &DatatypeMessage, bytes: &[u8]) -> Option<u64> {
    let DatatypeMessage::FixedPoint {
        byte_order,
        signed,
        bit_offset: 0,
        bit_precision,
        ..
    } = kind
    else {
        return None;
    };
    let bits = bytes.len() * 8;
    if usize::from(*bit_precision) != bits {
        return None;
    }
    let value = u64::from_le_bytes(ordered(bytes, *byte_order)?);
    let negative = *signed && value >> (bits - 1) & 1 == 1;
    (!negative).then_some(value)
}

/// A floating-point number of an IEEE format, rounded to the nearest `f32`.
fn number(kind: &DatatypeMessage, bytes: &[u8]) -> Option<f32> {
    let DatatypeMessage::FloatingPoint {
        byte_order,
        exponent_size,
        mantissa_size,
        ..
    } = kind
    else {
        return None;
    };
    let [a, b, c, d, ..] = ordered(bytes, *byte_order)?;
    match (bytes.len(), exponent_size, mantissa_size) {
        (2, 5, 10) => Some(half(u16::from_le_bytes([a, b]))),
        (4, 8, 23) => Some(f32::from_le_bytes([a, b, c, d])),
        (8, 11, 52) => Some(f64::from_le_bytes(ordered(bytes, *byte_order)?) as f32),
        _ => None,
    }
}
