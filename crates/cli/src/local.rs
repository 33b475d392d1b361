//! Recipes of local rules: a table `learn` in place of a network and its training.

use crate::experiment::Folder;
use crate::recipe::{self, Data, Form};
use crate::stop;
use anyhow::{Context, Result, bail};
use cortado_base::write_atomic;
use cortado_local::{Learn, Outcome, Set, Tensor};
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// An experiment of a local rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// One line on what it does.
    pub about: String,
    /// Seed of all random numbers.
    pub seed: u64,
    /// What it learns from, if that is data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// The rule and its settings.
    pub learn: Learn,
}

impl Form for Recipe {}

/// Whether a recipe's text is of this kind.
pub fn is_local(text: &str) -> bool {
    let table = text.parse::<toml::Table>();
    table.is_ok_and(|t| t.contains_key("learn"))
}

/// Runs a recipe into a new folder; the last line of its metrics.
///
/// # Errors
/// A recipe, data or settings that do not fit; files that cannot be written.
pub fn run(name: &str, set: &[String], out: Option<&Path>, silent: bool) -> Result<Value> {
    let recipe: Recipe =
        recipe::parse(&recipe::text(name)?, set).with_context(|| format!("recipe '{name}'"))?;
    let experiment = recipe.learn.experiment();
    let split = match (&recipe.data, experiment.wants_data()) {
        (Some(data), true) => {
            let mut split =
                cortado_data::load_split(&data.name, &data.place(), &data.split).context("data")?;
            if data.holdout > 0 {
                split.test = split.train.split_off(data.holdout);
            }
            if data.limit > 0 {
                split.train.truncate(data.limit);
            }
            Some(split)
        }
        (None, true) => bail!("recipe '{name}': expected [data], got none"),
        _ => None,
    };
    let folder = Folder::create(out, name, recipe.seed, &recipe)?;
    let data = split.as_ref().map(|s| cortado_local::Data {
        shape: &s.train.shape,
        classes: s.train.classes,
        train: Set {
            values: s.train.all_values(),
            labels: s.train.labels(),
        },
        test: Set {
            values: s.test.all_values(),
            labels: s.test.labels(),
        },
    });
    if !silent {
        writeln!(std::io::stdout(), "{}", recipe.about).context("cannot write to stdout")?;
    }
    stop::watch()?;
    let start = Instant::now();
    let mut log = |mut line: Value| {
        line["seconds"] = json!(start.elapsed().as_secs_f64());
        let wrong = |e: anyhow::Error| {
            cortado_local::Error::invalid(
                "metrics",
                "the run",
                "a file to write to",
                format!("{e:#}"),
            )
        };
        folder.log(&line).map_err(wrong)?;
        if !silent {
            let _ = writeln!(std::io::stdout(), "{line}");
        }
        match stop::signal() {
            Some(signal) => Err(cortado_local::Error::invalid(
                "run",
                "its folder",
                "an end",
                format!("signal {signal}"),
            )),
            None => Ok(()),
        }
    };
    let done = experiment.run(recipe.seed, data.as_ref(), &mut log);
    if let (Err(_), Some(signal)) = (&done, stop::signal()) {
        let resume = None;
        return Err(stop::Stopped { signal, resume }.into());
    }
    let Outcome {
        line: mut result,
        learned,
    } = done?;
    save(&folder, &learned)?;
    result["seconds"] = json!(start.elapsed().as_secs_f64());
    result["threads"] = json!(rayon::current_num_threads());
    result["seed"] = json!(recipe.seed);
    result["run"] = json!(folder.path().display().to_string());
    folder.log(&result)?;
    Ok(result)
}

/// Writes what was learned into the folder of the run, as `weights.safetensors`.
fn save(folder: &Folder, learned: &[Tensor]) -> Result<()> {
    let bytes: Vec<Vec<u8>> = learned
        .iter()
        .map(|t| t.values.iter().flat_map(|v| v.to_le_bytes()).collect())
        .collect();
    let mut views = Vec::new();
    for (t, bytes) in learned.iter().zip(&bytes) {
        views.push((
            &t.name,
            TensorView::new(Dtype::F32, t.shape.clone(), bytes)?,
        ));
    }
    let path = folder.path().join("weights.safetensors");
    write_atomic(&path, &safetensors::serialize(views, None)?)?;
    Ok(())
}
