//! Spike-timing-dependent plasticity: how much a synapse changes by when the neurons on both sides fire.
//!
//! A rule is a file that reads like its paper: [`Pair`], [`Triplet`]; it says what a spike does to a weight, given the traces of
//! both neurons ([`Rule`]). The same rule runs a [`Synapse`] from spike to spike, a [`Clocked`] one step by step, and the weights of a
//! whole projection ([`Plastic`], [`Driven`]), also of a network that one of its engines runs ([`Learning`]). [`ShortTerm`] is the
//! plasticity that fades within a second. What keeps neurons from firing always or never is [`AdaptiveThreshold`] and [`scale`].
//! [`Competition`] makes of it inputs that compete for neurons, [`DiehlCook`] neurons that learn digits. [`Continual`] is no rule of
//! spike timing: supervised prototypes beside backpropagation.

mod additions;
mod competition;
mod continual;
mod diehl_cook;
mod driven;
mod homeostasis;
mod learning;
mod pair;
mod plastic;
mod rule;
mod short_term;
mod synapse;
mod triplet;
mod weight;

pub use competition::{AnyRule, Competition, Correlated, Scaling};
pub use continual::Continual;
pub use diehl_cook::DiehlCook;
pub use driven::{Driven, Outcome};
pub use homeostasis::{AdaptiveThreshold, scale, scale_within};
pub use learning::Learning;
pub use pair::Pair;
pub use plastic::Plastic;
pub use rule::{Coincident, Pairing, Rule, Timing};
pub use short_term::{Resources, ShortTerm};
pub use synapse::{Clocked, Synapse};
pub use triplet::Triplet;
pub use weight::{Dependence, Weight};
