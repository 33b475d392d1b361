//! From a network to a NIR graph.
//!
//! The graph says the network's own steps: read by forward Euler at its step, with an input spike as a current of 1 for one
//! step, each node computes the step that Cortado computes. So `tau = dt / (1 - B)` with `B` the decay, and `r` and `w_in`
//! are such that a weighted spike counts as it does here.

use super::options::{Current, Discretisation, Gain, Options, ResetRule, Spike, TauUnit};
use super::report::{Fate, Report};
use super::settle::settle;
use crate::{Error, Result};
use cortado::network::{self, Each, Network, NodeKind, Values};
use cortado::neuron::{self, Arrivals, Convention, Decay, Lanes, Pulse, Reset};
use cortado_interop::nir::{
    DType, Extent, File, Graph, Kind, Metadata, Node, Padding, Tensor, Value,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a network is fed with, of which its spikes and its currents may count differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fed {
    /// Spikes.
    Spikes,
    /// Currents, as images are.
    Currents,
}

/// A graph that a network became.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The graph, with what NIR cannot say as metadata.
    pub file: File,
    /// What became of each node.
    pub report: Report,
}

/// Names of metadata that [`super::restore`] reads.
pub(super) const SPEC: &str = "cortado_spec";
pub(super) const OPTIONS: &str = "cortado_options";
pub(super) const FED: &str = "cortado_fed";
/// Before the name of a parameter that no node holds as it is.
pub(super) const VALUES: &str = "cortado_values_";

/// The graph that computes what the network computes, for that kind of input.
///
/// Dropout is left out, batch norm folded into the weights before it. Refractory periods and resets stand in metadata.
///
/// ```
/// use cortado::network::{Network, NetworkSpec};
/// use cortado_convert::nir::{Fed, export, restore};
/// let spec = NetworkSpec::new(1e-3).linear("w", 3).population("p", "lif", &[("t_ref", 2e-3)]);
/// let net = Network::<f32>::new(&[2], &spec, 5).unwrap();
/// let file = export(&net, Fed::Spikes).unwrap().file;
/// let back = restore::<f32>(&file).unwrap().network;
/// assert_eq!(back.param("w.weight"), net.param("w.weight"));
/// ```
///
/// # Errors
/// What NIR has no node for, by name: other neuron models, max-pooling, delays of single weights.
pub fn export<R: Lanes>(net: &Network<R>, fed: Fed) -> Result<Exported> {
    let mut report = Report::default();
    let net = settle(net, &mut report)?;
    let mut writer = Writer {
        net: &net,
        fed,
        root: Graph::default(),
        names: BTreeSet::new(),
        extra: Metadata::new(),
    };
    let options = writer.options(&mut report)?;
    writer.all(&mut report)?;
    let mut root = writer.root;
    let json = |v: serde_json::Result<String>| {
        v.map_err(|e| Error::invalid("metadata", "the network", "JSON", e))
    };
    let stated = [
        ("producer", Value::from("cortado")),
        ("dt", Value::from(options.dt)),
        ("discretisation", Value::from("euler")),
        ("spike", Value::from("box")),
        ("detach_reset", Value::from(net.spec().detach_reset)),
        (
            SPEC,
            Value::from(json(serde_json::to_string(net.spec()))?.as_str()),
        ),
        (
            OPTIONS,
            Value::from(json(serde_json::to_string(&options))?.as_str()),
        ),
        (
            FED,
            Value::from(match fed {
                Fed::Spikes => "spikes",
                Fed::Currents => "currents",
            }),
        ),
    ];
    root.metadata = stated
        .into_iter()
        .map(|(k, v)| (k.to_string(), v))
        .collect();
    root.metadata.extend(writer.extra);
    report.graph(Fate::Taken, "the graph is exact under forward Euler at its step, a spike being a current of 1 for a step");
    report.graph(
        Fate::Lost,
        "other readers do not see the step, the scheme, the reset: they stand in metadata",
    );
    Ok(Exported {
        file: File::new(root),
        report,
    })
}

struct Writer<'a, R: Lanes> {
    net: &'a Network<R>,
    fed: Fed,
    root: Graph,
    names: BTreeSet<String>,
    extra: Metadata,
}

/// A neuron's constants of a step.
struct Step {
    /// Decay of the membrane and of the synaptic current.
    b: f64,
    a: Option<f64>,
    /// From the synaptic current into the membrane.
    into: f64,
    /// What a weighted spike is multiplied by, and what a current is.
    pulse: f64,
    current: f64,
}

impl<R: Lanes> Writer<'_, R> {
    fn convention(&self) -> &Convention {
        &self.net.spec().convention
    }

    /// How the graph is to be read.
    fn options(&self, report: &mut Report) -> Result<Options> {
        let c = self.convention();
        let resets = |n: &network::NodeSpec| match &n.kind {
            NodeKind::Population { neuron, reset, .. } if fires(neuron) => Some(*reset),
            _ => None,
        };
        let mut all = self.net.spec().nodes.iter().filter_map(resets);
        let first = all.next().unwrap_or_default();
        if all.any(|r| r != first) {
            report.graph(
                Fate::Lost,
                "populations reset in different ways, which options for the whole graph cannot say",
            );
        }
        Ok(Options {
            producer: "cortado".into(),
            dt: self.net.spec().dt,
            tau_unit: TauUnit::S,
            discretisation: Discretisation::Euler,
            spike: Spike::Box,
            current: match c.arrivals == Arrivals::BeforeFlow && c.pulse == Pulse::Dirac {
                true => Current::New,
                false => Current::Old,
            },
            threshold: c.threshold,
            reset: match first {
                Reset::Value => ResetRule::Value,
                Reset::Subtract => ResetRule::Subtract,
                Reset::None => ResetRule::None,
            },
            reset_time: c.reset,
            gain: Gain::File,
            readout_gain: Gain::File,
            integrator_gain: Gain::File,
            synapse_gain: Gain::File,
        })
    }

    fn all(&mut self, report: &mut Report) -> Result<()> {
        self.names
            .extend(self.net.spec().nodes.iter().map(|n| n.name.clone()));
        let input = self.name("input");
        let output = self.name("output");
        self.put(
            &input,
            Kind::Input {
                shape: self.net.input_shape().to_vec(),
            },
        );
        let nodes = self.net.spec().nodes.clone();
        for node in &nodes {
            self.node(node, &input, report)?;
        }
        let last = nodes.last().map_or("input", |n| n.name.as_str());
        self.put(
            &output,
            Kind::Output {
                shape: self.shape(last),
            },
        );
        self.root.connect(last, &output);
        Ok(())
    }

    fn name(&mut self, wanted: &str) -> String {
        let mut name = wanted.replace('/', "_");
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    fn put(&mut self, name: &str, kind: Kind) {
        self.root.add(name, kind);
    }

    fn shape(&self, node: &str) -> Vec<usize> {
        self.net.shape(node).unwrap_or_default().to_vec()
    }

    /// Numbers of the precision that the network has.
    fn tensor(&self, shape: &[usize], data: Vec<f64>) -> Tensor {
        if size_of::<R>() == 4 {
            let data = data.into_iter().map(|v| R::of(v).value()).collect();
            return Tensor {
                dtype: DType::F32,
                ..Tensor::f64(shape, data)
            };
        }
        Tensor::f64(shape, data)
    }

    fn values(&self, name: &str) -> Option<(Vec<usize>, Vec<f64>)> {
        let p = self.net.param(name)?;
        Some((
            p.shape.clone(),
            p.values().iter().map(|v| v.value()).collect(),
        ))
    }

    fn node(&mut self, node: &network::NodeSpec, input: &str, report: &mut Report) -> Result<()> {
        let name = node.name.as_str();
        if matches!(node.kind, NodeKind::Flatten {}) {
            // Where it is read, it stands between.
            return Ok(());
        }
        let sources: Vec<(String, usize)> = self
            .net
            .sources(name)
            .into_iter()
            .map(|(n, d)| (n.to_string(), d))
            .collect();
        let refuse = |got: &str| {
            Err(Error::invalid(
                "node",
                format!("node '{name}'"),
                "a node that NIR has",
                got,
            ))
        };
        let axis = self.shape(name).len() == 1;
        let kind = match &node.kind {
            NodeKind::Linear { delays, .. } => {
                self.hold(name, delays.as_ref(), &sources)?;
                let (shape, weight, bias) = self.weights(name)?;
                let weight = self.tensor(&shape, weight);
                match bias {
                    None => Kind::Linear { weight },
                    Some(bias) => Kind::Affine {
                        weight,
                        bias: self.tensor(&shape[..1], bias),
                    },
                }
            }
            NodeKind::Conv2d {
                stride,
                padding,
                groups,
                ..
            } => {
                let (shape, weight, bias) = self.weights(name)?;
                let from = self.shape(&sources[0].0);
                Kind::Conv2d {
                    input_shape: Some([from[1], from[2]]),
                    weight: self.tensor(&shape, weight),
                    stride: Extent::Each(stride.get()),
                    padding: Padding::By(Extent::Each(padding.get())),
                    dilation: Extent::Each([1, 1]),
                    groups: *groups,
                    bias: self.tensor(&shape[..1], bias.unwrap_or_else(|| vec![0.0; shape[0]])),
                }
            }
            NodeKind::SumPool2d(w) | NodeKind::AvgPool2d(w) => {
                let (kernel_size, stride) = (
                    Extent::Each(w.kernel.get()),
                    Extent::Each(w.stride.unwrap_or(w.kernel).get()),
                );
                let padding = Extent::Each([0, 0]);
                match node.kind {
                    NodeKind::SumPool2d(_) => Kind::SumPool2d {
                        kernel_size,
                        stride,
                        padding,
                    },
                    _ => Kind::AvgPool2d {
                        kernel_size,
                        stride,
                        padding,
                    },
                }
            }
            NodeKind::Population { neuron, reset, .. } => {
                self.population(name, neuron, *reset, report)?
            }
            other => return refuse(other.name()),
        };
        let metadata = self.metadata(node);
        report.node(Fate::Taken, name, kind.name());
        let held = self.root.nodes.contains_key(&format!("{name}_delay"));
        self.root.nodes.insert(name.into(), Node { kind, metadata });
        for (from, delay) in sources {
            // An edge of one step that closes a loop is one in NIR too.
            let delay = if delay == 1 && !held && self.closes(&from, name) {
                0
            } else {
                delay
            };
            let target = if held {
                format!("{name}_delay")
            } else {
                name.to_string()
            };
            self.wire(
                if from == "input" { input } else { &from },
                &from,
                &target,
                (delay, axis),
            );
        }
        Ok(())
    }

    /// An edge with what stands between: flattening and a delay.
    fn wire(&mut self, from: &str, ours: &str, to: &str, (delay, axis): (usize, bool)) {
        let shape = self.shape(ours);
        let mut at = from.to_string();
        if delay > 0 {
            let name = self.name(&format!("{from}_{to}_delay"));
            let seconds = vec![delay as f64 * self.net.spec().dt; shape.iter().product()];
            self.put(
                &name,
                Kind::Delay {
                    delay: Tensor::f64(&shape, seconds),
                },
            );
            self.root.connect(&at, &name);
            at = name;
        }
        if axis && shape.len() == 3 {
            let name = self.name(&format!("{from}_{to}_flatten"));
            self.put(
                &name,
                Kind::Flatten {
                    input_type: Some(shape),
                    start_dim: 0,
                    end_dim: -1,
                },
            );
            self.root.connect(&at, &name);
            at = name;
        }
        self.root.connect(&at, to);
    }

    /// Whether an edge closes a loop that has no other delay.
    fn closes(&self, from: &str, to: &str) -> bool {
        let mut open = vec![from.to_string()];
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            if at == to {
                return true;
            }
            if seen.insert(at.clone()) {
                let instant = self.net.sources(&at).into_iter().filter(|s| s.1 == 0);
                open.extend(instant.map(|s| s.0.to_string()));
            }
        }
        false
    }

    /// A delay of its own for each input of weights.
    fn hold(
        &mut self,
        name: &str,
        delays: Option<&network::Delays>,
        sources: &[(String, usize)],
    ) -> Result<()> {
        let Some(delays) = delays else { return Ok(()) };
        let at = || format!("node '{name}'");
        let shape = self.shape(&sources[0].0);
        let n: usize = shape.iter().product();
        let dt = self.net.spec().dt;
        let Some((_, list)) = self.values(&format!("{name}.delay")) else {
            return Err(Error::invalid("delays", at(), "some", "none"));
        };
        let list = match (list.len(), delays.each) {
            (1, _) => vec![list[0]; n],
            (_, Each::Input) => list,
            _ => {
                return Err(Error::invalid(
                    "delays",
                    at(),
                    "one for each input, as NIR has no others",
                    "one for each weight",
                ));
            }
        };
        let near = |d: f64| (d / dt).round() * dt;
        if delays.interpolate.is_some()
            || list.iter().any(|&d| (near(d) - d).abs() > 1e-6 * dt.max(d))
        {
            return Err(Error::invalid(
                "delays",
                at(),
                "whole steps, not spread over two",
                "others",
            ));
        }
        let held = format!("{name}_delay");
        if !self.names.insert(held.clone()) {
            return Err(Error::invalid(
                "name",
                at(),
                "no other node of this name",
                format!("'{held}'"),
            ));
        }
        self.put(
            &held,
            Kind::Delay {
                delay: Tensor::f64(&[n], list.into_iter().map(near).collect()),
            },
        );
        self.root.connect(&held, name);
        Ok(())
    }

    /// Shape, weights and bias of a node, where currents come through them as these count.
    fn weights(&mut self, name: &str) -> Result<(Vec<usize>, Vec<f64>, Option<Vec<f64>>)> {
        let missing = || Error::invalid("weight", format!("node '{name}'"), "one", "none");
        let (shape, mut weight) = self.values(&format!("{name}.weight")).ok_or_else(missing)?;
        let mut bias = self.values(&format!("{name}.bias")).map(|b| b.1);
        if self.fed == Fed::Currents && self.convention().pulse == Pulse::Dirac && self.analog(name)
        {
            for (part, values) in [("weight", Some(&weight)), ("bias", bias.as_ref())] {
                if let Some(values) = values {
                    let dims = if part == "weight" {
                        &shape[..]
                    } else {
                        &shape[..1]
                    };
                    self.extra.insert(
                        format!("{VALUES}{name}.{part}"),
                        Value::Numbers(self.tensor(dims, values.clone())),
                    );
                }
            }
            let rows = self.gains(name, shape[0])?;
            let width = weight.len() / rows.len().max(1);
            for (row, s) in weight.chunks_exact_mut(width.max(1)).zip(&rows) {
                row.iter_mut().for_each(|w| *w *= s);
            }
            if let Some(bias) = &mut bias {
                bias.iter_mut().zip(&rows).for_each(|(b, s)| *b *= s);
            }
        }
        Ok((shape, weight, bias))
    }

    /// Whether currents come to a node without a population on the way.
    fn analog(&self, name: &str) -> bool {
        let mut at = name.to_string();
        for _ in 0..=self.net.spec().nodes.len() {
            let Some(&(from, _)) = self.net.sources(&at).first() else {
                return at == "input";
            };
            if self.net.neurons(from).is_some() {
                return false;
            }
            at = from.to_string();
        }
        false
    }

    /// What a current counts of a spike, for each row of weights before neurons; 1 where weights follow.
    fn gains(&self, name: &str, rows: usize) -> Result<Vec<f64>> {
        let mut out: Option<Vec<f64>> = None;
        for node in &self.net.spec().nodes {
            if self.net.sources(&node.name).iter().all(|s| s.0 != name) {
                continue;
            }
            let NodeKind::Population { neuron, .. } = &node.kind else {
                continue;
            };
            let steps = self.steps(&node.name, neuron)?;
            let size = self.shape(&node.name).iter().product::<usize>() / rows.max(1);
            let ratio = |row: usize| {
                let step = &steps[if steps.len() == 1 { 0 } else { row * size }];
                step.current / step.pulse
            };
            let each: Vec<f64> = (0..rows).map(ratio).collect();
            if out.as_ref().is_some_and(|o| *o != each) {
                let expected = "neurons of one gain behind weights that take currents";
                return Err(Error::invalid(
                    "gain",
                    format!("node '{name}'"),
                    expected,
                    "several",
                ));
            }
            out = Some(each);
        }
        Ok(out.unwrap_or_else(|| vec![1.0; rows]))
    }

    /// The constants of a step of a population, one for all or for each neuron.
    fn steps(&self, name: &str, neuron: &str) -> Result<Vec<Step>> {
        let c = self.convention();
        let model = neuron::model::<f64>(
            neuron,
            &Convention {
                reset: Default::default(),
                ..*c
            },
            false,
        )?;
        let rows = self.net.neurons(name).unwrap_or_default();
        let early = c.arrivals == Arrivals::BeforeFlow;
        let boxed = c.pulse == Pulse::Box;
        rows.iter()
            .map(|row| {
                let k = model.discretise(row, c, Reset::None, self.net.spec().dt);
                Ok(match (neuron, &k[..]) {
                    ("if", &[g, ..]) => Step { b: 1.0, a: None, into: 0.0, pulse: if boxed { g } else { 1.0 }, current: g },
                    ("lif" | "li", &[b, g, ..]) => {
                        let jump = if early { b } else { 1.0 };
                        Step { b, a: None, into: 0.0, pulse: if boxed { g } else { jump }, current: g }
                    }
                    ("cuba_lif" | "cuba_li", &[b, a, vi, vx, ix, ..]) => {
                        let currents = boxed || self.fed == Fed::Currents && self.analog_into(name);
                        if currents && (vx != 0.0 || early && !boxed) {
                            let expected = "spikes into a synaptic current, or Euler steps of currents after the flow";
                            return Err(Error::invalid("currents", format!("node '{name}'"), expected, "others"));
                        }
                        Step { b, a: Some(a), into: vi, pulse: if boxed { ix } else { 1.0 }, current: ix }
                    }
                    _ => return Err(Error::invalid("neuron", format!("node '{name}'"), "if, lif, li, cuba_lif or cuba_li", neuron)),
                })
            })
            .collect()
    }

    /// Whether currents come to a population without another on the way.
    fn analog_into(&self, name: &str) -> bool {
        self.net
            .sources(name)
            .iter()
            .any(|&(from, _)| self.net.neurons(from).is_none() && self.analog(from))
    }

    fn population(
        &mut self,
        name: &str,
        neuron: &str,
        reset: Reset,
        report: &mut Report,
    ) -> Result<Kind> {
        let steps = self.steps(name, neuron)?;
        let rows = self.net.neurons(name).unwrap_or_default();
        let model = neuron::models().into_iter().find(|m| m.name == neuron);
        let shape = self.shape(name);
        let n: usize = shape.iter().product();
        let dt = self.net.spec().dt;
        if self.fed == Fed::Currents
            && self
                .net
                .sources(name)
                .iter()
                .any(|s| s.0 == "input" || !self.weighs(s.0) && self.analog(s.0))
        {
            let same = steps.iter().all(|s| s.current == s.pulse);
            if !same && self.convention().pulse == Pulse::Dirac {
                let expected =
                    "weights between it and the input, where a current counts unlike a spike";
                return Err(Error::invalid(
                    "currents",
                    format!("node '{name}'"),
                    expected,
                    "none",
                ));
            }
        }
        let full = |list: Vec<f64>| {
            Tensor::f64(
                &shape,
                if list.len() == n {
                    list
                } else {
                    vec![list[0]; n]
                },
            )
        };
        let param = |wanted: &str| {
            let k = model.and_then(|m| m.param(wanted));
            k.map(|k| full(rows.iter().map(|r| r[k]).collect()))
        };
        let of = |f: &dyn Fn(&Step) -> f64| full(steps.iter().map(f).collect());
        let euler = self.convention().decay == Decay::Euler;
        let tau = |wanted: &str, decay: &dyn Fn(&Step) -> f64| match param(wanted) {
            Some(own) if euler => own,
            _ => of(&|s| dt / (1.0 - decay(s))),
        };
        let zero = || Tensor::full(&shape, 0.0);
        let v_leak = param("v_leak").unwrap_or_else(zero);
        let v_threshold = param("v_threshold").unwrap_or_else(zero);
        let v_reset = Some(if reset == Reset::Value {
            param("v_reset").unwrap_or_else(zero)
        } else {
            zero()
        });
        if let Some(t) = param("t_ref").filter(|t| t.data.iter().any(|&t| t > 0.0)) {
            let longest = t.data.iter().copied().fold(0.0, f64::max);
            report.node(Fate::Lost, name, format!("a refractory period of {longest} s, which stands in metadata: other readers run it without"));
        }
        if steps
            .iter()
            .any(|s| s.b >= 1.0 && neuron != "if" || s.a.is_some_and(|a| a >= 1.0))
        {
            return Err(Error::invalid(
                "decay",
                format!("node '{name}'"),
                "a state that decays within a step",
                1.0,
            ));
        }
        let membrane = |s: &Step| s.into / (1.0 - s.b);
        let synapse = |s: &Step| s.pulse / (1.0 - s.a.unwrap_or(0.0));
        Ok(match neuron {
            "if" => Kind::IF {
                r: of(&|s| s.pulse / dt),
                v_threshold,
                v_reset,
            },
            "li" | "lif" => {
                let (tau, r) = (tau("tau_mem", &|s| s.b), of(&|s| s.pulse / (1.0 - s.b)));
                match neuron {
                    "li" => Kind::LI { tau, r, v_leak },
                    _ => Kind::LIF {
                        tau,
                        r,
                        v_leak,
                        v_threshold,
                        v_reset,
                    },
                }
            }
            _ => {
                let (tau_mem, r, w_in) =
                    (tau("tau_mem", &|s| s.b), of(&membrane), Some(of(&synapse)));
                let tau_syn = tau("tau_syn", &|s| s.a.unwrap_or(0.0));
                match neuron {
                    "cuba_li" => Kind::CubaLI {
                        tau_syn,
                        tau_mem,
                        r,
                        v_leak,
                        w_in,
                    },
                    _ => Kind::CubaLIF {
                        tau_syn,
                        tau_mem,
                        r,
                        v_leak,
                        v_threshold,
                        v_reset,
                        w_in,
                    },
                }
            }
        })
    }

    /// Whether a node has weights.
    fn weighs(&self, name: &str) -> bool {
        self.net.param(&format!("{name}.weight")).is_some()
    }

    /// What a node of neurons cannot carry, and parameters that no field holds as they are.
    fn metadata(&mut self, node: &network::NodeSpec) -> Metadata {
        let mut out = Metadata::new();
        if let NodeKind::Population {
            neuron,
            reset,
            params,
            train,
            ..
        } = &node.kind
        {
            if fires(neuron) {
                out.insert(
                    "reset".into(),
                    Value::from(match reset {
                        Reset::Value => "value",
                        Reset::Subtract => "subtract",
                        Reset::None => "none",
                    }),
                );
            }
            match params.get("t_ref") {
                Some(Values::One(t)) if *t != 0.0 => {
                    out.insert("t_ref".into(), Value::from(*t));
                }
                Some(Values::Each(list)) => {
                    out.insert(
                        "t_ref".into(),
                        Value::Numbers(Tensor::f64(&[list.len()], list.clone())),
                    );
                }
                _ => {}
            }
            let prefix = format!("{}.", node.name);
            let own = self
                .net
                .params()
                .iter()
                .filter(|p| p.name.starts_with(&prefix) && !train.is_empty());
            let own: Vec<(String, Value)> = own
                .map(|p| {
                    let values = p.values().iter().map(|v| v.value()).collect();
                    (
                        format!("{VALUES}{}", p.name),
                        Value::Numbers(self.tensor(&p.shape, values)),
                    )
                })
                .collect();
            self.extra.extend(own);
        }
        if let Some((shape, values)) = self.values(&format!("{}.delay", node.name)) {
            self.extra.insert(
                format!("{VALUES}{}.delay", node.name),
                Value::Numbers(self.tensor(&shape, values)),
            );
        }
        out
    }
}

fn fires(neuron: &str) -> bool {
    let model = neuron::models().into_iter().find(|m| m.name == neuron);
    model.is_some_and(|m| m.output == neuron::Output::Spikes)
}
