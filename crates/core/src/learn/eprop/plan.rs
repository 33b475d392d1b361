//! A network as it is trained online: populations in the order in which they run, the weights into each, and the readout as a
//! filter.

use crate::Result;
use crate::learn::online::{Filter, alike, refuse};
use crate::network::{Op, Pace, Population};
use crate::neuron::{Lanes, Output};
use crate::sim::Pass;

/// Populations and what leads to them.
pub(super) struct Plan<'n, R: Lanes> {
    /// In the order in which they run; the readout comes last.
    pub populations: Vec<Cells<'n, R>>,
    pub readout: Filter<R>,
}

pub(super) struct Cells<'n, R: Lanes> {
    pub node: usize,
    pub op: &'n Population<R>,
    pub ways: Vec<Way>,
    /// Whether all neurons move alike whatever they do, so that traces belong to the neurons before the weights.
    pub alike: bool,
}

/// Weights into a population.
pub(super) struct Way {
    /// The node of the projection, and the node that spikes.
    pub node: usize,
    pub from: usize,
    pub delay: usize,
    pub weight: usize,
    pub bias: Option<usize>,
    pub inputs: usize,
}

impl<'n, R: Lanes> Plan<'n, R> {
    /// Reads a network.
    ///
    /// # Errors
    /// A node that cannot be trained online.
    pub fn new(pass: &Pass<'n, R>) -> Result<Self> {
        let net = pass.net;
        let mut populations = Vec::new();
        for stage in &net.stages {
            debug_assert!(stage.pace != Pace::Image || !net.norms.is_empty());
            for &node in &stage.nodes {
                match &net.nodes[node].op {
                    Op::Input | Op::Flatten | Op::Linear(_) => {}
                    Op::Population(op) => populations.push(cells(pass, node, op)?),
                    _ => {
                        let expected = "weights between populations";
                        return Err(refuse(&net.nodes[node], expected, "another node"));
                    }
                }
            }
        }
        let last = net.readout();
        let Some(end) = populations.pop() else {
            return Err(refuse(last, "a population", "none"));
        };
        let inner = populations.iter().find(|p| p.op.output != Output::Spikes);
        if let Some(p) = inner {
            return Err(refuse(&net.nodes[p.node], "spikes", "a membrane handed on"));
        }
        if end.op.output != Output::Membrane || !end.alike {
            let expected = "li, cuba_li or i, with the same parameters for all outputs";
            return Err(refuse(last, expected, "another readout"));
        }
        if let Some(way) = end.ways.iter().find(|w| w.delay > 0) {
            let expected = "no delay before the readout";
            return Err(refuse(&net.nodes[way.node], expected, way.delay));
        }
        let readout = Filter::new(pass, end.op);
        populations.push(end);
        Ok(Self {
            populations,
            readout,
        })
    }
}

fn cells<'n, R: Lanes>(
    pass: &Pass<'n, R>,
    node: usize,
    op: &'n Population<R>,
) -> Result<Cells<'n, R>> {
    let net = pass.net;
    if op.trained {
        let expected = "parameters that are not trained";
        return Err(refuse(&net.nodes[node], expected, "trained parameters"));
    }
    let sources = net.nodes[node].sources.iter();
    let ways = sources.map(|e| {
        let place = &net.nodes[e.node];
        let Op::Linear(l) = &place.op else {
            return Err(refuse(place, "weights before a population", "none"));
        };
        if l.delays.is_some() || e.delay > 0 {
            let expected = "delays of edges into the weights alone";
            return Err(refuse(place, expected, "delays of or behind weights"));
        }
        let source = place.sources[0];
        let from = &net.nodes[source.node];
        let fires = match &from.op {
            Op::Input => true,
            Op::Population(p) => p.output == Output::Spikes,
            _ => false,
        };
        if !fires {
            let expected = "weights behind the input or a population that spikes";
            return Err(refuse(place, expected, &from.name));
        }
        Ok(Way {
            node: e.node,
            from: source.node,
            delay: source.delay,
            weight: l.weight,
            bias: l.bias,
            inputs: l.inputs,
        })
    });
    Ok(Cells {
        node,
        op,
        ways: ways.collect::<Result<_>>()?,
        alike: alike(pass, op),
    })
}
