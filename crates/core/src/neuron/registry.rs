//! The list of models, and the erased form in which the engines hold one.

use super::{
    AdEx, AdLif, Alif, Convention, CubaIf, CubaLi, CubaLif, Decay, I, If, Izhikevich, Li, Lif,
    Neuron, NextStep, Qcfs, Refractory, Relu, Reset, ResetTime, Spec,
};
use crate::kernel::{Backward, Forward, Tangent, backward, forward, tangent};
use crate::num::{Dual, Float};
use crate::{Error, Result};
use std::marker::PhantomData;
use std::sync::Arc;

/// A neuron model behind its registry name: what an engine needs of it.
pub trait Model<R: Float>: Send + Sync {
    /// The table of the model.
    fn spec(&self) -> &'static Spec;
    /// Number of state variables, those of refractoriness and late reset included.
    fn states(&self) -> usize;
    /// Number of constants of a step.
    fn constants(&self) -> usize;
    /// Whether the Jacobian of a step depends on neither state nor input.
    fn affine(&self) -> bool;
    /// The state at rest for the parameters `p`.
    fn rest(&self, p: &[f64]) -> Vec<f64>;
    /// The constants of a step of `h` seconds.
    fn discretise(&self, p: &[f64], convention: &Convention, reset: Reset, h: f64) -> Vec<f64>;
    /// Gradient by the parameters, from the gradient `dk` by the constants.
    fn chain(
        &self,
        p: &[f64],
        convention: &Convention,
        reset: Reset,
        h: f64,
        dk: &[f64],
    ) -> Vec<f64>;
    /// Runs neurons forward over some steps.
    fn forward(&self, span: &mut Forward<'_, R>);
    /// Runs the adjoint back over some steps.
    fn backward(&self, span: &mut Backward<'_, R>);
    /// Linearises one step of a tile of neurons.
    fn tangent(&self, span: &mut Tangent<'_, R>);
}

struct Erased<M, const S: usize, const P: usize, const K: usize>(PhantomData<M>);

fn array<const N: usize>(x: &[f64]) -> [f64; N] {
    std::array::from_fn(|i| x[i])
}

impl<R, M, const S: usize, const P: usize, const K: usize> Model<R> for Erased<M, S, P, K>
where
    R: Float,
    M: Neuron<S, P, K>,
{
    fn spec(&self) -> &'static Spec {
        &M::SPEC
    }
    fn states(&self) -> usize {
        S
    }
    fn constants(&self) -> usize {
        K
    }
    fn affine(&self) -> bool {
        M::AFFINE
    }
    fn rest(&self, p: &[f64]) -> Vec<f64> {
        M::rest(&array(p)).to_vec()
    }
    fn discretise(&self, p: &[f64], convention: &Convention, reset: Reset, h: f64) -> Vec<f64> {
        M::discretise(&array::<P>(p), convention, reset, h).to_vec()
    }
    fn chain(
        &self,
        p: &[f64],
        convention: &Convention,
        reset: Reset,
        h: f64,
        dk: &[f64],
    ) -> Vec<f64> {
        let vars: [Dual<f64, P>; P] = std::array::from_fn(|i| Dual::<f64, P>::variable(p[i], i));
        let k = M::discretise(&vars, convention, reset, Dual::constant(h));
        (0..P)
            .map(|i| (0..K).map(|j| dk[j] * k[j].d[i]).sum())
            .collect()
    }
    fn forward(&self, span: &mut Forward<'_, R>) {
        R::vectorize(
            #[inline(always)]
            || forward::<R, M, S, P, K>(span),
        );
    }
    fn backward(&self, span: &mut Backward<'_, R>) {
        R::vectorize(
            #[inline(always)]
            || backward::<R, M, S, P, K>(span),
        );
    }
    fn tangent(&self, span: &mut Tangent<'_, R>) {
        tangent::<R, M, S, P, K>(span);
    }
}

/// The names of all models.
pub fn models() -> [&'static Spec; 14] {
    [
        &<If as Neuron<1, 5, 4>>::SPEC,
        &<Lif as Neuron<1, 6, 6>>::SPEC,
        &<Li as Neuron<1, 3, 3>>::SPEC,
        &<CubaIf as Neuron<2, 5, 7>>::SPEC,
        &<CubaLif as Neuron<2, 7, 9>>::SPEC,
        &<CubaLi as Neuron<2, 4, 9>>::SPEC,
        &<Alif as Neuron<2, 8, 8>>::SPEC,
        &<AdLif<false> as Neuron<2, 9, 10>>::SPEC,
        &<AdLif<true> as Neuron<2, 9, 10>>::SPEC,
        &<AdEx as Neuron<2, 11, 13>>::SPEC,
        &<Izhikevich as Neuron<2, 6, 7>>::SPEC,
        &<I as Neuron<1, 1, 1>>::SPEC,
        &<Relu as Neuron<1, 0, 0>>::SPEC,
        &<Qcfs as Neuron<1, 2, 2>>::SPEC,
    ]
}

fn erase<R, M, const S: usize, const P: usize, const K: usize>() -> Arc<dyn Model<R>>
where
    R: Float,
    M: Neuron<S, P, K>,
    Erased<M, S, P, K>: Model<R>,
{
    Arc::new(Erased::<M, S, P, K>(PhantomData))
}

/// The model of that name under a convention, with a refractory period or without.
///
/// # Errors
/// An unknown name; a late reset or an exponential Euler step of a model that has none.
pub fn model<R: Lanes>(
    name: &str,
    convention: &Convention,
    refractory: bool,
) -> Result<Arc<dyn Model<R>>> {
    R::model(name, convention, refractory)
}

/// A float at which every model is compiled.
pub trait Lanes: Float {
    #[doc(hidden)]
    fn model(name: &str, convention: &Convention, refractory: bool)
    -> Result<Arc<dyn Model<Self>>>;
}

macro_rules! lanes {
    ($f:ty) => {
        impl Lanes for $f {
            fn model(
                name: &str,
                convention: &Convention,
                refractory: bool,
            ) -> Result<Arc<dyn Model<Self>>> {
                type F = $f;
                let late = convention.reset == ResetTime::NextStep;
                let rk4 = convention.decay == Decay::Exact;
                let own_form = matches!(name, "adex" | "izhikevich")
                    && convention.decay == Decay::ExponentialEuler;
                let own_order = matches!(name, "adex" | "izhikevich" | "adlif" | "se_adlif");
                if own_form || own_order && late {
                    return Err(Error::invalid(
                        "convention",
                        format!("model '{name}'"),
                        "reset same_step; decay exact or euler of adex and izhikevich",
                        format!("{convention:?}"),
                    ));
                }
                Ok(match (name, refractory, late) {
                    ("li", _, _) => erase::<F, Li, 1, 3, 3>(),
                    ("i", _, _) => erase::<F, I, 1, 1, 1>(),
                    ("relu", _, _) => erase::<F, Relu, 1, 0, 0>(),
                    ("qcfs", _, _) => erase::<F, Qcfs, 1, 2, 2>(),
                    ("cuba_li", _, _) => erase::<F, CubaLi, 2, 4, 9>(),
                    ("if", false, false) => erase::<F, If, 1, 5, 4>(),
                    ("if", true, false) => erase::<F, Refractory<If>, 2, 5, 6>(),
                    ("if", false, true) => erase::<F, NextStep<If>, 2, 5, 4>(),
                    ("if", true, true) => erase::<F, NextStep<Refractory<If>>, 3, 5, 6>(),
                    ("lif", false, false) => erase::<F, Lif, 1, 6, 6>(),
                    ("lif", true, false) => erase::<F, Refractory<Lif>, 2, 6, 8>(),
                    ("lif", false, true) => erase::<F, NextStep<Lif>, 2, 6, 6>(),
                    ("lif", true, true) => erase::<F, NextStep<Refractory<Lif>>, 3, 6, 8>(),
                    ("cuba_if", false, false) => erase::<F, CubaIf, 2, 5, 7>(),
                    ("cuba_if", true, false) => erase::<F, Refractory<CubaIf>, 3, 5, 9>(),
                    ("cuba_if", false, true) => erase::<F, NextStep<CubaIf>, 3, 5, 7>(),
                    ("cuba_if", true, true) => erase::<F, NextStep<Refractory<CubaIf>>, 4, 5, 9>(),
                    ("cuba_lif", false, false) => erase::<F, CubaLif, 2, 7, 9>(),
                    ("cuba_lif", true, false) => erase::<F, Refractory<CubaLif>, 3, 7, 11>(),
                    ("cuba_lif", false, true) => erase::<F, NextStep<CubaLif>, 3, 7, 9>(),
                    ("cuba_lif", true, true) => {
                        erase::<F, NextStep<Refractory<CubaLif>>, 4, 7, 11>()
                    }
                    ("alif", false, false) => erase::<F, Alif, 2, 8, 8>(),
                    ("alif", true, false) => erase::<F, Refractory<Alif>, 3, 8, 10>(),
                    ("alif", false, true) => erase::<F, NextStep<Alif>, 3, 8, 8>(),
                    ("alif", true, true) => erase::<F, NextStep<Refractory<Alif>>, 4, 8, 10>(),
                    ("adlif", ..) => erase::<F, AdLif<false>, 2, 9, 10>(),
                    ("se_adlif", ..) => erase::<F, AdLif<true>, 2, 9, 10>(),
                    ("adex", false, _) if rk4 => erase::<F, AdEx<true>, 2, 11, 13>(),
                    ("adex", true, _) if rk4 => erase::<F, Refractory<AdEx<true>>, 3, 11, 15>(),
                    ("adex", false, _) => erase::<F, AdEx<false>, 2, 11, 13>(),
                    ("adex", true, _) => erase::<F, Refractory<AdEx<false>>, 3, 11, 15>(),
                    ("izhikevich", false, _) if rk4 => erase::<F, Izhikevich<true>, 2, 6, 7>(),
                    ("izhikevich", true, _) if rk4 => {
                        erase::<F, Refractory<Izhikevich<true>>, 3, 6, 9>()
                    }
                    ("izhikevich", false, _) => erase::<F, Izhikevich<false>, 2, 6, 7>(),
                    ("izhikevich", true, _) => erase::<F, Refractory<Izhikevich<false>>, 3, 6, 9>(),
                    _ => {
                        let names: Vec<_> = models().iter().map(|s| s.name).collect();
                        return Err(Error::invalid(
                            "neuron model",
                            "the registry",
                            names.join(", "),
                            name,
                        ));
                    }
                })
            }
        }
    };
}

lanes!(f32);
lanes!(f64);
