//! Spikes on their way, the earliest first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A spike that neuron `from` fired at the time of the bits `sent` is delivered over a projection: its weights from `at` on that
/// have one delay.
///
/// Ordered by time, then by the population that it reaches in the order of a step, then by what it is: ties are broken in the
/// same way whatever the order in which spikes were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event {
    /// The bits of a time that is not negative, which sort as the time does.
    time: u64,
    /// Place of the population in the order of a step.
    pub rank: u32,
    pub projection: u32,
    pub from: u32,
    pub at: u32,
    pub sent: u64,
}

impl Event {
    /// At a time that is not negative.
    pub fn new(time: f64, rank: u32, projection: u32, (from, at): (u32, u32), sent: f64) -> Self {
        debug_assert!(time >= 0.0);
        Self {
            time: snap(time).to_bits(),
            rank,
            projection,
            from,
            at,
            sent: sent.to_bits(),
        }
    }

    pub fn time(&self) -> f64 {
        f64::from_bits(self.time)
    }
}

/// A time that is a whole number of picoseconds but for rounding, as the number nearest to that.
///
/// Times and delays that people write are decimal, and sums of them that should be equal differ in their last bits: what
/// arrives at one time would come apart.
pub(crate) fn snap(time: f64) -> f64 {
    const PICO: f64 = 1e12;
    let near = (time * PICO).round() / PICO;
    // Adding 0 makes a positive zero of a negative one.
    let whole = (near - time).abs() <= 4.0 * f64::EPSILON * time;
    0.0 + if whole { near } else { time }
}

/// The spikes on their way.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue(BinaryHeap<Reverse<Event>>);

impl Queue {
    pub fn push(&mut self, event: Event) {
        self.0.push(Reverse(event));
    }

    pub fn peek(&self) -> Option<&Event> {
        self.0.peek().map(|r| &r.0)
    }

    pub fn pop(&mut self) -> Option<Event> {
        self.0.pop().map(|r| r.0)
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.0.iter().map(|r| &r.0)
    }
}

#[cfg(test)]
mod tests {
    use super::snap;

    #[test]
    fn sums_of_decimal_times_meet() {
        assert_ne!(0.1 + 0.2, 0.3);
        assert_eq!(snap(0.1 + 0.2), 0.3);
        for (a, b) in [(1, 2), (4, 7), (999, 13), (5_000_001, 17)] {
            let t = |n: i32| f64::from(n) * 1e-3;
            assert_eq!(snap(t(a) + t(b)), snap(t(a + b)), "{a} {b}");
            assert_eq!(snap(t(a + b)), f64::from(a + b) / 1e3);
        }
        let other = 0.123_456_789_012_345_6;
        assert_eq!(snap(other), other);
        assert_eq!(snap(-0.0).to_bits(), 0);
    }
}
