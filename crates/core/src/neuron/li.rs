//! The leaky integrator: a readout that never spikes.

use super::spec::{V, positive, real, tau};
use super::{Convention, Curve, Gain, Neuron, Output, Reset, Spec, decay};
use crate::num::{Over, Real};

/// Leaky integrator: `tau_mem v' = v_leak - v + r x`; hands on its membrane potential.
///
/// # References
/// `gerstner2014`
#[derive(Debug)]
pub struct Li;

impl Neuron<1, 3, 3> for Li {
    const SPEC: Spec = Spec {
        name: "li",
        title: "leaky integrator",
        equations: "tau_mem v' = v_leak - v + r x;  v += w on arrival",
        states: &[V],
        params: &[
            tau("tau_mem", "τ_m", 20e-3),
            positive("r", "R", "Ohm", 1.0),
            real("v_leak", "E_L", "V", 0.0),
        ],
        nir: Some("LI"),
        order: None,
        output: Output::Membrane,
        reference: "gerstner2014",
    };
    const AFFINE: bool = true;

    fn discretise<C: Real>(p: &[C; 3], convention: &Convention, _: Reset, h: C) -> [C; 3] {
        let [tau_mem, r, v_leak] = *p;
        let b = decay(tau_mem, h, convention.decay);
        let relax = C::c(1.0) - b;
        let gain = match convention.gain {
            Gain::Scaled => r * relax,
            Gain::Unscaled => C::c(1.0),
        };
        [b, gain, v_leak * relax]
    }

    #[inline(always)]
    fn flow<C: Real, R: Over<C>>(&[b, gain, leak]: &[C; 3], [v]: [R; 1], x: R) -> [R; 1] {
        [v * b + x * gain + leak]
    }

    #[inline(always)]
    fn jump<C: Real, R: Over<C>>(_: &[C; 3], [v]: [R; 1], w: R) -> [R; 1] {
        [v + w]
    }

    #[inline(always)]
    fn gap<C: Real, R: Over<C>>(_: &[C; 3], _: &[R; 1]) -> R {
        R::lift(C::c(-1.0))
    }

    #[inline(always)]
    fn reset<C: Real, R: Over<C>>(_: &[C; 3], s: [R; 1], _: R) -> [R; 1] {
        s
    }

    fn rest(p: &[f64; 3]) -> [f64; 1] {
        [p[2]]
    }

    fn course(&[tau_mem, r, v_leak]: &[f64; 3], &[v]: &[f64; 1], x: f64) -> Option<Curve> {
        let end = v_leak + r * x;
        Some(Curve {
            level: end,
            a: v - end,
            alpha: 1.0 / tau_mem,
            ..Curve::default()
        })
    }
}
