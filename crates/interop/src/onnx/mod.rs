//! ONNX models: nodes, attributes, stored tensors, inputs and outputs, as the file says them.
//!
//! The format is Protocol Buffers; the messages are those of `onnx.proto`. What a node does is not known here.

mod external;
mod proto;
mod read;
mod tensor;
mod write;

pub use tensor::{Data, Element, Tensor};

use std::collections::BTreeMap;

/// A model: a graph, and the version of the operators it is written in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// Version of the file format.
    pub ir_version: i64,
    /// Version of the standard operators.
    pub opset: i64,
    /// Versions of operators of other domains.
    pub domains: BTreeMap<String, i64>,
    /// What wrote it, or nothing.
    pub producer: String,
    /// What it says besides, by name.
    pub notes: BTreeMap<String, String>,
    /// Name of the graph.
    pub name: String,
    /// What it is given. Up to IR version 3 this holds the stored tensors as well.
    pub inputs: Vec<Port>,
    /// What it gives.
    pub outputs: Vec<Port>,
    /// What it does, in the order of the file.
    pub nodes: Vec<Node>,
    /// Its stored tensors.
    pub tensors: BTreeMap<String, Tensor>,
}

/// An input or output of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Type of its values, where that is one of those that are read.
    pub element: Option<Element>,
    /// Its shape, if the file says one.
    pub shape: Option<Vec<Dim>>,
}

/// Length of an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// A number.
    Known(usize),
    /// A name, or nothing: any number.
    Open(String),
}

/// An operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its name, or nothing.
    pub name: String,
    /// What it does, `Conv` for example.
    pub op: String,
    /// Where that is defined; nothing for the standard operators.
    pub domain: String,
    /// What it takes; an empty name for what is left out.
    pub inputs: Vec<String>,
    /// What it gives.
    pub outputs: Vec<String>,
    /// Settings.
    pub attributes: BTreeMap<String, Attribute>,
}

/// A setting of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A number.
    Float(f32),
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// A tensor.
    Tensor(Tensor),
    /// Numbers.
    Floats(Vec<f32>),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Texts.
    Texts(Vec<String>),
    /// Of a type that is not read: its number in `AttributeProto.AttributeType`, 5 for a graph.
    Other(i32),
}

impl Node {
    /// The name it is called by in errors and layers: its own, or that of what it gives.
    pub fn title(&self) -> &str {
        match self.outputs.first() {
            Some(output) if self.name.is_empty() => output,
            _ => &self.name,
        }
    }
}
