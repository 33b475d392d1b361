//! Neurons: each model is one file that says flow, jump, gap and reset once, over any number type.
//!
//! The simulation runs a model at `f32`; training runs the same file at dual numbers and multiplies by the
//! transpose of the Jacobian. See [`Neuron`] for the trait and [`models`] for the list.

mod adex;
mod adlif;
mod alif;
mod convention;
mod cuba_if;
mod cuba_li;
mod cuba_lif;
mod curve;
mod i;
mod integrate;
mod izhikevich;
mod li;
mod lif;
mod registry;
mod spec;
mod unit;
mod wrap;

pub use adex::AdEx;
pub use adlif::AdLif;
pub use alif::Alif;
pub use convention::{Arrivals, Convention, Decay, Gain, Pulse, ResetTime, Threshold, Waiting};
pub use cuba_if::CubaIf;
pub use cuba_li::CubaLi;
pub use cuba_lif::CubaLif;
pub use curve::Curve;
pub use i::I;
pub use integrate::If;
pub use izhikevich::Izhikevich;
pub use li::Li;
pub use lif::Lif;
pub use registry::{Lanes, Model, model, models};
pub use spec::{Output, Param, Reset, Spec, StateVar};
pub use unit::{Qcfs, Relu};
pub use wrap::{NextStep, Refractory};

use crate::num::{Over, Real};

/// A neuron model with `S` states, `P` parameters and `K` constants of a step.
///
/// A step of the clock is [`advance`](Neuron::advance) (flow and jump), a spike where [`gap`](Neuron::gap) is
/// positive, and [`reset`](Neuron::reset). Functions are straight-line and pure: the only branch is
/// [`Over::select`].
pub trait Neuron<const S: usize, const P: usize, const K: usize>: Send + Sync + 'static {
    /// Names, units, defaults, ranges, sources.
    const SPEC: Spec;
    /// Whether `advance` is affine in state and input, so that its Jacobian depends on neither.
    const AFFINE: bool;

    /// The constants of a step of `h` seconds: the only place where a decay is exponentiated.
    fn discretise<C: Real>(p: &[C; P], convention: &Convention, reset: Reset, h: C) -> [C; K];

    /// The state after a step without spikes, under a current `x` held constant.
    fn flow<C: Real, R: Over<C>>(k: &[C; K], s: [R; S], x: R) -> [R; S];

    /// The state after spikes of total weight `w` arrived at once.
    fn jump<C: Real, R: Over<C>>(k: &[C; K], s: [R; S], w: R) -> [R; S];

    /// A spike when this crosses 0 upwards.
    fn gap<C: Real, R: Over<C>>(k: &[C; K], s: &[R; S]) -> R;

    /// The state after a spike (`z = 1`); the identity for `z = 0`.
    fn reset<C: Real, R: Over<C>>(k: &[C; K], s: [R; S], z: R) -> [R; S];

    /// The state at rest.
    fn rest(p: &[f64; P]) -> [f64; S];

    /// The gap `h` seconds after the state `s`, under a current `x` and without spikes, as a function of `h`; `None` where it
    /// has no such form.
    fn curve(_: &[f64; P], _: &[f64; S], _: f64) -> Option<Curve> {
        None
    }

    /// The membrane `h` seconds after the state `s`, under a current `x`, as a function of `h`, of a model that never fires.
    fn course(_: &[f64; P], _: &[f64; S], _: f64) -> Option<Curve> {
        None
    }

    /// No gap within a step from `s` is larger, under the constants of the step and without spikes.
    #[inline(always)]
    fn reach<C: Real, R: Over<C>>(_: &[C; K], _: [R; S], _: R) -> R {
        R::lift(C::c(f64::INFINITY))
    }

    /// Flow and jump in the order of the convention: of the weight `w`, the share `before` (0 or 1) arrives
    /// before the flow.
    #[inline(always)]
    fn advance<C: Real, R: Over<C>>(k: &[C; K], s: [R; S], x: R, w: R, before: R) -> [R; S] {
        let early = w * before;
        let s = Self::jump(k, s, early);
        let s = Self::flow(k, s, x);
        Self::jump(k, s, w - early)
    }
}

/// The larger of two numbers.
#[inline(always)]
fn larger<C, R: Over<C>>(a: R, b: R) -> R {
    R::select(a.below(b), b, a)
}

/// The decay of a state with time constant `tau` over a step.
#[inline(always)]
fn decay<C: Real>(tau: C, h: C, how: Decay) -> C {
    match how {
        Decay::Exact | Decay::ExponentialEuler => (-(h / tau)).exp(),
        Decay::Euler => C::c(1.0) - h / tau,
    }
}

/// `[m, c]` of the reset `v - z m v + z c`: to a value, by subtraction of the threshold, or none.
#[inline(always)]
fn reset_constants<C: Real>(reset: Reset, v_reset: C, v_threshold: C) -> [C; 2] {
    match reset {
        Reset::Value => [C::c(1.0), v_reset],
        Reset::Subtract => [C::c(0.0), -v_threshold],
        Reset::None => [C::c(0.0), C::c(0.0)],
    }
}

/// The membrane after a spike: exactly `v_reset`, `v - v_threshold` or `v` for `z = 1`, `v` for `z = 0`.
#[inline(always)]
fn reset_membrane<C: Real, R: Over<C>>(v: R, z: R, [m, c]: [C; 2]) -> R {
    v - v * z * m + z * c
}
