//! The gap to threshold as a function of time between events, and when it is first crossed.

use crate::num::Real;

/// `level + drift h + a exp(-alpha h) + b K(h)`, the gap of a neuron `h` seconds after an event.
///
/// `K(h)` is the response of a membrane of rate `alpha` to a current of rate `beta`,
/// `integral of exp(-alpha (h - s)) exp(-beta s) ds` over `0..h`, which stays well defined where both rates meet.
///
/// Without drift the slope is zero at most once ([`Curve::turn`]), so that the curve rises on at most one stretch: no crossing
/// is missed. So it is with drift where the membrane does not decay (`alpha` is 0), as in integrate-and-fire neurons.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Curve {
    /// What it tends to, drift aside.
    pub level: f64,
    /// Per second.
    pub drift: f64,
    /// Amount that decays.
    pub a: f64,
    /// Its rate, per second.
    pub alpha: f64,
    /// Current that decays, per second.
    pub b: f64,
    /// Its rate, per second.
    pub beta: f64,
}

#[inline(always)]
fn positive(x: f64) -> f64 {
    if x > 0.0 { x } else { 0.0 }
}

/// `ln(1 + x d) / d`, continued through `d = 0`; nothing where the logarithm has no value.
fn log_ratio(x: f64, d: f64) -> Option<f64> {
    let small = x * d;
    if small <= -1.0 {
        None
    } else if small.abs() < 1e-9 {
        Some(x * (1.0 - 0.5 * small))
    } else {
        Some(small.ln_1p() / d)
    }
}

impl Curve {
    /// `level + a exp(-alpha h) + c exp(-beta h)`.
    #[inline(always)]
    pub fn two(level: f64, [a, alpha]: [f64; 2], [c, beta]: [f64; 2]) -> Self {
        // exp(-beta h) = exp(-alpha h) + (alpha - beta) K(h)
        Self {
            level,
            drift: 0.0,
            a: a + c,
            alpha,
            b: c * (alpha - beta),
            beta,
        }
    }

    /// `exp(-alpha h)`, `exp(-beta h)` and `K(h)`.
    pub(crate) fn parts(&self, h: f64) -> [f64; 3] {
        let (e, g) = ((-self.alpha * h).exp(), (-self.beta * h).exp());
        let apart = self.alpha - self.beta;
        let k = if apart == 0.0 {
            h * e
        } else if (apart * h).abs() < 1.0 {
            e * (apart * h).exp_m1() / apart
        } else {
            (g - e) / apart
        };
        [e, g, k]
    }

    /// The gap at `h`.
    ///
    /// ```
    /// use cortado::neuron::Curve;
    /// let c = Curve { level: -1.0, a: 0.5, alpha: 50.0, b: 60.0, beta: 200.0, ..Curve::default() };
    /// let h: f64 = 7e-3;
    /// let k = ((-50.0 * h).exp() - (-200.0 * h).exp()) / 150.0;
    /// assert!((c.at(h) - (-1.0 + 0.5 * (-50.0 * h).exp() + 60.0 * k)).abs() < 1e-15);
    /// ```
    pub fn at(&self, h: f64) -> f64 {
        self.both(h).0
    }

    /// Its derivative at `h`, per second.
    pub fn slope(&self, h: f64) -> f64 {
        self.both(h).1
    }

    /// The gap at `h` and its derivative.
    #[inline]
    pub fn both(&self, h: f64) -> (f64, f64) {
        let [e, g, k] = self.parts(h);
        let gap = self.level + self.drift * h + self.a * e + self.b * k;
        let slope = self.drift - self.alpha * self.a * e + self.b * (g - self.alpha * k);
        (gap, slope)
    }

    /// The same curve, `h` seconds later.
    pub fn later(&self, h: f64) -> Self {
        let [e, g, k] = self.parts(h);
        Self {
            level: self.level + self.drift * h,
            a: self.a * e + self.b * k,
            b: self.b * g,
            ..*self
        }
    }

    /// The only time at which the slope is zero, before or after 0, if there is one.
    pub fn turn(&self) -> Option<f64> {
        if self.b == 0.0 {
            return None;
        }
        if self.alpha == 0.0 {
            // drift + b exp(-beta h) = 0
            let ratio = -self.b / self.drift;
            return (ratio > 0.0 && ratio.is_finite()).then(|| ratio.ln() / self.beta);
        }
        // exp(d h) = (1 + d / alpha) / (1 + a d / b) with d = beta - alpha
        let d = self.beta - self.alpha;
        Some(log_ratio(1.0 / self.alpha, d)? - log_ratio(self.a / self.b, d)?)
    }

    /// The integral of `exp(-gamma h)` times the gap over `0..=until`; `gamma` is not negative.
    ///
    /// ```
    /// use cortado::neuron::Curve;
    /// let c = Curve { a: 2.0, alpha: 40.0, ..Curve::default() };
    /// assert!((c.integral(10.0, 0.1) - 2.0 * (1.0 - (-5f64).exp()) / 50.0).abs() < 1e-16);
    /// ```
    pub fn integral(&self, gamma: f64, until: f64) -> f64 {
        // The integral of exp(-x h), and its derivative by x.
        let f = |x: f64| until * (-x * until).phi1();
        let slope = |x: f64| {
            let u = x * until;
            if u.abs() < 1e-2 {
                -until * until * (0.5 - u / 3.0 + u * u / 8.0 - u * u * u / 30.0)
            } else {
                ((-u).exp() * (1.0 + u) - 1.0) / (x * x)
            }
        };
        let [fast, slow] = [self.alpha + gamma, self.beta + gamma];
        let apart = self.alpha - self.beta;
        let k = if self.b == 0.0 {
            0.0
        } else if (apart * until).abs() < 1e-4 || apart.abs() < 1e-5 * self.alpha {
            -slope(0.5 * (fast + slow))
        } else {
            (f(slow) - f(fast)) / apart
        };
        // The integral of h exp(-gamma h) is the derivative by gamma, but for its sign.
        let drift = if self.drift == 0.0 {
            0.0
        } else {
            -slope(gamma)
        };
        self.level * f(gamma) + self.drift * drift + self.a * f(fast) + self.b * k
    }

    /// The first time in `0..=until` at which the gap reaches 0 from below, or at once if it is positive at 0.
    ///
    /// ```
    /// use cortado::neuron::Curve;
    /// // v' = (2 - v) / tau from 0 reaches 1 after tau ln 2.
    /// let tau = 20e-3;
    /// let c = Curve { level: 1.0, a: -2.0, alpha: 1.0 / tau, ..Curve::default() };
    /// assert!((c.first(1.0).unwrap() - tau * 2f64.ln()).abs() < 1e-17);
    /// assert_eq!(c.first(0.01), None);
    /// ```
    pub fn first(&self, until: f64) -> Option<f64> {
        let start = self.level + self.a;
        let rises = self.drift - self.alpha * self.a + self.b;
        if start > 0.0 || (start == 0.0 && rises > 0.0) {
            return Some(0.0);
        }
        if self.alpha == 0.0 && self.b == 0.0 {
            let h = -start / self.drift;
            return (self.drift > 0.0 && h <= until).then_some(h);
        }
        if self.never() {
            return None;
        }
        match self.turn().filter(|&h| h > 0.0 && h < until) {
            // Up to the turn and down from there, or the other way round.
            Some(h) if rises > 0.0 => self.root(0.0, h),
            Some(h) => self.root(h, until),
            None => self.root(0.0, until),
        }
    }

    /// A time that [`Curve::first`] is not before, on a straight line that is steeper than the curve: cheap, and infinite where
    /// there is certainly no crossing.
    ///
    /// ```
    /// use cortado::neuron::Curve;
    /// let c = Curve { level: 1.0, a: -2.0, alpha: 50.0, ..Curve::default() };
    /// assert!(c.sooner() > 9e-3 && c.sooner() < c.first(1.0).unwrap());
    /// assert_eq!(Curve { level: -0.1, ..c }.sooner(), f64::INFINITY);
    /// ```
    #[inline(always)]
    pub fn sooner(&self) -> f64 {
        let rise = positive(self.drift) + positive(-self.alpha * self.a) + self.b.abs();
        // The gap, and where a root is found, are rounded.
        let scale = self.level.abs() + self.a.abs();
        let below = positive(-(self.level + self.a) - 1e-12 * scale);
        if self.never() {
            f64::INFINITY
        } else {
            0.999 * below / rise
        }
    }

    /// Whether there is certainly no crossing: a current lifts the membrane by no more than its size over the faster rate.
    #[inline(always)]
    pub fn never(&self) -> bool {
        let faster = if self.alpha > self.beta {
            self.alpha
        } else {
            self.beta
        };
        let most = (self.level + positive(self.a)) * faster + positive(self.b);
        self.drift <= 0.0 && most <= 0.0
    }

    /// What it tends to.
    fn limit(&self) -> f64 {
        match (self.alpha == 0.0, self.drift == 0.0) {
            (false, _) => self.level,
            (true, true) => self.level + self.a + self.b / self.beta,
            (true, false) => f64::INFINITY.copysign(self.drift),
        }
    }

    /// The crossing between `low`, where the gap is not positive, and `high`, up to which it rises.
    fn root(&self, low: f64, high: f64) -> Option<f64> {
        let (mut low, mut high) = (low, high);
        if high.is_infinite() {
            if self.limit() <= 0.0 {
                return None;
            }
            let slow = match (self.alpha == 0.0, self.b == 0.0) {
                (true, _) => self.beta,
                (_, true) => self.alpha,
                _ => self.alpha.min(self.beta),
            };
            let mut far = low + 1.0 / slow;
            while self.at(far) <= 0.0 && far.is_finite() {
                far += far - low;
            }
            high = far;
        }
        let top = self.at(high);
        if top <= 0.0 || top.is_nan() {
            return None;
        }
        // A short stretch is nearly straight.
        let bottom = self.at(low);
        let straight = low + (high - low) * (bottom / (bottom - top));
        let guess = self.closed().filter(|h| (low..=high).contains(h));
        let mut h = guess.unwrap_or(straight);
        // What the gap is a sum of is known to so much.
        let rounding = f64::EPSILON * (self.level.abs() + self.a.abs() + self.b.abs() * h);
        for _ in 0..200 {
            let (gap, slope) = self.both(h);
            if gap > 0.0 {
                high = h;
            } else {
                low = h;
            }
            let newton = h - gap / slope;
            let inside = newton >= low && newton <= high;
            let next = if inside { newton } else { 0.5 * (low + high) };
            if (next - h).abs() <= 2.0 * f64::EPSILON * h || gap.abs() <= rounding {
                return Some(next);
            }
            h = next;
        }
        Some(h)
    }

    /// The crossing where one rate is twice the other, the gap then being a square in one exponential (`goeltz2021`); or where
    /// there is one exponential (without a leak `mostafa2018`).
    fn closed(&self) -> Option<f64> {
        if self.alpha == 0.0 {
            // level + a + b (1 - exp(-beta h)) / beta = 0
            let y = (self.level + self.a) * self.beta / self.b;
            return (self.drift == 0.0).then(|| -y.ln_1p() / self.beta);
        }
        if self.b == 0.0 {
            // level + a y = 0
            let y = -self.level / self.a;
            return Some(-y.ln() / self.alpha);
        }
        // level + p y + q y^2 = 0 with y = exp(-rate h)
        let (rate, p, q) = if self.beta == 2.0 * self.alpha {
            let k = self.b / self.alpha;
            (self.alpha, self.a + k, -k)
        } else if self.alpha == 2.0 * self.beta {
            let k = self.b / self.beta;
            (self.beta, k, self.a - k)
        } else {
            return None;
        };
        let root = (p * p - 4.0 * q * self.level).sqrt();
        // Where the gap rises with h it falls with y: p + 2 q y = -root. Of two forms, the one that does not cancel.
        let y = if p > 0.0 {
            -(p + root) / (2.0 * q)
        } else {
            2.0 * self.level / (root - p)
        };
        Some(-y.ln() / rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first crossing on a fine grid, for what `first` must not miss.
    fn scan(c: &Curve, until: f64) -> Option<f64> {
        let n = 20_000;
        let at = |i: usize| until * i as f64 / f64::from(n);
        (1..=n as usize).find(|&i| c.at(at(i)) > 0.0).map(at)
    }

    proptest! {
        #[test]
        fn no_crossing_is_missed_and_none_invented(
            level in -1.0f64..0.5, a in -2.0f64..1.0, b in -400.0f64..400.0,
            tau_mem in 2e-3f64..50e-3, ratio in prop::sample::select(vec![0.5, 1.0, 2.0, 0.999_999_9, 0.25, 3.7]),
            until in prop::sample::select(vec![1e-3, 20e-3, 0.5]),
            drift in prop::sample::select(vec![0.0, 30.0, -30.0]), leaks: bool, level_start: bool,
        ) {
            let (alpha, beta) = (1.0 / tau_mem, ratio / tau_mem);
            let mut c = match leaks {
                true => Curve { level, drift: 0.0, a, alpha, b, beta },
                // Without a leak the membrane may drift under a current.
                false => Curve { level, drift, a: 0.0, alpha: 0.0, b, beta },
            };
            if level_start {
                // At rest under a current that begins to pass a synapse: no slope.
                c.b = c.alpha * c.a - c.drift;
            }
            let Curve { a, alpha, b, .. } = c;
            prop_assume!(c.at(0.0) < -1e-6);
            match (c.first(until), scan(&c, until)) {
                (Some(h), found) => {
                    prop_assert!(h > 0.0 && h <= until);
                    let scale = level.abs() + a.abs() + b.abs() * tau_mem + c.drift.abs() * h;
                    prop_assert!(c.at(h).abs() < 1e-14 * scale, "gap {} at {h}", c.at(h));
                    prop_assert!(c.slope(h) >= -1e-9 * scale / tau_mem);
                    // A grazing peak may lie between two points of the grid.
                    if let Some(found) = found {
                        prop_assert!(h <= found && found - h < until / 10_000.0, "{h} {found}");
                    }
                }
                (None, found) => prop_assert_eq!(found, None),
            }
            // The bound holds, and is of some use.
            let (bound, first) = (c.sooner(), c.first(f64::INFINITY));
            prop_assert!(first.is_none_or(|h| bound <= h), "{} {:?}", bound, first);
            let near = level + a.max(0.0) + b.max(0.0) / alpha.max(c.beta) > 0.0;
            prop_assert!(near || c.drift > 0.0 || bound == f64::INFINITY);
        }

        #[test]
        fn the_integral_is_that_of_the_curve(
            level in -1.0f64..1.0, drift in -3.0f64..3.0, a in -1.0f64..1.0, b in -300.0f64..300.0, alpha in 20.0f64..400.0,
            ratio in prop::sample::select(vec![0.5, 1.0, 1.000_001, 1.01, 3.0]), gamma in prop::sample::select(vec![0.0, 0.3, 30.0]),
            until in 1e-3f64..0.3,
        ) {
            let c = Curve { level, drift, a, alpha, b, beta: alpha * ratio };
            // Simpson's rule.
            let n = 2000;
            let y = |i: i32| { let h = until * f64::from(i) / f64::from(n); c.at(h) * (-gamma * h).exp() };
            let inner: f64 = (1..n).map(|i| y(i) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
            let sum = (y(0) + inner + y(n)) * until / f64::from(3 * n);
            let scale = (level.abs() + drift.abs() + a.abs() + b.abs() / alpha) * until;
            prop_assert!((c.integral(gamma, until) - sum).abs() < 1e-8 * scale, "{} {sum}", c.integral(gamma, until));
        }

        #[test]
        fn slope_and_turn_are_those_of_the_curve(
            a in -1.0f64..1.0, b in -300.0f64..300.0, alpha in 20.0f64..400.0, ratio in 0.2f64..5.0, h in 0.0f64..0.1,
        ) {
            let c = Curve { level: -1.0, drift: 0.0, a, alpha, b, beta: alpha * ratio };
            let e = 1e-6;
            let slope = (c.at(h + e) - c.at(h - e)) / (2.0 * e);
            prop_assert!((c.slope(h) - slope).abs() < 1e-5 * (a.abs() * alpha + b.abs()));
            if let Some(turn) = c.turn().filter(|t| t.abs() < 0.2) {
                prop_assert!(c.slope(turn).abs() < 1e-8 * (a.abs() * alpha + b.abs()) * (-alpha.max(c.beta) * turn.min(0.0)).exp());
            }
        }
    }

    #[test]
    fn waits_for_ever_only_below_threshold() {
        let c = |level| Curve {
            level,
            a: -1.0,
            alpha: 50.0,
            ..Curve::default()
        };
        assert_eq!(c(-1e-9).first(f64::INFINITY), None);
        let h = c(1e-9).first(f64::INFINITY).unwrap();
        assert!((h - 1e9f64.ln() / 50.0).abs() < 1e-8);
        let drift = Curve {
            level: -1.0,
            drift: 4.0,
            ..Curve::default()
        };
        assert_eq!(drift.first(1.0), Some(0.25));
        assert_eq!(drift.first(0.2), None);
    }

    #[test]
    fn a_current_lifts_the_membrane_as_in_closed_form() {
        // tau_mem = 2 tau_syn: v = 2 i (y - y^2) with y = exp(-h / tau_mem) is 1 at y = (1 + sqrt(1 - 2 / i)) / 2.
        let (tau, i) = (10e-3, 2.5f64);
        let alpha = 1.0 / tau;
        let c = Curve {
            level: -1.0,
            b: 2.0 * i * alpha,
            alpha,
            beta: 2.0 * alpha,
            ..Curve::default()
        };
        let y = 0.5 * (1.0 + (1.0 - 2.0 / i).sqrt());
        assert!((c.first(1.0).unwrap() + tau * y.ln()).abs() < 1e-17);
        // Equal rates: v = i alpha h exp(-alpha h), at its peak i / e.
        let c = Curve {
            b: i * alpha,
            beta: alpha,
            ..c
        };
        assert_eq!(c.first(1.0), None);
        let c = Curve {
            b: 3.0 * alpha,
            ..c
        };
        let h = c.first(1.0).unwrap();
        assert!((3.0 * h / tau * (-h / tau).exp() - 1.0).abs() < 1e-15);
        assert!((c.turn().unwrap() - tau).abs() < 1e-17);
    }
}
