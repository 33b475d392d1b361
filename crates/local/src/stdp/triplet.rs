//! Triplets of spikes.

use super::rule::check_tau;
use super::{Pairing, Rule, Weight};
use crate::Result;
use crate::range::{ANY, within};
use serde::{Deserialize, Serialize};

/// Triplet plasticity: a pair counts more if its later neuron had fired before (`pfister2006`).
///
/// ```text
/// tau_plus r1' = -r1, tau_x r2' = -r2     marked by a presynaptic spike
/// tau_minus o1' = -o1, tau_y o2' = -o2    marked by a postsynaptic spike
/// pre:   w -= down(w) o1 (a2_minus + a3_minus r2)      r2 just before this spike
/// post:  w += up(w) r1 (a2_plus + a3_plus o2)          o2 just before this spike
/// ```
///
/// The named sets are the fits of its table 4, all spikes with all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Triplet {
    /// Time constant of `r1`, in seconds.
    pub tau_plus: f64,
    /// Time constant of `r2`, in seconds.
    pub tau_x: f64,
    /// Time constant of `o1`, in seconds.
    pub tau_minus: f64,
    /// Time constant of `o2`, in seconds.
    pub tau_y: f64,
    /// What a pair adds.
    pub a2_plus: f64,
    /// What a triplet post, pre, post adds.
    pub a3_plus: f64,
    /// What a pair takes away.
    pub a2_minus: f64,
    /// What a triplet pre, post, pre takes away.
    pub a3_minus: f64,
    /// Which spikes make a pair or a triplet.
    pub pairing: Pairing,
    /// Bounds, and how changes depend on the weight.
    pub weight: Weight,
}

impl Default for Triplet {
    fn default() -> Self {
        Self::visual_cortex()
    }
}

impl Triplet {
    /// The names that [`Triplet::preset`] knows.
    pub const PRESETS: [&'static str; 3] = ["visual_cortex", "minimal", "hippocampus"];

    /// The fit to pairs in visual cortex at several frequencies.
    pub fn visual_cortex() -> Self {
        Self {
            tau_plus: 16.8e-3,
            tau_x: 101e-3,
            tau_minus: 33.7e-3,
            tau_y: 125e-3,
            a2_plus: 5e-10,
            a3_plus: 6.2e-3,
            a2_minus: 7e-3,
            a3_minus: 2.3e-4,
            pairing: Pairing::AllToAll,
            weight: Weight::default(),
        }
    }

    /// The same with the fewest terms: pairs weaken, triplets strengthen.
    pub fn minimal() -> Self {
        Self {
            tau_y: 114e-3,
            a2_plus: 0.0,
            a3_plus: 6.5e-3,
            a2_minus: 7.1e-3,
            a3_minus: 0.0,
            ..Self::visual_cortex()
        }
    }

    /// The fit to triplets and quadruplets in cultured hippocampal neurons.
    pub fn hippocampus() -> Self {
        Self {
            tau_x: 946e-3,
            tau_y: 27e-3,
            a2_plus: 6.1e-3,
            a3_plus: 6.7e-3,
            a2_minus: 1.6e-3,
            a3_minus: 1.4e-3,
            ..Self::visual_cortex()
        }
    }

    /// The set of that name.
    ///
    /// ```
    /// use cortado_local::stdp::Triplet;
    /// assert_eq!(Triplet::preset("minimal"), Some(Triplet::minimal()));
    /// ```
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "visual_cortex" => Some(Self::visual_cortex()),
            "minimal" => Some(Self::minimal()),
            "hippocampus" => Some(Self::hippocampus()),
            _ => None,
        }
    }
}

impl Rule<2, 2> for Triplet {
    fn tau_pre(&self) -> [f64; 2] {
        [self.tau_plus, self.tau_x]
    }

    fn tau_post(&self) -> [f64; 2] {
        [self.tau_minus, self.tau_y]
    }

    fn pairing(&self) -> Pairing {
        self.pairing
    }

    #[inline(always)]
    fn pre(&self, w: f64, [_, r2]: &[f64; 2], [o1, _]: &[f64; 2]) -> f64 {
        let less = o1 * (self.a2_minus + self.a3_minus * r2);
        self.weight.clip(w - less * self.weight.down(w))
    }

    #[inline(always)]
    fn post(&self, w: f64, [r1, _]: &[f64; 2], [_, o2]: &[f64; 2]) -> f64 {
        let more = r1 * (self.a2_plus + self.a3_plus * o2);
        self.weight.clip(w + more * self.weight.up(w))
    }

    fn check(&self) -> Result<()> {
        check_tau("tau_plus", self.tau_plus)?;
        check_tau("tau_x", self.tau_x)?;
        check_tau("tau_minus", self.tau_minus)?;
        check_tau("tau_y", self.tau_y)?;
        within(
            "rule",
            &[
                ("a2_plus", self.a2_plus, ANY),
                ("a3_plus", self.a3_plus, ANY),
                ("a2_minus", self.a2_minus, ANY),
                ("a3_minus", self.a3_minus, ANY),
            ],
        )?;
        self.weight.check()
    }
}
