//! A network as its layers see it: each population, the weights into it, and its readout.

use crate::Result;
use crate::learn::online::{Filter, alike, refuse};
use crate::network::{Op, Population};
use crate::neuron::{Lanes, Output};
use crate::num::Aligned;
use crate::rng::{Purpose, Rng};
use crate::sim::Pass;

/// Populations, the network's readout last.
pub(super) struct Plan<'n, R: Lanes> {
    pub layers: Vec<Layer<'n, R>>,
    /// Nodes that drop out.
    pub dropouts: Vec<usize>,
}

/// A population and what leads to it.
pub(super) struct Layer<'n, R: Lanes> {
    pub node: usize,
    pub op: &'n Population<R>,
    pub ways: Vec<Way>,
    pub filter: Filter<R>,
    /// Its fixed readout, `[neurons][outputs]`; none of the network's readout.
    pub readout: Option<Aligned<R>>,
}

/// Weights into a population.
#[derive(Clone, Copy)]
pub(super) struct Way {
    /// The node of the weights, and the node whose spikes they weigh.
    pub node: usize,
    pub from: usize,
    pub delay: usize,
    /// Where their numbers stand.
    pub weight: usize,
    pub bias: Option<usize>,
}

impl<'n, R: Lanes> Plan<'n, R> {
    /// Reads a network.
    ///
    /// # Errors
    /// A node that cannot learn like this.
    pub fn new(pass: &Pass<'n, R>, scale: f64) -> Result<Self> {
        let net = pass.net;
        let (mut layers, mut dropouts) = (Vec::new(), Vec::new());
        for node in net.stages.iter().flat_map(|s| s.nodes.iter().copied()) {
            match &net.nodes[node].op {
                Op::Population(op) => layers.push(layer(pass, node, op, scale)?),
                Op::Dropout(_) => dropouts.push(node),
                Op::Norm(_) => return Err(refuse(&net.nodes[node], "no batch norm", "one")),
                _ => {}
            }
        }
        match layers.last_mut() {
            Some(last) if last.op.output == Output::Membrane => last.readout = None,
            _ => {
                let expected = "li, cuba_li or i at the end";
                return Err(refuse(net.readout(), expected, "another readout"));
            }
        }
        let inner = &layers[..layers.len() - 1];
        if let Some(l) = inner.iter().find(|l| l.op.output != Output::Spikes) {
            return Err(refuse(&net.nodes[l.node], "spikes", "a membrane handed on"));
        }
        Ok(Self { layers, dropouts })
    }

    /// The layers before the network's readout.
    pub fn inner(&self) -> &[Layer<'n, R>] {
        self.layers.split_last().map_or(&[], |(_, inner)| inner)
    }
}

fn layer<'n, R: Lanes>(
    pass: &Pass<'n, R>,
    node: usize,
    op: &'n Population<R>,
    scale: f64,
) -> Result<Layer<'n, R>> {
    let net = pass.net;
    let here = &net.nodes[node];
    if op.trained {
        let expected = "parameters that are not trained";
        return Err(refuse(here, expected, "trained parameters"));
    }
    if !alike(pass, op) {
        let expected = "a model that is linear but for its spikes, reset by subtraction in the same step or not at all, the same for all neurons";
        return Err(refuse(here, expected, "another"));
    }
    let mut ways = Vec::new();
    for edge in &here.sources {
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
        let source = place.sources[0];
        ways.push(Way {
            node: edge.node,
            from: source.node,
            delay: source.delay,
            weight,
            bias,
        });
    }
    Ok(Layer {
        node,
        op,
        ways,
        filter: Filter::new(pass, op),
        readout: Some(readout(pass, node, op.n, scale)),
    })
}

/// Drawn uniformly from `-scale / sqrt(n)` to `scale / sqrt(n)` under the seed of the network.
fn readout<R: Lanes>(pass: &Pass<'_, R>, node: usize, n: usize, scale: f64) -> Aligned<R> {
    let net = pass.net;
    let mut rng = Rng::new(net.seed, node as u32, Purpose::Feedback, 0);
    let most = scale / (n as f64).sqrt();
    let mut g = Aligned::zeros(n * net.outputs());
    g.fill_with(|| R::of(most * (2.0 * rng.uniform() - 1.0)));
    g
}
