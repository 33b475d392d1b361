//! The integrate-and-fire neuron without leak.

use super::spec::{T_REF, V, V_INIT, positive, real};
use super::{
    Convention, Curve, Gain, Neuron, Output, Reset, Spec, larger, reset_constants, reset_membrane,
};
use crate::num::{Over, Real};

/// Integrate-and-fire: `v' = r x`; a spike of weight `w` adds `w` to `v`, which starts at `v_init`.
///
/// # References
/// `gerstner2014`
#[derive(Debug)]
pub struct If;

impl Neuron<1, 5, 4> for If {
    const SPEC: Spec = Spec {
        name: "if",
        title: "integrate-and-fire",
        equations: "v' = r x;  v += w on arrival;  spike: v > v_threshold",
        states: &[V],
        params: &[
            positive("r", "R", "1/s", 1.0),
            real("v_threshold", "ϑ", "V", 1.0),
            real("v_reset", "V_r", "V", 0.0),
            real(V_INIT, "V_0", "V", 0.0),
            T_REF,
        ],
        nir: Some("IF"),
        order: None,
        output: Output::Spikes,
        reference: "gerstner2014",
    };
    const AFFINE: bool = true;

    fn discretise<C: Real>(p: &[C; 5], convention: &Convention, reset: Reset, h: C) -> [C; 4] {
        let [r, v_threshold, v_reset, ..] = *p;
        let gain = match convention.gain {
            Gain::Scaled => r * h,
            Gain::Unscaled => C::c(1.0),
        };
        let [m, c] = reset_constants(reset, v_reset, v_threshold);
        [gain, v_threshold, m, c]
    }

    #[inline(always)]
    fn flow<C: Real, R: Over<C>>(&[gain, ..]: &[C; 4], [v]: [R; 1], x: R) -> [R; 1] {
        [v + x * gain]
    }

    #[inline(always)]
    fn jump<C: Real, R: Over<C>>(_: &[C; 4], [v]: [R; 1], w: R) -> [R; 1] {
        [v + w]
    }

    #[inline(always)]
    fn gap<C: Real, R: Over<C>>(&[_, v_threshold, ..]: &[C; 4], &[v]: &[R; 1]) -> R {
        v - v_threshold
    }

    #[inline(always)]
    fn reset<C: Real, R: Over<C>>(&[.., m, c]: &[C; 4], [v]: [R; 1], z: R) -> [R; 1] {
        [reset_membrane(v, z, [m, c])]
    }

    fn rest(&[_, _, _, v_init, _]: &[f64; 5]) -> [f64; 1] {
        [v_init]
    }

    #[inline(always)]
    fn curve(&[r, v_threshold, ..]: &[f64; 5], &[v]: &[f64; 1], x: f64) -> Option<Curve> {
        Some(Curve {
            level: v - v_threshold,
            drift: r * x,
            ..Curve::default()
        })
    }

    #[inline(always)]
    fn reach<C: Real, R: Over<C>>(k: &[C; 4], s: [R; 1], x: R) -> R {
        larger(Self::gap(k, &s), Self::gap(k, &Self::flow(k, s, x)))
    }
}
