//! A network as it is trained online: populations, the weights into each, and the readout as a filter.

use crate::Result;
use crate::learn::online::{Cells, Filter, populations, refuse};
use crate::network::{Op, Pace};
use crate::neuron::Lanes;
use crate::sim::Pass;

/// Populations and what leads to them.
pub(super) struct Plan<'n, R: Lanes> {
    /// In the order in which they run; the readout comes last.
    pub populations: Vec<Cells<'n, R>>,
    pub readout: Filter<R>,
}

impl<'n, R: Lanes> Plan<'n, R> {
    /// Reads a network.
    ///
    /// # Errors
    /// A node that cannot be trained online.
    pub fn new(pass: &Pass<'n, R>) -> Result<Self> {
        let net = pass.net;
        for stage in &net.stages {
            debug_assert!(stage.pace != Pace::Image || !net.norms.is_empty());
            for node in stage.nodes.iter().map(|&i| &net.nodes[i]) {
                let known = matches!(
                    node.op,
                    Op::Input | Op::Flatten | Op::Linear(_) | Op::Population(_)
                );
                if !known {
                    let expected = "weights between populations";
                    return Err(refuse(node, expected, "another node"));
                }
            }
        }
        let populations = populations(pass)?;
        for way in populations.iter().flat_map(|c| &c.ways) {
            let from = &net.nodes[way.from];
            if !matches!(from.op, Op::Input | Op::Population(_)) {
                let expected = "weights behind the input or a population that spikes";
                return Err(refuse(&net.nodes[way.node], expected, &from.name));
            }
        }
        let Some(end) = populations.last().filter(|c| c.alike) else {
            let expected = "a readout with the same parameters for all outputs";
            return Err(refuse(net.readout(), expected, "another readout"));
        };
        if let Some(way) = end.ways.iter().find(|w| w.delay > 0) {
            let expected = "no delay before the readout";
            return Err(refuse(&net.nodes[way.node], expected, way.delay));
        }
        Ok(Self {
            readout: Filter::new(pass, end.op),
            populations,
        })
    }

    /// The populations before the readout.
    pub fn inner(&self) -> &[Cells<'n, R>] {
        self.populations
            .split_last()
            .map_or(&[], |(_, inner)| inner)
    }
}
