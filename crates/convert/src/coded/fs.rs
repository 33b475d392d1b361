//! Few-spikes coding: the binary digits of a number, one spike for each that is 1.

use super::{Coding, Spike, Windows};
use crate::{Error, Result};

/// Few-spikes neurons for ReLU: in step `t = 1..K` of its window a neuron fires where its potential has reached
/// `T(t) = alpha 2^-t`; the spike lowers it by `h(t) = T(t)` and tells `d(t) = T(t)`.
///
/// The number told is the potential cut off to a multiple of `alpha 2^-K`, between 0 and `alpha (1 - 2^-K)`. A current is the input of the
/// first layer. Layers take turns, `K` steps each.
///
/// # References
/// `stockl2021`, with `>=` where the authors' program has `>`: a number that is a power of two then takes one spike.
#[derive(Clone, Debug, PartialEq)]
pub struct FewSpikes {
    steps: u32,
    /// `alpha` by layer.
    largest: Vec<Option<f64>>,
}

impl FewSpikes {
    /// `steps` digits; `largest` holds `alpha` for each layer of the network that is a unit.
    ///
    /// # Errors
    /// No step, or more than 50.
    pub fn new(steps: usize, largest: Vec<Option<f64>>) -> Result<Self> {
        if !(1..=50).contains(&steps) {
            return Err(Error::invalid(
                "steps",
                "few-spikes coding",
                "1 to 50",
                steps,
            ));
        }
        Ok(Self {
            steps: steps as u32,
            largest,
        })
    }

    fn unit(&self, layer: Option<usize>, step: f64) -> f64 {
        let alpha = layer.and_then(|i| self.room(i)).unwrap_or(1.0);
        alpha * (-step).exp2()
    }
}

impl Coding for FewSpikes {
    fn codes_input(&self) -> bool {
        false
    }

    fn room(&self, layer: usize) -> Option<f64> {
        *self.largest.get(layer)?
    }

    fn encode(&self, layer: Option<usize>, potentials: &[f64], spikes: &mut Vec<Spike>) {
        let mut left: Vec<(u32, f64)> = Vec::new();
        let positive = potentials.iter().enumerate().filter(|v| *v.1 > 0.0);
        left.extend(positive.map(|(j, &v)| (j as u32, v)));
        for t in 1..=self.steps {
            let time = f64::from(t);
            let threshold = self.unit(layer, time);
            for (neuron, v) in &mut left {
                if *v >= threshold {
                    *v -= threshold;
                    spikes.push(Spike {
                        neuron: *neuron,
                        time,
                    });
                }
            }
        }
    }

    fn value(&self, layer: Option<usize>, time: f64) -> f64 {
        self.unit(layer, time)
    }

    /// The first digit in which two numbers differ decides: in each step a spike passes a window if it comes from a neuron that has
    /// fired whenever one passed; neurons that stay silent when one passes are out.
    fn largest(
        &self,
        spikes: &[Spike],
        outputs: usize,
        windows: Windows<'_>,
        out: &mut Vec<Spike>,
    ) {
        // What a neuron has said so far, as a number of digits; what has passed each window.
        let mut said = vec![
            0u64;
            spikes
                .iter()
                .map(|s| s.neuron as usize + 1)
                .max()
                .unwrap_or(0)
        ];
        let mut passed = vec![0u64; outputs];
        for step in spikes.chunk_by(|a, b| a.time == b.time) {
            let digit = 1u64 << (u64::from(self.steps) - step[0].time as u64);
            let mut fired: Vec<usize> = Vec::new();
            for s in step {
                let before = said[s.neuron as usize];
                windows(s.neuron, &mut |o| {
                    if before == passed[o] {
                        fired.push(o);
                    }
                });
                said[s.neuron as usize] |= digit;
            }
            fired.sort_unstable();
            fired.dedup();
            for o in fired {
                passed[o] |= digit;
                out.push(Spike {
                    neuron: o as u32,
                    time: step[0].time,
                });
            }
        }
    }
}
