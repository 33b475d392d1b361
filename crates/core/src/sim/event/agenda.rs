//! When each neuron of a population has to be looked at, if nothing reaches it before.

use super::group::LANES;

/// What is known of the time at which a neuron has to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It fires not before, if at all.
    Bound,
    /// It fires then.
    Fires,
    /// It is looked at then.
    Look,
}

/// One time for each neuron, and the first of each tile: what is void is written over, and never has to be taken out.
#[derive(Clone, Debug)]
pub(super) struct Agenda {
    /// Infinite for one that asks for nothing.
    times: Vec<[f64; LANES]>,
    kinds: Vec<[Kind; LANES]>,
    /// The first time of each tile.
    first: Vec<f64>,
}

impl Agenda {
    /// Nobody asks for anything; in whole tiles of neurons.
    pub fn new(tiles: usize) -> Self {
        Self {
            times: vec![[f64::INFINITY; LANES]; tiles],
            kinds: vec![[Kind::Bound; LANES]; tiles],
            first: vec![f64::INFINITY; tiles],
        }
    }

    /// The first time of all.
    pub fn soonest(&self) -> f64 {
        self.first.iter().copied().fold(f64::INFINITY, least)
    }

    /// Sets the time of neuron `j`.
    pub fn set(&mut self, j: usize, time: f64, kind: Kind) {
        let (tile, lane) = (j / LANES, j % LANES);
        self.times[tile][lane] = time;
        self.kinds[tile][lane] = kind;
        self.first[tile] = self.times[tile].iter().copied().fold(f64::INFINITY, least);
    }

    /// Sets times not before which the neurons of a tile fire.
    #[inline(always)]
    pub fn bound(&mut self, tile: usize, times: &[f64; LANES]) {
        self.times[tile] = *times;
        self.kinds[tile] = [Kind::Bound; LANES];
        self.first[tile] = times.iter().copied().fold(f64::INFINITY, least);
    }

    /// The neurons of a tile ask for nothing.
    #[inline(always)]
    pub fn clear(&mut self, tile: usize) {
        if self.first[tile] < f64::INFINITY {
            self.times[tile] = [f64::INFINITY; LANES];
            self.first[tile] = f64::INFINITY;
        }
    }

    /// Calls `take` with the neurons whose time has come by `t`, in their order.
    pub fn due(&self, t: f64, mut take: impl FnMut(usize, Kind)) {
        for tile in (0..self.first.len()).filter(|&i| self.first[i] <= t) {
            let each = self.times[tile].iter().zip(&self.kinds[tile]).enumerate();
            for (lane, (_, &kind)) in each.filter(|(_, (time, _))| **time <= t) {
                take(tile * LANES + lane, kind);
            }
        }
    }
}

/// The smaller of two numbers.
#[inline(always)]
fn least(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}
