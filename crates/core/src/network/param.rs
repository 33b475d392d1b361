//! Trained numbers: how they are named, and how they stand in memory.

use super::shape::Shape;
use crate::kernel::{TILE, padded};
use crate::num::{Aligned, Float};

/// A parameter: numbers that an optimiser moves, or running statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct Param<R> {
    /// `NODE.weight`, `NODE.bias`, `NODE.tau_mem`; `NODE.ln_tau_mem` for one that is kept as its logarithm.
    pub name: String,
    /// Its shape: `[outputs, inputs]` for weights, `[channels, channels of a group, height, width]` for kernels.
    pub shape: Vec<usize>,
    pub(crate) data: Aligned<R>,
    pub(crate) place: Place,
    /// What an optimiser keeps it between.
    pub(crate) bounds: Option<[R; 2]>,
    /// What an optimiser's rate is multiplied by.
    pub(crate) rate: f64,
}

/// Where each number of the canonical order stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    /// As in the shape.
    Plain,
    /// Permuted.
    Order(Shape),
    /// Permuted and padded to whole tiles.
    Lanes(Shape),
    /// `[outputs / 64][inputs][64]`.
    Tiles { inputs: Shape, outputs: Shape },
    /// `[groups][inputs of a group][height][width, flipped][outputs of a group]`.
    Kernel { groups: usize },
}

impl<R: Float> Param<R> {
    pub(crate) fn new(name: String, shape: Vec<usize>, place: Place) -> Self {
        let count = shape.iter().product();
        let len = match &place {
            Place::Plain | Place::Order(_) | Place::Kernel { .. } => count,
            Place::Lanes(s) => padded(s.size()),
            Place::Tiles { inputs, outputs } => padded(outputs.size()) * inputs.size(),
        };
        Self {
            name,
            shape,
            data: Aligned::zeros(len),
            place,
            bounds: None,
            rate: 1.0,
        }
    }

    /// Number of parameters.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// The place in memory of number `n` in the order of the shape.
    pub(crate) fn place(&self, n: usize) -> usize {
        match &self.place {
            Place::Plain => n,
            Place::Order(s) | Place::Lanes(s) => s.place(n),
            Place::Tiles { inputs, outputs } => {
                let o = outputs.place(n / inputs.size());
                (o / TILE * inputs.size() + inputs.place(n % inputs.size())) * TILE + o % TILE
            }
            Place::Kernel { groups } => {
                let [outputs, c, h, w] = [0, 1, 2, 3].map(|k| self.shape[k]);
                let og = outputs / groups;
                let (x, y, i, o) = (n % w, n / w % h, n / (w * h) % c, n / (w * h * c));
                ((((o / og * c + i) * h + y) * w) + (w - 1 - x)) * og + o % og
            }
        }
    }

    /// For each number in the order of the shape, its place in memory.
    pub(crate) fn places(&self) -> Vec<usize> {
        (0..self.count()).map(|n| self.place(n)).collect()
    }

    /// The numbers in the order of the shape.
    pub fn values(&self) -> Vec<R> {
        self.places().into_iter().map(|p| self.data[p]).collect()
    }

    /// The numbers of `data`, which stands like this parameter, in the order of the shape: for gradients.
    pub fn values_of(&self, data: &[R]) -> Vec<R> {
        self.places().into_iter().map(|p| data[p]).collect()
    }

    /// Sets the numbers, in the order of the shape.
    ///
    /// # Errors
    /// Another number of them; a value that is not finite.
    pub fn set(&mut self, values: &[R]) -> crate::Result<()> {
        if values.len() != self.count() {
            return Err(crate::Error::invalid(
                "length",
                format!("parameter '{}'", self.name),
                format!("{:?}", self.shape),
                values.len(),
            ));
        }
        if let Some(i) = values.iter().position(|v| !v.finite()) {
            return Err(crate::Error::invalid(
                "value",
                format!("parameter '{}', number {i}", self.name),
                "a finite number",
                values[i],
            ));
        }
        for (p, &v) in self.places().into_iter().zip(values) {
            self.data[p] = v;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_comes_back_from_every_place() {
        let (a, b) = (Shape::new(&[2, 3, 5]).flat(), Shape::new(&[70]));
        for (shape, place) in [
            (vec![7], Place::Plain),
            (vec![30], Place::Lanes(a.clone())),
            (
                vec![70, 30],
                Place::Tiles {
                    inputs: a,
                    outputs: b,
                },
            ),
            (vec![6, 2, 3, 4], Place::Kernel { groups: 3 }),
        ] {
            let mut p = Param::<f64>::new("p".into(), shape, place);
            let values: Vec<f64> = (1..=p.count()).map(|i| i as f64).collect();
            p.set(&values).unwrap();
            assert_eq!(p.values(), values);
            assert!(p.set(&values[1..]).is_err());
            assert!(p.set(&vec![f64::NAN; p.count()]).is_err());
        }
    }
}
