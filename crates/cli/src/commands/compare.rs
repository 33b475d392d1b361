//! `cortado compare`: runs side by side.

use crate::experiment::Folder;
use crate::kind::AnyRecipe;
use crate::runs;
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `cortado compare`.
#[derive(clap::Args)]
#[command(after_help = "\
Keys of --json: runs, an array of objects with run (the folder), epochs, parameters, metric, metric_name, loss, \
spikes_per_sample, synops_per_sample, seconds and what else its result holds (null where a run has none yet, or no such thing; of a local rule under way, what its last line holds); differ, an \
object from each key of the recipes whose values are not all the same to the values in the order of the runs.")]
pub struct Args {
    /// Folders of runs
    #[arg(required = true, num_args = 2..)]
    runs: Vec<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// What is shown of a result, in this order, before what else it holds.
const FIRST: [&str; 8] = [
    "epochs",
    "parameters",
    "metric",
    "metric_name",
    "loss",
    "spikes_per_sample",
    "synops_per_sample",
    "seconds",
];

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let (mut results, mut recipes) = (Vec::new(), Vec::new());
    for path in &args.runs {
        let (folder, recipe) = Folder::any(path)?;
        recipes.push(runs::flat(&recipe)?);
        results.push(outcome(&folder, &recipe)?);
    }
    let recipes: Vec<&BTreeMap<String, Value>> = recipes.iter().collect();
    let differ = runs::differ(&recipes);
    let mut out = std::io::stdout();
    if args.json {
        writeln!(out, "{}", json!({ "runs": results, "differ": differ }))?;
        return Ok(());
    }
    let row = |key: &str, values: Vec<Value>| -> Vec<String> {
        let cells = values.iter().map(runs::cell);
        std::iter::once(key.to_string()).chain(cells).collect()
    };
    let of = |key: &str| results.iter().map(|r| r[key].clone()).collect::<Vec<_>>();
    let mut rows = vec![row("run", of("run"))];
    rows.extend(differ.iter().map(|(k, v)| row(k, v.clone())));
    for key in keys(&results) {
        rows.push(row(&key, of(&key)));
    }
    write!(out, "{}", super::align(&rows, ""))?;
    Ok(())
}

/// A run's result, or how far it has come.
fn outcome(folder: &Folder, recipe: &AnyRecipe) -> Result<Value> {
    let path = folder.path();
    let lines = runs::metrics(path)?;
    let epochs = lines.iter().filter(|l| l.get("epoch").is_some()).count();
    let mut value = match (runs::result(path)?, recipe) {
        (Some(result), _) => result,
        (None, AnyRecipe::Network(_)) => json!({ "epochs": epochs }),
        (None, AnyRecipe::Local(_)) => lines.last().cloned().unwrap_or_else(|| json!({})),
    };
    value["run"] = json!(path.display().to_string());
    let parameters = match folder.checkpoint().exists() {
        true => Some(folder.load()?.0.net.parameters()),
        false => None,
    };
    value["parameters"] = json!(parameters);
    for key in FIRST {
        if value.get(key).is_none() {
            value[key] = Value::Null;
        }
    }
    Ok(value)
}

/// The keys that any result has: the usual ones first, then the others, without those of the recipe.
fn keys(results: &[Value]) -> Vec<String> {
    let mut keys: Vec<String> = FIRST.map(String::from).to_vec();
    let objects = results.iter().filter_map(Value::as_object);
    for key in objects.flat_map(|o| o.keys()) {
        if !keys.contains(key) && !["run", "seed", "accuracy"].contains(&key.as_str()) {
            keys.push(key.clone());
        }
    }
    keys.retain(|key| results.iter().any(|r| !r[key].is_null()));
    keys
}
