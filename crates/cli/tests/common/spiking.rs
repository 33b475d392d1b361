//! A small network that spikes much, and what it is given.

use super::{done, json};
use serde_json::Value;
use std::path::PathBuf;

/// A network whose hidden neurons and readout spike much, and the folder it stands in.
pub struct Spiking {
    pub folder: tempfile::TempDir,
    pub run: PathBuf,
}

const RECIPE: &str = r#"
about = "digits whose readout spikes"
seed = 0
steps = 12
data = { name = "digits" }
encoder = { type = "bernoulli", gain = 0.5 }
train = { epochs = 2, batch = 32, objective = { loss = "count_cross_entropy" } }
[network]
dt = 1e-3
nodes = [
    { name = "flat", type = "flatten" },
    { name = "fc1", type = "linear", n = 32, scale = 8.0 },
    { name = "hidden", type = "population", neuron = "lif", params = { tau_mem = 9e-3 } },
    { name = "fc2", type = "linear", n = 10, scale = 4.0 },
    { name = "readout", type = "population", neuron = "lif", params = { tau_mem = 9e-3 } },
]
"#;

impl Spiking {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (recipe, run) = (folder.path().join("recipe.toml"), folder.path().join("run"));
        std::fs::write(&recipe, RECIPE).unwrap();
        let paths = [recipe.to_str().unwrap(), run.to_str().unwrap()];
        done(&["train", paths[0], "--json", "--out", paths[1]]);
        Self { folder, run }
    }

    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().into()
    }

    pub fn run(&self, input: &str, more: &[&str]) -> Vec<Value> {
        let mut args = vec!["run", self.run.to_str().unwrap(), input, "--json"];
        args.extend(more);
        done(&args).lines().map(json).collect()
    }
}

/// Some channels of 64 in some steps, the same every time.
pub fn pattern(steps: usize) -> Vec<Vec<u32>> {
    let fires = |t: usize, i: u32| (t as u32 * 7 + i * 13 + t as u32 * i).is_multiple_of(5);
    (0..steps)
        .map(|t| (0..64).filter(|&i| fires(t, i)).collect())
        .collect()
}

pub fn spike_lines(rows: &[Vec<u32>]) -> String {
    rows.iter()
        .map(|r| format!("{{\"spikes\":{r:?}}}\n"))
        .collect()
}
