//! Deep continuous local learning: beside backpropagation of each layer's own loss, and what its readouts decide.

use cortado::learn::decolle::{Local, LocalLoss, gradients, readout, readouts};
use cortado::learn::{Loss, Objective, Rates, Signals, Targets, evaluate};
use cortado::network::{DelayedEdge, EdgeSpec, Network, NetworkSpec, NodeKind, NodeSpec, Values};
use cortado::neuron::{Arrivals, Convention, Decay, Pulse, Reset};
use cortado::rng::{Purpose, Rng};
use cortado::sim::clock::Input;
use cortado::spikes::Spikes;

/// More steps than run forward at a time.
const STEPS: usize = 70;

const SEED: u64 = 3;

fn spikes(samples: usize, width: usize, rate: f64, seed: u64) -> Spikes {
    let mut rng = Rng::new(seed, 0, Purpose::Other, 0);
    let draw = |_| f32::from(u8::from(rng.uniform() < rate));
    let dense: Vec<f32> = (0..samples * STEPS * width).map(draw).collect();
    Spikes::from_dense(samples, STEPS, width, &dense).unwrap()
}

fn cross_entropy(burn_in: usize) -> Local {
    Local {
        loss: LocalLoss::CrossEntropy,
        scale: 4.0,
        burn_in,
    }
}

fn window(burn_in: usize) -> Loss {
    Loss::StepCrossEntropy {
        window: Some(STEPS - burn_in),
    }
}

/// The network up to a population, and behind it the layer's readout: weights onto membranes that forget everything in a step.
fn cut(net: &Network<f64>, spec: &NetworkSpec, layer: &str, local: &Local) -> (Network<f64>, f64) {
    let mut short = spec.clone();
    let end = spec.nodes.iter().position(|n| n.name == layer).unwrap();
    short.nodes.truncate(end + 1);
    short.nodes.push(NodeSpec {
        name: "flat".into(),
        from: Some(vec![EdgeSpec::Node(layer.into())]),
        kind: NodeKind::Flatten {},
    });
    // What is left of a membrane after a step; where a pulse comes before the step, so much is left of it too.
    let (left, tau, factor) = match (spec.convention.decay, spec.convention.arrivals) {
        (Decay::Euler, _) => (0.0, spec.dt, 1.0),
        (_, Arrivals::BeforeFlow) => (1e-9, spec.dt / 1e9f64.ln(), 1e9),
        _ => (0.0, 1e-6, 1.0),
    };
    let membrane = [("tau_mem", tau)];
    let short = short
        .linear("local", net.outputs())
        .population("says", "li", &membrane);
    let mut cut = Network::<f64>::new(net.input_shape(), &short, SEED).unwrap();
    let names: Vec<String> = cut.params().iter().map(|p| p.name.clone()).collect();
    for name in names {
        let values = match name.as_str() {
            "local.weight" => {
                let g = readout(net, layer, local).unwrap();
                g.into_iter().map(|g| g * factor).collect()
            }
            _ => net.param(&name).unwrap().values(),
        };
        cut.set(&name, &values).unwrap();
    }
    (cut, left)
}

/// The gradient of each parameter of a projection, by name.
fn of<'a>(net: &'a Network<f64>, all: &'a [Vec<f64>], node: &str) -> Vec<(&'a str, &'a [f64])> {
    let params = net.params().iter().zip(all);
    let own = |p: &str| p.split('.').next() == Some(node);
    let picked = params.filter(|(p, _)| own(&p.name));
    picked.map(|(p, g)| (p.name.as_str(), &g[..])).collect()
}

/// Each layer's gradients are those of backpropagation through its own neurons, and only these, from its own loss; those of the last
/// weights come from the loss of the network.
fn beside_backpropagation(
    what: &str,
    spec: &NetworkSpec,
    (shape, input): (&[usize], &Input<f64>),
    layers: &[(&str, &[&str])],
    (local, loss): (&Local, Loss),
) {
    let net = Network::<f64>::new(shape, spec, SEED).unwrap();
    let (samples, _) = input.extent();
    let width = net.outputs();
    let targets: Targets<'_> = match loss {
        Loss::SquaredError => {
            let mut rng = Rng::new(8, 1, Purpose::Other, 0);
            let values = (0..samples * STEPS * width).map(|_| 0.3 * rng.normal());
            Signals::new([samples, STEPS, width], values.collect())
                .unwrap()
                .into()
        }
        _ => (0..samples as u32)
            .map(|b| b % width as u32)
            .collect::<Vec<u32>>()
            .into(),
    };
    let objective: Objective = loss.into();
    let (ours, report) = gradients(&net, input, targets.clone(), &objective, local)
        .unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(report.spikes > 100, "{what}: {} spikes", report.spikes);
    let (exact, whole) =
        cortado::learn::gradients(&net, input, targets.clone(), &objective).unwrap();
    let mut sum = whole.loss;
    let mut most: f64 = 1e-9;
    let same = |name: &str, a: &[f64], b: &[f64], factor: f64, most: f64| {
        let size = b.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        assert!(size > 1e-13, "{what}, {name}: no gradient");
        let far = a.iter().zip(b).map(|(a, b)| (a * factor - b).abs());
        let far = far.fold(0.0, f64::max) / size;
        assert!(a.len() == b.len() && far < most, "{what}, {name}: {far}");
    };
    for &(layer, projections) in layers {
        let (short, left) = cut(&net, spec, layer, local);
        most = most.max(1e-9).max(100.0 * left);
        let (theirs, local) =
            cortado::learn::gradients(&short, input, targets.clone(), &objective).unwrap();
        // The local loss is a mean over the steps, the squared error a sum.
        let factor = match loss {
            Loss::SquaredError => STEPS as f64,
            _ => 1.0,
        };
        sum += local.loss / factor;
        for node in projections {
            let pairs = of(&net, &ours, node)
                .into_iter()
                .zip(of(&short, &theirs, node));
            for ((name, a), (other, b)) in pairs {
                assert_eq!(name, other);
                same(name, a, b, factor, most);
            }
        }
    }
    for ((name, a), (_, b)) in of(&net, &ours, "out")
        .into_iter()
        .zip(of(&net, &exact, "out"))
    {
        same(name, a, b, 1.0, 1e-9);
    }
    assert!(
        (report.loss / sum - 1.0).abs() < most,
        "{what}: loss {} of {sum}",
        report.loss
    );
    assert_eq!(
        (report.spikes, report.correct, report.samples),
        (whole.spikes, whole.correct, whole.samples),
        "{what}"
    );
    // Those of a convolution are rounded chunk by chunk.
    assert!(
        report.synops.abs_diff(whole.synops) <= 3,
        "{what}: {report:?}, {whole:?}"
    );
}

/// Two layers side by side with a bias each.
fn dense(model: &str, params: &[(&str, f64)], end: &str) -> NetworkSpec {
    let mut spec = NetworkSpec::new(1e-3)
        .linear("in", 70)
        .population("a", model, params)
        .linear("mid", 20)
        .population("b", model, params)
        .linear("out", 3)
        .population("readout", end, &[]);
    for node in &mut spec.nodes {
        if let NodeKind::Linear { bias, scale, .. } = &mut node.kind {
            (*bias, *scale) = (true, 1.5);
        }
    }
    subtracting(spec)
}

fn subtracting(mut spec: NetworkSpec) -> NetworkSpec {
    for node in &mut spec.nodes {
        if let NodeKind::Population { reset, .. } = &mut node.kind {
            *reset = Reset::Subtract;
        }
    }
    spec
}

const LAYERS: [(&str, &[&str]); 2] = [("a", &["in"]), ("b", &["mid"])];

#[test]
fn dense_layers_are_backpropagation_of_their_own_losses() {
    let mut case = 0;
    let input = Input::Spikes(spikes(3, 11, 0.15, 5));
    for (model, params) in [
        ("if", &[("v_threshold", 0.8)][..]),
        ("lif", &[("v_threshold", 0.4)]),
        ("cuba_if", &[("v_threshold", 0.02)]),
        ("cuba_lif", &[("v_threshold", 0.05)]),
    ] {
        for to in [Reset::Subtract, Reset::None] {
            for preset in [
                "default",
                "surrogate-golden",
                "norse",
                "spikingjelly",
                "rockpool",
            ] {
                let end = ["li", "cuba_li", "i"][case % 3];
                case += 1;
                let mut spec = dense(model, params, end);
                spec.convention = Convention::preset(preset).unwrap();
                let boxed = spec.convention.pulse == Pulse::Box;
                for node in &mut spec.nodes {
                    if let NodeKind::Population {
                        reset,
                        params,
                        neuron,
                        ..
                    } = &mut node.kind
                    {
                        *reset = to;
                        if boxed && !neuron.ends_with('i') {
                            let low = if neuron == "if" { 1e-3 } else { 0.02 };
                            params.insert("v_threshold".into(), Values::One(low));
                        }
                    }
                }
                let what = format!("{model} {params:?} {to:?} {preset} {end}");
                let task = (&[11][..], &input);
                let burn_in = case % 40;
                beside_backpropagation(
                    &what,
                    &spec,
                    task,
                    &LAYERS,
                    (&cross_entropy(burn_in), window(burn_in)),
                );
            }
        }
    }
}

/// Within 1 of what is wanted the smooth L1 distance is half the square.
#[test]
fn smooth_l1_of_small_errors_is_the_squared_error() {
    let input = Input::Spikes(spikes(3, 11, 0.15, 5));
    let local = Local {
        scale: 0.05,
        ..Local::default()
    };
    let spec = dense("cuba_lif", &[("v_threshold", 0.05)], "li");
    beside_backpropagation(
        "signals",
        &spec,
        (&[11], &input),
        &LAYERS,
        (&local, Loss::SquaredError),
    );
}

#[test]
fn images_pools_and_dropout() {
    let mut spec = NetworkSpec::new(1e-3)
        .conv2d("c1", 5, 3)
        .population("a", "lif", &[("v_threshold", 0.3)])
        .max_pool2d("pool", 2)
        .node("drop", NodeKind::Dropout { p: 0.3 })
        .conv2d("c2", 4, 2)
        .population("b", "cuba_lif", &[("v_threshold", 0.03)])
        .flatten("flat")
        .linear("out", 3)
        .population("readout", "li", &[]);
    for node in &mut spec.nodes {
        if let NodeKind::Conv2d { bias, .. } = &mut node.kind {
            *bias = true;
        }
    }
    let input = Input::Spikes(spikes(3, 2 * 8 * 8, 0.1, 5));
    let spec = subtracting(spec);
    let layers: [(&str, &[&str]); 2] = [("a", &["c1"]), ("b", &["c2"])];
    let task = (&[2, 8, 8][..], &input);
    beside_backpropagation(
        "images",
        &spec,
        task,
        &layers,
        (&cross_entropy(7), window(7)),
    );
}

/// A current as input, delays before weights, two projections into a layer.
#[test]
fn currents_and_delays() {
    let mut spec = dense("lif", &[("v_threshold", 0.4)], "li").linear("skip", 20);
    let node = |name: &str| EdgeSpec::Node(name.into());
    let late = EdgeSpec::Delayed(DelayedEdge {
        node: "a".into(),
        delay: 4e-3,
    });
    for (name, from) in [
        ("skip", vec![node("input")]),
        ("mid", vec![late]),
        ("b", vec![node("mid"), node("skip")]),
    ] {
        let at = spec.nodes.iter().position(|n| n.name == name).unwrap();
        spec.nodes[at].from = Some(from);
    }
    let skip = spec.nodes.pop().unwrap();
    spec.nodes.insert(3, skip);
    let mut rng = Rng::new(4, 1, Purpose::Other, 0);
    let input = Input::Currents {
        samples: 2,
        steps: STEPS,
        data: (0..2 * STEPS * 11).map(|_| 40.0 * rng.normal()).collect(),
    };
    let layers: [(&str, &[&str]); 2] = [("a", &["in"]), ("b", &["mid", "skip"])];
    beside_backpropagation(
        "currents",
        &spec,
        (&[11], &input),
        &layers,
        (&cross_entropy(0), window(0)),
    );
}

#[test]
fn readouts_decide_as_networks_that_end_there() {
    let spec = dense("lif", &[("v_threshold", 0.4)], "li");
    let net = Network::<f64>::new(&[11], &spec, SEED).unwrap();
    let input = Input::Spikes(spikes(40, 11, 0.15, 9));
    let labels: Vec<u32> = (0..40).map(|b| b % 3).collect();
    let (local, objective) = (cross_entropy(20), window(20).into());
    let ours = readouts(&net, &input, &labels, &objective, &local).unwrap();
    let cut = ["a", "b"].map(|layer| {
        let (short, _) = cut(&net, &spec, layer, &local);
        let report = evaluate(&short, &input, &labels, &objective).unwrap();
        (layer.to_string(), report.correct)
    });
    assert_eq!(ours, cut);
    // Neither all nor none, so that another count would be seen.
    assert!(
        ours.iter().all(|(_, right)| (1..40).contains(right)),
        "{ours:?}"
    );
}

/// Groups of a batch are cut by its size: any number of threads gives the same bits, and a batch the mean of its samples.
#[test]
fn threads_and_pieces_make_no_difference() {
    let spec = dense("cuba_lif", &[("v_threshold", 0.05)], "li");
    let net = Network::<f64>::new(&[11], &spec, SEED).unwrap();
    let all = spikes(9, 11, 0.15, 5);
    let labels: Vec<u32> = (0..9).map(|b| b % 3).collect();
    let (local, objective) = (cross_entropy(20), window(20).into());
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let input = Input::Spikes(all.clone());
        let run = || gradients(&net, &input, &labels, &objective, &local).unwrap();
        pool.build().unwrap().install(run)
    };
    let one = on(1);
    for threads in [2, 3, 5] {
        assert_eq!(one, on(threads));
    }
    let mut sum: Vec<Vec<f64>> = one.0.iter().map(|g| vec![0.0; g.len()]).collect();
    for b in 0..9 {
        let rows = (0..STEPS).map(|t| all.row(b, t).to_vec());
        let part = Input::Spikes(Spikes::from_rows(1, STEPS, 11, rows).unwrap());
        let (g, _) = gradients(&net, &part, &[labels[b]], &objective, &local).unwrap();
        let each = sum.iter_mut().flatten().zip(g.iter().flatten());
        each.for_each(|(s, g)| *s += g / 9.0);
    }
    for (a, b) in sum.iter().flatten().zip(one.0.iter().flatten()) {
        assert!((a - b).abs() < 1e-13, "{a} {b}");
    }
}

#[test]
fn what_has_no_local_readout_is_a_sentence() {
    let error = |spec: &NetworkSpec, objective: Objective, local: &Local| {
        let net = Network::<f32>::new(&[4], spec, 0).unwrap();
        let input = Input::Spikes(spikes(1, 4, 0.5, 1));
        let result = gradients(&net, &input, &[0], &objective, local);
        result.unwrap_err().to_string()
    };
    let (plain, local) = (dense("lif", &[], "li"), Local::default());
    let step: Objective = window(0).into();
    let whole = error(&plain, Loss::MeanCrossEntropy.into(), &local);
    assert!(whole.contains("step_cross_entropy"), "{whole}");
    let priced = Objective {
        rates: Some(Rates {
            lower: 0.1,
            upper: 0.5,
            strength: 1.0,
        }),
        ..step
    };
    assert!(error(&plain, priced, &local).contains("rates"));
    let cut = Objective {
        truncate: Some(3),
        ..step
    };
    assert!(error(&plain, cut, &local).contains("truncate"));
    let late = Local {
        burn_in: STEPS,
        ..local
    };
    assert!(error(&plain, step, &late).contains("less than the 70 steps"));
    let nothing = Local {
        scale: 0.0,
        ..local
    };
    assert!(error(&plain, step, &nothing).contains("scale"));
    let adapts = error(&dense("alif", &[], "li"), step, &local);
    assert!(
        adapts.contains("'a'") && adapts.contains("linear"),
        "{adapts}"
    );
    let mut pooled = plain.clone();
    let drop = NodeSpec {
        name: "drop".into(),
        from: None,
        kind: NodeKind::Dropout { p: 0.5 },
    };
    pooled.nodes.insert(1, drop);
    let between = error(&pooled, step, &local);
    assert!(
        between.contains("straight") && between.contains("'drop'"),
        "{between}"
    );
    let mut normed = plain.clone();
    let norm = NodeSpec {
        name: "norm".into(),
        from: None,
        kind: NodeKind::BatchNorm {
            momentum: 0.1,
            epsilon: 1e-5,
        },
    };
    normed.nodes.insert(1, norm);
    assert!(error(&normed, step, &local).contains("'norm'"));
    let mut trained = plain.clone();
    if let NodeKind::Population { train, .. } = &mut trained.nodes[1].kind {
        train.push("tau_mem".into());
    }
    assert!(error(&trained, step, &local).contains("not trained"));
    let net = Network::<f32>::new(&[4], &plain, 0).unwrap();
    let wrong = readout(&net, "readout", &local).unwrap_err().to_string();
    assert!(wrong.contains("before the network's readout"), "{wrong}");
}
