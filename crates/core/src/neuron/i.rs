//! The integrator: a readout that forgets nothing and never spikes.

use super::spec::{V, positive};
use super::{Convention, Curve, Gain, Neuron, Output, Reset, Spec};
use crate::num::{Over, Real};

/// Integrator: `v' = r x`; a spike of weight `w` adds `w` to `v`; hands on its membrane potential.
///
/// # References
/// `pedersen2024`
#[derive(Debug)]
pub struct I;

impl Neuron<1, 1, 1> for I {
    const SPEC: Spec = Spec {
        name: "i",
        title: "integrator",
        equations: "v' = r x;  v += w on arrival",
        states: &[V],
        params: &[positive("r", "R", "1/s", 1.0)],
        nir: Some("I"),
        order: None,
        output: Output::Membrane,
        reference: "pedersen2024",
    };
    const AFFINE: bool = true;

    fn discretise<C: Real>(&[r]: &[C; 1], convention: &Convention, _: Reset, h: C) -> [C; 1] {
        match convention.gain {
            Gain::Scaled => [r * h],
            Gain::Unscaled => [C::c(1.0)],
        }
    }

    #[inline(always)]
    fn flow<C: Real, R: Over<C>>(&[gain]: &[C; 1], [v]: [R; 1], x: R) -> [R; 1] {
        [v + x * gain]
    }

    #[inline(always)]
    fn jump<C: Real, R: Over<C>>(_: &[C; 1], [v]: [R; 1], w: R) -> [R; 1] {
        [v + w]
    }

    #[inline(always)]
    fn gap<C: Real, R: Over<C>>(_: &[C; 1], _: &[R; 1]) -> R {
        R::lift(C::c(-1.0))
    }

    #[inline(always)]
    fn reset<C: Real, R: Over<C>>(_: &[C; 1], s: [R; 1], _: R) -> [R; 1] {
        s
    }

    fn rest(_: &[f64; 1]) -> [f64; 1] {
        [0.0]
    }

    fn course(&[r]: &[f64; 1], &[v]: &[f64; 1], x: f64) -> Option<Curve> {
        Some(Curve {
            level: v,
            drift: r * x,
            ..Curve::default()
        })
    }
}
