//! Leaky integrate-and-fire neurons with a second current that the membrane and its spikes drive.

use super::spec::{StateVar, V, positive, real, tau};
use super::{
    Convention, Gain, Neuron, Output, Reset, Spec, decay, reset_constants, reset_membrane,
};
use crate::num::{Over, Real};

/// Adaptive LIF: `tau_mem v' = v_leak - v + r x - w`, `tau_adapt w' = q a (v - v_leak) - w`, and `w` rises by
/// `(1 - rho) q b` at a spike, `rho` being the decay of `w` over a step.
///
/// # Equations
/// In a step, with `alpha` and `rho` the decays of `v` and `w`, first `w = rho w + (1 - rho) q (a v + b z)`, then
/// `v = alpha v + (1 - alpha) (r x - w)`, where `z` is the spike of the step before. `v` in the equation of `w` is the membrane
///
/// - before that spike's reset for `adlif` (`bittar2022`, whose `a` and `b` are `(1 - rho) q a` and `(1 - rho) q b` here);
/// - after it for `se_adlif`, the symplectic Euler form (`baronig2025`), which is stable where the other is not.
///
/// There is no refractory period and no late reset.
///
/// # References
/// `bittar2022`, `baronig2025`
#[derive(Debug)]
pub struct AdLif<const SYMPLECTIC: bool>;

/// Number of parameters and of constants of a step.
const P: usize = 9;
const K: usize = 10;

impl<const SYMPLECTIC: bool> Neuron<2, P, K> for AdLif<SYMPLECTIC> {
    const SPEC: Spec = Spec {
        name: if SYMPLECTIC { "se_adlif" } else { "adlif" },
        title: if SYMPLECTIC {
            "adaptive leaky integrate-and-fire, symplectic Euler"
        } else {
            "adaptive leaky integrate-and-fire"
        },
        equations: "tau_mem v' = v_leak - v + r x - w;  tau_adapt w' = q a (v - v_leak) - w;  v += weight on arrival;  spike: v > v_threshold, then w += (1 - rho) q b",
        states: &[
            V,
            StateVar {
                name: "w",
                unit: "V",
            },
        ],
        params: &[
            tau("tau_mem", "τ_m", 15e-3),
            tau("tau_adapt", "τ_w", 150e-3),
            real("a", "a", "1", 0.5),
            real("b", "b", "V", 1.0),
            positive("q", "q", "1", if SYMPLECTIC { 120.0 } else { 1.0 }),
            positive("r", "R", "Ohm", 1.0),
            real("v_leak", "E_L", "V", 0.0),
            real("v_threshold", "ϑ", "V", 1.0),
            real("v_reset", "V_r", "V", 0.0),
        ],
        nir: None,
        order: Some(1),
        output: Output::Spikes,
        reference: if SYMPLECTIC {
            "baronig2025"
        } else {
            "bittar2022"
        },
    };
    const AFFINE: bool = true;

    fn discretise<C: Real>(p: &[C; P], convention: &Convention, reset: Reset, h: C) -> [C; K] {
        let [tau_mem, tau_adapt, a, b, q, r, v_leak, v_threshold, v_reset] = *p;
        let one = C::c(1.0);
        let alpha = decay(tau_mem, h, convention.decay);
        let rho = decay(tau_adapt, h, convention.decay);
        let gain = match convention.gain {
            Gain::Scaled => r * (one - alpha),
            Gain::Unscaled => one,
        };
        let drive = (one - rho) * q;
        let [m, c] = reset_constants(reset, v_reset, v_threshold);
        // What a spike adds to `w` before it decays in the next step.
        let jump = drive * b / rho;
        // Undoes the reset in the equation of `w`.
        let undo = if SYMPLECTIC {
            C::c(0.0)
        } else {
            drive * a / rho
        };
        [
            alpha,
            rho,
            gain,
            v_leak,
            drive * a,
            v_threshold,
            m,
            c,
            jump,
            undo,
        ]
    }

    #[inline(always)]
    fn flow<C: Real, R: Over<C>>(
        &[alpha, rho, gain, v_leak, drive, ..]: &[C; K],
        [v, w]: [R; 2],
        x: R,
    ) -> [R; 2] {
        let u = v - v_leak;
        let w = w * rho + u * drive;
        [u * alpha + x * gain - w * (C::c(1.0) - alpha) + v_leak, w]
    }

    #[inline(always)]
    fn jump<C: Real, R: Over<C>>(_: &[C; K], [v, w]: [R; 2], weight: R) -> [R; 2] {
        [v + weight, w]
    }

    #[inline(always)]
    fn gap<C: Real, R: Over<C>>(&[.., v_threshold, _, _, _, _]: &[C; K], &[v, _]: &[R; 2]) -> R {
        v - v_threshold
    }

    #[inline(always)]
    fn reset<C: Real, R: Over<C>>(
        &[.., m, c, jump, undo]: &[C; K],
        [v, w]: [R; 2],
        z: R,
    ) -> [R; 2] {
        let after = reset_membrane(v, z, [m, c]);
        [after, w + z * jump + (v - after) * undo]
    }

    fn rest(p: &[f64; P]) -> [f64; 2] {
        [p[6], 0.0]
    }
}
