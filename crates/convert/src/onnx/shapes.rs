//! Operators that change shapes and orders only.

use super::constant::axis;
use super::flow::{Flow, View, channels_last};
use super::importer::{Importer, at};
use super::{attributes, fold, wrong};
use crate::Result;
use cortado_interop::onnx::Node;

impl Importer {
    pub(super) fn flatten(&mut self, node: &Node) -> Result<Flow> {
        let seen = self.seen(self.unpadded(node, 0)?);
        let from =
            axis(attributes::int(node, "axis", 1)?, seen.len() + 1).map_err(|e| at(node, e))?;
        if from != 1 {
            return Err(wrong(node, "axis", "1: all but the batch", from));
        }
        self.shaped(node, &[seen.iter().product()])
    }

    pub(super) fn squeeze(&mut self, node: &Node) -> Result<Flow> {
        let seen = self.seen(self.unpadded(node, 0)?);
        let inputs = [None, self.maybe(node, 1)?];
        let axes = fold::axes(node, &inputs).map_err(|e| at(node, e))?;
        // A batch that is not 1, whatever it is.
        let full = [&[0], seen.as_slice()].concat();
        let shape = match (node.op.as_str(), axes) {
            ("Squeeze", axes) => fold::squeezed(&full, axes.as_deref()),
            (_, axes) => fold::unsqueezed(&full, &axes.unwrap_or_default()),
        };
        let shape = shape.map_err(|e| at(node, e))?;
        match shape.as_slice() {
            [0, rest @ ..] => self.shaped(node, rest),
            _ => Err(wrong(
                node,
                "axes",
                "none before the batch",
                format!("{shape:?}"),
            )),
        }
    }

    pub(super) fn reshape_to(&mut self, node: &Node) -> Result<Flow> {
        let to = match attributes::ints(node, "shape")? {
            Some(list) => list.iter().copied().map(Some).collect(),
            None => self
                .known(node, 1)?
                .open()
                .map_err(|e| at(node, e))?
                .to_vec(),
        };
        let keep = attributes::int(node, "allowzero", 0)? == 0;
        let seen = self.seen(self.unpadded(node, 0)?);
        let bad = || {
            let expected = format!("the batch, then one for {seen:?}");
            wrong(node, "shape", expected, format!("{to:?}"))
        };
        let [first, rest @ ..] = to.as_slice() else {
            return Err(bad());
        };
        let fixed = self.batch.and_then(|n| i64::try_from(n).ok());
        let batch = match *first {
            None => true,
            Some(0) => keep,
            Some(-1) => !rest.contains(&Some(-1)),
            Some(n) => Some(n) == fixed,
        };
        let rest: Option<Vec<i64>> = rest.iter().copied().collect();
        let (true, Some(rest)) = (batch, rest) else {
            return Err(bad());
        };
        // 0 keeps the length at the same place, which counts the batch.
        let full = [&[1], seen.as_slice()].concat();
        let shape = fold::target(&full, &[&[1], rest.as_slice()].concat(), keep);
        let shape = shape.map_err(|_| bad())?;
        self.shaped(node, &shape[1..])
    }

    /// The input in another shape, in the order in which the file sees it.
    fn shaped(&mut self, node: &Node, shape: &[usize]) -> Result<Flow> {
        let flow = self.unpadded(node, 0)?.clone();
        if self.seen(&flow) == shape {
            return Ok(flow);
        }
        let kept = self.kept(&flow);
        let order = match (&flow.view, kept) {
            (View::Last, &[c, h, w]) => channels_last([c, h, w]),
            _ => Vec::new(),
        };
        let same = order.iter().enumerate().all(|(i, &place)| i == place);
        match &flow.view {
            View::Last if same => {}
            View::Last if shape.len() == 1 => {
                let view = View::Shuffled(order);
                let from = self.reshape(node, flow.from, shape)?;
                return Ok(Flow {
                    view,
                    ..Flow::plain(from)
                });
            }
            View::Plain => {}
            _ => {
                let expected = "channels first, or one axis for what has them last";
                return Err(wrong(node, "shape", expected, format!("{shape:?}")));
            }
        }
        Ok(Flow::plain(self.reshape(node, flow.from, shape)?))
    }

    /// Channels from first to last and back.
    pub(super) fn transpose(&mut self, node: &Node) -> Result<Flow> {
        let mut flow = self.unpadded(node, 0)?.clone();
        let rank = self.kept(&flow).len() + 1;
        let turn = attributes::ints(node, "perm")?;
        let same = turn.is_some_and(|t| t.iter().copied().eq(0..rank as i64));
        match (turn, &flow.view) {
            _ if same => {}
            (Some([0, 2, 3, 1]), View::Plain) if rank == 4 => flow.view = View::Last,
            (Some([0, 3, 1, 2]), View::Last) => flow.view = View::Plain,
            _ => {
                let expected = "channels to the last place, or from there back";
                return Err(wrong(
                    node,
                    "axes",
                    expected,
                    format!("{turn:?} of {rank} axes"),
                ));
            }
        }
        Ok(flow)
    }
}
