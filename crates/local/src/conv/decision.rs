//! A layer of decisions that learns by reward.

use super::{Layer, LayerSpec, Wave, Winner};
use crate::range::{ANY, LARGEST, SHARE, fits, within};
use crate::reward::Baseline;
use crate::{Error, Log, Result, Tensor};
use cortado_base::rng::{Purpose, Rng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Reward-modulated STDP: maps that each stand for a class; the one with the highest potential decides.
///
/// # Equations
/// A right decision brings `R = worth[0]`, a wrong one `worth[1]`; `M = R - <R>`, or `R` without a baseline. The winner alone changes:
/// ```text
/// M > 0    w += M a (w - low) (high - w)        a = reward[0] if the input fired, else reward[1]
/// M < 0    w += |M| a (w - low) (high - w)      a = punish[0] if the input fired, else punish[1]
/// ```
/// With `worth = [1, 0]` reward is scaled by the share of wrong decisions, punishment by that of right ones, as in the papers; whatever is
/// added to both makes no difference, because of the baseline.
///
/// # References
/// `mozafari2018`, `mozafari2019`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reward {
    /// Maps of a class.
    pub maps: usize,
    /// Side of a kernel; 0 for the whole input.
    pub kernel: usize,
    /// Silent rows and columns around the input.
    pub pad: usize,
    /// Images to learn from.
    pub images: usize,
    /// Rates of a winner that was right.
    pub reward: [f32; 2],
    /// Rates of a winner that was wrong.
    pub punish: [f32; 2],
    /// What a right and a wrong decision bring.
    pub worth: [f64; 2],
    /// Share of an error by which the expected reward moves; 0 for no baseline.
    pub baseline: f64,
    /// Share of maps that take no part in an image while learning.
    pub dropout: f32,
    /// Mean and deviation of weights at the start.
    pub start: [f64; 2],
    /// Lowest and highest weight.
    pub bounds: [f32; 2],
}

impl Default for Reward {
    fn default() -> Self {
        Self {
            maps: 20,
            kernel: 0,
            pad: 0,
            images: 300_000,
            reward: [0.05, -0.005],
            punish: [-0.05, 0.0025],
            worth: [1.0, 0.0],
            baseline: 1e-3,
            dropout: 0.4,
            start: [0.8, 0.05],
            bounds: [0.0, 1.0],
        }
    }
}

impl Reward {
    fn check(&self) -> Result<()> {
        let rates = [self.reward, self.punish].map(|r| r.map(f64::from));
        within(
            "reward",
            &[
                ("reward[0]", rates[0][0], ANY),
                ("reward[1]", rates[0][1], ANY),
                ("punish[0]", rates[1][0], ANY),
                ("punish[1]", rates[1][1], ANY),
                ("worth[0]", self.worth[0], ANY),
                ("worth[1]", self.worth[1], ANY),
                ("baseline", self.baseline, SHARE),
                ("dropout", self.dropout.into(), SHARE),
            ],
        )?;
        if self.dropout == 1.0 {
            return Err(Error::invalid("dropout", "reward", "less than all maps", 1));
        }
        Ok(())
    }
}

/// Images between two lines of the log.
const REPORT: usize = 10_000;

/// A layer of decisions.
#[derive(Clone, Debug)]
pub struct Decision {
    spec: Reward,
    layer: Layer,
    expected: Option<Baseline>,
    bins: usize,
}

impl Decision {
    /// Its weights, those of the maps of a class one after the other.
    pub(super) fn kernels(&self, name: String) -> Tensor {
        self.layer.kernels(name)
    }

    /// With fresh weights, on waves of that shape.
    ///
    /// # Errors
    /// Sizes that do not fit; numbers out of their ranges.
    pub fn new(
        spec: &Reward,
        input: [usize; 3],
        bins: usize,
        classes: usize,
        seed: u64,
    ) -> Result<Self> {
        if spec.maps == 0 || classes == 0 {
            let got = format!("{}, {classes}", spec.maps);
            return Err(Error::invalid("maps, classes", "reward", "at least 1", got));
        }
        spec.check()?;
        fits("maps, classes", "reward", &[spec.maps, classes])?;
        let layer = LayerSpec {
            maps: spec.maps * classes,
            kernel: spec.kernel,
            pad: spec.pad,
            threshold: LARGEST as f32,
            start: spec.start,
            bounds: spec.bounds,
            images: spec.images,
            ..LayerSpec::default()
        };
        layer.check("reward")?;
        Ok(Self {
            spec: spec.clone(),
            layer: Layer::new(&layer, input, seed, 100)?,
            expected: (spec.baseline > 0.0).then(|| Baseline::new(spec.baseline)),
            bins,
        })
    }

    /// The layer.
    pub fn layer(&self) -> &Layer {
        &self.layer
    }

    /// What it decides, and the neuron that did; of several potentials that are the same, the first. `off` takes maps out.
    pub fn decide(&self, wave: &Wave, off: impl Fn(usize) -> bool) -> Option<(u32, Winner)> {
        let potential = self.layer.potentials(wave, self.bins);
        let [_, columns, maps] = self.layer.shape();
        let on = (0..potential.len()).filter(|i| !off(i % maps));
        let best = on.reduce(|a, b| if potential[b] > potential[a] { b } else { a })?;
        let at = [best / maps / columns, best / maps % columns, best % maps];
        let time = (self.bins - 1) as u8;
        Some(((at[2] / self.spec.maps) as u32, Winner { at, time }))
    }

    /// Decides, is told the class, and learns; whether it was right.
    pub fn learn(&mut self, wave: &Wave, label: u32, rng: &mut Rng) -> bool {
        let share = self.spec.dropout;
        let off: Vec<bool> = (0..self.layer.shape()[2])
            .map(|_| rng.uniform_f32() < share)
            .collect();
        let Some((class, winner)) = self.decide(wave, |m| off[m]) else {
            return false;
        };
        let right = class == label;
        let r = self.spec.worth[usize::from(!right)];
        let m = self.expected.as_mut().map_or(r, |b| b.error(r)) as f32;
        let rates = if m < 0.0 {
            self.spec.punish
        } else {
            self.spec.reward
        };
        self.layer.change(wave, &winner, rates.map(|a| a * m.abs()));
        right
    }

    /// Learns from waves in random order under the seed.
    ///
    /// # Errors
    /// What `log` gives back.
    pub fn fit(&mut self, waves: &[Wave], labels: &[u32], seed: u64, log: Log<'_>) -> Result<()> {
        let sequence = super::sequence(waves.len(), self.spec.images, seed, 100);
        let mut hits = 0;
        for (n, &i) in sequence.iter().enumerate() {
            let mut rng = Rng::new(seed, 100, Purpose::Dropout, n as u64);
            hits += usize::from(self.learn(&waves[i], labels[i], &mut rng));
            if (n + 1) % REPORT == 0 || n + 1 == sequence.len() {
                let since = n % REPORT + 1;
                log(json!({
                    "rewarded_images": n + 1,
                    "right": hits as f64 / since as f64,
                    "undecided": self.layer.undecided(),
                }))?;
                hits = 0;
            }
        }
        Ok(())
    }

    /// Share of waves whose class it finds.
    pub fn accuracy(&self, waves: &[Wave], labels: &[u32]) -> f64 {
        let right = |&(wave, &label): &(&Wave, &u32)| {
            self.decide(wave, |_| false).is_some_and(|d| d.0 == label)
        };
        let hits = waves.par_iter().zip(labels).filter(right).count();
        hits as f64 / labels.len().max(1) as f64
    }
}
