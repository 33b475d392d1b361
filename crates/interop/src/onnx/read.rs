//! From the bytes of a file to a model.

use super::external;
use super::proto::{self, AttributeProto, ModelProto, NodeProto, ValueInfoProto, kind};
use super::{Attribute, Dim, Element, Model, Node, Port, Tensor};
use crate::{Error, Result};
use prost::Message as _;
use std::collections::BTreeMap;
use std::path::Path;

/// Size of a file: what a Protocol Buffers message may have.
const MOST_BYTES: u64 = 1 << 31;
/// Nodes of a graph.
const MOST_NODES: usize = 10_000;

impl Model {
    /// Reads a file, and those beside it that its tensors stand in.
    ///
    /// # Errors
    /// The operating system's; a tensor in a file of another folder; as [`Model::parse`], with the path.
    pub fn read(path: &Path) -> Result<Self> {
        use std::io::Read as _;
        let failed = |e| Error::io("cannot read", path, e);
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 == MOST_BYTES {
            return Err(Error::invalid(
                "size",
                path.display().to_string(),
                "less than 2 GiB, as an ONNX file has",
                "more",
            ));
        }
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        Self::decode(&bytes, Some(folder))
            .map_err(|e| Error::invalid("ONNX", path.display().to_string(), "a model", e))
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// No ONNX model; a tensor that is kept in another file, is of a type that is not read, or whose numbers do not fill its
    /// shape; two tensors of one name; more than 10 000 nodes.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::decode(bytes, None)
    }

    fn decode(bytes: &[u8], folder: Option<&Path>) -> Result<Self> {
        let model = ModelProto::decode(bytes).map_err(|e| {
            Error::invalid("bytes", "ONNX model", "a ModelProto message", e.to_string())
        })?;
        let wrong = |what, expected: &str, got: &dyn ToString| {
            Error::invalid(what, "ONNX model", expected, got.to_string())
        };
        let Some(mut graph) = model.graph else {
            return Err(wrong("graph", "one", &"none"));
        };
        if let Some(folder) = folder {
            external::take_in(&mut graph.initializer, folder, MOST_BYTES)?;
        }
        if !graph.sparse_initializer.is_empty() {
            let count = graph.sparse_initializer.len();
            return Err(wrong("sparse tensors", "none", &count));
        }
        if graph.node.len() > MOST_NODES {
            return Err(wrong("nodes", "at most 10000", &graph.node.len()));
        }
        let mut domains = BTreeMap::new();
        for set in model.opset_import {
            let domain = set.domain.unwrap_or_default();
            let standard = domain == "ai.onnx";
            let domain = if standard { String::new() } else { domain };
            domains.insert(domain, set.version.unwrap_or(0));
        }
        let Some(opset) = domains.remove("").filter(|&v| v >= 1) else {
            return Err(wrong("operator set", "a version from 1", &"none"));
        };
        let mut tensors = BTreeMap::new();
        for mut stored in graph.initializer {
            let name = stored.name.take().unwrap_or_default();
            stored.name = Some(name.clone());
            let tensor = Tensor::from_proto(stored)?;
            if name.is_empty() || tensors.insert(name.clone(), tensor).is_some() {
                return Err(wrong("tensor", "a name of its own", &format!("'{name}'")));
            }
        }
        let note = |n: proto::StringStringEntryProto| {
            (n.key.unwrap_or_default(), n.value.unwrap_or_default())
        };
        Ok(Self {
            notes: model.metadata_props.into_iter().map(note).collect(),
            ir_version: model.ir_version.unwrap_or(0),
            opset,
            domains,
            producer: model.producer_name.unwrap_or_default(),
            name: graph.name.unwrap_or_default(),
            inputs: ports(graph.input)?,
            outputs: ports(graph.output)?,
            nodes: graph.node.into_iter().map(node).collect::<Result<_>>()?,
            tensors,
        })
    }
}

fn ports(list: Vec<ValueInfoProto>) -> Result<Vec<Port>> {
    let port = |info: ValueInfoProto| {
        let name = info.name.unwrap_or_default();
        let tensor = info.r#type.and_then(|t| t.tensor_type);
        let element = tensor.as_ref().and_then(|t| t.elem_type);
        let dims = tensor.and_then(|t| t.shape).map(|s| s.dim);
        let shape = dims.map(|dims| dims.into_iter().map(|d| dim(d, &name)).collect());
        Ok(Port {
            element: element.and_then(Element::of),
            shape: shape.transpose()?,
            name,
        })
    };
    list.into_iter().map(port).collect()
}

fn dim(dim: proto::DimensionProto, at: &str) -> Result<Dim> {
    match dim.dim_value {
        None => Ok(Dim::Open(dim.dim_param.unwrap_or_default())),
        Some(n) => usize::try_from(n)
            .map(Dim::Known)
            .map_err(|_| Error::invalid("shape", format!("value '{at}'"), "no length below 0", n)),
    }
}

fn node(proto: NodeProto) -> Result<Node> {
    let domain = proto.domain.unwrap_or_default();
    let mut node = Node {
        name: proto.name.unwrap_or_default(),
        op: proto.op_type.unwrap_or_default(),
        domain: if domain == "ai.onnx" {
            String::new()
        } else {
            domain
        },
        inputs: proto.input,
        outputs: proto.output,
        attributes: BTreeMap::new(),
    };
    for mut a in proto.attribute {
        let name = a.name.take().unwrap_or_default();
        let at = |e| {
            Error::invalid(
                "attribute",
                format!("node '{}' ({})", node.title(), node.op),
                "one that is whole",
                format!("'{name}': {e}"),
            )
        };
        let value = attribute(a).map_err(at)?;
        if node.attributes.insert(name.clone(), value).is_some() {
            return Err(Error::invalid(
                "attribute",
                format!("node '{}' ({})", node.title(), node.op),
                "each once",
                format!("'{name}' twice"),
            ));
        }
    }
    Ok(node)
}

fn attribute(a: AttributeProto) -> std::result::Result<Attribute, String> {
    // Writers before IR version 2 leave the type out.
    let guessed = match &a {
        AttributeProto { f: Some(_), .. } => kind::FLOAT,
        AttributeProto { i: Some(_), .. } => kind::INT,
        AttributeProto { s: Some(_), .. } => kind::STRING,
        AttributeProto { t: Some(_), .. } => kind::TENSOR,
        _ if !a.floats.is_empty() => kind::FLOATS,
        _ if !a.strings.is_empty() => kind::STRINGS,
        _ => kind::INTS,
    };
    let text = |s| String::from_utf8(s).map_err(|_| "text that is no UTF-8".to_string());
    Ok(match a.r#type.filter(|&t| t != 0).unwrap_or(guessed) {
        kind::FLOAT => Attribute::Float(a.f.unwrap_or(0.0)),
        kind::INT => Attribute::Int(a.i.unwrap_or(0)),
        kind::STRING => Attribute::Text(text(a.s.unwrap_or_default())?),
        kind::TENSOR => {
            let tensor = a.t.ok_or("no tensor")?;
            Attribute::Tensor(Tensor::from_proto(tensor).map_err(|e| e.to_string())?)
        }
        kind::FLOATS => Attribute::Floats(a.floats),
        kind::INTS => Attribute::Ints(a.ints),
        kind::STRINGS => {
            let texts = a.strings.into_iter().map(text);
            Attribute::Texts(texts.collect::<std::result::Result<_, _>>()?)
        }
        other => Attribute::Other(other),
    })
}
