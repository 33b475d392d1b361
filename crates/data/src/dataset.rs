//! Samples with what they stand for, checked once when they are put together.

use cortado::encode::{Events, Sample, Series};
use cortado::{Error, Result};

/// Samples of one kind and shape, each with a class, with the times of what it holds, or with signals that it stands for.
///
/// Values are in 0..=1; signals and spikes have a length of their own each.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Shape of one sample of values, for example `[1, 28, 28]` (channels, rows, columns) or `[4]`; `[channels]` of signals and
    /// of spikes; `[2, rows, columns]` of an event camera, darker before brighter.
    pub shape: Vec<usize>,
    /// Number of classes; every label is below it. 0 where samples have times or signals in place of a class.
    pub classes: usize,
    content: Content,
    meaning: Meaning,
}

#[derive(Clone, Debug, PartialEq)]
enum Content {
    /// Row-major `[len, features]`.
    Values(Vec<f32>),
    /// `[frames][channels]` each, a frame every `period` seconds.
    Series { data: Vec<Vec<f32>>, period: f64 },
    /// Times in microseconds and channels.
    Events(Vec<(Vec<u32>, Vec<u32>)>),
}

#[derive(Clone, Debug, PartialEq)]
enum Meaning {
    Classes(Vec<u32>),
    /// Seconds from the start of the sample, ascending.
    Times(Vec<Vec<f64>>),
    Signals(Vec<Trace>),
}

/// Signals that a sample stands for: a frame of values every `period` seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Seconds from frame to frame.
    pub period: f64,
    /// Values of a frame.
    pub outputs: usize,
    /// `[frames][outputs]`
    pub data: Vec<f64>,
}

impl Dataset {
    /// Puts values and labels together.
    ///
    /// # Errors
    /// A shape without values, a number of values that is not labels times shape, a value that is not
    /// in 0..=1 (NaN and infinity included), or a label that is no class.
    ///
    /// ```
    /// use cortado_data::Dataset;
    /// let two = Dataset::new(vec![2], 3, vec![0.0, 0.25, 0.5, 1.0], vec![2, 0])?;
    /// assert_eq!((two.len(), two.features()), (2, 2));
    /// assert_eq!((two.values(1), two.label(1)), (&[0.5, 1.0][..], 0));
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
        check_labels(classes, &labels)?;
        Ok(Self {
            shape,
            classes,
            content: Content::Values(samples),
            meaning: Meaning::Classes(labels),
        })
    }

    /// Puts signals of `channels` channels, a frame every `period` seconds, and their classes together.
    ///
    /// # Errors
    /// Another number of labels than of signals; a signal that is not whole frames of finite values; a label that is no class.
    pub fn signals(
        (channels, period): (usize, f64),
        data: Vec<Vec<f32>>,
        classes: usize,
        labels: Vec<u32>,
    ) -> Result<Self> {
        Self::classed(
            vec![channels],
            Content::Series { data, period },
            classes,
            labels,
        )
    }

    /// Puts signals and the times in them, in seconds from the start of each, together.
    ///
    /// # Errors
    /// As [`Dataset::signals`]; times that are not ascending and finite.
    pub fn marked(
        (channels, period): (usize, f64),
        data: Vec<Vec<f32>>,
        times: Vec<Vec<f64>>,
    ) -> Result<Self> {
        for (i, times) in times.iter().enumerate() {
            let ascending = times.is_sorted() && times.iter().all(|t| t.is_finite());
            if !ascending {
                let place = format!("sample {i}");
                return Err(Error::invalid(
                    "times",
                    place,
                    "ascending seconds",
                    "others",
                ));
            }
        }
        Self::checked(Self {
            shape: vec![channels],
            classes: 0,
            content: Content::Series { data, period },
            meaning: Meaning::Times(times),
        })
    }

    /// Puts spikes, times in microseconds and channels of `shape`, row-major, and their classes together.
    ///
    /// # Errors
    /// Another number of labels than of samples; a channel that is not in `shape`; a label that is no class.
    pub fn spikes(
        shape: Vec<usize>,
        data: Vec<(Vec<u32>, Vec<u32>)>,
        classes: usize,
        labels: Vec<u32>,
    ) -> Result<Self> {
        Self::classed(shape, Content::Events(data), classes, labels)
    }

    /// Puts spikes, as of [`Dataset::spikes`], and the signals that they stand for together.
    ///
    /// # Errors
    /// Another number of signals than of samples; a channel that is not in `shape`; a signal that is not whole frames of finite values.
    pub fn traced(
        shape: Vec<usize>,
        data: Vec<(Vec<u32>, Vec<u32>)>,
        signals: Vec<Trace>,
    ) -> Result<Self> {
        for (i, s) in signals.iter().enumerate() {
            let whole = s.outputs > 0 && s.data.len().is_multiple_of(s.outputs);
            let sound = s.period > 0.0 && s.period.is_finite();
            if !(whole && sound && s.data.iter().all(|v| v.is_finite())) {
                let expected = "whole frames of finite values";
                let place = format!("sample {i}");
                return Err(Error::invalid("signal", place, expected, "another"));
            }
        }
        Self::checked(Self {
            shape,
            classes: 0,
            content: Content::Events(data),
            meaning: Meaning::Signals(signals),
        })
    }

    fn classed(
        shape: Vec<usize>,
        content: Content,
        classes: usize,
        labels: Vec<u32>,
    ) -> Result<Self> {
        check_labels(classes, &labels)?;
        Self::checked(Self {
            shape,
            classes,
            content,
            meaning: Meaning::Classes(labels),
        })
    }

    fn checked(self) -> Result<Self> {
        let have = match &self.content {
            Content::Values(_) => self.len(),
            Content::Series { data, .. } => data.len(),
            Content::Events(data) => data.len(),
        };
        if have != self.len() {
            let expected = format!("{have}, one for each sample");
            return Err(Error::invalid("labels", "data set", expected, self.len()));
        }
        (0..have).try_for_each(|i| self.sample(i).check(i))?;
        Ok(self)
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        match &self.meaning {
            Meaning::Classes(labels) => labels.len(),
            Meaning::Times(times) => times.len(),
            Meaning::Signals(signals) => signals.len(),
        }
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of values of one sample, or of one frame, or of channels: the product of `shape`.
    pub fn features(&self) -> usize {
        self.shape.iter().product()
    }

    /// Sample `i`.
    ///
    /// # Panics
    /// If `i` is not below `len()`.
    pub fn sample(&self, i: usize) -> Sample<'_> {
        match &self.content {
            Content::Values(_) => Sample::Values(self.values(i)),
            Content::Series { data, period } => Sample::Series(Series {
                data: &data[i],
                channels: self.features(),
                period: *period,
            }),
            Content::Events(data) => Sample::Events(Events {
                times: &data[i].0,
                units: &data[i].1,
                channels: self.features(),
            }),
        }
    }

    /// The values of sample `i`, row-major in `shape`; of a signal its frames; of spikes none.
    ///
    /// # Panics
    /// If `i` is not below `len()`.
    pub fn values(&self, i: usize) -> &[f32] {
        match &self.content {
            Content::Values(all) => {
                let n = self.features();
                &all[i * n..(i + 1) * n]
            }
            Content::Series { data, .. } => &data[i],
            Content::Events(_) => &[],
        }
    }

    /// The values of all samples, one after the other; none of signals and spikes.
    pub fn all_values(&self) -> &[f32] {
        match &self.content {
            Content::Values(all) => all,
            _ => &[],
        }
    }

    /// Seconds that sample `i` lasts; 0 of values.
    ///
    /// # Panics
    /// If `i` is not below `len()`.
    pub fn duration(&self, i: usize) -> f64 {
        match &self.content {
            Content::Values(_) => 0.0,
            Content::Series { data, period } => {
                (data[i].len() / self.features().max(1)) as f64 * period
            }
            Content::Events(data) => f64::from(data[i].0.iter().copied().max().unwrap_or(0)) * 1e-6,
        }
    }

    /// The class of sample `i`.
    ///
    /// # Panics
    /// If `i` is not below `len()`, or samples have no classes.
    pub fn label(&self, i: usize) -> u32 {
        self.labels()[i]
    }

    /// All labels, `[len]`; none where samples have no classes.
    pub fn labels(&self) -> &[u32] {
        match &self.meaning {
            Meaning::Classes(labels) => labels,
            Meaning::Times(_) | Meaning::Signals(_) => &[],
        }
    }

    /// The times of sample `i` in seconds, where samples have times.
    pub fn times(&self, i: usize) -> Option<&[f64]> {
        match &self.meaning {
            Meaning::Classes(_) | Meaning::Signals(_) => None,
            Meaning::Times(times) => times.get(i).map(Vec::as_slice),
        }
    }

    /// The signals that sample `i` stands for, where samples have signals.
    pub fn signals_of(&self, i: usize) -> Option<&Trace> {
        match &self.meaning {
            Meaning::Signals(signals) => signals.get(i),
            _ => None,
        }
    }

    /// The samples of those numbers, in that order; numbers that are too large are left out.
    pub fn select(&self, ids: &[usize]) -> Self {
        let ids: Vec<usize> = ids.iter().copied().filter(|&i| i < self.len()).collect();
        fn pick<T: Clone>(list: &[T], ids: &[usize]) -> Vec<T> {
            ids.iter().map(|&i| list[i].clone()).collect()
        }
        Self {
            shape: self.shape.clone(),
            classes: self.classes,
            content: match &self.content {
                Content::Values(_) => {
                    let values = ids.iter().flat_map(|&i| self.values(i));
                    Content::Values(values.copied().collect())
                }
                Content::Series { data, period } => Content::Series {
                    data: pick(data, &ids),
                    period: *period,
                },
                Content::Events(data) => Content::Events(pick(data, &ids)),
            },
            meaning: match &self.meaning {
                Meaning::Classes(labels) => Meaning::Classes(pick(labels, &ids)),
                Meaning::Times(times) => Meaning::Times(pick(times, &ids)),
                Meaning::Signals(signals) => Meaning::Signals(pick(signals, &ids)),
            },
        }
    }

    /// Keeps the first `n` samples, or all of them if there are fewer.
    pub fn truncate(&mut self, n: usize) {
        if n < self.len() {
            *self = self.select(&(0..n).collect::<Vec<_>>());
        }
    }

    /// Takes off the last `n` samples; all if there are fewer.
    pub fn split_off(&mut self, n: usize) -> Self {
        let at = self.len().saturating_sub(n);
        let last = self.select(&(at..self.len()).collect::<Vec<_>>());
        self.truncate(at);
        last
    }
}

fn check_labels(classes: usize, labels: &[u32]) -> Result<()> {
    match labels.iter().position(|&l| l as usize >= classes) {
        None => Ok(()),
        Some(i) => Err(Error::invalid(
            "label",
            format!("sample {i}"),
            format!("a class below {classes}"),
            labels[i],
        )),
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
            (d.values(0), last.values(0)),
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
            (d.len(), d.values(0), d.labels()),
            (1, &[0.1, 0.2][..], &[2][..])
        );
        d.truncate(0);
        assert!(d.is_empty());
        assert_eq!(d.features(), 2);
    }
}
