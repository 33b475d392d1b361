//! Types of elements, and numbers from their bytes.

use rust_hdf5::{ByteOrder, DatatypeMessage};

use crate::half::half;

/// What the elements of a data set are.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Integers of all their bits, also enumerations such as h5py's truth values.
    Integer {
        /// Bytes of each: 1, 2, 4 or 8.
        bytes: usize,
        /// Whether there are ones below zero.
        signed: bool,
        /// Whether the highest byte comes first.
        big: bool,
    },
    /// Floating-point numbers of an IEEE format.
    Real {
        /// Bytes of each: 2, 4 or 8.
        bytes: usize,
        /// Whether the highest byte comes first.
        big: bool,
    },
    /// Records.
    Record {
        /// Bytes of each.
        bytes: usize,
        /// What is in them.
        fields: Vec<Field>,
    },
    /// Rows of variable length of elements.
    Rows(Box<Kind>),
    /// Text of that many bytes.
    Text(usize),
    /// Text of variable length.
    LongText,
    /// Something else.
    Other {
        /// Bytes of each.
        bytes: usize,
        /// What it is.
        name: String,
    },
}

/// A part of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Bytes of the record before it.
    pub offset: usize,
    /// What it is.
    pub kind: Kind,
}

impl Kind {
    pub(super) fn new(message: &DatatypeMessage) -> Self {
        let big = |order: &ByteOrder| *order == ByteOrder::BigEndian;
        let whole = |size: u32, precision: u16, offset: u16| {
            matches!(size, 1 | 2 | 4 | 8) && u32::from(precision) == 8 * size && offset == 0
        };
        match message {
            DatatypeMessage::FixedPoint {
                size,
                byte_order,
                signed,
                bit_offset,
                bit_precision,
            } if whole(*size, *bit_precision, *bit_offset) => Self::Integer {
                bytes: *size as usize,
                signed: *signed,
                big: big(byte_order),
            },
            DatatypeMessage::BitField {
                size,
                byte_order,
                bit_offset,
                bit_precision,
            } if whole(*size, *bit_precision, *bit_offset) => Self::Integer {
                bytes: *size as usize,
                signed: false,
                big: big(byte_order),
            },
            DatatypeMessage::FloatingPoint {
                size,
                byte_order,
                exponent_size,
                mantissa_size,
                ..
            } if matches!(
                (size, exponent_size, mantissa_size),
                (2, 5, 10) | (4, 8, 23) | (8, 11, 52)
            ) =>
            {
                Self::Real {
                    bytes: *size as usize,
                    big: big(byte_order),
                }
            }
            DatatypeMessage::Enum { base, .. } => Self::new(base),
            DatatypeMessage::Compound { size, members } => Self::Record {
                bytes: *size as usize,
                fields: members
                    .iter()
                    .map(|m| Field {
                        name: m.name.clone(),
                        offset: m.offset as usize,
                        kind: Self::new(&m.datatype),
                    })
                    .collect(),
            },
            DatatypeMessage::VarLenSequence { base } => Self::Rows(Box::new(Self::new(base))),
            DatatypeMessage::FixedString { size, .. } => Self::Text(*size as usize),
            DatatypeMessage::VarLenString { .. } => Self::LongText,
            other => Self::Other {
                bytes: other.element_size() as usize,
                name: format!("{other:?}"),
            },
        }
    }

    /// Bytes of an element; what has a variable length takes 16, its place.
    pub fn size(&self) -> usize {
        match self {
            Self::Integer { bytes, .. }
            | Self::Real { bytes, .. }
            | Self::Record { bytes, .. }
            | Self::Text(bytes)
            | Self::Other { bytes, .. } => *bytes,
            Self::Rows(_) | Self::LongText => 16,
        }
    }

    /// The part of that name of a record.
    pub fn field(&self, name: &str) -> Option<&Field> {
        match self {
            Self::Record { fields, .. } => fields.iter().find(|f| f.name == name),
            _ => None,
        }
    }

    /// The integer in the bytes of one element; nothing for another type, or beyond an `i64`.
    pub fn whole(&self, bytes: &[u8]) -> Option<i64> {
        let mut one = Vec::new();
        self.wholes(bytes, bytes.len(), &mut one)?;
        one.first().copied().filter(|_| one.len() == 1)
    }

    /// The number in the bytes of one element of floating point; nothing for another type.
    pub fn real(&self, bytes: &[u8]) -> Option<f64> {
        let mut one = Vec::new();
        self.reals(bytes, bytes.len(), &mut one)?;
        one.first().copied().filter(|_| one.len() == 1)
    }

    /// Adds integers that stand at the start of every `stride` bytes; nothing for another type, or beyond an `i64`.
    ///
    /// ```
    /// use cortado_base::hdf5::Kind;
    /// let kind = Kind::Integer { bytes: 2, signed: true, big: true };
    /// let mut all = Vec::new();
    /// kind.wholes(&[1, 0, 9, 255, 254, 9], 3, &mut all).unwrap();
    /// assert_eq!(all, [256, -2]);
    /// ```
    pub fn wholes(&self, bytes: &[u8], stride: usize, out: &mut Vec<i64>) -> Option<()> {
        let Self::Integer {
            bytes: size,
            signed,
            big,
        } = *self
        else {
            return None;
        };
        macro_rules! of {
            ($type:ty) => {
                each(bytes, stride, big, out, |b| {
                    <$type>::from_le_bytes(b).into()
                })
            };
        }
        match (size, signed) {
            (1, true) => of!(i8),
            (1, false) => of!(u8),
            (2, true) => of!(i16),
            (2, false) => of!(u16),
            (4, true) => of!(i32),
            (4, false) => of!(u32),
            (8, true) => of!(i64),
            (8, false) => {
                let n = out.len();
                each(bytes, stride, big, out, i64::from_le_bytes)?;
                out[n..].iter().all(|&x| x >= 0).then_some(())
            }
            _ => None,
        }
    }

    /// Adds numbers of floating point that stand at the start of every `stride` bytes; nothing for another type.
    pub fn reals(&self, bytes: &[u8], stride: usize, out: &mut Vec<f64>) -> Option<()> {
        match *self {
            Self::Real { bytes: 2, big } => each(bytes, stride, big, out, |b| {
                half(u16::from_le_bytes(b)).into()
            }),
            Self::Real { bytes: 4, big } => {
                each(bytes, stride, big, out, |b| f32::from_le_bytes(b).into())
            }
            Self::Real { bytes: 8, big } => each(bytes, stride, big, out, f64::from_le_bytes),
            _ => None,
        }
    }
}

/// Converts the first `N` of every `stride` bytes, a shorter piece at the end having as many at least.
fn each<T, const N: usize>(
    bytes: &[u8],
    stride: usize,
    big: bool,
    out: &mut Vec<T>,
    convert: impl Fn([u8; N]) -> T,
) -> Option<()> {
    if stride < N {
        return bytes.is_empty().then_some(());
    }
    out.reserve(bytes.len().div_ceil(stride));
    let one = |piece: &[u8]| {
        let mut one = *piece.first_chunk::<N>()?;
        if big {
            one.reverse();
        }
        Some(convert(one))
    };
    for piece in bytes.chunks(stride) {
        out.push(one(piece)?);
    }
    Some(())
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer { bytes, signed, .. } => {
                write!(f, "{}{}", if *signed { 'i' } else { 'u' }, 8 * bytes)
            }
            Self::Real { bytes, .. } => write!(f, "f{}", 8 * bytes),
            Self::Record { fields, .. } => {
                let fields = fields
                    .iter()
                    .map(|x| format!("{} {}", x.name.escape_debug(), x.kind));
                write!(f, "records of ({})", fields.collect::<Vec<_>>().join(", "))
            }
            Self::Rows(base) => write!(f, "rows of {base}"),
            Self::Text(bytes) => write!(f, "text of {bytes} bytes"),
            Self::LongText => write!(f, "text"),
            Self::Other { name, .. } => write!(f, "{name}"),
        }
    }
}
