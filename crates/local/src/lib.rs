//! Local learning: a synapse changes by what it sees itself, spikes on both sides and perhaps one signal for all.
//!
//! An [`Experiment`] is what the table `learn` of a recipe says: a rule with its settings, on images or on a world of its own.

pub mod conv;
mod experiment;
mod range;
pub mod reward;
pub mod stdp;

pub use cortado_base::{Error, Result};
pub use experiment::{Data, Experiment, Log, Outcome, Set, Tensor};

use serde::{Deserialize, Serialize};

/// What a recipe's table `learn` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Learn {
    /// Spike-timing-dependent plasticity of inputs that compete for neurons.
    Stdp(Box<stdp::Competition>),
    /// Spike-timing-dependent plasticity of one layer of neurons that inhibit each other.
    DiehlCook(Box<stdp::DiehlCook>),
    /// Tasks one after the other, each seen once, for supervised prototypes.
    Continual(stdp::Continual),
    /// Reward that comes late, for one synapse among many.
    DistalReward(reward::DistalReward),
    /// Convolutions that learn from first spikes, and a readout.
    ConvStdp(conv::ConvStdp),
}

impl Learn {
    /// The experiment.
    pub fn experiment(&self) -> &dyn Experiment {
        match self {
            Self::Stdp(e) => e.as_ref(),
            Self::DiehlCook(e) => e.as_ref(),
            Self::Continual(e) => e,
            Self::DistalReward(e) => e,
            Self::ConvStdp(e) => e,
        }
    }
}
