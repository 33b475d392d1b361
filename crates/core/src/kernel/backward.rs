//! A population backward over some steps, tile by tile and sample by sample: the transpose of the Jacobian, by dual numbers.

use super::{Lane, Layout, Rules, TILE, at, constants, load, spikes, store};
use crate::neuron::Neuron;
use crate::num::{Dual, Float};
use crate::surrogate::Surrogate;
use std::ops::Range;

/// An error that comes down to a population.
#[derive(Clone, Copy)]
pub(crate) enum Incoming<'a, R> {
    /// None.
    Zero,
    /// One for each step.
    Each { data: &'a [R], layout: Layout },
}

impl<R: Float> Incoming<'_, R> {
    /// The lanes of a step.
    #[inline(always)]
    fn lanes(&self, (tile, b): (usize, usize), t: usize) -> Option<&[R]> {
        match *self {
            Incoming::Zero => None,
            Incoming::Each { data, layout } => {
                Some(&data[layout.base(b, tile) + t * layout.step..][..TILE])
            }
        }
    }
}

/// The sum of two errors in a step.
#[inline(always)]
fn sum<R: Float>([a, b]: &[Incoming<'_, R>; 2], cell: (usize, usize), t: usize, out: &mut Lane<R>) {
    match (a.lanes(cell, t), b.lanes(cell, t)) {
        (Some(a), Some(b)) => {
            for j in 0..TILE {
                out[j] = a[j] + b[j];
            }
        }
        (Some(one), None) | (None, Some(one)) => out.copy_from_slice(one),
        (None, None) => out.fill(R::ZERO),
    }
}

/// A population, backward: overwrites the tape with the errors of what arrived.
pub struct Backward<'a, R> {
    /// `[K]`, or `[tile][K][TILE]` if parameters differ between neurons.
    pub(crate) constants: &'a [R],
    pub(crate) rules: Rules,
    pub(crate) surrogate: Surrogate,
    /// Whether no error flows through the reset.
    pub(crate) detach: bool,
    pub(crate) tiles: usize,
    pub(crate) samples: usize,
    /// The steps to run, last one first.
    pub(crate) steps: Range<usize>,
    /// The state before step 0 of the tape, `[tile][S][TILE]`.
    pub(crate) initial: &'a [R],
    /// Error of the state after the last step on entry, before the first on return, `[tile][sample][S][TILE]`.
    pub(crate) carry: &'a mut [R],
    /// The tape of [`Forward`]; errors of pulses and currents are left in their columns.
    pub(crate) tape: (&'a mut [R], Layout),
    /// Columns of the tape that hold the current and the pulse.
    pub(crate) inputs: Option<[usize; 2]>,
    pub(crate) pulse_column: Option<usize>,
    pub(crate) current_column: Option<usize>,
    /// Error of the output: from where it went, and from the loss.
    pub(crate) output: [Incoming<'a, R>; 2],
    /// Whether the output is the membrane before the reset; spikes otherwise.
    pub(crate) membrane: bool,
    /// Gradient by the constants, `[tile][K][TILE]`, added to.
    pub(crate) by_constants: Option<&'a mut [R]>,
}

#[inline(always)]
pub(crate) fn backward<
    R: Float,
    M: Neuron<S, P, K>,
    const S: usize,
    const P: usize,
    const K: usize,
>(
    b: &mut Backward<'_, R>,
) {
    let plain = M::AFFINE && b.by_constants.is_none();
    match (b.constants.len() != K, plain) {
        (false, false) => cells::<R, M, S, P, K, false, false>(b),
        (false, true) => cells::<R, M, S, P, K, false, true>(b),
        (true, false) => cells::<R, M, S, P, K, true, false>(b),
        (true, true) => cells::<R, M, S, P, K, true, true>(b),
    }
}

#[inline(always)]
fn vary<R: Float, const S: usize>(s: [R; S]) -> [Dual<R, S>; S] {
    std::array::from_fn(|i| Dual::variable(s[i], i))
}

#[inline(always)]
fn fix<R: Float, const S: usize, const N: usize>(s: [R; S]) -> [Dual<R, N>; S] {
    s.map(Dual::constant)
}

/// `sum_i g_i y_i'`, by the `n`-th variable.
#[inline(always)]
fn pull<R: Float, const S: usize, const N: usize>(g: [R; S], y: [Dual<R, N>; S], n: usize) -> R {
    let mut sum = g[0] * y[0].d[n];
    for i in 1..S {
        sum = sum + g[i] * y[i].d[n];
    }
    sum
}

#[inline(always)]
fn cells<
    R: Float,
    M: Neuron<S, P, K>,
    const S: usize,
    const P: usize,
    const K: usize,
    const OWN: bool,
    const PLAIN: bool,
>(
    b: &mut Backward<'_, R>,
) {
    for tile in 0..b.tiles {
        for sample in 0..b.samples {
            steps::<R, M, S, P, K, OWN, PLAIN>(b, (tile, sample));
        }
    }
}

/// `PLAIN` if the Jacobian of the flow depends on nothing that the tape holds, and no constant is trained: then the
/// state before a step is not looked at.
#[inline(always)]
fn steps<
    R: Float,
    M: Neuron<S, P, K>,
    const S: usize,
    const P: usize,
    const K: usize,
    const OWN: bool,
    const PLAIN: bool,
>(
    b: &mut Backward<'_, R>,
    (tile, sample): (usize, usize),
) {
    let own = if OWN {
        &b.constants[tile * K * TILE..][..K * TILE]
    } else {
        b.constants
    };
    let cell = (tile * b.samples + sample) * S * TILE;
    let before = if b.rules.before { R::ONE } else { R::ZERO };
    let keep = if b.detach { R::ZERO } else { R::ONE };
    let mut g: [Lane<R>; S] = load(b.carry, cell, TILE);
    let (mut dx, mut dw) = (Lane::zero(), Lane::zero());
    let (mut slope, mut out) = (Lane::zero(), Lane::zero());
    let (mut x, mut w) = (Lane::zero(), Lane::zero());
    let mut s = [Lane::zero(); S];
    let (tape, layout) = &mut b.tape;
    let base = layout.base(sample, tile);
    for t in b.steps.clone().rev() {
        let here = base + t * layout.step;
        sum(&b.output, (tile, sample), t, &mut out);

        let a: [Lane<R>; S] = load(tape, here, layout.column);
        for j in 0..TILE {
            slope[j] = M::gap(&constants::<R, K, OWN>(own, j), &at(&a, j));
        }
        let z = spikes(&b.rules, &slope);
        b.surrogate.derive(&mut slope[..]);

        if !PLAIN {
            if let Some([current, pulse]) = b.inputs {
                x.copy_from_slice(&tape[here + current * layout.column..][..TILE]);
                w.copy_from_slice(&tape[here + pulse * layout.column..][..TILE]);
            }
            // The state before this step: after the reset of the step before.
            s = if t == 0 {
                load(b.initial, tile * S * TILE, TILE)
            } else {
                load(tape, here - layout.step, layout.column)
            };
            if t > 0 {
                let mut gap = Lane::zero();
                for j in 0..TILE {
                    gap[j] = M::gap(&constants::<R, K, OWN>(own, j), &at(&s, j));
                }
                let z = spikes(&b.rules, &gap);
                for j in 0..TILE {
                    let k = constants::<R, K, OWN>(own, j);
                    let after = M::reset(&k, at(&s, j), z[j]);
                    for i in 0..S {
                        s[i][j] = after[i];
                    }
                }
            }
        }

        let adjoint = |g: &[Lane<R>; S], j: usize| Adjoint {
            after: at(g, j),
            z: if b.membrane { R::ZERO } else { out[j] },
            v: if b.membrane { out[j] } else { R::ZERO },
            slope: slope[j],
            keep,
        };
        if !PLAIN && let Some(dk) = &mut b.by_constants {
            for j in 0..TILE {
                let k = constants::<R, K, OWN>(own, j);
                by_constants::<R, M, S, P, K>(
                    &k,
                    Point {
                        s: at(&s, j),
                        x: x[j],
                        w: w[j],
                        before,
                        a: at(&a, j),
                        z: z[j],
                    },
                    adjoint(&g, j),
                    |i, d| dk[(tile * K + i) * TILE + j] += d,
                );
            }
        }

        for j in 0..TILE {
            let k = constants::<R, K, OWN>(own, j);
            let ga = before_reset::<R, M, S, P, K>(&k, at(&a, j), z[j], &adjoint(&g, j));
            let s = at(&s, j);
            let (x, w) = (x[j], w[j]);
            let fixed = Dual::constant(before);
            let moved = M::advance(&k, vary(s), Dual::constant(x), Dual::constant(w), fixed);
            for i in 0..S {
                g[i][j] = pull(ga, moved, i);
            }
            let by_input = |x, w| {
                let moved = M::advance(&k, fix(s), x, w, Dual::constant(before));
                pull::<R, S, 1>(ga, moved, 0)
            };
            dx[j] = by_input(Dual::variable(x, 0), Dual::constant(w));
            dw[j] = by_input(Dual::constant(x), Dual::variable(w, 0));
        }

        if let Some(c) = b.pulse_column {
            tape[here + c * layout.column..][..TILE].copy_from_slice(&dw[..]);
        }
        if let Some(c) = b.current_column {
            tape[here + c * layout.column..][..TILE].copy_from_slice(&dx[..]);
        }
    }
    store(&g, b.carry, cell, TILE);
}

/// Where a step is linearised.
struct Point<R, const S: usize> {
    s: [R; S],
    x: R,
    w: R,
    before: R,
    a: [R; S],
    z: R,
}

/// What comes down to a step.
struct Adjoint<R, const S: usize> {
    after: [R; S],
    z: R,
    v: R,
    slope: R,
    keep: R,
}

/// Error of the state before the reset: through the reset, the spike and the recorded membrane.
#[inline(always)]
fn before_reset<R: Float, M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize>(
    k: &[R; K],
    a: [R; S],
    z: R,
    g: &Adjoint<R, S>,
) -> [R; S] {
    let by_z = M::reset(k, fix(a), Dual::<R, 1>::variable(z, 0));
    let spike = (g.z + pull(g.after, by_z, 0) * g.keep) * g.slope;
    let by_a = M::reset(k, vary(a), Dual::constant(z));
    let gap = M::gap(k, &vary(a));
    let mut ga: [R; S] = std::array::from_fn(|i| pull(g.after, by_a, i) + spike * gap.d[i]);
    ga[0] = ga[0] + g.v;
    ga
}

/// Adds the gradient of one step by the model's constants.
#[inline(always)]
fn by_constants<R: Float, M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize>(
    k: &[R; K],
    p: Point<R, S>,
    g: Adjoint<R, S>,
    mut add: impl FnMut(usize, R),
) {
    let ga = before_reset::<R, M, S, P, K>(k, p.a, p.z, &g);
    let by_z = M::reset(k, fix(p.a), Dual::<R, 1>::variable(p.z, 0));
    let spike = (g.z + pull(g.after, by_z, 0) * g.keep) * g.slope;
    let vars: [Dual<R, K>; K] = std::array::from_fn(|i| Dual::variable(k[i], i));
    let c = Dual::<R, K>::constant;
    let moved = M::advance(&vars, p.s.map(c), c(p.x), c(p.w), c(p.before));
    let gap = M::gap(&vars, &p.a.map(c));
    let after = M::reset(&vars, p.a.map(c), c(p.z));
    for i in 0..K {
        add(
            i,
            pull(ga, moved, i) + pull(g.after, after, i) + spike * gap.d[i],
        );
    }
}
