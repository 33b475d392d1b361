//! Edges of a graph that is written: delays and flattening between nodes.

use super::export::Writer;
use crate::{Error, Result};
use cortado::network::{Delays, Each};
use cortado::neuron::Lanes;
use cortado_interop::nir::{Kind, Tensor};
use std::collections::BTreeSet;

impl<R: Lanes> Writer<'_, R> {
    /// An edge with what stands between: flattening and a delay.
    pub fn wire(&mut self, from: &str, ours: &str, to: &str, (delay, axis): (usize, bool)) {
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
    pub fn closes(&self, from: &str, to: &str) -> bool {
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
    pub fn hold(
        &mut self,
        name: &str,
        delays: Option<&Delays>,
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
}
