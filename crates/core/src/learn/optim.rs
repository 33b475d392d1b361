//! Optimisers and schedules.

use crate::network::Network;
use crate::neuron::Lanes;
use crate::sim::clock::Gradients;

/// Adam with clipping of the global gradient norm (`kingma2015`).
pub struct Adam<R> {
    /// Learning rate.
    pub rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Largest global norm of a gradient; infinity for none.
    pub clip: f64,
    step: i32,
    moments: Vec<(Vec<R>, Vec<R>)>,
}

impl<R: Lanes> Adam<R> {
    /// With the constants of the paper.
    pub fn new(rate: f64, clip: f64) -> Self {
        Self {
            rate,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            clip,
            step: 0,
            moments: Vec::new(),
        }
    }

    /// One step down the gradients, `scale` being the schedule's factor on the rate.
    pub fn step(&mut self, net: &mut Network<R>, gradients: &Gradients<R>, scale: f64) {
        let norm = gradients
            .iter()
            .flat_map(|g| &g.data)
            .map(|g| g.value() * g.value())
            .sum::<f64>()
            .sqrt();
        let factor = R::of(if norm > self.clip {
            self.clip / norm
        } else {
            1.0
        });
        self.step += 1;
        let unbias = |beta: f64| 1.0 - beta.powi(self.step);
        let rate = R::of(self.rate * scale / unbias(self.beta1));
        let root = R::of(1.0 / unbias(self.beta2));
        let (b1, b2, epsilon) = (R::of(self.beta1), R::of(self.beta2), R::of(self.epsilon));
        let (c1, c2) = (R::ONE - b1, R::ONE - b2);
        for (k, ((_, w), g)) in net.weights_mut().into_iter().zip(gradients).enumerate() {
            if self.moments.len() == k {
                self.moments
                    .push((vec![R::ZERO; w.data.len()], vec![R::ZERO; w.data.len()]));
            }
            let (m, v) = &mut self.moments[k];
            for (((w, &g), m), v) in w.data.iter_mut().zip(&g.data).zip(m).zip(v) {
                let g = g * factor;
                *m = *m * b1 + g * c1;
                *v = *v * b2 + g * g * c2;
                *w = *w - rate * *m / (R::of((*v * root).value().sqrt()) + epsilon);
            }
        }
    }
}

/// Cosine decay from 1 to 0 over `total` steps.
///
/// ```
/// assert_eq!(cortado::learn::cosine(50, 100), 0.5);
/// ```
pub fn cosine(step: usize, total: usize) -> f64 {
    let part = step as f64 / total.max(1) as f64;
    let factor = 0.5 * (1.0 + (std::f64::consts::PI * part).cos());
    (factor * 1e12).round() / 1e12
}
