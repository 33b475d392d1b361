//! Plasticity that lasts a second: synapses that tire and synapses that warm up.

use super::rule::check_tau;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Short-term plasticity (`tsodyks1997`, `tsodyks1998`): a spike releases the share `u` of the resources `x`.
///
/// ```text
/// tau_rec x' = 1 - x      tau_facil u' = -u
/// at a spike:  u += utility (1 - u),  release = u x,  x -= release
/// ```
///
/// `tau_facil` of 0 leaves `u` at `utility`: the synapse only tires.
///
/// ```
/// use cortado_local::stdp::{Resources, ShortTerm};
/// let rule = ShortTerm { utility: 0.5, tau_rec: 0.8, tau_facil: 0.0 };
/// let mut s = Resources::default();
/// assert_eq!(rule.spike(&mut s, 0.0), 0.5);
/// assert!((rule.spike(&mut s, 50e-3) - 0.265147).abs() < 1e-6);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShortTerm {
    /// The share of the resources that a first spike releases, `U`.
    pub utility: f64,
    /// Time constant of recovery, in seconds.
    pub tau_rec: f64,
    /// Time constant of facilitation, in seconds; 0 for none.
    pub tau_facil: f64,
}

impl Default for ShortTerm {
    fn default() -> Self {
        Self {
            utility: 0.5,
            tau_rec: 0.8,
            tau_facil: 0.0,
        }
    }
}

/// Where a synapse with short-term plasticity stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resources {
    /// What is there to be released, 1 at rest.
    pub x: f64,
    /// The share that was released last, fading.
    pub u: f64,
    /// Of what moment this is, in seconds.
    at: f64,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            x: 1.0,
            u: 0.0,
            at: 0.0,
        }
    }
}

impl ShortTerm {
    /// Whether the settings make sense.
    ///
    /// # Errors
    /// A share that is not within 0 and 1; a time constant that is none.
    pub fn check(&self) -> Result<()> {
        if !(self.utility > 0.0 && self.utility <= 1.0) {
            return Err(Error::invalid(
                "utility",
                "short-term plasticity",
                "above 0, at most 1",
                self.utility,
            ));
        }
        check_tau("tau_rec", self.tau_rec)?;
        if self.tau_facil == 0.0 {
            Ok(())
        } else {
            check_tau("tau_facil", self.tau_facil)
        }
    }

    /// A spike at `t` seconds: what it releases, by which its weight is multiplied.
    pub fn spike(&self, s: &mut Resources, t: f64) -> f64 {
        // A first spike may come before 0: all is at rest.
        self.flow(s, (t - s.at).max(0.0));
        s.at = t;
        self.release(s)
    }

    /// A step of a clock, at the end of which there may be a spike: what is released.
    ///
    /// Equal to [`ShortTerm::spike`] where spikes lie on steps.
    pub fn step(&self, s: &mut Resources, dt: f64, spike: bool) -> f64 {
        self.flow(s, dt);
        s.at += dt;
        if spike { self.release(s) } else { 0.0 }
    }

    fn flow(&self, s: &mut Resources, h: f64) {
        s.x = 1.0 + (s.x - 1.0) * (-h / self.tau_rec).exp();
        s.u *= if self.tau_facil > 0.0 {
            (-h / self.tau_facil).exp()
        } else {
            0.0
        };
    }

    fn release(&self, s: &mut Resources) -> f64 {
        s.u += self.utility * (1.0 - s.u);
        let released = s.u * s.x;
        s.x -= released;
        released
    }
}
