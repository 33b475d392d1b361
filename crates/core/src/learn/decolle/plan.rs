//! A network as its layers see it: each population, the weights into it, and its readout.

use crate::Result;
use crate::learn::online::{Cells, Filter, populations, refuse};
use crate::network::Op;
use crate::neuron::Lanes;
use crate::num::Aligned;
use crate::rng::{Purpose, Rng};
use crate::sim::Pass;

/// Populations, the network's readout last.
pub(super) struct Plan<'n, R: Lanes> {
    pub layers: Vec<Layer<'n, R>>,
    /// Nodes that drop out.
    pub dropouts: Vec<usize>,
}

/// A population and how it learns.
pub(super) struct Layer<'n, R: Lanes> {
    pub cells: Cells<'n, R>,
    pub filter: Filter<R>,
    /// Its fixed readout, `[neurons][outputs]`; none of the network's readout.
    pub readout: Option<Aligned<R>>,
}

impl<'n, R: Lanes> Plan<'n, R> {
    /// Reads a network.
    ///
    /// # Errors
    /// A node that cannot learn like this.
    pub fn new(pass: &Pass<'n, R>, scale: f64) -> Result<Self> {
        let net = pass.net;
        let mut dropouts = Vec::new();
        for node in net.stages.iter().flat_map(|s| s.nodes.iter().copied()) {
            match &net.nodes[node].op {
                Op::Dropout(_) => dropouts.push(node),
                Op::Norm(_) => return Err(refuse(&net.nodes[node], "no batch norm", "one")),
                _ => {}
            }
        }
        let all = populations(pass)?;
        if let Some(c) = all.iter().find(|c| !c.alike) {
            let expected = "a model that is linear but for its spikes, reset by subtraction in the same step or not at all, the same for all neurons";
            return Err(refuse(&net.nodes[c.node], expected, "another"));
        }
        let inner = all.len() - 1;
        let layers = all.into_iter().enumerate().map(|(l, cells)| Layer {
            filter: Filter::new(pass, cells.op),
            readout: (l < inner).then(|| readout(pass, &cells, scale)),
            cells,
        });
        Ok(Self {
            layers: layers.collect(),
            dropouts,
        })
    }

    /// The layers before the network's readout.
    pub fn inner(&self) -> &[Layer<'n, R>] {
        self.layers.split_last().map_or(&[], |(_, inner)| inner)
    }
}

/// Drawn uniformly from `-scale / sqrt(n)` to `scale / sqrt(n)` under the seed of the network.
fn readout<R: Lanes>(pass: &Pass<'_, R>, cells: &Cells<'_, R>, scale: f64) -> Aligned<R> {
    let (net, node, n) = (pass.net, cells.node, cells.op.n);
    let mut rng = Rng::new(net.seed, node as u32, Purpose::Feedback, 0);
    let most = scale / (n as f64).sqrt();
    let mut g = Aligned::zeros(n * net.outputs());
    g.fill_with(|| R::of(most * (2.0 * rng.uniform() - 1.0)));
    g
}
