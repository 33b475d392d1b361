//! How the metrics of a local rule went, line by line.

use cortado_plot::charts::{Curve, Curves, Metric};
use serde_json::Value;

/// What the lines of metrics count; one that has none of these counts lines.
pub const ALONG: [&str; 5] = ["second", "minute", "task", "rewarded_images", "images"];

/// The part of the rule that a line is about, if there are several.
pub const PART: &str = "layer";

/// Curves of one picture.
const CURVES: usize = 20;

/// The course of one metric.
pub struct Course {
    /// Its key in the lines.
    key: String,
    /// What it is called.
    name: String,
    /// What its curves run along.
    along: String,
    /// How many numbers its list holds; 1 where it is no list.
    numbers: usize,
    /// A curve for each number of a list and for each part of the rule, the first [`CURVES`].
    curves: Vec<Curve>,
}

/// The numbers of the lines, key by key.
pub fn progress(lines: &[Value]) -> Vec<Course> {
    let mut all: Vec<Course> = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        let counted = ALONG.into_iter().find(|k| line[*k].is_number());
        let x = counted.and_then(|k| line[k].as_f64());
        let (x, along) = (x.unwrap_or((n + 1) as f64), counted.unwrap_or("line"));
        for (key, value) in line.as_object().into_iter().flatten() {
            let numbers = numbers(value);
            if numbers.is_empty() || [along, PART, "seconds"].contains(&key.as_str()) {
                continue;
            }
            let same = |c: &Course| c.key == *key && c.along == words(along);
            let i = all.iter().position(same).unwrap_or_else(|| {
                all.push(Course::new(key, line, along));
                all.len() - 1
            });
            all[i].add(&line[PART], x, &numbers);
        }
    }
    all.retain(|c| c.curves.iter().any(|c| !c.points.is_empty()));
    all
}

/// A number, or those of a list with its gaps; nothing of anything else.
fn numbers(value: &Value) -> Vec<Option<f64>> {
    match value {
        Value::Number(_) => vec![value.as_f64()],
        Value::Array(a) if a.iter().all(|v| v.is_number() || v.is_null()) => {
            a.iter().map(Value::as_f64).collect()
        }
        _ => Vec::new(),
    }
}

fn words(key: &str) -> String {
    key.replace('_', " ")
}

impl Course {
    fn new(key: &str, line: &Value, along: &str) -> Self {
        let name = match (key, line["metric_name"].as_str()) {
            ("metric", Some(name)) => name,
            _ => key,
        };
        Self {
            key: key.into(),
            name: words(name),
            along: words(along),
            numbers: 1,
            curves: Vec::new(),
        }
    }

    /// Takes in the numbers of a line.
    fn add(&mut self, part: &Value, x: f64, numbers: &[Option<f64>]) {
        self.numbers = self.numbers.max(numbers.len());
        let part = part.as_u64().map(|k| format!("{PART} {k}"));
        for (i, y) in numbers.iter().enumerate() {
            let which = (numbers.len() > 1).then(|| format!("[{i}]"));
            let name = match (&part, which) {
                (Some(part), Some(which)) => format!("{part} {which}"),
                (Some(part), None) => part.clone(),
                (None, Some(which)) => which,
                (None, None) => self.name.clone(),
            };
            // A gap in a list has its curve too, so that each number has the same colour in all pictures.
            let there = self.curves.iter().position(|c| c.name == name);
            let k = there.unwrap_or(self.curves.len());
            if there.is_none() && k < CURVES {
                let points = Vec::new();
                self.curves.push(Curve { name, points });
            }
            if let (Some(curve), Some(y)) = (self.curves.get_mut(k), *y) {
                curve.points.push([x, y]);
            }
        }
    }

    /// What the picture shows.
    pub fn words(&self) -> String {
        match self.numbers {
            1 => format!("{} in the metrics.", self.key),
            n if n <= CURVES => {
                format!("{} in the metrics; [i] is number i of its list.", self.key)
            }
            n => format!(
                "{} in the metrics; [i] is number i of its list, the first {CURVES} of {n}.",
                self.key
            ),
        }
    }

    /// Its picture.
    pub fn chart(&self) -> Curves {
        Curves {
            title: String::new(),
            along: self.along.clone(),
            metrics: vec![Metric {
                name: self.name.clone(),
                curves: self.curves.clone(),
            }],
        }
    }
}
