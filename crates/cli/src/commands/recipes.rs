//! `cortado recipes`: what is built in.

use crate::{local, recipe};
use anyhow::Result;
use std::io::Write;

/// Prints the recipes, or one JSON array of them.
pub fn run(json: bool) -> Result<()> {
    let (mut rows, mut out) = (Vec::new(), std::io::stdout());
    for name in recipe::names() {
        let text = recipe::text(name)?;
        let (about, data, epochs) = if local::is_local(&text) {
            let r: local::Recipe = recipe::parse(&text, &[])?;
            (r.about, r.data.map(|d| d.name), None)
        } else {
            let r: recipe::Recipe = recipe::parse(&text, &[])?;
            (r.about, Some(r.data.name), Some(r.train.epochs))
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
