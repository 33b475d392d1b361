//! Inputs that compete for neurons, by any rule of spike timing.

use super::additions::Additions;
use super::driven::Course;
use super::rule::check_tau;
use super::{AdaptiveThreshold, Driven, Pair, Rule, ShortTerm, Triplet, Weight};
use crate::range::{ANY, NOT_NEGATIVE, SHARE, within};
use crate::{Data, Error, Experiment, Log, Outcome, Result, Tensor};
use cortado_base::rng::{Purpose, Rng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Poisson inputs that compete for LIF neurons, as in `song2000`: [`Driven`], and what may be added to it.
///
/// Weights start anywhere between their bounds. Neurons do not see each other; each takes in all inputs. Under an additive rule
/// weights end up at either bound, under a multiplicative one they stay together (`vanrossum2000`), and inputs that fire together win.
///
/// # Units
/// Weights in units of the threshold; the metrics give them as shares of their range. Times in seconds.
///
/// # References
/// `song2000`, `vanrossum2000`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Competition {
    /// Inputs and neurons, and how long they are run.
    pub network: Driven,
    /// Seconds from one line of the metrics to the next.
    pub report: f64,
    /// How weights change.
    pub synapse: AnyRule,
    /// Inputs that fire together.
    pub correlated: Correlated,
    /// How inputs tire and warm up, if they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short_term: Option<ShortTerm>,
    /// How thresholds follow activity, in units of the threshold, if they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theta: Option<AdaptiveThreshold>,
    /// How weights into a neuron keep their sum, if they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
}

/// A rule that a recipe can name.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum AnyRule {
    /// Pairs of spikes.
    Pair(Pair),
    /// Triplets of spikes.
    Triplet(Triplet),
}

/// Inputs that fire together, the first ones, each as often as any other (`guetig2003`).
///
/// A reference that nobody hears fires at their rate too. Where it does, each of them does by the chance `p + sqrt(c) (1 - p)`, else by
/// `p (1 - sqrt(c))`, of the chance `p` of a spike in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Correlated {
    /// Number of these inputs.
    pub inputs: usize,
    /// Correlation `c` of the spikes of two of them within a step, 0 to 1.
    pub correlation: f64,
}

/// Synaptic scaling: [`scale_within`](super::scale_within).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// What the weights into a neuron sum to.
    pub sum: f64,
    /// Seconds from one time to the next.
    pub every: f64,
}

impl Default for Competition {
    fn default() -> Self {
        let max = 0.01;
        let weight = Weight {
            max,
            ..Weight::default()
        };
        Self {
            network: Driven::default(),
            report: 10.0,
            synapse: AnyRule::Pair(Pair {
                weight,
                ..Pair::default().times(max)
            }),
            correlated: Correlated::default(),
            short_term: None,
            theta: None,
            scaling: None,
        }
    }
}

const AT: &str = "learn";

/// A run in steps.
struct Plan {
    steps: u64,
    report: u64,
    /// Between two scalings; beyond the end if there are none.
    scale: u64,
}

impl Competition {
    /// The run in steps, if settings make sense.
    fn plan(&self, weight: &Weight) -> Result<Plan> {
        let Driven { inputs, dt, .. } = self.network;
        self.network.check()?;
        let Correlated {
            inputs: together,
            correlation,
        } = self.correlated;
        if together > inputs {
            let expected = format!("at most the {inputs} inputs");
            return Err(Error::invalid("correlated.inputs", AT, expected, together));
        }
        within(
            AT,
            &[
                ("synapse.weight.min", weight.min, ANY),
                ("synapse.weight.max", weight.max, ANY),
                ("correlated.correlation", correlation, SHARE),
            ],
        )?;
        if let Some(rule) = self.short_term {
            rule.check()?;
        }
        if let Some(AdaptiveThreshold { start, plus, tau }) = self.theta {
            within(
                AT,
                &[
                    ("theta.start", start, NOT_NEGATIVE),
                    ("theta.plus", plus, NOT_NEGATIVE),
                ],
            )?;
            check_tau("theta.tau", tau)?;
        }
        if let Some(Scaling { sum, .. }) = self.scaling {
            if weight.min != 0.0 {
                let what = "synapse.weight.min";
                return Err(Error::invalid(
                    what,
                    AT,
                    "0 where weights are scaled",
                    weight.min,
                ));
            }
            let most = weight.max * inputs as f64;
            within(AT, &[("scaling.sum", sum, 0.0..=most)])?;
        }
        let whole = |what, seconds: f64| {
            let steps = seconds / dt;
            if (1.0..1e12).contains(&steps) && (steps - steps.round()).abs() <= 1e-6 {
                return Ok(steps.round() as u64);
            }
            let expected = format!("a whole number of steps of {dt} s, 1 to 10^12");
            Err(Error::invalid(what, AT, expected, format!("{seconds:?}")))
        };
        Ok(Plan {
            steps: whole("network.seconds", self.network.seconds)?,
            report: whole("report", self.report)?,
            scale: match self.scaling {
                Some(s) => whole("scaling.every", s.every)?,
                None => u64::MAX,
            },
        })
    }

    /// Runs it by a rule whose weights have these bounds.
    fn compete<R: Rule<P, Q>, const P: usize, const Q: usize>(
        &self,
        rule: R,
        weight: Weight,
        seed: u64,
        log: Log<'_>,
    ) -> Result<Outcome> {
        rule.check()?;
        let plan = self.plan(&weight)?;
        let Driven {
            inputs, neurons, ..
        } = self.network;
        let mut rng = Rng::new(seed, 0, Purpose::Weights, 0);
        let start = |_| weight.min + (weight.max - weight.min) * rng.uniform();
        let weights: Vec<f64> = (0..inputs * neurons).map(start).collect();
        let more = Additions::new(self, seed);
        let mut course = Course::new(&self.network, rule, &weights, seed, more)?;
        let (mut line, mut told) = (json!({}), [0, 0]);
        while course.step < plan.steps {
            let after = |every: u64| {
                (course.step / every)
                    .saturating_add(1)
                    .saturating_mul(every)
            };
            let stop = after(plan.report).min(after(plan.scale)).min(plan.steps);
            course.advance(stop, |_, _, _| ());
            if let Some(Scaling { sum, .. }) = self.scaling
                && stop % plan.scale == 0
            {
                (0..neurons).for_each(|j| course.projection.scale(j, sum, weight.max));
            }
            if stop % plan.report == 0 || stop == plan.steps {
                let now = [stop, course.spikes.iter().sum()];
                line = self.line(now, told, &course.projection.weights(), &weight);
                if self.theta.is_some() {
                    line["theta"] = json!(mean(&course.besides.theta));
                }
                told = now;
                log(line.clone())?;
            }
        }
        let values = |x: &[f64]| x.iter().map(|&x| x as f32).collect();
        let weights = course.projection.weights();
        let mut learned = vec![Tensor::new("weights", &[inputs, neurons], values(&weights))];
        if self.theta.is_some() {
            learned.push(Tensor::new(
                "theta",
                &[neurons],
                values(&course.besides.theta),
            ));
        }
        Ok(Outcome { line, learned })
    }

    /// A line of the metrics, after so many steps and spikes of neurons; those at the last line.
    fn line(&self, now: [u64; 2], told: [u64; 2], weights: &[f64], weight: &Weight) -> Value {
        let Driven { neurons, dt, .. } = self.network;
        let [steps, spikes] = [0, 1].map(|i| (now[i] - told[i]) as f64);
        let range = weight.max - weight.min;
        let shares: Vec<f64> = weights.iter().map(|w| (w - weight.min) / range).collect();
        let share = |of: fn(&f64) -> bool| {
            shares.iter().filter(|w| of(w)).count() as f64 / shares.len() as f64
        };
        let [low, high] = [share(|&w| w < 0.1), share(|&w| w > 0.9)];
        let mut line = json!({
            "second": now[0] as f64 * dt,
            "rate_hz": spikes / (steps * dt) / neurons as f64,
            "mean_weight": mean(&shares),
            "lowest_tenth": low,
            "highest_tenth": high,
            "metric_name": "at_either_end",
            "metric": low + high,
        });
        let (first, others) = shares.split_at(self.correlated.inputs * neurons);
        if !first.is_empty() && !others.is_empty() {
            let [first, others] = [mean(first), mean(others)];
            line["correlated_weight"] = json!(first);
            line["other_weight"] = json!(others);
            line["metric_name"] = json!("correlated_minus_others");
            line["metric"] = json!(first - others);
        }
        line
    }
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

impl Experiment for Competition {
    fn wants_data(&self) -> bool {
        false
    }

    fn run(&self, seed: u64, _: Option<&Data<'_>>, log: Log<'_>) -> Result<Outcome> {
        match self.synapse {
            AnyRule::Pair(rule) => self.compete(rule, rule.weight, seed, log),
            AnyRule::Triplet(rule) => self.compete(rule, rule.weight, seed, log),
        }
    }
}
