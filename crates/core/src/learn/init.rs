//! Weights scaled to data, so that every population fires when training begins.

use crate::network::{Network, Op};
use crate::neuron::{Lanes, Output};
use crate::sim::clock::Input;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Scales what reaches each population, from the input on, until it fires at a rate.
///
/// A silent population has no gradient to learn from but the surrogate's tails, and one that fires always tells nothing. The
/// factor is found by bisection of its logarithm; weights that lie in a loop stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateInit {
    /// Mean spikes per second of a neuron.
    pub rate: f64,
    /// Number of training samples, the first ones, that it is measured on.
    #[serde(default = "many")]
    pub samples: usize,
}

fn many() -> usize {
    128
}

/// The factor lies between `2^-RANGE` and `2^RANGE`.
const RANGE: f64 = 12.0;

/// The bisection ends when the rate is so near, as a share of what is wanted.
const NEAR: f64 = 0.05;

impl RateInit {
    /// Scales the weights of `net`; gives the rate of each spiking population then.
    ///
    /// ```
    /// use cortado::{learn::RateInit, network::{Network, NetworkSpec}, sim::clock::Input};
    /// let spec = NetworkSpec::new(1e-3)
    ///     .linear("w", 50).population("a", "lif", &[])
    ///     .linear("v", 50).population("b", "lif", &[]);
    /// let mut net = Network::<f32>::new(&[20], &spec, 0).unwrap();
    /// let input = Input::Current { samples: 4, steps: 200, data: vec![0.01; 80] };
    /// let rates = RateInit { rate: 20.0, samples: 4 }.apply(&mut net, &input).unwrap();
    /// assert!(rates.iter().all(|(_, rate)| (rate / 20.0 - 1.0).abs() < 0.1));
    /// ```
    ///
    /// # Errors
    /// A rate that is not positive, or that no factor gives, with the population's name; those of [`Network::run`].
    pub fn apply<R: Lanes>(
        &self,
        net: &mut Network<R>,
        input: &Input<R>,
    ) -> Result<Vec<(String, f64)>> {
        if !(self.rate > 0.0 && self.rate.is_finite()) {
            let expected = "a positive number of spikes per second";
            return Err(Error::invalid("rate", "init", expected, self.rate));
        }
        let spiking = net
            .populations()
            .filter(|(_, p)| p.output == Output::Spikes);
        let spiking: Vec<usize> = spiking.map(|(i, _)| i).collect();
        let mut rates = Vec::new();
        for node in spiking {
            let mut scaled = Vec::new();
            upstream(net, node, &mut scaled);
            let original: Vec<_> = scaled.iter().map(|&k| net.params[k].data.clone()).collect();
            let (mut low, mut high) = (-RANGE, RANGE);
            let mut rate = measure(net, node, input)?;
            let mut power = 0.0;
            while (rate / self.rate - 1.0).abs() > NEAR && high - low > 1e-3 {
                if rate < self.rate {
                    low = power;
                } else {
                    high = power;
                }
                power = 0.5 * (low + high);
                let factor = R::of(power.exp2());
                for (&k, original) in scaled.iter().zip(&original) {
                    let weights = net.params[k].data.iter_mut().zip(original.iter());
                    weights.for_each(|(w, &o)| *w = o * factor);
                }
                rate = measure(net, node, input)?;
            }
            let name = net.nodes[node].name.clone();
            if !(0.5..2.0).contains(&(rate / self.rate)) {
                let place = format!("population '{name}'");
                let expected = format!("about {} spikes per second", self.rate);
                return Err(Error::invalid("rate", place, expected, rate));
            }
            rates.push((name, rate));
        }
        Ok(rates)
    }
}

/// The parameters to scale: of the weights, or the batch norm, last passed on each way in that is in no loop.
fn upstream<R: Lanes>(net: &Network<R>, node: usize, out: &mut Vec<usize>) {
    for edge in &net.nodes[node].sources {
        let source = &net.nodes[edge.node];
        if source.looped && net.nodes[node].looped {
            continue;
        }
        match &source.op {
            Op::Linear(l) => out.extend([Some(l.weight), l.bias].into_iter().flatten()),
            Op::Conv(c) => out.extend([Some(c.weight), c.bias].into_iter().flatten()),
            Op::Norm(n) => out.extend([n.scale, n.shift]),
            Op::Pool(_) | Op::Dropout(_) | Op::Flatten => upstream(net, edge.node, out),
            Op::Input | Op::Population(_) => {}
        }
    }
}

/// Spikes per second of a population's neurons.
fn measure<R: Lanes>(net: &Network<R>, node: usize, input: &Input<R>) -> Result<f64> {
    let (samples, steps) = input.extent();
    let record = net.run(input, &[])?;
    let name = &net.nodes[node].name;
    let own = record.activity.iter().find(|a| a.name == *name);
    let seconds = (samples * steps) as f64 * net.spec.dt;
    Ok(own.map_or(0.0, |a| a.spikes as f64 / (a.neurons as f64 * seconds)))
}
