//! The leaky integrate-and-fire neuron with an adaptive threshold.

use super::spec::{StateVar, T_REF, V, positive, real, tau};
use super::{
    Convention, Curve, Gain, Neuron, Output, Reset, Spec, decay, larger, reset_constants,
    reset_membrane,
};
use crate::num::{Over, Real};

/// Adaptive LIF: a LIF whose threshold is `v_threshold + beta a`, with `tau_adapt a' = -a` and `a += 1` at a spike.
///
/// # References
/// `bellec2020`
#[derive(Debug)]
pub struct Alif;

impl Neuron<2, 8, 8> for Alif {
    const SPEC: Spec = Spec {
        name: "alif",
        title: "adaptive-threshold leaky integrate-and-fire",
        equations: "tau_mem v' = v_leak - v + r x;  tau_adapt a' = -a;  v += w on arrival;  spike: v > v_threshold + beta a, then a += 1",
        states: &[
            V,
            StateVar {
                name: "a",
                unit: "1",
            },
        ],
        params: &[
            tau("tau_mem", "τ_m", 20e-3),
            tau("tau_adapt", "τ_a", 200e-3),
            real("beta", "β", "V", 0.1),
            positive("r", "R", "Ohm", 1.0),
            real("v_leak", "E_L", "V", 0.0),
            real("v_threshold", "ϑ", "V", 1.0),
            real("v_reset", "V_r", "V", 0.0),
            T_REF,
        ],
        nir: None,
        order: None,
        output: Output::Spikes,
        reference: "bellec2020",
    };
    const AFFINE: bool = true;

    fn discretise<C: Real>(p: &[C; 8], convention: &Convention, reset: Reset, h: C) -> [C; 8] {
        let [tau_mem, tau_adapt, beta, r, v_leak, v_threshold, v_reset, _] = *p;
        let b = decay(tau_mem, h, convention.decay);
        let relax = C::c(1.0) - b;
        let gain = match convention.gain {
            Gain::Scaled => r * relax,
            Gain::Unscaled => C::c(1.0),
        };
        let [m, c] = reset_constants(reset, v_reset, v_threshold);
        [
            b,
            decay(tau_adapt, h, convention.decay),
            gain,
            v_leak * relax,
            beta,
            v_threshold,
            m,
            c,
        ]
    }

    #[inline(always)]
    fn flow<C: Real, R: Over<C>>(
        &[b, rho, gain, leak, ..]: &[C; 8],
        [v, a]: [R; 2],
        x: R,
    ) -> [R; 2] {
        [v * b + x * gain + leak, a * rho]
    }

    #[inline(always)]
    fn jump<C: Real, R: Over<C>>(_: &[C; 8], [v, a]: [R; 2], w: R) -> [R; 2] {
        [v + w, a]
    }

    #[inline(always)]
    fn gap<C: Real, R: Over<C>>(&[.., beta, v_threshold, _, _]: &[C; 8], &[v, a]: &[R; 2]) -> R {
        v - a * beta - v_threshold
    }

    #[inline(always)]
    fn reset<C: Real, R: Over<C>>(&[.., m, c]: &[C; 8], [v, a]: [R; 2], z: R) -> [R; 2] {
        [reset_membrane(v, z, [m, c]), a + z]
    }

    fn rest(p: &[f64; 8]) -> [f64; 2] {
        [p[4], 0.0]
    }

    #[inline(always)]
    fn curve(p: &[f64; 8], &[v, a]: &[f64; 2], x: f64) -> Option<Curve> {
        let [tau_mem, tau_adapt, beta, r, v_leak, v_threshold, ..] = *p;
        let end = v_leak + r * x;
        Some(Curve::two(
            end - v_threshold,
            [v - end, 1.0 / tau_mem],
            [-beta * a, 1.0 / tau_adapt],
        ))
    }

    #[inline(always)]
    fn reach<C: Real, R: Over<C>>(k: &[C; 8], s: [R; 2], x: R) -> R {
        // The membrane at its highest over the threshold at its lowest.
        let [v, a] = Self::flow(k, s, x);
        Self::gap(k, &[larger(s[0], v), R::select(a.below(s[1]), a, s[1])])
    }
}
