//! From named nodes to edges with delays, and the order in which they run.

use super::spec::{EdgeSpec, NetworkSpec};
use crate::{Error, Result};

/// Where a node takes its input from, and how many steps it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub node: usize,
    pub delay: usize,
}

/// Nodes that run together, in the order of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    pub nodes: Vec<usize>,
    pub pace: Pace,
}

/// How many steps a stage takes at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// All of them: weights stay where they are.
    Whole,
    /// One, although nothing asks for it: images that nodes hand to each other stay in the second cache.
    Image,
    /// One: each step needs the one before.
    Loop,
}

/// The edges into each node (node 0 is the input) and the stages.
pub(crate) fn resolve(spec: &NetworkSpec) -> Result<(Vec<Vec<Edge>>, Vec<Stage>)> {
    let names: Vec<&str> = std::iter::once("input")
        .chain(spec.nodes.iter().map(|n| n.name.as_str()))
        .collect();
    for (i, name) in names.iter().enumerate() {
        if name.is_empty() || names[..i].contains(name) {
            return Err(Error::invalid(
                "name",
                format!("node {i}"),
                "one of its own",
                format!("'{name}'"),
            ));
        }
    }
    let mut stated: Vec<Vec<(usize, Option<usize>)>> = vec![Vec::new()];
    for (i, node) in spec.nodes.iter().enumerate() {
        let default = [EdgeSpec::Node(names[i].to_string())];
        let from = node.from.as_deref().unwrap_or(&default);
        if from.is_empty() {
            return Err(Error::invalid("edges", place(&node.name), "one", 0));
        }
        stated.push(
            from.iter()
                .map(|e| edge(e, &node.name, &names, spec.dt))
                .collect::<Result<_>>()?,
        );
    }
    let instant = reachable(&stated, |delay| delay.unwrap_or(0) == 0);
    let closes = |from: usize, to: usize| from >= to && instant[to][from];
    let mut edges: Vec<Vec<Edge>> = Vec::new();
    for (to, list) in stated.iter().enumerate() {
        let with_delay = list.iter().map(|&(node, delay)| Edge {
            node,
            delay: delay.unwrap_or(usize::from(closes(node, to))),
        });
        edges.push(with_delay.collect());
    }
    let_weights_wait(spec, &mut edges);
    let reach = reachable(&stated, |_| true);
    let looped = |a: usize, b: usize| reach[a][b] && reach[b][a];
    let stages = order(&edges, &looped, &names)?;
    Ok((edges, stages))
}

/// Moves the delay behind weights, where one population takes them, before the weights: there are fewer spikes than
/// sums to keep.
fn let_weights_wait(spec: &NetworkSpec, edges: &mut [Vec<Edge>]) {
    for i in 1..edges.len() {
        let readers: Vec<(usize, usize)> = (1..edges.len())
            .flat_map(|j| (0..edges[j].len()).map(move |k| (j, k)))
            .filter(|&(j, k)| edges[j][k].node == i)
            .collect();
        let is = |j: usize, name: &str| spec.nodes[j - 1].kind.name() == name;
        if let [(j, k)] = readers[..]
            && is(i, "linear")
            && is(j, "population")
        {
            let delay = std::mem::take(&mut edges[j][k].delay);
            edges[i].iter_mut().for_each(|e| e.delay += delay);
        }
    }
}

fn place(name: &str) -> String {
    format!("node '{name}'")
}

fn edge(e: &EdgeSpec, to: &str, names: &[&str], dt: f64) -> Result<(usize, Option<usize>)> {
    let (name, delay) = match e {
        EdgeSpec::Node(name) => (name, None),
        EdgeSpec::Delayed(d) => (&d.node, Some(d.delay)),
    };
    let Some(node) = names.iter().position(|n| n == name) else {
        return Err(Error::invalid(
            "edge",
            place(to),
            format!("from one of {}", names.join(", ")),
            format!("'{name}'"),
        ));
    };
    if name == to {
        return Err(Error::invalid(
            "edge",
            place(to),
            "weights between a population and itself",
            "an edge onto itself",
        ));
    }
    let steps = delay.map(|d| whole_steps(d, dt, || format!("edge '{name}' -> '{to}'")));
    Ok((node, steps.transpose()?))
}

/// A time as a number of steps.
pub(crate) fn whole_steps(seconds: f64, dt: f64, place: impl Fn() -> String) -> Result<usize> {
    let steps = (seconds / dt).round();
    if !(0.0..1e6).contains(&steps) || (steps * dt - seconds).abs() > 1e-9 * dt.max(seconds) {
        return Err(Error::invalid(
            "time",
            place(),
            format!("a whole number of steps of {dt} s"),
            format!("{seconds} s"),
        ));
    }
    Ok(steps as usize)
}

/// Whether a path of edges that `count` leads from one node to another.
fn reachable(
    edges: &[Vec<(usize, Option<usize>)>],
    count: impl Fn(Option<usize>) -> bool,
) -> Vec<Vec<bool>> {
    let n = edges.len();
    let mut reach = vec![vec![false; n]; n];
    for start in 0..n {
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            for (to, list) in edges.iter().enumerate() {
                if !reach[start][to] && list.iter().any(|e| e.0 == at && count(e.1)) {
                    reach[start][to] = true;
                    open.push(to);
                }
            }
        }
    }
    reach
}

fn order(
    edges: &[Vec<Edge>],
    looped: &impl Fn(usize, usize) -> bool,
    names: &[&str],
) -> Result<Vec<Stage>> {
    let mut placed = vec![false; edges.len()];
    let mut stages = Vec::new();
    while let Some(first) = (0..edges.len()).find(|&i| {
        !placed[i]
            && (0..edges.len())
                .filter(|&j| j == i || looped(i, j))
                .all(|j| edges[j].iter().all(|e| placed[e.node] || looped(e.node, j)))
    }) {
        let group: Vec<usize> = (0..edges.len())
            .filter(|&j| j == first || looped(first, j))
            .collect();
        let mut nodes: Vec<usize> = Vec::new();
        while let Some(&next) = group.iter().find(|&&j| {
            !nodes.contains(&j)
                && edges[j]
                    .iter()
                    .all(|e| e.delay > 0 || placed[e.node] || nodes.contains(&e.node))
        }) {
            nodes.push(next);
        }
        if nodes.len() < group.len() {
            let stuck: Vec<&str> = group
                .iter()
                .filter(|j| !nodes.contains(j))
                .map(|&j| names[j])
                .collect();
            return Err(Error::invalid(
                "loop",
                "the network",
                "a delay of at least one step on the way round",
                format!("none between {}", stuck.join(", ")),
            ));
        }
        nodes.iter().for_each(|&j| placed[j] = true);
        let pace = if looped(first, first) {
            Pace::Loop
        } else {
            Pace::Whole
        };
        stages.push(Stage { nodes, pace });
    }
    Ok(stages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::NodeKind;

    type From<'a> = &'a [(&'a str, Option<f64>)];

    fn spec(nodes: &[(&str, From<'_>)]) -> NetworkSpec {
        let mut spec = NetworkSpec::new(1e-3);
        for (name, from) in nodes {
            spec = spec.node(name, NodeKind::Flatten {});
            let from = from.iter().map(|&(n, d)| match d {
                None => EdgeSpec::Node(n.into()),
                Some(delay) => EdgeSpec::Delayed(crate::network::DelayedEdge {
                    node: n.into(),
                    delay,
                }),
            });
            spec.nodes.last_mut().unwrap().from = Some(from.collect());
        }
        spec
    }

    #[test]
    fn an_edge_that_closes_a_loop_takes_a_step() {
        let s = spec(&[
            ("rec", &[("pop", None)]),
            ("in", &[("input", None)]),
            ("pop", &[("in", None), ("rec", None)]),
            ("out", &[("pop", Some(2e-3))]),
        ]);
        let (edges, stages) = resolve(&s).unwrap();
        assert_eq!(edges[1], [Edge { node: 3, delay: 1 }]);
        assert_eq!(edges[4], [Edge { node: 3, delay: 2 }]);
        let nodes: Vec<_> = stages.iter().map(|s| (s.nodes.clone(), s.pace)).collect();
        assert_eq!(
            nodes,
            [
                (vec![0], Pace::Whole),
                (vec![2], Pace::Whole),
                (vec![1, 3], Pace::Loop),
                (vec![4], Pace::Whole)
            ]
        );
    }

    #[test]
    fn what_cannot_run_is_a_sentence() {
        let message = |s: &NetworkSpec| resolve(s).unwrap_err().to_string();
        let zero = message(&spec(&[("a", &[("b", Some(0.0))]), ("b", &[("a", None)])]));
        assert!(zero.contains("none between a, b"), "{zero}");
        let unknown = message(&spec(&[("a", &[("x", None)])]));
        assert!(
            unknown.contains("'x'") && unknown.contains("'a'"),
            "{unknown}"
        );
        let part = message(&spec(&[("a", &[("input", Some(0.5e-3))])]));
        assert!(part.contains("'input' -> 'a'"), "{part}");
        assert!(message(&spec(&[("a", &[("a", Some(1e-3))])])).contains("itself"));
        assert!(message(&spec(&[("a", &[]),])).contains("'a'"));
        assert!(message(&spec(&[("input", &[])])).contains("'input'"));
    }
}
