//! Neurons that inhibit each other learn digits without labels.

mod input;
mod layer;
mod vote;

use super::{AdaptiveThreshold, Pair, Pairing, Rule};
use crate::range::{ANY, NOT_NEGATIVE, fits, within};
use crate::{Data, Error, Experiment, Log, Outcome, Result, Set};
use cortado_base::rng::{Purpose, Rng};
use input::{Kind, Spikes, stream};
use layer::{Layer, Neurons};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::ops::Range;
use vote::Labels;

/// The most neurons, passes and attempts.
const MOST: usize = 1_000_000;
/// Images whose spikes are held at once when no weight changes.
const CHUNK: usize = 1000;

/// Neurons that inhibit each other learn digits (`diehl2015`).
///
/// ```text
/// tau_mem v' = v_rest - v + g_e (v_excitation - v) + g_i (v_inhibition - v)      spike: v > threshold + theta
/// tau_excitation g_e' = -g_e, += w at a spike of an input
/// tau_inhibition g_i' = -g_i, += inhibition one step after a spike of another neuron
/// ```
///
/// Inputs fire at random, at a rate in proportion to their value. Weights follow [`Pair`], nearest spikes; before each image
/// those into a neuron are scaled to one sum. The threshold of a neuron rises with each of its spikes, so that all have their turn.
/// Of several neurons above threshold in a step only the furthest fires. An image that gets fewer than `min_spikes` is shown again,
/// brighter. Labels are seen once all is learnt: a neuron gets the class of training images for which it fired most.
///
/// # Deviations
/// The inhibitory neurons of the paper, one a neuron, are left out: a spike inhibits all others one step later. Depression is by
/// the last spike alone, potentiation does not wait for a second spike, inputs have no delays, and the pause between images is a reset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiehlCook {
    /// Number of neurons.
    pub neurons: usize,
    /// Training images of a pass; 0 for all.
    pub images: usize,
    /// Times that they are shown.
    pub passes: usize,
    /// Training images by which neurons get their class, the last ones; 0 for all.
    pub label_images: usize,
    /// Images from one line of the metrics to the next.
    pub report: usize,
    /// Step of the clock, in seconds.
    pub dt: f64,
    /// How long an image is shown, in seconds.
    pub duration: f64,
    /// Rate of an input of value 1 at intensity 1, in Hz.
    pub rate: f64,
    /// Intensity of an image when it is shown first; 1 more each time.
    pub intensity: f64,
    /// An image with fewer spikes is shown again.
    pub min_spikes: u32,
    /// How many times an image is shown at most.
    pub attempts: usize,
    /// Time constant of the membrane, in seconds.
    pub tau_mem: f64,
    /// Time constant of excitation, in seconds.
    pub tau_excitation: f64,
    /// Time constant of inhibition, in seconds.
    pub tau_inhibition: f64,
    /// Membrane at rest, in volts.
    pub v_rest: f64,
    /// Membrane after a spike, in volts.
    pub v_reset: f64,
    /// Reversal potential of excitation, in volts.
    pub v_excitation: f64,
    /// Reversal potential of inhibition, in volts.
    pub v_inhibition: f64,
    /// Threshold of a neuron whose `theta` is 0, in volts.
    pub v_threshold: f64,
    /// How long a neuron rests after a spike, in seconds.
    pub refractory: f64,
    /// What a spike adds to the inhibition of the others.
    pub inhibition: f64,
    /// What the thresholds do.
    pub theta: AdaptiveThreshold,
    /// Weights start between 0.01 and so much more.
    pub weight_start: f64,
    /// Sum of the weights into a neuron.
    pub weight_sum: f64,
    /// The rule of the weights.
    pub stdp: Pair,
    /// Over the last share of all images the rule's amplitudes fall to 0, in proportion to the images that are left.
    pub cooling: f64,
}

impl Default for DiehlCook {
    fn default() -> Self {
        Self {
            neurons: 100,
            images: 0,
            passes: 1,
            label_images: 0,
            report: 1000,
            dt: 1e-3,
            duration: 0.35,
            rate: 255.0 / 8.0,
            intensity: 2.0,
            min_spikes: 5,
            attempts: 20,
            tau_mem: 0.1,
            tau_excitation: 1e-3,
            tau_inhibition: 2e-3,
            v_rest: -65e-3,
            v_reset: -65e-3,
            v_excitation: 0.0,
            v_inhibition: -100e-3,
            v_threshold: -72e-3,
            refractory: 5e-3,
            inhibition: 17.0,
            theta: AdaptiveThreshold::default(),
            weight_start: 0.3,
            weight_sum: 78.0,
            stdp: Pair {
                a_plus: 1e-2,
                a_minus: 1e-4,
                pairing: Pairing::Nearest,
                ..Pair::default()
            },
            cooling: 0.0,
        }
    }
}

impl DiehlCook {
    fn steps(&self) -> usize {
        (self.duration / self.dt).round() as usize
    }

    /// Training images of a pass.
    fn images(&self, train: &Set<'_>) -> usize {
        match self.images {
            0 => train.len(),
            n => n.min(train.len()),
        }
    }

    fn threshold(&self, theta: f64) -> f32 {
        (self.v_threshold + theta) as f32
    }

    fn check(&self, data: &Data<'_>) -> Result<()> {
        let wrong =
            |what, expected: &str, got: String| Err(Error::invalid(what, "learn", expected, got));
        let times = [
            self.dt,
            self.tau_mem,
            self.tau_excitation,
            self.tau_inhibition,
            self.theta.tau,
        ];
        if !times.iter().all(|&t| t > 0.0 && t.is_finite()) {
            return wrong("times", "seconds above 0", format!("{times:?}"));
        }
        let steps = self.duration / self.dt;
        if !(1.0..=1e6).contains(&steps) || (steps - steps.round()).abs() > 1e-6 {
            return wrong(
                "duration",
                "a whole number of steps, a million at most",
                steps.to_string(),
            );
        }
        if self.neurons == 0 || self.passes == 0 || self.attempts == 0 || self.report == 0 {
            let expected = "at least 1 of neurons, passes, attempts and report";
            return wrong("number", expected, "0".into());
        }
        let counts = [self.neurons, self.passes, self.attempts];
        if let Some(n) = counts.iter().find(|&&n| n > MOST) {
            let what = "neurons, passes, attempts";
            return wrong(what, "a million at most", n.to_string());
        }
        if !(0.0..=1.0).contains(&self.cooling) {
            return wrong("cooling", "a share of the images", self.cooling.to_string());
        }
        if self.stdp.pairing != Pairing::Nearest {
            return wrong("pairing", "nearest", "all_to_all".into());
        }
        self.check_numbers()?;
        self.stdp.check()?;
        data.check()?;
        let inputs = data.train.sample(0).len();
        fits("weights", "learn", &[inputs, self.neurons])?;
        fits("inputs, steps", "learn", &[inputs, steps.round() as usize])?;
        let block = self.report.min(self.passes * self.images(&data.train));
        fits("report, neurons", "learn", &[block, self.neurons])
    }

    fn check_numbers(&self) -> Result<()> {
        within(
            "learn",
            &[
                ("rate", self.rate, NOT_NEGATIVE),
                ("intensity", self.intensity, NOT_NEGATIVE),
                ("v_rest", self.v_rest, ANY),
                ("v_reset", self.v_reset, ANY),
                ("v_excitation", self.v_excitation, ANY),
                ("v_inhibition", self.v_inhibition, ANY),
                ("v_threshold", self.v_threshold, ANY),
                ("refractory", self.refractory, NOT_NEGATIVE),
                ("inhibition", self.inhibition, NOT_NEGATIVE),
                ("theta.start", self.theta.start, ANY),
                ("theta.plus", self.theta.plus, ANY),
                ("weight_start", self.weight_start, NOT_NEGATIVE),
                ("weight_sum", self.weight_sum, NOT_NEGATIVE),
            ],
        )
    }

    /// Class and spikes of all neurons for each image of a set; no weight changes.
    fn show<'a>(
        &'a self,
        layer: &'a Layer,
        set: &'a Set<'_>,
        range: Range<usize>,
        seed: u64,
        kind: Kind,
    ) -> impl Iterator<Item = (u32, Vec<u32>)> + 'a {
        let neurons = Neurons::new(self);
        let chunk = move |from: usize| -> Vec<(u32, Vec<u32>)> {
            let fresh = || (neurons.state(set.sample(0).len()), Spikes::default());
            let one = |(s, spikes): &mut (layer::State, Spikes), i: usize| {
                self.present(
                    set.sample(i),
                    s,
                    spikes,
                    |attempt| stream(seed, kind, i, 0, attempt),
                    |s, spikes| neurons.look(layer, s, spikes),
                );
                (set.labels[i], s.counts.clone())
            };
            let images = from..range.end.min(from + CHUNK);
            images.into_par_iter().map_init(fresh, one).collect()
        };
        (range.start..range.end).step_by(CHUNK).flat_map(chunk)
    }

    /// Shows an image until there are enough spikes; how often it was shown.
    fn present(
        &self,
        image: &[f32],
        s: &mut layer::State,
        spikes: &mut Spikes,
        stream: impl Fn(usize) -> Rng,
        mut show: impl FnMut(&mut layer::State, &Spikes),
    ) -> usize {
        for attempt in 0..self.attempts {
            let gain = self.rate * self.dt * (self.intensity + attempt as f64);
            spikes.draw(image, gain, self.steps(), stream(attempt));
            show(s, spikes);
            if s.counts.iter().sum::<u32>() >= self.min_spikes {
                return attempt + 1;
            }
        }
        self.attempts
    }
}

/// What has happened since the last line of the metrics.
#[derive(Default)]
struct Block {
    counts: Vec<Vec<u32>>,
    labels: Vec<u32>,
    shown: usize,
}

impl Block {
    /// The line, and the classes of neurons by this block.
    fn line(&self, layer: &Layer, classes: usize, before: Option<&Labels>) -> (Value, Labels) {
        let images = self.labels.len().max(1) as f64;
        let spikes: f64 = self.counts.iter().flatten().copied().map(f64::from).sum();
        let n = layer.theta.len();
        let silent = (0..n)
            .filter(|&j| self.counts.iter().all(|c| c[j] == 0))
            .count();
        let mean = layer.theta.iter().sum::<f64>() / n as f64;
        let square = layer.theta.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / n as f64;
        let pairs = || self.labels.iter().copied().zip(&self.counts);
        let vote = |b: &Labels| share(pairs().map(|(label, c)| (label, b.class_mean(c))));
        let accuracy = before.map(vote);
        let line = json!({
            "spikes_per_image": spikes / images,
            "shown_per_image": self.shown as f64 / images,
            "silent": silent,
            "theta_mean": mean,
            "theta_spread": square.sqrt(),
            "running_accuracy": accuracy,
        });
        (line, Labels::new(classes, n, pairs()))
    }
}

/// The share of images that are told right.
fn share(told: impl Iterator<Item = (u32, usize)>) -> f64 {
    let (mut right, mut all) = (0.0, 0.0);
    for (label, class) in told {
        right += f64::from(u8::from(class == label as usize));
        all += 1.0;
    }
    right / f64::max(all, 1.0)
}

impl Experiment for DiehlCook {
    fn wants_data(&self) -> bool {
        true
    }

    fn run(&self, seed: u64, data: Option<&Data<'_>>, log: Log<'_>) -> Result<Outcome> {
        let Some(data) = data else {
            return Err(Error::invalid("data", "learn", "images", "none"));
        };
        self.check(data)?;
        let train = &data.train;
        let images = self.images(train);
        let inputs = train.sample(0).len();
        let mut neurons = Neurons::new(self);
        let mut layer = Layer::new(self, inputs, seed);
        let (mut s, mut spikes) = (neurons.state(inputs), Spikes::default());
        let (mut block, mut before, mut last) = (Block::default(), None, json!({}));
        for pass in 0..self.passes {
            let mut order: Vec<usize> = (0..images).collect();
            Rng::new(seed, 0, Purpose::Shuffle, pass as u64).shuffle(&mut order);
            for (n, &i) in order.iter().enumerate() {
                let done = pass * images + n;
                let left = 1.0 - done as f64 / (self.passes * images) as f64;
                neurons.stdp = self.stdp.times((left / self.cooling).min(1.0));
                layer.scale(self.weight_sum);
                let shown = self.present(
                    train.sample(i),
                    &mut s,
                    &mut spikes,
                    |attempt| stream(seed, Kind::Learn, i, pass, attempt),
                    |s, spikes| neurons.learn(&mut layer, s, spikes),
                );
                if !s.is_finite() {
                    let at = format!("learn, image {}", done + 1);
                    return Err(Error::invalid("membrane", at, "a finite voltage", "none"));
                }
                let seconds = self.duration * shown as f64;
                for theta in &mut layer.theta {
                    *theta = self.theta.after(*theta, seconds);
                }
                block.shown += shown;
                block.counts.push(s.counts.clone());
                block.labels.push(train.labels[i]);
                if block.labels.len() == self.report || done + 1 == self.passes * images {
                    let (mut line, labels) = block.line(&layer, data.classes, before.as_ref());
                    last = line.clone();
                    line["images"] = json!(done + 1);
                    log(line)?;
                    (block, before) = (Block::default(), Some(labels));
                }
            }
        }
        layer.scale(self.weight_sum);
        // Images are numbered as they stand in the data.
        let from = match self.label_images {
            0 => 0,
            n => images.saturating_sub(n),
        };
        let known = self.show(&layer, train, from..images, seed, Kind::Label);
        let labels = Labels::new(data.classes, self.neurons, known);
        let seen = self.show(&layer, &data.test, 0..data.test.len(), seed, Kind::Test);
        let votes = |(label, c): (u32, Vec<u32>)| {
            let votes = [labels.class_mean(&c), labels.all_activity(&c)];
            votes.map(|class| (label, class))
        };
        let told: Vec<[(u32, usize); 2]> = seen.map(votes).collect();
        let accuracy = share(told.iter().map(|t| t[0]));
        let line = json!({
            "metric": accuracy,
            "metric_name": "accuracy",
            "accuracy": accuracy,
            "accuracy_all_activity": share(told.iter().map(|t| t[1])),
            "spikes_per_image": last["spikes_per_image"],
            "silent": last["silent"],
            "theta_spread": last["theta_spread"],
        });
        Ok(Outcome {
            line,
            learned: layer.tensors(),
        })
    }
}
