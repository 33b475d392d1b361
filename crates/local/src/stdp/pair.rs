//! Pairs of spikes.

use super::rule::check_tau;
use super::{Pairing, Rule, Weight};
use crate::Result;
use crate::range::{ANY, within};
use serde::{Deserialize, Serialize};

/// Pair-based plasticity: pre before post strengthens, post before pre weakens (`bi1998`, `song2000`).
///
/// ```text
/// tau_plus x' = -x     x marked by a presynaptic spike     post:  w += a_plus up(w) x
/// tau_minus y' = -y    y marked by a postsynaptic spike    pre:   w -= a_minus down(w) y
/// ```
///
/// ```
/// use cortado_local::stdp::{Pair, Synapse, Timing};
/// let rule = Pair { tau_plus: 20e-3, tau_minus: 20e-3, a_plus: 0.01, a_minus: 0.0105, ..Pair::default() };
/// let w = Synapse::run(rule, Timing::default(), 0.5, &[0.0], &[10e-3]).unwrap();
/// assert!((w - 0.5 - 0.00606531).abs() < 1e-8);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pair {
    /// Time constant of the presynaptic trace, in seconds.
    pub tau_plus: f64,
    /// Time constant of the postsynaptic trace, in seconds.
    pub tau_minus: f64,
    /// What a post spike right after a pre spike adds.
    pub a_plus: f64,
    /// What a pre spike right after a post spike takes away.
    pub a_minus: f64,
    /// Which spikes make a pair.
    pub pairing: Pairing,
    /// Bounds, and how changes depend on the weight.
    pub weight: Weight,
}

impl Default for Pair {
    fn default() -> Self {
        Self {
            tau_plus: 20e-3,
            tau_minus: 20e-3,
            a_plus: 0.01,
            a_minus: 0.0105,
            pairing: Pairing::AllToAll,
            weight: Weight::default(),
        }
    }
}

impl Pair {
    /// The fit to cultured hippocampal neurons (`bi1998`): shares of the weight, 16.8 and 33.7 ms.
    pub fn bi_poo() -> Self {
        Self {
            tau_plus: 16.8e-3,
            tau_minus: 33.7e-3,
            a_plus: 0.777,
            a_minus: 0.273,
            ..Self::default()
        }
    }

    /// The rule with amplitudes times a factor.
    pub fn times(self, factor: f64) -> Self {
        Self {
            a_plus: self.a_plus * factor,
            a_minus: self.a_minus * factor,
            ..self
        }
    }
}

impl Rule<1, 1> for Pair {
    fn tau_pre(&self) -> [f64; 1] {
        [self.tau_plus]
    }

    fn tau_post(&self) -> [f64; 1] {
        [self.tau_minus]
    }

    fn pairing(&self) -> Pairing {
        self.pairing
    }

    #[inline(always)]
    fn pre(&self, w: f64, _: &[f64; 1], [y]: &[f64; 1]) -> f64 {
        self.weight.clip(w - self.a_minus * self.weight.down(w) * y)
    }

    #[inline(always)]
    fn post(&self, w: f64, [x]: &[f64; 1], _: &[f64; 1]) -> f64 {
        self.weight.clip(w + self.a_plus * self.weight.up(w) * x)
    }

    fn check(&self) -> Result<()> {
        check_tau("tau_plus", self.tau_plus)?;
        check_tau("tau_minus", self.tau_minus)?;
        within(
            "rule",
            &[("a_plus", self.a_plus, ANY), ("a_minus", self.a_minus, ANY)],
        )?;
        self.weight.check()
    }
}
