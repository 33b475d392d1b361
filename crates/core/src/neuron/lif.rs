//! The leaky integrate-and-fire neuron.

use super::spec::{T_REF, V, positive, real, tau};
use super::{
    Convention, Curve, Gain, Neuron, Output, Reset, Spec, decay, larger, reset_constants,
    reset_membrane,
};
use crate::num::{Over, Real};

/// Leaky integrate-and-fire: `tau_mem v' = v_leak - v + r x`; a spike of weight `w` adds `w` to `v`.
///
/// # References
/// `gerstner2014`
#[derive(Debug)]
pub struct Lif;

impl Neuron<1, 6, 6> for Lif {
    const SPEC: Spec = Spec {
        name: "lif",
        title: "leaky integrate-and-fire",
        equations: "tau_mem v' = v_leak - v + r x;  v += w on arrival;  spike: v > v_threshold",
        states: &[V],
        params: &[
            tau("tau_mem", "τ_m", 20e-3),
            positive("r", "R", "Ohm", 1.0),
            real("v_leak", "E_L", "V", 0.0),
            real("v_threshold", "ϑ", "V", 1.0),
            real("v_reset", "V_r", "V", 0.0),
            T_REF,
        ],
        nir: Some("LIF"),
        order: None,
        output: Output::Spikes,
        reference: "gerstner2014",
    };
    const AFFINE: bool = true;

    fn discretise<C: Real>(p: &[C; 6], convention: &Convention, reset: Reset, h: C) -> [C; 6] {
        let [tau_mem, r, v_leak, v_threshold, v_reset, _] = *p;
        let b = decay(tau_mem, h, convention.decay);
        let relax = C::c(1.0) - b;
        let gain = match convention.gain {
            Gain::Scaled => r * relax,
            Gain::Unscaled => C::c(1.0),
        };
        let [m, c] = reset_constants(reset, v_reset, v_threshold);
        [b, gain, v_leak * relax, v_threshold, m, c]
    }

    #[inline(always)]
    fn flow<C: Real, R: Over<C>>(&[b, gain, leak, ..]: &[C; 6], [v]: [R; 1], x: R) -> [R; 1] {
        [v * b + x * gain + leak]
    }

    #[inline(always)]
    fn jump<C: Real, R: Over<C>>(_: &[C; 6], [v]: [R; 1], w: R) -> [R; 1] {
        [v + w]
    }

    #[inline(always)]
    fn gap<C: Real, R: Over<C>>(&[.., v_threshold, _, _]: &[C; 6], &[v]: &[R; 1]) -> R {
        v - v_threshold
    }

    #[inline(always)]
    fn reset<C: Real, R: Over<C>>(&[.., m, c]: &[C; 6], [v]: [R; 1], z: R) -> [R; 1] {
        [reset_membrane(v, z, [m, c])]
    }

    fn rest(p: &[f64; 6]) -> [f64; 1] {
        [p[2]]
    }

    #[inline(always)]
    fn curve(
        &[tau_mem, r, v_leak, v_threshold, ..]: &[f64; 6],
        &[v]: &[f64; 1],
        x: f64,
    ) -> Option<Curve> {
        let end = v_leak + r * x;
        Some(Curve {
            level: end - v_threshold,
            a: v - end,
            alpha: 1.0 / tau_mem,
            ..Curve::default()
        })
    }

    #[inline(always)]
    fn reach<C: Real, R: Over<C>>(k: &[C; 6], s: [R; 1], x: R) -> R {
        // Between start and end the membrane does not turn.
        larger(Self::gap(k, &s), Self::gap(k, &Self::flow(k, s, x)))
    }
}
