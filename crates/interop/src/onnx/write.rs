//! From a model to the bytes of a file.

use super::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, kind,
};
use super::{Attribute, Dim, Model, Node, Port};
use crate::Result;
use prost::Message as _;
use std::path::Path;

impl Model {
    /// The bytes of a file that says this.
    pub fn bytes(&self) -> Vec<u8> {
        let set = |(domain, &version): (&String, &i64)| OperatorSetIdProto {
            domain: Some(domain.clone()),
            version: Some(version),
        };
        let note = |(key, value): (&String, &String)| StringStringEntryProto {
            key: Some(key.clone()),
            value: Some(value.clone()),
        };
        let standard = (&String::new(), &self.opset);
        let model = ModelProto {
            ir_version: Some(self.ir_version),
            producer_name: Some(self.producer.clone()),
            graph: Some(GraphProto {
                node: self.nodes.iter().map(node).collect(),
                name: Some(self.name.clone()),
                initializer: self.tensors.iter().map(|(k, v)| v.to_proto(k)).collect(),
                input: self.inputs.iter().map(port).collect(),
                output: self.outputs.iter().map(port).collect(),
                sparse_initializer: Vec::new(),
            }),
            opset_import: std::iter::once(standard)
                .chain(&self.domains)
                .map(set)
                .collect(),
            metadata_props: self.notes.iter().map(note).collect(),
        };
        model.encode_to_vec()
    }

    /// Writes a file.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub fn write(&self, path: &Path) -> Result<()> {
        cortado_base::write_atomic(path, &self.bytes())
    }
}

fn port(port: &Port) -> ValueInfoProto {
    let dim = |dim: &Dim| match dim {
        Dim::Known(n) => DimensionProto {
            dim_value: Some(*n as i64),
            dim_param: None,
        },
        Dim::Open(name) => DimensionProto {
            dim_value: None,
            dim_param: (!name.is_empty()).then(|| name.clone()),
        },
    };
    let shape = |dims: &Vec<Dim>| TensorShapeProto {
        dim: dims.iter().map(dim).collect(),
    };
    ValueInfoProto {
        name: Some(port.name.clone()),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: port.element.map(|e| e.number()),
                shape: port.shape.as_ref().map(shape),
            }),
        }),
    }
}

fn node(node: &Node) -> NodeProto {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    NodeProto {
        input: node.inputs.clone(),
        output: node.outputs.clone(),
        name: some(&node.name),
        op_type: Some(node.op.clone()),
        attribute: node.attributes.iter().map(attribute).collect(),
        domain: some(&node.domain),
    }
}

fn attribute((name, value): (&String, &Attribute)) -> AttributeProto {
    let mut a = AttributeProto {
        name: Some(name.clone()),
        ..AttributeProto::default()
    };
    let bytes = |s: &String| s.clone().into_bytes();
    let number = match value {
        Attribute::Float(f) => {
            a.f = Some(*f);
            kind::FLOAT
        }
        Attribute::Int(i) => {
            a.i = Some(*i);
            kind::INT
        }
        Attribute::Text(s) => {
            a.s = Some(bytes(s));
            kind::STRING
        }
        Attribute::Tensor(t) => {
            a.t = Some(t.to_proto(""));
            kind::TENSOR
        }
        Attribute::Floats(v) => {
            a.floats = v.clone();
            kind::FLOATS
        }
        Attribute::Ints(v) => {
            a.ints = v.clone();
            kind::INTS
        }
        Attribute::Texts(v) => {
            a.strings = v.iter().map(bytes).collect();
            kind::STRINGS
        }
        Attribute::Other(number) => *number,
    };
    a.r#type = Some(number);
    a
}
