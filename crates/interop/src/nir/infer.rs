//! Shapes along the edges of a graph.

use std::collections::{BTreeMap, VecDeque};

use super::graph::{Edge, Graph};
use super::kind::Kind;
use super::shape::Types;

/// Shapes along the edges, from what is known to what is not.
pub(super) fn infer(graph: &Graph) -> BTreeMap<&str, Types> {
    let mut types: BTreeMap<&str, Types> = BTreeMap::new();
    for (name, node) in &graph.nodes {
        let own = match &node.kind {
            Kind::NIRGraph(inner) => Types {
                input: port(inner, &inner.inputs(), None),
                output: port(inner, &inner.outputs(), None),
            },
            kind => kind.own_types(),
        };
        types.insert(name, own);
    }
    let mut targets: BTreeMap<&str, Vec<&Edge>> = BTreeMap::new();
    for edge in &graph.edges {
        if let Some(from) = graph.end(&edge.0) {
            targets.entry(from.node).or_default().push(edge);
        }
    }
    // A node is waiting whenever its output has become known.
    let known = types.iter().filter(|(_, t)| t.output.is_some());
    let mut waiting: VecDeque<&str> = known.map(|(name, _)| *name).collect();
    while let Some(name) = waiting.pop_front() {
        for edge in targets.get(name).into_iter().flatten() {
            let Some(to) = graph.end(&edge.1) else {
                continue;
            };
            let there = output(graph, &types, edge);
            let (Some(shape), Some(node)) = (there, graph.nodes.get(to.node)) else {
                continue;
            };
            let Some(of) = types.get_mut(to.node) else {
                continue;
            };
            if of.input.is_some() || matches!(node.kind, Kind::NIRGraph(_)) {
                continue;
            }
            if of.output.is_none()
                && let Ok(output) = node.kind.output_of(&shape)
            {
                of.output = Some(output);
                waiting.push_back(to.node);
            }
            of.input = Some(shape);
        }
    }
    types
}

/// The shape at the input or output of a nested graph: the one that is named, or the only one.
fn port(graph: &Graph, ports: &[&str], name: Option<&str>) -> Option<Vec<usize>> {
    let name = match (name, ports) {
        (Some(name), ports) => ports.iter().find(|p| **p == name)?,
        (None, [only]) => only,
        _ => return None,
    };
    graph.nodes.get(*name)?.kind.own_types().output
}

/// The shape that leaves by an edge.
pub(super) fn output(
    graph: &Graph,
    types: &BTreeMap<&str, Types>,
    edge: &Edge,
) -> Option<Vec<usize>> {
    let end = graph.end(&edge.0)?;
    match &graph.nodes.get(end.node)?.kind {
        Kind::NIRGraph(inner) => port(inner, &inner.outputs(), end.port),
        _ => types.get(end.node)?.output.clone(),
    }
}

/// The shape that is wanted at the end of an edge.
pub(super) fn input(
    graph: &Graph,
    types: &BTreeMap<&str, Types>,
    edge: &Edge,
) -> Option<Vec<usize>> {
    let end = graph.end(&edge.1)?;
    match &graph.nodes.get(end.node)?.kind {
        Kind::NIRGraph(inner) => port(inner, &inner.inputs(), end.port),
        _ => types.get(end.node)?.input.clone(),
    }
}
