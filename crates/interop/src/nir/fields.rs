//! From a value of a file to what a parameter is.

use super::decode::named;
use super::kind::{Extent, Padding};
use super::value::{DType, Metadata, Tensor, Value};
use crate::{Error, Result};

/// Integers up to this are numbers of 64 bits of floating point exactly.
pub(super) const EXACT: i64 = 1 << 53;

/// What stands in the group of a node and was not looked at yet.
pub(super) struct Fields<'a> {
    pub path: &'a str,
    pub values: Metadata,
    pub notes: &'a mut Vec<String>,
}

/// What is there, or what was expected instead.
pub(super) type Wanted<T> = std::result::Result<T, &'static str>;

impl Fields<'_> {
    /// The value of a name, which has to be there.
    pub fn need<T>(
        &mut self,
        name: &'static str,
        convert: impl Fn(&mut Self, &Value) -> Wanted<T>,
    ) -> Result<T> {
        let value = self.may(name, convert)?;
        value
            .ok_or_else(|| Error::invalid("parameter", named(self.path), name, "none of this name"))
    }

    /// The value of a name, if it is there; what `convert` gives as an error is what it expects.
    pub fn may<T>(
        &mut self,
        name: &'static str,
        convert: impl Fn(&mut Self, &Value) -> Wanted<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.values.remove(name) else {
            return Ok(None);
        };
        let done = convert(self, &value);
        done.map(Some).map_err(|expected| {
            let at = format!("{}, {name}", named(self.path));
            Error::invalid("parameter", at, expected, described(&value))
        })
    }

    pub fn tensor(&mut self, name: &'static str) -> Result<Tensor> {
        self.need(name, Self::numbers)
    }

    pub fn numbers(&mut self, value: &Value) -> Wanted<Tensor> {
        match value {
            Value::Numbers(tensor) => Ok(tensor.clone()),
            Value::Integers { shape, data, dtype } => {
                let small = data.iter().all(|x| (-EXACT..=EXACT).contains(x));
                small
                    .then(|| Tensor {
                        shape: shape.clone(),
                        data: data.iter().map(|&x| x as f64).collect(),
                        dtype: *dtype,
                    })
                    .ok_or("integers up to 2^53")
            }
            _ => Err("numbers"),
        }
    }

    /// Integers in one dimension, or one alone.
    pub fn integers(&mut self, value: &Value) -> Wanted<Vec<i64>> {
        let whole = "integers in one dimension";
        let tensor = self.numbers(value).map_err(|_| whole)?;
        // Of no dimensions at all NumPy makes an array of floating point.
        let integers = tensor
            .data
            .iter()
            .all(|x| x.fract() == 0.0 && x.abs() <= EXACT as f64);
        match tensor.shape.len() <= 1 && integers {
            true => Ok(tensor.data.iter().map(|&x| x as i64).collect()),
            false => Err(whole),
        }
    }

    pub fn shape(&mut self, value: &Value) -> Wanted<Vec<usize>> {
        let sizes = self.integers(value)?.into_iter().map(usize::try_from);
        let sizes = sizes.collect::<std::result::Result<Vec<_>, _>>();
        if value.number().is_some() {
            let note = format!(
                "{}: a shape that is one number was read as one dimension",
                named(self.path)
            );
            self.notes.push(note);
        }
        sizes.map_err(|_| "sizes of dimensions")
    }

    /// One integer.
    pub fn integer(&mut self, value: &Value) -> Wanted<i64> {
        match self.integers(value).as_deref() {
            Ok(&[one]) => Ok(one),
            _ => Err("one integer"),
        }
    }

    pub fn size(&mut self, value: &Value) -> Wanted<usize> {
        let one = self.integer(value)?;
        usize::try_from(one).map_err(|_| "an integer not below 0")
    }

    pub fn extent(&mut self, value: &Value) -> Wanted<Extent> {
        let expected = "one or two integers not below 0";
        let size = |x: i64| usize::try_from(x).map_err(|_| expected);
        match *self.integers(value).map_err(|_| expected)? {
            [both] => Ok(Extent::Both(size(both)?)),
            [first, second] => Ok(Extent::Each([size(first)?, size(second)?])),
            _ => Err(expected),
        }
    }

    pub fn padding(&mut self, value: &Value) -> Wanted<Padding> {
        let expected = "'same', 'valid', or one or two integers not below 0";
        match only_text(value) {
            Some("same") => Ok(Padding::Same),
            Some("valid") => Ok(Padding::Valid),
            Some(_) => Err(expected),
            None => self.extent(value).map(Padding::By).map_err(|_| expected),
        }
    }

    /// That nothing is left.
    pub fn done(&self, kind: &str) -> Result<()> {
        match self.values.keys().next() {
            Some(name) => {
                let expected = format!("parameters of {kind}");
                Err(Error::invalid(
                    "parameter",
                    named(self.path),
                    expected,
                    name.escape_debug(),
                ))
            }
            None => Ok(()),
        }
    }
}

/// A text alone, also in an array.
pub(super) fn only_text(value: &Value) -> Option<&str> {
    match value {
        Value::Texts { data, .. } if data.len() == 1 => data.first().map(String::as_str),
        _ => None,
    }
}

/// A value in a few words.
pub(super) fn described(value: &Value) -> String {
    let array = |shape: &[usize], dtype: DType| match shape {
        [] => dtype.to_string(),
        shape => format!("{dtype} {shape:?}"),
    };
    match value {
        Value::Numbers(tensor) => array(&tensor.shape, tensor.dtype),
        Value::Integers { shape, dtype, .. } => array(shape, *dtype),
        Value::Texts { shape, data } => match (&shape[..], &data[..]) {
            ([], [text]) => format!("'{}'", text.escape_debug()),
            (shape, _) => format!("text {shape:?}"),
        },
        Value::Map(_) => "a group".into(),
    }
}
