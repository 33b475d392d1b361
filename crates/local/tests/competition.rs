//! Inputs that compete for neurons: against a slow version, closed forms, and what the papers say of weights.

use cortado_base::rng::{Purpose, Rng};
use cortado_local::stdp::{
    AdaptiveThreshold, AnyRule, Coincident, Competition, Correlated, Dependence, Driven, Pair,
    Resources, Rule, Scaling, ShortTerm, Synapse, Triplet, Weight, scale, scale_within,
};
use cortado_local::{Experiment, Learn, Outcome};
use proptest::prelude::*;
use serde_json::Value;

const MAX: f64 = 0.05;

fn weight(dependence: Dependence) -> Weight {
    Weight {
        max: MAX,
        dependence,
        ..Weight::default()
    }
}

/// The pair rule whose largest change is the share `a` of the range.
fn pair(a: f64, dependence: Dependence) -> Pair {
    Pair {
        a_plus: a * MAX,
        a_minus: 1.05 * a * MAX,
        weight: weight(dependence),
        ..Pair::default()
    }
}

fn small(seconds: f64) -> Competition {
    Competition {
        network: Driven {
            inputs: 200,
            neurons: 5,
            seconds,
            ..Driven::default()
        },
        synapse: AnyRule::Pair(pair(0.02, Dependence::Additive)),
        ..Competition::default()
    }
}

/// All lines, and what came of it.
fn run(e: &Competition, seed: u64) -> (Vec<Value>, Outcome) {
    let mut lines = Vec::new();
    let mut log = |line| {
        lines.push(line);
        Ok(())
    };
    let out = e.run(seed, None, &mut log).unwrap();
    assert_eq!(lines.last(), Some(&out.line));
    (lines, out)
}

fn number(line: &Value, key: &str) -> f64 {
    line[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key}: {line}"))
}

/// Weights as an experiment starts from.
fn start(e: &Competition, seed: u64, max: f64) -> Vec<f64> {
    let mut rng = Rng::new(seed, 0, Purpose::Weights, 0);
    let n = e.network.inputs * e.network.neurons;
    (0..n).map(|_| max * rng.uniform()).collect()
}

fn rounded(x: &[f64]) -> Vec<f32> {
    x.iter().map(|&x| x as f32).collect()
}

#[test]
fn without_additions_it_is_the_library_bit_for_bit_in_any_pieces() {
    fn check<R: Rule<P, Q>, const P: usize, const Q: usize>(e: &Competition, rule: R) {
        let weights = start(e, 3, MAX);
        let plain = e.network.run(rule, weights, 3, |_, _, _| ()).unwrap();
        let (lines, out) = run(e, 3);
        assert_eq!(out.learned[0].shape, [200, 5]);
        assert_eq!(out.learned[0].values, rounded(&plain.weights));
        let spikes: f64 = lines
            .iter()
            .zip([0.7, 0.7, 0.6])
            .map(|(l, s)| number(l, "rate_hz") * s)
            .sum();
        let expected = plain.spikes.iter().sum::<u64>() as f64;
        assert!(expected > 100.0 && (spikes * 5.0 - expected).abs() < 1e-6);
    }
    let e = Competition {
        report: 0.7,
        ..small(2.0)
    };
    check(&e, pair(0.02, Dependence::Additive));
    // From the text of a recipe, a rule of triplets.
    let text = r#"
        rule = "stdp"
        network = { inputs = 200, neurons = 5, seconds = 2.0 }
        report = 0.7
        synapse = { rule = "triplet", a2_plus = 0.0, a3_plus = 3e-4, a2_minus = 4e-4, tau_y = 114e-3, weight = { max = 0.05 } }
    "#;
    let Learn::Stdp(e) = toml::from_str(text).unwrap() else {
        panic!("another experiment");
    };
    let rule = Triplet {
        a2_plus: 0.0,
        a3_plus: 3e-4,
        a2_minus: 4e-4,
        tau_y: 114e-3,
        weight: weight(Dependence::Additive),
        ..Triplet::default()
    };
    check(&e, rule);
}

#[test]
fn threads_change_nothing_and_a_seed_does() {
    let e = Competition {
        correlated: Correlated {
            inputs: 50,
            correlation: 0.2,
        },
        ..small(2.0)
    };
    let on = |threads: usize, seed| {
        let pool = rayon::ThreadPoolBuilder::new();
        let pool = pool.num_threads(threads).build().unwrap();
        pool.install(|| run(&e, seed).1.learned)
    };
    assert_eq!(on(1, 4), on(3, 4));
    assert_ne!(on(1, 4), on(1, 5));
}

/// Spikes, weights and thresholds from spike to spike, by exact exponentials, each synapse alone.
#[test]
fn tired_synapses_and_rising_thresholds_are_those_of_a_slow_version() {
    let tires = ShortTerm {
        utility: 0.6,
        tau_rec: 0.05,
        tau_facil: 0.03,
    };
    let rises = AdaptiveThreshold {
        start: 0.3,
        plus: 0.02,
        tau: 0.7,
    };
    let rule = Pair {
        weight: Weight {
            max: 2.0,
            dependence: Dependence::Multiplicative,
            ..Weight::default()
        },
        ..Pair::default().times(4.0)
    };
    let e = Competition {
        network: Driven {
            inputs: 6,
            neurons: 4,
            rate: 40.0,
            seconds: 5.0,
            ..Driven::default()
        },
        report: 5.0,
        synapse: AnyRule::Pair(rule),
        short_term: Some(tires),
        theta: Some(rises),
        ..Competition::default()
    };
    let Driven {
        inputs,
        neurons,
        seconds,
        tau_mem,
        ..
    } = e.network;
    let from = start(&e, 8, 2.0);
    // Inputs fire whatever the neurons do.
    let mut came: Vec<(f64, Vec<usize>)> = Vec::new();
    let seen = |t: f64, neuron: bool, i: usize| match came.last_mut() {
        _ if neuron => {}
        Some((last, all)) if *last == t => all.push(i),
        _ => came.push((t, vec![i])),
    };
    e.network.run(rule, from.clone(), 8, seen).unwrap();
    let mut synapses: Vec<_> = from.iter().map(|&w| Synapse::new(rule, w)).collect();
    let mut resources = vec![Resources::default(); inputs];
    let mut fired = vec![Vec::new(); neurons];
    let theta = |fired: &[f64], t: f64| {
        let spikes = fired
            .iter()
            .map(|s| rises.plus * ((s - t) / rises.tau).exp());
        rises.start * (-t / rises.tau).exp() + spikes.sum::<f64>()
    };
    let (mut v, mut last) = (vec![0.0; neurons], 0.0);
    for (t, all) in came {
        let released: Vec<f64> = all
            .iter()
            .map(|&i| tires.spike(&mut resources[i], t))
            .collect();
        for j in 0..neurons {
            v[j] *= f64::exp((last - t) / tau_mem);
            let each = all.iter().zip(&released);
            v[j] += each
                .map(|(i, r)| r * synapses[i * neurons + j].weight)
                .sum::<f64>();
            let post = v[j] > 1.0 + theta(&fired[j], t);
            for i in 0..inputs {
                synapses[i * neurons + j].at(t, all.contains(&i), post, Coincident::PreFirst);
            }
            if post {
                v[j] = 0.0;
                fired[j].push(t);
            }
        }
        last = t;
    }
    let (lines, out) = run(&e, 8);
    let spikes = fired.iter().map(Vec::len).sum::<usize>() as f64;
    assert!(spikes > 300.0, "{spikes}");
    assert_eq!(
        number(&lines[0], "rate_hz"),
        spikes / seconds / neurons as f64
    );
    for (a, s) in out.learned[0].values.iter().zip(&synapses) {
        assert!((f64::from(*a) - s.weight).abs() < 1e-6, "{a} {}", s.weight);
    }
    assert_eq!(out.learned[1].name, "theta");
    for (a, fired) in out.learned[1].values.iter().zip(&fired) {
        let closed = theta(fired, seconds);
        assert!((f64::from(*a) - closed).abs() < 1e-6, "{a} {closed}");
    }
}

/// A synapse that has recovered before the next spike, of all that it has, is one that does not tire.
#[test]
fn a_synapse_that_recovers_at_once_changes_no_bit() {
    let rested = Competition {
        short_term: Some(ShortTerm {
            utility: 1.0,
            tau_rec: 1e-6,
            tau_facil: 0.0,
        }),
        ..small(2.0)
    };
    let tired = Competition {
        short_term: Some(ShortTerm::default()),
        ..small(2.0)
    };
    let weights = |e: &Competition| run(e, 6).1.learned;
    assert_eq!(weights(&rested), weights(&small(2.0)));
    assert_ne!(weights(&tired), weights(&small(2.0)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scaled_weights_have_the_sum_their_bounds_and_their_order(
        old in prop::collection::vec(0.0..1.0f64, 2..40),
        zeros in 0usize..20,
        to in 0.01..1.0f64,
    ) {
        let mut old = old;
        let n = old.len();
        old[..zeros.min(n - 1)].fill(0.0);
        let some = old.iter().filter(|&&w| w > 0.0).count() as f64;
        let sum = to * some;
        let mut new = old.clone();
        scale_within(&mut new, sum, 1.0);
        if some > 0.0 {
            prop_assert!((new.iter().sum::<f64>() - sum).abs() < 1e-12 * sum * some, "{new:?}");
        }
        let factor = new.iter().zip(&old).filter(|&(&w, _)| 0.0 < w && w < 1.0).map(|(a, b)| a / b).next();
        for (a, b) in new.iter().zip(&old) {
            // Below the bound all are multiplied by the same; at the bound that would have been too much.
            let free = factor.map_or(1.0, |f| (f * b).min(1.0));
            prop_assert!((0.0..=1.0).contains(a) && (*b == 0.0) == (*a == 0.0));
            prop_assert!(*b == 0.0 || (a - free).abs() < 1e-12, "{a} {free}");
        }
        if old.iter().all(|w| w * sum / old.iter().sum::<f64>() <= 1.0) {
            let mut plain: Vec<f32> = old.iter().map(|&w| w as f32).collect();
            scale(&mut plain, 1, 0, sum as f32);
            prop_assert!(plain.iter().zip(&new).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5));
        }
    }
}

#[test]
fn scaling_holds_the_sum_while_weights_learn() {
    let scaled = |sum: f64| Competition {
        scaling: Some(Scaling { sum, every: 0.5 }),
        report: 1.5,
        ..small(3.0)
    };
    // The mean of the range is 5: less, and more than that.
    for sum in [3.0, 8.0] {
        let (lines, out) = run(&scaled(sum), 1);
        let w = &out.learned[0].values;
        for j in 0..5 {
            let column: f64 = w.iter().skip(j).step_by(5).map(|&w| f64::from(w)).sum();
            assert!((column - sum).abs() < 1e-5, "{column}");
        }
        assert!(w.iter().all(|w| (0.0..=MAX as f32).contains(w)));
        for line in lines {
            let mean = number(&line, "mean_weight") * MAX * 200.0;
            assert!((mean - sum).abs() < 1e-9, "{line}");
        }
    }
}

/// `song2000` and `vanrossum2000`: hard bounds drive weights apart, soft ones keep them together.
#[test]
fn additive_weights_end_at_either_bound_and_multiplicative_ones_in_the_middle() {
    for seed in 0..3 {
        let end = |dependence| {
            let e = Competition {
                synapse: AnyRule::Pair(pair(0.01, dependence)),
                ..small(400.0)
            };
            run(&e, seed).1.line
        };
        let [hard, soft] = [Dependence::Additive, Dependence::Multiplicative].map(end);
        assert_eq!(hard["metric_name"], "at_either_end");
        // Of weights anywhere in the range a tenth lies in each.
        for key in ["lowest_tenth", "highest_tenth"] {
            assert!(number(&hard, key) > 0.2, "{hard}");
            assert!(number(&soft, key) < 0.01, "{soft}");
        }
        assert!(number(&hard, "metric") > 0.6, "{hard}");
    }
}

#[test]
fn inputs_that_fire_together_win() {
    for seed in 0..3 {
        let end = |correlation| {
            let e = Competition {
                correlated: Correlated {
                    inputs: 40,
                    correlation,
                },
                ..small(100.0)
            };
            run(&e, seed).1.line
        };
        let [together, apart] = [0.2, 0.0].map(end);
        assert_eq!(together["metric_name"], "correlated_minus_others");
        let won = number(&together, "correlated_weight") - number(&together, "other_weight");
        assert_eq!(number(&together, "metric"), won);
        assert!(won > 0.4, "{together}");
        assert!(number(&apart, "metric").abs() < 0.15, "{apart}");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused_by_name() {
    let said = |change: &dyn Fn(&mut Competition)| {
        let mut e = small(1.0);
        e.theta = Some(AdaptiveThreshold::default());
        e.short_term = Some(ShortTerm::default());
        e.scaling = Some(Scaling {
            sum: 5.0,
            every: 0.5,
        });
        change(&mut e);
        match e.run(0, None, &mut |_| Ok(())) {
            Ok(_) => "accepted".into(),
            Err(e) => e.to_string(),
        }
    };
    assert_eq!(said(&|_| ()), "accepted");
    type Field = fn(&mut Competition) -> &mut f64;
    fn rule(e: &mut Competition) -> &mut Pair {
        match &mut e.synapse {
            AnyRule::Pair(rule) => rule,
            AnyRule::Triplet(_) => panic!("a pair"),
        }
    }
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let fields: &[(&str, Field, &[f64])] = &[
        (
            "report",
            |e| &mut e.report,
            &[nan, inf, 0.0, -1.0, 0.5e-4, 0.50005],
        ),
        (
            "network.seconds",
            |e| &mut e.network.seconds,
            &[0.0, 1.00005],
        ),
        (
            "seconds",
            |e| &mut e.network.seconds,
            &[nan, inf, -1.0, 1e9],
        ),
        ("rate", |e| &mut e.network.rate, &[nan, -1.0, 1e4]),
        ("dt", |e| &mut e.network.dt, &[nan, inf, 0.0]),
        (
            "time constant at tau_mem",
            |e| &mut e.network.tau_mem,
            &[nan, 0.0],
        ),
        ("a_plus", |e| &mut rule(e).a_plus, &[nan, inf]),
        (
            "time constant at tau_plus",
            |e| &mut rule(e).tau_plus,
            &[nan, 0.0],
        ),
        ("synapse.weight.max", |e| &mut rule(e).weight.max, &[inf]),
        (
            "synapse.weight.min",
            |e| &mut rule(e).weight.min,
            &[-0.01, 0.01],
        ),
        ("weight at rule", |e| &mut rule(e).weight.min, &[nan, 1.0]),
        (
            "correlated.correlation",
            |e| &mut e.correlated.correlation,
            &[nan, -0.1, 1.1],
        ),
        (
            "utility",
            |e| &mut e.short_term.as_mut().unwrap().utility,
            &[nan, 0.0, 1.1],
        ),
        (
            "time constant at tau_rec",
            |e| &mut e.short_term.as_mut().unwrap().tau_rec,
            &[nan, 0.0],
        ),
        (
            "theta.start",
            |e| &mut e.theta.as_mut().unwrap().start,
            &[nan, -1.0],
        ),
        (
            "theta.plus",
            |e| &mut e.theta.as_mut().unwrap().plus,
            &[inf, -1.0],
        ),
        (
            "time constant at theta.tau",
            |e| &mut e.theta.as_mut().unwrap().tau,
            &[nan, 0.0],
        ),
        (
            "scaling.sum",
            |e| &mut e.scaling.as_mut().unwrap().sum,
            &[nan, -1.0, 10.1],
        ),
        (
            "scaling.every",
            |e| &mut e.scaling.as_mut().unwrap().every,
            &[nan, 0.0, 0.50005],
        ),
    ];
    for (name, field, wrong) in fields {
        for &x in *wrong {
            let text = said(&|e| *field(e) = x);
            assert!(text.starts_with(name), "{name} {x}: {text}");
        }
    }
    for (text, message) in [
        (
            said(&|e| e.correlated.inputs = 201),
            "correlated.inputs at learn: expected at most the 200 inputs, got 201",
        ),
        (
            said(&|e| e.network.inputs = usize::MAX),
            "weights at driven neurons: expected at most 2^28 in all, got 18446744073709551615 x 8",
        ),
        (
            said(&|e| (e.network.inputs, e.network.neurons) = (1 << 28, 1)),
            "weights at driven neurons: expected at most 2^28 in all, got 268435456 x 8",
        ),
        (
            said(&|e| e.report = 1e300),
            "report at learn: expected a whole number of steps of 0.0001 s, 1 to 10^12, got 1e300",
        ),
        (
            said(&|e| e.network.neurons = 0),
            "inputs, neurons at driven neurons: expected 1 at least, got 200, 0",
        ),
    ] {
        assert_eq!(text, message);
    }
}
