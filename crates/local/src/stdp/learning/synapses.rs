//! The synapses of a projection: spikes wait until they reach them.

use crate::stdp::synapse::MOMENT;
use crate::stdp::{Coincident, Plastic, Rule};
use cortado::num::Float;
use std::collections::VecDeque;

/// Is told of each moment that has changed synapses: which inputs and which neurons it was.
pub(super) type Changed<'a> = dyn FnMut(&dyn Synapses, &[usize], &[usize]) + 'a;

/// Synapses of some rule.
pub(super) trait Synapses: Send {
    /// A spike of input `i` will be there at `t` seconds.
    fn pre(&mut self, t: f64, i: usize);

    /// A spike of neuron `j` will be there at `t` seconds.
    fn post(&mut self, t: f64, j: usize);

    /// Moments that are over before `t` change the synapses; spikes that are told of later come at `t` or after it.
    fn settle(&mut self, t: f64, changed: &mut Changed<'_>);

    /// The weights of input `i`, one for each neuron.
    fn row(&self, i: usize) -> Box<dyn Iterator<Item = f64> + '_>;

    /// The weights of neuron `j`, one for each input.
    fn column(&self, j: usize) -> Box<dyn Iterator<Item = f64> + '_>;

    /// Back to time 0, no spike on its way; weights stay.
    fn rest(&mut self);
}

/// Spikes on their way, in order of time.
type Waiting = VecDeque<(f64, usize)>;

/// Weights under a rule, and the spikes that are on their way to them.
pub(super) struct Delayed<R, const P: usize, const Q: usize> {
    weights: Plastic<R, P, Q>,
    coincident: Coincident,
    pre: Waiting,
    post: Waiting,
    /// Those that arrive at one moment.
    here: [Vec<usize>; 2],
}

impl<R: Rule<P, Q>, const P: usize, const Q: usize> Delayed<R, P, Q> {
    pub fn new(weights: Plastic<R, P, Q>, coincident: Coincident) -> Self {
        Self {
            weights,
            coincident,
            pre: Waiting::new(),
            post: Waiting::new(),
            here: Default::default(),
        }
    }
}

/// Puts a spike in its place; mostly that is the last.
fn wait(spikes: &mut Waiting, t: f64, neuron: usize) {
    let place = spikes.iter().rposition(|s| s.0 <= t).map_or(0, |p| p + 1);
    spikes.insert(place, (t, neuron));
}

/// Takes out those of the moment that begins at `t`.
fn take(spikes: &mut Waiting, t: f64, here: &mut Vec<usize>) {
    here.clear();
    let count = spikes.iter().take_while(|s| s.0 <= t + MOMENT).count();
    here.extend(spikes.drain(..count).map(|s| s.1));
}

impl<R: Rule<P, Q>, const P: usize, const Q: usize> Synapses for Delayed<R, P, Q> {
    fn pre(&mut self, t: f64, i: usize) {
        wait(&mut self.pre, t, i);
    }

    fn post(&mut self, t: f64, j: usize) {
        wait(&mut self.post, t, j);
    }

    fn settle(&mut self, t: f64, changed: &mut Changed<'_>) {
        loop {
            let first = |spikes: &Waiting| spikes.front().map_or(f64::INFINITY, |s| s.0);
            let moment = first(&self.pre).min(first(&self.post));
            if moment + MOMENT >= t {
                return;
            }
            let [mut inputs, mut neurons] = std::mem::take(&mut self.here);
            take(&mut self.pre, moment, &mut inputs);
            take(&mut self.post, moment, &mut neurons);
            let (weights, coincident) = (&mut self.weights, self.coincident);
            f64::vectorize(
                #[inline(always)]
                || weights.meet(moment, &inputs, &neurons, coincident),
            );
            changed(self, &inputs, &neurons);
            self.here = [inputs, neurons];
        }
    }

    fn row(&self, i: usize) -> Box<dyn Iterator<Item = f64> + '_> {
        Box::new(self.weights.row(i))
    }

    fn column(&self, j: usize) -> Box<dyn Iterator<Item = f64> + '_> {
        Box::new(self.weights.column(j))
    }

    fn rest(&mut self) {
        self.weights.rest();
        self.pre.clear();
        self.post.clear();
    }
}
