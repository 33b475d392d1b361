//! Labelled data sets for Cortado: small ones built in, others read from the files in which they are published.
//!
//! [`load`] finds a data set by name. A sample is a row of values in 0..=1, a signal in time, or the spikes of a sensor; it has
//! a class, or the times of what it holds.
//! Loading never downloads; [`fetch::get`] does, when it is asked to, by a [`Manifest`].
//!
//! ```
//! let split = cortado_data::load("digits", &cortado_data::default_folder())?;
//! assert_eq!(split.train.shape, [1, 8, 8]);
//! assert_eq!((split.train.len(), split.test.len()), (1437, 360));
//! # Ok::<(), cortado::Error>(())
//! ```

pub mod braille;
pub mod cache;
mod dataset;
pub mod digits;
pub mod dsec;
pub mod ecg;
pub mod emg;
pub mod eprop;
pub mod fetch;
pub mod fsdd;
pub mod hash;
pub mod idx;
mod layout;
mod load;
pub mod manifest;
pub mod mvsec;
pub mod ntidigits;
pub mod recordings;
pub mod sequence;
pub mod shd;
pub mod text;
pub mod unpack;
pub mod wav;
pub mod wfdb;
pub mod yin_yang;

pub use dataset::{Dataset, Split, Trace};
pub use load::{NAMES, default_folder, load, load_changed, load_split};
pub use manifest::Manifest;
