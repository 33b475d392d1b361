//! What NIR leaves open, as options without defaults, and what each tool that writes NIR means.

use cortado::neuron::{ResetTime, Threshold};
use serde::{Deserialize, Serialize};

/// Everything that a NIR graph does not say of itself.
///
/// There is no default: [`Options::preset`] knows what a tool means, and an option that is given wins over the preset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Who wrote the file, for the report.
    pub producer: String,
    /// The step in seconds.
    pub dt: f64,
    /// The unit of times in the file.
    pub tau_unit: TauUnit,
    /// How a decay over a step is computed.
    pub discretisation: Discretisation,
    /// What an input spike is.
    pub spike: Spike,
    /// Which synaptic current a membrane takes in a step.
    pub current: Current,
    /// Whether a neuron exactly at threshold fires.
    pub threshold: Threshold,
    /// What a spike does to the membrane.
    pub reset: ResetRule,
    /// When the reset acts.
    pub reset_time: ResetTime,
    /// What an input is multiplied by before it enters the membrane of LIF and CubaLIF.
    pub gain: Gain,
    /// The same for LI and CubaLI.
    pub readout_gain: Gain,
    /// The same for I and IF.
    pub integrator_gain: Gain,
    /// The same for the synaptic current of CubaLI and CubaLIF.
    pub synapse_gain: Gain,
}

/// The unit of times in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TauUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Steps of the clock.
    Steps,
    /// `dt` seconds: a file says `dt tau`, as Norse writes it.
    DtS,
}

/// How a decay over a step `dt` with time constant `tau` is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discretisation {
    /// `1 - dt / tau`: forward Euler.
    Euler,
    /// `exp(-dt / tau)` for each state by itself.
    ExpEuler,
    /// The exact propagator of the linear system.
    Exact,
}

/// What an input spike is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spike {
    /// A pulse of area 1 in the file's unit of time: a state jumps by `r / tau`, at the end of the step.
    Dirac,
    /// A current of 1 that is held for the step.
    Box,
}

/// Which synaptic current a membrane takes in a step, where it is not exactly solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Current {
    /// That of the same step, with the input of the step.
    New,
    /// That of the step before: forward Euler to the letter.
    Old,
}

/// What a spike does to the membrane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetRule {
    /// As the version says: where a node has `v_reset`, the membrane goes there; where it has none, the threshold is
    /// subtracted up to version 1.0.5, and from 1.0.6 the membrane goes to 0.
    File,
    /// The membrane goes to `v_reset`, 0 where the file has none.
    Value,
    /// The threshold is subtracted.
    Subtract,
    /// Nothing.
    None,
}

/// What an input is multiplied by on its way into a state with decay `B` over a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gain {
    /// As the file says: `r (1 - B)` of the membrane, `w_in (1 - B)` of the current, `r dt` without leak.
    File,
    /// 1 (`w_in` of the current), whatever `r` the file says.
    Whole,
    /// `B` (`B w_in` of the current): the input decays with the state.
    Decayed,
}

/// Tools with a preset; `nir` is the text of NIR itself.
pub const PRODUCERS: [&str; 9] = [
    "norse",
    "snntorch",
    "spikingjelly",
    "sinabs",
    "rockpool",
    "lava",
    "spyx",
    "nengo",
    "nir",
];

impl Options {
    /// What a tool of [`PRODUCERS`] means by what it writes, at a step of `dt` seconds.
    ///
    /// Those of Norse 1.1.0, snnTorch 1.0.0, SpikingJelly 2.0.0 and Sinabs 2.0.3 are held to the spikes of these tools; the
    /// others follow their source text.
    ///
    /// ```
    /// use cortado_convert::nir::{Options, ResetRule, TauUnit};
    /// let o = Options::preset("sinabs", 1e-3).unwrap();
    /// assert_eq!((o.tau_unit, o.reset), (TauUnit::Steps, ResetRule::Subtract));
    /// assert!(Options::preset("brian", 1e-3).is_none());
    /// ```
    pub fn preset(producer: &str, dt: f64) -> Option<Self> {
        let euler = Self {
            producer: producer.into(),
            dt,
            tau_unit: TauUnit::S,
            discretisation: Discretisation::Euler,
            spike: Spike::Box,
            current: Current::New,
            threshold: Threshold::Gt,
            reset: ResetRule::Value,
            reset_time: ResetTime::SameStep,
            gain: Gain::File,
            readout_gain: Gain::File,
            integrator_gain: Gain::File,
            synapse_gain: Gain::File,
        };
        Some(match producer {
            "norse" => Self {
                tau_unit: TauUnit::DtS,
                integrator_gain: Gain::Whole,
                synapse_gain: Gain::Whole,
                ..euler
            },
            "snntorch" => Self {
                reset: ResetRule::Subtract,
                reset_time: ResetTime::NextStep,
                ..euler
            },
            "spikingjelly" => Self {
                threshold: Threshold::Ge,
                ..euler
            },
            "sinabs" => Self {
                tau_unit: TauUnit::Steps,
                discretisation: Discretisation::ExpEuler,
                threshold: Threshold::Ge,
                reset: ResetRule::Subtract,
                readout_gain: Gain::Whole,
                ..euler
            },
            "rockpool" => Self {
                discretisation: Discretisation::ExpEuler,
                threshold: Threshold::Ge,
                reset: ResetRule::Subtract,
                gain: Gain::Whole,
                readout_gain: Gain::Whole,
                synapse_gain: Gain::Decayed,
                ..euler
            },
            "lava" => euler,
            "spyx" => Self {
                tau_unit: TauUnit::Steps,
                reset: ResetRule::Subtract,
                reset_time: ResetTime::NextStep,
                gain: Gain::Whole,
                readout_gain: Gain::Whole,
                synapse_gain: Gain::Whole,
                ..euler
            },
            "nengo" => Self {
                discretisation: Discretisation::Exact,
                spike: Spike::Dirac,
                ..euler
            },
            "nir" => Self {
                discretisation: Discretisation::Exact,
                spike: Spike::Dirac,
                reset: ResetRule::File,
                ..euler
            },
            _ => return None,
        })
    }

    /// The same with another reset, and the time that it has with it in the tool: snnTorch zeroes before the membrane flows.
    pub fn with_reset(mut self, reset: ResetRule) -> Self {
        if self.producer == "snntorch" && reset == ResetRule::Value {
            self.reset_time = ResetTime::SameStep;
        }
        self.reset = reset;
        self
    }

    /// Seconds of a time of 1 in the file.
    pub(super) fn unit(&self) -> f64 {
        match self.tau_unit {
            TauUnit::S => 1.0,
            TauUnit::Ms => 1e-3,
            TauUnit::Steps => self.dt,
            TauUnit::DtS => 1.0 / self.dt,
        }
    }

    /// The decay over a step of a state with time constant `tau` in seconds.
    pub(super) fn decay(&self, tau: f64) -> f64 {
        match self.discretisation {
            Discretisation::Euler => 1.0 - self.dt / tau,
            _ => (-self.dt / tau).exp(),
        }
    }

    /// What a tool does not write, so that a preset has to say it; nothing of a tool without preset.
    pub(super) fn unwritten(&self) -> &'static [&'static str] {
        match self.producer.as_str() {
            "norse" => &[
                "the unit of tau is dt seconds, as Norse 1.1.0 writes dt / tau_mem_inv; other versions may write seconds",
                "v_reset is 0 and the reset is to it: Norse writes neither",
                "the synaptic current of an LIFCell jumps by the input itself, and IAFCell adds it, whatever w_in and r say",
            ],
            "snntorch" => &[
                "the reset subtracts the threshold in the step after the spike: snnTorch writes v_reset = 0 whatever its \
                 reset_mechanism; reset_delay is taken as True",
            ],
            "spikingjelly" => {
                &["a neuron at threshold fires: SpikingJelly's >= is not in the file"]
            }
            "sinabs" => &[
                "norm_input is True of LIF and False of ExpLeak, as their defaults are: Sinabs does not write it; False is gain whole",
                "at most one spike a step (SingleSpike): the default of Sinabs, MultiSpike, has no counterpart here",
                "there are no tau_syn and no min_v_mem: Sinabs leaves them out without a word",
            ],
            "rockpool" => &["at most one spike a step; biases of neurons are not in the file"],
            "spyx" => &["spikes leave one step earlier than in Spyx, and r is not looked at"],
            "lava" => &["edges take no step, as in the script of the NIR repository"],
            _ => &[],
        }
    }

    /// Whether its preset is held to the spikes of the tool itself.
    pub(super) fn is_held(&self) -> bool {
        matches!(
            self.producer.as_str(),
            "norse" | "snntorch" | "spikingjelly" | "sinabs" | "nir"
        )
    }
}
