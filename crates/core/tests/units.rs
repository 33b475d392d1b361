//! What conversion stands on: units without time, the neuron that counts like one, pools that gate.

use cortado::learn::{Loss, Objective, gradients};
use cortado::network::{Network, NetworkSpec, NodeKind, Pair, Values, Window};
use cortado::neuron::{Convention, Gain, Reset, Threshold};
use cortado::rng::{Purpose, Rng};
use cortado::sim::clock::Input;
use cortado::spikes::Spikes;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn numbers(n: usize, key: u64) -> Vec<f64> {
    let mut rng = Rng::new(key, 0, Purpose::Other, 0);
    (0..n).map(|_| rng.normal()).collect()
}

fn population(neuron: &str, params: &[(&str, f64)], train: &[&str]) -> NodeKind {
    NodeKind::Population {
        neuron: neuron.into(),
        params: params
            .iter()
            .map(|&(k, v)| (k.into(), Values::One(v)))
            .collect(),
        reset: Reset::Subtract,
        train: train.iter().map(|&t| t.into()).collect(),
        bounds: BTreeMap::new(),
        per_neuron: false,
    }
}

/// One weight of 1 onto one neuron.
fn single(neuron: &str, params: &[(&str, f64)]) -> Network<f64> {
    let mut spec = NetworkSpec::new(1e-3)
        .linear("w", 1)
        .node("unit", population(neuron, params, &[]));
    spec.convention = Convention {
        gain: Gain::Unscaled,
        threshold: Threshold::Ge,
        ..Convention::default()
    };
    let mut net = Network::new(&[1], &spec, 0).unwrap();
    net.set("w.weight", &[1.0]).unwrap();
    net
}

fn run(net: &Network<f64>, x: f64, steps: usize) -> Vec<f64> {
    let input = Input::Current {
        samples: 1,
        steps,
        data: vec![x],
    };
    net.run(&input, &[]).unwrap().output
}

proptest! {
    /// `bu2022`: over `levels` steps of the same input, the neuron that starts at half its threshold fires as the unit says.
    #[test]
    fn a_neuron_counts_like_its_unit(x in -3.0f64..4.0, ceiling in 0.2f64..3.0, levels in 1usize..20) {
        let fired: f64 = run(&single("if", &[("v_threshold", ceiling), ("v_init", ceiling / 2.0)]), x, levels).iter().sum();
        let unit = run(&single("qcfs", &[("ceiling", ceiling), ("levels", levels as f64)]), x, 1)[0];
        let clear = (x / ceiling * levels as f64 + 0.5).fract();
        prop_assume!((1e-9..1.0 - 1e-9).contains(&clear.abs()));
        let formula = ((x * levels as f64 / ceiling + 0.5).floor()).clamp(0.0, levels as f64);
        prop_assert_eq!(fired, formula);
        prop_assert!((unit - ceiling * formula / levels as f64).abs() < 1e-12);
        prop_assert_eq!(run(&single("relu", &[]), x, 2), [x.max(0.0); 2]);
    }
}

#[test]
fn units_make_an_artificial_network() {
    let spec = NetworkSpec::new(1.0)
        .linear("a", 5)
        .node("hidden", population("relu", &[], &[]))
        .linear("b", 3)
        .population("out", "i", &[]);
    let net = Network::<f64>::new(&[4], &spec, 3).unwrap();
    let x = numbers(4, 2);
    let got = run_many(&net, &x);
    let weights = |name: &str| net.param(name).unwrap().values();
    let product = |w: &[f64], x: &[f64]| -> Vec<f64> {
        w.chunks(x.len())
            .map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum())
            .collect()
    };
    let hidden: Vec<f64> = product(&weights("a.weight"), &x)
        .iter()
        .map(|v| v.max(0.0))
        .collect();
    assert!(hidden.contains(&0.0) && hidden.iter().any(|&h| h > 0.0));
    for (got, want) in got.iter().zip(product(&weights("b.weight"), &hidden)) {
        assert!((got - want).abs() < 1e-14, "{got} {want}");
    }
}

fn run_many(net: &Network<f64>, x: &[f64]) -> Vec<f64> {
    let input = Input::Current {
        samples: 1,
        steps: 1,
        data: x.to_vec(),
    };
    net.run(&input, &[]).unwrap().output
}

/// The floor passes the error on, the clip stops it: by the input 1 within the range, by the ceiling `v/λ - x/λ` within and 1 above.
#[test]
fn of_a_quantised_unit_the_gradient_is_the_papers() {
    let spec = NetworkSpec::new(1.0)
        .linear("w", 1)
        .node(
            "q",
            population("qcfs", &[("ceiling", 1.6), ("levels", 4.0)], &["ceiling"]),
        )
        .linear("out", 2)
        .population("readout", "i", &[]);
    let mut net = Network::<f64>::new(&[1], &spec, 0).unwrap();
    net.set("w.weight", &[1.0]).unwrap();
    net.set("out.weight", &[1.0, 0.0]).unwrap();
    let objective: Objective = Loss::SumCrossEntropy.into();
    for x in [-0.3, 0.13, 0.7, 1.5, 1.7, 9.0] {
        let input = Input::Current {
            samples: 1,
            steps: 1,
            data: vec![x],
        };
        let (by, report) = gradients(&net, &input, vec![1u32], &objective).unwrap();
        let of = |name: &str| by[net.params().iter().position(|p| p.name == name).unwrap()][0];
        let v = (4.0 * (x / 1.6f64).clamp(0.0, 1.0) + 0.5).floor() * 0.4;
        // Of two outputs v and 0, the wrong one is v: its error is its probability.
        let error = 1.0 / (1.0 + (-v).exp());
        assert!((report.loss - (1.0 + v.exp()).ln()).abs() < 1e-12);
        let within = f64::from(u8::from(0.0 < x && x < 1.6));
        let by_ceiling = if x >= 1.6 {
            1.0
        } else {
            within * (v - x) / 1.6
        };
        assert!(
            (of("w.weight") - error * within * x).abs() < 1e-12,
            "{x} {}",
            of("w.weight")
        );
        assert!(
            (of("q.ln_ceiling") - error * by_ceiling * 1.6).abs() < 1e-12,
            "{x} {}",
            of("q.ln_ceiling")
        );
    }
}

/// At every step, the spikes that passed a window are as many as its most active input has fired.
#[test]
fn a_gate_passes_the_largest_count() {
    let (samples, steps, shape) = (3, 40, [2usize, 6, 5]);
    let n: usize = shape.iter().product();
    let fire = numbers(samples * steps * n, 5);
    let dense: Vec<f32> = fire.iter().map(|&v| f32::from(u8::from(v > 0.8))).collect();
    for (kernel, stride) in [(2, 2), (3, 1), (3, 2)] {
        let window = Window {
            kernel: Pair::Both(kernel),
            stride: Some(Pair::Both(stride)),
        };
        let spec = NetworkSpec::new(1e-3)
            .node("pool", NodeKind::GatedMaxPool2d(window))
            .flatten("flat")
            .linear("w", 1)
            .population("out", "i", &[]);
        let mut net = Network::<f64>::new(&shape, &spec, 0).unwrap();
        let [h, w] = [
            (shape[1] - kernel) / stride + 1,
            (shape[2] - kernel) / stride + 1,
        ];
        let outputs = shape[0] * h * w;
        // Different weights tell which output it was.
        let weights: Vec<f64> = numbers(outputs, 9);
        net.set("w.weight", &weights).unwrap();
        let spikes = Input::Spikes(Spikes::from_dense(samples, steps, n, &dense).unwrap());
        let whole = net.run(&spikes, &[]).unwrap().output;
        for b in 0..samples {
            for t in 0..steps {
                let count = |i: usize| {
                    (0..=t)
                        .map(|t| f64::from(dense[(b * steps + t) * n + i]))
                        .sum::<f64>()
                };
                let mut want = 0.0;
                for o in 0..outputs {
                    let (c, y, x) = (o / (h * w), o / w % h, o % w);
                    let inputs = (0..kernel * kernel).map(|k| {
                        (c * shape[1] + y * stride + k / kernel) * shape[2]
                            + x * stride
                            + k % kernel
                    });
                    want += weights[o] * inputs.map(count).fold(0.0, f64::max);
                }
                let got = whole[b * steps + t];
                assert!((got - want).abs() < 1e-9, "{kernel} {stride}: {got} {want}");
            }
        }
        // Chunks give the same bits, and a state at rest has forgotten.
        let mut state = net.rest(samples);
        for _ in 0..2 {
            let mut chunks = vec![Vec::new(); samples];
            for range in [0..1, 1..2, 2..17, 17..40] {
                let length = range.len();
                let part = net
                    .advance(&mut state, &spikes.slice(range).unwrap(), &[])
                    .unwrap()
                    .output;
                for (b, part) in part.chunks(length).enumerate() {
                    chunks[b].extend_from_slice(part);
                }
            }
            assert_eq!(chunks.concat(), whole);
            state.reset();
        }
    }
}

#[test]
fn what_is_no_part_of_the_flow_is_not_trained() {
    for (neuron, name) in [("if", "v_init"), ("qcfs", "levels"), ("if", "t_ref")] {
        let spec = NetworkSpec::new(1e-3)
            .linear("w", 1)
            .node("unit", population(neuron, &[], &[name]));
        let Err(error) = Network::<f64>::new(&[1], &spec, 0) else {
            panic!("{name} is trained");
        };
        assert!(
            error.to_string().contains(&format!("got {name}")),
            "{error}"
        );
    }
}
