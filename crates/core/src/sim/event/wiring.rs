//! A network as the engine runs it: populations, and for each neuron what it reaches, when and how much.

use super::group::{Group, LANES, Row, Wanted, group};
use crate::network::{Edge, Network, Op};
use crate::neuron::{Arrivals, Convention, Lanes, Output, Pulse, Threshold};
use crate::synapse::{Conv, Delay, Linear, Pool, PoolKind};
use crate::{Error, Result};

/// Populations and projections.
pub(super) struct Wiring {
    /// The input comes first.
    pub populations: Vec<Population>,
    pub projections: Vec<Projection>,
}

/// A population.
pub(super) struct Population {
    pub name: String,
    pub n: usize,
    pub output: Output,
    /// Place in the order of a step.
    pub rank: u32,
    /// The projections out of it.
    pub out: Vec<u32>,
}

/// Weights from one population to another.
pub(super) struct Projection {
    /// The node whose output reaches the population.
    pub name: String,
    pub from: usize,
    pub to: usize,
    /// Seconds, for all weights.
    pub delay: f64,
    pub rows: Rows,
}

/// The weights of each neuron of a projection.
pub(super) enum Rows {
    /// `[inputs][outputs]`, each row filled up with zeros to whole tiles.
    Dense {
        outputs: usize,
        weights: Vec<[f64; LANES]>,
    },
    /// The same, where weights are `f32` as they stand: memory is what a row of them waits for.
    Single {
        outputs: usize,
        weights: Vec<[f32; LANES]>,
    },
    /// Weights `offsets[i]..offsets[i + 1]` belong to neuron `i`; sorted by delay where each has its own.
    Sparse {
        offsets: Vec<usize>,
        targets: Vec<u32>,
        weights: Vec<f64>,
        /// Seconds, besides the projection's delay; none if empty.
        delays: Vec<f64>,
    },
}

impl Rows {
    /// The weights of neuron `i` from `at` on that arrive together, their delay, and where the next ones begin, if there are more.
    pub fn group(&self, i: usize, at: usize) -> (Row<'_>, Option<usize>) {
        match self {
            Self::Dense { outputs, weights } => {
                let tiles = outputs.div_ceil(LANES);
                (Row::Dense(&weights[i * tiles..][..tiles]), None)
            }
            Self::Single { outputs, weights } => {
                let tiles = outputs.div_ceil(LANES);
                (Row::Single(&weights[i * tiles..][..tiles]), None)
            }
            Self::Sparse {
                offsets,
                targets,
                weights,
                delays,
            } => {
                let (start, end) = (offsets[i] + at, offsets[i + 1]);
                let stop = match delays.get(start) {
                    None => end,
                    Some(d) => {
                        let same = delays[start..end].iter().take_while(|e| *e == d);
                        start + same.count()
                    }
                };
                let row = Row::Sparse(&targets[start..stop], &weights[start..stop]);
                (row, (stop < end).then_some(stop - offsets[i]))
            }
        }
    }

    /// Seconds that weight `at` of neuron `i` holds back.
    pub fn delay(&self, i: usize, at: usize) -> f64 {
        match self {
            Self::Dense { .. } | Self::Single { .. } => 0.0,
            Self::Sparse {
                offsets, delays, ..
            } => delays.get(offsets[i] + at).copied().unwrap_or(0.0),
        }
    }

    /// Number of weights of neuron `i`.
    pub fn len(&self, i: usize) -> usize {
        match self {
            Self::Dense { outputs, .. } | Self::Single { outputs, .. } => *outputs,
            Self::Sparse { offsets, .. } => offsets[i + 1] - offsets[i],
        }
    }
}

/// A linear map under construction: for each input the outputs that it reaches, in their order.
struct Map {
    outputs: usize,
    rows: Vec<Vec<(u32, f64)>>,
    /// For each weight of `rows`, if each has its own.
    delays: Option<Vec<Vec<f64>>>,
}

impl Map {
    /// What comes out of `self` goes through `step`, which gives the outputs that an input of it reaches.
    fn then(self, outputs: usize, step: impl Fn(u32) -> Vec<(u32, f64)>) -> Self {
        let through = |row: Vec<(u32, f64)>| {
            let mut reached: Vec<(u32, f64)> = row
                .into_iter()
                .flat_map(|(i, v)| step(i).into_iter().map(move |(o, w)| (o, v * w)))
                .collect();
            reached.sort_by_key(|r| r.0);
            reached.dedup_by(|b, a| {
                let same = a.0 == b.0;
                if same {
                    a.1 += b.1;
                }
                same
            });
            reached
        };
        Self {
            outputs,
            rows: self.rows.into_iter().map(through).collect(),
            delays: None,
        }
    }

    fn finish(self) -> Rows {
        let full = |row: &Vec<(u32, f64)>| row.len() == self.outputs;
        if self.delays.is_none() && self.rows.iter().all(full) {
            let outputs = self.outputs;
            let single = |w: f64| f64::from(w as f32) == w;
            if self.rows.iter().flatten().all(|r| single(r.1)) {
                let weights = tiled(&self.rows, |w| w as f32);
                return Rows::Single { outputs, weights };
            }
            let weights = tiled(&self.rows, |w| w);
            return Rows::Dense { outputs, weights };
        }
        let (mut offsets, mut targets, mut weights) = (vec![0], Vec::new(), Vec::new());
        let mut delays = Vec::new();
        for (i, row) in self.rows.iter().enumerate() {
            let held = |n: usize| self.delays.as_ref().map_or(0.0, |d| d[i][n]);
            let mut order: Vec<usize> = (0..row.len()).collect();
            order.sort_by(|&a, &b| held(a).total_cmp(&held(b)));
            for n in order {
                targets.push(row[n].0);
                weights.push(row[n].1);
                if self.delays.is_some() {
                    delays.push(held(n));
                }
            }
            offsets.push(targets.len());
        }
        Rows::Sparse {
            offsets,
            targets,
            weights,
            delays,
        }
    }
}

/// Full rows in whole tiles.
fn tiled<W: Copy + Default>(rows: &[Vec<(u32, f64)>], of: impl Fn(f64) -> W) -> Vec<[W; LANES]> {
    let tile = |part: &[(u32, f64)]| {
        std::array::from_fn(|l| part.get(l).map_or(W::default(), |r| of(r.1)))
    };
    rows.iter()
        .flat_map(|r| r.chunks(LANES).map(tile))
        .collect()
}

impl Wiring {
    /// Reads a network; the populations besides.
    pub fn new<R: Lanes>(net: &Network<R>) -> Result<(Self, Vec<Box<dyn Group>>)> {
        continuous(&net.spec.convention)?;
        let order: Vec<usize> = net.stages.iter().flat_map(|s| s.nodes.clone()).collect();
        let rank = |node: usize| order.iter().position(|&n| n == node).unwrap_or(0) as u32;
        let mut wiring = Self {
            populations: vec![Population {
                name: "input".into(),
                n: net.inputs(),
                output: Output::Spikes,
                rank: rank(0),
                out: Vec::new(),
            }],
            projections: Vec::new(),
        };
        let mut groups = Vec::new();
        let mut place = vec![0; net.nodes.len()];
        for (node, p) in net.populations() {
            place[node] = wiring.populations.len();
            wiring.populations.push(Population {
                name: net.nodes[node].name.clone(),
                n: p.n,
                output: p.output,
                rank: rank(node),
                out: Vec::new(),
            });
            let want = Wanted {
                params: &p.table(&net.params),
                n: p.n,
                reset: p.reset,
                step: net.spec.dt,
            };
            groups.push(group(p.model.spec().name, &want)?);
        }
        for (node, _) in net.populations() {
            for &edge in &net.nodes[node].sources {
                let (stem, steps, map) = path(net, edge)?;
                let number = wiring.projections.len() as u32;
                wiring.populations[place[stem]].out.push(number);
                wiring.projections.push(Projection {
                    name: net.nodes[edge.node].name.clone(),
                    from: place[stem],
                    to: place[node],
                    delay: steps as f64 * net.spec.dt,
                    rows: map.finish(),
                });
            }
        }
        Ok((wiring, groups))
    }
}

/// Refuses a convention that is none without a clock.
pub(crate) fn continuous(c: &Convention) -> Result<()> {
    // In which order things happen in a step makes no difference when it is short.
    let same = Convention {
        arrivals: Arrivals::default(),
        threshold: Threshold::default(),
        ..*c
    };
    if same == Convention::default() && c.pulse == Pulse::Dirac {
        return Ok(());
    }
    Err(Error::invalid(
        "convention",
        "time without a clock",
        "the default but for arrivals and threshold",
        format!("{c:?}"),
    ))
}

/// The population at the start of an edge, the steps on the way, and what becomes of its spikes.
fn path<R: Lanes>(net: &Network<R>, edge: Edge) -> Result<(usize, usize, Map)> {
    let node = &net.nodes[edge.node];
    let before = || -> Result<(usize, usize, Map)> {
        let (stem, steps, map) = path(net, node.sources[0])?;
        if map.delays.is_some() {
            return Err(Error::invalid(
                "delays of weights",
                format!("node '{}'", node.name),
                "a population behind them",
                "more weights, or pooling",
            ));
        }
        Ok((stem, steps + edge.delay, map))
    };
    let refuse = |expected: &str, got: &str| {
        let place = format!("node '{}' without a clock", node.name);
        Err(Error::invalid("node", place, expected, got))
    };
    let n = node.shape.size();
    match &node.op {
        Op::Input | Op::Population(_) => {
            let rows = (0..n as u32).map(|i| vec![(i, 1.0)]).collect();
            let map = Map {
                outputs: n,
                rows,
                delays: None,
            };
            Ok((edge.node, edge.delay, map))
        }
        Op::Linear(Linear { bias: Some(_), .. }) | Op::Conv(Conv { bias: Some(_), .. }) => refuse(
            "weights without bias: a constant is added in each step",
            "a bias",
        ),
        Op::Linear(l) => {
            let (stem, steps, map) = before()?;
            let identity = map
                .rows
                .iter()
                .enumerate()
                .all(|(i, r)| r[..] == [(i as u32, 1.0)]);
            let weights = net.params[l.weight].values();
            let weight = |o: usize, i: u32| weights[o * l.inputs + i as usize].value();
            let row = |i: u32| (0..n).map(|o| (o as u32, weight(o, i))).collect();
            let mut map = map.then(n, row);
            if let Some(delay) = l.delays {
                let held = match delay {
                    Delay::Trained(k) => net.params[k].values(),
                    Delay::Fixed(k) => net.buffers[k].values(),
                };
                if !identity {
                    return refuse(
                        "spikes, not sums of them, before weights with delays",
                        "sums",
                    );
                }
                let number = |o: usize, i: usize| match held.len() {
                    1 => 0,
                    n if n == l.inputs => i,
                    _ => o * l.inputs + i,
                };
                let held = |o: usize, i: usize| held[number(o, i)].value();
                let delays = (0..l.inputs).map(|i| (0..n).map(|o| held(o, i)).collect());
                map.delays = Some(delays.collect());
            }
            Ok((stem, steps, map))
        }
        Op::Conv(c) => {
            let (stem, steps, map) = before()?;
            let kernel = net.params[c.weight].values();
            let reach = |i: u32| {
                let taps = c.taps(i as usize).into_iter();
                taps.map(|(o, w)| (o as u32, kernel[w].value())).collect()
            };
            Ok((stem, steps, map.then(n, reach)))
        }
        Op::Pool(p) if p.kind.is_linear() => {
            let (stem, steps, map) = before()?;
            Ok((stem, steps, map.then(n, |i| pooled(p, i as usize))))
        }
        Op::Dropout(_) | Op::Flatten => before(),
        Op::Pool(_) => refuse("a sum or mean over windows", "a maximum"),
        Op::Norm(_) => refuse(
            "no batch norm: fold it into the weights before it",
            "batch norm",
        ),
    }
}

/// The windows that an input of a pooling node is in, in canonical order, and what it counts there.
fn pooled(p: &Pool, i: usize) -> Vec<(u32, f64)> {
    let ([_, h, w], [_, oh, ow]) = (p.input, p.output);
    let (c, y, x) = (i / (h * w), i / w % h, i % w);
    let share = match p.kind {
        PoolKind::Mean => 1.0 / (p.kernel[0] * p.kernel[1]) as f64,
        _ => 1.0,
    };
    let windows = |at: usize, axis: usize, n: usize| {
        (0..n).filter(move |k| {
            (k * p.stride[axis]..k * p.stride[axis] + p.kernel[axis]).contains(&at)
        })
    };
    windows(y, 0, oh)
        .flat_map(|oy| windows(x, 1, ow).map(move |ox| (((c * oh + oy) * ow + ox) as u32, share)))
        .collect()
}
