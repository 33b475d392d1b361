//! The event-driven engine against closed forms, published spikes, and the clock-driven engine as its step goes to zero.

use cortado::network::{DelayedEdge, Delays, EdgeSpec, Network, NetworkSpec, NodeKind, Values};
use cortado::rng::{Purpose, Rng};
use cortado::sim::clock::Input;
use cortado::sim::event::{Engine, Learner, Spike};
use cortado::spikes::Spikes;
use proptest::prelude::*;

#[path = "common/eventprop.rs"]
mod eventprop;

fn run(engine: &mut Engine, until: f64) -> Vec<Spike> {
    let mut spikes = Vec::new();
    engine.run(until, |s| spikes.push(s)).unwrap();
    spikes
}

/// One neuron behind one weight.
fn single(model: &str, params: &[(&str, f64)], weight: f64) -> Engine {
    let spec = NetworkSpec::new(1e-5)
        .linear("w", 1)
        .population("p", model, params);
    let mut net = Network::<f64>::new(&[1], &spec, 0).unwrap();
    net.set("w.weight", &[weight]).unwrap();
    Engine::new(&net).unwrap()
}

fn assert_times(spikes: &[Spike], times: &[f64], tolerance: f64) {
    assert_eq!(spikes.len(), times.len(), "{spikes:?}");
    for (s, t) in spikes.iter().zip(times) {
        assert!((s.t - t).abs() <= tolerance, "{} {t}", s.t);
    }
}

#[test]
fn spike_times_are_the_closed_forms() {
    // A constant current: tau ln((x - v_reset) / (x - threshold)) between spikes, the refractory time besides.
    let lif = [("tau_mem", 10e-3), ("v_threshold", 15e-3), ("t_ref", 2e-3)];
    let mut engine = single("lif", &lif, 40e-3);
    engine.drive(&[1.0]).unwrap();
    let rise = 10e-3 * (40.0f64 / 25.0).ln();
    let times: Vec<f64> = (0..29)
        .map(|k| rise + f64::from(k) * (rise + 2e-3))
        .collect();
    assert_times(&run(&mut engine, 0.198), &times, 1e-14);

    // A current behind a synapse: from rest the membrane starts without a slope. tau_mem = 2 tau_syn gives v = x (1 - y)^2.
    let mut engine = single("cuba_lif", &[("tau_mem", 10e-3), ("tau_syn", 5e-3)], 2.0);
    engine.drive(&[1.0]).unwrap();
    let t = -10e-3 * (1.0 - 0.5f64.sqrt()).ln();
    assert_times(&run(&mut engine, 0.02)[..1], &[t], 1e-15);
    // Without a leak v = r x (t - tau_syn (1 - exp(-t / tau_syn))).
    let mut engine = single("cuba_if", &[], 1.5);
    engine.drive(&[1.0]).unwrap();
    let t = run(&mut engine, 0.02)[0].t;
    assert!((300.0 * (t - 5e-3 * (1.0 - (-t / 5e-3).exp())) - 1.0).abs() < 1e-13);

    let mut engine = single("if", &[("v_threshold", 0.3)], 7.0);
    engine.drive(&[2.0]).unwrap();
    let times: Vec<f64> = (1..=4).map(|k| 0.3 / 14.0 * f64::from(k)).collect();
    assert_times(&run(&mut engine, 0.1), &times, 1e-15);

    // Jumps: 0.6 decays for 4 ms before the next 0.6 arrives and 0.6 (1 + exp(-0.4)) crosses.
    let mut engine = single("lif", &[("tau_mem", 10e-3)], 0.6);
    engine.feed(1e-3, 0).unwrap();
    engine.feed(5e-3, 0).unwrap();
    assert_times(&run(&mut engine, 1.0), &[5e-3], 0.0);

    // Currents with a time constant of half, of the same, and of another share of the membrane's.
    let i = 6.0f64;
    let cuba = |tau_syn| {
        let mut engine = single("cuba_lif", &[("tau_mem", 10e-3), ("tau_syn", tau_syn)], i);
        engine.feed(2e-3, 0).unwrap();
        run(&mut engine, 0.1)[0].t - 2e-3
    };
    let y = 0.5 * (1.0 + (1.0 - 4.0 / i).sqrt());
    assert!((cuba(5e-3) + 10e-3 * y.ln()).abs() < 1e-15);
    let h = cuba(10e-3);
    assert!((i * h / 10e-3 * (-h / 10e-3).exp() - 1.0).abs() < 1e-13);
    let h = cuba(3e-3);
    let v = i * 3.0 / 7.0 * ((-h / 10e-3).exp() - (-h / 3e-3).exp());
    assert!((v - 1.0).abs() < 1e-13);
}

/// Golden spikes of a recurrent network in which every synapse has a delay of its own.
#[test]
fn a_recurrent_network_with_delays_fires_as_the_reference() {
    let Some(golden) = eventprop::Golden::read() else {
        return;
    };
    let net = golden.network::<f64>();
    let mut engine = Engine::new(&net).unwrap();
    for &(t, unit) in &golden.input {
        engine.feed(t, unit).unwrap();
    }
    let spikes = run(&mut engine, golden.end);
    assert_eq!(spikes.len(), golden.spikes.len());
    let mut worst = 0f64;
    for (s, &(t, neuron)) in spikes.iter().zip(&golden.spikes) {
        assert_eq!(golden.number(s.population, s.neuron), neuron);
        worst = worst.max((s.t - t).abs());
    }
    assert!(worst < 1e-12, "{worst} s");
    assert_eq!(
        engine.traffic().sent,
        engine.traffic().delivered + engine.in_flight()
    );
}

/// A network drawn under `seed`: a loop with a delay, a skip, weights with delays of their own, all fixed in seconds.
fn random(seed: u64, dt: f64, model: &str) -> NetworkSpec {
    let mut rng = Rng::new(seed, 0, Purpose::Other, 1);
    let mut millis = |most: f64| (1.0 + (rng.uniform() * most).floor()) * 1e-3;
    let held = |node: &str, delay| {
        EdgeSpec::Delayed(DelayedEdge {
            node: node.into(),
            delay,
        })
    };
    let params: &[(&str, f64)] = match model {
        "lif" => &[("tau_mem", 13e-3), ("v_threshold", 0.9)],
        "alif" => &[("tau_mem", 13e-3), ("tau_adapt", 70e-3), ("beta", 0.2)],
        "if" => &[("v_threshold", 1.1)],
        "cuba_if" => &[("tau_syn", 4e-3), ("r", 250.0), ("t_ref", 2e-3)],
        _ => &[("tau_mem", 13e-3), ("tau_syn", 4e-3), ("t_ref", 2e-3)],
    };
    let scale = if model == "cuba_lif" { 6.0 } else { 1.6 };
    let mut spec = NetworkSpec::new(dt)
        .linear("in", 12)
        .linear("rec", 12)
        .population("a", model, params)
        .linear("across", 7)
        .linear("skip", 7)
        .population("b", model, params);
    for (node, from) in [
        ("rec", vec![held("a", millis(4.0))]),
        (
            "a",
            vec![EdgeSpec::Node("in".into()), EdgeSpec::Node("rec".into())],
        ),
        ("across", vec![EdgeSpec::Node("a".into())]),
        ("skip", vec![held("input", millis(6.0))]),
        (
            "b",
            vec![
                EdgeSpec::Node("across".into()),
                EdgeSpec::Node("skip".into()),
            ],
        ),
    ] {
        spec.nodes.iter_mut().find(|n| n.name == node).unwrap().from = Some(from);
    }
    for node in &mut spec.nodes {
        if let NodeKind::Linear { scale: s, .. } = &mut node.kind {
            *s = scale;
        }
    }
    spec
}

/// Input spikes on a grid of a millisecond, each input at most once at a time.
fn input(seed: u64, inputs: usize, millis: usize, rate: f64) -> Vec<(usize, usize)> {
    let mut rng = Rng::new(seed, 0, Purpose::Other, 2);
    (0..millis * inputs)
        .filter(|_| rng.uniform() < rate)
        .map(|k| (k / inputs, k % inputs))
        .collect()
}

/// Spikes of population `b` of the clock-driven engine: neuron, and time as the state at rest began one step before 0.
fn by_clock(
    spec: &NetworkSpec,
    seed: u64,
    spikes: &[(usize, usize)],
    millis: usize,
) -> Vec<Vec<f64>> {
    let net = Network::<f64>::new(&[9], spec, seed).unwrap();
    let per = (1e-3 / spec.dt).round() as usize;
    let mut rows = vec![Vec::new(); millis * per];
    for &(t, i) in spikes {
        rows[t * per].push(i as u32);
    }
    let input = Input::Spikes(Spikes::from_rows(1, millis * per, 9, rows).unwrap());
    let record = net.run(&input, &[]).unwrap();
    let mut times = vec![Vec::new(); net.outputs()];
    for (n, z) in record.output.iter().enumerate() {
        if *z == 1.0 {
            times[n % net.outputs()].push((n / net.outputs()) as f64 * spec.dt);
        }
    }
    times
}

fn by_event(
    spec: &NetworkSpec,
    seed: u64,
    spikes: &[(usize, usize)],
    millis: usize,
) -> (Engine, Vec<Spike>) {
    let net = Network::<f64>::new(&[9], spec, seed).unwrap();
    let mut engine = Engine::new(&net).unwrap();
    for &(t, i) in spikes {
        engine.feed(t as f64 * 1e-3, i).unwrap();
    }
    let all = run(&mut engine, millis as f64 * 1e-3);
    (engine, all)
}

/// As the step goes to zero the clock gives the spikes of the event-driven engine, each one a step late at most: of first order.
///
/// Networks whose number of spikes differs between a step and half of it are left out: they have not settled.
#[test]
fn the_clock_tends_to_the_events() {
    let (mut all, mut unsettled) = (0, 0);
    // Not `cuba_if`: without a leak a neuron keeps the lateness of all its spikes.
    for model in ["lif", "cuba_lif", "alif", "if"] {
        for seed in 0..25 {
            let (rate, millis) = (0.02 + 0.01 * (seed % 4) as f64, 60);
            let spikes = input(seed, 9, millis, rate);
            let (step, half) = (1e-5, 5e-6);
            let coarse = by_clock(&random(seed, step, model), seed, &spikes, millis);
            let fine = by_clock(&random(seed, half, model), seed, &spikes, millis);
            all += 1;
            if (0..7).any(|j| coarse[j].len() != fine[j].len()) {
                unsettled += 1;
                continue;
            }
            let (engine, events) = by_event(&random(seed, step, model), seed, &spikes, millis);
            let t = engine.traffic();
            assert_eq!(t.sent, t.delivered + engine.in_flight());
            for j in 0..7 {
                let of = |s: &&Spike| s.population == 2 && s.neuron == j;
                let own: Vec<f64> = events.iter().filter(of).map(|s| s.t).collect();
                // A spike in the last steps may have fallen on either side of the end.
                let count = own.len().min(fine[j].len());
                assert!(own.len().abs_diff(fine[j].len()) <= 1, "{model} {seed} {j}");
                for n in 0..count {
                    let [a, b] = [coarse[j][n] - own[n], fine[j][n] - own[n]];
                    // Each population on the way adds up to a step, and what it delays is delayed again.
                    assert!(
                        a.abs() < 20.0 * step && b.abs() < 20.0 * half,
                        "{model} {seed}: {a} {b}"
                    );
                }
            }
        }
    }
    println!("{unsettled} of {all} networks left out");
    assert!(unsettled * 5 <= all, "{unsettled} of {all}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing is lost at any time, and pieces give the bits of the whole.
    #[test]
    fn pieces_are_the_whole_and_nothing_is_lost(seed in 0u64..1000, cuts in prop::collection::vec(0usize..50, 0..8), model in 0usize..5) {
        let spec = random(seed, 1e-4, ["lif", "cuba_lif", "cuba_if", "alif", "if"][model]);
        let net = Network::<f64>::new(&[9], &spec, seed).unwrap();
        let given = input(seed, 9, 50, 0.04);
        let (_, whole) = by_event(&spec, seed, &given, 50);
        let mut engine = Engine::new(&net).unwrap();
        let mut cuts = cuts;
        cuts.push(50);
        cuts.sort_unstable();
        let (mut pieces, mut fed) = (Vec::new(), 0);
        for cut in cuts {
            while fed < given.len() && given[fed].0 < cut {
                engine.feed(given[fed].0 as f64 * 1e-3, given[fed].1).unwrap();
                fed += 1;
            }
            engine.run(cut as f64 * 1e-3, |s| pieces.push(s)).unwrap();
            let t = engine.traffic();
            prop_assert_eq!(t.sent, t.delivered + engine.in_flight());
            engine = engine.fork();
        }
        prop_assert_eq!(&pieces, &whole);
        // Rest again, and the same again.
        engine.reset();
        for &(t, i) in &given {
            engine.feed(t as f64 * 1e-3, i).unwrap();
        }
        prop_assert_eq!(run(&mut engine, 50e-3), whole);
    }
}

/// Delays of single weights: one edge with a delay is as good as weights that all have it; and each weight keeps its own.
#[test]
fn delays_of_weights_hold_spikes_back() {
    let net = |values: Option<Values>| {
        let mut spec = NetworkSpec::new(1e-3)
            .linear("w", 3)
            .population("p", "lif", &[]);
        if let NodeKind::Linear { delays, .. } = &mut spec.nodes[0].kind {
            *delays = values.map(Delays::from);
        }
        let mut net = Network::<f32>::new(&[2], &spec, 0).unwrap();
        net.set("w.weight", &[2.0; 6]).unwrap();
        let mut engine = Engine::new(&net).unwrap();
        engine.feed(1e-3, 1).unwrap();
        let in_flight = engine.in_flight();
        (run(&mut engine, 1.0), in_flight)
    };
    let (at_once, _) = net(None);
    let times = |spikes: &[Spike]| -> Vec<(usize, f64)> {
        spikes.iter().map(|s| (s.neuron, s.t)).collect()
    };
    assert_eq!(
        times(&at_once),
        [
            (0, 1e-3),
            (1, 1e-3),
            (2, 1e-3),
            (0, 1e-3),
            (1, 1e-3),
            (2, 1e-3)
        ][..3]
            .to_vec()
    );
    let (late, _) = net(Some(Values::One(4e-3)));
    assert_eq!(late.len(), 3);
    assert!(late.iter().all(|s| (s.t - 5e-3).abs() < 1e-9));
    let (own, in_flight) = net(Some(Values::Each(vec![0.0, 7e-3, 0.0, 2e-3, 0.0, 7e-3])));
    assert_eq!(in_flight, 3);
    let order: Vec<usize> = own.iter().map(|s| s.neuron).collect();
    assert_eq!(order, [1, 0, 2]);
    assert!((own[0].t - 3e-3).abs() < 1e-9 && (own[2].t - 8e-3).abs() < 1e-9);
}

/// Hands out weights `[inputs][outputs]` of a projection, and keeps what it sees.
struct Echo {
    projection: usize,
    weights: Vec<f64>,
    seen: Vec<Spike>,
}

impl Learner for Echo {
    fn learns(&self, projection: usize) -> bool {
        projection == self.projection
    }

    fn arrive(&mut self, _: f64, projection: usize, from: usize, weights: &mut [f64]) {
        assert!(projection == self.projection && weights.iter().all(|w| *w == 0.0));
        let n = weights.len();
        weights.copy_from_slice(&self.weights[from * n..][..n]);
    }

    fn fire(&mut self, spike: Spike) {
        self.seen.push(spike);
    }
}

#[test]
fn a_learner_with_the_weights_of_the_network_changes_nothing() {
    for (model, seed) in [("lif", 1), ("cuba_lif", 2), ("alif", 3)] {
        let (spec, spikes) = (random(seed, 1e-3, model), input(seed, 9, 60, 0.2));
        let (plain, all) = by_event(&spec, seed, &spikes, 60);
        assert!(all.len() > 20, "{model} {}", all.len());
        for name in ["in", "rec", "across", "skip"] {
            let net = Network::<f64>::new(&[9], &spec, seed).unwrap();
            let mut engine = Engine::new(&net).unwrap();
            for &(t, i) in &spikes {
                engine.feed(t as f64 * 1e-3, i).unwrap();
            }
            let param = net.param(&format!("{name}.weight")).unwrap();
            let (rows, inputs) = (param.values(), param.shape[1]);
            let columns = (0..inputs).flat_map(|i| rows.iter().skip(i).step_by(inputs));
            let mut echo = Echo {
                projection: engine.projections().position(|p| p.node == name).unwrap(),
                weights: columns.copied().collect(),
                seen: Vec::new(),
            };
            engine.run_with(60e-3, &mut echo).unwrap();
            assert_eq!(echo.seen, all, "{model} {name}");
            assert_eq!(engine.traffic(), plain.traffic());
        }
    }
    // What does not arrive at once is no row.
    let mut spec = NetworkSpec::new(1e-3)
        .linear("w", 2)
        .population("p", "lif", &[]);
    if let NodeKind::Linear { delays, .. } = &mut spec.nodes[0].kind {
        *delays = Some(Values::Each(vec![1e-3, 2e-3]).into());
    }
    let net = Network::<f64>::new(&[1], &spec, 0).unwrap();
    let mut engine = Engine::new(&net).unwrap();
    engine.feed(0.0, 0).unwrap();
    let mut echo = Echo {
        projection: 0,
        weights: vec![1.0; 2],
        seen: Vec::new(),
    };
    let text = engine.run_with(0.1, &mut echo).unwrap_err().to_string();
    let expected =
        "delays at 'w', which learns: expected one for all weights of a neuron, got others";
    assert_eq!(text, expected);
}

/// What arrives at one time is added up first; a spike without delay is seen downstream at its own time.
#[test]
fn ties_are_broken_as_stated() {
    let spec = NetworkSpec::new(1e-3)
        .linear("w", 1)
        .population("a", "lif", &[])
        .linear("v", 1)
        .population("b", "lif", &[]);
    let mut net = Network::<f64>::new(&[3], &spec, 0).unwrap();
    net.set("w.weight", &[1.5, -1.0, 0.6]).unwrap();
    net.set("v.weight", &[2.0]).unwrap();
    let mut engine = Engine::new(&net).unwrap();
    for unit in [0, 1] {
        engine.feed(1e-3, unit).unwrap();
    }
    assert_eq!(run(&mut engine, 2e-3), []);
    for unit in [2, 1, 0] {
        engine.feed(30e-3, unit).unwrap();
    }
    let spikes = run(&mut engine, 1.0);
    let seen: Vec<_> = spikes.iter().map(|s| (s.population, s.t)).collect();
    assert_eq!(seen, [(1, 30e-3), (2, 30e-3)]);
}

/// Models without a closed form go through their integrator: published numbers of spikes in a second.
#[test]
fn models_with_an_integrator_fire_as_by_the_clock() {
    for (a, b, c, d, spikes, first) in [
        (0.02, 0.2, -65.0, 8.0, 23, [3.13e-3, 26.24e-3]),
        (0.1, 0.2, -65.0, 2.0, 137, [f64::NAN; 2]),
    ] {
        let params = [("a", a), ("b", b), ("v_reset", c), ("d", d)];
        let mut engine = single("izhikevich", &params, 10.0);
        engine.drive(&[1.0]).unwrap();
        let all = run(&mut engine, 1.0);
        assert_eq!(all.len(), spikes);
        if first[0].is_finite() {
            assert!((all[0].t - first[0]).abs() < 2e-5 && (all[1].t - first[1]).abs() < 2e-5);
        }
    }
    // At rest a neuron asks for nothing.
    let mut engine = single("adex", &[], 1.0);
    engine.run(10.0, |_| {}).unwrap();
    let looks = engine.traffic().visits;
    engine.run(20.0, |_| {}).unwrap();
    assert_eq!(engine.traffic().visits, looks);
}

#[test]
fn images_reach_what_the_clock_says() {
    let spec = |dt| {
        NetworkSpec::new(dt)
            .conv2d("conv", 3, 3)
            .population("a", "lif", &[("tau_mem", 15e-3), ("v_threshold", 0.5)])
            .node(
                "pool",
                NodeKind::AvgPool2d(cortado::network::Window {
                    kernel: cortado::network::Pair::Both(2),
                    stride: None,
                }),
            )
            .flatten("flat")
            .linear("w", 5)
            .population("b", "lif", &[("tau_mem", 15e-3), ("v_threshold", 0.3)])
    };
    let net = Network::<f64>::new(&[2, 8, 7], &spec(1e-5), 3).unwrap();
    let mut rng = Rng::new(4, 0, Purpose::Other, 0);
    let given: Vec<(usize, u32)> = (0..112)
        .map(|i| ((rng.uniform() * 20.0) as usize, i))
        .collect();
    let mut rows = vec![Vec::new(); 3000];
    let mut engine = Engine::new(&net).unwrap();
    for &(t, i) in &given {
        rows[t * 100].push(i);
        engine.feed(t as f64 * 1e-3, i as usize).unwrap();
    }
    let events = run(&mut engine, 30e-3);
    let record = net
        .run(
            &Input::Spikes(Spikes::from_rows(1, 3000, 112, rows).unwrap()),
            &[],
        )
        .unwrap();
    for (p, activity) in record.activity.iter().enumerate() {
        let own = events.iter().filter(|s| s.population == p + 1).count();
        assert_eq!(own, activity.spikes, "{}", activity.name);
        assert!(own > 3);
    }
}

#[test]
fn what_has_no_meaning_without_a_clock_is_refused() {
    let refused = |spec: NetworkSpec, word: &str| {
        let net = Network::<f32>::new(&[4], &spec, 0).unwrap();
        let e = Engine::new(&net).err().unwrap().to_string();
        assert!(e.contains(word), "{e}");
    };
    let bias = NetworkSpec::new(1e-3).node(
        "w",
        NodeKind::Linear {
            n: Some(3),
            bias: true,
            scale: 1.0,
            mean: 0.0,
            delays: None,
        },
    );
    refused(bias.population("p", "lif", &[]), "'w'");
    refused(
        NetworkSpec::new(1e-3)
            .linear("w", 3)
            .population("p", "adlif", &[]),
        "adlif",
    );
    let mut euler = NetworkSpec::new(1e-3)
        .linear("w", 3)
        .population("p", "lif", &[]);
    euler.convention.decay = cortado::neuron::Decay::Euler;
    refused(euler, "convention");
    let norm = NodeKind::BatchNorm {
        momentum: 0.1,
        epsilon: 1e-5,
    };
    refused(
        NetworkSpec::new(1e-3)
            .linear("w", 3)
            .node("n", norm)
            .population("p", "lif", &[]),
        "batch norm",
    );

    let mut engine = single("lif", &[], 1.0);
    assert!(engine.feed(f64::NAN, 0).is_err());
    assert!(engine.feed(0.0, 1).is_err());
    assert!(engine.drive(&[f64::INFINITY]).is_err());
    engine.run(0.1, |_| {}).unwrap();
    let e = engine.feed(0.05, 0).unwrap_err().to_string();
    assert!(e.contains("0.1"), "{e}");
    assert!(
        engine.run(0.0, |_| {}).is_err()
            && engine.state(1, 1).is_err()
            && engine.state(0, 0).is_err()
    );
    // A reset that changes nothing never ends.
    let mut spec = NetworkSpec::new(1e-3)
        .linear("w", 1)
        .population("p", "lif", &[]);
    if let NodeKind::Population { reset, .. } = &mut spec.nodes[1].kind {
        *reset = cortado::neuron::Reset::None;
    }
    let mut net = Network::<f64>::new(&[1], &spec, 0).unwrap();
    net.set("w.weight", &[2.0]).unwrap();
    let mut engine = Engine::new(&net).unwrap();
    engine.feed(0.0, 0).unwrap();
    let e = engine.run(1.0, |_| {}).unwrap_err().to_string();
    assert!(e.contains("no end"), "{e}");
}

/// A spike that ends a refractory time at a time that is decimal but for rounding does not wait for ever.
#[test]
fn a_refractory_time_ends() {
    let mut engine = single("lif", &[("t_ref", 0.2)], 5.0);
    for t in [0.1, 0.2, 0.1 + 0.2, 0.35] {
        engine.feed(t, 0).unwrap();
    }
    // What arrives at the end of it, included, is lost.
    assert_times(&run(&mut engine, 1.0), &[0.1, 0.35], 0.0);
}

/// What is kept of membranes is what a fine look at their states says.
#[test]
fn membranes_are_watched_exactly() {
    for model in ["li", "cuba_li"] {
        let spec = NetworkSpec::new(1e-3).linear("w", 3).population(
            "p",
            model,
            &[("tau_mem", 11e-3), ("v_leak", 0.2)],
        );
        let net = Network::<f64>::new(&[5], &spec, 7).unwrap();
        let given = input(3, 5, 40, 0.1);
        let fed = |engine: &mut Engine| {
            for &(t, i) in &given {
                engine.feed(t as f64 * 1e-3, i).unwrap();
            }
        };
        for rate in [0.0, 30.0] {
            let mut engine = Engine::new(&net).unwrap();
            engine.watch(rate).unwrap();
            fed(&mut engine);
            engine.run(60e-3, |_| {}).unwrap();
            let seen = engine.watched().unwrap();
            // Cut anywhere it is the same.
            engine.reset();
            fed(&mut engine);
            engine.run(17.3e-3, |_| {}).unwrap();
            let mut other = engine.fork();
            other.run(60e-3, |_| {}).unwrap();
            assert_eq!(other.watched().unwrap(), seen);
            // Midpoints of short intervals.
            let (mut most, mut sums) = ([f64::NEG_INFINITY; 3], [0.0; 3]);
            engine.reset();
            fed(&mut engine);
            let h = 2e-6;
            for k in 0..30_000 {
                let t = (f64::from(k) + 0.5) * h;
                engine.run(t, |_| {}).unwrap();
                let v = engine.readout().unwrap();
                for j in 0..3 {
                    most[j] = f64::max(most[j], v[j]);
                    sums[j] += h * v[j] * (-rate * t).exp();
                }
            }
            for j in 0..3 {
                assert!(
                    (seen[j][0] - most[j]).abs() < 1e-4,
                    "{model} {seen:?} {most:?}"
                );
                assert!(
                    (seen[j][1] - sums[j]).abs() < 1e-6,
                    "{model} {seen:?} {sums:?}"
                );
            }
        }
    }
    assert!(single("lif", &[], 1.0).watch(0.0).is_err());
    assert!(single("li", &[], 1.0).watch(-1.0).is_err());
    assert!(single("li", &[], 1.0).watched().is_none());
}
