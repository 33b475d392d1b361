//! The network as a table.

use super::{Network, Op};
use crate::neuron::Lanes;
use std::fmt;

impl<R: Lanes> Network<R> {
    /// Multiply-accumulates of one step if everything fired, by node.
    pub(crate) fn macs(&self, node: usize) -> usize {
        match &self.nodes[node].op {
            Op::Linear(l) => l.inputs * l.outputs,
            Op::Conv(c) => c.macs(),
            _ => 0,
        }
    }

    /// The network as a table, the head first and the total last: name, what it is, where its input comes from, shape,
    /// parameters, and multiply-accumulates of a step if everything fired.
    pub fn table(&self) -> Vec<[String; 6]> {
        let mut rows =
            vec![["node", "kind", "from", "shape", "parameters", "MAC / step"].map(String::from)];
        for (i, node) in self.nodes.iter().enumerate() {
            let kind = match &node.op {
                Op::Input => "input",
                Op::Population(p) => p.model.spec().name,
                _ => self.spec.nodes[i - 1].kind.name(),
            };
            let from: Vec<String> = node
                .sources
                .iter()
                .map(|e| match e.delay {
                    0 => self.nodes[e.node].name.clone(),
                    d => format!("{} ({d} steps late)", self.nodes[e.node].name),
                })
                .collect();
            let prefix = format!("{}.", node.name);
            let own = self.params.iter().filter(|p| p.name.starts_with(&prefix));
            let count: usize = own.map(|p| p.count()).sum();
            let shape: Vec<String> = node.shape.dims.iter().map(ToString::to_string).collect();
            rows.push([
                node.name.clone(),
                kind.into(),
                from.join(", "),
                shape.join(" x "),
                count.to_string(),
                self.macs(i).to_string(),
            ]);
        }
        let total: usize = (0..self.nodes.len()).map(|i| self.macs(i)).sum();
        let empty = String::new;
        rows.push([
            "total".into(),
            empty(),
            empty(),
            empty(),
            self.parameters().to_string(),
            total.to_string(),
        ]);
        rows
    }
}

/// The table as text.
impl<R: Lanes> fmt::Display for Network<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.table();
        let width: [usize; 6] = std::array::from_fn(|c| {
            let cells = rows.iter().map(|r| r[c].chars().count());
            cells.max().unwrap_or(0)
        });
        for row in &rows {
            for (c, cell) in row.iter().enumerate() {
                let w = width[c];
                if c < 4 {
                    write!(f, "{cell:w$}  ")?;
                } else {
                    write!(f, "{cell:>w$}  ")?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
