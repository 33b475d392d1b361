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
