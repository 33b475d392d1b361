//! Out: one step of a spiking network as an ONNX model, states in and states out.

mod neuron;
mod tape;
mod write;

use crate::{Error, Result};
use cortado::network::{Network, NodeKind, NodeSpec};
use cortado::neuron::{Output, Pulse};
use cortado_interop::onnx::Model;
use neuron::Wanted;
use write::Writer;

/// What a network is given in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// Spikes, 0 or 1: they arrive as the convention of the network says.
    Spikes,
    /// A current, held for the step.
    Current,
}

/// A state of a network between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Name of the input; the output is called `NAME.next`.
    pub name: String,
    /// Its shape for one sample.
    pub shape: Vec<usize>,
    /// Its values before the first step.
    pub rest: Vec<f32>,
}

/// A step of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Input `input` and one for each state; output `output` and `STATE.next` for each; all `[batch, ...]`. Its notes say the
    /// step in seconds (`cortado.dt`), the convention (`cortado.convention`) and the states at rest (`cortado.rest.STATE`, one
    /// number or a list).
    pub model: Model,
    /// Its states.
    pub states: Vec<State>,
}

/// One step of the clock: what the network hands on, and its states after it.
///
/// The formula of a neuron is not written a second time: the model itself is run on numbers that write down what is done with
/// them. States are those of the models (`NODE.v`), with a reset in the next step the last spikes (`NODE.spike`), of a gated pool how often each input has fired (`NODE.count`), and for
/// delays and loops what a node handed on in the last steps (`NODE.past`, the newest first).
///
/// # Errors
/// A population that is refractory or whose step makes a choice (`adex`), delays of single weights: by name.
///
/// ```
/// use cortado::network::{Network, NetworkSpec};
/// use cortado_convert::onnx::{Given, step};
/// let spec = NetworkSpec::new(1e-3).linear("fc", 3).population("hidden", "lif", &[]).linear("out", 2).population("sum", "li", &[]);
/// let net = Network::<f32>::new(&[4], &spec, 0).unwrap();
/// let step = step(&net, Given::Spikes).unwrap();
/// let names: Vec<_> = step.states.iter().map(|s| s.name.as_str()).collect();
/// assert_eq!(names, ["hidden.v", "sum.v"]);
/// ```
pub fn step(net: &Network<f32>, given: Given) -> Result<Step> {
    let spec = net.spec();
    let mut w = Writer::new(net);
    for at in order(net)? {
        let node = &spec.nodes[at];
        let inputs: Vec<(String, bool)> = net
            .sources(&node.name)
            .into_iter()
            .map(|(from, delay)| {
                (
                    w.read(&node.name, from, delay),
                    is_current(net, from, given),
                )
            })
            .collect();
        let Some((first, _)) = inputs.first().cloned() else {
            continue;
        };
        let name = node.name.as_str();
        match &node.kind {
            NodeKind::Flatten {} => {}
            NodeKind::Linear {
                delays: Some(_), ..
            } => {
                let at = format!("node '{name}'");
                let expected = "weights without delays of their own in a step of ONNX";
                return Err(Error::invalid("delays", at, expected, "some"));
            }
            NodeKind::Linear { .. } => w.linear(name, &first),
            NodeKind::Conv2d {
                stride,
                padding,
                groups,
                ..
            } => {
                w.conv(name, &first, stride.get(), padding.get(), *groups);
            }
            NodeKind::SumPool2d(window) => w.pool(name, &first, window, "sum"),
            NodeKind::AvgPool2d(window) => w.pool(name, &first, window, "mean"),
            NodeKind::MaxPool2d(window) => w.pool(name, &first, window, "max"),
            NodeKind::GatedMaxPool2d(window) => match gates(net, name, given) {
                true => w.gate(name, &first, window),
                false => w.pool(name, &first, window, "max"),
            },
            NodeKind::BatchNorm { epsilon, .. } => w.norm(name, &first, *epsilon),
            NodeKind::Dropout { .. } => w.same(name, &first),
            NodeKind::Population { neuron, reset, .. } => {
                let rows = net.neurons(name).unwrap_or_default();
                let port = |current: bool| {
                    let all = inputs.iter().filter(|(_, c)| *c == current);
                    all.map(|(value, _)| value.clone()).collect::<Vec<_>>()
                };
                let ports = [port(true), port(false)];
                let want = Wanted {
                    name,
                    rows: &rows,
                    convention: &spec.convention,
                    reset: *reset,
                    dt: spec.dt,
                    arrives: [!ports[0].is_empty(), !ports[1].is_empty()],
                };
                let formula = neuron::formula(neuron, &want)?;
                w.population(name, &formula, &ports, spec.convention.threshold);
            }
        }
    }
    Ok(w.finish())
}

/// Nodes in the order of a step: each after those whose value of this step it takes.
fn order(net: &Network<f32>) -> Result<Vec<usize>> {
    let nodes = &net.spec().nodes;
    let now = |n: &NodeSpec| {
        let all = net.sources(&n.name).into_iter();
        let now = all.filter(|&(from, delay)| delay == 0 && from != "input");
        now.map(|(from, _)| from.to_string()).collect::<Vec<_>>()
    };
    let waits: Vec<_> = nodes.iter().map(now).collect();
    let mut done: Vec<usize> = Vec::new();
    while done.len() < nodes.len() {
        let ready = |i: &usize| {
            let there = |from: &String| done.iter().any(|&d| nodes[d].name == *from);
            !done.contains(i) && waits[*i].iter().all(there)
        };
        match (0..nodes.len()).find(ready) {
            Some(next) => done.push(next),
            // A network is checked when it is built.
            None => {
                return Err(Error::invalid(
                    "loop",
                    "network",
                    "a delay on the way round",
                    "none",
                ));
            }
        }
    }
    Ok(done)
}

/// Whether what a node hands on reaches a population as a current.
fn is_current(net: &Network<f32>, from: &str, given: Given) -> bool {
    !carries_spikes(net, from, given) || net.spec().convention.pulse == Pulse::Box
}

/// Whether what a node hands on comes from spikes.
fn carries_spikes<'a>(net: &'a Network<f32>, mut from: &'a str, given: Given) -> bool {
    let spec = net.spec();
    loop {
        let Some(node) = spec.nodes.iter().find(|n| n.name == from) else {
            break given == Given::Spikes;
        };
        match (&node.kind, net.sources(from).first()) {
            (NodeKind::Population { neuron, .. }, _) => {
                let models = cortado::neuron::models();
                let model = models.into_iter().find(|m| m.name == neuron);
                break model.is_some_and(|m| m.output == Output::Spikes);
            }
            (_, Some((before, _))) => from = before,
            (_, None) => break false,
        }
    }
}

/// Whether spikes reach a gated pool as they were fired: of anything else it takes the maximum.
fn gates<'a>(net: &'a Network<f32>, mut node: &'a str, given: Given) -> bool {
    while let Some(&(from, _)) = net.sources(node).first() {
        let kind = net.spec().nodes.iter().find(|n| n.name == from);
        match kind.map(|n| &n.kind) {
            Some(NodeKind::MaxPool2d(_) | NodeKind::GatedMaxPool2d(_) | NodeKind::Flatten {}) => {
                node = from
            }
            Some(NodeKind::Population { .. }) | None => return carries_spikes(net, from, given),
            _ => return false,
        }
    }
    false
}
