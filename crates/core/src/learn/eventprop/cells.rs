//! Neurons of one model, forward from arrival to arrival and backward from event to event.
//!
//! # Equations
//! With the state `s`, its slope `f`, the gap `g`, the reset `R` and the adjoint `l`, backward in time:
//! over `h` seconds `l <- F(h)^T l`, `F` being the Jacobian of the flow; at a spike that cost `E` per second
//! `l <- R'^T l - g' [l (R' f- - f+) + E] / (g' f-)`, `f-` and `f+` being the slopes on both sides (`wunderlich2021`, written
//! for any model); at an arrival of weight `w` that jumps by `w u`: `dw += l u`, and `-w l A u` is the price of its time, `A` being
//! the matrix of the slope.

use super::tape::{Arrival, Fired, Train};
use crate::neuron::{Alif, Convention, CubaIf, CubaLif, If, Lif, Neuron, Reset};
use crate::num::{Dual, Float};
use crate::synapse::Delay;
use crate::{Error, Result};
use std::marker::PhantomData;

/// Neurons that run side by side.
pub(super) const LANES: usize = 16;

/// What reaches a population in a window.
pub(super) struct Inflow<'a, R> {
    /// By time, or by neuron and time.
    pub arrivals: &'a [Arrival],
    pub ways: &'a [Source<'a, R>],
}

/// Where a way comes from, for one sample.
pub(super) struct Source<'a, R> {
    /// The neuron of each spike.
    pub units: &'a [u32],
    pub weights: &'a [R],
    pub inputs: usize,
}

impl<R: Float> Source<'_, R> {
    /// Where the weight from a spike to neuron `j` stands.
    #[inline(always)]
    pub fn place(&self, spike: u32, j: usize) -> usize {
        super::plan::place(self.inputs, self.units[spike as usize], j as u32)
    }

    /// The weights from a spike to the neurons from `j` on.
    #[inline(always)]
    pub fn row(&self, spike: u32, j: usize) -> &[R; LANES] {
        // Weights stand in whole tiles.
        &self.weights[self.place(spike, j)..].as_chunks().0[0]
    }

    /// The weight from a spike to neuron `j`.
    pub fn weight(&self, spike: u32, j: usize) -> f64 {
        self.weights[self.place(spike, j)].value()
    }
}

/// Where gradients go, for one sample.
pub(super) struct Outflow<'a> {
    /// By way, as the weights stand.
    pub weights: Vec<Vec<f64>>,
    /// By way, as the delays stand, if they are trained, and the number of inputs.
    pub delays: Vec<(Option<Vec<f64>>, usize)>,
    /// By way: the population that it comes from.
    pub from: Vec<usize>,
    /// This population.
    pub own: usize,
    /// By population: the price of the time of each spike, per second.
    pub errors: &'a mut [Vec<f64>],
    /// `[neurons][P]`, if any parameter is trained.
    pub params: Option<Vec<f64>>,
}

impl Outflow<'_> {
    /// The time of the arrival of a spike over the weight at `place` costs that much per second.
    #[inline(always)]
    pub fn late(&mut self, way: u32, spike: u32, place: usize, cost: f64) {
        let way = way as usize;
        self.errors[self.from[way]][spike as usize] += cost;
        if let (Some(delays), inputs) = &mut self.delays[way] {
            let place = Delay::place(delays.len(), *inputs, place);
            delays[place] += cost;
        }
    }
}

/// A window, and the end of the sample, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub until: f64,
    pub end: f64,
}

/// What happened in a window.
pub(super) struct Past<'a> {
    pub from: f64,
    pub until: f64,
    pub train: &'a Train,
    pub spikes: std::ops::Range<usize>,
    /// The states that neurons began it with.
    pub starts: std::ops::Range<usize>,
    /// The price of the membrane of each neuron at its spikes; none if empty.
    pub push: &'a [f64],
}

impl Past<'_> {
    /// Adds the price of the membrane to the adjoint before a spike of neuron `j`.
    #[inline(always)]
    pub fn push<const S: usize>(&self, j: usize, mut adjoint: [f64; S]) -> [f64; S] {
        if let Some(push) = self.push.get(j) {
            adjoint[0] += push;
        }
        adjoint
    }
}

/// Where a population stands, for one sample: states forward, adjoints backward.
#[derive(Clone, Debug, Default)]
pub(super) struct Board {
    /// `[tiles of LANES][S][LANES]`
    pub(super) state: Vec<f64>,
    /// The time at which each neuron stands; of neurons side by side the first one's counts.
    pub(super) time: Vec<f64>,
    /// When each neuron fires next, if nothing arrives.
    pub(super) next: Vec<f64>,
    /// Whether starts are kept, for gradients of parameters.
    pub(super) keep: bool,
    /// Neuron, time and state with which it began a window.
    pub(super) starts: Vec<(u32, f64)>,
    pub(super) start_states: Vec<f64>,
}

impl Board {
    fn reset(&mut self, n: usize, len: usize) {
        for (list, len, value) in [
            (&mut self.state, len, 0.0),
            (&mut self.time, n, 0.0),
            (&mut self.next, n, f64::INFINITY),
        ] {
            list.clear();
            list.resize(len, value);
        }
        self.starts.clear();
        self.start_states.clear();
    }

    /// All adjoints zero at the end of a sample; what was kept on the way stays.
    pub fn turn(&mut self, end: f64) {
        self.state.fill(0.0);
        self.time.fill(end);
    }

    /// When a neuron fires next, if nothing arrives.
    pub fn soonest(&self) -> f64 {
        self.next.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Number of starts kept.
    pub fn starts(&self) -> usize {
        self.starts.len()
    }

    pub(super) fn get<const S: usize>(&self, j: usize) -> [f64; S] {
        std::array::from_fn(|i| self.state[(j / LANES * S + i) * LANES + j % LANES])
    }

    pub(super) fn put<const S: usize>(&mut self, j: usize, s: [f64; S]) {
        for (i, value) in s.into_iter().enumerate() {
            self.state[(j / LANES * S + i) * LANES + j % LANES] = value;
        }
    }
}

/// A model without a clock, for training.
pub(super) trait Cells<R: Float>: Send + Sync {
    /// All neurons at rest at time 0.
    fn rest(&self, board: &mut Board);
    /// Over a window: spikes go to `train`.
    fn forward(
        &self,
        board: &mut Board,
        inflow: &Inflow<'_, R>,
        span: Span,
        train: &mut Train,
    ) -> Result<()>;
    /// Back over a window: the board holds adjoints.
    fn backward(
        &self,
        board: &mut Board,
        inflow: &Inflow<'_, R>,
        past: &Past<'_>,
        out: &mut Outflow<'_>,
    );
    /// What is left when the start is reached.
    fn finish(&self, board: &Board, out: &mut Outflow<'_>);
}

/// The population of a model of that name.
pub(super) fn cells<R: Float>(
    model: &str,
    params: &[Vec<f64>],
    n: usize,
    (reset, together): (Reset, bool),
    end: f64,
) -> Result<Box<dyn Cells<R>>> {
    let wrong = |expected: &str| {
        Err(Error::invalid(
            "neuron model",
            "eventprop",
            expected,
            format!("'{model}'"),
        ))
    };
    let held = |p: &Vec<f64>| p.last().copied().unwrap_or(0.0);
    let once = params.iter().all(|p| held(p) >= end);
    if let Some(p) = params.iter().find(|p| held(p) > 0.0 && !once) {
        let expected = format!("0, or {end} s and more: one spike in a sample");
        return Err(Error::invalid("t_ref", "eventprop", expected, held(p)));
    }
    let how = (reset, together, once);
    Ok(match model {
        "if" => Group::<If, 1, 5, 4>::boxed(params, n, how),
        "lif" => Group::<Lif, 1, 6, 6>::boxed(params, n, how),
        "cuba_if" => Group::<CubaIf, 2, 5, 7>::boxed(params, n, how),
        "cuba_lif" => Group::<CubaLif, 2, 7, 9>::boxed(params, n, how),
        "alif" => Group::<Alif, 2, 8, 8>::boxed(params, n, how),
        _ => return wrong("if, lif, cuba_if, cuba_lif or alif; li or cuba_li as the readout"),
    })
}

/// Neurons of model `M`.
pub(super) struct Group<M, const S: usize, const P: usize, const K: usize> {
    pub(super) n: usize,
    pub(super) reset: Reset,
    /// Whether all neurons have the same parameters and times of arrival.
    pub(super) together: bool,
    /// Whether a neuron fires once at most in a sample: what happens to it afterwards has no part in anything.
    pub(super) once: bool,
    /// One for all neurons, or one for each.
    pub(super) cells: Vec<Cell<S, P, K>>,
    pub(super) model: PhantomData<M>,
}

/// What does not change of a neuron.
pub(super) struct Cell<const S: usize, const P: usize, const K: usize> {
    pub(super) p: [f64; P],
    /// Constants of a step of no length.
    pub(super) still: [f64; K],
    /// The slope is `matrix s + constant`.
    pub(super) matrix: [[f64; S]; S],
    pub(super) constant: [f64; S],
    /// What a weight of 1 adds to the state.
    pub(super) jump: [f64; S],
    /// The price of the time of an arrival is the product of weight, adjoint and this.
    pub(super) late: [f64; S],
}

impl<const S: usize, const P: usize, const K: usize> Cell<S, P, K> {
    pub(super) fn new<M: Neuron<S, P, K>>(p: [f64; P], reset: Reset) -> Self {
        let still = M::discretise(&p, &Convention::default(), reset, 0.0);
        // The slope is the derivative of the flow by its length, where that is 0.
        let vars = p.map(Dual::<f64, 1>::constant);
        let k = M::discretise(&vars, &Convention::default(), reset, Dual::variable(0.0, 0));
        let slope = |s: [f64; S]| -> [f64; S] {
            let s = s.map(Dual::<f64, 1>::constant);
            M::flow(&k, s, Dual::constant(0.0)).map(|d| d.d[0])
        };
        let unit = |i: usize| std::array::from_fn(|n| f64::from(u8::from(n == i)));
        let constant = slope([0.0; S]);
        let columns: [[f64; S]; S] = std::array::from_fn(|i| minus(slope(unit(i)), constant));
        let matrix = std::array::from_fn(|n| std::array::from_fn(|i| columns[i][n]));
        let zero = M::jump(&still, [0.0; S], 0.0);
        let jump = minus(M::jump(&still, [0.0; S], 1.0), zero);
        let late = times(&matrix, &jump).map(|x| -x);
        Self {
            p,
            still,
            matrix,
            constant,
            jump,
            late,
        }
    }

    pub(super) fn slope(&self, s: &[f64; S]) -> [f64; S] {
        let f = times(&self.matrix, s);
        std::array::from_fn(|i| f[i] + self.constant[i])
    }

    /// The price of the time of a spike over the speed at which its gap crosses 0.
    pub(super) fn share<M: Neuron<S, P, K>>(
        &self,
        before: &[f64; S],
        after: &[f64; S],
        cost: f64,
    ) -> f64 {
        let s: [Dual<f64, S>; S] = std::array::from_fn(|i| Dual::variable(before[i], i));
        let reset = M::reset(&self.still, s, Dual::constant(1.0));
        let gap = M::gap(&self.still, &s).d;
        let (f, g) = (self.slope(before), self.slope(&reset.map(|r| r.v)));
        let through: [f64; S] = std::array::from_fn(|n| dot(&reset[n].d, &f));
        (dot(after, &minus(through, g)) + cost) * steepness(dot(&gap, &f))
    }

    /// The adjoint before a spike that cost `cost` per second, from that after it.
    pub(super) fn spike<M: Neuron<S, P, K>>(
        &self,
        before: &[f64; S],
        after: [f64; S],
        cost: f64,
    ) -> [f64; S] {
        let s: [Dual<f64, S>; S] = std::array::from_fn(|i| Dual::variable(before[i], i));
        let reset = M::reset(&self.still, s, Dual::constant(1.0));
        let gap = M::gap(&self.still, &s).d;
        let share = self.share::<M>(before, &after, cost);
        std::array::from_fn(|i| {
            (0..S).map(|n| reset[n].d[i] * after[n]).sum::<f64>() - gap[i] * share
        })
    }
}

/// One over the speed at which a gap crosses 0. Where a neuron only grazes its threshold the spike time has no derivative: it
/// is held at that of a crossing that takes a hundred seconds a unit.
fn steepness(speed: f64) -> f64 {
    1.0 / speed.max(1e-2)
}

pub(super) fn dot<const S: usize>(a: &[f64; S], b: &[f64; S]) -> f64 {
    (0..S).map(|i| a[i] * b[i]).sum()
}

pub(super) fn minus<const S: usize>(a: [f64; S], b: [f64; S]) -> [f64; S] {
    std::array::from_fn(|i| a[i] - b[i])
}

pub(super) fn times<const S: usize>(m: &[[f64; S]; S], x: &[f64; S]) -> [f64; S] {
    std::array::from_fn(|n| dot(&m[n], x))
}

/// A neuron that fires so often between two arrivals will not stop.
const ENDLESS: usize = 100_000;

impl<M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize> Group<M, S, P, K> {
    fn boxed<R: Float>(
        params: &[Vec<f64>],
        n: usize,
        (reset, together, once): (Reset, bool, bool),
    ) -> Box<dyn Cells<R>> {
        let cell = |p: &Vec<f64>| Cell::new::<M>(std::array::from_fn(|i| p[i]), reset);
        Box::new(Self {
            n,
            reset,
            together,
            once,
            cells: params.iter().map(cell).collect(),
            model: PhantomData::<M>,
        })
    }

    pub(super) fn cell(&self, j: usize) -> &Cell<S, P, K> {
        &self.cells[j.min(self.cells.len() - 1)]
    }

    pub(super) fn constants(&self, j: usize, h: f64) -> [f64; K] {
        M::discretise(&self.cell(j).p, &Convention::default(), self.reset, h)
    }

    /// `[i][n]`: the derivative of state `n` after `h` seconds by state `i` before.
    pub(super) fn jacobian(k: &[f64; K]) -> [[f64; S]; S] {
        let zero = M::flow(k, [0.0; S], 0.0);
        let unit = |i: usize| std::array::from_fn(|n| f64::from(u8::from(n == i)));
        std::array::from_fn(|i| minus(M::flow(k, unit(i), 0.0), zero))
    }

    /// What takes an adjoint of neuron `j` back over `h` seconds.
    pub(super) fn back(&self, j: usize, h: f64) -> [[f64; S]; S] {
        Self::jacobian(&self.constants(j, h))
    }

    pub(super) fn flow(&self, j: usize, s: [f64; S], h: f64) -> [f64; S] {
        M::flow(&self.constants(j, h), s, 0.0)
    }

    /// How long neuron `j` takes to fire from state `s`, if it does within `until` and nothing arrives.
    pub(super) fn ahead(&self, j: usize, s: &[f64; S], until: f64) -> Option<f64> {
        let done = s[0] == f64::NEG_INFINITY;
        let curve = M::curve(&self.cell(j).p, s, 0.0).filter(|_| !done);
        curve.and_then(|c| c.first(until))
    }

    /// The state of neuron `j` at the end of an interval in which it may fire.
    pub(super) fn cross(
        &self,
        j: usize,
        mut s: [f64; S],
        (mut t, end): (f64, f64),
        fired: &mut Vec<Fired<S>>,
    ) -> Result<[f64; S]> {
        let first = fired.len();
        while let Some(h) = self.ahead(j, &s, end - t) {
            // One that falls on the next arrival is left to that.
            if t + h >= end {
                break;
            }
            t += h;
            let before = self.flow(j, s, h);
            s = self.fire(j, (t, before), None, fired);
            self.watch(j, fired.len() - first, t)?;
        }
        Ok(if t < end { self.flow(j, s, end - t) } else { s })
    }

    /// The state after a spike, which is noted.
    pub(super) fn fire(
        &self,
        j: usize,
        (t, before): (f64, [f64; S]),
        cause: Option<(u32, u32)>,
        fired: &mut Vec<Fired<S>>,
    ) -> [f64; S] {
        fired.push(Fired {
            t,
            unit: j as u32,
            before,
            cause,
        });
        let mut after = M::reset(&self.cell(j).still, before, 1.0);
        if self.once {
            // From there no threshold is reached.
            after[0] = f64::NEG_INFINITY;
        }
        after
    }

    /// The state of neuron `j` after the last of the arrivals at one time.
    pub(super) fn lift(
        &self,
        j: usize,
        mut s: [f64; S],
        arrival: &Arrival,
        fired: &mut Vec<Fired<S>>,
    ) -> Result<[f64; S]> {
        let first = fired.len();
        while M::gap(&self.cell(j).still, &s) > 0.0 {
            let cause = Some((arrival.way, arrival.spike));
            s = self.fire(j, (arrival.t, s), cause, fired);
            self.watch(j, fired.len() - first, arrival.t)?;
        }
        Ok(s)
    }

    pub(super) fn watch(&self, j: usize, spikes: usize, t: f64) -> Result<()> {
        if spikes < ENDLESS {
            return Ok(());
        }
        let place = format!("neuron {j} at {t} s");
        Err(Error::invalid("spikes", place, "an end of them", "none"))
    }

    /// The adjoint before a spike that an arrival caused: the time is that of the arrival, which pays for it.
    pub(super) fn caused<R: Float>(
        &self,
        after: [f64; S],
        (k, train): (usize, &Train),
        ways: &[Source<'_, R>],
        out: &mut Outflow<'_>,
    ) -> [f64; S] {
        let j = train.unit[k];
        let cell = self.cell(j as usize);
        let s: [Dual<f64, S>; S] =
            std::array::from_fn(|i| Dual::variable(train.before[k * S + i], i));
        let reset = M::reset(&cell.still, s, Dual::constant(1.0));
        let (f, g) = (cell.slope(&s.map(|s| s.v)), cell.slope(&reset.map(|r| r.v)));
        let through: [f64; S] = std::array::from_fn(|n| dot(&reset[n].d, &f));
        let cost = dot(&after, &minus(through, g)) + out.errors[out.own][k];
        if let Some((way, spike)) = train.cause[k] {
            out.late(
                way,
                spike,
                ways[way as usize].place(spike, j as usize),
                cost,
            );
        }
        std::array::from_fn(|i| (0..S).map(|n| reset[n].d[i] * after[n]).sum())
    }
}

impl<R: Float, M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize> Cells<R>
    for Group<M, S, P, K>
{
    fn rest(&self, board: &mut Board) {
        let tiles = self.n.div_ceil(LANES);
        board.reset(self.n, tiles * S * LANES);
        for j in 0..tiles * LANES {
            board.put::<S>(j, M::rest(&self.cell(j).p));
        }
    }

    fn forward(
        &self,
        board: &mut Board,
        inflow: &Inflow<'_, R>,
        span: Span,
        train: &mut Train,
    ) -> Result<()> {
        if self.together {
            self.forward_together(board, inflow, span, train)
        } else {
            self.forward_alone(board, inflow, span, train)
        }
    }

    fn backward(
        &self,
        board: &mut Board,
        inflow: &Inflow<'_, R>,
        past: &Past<'_>,
        out: &mut Outflow<'_>,
    ) {
        if self.together {
            self.backward_together(board, inflow, past, out);
        } else {
            self.backward_alone(board, inflow, past, out);
        }
    }

    fn finish(&self, board: &Board, out: &mut Outflow<'_>) {
        let Some(params) = &mut out.params else {
            return;
        };
        for j in 0..self.n {
            let p = self.cell(j).p;
            let adjoint = times(&self.back(j, board.time[j]), &board.get::<S>(j));
            let rest = M::rest(&p);
            for i in 0..P {
                // The state at rest is a sum of parameters.
                let mut moved = p;
                moved[i] += 1.0;
                params[j * P + i] += dot(&adjoint, &minus(M::rest(&moved), rest));
            }
        }
    }
}
