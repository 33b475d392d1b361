//! A projection whose weights learn from the spikes on both sides.

use super::homeostasis::scale_within;
use super::{Coincident, Rule};

/// A trace decays by this many time constants, `e^-40`, before its unit is changed.
const FAR: f64 = 40.0;

/// Traces of many neurons.
///
/// A trace is kept as it would have been at one common moment, so that time passing costs nothing: a spike now adds `e^(t / tau)`
/// to it, and reading it multiplies by `e^(-t / tau)`.
#[derive(Clone, Debug)]
struct Traces<const N: usize> {
    tau: [f64; N],
    /// `[trace][neuron]`.
    values: [Vec<f64>; N],
    /// The common moment, in seconds.
    origin: f64,
}

impl<const N: usize> Traces<N> {
    fn new(tau: [f64; N], neurons: usize) -> Self {
        Self {
            tau,
            values: std::array::from_fn(|_| vec![0.0; neurons]),
            origin: 0.0,
        }
    }

    /// At time 0, without spikes.
    fn rest(&mut self) {
        self.values.iter_mut().for_each(|v| v.fill(0.0));
        self.origin = 0.0;
    }

    /// What the values are multiplied by at `t`.
    #[inline(always)]
    fn factors(&mut self, t: f64) -> [f64; N] {
        // A first spike may come before 0: no trace is marked yet.
        self.origin = self.origin.min(t);
        let h = t - self.origin;
        if self.tau.iter().any(|tau| h > FAR * tau) {
            for (values, tau) in self.values.iter_mut().zip(self.tau) {
                let fade = (-h / tau).exp();
                values.iter_mut().for_each(|v| *v *= fade);
            }
            self.origin = t;
            return [1.0; N];
        }
        self.tau.map(|tau| (-h / tau).exp())
    }

    #[inline(always)]
    fn read(&self, i: usize, factors: &[f64; N]) -> [f64; N] {
        std::array::from_fn(|k| self.values[k][i] * factors[k])
    }

    #[inline(always)]
    fn mark(&mut self, i: usize, factors: &[f64; N], mark: impl Fn(f64) -> f64) {
        for k in 0..N {
            self.values[k][i] = mark(self.values[k][i] * factors[k]) / factors[k];
        }
    }
}

/// Neurons of a tile: what a line of the cache holds of their weights.
pub(super) const LANES: usize = 8;

/// Numbers of all neurons, tile by tile; those behind the last neuron mean nothing.
pub type Tiles = Vec<[f64; LANES]>;

/// Weights from `inputs` onto `neurons` that follow a rule; a spike costs a row or a column of them, time costs nothing.
///
/// Where spikes of both sides come at once, those that are told first come first.
///
/// ```
/// use cortado_local::stdp::{Pair, Plastic};
/// let mut w = Plastic::new(Pair::default(), 2, &[0.5; 6]);
/// let mut arrivals = w.arrivals();
/// w.pre(1, 0.0, &mut arrivals);
/// w.post(0, 20e-3);
/// assert_eq!(arrivals[0][..2], [0.5, 0.5]);
/// assert!((w.weights()[2] - 0.5 - 0.01 * (-1f64).exp()).abs() < 1e-15);
/// ```
#[derive(Clone, Debug)]
pub struct Plastic<R, const P: usize, const Q: usize> {
    /// `[tile][input][neuron]`: rows and columns are both runs of whole lines.
    tiles: Tiles,
    rule: R,
    neurons: usize,
    inputs: usize,
    pre: Traces<P>,
    post: Traces<Q>,
}

impl<R: Rule<P, Q>, const P: usize, const Q: usize> Plastic<R, P, Q> {
    /// Weights `[inputs][neurons]` that have seen no spike.
    pub fn new(rule: R, neurons: usize, weights: &[f64]) -> Self {
        let inputs = weights.len().checked_div(neurons).unwrap_or(0);
        let count = neurons.div_ceil(LANES);
        let mut tiles = vec![[0.0; LANES]; count * inputs];
        for (i, row) in weights.chunks_exact(neurons.max(1)).enumerate() {
            for (j, &w) in row.iter().enumerate() {
                tiles[j / LANES * inputs + i][j % LANES] = w;
            }
        }
        Self {
            rule,
            neurons,
            inputs,
            pre: Traces::new(rule.tau_pre(), inputs),
            post: Traces::new(rule.tau_post(), count * LANES),
            tiles,
        }
    }

    /// The weights `[inputs][neurons]`.
    pub fn weights(&self) -> Vec<f64> {
        (0..self.inputs).flat_map(|i| self.row(i)).collect()
    }

    /// The weights of input `i`, one for each neuron.
    pub fn row(&self, i: usize) -> impl Iterator<Item = f64> {
        (0..self.neurons).map(move |j| self.tiles[j / LANES * self.inputs + i][j % LANES])
    }

    /// The weights of neuron `j`, one for each input.
    pub fn column(&self, j: usize) -> impl Iterator<Item = f64> {
        let column = &self.tiles[j / LANES * self.inputs..][..self.inputs];
        column.iter().map(move |tile| tile[j % LANES])
    }

    /// Scales the weights of neuron `j` to a sum, within `max`: [`scale_within`].
    pub(super) fn scale(&mut self, j: usize, sum: f64, max: f64) {
        let mut column: Vec<f64> = self.column(j).collect();
        scale_within(&mut column, sum, max);
        let tiles = &mut self.tiles[j / LANES * self.inputs..];
        for (tile, w) in tiles.iter_mut().zip(column) {
            tile[j % LANES] = w;
        }
    }

    /// Room for what arrives at the neurons.
    pub fn arrivals(&self) -> Tiles {
        vec![[0.0; LANES]; self.neurons.div_ceil(LANES)]
    }

    /// Time is 0 and no neuron has fired; weights stay.
    pub fn rest(&mut self) {
        self.pre.rest();
        self.post.rest();
    }

    /// A spike of input `i` at `t` seconds: adds its weights, as they were when it came, to what arrives at the neurons.
    #[inline(always)]
    pub fn pre(&mut self, i: usize, t: f64, arrivals: &mut [[f64; LANES]]) {
        self.pre_times(i, t, 1.0, arrivals);
    }

    /// As [`Plastic::pre`], where what arrives is the share `release` of the weights; the rule does not see it.
    #[inline(always)]
    pub(super) fn pre_times(
        &mut self,
        i: usize,
        t: f64,
        release: f64,
        arrivals: &mut [[f64; LANES]],
    ) {
        let (fx, fy) = (self.pre.factors(t), self.post.factors(t));
        let x = self.pre.read(i, &fx);
        for (b, sums) in arrivals.iter_mut().enumerate() {
            let tile = self.change_tile(b, i, &x, &fy);
            *sums = std::array::from_fn(|j| sums[j] + release * tile[j]);
        }
        self.pre.mark(i, &fx, |x| self.rule.pairing().mark(x));
    }

    /// A spike of neuron `j` at `t` seconds.
    #[inline(always)]
    pub fn post(&mut self, j: usize, t: f64) {
        let (fx, fy) = (self.pre.factors(t), self.post.factors(t));
        self.change_column(j, &fx, &fy);
        self.post.mark(j, &fy, |y| self.rule.pairing().mark(y));
    }

    /// Spikes of inputs and of neurons that come at once, at `t` seconds; those of one side do not see each other.
    pub fn meet(&mut self, t: f64, inputs: &[usize], neurons: &[usize], coincident: Coincident) {
        let (fx, fy) = (self.pre.factors(t), self.post.factors(t));
        let (rule, tiles) = (self.rule, self.neurons.div_ceil(LANES));
        let rows = |w: &mut Self| {
            for &i in inputs {
                let x = w.pre.read(i, &fx);
                (0..tiles).for_each(|b| {
                    w.change_tile(b, i, &x, &fy);
                });
            }
        };
        let columns = |w: &mut Self| {
            let each = neurons.iter();
            each.for_each(|&j| w.change_column(j, &fx, &fy));
        };
        let mark_inputs = |w: &mut Self| {
            let each = inputs.iter();
            each.for_each(|&i| w.pre.mark(i, &fx, |x| rule.pairing().mark(x)));
        };
        let mark_neurons = |w: &mut Self| {
            let each = neurons.iter();
            each.for_each(|&j| w.post.mark(j, &fy, |y| rule.pairing().mark(y)));
        };
        match coincident {
            Coincident::Apart => {
                columns(self);
                rows(self);
                mark_inputs(self);
                mark_neurons(self);
            }
            Coincident::PreFirst => {
                rows(self);
                mark_inputs(self);
                columns(self);
                mark_neurons(self);
            }
            Coincident::PostFirst => {
                columns(self);
                mark_neurons(self);
                rows(self);
                mark_inputs(self);
            }
        }
    }

    /// What a spike of input `i`, whose traces are `x`, changes in a tile; the weights before.
    #[inline(always)]
    fn change_tile(&mut self, b: usize, i: usize, x: &[f64; P], fy: &[f64; Q]) -> [f64; LANES] {
        let tile = &mut self.tiles[b * self.inputs + i];
        let post = self
            .post
            .values
            .each_ref()
            .map(|v| &v[b * LANES..][..LANES]);
        let (before, rule) = (*tile, self.rule);
        *tile = std::array::from_fn(|j| {
            let y = std::array::from_fn(|k| post[k][j] * fy[k]);
            rule.pre(before[j], x, &y)
        });
        before
    }

    /// What a spike of neuron `j` changes.
    #[inline(always)]
    fn change_column(&mut self, j: usize, fx: &[f64; P], fy: &[f64; Q]) {
        let y = self.post.read(j, fy);
        let column = &mut self.tiles[j / LANES * self.inputs..][..self.inputs];
        let (pre, rule) = (
            self.pre.values.each_ref().map(|v| &v[..column.len()]),
            self.rule,
        );
        let lane = j % LANES;
        for (i, tile) in column.iter_mut().enumerate() {
            let x = std::array::from_fn(|k| pre[k][i] * fx[k]);
            tile[lane] = rule.post(tile[lane], &x, &y);
        }
    }
}
