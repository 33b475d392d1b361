//! Rules of spike timing: against sums over all spikes, numbers of their papers, and each form against the other.

use cortado_base::rng::{Purpose, Rng};
use cortado_local::stdp::{
    Clocked, Coincident, Dependence, Driven, Pair, Pairing, Plastic, Resources, Rule, ShortTerm,
    Synapse, Timing, Triplet, Weight,
};
use proptest::prelude::*;

/// The traces of a train at `t`, from all its spikes before: what a rule may see, without anything carried along.
fn sum(spikes: &[f64], tau: f64, pairing: Pairing, before: impl Fn(f64) -> bool, t: f64) -> f64 {
    let past = spikes
        .iter()
        .filter(|&&s| before(s))
        .map(|s| (-(t - s) / tau).exp());
    match pairing {
        Pairing::AllToAll => past.sum(),
        Pairing::Nearest => past.last().unwrap_or(0.0),
    }
}

/// Two trains that have reached the synapse, and what happens where they meet.
struct Trains<'a> {
    pre: &'a [f64],
    post: &'a [f64],
    coincident: Coincident,
}

impl Trains<'_> {
    /// All spikes in the order in which they count: time, and whether it is postsynaptic.
    fn events(&self) -> Vec<(f64, bool)> {
        let pre = self.pre.iter().map(|&t| (t, false));
        let mut all: Vec<_> = pre.chain(self.post.iter().map(|&t| (t, true))).collect();
        // Apart: the order matters to the weight alone, post first.
        let late = |post: bool| post == (self.coincident == Coincident::PreFirst);
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(late(a.1).cmp(&late(b.1))));
        all
    }

    fn x(&self, tau: f64, pairing: Pairing, t: f64, own: bool) -> f64 {
        let with = !own && self.coincident == Coincident::PreFirst;
        sum(self.pre, tau, pairing, |s| s < t || with && s == t, t)
    }

    fn y(&self, tau: f64, pairing: Pairing, t: f64, own: bool) -> f64 {
        let with = !own && self.coincident == Coincident::PostFirst;
        sum(self.post, tau, pairing, |s| s < t || with && s == t, t)
    }
}

/// A rule by sums over all spikes.
trait Slow {
    fn slow(&self, w: f64, trains: &Trains<'_>) -> f64;
}

fn bound(weight: &Weight, w: f64, up: f64) -> f64 {
    let share = if up > 0.0 {
        weight.max - w
    } else {
        w - weight.min
    } / (weight.max - weight.min);
    let mu = match weight.dependence {
        Dependence::Additive => 0.0,
        Dependence::Multiplicative => 1.0,
        Dependence::Power { mu_plus, mu_minus } => {
            if up > 0.0 {
                mu_plus
            } else {
                mu_minus
            }
        }
    };
    (w + up * share.powf(mu)).clamp(weight.min, weight.max)
}

impl Slow for Pair {
    fn slow(&self, mut w: f64, trains: &Trains<'_>) -> f64 {
        for (t, post) in trains.events() {
            let up = if post {
                self.a_plus * trains.x(self.tau_plus, self.pairing, t, false)
            } else {
                -self.a_minus * trains.y(self.tau_minus, self.pairing, t, false)
            };
            w = bound(&self.weight, w, up);
        }
        w
    }
}

impl Slow for Triplet {
    fn slow(&self, mut w: f64, trains: &Trains<'_>) -> f64 {
        let p = self.pairing;
        for (t, post) in trains.events() {
            let up = if post {
                let o2 = trains.y(self.tau_y, p, t, true);
                trains.x(self.tau_plus, p, t, false) * (self.a2_plus + self.a3_plus * o2)
            } else {
                let r2 = trains.x(self.tau_x, p, t, true);
                -trains.y(self.tau_minus, p, t, false) * (self.a2_minus + self.a3_minus * r2)
            };
            w = bound(&self.weight, w, up);
        }
        w
    }
}

/// Times of a Poisson train, in seconds.
fn poisson(seed: u64, object: u32, rate: f64, seconds: f64) -> Vec<f64> {
    let mut rng = Rng::new(seed, object, Purpose::Data, 0);
    let mut times = Vec::new();
    let mut t = 0.0;
    loop {
        t -= (1.0 - rng.uniform()).ln() / rate;
        if t > seconds {
            return times;
        }
        times.push(t);
    }
}

/// Steps of a train on a clock.
fn steps(seed: u64, object: u32, p: f64, n: u32) -> Vec<u32> {
    let mut rng = Rng::new(seed, object, Purpose::Data, 1);
    (0..n).filter(|_| rng.uniform() < p).collect()
}

fn weights() -> impl Strategy<Value = Weight> {
    let dependence = prop_oneof![
        Just(Dependence::Additive),
        Just(Dependence::Multiplicative),
        (0.0..2.0f64, 0.0..2.0f64)
            .prop_map(|(mu_plus, mu_minus)| Dependence::Power { mu_plus, mu_minus }),
    ];
    (-1.0..0.2f64, 0.6..2.0f64, dependence).prop_map(|(min, max, dependence)| Weight {
        min,
        max,
        dependence,
    })
}

fn pairings() -> impl Strategy<Value = Pairing> {
    prop_oneof![Just(Pairing::AllToAll), Just(Pairing::Nearest)]
}

fn meetings() -> impl Strategy<Value = Coincident> {
    prop_oneof![
        Just(Coincident::Apart),
        Just(Coincident::PreFirst),
        Just(Coincident::PostFirst)
    ]
}

prop_compose! {
    fn pairs()(taus in (5e-3..50e-3f64, 5e-3..50e-3f64), a in (0.0..0.2f64, 0.0..0.2f64), pairing in pairings(), weight in weights()) -> Pair {
        Pair { tau_plus: taus.0, tau_minus: taus.1, a_plus: a.0, a_minus: a.1, pairing, weight }
    }
}

prop_compose! {
    fn triplets()(set in prop::sample::select(&Triplet::PRESETS), gain in 1.0..10.0f64, pairing in pairings(), weight in weights()) -> Triplet {
        let t = Triplet::preset(set).unwrap();
        Triplet {
            a2_plus: gain * t.a2_plus, a3_plus: gain * t.a3_plus, a2_minus: gain * t.a2_minus, a3_minus: gain * t.a3_minus,
            pairing, weight, ..t
        }
    }
}

/// Runs a rule on a clock of `1 / 1024` s and without one, and by sums, on trains that lie on steps and often meet.
fn three_ways<R: Rule<P, Q> + Slow, const P: usize, const Q: usize>(
    rule: R,
    timing: [u32; 2],
    coincident: Coincident,
    seed: u64,
) {
    let (dt, n) = (1.0 / 1024.0, 800);
    let (pre, post) = (steps(seed, 0, 0.1, n), steps(seed, 1, 0.1, n));
    let times = |s: &[u32], delay: u32| {
        s.iter()
            .map(|&s| f64::from(s + delay) * dt)
            .collect::<Vec<_>>()
    };
    let [axonal, dendritic] = timing;
    let delays = Timing {
        axonal: f64::from(axonal) * dt,
        dendritic: f64::from(dendritic) * dt,
        coincident,
    };
    let event = Synapse::run(rule, delays, 0.5, &times(&pre, 0), &times(&post, 0)).unwrap();
    let mut clock = Clocked::new(rule, 0.5, dt);
    for t in 0..n + 20 {
        let at = |s: &[u32], delay| t >= delay && s.binary_search(&(t - delay)).is_ok();
        clock.step(at(&pre, axonal), at(&post, dendritic), coincident);
    }
    let trains = Trains {
        pre: &times(&pre, axonal),
        post: &times(&post, dendritic),
        coincident,
    };
    let slow = rule.slow(0.5, &trains);
    assert!((event - slow).abs() < 1e-12, "event {event} slow {slow}");
    assert!(
        (clock.weight - slow).abs() < 1e-12,
        "clock {} slow {slow}",
        clock.weight
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn pairs_are_sums_over_all_pairs(rule in pairs(), axonal in 0..9u32, dendritic in 0..9u32, how in meetings(), seed: u64) {
        three_ways(rule, [axonal, dendritic], how, seed);
    }

    #[test]
    fn triplets_are_sums_over_all_triplets(rule in triplets(), axonal in 0..9u32, dendritic in 0..9u32, how in meetings(), seed: u64) {
        three_ways(rule, [axonal, dendritic], how, seed);
    }

    #[test]
    fn weights_stay_within_bounds(mut rule in pairs(), a in 0.5..5.0f64, b in 0.5..5.0f64, seed: u64) {
        (rule.a_plus, rule.a_minus) = (a, b);
        let mut s = Synapse::new(rule, 0.5);
        let (pre, post) = (poisson(seed, 0, 50.0, 2.0), poisson(seed, 1, 50.0, 2.0));
        for (t, post) in (Trains { pre: &pre, post: &post, coincident: Coincident::Apart }).events() {
            s.at(t, !post, post, Coincident::Apart);
            prop_assert!(s.weight >= rule.weight.min && s.weight <= rule.weight.max);
        }
    }
}

#[test]
fn random_trains_without_steps() {
    for seed in 0..20 {
        let (pre, post) = (poisson(seed, 0, 100.0, 3.0), poisson(seed, 1, 100.0, 3.0));
        let trains = Trains {
            pre: &pre,
            post: &post,
            coincident: Coincident::Apart,
        };
        let fit = Pair {
            a_plus: 0.01,
            a_minus: 0.004,
            ..Pair::bi_poo()
        };
        for rule in [
            fit,
            Pair {
                pairing: Pairing::Nearest,
                ..fit
            },
        ] {
            let w = Synapse::run(rule, Timing::default(), 0.5, &pre, &post).unwrap();
            assert!((w - rule.slow(0.5, &trains)).abs() < 1e-12);
        }
        for set in Triplet::PRESETS {
            let weight = Weight {
                min: f64::NEG_INFINITY,
                max: f64::INFINITY,
                ..Weight::default()
            };
            let rule = Triplet {
                weight,
                ..Triplet::preset(set).unwrap()
            };
            let w = Synapse::run(rule, Timing::default(), 0.5, &pre, &post).unwrap();
            assert!(
                (w - rule.slow(0.5, &trains)).abs() < 1e-12 * w.abs().max(1.0),
                "{set}"
            );
        }
    }
}

#[test]
fn windows_of_the_pair_rule() {
    let change = |rule: Pair, delta: f64| {
        let (pre, post) = if delta > 0.0 {
            (0.0, delta)
        } else {
            (-delta, 0.0)
        };
        let weight = Weight {
            min: -10.0,
            max: 10.0,
            ..Weight::default()
        };
        Synapse::run(
            Pair { weight, ..rule },
            Timing::default(),
            0.0,
            &[pre],
            &[post],
        )
        .unwrap()
    };
    for (ms, up, down) in [
        (5.0, 0.00778801, -0.00817741),
        (10.0, 0.00606531, -0.00636857),
        (20.0, 0.00367879, -0.00386273),
        (50.0, 0.00082085, -0.00086189),
    ] {
        assert!((change(Pair::default(), ms * 1e-3) - up).abs() < 5e-9);
        assert!((change(Pair::default(), -ms * 1e-3) - down).abs() < 5e-9);
    }
    assert!((change(Pair::bi_poo(), 10e-3) - 0.42846).abs() < 5e-6);
    assert!((change(Pair::bi_poo(), -10e-3) + 0.20290).abs() < 5e-6);
}

#[test]
fn triplets_strengthen_at_high_frequency_whatever_the_order() {
    let change = |rule: Triplet, frequency: f64, delta: f64| {
        let weight = Weight {
            min: -10.0,
            max: 10.0,
            ..Weight::default()
        };
        let pre: Vec<f64> = (0..60).map(|i| 1.0 + f64::from(i) / frequency).collect();
        let post: Vec<f64> = pre.iter().map(|t| t + delta).collect();
        Synapse::run(
            Triplet { weight, ..rule },
            Timing::default(),
            0.0,
            &pre,
            &post,
        )
        .unwrap()
    };
    for set in ["visual_cortex", "minimal"] {
        let rule = Triplet::preset(set).unwrap();
        // Alone, pairs only weaken.
        assert!(change(rule, 0.1, -10e-3) < -0.2, "{set}");
        assert!(change(rule, 0.1, 10e-3).abs() < 0.01, "{set}");
        for frequency in [40.0, 50.0] {
            assert!(change(rule, frequency, -10e-3) > 0.1, "{set} {frequency}");
            assert!(change(rule, frequency, 10e-3) > 0.5, "{set} {frequency}");
        }
        // For post before pre the sign turns between 30 and 40 Hz.
        assert!(change(rule, 30.0, -10e-3) < -0.1, "{set}");
    }
}

#[test]
fn tsodyks_markram_sequences() {
    let train = |rule: ShortTerm, n: usize| {
        rule.check().unwrap();
        let mut s = Resources::default();
        (0..n)
            .map(|i| rule.spike(&mut s, 50e-3 * i as f64))
            .collect::<Vec<_>>()
    };
    let tires = ShortTerm {
        utility: 0.5,
        tau_rec: 0.8,
        tau_facil: 0.0,
    };
    let all = train(tires, 60);
    for (a, b) in all
        .iter()
        .zip([0.5, 0.265147, 0.154835, 0.103020, 0.078683])
    {
        assert!((a - b).abs() < 5e-7);
    }
    assert!((all[59] - 0.0571258565).abs() < 5e-11);
    // What it settles at: x = (1 - e) / (1 - (1 - U) e) of e = exp(-50 / 800), released U x.
    let e = (-50.0f64 / 800.0).exp();
    assert!((all[59] - 0.5 * (1.0 - e) / (1.0 - 0.5 * e)).abs() < 1e-12);
    let warms = ShortTerm {
        utility: 0.15,
        tau_rec: 50e-3,
        tau_facil: 0.75,
    };
    for (a, b) in train(warms, 5)
        .iter()
        .zip([0.15, 0.254418, 0.322652, 0.368955, 0.402206])
    {
        assert!((a - b).abs() < 5e-7);
    }
    // On a clock the same, where spikes lie on steps.
    let spikes = steps(5, 0, 0.1, 500);
    let (mut event, mut clock) = (Resources::default(), Resources::default());
    for t in 1..500u32 {
        let spike = spikes.binary_search(&t).is_ok();
        let released = warms.step(&mut clock, 1e-3, spike);
        if spike {
            assert!((released - warms.spike(&mut event, f64::from(t) * 1e-3)).abs() < 1e-12);
        }
    }
}

#[test]
fn a_clock_tends_to_the_events_with_its_step() {
    let error = |dt: f64| {
        let mut sum = 0.0;
        for seed in 0..40 {
            let (pre, post) = (poisson(seed, 0, 20.0, 2.0), poisson(seed, 1, 20.0, 2.0));
            let rule = Triplet::minimal();
            let exact = Synapse::run(rule, Timing::default(), 0.5, &pre, &post).unwrap();
            let on = |t: &[f64]| t.iter().map(|t| (t / dt).ceil() as u64).collect::<Vec<_>>();
            let (pre, post) = (on(&pre), on(&post));
            let mut clock = Clocked::new(rule, 0.5, dt);
            for t in 0..=(2.0 / dt) as u64 + 1 {
                let at = |s: &[u64]| s.binary_search(&t).is_ok();
                clock.step(at(&pre), at(&post), Coincident::Apart);
            }
            sum += (clock.weight - exact).abs();
        }
        sum / 40.0
    };
    // A spike is late by less than a step; that two of one step are apart, which is worth a whole pair, is as rare as the step is short.
    let errors = [error(1e-3), error(0.25e-3), error(0.0625e-3)];
    let order = (errors[0] / errors[2]).log2() / 4.0;
    assert!((0.75..1.25).contains(&order), "{order} {errors:?}");
}

#[test]
fn a_projection_is_its_synapses() {
    let model = Driven {
        inputs: 7,
        neurons: 11,
        rate: 100.0,
        dt: 1e-4,
        seconds: 3.0,
        tau_mem: 20e-3,
    };
    let mut rng = Rng::new(3, 0, Purpose::Weights, 0);
    let start: Vec<f64> = (0..77).map(|_| 0.2 + 0.2 * rng.uniform()).collect();
    let soft = Dependence::Power {
        mu_plus: 0.5,
        mu_minus: 1.0,
    };
    let pair = Pair {
        a_plus: 0.02,
        a_minus: 0.02,
        weight: Weight {
            dependence: soft,
            ..Weight::default()
        },
        ..Pair::default()
    };
    check(&model, pair, &start);
    check(&model, Triplet::hippocampus(), &start);
}

fn check<R: Rule<P, Q>, const P: usize, const Q: usize>(model: &Driven, rule: R, start: &[f64]) {
    let (mut pre, mut post) = (
        vec![Vec::new(); model.inputs],
        vec![Vec::new(); model.neurons],
    );
    let out = model
        .run(rule, start.to_vec(), 9, |t, neuron, i| {
            if neuron {
                post[i].push(t)
            } else {
                pre[i].push(t)
            }
        })
        .unwrap();
    let timing = Timing {
        coincident: Coincident::PreFirst,
        ..Timing::default()
    };
    assert!(out.spikes.iter().all(|&n| n > 20));
    let expected = model.rate * model.seconds * model.inputs as f64;
    assert!((out.inputs as f64 - expected).abs() < 5.0 * expected.sqrt());
    for i in 0..model.inputs {
        for j in 0..model.neurons {
            let at = i * model.neurons + j;
            let w = Synapse::run(rule, timing, start[at], &pre[i], &post[j]).unwrap();
            assert!(
                (w - out.weights[at]).abs() < 1e-10,
                "{i} {j}: {w} {}",
                out.weights[at]
            );
        }
    }
}

#[test]
fn what_makes_no_sense_is_a_sentence() {
    let run = |rule: Pair, timing, pre: &[f64]| {
        Synapse::run(rule, timing, 0.5, pre, &[0.0])
            .unwrap_err()
            .to_string()
    };
    let pair = Pair::default();
    for (text, message) in [
        (
            run(
                Pair {
                    tau_plus: 0.0,
                    ..pair
                },
                Timing::default(),
                &[],
            ),
            "time constant at tau_plus: expected a number of seconds above 0, got 0",
        ),
        (
            run(
                pair,
                Timing {
                    axonal: -1.0,
                    ..Timing::default()
                },
                &[],
            ),
            "delay at pre: expected 0 seconds or more, got -1",
        ),
        (
            run(pair, Timing::default(), &[1.0, 0.5]),
            "spikes at pre: expected times that go up, got others",
        ),
        (
            run(
                Pair {
                    weight: Weight {
                        min: 2.0,
                        ..Weight::default()
                    },
                    ..pair
                },
                Timing::default(),
                &[],
            ),
            "weight at rule: expected min below max, got 2 and 1",
        ),
    ] {
        assert_eq!(text, message);
    }
    let soft = Weight {
        max: f64::INFINITY,
        dependence: Dependence::Multiplicative,
        ..Weight::default()
    };
    assert!(soft.check().is_err());
    assert!(
        Driven::default()
            .run(pair, vec![0.5; 3], 0, |_, _, _| ())
            .is_err()
    );
}

#[test]
fn settings_that_are_no_numbers_are_refused_by_name() {
    type Amplitude<R> = (&'static str, fn(&mut R) -> &mut f64);
    fn check<R: Rule<P, Q>, const P: usize, const Q: usize>(rule: R, fields: &[Amplitude<R>]) {
        for (name, field) in fields {
            for x in [f64::NAN, f64::INFINITY] {
                let mut wrong = rule;
                *field(&mut wrong) = x;
                let said = wrong.check().unwrap_err().to_string();
                let expected = format!(
                    "{name} at rule: expected a number from -1000000000 to 1000000000, got {x}"
                );
                assert_eq!(said, expected);
            }
        }
    }
    check(
        Pair::default(),
        &[
            ("a_plus", |r| &mut r.a_plus),
            ("a_minus", |r| &mut r.a_minus),
        ],
    );
    check(
        Triplet::default(),
        &[
            ("a2_plus", |r| &mut r.a2_plus),
            ("a3_plus", |r| &mut r.a3_plus),
            ("a2_minus", |r| &mut r.a2_minus),
            ("a3_minus", |r| &mut r.a3_minus),
        ],
    );
    for (mu_plus, mu_minus) in [(f64::INFINITY, 1.0), (1.0, f64::NAN), (-1.0, 1.0)] {
        let dependence = Dependence::Power { mu_plus, mu_minus };
        let weight = Weight {
            dependence,
            ..Weight::default()
        };
        assert!(weight.check().is_err(), "{mu_plus} {mu_minus}");
    }
    let driven = |change: fn(&mut Driven)| {
        let mut model = Driven::default();
        change(&mut model);
        let rule = Pair::default();
        let out = model.run(rule, vec![0.5; 3], 0, |_, _, _| ());
        out.unwrap_err().to_string()
    };
    for (text, name) in [
        (driven(|d| d.inputs = usize::MAX), "weights at"),
        (driven(|d| d.rate = -1.0), "rate at"),
        (driven(|d| d.seconds = f64::NAN), "seconds at"),
        (driven(|d| d.seconds = -1.0), "seconds at"),
        (
            driven(|d| d.tau_mem = f64::INFINITY),
            "time constant at tau_mem",
        ),
    ] {
        assert!(text.starts_with(name), "{text}");
    }
}

/// Before its first spike a synapse has nothing that fades; from time 0 on, traces would have grown without bound.
#[test]
fn a_first_spike_long_before_time_0_does_what_it_does_at_any_other_time() {
    let (pair, early) = (Pair::default(), -100.0);
    let run = |from: f64| {
        let (pre, post) = ([from, from + 0.5], [from + 0.25]);
        Synapse::run(pair, Timing::default(), 0.5, &pre, &post).unwrap()
    };
    assert!((run(early) - run(0.0)).abs() < 1e-12, "{}", run(early));
    assert_ne!(run(early), 0.5);

    let rule = ShortTerm {
        tau_facil: 0.05,
        ..ShortTerm::default()
    };
    let train = |from: f64| {
        let mut s = Resources::default();
        [0.0, 0.25, 0.5].map(|t| rule.spike(&mut s, from + t))
    };
    // Quarters of a second are exact this far from 0.
    assert_eq!(train(-1e5), train(0.0));

    let projection = |from: f64| {
        let mut w = Plastic::new(pair, 1, &[0.5]);
        let mut arrivals = w.arrivals();
        w.pre(0, from, &mut arrivals);
        w.post(0, from + 0.25);
        w.weights()[0]
    };
    assert!((projection(early) - projection(0.0)).abs() < 1e-12);
}
