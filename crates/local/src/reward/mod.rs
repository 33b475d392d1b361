//! Three factors: what a synapse has done lately, and a signal for all (`fremaux2016`).
//!
//! ```text
//! e' = -e / tau_e + STDP(pre, post)      what a synapse remembers: its eligibility
//! w' = M(t) e                            M a reward, or how far it is from what was expected
//! ```
//!
//! [`Synapses`] is the rule for a loop of one's own: `step` with the spikes, `reward` with what the world says.

mod baseline;
mod distal;
mod synapses;

pub use baseline::Baseline;
pub use distal::DistalReward;
pub use synapses::{Rule, Synapses};
