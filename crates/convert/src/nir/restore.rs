//! A network that Cortado wrote, as it was.

use super::export::{FED, Fed, OPTIONS, SPEC, VALUES, export};
use super::flat::Flat;
use super::import::{Imported, Plan};
use super::options::Options;
use super::report::{Fate, Report};
use super::shapes::infer;
use crate::{Error, Result};
use cortado::network::{EdgeSpec, NetworkSpec, NodeKind, NodeSpec};
use cortado::neuron::Lanes;
use cortado_interop::nir::{File, Graph, Kind, Value};
use std::collections::BTreeMap;

/// Whether Cortado wrote a file.
pub fn is_own(file: &File) -> bool {
    file.root.metadata.contains_key(SPEC)
}

impl Options {
    /// How a file says that it is to be read, if it does: Cortado states it.
    pub fn stated(file: &File) -> Option<Self> {
        serde_json::from_str(file.root.metadata.get(OPTIONS)?.text()?).ok()
    }
}

/// The network that [`export`] wrote, to the bit where its parameters have the file's precision.
///
/// The graph counts as well: where it says other numbers than the network that its metadata tells of, someone changed it, and
/// only [`super::import`] under options can say what it means.
///
/// # Errors
/// A file of another tool; metadata that is damaged, or tells of another graph.
pub fn restore<R: Lanes>(file: &File) -> Result<Imported<R>> {
    let meta = &file.root.metadata;
    let text = |name: &str| {
        let missing = || {
            Error::invalid(
                "metadata",
                "the graph",
                format!("'{name}', as Cortado writes it"),
                "none",
            )
        };
        meta.get(name).and_then(Value::text).ok_or_else(missing)
    };
    let broken =
        |e: serde_json::Error| Error::invalid("metadata", format!("'{SPEC}'"), "a network", e);
    let spec: NetworkSpec = serde_json::from_str(text(SPEC)?).map_err(broken)?;
    let fed = match text(FED)? {
        "currents" => Fed::Currents,
        _ => Fed::Spikes,
    };
    let input = file.root.nodes.values().find_map(|n| match &n.kind {
        Kind::Input { shape } => Some(shape.clone()),
        _ => None,
    });
    let input = input.ok_or_else(|| Error::invalid("Input", "the graph", "one", "none"))?;
    fits(&spec, &file.root)?;
    let mut values = Vec::new();
    for node in &spec.nodes {
        let tensors = file.root.nodes.get(&node.name).map(|n| n.kind.tensors());
        let weighs = matches!(node.kind.name(), "linear" | "conv2d");
        for (part, tensor) in tensors.into_iter().flatten().filter(|_| weighs) {
            values.push((format!("{}.{part}", node.name), tensor.data.clone()));
        }
    }
    for (key, value) in meta {
        if let (Some(name), Value::Numbers(tensor)) = (key.strip_prefix(VALUES), value) {
            values.retain(|v| v.0 != name);
            values.push((name.into(), tensor.data.clone()));
        }
    }
    let mut plan = Plan {
        input,
        spec,
        values,
    };
    // A convolution of NIR always has a bias.
    let net = cortado::network::Network::<R>::new(&plan.input, &plan.spec, 0)?;
    plan.values.retain(|(name, _)| net.param(name).is_some());
    let network = plan.build::<R>()?;
    let again = export(&network, fed)?.file.root;
    if let Some(name) = differs(&file.root, &again) {
        let expected = "the graph that its metadata tells of; else options say how to read it";
        return Err(Error::invalid(
            "graph",
            format!("node '{name}'"),
            expected,
            "one that was changed",
        ));
    }
    let mut report = Report::default();
    report.graph(Fate::Taken, "the network is restored as Cortado wrote it");
    Ok(Imported { network, report })
}

/// Checks that weights of a network are those of the graph, before any are made.
fn fits(spec: &NetworkSpec, graph: &Graph) -> Result<()> {
    let flat = Flat::new(graph)?;
    let shapes = infer(&flat)?;
    let place = |name: &str| flat.names.iter().position(|n| n == name);
    let size = |name: &str| match name {
        "input" => Some(shapes[flat.input].iter().product::<usize>()),
        name => Some(shapes[place(name)?].iter().product()),
    };
    let nodes: BTreeMap<&str, &NodeSpec> =
        spec.nodes.iter().map(|n| (n.name.as_str(), n)).collect();
    let source = |node: &NodeSpec| match node.from.as_deref()?.first()? {
        EdgeSpec::Node(name) => Some(name.clone()),
        EdgeSpec::Delayed(d) => Some(d.node.clone()),
    };
    for node in &spec.nodes {
        if matches!(node.kind, NodeKind::Flatten {}) {
            continue;
        }
        let mut from = source(node);
        // Flattening stands under other names in the graph.
        for _ in 0..spec.nodes.len() {
            match from.as_ref().and_then(|f| nodes.get(f.as_str())) {
                Some(n) if matches!(n.kind, NodeKind::Flatten {}) => from = source(n),
                _ => break,
            }
        }
        let known = from.as_deref().and_then(size).is_some();
        let good = match &node.kind {
            NodeKind::Linear { n: Some(n), .. } => {
                let inputs = from.as_deref().and_then(size).unwrap_or(0);
                let weight = graph
                    .nodes
                    .get(&node.name)
                    .and_then(|g| weights_of(&g.kind));
                weight.is_some_and(|w| inputs.checked_mul(*n) == Some(w))
            }
            NodeKind::Conv2d {
                channels, kernel, ..
            } => {
                let weight = graph
                    .nodes
                    .get(&node.name)
                    .and_then(|g| weights_of(&g.kind));
                let [h, w] = kernel.get();
                let least = h.checked_mul(w).and_then(|k| k.checked_mul(*channels));
                weight.zip(least).is_some_and(|(all, least)| least <= all)
            }
            _ => place(&node.name).is_some(),
        };
        if !(good && known) {
            let expected = "the graph that its metadata tells of; else options say how to read it";
            return Err(Error::invalid(
                "graph",
                format!("node '{}'", node.name),
                expected,
                "another",
            ));
        }
    }
    Ok(())
}

/// The number of a node's weights.
fn weights_of(kind: &Kind) -> Option<usize> {
    match kind {
        Kind::Affine { weight, .. } | Kind::Linear { weight } | Kind::Conv2d { weight, .. } => {
            Some(weight.data.len())
        }
        _ => None,
    }
}

/// A node that two graphs do not share, to the precision of the numbers.
fn differs(a: &Graph, b: &Graph) -> Option<String> {
    let edges = |g: &Graph| {
        let mut all = g.edges.clone();
        all.sort();
        all
    };
    if edges(a) != edges(b) {
        let (one, other) = (edges(a), edges(b));
        let odd = one
            .iter()
            .find(|e| !other.contains(e))
            .or_else(|| other.iter().find(|e| !one.contains(e)));
        return Some(odd.map_or_else(String::new, |e| e.1.clone()));
    }
    for (name, node) in &a.nodes {
        let Some(other) = b
            .nodes
            .get(name)
            .filter(|o| o.kind.name() == node.kind.name())
        else {
            return Some(name.clone());
        };
        let (mine, theirs) = (node.kind.tensors(), other.kind.tensors());
        let near = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-6 * x.abs().max(y.abs());
        let same = mine.len() == theirs.len()
            && mine.iter().zip(&theirs).all(|(m, t)| {
                m.0 == t.0
                    && m.1.data.len() == t.1.data.len()
                    && m.1.data.iter().zip(&t.1.data).all(near)
            });
        if !same {
            return Some(name.clone());
        }
    }
    b.nodes.keys().find(|n| !a.nodes.contains_key(*n)).cloned()
}
