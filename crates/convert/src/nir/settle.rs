//! A network as NIR can hold it: without what only training uses, and with every number written out.

use super::report::{Fate, Report};
use crate::{Error, Result};
use cortado::network::{DelayedEdge, EdgeSpec, Network, NetworkSpec, NodeKind, Values};
use cortado::neuron::Lanes;
use std::collections::BTreeMap;

/// The same network without dropout and batch norm, no parameter left to be drawn.
///
/// # Errors
/// Batch norm that has no weights of its own before it.
pub(super) fn settle<R: Lanes>(net: &Network<R>, report: &mut Report) -> Result<Network<R>> {
    let mut spec = net.spec().clone();
    let mut values: BTreeMap<String, Vec<f64>> = net
        .params()
        .iter()
        .chain(net.buffers())
        .map(|p| {
            (
                p.name.clone(),
                p.values().iter().map(|v| v.value()).collect(),
            )
        })
        .collect();
    explicit(&mut spec);
    write_out(net, &mut spec, &values);
    while let Some(i) = spec.nodes.iter().position(|n| {
        matches!(
            n.kind,
            NodeKind::Dropout { .. } | NodeKind::BatchNorm { .. }
        )
    }) {
        let name = spec.nodes[i].name.clone();
        if let NodeKind::BatchNorm { epsilon, .. } = spec.nodes[i].kind {
            fold(&mut spec, &mut values, i, epsilon)?;
            report.node(
                Fate::Taken,
                &name,
                "batch norm is folded into the weights before it",
            );
        } else {
            report.node(Fate::Lost, &name, "dropout, which is for training alone");
        }
        remove(&mut spec, i);
    }
    let mut settled = Network::new(net.input_shape(), &spec, 0)?;
    let wanted: Vec<String> = settled
        .params()
        .iter()
        .chain(settled.buffers())
        .map(|p| p.name.clone())
        .collect();
    for name in wanted {
        if let Some(values) = values.get(&name) {
            let values: Vec<R> = values.iter().map(|&v| R::of(v)).collect();
            settled.set(&name, &values)?;
        }
    }
    Ok(settled)
}

/// Every node says where its input comes from.
fn explicit(spec: &mut NetworkSpec) {
    let mut before = "input".to_string();
    for node in &mut spec.nodes {
        node.from
            .get_or_insert_with(|| vec![EdgeSpec::Node(before.clone())]);
        before.clone_from(&node.name);
    }
}

/// Numbers that were drawn are stated.
fn write_out<R: Lanes>(
    net: &Network<R>,
    spec: &mut NetworkSpec,
    values: &BTreeMap<String, Vec<f64>>,
) {
    let models = cortado::neuron::models();
    for node in &mut spec.nodes {
        if let NodeKind::Linear { n: n @ None, .. } = &mut node.kind {
            *n = net.shape(&node.name).map(|s| s.iter().product());
        }
        match &mut node.kind {
            NodeKind::Population { neuron, params, .. } => {
                let model = models.iter().find(|m| m.name == neuron);
                for (name, stated) in params
                    .iter_mut()
                    .filter(|(_, v)| matches!(v, Values::Drawn(_)))
                {
                    let column = model
                        .and_then(|m| m.param(name))
                        .zip(net.neurons(&node.name));
                    if let Some((k, rows)) = column {
                        *stated = Values::Each(rows.iter().map(|r| r[k]).collect());
                    }
                }
            }
            NodeKind::Linear {
                delays: Some(delays),
                ..
            } => {
                if let Some(list) = values.get(&format!("{}.delay", node.name)) {
                    delays.values = Values::Each(list.clone());
                }
            }
            _ => {}
        }
    }
}

fn source(edge: &EdgeSpec) -> (&str, f64) {
    match edge {
        EdgeSpec::Node(name) => (name, 0.0),
        EdgeSpec::Delayed(d) => (&d.node, d.delay),
    }
}

/// Takes out a node that hands on what it takes.
fn remove(spec: &mut NetworkSpec, i: usize) {
    let node = spec.nodes.remove(i);
    let [before] = &node.from.unwrap_or_default()[..] else {
        return;
    };
    for reader in &mut spec.nodes {
        for edge in reader.from.iter_mut().flatten() {
            let (name, late) = source(edge);
            if name == node.name {
                let (name, delay) = source(before);
                *edge = match delay + late {
                    0.0 => EdgeSpec::Node(name.into()),
                    delay => EdgeSpec::Delayed(DelayedEdge {
                        node: name.into(),
                        delay,
                    }),
                };
            }
        }
    }
}

/// Multiplies batch norm into the weights that it alone reads.
fn fold(
    spec: &mut NetworkSpec,
    values: &mut BTreeMap<String, Vec<f64>>,
    i: usize,
    epsilon: f64,
) -> Result<()> {
    let name = spec.nodes[i].name.clone();
    let before = spec.nodes[i]
        .from
        .as_deref()
        .and_then(<[EdgeSpec]>::first)
        .map(source);
    let before = before
        .filter(|b| b.1 == 0.0)
        .map_or(String::new(), |b| b.0.to_string());
    let readers = spec
        .nodes
        .iter()
        .flat_map(|n| n.from.iter().flatten())
        .filter(|e| source(e).0 == before);
    let alone = readers.count() == 1;
    let weights = spec.nodes.iter_mut().find(|n| n.name == before && alone);
    let bias = match weights.map(|n| &mut n.kind) {
        Some(NodeKind::Linear { bias, .. } | NodeKind::Conv2d { bias, .. }) => bias,
        _ => {
            let expected = "weights before it that it alone reads, to be folded into";
            return Err(Error::invalid(
                "batch norm",
                format!("node '{name}'"),
                expected,
                format!("'{before}'"),
            ));
        }
    };
    *bias = true;
    let of = |part: &str| {
        values
            .get(&format!("{name}.{part}"))
            .cloned()
            .unwrap_or_default()
    };
    let (gain, shift, mean, variance) = (
        of("weight"),
        of("bias"),
        of("running_mean"),
        of("running_var"),
    );
    let scale: Vec<f64> = gain
        .iter()
        .zip(&variance)
        .map(|(g, v)| g / (v + epsilon).sqrt())
        .collect();
    let weight = values.entry(format!("{before}.weight")).or_default();
    let width = (weight.len() / scale.len().max(1)).max(1);
    for (row, s) in weight.chunks_exact_mut(width).zip(&scale) {
        row.iter_mut().for_each(|w| *w *= s);
    }
    let bias = values
        .entry(format!("{before}.bias"))
        .or_insert_with(|| vec![0.0; scale.len()]);
    for (k, b) in bias.iter_mut().enumerate() {
        *b = scale[k] * (*b - mean[k]) + shift[k];
    }
    Ok(())
}
