//! `cortado recipes`: what is built in.

use crate::recipe;
use anyhow::Result;
use std::io::Write;

/// Prints the recipes, or one JSON array of them.
pub fn run(json: bool) -> Result<()> {
    let (mut rows, mut out) = (Vec::new(), std::io::stdout());
    for name in recipe::names() {
        let r = recipe::load(name, &[])?;
        rows.push(serde_json::json!({
            "name": name, "about": r.about, "data": r.data.name, "epochs": r.train.epochs,
        }));
        if !json {
            writeln!(out, "{name:16} {}", r.about)?;
        }
    }
    if json {
        writeln!(out, "{}", serde_json::to_string(&rows)?)?;
    }
    Ok(())
}
