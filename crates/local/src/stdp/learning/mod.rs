//! Projections of a network that learn while an engine runs it.

mod clock;
mod event;
mod projection;
mod synapses;

use super::{Rule, Timing};
use crate::{Error, Result};
use cortado::network::Network;
use cortado::neuron::Lanes;
use projection::Projection;

/// Projections of a network whose weights follow rules of spike timing, in either engine.
///
/// A presynaptic spike reaches the synapse, and with it the neuron, after the delay that the network has: that of the edge, and of the
/// axon if each has its own. The weight that it meets is the one before all that happens at that moment. A postsynaptic spike reaches
/// the synapse after [`Timing::dendritic`].
///
/// The weights are kept here in `f64`. The clock's network follows them step by step, rounded to its own numbers; the engine without a
/// clock asks for them, and [`Learning::write`] hands them to a network.
///
/// ```
/// use cortado::{network::{Network, NetworkSpec}, sim::event::Engine};
/// use cortado_local::stdp::{Learning, Pair, Timing};
/// let spec = NetworkSpec::new(1e-3).linear("w", 1).population("p", "if", &[("v_threshold", 0.8)]);
/// let mut net = Network::<f64>::new(&[1], &spec, 0).unwrap();
/// net.set("w.weight", &[0.5]).unwrap();
/// let mut learning = Learning::default();
/// learning.add(&net, "w", Pair::default(), Timing::default()).unwrap();
/// let mut engine = Engine::new(&net).unwrap();
/// [0.0, 10e-3].map(|t| engine.feed(t, 0).unwrap());
/// let mut spikes = Vec::new();
/// learning.run(&mut engine, 0.1, |s| spikes.push(s.t)).unwrap();
/// assert_eq!(spikes, [10e-3]);
/// // The second input makes the neuron fire and is coincident with it: the first one alone was before.
/// learning.write(&mut net).unwrap();
/// let w = net.param("w.weight").unwrap().values()[0];
/// assert!((w - 0.5 - 0.01 * (-0.5f64).exp()).abs() < 1e-15);
/// ```
#[derive(Default)]
pub struct Learning {
    projections: Vec<Projection>,
    /// Up to here, in seconds, everything has happened.
    now: f64,
    /// Steps of the clock up to here.
    steps: u64,
}

impl Learning {
    /// Lets a projection of a network learn: a linear node from the input or a population of spikes to such a population, of the weights
    /// that it has.
    ///
    /// # Errors
    /// A node that is no such projection, or that learns already; delays of single weights, that are trained or interpolated; a rule that
    /// makes no sense; a weight out of its bounds; an axonal delay, which the network has; a dendritic one below 0.
    pub fn add<F: Lanes, R: Rule<P, Q> + 'static, const P: usize, const Q: usize>(
        &mut self,
        net: &Network<F>,
        node: &str,
        rule: R,
        timing: Timing,
    ) -> Result<()> {
        if self.projections.iter().any(|p| p.node == node) {
            let place = format!("node '{node}'");
            return Err(Error::invalid("rule", place, "one", "two"));
        }
        self.projections
            .push(Projection::new(net, node, rule, timing)?);
        Ok(())
    }

    /// Back to time 0, as if no neuron had fired; weights stay as they are.
    pub fn reset(&mut self) {
        self.projections.iter_mut().for_each(|p| p.synapses.rest());
        (self.now, self.steps) = (0.0, 0);
    }

    /// The weights of a projection that learns, in the order of its parameter: `[outputs, inputs]`.
    pub fn weights(&self, node: &str) -> Option<Vec<f64>> {
        let found = self.projections.iter().find(|p| p.node == node)?;
        let columns = (0..found.outputs).flat_map(|j| found.synapses.column(j));
        Some(columns.collect())
    }

    /// Writes all weights that learn into a network of the same nodes.
    ///
    /// # Errors
    /// A network of other nodes.
    pub fn write<F: Lanes>(&self, net: &mut Network<F>) -> Result<()> {
        for p in &self.projections {
            let columns = (0..p.outputs).flat_map(|j| p.synapses.column(j));
            let weights: Vec<F> = columns.map(F::of).collect();
            net.set(&format!("{}.weight", p.node), &weights)?;
        }
        Ok(())
    }
}
