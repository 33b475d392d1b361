//! Sparse spikes: for each sample and step, the indices of the neurons that fired.

use crate::kernel::TILE;
use crate::{Error, Result};

/// Spikes of `samples x steps` rows over `width` neurons, as indices.
///
/// ```
/// let s = cortado::spikes::Spikes::from_dense(1, 2, 3, &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0]).unwrap();
/// assert_eq!((s.row(0, 1), s.count()), (&[0u32, 2][..], 3));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spikes {
    /// Number of samples.
    pub samples: usize,
    /// Number of steps.
    pub steps: usize,
    /// Number of neurons.
    pub width: usize,
    pub(crate) offsets: Vec<u32>,
    pub(crate) index: Vec<u32>,
}

impl Spikes {
    /// No spikes yet: rows are pushed sample by sample, step by step.
    pub(crate) fn builder(samples: usize, steps: usize, width: usize) -> Self {
        Self {
            samples,
            steps,
            width,
            offsets: vec![0],
            index: Vec::new(),
        }
    }

    pub(crate) fn push_row(&mut self, row: impl IntoIterator<Item = u32>) {
        self.index.extend(row);
        self.offsets.push(self.index.len() as u32);
    }

    /// From `[samples, steps, width]` zeros and ones.
    ///
    /// # Errors
    /// A length that is not the product of the three; a value that is neither 0 nor 1.
    pub fn from_dense(samples: usize, steps: usize, width: usize, dense: &[f32]) -> Result<Self> {
        if dense.len() != samples * steps * width {
            return Err(Error::invalid(
                "length",
                "spikes",
                format!("{samples} x {steps} x {width}"),
                dense.len(),
            ));
        }
        let mut spikes = Self::builder(samples, steps, width);
        for (r, row) in dense.chunks(width.max(1)).enumerate() {
            if let Some(v) = row.iter().find(|&&v| v != 0.0 && v != 1.0) {
                return Err(Error::invalid(
                    "value",
                    format!("spikes, row {r}"),
                    "0 or 1",
                    v,
                ));
            }
            spikes.push_row((0..width as u32).filter(|&i| row[i as usize] == 1.0));
        }
        Ok(spikes)
    }

    /// The neurons that fired in a step of a sample, in ascending order.
    pub fn row(&self, sample: usize, step: usize) -> &[u32] {
        let r = sample * self.steps + step;
        &self.index[self.offsets[r] as usize..self.offsets[r + 1] as usize]
    }

    /// Number of spikes.
    pub fn count(&self) -> usize {
        self.index.len()
    }

    /// Bytes that they take in memory.
    pub fn bytes(&self) -> usize {
        4 * (self.index.len() + self.offsets.len())
    }

    /// Spikes per neuron and step.
    pub fn rate(&self) -> f64 {
        self.count() as f64 / ((self.samples * self.steps * self.width).max(1)) as f64
    }
}

/// Appends the neurons of a tile that fired; bits past the last neuron are padding.
pub(crate) fn push_bits(mut bits: u64, tile: usize, width: usize, index: &mut Vec<u32>) {
    let live = (width - tile * TILE).min(TILE);
    if live < TILE {
        bits &= (1u64 << live) - 1;
    }
    while bits != 0 {
        index.push((tile * TILE) as u32 + bits.trailing_zeros());
        bits &= bits - 1;
    }
}
