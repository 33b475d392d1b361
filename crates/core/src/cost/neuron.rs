//! Operations of a neuron in a step.

use crate::neuron::{Convention, Decay};
use serde::Serialize;

/// Arithmetic of one neuron in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Operations {
    /// Multiplications.
    pub multiplications: u64,
    /// Additions, subtractions and comparisons.
    pub additions: u64,
    /// Exponential functions.
    pub exponentials: u64,
}

impl Operations {
    const fn new(multiplications: u64, additions: u64) -> Self {
        Self {
            multiplications,
            additions,
            exponentials: 0,
        }
    }

    /// All of them.
    pub fn count(&self) -> u64 {
        self.multiplications + self.additions + self.exponentials
    }
}

/// Operations of a model of `states` state variables in a step: decay, input, comparison with the threshold, reset.
///
/// Leaks at 0, gains of 1, refractoriness and late resets are not counted. As in NeuroBench (`yik2025`), `lif` takes 4,
/// its `Leaky`, and `cuba_lif` 6, its `Synaptic` with a reset by subtraction. A model that has no line of its own takes
/// one multiplication and two additions for each state variable, and a comparison.
///
/// ```
/// use cortado::{cost::operations, neuron::Convention};
/// let of = |name, states| operations(name, states, &Convention::default()).count();
/// assert_eq!((of("lif", 1), of("cuba_lif", 2), of("if", 1)), (4, 6, 3));
/// assert_eq!((of("adex", 2), of("izhikevich", 2)), (85, 69));
/// ```
pub fn operations(model: &str, states: u64, convention: &Convention) -> Operations {
    let rk4 = convention.decay == Decay::Exact;
    match model {
        // v += x; v > threshold; v -= threshold
        "if" => Operations::new(0, 3),
        // v += x
        "i" => Operations::new(0, 1),
        // x > 0
        "relu" => Operations::new(0, 1),
        // x / ceiling > 0, < 1; times levels + 1/2, floor, times step
        "qcfs" => Operations::new(3, 4),
        // v = b v + x
        "li" => Operations::new(1, 1),
        // v = b v + x; v > threshold; v -= threshold
        "lif" => Operations::new(1, 3),
        // i = a i + x; v += i; v > threshold; v -= threshold
        "cuba_if" => Operations::new(1, 4),
        // i = a i + x; v = b v + i; v > threshold; v -= threshold
        "cuba_lif" => Operations::new(2, 4),
        // v = b v + x; a = rho a; v - beta a > threshold; v -= threshold; a += 1
        "alif" => Operations::new(3, 5),
        // w = rho w + c v; v = alpha v + x - d w; v > threshold; v -= threshold; w += jump
        "adlif" | "se_adlif" => Operations::new(4, 6),
        // The slope has 6 products, 7 sums and an exponential; v > threshold; v = reset; w += b
        "adex" => integrated((6, 7, 1), rk4),
        // The slope has 5 products and 5 sums; v > threshold; v = reset; u += d
        "izhikevich" => integrated((5, 5, 0), rk4),
        _ => Operations::new(states, 2 * states + 1),
    }
}

/// Two state variables along a slope, by Runge and Kutta's method of order 4 or Euler's, and three operations of a spike.
fn integrated((products, sums, exponentials): (u64, u64, u64), rk4: bool) -> Operations {
    // A move along the slope takes a product and a sum for each variable. The method of order 4 has four slopes, three
    // moves, and a mean of 1, 2, 2 and 1 parts: five sums and a product, and a sum to add it.
    let (slopes, more_products, more_sums) = if rk4 { (4, 6 + 2, 6 + 12) } else { (1, 2, 2) };
    Operations {
        multiplications: slopes * products + more_products,
        additions: slopes * sums + more_sums + 3,
        exponentials: slopes * exponentials,
    }
}
