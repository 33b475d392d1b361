//! Units without time: what an artificial network computes, as a neuron that forgets its state in every step.

use super::spec::{LEVELS, V, positive};
use super::{Convention, Neuron, Output, Reset, Spec};
use crate::num::{Over, Real};

/// Rectified linear unit: `v = max(x + w, 0)`, of what reaches it in this step alone; hands on `v`.
///
/// A network of such units in one step is an artificial neural network. The derivative at 0 is 0.
///
/// # References
/// `nair2010`
#[derive(Debug)]
pub struct Relu;

impl Neuron<1, 0, 0> for Relu {
    const SPEC: Spec = Spec {
        name: "relu",
        title: "rectified linear unit",
        equations: "v = max(x + w, 0) in every step",
        states: &[V],
        params: &[],
        nir: None,
        order: None,
        output: Output::Membrane,
        reference: "nair2010",
    };
    const AFFINE: bool = false;

    fn discretise<C: Real>(_: &[C; 0], _: &Convention, _: Reset, _: C) -> [C; 0] {
        []
    }

    #[inline(always)]
    fn flow<C: Real, R: Over<C>>(_: &[C; 0], _: [R; 1], x: R) -> [R; 1] {
        [positive_part(x)]
    }

    #[inline(always)]
    fn jump<C: Real, R: Over<C>>(_: &[C; 0], [v]: [R; 1], w: R) -> [R; 1] {
        [positive_part(v + w)]
    }

    #[inline(always)]
    fn advance<C: Real, R: Over<C>>(_: &[C; 0], _: [R; 1], x: R, w: R, _: R) -> [R; 1] {
        [positive_part(x + w)]
    }

    #[inline(always)]
    fn gap<C: Real, R: Over<C>>(_: &[C; 0], _: &[R; 1]) -> R {
        R::lift(C::c(-1.0))
    }

    #[inline(always)]
    fn reset<C: Real, R: Over<C>>(_: &[C; 0], s: [R; 1], _: R) -> [R; 1] {
        s
    }

    fn rest(_: &[f64; 0]) -> [f64; 1] {
        [0.0]
    }
}

/// Unit of quantisation, clip, floor and shift: what an integrate-and-fire neuron of threshold `ceiling` that starts at half of it
/// hands on in `levels` steps of the same input.
///
/// # Equations
/// `v = ceiling / levels * floor(levels * clip((x + w) / ceiling, 0, 1) + 1/2)`; the floor has the derivative of the identity, the
/// clip its own (`bu2022`, as in the authors' code).
///
/// # References
/// `bu2022`
#[derive(Debug)]
pub struct Qcfs;

impl Neuron<1, 2, 2> for Qcfs {
    const SPEC: Spec = Spec {
        name: "qcfs",
        title: "unit of quantisation, clip, floor and shift",
        equations: "v = ceiling / levels * floor(levels * clip((x + w) / ceiling, 0, 1) + 1/2) in every step",
        states: &[V],
        params: &[
            positive("ceiling", "λ", "V", 8.0),
            positive(LEVELS, "L", "1", 4.0),
        ],
        nir: None,
        order: None,
        output: Output::Membrane,
        reference: "bu2022",
    };
    const AFFINE: bool = false;

    fn discretise<C: Real>(p: &[C; 2], _: &Convention, _: Reset, _: C) -> [C; 2] {
        *p
    }

    #[inline(always)]
    fn flow<C: Real, R: Over<C>>(k: &[C; 2], _: [R; 1], x: R) -> [R; 1] {
        [quantised(k, x)]
    }

    #[inline(always)]
    fn jump<C: Real, R: Over<C>>(k: &[C; 2], [v]: [R; 1], w: R) -> [R; 1] {
        [quantised(k, v + w)]
    }

    #[inline(always)]
    fn advance<C: Real, R: Over<C>>(k: &[C; 2], _: [R; 1], x: R, w: R, _: R) -> [R; 1] {
        [quantised(k, x + w)]
    }

    #[inline(always)]
    fn gap<C: Real, R: Over<C>>(_: &[C; 2], _: &[R; 1]) -> R {
        R::lift(C::c(-1.0))
    }

    #[inline(always)]
    fn reset<C: Real, R: Over<C>>(_: &[C; 2], s: [R; 1], _: R) -> [R; 1] {
        s
    }

    fn rest(_: &[f64; 2]) -> [f64; 1] {
        [0.0]
    }
}

#[inline(always)]
fn positive_part<C: Real, R: Over<C>>(x: R) -> R {
    let zero = R::lift(C::c(0.0));
    R::select(zero.below(x), x, zero)
}

#[inline(always)]
fn quantised<C: Real, R: Over<C>>(&[ceiling, levels]: &[C; 2], x: R) -> R {
    let (zero, one) = (R::lift(C::c(0.0)), R::lift(C::c(1.0)));
    let share = x / R::lift(ceiling);
    let share = R::select(zero.below(share), share, zero);
    let share = R::select(share.below(one), share, one);
    (share * levels + C::c(0.5)).floor() / R::lift(levels) * ceiling
}
