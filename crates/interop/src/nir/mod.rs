//! The Neuromorphic Intermediate Representation: graphs of neurons and weights that tools hand to one another.
//!
//! Only what stands in a file is here, word by word; how a node computes in steps is left open by NIR, and by this module.
//!
//! # References
//! `pedersen2024`

mod check;
mod decode;
mod diff;
mod encode;
mod fields;
mod graph;
mod infer;
mod info;
mod kind;
mod read;
mod shape;
mod value;
mod write;

pub use check::{End, Report, resets_to_value};
pub use diff::{Diff, Difference};
pub use graph::{Edge, File, Graph, Node};
pub use info::{Info, NodeInfo, ParameterInfo};
pub use kind::{Extent, Kind, Padding};
pub use shape::Types;
pub use value::{DType, Metadata, Tensor, Value};
