//! From the few bits of time that a sensor sends to microseconds that never begin again.

/// Unrolls a counter that begins again at 0 after `period`.
///
/// A counter value is taken for the time nearest to the one before it: a step back by more than half a period is the
/// counter beginning again, a smaller one is an event that comes late. After the counter has begun again, a step
/// forward by more than half a period is an event from before that; until then it is a long silence.
///
/// ```
/// let mut clock = cortado_events::clock::Unwrapper::new(1 << 24);
/// assert_eq!(clock.unwrap(0xff_fff0), 0xff_fff0);
/// assert_eq!(clock.unwrap(5), (1 << 24) + 5);
/// assert_eq!(clock.unwrap(0xff_ffff), 0xff_ffff); // late, from before
/// assert_eq!(clock.unwrap(3), (1 << 24) + 3); // late
/// assert_eq!(clock.wraps(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwrapper {
    period: u64,
    /// Of the time before, the part that is whole periods, and the rest.
    base: u64,
    last: u64,
    wraps: u64,
}

impl Unwrapper {
    /// A counter that begins again after `period`, which is not 0.
    pub fn new(period: u64) -> Self {
        Self {
            period: period.max(1),
            base: 0,
            last: 0,
            wraps: 0,
        }
    }

    /// The time of a counter value below the period.
    #[inline]
    pub fn unwrap(&mut self, counter: u64) -> u64 {
        let half = self.period / 2;
        if self.last > counter && self.last - counter > half {
            self.base += self.period;
            self.wraps += 1;
        } else if counter > self.last && counter - self.last > half && self.base > 0 {
            return self.base - self.period + counter;
        }
        self.last = counter;
        self.base + counter
    }

    /// What it remembers.
    pub(crate) fn state(&self) -> [u64; 2] {
        [self.base, self.last]
    }

    /// A counter that remembers this.
    pub(crate) fn set(&mut self, [base, last]: [u64; 2]) {
        (self.base, self.last) = (base, last);
        self.wraps = base / self.period;
    }

    /// How often the counter has begun again.
    pub fn wraps(&self) -> u64 {
        self.wraps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Any times that step by less than half a period either way come back from their counters.
        #[test]
        fn times_come_back(start in 0u64..1000, steps in prop::collection::vec(-499i64..500, 0..200)) {
            let period = 1000;
            let mut clock = Unwrapper::new(period);
            prop_assert_eq!(clock.unwrap(start), start);
            let (mut time, mut newest) = (start, start);
            for step in steps {
                let next = newest.saturating_add_signed(step);
                // What would be before the first period cannot be told from what comes after it.
                prop_assume!(next / period + 1 >= newest / period);
                time = next;
                prop_assert_eq!(clock.unwrap(time % period), time);
                if time / period >= newest / period {
                    newest = time;
                }
            }
            prop_assert_eq!(clock.wraps(), newest / period);
            let _ = time;
        }
    }

    #[test]
    fn a_silence_before_the_counter_began_again_is_one() {
        let mut clock = Unwrapper::new(100);
        assert_eq!([clock.unwrap(1), clock.unwrap(90)], [1, 90]);
        assert_eq!(clock.wraps(), 0);
    }
}
