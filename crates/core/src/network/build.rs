//! From a specification to a network, every shape checked.

use super::graph::{Edge, Pace, Stage, resolve};
use super::param::{Param, Place};
use super::population::Wanted;
use super::{Network, NetworkSpec, Node, NodeKind, Op, Population, Shape, Window};
use crate::neuron::Lanes;
use crate::rng::{Purpose, Rng};
use crate::synapse::{Conv, Dropout, Linear, Norm, Pool, PoolKind, windows};
use crate::{Error, Result};

impl<R: Lanes> Network<R> {
    /// Builds a network for inputs of that shape, `[n]` or `[channels, height, width]`, with weights drawn under `seed`.
    ///
    /// # Errors
    /// Anything that does not fit, with the nodes at both ends: names, shapes, parameters, a loop without delay.
    pub fn new(input: &[usize], spec: &NetworkSpec, seed: u64) -> Result<Self> {
        if !(spec.dt > 0.0 && spec.dt.is_finite()) {
            return Err(Error::invalid(
                "step",
                "network.dt",
                "a positive number of seconds",
                spec.dt,
            ));
        }
        if !matches!(input.len(), 1 | 3) || input.iter().product::<usize>() == 0 {
            return Err(Error::invalid(
                "shape",
                "the input",
                "[n] or [channels, height, width]",
                format!("{input:?}"),
            ));
        }
        let Some(NodeKind::Population { .. }) = spec.nodes.last().map(|n| &n.kind) else {
            return Err(Error::invalid(
                "readout",
                "the network",
                "a population as the last node",
                spec.nodes.last().map_or("none", |n| n.kind.name()),
            ));
        };
        let (edges, stages) = resolve(spec)?;
        let shapes = shapes(input, spec, &edges)?;
        let mut net = Self {
            spec: spec.clone(),
            nodes: Vec::new(),
            stages,
            norms: Vec::new(),
            params: Vec::new(),
            buffers: Vec::new(),
            seed,
            smooth: false,
        };
        for (i, shape) in shapes.iter().enumerate() {
            let op = if i == 0 {
                Op::Input
            } else {
                net.op(i, &shapes, &edges)?
            };
            net.nodes.push(Node {
                name: if i == 0 {
                    "input".into()
                } else {
                    spec.nodes[i - 1].name.clone()
                },
                shape: shape.clone(),
                op,
                sources: Vec::new(),
                lead: 0,
                stem: 0,
                learns: false,
                reader: None,
                first: None,
                brief: [false; 2],
                looped: false,
            });
        }
        for (i, list) in edges.iter().enumerate() {
            net.nodes[i].sources = list
                .iter()
                .map(|&e| through(e, &net.nodes, &edges))
                .collect();
        }
        net.merge_images();
        net.mark();
        for node in &net.nodes {
            let stem = &net.nodes[node.stem];
            if !matches!(stem.op, Op::Input | Op::Population(_)) {
                return Err(Error::invalid(
                    "loop",
                    format!("node '{}'", node.name),
                    "a population on the way round",
                    "none",
                ));
            }
        }
        let readout = &net.readout().shape;
        if readout.dims.len() != 1 || !readout.in_order() {
            return Err(Error::invalid(
                "readout",
                format!("node '{}'", net.readout().name),
                "one axis behind weights",
                format!("{:?}", readout.dims),
            ));
        }
        let in_loop = |n: &&Node<R>| n.looped && matches!(n.op, Op::Norm(_));
        if let Some(norm) = net.nodes.iter().find(in_loop) {
            return Err(Error::invalid(
                "batch norm",
                format!("node '{}'", norm.name),
                "a place outside of loops",
                "a loop",
            ));
        }
        Ok(net)
    }

    fn op(&mut self, i: usize, shapes: &[Shape], edges: &[Vec<Edge>]) -> Result<Op<R>> {
        let spec = self.spec.clone();
        let node = &spec.nodes[i - 1];
        let source = &shapes[edges[i][0].node];
        let shape = &shapes[i];
        let name = |part: &str| format!("{}.{part}", node.name);
        Ok(match &node.kind {
            NodeKind::Flatten {} => Op::Flatten,
            NodeKind::Linear { bias, scale, .. } => {
                let (inputs, outputs) = (source.size(), shape.size());
                let place = Place::Tiles {
                    inputs: source.clone(),
                    outputs: shape.flat(),
                };
                let w = Param::new(name("weight"), vec![outputs, inputs], place);
                let weight = self.draw(w, i, inputs, *scale);
                let bias = bias.then(|| {
                    let place = Place::Lanes(shape.flat());
                    self.push(Param::new(name("bias"), vec![outputs], place))
                });
                Op::Linear(Linear {
                    weight,
                    bias,
                    inputs,
                    outputs,
                })
            }
            NodeKind::Conv2d {
                kernel,
                stride,
                padding,
                groups,
                bias,
                scale,
                ..
            } => {
                let (from, to) = (image(source), image(shape));
                let (k, c) = (kernel.get(), from[0] / groups);
                let place = Place::Kernel { groups: *groups };
                let w = Param::new(name("weight"), vec![to[0], c, k[0], k[1]], place);
                let weight = self.draw(w, i, c * k[0] * k[1], *scale);
                let bias =
                    bias.then(|| self.push(Param::new(name("bias"), vec![to[0]], Place::Plain)));
                let conv = Conv {
                    weight,
                    bias,
                    input: from,
                    output: to,
                    kernel: k,
                    stride: stride.get(),
                    padding: padding.get(),
                    groups: *groups,
                    spans: Vec::new(),
                    offsets: Vec::new(),
                };
                Op::Conv(conv.ready())
            }
            NodeKind::SumPool2d(w) => Op::Pool(pool(PoolKind::Sum, w, source, shape)),
            NodeKind::AvgPool2d(w) => Op::Pool(pool(PoolKind::Mean, w, source, shape)),
            NodeKind::MaxPool2d(w) => Op::Pool(pool(PoolKind::Max, w, source, shape)),
            NodeKind::BatchNorm { momentum, epsilon } => {
                let channels = shape.channels();
                let place = if shape.dims.len() == 1 {
                    Place::Lanes(shape.clone())
                } else {
                    Place::Plain
                };
                let filled = |part: &str, value: f64| {
                    let mut p = Param::new(name(part), vec![channels], place.clone());
                    p.data.fill(R::of(value));
                    p
                };
                let (w, b) = (filled("weight", 1.0), filled("bias", 0.0));
                let (mean, var) = (filled("running_mean", 0.0), filled("running_var", 1.0));
                self.buffers.extend([mean, var]);
                let buffer = self.buffers.len() - 2;
                Op::Norm(Norm {
                    scale: self.push(w),
                    shift: self.push(b),
                    mean: buffer,
                    variance: buffer + 1,
                    channels,
                    momentum: *momentum,
                    epsilon: *epsilon,
                })
            }
            NodeKind::Dropout { p } => Op::Dropout(Dropout {
                p: *p,
                object: i as u32,
            }),
            NodeKind::Population {
                neuron,
                params,
                reset,
                train,
                per_neuron,
            } => {
                let want = Wanted {
                    name: &node.name,
                    neuron,
                    params,
                    reset: *reset,
                    train,
                    per_neuron: *per_neuron,
                };
                Op::Population(Population::new(&want, shape, &spec, &mut self.params)?)
            }
        })
    }

    fn push(&mut self, param: Param<R>) -> usize {
        self.params.push(param);
        self.params.len() - 1
    }

    /// Draws normal weights in the order of their shape.
    fn draw(&mut self, mut param: Param<R>, node: usize, fan_in: usize, scale: f64) -> usize {
        let sd = scale / (fan_in as f64).sqrt();
        let mut rng = Rng::new(self.seed, node as u32, Purpose::Weights, 0);
        for p in param.places() {
            param.data[p] = R::of(rng.normal() * sd);
        }
        self.push(param)
    }

    /// Fills in what follows from the graph.
    /// Makes one stage of neighbouring stages of images. Batch norm, whose sums need all steps, stands alone.
    fn merge_images(&mut self) {
        let mut merged: Vec<Stage> = Vec::new();
        for mut stage in std::mem::take(&mut self.stages) {
            let node = &self.nodes[stage.nodes[0]];
            let still = matches!(node.op, Op::Linear(_) | Op::Norm(_));
            if stage.pace == Pace::Whole && node.shape.image().is_some() && !still {
                stage.pace = Pace::Image;
            }
            match merged.last_mut() {
                Some(last) if last.pace == Pace::Image && stage.pace == Pace::Image => {
                    last.nodes.extend(stage.nodes);
                }
                _ => merged.push(stage),
            }
        }
        self.stages = merged;
    }

    fn mark(&mut self) {
        let n = self.nodes.len();
        let norm = |&i: &usize| matches!(self.nodes[i].op, Op::Norm(_));
        self.norms = (0..n).filter(norm).collect();
        for stage in &self.stages {
            for &i in &stage.nodes {
                self.nodes[i].looped = stage.pace == Pace::Loop;
            }
        }
        for i in 1..n {
            for e in self.nodes[i].sources.clone() {
                let lead = &mut self.nodes[e.node].lead;
                *lead = e.delay.max(*lead);
            }
        }
        for i in 0..n {
            let readers: Vec<(usize, usize)> = (1..n)
                .filter(|&j| !matches!(self.nodes[j].op, Op::Flatten))
                .flat_map(|j| self.nodes[j].sources.iter().map(move |e| (j, e)))
                .filter(|(_, e)| e.node == i)
                .map(|(j, e)| (j, e.delay))
                .collect();
            let node = &self.nodes[i];
            self.nodes[i].reader = match (&readers[..], &node.op) {
                ([(j, delay)], op)
                    if *delay == 0 && !matches!(op, Op::Population(_) | Op::Input) =>
                {
                    matches!(self.nodes[*j].op, Op::Population(_)).then_some(*j)
                }
                _ => None,
            };
        }
        for i in 0..n - 1 {
            let reads = |j: usize| {
                let edges = self.nodes[j].sources.iter().filter(|e| e.node == i);
                let flat = matches!(self.nodes[j].op, Op::Flatten);
                if flat {
                    Vec::new()
                } else {
                    edges.map(|e| e.delay).collect()
                }
            };
            let order = self
                .stages
                .iter()
                .rev()
                .flat_map(|s| s.nodes.iter().rev().copied());
            let first = order
                .map(|j| (j, self.nodes[j].looped, reads(j)))
                .find(|r| !r.2.is_empty());
            let first = match first {
                Some((j, false, delays)) if delays == [0] => Some(j),
                _ => None,
            };
            let stage = self.stages.iter().find(|s| s.nodes.contains(&i));
            let here =
                |j: usize| stage.is_some_and(|s| s.pace == Pace::Image && s.nodes.contains(&j));
            let beside = |j: usize| reads(j).iter().all(|&delay| delay == 0 && here(j));
            let node = &self.nodes[i];
            let brief = [
                node.reader.is_some_and(here),
                first.is_some_and(here) && (0..n).all(beside),
            ];
            (self.nodes[i].first, self.nodes[i].brief) = (first, brief);
        }
        // What depends on a loop settles after as many passes as there are nodes.
        for _ in 0..n {
            for i in 0..n {
                let from = |f: fn(&Node<R>) -> bool, node: &Node<R>| {
                    node.sources.iter().any(|e| f(&self.nodes[e.node]))
                };
                let node = &self.nodes[i];
                let stem = match (&node.op, node.sources.first()) {
                    (Op::Population(_), _) | (_, None) => i,
                    (_, Some(e)) => self.nodes[e.node].stem,
                };
                let trained = match &node.op {
                    Op::Linear(_) | Op::Conv(_) | Op::Norm(_) => true,
                    Op::Population(p) => p.trained,
                    _ => false,
                };
                let learns = trained || from(|s| s.learns, node);
                self.nodes[i].stem = stem;
                self.nodes[i].learns = learns;
            }
        }
    }
}

/// The edge to where the values are, through nodes that only rename them.
fn through<R: Lanes>(e: Edge, nodes: &[Node<R>], edges: &[Vec<Edge>]) -> Edge {
    let mut at = e;
    while matches!(nodes[at.node].op, Op::Flatten) {
        let next = edges[at.node][0];
        at = Edge {
            node: next.node,
            delay: at.delay + next.delay,
        };
    }
    at
}

fn image(s: &Shape) -> [usize; 3] {
    s.image().unwrap_or([s.size(), 1, 1])
}

fn pool(kind: PoolKind, w: &Window, source: &Shape, shape: &Shape) -> Pool {
    let pool = Pool {
        kind,
        input: image(source),
        output: image(shape),
        kernel: w.kernel.get(),
        stride: w.stride.unwrap_or(w.kernel).get(),
        only: Vec::new(),
    };
    pool.ready()
}

/// The shape of each node's output.
fn shapes(input: &[usize], spec: &NetworkSpec, edges: &[Vec<Edge>]) -> Result<Vec<Shape>> {
    let mut shapes: Vec<Option<Shape>> = vec![None; edges.len()];
    shapes[0] = Some(Shape::new(input));
    loop {
        let mut found = false;
        for i in 1..edges.len() {
            if shapes[i].is_none() {
                shapes[i] = infer(i, spec, edges, &shapes)?;
                found |= shapes[i].is_some();
            }
        }
        if !found {
            break;
        }
    }
    let mut known = Vec::new();
    for (i, shape) in shapes.into_iter().enumerate() {
        let Some(shape) = shape else {
            return Err(Error::invalid(
                "size",
                format!("node '{}'", spec.nodes[i - 1].name),
                "a source whose size is known",
                "none",
            ));
        };
        known.push(shape);
    }
    for i in 1..edges.len() {
        if let NodeKind::Population { .. } = spec.nodes[i - 1].kind {
            adopt(i, spec, edges, &mut known)?;
        }
    }
    Ok(known)
}

/// Weights into a population take over its order; everything else that reaches it must have its shape.
fn adopt(i: usize, spec: &NetworkSpec, edges: &[Vec<Edge>], known: &mut [Shape]) -> Result<()> {
    let own = known[i].clone();
    for e in &edges[i] {
        let linear = e.node > 0 && matches!(spec.nodes[e.node - 1].kind, NodeKind::Linear { .. });
        if linear && known[e.node].dims == own.dims {
            known[e.node] = own.clone();
        }
        if known[e.node] != own {
            return Err(mismatch(spec, e.node, i, &known[e.node], &own));
        }
    }
    Ok(())
}

fn name(spec: &NetworkSpec, i: usize) -> &str {
    i.checked_sub(1).map_or("input", |i| &spec.nodes[i].name)
}

fn mismatch(spec: &NetworkSpec, from: usize, to: usize, got: &Shape, want: &Shape) -> Error {
    Error::invalid(
        "shape",
        format!("'{}' -> '{}'", name(spec, from), name(spec, to)),
        format!("{:?}", want.dims),
        format!("{:?}", got.dims),
    )
}

/// The shape of a node's output, if those of its sources are known.
fn infer(
    i: usize,
    spec: &NetworkSpec,
    edges: &[Vec<Edge>],
    shapes: &[Option<Shape>],
) -> Result<Option<Shape>> {
    let kind = &spec.nodes[i - 1].kind;
    let first = edges[i][0].node;
    let at = || format!("'{}' -> '{}'", name(spec, first), name(spec, i));
    if edges[i].len() > 1 && !matches!(kind, NodeKind::Population { .. }) {
        return Err(Error::invalid(
            "edges",
            format!("node '{}'", name(spec, i)),
            "one: only a population adds up what reaches it",
            edges[i].len(),
        ));
    }
    let source = shapes[first].as_ref();
    let pooled = |kernel: [usize; 2],
                  stride: [usize; 2],
                  padding: [usize; 2],
                  channels: &dyn Fn(usize) -> Result<usize>| {
        let Some(source) = source else {
            return Ok(None);
        };
        let Some([c, h, w]) = source.image() else {
            let got = format!("{:?}", source.dims);
            return Err(Error::invalid(
                "shape",
                at(),
                "[channels, height, width]",
                got,
            ));
        };
        let size = |axis: usize, n| windows(n, kernel[axis], stride[axis], padding[axis]);
        let (Some(y), Some(x)) = (size(0, h), size(1, w)) else {
            return Err(Error::invalid(
                "window",
                at(),
                "a window within the image, a stride of at least 1 and a padding below the window",
                format!("window {kernel:?}, stride {stride:?}, padding {padding:?} on {h} x {w}"),
            ));
        };
        Ok(Some(Shape::new(&[channels(c)?, y, x])))
    };
    match kind {
        NodeKind::Population { .. } => {
            let linear =
                |j: usize| j > 0 && matches!(spec.nodes[j - 1].kind, NodeKind::Linear { .. });
            let known = |e: &&Edge| shapes[e.node].is_some();
            let best = edges[i].iter().filter(known).min_by_key(|e| linear(e.node));
            Ok(best.and_then(|e| shapes[e.node].clone()))
        }
        NodeKind::Linear { n, .. } => {
            if let Some(s) = source
                && s.dims.len() != 1
            {
                let got = format!("{:?}", s.dims);
                return Err(Error::invalid(
                    "shape",
                    at(),
                    "one axis: a flatten node before it",
                    got,
                ));
            }
            match n {
                Some(0) => Err(Error::invalid("size", at(), "at least one output", 0)),
                Some(n) => Ok(Some(Shape::new(&[*n]))),
                None => {
                    let reader = (1..edges.len()).find(|&j| {
                        matches!(spec.nodes[j - 1].kind, NodeKind::Population { .. })
                            && edges[j].iter().any(|e| e.node == i)
                    });
                    Ok(reader.and_then(|j| shapes[j].clone()))
                }
            }
        }
        NodeKind::Flatten {} => Ok(source.map(Shape::flat)),
        NodeKind::BatchNorm { momentum, epsilon } => {
            if !((0.0..=1.0).contains(momentum) && *epsilon >= 0.0) {
                return Err(Error::invalid(
                    "batch norm",
                    at(),
                    "momentum in 0..=1 and epsilon of at least 0",
                    format!("{momentum} and {epsilon}"),
                ));
            }
            Ok(source.cloned())
        }
        NodeKind::Dropout { p } => {
            if !(0.0..1.0).contains(p) {
                return Err(Error::invalid("dropout", at(), "a share in 0..1", p));
            }
            Ok(source.cloned())
        }
        NodeKind::SumPool2d(w) | NodeKind::AvgPool2d(w) | NodeKind::MaxPool2d(w) => {
            let stride = w.stride.unwrap_or(w.kernel);
            pooled(w.kernel.get(), stride.get(), [0, 0], &|c| Ok(c))
        }
        NodeKind::Conv2d {
            channels,
            kernel,
            stride,
            padding,
            groups,
            ..
        } => pooled(kernel.get(), stride.get(), padding.get(), &|c: usize| {
            if *groups == 0
                || *channels == 0
                || !c.is_multiple_of(*groups)
                || !channels.is_multiple_of(*groups)
            {
                return Err(Error::invalid(
                    "groups",
                    at(),
                    "a divisor of both numbers of channels",
                    format!("{groups} for {c} -> {channels}"),
                ));
            }
            Ok(*channels)
        }),
    }
}
