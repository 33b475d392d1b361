//! Izhikevich's neuron, and the integrator that the non-linear models share.

use super::spec::{StateVar, T_REF, real};
use super::{Convention, Neuron, Output, Reset, Spec, reset_constants, reset_membrane};
use crate::num::{Over, Real};

/// One step of `h`: Runge and Kutta's classical method of order 4, or Euler's of order 1.
#[inline(always)]
pub(super) fn integrate<C: Real, R: Over<C>, const S: usize, const RK4: bool>(
    h: C,
    s: [R; S],
    slope: impl Fn([R; S]) -> [R; S],
) -> [R; S] {
    let along = |d: [R; S], h: C| std::array::from_fn(|i| s[i] + d[i] * h);
    let k1 = slope(s);
    if !RK4 {
        return along(k1, h);
    }
    let half = h * C::c(0.5);
    let k2 = slope(along(k1, half));
    let k3 = slope(along(k2, half));
    let k4 = slope(along(k3, h));
    let sixth = h * C::c(1.0 / 6.0);
    std::array::from_fn(|i| s[i] + (k1[i] + k2[i] + k2[i] + k3[i] + k3[i] + k4[i]) * sixth)
}

/// Izhikevich: `v' = 0.04 v^2 + 5 v + 140 - u + x`, `u' = a (b v - u)` per millisecond; at a spike `u += d`.
///
/// In the units of the paper: millivolts, and rates per millisecond (the step is still given in seconds).
/// `RK4` as for [`super::AdEx`].
///
/// # References
/// `izhikevich2003`
#[derive(Debug)]
pub struct Izhikevich<const RK4: bool = true>;

impl<const RK4: bool> Neuron<2, 6, 7> for Izhikevich<RK4> {
    const SPEC: Spec = Spec {
        name: "izhikevich",
        title: "Izhikevich",
        equations: "v' = 0.04 v^2 + 5 v + 140 - u + x;  u' = a (b v - u)  (per ms);  v += w on arrival;  spike: v > v_threshold, then u += d",
        states: &[
            StateVar {
                name: "v",
                unit: "mV",
            },
            StateVar {
                name: "u",
                unit: "mV/ms",
            },
        ],
        params: &[
            real("a", "a", "1/ms", 0.02),
            real("b", "b", "1/ms", 0.2),
            real("d", "d", "mV/ms", 8.0),
            real("v_threshold", "v_peak", "mV", 30.0),
            real("v_reset", "c", "mV", -65.0),
            T_REF,
        ],
        nir: None,
        order: Some(if RK4 { 4 } else { 1 }),
        output: Output::Spikes,
        reference: "izhikevich2003",
    };
    const AFFINE: bool = false;

    fn discretise<C: Real>(p: &[C; 6], _: &Convention, reset: Reset, h: C) -> [C; 7] {
        let [a, b, d, v_threshold, v_reset, _] = *p;
        let [m, c] = reset_constants(reset, v_reset, v_threshold);
        [h * C::c(1e3), a, b, d, v_threshold, m, c]
    }

    #[inline(always)]
    fn flow<C: Real, R: Over<C>>(&[h, a, b, ..]: &[C; 7], s: [R; 2], x: R) -> [R; 2] {
        integrate::<C, R, 2, RK4>(h, s, |[v, u]| {
            [
                v * v * C::c(0.04) + v * C::c(5.0) + C::c(140.0) - u + x,
                (v * b - u) * a,
            ]
        })
    }

    #[inline(always)]
    fn jump<C: Real, R: Over<C>>(_: &[C; 7], [v, u]: [R; 2], w: R) -> [R; 2] {
        [v + w, u]
    }

    #[inline(always)]
    fn gap<C: Real, R: Over<C>>(&[.., v_threshold, _, _]: &[C; 7], &[v, _]: &[R; 2]) -> R {
        v - v_threshold
    }

    #[inline(always)]
    fn reset<C: Real, R: Over<C>>(&[.., d, _, m, c]: &[C; 7], [v, u]: [R; 2], z: R) -> [R; 2] {
        [reset_membrane(v, z, [m, c]), u + z * d]
    }

    fn rest(p: &[f64; 6]) -> [f64; 2] {
        [-65.0, p[1] * -65.0]
    }
}
