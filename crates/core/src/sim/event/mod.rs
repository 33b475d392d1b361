//! The event-driven engine: a network without a clock.
//!
//! Nothing is computed where nothing arrives. A neuron is moved on by its own `flow`, in `f64`, when a spike reaches it;
//! the time of its next spike is the first zero of its gap ([`Curve::first`](crate::neuron::Curve::first)), in closed form
//! where there is one, or a crossing within a step of the integrator that its model declares.
//!
//! # Ties
//! Everything that reaches a population at one time is added up before its gaps are looked at. Populations follow each
//! other in the order of a step of the clock, so that a spike without delay is seen downstream at the time that it was fired.
//! An arrival at the very time of a crossing comes first. Times that are a whole number of picoseconds but for rounding count
//! as that number, so that sums of times and delays meet.
//!
//! # Deviations
//! A refractory neuron keeps its membrane up to `t_ref` after a spike, that time included. A neuron that is still above
//! threshold after its reset fires again at once, where the clock lets it fire in the next step.

mod agenda;
mod cells;
mod group;
mod learner;
mod queue;
mod times;
mod wiring;

pub use learner::{Learner, Link};
pub(crate) use queue::snap;
pub use times::Times;
pub(crate) use wiring::continuous;

use crate::network::Network;
use crate::neuron::{Lanes, Output};
use crate::{Error, Result};
use group::{Ahead, Group, LANES, Row};
use learner::Sink;
use queue::{Event, Queue};
use std::sync::Arc;
use wiring::{Projection, Wiring};

/// A spike of a neuron.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spike {
    /// Seconds.
    pub t: f64,
    /// The population: its place in [`Engine::populations`].
    pub population: usize,
    /// The neuron, in the order of the population's shape.
    pub neuron: usize,
}

/// What became of spikes, counted by weight: a spike over a projection counts once for each neuron that it reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Put on their way.
    pub sent: u64,
    /// Arrived.
    pub delivered: u64,
    /// Spikes fired by neurons.
    pub spikes: u64,
    /// Times that a neuron was looked at because of itself: to fire, or to go on with an integrator.
    pub visits: u64,
}

/// A network that runs from event to event.
///
/// ```
/// use cortado::{network::{Network, NetworkSpec}, sim::event::Engine};
/// let spec = NetworkSpec::new(1e-3).linear("w", 1).population("p", "cuba_lif", &[("tau_mem", 10e-3), ("tau_syn", 5e-3)]);
/// let mut net = Network::<f64>::new(&[1], &spec, 0).unwrap();
/// net.set("w.weight", &[5.0]).unwrap();
/// let mut engine = Engine::new(&net).unwrap();
/// engine.feed(2e-3, 0).unwrap();
/// let mut spikes = Vec::new();
/// engine.run(0.1, |s| spikes.push(s)).unwrap();
/// // v = 5 (y - y^2) with y = exp(-h / tau_mem) reaches 1 at y = (1 + sqrt(1 - 4 / 5)) / 2.
/// let y = 0.5 * (1.0 + 0.2f64.sqrt());
/// assert!((spikes[0].t - (2e-3 - 10e-3 * y.ln())).abs() < 1e-16);
/// ```
pub struct Engine {
    wiring: Arc<Wiring>,
    /// One for each population but the input.
    groups: Vec<Box<dyn Group>>,
    queue: Queue,
    /// Everything before this time has happened.
    now: f64,
    traffic: Traffic,
    /// For each population but the input: the first time at which a neuron may have something to do.
    soon: Vec<f64>,
    /// Neurons that something reached at this time, and those that are due.
    touched: Vec<u32>,
    due: Vec<u32>,
    /// The weights of a learner over which a spike arrives.
    row: Vec<[f64; LANES]>,
    /// How often the neuron that fired last fired at its time.
    last: (Spike, u32),
}

/// A neuron that fires so often at one time will never stop.
const ENDLESS: u32 = 10_000;

impl Engine {
    /// A network at rest, at time 0.
    ///
    /// # Errors
    /// A model or a convention that is defined by the steps of a clock; a node that has no meaning without one: a bias,
    /// batch norm, a maximum over windows.
    pub fn new<R: Lanes>(net: &Network<R>) -> Result<Self> {
        let (wiring, groups) = Wiring::new(net)?;
        let mut engine = Self {
            soon: vec![0.0; groups.len()],
            wiring: Arc::new(wiring),
            groups,
            queue: Queue::default(),
            now: 0.0,
            traffic: Traffic::default(),
            touched: Vec::new(),
            due: Vec::new(),
            row: Vec::new(),
            last: (NEVER, 0),
        };
        engine.reset();
        Ok(engine)
    }

    /// Back to rest and to time 0, nothing on its way; memory is kept.
    pub fn reset(&mut self) {
        self.groups.iter_mut().for_each(|g| g.rest());
        self.queue.clear();
        (self.now, self.traffic, self.last) = (0.0, Traffic::default(), (NEVER, 0));
        for (soon, group) in self.soon.iter_mut().zip(&self.groups) {
            *soon = group.soonest();
        }
    }

    /// The names of the populations; the input is number 0, the readout the last.
    pub fn populations(&self) -> impl ExactSizeIterator<Item = &str> {
        self.wiring.populations.iter().map(|p| p.name.as_str())
    }

    /// The projections by number.
    pub fn projections(&self) -> impl ExactSizeIterator<Item = Link<'_>> {
        let n = |population: usize| self.wiring.populations[population].n;
        self.wiring.projections.iter().map(move |p| Link {
            node: &p.name,
            from: p.from,
            to: p.to,
            size: [p.from, p.to].map(n),
        })
    }

    /// Everything before this time, in seconds, has happened.
    pub fn now(&self) -> f64 {
        self.now
    }

    /// What became of spikes since the network was at rest.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Spikes on their way, counted as in [`Traffic`], one by one from what is still to come.
    pub fn in_flight(&self) -> u64 {
        let left = |e: &Event| {
            let rows = &self.wiring.projections[e.projection as usize].rows;
            (rows.len(e.from as usize) - e.at as usize) as u64
        };
        self.queue.iter().map(left).sum()
    }

    /// An input spikes at `t` seconds.
    ///
    /// # Errors
    /// A time that is not finite or before [`Engine::now`]; an input that is not there.
    pub fn feed(&mut self, t: f64, input: usize) -> Result<()> {
        let t = snap(t);
        let n = self.wiring.populations[0].n;
        if input >= n {
            return Err(Error::invalid(
                "input",
                "a spike",
                format!("less than {n}"),
                input,
            ));
        }
        if !(t >= self.now && t.is_finite()) {
            let expected = format!("a time from {} s on", self.now);
            return Err(Error::invalid(
                "time",
                format!("a spike of input {input}"),
                expected,
                t,
            ));
        }
        self.send(t, 0, input as u32);
        Ok(())
    }

    /// Holds currents on the inputs from now on: they pass the weights out of the input.
    ///
    /// # Errors
    /// Another number than of inputs; a value that is not finite; a projection with a delay.
    ///
    /// ```
    /// use cortado::{network::{Network, NetworkSpec}, sim::event::Engine};
    /// let spec = NetworkSpec::new(1e-3).linear("w", 1).population("p", "lif", &[("tau_mem", 20e-3)]);
    /// let mut net = Network::<f64>::new(&[1], &spec, 0).unwrap();
    /// net.set("w.weight", &[2.0]).unwrap();
    /// let mut engine = Engine::new(&net).unwrap();
    /// engine.drive(&[1.0]).unwrap();
    /// let mut times = Vec::new();
    /// engine.run(0.1, |s| times.push(s.t)).unwrap();
    /// assert_eq!(times.len(), 7);
    /// assert!((times[6] - 7.0 * 20e-3 * 2f64.ln()).abs() < 1e-15);
    /// ```
    pub fn drive(&mut self, currents: &[f64]) -> Result<()> {
        let n = self.wiring.populations[0].n;
        if currents.len() != n || currents.iter().any(|c| !c.is_finite()) {
            let expected = format!("{n} finite numbers");
            return Err(Error::invalid(
                "currents",
                "the input",
                expected,
                format!("{currents:?}"),
            ));
        }
        let wiring = self.wiring.clone();
        for p in 1..wiring.populations.len() {
            let mut sums = vec![0.0; wiring.populations[p].n];
            let mut driven = false;
            for projection in wiring
                .projections
                .iter()
                .filter(|j| j.from == 0 && j.to == p)
            {
                driven = true;
                for (i, &c) in currents.iter().enumerate() {
                    let held = projection.delay + projection.rows.delay(i, 0);
                    let (row, more) = projection.rows.group(i, 0);
                    if held != 0.0 || more.is_some() {
                        let place = format!("'input' -> '{}'", wiring.populations[p].name);
                        return Err(Error::invalid("current", place, "no delay", "a delay"));
                    }
                    match row {
                        Row::Dense(w) => {
                            let each = sums.iter_mut().zip(w.as_flattened());
                            each.for_each(|(s, w)| *s += w * c);
                        }
                        Row::Single(w) => {
                            let each = sums.iter_mut().zip(w.as_flattened());
                            each.for_each(|(s, &w)| *s += f64::from(w) * c);
                        }
                        Row::Sparse(to, w) => {
                            let each = to.iter().zip(w);
                            each.for_each(|(&j, w)| sums[j as usize] += w * c);
                        }
                    }
                }
            }
            if driven {
                self.groups[p - 1].drive(self.now, &sums);
                self.soon[p - 1] = self.groups[p - 1].soonest();
            }
        }
        Ok(())
    }

    /// Runs up to `until` seconds, that time not included, and hands every spike of a neuron to `sink`, in order of time.
    ///
    /// # Errors
    /// A time before [`Engine::now`]; a neuron whose state is no number, or that fires without end at one time.
    pub fn run(&mut self, until: f64, sink: impl FnMut(Spike)) -> Result<()> {
        self.run_with(until, &mut Sink(sink))
    }

    /// Runs as [`Engine::run`] does, while weights change: spikes go to a learner, which has weights of its own in place of the
    /// network's. Currents of [`Engine::drive`] pass the network's.
    ///
    /// # Errors
    /// As [`Engine::run`]; weights of a learner on a projection whose weights have delays that differ.
    pub fn run_with(&mut self, until: f64, learner: &mut impl Learner) -> Result<()> {
        let until = snap(until);
        if until.is_nan() || until < self.now {
            let expected = format!("a time from {} s on", self.now);
            return Err(Error::invalid("time", "the run", expected, until));
        }
        loop {
            let (t, p) = self.next();
            if t >= until {
                break;
            }
            if self.soon[p - 1] <= t && self.groups[p - 1].refine(t) {
                self.soon[p - 1] = self.groups[p - 1].soonest();
                continue;
            }
            self.instant(t, p, learner)?;
        }
        self.now = until;
        Ok(())
    }

    /// The state of a neuron now: its variables in the order of the model's table.
    ///
    /// # Errors
    /// A population or a neuron that is not there.
    pub fn state(&self, population: usize, neuron: usize) -> Result<Vec<f64>> {
        let mut out = Vec::new();
        match self.wiring.populations.get(population) {
            Some(p) if population > 0 && neuron < p.n => {
                self.groups[population - 1].state(self.now, neuron, &mut out);
                Ok(out)
            }
            _ => {
                let expected = "a population that is not the input, and one of its neurons";
                let got = format!("{neuron} of population {population}");
                Err(Error::invalid("neuron", "the network", expected, got))
            }
        }
    }

    /// The membranes of the readout now, if it hands on its membrane.
    pub fn readout(&self) -> Option<Vec<f64>> {
        let last = self.wiring.populations.len() - 1;
        let p = &self.wiring.populations[last];
        let v = |j| Some(*self.state(last, j).ok()?.first()?);
        (p.output == Output::Membrane).then(|| (0..p.n).filter_map(v).collect())
    }

    /// Back to rest, and from then on keeps what membranes of the readout did: see [`Engine::watched`].
    ///
    /// # Errors
    /// A readout that hands on spikes; a rate that is negative or not finite.
    pub fn watch(&mut self, rate: f64) -> Result<()> {
        let fires = self.wiring.populations.last().map(|p| p.output) != Some(Output::Membrane);
        if fires || !(rate >= 0.0 && rate.is_finite()) {
            let expected = "membranes that never fire, and a rate that is not negative";
            let got = if fires {
                "spikes".into()
            } else {
                format!("{rate}")
            };
            return Err(Error::invalid("watch", "the readout", expected, got));
        }
        if let Some(readout) = self.groups.last_mut() {
            readout.watch(rate);
        }
        self.reset();
        Ok(())
    }

    /// Of each membrane of the readout up to now: the largest value, and the integral of `exp(-rate t)` times it, both exact;
    /// none without [`Engine::watch`].
    ///
    /// ```
    /// use cortado::{network::{Network, NetworkSpec}, sim::event::Engine};
    /// let spec = NetworkSpec::new(1e-3).linear("w", 1).population("p", "li", &[("tau_mem", 10e-3)]);
    /// let mut net = Network::<f64>::new(&[1], &spec, 0).unwrap();
    /// net.set("w.weight", &[2.0]).unwrap();
    /// let mut engine = Engine::new(&net).unwrap();
    /// engine.watch(0.0).unwrap();
    /// engine.feed(5e-3, 0).unwrap();
    /// engine.run(25e-3, |_| {}).unwrap();
    /// let [most, integral] = engine.watched().unwrap()[0];
    /// assert_eq!(most, 2.0);
    /// assert!((integral - 20e-3 * (1.0 - (-2f64).exp())).abs() < 1e-16);
    /// ```
    pub fn watched(&self) -> Option<Vec<[f64; 2]>> {
        self.groups.last()?.watched(self.now)
    }

    /// A copy that goes its own way from here.
    pub fn fork(&self) -> Self {
        Self {
            wiring: self.wiring.clone(),
            groups: self.groups.iter().map(|g| g.copy()).collect(),
            queue: self.queue.clone(),
            now: self.now,
            traffic: self.traffic,
            soon: self.soon.clone(),
            touched: Vec::new(),
            due: Vec::new(),
            row: Vec::new(),
            last: self.last,
        }
    }

    /// Puts a spike on its way over all projections out of a population.
    fn send(&mut self, t: f64, population: usize, from: u32) {
        let wiring = &self.wiring;
        for &projection in &wiring.populations[population].out {
            let p = &wiring.projections[projection as usize];
            let reached = p.rows.len(from as usize);
            if reached > 0 {
                self.traffic.sent += reached as u64;
                let time = t + p.delay + p.rows.delay(from as usize, 0);
                let rank = wiring.populations[p.to].rank;
                self.queue
                    .push(Event::new(time, rank, projection, (from, 0), t));
            }
        }
    }

    /// The time at which something may happen next, and the population that it happens to: of several the first in the order of
    /// a step.
    fn next(&self) -> (f64, usize) {
        let populations = &self.wiring.populations;
        let (mut t, mut next) = match self.queue.peek() {
            Some(e) => (e.time(), self.wiring.projections[e.projection as usize].to),
            None => (f64::INFINITY, 1),
        };
        for (i, &soon) in self.soon.iter().enumerate() {
            let first = populations[i + 1].rank < populations[next].rank;
            if soon < t || (soon == t && first) {
                (t, next) = (soon, i + 1);
            }
        }
        (t, next)
    }

    /// Everything that happens to one population at one time.
    fn instant(&mut self, t: f64, p: usize, learner: &mut impl Learner) -> Result<()> {
        let wiring = self.wiring.clone();
        let rank = wiring.populations[p].rank;
        while let Some(&event) = self.queue.peek() {
            if event.time() != t || event.rank != rank {
                break;
            }
            self.queue.pop();
            let Projection { delay, rows, .. } = &wiring.projections[event.projection as usize];
            let (from, at) = (event.from as usize, event.at as usize);
            let (row, next) = rows.group(from, at);
            if learner.learns(event.projection as usize) {
                if at > 0 || next.is_some() {
                    return Err(late(&wiring, event.projection as usize));
                }
                self.row.clear();
                self.row
                    .resize(wiring.populations[p].n.div_ceil(LANES), [0.0; LANES]);
                let weights = &mut self.row.as_flattened_mut()[..wiring.populations[p].n];
                learner.arrive(t, event.projection as usize, from, weights);
                self.groups[p - 1].arrive(t, Row::Dense(&self.row));
            } else {
                self.groups[p - 1].arrive(t, row);
            }
            let end = next.unwrap_or(rows.len(from));
            self.traffic.delivered += (end - at) as u64;
            if let Some(next) = next {
                let sent = f64::from_bits(event.sent);
                let time = sent + (delay + rows.delay(from, next));
                let part = (event.from, next as u32);
                self.queue
                    .push(Event::new(time, rank, event.projection, part, sent));
            }
        }
        let (mut due, mut touched) = (
            std::mem::take(&mut self.due),
            std::mem::take(&mut self.touched),
        );
        let visits = self.groups[p - 1].settle(t, &mut due, &mut touched);
        self.traffic.visits += visits as u64;
        // One that is due fires, unless something arrived with it: then its gap decides.
        for &j in &due {
            self.fire(t, p, j, learner)?;
            self.look(t, p, j, learner)?;
        }
        for &j in &touched {
            self.look(t, p, j, learner)?;
        }
        self.soon[p - 1] = self.groups[p - 1].soonest();
        (self.touched, self.due) = (touched, due);
        Ok(())
    }

    /// Fires for as long as a neuron is above threshold, and notes what it does next.
    fn look(&mut self, t: f64, p: usize, j: u32, learner: &mut impl Learner) -> Result<()> {
        loop {
            match self.groups[p - 1].look(t, j as usize) {
                Ahead::Now => self.fire(t, p, j, learner)?,
                Ahead::Lost => {
                    let name = &self.wiring.populations[p].name;
                    let place = format!("neuron {j} of '{name}' at {t} s");
                    return Err(Error::invalid("state", place, "a number", "none"));
                }
                _ => return Ok(()),
            }
        }
    }

    fn fire(&mut self, t: f64, p: usize, j: u32, learner: &mut impl Learner) -> Result<()> {
        self.groups[p - 1].fire(t, j as usize);
        self.traffic.spikes += 1;
        let spike = Spike {
            t,
            population: p,
            neuron: j as usize,
        };
        let again = self.last.0 == spike;
        self.last = (spike, if again { self.last.1 + 1 } else { 0 });
        if self.last.1 > ENDLESS {
            let name = &self.wiring.populations[p].name;
            let place = format!("neuron {j} of '{name}' at {t} s");
            let expected = "a reset that leaves it below threshold";
            return Err(Error::invalid("spikes", place, expected, "no end of them"));
        }
        learner.fire(spike);
        self.send(t, p, j);
        Ok(())
    }
}

/// A row of weights does not arrive as a whole.
#[cold]
fn late(wiring: &Wiring, projection: usize) -> Error {
    let place = format!("'{}', which learns", wiring.projections[projection].name);
    Error::invalid("delays", place, "one for all weights of a neuron", "others")
}

/// No spike.
const NEVER: Spike = Spike {
    t: f64::NEG_INFINITY,
    population: 0,
    neuron: 0,
};
