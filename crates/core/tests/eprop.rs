//! E-prop and online training through time: beside published losses, beside backpropagation where both are the same, and beside
//! their formulas written out.

use cortado::learn::eprop::{self, Feedback, Options, Rule, Workspace};
use cortado::learn::{Loss, Objective, Rates, Signals, Targets, evaluate};
use cortado::network::{DelayedEdge, EdgeSpec, Network, NetworkSpec, NodeKind, Values};
use cortado::neuron::{Convention, Reset};
use cortado::rng::{Purpose, Rng};
use cortado::sim::clock::Input;
use cortado::spikes::Spikes;
use cortado::surrogate::{Shape, Surrogate};
use cortado_base::npz;
use std::collections::BTreeMap;

#[path = "../../base/tests/common/mod.rs"]
mod base;

const SYMMETRIC: Options = Options {
    feedback: Feedback::Symmetric,
    decay: 1e-2,
    autapses: true,
};

fn reset(mut spec: NetworkSpec, to: Reset) -> NetworkSpec {
    for node in &mut spec.nodes {
        if let NodeKind::Population { reset, .. } = &mut node.kind {
            *reset = to;
        }
    }
    spec
}

fn spikes(samples: usize, steps: usize, width: usize, rate: f64, seed: u64) -> Spikes {
    let mut rng = Rng::new(seed, 0, Purpose::Other, 0);
    let draw = |_| f32::from(u8::from(rng.uniform() < rate));
    let dense: Vec<f32> = (0..samples * steps * width).map(draw).collect();
    Spikes::from_dense(samples, steps, width, &dense).unwrap()
}

fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = Rng::new(seed, 1, Purpose::Other, 0);
    (0..count).map(|_| rng.normal()).collect()
}

/// The largest difference over the largest number.
fn distance(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let most = |i: &mut dyn Iterator<Item = f64>| i.fold(0.0, |m: f64, v| m.max(v.abs()));
    let each = a.iter().zip(b).map(|(a, b)| {
        assert_eq!(a.len(), b.len());
        let size = most(&mut b.iter().copied());
        assert!(size > 0.0, "a gradient that is zero everywhere");
        most(&mut a.iter().zip(b).map(|(a, b)| a - b)) / size
    });
    each.fold(0.0, f64::max)
}

mod published {
    use super::*;

    type File = BTreeMap<String, npz::Array>;

    fn read(name: &str) -> Option<File> {
        let folder = base::real_data("eprop-reference")?;
        let path = folder.join("eprop-reference").join(name);
        Some(npz::read(&path, npz::LIMIT).unwrap())
    }

    fn numbers(file: &File, name: &str) -> Vec<f64> {
        match &file[name].data {
            npz::Data::F64(n) => n.clone(),
            _ => file[name].to_f32().into_iter().map(f64::from).collect(),
        }
    }

    fn network(
        file: &File,
        threshold: f64,
        cells: (&str, &[(&str, f64)]),
        tau_out: f64,
    ) -> Network<f64> {
        let (inputs, outputs) = (file["w_in"].shape[1], file["w_out"].shape[0]);
        let mut params = vec![("v_threshold", threshold)];
        params.extend(cells.1);
        let mut spec = NetworkSpec::new(1e-3)
            .linear("in", 100)
            .population("hidden", cells.0, &params)
            .recurrent()
            .linear("out", outputs)
            .population("readout", "li", &[("tau_mem", tau_out)]);
        spec.convention = Convention::preset("nest-eprop").unwrap();
        spec.surrogate = Surrogate {
            shape: Shape::Triangle,
            slope: Some(1.0 / threshold),
            height: 0.3 / threshold,
        };
        for node in &mut spec.nodes {
            if let NodeKind::Population { neuron, params, .. } = &mut node.kind
                && neuron == "alif"
            {
                // Half of them do not adapt.
                let beta = 1.7 * (1.0 - (-1f64 / 2000.0).exp()) / (1.0 - (-1f64 / 20.0).exp());
                let each = (0..100).map(|j| if j < 50 { 0.0 } else { beta });
                params.insert("beta".into(), Values::Each(each.collect()));
            }
        }
        let mut net = Network::new(&[inputs], &reset(spec, Reset::Subtract), 0).unwrap();
        for (name, weights) in [
            ("in.weight", "w_in"),
            ("hidden_rec.weight", "w_rec"),
            ("out.weight", "w_out"),
        ] {
            net.set(name, &numbers(file, weights)).unwrap();
        }
        net
    }

    /// Each gradient beside the name and value of its parameter.
    fn gradients(
        net: &Network<f64>,
        file: &File,
        input: &Input<f64>,
        targets: Targets<'_>,
        objective: &Objective,
    ) -> Vec<(String, Vec<f64>, Vec<f64>)> {
        let options = Options {
            feedback: Feedback::Random,
            autapses: false,
            ..SYMMETRIC
        };
        let mut workspace = Workspace::new();
        let feedback = numbers(file, "feedback");
        workspace.set_feedback(net, "hidden", &feedback).unwrap();
        let rule = Rule::Eprop(&options, 0);
        workspace.run(net, input, targets, objective, rule).unwrap();
        let all = net.params().iter().zip(workspace.gradients());
        all.map(|(p, g)| (p.name.clone(), p.values(), p.values_of(g)))
            .collect()
    }

    /// A task loss within 1e-8 of what is published.
    fn meets(
        net: &Network<f64>,
        input: &Input<f64>,
        targets: Targets<'_>,
        loss: Loss,
        wanted: f64,
    ) {
        let loss = evaluate(net, input, targets, &loss.into()).unwrap().loss;
        assert!((loss / wanted - 1.0).abs() < 1e-8, "{loss} for {wanted}");
    }

    /// Spikes from `[steps][channels]` zeros and ones.
    fn input(frames: &[f64], width: usize) -> Input<f64> {
        let dense: Vec<f32> = frames.iter().map(|&v| v as f32).collect();
        let steps = dense.len() / width;
        Input::Spikes(Spikes::from_dense(1, steps, width, &dense).unwrap())
    }

    #[test]
    fn regression() {
        let Some(file) = read("regression.npz") else {
            return;
        };
        let mut net = network(&file, 0.03, ("lif", &[("tau_mem", 30e-3)]), 30e-3);
        let channels = numbers(&file, "input");
        let frames: Vec<f64> = (0..1000 * 100)
            .map(|n| channels[n % 100 * 1000 + n / 100])
            .collect();
        let input = input(&frames, 100);
        let wanted = Signals::new([1, 1000, 1], numbers(&file, "target")).unwrap();
        let objective = Objective {
            loss: Loss::SquaredError,
            // c_reg = 300 and 10 Hz: half of it times the sum over 100 neurons.
            rates: Some(Rates {
                lower: 0.01,
                upper: 0.01,
                strength: 300.0 * 100.0 / 2.0,
            }),
            truncate: None,
        };
        for loss in numbers(&file, "loss") {
            meets(&net, &input, (&wanted).into(), Loss::SquaredError, loss);
            for (name, w, g) in gradients(&net, &file, &input, (&wanted).into(), &objective) {
                let next: Vec<f64> = w.iter().zip(&g).map(|(w, g)| w - 1e-4 * g).collect();
                net.set(&name, &next).unwrap();
            }
        }
    }

    #[test]
    fn evidence_accumulation() {
        let Some(file) = read("classification.npz") else {
            return;
        };
        // A spike is followed by 4 steps without; what arrives is not scaled.
        let r = 1.0 / (1.0 - (-1f64 / 20.0).exp());
        let params = [
            ("tau_mem", 20e-3),
            ("tau_adapt", 2.0),
            ("t_ref", 3e-3),
            ("r", r),
        ];
        let mut net = network(&file, 0.6, ("alif", &params), 20e-3);
        let loss = Loss::StepCrossEntropy { window: Some(150) };
        let objective = Objective {
            loss,
            rates: Some(Rates {
                lower: 0.01,
                upper: 0.01,
                strength: 300.0 * 100.0 / 2.0 / 150.0,
            }),
            truncate: None,
        };
        let frames = numbers(&file, "input");
        let labels = numbers(&file, "label");
        let mut moments: BTreeMap<String, Vec<[f64; 2]>> = BTreeMap::new();
        for (n, wanted) in numbers(&file, "loss").into_iter().enumerate() {
            let input = input(&frames[n * 2250 * 40..][..2250 * 40], 40);
            let label = [labels[n] as u32];
            meets(&net, &input, (&label).into(), loss, wanted);
            let k = n as i32 + 1;
            let rate = 5e-3 * (1.0 - 0.999f64.powi(k)).sqrt() / (1.0 - 0.9f64.powi(k));
            for (name, mut w, g) in gradients(&net, &file, &input, (&label).into(), &objective) {
                let moments = moments
                    .entry(name.clone())
                    .or_insert_with(|| vec![[0.0; 2]; g.len()]);
                for ((w, g), [m, v]) in w.iter_mut().zip(&g).zip(moments) {
                    *m = 0.9 * *m + 0.1 * g;
                    *v = 0.999 * *v + 0.001 * g * g;
                    *w -= rate * *m / (v.sqrt() + 1e-8);
                }
                net.set(&name, &w).unwrap();
            }
        }
    }
}

/// Samples of inputs that fire, with what they should become.
fn task(steps: usize, loss: Loss) -> (Input<f64>, Targets<'static>) {
    let input = Input::Spikes(spikes(3, steps, 11, 0.15, 5));
    let targets = match loss {
        Loss::SquaredError => Signals::new([3, steps, 3], numbers(3 * steps * 3, 8))
            .unwrap()
            .into(),
        _ => vec![2, 0, 1].into(),
    };
    (input, targets)
}

/// How far e-prop is from backpropagation.
fn beside_bptt(what: &str, spec: &NetworkSpec, objective: &Objective) -> f64 {
    let net = Network::<f64>::new(&[11], spec, 3).unwrap();
    let (input, targets) = task(70, objective.loss);
    let rule = Rule::Eprop(&SYMMETRIC, 0);
    let (ours, report) = eprop::gradients(&net, &input, targets.clone(), objective, rule).unwrap();
    let (exact, bptt) = cortado::learn::gradients(&net, &input, targets, objective).unwrap();
    assert!(report.spikes > 100, "{what}: {} spikes", report.spikes);
    assert!((report.loss / bptt.loss - 1.0).abs() < 1e-12, "{what}");
    assert_eq!(
        (report.spikes, report.synops, report.correct, report.samples),
        (bptt.spikes, bptt.synops, bptt.correct, bptt.samples),
        "{what}"
    );
    distance(&ours, &exact)
}

fn one_layer(model: &str, params: &[(&str, f64)], readout: &str) -> NetworkSpec {
    let mut spec = NetworkSpec::new(1e-3)
        .linear("in", 70)
        .population("hidden", model, params)
        .linear("out", 3)
        .population("readout", readout, &[]);
    for node in &mut spec.nodes {
        if let NodeKind::Linear { bias, scale, .. } = &mut node.kind {
            (*bias, *scale) = (true, 1.5);
        }
    }
    spec
}

/// What can be detached from a neuron is only its reset: with one layer and no loop nothing else is left out.
#[test]
fn one_layer_without_loop_is_backpropagation() {
    let window = Loss::StepCrossEntropy { window: Some(25) };
    let losses = [window, Loss::SquaredError, Loss::LastCrossEntropy];
    let mut case = 0;
    for (model, params) in [
        ("if", &[("v_threshold", 0.8)][..]),
        ("lif", &[("v_threshold", 0.5)]),
        ("lif", &[("v_threshold", 0.5), ("t_ref", 3e-3)]),
        ("cuba_if", &[("v_threshold", 0.02)]),
        ("cuba_lif", &[("v_threshold", 0.1)]),
        ("cuba_lif", &[("v_threshold", 0.1), ("t_ref", 2e-3)]),
    ] {
        for to in [Reset::Value, Reset::Subtract, Reset::None] {
            for preset in ["default", "snntorch", "surrogate-golden", "nest-eprop"] {
                let readout = ["li", "cuba_li", "i"][case % 3];
                let loss = losses[case / 3 % 3];
                case += 1;
                let mut spec = reset(one_layer(model, params, readout), to);
                spec.convention = Convention::preset(preset).unwrap();
                if spec.convention.pulse == cortado::neuron::Pulse::Box {
                    for node in &mut spec.nodes {
                        if let NodeKind::Population { params, neuron, .. } = &mut node.kind
                            && !neuron.ends_with('i')
                        {
                            // A current counts by the step: without a leak by a thousandth.
                            let low = if neuron == "if" { 1e-3 } else { 0.02 };
                            params.insert("v_threshold".into(), Values::One(low));
                        }
                    }
                }
                let objective = Objective {
                    loss,
                    rates: Some(Rates {
                        lower: 0.02,
                        upper: 0.05,
                        strength: 3.0,
                    }),
                    truncate: None,
                };
                let what = format!("{model} {params:?} {to:?} {preset} {readout} {loss:?}");
                let far = beside_bptt(&what, &spec, &objective);
                assert!(far < 1e-9, "{what}: {far}");
            }
        }
    }
}

/// With the reset differentiated the trace is the whole derivative of the neuron, adaptation included.
#[test]
fn a_reset_that_is_differentiated_is_in_the_trace() {
    for (model, params) in [
        ("lif", &[("v_threshold", 0.5)][..]),
        ("alif", &[("v_threshold", 0.3)]),
        ("alif", &[("v_threshold", 0.3), ("t_ref", 2e-3)]),
        ("adlif", &[("v_threshold", 0.3)]),
        ("se_adlif", &[("v_threshold", 0.3)]),
    ] {
        for to in [Reset::Value, Reset::Subtract] {
            let mut spec = reset(one_layer(model, params, "li"), to);
            spec.detach_reset = false;
            let loss = Loss::StepCrossEntropy { window: None };
            let far = beside_bptt(model, &spec, &loss.into());
            assert!(far < 1e-9, "{model} {params:?} {to:?}: {far}");
        }
    }
    // Models whose step is no linear map.
    for (model, scale, params) in [("adex", 20e-3, &[][..]), ("izhikevich", 30.0, &[][..])] {
        let mut spec = one_layer(model, params, "li");
        spec.detach_reset = false;
        if let NodeKind::Linear { scale: s, .. } = &mut spec.nodes[0].kind {
            *s = scale;
        }
        spec.surrogate = Surrogate::new(Shape::FastSigmoid).with_slope(0.2 / scale);
        let loss = Loss::StepCrossEntropy { window: None };
        let far = beside_bptt(model, &spec, &loss.into());
        assert!(far < 1e-9, "{model}: {far}");
    }
}

#[test]
fn currents_delays_and_two_populations_side_by_side() {
    let node = |name: &str| EdgeSpec::Node(name.into());
    let late = |name: &str| {
        EdgeSpec::Delayed(DelayedEdge {
            node: name.into(),
            delay: 3e-3,
        })
    };
    let mut spec = NetworkSpec::new(1e-3)
        .linear("in1", 20)
        .population("a", "lif", &[("v_threshold", 0.4)])
        .linear("in2", 66)
        .population("b", "cuba_lif", &[("v_threshold", 0.08)])
        .linear("out1", 3)
        .linear("out2", 3)
        .linear("skip", 3)
        .population("readout", "cuba_li", &[]);
    let wires = [
        ("in1", vec![late("input")]),
        ("in2", vec![node("input")]),
        ("out1", vec![node("a")]),
        ("out2", vec![node("b")]),
        ("skip", vec![node("input")]),
        ("readout", vec![node("out1"), node("out2"), node("skip")]),
    ];
    for (name, from) in wires {
        let at = spec.nodes.iter().position(|n| n.name == name).unwrap();
        spec.nodes[at].from = Some(from);
    }
    let net = Network::<f64>::new(&[11], &spec, 3).unwrap();
    let objective = Loss::StepCrossEntropy { window: None }.into();
    let currents: Vec<f64> = numbers(2 * 70 * 11, 4).iter().map(|v| 40.0 * v).collect();
    let inputs = [
        Input::Spikes(spikes(2, 70, 11, 0.2, 5)),
        Input::Currents {
            samples: 2,
            steps: 70,
            data: currents,
        },
    ];
    for input in inputs {
        let rule = Rule::Eprop(&SYMMETRIC, 0);
        let (ours, report) = eprop::gradients(&net, &input, &[2, 1], &objective, rule).unwrap();
        assert!(report.spikes > 100, "{} spikes", report.spikes);
        let exact = cortado::learn::gradients(&net, &input, &[2, 1], &objective).unwrap();
        let far = distance(&ours, &exact.0);
        assert!(far < 1e-9, "{far}");
    }
}

fn recurrent(model: &str, params: &[(&str, f64)]) -> NetworkSpec {
    NetworkSpec::new(1e-3)
        .linear("in", 70)
        .population("hidden", model, params)
        .recurrent()
        .linear("out", 3)
        .population("readout", "li", &[])
}

/// The formula for adaptive neurons in a loop: what a spike that arrives in step `r` does to each later step, added up.
#[test]
fn a_loop_is_the_formula_written_out() {
    const I: usize = 5;
    const N: usize = 6;
    const K: usize = 2;
    const T: usize = 45;
    for to in [Reset::Subtract, Reset::Value] {
        let taus = [8e-3, 60e-3, 12e-3];
        let [alpha, rho, kappa] = taus.map(|tau| (-1e-3f64 / tau).exp());
        let (threshold, beta) = (0.6, 0.25);
        let params = [
            ("tau_mem", taus[0]),
            ("tau_adapt", taus[1]),
            ("beta", beta),
            ("v_threshold", threshold),
        ];
        let spec = NetworkSpec::new(1e-3)
            .linear("in", N)
            .population("hidden", "alif", &params)
            .recurrent()
            .linear("out", K)
            .population("readout", "li", &[("tau_mem", taus[2])]);
        let mut spec = reset(spec, to);
        spec.surrogate = Surrogate::new(Shape::Sigmoid);
        let net = Network::<f64>::new(&[I], &spec, 9).unwrap();
        let weights = |name: &str| net.param(name).unwrap().values();
        let [w_in, w_rec, w_out] = ["in.weight", "hidden_rec.weight", "out.weight"].map(weights);
        let x = spikes(1, T, I, 0.4, 6);
        let label = 1;

        // Forward.
        let (mut v, mut a, mut y) = ([0.0; N], [0.0; N], [0.0; K]);
        let (mut z, mut psi, mut error) = (vec![[0.0; N]; T], vec![[0.0; N]; T], vec![[0.0; K]; T]);
        let (mut loss, mut count) = (0.0, [0.0; N]);
        for t in 0..T {
            for j in 0..N {
                let mut sum: f64 = x.row(0, t).iter().map(|&i| w_in[j * I + i as usize]).sum();
                if t > 0 {
                    sum += (0..N).map(|i| w_rec[j * N + i] * z[t - 1][i]).sum::<f64>();
                }
                v[j] = alpha * v[j] + sum;
                a[j] *= rho;
                let gap = v[j] - beta * a[j] - threshold;
                psi[t][j] = spec.surrogate.derivative(gap);
                z[t][j] = f64::from(u8::from(gap > 0.0));
                count[j] += z[t][j];
                match to {
                    Reset::Value => v[j] *= 1.0 - z[t][j],
                    _ => v[j] -= threshold * z[t][j],
                }
                a[j] += z[t][j];
            }
            for k in 0..K {
                let sum: f64 = (0..N).map(|j| w_out[k * N + j] * z[t][j]).sum();
                y[k] = kappa * y[k] + sum;
            }
            let sum: f64 = y.iter().map(|y: &f64| y.exp()).sum();
            for k in 0..K {
                let hit = f64::from(u8::from(k == label));
                error[t][k] = (y[k].exp() / sum - hit) / T as f64;
            }
            loss += (sum.ln() - y[label]) / T as f64;
        }
        let fired = z.iter().flatten().sum::<f64>();
        assert!(fired > 10.0, "{fired}");

        let rates = Rates {
            lower: 0.1,
            upper: 0.1,
            strength: 0.7,
        };
        let slope = |j: usize| 2.0 * 0.7 * (count[j] / T as f64 - 0.1) / (T * N) as f64;
        let pays = |j: usize| 0.7 * (count[j] / T as f64 - 0.1f64).powi(2) / N as f64;
        loss += (0..N).map(pays).sum::<f64>();

        // The eligibility of one arrival, and what it is worth.
        let worth = |j: usize, r: usize, b: &dyn Fn(usize, usize) -> f64| {
            let (mut dv, mut da, mut sum) = (1.0, 0.0, 0.0);
            for s in r..T {
                let e = psi[s][j] * (dv - beta * da);
                for t in s..T {
                    let signal: f64 = (0..K).map(|k| b(j, k) * error[t][k]).sum();
                    sum += signal * kappa.powi((t - s) as i32) * e;
                }
                sum += slope(j) * e;
                if to == Reset::Value {
                    dv *= 1.0 - z[s][j];
                }
                (dv, da) = (alpha * dv, rho * (da + e));
            }
            sum
        };
        let feedback = numbers(N * K, 12);
        let symmetric = |j: usize, k: usize| w_out[k * N + j];
        let random = |j: usize, k: usize| feedback[j * K + k];
        for (how, b) in [
            (
                Feedback::Symmetric,
                &symmetric as &dyn Fn(usize, usize) -> f64,
            ),
            (Feedback::Random, &random),
        ] {
            let mut wanted = vec![vec![0.0; N * I], vec![0.0; N * N], vec![0.0; K * N]];
            for j in 0..N {
                for r in 0..T {
                    let worth = worth(j, r, b);
                    for &i in x.row(0, r) {
                        wanted[0][j * I + i as usize] += worth;
                    }
                    for i in (0..N).filter(|_| r > 0) {
                        wanted[1][j * N + i] += worth * z[r - 1][i];
                    }
                }
            }
            for (k, j) in (0..K).flat_map(|k| (0..N).map(move |j| (k, j))) {
                for (s, t) in (0..T).flat_map(|s| (s..T).map(move |t| (s, t))) {
                    wanted[2][k * N + j] += error[t][k] * kappa.powi((t - s) as i32) * z[s][j];
                }
            }
            let options = Options {
                feedback: how,
                ..SYMMETRIC
            };
            let mut workspace = Workspace::new();
            workspace.set_feedback(&net, "hidden", &feedback).unwrap();
            let objective = Objective {
                loss: Loss::StepCrossEntropy { window: None },
                rates: Some(rates),
                truncate: None,
            };
            let input = Input::Spikes(x.clone());
            let rule = Rule::Eprop(&options, 0);
            let report = workspace.run(&net, &input, &[label as u32], &objective, rule);
            assert!((report.unwrap().loss / loss - 1.0).abs() < 1e-12);
            let ours = |name: &str| {
                let k = net.params().iter().position(|p| p.name == name).unwrap();
                net.params()[k].values_of(&workspace.gradients()[k])
            };
            let ours = ["in.weight", "hidden_rec.weight", "out.weight"].map(ours);
            let far = distance(&ours, &wanted);
            assert!(far < 1e-11, "{to:?} {how:?}: {far}");
        }
    }
}

/// A trace for each neuron before the weights and one for each weight are the same, where neurons move alike.
#[test]
fn traces_of_neurons_and_of_weights_agree() {
    for model in ["lif", "cuba_lif"] {
        let each = |own: bool| {
            let mut spec = reset(recurrent(model, &[("v_threshold", 0.2)]), Reset::Subtract);
            for node in &mut spec.nodes {
                if let NodeKind::Population { params, .. } = &mut node.kind
                    && node.name == "hidden"
                    && own
                {
                    params.insert("v_threshold".into(), Values::Each(vec![0.2; 70]));
                }
            }
            let net = Network::<f64>::new(&[11], &spec, 3).unwrap();
            let (input, targets) = task(70, Loss::SquaredError);
            let rule = Rule::Eprop(&SYMMETRIC, 0);
            let objective = Loss::SquaredError.into();
            eprop::gradients(&net, &input, targets, &objective, rule)
                .unwrap()
                .0
        };
        let far = distance(&each(true), &each(false));
        assert!(far < 1e-13, "{model}: {far}");
    }
}

/// Groups of a batch are cut by its size: any number of threads gives the same bits, and a batch the mean of its samples.
#[test]
fn threads_and_pieces_make_no_difference() {
    let net = Network::<f32>::new(&[11], &recurrent("alif", &[("v_threshold", 0.3)]), 3).unwrap();
    let all = spikes(9, 50, 11, 0.2, 5);
    let labels: Vec<u32> = (0..9).map(|b| b % 3).collect();
    let objective = Objective {
        loss: Loss::StepCrossEntropy { window: Some(20) },
        rates: Some(Rates {
            lower: 0.02,
            upper: 0.05,
            strength: 3.0,
        }),
        truncate: None,
    };
    for rule in [Rule::Eprop(&SYMMETRIC, 0), Rule::Ottt] {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let input = Input::Spikes(all.clone());
            let run = || eprop::gradients(&net, &input, &labels, &objective, rule).unwrap();
            pool.build().unwrap().install(run)
        };
        let (one, report) = on(1);
        for threads in [2, 3, 5] {
            assert_eq!((&one, report), (&on(threads).0, on(threads).1));
        }
        let mut sum = vec![Vec::new(); one.len()];
        let mut loss = 0.0;
        for b in 0..9 {
            let rows = (0..50).map(|t| all.row(b, t).to_vec());
            let part = Input::Spikes(Spikes::from_rows(1, 50, 11, rows).unwrap());
            let label = [labels[b]];
            let (g, r) = eprop::gradients(&net, &part, &label, &objective, rule).unwrap();
            loss += r.loss / 9.0;
            for (sum, g) in sum.iter_mut().zip(g) {
                sum.resize(g.len(), 0.0);
                let each = sum.iter_mut().zip(g);
                each.for_each(|(s, g)| *s += f64::from(g) / 9.0);
            }
        }
        let wide = |g: &Vec<f32>| g.iter().map(|&g| f64::from(g)).collect::<Vec<_>>();
        let far = distance(&one.iter().map(wide).collect::<Vec<_>>(), &sum);
        assert!(far < 1e-5 && (loss - report.loss).abs() < 1e-6, "{far}");
    }
}

#[test]
fn feedback_is_what_it_says() {
    let net = Network::<f64>::new(&[11], &recurrent("lif", &[("v_threshold", 0.4)]), 3).unwrap();
    let objective = Loss::SquaredError.into();
    let (input, targets) = task(50, Loss::SquaredError);
    let run = |feedback, decay, step| {
        let options = Options {
            feedback,
            decay,
            autapses: true,
        };
        let rule = Rule::Eprop(&options, step);
        eprop::gradients(&net, &input, targets.clone(), &objective, rule)
            .unwrap()
            .0
    };
    let symmetric = run(Feedback::Symmetric, 0.0, 0);
    let random = run(Feedback::Random, 0.0, 0);
    assert!(distance(&random, &symmetric) > 0.1);
    assert_eq!(random, run(Feedback::Random, 0.5, 7));
    // Feedback that has been adapted for long is that of the weights; before, it is the sum of both.
    assert!(distance(&run(Feedback::Adaptive, 0.5, 100), &symmetric) < 1e-12);
    let first = run(Feedback::Adaptive, 0.5, 0);
    let half = run(Feedback::Adaptive, 0.5, 1);
    for k in 0..2 {
        let part = |g: &[Vec<f64>], f: f64| -> Vec<f64> {
            let both = symmetric[k].iter().zip(&random[k]);
            assert_eq!(g[k].len(), symmetric[k].len());
            both.map(|(s, r)| s + f * r).collect()
        };
        assert!(distance(&first[k..=k], &[part(&first, 1.0)]) < 1e-12);
        assert!(distance(&half[k..=k], &[part(&half, 0.5)]) < 1e-12);
    }
    // The readout learns the same under all.
    assert_eq!(symmetric[2], random[2]);
}

/// The formula of online training through time: presynaptic traces times the errors that pass the layers of a step.
#[test]
fn ottt_is_the_formula_written_out() {
    const T: usize = 50;
    let taus = [8e-3, 15e-3, 12e-3];
    let leaks = taus.map(|tau| (-1e-3f64 / tau).exp());
    let sizes = [7, 9, 6, 3];
    let spec = NetworkSpec::new(1e-3)
        .linear("w0", 9)
        .population("a", "lif", &[("tau_mem", taus[0]), ("v_threshold", 0.5)])
        .linear("w1", 6)
        .population("b", "lif", &[("tau_mem", taus[1]), ("v_threshold", 0.5)])
        .linear("w2", 3)
        .population("readout", "li", &[("tau_mem", taus[2])]);
    let mut spec = reset(spec, Reset::Subtract);
    spec.surrogate = Surrogate::new(Shape::Arctan);
    let net = Network::<f64>::new(&[7], &spec, 4).unwrap();
    let w = ["w0.weight", "w1.weight", "w2.weight"].map(|n| net.param(n).unwrap().values());
    let x = spikes(1, T, 7, 0.4, 3);
    let wanted = numbers(T * 3, 2);
    let mut v = [vec![0.0; 9], vec![0.0; 6], vec![0.0; 3]];
    let mut traces = [vec![0.0; 7], vec![0.0; 9], vec![0.0; 6]];
    let mut gradients: [Vec<f64>; 3] = std::array::from_fn(|l| vec![0.0; w[l].len()]);
    let mut fired = 0.0;
    for t in 0..T {
        let mut z: Vec<f64> = vec![0.0; 7];
        x.row(0, t).iter().for_each(|&i| z[i as usize] = 1.0);
        let mut psi = Vec::new();
        for l in 0..3 {
            let (n, m) = (sizes[l + 1], sizes[l]);
            (0..m).for_each(|i| traces[l][i] = leaks[l] * traces[l][i] + z[i]);
            let moved = (0..n)
                .map(|j| leaks[l] * v[l][j] + (0..m).map(|i| w[l][j * m + i] * z[i]).sum::<f64>());
            v[l] = moved.collect();
            if l == 2 {
                break;
            }
            psi.push(
                v[l].iter()
                    .map(|v| spec.surrogate.derivative(v - 0.5))
                    .collect::<Vec<_>>(),
            );
            z = v[l].iter().map(|v| f64::from(u8::from(*v > 0.5))).collect();
            fired += z.iter().sum::<f64>();
            (0..n).for_each(|j| v[l][j] -= 0.5 * z[j]);
        }
        let mut error: Vec<f64> = (0..3).map(|k| v[2][k] - wanted[t * 3 + k]).collect();
        for l in (0..3).rev() {
            let (n, m) = (sizes[l + 1], sizes[l]);
            for (j, i) in (0..n).flat_map(|j| (0..m).map(move |i| (j, i))) {
                gradients[l][j * m + i] += error[j] * traces[l][i];
            }
            if l > 0 {
                let down = |i: usize| (0..n).map(|j| w[l][j * m + i] * error[j]).sum::<f64>();
                error = (0..m).map(|i| psi[l - 1][i] * down(i)).collect();
            }
        }
    }
    assert!(fired > 50.0, "{fired}");
    let input = Input::Spikes(x);
    let targets = Signals::new([1, T, 3], wanted).unwrap();
    let objective = Loss::SquaredError.into();
    let (ours, _) = eprop::gradients(&net, &input, targets, &objective, Rule::Ottt).unwrap();
    let far = distance(&ours, &gradients);
    assert!(far < 1e-12, "{far}");
}

/// Where nothing is remembered from step to step, online training through time is backpropagation cut after every step: that
/// is what `sltt` trains by.
#[test]
fn without_memory_ottt_is_sltt() {
    let fast = [("tau_mem", 1e-5), ("v_threshold", 0.5)];
    let spec = NetworkSpec::new(1e-3)
        .linear("w0", 70)
        .population("a", "lif", &fast)
        .recurrent()
        .linear("w1", 40)
        .population("b", "lif", &fast)
        .linear("w2", 3)
        .population("readout", "li", &[("tau_mem", 1e-5)]);
    let net = Network::<f64>::new(&[11], &reset(spec, Reset::Subtract), 4).unwrap();
    let (input, targets) = task(40, Loss::StepCrossEntropy { window: None });
    let mut objective: Objective = Loss::StepCrossEntropy { window: None }.into();
    let ottt = eprop::gradients(&net, &input, targets.clone(), &objective, Rule::Ottt);
    objective.truncate = Some(1);
    let (sltt, _) = cortado::learn::gradients(&net, &input, targets, &objective).unwrap();
    let far = distance(&ottt.unwrap().0, &sltt);
    assert!(far < 1e-12, "{far}");
}

#[test]
fn what_cannot_learn_online_is_a_sentence() {
    let error = |spec: &NetworkSpec, objective: Objective, options: Options| {
        let net = Network::<f32>::new(&[4], spec, 0).unwrap();
        let input = Input::Spikes(spikes(1, 5, 4, 0.5, 1));
        let rule = Rule::Eprop(&options, 0);
        let result = eprop::gradients(&net, &input, &[0], &objective, rule);
        result.unwrap_err().to_string()
    };
    let step: Objective = Loss::StepCrossEntropy { window: None }.into();
    let plain = NetworkSpec::new(1e-3)
        .linear("in", 6)
        .population("a", "lif", &[])
        .linear("mid", 6)
        .population("b", "lif", &[])
        .linear("out", 2)
        .population("y", "li", &[]);
    let whole = error(&plain, Loss::MeanCrossEntropy.into(), SYMMETRIC);
    assert!(whole.contains("step_cross_entropy"), "{whole}");
    let cut = Objective {
        truncate: Some(3),
        ..step
    };
    assert!(error(&plain, cut, SYMMETRIC).contains("truncate"));
    let deep = error(&plain, step, SYMMETRIC);
    assert!(deep.contains("'a'") && deep.contains("random"), "{deep}");
    let mut dropped = plain.clone();
    dropped.nodes.insert(
        2,
        cortado::network::NodeSpec {
            name: "drop".into(),
            from: None,
            kind: NodeKind::Dropout { p: 0.5 },
        },
    );
    assert!(error(&dropped, step, SYMMETRIC).contains("'drop'"));
    let mut trained = plain.clone();
    if let NodeKind::Population { train, .. } = &mut trained.nodes[1].kind {
        train.push("tau_mem".into());
    }
    assert!(error(&trained, step, SYMMETRIC).contains("not trained"));
    let window = Loss::StepCrossEntropy { window: Some(6) };
    assert!(error(&plain, window.into(), SYMMETRIC).contains("1 to 5 steps"));
    let net = Network::<f32>::new(&[4], &plain, 0).unwrap();
    let mut workspace = Workspace::new();
    let wrong = workspace.set_feedback(&net, "b", &[0.0; 3]).unwrap_err();
    assert!(wrong.to_string().contains("6 x 2"), "{wrong}");
    assert!(workspace.set_feedback(&net, "c", &[]).is_err());
}
