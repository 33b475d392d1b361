//! Networks as other tools write them: files and what they say, word by word.
//!
//! This crate reads and writes; what a network does is the business of `cortado-convert`.

pub mod nir;
pub mod onnx;

pub use cortado_base::{Error, Result};
