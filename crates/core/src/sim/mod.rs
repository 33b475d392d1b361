//! Engines that run a network.

mod block;
pub mod clock;
pub mod event;
mod input;
mod pass;
mod population;
mod signal;

pub(crate) use block::Block;
pub(crate) use pass::{Pass, Totals};
pub(crate) use signal::{Class, Errors, Signal, Slot};
