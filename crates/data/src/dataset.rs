//! Samples with labels, checked once when they are put together.

use cortado::{Error, Result};

/// Labelled samples of one shape, values in 0..=1.
///
/// # Shapes
/// `samples` is row-major `[len, features]`; one sample has the shape `shape`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Shape of one sample, for example `[1, 28, 28]` (channels, rows, columns) or `[4]`.
    pub shape: Vec<usize>,
    /// Number of classes; every label is below it.
    pub classes: usize,
    samples: Vec<f32>,
    labels: Vec<u32>,
}

impl Dataset {
    /// Puts samples and labels together.
    ///
    /// # Errors
    /// A shape without values, a number of values that is not labels times shape, a value that is not
    /// in 0..=1 (NaN and infinity included), or a label that is no class.
    ///
    /// ```
    /// use cortado_data::Dataset;
    /// let two = Dataset::new(vec![2], 3, vec![0.0, 0.25, 0.5, 1.0], vec![2, 0])?;
    /// assert_eq!((two.len(), two.features()), (2, 2));
    /// assert_eq!((two.sample(1), two.label(1)), (&[0.5, 1.0][..], 0));
    /// let e = Dataset::new(vec![1], 3, vec![0.0], vec![3]).unwrap_err();
    /// assert_eq!(e.to_string(), "label at sample 0: expected a class below 3, got 3");
    /// # Ok::<(), cortado::Error>(())
    /// ```
    pub fn new(
        shape: Vec<usize>,
        classes: usize,
        samples: Vec<f32>,
        labels: Vec<u32>,
    ) -> Result<Self> {
        let features = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        let Some(features) = features.filter(|&n| n > 0) else {
            return Err(Error::invalid(
                "sample shape",
                "data set",
                "a positive number of values that fits in memory",
                format!("{shape:?}"),
            ));
        };
        if labels.len().checked_mul(features) != Some(samples.len()) {
            return Err(Error::invalid(
                "number of values",
                "data set",
                format!("{} labels times shape {shape:?}", labels.len()),
                samples.len(),
            ));
        }
        if let Some(i) = samples.iter().position(|v| !(0.0..=1.0).contains(v)) {
            return Err(Error::invalid(
                "value",
                format!("sample {}, position {}", i / features, i % features),
                "a number in 0..=1",
                samples[i],
            ));
        }
        if let Some(i) = labels.iter().position(|&l| l as usize >= classes) {
            return Err(Error::invalid(
                "label",
                format!("sample {i}"),
                format!("a class below {classes}"),
                labels[i],
            ));
        }
        Ok(Self {
            shape,
            classes,
            samples,
            labels,
        })
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Number of values of one sample: the product of `shape`.
    pub fn features(&self) -> usize {
        self.shape.iter().product()
    }

    /// The values of sample `i`, row-major in `shape`.
    ///
    /// # Panics
    /// If `i` is not below `len()`.
    pub fn sample(&self, i: usize) -> &[f32] {
        let n = self.features();
        &self.samples[i * n..(i + 1) * n]
    }

    /// The class of sample `i`.
    ///
    /// # Panics
    /// If `i` is not below `len()`.
    pub fn label(&self, i: usize) -> u32 {
        self.labels[i]
    }

    /// All values, row-major `[len, features]`.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// All labels, `[len]`.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Keeps the first `n` samples, or all of them if there are fewer.
    pub fn truncate(&mut self, n: usize) {
        let n = n.min(self.len());
        self.samples.truncate(n * self.features());
        self.labels.truncate(n);
    }

    /// Takes off the last `n` samples; all if there are fewer.
    pub fn split_off(&mut self, n: usize) -> Self {
        let at = self.len().saturating_sub(n);
        Self {
            shape: self.shape.clone(),
            classes: self.classes,
            samples: self.samples.split_off(at * self.features()),
            labels: self.labels.split_off(at),
        }
    }
}

/// A data set in two parts: one to learn from, one to be judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// The name it was loaded by.
    pub name: String,
    /// What training sees.
    pub train: Dataset,
    /// What training never sees.
    pub test: Dataset,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(shape: &[usize], classes: usize, samples: &[f32], labels: &[u32]) -> String {
        Dataset::new(shape.to_vec(), classes, samples.to_vec(), labels.to_vec())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn bad_parts_are_sentences() {
        assert_eq!(
            message(&[2, 3], 4, &[0.0; 11], &[0, 1]),
            "number of values at data set: expected 2 labels times shape [2, 3], got 11"
        );
        assert_eq!(
            message(&[2], 4, &[0.0, 1.0, 0.5, f32::NAN], &[0, 1]),
            "value at sample 1, position 1: expected a number in 0..=1, got NaN"
        );
        for (bad, word) in [
            (f32::INFINITY, "got inf"),
            (f32::NEG_INFINITY, "got -inf"),
            (1.0001, "got 1.0001"),
            (-0.5, "got -0.5"),
        ] {
            assert!(message(&[1], 1, &[bad], &[0]).ends_with(word));
        }
        assert_eq!(
            message(&[1], 2, &[0.0, 0.0], &[1, 2]),
            "label at sample 1: expected a class below 2, got 2"
        );
        for shape in [&[3, 0][..], &[usize::MAX, 2]] {
            let m = message(shape, 1, &[], &[]);
            assert!(m.starts_with("sample shape at data set: expected a positive number"));
        }
        assert!(message(&[usize::MAX], 1, &[], &[0, 0]).starts_with("number of values"));
    }

    #[test]
    fn split_off_takes_the_last() {
        let mut d = Dataset::new(vec![2], 3, vec![0.1, 0.2, 0.3, 0.4], vec![2, 1]).unwrap();
        let last = d.split_off(1);
        assert_eq!((d.labels(), last.labels()), (&[2][..], &[1][..]));
        assert_eq!(
            (d.samples(), last.samples()),
            (&[0.1, 0.2][..], &[0.3, 0.4][..])
        );
        assert_eq!((d.split_off(5).len(), d.len()), (1, 0));
    }

    #[test]
    fn truncate_keeps_the_first() {
        let whole = Dataset::new(vec![2], 3, vec![0.1, 0.2, 0.3, 0.4], vec![2, 1]).unwrap();
        let mut d = whole.clone();
        d.truncate(5);
        assert_eq!(d, whole);
        d.truncate(1);
        assert_eq!(
            (d.len(), d.samples(), d.labels()),
            (1, &[0.1, 0.2][..], &[2][..])
        );
        d.truncate(0);
        assert!(d.is_empty() && d.samples().is_empty());
        assert_eq!(d.features(), 2);
    }
}
