//! Files of other tools beside what these tools do: `data/nir`, which `tests/oracle/nir_producers.py` writes.

use cortado::neuron::ResetTime;
use cortado::num::Real;
use cortado::sim::clock::{Input, Probe};
use cortado::spikes::Spikes;
use cortado_convert::nir::{
    Current, Discretisation, Gain, Options, ResetRule, Spike, TauUnit, import,
};
use cortado_interop::nir::File;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nir")
}

fn json(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn nir(name: &str) -> File {
    File::read(&folder().join(format!("{name}.nir"))).unwrap()
}

/// What the file does not say and the preset does not know.
fn options(name: &str, golden: &Value) -> Options {
    let preset = Options::preset(
        golden["producer"].as_str().unwrap(),
        golden["dt"].as_f64().unwrap(),
    )
    .unwrap();
    match name {
        "snntorch-lif-zero" => preset.with_reset(ResetRule::Value),
        "sinabs-lif-whole" => Options {
            gain: Gain::Whole,
            ..preset
        },
        _ => preset,
    }
}

fn input(golden: &Value, run: &Value, kind: &str) -> Input<f32> {
    let steps = golden["steps"].as_u64().unwrap() as usize;
    let width: usize = golden["shape"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d.as_u64().unwrap() as usize)
        .product();
    let rows = run["input"].as_array().unwrap();
    let mut data = vec![0.0; steps * width];
    for (t, row) in rows.iter().enumerate() {
        for (i, v) in row.as_array().unwrap().iter().enumerate() {
            match kind {
                "spikes" => data[t * width + v.as_u64().unwrap() as usize] = 1.0,
                _ => data[t * width + i] = v.as_f64().unwrap() as f32,
            }
        }
    }
    match kind {
        "spikes" => Input::Spikes(Spikes::from_dense(1, steps, width, &data).unwrap()),
        _ => Input::Currents {
            samples: 1,
            steps,
            data,
        },
    }
}

/// Spikes of the tool, spikes here that are not there or the other way round, and the largest difference of a membrane;
/// nothing where the options make no network of it.
fn compare(name: &str, golden: &Value, options: &Options) -> Option<(usize, usize, f64)> {
    let net = import::<f32>(&nir(name), options).ok()?.network;
    let (mut spikes, mut differ, mut largest) = (0, 0, 0.0_f64);
    for (kind, run) in golden["runs"].as_object().unwrap() {
        let layers = run["layers"].as_object().unwrap();
        let probes: Vec<Probe> = layers
            .iter()
            .map(|(node, l)| Probe {
                node: node.clone(),
                what: if l["v"].is_array() { "v" } else { "spikes" }.into(),
                neurons: Vec::new(),
            })
            .collect();
        let record = net.run(&input(golden, run, kind), &probes).ok()?;
        for (layer, trace) in layers.values().zip(&record.traces) {
            if let Some(rows) = layer["v"].as_array() {
                let want = rows
                    .iter()
                    .flat_map(|r| r.as_array().unwrap())
                    .map(|v| v.as_f64().unwrap());
                let gaps = want.zip(&trace.data).map(|(w, v)| (w - v.value()).abs());
                largest = gaps.fold(largest, f64::max);
                continue;
            }
            let trains: Vec<Vec<usize>> = serde_json::from_value(layer["spikes"].clone()).unwrap();
            let mut want = vec![0.0; trace.data.len()];
            for (j, train) in trains.iter().enumerate() {
                train.iter().for_each(|t| want[t * trains.len() + j] = 1.0);
            }
            spikes += trains.iter().map(Vec::len).sum::<usize>();
            differ += want.iter().zip(&trace.data).filter(|(w, z)| w != z).count();
        }
    }
    Some((spikes, differ, largest))
}

/// Every file, with the spikes of the tool on both inputs: the table of `docs/book/nir.md`.
const NETWORKS: [(&str, usize); 16] = [
    ("norse-box", 186),
    ("norse-conv", 1553),
    ("norse-lif", 494),
    ("sinabs-conv", 1956),
    ("sinabs-lif", 121),
    ("sinabs-lif-whole", 441),
    ("snntorch-conv", 3843),
    ("snntorch-lif", 390),
    ("snntorch-lif-zero", 241),
    ("snntorch-recurrent", 510),
    ("snntorch-recurrent-synaptic", 589),
    ("snntorch-synaptic", 772),
    ("spikingjelly-conv", 2712),
    ("spikingjelly-cuba", 596),
    ("spikingjelly-lif", 180),
    ("spikingjelly-parametric", 196),
];

#[test]
fn networks_of_other_tools_fire_the_same_spikes_here() {
    let files = std::fs::read_dir(folder())
        .unwrap()
        .map(|f| f.unwrap().path());
    let nir = files.filter(|p| p.extension().is_some_and(|e| e == "nir"));
    // With the reference.
    assert_eq!(nir.count(), NETWORKS.len() + 1);
    for (name, count) in NETWORKS {
        let golden = json(name);
        let (spikes, differ, largest) = compare(name, &golden, &options(name, &golden)).unwrap();
        assert_eq!((spikes, differ), (count, 0), "{name}");
        assert!(largest < 1e-6, "{name}: {largest}");
    }
}

/// A change of an option.
type Turn = (&'static str, fn(&mut Options));

/// Files that any options read alike would say nothing: each option, turned round, is noticed in a file of each tool, but for
/// those that no file of the tool depends on.
#[test]
fn every_option_of_a_preset_matters() {
    let turns: [Turn; 9] = [
        ("tau_unit", |o| {
            o.tau_unit = if o.tau_unit == TauUnit::S {
                TauUnit::Steps
            } else {
                TauUnit::S
            }
        }),
        ("discretisation", |o| {
            o.discretisation = match o.discretisation {
                Discretisation::Euler => Discretisation::ExpEuler,
                _ => Discretisation::Euler,
            }
        }),
        ("current", |o| {
            o.current = if o.current == Current::New {
                Current::Old
            } else {
                Current::New
            }
        }),
        ("reset", |o| {
            o.reset = if o.reset == ResetRule::Value {
                ResetRule::Subtract
            } else {
                ResetRule::Value
            }
        }),
        ("reset_time", |o| {
            o.reset_time = match o.reset_time {
                ResetTime::SameStep => ResetTime::NextStep,
                ResetTime::NextStep => ResetTime::SameStep,
            }
        }),
        ("gain", |o| o.gain = turn(o.gain)),
        ("readout_gain", |o| o.readout_gain = turn(o.readout_gain)),
        ("integrator_gain", |o| {
            o.integrator_gain = turn(o.integrator_gain)
        }),
        ("synapse_gain", |o| o.synapse_gain = turn(o.synapse_gain)),
    ];
    let mut unnoticed = Vec::new();
    for producer in ["norse", "sinabs", "snntorch", "spikingjelly"] {
        for (option, turn) in turns {
            let noticed = NETWORKS
                .iter()
                .filter(|n| n.0.starts_with(producer))
                .any(|(name, _)| {
                    let golden = json(name);
                    let mut o = options(name, &golden);
                    turn(&mut o);
                    match compare(name, &golden, &o) {
                        Some((_, differ, largest)) => differ > 0 || largest > 1e-3,
                        None => true,
                    }
                });
            if !noticed {
                unnoticed.push((producer, option));
            }
        }
    }
    // The R of snnTorch, and those of IF, say that an input counts whole; an LI is not in the files of snnTorch and
    // SpikingJelly, a synaptic current not in those of Sinabs.
    let expected = [
        ("sinabs", "current"),
        ("sinabs", "integrator_gain"),
        ("sinabs", "synapse_gain"),
        ("snntorch", "gain"),
        ("snntorch", "readout_gain"),
        ("snntorch", "integrator_gain"),
        ("spikingjelly", "readout_gain"),
        ("spikingjelly", "integrator_gain"),
    ];
    assert_eq!(unnoticed, expected);
}

fn turn(gain: Gain) -> Gain {
    if gain == Gain::File {
        Gain::Whole
    } else {
        Gain::File
    }
}

/// The LIF of the NIR repository, whose spikes come from the closed form of its membrane.
#[test]
fn the_reference_neuron_fires_in_the_steps_of_its_closed_form() {
    let golden = json("reference-lif");
    let dt = golden["dt"].as_f64().unwrap();
    let steps = golden["steps"].as_u64().unwrap() as usize;
    let options = Options {
        spike: Spike::Box,
        ..Options::preset("nir", dt).unwrap()
    };
    let net = import::<f64>(&nir("reference-lif"), &options)
        .unwrap()
        .network;
    let mut x = vec![0.0; steps];
    golden["input"]
        .as_array()
        .unwrap()
        .iter()
        .for_each(|t| x[t.as_u64().unwrap() as usize] = 1.0);
    let probe = Probe {
        node: "1".into(),
        what: "v".into(),
        neurons: Vec::new(),
    };
    let record = net
        .run(
            &Input::Currents {
                samples: 1,
                steps,
                data: x,
            },
            &[probe],
        )
        .unwrap();
    let fired: Vec<usize> = (0..steps).filter(|&t| record.output[t] == 1.0).collect();
    let exact: Vec<f64> = serde_json::from_value(golden["spikes"].clone()).unwrap();
    let exact: Vec<usize> = exact.iter().map(|t| (t / dt) as usize).collect();
    assert_eq!(fired, exact);
    // Up to the first spike the membrane is the closed form; after it, the reset came within the step there.
    let v: Vec<f64> = serde_json::from_value(golden["v"].clone()).unwrap();
    let gap = (0..fired[0])
        .map(|t| (v[t] - record.traces[0].data[t]).abs())
        .fold(0.0, f64::max);
    assert!(gap < 1e-9, "{gap}");
}
