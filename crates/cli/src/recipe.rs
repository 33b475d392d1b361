//! Recipes: experiments as TOML, embedded, with values that the command line may override.

use anyhow::{Context, Result, bail};
use cortado::learn::Loss;
use cortado::network::NetworkSpec;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// The recipes that are built in.
const RECIPES: [(&str, &str); 3] = [
    ("digits", include_str!("../../../recipes/digits.toml")),
    (
        "mnist-direct",
        include_str!("../../../recipes/mnist-direct.toml"),
    ),
    (
        "fashion-direct",
        include_str!("../../../recipes/fashion-direct.toml"),
    ),
];

/// An experiment.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// One line on what it does.
    pub about: String,
    /// Seed of all random numbers.
    pub seed: u64,
    /// What it learns from.
    pub data: Data,
    /// How it learns.
    pub train: Train,
    /// What learns.
    pub network: NetworkSpec,
}

/// What a recipe learns from.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Name of the data set.
    pub name: String,
    /// Folder of the data sets.
    #[serde(default = "folder")]
    pub folder: String,
    /// Number of training samples to keep; 0 for all.
    #[serde(default)]
    pub limit: usize,
}

fn folder() -> String {
    cortado_data::default_folder().display().to_string()
}

/// How a recipe learns.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// Passes over the training set.
    pub epochs: usize,
    /// Samples of one step of the optimiser.
    pub batch: usize,
    /// Steps of the clock for a sample.
    pub steps: usize,
    /// Learning rate of Adam; decays as a cosine.
    pub rate: f64,
    /// Largest norm of a gradient.
    pub clip: f64,
    /// The loss.
    pub loss: Loss,
}

/// Prints the recipes.
pub fn list(json: bool) -> Result<()> {
    let mut rows = Vec::new();
    for (name, _) in RECIPES {
        let recipe = load(name, &[])?;
        rows.push(serde_json::json!({ "name": name, "about": recipe.about, "epochs": recipe.train.epochs }));
        if !json {
            println!("{name:16} {}", recipe.about);
        }
    }
    if json {
        println!("{}", serde_json::to_string(&rows)?);
    }
    Ok(())
}

/// The recipe of that name with `key=value` overrides.
///
/// # Errors
/// An unknown recipe or key, with the nearest name; a value of the wrong type.
pub fn load(name: &str, set: &[String]) -> Result<Recipe> {
    let names: Vec<&str> = RECIPES.iter().map(|r| r.0).collect();
    let Some((_, text)) = RECIPES.iter().find(|r| r.0 == name) else {
        bail!(
            "no recipe '{name}': nearest is '{}'; there are {}",
            nearest(name, &names),
            names.join(", ")
        );
    };
    let table: Table = text.parse().context("an embedded recipe")?;
    // Defaults become visible keys, so that they can be overridden and a mistyped key cannot pass for one.
    let recipe: Recipe = table.try_into()?;
    let mut table = Value::try_from(&recipe)?;
    for pair in set {
        let Some((key, value)) = pair.split_once('=') else {
            bail!("--set {pair}: expected key=value");
        };
        let value = format!("x = {value}")
            .parse::<Table>()
            .ok()
            .and_then(|mut t| t.remove("x"))
            .unwrap_or_else(|| Value::String(value.into()));
        let mut known = Vec::new();
        keys("", &table, &mut known);
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        if !known.contains(&key) {
            bail!(
                "--set {key}: no such key; nearest is '{}'",
                nearest(key, &known)
            );
        }
        if let Some(slot) = find(&mut table, key) {
            *slot = match (&*slot, value) {
                (Value::Float(_), Value::Integer(i)) => Value::Float(i as f64),
                (_, v) => v,
            };
        }
    }
    table
        .try_into()
        .with_context(|| format!("recipe '{name}' with {}", set.join(" ")))
}

/// The value at a dotted key; numbers count in arrays.
fn find<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    key.split('.').try_fold(value, |at, part| match at {
        Value::Array(a) => part.parse::<usize>().ok().and_then(|i| a.get_mut(i)),
        Value::Table(t) => t.get_mut(part),
        _ => None,
    })
}

fn keys(prefix: &str, value: &Value, out: &mut Vec<String>) {
    let join = |k: &str| {
        if prefix.is_empty() {
            k.to_string()
        } else {
            format!("{prefix}.{k}")
        }
    };
    match value {
        Value::Table(t) => t.iter().for_each(|(k, v)| keys(&join(k), v, out)),
        Value::Array(a) => a
            .iter()
            .enumerate()
            .for_each(|(i, v)| keys(&join(&i.to_string()), v, out)),
        _ => out.push(prefix.to_string()),
    }
}

/// The candidate with the fewest edits to `name`.
fn nearest<'a>(name: &str, candidates: &[&'a str]) -> &'a str {
    candidates
        .iter()
        .copied()
        .min_by_key(|c| distance(name, c))
        .unwrap_or("")
}

/// Levenshtein's edit distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_reach_every_level_and_keep_their_type() {
        let set = [
            "seed=7",
            "train.epochs=3",
            "train.rate=1",
            "network.populations.0.n=100",
        ]
        .map(String::from);
        let r = load("digits", &set).unwrap();
        assert_eq!(
            (
                r.seed,
                r.train.epochs,
                r.train.rate,
                r.network.populations[0].n
            ),
            (7, 3, 1.0, 100)
        );
    }

    #[test]
    fn a_mistyped_key_or_recipe_names_the_nearest() {
        let key = load("digits", &["train.epocs=3".into()])
            .unwrap_err()
            .to_string();
        assert!(key.contains("train.epochs"), "{key}");
        let name = load("digit", &[]).unwrap_err().to_string();
        assert!(name.contains("'digits'"), "{name}");
        assert!(load("digits", &["train.epochs=many".into()]).is_err());
    }
}
