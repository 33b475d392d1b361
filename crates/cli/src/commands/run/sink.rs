//! Where output goes: JSON lines, text, or arrays.

use super::watch::{Decision, Event};
use crate::runs::number;
use anyhow::{Context, Result};
use cortado_base::npy::Array;
use cortado_base::npz;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where output goes.
pub enum Sink {
    /// Standard output.
    Lines(Lines),
    /// A file, written at the end.
    Arrays(Box<Arrays>),
}

/// Lines of the samples of the group under way.
pub struct Lines {
    json: bool,
    /// Whether people see the spikes of the readout.
    spikes: bool,
    texts: BTreeMap<usize, String>,
}

/// What will be written.
pub struct Arrays {
    path: PathBuf,
    /// By name and sample: the readout and the probes, each with its width.
    traces: BTreeMap<String, (usize, BTreeMap<usize, Vec<f32>>)>,
    /// Sample, step and neuron.
    spikes: Vec<[u64; 3]>,
    classes: Vec<i64>,
    scores: Vec<f64>,
}

impl Sink {
    /// Lines for programs, or for people; these see the spikes of the readout if `spikes` says so.
    pub fn lines(json: bool, spikes: bool) -> Self {
        let texts = BTreeMap::new();
        Self::Lines(Lines {
            json,
            spikes,
            texts,
        })
    }

    /// An `.npz` file.
    pub fn arrays(path: &Path) -> Self {
        Self::Arrays(Box::new(Arrays {
            path: path.to_path_buf(),
            traces: BTreeMap::new(),
            spikes: Vec::new(),
            classes: Vec::new(),
            scores: Vec::new(),
        }))
    }

    /// What the readout handed on in a step.
    pub fn readout(&mut self, event: &Event, spikes: bool) {
        match self {
            Self::Arrays(a) => {
                a.trace("output".into(), event);
                let step = [event.sample as u64, event.step as u64];
                let fired = fired(event.row).into_iter().filter(|_| spikes);
                a.spikes.extend(fired.map(|i| [step[0], step[1], i as u64]));
            }
            Self::Lines(l) if spikes && (l.json || l.spikes) => l.event(event),
            Self::Lines(_) => {}
        }
    }

    /// What a probe saw in a step.
    pub fn probe(&mut self, event: &Event) {
        match self {
            Self::Arrays(a) => a.trace(format!("{}.{}", event.node, event.what), event),
            Self::Lines(l) => l.event(event),
        }
    }

    /// A chunk is done: what a stream has given is shown at once.
    pub fn chunk(&mut self, samples: usize) -> Result<()> {
        match samples {
            1 => self.group(),
            _ => Ok(()),
        }
    }

    /// A sample is done.
    pub fn decision(&mut self, decision: &Decision) {
        match self {
            Self::Arrays(a) => {
                if let Some((class, scores)) = &decision.scores {
                    a.classes.push(*class as i64);
                    a.scores.extend(scores);
                }
            }
            Self::Lines(l) => {
                let text = match l.json {
                    true => decision_json(decision),
                    false => decision_text(decision),
                };
                *l.texts.entry(decision.sample).or_default() += &format!("{text}\n");
            }
        }
    }

    /// The samples of a group are done: their lines are written one sample after the other.
    pub fn group(&mut self) -> Result<()> {
        let Self::Lines(l) = self else {
            return Ok(());
        };
        if l.texts.is_empty() {
            return Ok(());
        }
        let all: String = std::mem::take(&mut l.texts).into_values().collect();
        let mut out = std::io::stdout();
        out.write_all(all.as_bytes())
            .and_then(|()| out.flush())
            .context("cannot write to stdout")
    }

    /// All samples are done.
    pub fn finish(self, summary: &Value) -> Result<()> {
        let text = match self {
            Self::Lines(Lines { json: true, .. }) => summary.to_string(),
            Self::Lines(_) => summary_text(summary),
            Self::Arrays(a) => {
                a.write()?;
                summary_text(summary)
            }
        };
        writeln!(std::io::stdout(), "{text}").context("cannot write to stdout")
    }
}

/// The neurons that fired.
fn fired(row: &[f32]) -> Vec<usize> {
    let all = row.iter().enumerate();
    all.filter(|(_, v)| **v != 0.0).map(|(i, _)| i).collect()
}

impl Lines {
    fn event(&mut self, e: &Event) {
        let spikes = e.what == "spikes";
        let fired = fired(e.row);
        if spikes && fired.is_empty() {
            return;
        }
        // Numbers as short as their type allows.
        let row = match spikes {
            true => serde_json::to_string(&fired),
            false => serde_json::to_string(e.row),
        };
        let row = row.unwrap_or_default();
        let text = match self.json {
            true => format!(
                "{{\"sample\":{},\"step\":{},\"t\":{},\"node\":{},\"{}\":{row}}}\n",
                e.sample,
                e.step,
                json!(e.t),
                json!(e.node),
                e.what
            ),
            false => format!(
                "sample {}  step {}  {} s  {}.{}  {row}\n",
                e.sample,
                e.step,
                number(e.t),
                e.node,
                e.what
            ),
        };
        *self.texts.entry(e.sample).or_default() += &text;
    }
}

fn decision_json(d: &Decision) -> String {
    let mut value = json!({
        "sample": d.sample, "steps": d.steps, "first_spike": d.first_spike,
        "decided": d.decided, "latency": d.latency,
    });
    if let Some((class, scores)) = &d.scores {
        value["class"] = json!(class);
        value["scores"] = json!(scores);
    }
    value.to_string()
}

fn decision_text(d: &Decision) -> String {
    let mut text = format!("sample {}: ", d.sample);
    match &d.scores {
        Some((class, scores)) => {
            let best = scores.get(*class).copied().unwrap_or(f64::NAN);
            let others = scores.iter().enumerate().filter(|(i, _)| i != class);
            let next = others.map(|(_, s)| *s).fold(f64::NEG_INFINITY, f64::max);
            text += &format!(
                "class {class}, score {} (next {})",
                number(best),
                number(next)
            );
        }
        None => text += &format!("{} steps", d.steps),
    }
    if let Some(step) = d.first_spike {
        text += &format!(", first spike in step {step}");
    }
    if let Some(step) = d.decided {
        text += &format!(", decided in step {step}");
    }
    if let Some(latency) = d.latency {
        text += &format!(", {} ms after the first input", number(latency * 1e3));
    }
    text
}

fn summary_text(s: &Value) -> String {
    let number = |v: &Value| v.as_f64().map_or("-".into(), number);
    let spikes = s["spikes"].as_object().into_iter().flatten();
    let spikes: Vec<String> = spikes.map(|(k, v)| format!("{k} {v}")).collect();
    let ms = &s["latency_ms"];
    format!(
        "{} samples, {} steps of {} s; spikes: {}\n{} chunks, milliseconds each: min {}, median {}, p99 {}, max {}",
        s["samples"],
        s["steps"],
        number(&s["dt"]),
        spikes.join(", "),
        s["chunks"],
        number(&ms["min"]),
        number(&ms["median"]),
        number(&ms["p99"]),
        number(&ms["max"]),
    )
}

impl Arrays {
    fn trace(&mut self, name: String, e: &Event) {
        let (width, samples) = self.traces.entry(name).or_default();
        *width = e.row.len();
        samples.entry(e.sample).or_default().extend(e.row);
    }

    fn write(mut self) -> Result<()> {
        let mut all = Vec::new();
        for (name, (width, samples)) in self.traces {
            let count = samples.len();
            let data: Vec<f32> = samples.into_values().flatten().collect();
            let steps = data.len() / (count * width).max(1);
            all.push((name, Array::new(vec![count, steps, width], data)?));
        }
        self.spikes.sort_unstable();
        for (k, name) in ["spikes_sample", "spikes_step", "spikes_neuron"]
            .iter()
            .enumerate()
        {
            let column: Vec<u64> = self.spikes.iter().map(|s| s[k]).collect();
            all.push((name.to_string(), Array::new(vec![column.len()], column)?));
        }
        if !self.classes.is_empty() {
            let (n, scores) = (self.classes.len(), self.scores);
            all.push((
                "scores".into(),
                Array::new(vec![n, scores.len() / n], scores)?,
            ));
            all.push(("classes".into(), Array::new(vec![n], self.classes)?));
        }
        let all: Vec<(&str, &Array)> = all.iter().map(|(k, v)| (k.as_str(), v)).collect();
        Ok(npz::write(&self.path, &all)?)
    }
}
