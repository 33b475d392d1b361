//! One synapse between two neurons, with and without a clock.

use super::{Coincident, Rule, Timing};
use crate::{Error, Result};

/// Spikes that reach the synapse nearer to each other than this, in seconds, come at the same moment.
pub(super) const MOMENT: f64 = 1e-9;

/// A synapse without a clock: traces decay from spike to spike by exact exponentials.
///
/// ```
/// use cortado_local::stdp::{Pair, Synapse};
/// let mut s = Synapse::new(Pair::default(), 0.5);
/// s.at(0.0, true, false, Default::default());
/// s.at(20e-3, false, true, Default::default());
/// assert!((s.weight - 0.5 - 0.01 * (-1f64).exp()).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Synapse<R, const P: usize, const Q: usize> {
    /// The weight.
    pub weight: f64,
    rule: R,
    now: f64,
    x: [f64; P],
    y: [f64; Q],
}

impl<R: Rule<P, Q>, const P: usize, const Q: usize> Synapse<R, P, Q> {
    /// A synapse that has seen no spike.
    pub fn new(rule: R, weight: f64) -> Self {
        Self {
            weight,
            rule,
            now: 0.0,
            x: [0.0; P],
            y: [0.0; Q],
        }
    }

    /// A spike of the presynaptic neuron, of the postsynaptic one, or of both, reaches the synapse at `t` seconds, which go up.
    pub fn at(&mut self, t: f64, pre: bool, post: bool, coincident: Coincident) {
        // A first spike may come before 0: nothing is there that fades.
        let h = (t - self.now).max(0.0);
        fade(
            &mut self.x,
            &self.rule.tau_pre().map(|tau| (-h / tau).exp()),
        );
        fade(
            &mut self.y,
            &self.rule.tau_post().map(|tau| (-h / tau).exp()),
        );
        self.now = t;
        meet(
            &self.rule,
            &mut self.weight,
            &mut self.x,
            &mut self.y,
            [pre, post],
            coincident,
        );
    }

    /// The weight after two trains of spikes, in seconds.
    ///
    /// # Errors
    /// A rule that makes no sense; times that do not go up; a delay below 0.
    pub fn run(rule: R, timing: Timing, weight: f64, pre: &[f64], post: &[f64]) -> Result<f64> {
        rule.check()?;
        for (name, delay, times) in [
            ("pre", timing.axonal, pre),
            ("post", timing.dendritic, post),
        ] {
            if !times.windows(2).all(|t| t[0] < t[1]) || !times.iter().all(|t| t.is_finite()) {
                return Err(Error::invalid("spikes", name, "times that go up", "others"));
            }
            if !(delay >= 0.0 && delay.is_finite()) {
                return Err(Error::invalid("delay", name, "0 seconds or more", delay));
            }
        }
        let mut s = Self::new(rule, weight);
        let (mut i, mut j) = (0, 0);
        while i < pre.len() || j < post.len() {
            let a = pre.get(i).map_or(f64::INFINITY, |t| t + timing.axonal);
            let b = post.get(j).map_or(f64::INFINITY, |t| t + timing.dendritic);
            let (first, second) = (a <= b + MOMENT, b <= a + MOMENT);
            s.at(a.min(b), first, second, timing.coincident);
            i += usize::from(first);
            j += usize::from(second);
        }
        Ok(s.weight)
    }
}

/// A synapse on a clock: traces decay at each step.
///
/// Equal to [`Synapse`] where spikes lie on steps; else off by what it is to see a spike at the end of its step, of order 1 in it.
///
/// ```
/// use cortado_local::stdp::{Clocked, Pair};
/// let mut s = Clocked::new(Pair::default(), 0.5, 20e-3);
/// s.step(true, false, Default::default());
/// s.step(false, true, Default::default());
/// assert!((s.weight - 0.5 - 0.01 * (-1f64).exp()).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Clocked<R, const P: usize, const Q: usize> {
    /// The weight.
    pub weight: f64,
    rule: R,
    decay_x: [f64; P],
    decay_y: [f64; Q],
    x: [f64; P],
    y: [f64; Q],
}

impl<R: Rule<P, Q>, const P: usize, const Q: usize> Clocked<R, P, Q> {
    /// A synapse that has seen no spike, on a clock with steps of `dt` seconds.
    pub fn new(rule: R, weight: f64, dt: f64) -> Self {
        Self {
            weight,
            rule,
            decay_x: rule.tau_pre().map(|tau| (-dt / tau).exp()),
            decay_y: rule.tau_post().map(|tau| (-dt / tau).exp()),
            x: [0.0; P],
            y: [0.0; Q],
        }
    }

    /// A step, at the end of which spikes reach the synapse.
    pub fn step(&mut self, pre: bool, post: bool, coincident: Coincident) {
        fade(&mut self.x, &self.decay_x);
        fade(&mut self.y, &self.decay_y);
        meet(
            &self.rule,
            &mut self.weight,
            &mut self.x,
            &mut self.y,
            [pre, post],
            coincident,
        );
    }
}

fn fade<const N: usize>(traces: &mut [f64; N], decay: &[f64; N]) {
    traces.iter_mut().zip(decay).for_each(|(x, d)| *x *= d);
}

/// Spikes reach the synapse, whose traces are those of this moment.
fn meet<R: Rule<P, Q>, const P: usize, const Q: usize>(
    rule: &R,
    w: &mut f64,
    x: &mut [f64; P],
    y: &mut [f64; Q],
    [pre, post]: [bool; 2],
    coincident: Coincident,
) {
    let (x0, y0) = (*x, *y);
    if pre {
        *x = x.map(|x| rule.pairing().mark(x));
    }
    if post {
        *y = y.map(|y| rule.pairing().mark(y));
    }
    match (pre, post, coincident) {
        (false, false, _) => {}
        (true, false, _) => *w = rule.pre(*w, &x0, &y0),
        (false, true, _) => *w = rule.post(*w, &x0, &y0),
        (true, true, Coincident::Apart) => *w = rule.pre(rule.post(*w, &x0, &y0), &x0, &y0),
        (true, true, Coincident::PreFirst) => *w = rule.post(rule.pre(*w, &x0, &y0), x, &y0),
        (true, true, Coincident::PostFirst) => *w = rule.pre(rule.post(*w, &x0, &y0), &x0, y),
    }
}
