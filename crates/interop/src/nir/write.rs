//! From a graph to the bytes of a file.

use std::path::Path;

use cortado_base::Draft;
use cortado_base::half::bits_of;
use cortado_base::hdf5::{Kind as Cell, Packing, Writer};

use super::decode::{inside, named};
use super::encode::edges;
use super::fields::EXACT;
use super::graph::{File, Graph, Node};
use super::kind::Kind;
use super::read::DEEPEST;
use super::value::{DType, Metadata, Tensor, Value};
use crate::{Error, Result};

/// Bytes from which on an array is packed.
const PACKED: usize = 1 << 10;

impl File {
    /// A graph as a file of the version of NIR whose types this module has.
    pub fn new(root: Graph) -> Self {
        Self {
            version: "1.0.8".into(),
            root,
            notes: Vec::new(),
        }
    }

    /// Writes it, whole or not at all, as the Python package `nir` reads it.
    ///
    /// Texts have a fixed length in the file, and large arrays are shuffled and deflated. Numbers are those of the types
    /// that tensors state, so what was read is written again as it was.
    ///
    /// # Errors
    /// The operating system's; a name that no group can have; a tensor with another count of numbers than its shape says, or
    /// with numbers that its type does not have; metadata at a node that is a graph, which has its own.
    pub fn write(&self, path: &Path) -> Result<()> {
        let draft = Draft::new(path)?;
        let writer = Writer::create(draft.place())?;
        put(
            &writer,
            "version",
            &Value::from(self.version.as_str()),
            "version",
        )?;
        group(&writer, "node", &self.root, "")?;
        writer.finish()?;
        draft.keep()
    }
}

fn group(writer: &Writer, place: &str, graph: &Graph, path: &str) -> Result<()> {
    if place.split('/').count() > DEEPEST - 2 {
        let expected = format!("at most {DEEPEST} groups in one another");
        return Err(Error::invalid("graph", named(path), expected, "more"));
    }
    writer.group(place)?;
    put(
        writer,
        &format!("{place}/type"),
        &Value::from("NIRGraph"),
        path,
    )?;
    put(writer, &format!("{place}/edges"), &edges(graph), path)?;
    if !graph.metadata.is_empty() {
        map(writer, &format!("{place}/metadata"), &graph.metadata, path)?;
    }
    writer.group(&format!("{place}/nodes"))?;
    for (name, node) in &graph.nodes {
        let path = inside(path, name);
        let place = format!("{place}/nodes/{}", checked(name, &path)?);
        one(writer, &place, node, &path)?;
    }
    Ok(())
}

fn one(writer: &Writer, place: &str, node: &Node, path: &str) -> Result<()> {
    if let Kind::NIRGraph(graph) = &node.kind {
        if !node.metadata.is_empty() {
            let got = "some at the node around it";
            return Err(Error::invalid(
                "metadata",
                named(path),
                "those of the graph",
                got,
            ));
        }
        return group(writer, place, graph, path);
    }
    writer.group(place)?;
    put(
        writer,
        &format!("{place}/type"),
        &Value::from(node.kind.name()),
        path,
    )?;
    for (name, tensor) in node.kind.tensors() {
        fits(tensor, &format!("{}, {name}", named(path)))?;
    }
    for (name, value) in node.kind.fields() {
        put(writer, &format!("{place}/{name}"), &value, path)?;
    }
    match node.metadata.is_empty() {
        true => Ok(()),
        false => map(writer, &format!("{place}/metadata"), &node.metadata, path),
    }
}

fn map(writer: &Writer, place: &str, map: &Metadata, path: &str) -> Result<()> {
    if place.split('/').count() > DEEPEST {
        let expected = format!("at most {DEEPEST} groups in one another");
        return Err(Error::invalid("metadata", named(path), expected, "more"));
    }
    writer.group(place)?;
    for (name, value) in map {
        let inner = format!("{place}/{}", checked(name, path)?);
        match value {
            Value::Map(map) => self::map(writer, &inner, map, path)?,
            value => put(writer, &inner, value, path)?,
        }
    }
    Ok(())
}

/// A name that a group can have.
fn checked<'a>(name: &'a str, path: &str) -> Result<&'a str> {
    match name.is_empty() || name == "." || name.contains(['/', '\0']) {
        true => {
            let expected = "one that is not empty nor '.', without '/' and zero";
            Err(Error::invalid(
                "name",
                named(path),
                expected,
                name.escape_debug(),
            ))
        }
        false => Ok(name),
    }
}

/// That integers are integers, before they are made such.
fn fits(tensor: &Tensor, at: &str) -> Result<()> {
    let whole = |x: &f64| x.fract() == 0.0 && x.abs() <= EXACT as f64;
    match tensor
        .data
        .iter()
        .find(|x| !tensor.dtype.is_real() && !whole(x))
    {
        Some(x) => Err(Error::invalid("parameter", at, tensor.dtype.name(), x)),
        None => Ok(()),
    }
}

fn put(writer: &Writer, place: &str, value: &Value, path: &str) -> Result<()> {
    let at = || {
        format!(
            "{}, {}",
            named(path),
            place.rsplit('/').next().unwrap_or(place)
        )
    };
    let count = |shape: &[usize], found: usize| {
        let cells = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        match cells == Some(found) {
            true => Ok(()),
            false => {
                let expected = format!("as many as in {shape:?}");
                Err(Error::invalid("numbers", at(), expected, found))
            }
        }
    };
    match value {
        Value::Numbers(Tensor { shape, data, dtype }) => {
            count(shape, data.len())?;
            let bytes = reals(data, *dtype);
            let bytes = bytes.map_err(|x| Error::invalid("number", at(), dtype.name(), x))?;
            array(writer, place, *dtype, shape, &bytes)
        }
        Value::Integers { shape, data, dtype } => {
            count(shape, data.len())?;
            let bytes = integers(data, *dtype);
            let bytes = bytes.map_err(|x| Error::invalid("number", at(), dtype.name(), x))?;
            array(writer, place, *dtype, shape, &bytes)
        }
        Value::Texts { shape, data } => {
            count(shape, data.len())?;
            if let Some(text) = data.iter().find(|t| t.contains('\0')) {
                let got = text.escape_debug();
                return Err(Error::invalid("text", at(), "one without zeros", got));
            }
            let width = data.iter().map(String::len).max().unwrap_or(0).max(1);
            let mut bytes = Vec::with_capacity(width.saturating_mul(data.len()));
            for text in data {
                bytes.extend_from_slice(text.as_bytes());
                bytes.resize(bytes.len() + width - text.len(), 0);
            }
            writer.array(place, &Cell::Text(width), shape, Packing::Plain, &bytes)
        }
        Value::Map(map) => self::map(writer, place, map, path),
    }
}

fn array(writer: &Writer, place: &str, dtype: DType, shape: &[usize], bytes: &[u8]) -> Result<()> {
    let size = dtype.bytes();
    let packing = match bytes.len() < PACKED {
        true => Packing::Plain,
        false => Packing::Gzip,
    };
    let kind = match dtype {
        DType::Bool => return writer.truths(place, shape, bytes),
        dtype if dtype.is_real() => Cell::Real {
            bytes: size,
            big: false,
        },
        dtype => Cell::Integer {
            bytes: size,
            signed: matches!(dtype, DType::I8 | DType::I16 | DType::I32 | DType::I64),
            big: false,
        },
    };
    writer.array(place, &kind, shape, packing, bytes)
}

/// The bytes of numbers, or the first that the type does not have.
fn reals(data: &[f64], dtype: DType) -> std::result::Result<Vec<u8>, f64> {
    let mut bytes = Vec::with_capacity(data.len() * dtype.bytes());
    for &x in data {
        match dtype {
            DType::F16 => bytes.extend(bits_of(x).ok_or(x)?.to_le_bytes()),
            DType::F32 => {
                let short = x as f32;
                if f64::from(short) != x && !x.is_nan() {
                    return Err(x);
                }
                bytes.extend(short.to_le_bytes());
            }
            DType::F64 => bytes.extend(x.to_le_bytes()),
            _ => return Err(x),
        }
    }
    Ok(bytes)
}

/// The bytes of integers, or the first that the type does not have.
fn integers(data: &[i64], dtype: DType) -> std::result::Result<Vec<u8>, i64> {
    let mut bytes = Vec::with_capacity(data.len() * dtype.bytes());
    for &x in data {
        let fits = match dtype {
            DType::Bool => (0..=1).contains(&x),
            DType::I8 => i8::try_from(x).is_ok(),
            DType::I16 => i16::try_from(x).is_ok(),
            DType::I32 => i32::try_from(x).is_ok(),
            DType::I64 => true,
            DType::U8 => u8::try_from(x).is_ok(),
            DType::U16 => u16::try_from(x).is_ok(),
            DType::U32 => u32::try_from(x).is_ok(),
            DType::U64 => x >= 0,
            _ => false,
        };
        if !fits {
            return Err(x);
        }
        // Two's complement: the low bytes are those of the shorter type.
        bytes.extend_from_slice(&x.to_le_bytes()[..dtype.bytes()]);
    }
    Ok(bytes)
}
