//! Convolutions of first spikes: equal to a convolution, winners by their rules, weights within bounds, same bits for any threads.

use cortado_base::rng::{Purpose, Rng};
use cortado_local::conv::{
    Answer, ConvStdp, Features, Front, Head, Layer, LayerSpec, Linear, NEVER, Reward, Stack, Wave,
    Winner,
};
use cortado_local::{Data, Experiment, Set};
use proptest::prelude::*;
use serde_json::Value;
use std::io::Read;

const BINS: usize = 6;

/// A wave in which about that share of neurons fires.
fn wave(shape: [usize; 3], share: f64, seed: u64) -> Wave {
    let mut rng = Rng::new(seed, 0, Purpose::Data, 0);
    let mut wave = Wave::silent(shape);
    for t in &mut wave.times {
        if rng.uniform() < share {
            *t = rng.below(BINS as u32) as u8;
        }
    }
    wave
}

/// The potential of a neuron in a bin: the sum over its field, tap by tap.
fn potential(layer: &Layer, input: &Wave, [kr, kc]: [usize; 2], at: [usize; 3], bin: usize) -> f64 {
    let ([rows, columns, channels], maps) = (input.shape, layer.shape()[2]);
    let mut sum = 0.0;
    for dr in 0..kr {
        for dc in 0..kc {
            for k in 0..channels {
                let r = (at[0] + dr)
                    .checked_sub(layer.spec().pad)
                    .filter(|&r| r < rows);
                let c = (at[1] + dc)
                    .checked_sub(layer.spec().pad)
                    .filter(|&c| c < columns);
                let (Some(r), Some(c)) = (r, c) else { continue };
                if usize::from(input.times[(r * columns + c) * channels + k]) <= bin {
                    let tap = (dr * channels + k) * kc + (kc - 1 - dc);
                    sum += f64::from(layer.weights()[tap * maps + at[2]]);
                }
            }
        }
    }
    sum
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn potentials_and_first_spikes_are_those_of_a_convolution(
        (rows, columns, channels, maps) in (1usize..8, 1usize..8, 1usize..4, 1usize..7),
        (kernel, pad, seed) in (0usize..4, 0usize..3, any::<u64>()),
        (share, threshold) in (0.1..1.0, 0.0..4.0f32),
    ) {
        let spec = LayerSpec { maps, kernel, pad, threshold, start: [0.3, 0.4], bounds: [-1.0, 1.0], ..LayerSpec::default() };
        let input = wave([rows, columns, channels], share, seed);
        let Ok(layer) = Layer::new(&spec, input.shape, seed, 3) else {
            prop_assert!(kernel > rows.min(columns) + 2 * pad);
            return Ok(());
        };
        let kernel = if kernel == 0 { [rows, columns] } else { [kernel; 2] };
        let (answer, ends) = (layer.run(&input, BINS), layer.potentials(&input, BINS));
        let [high, wide, _] = layer.shape();
        for i in 0..high * wide * maps {
            let at = [i / maps / wide, i / maps % wide, i % maps];
            let course: Vec<f64> = (0..BINS).map(|t| potential(&layer, &input, kernel, at, t)).collect();
            prop_assert!((f64::from(ends[i]) - course[BINS - 1]).abs() < 1e-4);
            if course.iter().any(|u| (u - f64::from(threshold)).abs() < 1e-4) {
                continue;
            }
            let first = course.iter().position(|&u| u > f64::from(threshold));
            prop_assert_eq!(answer.wave.times[i], first.map_or(NEVER, |t| t as u8));
            if let Some(t) = first {
                prop_assert!((f64::from(answer.potential[i]) - course[t]).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn winners_keep_their_distance_and_leave_no_one_out(
        (rows, columns, maps) in (1usize..7, 1usize..7, 1usize..6),
        (radius, winners, seed, share) in (0usize..4, 1usize..6, any::<u64>(), 0.0..1.0),
    ) {
        let spec = LayerSpec { maps, kernel: 1, pad: 0, radius, winners, ..LayerSpec::default() };
        let layer = Layer::new(&spec, [rows, columns, 2], seed, 0).unwrap();
        let mut rng = Rng::new(seed, 1, Purpose::Data, 0);
        let first = wave([rows, columns, maps], share, seed);
        // Few potentials, so that some are the same.
        let potential = first.times.iter().map(|_| rng.below(3) as f32).collect();
        let answer = Answer { wave: first, potential };
        let found = layer.winners(&answer);
        let index = |w: &Winner| (w.at[0] * columns + w.at[1]) * maps + w.at[2];
        let key = |w: &Winner| (w.time, -answer.potential[index(w)] as i32);
        let near = |a: &Winner, b: &Winner| {
            a.at[0].abs_diff(b.at[0]) <= radius && a.at[1].abs_diff(b.at[1]) <= radius
        };
        prop_assert!(found.len() <= winners);
        for (i, a) in found.iter().enumerate() {
            prop_assert!(a.time != NEVER && answer.wave.times[index(a)] == a.time);
            for b in &found[..i] {
                prop_assert!(!near(a, b) && a.at[2] != b.at[2]);
                prop_assert!(key(b) <= key(a));
            }
        }
        // Of each place the best takes part; who did not win met a winner that is no worse, or came when all places were taken.
        for place in 0..rows * columns {
            let all = (0..maps).map(|m| Winner { at: [place / columns, place % columns, m], time: answer.wave.times[place * maps + m] });
            let Some(best) = all.filter(|w| w.time != NEVER).min_by_key(key) else { continue };
            let beaten = |w: &Winner| key(w) <= key(&best) && (near(w, &best) || w.at[2] == best.at[2]);
            let late = found.len() == winners && found.iter().all(|w| key(w) <= key(&best));
            prop_assert!(late || found.iter().any(beaten));
        }
    }

    #[test]
    fn a_winner_alone_learns_by_the_order_of_spikes_and_stays_in_bounds(
        (seed, kernel, pad, rate) in (any::<u64>(), 1usize..4, 0usize..2, 0.0..4.0f32),
    ) {
        let shape = [4, 5, 3];
        let spec = LayerSpec { maps: 4, kernel, pad, start: [0.6, 0.3], bounds: [0.2, 0.8], ..LayerSpec::default() };
        let mut layer = Layer::new(&spec, shape, seed, 0).unwrap();
        let (input, before) = (wave(shape, 0.6, seed), layer.weights().to_vec());
        let winner = Winner { at: [1, 2, 3], time: 3 };
        layer.change(&input, &winner, [rate, -0.5 * rate]);
        for (i, (&w, &old)) in layer.weights().iter().zip(&before).enumerate() {
            let (map, tap) = (i % 4, i / 4);
            let (dr, k, dc) = (tap / kernel / 3, tap / kernel % 3, kernel - 1 - tap % kernel);
            let (r, c) = (1 + dr as isize - pad as isize, 2 + dc as isize - pad as isize);
            let inside = (0..4).contains(&r) && (0..5).contains(&c);
            let early = inside && input.times[((r * 5 + c) * 3) as usize + k] <= 3;
            let a = if early { rate } else { -0.5 * rate };
            let new = (old + a * (old - 0.2) * (0.8 - old)).clamp(0.2, 0.8);
            let expected = if map == 3 { new } else { old };
            prop_assert!((w - expected).abs() < 1e-6);
            prop_assert!((0.2..=0.8).contains(&w));
        }
    }

    /// Local normalisation takes the brightness out; ranks fill the bins evenly.
    #[test]
    fn a_wave_does_not_depend_on_brightness(seed: u64, scale in 0.1..1.0f32) {
        let front = Front { filters: vec![3, 5], threshold: 0.0, radius: 2, bins: 7 };
        let eye = front.eye([9, 8]).unwrap();
        let mut rng = Rng::new(seed, 0, Purpose::Data, 0);
        // Powers of two scale without rounding.
        let scale = 2f32.powi((scale * -9.0) as i32);
        let image: Vec<f32> = (0..72).map(|_| rng.uniform_f32()).collect();
        let darker: Vec<f32> = image.iter().map(|x| x * scale).collect();
        let seen = eye.see(&image);
        prop_assert_eq!(&seen, &eye.see(&darker));
        let count = |t: u8| seen.times.iter().filter(|&&u| u == t).count();
        let counts: Vec<usize> = (0..7).map(count).collect();
        prop_assert_eq!(counts.iter().sum::<usize>(), seen.spikes());
        prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
    }
}

#[test]
fn contrast_has_no_answer_where_there_is_none() {
    let front = Front {
        filters: vec![3],
        threshold: 1e-5,
        radius: 0,
        bins: 15,
    };
    let eye = front.eye([8, 8]).unwrap();
    let seen = eye.see(&[0.7; 64]);
    for r in 1..7 {
        for c in 1..7 {
            assert_eq!(seen.times[(r * 8 + c) * 2..][..2], [NEVER; 2]);
        }
    }
    // A bright pixel answers at its place on the first map, around it on the second.
    let mut image = [0.0; 64];
    image[27] = 1.0;
    let seen = eye.see(&image);
    assert!(seen.times[54] != NEVER && seen.times[55] == NEVER);
    assert!(seen.times[52] == NEVER && seen.times[53] != NEVER);
    assert!(
        Front {
            filters: vec![4],
            ..front
        }
        .eye([8, 8])
        .is_err()
    );
}

#[test]
fn rates_double_to_their_limit() {
    let spec = LayerSpec {
        double: 3,
        a_plus: 0.02,
        a_most: 0.15,
        maps: 2,
        ..LayerSpec::default()
    };
    let mut layer = Layer::new(&spec, [5, 5, 1], 0, 0).unwrap();
    let silent = Wave::silent([5, 5, 1]);
    let mut seen = Vec::new();
    for _ in 0..12 {
        layer.learn(&silent, &[]);
        seen.push(layer.rates());
    }
    assert_eq!(seen[1], [0.02, 0.003]);
    assert_eq!(
        [seen[2][0], seen[5][0], seen[8][0], seen[11][0]],
        [0.04, 0.08, 0.15, 0.15]
    );
    assert_eq!(seen[11][1], 0.75 * 0.15);
}

#[test]
fn pooling_passes_the_first_spike_of_a_square_on() {
    let input = wave([5, 7, 3], 0.4, 8);
    let pooled = input.pooled(3);
    assert_eq!(pooled.shape, [2, 3, 3]);
    for (i, &t) in pooled.times.iter().enumerate() {
        let (r, c, m) = (i / 9, i / 3 % 3, i % 3);
        let square = (0..35).filter(|p| p / 7 / 3 == r && p % 7 / 3 == c);
        assert_eq!(Some(t), square.map(|p| input.times[p * 3 + m]).min());
    }
}

/// The digits of the data crate: every fifth row is tested.
fn digits() -> [(Vec<f32>, Vec<u32>); 2] {
    let bytes: &[u8] = include_bytes!("../../data/assets/digits.csv.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_string(&mut text)
        .unwrap();
    let mut sets: [(Vec<f32>, Vec<u32>); 2] = Default::default();
    for (row, line) in text.lines().enumerate() {
        let numbers: Vec<u32> = line.split(',').map(|n| n.parse().unwrap()).collect();
        let set = &mut sets[usize::from(row % 5 == 0)];
        set.0.extend(numbers[..64].iter().map(|&n| n as f32 / 16.0));
        set.1.push(numbers[64]);
    }
    sets
}

/// One layer and decisions by reward.
fn experiment(images: usize) -> ConvStdp {
    ConvStdp {
        front: Front {
            filters: vec![],
            radius: 0,
            ..Front::default()
        },
        layers: vec![LayerSpec {
            kernel: 3,
            pad: 1,
            threshold: 5.0,
            inhibit: true,
            winners: 3,
            radius: 1,
            images: images / 10,
            ..LayerSpec::default()
        }],
        readout: Head::Reward(Reward {
            maps: 10,
            images,
            reward: [0.05, -0.025],
            punish: [-0.05, 0.005],
            ..Reward::default()
        }),
    }
}

fn result(experiment: &ConvStdp, seed: u64, threads: usize) -> Value {
    let [train, test] = digits();
    let set = |s: &'_ (Vec<f32>, Vec<u32>)| -> (Vec<f32>, Vec<u32>) { s.clone() };
    let (train, test) = (set(&train), set(&test));
    let data = Data {
        shape: &[1, 8, 8],
        classes: 10,
        train: Set {
            values: &train.0,
            labels: &train.1,
        },
        test: Set {
            values: &test.0,
            labels: &test.1,
        },
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    let run = || {
        experiment
            .run(seed, Some(&data), &mut |_| Ok(()))
            .unwrap()
            .line
    };
    pool.install(run)
}

/// What is added to every reward makes no difference with a baseline. Without one, every decision is praised.
#[test]
fn digits_by_reward_and_not_without_a_baseline() {
    let with = |worth: [f64; 2], baseline: f64| {
        let mut e = experiment(20_000);
        let Head::Reward(reward) = &mut e.readout else {
            unreachable!()
        };
        (reward.worth, reward.baseline) = (worth, baseline);
        result(&e, 1, 2)["metric"].as_f64().unwrap()
    };
    let found = [with([1.0, 0.0], 1e-3), with([2.0, 1.0], 1e-3)];
    assert!(found.iter().all(|&a| a >= 0.85), "{found:?}");
    let lost = with([2.0, 1.0], 0.0);
    assert!(lost < 0.5, "{lost}");
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let mut e = experiment(1_000);
    assert_eq!(result(&e, 4, 1), result(&e, 4, 3));
    let linear = Linear {
        epochs: 60,
        rate: 1e-2,
        ..Linear::default()
    };
    for head in [Head::Potential(linear.clone()), Head::Latency(linear)] {
        e.readout = head;
        let one = result(&e, 4, 1);
        assert_eq!(one, result(&e, 4, 3));
        assert!(one["metric"].as_f64() > Some(0.8), "{one}");
    }
}

#[test]
fn features_of_images_do_not_depend_on_their_company() {
    let [(values, labels), _] = digits();
    let set = |from: usize, to: usize| Set {
        values: &values[64 * from..64 * to],
        labels: &labels[from..to],
    };
    let e = experiment(500);
    let eye = e.front.eye([8, 8]).unwrap();
    let mut stack = Stack::new(eye, e.front.bins, &e.layers, 3).unwrap();
    stack.learn(set(0, 50), 3, &mut |_| Ok(())).unwrap();
    for what in [Features::Potential, Features::Latency] {
        let all = stack.features(set(0, 20), what);
        let mut parts = stack.features(set(0, 7), what);
        parts.extend(stack.features(set(7, 20), what));
        assert_eq!(all, parts);
        assert!(all.iter().any(|&x| x > 0.0));
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let new = |spec: LayerSpec| Layer::new(&spec, [4, 4, 2], 0, 0).is_err();
    assert!(!new(LayerSpec::default()));
    assert!(new(LayerSpec {
        kernel: 9,
        ..LayerSpec::default()
    }));
    assert!(new(LayerSpec {
        maps: 0,
        ..LayerSpec::default()
    }));
    assert!(new(LayerSpec {
        pool: 0,
        ..LayerSpec::default()
    }));
    assert!(new(LayerSpec {
        threshold: f32::NAN,
        ..LayerSpec::default()
    }));
    assert!(new(LayerSpec {
        bounds: [1.0, 0.0],
        ..LayerSpec::default()
    }));
    assert!(new(LayerSpec {
        images: usize::MAX,
        ..LayerSpec::default()
    }));
    let mut layer = Layer::new(&LayerSpec::default(), [4, 4, 2], 0, 0).unwrap();
    let (other, before) = (wave([4, 4, 3], 0.9, 0), layer.weights().to_vec());
    assert_eq!(layer.run(&other, BINS).wave.spikes(), 0);
    let nowhere = Winner {
        at: [9, 9, 99],
        time: 0,
    };
    layer.change(&other, &nowhere, [1.0, 1.0]);
    layer.change(&wave([4, 4, 2], 0.9, 0), &nowhere, [1.0, 1.0]);
    assert_eq!(layer.weights(), before);
    let sound = experiment(10);
    assert!(sound.run(0, None, &mut |_| Ok(())).is_err());
}

/// What is said of an experiment on the digits.
fn refused(e: &ConvStdp) -> String {
    let [train, test] = digits();
    let data = Data {
        shape: &[1, 8, 8],
        classes: 10,
        train: Set {
            values: &train.0,
            labels: &train.1,
        },
        test: Set {
            values: &test.0,
            labels: &test.1,
        },
    };
    // Nothing may be learned, or said, before all settings are looked at.
    let mut learned = |line| panic!("{line}");
    match e.run(0, Some(&data), &mut learned) {
        Ok(result) => format!("accepted, {}", result.line["metric"]),
        Err(e) => e.to_string(),
    }
}

#[test]
fn a_setting_that_is_no_number_is_refused_by_name() {
    type Field = fn(&mut ConvStdp) -> &mut f32;
    type Wide = fn(&mut Reward) -> &mut f64;
    type Narrow = fn(&mut Reward) -> &mut f32;
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let fields: &[(&str, Field, &[f32])] = &[
        (
            "threshold at front",
            |e| &mut e.front.threshold,
            &[nan, inf, -1.0],
        ),
        (
            "threshold at layer 0",
            |e| &mut e.layers[0].threshold,
            &[nan, inf, -1.0],
        ),
        (
            "a_plus at layer 0",
            |e| &mut e.layers[0].a_plus,
            &[nan, inf, -1.0],
        ),
        (
            "a_minus at layer 0",
            |e| &mut e.layers[0].a_minus,
            &[nan, inf, -1.0],
        ),
        (
            "a_most at layer 0",
            |e| &mut e.layers[0].a_most,
            &[nan, inf, -1.0],
        ),
        (
            "bounds[0] at layer 0",
            |e| &mut e.layers[0].bounds[0],
            &[nan, -inf],
        ),
        (
            "bounds[1] at layer 0",
            |e| &mut e.layers[0].bounds[1],
            &[nan, inf],
        ),
        (
            "bounds at layer 0",
            |e| &mut e.layers[0].bounds[1],
            &[0.0, -1.0],
        ),
    ];
    for (name, field, wrong) in fields {
        for &x in *wrong {
            let mut e = experiment(10);
            *field(&mut e) = x;
            let said = refused(&e);
            assert!(said.starts_with(name), "{name} {x}: {said}");
        }
    }
    for (at, x) in [(0, f64::NAN), (0, f64::INFINITY), (1, f64::NAN), (1, -1.0)] {
        let mut e = experiment(10);
        e.layers[0].start[at] = x;
        let said = refused(&e);
        assert!(
            said.starts_with(&format!("start[{at}] at layer 0")),
            "{said}"
        );
    }
    let with = |change: &dyn Fn(&mut Reward)| {
        let mut e = experiment(10);
        let Head::Reward(reward) = &mut e.readout else {
            unreachable!()
        };
        change(reward);
        refused(&e)
    };
    let wide: &[(&str, Wide, &[f64])] = &[
        ("worth[0]", |r| &mut r.worth[0], &[f64::NAN, f64::INFINITY]),
        ("worth[1]", |r| &mut r.worth[1], &[f64::NAN, f64::INFINITY]),
        ("baseline", |r| &mut r.baseline, &[f64::NAN, -0.1, 5.0]),
        ("start[0]", |r| &mut r.start[0], &[f64::NAN]),
        ("start[1]", |r| &mut r.start[1], &[f64::NAN, -1.0]),
    ];
    for (name, field, wrong) in wide {
        for &x in *wrong {
            let said = with(&|r| *field(r) = x);
            assert!(
                said.starts_with(&format!("{name} at reward")),
                "{x}: {said}"
            );
        }
    }
    let narrow: &[(&str, Narrow, &[f32])] = &[
        ("reward[0]", |r| &mut r.reward[0], &[nan, inf]),
        ("reward[1]", |r| &mut r.reward[1], &[nan, inf]),
        ("punish[0]", |r| &mut r.punish[0], &[nan, inf]),
        ("punish[1]", |r| &mut r.punish[1], &[nan, inf]),
        ("dropout", |r| &mut r.dropout, &[nan, -0.1, 1.0, 2.0]),
        ("bounds[0]", |r| &mut r.bounds[0], &[nan, -inf]),
        ("bounds[1]", |r| &mut r.bounds[1], &[nan, inf]),
    ];
    for (name, field, wrong) in narrow {
        for &x in *wrong {
            let said = with(&|r| *field(r) = x);
            assert!(
                said.starts_with(&format!("{name} at reward")),
                "{x}: {said}"
            );
        }
    }
}

#[test]
fn readouts_and_sizes_that_make_no_sense_are_refused_before_anything_is_learned() {
    let with = |change: &dyn Fn(&mut ConvStdp)| {
        let mut e = experiment(10);
        change(&mut e);
        refused(&e)
    };
    let linear = |epochs: usize, rate: f32, decay: f32| {
        with(&|e| {
            e.readout = Head::Potential(Linear {
                epochs,
                rate,
                decay,
            })
        })
    };
    let maps = |maps: usize| {
        with(&|e| {
            e.readout = Head::Reward(Reward {
                maps,
                ..Reward::default()
            })
        })
    };
    for (text, message) in [
        (
            linear(10, f32::NAN, 0.0),
            "rate at readout: expected a number from 0 to 1, got NaN",
        ),
        (
            linear(10, -1.0, 0.0),
            "rate at readout: expected a number from 0 to 1, got -1",
        ),
        (
            linear(10, 1e-3, f32::NAN),
            "decay at readout: expected a number from 0 to 1000000000, got NaN",
        ),
        (
            linear(0, 1e-3, 0.0),
            "epochs at readout: expected 1 to a million, got 0",
        ),
        // Times ten classes this wraps to 4.
        (
            maps(1_844_674_407_370_955_162),
            "maps, classes at reward: expected at most 2^28 in all, got 1844674407370955162 x 10",
        ),
        (
            with(&|e| e.layers[0].maps = 1 << 25),
            "weights at layer 0: expected at most 2^28 in all, got 3 x 3 x 2 x 33554432",
        ),
        (
            with(&|e| (e.layers[0].maps, e.layers[0].kernel) = (1 << 25, 1)),
            "neurons at layer 0: expected at most 2^28 in all, got 10 x 10 x 33554432",
        ),
        (
            with(&|e| e.layers[0].winners = 0),
            "pool, double, winners at layer 0: expected at least 1, got 2, 500, 0",
        ),
        (
            with(&|e| e.front.radius = usize::MAX),
            "radius at front: expected at most 2^15, got 18446744073709551615",
        ),
        (
            with(&|e| e.front.filters = vec![3; 1 << 22]),
            "neurons at front: expected at most 2^28 in all, got 8 x 8 x 2 x 4194304",
        ),
    ] {
        assert_eq!(text, message);
    }
}

/// Their deviation is 0; one over it was not a number, and every sample was said to be of the first class.
#[test]
fn features_that_are_all_the_same_leave_the_most_frequent_class() {
    let labels = [[1; 70].as_slice(), &[0; 30]].concat();
    let features = vec![0.5; 300];
    let linear = Linear {
        epochs: 100,
        ..Linear::default()
    };
    let readout = linear.fit(&features, &labels, 3, 0);
    assert_eq!(readout.accuracy(&features, &labels), 0.7);
}
