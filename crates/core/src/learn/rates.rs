//! Firing-rate regularisers (`zenke2021`): neurons that fire too little or too much pay for it.

use crate::num::Float;
use crate::sim::{Class, Slot};
use serde::{Deserialize, Serialize};

/// `strength mean_n (max(0, lower - r_n)^2 + max(0, r_n - upper)^2)`, `r_n` being the spikes per step of neuron `n` in
/// a sample; the mean is over the neurons of each population, the sum over populations.
///
/// ```
/// use cortado::learn::Rates;
/// let rates = Rates { lower: 0.1, upper: 0.5, strength: 2.0 };
/// assert_eq!(rates.penalty(0.75), (2.0 * 0.0625, 2.0 * 0.5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Spikes per step below which a neuron pays.
    #[serde(default)]
    pub lower: f64,
    /// Spikes per step above which a neuron pays.
    #[serde(default = "one")]
    pub upper: f64,
    /// The factor.
    pub strength: f64,
}

fn one() -> f64 {
    1.0
}

impl Rates {
    /// What a neuron of that rate pays, and the derivative by the rate.
    pub fn penalty(&self, rate: f64) -> (f64, f64) {
        let off = (rate - self.upper).max(0.0) - (self.lower - rate).max(0.0);
        (self.strength * off * off, self.strength * 2.0 * off)
    }

    /// The penalty of a block of a population of `n`, its error added to the slot and divided by `batch`.
    pub(crate) fn block<R: Float>(&self, slot: &mut Slot<R>, n: usize, batch: usize) -> f64 {
        if slot.steady.is_empty() {
            slot.steady.resize(slot.samples * slot.row);
        }
        debug_assert!(slot.class != Class::Constant);
        let mut sum = 0.0;
        let mut counts = vec![0.0; n];
        for b in 0..slot.samples {
            counts.fill(0.0);
            for t in 0..slot.steps {
                slot.signal(0).nonzeros(b, t, |j, v| {
                    if j < n {
                        counts[j] += v.value();
                    }
                });
            }
            for (j, count) in counts.iter().enumerate() {
                let (pays, slope) = self.penalty(count / slot.steps as f64);
                sum += pays / n as f64;
                let error = slope / (slot.steps * n * batch) as f64;
                slot.steady[b * slot.row + j] += R::of(error);
            }
        }
        sum
    }
}
