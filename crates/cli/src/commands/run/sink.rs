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

/// Neurons of a population that fired at one time.
pub struct Fired<'a> {
    pub sample: usize,
    /// Seconds.
    pub t: f64,
    pub node: &'a str,
    pub readout: bool,
    pub neurons: &'a [usize],
}

/// The end of a sample without a clock; times are in seconds.
pub struct Verdict {
    pub sample: usize,
    pub seconds: f64,
    /// The class and the scores, where outputs are classes.
    pub scores: Option<(usize, Vec<f64>)>,
    pub first_spike: Option<f64>,
    pub decided: Option<f64>,
    /// From the first input to the time from which the decision stays.
    pub latency: Option<f64>,
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
    /// Sample, seconds and neuron, without a clock: of the readout, and of probes by their names.
    fired: BTreeMap<String, Vec<(u64, f64, u64)>>,
    clock: bool,
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

    /// An `.npz` file, of steps or of times; `fired` names what there are times of.
    pub fn arrays(path: &Path, fired: Option<Vec<String>>) -> Self {
        let clock = fired.is_none();
        let fired = fired.into_iter().flatten().map(|name| (name, Vec::new()));
        Self::Arrays(Box::new(Arrays {
            path: path.to_path_buf(),
            traces: BTreeMap::new(),
            spikes: Vec::new(),
            fired: fired.collect(),
            clock,
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

    /// What fired at one time, without a clock.
    pub fn fired(&mut self, f: &Fired) {
        match self {
            Self::Arrays(a) => {
                let name = match f.readout {
                    true => "spikes".into(),
                    false => format!("{}.spikes", f.node),
                };
                let each = f.neurons.iter();
                let each = each.map(|&i| (f.sample as u64, f.t, i as u64));
                a.fired.entry(name).or_default().extend(each);
            }
            Self::Lines(l) if l.json => {
                let line = json!({
                    "sample": f.sample, "t": f.t, "node": f.node, "spikes": f.neurons,
                });
                *l.texts.entry(f.sample).or_default() += &format!("{line}\n");
            }
            Self::Lines(l) if l.spikes || !f.readout => {
                let text = format!(
                    "sample {}  {} s  {}.spikes  {:?}\n",
                    f.sample, f.t, f.node, f.neurons
                );
                *l.texts.entry(f.sample).or_default() += &text;
            }
            Self::Lines(_) => {}
        }
    }

    /// A sample is done, without a clock.
    pub fn verdict(&mut self, v: &Verdict) {
        match self {
            Self::Arrays(a) => a.decide(v.scores.as_ref()),
            Self::Lines(l) => {
                let text = match l.json {
                    true => {
                        let value = json!({
                            "sample": v.sample, "seconds": v.seconds, "first_spike": v.first_spike,
                            "decided": v.decided, "latency": v.latency,
                        });
                        decided_json(value, v.scores.as_ref())
                    }
                    false => verdict_text(v),
                };
                *l.texts.entry(v.sample).or_default() += &format!("{text}\n");
            }
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
            Self::Arrays(a) => a.decide(decision.scores.as_ref()),
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
    let value = json!({
        "sample": d.sample, "steps": d.steps, "first_spike": d.first_spike,
        "decided": d.decided, "latency": d.latency,
    });
    decided_json(value, d.scores.as_ref())
}

fn decided_json(mut value: Value, scores: Option<&(usize, Vec<f64>)>) -> String {
    if let Some((class, scores)) = scores {
        value["class"] = json!(class);
        value["scores"] = json!(scores);
    }
    value.to_string()
}

fn decision_text(d: &Decision) -> String {
    let mut text = format!("sample {}: ", d.sample);
    text += &match &d.scores {
        Some(scores) => class_text(scores),
        None => format!("{} steps", d.steps),
    };
    if let Some(step) = d.first_spike {
        text += &format!(", first spike in step {step}");
    }
    if let Some(step) = d.decided {
        text += &format!(", decided in step {step}");
    }
    text + &latency_text(d.latency)
}

fn verdict_text(v: &Verdict) -> String {
    let mut text = format!("sample {}: ", v.sample);
    text += &match &v.scores {
        Some(scores) => class_text(scores),
        None => format!("{} s", number(v.seconds)),
    };
    if let Some(t) = v.first_spike {
        text += &format!(", first spike at {} ms", number(t * 1e3));
    }
    if let Some(t) = v.decided {
        text += &format!(", decided at {} ms", number(t * 1e3));
    }
    text + &latency_text(v.latency)
}

fn class_text((class, scores): &(usize, Vec<f64>)) -> String {
    let best = scores.get(*class).copied().unwrap_or(f64::NAN);
    let others = scores.iter().enumerate().filter(|(i, _)| i != class);
    let next = others.map(|(_, s)| *s).fold(f64::NEG_INFINITY, f64::max);
    format!(
        "class {class}, score {} (next {})",
        number(best),
        number(next)
    )
}

fn latency_text(latency: Option<f64>) -> String {
    let text = |s: f64| format!(", {} ms after the first input", number(s * 1e3));
    latency.map_or_else(String::new, text)
}

fn summary_text(s: &Value) -> String {
    let number = |v: &Value| v.as_f64().map_or("-".into(), number);
    let spikes = s["spikes"].as_object().into_iter().flatten();
    let spikes: Vec<String> = spikes.map(|(k, v)| format!("{k} {v}")).collect();
    let ms = &s["latency_ms"];
    let ms = format!(
        "milliseconds each: min {}, median {}, p99 {}, max {}",
        number(&ms["min"]),
        number(&ms["median"]),
        number(&ms["p99"]),
        number(&ms["max"]),
    );
    let why = s["why"].as_str().unwrap_or_default();
    let (samples, spikes) = (&s["samples"], spikes.join(", "));
    match s["engine"].as_str() {
        Some("event") => format!(
            "{samples} samples, {} s without a clock ({why}); spikes: {spikes}\n{} input spikes, {ms}",
            number(&s["seconds"]),
            s["input_spikes"],
        ),
        _ => format!(
            "{samples} samples, {} steps of {} s by the clock ({why}); spikes: {spikes}\n{} chunks, {ms}",
            s["steps"],
            number(&s["dt"]),
            s["chunks"],
        ),
    }
}

impl Arrays {
    fn trace(&mut self, name: String, e: &Event) {
        let (width, samples) = self.traces.entry(name).or_default();
        *width = e.row.len();
        samples.entry(e.sample).or_default().extend(e.row);
    }

    fn decide(&mut self, scores: Option<&(usize, Vec<f64>)>) {
        if let Some((class, scores)) = scores {
            self.classes.push(*class as i64);
            self.scores.extend(scores);
        }
    }

    /// Columns of what fired at its time.
    fn times(&self) -> Result<Vec<(String, Array)>> {
        let mut all = Vec::new();
        for (name, spikes) in &self.fired {
            let n = vec![spikes.len()];
            let sample: Vec<u64> = spikes.iter().map(|s| s.0).collect();
            let time: Vec<f64> = spikes.iter().map(|s| s.1).collect();
            let neuron: Vec<u64> = spikes.iter().map(|s| s.2).collect();
            all.push((format!("{name}_sample"), Array::new(n.clone(), sample)?));
            all.push((format!("{name}_time"), Array::new(n.clone(), time)?));
            all.push((format!("{name}_neuron"), Array::new(n, neuron)?));
        }
        Ok(all)
    }

    fn write(mut self) -> Result<()> {
        let mut all = self.times()?;
        for (name, (width, samples)) in self.traces {
            let count = samples.len();
            let data: Vec<f32> = samples.into_values().flatten().collect();
            let steps = data.len() / (count * width).max(1);
            all.push((name, Array::new(vec![count, steps, width], data)?));
        }
        self.spikes.sort_unstable();
        let columns = ["spikes_sample", "spikes_step", "spikes_neuron"];
        for (k, name) in columns.iter().enumerate().filter(|_| self.clock) {
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
