//! Where a spiking network goes.

use anyhow::{Result, bail};
use cortado::learn::{Fit, FitSpec, Loss, OptimizerSpec, Rule};
use cortado::network::Network;
use cortado_convert::{nir, onnx, store};
use std::path::Path;

/// Writes a network as what the name of the file says: a checkpoint in a folder, or another tool's format.
pub fn network(network: Network<f32>, path: &Path) -> Result<()> {
    match path.extension().and_then(|e| e.to_str()) {
        None => checkpoint(network, path),
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

/// As a checkpoint that `cortado run` reads, its decision the largest membrane of the readout after the last step.
fn checkpoint(network: Network<f32>, path: &Path) -> Result<()> {
    let spec = FitSpec {
        epochs: 0,
        batch: 1,
        rule: Rule::Bptt,
        wake: 0.0,
        eprop: Default::default(),
        objective: Loss::LastCrossEntropy.into(),
        optimizer: OptimizerSpec::default(),
    };
    Ok(Fit::new(network, spec)?.save(path, serde_json::Value::Null)?)
}
