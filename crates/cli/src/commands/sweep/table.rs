//! The table of a sweep.

use crate::runs::cell;
use serde_json::{Map, Value, json};
use std::path::Path;

/// A combination and what its runs gave.
pub struct Row {
    values: Vec<(String, String)>,
    names: Vec<String>,
    results: Vec<Value>,
}

/// Means over the runs of a row.
const MEANS: [&str; 3] = ["loss", "spikes_per_sample", "seconds"];

impl Row {
    pub fn new(values: Vec<(String, String)>) -> Self {
        Self {
            values,
            names: Vec::new(),
            results: Vec::new(),
        }
    }

    /// Takes in a run; without a result it has failed.
    pub fn add(&mut self, name: &str, result: Option<&Value>) {
        self.names.push(name.into());
        self.results.extend(result.cloned());
    }

    fn all(&self, key: &str) -> Vec<f64> {
        self.results
            .iter()
            .filter_map(|r| r[key].as_f64())
            .collect()
    }

    fn metric(&self) -> f64 {
        mean(&self.all("metric")).unwrap_or(f64::NEG_INFINITY)
    }

    /// Keys and values, in the order of the columns.
    fn cells(&self) -> Vec<(String, Value)> {
        let value = |v: &String| serde_json::from_str(v).unwrap_or_else(|_| json!(v));
        let values = self.values.iter().map(|(k, v)| (k.clone(), value(v)));
        let mut cells: Vec<(String, Value)> = values.collect();
        let mut put = |key: &str, value: Value| cells.push((key.into(), value));
        put("runs", json!(self.results.len()));
        put("failed", json!(self.names.len() - self.results.len()));
        put("metric", json!(mean(&self.all("metric"))));
        put("metric_sd", json!(deviation(&self.all("metric"))));
        for key in MEANS {
            put(key, json!(mean(&self.all(key))));
        }
        cells
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The standard deviation `sqrt(sum (x - mean)^2 / (n - 1))`; none of one value.
fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// The table as JSON, its rows put in order, the best first.
pub fn value(folder: &Path, rows: &mut [Row]) -> Value {
    rows.sort_by(|a, b| b.metric().total_cmp(&a.metric()));
    let name = rows
        .iter()
        .flat_map(|r| &r.results)
        .find_map(|r| r["metric_name"].as_str());
    let row = |r: &Row| {
        let mut cells: Map<String, Value> = r.cells().into_iter().collect();
        cells.insert("folders".into(), json!(r.names));
        Value::Object(cells)
    };
    json!({
        "sweep": folder.display().to_string(),
        "metric_name": name,
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn columns(rows: &[Row], show: impl Fn(&Value) -> String) -> Vec<Vec<String>> {
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let mut lines: Vec<Vec<String>> = vec![first.cells().into_iter().map(|c| c.0).collect()];
    lines.extend(
        rows.iter()
            .map(|r| r.cells().iter().map(|c| show(&c.1)).collect()),
    );
    lines
}

/// For people.
pub fn text(rows: &[Row]) -> String {
    crate::commands::align(&columns(rows, cell), "")
}

/// For spreadsheets: commas between cells, quotes where one is inside, full precision, empty where there is nothing.
pub fn csv(rows: &[Row]) -> String {
    let show = |v: &Value| match v {
        Value::Null => String::new(),
        Value::String(s) => s.clone(),
        v => v.to_string(),
    };
    let quote = |cell: &String| match cell.contains([',', '"', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    };
    let lines = columns(rows, show).into_iter();
    let lines = lines.map(|l| l.iter().map(quote).collect::<Vec<_>>().join(",") + "\n");
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_means_and_come_in_order() {
        let pair = |v: &str| vec![("a.b".to_string(), v.to_string())];
        let mut rows = vec![
            Row::new(pair("1")),
            Row::new(pair("[1,2]")),
            Row::new(pair("x")),
        ];
        for (row, metrics) in rows.iter_mut().zip([&[0.5, 0.7][..], &[0.9], &[]]) {
            for m in metrics {
                row.add(
                    "r",
                    Some(&json!({ "metric": m, "loss": 2.0, "metric_name": "accuracy" })),
                );
            }
        }
        rows[2].add("r", None);
        let table = value(Path::new("s"), &mut rows);
        assert_eq!(table["metric_name"], "accuracy");
        let rows_of =
            |k: &str| -> Vec<Value> { (0..3).map(|i| table["rows"][i][k].clone()).collect() };
        assert_eq!(rows_of("a.b"), [json!([1, 2]), json!(1), json!("x")]);
        assert_eq!(rows_of("metric"), [json!(0.9), json!(0.6), Value::Null]);
        assert_eq!(rows_of("failed"), [json!(0), json!(0), json!(1)]);
        let sd = table["rows"][1]["metric_sd"].as_f64().unwrap();
        assert!((sd - 0.02f64.sqrt()).abs() < 1e-15, "{sd}");
        let csv = csv(&rows);
        assert!(
            csv.starts_with("a.b,runs,failed,metric,metric_sd,loss,spikes_per_sample,seconds\n")
        );
        assert!(csv.contains("\n\"[1,2]\",1,0,0.9,,2.0,,\n"), "{csv}");
    }
}
