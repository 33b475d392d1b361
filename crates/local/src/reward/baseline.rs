//! What reward is expected.

/// Error of a prediction of reward: `M = R - <R>`, where `<R>` is 0 at first and moves by `rate` of each error.
///
/// The first rewards count alike, until a new one would count for less than `rate`.
///
/// ```
/// let mut expected = cortado_local::reward::Baseline::new(0.5);
/// assert_eq!([1.0, 1.0, 0.0, 0.0].map(|r| expected.error(r)), [1.0, 0.0, -1.0, -0.5]);
/// ```
///
/// # References
/// `fremaux2016`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    rate: f64,
    mean: f64,
    seen: u32,
}

impl Baseline {
    /// Expects nothing yet; `rate` in 0..=1 is the share of an error that is taken over.
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            mean: 0.0,
            seen: 0,
        }
    }

    /// What is expected.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// How far a reward is from what was expected; it counts for what is expected next.
    pub fn error(&mut self, reward: f64) -> f64 {
        let error = reward - self.mean;
        self.seen = self.seen.saturating_add(1);
        self.mean += self.rate.max(1.0 / f64::from(self.seen)) * error;
        error
    }
}
