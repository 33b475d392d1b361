//! Labelled data sets for Cortado: small ones built in, MNIST and its kin read from IDX files.
//!
//! [`load`] finds a data set by name; every sample is a row of `f32` in 0..=1 with one class label.
//! Nothing is downloaded.
//!
//! ```
//! let split = cortado_data::load("digits", &cortado_data::default_folder())?;
//! assert_eq!(split.train.shape, [1, 8, 8]);
//! assert_eq!((split.train.len(), split.test.len()), (1437, 360));
//! # Ok::<(), cortado::Error>(())
//! ```

mod array;
mod dataset;
pub mod digits;
mod half;
pub mod hdf5;
pub mod idx;
mod load;
pub mod npy;
pub mod npz;
mod source;
pub mod text;
pub mod wav;
pub mod wfdb;
pub mod yin_yang;

pub use dataset::{Dataset, Split};
pub use load::{NAMES, default_folder, load};
