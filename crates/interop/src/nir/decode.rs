//! From values by name to nodes.

use super::graph::{Edge, File, Graph, Node};
use super::kind::{Extent, Kind, Padding};
use super::value::{DType, Metadata, Tensor, Value};
use crate::{Error, Result};

/// Integers up to this are numbers of 64 bits of floating point exactly.
pub(super) const EXACT: i64 = 1 << 53;

/// What the groups and data sets of a file say.
pub(super) fn file(version: Option<Value>, node: Metadata, at: &str) -> Result<File> {
    let mut notes = Vec::new();
    let version = match &version {
        Some(value) => {
            let text = value.text().or_else(|| only_text(value));
            let wrong = || Error::invalid("version", at, "a text", described(value));
            text.ok_or_else(wrong)?.to_string()
        }
        None => {
            notes.push("the file does not say which version wrote it".into());
            String::new()
        }
    };
    let root = match self::node("", node, &mut notes)? {
        Node {
            kind: Kind::NIRGraph(graph),
            ..
        } => graph,
        node => {
            let name = node.kind.name().to_lowercase();
            notes.push(format!(
                "the file holds no graph but one node of type {}; it was made a graph of the node '{name}' alone",
                node.kind.name()
            ));
            Graph {
                nodes: [(name, node)].into(),
                ..Graph::default()
            }
        }
    };
    Ok(File {
        version,
        root,
        notes,
    })
}

/// The text of an array with nothing else in it.
fn only_text(value: &Value) -> Option<&str> {
    match value {
        Value::Texts { data, .. } if data.len() == 1 => data.first().map(String::as_str),
        _ => None,
    }
}

/// The path of a node in a node, the outermost having none.
pub(super) fn inside(path: &str, name: &str) -> String {
    match path {
        "" => name.into(),
        path => format!("{path}/{name}"),
    }
}

/// How errors name a node.
pub(super) fn named(path: &str) -> String {
    match path {
        "" => "the graph".into(),
        path => format!("node '{}'", path.escape_debug()),
    }
}

fn node(path: &str, mut values: Metadata, notes: &mut Vec<String>) -> Result<Node> {
    let at = named(path);
    let kind = match values.remove("type") {
        Some(value) => {
            let wrong = || Error::invalid("type", &at, "a text", described(&value));
            let text = value.text().or_else(|| only_text(&value));
            text.ok_or_else(wrong)?.to_string()
        }
        None => {
            let expected =
                "a group with the name of a type (a '/' in a name of a node makes groups)";
            return Err(Error::invalid("type", at, expected, "none"));
        }
    };
    let metadata = match values.remove("metadata") {
        Some(Value::Map(map)) => map,
        Some(value) => return Err(Error::invalid("metadata", at, "a group", described(&value))),
        None => Metadata::new(),
    };
    let mut fields = Fields {
        path,
        values,
        notes,
    };
    if kind == "NIRGraph" {
        let graph = fields.graph(metadata)?;
        fields.done("NIRGraph")?;
        return Ok(Node::new(Kind::NIRGraph(graph)));
    }
    let unknown = || Error::invalid("type", &at, "a type of NIR", kind.escape_debug());
    let kind = fields.kind(&kind)?.ok_or_else(unknown)?;
    fields.done(kind.name())?;
    Ok(Node { kind, metadata })
}

/// What stands in the group of a node and was not looked at yet.
struct Fields<'a> {
    path: &'a str,
    values: Metadata,
    notes: &'a mut Vec<String>,
}

impl Fields<'_> {
    /// Nothing if NIR has no such type.
    fn kind(&mut self, kind: &str) -> Result<Option<Kind>> {
        Ok(Some(match kind {
            "Input" => Kind::Input {
                shape: self.need("shape", Self::shape)?,
            },
            "Output" => Kind::Output {
                shape: self.need("shape", Self::shape)?,
            },
            "Affine" => Kind::Affine {
                weight: self.tensor("weight")?,
                bias: self.tensor("bias")?,
            },
            "Linear" => Kind::Linear {
                weight: self.tensor("weight")?,
            },
            "Scale" => Kind::Scale {
                scale: self.tensor("scale")?,
            },
            "Conv1d" => Kind::Conv1d {
                input_shape: self.may("input_shape", Self::size)?,
                weight: self.tensor("weight")?,
                stride: self.need("stride", Self::size)?,
                padding: self.need("padding", |f, v| match f.padding(v)? {
                    Padding::By(Extent::Each(_)) => Err("one integer, 'same' or 'valid'"),
                    padding => Ok(padding),
                })?,
                dilation: self.need("dilation", Self::size)?,
                groups: self.need("groups", Self::size)?,
                bias: self.tensor("bias")?,
            },
            "Conv2d" => Kind::Conv2d {
                input_shape: self.may("input_shape", |f, v| Ok(f.extent(v)?.each()))?,
                weight: self.tensor("weight")?,
                stride: self.need("stride", Self::extent)?,
                padding: self.need("padding", Self::padding)?,
                dilation: self.need("dilation", Self::extent)?,
                groups: self.need("groups", Self::size)?,
                bias: self.tensor("bias")?,
            },
            "SumPool2d" => Kind::SumPool2d {
                kernel_size: self.need("kernel_size", Self::extent)?,
                stride: self.need("stride", Self::extent)?,
                padding: self.need("padding", Self::extent)?,
            },
            "AvgPool2d" => Kind::AvgPool2d {
                kernel_size: self.need("kernel_size", Self::extent)?,
                stride: self.need("stride", Self::extent)?,
                padding: self.need("padding", Self::extent)?,
            },
            "Flatten" => Kind::Flatten {
                input_type: self.may("input_type", Self::shape)?,
                start_dim: self.need("start_dim", Self::integer)?,
                end_dim: self.need("end_dim", Self::integer)?,
            },
            "Delay" => Kind::Delay {
                delay: self.tensor("delay")?,
            },
            "Threshold" => Kind::Threshold {
                threshold: self.tensor("threshold")?,
            },
            _ => return self.neuron(kind),
        }))
    }

    fn neuron(&mut self, kind: &str) -> Result<Option<Kind>> {
        Ok(Some(match kind {
            "I" => Kind::I {
                r: self.tensor("r")?,
            },
            "IF" => Kind::IF {
                r: self.tensor("r")?,
                v_threshold: self.tensor("v_threshold")?,
                v_reset: self.may("v_reset", Self::numbers)?,
            },
            "LI" => Kind::LI {
                tau: self.tensor("tau")?,
                r: self.tensor("r")?,
                v_leak: self.tensor("v_leak")?,
            },
            "LIF" => Kind::LIF {
                tau: self.tensor("tau")?,
                r: self.tensor("r")?,
                v_leak: self.tensor("v_leak")?,
                v_threshold: self.tensor("v_threshold")?,
                v_reset: self.may("v_reset", Self::numbers)?,
            },
            "CubaLI" => Kind::CubaLI {
                tau_syn: self.tensor("tau_syn")?,
                tau_mem: self.tensor("tau_mem")?,
                r: self.tensor("r")?,
                v_leak: self.tensor("v_leak")?,
                w_in: self.may("w_in", Self::numbers)?,
            },
            "CubaLIF" => Kind::CubaLIF {
                tau_syn: self.tensor("tau_syn")?,
                tau_mem: self.tensor("tau_mem")?,
                r: self.tensor("r")?,
                v_leak: self.tensor("v_leak")?,
                v_threshold: self.tensor("v_threshold")?,
                v_reset: self.may("v_reset", Self::numbers)?,
                w_in: self.may("w_in", Self::numbers)?,
            },
            _ => return Ok(None),
        }))
    }

    fn graph(&mut self, metadata: Metadata) -> Result<Graph> {
        let at = named(self.path);
        let edges = match self.values.remove("edges") {
            Some(value) => edges(&value)
                .ok_or_else(|| Error::invalid("edges", &at, "pairs of names", described(&value)))?,
            None => return Err(Error::invalid("edges", at, "pairs of names", "none")),
        };
        let mut graph = Graph {
            edges,
            metadata,
            ..Graph::default()
        };
        let nodes = match self.values.remove("nodes") {
            Some(Value::Map(map)) => map,
            Some(value) => return Err(Error::invalid("nodes", at, "groups", described(&value))),
            None => return Err(Error::invalid("nodes", at, "groups", "none")),
        };
        for (name, value) in nodes {
            let path = inside(self.path, &name);
            let Value::Map(values) = value else {
                let (at, got) = (named(&path), described(&value));
                return Err(Error::invalid("node", at, "a group", got));
            };
            let node = node(&path, values, self.notes)?;
            graph.nodes.insert(name, node);
        }
        Ok(graph)
    }

    /// The value of a name, which has to be there.
    fn need<T>(
        &mut self,
        name: &'static str,
        convert: impl Fn(&mut Self, &Value) -> Wanted<T>,
    ) -> Result<T> {
        let value = self.may(name, convert)?;
        value
            .ok_or_else(|| Error::invalid("parameter", named(self.path), name, "none of this name"))
    }

    /// The value of a name, if it is there; what `convert` gives as an error is what it expects.
    fn may<T>(
        &mut self,
        name: &'static str,
        convert: impl Fn(&mut Self, &Value) -> Wanted<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.values.remove(name) else {
            return Ok(None);
        };
        let at = || format!("{}, {name}", named(self.path));
        let wrong =
            |at: String, expected| Error::invalid("parameter", at, expected, described(&value));
        let at = at();
        convert(self, &value)
            .map(Some)
            .map_err(|expected| wrong(at, expected))
    }

    fn tensor(&mut self, name: &'static str) -> Result<Tensor> {
        self.need(name, Self::numbers)
    }

    fn numbers(&mut self, value: &Value) -> Wanted<Tensor> {
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
    fn integers(&mut self, value: &Value) -> Wanted<Vec<i64>> {
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

    fn shape(&mut self, value: &Value) -> Wanted<Vec<usize>> {
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
    fn integer(&mut self, value: &Value) -> Wanted<i64> {
        match self.integers(value).as_deref() {
            Ok(&[one]) => Ok(one),
            _ => Err("one integer"),
        }
    }

    fn size(&mut self, value: &Value) -> Wanted<usize> {
        let one = self.integer(value)?;
        usize::try_from(one).map_err(|_| "an integer not below 0")
    }

    fn extent(&mut self, value: &Value) -> Wanted<Extent> {
        let expected = "one or two integers not below 0";
        let size = |x: i64| usize::try_from(x).map_err(|_| expected);
        match *self.integers(value).map_err(|_| expected)? {
            [both] => Ok(Extent::Both(size(both)?)),
            [first, second] => Ok(Extent::Each([size(first)?, size(second)?])),
            _ => Err(expected),
        }
    }

    fn padding(&mut self, value: &Value) -> Wanted<Padding> {
        let expected = "'same', 'valid', or one or two integers not below 0";
        match value.text().or_else(|| only_text(value)) {
            Some("same") => Ok(Padding::Same),
            Some("valid") => Ok(Padding::Valid),
            Some(_) => Err(expected),
            None => self.extent(value).map(Padding::By).map_err(|_| expected),
        }
    }

    /// That nothing is left.
    fn done(&self, kind: &str) -> Result<()> {
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

/// What is there, or what was expected instead.
type Wanted<T> = std::result::Result<T, &'static str>;

fn edges(value: &Value) -> Option<Vec<Edge>> {
    match value {
        Value::Texts { shape, data } if matches!(shape[..], [_, 2]) => {
            let pairs = data.as_chunks::<2>().0.iter();
            Some(pairs.map(|[a, b]| (a.clone(), b.clone())).collect())
        }
        // Of no edges at all NumPy makes an array of floating point.
        Value::Texts { data, .. } if data.is_empty() => Some(Vec::new()),
        Value::Numbers(Tensor { data, .. }) if data.is_empty() => Some(Vec::new()),
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
