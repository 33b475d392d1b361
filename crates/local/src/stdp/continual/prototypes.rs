//! Supervised prototypes: of those of a class the nearest wins, and it alone moves.

use crate::Tensor;

/// A layer of prototypes that grows: an online mean for each, as in k-means, one set of them for each class.
///
/// No membrane and no time: the potential of a neuron is `sum w x` less its threshold, `sum w^2 / 2`, so that the largest is
/// the one whose weights are nearest to the input. A winner's weights move by `(x - w) / wins`: the more it has won, the less.
#[derive(Clone, Debug)]
pub struct Prototypes {
    /// Room for neurons.
    room: usize,
    /// `[inputs][room]`.
    weights: Vec<f32>,
    thresholds: Vec<f32>,
    wins: Vec<f32>,
    /// The class of each neuron.
    classes: Vec<u32>,
}

impl Prototypes {
    /// No neurons.
    pub fn new(inputs: usize, room: usize) -> Self {
        Self {
            room,
            weights: vec![0.0; inputs * room],
            thresholds: Vec::new(),
            wins: Vec::new(),
            classes: Vec::new(),
        }
    }

    /// What is learned: weights `[neurons, inputs]`, and the class of each neuron.
    pub fn tensors(&self) -> Vec<Tensor> {
        let (n, inputs) = (self.len(), self.weights.len() / self.room.max(1));
        let neuron = |j: usize| (0..inputs).map(move |i| self.weights[i * self.room + j]);
        let classes = self.classes.iter().map(|&c| c as f32).collect();
        vec![
            Tensor::new("weights", &[n, inputs], (0..n).flat_map(neuron).collect()).of_inputs(1),
            Tensor::new("classes", &[n], classes),
        ]
    }

    /// Number of neurons.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    fn potentials(&self, x: &[f32]) -> Vec<f32> {
        let mut sum: Vec<f32> = self.thresholds.iter().map(|t| -t).collect();
        for (row, &x) in self.weights.chunks_exact(self.room).zip(x) {
            if x != 0.0 {
                sum.iter_mut().zip(row).for_each(|(s, w)| *s += w * x);
            }
        }
        sum
    }

    /// The class of the winner.
    pub fn class(&self, x: &[f32]) -> Option<u32> {
        let j = largest(self.potentials(x).into_iter().enumerate())?;
        Some(self.classes[j])
    }

    /// Learns one input of known class. Only neurons of that class take part; one more is recruited if the winner is further from the
    /// input than `novelty` times the input's own square, and the class has fewer than `most`.
    pub fn learn(&mut self, x: &[f32], class: u32, novelty: f32, most: usize) {
        let square: f32 = x.iter().map(|x| x * x).sum();
        let potentials = self.potentials(x);
        let own = || (0..self.len()).filter(|&j| self.classes[j] == class);
        let winner = largest(own().map(|j| (j, potentials[j])));
        // |x - w|^2 = |x|^2 - 2 (w x - |w|^2 / 2)
        let near = |j: usize| square - 2.0 * potentials[j] <= novelty * square;
        let j = match winner {
            Some(j) if near(j) || own().count() >= most => j,
            _ => {
                self.thresholds.push(0.0);
                self.wins.push(0.0);
                self.classes.push(class);
                self.len() - 1
            }
        };
        self.wins[j] += 1.0;
        let rate = 1.0 / self.wins[j];
        let mut threshold = 0.0;
        for (w, x) in self.weights.iter_mut().skip(j).step_by(self.room).zip(x) {
            *w += rate * (x - *w);
            threshold += *w * *w / 2.0;
        }
        self.thresholds[j] = threshold;
    }
}

/// Where the largest value stands.
fn largest(mut values: impl Iterator<Item = (usize, f32)>) -> Option<usize> {
    let first = values.next()?;
    let better = |best: (usize, f32), next: (usize, f32)| if next.1 > best.1 { next } else { best };
    Some(values.fold(first, better).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neuron_is_the_mean_of_what_it_won() {
        let mut p = Prototypes::new(2, 3);
        assert_eq!(p.class(&[1.0, 0.0]), None);
        p.learn(&[1.0, 0.0], 0, 0.5, 1);
        p.learn(&[0.0, 1.0], 1, 0.5, 2);
        // Too far from the first of its class, but there may be only one.
        p.learn(&[0.0, 1.0], 0, 0.5, 1);
        p.learn(&[0.0, 0.1], 1, 0.5, 2);
        assert_eq!(
            (p.len(), p.class(&[0.0, 1.0]), p.class(&[0.6, 0.4])),
            (3, Some(1), Some(0))
        );
        assert_eq!(
            (p.weights[0], p.weights[3], p.thresholds[0]),
            (0.5, 0.5, 0.25)
        );
    }
}
