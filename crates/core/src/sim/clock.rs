//! The clock-driven engine: what comes out, and running a network chunk by chunk.

pub use super::input::Input;

use super::block::Block;
use super::pass::Pass;
use super::signal::{Class, Slot};
use crate::kernel::TILE;
use crate::network::{Network, Op};
use crate::neuron::{Lanes, Output};
use crate::num::Float;
use crate::{Error, Result};
use rayon::prelude::*;

/// What to record of a population besides its spike count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The name of the population.
    pub node: String,
    /// `spikes`, or a state variable of the model before the reset: `v`, `i`.
    pub what: String,
    /// The neurons, in the order of the shape; all if empty.
    pub neurons: Vec<usize>,
}

/// What a probe recorded: `[samples][steps][neurons]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace<R> {
    /// Number of neurons.
    pub neurons: usize,
    /// The values; 0 and 1 for spikes.
    pub data: Vec<R>,
}

/// What a population did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Its name.
    pub name: String,
    /// Number of neurons.
    pub neurons: usize,
    /// Its spikes, over all samples and steps.
    pub spikes: usize,
}

/// What a run left.
#[derive(Clone, Debug)]
pub struct Record<R> {
    /// One for each population.
    pub activity: Vec<Activity>,
    /// What the readout handed on: spikes as 0 and 1, or its membrane; `[samples][steps][outputs]`.
    pub output: Vec<R>,
    /// One for each probe.
    pub traces: Vec<Trace<R>>,
}

/// Where a network stands between two chunks of steps: states and spikes still on their way.
#[derive(Clone, Debug)]
pub struct State<R> {
    blocks: Vec<Block<R>>,
    samples: usize,
    /// Of the network that it was made for.
    form: u64,
}

impl<R> State<R> {
    /// Back to rest, for the next samples: memory is kept.
    pub fn reset(&mut self) {
        self.blocks.iter_mut().for_each(|b| b.steps = 0);
    }
}

/// Samples of a block in a run without gradients.
const RUN_BLOCK: usize = 16;

impl<R: Lanes> Network<R> {
    /// All populations at rest, nothing on its way.
    pub fn rest(&self, samples: usize) -> State<R> {
        let starts = (0..samples).step_by(RUN_BLOCK);
        State {
            blocks: starts
                .map(|a| Block::new(self, a..(a + RUN_BLOCK).min(samples)))
                .collect(),
            samples,
            form: self.form,
        }
    }

    /// Runs from rest.
    ///
    /// # Errors
    /// As [`Network::advance`].
    ///
    /// ```
    /// use cortado::{network::{Network, NetworkSpec}, sim::clock::Input};
    /// let spec = NetworkSpec::new(1e-3).linear("w", 1).population("p", "if", &[("v_threshold", 2.5)]);
    /// let mut net = Network::<f32>::new(&[1], &spec, 0).unwrap();
    /// net.set("w.weight", &[1000.0]).unwrap();
    /// let input = Input::Current { samples: 1, steps: 9, data: vec![1.0] };
    /// assert_eq!(net.run(&input, &[]).unwrap().output, [0., 0., 1., 0., 0., 1., 0., 0., 1.]);
    /// ```
    pub fn run(&self, input: &Input<R>, probes: &[Probe]) -> Result<Record<R>> {
        self.advance(&mut self.rest(input.extent().0), input, probes)
    }

    /// Runs a chunk of steps on from `state`: chunks give the same bits as one long run.
    ///
    /// # Errors
    /// A state of another network, an input of another width or number of samples, no steps, a value that is not finite, a
    /// probe of something that is not there; a membrane that is not finite. The state is then that of an unfinished chunk.
    pub fn advance(
        &self,
        state: &mut State<R>,
        input: &Input<R>,
        probes: &[Probe],
    ) -> Result<Record<R>> {
        let mut pass = Pass::new(self, false);
        let probes: Vec<Found> = probes.iter().map(|p| self.find(p)).collect::<Result<_>>()?;
        for p in probes.iter().filter(|p| p.column.is_some()) {
            pass.keep.push(p.node);
        }
        let mut output = Vec::new();
        self.go(&pass, state, input, &mut output)?;
        let mut record = Record {
            activity: self.activity(&state.blocks),
            output,
            traces: Vec::new(),
        };
        for probe in &probes {
            let mut data = Vec::new();
            for block in &state.blocks {
                self.read(block, &pass, probe, &mut data);
            }
            record.traces.push(Trace {
                neurons: probe.neurons.len(),
                data,
            });
        }
        Ok(record)
    }

    /// Runs a chunk of steps on from `state`, for what the readout hands on alone: `[samples][steps][outputs]`, in place
    /// of what was in `output`.
    ///
    /// ```
    /// use cortado::{network::{Network, NetworkSpec}, sim::clock::Input, spikes::Spikes};
    /// let spec = NetworkSpec::new(1e-3).linear("w", 1).population("p", "if", &[("v_threshold", 2.5)]);
    /// let mut net = Network::<f32>::new(&[1], &spec, 0).unwrap();
    /// net.set("w.weight", &[1.0]).unwrap();
    /// let (mut state, mut output) = (net.rest(1), Vec::new());
    /// let spike = Input::Spikes(Spikes::from_dense(1, 1, 1, &[1.0]).unwrap());
    /// for fired in [0.0, 0.0, 1.0, 0.0, 0.0, 1.0] {
    ///     net.stream(&mut state, &spike, &mut output).unwrap();
    ///     assert_eq!(output, [fired]);
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`Network::advance`].
    pub fn stream(
        &self,
        state: &mut State<R>,
        input: &Input<R>,
        output: &mut Vec<R>,
    ) -> Result<()> {
        self.go(&Pass::new(self, false), state, input, output)
    }

    #[inline]
    fn go(
        &self,
        pass: &Pass<'_, R>,
        state: &mut State<R>,
        input: &Input<R>,
        output: &mut Vec<R>,
    ) -> Result<()> {
        input.check(self)?;
        let (samples, steps) = input.extent();
        if state.form != self.form {
            return Err(Error::invalid(
                "state",
                "the run",
                "that of a network of this specification",
                "that of another",
            ));
        }
        if samples != state.samples {
            return Err(Error::invalid(
                "samples",
                "the input",
                format!("{} as the state has", state.samples),
                samples,
            ));
        }
        let one = |block: &mut Block<R>| {
            let fresh = block.steps == 0;
            block.begin(pass, input, fresh);
            block.advance(pass);
        };
        match &mut state.blocks[..] {
            [block] => one(block),
            blocks => blocks.par_iter_mut().for_each(one),
        }
        output.clear();
        output.reserve(samples * steps * self.outputs());
        let (last, n) = (self.nodes.len() - 1, self.outputs());
        for block in &state.blocks {
            if let Some(node) = block.not_finite() {
                return Err(self.diverged(node));
            }
            let slot = &block.slots[last];
            for b in 0..slot.samples {
                for t in 0..steps {
                    let start = output.len();
                    output.resize(start + n, R::ZERO);
                    slot.signal(0).expand(b, t, &mut output[start..]);
                }
            }
        }
        Ok(())
    }

    pub(crate) fn diverged(&self, node: usize) -> Error {
        Error::invalid(
            "membrane",
            format!("population '{}'", self.nodes[node].name),
            "finite values",
            "NaN or infinity",
        )
    }

    /// Spikes of each population in the last chunk.
    pub(crate) fn activity(&self, blocks: &[Block<R>]) -> Vec<Activity> {
        self.populations()
            .map(|(i, p)| Activity {
                name: self.nodes[i].name.clone(),
                neurons: p.n,
                spikes: blocks.iter().map(|b| count(&b.slots[i])).sum(),
            })
            .collect()
    }

    fn find(&self, probe: &Probe) -> Result<Found> {
        let at = || format!("probe of '{}'", probe.node);
        let Some((node, p)) = self
            .populations()
            .find(|(i, _)| self.nodes[*i].name == probe.node)
        else {
            let names: Vec<&str> = self
                .populations()
                .map(|(i, _)| self.nodes[i].name.as_str())
                .collect();
            return Err(Error::invalid(
                "population",
                at(),
                names.join(", "),
                "no such node",
            ));
        };
        let states = p.model.spec().states;
        let column = match probe.what.as_str() {
            "spikes" => None,
            what => Some(states.iter().position(|s| s.name == what).ok_or_else(|| {
                let names: Vec<&str> = states.iter().map(|s| s.name).collect();
                let expected = format!("spikes, {}", names.join(", "));
                Error::invalid("variable", at(), expected, format!("'{what}'"))
            })?),
        };
        let shape = p.shape();
        if let Some(&n) = probe.neurons.iter().find(|&&n| n >= p.n) {
            return Err(Error::invalid(
                "neuron",
                at(),
                format!("less than {}", p.n),
                n,
            ));
        }
        let inverse = shape.inverse();
        let neurons = if probe.neurons.is_empty() {
            inverse.iter().map(|&p| p as usize).collect()
        } else {
            probe.neurons.iter().map(|&n| inverse[n] as usize).collect()
        };
        Ok(Found {
            node,
            column,
            neurons,
        })
    }

    /// Appends `[samples][steps][neurons]` of a block.
    fn read(&self, block: &Block<R>, pass: &Pass<'_, R>, probe: &Found, out: &mut Vec<R>) {
        let slot = &block.slots[probe.node];
        let state = probe.column.map(|c| pass.states(block, probe.node, c));
        for b in 0..slot.samples {
            for t in 0..slot.steps {
                match (&state, slot.signal(0).dense(b, t)) {
                    (Some(view), _) => out.extend(
                        probe
                            .neurons
                            .iter()
                            .map(|&n| view.data[view.at(b, t, n / TILE) + n % TILE]),
                    ),
                    (None, Some(row)) => out.extend(probe.neurons.iter().map(|&n| row[n])),
                    (None, None) => {
                        let start = out.len();
                        out.resize(start + probe.neurons.len(), R::ZERO);
                        let (index, _) = slot.signal(0).sparse(b, t).unwrap_or((&[], None));
                        for (o, &n) in out[start..].iter_mut().zip(&probe.neurons) {
                            if index.binary_search(&(n as u32)).is_ok() {
                                *o = R::ONE;
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A probe that has found its population.
struct Found {
    node: usize,
    column: Option<usize>,
    neurons: Vec<usize>,
}

/// Spikes in a population's last chunk; none of a readout.
pub(crate) fn count<R: Float>(slot: &Slot<R>) -> usize {
    if slot.class != Class::Rows {
        return 0;
    }
    let lead = slot.lead * slot.samples;
    (slot.rows.offsets[slot.rows.offsets.len() - 1] - slot.rows.offsets[lead]) as usize
}

/// Spikes and the additions of weights that they cause.
pub(crate) fn operations<R: Lanes>(net: &Network<R>, block: &Block<R>) -> (usize, usize) {
    let mut spikes = 0;
    let mut synops = 0;
    for (i, node) in net.nodes.iter().enumerate() {
        match &node.op {
            Op::Population(p) if p.output == Output::Spikes => spikes += count(&block.slots[i]),
            Op::Linear(l) => {
                synops += count(&block.slots[node.sources[0].node]) * l.outputs;
            }
            Op::Conv(c) => {
                let fan_out = c.macs() as f64 / c.input.iter().product::<usize>() as f64;
                let spikes = count(&block.slots[node.sources[0].node]) as f64;
                synops += (spikes * fan_out).round() as usize;
            }
            _ => {}
        }
    }
    (spikes, synops)
}
