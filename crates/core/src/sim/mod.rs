//! Engines that run a network.

pub mod clock;
pub(crate) mod kernel;

/// Neurons run in tiles of this many: a cache line's worth of state in each vector register.
pub const TILE: usize = 64;
