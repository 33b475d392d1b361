//! A population without a clock: every neuron stands at the time at which something last reached it.

use crate::neuron::{
    AdEx, Alif, Convention, CubaIf, CubaLi, CubaLif, If, Izhikevich, Li, Lif, Neuron, Output, Reset,
};
use crate::{Error, Result};

/// What a neuron does next if nothing reaches it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ahead {
    /// It fires now.
    Now,
    /// It fires at that time.
    Fires(f64),
    /// It has to be looked at again then.
    Look(f64),
    /// Nothing.
    Rests,
    /// Its state is no number.
    Lost,
}

/// The weights from one neuron.
#[derive(Clone, Copy, Debug)]
pub(super) enum Row<'a> {
    /// To all neurons.
    Dense(&'a [f64]),
    /// To those of these numbers.
    Sparse(&'a [u32], &'a [f64]),
}

impl Row<'_> {
    pub fn len(&self) -> usize {
        match self {
            Self::Dense(w) | Self::Sparse(_, w) => w.len(),
        }
    }
}

/// A population of any model, for the engine.
pub(super) trait Group: Send {
    /// All neurons at rest at time 0.
    fn rest(&mut self);
    /// Spikes over the weights of one neuron: what they reach is moved on to `t` and noted in `touched`.
    fn arrive(&mut self, t: f64, row: Row<'_>, touched: &mut Vec<u32>);
    /// Holds a current from `t` on, one for each neuron.
    fn drive(&mut self, t: f64, currents: &[f64]);
    /// What neuron `j`, which stands at `t`, does next.
    fn ahead(&self, t: f64, j: usize) -> Ahead;
    /// Neuron `j` fires at `t`.
    fn fire(&mut self, t: f64, j: usize);
    /// Moves neuron `j` on to `t`.
    fn advance(&mut self, t: f64, j: usize);
    /// The state of neuron `j` at a `t` that is not before it was last reached.
    fn state(&self, t: f64, j: usize, out: &mut Vec<f64>);
    /// A copy of all that changes.
    fn copy(&self) -> Box<dyn Group>;
}

/// What a population consists of.
pub(super) struct Wanted<'a> {
    /// Parameters of each neuron, or of all.
    pub params: &'a [Vec<f64>],
    pub n: usize,
    pub reset: Reset,
    /// The step of a declared integrator, in seconds.
    pub step: f64,
}

/// The population of a model of that name.
pub(super) fn group(model: &str, want: &Wanted<'_>) -> Result<Box<dyn Group>> {
    Ok(match model {
        "if" => Cells::<If, 1, 4, 4>::boxed(want),
        "lif" => Cells::<Lif, 1, 6, 6>::boxed(want),
        "li" => Cells::<Li, 1, 3, 3>::boxed(want),
        "cuba_if" => Cells::<CubaIf, 2, 5, 7>::boxed(want),
        "cuba_lif" => Cells::<CubaLif, 2, 7, 9>::boxed(want),
        "cuba_li" => Cells::<CubaLi, 2, 4, 9>::boxed(want),
        "alif" => Cells::<Alif, 2, 8, 8>::boxed(want),
        "adex" => Cells::<AdEx<true>, 2, 11, 13>::boxed(want),
        "izhikevich" => Cells::<Izhikevich<true>, 2, 6, 7>::boxed(want),
        _ => {
            return Err(Error::invalid(
                "neuron model",
                "the event-driven engine",
                "one that flows in continuous time",
                format!("'{model}', which is defined by steps"),
            ));
        }
    })
}

/// Neurons of model `M`.
struct Cells<M, const S: usize, const P: usize, const K: usize> {
    cells: Vec<Cell<S>>,
    /// One for all neurons, or one for each.
    params: Vec<[f64; P]>,
    /// Constants of a step of no length, for what does not depend on its length.
    still: Vec<[f64; K]>,
    /// Currents, if there are any.
    drive: Vec<f64>,
    reset: Reset,
    step: f64,
    /// Constants of the step last made, where all neurons share parameters: many neurons make the same one.
    last: (f64, [f64; K]),
    model: std::marker::PhantomData<M>,
}

/// A neuron.
#[derive(Clone, Copy)]
struct Cell<const S: usize> {
    s: [f64; S],
    /// The time at which it stands.
    t: f64,
    /// The membrane stands still up to this time, included.
    held: f64,
}

impl<M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize> Cells<M, S, P, K> {
    fn boxed(want: &Wanted<'_>) -> Box<dyn Group> {
        let params: Vec<[f64; P]> = want
            .params
            .iter()
            .map(|p| std::array::from_fn(|i| p[i]))
            .collect();
        let constants = |p| M::discretise(p, &Convention::default(), want.reset, 0.0);
        let mut cells = Self {
            cells: Vec::new(),
            still: params.iter().map(constants).collect(),
            drive: Vec::new(),
            reset: want.reset,
            step: want.step,
            last: (f64::NAN, [0.0; K]),
            params,
            model: std::marker::PhantomData,
        };
        let rest = |j| Cell {
            s: M::rest(cells.of(j)),
            t: 0.0,
            held: f64::NEG_INFINITY,
        };
        cells.cells = (0..want.n).map(rest).collect();
        Box::new(cells)
    }

    fn of(&self, j: usize) -> &[f64; P] {
        &self.params[j.min(self.params.len() - 1)]
    }

    fn still(&self, j: usize) -> &[f64; K] {
        &self.still[j.min(self.still.len() - 1)]
    }

    fn current(&self, j: usize) -> f64 {
        self.drive.get(j).copied().unwrap_or(0.0)
    }

    /// Seconds that the membrane stands still after a spike: the last parameter, where there is one.
    fn t_ref(&self, j: usize) -> f64 {
        match M::SPEC.params.last() {
            Some(p) if p.name == "t_ref" => self.of(j)[P - 1],
            _ => 0.0,
        }
    }

    /// The state `h` seconds on; a non-linear model goes in steps of its integrator.
    fn flow(&self, j: usize, mut s: [f64; S], h: f64) -> [f64; S] {
        let constants = |h| M::discretise(self.of(j), &Convention::default(), self.reset, h);
        let x = self.current(j);
        if M::SPEC.order.is_none() {
            return M::flow(&constants(h), s, x);
        }
        let mut left = h;
        while left > 0.0 {
            let step = left.min(self.step);
            s = M::flow(&constants(step), s, x);
            left -= step;
        }
        s
    }

    /// A cell moved on to `t`.
    fn moved(&self, j: usize, mut c: Cell<S>, t: f64) -> Cell<S> {
        while c.t < t && c.held > c.t {
            // What the others see of a membrane that stands still is right to the integrator's step.
            let longest = if M::SPEC.order.is_some() {
                self.step
            } else {
                f64::INFINITY
            };
            let h = (c.held.min(t) - c.t).min(longest);
            let v = c.s[0];
            c.s = self.flow(j, c.s, h);
            c.s[0] = v;
            c.t = (c.t + h).max(c.t.next_up());
        }
        if t > c.t {
            c.s = self.flow(j, c.s, t - c.t);
        }
        c.t = t;
        c
    }

    /// Moves neuron `j` on and adds the weight `w`.
    #[inline(always)]
    fn meet(&mut self, t: f64, j: usize, w: f64) {
        let cell = self.cells[j];
        let simple = M::SPEC.order.is_none() && self.params.len() == 1 && cell.held <= cell.t;
        let mut c = if simple {
            let (h, mut s) = (t - cell.t, cell.s);
            if h > 0.0 {
                if h != self.last.0 {
                    let k = M::discretise(&self.params[0], &Convention::default(), self.reset, h);
                    self.last = (h, k);
                }
                s = M::flow(&self.last.1, s, self.current(j));
            }
            Cell { s, t, ..cell }
        } else {
            self.moved(j, cell, t)
        };
        let v = c.s[0];
        c.s = M::jump(self.still(j), c.s, w);
        if t <= c.held {
            c.s[0] = v;
        }
        self.cells[j] = c;
    }

    /// The crossing within one step of the integrator, from `s`, by bisection of the step.
    fn within(&self, j: usize, s: [f64; S]) -> Option<f64> {
        let gap = |h: f64| {
            let k = M::discretise(self.of(j), &Convention::default(), self.reset, h);
            M::gap(&k, &M::flow(&k, s, self.current(j)))
        };
        if gap(self.step) <= 0.0 {
            return None;
        }
        let (mut low, mut high) = (0.0, self.step);
        while low < high {
            let middle = 0.5 * (low + high);
            if middle == low || middle == high {
                break;
            }
            if gap(middle) > 0.0 {
                high = middle;
            } else {
                low = middle;
            }
        }
        Some(high)
    }
}

impl<M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize> Group
    for Cells<M, S, P, K>
{
    fn rest(&mut self) {
        for j in 0..self.cells.len() {
            self.cells[j] = Cell {
                s: M::rest(self.of(j)),
                t: 0.0,
                held: f64::NEG_INFINITY,
            };
        }
        self.drive.clear();
    }

    fn arrive(&mut self, t: f64, row: Row<'_>, touched: &mut Vec<u32>) {
        match row {
            Row::Dense(weights) => {
                for (j, &w) in weights.iter().enumerate() {
                    self.meet(t, j, w);
                }
                touched.extend(0..weights.len() as u32);
            }
            Row::Sparse(targets, weights) => {
                for (&j, &w) in targets.iter().zip(weights) {
                    self.meet(t, j as usize, w);
                }
                touched.extend_from_slice(targets);
            }
        }
    }

    fn drive(&mut self, t: f64, currents: &[f64]) {
        for j in 0..self.cells.len() {
            self.advance(t, j);
        }
        self.drive.clear();
        self.drive.extend_from_slice(currents);
    }

    fn ahead(&self, t: f64, j: usize) -> Ahead {
        if M::SPEC.output == Output::Membrane {
            return Ahead::Rests;
        }
        let cell = &self.cells[j];
        if cell.held > t {
            return Ahead::Look(cell.held);
        }
        let gap = M::gap(self.still(j), &cell.s);
        if gap > 0.0 {
            return Ahead::Now;
        }
        if gap.is_nan() {
            return Ahead::Lost;
        }
        let x = self.current(j);
        if let Some(curve) = M::curve(self.of(j), &cell.s, x) {
            return match curve.first(f64::INFINITY) {
                Some(h) => Ahead::Fires(t + h),
                None => Ahead::Rests,
            };
        }
        match self.within(j, cell.s) {
            Some(h) => Ahead::Fires(t + h),
            None if self.flow(j, cell.s, self.step) == cell.s => Ahead::Rests,
            None => Ahead::Look(t + self.step),
        }
    }

    fn fire(&mut self, t: f64, j: usize) {
        self.advance(t, j);
        let mut c = self.cells[j];
        c.s = M::reset(self.still(j), c.s, 1.0);
        let t_ref = self.t_ref(j);
        if t_ref > 0.0 {
            c.held = t + t_ref;
        }
        self.cells[j] = c;
    }

    fn advance(&mut self, t: f64, j: usize) {
        self.cells[j] = self.moved(j, self.cells[j], t);
    }

    fn state(&self, t: f64, j: usize, out: &mut Vec<f64>) {
        let c = self.moved(j, self.cells[j], t);
        out.extend_from_slice(&c.s);
    }

    fn copy(&self) -> Box<dyn Group> {
        Box::new(Self {
            cells: self.cells.clone(),
            params: self.params.clone(),
            still: self.still.clone(),
            drive: self.drive.clone(),
            reset: self.reset,
            step: self.step,
            last: self.last,
            model: std::marker::PhantomData,
        })
    }
}
