//! Counter-based random numbers: Philox4x32-10 (`salmon2011`).
//!
//! A stream is named by (seed, object, purpose) and a position in it by (step, index), so that a number
//! depends on what it is for and never on the order in which threads ask for it.

/// What a stream of random numbers is for; keeps streams of the same object apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Initial weights.
    Weights = 1,
    /// Order of the training samples.
    Shuffle = 2,
    /// Spikes of a stochastic encoder.
    Encode = 3,
    /// Dropout masks.
    Dropout = 4,
    /// Made-up data.
    Data = 5,
    /// Anything else.
    Other = 6,
    /// Augmentation of training samples.
    Augment = 7,
    /// Parameters of neurons.
    Neurons = 8,
    /// Noise and drift in a signal.
    Distort = 9,
    /// Changes to recordings of events, and noise of a simulated sensor.
    Events = 10,
    /// Delays of weights.
    Delays = 11,
    /// Weights that carry errors back.
    Feedback = 14,
}

/// The ten rounds of Philox4x32 on one counter block.
///
/// ```
/// // Known answer of the Random123 distribution for counter 0 and key 0.
/// assert_eq!(cortado_base::rng::philox([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
/// ```
#[inline]
pub fn philox(mut c: [u32; 4], mut k: [u32; 2]) -> [u32; 4] {
    for round in 0..10 {
        if round > 0 {
            k = [
                k[0].wrapping_add(0x9E37_79B9),
                k[1].wrapping_add(0xBB67_AE85),
            ];
        }
        let p0 = u64::from(c[0]) * 0xD251_1F53;
        let p1 = u64::from(c[2]) * 0xCD9E_8D57;
        c = [
            (p1 >> 32) as u32 ^ c[1] ^ k[0],
            p1 as u32,
            (p0 >> 32) as u32 ^ c[3] ^ k[1],
            p0 as u32,
        ];
    }
    c
}

/// A stream of random numbers at one (seed, object, purpose, step).
///
/// ```
/// use cortado_base::rng::{Purpose, Rng};
/// let mut a = Rng::new(7, 0, Purpose::Encode, 3);
/// let mut b = Rng::new(7, 0, Purpose::Encode, 3);
/// assert_eq!(a.uniform(), b.uniform());
/// ```
#[derive(Clone, Debug)]
pub struct Rng {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl Rng {
    /// The stream for `purpose` of `object` at `step` under `seed`.
    pub fn new(seed: u64, object: u32, purpose: Purpose, step: u64) -> Self {
        // Key and counter together must tell all arguments apart: the seed is the key, the rest the counter.
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            counter: [
                0,
                step as u32,
                (step >> 32) as u32 ^ (purpose as u32) << 24,
                object,
            ],
            block: [0; 4],
            used: 4,
        }
    }

    /// The next 32 random bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        let r = self.block[self.used];
        self.used += 1;
        r
    }

    /// Uniform in [0, 1), 53 bits.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        let hi = u64::from(self.next_u32() >> 5);
        let lo = u64::from(self.next_u32() >> 6);
        ((hi << 26) | lo) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [0, 1), 24 bits: one word a number, for masks and spikes.
    #[inline]
    pub fn uniform_f32(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 / (1u32 << 24) as f32
    }

    /// Normal with mean 0 and variance 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let r = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        r * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Of the gamma law of that shape and scale 1 (`marsaglia2000`).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let power = (1.0 - self.uniform()).powf(1.0 / shape);
            return self.gamma(shape + 1.0) * power;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            let u = 1.0 - self.uniform();
            if v > 0.0 && u.ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
                return d * v;
            }
        }
    }

    /// Uniform in 0..n without bias (Lemire's rejection).
    ///
    /// # Errors
    /// None: `n = 0` gives 0.
    pub fn below(&mut self, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        let threshold = n.wrapping_neg() % n;
        loop {
            let m = u64::from(self.next_u32()) * u64::from(n);
            if m as u32 >= threshold {
                return (m >> 32) as u32;
            }
        }
    }

    /// Puts `items` into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u32 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers_of_random123() {
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]
        );
        assert_eq!(
            philox(
                [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
                [0xa4093822, 0x299f31d0]
            ),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn moments_of_uniform_and_normal() {
        let mut r = Rng::new(1, 2, Purpose::Other, 3);
        let n = 200_000;
        for shape in [0.6, 3.0] {
            // The gamma law has its shape for mean and for variance.
            let all: Vec<f64> = (0..n).map(|_| r.gamma(shape)).collect();
            let mean = all.iter().sum::<f64>() / f64::from(n);
            let square = all.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / f64::from(n);
            assert!((mean - shape).abs() < 5.0 * (shape / f64::from(n)).sqrt());
            assert!((square / shape - 1.0).abs() < 0.03);
        }
        let (mut u1, mut g1, mut g2) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            u1 += r.uniform();
            let g = r.normal();
            g1 += g;
            g2 += g * g;
        }
        let n = f64::from(n);
        assert!((u1 / n - 0.5).abs() < 5.0 * (1.0 / 12.0 / n).sqrt());
        assert!((g1 / n).abs() < 5.0 / n.sqrt());
        assert!((g2 / n - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
    }
}
