//! Recipes of local rules: a table `learn` in place of a network and its training.

use crate::experiment::Folder;
use crate::learned;
use crate::recipe::{Data, Form};
use crate::report;
use crate::stop::{self, Stopped};
use anyhow::{Context, Result, bail};
use cortado_local::{Learn, Outcome, Set};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::Write;
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

/// Carries a recipe out in its folder, from the start; the last line of its metrics.
///
/// # Errors
/// Data or settings that do not fit; files that cannot be written; [`Stopped`] when a signal came.
pub fn run(recipe: &Recipe, folder: &Folder, silent: bool) -> Result<Value> {
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
        (None, true) => bail!("recipe: expected [data], got none"),
        _ => None,
    };
    // What a run that was cut has left.
    folder.rewind(0)?;
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
        return Err(Stopped::local(signal).into());
    }
    let Outcome {
        line: mut result,
        learned,
    } = done?;
    let shape = split.as_ref().map_or(&[][..], |s| s.train.shape.as_slice());
    learned::save(folder.path(), &learned, shape)?;
    result["seconds"] = json!(start.elapsed().as_secs_f64());
    result["threads"] = json!(rayon::current_num_threads());
    result["seed"] = json!(recipe.seed);
    result["run"] = json!(folder.path().display().to_string());
    folder.log(&result)?;
    if let Err(e) = report::local(recipe, folder.path()) {
        report::warn("anything", &e);
    }
    Ok(result)
}
