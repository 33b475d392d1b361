//! The clock-driven engine against closed forms, and its independence of threads.

use cortado::learn::{Loss, gradients};
use cortado::network::{Network, NetworkSpec, PopulationSpec};
use cortado::neuron::{Convention, Reset};
use cortado::rng::{Purpose, Rng};
use cortado::sim::clock::Input;
use cortado::spikes::Spikes;
use cortado::surrogate::Surrogate;

fn one(neuron: &str, n: usize, params: &[(&str, f64)], recurrent: bool) -> PopulationSpec {
    PopulationSpec {
        name: neuron.into(),
        neuron: neuron.into(),
        n,
        params: params.iter().map(|&(k, v)| (k.to_string(), v)).collect(),
        reset: Reset::Value,
        recurrent,
        scale: 1.5,
    }
}

fn spec(dt: f64, populations: Vec<PopulationSpec>) -> NetworkSpec {
    NetworkSpec {
        dt,
        convention: Convention::default(),
        surrogate: Surrogate::default(),
        detach_reset: true,
        populations,
    }
}

/// LIF with tau 10 ms, threshold 15 mV above rest, 2 ms refractory, under `r i` = 40 mV: the interval between
/// spikes is 6.70003629245736 ms, and on the grid the first step at or after each closed-form time.
#[test]
fn lif_intervals_under_a_constant_current_are_the_closed_form_on_the_grid() {
    for dt in [1e-4, 1e-5] {
        let params = [("tau_mem", 10e-3), ("v_threshold", 15e-3), ("t_ref", 2e-3)];
        let mut net =
            Network::<f64>::new(1, &spec(dt, vec![one("lif", 1, &params, false)]), 0).unwrap();
        net.weights_mut()[0].1.set(0, 0, 40e-3);
        let steps = (0.2 / dt).round() as usize;
        let record = net
            .forward(
                &Input::Current {
                    samples: 1,
                    steps,
                    data: vec![1.0],
                },
                false,
            )
            .unwrap();
        let times: Vec<usize> = (0..steps)
            .filter(|&t| !record.activity[0].spikes.row(0, t).is_empty())
            .collect();
        let rise = (0.010 * (40.0f64 / 25.0).ln() / dt).ceil() as usize;
        let refractory = (2e-3 / dt).round() as usize;
        assert_eq!(times[0] + 1, rise);
        assert!(times.len() > 20);
        assert!(
            times.windows(2).all(|w| w[1] - w[0] == rise + refractory),
            "{dt}"
        );
    }
}

#[test]
fn training_gives_the_same_bits_on_one_two_and_three_threads() {
    let (samples, steps, inputs) = (7, 20, 90);
    let mut rng = Rng::new(5, 0, Purpose::Other, 0);
    let dense: Vec<f32> = (0..samples * steps * inputs)
        .map(|_| f32::from(u8::from(rng.uniform() < 0.1)))
        .collect();
    let input = Input::Spikes(Spikes::from_dense(samples, steps, inputs, &dense).unwrap());
    let labels: Vec<u32> = (0..samples as u32).map(|i| i % 5).collect();
    let populations = vec![
        one("lif", 150, &[], false),
        one("cuba_lif", 70, &[], true),
        one("li", 5, &[], false),
    ];
    let net = Network::<f32>::new(inputs, &spec(1e-3, populations), 3).unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| gradients(&net, &input, &labels, Loss::MaxCrossEntropy).unwrap())
    };
    let (g1, r1) = run(1);
    assert!(r1.spikes > 100, "{}", r1.spikes);
    for threads in [2, 3] {
        let (g, r) = run(threads);
        assert_eq!(r.loss.to_bits(), r1.loss.to_bits());
        assert_eq!(g, g1);
    }
}

#[test]
fn bad_input_is_a_sentence() {
    let net = Network::<f32>::new(3, &spec(1e-3, vec![one("lif", 2, &[], false)]), 0).unwrap();
    let wrong = net
        .forward(
            &Input::Current {
                samples: 1,
                steps: 2,
                data: vec![1.0; 4],
            },
            false,
        )
        .err()
        .unwrap();
    assert!(wrong.to_string().contains("3 inputs"), "{wrong}");
    let nan = net
        .forward(
            &Input::Current {
                samples: 1,
                steps: 2,
                data: vec![f32::NAN; 3],
            },
            false,
        )
        .err()
        .unwrap();
    assert!(nan.to_string().contains("NaN"), "{nan}");
    assert!(
        net.forward(
            &Input::Current {
                samples: 1,
                steps: 0,
                data: vec![1.0; 3]
            },
            false
        )
        .is_err()
    );
    for (name, key) in [("lfi", "neuron model"), ("lif", "parameter")] {
        let bad = one(name, 2, &[("tau", 1.0)], false);
        let e = Network::<f32>::new(3, &spec(1e-3, vec![bad]), 0)
            .err()
            .unwrap();
        assert!(e.to_string().contains(key), "{e}");
    }
}
