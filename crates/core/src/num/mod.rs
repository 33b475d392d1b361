//! Number types: what a neuron model may be evaluated at.
//!
//! A model is written once, over [`Real`] constants and values that are [`Over`] them. Plain floats give the
//! simulation, [`Dual`] numbers the Jacobian that every learning rule needs.

mod aligned;
mod dual;
mod float;

pub use aligned::Aligned;
pub use dual::Dual;
pub use float::{Float, Simd, simd, simd_level};

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number that can be combined with constants of type `C`.
///
/// `f32: Over<f32>` simulates; `Dual<f32, N>: Over<f32>` differentiates by state and input while the model's
/// constants stay plain numbers; `Dual<f32, N>: Over<Dual<f32, N>>` differentiates by the constants too.
pub trait Over<C>:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Add<C, Output = Self>
    + Sub<C, Output = Self>
    + Mul<C, Output = Self>
{
    /// A constant as a value.
    fn lift(c: C) -> Self;
    /// The exponential function, in a form that vectorises.
    fn exp(self) -> Self;
    /// The largest whole number not above, with the derivative of the identity: the straight-through estimator (`bengio2013`).
    fn floor(self) -> Self;
    /// `self < other`, by value.
    fn below(self, other: Self) -> bool;
    /// `a` where `cond` holds, else `b`: the only branch that a model may use.
    fn select(cond: bool, a: Self, b: Self) -> Self;
}

/// A number type that is closed under its own arithmetic: floats and dual numbers.
pub trait Real: Over<Self> {
    /// A literal.
    fn c(x: f64) -> Self;
    /// The value, without derivatives.
    fn value(self) -> f64;
    /// `(exp(x) - 1) / x`, continued by its series through 0.
    ///
    /// Both time constants of a current-based neuron may meet: this keeps the propagator finite there.
    fn phi1(self) -> Self {
        let small = self.value().abs() < 0.05;
        let safe = Self::select(small, Self::c(1.0), self);
        let direct = (safe.exp() - Self::c(1.0)) / safe;
        let mut series = Self::c(1.0);
        for n in (2..=9).rev() {
            series = Self::c(1.0) + self * series / Self::c(f64::from(n));
        }
        Self::select(small, series, direct)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phi1_is_smooth_through_zero() {
        for x in [
            -2.0f64, -0.051, -0.049, -1e-9, 0.0, 1e-12, 0.049, 0.051, 3.0,
        ] {
            let exact = if x == 0.0 { 1.0 } else { x.exp_m1() / x };
            assert!((x.phi1() - exact).abs() < 1e-13 * exact, "{x}");
        }
    }
}
