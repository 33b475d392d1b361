//! Sparse spikes: for each sample and step, the indices of the neurons that fired.

use crate::num::Float;
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

    /// From the indices of each row, in any order, rows going through the steps of a sample before the next.
    ///
    /// # Errors
    /// Another number of rows than `samples x steps`; an index that is not below `width`, or that a row has twice.
    ///
    /// ```
    /// let s = cortado::spikes::Spikes::from_rows(1, 2, 3, [vec![2, 0], vec![]]).unwrap();
    /// assert_eq!(s.row(0, 0), [0, 2]);
    /// ```
    pub fn from_rows(
        samples: usize,
        steps: usize,
        width: usize,
        rows: impl IntoIterator<Item = Vec<u32>>,
    ) -> Result<Self> {
        let mut spikes = Self::builder(samples, steps, width);
        for (r, mut row) in rows.into_iter().enumerate() {
            row.sort_unstable();
            let at = || format!("spikes, row {r}");
            if let Some(&i) = row.last().filter(|&&i| i as usize >= width) {
                let expected = format!("less than {width}");
                return Err(Error::invalid("index", at(), expected, i));
            }
            if let Some(w) = row.windows(2).find(|w| w[0] == w[1]) {
                return Err(Error::invalid("index", at(), "each index once", w[0]));
            }
            spikes.push_row(row);
        }
        if spikes.offsets.len() - 1 != samples * steps {
            let expected = format!("{samples} x {steps}");
            let got = spikes.offsets.len() - 1;
            return Err(Error::invalid("rows", "spikes", expected, got));
        }
        Ok(spikes)
    }

    /// Samples one after the other, all of the same steps and width.
    ///
    /// # Errors
    /// Different steps or widths; no samples.
    pub fn stack<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Result<Self> {
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else {
            return Err(Error::invalid("samples", "spikes", "at least one", 0));
        };
        let mut all = first.clone();
        for part in parts {
            if (part.steps, part.width) != (all.steps, all.width) {
                let expected = format!("{} steps of {}", all.steps, all.width);
                let got = format!("{} of {}", part.steps, part.width);
                return Err(Error::invalid("samples", "spikes", expected, got));
            }
            let base = all.index.len() as u32;
            all.samples += part.samples;
            all.offsets
                .extend(part.offsets[1..].iter().map(|o| o + base));
            all.index.extend_from_slice(&part.index);
        }
        Ok(all)
    }

    /// Some of the steps of all samples; those that are not there are left out.
    pub fn slice(&self, steps: std::ops::Range<usize>) -> Self {
        let steps = steps.start.min(self.steps)..steps.end.min(self.steps);
        let mut part = Self::builder(self.samples, steps.len(), self.width);
        for b in 0..self.samples {
            for t in steps.clone() {
                part.push_row(self.row(b, t).iter().copied());
            }
        }
        part
    }

    /// The neurons that fired in a step of a sample, in ascending order.
    #[inline]
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

/// Sparse rows: row `r` holds `index[offsets[r]..offsets[r + 1]]`, ascending.
#[derive(Clone, Debug)]
pub(crate) struct Rows<R> {
    pub offsets: Vec<u32>,
    pub index: Vec<u32>,
    /// One for each index; empty if all are 1.
    pub values: Vec<R>,
}

impl<R: Float> Default for Rows<R> {
    fn default() -> Self {
        Self {
            offsets: vec![0],
            index: Vec::new(),
            values: Vec::new(),
        }
    }
}

impl<R: Float> Rows<R> {
    /// Ends a row.
    #[inline]
    pub fn close(&mut self) {
        self.offsets.push(self.index.len() as u32);
    }

    /// The values, if not all are 1.
    #[inline]
    pub fn values(&self) -> Option<&[R]> {
        (!self.values.is_empty()).then_some(&self.values[..])
    }

    /// Keeps the last `rows` rows, or puts empty ones where there are fewer.
    #[inline]
    pub fn keep_last(&mut self, rows: usize) {
        if rows == 0 {
            return self.clear();
        }
        let have = self.offsets.len() - 1;
        let first = have.saturating_sub(rows);
        let cut = self.offsets[first];
        self.index.copy_within(cut as usize.., 0);
        self.index.truncate(self.index.len() - cut as usize);
        if !self.values.is_empty() {
            self.values.drain(..cut as usize);
        }
        self.offsets.copy_within(first.., 0);
        self.offsets.truncate(have + 1 - first);
        self.offsets.iter_mut().for_each(|o| *o -= cut);
        for _ in have..rows {
            self.offsets.insert(0, 0);
        }
    }

    /// No rows.
    #[inline]
    pub fn clear(&mut self) {
        self.offsets.clear();
        self.offsets.push(0);
        self.index.clear();
        self.values.clear();
    }
}
