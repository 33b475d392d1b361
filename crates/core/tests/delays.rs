//! Delays of single weights under the clock: against edges with delays, a slow simulation, the event-driven engine, and
//! exact gradients by spike times.

use cortado::learn::{Loss, Objective, gradients};
use cortado::network::{
    DelayedEdge, Delays, Each, EdgeSpec, Interpolation, Network, NetworkSpec, NodeKind, Values,
};
use cortado::neuron::{Lanes, Pulse};
use cortado::rng::{Purpose, Rng};
use cortado::sim::clock::Input;
use cortado::spikes::Spikes;

const DT: f64 = 1e-3;

fn numbers(n: usize, key: u64) -> Vec<f64> {
    let mut rng = Rng::new(key, 0, Purpose::Other, 0);
    (0..n).map(|_| rng.normal()).collect()
}

/// Delays of 0 to 7 steps, seconds; whole numbers of steps if so asked.
fn lags(n: usize, key: u64, whole: bool) -> Vec<f64> {
    let mut rng = Rng::new(key, 0, Purpose::Other, 1);
    let mut lag = || 7.0 * rng.uniform();
    let steps = (0..n).map(|_| if whole { lag().floor() } else { lag() });
    steps.map(|p| p * DT).collect()
}

fn held(values: Vec<f64>, train: bool, interpolate: Option<Interpolation>) -> Option<Delays> {
    Some(Delays {
        train,
        bounds: Some([0.0, LONGEST]),
        interpolate,
        ..Delays::from(Values::Each(values))
    })
}

/// Gives node `name` delays.
fn delay(spec: &mut NetworkSpec, name: &str, own: Option<Delays>) {
    let node = spec.nodes.iter_mut().find(|n| n.name == name).unwrap();
    if let NodeKind::Linear { delays, .. } = &mut node.kind {
        *delays = own;
    }
}

fn late(node: &str, delay: f64) -> EdgeSpec {
    EdgeSpec::Delayed(DelayedEdge {
        node: node.into(),
        delay,
    })
}

fn spikes(samples: usize, steps: usize, inputs: usize, rate: f64) -> Spikes {
    let mut rng = Rng::new(5, 0, Purpose::Other, 2);
    let mut fire = || f32::from(u8::from(rng.uniform() < rate));
    let dense: Vec<f32> = (0..samples * steps * inputs).map(|_| fire()).collect();
    Spikes::from_dense(samples, steps, inputs, &dense).unwrap()
}

fn currents<R: Lanes>(samples: usize, steps: usize, inputs: usize) -> Input<R> {
    Input::Currents {
        samples,
        steps,
        data: numbers(samples * steps * inputs, 9)
            .into_iter()
            .map(R::of)
            .collect(),
    }
}

const INPUTS: usize = 9;
const HIDDEN: usize = 70;

/// Two populations, the first with a loop, delayed weights from the input, round the loop, and behind an edge with a
/// delay; and what the weights' delays are.
fn looped(
    interpolate: Option<Interpolation>,
    train: bool,
) -> (NetworkSpec, Vec<(&'static str, Vec<f64>)>) {
    let mut spec = NetworkSpec::new(DT)
        .linear("in", HIDDEN)
        .population("a", "lif", &[("tau_mem", 8e-3), ("v_threshold", 0.2)])
        .recurrent()
        .linear("out", 3)
        .population("readout", "li", &[("tau_mem", 5e-3)]);
    let find =
        |spec: &NetworkSpec, name: &str| spec.nodes.iter().position(|n| n.name == name).unwrap();
    let out = find(&spec, "out");
    spec.nodes[out].from = Some(vec![late("a", 2e-3)]);
    if let NodeKind::Linear { bias, .. } = &mut spec.nodes[out].kind {
        *bias = true;
    }
    if let NodeKind::Linear { scale, .. } = &mut spec.nodes[0].kind {
        *scale = 2.0;
    }
    let whole = interpolate.is_none();
    let all = vec![
        ("in", lags(HIDDEN * INPUTS, 1, whole)),
        ("a_rec", lags(HIDDEN * HIDDEN, 2, whole)),
        ("out", lags(3 * HIDDEN, 3, whole)),
    ];
    for (name, values) in &all {
        delay(&mut spec, name, held(values.clone(), train, interpolate));
    }
    (spec, all)
}

/// The share of a weight of delay `p` steps that arrives after `n`, and its derivative by `p`.
fn share(interpolate: Option<Interpolation>, p: f64, n: usize) -> (f64, f64) {
    let (low, t) = (p.floor(), n as f64);
    if let Some(Interpolation::Gaussian(sigma)) = interpolate {
        let g = |n: usize| (-0.5 * ((n as f64 - p) / sigma).powi(2)).exp();
        let by = |n: usize| g(n) * (n as f64 - p) / sigma.powi(2);
        let (sum, change) = (0..LAGS).fold((0.0, 0.0), |s, n| (s.0 + g(n), s.1 + by(n)));
        return (g(n) / sum, (by(n) - g(n) * change / sum) / sum);
    }
    if t == low {
        (1.0 - (p - low), -1.0)
    } else if t == low + 1.0 {
        (p - low, 1.0)
    } else {
        (0.0, 0.0)
    }
}

/// Largest delay in seconds, and the lags that it allows.
const LONGEST: f64 = 10e-3;
const LAGS: usize = 11;

/// The same network without delays of weights: in place of each projection one for each lag, on an edge of that delay.
fn unfolded(spec: &NetworkSpec, delays: &[(&str, Vec<f64>)]) -> NetworkSpec {
    let mut new = spec.clone();
    new.nodes.clear();
    for (k, node) in spec.nodes.iter().enumerate() {
        let mut node = node.clone();
        let before = spec.nodes[..k]
            .last()
            .map_or("input".into(), |n| n.name.clone());
        let from = node
            .from
            .take()
            .unwrap_or_else(|| vec![EdgeSpec::Node(before)]);
        let parts = |name: &str| delays.iter().any(|d| d.0 == name);
        if let NodeKind::Linear { delays, .. } = &mut node.kind {
            *delays = None;
            let (first, own) = match &from[0] {
                // The edge that closes the loop takes a step.
                EdgeSpec::Node(n) if node.name == "a_rec" => (n.clone(), DT),
                EdgeSpec::Node(n) => (n.clone(), 0.0),
                EdgeSpec::Delayed(d) => (d.node.clone(), d.delay),
            };
            for n in 0..LAGS {
                let mut part = node.clone();
                part.name = format!("{}{n}", node.name);
                part.from = Some(vec![late(&first, own + n as f64 * DT)]);
                if let NodeKind::Linear { bias, .. } = &mut part.kind {
                    *bias &= n == 0;
                }
                new.nodes.push(part);
            }
        } else {
            let split = |e: EdgeSpec| match e {
                EdgeSpec::Node(name) if parts(&name) => (0..LAGS)
                    .map(|n| EdgeSpec::Node(format!("{name}{n}")))
                    .collect(),
                e => vec![e],
            };
            node.from = Some(from.into_iter().flat_map(split).collect());
            new.nodes.push(node);
        }
    }
    new
}

/// Both networks, with the same weights.
fn pair<R: Lanes>(
    interpolate: Option<Interpolation>,
    train: bool,
    pulse: Pulse,
) -> [Network<R>; 2] {
    let (mut spec, delays) = looped(interpolate, train);
    spec.convention.pulse = pulse;
    let one = Network::<R>::new(&[INPUTS], &spec, 3).unwrap();
    let mut many = Network::<R>::new(&[INPUTS], &unfolded(&spec, &delays), 3).unwrap();
    for (name, delays) in &delays {
        let weights = one.param(&format!("{name}.weight")).unwrap().values();
        for n in 0..LAGS {
            let parts = weights.iter().zip(delays);
            let part = |(w, d): (&R, &f64)| *w * R::of(share(interpolate, d / DT, n).0);
            let parts: Vec<R> = parts.map(part).collect();
            many.set(&format!("{name}{n}.weight"), &parts).unwrap();
        }
    }
    [one, many]
}

fn close(a: &[f64], b: &[f64], tolerance: f64, what: &str) {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    assert!(largest > 0.0, "{what}: nothing");
    for (n, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * largest,
            "{what} [{n}]: {a}, {b}"
        );
    }
}

/// A projection with delays is as good as one for each lag: what comes out, and all gradients, also where
/// backpropagation is cut.
#[test]
fn are_as_good_as_edges() {
    let linear = Some(Interpolation::Linear);
    let gaussian = Some(Interpolation::Gaussian(0.8));
    for (interpolate, pulse) in [
        (None, Pulse::Dirac),
        (linear, Pulse::Dirac),
        (linear, Pulse::Box),
        (gaussian, Pulse::Dirac),
    ] {
        // What is left out of a Gaussian is small.
        let tolerance = if interpolate == gaussian { 2e-3 } else { 1e-11 };
        for input in [
            Input::Spikes(spikes(5, 30, INPUTS, 0.2)),
            currents(5, 30, INPUTS),
        ] {
            let [one, many] = pair::<f64>(interpolate, interpolate.is_some(), pulse);
            let [got, want] = [&one, &many].map(|net| net.run(&input, &[]).unwrap());
            assert!(want.activity[0].spikes > 300, "{}", want.activity[0].spikes);
            // Outside of training a Gaussian is rounded.
            if interpolate != gaussian {
                close(&got.output, &want.output, 1e-12, "outputs");
            }
            for truncate in [None, Some(11)] {
                let objective = Objective {
                    loss: Loss::MeanCrossEntropy,
                    rates: None,
                    truncate,
                };
                let labels = vec![0, 1, 2, 1, 0];
                let (got, _) = gradients(&one, &input, labels.clone(), &objective).unwrap();
                let (want, _) = gradients(&many, &input, labels, &objective).unwrap();
                let of = |net: &Network<f64>, all: &[Vec<f64>], name: &str| {
                    let k = net.params().iter().position(|p| p.name == name).unwrap();
                    all[k].clone()
                };
                for (name, delays) in looped(interpolate, true).1 {
                    let weights = one.param(&format!("{name}.weight")).unwrap().values();
                    let mut by_weight = vec![0.0; weights.len()];
                    let mut by_delay = vec![0.0; weights.len()];
                    for n in 0..LAGS {
                        let by = of(&many, &want, &format!("{name}{n}.weight"));
                        for (k, d) in delays.iter().enumerate() {
                            let (share, slope) = share(interpolate, d / DT, n);
                            by_weight[k] += share * by[k];
                            by_delay[k] += weights[k] * slope / DT * by[k];
                        }
                    }
                    let weight = format!("{name}.weight");
                    close(&of(&one, &got, &weight), &by_weight, tolerance, &weight);
                    if interpolate.is_some() {
                        let delay = format!("{name}.delay");
                        close(&of(&one, &got, &delay), &by_delay, tolerance, &delay);
                    }
                }
                let [got, want] = [of(&one, &got, "out.bias"), of(&many, &want, "out0.bias")];
                close(&got, &want, tolerance, "bias");
            }
        }
    }
}

/// What a projection hands on, from its definition.
fn slow(
    weights: &[f64],
    bias: &[f64],
    delays: &[f64],
    x: impl Fn(usize, usize, usize) -> f64,
) -> Vec<f64> {
    let (samples, steps, outputs) = (2, 25, bias.len());
    let inputs = weights.len() / outputs;
    let mut drive = Vec::new();
    for b in 0..samples {
        for t in 0..steps {
            for j in 0..outputs {
                let mut sum = bias[j];
                for i in 0..inputs {
                    let k = j * inputs + i;
                    for n in 0..=t {
                        let arrived = share(Some(Interpolation::Linear), delays[k] / DT, n).0;
                        sum += weights[k] * arrived * x(b, t - n, i);
                    }
                }
                drive.push(sum);
            }
        }
    }
    drive
}

/// What arrives is what the definition says, of spikes, of currents, and of a current that is the same in all steps.
#[test]
fn arrive_as_defined() {
    let (samples, steps, outputs) = (2, 25, 66);
    let mut own = NetworkSpec::new(DT)
        .linear("w", outputs)
        .population("p", "li", &[]);
    own.convention.pulse = Pulse::Box;
    let plain = own.clone();
    if let NodeKind::Linear { bias, .. } = &mut own.nodes[0].kind {
        *bias = true;
    }
    let delays = lags(outputs * INPUTS, 8, false);
    delay(
        &mut own,
        "w",
        held(delays.clone(), false, Some(Interpolation::Linear)),
    );
    let mut own = Network::<f64>::new(&[INPUTS], &own, 3).unwrap();
    let bias = numbers(outputs, 4);
    own.set("w.bias", &bias).unwrap();
    let weights = own.param("w.weight").unwrap().values();
    let mut plain = Network::<f64>::new(&[outputs], &plain, 3).unwrap();
    let one = |k: usize| f64::from(u8::from(k / outputs == k % outputs));
    plain
        .set(
            "w.weight",
            &(0..outputs * outputs).map(one).collect::<Vec<f64>>(),
        )
        .unwrap();
    let fired = spikes(samples, steps, INPUTS, 0.2);
    let data = numbers(samples * steps * INPUTS, 9);
    let still = data[..samples * INPUTS].to_vec();
    let by_spikes =
        |b: usize, t: usize, i: usize| f64::from(u8::from(fired.row(b, t).contains(&(i as u32))));
    let by_currents = |b: usize, t: usize, i: usize| data[(b * steps + t) * INPUTS + i];
    let by_current = |b: usize, _: usize, i: usize| still[b * INPUTS + i];
    for (input, drive) in [
        (
            Input::Spikes(fired.clone()),
            slow(&weights, &bias, &delays, by_spikes),
        ),
        (
            currents(samples, steps, INPUTS),
            slow(&weights, &bias, &delays, by_currents),
        ),
        (
            Input::Current {
                samples,
                steps,
                data: still.clone(),
            },
            slow(&weights, &bias, &delays, by_current),
        ),
    ] {
        let got = own.run(&input, &[]).unwrap();
        let want = plain
            .run(
                &Input::Currents {
                    samples,
                    steps,
                    data: drive,
                },
                &[],
            )
            .unwrap();
        close(&got.output, &want.output, 1e-13, "membranes");
    }
}

/// Outside of training a Gaussian is the nearest step.
#[test]
fn gaussians_are_rounded() {
    let (mut spec, delays) = looped(Some(Interpolation::Gaussian(2.0)), true);
    let gaussian = Network::<f32>::new(&[INPUTS], &spec, 3).unwrap();
    for (name, values) in delays {
        let rounded = values.iter().map(|d| (d / DT).round() * DT).collect();
        delay(&mut spec, name, held(rounded, true, None));
    }
    let whole = Network::<f32>::new(&[INPUTS], &spec, 3).unwrap();
    let input = Input::Spikes(spikes(3, 30, INPUTS, 0.2));
    let [a, b] = [&gaussian, &whole].map(|net| net.run(&input, &[]).unwrap());
    assert!(a.activity[0].spikes > 300);
    assert_eq!(a.output, b.output);
}

/// What is on its way goes over from piece to piece, and is gone at rest.
#[test]
fn pieces_give_the_bits_of_the_whole() {
    pieces::<f32>(None);
    pieces::<f32>(Some(Interpolation::Linear));
    pieces::<f64>(Some(Interpolation::Linear));
}

fn pieces<R: Lanes>(interpolate: Option<Interpolation>) {
    let (samples, steps) = (18, 30);
    let net = Network::<R>::new(&[INPUTS], &looped(interpolate, false).0, 3).unwrap();
    for input in [
        Input::Spikes(spikes(samples, steps, INPUTS, 0.1)),
        currents(samples, steps, INPUTS),
    ] {
        let whole = net.run(&input, &[]).unwrap();
        assert!(
            whole.activity[0].spikes > 300,
            "{}",
            whole.activity[0].spikes
        );
        let mut state = net.rest(samples);
        // The second round stops on its way.
        for end in [steps, 11, steps] {
            let (mut start, mut fired) = (0, 0);
            for chunk in [1, 4, 5, 1, 12, 7] {
                if start + chunk > end {
                    break;
                }
                let part = input.slice(start..start + chunk).unwrap();
                let part = net.advance(&mut state, &part, &[]).unwrap();
                fired += part.activity[0].spikes;
                for b in 0..samples {
                    let want = &whole.output[(b * steps + start) * 3..][..chunk * 3];
                    assert_eq!(
                        &part.output[b * chunk * 3..][..chunk * 3],
                        want,
                        "{b} from {start}"
                    );
                }
                start += chunk;
            }
            assert!(start == end && (end < steps || fired == whole.activity[0].spikes));
            state.reset();
        }
    }
}

/// A spike that is on its way keeps its delay, whatever delays become.
#[test]
fn spikes_keep_the_delay_that_they_left_with() {
    let mut spec =
        NetworkSpec::new(DT)
            .linear("w", 1)
            .population("p", "if", &[("v_threshold", 0.5)]);
    delay(&mut spec, "w", held(vec![3e-3], false, None));
    let mut net = Network::<f32>::new(&[1], &spec, 0).unwrap();
    net.set("w.weight", &[1.0]).unwrap();
    let (mut state, mut output, mut arrived) = (net.rest(1), Vec::new(), Vec::new());
    for t in 0..60 {
        if t == 2 {
            net.set("w.delay", &[0.04]).unwrap();
        }
        let fired = if t < 4 { 1.0 } else { 0.0 };
        let spike = Spikes::from_dense(1, 1, 1, &[fired]).unwrap();
        net.stream(&mut state, &Input::Spikes(spike), &mut output)
            .unwrap();
        if output == [1.0] {
            arrived.push(t);
        }
    }
    assert_eq!(arrived, [3, 4, 42, 43]);
}

#[test]
fn gradients_do_not_depend_on_threads() {
    let (spec, _) = looped(Some(Interpolation::Linear), true);
    let net = Network::<f32>::new(&[INPUTS], &spec, 3).unwrap();
    let input = Input::Spikes(spikes(40, 30, INPUTS, 0.2));
    let labels: Vec<u32> = (0..40).map(|b| b % 3).collect();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            gradients(&net, &input, &labels, &Loss::MeanCrossEntropy.into())
                .unwrap()
                .0
        })
    };
    let one = on(1);
    assert!(one.iter().all(|g| g.iter().any(|&v| v != 0.0)));
    assert_eq!(one, on(3));
}

#[test]
fn what_cannot_be_is_a_sentence() {
    let input = Input::Spikes(spikes(1, 5, INPUTS, 0.2));
    let with = |own| {
        let mut spec = NetworkSpec::new(DT)
            .linear("w", 2)
            .population("p", "li", &[]);
        delay(&mut spec, "w", own);
        Network::<f32>::new(&[INPUTS], &spec, 3)
    };
    let mut delays = vec![2e-3; 2 * INPUTS];
    delays[INPUTS + 4] = 2.5e-3;
    let message = |net: &Network<f32>| net.run(&input, &[]).unwrap_err().to_string();
    let part = message(&with(held(delays.clone(), false, None)).unwrap());
    for word in ["'w'", "[1, 4]", "0.0025 s", "0.001 s"] {
        assert!(part.contains(word), "{part}");
    }
    // They may be set to what they cannot be.
    let mut net = with(held(delays, false, Some(Interpolation::Linear))).unwrap();
    net.run(&input, &[]).unwrap();
    let mut set = vec![1e-3; 2 * INPUTS];
    set[3] = -1e-3;
    net.set("w.delay", &set).unwrap();
    assert!(message(&net).contains("[0, 3]") && message(&net).contains("-0.001 s"));
    set[3] = 100.0;
    net.set("w.delay", &set).unwrap();
    assert!(message(&net).contains("100 s"));
    // Without interpolation they cannot be trained by the clock, and run all the same.
    let net = with(held(vec![2e-3; 2 * INPUTS], true, None)).unwrap();
    net.run(&input, &[]).unwrap();
    let trained = gradients(&net, &input, &[0u32], &Loss::MeanCrossEntropy.into()).unwrap_err();
    assert!(
        trained.to_string().contains("'w.delay'") && trained.to_string().contains("interpolate")
    );
    // A single weight trains its delay too.
    let mut spec = NetworkSpec::new(DT)
        .linear("w", 1)
        .population("p", "li", &[]);
    delay(
        &mut spec,
        "w",
        held(vec![2.5e-3], true, Some(Interpolation::Linear)),
    );
    let net = Network::<f32>::new(&[1], &spec, 3).unwrap();
    assert_eq!(net.param("w.delay").unwrap().shape, [1, 1]);
    let narrow = with(held(vec![0.0], false, Some(Interpolation::Gaussian(0.1))));
    assert!(narrow.err().unwrap().to_string().contains("'w.delay'"));
}

/// The delay of an input is that of all its weights: what comes out is the same, and its gradient is the sum of theirs.
#[test]
fn an_axon_is_all_its_synapses() {
    let linear = Some(Interpolation::Linear);
    let axons = lags(INPUTS, 4, false);
    let net = |each: Each, shape: &[usize]| {
        let mut spec = NetworkSpec::new(DT)
            .flatten("flat")
            .linear("in", HIDDEN)
            .population("a", "lif", &[("tau_mem", 8e-3), ("v_threshold", 0.2)])
            .linear("out", 3)
            .population("readout", "li", &[("tau_mem", 5e-3)]);
        let values = match each {
            Each::Input => axons.clone(),
            Each::Weight => (0..HIDDEN).flat_map(|_| axons.clone()).collect(),
        };
        let own = held(values, true, linear).map(|d| Delays { each, ..d });
        delay(&mut spec, "in", own);
        Network::<f64>::new(shape, &spec, 3).unwrap()
    };
    // Channels of images stand last in memory.
    for shape in [&[INPUTS][..], &[3, 1, 3]] {
        let [axon, synapses] = [Each::Input, Each::Weight].map(|each| net(each, shape));
        let held = (0..INPUTS).map(|i| axons[i]).collect::<Vec<f64>>();
        assert_eq!(axon.param("in.delay").unwrap().values(), held);
        compare_axons(&axon, &synapses);
    }
}

fn compare_axons(axon: &Network<f64>, synapses: &Network<f64>) {
    assert_eq!(axon.param("in.delay").unwrap().shape, [INPUTS]);
    let input = Input::Spikes(spikes(4, 30, INPUTS, 0.2));
    let [a, b] = [axon, synapses].map(|net| net.run(&input, &[]).unwrap().output);
    assert_eq!(a, b);
    let labels: Vec<u32> = vec![0, 1, 2, 1];
    let objective = Objective::from(Loss::MeanCrossEntropy);
    let [a, b] = [axon, synapses].map(|net| {
        let (all, _) = gradients(net, &input, &labels, &objective).unwrap();
        let at = |name: &str| net.params().iter().position(|p| p.name == name).unwrap();
        [all[at("in.weight")].clone(), all[at("in.delay")].clone()]
    });
    close(&a[0], &b[0], 1e-13, "weights");
    let sums = |i: usize| b[1].iter().skip(i).step_by(INPUTS).sum();
    close(
        &a[1],
        &(0..INPUTS).map(sums).collect::<Vec<f64>>(),
        1e-12,
        "delays",
    );
}
