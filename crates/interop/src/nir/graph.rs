//! Graphs, and the file around one.

use std::collections::BTreeMap;

use super::kind::Kind;
use super::value::Metadata;

/// From a node to a node, by name.
///
/// Several edges into a node add up. Of a nested graph with several inputs or outputs, `graph.node` names the one meant.
pub type Edge = (String, String);

/// What stands in a `.nir` file.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// Version of the Python package `nir` that wrote it, or as which it is written; empty if there is none.
    pub version: String,
    /// The graph.
    pub root: Graph,
    /// What the reader made of things that can be read in more than one way; not written.
    pub notes: Vec<String>,
}

/// Nodes, and edges between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Nodes by name; files keep no order of them.
    pub nodes: BTreeMap<String, Node>,
    /// Edges, in the order of the file.
    pub edges: Vec<Edge>,
    /// What a tool noted beside it.
    pub metadata: Metadata,
}

/// A node of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// What a tool noted beside it; that of a nested graph stands in the graph, and this is empty.
    pub metadata: Metadata,
}

impl Node {
    /// A node without metadata.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            metadata: Metadata::new(),
        }
    }

    /// Its metadata, or those of the graph that it is.
    pub fn metadata(&self) -> &Metadata {
        match &self.kind {
            Kind::NIRGraph(graph) => &graph.metadata,
            _ => &self.metadata,
        }
    }
}

impl Graph {
    /// Adds a node without metadata; the one of this name before, if there was one.
    pub fn add(&mut self, name: &str, kind: Kind) -> Option<Node> {
        self.nodes.insert(name.into(), Node::new(kind))
    }

    /// Adds an edge.
    pub fn connect(&mut self, from: &str, to: &str) {
        self.edges.push((from.into(), to.into()));
    }
}
