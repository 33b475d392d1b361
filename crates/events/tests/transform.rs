//! Changes of recordings: what they keep, that they are undone where they can be, and that their key alone decides.

mod made;

use cortado_events::transform::{Key, Output, Pipeline, Transform};
use cortado_events::{Event, Geometry, Recording, Trigger};
use made::{KEY, SENSOR, changed, keyed, many, recording, refused, transform};
use proptest::prelude::*;

/// All changes that draw numbers.
const RANDOM: [&str; 16] = [
    r#"{"type": "random_crop", "width": 20, "height": 11}"#,
    r#"{"type": "random_flip_lr"}"#,
    r#"{"type": "random_flip_ud"}"#,
    r#"{"type": "spatial_jitter"}"#,
    r#"{"type": "time_jitter", "std": 30}"#,
    r#"{"type": "time_skew", "coefficient": [0.5, 2]}"#,
    r#"{"type": "random_time_reversal"}"#,
    r#"{"type": "drop_event", "p": [0.1, 0.4]}"#,
    r#"{"type": "drop_event_by_time"}"#,
    r#"{"type": "drop_event_by_area"}"#,
    r#"{"type": "event_drop"}"#,
    r#"{"type": "random_drop_pixel", "p": 0.3}"#,
    r#"{"type": "random_flip_polarity"}"#,
    r#"{"type": "random_flip_polarity", "all": true}"#,
    r#"{"type": "uniform_noise", "n": 50}"#,
    r#"{"type": "refractory_period", "delta": [100, 5000]}"#,
];

/// Changes that draw none, those among them that could.
const SURE: [&str; 13] = [
    r#"{"type": "sort"}"#,
    r#"{"type": "crop", "x": 3, "y": 2, "width": 20, "height": 11}"#,
    r#"{"type": "center_crop", "width": 20, "height": 11}"#,
    r#"{"type": "downsample", "time_factor": 0.7, "width": 16}"#,
    r#"{"type": "crop_time", "start": 400}"#,
    r#"{"type": "time_alignment"}"#,
    r#"{"type": "time_skew", "coefficient": 1.5, "offset": [4, 4]}"#,
    r#"{"type": "drop_pixel", "coordinates": [[3, 4]]}"#,
    r#"{"type": "hot_pixels", "deviations": 1}"#,
    r#"{"type": "decimation", "n": 3}"#,
    r#"{"type": "denoise", "filter_time": 2000}"#,
    r#"{"type": "refractory_period", "delta": 2000}"#,
    r#"{"type": "merge_polarities"}"#,
];

#[test]
fn changes_say_whether_they_are_random() {
    for json in RANDOM {
        assert!(transform(json).is_random(), "{json}");
    }
    let recording = many(3000);
    for json in SURE {
        assert!(!transform(json).is_random(), "{json}");
        let one = keyed(json, &recording, KEY);
        for seed in 0..8 {
            let key = Key {
                seed,
                sample: 3 * seed as u32,
                epoch: 1,
            };
            assert_eq!(keyed(json, &recording, key), one, "{json}");
        }
    }
    let both = Pipeline([SURE[0], RANDOM[1]].map(transform).to_vec());
    assert!(both.is_random() && !Pipeline::default().is_random());
}

#[test]
fn the_key_alone_decides() {
    let recording = many(3000);
    for json in RANDOM {
        let key = |seed, sample, epoch| Key {
            seed,
            sample,
            epoch,
        };
        let all: Vec<Recording> = (0..8)
            .flat_map(|i| [key(i, 0, 0), key(0, i as u32, 0), key(0, 0, i as u32)])
            .map(|key| keyed(json, &recording, key))
            .collect();
        assert_eq!(all[0], keyed(json, &recording, key(0, 0, 0)), "{json}");
        for part in 0..3 {
            let same = all.iter().skip(part).step_by(3).all(|r| *r == all[0]);
            assert!(!same, "{json}: part {part} of the key changes nothing");
        }
    }
}

#[test]
fn equal_steps_of_a_pipeline_draw_their_own_numbers() {
    let drop = transform(r#"{"type": "random_drop_pixel", "p": 0.5}"#);
    let once = drop.apply(&many(3000), KEY).unwrap();
    let twice = Pipeline(vec![drop.clone(), drop])
        .run(many(3000), KEY)
        .unwrap();
    let (Output::Events(once), Output::Events(twice)) = (once, twice) else {
        panic!()
    };
    assert!(twice.events.len() < once.events.len() * 3 / 4);
}

#[test]
fn what_is_given_stays() {
    let recording = many(200);
    for json in RANDOM {
        changed(json, &recording);
    }
    assert_eq!(recording, many(200));
}

#[test]
fn crops_keep_the_pixels_they_name() {
    let all: Vec<(u16, u16)> = (0..5).flat_map(|y| (0..7).map(move |x| (x, y))).collect();
    let event = |(x, y)| Event {
        t: 9,
        x,
        y,
        p: true,
    };
    let full = recording(all.into_iter().map(event).collect(), SENSOR);
    let pixels = |r: &Recording| r.events.iter().map(|e| (e.x, e.y)).collect::<Vec<_>>();
    let inner = changed(r#"{"type": "center_crop", "width": 2, "height": 3}"#, &full);
    assert_eq!(inner.geometry, Some(Geometry::new(2, 3)));
    assert_eq!(
        pixels(&inner),
        [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)]
    );
    let outer = changed(
        r#"{"type": "center_crop", "width": 10, "height": 8}"#,
        &inner,
    );
    assert_eq!(pixels(&outer)[..2], [(4, 2), (5, 2)]);
    let back = changed(
        r#"{"type": "center_crop", "width": 2, "height": 3}"#,
        &outer,
    );
    assert_eq!(back, inner);
    let corner = changed(
        r#"{"type": "crop", "x": 5, "y": 4, "width": 4, "height": 4}"#,
        &full,
    );
    assert_eq!(pixels(&corner), [(0, 0), (1, 0)]);

    // Each place of a window comes as often as others, the first and the last too.
    let one = recording([event((3, 2))].into_iter().collect(), SENSOR);
    let mut places = [[0; 3]; 3];
    for sample in 0..900 {
        let key = Key { sample, ..KEY };
        let r = keyed(
            r#"{"type": "random_crop", "width": 5, "height": 3}"#,
            &one,
            key,
        );
        let e = r.events.view().get(0);
        places[usize::from(e.y)][usize::from(e.x) - 1] += 1;
    }
    let counts = places.concat();
    assert!(counts.iter().all(|n| (60..140).contains(n)), "{counts:?}");
    assert_eq!(
        refused(r#"{"type": "random_crop", "width": 8, "height": 3}"#, &one),
        "size at random_crop: expected at most that of the sensor, 7x5, got 8x3"
    );
}

#[test]
fn times_are_cropped_aligned_and_skewed_with_their_triggers() {
    let mut r = many(100);
    let at = |t| Trigger {
        t,
        id: 1,
        value: true,
    };
    r.triggers = vec![at(4000), at(5100), at(5200)];
    let cropped = changed(r#"{"type": "crop_time", "start": 5007, "end": 5105}"#, &r);
    assert_eq!(cropped.events.view().span(), Some((5007, 5098)));
    assert_eq!(cropped.triggers, [at(5100)]);
    let from = changed(r#"{"type": "crop_time", "start": 5007}"#, &r);
    assert_eq!(from.events.len(), 99);
    let aligned = changed(r#"{"type": "time_alignment"}"#, &r);
    assert_eq!(aligned.events.view().span(), Some((0, 99 * 7)));
    assert_eq!(aligned.triggers, [at(100), at(200)]);
    let skewed = changed(
        r#"{"type": "time_skew", "coefficient": 0.5, "offset": -2501}"#,
        &r,
    );
    // 0.5 (5000 + 7 i) - 2501 = 3.5 i - 1, halves away from 0, what is before 0 dropped.
    assert_eq!(skewed.events.view().t[..3], [3, 6, 10]);
    assert_eq!(skewed.events.len(), 99);
    let far = recording(
        [u64::MAX - 9]
            .map(|t| Event {
                t,
                ..Event::default()
            })
            .into_iter()
            .collect(),
        SENSOR,
    );
    let moved = changed(
        r#"{"type": "time_skew", "coefficient": 1, "offset": 3}"#,
        &far,
    );
    assert_eq!(moved.events.view().t, [u64::MAX - 6]);
}

#[test]
fn jitter_is_normal_and_rounded() {
    let n = 20_000;
    let event = |_| Event {
        t: 1_000_000,
        x: 500,
        y: 500,
        p: true,
    };
    let r = recording((0..n).map(event).collect(), Geometry::new(1000, 1000));
    let json = r#"{"type": "spatial_jitter", "var_x": 9, "var_y": 4, "sigma_xy": -3}"#;
    let moved = changed(json, &r);
    assert_eq!(moved.events.len(), n);
    let moment = |f: &dyn Fn(Event) -> f64| moved.events.iter().map(f).sum::<f64>() / n as f64;
    let x = |e: Event| f64::from(e.x) - 500.0;
    let y = |e: Event| f64::from(e.y) - 500.0;
    // Five standard errors; rounding adds a twelfth to each variance.
    assert!(moment(&x).abs() < 0.11 && moment(&y).abs() < 0.08);
    assert!((moment(&|e| x(e) * x(e)) - 9.08).abs() < 0.5);
    assert!((moment(&|e| y(e) * y(e)) - 4.08).abs() < 0.25);
    assert!((moment(&|e| x(e) * y(e)) + 3.0).abs() < 0.3);
    assert!(refused(r#"{"type": "spatial_jitter", "sigma_xy": 1.5}"#, &r).contains("sigma_xy"));

    let late = changed(r#"{"type": "time_jitter", "std": 50, "sort": false}"#, &r);
    let shift = |e: Event| e.t as f64 - 1e6;
    let mean = late.events.iter().map(shift).sum::<f64>() / n as f64;
    let square = late.events.iter().map(|e| shift(e) * shift(e)).sum::<f64>() / n as f64;
    assert!(
        mean.abs() < 1.8 && (square / 2500.0 - 1.0).abs() < 0.06,
        "{mean} {square}"
    );
    assert!(!late.events.view().t.is_sorted());
    let sorted = changed(r#"{"type": "time_jitter", "std": 50}"#, &r);
    assert!(sorted.events.view().t.is_sorted());
}

#[test]
fn what_leaves_is_dropped_or_put_on_the_border() {
    let r = recording((0..1000).map(|_| Event::default()).collect(), SENSOR);
    for (json, clamped) in [
        (
            r#"{"type": "spatial_jitter"}"#,
            r#"{"type": "spatial_jitter", "outliers": "clamp"}"#,
        ),
        (
            r#"{"type": "time_jitter", "std": 5}"#,
            r#"{"type": "time_jitter", "std": 5, "outliers": "clamp"}"#,
        ),
    ] {
        let dropped = changed(json, &r).events;
        assert!((100..800).contains(&dropped.len()), "{}", dropped.len());
        let kept = changed(clamped, &r).events;
        assert_eq!(kept.len(), 1000);
        assert!(kept.iter().all(|e| SENSOR.contains(e.x, e.y)));
    }
}

#[test]
fn shares_that_are_dropped_are_exact() {
    let r = many(1001);
    let left = |json: &str| changed(json, &r).events;
    assert_eq!(
        left(r#"{"type": "drop_event", "p": 0.3}"#).len(),
        1001 - 300
    );
    assert_eq!(left(r#"{"type": "drop_event", "p": 1}"#).len(), 0);
    assert_eq!(left(r#"{"type": "drop_event", "p": 0}"#), r.events);
    // 7001 us from 5000 on; 0.25 of it is 1750 us, which hold 250 events, all within.
    for sample in 0..50 {
        let json = r#"{"type": "drop_event_by_time", "duration_ratio": 0.25}"#;
        let left = keyed(json, &r, Key { sample, ..KEY }).events;
        assert_eq!(left.len(), 751);
    }
    assert_eq!(
        left(r#"{"type": "drop_event_by_time", "duration_ratio": 1}"#).len(),
        0
    );
    // One event at each pixel: a quarter of the area is 16 x 12 pixels.
    let pixels = (0..24).flat_map(|y| (0..32).map(move |x| (x, y)));
    let event = |(x, y)| Event {
        x,
        y,
        ..Event::default()
    };
    let full = recording(pixels.map(event).collect(), Geometry::new(32, 24));
    for sample in 0..50 {
        let json = r#"{"type": "drop_event_by_area", "area_ratio": 0.25}"#;
        let left = keyed(json, &full, Key { sample, ..KEY }).events;
        assert_eq!(left.len(), 32 * 24 - 16 * 12);
    }
    assert!(
        refused(r#"{"type": "drop_event", "p": 1.5}"#, &r)
            .contains("a number from 0 to 1, got 1.5")
    );
    assert!(refused(r#"{"type": "drop_event", "p": [0.5, 0.2]}"#, &r).contains("a range"));
}

#[test]
fn pixels_are_dropped_and_decimated() {
    let r = many(960);
    let some = changed(
        r#"{"type": "drop_pixel", "coordinates": [[0, 0], [13, 1], [1, 1]]}"#,
        &r,
    );
    let listed = [(0, 0), (13, 1), (1, 1)];
    let expected: Vec<Event> = r
        .events
        .iter()
        .filter(|e| !listed.contains(&(e.x, e.y)))
        .collect();
    assert!(expected.len() < 960);
    assert_eq!(some.events.iter().collect::<Vec<_>>(), expected);
    assert!(refused(r#"{"type": "drop_pixel", "coordinates": [[32, 0]]}"#, &r).contains("(32, 0)"));

    let half = changed(r#"{"type": "random_drop_pixel", "p": 0.5}"#, &r);
    for e in r.events.iter() {
        // All of a pixel or nothing.
        let of = |r: &Recording| r.events.iter().filter(|f| (f.x, f.y) == (e.x, e.y)).count();
        assert!(of(&half) == 0 || of(&half) == of(&r));
    }
    let third = changed(r#"{"type": "decimation", "n": 3}"#, &r);
    for (x, y) in [(0, 0), (13, 1), (26, 4)] {
        let of = |r: &Recording| -> Vec<Event> {
            r.events.iter().filter(|f| (f.x, f.y) == (x, y)).collect()
        };
        let expected: Vec<Event> = of(&r).into_iter().skip(2).step_by(3).collect();
        assert!(!expected.is_empty());
        assert_eq!(of(&third), expected);
    }
}

#[test]
fn noise_is_added_within() {
    let r = many(100);
    let noisy = changed(r#"{"type": "uniform_noise", "n": 4000}"#, &r).events;
    assert_eq!(noisy.len(), 4100);
    assert!(noisy.view().t.is_sorted());
    assert_eq!(noisy.view().span(), r.events.view().span());
    assert!(noisy.iter().all(|e| e.x < 32 && e.y < 24));
    let [left, top, on] = [
        noisy.iter().filter(|e| e.x < 16).count(),
        noisy.iter().filter(|e| e.y < 12).count(),
        noisy.iter().filter(|e| e.p).count(),
    ];
    assert!(
        [left, top, on].iter().all(|n| (1850..2250).contains(n)),
        "{left} {top} {on}"
    );
}

#[test]
fn polarity_flips_each_or_all() {
    let r = many(4000);
    let flipped = |json: &str, key| {
        let changed = keyed(json, &r, key).events;
        changed
            .iter()
            .zip(r.events.iter())
            .filter(|(a, b)| a.p != b.p)
            .count()
    };
    let each = flipped(r#"{"type": "random_flip_polarity", "p": 0.2}"#, KEY);
    assert!((670..930).contains(&each), "{each}");
    let all = |sample| {
        flipped(
            r#"{"type": "random_flip_polarity", "p": 0.2, "all": true}"#,
            Key { sample, ..KEY },
        )
    };
    let counts: Vec<usize> = (0..200).map(all).collect();
    assert!(counts.iter().all(|n| [0, 4000].contains(n)));
    assert!((15..70).contains(&counts.iter().filter(|n| **n > 0).count()));
    let merged = changed(r#"{"type": "merge_polarities"}"#, &r);
    assert!(merged.events.iter().all(|e| !e.p));
}

#[test]
fn downsampling_divides_evenly() {
    let r = many(500);
    let json = r#"{"type": "downsample", "width": 8, "height": 5, "time_factor": 0.1}"#;
    let small = changed(json, &r);
    assert_eq!(small.geometry, Some(Geometry::new(8, 5)));
    for (a, b) in small.events.iter().zip(r.events.iter()) {
        assert_eq!((a.x, a.y), (b.x / 4, (u32::from(b.y) * 5 / 24) as u16));
        assert_eq!(a.t, (b.t as f64 / 10.0).round() as u64);
    }
    let event = |x| Event {
        t: 7,
        x,
        ..Event::default()
    };
    let twins = recording([0, 1, 4, 1].map(event).into_iter().collect(), SENSOR);
    let unique = changed(
        r#"{"type": "downsample", "width": 3, "unique": true}"#,
        &twins,
    );
    assert_eq!(unique.events.view().x, [0, 1]);
    assert!(refused(r#"{"type": "downsample", "width": 9}"#, &twins).contains("1x1 to 7x5"));
}

#[test]
fn large_pixels_fire_for_small_ones() {
    let event = |(t, x, p)| Event { t, x, y: 0, p };
    let steps = [
        (10, 0, true),
        (11, 1, true),
        (12, 2, false),
        (13, 1, true),
        (14, 0, false),
        (20, 1, true),
        (31, 0, false),
        (32, 3, false),
    ];
    let r = recording(steps.map(event).into_iter().collect(), Geometry::new(4, 1));
    let integrate = r#"{"type": "event_downsampling", "width": 2, "height": 1,
        "method": {"type": "integrate_and_fire", "threshold": 2}}"#;
    let out: Vec<_> = changed(integrate, &r)
        .events
        .iter()
        .map(|e| (e.t, e.x, e.p))
        .collect();
    // Pixel 0: +1 +1 fires; +1 -1 +1 -1; pixel 1: -1 -1 fires.
    assert_eq!(out, [(11, 0, true), (32, 1, false)]);
    let difference = r#"{"type": "event_downsampling", "width": 2, "height": 1,
        "method": {"type": "differencing", "window": 5, "threshold": 2}}"#;
    let out: Vec<_> = changed(difference, &r)
        .events
        .iter()
        .map(|e| (e.t, e.x, e.p))
        .collect();
    // Sums of pixel 0 by windows of 5 us: 2, 0, 1, 0, -1; of pixel 1: -1, 0, 0, 0, -1.
    assert_eq!(out, [(15, 0, true), (20, 0, false)]);
    let all = r#"{"type": "event_downsampling", "width": 4, "height": 1,
        "method": {"type": "integrate_and_fire", "threshold": 1}}"#;
    assert_eq!(changed(all, &r), r);
}

#[test]
fn a_sensor_is_needed_and_kept_to() {
    let mut r = many(10);
    r.geometry = None;
    assert_eq!(
        refused(r#"{"type": "random_flip_lr", "p": 1}"#, &r),
        "geometry at transform: expected the width and height of the sensor in the recording, got none"
    );
    r.geometry = Some(Geometry::new(20, 24));
    for json in [
        r#"{"type": "random_flip_lr"}"#,
        r#"{"type": "decimation", "n": 2}"#,
        r#"{"type": "to_image"}"#,
        r#"{"type": "to_spikes", "dt": 10}"#,
    ] {
        let sentence = refused(json, &r);
        assert!(
            sentence.contains("event 2: expected a pixel of the sensor of 20x24"),
            "{sentence}"
        );
    }
    let whole = changed(
        r#"{"type": "crop", "x": 0, "y": 0, "width": 20, "height": 24}"#,
        &r,
    );
    assert!(whole.events.len() < 10);
    changed(r#"{"type": "random_flip_lr"}"#, &whole);
}

/// Sensors without pixels, of one pixel, of one line: a result or a sentence, and no event beyond the sensor.
#[test]
fn the_smallest_sensors_are_sensors() {
    let others = [
        r#"{"type": "crop", "x": 65535, "y": 0, "width": 65535, "height": 1}"#,
        r#"{"type": "center_crop", "width": 0, "height": 65535}"#,
        r#"{"type": "downsample", "width": 1, "height": 1, "unique": true}"#,
        r#"{"type": "drop_event_by_area", "area_ratio": 1}"#,
        r#"{"type": "decimation", "n": 4294967295}"#,
        r#"{"type": "denoise", "filter_time": 18446744073709551615}"#,
        r#"{"type": "flicker", "band": [1e-9, 1e9]}"#,
        r#"{"type": "hot_pixels", "deviations": 0}"#,
        r#"{"type": "time_skew", "coefficient": 9e15, "offset": -9e15}"#,
        r#"{"type": "time_jitter", "std": 9e15}"#,
        r#"{"type": "to_image"}"#,
        r#"{"type": "to_bina_rep", "n_frames": 3}"#,
        r#"{"type": "to_voxel_grid", "n_bins": 3}"#,
        r#"{"type": "to_timesurface", "dt": 18446744073709551615, "tau": 1e-300}"#,
        r#"{"type": "to_averaged_timesurface", "cell_size": 65535, "time_window": 18446744073709551615}"#,
        r#"{"type": "to_averaged_timesurface", "decay": "linear", "tau": 1e300}"#,
        r#"{"type": "to_spikes", "dt": 18446744073709551615}"#,
    ];
    let times = [0, 5, u64::MAX - 1, u64::MAX];
    let event = |&t: &u64| Event {
        t,
        p: t == 5,
        ..Event::default()
    };
    for (width, height) in [(0, 0), (0, 3), (1, 1), (65535, 1), (65535, 65535)] {
        for n in 0..=times.len() {
            let r = recording(
                times[..n].iter().map(event).collect(),
                Geometry::new(width, height),
            );
            for json in RANDOM.iter().chain(&others) {
                if let Ok(Output::Events(r)) = transform(json).apply(&r, KEY) {
                    let geometry = r.geometry.unwrap();
                    let inside = |e: Event| geometry.contains(e.x, e.y) || (e.x, e.y) == (0, 0);
                    assert!(r.events.iter().all(inside), "{json}");
                }
            }
        }
    }
}

#[test]
fn nothing_stays_nothing() {
    let none = recording(Default::default(), SENSOR);
    for json in RANDOM.map(|json| {
        json.replace(
            "\"width\": 20, \"height\": 11",
            "\"width\": 7, \"height\": 5",
        )
    }) {
        assert!(changed(&json, &none).events.is_empty(), "{json}");
    }
}

#[test]
fn changes_have_one_spelling() {
    for json in RANDOM {
        let transform = transform(json);
        let text = serde_json::to_string(&transform).unwrap();
        assert_eq!(serde_json::from_str::<Transform>(&text).unwrap(), transform);
    }
    for (json, part) in [
        (r#"{"type": "drop_event", "q": 1}"#, "unknown field `q`"),
        (
            r#"{"type": "drop_events"}"#,
            "unknown variant `drop_events`",
        ),
        (r#"{"type": "drop_event"}"#, "missing field `p`"),
        (
            r#"{"type": "drop_event", "p": "x"}"#,
            "expected a number or a range [low, high]",
        ),
    ] {
        let sentence = serde_json::from_str::<Transform>(json)
            .unwrap_err()
            .to_string();
        assert!(sentence.contains(part), "{sentence}");
    }
}

#[test]
fn an_array_is_the_last_thing_of_a_pipeline() {
    let steps = r#"[{"type": "to_image"}, {"type": "sort"}]"#;
    let pipeline: Pipeline = serde_json::from_str(steps).unwrap();
    assert_eq!(
        pipeline.run(many(5), KEY).unwrap_err().to_string(),
        "transform at pipeline, step 0: expected one that gives events, as others follow, got one that gives an array"
    );
}

proptest! {
    #[test]
    fn flips_and_reversals_undo_themselves(events in made::events(60), edges in prop::collection::vec(0u64..6000, 0..4)) {
        let mut r = recording(events, SENSOR);
        r.triggers = edges.into_iter().map(|t| Trigger { t, id: 2, value: t % 2 == 0 }).collect();
        for json in [
            r#"{"type": "random_flip_lr", "p": 1}"#,
            r#"{"type": "random_flip_ud", "p": 1}"#,
            r#"{"type": "random_time_reversal", "p": 1}"#,
            r#"{"type": "random_time_reversal", "p": 1, "flip_polarities": false}"#,
            r#"{"type": "random_flip_polarity", "p": 1}"#,
            r#"{"type": "random_flip_polarity", "p": 1, "all": true}"#,
        ] {
            let once = changed(json, &r);
            prop_assert_eq!(once.events.len(), r.events.len());
            for (a, b) in once.events.iter().zip(r.events.iter()) {
                let expected = match json {
                    _ if json.contains("flip_lr") => Event { x: 6 - b.x, ..b },
                    _ if json.contains("flip_ud") => Event { y: 4 - b.y, ..b },
                    _ if json.contains("flip_polarity") => Event { p: !b.p, ..b },
                    _ => continue,
                };
                prop_assert_eq!(a, expected);
            }
            prop_assert_eq!(changed(json, &once), r.clone(), "{}", json);
            prop_assert_eq!(changed(&json.replace("\"p\": 1", "\"p\": 0"), &r), r.clone());
        }
    }

    #[test]
    fn sorting_is_stable(events in made::events(60)) {
        let jittered = changed(r#"{"type": "time_jitter", "std": 9, "sort": false}"#, &recording(events, SENSOR));
        let mut expected: Vec<Event> = jittered.events.iter().collect();
        expected.sort_by_key(|e| e.t);
        let sorted = changed(r#"{"type": "sort"}"#, &jittered).events;
        prop_assert_eq!(sorted.iter().collect::<Vec<_>>(), expected);
    }
}
