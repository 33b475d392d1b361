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

/// Samples of spikes at their times, one after the other.
pub trait Timed: Send {
    /// Goes on to the next sample, if there is one.
    fn begin(&mut self) -> Result<bool>;

    /// The next spike of the sample: seconds from its start, in order, and the input; `None` at its end.
    fn spike(&mut self) -> Result<Option<(f64, u32)>>;

    /// Seconds that the sample lasts, once its spikes have come.
    fn duration(&self) -> f64;
}

/// What an array holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum As {
    /// Currents, [steps, inputs] or [samples, steps, inputs]
    Currents,
    /// Spikes as 0 and 1, shaped like currents
    Spikes,
    /// Values that the encoder of the run takes, [samples, ...]; currents that stay the same, for --steps, where there is no run
    Values,
}
