//! From trained networks to spikes, and to other tools and back.

pub mod ann;
pub mod calibrate;
pub mod coded;
pub mod measure;
pub mod network;
pub mod nir;
pub mod onnx;
pub mod rate;
pub mod store;

pub use cortado_base::{Error, Result};
