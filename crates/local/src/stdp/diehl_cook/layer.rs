//! Excitatory neurons with conductances, each of which inhibits all others.

use super::DiehlCook;
use super::input::Spikes;
use crate::Tensor;
use crate::stdp::{Pair, Rule, scale};
use cortado_base::rng::{Purpose, Rng};

/// What is learnt.
#[derive(Clone, Debug)]
pub struct Layer {
    /// `[inputs][neurons]`.
    weights: Vec<f32>,
    /// What the threshold of each neuron has risen by, in volts.
    pub theta: Vec<f64>,
    /// Neurons whose weights have changed since they were scaled.
    changed: Vec<bool>,
}

/// What a step of the clock multiplies by.
#[derive(Clone, Copy, Debug)]
struct Constants {
    excitation: f32,
    inhibition: f32,
    /// `dt / tau_mem`.
    share: f32,
    wait: u32,
}

/// The neurons during a presentation, and the marks of the spikes in it.
#[derive(Debug)]
pub struct State {
    v: Vec<f32>,
    g_e: Vec<f32>,
    g_i: Vec<f32>,
    wait: Vec<u32>,
    threshold: Vec<f32>,
    /// The neuron that fired in the step before.
    winner: Option<usize>,
    /// Spikes of each neuron.
    pub counts: Vec<u32>,
    /// Steps of the last spike, one more than it; 0 for none.
    pre: Vec<u32>,
    post: Vec<u32>,
    /// Neurons that have fired.
    active: Vec<usize>,
}

/// The experiment with all that can be computed beforehand.
#[derive(Clone, Debug)]
pub struct Neurons<'a> {
    of: &'a DiehlCook,
    /// The rule of the weights, as it is at present.
    pub stdp: Pair,
    k: Constants,
    /// What is left of a mark after so many steps.
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Layer {
    /// Weights as they start.
    pub fn new(of: &DiehlCook, inputs: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed, 0, Purpose::Weights, 0);
        let weight = |_| (of.weight_start * rng.uniform() + 0.01) as f32;
        Self {
            weights: (0..inputs * of.neurons).map(weight).collect(),
            theta: vec![of.theta.start; of.neurons],
            changed: vec![true; of.neurons],
        }
    }

    /// What is learned: weights `[inputs, neurons]`, and what thresholds have risen by, in volts.
    pub fn tensors(&self) -> Vec<Tensor> {
        let n = self.theta.len();
        let theta = self.theta.iter().map(|&t| t as f32).collect();
        let shape = [self.weights.len() / n.max(1), n];
        vec![
            Tensor::new("weights", &shape, self.weights.clone()).of_inputs(0),
            Tensor::new("theta", &[n], theta),
        ]
    }

    /// Scales the weights into each neuron to their sum.
    pub fn scale(&mut self, sum: f64) {
        for j in 0..self.theta.len() {
            if std::mem::take(&mut self.changed[j]) {
                scale(&mut self.weights, self.theta.len(), j, sum as f32);
            }
        }
    }
}

impl<'a> Neurons<'a> {
    /// Prepares the experiment's step.
    pub fn new(of: &'a DiehlCook) -> Self {
        let decay = |tau: f64| (-of.dt / tau).exp();
        let left = |tau: f64| {
            (0..=of.steps())
                .map(|n| decay(tau).powi(n as i32))
                .collect()
        };
        Self {
            of,
            stdp: of.stdp,
            k: Constants {
                excitation: decay(of.tau_excitation) as f32,
                inhibition: decay(of.tau_inhibition) as f32,
                share: (of.dt / of.tau_mem) as f32,
                wait: (of.refractory / of.dt).round() as u32,
            },
            x: left(of.stdp.tau_plus),
            y: left(of.stdp.tau_minus),
        }
    }

    /// Room for presentations.
    pub fn state(&self, inputs: usize) -> State {
        let n = self.of.neurons;
        State {
            v: vec![0.0; n],
            g_e: vec![0.0; n],
            g_i: vec![0.0; n],
            wait: vec![0; n],
            threshold: vec![0.0; n],
            winner: None,
            counts: vec![0; n],
            pre: vec![0; inputs],
            post: vec![0; n],
            active: Vec::new(),
        }
    }

    /// Shows an image to neurons that do not learn.
    pub fn look(&self, layer: &Layer, s: &mut State, spikes: &Spikes) {
        s.rest(self.of, layer);
        for t in 0..self.of.steps() {
            self.step(layer, s, spikes.at(t));
        }
    }

    /// Shows an image to neurons that learn from it.
    pub fn learn(&self, layer: &mut Layer, s: &mut State, spikes: &Spikes) {
        s.rest(self.of, layer);
        for t in 0..self.of.steps() {
            self.weaken(layer, s, spikes.at(t), t);
            if let Some(j) = self.step(layer, s, spikes.at(t)) {
                self.strengthen(layer, s, j, t);
            }
        }
    }

    /// One step: the neuron that fires, if one does.
    fn step(&self, layer: &Layer, s: &mut State, inputs: &[u32]) -> Option<usize> {
        let (n, of, k) = (self.of.neurons, self.of, self.k);
        for g in &mut s.g_e {
            *g *= k.excitation;
        }
        for &i in inputs {
            let row = &layer.weights[i as usize * n..][..n];
            for (g, w) in s.g_e.iter_mut().zip(row) {
                *g += w;
            }
        }
        let blow = if s.winner.is_some() {
            of.inhibition as f32
        } else {
            0.0
        };
        for g in &mut s.g_i {
            *g = *g * k.inhibition + blow;
        }
        if let Some(j) = s.winner {
            s.g_i[j] -= blow;
        }
        let [rest, e, i] = [of.v_rest, of.v_excitation, of.v_inhibition].map(|v| v as f32);
        let each = s.v.iter_mut().zip(&s.g_e).zip(&s.g_i).zip(&mut s.wait);
        for (((v, &g_e), &g_i), wait) in each {
            let next = *v + k.share * ((rest - *v) + g_e * (e - *v) + g_i * (i - *v));
            *v = if *wait > 0 { *v } else { next };
            *wait = wait.saturating_sub(1);
        }
        // Of those above threshold the one that is furthest.
        let mut best = 0.0;
        s.winner = None;
        for (j, (&v, &threshold)) in s.v.iter().zip(&s.threshold).enumerate() {
            if v - threshold > best {
                (best, s.winner) = (v - threshold, Some(j));
            }
        }
        if let Some(j) = s.winner {
            s.v[j] = of.v_reset as f32;
            s.wait[j] = k.wait;
            s.counts[j] += 1;
        }
        s.winner
    }

    /// Presynaptic spikes: weights into neurons that have fired shrink.
    fn weaken(&self, layer: &mut Layer, s: &mut State, inputs: &[u32], t: usize) {
        for &i in inputs {
            s.pre[i as usize] = t as u32 + 1;
            for &j in &s.active {
                let y = self.y[t + 1 - s.post[j] as usize];
                let w = &mut layer.weights[i as usize * self.of.neurons + j];
                *w = self.stdp.pre(f64::from(*w), &[0.0], &[y]) as f32;
            }
        }
    }

    /// A postsynaptic spike: weights from inputs that have fired grow, and the threshold rises.
    fn strengthen(&self, layer: &mut Layer, s: &mut State, j: usize, t: usize) {
        let n = self.of.neurons;
        let column = layer.weights.iter_mut().skip(j).step_by(n);
        for (w, &pre) in column.zip(&s.pre) {
            if pre > 0 {
                let x = self.x[t + 1 - pre as usize];
                *w = self.stdp.post(f64::from(*w), &[x], &[0.0]) as f32;
            }
        }
        if s.post[j] == 0 {
            s.active.push(j);
        }
        s.post[j] = t as u32 + 1;
        layer.changed[j] = true;
        layer.theta[j] = self.of.theta.fired(layer.theta[j]);
        s.threshold[j] = self.of.threshold(layer.theta[j]);
    }
}

impl State {
    /// Whether the membranes have stayed numbers.
    pub fn is_finite(&self) -> bool {
        self.v.iter().all(|v| v.is_finite())
    }

    /// All at rest, as after a pause.
    fn rest(&mut self, of: &DiehlCook, layer: &Layer) {
        self.v.fill(of.v_rest as f32);
        for g in [&mut self.g_e, &mut self.g_i] {
            g.fill(0.0);
        }
        for marks in [
            &mut self.wait,
            &mut self.counts,
            &mut self.pre,
            &mut self.post,
        ] {
            marks.fill(0);
        }
        self.winner = None;
        self.active.clear();
        for (threshold, &theta) in self.threshold.iter_mut().zip(&layer.theta) {
            *threshold = of.threshold(theta);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::input::{Kind, stream};
    use super::*;

    #[test]
    fn weights_learn_by_their_rule_alone() {
        let change = |plastic: f64| {
            let mut of = DiehlCook {
                neurons: 3,
                weight_sum: 6.0,
                ..DiehlCook::default()
            };
            of.stdp = of.stdp.times(plastic);
            let mut layer = Layer::new(&of, 20, 5);
            layer.scale(of.weight_sum);
            let (before, neurons) = (layer.clone(), Neurons::new(&of));
            let (mut s, mut spikes) = (neurons.state(20), Spikes::default());
            spikes.draw(&[1.0; 20], 0.5, of.steps(), stream(5, Kind::Learn, 0, 0, 0));
            neurons.learn(&mut layer, &mut s, &spikes);
            for (j, &n) in s.counts.iter().enumerate() {
                let rise = layer.theta[j] - before.theta[j];
                assert!(
                    n > 0 && (rise - f64::from(n) * of.theta.plus).abs() < 1e-12,
                    "{n} {rise}"
                );
            }
            let each = layer.weights.iter().zip(&before.weights);
            each.map(|(w, old)| (w - old).abs()).fold(0.0, f32::max)
        };
        assert_eq!(change(0.0), 0.0);
        assert!(change(1.0) > 1e-2, "{}", change(1.0));
    }
}
