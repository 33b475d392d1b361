//! A population as a linear map from step to step.

use crate::kernel::{Layout, TILE, Tangent, View, tangent_rows};
use crate::network::Population;
use crate::neuron::{Lanes, Output, Pulse, ResetTime};
use crate::num::Float;
use crate::sim::Pass;
use crate::surrogate::{Shape, Surrogate};

/// How the states of a neuron, and what it hands on, follow what arrives, whatever the neuron does: `s <- P s + b x`, `y = c s + d x`
/// with the states before the step. Of a readout, `y` is the membrane; of a neuron that spikes, its gap.
#[derive(Clone, Debug)]
pub(in crate::learn) struct Filter<R> {
    pub states: usize,
    /// `P`, `[states][states]`.
    pub step: Vec<R>,
    /// `b` of a current and of a pulse.
    pub gain: [Vec<R>; 2],
    /// `c`
    pub sees: Vec<R>,
    /// `d` of a current and of a pulse.
    pub instant: [R; 2],
    /// Which of both a spike is.
    pub spike: usize,
    /// The step, linearised.
    tangent: Vec<R>,
    membrane: bool,
}

/// The first row of a port in [`Tangent::out`]: of currents, or of pulses.
pub(in crate::learn) fn port(states: usize, pulses: bool) -> usize {
    states + states * states + usize::from(pulses) * (1 + states)
}

/// Whether a neuron far below its threshold and one that fires move alike.
pub(in crate::learn) fn alike<R: Lanes>(pass: &Pass<'_, R>, op: &Population<R>) -> bool {
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
pub(in crate::learn) fn span<'a, R: Lanes>(
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

impl<R: Lanes> Filter<R> {
    /// Of a population whose neurons are all [`alike`].
    pub fn new(pass: &Pass<'_, R>, op: &Population<R>) -> Self {
        let s = op.states;
        let membrane = op.output == Output::Membrane;
        let tangent = linear(pass, op, R::ZERO, if membrane { 0.0 } else { 1.0 });
        let take = |from: usize, count: usize| {
            let rows = from..from + count;
            rows.map(|r| tangent[r * TILE]).collect::<Vec<R>>()
        };
        let step = take(s, s * s);
        let gain = [false, true].map(|pulses| take(port(s, pulses) + 1, s));
        let (sees, instant) = match membrane {
            true => (step[..s].to_vec(), gain.each_ref().map(|g| g[0])),
            false => {
                let at = |pulses| tangent[port(s, pulses) * TILE];
                (take(0, s), [at(false), at(true)])
            }
        };
        Self {
            states: s,
            step,
            gain,
            sees,
            instant,
            spike: usize::from(pass.net.spec.convention.pulse == Pulse::Dirac),
            tangent,
            membrane,
        }
    }
}

impl<R: Float> Filter<R> {
    /// The step of a tile of readouts: what they hand on is their membrane, in place of a spike.
    pub fn fill(&self, tile: &mut [R]) {
        debug_assert!(self.membrane);
        let s = self.states;
        tile.copy_from_slice(&self.tangent);
        tile.copy_within(s * TILE..2 * s * TILE, 0);
        for pulses in [false, true] {
            let row = port(s, pulses) * TILE;
            tile.copy_within(row + TILE..row + 2 * TILE, row);
        }
    }

    /// The row of a tangent that holds the derivative of a spike by its gap, times the number that comes with it.
    pub fn slope(&self) -> (usize, R) {
        let ports = [port(self.states, false), port(self.states, true)];
        let rows = self.sees.iter().copied().enumerate();
        let all = rows.chain(ports.into_iter().zip(self.instant));
        all.fold((0, R::ZERO), |best, row| {
            if row.1.abs() > best.1.abs() {
                row
            } else {
                best
            }
        })
    }
}
