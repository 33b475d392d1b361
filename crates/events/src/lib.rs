//! Recordings of event cameras and other spiking sensors: read, write, cut, transform.

pub mod clock;
mod decoder;
mod event;
pub mod format;
mod header;
mod index;
mod reader;
mod report;
pub mod simulate;
pub mod slice;
mod sniff;
pub mod transform;
mod writer;

pub use decoder::Decoder;
pub use event::{Event, Events, Geometry, Recording, Trigger, View};
pub use format::{Options, shd::Shd};
pub use reader::{Reader, decode, read};
pub use report::{Policy, Report};
pub use writer::{Writer, encode, write};

/// What changes when a file or a transform gives other events than before: the version of this crate and a number.
///
/// Who keeps decoded events keeps this beside them. A change to what is decoded or to what a transform gives raises the number
/// (`tests/makes.rs` fails where it sees such a change).
///
/// ```
/// assert!(cortado_events::MAKES.starts_with(env!("CARGO_PKG_VERSION")));
/// ```
pub const MAKES: &str = concat!(env!("CARGO_PKG_VERSION"), " 1");
