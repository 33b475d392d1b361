//! Counts of a meter against a count of everything, over dense tensors that probes recorded.

use cortado::cost::{Cost, Meter, Signal, measure};
use cortado::learn::{Loss, Objective, evaluate};
use cortado::network::{DelayedEdge, EdgeSpec, Network, NetworkSpec, NodeKind, Pair, Window};
use cortado::neuron::{Convention, Reset};
use cortado::sim::clock::{Input, Probe};
use cortado::spikes::Spikes;
use proptest::prelude::*;

const SAMPLES: usize = 3;
const STEPS: usize = 6;

/// What a projection counts: dense, accumulates, multiply-accumulates, activations that are not zero.
type Counts = [u64; 4];

/// Numbers in 0..1 from a seed.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1);
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51afd7ed558ccd);
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }

    fn pick(&mut self, n: usize) -> usize {
        (self.next() * n as f64) as usize
    }
}

/// A tensor `[samples][steps][size]` and the shape of a step.
#[derive(Clone)]
struct Dense {
    shape: Vec<usize>,
    data: Vec<f32>,
}

impl Dense {
    fn row(&self, b: usize, t: isize) -> Vec<f32> {
        let n: usize = self.shape.iter().product();
        match usize::try_from(t) {
            Ok(t) => self.data[(b * STEPS + t) * n..][..n].to_vec(),
            Err(_) => vec![0.0; n],
        }
    }

    /// The same of each image in turn.
    fn map(&self, shape: &[usize], f: impl Fn(&[f32]) -> Vec<f32>) -> Self {
        let n: usize = self.shape.iter().product();
        Self {
            shape: shape.to_vec(),
            data: self.data.chunks(n).flat_map(f).collect(),
        }
    }
}

fn pool(x: &Dense, w: &Window, fold: fn(&[f32]) -> f32) -> Dense {
    let [c, h, wide] = x.shape[..] else { panic!() };
    let (k, s) = (w.kernel.get(), w.stride.unwrap_or(w.kernel).get());
    let (oh, ow) = ((h - k[0]) / s[0] + 1, (wide - k[1]) / s[1] + 1);
    x.map(&[c, oh, ow], |image| {
        let mut out = Vec::new();
        for n in 0..c * oh * ow {
            let (channel, y, x) = (n / (oh * ow), n / ow % oh, n % ow);
            let at = |j: usize| {
                let (y, x) = (y * s[0] + j / k[1], x * s[1] + j % k[1]);
                image[(channel * h + y) * wide + x]
            };
            out.push(fold(&(0..k[0] * k[1]).map(at).collect::<Vec<_>>()));
        }
        out
    })
}

/// Calls `f` with every input, output and weight of a projection that meet.
fn synapses(kind: &NodeKind, from: &[usize], weights: &[usize], mut f: impl FnMut(usize, usize)) {
    let NodeKind::Conv2d {
        stride,
        padding,
        groups,
        ..
    } = kind
    else {
        let inputs = weights[1];
        return (0..weights[0] * inputs).for_each(|w| f(w % inputs, w));
    };
    let [c, h, wide] = from[..] else { panic!() };
    let [o, cg, kh, kw] = weights[..] else {
        panic!()
    };
    let (s, p) = (stride.get(), padding.get());
    let (oh, ow) = (
        (h + 2 * p[0] - kh) / s[0] + 1,
        (wide + 2 * p[1] - kw) / s[1] + 1,
    );
    assert_eq!(c, cg * groups);
    for (map, y, x) in (0..o * oh * ow).map(|n| (n / (oh * ow), n / ow % oh, n % ow)) {
        for (i, ky, kx) in (0..cg * kh * kw).map(|n| (n / (kh * kw), n / kw % kh, n % kw)) {
            let (yy, xx) = (y * s[0] + ky, x * s[1] + kx);
            if yy < p[0] || xx < p[1] || yy - p[0] >= h || xx - p[1] >= wide {
                continue;
            }
            let channel = map / (o / groups) * cg + i;
            f(
                (channel * h + yy - p[0]) * wide + xx - p[1],
                ((map * cg + i) * kh + ky) * kw + kx,
            );
        }
    }
}

/// Counts everything of a network, node by node.
fn brute(net: &Network<f32>, input: &Input<f32>, dense: &Dense) -> (Vec<Counts>, Vec<[u64; 2]>) {
    let nodes = &net.spec().nodes;
    let populations = nodes
        .iter()
        .filter(|n| matches!(n.kind, NodeKind::Population { .. }));
    let probes: Vec<Probe> = populations
        .flat_map(|n| ["spikes", "v"].map(|what| (n.name.clone(), what)))
        .map(|(node, what)| Probe {
            node,
            what: what.into(),
            neurons: Vec::new(),
        })
        .collect();
    let traces = net.run(input, &probes).unwrap().traces;
    let trace = |name: &str, what: &str| {
        let found = probes.iter().position(|p| p.node == name && p.what == what);
        &traces[found.unwrap()].data
    };
    let mut values: Vec<(String, Dense)> = vec![("input".into(), dense.clone())];
    // A population's output is known beforehand, its shape not.
    let value = |values: &[(String, Dense)], name: &str| match values.iter().find(|v| v.0 == name) {
        Some(v) => v.1.clone(),
        None => {
            let data = trace(name, "spikes").clone();
            let shape = vec![data.len() / (SAMPLES * STEPS)];
            Dense { shape, data }
        }
    };
    let (mut projections, mut cells) = (Vec::new(), Vec::new());
    for (i, node) in nodes.iter().enumerate() {
        let before = i.checked_sub(1).map_or("input", |i| &nodes[i].name);
        let first = node.from.as_ref().map(|from| from[0].clone());
        let (from, delay) = match first.unwrap_or(EdgeSpec::Node(before.into())) {
            EdgeSpec::Node(name) => {
                let late = nodes[i..].iter().any(|n| n.name == name);
                (name, isize::from(late))
            }
            EdgeSpec::Delayed(d) => (d.node, (d.delay / net.spec().dt).round() as isize),
        };
        let source = value(&values, &from);
        let out = match &node.kind {
            NodeKind::Linear { .. } | NodeKind::Conv2d { .. } => {
                let weight = net.param(&format!("{}.weight", node.name)).unwrap();
                let w = weight.values();
                let mut counts = [0; 4];
                for (b, t) in (0..SAMPLES * STEPS).map(|n| (n / STEPS, n % STEPS)) {
                    let x = source.row(b, t as isize - delay);
                    let graded = x.iter().any(|&x| x != 0.0 && x.abs() != 1.0);
                    synapses(&node.kind, &source.shape, &weight.shape, |i, k| {
                        counts[0] += 1;
                        counts[1 + usize::from(graded)] += u64::from(x[i] != 0.0 && w[k] != 0.0);
                    });
                    counts[3] += x.iter().filter(|&&x| x != 0.0).count() as u64;
                }
                projections.push(counts);
                // Only a population reads it; all that is asked of it is its shape.
                let shape = match &node.kind {
                    NodeKind::Conv2d {
                        stride, padding, ..
                    } => {
                        let size = |a: usize| {
                            let room =
                                source.shape[a + 1] + 2 * padding.get()[a] - weight.shape[a + 2];
                            room / stride.get()[a] + 1
                        };
                        vec![weight.shape[0], size(0), size(1)]
                    }
                    _ => vec![weight.shape[0]],
                };
                Dense {
                    shape,
                    data: Vec::new(),
                }
            }
            NodeKind::MaxPool2d(w) => pool(&source, w, |x| x.iter().copied().fold(0.0, f32::max)),
            NodeKind::GatedMaxPool2d(_) => panic!("none is drawn"),
            NodeKind::SumPool2d(w) => pool(&source, w, |x| x.iter().sum()),
            NodeKind::AvgPool2d(w) => pool(&source, w, |x| {
                x.iter().sum::<f32>() * (1.0 / x.len() as f32)
            }),
            NodeKind::BatchNorm { epsilon, .. } => source.map(&source.shape, |x| {
                let scale = 1.0 / (1.0 + epsilon).sqrt() as f32;
                x.iter().map(|x| x * scale).collect()
            }),
            NodeKind::Dropout { .. } => source,
            NodeKind::Flatten {} => {
                let size = source.shape.iter().product();
                Dense {
                    shape: vec![size],
                    ..source
                }
            }
            NodeKind::Population { neuron, reset, .. } => {
                let (z, v) = (trace(&node.name, "spikes"), trace(&node.name, "v"));
                let spiking = neuron != "li";
                let late = net.spec().convention == Convention::preset("snntorch").unwrap();
                // The membrane at the end of a step, after its reset.
                let after: Vec<f32> = z
                    .iter()
                    .zip(v)
                    .map(|(&z, &v)| match (late || z == 0.0 || !spiking, reset) {
                        (true, _) => v,
                        (_, Reset::Subtract) => v - 1.0,
                        _ => 0.0,
                    })
                    .collect();
                let n = source.shape.iter().product::<usize>();
                let changed = |k: usize| (k / n).is_multiple_of(STEPS) || after[k] != after[k - n];
                let updates = (0..after.len()).filter(|&k| changed(k)).count();
                let fired = if spiking { z } else { v };
                let nonzero = fired.iter().filter(|&&z| z != 0.0).count();
                cells.push([nonzero as u64, updates as u64]);
                Dense {
                    shape: source.shape,
                    data: z.clone(),
                }
            }
        };
        values.push((node.name.clone(), out));
    }
    (projections, cells)
}

fn counts(cost: &Cost) -> (Vec<Counts>, Vec<[u64; 2]>) {
    let projections = cost.projections.iter();
    let cells = cost.populations.iter();
    (
        projections
            .map(|p| [p.dense, p.acs, p.macs, p.nonzero])
            .collect(),
        cells.map(|p| [p.nonzero, p.updates]).collect(),
    )
}

/// Adds neurons with one of two resets.
fn cells(spec: NetworkSpec, name: &str, draw: &mut Draw) -> NetworkSpec {
    let mut spec = spec.population(name, "lif", &[("tau_mem", 5e-3)]);
    if let Some(NodeKind::Population { reset, .. }) = spec.nodes.last_mut().map(|n| &mut n.kind) {
        *reset = [Reset::Subtract, Reset::Value][draw.pick(2)];
    }
    spec
}

fn conv(draw: &mut Draw, channels: usize, groups: usize) -> NodeKind {
    let kernel = [1 + draw.pick(3), 1 + draw.pick(3)];
    NodeKind::Conv2d {
        channels,
        kernel: Pair::Each(kernel),
        stride: Pair::Each([1 + draw.pick(2), 1 + draw.pick(2)]),
        padding: Pair::Each([draw.pick(kernel[0]), draw.pick(kernel[1])]),
        groups,
        bias: draw.pick(2) == 0,
        scale: 2.0,
    }
}

fn between(draw: &mut Draw) -> NodeKind {
    let window = Window {
        kernel: Pair::Both(2),
        stride: (draw.pick(2) == 0).then_some(Pair::Both(1)),
    };
    match draw.pick(5) {
        0 => NodeKind::MaxPool2d(window),
        1 => NodeKind::SumPool2d(window),
        2 => NodeKind::AvgPool2d(window),
        3 => NodeKind::Dropout { p: 0.5 },
        _ => NodeKind::BatchNorm {
            momentum: 0.1,
            epsilon: 1e-5,
        },
    }
}

/// A network with pruned weights, and the shape of its input.
fn network(draw: &mut Draw) -> (Network<f32>, Vec<usize>) {
    let mut spec = NetworkSpec::new(1e-3);
    let preset = ["spyx", "snntorch"][draw.pick(2)];
    spec.convention = Convention::preset(preset).unwrap();
    let shape = if draw.pick(2) == 0 {
        let groups = 1 + draw.pick(2);
        spec = cells(spec.node("c1", conv(draw, 4, groups)), "a", draw)
            .node("between", between(draw))
            .node("c2", conv(draw, 2 * groups, groups));
        spec = cells(spec, "b", draw).flatten("flat");
        vec![2, 15 + draw.pick(3), 15 + draw.pick(4)]
    } else {
        let width = 1 + draw.pick(90);
        spec = cells(spec.linear("fc1", width), "a", draw).recurrent();
        vec![1 + draw.pick(80)]
    };
    spec = spec.linear("fc", 1 + draw.pick(70));
    if draw.pick(2) == 0 && shape.len() == 1 {
        let delay = DelayedEdge {
            node: "a".into(),
            delay: 2e-3,
        };
        spec.nodes.last_mut().unwrap().from = Some(vec![EdgeSpec::Delayed(delay)]);
    }
    let spec = spec.population("readout", "li", &[]);
    let mut net = Network::<f32>::new(&shape, &spec, draw.0).unwrap();
    let weights: Vec<String> = net.params().iter().map(|p| p.name.clone()).collect();
    for name in weights.iter().filter(|n| n.ends_with("weight")) {
        if name.starts_with("between") {
            continue;
        }
        let mut values = net.param(name).unwrap().values();
        let gain = if name.starts_with('f') { 2.0 } else { 1.5 };
        for w in &mut values {
            *w = if draw.next() < 0.3 { 0.0 } else { *w * gain };
        }
        net.set(name, &values).unwrap();
    }
    (net, shape)
}

/// Spikes, a current for each step or one current for all, and the same as a dense tensor.
fn input(draw: &mut Draw, shape: &[usize]) -> (Input<f32>, Dense) {
    let n: usize = shape.iter().product();
    let (samples, steps) = (SAMPLES, STEPS);
    let spikes = draw.pick(3);
    let mut data: Vec<f32> = (0..samples * steps * n)
        .map(|_| match (draw.pick(10), spikes) {
            (0..6, _) => 0.0,
            (_, 0) | (6, _) => 1.0,
            (7, _) => -1.0,
            (k, _) => k as f32 / 8.0,
        })
        .collect();
    if spikes == 0 {
        let spikes = Spikes::from_dense(samples, steps, n, &data).unwrap();
        let shape = shape.to_vec();
        return (Input::Spikes(spikes), Dense { shape, data });
    }
    // Some rows hold nothing but -1, 0 and 1.
    for row in data.chunks_mut(n) {
        if draw.pick(2) == 0 {
            row.iter_mut().for_each(|x| *x = x.round());
        }
    }
    let mut first = Vec::new();
    if spikes == 1 {
        for sample in data.chunks_mut(steps * n) {
            first.extend_from_slice(&sample[..n]);
            (1..steps).for_each(|t| sample.copy_within(..n, t * n));
        }
    }
    let dense = Dense {
        shape: shape.to_vec(),
        data: data.clone(),
    };
    let input = match spikes {
        1 => Input::Current {
            samples,
            steps,
            data: first,
        },
        _ => Input::Currents {
            samples,
            steps,
            data,
        },
    };
    (input, dense)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn counts_are_those_of_a_count_of_everything(seed in any::<u64>()) {
        let mut draw = Draw(seed);
        let (net, shape) = network(&mut draw);
        let (input, dense) = input(&mut draw, &shape);
        let cost = measure(&net, &input).unwrap();
        let found = counts(&cost);
        prop_assert_eq!(&found, &brute(&net, &input, &dense), "{}", net);
        // An ANN of the same shape makes the dense operations, once or in each step.
        let steps = if cost.projections.iter().any(|p| p.recurrent) { 1 } else { STEPS };
        let dense: u64 = found.0.iter().map(|p| p[0]).sum();
        prop_assert_eq!(cost.ann_macs() * (steps * SAMPLES) as f64, dense as f64);
    }

    #[test]
    fn chunks_samples_and_threads_add_up(seed in any::<u64>()) {
        let mut draw = Draw(seed);
        let (net, shape) = network(&mut draw);
        let n: usize = shape.iter().product();
        let (_, dense) = input(&mut draw, &shape);
        let data: Vec<f32> = dense.data.iter().map(|x| x.abs().ceil().min(1.0)).collect();
        let part = |samples: std::ops::Range<usize>, steps: std::ops::Range<usize>| {
            let rows = samples.clone().flat_map(|b| steps.clone().map(move |t| (b, t)));
            let data: Vec<f32> = rows.flat_map(|(b, t)| data[(b * STEPS + t) * n..][..n].to_vec()).collect();
            let spikes = Spikes::from_dense(samples.len(), steps.len(), n, &data);
            Input::<f32>::Spikes(spikes.unwrap())
        };
        let whole = measure(&net, &part(0..SAMPLES, 0..STEPS)).unwrap();
        let mut meter = Meter::new(&net, SAMPLES);
        let cut = 1 + draw.pick(STEPS - 1);
        meter.advance(&part(0..SAMPLES, 0..cut)).unwrap();
        meter.advance(&part(0..SAMPLES, cut..STEPS)).unwrap();
        prop_assert_eq!(&meter.cost(), &whole);
        let mut sum = measure(&net, &part(0..1, 0..STEPS)).unwrap();
        sum.add(&measure(&net, &part(1..SAMPLES, 0..STEPS)).unwrap()).unwrap();
        prop_assert_eq!(&sum, &whole);
        let many: Vec<Cost> = [1, 3].iter().map(|&threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let wide = Input::<f32>::Spikes(Spikes::stack((0..20).map(|_| match part(0..SAMPLES, 0..STEPS) {
                Input::Spikes(s) => s,
                _ => unreachable!(),
            }).collect::<Vec<_>>().iter()).unwrap());
            pool.install(|| measure(&net, &wide).unwrap())
        }).collect();
        prop_assert_eq!(&many[0], &many[1]);
        prop_assert_eq!(many[0].projections[0].acs, 20 * whole.projections[0].acs);
    }
}

/// Without padding, zero weights, delays and values between populations, the report of training counts the accumulates.
#[test]
fn the_report_of_a_batch_agrees_where_the_definitions_do() {
    let spec = NetworkSpec::new(1e-3)
        .linear("fc1", 40)
        .population("a", "lif", &[])
        .linear("fc2", 70)
        .population("b", "lif", &[])
        .linear("fc3", 3)
        .population("readout", "li", &[]);
    let mut net = Network::<f32>::new(&[12], &spec, 1).unwrap();
    let mut draw = Draw(5);
    let data: Vec<f32> = (0..4 * 9 * 12)
        .map(|_| f32::from(draw.next() < 0.4))
        .collect();
    let input = Input::Spikes(Spikes::from_dense(4, 9, 12, &data).unwrap());
    let objective = Objective::from(Loss::MeanCrossEntropy);
    let labels = vec![0u32, 1, 2, 0];
    let report = evaluate(&net, &input, labels.clone(), &objective).unwrap();
    let cost = measure(&net, &input).unwrap();
    let acs: u64 = cost.projections.iter().map(|p| p.acs).sum();
    let spikes: u64 = cost.populations.iter().map(|p| p.spikes()).sum();
    assert_eq!((acs, spikes), (report.synops as u64, report.spikes as u64));
    assert!(spikes > 0 && cost.projections.iter().all(|p| p.macs == 0));
    // A pruned weight is no operation here; the report counts it.
    let mut w = net.param("fc1.weight").unwrap().values();
    w[..12].fill(0.0);
    net.set("fc1.weight", &w).unwrap();
    let report = evaluate(&net, &input, labels, &objective).unwrap();
    let pruned = measure(&net, &input).unwrap();
    let acs: u64 = pruned.projections.iter().map(|p| p.acs).sum();
    let fired: f32 = data.iter().sum();
    assert_eq!(acs + fired as u64, report.synops as u64);
    assert_eq!(pruned.projections[0].zero_weights, 12);
}

/// A constant current is a multiplication in every step, and once for an engine that keeps the product.
#[test]
fn a_constant_current_counts_in_every_step() {
    let spec = NetworkSpec::new(1e-3)
        .conv2d("c1", 3, 3)
        .node(
            "n",
            NodeKind::BatchNorm {
                momentum: 0.1,
                epsilon: 1e-5,
            },
        )
        .population("a", "lif", &[])
        .max_pool2d("p", 2)
        .flatten("flat")
        .linear("fc", 2)
        .population("readout", "li", &[]);
    let net = Network::<f32>::new(&[1, 6, 6], &spec, 0).unwrap();
    let input = Input::Current {
        samples: 1,
        steps: 7,
        data: vec![0.5; 36],
    };
    let cost = measure(&net, &input).unwrap();
    let c1 = &cost.projections[0];
    let once = 4 * 4 * 9 * 3;
    assert_eq!((c1.synapses, c1.dense, c1.macs), (once, 7 * once, 7 * once));
    assert_eq!(
        (c1.macs_hoisted, c1.acs, c1.signal),
        (once, 0, Signal::Current)
    );
    let fc = &cost.projections[1];
    assert_eq!(
        (fc.signal, fc.macs, fc.acs),
        (Signal::Spikes, 0, fc.acs_hoisted)
    );
    // Neurons: 48 of one state and one set of constants of six numbers, two readouts of one and of three.
    assert_eq!(
        (cost.footprint.state, cost.footprint.constants),
        (4 * 50, 4 * 9)
    );
    assert_eq!(cost.footprint.parameters, 4 * (27 + 3 + 3 + 24));
    assert_eq!(cost.footprint.buffers, 4 * 6);
}

#[test]
fn counts_of_other_networks_and_inputs_are_sentences() {
    let spec = |n| {
        NetworkSpec::new(1e-3)
            .linear("w", n)
            .population("p", "lif", &[])
    };
    let small = Network::<f32>::new(&[2], &spec(3), 0).unwrap();
    let large = Network::<f32>::new(&[2], &spec(4), 0).unwrap();
    let spikes = || Input::<f32>::Spikes(Spikes::from_dense(1, 1, 2, &[1.0, 0.0]).unwrap());
    let current = || Input::Current {
        samples: 1,
        steps: 1,
        data: vec![1.0, 0.0],
    };
    let mut a = measure(&small, &spikes()).unwrap();
    for other in [measure(&large, &spikes()), measure(&small, &current())] {
        assert!(
            a.add(&other.unwrap())
                .unwrap_err()
                .to_string()
                .contains("same network")
        );
    }
    let mut meter = Meter::new(&small, 1);
    meter.advance(&spikes()).unwrap();
    assert!(
        meter
            .advance(&current())
            .unwrap_err()
            .to_string()
            .contains("expected spikes")
    );
    let two = Input::<f32>::Spikes(Spikes::from_dense(2, 1, 2, &[1.0; 4]).unwrap());
    assert!(
        meter
            .advance(&two)
            .unwrap_err()
            .to_string()
            .contains("1 as the meter has")
    );
    let empty = Meter::new(&small, 1).cost();
    assert_eq!((empty.samples, empty.totals().dense), (0, 0.0));
}
