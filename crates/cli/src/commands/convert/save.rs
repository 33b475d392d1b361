//! Where a spiking network goes.

use crate::commands::run::model::checkpoint;
use anyhow::{Result, bail};
use cortado::learn::Loss;
use cortado::network::Network;
use cortado_convert::nir::Fate;
use cortado_convert::{nir, onnx, store};
use cortado_interop::nir::File;
use cortado_interop::onnx::Model;
use std::path::Path;

/// A network in the form in which it is written.
pub enum Form {
    /// A checkpoint in a folder.
    Folder,
    /// Weights alone.
    Weights,
    /// A step of the clock.
    Step(Box<Model>),
    /// A graph, and what it could not say.
    Graph(Box<File>, Vec<String>),
}

impl Form {
    /// The form that the name of a file asks for; what it cannot hold is an error before anything is run.
    pub fn new(network: &Network<f32>, path: &Path) -> Result<Self> {
        Ok(match path.extension().and_then(|e| e.to_str()) {
            None => Self::Folder,
            Some("safetensors") => Self::Weights,
            Some("onnx") => Self::Step(Box::new(onnx::step(network, onnx::Given::Current)?.model)),
            Some("nir") => {
                let out = nir::export(network, nir::Fed::Currents)?;
                let lost = out.report.of(Fate::Lost).map(|l| {
                    let node = l.node.as_deref().map(|n| format!("{n}: "));
                    format!("lost in NIR: {}{}", node.unwrap_or_default(), l.what)
                });
                Self::Graph(Box::new(out.file), lost.collect())
            }
            Some(other) => bail!(
                "--out {}: expected a folder, or a name that ends in .nir, .onnx or .safetensors, got .{other}",
                path.display()
            ),
        })
    }

    /// Writes it; what it could not say.
    pub fn write(self, network: Network<f32>, path: &Path) -> Result<Vec<String>> {
        match self {
            // The decision is the largest membrane of the readout after the last step.
            Self::Folder => checkpoint(network, Loss::LastCrossEntropy, path)?,
            Self::Weights => store::write_network(path, &network)?,
            Self::Step(model) => model.write(path)?,
            Self::Graph(file, lost) => {
                file.write(path)?;
                return Ok(lost);
            }
        }
        Ok(Vec::new())
    }
}
