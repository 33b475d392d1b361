//! Imported networks beside a slow interpreter that takes NIR's equations node by node, step by step.

mod slow;

use cortado::neuron::{ResetTime, Threshold};
use cortado::rng::{Purpose, Rng};
use cortado::sim::clock::{Input, Probe};
use cortado::spikes::Spikes;
use cortado_convert::nir::{
    Current, Discretisation, Fate, Gain, Options, ResetRule, Spike, TauUnit, check, import,
};
use cortado_interop::nir::{Extent, File, Graph, Kind, Node, Padding, Tensor};
use slow::{DT, Slow, size};

const STEPS: usize = 60;

/// Random tensors.
struct Dice(Rng);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(Rng::new(seed, 0, Purpose::Weights, 0))
    }

    fn between(&mut self, shape: &[usize], low: f64, high: f64) -> Tensor {
        let data = (0..size(shape))
            .map(|_| low + (high - low) * self.0.uniform())
            .collect();
        Tensor::f64(shape, data)
    }

    fn weights(&mut self, shape: &[usize], gain: f64) -> Tensor {
        let data = (0..size(shape))
            .map(|_| gain * (self.0.normal() + 0.5))
            .collect();
        Tensor::f64(shape, data)
    }

    fn lif(&mut self, shape: &[usize], r: f64) -> Kind {
        Kind::LIF {
            tau: self.between(shape, 3e-3, 12e-3),
            r: self.between(shape, 0.8 * r, 1.3 * r),
            v_leak: self.between(shape, -0.1, 0.1),
            v_threshold: self.between(shape, 0.5, 1.2),
            v_reset: Some(self.between(shape, -0.2, 0.2)),
        }
    }
}

type Order<'a> = [(&'a str, &'a [usize])];

/// Runs both; the spikes of all nodes that fire, and the largest gap of what the output takes.
fn agree(graph: &Graph, order: &Order<'_>, o: &Options, spikes: bool, seed: u64) -> usize {
    agree_to(graph, order, o, spikes, (seed, 1e-9))
}

fn agree_to(
    graph: &Graph,
    order: &Order<'_>,
    o: &Options,
    spikes: bool,
    (seed, bound): (u64, f64),
) -> usize {
    let slow_graph = graph.clone();
    let mut slow = Slow::new(&slow_graph, order, o);
    let file = File::new(graph.clone());
    let net = import::<f64>(&file, o)
        .unwrap_or_else(|e| panic!("{e}"))
        .network;
    let inputs = net.inputs();
    let mut rng = Rng::new(seed, 1, Purpose::Weights, 0);
    let x: Vec<f64> = (0..STEPS * inputs)
        .map(|_| {
            if spikes {
                f64::from(rng.uniform() < 0.35)
            } else {
                rng.normal() * 0.6 + 0.2
            }
        })
        .collect();
    let fires = |n: &&str| {
        matches!(
            graph.nodes[*n].kind,
            Kind::LIF { .. } | Kind::IF { .. } | Kind::CubaLIF { .. } | Kind::Threshold { .. }
        )
    };
    let names: Vec<&str> = order.iter().map(|n| n.0).filter(fires).collect();
    let probes: Vec<Probe> = names
        .iter()
        .map(|n| Probe {
            node: n.to_string(),
            what: "spikes".into(),
            neurons: Vec::new(),
        })
        .collect();
    let given = if spikes {
        let dense: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        Input::Spikes(Spikes::from_dense(1, STEPS, inputs, &dense).unwrap())
    } else {
        Input::Currents {
            samples: 1,
            steps: STEPS,
            data: x.clone(),
        }
    };
    let record = net.run(&given, &probes).unwrap();
    let mut count = 0;
    let out = order.last().unwrap().0;
    let width = record.output.len() / STEPS;
    for t in 0..STEPS {
        slow.step(
            &x[t * inputs..][..inputs],
            spikes && o.spike == Spike::Dirac,
        );
        for (name, trace) in names.iter().zip(&record.traces) {
            let s = &slow.last[name];
            let want: Vec<f64> = s.current.iter().zip(&s.pulse).map(|(c, p)| c + p).collect();
            let n = want.len();
            assert_eq!(
                trace.data[t * n..][..n],
                want[..],
                "{name} in step {t} under {o:?}"
            );
            count += want.iter().filter(|&&z| z == 1.0).count();
        }
        let s = &slow.last[out];
        for j in 0..width {
            let (got, want) = (record.output[t * width + j], s.current[j] + s.pulse[j]);
            assert!(
                (got - want).abs() < bound * want.abs().max(1.0),
                "output {j} in step {t}: {got}, {want} under {o:?}"
            );
        }
    }
    count
}

fn base() -> Options {
    Options::preset("lava", DT).unwrap()
}

fn chain(g: &mut Graph, names: &[&str]) {
    names.windows(2).for_each(|e| g.connect(e[0], e[1]));
}

/// Every neuron with parameters of its own for each cell, and a readout of either kind.
fn neurons(seed: u64, cuba_readout: bool, r: f64) -> Graph {
    let mut d = Dice::new(seed);
    let mut g = Graph::default();
    g.add("in", Kind::Input { shape: vec![5] });
    let (weight, bias) = (d.weights(&[7, 5], 0.5), d.weights(&[7], 0.1));
    g.add("w1", Kind::Affine { weight, bias });
    let lif = d.lif(&[7], r);
    g.add("lif", lif);
    g.add(
        "w2",
        Kind::Linear {
            weight: d.weights(&[6, 7], 0.6),
        },
    );
    let kind = Kind::IF {
        r: d.between(&[6], 0.2 / DT, 0.5 / DT),
        v_threshold: d.between(&[6], 0.8, 1.2),
        v_reset: Some(d.between(&[6], -0.1, 0.1)),
    };
    g.add("if", kind);
    g.add(
        "w3",
        Kind::Linear {
            weight: d.weights(&[6, 6], 0.6),
        },
    );
    let kind = Kind::CubaLIF {
        tau_syn: d.between(&[6], 2e-3, 5e-3),
        tau_mem: d.between(&[6], 3e-3, 9e-3),
        r: d.between(&[6], r, 2.0 * r),
        v_leak: d.between(&[6], -0.1, 0.1),
        v_threshold: d.between(&[6], 0.3, 0.6),
        v_reset: Some(d.between(&[6], -0.1, 0.1)),
        w_in: Some(d.between(&[6], 0.8, 1.6)),
    };
    g.add("cuba", kind);
    g.add(
        "w4",
        Kind::Linear {
            weight: d.weights(&[3, 6], 0.5),
        },
    );
    let (tau, r, v_leak) = (
        d.between(&[3], 4e-3, 20e-3),
        d.between(&[3], 0.5, 2.0),
        d.between(&[3], -0.2, 0.2),
    );
    let kind = if cuba_readout {
        Kind::CubaLI {
            tau_syn: d.between(&[3], 2e-3, 5e-3),
            tau_mem: tau,
            r,
            v_leak,
            w_in: Some(d.between(&[3], 0.5, 1.5)),
        }
    } else {
        Kind::LI { tau, r, v_leak }
    };
    g.add("read", kind);
    g.add("out", Kind::Output { shape: vec![3] });
    chain(
        &mut g,
        &[
            "in", "w1", "lif", "w2", "if", "w3", "cuba", "w4", "read", "out",
        ],
    );
    g
}

const NEURONS: &Order<'static> = &[
    ("in", &[5]),
    ("w1", &[7]),
    ("lif", &[7]),
    ("w2", &[6]),
    ("if", &[6]),
    ("w3", &[6]),
    ("cuba", &[6]),
    ("w4", &[3]),
    ("read", &[3]),
    ("out", &[3]),
];

#[test]
fn neurons_step_as_their_equations_say_under_every_option() {
    use Discretisation::*;
    let mut spikes = [0; 2];
    for (d, discretisation) in [Euler, ExpEuler, Exact].into_iter().enumerate() {
        for current in [Current::New, Current::Old] {
            for (threshold, reset, reset_time) in [
                (Threshold::Gt, ResetRule::Value, ResetTime::SameStep),
                (Threshold::Ge, ResetRule::Subtract, ResetTime::NextStep),
                (Threshold::Gt, ResetRule::Subtract, ResetTime::SameStep),
                (Threshold::Gt, ResetRule::None, ResetTime::SameStep),
            ] {
                for [gain, readout_gain] in [
                    [Gain::File; 2],
                    [Gain::Whole; 2],
                    [Gain::Decayed; 2],
                    [Gain::File, Gain::Whole],
                ] {
                    if [gain, readout_gain] != [Gain::File; 2] && discretisation == Exact {
                        continue;
                    }
                    let o = Options {
                        discretisation,
                        current,
                        threshold,
                        reset,
                        reset_time,
                        gain,
                        readout_gain,
                        synapse_gain: gain,
                        integrator_gain: gain,
                        ..base()
                    };
                    for (k, given) in [true, false].into_iter().enumerate() {
                        spikes[k] += agree(
                            &neurons(3 + d as u64, current == Current::Old, 4.0),
                            NEURONS,
                            &o,
                            given,
                            9,
                        );
                    }
                }
            }
        }
    }
    assert!(spikes.iter().all(|&s| s > 10_000), "{spikes:?}");
}

#[test]
fn a_pulse_adds_what_its_area_says() {
    let mut spikes = 0;
    for discretisation in [Discretisation::Euler, Discretisation::ExpEuler] {
        for current in [Current::New, Current::Old] {
            // A resistance as small as time constants, so that a pulse of area 1 adds about 1.
            let mut g = neurons(5, current == Current::New, 5e-3);
            let Kind::IF { r, .. } = &mut g.nodes.get_mut("if").unwrap().kind else {
                panic!()
            };
            r.data.iter_mut().for_each(|r| *r *= DT);
            for node in ["cuba", "read"] {
                if let Kind::CubaLIF { w_in: Some(w), .. } | Kind::CubaLI { w_in: Some(w), .. } =
                    &mut g.nodes.get_mut(node).unwrap().kind
                {
                    w.data.iter_mut().for_each(|w| *w *= 0.1);
                }
            }
            let o = Options {
                spike: Spike::Dirac,
                discretisation,
                current,
                ..base()
            };
            spikes += agree(&g, NEURONS, &o, true, 4);
        }
    }
    assert!(spikes > 500, "{spikes}");
    // Solved together: a bias cannot come among pulses.
    let exact = Options {
        spike: Spike::Dirac,
        discretisation: Discretisation::Exact,
        ..base()
    };
    let g = neurons(5, false, 5e-3);
    assert!(agree(&g, NEURONS, &exact, true, 4) > 50);
    let mut biased = g.clone();
    let Kind::Linear { weight } = g.nodes["w3"].kind.clone() else {
        panic!()
    };
    biased.add(
        "w3",
        Kind::Affine {
            weight,
            bias: Tensor::full(&[6], 0.1),
        },
    );
    let report = check(&File::new(biased), &exact);
    assert!(
        report.refuses() && report.to_string().contains("'w3'"),
        "{report}"
    );
}

#[test]
fn an_integrator_keeps_what_it_took() {
    for (gain, spike, r) in [
        (Gain::File, Spike::Box, 300.0),
        (Gain::Whole, Spike::Box, 300.0),
        (Gain::File, Spike::Dirac, 0.4),
    ] {
        let mut g = neurons(9, false, if spike == Spike::Box { 4.0 } else { 5e-3 });
        g.add(
            "read",
            Kind::I {
                r: Dice::new(2).between(&[3], 0.5 * r, r),
            },
        );
        let o = Options {
            spike,
            gain,
            integrator_gain: gain,
            synapse_gain: gain,
            ..base()
        };
        // It leaks by 1e-9 in a step.
        assert!(agree_to(&g, NEURONS, &o, true, (1, 1e-6)) > 50);
    }
}

#[test]
fn units_of_time_say_the_same() {
    let g = neurons(7, false, 4.0);
    let o = base();
    for (tau_unit, factor) in [
        (TauUnit::Ms, 1e3),
        (TauUnit::Steps, 1e3),
        (TauUnit::DtS, 1e-3),
    ] {
        let mut other = g.clone();
        for node in other.nodes.values_mut() {
            match &mut node.kind {
                Kind::LIF { tau, .. } | Kind::LI { tau, .. } => {
                    tau.data.iter_mut().for_each(|t| *t *= factor)
                }
                Kind::CubaLIF {
                    tau_syn, tau_mem, ..
                } => [tau_syn, tau_mem]
                    .into_iter()
                    .flat_map(|t| &mut t.data)
                    .for_each(|t| *t *= factor),
                Kind::IF { r, .. } => r.data.iter_mut().for_each(|r| *r /= factor),
                _ => {}
            }
        }
        assert!(
            agree(
                &other,
                NEURONS,
                &Options {
                    tau_unit,
                    ..o.clone()
                },
                true,
                2
            ) > 100
        );
    }
}

/// Images: groups, dilation, uneven padding, pools with zeros around, a scale for each channel, a loop of a layer on itself.
#[test]
fn images_pass_convolutions_and_pools() {
    let mut d = Dice::new(11);
    let mut g = Graph::default();
    g.add(
        "in",
        Kind::Input {
            shape: vec![2, 7, 6],
        },
    );
    let conv = |d: &mut Dice, shape: &[usize], stride, padding, dilation, groups| Kind::Conv2d {
        input_shape: None,
        weight: d.weights(shape, 0.5),
        stride,
        padding,
        dilation,
        groups,
        bias: d.weights(&shape[..1], 0.1),
    };
    let kind = conv(
        &mut d,
        &[4, 1, 2, 3],
        Extent::Both(1),
        Padding::Same,
        Extent::Each([1, 2]),
        2,
    );
    g.add("c1", kind);
    g.add(
        "s",
        Kind::Scale {
            scale: Tensor::f64(
                &[4, 7, 6],
                (0..168).map(|i| 0.5 + 0.25 * f64::from(i / 42)).collect(),
            ),
        },
    );
    let kind = d.lif(&[4, 7, 6], 3.0);
    g.add("lif", kind);
    g.add(
        "p1",
        Kind::AvgPool2d {
            kernel_size: Extent::Each([3, 2]),
            stride: Extent::Both(2),
            padding: Extent::Each([1, 0]),
        },
    );
    let kind = conv(
        &mut d,
        &[3, 4, 2, 2],
        Extent::Each([1, 2]),
        Padding::By(Extent::Each([1, 1])),
        Extent::Both(1),
        1,
    );
    g.add("c2", kind);
    let kind = Kind::IF {
        r: Tensor::full(&[1], 1.0 / DT),
        v_threshold: d.between(&[3, 5, 2], 0.5, 1.0),
        v_reset: None,
    };
    g.add("if", kind);
    g.add(
        "p2",
        Kind::SumPool2d {
            kernel_size: Extent::Both(2),
            stride: Extent::Each([2, 1]),
            padding: Extent::Both(0),
        },
    );
    g.add(
        "flat",
        Kind::Flatten {
            input_type: None,
            start_dim: 0,
            end_dim: -1,
        },
    );
    g.add(
        "w",
        Kind::Linear {
            weight: d.weights(&[4, 6], 0.6),
        },
    );
    let kind = d.lif(&[4], 3.0);
    g.add("last", kind);
    g.add("out", Kind::Output { shape: vec![4] });
    chain(
        &mut g,
        &[
            "in", "c1", "s", "lif", "p1", "c2", "if", "p2", "flat", "w", "last", "out",
        ],
    );
    g.connect("lif", "lif");
    let order: &Order<'_> = &[
        ("in", &[2, 7, 6]),
        ("c1", &[4, 7, 6]),
        ("s", &[4, 7, 6]),
        ("lif", &[4, 7, 6]),
        ("p1", &[4, 4, 3]),
        ("c2", &[3, 5, 2]),
        ("if", &[3, 5, 2]),
        ("p2", &[3, 2, 1]),
        ("flat", &[6]),
        ("w", &[4]),
        ("last", &[4]),
        ("out", &[4]),
    ];
    for given in [true, false] {
        assert!(agree(&g, order, &base(), given, 6) > 1000);
    }
}

/// One axis with channels, a threshold, values that add up before weights, delays of one length and of several.
#[test]
fn signals_add_up_and_wait() {
    let mut d = Dice::new(13);
    let mut g = Graph::default();
    g.add("in", Kind::Input { shape: vec![2, 9] });
    let kind = Kind::Conv1d {
        input_shape: Some(9),
        weight: d.weights(&[3, 2, 3], 0.5),
        stride: 2,
        padding: Padding::By(Extent::Both(2)),
        dilation: 2,
        groups: 1,
        bias: d.weights(&[3], 0.1),
    };
    g.add("c", kind);
    let kind = d.lif(&[3, 5], 4.0);
    g.add("lif", kind);
    g.add(
        "flat",
        Kind::Flatten {
            input_type: Some(vec![3, 5]),
            start_dim: 0,
            end_dim: -1,
        },
    );
    g.add(
        "late",
        Kind::Delay {
            delay: Tensor::full(&[15], 3.0 * DT),
        },
    );
    g.add(
        "each",
        Kind::Delay {
            delay: Tensor::f64(&[15], (0..15).map(|i| DT * f64::from(i % 4)).collect()),
        },
    );
    g.add(
        "scale",
        Kind::Scale {
            scale: d.between(&[15], 0.5, 1.5),
        },
    );
    g.add(
        "w",
        Kind::Linear {
            weight: d.weights(&[6, 15], 0.4),
        },
    );
    g.add(
        "th",
        Kind::Threshold {
            threshold: d.between(&[6], 0.1, 0.8),
        },
    );
    g.add(
        "w2",
        Kind::Linear {
            weight: d.weights(&[4, 6], 0.5),
        },
    );
    let kind = d.lif(&[4], 4.0);
    g.add("b", kind);
    g.add(
        "back",
        Kind::Affine {
            weight: d.weights(&[6, 4], 0.5),
            bias: d.weights(&[6], 0.1),
        },
    );
    g.add("out", Kind::Output { shape: vec![4] });
    chain(
        &mut g,
        &[
            "in", "c", "lif", "flat", "late", "w", "th", "w2", "b", "out",
        ],
    );
    chain(&mut g, &["flat", "each", "w"]);
    chain(&mut g, &["flat", "scale", "w"]);
    chain(&mut g, &["b", "back", "th"]);
    // The same edge twice adds twice.
    g.connect("w2", "b");
    // `back` stands first: its input is that of the step before, its bias is there from the first step.
    let order: &Order<'_> = &[
        ("in", &[2, 9]),
        ("c", &[3, 5]),
        ("lif", &[3, 5]),
        ("flat", &[15]),
        ("late", &[15]),
        ("each", &[15]),
        ("scale", &[15]),
        ("w", &[6]),
        ("back", &[6]),
        ("th", &[6]),
        ("w2", &[4]),
        ("b", &[4]),
        ("out", &[4]),
    ];
    for given in [true, false] {
        assert!(agree(&g, order, &base(), given, 8) > 200);
    }
    let report = check(&File::new(g), &base());
    let loops: Vec<&str> = report
        .of(Fate::Assumed)
        .filter(|l| l.what.contains("closes a loop"))
        .filter_map(|l| l.node.as_deref())
        .collect();
    assert_eq!(loops, ["th"]);
}

#[test]
fn a_graph_in_a_graph_is_the_graph_without_it() {
    let mut d = Dice::new(17);
    let (w, lif, rec) = (
        d.weights(&[4, 3], 0.6),
        d.lif(&[4], 4.0),
        d.weights(&[4, 4], 0.3),
    );
    let mut inner = Graph::default();
    inner.add("input", Kind::Input { shape: vec![4] });
    inner.add("lif", lif.clone());
    inner.add(
        "rec",
        Kind::Linear {
            weight: rec.clone(),
        },
    );
    inner.add("output", Kind::Output { shape: vec![4] });
    chain(&mut inner, &["input", "lif", "output"]);
    chain(&mut inner, &["lif", "rec", "lif"]);
    let mut outer = Graph::default();
    outer.add("in", Kind::Input { shape: vec![3] });
    outer.add("w", Kind::Linear { weight: w.clone() });
    outer
        .nodes
        .insert("layer".into(), Node::new(Kind::NIRGraph(inner)));
    outer.add("out", Kind::Output { shape: vec![4] });
    chain(&mut outer, &["in", "w", "layer", "out"]);
    let mut flat = Graph::default();
    flat.add("in", Kind::Input { shape: vec![3] });
    flat.add("w", Kind::Linear { weight: w });
    flat.add("layer.lif", lif);
    flat.add("layer.rec", Kind::Linear { weight: rec });
    flat.add("out", Kind::Output { shape: vec![4] });
    chain(&mut flat, &["in", "w", "layer.lif", "out"]);
    chain(&mut flat, &["layer.lif", "layer.rec", "layer.lif"]);
    let spec = |g: &Graph| {
        import::<f32>(&File::new(g.clone()), &base())
            .unwrap()
            .network
            .spec()
            .clone()
    };
    assert_eq!(spec(&outer), spec(&flat));
    let order: &Order<'_> = &[
        ("in", &[3]),
        ("w", &[4]),
        ("layer.rec", &[4]),
        ("layer.lif", &[4]),
        ("out", &[4]),
    ];
    assert!(agree(&flat, order, &base(), true, 3) > 20);
    // By the name of a port, too.
    outer.edges[2].0 = "layer.output".into();
    outer.edges[1].1 = "layer.input".into();
    assert_eq!(spec(&outer), spec(&flat));
}

#[test]
fn before_version_1_0_6_a_missing_v_reset_subtracts() {
    let mut g = neurons(3, false, 4.0);
    for node in g.nodes.values_mut() {
        if let Kind::LIF { v_reset, .. }
        | Kind::IF { v_reset, .. }
        | Kind::CubaLIF { v_reset, .. } = &mut node.kind
        {
            *v_reset = None;
        }
    }
    let spec = |version: &str, reset: ResetRule| {
        let file = File {
            version: version.into(),
            ..File::new(g.clone())
        };
        import::<f32>(&file, &Options { reset, ..base() })
            .unwrap()
            .network
            .spec()
            .clone()
    };
    assert_eq!(
        spec("1.0.4", ResetRule::File),
        spec("1.0.8", ResetRule::Subtract)
    );
    assert_eq!(
        spec("1.0.6", ResetRule::File),
        spec("1.0.4", ResetRule::Value)
    );
    assert_ne!(
        spec("1.0.4", ResetRule::File),
        spec("1.0.6", ResetRule::File)
    );
}

#[test]
fn what_cannot_be_is_a_sentence_with_the_name_of_the_node() {
    let good = neurons(3, false, 4.0);
    let refused = |change: &dyn Fn(&mut Graph), o: &Options| {
        let mut g = good.clone();
        change(&mut g);
        let report = check(&File::new(g), o);
        let lines: Vec<String> = report.of(Fate::Refused).map(|l| l.what.clone()).collect();
        assert_eq!(lines.len(), 1, "{report}");
        lines[0].clone()
    };
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Graph));
    let changes: [Change<'_>; 8] = [
        ("'lif'", &|g| {
            let Kind::LIF { tau, .. } = &mut g.nodes.get_mut("lif").unwrap().kind else {
                panic!()
            };
            tau.data[2] = 1e-5;
        }),
        ("'lif'", &|g| {
            let Kind::LIF { r, .. } = &mut g.nodes.get_mut("lif").unwrap().kind else {
                panic!()
            };
            *r = Tensor::full(&[3], 1.0);
        }),
        ("'cuba'", &|g| {
            let Kind::CubaLIF { w_in, .. } = &mut g.nodes.get_mut("cuba").unwrap().kind else {
                panic!()
            };
            *w_in = Some(Tensor::full(&[6], 0.0));
        }),
        ("'w2'", &|g| {
            g.add(
                "w2",
                Kind::Linear {
                    weight: Tensor::full(&[6, 8], 1.0),
                },
            );
        }),
        ("'gone'", &|g| g.connect("gone", "lif")),
        ("'alone'", &|g| {
            g.add(
                "alone",
                Kind::Linear {
                    weight: Tensor::full(&[1, 1], 1.0),
                },
            );
        }),
        ("Output", &|g| {
            g.nodes.remove("out");
            g.edges.pop();
        }),
        ("'d'", &|g| {
            g.add(
                "d",
                Kind::Delay {
                    delay: Tensor::full(&[6], 0.4 * DT),
                },
            );
            g.edges.retain(|e| e.1 != "if");
            chain(g, &["w2", "d", "if"]);
        }),
    ];
    for (name, change) in changes {
        let line = refused(change, &base());
        assert!(line.contains(name), "{name}: {line}");
    }
    assert!(refused(&|_| {}, &Options { dt: 0.0, ..base() }).contains("step"));
    let huge = |g: &mut Graph| {
        g.add(
            "in",
            Kind::Input {
                shape: vec![1 << 22, 1 << 12, 1 << 12],
            },
        );
    };
    assert!(refused(&huge, &base()).contains("'in'"));
}
