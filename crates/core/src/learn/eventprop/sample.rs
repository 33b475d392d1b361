//! One sample: forward stage by stage, then back.

use super::super::Loss;
use super::super::loss::{decision, loss_of};
use super::cells::{Board, Cells, Inflow, Outflow, Past, Source, Span};
use super::plan::{Plan, Stage};
use super::readout::{Membranes, Score, first, spike_time};
use super::tape::{Arrival, Train, Window};
use crate::learn::Rates;
use crate::network::Network;
use crate::neuron::Lanes;
use crate::synapse::Delay;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::ops::Range;

/// A network ready to be trained, for all samples of a batch.
pub(super) struct Job<'a, R: Lanes> {
    pub net: &'a Network<R>,
    pub plan: Plan,
    /// By population; none for the input and for a readout of membranes.
    pub cells: Vec<Option<Box<dyn Cells<R>>>>,
    pub membranes: Option<Membranes>,
    /// Of a readout that fires: what its membranes are while they do not, and volts from rest to threshold.
    pub quiet: Option<(Membranes, f64)>,
    pub loss: Loss,
    pub rates: Option<Rates>,
    /// Samples of the batch.
    pub batch: usize,
    /// Seconds.
    pub end: f64,
}

/// Gradients, in `f64`, of some samples.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    /// By parameter of the network, as it stands.
    pub params: Vec<Vec<f64>>,
    /// By population, `[neurons][parameters of the model]`.
    pub cells: Vec<Vec<f64>>,
    /// By population, how often each neuron fired.
    pub fired: Vec<Vec<u32>>,
    pub loss: f64,
    pub correct: usize,
    pub spikes: usize,
    pub synops: usize,
}

/// Memory of one sample.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    /// By population, the input first.
    pub trains: Vec<Train>,
    pub errors: Vec<Vec<f64>>,
    /// By population: the price of the membrane of each neuron at its spikes; none if empty.
    pushes: Vec<Vec<f64>>,
    boards: Vec<Board>,
    windows: Vec<Vec<Window>>,
    arrivals: Vec<Vec<Arrival>>,
}

/// What the readout said.
pub(super) struct Verdict {
    pub loss: f64,
    pub correct: bool,
    /// Of membranes.
    scores: Vec<Score>,
    by_score: Vec<f64>,
    /// The label's output, if it should have fired and did not, and the price of the time of its spike.
    missed: Option<(usize, f64)>,
}

/// A population that fires more often in a sample excites itself without end.
const MOST: usize = 1 << 22;

impl Sample {
    /// Runs an input through the network; `gradients` keeps what the way back needs.
    pub fn forward<R: Lanes>(
        &mut self,
        job: &Job<'_, R>,
        (times, units): (&[f64], &[u32]),
        gradients: bool,
    ) -> Result<()> {
        let n = job.plan.populations.len();
        self.trains.resize_with(n, Train::default);
        self.boards.resize_with(n, Board::default);
        self.windows.resize_with(n, Vec::new);
        self.arrivals.resize_with(n, Vec::new);
        self.trains.iter_mut().for_each(Train::clear);
        self.windows.iter_mut().for_each(Vec::clear);
        self.arrivals.iter_mut().for_each(Vec::clear);
        let places = job.net.nodes[0].shape.places();
        let count = times.partition_point(|&t| t < job.end);
        for (&t, &unit) in times[..count].iter().zip(units) {
            self.trains[0].t.push(t);
            self.trains[0]
                .unit
                .push(places.map_or(unit, |p| p[unit as usize]));
        }
        for stage in &job.plan.stages {
            for p in stage.populations.clone() {
                let trained = !job.plan.populations[p].fixed;
                self.boards[p].keep = gradients && trained;
                if let Some(cells) = &job.cells[p] {
                    cells.rest(&mut self.boards[p]);
                }
            }
            self.stage(job, stage)?;
        }
        if job.membranes.is_some() {
            let last = n - 1;
            let mut arrivals = Vec::new();
            for way in 0..job.plan.populations[last].ways.len() {
                self.deliver(job, (last, way), None, &mut |a| arrivals.push(a));
            }
            arrivals.sort_by(Arrival::order);
            self.arrivals[last] = arrivals;
        }
        Ok(())
    }

    /// Hands on what spikes become behind a way of population `p`: those of these numbers, or all.
    fn deliver<R: Lanes>(
        &self,
        job: &Job<'_, R>,
        (p, way): (usize, usize),
        spikes: Option<Range<usize>>,
        take: &mut impl FnMut(Arrival),
    ) {
        let population = &job.plan.populations[p];
        let w = &population.ways[way];
        let train = &self.trains[w.from];
        let spikes = spikes.unwrap_or(0..train.len());
        // To all at once where they run side by side.
        let targets = if population.together {
            1
        } else {
            population.n as u32
        };
        for k in spikes {
            for target in 0..targets {
                let t = Arrival::at(train.t[k], w.held(job.net, train.unit[k], target));
                if t < job.end {
                    take(Arrival {
                        t,
                        target,
                        way: way as u32,
                        spike: k as u32,
                    });
                }
            }
        }
    }

    /// Runs populations that depend on each other, window by window.
    fn stage<R: Lanes>(&mut self, job: &Job<'_, R>, stage: &Stage) -> Result<()> {
        let window = stage.window;
        let number = |t: f64| {
            if window.is_finite() {
                (t / window) as u64
            } else {
                0
            }
        };
        let all = stage.populations.clone();
        // What is to arrive, by population and window.
        let mut pending: Vec<BTreeMap<u64, Vec<Arrival>>> = vec![BTreeMap::new(); all.len()];
        for p in all.clone() {
            for (i, way) in job.plan.populations[p].ways.iter().enumerate() {
                if !all.contains(&way.from) {
                    let list = &mut pending[p - all.start];
                    self.deliver(job, (p, i), None, &mut |a| {
                        list.entry(number(a.t)).or_default().push(a)
                    });
                }
            }
        }
        let mut current = 0;
        loop {
            let until = if window.is_finite() {
                ((current + 1) as f64 * window).min(job.end)
            } else {
                job.end
            };
            for p in all.clone() {
                let mut arrivals = pending[p - all.start].remove(&current).unwrap_or_default();
                arrivals.sort_by(Arrival::order);
                let fired = self.window(job, p, arrivals, until)?;
                for q in all.clone() {
                    for (i, way) in job.plan.populations[q].ways.iter().enumerate() {
                        if way.from == p {
                            let list = &mut pending[q - all.start];
                            let mut take =
                                |a: Arrival| list.entry(number(a.t)).or_default().push(a);
                            self.deliver(job, (q, i), Some(fired.clone()), &mut take);
                        }
                    }
                }
            }
            let arrives = pending
                .iter()
                .filter_map(|l| l.keys().next().copied())
                .min();
            let fires = self.boards[all.clone()]
                .iter()
                .map(Board::soonest)
                .fold(f64::INFINITY, f64::min);
            let fires = (fires < job.end).then(|| number(fires).max(current + 1));
            match (arrives, fires) {
                _ if !window.is_finite() => return Ok(()),
                (None, None) => return Ok(()),
                (a, f) => {
                    current = a
                        .into_iter()
                        .chain(f)
                        .min()
                        .unwrap_or(current)
                        .max(current + 1)
                }
            }
            if current as f64 * window >= job.end {
                return Ok(());
            }
        }
    }

    /// Runs population `p` up to `until`; the spikes that it fires.
    fn window<R: Lanes>(
        &mut self,
        job: &Job<'_, R>,
        p: usize,
        arrivals: Vec<Arrival>,
        until: f64,
    ) -> Result<Range<usize>> {
        let Some(cells) = &job.cells[p] else {
            return Ok(0..0);
        };
        let before = (self.trains[p].len(), self.boards[p].starts());
        let mut board = std::mem::take(&mut self.boards[p]);
        let mut fired = Train::default();
        let inflow = Inflow {
            arrivals: &arrivals,
            ways: &self.sources(job, p),
        };
        let span = Span {
            until,
            end: job.end,
        };
        let done = cells.forward(&mut board, &inflow, span, &mut fired);
        self.boards[p] = board;
        self.trains[p].extend(&fired);
        let spikes = before.0..self.trains[p].len();
        let from = self.windows[p].last().map_or(0.0, |w| w.until);
        let first = self.arrivals[p].len();
        self.arrivals[p].extend_from_slice(&arrivals);
        self.windows[p].push(Window {
            from,
            until,
            arrivals: first..self.arrivals[p].len(),
            spikes: spikes.clone(),
            starts: before.1..self.boards[p].starts(),
        });
        done.map_err(|e| named(job, p, e))?;
        if spikes.end > MOST {
            let expected = format!("at most {MOST}");
            let e = Error::invalid("spikes", "a sample", expected, spikes.end);
            return Err(named(job, p, e));
        }
        Ok(spikes)
    }

    /// The loss for a label.
    pub fn verdict<R: Lanes>(&self, job: &Job<'_, R>, label: usize) -> Verdict {
        let last = job.plan.populations.len() - 1;
        let outputs = job.plan.populations[last].n;
        let Some(membranes) = &job.membranes else {
            let train = &self.trains[last];
            let times = first(train, outputs).into_iter();
            let times: Vec<f64> = times.map(|k| k.map_or(job.end, |k| train.t[k])).collect();
            let (loss, by_score, soft) = spike_time(job.loss, &times, label);
            let early: Vec<f64> = times.iter().map(|t| -t).collect();
            return Verdict {
                loss,
                correct: decision(&early) == Some(label),
                scores: Vec::new(),
                missed: (times[label] == job.end).then_some((label, soft)),
                by_score,
            };
        };
        let inflow = Inflow {
            arrivals: &self.arrivals[last],
            ways: &self.sources(job, last),
        };
        let scores = membranes.scores(job.loss, &inflow, job.end);
        let values: Vec<f64> = scores.iter().map(|s| s.value).collect();
        let (loss, by_score) = loss_of(Loss::SumCrossEntropy, &values, label, 1);
        Verdict {
            loss,
            correct: decision(&values) == Some(label),
            scores,
            missed: None,
            by_score,
        }
    }

    fn sources<'s, R: Lanes>(&'s self, job: &'s Job<'_, R>, p: usize) -> Vec<Source<'s, R>> {
        let ways = job.plan.populations[p].ways.iter();
        ways.map(|w| Source {
            units: &self.trains[w.from].unit,
            weights: &job.net.params[w.weight].data,
            inputs: w.inputs,
        })
        .collect()
    }

    /// Adds the gradients of a verdict, and of the prices of spikes, to `sums`; `seeds` sets prices of spike times besides.
    pub fn backward<R: Lanes>(
        &mut self,
        job: &Job<'_, R>,
        verdict: &Verdict,
        sums: &mut Sums,
        seeds: impl FnOnce(&[Train], &mut [Vec<f64>]),
    ) {
        let last = job.plan.populations.len() - 1;
        sums.loss += self.price(job);
        let mut errors = std::mem::take(&mut self.errors);
        errors.resize_with(self.trains.len(), Vec::new);
        for (e, train) in errors.iter_mut().zip(&self.trains) {
            e.clear();
            e.resize(train.len(), 0.0);
        }
        seeds(&self.trains, &mut errors);
        if let Some(membranes) = &job.membranes {
            let ways = self.sources(job, last);
            let inflow = Inflow {
                arrivals: &self.arrivals[last],
                ways: &ways,
            };
            let mut out = outflow(job, last, sums, &mut errors);
            membranes.backward(
                (job.loss, job.end),
                &verdict.scores,
                &verdict.by_score,
                &inflow,
                &mut out,
            );
            give_back(job, last, sums, out);
        } else {
            let firsts = first(&self.trains[last], verdict.by_score.len());
            for (k, by) in firsts.into_iter().zip(&verdict.by_score) {
                if let Some(k) = k {
                    errors[last][k] += by;
                }
            }
        }
        self.ask(job, verdict, sums, &mut errors);
        for stage in job.plan.stages.iter().rev() {
            for p in stage.populations.clone() {
                self.boards[p].turn(job.end);
            }
            let windows = self.windows[stage.populations.start].len();
            for w in (0..windows).rev() {
                for p in stage.populations.clone().rev() {
                    self.back(job, p, w, (sums, &mut errors));
                }
            }
        }
        self.errors = errors;
    }

    /// Asks the label's output to fire where it stayed silent. A spike that is not has no derivative: the largest membrane gets
    /// one, as if the way from rest to threshold took the whole sample.
    fn ask<R: Lanes>(
        &self,
        job: &Job<'_, R>,
        verdict: &Verdict,
        sums: &mut Sums,
        errors: &mut [Vec<f64>],
    ) {
        let last = self.trains.len() - 1;
        let (Some((j, price)), Some((quiet, rise))) = (verdict.missed, &job.quiet) else {
            return;
        };
        let inflow = Inflow {
            arrivals: &self.arrivals[last],
            ways: &self.sources(job, last),
        };
        let together = job.plan.populations[last].together;
        let reach = |a: &&Arrival| together || a.target as usize == j;
        let score = quiet.maximum(j, inflow.arrivals.iter().filter(reach), &inflow, job.end);
        let by_score = -price * job.end / rise;
        let mut out = outflow(job, last, sums, errors);
        for a in inflow.arrivals.iter().filter(reach) {
            quiet.raise(j, a, (&score, by_score), &inflow, &mut out);
        }
        give_back(job, last, sums, out);
    }

    /// What neurons pay that fire too little or too much. A count has no derivative: the membrane is pushed where it fired, as a
    /// graded spike would be.
    fn price<R: Lanes>(&mut self, job: &Job<'_, R>) -> f64 {
        self.pushes.resize_with(self.trains.len(), Vec::new);
        let Some(rates) = job.rates else {
            self.pushes.iter_mut().for_each(Vec::clear);
            return 0.0;
        };
        let steps = job.end / job.net.spec.dt;
        let mut sum = 0.0;
        for (p, population) in job.plan.populations.iter().enumerate().skip(1) {
            if job.cells[p].is_none() {
                continue;
            }
            let push = &mut self.pushes[p];
            push.clear();
            push.resize(population.n, 0.0);
            self.trains[p]
                .unit
                .iter()
                .for_each(|&j| push[j as usize] += 1.0);
            for push in push.iter_mut() {
                let (pays, slope) = rates.penalty(*push / steps);
                sum += pays / population.n as f64;
                *push = slope / (steps * population.n as f64);
            }
        }
        sum
    }

    /// Population `p` back over window `w`.
    fn back<R: Lanes>(
        &mut self,
        job: &Job<'_, R>,
        p: usize,
        w: usize,
        (sums, errors): (&mut Sums, &mut Vec<Vec<f64>>),
    ) {
        let Some(cells) = &job.cells[p] else {
            return;
        };
        let window = self.windows[p][w].clone();
        let mut board = std::mem::take(&mut self.boards[p]);
        let ways = self.sources(job, p);
        let inflow = Inflow {
            arrivals: &self.arrivals[p][window.arrivals.clone()],
            ways: &ways,
        };
        let mut out = outflow(job, p, sums, errors);
        let past = Past {
            from: window.from,
            until: window.until,
            train: &self.trains[p],
            spikes: window.spikes.clone(),
            starts: window.starts.clone(),
            push: &self.pushes[p],
        };
        cells.backward(&mut board, &inflow, &past, &mut out);
        if w == 0 {
            cells.finish(&board, &mut out);
        }
        give_back(job, p, sums, out);
        drop(ways);
        self.boards[p] = board;
    }
}

/// Takes the gradients of what leads to population `p` out of `sums`.
fn outflow<'e, R: Lanes>(
    job: &Job<'_, R>,
    p: usize,
    sums: &mut Sums,
    errors: &'e mut [Vec<f64>],
) -> Outflow<'e> {
    let population = &job.plan.populations[p];
    let mut taken = |k: usize| std::mem::take(&mut sums.params[k]);
    let ways = &population.ways;
    Outflow {
        weights: ways.iter().map(|w| taken(w.weight)).collect(),
        delays: ways
            .iter()
            .map(|w| match w.own {
                Some(Delay::Trained(k)) => (Some(taken(k)), w.inputs),
                _ => (None, w.inputs),
            })
            .collect(),
        from: ways.iter().map(|w| w.from).collect(),
        own: p,
        errors,
        params: (!population.fixed).then(|| std::mem::take(&mut sums.cells[p])),
    }
}

/// Puts them back.
fn give_back<R: Lanes>(job: &Job<'_, R>, p: usize, sums: &mut Sums, out: Outflow<'_>) {
    let ways = job.plan.populations[p].ways.iter();
    for (w, (weights, delays)) in ways.zip(out.weights.into_iter().zip(out.delays)) {
        sums.params[w.weight] = weights;
        if let (Some(Delay::Trained(k)), (Some(delays), _)) = (w.own, delays) {
            sums.params[k] = delays;
        }
    }
    if let Some(params) = out.params {
        sums.cells[p] = params;
    }
}

fn named<R: Lanes>(job: &Job<'_, R>, p: usize, e: Error) -> Error {
    let name = &job.net.nodes[job.plan.populations[p].node].name;
    Error::invalid(
        "training",
        format!("population '{name}'"),
        "neurons that come to rest",
        e,
    )
}
