//! Where input comes from.

use anyhow::Result;
use cortado::sim::clock::Input;

/// Samples, in groups that run together, each in chunks of steps.
pub trait Source: Send {
    /// The number of samples of the next group.
    fn next(&mut self) -> Result<Option<usize>>;

    /// The next steps of the group, at most as many; `None` at its end.
    fn steps(&mut self, most: usize) -> Result<Option<Input<f32>>>;

    /// Steps of a chunk if nobody says.
    fn chunk(&self) -> usize;
}

/// What an array holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum As {
    /// Currents, [steps, inputs] or [samples, steps, inputs]
    Currents,
    /// Spikes as 0 and 1, shaped like currents
    Spikes,
    /// Values that the encoder of the run takes, [samples, ...]
    Values,
}
