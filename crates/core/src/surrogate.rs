//! Surrogate derivatives: what stands for the derivative of the step in the backward pass.
//!
//! With `x` the gap to threshold, a spike is the step `H(x)`. Its derivative is replaced by one of these
//! shapes; [`Surrogate::smooth`] is the integral of the shape, which takes the place of the step when gradients
//! are checked against finite differences.

use crate::num::{Float, Over};
use serde::{Deserialize, Serialize};

/// The shape of a surrogate derivative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// `1 / (1 + k |x|)^2`, k = 25 (`zenke2018`).
    #[default]
    FastSigmoid,
    /// `k s(k x) (1 - s(k x))`, k = 4, `s` the logistic function (`zenke2021`).
    Sigmoid,
    /// `(k / 2) / (1 + (pi k x / 2)^2)`, k = 2 (`fang2021`).
    Arctan,
    /// `max(0, 1 - k |x|)`, k = 1: piecewise linear (`bellec2018`, there of height 0.3).
    Triangle,
    /// `1` where `|x| <= 1 / (2 k)`, k = 1, of area 1/k (`kaiser2020`).
    Boxcar,
    /// `exp(-k |x|)`, k = 5 (`shrestha2018`).
    Exponential,
    /// `exp(-(k x)^2 / 2)`, k = 2 (`zenke2021`).
    Gaussian,
    /// `(1 + h) N(x; 0, s) - h N(x; s, 6 s) - h N(x; -s, 6 s)`, h = 0.15, s = 1 / k, k = 2 (`yin2021`).
    MultiGaussian,
}

/// A surrogate derivative: a shape, its steepness and its height.
///
/// ```
/// use cortado::surrogate::{Shape, Surrogate};
/// let s = Surrogate::new(Shape::FastSigmoid).with_slope(25.0);
/// assert_eq!(s.derivative(0.04), 0.25);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surrogate {
    /// The shape.
    #[serde(default)]
    pub shape: Shape,
    /// The steepness `k` of the formula; the width is its inverse.
    #[serde(default)]
    pub slope: Option<f64>,
    /// A factor on the whole shape.
    #[serde(default = "one")]
    pub height: f64,
}

fn one() -> f64 {
    1.0
}

impl Default for Surrogate {
    fn default() -> Self {
        Self::new(Shape::default())
    }
}

impl Surrogate {
    /// A shape with the steepness of its source.
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            slope: None,
            height: 1.0,
        }
    }

    /// The same with another steepness.
    pub fn with_slope(self, slope: f64) -> Self {
        Self {
            slope: Some(slope),
            ..self
        }
    }

    /// The steepness in force.
    pub fn slope(&self) -> f64 {
        self.slope.unwrap_or(match self.shape {
            Shape::FastSigmoid => 25.0,
            Shape::Sigmoid => 4.0,
            Shape::Arctan | Shape::Gaussian | Shape::MultiGaussian => 2.0,
            Shape::Triangle | Shape::Boxcar => 1.0,
            Shape::Exponential => 5.0,
        })
    }

    /// The derivative at gap `x`.
    pub fn derivative(&self, x: f64) -> f64 {
        let mut d = [x];
        self.derive(&mut d);
        d[0]
    }

    /// Replaces each gap by the derivative there.
    #[inline(always)]
    pub(crate) fn derive<R: Float>(&self, x: &mut [R]) {
        let (k, height) = (R::of(self.slope()), R::of(self.height));
        let one = R::ONE;
        match self.shape {
            Shape::FastSigmoid => each(x, height, |x| {
                let a = one + k * x.abs();
                one / (a * a)
            }),
            Shape::Sigmoid => each(x, height, |x| {
                // s (1 - s) is even in x, and exp(-|k x|) cannot overflow.
                let e = Over::<R>::exp(-(k * x.abs()));
                k * e / ((one + e) * (one + e))
            }),
            Shape::Arctan => {
                let c = R::of(std::f64::consts::FRAC_PI_2) * k;
                each(x, height * k * R::of(0.5), |x| {
                    one / (one + c * x * (c * x))
                })
            }
            Shape::Triangle => each(x, height, |x| {
                let y = one - k * x.abs();
                if y > R::ZERO { y } else { R::ZERO }
            }),
            Shape::Boxcar => {
                let half = R::of(0.5) / k;
                each(x, height, |x| if x.abs() <= half { one } else { R::ZERO })
            }
            Shape::Exponential => each(x, height, |x| Over::<R>::exp(-(k * x.abs()))),
            Shape::Gaussian => each(x, height, |x| {
                Over::<R>::exp(-(k * x * (k * x) * R::of(0.5)))
            }),
            Shape::MultiGaussian => {
                let ([c, side], s) = self.multi();
                let (c, side, s) = (R::of(c), R::of(side), R::of(s));
                let narrow = R::of(-0.5) * k * k;
                let wide = narrow / R::of(36.0);
                each(x, height, |x| {
                    let (l, r) = (x - s, x + s);
                    c * Over::<R>::exp(narrow * x * x)
                        - side * (Over::<R>::exp(wide * l * l) + Over::<R>::exp(wide * r * r))
                })
            }
        }
    }

    /// Centre and side amplitudes and the width of the multi-Gaussian.
    fn multi(&self) -> ([f64; 2], f64) {
        let (h, s) = (0.15, 1.0 / self.slope());
        let norm = 1.0 / (s * (2.0 * std::f64::consts::PI).sqrt());
        ([(1.0 + h) * norm, h * norm / 6.0], s)
    }

    /// The integral of the derivative from minus infinity to `x`, or from 0 where that is infinite: a smooth
    /// spike for checks of gradients.
    pub fn smooth(&self, x: f64) -> f64 {
        let k = self.slope();
        let odd = |f: f64| if x < 0.0 { -f } else { f };
        let a = x.abs();
        self.height
            * match self.shape {
                Shape::FastSigmoid => 0.5 / k + odd(a / (1.0 + k * a)),
                Shape::Sigmoid => 1.0 / (1.0 + (-k * x).exp()),
                Shape::Arctan => {
                    0.5 + (std::f64::consts::FRAC_PI_2 * k * x).atan() / std::f64::consts::PI
                }
                Shape::Triangle => {
                    let a = a.min(1.0 / k);
                    0.5 / k + odd(a - 0.5 * k * a * a)
                }
                Shape::Boxcar => 0.5 / k + odd(a.min(0.5 / k)),
                Shape::Exponential => 1.0 / k + odd((1.0 - (-k * a).exp()) / k),
                Shape::Gaussian => (2.0 * std::f64::consts::PI).sqrt() / k * normal_cdf(k * x),
                Shape::MultiGaussian => {
                    let s = 1.0 / k;
                    1.15 * normal_cdf(x / s)
                        - 0.15 * (normal_cdf((x - s) / (6.0 * s)) + normal_cdf((x + s) / (6.0 * s)))
                }
            }
    }
}

/// The normal distribution function, by its Taylor series about 0 (|x| < 5) or continued fraction: near 1e-14.
fn normal_cdf(x: f64) -> f64 {
    let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if x.abs() < 5.0 {
        let (mut term, mut sum, mut n) = (x, x, 1.0);
        while term.abs() > 1e-18 * sum.abs() {
            n += 2.0;
            term *= x * x / n;
            sum += term;
        }
        0.5 + density * sum
    } else {
        let a = x.abs();
        let tail = density / (1..=60).rev().fold(a, |f, n| a + f64::from(n) / f);
        if x < 0.0 { tail } else { 1.0 - tail }
    }
}

#[inline(always)]
fn each<R: Float>(x: &mut [R], height: R, f: impl Fn(R) -> R) {
    for x in x {
        *x = f(*x) * height;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) const SHAPES: [Shape; 8] = [
        Shape::FastSigmoid,
        Shape::Sigmoid,
        Shape::Arctan,
        Shape::Triangle,
        Shape::Boxcar,
        Shape::Exponential,
        Shape::Gaussian,
        Shape::MultiGaussian,
    ];

    #[test]
    fn each_shape_is_the_derivative_of_its_smooth_spike() {
        for shape in SHAPES {
            for slope in [0.7, 3.0] {
                let s = Surrogate {
                    shape,
                    slope: Some(slope),
                    height: 0.8,
                };
                for i in -40..=40 {
                    let x = f64::from(i) * 0.0713 + 0.001;
                    let h = 1e-5;
                    let numeric = (s.smooth(x + h) - s.smooth(x - h)) / (2.0 * h);
                    assert!(
                        (numeric - s.derivative(x)).abs() < 1e-8,
                        "{shape:?} {slope} {x}"
                    );
                }
            }
        }
    }
}
