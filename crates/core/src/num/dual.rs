//! Dual numbers: a value with `N` partial derivatives.

use super::{Float, Over, Real};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A value and its `N` partial derivatives; arithmetic on it differentiates.
///
/// ```
/// use cortado::num::{Dual, Over};
/// let x = Dual::<f64, 1>::variable(0.5, 0);
/// let y = (x * x + 1.0) * 2.0;
/// assert_eq!((y.v, y.d[0]), (2.5, 2.0));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dual<R, const N: usize> {
    /// The value.
    pub v: R,
    /// The partial derivatives.
    pub d: [R; N],
}

impl<R: Float, const N: usize> Dual<R, N> {
    /// A number with no derivative.
    #[inline(always)]
    pub fn constant(v: R) -> Self {
        Self { v, d: [R::ZERO; N] }
    }

    /// The `i`-th independent variable.
    #[inline(always)]
    pub fn variable(v: R, i: usize) -> Self {
        let mut d = [R::ZERO; N];
        d[i] = R::ONE;
        Self { v, d }
    }

    #[inline(always)]
    fn zip(self, o: Self, v: R, f: impl Fn(R, R) -> R) -> Self {
        let mut d = [R::ZERO; N];
        for i in 0..N {
            d[i] = f(self.d[i], o.d[i]);
        }
        Self { v, d }
    }

    #[inline(always)]
    fn map(self, v: R, f: impl Fn(R) -> R) -> Self {
        let mut d = [R::ZERO; N];
        for i in 0..N {
            d[i] = f(self.d[i]);
        }
        Self { v, d }
    }
}
impl<R: Float, const N: usize> Add for Dual<R, N> {
    type Output = Self;
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        self.zip(o, self.v + o.v, |a, b| a + b)
    }
}
impl<R: Float, const N: usize> Sub for Dual<R, N> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        self.zip(o, self.v - o.v, |a, b| a - b)
    }
}
impl<R: Float, const N: usize> Mul for Dual<R, N> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        self.zip(o, self.v * o.v, |a, b| a * o.v + self.v * b)
    }
}
impl<R: Float, const N: usize> Div for Dual<R, N> {
    type Output = Self;
    #[inline(always)]
    fn div(self, o: Self) -> Self {
        let q = self.v / o.v;
        self.zip(o, q, |a, b| (a - q * b) / o.v)
    }
}
impl<R: Float, const N: usize> Neg for Dual<R, N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.map(-self.v, |a| -a)
    }
}
impl<R: Float, const N: usize> Add<R> for Dual<R, N> {
    type Output = Self;
    #[inline(always)]
    fn add(self, c: R) -> Self {
        self.map(self.v + c, |a| a)
    }
}
impl<R: Float, const N: usize> Sub<R> for Dual<R, N> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, c: R) -> Self {
        self.map(self.v - c, |a| a)
    }
}
impl<R: Float, const N: usize> Mul<R> for Dual<R, N> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, c: R) -> Self {
        self.map(self.v * c, |a| a * c)
    }
}
impl<R: Float, const N: usize> Over<R> for Dual<R, N> {
    #[inline(always)]
    fn lift(c: R) -> Self {
        Self::constant(c)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        let e = Over::<R>::exp(self.v);
        self.map(e, |a| a * e)
    }
    #[inline(always)]
    fn floor(self) -> Self {
        self.map(Over::<R>::floor(self.v), |a| a)
    }
    #[inline(always)]
    fn below(self, o: Self) -> bool {
        self.v < o.v
    }
    #[inline(always)]
    fn select(cond: bool, a: Self, b: Self) -> Self {
        let v = if cond { a.v } else { b.v };
        a.zip(b, v, |x, y| if cond { x } else { y })
    }
}
impl<R: Float, const N: usize> Over<Dual<R, N>> for Dual<R, N> {
    #[inline(always)]
    fn lift(c: Self) -> Self {
        c
    }
    #[inline(always)]
    fn exp(self) -> Self {
        Over::<R>::exp(self)
    }
    #[inline(always)]
    fn floor(self) -> Self {
        Over::<R>::floor(self)
    }
    #[inline(always)]
    fn below(self, o: Self) -> bool {
        self.v < o.v
    }
    #[inline(always)]
    fn select(cond: bool, a: Self, b: Self) -> Self {
        <Self as Over<R>>::select(cond, a, b)
    }
}
impl<R: Float, const N: usize> Real for Dual<R, N> {
    #[inline(always)]
    fn c(x: f64) -> Self {
        Self::constant(R::of(x))
    }
    #[inline(always)]
    fn value(self) -> f64 {
        self.v.value()
    }
}
