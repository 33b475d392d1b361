//! Each preset of [`Convention`] beside the framework that it is named for: spikes and membranes of
//! `golden/conventions.json`, which `tests/oracle/conventions.py` writes by running the frameworks.

use cortado::network::{Network, NetworkSpec, NodeKind};
use cortado::neuron::{
    Arrivals, Convention, Decay, Gain, Pulse, Reset, ResetTime, Threshold, models,
};
use cortado::sim::clock::{Input, Probe};
use cortado::spikes::Spikes;
use serde_json::Value;
use std::collections::BTreeSet;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/conventions.json")).unwrap()
}

fn table(v: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(v.clone()).unwrap()
}

fn word<T: serde::de::DeserializeOwned>(v: &Value) -> T {
    serde_json::from_value(v.clone()).unwrap()
}

/// The name of an option, and what changes it.
type Turn = (&'static str, fn(&mut Convention));

/// The preset of a case, with its overrides.
fn convention(case: &Value) -> Convention {
    let mut c = Convention::preset(case["preset"].as_str().unwrap()).unwrap();
    for (key, value) in case["set"].as_object().unwrap() {
        match key.as_str() {
            "arrivals" => c.arrivals = word(value),
            "decay" => c.decay = word(value),
            "gain" => c.gain = word(value),
            "pulse" => c.pulse = word(value),
            "reset" => c.reset = word(value),
            other => panic!("{other}"),
        }
    }
    c
}

/// What Cortado does: spikes and membranes before the reset, `[steps][neurons]`.
fn ours(file: &Value, case: &Value, convention: Convention) -> (Vec<f64>, Vec<f64>) {
    let (x, w) = (table(&file["input"]), table(&file["weights"]));
    let (steps, inputs, neurons) = (x.len(), x[0].len(), w.len());
    let dense: Vec<f32> = x.iter().flatten().map(|&x| x as f32).collect();
    let params: Vec<(&str, f64)> = case["params"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_f64().unwrap()))
        .collect();
    let model = case["neuron"].as_str().unwrap();
    let mut spec = NetworkSpec::new(file["dt"].as_f64().unwrap())
        .linear("w", neurons)
        .population("p", model, &params);
    spec.convention = convention;
    for node in &mut spec.nodes {
        if let NodeKind::Population { reset, .. } = &mut node.kind {
            *reset = word(&case["reset"]);
        }
    }
    let mut net = Network::<f64>::new(&[inputs], &spec, 0).unwrap();
    let gain = case["gain"].as_f64().unwrap();
    let weights: Vec<f64> = w.iter().flatten().map(|w| w * gain).collect();
    net.set("w.weight", &weights).unwrap();
    let probe = Probe {
        node: "p".into(),
        what: "v".into(),
        neurons: Vec::new(),
    };
    let input = Input::Spikes(Spikes::from_dense(1, steps, inputs, &dense).unwrap());
    let record = net.run(&input, &[probe]).unwrap();
    (record.output, record.traces[0].data.clone())
}

/// Where a case differs, or nothing.
fn difference(file: &Value, case: &Value, convention: Convention) -> Option<String> {
    let (z, mut v) = ours(file, case, convention);
    let neurons = file["weights"].as_array().unwrap().len();
    let late = case["late"].as_u64().unwrap() as usize;
    let spikes: Vec<Vec<usize>> = word(&case["spikes"]);
    for (j, want) in spikes.iter().enumerate() {
        let steps = (0..z.len() / neurons).filter(|t| z[t * neurons + j] == 1.0);
        let got: Vec<usize> = steps
            .map(|t| t + late)
            .filter(|&t| t < z.len() / neurons)
            .collect();
        if got != *want {
            return Some(format!("spikes of neuron {j}: {got:?}, expected {want:?}"));
        }
    }
    if case["after"] == true {
        let param = |name: &str| case["params"][name].as_f64();
        let model = models()
            .into_iter()
            .find(|m| m.name == case["neuron"])
            .unwrap();
        let default = |name: &str| model.params[model.param(name).unwrap()].default;
        let of = |name: &str| param(name).unwrap_or_else(|| default(name));
        for (v, z) in v.iter_mut().zip(&z) {
            *v = match word(&case["reset"]) {
                _ if *z == 0.0 => *v,
                Reset::Value => of("v_reset"),
                Reset::Subtract => *v - of("v_threshold"),
                Reset::None => *v,
            };
        }
    }
    let tolerance = case["tolerance"].as_f64().unwrap();
    let want = table(&case["v"]).concat();
    let at = (0..v.len()).find(|&i| (v[i] - want[i]).abs() > tolerance * want[i].abs().max(1.0))?;
    let (step, neuron) = (at / neurons, at % neurons);
    Some(format!(
        "membrane of neuron {neuron} in step {step}: {}, expected {}",
        v[at], want[at]
    ))
}

#[test]
fn presets_are_the_frameworks_they_are_named_for() {
    let file = golden();
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in file["cases"].as_array().unwrap() {
        seen.insert(case["preset"].as_str().unwrap().to_string());
        if let Some(what) = difference(&file, case, convention(case)) {
            wrong.push(format!("{} {}: {what}", case["preset"], case["name"]));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    // `default` is Cortado's own; `surrogate-golden` has a test of its own.
    let others = ["default", "surrogate-golden"];
    let all = Convention::PRESETS
        .iter()
        .filter(|p| !others.contains(p))
        .map(|p| p.to_string());
    assert_eq!(seen, all.collect());
}

/// A golden file that any convention passed would say nothing: each option, turned round, is noticed in some case.
#[test]
fn every_option_of_a_preset_matters() {
    let file = golden();
    let turns: [Turn; 5] = [
        ("decay", |c| {
            c.decay = match c.decay {
                Decay::Euler => Decay::Exact,
                _ => Decay::Euler,
            }
        }),
        ("gain", |c| {
            c.gain = match c.gain {
                Gain::Scaled => Gain::Unscaled,
                Gain::Unscaled => Gain::Scaled,
            }
        }),
        ("pulse", |c| {
            c.pulse = match c.pulse {
                Pulse::Box => Pulse::Dirac,
                Pulse::Dirac => Pulse::Box,
            }
        }),
        ("threshold", |c| {
            c.threshold = match c.threshold {
                Threshold::Gt => Threshold::Ge,
                Threshold::Ge => Threshold::Gt,
            }
        }),
        ("reset", |c| {
            c.reset = match c.reset {
                ResetTime::SameStep => ResetTime::NextStep,
                ResetTime::NextStep => ResetTime::SameStep,
            }
        }),
    ];
    for (name, turn) in turns {
        for preset in Convention::PRESETS.iter().skip(2) {
            let cases = file["cases"].as_array().unwrap().iter();
            let mut cases = cases.filter(|c| c["preset"] == **preset);
            let noticed = cases.any(|case| {
                let mut c = convention(case);
                turn(&mut c);
                difference(&file, case, c).is_some()
            });
            // A box of gain 1 and a Dirac pulse are the same for a LIF.
            let unscaled = Convention::preset(preset).unwrap().gain == Gain::Unscaled;
            assert!(noticed || (name == "pulse" && unscaled), "{preset}: {name}");
        }
    }
    // Arrivals matter where a synapse has a state of its own.
    let case = file["cases"].as_array().unwrap().iter();
    for case in case.filter(|c| c["neuron"] == "cuba_lif") {
        let mut c = convention(case);
        assert_eq!(c.arrivals, Arrivals::BeforeFlow);
        c.arrivals = Arrivals::AfterFlow;
        assert!(difference(&file, case, c).is_some(), "{}", case["name"]);
    }
}
