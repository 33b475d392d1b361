//! Neurons of one model with their parameters, fixed or trained, and the constants of a step that follow.

use super::param::{Param, Place};
use super::shape::Shape;
use super::spec::{NetworkSpec, Values};
use crate::kernel::{TILE, padded};
use crate::neuron::{Convention, Lanes, Model, Output, Reset, model};
use crate::num::Aligned;
use crate::rng::{Purpose, Rng};
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A population as the engines hold it.
pub(crate) struct Population<R: Lanes> {
    pub model: Arc<dyn Model<R>>,
    pub n: usize,
    /// What the model says of itself, at hand in every step.
    pub states: usize,
    pub output: Output,
    pub affine: bool,
    /// Whether any of its parameters is trained.
    pub trained: bool,
    /// `[K]`, or `[tiles][K][TILE]` if parameters differ between neurons.
    pub constants: Aligned<R>,
    /// The state at rest, `[tiles][S][TILE]`.
    pub rest: Aligned<R>,
    convention: Convention,
    pub reset: Reset,
    dt: f64,
    values: Vec<Value>,
    shape: Shape,
}

/// A parameter of the model.
enum Value {
    /// For all neurons, or for each as they stand in memory.
    Fixed(Vec<f64>),
    /// The number of a trained parameter; whether it is kept as its logarithm.
    Trained { param: usize, log: bool, own: bool },
}

/// What a recipe says of a population.
pub(crate) struct Wanted<'a> {
    pub name: &'a str,
    pub neuron: &'a str,
    pub params: &'a BTreeMap<String, Values>,
    pub reset: Reset,
    pub train: &'a [String],
    pub bounds: &'a BTreeMap<String, [f64; 2]>,
    pub per_neuron: bool,
    /// Seed of the network, and the node.
    pub seed: (u64, u32),
}

impl<R: Lanes> Population<R> {
    /// Builds it; trained parameters are pushed to `all`.
    pub fn new(
        want: &Wanted<'_>,
        shape: &Shape,
        net: &NetworkSpec,
        all: &mut Vec<Param<R>>,
    ) -> Result<Self> {
        let n = shape.size();
        let place = || format!("population '{}'", want.name);
        let late = want
            .params
            .get("t_ref")
            .is_some_and(|t| *t != Values::One(0.0));
        let model = model::<R>(want.neuron, &net.convention, late)?;
        let table = model.spec();
        let known = || -> Vec<&str> { table.params.iter().map(|p| p.name).collect() };
        if let Some(name) = want.bounds.keys().find(|n| !want.train.contains(n)) {
            let expected = format!("one of the trained: {}", want.train.join(", "));
            return Err(Error::invalid("bounds", place(), expected, name));
        }
        for name in want.params.keys().chain(want.train) {
            if table.param(name).is_none() {
                return Err(Error::invalid(
                    "parameter",
                    place(),
                    known().join(", "),
                    name,
                ));
            }
        }
        let mut values = Vec::new();
        for p in table.params {
            let at = || format!("{}.{}", want.name, p.name);
            let each = match want.params.get(p.name) {
                None => vec![p.default],
                Some(Values::One(v)) => vec![*v],
                Some(Values::Each(each)) => each.clone(),
                Some(Values::Drawn(law)) => {
                    law.check(at)?;
                    let index = values.len() as u64;
                    let mut rng = Rng::new(want.seed.0, want.seed.1, Purpose::Neurons, index);
                    (0..n).map(|_| law.draw(&mut rng, net.dt)).collect()
                }
            };
            if each.len() != 1 && each.len() != n {
                let expected = format!("one number or {n}");
                return Err(Error::invalid("parameter", at(), expected, each.len()));
            }
            let list: Vec<f64> = match each.len() {
                1 => each,
                _ => (0..n).map(|i| each[shape.canonical(i)]).collect(),
            };
            for &v in &list {
                if !(p.min..=p.max).contains(&v) {
                    let expected = format!("{} to {}", p.min, p.max);
                    return Err(Error::invalid("parameter", at(), expected, v));
                }
                if p.name == "t_ref" {
                    super::graph::whole_steps(v, net.dt, at)?;
                }
            }
            if !want.train.iter().any(|t| t == p.name) {
                values.push(Value::Fixed(list));
                continue;
            }
            if !table.trainable(p.name) {
                let others = known().into_iter().filter(|k| table.trainable(k));
                let expected = others.collect::<Vec<_>>().join(", ");
                return Err(Error::invalid(
                    "trained parameter",
                    place(),
                    expected,
                    p.name,
                ));
            }
            let own = want.per_neuron || list.len() > 1;
            let place = if own {
                Place::Lanes(shape.clone())
            } else {
                Place::Plain
            };
            let prefix = if p.positive { "ln_" } else { "" };
            let name = format!("{}.{prefix}{}", want.name, p.name);
            let mut param = Param::new(name, vec![if own { n } else { 1 }], place);
            let kept = |v: f64| R::of(if p.positive { v.ln() } else { v });
            for (i, slot) in param.data.iter_mut().enumerate() {
                *slot = kept(list[i.min(list.len() - 1)]);
            }
            if let Some(&[low, high]) = want.bounds.get(p.name) {
                if !(p.min <= low && low <= high && high <= p.max) {
                    let expected = format!("a range within {} to {}", p.min, p.max);
                    return Err(Error::invalid(
                        "bounds",
                        at(),
                        expected,
                        format!("{low} to {high}"),
                    ));
                }
                param.bounds = Some([kept(low), kept(high)]);
            }
            values.push(Value::Trained {
                param: all.len(),
                log: p.positive,
                own,
            });
            all.push(param);
        }
        let mut population = Self {
            states: model.states(),
            output: table.output,
            affine: model.affine(),
            trained: !want.train.is_empty(),
            model,
            n,
            constants: Aligned::default(),
            rest: Aligned::default(),
            convention: net.convention,
            reset: want.reset,
            dt: net.dt,
            values,
            shape: shape.clone(),
        };
        population.refresh(all);
        Ok(population)
    }

    /// Tiles of neurons.
    pub fn tiles(&self) -> usize {
        self.n.div_ceil(TILE)
    }

    /// The parameters of neuron `j`.
    fn of(&self, params: &[Param<R>], j: usize) -> Vec<f64> {
        let value = |v: &Value| match v {
            Value::Fixed(list) => list[j.min(list.len() - 1)],
            Value::Trained { param, log, own } => {
                let x = params[*param].data[if *own { j } else { 0 }].value();
                if *log { x.exp() } else { x }
            }
        };
        self.values.iter().map(value).collect()
    }

    /// The parameters of all neurons, or of each in the order of the shape.
    pub fn table(&self, params: &[Param<R>]) -> Vec<Vec<f64>> {
        if self.shared() {
            return vec![self.of(params, 0)];
        }
        let places = self.shape.inverse().into_iter();
        places.map(|p| self.of(params, p as usize)).collect()
    }

    /// Whether all neurons have the same parameters.
    fn shared(&self) -> bool {
        self.values.iter().all(|v| match v {
            Value::Fixed(list) => list.len() == 1,
            Value::Trained { own, .. } => !own,
        })
    }

    /// Takes over changed parameters.
    pub fn refresh(&mut self, params: &[Param<R>]) {
        let (k, s) = (self.model.constants(), self.states);
        let shared = self.shared();
        let distinct = if shared { 1 } else { self.n };
        let mut constants = Aligned::zeros(if shared { k } else { self.tiles() * k * TILE });
        self.rest = Aligned::zeros(self.tiles() * s * TILE);
        let place = |j: usize, width: usize, i: usize| (j / TILE * width + i) * TILE + j % TILE;
        for j in 0..distinct {
            let p = self.of(params, j);
            let of_step = self
                .model
                .discretise(&p, &self.convention, self.reset, self.dt);
            for (i, c) in of_step.into_iter().enumerate() {
                constants[if shared { i } else { place(j, k, i) }] = R::of(c);
            }
            for (i, r) in self.model.rest(&p).into_iter().enumerate() {
                let lanes = if shared { 0..padded(self.n) } else { j..j + 1 };
                lanes.for_each(|j| self.rest[place(j, s, i)] = R::of(r));
            }
        }
        self.constants = constants;
    }

    /// Adds the gradient by the trained parameters, from that by the constants, `[tiles][K][TILE]`.
    pub fn chain(&self, params: &[Param<R>], by_constants: &[R], gradients: &mut [Aligned<R>]) {
        let k = self.model.constants();
        let at = |j: usize, i: usize| by_constants[(j / TILE * k + i) * TILE + j % TILE].value();
        let mut add = |j: usize, dk: &[f64]| {
            let p = self.of(params, j);
            let dp = self
                .model
                .chain(&p, &self.convention, self.reset, self.dt, dk);
            self.add_by_params(params, j, &dp, gradients);
        };
        if self.shared() {
            let dk: Vec<f64> = (0..k)
                .map(|i| (0..self.n).map(|j| at(j, i)).sum())
                .collect();
            add(0, &dk);
        } else {
            for j in 0..self.n {
                let dk: Vec<f64> = (0..k).map(|i| at(j, i)).collect();
                add(j, &dk);
            }
        }
    }

    /// Adds the gradient by the trained parameters, from that by the parameters of neuron `j` as it stands in memory.
    pub fn add_by_params(
        &self,
        params: &[Param<R>],
        j: usize,
        by: &[f64],
        gradients: &mut [Aligned<R>],
    ) {
        let p = self.of(params, j);
        for (i, value) in self.values.iter().enumerate() {
            if let Value::Trained { param, log, own } = value {
                let d = if *log { by[i] * p[i] } else { by[i] };
                gradients[*param][if *own { j } else { 0 }] += R::of(d);
            }
        }
    }

    /// The shape of its output.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }
}
