//! From an artificial network to one of Cortado's and back: the same graph, its units as units or as spiking neurons.

use crate::ann::{Ann, Builder, Op, Source, Window};
use crate::{Error, Result};
use cortado::network::{EdgeSpec, Network, NetworkSpec, NodeKind, NodeSpec, Pair, Values};
use cortado::neuron::{Convention, Gain, Reset, Threshold};
use std::collections::BTreeMap;

/// What stands for the unit of a layer.
#[derive(Clone, Debug, PartialEq)]
pub enum Unit {
    /// A unit without time that computes what the layer says.
    Same,
    /// A quantised unit with a trained ceiling that starts at that value (`bu2022`).
    Quantised {
        /// The ceiling to start from.
        ceiling: f64,
        /// Number of levels.
        levels: usize,
    },
    /// An integrate-and-fire neuron with a reset by subtraction.
    Spiking {
        /// The value of the layer that a spike in every step stands for: one for all, or one for each channel.
        scale: Vec<f64>,
        /// The membrane at the start, as a share of the threshold.
        start: f64,
        /// Whether weights are divided by the scale, so that thresholds are 1; or thresholds are the scale.
        balance_weights: bool,
    },
}

/// A network, and where its layers went.
pub struct Built {
    /// The network; its readout is the integrator `readout`.
    pub network: Network<f32>,
    /// For each layer that is a unit, the name of its population.
    pub units: Vec<(usize, String)>,
}

/// What a layer hands on in the network: the nodes whose outputs are added, and what 1 of it stands for in each channel.
struct Wire {
    nodes: Vec<String>,
    scale: Vec<f64>,
}

/// Builds the network of a trained one; `unit` says what stands for each layer that is a unit.
///
/// Bias goes in in every step. Kernels take up dilation and uneven padding. A softmax at the end is left out: it changes no decision.
///
/// # Errors
/// A layer that no node stands for, with its name.
///
/// ```
/// use cortado_convert::{ann::{Builder, Op, Source}, network::{Unit, build}};
/// use cortado::sim::clock::Input;
/// let mut b = Builder::new(&[1]).unwrap();
/// let fc = b.push("fc", Op::Linear { weight: vec![2.0], bias: vec![-0.5] }, &[Source::Input]).unwrap();
/// b.push("relu", Op::Relu, &[fc]).unwrap();
/// let net = build(&b.finish().unwrap(), 1e-3, |_| Unit::Same).unwrap().network;
/// let input = Input::Current { samples: 1, steps: 1, data: vec![0.75] };
/// assert_eq!(net.run(&input, &[]).unwrap().output, [1.0]);
/// ```
pub fn build(ann: &Ann, dt: f64, mut unit: impl FnMut(usize) -> Unit) -> Result<Built> {
    let units: Vec<Option<Unit>> = ann
        .layers
        .iter()
        .enumerate()
        .map(|(i, l)| l.op.is_unit().then(|| unit(i)))
        .collect();
    let mut build = Build {
        ann,
        units: &units,
        spec: NetworkSpec::new(dt),
        weights: Vec::new(),
        names: vec!["input".into(), READOUT.into()],
    };
    build.spec.convention = Convention {
        gain: Gain::Unscaled,
        threshold: Threshold::Ge,
        ..Convention::default()
    };
    let mut wires: Vec<Wire> = Vec::new();
    let mut populations = Vec::new();
    for i in 0..ann.layers.len() {
        let wire = build.layer(i, &wires)?;
        if units[i].is_some() {
            populations.push((i, wire.nodes[0].clone()));
        }
        wires.push(wire);
    }
    build.readout(&wires)?;
    let mut network = Network::new(&ann.input, &build.spec, 0)?;
    for (name, values) in &build.weights {
        let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        network.set(name, &values)?;
    }
    Ok(Built {
        network,
        units: populations,
    })
}

/// So many values of one axis go on by themselves, in a square of weights.
const WIDEST: usize = 1 << 12;

/// The name of the population that adds up what reaches the outputs.
pub const READOUT: &str = "readout";

struct Build<'a> {
    ann: &'a Ann,
    units: &'a [Option<Unit>],
    spec: NetworkSpec,
    weights: Vec<(String, Vec<f64>)>,
    names: Vec<String>,
}

impl Build<'_> {
    fn layer(&mut self, i: usize, wires: &[Wire]) -> Result<Wire> {
        let layer = &self.ann.layers[i];
        let first = self.wire(layer.from[0], wires);
        let channels = layer.shape[0];
        let ones = || vec![1.0; channels];
        let last = i + 1 == self.ann.layers.len();
        match &layer.op {
            Op::Linear { weight, bias } => {
                let by = self.divisor(i);
                let (weight, bias) = (scaled(weight, &first.scale, &by), divided(bias, &by));
                let name = self.linear(&layer.name, &first, (weight, bias))?;
                Ok(Wire {
                    nodes: vec![name],
                    scale: by.unwrap_or_else(ones),
                })
            }
            Op::Conv2d {
                weight,
                bias,
                window,
                dilation,
                groups,
            } => {
                let by = self.divisor(i);
                let area = window.kernel[0] * window.kernel[1];
                let each = first.scale.len() / groups;
                let rows = bias.len() / groups;
                let mut weight = weight.clone();
                for (row, weights) in weight.chunks_mut(each * area).enumerate() {
                    let group = row / rows;
                    for (c, w) in weights.chunks_mut(area).enumerate() {
                        let s = first.scale[group * each + c] / by.as_ref().map_or(1.0, |b| b[row]);
                        w.iter_mut().for_each(|w| *w *= s);
                    }
                }
                let (weight, window) = spread(&weight, window, *dilation);
                let name = self.push(
                    &layer.name,
                    &first,
                    NodeKind::Conv2d {
                        channels,
                        kernel: Pair::Each(window.kernel),
                        stride: Pair::Each(window.stride),
                        padding: Pair::Each([window.padding[0], window.padding[1]]),
                        groups: *groups,
                        bias: true,
                        scale: 1.0,
                    },
                )?;
                self.weights.push((format!("{name}.weight"), weight));
                self.weights
                    .push((format!("{name}.bias"), divided(bias, &by)));
                Ok(Wire {
                    nodes: vec![name],
                    scale: by.unwrap_or_else(ones),
                })
            }
            Op::Affine { scale, shift } => {
                let name = self.diagonal(&layer.name, &first, &layer.shape, scale, shift)?;
                Ok(Wire {
                    nodes: vec![name],
                    scale: ones(),
                })
            }
            Op::MaxPool2d(window) => self.pool(i, &first, window),
            Op::AvgPool2d { window, .. } => self.pool(i, &first, window),
            Op::Reshape => self.reshape(i, first),
            Op::Add => {
                let mut nodes = Vec::new();
                for (n, &from) in layer.from.iter().enumerate() {
                    let wire = self.wire(from, wires);
                    if wire.scale.iter().all(|&s| s == 1.0) {
                        nodes.extend(wire.nodes);
                        continue;
                    }
                    let (zero, name) = (vec![0.0; channels], format!("{}.{n}", layer.name));
                    nodes.push(self.diagonal(&name, &wire, &layer.shape, &ones(), &zero)?);
                }
                Ok(Wire {
                    nodes,
                    scale: ones(),
                })
            }
            Op::Softmax if last => Ok(first),
            Op::Softmax => Err(self.refuse(i, "a softmax as the last layer alone")),
            Op::Relu | Op::Clip { .. } | Op::LeakyRelu { .. } | Op::Qcfs { .. } => {
                self.population(i, &first)
            }
        }
    }

    fn wire(&self, from: Source, wires: &[Wire]) -> Wire {
        match from {
            Source::Input => Wire {
                nodes: vec!["input".into()],
                scale: vec![1.0; self.ann.input[0]],
            },
            Source::Layer(i) => Wire {
                nodes: wires[i].nodes.clone(),
                scale: wires[i].scale.clone(),
            },
        }
    }

    fn refuse(&self, i: usize, expected: impl Into<String>) -> Error {
        let layer = &self.ann.layers[i];
        let at = format!("layer '{}'", layer.name);
        Error::invalid("layer", at, expected, layer.op.name())
    }

    /// What the weights of a layer are divided by, because the neurons behind them have a threshold of 1.
    fn divisor(&self, i: usize) -> Option<Vec<f64>> {
        let readers = |i: usize| {
            let reads = move |l: &&crate::ann::Layer| l.from.contains(&Source::Layer(i));
            self.ann.layers.iter().filter(reads).count()
        };
        let reads = |l: &crate::ann::Layer| l.from == [Source::Layer(i)];
        let behind = self.ann.layers.iter().position(reads)?;
        match &self.units[behind] {
            Some(Unit::Spiking {
                scale,
                balance_weights: true,
                ..
            }) if readers(i) == 1 => {
                let channels = self.ann.layers[i].shape[0];
                Some(
                    (0..channels)
                        .map(|c| scale[c.min(scale.len() - 1)])
                        .collect(),
                )
            }
            _ => None,
        }
    }

    fn population(&mut self, i: usize, input: &Wire) -> Result<Wire> {
        let layer = &self.ann.layers[i];
        let channels = layer.shape[0];
        let each = layer.shape.iter().product::<usize>() / channels;
        let (neuron, params, train, scale) = match (self.units[i].as_ref(), &layer.op) {
            (Some(Unit::Same) | None, Op::Relu) => ("relu", BTreeMap::new(), None, None),
            (Some(Unit::Same), Op::Qcfs { ceiling, levels }) => {
                ("qcfs", quantised(*ceiling, *levels), None, None)
            }
            (Some(Unit::Quantised { ceiling, levels }), Op::Relu | Op::Clip { low: 0.0, .. }) => (
                "qcfs",
                quantised(*ceiling, *levels),
                Some("ceiling".to_string()),
                None,
            ),
            (Some(Unit::Spiking { scale, start, .. }), op) => {
                if !matches!(op, Op::Relu | Op::Qcfs { .. } | Op::Clip { low: 0.0, .. }) {
                    return Err(
                        self.refuse(i, "relu, qcfs or a clip from 0: rates are not negative")
                    );
                }
                let of = |c: usize| scale[c.min(scale.len() - 1)];
                // Weights that were divided leave a threshold of 1.
                let threshold = |c: usize| of(c) / input.scale[c];
                let list: Vec<f64> = (0..channels).map(threshold).collect();
                let values = |share: f64| match list.iter().all(|&t| t == list[0]) {
                    true => Values::One(share * list[0]),
                    false => Values::Each(
                        list.iter()
                            .flat_map(|&t| std::iter::repeat_n(share * t, each))
                            .collect(),
                    ),
                };
                let params = [("v_threshold", values(1.0)), ("v_init", values(*start))];
                let params = params.map(|(k, v)| (k.to_string(), v)).into();
                ("if", params, None, Some((0..channels).map(of).collect()))
            }
            _ => return Err(self.refuse(i, "relu")),
        };
        let kind = NodeKind::Population {
            neuron: neuron.into(),
            params,
            reset: Reset::Subtract,
            train: train.into_iter().collect(),
            bounds: BTreeMap::new(),
            per_neuron: false,
        };
        let name = self.free(&layer.name);
        self.spec.nodes.push(NodeSpec {
            name: name.clone(),
            from: Some(
                input
                    .nodes
                    .iter()
                    .map(|n| EdgeSpec::Node(n.clone()))
                    .collect(),
            ),
            kind,
        });
        Ok(Wire {
            nodes: vec![name],
            scale: scale.unwrap_or_else(|| vec![1.0; channels]),
        })
    }

    fn pool(&mut self, i: usize, input: &Wire, window: &Window) -> Result<Wire> {
        let layer = &self.ann.layers[i];
        if window.padding != [0; 4] {
            return Err(self.refuse(i, "a pool without padding"));
        }
        if matches!(layer.op, Op::MaxPool2d(_)) && !self.steady(layer.from[0]) {
            let expected = "a unit before a maximum: of currents that change from step to step it says nothing";
            return Err(self.refuse(i, expected));
        }
        let size = cortado::network::Window {
            kernel: Pair::Each(window.kernel),
            stride: Some(Pair::Each(window.stride)),
        };
        let kind = match layer.op {
            Op::MaxPool2d(_) => NodeKind::GatedMaxPool2d(size),
            _ => NodeKind::AvgPool2d(size),
        };
        Ok(Wire {
            nodes: vec![self.push(&layer.name, input, kind)?],
            scale: input.scale.clone(),
        })
    }

    /// Whether a maximum can be told of what a layer hands on: spikes, or what is the same in every step.
    fn steady(&self, mut from: Source) -> bool {
        let spiking = |u: &Option<Unit>| matches!(u, Some(Unit::Spiking { .. }));
        while let Source::Layer(i) = from {
            let layer = &self.ann.layers[i];
            if self.units[i].is_some() {
                return true;
            }
            match layer.op {
                Op::MaxPool2d(_) | Op::Reshape => from = layer.from[0],
                _ => return !self.behind(i).any(|j| spiking(&self.units[j])),
            }
        }
        true
    }

    /// The layers that a layer depends on, itself included.
    fn behind(&self, i: usize) -> impl Iterator<Item = usize> {
        let mut needed = vec![false; i + 1];
        needed[i] = true;
        for j in (0..=i).rev() {
            if needed[j] {
                for from in &self.ann.layers[j].from {
                    if let Source::Layer(k) = *from {
                        needed[k] = true;
                    }
                }
            }
        }
        (0..=i).filter(move |&j| needed[j])
    }

    fn reshape(&mut self, i: usize, input: Wire) -> Result<Wire> {
        let layer = &self.ann.layers[i];
        let before = self.ann.shape(layer.from[0]).to_vec();
        match (&before[..], &layer.shape[..]) {
            (a, b) if a == b => Ok(input),
            (&[_, h, w], [_]) => {
                let spread = |&s: &f64| std::iter::repeat_n(s, h * w);
                Ok(Wire {
                    nodes: vec![self.push(&layer.name, &input, NodeKind::Flatten {})?],
                    scale: input.scale.iter().flat_map(spread).collect(),
                })
            }
            _ => Err(self.refuse(i, "a reshape from an image to one axis")),
        }
    }

    /// A node of weights between two values of the same place: `y = scale x + shift` for each channel.
    fn diagonal(
        &mut self,
        name: &str,
        input: &Wire,
        shape: &[usize],
        scale: &[f64],
        shift: &[f64],
    ) -> Result<String> {
        let weight: Vec<f64> = scale.iter().zip(&input.scale).map(|(a, b)| a * b).collect();
        let n = weight.len();
        if shape.len() == 1 {
            if n > WIDEST {
                let at = format!("layer '{name}'");
                let expected = format!("at most {WIDEST} values where each goes on by itself");
                return Err(Error::invalid("width", at, expected, n));
            }
            let mut square = vec![0.0; n * n];
            (0..n).for_each(|i| square[i * n + i] = weight[i]);
            return self.linear(name, input, (square, shift.to_vec()));
        }
        let kind = NodeKind::Conv2d {
            channels: n,
            kernel: Pair::Both(1),
            stride: Pair::Both(1),
            padding: Pair::Both(0),
            groups: n,
            bias: true,
            scale: 1.0,
        };
        let name = self.push(name, input, kind)?;
        self.weights.push((format!("{name}.weight"), weight));
        self.weights.push((format!("{name}.bias"), shift.to_vec()));
        Ok(name)
    }

    fn linear(
        &mut self,
        name: &str,
        input: &Wire,
        (weight, bias): (Vec<f64>, Vec<f64>),
    ) -> Result<String> {
        let kind = NodeKind::Linear {
            n: Some(bias.len()),
            bias: true,
            scale: 1.0,
            mean: 0.0,
            delays: None,
        };
        let name = self.push(name, input, kind)?;
        self.weights.push((format!("{name}.weight"), weight));
        self.weights.push((format!("{name}.bias"), bias));
        Ok(name)
    }

    /// A node that takes from one other.
    fn push(&mut self, name: &str, input: &Wire, kind: NodeKind) -> Result<String> {
        let [from] = &input.nodes[..] else {
            let at = format!("layer '{name}'");
            let expected = "one input: only a unit adds several up";
            return Err(Error::invalid(
                "layer",
                at,
                expected,
                input.nodes.join(" + "),
            ));
        };
        let from = Some(vec![EdgeSpec::Node(from.clone())]);
        let name = self.free(name);
        self.spec.nodes.push(NodeSpec {
            name: name.clone(),
            from,
            kind,
        });
        Ok(name)
    }

    /// A name for a node, without the slashes of ONNX and not taken yet.
    fn free(&mut self, name: &str) -> String {
        let plain = name.trim_matches('/').replace(['/', ':'], ".");
        let mut free = plain.clone();
        let mut n = 1;
        while free.is_empty() || self.names.contains(&free) {
            n += 1;
            free = format!("{plain}_{n}");
        }
        self.names.push(free.clone());
        free
    }

    /// Weights onto the population that adds up.
    fn readout(&mut self, wires: &[Wire]) -> Result<()> {
        let last = self.ann.layers.len() - 1;
        let shape = &self.ann.layers[last].shape;
        let mut wire = self.wire(Source::Layer(last), wires);
        if shape.len() != 1 {
            let n = shape.iter().product::<usize>();
            let spread = |&s: &f64| std::iter::repeat_n(s, n / shape[0]);
            wire.scale = wire.scale.iter().flat_map(spread).collect();
            wire.nodes = vec![self.push("flat", &wire, NodeKind::Flatten {})?];
        }
        let weights = |n: &NodeSpec| matches!(n.kind, NodeKind::Linear { .. });
        let behind_weights = self
            .spec
            .nodes
            .iter()
            .any(|n| weights(n) && wire.nodes == [n.name.clone()]);
        if !behind_weights {
            let ones = vec![1.0; wire.scale.len()];
            let zeros = vec![0.0; wire.scale.len()];
            let n = wire.scale.len();
            wire.nodes = vec![self.diagonal("outputs", &wire, &[n], &ones, &zeros)?];
        }
        let readout =
            std::mem::replace(&mut self.spec, NetworkSpec::new(1.0)).population(READOUT, "i", &[]);
        self.spec = readout;
        if let Some(node) = self.spec.nodes.last_mut() {
            node.from = Some(wire.nodes.into_iter().map(EdgeSpec::Node).collect());
        }
        Ok(())
    }
}

fn quantised(ceiling: f64, levels: usize) -> BTreeMap<String, Values> {
    let params = [("ceiling", ceiling), ("levels", levels as f64)];
    params.map(|(k, v)| (k.to_string(), Values::One(v))).into()
}

/// Weights `[outputs, inputs]`, times the scale of each input and over that of each output.
fn scaled(weight: &[f64], inputs: &[f64], outputs: &Option<Vec<f64>>) -> Vec<f64> {
    let mut weight = weight.to_vec();
    for (o, row) in weight.chunks_mut(inputs.len()).enumerate() {
        let by = outputs.as_ref().map_or(1.0, |s| s[o]);
        row.iter_mut().zip(inputs).for_each(|(w, s)| *w *= s / by);
    }
    weight
}

fn divided(bias: &[f64], by: &Option<Vec<f64>>) -> Vec<f64> {
    match by {
        None => bias.to_vec(),
        Some(by) => bias.iter().zip(by).map(|(b, s)| b / s).collect(),
    }
}

/// A kernel with its dilation and uneven padding written out as zeros, and its window.
fn spread(weight: &[f64], window: &Window, dilation: [usize; 2]) -> (Vec<f64>, Window) {
    let [top, left, bottom, right] = window.padding;
    let (pads, before) = ([top.max(bottom), left.max(right)], [top, left]);
    let after = [bottom, right];
    let old = window.kernel;
    let size =
        |a: usize| (old[a] - 1) * dilation[a] + 1 + (pads[a] - before[a]) + (pads[a] - after[a]);
    let new = [size(0), size(1)];
    if new == old {
        return (weight.to_vec(), *window);
    }
    let mut out = vec![0.0; weight.len() / (old[0] * old[1]) * new[0] * new[1]];
    let kernels = out.chunks_mut(new[0] * new[1]);
    for (from, to) in weight.chunks(old[0] * old[1]).zip(kernels) {
        for (n, &w) in from.iter().enumerate() {
            let at = [n / old[1], n % old[1]];
            let [y, x] = [0, 1].map(|a| pads[a] - before[a] + at[a] * dilation[a]);
            to[y * new[1] + x] = w;
        }
    }
    let window = Window {
        kernel: new,
        stride: window.stride,
        padding: [pads[0], pads[1], pads[0], pads[1]],
    };
    (out, window)
}

/// The artificial network that a network of units without time is.
///
/// # Errors
/// A node that is no part of an artificial network, with its name: a neuron with time, a delay, a loop.
pub fn read(network: &Network<f32>) -> Result<Ann> {
    let mut builder = Builder::new(network.input_shape())?;
    let mut known: Vec<(&str, Source)> = vec![("input", Source::Input)];
    let nodes = &network.spec().nodes;
    for (i, node) in nodes.iter().enumerate() {
        let refuse = |expected: &str, got: &str| {
            Error::invalid("node", format!("'{}'", node.name), expected, got)
        };
        let before = [EdgeSpec::Node(
            i.checked_sub(1)
                .map_or("input".into(), |i| nodes[i].name.clone()),
        )];
        let mut from = Vec::new();
        for edge in node.from.as_deref().unwrap_or(&before) {
            let EdgeSpec::Node(name) = edge else {
                return Err(refuse("edges without delay", "a delay"));
            };
            let source = known.iter().find(|k| k.0 == name);
            from.push(source.ok_or_else(|| refuse("nodes before it", "a loop"))?.1);
        }
        let values = |part: &str| -> Option<Vec<f64>> {
            let p = network.param(&format!("{}.{part}", node.name))?;
            Some(p.values().iter().map(|&v| f64::from(v)).collect())
        };
        let weight = || values("weight").unwrap_or_default();
        let bias = |n: usize| values("bias").unwrap_or_else(|| vec![0.0; n]);
        let window = |w: &cortado::network::Window| Window {
            kernel: w.kernel.get(),
            stride: w.stride.unwrap_or(w.kernel).get(),
            padding: [0; 4],
        };
        let mut push = |op: Op, from: &[Source]| builder.push(&node.name, op, from);
        let source = match &node.kind {
            NodeKind::Linear {
                delays: Some(_), ..
            } => return Err(refuse("no delays", "delays")),
            NodeKind::Linear { .. } => {
                let weight = weight();
                let inputs: usize = builder.shape(from[0]).iter().product();
                let n = weight.len() / inputs.max(1);
                let bias = bias(n);
                builder.push(&node.name, Op::Linear { weight, bias }, &from)?
            }
            NodeKind::Conv2d {
                channels,
                kernel,
                stride,
                padding,
                groups,
                ..
            } => {
                let [y, x] = padding.get();
                let op = Op::Conv2d {
                    weight: weight(),
                    bias: bias(*channels),
                    window: Window {
                        kernel: kernel.get(),
                        stride: stride.get(),
                        padding: [y, x, y, x],
                    },
                    dilation: [1, 1],
                    groups: *groups,
                };
                push(op, &from)?
            }
            NodeKind::MaxPool2d(w) | NodeKind::GatedMaxPool2d(w) => {
                push(Op::MaxPool2d(window(w)), &from)?
            }
            NodeKind::AvgPool2d(w) => {
                let op = Op::AvgPool2d {
                    window: window(w),
                    count_padding: true,
                };
                push(op, &from)?
            }
            NodeKind::SumPool2d(_) => return Err(refuse("a mean or a maximum", "sum_pool2d")),
            NodeKind::Flatten {} => {
                let n = builder.shape(from[0]).iter().product();
                builder.reshape(&node.name, from[0], &[n])?
            }
            NodeKind::BatchNorm { epsilon, .. } => {
                let of = |part: &str| values(part).unwrap_or_default();
                let (gamma, beta, mean, var) =
                    (weight(), of("bias"), of("running_mean"), of("running_var"));
                let scale: Vec<f64> = gamma
                    .iter()
                    .zip(&var)
                    .map(|(g, v)| g / (v + epsilon).sqrt())
                    .collect();
                let shift = (0..scale.len())
                    .map(|i| beta[i] - mean[i] * scale[i])
                    .collect();
                push(Op::Affine { scale, shift }, &from)?
            }
            NodeKind::Dropout { .. } => from[0],
            NodeKind::Population { neuron, params, .. } => {
                let input = match &from[..] {
                    [one] => *one,
                    many => builder.push(&format!("{}.sum", node.name), Op::Add, many)?,
                };
                let number = |name: &str, default: f64| {
                    let trained = values(&format!("ln_{name}")).map(|v| v[0].exp());
                    trained.or(match params.get(name) {
                        Some(Values::One(v)) => Some(*v),
                        None => Some(default),
                        _ => None,
                    })
                };
                match neuron.as_str() {
                    "relu" => builder.push(&node.name, Op::Relu, &[input])?,
                    "qcfs" => {
                        let (Some(ceiling), Some(levels)) =
                            (number("ceiling", 8.0), number("levels", 4.0))
                        else {
                            return Err(refuse("one ceiling for all units", "one for each"));
                        };
                        let op = Op::Qcfs {
                            ceiling,
                            levels: levels as usize,
                        };
                        builder.push(&node.name, op, &[input])?
                    }
                    "i" | "li" if i + 1 == nodes.len() => input,
                    other => return Err(refuse("relu or qcfs; i or li as the readout", other)),
                }
            }
        };
        known.push((&node.name, source));
    }
    builder.finish()
}
