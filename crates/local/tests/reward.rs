//! Three factors: eligibility, late rewards and the baseline, against closed forms and a small world.

use cortado_base::rng::{Purpose, Rng};
use cortado_local::Experiment;
use cortado_local::reward::{Baseline, DistalReward, Rule, Synapses};
use proptest::prelude::*;
use serde_json::Value;

fn rule() -> Rule {
    Rule {
        dt: 0.5e-3,
        a_plus: 0.3,
        a_minus: 0.2,
        tau: 7e-3,
        delay: 0.0,
        tau_e: 0.11,
        tau_m: 0.05,
        tonic: 0.0,
        every: 1,
        low: -100.0,
        high: 100.0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each spike pairs with the last one of the other side; what a pair leaves decays to the end.
    #[test]
    fn eligibility_is_the_sum_over_pairs(
        spikes in prop::collection::vec((prop::bool::weighted(0.2), prop::bool::weighted(0.2)), 1..120),
        delayed: bool,
    ) {
        let rule = Rule { delay: if delayed { 0.5e-3 } else { 0.0 }, ..rule() };
        let mut s = Synapses::<f64>::new(&rule, [1, 1], &[(0, 0, 0.0)]).unwrap();
        for &(pre, post) in &spikes {
            s.step(if pre { &[0] } else { &[] }, if post { &[0] } else { &[] });
        }
        let last = |to: usize, side: fn(&(bool, bool)) -> bool| (0..to).rev().find(|&t| side(&spikes[t]));
        let mut e = 0.0;
        for (t, &(pre, post)) in spikes.iter().enumerate() {
            let left = (-((spikes.len() - t) as f64) * rule.dt / rule.tau_e).exp();
            if post && let Some(p) = last(t, |s| s.0) {
                e += left * rule.a_plus * (-((t - p) as f64 * rule.dt - rule.delay) / rule.tau).exp();
            }
            if pre && let Some(p) = last(t + 1, |s| s.1) {
                e -= left * rule.a_minus * (-((t - p) as f64 * rule.dt) / rule.tau).exp();
            }
        }
        prop_assert!((s.eligibility()[0] - e).abs() < 1e-13, "{} {e}", s.eligibility()[0]);
        prop_assert_eq!(s.weights()[0], 0.0, "a weight moved without a reward");
    }

    #[test]
    fn weights_stay_between_their_bounds(
        spikes in prop::collection::vec((0u32..6, 0u32..6, -9.0..9.0f64), 1..200),
    ) {
        let rule = Rule { low: -0.1, high: 0.3, ..rule() };
        let list: Vec<_> = (0..5).flat_map(|i| (0..5).map(move |j| (i, j, 0.1))).collect();
        let mut s = Synapses::<f32>::new(&rule, [5, 5], &list).unwrap();
        for (pre, post, reward) in spikes {
            s.step(&[pre], &[post]);
            s.reward(reward);
            prop_assert!(s.weights().iter().all(|w| (-0.1..=0.3).contains(w)));
        }
    }
}

/// A pair that leaves `A`, a reward `R` a time `T` later: `w = A R exp(-T / tau_e) / (1 / tau_e + 1 / tau_m)`, as the step goes to 0.
#[test]
fn a_late_reward_moves_the_weight_by_the_integral() {
    let (late, reward) = (0.08, 2.0);
    let error = |dt: f64| {
        let rule = Rule { dt, ..rule() };
        let mut s = Synapses::<f64>::new(&rule, [1, 1], &[(0, 0, 0.0)]).unwrap();
        s.step(&[0], &[]);
        s.step(&[], &[0]);
        for _ in 0..(late / dt).round() as usize {
            s.step(&[], &[]);
        }
        s.reward(reward);
        for _ in 0..(2.0 / dt) as usize {
            s.step(&[], &[]);
        }
        let integral = rule.a_plus * reward * (-late / rule.tau_e).exp()
            / (1.0 / rule.tau_e + 1.0 / rule.tau_m);
        s.weights()[0] * dt / integral - 1.0
    };
    let (coarse, fine) = (error(1e-3), error(0.5e-3));
    assert!(coarse.abs() < 0.3 && fine.abs() < 0.15);
    assert!((coarse / fine - 2.0).abs() < 0.1, "{coarse} {fine}");
}

#[test]
fn a_reward_at_once_is_the_reward_times_the_eligibility() {
    let rule = Rule {
        tau_m: 0.0,
        ..rule()
    };
    let mut s = Synapses::<f64>::new(&rule, [2, 1], &[(0, 0, 0.5), (1, 0, 0.5)])
        .unwrap()
        .with_baseline(Baseline::new(0.25));
    s.step(&[0], &[]);
    s.step(&[1], &[0]);
    let e = [s.eligibility()[0], s.eligibility()[1]];
    assert!(e[0] > 0.0 && e[1] < 0.0);
    // Of three rewards of 1 the first alone is a surprise.
    for worth in [1.0, 0.0, 0.0] {
        assert_eq!(s.reward(1.0), worth);
    }
    assert_eq!(s.weights(), [0.5 + e[0], 0.5 + e[1]]);
    s.rest();
    s.reward(9.0);
    assert_eq!(s.weights(), [0.5 + e[0], 0.5 + e[1]]);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let new =
        |rule: Rule, list: &[(u32, u32, f64)]| Synapses::<f32>::new(&rule, [2, 2], list).err();
    assert!(new(rule(), &[(0, 0, 0.0), (1, 1, 0.0)]).is_none());
    for list in [
        [(0, 2, 0.0), (1, 0, 0.0)],
        [(1, 0, 0.0), (0, 0, 0.0)],
        [(0, 0, 0.0), (1, 1, 101.0)],
    ] {
        assert!(new(rule(), &list).is_some());
    }
    for wrong in [
        Rule { dt: 0.0, ..rule() },
        Rule {
            tau: f64::NAN,
            ..rule()
        },
        Rule { every: 0, ..rule() },
        Rule {
            tau_m: -1.0,
            ..rule()
        },
        Rule {
            delay: 0.3e-3,
            ..rule()
        },
        Rule {
            high: -200.0,
            ..rule()
        },
    ] {
        assert!(new(wrong.clone(), &[]).is_some(), "{wrong:?}");
    }
}

/// Two stimuli of ten inputs, two actions: a neuron each, of which one that fires resets the other. The action of more spikes is
/// taken; the right one brings 2, the other 1. The share of right ones among the last 100 of 300 trials.
fn choices(seed: u64, baseline: Option<Baseline>) -> f64 {
    let rule = Rule {
        dt: 1e-3,
        a_plus: 0.02,
        a_minus: 0.0,
        tau: 10e-3,
        delay: 0.0,
        tau_e: 0.2,
        tau_m: 0.0,
        low: 0.0,
        high: 1.0,
        ..rule()
    };
    let list: Vec<_> = (0..20).flat_map(|i| [(i, 0, 0.5), (i, 1, 0.5)]).collect();
    let mut synapses = Synapses::<f32>::new(&rule, [20, 2], &list).unwrap();
    if let Some(baseline) = baseline {
        synapses = synapses.with_baseline(baseline);
    }
    let mut right = 0;
    for trial in 0..300 {
        let mut rng = Rng::new(seed, 0, Purpose::Encode, trial);
        let stimulus = rng.below(2);
        let (mut v, mut counts) = ([0.0f32; 2], [0; 2]);
        synapses.rest();
        for _ in 0..100 {
            let inputs: Vec<u32> = (10 * stimulus..10 * (stimulus + 1))
                .filter(|_| rng.uniform() < 0.05)
                .collect();
            v = v.map(|v| 0.9 * v + 0.2 * rng.normal() as f32);
            for &i in &inputs {
                for (j, w) in synapses.from_input(i as usize) {
                    v[j] += w;
                }
            }
            let ahead = u32::from(v[1] > v[0]);
            let fired = if v[ahead as usize] > 1.0 {
                vec![ahead]
            } else {
                vec![]
            };
            synapses.step(&inputs, &fired);
            if !fired.is_empty() {
                v = [0.0; 2];
                counts[ahead as usize] += 1;
            }
        }
        let action = match counts {
            [a, b] if a == b => rng.below(2),
            [a, b] => u32::from(b > a),
        };
        synapses.reward(if action == stimulus { 2.0 } else { 1.0 });
        right += usize::from(trial >= 200 && action == stimulus);
    }
    right as f64 / 100.0
}

#[test]
fn two_stimuli_find_their_actions_and_without_a_baseline_they_do_not() {
    let run = |baseline: Option<Baseline>| {
        (0..5)
            .map(|seed| choices(seed, baseline))
            .collect::<Vec<_>>()
    };
    let with = run(Some(Baseline::new(0.05)));
    assert!(with.iter().all(|&share| share >= 0.95), "{with:?}");
    let without = run(None);
    assert!(without.iter().sum::<f64>() / 5.0 < 0.75, "{without:?}");
}

fn small(seeds: u32) -> DistalReward {
    DistalReward {
        seeds,
        minutes: 1,
        excitatory: 40,
        inhibitory: 10,
        synapses: 8,
        noise: 20.0,
        ..DistalReward::default()
    }
}

fn lines(experiment: &DistalReward, seed: u64, threads: usize) -> Vec<Value> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| {
        let mut lines = Vec::new();
        let mut log = |line| {
            lines.push(line);
            Ok(())
        };
        experiment.run(seed, None, &mut log).unwrap();
        lines
    })
}

#[test]
fn seeds_side_by_side_are_the_seeds_one_by_one_for_any_number_of_threads() {
    let together = lines(&small(3), 5, 1);
    assert_eq!(together, lines(&small(3), 5, 3));
    for i in 0..3 {
        let alone = lines(&small(1), 5 + i, 1);
        for key in ["weight", "mean", "rewards", "excitatory_hz"] {
            assert_eq!(together[0][key][i as usize], alone[0][key][0], "{key}");
        }
    }
    assert!(together[0]["rewards"][0].as_u64() > Some(0), "{together:?}");
    assert!(small(1).run(0, None, &mut |_| Ok(())).is_ok());
    let late = DistalReward {
        wait: [3.0, 1.0],
        ..small(1)
    };
    for wrong in [late, small(0)] {
        assert!(wrong.run(0, None, &mut |_| Ok(())).is_err());
    }
}

/// Of two neurons half of the seeds would draw a synapse of the first onto itself, which can earn nothing.
#[test]
fn the_rewarded_synapse_ends_at_another_neuron() {
    let pair = DistalReward {
        excitatory: 2,
        inhibitory: 0,
        synapses: 1,
        ..small(16)
    };
    let rewards = &lines(&pair, 0, 2)[0]["rewards"];
    let each = rewards.as_array().unwrap().iter();
    assert!(each.into_iter().all(|r| r.as_u64() > Some(0)), "{rewards}");
}

/// A seed has got there in the first minute in which its weight has risen and the others have not; later minutes keep that.
#[test]
fn a_seed_that_has_got_there_stays_counted() {
    let easy = |reach: f64, below: f64| DistalReward {
        minutes: 3,
        reach,
        below,
        ..small(3)
    };
    let first = |line: &Value, i: usize| line["reached"][i].as_u64();
    for minute in lines(&easy(0.0, 4.0), 5, 1) {
        assert!((0..3).all(|i| first(&minute, i) == Some(1)), "{minute}");
        assert_eq!(minute["metric"], 1.0);
    }
    let all = lines(&easy(0.0, 0.99), 5, 1);
    let weights = |line: &Value, i: usize| line["mean"][i].as_f64().unwrap();
    for i in 0..3 {
        let there = all.iter().position(|line| weights(line, i) < 0.99);
        for (n, line) in all.iter().enumerate() {
            let wanted = there.filter(|&t| t <= n).map(|t| t as u64 + 1);
            assert_eq!(first(line, i), wanted, "{line}");
        }
    }
}

#[test]
fn a_setting_of_distal_reward_that_makes_no_sense_is_refused_by_name() {
    let said = |change: &dyn Fn(&mut DistalReward)| {
        let mut e = small(1);
        change(&mut e);
        match e.run(0, None, &mut |_| Ok(())) {
            Ok(result) => format!("accepted, {}", result.line["metric"]),
            Err(e) => e.to_string(),
        }
    };
    type Field = fn(&mut DistalReward) -> &mut f64;
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let fields: &[(&str, Field, &[f64])] = &[
        ("weight", |e| &mut e.weight, &[nan, inf, -1.0]),
        ("noise", |e| &mut e.noise, &[nan, inf, -1.0]),
        ("coincidence", |e| &mut e.coincidence, &[nan, inf, -1.0]),
        ("reward", |e| &mut e.reward, &[nan, inf]),
        ("reach", |e| &mut e.reach, &[nan, inf]),
        ("below", |e| &mut e.below, &[nan, inf]),
        ("wait[0]", |e| &mut e.wait[0], &[nan, inf, -1.0]),
        ("wait[1]", |e| &mut e.wait[1], &[nan, inf, 1e31]),
        (
            "synapse.dt",
            |e| &mut e.synapse.dt,
            &[nan, 0.0, 1e-30, 60.0],
        ),
        ("a_plus", |e| &mut e.synapse.a_plus, &[nan, inf]),
        ("a_minus", |e| &mut e.synapse.a_minus, &[nan, inf]),
        ("tau_m", |e| &mut e.synapse.tau_m, &[nan, inf, -1.0]),
        ("tonic", |e| &mut e.synapse.tonic, &[nan, inf]),
        ("low", |e| &mut e.synapse.low, &[nan, -inf]),
        ("high", |e| &mut e.synapse.high, &[nan, inf]),
        // An input is marked a delay before it arrives: by exp(delay / tau).
        ("rule at tau:", |e| &mut e.synapse.tau, &[1e-6]),
    ];
    for (name, field, wrong) in fields {
        for &x in *wrong {
            let text = said(&|e| *field(e) = x);
            assert!(text.starts_with(name), "{name} {x}: {text}");
        }
    }
    for (text, message) in [
        // Steps to a reward were rounded to the largest number, and wrapped.
        (
            said(&|e| e.wait = [1e30, 1e31]),
            "wait[0] at distal_reward: expected a number from 0 to 1000000000, got 1000000000000000000000000000000",
        ),
        (
            said(&|e| e.excitatory = usize::MAX),
            "distal_reward at excitatory, synapses: expected from 1 to 2^20, got 18446744073709551615, 8",
        ),
        (
            said(&|e| (e.excitatory, e.inhibitory) = (1, 0)),
            "distal_reward at excitatory, inhibitory: expected 2 neurons at least, got 1",
        ),
        (
            said(&|e| (e.seeds, e.excitatory, e.synapses) = (1000, 10_000, 100)),
            "synapses at distal_reward: expected at most 2^28 in all, got 1000 x 10010 x 100",
        ),
    ] {
        assert_eq!(text, message);
    }
}
