//! Networks to NIR and back: the same bits where Cortado reads what it wrote, the same spikes where the graph alone is read.

use cortado::network::{
    DelayedEdge, Delays, Draw, Each, EdgeSpec, Network, NetworkSpec, NodeKind, Values,
};
use cortado::neuron::{Arrivals, Convention, Decay, Gain, Pulse, Reset, ResetTime, Threshold};
use cortado::num::Real;
use cortado::rng::{Purpose, Rng};
use cortado::sim::clock::Input;
use cortado::spikes::Spikes;
use cortado_convert::nir::{Exported, Fate, Fed, Options, export, import, is_own, restore};
use cortado_interop::nir::{File, Kind};

const STEPS: usize = 50;

fn input(net_inputs: usize, fed: Fed) -> Input<f64> {
    let mut rng = Rng::new(5, 0, Purpose::Weights, 0);
    let n = 2 * STEPS * net_inputs;
    match fed {
        Fed::Spikes => {
            let dense: Vec<f32> = (0..n)
                .map(|_| if rng.uniform() < 0.3 { 1.0 } else { 0.0 })
                .collect();
            Input::Spikes(Spikes::from_dense(2, STEPS, net_inputs, &dense).unwrap())
        }
        Fed::Currents => Input::Currents {
            samples: 2,
            steps: STEPS,
            data: (0..n).map(|_| 8.0 * rng.uniform()).collect(),
        },
    }
}

fn run(net: &Network<f64>, fed: Fed) -> Vec<f64> {
    net.run(&input(net.inputs(), fed), &[]).unwrap().output
}

/// Through a file and back; then by the graph alone. The outputs that are not zero, and how far the graph alone is off.
fn there_and_back(net: &Network<f64>, fed: Fed) -> (usize, f64) {
    let Exported { file, report } = export(net, fed).unwrap_or_else(|e| panic!("{e}"));
    assert!(!report.refuses());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nir");
    file.write(&path).unwrap();
    let read = File::read(&path).unwrap();
    assert!(is_own(&read));
    let want = run(net, fed);
    let back = restore::<f64>(&read)
        .unwrap_or_else(|e| panic!("{e}"))
        .network;
    assert_eq!(run(&back, fed), want);
    assert_eq!(export(&back, fed).unwrap().file.root, file.root);
    let options = Options::stated(&read).unwrap();
    let read = import::<f64>(&read, &options)
        .unwrap_or_else(|e| panic!("{e}"))
        .network;
    let got = run(&read, fed);
    assert_eq!(got.len(), want.len());
    let gap = got
        .iter()
        .zip(&want)
        .map(|(g, w)| (g - w).abs())
        .fold(0.0, f64::max);
    (want.iter().filter(|&&v| v != 0.0).count(), gap)
}

fn strong(mut net: Network<f64>) -> Network<f64> {
    let names: Vec<String> = net
        .params()
        .iter()
        .map(|p| p.name.clone())
        .filter(|n| n.ends_with("weight") || n.ends_with("bias"))
        .collect();
    for (k, name) in names.iter().enumerate() {
        let mut rng = Rng::new(k as u64, 3, Purpose::Weights, 0);
        let p = net.param(name).unwrap();
        let gain = if p.shape.len() > 1 {
            1.5 / (p.count() as f64 / p.shape[0] as f64).sqrt()
        } else {
            0.1
        };
        let values: Vec<f64> = (0..p.count())
            .map(|_| gain * (rng.normal() + 0.6))
            .collect();
        net.set(name, &values).unwrap();
    }
    net
}

fn build(input: &[usize], spec: &NetworkSpec) -> Network<f64> {
    strong(Network::new(input, spec, 3).unwrap())
}

fn with(spec: &mut NetworkSpec, name: &str, change: impl Fn(&mut NodeKind)) {
    change(&mut spec.nodes.iter_mut().find(|n| n.name == name).unwrap().kind);
}

fn set_bias(kind: &mut NodeKind) {
    if let NodeKind::Linear { bias, .. } | NodeKind::Conv2d { bias, .. } = kind {
        *bias = true;
    }
}

#[test]
fn every_convention_and_neuron_comes_back() {
    let boxed = Convention {
        pulse: Pulse::Box,
        ..Default::default()
    };
    let conventions = [
        Convention::default(),
        Convention {
            arrivals: Arrivals::BeforeFlow,
            decay: Decay::ExponentialEuler,
            ..Default::default()
        },
        Convention {
            decay: Decay::Euler,
            threshold: Threshold::Ge,
            ..boxed
        },
        Convention {
            decay: Decay::ExponentialEuler,
            gain: Gain::Unscaled,
            reset: ResetTime::NextStep,
            ..boxed
        },
        Convention {
            arrivals: Arrivals::BeforeFlow,
            decay: Decay::Euler,
            gain: Gain::Unscaled,
            ..Default::default()
        },
    ];
    for (k, convention) in conventions.into_iter().enumerate() {
        for reset in [Reset::Value, Reset::Subtract, Reset::None] {
            for cuba in [false, true] {
                let mut spec = NetworkSpec::new(1e-3)
                    .linear("w1", 12)
                    .population(
                        "a",
                        "lif",
                        &[
                            ("tau_mem", 8e-3),
                            ("r", 3.0),
                            ("v_leak", 0.05),
                            ("v_reset", -0.1),
                        ],
                    )
                    .linear("w2", 10)
                    .population("b", "if", &[("r", 400.0), ("v_threshold", 1.4)])
                    .linear("w3", 9)
                    .population(
                        "c",
                        if cuba { "cuba_lif" } else { "lif" },
                        &[("tau_mem", 9e-3), ("r", 4.0), ("v_reset", 0.1)],
                    )
                    .linear("w4", 4)
                    .population("d", if cuba { "cuba_li" } else { "li" }, &[("v_leak", 0.2)]);
                spec.convention = convention;
                for name in ["a", "b", "c"] {
                    with(&mut spec, name, |k| {
                        if let NodeKind::Population { reset: r, .. } = k {
                            *r = reset;
                        }
                    });
                }
                with(&mut spec, "w2", set_bias);
                // Under exact steps a current into a synapse reaches the membrane at once, which Euler steps do not say.
                let exact_box =
                    cuba && convention.decay == Decay::Exact && convention.pulse == Pulse::Box;
                assert!(!exact_box);
                let net = build(&[8], &spec);
                let (_, gap) = there_and_back(&net, Fed::Spikes);
                assert!(gap < 1e-9, "convention {k}, {reset:?}, cuba {cuba}: {gap}");
                let (_, gap) = there_and_back(&net, Fed::Currents);
                assert!(
                    gap < 1e-9,
                    "convention {k}, {reset:?}, cuba {cuba}, currents: {gap}"
                );
            }
        }
    }
}

#[test]
fn loops_delays_and_lone_numbers_come_back() {
    let mut spec = NetworkSpec::new(1e-3)
        .linear("w1", 12)
        .population("a", "lif", &[("tau_mem", 8e-3)])
        .recurrent()
        .linear("w2", 10)
        .population("b", "cuba_lif", &[("v_threshold", 0.4)])
        .linear("w3", 6)
        .population("c", "lif", &[("t_ref", 3e-3)]);
    with(&mut spec, "a_rec", set_bias);
    with(&mut spec, "w2", |k| {
        if let NodeKind::Linear { delays, .. } = k {
            *delays = Some(Delays {
                each: Each::Input,
                ..Delays::from(Values::Each(
                    (0..12).map(|i| f64::from(i % 5) * 1e-3).collect(),
                ))
            });
        }
    });
    with(&mut spec, "a", |k| {
        if let NodeKind::Population {
            params,
            train,
            per_neuron,
            ..
        } = k
        {
            params.insert(
                "tau_mem".into(),
                Values::Drawn(Draw::Uniform([5e-3, 15e-3])),
            );
            (*train, *per_neuron) = (vec!["tau_mem".into()], true);
        }
    });
    with(&mut spec, "b", |k| {
        if let NodeKind::Population { params, .. } = k {
            params.insert("tau_syn".into(), Values::Drawn(Draw::Uniform([2e-3, 9e-3])));
        }
    });
    let from = EdgeSpec::Delayed(DelayedEdge {
        node: "b".into(),
        delay: 4e-3,
    });
    spec.nodes.iter_mut().find(|n| n.name == "w3").unwrap().from = Some(vec![from]);
    let net = build(&[8], &spec);
    // The refractory period is no part of the graph.
    let Exported { file, report } = export(&net, Fed::Spikes).unwrap();
    let lost: Vec<&str> = report
        .of(Fate::Lost)
        .filter_map(|l| l.node.as_deref())
        .collect();
    assert_eq!(lost, ["c"]);
    assert_eq!(file.root.nodes["c"].metadata["t_ref"].number(), Some(3e-3));
    let (spikes, _) = there_and_back(&net, Fed::Spikes);
    assert!(spikes > 20, "{spikes}");
    with(&mut spec, "c", |k| {
        if let NodeKind::Population { params, .. } = k {
            params.clear();
        }
    });
    let (spikes, gap) = there_and_back(&build(&[8], &spec), Fed::Spikes);
    assert!(spikes > 20 && gap == 0.0, "{spikes} {gap}");
}

fn images() -> NetworkSpec {
    let mut spec = NetworkSpec::new(1e-3)
        .conv2d("c1", 4, 3)
        .node(
            "n1",
            NodeKind::BatchNorm {
                momentum: 0.1,
                epsilon: 1e-5,
            },
        )
        .population("a", "lif", &[("tau_mem", 6e-3)])
        .node("drop", NodeKind::Dropout { p: 0.3 })
        .node(
            "pool",
            NodeKind::AvgPool2d(cortado::network::Window {
                kernel: cortado::network::Pair::Both(2),
                stride: None,
            }),
        )
        .conv2d("c2", 4, 2)
        .population("b", "if", &[])
        .flatten("flat")
        .linear("w", 5)
        .node(
            "n2",
            NodeKind::BatchNorm {
                momentum: 0.1,
                epsilon: 1e-5,
            },
        )
        .population("out", "li", &[]);
    with(&mut spec, "c2", |k| {
        if let NodeKind::Conv2d { groups, stride, .. } = k {
            (*groups, *stride) = (2, cortado::network::Pair::Each([1, 2]));
        }
    });
    spec
}

#[test]
fn images_come_back_with_batch_norm_folded() {
    let mut net = build(&[2, 8, 8], &images());
    for name in ["n1", "n2"] {
        let n = net.param(&format!("{name}.weight")).unwrap().count();
        let ramp = |a: f64, b: f64| (0..n).map(|i| a + b * i as f64).collect::<Vec<f64>>();
        net.set(&format!("{name}.weight"), &ramp(0.8, 0.1)).unwrap();
        net.set(&format!("{name}.bias"), &ramp(0.1, -0.05)).unwrap();
        net.set(&format!("{name}.running_mean"), &ramp(0.2, 0.1))
            .unwrap();
        net.set(&format!("{name}.running_var"), &ramp(0.5, 0.3))
            .unwrap();
    }
    for fed in [Fed::Spikes, Fed::Currents] {
        let Exported { file, report } = export(&net, fed).unwrap();
        assert_eq!(
            report
                .of(Fate::Lost)
                .filter_map(|l| l.node.as_deref())
                .collect::<Vec<_>>(),
            ["drop"]
        );
        let back = restore::<f64>(&file).unwrap().network;
        let (want, got) = (run(&net, fed), run(&back, fed));
        let gap = got
            .iter()
            .zip(&want)
            .map(|(g, w)| (g - w).abs())
            .fold(0.0, f64::max);
        let size = want.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
        // Folding rounds otherwise than normalising.
        assert!(gap < 1e-9 && size > 0.1, "{gap} of {size}");
        let (_, gap) = there_and_back(&back, fed);
        assert!(gap < 1e-9, "{gap}");
    }
}

#[test]
fn single_precision_keeps_its_bits() {
    let spec = NetworkSpec::new(1e-3)
        .linear("w1", 12)
        .population("a", "lif", &[])
        .recurrent()
        .linear("w2", 4)
        .population("b", "li", &[]);
    let net = Network::<f32>::new(&[8], &spec, 7).unwrap();
    let file = export(&net, Fed::Currents).unwrap().file;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nir");
    file.write(&path).unwrap();
    let back = restore::<f32>(&File::read(&path).unwrap()).unwrap().network;
    assert_eq!(back.params(), net.params());
    assert_eq!(back.spec().nodes.len(), 5);
    assert!(
        back.params()
            .iter()
            .all(|p| p.values().iter().all(|v| v.value().is_finite()))
    );
}

#[test]
fn a_graph_that_was_changed_is_not_restored() {
    let spec =
        NetworkSpec::new(1e-3)
            .linear("w1", 3)
            .population("a", "lif", &[("v_threshold", 0.7)]);
    let net = build(&[2], &spec);
    let good = export(&net, Fed::Spikes).unwrap().file;
    restore::<f64>(&good).unwrap();
    let mut other = good.clone();
    let Kind::LIF { v_threshold, .. } = &mut other.root.nodes.get_mut("a").unwrap().kind else {
        panic!()
    };
    v_threshold.data[1] = 0.8;
    let message = restore::<f64>(&other).err().unwrap().to_string();
    assert!(
        message.contains("'a'") && message.contains("changed"),
        "{message}"
    );
    let mut other = good.clone();
    other.root.connect("a", "w1");
    assert!(restore::<f64>(&other).is_err());
    // A definition that asks for other weights than there are makes none.
    let mut other = good.clone();
    let spec = other.root.metadata["cortado_spec"]
        .text()
        .unwrap()
        .replace("\"n\":3", "\"n\":900000000");
    other
        .root
        .metadata
        .insert("cortado_spec".into(), spec.as_str().into());
    assert!(
        restore::<f64>(&other)
            .err()
            .unwrap()
            .to_string()
            .contains("'w1'")
    );
    // Weights are the graph's own: they may be trained on elsewhere.
    let mut other = good.clone();
    let Kind::Linear { weight } = &mut other.root.nodes.get_mut("w1").unwrap().kind else {
        panic!()
    };
    weight.data[0] = 0.25;
    assert_eq!(
        restore::<f64>(&other)
            .unwrap()
            .network
            .param("w1.weight")
            .unwrap()
            .values()[0],
        0.25
    );
}

#[test]
fn what_nir_has_no_node_for_is_an_error_with_its_name() {
    let refused = |spec: &NetworkSpec, input: &[usize], fed: Fed| {
        let net = Network::<f64>::new(input, spec, 0).unwrap();
        export(&net, fed)
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default()
    };
    for neuron in ["alif", "adlif", "se_adlif", "adex", "izhikevich", "cuba_if"] {
        let spec = NetworkSpec::new(1e-3)
            .linear("w", 3)
            .population("odd", neuron, &[]);
        let line = refused(&spec, &[2], Fed::Spikes);
        assert!(
            line.contains("'odd'") && line.contains(neuron),
            "{neuron}: {line}"
        );
    }
    let mut spec = images();
    with(&mut spec, "pool", |k| {
        *k = NodeKind::MaxPool2d(cortado::network::Window {
            kernel: cortado::network::Pair::Both(2),
            stride: None,
        })
    });
    assert!(refused(&spec, &[2, 8, 8], Fed::Spikes).contains("'pool'"));
    let mut spec = NetworkSpec::new(1e-3)
        .linear("w", 3)
        .population("a", "lif", &[]);
    with(&mut spec, "w", |k| {
        if let NodeKind::Linear { delays, .. } = k {
            *delays = Some(Delays::from(Values::Each(
                (0..6).map(|i| f64::from(i) * 1e-3).collect(),
            )));
        }
    });
    assert!(refused(&spec, &[2], Fed::Spikes).contains("each weight"));
    // A current into a synapse reaches the membrane within an exact step.
    let spec = NetworkSpec::new(1e-3)
        .linear("w", 3)
        .population("a", "cuba_lif", &[]);
    assert!(refused(&spec, &[2], Fed::Currents).contains("'a'"));
    assert_eq!(refused(&spec, &[2], Fed::Spikes), "");
    // Batch norm behind spikes has no weights to go into.
    let spec = NetworkSpec::new(1e-3)
        .linear("w", 3)
        .population("a", "lif", &[])
        .node(
            "norm",
            NodeKind::BatchNorm {
                momentum: 0.1,
                epsilon: 1e-5,
            },
        )
        .population("b", "lif", &[]);
    assert!(refused(&spec, &[2], Fed::Spikes).contains("'norm'"));
}

/// What `cortado convert` makes, its maxima being means: exact where Cortado reads it, by the graph alone where membranes start at 0.
#[test]
fn a_converted_network_leaves() {
    for start in [0.0, 0.5] {
        let text = format!(
            r#"dt = 1e-3
            convention = {{ gain = "unscaled", threshold = "ge" }}
            nodes = [
                {{ name = "c", type = "conv2d", channels = 3, kernel = 3, bias = true }},
                {{ name = "a", type = "population", neuron = "if", reset = "subtract", params = {{ v_threshold = 8.0, v_init = {} }} }},
                {{ name = "p", type = "avg_pool2d", kernel = 2 }},
                {{ name = "flat", type = "flatten" }},
                {{ name = "fc", type = "linear", n = 7, bias = true, scale = 4.0 }},
                {{ name = "b", type = "population", neuron = "if", reset = "subtract", params = {{ v_init = {start} }} }},
                {{ name = "out", type = "linear", n = 4 }},
                {{ name = "readout", type = "population", neuron = "i" }},
            ]"#,
            8.0 * start
        );
        let spec: NetworkSpec = toml::from_str(&text).unwrap();
        let net = Network::<f64>::new(&[2, 6, 6], &spec, 4).unwrap();
        let Exported { file, report } = export(&net, Fed::Currents).unwrap();
        let lost = report
            .of(Fate::Lost)
            .filter(|l| l.what.contains("starts at"));
        assert_eq!(lost.count(), if start > 0.0 { 2 } else { 0 });
        assert!(
            file.root
                .nodes
                .values()
                .any(|n| matches!(n.kind, Kind::I { .. }))
        );
        if start == 0.0 {
            let (active, gap) = there_and_back(&net, Fed::Currents);
            assert!(active > 100 && gap < 1e-9, "{active} {gap}");
        } else {
            let back = restore::<f64>(&file).unwrap().network;
            assert_eq!(run(&back, Fed::Currents), run(&net, Fed::Currents));
        }
    }
}
