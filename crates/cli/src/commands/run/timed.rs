//! A run without a clock.

use super::latency::Latency;
use super::model::Model;
use super::sink::{Fired, Sink, Verdict};
use super::source::Timed;
use anyhow::{Result, bail};
use cortado::learn::Loss;
use cortado::neuron::Output;
use cortado::sim::clock::Probe;
use cortado::sim::event::{Engine, Spike};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// What a sample has shown so far.
struct Sample {
    number: usize,
    /// Spikes of each output, and the time of its first one.
    counts: Vec<u64>,
    first: Vec<Option<f64>>,
    /// The output that leads, and the time since which it does.
    leads: Option<(usize, f64)>,
    /// The time of the last spike of the readout, and what led before it.
    now: Option<f64>,
    before: Option<(usize, f64)>,
    first_input: Option<f64>,
    /// Spikes at one time that were not shown yet.
    at: Vec<Spike>,
}

/// All samples.
pub struct Run<'a> {
    model: &'a Model,
    engine: Engine,
    names: Vec<String>,
    /// Whether a population's spikes are shown.
    shown: Vec<bool>,
    spikes: Vec<u64>,
    inputs: u64,
    seconds: f64,
    latency: Latency,
}

impl<'a> Run<'a> {
    /// With an engine at rest; probes of spikes are shown.
    pub fn new(model: &'a Model, mut engine: Engine, probes: &[Probe]) -> Result<Self> {
        let names: Vec<String> = engine.populations().map(String::from).collect();
        let mut shown = vec![false; names.len()];
        for probe in probes {
            let found = names.iter().skip(1).position(|n| *n == probe.node);
            let (Some(p), "spikes") = (found, &probe.what[..]) else {
                bail!(
                    "--probe {}.{}: expected the spikes of a population, for there are no steps (--engine clock)",
                    probe.node,
                    probe.what
                );
            };
            shown[p + 1] = true;
        }
        if model.net.output() == Output::Membrane {
            engine.watch(match model.loss {
                Loss::Integral { tau: Some(tau) } => 1.0 / tau,
                _ => 0.0,
            })?;
        }
        Ok(Self {
            spikes: vec![0; names.len()],
            model,
            engine,
            names,
            shown,
            inputs: 0,
            seconds: 0.0,
            latency: Latency::new(),
        })
    }

    /// Runs all samples; what to say of them.
    pub fn drive(&mut self, source: &mut dyn Timed, sink: &mut Sink) -> Result<Value> {
        let mut number = 0;
        while source.begin()? {
            let sample = self.sample(number, source, sink)?;
            let duration = source.duration();
            self.seconds += duration;
            sink.verdict(&self.verdict(&sample, duration));
            sink.group()?;
            number += 1;
        }
        let spikes = self.names.iter().zip(&self.spikes).skip(1);
        Ok(json!({
            "samples": number, "seconds": self.seconds, "dt": self.model.dt(), "input_spikes": self.inputs,
            "spikes": spikes.map(|(k, v)| (k.clone(), json!(v))).collect::<Map<String, Value>>(),
            "latency_ms": self.latency.value(),
        }))
    }

    fn sample(&mut self, number: usize, source: &mut dyn Timed, sink: &mut Sink) -> Result<Sample> {
        let outputs = self.model.net.outputs();
        let mut sample = Sample {
            number,
            counts: vec![0; outputs],
            first: vec![None; outputs],
            leads: None,
            now: None,
            before: None,
            first_input: None,
            at: Vec::new(),
        };
        self.engine.reset();
        // The seconds that the last input has taken so far.
        let mut fed: Option<Duration> = None;
        while let Some((t, i)) = source.spike()? {
            self.until(t, &mut sample, fed, sink)?;
            let start = Instant::now();
            self.engine.feed(t, i as usize)?;
            fed = Some(start.elapsed());
            self.inputs += 1;
            sample.first_input.get_or_insert(t);
        }
        self.until(source.duration(), &mut sample, fed, sink)?;
        Ok(sample)
    }

    /// Runs up to a time; the input before has taken `fed`.
    fn until(
        &mut self,
        t: f64,
        sample: &mut Sample,
        fed: Option<Duration>,
        sink: &mut Sink,
    ) -> Result<()> {
        if t <= self.engine.now() {
            return Ok(());
        }
        let readout = self.names.len() - 1;
        let (start, mut first) = (Instant::now(), None);
        let (names, shown, spikes) = (&self.names, &self.shown, &mut self.spikes);
        self.engine.run(t, |s| {
            spikes[s.population] += 1;
            if s.population == readout {
                first.get_or_insert_with(|| start.elapsed());
                sample.fired(&s, self.model);
            }
            if s.population == readout || shown[s.population] {
                sample.note(s, names, sink);
            }
        })?;
        if let Some(fed) = fed {
            self.latency
                .add(fed + first.unwrap_or_else(|| start.elapsed()));
        }
        sample.show(names, sink);
        sink.group()
    }

    fn verdict(&self, sample: &Sample, duration: f64) -> Verdict {
        let fires = self.model.net.output() == Output::Spikes;
        let scores = match self.engine.watched() {
            Some(seen) if !fires => seen
                .iter()
                .map(|&[most, integral]| match self.model.loss {
                    Loss::MaxCrossEntropy => most,
                    Loss::SumCrossEntropy => integral / self.model.dt(),
                    Loss::MeanCrossEntropy => 10.0 * integral / duration,
                    _ => integral / duration,
                })
                .collect(),
            _ => sample.scores(self.model.loss, duration),
        };
        let class = best(&scores).filter(|_| self.model.decides());
        let leads = sample.leads.filter(|_| self.model.decides());
        let since = leads.map(|l| l.1);
        Verdict {
            sample: sample.number,
            seconds: duration,
            scores: class.map(|c| (c, scores)),
            first_spike: sample.first.iter().flatten().copied().reduce(f64::min),
            decided: since,
            latency: since.zip(sample.first_input).map(|(t, i)| (t - i).max(0.0)),
        }
    }
}

impl Sample {
    /// The readout has fired.
    fn fired(&mut self, s: &Spike, model: &Model) {
        self.counts[s.neuron] += 1;
        self.first[s.neuron].get_or_insert(s.t);
        if self.now != Some(s.t) {
            (self.now, self.before) = (Some(s.t), self.leads);
        }
        // What is compared does not change with the end of the sample, and counts when all spikes of a time are in.
        let leader = best(&self.scores(model.loss, f64::INFINITY));
        self.leads = leader.map(|leader| match self.before {
            Some(before) if before.0 == leader => before,
            _ => (leader, s.t),
        });
    }

    /// What the loss compares: first spikes, the end standing for none, or numbers of spikes.
    fn scores(&self, loss: Loss, end: f64) -> Vec<f64> {
        let first = self.first.iter().map(|t| t.unwrap_or(end));
        match loss {
            Loss::SpikeTime { tau0, .. } => first.map(|t| -t / tau0).collect(),
            Loss::FirstSpike if end.is_finite() => first.map(|t| -10.0 * t / end).collect(),
            Loss::FirstSpike => first.map(|t| -t).collect(),
            _ => self.counts.iter().map(|&n| n as f64).collect(),
        }
    }

    /// Keeps a spike until all of its time and population are there.
    fn note(&mut self, s: Spike, names: &[String], sink: &mut Sink) {
        let other = |o: &Spike| (o.t, o.population) != (s.t, s.population);
        if self.at.last().is_some_and(other) {
            self.show(names, sink);
        }
        self.at.push(s);
    }

    fn show(&mut self, names: &[String], sink: &mut Sink) {
        let Some(first) = self.at.first() else {
            return;
        };
        let mut neurons: Vec<usize> = self.at.iter().map(|s| s.neuron).collect();
        neurons.sort_unstable();
        sink.fired(&Fired {
            sample: self.number,
            t: first.t,
            node: &names[first.population],
            readout: first.population + 1 == names.len(),
            neurons: &neurons,
        });
        self.at.clear();
    }
}

/// The place of the largest number, the first if there are several.
fn best(scores: &[f64]) -> Option<usize> {
    (0..scores.len()).reduce(|a, b| if scores[b] > scores[a] { b } else { a })
}
