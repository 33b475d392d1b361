//! The adaptive exponential integrate-and-fire neuron.

use super::spec::{StateVar, T_REF, V, positive, real, tau};
use super::{Convention, Neuron, Output, Reset, Spec, reset_constants, reset_membrane};
use crate::num::{Over, Real};

/// AdEx: `tau_mem v' = v_leak - v + delta_t exp((v - v_rheo) / delta_t) + r (x - w)`,
/// `tau_adapt w' = a (v - v_leak) - w`; at a spike `w += b`.
///
/// Integrated by the classical Runge-Kutta method of order 4 when `RK4`, else by the forward Euler method of order 1.
/// The exponential is held at its value at `v_threshold`, the peak of the spike, above it.
///
/// # References
/// `brette2005`
#[derive(Debug)]
pub struct AdEx<const RK4: bool = true>;

/// The right-hand side.
#[inline(always)]
fn slope<C: Real, R: Over<C>>(k: &[C; 13], [v, w]: [R; 2], x: R) -> [R; 2] {
    let &[
        _,
        rate_mem,
        rate_adapt,
        r,
        v_leak,
        v_rheo,
        per_delta,
        delta_t,
        a,
        ..,
    ] = k;
    let peak = R::lift(k[10]);
    let held = R::select(v.below(peak), v, peak);
    let drive = ((held - v_rheo) * per_delta).exp() * delta_t;
    let dv = (drive - (v - v_leak) + (x - w) * r) * rate_mem;
    [dv, ((v - v_leak) * a - w) * rate_adapt]
}

impl<const RK4: bool> Neuron<2, 11, 13> for AdEx<RK4> {
    const SPEC: Spec = Spec {
        name: "adex",
        title: "adaptive exponential integrate-and-fire",
        equations: "tau_mem v' = v_leak - v + delta_t exp((v - v_rheo) / delta_t) + r (x - w);  tau_adapt w' = a (v - v_leak) - w;  v += w_syn on arrival;  spike: v > v_threshold, then w += b",
        states: &[
            V,
            StateVar {
                name: "w",
                unit: "A",
            },
        ],
        params: &[
            tau("tau_mem", "τ_m", 281e-12 / 30e-9),
            tau("tau_adapt", "τ_w", 144e-3),
            positive("r", "R", "Ohm", 1.0 / 30e-9),
            real("v_leak", "E_L", "V", -70.6e-3),
            real("v_rheo", "V_T", "V", -50.4e-3),
            positive("delta_t", "Δ_T", "V", 2e-3),
            real("a", "a", "S", 4e-9),
            real("b", "b", "A", 80.5e-12),
            real("v_threshold", "V_peak", "V", 0.0),
            real("v_reset", "V_r", "V", -70.6e-3),
            T_REF,
        ],
        nir: None,
        order: Some(if RK4 { 4 } else { 1 }),
        output: Output::Spikes,
        reference: "brette2005",
    };
    const AFFINE: bool = false;

    fn discretise<C: Real>(p: &[C; 11], _: &Convention, reset: Reset, h: C) -> [C; 13] {
        let [
            tau_mem,
            tau_adapt,
            r,
            v_leak,
            v_rheo,
            delta_t,
            a,
            b,
            v_threshold,
            v_reset,
            _,
        ] = *p;
        let one = C::c(1.0);
        let [m, c] = reset_constants(reset, v_reset, v_threshold);
        // The exponential's argument is divided by delta_t here, once, and not in the flow.
        [
            h,
            one / tau_mem,
            one / tau_adapt,
            r,
            v_leak,
            v_rheo,
            one / delta_t,
            delta_t,
            a,
            b,
            v_threshold,
            m,
            c,
        ]
    }

    #[inline(always)]
    fn flow<C: Real, R: Over<C>>(k: &[C; 13], s: [R; 2], x: R) -> [R; 2] {
        super::izhikevich::integrate::<C, R, 2, RK4>(k[0], s, |s| slope(k, s, x))
    }

    #[inline(always)]
    fn jump<C: Real, R: Over<C>>(_: &[C; 13], [v, w]: [R; 2], weight: R) -> [R; 2] {
        [v + weight, w]
    }

    #[inline(always)]
    fn gap<C: Real, R: Over<C>>(&[.., v_threshold, _, _]: &[C; 13], &[v, _]: &[R; 2]) -> R {
        v - v_threshold
    }

    #[inline(always)]
    fn reset<C: Real, R: Over<C>>(&[.., b, _, m, c]: &[C; 13], [v, w]: [R; 2], z: R) -> [R; 2] {
        [reset_membrane(v, z, [m, c]), w + z * b]
    }

    fn rest(p: &[f64; 11]) -> [f64; 2] {
        [p[3], 0.0]
    }
}
