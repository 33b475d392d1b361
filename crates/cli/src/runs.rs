//! What runs have left, side by side.

use crate::experiment::Folder;
use crate::kind::AnyRecipe;
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The lines of a run's metrics; none where there is no such file.
pub fn metrics(run: &Path) -> Result<Vec<Value>> {
    let path = run.join("metrics.jsonl");
    let text = match std::fs::read_to_string(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    // The last line of a run that is under way may be cut.
    let lines = text.lines();
    Ok(lines.filter_map(|l| serde_json::from_str(l).ok()).collect())
}

/// The result of a run that is done.
pub fn result(run: &Path) -> Result<Option<Value>> {
    let mut lines = metrics(run)?;
    Ok(lines.pop().filter(is_result))
}

/// Whether a line of metrics is the last one: it alone names the folder of the run.
pub fn is_result(line: &Value) -> bool {
    line.get("run").is_some()
}

/// Whether a folder holds a run of that recipe.
///
/// # Errors
/// A run of another recipe, with the values that differ.
pub fn matches(run: &Path, recipe: &AnyRecipe) -> Result<bool> {
    if !run.join("recipe.toml").exists() {
        return Ok(false);
    }
    let there = flat(&Folder::any(run)?.1)?;
    let here = flat(recipe)?;
    let differ = differ(&[&there, &here]);
    if differ.is_empty() {
        return Ok(true);
    }
    let list: Vec<String> = differ
        .iter()
        .map(|(k, v)| format!("{k} was {}, is {}", cell(&v[0]), cell(&v[1])))
        .collect();
    anyhow::bail!(
        "{} is a run of another definition: {}; --out names another folder",
        run.display(),
        list.join("; ")
    )
}

/// All values of a recipe by their dotted keys, as `--set` takes them.
pub fn flat(recipe: &impl Serialize) -> Result<BTreeMap<String, Value>> {
    let mut all = BTreeMap::new();
    walk("", &serde_json::to_value(recipe)?, &mut all);
    Ok(all)
}

fn walk(prefix: &str, value: &Value, all: &mut BTreeMap<String, Value>) {
    let join = |k: &str| match prefix {
        "" => k.to_string(),
        _ => format!("{prefix}.{k}"),
    };
    match value {
        Value::Object(o) => o.iter().for_each(|(k, v)| walk(&join(k), v, all)),
        Value::Array(a) if a.iter().any(Value::is_object) => {
            for (i, v) in a.iter().enumerate() {
                let name = v["name"].as_str();
                walk(&join(name.unwrap_or(&i.to_string())), v, all);
            }
        }
        v => {
            all.insert(prefix.to_string(), v.clone());
        }
    }
}

/// The keys whose values are not the same in all, with the value in each; null where there is none.
pub fn differ(all: &[&BTreeMap<String, Value>]) -> BTreeMap<String, Vec<Value>> {
    let mut out = BTreeMap::new();
    for key in all.iter().flat_map(|m| m.keys()) {
        let values: Vec<Value> = all
            .iter()
            .map(|m| m.get(key).cloned().unwrap_or(Value::Null))
            .collect();
        if values.windows(2).any(|w| w[0] != w[1]) {
            out.insert(key.clone(), values);
        }
    }
    out
}

/// A value in a cell of a table.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(s) => s.clone(),
        Value::Number(n) if n.is_f64() => number(n.as_f64().unwrap_or(f64::NAN)),
        Value::Array(a) if !a.iter().any(Value::is_object) => {
            let cells: Vec<String> = a.iter().map(cell).collect();
            format!("[{}]", cells.join(", "))
        }
        v => v.to_string(),
    }
}

/// A number with four or five figures.
pub fn number(v: f64) -> String {
    let short = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    match v.abs() {
        0.0 => "0".into(),
        a if a.is_finite() && !(1e-3..1e5).contains(&a) => {
            let text = format!("{v:.3e}");
            let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
            format!("{}e{power}", short(digits))
        }
        _ => short(&format!("{v:.4}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_has_the_key_that_set_takes() {
        let a = AnyRecipe::load("digits", &[]).unwrap();
        let set = ["network.nodes.fc1.n=32", "train.objective.truncate=3"].map(String::from);
        let b = AnyRecipe::load("digits", &set).unwrap();
        let (a, b) = (flat(&a).unwrap(), flat(&b).unwrap());
        let d = differ(&[&a, &b]);
        let keys: Vec<&String> = d.keys().collect();
        assert_eq!(keys, ["network.nodes.fc1.n", "train.objective.truncate"]);
        assert_eq!(d["network.nodes.fc1.n"], [64, 32]);
        assert_eq!(d["train.objective.truncate"], [Value::Null, 3.into()]);
    }

    #[test]
    fn numbers_keep_four_figures() {
        let all = [
            0.0,
            1.0,
            0.98611,
            12345.678,
            1.5e-7,
            -2.5e9,
            100.0,
            f64::NAN,
        ];
        let text: Vec<String> = all.into_iter().map(number).collect();
        assert_eq!(
            text,
            [
                "0",
                "1",
                "0.9861",
                "12345.678",
                "1.5e-7",
                "-2.5e9",
                "100",
                "NaN"
            ]
        );
    }
}
