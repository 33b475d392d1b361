//! A graph without graphs in it.

use crate::{Error, Result};
use cortado_interop::nir::{Graph, Kind, Node};
use std::collections::BTreeMap;

/// Nodes by number, nested graphs dissolved: of a node `b` in a graph `a` the name is `a.b`.
pub(super) struct Flat<'a> {
    pub names: Vec<String>,
    pub nodes: Vec<&'a Node>,
    /// Where each node takes its input from.
    pub from: Vec<Vec<usize>>,
    /// The graph's only input and output.
    pub input: usize,
    pub output: usize,
}

/// No graph has more edges, nested ones dissolved.
const MOST_EDGES: usize = 1 << 20;

impl<'a> Flat<'a> {
    /// Dissolves nested graphs: what goes into one goes on to where its input leads, and so with outputs.
    ///
    /// # Errors
    /// Edges to nodes that are not there; not exactly one input and one output; a nested graph without the port that an
    /// edge asks for.
    pub fn new(graph: &'a Graph) -> Result<Self> {
        let mut all = Open::default();
        all.add("", graph, 0)?;
        let Open {
            names,
            nodes,
            depth,
            mut edges,
        } = all;
        let port = |i: usize| {
            depth[i] > 0 && matches!(nodes[i].kind, Kind::Input { .. } | Kind::Output { .. })
        };
        for p in (0..names.len()).filter(|&i| port(i)) {
            let (ends, rest): (Vec<_>, Vec<_>) =
                edges.into_iter().partition(|e| e.0 == p || e.1 == p);
            if ends.iter().any(|e| e.0 == e.1) {
                return Err(Error::invalid(
                    "loop",
                    place(&names[p]),
                    "a node with state on the way round",
                    "none",
                ));
            }
            edges = rest;
            for into in ends.iter().filter(|e| e.1 == p) {
                edges.extend(ends.iter().filter(|e| e.0 == p).map(|out| (into.0, out.1)));
                if edges.len() > MOST_EDGES {
                    return Err(Error::invalid(
                        "edges",
                        "the graph",
                        format!("at most {MOST_EDGES}"),
                        "more",
                    ));
                }
            }
        }
        let kept: Vec<usize> = (0..names.len()).filter(|&i| !port(i)).collect();
        let number = |old: usize| kept.binary_search(&old).unwrap_or(0);
        let mut from = vec![Vec::new(); kept.len()];
        // The order of edges in a file is that of a set.
        edges.sort_unstable();
        for (a, b) in edges {
            from[number(b)].push(number(a));
        }
        let names: Vec<String> = kept.iter().map(|&i| names[i].clone()).collect();
        let nodes: Vec<&Node> = kept.iter().map(|&i| nodes[i]).collect();
        let only = |what: &'static str, is: fn(&Kind) -> bool| {
            let all: Vec<usize> = (0..nodes.len()).filter(|&i| is(&nodes[i].kind)).collect();
            match all[..] {
                [one] => Ok(one),
                _ => {
                    let list: Vec<&str> = all.iter().map(|&i| names[i].as_str()).collect();
                    Err(Error::invalid(
                        what,
                        "the graph",
                        "one",
                        match all.len() {
                            0 => "none".into(),
                            n => format!("{n}: {}", list.join(", ")),
                        },
                    ))
                }
            }
        };
        let input = only("Input", |k| matches!(k, Kind::Input { .. }))?;
        let output = only("Output", |k| matches!(k, Kind::Output { .. }))?;
        Ok(Self {
            names,
            nodes,
            from,
            input,
            output,
        })
    }

    pub fn kind(&self, i: usize) -> &'a Kind {
        &self.nodes[i].kind
    }

    /// The nodes that take a node's output.
    pub fn readers(&self, i: usize) -> Vec<usize> {
        (0..self.names.len())
            .filter(|&j| self.from[j].contains(&i))
            .collect()
    }
}

/// A graph that is being dissolved.
#[derive(Default)]
struct Open<'a> {
    names: Vec<String>,
    nodes: Vec<&'a Node>,
    depth: Vec<usize>,
    edges: Vec<(usize, usize)>,
}

/// Where a name of a graph leads.
struct Scope<'g> {
    /// Leaves by name.
    leaves: BTreeMap<&'g str, usize>,
    /// Nested graphs by name.
    graphs: BTreeMap<&'g str, Scope<'g>>,
    /// The graph's own inputs and outputs.
    ports: [Vec<usize>; 2],
}

impl<'a> Open<'a> {
    fn add(&mut self, prefix: &str, graph: &'a Graph, depth: usize) -> Result<Scope<'a>> {
        if depth > 64 {
            return Err(Error::invalid(
                "graph",
                place(prefix),
                "at most 64 graphs in one another",
                "more",
            ));
        }
        let mut scope = Scope {
            leaves: BTreeMap::new(),
            graphs: BTreeMap::new(),
            ports: Default::default(),
        };
        for (name, node) in &graph.nodes {
            let full = format!("{prefix}{name}");
            if let Kind::NIRGraph(inner) = &node.kind {
                let inner = self.add(&format!("{full}."), inner, depth + 1)?;
                scope.graphs.insert(name, inner);
                continue;
            }
            let i = self.names.len();
            match node.kind {
                Kind::Input { .. } => scope.ports[0].push(i),
                Kind::Output { .. } => scope.ports[1].push(i),
                _ => {}
            }
            scope.leaves.insert(name, i);
            self.names.push(full);
            self.nodes.push(node);
            self.depth.push(depth);
        }
        for (a, b) in &graph.edges {
            let (a, b) = (scope.find(a, 1)?, scope.find(b, 0)?);
            self.edges.push((a, b));
        }
        Ok(scope)
    }
}

impl Scope<'_> {
    /// The leaf that an end of an edge means; `port` is 0 for inputs of a nested graph, 1 for its outputs.
    fn find(&self, name: &str, port: usize) -> Result<usize> {
        if let Some(&i) = self.leaves.get(name) {
            return Ok(i);
        }
        if let Some(inner) = self.graphs.get(name) {
            return match inner.ports[port][..] {
                [one] => Ok(one),
                ref all => {
                    let what = ["input", "output"][port];
                    let expected = format!("one {what}, or an edge that names which");
                    Err(Error::invalid(
                        "edge",
                        place(name),
                        expected,
                        format!("{} of them", all.len()),
                    ))
                }
            };
        }
        let inner = name.match_indices('.').find_map(|(at, _)| {
            let (graph, rest) = (&name[..at], &name[at + 1..]);
            self.graphs.get(graph).map(|g| g.find(rest, port))
        });
        inner.unwrap_or_else(|| {
            Err(Error::invalid(
                "edge",
                "the graph",
                "ends that are nodes",
                format!("'{name}'"),
            ))
        })
    }
}

pub(super) fn place(name: &str) -> String {
    format!("node '{}'", name.trim_end_matches('.'))
}
