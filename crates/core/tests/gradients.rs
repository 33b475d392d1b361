//! Gradients against central differences, with spikes replaced by the surrogate's integral so that there is
//! something to differentiate.

use cortado::learn::{Loss, Objective, gradients};
use cortado::network::{Network, NetworkSpec, NodeKind, Pair, Window};
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
    spec.surrogate = Surrogate::new(Shape::Sigmoid).with_slope(4.0);
    spec.detach_reset = false;
    let mut net = Network::<f64>::new(shape, &spec, 5).unwrap();
    net.smooth = true;
    let labels: Vec<u32> = (0..SAMPLES as u32)
        .map(|b| b % net.outputs() as u32)
        .collect();
    let (exact, report) = gradients(&net, input, &labels, objective).unwrap();
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
                gradients(net, input, &labels, objective).unwrap().1.loss
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
