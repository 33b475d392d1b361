//! Events of a simulated sensor come when the model says, and are as many.

use cortado_events::simulate::{Options, Response, Saccade, Simulator, saccade};
use cortado_events::{Event, Events, Geometry};
use proptest::prelude::*;

const LOG: Options = Options {
    c_on: 0.3,
    c_off: 0.17,
    mismatch: 0.0,
    refractory: 0,
    response: Response::Log { offset: 0.0 },
    white: 255.0,
    cutoff: 0.0,
    leak_rate: 0.0,
    shot_rate: 0.0,
    seed: 5,
};

/// The events of one pixel that sees light at times.
fn one(options: &Options, frames: &[(u64, f64)]) -> Vec<Event> {
    all(options, Geometry::new(1, 1), frames, |light, _| light)
}

/// The events of a sensor, each pixel of which sees what `f` makes of the light.
fn all(
    options: &Options,
    geometry: Geometry,
    frames: &[(u64, f64)],
    f: impl Fn(f64, usize) -> f64,
) -> Vec<Event> {
    let mut simulator = Simulator::new(geometry, options).unwrap();
    let mut events = Events::new();
    let n = usize::from(geometry.width) * usize::from(geometry.height);
    for &(t, light) in frames {
        let frame: Vec<f32> = (0..n).map(|i| f(light, i) as f32).collect();
        simulator.push(&frame, t, &mut events).unwrap();
    }
    events.iter().collect()
}

fn times(events: &[Event]) -> Vec<u64> {
    events.iter().map(|e| e.t).collect()
}

#[test]
fn a_ramp_of_the_logarithm_crosses_at_closed_form_times() {
    // Up by 2 in 10 ms, down by 1 in 1 ms: at 0.3 of 2, 0.6 of 2, ...
    let light = |level: f64| 20.0 * level.exp();
    let events = one(
        &LOG,
        &[
            (7000, light(0.0)),
            (17_000, light(2.0)),
            (18_000, light(1.0)),
        ],
    );
    let on = (1..=6).map(|k| 7000 + 1500 * k);
    // From 2 down, with 1.8 remembered: at 1.8 - 0.17 k.
    let off = (1..=4).map(|k| (17_000.0 + 1000.0 * (0.2 + 0.17 * f64::from(k))).ceil() as u64);
    let expected: Vec<(u64, bool)> = on
        .map(|t| (t, true))
        .chain(off.map(|t| (t, false)))
        .collect();
    assert_eq!(events.len(), expected.len());
    for (e, (t, p)) in events.iter().zip(expected) {
        assert!(e.p == p && e.t.abs_diff(t) <= 1, "{e:?} {t}");
    }
}

#[test]
fn frames_between_do_not_move_a_ramp() {
    let light = |t: u64| 3.0 * (t as f64 * 4e-4).exp();
    let coarse = one(&LOG, &[(0, light(0)), (10_000, light(10_000))]);
    let frames: Vec<(u64, f64)> = (0..=100).map(|i| (100 * i, light(100 * i))).collect();
    let fine = one(&LOG, &frames);
    assert_eq!(coarse.len(), 13);
    assert_eq!(fine.len(), 13);
    assert!(
        coarse
            .iter()
            .zip(&fine)
            .all(|(a, b)| a.t.abs_diff(b.t) <= 1)
    );
}

#[test]
fn a_refractory_pixel_misses_what_it_crosses() {
    let light = |level: f64| 20.0 * level.exp();
    let frames = [(0, light(0.05)), (10_000, light(3.0)), (20_000, light(0.0))];
    let every = one(&LOG, &frames);
    let some = one(
        &Options {
            refractory: 2500,
            ..LOG
        },
        &frames,
    );
    let mut expected: Vec<Event> = Vec::new();
    for e in &every {
        if expected.last().is_none_or(|f| e.t - f.t >= 2500) {
            expected.push(*e);
        }
    }
    assert!(every.len() > 20 && some.len() < 9);
    assert_eq!(some, expected);
}

#[test]
fn dark_images_are_nearly_linear() {
    let options = Options {
        response: Response::LinLog { knee: 20.0 },
        ..LOG
    };
    // ln 20 / 20 of a level each: from 0 to 10 of 255, 1.4979.
    assert_eq!(one(&options, &[(0, 0.0), (1000, 10.0)]).len(), 4);
    // ln 10.
    assert_eq!(one(&options, &[(0, 20.0), (1000, 200.0)]).len(), 7);
    let unit = Options {
        white: 1.0,
        ..options
    };
    assert_eq!(
        one(&unit, &[(0, 20.0 / 255.0), (1000, 200.0 / 255.0)]).len(),
        7
    );
}

#[test]
fn a_slow_pixel_follows_an_exponential() {
    // A white pixel: tau = 1 / (2 pi 40 Hz) = 3979 us, a step of ln 10 seen each 20 us.
    let options = Options {
        cutoff: 40.0,
        c_on: 0.25,
        ..LOG
    };
    let frames: Vec<(u64, f64)> = (0..5000)
        .map(|i| (20 * i, if i == 0 { 25.5 } else { 255.0 }))
        .collect();
    let events = one(&options, &frames);
    let tau = 1e6 / (std::f64::consts::TAU * 40.0);
    assert_eq!(events.len(), 9);
    for (k, e) in (1..).zip(&events) {
        let expected = -tau * (1.0 - 0.25 * f64::from(k) / 10f64.ln()).ln();
        assert!(
            (e.t as f64 - expected).abs() < 2.0,
            "{k}: {} {expected}",
            e.t
        );
    }
    // In darkness it is slower by 20/275 and a tenth of the rest.
    let dim: Vec<(u64, f64)> = frames.iter().map(|(t, l)| (*t, l / 10.0)).collect();
    let slow = 20.0 / 275.0 + 0.1 * 255.0 / 275.0;
    let late = one(&options, &dim)[0].t as f64 / events[0].t as f64;
    assert!((late * slow - 1.0).abs() < 0.01, "{late}");
}

#[test]
fn a_leak_is_a_rate() {
    let options = Options {
        leak_rate: 4.0,
        ..LOG
    };
    // Whatever the frames, every quarter of a second.
    for step in [30_000, 1_000_000, 7001] {
        let frames: Vec<(u64, f64)> = (0..=2_000_000 / step)
            .map(|i| (1000 + i * step, 90.0))
            .collect();
        let events = one(&options, &frames);
        assert!((7..=8).contains(&events.len()), "{events:?}");
        for (k, e) in (1..).zip(&events) {
            assert!(e.p && e.t.abs_diff(1000 + 250_000 * k) <= 1, "{step} {e:?}");
        }
    }
}

#[test]
fn shot_noise_has_its_rate_and_does_not_depend_on_frames() {
    let geometry = Geometry::new(20, 15);
    let options = Options {
        shot_rate: 8.0,
        ..LOG
    };
    let frames =
        |n: u64| -> Vec<(u64, f64)> { (0..=n).map(|i| (i * (10_000_000 / n), 1.0)).collect() };
    // The left half is black, the right half white: 8 and 2 hertz for 10 s.
    let light = |_: f64, i: usize| if i % 20 < 10 { 1e-3 } else { 255.0 };
    let events = all(&options, geometry, &frames(1), light);
    let dark = events.iter().filter(|e| e.x < 10).count() as f64;
    let bright = events.iter().filter(|e| e.x >= 10).count() as f64;
    assert!((dark / 12_000.0 - 1.0).abs() < 0.05, "{dark}");
    assert!((bright / 3000.0 - 1.0).abs() < 0.1, "{bright}");
    let on = events.iter().filter(|e| e.p).count() as f64;
    assert!((on / events.len() as f64 - 0.5).abs() < 0.03);
    let finer = all(&options, geometry, &frames(400), light);
    assert_eq!(finer.len(), events.len());
    assert!(
        finer
            .iter()
            .zip(&events)
            .all(|(a, b)| a.t.abs_diff(b.t) <= 1)
    );
    let other = all(&Options { seed: 6, ..options }, geometry, &frames(1), light);
    assert_ne!(times(&other), times(&events));
}

#[test]
fn thresholds_differ_by_their_deviation() {
    // A rise of 1000 thresholds counts them: n = floor(rise / c).
    let geometry = Geometry::new(40, 25);
    let options = Options {
        mismatch: 0.03,
        ..LOG
    };
    let frames = [(0, 1e-3f64), (1_000_000, 1e-3 * 60f64.exp())];
    let events = all(&options, geometry, &frames, |light, _| light);
    let mut counts = vec![0.0; 1000];
    events
        .iter()
        .for_each(|e| counts[usize::from(e.y) * 40 + usize::from(e.x)] += 1.0);
    let c: Vec<f64> = counts.iter().map(|n| 60.0 / (n + 0.5)).collect();
    let mean = c.iter().sum::<f64>() / 1000.0;
    let deviation = (c.iter().map(|c| (c - mean) * (c - mean)).sum::<f64>() / 1000.0).sqrt();
    assert!((mean - 0.3).abs() < 0.005, "{mean}");
    assert!((deviation - 0.03).abs() < 0.004, "{deviation}");
}

#[test]
fn threads_do_not_matter() {
    let options = Options {
        refractory: 300,
        seed: 9,
        ..Options::noisy()
    };
    let run = || {
        let frames: Vec<(u64, f64)> = (0..12)
            .map(|i| (5000 * i, (i * 5 % 7) as f64 / 7.0))
            .collect();
        all(&options, Geometry::new(120, 90), &frames, |light, i| {
            (light + (i % 31) as f64 / 31.0) / 2.0
        })
    };
    let with = |n| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(n)
            .build()
            .unwrap()
            .install(run)
    };
    let events = with(1);
    assert!(events.len() > 10_000);
    assert!(events.is_sorted_by_key(|e| e.t));
    assert_eq!(with(4), events);
}

#[test]
fn bad_frames_and_options_are_sentences() {
    let mut simulator = Simulator::new(Geometry::new(3, 2), &LOG).unwrap();
    let mut events = Events::new();
    let mut push = |frame: &[f32], t| {
        simulator
            .push(frame, t, &mut events)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        push(&[1.0; 5], 0),
        "size at frame at 0 us: expected 6 pixels of a sensor of 3x2, got 5"
    );
    assert_eq!(
        push(&[1.0, 1.0, f32::NAN, 1.0, 1.0, 1.0], 0),
        "light at frame at 0 us, pixel 2: expected a number from 0, got NaN"
    );
    simulator.push(&[1.0; 6], 50, &mut events).unwrap();
    let sentence = simulator
        .push(&[1.0; 6], 50, &mut events)
        .unwrap_err()
        .to_string();
    assert!(
        sentence.contains("time at frame: expected after 50 us"),
        "{sentence}"
    );
    // What was refused left no trace.
    simulator.push(&[1.0; 6], 60, &mut events).unwrap();
    assert!(events.is_empty());
    for options in [
        Options { c_on: 0.0, ..LOG },
        Options {
            c_off: f64::NAN,
            ..LOG
        },
        Options { white: 0.0, ..LOG },
        Options {
            leak_rate: -1.0,
            ..LOG
        },
        Options {
            response: Response::LinLog { knee: 1.0 },
            ..LOG
        },
    ] {
        assert!(
            Simulator::new(Geometry::new(3, 2), &options).is_err(),
            "{options:?}"
        );
    }
    assert!(Simulator::new(Geometry::new(u16::MAX, u16::MAX), &LOG).is_err());
    let text = r#"{"c_on": 0.4, "response": {"type": "log", "offset": 0.01}}"#;
    let read: Options = serde_json::from_str(text).unwrap();
    assert_eq!((read.c_on, read.c_off), (0.4, 0.2));
}

/// A rectangle with a soft edge.
fn picture(width: usize, height: usize) -> Vec<f32> {
    let value = |i: usize| {
        let (x, y) = (i % width, i / width);
        let inside = x > 0 && x + 2 < width && y > 1 && y + 1 < height;
        if inside {
            (1 + x % 3) as f32 / 3.0
        } else {
            0.0
        }
    };
    (0..width * height).map(value).collect()
}

#[test]
fn saccades_end_where_they_began() {
    let options = Saccade {
        scale: 2,
        margin: 4,
        size: 5.0,
        duration: 40_000,
        frame: 700,
        ..Saccade::default()
    };
    let recording = saccade(&picture(9, 6), 9, 6, &options).unwrap();
    let geometry = recording.geometry.unwrap();
    assert_eq!(geometry, Geometry::new(26, 20));
    let events = &recording.events;
    assert!(events.view().t.is_sorted());
    let (first, last) = events.view().span().unwrap();
    assert!(first > 0 && last <= 120_000);
    for third in 0..3u64 {
        let window = 40_000 * third..40_000 * (third + 1);
        assert!(events.iter().filter(|e| window.contains(&e.t)).count() > 200);
    }
    // The light of each pixel is as before: its events cancel, up to a threshold.
    let mut sums = vec![0i32; 26 * 20];
    for e in events.iter() {
        sums[usize::from(e.y) * 26 + usize::from(e.x)] += if e.p { 1 } else { -1 };
    }
    assert!(sums.iter().all(|s| s.abs() <= 1), "{sums:?}");
    assert_eq!(saccade(&picture(9, 6), 9, 6, &options).unwrap(), recording);
}

#[test]
fn a_still_sensor_sees_nothing() {
    let still = Saccade {
        size: 0.0,
        ..Saccade::default()
    };
    assert!(
        saccade(&picture(9, 6), 9, 6, &still)
            .unwrap()
            .events
            .is_empty()
    );
    let grey = saccade(&[0.0; 54], 9, 6, &Saccade::default()).unwrap();
    assert!(grey.events.is_empty());
}

#[test]
fn saccades_of_nothing_are_refused() {
    let sentence = |image: &[f32], w, h, options: Saccade| {
        saccade(image, w, h, &options).unwrap_err().to_string()
    };
    let usual = Saccade::default;
    assert_eq!(
        sentence(&[0.5; 5], 2, 3, usual()),
        "size at image: expected 6 values of 2x3, got 5"
    );
    assert!(sentence(&[], 0, 3, usual()).contains("1 to 65535 pixels"));
    assert!(sentence(&[1.5], 1, 1, usual()).contains("a number from 0 to 1, got 1.5"));
    assert!(
        sentence(
            &[0.5],
            1,
            1,
            Saccade {
                size: 6.5,
                ..usual()
            }
        )
        .contains("twice the margin")
    );
    assert!(
        sentence(
            &[0.5],
            1,
            1,
            Saccade {
                frame: 0,
                ..usual()
            }
        )
        .contains("1 us or more")
    );
    assert!(
        sentence(
            &[0.5],
            1,
            1,
            Saccade {
                scale: u16::MAX,
                margin: 9,
                ..usual()
            }
        )
        .contains("with margins")
    );
}

proptest! {
    /// What was fired is what changed, up to a threshold, after each frame.
    #[test]
    fn events_add_up_to_the_change(
        steps in prop::collection::vec((1u64..50_000, 0.5f64..255.0), 1..20), c_on in 0.05f64..0.9, c_off in 0.05f64..0.9,
    ) {
        let options = Options { c_on, c_off, ..LOG };
        let mut simulator = Simulator::new(Geometry::new(1, 1), &options).unwrap();
        let mut events = Events::new();
        let mut t = 12;
        simulator.push(&[9.0], t, &mut events).unwrap();
        for (dt, light) in steps {
            let before = events.len();
            let from = t;
            t += dt;
            simulator.push(&[light as f32], t, &mut events).unwrap();
            prop_assert!(events.iter().skip(before).all(|e| from < e.t && e.t <= t));
            let on = events.iter().filter(|e| e.p).count() as f64;
            let off = events.iter().filter(|e| !e.p).count() as f64;
            let change = (f64::from(light as f32) / 9.0).ln();
            let left = change - (on * c_on - off * c_off);
            prop_assert!(left < c_on + 1e-9 && left > -c_off - 1e-9, "{} {} {} {}", change, on, off, left);
        }
    }
}
