//! What the readout says, what it costs, and what each arrival has to do with it.
//!
//! A membrane that never fires is a sum of responses to what arrived: its maximum and its integral, and their derivatives by
//! weights and times, are written down directly.

use super::super::Loss;
use super::super::loss::loss_of;
use super::cells::{Inflow, Outflow};
use super::tape::{Arrival, Train};
use crate::neuron::Curve;
use crate::num::Float;
use crate::{Error, Result};

/// What a neuron of the readout says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Score {
    pub value: f64,
    /// When a maximum was reached.
    pub t: f64,
    /// Where an arrival ended the rise: its way and spike, and the slope before it. The maximum moves with that arrival.
    pub kink: Option<(u32, u32, f64)>,
}

/// A readout of membranes.
pub(super) struct Membranes {
    /// The response to a weight of 1 of each neuron, or of all.
    pub responses: Vec<Curve>,
    /// The membrane at rest of each, or of all.
    pub rest: Vec<f64>,
    pub n: usize,
    /// Whether everything reaches all neurons at the same times, and all have the same parameters.
    pub together: bool,
}

impl Membranes {
    /// Of a model of that name.
    pub fn new(model: &str, params: &[Vec<f64>], n: usize, together: bool) -> Result<Self> {
        let response = |p: &Vec<f64>| match (model, &p[..]) {
            ("li", &[tau_mem, _, leak]) => Ok((
                Curve {
                    a: 1.0,
                    alpha: 1.0 / tau_mem,
                    ..Curve::default()
                },
                leak,
            )),
            ("cuba_if", &[tau_syn, r, ..]) => Ok((
                Curve {
                    b: r,
                    beta: 1.0 / tau_syn,
                    ..Curve::default()
                },
                0.0,
            )),
            ("cuba_li", &[tau_mem, tau_syn, r, leak])
            | ("cuba_lif", &[tau_mem, tau_syn, r, leak, ..]) => Ok((
                Curve {
                    alpha: 1.0 / tau_mem,
                    b: r / tau_mem,
                    beta: 1.0 / tau_syn,
                    ..Curve::default()
                },
                leak,
            )),
            _ => {
                let got = format!("'{model}'");
                Err(Error::invalid(
                    "readout",
                    "eventprop",
                    "li, cuba_li or neurons that fire",
                    got,
                ))
            }
        };
        let all: Vec<(Curve, f64)> = params.iter().map(response).collect::<Result<_>>()?;
        let (responses, rest) = all.into_iter().unzip();
        Ok(Self {
            responses,
            rest,
            n,
            together,
        })
    }

    fn response(&self, j: usize) -> (&Curve, f64) {
        let k = j.min(self.responses.len() - 1);
        (&self.responses[k], self.rest[k])
    }

    /// The membrane of neuron `j` before anything arrives.
    fn resting(&self, j: usize) -> Curve {
        let (unit, rest) = self.response(j);
        Curve {
            level: rest,
            a: 0.0,
            b: 0.0,
            ..*unit
        }
    }

    /// The score of each neuron; arrivals are by neuron where they do not run together.
    pub fn scores<R: Float>(&self, loss: Loss, inflow: &Inflow<'_, R>, end: f64) -> Vec<Score> {
        if self.together && loss == Loss::MaxCrossEntropy {
            return self.maxima(inflow, end);
        }
        if self.together {
            return self.integrals(inflow, (loss, end));
        }
        let mut rest = inflow.arrivals;
        let mut one = |j: usize| {
            let count = rest.iter().take_while(|a| a.target as usize == j).count();
            let own;
            (own, rest) = rest.split_at(count);
            match loss {
                Loss::MaxCrossEntropy => self.maximum(j, own.iter(), inflow, end),
                _ => Score {
                    value: self.integral(j, own, inflow, (loss, end)),
                    ..Score::default()
                },
            }
        };
        (0..self.n).map(&mut one).collect()
    }

    /// The largest membranes, with what depends on time computed once.
    fn maxima<R: Float>(&self, inflow: &Inflow<'_, R>, end: f64) -> Vec<Score> {
        let (unit, rest) = self.response(0);
        let start = Score {
            value: rest,
            ..Score::default()
        };
        let (mut best, mut t) = (vec![start; self.n], 0.0);
        let (mut a, mut b) = (vec![0.0; self.n], vec![0.0; self.n]);
        let ends = inflow.arrivals.iter().map(|a| (a.t, Some(a)));
        for (next, arrival) in ends.chain([(end, None)]) {
            let h = next - t;
            let [e, g, k] = unit.parts(h);
            for j in 0..self.n {
                let (later_a, later_b) = (a[j] * e + b[j] * k, b[j] * g);
                let [rises, falls] = [b[j] - unit.alpha * a[j], later_b - unit.alpha * later_a];
                if rises > 0.0 && falls < 0.0 {
                    let curve = Curve {
                        level: rest,
                        a: a[j],
                        b: b[j],
                        ..*unit
                    };
                    let turn = curve.turn().filter(|&x| x > 0.0 && x < h);
                    if let Some(x) = turn.filter(|&x| curve.at(x) > best[j].value) {
                        best[j] = Score {
                            value: curve.at(x),
                            t: t + x,
                            kink: None,
                        };
                    }
                }
                if rest + later_a > best[j].value {
                    best[j] = Score {
                        value: rest + later_a,
                        t: next,
                        kink: arrival.map(|x| (x.way, x.spike, falls)),
                    };
                }
                (a[j], b[j]) = (later_a, later_b);
            }
            if let Some(x) = arrival {
                let way = &inflow.ways[x.way as usize];
                let add = |(j, b): (usize, &mut f64)| *b += way.weight(x.spike, j) * unit.b;
                b.iter_mut().enumerate().for_each(add);
            }
            t = next;
        }
        best
    }

    /// The means over time, with what depends on time computed once.
    fn integrals<R: Float>(&self, inflow: &Inflow<'_, R>, (loss, end): (Loss, f64)) -> Vec<Score> {
        let unit = self.response(0).0;
        let gamma = rate(loss);
        let mut sums = vec![self.resting(0).integral(gamma, end); self.n];
        for a in inflow.arrivals {
            let one = (-gamma * a.t).exp() * unit.integral(gamma, end - a.t);
            let way = &inflow.ways[a.way as usize];
            let add = |(j, sum): (usize, &mut f64)| *sum += way.weight(a.spike, j) * one;
            sums.iter_mut().enumerate().for_each(add);
        }
        let score = |sum: f64| Score {
            value: sum / end,
            ..Score::default()
        };
        sums.into_iter().map(score).collect()
    }

    /// The largest membrane of neuron `j`; arrivals are those that reach it.
    pub fn maximum<'a, R: Float>(
        &self,
        j: usize,
        arrivals: impl Iterator<Item = &'a Arrival>,
        inflow: &Inflow<'_, R>,
        end: f64,
    ) -> Score {
        let (unit, rest) = self.response(j);
        let mut best = Score {
            value: rest,
            ..Score::default()
        };
        let mut now = self.resting(j);
        let mut t = 0.0;
        let ends = arrivals.map(|a| (a.t, Some(a))).chain([(end, None)]);
        for (next, arrival) in ends {
            let h = next - t;
            // Without its turn a curve is largest at one of its ends.
            let turn = now.turn().filter(|&x| x > 0.0 && x < h);
            if let Some(h) = turn.filter(|&h| now.at(h) > best.value) {
                best = Score {
                    value: now.at(h),
                    t: t + h,
                    kink: None,
                };
            }
            if now.at(h) > best.value {
                best = Score {
                    value: now.at(h),
                    t: next,
                    kink: arrival.map(|a| (a.way, a.spike, now.slope(h))),
                };
            }
            let Some(a) = arrival else {
                break;
            };
            now = now.later(h);
            now.b += inflow.ways[a.way as usize].weight(a.spike, j) * unit.b;
            t = next;
        }
        best
    }

    /// The mean over time of the membrane of neuron `j` times `exp(-t / tau)`.
    fn integral<R: Float>(
        &self,
        j: usize,
        arrivals: &[Arrival],
        inflow: &Inflow<'_, R>,
        (loss, end): (Loss, f64),
    ) -> f64 {
        let unit = self.response(j).0;
        let gamma = rate(loss);
        let sum = arrivals.iter().map(|a| {
            let w = inflow.ways[a.way as usize].weight(a.spike, j);
            w * (-gamma * a.t).exp() * unit.integral(gamma, end - a.t)
        });
        (self.resting(j).integral(gamma, end) + sum.sum::<f64>()) / end
    }

    /// Sends the error of the scores to weights, delays and spike times.
    pub fn backward<R: Float>(
        &self,
        (loss, end): (Loss, f64),
        scores: &[Score],
        by_score: &[f64],
        inflow: &Inflow<'_, R>,
        out: &mut Outflow<'_>,
    ) {
        for a in inflow.arrivals {
            let all = if self.together {
                0..self.n
            } else {
                a.target as usize..a.target as usize + 1
            };
            if loss == Loss::MaxCrossEntropy {
                all.for_each(|j| self.raise(j, a, (&scores[j], by_score[j]), inflow, out));
                continue;
            }
            let (unit, gamma) = (self.response(all.start).0, rate(loss));
            let (weight, left) = ((-gamma * a.t).exp() / end, end - a.t);
            let sum = unit.integral(gamma, left);
            let last = (-gamma * left).exp() * unit.at(left);
            let (by_weight, by_time) = (weight * sum, -weight * (gamma * sum + last));
            for j in all {
                self.send(
                    j,
                    a,
                    [by_score[j] * by_weight, by_score[j] * by_time],
                    inflow,
                    out,
                );
            }
        }
    }

    /// Sends what an arrival has to do with the maximum of neuron `j`.
    pub fn raise<R: Float>(
        &self,
        j: usize,
        a: &Arrival,
        (score, by_score): (&Score, f64),
        inflow: &Inflow<'_, R>,
        out: &mut Outflow<'_>,
    ) {
        if let Some((_, _, slope)) = score.kink.filter(|k| (k.0, k.1) == (a.way, a.spike)) {
            let place = inflow.ways[a.way as usize].place(a.spike, j);
            out.late(a.way, a.spike, place, by_score * slope);
        }
        // What arrives at the time of the maximum or later has no other part in it.
        let (unit, h) = (self.response(j).0, score.t - a.t);
        if h > 0.0 {
            let (lift, slope) = unit.both(h);
            self.send(j, a, [by_score * lift, -by_score * slope], inflow, out);
        }
    }

    /// Sends the derivative by the weight, and by the time of an arrival of weight 1.
    fn send<R: Float>(
        &self,
        j: usize,
        a: &Arrival,
        [by_weight, by_time]: [f64; 2],
        inflow: &Inflow<'_, R>,
        out: &mut Outflow<'_>,
    ) {
        let way = &inflow.ways[a.way as usize];
        let at = way.place(a.spike, j);
        out.weights[a.way as usize][at] += by_weight;
        out.late(a.way, a.spike, at, by_time * way.weights[at].value());
    }
}

/// How fast the weight of an integral falls, per second.
fn rate(loss: Loss) -> f64 {
    match loss {
        Loss::Integral { tau: Some(tau) } => 1.0 / tau,
        _ => 0.0,
    }
}

/// The first spike of each of `n` neurons: its number, if there is one.
pub(super) fn first(train: &Train, n: usize) -> Vec<Option<usize>> {
    let mut first = vec![None; n];
    for (k, &unit) in train.unit.iter().enumerate() {
        first[unit as usize].get_or_insert(k);
    }
    first
}

/// The loss of first spikes at those times, and its derivative by each; that of the label's time by the softmax alone besides.
pub(super) fn spike_time(loss: Loss, times: &[f64], label: usize) -> (f64, Vec<f64>, f64) {
    let Loss::SpikeTime { tau0, alpha, tau1 } = loss else {
        return (0.0, vec![0.0; times.len()], 0.0);
    };
    let scores: Vec<f64> = times.iter().map(|t| -t / tau0).collect();
    let (mut value, by_score) = loss_of(Loss::SumCrossEntropy, &scores, label, 1);
    let mut by: Vec<f64> = by_score.into_iter().map(|g| -g / tau0).collect();
    let soft = by[label];
    let late = (times[label] / tau1).exp();
    value += alpha * (late - 1.0);
    by[label] += alpha * late / tau1;
    (value, by, soft)
}
