//! What a model says about itself: the table that documentation, command line and file formats share.

use serde::{Deserialize, Serialize};

/// What a spike does to the membrane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// `v` becomes `v_reset`.
    #[default]
    Value,
    /// `v` is lowered by `v_threshold`.
    Subtract,
    /// Nothing.
    None,
}

/// What a population hands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Spikes.
    Spikes,
    /// Its membrane potential: a readout.
    Membrane,
}

/// A parameter of a model.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name, in NIR's words.
    pub name: &'static str,
    /// Its symbol in the equations.
    pub symbol: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Its default.
    pub default: f64,
    /// The smallest value allowed.
    pub min: f64,
    /// The largest value allowed.
    pub max: f64,
    /// Whether it is trained as its logarithm, so that it stays positive.
    pub positive: bool,
}

/// A state variable of a model.
#[derive(Clone, Copy, Debug)]
pub struct StateVar {
    /// Its name.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
}

/// The table of a model.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The name in recipes and files.
    pub name: &'static str,
    /// The name in prose.
    pub title: &'static str,
    /// The equations, as text.
    pub equations: &'static str,
    /// State variables; the membrane comes first.
    pub states: &'static [StateVar],
    /// Parameters; `t_ref` comes last where there is one.
    pub params: &'static [Param],
    /// The node type of NIR that holds it, if any.
    pub nir: Option<&'static str>,
    /// Order of the integrator; `None` if the flow is exact.
    pub order: Option<u32>,
    /// What it hands on.
    pub output: Output,
    /// Key in `docs/refs.bib`.
    pub reference: &'static str,
}

impl Spec {
    /// Whether a parameter can be trained: the start of a run and whole numbers, of steps or of levels, cannot.
    pub fn trainable(&self, name: &str) -> bool {
        self.param(name).is_some() && ![T_REF.name, V_INIT, LEVELS].contains(&name)
    }

    /// Index of a parameter.
    pub fn param(&self, name: &str) -> Option<usize> {
        self.params.iter().position(|p| p.name == name)
    }
}

/// A time constant.
pub(super) const fn tau(name: &'static str, symbol: &'static str, default: f64) -> Param {
    Param {
        name,
        symbol,
        unit: "s",
        default,
        min: 1e-9,
        max: 1e6,
        positive: true,
    }
}

/// A parameter of either sign.
pub(super) const fn real(
    name: &'static str,
    symbol: &'static str,
    unit: &'static str,
    default: f64,
) -> Param {
    Param {
        name,
        symbol,
        unit,
        default,
        min: -1e15,
        max: 1e15,
        positive: false,
    }
}

/// A parameter that must be positive.
pub(super) const fn positive(
    name: &'static str,
    symbol: &'static str,
    unit: &'static str,
    default: f64,
) -> Param {
    Param {
        name,
        symbol,
        unit,
        default,
        min: 1e-15,
        max: 1e15,
        positive: true,
    }
}

/// The membrane at the start of a run, which does not follow from the flow; never trained.
pub(super) const V_INIT: &str = "v_init";

/// The number of levels of a quantised unit; never trained.
pub(super) const LEVELS: &str = "levels";

/// The refractory period: a whole number of steps, never trained.
pub(super) const T_REF: Param = Param {
    name: "t_ref",
    symbol: "t_ref",
    unit: "s",
    default: 0.0,
    min: 0.0,
    max: 1e3,
    positive: false,
};

/// The membrane potential.
pub(super) const V: StateVar = StateVar {
    name: "v",
    unit: "V",
};
