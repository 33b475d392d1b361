//! Whether a graph fits together, and what its nodes pass on.

use std::collections::{BTreeMap, BTreeSet};

use super::decode::{inside, named};
use super::graph::{Edge, File, Graph};
use super::infer::{infer, input, output};
use super::kind::Kind;
use super::shape::{Types, Wrong, sizes};
use super::value::DType;
use crate::Error;

/// A time constant from which on it may not be in seconds.
const LONG: f64 = 0.5;

/// What was found in a graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What does not fit, a sentence each.
    pub errors: Vec<String>,
    /// What was assumed or is odd, a sentence each.
    pub notes: Vec<String>,
    /// Shapes of what goes through each node, by its path: names of nested graphs and of the node, with `/` between.
    pub types: BTreeMap<String, Types>,
}

/// One end of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End<'a> {
    /// The node.
    pub node: &'a str,
    /// Of a nested graph, the node in it that is meant, if the edge says it.
    pub port: Option<&'a str>,
}

impl File {
    /// Whether the graph fits together; the notes of the reader come first.
    pub fn check(&self) -> Report {
        let mut report = self.root.check(&self.version);
        report.notes.splice(0..0, self.notes.iter().cloned());
        report
    }
}

impl Graph {
    /// Whether it fits together, and which shapes its nodes have.
    ///
    /// Errors are parameters whose shapes do not agree, edges from or to nodes that do not exist, and shapes that do not
    /// agree along an edge. Shapes follow from parameters, and else from the edges: kernels that are not square, groups,
    /// dilation and padding all count. `version` is that of the Python package, as in [`File::version`]: what a missing
    /// `v_reset` means depends on it.
    ///
    /// ```
    /// use cortado_interop::nir::{Graph, Kind, Tensor};
    /// let mut graph = Graph::default();
    /// graph.add("in", Kind::Input { shape: vec![3] });
    /// graph.add("fc", Kind::Linear { weight: Tensor::full(&[2, 4], 1.0) });
    /// graph.add("out", Kind::Output { shape: vec![2] });
    /// graph.connect("in", "fc");
    /// graph.connect("fc", "out");
    /// let report = graph.check("1.0.8");
    /// assert_eq!(report.errors, ["shape at edge 'in' -> 'fc': expected [4], got [3]"]);
    /// ```
    pub fn check(&self, version: &str) -> Report {
        let mut checker = Checker {
            report: Report::default(),
            resets: resets_to_value(version),
            dtypes: BTreeMap::new(),
        };
        checker.graph(self, "");
        checker.finish()
    }

    /// Which node the name at an end of an edge means; `graph.node` means a node in a nested graph, unless there is a node
    /// of just that name.
    pub fn end<'a>(&self, name: &'a str) -> Option<End<'a>> {
        if self.nodes.contains_key(name) {
            let (node, port) = (name, None);
            return Some(End { node, port });
        }
        name.match_indices('.').find_map(|(dot, _)| {
            let (node, port) = (&name[..dot], &name[dot + 1..]);
            let Kind::NIRGraph(graph) = &self.nodes.get(node)?.kind else {
                return None;
            };
            let port = graph.nodes.contains_key(port).then_some(Some(port))?;
            Some(End { node, port })
        })
    }

    /// Names of its inputs.
    pub fn inputs(&self) -> Vec<&str> {
        self.of(|kind| matches!(kind, Kind::Input { .. }))
    }

    /// Names of its outputs.
    pub fn outputs(&self) -> Vec<&str> {
        self.of(|kind| matches!(kind, Kind::Output { .. }))
    }

    fn of(&self, which: impl Fn(&Kind) -> bool) -> Vec<&str> {
        let named = self.nodes.iter().filter(|(_, node)| which(&node.kind));
        named.map(|(name, _)| name.as_str()).collect()
    }
}

/// Whether in this version a neuron is reset to `v_reset`; nothing if the version is not known.
pub fn resets_to_value(version: &str) -> Option<bool> {
    let mut parts = version.split('.').map(|part| {
        let digits = part.find(|c: char| !c.is_ascii_digit());
        part[..digits.unwrap_or(part.len())].parse::<u32>()
    });
    let mut part = || parts.next()?.ok();
    Some([part()?, part()?, part()?] >= [1, 0, 6])
}

struct Checker {
    report: Report,
    resets: Option<bool>,
    /// A place of each type of numbers.
    dtypes: BTreeMap<DType, String>,
}

impl Checker {
    fn wrong(&mut self, what: &'static str, at: String, (expected, got): Wrong) {
        let error = Error::invalid(what, at, expected, got);
        self.report.errors.push(error.to_string());
    }

    fn note(&mut self, path: &str, note: impl std::fmt::Display) {
        let note = format!("{}: {note}", named(path));
        self.report.notes.push(note);
    }

    fn finish(mut self) -> Report {
        if self.dtypes.len() > 1 {
            let all = self.dtypes.iter();
            let all: Vec<_> = all.map(|(d, at)| format!("{d} ({at})")).collect();
            let note = format!("parameters have several types: {}", all.join(", "));
            self.report.notes.push(note);
        }
        self.report
    }

    fn graph(&mut self, graph: &Graph, path: &str) {
        for (name, node) in &graph.nodes {
            let inner = inside(path, name);
            if name.is_empty() || name.contains('/') {
                let expected = "a name that is not empty and without '/'".into();
                let at = named(&inner);
                self.wrong("name", at, (expected, name.escape_debug().to_string()));
            }
            match &node.kind {
                Kind::NIRGraph(graph) => self.graph(graph, &inner),
                kind => self.node(kind, &inner),
            }
        }
        for (has, what) in [
            (!graph.inputs().is_empty(), "Input"),
            (!graph.outputs().is_empty(), "Output"),
        ] {
            if !has {
                self.note(path, format!("it has no node of type {what}"));
            }
        }
        self.edges(graph, path);
        let types = infer(graph);
        self.agree(graph, path, &types);
        for (name, types) in types {
            self.report.types.insert(inside(path, name), types);
        }
    }

    fn node(&mut self, kind: &Kind, path: &str) {
        for (name, wrong) in kind.misfits() {
            self.wrong("parameter", format!("{}, {name}", named(path)), wrong);
        }
        let has = |name: &str| kind.tensors().iter().any(|(n, _)| *n == name);
        for (name, tensor) in kind.tensors() {
            let at = || format!("{}, {name}", named(path));
            self.dtypes.entry(tensor.dtype).or_insert_with(at);
            let longest = tensor.range().map_or(0.0, |(_, high)| high);
            if name.starts_with("tau") && longest > LONG {
                let note = format!(
                    "{name} is up to {longest}; as seconds that is long, some tools write milliseconds or steps"
                );
                self.note(path, note);
            }
        }
        if has("v_threshold") {
            match (self.resets, has("v_reset")) {
                (Some(true), false) => self.note(path, "it has no v_reset, which the Python package reads as 0"),
                (_, false) => self.note(
                    path,
                    "it has no v_reset; before version 1.0.6 a spike subtracted v_threshold, since then it sets v to v_reset",
                ),
                (Some(false), true) => self.note(
                    path,
                    "it has a v_reset, which came with version 1.0.6, in a file of a version before",
                ),
                _ => {}
            }
        }
        if kind
            .tensors()
            .first()
            .is_some_and(|(_, t)| t.shape.is_empty())
        {
            self.note(
                path,
                "its parameters are single numbers, the same for every neuron of any layer",
            );
        }
    }

    fn edges(&mut self, graph: &Graph, path: &str) {
        let mut seen = BTreeSet::new();
        let (inputs, outputs) = (graph.inputs(), graph.outputs());
        for edge @ (from, to) in &graph.edges {
            if !seen.insert(edge) {
                let note = format!(
                    "there are several edges '{}' -> '{}'; the Python package refuses them since 1.0.8",
                    from.escape_debug(),
                    to.escape_debug()
                );
                self.note(path, note);
            }
            for name in [from, to] {
                if graph.end(name).is_none() {
                    let expected = "a node of the graph".to_string();
                    let got = format!("'{}'", name.escape_debug());
                    self.wrong("edge", between(path, edge), (expected, got));
                }
            }
            if inputs.contains(&to.as_str()) || outputs.contains(&from.as_str()) {
                let note = format!(
                    "an edge goes into an Input or out of an Output: {}",
                    between(path, edge)
                );
                self.note(path, note);
            }
        }
        let ends = || graph.edges.iter().flat_map(|(a, b)| [a, b]);
        let used: BTreeSet<_> = ends().filter_map(|n| Some(graph.end(n)?.node)).collect();
        for name in graph.nodes.keys().filter(|n| !used.contains(n.as_str())) {
            self.note(&inside(path, name), "no edge leads to it or from it");
        }
    }

    fn agree(&mut self, graph: &Graph, path: &str, types: &BTreeMap<&str, Types>) {
        for edge in &graph.edges {
            let (Some(from), Some(to)) = (output(graph, types, edge), input(graph, types, edge))
            else {
                self.unclear(graph, path, edge);
                continue;
            };
            if from != to {
                self.wrong("shape", between(path, edge), (sizes(&to), sizes(&from)));
            }
        }
        for (name, node) in &graph.nodes {
            let of = types.get(name.as_str());
            let path = inside(path, name);
            match of.map(|t| (&t.input, &t.output)) {
                Some((Some(input), _)) => {
                    let sound = node.kind.misfits().is_empty();
                    let wrong = node.kind.output_of(input).err();
                    if let Some(wrong) = wrong.filter(|_| sound) {
                        self.wrong("shape", format!("input of {}", named(&path)), wrong);
                    }
                    self.channels(&node.kind, input, &path);
                }
                _ if matches!(node.kind, Kind::NIRGraph(_)) => {}
                _ => self.note(&path, "what comes in has a shape that is not known"),
            }
        }
    }

    /// Edges at a nested graph that do not say which of its inputs or outputs they mean.
    fn unclear(&mut self, graph: &Graph, path: &str, edge: &Edge) {
        for (name, leaves) in [(&edge.0, true), (&edge.1, false)] {
            let Some(End { node, port }) = graph.end(name) else {
                continue;
            };
            let Some(Kind::NIRGraph(inner)) = graph.nodes.get(node).map(|n| &n.kind) else {
                continue;
            };
            let ports = match leaves {
                true => inner.outputs(),
                false => inner.inputs(),
            };
            if port.is_some_and(|p| ports.contains(&p)) || (port.is_none() && ports.len() == 1) {
                continue;
            }
            let all: Vec<_> = ports.iter().map(|p| format!("'{node}.{p}'")).collect();
            let expected = match all.is_empty() {
                true => "a nested graph with an input and an output".to_string(),
                false => format!("one of {}", all.join(", ")),
            };
            self.wrong("edge", between(path, edge), (expected, format!("'{name}'")));
        }
    }

    /// That a convolution gets as many channels as its weights are for.
    fn channels(&mut self, kind: &Kind, input: &[usize], path: &str) {
        if let Kind::Conv1d { weight, groups, .. } | Kind::Conv2d { weight, groups, .. } = kind
            && let (Some(each), Some(channels)) = (weight.shape.get(1), input.first())
            && each.checked_mul(*groups) != Some(*channels)
        {
            let expected = format!("{groups} groups of {each} channels");
            let at = format!("input of {}", named(path));
            self.wrong("shape", at, (expected, sizes(input)));
        }
    }
}

fn between(path: &str, (from, to): &Edge) -> String {
    let edge = format!("edge '{}' -> '{}'", from.escape_debug(), to.escape_debug());
    match path {
        "" => edge,
        path => format!("{}, {edge}", named(path)),
    }
}
