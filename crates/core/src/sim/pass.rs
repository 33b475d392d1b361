//! What the blocks of a run share, and what they add up to.

use crate::kernel::{TILE, transpose};
use crate::network::{Network, Op};
use crate::neuron::Lanes;
use crate::num::Aligned;
use crate::synapse::{Delay, Linear, Moments, Taps};

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
    /// Taps of delayed weights that differ from those of a run, by node; empty if none do.
    taps: Vec<Option<Taps<R>>>,
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

    /// The gradients of the weights of a projection, and of their delays if these are trained.
    pub fn late(&mut self, l: &Linear) -> [&mut [R]; 2] {
        let Some(Delay::Trained(delay)) = l.delays else {
            return [&mut self.gradients[l.weight], &mut []];
        };
        match self.gradients.get_disjoint_mut([l.weight, delay]) {
            Ok(both) => both.map(|g| &mut g[..]),
            Err(_) => [&mut [], &mut []],
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
            taps: if train {
                net.training_taps()
            } else {
                Vec::new()
            },
        }
    }

    /// In which steps the weights of a node arrive, if they hold spikes back.
    #[inline(always)]
    pub fn taps(&self, node: usize) -> Option<&Taps<R>> {
        let own = self.taps.get(node).and_then(Option::as_ref);
        own.or(self.net.nodes[node].taps.as_ref())
    }

    /// Transposes the weights through which errors go back.
    pub fn transpose(&mut self) {
        self.transposed
            .resize(self.net.nodes.len(), Aligned::default());
        for (i, node) in self.net.nodes.iter().enumerate() {
            let learns = node.sources.iter().any(|e| self.net.nodes[e.node].learns);
            self.transposed[i] = match &node.op {
                Op::Linear(l) if learns && node.taps.is_none() => {
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
