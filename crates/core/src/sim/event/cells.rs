//! Neurons of one model.
//!
//! A row of weights to all neurons finds most of them at the time of the row before: they are moved on side by side, with
//! constants of time that are computed once. Those that stand at another time, as they fired since or are refractory, are `apart`
//! and go one by one. Bits are the same either way.
//!
//! When a neuron fires next is not solved for at every arrival, since the next one makes it void: a time before which it does not
//! ([`Curve::sooner`](crate::neuron::Curve)) is noted, and the root is found when that time has come.

use super::agenda::{Agenda, Kind};
use super::group::{Ahead, Group, LANES, Row, Wanted};
use super::queue::snap;
use crate::neuron::{Convention, Neuron, Output, Reset};
use crate::num::Float;

/// Neurons of model `M`.
pub(super) struct Cells<M, const S: usize, const P: usize, const K: usize> {
    n: usize,
    /// Each variable of all neurons, in whole tiles.
    states: [Vec<f64>; S],
    /// The time at which all stand that are not apart.
    together: f64,
    /// The time at which each of the others stands.
    times: Vec<f64>,
    /// The membrane of each stands still up to this time, included.
    held: Vec<f64>,
    /// Those that are apart, in any order, and for each whether it is.
    apart: Vec<u32>,
    is_apart: Vec<bool>,
    /// What arrived at the time that is not settled yet: over weights to all, or at these.
    all: bool,
    touched: Vec<u32>,
    agenda: Agenda,
    /// Those for which it is time.
    called: Vec<(u32, Kind)>,
    /// One for all neurons, or one for each.
    params: Vec<[f64; P]>,
    /// Constants of a step of no length, for what does not depend on its length.
    still: Vec<[f64; K]>,
    /// Currents, in whole tiles.
    drive: Vec<[f64; LANES]>,
    reset: Reset,
    step: f64,
    /// Constants of the step last made, where all neurons share parameters: many neurons make the same one.
    last: (f64, [f64; K]),
    /// States of those apart while the others are moved on.
    aside: Vec<[f64; S]>,
    watch: Option<Watch>,
    model: std::marker::PhantomData<fn() -> M>,
}

/// What membranes did.
#[derive(Clone)]
struct Watch {
    /// Per second.
    rate: f64,
    /// The largest membrane of each neuron, and the integral of `exp(-rate t)` times it, up to where it stands.
    seen: Vec<[f64; 2]>,
}

/// Before anything is seen.
const UNSEEN: [f64; 2] = [f64::NEG_INFINITY, 0.0];

/// A neuron.
#[derive(Clone, Copy)]
struct Cell<const S: usize> {
    s: [f64; S],
    /// The time at which it stands.
    t: f64,
    held: f64,
}

#[inline(always)]
fn get<const S: usize>(states: &[Vec<f64>; S], j: usize) -> [f64; S] {
    std::array::from_fn(|i| states[i][j])
}

#[inline(always)]
fn put<const S: usize>(states: &mut [Vec<f64>; S], j: usize, s: [f64; S]) {
    (0..S).for_each(|i| states[i][j] = s[i]);
}

/// Moves neurons on by the constants of a step, if time has passed, and adds weights.
#[inline(always)]
fn side_by_side<M: Neuron<S, P, K>, W: Float, const S: usize, const P: usize, const K: usize>(
    states: &mut [Vec<f64>; S],
    (k, still): (Option<&[f64; K]>, &[f64; K]),
    weights: &[[W; LANES]],
    drive: &[[f64; LANES]],
) {
    let (weights, drive) = (weights.as_flattened(), drive.as_flattened());
    let n = weights.len().min(drive.len());
    let (weights, drive) = (&weights[..n], &drive[..n]);
    let mut states = states.each_mut().map(|v| &mut v[..n]);
    match k {
        Some(k) => {
            for j in 0..n {
                let s = M::flow(k, std::array::from_fn(|i| states[i][j]), drive[j]);
                let s = M::jump(still, s, weights[j].value());
                (0..S).for_each(|i| states[i][j] = s[i]);
            }
        }
        None => {
            for j in 0..n {
                let s = std::array::from_fn(|i| states[i][j]);
                let s = M::jump(still, s, weights[j].value());
                (0..S).for_each(|i| states[i][j] = s[i]);
            }
        }
    }
}

/// Whether no neuron of a tile is above threshold, and whether none will be.
#[inline(always)]
fn calm<M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize>(
    (p, still): (&[f64; P], &[f64; K]),
    tile: &[&[f64; LANES]; S],
    drive: &[f64; LANES],
) -> (bool, bool) {
    let (mut silent, mut quiet) = (true, true);
    for l in 0..LANES {
        let s = std::array::from_fn(|i| tile[i][l]);
        silent &= M::gap(still, &s) <= 0.0;
        quiet &= M::curve(p, &s, drive[l]).unwrap_or_default().never();
    }
    (silent, quiet)
}

impl<M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize> Cells<M, S, P, K> {
    pub fn boxed(want: &Wanted<'_>) -> Box<dyn Group> {
        let params: Vec<[f64; P]> = want
            .params
            .iter()
            .map(|p| std::array::from_fn(|i| p[i]))
            .collect();
        let constants = |p| M::discretise(p, &Convention::default(), want.reset, 0.0);
        let tiles = want.n.div_ceil(LANES);
        let mut cells = Self {
            n: want.n,
            states: std::array::from_fn(|_| vec![0.0; tiles * LANES]),
            together: 0.0,
            times: vec![0.0; want.n],
            held: vec![f64::NEG_INFINITY; want.n],
            apart: Vec::with_capacity(want.n),
            is_apart: vec![false; want.n],
            all: false,
            touched: Vec::new(),
            agenda: Agenda::new(tiles),
            called: Vec::with_capacity(want.n),
            still: params.iter().map(constants).collect(),
            drive: vec![[0.0; LANES]; tiles],
            reset: want.reset,
            step: want.step,
            last: (f64::NAN, [0.0; K]),
            params,
            aside: Vec::with_capacity(want.n),
            watch: None,
            model: std::marker::PhantomData,
        };
        cells.rest();
        Box::new(cells)
    }

    fn of(&self, j: usize) -> &[f64; P] {
        &self.params[j.min(self.params.len() - 1)]
    }

    fn still(&self, j: usize) -> &[f64; K] {
        &self.still[j.min(self.still.len() - 1)]
    }

    fn current(&self, j: usize) -> f64 {
        self.drive[j / LANES][j % LANES]
    }

    /// Whether all neurons do the same in closed form.
    fn alike(&self) -> bool {
        M::SPEC.order.is_none() && self.params.len() == 1
    }

    /// Whether the time of a crossing has a closed form.
    fn closed(&self) -> bool {
        M::curve(&self.params[0], &get(&self.states, 0), 0.0).is_some()
    }

    fn get(&self, j: usize) -> Cell<S> {
        let t = if self.is_apart[j] {
            self.times[j]
        } else {
            self.together
        };
        Cell {
            s: get(&self.states, j),
            t,
            held: self.held[j],
        }
    }

    fn set(&mut self, j: usize, c: Cell<S>) {
        put(&mut self.states, j, c.s);
        self.held[j] = c.held;
        if c.t != self.together || c.held >= c.t || self.is_apart[j] {
            self.times[j] = c.t;
            if !std::mem::replace(&mut self.is_apart[j], true) {
                self.apart.push(j as u32);
            }
        }
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

    /// Constants of a step of `h` seconds, where all neurons share parameters.
    fn constants(&mut self, h: f64) -> [f64; K] {
        if h != self.last.0 {
            let k = M::discretise(&self.params[0], &Convention::default(), self.reset, h);
            self.last = (h, k);
        }
        self.last.1
    }

    /// Neuron `j` moved on, and the weight `w` added.
    fn met(&mut self, t: f64, j: usize, w: f64) -> Cell<S> {
        let cell = self.get(j);
        let mut c = if self.alike() && cell.held <= cell.t {
            let (h, mut s) = (t - cell.t, cell.s);
            if h > 0.0 {
                let k = self.constants(h);
                s = M::flow(&k, s, self.current(j));
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
        c
    }

    /// Weights to all neurons.
    fn sweep<W: Float>(&mut self, t: f64, weights: &[[W; LANES]]) {
        self.all = true;
        if !self.alike() {
            for j in 0..self.n {
                let c = self.met(t, j, weights[j / LANES][j % LANES].value());
                self.set(j, c);
            }
            return;
        }
        let mut aside = std::mem::take(&mut self.aside);
        aside.clear();
        for i in 0..self.apart.len() {
            let j = self.apart[i] as usize;
            aside.push(self.met(t, j, weights[j / LANES][j % LANES].value()).s);
        }
        let h = t - self.together;
        let k = (h > 0.0).then(|| self.constants(h));
        let still = self.still[0];
        let (states, drive) = (&mut self.states, &self.drive[..]);
        f32::vectorize(
            #[inline(always)]
            || side_by_side::<M, W, S, P, K>(states, (k.as_ref(), &still), weights, drive),
        );
        self.together = t;
        // Those that are no longer refractory go on with the others.
        let mut kept = 0;
        for i in 0..self.apart.len() {
            let j = self.apart[i] as usize;
            put(&mut self.states, j, aside[i]);
            self.times[j] = t;
            if self.held[j] >= t {
                self.apart[kept] = j as u32;
                kept += 1;
            } else {
                self.is_apart[j] = false;
            }
        }
        self.apart.truncate(kept);
        self.aside = aside;
    }

    /// Notes bounds for all neurons, and those over threshold in `touched`.
    fn survey(&mut self, t: f64, touched: &mut Vec<u32>) {
        let (p, still, n) = (self.params[0], self.still[0], self.n);
        let (drive, agenda) = (&self.drive[..], &mut self.agenda);
        let states = self.states.each_ref().map(|v| v.as_chunks::<LANES>().0);
        f32::vectorize(
            #[inline(always)]
            || {
                for i in 0..drive.len() {
                    // Lanes beyond the last neuron do nothing.
                    let lanes = LANES.min(n - i * LANES);
                    let tile: [&[f64; LANES]; S] = std::array::from_fn(|v| &states[v][i]);
                    let one = |l: usize| std::array::from_fn(|v| tile[v][l]);
                    let (silent, quiet) = calm::<M, S, P, K>((&p, &still), &tile, &drive[i]);
                    if !silent {
                        let above = |l: &usize| {
                            let gap = M::gap(&still, &one(*l));
                            gap > 0.0 || gap.is_nan()
                        };
                        let over = (0..lanes).filter(above);
                        touched.extend(over.map(|l| (i * LANES + l) as u32));
                    }
                    if quiet {
                        agenda.clear(i);
                        continue;
                    }
                    let mut times = [f64::INFINITY; LANES];
                    for l in 0..LANES {
                        let curve = M::curve(&p, &one(l), drive[i][l]);
                        times[l] = t + curve.unwrap_or_default().sooner();
                    }
                    times[lanes..].fill(f64::INFINITY);
                    agenda.bound(i, &times);
                }
            },
        );
        // One that is refractory waits, wherever its membrane stands.
        for i in 0..self.apart.len() {
            let j = self.apart[i] as usize;
            if self.held[j] > t {
                self.agenda.set(j, snap(self.held[j]), Kind::Look);
            }
        }
        touched.retain(|&j| self.held[j as usize] <= t);
    }

    /// What neuron `j`, which stands at `t`, does next; with the root found, or a bound.
    fn ahead(&self, t: f64, j: usize, root: bool) -> Ahead {
        if M::SPEC.output == Output::Membrane {
            return Ahead::Rests;
        }
        let cell = self.get(j);
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
            let h = match root {
                true => curve.first(f64::INFINITY),
                false => Some(curve.sooner()).filter(|h| h.is_finite()),
            };
            return match h {
                Some(h) if root => Ahead::Fires(t + h),
                Some(h) => Ahead::Perhaps(t + h),
                None => Ahead::Rests,
            };
        }
        match self.within(j, cell.s) {
            Some(h) => Ahead::Fires(t + h),
            None if self.flow(j, cell.s, self.step) == cell.s => Ahead::Rests,
            None => Ahead::Look(t + self.step),
        }
    }

    /// Notes what neuron `j` does from `t` on.
    fn plan(&mut self, t: f64, j: usize, next: Ahead) {
        let (time, kind) = match next {
            Ahead::Now => (t, Kind::Fires),
            Ahead::Fires(time) => (snap(time), Kind::Fires),
            Ahead::Look(time) => (snap(time), Kind::Look),
            Ahead::Perhaps(time) => (time, Kind::Bound),
            Ahead::Rests | Ahead::Lost => (f64::INFINITY, Kind::Bound),
        };
        self.agenda.set(j, time, kind);
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

    /// Neurons whose time has come by `t`.
    fn call(&mut self, t: f64) -> Vec<(u32, Kind)> {
        let mut called = std::mem::take(&mut self.called);
        called.clear();
        self.agenda.due(t, |j, kind| called.push((j as u32, kind)));
        called
    }

    /// What is seen of neuron `j` up to `t`.
    fn seen(&self, t: f64, j: usize, watch: &Watch) -> [f64; 2] {
        let (cell, [most, sum]) = (self.get(j), watch.seen[j]);
        let h = t - cell.t;
        let Some(curve) = M::course(self.of(j), &cell.s, self.current(j)).filter(|_| h > 0.0)
        else {
            return [most, sum];
        };
        // Without its turn a curve is largest at one of its ends.
        let turn = curve.turn().filter(|&x| x > 0.0 && x < h);
        let at = [Some(0.0), turn, Some(h)].into_iter().flatten();
        let most = at.map(|x| curve.at(x)).fold(most, f64::max);
        let part = (-watch.rate * cell.t).exp() * curve.integral(watch.rate, h);
        [most, sum + part]
    }

    /// Takes in what the membrane of neuron `j` did up to `t`, before it is moved on.
    fn see(&mut self, t: f64, j: usize) {
        if let Some(seen) = self.watch.as_ref().map(|w| self.seen(t, j, w))
            && let Some(watch) = &mut self.watch
        {
            watch.seen[j] = seen;
        }
    }

    fn advance(&mut self, t: f64, j: usize) {
        let c = self.moved(j, self.get(j), t);
        self.set(j, c);
    }
}

impl<M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize> Group
    for Cells<M, S, P, K>
{
    fn rest(&mut self) {
        for j in 0..self.states[0].len() {
            let s = M::rest(self.of(j));
            put(&mut self.states, j, s);
        }
        self.drive.fill([0.0; LANES]);
        self.together = 0.0;
        self.held.fill(f64::NEG_INFINITY);
        self.is_apart.fill(false);
        self.apart.clear();
        self.touched.clear();
        self.all = false;
        if let Some(watch) = &mut self.watch {
            watch.seen.fill(UNSEEN);
        }
        for j in 0..self.n {
            let next = self.ahead(0.0, j, false);
            self.plan(0.0, j, next);
        }
    }

    fn arrive(&mut self, t: f64, row: Row<'_>) {
        if self.watch.is_some() {
            match row {
                Row::Sparse(targets, _) => targets.iter().for_each(|&j| self.see(t, j as usize)),
                _ => (0..self.n).for_each(|j| self.see(t, j)),
            }
        }
        match row {
            Row::Dense(weights) => self.sweep(t, weights),
            Row::Single(weights) => self.sweep(t, weights),
            Row::Sparse(targets, weights) => {
                for (&j, &w) in targets.iter().zip(weights) {
                    let c = self.met(t, j as usize, w);
                    self.set(j as usize, c);
                }
                self.touched.extend_from_slice(targets);
            }
        }
    }

    fn drive(&mut self, t: f64, currents: &[f64]) {
        for j in 0..self.n {
            self.see(t, j);
            self.advance(t, j);
        }
        for (j, &x) in currents.iter().enumerate() {
            self.drive[j / LANES][j % LANES] = x;
        }
        for j in 0..self.n {
            let next = self.ahead(t, j, false);
            self.plan(t, j, next);
        }
    }

    fn soonest(&self) -> f64 {
        self.agenda.soonest()
    }

    fn refine(&mut self, t: f64) -> bool {
        let called = self.call(t);
        let bound = called.iter().filter(|c| c.1 == Kind::Bound);
        let mut any = false;
        for &(j, _) in bound {
            any = true;
            let (j, since) = (j as usize, self.get(j as usize).t);
            let next = self.ahead(since, j, true);
            self.plan(since, j, next);
        }
        self.called = called;
        any
    }

    fn settle(&mut self, t: f64, due: &mut Vec<u32>, touched: &mut Vec<u32>) -> usize {
        due.clear();
        touched.clear();
        let called = self.call(t);
        let asked = called.iter().filter(|c| c.1 != Kind::Bound);
        let visits = asked.clone().count();
        if M::SPEC.output == Output::Membrane {
            self.touched.clear();
        } else if self.all && self.alike() && self.closed() {
            self.survey(t, touched);
        } else {
            touched.append(&mut self.touched);
            if self.all {
                touched.extend(0..self.n as u32);
            }
            for &(j, kind) in asked {
                let list = if kind == Kind::Fires {
                    &mut *due
                } else {
                    &mut *touched
                };
                list.push(j);
            }
            if !touched.is_sorted_by(|a, b| a < b) {
                touched.sort_unstable();
                touched.dedup();
            }
            due.retain(|j| touched.binary_search(j).is_err());
            for &j in touched.iter() {
                self.advance(t, j as usize);
            }
        }
        self.touched.clear();
        self.all = false;
        self.called = called;
        visits
    }

    fn look(&mut self, t: f64, j: usize) -> Ahead {
        let next = self.ahead(t, j, false);
        if !matches!(next, Ahead::Now | Ahead::Lost) {
            self.plan(t, j, next);
        }
        next
    }

    fn fire(&mut self, t: f64, j: usize) {
        let mut c = self.moved(j, self.get(j), t);
        c.s = M::reset(self.still(j), c.s, 1.0);
        let t_ref = self.t_ref(j);
        if t_ref > 0.0 {
            c.held = snap(t + t_ref);
        }
        self.set(j, c);
    }

    fn watch(&mut self, rate: f64) {
        let seen = vec![UNSEEN; self.n];
        self.watch = Some(Watch { rate, seen });
    }

    fn watched(&self, t: f64) -> Option<Vec<[f64; 2]>> {
        let watch = self.watch.as_ref()?;
        Some((0..self.n).map(|j| self.seen(t, j, watch)).collect())
    }

    fn state(&self, t: f64, j: usize, out: &mut Vec<f64>) {
        let c = self.moved(j, self.get(j), t);
        out.extend_from_slice(&c.s);
    }

    fn copy(&self) -> Box<dyn Group> {
        Box::new(Self {
            n: self.n,
            states: self.states.clone(),
            together: self.together,
            times: self.times.clone(),
            held: self.held.clone(),
            apart: self.apart.clone(),
            is_apart: self.is_apart.clone(),
            all: self.all,
            touched: self.touched.clone(),
            agenda: self.agenda.clone(),
            called: Vec::new(),
            params: self.params.clone(),
            still: self.still.clone(),
            drive: self.drive.clone(),
            reset: self.reset,
            step: self.step,
            last: self.last,
            aside: Vec::new(),
            watch: self.watch.clone(),
            model: std::marker::PhantomData,
        })
    }
}
