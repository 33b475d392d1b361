//! Layers on an eye, one after the other.

use super::wave::largest;
use super::{Eye, Layer, LayerSpec, Wave};
use crate::{Log, Result, Set};
use cortado_base::rng::{Purpose, Rng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Images whose waves are made at once, in parallel.
const CHUNK: usize = 512;

/// What a readout sees of the last layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Features {
    /// How high potentials rise without a threshold: the largest of a square.
    Potential,
    /// How early neurons fire: 1 in the first bin, 0 for never, the largest of a square.
    Latency,
}

/// Layers that have learned, or are about to.
#[derive(Clone, Debug)]
pub struct Stack {
    eye: Eye,
    bins: usize,
    layers: Vec<Layer>,
}

impl Stack {
    /// Layers with fresh weights.
    ///
    /// # Errors
    /// Sizes that do not fit.
    pub fn new(eye: Eye, bins: usize, specs: &[LayerSpec], seed: u64) -> Result<Self> {
        let mut shape = eye.shape();
        let mut layers = Vec::new();
        for (i, spec) in specs.iter().enumerate() {
            let layer = Layer::new(spec, shape, seed, i as u32)?;
            let [rows, columns, maps] = layer.shape();
            shape = [rows.div_ceil(spec.pool), columns.div_ceil(spec.pool), maps];
            layers.push(layer);
        }
        Ok(Self { eye, bins, layers })
    }

    /// The layers.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Rows, columns and maps of the waves that it gives.
    pub fn shape(&self) -> [usize; 3] {
        match self.layers.last() {
            Some(layer) => {
                let ([rows, columns, maps], pool) = (layer.shape(), layer.spec().pool);
                [rows.div_ceil(pool), columns.div_ceil(pool), maps]
            }
            None => self.eye.shape(),
        }
    }

    /// The wave that reaches the layer of that number, or leaves the last.
    pub fn wave(&self, image: &[f32], upto: usize) -> Wave {
        let below = self.layers.iter().take(upto);
        below.fold(self.eye.see(image), |wave, layer| {
            layer.wave(&wave, self.bins)
        })
    }

    /// Teaches the layers, one after the other, images in random order under the seed.
    ///
    /// # Errors
    /// What `log` gives back.
    pub fn learn(&mut self, images: Set<'_>, seed: u64, log: Log<'_>) -> Result<()> {
        for l in 0..self.layers.len() {
            let (mut winners, mut spikes) = (0, 0);
            let sequence = sequence(images.len(), self.layers[l].spec().images, seed, l as u32);
            for (n, chunk) in sequence.chunks(CHUNK).enumerate() {
                let wave = |&i: &usize| self.wave(images.sample(i), l);
                let waves: Vec<Wave> = chunk.par_iter().map(wave).collect();
                let layer = &mut self.layers[l];
                for wave in &waves {
                    let answer = layer.run(wave, self.bins);
                    let found = layer.winners(&answer);
                    layer.learn(wave, &found);
                    winners += found.len();
                    spikes += answer.wave.spikes();
                }
                let seen = n * CHUNK + chunk.len();
                if (n + 1) % 4 == 0 || seen == sequence.len() {
                    log(json!({
                        "layer": l + 1,
                        "images": seen,
                        "winners_per_image": winners as f64 / seen as f64,
                        "spikes_per_image": spikes as f64 / seen as f64,
                        "a_plus": layer.rates()[0],
                        "undecided": layer.undecided(),
                    }))?;
                }
            }
        }
        Ok(())
    }

    /// Features of images, one after the other, pooled as the last layer says; the same for any number of threads.
    pub fn features(&self, images: Set<'_>, what: Features) -> Vec<f32> {
        let one = |i: usize| self.feature(images.sample(i), what);
        let rows: Vec<Vec<f32>> = (0..images.len()).into_par_iter().map(one).collect();
        rows.concat()
    }

    fn feature(&self, image: &[f32], what: Features) -> Vec<f32> {
        match (what, self.layers.last()) {
            (Features::Potential, Some(layer)) => {
                let wave = self.wave(image, self.layers.len() - 1);
                let sums = layer.potentials(&wave, self.bins);
                largest(&sums, layer.shape(), layer.spec().pool)
            }
            _ => {
                let wave = self.wave(image, self.layers.len());
                let early = |&t: &u8| 1.0 - f32::from(t) / self.bins as f32;
                wave.times.iter().map(|t| early(t).max(0.0)).collect()
            }
        }
    }
}

/// So many of `n` things in random order, again and again.
pub fn sequence(n: usize, count: usize, seed: u64, object: u32) -> Vec<usize> {
    let mut out = Vec::with_capacity(count + n);
    for round in 0.. {
        if out.len() >= count || n == 0 {
            break;
        }
        let mut order: Vec<usize> = (0..n).collect();
        Rng::new(seed, object, Purpose::Shuffle, round).shuffle(&mut order);
        out.append(&mut order);
    }
    out.truncate(count);
    out
}
