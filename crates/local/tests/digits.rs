//! Neurons that inhibit each other, and tasks in a row, on images small enough for a test.

use cortado_base::rng::{Purpose, Rng};
use cortado_local::stdp::{Continual, DiehlCook};
use cortado_local::{Data, Experiment, Outcome, Result, Set};
use serde_json::Value;

/// Four bars of a 4x4 image, one bright and the rest faint, or the other way round.
fn bars(n: usize, seed: u64, bright: bool) -> (Vec<f32>, Vec<u32>) {
    let mut rng = Rng::new(seed, 0, Purpose::Data, 0);
    let labels: Vec<u32> = (0..n).map(|_| rng.below(4)).collect();
    let value = |l: u32, i: u32| if (i / 4 == l) == bright { 0.8 } else { 0.0 };
    let pixels = labels
        .iter()
        .flat_map(|&l| (0..16).map(move |i| value(l, i)));
    (
        pixels
            .collect::<Vec<f32>>()
            .iter()
            .map(|v| v + 0.2 * rng.uniform_f32())
            .collect(),
        labels,
    )
}

fn run(of: &(impl Experiment + Sync), threads: usize, bright: bool) -> (Value, Vec<Value>) {
    let (outcome, lines) = learn(of, threads, bright);
    (outcome.line, lines)
}

fn learn(of: &(impl Experiment + Sync), threads: usize, bright: bool) -> (Outcome, Vec<Value>) {
    let ((x, y), (xt, yt)) = (bars(400, 1, bright), bars(100, 2, bright));
    let data = Data {
        shape: &[1, 4, 4],
        classes: 4,
        train: Set {
            values: &x,
            labels: &y,
        },
        test: Set {
            values: &xt,
            labels: &yt,
        },
    };
    let mut lines = Vec::new();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    let result = pool.install(|| {
        let mut log = |line: Value| -> Result<()> {
            lines.push(line);
            Ok(())
        };
        of.run(7, Some(&data), &mut log)
    });
    (result.unwrap(), lines)
}

fn diehl_cook() -> DiehlCook {
    DiehlCook {
        neurons: 8,
        rate: 100.0,
        weight_sum: 6.0,
        report: 150,
        images: 360,
        ..DiehlCook::default()
    }
}

/// What is learned is handed over: weights into a neuron have the sum that they are scaled to, prototypes lie within the inputs.
#[test]
fn what_was_learned_comes_with_the_result() {
    let (outcome, lines) = learn(&diehl_cook(), 1, true);
    let [weights, theta] = &outcome.learned[..] else {
        panic!("{:?}", outcome.learned)
    };
    assert_eq!(
        (&weights.shape[..], &theta.shape[..]),
        (&[16, 8][..], &[8][..])
    );
    for j in 0..8 {
        let sum: f32 = weights.values.iter().skip(j).step_by(8).sum();
        assert!((sum - 6.0).abs() < 1e-4, "{sum}");
    }
    let mean = theta.values.iter().sum::<f32>() / 8.0;
    let square = |t: &f32| f64::from(t - mean).powi(2);
    let spread = (theta.values.iter().map(square).sum::<f64>() / 8.0).sqrt();
    let said = lines.last().unwrap()["theta_spread"].as_f64().unwrap();
    assert!((spread / said - 1.0).abs() < 1e-3, "{spread} {said}");
    let (outcome, _) = learn(&Continual::default(), 1, true);
    let [weights, classes] = &outcome.learned[..] else {
        panic!("{:?}", outcome.learned)
    };
    let neurons = outcome.line["neurons"].as_u64().unwrap() as usize;
    assert_eq!(
        (&weights.shape[..], classes.values.len()),
        (&[neurons, 16][..], neurons)
    );
    assert!(weights.values.iter().all(|w| (0.0..=1.0).contains(w)));
    assert!((0..4).all(|c| classes.values.contains(&(c as f32))));
}

#[test]
fn neurons_share_out_the_bars() {
    let (result, lines) = run(&diehl_cook(), 1, true);
    assert!(result["accuracy"].as_f64() > Some(0.95), "{result}");
    assert!(
        result["accuracy_all_activity"].as_f64() > Some(0.95),
        "{result}"
    );
    // A line each 150 images, and one at the end.
    let images: Vec<_> = lines
        .iter()
        .map(|l| l["images"].as_u64().unwrap())
        .collect();
    assert_eq!(images, [150, 300, 360]);
    assert!(lines[0]["running_accuracy"].is_null());
    for line in &lines {
        assert!(line["spikes_per_image"].as_f64() >= Some(5.0), "{line}");
        // All eight have their turn: thresholds have risen by the same, to a fifth of it.
        assert_eq!(line["silent"], 0, "{line}");
        let of = |key: &str| line[key].as_f64().unwrap();
        let rise = of("theta_mean") - diehl_cook().theta.start;
        assert!((1e-9..0.2 * rise).contains(&of("theta_spread")), "{line}");
    }
    for line in &lines[1..] {
        assert!(line["running_accuracy"].as_f64() > Some(0.95), "{line}");
    }
}

#[test]
fn where_thresholds_stay_a_neuron_takes_each_bar_and_the_others_are_silent() {
    let mut of = diehl_cook();
    of.theta.plus = 0.0;
    let (result, lines) = run(&of, 1, true);
    assert!(result["accuracy"].as_f64() > Some(0.95), "{result}");
    assert_eq!(lines[2]["silent"], 4, "{lines:?}");
}

#[test]
fn without_inhibition_neurons_learn_the_same() {
    let mut of = diehl_cook();
    of.inhibition = 0.0;
    let (result, _) = run(&of, 1, true);
    assert!(result["accuracy"].as_f64() < Some(0.85), "{result}");
}

#[test]
fn any_number_of_threads_gives_the_same() {
    assert_eq!(run(&diehl_cook(), 1, true), run(&diehl_cook(), 3, true));
    assert_eq!(
        run(&Continual::default(), 1, true),
        run(&Continual::default(), 3, true)
    );
}

#[test]
fn without_plasticity_random_weights_miss_a_dark_bar_in_ten() {
    let mut fixed = diehl_cook();
    (fixed.stdp.a_plus, fixed.stdp.a_minus) = (0.0, 0.0);
    let accuracy = |of: &DiehlCook| run(of, 1, false).0["accuracy"].as_f64();
    let (learnt, fixed) = (accuracy(&diehl_cook()), accuracy(&fixed));
    assert!(learnt > Some(0.97), "{learnt:?}");
    assert!(fixed < Some(0.9), "{fixed:?}");
}

#[test]
fn prototypes_keep_what_backpropagation_forgets() {
    let of = Continual {
        rate: 1e-2,
        batch: 16,
        ..Continual::default()
    };
    // Images that overlap: weights of the first task are in the way of the second.
    let (result, lines) = run(&of, 1, false);
    assert_eq!(lines.len(), 2);
    assert!(result["accuracy"].as_f64() > Some(0.95), "{result}");
    assert!(result["forgetting"].as_f64() < Some(0.05), "{result}");
    assert!(lines[0]["backprop"][0].as_f64() > Some(0.9), "{lines:?}");
    assert!(
        result["backprop_forgetting"].as_f64() > Some(0.4),
        "{lines:?}"
    );
}

#[test]
fn what_makes_no_sense_is_a_sentence() {
    let (x, y) = bars(4, 1, true);
    let set = Set {
        values: &x,
        labels: &y,
    };
    let data = Data {
        shape: &[1, 4, 4],
        classes: 4,
        train: set,
        test: set,
    };
    let run = |of: &dyn Experiment, data| of.run(0, data, &mut |_| Ok(())).unwrap_err().to_string();
    let wrong = |change: fn(&mut DiehlCook)| {
        let mut of = diehl_cook();
        change(&mut of);
        run(&of, Some(&data))
    };
    for (text, message) in [
        (
            run(&diehl_cook(), Some(&Data { classes: 1, ..data })),
            "data at training: expected samples of 16 values, each of one of 1 classes, got 64 values and 4 labels",
        ),
        (
            run(&diehl_cook(), None),
            "data at learn: expected images, got none",
        ),
        (
            wrong(|d| d.neurons = 0),
            "number at learn: expected at least 1 of neurons, passes, attempts and report, got 0",
        ),
        (
            wrong(|d| d.dt = 0.3),
            "duration at learn: expected a whole number of steps, a million at most, got 1.1666666666666667",
        ),
        (
            wrong(|d| d.cooling = 2.0),
            "cooling at learn: expected a share of the images, got 2",
        ),
        (
            wrong(|d| d.stdp.tau_plus = -1.0),
            "time constant at tau_plus: expected a number of seconds above 0, got -1",
        ),
        (
            run(
                &Continual {
                    classes: 3,
                    ..Continual::default()
                },
                Some(&data),
            ),
            "classes at learn: expected a task's classes to divide all, got 3 of 4",
        ),
    ] {
        assert_eq!(text, message);
    }
}

/// What is said of settings on images of 28 by 28, of four classes.
fn refused(of: &dyn Experiment) -> String {
    let (values, labels) = (vec![0.5; 4 * 784], [0, 1, 2, 3]);
    let set = Set {
        values: &values,
        labels: &labels,
    };
    let data = Data {
        shape: &[1, 28, 28],
        classes: 4,
        train: set,
        test: set,
    };
    match of.run(0, Some(&data), &mut |_| Ok(())) {
        Ok(result) => format!("accepted, {}", result.line["metric"]),
        Err(e) => e.to_string(),
    }
}

#[test]
fn a_setting_of_diehl_cook_that_is_no_number_is_refused_by_name() {
    type Field = fn(&mut DiehlCook) -> &mut f64;
    let any: &[(&str, Field)] = &[
        ("v_rest", |d| &mut d.v_rest),
        ("v_reset", |d| &mut d.v_reset),
        ("v_excitation", |d| &mut d.v_excitation),
        ("v_inhibition", |d| &mut d.v_inhibition),
        ("v_threshold", |d| &mut d.v_threshold),
        ("theta.start", |d| &mut d.theta.start),
        ("theta.plus", |d| &mut d.theta.plus),
        ("a_plus", |d| &mut d.stdp.a_plus),
        ("a_minus", |d| &mut d.stdp.a_minus),
    ];
    let not_negative: &[(&str, Field)] = &[
        ("rate", |d| &mut d.rate),
        ("intensity", |d| &mut d.intensity),
        ("refractory", |d| &mut d.refractory),
        ("inhibition", |d| &mut d.inhibition),
        ("weight_start", |d| &mut d.weight_start),
        ("weight_sum", |d| &mut d.weight_sum),
        ("cooling", |d| &mut d.cooling),
    ];
    let times: &[(&str, Field)] = &[
        ("times", |d| &mut d.dt),
        ("times", |d| &mut d.tau_mem),
        ("times", |d| &mut d.tau_excitation),
        ("times", |d| &mut d.tau_inhibition),
        ("times", |d| &mut d.theta.tau),
        ("duration", |d| &mut d.duration),
        ("time constant", |d| &mut d.stdp.tau_plus),
        ("time constant", |d| &mut d.stdp.tau_minus),
    ];
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    for (fields, wrong) in [
        (any, &[nan, inf, -inf, 1e10][..]),
        (not_negative, &[nan, inf, -1.0]),
        (times, &[nan, inf, -1.0, 0.0]),
    ] {
        for (name, field) in fields {
            for &x in wrong {
                let mut of = diehl_cook();
                *field(&mut of) = x;
                let said = refused(&of);
                assert!(
                    said.starts_with(&format!("{name} at ")),
                    "{name} {x}: {said}"
                );
            }
        }
    }
    assert_eq!(
        refused(&DiehlCook {
            weight_sum: -1.0,
            ..diehl_cook()
        }),
        "weight_sum at learn: expected a number from 0 to 1000000000, got -1"
    );
}

#[test]
fn a_membrane_that_leaves_the_numbers_is_an_error() {
    let of = DiehlCook {
        tau_mem: 1e-30,
        ..diehl_cook()
    };
    let said = "membrane at learn, image 1: expected a finite voltage, got none";
    assert_eq!(refused(&of), said);
}

#[test]
fn sizes_that_memory_does_not_hold_are_refused() {
    let said = |change: fn(&mut DiehlCook)| {
        let mut of = diehl_cook();
        change(&mut of);
        refused(&of)
    };
    for (text, message) in [
        (
            said(|d| d.neurons = 1_000_000),
            "weights at learn: expected at most 2^28 in all, got 784 x 1000000",
        ),
        (
            said(|d| d.duration = 350.0),
            "inputs, steps at learn: expected at most 2^28 in all, got 784 x 350000",
        ),
        (
            said(|d| (d.neurons, d.passes, d.report) = (300_000, 1_000_000, 4000)),
            "report, neurons at learn: expected at most 2^28 in all, got 4000 x 300000",
        ),
        (
            said(|d| d.passes = usize::MAX),
            "neurons, passes, attempts at learn: expected a million at most, got 18446744073709551615",
        ),
        (
            said(|d| d.attempts = 2_000_000),
            "neurons, passes, attempts at learn: expected a million at most, got 2000000",
        ),
    ] {
        assert_eq!(text, message);
    }
}

#[test]
fn settings_of_tasks_in_a_row_that_make_no_sense_are_refused_by_name() {
    let said = |change: fn(&mut Continual)| {
        let mut of = Continual::default();
        change(&mut of);
        refused(&of)
    };
    for (text, message) in [
        (
            said(|c| c.hidden = 1_000_000),
            "weights at learn: expected at most 2^28 in all, got 784 x 1000000",
        ),
        (
            said(|c| c.spikes = f32::INFINITY),
            "spikes at learn: expected a number from 1 to 1000000000, got inf",
        ),
        (
            said(|c| c.spikes = f32::NAN),
            "spikes at learn: expected a number from 1 to 1000000000, got NaN",
        ),
        (
            said(|c| c.novelty = f32::INFINITY),
            "novelty at learn: expected a number from 0 to 1000000000, got inf",
        ),
        (
            said(|c| c.rate = f64::NAN),
            "rate at learn: expected a number from 0 to 1000000000, got NaN",
        ),
        (
            said(|c| c.rate = -1.0),
            "rate at learn: expected a number from 0 to 1000000000, got -1",
        ),
    ] {
        assert_eq!(text, message);
    }
}
