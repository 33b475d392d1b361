//! From a network to a NIR graph.
//!
//! The graph says the network's own steps: read by forward Euler at its step, with an input spike as a current of 1 for one
//! step, each node computes the step that Cortado computes. So `tau = dt / (1 - B)` with `B` the decay, and `r` and `w_in`
//! are such that a weighted spike counts as it does here.

use super::export_neurons::Held;
use super::options::{Current, Discretisation, Gain, Options, ResetRule, Spike, TauUnit};
use super::report::{Fate, Report};
use super::settle::settle;
use crate::{Error, Result};
use cortado::network::{self, Network, NodeKind, Values};
use cortado::neuron::{self, Arrivals, Convention, Lanes, Pulse, Reset};
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

pub(super) struct Writer<'a, R: Lanes> {
    pub net: &'a Network<R>,
    pub fed: Fed,
    pub root: Graph,
    pub names: BTreeSet<String>,
    /// Parameters that no node holds as they are.
    pub extra: Metadata,
}

impl<R: Lanes> Writer<'_, R> {
    pub fn convention(&self) -> &Convention {
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

    pub fn name(&mut self, wanted: &str) -> String {
        let mut name = wanted.replace('/', "_");
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    pub fn put(&mut self, name: &str, kind: Kind) {
        self.root.add(name, kind);
    }

    pub fn shape(&self, node: &str) -> Vec<usize> {
        self.net.shape(node).unwrap_or_default().to_vec()
    }

    /// Numbers of the precision that the network has.
    pub fn tensor(&self, shape: &[usize], data: Vec<f64>) -> Tensor {
        if size_of::<R>() == 4 {
            let data = data.into_iter().map(|v| R::of(v).value()).collect();
            return Tensor {
                dtype: DType::F32,
                ..Tensor::f64(shape, data)
            };
        }
        Tensor::f64(shape, data)
    }

    pub fn values(&self, name: &str) -> Option<(Vec<usize>, Vec<f64>)> {
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
                let Held {
                    shape,
                    weight,
                    bias,
                } = self.weights(name)?;
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
                let Held {
                    shape,
                    weight,
                    bias,
                } = self.weights(name)?;
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
