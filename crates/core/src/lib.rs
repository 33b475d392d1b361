//! Cortado: spiking neural networks in Rust.
//!
//! Simulate them, train them by backpropagation with surrogate gradients, and run them: results do not depend
//! on the number of threads, and every choice on which frameworks disagree is a named value
//! ([`neuron::Convention`]).

// What tests of the library and of its modules share names it from outside.
#[cfg(test)]
extern crate self as cortado;

pub mod cost;
pub mod encode;
mod kernel;
pub mod learn;
pub mod network;
pub mod neuron;
pub mod num;
pub mod sim;
pub mod spikes;
pub mod surrogate;
pub mod synapse;

pub use cortado_base::{Error, Result, rng, write_atomic};

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
