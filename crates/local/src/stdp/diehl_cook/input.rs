//! Poisson spikes of an image.

use cortado_base::rng::{Purpose, Rng};

/// Spikes of one presentation: which inputs fire at each step.
#[derive(Debug, Default)]
pub struct Spikes {
    /// `inputs[starts[t]..starts[t + 1]]` fire at step `t`, in ascending order.
    starts: Vec<u32>,
    inputs: Vec<u32>,
    /// Step and input, before they are sorted by step.
    drawn: Vec<(u32, u32)>,
}

impl Spikes {
    /// Draws spikes anew: input `i` fires at each of `steps` with probability `gain * image[i]`.
    ///
    /// The steps from a spike to the next follow the geometric law, so that what this costs grows with spikes and not with steps.
    pub fn draw(&mut self, image: &[f32], gain: f64, steps: usize, mut rng: Rng) {
        self.drawn.clear();
        self.starts.clear();
        self.starts.resize(steps + 1, 0);
        for (i, &value) in image.iter().enumerate() {
            let p = (gain * f64::from(value)).min(1.0);
            if p <= 0.0 {
                continue;
            }
            let scale = 1.0 / (-p).ln_1p();
            let mut t = 0.0;
            loop {
                // Steps without a spike, of probability (1 - p)^n.
                t += ((1.0 - rng.uniform()).ln() * scale).floor();
                if t >= steps as f64 {
                    break;
                }
                self.drawn.push((t as u32, i as u32));
                self.starts[t as usize + 1] += 1;
                t += 1.0;
            }
        }
        for t in 0..steps {
            self.starts[t + 1] += self.starts[t];
        }
        self.inputs.clear();
        self.inputs.resize(self.drawn.len(), 0);
        let mut next = self.starts.clone();
        for &(t, i) in &self.drawn {
            self.inputs[next[t as usize] as usize] = i;
            next[t as usize] += 1;
        }
    }

    /// The inputs that fire at a step.
    #[inline]
    pub fn at(&self, t: usize) -> &[u32] {
        &self.inputs[self.starts[t] as usize..self.starts[t + 1] as usize]
    }
}

/// The random numbers of a presentation: of training (`round` the pass), of label assignment or of the test.
pub fn stream(seed: u64, kind: Kind, image: usize, round: usize, attempt: usize) -> Rng {
    let step = (kind as u64) << 40 | (round as u64) << 20 | attempt as u64;
    Rng::new(seed, image as u32, Purpose::Encode, step)
}

/// What an image is shown for.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// To learn from.
    Learn = 0,
    /// To find which class a neuron stands for.
    Label = 1,
    /// To be classified.
    Test = 2,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_fires_with_its_probability() {
        let (steps, rounds) = (50, 4000);
        let image = [0.0, 0.25, 1.0, 2.0];
        let mut counts = [[0u32; 50]; 4];
        let mut s = Spikes::default();
        for round in 0..rounds {
            s.draw(&image, 0.5, steps, stream(3, Kind::Learn, 0, round, 0));
            for t in 0..steps {
                assert!(s.at(t).windows(2).all(|w| w[0] < w[1]));
                for &i in s.at(t) {
                    counts[i as usize][t] += 1;
                }
            }
        }
        for (i, p) in [0.0, 0.125, 0.5, 1.0].into_iter().enumerate() {
            let error = (p * (1.0 - p) / rounds as f64).sqrt();
            for c in counts[i] {
                assert!(
                    (f64::from(c) / rounds as f64 - p).abs() <= 5.0 * error,
                    "{i} {c}"
                );
            }
        }
    }
}
