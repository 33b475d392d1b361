//! Networks: populations of neurons, each with a dense projection from the one before and, if it is recurrent,
//! one from itself that takes one step.

use crate::neuron::{Convention, Lanes, Model, Output, Reset, model};
use crate::rng::{Purpose, Rng};
use crate::sim::TILE;
use crate::surrogate::Surrogate;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A population and the projections into it, as a recipe says it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PopulationSpec {
    /// Its name.
    pub name: String,
    /// The neuron model, see [`crate::neuron::models`].
    pub neuron: String,
    /// Number of neurons.
    pub n: usize,
    /// Parameters that are not the model's defaults.
    #[serde(default)]
    pub params: BTreeMap<String, f64>,
    /// What a spike does to the membrane.
    #[serde(default)]
    pub reset: Reset,
    /// Whether it has a projection onto itself.
    #[serde(default)]
    pub recurrent: bool,
    /// Initial weights are normal with standard deviation `scale / sqrt(inputs)`.
    #[serde(default = "one")]
    pub scale: f64,
}

fn one() -> f64 {
    1.0
}

/// A network, as a recipe says it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// The clock's step in seconds.
    pub dt: f64,
    /// The order of operations in a step.
    #[serde(default)]
    pub convention: Convention,
    /// What stands for the derivative of a spike.
    #[serde(default)]
    pub surrogate: Surrogate,
    /// Whether the gradient stops at the reset.
    #[serde(default = "yes")]
    pub detach_reset: bool,
    /// From the input to the readout.
    pub populations: Vec<PopulationSpec>,
}

fn yes() -> bool {
    true
}

/// Weights in tiles: the weight from input `i` to neuron `j` stands at `[j / 64][i][j % 64]`; padding is zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights<R> {
    /// Number of inputs.
    pub inputs: usize,
    /// Number of neurons.
    pub outputs: usize,
    pub(crate) data: Vec<R>,
}

impl<R: crate::num::Float> Weights<R> {
    /// All zero.
    pub fn zeros(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            data: vec![R::ZERO; outputs.div_ceil(TILE) * inputs * TILE],
        }
    }

    fn at(&self, input: usize, output: usize) -> usize {
        (output / TILE * self.inputs + input) * TILE + output % TILE
    }

    /// The weight from `input` to `output`.
    pub fn get(&self, input: usize, output: usize) -> R {
        self.data[self.at(input, output)]
    }

    /// Sets the weight from `input` to `output`.
    pub fn set(&mut self, input: usize, output: usize, value: R) {
        let at = self.at(input, output);
        self.data[at] = value;
    }

    /// The weights into one tile, `[inputs][64]`.
    pub(crate) fn tile(&self, tile: usize) -> &[R] {
        &self.data[tile * self.inputs * TILE..][..self.inputs * TILE]
    }
}

/// A population of equal neurons.
pub struct Population<R: Lanes> {
    /// What it was built from.
    pub spec: PopulationSpec,
    pub(crate) model: Arc<dyn Model<R>>,
    pub(crate) constants: Vec<R>,
    pub(crate) rest: Vec<R>,
    /// Projection from the population before, or the input.
    pub weights: Weights<R>,
    /// Projection onto itself, one step late.
    pub recurrent: Option<Weights<R>>,
}

impl<R: Lanes> Population<R> {
    pub(crate) fn tiles(&self) -> usize {
        self.spec.n.div_ceil(TILE)
    }

    /// Whether it hands on spikes or its membrane.
    pub fn output(&self) -> Output {
        self.model.spec().output
    }
}

/// A network ready to run.
pub struct Network<R: Lanes> {
    /// Number of inputs.
    pub inputs: usize,
    /// What it was built from.
    pub spec: NetworkSpec,
    /// From the input to the readout.
    pub populations: Vec<Population<R>>,
    /// Replaces each spike by the surrogate's integral, to check gradients.
    pub smooth: bool,
}

impl<R: Lanes> Network<R> {
    /// Builds a network for `inputs` inputs with random weights.
    ///
    /// # Errors
    /// No population, an empty one, an unknown model or parameter, a parameter out of range, a refractory period
    /// that is no whole number of steps, a population after a readout: each names the population.
    pub fn new(inputs: usize, spec: &NetworkSpec, seed: u64) -> Result<Self> {
        if !(spec.dt > 0.0 && spec.dt.is_finite()) {
            return Err(Error::invalid(
                "step",
                "network.dt",
                "a positive number of seconds",
                spec.dt,
            ));
        }
        if inputs == 0 || spec.populations.is_empty() {
            return Err(Error::invalid(
                "size",
                "network",
                "an input and a population",
                "none",
            ));
        }
        let mut populations: Vec<Population<R>> = Vec::new();
        let mut width = inputs;
        for (object, p) in spec.populations.iter().enumerate() {
            if let Some(last) = populations.last()
                && last.output() == Output::Membrane
            {
                return Err(Error::invalid(
                    "projection",
                    format!("population '{}'", p.name),
                    "spikes from the population before",
                    format!("the membrane of readout '{}'", last.spec.name),
                ));
            }
            let population = build(p, spec, width, seed, object as u32)?;
            width = p.n;
            populations.push(population);
        }
        Ok(Self {
            inputs,
            spec: spec.clone(),
            populations,
            smooth: false,
        })
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.spec.populations.last().map_or(0, |p| p.n)
    }

    /// All weights with their names, in a fixed order.
    pub fn weights_mut(&mut self) -> Vec<(String, &mut Weights<R>)> {
        let mut all = Vec::new();
        for p in &mut self.populations {
            all.push((format!("{}.weight", p.spec.name), &mut p.weights));
            if let Some(r) = &mut p.recurrent {
                all.push((format!("{}.recurrent", p.spec.name), r));
            }
        }
        all
    }
}

fn build<R: Lanes>(
    p: &PopulationSpec,
    net: &NetworkSpec,
    inputs: usize,
    seed: u64,
    object: u32,
) -> Result<Population<R>> {
    let place = || format!("population '{}'", p.name);
    if p.n == 0 {
        return Err(Error::invalid("size", place(), "at least one neuron", 0));
    }
    let refractory = p.params.get("t_ref").is_some_and(|&t| t != 0.0);
    let model = model::<R>(&p.neuron, &net.convention, refractory)?;
    let table = model.spec();
    let mut params: Vec<f64> = table.params.iter().map(|p| p.default).collect();
    for (name, &value) in &p.params {
        let Some(i) = table.param(name) else {
            let names: Vec<_> = table.params.iter().map(|p| p.name).collect();
            return Err(Error::invalid("parameter", place(), names.join(", "), name));
        };
        let known = &table.params[i];
        if !(known.min..=known.max).contains(&value) {
            return Err(Error::invalid(
                "parameter",
                format!("{}.{name}", p.name),
                format!("{} to {}", known.min, known.max),
                value,
            ));
        }
        if name == "t_ref" && ((value / net.dt).round() * net.dt - value).abs() > 1e-9 * net.dt {
            return Err(Error::invalid(
                "t_ref",
                place(),
                format!("a whole number of steps of {} s", net.dt),
                value,
            ));
        }
        params[i] = value;
    }
    let constants = model.discretise(&params, &net.convention, p.reset, net.dt);
    let draw = |inputs: usize, part: u64| {
        let mut w = Weights::zeros(inputs, p.n);
        let mut rng = Rng::new(seed, object, Purpose::Weights, part);
        let sd = p.scale / (inputs as f64).sqrt();
        for j in 0..p.n {
            for i in 0..inputs {
                w.set(i, j, R::of(rng.normal() * sd));
            }
        }
        w
    };
    Ok(Population {
        spec: p.clone(),
        constants: constants.into_iter().map(R::of).collect(),
        rest: model.rest(&params).into_iter().map(R::of).collect(),
        weights: draw(inputs, 0),
        recurrent: p.recurrent.then(|| draw(p.n, 1)),
        model,
    })
}
