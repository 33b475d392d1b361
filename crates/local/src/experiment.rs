//! What an experiment is given, and what it says.

use crate::{Error, Result};
use serde_json::Value;

/// Images with classes.
#[derive(Clone, Copy, Debug)]
pub struct Set<'a> {
    /// `[samples][features]`, values in 0..=1.
    pub values: &'a [f32],
    /// The class of each sample.
    pub labels: &'a [u32],
}

/// What is learned from and what is tested.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// Shape of a sample: `[channels, rows, columns]`.
    pub shape: &'a [usize],
    /// Number of classes.
    pub classes: usize,
    /// What is learned from.
    pub train: Set<'a>,
    /// What is tested.
    pub test: Set<'a>,
}

impl Data<'_> {
    /// Whether there are samples, all of the shape and of a class.
    ///
    /// # Errors
    /// That there are none, or that one is not.
    pub fn check(&self) -> Result<()> {
        let size: usize = self.shape.iter().product();
        for (name, set) in [("training", &self.train), ("test", &self.test)] {
            let known = set.labels.iter().all(|&l| (l as usize) < self.classes);
            if set.is_empty() || !known || set.values.len() != size * set.len() {
                let expected = format!(
                    "samples of {size} values, each of one of {} classes",
                    self.classes
                );
                let got = format!("{} values and {} labels", set.values.len(), set.len());
                return Err(Error::invalid("data", name, expected, got));
            }
        }
        Ok(())
    }
}

impl<'a> Set<'a> {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// A sample; empty if there is none of that number.
    pub fn sample(&self, i: usize) -> &'a [f32] {
        let n = self.values.len() / self.len().max(1);
        self.values.get(i * n..(i + 1) * n).unwrap_or(&[])
    }
}

/// Takes in how an experiment stands, as a line of its metrics; an error stops it.
pub type Log<'a> = &'a mut dyn FnMut(Value) -> Result<()>;

/// What an experiment came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The last line, with `metric` and `metric_name` among its keys.
    pub line: Value,
    /// What was learned.
    pub learned: Vec<Tensor>,
}

/// Numbers that were learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// What they are called.
    pub name: String,
    /// Sizes of their axes.
    pub shape: Vec<usize>,
    /// Row by row.
    pub values: Vec<f32>,
    /// The axis along which there is a number for each value of a sample, if there is one.
    pub inputs: Option<usize>,
}

impl Tensor {
    /// Numbers under a name.
    pub(crate) fn new(name: impl Into<String>, shape: &[usize], values: Vec<f32>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len());
        Self {
            name: name.into(),
            shape: shape.to_vec(),
            values,
            inputs: None,
        }
    }

    /// The same, with a number for each value of a sample along that axis.
    pub(crate) fn of_inputs(self, axis: usize) -> Self {
        Self {
            inputs: Some(axis),
            ..self
        }
    }
}

/// An experiment of a local rule.
pub trait Experiment {
    /// Whether it needs images.
    fn wants_data(&self) -> bool;

    /// Runs it under a seed.
    ///
    /// # Errors
    /// Settings or data that do not fit; what `log` gives back.
    fn run(&self, seed: u64, data: Option<&Data<'_>>, log: Log<'_>) -> Result<Outcome>;
}
