//! One tile of neurons over some steps, forward and backward: the inner loops of the clock-driven engine.
//!
//! Every model runs through these two functions; they are generic over the model and inlined under the widest
//! vector instructions of the processor. Arrays of [`TILE`] lanes stay in registers or the first cache.

use super::TILE;
use crate::neuron::Neuron;
use crate::num::{Dual, Float};
use crate::surrogate::Surrogate;

/// One value for each neuron of a tile.
pub(crate) type Lane<R> = [R; TILE];

/// Whether a value reaches the flow as a current or the state as a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// The current `x` of the flow.
    Current,
    /// The weight `w` of the jump.
    Pulse,
}

/// What arrives at a tile.
#[derive(Clone, Copy)]
pub(crate) struct Term<'a, R> {
    pub port: Port,
    pub source: Source<'a, R>,
}

/// Where a [`Term`] comes from.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a, R> {
    /// Rows of the weights `[inputs][TILE]` of the inputs that fired in row `first + t`.
    Rows {
        offsets: &'a [u32],
        index: &'a [u32],
        values: Option<&'a [R]>,
        first: usize,
        weights: &'a [R],
    },
    /// The same current in every step.
    Constant(&'a [R]),
}

/// Neurons of one tile, forward.
pub struct Forward<'a, R> {
    /// `[K]`, or `[K][TILE]` if parameters differ between neurons.
    pub(crate) constants: &'a [R],
    pub(crate) rules: Rules,
    pub(crate) terms: &'a [Term<'a, R>],
    /// First step, counted as the terms count.
    pub(crate) first: usize,
    pub(crate) steps: usize,
    /// `[S][TILE]`
    pub(crate) state: &'a mut [R],
    /// `[steps][width][TILE]`: the state before the reset, then what a non-affine Jacobian needs.
    pub(crate) tape: Option<&'a mut [R]>,
    pub(crate) width: usize,
    /// A bit for each neuron that fired, `[steps]`.
    pub(crate) fired: &'a mut [u64],
    /// The membrane before the reset, `[steps][stride]`.
    pub(crate) membrane: Option<(&'a mut [R], usize)>,
    /// The smooth spikes, `[steps][stride]`, if spikes are smooth.
    pub(crate) graded: Option<(&'a mut [R], usize)>,
}

/// What holds for a whole population.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether pulses arrive before the flow.
    pub before: bool,
    /// Whether a neuron at threshold fires.
    pub at_threshold: bool,
    /// Replaces the step by the surrogate's integral, to check gradients.
    pub smooth: Option<Surrogate>,
}

impl Rules {
    #[inline(always)]
    fn spike<R: Float>(&self, gap: R) -> R {
        if let Some(s) = &self.smooth {
            return R::of(s.smooth(gap.value()));
        }
        let fires = gap > R::ZERO || (self.at_threshold && gap == R::ZERO);
        if fires { R::ONE } else { R::ZERO }
    }
}

/// Adds the rows of the weights that `index` names to `acc`.
#[inline(always)]
pub(crate) fn add_rows<R: Float>(
    acc: &mut Lane<R>,
    weights: &[R],
    index: &[u32],
    values: Option<&[R]>,
) {
    match values {
        None => {
            for &i in index {
                let row = &weights[i as usize * TILE..][..TILE];
                for j in 0..TILE {
                    acc[j] += row[j];
                }
            }
        }
        Some(values) => {
            for (&i, &v) in index.iter().zip(values) {
                let row = &weights[i as usize * TILE..][..TILE];
                for j in 0..TILE {
                    acc[j] += row[j] * v;
                }
            }
        }
    }
}

impl<R: Float> Term<'_, R> {
    #[inline(always)]
    fn add(&self, t: usize, acc: &mut Lane<R>) {
        let data = match self.source {
            Source::Rows {
                offsets,
                index,
                values,
                first,
                weights,
            } => {
                let (lo, hi) = (offsets[first + t] as usize, offsets[first + t + 1] as usize);
                return add_rows(acc, weights, &index[lo..hi], values.map(|v| &v[lo..hi]));
            }
            Source::Constant(data) => &data[..TILE],
        };
        for j in 0..TILE {
            acc[j] += data[j];
        }
    }
}

#[inline(always)]
fn load<R: Float, const N: usize>(data: &[R]) -> [Lane<R>; N] {
    std::array::from_fn(|i| std::array::from_fn(|j| data[..N * TILE][i * TILE + j]))
}

#[inline(always)]
fn store<R: Float, const N: usize>(lanes: &[Lane<R>; N], data: &mut [R]) {
    for (lane, out) in lanes.iter().zip(data.chunks_exact_mut(TILE)) {
        out.copy_from_slice(lane);
    }
}

#[inline(always)]
fn at<R: Copy, const N: usize>(lanes: &[Lane<R>; N], j: usize) -> [R; N] {
    std::array::from_fn(|i| lanes[i][j])
}

/// The constants of neuron `j`: shared, or its own.
#[inline(always)]
fn constants<R: Float, const K: usize, const OWN: bool>(k: &[R], j: usize) -> [R; K] {
    std::array::from_fn(|i| {
        if OWN {
            k[..K * TILE][i * TILE + j]
        } else {
            k[..K][i]
        }
    })
}

#[inline(always)]
pub(crate) fn forward<
    R: Float,
    M: Neuron<S, P, K>,
    const S: usize,
    const P: usize,
    const K: usize,
>(
    f: &mut Forward<'_, R>,
) {
    if f.constants.len() == K {
        forward_steps::<R, M, S, P, K, false>(f);
    } else {
        forward_steps::<R, M, S, P, K, true>(f);
    }
}

#[inline(always)]
fn forward_steps<
    R: Float,
    M: Neuron<S, P, K>,
    const S: usize,
    const P: usize,
    const K: usize,
    const OWN: bool,
>(
    f: &mut Forward<'_, R>,
) {
    let before = if f.rules.before { R::ONE } else { R::ZERO };
    let at = |lanes: &[Lane<R>; S], j| at(lanes, j);
    let mut s: [Lane<R>; S] = load(f.state);
    let mut a = s;
    let mut z = [R::ZERO; TILE];
    for step in 0..f.steps {
        let (mut x, mut w) = ([R::ZERO; TILE], [R::ZERO; TILE]);
        for term in f.terms {
            term.add(
                f.first + step,
                if term.port == Port::Current {
                    &mut x
                } else {
                    &mut w
                },
            );
        }
        for j in 0..TILE {
            let k = constants::<R, K, OWN>(f.constants, j);
            let moved = M::advance(&k, at(&s, j), x[j], w[j], before);
            for i in 0..S {
                a[i][j] = moved[i];
            }
            z[j] = M::gap(&k, &moved);
        }
        if f.rules.smooth.is_some() {
            z.iter_mut().for_each(|z| *z = f.rules.spike(*z));
        } else {
            let ge = f.rules.at_threshold;
            for z in &mut z {
                let fires = if ge { *z >= R::ZERO } else { *z > R::ZERO };
                *z = if fires { R::ONE } else { R::ZERO };
            }
            f.fired[step] = pack(&z);
        }
        for j in 0..TILE {
            let k = constants::<R, K, OWN>(f.constants, j);
            let after = M::reset(&k, at(&a, j), z[j]);
            for i in 0..S {
                s[i][j] = after[i];
            }
        }
        if let Some(tape) = &mut f.tape {
            let row = &mut tape[step * f.width * TILE..][..f.width * TILE];
            store(&a, row);
            if !M::AFFINE {
                row[S * TILE..][..TILE].copy_from_slice(&x);
                if let Some(pulse) = row.get_mut((S + 1) * TILE..(S + 2) * TILE) {
                    pulse.copy_from_slice(&w);
                }
            }
        }
        if let Some((out, stride)) = &mut f.membrane {
            out[step * *stride..][..TILE].copy_from_slice(&a[0]);
        }
        if let Some((out, stride)) = &mut f.graded {
            out[step * *stride..][..TILE].copy_from_slice(&z);
        }
    }
    store(&s, f.state);
}

/// A bit for each lane that is not zero.
#[inline(always)]
fn pack<R: Float>(z: &Lane<R>) -> u64 {
    let mut any = R::ZERO;
    for &z in z {
        any += z;
    }
    if any == R::ZERO {
        return 0;
    }
    let mut bits = 0;
    for (j, &z) in z.iter().enumerate() {
        bits |= u64::from(z != R::ZERO) << j;
    }
    bits
}

/// An error that comes down to a tile.
#[derive(Clone, Copy)]
pub(crate) enum Incoming<'a, R> {
    /// None.
    Zero,
    /// The same in every step: `[TILE]`.
    Constant(&'a [R]),
    /// One for each step: `data[offset + t * stride ..][.. TILE]`.
    Each {
        data: &'a [R],
        offset: usize,
        stride: usize,
    },
}

impl<R: Float> Incoming<'_, R> {
    #[inline(always)]
    fn add(&self, t: usize, acc: &mut Lane<R>) {
        let data = match *self {
            Incoming::Zero => return,
            Incoming::Constant(data) => &data[..TILE],
            Incoming::Each {
                data,
                offset,
                stride,
            } => &data[offset + t * stride..][..TILE],
        };
        for j in 0..TILE {
            acc[j] += data[j];
        }
    }
}

/// Neurons of one tile, backward: overwrites the tape with the errors of what arrived.
pub struct Backward<'a, R> {
    pub(crate) constants: &'a [R],
    pub(crate) rules: Rules,
    pub(crate) surrogate: Surrogate,
    /// Whether no error flows through the reset.
    pub(crate) detach: bool,
    /// The steps `first .. first + steps` of the tape, last one first.
    pub(crate) first: usize,
    pub(crate) steps: usize,
    /// The state before step 0 of the tape, `[S][TILE]`.
    pub(crate) initial: &'a [R],
    /// Error of the state after the last step on entry, before the first on return, `[S][TILE]`.
    pub(crate) carry: &'a mut [R],
    /// The tape of [`Forward`] from step 0; errors of pulses and currents are left in their columns.
    pub(crate) tape: &'a mut [R],
    pub(crate) width: usize,
    pub(crate) pulse_column: Option<usize>,
    pub(crate) current_column: Option<usize>,
    /// Errors of the spikes.
    pub(crate) spikes: [Incoming<'a, R>; 2],
    /// Error of the membrane before the reset.
    pub(crate) membrane: Incoming<'a, R>,
    /// Gradient by the constants, `[K][TILE]`, added to.
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
    if b.constants.len() == K {
        backward_steps::<R, M, S, P, K, false>(b);
    } else {
        backward_steps::<R, M, S, P, K, true>(b);
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
fn backward_steps<
    R: Float,
    M: Neuron<S, P, K>,
    const S: usize,
    const P: usize,
    const K: usize,
    const OWN: bool,
>(
    b: &mut Backward<'_, R>,
) {
    let before = if b.rules.before { R::ONE } else { R::ZERO };
    let keep = if b.detach { R::ZERO } else { R::ONE };
    let mut g: [Lane<R>; S] = load(b.carry);
    let mut slope = [R::ZERO; TILE];
    let mut z = [R::ZERO; TILE];
    let (mut dx, mut dw) = ([R::ZERO; TILE], [R::ZERO; TILE]);
    for t in (b.first..b.first + b.steps).rev() {
        let row = &b.tape[t * b.width * TILE..][..b.width * TILE];
        let a: [Lane<R>; S] = load(row);
        let mut gz = [R::ZERO; TILE];
        b.spikes.iter().for_each(|e| e.add(t, &mut gz));
        let mut gv = [R::ZERO; TILE];
        b.membrane.add(t, &mut gv);

        for j in 0..TILE {
            slope[j] = M::gap(&constants::<R, K, OWN>(b.constants, j), &at(&a, j));
            z[j] = b.rules.hard(slope[j]);
        }
        if b.rules.smooth.is_some() {
            for j in 0..TILE {
                z[j] = b.rules.spike(slope[j]);
            }
        }
        b.surrogate.derive(&mut slope);

        // The state before this step: after the reset of the step before.
        let (mut x, mut w) = ([R::ZERO; TILE], [R::ZERO; TILE]);
        if !M::AFFINE {
            x.copy_from_slice(&row[S * TILE..][..TILE]);
            if let Some(pulse) = row.get((S + 1) * TILE..(S + 2) * TILE) {
                w.copy_from_slice(pulse);
            }
        }
        let mut s: [Lane<R>; S] = load(if t == 0 {
            b.initial
        } else {
            &b.tape[(t - 1) * b.width * TILE..]
        });
        if t > 0 && !(M::AFFINE && b.by_constants.is_none()) {
            for j in 0..TILE {
                let k = constants::<R, K, OWN>(b.constants, j);
                let a = at(&s, j);
                let gap = M::gap(&k, &a);
                let z = if b.rules.smooth.is_some() {
                    b.rules.spike(gap)
                } else {
                    b.rules.hard(gap)
                };
                let after = M::reset(&k, a, z);
                for i in 0..S {
                    s[i][j] = after[i];
                }
            }
        }

        if let Some(dk) = &mut b.by_constants {
            for j in 0..TILE {
                let k = constants::<R, K, OWN>(b.constants, j);
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
                    Adjoint {
                        after: at(&g, j),
                        z: gz[j],
                        v: gv[j],
                        slope: slope[j],
                        keep,
                    },
                    |i, d| dk[i * TILE + j] += d,
                );
            }
        }

        for j in 0..TILE {
            let k = constants::<R, K, OWN>(b.constants, j);
            let adjoint = Adjoint {
                after: at(&g, j),
                z: gz[j],
                v: gv[j],
                slope: slope[j],
                keep,
            };
            let ga = before_reset::<R, M, S, P, K>(&k, at(&a, j), z[j], &adjoint);
            let s = at(&s, j);
            let moved = M::advance(
                &k,
                vary(s),
                Dual::constant(x[j]),
                Dual::constant(w[j]),
                Dual::constant(before),
            );
            for i in 0..S {
                g[i][j] = pull(ga, moved, i);
            }
            let one = |v, on: bool| {
                if on {
                    Dual::<R, 1>::variable(v, 0)
                } else {
                    Dual::constant(v)
                }
            };
            let by_x = M::advance(
                &k,
                fix(s),
                one(x[j], true),
                one(w[j], false),
                Dual::constant(before),
            );
            let by_w = M::advance(
                &k,
                fix(s),
                one(x[j], false),
                one(w[j], true),
                Dual::constant(before),
            );
            dx[j] = pull(ga, by_x, 0);
            dw[j] = pull(ga, by_w, 0);
        }

        let row = &mut b.tape[t * b.width * TILE..][..b.width * TILE];
        if let Some(c) = b.pulse_column {
            row[c * TILE..][..TILE].copy_from_slice(&dw);
        }
        if let Some(c) = b.current_column {
            row[c * TILE..][..TILE].copy_from_slice(&dx);
        }
    }
    store(&g, b.carry);
}

impl Rules {
    #[inline(always)]
    fn hard<R: Float>(&self, gap: R) -> R {
        let fires = if self.at_threshold {
            gap >= R::ZERO
        } else {
            gap > R::ZERO
        };
        if fires { R::ONE } else { R::ZERO }
    }
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
