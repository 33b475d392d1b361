//! Numbers that are known before the network runs.

use crate::{Error, Result};
use cortado_interop::onnx::Tensor;

/// Numbers in a shape.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constant {
    pub shape: Vec<usize>,
    pub data: Numbers,
}

/// Numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Numbers {
    Floats(Vec<f64>),
    /// Whole numbers; `None` is the number of samples.
    Whole(Vec<Option<i64>>),
}

impl Numbers {
    pub fn len(&self) -> usize {
        match self {
            Self::Floats(v) => v.len(),
            Self::Whole(v) => v.len(),
        }
    }

    /// Those at these places.
    pub fn pick(&self, places: &[usize]) -> Self {
        match self {
            Self::Floats(v) => Self::Floats(places.iter().map(|&i| v[i]).collect()),
            Self::Whole(v) => Self::Whole(places.iter().map(|&i| v[i]).collect()),
        }
    }
}

impl Constant {
    /// A list of whole numbers.
    pub fn list(numbers: Vec<Option<i64>>) -> Self {
        Self {
            shape: vec![numbers.len()],
            data: Numbers::Whole(numbers),
        }
    }

    /// What is stored.
    ///
    /// # Errors
    /// A shape too large.
    pub fn of(tensor: &Tensor) -> Result<Self> {
        super::fold::count(tensor.shape())?;
        let data = match tensor.ints() {
            Some(ints) => Numbers::Whole(ints.into_iter().map(Some).collect()),
            None => Numbers::Floats(tensor.floats()),
        };
        Ok(Self {
            shape: tensor.shape().to_vec(),
            data,
        })
    }

    /// The numbers as floats.
    ///
    /// # Errors
    /// The number of samples is among them.
    pub fn floats(&self) -> Result<Vec<f64>> {
        match &self.data {
            Numbers::Floats(v) => Ok(v.clone()),
            Numbers::Whole(v) => v
                .iter()
                .map(|x| x.map(|x| x as f64).ok_or_else(batch))
                .collect(),
        }
    }

    /// The numbers, which are whole.
    ///
    /// # Errors
    /// They are not, or the number of samples is among them.
    pub fn ints(&self) -> Result<Vec<i64>> {
        self.open()?.iter().map(|x| x.ok_or_else(batch)).collect()
    }

    /// The numbers, which are whole, or the number of samples.
    ///
    /// # Errors
    /// They are not.
    pub fn open(&self) -> Result<&[Option<i64>]> {
        match &self.data {
            Numbers::Whole(v) => Ok(v),
            Numbers::Floats(_) => Err(Error::invalid(
                "type",
                "constant",
                "whole numbers",
                "others",
            )),
        }
    }

    /// The single number.
    ///
    /// # Errors
    /// Another count.
    pub fn one(&self) -> Result<f64> {
        match self.floats()?.as_slice() {
            [x] => Ok(*x),
            v => Err(Error::invalid("shape", "constant", "one number", v.len())),
        }
    }
}

fn batch() -> Error {
    let got = "the number of samples";
    Error::invalid(
        "number",
        "constant",
        "one known before the network runs",
        got,
    )
}

/// The axis of that number, counted from the end if below 0.
pub(super) fn axis(axis: i64, count: usize) -> Result<usize> {
    let count_i = count as i64;
    let from_start = if axis < 0 {
        axis.saturating_add(count_i)
    } else {
        axis
    };
    if (0..count_i).contains(&from_start) {
        return Ok(from_start as usize);
    }
    let expected = format!("one of {count}");
    Err(Error::invalid("axis", "shape", expected, axis))
}
