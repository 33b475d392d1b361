//! Units before maxima: the same function in an order that spikes can keep.

use super::{Ann, Op, Source};

impl Ann {
    /// The same function with each unit that stands behind a maximum over windows before it: a maximum of values that a unit makes
    /// larger or keeps is the unit's value of their maximum.
    ///
    /// Of rates a maximum can be told, of currents that change from step to step it cannot.
    ///
    /// ```
    /// use cortado_convert::ann::{Builder, Op, Source, Window};
    /// let mut b = Builder::new(&[1, 2, 2]).unwrap();
    /// let window = Window { kernel: [2, 2], stride: [2, 2], padding: [0; 4] };
    /// let pool = b.push("pool", Op::MaxPool2d(window), &[Source::Input]).unwrap();
    /// b.push("relu", Op::Relu, &[pool]).unwrap();
    /// let ann = b.finish().unwrap();
    /// let first = ann.units_first();
    /// assert_eq!((first.layers[0].name.as_str(), &first.layers[0].shape[..]), ("relu", &[1, 2, 2][..]));
    /// let x = [-1.0, 0.5, 0.25, -2.0];
    /// assert_eq!(first.forward(&x, 1).unwrap(), ann.forward(&x, 1).unwrap());
    /// ```
    pub fn units_first(&self) -> Self {
        let mut ann = self.clone();
        while let Some((pool, unit)) = ann.pool_before_unit() {
            ann.swap(pool, unit);
        }
        ann
    }

    /// Turns two layers round of which the second alone reads the first; one is a maximum, the other keeps shapes.
    pub(super) fn swap(&mut self, first: usize, second: usize) {
        let before = self.shape(self.layers[first].from[0]).to_vec();
        let behind = self.layers[second].shape.clone();
        let [a, b] =
            [first, second].map(|i| (self.layers[i].name.clone(), self.layers[i].op.clone()));
        (self.layers[first].name, self.layers[first].op) = b;
        (self.layers[second].name, self.layers[second].op) = a;
        self.layers[first].shape = match self.layers[first].op {
            Op::MaxPool2d(_) => behind,
            _ => before,
        };
    }

    /// A maximum that a unit alone reads; padding never wins, so that it is no part of the values.
    fn pool_before_unit(&self) -> Option<(usize, usize)> {
        (0..self.layers.len()).find_map(|pool| {
            if !matches!(self.layers[pool].op, Op::MaxPool2d(_)) {
                return None;
            }
            let readers = |l: &&super::Layer| l.from.contains(&Source::Layer(pool));
            let alone = self.layers.iter().filter(readers).count() == 1;
            let unit = self
                .layers
                .iter()
                .position(|l| l.from == [Source::Layer(pool)])?;
            let rises = match self.layers[unit].op {
                Op::LeakyRelu { slope } => slope >= 0.0,
                ref op => op.is_unit(),
            };
            (alone && rises).then_some((pool, unit))
        })
    }
}
