//! The network to run.

use crate::experiment::Folder;
use crate::recipe::Recipe;
use anyhow::{Result, bail};
use cortado::learn::{Fit, Loss, Rule};
use cortado::network::Network;
use std::path::Path;

/// A trained network, what it was trained for, and the recipe where it comes from a run.
pub struct Model {
    /// The network.
    pub net: Network<f32>,
    /// The loss it was trained with: it says what a score is.
    pub loss: Loss,
    /// How it was trained.
    pub rule: Rule,
    /// The run's recipe.
    pub recipe: Option<Recipe>,
    /// Name of the last node.
    pub readout: String,
}

impl Model {
    /// From the folder of a run or of a checkpoint, at another step of the clock if `dt` says so.
    ///
    /// # Errors
    /// A folder that is neither; a step that is not positive, or that a delay is no whole number of.
    pub fn load(path: &Path, dt: Option<f64>) -> Result<Self> {
        let (fit, recipe) = if path.join("manifest.json").exists() {
            (Fit::<f32>::load(path)?.0, None)
        } else {
            let (folder, recipe) = Folder::open(path)?;
            if !folder.checkpoint().exists() {
                bail!(
                    "{}: expected a checkpoint, got a run without one",
                    path.display()
                );
            }
            (folder.load()?.0, Some(recipe))
        };
        let (loss, rule, mut net) = (fit.spec.objective.loss, fit.spec.rule, fit.net);
        if let Some(dt) = dt {
            net = at(&net, dt)?;
        }
        let readout = net
            .spec()
            .nodes
            .last()
            .map_or(String::new(), |n| n.name.clone());
        Ok(Self {
            net,
            loss,
            rule,
            recipe,
            readout,
        })
    }

    /// The step of its clock in seconds.
    pub fn dt(&self) -> f64 {
        self.net.spec().dt
    }

    /// Whether its outputs are classes.
    pub fn decides(&self) -> bool {
        !matches!(self.loss, Loss::VanRossum { .. })
    }
}

/// The same network at another step: time constants are seconds and stay what they are.
fn at(net: &Network<f32>, dt: f64) -> Result<Network<f32>> {
    if !(dt > 0.0 && dt.is_finite()) {
        bail!("--dt: expected a positive number of seconds, got {dt}");
    }
    let mut spec = net.spec().clone();
    spec.dt = dt;
    let mut other = Network::new(net.input_shape(), &spec, 0)?;
    for param in net.params().iter().chain(net.buffers()) {
        other.set(&param.name, &param.values())?;
    }
    Ok(other)
}
