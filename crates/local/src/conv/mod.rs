//! Convolutions that learn from first spikes (`kheradpisheh2018`, `mozafari2018`, `mozafari2019`).
//!
//! An image becomes a wave of spikes, the strongest contrast first ([`Front`]). Layers add up what reaches them and fire once; a
//! few winners of an image learn ([`Layer`]). A readout learns the classes: linear ([`Linear`]), or by reward alone ([`Reward`]).

mod decision;
mod front;
mod layer;
mod readout;
mod stack;
mod wave;

pub use decision::{Decision, Reward};
pub use front::{Eye, Front};
pub use layer::{Answer, Layer, LayerSpec, Winner};
pub use readout::{Linear, Readout};
pub use stack::{Features, Stack, sequence};
pub use wave::{NEVER, Wave};

use crate::{Data, Error, Experiment, Log, Outcome, Result, Set, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Layers that learn without labels, and a readout that learns with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvStdp {
    /// How images become spikes.
    #[serde(default)]
    pub front: Front,
    /// The layers.
    pub layers: Vec<LayerSpec>,
    /// What learns the classes.
    pub readout: Head,
}

/// What learns the classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Logistic regression on potentials without a threshold.
    Potential(Linear),
    /// Logistic regression on how early neurons fire.
    Latency(Linear),
    /// A layer that learns by reward, on spikes.
    Reward(Reward),
}

impl Head {
    /// Whether it can learn from waves of that shape: said before layers learn for hours.
    fn check(&self, input: [usize; 3], bins: usize, classes: usize, seed: u64) -> Result<()> {
        match self {
            Self::Potential(linear) | Self::Latency(linear) => {
                linear.check(input.iter().product(), classes)
            }
            Self::Reward(reward) => Decision::new(reward, input, bins, classes, seed).map(drop),
        }
    }
}

impl Experiment for ConvStdp {
    fn wants_data(&self) -> bool {
        true
    }

    fn run(&self, seed: u64, data: Option<&Data<'_>>, log: Log<'_>) -> Result<Outcome> {
        let wrong =
            |got: String| Error::invalid("data", "conv_stdp", "images [1, rows, columns]", got);
        let data = data.ok_or_else(|| wrong("none".into()))?;
        let &[1, rows, columns] = data.shape else {
            return Err(wrong(format!("{:?}", data.shape)));
        };
        data.check()?;
        let (eye, bins) = (self.front.eye([rows, columns])?, self.front.bins);
        let mut stack = Stack::new(eye, bins, &self.layers, seed)?;
        self.readout
            .check(stack.shape(), bins, data.classes, seed)?;
        stack.learn(data.train, seed, log)?;
        let mut learned: Vec<Tensor> = Vec::new();
        for (k, layer) in stack.layers().iter().enumerate() {
            learned.push(layer.kernels(format!("layers.{k}.weight")));
        }
        let (train, test) = match &self.readout {
            Head::Potential(linear) => fitted(
                &stack,
                linear,
                Features::Potential,
                (data, seed),
                &mut learned,
            ),
            Head::Latency(linear) => fitted(
                &stack,
                linear,
                Features::Latency,
                (data, seed),
                &mut learned,
            ),
            Head::Reward(reward) => {
                let [train, test] = [data.train, data.test].map(|set| waves(&stack, set));
                let mut decision = Decision::new(reward, stack.shape(), bins, data.classes, seed)?;
                decision.fit(&train, data.train.labels, seed, log)?;
                learned.push(decision.kernels("readout.weight".into()));
                let accuracy = |w: &[Wave], set: Set<'_>| decision.accuracy(w, set.labels);
                (accuracy(&train, data.train), accuracy(&test, data.test))
            }
        };
        let line = json!({ "train": train, "metric_name": "accuracy", "metric": test });
        Ok(Outcome { line, learned })
    }
}

/// Accuracies of a linear readout on training and test images; it is added to what was learned.
fn fitted(
    stack: &Stack,
    linear: &Linear,
    what: Features,
    (data, seed): (&Data<'_>, u64),
    learned: &mut Vec<Tensor>,
) -> (f64, f64) {
    let train = stack.features(data.train, what);
    let readout = linear.fit(&train, data.train.labels, data.classes, seed);
    let test = stack.features(data.test, what);
    learned.extend(readout.tensors());
    (
        readout.accuracy(&train, data.train.labels),
        readout.accuracy(&test, data.test.labels),
    )
}

/// What leaves the layers, image by image.
fn waves(stack: &Stack, set: Set<'_>) -> Vec<Wave> {
    let wave = |i: usize| stack.wave(set.sample(i), stack.layers().len());
    (0..set.len()).into_par_iter().map(wave).collect()
}
