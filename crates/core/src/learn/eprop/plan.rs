//! A network as it is trained online: populations in the order in which they run, the weights into each, and the readout as a
//! filter.

use crate::kernel::{Layout, TILE, Tangent, View, tangent_rows};
use crate::network::{Node, Op, Pace, Population};
use crate::neuron::{Lanes, Output, Pulse, ResetTime};
use crate::num::Float;
use crate::sim::Pass;
use crate::surrogate::{Shape, Surrogate};
use crate::{Error, Result};

/// Populations and what leads to them.
pub(super) struct Plan<'n, R: Lanes> {
    /// In the order in which they run; the readout comes last.
    pub populations: Vec<Cells<'n, R>>,
    pub readout: Filter<R>,
    /// Whether spikes arrive as pulses.
    pub pulses: bool,
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

/// How the membrane of a readout follows what arrives: `s <- P s + b x`, its first number being the membrane.
#[derive(Clone, Debug)]
pub(super) struct Filter<R> {
    pub states: usize,
    /// `[states][states]`
    pub step: Vec<R>,
    /// Of spikes.
    pub gain: Vec<R>,
    /// Its step, linearised.
    tangent: Vec<R>,
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
        let s = end.op.states;
        let pulses = net.spec.convention.pulse == Pulse::Dirac;
        let t = linear(pass, end.op, R::ZERO, 0.0);
        let take = |rows: std::ops::Range<usize>| rows.map(|r| t[r * TILE]).collect();
        let readout = Filter {
            states: s,
            step: take(s..s + s * s),
            gain: take(port(s, pulses) + 1..port(s, pulses) + 1 + s),
            tangent: t,
        };
        populations.push(end);
        Ok(Self {
            populations,
            readout,
            pulses,
        })
    }
}

/// The first row of a port in [`Tangent::out`]: of currents, or of pulses.
pub(super) fn port(states: usize, pulses: bool) -> usize {
    states + states * states + usize::from(pulses) * (1 + states)
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

/// Whether a neuron far below its threshold and one that fires move alike.
fn alike<R: Lanes>(pass: &Pass<'_, R>, op: &Population<R>) -> bool {
    if !op.affine || op.constants.len() != op.model.constants() {
        return false;
    }
    let s = op.states;
    let (silent, fires) = (
        linear(pass, op, R::of(-1e9), 0.0),
        linear(pass, op, R::of(1e9), 1.0),
    );
    let moves = |t: &[R], r: usize| t[r * TILE];
    let gains = [port(s, false) + 1, port(s, true) + 1];
    let rows = (s..s + s * s).chain(gains.into_iter().flat_map(|g| g..g + s));
    rows.into_iter()
        .all(|r| moves(&silent, r) == moves(&fires, r))
}

/// The step of a population whose membranes stand at `v`, a spike having the derivative `psi` wherever they stand.
fn linear<R: Lanes>(pass: &Pass<'_, R>, op: &Population<R>, v: R, psi: f64) -> Vec<R> {
    let s = op.states;
    let mut at = op.rest[..s * TILE].to_vec();
    at[..TILE].fill(v);
    let mut out = vec![R::ZERO; tangent_rows(s) * TILE];
    let mut state = op.rest[..s * TILE].to_vec();
    op.model.tangent(&mut Tangent {
        surrogate: Surrogate {
            shape: Shape::Boxcar,
            slope: Some(1e-12),
            height: psi,
        },
        ..span(
            pass,
            op,
            (0, 0, 0),
            View {
                data: &at,
                layout: Layout::by_tile(1, s, TILE),
            },
            (&mut state, &mut out),
        )
    });
    out
}

/// One step of a tile of a population, as [`Tangent`] wants it.
pub(super) fn span<'a, R: Lanes>(
    pass: &Pass<'_, R>,
    op: &'a Population<R>,
    place: (usize, usize, usize),
    tape: View<'a, R>,
    (state, out): (&'a mut [R], &'a mut [R]),
) -> Tangent<'a, R> {
    let spec = &pass.net.spec;
    Tangent {
        constants: &op.constants,
        rules: pass.rules(),
        surrogate: spec.surrogate,
        detach: spec.detach_reset,
        late: spec.convention.reset == ResetTime::NextStep && op.output == Output::Spikes,
        place,
        tape,
        inputs: pass.keeps_inputs(op).then_some([op.states, op.states + 1]),
        state,
        out,
    }
}

pub(super) fn refuse<R: Lanes>(node: &Node<R>, expected: &str, got: impl ToString) -> Error {
    let place = format!("node '{}' under a rule that learns online", node.name);
    Error::invalid("node", place, expected, got)
}

impl<R: Float> Filter<R> {
    /// The step of a tile of readouts: what they hand on is their membrane, in place of a spike.
    pub fn fill(&self, tile: &mut [R]) {
        let s = self.states;
        tile.copy_from_slice(&self.tangent);
        tile.copy_within(s * TILE..2 * s * TILE, 0);
        for pulses in [false, true] {
            let row = port(s, pulses) * TILE;
            tile.copy_within(row + TILE..row + 2 * TILE, row);
        }
    }
}
