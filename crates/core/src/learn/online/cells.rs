//! Populations as a rule that learns online sees them: what they are, and the weights straight before them.

use super::{alike, refuse};
use crate::Result;
use crate::network::{Edge, Op, Population};
use crate::neuron::{Lanes, Output};
use crate::sim::Pass;

/// A population and the weights into it.
pub(in crate::learn) struct Cells<'n, R: Lanes> {
    pub node: usize,
    pub op: &'n Population<R>,
    pub ways: Vec<Way>,
    /// Whether all neurons move alike whatever they do, so that traces belong to the neurons before the weights.
    pub alike: bool,
}

/// Weights into a population.
#[derive(Clone, Copy)]
pub(in crate::learn) struct Way {
    /// The node of the weights, and the node whose spikes they weigh.
    pub node: usize,
    pub from: usize,
    /// Steps between the two.
    pub delay: usize,
    /// Where their numbers stand.
    pub weight: usize,
    pub bias: Option<usize>,
    /// Values that `from` hands on.
    pub inputs: usize,
}

impl<'n, R: Lanes> Cells<'n, R> {
    fn new(pass: &Pass<'n, R>, node: usize, op: &'n Population<R>) -> Result<Self> {
        let net = pass.net;
        let here = &net.nodes[node];
        if op.trained {
            let expected = "parameters that are not trained";
            return Err(refuse(here, expected, "trained parameters"));
        }
        let way = |edge: &Edge| {
            let place = &net.nodes[edge.node];
            let (weight, bias, late) = match &place.op {
                Op::Linear(l) => (l.weight, l.bias, l.delays.is_some()),
                Op::Conv(c) => (c.weight, c.bias, false),
                _ => {
                    let expected = "weights straight before a population";
                    return Err(refuse(here, expected, format!("'{}'", place.name)));
                }
            };
            if late || edge.delay > 0 {
                let expected = "delays of edges into the weights alone";
                return Err(refuse(place, expected, "delays of or behind weights"));
            }
            let source = &place.sources[0];
            Ok(Way {
                node: edge.node,
                from: source.node,
                delay: source.delay,
                weight,
                bias,
                inputs: net.nodes[source.node].shape.size(),
            })
        };
        Ok(Self {
            node,
            op,
            ways: here.sources.iter().map(way).collect::<Result<_>>()?,
            alike: alike(pass, op),
        })
    }
}

/// The populations of a network in the order in which they run; the readout comes last.
///
/// # Errors
/// Trained parameters of a model; a population without weights straight before it; delays of or behind weights; a readout that is no
/// membrane, or a membrane handed on before it.
pub(in crate::learn) fn populations<'n, R: Lanes>(pass: &Pass<'n, R>) -> Result<Vec<Cells<'n, R>>> {
    let net = pass.net;
    let mut all = Vec::new();
    for node in net.stages.iter().flat_map(|s| s.nodes.iter().copied()) {
        if let Op::Population(op) = &net.nodes[node].op {
            all.push(Cells::new(pass, node, op)?);
        }
    }
    match all.split_last() {
        Some((last, inner)) if last.op.output == Output::Membrane => {
            if let Some(c) = inner.iter().find(|c| c.op.output != Output::Spikes) {
                return Err(refuse(&net.nodes[c.node], "spikes", "a membrane handed on"));
            }
        }
        _ => {
            let expected = "li, cuba_li or i at the end";
            return Err(refuse(net.readout(), expected, "another readout"));
        }
    }
    Ok(all)
}
