//! What a rule of spike timing is: traces of both neurons, and what each spike does to the weight.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// A rule with `P` traces of the presynaptic neuron and `Q` of the postsynaptic one.
///
/// A trace decays, `tau x' = -x`, and is marked by the spikes of its neuron. At a spike the rule sees the traces as they were just
/// before it. Nothing else is known of the past, so that what a rule costs does not grow with time.
pub trait Rule<const P: usize, const Q: usize>: Copy + Send + Sync {
    /// Time constants of the presynaptic traces, in seconds.
    fn tau_pre(&self) -> [f64; P];

    /// Time constants of the postsynaptic traces, in seconds.
    fn tau_post(&self) -> [f64; Q];

    /// How a spike marks its traces.
    fn pairing(&self) -> Pairing;

    /// The weight after a presynaptic spike.
    fn pre(&self, w: f64, x: &[f64; P], y: &[f64; Q]) -> f64;

    /// The weight after a postsynaptic spike.
    fn post(&self, w: f64, x: &[f64; P], y: &[f64; Q]) -> f64;

    /// Whether the settings make sense.
    ///
    /// # Errors
    /// A time constant that is not above 0; an amplitude that is no number; bounds that are none.
    fn check(&self) -> Result<()>;
}

/// Which spikes of the other neuron a spike is paired with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairing {
    /// With all before it: a spike adds 1 to a trace.
    #[default]
    AllToAll,
    /// With the last before it: a spike sets a trace to 1.
    Nearest,
}

impl Pairing {
    /// A trace after a spike.
    #[inline(always)]
    pub fn mark(self, trace: f64) -> f64 {
        match self {
            Self::AllToAll => trace + 1.0,
            Self::Nearest => 1.0,
        }
    }
}

/// What happens when spikes of both neurons reach the synapse at the same moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coincident {
    /// Neither sees the other: the pair changes nothing, as in NEST.
    #[default]
    Apart,
    /// The presynaptic spike comes first: the pair strengthens, as in Brian2.
    PreFirst,
    /// The postsynaptic spike comes first: the pair weakens.
    PostFirst,
}

/// When spikes reach the synapse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timing {
    /// Seconds from the presynaptic neuron to the synapse.
    pub axonal: f64,
    /// Seconds from the postsynaptic neuron back to the synapse.
    pub dendritic: f64,
    /// What spikes do that arrive at once.
    pub coincident: Coincident,
}

/// A time constant that is one.
pub(super) fn check_tau(name: &str, tau: f64) -> Result<()> {
    if tau > 0.0 && tau.is_finite() {
        return Ok(());
    }
    Err(Error::invalid(
        "time constant",
        name,
        "a number of seconds above 0",
        tau,
    ))
}
