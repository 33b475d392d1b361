//! A convolution of neurons that add up, forget nothing and fire once.

use super::{NEVER, Wave};
use crate::range::{ANY, NOT_NEGATIVE, fits, within};
use crate::{Error, Result, Tensor};
use cortado::num::Float;
use cortado_base::rng::{Purpose, Rng};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A layer: what it is, and how it learns.
///
/// # Equations
/// `u(r, c, m) = sum of w(dr, dc, k, m)` over inputs `(r + dr - pad, c + dc - pad, k)` that have fired; a neuron fires in the
/// first bin in which `u` exceeds `threshold`. A winner changes the weights of its map:
/// ```text
/// w += a (w - low) (high - w)      a = a_plus if the input fired no later, else -a_minus
/// ```
/// After each `double` images `a_plus` is doubled, up to `a_most`, and `a_minus` becomes 0.75 of it.
///
/// # References
/// `kheradpisheh2018`, `mozafari2019`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LayerSpec {
    /// Maps.
    pub maps: usize,
    /// Side of a kernel; 0 for the whole input.
    pub kernel: usize,
    /// Silent rows and columns around the input.
    pub pad: usize,
    /// What a potential must exceed.
    pub threshold: f32,
    /// Side of the squares of which the first spike is passed on.
    pub pool: usize,
    /// Whether the first neuron of a place keeps the others there from firing, as it always does from learning.
    pub inhibit: bool,
    /// Winners of an image.
    pub winners: usize,
    /// Rows and columns around a winner in which there is no other.
    pub radius: usize,
    /// Images to learn from.
    pub images: usize,
    /// Rate of growth at first.
    pub a_plus: f32,
    /// Rate of decline at first.
    pub a_minus: f32,
    /// Highest rate of growth.
    pub a_most: f32,
    /// Images after which rates double.
    pub double: usize,
    /// Mean and deviation of weights at the start.
    pub start: [f64; 2],
    /// Lowest and highest weight.
    pub bounds: [f32; 2],
}

impl Default for LayerSpec {
    fn default() -> Self {
        Self {
            maps: 30,
            kernel: 5,
            pad: 2,
            threshold: 15.0,
            pool: 2,
            inhibit: false,
            winners: 5,
            radius: 3,
            images: 10_000,
            a_plus: 0.004,
            a_minus: 0.003,
            a_most: 0.15,
            double: 500,
            start: [0.8, 0.05],
            bounds: [0.0, 1.0],
        }
    }
}

impl LayerSpec {
    pub(super) fn check(&self, at: &str) -> Result<()> {
        let wrong =
            |what, expected: &str, got: String| Err(Error::invalid(what, at, expected, got));
        let [mean, deviation] = self.start;
        let [low, high] = self.bounds;
        within(
            at,
            &[
                ("threshold", self.threshold.into(), NOT_NEGATIVE),
                ("a_plus", self.a_plus.into(), NOT_NEGATIVE),
                ("a_minus", self.a_minus.into(), NOT_NEGATIVE),
                ("a_most", self.a_most.into(), NOT_NEGATIVE),
                ("start[0]", mean, ANY),
                ("start[1]", deviation, NOT_NEGATIVE),
                ("bounds[0]", low.into(), ANY),
                ("bounds[1]", high.into(), ANY),
            ],
        )?;
        if low >= high {
            return wrong("bounds", "two numbers, rising", format!("{low}, {high}"));
        }
        if self.images > MOST_IMAGES {
            return wrong("images", "at most 2^27", self.images.to_string());
        }
        if self.pool == 0 || self.double == 0 || self.winners == 0 {
            let got = format!("{}, {}, {}", self.pool, self.double, self.winners);
            return wrong("pool, double, winners", "at least 1", got);
        }
        Ok(())
    }
}

/// Images that a layer may learn from.
const MOST_IMAGES: usize = 1 << 27;

/// A layer with its weights.
#[derive(Clone, Debug)]
pub struct Layer {
    spec: LayerSpec,
    /// Side of a kernel by rows and columns.
    kernel: [usize; 2],
    /// Rows, columns and maps of the input and of the layer.
    shapes: [[usize; 3]; 2],
    /// `[row][input map][column, the last one first][map]`.
    weights: Vec<f32>,
    rates: [f32; 2],
    seen: usize,
}

/// What a wave does to a layer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// First spikes.
    pub wave: Wave,
    /// Potential of each neuron at its spike; 0 if it does not fire.
    pub potential: Vec<f32>,
}

/// A neuron that learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Winner {
    /// Row, column and map.
    pub at: [usize; 3],
    /// Bin of its spike.
    pub time: u8,
}

impl Layer {
    /// A layer on waves of that shape; `object` names its random numbers.
    ///
    /// # Errors
    /// Sizes that do not fit; numbers out of their ranges; bounds out of order.
    pub fn new(spec: &LayerSpec, input: [usize; 3], seed: u64, object: u32) -> Result<Self> {
        let at = format!("layer {object}");
        let wrong = |what, expected: &str, got: String| {
            Err(Error::invalid(what, at.clone(), expected, got))
        };
        let [rows, columns, maps] = input;
        let kernel = match spec.kernel {
            0 => [rows, columns],
            k => [k, k],
        };
        let pad = if spec.kernel == 0 { 0 } else { spec.pad };
        let size = |n: usize, k: usize| (n + 1 + 2 * pad.min(64)).saturating_sub(k);
        let shape = [size(rows, kernel[0]), size(columns, kernel[1]), spec.maps];
        if shape.contains(&0) || input.contains(&0) || pad > 63 {
            let got = format!("kernel {kernel:?}, pad {pad} on {input:?}");
            return wrong("kernel", "one that fits its input", got);
        }
        fits("weights", &at, &[kernel[0], kernel[1], maps, spec.maps])?;
        fits("neurons", &at, &shape)?;
        spec.check(&at)?;
        let [low, high] = spec.bounds;
        let count = kernel[0] * kernel[1] * maps * spec.maps;
        let mut rng = Rng::new(seed, object, Purpose::Weights, 0);
        let [mean, deviation] = spec.start;
        let weight = |_| ((mean + deviation * rng.normal()) as f32).clamp(low, high);
        Ok(Self {
            kernel,
            shapes: [input, shape],
            weights: (0..count).map(weight).collect(),
            rates: [spec.a_plus, spec.a_minus],
            seen: 0,
            spec: LayerSpec {
                pad,
                ..spec.clone()
            },
        })
    }

    /// What it is.
    pub fn spec(&self) -> &LayerSpec {
        &self.spec
    }

    /// Rows, columns and maps.
    pub fn shape(&self) -> [usize; 3] {
        self.shapes[1]
    }

    /// Weights, `[row][input map][column, the last one first][map]`.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// Weights as those of a convolution, `[maps, input maps, rows, columns]`.
    pub(super) fn kernels(&self, name: String) -> Tensor {
        let ([rows, columns], [input, output]) = (self.kernel, self.shapes.map(|s| s[2]));
        let mut values = Vec::with_capacity(self.weights.len());
        for map in 0..output {
            for c in 0..input {
                for row in 0..rows {
                    let at = |column: usize| (row * input + c) * columns + columns - 1 - column;
                    values.extend((0..columns).map(|k| self.weights[at(k) * output + map]));
                }
            }
        }
        Tensor::new(name, &[output, input, rows, columns], values)
    }

    /// Rates of growth and decline, as they stand.
    pub fn rates(&self) -> [f32; 2] {
        self.rates
    }

    /// Mean of `4 (w - low) (high - w) / (high - low)^2`: 0 where all weights have come to a bound.
    pub fn undecided(&self) -> f64 {
        let [low, high] = self.spec.bounds;
        let one = |w: &f32| f64::from((w - low) * (high - w));
        let sum: f64 = self.weights.iter().map(one).sum();
        4.0 * sum / f64::from((high - low) * (high - low)) / self.weights.len() as f64
    }

    /// Whether a wave has the shape of the input; any other does nothing.
    fn fits(&self, input: &Wave) -> bool {
        let count: usize = self.shapes[0].iter().product();
        input.shape == self.shapes[0] && input.times.len() == count
    }

    /// Spikes and potentials under a wave of so many bins; work is done for spikes alone.
    pub fn run(&self, input: &Wave, bins: usize) -> Answer {
        let maps = self.spec.maps;
        let count: usize = self.shapes[1].iter().product();
        let mut sum = vec![0.0f32; count.next_multiple_of(64)];
        let mut answer = Answer {
            wave: Wave::silent(self.shape()),
            potential: vec![0.0; sum.len()],
        };
        let (order, starts) = input.order(bins);
        f32::vectorize(
            #[inline(always)]
            || {
                for t in 0..bins {
                    let changed = self.add(input, &order[starts[t]..starts[t + 1]], &mut sum);
                    let first = changed.start.min(changed.end) * maps / 64;
                    let blocks = sum.as_chunks_mut::<64>().0.iter_mut().enumerate();
                    let last = (changed.end * maps).div_ceil(64);
                    for (n, block) in blocks.take(last).skip(first) {
                        let mut fires = f32::above(block, self.spec.threshold);
                        while fires != 0 {
                            let lane = fires.trailing_zeros() as usize;
                            fires &= fires - 1;
                            answer.wave.times[64 * n + lane] = t as u8;
                            // What has fired stays below every threshold.
                            answer.potential[64 * n + lane] = block[lane];
                            block[lane] = f32::NEG_INFINITY;
                        }
                    }
                }
            },
        );
        answer
    }

    /// Potentials at the end if nothing fired.
    pub fn potentials(&self, input: &Wave, bins: usize) -> Vec<f32> {
        let mut sum = vec![0.0f32; self.shapes[1].iter().product()];
        let (order, _) = input.order(bins);
        f32::vectorize(
            #[inline(always)]
            || self.add(input, &order, &mut sum),
        );
        sum
    }

    /// Adds what spikes bring to the potentials, spike by spike; the places between which they may have changed.
    #[inline(always)]
    fn add(&self, input: &Wave, spikes: &[u32], sum: &mut [f32]) -> Range<usize> {
        let [rows, columns, maps] = self.shapes[1];
        let [kr, kc] = self.kernel;
        let (channels, pad) = (self.shapes[0][2], self.spec.pad);
        let (mut first, mut end) = (usize::MAX, 0);
        let spikes = if self.fits(input) { spikes } else { &[] };
        for &i in spikes {
            let (place, channel) = (i as usize / channels, i as usize % channels);
            let (r, c) = (place / input.shape[1] + pad, place % input.shape[1] + pad);
            // In a row of the layer and in that of the kernel, which runs backwards, places are neighbours: one sum for all.
            let (from, to) = ((c + 1).saturating_sub(kc), (c + 1).min(columns));
            for y in (r + 1).saturating_sub(kr)..(r + 1).min(rows) {
                let tap = ((r - y) * channels + channel) * kc + (kc - 1 + from - c);
                let w = &self.weights[tap * maps..][..(to - from) * maps];
                let place = y * columns + from;
                let u = &mut sum[place * maps..][..w.len()];
                u.iter_mut().zip(w).for_each(|(u, w)| *u += w);
                (first, end) = (first.min(place), end.max(y * columns + to));
            }
        }
        first..end
    }

    /// What is passed on: first spikes, of each place one if neurons inhibit each other, of each square.
    pub fn wave(&self, input: &Wave, bins: usize) -> Wave {
        let mut answer = self.run(input, bins);
        if self.spec.inhibit {
            let first = self.first(&answer);
            answer.wave = Wave::silent(self.shape());
            let [_, columns, maps] = self.shape();
            for (Winner { at, time }, _) in first {
                answer.wave.times[(at[0] * columns + at[1]) * maps + at[2]] = time;
            }
        }
        answer.wave.pooled(self.spec.pool)
    }

    /// Of each place the neuron that fires first, of several the one with the highest potential, of several the first; and its
    /// potential.
    fn first(&self, answer: &Answer) -> Vec<(Winner, f32)> {
        let [_, columns, maps] = self.shape();
        let places = answer.wave.times.chunks_exact(maps);
        let one = |(place, times): (usize, &[u8])| {
            let time = times.iter().copied().min().filter(|&t| t != NEVER)?;
            let height = |m: usize| answer.potential[place * maps + m];
            let first = (0..maps).filter(|&m| times[m] == time);
            let map = first.reduce(|a, b| if height(b) > height(a) { b } else { a })?;
            let at = [place / columns, place % columns, map];
            Some((Winner { at, time }, height(map)))
        };
        places.enumerate().filter_map(one).collect()
    }

    /// The winners of an answer: of the first neurons of all places again the earliest, of several the one with the highest
    /// potential, of several the first; around a winner, and in its map, there is no other.
    pub fn winners(&self, answer: &Answer) -> Vec<Winner> {
        let mut open = self.first(answer);
        open.sort_by(|(a, x), (b, y)| a.time.cmp(&b.time).then(y.total_cmp(x)));
        let mut winners: Vec<Winner> = Vec::new();
        for (w, _) in open {
            if winners.len() == self.spec.winners {
                break;
            }
            if winners.iter().all(|v| self.apart(v, &w)) {
                winners.push(w);
            }
        }
        winners
    }

    /// Whether two neurons may both win.
    fn apart(&self, a: &Winner, b: &Winner) -> bool {
        let near = |i: usize| a.at[i].abs_diff(b.at[i]) <= self.spec.radius;
        !(near(0) && near(1)) && a.at[2] != b.at[2]
    }

    /// Learns from an image: its winners, by the rates as they stand.
    pub fn learn(&mut self, input: &Wave, winners: &[Winner]) {
        for winner in winners {
            self.change(input, winner, [self.rates[0], -self.rates[1]]);
        }
        self.seen += 1;
        if self.seen.is_multiple_of(self.spec.double) {
            let plus = (2.0 * self.rates[0]).min(self.spec.a_most);
            self.rates = [plus, 0.75 * plus];
        }
    }

    /// Changes the map of a winner: inputs that fired no later by the first rate, all others by the second.
    pub fn change(&mut self, input: &Wave, winner: &Winner, [early, other]: [f32; 2]) {
        let [low, high] = self.spec.bounds;
        let [rows, columns, channels] = self.shapes[0];
        let [row, column, map] = winner.at;
        let (pad, maps) = (self.spec.pad, self.spec.maps);
        let [_, kc] = self.kernel;
        if !self.fits(input) || map >= maps {
            return;
        }
        for (tap, w) in self.weights[map..].iter_mut().step_by(maps).enumerate() {
            let (y, channel, x) = (tap / kc / channels, tap / kc % channels, kc - 1 - tap % kc);
            let r = (row + y).checked_sub(pad);
            let c = (column + x).checked_sub(pad);
            let time = match (r, c) {
                (Some(r), Some(c)) if r < rows && c < columns => {
                    input.times[(r * columns + c) * channels + channel]
                }
                _ => NEVER,
            };
            let before = time != NEVER && time <= winner.time;
            let a = if before { early } else { other };
            *w = (*w + a * (*w - low) * (high - *w)).clamp(low, high);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One spike leaves the kernel behind, mirrored around it.
    #[test]
    fn kernels_are_those_of_a_convolution() {
        let spec = LayerSpec {
            maps: 3,
            kernel: 3,
            pad: 1,
            ..LayerSpec::default()
        };
        let layer = Layer::new(&spec, [5, 6, 2], 1, 0).unwrap();
        let k = layer.kernels("k".into());
        assert_eq!(k.shape, [3, 2, 3, 3]);
        for (r, c, channel) in [(2, 3, 0), (0, 0, 1), (4, 5, 1)] {
            let mut input = Wave::silent([5, 6, 2]);
            input.times[(r * 6 + c) * 2 + channel] = 0;
            let sums = layer.potentials(&input, 15);
            for (i, &sum) in sums.iter().enumerate() {
                let (y, x, map) = (i / 3 / 6, i / 3 % 6, i % 3);
                let (dy, dx) = (r + 1 - y.min(r + 1), c + 1 - x.min(c + 1));
                let reached = y <= r + 1 && x <= c + 1 && dy < 3 && dx < 3;
                let wanted = match reached {
                    true => k.values[((map * 2 + channel) * 3 + dy) * 3 + dx],
                    false => 0.0,
                };
                assert_eq!(sum, wanted, "{r} {c} {channel}: {y} {x} {map}");
            }
        }
    }
}
