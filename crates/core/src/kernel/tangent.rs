//! A tile of neurons in one step as a linear map, by dual numbers: what eligibility traces are carried forward with.

use super::{Lane, Rules, TILE, View, at, constants, load, spikes, store};
use crate::neuron::Neuron;
use crate::num::{Dual, Float};
use crate::surrogate::Surrogate;

/// One step of a tile of neurons, linearised.
///
/// With the derivative `eps` of the state by a weight, and `z` what the weight multiplies,
/// `e = u eps + ub z` is the derivative of the spike, and `P eps + Pb z` that of the state after the step. The membrane's
/// reset is a constant, if resets are detached; what else a spike does to the state, as to adapt it, is differentiated.
pub struct Tangent<'a, R> {
    /// `[K]`, or `[tile][K][TILE]` if parameters differ between neurons.
    pub(crate) constants: &'a [R],
    pub(crate) rules: Rules,
    pub(crate) surrogate: Surrogate,
    /// Whether the membrane's reset is not differentiated.
    pub(crate) detach: bool,
    /// Whether the reset acts in the step after the spike: the last state is then the spike of the step before.
    pub(crate) late: bool,
    /// Tile, sample and step of the tape of [`super::Forward`].
    pub(crate) place: (usize, usize, usize),
    pub(crate) tape: View<'a, R>,
    /// Columns of the tape that hold the current and the pulse, if it does.
    pub(crate) inputs: Option<[usize; 2]>,
    /// The state before the step on entry, after it on return, `[S][TILE]`.
    pub(crate) state: &'a mut [R],
    /// Rows of `TILE`: `u` (S), `P` (S x S), and `ub` (1) and `Pb` (S) of a current, then of a pulse.
    pub(crate) out: &'a mut [R],
}

/// Rows that [`Tangent::out`] has for a model of so many states.
pub(crate) const fn tangent_rows(states: usize) -> usize {
    states + states * states + 2 * (1 + states)
}

#[inline(always)]
pub(crate) fn tangent<
    R: Float,
    M: Neuron<S, P, K>,
    const S: usize,
    const P: usize,
    const K: usize,
>(
    f: &mut Tangent<'_, R>,
) {
    if f.constants.len() == K {
        lanes::<R, M, S, P, K, false>(f);
    } else {
        lanes::<R, M, S, P, K, true>(f);
    }
}

#[inline(always)]
fn lanes<
    R: Float,
    M: Neuron<S, P, K>,
    const S: usize,
    const P: usize,
    const K: usize,
    const OWN: bool,
>(
    f: &mut Tangent<'_, R>,
) {
    let (tile, sample, step) = f.place;
    let own = if OWN {
        &f.constants[tile * K * TILE..][..K * TILE]
    } else {
        f.constants
    };
    let before = Dual::constant(if f.rules.before { R::ONE } else { R::ZERO });
    let here = f.tape.at(sample, step, tile);
    let column = f.tape.layout.column;
    let mut s: [Lane<R>; S] = load(f.state, 0, TILE);
    let a: [Lane<R>; S] = load(f.tape.data, here, column);
    let (mut x, mut w) = (Lane::zero(), Lane::zero());
    if let Some([current, pulse]) = f.inputs {
        x.copy_from_slice(&f.tape.data[here + current * column..][..TILE]);
        w.copy_from_slice(&f.tape.data[here + pulse * column..][..TILE]);
    }
    let mut psi = Lane::zero();
    for j in 0..TILE {
        psi[j] = M::gap(&constants::<R, K, OWN>(own, j), &at(&a, j));
    }
    let z = spikes(&f.rules, &psi);
    f.surrogate.derive(&mut psi[..]);
    let out = &mut f.out[..tangent_rows(S) * TILE];
    for j in 0..TILE {
        let k = constants::<R, K, OWN>(own, j);
        let state: [R; S] = at(&s, j);
        let fix = |s: [R; S]| s.map(Dual::<R, 1>::constant);
        let by_state = M::advance(
            &k,
            std::array::from_fn(|i| Dual::<R, S>::variable(state[i], i)),
            Dual::constant(x[j]),
            Dual::constant(w[j]),
            Dual::constant(before.v),
        );
        let constant = |v| Dual::<R, 1>::constant(v);
        let variable = |v| Dual::<R, 1>::variable(v, 0);
        let by_x = M::advance(&k, fix(state), variable(x[j]), constant(w[j]), before);
        let by_w = M::advance(&k, fix(state), constant(x[j]), variable(w[j]), before);
        let after: [R; S] = at(&a, j);
        let varied: [Dual<R, S>; S] = std::array::from_fn(|i| Dual::variable(after[i], i));
        let gap = M::gap(&k, &varied);
        let by_after = M::reset(&k, varied, Dual::constant(z[j]));
        let by_z = M::reset(&k, fix(after), variable(z[j]));
        // The derivative of the spike by the state before the reset, and of the state after it.
        let q: [R; S] = std::array::from_fn(|i| psi[j] * gap.d[i]);
        let mut through = by_after.map(|a| a.d);
        for i in 0..S {
            let jump = if f.detach && i == 0 {
                R::ZERO
            } else {
                by_z[i].d[0]
            };
            for m in 0..S {
                through[i][m] += jump * q[m];
            }
        }
        let mut moved = by_state.map(|a| a.d);
        if f.late && f.detach {
            moved[0][S - 1] = R::ZERO;
        }
        let mut put = |row: usize, v: R| out[row * TILE + j] = v;
        for n in 0..S {
            let column = std::array::from_fn(|m| moved[m][n]);
            put(n, dot(q, column));
            for i in 0..S {
                put(S + i * S + n, dot(through[i], column));
            }
        }
        for (port, by) in [by_x, by_w].into_iter().enumerate() {
            let (row, by) = (S + S * S + port * (1 + S), by.map(|a| a.d[0]));
            put(row, dot(q, by));
            for i in 0..S {
                put(row + 1 + i, dot(through[i], by));
            }
        }
        let next = M::reset(&k, after, z[j]);
        for i in 0..S {
            s[i][j] = next[i];
        }
    }
    store(&s, f.state, 0, TILE);
}

#[inline(always)]
fn dot<R: Float, const S: usize>(a: [R; S], b: [R; S]) -> R {
    let mut sum = a[0] * b[0];
    for i in 1..S {
        sum += a[i] * b[i];
    }
    sum
}
