//! Runs, checkpoints, recipes and tensors.

use super::{Found, Stats, show};
use crate::experiment::Folder;
use crate::recipe::{self, Recipe};
use crate::runs;
use anyhow::{Context, Result, bail};
use cortado::network::{Network, NetworkSpec};
use safetensors::tensor::{Dtype, SafeTensors};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;

/// A folder that `cortado train` left.
pub fn run(path: &Path) -> Result<Found> {
    let (folder, recipe) = Folder::open(path)?;
    let lines = runs::metrics(path)?;
    let epochs = lines.iter().filter(|l| l.get("epoch").is_some());
    let result = lines.iter().rfind(|l| l.get("metric").is_some());
    let mut value = json!({
        "about": recipe.about,
        "epochs": { "done": epochs.count(), "planned": recipe.train.epochs },
        "result": result,
        "recipe": recipe,
    });
    let mut text = format!("{}\n", recipe.about);
    if folder.checkpoint().exists() {
        let found = checkpoint(&folder.checkpoint())?;
        value["checkpoint"] = found.value;
        text += &found.text;
    }
    Ok(Found {
        text,
        said: &["about", "checkpoint"],
        ..Found::plain("run", value)
    })
}

/// A recipe in a file.
pub fn recipe(path: &Path) -> Result<Found> {
    let text = std::fs::read_to_string(path)?;
    let recipe: Recipe = recipe::parse(&text, &[])?;
    let mut value = json!({ "about": recipe.about, "recipe": recipe });
    value["convention"] = json!(recipe.network.convention);
    Ok(Found {
        text: format!("{}\n", recipe.about),
        said: &["about", "convention"],
        ..Found::plain("recipe", value)
    })
}

/// The manifest of a checkpoint.
pub fn manifest(path: &Path) -> Result<Found> {
    checkpoint(path.parent().unwrap_or(Path::new(".")))
}

/// The folder of a checkpoint; its numbers are described even where a network would refuse them.
pub fn checkpoint(folder: &Path) -> Result<Found> {
    let path = folder.join("manifest.json");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let m: Value = serde_json::from_str(&text)
        .with_context(|| format!("{} is no manifest of a checkpoint", path.display()))?;
    let place = || path.display().to_string();
    let spec: NetworkSpec = serde_json::from_value(m["network"].clone()).with_context(place)?;
    let input: Vec<usize> = serde_json::from_value(m["input"].clone()).with_context(place)?;
    let net = Network::<f32>::new(&input, &spec, 0).with_context(place)?;
    let name = m["numbers"].as_str().unwrap_or_default();
    if Path::new(name).file_name() != Some(name.as_ref()) {
        bail!(
            "{}: expected the name of a file beside the manifest, got '{name}'",
            place()
        );
    }
    let numbers = folder.join(name);
    let bytes =
        std::fs::read(&numbers).with_context(|| format!("cannot read {}", numbers.display()))?;
    let sum: String = Sha256::digest(&bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let intact = m["sha256"] == json!(sum);
    let parameters = match tensors(&bytes) {
        Ok(all) => json!(all.into_iter().filter(own).collect::<Vec<_>>()),
        Err(_) if !intact => Value::Null,
        Err(e) => return Err(e.context(numbers.display().to_string())),
    };
    let samples = m["note"]["samples"].as_u64().filter(|&n| n > 0);
    let batch = m["fit"]["batch"].as_u64().filter(|&b| b > 0);
    let epochs = samples.zip(batch).zip(m["steps"].as_u64());
    let value = json!({
        "version": m["version"], "format": m["format"], "dtype": m["dtype"], "input": input,
        "steps": m["steps"], "epochs": epochs.map(|((n, b), s)| s / n.div_ceil(b)),
        "seed": m["seed"], "intact": intact, "dt": spec.dt, "convention": spec.convention,
        "surrogate": spec.surrogate, "parameters": parameters, "network": spec,
    });
    let text = format!("{net}{}", show::rest(&value, &["network"]));
    Ok(Found {
        text,
        said: &[
            "version",
            "format",
            "dtype",
            "input",
            "steps",
            "epochs",
            "seed",
            "intact",
            "dt",
            "convention",
            "surrogate",
            "parameters",
            "network",
        ],
        ..Found::plain("checkpoint", value)
    })
}

/// Whether a tensor is the network's, not the optimiser's.
fn own(tensor: &Value) -> bool {
    !tensor["name"]
        .as_str()
        .unwrap_or_default()
        .starts_with("optimizer.")
}

/// A file of tensors.
pub fn numbers(path: &Path) -> Result<Found> {
    let all = tensors(&std::fs::read(path)?)?;
    Ok(Found::plain("safetensors", json!({ "tensors": all })))
}

fn tensors(bytes: &[u8]) -> Result<Vec<Value>> {
    let all = SafeTensors::deserialize(bytes)?;
    let mut rows = Vec::new();
    let mut names = all.names();
    names.sort_unstable();
    for name in names {
        let tensor = all.tensor(name)?;
        let mut row = json!({
            "name": name, "type": format!("{:?}", tensor.dtype()), "shape": tensor.shape(),
        });
        values(tensor.dtype(), tensor.data()).put(&mut row);
        rows.push(row);
    }
    Ok(rows)
}

/// Statistics of little-endian floats; of other types the count alone is known, and no value is counted as finite.
fn values(dtype: Dtype, data: &[u8]) -> Stats {
    let four = |b: &[u8]| {
        b.try_into()
            .map_or(f64::NAN, |b| f64::from(f32::from_le_bytes(b)))
    };
    let eight = |b: &[u8]| b.try_into().map_or(f64::NAN, f64::from_le_bytes);
    match dtype {
        Dtype::F32 => Stats::of(data.chunks_exact(4).map(four)),
        Dtype::F64 => Stats::of(data.chunks_exact(8).map(eight)),
        _ => Stats::default(),
    }
}
