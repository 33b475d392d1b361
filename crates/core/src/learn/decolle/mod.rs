//! Deep continuous local learning, DECOLLE (`kaiser2020`): each layer learns from a fixed random readout of its own.
//!
//! No error leaves its layer or its step: what a weight knows of the past is the trace of what came in through it, and memory does not
//! grow with the length of a sample.
//!
//! # Equations
//! With the spikes `z_j` of a population, its readout `G`, what it should say `y*`, the gap `g_j` and the surrogate `sigma'`:
//!
//! ```text
//! y_k    = sum_j G_kj z_j
//! E      = 1 / (T - burn_in) sum_{t >= burn_in} l(y, y*)
//! dE/dW  = sum_t (sum_k l'_k G_kj) sigma'(g_j) P_i
//! ```
//!
//! `P_i` is the derivative of the gap by the weight, which is that of a linear filter and belongs to the input: for `cuba_lif` what the
//! source calls `P`, an input filtered by synapse and membrane. It comes from the model at dual numbers, as in [`super::eprop`]. `l` is the
//! smooth L1 distance or the cross-entropy, `G` is drawn uniformly between `-scale / sqrt(n)` and `scale / sqrt(n)`.
//!
//! The network's own readout, its last population, learns from the loss of the network.
//!
//! # Deviations
//! The source moves weights in each step; here gradients are added up over the steps of a batch. Its refractory term is a trace of its own;
//! here the reset of the model stands in for it, a constant. A readout decides by its mean over the steps.

mod plan;
mod sample;
mod trace;

use super::loss::Wanted;
use super::online::{self, Group};
use super::{BatchReport, Loss, Objective, Targets};
use crate::network::Network;
use crate::neuron::Lanes;
use crate::num::Aligned;
use crate::sim::Pass;
use crate::sim::clock::Input;
use crate::{Error, Result};
use plan::Plan;
use sample::{Job, Sample};
use serde::{Deserialize, Serialize};

/// The readouts of layers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Local {
    /// What each makes small.
    pub loss: LocalLoss,
    /// Weights are drawn between `-scale / sqrt(n)` and `scale / sqrt(n)`.
    pub scale: f64,
    /// Steps at the start of a sample that count for nothing.
    pub burn_in: usize,
}

impl Default for Local {
    fn default() -> Self {
        Self {
            loss: LocalLoss::default(),
            scale: 0.5,
            burn_in: 0,
        }
    }
}

/// The loss of a layer's readout in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LocalLoss {
    /// `d^2 / 2` of a difference `d` from what is wanted, `|d| - 1/2` beyond 1; for a class 1 is wanted of its output and 0 of others.
    #[default]
    SmoothL1,
    /// Cross-entropy; for classes.
    CrossEntropy,
}

impl Local {
    fn check(&self, steps: usize, targets: &Targets<'_>) -> Result<()> {
        let wrong =
            |what, expected: &str, got: String| Err(Error::invalid(what, "decolle", expected, got));
        if !(self.scale > 0.0 && self.scale.is_finite()) {
            return wrong("scale", "a number above 0", self.scale.to_string());
        }
        if self.burn_in >= steps {
            let expected = format!("less than the {steps} steps of a sample");
            return wrong("burn_in", &expected, self.burn_in.to_string());
        }
        match (self.loss, targets) {
            (LocalLoss::CrossEntropy, Targets::Signals(_)) => {
                wrong("loss", "smooth_l1 for signals", "cross_entropy".into())
            }
            _ => Ok(()),
        }
    }

    /// The steps that count.
    fn window(&self, steps: usize) -> Option<usize> {
        Some(steps.saturating_sub(self.burn_in))
    }

    /// The loss in a step of what a readout says, and its error.
    fn in_step(
        &self,
        y: &[f64],
        wanted: Wanted<'_>,
        (t, steps): (usize, usize),
        error: &mut [f64],
    ) -> f64 {
        if self.loss == LocalLoss::CrossEntropy {
            let window = self.window(steps);
            return Loss::StepCrossEntropy { window }.in_step(y, wanted, (t, steps), error);
        }
        if t < self.burn_in {
            error.fill(0.0);
            return 0.0;
        }
        let share = 1.0 / (steps - self.burn_in) as f64;
        let mut sum = 0.0;
        for (k, (e, y)) in error.iter_mut().zip(y).enumerate() {
            let d = y - match wanted {
                Wanted::Class(label) => f64::from(u8::from(k == label)),
                Wanted::Values(values) => values[k],
            };
            let slope = d.clamp(-1.0, 1.0);
            sum += slope * (d - 0.5 * slope);
            *e = slope * share;
        }
        sum * share
    }
}

/// Memory that one step of training hands to the next, and the gradients.
#[derive(Debug, Default)]
pub struct Workspace<R> {
    groups: Vec<Group<R, Sample<R>>>,
}

impl<R: Lanes> Workspace<R> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { groups: Vec::new() }
    }

    /// The gradients of the last batch, in the order of [`Network::params`] and standing as they do.
    pub fn gradients(&self) -> &[Aligned<R>] {
        self.groups.first().map_or(&[], |g| &g.totals.gradients[..])
    }

    /// Loss and gradients of a batch; the loss is that of the network and of all layers. `step` is a key of dropout.
    ///
    /// # Errors
    /// Those of [`Input`] and [`super::Loss::check`]; a loss that is no sum over steps; `truncate`; the price of rates; batch norm; a model
    /// with trained parameters, with different ones for its neurons, or that is not linear below its threshold; a delay of or behind
    /// weights; a readout that is not finite; settings of [`Local`] that make no sense.
    pub fn run<'a>(
        &mut self,
        net: &Network<R>,
        input: &Input<R>,
        targets: impl Into<Targets<'a>>,
        objective: &Objective,
        local: &Local,
        step: u64,
    ) -> Result<BatchReport> {
        let targets = targets.into();
        self.go(net, input, &targets, objective, local, Some(step))
    }

    fn go(
        &mut self,
        net: &Network<R>,
        input: &Input<R>,
        targets: &Targets<'_>,
        objective: &Objective,
        local: &Local,
        step: Option<u64>,
    ) -> Result<BatchReport> {
        let (batch, steps) = input.extent();
        online::check(net, input, targets, objective)?;
        local.check(steps, targets)?;
        if objective.rates.is_some() {
            let expected = "none: rates are known after the last step";
            return Err(Error::invalid("rates", "decolle", expected, "some"));
        }
        let mut pass = Pass::new(net, false);
        pass.step = step.unwrap_or(0);
        let plan = Plan::new(&pass, local.scale)?;
        pass.keep = plan.inner().iter().map(|l| l.cells.node).collect();
        let job = Job {
            pass: &pass,
            plan: &plan,
            input,
            targets,
            objective,
            local: *local,
            batch,
            learns: step.is_some(),
        };
        online::run(&mut self.groups, net, &job, batch)
    }
}

/// Loss and gradients of a batch, each gradient in the order of its parameter's shape.
///
/// ```
/// use cortado::learn::{Loss, Signals, decolle::{Local, gradients}};
/// use cortado::{network::{Network, NetworkSpec, NodeKind}, neuron::Reset, sim::clock::Input, spikes::Spikes};
/// let mut spec = NetworkSpec::new(1e-3).linear("in", 1).population("p", "if", &[]).linear("out", 1).population("y", "i", &[]);
/// if let NodeKind::Population { reset, .. } = &mut spec.nodes[1].kind {
///     *reset = Reset::Subtract;
/// }
/// let mut net = Network::<f64>::new(&[1], &spec, 0).unwrap();
/// (net.set("in.weight", &[2.0]).unwrap(), net.set("out.weight", &[3.0]).unwrap());
/// let input = Input::Spikes(Spikes::from_dense(1, 1, 1, &[1.0]).unwrap());
/// let wanted = Signals::new([1, 1, 1], vec![0.0]).unwrap();
/// let (all, report) = gradients(&net, &input, wanted, &Loss::SquaredError.into(), &Local::default()).unwrap();
/// // The network's loss is 3^2 / 2, and its error 3 is that of its readout's weight; the layer's readout says y = G, below 1, where 0 is
/// // wanted: y^2 / 2, whose derivative by the weight is y G / 26^2.
/// assert_eq!(all[1][0], 3.0);
/// assert!((all[0][0] - 2.0 * (report.loss - 4.5) / 676.0).abs() < 1e-15);
/// ```
///
/// # Errors
/// As [`Workspace::run`].
pub fn gradients<'a, R: Lanes>(
    net: &Network<R>,
    input: &Input<R>,
    targets: impl Into<Targets<'a>>,
    objective: &Objective,
    local: &Local,
) -> Result<(Vec<Vec<R>>, BatchReport)> {
    let mut workspace = Workspace::new();
    let report = workspace.run(net, input, targets, objective, local, 0)?;
    let params = net.params.iter().zip(workspace.gradients());
    Ok((params.map(|(p, g)| p.values_of(g)).collect(), report))
}

/// What each layer's readout decides for a batch: its name, and the number of samples that it classifies rightly.
///
/// # Errors
/// As [`Workspace::run`].
pub fn readouts<R: Lanes>(
    net: &Network<R>,
    input: &Input<R>,
    labels: &[u32],
    objective: &Objective,
    local: &Local,
) -> Result<Vec<(String, usize)>> {
    let mut workspace = Workspace::new();
    workspace.go(net, input, &labels.into(), objective, local, None)?;
    let pass = Pass::new(net, false);
    let plan = Plan::new(&pass, local.scale)?;
    let right = |l: usize| {
        let samples = workspace.groups.iter().map(|g| &g.sample);
        samples.filter_map(|s| s.right.get(l)).sum()
    };
    let layers = plan.inner().iter().enumerate();
    let named = layers.map(|(l, layer)| (net.nodes[layer.cells.node].name.clone(), right(l)));
    Ok(named.collect())
}

/// The fixed readout of a layer, `[outputs][neurons]`, as the weight of a `linear` node behind it.
///
/// ```
/// use cortado::learn::decolle::{Local, readout};
/// use cortado::network::{Network, NetworkSpec};
/// use cortado::{network::NodeKind, neuron::Reset};
/// let mut spec = NetworkSpec::new(1e-3).linear("in", 4).population("p", "lif", &[]).linear("out", 2).population("y", "li", &[]);
/// if let NodeKind::Population { reset, .. } = &mut spec.nodes[1].kind {
///     *reset = Reset::Subtract;
/// }
/// let net = Network::<f32>::new(&[3], &spec, 0).unwrap();
/// let g = readout(&net, "p", &Local::default()).unwrap();
/// // Between -0.5 / sqrt(4) and 0.5 / sqrt(4).
/// assert!(g.len() == 8 && g.iter().all(|g| g.abs() <= 0.25));
/// ```
///
/// # Errors
/// Those of [`Workspace::run`] on the network; no population of that name before the network's readout.
pub fn readout<R: Lanes>(net: &Network<R>, name: &str, local: &Local) -> Result<Vec<R>> {
    let pass = Pass::new(net, false);
    let plan = Plan::new(&pass, local.scale)?;
    let named = |l: &&plan::Layer<'_, R>| net.nodes[l.cells.node].name == name;
    let found = plan.inner().iter().find(named);
    let Some((layer, g)) = found.and_then(|l| Some((l, l.readout.as_ref()?))) else {
        let expected = "a population before the network's readout";
        return Err(Error::invalid("readout", name, expected, "another"));
    };
    let (places, outputs) = (net.nodes[layer.cells.node].shape.inverse(), net.outputs());
    let row = |k| places.iter().map(move |&p| g[p as usize * outputs + k]);
    Ok((0..outputs).flat_map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_derivatives_of_losses() {
        let y = [0.3, -2.5, 1.7, 0.9];
        let wanted = [0.1, 0.4, -0.2, 2.3];
        for (loss, wanted) in [
            (LocalLoss::SmoothL1, Wanted::Class(2)),
            (LocalLoss::SmoothL1, Wanted::Values(&wanted)),
            (LocalLoss::CrossEntropy, Wanted::Class(2)),
        ] {
            let local = Local {
                loss,
                burn_in: 2,
                ..Local::default()
            };
            let mut error = [1.0; 4];
            assert_eq!(local.in_step(&y, wanted, (1, 7), &mut error), 0.0);
            assert_eq!(error, [0.0; 4]);
            let mut other = [0.0; 4];
            local.in_step(&y, wanted, (2, 7), &mut error);
            for k in 0..4 {
                let mut at = |h: f64| {
                    let mut y = y;
                    y[k] += h;
                    local.in_step(&y, wanted, (6, 7), &mut other)
                };
                let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((slope - error[k]).abs() < 1e-9, "{slope} {}", error[k]);
            }
        }
        // A fifth of 0.7^2 / 2 + 2.5 - 1/2 + 0.3^2 / 2 + 0.9^2 / 2.
        let local = Local {
            burn_in: 2,
            ..Local::default()
        };
        let sum = local.in_step(&y, Wanted::Class(2), (2, 7), &mut [0.0; 4]);
        assert!((sum - (0.245 + 2.0 + 0.045 + 0.405) / 5.0).abs() < 1e-15);
    }
}
