//! Counting, step by step.

use super::{Cost, Footprint, Population, Projection, Signal, operations};
use crate::kernel::TILE;
use crate::network::{Edge, Network, Op};
use crate::neuron::{Lanes, Output};
use crate::num::Float;
use crate::sim::clock::Input;
use crate::sim::{Block, Class, Pass};
use crate::spikes::Spikes;
use crate::{Error, Result};
use rayon::prelude::*;

/// Samples that run together.
const BLOCK: usize = 16;

/// What counts are taken of a projection before anything runs.
struct Reach {
    node: usize,
    edge: Edge,
    /// Weights that are not zero, by input as it stands in memory.
    live: Vec<u64>,
    synapses: u64,
}

/// Counts of a node in a block.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    nonzero: u64,
    acs: u64,
    macs: u64,
    acs_hoisted: u64,
    macs_hoisted: u64,
    updates: u64,
}

/// A block of samples with its counts, by node, and the membranes after the last step, by node.
struct Part<R> {
    block: Block<R>,
    tally: Vec<Tally>,
    membranes: Vec<Vec<R>>,
}

/// Runs samples through a network from rest and counts what that costs.
///
/// ```
/// use cortado::{cost::Meter, network::{Network, NetworkSpec}, sim::clock::Input, spikes::Spikes};
/// // Nine weights, three of them zero, and three inputs, one of them silent: four of nine operations are effective.
/// let spec = NetworkSpec::new(1e-3).linear("w", 3).population("p", "lif", &[]);
/// let mut net = Network::<f32>::new(&[3], &spec, 0).unwrap();
/// net.set("w.weight", &[0.0, 1.0, 2.0, 3.0, 0.0, 4.0, 5.0, 6.0, 0.0]).unwrap();
/// let input = Input::Spikes(Spikes::from_dense(1, 1, 3, &[1.0, 1.0, 0.0]).unwrap());
/// let mut meter = Meter::new(&net, 1);
/// meter.advance(&input).unwrap();
/// let w = &meter.cost().projections[0];
/// assert_eq!((w.dense, w.acs, w.macs), (9, 4, 0));
/// ```
pub struct Meter<'n, R: Lanes> {
    net: &'n Network<R>,
    reach: Vec<Reach>,
    parts: Vec<Part<R>>,
    samples: usize,
    steps: usize,
    input_spikes: u64,
    currents: bool,
}

/// What some samples cost, from rest.
///
/// # Errors
/// As [`Meter::advance`].
pub fn measure<R: Lanes>(net: &Network<R>, input: &Input<R>) -> Result<Cost> {
    let mut meter = Meter::new(net, input.extent().0);
    meter.advance(input)?;
    Ok(meter.cost())
}

impl<'n, R: Lanes> Meter<'n, R> {
    /// All populations at rest, nothing counted.
    pub fn new(net: &'n Network<R>, samples: usize) -> Self {
        let starts = (0..samples).step_by(BLOCK);
        let part = |a: usize| Part {
            block: Block::new(net, a..(a + BLOCK).min(samples)),
            tally: vec![Tally::default(); net.nodes.len()],
            membranes: vec![Vec::new(); net.nodes.len()],
        };
        Self {
            net,
            reach: reach(net),
            parts: starts.map(part).collect(),
            samples,
            steps: 0,
            input_spikes: 0,
            currents: false,
        }
    }

    /// Runs a chunk of steps on and counts: chunks add up to the counts of one long run.
    ///
    /// # Errors
    /// As [`Network::advance`]; spikes after a chunk of currents, or the other way round.
    pub fn advance(&mut self, input: &Input<R>) -> Result<()> {
        input.check(self.net)?;
        let (samples, steps) = input.extent();
        if samples != self.samples {
            return Err(Error::invalid(
                "samples",
                "the input",
                format!("{} as the meter has", self.samples),
                samples,
            ));
        }
        let currents = !matches!(input, Input::Spikes(_));
        if self.steps > 0 && currents != self.currents {
            let names = |currents| if currents { "currents" } else { "spikes" };
            return Err(Error::invalid(
                "input",
                "the next chunk",
                names(self.currents),
                names(currents),
            ));
        }
        self.currents = currents;
        self.input_spikes += input.spikes() as u64;
        let pass = Pass::new(self.net, false);
        let frames = frames(input, self.net.inputs());
        let (net, reach, before) = (self.net, &self.reach, self.steps);
        self.parts.par_iter_mut().for_each(|part| {
            for t in 0..steps {
                let fresh = before + t == 0;
                part.block
                    .begin(&pass, &frames[t.min(frames.len() - 1)], fresh);
                part.block.advance(&pass);
                reach.iter().for_each(|r| part.project(r, fresh));
                part.update(net, fresh);
            }
        });
        self.steps += steps;
        match self.parts.iter().find_map(|p| p.block.not_finite()) {
            Some(node) => Err(self.net.diverged(node)),
            None => Ok(()),
        }
    }

    /// The counts so far.
    pub fn cost(&self) -> Cost {
        let net = self.net;
        let ran = (self.samples * self.steps) as u64;
        Cost {
            samples: if self.steps > 0 {
                self.samples as u64
            } else {
                0
            },
            steps: ran,
            inputs: net.inputs() as u64,
            input_spikes: self.input_spikes,
            projections: self.reach.iter().map(|r| self.projection(r, ran)).collect(),
            populations: self.populations(ran),
            footprint: footprint(net),
        }
    }

    fn sum(&self, node: usize, f: impl Fn(&Tally) -> u64) -> u64 {
        self.parts.iter().map(|p| f(&p.tally[node])).sum()
    }

    fn projection(&self, r: &Reach, ran: u64) -> Projection {
        let (net, node) = (self.net, &self.net.nodes[r.node]);
        let (kind, weight) = match &node.op {
            Op::Conv(c) => ("conv2d", c.weight),
            Op::Linear(l) => ("linear", l.weight),
            _ => ("", 0),
        };
        let weights = net.params[weight].values();
        let zeros = weights.iter().filter(|&&w| w == R::ZERO).count();
        let sum = |f: fn(&Tally) -> u64| self.sum(r.node, f);
        Projection {
            name: node.name.clone(),
            kind,
            from: net.nodes[r.edge.node].name.clone(),
            signal: signal(net, r.edge.node, self.currents),
            recurrent: node.looped,
            weights: weights.len() as u64,
            zero_weights: zeros as u64,
            synapses: r.synapses,
            outputs: node.shape.size() as u64,
            activations: ran * r.live.len() as u64,
            nonzero: sum(|t| t.nonzero),
            dense: ran * r.synapses,
            acs: sum(|t| t.acs),
            macs: sum(|t| t.macs),
            acs_hoisted: sum(|t| t.acs_hoisted),
            macs_hoisted: sum(|t| t.macs_hoisted),
        }
    }

    fn populations(&self, ran: u64) -> Vec<Population> {
        let convention = &self.net.spec.convention;
        let of = |(i, p): (usize, &crate::network::Population<R>)| {
            let spec = p.model.spec();
            Population {
                name: self.net.nodes[i].name.clone(),
                model: spec.name,
                neurons: p.n as u64,
                states: p.states as u64,
                spiking: p.output == Output::Spikes,
                activations: ran * p.n as u64,
                nonzero: self.sum(i, |t| t.nonzero),
                updates: self.sum(i, |t| t.updates),
                operations: operations(spec.name, spec.states.len() as u64, convention),
            }
        };
        self.net.populations().map(of).collect()
    }
}

impl<R: Lanes> Part<R> {
    /// Counts what a step brought to a projection.
    fn project(&mut self, r: &Reach, fresh: bool) {
        let slot = &self.block.slots[r.edge.node];
        let tally = &mut self.tally[r.node];
        let source = slot.signal(r.edge.delay);
        for b in 0..slot.samples {
            let (mut binary, mut nonzero, mut operations) = (true, 0, 0);
            source.nonzeros(b, 0, |i, v| {
                // Places past the last input are padding.
                if let Some(&live) = r.live.get(i).filter(|_| v != R::ZERO) {
                    binary &= v == R::ONE || v == -R::ONE;
                    nonzero += 1;
                    operations += live;
                }
            });
            // An engine that keeps what does not change computes it in the first step alone.
            let hoisted = if slot.class == Class::Constant && !fresh {
                0
            } else {
                operations
            };
            tally.nonzero += nonzero;
            if binary {
                tally.acs += operations;
                tally.acs_hoisted += hoisted;
            } else {
                tally.macs += operations;
                tally.macs_hoisted += hoisted;
            }
        }
    }

    /// Counts outputs and changed membranes of a step.
    fn update(&mut self, net: &Network<R>, fresh: bool) {
        for (i, p) in net.populations() {
            let (slot, tally) = (&self.block.slots[i], &mut self.tally[i]);
            let out = slot.signal(0);
            for b in 0..slot.samples {
                out.nonzeros(b, 0, |j, _| tally.nonzero += u64::from(j < p.n));
            }
            let (state, before) = (&self.block.cells[i].state, &mut self.membranes[i]);
            let rows = state.chunks_exact(p.states * TILE);
            if fresh {
                tally.updates += (slot.samples * p.n) as u64;
                before.clear();
                rows.for_each(|row| before.extend_from_slice(&row[..TILE]));
                continue;
            }
            for (n, (row, old)) in rows.zip(before.chunks_exact_mut(TILE)).enumerate() {
                let live = (p.n - n / slot.samples * TILE).min(TILE);
                let pairs = row[..live].iter().zip(&old[..live]);
                tally.updates += pairs.filter(|(a, b)| a != b).count() as u64;
                old.copy_from_slice(&row[..TILE]);
            }
        }
    }
}

fn reach<R: Lanes>(net: &Network<R>) -> Vec<Reach> {
    let of = |(node, n): (usize, &crate::network::Node<R>)| {
        let edge = *n.sources.first()?;
        let (live, synapses) = match &n.op {
            Op::Linear(l) => {
                let live = l.fan_out(&net.params[l.weight].data);
                (live, (l.inputs * l.outputs) as u64)
            }
            Op::Conv(c) => {
                let (all, live) = c.fan_out(&net.params[c.weight].data);
                (live, all.iter().sum())
            }
            _ => return None,
        };
        Some(Reach {
            node,
            edge,
            live,
            synapses,
        })
    };
    net.nodes.iter().enumerate().filter_map(of).collect()
}

/// What a node hands on.
fn signal<R: Lanes>(net: &Network<R>, mut node: usize, currents: bool) -> Signal {
    let mut graded = false;
    loop {
        let n = &net.nodes[node];
        graded |= match &n.op {
            Op::Input if currents => return Signal::Current,
            Op::Input | Op::Flatten | Op::Dropout(_) => false,
            Op::Population(p) => p.output == Output::Membrane,
            Op::Pool(p) => p.kind.is_linear(),
            Op::Linear(_) | Op::Conv(_) | Op::Norm(_) => true,
        };
        match (&n.op, n.sources.first()) {
            (Op::Input | Op::Population(_), _) | (_, None) => break,
            (_, Some(e)) => node = e.node,
        }
    }
    if graded {
        Signal::Graded
    } else {
        Signal::Spikes
    }
}

fn footprint<R: Lanes>(net: &Network<R>) -> Footprint {
    let bytes = |n: usize| (n * std::mem::size_of::<R>()) as u64;
    let count = |p: &[crate::network::Param<R>]| p.iter().map(|p| p.count()).sum();
    let constants = |p: &crate::network::Population<R>| {
        let k = p.model.constants();
        if p.constants.len() > k { k * p.n } else { k }
    };
    Footprint {
        parameters: bytes(count(&net.params)),
        buffers: bytes(count(&net.buffers)),
        constants: bytes(net.populations().map(|(_, p)| constants(p)).sum()),
        state: bytes(net.populations().map(|(_, p)| p.states * p.n).sum()),
    }
}

/// The input in steps of one; one step for all of a current that stays the same.
fn frames<R: Float>(input: &Input<R>, width: usize) -> Vec<Input<R>> {
    let (samples, steps) = input.extent();
    let frame = |t: usize| match input {
        Input::Spikes(s) => {
            let mut one = Spikes::builder(samples, 1, s.width);
            (0..samples).for_each(|b| one.push_row(s.row(b, t).iter().copied()));
            Input::Spikes(one)
        }
        Input::Current { data, .. } => Input::Current {
            samples,
            steps: 1,
            data: data.clone(),
        },
        Input::Currents { data, .. } => {
            let rows = (0..samples).map(|b| &data[(b * steps + t) * width..][..width]);
            Input::Currents {
                samples,
                steps: 1,
                data: rows.flatten().copied().collect(),
            }
        }
    };
    let distinct = if matches!(input, Input::Current { .. }) {
        1
    } else {
        steps
    };
    (0..distinct).map(frame).collect()
}
