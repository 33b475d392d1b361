//! Eligibility traces of the weights into a population, for one sample.

use crate::kernel::{Lane, TILE};
use crate::learn::online::{Filter, Way, port};
use crate::neuron::Lanes;
use crate::num::{Aligned, Float};
use crate::sim::{Signal, Totals};

/// Traces of a projection. Rows are the neurons before the weights, then the bias if there is one.
#[derive(Clone, Debug, Default)]
pub(super) struct Traces<R> {
    /// Derivative of the states by the weights, `[tile][row][states][TILE]`; `[row][states]` where neurons are alike.
    state: Aligned<R>,
    /// The eligibility as the readout sees it, `[tile][row][states of the readout][TILE]`.
    seen: Aligned<R>,
    /// Its sum over the steps, `[tile][row][TILE]`.
    sum: Aligned<R>,
    /// Rows that something has arrived on in this sample.
    active: Vec<u32>,
    known: Vec<bool>,
    /// What arrives in a step.
    z: Vec<R>,
}

/// What the traces of a population have in common.
#[derive(Clone, Copy)]
pub(super) struct Form<'a, R> {
    pub states: usize,
    pub tiles: usize,
    pub alike: bool,
    /// The readout, where eligibility passes through it.
    pub filter: Option<&'a Filter<R>>,
    /// Whether sums are asked for.
    pub sums: bool,
}

/// A step of a population.
pub(super) struct Step<'a, R> {
    /// `[tile]` tangents.
    pub tangents: &'a [R],
    /// The learning signal, `[tile][TILE]`; none where it is zero.
    pub signal: Option<&'a [R]>,
    /// Whether what arrives is a pulse.
    pub pulse: bool,
}

impl<R: Lanes> Traces<R> {
    /// Makes room, all zero.
    pub fn begin(&mut self, way: &Way, form: &Form<'_, R>) {
        let rows = way.inputs + usize::from(way.bias.is_some());
        let all = form.tiles * rows * TILE;
        let state = if form.alike { rows } else { all } * form.states;
        let seen = form.filter.map_or(0, |f| all * f.states);
        if self.known.len() != rows || self.state.len() != state || self.seen.len() != seen {
            *self = Self {
                state: Aligned::zeros(state),
                seen: Aligned::zeros(seen),
                known: vec![false; rows],
                z: vec![R::ZERO; rows],
                ..Self::default()
            };
        }
        self.sum.resize(if form.sums { all } else { 0 });
        for &row in &self.active {
            let row = row as usize;
            self.known[row] = false;
            let zero = |data: &mut Aligned<R>, width: usize| {
                let each = data.chunks_exact_mut((rows * width).max(1));
                each.for_each(|tile| tile[row * width..][..width].fill(R::ZERO));
            };
            match form.alike {
                true => self.state[row * form.states..][..form.states].fill(R::ZERO),
                false => zero(&mut self.state, form.states * TILE),
            }
            zero(&mut self.seen, form.filter.map_or(0, |f| f.states * TILE));
            zero(&mut self.sum, TILE);
        }
        self.active.clear();
    }

    /// Takes in what arrives in step `t`.
    pub fn arrive(&mut self, way: &Way, signal: &Signal<'_, R>, t: usize) {
        for &row in &self.active {
            self.z[row as usize] = R::ZERO;
        }
        let Self {
            active, known, z, ..
        } = self;
        let mut on = |row: usize, v: R| {
            if !known[row] {
                known[row] = true;
                active.push(row as u32);
            }
            z[row] = v;
        };
        signal.nonzeros(0, t, |i, v| {
            if i < way.inputs {
                on(i, v);
            }
        });
        if way.bias.is_some() {
            on(way.inputs, R::ONE);
        }
    }

    /// Moves all traces on by a step, and adds signal times eligibility to the gradients.
    pub fn step(
        &mut self,
        way: &Way,
        form: &Form<'_, R>,
        step: &Step<'_, R>,
        into: &mut Totals<R>,
    ) {
        R::vectorize(
            #[inline(always)]
            || match (form.states, form.filter.map_or(0, |f| f.states)) {
                (1, 0) => self.go::<1, 0>(way, form, step, into),
                (2, 0) => self.go::<2, 0>(way, form, step, into),
                (3, 0) => self.go::<3, 0>(way, form, step, into),
                (_, 0) => self.go::<4, 0>(way, form, step, into),
                (1, 1) => self.go::<1, 1>(way, form, step, into),
                (2, 1) => self.go::<2, 1>(way, form, step, into),
                (3, 1) => self.go::<3, 1>(way, form, step, into),
                (_, 1) => self.go::<4, 1>(way, form, step, into),
                (1, _) => self.go::<1, 2>(way, form, step, into),
                (2, _) => self.go::<2, 2>(way, form, step, into),
                (3, _) => self.go::<3, 2>(way, form, step, into),
                _ => self.go::<4, 2>(way, form, step, into),
            },
        );
    }

    #[inline(always)]
    fn go<const S: usize, const F: usize>(
        &mut self,
        way: &Way,
        form: &Form<'_, R>,
        step: &Step<'_, R>,
        into: &mut Totals<R>,
    ) {
        let rows = self.known.len();
        let one = step.tangents.len() / form.tiles;
        for (tile, tangent) in step.tangents.chunks_exact(one).enumerate() {
            let t = Map::<R, S>::new(tangent, step.pulse);
            let signal = step.signal.map(|s| lane(s, tile));
            for &row in &self.active {
                let row = row as usize;
                let (place, z) = (tile * rows + row, self.z[row]);
                let mut e = Lane::zero();
                if form.alike {
                    t.shared(&self.state[row * S..][..S], z, &mut e);
                } else {
                    t.own(&mut self.state[place * S * TILE..][..S * TILE], z, &mut e);
                }
                if form.sums {
                    let sum = &mut self.sum[place * TILE..][..TILE];
                    (0..TILE).for_each(|j| sum[j] += e[j]);
                }
                if let (true, Some(filter)) = (F > 0, form.filter) {
                    let seen = &mut self.seen[place * F * TILE..][..F * TILE];
                    through::<R, F>(filter, seen, &mut e);
                }
                if let Some(signal) = signal {
                    let g = match way.bias {
                        Some(bias) if row == way.inputs => {
                            &mut into.gradients[bias][tile * TILE..][..TILE]
                        }
                        _ => {
                            let place = tile * way.inputs + row;
                            &mut into.gradients[way.weight][place * TILE..][..TILE]
                        }
                    };
                    (0..TILE).for_each(|j| g[j] += signal[j] * e[j]);
                }
            }
        }
        if form.alike {
            // All lanes have the same map.
            let t = Map::<R, S>::new(&step.tangents[..one], step.pulse);
            for &row in &self.active {
                let state = &mut self.state[row as usize * S..][..S];
                let before: [R; S] = std::array::from_fn(|i| state[i]);
                for (i, s) in state.iter_mut().enumerate() {
                    *s = t.gain(i)[0] * self.z[row as usize];
                    (0..S).for_each(|n| *s += t.moves(i, n)[0] * before[n]);
                }
            }
        }
    }

    /// Adds the sums, each neuron's times its `price`, `[tile][TILE]`, to the gradients.
    pub fn settle(&self, way: &Way, price: &[R], into: &mut Totals<R>) {
        let rows = self.known.len();
        for (tile, price) in price.chunks_exact(TILE).enumerate() {
            for &row in &self.active {
                let sum = lane(&self.sum, tile * rows + row as usize);
                let (k, place) = match way.bias {
                    Some(bias) if row as usize == way.inputs => (bias, tile),
                    _ => (way.weight, tile * way.inputs + row as usize),
                };
                let g = &mut into.gradients[k][place * TILE..][..TILE];
                (0..TILE).for_each(|j| g[j] += price[j] * sum[j]);
            }
        }
    }
}

#[inline(always)]
fn lane<R>(data: &[R], n: usize) -> &[R] {
    &data[n * TILE..][..TILE]
}

/// The step of a tile: how eligibility and states follow the states and what arrives.
struct Map<'a, R, const S: usize> {
    rows: &'a [R],
    port: usize,
}

impl<'a, R: Float, const S: usize> Map<'a, R, S> {
    #[inline(always)]
    fn new(rows: &'a [R], pulse: bool) -> Self {
        let port = port(S, pulse);
        Self { rows, port }
    }

    /// `u`, `ub`, `P` and `Pb` of [`crate::kernel::Tangent`].
    #[inline(always)]
    fn sees(&self, n: usize) -> &'a [R] {
        lane(self.rows, n)
    }

    #[inline(always)]
    fn instant(&self) -> &'a [R] {
        lane(self.rows, self.port)
    }

    #[inline(always)]
    fn moves(&self, i: usize, n: usize) -> &'a [R] {
        lane(self.rows, S + i * S + n)
    }

    #[inline(always)]
    fn gain(&self, i: usize) -> &'a [R] {
        lane(self.rows, self.port + 1 + i)
    }

    #[inline(always)]
    fn shared(&self, state: &[R], z: R, e: &mut Lane<R>) {
        let instant = self.instant();
        (0..TILE).for_each(|j| e[j] = instant[j] * z);
        for (n, &s) in state.iter().enumerate() {
            let sees = self.sees(n);
            (0..TILE).for_each(|j| e[j] += sees[j] * s);
        }
    }

    #[inline(always)]
    fn own(&self, state: &mut [R], z: R, e: &mut Lane<R>) {
        let instant = self.instant();
        (0..TILE).for_each(|j| e[j] = instant[j] * z);
        let mut next = [Lane::zero(); S];
        for (i, next) in next.iter_mut().enumerate() {
            let gain = self.gain(i);
            (0..TILE).for_each(|j| next[j] = gain[j] * z);
        }
        for n in 0..S {
            let (s, sees) = (lane(state, n), self.sees(n));
            (0..TILE).for_each(|j| e[j] += sees[j] * s[j]);
            for (i, next) in next.iter_mut().enumerate() {
                let moves = self.moves(i, n);
                (0..TILE).for_each(|j| next[j] += moves[j] * s[j]);
            }
        }
        for (i, next) in next.iter().enumerate() {
            state[i * TILE..][..TILE].copy_from_slice(&next[..]);
        }
    }
}

/// Passes eligibility through the readout.
#[inline(always)]
fn through<R: Float, const F: usize>(filter: &Filter<R>, seen: &mut [R], e: &mut Lane<R>) {
    let mut next = [Lane::zero(); F];
    let gains = &filter.gain[filter.spike];
    for (i, next) in next.iter_mut().enumerate() {
        let gain = gains[i];
        (0..TILE).for_each(|j| next[j] = gain * e[j]);
        for n in 0..F {
            let (s, a) = (lane(seen, n), filter.step[i * F + n]);
            (0..TILE).for_each(|j| next[j] += a * s[j]);
        }
    }
    for (i, next) in next.iter().enumerate() {
        seen[i * TILE..][..TILE].copy_from_slice(&next[..]);
    }
    if let Some(first) = next.first() {
        e.copy_from_slice(&first[..]);
    }
}
