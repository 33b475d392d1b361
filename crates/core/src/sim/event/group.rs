//! A population without a clock: every neuron stands at the time at which something last reached it.

use super::cells::Cells;
use crate::neuron::{AdEx, Alif, CubaIf, CubaLi, CubaLif, I, If, Izhikevich, Li, Lif, Reset};
use crate::{Error, Result};

/// Neurons that are computed side by side.
pub(super) const LANES: usize = 16;

/// What a neuron does next if nothing reaches it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ahead {
    /// It fires now.
    Now,
    /// It fires at that time.
    Fires(f64),
    /// It fires at that time or later, if at all.
    Perhaps(f64),
    /// It has to be looked at again then.
    Look(f64),
    /// Nothing.
    Rests,
    /// Its state is no number.
    Lost,
}

/// The weights from one neuron.
#[derive(Clone, Copy, Debug)]
pub(super) enum Row<'a> {
    /// To all neurons, in whole tiles.
    Dense(&'a [[f64; LANES]]),
    /// The same, of numbers that are as good in half the memory.
    Single(&'a [[f32; LANES]]),
    /// To those of these numbers.
    Sparse(&'a [u32], &'a [f64]),
}

/// A population of any model, for the engine.
pub(super) trait Group: Send {
    /// All neurons at rest at time 0.
    fn rest(&mut self);
    /// Spikes over the weights of one neuron: what they reach is moved on to `t`.
    fn arrive(&mut self, t: f64, row: Row<'_>);
    /// Holds a current from `t` on, one for each neuron.
    fn drive(&mut self, t: f64, currents: &[f64]);
    /// The first time at which a neuron may have something to do, if nothing reaches it.
    fn soonest(&self) -> f64;
    /// Finds out what neurons do that may fire by `t`; whether there were any.
    fn refine(&mut self, t: f64) -> bool;
    /// Everything that reaches the population at `t` has: `due` are the neurons that fire now because nothing reached them,
    /// `touched` those that have to be looked at. The number of neurons that asked to be looked at now.
    fn settle(&mut self, t: f64, due: &mut Vec<u32>, touched: &mut Vec<u32>) -> usize;
    /// What neuron `j`, which stands at `t`, does next; it is noted, but for [`Ahead::Now`] and [`Ahead::Lost`].
    fn look(&mut self, t: f64, j: usize) -> Ahead;
    /// Neuron `j` fires at `t`.
    fn fire(&mut self, t: f64, j: usize);
    /// Keeps from rest on what membranes that never fire do, see [`Group::watched`].
    fn watch(&mut self, rate: f64);
    /// The largest membrane of each neuron up to `t`, and the integral of `exp(-rate t)` times it.
    fn watched(&self, t: f64) -> Option<Vec<[f64; 2]>>;
    /// The state of neuron `j` at a `t` that is not before it was last reached.
    fn state(&self, t: f64, j: usize, out: &mut Vec<f64>);
    /// A copy of all that changes.
    fn copy(&self) -> Box<dyn Group>;
}

/// What a population consists of.
pub(super) struct Wanted<'a> {
    /// Parameters of each neuron, or of all.
    pub params: &'a [Vec<f64>],
    pub n: usize,
    pub reset: Reset,
    /// The step of a declared integrator, in seconds.
    pub step: f64,
}

/// The population of a model of that name.
pub(super) fn group(model: &str, want: &Wanted<'_>) -> Result<Box<dyn Group>> {
    Ok(match model {
        "if" => Cells::<If, 1, 5, 4>::boxed(want),
        "lif" => Cells::<Lif, 1, 6, 6>::boxed(want),
        "i" => Cells::<I, 1, 1, 1>::boxed(want),
        "li" => Cells::<Li, 1, 3, 3>::boxed(want),
        "cuba_if" => Cells::<CubaIf, 2, 5, 7>::boxed(want),
        "cuba_lif" => Cells::<CubaLif, 2, 7, 9>::boxed(want),
        "cuba_li" => Cells::<CubaLi, 2, 4, 9>::boxed(want),
        "alif" => Cells::<Alif, 2, 8, 8>::boxed(want),
        "adex" => Cells::<AdEx<true>, 2, 11, 13>::boxed(want),
        "izhikevich" => Cells::<Izhikevich<true>, 2, 6, 7>::boxed(want),
        _ => {
            return Err(Error::invalid(
                "neuron model",
                "the event-driven engine",
                "one that flows in continuous time",
                format!("'{model}', which is defined by steps"),
            ));
        }
    })
}
