//! Laws of the encoders.

use super::*;
use crate::sim::event::Times;
use proptest::prelude::*;

fn spikes(code: &Encoder, values: &[f32], ids: &[u32], round: u64) -> Spikes {
    let at = Presentation {
        steps: 400,
        dt: 1e-3,
        seed: 3,
        round,
    };
    match code.encode::<f32>(values, ids, &at).unwrap() {
        Input::Spikes(s) => s,
        _ => panic!("a current"),
    }
}

/// Counts lie within five standard deviations of the binomial law.
#[test]
fn rates_are_those_of_the_law() {
    let x = 0.3f32;
    let values = [x; 500];
    for (code, p) in [
        (Encoder::Bernoulli { gain: 0.5 }, 0.15),
        (Encoder::Poisson { rate: 500.0 }, 1.0 - (-0.15f64).exp()),
    ] {
        let s = spikes(&code, &values, &[0], 0);
        let n = 400.0 * 500.0;
        let sd = (n * p * (1.0 - p)).sqrt();
        assert!(
            (s.count() as f64 - n * p).abs() < 5.0 * sd,
            "{code:?} {}",
            s.count()
        );
        let first: usize = (0..200).map(|t| s.row(0, t).len()).sum();
        assert!((first as f64 - n * p / 2.0).abs() < 5.0 * sd);
    }
    assert_eq!(
        spikes(&Encoder::Bernoulli { gain: 1.0 }, &[0.0, 1.0], &[0], 0).count(),
        400
    );
}

#[test]
fn a_sample_does_not_depend_on_its_company_but_on_its_round() {
    let values: Vec<f32> = (0..60).map(|i| i as f32 / 60.0).collect();
    let code = Encoder::Bernoulli { gain: 1.0 };
    let both = spikes(&code, &values, &[4, 9], 1);
    let alone = spikes(&code, &values[30..], &[9], 1);
    assert!((0..400).all(|t| both.row(1, t) == alone.row(0, t)));
    let again = spikes(&code, &values[30..], &[9], 2);
    assert!((0..400).any(|t| again.row(0, t) != alone.row(0, t)));
}

#[test]
fn the_logarithmic_latency_is_that_of_a_leaky_integrator() {
    let code = Encoder::LatencyLog {
        tau: 50e-3,
        threshold: 0.2,
    };
    let s = spikes(&code, &[0.1, 0.2, 0.25, 1.0, 0.200_000_1], &[0], 0);
    // 50 ln 5 = 80.47, 50 ln 1.25 = 11.16, and the last would come after the end.
    let time = |i: u32| (0..400).find(|&t| s.row(0, t).contains(&i));
    assert_eq!(
        [time(0), time(1), time(2), time(3), time(4)],
        [None, None, Some(80), Some(11), Some(399)]
    );
}

#[test]
fn bad_constants_are_sentences() {
    let at = Presentation {
        steps: 5,
        dt: 1e-3,
        seed: 0,
        round: 0,
    };
    let message =
        |code: Encoder, x: f32| code.encode::<f32>(&[x], &[0], &at).unwrap_err().to_string();
    let latency = |window| Encoder::LatencyLinear {
        origin: false,
        window: Some(window),
        threshold: 0.0,
    };
    assert!(message(latency(1.5e-3), 0.5).contains("whole number of steps"));
    assert!(message(latency(5e-3), 0.5).contains("at most 4 steps"));
    assert!(message(Encoder::Poisson { rate: f64::NAN }, 0.5).contains("rate"));
    let none = Presentation { steps: 0, ..at };
    let error = latency(0.0).encode::<f32>(&[1.0], &[0], &none);
    assert!(error.unwrap_err().to_string().contains("at least one"));
    assert!(message(Encoder::Direct, f32::NAN).contains("position 0"));
}

const AT: Presentation = Presentation {
    steps: 400,
    dt: 1e-3,
    seed: 3,
    round: 0,
};

fn of(code: &Encoder, sample: Sample<'_>, at: &Presentation) -> Spikes {
    match code.present::<f32>(&[sample], &[7], at).unwrap() {
        Input::Spikes(s) => s,
        _ => panic!("a current"),
    }
}

fn steps_of(s: &Spikes, i: u32) -> Vec<usize> {
    (0..s.steps).filter(|&t| s.row(0, t).contains(&i)).collect()
}

#[test]
fn a_burst_has_the_number_and_the_gap_of_its_value() {
    let code = Encoder::Burst {
        spikes: 5,
        shortest: 2e-3,
        longest: 10e-3,
    };
    let s = of(&code, Sample::Values(&[0.0, 0.5, 1.0]), &AT);
    assert!(steps_of(&s, 0).is_empty());
    // ceil(2.5) = 3 spikes, ceil(10 - 4) = 6 steps apart.
    assert_eq!(steps_of(&s, 1), [0, 6, 12]);
    assert_eq!(steps_of(&s, 2), [0, 2, 4, 6, 8]);
}

#[test]
fn the_field_that_fits_best_fires_first() {
    let code = Encoder::Population {
        n: 5,
        overlap: 1.0,
        code: Field::Latency {
            window: Some(100e-3),
            threshold: 0.1,
        },
    };
    // Width 1/4: x = 0.5 is the centre of field 2, one width from 1 and 3, two from 0 and 4.
    let s = of(&code, Sample::Values(&[0.9, 0.5]), &AT);
    assert_eq!(s.width, 10);
    let late = |widths: f64| ((1.0 - (-0.5 * widths * widths).exp()) * 100.0).round() as usize;
    let field = |i: u32| steps_of(&s, i * 2 + 1);
    assert_eq!(
        [field(2), field(1), field(3)],
        [vec![0], vec![late(1.0)], vec![late(1.0)]]
    );
    assert_eq!([field(0), field(4)], [vec![late(2.0)], vec![late(2.0)]]);
    // Field 4 of the first value, 0.4 widths away.
    assert_eq!(steps_of(&s, 8), [late(0.4)]);
}

#[test]
fn a_ramp_crosses_a_level_at_the_closed_form_time() {
    // 2.5 units a second, frames of 10 ms, down again after 0.2 s.
    let data: Vec<f32> = (0..40)
        .map(|k| 0.025 * if k <= 20 { k } else { 40 - k } as f32)
        .collect();
    let series = Series {
        data: &data,
        channels: 1,
        period: 10e-3,
    };
    let code = Encoder::Delta(Delta {
        thresholds: vec![0.101, 0.202],
        smooth: 0.0,
    });
    let s = of(&code, Sample::Series(series), &AT);
    // 0.101 after 40.4 ms, and so on to 0.404; the top is 0.5.
    assert_eq!(steps_of(&s, 0), [40, 80, 121, 161]);
    assert_eq!(steps_of(&s, 1), [80, 161]);
    // Down from the top: 0.404 - 0.101 is reached 78.8 ms after it, 0.202 and 0.101 40.4 ms apart from there.
    assert_eq!(steps_of(&s, 2), [278, 319, 359]);
}

#[test]
fn a_low_pass_is_of_first_order() {
    // A step of 1 through tau = 50 ms reaches 0.5 after 50 ln 2 = 34.7 ms.
    let mut data = vec![1.0f32; 4000];
    data[0] = 0.0;
    let series = Series {
        data: &data,
        channels: 1,
        period: 1e-4,
    };
    let code = Encoder::Delta(Delta {
        thresholds: vec![0.5],
        smooth: 50e-3,
    });
    assert_eq!(steps_of(&of(&code, Sample::Series(series), &AT), 0), [34]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What the spikes say, steps up less steps down, is the signal to within a threshold: nothing is lost.
    #[test]
    fn a_modulator_follows_its_signal(walk in prop::collection::vec(-0.9f32..0.9, 1..200)) {
        let data: Vec<f32> = walk.iter().scan(0.0, |x, d| { *x += d; Some(*x) }).collect();
        let series = Series { data: &data, channels: 1, period: 1e-3 };
        // A hundred steps of the clock in a frame, so that no two crossings fall into one.
        let at = Presentation { steps: 100 * data.len(), dt: 1e-5, ..AT };
        let threshold = 0.25;
        let s = of(&Encoder::Delta(Delta { thresholds: vec![threshold], smooth: 0.0 }), Sample::Series(series), &at);
        let said = steps_of(&s, 0).len() as f64 - steps_of(&s, 1).len() as f64;
        let moved = f64::from(data[data.len() - 1] - data[0]);
        prop_assert!((moved - threshold * said).abs() <= threshold * (1.0 + 1e-5), "{moved} {said}");
    }

    /// Augmentation keeps shapes, adds no spike, and leaves channels in their map.
    #[test]
    fn augmentation_loses_but_never_adds(
        dense in prop::collection::vec(0u8..2, 12 * 10), shift in 0.0f64..9e-3, up in 0u32..4, jitter in 0.0f64..3.0, round in 1u64..50,
    ) {
        let dense: Vec<f32> = dense.into_iter().map(f32::from).collect();
        let one = Spikes::from_dense(1, 12, 10, &dense).unwrap();
        let at = Presentation { steps: 12, round, ..AT };
        let augment = Augment { warp: 0.2, shift, channel_shift: up, channel_jitter: jitter, drop: 0.1, distort: None };
        let other = augment.apply(&one, 5, 7, &at);
        prop_assert_eq!((other.steps, other.width), (12, 10));
        let count = |s: &Spikes, map: std::ops::Range<u32>| -> usize {
            (0..12).map(|t| s.row(0, t).iter().filter(|i| map.contains(i)).count()).sum()
        };
        for map in [0..5, 5..10] {
            prop_assert!(count(&other, map.clone()) <= count(&one, map));
        }
        prop_assert!((0..12).all(|t| other.row(0, t).windows(2).all(|w| w[0] < w[1])));
        prop_assert_eq!(&augment.apply(&one, 5, 7, &at), &other);
        // Without steps the same spikes go the same ways.
        let still = Augment { warp: 0.0, shift: 0.0, ..augment };
        let times = Times::from_spikes(&one, at.dt).unwrap();
        let moved = still.apply_to_times(&times, 5, &[7], &at).unwrap();
        let (t, units) = moved.sample(0);
        let mut rows = vec![Vec::new(); 12];
        for (t, &i) in t.iter().zip(units) {
            rows[(t / at.dt).round() as usize].push(i);
        }
        prop_assert_eq!(still.apply(&one, 5, 7, &at), Spikes::from_rows(1, 12, 10, rows).unwrap());
    }
}

#[test]
fn a_shift_moves_the_whole_sample() {
    let mut dense = vec![0.0; 20 * 6];
    dense[10 * 6 + 2] = 1.0;
    dense[10 * 6 + 5] = 1.0;
    let one = Spikes::from_dense(1, 20, 6, &dense).unwrap();
    let augment = Augment {
        shift: 4e-3,
        channel_shift: 1,
        ..Augment::default()
    };
    let (mut times, mut ups) = (
        std::collections::BTreeSet::new(),
        std::collections::BTreeSet::new(),
    );
    for id in 0..400 {
        let at = Presentation { steps: 20, ..AT };
        let s = augment.apply(&one, 3, id, &at);
        let t = (0..20).find(|&t| !s.row(0, t).is_empty());
        let Some(t) = t else { continue };
        times.insert(t);
        ups.insert(s.row(0, t).to_vec());
    }
    assert_eq!(times, (6..=14).collect());
    // Up by one leaves the map of three; the rest moves together.
    assert_eq!(ups, [vec![1, 4], vec![2, 5]].into());
}

fn tone(f: f64) -> Vec<f32> {
    let wave = |i: usize| (std::f64::consts::TAU * f * i as f64 / 8000.0).sin() as f32;
    (0..3200).map(wave).collect()
}

fn most(s: &Spikes, bands: usize) -> usize {
    let count = |b: usize| steps_of(s, b as u32).len();
    (0..bands).max_by_key(|&b| count(b)).unwrap()
}

#[test]
fn a_tone_is_where_its_frequency_is() {
    let at = Presentation {
        steps: 80,
        dt: 5e-3,
        ..AT
    };
    for f in [300.0, 1000.0, 2500.0] {
        let sound = tone(f);
        let sound = Sample::Series(Series {
            data: &sound,
            channels: 1,
            period: 1.0 / 8000.0,
        });
        let mel = Mel {
            rate: 40.0,
            ..Mel::default()
        };
        let scale = |f: f64| 2595.0 * (1.0 + f / 700.0).log10();
        let place = (scale(f) - scale(50.0)) / (scale(4000.0) - scale(50.0)) * 65.0 - 1.0;
        let got = most(&of(&Encoder::Mel(mel), sound, &at), 64) as f64;
        assert!((got - place).abs() <= 2.0, "mel {f}: {got} {place}");
        let cochlea = Cochlea {
            refractory: 0.0,
            thresholds: vec![0.2],
            ..Cochlea::default()
        };
        let near = |&a: &usize, &b: &usize| {
            (cochlea.centre(a) - f)
                .abs()
                .total_cmp(&(cochlea.centre(b) - f).abs())
        };
        let place = (0..64).min_by(near).unwrap();
        let fine = Presentation {
            steps: 3200,
            dt: 1.0 / 8000.0,
            ..AT
        };
        let s = of(&Encoder::Cochlea(cochlea.clone()), sound, &fine);
        assert!(most(&s, 64).abs_diff(place) <= 1, "cochlea {f}");
    }
}

/// At its centre a gammatone of order four, each stage of gain one, passes a tone at its own loudness.
#[test]
fn a_band_has_gain_one_at_its_centre() {
    let cochlea = Cochlea::default();
    for band in [5, 30, 60] {
        let sound: Vec<f64> = tone(cochlea.centre(band))
            .into_iter()
            .map(f64::from)
            .collect();
        let out = cochlea.filter(band, &sound, 1.0 / 8000.0);
        let peak = out[1600..].iter().fold(0.0f64, |m, v| m.max(v.abs()));
        assert!((peak - 1.0).abs() < 0.05, "{band} {peak}");
    }
}

#[test]
fn signals_and_spikes_reach_their_steps() {
    let data = [0.0, 10.0, 1.0, 20.0, 3.0, 30.0];
    let series = Sample::Series(Series {
        data: &data,
        channels: 2,
        period: 2e-3,
    });
    let at = Presentation { steps: 6, ..AT };
    let Input::Currents { data, .. } = Encoder::Direct
        .present::<f64>(&[series], &[0], &at)
        .unwrap()
    else {
        panic!("no currents")
    };
    assert_eq!(
        data,
        [
            0.0, 10.0, 0.5, 15.0, 1.0, 20.0, 2.0, 25.0, 3.0, 30.0, 0.0, 0.0
        ]
    );
    let events = Events {
        times: &[0, 2_000, 2_999, 1_000_000],
        units: &[1, 0, 0, 1],
        channels: 2,
    };
    let bin = Encoder::Bin { counted: false };
    let s = of(&bin, Sample::Events(events), &at);
    assert_eq!(
        (s.row(0, 0), s.row(0, 2), s.count()),
        (&[1u32][..], &[0u32][..], 2)
    );
    let counted = Encoder::Bin { counted: true };
    let Input::Currents { data, .. } = counted
        .present::<f64>(&[Sample::Events(events)], &[0], &at)
        .unwrap()
    else {
        panic!("no currents")
    };
    assert_eq!(
        (data[1], data[4], data.iter().sum::<f64>()),
        (1.0, 2.0, 3.0)
    );
    let uneven = Presentation { dt: 1.5e-6, ..at };
    let e = bin.present::<f64>(&[Sample::Events(events)], &[0], &uneven);
    assert!(
        e.unwrap_err()
            .to_string()
            .contains("whole number of microseconds")
    );
    let wrong = bin.present::<f64>(&[series], &[0], &at).unwrap_err();
    assert!(
        wrong
            .to_string()
            .contains("expected spikes of a sensor, got a signal in time")
    );
}

/// A threshold that a signal crosses without end, a step that is longer than the recording, a presentation that is too long.
#[test]
fn what_would_never_end_is_refused() {
    let data = [0.0, 1.0];
    let series = Sample::Series(Series {
        data: &data,
        channels: 1,
        period: 1e-9,
    });
    let message = |code: Encoder, at: &Presentation| {
        code.present::<f32>(&[series], &[0], at)
            .unwrap_err()
            .to_string()
    };
    let fine = Encoder::Delta(Delta {
        thresholds: vec![1e-300],
        smooth: 0.0,
    });
    assert!(message(fine, &AT).contains("a millionth of the largest value"));
    let long = Presentation {
        steps: usize::MAX,
        ..AT
    };
    assert!(message(Encoder::Direct, &long).contains("at most 16777216"));
    let far = Presentation {
        steps: 2,
        dt: 1e12,
        ..AT
    };
    let Input::Currents { data, .. } = Encoder::Direct
        .present::<f32>(&[series], &[0], &far)
        .unwrap()
    else {
        panic!("no currents")
    };
    assert_eq!(data, [0.0, 0.0]);
}
