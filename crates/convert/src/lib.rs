//! From trained networks to spikes, and to other tools and back.

pub mod ann;
pub mod onnx;

pub use cortado_base::{Error, Result};
