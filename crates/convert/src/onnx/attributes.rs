//! Settings of nodes, by type.

use super::wrong;
use crate::Result;
use cortado_interop::onnx::{Attribute, Node};

/// A whole number.
pub(super) fn int(node: &Node, name: &str, default: i64) -> Result<i64> {
    match node.attributes.get(name) {
        None => Ok(default),
        Some(Attribute::Int(i)) => Ok(*i),
        Some(other) => Err(mismatch(node, name, "a whole number", other)),
    }
}

/// A number, if there is one.
pub(super) fn float(node: &Node, name: &str) -> Result<Option<f64>> {
    match node.attributes.get(name) {
        None => Ok(None),
        Some(Attribute::Float(f)) => Ok(Some(f64::from(*f))),
        Some(other) => Err(mismatch(node, name, "a number", other)),
    }
}

/// Whole numbers, if there are any.
pub(super) fn ints<'a>(node: &'a Node, name: &str) -> Result<Option<&'a [i64]>> {
    match node.attributes.get(name) {
        None => Ok(None),
        Some(Attribute::Ints(v)) => Ok(Some(v)),
        Some(other) => Err(mismatch(node, name, "whole numbers", other)),
    }
}

/// Text.
pub(super) fn text<'a>(node: &'a Node, name: &str, default: &'static str) -> Result<&'a str> {
    match node.attributes.get(name) {
        None => Ok(default),
        Some(Attribute::Text(t)) => Ok(t),
        Some(other) => Err(mismatch(node, name, "text", other)),
    }
}

fn mismatch(node: &Node, name: &str, expected: &str, got: &Attribute) -> crate::Error {
    let expected = format!("{expected} for '{name}'");
    wrong(node, "attribute", expected, format!("{got:?}"))
}

/// `N` sizes that are not negative.
pub(super) fn sizes<const N: usize>(node: &Node, name: &str, default: usize) -> Result<[usize; N]> {
    let Some(list) = ints(node, name)? else {
        return Ok([default; N]);
    };
    let fits = list.iter().map(|&i| usize::try_from(i).ok());
    let fits = fits
        .collect::<Option<Vec<_>>>()
        .and_then(|v| v.try_into().ok());
    fits.ok_or_else(|| {
        wrong(
            node,
            "attribute",
            format!("{N} numbers, none below 0, for '{name}': images only"),
            format!("{list:?}"),
        )
    })
}
