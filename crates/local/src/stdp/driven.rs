//! Neurons that Poisson inputs drive through a plastic projection.

use super::plastic::{LANES, Tiles};
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

const AT: &str = "driven neurons";

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
        seen: impl FnMut(f64, bool, usize),
    ) -> Result<Outcome> {
        let mut course = Course::new(self, rule, &weights, seed, ())?;
        course.advance((self.seconds / self.dt).round() as u64, seen);
        Ok(Outcome {
            weights: course.projection.weights(),
            inputs: course.arrived,
            spikes: course.spikes,
        })
    }

    /// Whether sizes and times make sense.
    ///
    /// # Errors
    /// The setting that does not.
    pub(super) fn check(&self) -> Result<()> {
        if self.inputs == 0 || self.neurons == 0 {
            let got = format!("{}, {}", self.inputs, self.neurons);
            return Err(Error::invalid("inputs, neurons", AT, "1 at least", got));
        }
        fits("weights", AT, &[self.inputs, self.neurons.max(LANES)])?;
        within(
            AT,
            &[
                ("rate", self.rate, NOT_NEGATIVE),
                ("seconds", self.seconds, NOT_NEGATIVE),
            ],
        )?;
        check_tau("tau_mem", self.tau_mem)?;
        let wrong = |what, expected: &str, got: f64| Err(Error::invalid(what, AT, expected, got));
        if !(self.dt > 0.0 && self.dt.is_finite()) {
            return wrong("dt", "a number of seconds above 0", self.dt);
        }
        if self.rate * self.dt >= 1.0 {
            return wrong("rate", "less than a spike in each step", self.rate);
        }
        if self.seconds / self.dt >= 1e12 {
            return wrong("seconds", "fewer than 10^12 steps", self.seconds);
        }
        Ok(())
    }
}

/// What a network does besides; by itself nothing, which costs nothing.
pub(super) trait Besides {
    /// A step begins.
    #[inline(always)]
    fn step(&mut self, _step: u64) {}

    /// Whether input `i` fires in this step, where it would alone.
    #[inline(always)]
    fn alone(&mut self, _i: usize) -> bool {
        true
    }

    /// The next input, from `from` on, that fires in this step because others do.
    #[inline(always)]
    fn together(&mut self, _from: usize) -> Option<usize> {
        None
    }

    /// By what the weights of input `i` are multiplied for its spike at `t` seconds.
    #[inline(always)]
    fn release(&mut self, _i: usize, _t: f64) -> f64 {
        1.0
    }

    /// By how much the threshold of neuron `j` is raised in this step.
    #[inline(always)]
    fn theta(&self, _j: usize) -> f64 {
        0.0
    }

    /// Neuron `j` has fired.
    #[inline(always)]
    fn fired(&mut self, _j: usize) {}
}

impl Besides for () {}

/// How far it is from one success to the next among chances of `p` each: the law is geometric.
pub(super) struct Gaps {
    rng: Rng,
    p: f64,
    scale: f64,
}

impl Gaps {
    pub(super) fn new(seed: u64, object: u32, p: f64) -> Self {
        Self {
            rng: Rng::new(seed, object, Purpose::Encode, 0),
            p,
            scale: 1.0 / (-p).ln_1p(),
        }
    }

    /// Failures before the next success.
    pub(super) fn draw(&mut self) -> u64 {
        if self.p > 0.0 {
            ((1.0 - self.rng.uniform()).ln() * self.scale) as u64
        } else {
            u64::MAX / 2
        }
    }
}

/// A run on its way.
pub(super) struct Course<R, B, const P: usize, const Q: usize> {
    k: [f64; 6],
    dt: f64,
    inputs: u64,
    /// The chances of all inputs and steps stand in one row, and this is where the next spike stands.
    next: u64,
    gaps: Gaps,
    v: Vec<f64>,
    arrivals: Tiles,
    /// Steps that are done.
    pub step: u64,
    /// The weights.
    pub projection: Plastic<R, P, Q>,
    /// What is done besides.
    pub besides: B,
    /// Spikes of all inputs.
    pub arrived: u64,
    /// Spikes of each neuron.
    pub spikes: Vec<u64>,
}

impl<R: Rule<P, Q>, B: Besides, const P: usize, const Q: usize> Course<R, B, P, Q> {
    /// A run that has not begun, from weights `[inputs][neurons]`.
    ///
    /// # Errors
    /// As [`Driven::run`].
    pub fn new(model: &Driven, rule: R, weights: &[f64], seed: u64, besides: B) -> Result<Self> {
        rule.check()?;
        model.check()?;
        if weights.len() != model.inputs * model.neurons {
            let expected = (model.inputs * model.neurons).to_string();
            return Err(Error::invalid("weights", AT, expected, weights.len()));
        }
        let params = [model.tau_mem, 1.0, 0.0, 1.0, 0.0, 0.0];
        let projection = Plastic::new(rule, model.neurons, weights);
        let mut gaps = Gaps::new(seed, 0, model.rate * model.dt);
        Ok(Self {
            k: Lif::discretise(&params, &Convention::default(), Reset::Value, model.dt),
            dt: model.dt,
            inputs: model.inputs as u64,
            next: gaps.draw(),
            gaps,
            v: vec![0.0; model.neurons],
            arrivals: projection.arrivals(),
            step: 0,
            projection,
            besides,
            arrived: 0,
            spikes: vec![0; model.neurons],
        })
    }

    /// Goes on until so many steps are done; `seen` as in [`Driven::run`].
    pub fn advance(&mut self, until: u64, mut seen: impl FnMut(f64, bool, usize)) {
        f64::vectorize(
            #[inline(always)]
            || {
                while self.step < until {
                    let t = (self.step + 1) as f64 * self.dt;
                    self.besides.step(self.step);
                    self.arrive(t, &mut seen);
                    self.fire(t, &mut seen);
                    self.step += 1;
                }
            },
        );
    }

    /// The inputs fire.
    #[inline(always)]
    fn arrive(&mut self, t: f64, seen: &mut impl FnMut(f64, bool, usize)) {
        self.arrivals.fill(Default::default());
        while self.next < (self.step + 1) * self.inputs {
            let i = (self.next - self.step * self.inputs) as usize;
            if self.besides.alone(i) {
                self.input(i, t, seen);
            }
            let gap = self.gaps.draw();
            self.next = self.next.saturating_add(gap).saturating_add(1);
        }
        let mut from = 0;
        while let Some(i) = self.besides.together(from) {
            self.input(i, t, seen);
            from = i + 1;
        }
    }

    /// Input `i` fires.
    #[inline(always)]
    fn input(&mut self, i: usize, t: f64, seen: &mut impl FnMut(f64, bool, usize)) {
        let release = self.besides.release(i, t);
        self.projection.pre_times(i, t, release, &mut self.arrivals);
        seen(t, false, i);
        self.arrived += 1;
    }

    /// Membranes take in what has arrived, and neurons above threshold fire.
    #[inline(always)]
    fn fire(&mut self, t: f64, seen: &mut impl FnMut(f64, bool, usize)) {
        let (k, v) = (&self.k, &mut self.v);
        let mut fired = false;
        for (j, (v, &w)) in v.iter_mut().zip(self.arrivals.as_flattened()).enumerate() {
            [*v] = Lif::advance(k, [*v], 0.0, w, 0.0);
            fired |= Lif::gap(k, &[*v]) > self.besides.theta(j);
        }
        if fired {
            for j in 0..v.len() {
                if Lif::gap(k, &[v[j]]) > self.besides.theta(j) {
                    [v[j]] = Lif::reset(k, [v[j]], 1.0);
                    self.projection.post(j, t);
                    self.besides.fired(j);
                    seen(t, true, j);
                    self.spikes[j] += 1;
                }
            }
        }
    }
}
