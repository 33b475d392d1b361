//! From trained networks to spikes, and to other tools and back.

pub mod ann;
pub mod nir;

pub use cortado_base::{Error, Result};
