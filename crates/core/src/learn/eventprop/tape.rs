//! What a sample leaves behind: spikes, and what their times cost.

use crate::sim::event::snap;

/// The spikes of a population for one sample, in order of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Train {
    pub t: Vec<f64>,
    /// The neuron as it stands in memory.
    pub unit: Vec<u32>,
    /// The state just before the reset, `[spikes][S]`.
    pub before: Vec<f64>,
    /// The arrival that lifted the neuron over threshold at its own time, if one did: way and spike.
    pub cause: Vec<Option<(u32, u32)>>,
}

/// A spike just fired, of a neuron with `S` states.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fired<const S: usize> {
    pub t: f64,
    pub unit: u32,
    pub before: [f64; S],
    pub cause: Option<(u32, u32)>,
}

impl Train {
    pub fn clear(&mut self) {
        self.t.clear();
        self.unit.clear();
        self.before.clear();
        self.cause.clear();
    }

    pub fn len(&self) -> usize {
        self.t.len()
    }

    /// Appends what another train holds, which comes later.
    pub fn extend(&mut self, later: &Self) {
        self.t.extend_from_slice(&later.t);
        self.unit.extend_from_slice(&later.unit);
        self.before.extend_from_slice(&later.before);
        self.cause.extend_from_slice(&later.cause);
    }

    /// Appends the spikes of a window, ties by number of the neuron.
    pub fn append<const S: usize>(&mut self, fired: &mut Vec<Fired<S>>) {
        fired.sort_by(|a, b| a.t.total_cmp(&b.t).then(a.unit.cmp(&b.unit)));
        for f in fired.drain(..) {
            self.t.push(f.t);
            self.unit.push(f.unit);
            self.before.extend_from_slice(&f.before);
            self.cause.push(f.cause);
        }
    }
}

/// A spike that reaches a population, or one neuron of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Arrival {
    pub t: f64,
    /// The neuron; 0 where it reaches all.
    pub target: u32,
    pub way: u32,
    /// Its number in the train of its source.
    pub spike: u32,
}

impl Arrival {
    /// When a spike of time `t` arrives after `delay`.
    pub fn at(t: f64, delay: f64) -> f64 {
        snap(t + delay)
    }

    /// By neuron, then by time, then in an order of their own.
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        let time = || self.t.total_cmp(&other.t);
        let name = |a: &Self| (a.way, a.spike);
        self.target
            .cmp(&other.target)
            .then_with(time)
            .then_with(|| name(self).cmp(&name(other)))
    }
}

/// A stretch of time in which no spike of a stage reaches that stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Window {
    pub from: f64,
    pub until: f64,
    /// What arrives in it: for neurons with delays of their own, by neuron and time; else by time.
    pub arrivals: std::ops::Range<usize>,
    /// The spikes fired in it.
    pub spikes: std::ops::Range<usize>,
    /// The states with which it began, `[neurons that something reached or that fired]`, where parameters are trained.
    pub starts: std::ops::Range<usize>,
}
