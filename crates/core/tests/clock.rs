//! The clock-driven engine against closed forms, its independence of threads and chunks, and bad input.

use cortado::learn::{Loss, gradients};
use cortado::network::{DelayedEdge, EdgeSpec, Network, NetworkSpec};
use cortado::rng::{Purpose, Rng};
use cortado::sim::clock::{Input, Probe, Record};
use cortado::spikes::Spikes;

fn random_spikes(samples: usize, steps: usize, inputs: usize, density: f64) -> Spikes {
    let mut rng = Rng::new(5, 0, Purpose::Other, 0);
    let dense: Vec<f32> = (0..samples * steps * inputs)
        .map(|_| f32::from(u8::from(rng.uniform() < density)))
        .collect();
    Spikes::from_dense(samples, steps, inputs, &dense).unwrap()
}

/// LIF with tau 10 ms, threshold 15 mV above rest, 2 ms refractory, under `r i` = 40 mV: the interval between
/// spikes is 6.70003629245736 ms, and on the grid the first step at or after each closed-form time.
#[test]
fn lif_intervals_under_a_constant_current_are_the_closed_form_on_the_grid() {
    for dt in [1e-4, 1e-5] {
        let params = [("tau_mem", 10e-3), ("v_threshold", 15e-3), ("t_ref", 2e-3)];
        let spec = NetworkSpec::new(dt)
            .linear("w", 1)
            .population("lif", "lif", &params);
        let mut net = Network::<f64>::new(&[1], &spec, 0).unwrap();
        net.set("w.weight", &[40e-3]).unwrap();
        let steps = (0.2 / dt).round() as usize;
        let input = Input::Current {
            samples: 1,
            steps,
            data: vec![1.0],
        };
        let record = net.run(&input, &[]).unwrap();
        let times: Vec<usize> = (0..steps).filter(|&t| record.output[t] == 1.0).collect();
        let rise = (0.010 * (40.0f64 / 25.0).ln() / dt).ceil() as usize;
        let refractory = (2e-3 / dt).round() as usize;
        assert_eq!(times[0], rise - 1, "{dt}");
        assert!(
            times.windows(2).all(|w| w[1] - w[0] == rise + refractory),
            "{dt}"
        );
    }
}

/// Spikes in a second under a current of 10 of the neurons of `izhikevich2003`, and the first two times in milliseconds:
/// by the method of Runge and Kutta with steps of 0.01 ms.
#[test]
fn izhikevich_neurons_fire_as_published() {
    for (a, b, c, d, spikes, times) in [
        (0.02, 0.2, -65.0, 8.0, 23, Some([3.13, 26.24])),
        (0.02, 0.2, -55.0, 4.0, 34, None),
        (0.02, 0.2, -50.0, 2.0, 87, None),
        (0.1, 0.2, -65.0, 2.0, 137, None),
        (0.02, 0.25, -65.0, 2.0, 78, None),
    ] {
        let params = [("a", a), ("b", b), ("v_reset", c), ("d", d)];
        let spec = NetworkSpec::new(1e-5)
            .linear("w", 1)
            .population("p", "izhikevich", &params);
        let mut net = Network::<f64>::new(&[1], &spec, 0).unwrap();
        net.set("w.weight", &[10.0]).unwrap();
        let input = Input::Current {
            samples: 1,
            steps: 100_000,
            data: vec![1.0],
        };
        let record = net.run(&input, &[]).unwrap();
        let fired: Vec<f64> = (0..100_000)
            .filter(|&t| record.output[t] == 1.0)
            .map(|t| (t + 1) as f64 * 1e-2)
            .collect();
        assert!(
            fired.len().abs_diff(spikes) <= 1,
            "{a} {b} {c} {d}: {}",
            fired.len()
        );
        for (got, want) in fired.iter().zip(times.into_iter().flatten()) {
            assert!((got - want).abs() < 0.03, "{got} {want}");
        }
    }
}

fn deep() -> NetworkSpec {
    NetworkSpec::new(1e-3)
        .linear("w1", 150)
        .population("a", "lif", &[("v_threshold", 0.5)])
        .linear("w2", 70)
        .population("b", "cuba_lif", &[("v_threshold", 0.1)])
        .recurrent()
        .linear("w3", 5)
        .population("readout", "li", &[])
}

#[test]
fn training_gives_the_same_bits_on_one_two_and_three_threads() {
    let (samples, steps, inputs) = (23, 20, 90);
    let input = Input::Spikes(random_spikes(samples, steps, inputs, 0.1));
    let labels: Vec<u32> = (0..samples as u32).map(|i| i % 5).collect();
    let net = Network::<f32>::new(&[inputs], &deep(), 3).unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let objective = Loss::MaxCrossEntropy.into();
        pool.install(|| gradients(&net, &input, &labels, &objective).unwrap())
    };
    let (g1, r1) = run(1);
    assert!(r1.spikes > 1000, "{}", r1.spikes);
    assert!(g1.iter().all(|g| g.iter().any(|&g| g != 0.0)));
    for threads in [2, 3] {
        let (g, r) = run(threads);
        assert_eq!(r.loss.to_bits(), r1.loss.to_bits());
        assert_eq!(g, g1);
    }
}

type Get<'a> = &'a dyn Fn(&Record<f32>) -> (usize, Vec<f32>);

#[test]
fn chunks_of_a_stream_give_the_bits_of_one_run() {
    let (samples, steps, inputs) = (18, 30, 90);
    let mut spec = deep();
    spec.nodes[1].from = Some(vec![cortado::network::EdgeSpec::Delayed(
        cortado::network::DelayedEdge {
            node: "w1".into(),
            delay: 7e-3,
        },
    )]);
    let net = Network::<f32>::new(&[inputs], &spec, 3).unwrap();
    let spikes = random_spikes(samples, steps, inputs, 0.1);
    let probes = [("a", "spikes"), ("b", "v"), ("b", "i")].map(|(node, what)| Probe {
        node: node.into(),
        what: what.into(),
        neurons: vec![3, 1],
    });
    let whole = net.run(&Input::Spikes(spikes.clone()), &probes).unwrap();
    assert!(whole.activity.iter().take(2).all(|a| a.spikes > 100));
    let mut state = net.rest(samples);
    let (mut start, mut parts) = (0, Vec::new());
    for chunk in [1, 4, 5, 1, 12, 7] {
        let mut dense = Vec::new();
        for b in 0..samples {
            for t in start..start + chunk {
                let row = spikes.row(b, t);
                dense.extend((0..inputs as u32).map(|i| f32::from(u8::from(row.contains(&i)))));
            }
        }
        let input = Spikes::from_dense(samples, chunk, inputs, &dense).unwrap();
        parts.push(
            net.advance(&mut state, &Input::Spikes(input), &probes)
                .unwrap(),
        );
        start += chunk;
    }
    assert_eq!(start, steps);
    let join = |get: Get<'_>| {
        let mut joined = Vec::new();
        for b in 0..samples {
            for part in &parts {
                let (n, data) = get(part);
                let len = data.len() / samples;
                assert_eq!(len % n, 0);
                joined.extend_from_slice(&data[b * len..][..len]);
            }
        }
        joined
    };
    assert_eq!(join(&|r| (5, r.output.clone())), whole.output);
    for k in 0..3 {
        let part = join(&|r| (2, r.traces[k].data.clone()));
        assert_eq!(part, whole.traces[k].data);
        assert!(part.iter().any(|&v| v != 0.0));
    }
    let total: usize = parts.iter().map(|p| p.activity[0].spikes).sum();
    assert_eq!(total, whole.activity[0].spikes);
}

#[test]
fn a_stream_that_starts_over_gives_the_same_bits() {
    // The loop and the delay must forget what was on its way.
    let mut spec = NetworkSpec::new(1e-3)
        .linear("w1", 70)
        .population("a", "cuba_lif", &[("v_threshold", 0.2)])
        .recurrent()
        .linear("w2", 5)
        .population("b", "li", &[]);
    let late = |node: &str| {
        EdgeSpec::Delayed(DelayedEdge {
            node: node.into(),
            delay: 3e-3,
        })
    };
    let w2 = spec.nodes.iter().position(|n| n.name == "w2").unwrap();
    spec.nodes[w2].from = Some(vec![late("a")]);
    let (samples, steps, inputs) = (17, 25, 30);
    let net = Network::<f32>::new(&[inputs], &spec, 3).unwrap();
    let spikes = random_spikes(samples, steps, inputs, 0.2);
    let whole = net.run(&Input::Spikes(spikes.clone()), &[]).unwrap();
    assert!(whole.activity[0].spikes > 100 && whole.output.iter().any(|&v| v != 0.0));
    let (mut state, mut output) = (net.rest(samples), Vec::new());
    for round in 0..3 {
        // The second round stops half way.
        let end = if round == 1 { 11 } else { steps };
        for t in 0..end {
            let mut dense = vec![0.0; samples * inputs];
            for b in 0..samples {
                let row = spikes.row(b, t).iter();
                row.for_each(|&i| dense[b * inputs + i as usize] = 1.0);
            }
            let step = Spikes::from_dense(samples, 1, inputs, &dense).unwrap();
            net.stream(&mut state, &Input::Spikes(step), &mut output)
                .unwrap();
            for b in 0..samples {
                let expected = &whole.output[(b * steps + t) * 5..][..5];
                assert_eq!(output[b * 5..][..5], *expected, "{round}, {b}, {t}");
            }
        }
        state.reset();
    }
}

#[test]
fn bad_input_is_a_sentence() {
    let spec = NetworkSpec::new(1e-3)
        .linear("w", 2)
        .population("p", "lif", &[]);
    let net = Network::<f32>::new(&[3], &spec, 0).unwrap();
    let message = |steps, data: &[f32]| {
        let input = Input::Current {
            samples: 1,
            steps,
            data: data.to_vec(),
        };
        net.run(&input, &[]).unwrap_err().to_string()
    };
    assert!(message(2, &[1.0; 4]).contains("3 inputs"));
    assert!(message(0, &[1.0; 3]).contains("step"));
    assert!(message(2, &[f32::NAN; 3]).contains("NaN"));
    let wider = Network::<f32>::new(&[4], &spec, 0).unwrap();
    let input = Input::Current {
        samples: 1,
        steps: 1,
        data: vec![0.0; 4],
    };
    let error = wider.advance(&mut net.rest(1), &input, &[]).unwrap_err();
    assert!(error.to_string().contains("state"), "{error}");
    let mut net = net;
    net.set("w.weight", &[f32::MAX; 6]).unwrap();
    let input = Input::Current {
        samples: 1,
        steps: 2,
        data: vec![-2.0; 3],
    };
    let error = net.run(&input, &[]).unwrap_err().to_string();
    assert!(error.contains("'p'"), "{error}");
}

#[test]
fn sizes_beyond_memory_are_a_sentence() {
    let message = |input: &[usize], n: usize| {
        let spec = NetworkSpec::new(1e-3).linear("w", n);
        let spec = spec.population("p", "lif", &[]);
        let built = Network::<f32>::new(input, &spec, 0);
        built.err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert_eq!(message(&[3], 2), "");
    for (input, n) in [(1 << 40, 2), (3, 1 << 62), (1 << 30, 1 << 30)] {
        assert!(message(&[input], n).contains("2^31"), "{input}, {n}");
    }
    assert!(message(&[2, 1 << 40, 1 << 40], 2).contains("2^31"));
}

fn dense(spikes: &Spikes) -> Vec<f32> {
    let mut out = Vec::new();
    for b in 0..spikes.samples {
        for t in 0..spikes.steps {
            let row = spikes.row(b, t);
            out.extend((0..spikes.width as u32).map(|i| f32::from(u8::from(row.contains(&i)))));
        }
    }
    out
}

/// Spikes as indices and as ones in a dense current give the same bits, at densities on both sides of the cost rule.
#[test]
fn the_sparse_path_is_the_dense_path() {
    let mut spec = deep();
    spec.convention.pulse = cortado::neuron::Pulse::Box;
    spec.convention.gain = cortado::neuron::Gain::Unscaled;
    let net = Network::<f32>::new(&[90], &spec, 3).unwrap();
    let labels = [0, 1, 2, 3, 4, 0, 1];
    for density in [0.05, 0.4, 0.8] {
        let spikes = random_spikes(7, 20, 90, density);
        let currents = Input::Currents {
            samples: 7,
            steps: 20,
            data: dense(&spikes),
        };
        let spikes = Input::Spikes(spikes);
        let outputs = [&spikes, &currents].map(|input| net.run(input, &[]).unwrap());
        assert!(outputs[0].activity[0].spikes > 100);
        assert_eq!(outputs[0].output, outputs[1].output, "{density}");
        let objective = Loss::MeanCrossEntropy.into();
        let [(a, _), (b, _)] =
            [&spikes, &currents].map(|input| gradients(&net, input, &labels, &objective).unwrap());
        // Gradients are summed in another order.
        for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
            assert!((a - b).abs() <= 1e-5 * b.abs().max(1e-2), "{a} {b}");
        }
    }
}

/// Truncation that never cuts changes nothing; where nothing is remembered, neither does one that cuts at every step.
#[test]
fn truncation_cuts_memory_and_nothing_else() {
    let spikes: Input<f64> = Input::Spikes(random_spikes(5, 12, 30, 0.3));
    let labels = [0, 1, 2, 0, 1];
    let run = |tau: f64, truncate| {
        let spec = NetworkSpec::new(1e-3)
            .linear("w1", 40)
            .population("a", "lif", &[("v_threshold", 0.5), ("tau_mem", tau)])
            .linear("w2", 3)
            .population("readout", "li", &[("tau_mem", tau)]);
        let net = Network::<f64>::new(&[30], &spec, 3).unwrap();
        let objective = cortado::learn::Objective {
            truncate,
            ..Loss::MeanCrossEntropy.into()
        };
        gradients(&net, &spikes, &labels, &objective).unwrap().0
    };
    let largest = |a: &[Vec<f64>], b: &[Vec<f64>]| {
        let pairs = a.iter().flatten().zip(b.iter().flatten());
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    assert_eq!(run(10e-3, None), run(10e-3, Some(12)));
    assert!(largest(&run(10e-3, None), &run(10e-3, Some(4))) > 1e-3);
    assert!(largest(&run(10e-3, Some(4)), &run(10e-3, Some(1))) > 1e-3);
    assert!(largest(&run(2e-5, None), &run(2e-5, Some(1))) < 1e-15);
}

#[test]
fn what_does_not_fit_names_both_ends() {
    let message = |spec: &NetworkSpec, shape: &[usize]| {
        Network::<f32>::new(shape, spec, 0)
            .err()
            .map_or_else(String::new, |e| e.to_string())
    };
    let image = NetworkSpec::new(1e-3)
        .conv2d("c1", 4, 5)
        .population("p", "lif", &[]);
    let error = message(&image, &[1, 4, 4]);
    assert!(
        error.contains("'input' -> 'c1'") && error.contains("4 x 4"),
        "{error}"
    );
    assert!(message(&image, &[64]).contains("[channels, height, width]"));
    let mut two = NetworkSpec::new(1e-3)
        .linear("a", 3)
        .linear("b", 4)
        .population("p", "lif", &[]);
    two.nodes[1].from = Some(vec![cortado::network::EdgeSpec::Node("input".into())]);
    two.nodes[2].from = Some(
        ["a", "b"]
            .map(|n| cortado::network::EdgeSpec::Node(n.into()))
            .into(),
    );
    let error = message(&two, &[8]);
    assert!(
        error.contains("-> 'p'") && error.contains("[3]") && error.contains("[4]"),
        "{error}"
    );
    let typo = NetworkSpec::new(1e-3)
        .linear("a", 3)
        .population("p", "lif", &[("tau_men", 1.0)]);
    assert!(
        message(&typo, &[8]).contains("tau_m"),
        "{}",
        message(&typo, &[8])
    );
    let negative =
        NetworkSpec::new(1e-3)
            .linear("a", 3)
            .population("p", "lif", &[("tau_mem", -1.0)]);
    assert!(message(&negative, &[8]).contains("tau_mem"));
    let mut net = Network::<f32>::new(&[8], &deep(), 0).unwrap();
    let weights = vec![f32::NAN; 150 * 8];
    assert!(
        net.set("w1.weight", &weights)
            .unwrap_err()
            .to_string()
            .contains("finite")
    );
}
