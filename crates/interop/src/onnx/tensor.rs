//! Tensors: numbers in a shape.

use super::proto::{TensorProto, element};
use crate::{Error, Result};
use cortado_base::half::half;

/// Numbers in a shape, the last axis running fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Data,
}

/// Numbers of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// `FLOAT`
    F32(Vec<f32>),
    /// `DOUBLE`
    F64(Vec<f64>),
    /// `FLOAT16`, as its bits.
    F16(Vec<u16>),
    /// `INT32`
    I32(Vec<i32>),
    /// `INT64`
    I64(Vec<i64>),
    /// `BOOL`
    Bool(Vec<bool>),
}

/// Type of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Element {
    F32,
    F64,
    F16,
    I32,
    I64,
    Bool,
}

impl Element {
    /// By its number in `TensorProto.DataType`.
    pub fn of(number: i32) -> Option<Self> {
        Some(match number {
            element::FLOAT => Self::F32,
            element::DOUBLE => Self::F64,
            element::FLOAT16 => Self::F16,
            element::INT32 => Self::I32,
            element::INT64 => Self::I64,
            element::BOOL => Self::Bool,
            _ => return None,
        })
    }

    /// Its number in `TensorProto.DataType`.
    pub fn number(self) -> i32 {
        match self {
            Self::F32 => element::FLOAT,
            Self::F64 => element::DOUBLE,
            Self::F16 => element::FLOAT16,
            Self::I32 => element::INT32,
            Self::I64 => element::INT64,
            Self::Bool => element::BOOL,
        }
    }
}

impl Data {
    /// How many numbers.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::F16(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::Bool(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their type.
    pub fn element(&self) -> Element {
        match self {
            Self::F32(_) => Element::F32,
            Self::F64(_) => Element::F64,
            Self::F16(_) => Element::F16,
            Self::I32(_) => Element::I32,
            Self::I64(_) => Element::I64,
            Self::Bool(_) => Element::Bool,
        }
    }
}

impl Tensor {
    /// Numbers in a shape.
    ///
    /// # Errors
    /// Another count of numbers than the shape has.
    ///
    /// ```
    /// use cortado_interop::onnx::{Data, Tensor};
    /// assert!(Tensor::new(vec![2, 3], Data::F32(vec![0.0; 6])).is_ok());
    /// assert!(Tensor::new(vec![2, 3], Data::F32(vec![0.0; 5])).is_err());
    /// ```
    pub fn new(shape: Vec<usize>, data: Data) -> Result<Self> {
        let count = shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b));
        if count != Some(data.len()) {
            let expected = format!("as many numbers as {shape:?} has");
            return Err(Error::invalid("data", "tensor", expected, data.len()));
        }
        Ok(Self { shape, data })
    }

    /// The shape; no axis for a single number.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The numbers as `f64`, which holds all but the largest whole numbers exactly.
    pub fn floats(&self) -> Vec<f64> {
        match &self.data {
            Data::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Data::F64(v) => v.clone(),
            Data::F16(v) => v.iter().map(|&x| f64::from(half(x))).collect(),
            Data::I32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Data::I64(v) => v.iter().map(|&x| x as f64).collect(),
            Data::Bool(v) => v.iter().map(|&x| f64::from(u8::from(x))).collect(),
        }
    }

    /// The numbers, if they are whole ones by type.
    pub fn ints(&self) -> Option<Vec<i64>> {
        match &self.data {
            Data::I32(v) => Some(v.iter().map(|&x| i64::from(x)).collect()),
            Data::I64(v) => Some(v.clone()),
            Data::Bool(v) => Some(v.iter().map(|&x| i64::from(x)).collect()),
            _ => None,
        }
    }

    /// What a file says.
    pub(super) fn from_proto(proto: TensorProto) -> Result<Self> {
        let name = proto.name.unwrap_or_default();
        let wrong = |what, expected: &str, got: String| {
            Error::invalid(what, format!("tensor '{name}'"), expected, got)
        };
        if !proto.external_data.is_empty() || proto.data_location.unwrap_or(0) != 0 {
            return Err(wrong(
                "data",
                "numbers inside the model, or of an initialiser in a file beside it",
                "a file beside it".into(),
            ));
        }
        let number = proto.data_type.unwrap_or(0);
        let Some(element) = Element::of(number) else {
            let expected = "float (1), int32 (6), int64 (7), bool (9), float16 (10) or double (11)";
            return Err(wrong("type", expected, number.to_string()));
        };
        let dims = proto.dims.iter().map(|&d| usize::try_from(d));
        let Ok(shape) = dims.collect::<std::result::Result<Vec<_>, _>>() else {
            return Err(wrong(
                "shape",
                "no length below 0",
                format!("{:?}", proto.dims),
            ));
        };
        let data = match proto.raw_data {
            Some(bytes) => from_bytes(element, &bytes),
            None => match element {
                Element::F32 => Some(Data::F32(proto.float_data)),
                Element::F64 => Some(Data::F64(proto.double_data)),
                Element::I64 => Some(Data::I64(proto.int64_data)),
                Element::I32 => Some(Data::I32(proto.int32_data)),
                Element::Bool => Some(Data::Bool(
                    proto.int32_data.iter().map(|&x| x != 0).collect(),
                )),
                Element::F16 => {
                    let bits = proto.int32_data.iter().map(|&x| u16::try_from(x));
                    bits.collect::<std::result::Result<_, _>>()
                        .ok()
                        .map(Data::F16)
                }
            },
        };
        let Some(data) = data else {
            return Err(wrong(
                "data",
                "whole numbers of its type",
                "a piece of one".into(),
            ));
        };
        let count = data.len();
        Self::new(shape, data).map_err(|_| {
            let expected = format!("as many numbers as {:?} has", proto.dims);
            wrong("data", &expected, count.to_string())
        })
    }

    /// For a file.
    pub(super) fn to_proto(&self, name: &str) -> TensorProto {
        TensorProto {
            dims: self.shape.iter().map(|&d| d as i64).collect(),
            data_type: Some(self.data.element().number()),
            name: Some(name.into()),
            raw_data: Some(to_bytes(&self.data)),
            ..TensorProto::default()
        }
    }
}

fn whole<const N: usize, T>(bytes: &[u8], number: fn([u8; N]) -> T) -> Option<Vec<T>> {
    let (numbers, rest) = bytes.as_chunks::<N>();
    rest.is_empty()
        .then(|| numbers.iter().map(|&b| number(b)).collect())
}

fn from_bytes(element: Element, bytes: &[u8]) -> Option<Data> {
    Some(match element {
        Element::F32 => Data::F32(whole(bytes, f32::from_le_bytes)?),
        Element::F64 => Data::F64(whole(bytes, f64::from_le_bytes)?),
        Element::F16 => Data::F16(whole(bytes, u16::from_le_bytes)?),
        Element::I32 => Data::I32(whole(bytes, i32::from_le_bytes)?),
        Element::I64 => Data::I64(whole(bytes, i64::from_le_bytes)?),
        Element::Bool => Data::Bool(whole(bytes, |[b]: [u8; 1]| b != 0)?),
    })
}

fn to_bytes(data: &Data) -> Vec<u8> {
    match data {
        Data::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::F64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::F16(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::I32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::I64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::Bool(v) => v.iter().map(|&x| u8::from(x)).collect(),
    }
}
