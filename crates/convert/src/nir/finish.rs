//! From nodes to a network: their order, the readout, the convention.

use super::assemble::{Assembly, Draft, bare, fresh};
use super::import::Plan;
use super::neuron::adder;
use super::options::{Discretisation, Spike};
use super::report::{Fate, Report};
use super::weights::{Weights, diagonal};
use crate::Result;
use cortado::network::{DelayedEdge, EdgeSpec, NetworkSpec, NodeSpec};
use cortado::neuron::{Arrivals, Convention, Decay, Gain, Pulse};
use cortado::surrogate::Surrogate;
use std::collections::{BTreeMap, BTreeSet};

impl Assembly<'_> {
    /// The network, its readout last.
    pub fn finish(mut self, report: &mut Report) -> Result<Plan> {
        let (o, out) = (self.rules.options, self.flat.output);
        let sources = self.wires.into[out].clone();
        let last = match sources[..] {
            [(j, 0)] if self.fires(j).is_some() && self.shapes[j].len() == 1 => self.of[j],
            _ => None,
        };
        let last = match last {
            Some(d) => d,
            None => self.readout(report)?,
        };
        let name = self.drafts[last].name.clone();
        let order = self.order(last);
        let mut nodes = Vec::new();
        let mut values = Vec::new();
        let mut drafts: Vec<Option<Draft>> = self.drafts.into_iter().map(Some).collect();
        for d in order.into_iter().filter_map(|d| drafts[d].take()) {
            let from = d.from.into_iter().map(|(node, steps)| match steps {
                0 => EdgeSpec::Node(node),
                steps => EdgeSpec::Delayed(DelayedEdge {
                    node,
                    delay: steps as f64 * o.dt,
                }),
            });
            let Weights { kind, weight, bias } = d.content;
            if !weight.is_empty() {
                values.push((format!("{}.weight", d.name), weight));
            }
            if let Some(bias) = bias {
                values.push((format!("{}.bias", d.name), bias));
            }
            nodes.push(NodeSpec {
                name: d.name,
                from: Some(from.collect()),
                kind,
            });
        }
        report.graph(Fate::Taken, format!("the output is that of '{name}'"));
        let convention = Convention {
            arrivals: Arrivals::AfterFlow,
            waiting: Default::default(),
            decay: match o.discretisation {
                Discretisation::Euler => Decay::Euler,
                Discretisation::ExpEuler => Decay::ExponentialEuler,
                Discretisation::Exact => Decay::Exact,
            },
            gain: if self.rules.unscaled {
                Gain::Unscaled
            } else {
                Gain::Scaled
            },
            pulse: match o.spike {
                Spike::Box => Pulse::Box,
                Spike::Dirac => Pulse::Dirac,
            },
            threshold: o.threshold,
            reset: o.reset_time,
        };
        let spec = NetworkSpec {
            dt: o.dt,
            convention,
            surrogate: Surrogate::default(),
            detach_reset: true,
            nodes,
        };
        Ok(Plan {
            input: self.shapes[self.flat.input].clone(),
            spec,
            values,
        })
    }

    /// A population that hands on what the output takes, where that is not one population's.
    fn readout(&mut self, report: &mut Report) -> Result<usize> {
        let out = self.flat.output;
        let mut from = self.sources(out, true, report)?;
        if self.shapes[out].len() == 3 {
            // What is flattened stands in the order of memory until weights have read it.
            let n = self.shapes[out].iter().product();
            for (source, _) in &mut from {
                let name = fresh(&mut self.names, &format!("{}.order", self.own[out]));
                let content = diagonal(&vec![1.0; n], &self.flat.names[out])?;
                self.push(name.clone(), vec![(source.clone(), 0)], content);
                *source = name;
            }
        }
        report.node(
            Fate::Taken,
            &self.flat.names[out],
            "what leaves is handed on by a population without memory",
        );
        Ok(self.push(self.own[out].clone(), from, bare(adder(self.rules.options))))
    }

    /// Drafts in the order in which a signal passes them, `last` at the end.
    fn order(&self, last: usize) -> Vec<usize> {
        let number: BTreeMap<&str, usize> = self
            .drafts
            .iter()
            .enumerate()
            .map(|(i, d)| (d.name.as_str(), i))
            .collect();
        let mut waits: Vec<usize> = vec![0; self.drafts.len()];
        let mut next = vec![Vec::new(); self.drafts.len()];
        for (i, d) in self.drafts.iter().enumerate() {
            for j in d
                .from
                .iter()
                .filter(|f| f.1 == 0)
                .filter_map(|f| number.get(f.0.as_str()))
            {
                waits[i] += 1;
                next[*j].push(i);
            }
        }
        let mut ready: BTreeSet<usize> = (0..waits.len()).filter(|&i| waits[i] == 0).collect();
        let mut order = Vec::new();
        while let Some(i) = ready.pop_first() {
            order.push(i);
            for &j in &next[i] {
                waits[j] -= 1;
                if waits[j] == 0 {
                    ready.insert(j);
                }
            }
        }
        // What is left is a loop without delay, which the network refuses by name.
        let left = (0..waits.len()).filter(|i| waits[*i] > 0);
        order.extend(left.collect::<Vec<_>>());
        order.retain(|&i| i != last);
        order.push(last);
        order
    }
}
