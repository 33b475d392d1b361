//! Synapses with eligibility traces under one reward.

use super::Baseline;
use crate::range::{ANY, NOT_NEGATIVE, within};
use crate::{Error, Result};
use cortado::num::Float;
use serde::{Deserialize, Serialize};

/// How a synapse remembers, and what a reward does to it.
///
/// # Equations
/// Traces `x` of an input and `y` of a neuron are set to 1 by a spike and fall with `tau`; `e` is the eligibility, `m` the reward
/// that is about. In a step, in this order:
/// ```text
/// neuron fires     e += a_plus x        x as it was before the inputs of this step
/// input fires      e -= a_minus y
/// every n steps    w <- clip(w + (tonic + m) e, low, high), then e decays with tau_e
/// reward           m += M, falls with tau_m; with tau_m = 0 at once: w <- clip(w + M e)
/// ```
/// `M` is the reward, or its distance from what was expected if there is a [`Baseline`].
///
/// # Units
/// Times in seconds; `e` and `w` in that of the weight.
///
/// # References
/// `izhikevich2007`, `fremaux2016`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Step of the clock.
    pub dt: f64,
    /// Eligibility of an input that comes just before a spike.
    pub a_plus: f64,
    /// Eligibility lost by an input that comes just after it.
    pub a_minus: f64,
    /// Time constant of the traces of spikes.
    pub tau: f64,
    /// Delay of the synapses: 0, or a step. An input counts from its arrival on.
    pub delay: f64,
    /// Time constant of the eligibility.
    pub tau_e: f64,
    /// Time constant of the reward; 0 if it acts at once.
    pub tau_m: f64,
    /// Reward that is always there.
    pub tonic: f64,
    /// Steps between two changes of weights.
    pub every: u32,
    /// Lowest weight.
    pub low: f64,
    /// Highest weight.
    pub high: f64,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            dt: 1e-3,
            a_plus: 0.1,
            a_minus: 0.15,
            tau: 20e-3,
            delay: 1e-3,
            tau_e: 1.0,
            tau_m: 0.2,
            tonic: 0.002,
            every: 10,
            low: 0.0,
            high: 4.0,
        }
    }
}

/// The longest delay in time constants of the traces: `exp` of it is a number in 32 bits.
const LONGEST: f64 = 80.0;

impl Rule {
    fn check(&self) -> Result<()> {
        let positive = [
            ("dt", self.dt),
            ("tau", self.tau),
            ("tau_e", self.tau_e),
            ("every", f64::from(self.every)),
        ];
        let wrong =
            |name: &str, expected: &str, got: f64| Err(Error::invalid("rule", name, expected, got));
        if let Some(&(name, x)) = positive.iter().find(|(_, x)| !(x.is_finite() && *x > 0.0)) {
            return wrong(name, "a positive number", x);
        }
        if self.delay != 0.0 && self.delay != self.dt {
            return wrong("delay", "0 or dt", self.delay);
        }
        if self.delay / self.tau > LONGEST {
            return wrong("tau", "an 80th of the delay at least", self.tau);
        }
        within(
            "rule",
            &[
                ("a_plus", self.a_plus, ANY),
                ("a_minus", self.a_minus, ANY),
                ("tau_m", self.tau_m, NOT_NEGATIVE),
                ("tonic", self.tonic, ANY),
                ("low", self.low, ANY),
                ("high", self.high, ANY),
                ("high - low", self.high - self.low, NOT_NEGATIVE),
            ],
        )
    }
}

/// Synapses from inputs to neurons, with their eligibility.
///
/// ```
/// use cortado_local::reward::{Rule, Synapses};
/// let rule = Rule { tau_m: 0.0, tonic: 0.0, delay: 0.0, ..Rule::default() };
/// let mut s = Synapses::<f64>::new(&rule, [1, 1], &[(0, 0, 1.0)])?;
/// s.step(&[0], &[]);
/// s.step(&[], &[0]);
/// s.reward(2.0);
/// assert!((s.weights()[0] - (1.0 + 2.0 * 0.1 * (-1.0f64 / 20.0).exp())).abs() < 1e-12);
/// # Ok::<(), cortado_local::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Synapses<F = f32> {
    rule: Rule,
    baseline: Option<Baseline>,
    w: Vec<F>,
    e: Vec<F>,
    /// Input and neuron of each synapse, which stand by inputs.
    ends: Vec<[u32; 2]>,
    /// Where the synapses of each input start.
    out: Vec<usize>,
    /// The synapses of each neuron.
    into: Vec<Vec<u32>>,
    x: Vec<F>,
    y: Vec<F>,
    m: F,
    age: u32,
    keep: Keep<F>,
}

/// What is left of a trace, a reward after a step, of an eligibility after `every`; the trace of an input as it fires.
#[derive(Clone, Copy, Debug)]
struct Keep<F> {
    trace: F,
    reward: F,
    eligibility: F,
    fresh: F,
}

impl<F: Float> Synapses<F> {
    /// Synapses `(input, neuron, weight)` between so many inputs and neurons, in the order of their inputs.
    ///
    /// # Errors
    /// A rule whose numbers make no sense; ends that are not there; synapses out of order.
    pub fn new(
        rule: &Rule,
        [inputs, neurons]: [usize; 2],
        list: &[(u32, u32, f64)],
    ) -> Result<Self> {
        rule.check()?;
        let mut out = vec![0; inputs + 1];
        let mut into = vec![Vec::new(); neurons];
        let mut last = 0;
        for (n, &(i, j, w)) in list.iter().enumerate() {
            let at = || format!("synapse {n}");
            if i as usize >= inputs || j as usize >= neurons || i < last {
                let expected = format!("ends below {inputs} and {neurons}, by inputs");
                return Err(Error::invalid("ends", at(), expected, format!("{i}, {j}")));
            }
            if !(rule.low..=rule.high).contains(&w) {
                let expected = format!("{} to {}", rule.low, rule.high);
                return Err(Error::invalid("weight", at(), expected, w));
            }
            last = i;
            out[i as usize + 1] = n + 1;
            into[j as usize].push(n as u32);
        }
        for i in 0..inputs {
            out[i + 1] = out[i + 1].max(out[i]);
        }
        let fall = |time: f64, tau: f64| F::of((-time / tau).exp());
        Ok(Self {
            keep: Keep {
                trace: fall(rule.dt, rule.tau),
                reward: fall(rule.dt, rule.tau_m.max(1e-300)),
                eligibility: fall(f64::from(rule.every) * rule.dt, rule.tau_e),
                fresh: fall(-rule.delay, rule.tau),
            },
            rule: rule.clone(),
            baseline: None,
            w: list.iter().map(|s| F::of(s.2)).collect(),
            e: vec![F::ZERO; list.len()],
            ends: list.iter().map(|s| [s.0, s.1]).collect(),
            out,
            into,
            x: vec![F::ZERO; inputs],
            y: vec![F::ZERO; neurons],
            m: F::ZERO,
            age: 0,
        })
    }

    /// The same under a reward measured from what is expected.
    pub fn with_baseline(mut self, baseline: Baseline) -> Self {
        self.baseline = Some(baseline);
        self
    }

    /// Weight of each synapse.
    pub fn weights(&self) -> &[F] {
        &self.w
    }

    /// Eligibility of each synapse.
    pub fn eligibility(&self) -> &[F] {
        &self.e
    }

    /// Neuron and weight of each synapse of an input; none if there is no such input.
    pub fn from_input(&self, i: usize) -> impl Iterator<Item = (usize, F)> + '_ {
        let range = match (self.out.get(i), self.out.get(i + 1)) {
            (Some(&a), Some(&b)) => a..b,
            _ => 0..0,
        };
        range.map(|s| (self.ends[s][1] as usize, self.w[s]))
    }

    /// A step of the clock in which these inputs and these neurons fired; those that are not there count for nothing.
    pub fn step(&mut self, inputs: &[u32], neurons: &[u32]) {
        let (plus, minus) = (F::of(self.rule.a_plus), F::of(self.rule.a_minus));
        for &j in neurons {
            let Some(y) = self.y.get_mut(j as usize) else {
                continue;
            };
            *y = F::ONE;
            for &s in &self.into[j as usize] {
                self.e[s as usize] += plus * self.x[self.ends[s as usize][0] as usize];
            }
        }
        for &i in inputs {
            let Some(x) = self.x.get_mut(i as usize) else {
                continue;
            };
            *x = self.keep.fresh;
            for s in self.out[i as usize]..self.out[i as usize + 1] {
                self.e[s] += -(minus * self.y[self.ends[s][1] as usize]);
            }
        }
        let keep = self.keep.trace;
        self.x.iter_mut().for_each(|x| *x = *x * keep);
        self.y.iter_mut().for_each(|y| *y = *y * keep);
        self.m = self.m * self.keep.reward;
        self.age += 1;
        if self.age == self.rule.every {
            self.age = 0;
            self.learn(F::of(self.rule.tonic) + self.m, self.keep.eligibility);
        }
    }

    /// A reward after the last step; what it is worth: itself, or its distance from what was expected.
    pub fn reward(&mut self, reward: f64) -> f64 {
        let worth = self.baseline.as_mut().map_or(reward, |b| b.error(reward));
        if self.rule.tau_m == 0.0 {
            self.learn(F::of(worth), F::ONE);
        } else {
            self.m += F::of(worth);
        }
        worth
    }

    /// Forgets spikes, eligibility and the reward that is about; weights and what is expected stay.
    pub fn rest(&mut self) {
        for trace in [&mut self.x, &mut self.y, &mut self.e] {
            trace.fill(F::ZERO);
        }
        self.m = F::ZERO;
        self.age = 0;
    }

    /// Weights change by `m e`; of the eligibility the share `keep` is left.
    fn learn(&mut self, m: F, keep: F) {
        let (low, high) = (F::of(self.rule.low), F::of(self.rule.high));
        let (w, e) = (&mut self.w, &mut self.e);
        F::vectorize(
            #[inline(always)]
            || {
                for (w, e) in w.iter_mut().zip(e) {
                    let new = *w + m * *e;
                    let new = F::select(new < low, low, new);
                    *w = F::select(high < new, high, new);
                    *e = *e * keep;
                }
            },
        );
    }
}
