//! From a specification to a network, every shape checked.

use super::graph::{Edge, resolve};
use super::param::{Param, Place};
use super::population::Wanted;
use super::{
    Delays, Each, Interpolation, Network, NetworkSpec, Node, NodeKind, Op, Population, Shape,
    Values, Window,
};
use crate::neuron::Lanes;
use crate::rng::{Purpose, Rng};
use crate::synapse::{Conv, Delay, Dropout, Linear, Norm, Pool, PoolKind, windows};
use crate::{Error, Result};
use std::hash::{DefaultHasher, Hash, Hasher};

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
        if !matches!(input.len(), 1 | 3) || input.contains(&0) {
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
            form: form(input, spec),
            smooth: false,
            progress: 0.0,
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
                read: false,
                brief: [false; 2],
                looped: false,
                taps: None,
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
        net.refresh_taps();
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
        let weights = |dims: &[usize], place| match count(dims) {
            Some(_) => Ok(Param::new(name("weight"), dims.to_vec(), place)),
            None => Err(too_large(format!("node '{}'", node.name), dims)),
        };
        Ok(match &node.kind {
            NodeKind::Flatten {} => Op::Flatten,
            NodeKind::Linear {
                bias,
                scale,
                mean,
                delays,
                ..
            } => {
                let (inputs, outputs) = (source.size(), shape.size());
                let place = Place::Tiles {
                    inputs: source.clone(),
                    outputs: shape.flat(),
                };
                let w = weights(&[outputs, inputs], place.clone())?;
                let weight = self.draw(w, i, inputs, [*mean, *scale]);
                let delays = match delays {
                    Some(d) if d.each == Each::Input => {
                        let place = Place::Order(source.clone());
                        Some(self.delays(d, i, name("delay"), &[inputs], place)?)
                    }
                    Some(d) => Some(self.delays(d, i, name("delay"), &[outputs, inputs], place)?),
                    None => None,
                };
                let bias = bias.then(|| {
                    let place = Place::Lanes(shape.flat());
                    self.push(Param::new(name("bias"), vec![outputs], place))
                });
                Op::Linear(Linear {
                    weight,
                    bias,
                    delays,
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
                let w = weights(&[to[0], c, k[0], k[1]], place)?;
                let weight = self.draw(w, i, c * k[0] * k[1], [0.0, *scale]);
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
            NodeKind::GatedMaxPool2d(w) => Op::Pool(pool(PoolKind::Gate, w, source, shape)),
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
                bounds,
                per_neuron,
            } => {
                let want = Wanted {
                    seed: (self.seed, i as u32),
                    bounds,
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
    fn draw(
        &mut self,
        mut param: Param<R>,
        node: usize,
        fan_in: usize,
        [mean, scale]: [f64; 2],
    ) -> usize {
        let sd = scale / (fan_in as f64).sqrt();
        let mut rng = Rng::new(self.seed, node as u32, Purpose::Weights, 0);
        for p in param.places() {
            param.data[p] = R::of(mean + rng.normal() * sd);
        }
        self.push(param)
    }

    /// The delays of the weights of a node.
    fn delays(
        &mut self,
        spec: &Delays,
        node: usize,
        name: String,
        dims: &[usize],
        place: Place,
    ) -> Result<Delay> {
        let at = || format!("'{name}'");
        let count: usize = dims.iter().product();
        let [low, high] = spec.bounds.unwrap_or([0.0, 1.0]);
        let fine = 0.0 <= low && low <= high && high <= LONGEST_DELAY;
        if !(fine && spec.rate >= 0.0 && spec.rate.is_finite()) {
            let expected = format!("bounds within 0 to {LONGEST_DELAY} s and a rate of at least 0");
            let got = format!("{low} to {high}, {}", spec.rate);
            return Err(Error::invalid("delays", at(), expected, got));
        }
        if let Some(Interpolation::Gaussian(sigma)) = spec.interpolate
            && !(0.23..=1e4).contains(&sigma)
        {
            let expected = "a width of 0.23 to 10000 steps";
            return Err(Error::invalid("interpolation", at(), expected, sigma));
        }
        let values = match &spec.values {
            Values::One(d) => vec![*d; if spec.train { count } else { 1 }],
            Values::Each(list) if list.len() == 1 && spec.train => vec![list[0]; count],
            Values::Each(list) => list.clone(),
            Values::Drawn(law) => {
                law.check(at)?;
                let mut rng = Rng::new(self.seed, node as u32, Purpose::Delays, 0);
                (0..count).map(|_| law.draw(&mut rng, 0.0)).collect()
            }
        };
        if values.len() != count && values.len() != 1 {
            let expected = format!("one number, or {dims:?}");
            return Err(Error::invalid("delays", at(), expected, values.len()));
        }
        let (low, high) = if spec.train {
            (low, high)
        } else {
            (0.0, LONGEST_DELAY)
        };
        if let Some(d) = values.iter().find(|d| !(low..=high).contains(*d)) {
            let expected = format!("{low} to {high} s");
            return Err(Error::invalid("delay", at(), expected, d));
        }
        let mut param = match values.len() {
            1 if !spec.train => Param::new(name, vec![1], Place::Plain),
            _ => Param::new(name, dims.to_vec(), place),
        };
        for (p, &d) in param.places().into_iter().zip(&values) {
            param.data[p] = R::of(d);
        }
        param.bounds = Some([R::of(low), R::of(high)]);
        param.rate = spec.rate;
        Ok(if spec.train {
            Delay::Trained(self.push(param))
        } else {
            self.buffers.push(param);
            Delay::Fixed(self.buffers.len() - 1)
        })
    }
}

/// No weight may hold a spike back longer, in seconds.
const LONGEST_DELAY: f64 = 1e3;

/// A number that networks of the same inputs and specification share.
fn form(input: &[usize], spec: &NetworkSpec) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{input:?} {spec:?}").hash(&mut hasher);
    hasher.finish()
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

/// Numbers of an axis, an image or a parameter whose place still fits in the indices of spikes.
const MOST: usize = 1 << 31;

/// The product, if it is at most [`MOST`].
fn count(dims: &[usize]) -> Option<usize> {
    let product = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    product.filter(|&n| n <= MOST)
}

fn sized(dims: &[usize], at: impl Fn() -> String) -> Result<Shape> {
    match count(dims) {
        Some(_) => Ok(Shape::new(dims)),
        None => Err(too_large(at(), dims)),
    }
}

fn too_large(at: String, dims: &[usize]) -> Error {
    Error::invalid("size", at, "at most 2^31 numbers", format!("{dims:?}"))
}

/// The shape of each node's output.
fn shapes(input: &[usize], spec: &NetworkSpec, edges: &[Vec<Edge>]) -> Result<Vec<Shape>> {
    let mut shapes: Vec<Option<Shape>> = vec![None; edges.len()];
    shapes[0] = Some(sized(input, || "the input".into())?);
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
        Ok(Some(sized(&[channels(c)?, y, x], at)?))
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
                Some(n) => Ok(Some(sized(&[*n], at)?)),
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
        NodeKind::SumPool2d(w)
        | NodeKind::AvgPool2d(w)
        | NodeKind::MaxPool2d(w)
        | NodeKind::GatedMaxPool2d(w) => {
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
