//! Plastic projections of networks in both engines: against sums over all spikes, single synapses, and one engine against the other.

use cortado::network::{
    DelayedEdge, Delays, Each, EdgeSpec, Network, NetworkSpec, NodeKind, NodeSpec, Values,
};
use cortado::neuron::{Lanes, Reset};
use cortado::sim::clock::{Input, Probe};
use cortado::sim::event::{Engine, Spike};
use cortado::spikes::Spikes;
use cortado_base::rng::{Purpose, Rng};
use cortado_local::stdp::{
    Coincident, Dependence, Learning, Pair, Pairing, Rule, Synapse, Timing, Triplet, Weight,
};

/// Inputs, of which the last ones each make a neuron fire, and neurons.
const INPUTS: usize = 25;
const NEURONS: usize = 5;
/// Seconds of the edges.
const EDGE: f64 = 1e-3;
const LOOP: f64 = 2e-3;

/// Seconds that neurons rest after a spike, so that no weights make them fire without end.
const T_REF: f64 = 20e-3;

/// Spikes of each neuron of a population, in seconds.
type Trains = Vec<Vec<f64>>;

fn late(node: &str, delay: f64) -> EdgeSpec {
    EdgeSpec::Delayed(DelayedEdge {
        node: node.into(),
        delay,
    })
}

fn node(name: &str, from: Vec<EdgeSpec>, kind: NodeKind) -> NodeSpec {
    NodeSpec {
        name: name.into(),
        from: Some(from),
        kind,
    }
}

fn linear(delays: Option<Delays>) -> NodeKind {
    NodeKind::Linear {
        n: Some(NEURONS),
        bias: false,
        scale: 1.0,
        mean: 0.0,
        delays,
    }
}

/// Milliseconds of the axon of an input.
fn axon(i: usize) -> f64 {
    (i % 4) as f64 * 1e-3
}

/// Images whose pixels are inputs, late by an edge and an axon each, onto neurons that reach each other late; some inputs `force`.
fn spec(dt: f64, neuron: &str, threshold: f64) -> NetworkSpec {
    let axons = Delays {
        each: Each::Input,
        ..Values::Each((0..INPUTS).map(axon).collect()).into()
    };
    let population = NodeKind::Population {
        neuron: neuron.into(),
        params: [("v_threshold", threshold), ("t_ref", T_REF)]
            .map(|(name, v)| (name.into(), Values::One(v)))
            .into(),
        reset: Reset::Value,
        train: Vec::new(),
        bounds: Default::default(),
        per_neuron: false,
    };
    let all = |names: &[&str]| names.iter().map(|&n| EdgeSpec::Node(n.into())).collect();
    let mut spec = NetworkSpec::new(dt);
    spec.nodes = vec![
        node("flat", all(&["input"]), NodeKind::Flatten {}),
        node("w", vec![late("flat", EDGE)], linear(Some(axons))),
        node("force", all(&["flat"]), linear(None)),
        node("rec", vec![late("p", LOOP)], linear(None)),
        node("p", all(&["w", "force", "rec"]), population),
    ];
    spec
}

/// Weights `w` and `rec` drawn between `low` and `high`.
fn network<R: Lanes>(
    spec: &NetworkSpec,
    [low, high]: [f64; 2],
    force: impl Fn(usize) -> f64,
) -> Network<R> {
    let mut net = Network::new(&[5, 1, 5], spec, 0).unwrap();
    let mut rng = Rng::new(7, 0, Purpose::Weights, 0);
    let mut draw = |n: usize| -> Vec<R> {
        let one = |_| R::of(low + (high - low) * rng.uniform());
        (0..n).map(one).collect()
    };
    net.set("w.weight", &draw(INPUTS * NEURONS)).unwrap();
    net.set("rec.weight", &draw(NEURONS * NEURONS)).unwrap();
    let pairs = (0..NEURONS).flat_map(|j| (0..INPUTS).map(move |i| (j, i)));
    let on = |(j, i)| {
        R::of(if i + NEURONS == INPUTS + j {
            force(j)
        } else {
            0.0
        })
    };
    net.set("force.weight", &pairs.map(on).collect::<Vec<_>>())
        .unwrap();
    net
}

/// Trains of the inputs, Poisson but for a pause of 3 ms after a spike; times are whole multiples of `grid` seconds where there is one.
fn inputs(seed: u64, rate: f64, seconds: f64, grid: Option<f64>) -> Trains {
    let train = |i: usize| {
        let mut rng = Rng::new(seed, i as u32, Purpose::Data, 0);
        let (mut times, mut t) = (Vec::new(), 0.0);
        loop {
            t += 3e-3 - (1.0 - rng.uniform()).ln() / rate;
            let at = grid.map_or(t, |g| (t / g).round() * g);
            if at > seconds {
                return times;
            }
            times.push(at);
        }
    };
    (0..INPUTS).map(train).collect()
}

fn in_order(trains: &Trains) -> Vec<(f64, usize)> {
    let each = |(i, t): (usize, &Vec<f64>)| t.iter().map(move |&t| (t, i)).collect::<Vec<_>>();
    let mut all: Vec<_> = trains.iter().enumerate().flat_map(each).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all
}

/// The trains of the neurons when the engine without a clock runs in pieces up to these times.
fn without_clock(
    learning: &mut Learning,
    net: &Network<f64>,
    input: &Trains,
    pieces: &[f64],
) -> Trains {
    let mut engine = Engine::new(net).unwrap();
    for (t, i) in in_order(input) {
        engine.feed(t, i).unwrap();
    }
    let mut trains = vec![Vec::new(); NEURONS];
    for &until in pieces {
        let sink = |s: Spike| trains[s.neuron].push(s.t);
        learning.run(&mut engine, until, sink).unwrap();
    }
    trains
}

/// Input spikes in steps of `dt`, each at the first that is not before it.
fn on_steps(input: &Trains, dt: f64, steps: usize) -> Spikes {
    let mut rows = vec![Vec::new(); steps];
    for (t, i) in in_order(input) {
        rows[(t / dt - 1e-6).ceil() as usize].push(i as u32);
    }
    Spikes::from_rows(1, steps, INPUTS, rows).unwrap()
}

/// The trains of the neurons when the clock runs chunks of so many steps.
fn by_clock<R: Lanes>(
    learning: &mut Learning,
    net: &mut Network<R>,
    input: &Trains,
    chunks: &[usize],
) -> Trains {
    let dt = net.spec().dt;
    let input = Input::Spikes(on_steps(input, dt, chunks.iter().sum()));
    let mut state = net.rest(1);
    let probe = Probe {
        node: "p".into(),
        what: "spikes".into(),
        neurons: Vec::new(),
    };
    let (mut trains, mut start) = (vec![Vec::new(); NEURONS], 0);
    for &steps in chunks {
        let part = input.slice(start..start + steps).unwrap();
        let record = learning
            .advance(net, &mut state, &part, std::slice::from_ref(&probe))
            .unwrap();
        assert_eq!(record.output, record.traces[0].data);
        for (n, z) in record.output.iter().enumerate() {
            if *z == R::ONE {
                trains[n % NEURONS].push((start + n / NEURONS) as f64 * dt);
            }
        }
        let spikes = record.output.iter().filter(|z| **z == R::ONE).count();
        assert_eq!(record.activity[0].spikes, spikes);
        start += steps;
    }
    trains
}

/// What a train left at `t`: all spikes before, or the last; and those at `t`, to a nanosecond, where they count.
fn trace(train: &[f64], tau: f64, pairing: Pairing, t: f64, with: bool) -> f64 {
    let at = |s: f64| (s - t).abs() <= 1e-9;
    let past = train.iter().filter(|&&s| if at(s) { with } else { s < t });
    let mut past = past.map(|s| (-(t - s) / tau).exp());
    match pairing {
        Pairing::AllToAll => past.sum(),
        Pairing::Nearest => past.next_back().unwrap_or(0.0),
    }
}

/// The change of a weight by sums over all pairs and triplets of arrivals, far from bounds.
trait Sums {
    fn sums(&self, pre: &[f64], post: &[f64], coincident: Coincident) -> f64;
}

impl Sums for Pair {
    fn sums(&self, pre: &[f64], post: &[f64], coincident: Coincident) -> f64 {
        let [first, second] =
            [Coincident::PreFirst, Coincident::PostFirst].map(|c| c == coincident);
        let up = post
            .iter()
            .map(|&t| self.a_plus * trace(pre, self.tau_plus, self.pairing, t, first));
        let down = pre
            .iter()
            .map(|&t| self.a_minus * trace(post, self.tau_minus, self.pairing, t, second));
        up.sum::<f64>() - down.sum::<f64>()
    }
}

impl Sums for Triplet {
    fn sums(&self, pre: &[f64], post: &[f64], coincident: Coincident) -> f64 {
        let [first, second] =
            [Coincident::PreFirst, Coincident::PostFirst].map(|c| c == coincident);
        let p = self.pairing;
        let up = post.iter().map(|&t| {
            trace(pre, self.tau_plus, p, t, first)
                * (self.a2_plus + self.a3_plus * trace(post, self.tau_y, p, t, false))
        });
        let down = pre.iter().map(|&t| {
            trace(post, self.tau_minus, p, t, second)
                * (self.a2_minus + self.a3_minus * trace(pre, self.tau_x, p, t, false))
        });
        up.sum::<f64>() - down.sum::<f64>()
    }
}

/// Weights that stay far from their bounds, and such that feel them.
fn bounds() -> [Weight; 3] {
    let soft = Dependence::Power {
        mu_plus: 0.4,
        mu_minus: 1.0,
    };
    [
        Weight {
            min: -100.0,
            max: 100.0,
            dependence: Dependence::Additive,
        },
        Weight {
            dependence: Dependence::Multiplicative,
            ..Weight::default()
        },
        Weight {
            dependence: soft,
            ..Weight::default()
        },
    ]
}

/// Runs `play` on a learner of both projections, and holds every weight to its synapse alone.
fn every_weight<R: Rule<P, Q> + Sums + 'static, const P: usize, const Q: usize>(
    (rule, weight): (R, Weight),
    net: &mut Network<f64>,
    input: &Trains,
    timing: Timing,
    play: impl FnOnce(&mut Learning, &mut Network<f64>) -> Trains,
) {
    let back = Timing {
        dendritic: LOOP,
        ..timing
    };
    let mut learning = Learning::default();
    learning.add(net, "w", rule, timing).unwrap();
    learning.add(net, "rec", rule, back).unwrap();
    let start = ["w", "rec"].map(|w| net.param(&format!("{w}.weight")).unwrap().values());
    let output = play(&mut learning, net);
    assert!(output.iter().all(|t| t.len() > 20), "{output:?}");
    learning.write(net).unwrap();
    let mut moved = 0f64;
    for (name, start, from, timing) in [
        ("w", &start[0], input, timing),
        ("rec", &start[1], &output, back),
    ] {
        let weights = learning.weights(name).unwrap();
        let written = net.param(&format!("{name}.weight")).unwrap().values();
        assert_eq!(weights, written);
        for (n, &w) in weights.iter().enumerate() {
            let (j, i) = (n / from.len(), n % from.len());
            let axonal = if name == "w" { EDGE + axon(i) } else { LOOP };
            let (pre, post) = (&from[i], &output[j]);
            let want = if weight.dependence == Dependence::Additive {
                let after =
                    |train: &[f64], delay| train.iter().map(|t| t + delay).collect::<Vec<_>>();
                let (pre, post) = (after(pre, axonal), after(post, timing.dendritic));
                start[n] + rule.sums(&pre, &post, timing.coincident)
            } else {
                let timing = Timing { axonal, ..timing };
                Synapse::run(rule, timing, start[n], pre, post).unwrap()
            };
            assert!((w - want).abs() < 1e-12, "{name} {i} {j}: {w} {want}");
            moved = moved.max((w - start[n]).abs());
        }
    }
    assert!(moved > 0.05, "{moved}");
}

/// Plays every rule, pairing, bound and order of what is coincident.
fn every_rule(
    net: impl Fn() -> Network<f64>,
    input: &Trains,
    dendritic: f64,
    play: impl Fn(&mut Learning, &mut Network<f64>) -> Trains,
) {
    let meetings = [
        Coincident::Apart,
        Coincident::PreFirst,
        Coincident::PostFirst,
    ];
    for weight in bounds() {
        for pairing in [Pairing::AllToAll, Pairing::Nearest] {
            for coincident in meetings {
                let timing = Timing {
                    axonal: 0.0,
                    dendritic,
                    coincident,
                };
                let pair = Pair {
                    a_plus: 0.01,
                    a_minus: 0.008,
                    tau_minus: 30e-3,
                    pairing,
                    weight,
                    ..Pair::default()
                };
                let triplet = Triplet {
                    pairing,
                    weight,
                    ..Triplet::hippocampus()
                };
                every_weight((pair, weight), &mut net(), input, timing, &play);
                every_weight((triplet, weight), &mut net(), input, timing, &play);
            }
        }
    }
}

#[test]
fn without_a_clock_every_weight_is_a_sum_over_its_spikes() {
    // Some inputs spike together; where they reach the membrane, so do neurons with them.
    let mut input = inputs(1, 20.0, 2.0, None);
    input[..12].clone_from_slice(&inputs(2, 20.0, 2.0, Some(2e-3))[..12]);
    for (model, threshold) in [("lif", 4.0), ("cuba_lif", 1.2)] {
        let net = || network(&spec(1e-3, model, threshold), [0.2, 0.8], |_| 10.0);
        every_rule(net, &input, 1.7e-3, |learning, net| {
            without_clock(learning, net, &input, &[2.5])
        });
    }
}

#[test]
fn under_the_clock_every_weight_is_a_sum_over_its_spikes() {
    let dt = 0.5e-3;
    let input = inputs(1, 20.0, 2.0, Some(dt));
    for (model, threshold) in [("lif", 4.0), ("cuba_lif", 1.2)] {
        let net = || network(&spec(dt, model, threshold), [0.2, 0.8], |_| 10.0);
        every_rule(net, &input, 1.5e-3, |learning, net| {
            by_clock(learning, net, &input, &[5000])
        });
    }
}

/// Neurons that inputs force to fire, and weights that hardly move them.
fn forced(dt: f64, seed: u64) -> (Network<f64>, Learning, Trains) {
    let rule = Pair {
        a_plus: 0.002,
        a_minus: 0.0015,
        weight: Weight {
            max: 0.1,
            dependence: Dependence::Multiplicative,
            ..Weight::default()
        },
        ..Pair::default()
    };
    let timing = Timing {
        dendritic: LOOP,
        ..Timing::default()
    };
    // Between 0.5 and 2 ms after the input.
    let force = |j: usize| 12.0 + 28.0 * Rng::new(seed, j as u32, Purpose::Weights, 1).uniform();
    let net = network(&spec(dt, "cuba_lif", 1.0), [0.02, 0.08], force);
    let mut learning = Learning::default();
    learning.add(&net, "w", rule, timing).unwrap();
    learning.add(&net, "rec", rule, timing).unwrap();
    let mut input = inputs(seed, 10.0, 4.0, None);
    for train in &mut input[INPUTS - NEURONS..] {
        // None while a neuron rests from the one before.
        let mut free = 0.0;
        train.retain(|&t| {
            t >= free && {
                free = t + 3.0 * T_REF;
                true
            }
        });
    }
    (net, learning, input)
}

/// How far the weights of a clock with so many steps a millisecond are from those without one, on the mean; spikes are the same.
fn off(steps: usize, seed: u64) -> f64 {
    let all = |l: &Learning| ["w", "rec"].map(|w| l.weights(w).unwrap()).concat();
    let (net, mut learning, input) = forced(1e-3, seed);
    let exact = without_clock(&mut learning, &net, &input, &[4.5]);
    let weights = all(&learning);
    let dt = 1e-3 / steps as f64;
    let (mut net, mut learning, _) = forced(dt, seed);
    let trains = by_clock(&mut learning, &mut net, &input, &[4500 * steps]);
    for (clock, event) in trains.iter().zip(&exact) {
        assert!(clock.len() == event.len() && clock.len() > 10);
        let late = clock.iter().zip(event).map(|(c, e)| c - e);
        // By less than a step where the input is late, and another where the neuron is.
        late.for_each(|h| assert!(h > -0.1 * dt && h < 2.1 * dt, "{h} {dt}"));
    }
    let far = all(&learning).into_iter().zip(&weights);
    far.map(|(a, b)| (a - b).abs()).sum::<f64>() / weights.len() as f64
}

#[test]
fn the_clock_tends_to_the_events_with_its_step() {
    let errors = [2, 4, 8, 16].map(|steps| (0..16).map(|seed| off(steps, seed)).sum::<f64>());
    let order = (errors[0] / errors[3]).log2() / 3.0;
    assert!((0.85..1.15).contains(&order), "{order} {errors:?}");
    for pair in errors.windows(2) {
        let ratio = pair[0] / pair[1];
        assert!((1.6..2.5).contains(&ratio), "{errors:?}");
    }
}

/// A neuron that input 1 makes fire at 0 s, and that input 0 reaches 10 ms later and 11 ms later, over 0.5 at first, half of what it needs.
fn two_inputs(dendritic: f64) -> (Network<f64>, Learning) {
    let mut spec = NetworkSpec::new(1e-3);
    let population = NodeKind::Population {
        neuron: "if".into(),
        params: Default::default(),
        reset: Reset::Value,
        train: Vec::new(),
        bounds: Default::default(),
        per_neuron: false,
    };
    let one = || NodeKind::Linear {
        n: Some(1),
        bias: false,
        scale: 1.0,
        mean: 0.0,
        delays: None,
    };
    spec.nodes = vec![
        node("w", vec![late("input", 10e-3)], one()),
        node("force", vec![EdgeSpec::Node("input".into())], one()),
        node(
            "p",
            ["w", "force"].map(|n| EdgeSpec::Node(n.into())).into(),
            population,
        ),
    ];
    let mut net = Network::new(&[2], &spec, 0).unwrap();
    net.set("w.weight", &[0.5, 0.0]).unwrap();
    net.set("force.weight", &[0.0, 2.0]).unwrap();
    let rule = Pair {
        a_minus: 0.4,
        ..Pair::default()
    };
    let timing = Timing {
        axonal: 0.0,
        dendritic,
        coincident: Coincident::PostFirst,
    };
    let mut learning = Learning::default();
    learning.add(&net, "w", rule, timing).unwrap();
    (net, learning)
}

#[test]
fn a_spike_meets_the_weight_from_before_it() {
    // The spike of 0 s reaches the synapse at once, or with the first of the input, which loses by it: the next one meets that.
    for (dendritic, seen) in [(0.0, (-0.5f64).exp()), (10e-3, 1.0)] {
        let after = 0.5 - 0.4 * seen;
        let (mut net, mut learning) = two_inputs(dendritic);
        let mut engine = Engine::new(&net).unwrap();
        for (t, i) in [(0.0, 1), (0.0, 0), (1e-3, 0)] {
            engine.feed(t, i).unwrap();
        }
        for (until, v) in [(10.5e-3, 0.5), (11.5e-3, 0.5 + after)] {
            learning.run(&mut engine, until, |_| ()).unwrap();
            assert!((engine.state(1, 0).unwrap()[0] - v).abs() < 1e-15);
        }
        let (_, mut learning) = two_inputs(dendritic);
        let rows = (0..12).map(|n| match n {
            0 => vec![0, 1],
            1 => vec![0],
            _ => vec![],
        });
        let input = Input::Spikes(Spikes::from_rows(1, 12, 2, rows).unwrap());
        let probe = Probe {
            node: "p".into(),
            what: "v".into(),
            neurons: vec![0],
        };
        let mut state = net.rest(1);
        let record = learning
            .advance(&mut net, &mut state, &input, &[probe])
            .unwrap();
        let v = &record.traces[0].data;
        assert!((v[10] - 0.5).abs() < 1e-15, "{v:?}");
        assert!((v[11] - 0.5 - after).abs() < 1e-15, "{v:?}");
    }
}

/// A learner of all projections under a triplet rule with amplitudes times a factor.
fn triplets<R: Lanes>(net: &Network<R>, factor: f64) -> Learning {
    let t = Triplet::hippocampus();
    let rule = Triplet {
        a2_plus: factor * t.a2_plus,
        a3_plus: factor * t.a3_plus,
        a2_minus: factor * t.a2_minus,
        a3_minus: factor * t.a3_minus,
        ..t
    };
    let mut learning = Learning::default();
    for name in ["w", "rec"] {
        learning.add(net, name, rule, Timing::default()).unwrap();
    }
    learning
}

#[test]
fn a_rate_of_zero_leaves_every_bit() {
    let input = inputs(1, 20.0, 1.0, Some(0.5e-3));
    for (model, threshold) in [("lif", 4.0), ("cuba_lif", 1.2)] {
        let spec = spec(0.5e-3, model, threshold);
        let net: Network<f64> = network(&spec, [0.2, 0.8], |_| 0.0);
        let [mut plain, mut learns] = [(); 2].map(|_| Engine::new(&net).unwrap());
        for (t, i) in in_order(&input) {
            plain.feed(t, i).unwrap();
            learns.feed(t, i).unwrap();
        }
        let (mut a, mut b) = (Vec::new(), Vec::new());
        plain.run(1.5, |s| a.push(s)).unwrap();
        let mut learning = triplets(&net, 0.0);
        learning.run(&mut learns, 1.5, |s| b.push(s)).unwrap();
        assert!(a.len() > 50 && a == b);
        assert_eq!(plain.traffic(), learns.traffic());
        assert!((0..NEURONS).all(|j| plain.state(1, j).unwrap() == learns.state(1, j).unwrap()));

        let mut net: Network<f32> = network(&spec, [0.2, 0.8], |_| 0.0);
        let steps = Input::Spikes(on_steps(&input, 0.5e-3, 2500));
        let probe = ["v", "spikes"].map(|what| Probe {
            node: "p".into(),
            what: what.into(),
            neurons: Vec::new(),
        });
        let plain = net.run(&steps, &probe).unwrap();
        let mut learning = triplets(&net, 0.0);
        let mut state = net.rest(1);
        let learns = learning
            .advance(&mut net, &mut state, &steps, &probe)
            .unwrap();
        assert_eq!(plain.output, learns.output);
        assert_eq!(plain.activity, learns.activity);
        assert_eq!(plain.traces, learns.traces);
    }
}

#[test]
fn pieces_are_the_whole() {
    let input = inputs(1, 20.0, 1.0, Some(0.5e-3));
    let net: Network<f32> = network(&spec(0.5e-3, "lif", 4.0), [0.2, 0.8], |_| 0.0);
    let start = triplets(&net, 1.0).weights("w");
    let all = |l: &Learning| ["w", "rec"].map(|w| l.weights(w).unwrap());

    let exact: Network<f64> = network(&spec(0.5e-3, "lif", 4.0), [0.2, 0.8], |_| 0.0);
    let mut whole = triplets(&exact, 1.0);
    let trains = without_clock(&mut whole, &exact, &input, &[1.5]);
    let mut cut = triplets(&exact, 1.0);
    // At times of arrivals, between them, and where nothing happens.
    let pieces = [0.1, 0.1, 0.2035, 0.20351234, 0.5, 1.0005, 1.5];
    assert_eq!(trains, without_clock(&mut cut, &exact, &input, &pieces));
    assert_eq!(all(&whole), all(&cut));

    // Chunks, with numbers of half the length, which follow the learner's.
    let [mut one, mut two] =
        [(); 2].map(|_| network::<f32>(&spec(0.5e-3, "lif", 4.0), [0.2, 0.8], |_| 0.0));
    let [mut whole, mut cut] = [(); 2].map(|_| triplets(&net, 1.0));
    let trains = by_clock(&mut whole, &mut one, &input, &[3000]);
    assert_eq!(
        trains,
        by_clock(&mut cut, &mut two, &input, &[1, 1, 398, 1, 2000, 599])
    );
    assert_eq!(all(&whole), all(&cut));
    assert_ne!(whole.weights("w"), start);
    let follows = two.param("w.weight").unwrap().values();
    let rounded = whole.weights("w").unwrap();
    assert!(follows.iter().zip(rounded).all(|(a, b)| *a == b as f32));

    // From rest again, with the weights that it has.
    let mut used = triplets(&exact, 1.0);
    without_clock(&mut used, &exact, &input, &[0.7003]);
    used.reset();
    let mut learnt = network(&spec(0.5e-3, "lif", 4.0), [0.2, 0.8], |_| 0.0);
    used.write(&mut learnt).unwrap();
    let mut fresh = triplets(&learnt, 1.0);
    let trains = without_clock(&mut fresh, &learnt, &input, &[1.5]);
    assert_eq!(trains, without_clock(&mut used, &exact, &input, &[1.5]));
    assert_eq!(all(&fresh), all(&used));
}

#[test]
fn what_cannot_learn_is_a_sentence() {
    let net: Network<f64> = network(&spec(1e-3, "lif", 4.0), [0.2, 0.8], |_| 0.0);
    let add = |net: &Network<f64>, name: &str, rule: Pair, timing: Timing| {
        let refused = Learning::default().add(net, name, rule, timing);
        refused.unwrap_err().to_string()
    };
    let (pair, timing) = (Pair::default(), Timing::default());
    let late = Timing {
        axonal: 1e-3,
        ..timing
    };
    let early = Timing {
        dendritic: -1e-3,
        ..timing
    };
    let narrow = Weight {
        max: 0.1,
        ..Weight::default()
    };
    let other = |delays: Option<Delays>, behind: &str| {
        let spec = NetworkSpec::new(1e-3).node("w", linear(delays));
        let spec = match behind {
            "norm" => spec.node(
                "norm",
                NodeKind::BatchNorm {
                    momentum: 0.1,
                    epsilon: 1e-5,
                },
            ),
            _ => spec,
        };
        let model = if behind == "li" { "li" } else { "lif" };
        let mut net = Network::new(&[2], &spec.population("p", model, &[]), 0).unwrap();
        net.set("w.weight", &[0.5; 2 * NEURONS]).unwrap();
        net
    };
    let delays = |values: Vec<f64>| Delays::from(Values::Each(values));
    let trained = Delays {
        train: true,
        ..delays(vec![1e-3])
    };
    for (text, message) in [
        (
            add(&net, "x", pair, timing),
            "node at 'x', which is to learn: expected a linear one, got no such node",
        ),
        (
            add(&net, "p", pair, timing),
            "node at 'p', which is to learn: expected a linear one, got population",
        ),
        (
            add(&net, "w", pair, late),
            "axonal delay at node 'w', which learns: expected 0: the network has that delay, got 0.001",
        ),
        (
            add(&net, "w", pair, early),
            "dendritic delay at node 'w', which learns: expected 0 seconds or more, got -0.001",
        ),
        (
            add(
                &net,
                "w",
                Pair {
                    tau_plus: 0.0,
                    ..pair
                },
                timing,
            ),
            "time constant at tau_plus: expected a number of seconds above 0, got 0",
        ),
        (
            add(
                &other(None, ""),
                "w",
                Pair {
                    weight: narrow,
                    ..pair
                },
                timing,
            ),
            "weight at [0, 0] of 'w.weight': expected one within the bounds of its rule, got 0.5",
        ),
        (
            add(&other(None, "li"), "w", pair, timing),
            "node at behind node 'w', which learns: expected one population that fires, got 'p'",
        ),
        (
            add(&other(None, "norm"), "w", pair, timing),
            "node at behind node 'w', which learns: expected one population that fires, got 'norm'",
        ),
        (
            add(&other(Some(trained), ""), "w", pair, timing),
            "delays at node 'w', which learns: expected one for each axon, which stays as it is, got trained ones",
        ),
        (
            add(&other(Some(delays(vec![1e-3; 10])), ""), "w", pair, timing),
            "delays at node 'w', which learns: expected one for each axon, which stays as it is, got one for each weight",
        ),
    ] {
        assert_eq!(text, message);
    }

    let mut learning = Learning::default();
    learning.add(&net, "w", pair, timing).unwrap();
    assert!(learning.add(&net, "w", pair, timing).is_err());
    // Another network; another time.
    let spec = NetworkSpec::new(1e-3)
        .linear("w", 1)
        .population("p", "lif", &[]);
    let mut stranger = Network::<f64>::new(&[INPUTS + 1], &spec, 0).unwrap();
    let refused = learning.run(&mut Engine::new(&stranger).unwrap(), 0.1, |_| ());
    let message =
        "projection at 'w', which learns: expected 25 neurons onto 5, got another network";
    assert_eq!(refused.unwrap_err().to_string(), message);
    let input = Input::Spikes(Spikes::from_rows(1, 1, INPUTS + 1, [vec![0]]).unwrap());
    let mut state = stranger.rest(1);
    let refused = learning.advance(&mut stranger, &mut state, &input, &[]);
    assert_eq!(refused.unwrap_err().to_string(), message);
    let mut engine = Engine::new(&net).unwrap();
    engine.run(0.1, |_| ()).unwrap();
    let text = learning
        .run(&mut engine, 0.2, |_| ())
        .unwrap_err()
        .to_string();
    assert_eq!(
        text,
        "time at projections that learn: expected an engine at 0 s, got 0.1"
    );
    engine.reset();
    learning.run(&mut engine, 0.2, |_| ()).unwrap();

    // The clock has to have steps for a delay back, spikes, one sample, and its own time.
    let mut net = net;
    let silent = |samples| {
        Input::Spikes(Spikes::from_rows(samples, 1, INPUTS, vec![vec![]; samples]).unwrap())
    };
    let currents = Input::Current {
        samples: 1,
        steps: 1,
        data: vec![0.0; INPUTS],
    };
    let between = Timing {
        dendritic: 1.5e-3,
        ..timing
    };
    for (timing, ran, samples, input, message) in [
        (
            between,
            false,
            1,
            silent(1),
            "dendritic delay at 'w', which learns under the clock: expected a whole number of steps of 0.001 s, got 0.0015 s",
        ),
        (
            timing,
            false,
            1,
            currents,
            "input at 'w', which learns under the clock: expected spikes, got currents",
        ),
        (
            timing,
            false,
            2,
            silent(2),
            "samples at projections that learn: expected one, of some steps, got 2 of 1 steps",
        ),
        (
            timing,
            true,
            1,
            silent(1),
            "time at projections that learn: expected that after 0 steps of 0.001 s, got 0.2 s",
        ),
    ] {
        let mut fresh = Learning::default();
        fresh.add(&net, "w", pair, timing).unwrap();
        let learning = if ran { &mut learning } else { &mut fresh };
        let mut state = net.rest(samples);
        let refused = learning.advance(&mut net, &mut state, &input, &[]);
        assert_eq!(refused.unwrap_err().to_string(), message);
    }
}
