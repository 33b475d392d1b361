//! From an artificial network to one of Cortado's and back: the same graph, its units as units or as spiking neurons.

mod build;
mod kernel;
mod read;

pub use read::read;

use crate::Result;
use crate::ann::Ann;
use build::{Build, Wire};
use cortado::network::Network;

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
    let mut build = Build::new(ann, &units, dt);
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

/// The name of the population that adds up what reaches the outputs.
pub const READOUT: &str = "readout";
