//! An experiment under way: a recipe, its data, and the folder that it leaves.

use crate::recipe::{self, Recipe};
use anyhow::{Context, Result};
use cortado::encode::Presentation;
use cortado::learn::{BatchReport, Fit, Targets, evaluate, write_atomic};
use cortado::network::Network;
use cortado::sim::clock::Input;
use cortado_data::{Dataset, Split};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Samples that are tested together.
const TEST_BATCH: usize = 256;

/// The data of a recipe.
pub fn data(recipe: &Recipe) -> Result<Split> {
    let folder = recipe.data.folder.as_ref();
    let mut split = cortado_data::load(&recipe.data.name, folder).context("data")?;
    if recipe.data.holdout > 0 {
        split.test = split.train.split_off(recipe.data.holdout);
    }
    if recipe.data.limit > 0 {
        split.train.truncate(recipe.data.limit);
    }
    Ok(split)
}

/// Samples as a recipe has them encoded; `round` 0 is the test, the epochs follow.
pub fn batch(
    recipe: &Recipe,
    data: &Dataset,
    ids: &[usize],
    round: u64,
) -> cortado::Result<(Input<f32>, Targets<'static>)> {
    let values = ids.iter().flat_map(|&i| data.sample(i).iter().copied());
    let values: Vec<f32> = values.collect();
    let names: Vec<u32> = ids.iter().map(|&i| i as u32).collect();
    let at = Presentation {
        steps: recipe.steps,
        dt: recipe.network.dt,
        seed: recipe.seed,
        round,
    };
    let input = recipe.encoder.encode(&values, &names, &at)?;
    let labels: Vec<u32> = ids.iter().map(|&i| data.label(i)).collect();
    Ok((input, labels.into()))
}

/// What the test set gave.
pub fn test(recipe: &Recipe, net: &Network<f32>, data: &Dataset) -> Result<Value> {
    let mut sum = BatchReport::default();
    let all: Vec<usize> = (0..data.len()).collect();
    for chunk in all.chunks(TEST_BATCH) {
        let (input, targets) = batch(recipe, data, chunk, 0)?;
        sum.add(evaluate(net, &input, targets, &recipe.train.objective)?);
    }
    let n = sum.samples as f64;
    let accuracy = sum.correct as f64 / n;
    Ok(json!({
        "accuracy": accuracy, "metric": accuracy, "metric_name": "accuracy", "loss": sum.loss,
        "spikes_per_sample": sum.spikes as f64 / n, "synops_per_sample": sum.synops as f64 / n,
        "seed": recipe.seed, "threads": rayon::current_num_threads(),
    }))
}

/// The folder of a run: `recipe.toml` as resolved, `metrics.jsonl`, `checkpoint/`.
pub struct Folder(PathBuf);

impl Folder {
    /// A new folder: `path`, or the first of `runs/NAME-SEED-1`, `-2`, ... that is not there.
    pub fn create(path: Option<&Path>, name: &str, recipe: &Recipe) -> Result<Self> {
        let stem = Path::new(name)
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        let place = |k: u32| format!("runs/{stem}-{}-{k}", recipe.seed).into();
        let mut tries = (1..).map(place);
        let folder = loop {
            let next = match path {
                Some(path) => path.to_path_buf(),
                None => tries.next().unwrap_or_default(),
            };
            if let Some(parent) = next.parent() {
                std::fs::create_dir_all(parent)
                    .with_context(|| format!("cannot create {}", parent.display()))?;
            }
            match std::fs::create_dir(&next) {
                Ok(()) => break next,
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && path.is_none() => {}
                Err(e) => {
                    return Err(e).with_context(|| {
                        format!(
                            "cannot create {} (--resume goes on with a run)",
                            next.display()
                        )
                    });
                }
            }
        };
        let text = toml::to_string(recipe)?;
        write_atomic(&folder.join("recipe.toml"), text.as_bytes())?;
        Ok(Self(folder))
    }

    /// The folder of a run that was there before, and its recipe.
    pub fn open(path: &Path) -> Result<(Self, Recipe)> {
        let place = path.join("recipe.toml");
        let text = std::fs::read_to_string(&place)
            .with_context(|| format!("{} is no run: {}", path.display(), place.display()))?;
        let recipe = recipe::parse(&text, &[]).with_context(|| place.display().to_string())?;
        Ok((Self(path.to_path_buf()), recipe))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where its checkpoint is.
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint")
    }

    /// The training run in its checkpoint, and the seconds that it took.
    pub fn load(&self) -> Result<(Fit<f32>, f64)> {
        let (fit, note) = Fit::load(&self.checkpoint())?;
        Ok((fit, note["seconds"].as_f64().unwrap_or(0.0)))
    }

    /// Appends a line to the metrics.
    pub fn log(&self, line: &Value) -> Result<()> {
        let path = self.0.join("metrics.jsonl");
        let write = || {
            let mut file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path)?;
            file.write_all(format!("{line}\n").as_bytes())
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// Forgets the metrics of epochs after that one: they will come again.
    pub fn rewind(&self, epochs: usize) -> Result<()> {
        let path = self.0.join("metrics.jsonl");
        let text = match std::fs::read_to_string(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let epoch = |line: &str| serde_json::from_str::<Value>(line).ok()?["epoch"].as_u64();
        let kept = text
            .lines()
            .filter(|l| epoch(l).is_some_and(|e| e <= epochs as u64));
        let kept: String = kept.map(|l| format!("{l}\n")).collect();
        Ok(write_atomic(&path, kept.as_bytes())?)
    }
}
