//! Learning curves from the metrics of a run.

use crate::runs::is_result;
use anyhow::{Context, Result, bail};
use cortado_plot::charts::{Curve, Curves, Metric};
use serde_json::Value;
use std::path::Path;

/// The lines of a run's `metrics.jsonl`, one for each epoch of a network, and the last result of the test if there is one.
///
/// # Errors
/// A file that cannot be read; a line that is not JSON, but for a last one that is cut.
pub fn metrics(folder: &Path) -> Result<(Vec<Value>, Option<Value>)> {
    let path = folder.join("metrics.jsonl");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let (mut lines, mut result) = (Vec::new(), None);
    let numbered = text.lines().enumerate();
    let written = numbered.filter(|(_, l)| !l.trim().is_empty());
    for (i, line) in written {
        let line: Value = match serde_json::from_str(line) {
            // The last line of a run that is under way may be cut.
            Err(e) if e.is_eof() && i + 1 == text.lines().count() => break,
            line => line.with_context(|| format!("{}, line {}", path.display(), i + 1))?,
        };
        match is_result(&line) {
            true => result = Some(line),
            false => lines.push(line),
        }
    }
    Ok((lines, result))
}

/// Loss and accuracy of training and test.
///
/// # Errors
/// Metrics that cannot be read, or without an epoch.
pub fn curves(folder: &Path, about: &str) -> Result<Curves> {
    let (epochs, result) = metrics(folder)?;
    if epochs.is_empty() {
        bail!("{}: no epoch has been finished", folder.display());
    }
    let line = |key: &str, factor: f64| -> Vec<[f64; 2]> {
        let point = |e: &Value| Some([e["epoch"].as_f64()?, factor * e[key].as_f64()?]);
        epochs.iter().filter_map(point).collect()
    };
    let last = epochs
        .last()
        .and_then(|e| e["epoch"].as_f64())
        .unwrap_or(0.0);
    let mut metrics = Vec::new();
    for (key, name, factor) in [("loss", "loss", 1.0), ("accuracy", "accuracy (%)", 100.0)] {
        let mut curves = vec![Curve {
            name: "training".into(),
            points: line(key, factor),
        }];
        let held = line(&format!("test_{key}"), factor);
        let tested = result.as_ref().and_then(|r| r[key].as_f64());
        let points = if held.is_empty() {
            tested.map(|v| vec![[last, factor * v]]).unwrap_or_default()
        } else {
            held
        };
        // Without classes nothing is right or wrong.
        if key == "accuracy" && result.is_some() && points.is_empty() {
            continue;
        }
        curves.push(Curve {
            name: "test".into(),
            points,
        });
        curves.retain(|c| !c.points.is_empty());
        if !curves.is_empty() {
            metrics.push(Metric {
                name: name.into(),
                curves,
            });
        }
    }
    Ok(Curves {
        along: "epoch".into(),
        title: format!("Learning: {about}"),
        metrics,
    })
}
