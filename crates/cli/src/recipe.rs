//! Recipes: experiments as TOML, embedded, with values that the command line may override.

use anyhow::{Context, Result, bail};
use cortado::encode::{Augment, Distort, Encoder};
use cortado::learn::{FitSpec, RateInit};
use cortado::network::NetworkSpec;
use cortado_events::transform::Pipeline;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use toml::{Table, Value};

macro_rules! embedded {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("../../../recipes/", $name, ".toml")))),*]
    };
}

/// The recipes that are built in.
const RECIPES: [(&str, &str); 31] = embedded![
    "digits",
    "digits-events",
    "events-decolle",
    "digits-ann",
    "digits-stdp",
    "stdp-competition",
    "mnist-direct",
    "mnist-latency",
    "mnist-first-spike",
    "mnist-latency-eventprop",
    "mnist-eprop",
    "mnist-decolle",
    "mnist-diehl-cook",
    "mnist-continual",
    "fashion-direct",
    "mnist-conv",
    "fashion-conv",
    "fashion-ann",
    "yin-yang",
    "yin-yang-eventprop",
    "fsdd",
    "fsdd-eventprop-delays",
    "fsdd-eprop",
    "eprop-pattern",
    "eprop-evidence",
    "braille",
    "ecg-rpeak",
    "shd",
    "mnist-conv-stdp",
    "mnist-r-stdp",
    "distal-reward"
];

/// An experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// One line on what it does.
    pub about: String,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Steps of the clock for a sample.
    pub steps: usize,
    /// What it learns from.
    pub data: Data,
    /// How samples reach the network.
    #[serde(default)]
    pub encoder: Encoder,
    /// How training samples are varied.
    #[serde(default)]
    pub augment: Augment,
    /// What spikes of the readout mean, where samples hold times in place of a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detect: Option<Detect>,
    /// How weights are scaled before training, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<RateInit>,
    /// How it learns.
    pub train: FitSpec,
    /// What learns.
    pub network: NetworkSpec,
}

/// What a recipe learns from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Name of the data set.
    pub name: String,
    /// Folder of the data sets; where the environment says if empty, so that a run can be taken elsewhere.
    #[serde(default)]
    pub folder: String,
    /// Number of training samples to keep; 0 for all.
    #[serde(default)]
    pub limit: usize,
    /// Number of training samples, the last ones, that take the place of the test set: to choose settings by.
    #[serde(default)]
    pub holdout: usize,
    /// How the data set is cut into training and test, where it can be in several ways; as usual if empty.
    #[serde(default)]
    pub split: String,
    /// What is done to recordings of events when they are read, once: the transforms of `cortado-events`.
    #[serde(default, skip_serializing_if = "no_transforms")]
    pub transforms: Pipeline,
    /// What is added to the signals that are tested, for a trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distort: Option<Distort>,
}

/// What spikes of the readout mean, where samples hold times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detect {
    /// Seconds after the time at which the spike is wanted.
    pub delay: f64,
    /// Seconds between a spike and the time, either way, within which it counts as a hit.
    pub tolerance: f64,
}

fn no_transforms(transforms: &Pipeline) -> bool {
    transforms.0.is_empty()
}

impl Data {
    /// Folder of the data sets.
    pub fn place(&self) -> PathBuf {
        match self.folder.as_str() {
            "" => cortado_data::default_folder(),
            folder => folder.into(),
        }
    }
}

/// The names of the recipes that are built in.
pub fn names() -> impl Iterator<Item = &'static str> {
    RECIPES.iter().map(|r| r.0)
}

/// The text of the recipe of that name, or in the file of that name if it ends in `.toml`.
///
/// # Errors
/// An unknown recipe, with the nearest name; a file that cannot be read.
pub fn text(name: &str) -> Result<String> {
    Ok(if name.ends_with(".toml") {
        std::fs::read_to_string(name).with_context(|| format!("recipe {name}"))?
    } else if let Some((_, text)) = RECIPES.iter().find(|r| r.0 == name) {
        (*text).to_string()
    } else {
        let known: Vec<&str> = names().collect();
        bail!(
            "no recipe '{name}': nearest is '{}'; there are {}",
            nearest(name, &known),
            known.join(", ")
        );
    })
}

/// A recipe from its text, with `key=value` overrides.
///
/// # Errors
/// An unknown key, with the nearest name; a value of the wrong type.
pub fn parse<T: Form>(text: &str, set: &[String]) -> Result<T> {
    let table: Table = text.parse()?;
    with(resolve(&Value::Table(table))?, set)
}

/// What a recipe can be read as.
pub trait Form: Serialize + DeserializeOwned {}

impl Form for Recipe {}

/// A recipe with `key=value` overrides.
fn with<T: Form>(mut recipe: T, set: &[String]) -> Result<T> {
    for pair in set {
        recipe = changed(&recipe, pair)?;
    }
    Ok(recipe)
}

impl Recipe {
    /// The recipe with `key=value` overrides.
    ///
    /// # Errors
    /// As [`parse`].
    pub fn with(self, set: &[String]) -> Result<Self> {
        with(self, set)
    }
}

/// A recipe with one `key=value` override.
fn changed<T: Form>(recipe: &T, pair: &str) -> Result<T> {
    let Some((key, value)) = pair.split_once('=') else {
        bail!("--set {pair}: expected key=value");
    };
    let value = format!("x = {value}")
        .parse::<Table>()
        .ok()
        .and_then(|mut t| t.remove("x"))
        .unwrap_or_else(|| Value::String(value.into()));
    let mut table = Value::try_from(recipe)?;
    // One key for the rule of all recipes: that of local rules, which have no network to train.
    let key = match key {
        "learn.rule" if table.get("learn").is_none() => "train.rule",
        key => key,
    };
    let known = find(&table, key);
    let unknown = unknown(key, &table);
    let changed = put(&mut table, key, value);
    match resolve(&table) {
        Ok(recipe) if changed => Ok(recipe),
        Err(e) if known || changed && !of_the_key(&e, key) => {
            Err(e.context(format!("--set {pair}")))
        }
        _ => bail!("--set {unknown}"),
    }
}

/// Whether an error is about a key that nothing knows, and not about the value that it was given.
fn of_the_key(e: &anyhow::Error, key: &str) -> bool {
    let text = format!("{e:#}");
    let last = key.rsplit('.').next().unwrap_or(key);
    [
        &format!("unknown field `{last}`"),
        "no such key",
        "did not match any variant",
    ]
    .iter()
    .any(|sign| text.contains(*sign))
}

/// A recipe from its table; a key that does not come out again was not understood.
fn resolve<T: Form>(table: &Value) -> Result<T> {
    let recipe: T = table.clone().try_into()?;
    let resolved = Value::try_from(&recipe)?;
    let mut given = Vec::new();
    keys("", table, &mut given);
    if let Some(key) = given.iter().find(|key| !find(&resolved, key)) {
        bail!("{}", unknown(key, &resolved));
    }
    Ok(recipe)
}

fn unknown(key: &str, table: &Value) -> String {
    let mut known = Vec::new();
    keys("", table, &mut known);
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    format!("{key}: no such key; nearest is '{}'", nearest(key, &known))
}

/// The member of a table, or of an array by its number or by the `name` of what stands there.
fn member(value: &Value, part: &str) -> Option<usize> {
    match value {
        Value::Array(a) => {
            let named = |v: &Value| v.get("name").and_then(Value::as_str) == Some(part);
            let index = part.parse().ok().filter(|&i| i < a.len());
            index.or_else(|| a.iter().position(named))
        }
        Value::Table(t) => t.keys().position(|k| k == part),
        _ => None,
    }
}

/// Whether there is a value at a dotted key.
fn find(value: &Value, key: &str) -> bool {
    let step = |at, part| match at {
        Value::Array(ref a) => member(&at, part).map(|i| a[i].clone()),
        Value::Table(t) => t.get(part).cloned(),
        _ => None,
    };
    key.split('.').try_fold(value.clone(), step).is_some()
}

/// Puts a value at a dotted key; a float stays one, and a text.
fn put(value: &mut Value, key: &str, new: Value) -> bool {
    let (part, rest) = match key.split_once('.') {
        Some((part, rest)) => (part, Some(rest)),
        None => (key, None),
    };
    let at = member(value, part);
    let slot = match (value, at) {
        (Value::Array(a), Some(i)) => a.get_mut(i),
        (Value::Table(t), None) if rest.is_none() => {
            t.insert(part.into(), new);
            return true;
        }
        (Value::Table(t), _) => t.get_mut(part),
        _ => None,
    };
    match (slot, rest) {
        (Some(slot), Some(rest)) => put(slot, rest, new),
        (Some(slot), None) => {
            *slot = match (&*slot, new) {
                (Value::Float(_), Value::Integer(i)) => Value::Float(i as f64),
                (
                    Value::String(_),
                    v @ (Value::Integer(_) | Value::Float(_) | Value::Boolean(_)),
                ) => Value::String(v.to_string()),
                (_, v) => v,
            };
            true
        }
        (None, _) => false,
    }
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
        Value::Array(a) => a.iter().enumerate().for_each(|(i, v)| {
            let name = v.get("name").and_then(Value::as_str);
            keys(&join(name.unwrap_or(&i.to_string())), v, out);
        }),
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
    use cortado::learn::Rule;
    use proptest::prelude::*;
    use proptest::sample::Index;

    fn load(name: &str, set: &[String]) -> Result<Recipe> {
        parse(&text(name)?, set)
    }

    #[test]
    fn overrides_reach_every_level_and_keep_their_type() {
        let set = [
            "seed=7",
            "train.epochs=3",
            "train.optimizer.rate=1",
            "train.objective.truncate=4",
            "data.split=3",
            "network.nodes.fc1.n=100",
            "network.nodes.2.params.tau_mem=2e-3",
        ]
        .map(String::from);
        let r = load("digits", &set).unwrap();
        assert_eq!((r.seed, r.train.epochs), (7, 3));
        assert_eq!(r.train.optimizer.rate, 1.0);
        assert_eq!(r.data.split, "3");
        assert_eq!(r.train.objective.truncate, Some(4));
        let text = format!("{:?}", r.network.nodes);
        assert!(
            text.contains("n: Some(100)") && text.contains("One(0.002)"),
            "{text}"
        );
    }

    #[test]
    fn one_key_is_the_rule_of_every_recipe() {
        let rule = |name: &str| load("digits", &[format!("learn.rule={name}")]);
        assert_eq!(rule("decolle").unwrap().train.rule, Rule::Decolle);
        let wrong = format!("{:#}", rule("hebb").unwrap_err());
        assert!(wrong.contains("`eprop`, `ottt`, `decolle`"), "{wrong}");
        // A recipe of a local rule has its own.
        let set = ["learn.rule=conv_stdp".to_string()];
        let local = parse::<crate::local::Recipe>(&text("mnist-conv-stdp").unwrap(), &set);
        assert!(local.is_ok());
    }

    #[test]
    fn a_mistyped_key_or_recipe_names_the_nearest() {
        for (wrong, right) in [
            ("train.epocs=3", "'train.epochs'"),
            ("sed=3", "'seed'"),
            ("network.nodes.fc1.m=3", "'network.nodes.fc1.n'"),
            ("encoder.tipe=3", "'encoder.type'"),
        ] {
            let error = load("digits", &[wrong.into()]).unwrap_err();
            assert!(format!("{error:#}").contains(right), "{error:#}");
        }
        let name = load("digit", &[]).unwrap_err().to_string();
        assert!(name.contains("'digits'"), "{name}");
        assert!(load("digits", &["train.epochs=many".into()]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// A recipe with pieces of text exchanged, and overrides of any kind, are understood or refused: nothing panics, and
        /// what is understood is written out as the same recipe.
        #[test]
        fn damaged_recipes_are_read_or_refused(
            recipe in 0..RECIPES.len(),
            damage in prop::collection::vec((any::<Index>(), 0usize..4, "[a-z0-9=\\[\\]{}\"., #\\n-]{0,3}"), 0..4),
            set in prop::option::of(("[a-z.0-9_]{0,12}", "[a-z0-9=\\[\\]{}\"., -]{0,6}")),
        ) {
            let mut text: Vec<char> = RECIPES[recipe].1.chars().collect();
            for (at, cut, new) in damage {
                let at = at.index(text.len());
                let end = (at + cut).min(text.len());
                text.splice(at..end, new.chars());
            }
            let text: String = text.into_iter().collect();
            let set: Vec<String> = set.iter().map(|(key, value)| format!("{key}={value}")).collect();
            if let Ok(recipe) = parse::<Recipe>(&text, &set) {
                let written = toml::to_string(&recipe).unwrap();
                prop_assert_eq!(toml::to_string(&parse::<Recipe>(&written, &[]).unwrap()).unwrap(), written);
            }
        }
    }
}
