//! The golden network of exact gradients: `gradient-reference/eventprop.json` of the shared data.
#![allow(dead_code)] // each test binary uses a part

use cortado::network::{Delays, EdgeSpec, Network, NetworkSpec, NodeKind, Values};
use cortado::neuron::Lanes;
use serde_json::Value;
use std::collections::BTreeMap;

#[path = "../../../base/tests/common/mod.rs"]
mod base;

/// The file, times in seconds. Neurons are numbered through: inputs, hidden, outputs.
pub struct Golden {
    pub file: Value,
    pub sizes: [usize; 3],
    pub end: f64,
    pub input: Vec<(f64, usize)>,
    /// Of hidden and output neurons, in order of time.
    pub spikes: Vec<(f64, usize)>,
    /// Weight, delay, and the derivatives of the loss by them (by the delay per millisecond).
    pub edges: BTreeMap<(usize, usize), [f64; 4]>,
}

impl Golden {
    /// The file, if the shared data is there.
    pub fn read() -> Option<Self> {
        let folder = base::real_data("gradient-reference")?;
        let text =
            std::fs::read_to_string(folder.join("gradient-reference/eventprop.json")).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        let size = |name: &str| file[name].as_u64().unwrap() as usize;
        let sizes = [size("inputs"), size("hidden"), size("outputs")];
        let pairs = |name: &str| -> Vec<(f64, usize)> {
            let list = file[name].as_array().unwrap().iter();
            list.map(|s| {
                (
                    s[0].as_f64().unwrap() * 1e-3,
                    s[1].as_u64().unwrap() as usize,
                )
            })
            .collect()
        };
        let spikes = pairs("spikes")
            .into_iter()
            .filter(|s| s.1 >= sizes[0])
            .collect();
        let edges = file["edges"].as_array().unwrap().iter().map(|e| {
            let n = |k: usize| e[k].as_u64().unwrap() as usize;
            let v = |k: usize| e[k].as_f64().unwrap();
            ((n(0), n(1)), [v(2), v(3) * 1e-3, v(4), v(5)])
        });
        Some(Self {
            edges: edges.collect(),
            end: file["t_end"].as_f64().unwrap() * 1e-3,
            input: pairs("input_spikes"),
            spikes,
            sizes,
            file,
        })
    }

    /// The number of a neuron of an engine's population.
    pub fn number(&self, population: usize, neuron: usize) -> usize {
        self.sizes[..population].iter().sum::<usize>() + neuron
    }

    /// Column `k` of the edges between two populations, `[to][from]`.
    pub fn matrix(&self, from: usize, to: usize, k: usize) -> Vec<f64> {
        let ids = |p: usize| (0..self.sizes[p]).map(move |j| self.number(p, j));
        ids(to)
            .flat_map(|o| ids(from).map(move |i| self.edge(i, o)[k]))
            .collect()
    }

    /// An edge; one that is not there weighs nothing.
    fn edge(&self, from: usize, to: usize) -> [f64; 4] {
        self.edges
            .get(&(from, to))
            .copied()
            .unwrap_or([0.0, 1e-3, 0.0, 0.0])
    }

    /// The network.
    pub fn network<R: Lanes>(&self) -> Network<R> {
        let params = [("tau_mem", 20e-3), ("tau_syn", 5e-3)];
        let mut spec = NetworkSpec::new(1e-3)
            .linear("w1", self.sizes[1])
            .linear("rec", self.sizes[1])
            .population("hidden", "cuba_lif", &params)
            .linear("w2", self.sizes[2])
            .population("out", "cuba_lif", &params);
        spec.nodes[1].from = Some(vec![EdgeSpec::Node("hidden".into())]);
        spec.nodes[2].from = Some(["w1", "rec"].map(|n| EdgeSpec::Node(n.into())).into());
        let ends = [(0, 0, 1), (1, 1, 1), (3, 1, 2)];
        for (node, from, to) in ends {
            if let NodeKind::Linear { delays, .. } = &mut spec.nodes[node].kind {
                *delays = Some(Delays {
                    train: true,
                    ..Delays::from(Values::Each(self.matrix(from, to, 1)))
                });
            }
        }
        // The clock's step on the way round the loop would add to the delays of the file.
        spec.dt = 1e-18;
        let mut net = Network::<R>::new(&[self.sizes[0]], &spec, 0).unwrap();
        for (node, from, to) in ends {
            let w: Vec<R> = self.matrix(from, to, 0).into_iter().map(R::of).collect();
            net.set(&format!("{}.weight", spec.nodes[node].name), &w)
                .unwrap();
        }
        net
    }
}
