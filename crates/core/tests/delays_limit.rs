//! Delays of single weights as the step of the clock goes to zero, and what learning them is good for.

use cortado::learn::{
    Batch, Fit, FitSpec, Loss, Objective, OptimizerSpec, Rule, evaluate, eventprop, gradients,
};
use cortado::network::{
    DelayedEdge, Delays, Draw, EdgeSpec, Interpolation, Network, NetworkSpec, NodeKind, Values,
};
use cortado::rng::{Purpose, Rng};
use cortado::sim::clock::Input;
use cortado::sim::event::{Engine, Times};
use cortado::spikes::Spikes;

fn delay(spec: &mut NetworkSpec, name: &str, own: Delays) {
    let node = spec.nodes.iter_mut().find(|n| n.name == name).unwrap();
    if let NodeKind::Linear { delays, .. } = &mut node.kind {
        *delays = Some(own);
    }
}

fn fixed(values: Vec<f64>, interpolate: Option<Interpolation>) -> Delays {
    Delays {
        interpolate,
        ..Delays::from(Values::Each(values))
    }
}

/// Spikes at whole milliseconds: sample, millisecond, input.
fn events(samples: usize, millis: usize, inputs: usize, rate: f64, seed: u64) -> Vec<[usize; 3]> {
    let mut rng = Rng::new(seed, 0, Purpose::Other, 2);
    let all = 0..samples * millis * inputs;
    all.filter(|_| rng.uniform() < rate)
        .map(|k| [k / (millis * inputs), k / inputs % millis, k % inputs])
        .collect()
}

/// The same in steps of the clock.
fn steps(events: &[[usize; 3]], [samples, millis, inputs]: [usize; 3], dt: f64) -> Input<f64> {
    let per = (1e-3 / dt).round() as usize;
    let mut rows = vec![Vec::new(); samples * millis * per];
    for &[b, t, i] in events {
        rows[(b * millis + t) * per].push(i as u32);
    }
    Input::Spikes(Spikes::from_rows(samples, millis * per, inputs, rows).unwrap())
}

/// A network with a loop whose weights all have delays of their own, whole numbers of 10 microseconds if not interpolated.
fn random(seed: u64, dt: f64, interpolate: Option<Interpolation>) -> NetworkSpec {
    // A pulse in two parts may fire a neuron with one and charge it with the other: synapses with a time constant do not.
    let lif: &[(&str, f64)] = &[("tau_mem", 13e-3), ("tau_syn", 4e-3), ("t_ref", 2e-3)];
    let mut spec = NetworkSpec::new(dt)
        .linear("in", 12)
        .population("a", "cuba_lif", lif)
        .recurrent()
        .linear("across", 7)
        .population("b", "cuba_lif", lif);
    for node in &mut spec.nodes {
        if let NodeKind::Linear { scale, .. } = &mut node.kind {
            *scale = 9.0;
        }
        if node.name == "a_rec" {
            let late = DelayedEdge {
                node: "a".into(),
                delay: 1e-3,
            };
            node.from = Some(vec![EdgeSpec::Delayed(late)]);
        }
    }
    let mut rng = Rng::new(seed, 0, Purpose::Other, 3);
    for (name, count) in [("in", 12 * 9), ("a_rec", 12 * 12), ("across", 7 * 12)] {
        let own = (0..count).map(|_| match interpolate {
            None => (800.0 * rng.uniform()).floor() * 1e-5,
            Some(_) => 8e-3 * rng.uniform(),
        });
        delay(&mut spec, name, fixed(own.collect(), interpolate));
    }
    spec
}

/// With delays fixed in seconds the spikes of the clock tend to those without one, of first order: the same number of
/// them, half as far off with half the step. Networks that have not settled when the step is halved are left out.
#[test]
fn spikes_tend_to_the_events() {
    let (mut all, mut unsettled, mut spikes, mut apart) = (0, 0, 0, [0.0; 2]);
    for interpolate in [None, Some(Interpolation::Linear)] {
        for seed in 0..16 {
            let extent = [1, 40, 9];
            let given = events(1, 40, 9, 0.12, seed);
            let clock = |dt: f64| {
                let spec = random(seed, dt, interpolate);
                let net = Network::<f64>::new(&[9], &spec, seed).unwrap();
                let record = net.run(&steps(&given, extent, dt), &[]).unwrap();
                let mut times = vec![Vec::new(); 7];
                for (n, z) in record.output.iter().enumerate() {
                    if *z == 1.0 {
                        times[n % 7].push((n / 7) as f64 * dt);
                    }
                }
                times
            };
            let (coarse, fine) = (clock(2e-6), clock(1e-6));
            all += 1;
            let far = |(a, b): (&f64, &f64)| (a - b).abs() > 1e-4;
            let moved = |j: usize| coarse[j].iter().zip(&fine[j]).any(far);
            if (0..7).any(|j| coarse[j].len() != fine[j].len() || moved(j)) {
                unsettled += 1;
                continue;
            }
            let net = Network::<f64>::new(&[9], &random(seed, 2e-6, interpolate), seed).unwrap();
            let mut engine = Engine::new(&net).unwrap();
            for &[_, t, i] in &given {
                engine.feed(t as f64 * 1e-3, i).unwrap();
            }
            let mut exact = vec![Vec::new(); 7];
            let mut keep = |s: cortado::sim::event::Spike| {
                if s.population == 2 {
                    exact[s.neuron].push(s.t);
                }
            };
            engine.run(40e-3, &mut keep).unwrap();
            for j in 0..7 {
                // A spike in the last steps may have fallen on either side of the end.
                let count = exact[j].len().min(fine[j].len());
                assert!(exact[j].len().abs_diff(fine[j].len()) <= 1, "{seed} {j}");
                spikes += count;
                for n in 0..count {
                    let [a, b] = [coarse[j][n] - exact[j][n], fine[j][n] - exact[j][n]];
                    assert!(a.abs() < 1e-4 && b.abs() < 1e-4, "{seed}: {a} {b}");
                    apart = [apart[0] + a.abs(), apart[1] + b.abs()];
                }
            }
        }
    }
    let [coarse, fine] = apart.map(|sum| sum / spikes as f64);
    println!(
        "{spikes} spikes, {coarse} and {fine} s apart; {unsettled} of {all} networks left out"
    );
    assert!(
        spikes > 150 && unsettled * 4 <= all,
        "{spikes}, {unsettled} of {all}"
    );
    assert!(coarse < 1e-5 && fine < 0.6 * coarse, "{coarse} {fine}");
}

/// The derivatives by weights and delays tend to the exact ones by spike times, of first order.
#[test]
fn gradients_tend_to_the_exact_ones() {
    let [samples, millis, inputs] = [6, 40, 11];
    let given = events(samples, millis, inputs, 0.05, 1);
    let mut times = vec![Vec::new(); samples];
    for &[b, t, i] in &given {
        times[b].push((t as f64 * 1e-3, i as u32));
    }
    let times = Times::new(inputs, millis as f64 * 1e-3, times).unwrap();
    let labels: Vec<u32> = (0..samples as u32).map(|b| b % 3).collect();
    let objective = Objective::from(Loss::MaxCrossEntropy);
    let net = |dt: f64| {
        let mut spec = NetworkSpec::new(dt).linear("w", 3).population(
            "readout",
            "cuba_li",
            &[("tau_mem", 9e-3), ("tau_syn", 4e-3)],
        );
        let own = Delays {
            train: true,
            interpolate: Some(Interpolation::Linear),
            ..Delays::from(Values::Drawn(Draw::Uniform([0.0, 7e-3])))
        };
        delay(&mut spec, "w", own);
        let mut net = Network::<f64>::new(&[inputs], &spec, 2).unwrap();
        // An arrival that turns the membrane down would put the largest of all steps at a kink, where the steps of a clock
        // have a derivative to one side alone.
        let weights = net.param("w.weight").unwrap().values();
        let weights: Vec<f64> = weights.into_iter().map(f64::abs).collect();
        net.set("w.weight", &weights).unwrap();
        net
    };
    let exact = net(1e-3);
    let mut workspace = eventprop::Workspace::new();
    workspace.run(&exact, &times, &labels, &objective).unwrap();
    let own = exact.params().iter().zip(workspace.gradients());
    let want: Vec<Vec<f64>> = own.map(|(p, g)| p.values_of(g)).collect();
    let error = |dt: f64| -> Vec<f64> {
        let input = steps(&given, [samples, millis, inputs], dt);
        let (got, _) = gradients(&net(dt), &input, &labels, &objective).unwrap();
        let each = got.iter().zip(&want).map(|(got, want)| {
            let largest = want.iter().fold(0.0f64, |m, g| m.max(g.abs()));
            let apart = got.iter().zip(want).map(|(a, b)| (a - b).abs());
            apart.fold(0.0, f64::max) / largest
        });
        each.collect()
    };
    let errors = [1e-4, 5e-5, 2.5e-5, 1.25e-5].map(error);
    println!("{errors:?}");
    // Where the largest of the steps lies within them is as good as random: not each halving of the step halves the error.
    for k in 0..2 {
        assert!(errors[3][k] < 0.25 * errors[0][k], "{errors:?}");
        assert!(errors[3][k] < 0.01, "{errors:?}");
    }
}

/// Which of two inputs fires first, by neurons that hear coincidences alone: weights are all the same and stay so, only
/// delays can tell.
#[test]
fn coincidences_are_learnt_by_delays() {
    const LEAD: usize = 6;
    let samples = 40;
    let mut rows = Vec::new();
    let mut labels = Vec::new();
    for b in 0..samples {
        let (start, label) = (2 + b / 2 % 5, b % 2);
        for t in 0..30 {
            let fired = [start, start + LEAD].iter().position(|&at| at == t);
            rows.push(fired.map(|n| (n ^ label) as u32).into_iter().collect());
        }
        labels.push(label as u32);
    }
    let input = Input::Spikes(Spikes::from_rows(samples, 30, 2, rows).unwrap());
    for interpolate in [Interpolation::Linear, Interpolation::Gaussian(4.0)] {
        let mut spec = NetworkSpec::new(1e-3).linear("w", 2).population(
            "readout",
            "lif",
            &[("tau_mem", 3e-3), ("v_threshold", 1.3)],
        );
        spec.surrogate = cortado::surrogate::Surrogate::default().with_slope(2.0);
        let own = Delays {
            train: true,
            bounds: Some([0.0, 12e-3]),
            // Weights all but stand still.
            rate: 2e5,
            interpolate: Some(interpolate),
            ..Delays::from(Values::Each(vec![3e-3, 4e-3, 4e-3, 3e-3]))
        };
        delay(&mut spec, "w", own);
        let mut net = Network::<f32>::new(&[2], &spec, 0).unwrap();
        net.set("w.weight", &[0.9; 4]).unwrap();
        let objective = Objective::from(Loss::CountCrossEntropy);
        let accuracy = |net: &Network<f32>| {
            let report = evaluate(net, &input, &labels, &objective).unwrap();
            report.correct as f64 / report.samples as f64
        };
        assert!(accuracy(&net) <= 0.5);
        let fit = FitSpec {
            epochs: 60,
            batch: samples,
            rule: Rule::Bptt,
            wake: 0.0,
            eprop: Default::default(),
            decolle: Default::default(),
            objective,
            optimizer: OptimizerSpec {
                rate: 1e-9,
                ..OptimizerSpec::default()
            },
        };
        let mut fit = Fit::new(net, fit).unwrap();
        for _ in 0..60 {
            let batch =
                |_: &[usize], _: u64| Ok((Batch::Steps(input.clone()), labels.clone().into()));
            fit.epoch(samples, batch, |_| Ok::<(), cortado::Error>(()))
                .unwrap();
        }
        let weights = fit.net.param("w.weight").unwrap().values();
        let delays = fit.net.param("w.delay").unwrap().values();
        println!("{interpolate:?}: {delays:?}");
        assert!(
            weights.iter().all(|w| (w - 0.9).abs() < 1e-5),
            "{weights:?}"
        );
        assert_eq!(accuracy(&fit.net), 1.0, "{delays:?}");
        // What comes first waits until the other has come.
        let waits = [delays[0] - delays[1], delays[3] - delays[2]];
        assert!(
            waits
                .iter()
                .all(|w| (w - LEAD as f32 * 1e-3).abs() < 2.1e-3),
            "{delays:?}"
        );
        assert!(delays.iter().all(|d| (0.0..=12e-3).contains(d)));
    }
}
