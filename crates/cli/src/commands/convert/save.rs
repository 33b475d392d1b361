//! Where a spiking network goes.

use crate::commands::run::model::checkpoint;
use anyhow::{Result, bail};
use cortado::learn::Loss;
use cortado::network::Network;
use cortado_convert::{nir, onnx, store};
use std::path::Path;

/// Writes a network as what the name of the file says: a checkpoint in a folder, or another tool's format.
pub fn network(network: Network<f32>, path: &Path) -> Result<()> {
    match path.extension().and_then(|e| e.to_str()) {
        // The decision is the largest membrane of the readout after the last step.
        None => checkpoint(network, Loss::LastCrossEntropy, path),
        Some("safetensors") => Ok(store::write_network(path, &network)?),
        Some("onnx") => Ok(onnx::step(&network, onnx::Given::Current)?
            .model
            .write(path)?),
        Some("nir") => Ok(nir::export(&network, nir::Fed::Currents)?
            .file
            .write(path)?),
        Some(other) => bail!(
            "--out {}: expected a folder, or a name that ends in .nir, .onnx or .safetensors, got .{other}",
            path.display()
        ),
    }
}
