//! From a NIR graph to a network.

use super::assemble::Assembly;
use super::assume::assumptions;
use super::flat::Flat;
use super::neuron::Rules;
use super::options::{Gain, Options, Spike};
use super::order::wires;
use super::report::{Fate, Report};
use super::shapes::{Shape, infer};
use crate::{Error, Result};
use cortado::network::{Network, NetworkSpec};
use cortado::neuron::Lanes;
use cortado_interop::nir::{File, Kind, resets_to_value};

/// A network that a graph stands for.
pub struct Imported<R: Lanes> {
    /// The network, with the graph's weights.
    pub network: Network<R>,
    /// What was taken, assumed and lost.
    pub report: Report,
}

/// Parameters by name.
pub(super) type Values = Vec<(String, Vec<f64>)>;

/// What a graph says, before it is built.
pub(super) struct Plan {
    pub input: Shape,
    pub spec: NetworkSpec,
    pub values: Values,
}

/// The network that computes what a graph means under those options.
///
/// ```
/// use cortado_convert::nir::{Options, import};
/// use cortado_interop::nir::{File, Graph, Kind, Tensor};
/// let mut g = Graph::default();
/// g.add("in", Kind::Input { shape: vec![2] });
/// g.add("w", Kind::Linear { weight: Tensor::f64(&[1, 2], vec![0.5, 0.5]) });
/// let of = |v| Tensor::full(&[1], v);
/// g.add("lif", Kind::LIF { tau: of(2e-3), r: of(2.0), v_leak: of(0.0), v_threshold: of(0.9), v_reset: Some(of(0.0)) });
/// g.add("out", Kind::Output { shape: vec![1] });
/// ["in", "w", "lif", "out"].windows(2).for_each(|e| g.connect(e[0], e[1]));
/// let options = Options::preset("spikingjelly", 1e-3).unwrap();
/// let net = import::<f32>(&File::new(g), &options).unwrap().network;
/// assert_eq!(net.param("w.weight").unwrap().values(), [0.5, 0.5]);
/// ```
///
/// # Errors
/// What has no counterpart, with the node's name: [`check`] says it with everything else.
pub fn import<R: Lanes>(file: &File, options: &Options) -> Result<Imported<R>> {
    let mut report = Report::default();
    let plan = plan(file, options, &mut report)?;
    Ok(Imported {
        network: plan.build()?,
        report,
    })
}

/// What would become of a graph under those options, what is refused included.
pub fn check(file: &File, options: &Options) -> Report {
    let mut report = Report::default();
    let built = plan(file, options, &mut report).and_then(|p| p.build::<f32>());
    if let Err(e) = built {
        report.graph(Fate::Refused, e.to_string());
    }
    report
}

impl Plan {
    pub fn build<R: Lanes>(&self) -> Result<Network<R>> {
        let mut net = Network::<R>::new(&self.input, &self.spec, 0)?;
        for (name, values) in &self.values {
            let values: Vec<R> = values.iter().map(|&v| R::of(v)).collect();
            net.set(name, &values)?;
        }
        Ok(net)
    }
}

fn plan(file: &File, options: &Options, report: &mut Report) -> Result<Plan> {
    if !(options.dt > 0.0 && options.dt.is_finite()) {
        return Err(Error::invalid(
            "step",
            "the options",
            "a positive number of seconds",
            options.dt,
        ));
    }
    file.notes
        .iter()
        .for_each(|n| report.graph(Fate::Assumed, n.as_str()));
    let flat = Flat::new(&file.root)?;
    let shapes = infer(&flat)?;
    let wires = wires(&flat, &shapes, options, report)?;
    let rules = Rules {
        options,
        unscaled: unscaled(&flat, options),
        resets: resets_to_value(&file.version),
    };
    assumptions(file, &flat, &rules, report);
    let mut net = Assembly::new(&flat, &shapes, &wires, &rules);
    net.all(report)?;
    net.finish(report)
}

/// Whether everything that neurons take counts whole.
fn unscaled(flat: &Flat<'_>, o: &Options) -> bool {
    let whole = |kind: &Kind| match kind {
        Kind::I { .. } | Kind::IF { .. } => o.integrator_gain != Gain::File,
        Kind::LI { .. } => o.readout_gain == Gain::Whole,
        Kind::LIF { .. } => o.gain == Gain::Whole,
        Kind::CubaLI { .. } => [o.readout_gain, o.synapse_gain] == [Gain::Whole; 2],
        Kind::CubaLIF { .. } => [o.gain, o.synapse_gain] == [Gain::Whole; 2],
        _ => true,
    };
    o.spike == Spike::Box && flat.nodes.iter().all(|n| whole(&n.kind))
}
