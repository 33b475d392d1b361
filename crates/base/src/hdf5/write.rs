//! HDF5 files that are written.

use std::path::Path;

use rust_hdf5::format::messages::datatype::{CompoundMember, EnumMember};
use rust_hdf5::{
    ByteOrder, DatatypeMessage, Filter, FilterPipeline, H5Dataset, H5File, H5Type, Hdf5Error,
    VarLenUnicode,
};

use super::dataset::Bytes;
use super::kind::{Field, Kind};
use super::{damaged, guarded};
use crate::{Error, Result};

/// Rows of a chunk, unless stated.
const CHUNK: usize = 1 << 15;
/// Bytes of a chunk of an array that is written whole.
const BLOCK: usize = 1 << 20;

/// How the chunks of a data set are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packing {
    /// Not at all.
    Plain,
    /// Shuffled and deflated, which every HDF5 library reads.
    Gzip,
    /// Zstandard (filter 32015), which h5py reads with hdf5plugin.
    Zstd,
    /// By whoever writes the chunks, for a filter of this number.
    Own(u16),
}

impl Packing {
    fn pipeline(self, size: usize) -> Option<FilterPipeline> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some(FilterPipeline::shuffle_deflate(size as u32, 4)),
            Self::Zstd => Some(FilterPipeline::zstd(3)),
            Self::Own(id) => Some(FilterPipeline {
                filters: vec![Filter {
                    id,
                    flags: 0,
                    cd_values: Vec::new(),
                }],
            }),
        }
    }
}

/// Numbers that stand in rows.
pub trait Element: H5Type {}

impl Element for f32 {}
impl Element for f64 {}
impl Element for u16 {}

/// An HDF5 file that grows; it can be read once it is finished.
pub struct Writer {
    hdf5: H5File,
    at: String,
}

impl Writer {
    /// Begins a file.
    ///
    /// # Errors
    /// The operating system's.
    ///
    /// ```
    /// use cortado_base::hdf5::{File, Kind, Packing, Writer};
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("a.h5");
    /// let writer = Writer::create(&path)?;
    /// let kind = Kind::Integer { bytes: 2, signed: false, big: false };
    /// let mut x = writer.column("x", &kind, Packing::Gzip)?;
    /// x.append(&[3, 0, 1, 1])?;
    /// writer.finish()?;
    /// let mut back = Vec::new();
    /// File::open(&path)?.need("x")?.wholes(0, 2, &mut back)?;
    /// assert_eq!(back, [3, 257]);
    /// # Ok::<(), cortado_base::Error>(())
    /// ```
    pub fn create(path: &Path) -> Result<Self> {
        let at = path.display().to_string();
        let hdf5 = guarded(&at, || H5File::create(path).map_err(|e| damaged(&at, e)))?;
        Ok(Self { hdf5, at })
    }

    /// Asks the crate for something.
    fn ask<T>(&self, ask: impl FnOnce(&H5File) -> rust_hdf5::Result<T>) -> Result<T> {
        guarded(&self.at, || {
            ask(&self.hdf5).map_err(|e| refused(&self.at, e))
        })
    }

    /// An attribute of the file that is text.
    ///
    /// # Errors
    /// The operating system's; a name twice.
    pub fn text(&self, name: &str, value: &str) -> Result<()> {
        self.ask(|f| f.set_attr_string(name, value))
    }

    /// A group.
    ///
    /// # Errors
    /// As [`Writer::text`].
    pub fn group(&self, name: &str) -> Result<()> {
        self.ask(|f| f.create_group(name).map(|_| ()))
    }

    /// A data set of one dimension that grows, in chunks of 32,768.
    ///
    /// # Errors
    /// As [`Writer::text`]; elements other than integers, reals, and records of them.
    pub fn column(&self, name: &str, kind: &Kind, packing: Packing) -> Result<Column> {
        self.chunked(name, kind, packing, CHUNK)
    }

    /// [`Writer::column`] in chunks of so many rows.
    ///
    /// # Errors
    /// As [`Writer::column`].
    pub fn chunked(
        &self,
        name: &str,
        kind: &Kind,
        packing: Packing,
        chunk: usize,
    ) -> Result<Column> {
        let at = format!("{}, {name}", self.at);
        let datatype = message(kind);
        let datatype = datatype.ok_or_else(|| Error::invalid("data set", &at, "numbers", kind))?;
        let size = kind.size();
        macro_rules! build {
            ($f:ident; $($n:literal)*) => {
                match size {
                    $($n => {
                        let set = $f.new_dataset::<Bytes<$n>>().datatype(datatype);
                        let set = set.shape([0]).max_shape(&[None]).chunk(&[chunk.max(1)]);
                        match packing.pipeline(size) {
                            Some(pipeline) => set.filter_pipeline(pipeline).create(name),
                            None => set.create(name),
                        }
                    })*
                    _ => Err(Hdf5Error::InvalidState(format!("elements of {size} bytes"))),
                }
            };
        }
        let data = self.ask(|f| build!(f; 1 2 4 8 12 13 16 24 32))?;
        Ok(Column {
            data,
            size,
            rows: 0,
            chunks: 0,
            at,
        })
    }

    /// A single integer.
    ///
    /// # Errors
    /// As [`Writer::text`].
    pub fn number(&self, name: &str, value: i64) -> Result<()> {
        self.ask(|f| {
            f.new_dataset::<i64>()
                .scalar()
                .create(name)?
                .write_raw(&[value])
        })
    }

    /// Integers, all at once.
    ///
    /// # Errors
    /// As [`Writer::text`].
    pub fn numbers(&self, name: &str, values: &[u32]) -> Result<()> {
        let set = |f: &H5File| {
            let set = f.new_dataset::<u32>().shape([values.len()]);
            let set = set.create(name)?;
            if values.is_empty() {
                return Ok(());
            }
            set.write_raw(values)
        };
        self.ask(set)
    }

    /// An array, row by row, or without dimensions a single element, given by the bytes that the type says.
    ///
    /// Texts are UTF-8 of a fixed length, filled up with zeros.
    ///
    /// # Errors
    /// As [`Writer::text`]; elements other than integers, reals, records of them, and text; another number of bytes.
    ///
    /// ```
    /// use cortado_base::hdf5::{File, Kind, Packing, Writer};
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("a.h5");
    /// let writer = Writer::create(&path)?;
    /// writer.array("x", &Kind::Text(2), &[2, 1], Packing::Plain, b"a\0bc")?;
    /// writer.finish()?;
    /// let mut file = File::open(&path)?;
    /// let x = file.need("x")?;
    /// assert_eq!(x.shape(), [2, 1]);
    /// assert_eq!(file.exact_strings(&x)?, ["a", "bc"]);
    /// # Ok::<(), cortado_base::Error>(())
    /// ```
    pub fn array(
        &self,
        name: &str,
        kind: &Kind,
        shape: &[usize],
        packing: Packing,
        bytes: &[u8],
    ) -> Result<()> {
        let datatype = match kind {
            Kind::Text(bytes) => u32::try_from(*bytes)
                .ok()
                .map(DatatypeMessage::fixed_string_utf8),
            kind => message(kind),
        };
        let at = || format!("{}, {name}", self.at);
        let datatype = datatype.ok_or_else(|| Error::invalid("data set", at(), "numbers", kind))?;
        let packed = packing.pipeline(kind.size());
        self.set(name, (datatype, kind.size()), shape, packed, bytes)
    }

    /// An array of truth values, 0 and 1, as h5py writes them.
    ///
    /// # Errors
    /// As [`Writer::array`].
    pub fn truths(&self, name: &str, shape: &[usize], values: &[u8]) -> Result<()> {
        let member = |name: &str, value| EnumMember {
            name: name.into(),
            value: vec![value],
        };
        let members = vec![member("FALSE", 0), member("TRUE", 1)];
        let datatype = DatatypeMessage::enumeration(i8::hdf5_type(), members);
        self.set(name, (datatype, 1), shape, None, values)
    }

    fn set(
        &self,
        name: &str,
        (datatype, size): (DatatypeMessage, usize),
        shape: &[usize],
        packed: Option<FilterPipeline>,
        bytes: &[u8],
    ) -> Result<()> {
        self.ask(|f| {
            let set = f.new_dataset::<u8>().datatype(datatype);
            let set = match (shape, packed) {
                ([], _) => set.scalar(),
                ([rows, others @ ..], Some(pipeline)) if !bytes.is_empty() => {
                    let row = others.iter().fold(size, |n, &d| n.saturating_mul(d));
                    let block = (BLOCK / row.max(1)).clamp(1, *rows);
                    let chunk = [&[block], others].concat();
                    set.shape(shape).chunk(&chunk).filter_pipeline(pipeline)
                }
                _ => set.shape(shape),
            };
            let set = set.create(name)?;
            if bytes.is_empty() {
                return Ok(());
            }
            set.write_raw_bytes(bytes)
        })
    }

    /// Rows of variable length.
    ///
    /// # Errors
    /// As [`Writer::text`].
    pub fn rows<T: Element>(&self, name: &str, rows: &[Vec<T>]) -> Result<()> {
        let rows: Vec<&[T]> = rows.iter().map(Vec::as_slice).collect();
        self.ask(|f| f.write_vlen_numeric(name, &rows).map(|_| ()))
    }

    /// Texts.
    ///
    /// # Errors
    /// As [`Writer::text`].
    pub fn strings(&self, name: &str, texts: &[String]) -> Result<()> {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        self.ask(|f| f.write_vlen_strings(name, &texts).map(|_| ()))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// The operating system's.
    pub fn finish(self) -> Result<()> {
        let at = self.at;
        guarded(&at, || self.hdf5.close().map_err(|e| refused(&at, e)))
    }
}

fn refused(at: &str, e: Hdf5Error) -> Error {
    Error::invalid("HDF5 file", at, "one that can be written", e)
}

/// A data set of one dimension that grows.
pub struct Column {
    data: H5Dataset,
    size: usize,
    rows: usize,
    chunks: usize,
    at: String,
}

impl Column {
    /// Adds elements, given by their bytes in the order that the type says.
    ///
    /// # Errors
    /// The operating system's; bytes that are no whole elements.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        macro_rules! append {
            ($($n:literal)*) => {
                match self.size {
                    $($n => {
                        let (all, rest) = bytes.as_chunks::<$n>();
                        let all: Vec<Bytes<$n>> = all.iter().map(|b| Bytes(*b)).collect();
                        if rest.is_empty() {
                            self.rows += all.len();
                            self.data.append(&all)
                        } else {
                            Err(Hdf5Error::InvalidState("a part of an element".into()))
                        }
                    })*
                    size => Err(Hdf5Error::InvalidState(format!("elements of {size} bytes"))),
                }
            };
        }
        let at = self.at.clone();
        guarded(&at, || {
            append!(1 2 4 8 12 13 16 24 32).map_err(|e| refused(&at, e))
        })
    }

    /// Adds a chunk of `rows` elements that is packed already; all but the last are full.
    ///
    /// # Errors
    /// The operating system's.
    pub fn chunk(&mut self, rows: usize, bytes: &[u8]) -> Result<()> {
        self.rows += rows;
        guarded(&self.at, || {
            let done = self
                .data
                .extend(&[self.rows])
                .and_then(|()| self.data.write_chunk_raw(self.chunks, bytes, 0));
            done.map_err(|e| refused(&self.at, e))
        })?;
        self.chunks += 1;
        Ok(())
    }

    /// An attribute that is text.
    ///
    /// # Errors
    /// The operating system's.
    pub fn text(&self, name: &str, value: &str) -> Result<()> {
        guarded(&self.at, || {
            let attribute = self.data.new_attr::<VarLenUnicode>().shape(()).create(name);
            let done = attribute.and_then(|a| a.write_string(value));
            done.map_err(|e| refused(&self.at, e))
        })
    }
}

/// The type in the words of the crate.
fn message(kind: &Kind) -> Option<DatatypeMessage> {
    let order = |mut message: DatatypeMessage, is_big: bool| {
        if let DatatypeMessage::FixedPoint { byte_order, .. }
        | DatatypeMessage::FloatingPoint { byte_order, .. } = &mut message
            && is_big
        {
            *byte_order = ByteOrder::BigEndian;
        }
        message
    };
    Some(match kind {
        Kind::Integer { bytes, signed, big } => {
            let message = match (bytes, signed) {
                (1, false) => u8::hdf5_type(),
                (1, true) => i8::hdf5_type(),
                (2, false) => u16::hdf5_type(),
                (2, true) => i16::hdf5_type(),
                (4, false) => u32::hdf5_type(),
                (4, true) => i32::hdf5_type(),
                (8, false) => u64::hdf5_type(),
                (8, true) => i64::hdf5_type(),
                _ => return None,
            };
            order(message, *big)
        }
        Kind::Real { bytes: 2, big } => order(DatatypeMessage::f16_type(), *big),
        Kind::Real { bytes: 4, big } => order(f32::hdf5_type(), *big),
        Kind::Real { bytes: 8, big } => order(f64::hdf5_type(), *big),
        Kind::Record { bytes, fields } => {
            let member = |field: &Field| {
                Some(CompoundMember {
                    name: field.name.clone(),
                    offset: u32::try_from(field.offset).ok()?,
                    datatype: message(&field.kind)?,
                })
            };
            DatatypeMessage::Compound {
                size: u32::try_from(*bytes).ok()?,
                members: fields.iter().map(member).collect::<Option<_>>()?,
            }
        }
        _ => return None,
    })
}
