//! The `.npy` files of NumPy, which hold an array of numbers each.
//!
//! A file is the six bytes `\x93NUMPY`, two of version (1.0, 2.0 or 3.0), the length of the header (`u16`, from
//! version 2 `u32`, little-endian), the header, a Python dictionary `{'descr': '<f4', 'fortran_order': False,
//! 'shape': (3, 4)}`, and then the numbers. They may be little- or big-endian, of type `b1`, `u1` to `u8`, `i1` to
//! `i8`, `f2`, `f4` or `f8`; text is refused, and so are records, whose [`layout`] can be read.

use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::write_atomic;
use crate::{Error, Result};

pub use crate::array::{Array, Data};
use crate::array::{MAX_DIMENSIONS, elements, text};
use crate::half::half;
use crate::hdf5::{Field, Kind};

const MAGIC: &[u8] = b"\x93NUMPY";
/// Many times what the largest shape needs.
const MAX_HEADER: usize = 1 << 16;
/// Bytes that are read at once; a multiple of every size of a number.
const BLOCK: usize = 1 << 16;

/// Reads a `.npy` file.
///
/// # Errors
/// A file that cannot be read, and what [`decode`] refuses.
pub fn read(path: &Path) -> Result<Array> {
    let file = std::fs::File::open(path).map_err(|e| Error::io("cannot open", path, e))?;
    let at = path.display().to_string();
    decode_from(&mut std::io::BufReader::new(file), &at, u64::MAX)
}

/// The array in the bytes of a `.npy` file; `at` says in an error where they are from.
///
/// # Errors
/// A wrong start, a version above 3, a header that is none, a type that is no number, a shape of more than 64
/// dimensions or beyond memory, fewer or more bytes than it says.
///
/// ```
/// use cortado_base::npy::{Array, decode, encode};
/// let array = Array::new(vec![3], vec![0.5f32, 1.0, -2.0])?;
/// assert_eq!(decode(&encode(&array)?, "memory")?, array);
/// # Ok::<(), cortado_base::Error>(())
/// ```
pub fn decode(bytes: &[u8], at: &str) -> Result<Array> {
    decode_from(&mut &bytes[..], at, u64::MAX)
}

/// [`decode`] from a source, of which at most `limit` bytes of numbers are taken.
///
/// # Errors
/// Those of [`decode`], of the source, and more than `limit` bytes.
pub fn decode_from(source: &mut dyn Read, at: &str, limit: u64) -> Result<Array> {
    let header = Header::read(source, at)?;
    let refused = |expected: String, got: String| Error::invalid("array data", at, expected, got);
    let shape = text(&header.shape);
    let count = elements(&header.shape);
    let Some((count, bytes)) = count.and_then(|n| Some((n, n.checked_mul(header.size)?))) else {
        return Err(refused("a size that fits in memory".into(), shape));
    };
    // Half precision takes twice its size in memory.
    let held = (bytes as u64).saturating_mul(if header.descr.ends_with("f2") { 2 } else { 1 });
    if held > limit {
        let got = format!("{held}, shape {shape}");
        return Err(refused(format!("at most {limit} bytes"), got));
    }
    let expected = || format!("{bytes} bytes (shape {shape}, type {})", header.descr);
    let data = header.data(source, count).map_err(|e| match e.kind() {
        ErrorKind::UnexpectedEof => refused(expected(), "fewer".into()),
        _ => Error::io("cannot read", at, e),
    })?;
    let mut after = [0];
    match source.read(&mut after) {
        Ok(0) => Ok(Array {
            shape: header.shape,
            data,
        }),
        Ok(_) => Err(refused(expected(), "more".into())),
        Err(e) => Err(Error::io("cannot read", at, e)),
    }
}

/// What a `.npy` file says of what follows its header.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// What the elements are; truth values are integers of a byte here.
    pub kind: Kind,
    /// Whether the first index runs fastest.
    pub fortran: bool,
    /// Sizes of the dimensions.
    pub shape: Vec<usize>,
}

/// Bytes before the elements of a `.npy` file, given its first bytes; nothing if there are too few to tell.
///
/// ```
/// assert_eq!(cortado_base::npy::start(b"\x93NUMPY\x01\x00\x76\x00{'descr'"), Some(128));
/// ```
pub fn start(bytes: &[u8]) -> Option<usize> {
    Some(match bytes.get(6)? {
        1 => 10 + usize::from(u16::from_le_bytes(*bytes.get(8..)?.first_chunk()?)),
        _ => (u32::from_le_bytes(*bytes.get(8..)?.first_chunk()?) as usize).saturating_add(12),
    })
}

/// The header of a `.npy` file, of numbers or of records, taken from the front of a source.
///
/// # Errors
/// As [`decode`], but for the numbers.
pub fn layout(source: &mut dyn Read, at: &str) -> Result<Layout> {
    let header = Header::any(source, at)?;
    let bytes = header.size;
    let kind = match (header.fields, header.kind) {
        (Some(fields), _) => Kind::Record { bytes, fields },
        (None, kind) => scalar_kind(kind, bytes, header.big_endian),
    };
    Ok(Layout {
        kind,
        fortran: header.fortran,
        shape: header.shape,
    })
}

fn scalar_kind(kind: char, bytes: usize, big: bool) -> Kind {
    match kind {
        'f' => Kind::Real { bytes, big },
        kind => Kind::Integer {
            bytes,
            signed: kind == 'i',
            big,
        },
    }
}

/// What stands before the numbers.
struct Header {
    /// The type as written.
    descr: String,
    /// Its letter: `b`, `u`, `i` or `f`.
    kind: char,
    /// Bytes of one number.
    size: usize,
    big_endian: bool,
    /// Whether the first index runs fastest.
    fortran: bool,
    shape: Vec<usize>,
    /// Of records, what is in them.
    fields: Option<Vec<Field>>,
}

/// A header that is none, or not of numbers.
fn no_header(at: &str, text: &[u8]) -> Error {
    let start = text[..text.len().min(200)].escape_ascii();
    let expected = "descr, fortran_order and shape of numbers";
    Error::invalid("header", at, expected, start)
}

impl Header {
    fn read(source: &mut dyn Read, at: &str) -> Result<Self> {
        let header = Self::any(source, at)?;
        if header.fields.is_some() {
            return Err(no_header(at, header.descr.as_bytes()));
        }
        Ok(header)
    }

    /// A header of numbers or of records.
    fn any(source: &mut dyn Read, at: &str) -> Result<Self> {
        let start: [u8; 8] = bytes(source, at)?;
        let version = start[6];
        if !start.starts_with(MAGIC) || !(1..=3).contains(&version) {
            let expected = "\\x93NUMPY and version 1, 2 or 3";
            return Err(Error::invalid("start", at, expected, start.escape_ascii()));
        }
        let length = if version == 1 {
            usize::from(u16::from_le_bytes(bytes(source, at)?))
        } else {
            u32::from_le_bytes(bytes(source, at)?) as usize
        };
        if length > MAX_HEADER {
            let expected = format!("at most {MAX_HEADER} bytes");
            return Err(Error::invalid("length of the header", at, expected, length));
        }
        let mut header = vec![0; length];
        source.read_exact(&mut header).map_err(|e| short(at, e))?;
        let dictionary = std::str::from_utf8(&header).ok().and_then(Self::parse);
        let Some(header) = dictionary else {
            return Err(no_header(at, &header));
        };
        if header.shape.len() > MAX_DIMENSIONS {
            let expected = format!("at most {MAX_DIMENSIONS} dimensions");
            return Err(Error::invalid("shape", at, expected, header.shape.len()));
        }
        Ok(header)
    }

    fn parse(text: &str) -> Option<Self> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        for (key, value) in entries(text)? {
            let before = match key {
                "descr" => descr.replace(value).is_some(),
                "fortran_order" => match value {
                    "True" => fortran.replace(true).is_some(),
                    "False" => fortran.replace(false).is_some(),
                    _ => return None,
                },
                "shape" => shape.replace(tuple(value)?).is_some(),
                _ => return None,
            };
            if before {
                return None;
            }
        }
        let written = descr?;
        let mut header = Self {
            descr: written.into(),
            kind: 'V',
            size: 0,
            big_endian: false,
            fortran: fortran?,
            shape: shape?,
            fields: None,
        };
        if written.starts_with('[') {
            let fields = fields(written)?;
            let end = |f: &Field| f.offset.saturating_add(f.kind.size());
            header.size = fields.last().map_or(0, end);
            header.fields = Some(fields);
        } else {
            let descr = unquote(written)?;
            header.descr = descr.into();
            (header.kind, header.size, header.big_endian) = scalar(descr)?;
        }
        Some(header)
    }

    fn data(&self, source: &mut dyn Read, count: usize) -> std::io::Result<Data> {
        macro_rules! numbers {
            ($convert:expr) => {
                Data::from(self.numbers(source, count, $convert)?)
            };
        }
        Ok(match (self.kind, self.size) {
            ('b', _) => numbers!(|[byte]| byte != 0),
            ('u', 1) => numbers!(u8::from_le_bytes),
            ('u', 2) => numbers!(u16::from_le_bytes),
            ('u', 4) => numbers!(u32::from_le_bytes),
            ('u', _) => numbers!(u64::from_le_bytes),
            ('i', 1) => numbers!(i8::from_le_bytes),
            ('i', 2) => numbers!(i16::from_le_bytes),
            ('i', 4) => numbers!(i32::from_le_bytes),
            ('i', _) => numbers!(i64::from_le_bytes),
            (_, 2) => numbers!(|bytes| half(u16::from_le_bytes(bytes))),
            (_, 4) => numbers!(f32::from_le_bytes),
            _ => numbers!(f64::from_le_bytes),
        })
    }

    /// `count` numbers in the order of [`Array`]; memory grows with the bytes that are there.
    fn numbers<T: Copy, const N: usize>(
        &self,
        source: &mut dyn Read,
        count: usize,
        convert: fn([u8; N]) -> T,
    ) -> std::io::Result<Vec<T>> {
        let mut numbers = Vec::new();
        let mut block = vec![0; BLOCK];
        while numbers.len() < count {
            let length = (BLOCK / N).min(count - numbers.len()) * N;
            source.read_exact(&mut block[..length])?;
            numbers.extend(block[..length].as_chunks::<N>().0.iter().map(|&(mut one)| {
                if self.big_endian {
                    one.reverse();
                }
                convert(one)
            }));
        }
        Ok(if self.fortran {
            last_fastest(&numbers, &self.shape)
        } else {
            numbers
        })
    }
}

/// The letter, the bytes and the order of a type of number.
fn scalar(descr: &str) -> Option<(char, usize, bool)> {
    let order = descr.chars().next()?;
    let bare = descr.strip_prefix(['<', '>', '|', '=']).unwrap_or(descr);
    let mut rest = bare.chars();
    let (kind, size) = match (rest.next()?, rest.as_str()) {
        ('?', "") => ('b', 1),
        ('b', "1") => ('b', 1),
        (kind @ ('u' | 'i'), size @ ("1" | "2" | "4" | "8")) => (kind, size.parse().ok()?),
        ('f', size @ ("2" | "4" | "8")) => ('f', size.parse().ok()?),
        _ => return None,
    };
    let big = order == '>' || (order == '=' && cfg!(target_endian = "big"));
    Some((kind, size, big))
}

/// The fields of records, `[('t', '<i8'), ('', '|V3'), ('x', '<u2', (2,))]`.
fn fields(text: &str) -> Option<Vec<Field>> {
    let body = text.strip_prefix('[')?.strip_suffix(']')?;
    let mut offset = 0usize;
    let mut fields = Vec::new();
    for item in items(body)? {
        let parts = items(item.trim().strip_prefix('(')?.strip_suffix(')')?)?;
        let [name, descr, rest @ ..] = &parts[..] else {
            return None;
        };
        let (name, descr) = (unquote(name.trim())?, unquote(descr.trim())?);
        let other = |bytes| Kind::Other {
            bytes,
            name: descr.into(),
        };
        let kind = match (scalar(descr), rest) {
            (Some((kind, bytes, big)), []) => scalar_kind(kind, bytes, big),
            (Some((_, bytes, _)), [shape]) => {
                other(elements(&tuple(shape.trim())?)?.checked_mul(bytes)?)
            }
            (None, []) => {
                let bare = descr.trim_start_matches(['<', '>', '|', '=']);
                let (letter, size) = bare.split_at_checked(1)?;
                let wide = if letter == "U" { 4 } else { 1 };
                other(size.parse::<usize>().ok()?.checked_mul(wide)?)
            }
            _ => return None,
        };
        let size = kind.size();
        fields.push(Field {
            name: name.into(),
            offset,
            kind,
        });
        offset = offset.checked_add(size)?;
    }
    Some(fields)
}

/// Numbers with the first index running fastest, put so that the last does.
fn last_fastest<T: Copy>(numbers: &[T], shape: &[usize]) -> Vec<T> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &size in shape {
        strides.push(stride);
        stride *= size;
    }
    let mut index = vec![0; shape.len()];
    let mut place = 0;
    let mut out = Vec::with_capacity(numbers.len());
    for _ in 0..numbers.len() {
        out.push(numbers[place]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            place += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            place -= strides[axis] * index[axis];
            index[axis] = 0;
        }
    }
    out
}

fn bytes<const N: usize>(source: &mut dyn Read, at: &str) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes).map_err(|e| short(at, e))?;
    Ok(bytes)
}

fn short(at: &str, e: std::io::Error) -> Error {
    match e.kind() {
        ErrorKind::UnexpectedEof => Error::invalid("header", at, "a whole one", "a shorter file"),
        _ => Error::io("cannot read", at, e),
    }
}

/// Keys and values of a Python dictionary with text as keys, values as written.
fn entries(text: &str) -> Option<Vec<(&str, &str)>> {
    let body = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    items(body)?
        .into_iter()
        .map(|item| {
            let (key, value) = item.split_once(':')?;
            Some((unquote(key.trim())?, value.trim()))
        })
        .collect()
}

/// What commas separate outside of brackets and text, without what is empty.
fn items(body: &str) -> Option<Vec<&str>> {
    let (mut depth, mut quote, mut start) = (0usize, None, 0);
    let mut items = Vec::new();
    for (i, c) in body.char_indices() {
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth = depth.checked_sub(1)?,
            (None, ',') if depth == 0 => {
                items.push(&body[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    items.push(&body[start..]);
    items.retain(|item| !item.trim().is_empty());
    Some(items)
}

fn unquote(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let inside = text.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inside.contains(quote)).then_some(inside)
}

/// The sizes in `(3, 4)`, `(3,)` or `()`; Python 2 wrote `3L`.
fn tuple(text: &str) -> Option<Vec<usize>> {
    let inside = text.strip_prefix('(')?.strip_suffix(')')?.trim();
    let inside = inside.strip_suffix(',').unwrap_or(inside);
    if inside.is_empty() {
        return Some(Vec::new());
    }
    let sizes = inside.split(',').map(str::trim);
    sizes
        .map(|s| s.strip_suffix('L').unwrap_or(s).parse().ok())
        .collect()
}

/// What stands before the elements: `descr` as Python writes it, the sizes without their brackets; at least `least` bytes.
///
/// ```
/// let head = cortado_base::npy::head("'<f4'", "3,", 128);
/// assert_eq!(head.len(), 128);
/// ```
pub fn head(descr: &str, sizes: &str, least: usize) -> Vec<u8> {
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': ({sizes}), }}");
    // The numbers start at a multiple of 64 bytes.
    let before = MAGIC.len() + 4;
    let padded = (before + header.len() + 1).max(least).next_multiple_of(64);
    let mut out = MAGIC.to_vec();
    out.extend([1, 0]);
    out.extend(((padded - before) as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.resize(padded - 1, b' ');
    out.push(b'\n');
    out
}

/// The bytes of a `.npy` file, version 1.0, little-endian, last index fastest.
///
/// # Errors
/// A shape that does not fit the numbers.
pub fn encode(array: &Array) -> Result<Vec<u8>> {
    array.check("an array to write")?;
    let sizes: String = array.shape.iter().map(|d| format!("{d}, ")).collect();
    // A comma stays only where it makes a tuple of one.
    let sizes = if array.shape.len() == 1 {
        sizes.trim_end()
    } else {
        sizes.trim_end_matches([',', ' '])
    };
    let mut out = head(&format!("'{}'", array.data.descr()), sizes, 0);
    match &array.data {
        Data::Bool(n) => out.extend(n.iter().map(|&x| u8::from(x))),
        Data::U8(n) => out.extend(n),
        Data::U16(n) => out.extend(n.iter().flat_map(|x| x.to_le_bytes())),
        Data::U32(n) => out.extend(n.iter().flat_map(|x| x.to_le_bytes())),
        Data::U64(n) => out.extend(n.iter().flat_map(|x| x.to_le_bytes())),
        Data::I8(n) => out.extend(n.iter().flat_map(|x| x.to_le_bytes())),
        Data::I16(n) => out.extend(n.iter().flat_map(|x| x.to_le_bytes())),
        Data::I32(n) => out.extend(n.iter().flat_map(|x| x.to_le_bytes())),
        Data::I64(n) => out.extend(n.iter().flat_map(|x| x.to_le_bytes())),
        Data::F32(n) => out.extend(n.iter().flat_map(|x| x.to_le_bytes())),
        Data::F64(n) => out.extend(n.iter().flat_map(|x| x.to_le_bytes())),
    }
    Ok(out)
}

/// Writes a `.npy` file, whole or not at all.
///
/// # Errors
/// What [`encode`] refuses, or the operating system.
pub fn write(path: &Path, array: &Array) -> Result<()> {
    write_atomic(path, &encode(array)?)
}
