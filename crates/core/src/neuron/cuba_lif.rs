//! The leaky integrate-and-fire neuron with an exponential synaptic current.

use super::spec::{StateVar, T_REF, V, positive, real, tau};
use super::{
    Convention, Curve, Decay, Gain, Neuron, Output, Reset, Spec, decay, larger, reset_constants,
    reset_membrane,
};
use crate::num::{Over, Real};

/// Current-based LIF: `tau_syn i' = -i + x`, `tau_mem v' = v_leak - v + r i`; a spike adds `w` to `i`.
///
/// # Deviations
/// NIR's `CubaLIF` scales the input by `w_in`; here that factor belongs to the weights.
///
/// # References
/// `gerstner2014`
#[derive(Debug)]
pub struct CubaLif;

impl Neuron<2, 7, 9> for CubaLif {
    const SPEC: Spec = Spec {
        name: "cuba_lif",
        title: "leaky integrate-and-fire with exponential synapse",
        equations: "tau_syn i' = -i + x;  tau_mem v' = v_leak - v + r i;  i += w on arrival;  spike: v > v_threshold",
        states: &[
            V,
            StateVar {
                name: "i",
                unit: "A",
            },
        ],
        params: &[
            tau("tau_mem", "τ_m", 20e-3),
            tau("tau_syn", "τ_s", 5e-3),
            positive("r", "R", "Ohm", 1.0),
            real("v_leak", "E_L", "V", 0.0),
            real("v_threshold", "ϑ", "V", 1.0),
            real("v_reset", "V_r", "V", 0.0),
            T_REF,
        ],
        nir: Some("CubaLIF"),
        order: None,
        output: Output::Spikes,
        reference: "gerstner2014",
    };
    const AFFINE: bool = true;

    fn discretise<C: Real>(p: &[C; 7], convention: &Convention, reset: Reset, h: C) -> [C; 9] {
        let [tau_mem, tau_syn, r, v_leak, v_threshold, v_reset, _] = *p;
        let one = C::c(1.0);
        let b = decay(tau_mem, h, convention.decay);
        let a = decay(tau_syn, h, convention.decay);
        let relax = one - b;
        // Into v: `vi` from i at the start of the step, `vx` from the current x held over it.
        let (vi, vx) = match (convention.decay, convention.gain) {
            (Decay::Exact, gain) => {
                // (1 / tau_m) * integral of exp(-(h - s) / tau_m) exp(-s / tau_s) ds over the step
                let mix = h / tau_mem * b * (h / tau_mem - h / tau_syn).phi1();
                match gain {
                    Gain::Scaled => (r * mix, r * (relax - mix)),
                    Gain::Unscaled => (mix / relax, one - mix / relax),
                }
            }
            (_, Gain::Scaled) => (r * relax, C::c(0.0)),
            (_, Gain::Unscaled) => (one, C::c(0.0)),
        };
        let ix = match convention.gain {
            Gain::Scaled => one - a,
            Gain::Unscaled => one,
        };
        let [m, c] = reset_constants(reset, v_reset, v_threshold);
        [b, a, vi, vx, ix, v_leak * relax, v_threshold, m, c]
    }

    #[inline(always)]
    fn flow<C: Real, R: Over<C>>(
        &[b, a, vi, vx, ix, leak, ..]: &[C; 9],
        [v, i]: [R; 2],
        x: R,
    ) -> [R; 2] {
        [v * b + i * vi + x * vx + leak, i * a + x * ix]
    }

    #[inline(always)]
    fn jump<C: Real, R: Over<C>>(_: &[C; 9], [v, i]: [R; 2], w: R) -> [R; 2] {
        [v, i + w]
    }

    #[inline(always)]
    fn gap<C: Real, R: Over<C>>(&[.., v_threshold, _, _]: &[C; 9], &[v, _]: &[R; 2]) -> R {
        v - v_threshold
    }

    #[inline(always)]
    fn reset<C: Real, R: Over<C>>(&[.., m, c]: &[C; 9], [v, i]: [R; 2], z: R) -> [R; 2] {
        [reset_membrane(v, z, [m, c]), i]
    }

    fn rest(p: &[f64; 7]) -> [f64; 2] {
        [p[3], 0.0]
    }

    #[inline(always)]
    fn curve(p: &[f64; 7], &[v, i]: &[f64; 2], x: f64) -> Option<Curve> {
        let [tau_mem, tau_syn, r, v_leak, v_threshold, ..] = *p;
        let end = v_leak + r * x;
        Some(Curve {
            level: end - v_threshold,
            drift: 0.0,
            a: v - end,
            alpha: 1.0 / tau_mem,
            b: r * (i - x) / tau_mem,
            beta: 1.0 / tau_syn,
        })
    }

    #[inline(always)]
    fn reach<C: Real, R: Over<C>>(k: &[C; 9], [v, i]: [R; 2], x: R) -> R {
        // As if the current stayed at the larger of where it begins and where it tends to: the membrane does not turn then.
        let most = larger(i, x);
        let end = Self::flow(k, [v, most], most);
        larger(Self::gap(k, &[v, most]), Self::gap(k, &end))
    }
}
