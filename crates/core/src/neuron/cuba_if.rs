//! The integrate-and-fire neuron without leak, with an exponential synaptic current.

use super::spec::{StateVar, T_REF, V, positive, real, tau};
use super::{
    Convention, Curve, Decay, Gain, Neuron, Output, Reset, Spec, decay, larger, reset_constants,
    reset_membrane,
};
use crate::num::{Over, Real};

/// Current-based integrate-and-fire: `tau_syn i' = -i + x`, `v' = r i`; a spike adds `w` to `i`.
///
/// One spike lifts the membrane by `r tau_syn w (1 - exp(-h / tau_syn))`: with `z = exp(t / tau_syn)` the first crossing is a ratio of sums
/// of weights, which is why first-spike networks are trained with it.
///
/// # References
/// `mostafa2018`
#[derive(Debug)]
pub struct CubaIf;

impl Neuron<2, 5, 7> for CubaIf {
    const SPEC: Spec = Spec {
        name: "cuba_if",
        title: "integrate-and-fire with exponential synapse",
        equations: "tau_syn i' = -i + x;  v' = r i;  i += w on arrival;  spike: v > v_threshold",
        states: &[
            V,
            StateVar {
                name: "i",
                unit: "A",
            },
        ],
        params: &[
            tau("tau_syn", "τ_s", 5e-3),
            positive("r", "R", "1/s", 200.0),
            real("v_threshold", "ϑ", "V", 1.0),
            real("v_reset", "V_r", "V", 0.0),
            T_REF,
        ],
        nir: None,
        order: None,
        output: Output::Spikes,
        reference: "mostafa2018",
    };
    const AFFINE: bool = true;

    fn discretise<C: Real>(p: &[C; 5], convention: &Convention, reset: Reset, h: C) -> [C; 7] {
        let [tau_syn, r, v_threshold, v_reset, _] = *p;
        let one = C::c(1.0);
        let a = decay(tau_syn, h, convention.decay);
        // Into v: from i at the start of the step, and from the current held over it.
        let share = match convention.decay {
            Decay::Exact => (C::c(0.0) - h / tau_syn).phi1(),
            _ => one,
        };
        let (gain, ix) = match convention.gain {
            Gain::Scaled => (r * h, one - a),
            Gain::Unscaled => (one, one),
        };
        let (vi, vx) = (gain * share, gain * (one - share));
        let [m, c] = reset_constants(reset, v_reset, v_threshold);
        [a, vi, vx, ix, v_threshold, m, c]
    }

    #[inline(always)]
    fn flow<C: Real, R: Over<C>>(&[a, vi, vx, ix, ..]: &[C; 7], [v, i]: [R; 2], x: R) -> [R; 2] {
        [v + i * vi + x * vx, i * a + x * ix]
    }

    #[inline(always)]
    fn jump<C: Real, R: Over<C>>(_: &[C; 7], [v, i]: [R; 2], w: R) -> [R; 2] {
        [v, i + w]
    }

    #[inline(always)]
    fn gap<C: Real, R: Over<C>>(&[.., v_threshold, _, _]: &[C; 7], &[v, _]: &[R; 2]) -> R {
        v - v_threshold
    }

    #[inline(always)]
    fn reset<C: Real, R: Over<C>>(&[.., m, c]: &[C; 7], [v, i]: [R; 2], z: R) -> [R; 2] {
        [reset_membrane(v, z, [m, c]), i]
    }

    fn rest(_: &[f64; 5]) -> [f64; 2] {
        [0.0, 0.0]
    }

    #[inline(always)]
    fn curve(
        &[tau_syn, r, v_threshold, ..]: &[f64; 5],
        &[v, i]: &[f64; 2],
        x: f64,
    ) -> Option<Curve> {
        Some(Curve {
            level: v - v_threshold,
            drift: r * x,
            a: 0.0,
            alpha: 0.0,
            b: r * (i - x),
            beta: 1.0 / tau_syn,
        })
    }

    #[inline(always)]
    fn reach<C: Real, R: Over<C>>(k: &[C; 7], [v, i]: [R; 2], x: R) -> R {
        // As if the current stayed at the larger of where it begins and where it tends to.
        let most = larger(i, x);
        let end = Self::flow(k, [v, most], most);
        larger(Self::gap(k, &[v, most]), Self::gap(k, &end))
    }
}
