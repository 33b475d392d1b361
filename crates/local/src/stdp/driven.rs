//! Neurons that Poisson inputs drive through a plastic projection.

use super::rule::check_tau;
use super::{Plastic, Rule};
use crate::range::{NOT_NEGATIVE, fits, within};
use crate::{Error, Result};
use cortado::neuron::{Convention, Lif, Neuron, Reset};
use cortado::num::Float;
use cortado_base::rng::{Purpose, Rng};
use serde::{Deserialize, Serialize};

/// Poisson inputs onto LIF neurons, all to all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Driven {
    /// Number of inputs.
    pub inputs: usize,
    /// Number of neurons.
    pub neurons: usize,
    /// Rate of each input, in Hz.
    pub rate: f64,
    /// Step of the clock, in seconds.
    pub dt: f64,
    /// Seconds that are run.
    pub seconds: f64,
    /// Time constant of the membrane, in seconds; its threshold is 1, its rest and its reset 0.
    pub tau_mem: f64,
}

impl Default for Driven {
    fn default() -> Self {
        Self {
            inputs: 1000,
            neurons: 100,
            rate: 15.0,
            dt: 1e-4,
            seconds: 100.0,
            tau_mem: 20e-3,
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Weights `[inputs][neurons]`.
    pub weights: Vec<f64>,
    /// Spikes of all inputs.
    pub inputs: u64,
    /// Spikes of each neuron.
    pub spikes: Vec<u64>,
}

impl Driven {
    /// Runs under a seed, from weights `[inputs][neurons]`. `seen` is told of each spike: its time, whether it is a neuron's, its number.
    ///
    /// In a step inputs fire first, their weights are added to membranes that have decayed, and neurons above threshold fire.
    ///
    /// # Errors
    /// Weights of another number; a rule or times that make no sense.
    pub fn run<R: Rule<P, Q>, const P: usize, const Q: usize>(
        &self,
        rule: R,
        weights: Vec<f64>,
        seed: u64,
        mut seen: impl FnMut(f64, bool, usize),
    ) -> Result<Outcome> {
        let at = "driven neurons";
        rule.check()?;
        fits("weights", at, &[self.inputs, self.neurons])?;
        within(
            at,
            &[
                ("rate", self.rate, NOT_NEGATIVE),
                ("seconds", self.seconds, NOT_NEGATIVE),
            ],
        )?;
        check_tau("tau_mem", self.tau_mem)?;
        let steps = self.seconds / self.dt;
        let p = self.rate * self.dt;
        let wrong =
            |what, expected: &str, got: String| Err(Error::invalid(what, at, expected, got));
        if weights.len() != self.inputs * self.neurons || weights.is_empty() {
            let expected = format!("{} above 0", self.inputs * self.neurons);
            return wrong("weights", &expected, weights.len().to_string());
        }
        if !(p < 1.0 && self.dt > 0.0 && steps < 1e12) {
            return wrong(
                "times",
                "steps above 0 s, fewer than 10^12, a rate of less than 1 a step",
                format!("{self:?}"),
            );
        }
        let params = [self.tau_mem, 1.0, 0.0, 1.0, 0.0, 0.0];
        let k = Lif::discretise(&params, &Convention::default(), Reset::Value, self.dt);
        let mut projection = Plastic::new(rule, self.neurons, &weights);
        let mut v = vec![0.0; self.neurons];
        let mut arrivals = projection.arrivals();
        let mut out = Outcome {
            weights: Vec::new(),
            inputs: 0,
            spikes: vec![0; self.neurons],
        };
        // The chances of all inputs and steps stand in one row; from a spike to the next the law is geometric.
        let mut rng = Rng::new(seed, 0, Purpose::Encode, 0);
        let scale = 1.0 / (-p).ln_1p();
        let mut gap = || {
            if p > 0.0 {
                ((1.0 - rng.uniform()).ln() * scale) as u64
            } else {
                u64::MAX / 2
            }
        };
        let (inputs, mut next) = (self.inputs as u64, gap());
        f64::vectorize(
            #[inline(always)]
            || {
                for step in 0..steps.round() as u64 {
                    let t = (step + 1) as f64 * self.dt;
                    arrivals.fill(Default::default());
                    while next < (step + 1) * inputs {
                        let i = (next - step * inputs) as usize;
                        projection.pre(i, t, &mut arrivals);
                        seen(t, false, i);
                        out.inputs += 1;
                        next = next.saturating_add(gap()).saturating_add(1);
                    }
                    let mut fired = false;
                    for (v, &w) in v.iter_mut().zip(arrivals.as_flattened()) {
                        [*v] = Lif::advance(&k, [*v], 0.0, w, 0.0);
                        fired |= Lif::gap(&k, &[*v]) > 0.0;
                    }
                    if fired {
                        for j in 0..v.len() {
                            if Lif::gap(&k, &[v[j]]) > 0.0 {
                                [v[j]] = Lif::reset(&k, [v[j]], 1.0);
                                projection.post(j, t);
                                seen(t, true, j);
                                out.spikes[j] += 1;
                            }
                        }
                    }
                }
            },
        );
        out.weights = projection.weights();
        Ok(out)
    }
}
