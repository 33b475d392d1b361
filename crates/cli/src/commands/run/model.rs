//! The network to run.

use crate::commands::nir::{self, Reading, is_nir};
use crate::experiment::Folder;
use crate::recipe::Recipe;
use anyhow::{Result, bail};
use cortado::learn::{Fit, FitSpec, Loss, OptimizerSpec, Rule};
use cortado::network::{Network, NodeKind};
use cortado::neuron::Output;
use cortado_convert::nir::Report;
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
    /// What became of a NIR file, if it comes from one.
    pub report: Option<Report>,
}

impl Model {
    /// From the folder of a run or of a checkpoint, at another step of the clock if `dt` says so, or from a NIR file.
    ///
    /// # Errors
    /// A folder that is neither; a step that is not positive, or that a delay is no whole number of; options of NIR files for a
    /// folder.
    pub fn load(path: &Path, dt: Option<f64>, reading: &Reading) -> Result<Self> {
        if is_nir(path) {
            return Self::from_nir(path, dt, reading);
        }
        if reading.is_given() {
            bail!(
                "{}: --from and what goes with it are for NIR files",
                path.display()
            );
        }
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
        Ok(Self {
            loss,
            rule,
            recipe,
            readout: name_of_last(&net),
            net,
            report: None,
        })
    }

    /// Its outputs are classes: by counts of spikes, by what an integrator has added up, or by means of membranes.
    fn from_nir(path: &Path, dt: Option<f64>, reading: &Reading) -> Result<Self> {
        let file = nir::read(path)?;
        let read = reading.network::<f32>(&file, dt)?;
        let net = match dt {
            Some(dt) if dt != read.network.spec().dt => at(&read.network, dt)?,
            _ => read.network,
        };
        let loss = match net.output() {
            Output::Spikes => Loss::CountCrossEntropy,
            Output::Membrane if is_integrator(&net) => Loss::LastCrossEntropy,
            Output::Membrane => Loss::MeanCrossEntropy,
        };
        Ok(Self {
            loss,
            rule: Rule::Bptt,
            recipe: None,
            readout: name_of_last(&net),
            net,
            report: Some(read.report),
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

/// Whether the readout adds up without forgetting.
fn is_integrator(net: &Network<f32>) -> bool {
    let last = net.spec().nodes.last().map(|n| &n.kind);
    matches!(last, Some(NodeKind::Population { neuron, .. }) if neuron == "i")
}

fn name_of_last(net: &Network<f32>) -> String {
    let last = net.spec().nodes.last();
    last.map_or(String::new(), |n| n.name.clone())
}

/// Writes a network as a checkpoint that is not trained yet.
pub fn checkpoint(net: Network<f32>, loss: Loss, folder: &Path) -> Result<()> {
    let spec = FitSpec {
        epochs: 0,
        batch: 1,
        rule: Rule::Bptt,
        wake: 0.0,
        eprop: Default::default(),
        decolle: Default::default(),
        objective: loss.into(),
        optimizer: OptimizerSpec::default(),
    };
    Fit::new(net, spec)?.save(folder, serde_json::Value::Null)?;
    Ok(())
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
