//! Learning online: e-prop (`bellec2020`) and online training through time (`xiao2022`).
//!
//! Each weight carries an eligibility trace forward, the derivative of its neuron's spike through that neuron alone; the gradient is
//! the sum over the steps of a learning signal times the trace. Nothing goes back in time, and memory does not grow with the length of
//! a sample.
//!
//! # Equations
//! With the state `s` of neuron `j`, what arrives `x = sum_i W_ji z_i`, the gap `g` and the surrogate `sigma'`:
//!
//! ```text
//! eps_ji <- ds/ds eps_ji + ds/dx z_i       the membrane's reset a constant
//! e_ji    = sigma' dg/ds eps_ji
//! dE/dW   = sum_t L_j f(e_ji)
//! ```
//!
//! `bellec2020`: `L_j = sum_k B_jk err_k` with the errors of the readout, and `f` is the readout's own leak. `xiao2022`: `L_j` is the
//! error that reaches the spike in the same step through the layers behind it, and `f` is nothing.
//!
//! The Jacobians are those of the model at dual numbers, as in [`super::gradients`]. Where a neuron's does not depend on what it does, `eps`
//! is the same for all neurons, and is kept once for each `i`.
//!
//! # Deviations
//! [`Feedback::Adaptive`] keeps the difference of feedback and weights instead of the feedback.

mod plan;
mod sample;
mod trace;

use super::online::{self, Cells, Group, refuse};
use super::{BatchReport, Objective, Targets};
use crate::kernel::padded;
use crate::network::{Network, Op};
use crate::neuron::Lanes;
use crate::num::Aligned;
use crate::rng::{Purpose, Rng};
use crate::sim::Pass;
use crate::sim::clock::Input;
use crate::{Error, Result};
use plan::Plan;
use sample::{Job, Sample};
use serde::{Deserialize, Serialize};

/// The options of e-prop.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How errors of the readout reach neurons.
    pub feedback: Feedback,
    /// Under [`Feedback::Adaptive`]: the share of the difference between feedback and weights that is lost in a step of the optimiser.
    pub decay: f64,
    /// Whether a neuron may have weights onto itself: else these are 0.
    pub autapses: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            feedback: Feedback::default(),
            decay: 1e-2,
            autapses: true,
        }
    }
}

/// The matrix `B` through which errors of the readout reach the neurons before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feedback {
    /// The weights to the readout.
    #[default]
    Symmetric,
    /// Fixed, drawn from the normal law of standard deviation `1 / sqrt(n)` for a population of `n` under the seed of the network.
    Random,
    /// `W + (1 - decay)^k R` after `k` steps of the optimiser, with `R` as of `Random`: what becomes of feedback that gets the updates of the
    /// weights `W`, and decays with them.
    Adaptive,
}

/// How learning signals are made.
#[derive(Clone, Copy, Debug)]
pub enum Rule<'a> {
    /// e-prop, after so many steps of the optimiser.
    Eprop(&'a Options, u64),
    /// Online training through time.
    Ottt,
}

/// How learning signals are made, with what that takes.
enum Means<'a, R> {
    /// By the weights to the readout, by matrices `[outputs][padded neurons]` for each population, times a number, or by both.
    Broadcast {
        weights: bool,
        random: &'a [Aligned<R>],
        share: f64,
    },
    /// Layer by layer within a step.
    Layers,
}

/// Memory that one step of training hands to the next, and the gradients.
#[derive(Debug, Default)]
pub struct Workspace<R> {
    groups: Vec<Group<R, Sample<R>>>,
    /// By population.
    random: Vec<Aligned<R>>,
}

impl<R: Lanes> Workspace<R> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            groups: Vec::new(),
            random: Vec::new(),
        }
    }

    /// The gradients of the last batch, in the order of [`Network::params`] and standing as they do.
    pub fn gradients(&self) -> &[Aligned<R>] {
        self.groups.first().map_or(&[], |g| &g.totals.gradients[..])
    }

    /// Loss and gradients of a batch.
    ///
    /// # Errors
    /// Those of [`Input`] and [`super::Loss::check`]; a loss that is no sum over steps; `truncate`; a node other than weights and
    /// populations, a model with trained parameters, a delay behind or of weights or before the readout; a population whose errors
    /// nothing brings; a readout that is not finite.
    pub fn run<'a>(
        &mut self,
        net: &Network<R>,
        input: &Input<R>,
        targets: impl Into<Targets<'a>>,
        objective: &Objective,
        rule: Rule<'_>,
    ) -> Result<BatchReport> {
        let batch = input.extent().0;
        let targets = targets.into();
        online::check(net, input, &targets, objective)?;
        let mut pass = Pass::new(net, false);
        let plan = Plan::new(&pass)?;
        let inner = plan.inner();
        pass.keep = inner.iter().map(|p| p.node).collect();
        if let Rule::Eprop(options, _) = rule
            && options.feedback != Feedback::Symmetric
        {
            self.draw(net, &plan);
        }
        let Self { groups, random } = self;
        let means = means(net, &plan, rule, random)?;
        let job = Job {
            pass: &pass,
            plan: &plan,
            input,
            targets: &targets,
            objective,
            batch,
            means,
        };
        let report = online::run(groups, net, &job, batch)?;
        if let (
            Rule::Eprop(
                Options {
                    autapses: false, ..
                },
                _,
            ),
            Some(sum),
        ) = (rule, groups.first_mut())
        {
            for p in &plan.populations {
                for way in p.ways.iter().filter(|w| w.from == p.node) {
                    diagonal(&mut sum.totals.gradients[way.weight], way.inputs);
                }
            }
        }
        Ok(report)
    }

    /// Fixes the feedback to a population, `[neurons][outputs]`, in place of what [`Feedback::Random`] draws.
    ///
    /// # Errors
    /// No population of that name before the readout; another number of values.
    pub fn set_feedback(&mut self, net: &Network<R>, name: &str, values: &[R]) -> Result<()> {
        let pass = Pass::new(net, false);
        let plan = Plan::new(&pass)?;
        let inner = plan.inner();
        let Some(p) = inner.iter().position(|p| net.nodes[p.node].name == name) else {
            let expected = "a population before the readout";
            return Err(Error::invalid("feedback", name, expected, "another"));
        };
        let (n, outputs) = (inner[p].op.n, net.outputs());
        if values.len() != n * outputs {
            let expected = format!("{n} x {outputs} values");
            return Err(Error::invalid("feedback", name, expected, values.len()));
        }
        self.draw(net, &plan);
        let row = padded(n);
        for (place, number) in values.iter().enumerate() {
            let (j, k) = (place / outputs, place % outputs);
            self.random[p][k * row + j] = *number;
        }
        Ok(())
    }

    /// Draws what has not been drawn.
    fn draw(&mut self, net: &Network<R>, plan: &Plan<'_, R>) {
        let inner = plan.inner();
        if self.random.len() == inner.len() {
            return;
        }
        let drawn = inner.iter().map(|p| {
            let n = p.op.n;
            let mut rng = Rng::new(net.seed, p.node as u32, Purpose::Feedback, 0);
            let mut b = Aligned::zeros(net.outputs() * padded(n));
            for row in b.chunks_exact_mut(padded(n)) {
                let draw = |v: &mut R| *v = R::of(rng.normal() / (n as f64).sqrt());
                row[..n].iter_mut().for_each(draw);
            }
            b
        });
        self.random = drawn.collect();
    }
}

fn means<'s, R: Lanes>(
    net: &Network<R>,
    plan: &Plan<'_, R>,
    rule: Rule<'_>,
    random: &'s [Aligned<R>],
) -> Result<Means<'s, R>> {
    let (options, step) = match rule {
        Rule::Ottt => return Ok(Means::Layers),
        Rule::Eprop(options, step) => (options, step),
    };
    if !(0.0..=1.0).contains(&options.decay) {
        return Err(Error::invalid("decay", "eprop", "0 to 1", options.decay));
    }
    let weights = options.feedback != Feedback::Random;
    if let Some((readout, inner)) = plan.populations.split_last()
        && weights
    {
        let alone = |p: &&Cells<'_, R>| readout.ways.iter().all(|w| w.from != p.node);
        if let Some(p) = inner.iter().find(alone) {
            let expected = "weights to the readout, or the feedback random";
            return Err(refuse(&net.nodes[p.node], expected, "none"));
        }
    }
    let random = match options.feedback {
        Feedback::Symmetric => &[][..],
        _ => random,
    };
    Ok(Means::Broadcast {
        weights,
        random,
        share: match options.feedback {
            Feedback::Adaptive => (1.0 - options.decay).powf(step as f64),
            _ => 1.0,
        },
    })
}

/// Clears the weights of a square projection from each neuron onto itself.
fn diagonal<R: Lanes>(weights: &mut [R], n: usize) {
    const TILE: usize = crate::kernel::TILE;
    (0..n).for_each(|j| weights[(j / TILE * n + j) * TILE + j % TILE] = R::ZERO);
}

/// Takes the weights from neurons onto themselves out of a network.
pub(super) fn without_autapses<R: Lanes>(net: &mut Network<R>) {
    for node in 0..net.nodes.len() {
        for edge in net.nodes[node].sources.clone() {
            let projection = &net.nodes[edge.node];
            if let Op::Linear(l) = &projection.op
                && projection.sources[0].node == node
            {
                diagonal(&mut net.params[l.weight].data, l.inputs);
            }
        }
    }
}

/// Loss and gradients of a batch, each gradient in the order of its parameter's shape.
///
/// ```
/// use cortado::learn::{Loss, Signals, eprop::{Rule, gradients}};
/// use cortado::{network::{Network, NetworkSpec}, sim::clock::Input, spikes::Spikes};
/// let spec = NetworkSpec::new(1e-3).linear("in", 1).population("p", "if", &[]).linear("out", 1).population("y", "i", &[]);
/// let mut net = Network::<f64>::new(&[1], &spec, 0).unwrap();
/// (net.set("in.weight", &[2.0]).unwrap(), net.set("out.weight", &[3.0]).unwrap());
/// let input = Input::Spikes(Spikes::from_dense(1, 1, 1, &[1.0]).unwrap());
/// let wanted = Signals::new([1, 1, 1], vec![0.0]).unwrap();
/// let (all, report) = gradients(&net, &input, wanted, &Loss::SquaredError.into(), Rule::Ottt).unwrap();
/// // The error is 3, and the surrogate of a gap of 1 is 1 / 26^2.
/// assert_eq!((report.loss, all[1][0]), (4.5, 3.0));
/// assert!((all[0][0] - 9.0 / 676.0).abs() < 1e-15);
/// ```
///
/// # Errors
/// As [`Workspace::run`].
pub fn gradients<'a, R: Lanes>(
    net: &Network<R>,
    input: &Input<R>,
    targets: impl Into<Targets<'a>>,
    objective: &Objective,
    rule: Rule<'_>,
) -> Result<(Vec<Vec<R>>, BatchReport)> {
    let mut workspace = Workspace::new();
    let report = workspace.run(net, input, targets, objective, rule)?;
    let params = net.params.iter().zip(workspace.gradients());
    Ok((params.map(|(p, g)| p.values_of(g)).collect(), report))
}
