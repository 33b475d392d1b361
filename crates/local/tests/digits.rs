//! Neurons that inhibit each other, and tasks in a row, on images small enough for a test.

use cortado_base::rng::{Purpose, Rng};
use cortado_local::stdp::{Continual, DiehlCook};
use cortado_local::{Data, Experiment, Result, Set};
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
        assert!(line["theta_spread"].as_f64() > Some(0.0), "{line}");
        assert!(line["silent"].as_u64() <= Some(8), "{line}");
    }
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
fn without_plasticity_nothing_is_learnt() {
    let mut fixed = diehl_cook();
    (fixed.stdp.a_plus, fixed.stdp.a_minus) = (0.0, 0.0);
    let learnt = run(&diehl_cook(), 1, true).0["accuracy"].as_f64();
    assert!(run(&fixed, 1, true).0["accuracy"].as_f64() < learnt);
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
