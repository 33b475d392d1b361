//! The layers so far, and what every name in the file stands for.

use super::constant::{Constant, Numbers};
use super::flow::{Flow, View};
use super::{attributes, fold, wrong};
use crate::ann::{Ann, Builder, Op, Source};
use crate::{Error, Result};
use cortado_interop::onnx::{Model, Node};
use std::collections::{HashMap, HashSet};

/// Numbers that constants and weights may have together, beside four for each that the file stores.
const MORE_NUMBERS: usize = 1 << 25;

/// What a name in the file stands for.
enum Value {
    Constant(Constant),
    Flow(Flow),
}

/// Takes nodes in the order in which they run.
pub(super) struct Importer {
    builder: Builder,
    values: HashMap<String, Value>,
    names: HashSet<String>,
    /// Number of samples, if the file fixes it.
    pub(super) batch: Option<usize>,
    /// Version of the operators.
    pub(super) opset: i64,
    numbers_left: usize,
}

impl Importer {
    pub fn new(model: &Model, builder: Builder, batch: Option<usize>) -> Result<Self> {
        let stored = model.tensors.values().map(|t| t.data().len());
        let numbers_left = stored.sum::<usize>().saturating_mul(4) + MORE_NUMBERS;
        let mut values = HashMap::new();
        for (name, tensor) in &model.tensors {
            let stored = Constant::of(tensor).map_err(|e| {
                Error::invalid("tensor", format!("'{name}'"), "one of a size that fits", e)
            })?;
            values.insert(name.clone(), Value::Constant(stored));
        }
        Ok(Self {
            builder,
            values,
            names: HashSet::new(),
            batch,
            opset: model.opset,
            numbers_left,
        })
    }

    /// The input, as `[n]` or an image whose channels the file may have last.
    pub fn start(&mut self, name: &str, last: bool) {
        let mut flow = Flow::plain(Source::Input);
        if last {
            flow.view = View::Last;
        }
        self.values.insert(name.into(), Value::Flow(flow));
    }

    /// The layers, and the number of the one that gives the output.
    pub fn finish(self, output: &str) -> Result<(Ann, usize)> {
        let wrong = |got: &str| {
            Error::invalid(
                "output",
                format!("value '{output}'"),
                "what a layer gives, in its order",
                got,
            )
        };
        match self.values.get(output) {
            Some(Value::Flow(Flow {
                from: Source::Layer(i),
                view: View::Plain,
                pads: [0, 0, 0, 0],
            })) => Ok((self.builder.finish()?, *i)),
            Some(Value::Flow(Flow {
                from: Source::Layer(_),
                ..
            })) => Err(wrong("one whose channels come last, or padded")),
            Some(Value::Flow(_)) => Err(wrong("the input")),
            Some(Value::Constant(_)) => Err(wrong("a constant")),
            None => Err(wrong("nothing")),
        }
    }

    /// What a node gives.
    pub fn take(&mut self, node: &Node) -> Result<()> {
        if !node.domain.is_empty() {
            let expected = "operators of the standard domain";
            return Err(wrong(
                node,
                "operator",
                expected,
                format!("'{}'", node.domain),
            ));
        }
        let constants: Vec<_> = node.inputs.iter().map(|n| self.constant(n)).collect();
        let given = node.inputs.iter().zip(&constants);
        let flows = given.filter(|(n, c)| !n.is_empty() && c.is_none()).count();
        let value = if node.op == "Shape" {
            Some(Value::Constant(self.shape(node)?))
        } else if flows == 0 {
            let folded = fold::fold(node, &constants).map_err(|e| at(node, e))?;
            folded.map(Value::Constant)
        } else if let ("CastLike", Some(Some(c))) = (node.op.as_str(), constants.first()) {
            // What samples run through is floats.
            let data = Numbers::Floats(c.floats().map_err(|e| at(node, e))?);
            let shape = c.shape.clone();
            Some(Value::Constant(Constant { shape, data }))
        } else {
            self.layer(node)?.map(Value::Flow)
        };
        let Some(value) = value else {
            return Err(wrong(
                node,
                "operator",
                "one that is known for such inputs",
                &node.op,
            ));
        };
        if let Value::Constant(c) = &value {
            self.spend(node, c.data.len())?;
        }
        if let Some(name) = node.outputs.first() {
            self.values.insert(name.clone(), value);
        }
        Ok(())
    }

    /// Keeps small files from growing without bounds.
    pub(super) fn spend(&mut self, node: &Node, count: usize) -> Result<()> {
        let left = self.numbers_left.checked_sub(count);
        let expected = "constants of a size that goes with the file's";
        self.numbers_left = left.ok_or_else(|| wrong(node, "size", expected, count))?;
        Ok(())
    }

    /// Shape of a running value as the file sees it, without the batch.
    pub(super) fn seen(&self, flow: &Flow) -> Vec<usize> {
        flow.seen(self.builder.shape(flow.from))
    }

    /// Shape of a running value as the network keeps it.
    pub(super) fn kept(&self, flow: &Flow) -> &[usize] {
        self.builder.shape(flow.from)
    }

    /// A constant by its name.
    pub(super) fn constant(&self, name: &str) -> Option<&Constant> {
        match self.values.get(name) {
            Some(Value::Constant(c)) => Some(c),
            _ => None,
        }
    }

    /// A constant input that must be there.
    pub(super) fn known(&self, node: &Node, i: usize) -> Result<&Constant> {
        let name = node.inputs.get(i).map_or("", String::as_str);
        let found = self.constant(name);
        found.ok_or_else(|| {
            wrong(
                node,
                "input",
                format!("input {i} constant"),
                format!("'{name}'"),
            )
        })
    }

    /// A constant input that may be left out.
    pub(super) fn maybe(&self, node: &Node, i: usize) -> Result<Option<&Constant>> {
        match node.inputs.get(i) {
            Some(name) if !name.is_empty() => self.known(node, i).map(Some),
            _ => Ok(None),
        }
    }

    /// The numbers of a constant input that must be there.
    pub(super) fn numbers(&self, node: &Node, i: usize) -> Result<Vec<f64>> {
        self.known(node, i)?.floats().map_err(|e| at(node, e))
    }

    /// The numbers of weights, and their shape.
    pub(super) fn weights(&mut self, node: &Node) -> Result<(Vec<f64>, Vec<usize>)> {
        let shape = self.known(node, 1)?.shape.clone();
        let numbers = self.numbers(node, 1)?;
        if numbers.is_empty() {
            return Err(wrong(node, "weights", "some", format!("{shape:?}")));
        }
        self.spend(node, numbers.len())?;
        Ok((numbers, shape))
    }

    /// A running input.
    pub(super) fn flow(&self, node: &Node, i: usize) -> Result<&Flow> {
        let name = node.inputs.get(i).map_or("", String::as_str);
        match self.values.get(name) {
            Some(Value::Flow(f)) => Ok(f),
            Some(Value::Constant(_)) => Err(wrong(
                node,
                "input",
                "one that follows from the network's input",
                format!("'{name}'"),
            )),
            // Further results of a node (masks, indices) are not kept.
            None => Err(wrong(
                node,
                "input",
                "a first result of a node",
                format!("'{name}'"),
            )),
        }
    }

    /// As [`Importer::flow`], not padded: all but convolutions mind.
    pub(super) fn unpadded(&self, node: &Node, i: usize) -> Result<&Flow> {
        let flow = self.flow(node, i)?;
        if flow.pads != [0; 4] {
            return Err(wrong(
                node,
                "input",
                "no padding but before a convolution",
                format!("{:?}", flow.pads),
            ));
        }
        Ok(flow)
    }

    /// A running image with its channels first, as `[channels, height, width]`.
    pub(super) fn image(&self, node: &Node, i: usize) -> Result<(Source, [usize; 3])> {
        let flow = self.flow(node, i)?;
        let shape = self.builder.shape(flow.from);
        match (&flow.view, shape) {
            (View::Plain, &[c, h, w]) => Ok((flow.from, [c, h, w])),
            _ => {
                let got = format!("{:?}", flow.seen(shape));
                Err(wrong(
                    node,
                    "input",
                    "an image [channels, height, width]",
                    got,
                ))
            }
        }
    }

    /// Shape of an input; the number of samples stays open.
    fn shape(&self, node: &Node) -> Result<Constant> {
        let full = match node.inputs.first().and_then(|n| self.constant(n)) {
            Some(c) => c.shape.iter().map(|&d| Some(d as i64)).collect(),
            None => {
                let flow = self.unpadded(node, 0)?;
                let seen = self.seen(flow);
                let rest = seen.iter().map(|&d| Some(d as i64));
                std::iter::once(None).chain(rest).collect::<Vec<_>>()
            }
        };
        let rank = full.len() as i64;
        let place =
            |i: i64| (if i < 0 { i.saturating_add(rank) } else { i }).clamp(0, rank) as usize;
        let start = place(attributes::int(node, "start", 0)?);
        let end = place(attributes::int(node, "end", rank)?);
        Ok(Constant::list(
            full.get(start..end).unwrap_or_default().to_vec(),
        ))
    }

    /// Adds a layer with the name of the node, or of what it gives where that is taken.
    pub(super) fn push(&mut self, node: &Node, op: Op, from: &[Source]) -> Result<Source> {
        let name = self.name(node);
        self.builder
            .push(&name, op, from)
            .map_err(|e| refused(node, e))
    }

    /// Adds a change of shape.
    pub(super) fn reshape(&mut self, node: &Node, from: Source, shape: &[usize]) -> Result<Source> {
        let name = self.name(node);
        self.builder
            .reshape(&name, from, shape)
            .map_err(|e| refused(node, e))
    }

    /// The node's name, that of what it gives, or a number behind it: a node may become several layers.
    fn name(&mut self, node: &Node) -> String {
        let title = node.title();
        let given = node.outputs.first().map(String::as_str);
        let own = [Some(title), given].into_iter().flatten().map(String::from);
        let mut all = own.chain((2..).map(|n| format!("{title}.{n}")));
        let free = all.find(|name| self.names.insert(name.clone()));
        free.unwrap_or_default()
    }
}

/// An error of what knows no nodes, at a node.
pub(super) fn at(node: &Node, e: Error) -> Error {
    wrong(node, "inputs", "constants that fit", e)
}

/// An error of a layer, at its node.
fn refused(node: &Node, e: Error) -> Error {
    wrong(node, "layer", "one that fits", e)
}
