//! `cortado recipes`: what is built in.

use crate::kind::AnyRecipe;
use crate::recipe;
use anyhow::Result;
use std::io::Write;

/// Prints the recipes, or one JSON array of them.
pub fn run(json: bool) -> Result<()> {
    let (mut rows, mut out) = (Vec::new(), std::io::stdout());
    for name in recipe::names() {
        let (about, data, epochs) = match AnyRecipe::load(name, &[])? {
            AnyRecipe::Local(r) => (r.about, r.data.map(|d| d.name), None),
            AnyRecipe::Network(r) => (r.about, Some(r.data.name), Some(r.train.epochs)),
        };
        rows.push(serde_json::json!({
            "name": name, "about": about, "data": data, "epochs": epochs,
        }));
        if !json {
            writeln!(out, "{name:16} {about}")?;
        }
    }
    if json {
        writeln!(out, "{}", serde_json::to_string(&rows)?)?;
    }
    Ok(())
}
