//! What a file leaves open, said in the report.

use super::flat::Flat;
use super::neuron::Rules;
use super::options::{Current, Discretisation, ResetRule, Spike, TauUnit};
use super::report::{Fate, Report};
use cortado::neuron::{ResetTime, Threshold};
use cortado_interop::nir::{File, Kind};

/// What the file leaves open, as the options decide it.
pub(super) fn assumptions(file: &File, flat: &Flat<'_>, rules: &Rules<'_>, report: &mut Report) {
    let o = rules.options;
    let mut say = |what: String| report.graph(Fate::Assumed, what);
    say(format!("a step is {} s", o.dt));
    say(match o.tau_unit {
        TauUnit::S => "times are in seconds".into(),
        TauUnit::Ms => "times are in milliseconds".into(),
        TauUnit::Steps => "times are in steps".into(),
        TauUnit::DtS => "time constants are in seconds times the step".into(),
    });
    say(format!(
        "a decay over a step is {}",
        match o.discretisation {
            Discretisation::Euler => "1 - dt / tau (Euler)",
            Discretisation::ExpEuler => "exp(-dt / tau), each state by itself",
            Discretisation::Exact => "exp(-dt / tau), states solved together",
        }
    ));
    say(match o.spike {
        Spike::Box => "a spike is a current of 1 for one step".into(),
        Spike::Dirac => {
            "a spike is a pulse of area 1, at the end of the step; the graph's input is spikes"
                .into()
        }
    });
    say(format!(
        "a neuron fires {} threshold",
        match o.threshold {
            Threshold::Gt => "above",
            Threshold::Ge => "at",
        }
    ));
    let is = |f: fn(&Kind) -> bool| flat.nodes.iter().any(|n| f(&n.kind));
    if is(|k| matches!(k, Kind::IF { .. } | Kind::LIF { .. } | Kind::CubaLIF { .. })) {
        let rule = match o.reset {
            ResetRule::Value => "goes to v_reset".into(),
            ResetRule::Subtract => "is lowered by the threshold".into(),
            ResetRule::None => "stays".into(),
            ResetRule::File if rules.resets != Some(true) => {
                format!(
                    "goes to v_reset, or is lowered by the threshold where there is none, as in version {}",
                    file.version
                )
            }
            ResetRule::File => format!(
                "goes to v_reset, 0 if there is none, as in version {}",
                file.version
            ),
        };
        let when = match o.reset_time {
            ResetTime::SameStep => "in the step of the spike",
            ResetTime::NextStep => "in the step after the spike",
        };
        say(format!("after a spike the membrane {rule}, {when}"));
    }
    if is(|k| matches!(k, Kind::CubaLIF { .. } | Kind::CubaLI { .. }))
        && o.discretisation != Discretisation::Exact
    {
        say(format!(
            "a membrane takes the synaptic current of {}",
            match o.current {
                Current::New => "the same step",
                Current::Old => "the step before",
            }
        ));
    }
    say("membranes start at v_leak, currents at 0".into());
    let preset = format!("by the preset '{}'", o.producer);
    o.unwritten()
        .iter()
        .for_each(|what| say(format!("{what} ({preset})")));
    if !o.is_held() {
        say(format!(
            "the preset '{}' follows the source text of the tool and is not held to its spikes",
            o.producer
        ));
    }
    for (i, node) in flat.nodes.iter().enumerate() {
        if !node.metadata.is_empty() {
            let keys: Vec<&str> = node.metadata.keys().map(String::as_str).collect();
            report.node(
                Fate::Lost,
                &flat.names[i],
                format!("metadata is not looked at: {}", keys.join(", ")),
            );
        }
    }
    if !file.root.metadata.is_empty() {
        let keys: Vec<&str> = file.root.metadata.keys().map(String::as_str).collect();
        report.graph(
            Fate::Lost,
            format!("metadata is not looked at: {}", keys.join(", ")),
        );
    }
}
