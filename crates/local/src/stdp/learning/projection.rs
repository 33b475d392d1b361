//! A projection that may learn, found in a network.

use super::synapses::{Delayed, Synapses};
use crate::stdp::{Plastic, Rule, Timing};
use crate::{Error, Result};
use cortado::network::{Network, NetworkSpec, NodeKind};
use cortado::neuron::{Lanes, Output, models};

/// A projection that learns.
pub(super) struct Projection {
    /// The linear node.
    pub node: String,
    /// The populations on both sides; the input is one.
    pub from: String,
    pub to: String,
    pub inputs: usize,
    pub outputs: usize,
    /// Steps of the clock to the synapses, for all inputs or each.
    pub axonal: Vec<u64>,
    /// Seconds back to the synapses.
    pub dendritic: f64,
    pub synapses: Box<dyn Synapses>,
}

impl Projection {
    pub fn new<F: Lanes, R: Rule<P, Q> + 'static, const P: usize, const Q: usize>(
        net: &Network<F>,
        node: &str,
        rule: R,
        timing: Timing,
    ) -> Result<Self> {
        rule.check()?;
        check(timing, node)?;
        let axons = axons(net, node)?;
        let (from, steps, to) = ends(net, node)?;
        let param = net.param(&format!("{node}.weight"));
        let values = param.map(|p| p.values()).unwrap_or_default();
        let size = |node: &str| net.shape(node).map_or(0, |s| s.iter().product());
        let (inputs, outputs): (usize, usize) = (size(&from), size(&to));
        let mut weights = Vec::with_capacity(values.len());
        for i in 0..inputs {
            for j in 0..outputs {
                let w = within(&rule, values[j * inputs + i].value());
                weights.push(w.map_err(|w| {
                    let place = format!("[{j}, {i}] of '{node}.weight'");
                    Error::invalid("weight", place, "one within the bounds of its rule", w)
                })?);
            }
        }
        let dt = net.spec().dt;
        let in_steps = |d: f64| (d / dt).round();
        Ok(Self {
            node: node.into(),
            from,
            to,
            inputs,
            outputs,
            axonal: axons
                .iter()
                .map(|&d| steps as u64 + in_steps(d) as u64)
                .collect(),
            dendritic: timing.dendritic,
            synapses: Box::new(Delayed::new(
                Plastic::new(rule, outputs, &weights),
                timing.coincident,
            )),
        })
    }

    /// It is met in a network that it was not added from.
    pub fn stranger(&self) -> Error {
        let place = format!("'{}', which learns", self.node);
        let expected = format!("{} neurons onto {}", self.inputs, self.outputs);
        Error::invalid("projection", place, expected, "another network")
    }

    /// Steps of the clock to the synapses of input `i`.
    pub fn axonal(&self, i: usize) -> u64 {
        self.axonal[if self.axonal.len() == 1 { 0 } else { i }]
    }
}

fn check(timing: Timing, node: &str) -> Result<()> {
    let place = format!("node '{node}', which learns");
    if timing.axonal != 0.0 {
        let expected = "0: the network has that delay";
        return Err(Error::invalid(
            "axonal delay",
            place,
            expected,
            timing.axonal,
        ));
    }
    if !(timing.dendritic >= 0.0 && timing.dendritic.is_finite()) {
        let expected = "0 seconds or more";
        return Err(Error::invalid(
            "dendritic delay",
            place,
            expected,
            timing.dendritic,
        ));
    }
    Ok(())
}

/// A weight that the rule leaves alone when nothing else has fired; rounding to `f32` may have put it out of bounds.
fn within<R: Rule<P, Q>, const P: usize, const Q: usize>(
    rule: &R,
    w: f64,
) -> std::result::Result<f64, f64> {
    let (x, y) = ([0.0; P], [0.0; Q]);
    let left = rule.post(rule.pre(w, &x, &y), &x, &y);
    let rounding = f64::from(f32::EPSILON) * w.abs();
    if (left - w).abs() <= rounding {
        Ok(left)
    } else {
        Err(w)
    }
}

fn kind<'s>(spec: &'s NetworkSpec, node: &str) -> Option<&'s NodeKind> {
    let found = spec.nodes.iter().find(|n| n.name == node)?;
    Some(&found.kind)
}

/// Seconds that axons hold spikes back besides the edge: one number, or one for each input.
fn axons<F: Lanes>(net: &Network<F>, node: &str) -> Result<Vec<f64>> {
    let delays = match kind(net.spec(), node) {
        Some(NodeKind::Linear { delays, .. }) => delays,
        other => {
            let got = other.map_or("no such node", NodeKind::name);
            let place = format!("'{node}', which is to learn");
            return Err(Error::invalid("node", place, "a linear one", got));
        }
    };
    let Some(delays) = delays else {
        return Ok(vec![0.0]);
    };
    let param = net.param(&format!("{node}.delay"));
    let values: Vec<f64> = param.map_or(vec![0.0], |p| {
        p.values().iter().map(|d| d.value()).collect()
    });
    let got = if delays.train {
        "trained ones"
    } else if delays.interpolate.is_some() {
        "interpolated ones"
    } else if values.len() > 1 && param.is_some_and(|p| p.shape.len() > 1) {
        "one for each weight"
    } else {
        return Ok(values);
    };
    let place = format!("node '{node}', which learns");
    let expected = "one for each axon, which stays as it is";
    Err(Error::invalid("delays", place, expected, got))
}

/// The populations on both sides of a node, and the steps between them.
fn ends<F: Lanes>(net: &Network<F>, node: &str) -> Result<(String, usize, String)> {
    let fires = |name: &str| match kind(net.spec(), name) {
        Some(NodeKind::Population { neuron, .. }) => models()
            .iter()
            .any(|m| m.name == neuron && m.output == Output::Spikes),
        _ => name == "input",
    };
    let wrong = |side: &str, expected: &str, got: String| {
        let place = format!("{side} node '{node}', which learns");
        Err(Error::invalid("node", place, expected, got))
    };
    let spikes = "the input or a population that fires";
    let (from, steps) = match net.sources(node)[..] {
        [(from, steps)] if fires(from) => (from.to_string(), steps),
        ref others => {
            let names: Vec<&str> = others.iter().map(|o| o.0).collect();
            return wrong("before", spikes, format!("'{}'", names.join("', '")));
        }
    };
    let reads = |name: &str| net.sources(name).iter().any(|s| s.0 == node);
    let nodes = net.spec().nodes.iter().map(|n| n.name.as_str());
    let readers: Vec<&str> = nodes.filter(|name| reads(name)).collect();
    match readers[..] {
        [to] if fires(to) => Ok((from, steps, to.to_string())),
        _ => {
            let got = format!("'{}'", readers.join("', '"));
            wrong("behind", "one population that fires", got)
        }
    }
}
