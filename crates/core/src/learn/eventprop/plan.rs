//! A network as it is trained without a clock: populations in the order in which they run, and the ways between them.

use crate::network::{Edge, Network, Node, Op, Pace};
use crate::neuron::{Lanes, Output};
use crate::synapse::Delay;
use crate::{Error, Result};

/// Populations and what leads to them.
pub(super) struct Plan {
    /// Node, in the order in which they run; the input comes first and the readout last.
    pub populations: Vec<Population>,
    /// Populations that run together, the readout of membranes left out.
    pub stages: Vec<Stage>,
}

pub(super) struct Population {
    pub node: usize,
    pub n: usize,
    pub ways: Vec<Way>,
    pub output: Output,
    /// Whether neurons run side by side: same parameters, same times of arrival, no parameter to train.
    pub together: bool,
    /// Whether none of its parameters is trained, and how many the model has.
    pub fixed: bool,
    pub parameters: usize,
}

/// Populations that run together, window by window where they form a loop.
pub(super) struct Stage {
    pub populations: std::ops::Range<usize>,
    /// Seconds in which nothing comes back; infinite without a loop.
    pub window: f64,
}

/// Weights into a population.
pub(super) struct Way {
    /// The population that they come from, by its place in the plan.
    pub from: usize,
    /// The parameter that holds the weights.
    pub weight: usize,
    pub inputs: usize,
    /// Seconds, of the edges.
    pub delay: f64,
    /// Delays of the weights.
    pub own: Option<Delay>,
}

impl Way {
    /// Seconds from a spike of `unit` to its arrival at neuron `j`; both as they stand in memory.
    pub fn held<R: Lanes>(&self, net: &Network<R>, unit: u32, j: u32) -> f64 {
        let data = self.delays(net);
        if data.is_empty() {
            return self.delay;
        }
        let place = Delay::place(data.len(), self.inputs, place(self.inputs, unit, j));
        self.delay + data[place].value()
    }

    fn delays<'n, R: Lanes>(&self, net: &'n Network<R>) -> &'n [R] {
        match self.own {
            None => &[],
            Some(Delay::Trained(k)) => &net.params[k].data,
            Some(Delay::Fixed(k)) => &net.buffers[k].data,
        }
    }

    /// Whether each weight has a delay of its own: a spike does not reach all at once.
    pub fn single<R: Lanes>(&self, net: &Network<R>) -> bool {
        self.delays(net).len() > self.inputs
    }

    /// The shortest time from a spike to its arrival.
    fn shortest<R: Lanes>(&self, net: &Network<R>, n: usize) -> f64 {
        let n = if self.single(net) { n } else { 1 };
        let all = (0..n as u32).flat_map(|j| (0..self.inputs as u32).map(move |i| (i, j)));
        all.fold(f64::INFINITY, |least, (i, j)| {
            least.min(self.held(net, i, j))
        })
    }
}

/// Where the weight from `unit` to `j` stands among the weights of a way with so many inputs.
#[inline(always)]
pub(super) fn place(inputs: usize, unit: u32, j: u32) -> usize {
    const TILE: usize = crate::kernel::TILE;
    let (i, j) = (unit as usize, j as usize);
    (j / TILE * inputs + i) * TILE + j % TILE
}

impl Plan {
    /// Reads a network.
    ///
    /// # Errors
    /// A node that this cannot differentiate.
    pub fn new<R: Lanes>(net: &Network<R>) -> Result<Self> {
        crate::sim::event::continuous(&net.spec.convention)?;
        let mut plan = Self {
            populations: Vec::new(),
            stages: Vec::new(),
        };
        let runs = net
            .stages
            .iter()
            .flat_map(|s| s.nodes.iter().map(|&n| (n, s.pace)));
        for (node, _) in runs.clone() {
            let (n, output, fixed, parameters, shared) = match &net.nodes[node].op {
                Op::Input => (net.inputs(), Output::Spikes, true, 0, true),
                Op::Population(p) => {
                    let table = p.table(&net.params);
                    (p.n, p.output, !p.trained, table[0].len(), table.len() == 1)
                }
                Op::Linear(_) | Op::Flatten => continue,
                _ => {
                    return Err(refuse(
                        &net.nodes[node],
                        "weights between populations",
                        "another node",
                    ));
                }
            };
            plan.populations.push(Population {
                node,
                n,
                ways: Vec::new(),
                output,
                together: fixed && shared,
                fixed,
                parameters,
            });
        }
        for p in 1..plan.populations.len() {
            let node = plan.populations[p].node;
            let edges = &net.nodes[node].sources;
            let ways: Vec<Way> = edges
                .iter()
                .map(|&e| plan.way(net, e))
                .collect::<Result<_>>()?;
            let own = ways.iter().any(|w| w.single(net));
            plan.populations[p].together &= !own;
            plan.populations[p].ways = ways;
        }
        let last = plan.populations.len() - 1;
        for p in 1..=last {
            let of = |p: usize| {
                let node = plan.populations[p].node;
                net.stages.iter().position(|s| s.nodes.contains(&node))
            };
            let membrane = plan.populations[p].output == Output::Membrane;
            if membrane && (p < last || net.nodes[plan.populations[p].node].looped) {
                return Err(refuse(
                    &net.nodes[plan.populations[p].node],
                    "spikes",
                    "a membrane handed on",
                ));
            }
            if membrane {
                continue;
            }
            match plan.stages.last_mut() {
                Some(stage) if of(stage.populations.start) == of(p) => {
                    stage.populations.end = p + 1
                }
                _ => plan.stages.push(Stage {
                    populations: p..p + 1,
                    window: f64::INFINITY,
                }),
            }
        }
        for stage in 0..plan.stages.len() {
            plan.stages[stage].window = plan.window(net, stage);
        }
        debug_assert!(net.stages.iter().all(|s| s.pace != Pace::Image));
        Ok(plan)
    }

    /// The weights behind an edge into a population.
    fn way<R: Lanes>(&self, net: &Network<R>, edge: Edge) -> Result<Way> {
        let node = &net.nodes[edge.node];
        let Op::Linear(linear) = &node.op else {
            return Err(refuse(node, "weights before a population", "none"));
        };
        if linear.bias.is_some() {
            return Err(refuse(
                node,
                "no bias: an input that always fires at 0 is one",
                "a bias",
            ));
        }
        if !node.shape.in_order() {
            return Err(refuse(node, "one axis", "an image"));
        }
        let source = node.sources[0];
        let from = self.populations.iter().position(|p| p.node == source.node);
        let Some(from) = from else {
            return Err(refuse(
                node,
                "weights behind a population or the input",
                "something between",
            ));
        };
        let steps = edge.delay + source.delay;
        Ok(Way {
            from,
            weight: linear.weight,
            inputs: linear.inputs,
            delay: steps as f64 * net.spec.dt,
            own: linear.delays,
        })
    }

    /// The shortest time round a loop that is not zero.
    fn window<R: Lanes>(&self, net: &Network<R>, stage: usize) -> f64 {
        let own = &self.stages[stage].populations;
        let mut least = f64::INFINITY;
        for p in own.clone() {
            // What comes from a population that runs before it is seen in the same window.
            let back = |w: &&Way| own.contains(&w.from) && w.from >= p;
            for way in self.populations[p].ways.iter().filter(back) {
                least = least.min(way.shortest(net, self.populations[p].n));
            }
        }
        // A little less, so that rounding lets nothing come back within a window.
        least * (1.0 - 1e-9)
    }
}

fn refuse<R: Lanes>(node: &Node<R>, expected: &str, got: &str) -> Error {
    let place = format!("node '{}' under eventprop", node.name);
    Error::invalid("node", place, expected, got)
}
