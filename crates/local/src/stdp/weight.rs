//! How much a synapse changes by the weight that it has, and between which bounds.

use crate::range::{NOT_NEGATIVE, within};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Bounds of a weight, and what a change is multiplied by on the way to them.
///
/// ```
/// use cortado_local::stdp::{Dependence, Weight};
/// let soft = Weight { min: 0.0, max: 2.0, dependence: Dependence::Multiplicative };
/// assert_eq!((soft.up(0.5), soft.down(0.5)), (0.75, 0.25));
/// assert_eq!(soft.clip(2.5), 2.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weight {
    /// The smallest weight.
    pub min: f64,
    /// The largest weight.
    pub max: f64,
    /// How a change depends on the weight.
    pub dependence: Dependence,
}

/// How a change depends on the distance to the bound, as a share `s` of the range between both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Dependence {
    /// Not at all: hard bounds (`song2000`).
    #[default]
    Additive,
    /// Times `s`: soft bounds (`rubin2001`).
    Multiplicative,
    /// Times `s^mu`, between both (`guetig2003`); of exponents 0 and 1, only depression is soft (`vanrossum2000`).
    Power {
        /// Exponent on the way up.
        mu_plus: f64,
        /// Exponent on the way down.
        mu_minus: f64,
    },
}

impl Default for Weight {
    fn default() -> Self {
        Self {
            min: 0.0,
            max: 1.0,
            dependence: Dependence::Additive,
        }
    }
}

impl Weight {
    /// Whether these are bounds.
    ///
    /// # Errors
    /// No range; an infinite one of which a share is wanted; an exponent that is not a number of at least 0.
    pub fn check(&self) -> Result<()> {
        let Self { min, max, .. } = *self;
        let wrong =
            |expected: &str, got: String| Err(Error::invalid("weight", "rule", expected, got));
        if min.is_nan() || max.is_nan() || min >= max {
            return wrong("min below max", format!("{min} and {max}"));
        }
        if self.dependence != Dependence::Additive && !(max - min).is_finite() {
            return wrong("finite bounds of a soft rule", format!("{min} and {max}"));
        }
        match self.dependence {
            Dependence::Power { mu_plus, mu_minus } => within(
                "rule",
                &[
                    ("mu_plus", mu_plus, NOT_NEGATIVE),
                    ("mu_minus", mu_minus, NOT_NEGATIVE),
                ],
            ),
            _ => Ok(()),
        }
    }

    /// What a change upwards is multiplied by.
    #[inline(always)]
    pub fn up(&self, w: f64) -> f64 {
        let share = (self.max - w) / (self.max - self.min);
        match self.dependence {
            Dependence::Additive => 1.0,
            Dependence::Multiplicative => share,
            Dependence::Power { mu_plus, .. } => share.powf(mu_plus),
        }
    }

    /// What a change downwards is multiplied by.
    #[inline(always)]
    pub fn down(&self, w: f64) -> f64 {
        let share = (w - self.min) / (self.max - self.min);
        match self.dependence {
            Dependence::Additive => 1.0,
            Dependence::Multiplicative => share,
            Dependence::Power { mu_minus, .. } => share.powf(mu_minus),
        }
    }

    /// The weight within its bounds.
    #[inline(always)]
    pub fn clip(&self, w: f64) -> f64 {
        let w = if w < self.min { self.min } else { w };
        if w > self.max { self.max } else { w }
    }
}
