//! From trained networks to spikes, and to other tools and back.

pub mod ann;

pub use cortado_base::{Error, Result};
