//! What a trained network does on its test data, as the numbers behind pictures.

pub mod cost;
mod curves;
mod progress;
mod sample;
mod survey;
mod weights;

pub use curves::{curves, metrics};
pub use progress::{ALONG, Course, PART, progress};
pub use sample::{raster, traces};
pub use survey::Survey;
pub use weights::{learned, nodes as weighted, weights};

use crate::recipe::Recipe;
use crate::samples::{self, Samples};
use anyhow::{Result, bail};
use cortado::learn::{Rule, Targets};
use cortado::network::{Network, NodeKind, Values};
use cortado::neuron::{Output, Spec, models};
use cortado::sim::clock::Input;

/// A trained network and what it is tested on.
pub struct Scene<'a> {
    /// The recipe of the run.
    pub recipe: &'a Recipe,
    /// What it has learned.
    pub net: &'a Network<f32>,
    /// The test data.
    pub test: &'a Samples,
}

/// A population of a specification.
pub struct Population {
    /// Its name.
    pub name: String,
    /// What its model says of itself.
    pub spec: &'static Spec,
    /// The threshold of each neuron, or of all; none of one that hands on its membrane, or where it is not known.
    pub threshold: Vec<f64>,
}

/// A network that was trained without a clock is not shown by one over more steps: time costs nothing there, and much here.
const MOST_STEPS: usize = 1 << 16;

impl Scene<'_> {
    /// Test samples as the network gets them, and their classes; no classes where samples stand for something else.
    pub fn input(&self, ids: &[usize]) -> Result<(Input<f32>, Option<Vec<u32>>)> {
        if self.recipe.train.rule == Rule::Eventprop && self.recipe.steps > MOST_STEPS {
            let steps = self.recipe.steps;
            bail!(
                "{steps} steps: what was trained by eventprop is shown by a clock up to {MOST_STEPS}"
            );
        }
        if let Some(i) = ids.iter().find(|&&i| i >= self.test.len()) {
            bail!("sample {i}: the test set has {}", self.test.len());
        }
        let (input, targets) = samples::batch(self.recipe, self.test, ids, 0)?;
        let labels = match targets {
            Targets::Classes(labels) if self.test.classes > 0 => Some(labels.into_owned()),
            _ => None,
        };
        Ok((input, labels))
    }

    /// The populations, from the first to the readout.
    pub fn populations(&self) -> Vec<Population> {
        let nodes = self.net.spec().nodes.iter();
        let found = nodes.filter_map(|node| match &node.kind {
            NodeKind::Population { neuron, params, .. } => {
                let spec = models().into_iter().find(|s| s.name == neuron)?;
                let mut threshold = Vec::new();
                if let Some(k) = spec
                    .param("v_threshold")
                    .filter(|_| spec.output == Output::Spikes)
                {
                    threshold = match params.get("v_threshold") {
                        None => vec![spec.params[k].default],
                        Some(Values::One(v)) => vec![*v],
                        Some(Values::Each(v)) => v.clone(),
                        Some(_) => Vec::new(),
                    };
                    if let Some(p) = self.net.param(&format!("{}.v_threshold", node.name)) {
                        threshold = p.values().into_iter().map(f64::from).collect();
                    }
                }
                Some(Population {
                    name: node.name.clone(),
                    spec,
                    threshold,
                })
            }
            _ => None,
        });
        found.collect()
    }
}

/// The first of the largest.
fn largest(scores: &[f64]) -> usize {
    let best = |best: usize, (i, s): (usize, &f64)| if *s > scores[best] { i } else { best };
    scores.iter().enumerate().fold(0, best)
}
