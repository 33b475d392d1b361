//! What a conversion kept: decisions, spikes, and how near each layer's rates are to the values that they stand for.

use crate::ann::{Ann, Builder, Source};
use crate::rate::Rates;
use crate::{Error, Result};
use cortado::network::Network;
use cortado::sim::clock::{Input, Probe};
use serde::Serialize;

/// Decisions of a spiking network, step by step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decisions {
    /// The largest output of each sample after each step, `[samples][steps]`.
    pub classes: Vec<u32>,
    /// Number of steps.
    pub steps: usize,
    /// Name, neurons and spikes of each population that fires.
    pub spikes: Vec<(String, usize, usize)>,
}

impl Decisions {
    /// How many samples are decided as `wanted` after each step.
    pub fn agree(&self, wanted: &[u32]) -> Vec<usize> {
        let mut count = vec![0; self.steps];
        for (row, &want) in self.classes.chunks(self.steps).zip(wanted) {
            row.iter()
                .zip(&mut count)
                .for_each(|(&c, n)| *n += usize::from(c == want));
        }
        count
    }

    /// Spikes of a neuron for a sample.
    pub fn spikes_per_neuron(&self) -> f64 {
        let samples = self.classes.len() / self.steps.max(1);
        let neurons: usize = self.spikes.iter().map(|s| s.1).sum();
        let spikes: usize = self.spikes.iter().map(|s| s.2).sum();
        spikes as f64 / (neurons * samples).max(1) as f64
    }
}

/// The place of the largest value, the first of equal ones.
pub fn largest<T: PartialOrd>(values: &[T]) -> u32 {
    let mut best = 0;
    for (i, v) in values.iter().enumerate() {
        if *v > values[best] {
            best = i;
        }
    }
    best as u32
}

/// Classes that a trained network decides for, of samples `[count][inputs]`.
///
/// # Errors
/// As [`Ann::forward`].
pub fn classes(ann: &Ann, samples: &[f32], count: usize) -> Result<Vec<u32>> {
    let last = |_: usize, values: &[Vec<f32>]| values.last().map_or(0, |v| largest(v));
    ann.trace(samples, count, last)
}

/// Samples that run at once: the output of all their steps is held.
const BATCH: usize = 512;

/// Runs samples `[count][inputs]` as currents for so many steps, and decides after each by the largest membrane of the readout.
///
/// # Errors
/// Samples of another size; those of [`Network::run`].
pub fn decide(network: &Network<f32>, samples: &[f32], steps: usize) -> Result<Decisions> {
    let (inputs, outputs) = (network.inputs(), network.outputs());
    if samples.is_empty() || !samples.len().is_multiple_of(inputs) || steps == 0 {
        let expected = format!("{inputs} values a sample, at least one sample and step");
        let got = format!("{} values, {steps} steps", samples.len());
        return Err(Error::invalid("input", "the network", expected, got));
    }
    let mut decisions = Decisions {
        classes: Vec::new(),
        steps,
        spikes: Vec::new(),
    };
    for batch in samples.chunks(BATCH * inputs) {
        let input = Input::Current {
            samples: batch.len() / inputs,
            steps,
            data: batch.to_vec(),
        };
        let record = network.run(&input, &[])?;
        decisions
            .classes
            .extend(record.output.chunks(outputs).map(largest));
        for (i, a) in record.activity.into_iter().enumerate() {
            match decisions.spikes.get_mut(i) {
                Some(sum) => sum.2 += a.spikes,
                None => decisions.spikes.push((a.name, a.neurons, a.spikes)),
            }
        }
    }
    // The readout adds up and never fires.
    decisions.spikes.retain(|s| s.0 != crate::network::READOUT);
    Ok(decisions)
}

/// How near the rates of a layer are to the values that they stand for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerReport {
    /// The layer's name.
    pub layer: String,
    /// Number of neurons.
    pub neurons: usize,
    /// The value of a spike in every step, the mean over channels.
    pub scale: f64,
    /// Correlation of value and rate, over neurons and samples.
    pub correlation: f64,
    /// Mean of the difference's size, as a share of the scale.
    pub error: f64,
    /// Share of the values that are above the scale: a rate cannot say them.
    pub saturated: f64,
    /// Share of the neurons that fired for no sample.
    pub silent: f64,
    /// Spikes of a neuron for a sample.
    pub spikes_per_neuron: f64,
    /// Share of the samples that the rest of the trained network, given what the rates of this layer say, decides as before; absent
    /// where an edge goes round the layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<f64>,
}

/// Compares each layer's rates with the values of the trained network, on samples `[count][inputs]`.
///
/// # Errors
/// As [`decide`] and [`Ann::forward`].
pub fn layers(ann: &Ann, rates: &Rates, samples: &[f32], steps: usize) -> Result<Vec<LayerReport>> {
    let count = samples.len() / ann.inputs();
    let network = &rates.built.network;
    let probes: Vec<Probe> = rates
        .built
        .units
        .iter()
        .map(|(_, name)| Probe {
            node: name.clone(),
            what: "spikes".into(),
            neurons: Vec::new(),
        })
        .collect();
    // A few samples at a time: every spike is held.
    let mut said: Vec<Vec<f32>> = vec![Vec::new(); probes.len()];
    for batch in samples.chunks(16 * ann.inputs()) {
        let input = Input::Current {
            samples: batch.len() / ann.inputs(),
            steps,
            data: batch.to_vec(),
        };
        let record = network.run(&input, &probes)?;
        for (trace, said) in record.traces.iter().zip(&mut said) {
            for sample in trace.data.chunks(steps * trace.neurons) {
                let start = said.len();
                said.extend_from_slice(&sample[..trace.neurons]);
                for step in sample.chunks(trace.neurons).skip(1) {
                    said[start..]
                        .iter_mut()
                        .zip(step)
                        .for_each(|(n, z)| *n += z);
                }
            }
        }
    }
    let wanted = classes(ann, samples, count)?;
    let picked: Vec<usize> = rates.built.units.iter().map(|u| u.0).collect();
    let values = ann.trace(samples, count, |_, values: &[Vec<f32>]| {
        picked
            .iter()
            .map(|&i| values[i].clone())
            .collect::<Vec<_>>()
    })?;
    let mut reports = Vec::new();
    for (n, &i) in picked.iter().enumerate() {
        let layer = &ann.layers[i];
        let neurons: usize = layer.shape.iter().product();
        let scale = rates
            .scales
            .iter()
            .find(|s| s.0 == i)
            .map_or(&[1.0][..], |s| &s.1);
        let area = neurons / layer.shape[0];
        let of = |j: usize| scale[(j / area).min(scale.len() - 1)];
        let mut sums = Moments::default();
        let (mut error, mut saturated) = (0.0, 0usize);
        let mut told = vec![0.0f32; said[n].len()];
        for (b, row) in values.iter().enumerate() {
            for (j, &value) in row[n].iter().enumerate() {
                let (at, value) = (b * neurons + j, f64::from(value));
                let rate = f64::from(said[n][at]) / steps as f64 * of(j);
                told[at] = rate as f32;
                sums.add(value, rate);
                error += (value - rate).abs() / of(j);
                saturated += usize::from(value > of(j) * (1.0 + 1e-6));
            }
        }
        let fired = |j: usize| said[n].iter().skip(j).step_by(neurons).any(|&c| c > 0.0);
        let total = (neurons * count) as f64;
        let agreement = match tail(ann, i)? {
            Some(rest) => {
                let decided = classes(&rest, &told, count)?;
                let same = decided.iter().zip(&wanted).filter(|(a, b)| a == b).count();
                Some(same as f64 / count as f64)
            }
            None => None,
        };
        reports.push(LayerReport {
            layer: layer.name.clone(),
            neurons,
            scale: scale.iter().sum::<f64>() / scale.len() as f64,
            correlation: sums.correlation(),
            error: error / total,
            saturated: saturated as f64 / total,
            silent: (0..neurons).filter(|&j| !fired(j)).count() as f64 / neurons as f64,
            spikes_per_neuron: said[n].iter().map(|&c| f64::from(c)).sum::<f64>() / total,
            agreement,
        });
    }
    Ok(reports)
}

/// The layer at which most decisions are lost: that after which the rest of the trained network agrees least with itself, as against
/// after the layer before.
pub fn blame(reports: &[LayerReport]) -> Option<&LayerReport> {
    let losses = reports.iter().scan(1.0, |before, r| {
        let now = r.agreement.unwrap_or(*before);
        Some(std::mem::replace(before, now) - now)
    });
    let worst = losses.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?.0;
    reports.get(worst)
}

/// The layers behind layer `i` as a network of their own, if nothing goes round it.
fn tail(ann: &Ann, i: usize) -> Result<Option<Ann>> {
    let mut rest = Builder::new(&ann.layers[i].shape)?;
    for layer in &ann.layers[i + 1..] {
        let mut from = Vec::new();
        for source in &layer.from {
            from.push(match *source {
                Source::Layer(j) if j == i => Source::Input,
                Source::Layer(j) if j > i => Source::Layer(j - i - 1),
                _ => return Ok(None),
            });
        }
        match layer.op {
            crate::ann::Op::Reshape => rest.reshape(&layer.name, from[0], &layer.shape)?,
            _ => rest.push(&layer.name, layer.op.clone(), &from)?,
        };
    }
    Ok(Some(rest.finish()?))
}

/// Sums for a correlation.
#[derive(Default)]
struct Moments {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Moments {
    fn add(&mut self, x: f64, y: f64) {
        self.n += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.yy += y * y;
        self.xy += x * y;
    }

    /// 0 where one of both does not vary.
    fn correlation(&self) -> f64 {
        let n = self.n;
        let both = (n * self.xx - self.x * self.x) * (n * self.yy - self.y * self.y);
        if both > 0.0 {
            (n * self.xy - self.x * self.y) / both.sqrt()
        } else {
            0.0
        }
    }
}
