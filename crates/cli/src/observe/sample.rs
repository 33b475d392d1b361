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
    let fires = scene
        .net
        .run(&input, &[probe(&chosen.name, "spikes", Vec::new())])?;
    let neurons = active(&fires.traces[0].data, fires.traces[0].neurons);
    let mut probes = vec![
        probe(&chosen.name, chosen.spec.states[0].name, neurons.clone()),
        probe(&chosen.name, "spikes", neurons.clone()),
    ];
    let readout = all.last().filter(|r| r.name != chosen.name);
    if let Some(r) = readout {
        probes.push(probe(&r.name, r.spec.states[0].name, Vec::new()));
        probes.push(probe(&r.name, "spikes", Vec::new()));
    }
    let record = scene.net.run(&input, &probes)?;
    let traces = |k: usize| split(&record.traces[k].data, record.traces[k].neurons);
    let mut membranes = Vec::new();
    let (values, spikes) = (traces(0), traces(1));
    if chosen.spec.output == Output::Spikes {
        for ((n, values), spikes) in neurons.iter().zip(values).zip(&spikes) {
            let count = ones(spikes).len();
            let plural = if count == 1 { "" } else { "s" };
            let name = format!("{}, neuron {n}: {count} spike{plural}", chosen.name);
            let trace = Trace {
                name: name.clone(),
                values,
                spikes: ones(spikes),
                strong: false,
            };
            let threshold = chosen
                .threshold
                .get(*n)
                .or(chosen.threshold.first())
                .copied();
            membranes.push(Membrane {
                name,
                unit: unit(chosen.spec.states[0].unit),
                threshold,
                traces: vec![trace],
            });
        }
    }
    let last = match readout {
        Some(r) => Some((r, traces(2), traces(3))),
        None if membranes.is_empty() => Some((chosen, traces(0), traces(1))),
        None => None,
    };
    if let Some((r, values, spikes)) = last {
        let label = labels.as_ref().and_then(|l| l.first()).map(|&l| l as usize);
        let keep = kept(&values, label);
        let one = |&j: &usize| Trace {
            name: if Some(j) == label {
                format!("{j}, the true class")
            } else {
                j.to_string()
            },
            values: values[j].clone(),
            spikes: if r.spec.output == Output::Spikes {
                ones(&spikes[j])
            } else {
                Vec::new()
            },
            strong: Some(j) == label,
        };
        let some = if keep.len() < values.len() {
            format!(", {} of {} outputs", keep.len(), values.len())
        } else {
            String::new()
        };
        membranes.push(Membrane {
            name: format!("{}{some}", r.name),
            unit: unit(r.spec.states[0].unit),
            threshold: r.threshold.first().copied(),
            traces: keep.iter().map(one).collect(),
        });
    }
    let title = format!(
        "Membranes: {}",
        describe(scene, sample, labels.as_deref(), &record)
    );
    Ok(Traces {
        title,
        dt: scene.recipe.network.dt,
        membranes,
    })
}

fn unit(unit: &str) -> String {
    unit.into()
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
