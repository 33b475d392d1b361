//! What stands under a name in a file: numbers, text, and maps of them.

use std::collections::BTreeMap;

/// The type that numbers have in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DType {
    /// Truth values, as h5py writes them.
    Bool,
    /// Integers of 8 bits.
    I8,
    /// Integers of 16 bits.
    I16,
    /// Integers of 32 bits.
    I32,
    /// Integers of 64 bits.
    I64,
    /// Integers of 8 bits, not below zero.
    U8,
    /// Integers of 16 bits, not below zero.
    U16,
    /// Integers of 32 bits, not below zero.
    U32,
    /// Integers of 64 bits, not below zero.
    U64,
    /// Floating point of 16 bits.
    F16,
    /// Floating point of 32 bits.
    F32,
    /// Floating point of 64 bits.
    F64,
}

impl DType {
    /// All of them, with NumPy's name and their bytes.
    const ALL: [(Self, &'static str, usize); 12] = [
        (Self::Bool, "bool", 1),
        (Self::I8, "int8", 1),
        (Self::I16, "int16", 2),
        (Self::I32, "int32", 4),
        (Self::I64, "int64", 8),
        (Self::U8, "uint8", 1),
        (Self::U16, "uint16", 2),
        (Self::U32, "uint32", 4),
        (Self::U64, "uint64", 8),
        (Self::F16, "float16", 2),
        (Self::F32, "float32", 4),
        (Self::F64, "float64", 8),
    ];

    fn row(self) -> (Self, &'static str, usize) {
        let row = Self::ALL.into_iter().find(|r| r.0 == self);
        row.unwrap_or((Self::F64, "float64", 8))
    }

    /// NumPy's name, such as `float32`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        self.row().2
    }

    /// Whether it is floating point.
    pub fn is_real(self) -> bool {
        matches!(self, Self::F16 | Self::F32 | Self::F64)
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// An array of numbers, row by row, which remembers the type it has in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Sizes of its dimensions; none for a single number.
    pub shape: Vec<usize>,
    /// The numbers, the last dimension running fastest.
    pub data: Vec<f64>,
    /// What they are in a file.
    pub dtype: DType,
}

impl Tensor {
    /// Numbers of 64 bits.
    pub fn f64(shape: &[usize], data: Vec<f64>) -> Self {
        Self {
            shape: shape.into(),
            data,
            dtype: DType::F64,
        }
    }

    /// Numbers of 32 bits.
    pub fn f32(shape: &[usize], data: &[f32]) -> Self {
        Self {
            shape: shape.into(),
            data: data.iter().map(|&x| x.into()).collect(),
            dtype: DType::F32,
        }
    }

    /// The same number everywhere, of 64 bits.
    pub fn full(shape: &[usize], value: f64) -> Self {
        Self::f64(shape, vec![value; shape.iter().product()])
    }

    /// Least and largest number; nothing of an empty array. Not-a-number counts only if there is nothing else.
    pub fn range(&self) -> Option<(f64, f64)> {
        let first = *self.data.first()?;
        let both = |(low, high): (f64, f64), &x: &f64| (low.min(x), high.max(x));
        Some(self.data.iter().fold((first, first), both))
    }

    /// The number that stands everywhere, if there is just one.
    pub fn uniform(&self) -> Option<f64> {
        let first = *self.data.first()?;
        self.data.iter().all(|&x| x == first).then_some(first)
    }
}

/// What stands under a name of the metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Numbers of floating point; a single one has no dimensions.
    Numbers(Tensor),
    /// Integers and truth values (0 and 1); a single one has no dimensions.
    Integers {
        /// Sizes of the dimensions.
        shape: Vec<usize>,
        /// The integers.
        data: Vec<i64>,
        /// What they are in a file.
        dtype: DType,
    },
    /// Texts; a single one has no dimensions.
    Texts {
        /// Sizes of the dimensions.
        shape: Vec<usize>,
        /// The texts.
        data: Vec<String>,
    },
    /// More of this, by name.
    Map(Metadata),
}

/// What a tool noted beside a node or a graph, by name.
pub type Metadata = BTreeMap<String, Value>;

impl Value {
    /// A single number, or integer.
    ///
    /// ```
    /// use cortado_interop::nir::Value;
    /// assert_eq!(Value::from(1e-4).number(), Some(1e-4));
    /// assert_eq!(Value::from(3).number(), Some(3.0));
    /// assert_eq!(Value::from("euler").number(), None);
    /// ```
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Numbers(t) if t.shape.is_empty() => t.data.first().copied(),
            Self::Integers { shape, data, .. } if shape.is_empty() => {
                data.first().map(|&x| x as f64)
            }
            _ => None,
        }
    }

    /// A single text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Texts { shape, data } if shape.is_empty() => data.first().map(String::as_str),
            _ => None,
        }
    }

    /// More of this, by name.
    pub fn map(&self) -> Option<&Metadata> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }
}

impl From<f64> for Value {
    fn from(x: f64) -> Self {
        Self::Numbers(Tensor::f64(&[], vec![x]))
    }
}

impl From<i64> for Value {
    fn from(x: i64) -> Self {
        Self::Integers {
            shape: Vec::new(),
            data: vec![x],
            dtype: DType::I64,
        }
    }
}

impl From<bool> for Value {
    fn from(x: bool) -> Self {
        Self::Integers {
            shape: Vec::new(),
            data: vec![x.into()],
            dtype: DType::Bool,
        }
    }
}

impl From<&str> for Value {
    fn from(x: &str) -> Self {
        Self::Texts {
            shape: Vec::new(),
            data: vec![x.into()],
        }
    }
}
