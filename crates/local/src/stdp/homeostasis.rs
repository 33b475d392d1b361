//! What keeps neurons from firing always or never: thresholds that follow activity, weights that share a sum.

use serde::{Deserialize, Serialize};

/// A threshold that rises by `plus` at each spike of its neuron and decays otherwise: `tau theta' = -theta`.
///
/// ```
/// use cortado_local::stdp::AdaptiveThreshold;
/// let rule = AdaptiveThreshold { start: 0.0, plus: 1.0, tau: 2.0 };
/// assert_eq!(rule.after(rule.fired(0.0), 2.0), (-1f64).exp());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptiveThreshold {
    /// Where it starts.
    pub start: f64,
    /// By how much a spike raises it.
    pub plus: f64,
    /// Time constant, in seconds.
    pub tau: f64,
}

impl Default for AdaptiveThreshold {
    fn default() -> Self {
        Self {
            start: 20e-3,
            plus: 0.05e-3,
            tau: 1e4,
        }
    }
}

impl AdaptiveThreshold {
    /// The threshold after a spike.
    pub fn fired(&self, theta: f64) -> f64 {
        theta + self.plus
    }

    /// The threshold after so many seconds without one.
    pub fn after(&self, theta: f64, seconds: f64) -> f64 {
        theta * (-seconds / self.tau).exp()
    }
}

/// Synaptic scaling: multiplies the weights into neuron `j` so that they sum to `sum`; weights `[inputs][neurons]`.
///
/// Weights that are all 0 stay so.
///
/// ```
/// let mut w = [1.0, 5.0, 3.0, 5.0];
/// cortado_local::stdp::scale(&mut w, 2, 0, 2.0);
/// assert_eq!(w, [0.5, 5.0, 1.5, 5.0]);
/// ```
pub fn scale(weights: &mut [f32], neurons: usize, j: usize, sum: f32) {
    let total: f32 = weights.iter().skip(j).step_by(neurons.max(1)).sum();
    if total > 0.0 {
        let factor = sum / total;
        for w in weights.iter_mut().skip(j).step_by(neurons.max(1)) {
            *w *= factor;
        }
    }
}

/// As [`scale`] for the weights into one neuron, of which none may be above `max`: those that would be are set to it, and the others
/// make up for what is missing.
///
/// Weights from 0 to `max`, and a sum that they can have; where all that are not 0 are at `max`, the sum is theirs.
///
/// ```
/// let mut w = [1.0, 2.0, 5.0];
/// cortado_local::stdp::scale_within(&mut w, 11.0, 6.0);
/// assert_eq!(w, [5.0 / 3.0, 10.0 / 3.0, 6.0]);
/// ```
pub fn scale_within(weights: &mut [f64], sum: f64, max: f64) {
    let total: f64 = weights.iter().sum();
    let (mut factor, mut full) = (sum / total, 0);
    loop {
        let beyond = |w: &&f64| **w * factor > max;
        let count = weights.iter().filter(beyond).count();
        let rest: f64 = weights.iter().filter(|w| !beyond(w)).sum();
        if count <= full || rest <= 0.0 {
            break;
        }
        full = count;
        factor = (sum - full as f64 * max) / rest;
    }
    for w in weights.iter_mut().filter(|w| **w > 0.0) {
        *w = (*w * factor).min(max);
    }
}
