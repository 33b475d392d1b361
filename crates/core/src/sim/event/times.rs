//! Spikes of inputs at any time, for a batch of samples.

use super::queue::snap;
use crate::spikes::Spikes;
use crate::{Error, Result};

/// Spikes of `width` inputs for some samples, each with its time in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Times {
    /// Number of inputs.
    pub width: usize,
    /// Seconds that each sample lasts: what comes later is not seen.
    pub duration: f64,
    offsets: Vec<usize>,
    times: Vec<f64>,
    units: Vec<u32>,
}

impl Times {
    /// From the spikes of each sample, `(seconds, input)` in any order.
    ///
    /// # Errors
    /// A time that is negative or not finite; an input that is not below `width`; a duration that is not positive.
    ///
    /// ```
    /// use cortado::sim::event::Times;
    /// let times = Times::new(3, 0.1, [vec![(0.02, 2), (0.01, 0)], vec![]]).unwrap();
    /// assert_eq!(times.sample(0), (&[0.01, 0.02][..], &[0u32, 2][..]));
    /// assert_eq!((times.samples(), times.count()), (2, 2));
    /// ```
    pub fn new(
        width: usize,
        duration: f64,
        samples: impl IntoIterator<Item = Vec<(f64, u32)>>,
    ) -> Result<Self> {
        if !(duration > 0.0 && duration.is_finite()) {
            let expected = "a positive number of seconds";
            return Err(Error::invalid(
                "duration",
                "spike times",
                expected,
                duration,
            ));
        }
        let mut all = Self {
            width,
            duration,
            offsets: vec![0],
            times: Vec::new(),
            units: Vec::new(),
        };
        for (b, mut spikes) in samples.into_iter().enumerate() {
            spikes.iter_mut().for_each(|s| s.0 = snap(s.0));
            spikes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for (t, unit) in spikes {
                let at = || format!("spike times, sample {b}");
                if !(t >= 0.0 && t.is_finite()) {
                    return Err(Error::invalid("time", at(), "seconds from 0 on", t));
                }
                if unit as usize >= width {
                    return Err(Error::invalid(
                        "input",
                        at(),
                        format!("less than {width}"),
                        unit,
                    ));
                }
                all.times.push(t);
                all.units.push(unit);
            }
            all.offsets.push(all.times.len());
        }
        Ok(all)
    }

    /// From spikes in steps of `dt` seconds: those of step `n` stand at `n dt`.
    pub fn from_spikes(spikes: &Spikes, dt: f64) -> Result<Self> {
        let sample = |b: usize| -> Vec<(f64, u32)> {
            let steps =
                (0..spikes.steps).flat_map(|n| spikes.row(b, n).iter().map(move |&i| (n, i)));
            steps.map(|(n, i)| (n as f64 * dt, i)).collect()
        };
        let samples = (0..spikes.samples).map(sample);
        Self::new(spikes.width, spikes.steps as f64 * dt, samples)
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of spikes.
    pub fn count(&self) -> usize {
        self.times.len()
    }

    /// Times, ascending, and inputs of a sample.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn sample(&self, b: usize) -> (&[f64], &[u32]) {
        let range = self.offsets[b]..self.offsets[b + 1];
        (&self.times[range.clone()], &self.units[range])
    }
}
