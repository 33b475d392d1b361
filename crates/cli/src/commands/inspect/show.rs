//! What was found, for people.

use crate::runs::cell;
use serde_json::{Map, Value};

/// The first line: kind, path and size.
pub fn head(value: &Value) -> String {
    let word = |key: &str| value[key].as_str().unwrap_or_default();
    let bytes = value["bytes"].as_u64().unwrap_or(0);
    format!("{} {}, {}\n", word("kind"), word("path"), size(bytes))
}

/// Bytes in the unit that fits.
fn size(bytes: u64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} bytes"),
        _ => format!("{value:.1} {}", units[unit]),
    }
}

/// The other keys, but for those that were `said`: one in a line, objects indented, rows of objects as a table.
pub fn rest(value: &Value, said: &[&str]) -> String {
    let mut text = String::new();
    for (key, v) in value.as_object().map(ordered).into_iter().flatten() {
        if !["kind", "path", "bytes"].contains(&key.as_str()) && !said.contains(&key.as_str()) {
            field(key, v, 0, &mut text);
        }
    }
    text
}

/// Keys that come before others, in this order.
const FIRST: [&str; 17] = [
    "about", "version", "format", "name", "type", "rate_hz", "samples", "seconds", "seed", "steps",
    "epochs", "shape", "count", "min", "mean", "max", "zeros",
];

/// Keys and values in the order that people read.
fn ordered(object: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut all: Vec<_> = object.iter().collect();
    let place = |key: &str| FIRST.iter().position(|k| *k == key).unwrap_or(FIRST.len());
    all.sort_by_key(|(key, _)| place(key));
    all
}

fn field(key: &str, value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(o) if !o.is_empty() => {
            *text += &format!("{indent}{key}\n");
            let all = ordered(o).into_iter();
            all.for_each(|(k, v)| field(k, v, depth + 1, text));
        }
        Value::Array(rows) if rows.iter().any(Value::is_object) => {
            *text += &format!("{indent}{key}\n{}", table(rows, &format!("{indent}  ")));
        }
        _ => *text += &format!("{indent}{key:16} {}\n", cell(value)),
    }
}

/// Objects of the same keys as columns.
pub fn table(rows: &[Value], indent: &str) -> String {
    let Some(Value::Object(first)) = rows.first() else {
        return String::new();
    };
    let keys: Vec<&String> = ordered(first).into_iter().map(|(k, _)| k).collect();
    let mut lines = vec![keys.iter().map(|k| k.to_string()).collect::<Vec<_>>()];
    lines.extend(
        rows.iter()
            .map(|r| keys.iter().map(|k| cell(&r[k.as_str()])).collect()),
    );
    crate::commands::align(&lines, indent)
}
