//! A walk over the layers: what each becomes, and what 1 of its output stands for.

use super::kernel::{divided, scaled, spread};
use super::{READOUT, Unit};
use crate::ann::{Ann, Op, Source, Window};
use crate::{Error, Result};
use cortado::network::{EdgeSpec, NetworkSpec, NodeKind, NodeSpec, Pair, Values};
use cortado::neuron::{Convention, Gain, Reset, Threshold};
use std::collections::BTreeMap;

/// What a layer hands on in the network: the nodes whose outputs are added, and what 1 of it stands for in each channel.
pub(super) struct Wire {
    pub nodes: Vec<String>,
    scale: Vec<f64>,
}

/// So many values of one axis go on by themselves, in a square of weights.
const WIDEST: usize = 1 << 12;

/// A network that grows.
pub(super) struct Build<'a> {
    ann: &'a Ann,
    units: &'a [Option<Unit>],
    pub spec: NetworkSpec,
    /// Parameters by name.
    pub weights: Vec<(String, Vec<f64>)>,
    /// Names that are taken.
    names: Vec<String>,
}

impl<'a> Build<'a> {
    pub fn new(ann: &'a Ann, units: &'a [Option<Unit>], dt: f64) -> Self {
        let mut spec = NetworkSpec::new(dt);
        spec.convention = Convention {
            gain: Gain::Unscaled,
            threshold: Threshold::Ge,
            ..Convention::default()
        };
        Self {
            ann,
            units,
            spec,
            weights: Vec::new(),
            names: vec!["input".into(), READOUT.into()],
        }
    }

    /// What a layer becomes, those before it being there.
    pub fn layer(&mut self, i: usize, wires: &[Wire]) -> Result<Wire> {
        let layer = &self.ann.layers[i];
        let first = self.wire(layer.from[0], wires);
        let channels = layer.shape[0];
        let ones = || vec![1.0; channels];
        let last = i + 1 == self.ann.layers.len();
        match &layer.op {
            Op::Linear { weight, bias } => {
                let by = self.divisor(i);
                let (weight, bias) = (scaled(weight, &first.scale, &by), divided(bias, &by));
                Ok(Wire {
                    nodes: self.linear(&layer.name, &first, &weight, bias),
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
                let nodes = self.push(
                    &layer.name,
                    &first,
                    &NodeKind::Conv2d {
                        channels,
                        kernel: Pair::Each(window.kernel),
                        stride: Pair::Each(window.stride),
                        padding: Pair::Each([window.padding[0], window.padding[1]]),
                        groups: *groups,
                        bias: true,
                        scale: 1.0,
                    },
                );
                self.weigh(&nodes, &weight, divided(bias, &by));
                Ok(Wire {
                    nodes,
                    scale: by.unwrap_or_else(ones),
                })
            }
            Op::Affine { scale, shift } => Ok(Wire {
                nodes: self.diagonal(&layer.name, &first, &layer.shape, scale, shift)?,
                scale: ones(),
            }),
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
                    nodes.extend(self.diagonal(&name, &wire, &layer.shape, &ones(), &zero)?);
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
        let maximum = matches!(layer.op, Op::MaxPool2d(_));
        if maximum && (input.nodes.len() > 1 || !self.steady(layer.from[0])) {
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
            nodes: self.push(&layer.name, input, &kind),
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
                    nodes: self.push(&layer.name, &input, &NodeKind::Flatten {}),
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
    ) -> Result<Vec<String>> {
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
            return Ok(self.linear(name, input, &square, shift.to_vec()));
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
        let nodes = self.push(name, input, &kind);
        self.weigh(&nodes, &weight, shift.to_vec());
        Ok(nodes)
    }

    fn linear(&mut self, name: &str, input: &Wire, weight: &[f64], bias: Vec<f64>) -> Vec<String> {
        let kind = NodeKind::Linear {
            n: Some(bias.len()),
            bias: true,
            scale: 1.0,
            mean: 0.0,
            delays: None,
        };
        let nodes = self.push(name, input, &kind);
        self.weigh(&nodes, weight, bias);
        nodes
    }

    /// A node for each that is added up: all but units are linear, so that sums may come later.
    fn push(&mut self, name: &str, input: &Wire, kind: &NodeKind) -> Vec<String> {
        let mut names = Vec::new();
        for from in &input.nodes {
            let name = self.free(name);
            self.spec.nodes.push(NodeSpec {
                name: name.clone(),
                from: Some(vec![EdgeSpec::Node(from.clone())]),
                kind: kind.clone(),
            });
            names.push(name);
        }
        names
    }

    /// Gives nodes that are added up their weights; the bias comes in once.
    fn weigh(&mut self, nodes: &[String], weight: &[f64], bias: Vec<f64>) {
        for name in nodes {
            self.weights
                .push((format!("{name}.weight"), weight.to_vec()));
        }
        if let Some(first) = nodes.first() {
            self.weights.push((format!("{first}.bias"), bias));
        }
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
    pub fn readout(&mut self, wires: &[Wire]) -> Result<()> {
        let last = self.ann.layers.len() - 1;
        let shape = &self.ann.layers[last].shape;
        let mut wire = self.wire(Source::Layer(last), wires);
        if shape.len() != 1 {
            let n = shape.iter().product::<usize>();
            let spread = |&s: &f64| std::iter::repeat_n(s, n / shape[0]);
            wire.scale = wire.scale.iter().flat_map(spread).collect();
            wire.nodes = self.push("flat", &wire, &NodeKind::Flatten {});
        }
        let weights = |n: &NodeSpec| matches!(n.kind, NodeKind::Linear { .. });
        let nodes = &self.spec.nodes;
        let weighed = |name: &String| nodes.iter().any(|n| weights(n) && n.name == *name);
        if !wire.nodes.iter().all(weighed) {
            let ones = vec![1.0; wire.scale.len()];
            let zeros = vec![0.0; wire.scale.len()];
            let n = wire.scale.len();
            wire.nodes = self.diagonal("outputs", &wire, &[n], &ones, &zeros)?;
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
