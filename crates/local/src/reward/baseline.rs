//! What reward is expected.

use serde::{Deserialize, Serialize};

/// Error of a prediction of reward: `M = R - <R>`, where `<R>` moves by `rate` of each error.
///
/// ```
/// let mut expected = cortado_local::reward::Baseline::new(0.5);
/// assert_eq!([1.0, 1.0, 0.0].map(|r| expected.error(r)), [1.0, 0.5, -0.75]);
/// ```
///
/// # References
/// `fremaux2016`
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    rate: f64,
    mean: f64,
}

impl Baseline {
    /// Expects nothing yet; `rate` in 0..=1 is the share of an error that is taken over.
    pub fn new(rate: f64) -> Self {
        Self { rate, mean: 0.0 }
    }

    /// What is expected.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// How far a reward is from what was expected; it counts for what is expected next.
    pub fn error(&mut self, reward: f64) -> f64 {
        let error = reward - self.mean;
        self.mean += self.rate * error;
        error
    }
}
