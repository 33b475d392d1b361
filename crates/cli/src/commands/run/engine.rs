//! Which engine runs a network.

use super::model::Model;
use anyhow::{Context, Result};
use cortado::Error;
use cortado::learn::{Loss, Rule};
use cortado::network::NodeKind;
use cortado::neuron::models;
use cortado::sim::event;

/// What the command line asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// By steps
    Clock,
    /// Without a clock, from spike to spike
    Event,
    /// As it was trained, or what is faster
    #[default]
    Auto,
}

/// What runs, and why.
pub struct Choice {
    /// The engine without a clock, at rest; none if steps are made.
    pub event: Option<event::Engine>,
    pub why: String,
}

/// What is known of the input.
pub enum Given {
    /// Currents, or values that become currents.
    Currents,
    /// Spikes, so many in a step if that is known beforehand.
    Spikes(Option<f64>),
}

/// Below so many input spikes in a step the engine without a clock is faster.
pub const SPARSE: f64 = 0.15;

/// Chooses the engine.
///
/// A network trained by spike times runs without a clock, as it was trained. Any other keeps its clock where only a clock runs
/// it, where steps are asked for (`steps`), where its neurons have no closed form and so go by steps anyway, and for a stream,
/// of which nobody knows how much will come. What is left goes by the table of `cortado bench engines` (docs/results.md, "With
/// and without a clock"): an arrival costs the engine without a clock one to four times what a step costs the clock, so that it is
/// faster below 0.6 input spikes in a step (LIF) or 0.17 (current-based), whatever the length of a step is: below [`SPARSE`].
///
/// # Errors
/// An engine that was asked for and does not run the network.
pub fn choose(wanted: Engine, model: &Model, given: &Given, steps: Option<&str>) -> Result<Choice> {
    let clock = |why: String| Ok(Choice { event: None, why });
    if wanted == Engine::Clock {
        return clock("asked for".into());
    }
    let engine = match model.loss {
        Loss::LastCrossEntropy => {
            let expected = "a loss on spikes, or on a membrane's maximum or mean";
            let at = "the engine without a clock";
            Err(Error::invalid("loss", at, expected, "last_cross_entropy"))
        }
        _ => event::Engine::new(&model.net),
    };
    if wanted == Engine::Event {
        let engine = engine.context("--engine event does not run this network")?;
        return Ok(Choice {
            event: Some(engine),
            why: "asked for".into(),
        });
    }
    let engine = match engine {
        Ok(engine) => engine,
        Err(e) => return clock(format!("the other does not run it: {e}")),
    };
    if let Some(steps) = steps {
        return clock(format!("{steps} is of steps"));
    }
    let event = |why: String| {
        Ok(Choice {
            event: Some(engine),
            why,
        })
    };
    match given {
        Given::Currents => clock("currents go by steps".into()),
        Given::Spikes(_) if model.rule == Rule::Eventprop => event("trained by spike times".into()),
        Given::Spikes(_) if !closed(model) => clock("its neurons go by steps anyway".into()),
        Given::Spikes(None) => clock("how many spikes come is not known".into()),
        Given::Spikes(Some(rate)) if *rate < SPARSE => {
            event(format!("{rate:.2} input spikes in a step are few"))
        }
        Given::Spikes(Some(rate)) => clock(format!("{rate:.2} input spikes in a step are many")),
    }
}

/// Whether all neurons move in closed form.
fn closed(model: &Model) -> bool {
    model.net.spec().nodes.iter().all(|node| match &node.kind {
        NodeKind::Population { neuron, .. } => models()
            .iter()
            .any(|m| m.name == neuron && m.order.is_none()),
        _ => true,
    })
}
