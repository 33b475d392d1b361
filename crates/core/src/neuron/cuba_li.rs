//! The leaky integrator with an exponential synaptic current: a readout that never spikes.

use super::spec::{StateVar, V, positive, real, tau};
use super::{Convention, CubaLif, Curve, Neuron, Output, Reset, Spec};
use crate::num::{Over, Real};

/// [`CubaLif`] without threshold: `tau_syn i' = -i + x`, `tau_mem v' = v_leak - v + r i`; a spike adds `w` to `i`. Hands on its
/// membrane potential.
///
/// # References
/// `wunderlich2021`
#[derive(Debug)]
pub struct CubaLi;

/// Its parameters among those of [`CubaLif`].
fn as_lif<C: Real>([tau_mem, tau_syn, r, v_leak]: [C; 4]) -> [C; 7] {
    let zero = C::c(0.0);
    [tau_mem, tau_syn, r, v_leak, zero, zero, zero]
}

impl Neuron<2, 4, 9> for CubaLi {
    const SPEC: Spec = Spec {
        name: "cuba_li",
        title: "leaky integrator with exponential synapse",
        equations: "tau_syn i' = -i + x;  tau_mem v' = v_leak - v + r i;  i += w on arrival",
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
        ],
        nir: None,
        order: None,
        output: Output::Membrane,
        reference: "wunderlich2021",
    };
    const AFFINE: bool = true;

    fn discretise<C: Real>(p: &[C; 4], convention: &Convention, _: Reset, h: C) -> [C; 9] {
        CubaLif::discretise(&as_lif(*p), convention, Reset::None, h)
    }

    #[inline(always)]
    fn flow<C: Real, R: Over<C>>(k: &[C; 9], s: [R; 2], x: R) -> [R; 2] {
        CubaLif::flow(k, s, x)
    }

    #[inline(always)]
    fn jump<C: Real, R: Over<C>>(k: &[C; 9], s: [R; 2], w: R) -> [R; 2] {
        CubaLif::jump(k, s, w)
    }

    #[inline(always)]
    fn gap<C: Real, R: Over<C>>(_: &[C; 9], _: &[R; 2]) -> R {
        R::lift(C::c(-1.0))
    }

    #[inline(always)]
    fn reset<C: Real, R: Over<C>>(_: &[C; 9], s: [R; 2], _: R) -> [R; 2] {
        s
    }

    fn rest(p: &[f64; 4]) -> [f64; 2] {
        [p[3], 0.0]
    }

    fn course(p: &[f64; 4], s: &[f64; 2], x: f64) -> Option<Curve> {
        let lif = as_lif(*p);
        let gap = CubaLif::curve(&lif, s, x)?;
        // The gap of a neuron that fires is its membrane over the threshold.
        Some(Curve {
            level: gap.level + lif[4],
            ..gap
        })
    }
}
