//! Where two graphs differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::decode::{inside, named};
use super::fields::described;
use super::graph::Graph;
use super::kind::Kind;
use super::value::{DType, Metadata, Value};

/// Where two graphs differ: as text, and in JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Diff {
    /// Each place where they differ; none if they are equal.
    pub differences: Vec<Difference>,
    /// The largest difference of two numbers at one place, also where it is within the tolerance.
    pub largest: f64,
}

/// A place where two graphs differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Where.
    pub at: String,
    /// What the first graph has there.
    pub first: String,
    /// What the second has there.
    pub second: String,
    /// The largest difference of two numbers, where only those differ.
    pub largest: Option<f64>,
}

impl Graph {
    /// Where it differs from another graph: nodes, parameters, metadata and edges, whose order does not count.
    ///
    /// With a tolerance numbers may differ by as much, and their types do not count; without, both are compared exactly. Two
    /// values that are not a number are equal.
    ///
    /// ```
    /// use cortado_interop::nir::{Graph, Kind, Tensor};
    /// let graph = |r: f64| {
    ///     let mut graph = Graph::default();
    ///     graph.add("i", Kind::I { r: Tensor::full(&[2], r) });
    ///     graph
    /// };
    /// let diff = graph(1.0).diff(&graph(1.25), None);
    /// assert_eq!(diff.to_string(), "node 'i', r: numbers are up to 0.25 apart\n1 difference\n");
    /// assert!(graph(1.0).diff(&graph(1.25), Some(0.3)).differences.is_empty());
    /// ```
    pub fn diff(&self, other: &Self, tolerance: Option<f64>) -> Diff {
        let mut diff = Differ {
            found: Diff::default(),
            tolerance,
        };
        diff.graphs(self, other, "");
        diff.found
    }
}

struct Differ {
    found: Diff,
    tolerance: Option<f64>,
}

impl Differ {
    fn add(&mut self, at: String, first: impl Into<String>, second: impl Into<String>) {
        self.found.differences.push(Difference {
            at,
            first: first.into(),
            second: second.into(),
            largest: None,
        });
    }

    fn graphs(&mut self, a: &Graph, b: &Graph, path: &str) {
        self.maps(
            &a.metadata,
            &b.metadata,
            &format!("{}, metadata", named(path)),
        );
        let names: BTreeSet<_> = a.nodes.keys().chain(b.nodes.keys()).collect();
        for name in names {
            let path = inside(path, name);
            let (one, other) = (a.nodes.get(name), b.nodes.get(name));
            let kind = |n: Option<&super::Node>| n.map_or("nothing", |n| n.kind.name());
            let (Some(n), Some(m)) = (one, other) else {
                self.add(named(&path), kind(one), kind(other));
                continue;
            };
            match (&n.kind, &m.kind) {
                (Kind::NIRGraph(a), Kind::NIRGraph(b)) => {
                    self.graphs(a, b, &path);
                    continue;
                }
                (k, l) if k.name() != l.name() => self.add(named(&path), k.name(), l.name()),
                (k, l) => {
                    let fields = |kind: &Kind| {
                        let all = kind.fields().into_iter();
                        all.map(|(name, v)| (name.to_string(), v)).collect()
                    };
                    self.maps(&fields(k), &fields(l), &named(&path));
                }
            }
            self.maps(
                &n.metadata,
                &m.metadata,
                &format!("{}, metadata", named(&path)),
            );
        }
        self.edges(a, b, path);
    }

    fn edges(&mut self, a: &Graph, b: &Graph, path: &str) {
        let mut counts: BTreeMap<_, [usize; 2]> = BTreeMap::new();
        for (i, graph) in [a, b].into_iter().enumerate() {
            for edge in &graph.edges {
                counts.entry(edge).or_default()[i] += 1;
            }
        }
        for ((from, to), [first, second]) in counts {
            if first != second {
                let (from, to) = (inside(path, from), inside(path, to));
                let at = format!("edge '{}' -> '{}'", from.escape_debug(), to.escape_debug());
                let times = |n: usize| match n {
                    0 => "nothing".to_string(),
                    1 => "there".into(),
                    n => format!("{n} times"),
                };
                self.add(at, times(first), times(second));
            }
        }
    }

    fn maps(&mut self, a: &Metadata, b: &Metadata, at: &str) {
        let names: BTreeSet<_> = a.keys().chain(b.keys()).collect();
        for name in names {
            let at = format!("{at}, {}", name.escape_debug());
            match (a.get(name), b.get(name)) {
                (Some(Value::Map(a)), Some(Value::Map(b))) => self.maps(a, b, &at),
                (Some(a), Some(b)) => self.values(a, b, at),
                (a, b) => {
                    let words = |v: Option<&Value>| v.map_or("nothing".into(), described);
                    self.add(at, words(a), words(b));
                }
            }
        }
    }

    fn values(&mut self, a: &Value, b: &Value, at: String) {
        let exact = self.tolerance.is_none();
        let (Some(x), Some(y)) = (Numbers::of(a), Numbers::of(b)) else {
            match (a, b) {
                (Value::Texts { .. }, Value::Texts { .. }) if a == b => {}
                _ => self.add(at, described(a), described(b)),
            }
            return;
        };
        if x.shape != y.shape || (exact && x.dtype != y.dtype) {
            return self.add(at, described(a), described(b));
        }
        let largest = x.largest_difference(&y);
        self.found.largest = self.found.largest.max(largest);
        let same = match self.tolerance {
            None => largest == 0.0,
            Some(tolerance) => largest <= tolerance,
        };
        if !same {
            self.add(at, described(a), described(b));
            if let Some(last) = self.found.differences.last_mut() {
                last.largest = Some(largest);
            }
        }
    }
}

/// Numbers of any type.
struct Numbers<'a> {
    shape: &'a [usize],
    dtype: DType,
    reals: &'a [f64],
    integers: &'a [i64],
}

impl<'a> Numbers<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        Some(match value {
            Value::Numbers(tensor) => Self {
                shape: &tensor.shape,
                dtype: tensor.dtype,
                reals: &tensor.data,
                integers: &[],
            },
            Value::Integers { shape, data, dtype } => Self {
                shape,
                dtype: *dtype,
                reals: &[],
                integers: data,
            },
            _ => return None,
        })
    }

    fn largest_difference(&self, other: &Self) -> f64 {
        let apart = |x: f64, y: f64| match x == y || (x.is_nan() && y.is_nan()) {
            true => 0.0,
            false if x.is_nan() || y.is_nan() => f64::INFINITY,
            false => (x - y).abs(),
        };
        // Integers are compared as such: not all of them are numbers of floating point.
        let whole = self.integers.iter().zip(other.integers);
        let whole = whole.map(|(x, y)| x.abs_diff(*y) as f64);
        let real = self
            .numbers()
            .zip(other.numbers())
            .map(|(x, y)| apart(x, y));
        match self.integers.is_empty() || other.integers.is_empty() {
            true => real.fold(0.0, f64::max),
            false => whole.fold(0.0, f64::max),
        }
    }

    fn numbers(&self) -> impl Iterator<Item = f64> {
        let integers = self.integers.iter().map(|&x| x as f64);
        self.reals.iter().copied().chain(integers)
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for d in &self.differences {
            match d.largest {
                Some(largest) => writeln!(f, "{}: numbers are up to {largest} apart", d.at)?,
                None => writeln!(f, "{}: {} | {}", d.at, d.first, d.second)?,
            }
        }
        match self.differences.len() {
            0 if self.largest > 0.0 => writeln!(f, "equal within {}", self.largest),
            0 => writeln!(f, "equal"),
            1 => writeln!(f, "1 difference"),
            n => writeln!(f, "{n} differences"),
        }
    }
}
