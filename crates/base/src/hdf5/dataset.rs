//! A data set of an HDF5 file, read in slices.

use std::ops::Range;

use rust_hdf5::{DatatypeMessage, Filter, H5Dataset, H5Type, Hdf5Error, StorageLayout};

use super::kind::Kind;
use super::{damaged, guarded};
use crate::{Error, Result};

/// How many times the size of the file what is read whole may have.
const WHOLE: u64 = 16;
/// How many times the size of the file a data set may have.
const LARGEST: u64 = 1024;
/// What a data set of a small file may have, in bytes.
const SMALL: u64 = 1 << 20;
/// What one chunk may have beside [`WHOLE`], in bytes.
const CHUNK: u64 = 64 << 20;
/// So many dimensions are read.
const MOST: usize = 4;
/// Bytes that are read at once where there are no chunks.
const BLOCK: usize = 1 << 20;

/// Bytes of an element of any type, as the crate moves them.
#[derive(Clone, Copy)]
pub(super) struct Bytes<const N: usize>(pub [u8; N]);

impl<const N: usize> H5Type for Bytes<N> {
    fn hdf5_type() -> DatatypeMessage {
        DatatypeMessage::Opaque {
            size: N as u32,
            tag: String::new(),
        }
    }

    fn element_size() -> usize {
        N
    }
}

/// A data set of up to four dimensions, or a single element.
pub struct Dataset {
    data: H5Dataset,
    kind: Kind,
    /// Whether the elements are truth values, as h5py writes them.
    truths: bool,
    /// Whether text is filled up with blanks.
    blanks: bool,
    shape: Vec<usize>,
    /// Rows that are read at once: those of a chunk.
    block: usize,
    filters: Vec<Filter>,
    /// Bytes of the file.
    length: u64,
    at: String,
    /// Rows last read, and their bytes.
    held: (Range<usize>, Vec<u8>),
}

impl Dataset {
    pub(super) fn new(data: H5Dataset, at: String, length: u64) -> Result<Self> {
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
        let message = data.datatype().map_err(refused)?;
        let kind = Kind::new(&message);
        let truths = matches!(&message, DatatypeMessage::Enum { members, .. }
            if members.iter().map(|m| m.name.as_str()).eq(["FALSE", "TRUE"])
                && members.iter().map(|m| m.value.as_slice()).eq([[0], [1]]));
        let blanks = matches!(message, DatatypeMessage::FixedString { padding: 2, .. });
        let filters = data.filters().map_err(refused)?;
        let chunk = data.chunk_dims();
        let bytes = |dims: &[usize]| {
            let all = dims.iter().map(|&d| d as u64);
            all.fold(size as u64, u64::saturating_mul)
        };
        let most = length.saturating_mul(LARGEST).saturating_add(SMALL);
        let text = || format!("{shape:?} in chunks {chunk:?}, {size} bytes each");
        if shape.len() > MOST || chunk.as_ref().is_some_and(|c| c.len() != shape.len()) {
            let expected = format!("at most {MOST} dimensions");
            return Err(Error::invalid("shape", at, expected, text()));
        }
        if size == 0 || size != kind.size() || bytes(&shape) > most {
            let expected = format!("at most {most} bytes");
            return Err(Error::invalid("shape", at, expected, text()));
        }
        let others = shape.get(1..).unwrap_or_default().iter();
        let row = others.fold(size, |n, &d| n.saturating_mul(d));
        let most = length.saturating_mul(WHOLE).saturating_add(CHUNK);
        let rows = chunk.as_ref().and_then(|c| c.first().copied());
        let wide = chunk.as_ref().map_or(0, |c| bytes(c));
        let block = rows.unwrap_or(BLOCK / row.max(1)).max(1);
        if wide > most || (block as u64).saturating_mul(row as u64) > most {
            let expected = format!("chunks of at most {most} bytes");
            return Err(Error::invalid("shape", at, expected, text()));
        }
        Ok(Self {
            data,
            kind,
            truths,
            blanks,
            shape,
            block,
            filters,
            length,
            at,
            held: (0..0, Vec::new()),
        })
    }

    /// The data set, as errors name it.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// Sizes of its dimensions, four at most.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Elements of the first dimension.
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// What its elements are.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Whether its elements are truth values, as h5py writes them: an enumeration of FALSE and TRUE.
    pub fn truths(&self) -> bool {
        self.truths
    }

    /// Whether text is filled up with blanks.
    pub(super) fn blanks(&self) -> bool {
        self.blanks
    }

    /// Bytes of an element.
    pub fn size(&self) -> usize {
        self.kind.size()
    }

    /// Rows of a chunk, or that are read at once.
    pub fn block(&self) -> usize {
        self.block
    }

    /// Numbers of the filters that pack its chunks, in the order of packing.
    pub fn filters(&self) -> Vec<u16> {
        self.filters.iter().map(|f| f.id).collect()
    }

    /// An attribute that is text, if it is there and can be read.
    pub fn text(&self, name: &str) -> Option<String> {
        guarded(&self.at, || {
            let value = self.data.attr(name).and_then(|a| a.read_string());
            value.map_err(|e| damaged(&self.at, e))
        })
        .ok()
    }

    /// An error about what is in it.
    pub fn wrong(&self, expected: &str, got: impl ToString) -> Error {
        Error::invalid("data set", &self.at, expected, got)
    }

    /// All bytes at once.
    ///
    /// # Errors
    /// Damage; more than 16 bytes for each of the file.
    pub fn whole(&self) -> Result<Vec<u8>> {
        let elements = self.shape.iter().fold(1usize, |n, &d| n.saturating_mul(d));
        let bytes = elements.saturating_mul(self.size());
        let most = self.length.saturating_mul(WHOLE);
        let chunk = self.block.saturating_mul(self.row());
        if bytes as u64 > most || (!self.filters.is_empty() && chunk as u64 > most) {
            let expected = format!("at most {most} bytes");
            let got = format!("{:?} of {} bytes", self.shape, self.size());
            return Err(Error::invalid("shape", &self.at, expected, got));
        }
        guarded(&self.at, || {
            let got = self.data.read_raw_bytes();
            let got = got.map_err(|e| damaged(&self.at, e))?;
            if got.len() != bytes {
                let got = format!("{} bytes instead of {bytes}", got.len());
                return Err(damaged(&self.at, got));
            }
            Ok(got)
        })
    }

    /// Adds the bytes of `count` rows from `start` on, as they are in the file.
    ///
    /// # Errors
    /// Damage; rows that are not there.
    pub fn read(&mut self, start: usize, count: usize, out: &mut Vec<u8>) -> Result<()> {
        let end = start.checked_add(count).filter(|&e| e <= self.rows());
        let Some(end) = end else {
            return Err(self.wrong(&format!("{count} rows from {start} on"), self.rows()));
        };
        let row = self.row();
        let mut place = start;
        while place < end {
            if !self.held.0.contains(&place) {
                self.hold(place)?;
            }
            let (range, bytes) = &self.held;
            let to = end.min(range.end);
            let piece = bytes.get((place - range.start) * row..(to - range.start) * row);
            out.extend_from_slice(piece.unwrap_or_default());
            place = to;
        }
        Ok(())
    }

    /// Bytes of a row.
    fn row(&self) -> usize {
        let others = self.shape.get(1..).unwrap_or_default().iter();
        others.fold(self.size(), |n, &d| n.saturating_mul(d))
    }

    /// Reads the block of rows that has `place` in it.
    fn hold(&mut self, place: usize) -> Result<()> {
        let start = place - place % self.block;
        let end = start.saturating_add(self.block).min(self.rows());
        let size = self.size();
        let whole = !matches!(size, 1 | 2 | 4 | 8 | 12 | 13 | 16 | 24 | 32)
            || matches!(self.kind, Kind::Record { .. } | Kind::Rows(_)) && big(&self.kind);
        if self.shape.is_empty() || whole {
            self.held = (0..self.rows(), self.whole()?);
            return Ok(());
        }
        let (mut starts, mut counts) = (vec![start], vec![end - start]);
        for &others in self.shape.get(1..).unwrap_or_default() {
            starts.push(0);
            counts.push(others);
        }
        let bytes = guarded(&self.at, || {
            macro_rules! slices {
                ($($n:literal)*) => {
                    match size {
                        $($n => {
                            let slice = self.data.read_slice::<Bytes<$n>>(&starts, &counts);
                            slice.map(|s| flat(&s))
                        })*
                        _ => Ok(Vec::new()),
                    }
                };
            }
            let bytes: rust_hdf5::Result<Vec<u8>> = slices!(1 2 4 8 12 13 16 24 32);
            let mut bytes = bytes.map_err(|e| damaged(&self.at, e))?;
            // Numbers come in the order of this machine; what is promised is that of the file.
            let scalar = !matches!(self.kind, Kind::Record { .. } | Kind::Rows(_));
            if scalar && big(&self.kind) == cfg!(target_endian = "little") && size > 1 {
                bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
            }
            Ok(bytes)
        })?;
        if bytes.len() != (end - start) * self.row() {
            return Err(damaged(
                &self.at,
                format!("{} bytes in a slice", bytes.len()),
            ));
        }
        self.held = (start..end, bytes);
        Ok(())
    }

    /// Adds the integers of `count` rows from `start` on, all of each row.
    ///
    /// # Errors
    /// Damage; other numbers than integers that fit `i64`.
    pub fn wholes(&mut self, start: usize, count: usize, out: &mut Vec<i64>) -> Result<()> {
        let mut bytes = Vec::new();
        self.read(start, count, &mut bytes)?;
        let done = self.kind.wholes(&bytes, self.size(), out);
        done.ok_or_else(|| self.wrong("integers up to 2^63 - 1", &self.kind))
    }

    /// Adds the numbers of floating point of `count` rows from `start` on, all of each row.
    ///
    /// # Errors
    /// Damage; other numbers.
    pub fn reals(&mut self, start: usize, count: usize, out: &mut Vec<f64>) -> Result<()> {
        let mut bytes = Vec::new();
        self.read(start, count, &mut bytes)?;
        let done = self.kind.reals(&bytes, self.size(), out);
        done.ok_or_else(|| self.wrong("numbers of floating point", &self.kind))
    }

    /// Chunk `index` of one dimension as it is stored, and which filters it lacks, a bit each.
    ///
    /// # Errors
    /// Damage; a chunk that is not there.
    pub fn chunk(&self, index: usize) -> Result<(Vec<u8>, u32)> {
        guarded(&self.at, || {
            let chunk = self.data.read_chunk_raw_at(&[index]);
            chunk.map_err(|e| damaged(&self.at, e))
        })
    }
}

/// The bytes of elements, one after the other.
fn flat<const N: usize>(elements: &[Bytes<N>]) -> Vec<u8> {
    let mut bytes = vec![0; N * elements.len()];
    for (to, from) in bytes.as_chunks_mut::<N>().0.iter_mut().zip(elements) {
        *to = from.0;
    }
    bytes
}

/// Whether some number has its highest byte first.
fn big(kind: &Kind) -> bool {
    match kind {
        Kind::Integer { big, bytes, .. } | Kind::Real { big, bytes } => *big && *bytes > 1,
        Kind::Record { fields, .. } => fields.iter().any(|f| big(&f.kind)),
        Kind::Rows(base) => big(base),
        _ => false,
    }
}
