//! Signals that a readout should follow.

use crate::{Error, Result};

/// A value for each sample, step and output.
///
/// ```
/// use cortado::learn::Signals;
/// let s = Signals::new([1, 2, 2], vec![0.0, 1.0, 2.0, 3.0]).unwrap();
/// assert_eq!(s.row(0, 1), [2.0, 3.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Signals {
    /// Number of samples, steps and outputs.
    pub extent: [usize; 3],
    data: Vec<f64>,
}

impl Signals {
    /// From `[samples, steps, outputs]` values.
    ///
    /// # Errors
    /// Another number of them; a value that is not finite.
    pub fn new(extent: [usize; 3], data: Vec<f64>) -> Result<Self> {
        if extent.iter().product::<usize>() != data.len() {
            let expected = format!("{extent:?}");
            return Err(Error::invalid("length", "signals", expected, data.len()));
        }
        if let Some(i) = data.iter().position(|v| !v.is_finite()) {
            let place = format!("signals, number {i}");
            return Err(Error::invalid("value", place, "a finite number", data[i]));
        }
        Ok(Self { extent, data })
    }

    /// The values of a step of a sample.
    pub fn row(&self, sample: usize, step: usize) -> &[f64] {
        let [_, steps, n] = self.extent;
        &self.data[(sample * steps + step) * n..][..n]
    }
}
