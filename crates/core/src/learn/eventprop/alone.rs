//! Neurons one by one: each with times of arrival, or with parameters, of its own.

use super::cells::{Board, Group, Inflow, Outflow, Past, Source, Span, dot, times};
use super::tape::{Arrival, Fired, Train};
use crate::Result;
use crate::neuron::{Convention, Neuron};
use crate::num::{Dual, Float};

/// What happens to a neuron.
#[derive(Clone, Copy)]
enum Event<'a> {
    Arrives(&'a Arrival),
    /// The spike of that number.
    Fires(usize),
}

impl Event<'_> {
    fn time(&self, train: &Train) -> f64 {
        match self {
            Self::Arrives(a) => a.t,
            Self::Fires(k) => train.t[*k],
        }
    }
}

/// The part of `arrivals`, which are by neuron, that is of neuron `j`, and the rest.
fn of(arrivals: &[Arrival], j: usize) -> (&[Arrival], &[Arrival]) {
    let count = arrivals.iter().take_while(|a| a.target as usize == j);
    arrivals.split_at(count.count())
}

impl<M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize> Group<M, S, P, K> {
    /// Over a window.
    pub(super) fn forward_alone<R: Float>(
        &self,
        board: &mut Board,
        inflow: &Inflow<'_, R>,
        span: Span,
        train: &mut Train,
    ) -> Result<()> {
        let mut fired: Vec<Fired<S>> = Vec::new();
        let mut rest = inflow.arrivals;
        for j in 0..self.n {
            let arrivals;
            (arrivals, rest) = of(rest, j);
            if arrivals.is_empty() && board.next[j] >= span.until {
                continue;
            }
            let (mut t, mut s) = (board.time[j], board.get::<S>(j));
            if board.keep {
                board.starts.push((j as u32, t));
                board.start_states.extend_from_slice(&s);
            }
            for (i, a) in arrivals.iter().enumerate() {
                s = self.cross(j, s, (t, a.t), &mut fired)?;
                t = a.t;
                let w = inflow.ways[a.way as usize].weight(a.spike, j);
                s = M::jump(&self.cell(j).still, s, w);
                if arrivals.get(i + 1).is_none_or(|next| next.t > t) {
                    s = self.lift(j, s, a, &mut fired)?;
                }
            }
            let first = fired.len();
            let next = loop {
                let Some(h) = self.ahead(j, &s, span.end - t) else {
                    break f64::INFINITY;
                };
                if t + h >= span.until {
                    break t + h;
                }
                t += h;
                let before = self.flow(j, s, h);
                s = self.fire(j, (t, before), None, &mut fired);
                self.watch(j, fired.len() - first, t)?;
            };
            board.next[j] = next;
            board.time[j] = t;
            board.put(j, s);
        }
        train.append(&mut fired);
        Ok(())
    }

    /// Back over a window.
    pub(super) fn backward_alone<R: Float>(
        &self,
        board: &mut Board,
        inflow: &Inflow<'_, R>,
        past: &Past<'_>,
        out: &mut Outflow<'_>,
    ) {
        let train = past.train;
        let mut own: Vec<Vec<usize>> = vec![Vec::new(); self.n];
        for k in past.spikes.clone() {
            own[train.unit[k] as usize].push(k);
        }
        let mut starts = past.starts.clone().peekable();
        let mut rest = inflow.arrivals;
        let mut events = Vec::new();
        for j in 0..self.n {
            let arrivals;
            (arrivals, rest) = of(rest, j);
            // One that was looked at in vain has a start too.
            let start = starts.next_if(|&n| board.starts[n].0 as usize == j);
            if arrivals.is_empty() && own[j].is_empty() {
                continue;
            }
            merge(arrivals, &own[j], train, &mut events);
            let replay = match (&out.params, start) {
                (Some(_), Some(n)) => self.replay(board, n, &events, inflow, train),
                _ => Vec::new(),
            };
            let (mut t, mut adjoint) = (board.time[j], board.get::<S>(j));
            for (n, event) in events.iter().enumerate().rev() {
                let now = event.time(train);
                if adjoint != [0.0; S] && t > now {
                    adjoint = times(&self.back(j, t - now), &adjoint);
                }
                t = now;
                match *event {
                    Event::Fires(k) => {
                        let before = self.unfire((j, k), adjoint, (train, inflow.ways), out);
                        adjoint = past.push(j, before);
                    }
                    Event::Arrives(a) => {
                        let cell = self.cell(j);
                        let way = &inflow.ways[a.way as usize];
                        let place = way.place(a.spike, j);
                        out.weights[a.way as usize][place] += dot(&adjoint, &cell.jump);
                        let cost = way.weights[place].value() * dot(&adjoint, &cell.late);
                        out.late(a.way, a.spike, place, cost);
                    }
                }
                if let (Some(params), Some(&(s, h))) = (&mut out.params, replay.get(n)) {
                    self.by_params(j, (s, h), &adjoint, &mut params[j * P..][..P]);
                }
            }
            board.time[j] = t;
            board.put(j, adjoint);
        }
    }

    /// For each event, the state after the one before it and the seconds between them.
    fn replay<R: Float>(
        &self,
        board: &Board,
        start: usize,
        events: &[Event<'_>],
        inflow: &Inflow<'_, R>,
        train: &Train,
    ) -> Vec<([f64; S], f64)> {
        let (j, mut t) = board.starts[start];
        let j = j as usize;
        let mut s: [f64; S] = std::array::from_fn(|i| board.start_states[start * S + i]);
        let mut all = Vec::with_capacity(events.len());
        for event in events {
            let now = event.time(train);
            all.push((s, now - t));
            s = match *event {
                Event::Fires(k) => {
                    let before: [f64; S] = std::array::from_fn(|i| train.before[k * S + i]);
                    M::reset(&self.cell(j).still, before, 1.0)
                }
                Event::Arrives(a) => {
                    let s = if now > t { self.flow(j, s, now - t) } else { s };
                    let w = inflow.ways[a.way as usize].weight(a.spike, j);
                    M::jump(&self.cell(j).still, s, w)
                }
            };
            t = now;
        }
        all
    }

    /// The adjoint before spike `k` of neuron `j`.
    fn unfire<R: Float>(
        &self,
        (j, k): (usize, usize),
        after: [f64; S],
        (train, ways): (&Train, &[Source<'_, R>]),
        out: &mut Outflow<'_>,
    ) -> [f64; S] {
        if out.params.is_some() {
            let s: [f64; S] = std::array::from_fn(|i| train.before[k * S + i]);
            let vars: [Dual<f64, P>; P] =
                std::array::from_fn(|i| Dual::variable(self.cell(j).p[i], i));
            let still = M::discretise(
                &vars,
                &Convention::default(),
                self.reset,
                Dual::constant(0.0),
            );
            let s_dual = s.map(Dual::<f64, P>::constant);
            let gap = M::gap(&still, &s_dual).d;
            let reset = M::reset(&still, s_dual, Dual::constant(1.0));
            let share = match train.cause[k] {
                Some(_) => 0.0,
                None => self.cell(j).share::<M>(&s, &after, out.errors[out.own][k]),
            };
            if let Some(params) = &mut out.params {
                for i in 0..P {
                    let by_reset: f64 = (0..S).map(|n| after[n] * reset[n].d[i]).sum();
                    params[j * P + i] += by_reset - share * gap[i];
                }
            }
        }
        if train.cause[k].is_some() {
            return self.caused(after, (k, train), ways, out);
        }
        let s = std::array::from_fn(|i| train.before[k * S + i]);
        self.cell(j).spike::<M>(&s, after, out.errors[out.own][k])
    }

    /// Adds the gradient by the parameters over an interval of `h` seconds from `s`, at the end of which the adjoint is `adjoint`.
    fn by_params(&self, j: usize, (s, h): ([f64; S], f64), adjoint: &[f64; S], out: &mut [f64]) {
        if h <= 0.0 || *adjoint == [0.0; S] {
            return;
        }
        let vars: [Dual<f64, P>; P] = std::array::from_fn(|i| Dual::variable(self.cell(j).p[i], i));
        let k = M::discretise(&vars, &Convention::default(), self.reset, Dual::constant(h));
        let end = M::flow(&k, s.map(Dual::<f64, P>::constant), Dual::constant(0.0));
        for (i, out) in out.iter_mut().enumerate() {
            *out += (0..S).map(|n| adjoint[n] * end[n].d[i]).sum::<f64>();
        }
    }
}

/// Arrivals and spikes of one neuron in order of time; a spike comes after the arrival that caused it.
fn merge<'a>(arrivals: &'a [Arrival], spikes: &[usize], train: &Train, out: &mut Vec<Event<'a>>) {
    out.clear();
    let mut next = spikes.iter().peekable();
    for a in arrivals {
        while let Some(&&k) = next.peek() {
            if train.t[k] >= a.t {
                break;
            }
            out.push(Event::Fires(k));
            next.next();
        }
        out.push(Event::Arrives(a));
    }
    out.extend(next.map(|&k| Event::Fires(k)));
}
