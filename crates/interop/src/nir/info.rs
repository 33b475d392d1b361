//! What a file holds, in short.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::decode::inside;
use super::graph::{File, Graph, Node};
use super::kind::Kind;
use super::shape::sizes;
use super::value::{Metadata, Value};

/// What a file holds, in short: as text, and in JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Info {
    /// Version of the Python package that wrote it; empty if the file does not say.
    pub version: String,
    /// Nodes, those of nested graphs after the graph.
    pub nodes: Vec<NodeInfo>,
    /// Edges, by the paths of their nodes.
    pub edges: Vec<[String; 2]>,
    /// Count of numbers in parameters.
    pub parameters: usize,
    /// Names in the metadata of the graph.
    pub metadata: Vec<String>,
    /// What does not fit together.
    pub errors: Vec<String>,
    /// What was assumed or is odd.
    pub notes: Vec<String>,
}

/// What a node holds, in short.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeInfo {
    /// Names of the graphs around it and its own, with `/` between.
    pub path: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Shape of what comes in.
    pub input: Option<Vec<usize>>,
    /// Shape of what goes out.
    pub output: Option<Vec<usize>>,
    /// Arrays of numbers.
    pub parameters: Vec<ParameterInfo>,
    /// Sizes, and how something is done.
    pub settings: Map<String, Json>,
    /// Names in its metadata.
    pub metadata: Vec<String>,
}

/// What a parameter holds, in short.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParameterInfo {
    /// Its name.
    pub name: &'static str,
    /// NumPy's name of its type.
    pub dtype: &'static str,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The least number.
    pub min: Option<f64>,
    /// The largest number.
    pub max: Option<f64>,
}

impl File {
    /// What it holds, in short.
    pub fn info(&self) -> Info {
        let report = self.check();
        let mut info = Info {
            version: self.version.clone(),
            nodes: Vec::new(),
            edges: Vec::new(),
            parameters: 0,
            metadata: names(&self.root.metadata),
            errors: Vec::new(),
            notes: Vec::new(),
        };
        info.graph(&self.root, "");
        for node in &mut info.nodes {
            if let Some(types) = report.types.get(&node.path) {
                (node.input, node.output) = (types.input.clone(), types.output.clone());
            }
        }
        (info.errors, info.notes) = (report.errors, report.notes);
        info
    }
}

impl Info {
    fn graph(&mut self, graph: &Graph, path: &str) {
        for (from, to) in &graph.edges {
            self.edges.push([inside(path, from), inside(path, to)]);
        }
        for (name, node) in &graph.nodes {
            let path = inside(path, name);
            self.node(node, path.clone());
            if let Kind::NIRGraph(graph) = &node.kind {
                self.graph(graph, &path);
            }
        }
    }

    fn node(&mut self, node: &Node, path: String) {
        let parameter = |(name, tensor): (_, &super::Tensor)| ParameterInfo {
            name,
            dtype: tensor.dtype.name(),
            shape: tensor.shape.clone(),
            min: tensor.range().map(|r| r.0),
            max: tensor.range().map(|r| r.1),
        };
        let tensors = node.kind.tensors();
        self.parameters += tensors.iter().map(|(_, t)| t.data.len()).sum::<usize>();
        let settings = node.kind.settings().into_iter();
        self.nodes.push(NodeInfo {
            path,
            kind: node.kind.name(),
            input: None,
            output: None,
            parameters: tensors.into_iter().map(parameter).collect(),
            settings: settings.map(|(k, v)| (k.into(), json(&v))).collect(),
            metadata: names(node.metadata()),
        });
    }
}

fn names(metadata: &Metadata) -> Vec<String> {
    metadata.keys().cloned().collect()
}

/// A setting: one integer, several, or a text.
fn json(value: &Value) -> Json {
    match value {
        Value::Integers { shape, data, .. } if shape.is_empty() => data.first().copied().into(),
        Value::Integers { data, .. } => data.clone().into(),
        value => value.text().map_or(Json::Null, Json::from),
    }
}

/// What may be shown on a terminal.
fn plain(text: &str) -> String {
    text.escape_debug().to_string()
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = match self.version.as_str() {
            "" => "NIR of an unknown version".into(),
            version => format!("NIR {version}"),
        };
        writeln!(
            f,
            "{version}: {} nodes, {} edges, {} parameters",
            self.nodes.len(),
            self.edges.len(),
            self.parameters
        )?;
        let width = self
            .nodes
            .iter()
            .map(|n| plain(&n.path).chars().count())
            .max();
        for node in &self.nodes {
            writeln!(f)?;
            node.write(f, width.unwrap_or(0))?;
        }
        writeln!(f, "\nedges")?;
        for [from, to] in &self.edges {
            writeln!(f, "  {} -> {}", plain(from), plain(to))?;
        }
        if !self.metadata.is_empty() {
            writeln!(f, "\nmetadata: {}", plain(&self.metadata.join(", ")))?;
        }
        for (title, lines) in [("errors", &self.errors), ("notes", &self.notes)] {
            if !lines.is_empty() {
                writeln!(f, "\n{title}")?;
            }
            for line in lines {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}

impl NodeInfo {
    fn write(&self, f: &mut fmt::Formatter<'_>, width: usize) -> fmt::Result {
        let shape = |shape: &Option<Vec<usize>>| shape.as_deref().map_or("?".into(), sizes);
        writeln!(
            f,
            "{:width$}  {:9} {} -> {}",
            plain(&self.path),
            self.kind,
            shape(&self.input),
            shape(&self.output)
        )?;
        for p in &self.parameters {
            write!(f, "  {:12} {:8} {}", p.name, p.dtype, sizes(&p.shape))?;
            // As many digits as the type has.
            let digits = |x: f64| match p.dtype {
                "float32" => (x as f32).to_string(),
                _ => x.to_string(),
            };
            match (p.min, p.max) {
                (Some(min), Some(max)) if min == max => writeln!(f, "  {}", digits(min))?,
                (Some(min), Some(max)) => writeln!(f, "  {} .. {}", digits(min), digits(max))?,
                _ => writeln!(f)?,
            }
        }
        for (name, value) in self.settings.iter().filter(|(name, _)| *name != "shape") {
            writeln!(f, "  {name:12} {value}")?;
        }
        match self.metadata.is_empty() {
            true => Ok(()),
            false => writeln!(
                f,
                "  {:12} {}",
                "metadata",
                plain(&self.metadata.join(", "))
            ),
        }
    }
}
