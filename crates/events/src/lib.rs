//! Recordings of event cameras and other spiking sensors: read, write, cut, transform.

pub mod clock;
mod decoder;
mod event;
pub mod format;
mod header;
mod report;
pub mod simulate;
pub mod slice;
pub mod transform;

pub use decoder::Decoder;
pub use event::{Event, Events, Geometry, Recording, Trigger, View};
pub use format::Options;
pub use report::{Policy, Report};
