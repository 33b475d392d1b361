//! From values by name to nodes.

use super::fields::{Fields, described, only_text};
use super::graph::{Edge, File, Graph, Node};
use super::kind::{Extent, Kind, Padding};
use super::value::{Metadata, Tensor, Value};
use crate::{Error, Result};

/// What the groups and data sets of a file say.
pub(super) fn file(version: Option<Value>, node: Metadata, at: &str) -> Result<File> {
    let mut notes = Vec::new();
    let version = match &version {
        Some(value) => {
            let wrong = || Error::invalid("version", at, "a text", described(value));
            only_text(value).ok_or_else(wrong)?.to_string()
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
            only_text(&value).ok_or_else(wrong)?.to_string()
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
}

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
