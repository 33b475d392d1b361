//! What a recipe may add to [`Driven`]: inputs that fire together, synapses that tire, thresholds that rise.

use super::driven::{Besides, Gaps};
use super::{AdaptiveThreshold, Competition, Driven, Resources, ShortTerm};
use cortado_base::rng::{Purpose, Rng};

/// What a recipe may add to [`Driven`].
pub(super) struct Additions {
    /// The first inputs fire together.
    inputs: usize,
    /// The reference, step by step, and where it fires next.
    reference: Gaps,
    next: u64,
    /// Whether it fires in this step.
    now: bool,
    /// Where it does, which of the inputs do.
    with: Gaps,
    /// Where it does not, the share of their spikes that is left.
    left: f64,
    rng: Rng,
    short_term: Option<ShortTerm>,
    resources: Vec<Resources>,
    rise: Option<AdaptiveThreshold>,
    /// What is left of `theta` after a step.
    fade: f64,
    /// By how much each threshold is raised.
    pub theta: Vec<f64>,
}

impl Additions {
    pub fn new(spec: &Competition, seed: u64) -> Self {
        let Driven { rate, dt, .. } = spec.network;
        let p = rate * dt;
        let root = spec.correlated.correlation.sqrt();
        let mut reference = Gaps::new(seed, 1, p);
        Self {
            inputs: spec.correlated.inputs,
            next: reference.draw(),
            reference,
            now: false,
            with: Gaps::new(seed, 2, p + root * (1.0 - p)),
            left: 1.0 - root,
            rng: Rng::new(seed, 3, Purpose::Encode, 0),
            short_term: spec.short_term,
            resources: vec![Resources::default(); spec.network.inputs],
            rise: spec.theta,
            fade: spec.theta.map_or(1.0, |t| t.after(1.0, dt)),
            theta: vec![spec.theta.map_or(0.0, |t| t.start); spec.network.neurons],
        }
    }
}

impl Besides for Additions {
    #[inline(always)]
    fn step(&mut self, step: u64) {
        if self.inputs > 0 {
            self.now = step == self.next;
            if self.now {
                self.next = step.saturating_add(self.reference.draw()).saturating_add(1);
            }
        }
        if self.rise.is_some() {
            self.theta.iter_mut().for_each(|t| *t *= self.fade);
        }
    }

    #[inline(always)]
    fn alone(&mut self, i: usize) -> bool {
        i >= self.inputs || !self.now && self.rng.uniform() < self.left
    }

    #[inline(always)]
    fn together(&mut self, from: usize) -> Option<usize> {
        if !self.now {
            return None;
        }
        let i = from.saturating_add(self.with.draw() as usize);
        (i < self.inputs).then_some(i)
    }

    #[inline(always)]
    fn release(&mut self, i: usize, t: f64) -> f64 {
        match self.short_term {
            Some(rule) => rule.spike(&mut self.resources[i], t),
            None => 1.0,
        }
    }

    #[inline(always)]
    fn theta(&self, j: usize) -> f64 {
        self.theta[j]
    }

    #[inline(always)]
    fn fired(&mut self, j: usize) {
        if let Some(rule) = self.rise {
            self.theta[j] = rule.fired(self.theta[j]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stdp::driven::Course;
    use crate::stdp::{Correlated, Pair};

    /// Of steps in which an input fires, and in which two do: `p` each, `p^2 + c p (1 - p)` for two of the group, else `p^2`.
    #[test]
    fn inputs_of_a_group_fire_as_often_as_others_and_together() {
        let (n, group, c) = (6, 4, 0.3);
        let spec = Competition {
            network: Driven {
                inputs: n,
                neurons: 1,
                rate: 200.0,
                dt: 1e-3,
                seconds: 200.0,
                ..Driven::default()
            },
            correlated: Correlated {
                inputs: group,
                correlation: c,
            },
            ..Competition::default()
        };
        let (steps, p) = (200_000, 0.2);
        let rule = Pair::default();
        let weights = vec![0.0; n];
        let more = Additions::new(&spec, 5);
        let mut course = Course::new(&spec.network, rule, &weights, 5, more).unwrap();
        let mut pairs = vec![vec![0.0; n]; n];
        for step in 0..steps {
            let mut fired = vec![false; n];
            course.advance(step + 1, |_, neuron, i| {
                assert!(!neuron && !std::mem::replace(&mut fired[i], true));
            });
            for i in (0..n).filter(|&i| fired[i]) {
                (0..n)
                    .filter(|&j| fired[j])
                    .for_each(|j| pairs[i][j] += 1.0);
            }
        }
        for i in 0..n {
            for j in 0..n {
                let expected = match (i == j, i < group && j < group) {
                    (true, _) => p,
                    (_, true) => p * p + c * p * (1.0 - p),
                    _ => p * p,
                };
                let share = pairs[i][j] / steps as f64;
                let sigma = (expected * (1.0 - expected) / steps as f64).sqrt();
                assert!(
                    (share - expected).abs() < 5.0 * sigma,
                    "{i} {j}: {share} {expected}"
                );
            }
        }
    }
}
