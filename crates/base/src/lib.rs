//! What every part of Cortado stands on: errors that are sentences, files that are written whole, random numbers named by
//! what they are for; and, with the feature `files`, the containers of arrays that other tools write.

mod error;
pub mod rng;
mod write;

#[cfg(feature = "files")]
mod array;
#[cfg(feature = "files")]
pub mod half;
#[cfg(feature = "files")]
pub mod hdf5;
#[cfg(feature = "files")]
pub mod npy;
#[cfg(feature = "files")]
pub mod npz;
#[cfg(feature = "files")]
pub mod source;

pub use error::{Error, Result};
pub use write::{Draft, no_file, write_atomic};
