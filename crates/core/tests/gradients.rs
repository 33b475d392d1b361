//! Gradients against central differences, with spikes replaced by the surrogate's integral so that there is
//! something to differentiate.

use cortado::learn::{Loss, Objective, Rates, Targets, evaluate, gradients};
use cortado::network::{
    DelayedEdge, Delays, Draw, EdgeSpec, Interpolation, Network, NetworkSpec, NodeKind, Pair,
    Values, Window,
};
use cortado::neuron::{Arrivals, Convention, Decay, Gain, Output, Pulse, Reset, ResetTime, models};
use cortado::rng::{Purpose, Rng};
use cortado::sim::clock::Input;
use cortado::spikes::Spikes;
use cortado::surrogate::{Shape, Surrogate};

const SAMPLES: usize = 3;
const STEPS: usize = 9;

fn numbers(n: usize, key: u64) -> Vec<f64> {
    let mut rng = Rng::new(key, 0, Purpose::Other, 0);
    (0..n).map(|_| rng.normal()).collect()
}

fn spikes(inputs: usize) -> Input<f64> {
    let fire = numbers(SAMPLES * STEPS * inputs, 17);
    let dense: Vec<f32> = fire.iter().map(|&v| f32::from(u8::from(v > 0.3))).collect();
    Input::Spikes(Spikes::from_dense(SAMPLES, STEPS, inputs, &dense).unwrap())
}

/// Compares every gradient of a network, at up to eight places of each parameter.
fn compare(
    what: &str,
    input: &Input<f64>,
    shape: &[usize],
    spec: &NetworkSpec,
    objective: &Objective,
) {
    let mut spec = spec.clone();
    spec.surrogate = Surrogate::new(Shape::Sigmoid).with_slope(spec.surrogate.slope.unwrap_or(4.0));
    spec.detach_reset = false;
    let mut net = Network::<f64>::new(shape, &spec, 5).unwrap();
    net.smooth = true;
    let targets: Targets<'static> = match (objective.loss, spikes(net.outputs())) {
        (Loss::VanRossum { .. }, Input::Spikes(wanted)) => wanted.into(),
        _ => (0..SAMPLES as u32)
            .map(|b| b % net.outputs() as u32)
            .collect::<Vec<_>>()
            .into(),
    };
    let (exact, report) = gradients(&net, input, targets.clone(), objective).unwrap();
    assert!(report.loss.is_finite());
    for k in 0..exact.len() {
        let (name, values) = (net.params()[k].name.clone(), net.params()[k].values());
        let largest = exact[k].iter().fold(0.0f64, |m, g| m.max(g.abs()));
        assert!(largest > 1e-9, "{what}: no gradient by {name}");
        for n in (0..values.len()).step_by(values.len().div_ceil(8)) {
            let loss = |net: &mut Network<f64>, by: f64| {
                let mut moved = values.clone();
                moved[n] += by;
                net.set(&name, &moved).unwrap();
                gradients(net, input, targets.clone(), objective)
                    .unwrap()
                    .1
                    .loss
            };
            let h = 1e-5 * values[n].abs().max(0.1);
            let slope = (loss(&mut net, h) - loss(&mut net, -h)) / (2.0 * h);
            net.set(&name, &values).unwrap();
            let error = (slope - exact[k][n]).abs();
            assert!(
                error < 1e-6 * largest.max(1e-3),
                "{what}: {name}[{n}]: {} by backpropagation, {slope} by differences",
                exact[k][n]
            );
        }
    }
}

fn readout(spec: NetworkSpec) -> NetworkSpec {
    spec.linear("out", 3)
        .population("readout", "li", &[("tau_mem", 5e-3)])
}

fn loss() -> Objective {
    Loss::MeanCrossEntropy.into()
}

#[test]
fn of_one_layer_and_two_and_a_loop() {
    let one =
        NetworkSpec::new(1e-3)
            .linear("w", 70)
            .population("a", "lif", &[("v_threshold", 0.5)]);
    compare(
        "one layer",
        &spikes(11),
        &[11],
        &readout(one.clone()),
        &loss(),
    );
    compare(
        "a loop",
        &spikes(11),
        &[11],
        &readout(one.clone().recurrent()),
        &loss(),
    );
    let two = one
        .linear("w2", 66)
        .population("b", "cuba_lif", &[("v_threshold", 0.1)]);
    compare(
        "two layers",
        &spikes(11),
        &[11],
        &readout(two.clone()),
        &loss(),
    );
    compare(
        "two layers and a loop",
        &spikes(11),
        &[11],
        &readout(two.recurrent()),
        &loss(),
    );
}

fn image() -> (Input<f64>, [usize; 3]) {
    (spikes(4 * 7 * 6), [4, 7, 6])
}

fn conv(groups: usize, stride: usize, padding: usize) -> NodeKind {
    NodeKind::Conv2d {
        channels: 6,
        kernel: Pair::Each([3, 2]),
        stride: Pair::Each([1, stride]),
        padding: Pair::Each([padding, padding.min(1)]),
        groups,
        bias: true,
        scale: 1.0,
    }
}

#[test]
fn of_convolution_pooling_and_flattening() {
    let (input, shape) = image();
    let pool = |size, stride: Option<usize>| Window {
        kernel: Pair::Both(size),
        stride: stride.map(Pair::Both),
    };
    let pools: [(&str, NodeKind); 4] = [
        ("sum", NodeKind::SumPool2d(pool(2, None))),
        ("mean", NodeKind::AvgPool2d(pool(3, Some(2)))),
        ("max", NodeKind::MaxPool2d(pool(2, None))),
        ("max, overlapping", NodeKind::MaxPool2d(pool(3, Some(1)))),
    ];
    for (what, pool) in pools {
        for (groups, stride, padding) in [(1, 1, 0), (2, 2, 1), (2, 1, 2)] {
            let spec = NetworkSpec::new(1e-3)
                .node("c1", conv(groups, stride, padding))
                .population("a", "lif", &[("v_threshold", 0.5)])
                .node("pool", pool.clone())
                .conv2d("c2", 3, 1)
                .population("b", "lif", &[("v_threshold", 0.3)])
                .flatten("flat");
            let what = format!("{what}, {groups} groups, stride {stride}, padding {padding}");
            compare(&what, &input, &shape, &readout(spec), &loss());
        }
    }
}

/// An artificial network: one step of units without time, a mean and a maximum of numbers.
#[test]
fn of_units_without_time() {
    let shape = [4, 7, 6];
    let data = numbers(SAMPLES * 4 * 7 * 6, 3);
    let pool = Window {
        kernel: Pair::Both(2),
        stride: None,
    };
    for (bits, pool) in [NodeKind::AvgPool2d(pool), NodeKind::GatedMaxPool2d(pool)]
        .into_iter()
        .enumerate()
    {
        let spec = NetworkSpec::new(1.0)
            .node("c1", conv(1, 1, 1))
            .population("a", "relu", &[])
            .node("pool", pool)
            .flatten("flat")
            .linear("w", 9)
            .population("b", "relu", &[])
            .linear("out", 3)
            .population("readout", "i", &[]);
        let input = Input::Current {
            samples: SAMPLES,
            steps: 1 + bits,
            data: data.clone(),
        };
        compare("units", &input, &shape, &spec, &loss());
    }
}

fn population(
    neuron: &str,
    reset: Reset,
    train: &[&str],
    per_neuron: bool,
    params: &[(&str, f64)],
) -> NodeKind {
    let spec = NetworkSpec::new(1e-3).population("p", neuron, params);
    let mut kind = spec.nodes[0].kind.clone();
    if let NodeKind::Population {
        reset: r,
        train: t,
        per_neuron: each,
        ..
    } = &mut kind
    {
        *r = reset;
        *t = train.iter().map(|&s| s.into()).collect();
        *each = per_neuron;
    }
    kind
}

/// Parameters under which a model is near threshold for weights of order one, and those whose gradient is looked at.
fn lively(neuron: &str) -> (Vec<(&'static str, f64)>, Vec<&'static str>, f64) {
    match neuron {
        "if" => (vec![("v_threshold", 0.5)], vec!["v_threshold"], 1.0),
        "lif" => (
            vec![("v_threshold", 0.5)],
            vec!["tau_mem", "v_threshold"],
            1.0,
        ),
        "cuba_if" => (
            vec![("v_threshold", 0.5)],
            vec!["tau_syn", "r", "v_threshold"],
            1.0,
        ),
        "cuba_lif" => (
            vec![("v_threshold", 0.1)],
            vec!["tau_mem", "tau_syn", "v_threshold"],
            1.0,
        ),
        "alif" => (
            vec![("v_threshold", 0.5)],
            vec!["tau_mem", "tau_adapt", "beta"],
            1.0,
        ),
        "adlif" | "se_adlif" => (
            vec![("v_threshold", 0.5)],
            vec!["tau_mem", "tau_adapt", "a", "b"],
            1.0,
        ),
        // Volts and siemens: jumps of some millivolts.
        "adex" => (
            vec![("v_threshold", -45e-3)],
            vec!["tau_mem", "tau_adapt"],
            20e-3,
        ),
        "izhikevich" => (vec![("v_threshold", -40.0)], vec!["a", "d"], 10.0),
        other => panic!("no parameters for {other}"),
    }
}

#[test]
fn of_every_neuron_and_its_parameters() {
    for model in models() {
        if model.output == Output::Membrane {
            continue;
        }
        let (params, train, scale) = lively(model.name);
        for (reset, per_neuron) in [
            (Reset::Value, false),
            (Reset::Subtract, true),
            (Reset::None, false),
        ] {
            let mut spec = NetworkSpec::new(1e-3)
                .linear("w", 5)
                .node(
                    "p",
                    population(model.name, reset, &train, per_neuron, &params),
                )
                .recurrent();
            if model.name == "izhikevich" {
                // Millivolts; without a reset to value it runs away.
                if reset != Reset::Value {
                    continue;
                }
                spec.surrogate = spec.surrogate.with_slope(0.2);
            }
            for node in &mut spec.nodes {
                if let NodeKind::Linear { scale: s, .. } = &mut node.kind {
                    *s = scale;
                }
            }
            let what = format!("{} {reset:?}", model.name);
            compare(&what, &spikes(7), &[7], &readout(spec), &loss());
        }
    }
}

#[test]
fn under_every_convention() {
    let spec = NetworkSpec::new(1e-3)
        .linear("w", 6)
        .node(
            "p",
            population(
                "cuba_lif",
                Reset::Subtract,
                &["tau_syn"],
                false,
                &[("v_threshold", 0.1)],
            ),
        )
        .recurrent()
        .linear("w2", 5)
        .population("q", "lif", &[("v_threshold", 0.5), ("t_ref", 2e-3)]);
    for arrivals in [Arrivals::AfterFlow, Arrivals::BeforeFlow] {
        for (decay, gain) in [(Decay::Exact, Gain::Scaled), (Decay::Euler, Gain::Unscaled)] {
            for (pulse, reset) in [
                (Pulse::Dirac, ResetTime::NextStep),
                (Pulse::Box, ResetTime::SameStep),
            ] {
                let mut spec = spec.clone();
                spec.convention = Convention {
                    arrivals,
                    decay,
                    gain,
                    pulse,
                    reset,
                    ..Convention::default()
                };
                let what = format!("{:?}", spec.convention);
                compare(&what, &spikes(7), &[7], &readout(spec), &loss());
            }
        }
    }
}

#[test]
fn of_batch_norm_dropout_delays_and_branches() {
    let norm = NodeKind::BatchNorm {
        momentum: 0.1,
        epsilon: 1e-5,
    };
    let (input, shape) = image();
    let image = NetworkSpec::new(1e-3)
        .conv2d("c1", 3, 3)
        .node("norm", norm.clone())
        .population("a", "lif", &[("v_threshold", 0.5)])
        .node("drop", NodeKind::Dropout { p: 0.3 })
        .flatten("flat");
    compare(
        "norm of an image, dropout",
        &input,
        &shape,
        &readout(image),
        &loss(),
    );
    let late = |node: &str, delay: f64| {
        EdgeSpec::Delayed(DelayedEdge {
            node: node.into(),
            delay,
        })
    };
    let mut spec = NetworkSpec::new(1e-3)
        .linear("w1", 8)
        .node("norm", norm)
        .population("a", "lif", &[("v_threshold", 0.5)])
        .linear("skip", 6)
        .linear("w2", 6)
        .population("b", "lif", &[("v_threshold", 0.5)]);
    // Two ways from a to b, one of them late, and b hears itself two steps later.
    spec.nodes[3].from = Some(vec![EdgeSpec::Node("a".into())]);
    spec.nodes[4].from = Some(vec![late("a", 2e-3)]);
    let way = NodeKind::Linear {
        n: Some(6),
        bias: true,
        scale: 1.0,
        mean: 0.0,
        delays: None,
    };
    let mut spec = spec.node("back", way);
    spec.nodes[5].from = Some(["skip", "w2"].map(|n| EdgeSpec::Node(n.into())).into());
    spec.nodes[6].from = Some(vec![EdgeSpec::Node("b".into())]);
    if let Some(from) = &mut spec.nodes[5].from {
        from.push(late("back", 2e-3));
    }
    let mut spec = readout(spec);
    spec.nodes[7].from = Some(vec![EdgeSpec::Node("b".into())]);
    compare("branches and delays", &spikes(7), &[7], &spec, &loss());
}

#[test]
fn of_every_kind_of_input() {
    let spec = readout(NetworkSpec::new(1e-3).linear("w", 6).population(
        "p",
        "lif",
        &[("v_threshold", 0.1)],
    ));
    let inputs = [
        Input::Current {
            samples: SAMPLES,
            steps: STEPS,
            data: numbers(SAMPLES * 7, 3),
        },
        Input::Currents {
            samples: SAMPLES,
            steps: STEPS,
            data: numbers(SAMPLES * STEPS * 7, 4),
        },
    ];
    for input in inputs {
        compare("a current", &input, &[7], &spec, &loss());
    }
}

#[test]
fn of_every_loss_and_regulariser() {
    let hidden =
        NetworkSpec::new(1e-3)
            .linear("w", 6)
            .population("p", "lif", &[("v_threshold", 0.5)]);
    let membrane = readout(hidden.clone());
    let spiking = hidden
        .linear("w2", 3)
        .population("readout", "lif", &[("v_threshold", 0.5)]);
    let losses = [
        (&membrane, Loss::MeanCrossEntropy),
        (&membrane, Loss::SumCrossEntropy),
        (&membrane, Loss::LastCrossEntropy),
        (&membrane, Loss::MaxCrossEntropy),
        (&spiking, Loss::CountCrossEntropy),
        (&spiking, Loss::CountMse),
        (&spiking, Loss::FirstSpike),
        (&spiking, Loss::SpikeSum),
        (&spiking, Loss::VanRossum { tau: 3e-3 }),
    ];
    for (spec, loss) in losses {
        let what = format!("{loss:?}");
        compare(&what, &spikes(7), &[7], spec, &loss.into());
        let looped = spec.clone().recurrent();
        compare(
            &format!("{what}, a loop"),
            &spikes(7),
            &[7],
            &looped,
            &loss.into(),
        );
    }
    let objective = Objective {
        rates: Some(Rates {
            lower: 0.45,
            upper: 0.5,
            strength: 3.0,
        }),
        ..Loss::MeanCrossEntropy.into()
    };
    compare("rates", &spikes(7), &[7], &membrane, &objective);
}

/// A spike that nothing answers, and one too many, cost a half each in the limit of small steps; a spike that comes `d`
/// late costs `1 - exp(-d / tau)`.
#[test]
fn the_van_rossum_distance_is_that_of_its_closed_form() {
    let (dt, tau, steps) = (1e-5, 5e-3, 8000);
    let spec = NetworkSpec::new(dt)
        .linear("w", 1)
        .population("p", "if", &[("v_threshold", 0.5)]);
    let mut net = Network::<f64>::new(&[1], &spec, 0).unwrap();
    net.set("w.weight", &[1.0]).unwrap();
    let train = |at: &[usize]| {
        let mut dense = vec![0.0; steps];
        at.iter().for_each(|&t| dense[t] = 1.0);
        Spikes::from_dense(1, steps, 1, &dense).unwrap()
    };
    let distance = |fired: &[usize], wanted: &[usize]| {
        let objective = Loss::VanRossum { tau }.into();
        let (input, wanted) = (Input::Spikes(train(fired)), train(wanted));
        evaluate(&net, &input, &wanted, &objective).unwrap().loss
    };
    for (fired, wanted, expected) in [
        (&[100][..], &[100][..], 0.0),
        (&[100], &[], 0.5),
        (&[], &[100], 0.5),
        (&[100], &[300], 1.0 - (-200.0 * dt / tau).exp()),
    ] {
        let got = distance(fired, wanted);
        assert!(
            (got - expected).abs() < 2e-3 * (0.1 + expected),
            "{got} {expected}"
        );
    }
    let wrong = evaluate(
        &net,
        &Input::Spikes(train(&[])),
        &[0],
        &Loss::VanRossum { tau }.into(),
    );
    assert!(
        wrong
            .unwrap_err()
            .to_string()
            .contains("expected spikes, got classes")
    );
}

/// Weights that hold spikes back: from the input, behind dropout and an edge with a delay, from values, and in a loop.
#[test]
fn of_delays_of_weights() {
    for interpolate in [Interpolation::Linear, Interpolation::Gaussian(0.9)] {
        let mut spec = NetworkSpec::new(1e-3)
            .linear("w1", 8)
            .population("a", "lif", &[("v_threshold", 0.5)])
            .recurrent()
            .node("drop", NodeKind::Dropout { p: 0.3 })
            .linear("w2", 6)
            .population("b", "cuba_lif", &[("v_threshold", 0.1)])
            .linear("out", 3)
            .population("readout", "li", &[("tau_mem", 5e-3)]);
        let w2 = spec.nodes.iter().position(|n| n.name == "w2").unwrap();
        spec.nodes[w2].from = Some(vec![EdgeSpec::Delayed(DelayedEdge {
            node: "drop".into(),
            delay: 1e-3,
        })]);
        for node in &mut spec.nodes {
            if let NodeKind::Linear { delays, bias, .. } = &mut node.kind {
                *bias = node.name == "w2";
                *delays = Some(Delays {
                    train: true,
                    bounds: Some([0.0, 5e-3]),
                    interpolate: Some(interpolate),
                    ..Delays::from(Values::Drawn(Draw::Uniform([0.0, 3e-3])))
                });
            }
        }
        compare("delays", &spikes(7), &[7], &spec, &loss());
        let data = numbers(SAMPLES * STEPS * 7, 3);
        let (samples, steps) = (SAMPLES, STEPS);
        let input = Input::Currents {
            samples,
            steps,
            data,
        };
        compare("delays of currents", &input, &[7], &spec, &loss());
        let data = numbers(SAMPLES * 7, 3);
        let input = Input::Current {
            samples,
            steps,
            data,
        };
        // Behind weights that see the same in all steps.
        let mut still = NetworkSpec::new(1e-3).linear("first", 5);
        still.nodes.append(&mut spec.nodes);
        compare("delays of a current", &input, &[7], &still, &loss());
    }
}
