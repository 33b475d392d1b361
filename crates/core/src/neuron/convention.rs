//! What one step of the clock means: the choices on which frameworks disagree, as one named value.

use serde::{Deserialize, Serialize};

/// The order of operations inside a step and the form of its constants.
///
/// Printed with every run and saved with every model.
///
/// ```
/// use cortado::neuron::{Convention, Decay};
/// let c = Convention::preset("norse").unwrap();
/// assert_eq!(c.decay, Decay::Euler);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Convention {
    /// When spikes of this step reach the state.
    pub arrivals: Arrivals,
    /// How a decay over one step is computed.
    pub decay: Decay,
    /// How a current enters the membrane.
    pub gain: Gain,
    /// What a weighted spike is.
    pub pulse: Pulse,
    /// Whether a neuron exactly at threshold fires.
    pub threshold: Threshold,
    /// When the reset acts.
    pub reset: ResetTime,
    /// What the membrane does in the refractory period.
    #[serde(skip_serializing_if = "Waiting::is_held")]
    pub waiting: Waiting,
}

/// When spikes of this step reach the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// The state flows first, then jumps.
    #[default]
    AfterFlow,
    /// The state jumps first, then flows.
    BeforeFlow,
}

/// How a decay over a step `h` with time constant `tau` is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// The exact propagator of the linear system; the declared integrator of a non-linear one.
    #[default]
    Exact,
    /// `exp(-h / tau)` for each state by itself, the others held at their value at the start of the step.
    ExponentialEuler,
    /// `1 - h / tau`.
    Euler,
}

/// How a current enters the membrane, `B` being the membrane's decay over a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gain {
    /// Times `r (1 - B)`: the membrane relaxes to `r x`.
    #[default]
    Scaled,
    /// Times 1.
    Unscaled,
}

/// What a weighted spike is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pulse {
    /// A Dirac pulse: the state jumps by the weight.
    #[default]
    Dirac,
    /// A current of the size of the weight, held for one step; passes through [`Gain`].
    Box,
}

/// Whether a neuron exactly at threshold fires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// Fires above threshold only.
    #[default]
    Gt,
    /// Fires at threshold too.
    Ge,
}

/// When the reset acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetTime {
    /// In the step of the spike.
    #[default]
    SameStep,
    /// In the step after it, when the state has flowed.
    NextStep,
}

/// What the membrane does in the refractory period, in which a neuron cannot fire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// It stands still.
    #[default]
    Held,
    /// It moves on.
    Free,
}

impl Waiting {
    fn is_held(&self) -> bool {
        *self == Self::Held
    }
}

impl Convention {
    /// The names that [`Convention::preset`] knows.
    pub const PRESETS: [&'static str; 9] = [
        "default",
        "surrogate-golden",
        "nest-eprop",
        "snntorch",
        "norse",
        "spikingjelly",
        "sinabs",
        "rockpool",
        "spyx",
    ];

    /// The convention of a framework or of a golden file.
    ///
    /// `snntorch` is `Leaky` with reset by subtraction, `norse` the box LIF, `spikingjelly` `LIFNode` with `decay_input`,
    /// `sinabs` `LIF` with `norm_input` and one spike a step at most, `rockpool` `LIFTorch` with one spike a step at most
    /// and its weights times the decay of the synapse, `spyx` `LIF`, whose spikes come out one step later. The chapter on
    /// discretisation in `docs/book` writes each update out; `tests/conventions_golden.rs` holds each to the framework.
    pub fn preset(name: &str) -> Option<Self> {
        let default = Self::default();
        let boxed = Self {
            pulse: Pulse::Box,
            ..default
        };
        Some(match name {
            "default" => default,
            "surrogate-golden" => Self {
                arrivals: Arrivals::BeforeFlow,
                decay: Decay::ExponentialEuler,
                ..default
            },
            "nest-eprop" => Self {
                threshold: Threshold::Ge,
                reset: ResetTime::NextStep,
                waiting: Waiting::Free,
                ..boxed
            },
            // Spyx moves its membrane as snnTorch does, and hands a spike on one step later.
            "snntorch" | "spyx" => Self {
                gain: Gain::Unscaled,
                reset: ResetTime::NextStep,
                ..boxed
            },
            "norse" => Self {
                decay: Decay::Euler,
                ..boxed
            },
            "spikingjelly" => Self {
                decay: Decay::Euler,
                threshold: Threshold::Ge,
                ..boxed
            },
            "sinabs" => Self {
                threshold: Threshold::Ge,
                ..boxed
            },
            "rockpool" => Self {
                arrivals: Arrivals::BeforeFlow,
                decay: Decay::ExponentialEuler,
                gain: Gain::Unscaled,
                threshold: Threshold::Ge,
                ..default
            },
            _ => return None,
        })
    }
}
