//! Engines that run a network.

mod block;
pub mod clock;
mod population;
mod signal;

pub(crate) use block::{Block, Pass, Totals};
pub(crate) use signal::{Class, Errors, Signal, Slot};
