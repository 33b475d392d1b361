//! What a run shows: spikes, traces, decisions, latency.

use super::latency::Latency;
use super::model::Model;
use super::sink::Sink;
use anyhow::Result;
use cortado::learn::Scores;
use cortado::neuron::Output;
use cortado::sim::clock::{Input, Probe, Record};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// What was seen so far.
pub struct Watch<'a> {
    model: &'a Model,
    probes: &'a [Probe],
    samples: Vec<Sample>,
    /// Samples of the groups before.
    before: usize,
    steps: u64,
    latency: Latency,
    spikes: Vec<(String, u64)>,
}

/// A sample under way.
struct Sample {
    scores: Scores,
    /// The output that leads, and the step since which it does.
    leads: (Option<usize>, usize),
    first_input: Option<usize>,
    first_spike: Option<usize>,
}

/// What a population did in a step of a sample.
pub struct Event<'a> {
    pub sample: usize,
    pub step: usize,
    pub t: f64,
    pub node: &'a str,
    /// `spikes`, or a state variable.
    pub what: &'a str,
    /// Of each neuron.
    pub row: &'a [f32],
}

/// The end of a sample.
pub struct Decision {
    pub sample: usize,
    pub steps: usize,
    /// The class and the scores, where outputs are classes.
    pub scores: Option<(usize, Vec<f64>)>,
    pub first_spike: Option<usize>,
    pub decided: Option<usize>,
    /// Seconds from the first input to the step from which the decision stays.
    pub latency: Option<f64>,
}

impl<'a> Watch<'a> {
    pub fn new(model: &'a Model, probes: &'a [Probe]) -> Self {
        Self {
            model,
            probes,
            samples: Vec::new(),
            before: 0,
            steps: 0,
            latency: Latency::new(),
            spikes: Vec::new(),
        }
    }

    /// A group of samples begins.
    pub fn begin(&mut self, samples: usize) {
        let outputs = self.model.net.outputs();
        let fresh = || Sample {
            scores: Scores::new(self.model.loss, outputs),
            leads: (None, 0),
            first_input: None,
            first_spike: None,
        };
        self.samples = (0..samples).map(|_| fresh()).collect();
    }

    /// A chunk of steps was run.
    pub fn chunk(
        &mut self,
        input: &Input<f32>,
        record: &Record<f32>,
        time: Duration,
        sink: &mut Sink,
    ) -> Result<()> {
        self.latency.add(time);
        for activity in &record.activity {
            match self.spikes.iter_mut().find(|s| s.0 == activity.name) {
                Some(sum) => sum.1 += activity.spikes as u64,
                None => self
                    .spikes
                    .push((activity.name.clone(), activity.spikes as u64)),
            }
        }
        let (n, (samples, steps)) = (self.model.net.outputs(), input.extent());
        self.steps += (samples * steps) as u64;
        for b in 0..samples {
            for t in 0..steps {
                let row = &record.output[(b * steps + t) * n..][..n];
                let some = some(input, b, t);
                let step = self.samples[b].push(row, some, self.model);
                let spikes = self.model.net.output() == Output::Spikes;
                let what = if spikes { "spikes" } else { "output" };
                let event = self.event((b, step), &self.model.readout, what, row);
                sink.readout(&event, spikes);
                for (probe, trace) in self.probes.iter().zip(&record.traces) {
                    let row = &trace.data[(b * steps + t) * trace.neurons..][..trace.neurons];
                    sink.probe(&self.event((b, step), &probe.node, &probe.what, row));
                }
            }
        }
        sink.chunk(samples)
    }

    fn event<'e>(
        &self,
        (b, step): (usize, usize),
        node: &'e str,
        what: &'e str,
        row: &'e [f32],
    ) -> Event<'e> {
        let (sample, t) = (self.before + b, seconds(step, self.model.dt()));
        Event {
            sample,
            step,
            t,
            node,
            what,
            row,
        }
    }

    /// The group is done.
    pub fn end(&mut self, sink: &mut Sink) -> Result<()> {
        let samples = std::mem::take(&mut self.samples);
        for (b, sample) in samples.iter().enumerate() {
            let decision = sample.decision(self.before + b, self.model);
            sink.decision(&decision);
        }
        self.before += samples.len();
        sink.group()
    }

    /// All of it.
    pub fn summary(&self) -> Value {
        let spikes = self.spikes.iter().map(|(k, v)| (k.clone(), json!(v)));
        json!({
            "samples": self.before, "steps": self.steps, "dt": self.model.dt(),
            "spikes": spikes.collect::<Map<String, Value>>(),
            "chunks": self.latency.count(), "latency_ms": self.latency.value(),
        })
    }
}

impl Sample {
    /// Takes in a step; its number.
    fn push(&mut self, row: &[f32], some: bool, model: &Model) -> usize {
        let step = self.scores.steps();
        self.scores.push(row);
        if some && self.first_input.is_none() {
            self.first_input = Some(step);
        }
        if model.net.output() == Output::Spikes && row.iter().any(|&v| v != 0.0) {
            self.first_spike.get_or_insert(step);
        }
        let leader = self.scores.decision();
        if leader != self.leads.0 {
            self.leads = (leader, step);
        }
        step
    }

    fn decision(&self, sample: usize, model: &Model) -> Decision {
        let decided = self.leads.0.filter(|_| model.decides());
        let since = decided.map(|_| self.leads.1);
        let from = since.zip(self.first_input);
        Decision {
            sample,
            steps: self.scores.steps(),
            scores: decided.map(|class| (class, self.scores.values())),
            first_spike: self.first_spike,
            decided: since,
            latency: from.map(|(s, f)| seconds(s.saturating_sub(f), model.dt())),
        }
    }
}

/// The time of a step, to twelve figures: 26 steps of 1e-3 are 0.026.
fn seconds(step: usize, dt: f64) -> f64 {
    let t = step as f64 * dt;
    format!("{t:.11e}").parse().unwrap_or(t)
}

/// Whether anything goes in in a step of a sample.
fn some(input: &Input<f32>, b: usize, t: usize) -> bool {
    let any = |row: &[f32]| row.iter().any(|&v| v != 0.0);
    let (samples, steps) = input.extent();
    match input {
        Input::Spikes(s) => !s.row(b, t).is_empty(),
        Input::Current { data, .. } => {
            let width = data.len() / samples.max(1);
            any(&data[b * width..][..width])
        }
        Input::Currents { data, .. } => {
            let width = data.len() / (samples * steps).max(1);
            any(&data[(b * steps + t) * width..][..width])
        }
    }
}
