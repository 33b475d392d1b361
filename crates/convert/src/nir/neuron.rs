//! From a neuron of NIR to one of Cortado with the same equation of a step.
//!
//! A step of NIR's membrane is `v <- B v + (1 - B) v_leak + g x` for a current and `+ f w` for a pulse. Cortado has the same
//! with `g = r (1 - B)` or 1, and `f = 1`. Where the file's factors cannot be had so, the unit of the membrane changes: a
//! neuron with threshold, reset and leak divided by a number fires the same spikes for inputs that count as many times less.

use super::flat::place;
use super::options::{Current, Discretisation, Gain, Options, ResetRule, Spike};
use super::report::{Fate, Report};
use super::shapes::Shape;
use super::table::{Input, Table, leaky, r_of, zip};
use crate::{Error, Result};
use cortado::network::{NodeKind, Values};
use cortado::neuron::Reset;
use cortado_interop::nir::Kind;
use std::collections::BTreeMap;

/// A population of Cortado, or two, that stand for a node.
pub(super) struct Cells {
    /// The synaptic current as a population of its own, whose membrane goes into the next.
    pub synapse: Option<NodeKind>,
    /// Whether the membrane takes the current of the step before.
    pub late: bool,
    /// The neurons.
    pub body: NodeKind,
    /// What weights into it have to be multiplied by.
    pub fold: Vec<f64>,
    /// What its bias has to be multiplied by besides, where spikes are pulses; nothing where it cannot be had.
    pub bias: Option<Vec<f64>>,
}

/// What the network as a whole has settled.
pub(super) struct Rules<'a> {
    pub options: &'a Options,
    /// Whether a current enters as it is, and not times `r (1 - B)`.
    pub unscaled: bool,
    /// Whether a node without `v_reset` goes to 0 in the file's version, if that is known.
    pub resets: Option<bool>,
}

/// The population that stands for a node of neurons.
///
/// # Errors
/// Parameters that no neuron here has, named.
pub(super) fn cells(
    name: &str,
    kind: &Kind,
    shape: &Shape,
    rules: &Rules<'_>,
    report: &mut Report,
) -> Result<Cells> {
    let table = Table {
        name,
        shape,
        tensors: kind.tensors().into_iter().collect(),
    };
    let o = rules.options;
    match kind {
        Kind::Threshold { .. } => threshold(&table, o),
        Kind::I { .. } | Kind::IF { .. } => {
            let r = table.positive("r", 1.0)?;
            let of = |file: &dyn Fn(f64) -> f64| match o.integrator_gain {
                Gain::File => r.iter().map(|&r| file(r)).collect(),
                Gain::Whole | Gain::Decayed => vec![1.0; r.len()],
            };
            let (current, pulse) = (of(&|r| r * (o.dt / o.unit())), of(&|r| r));
            let one = vec![1.0; r.len()];
            let neuron = match kind {
                Kind::I { .. } => "i",
                _ => "if",
            };
            let input = Input {
                b: one,
                tau: Vec::new(),
                current,
                pulse,
            };
            direct(neuron, &table, input, rules, report)
        }
        Kind::LI { .. } | Kind::LIF { .. } => {
            let (neuron, gain) = match kind {
                Kind::LI { .. } => ("li", o.readout_gain),
                _ => ("lif", o.gain),
            };
            let input = leaky(&table, ["tau", "r"], gain, o, report)?;
            direct(neuron, &table, input, rules, report)
        }
        Kind::CubaLI { .. } | Kind::CubaLIF { .. } => {
            let fires = matches!(kind, Kind::CubaLIF { .. });
            let synapse = leaky(&table, ["tau_syn", "w_in"], o.synapse_gain, o, report)?;
            let gain = if fires { o.gain } else { o.readout_gain };
            let membrane = leaky(&table, ["tau_mem", "r"], gain, o, report)?;
            if o.discretisation == Discretisation::Exact {
                return exact(&table, fires, rules, report);
            }
            synaptic(&table, fires, [synapse, membrane], rules, report)
        }
        _ => Err(Error::invalid("node", place(name), "neurons", kind.name())),
    }
}

/// Neurons on whose membrane inputs act.
fn direct(
    neuron: &'static str,
    table: &Table<'_>,
    input: Input,
    rules: &Rules<'_>,
    report: &mut Report,
) -> Result<Cells> {
    let o = rules.options;
    // What Cortado does not multiply by itself.
    let scale = match (o.spike, rules.unscaled) {
        (Spike::Box, false) => vec![1.0; input.b.len()],
        (Spike::Box, true) => input.current.clone(),
        (Spike::Dirac, _) => input.pulse.clone(),
    };
    let mut params = BTreeMap::new();
    if !rules.unscaled {
        // As the file says it, where it can be had: no product is rounded twice.
        let gain = if matches!(neuron, "li" | "i") {
            o.readout_gain
        } else {
            o.gain
        };
        let plain =
            o.spike == Spike::Box && gain == Gain::File && table.tensors.contains_key("tau");
        let r = if plain {
            table.get("r", 1.0)?
        } else {
            r_of(&input, &zip(&input.current, &scale, |g, s| g / s), o.dt)
        };
        params.insert("r".to_string(), r);
    }
    if !input.tau.is_empty() {
        params.insert("tau_mem".to_string(), input.tau);
    }
    let fires = matches!(neuron, "if" | "lif");
    let reset = if fires {
        spiking(table, &scale, neuron != "if", rules, &mut params)?
    } else {
        Reset::None
    };
    if neuron == "li" {
        params.insert("v_leak".into(), table.get("v_leak", 0.0)?);
    }
    if scale.iter().any(|&s| s != 1.0) {
        let what = if fires {
            "the membrane is in units of what one input spike adds"
        } else {
            "weights into it are multiplied by what one input spike adds"
        };
        report.node(Fate::Taken, table.name, what);
    }
    let bias = (o.spike == Spike::Dirac).then(|| zip(&input.current, &input.pulse, |g, f| g / f));
    let one = vec![1.0; scale.len()];
    Ok(Cells {
        synapse: None,
        late: false,
        body: population(neuron, params, reset),
        fold: if fires { one.clone() } else { scale },
        bias: Some(bias.unwrap_or(one)),
    })
}

/// Threshold, reset and leak in a unit of `scale`.
fn spiking(
    table: &Table<'_>,
    scale: &[f64],
    leaks: bool,
    rules: &Rules<'_>,
    params: &mut BTreeMap<String, Vec<f64>>,
) -> Result<Reset> {
    let unit = |v: Vec<f64>| zip(&v, scale, |v, s| v / s);
    params.insert("v_threshold".into(), unit(table.get("v_threshold", 1.0)?));
    if leaks {
        params.insert("v_leak".into(), unit(table.get("v_leak", 0.0)?));
    }
    let stated = table.tensors.contains_key("v_reset");
    let reset = match (rules.options.reset, rules.resets) {
        (ResetRule::Value, _) => Reset::Value,
        (ResetRule::Subtract, _) => Reset::Subtract,
        (ResetRule::None, _) => Reset::None,
        (ResetRule::File, _) if stated => Reset::Value,
        (ResetRule::File, Some(true)) => Reset::Value,
        (ResetRule::File, Some(false)) => Reset::Subtract,
        (ResetRule::File, None) => {
            let expected =
                "value, subtract or none, as there is no v_reset and no version that says";
            return Err(Error::invalid("reset", place(table.name), expected, "file"));
        }
    };
    if reset == Reset::Value {
        params.insert("v_reset".into(), unit(table.get("v_reset", 0.0)?));
    }
    Ok(reset)
}

/// Neurons with a synaptic current that is a population of its own.
fn synaptic(
    table: &Table<'_>,
    fires: bool,
    [synapse, membrane]: [Input; 2],
    rules: &Rules<'_>,
    report: &mut Report,
) -> Result<Cells> {
    let o = rules.options;
    let n = synapse.b.len();
    // The current is in units of what one input adds; the membrane takes it back.
    let scale = match (o.spike, rules.unscaled) {
        (Spike::Box, false) => vec![1.0; n],
        (Spike::Box, true) => synapse.current.clone(),
        (Spike::Dirac, _) => synapse.pulse.clone(),
    };
    let mut first = BTreeMap::from([("tau_mem".to_string(), synapse.tau.clone())]);
    let mut second = BTreeMap::from([("tau_mem".to_string(), membrane.tau.clone())]);
    let mut outer = vec![1.0; n];
    if rules.unscaled {
        outer = zip(&membrane.current, &scale, |g, s| g * s);
    } else {
        first.insert(
            "r".into(),
            r_of(&synapse, &zip(&synapse.current, &scale, |g, s| g / s), o.dt),
        );
        second.insert(
            "r".into(),
            r_of(
                &membrane,
                &zip(&membrane.current, &scale, |g, s| g * s),
                o.dt,
            ),
        );
    }
    let mut reset = Reset::None;
    if fires {
        reset = spiking(table, &outer, true, rules, &mut second)?;
    } else {
        second.insert("v_leak".into(), table.get("v_leak", 0.0)?);
    }
    report.node(
        Fate::Taken,
        table.name,
        format!(
            "its synaptic current is a population of its own, '{}.synapse'",
            table.name
        ),
    );
    let bias =
        (o.spike == Spike::Dirac).then(|| zip(&synapse.current, &synapse.pulse, |g, f| g / f));
    let one = vec![1.0; n];
    Ok(Cells {
        synapse: Some(population("li", first, Reset::None)),
        late: o.current == Current::Old,
        body: population(if fires { "lif" } else { "li" }, second, reset),
        fold: if fires { one.clone() } else { outer },
        bias: Some(bias.unwrap_or(one)),
    })
}

/// Neurons with a synaptic current, solved together.
fn exact(table: &Table<'_>, fires: bool, rules: &Rules<'_>, report: &mut Report) -> Result<Cells> {
    let o = rules.options;
    let gain = if fires { o.gain } else { o.readout_gain };
    if [gain, o.synapse_gain] != [Gain::File; 2] || rules.unscaled {
        let expected = "a gain as the file says: what counts whole has no exact solution";
        return Err(Error::invalid(
            "gain",
            place(table.name),
            expected,
            "another",
        ));
    }
    let seconds = |name: &'static str| -> Result<Vec<f64>> {
        Ok(table.get(name, 1.0)?.iter().map(|t| t * o.unit()).collect())
    };
    let input = match o.spike {
        Spike::Box => table.get("w_in", 1.0)?,
        Spike::Dirac => zip(
            &table.get("w_in", 1.0)?,
            &table.get("tau_syn", 1.0)?,
            |w, t| w / t,
        ),
    };
    let mut params = BTreeMap::from([
        ("tau_mem".to_string(), seconds("tau_mem")?),
        ("tau_syn".to_string(), seconds("tau_syn")?),
        (
            "r".to_string(),
            zip(&table.get("r", 1.0)?, &input, |r, w| r * w),
        ),
    ]);
    let one = vec![1.0; input.len()];
    let mut reset = Reset::None;
    if fires {
        reset = spiking(table, &one, true, rules, &mut params)?;
    } else {
        params.insert("v_leak".into(), table.get("v_leak", 0.0)?);
    }
    if input.iter().any(|&w| w != 1.0) {
        report.node(
            Fate::Taken,
            table.name,
            "its synaptic current is in units of what one input spike adds",
        );
    }
    Ok(Cells {
        synapse: None,
        late: false,
        body: population(if fires { "cuba_lif" } else { "cuba_li" }, params, reset),
        bias: (o.spike == Spike::Box).then(|| one.clone()),
        fold: one,
    })
}

/// A spike where the input is above threshold: a membrane that keeps nothing.
fn threshold(table: &Table<'_>, o: &Options) -> Result<Cells> {
    let one = vec![1.0; table.shape.iter().product()];
    let params = BTreeMap::from([
        ("tau_mem".to_string(), vec![forgetful(o); one.len()]),
        ("v_threshold".to_string(), table.get("threshold", 0.0)?),
    ]);
    Ok(Cells {
        synapse: None,
        late: false,
        body: population("lif", params, Reset::None),
        fold: one.clone(),
        bias: Some(one),
    })
}

/// A time constant with which a membrane keeps nothing of the step before.
pub(super) fn forgetful(o: &Options) -> f64 {
    match o.discretisation {
        Discretisation::Euler => o.dt,
        _ => 1e-9_f64.max(o.dt / 1e4),
    }
}

/// A population that hands on the sum of what reaches it.
pub(super) fn adder(o: &Options) -> NodeKind {
    let params = BTreeMap::from([("tau_mem".to_string(), vec![forgetful(o)])]);
    population("li", params, Reset::None)
}

fn population(neuron: &str, params: BTreeMap<String, Vec<f64>>, reset: Reset) -> NodeKind {
    let values = |v: Vec<f64>| match v.iter().all(|x| *x == v[0]) {
        true => Values::One(v[0]),
        false => Values::Each(v),
    };
    NodeKind::Population {
        neuron: neuron.into(),
        params: params.into_iter().map(|(k, v)| (k, values(v))).collect(),
        reset,
        train: Vec::new(),
        bounds: BTreeMap::new(),
        per_neuron: false,
    }
}
