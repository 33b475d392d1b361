//! The Neuromorphic Intermediate Representation: graphs of neurons and weights that tools hand to one another.
//!
//! Only what stands in a file is here, word by word; how a node computes in steps is left open by NIR, and by this module.
//!
//! # References
//! `pedersen2024`

mod decode;
mod encode;
mod graph;
mod kind;
mod read;
mod value;
mod write;

pub use graph::{Edge, File, Graph, Node};
pub use kind::{Extent, Kind, Padding};
pub use value::{DType, Metadata, Tensor, Value};
