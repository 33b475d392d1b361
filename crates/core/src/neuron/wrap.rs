//! What any model can be given: a refractory period, and a reset that acts one step late.

use super::{
    AdEx, Alif, Convention, CubaIf, CubaLif, If, Izhikevich, Lif, Neuron, Reset, Spec, Waiting,
};
use crate::num::{Over, Real};
use std::marker::PhantomData;

/// A model with a refractory period: for `t_ref` after a spike it cannot fire, and the membrane stands still unless
/// [`Waiting::Free`] lets it move on.
///
/// Adds one state, the count of steps to wait, and two constants: what a spike sets it to, and whether the membrane stands
/// still. Other states flow on.
#[derive(Debug)]
pub struct Refractory<M>(PhantomData<M>);

/// A model whose reset acts in the step after the spike, when the state has flowed.
///
/// Adds one state, the spike of the step before.
#[derive(Debug)]
pub struct NextStep<M>(PhantomData<M>);

macro_rules! refractory {
    ($(($($generic:tt)*) $m:ty, $s:literal + 1 = $s1:literal, $p:literal, $k:literal + 2 = $k1:literal;)*) => {$(
        impl<$($generic)*> Neuron<$s1, $p, $k1> for Refractory<$m> {
            const SPEC: Spec = <$m as Neuron<$s, $p, $k>>::SPEC;
            const AFFINE: bool = false;

            fn discretise<C: Real>(p: &[C; $p], convention: &Convention, reset: Reset, h: C) -> [C; $k1] {
                let inner = <$m>::discretise(p, convention, reset, h);
                // One more than the steps to wait, because the count is lowered before it is looked at.
                let count = C::c((p[$p - 1].value() / h.value()).round() + 1.0);
                let held = C::c(f64::from(u8::from(convention.waiting == Waiting::Held)));
                std::array::from_fn(|i| match i {
                    _ if i < $k => inner[i],
                    $k => count,
                    _ => held,
                })
            }

            #[inline(always)]
            fn flow<C: Real, R: Over<C>>(k: &[C; $k1], s: [R; $s1], x: R) -> [R; $s1] {
                let (inner, left) = parts::<R, $s, $s1>(s);
                join::<R, $s, $s1>(<$m>::flow(head::<C, $k, $k1>(k), inner, x), left)
            }

            #[inline(always)]
            fn jump<C: Real, R: Over<C>>(k: &[C; $k1], s: [R; $s1], w: R) -> [R; $s1] {
                let (inner, left) = parts::<R, $s, $s1>(s);
                join::<R, $s, $s1>(<$m>::jump(head::<C, $k, $k1>(k), inner, w), left)
            }

            #[inline(always)]
            fn advance<C: Real, R: Over<C>>(k: &[C; $k1], s: [R; $s1], x: R, w: R, before: R) -> [R; $s1] {
                let (inner, left) = parts::<R, $s, $s1>(s);
                let left = R::select(waits::<C, R>(left), left - C::c(1.0), left);
                let mut next = <$m>::advance(head::<C, $k, $k1>(k), inner, x, w, before);
                let held = waits::<C, R>(R::lift(k[$k + 1])) & waits::<C, R>(left);
                next[0] = R::select(held, inner[0], next[0]);
                join::<R, $s, $s1>(next, left)
            }

            #[inline(always)]
            fn gap<C: Real, R: Over<C>>(k: &[C; $k1], s: &[R; $s1]) -> R {
                let (inner, left) = parts::<R, $s, $s1>(*s);
                let gap = <$m>::gap(head::<C, $k, $k1>(k), &inner);
                R::select(waits::<C, R>(left), R::lift(C::c(-1.0)), gap)
            }

            #[inline(always)]
            fn reset<C: Real, R: Over<C>>(k: &[C; $k1], s: [R; $s1], z: R) -> [R; $s1] {
                let (inner, left) = parts::<R, $s, $s1>(s);
                let fired = R::lift(C::c(0.5)).below(z);
                let next = <$m>::reset(head::<C, $k, $k1>(k), inner, z);
                join::<R, $s, $s1>(next, R::select(fired, R::lift(k[$k]), left))
            }

            fn rest(p: &[f64; $p]) -> [f64; $s1] {
                join::<f64, $s, $s1>(<$m>::rest(p), 0.0)
            }
        }
    )*};
}

macro_rules! next_step {
    ($(($($generic:tt)*) $m:ty, $s:literal + 1 = $s1:literal, $p:literal, $k:literal;)*) => {$(
        impl<$($generic)*> Neuron<$s1, $p, $k> for NextStep<$m> {
            const SPEC: Spec = <$m as Neuron<$s, $p, $k>>::SPEC;
            const AFFINE: bool = false;

            fn discretise<C: Real>(p: &[C; $p], convention: &Convention, reset: Reset, h: C) -> [C; $k] {
                <$m>::discretise(p, convention, reset, h)
            }

            #[inline(always)]
            fn flow<C: Real, R: Over<C>>(k: &[C; $k], s: [R; $s1], x: R) -> [R; $s1] {
                let (inner, z) = parts::<R, $s, $s1>(s);
                join::<R, $s, $s1>(<$m>::flow(k, inner, x), z)
            }

            #[inline(always)]
            fn jump<C: Real, R: Over<C>>(k: &[C; $k], s: [R; $s1], w: R) -> [R; $s1] {
                let (inner, z) = parts::<R, $s, $s1>(s);
                join::<R, $s, $s1>(<$m>::jump(k, inner, w), z)
            }

            #[inline(always)]
            fn advance<C: Real, R: Over<C>>(k: &[C; $k], s: [R; $s1], x: R, w: R, before: R) -> [R; $s1] {
                let (inner, z) = parts::<R, $s, $s1>(s);
                let moved = <$m>::advance(k, inner, x, w, before);
                join::<R, $s, $s1>(<$m>::reset(k, moved, z), R::lift(C::c(0.0)))
            }

            #[inline(always)]
            fn gap<C: Real, R: Over<C>>(k: &[C; $k], s: &[R; $s1]) -> R {
                <$m>::gap(k, &parts::<R, $s, $s1>(*s).0)
            }

            #[inline(always)]
            fn reset<C: Real, R: Over<C>>(_: &[C; $k], s: [R; $s1], z: R) -> [R; $s1] {
                join::<R, $s, $s1>(parts::<R, $s, $s1>(s).0, z)
            }

            fn rest(p: &[f64; $p]) -> [f64; $s1] {
                join::<f64, $s, $s1>(<$m>::rest(p), 0.0)
            }
        }
    )*};
}

/// Whether a count of steps has not run out, or a switch is on.
#[inline(always)]
fn waits<C: Real, R: Over<C>>(left: R) -> bool {
    R::lift(C::c(0.5)).below(left)
}

#[inline(always)]
fn parts<R: Copy, const S: usize, const S1: usize>(s: [R; S1]) -> ([R; S], R) {
    (std::array::from_fn(|i| s[i]), s[S])
}

#[inline(always)]
fn join<R: Copy, const S: usize, const S1: usize>(s: [R; S], last: R) -> [R; S1] {
    std::array::from_fn(|i| if i < S { s[i] } else { last })
}

#[inline(always)]
fn head<C, const K: usize, const K1: usize>(k: &[C; K1]) -> &[C; K] {
    const { assert!(K <= K1) };
    k.first_chunk()
        .expect("K <= K1 is checked when this is compiled")
}

refractory! {
    () If, 1 + 1 = 2, 5, 4 + 2 = 6;
    () Lif, 1 + 1 = 2, 6, 6 + 2 = 8;
    () CubaIf, 2 + 1 = 3, 5, 7 + 2 = 9;
    () CubaLif, 2 + 1 = 3, 7, 9 + 2 = 11;
    () Alif, 2 + 1 = 3, 8, 8 + 2 = 10;
    (const RK4: bool) AdEx<RK4>, 2 + 1 = 3, 11, 13 + 2 = 15;
    (const RK4: bool) Izhikevich<RK4>, 2 + 1 = 3, 6, 7 + 2 = 9;
}

next_step! {
    () If, 1 + 1 = 2, 5, 4;
    () Lif, 1 + 1 = 2, 6, 6;
    () CubaIf, 2 + 1 = 3, 5, 7;
    () CubaLif, 2 + 1 = 3, 7, 9;
    () Alif, 2 + 1 = 3, 8, 8;
    () Refractory<If>, 2 + 1 = 3, 5, 6;
    () Refractory<Lif>, 2 + 1 = 3, 6, 8;
    () Refractory<CubaIf>, 3 + 1 = 4, 5, 9;
    () Refractory<CubaLif>, 3 + 1 = 4, 7, 11;
    () Refractory<Alif>, 3 + 1 = 4, 8, 10;
}
