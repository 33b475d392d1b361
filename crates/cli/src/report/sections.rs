//! The sections of a report. One that does not apply to a run is left out.

use super::Report;
use super::html::{code, escape, figure, figures, short, table};
use crate::learned;
use crate::observe::{
    self, ALONG, Course, PART, curves, progress, raster, traces, weighted, weights,
};
use anyhow::Result;
use cortado_plot::charts::{Values, Weights};
use serde_json::Value;

/// A section: where links find it, its title, and what writes it; `None` if it does not apply.
pub struct Section {
    pub id: &'static str,
    pub title: &'static str,
    pub write: fn(&Report) -> Result<Option<String>>,
}

/// All sections in their order: what the report tells of next has a line here.
pub fn sections() -> [Section; 11] {
    let section = |id, title, write| Section { id, title, write };
    [
        section("result", "Result", result),
        section("learning", "Learning", learning),
        section("decisions", "Decisions", decisions),
        section("sample", "One sample", sample),
        section("weights", "Weights", all_weights),
        section("network", "Network", network),
        section("cost", "Cost of inference", super::cost::cost),
        section("convention", "Convention", convention),
        section("metrics", "Metrics", all_metrics),
        section("recipe", "Recipe", recipe),
        section("repeat", "Repeat it", repeat),
    ]
}

/// Test sample of which spikes and membranes are drawn.
const SAMPLE: usize = 0;

/// Nodes whose weights are drawn.
const NODES: usize = 4;

/// Figures of the result: key, words, and the unit behind it.
const CARDS: [(&str, &str, &str); 14] = [
    ("accuracy", "test accuracy", "%"),
    ("sensitivity", "sensitivity", "%"),
    ("precision", "precision", "%"),
    ("loss", "test loss", ""),
    ("nmse", "squared error over variance", ""),
    ("hits", "hits", ""),
    ("missed", "missed", ""),
    ("extra", "extra", ""),
    ("spikes_per_sample", "spikes per sample", ""),
    ("spikes_per_image", "spikes per image", ""),
    ("synops_per_sample", "synaptic operations per sample", ""),
    ("spikes_per_hour", "spikes per hour", ""),
    ("epochs", "epochs", ""),
    ("seconds", "took", "s"),
];

fn result(r: &Report) -> Result<Option<String>> {
    let Some(result) = &r.result else {
        return Ok(Some(
            "<p>The run has not come to its test yet.</p>\n".into(),
        ));
    };
    let mut cards = String::new();
    let mut card = |value: &str, name: &str| {
        cards += &format!(
            "<div class=\"card\"><b>{}</b><span>{}</span></div>\n",
            escape(value),
            escape(name)
        );
    };
    if let (Some(name), Some(v)) = (result["metric_name"].as_str(), result.get("metric"))
        && result.get(name).is_none()
    {
        card(&short(v), name);
    }
    for (key, name, unit) in CARDS {
        match (&result[key], unit) {
            (Value::Null, _) => {}
            (v, "%") => card(&format!("{:.2} %", 100.0 * v.as_f64().unwrap_or(0.0)), name),
            (v, "s") => card(&format!("{:.1} s", v.as_f64().unwrap_or(0.0)), name),
            (v, _) => card(&grouped(v), name),
        }
    }
    if let Some(scene) = r.scene {
        card(&grouped(&scene.net.parameters().into()), "trained numbers");
    }
    Ok(Some(format!("<div class=\"cards\">\n{cards}</div>\n")))
}

/// A number with its thousands set apart.
fn grouped(value: &Value) -> String {
    let text = short(value);
    if text.len() < 5 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return text;
    }
    let mut out = String::new();
    for (i, c) in text.chars().enumerate() {
        if i > 0 && (text.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(c);
    }
    out
}

fn learning(r: &Report) -> Result<Option<String>> {
    if r.lines.is_empty() {
        return Ok(None);
    }
    if r.scene.is_none() {
        return courses(&r.lines);
    }
    let mut chart = curves(r.folder, r.about)?;
    // The page says it already.
    chart.title.clear();
    let tested = chart.metrics.iter().any(|m| m.curves.len() > 1);
    let words = match tested {
        true => "Means over an epoch in training; the dot is the test after the last epoch.",
        false => "Means over an epoch in training.",
    };
    Ok(figures(&[figure(&chart, words)?]))
}

/// The metrics of a local rule, a picture for each.
fn courses(lines: &[Value]) -> Result<Option<String>> {
    let one = |c: &Course| figure(&c.chart(), &c.words());
    let all: Vec<String> = progress(lines).iter().map(one).collect::<Result<_>>()?;
    Ok(figures(&all))
}

fn decisions(r: &Report) -> Result<Option<String>> {
    let Some(survey) = &r.survey else {
        return Ok(None);
    };
    let matrix = "Rows are classes, columns what they were taken for; shades are the root of the share of a class.";
    let steps = "Above: the share of right decisions if the network had to decide by then. Below: what it fired by then.";
    let extent = format!("Over {}.", survey.extent());
    let mut all = Vec::new();
    if survey.counts.len() <= 60 {
        all.push(figure(&survey.confusion(), &format!("{matrix} {extent}"))?);
    }
    all.push(figure(&survey.steps(), &format!("{steps} {extent}"))?);
    Ok(figures(&all))
}

fn sample(r: &Report) -> Result<Option<String>> {
    let Some(scene) = r.scene.filter(|s| !s.test.is_empty()) else {
        return Ok(None);
    };
    let spikes = raster(scene, SAMPLE)?;
    let membranes = traces(scene, SAMPLE, None)?;
    Ok(figures(&[
        figure(
            &spikes,
            "Each mark is a spike. Below, the rate of a neuron of each population.",
        )?,
        figure(
            &membranes,
            "Membranes before the reset, from the busiest neuron of the first population to the quietest that fires; marks are spikes.",
        )?,
    ]))
}

fn all_weights(r: &Report) -> Result<Option<String>> {
    let charts: Vec<Weights> = match r.scene {
        Some(scene) => {
            let nodes = weighted(scene).into_iter().take(NODES);
            nodes
                .map(|n| weights(scene, Some(&n)))
                .collect::<Result<_>>()?
        }
        None => {
            let all = learned::load(r.folder)?;
            let drawn = all.iter().filter(|t| t.is_weights()).take(NODES);
            drawn.map(observe::learned).collect()
        }
    };
    let one = |chart: &Weights| match chart.values {
        Values::Histogram { .. } => figure(chart, "How many weights have which value."),
        _ => figure(chart, "Blue is negative, orange positive."),
    };
    let all: Vec<String> = charts.iter().map(one).collect::<Result<_>>()?;
    Ok(figures(&all))
}

fn network(r: &Report) -> Result<Option<String>> {
    let Some(scene) = r.scene else {
        return Ok(None);
    };
    let mut rows = scene.net.table().into_iter().map(|r| r.to_vec());
    let head = rows.next().unwrap_or_default();
    let words = "<p>MAC / step: multiplications with addition of a step if everything fired.</p>\n";
    Ok(Some(table(&head, &rows.collect::<Vec<_>>(), 4) + words))
}

fn convention(r: &Report) -> Result<Option<String>> {
    let Some(scene) = r.scene else {
        return Ok(None);
    };
    let spec = scene.net.spec();
    let mut rows = vec![vec![
        "step".to_string(),
        format!("{} ms", short(&(1e3 * spec.dt).into())),
    ]];
    if let Value::Object(all) = serde_json::to_value(spec.convention)? {
        rows.extend(all.iter().map(|(k, v)| vec![k.clone(), short(v)]));
    }
    let surrogate = serde_json::to_value(spec.surrogate.shape)?;
    rows.push(vec![
        "surrogate".into(),
        format!("{}, slope {}", short(&surrogate), spec.surrogate.slope()),
    ]);
    let stops = if spec.detach_reset {
        "stops"
    } else {
        "goes on"
    };
    rows.push(vec!["gradient at the reset".into(), stops.into()]);
    Ok(Some(table(&[], &rows, 2)))
}

fn all_metrics(r: &Report) -> Result<Option<String>> {
    let objects = || r.lines.iter().filter_map(Value::as_object);
    // What is counted comes first, the others as they stand in the file.
    let counted = ["epoch", PART].into_iter().chain(ALONG);
    let counted = counted.filter(|k| objects().any(|o| o.contains_key(*k)));
    let mut head: Vec<String> = counted.map(String::from).collect();
    for key in objects().flat_map(|o| o.keys()) {
        if !head.contains(key) {
            head.push(key.clone());
        }
    }
    if head.is_empty() {
        return Ok(None);
    }
    let row = |l: &Value| head.iter().map(|k| short(&l[k])).collect();
    let rows: Vec<Vec<String>> = r.lines.iter().map(row).collect();
    let mut out = table(&head, &rows, 0);
    if r.every > 1 {
        out += &format!(
            "<p>One line in {} of metrics.jsonl; pictures show no others either.</p>\n",
            r.every
        );
    }
    if let Some(Value::Object(result)) = &r.result {
        let rows: Vec<Vec<String>> = result
            .iter()
            .map(|(k, v)| vec![k.clone(), short(v)])
            .collect();
        out += &format!("<h3>Test</h3>\n{}", table(&[], &rows, 2));
    }
    Ok(Some(out))
}

fn recipe(r: &Report) -> Result<Option<String>> {
    Ok(Some(code(&r.recipe)))
}

fn repeat(r: &Report) -> Result<Option<String>> {
    let command = format!(
        "cortado train {}",
        quoted(&r.folder.join("recipe.toml").display().to_string())
    );
    let rows = vec![
        vec!["cortado".to_string(), env!("CARGO_PKG_VERSION").into()],
        vec!["seed".into(), r.seed.to_string()],
        vec![
            "system".into(),
            format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH),
        ],
        vec!["processor".into(), processor()],
        vec![
            "threads".into(),
            format!(
                "{}; results do not depend on it",
                rayon::current_num_threads()
            ),
        ],
    ];
    Ok(Some(code(&command) + &table(&[], &rows, 2)))
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    match path.chars().all(plain) {
        true => path.into(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

/// The processor's name, where the system tells it.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with("model name"));
    let name = line.and_then(|l| l.split_once(':')).map(|(_, n)| n.trim());
    name.unwrap_or("unknown").to_string()
}
