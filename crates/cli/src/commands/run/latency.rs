//! How long chunks took.

use serde_json::{Value, json};
use std::time::Duration;

/// Quantiles of durations to half a percent, in memory that does not grow.
#[derive(Clone, Debug)]
pub struct Latency {
    count: u64,
    /// Seconds.
    ends: [f64; 2],
    /// Bin `k` counts from `LEAST RATIO^k` on.
    bins: Vec<u64>,
}

/// The start of the first bin, in seconds.
const LEAST: f64 = 1e-7;
const RATIO: f64 = 1.01;
/// Up to about 10^4 seconds.
const BINS: usize = 2550;

impl Latency {
    /// None yet.
    pub fn new() -> Self {
        Self {
            count: 0,
            ends: [f64::INFINITY, 0.0],
            bins: vec![0; BINS],
        }
    }

    /// Takes in a chunk.
    pub fn add(&mut self, time: Duration) {
        let s = time.as_secs_f64();
        let bin = ((s / LEAST).max(1.0).ln() / RATIO.ln()) as usize;
        self.bins[bin.min(BINS - 1)] += 1;
        self.count += 1;
        self.ends = [self.ends[0].min(s), self.ends[1].max(s)];
    }

    /// Number of chunks.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The duration in seconds that a share of all do not exceed.
    pub fn quantile(&self, share: f64) -> f64 {
        let rank = (share * self.count as f64).ceil().max(1.0) as u64;
        let mut before = 0;
        for (k, n) in self.bins.iter().enumerate() {
            before += n;
            if before >= rank {
                let middle = LEAST * RATIO.powf(k as f64 + 0.5);
                return middle.clamp(self.ends[0], self.ends[1]);
            }
        }
        self.ends[1]
    }

    /// Milliseconds.
    pub fn value(&self) -> Value {
        if self.count == 0 {
            return Value::Null;
        }
        let ms = |s: f64| s * 1e3;
        json!({
            "min": ms(self.ends[0]), "median": ms(self.quantile(0.5)),
            "p99": ms(self.quantile(0.99)), "max": ms(self.ends[1]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_list() {
        let mut latency = Latency::new();
        assert_eq!(latency.value(), Value::Null);
        let times: Vec<f64> = (1..=1000).map(|i| f64::from(i * i) * 1e-6).collect();
        times
            .iter()
            .rev()
            .for_each(|&s| latency.add(Duration::from_secs_f64(s)));
        for (share, exact) in [(0.5, times[499]), (0.99, times[989]), (1.0, times[999])] {
            let ratio = latency.quantile(share) / exact;
            assert!((ratio - 1.0).abs() < 0.0051, "{share}: {ratio}");
        }
        assert_eq!(latency.value()["max"], 1e3);
        latency.add(Duration::ZERO);
        assert_eq!(
            (latency.value()["min"].as_f64(), latency.count()),
            (Some(0.0), 1001)
        );
    }
}
