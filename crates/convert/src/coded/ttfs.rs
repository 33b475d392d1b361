//! Time to first spike: the earlier, the more.

use super::{Coding, Spike, Windows};
use crate::{Error, Result};

/// The exact map of ReLU networks, with constant slope.
///
/// # Equations
/// Layer `n` listens until `t_min(n) = t_max(n - 1)`: a spike at `t_j` adds `J_ij` to the slope of `V_i`. From then on every slope is 1, and
/// the neuron fires once where `V_i` reaches `t_max(n) - t_min(n) - b_i`, if that is before `t_max(n)`. With `x = t_max - t` this says
/// `x_i = max(sum_j J_ij x_j + b_i, 0)`: the weights are those of the artificial network. What is above the window's length is cut off there.
///
/// The input is told in the same way, in a window of its own; a spike over an edge that skips layers waits until the window of its reader.
///
/// # References
/// `stanojevic2023`
#[derive(Clone, Debug, PartialEq)]
pub struct FirstSpike {
    /// Ends of the windows, that of the input first, then by layer.
    ends: Vec<f64>,
    /// Lengths of the windows, in the same order.
    lengths: Vec<f64>,
}

impl FirstSpike {
    /// `input` and `largest` are the largest values that the input and each layer of units tell: the lengths of their windows. Other
    /// layers have none.
    ///
    /// # Errors
    /// An input that is not positive.
    pub fn new(input: f64, largest: &[Option<f64>]) -> Result<Self> {
        if !(input > 0.0 && input.is_finite()) {
            return Err(Error::invalid(
                "largest value",
                "the input",
                "a positive number",
                input,
            ));
        }
        let rest = largest.iter().map(|l| l.unwrap_or_default());
        let lengths: Vec<f64> = std::iter::once(input).chain(rest).collect();
        let ends = lengths.iter().scan(0.0, |end, length| {
            *end += length;
            Some(*end)
        });
        Ok(Self {
            ends: ends.collect(),
            lengths,
        })
    }

    fn window(&self, layer: Option<usize>) -> [f64; 2] {
        let i = layer.map_or(0, |i| i + 1).min(self.ends.len() - 1);
        [self.ends[i], self.lengths[i]]
    }
}

impl Coding for FirstSpike {
    fn codes_input(&self) -> bool {
        true
    }

    fn room(&self, layer: usize) -> Option<f64> {
        self.lengths.get(layer + 1).copied()
    }

    fn encode(&self, layer: Option<usize>, potentials: &[f64], spikes: &mut Vec<Spike>) {
        let [end, length] = self.window(layer);
        let start = end - length;
        for (neuron, &v) in potentials.iter().enumerate().filter(|v| *v.1 > 0.0) {
            // The slope is 1 from `start` on; what is above already fires at once.
            let time = start + (length - v).max(0.0);
            if time < end {
                spikes.push(Spike {
                    neuron: neuron as u32,
                    time,
                });
            }
        }
        spikes.sort_by(|a, b| a.time.total_cmp(&b.time).then(a.neuron.cmp(&b.neuron)));
    }

    fn value(&self, layer: Option<usize>, time: f64) -> f64 {
        self.window(layer)[0] - time
    }

    /// The first spike of a window passes.
    fn largest(
        &self,
        spikes: &[Spike],
        outputs: usize,
        windows: Windows<'_>,
        out: &mut Vec<Spike>,
    ) {
        let mut passed = vec![false; outputs];
        for s in spikes {
            windows(s.neuron, &mut |o| {
                if !std::mem::replace(&mut passed[o], true) {
                    out.push(Spike {
                        neuron: o as u32,
                        time: s.time,
                    });
                }
            });
        }
    }
}
