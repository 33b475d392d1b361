//! What the blocks of a run share, and what they add up to.

use crate::kernel::{TILE, transpose};
use crate::network::{Network, Op};
use crate::neuron::Lanes;
use crate::num::Aligned;
use crate::synapse::Moments;

/// What all blocks of a run share.
pub(crate) struct Pass<'a, R: Lanes> {
    pub net: &'a Network<R>,
    /// Whether this is training: dropout is on, batch norm takes the batch's moments, tapes are kept.
    pub train: bool,
    /// Nodes that keep a tape besides.
    pub keep: Vec<usize>,
    /// Number of the training step: a key of dropout.
    pub step: u64,
    /// Steps that backpropagation reaches back; `usize::MAX` for all.
    pub stretch: usize,
    /// Transposed weights, by node.
    pub transposed: Vec<Aligned<R>>,
    /// Mean and variance that batch norm uses, by node.
    pub moments: Vec<[Vec<f64>; 2]>,
    /// Sums of the errors that pass batch norm, by node.
    pub sums: Vec<Moments>,
}

/// Sums over the blocks of a group.
#[derive(Clone, Debug)]
pub(crate) struct Totals<R> {
    /// By parameter.
    pub gradients: Vec<Aligned<R>>,
    /// By node, for populations with trained parameters: `[tiles][K][TILE]`.
    pub constants: Vec<Aligned<R>>,
}

impl<R: Lanes> Totals<R> {
    pub fn zero(net: &Network<R>) -> Self {
        let constants = net.nodes.iter().map(|n| match &n.op {
            Op::Population(p) if p.trained => {
                Aligned::zeros(p.tiles() * p.model.constants() * TILE)
            }
            _ => Aligned::default(),
        });
        Self {
            gradients: net
                .params
                .iter()
                .map(|p| Aligned::zeros(p.data.len()))
                .collect(),
            constants: constants.collect(),
        }
    }

    pub fn clear(&mut self) {
        let all = self.gradients.iter_mut().chain(&mut self.constants);
        all.for_each(|g| g.fill(R::ZERO));
    }
}

impl<'a, R: Lanes> Pass<'a, R> {
    #[inline(always)]
    pub fn new(net: &'a Network<R>, train: bool) -> Self {
        let (mut moments, mut sums) = (Vec::new(), Vec::new());
        for &i in &net.norms {
            if let Op::Norm(n) = &net.nodes[i].op {
                moments.resize(net.nodes.len(), Default::default());
                sums.resize(net.nodes.len(), Moments::default());
                let running = |k: usize| net.buffers[k].data.iter().map(|v| v.value()).collect();
                moments[i] = [running(n.mean), running(n.variance)];
            }
        }
        Self {
            net,
            train,
            keep: Vec::new(),
            step: 0,
            stretch: usize::MAX,
            transposed: Vec::new(),
            moments,
            sums,
        }
    }

    /// Transposes the weights through which errors go back.
    pub fn transpose(&mut self) {
        self.transposed
            .resize(self.net.nodes.len(), Aligned::default());
        for (i, node) in self.net.nodes.iter().enumerate() {
            let learns = node.sources.iter().any(|e| self.net.nodes[e.node].learns);
            self.transposed[i] = match &node.op {
                Op::Linear(l) if learns => {
                    transpose(&self.net.params[l.weight].data, l.inputs, l.outputs)
                }
                Op::Conv(c) if learns => c.transposed(&self.net.params[c.weight].data),
                _ => Aligned::default(),
            };
        }
    }

    pub fn weights(&self, weight: usize, bias: Option<usize>) -> (&'a [R], Option<&'a [R]>) {
        let data = |k: usize| &self.net.params[k].data[..];
        (data(weight), bias.map(data))
    }
}
