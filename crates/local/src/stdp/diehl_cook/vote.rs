//! Which class each neuron stands for, and what they say together.

/// Mean spikes of each neuron for an image of each class.
#[derive(Clone, Debug)]
pub struct Labels {
    /// `[classes][neurons]`.
    mean: Vec<Vec<f64>>,
    /// The class of each neuron: that of the largest mean.
    class: Vec<usize>,
    /// Number of neurons of each class.
    neurons: Vec<f64>,
}

impl Labels {
    /// From the spikes of all neurons for images of known class.
    pub fn new<C: AsRef<[u32]>>(
        classes: usize,
        neurons: usize,
        shown: impl Iterator<Item = (u32, C)>,
    ) -> Self {
        let mut mean = vec![vec![0.0; neurons]; classes];
        let mut images = vec![0.0f64; classes];
        for (label, counts) in shown {
            images[label as usize] += 1.0;
            for (m, &c) in mean[label as usize].iter_mut().zip(counts.as_ref()) {
                *m += f64::from(c);
            }
        }
        for (row, n) in mean.iter_mut().zip(images) {
            row.iter_mut().for_each(|m| *m /= n.max(1.0));
        }
        let of = |j: usize| largest(mean.iter().map(|row| row[j]));
        let class: Vec<usize> = (0..neurons).map(of).collect();
        let mut count = vec![0.0; classes];
        for &c in &class {
            count[c] += 1.0;
        }
        Self {
            mean,
            class,
            neurons: count,
        }
    }

    /// The class whose neurons fire most on the mean (`diehl2015`).
    pub fn class_mean(&self, counts: &[u32]) -> usize {
        let mut sum = vec![0.0; self.neurons.len()];
        for (&class, &c) in self.class.iter().zip(counts) {
            sum[class] += f64::from(c);
        }
        largest(sum.iter().zip(&self.neurons).map(|(s, n)| s / n.max(1.0)))
    }

    /// The class that all spikes speak for: each for the classes in proportion to the means of its neuron.
    pub fn all_activity(&self, counts: &[u32]) -> usize {
        let total = |j: usize| self.mean.iter().map(|row| row[j]).sum::<f64>();
        let share: Vec<f64> = counts
            .iter()
            .enumerate()
            .map(|(j, &c)| {
                if c > 0 && total(j) > 0.0 {
                    f64::from(c) / total(j)
                } else {
                    0.0
                }
            })
            .collect();
        largest(
            self.mean
                .iter()
                .map(|row| row.iter().zip(&share).map(|(m, s)| m * s).sum()),
        )
    }
}

/// The first of the largest.
fn largest(values: impl Iterator<Item = f64>) -> usize {
    let better = |best: (usize, f64), (i, v)| if v > best.1 { (i, v) } else { best };
    values.enumerate().fold((0, f64::NEG_INFINITY), better).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_of_three_neurons() {
        // Neurons 0 and 1 stand for class 0, neuron 2 for class 1.
        let shown: [(u32, &[u32]); 3] = [(0, &[4, 2, 1]), (1, &[0, 1, 3]), (1, &[0, 1, 3])];
        let labels = Labels::new(2, 3, shown.into_iter());
        assert_eq!(labels.class, [0, 0, 1]);
        // Means of class 0: (1 + 3) / 2 = 2; of class 1: 3.
        assert_eq!(labels.class_mean(&[1, 3, 3]), 1);
        // Shares of neuron 1 are 2/3 and 1/3, of neuron 2 1/4 and 3/4: 1 + 2 + 3/4 against 0 + 1 + 9/4.
        assert_eq!(labels.all_activity(&[1, 3, 3]), 0);
        assert_eq!(labels.all_activity(&[0, 0, 1]), 1);
    }
}
