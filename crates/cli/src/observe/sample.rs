//! One test sample on its way through the network.

use super::{Scene, largest};
use anyhow::{Result, bail};
use cortado::neuron::Output;
use cortado::sim::clock::{Input, Probe, Record};
use cortado_plot::charts::{Membrane, Population, Raster, Trace, Traces};

/// Neurons of a population whose membranes are drawn.
const NEURONS: usize = 4;

/// Outputs of a readout that are drawn.
const OUTPUTS: usize = 10;

/// Spikes of the input and of all populations under a test sample.
pub fn raster(scene: &Scene, sample: usize) -> Result<Raster> {
    let (input, labels) = scene.input(&[sample])?;
    let (_, steps) = input.extent();
    let names: Vec<String> = scene
        .populations()
        .into_iter()
        .filter(|p| p.spec.output == Output::Spikes)
        .map(|p| p.name)
        .collect();
    let probe = |node: &String| probe(node, "spikes", Vec::new());
    let record = scene
        .net
        .run(&input, &names.iter().map(probe).collect::<Vec<_>>())?;
    let mut populations = Vec::new();
    if let Input::Spikes(s) = &input {
        let rows = (0..steps).flat_map(|t| s.row(0, t).iter().map(move |&n| [t as u32, n]));
        populations.push(Population {
            name: "input".into(),
            neurons: s.width,
            spikes: rows.collect(),
        });
    }
    for (name, trace) in names.into_iter().zip(&record.traces) {
        let fired = trace.data.iter().enumerate().filter(|(_, z)| **z != 0.0);
        let place =
            |(k, _): (usize, &f32)| [(k / trace.neurons) as u32, (k % trace.neurons) as u32];
        populations.push(Population {
            name,
            neurons: trace.neurons,
            spikes: fired.map(place).collect(),
        });
    }
    if populations.is_empty() {
        bail!("nothing in this network spikes");
    }
    let title = format!(
        "Spikes: {}",
        describe(scene, sample, labels.as_deref(), &record)
    );
    Ok(Raster {
        title,
        dt: scene.recipe.network.dt,
        steps,
        populations,
    })
}

/// Membranes of some neurons of a population, the first if none is named, and of the readout, under a test sample.
pub fn traces(scene: &Scene, sample: usize, node: Option<&str>) -> Result<Traces> {
    let (input, labels) = scene.input(&[sample])?;
    let all = scene.populations();
    let chosen = match node {
        Some(name) => all.iter().find(|p| p.name == name),
        None => all.first(),
    };
    let Some(chosen) = chosen else {
        let names: Vec<&str> = all.iter().map(|p| p.name.as_str()).collect();
        bail!(
            "no population '{}': there are {}",
            node.unwrap_or_default(),
            names.join(", ")
        );
    };
    let mut membranes = Vec::new();
    if chosen.spec.output == Output::Spikes {
        membranes = single(scene, &input, chosen)?;
    }
    if let Some(readout) = all
        .last()
        .filter(|r| membranes.is_empty() || r.name != chosen.name)
    {
        let label = labels.as_ref().and_then(|l| l.first()).map(|&l| l as usize);
        membranes.push(shared(scene, &input, readout, label)?);
    }
    let record = scene.net.run(&input, &[])?;
    let what = describe(scene, sample, labels.as_deref(), &record);
    Ok(Traces {
        title: format!("Membranes: {what}"),
        dt: scene.recipe.network.dt,
        membranes,
    })
}

/// Membranes and spikes of neurons of a population, `[neuron][step]`.
fn record(
    scene: &Scene,
    input: &Input<f32>,
    p: &super::Population,
    neurons: &[usize],
) -> Result<[Vec<Vec<f64>>; 2]> {
    let whats = [p.spec.states[0].name, "spikes"];
    let record = scene.net.run(
        input,
        &whats.map(|what| probe(&p.name, what, neurons.to_vec())),
    )?;
    Ok([0, 1].map(|k| split(&record.traces[k].data, record.traces[k].neurons)))
}

/// A panel for each of some neurons.
fn single(scene: &Scene, input: &Input<f32>, p: &super::Population) -> Result<Vec<Membrane>> {
    let fired = scene
        .net
        .run(input, &[probe(&p.name, "spikes", Vec::new())])?;
    let neurons = active(&fired.traces[0].data, fired.traces[0].neurons);
    let [values, spikes] = record(scene, input, p, &neurons)?;
    let one = |((n, values), spikes): ((&usize, Vec<f64>), &Vec<f64>)| {
        let spikes = ones(spikes);
        let plural = if spikes.len() == 1 { "" } else { "s" };
        let name = format!("{}, neuron {n}: {} spike{plural}", p.name, spikes.len());
        Membrane {
            name: name.clone(),
            unit: p.spec.states[0].unit.into(),
            threshold: p.threshold.get(*n).or(p.threshold.first()).copied(),
            traces: vec![Trace {
                name,
                values,
                spikes,
                strong: false,
            }],
        }
    };
    Ok(neurons.iter().zip(values).zip(&spikes).map(one).collect())
}

/// All neurons of a small population in one panel, that of the true class standing out.
fn shared(
    scene: &Scene,
    input: &Input<f32>,
    p: &super::Population,
    label: Option<usize>,
) -> Result<Membrane> {
    let [values, spikes] = record(scene, input, p, &[])?;
    let fires = p.spec.output == Output::Spikes;
    let keep = kept(&values, label);
    let one = |&j: &usize| Trace {
        name: if Some(j) == label {
            format!("{j}, the true class")
        } else {
            j.to_string()
        },
        values: values[j].clone(),
        spikes: if fires { ones(&spikes[j]) } else { Vec::new() },
        strong: Some(j) == label,
    };
    let some = match keep.len() < values.len() {
        true => format!(", {} of {} outputs", keep.len(), values.len()),
        false => String::new(),
    };
    Ok(Membrane {
        name: format!("{}{some}", p.name),
        unit: p.spec.states[0].unit.into(),
        threshold: p.threshold.first().copied(),
        traces: keep.iter().map(one).collect(),
    })
}

fn probe(node: &str, what: &str, neurons: Vec<usize>) -> Probe {
    Probe {
        node: node.into(),
        what: what.into(),
        neurons,
    }
}

/// What the network made of a sample.
fn describe(scene: &Scene, sample: usize, labels: Option<&[u32]>, record: &Record<f32>) -> String {
    let name = format!("test sample {sample}");
    let Some(&label) = labels.and_then(|l| l.first()) else {
        return name;
    };
    let loss = scene.recipe.train.objective.loss;
    let scores = loss.scores(&record.output, scene.net.outputs());
    format!("{name}, class {label}, taken for {}", largest(&scores))
}

/// `[steps][neurons]` by neuron.
fn split(data: &[f32], neurons: usize) -> Vec<Vec<f64>> {
    let column = |j: usize| {
        data.iter()
            .skip(j)
            .step_by(neurons.max(1))
            .map(|&v| f64::from(v))
    };
    (0..neurons).map(|j| column(j).collect()).collect()
}

fn ones(row: &[f64]) -> Vec<usize> {
    let fired = row.iter().enumerate().filter(|(_, z)| **z != 0.0);
    fired.map(|(t, _)| t).collect()
}

/// Neurons from the most active down to the least active one that fires; the first ones if none does.
fn active(spikes: &[f32], neurons: usize) -> Vec<usize> {
    let mut counts = vec![0; neurons];
    for (k, z) in spikes.iter().enumerate() {
        counts[k % neurons.max(1)] += usize::from(*z != 0.0);
    }
    let mut order: Vec<usize> = (0..neurons).filter(|&n| counts[n] > 0).collect();
    order.sort_by_key(|&n| (std::cmp::Reverse(counts[n]), n));
    if order.is_empty() {
        order = (0..neurons).collect();
    }
    let n = NEURONS.min(order.len());
    let rank = |i: usize| i * (order.len() - 1) / (n - 1).max(1);
    (0..n).map(|i| order[rank(i)]).collect()
}

/// Outputs to draw: all if they are few, or the ones that end highest, and the label.
fn kept(values: &[Vec<f64>], label: Option<usize>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    if order.len() > OUTPUTS {
        let top = |j: &usize| values[*j].iter().copied().fold(f64::NEG_INFINITY, f64::max);
        order.sort_by(|a, b| top(b).total_cmp(&top(a)));
        if let Some(at) = label.and_then(|l| order.iter().position(|&j| j == l)) {
            order[..=at].rotate_right(1);
        }
        order.truncate(OUTPUTS);
        order.sort_unstable();
    }
    order
}
