//! An experiment under way: the network of a recipe, its test, and the folder that it leaves.

use crate::kind::AnyRecipe;
use crate::observe::Scene;
use crate::recipe::{Detect, Recipe};
use crate::samples::{Data, Samples, batch, encode, presented, signals};
use crate::stop::quoted;
use anyhow::{Context, Result, bail};
use cortado::learn::{
    Batch, BatchReport, Fit, FitSpec, Matches, Rule, Targets, decolle, evaluate, eventprop,
};
use cortado::network::Network;
use cortado_base::write_atomic;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Samples that are tested together.
const TEST_BATCH: usize = 256;

/// Steps of a long recording that are run at a time.
const CHUNK: usize = 4096;

/// What a run has learned, and the data of its recipe.
pub struct Trained {
    /// Where it is.
    pub folder: Folder,
    /// What it was told to do.
    pub recipe: Recipe,
    /// What it learned from, and what it is tested on.
    pub data: Data,
    /// Where it stands.
    pub fit: Fit<f32>,
}

impl Trained {
    /// The run in a folder, under a recipe with `key=value` overrides.
    pub fn open(path: &Path, set: &[String]) -> Result<Self> {
        let (folder, recipe) = Folder::open(path)?;
        let recipe = recipe.with(set)?;
        let data = Data::load(&recipe)?;
        let (fit, _) = folder.load()?;
        Ok(Self {
            folder,
            recipe,
            data,
            fit,
        })
    }

    /// Its network beside the test data.
    pub fn scene(&self) -> Scene<'_> {
        Scene {
            recipe: &self.recipe,
            net: &self.fit.net,
            test: &self.data.test,
        }
    }
}

/// The network of a recipe before training.
pub fn network(recipe: &Recipe, data: &Data) -> Result<Network<f32>> {
    let mut net = Network::<f32>::new(&data.shape, &recipe.network, recipe.seed)?;
    if let Some(init) = &recipe.init {
        let first: Vec<usize> = (0..init.samples.min(data.train.len())).collect();
        let (input, _) = batch(recipe, &data.train, &first, 0)?;
        init.apply(&mut net, &input)?;
    }
    Ok(net)
}

/// What the test set gave.
pub fn test(recipe: &Recipe, net: &Network<f32>, data: &Samples) -> Result<Value> {
    if data.signals_of(0).is_some() {
        return follow(recipe, net, data);
    }
    if data.classes == 0 {
        return detect(recipe, net, data);
    }
    let mut sum = BatchReport::default();
    let mut layers: BTreeMap<String, usize> = BTreeMap::new();
    let all: Vec<usize> = (0..data.len()).collect();
    for chunk in all.chunks(TEST_BATCH) {
        let (input, targets) = presented(recipe, data, chunk, 0)?;
        let FitSpec {
            objective, decolle, ..
        } = &recipe.train;
        if let (Rule::Decolle, Batch::Steps(input), Targets::Classes(labels)) =
            (recipe.train.rule, &input, &targets)
        {
            for (name, right) in decolle::readouts(net, input, labels, objective, decolle)? {
                *layers.entry(name).or_default() += right;
            }
        }
        sum.add(match input {
            Batch::Steps(input) => evaluate(net, &input, targets, objective)?,
            Batch::Times(times) => eventprop::evaluate(net, &times, targets, objective)?,
        });
    }
    let n = sum.samples as f64;
    let accuracy = sum.correct as f64 / n;
    let mut result = json!({
        "accuracy": accuracy, "metric": accuracy, "metric_name": "accuracy", "loss": sum.loss,
        "spikes_per_sample": sum.spikes as f64 / n, "synops_per_sample": sum.synops as f64 / n,
        "seed": recipe.seed, "threads": rayon::current_num_threads(),
    });
    if !layers.is_empty() {
        let share = layers
            .into_iter()
            .map(|(name, k)| (name, json!(k as f64 / n)));
        result["readouts"] = Value::Object(share.collect());
    }
    Ok(result)
}

/// How closely the readout follows its signals: the mean squared error over the variance of the signals.
fn follow(recipe: &Recipe, net: &Network<f32>, data: &Samples) -> Result<Value> {
    let (mut off, mut all, mut fired) = (0.0, Vec::new(), 0);
    for i in 0..data.len() {
        let (input, _) = batch(recipe, data, &[i], 0)?;
        let wanted = signals(recipe, data, &[i])?;
        let record = net.run(&input, &[])?;
        fired += record.activity.iter().map(|a| a.spikes).sum::<usize>();
        for (t, row) in record.output.chunks_exact(net.outputs()).enumerate() {
            for (&y, &w) in row.iter().zip(wanted.row(0, t)) {
                off += (f64::from(y) - w).powi(2);
                all.push(w);
            }
        }
    }
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    let spread: f64 = all.iter().map(|w| (w - mean).powi(2)).sum();
    let nmse = off / spread;
    Ok(json!({
        "nmse": nmse, "metric": 1.0 - nmse, "metric_name": "r2", "spikes_per_sample": fired as f64 / data.len() as f64,
        "seed": recipe.seed, "threads": rayon::current_num_threads(),
    }))
}

/// Runs over recordings of any length, from end to end, and compares the spikes of the readout with the times that they hold.
fn detect(recipe: &Recipe, net: &Network<f32>, data: &Samples) -> Result<Value> {
    let Some(Detect { delay, tolerance }) = recipe.detect else {
        bail!("nothing says what a spike of the readout means");
    };
    let (dt, mut sum, mut hours) = (recipe.network.dt, Matches::default(), 0.0);
    let [mut given, mut fired] = [0; 2];
    for i in 0..data.len() {
        let steps = (data.duration(i) / dt).ceil() as usize;
        hours += data.duration(i) / 3600.0;
        let input = encode(recipe, data.sample(i), i, 0, steps)?;
        given += input.spikes();
        let (mut state, mut found) = (net.rest(1), Vec::new());
        for start in (0..steps).step_by(CHUNK) {
            let chunk = input.slice(start..(start + CHUNK).min(steps))?;
            let record = net.advance(&mut state, &chunk, &[])?;
            fired += record.activity.iter().map(|a| a.spikes).sum::<usize>();
            let spikes = record.output.iter().enumerate().filter(|(_, z)| **z == 1.0);
            found.extend(spikes.map(|(t, _)| (start + t) as f64 * dt - delay));
        }
        // A recording that ends before the spike is due does not say whether it would have come.
        let wanted = data.times(i).unwrap_or(&[]);
        let last = data.duration(i) - delay - tolerance;
        let due = &wanted[..wanted.partition_point(|&t| t <= last)];
        sum.add(Matches {
            extra: Matches::new(&found, wanted, tolerance).extra,
            ..Matches::new(&found, due, tolerance)
        });
    }
    Ok(json!({
        "sensitivity": sum.sensitivity(), "precision": sum.precision(), "metric": sum.f1(), "metric_name": "f1",
        "hits": sum.hits, "missed": sum.missed, "extra": sum.extra,
        "input_spikes_per_hour": given as f64 / hours, "spikes_per_hour": fired as f64 / hours,
        "seed": recipe.seed, "threads": rayon::current_num_threads(),
    }))
}

/// The folder of a run: `recipe.toml` as resolved, `metrics.jsonl`, `checkpoint/`.
pub struct Folder(PathBuf);

impl Folder {
    /// A new folder: `path`, or the first of `runs/NAME-SEED-1`, `-2`, ... that is not there.
    pub fn create(
        path: Option<&Path>,
        name: &str,
        seed: u64,
        recipe: &impl Serialize,
    ) -> Result<Self> {
        let stem = Path::new(name)
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        let place = |k: u32| format!("runs/{stem}-{seed}-{k}").into();
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
    pub fn any(path: &Path) -> Result<(Self, AnyRecipe)> {
        let place = path.join("recipe.toml");
        let text = std::fs::read_to_string(&place)
            .with_context(|| format!("{} is no run: {}", path.display(), place.display()))?;
        let recipe = AnyRecipe::parse(&text, &[]).with_context(|| place.display().to_string())?;
        Ok((Self(path.to_path_buf()), recipe))
    }

    /// As [`Folder::any`], of a run with a network.
    pub fn open(path: &Path) -> Result<(Self, Recipe)> {
        match Self::any(path)? {
            (folder, AnyRecipe::Network(recipe)) => Ok((folder, *recipe)),
            (_, AnyRecipe::Local(_)) => bail!(
                "{} is a run of a local rule: it has no network and no checkpoint; `cortado report {}` shows what it found",
                path.display(),
                quoted(&path.display().to_string())
            ),
        }
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
