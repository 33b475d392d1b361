//! Neurons side by side: the same times of arrival for all, so that what depends on time is computed once.

use super::cells::{Board, Group, Inflow, LANES, Outflow, Past, Span, dot, times};
use super::tape::{Arrival, Train};
use crate::Result;
use crate::neuron::Neuron;
use crate::num::Float;

/// States of neurons side by side.
type Tile<const S: usize> = [[f64; LANES]; S];

impl<M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize> Group<M, S, P, K> {
    /// Constants from arrival to arrival, and from the last one to the end.
    fn schedule(&self, start: f64, arrivals: &[Arrival], end: f64) -> Vec<[f64; K]> {
        let mut t = start;
        let ends = arrivals.iter().map(|a| a.t).chain([end]);
        let mut one = |next: f64| {
            let k = self.constants(0, next - t);
            t = next;
            k
        };
        ends.map(&mut one).collect()
    }

    /// Over a window.
    pub(super) fn forward_together<R: Float>(
        &self,
        board: &mut Board,
        inflow: &Inflow<'_, R>,
        Span { until, .. }: Span,
        train: &mut Train,
    ) -> Result<()> {
        let start = board.time[0];
        let steps = self.schedule(start, inflow.arrivals, until);
        let far = self.constants(0, 1e9);
        let (mut fired, mut more) = (Vec::new(), false);
        for tile in 0..self.n.div_ceil(LANES) {
            let mut s: Tile<S> = load(&board.state, tile);
            let first = tile * LANES;
            let lanes = LANES.min(self.n - first);
            let mut t = start;
            for (i, k) in steps.iter().enumerate() {
                let arrival = inflow.arrivals.get(i);
                let end = arrival.map_or(until, |a| a.t);
                let row = match arrival {
                    Some(a) => *inflow.ways[a.way as usize].row(a.spike, first),
                    None => [R::ZERO; LANES],
                };
                let mut lanes_at = Lanes::default();
                f64::vectorize(
                    #[inline(always)]
                    || lanes_at.advance::<R, M, P, K>(k, &s, &row),
                );
                if lanes_at.reach[..lanes].iter().any(|&r| r > 0.0) {
                    for l in (0..lanes).filter(|&l| lanes_at.reach[l] > 0.0) {
                        let after = self.cross(first + l, lane(&s, l), (t, end), &mut fired)?;
                        let jumped = M::jump(k, after, row[l].value());
                        put(&mut lanes_at.state, l, jumped);
                        lanes_at.gap[l] = M::gap(k, &jumped);
                    }
                }
                (s, t) = (lanes_at.state, end);
                let gap = lanes_at.gap;
                let Some(a) = arrival else {
                    break;
                };
                let alone = inflow.arrivals.get(i + 1).is_none_or(|next| next.t > a.t);
                if alone && gap[..lanes].iter().any(|&g| g > 0.0) {
                    for l in (0..lanes).filter(|&l| gap[l] > 0.0) {
                        let after = self.lift(first + l, lane(&s, l), a, &mut fired)?;
                        put(&mut s, l, after);
                    }
                }
            }
            more |= (0..lanes).any(|l| M::reach(&far, lane(&s, l), 0.0) > 0.0);
            store(&mut board.state, tile, &s);
        }
        board.time[0] = until;
        // Some neuron may be near: it is looked at again in the next window.
        board.next[0] = if more { until } else { f64::INFINITY };
        train.append(&mut fired);
        Ok(())
    }

    /// Back over a window.
    pub(super) fn backward_together<R: Float>(
        &self,
        board: &mut Board,
        inflow: &Inflow<'_, R>,
        past: &Past<'_>,
        out: &mut Outflow<'_>,
    ) {
        let (from, until, train) = (past.from, past.until, past.train);
        let steps = self.schedule(from, inflow.arrivals, until);
        let cell = self.cell(0);
        let mut own: Vec<Vec<usize>> = vec![Vec::new(); self.n];
        for k in past.spikes.clone() {
            own[train.unit[k] as usize].push(k);
        }
        // Over an interval the adjoint is multiplied by the transpose of the flow's Jacobian.
        let transposed: Vec<[[f64; S]; S]> = steps.iter().map(Self::jacobian).collect();
        let back = |l: [f64; S], h: f64| times(&self.back(0, h), &l);
        for tile in 0..self.n.div_ceil(LANES) {
            let mut adjoint: Tile<S> = load(&board.state, tile);
            let first = tile * LANES;
            let lanes = LANES.min(self.n - first);
            // The time of each lane's last spike that is not done yet.
            let next =
                |l: usize, own: &[Vec<usize>]| match own.get(first + l).and_then(|o| o.last()) {
                    Some(&k) => train.t[k],
                    None => f64::NEG_INFINITY,
                };
            let mut last: [f64; LANES] = std::array::from_fn(|l| next(l, &own));
            for i in (0..steps.len()).rev() {
                let end = inflow.arrivals.get(i).map_or(until, |a| a.t);
                let start = if i == 0 {
                    from
                } else {
                    inflow.arrivals[i - 1].t
                };
                if let Some(a) = inflow.arrivals.get(i) {
                    // Spikes that this arrival caused.
                    for l in 0..lanes {
                        while last[l] >= end {
                            let Some(k) = own[first + l].pop() else {
                                break;
                            };
                            let before =
                                self.caused(lane(&adjoint, l), (k, train), inflow.ways, out);
                            put(&mut adjoint, l, past.push(first + l, before));
                            last[l] = next(l, &own);
                        }
                    }
                    let way = &inflow.ways[a.way as usize];
                    let w = way.row(a.spike, first);
                    let at = way.place(a.spike, first);
                    let grad = &mut out.weights[a.way as usize][at..][..LANES];
                    let mut cost = 0.0;
                    for l in 0..LANES {
                        let own = lane(&adjoint, l);
                        grad[l] += dot(&own, &cell.jump);
                        cost += w[l].value() * dot(&own, &cell.late);
                    }
                    out.late(a.way, a.spike, at, cost);
                }
                let m = &transposed[i];
                let before = adjoint;
                for l in 0..LANES {
                    put(&mut adjoint, l, times(m, &lane(&before, l)));
                }
                if last[..lanes].iter().any(|&t| t > start) {
                    for l in 0..lanes {
                        if last[l] <= start {
                            continue;
                        }
                        let (mut value, mut t) = (lane(&before, l), end);
                        while last[l] > start {
                            let Some(k) = own[first + l].pop() else {
                                break;
                            };
                            value = back(value, t - train.t[k]);
                            let s = std::array::from_fn(|i| train.before[k * S + i]);
                            value = past.push(
                                first + l,
                                cell.spike::<M>(&s, value, out.errors[out.own][k]),
                            );
                            t = train.t[k];
                            last[l] = next(l, &own);
                        }
                        put(&mut adjoint, l, back(value, t - start));
                    }
                }
            }
            store(&mut board.state, tile, &adjoint);
        }
    }
}

/// Neurons side by side at the end of an interval.
struct Lanes<const S: usize> {
    /// After what arrives then.
    state: Tile<S>,
    gap: [f64; LANES],
    /// The largest gap within the interval.
    reach: [f64; LANES],
}

impl<const S: usize> Default for Lanes<S> {
    fn default() -> Self {
        Self {
            state: [[0.0; LANES]; S],
            gap: [0.0; LANES],
            reach: [0.0; LANES],
        }
    }
}

impl<const S: usize> Lanes<S> {
    #[inline(always)]
    fn advance<R: Float, M: Neuron<S, P, K>, const P: usize, const K: usize>(
        &mut self,
        k: &[f64; K],
        s: &Tile<S>,
        row: &[R; LANES],
    ) {
        for l in 0..LANES {
            let own = lane(s, l);
            self.reach[l] = M::reach(k, own, 0.0);
            let jumped = M::jump(k, M::flow(k, own, 0.0), row[l].value());
            put(&mut self.state, l, jumped);
            self.gap[l] = M::gap(k, &jumped);
        }
    }
}

#[inline(always)]
fn lane<const S: usize>(tile: &Tile<S>, l: usize) -> [f64; S] {
    std::array::from_fn(|i| tile[i][l])
}

#[inline(always)]
fn put<const S: usize>(tile: &mut Tile<S>, l: usize, s: [f64; S]) {
    (0..S).for_each(|i| tile[i][l] = s[i]);
}

fn load<const S: usize>(from: &[f64], tile: usize) -> Tile<S> {
    let at = tile * S * LANES;
    std::array::from_fn(|i| std::array::from_fn(|l| from[at + i * LANES + l]))
}

fn store<const S: usize>(to: &mut [f64], tile: usize, value: &Tile<S>) {
    let at = tile * S * LANES;
    for (i, row) in value.iter().enumerate() {
        to[at + i * LANES..][..LANES].copy_from_slice(row);
    }
}
