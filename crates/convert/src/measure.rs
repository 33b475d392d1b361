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

/// Samples that run at once, fewer where there are many steps: the output of all of them is held.
const BATCH: usize = 512;

/// Most steps of a sample.
pub const MOST_STEPS: usize = 1 << 16;

/// Checks that the output of all steps can be held.
fn few(steps: usize) -> Result<()> {
    if steps > MOST_STEPS {
        let expected = format!("at most {MOST_STEPS}");
        return Err(Error::invalid("steps", "the network", expected, steps));
    }
    Ok(())
}

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
    few(steps)?;
    let mut decisions = Decisions {
        classes: Vec::new(),
        steps,
        spikes: Vec::new(),
    };
    let batch = (BATCH * 64 / steps).clamp(16, BATCH);
    for batch in samples.chunks(batch * inputs) {
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

/// What a layer's spikes told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// The layer's number.
    pub layer: usize,
    /// The largest value that spikes tell: one for all, or for each channel.
    pub scale: Vec<f64>,
    /// `[samples][neurons]`
    pub values: Vec<f32>,
    /// All spikes.
    pub spikes: usize,
}

/// Compares each layer's rates with the values of the trained network, on samples `[count][inputs]`.
///
/// # Errors
/// As [`decide`] and [`compare`].
pub fn layers(ann: &Ann, rates: &Rates, samples: &[f32], steps: usize) -> Result<Vec<LayerReport>> {
    few(steps)?;
    let network = &rates.built.network;
    let units = &rates.built.units;
    let probe = |name: &String| Probe {
        node: name.clone(),
        what: "spikes".into(),
        neurons: Vec::new(),
    };
    let probes: Vec<Probe> = units.iter().map(|u| probe(&u.1)).collect();
    let scale = |i: usize| {
        let scale = rates.scales.iter().find(|s| s.0 == i);
        scale.map_or(vec![1.0], |s| s.1.clone())
    };
    let begin = |&(layer, _): &(usize, String)| Told {
        layer,
        scale: scale(layer),
        ..Told::default()
    };
    let mut told: Vec<Told> = units.iter().map(begin).collect();
    // A few samples at a time: every spike is held.
    let batch = (BATCH / steps).clamp(1, 16);
    for batch in samples.chunks(batch * ann.inputs()) {
        let input = Input::Current {
            samples: batch.len() / ann.inputs(),
            steps,
            data: batch.to_vec(),
        };
        let record = network.run(&input, &probes)?;
        for (trace, told) in record.traces.iter().zip(&mut told) {
            let area = trace.neurons / ann.layers[told.layer].shape[0];
            for sample in trace.data.chunks(steps * trace.neurons) {
                let count = |j: usize| sample[j..].iter().step_by(trace.neurons).sum::<f32>();
                for j in 0..trace.neurons {
                    let scale = told.scale[(j / area).min(told.scale.len() - 1)];
                    told.spikes += count(j) as usize;
                    let rate = f64::from(count(j)) / steps as f64;
                    told.values.push((rate * scale) as f32);
                }
            }
        }
    }
    compare(ann, samples, &told)
}

/// Compares what the spikes of layers told with the values of the trained network, on samples `[count][inputs]`.
///
/// # Errors
/// As [`Ann::forward`].
pub fn compare(ann: &Ann, samples: &[f32], told: &[Told]) -> Result<Vec<LayerReport>> {
    let count = samples.len() / ann.inputs();
    let wanted = classes(ann, samples, count)?;
    let values = ann.trace(samples, count, |_, values: &[Vec<f32>]| {
        let picked = told.iter().map(|t| values[t.layer].clone());
        picked.collect::<Vec<_>>()
    })?;
    let mut reports = Vec::new();
    for (n, told) in told.iter().enumerate() {
        let layer = &ann.layers[told.layer];
        let neurons: usize = layer.shape.iter().product();
        let area = neurons / layer.shape[0];
        let scale = |j: usize| told.scale[(j / area).min(told.scale.len() - 1)];
        let mut sums = Moments::default();
        let (mut error, mut saturated) = (0.0, 0usize);
        let exact = values.iter().flat_map(|row| row[n].iter().enumerate());
        for ((j, &value), &said) in exact.zip(&told.values) {
            let (value, said) = (f64::from(value), f64::from(said));
            sums.add(value, said);
            error += (value - said).abs() / scale(j);
            saturated += usize::from(value > scale(j) * (1.0 + 1e-6));
        }
        let speaks = |j: usize| told.values[j..].iter().step_by(neurons).any(|&v| v > 0.0);
        let total = (neurons * count) as f64;
        let decided = rest(ann, told.layer, &told.values, count)?;
        let same = |d: Vec<u32>| d.iter().zip(&wanted).filter(|(a, b)| a == b).count();
        reports.push(LayerReport {
            layer: layer.name.clone(),
            neurons,
            scale: told.scale.iter().sum::<f64>() / told.scale.len() as f64,
            correlation: sums.correlation(),
            error: error / total,
            saturated: saturated as f64 / total,
            silent: (0..neurons).filter(|&j| !speaks(j)).count() as f64 / neurons as f64,
            spikes_per_neuron: told.spikes as f64 / total,
            agreement: decided.map(|d| same(d) as f64 / count as f64),
        });
    }
    Ok(reports)
}

/// What the layers behind layer `i` decide, given its values; nothing if an edge goes round it.
fn rest(ann: &Ann, i: usize, values: &[f32], count: usize) -> Result<Option<Vec<u32>>> {
    if i + 1 == ann.layers.len() {
        return Ok(Some(values.chunks(ann.outputs()).map(largest).collect()));
    }
    let Some(rest) = tail(ann, i)? else {
        return Ok(None);
    };
    classes(&rest, values, count).map(Some)
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
