//! Frames, voxels, surfaces and spikes agree with plain sums over all events.

mod made;

use cortado_events::transform::{Frames, Output, Spikes};
use cortado_events::{Event, Events, Geometry, Recording};
use made::{KEY, SENSOR, recording, refused, transform};
use proptest::prelude::*;

fn counts(json: &str, r: &Recording) -> Frames<u32> {
    match transform(json).apply(r, KEY).unwrap() {
        Output::Counts(frames) => frames,
        other => panic!("{json} gave {other:?}"),
    }
}

fn values(json: &str, r: &Recording) -> Frames<f32> {
    match transform(json).apply(r, KEY).unwrap() {
        Output::Values(frames) => frames,
        other => panic!("{json} gave {other:?}"),
    }
}

fn spikes(json: &str, r: &Recording) -> Spikes {
    match transform(json).apply(r, KEY).unwrap() {
        Output::Spikes(spikes) => spikes,
        other => panic!("{json} gave {other:?}"),
    }
}

/// Frames of what `f` says of frame, polarity, row and column.
fn plain(shape: [usize; 4], f: impl Fn(usize, bool, u16, u16) -> f64) -> Vec<f64> {
    let [n, p, h, w] = shape;
    let at = |i: usize| {
        f(
            i / (p * h * w),
            i / (h * w) % p == 1,
            (i / w % h) as u16,
            (i % w) as u16,
        )
    };
    (0..n * p * h * w).map(at).collect()
}

fn close(got: &Frames<f32>, expected: &[f64], tolerance: f64) {
    assert_eq!(got.data.len(), expected.len());
    for (i, (a, b)) in got.data.iter().zip(expected).enumerate() {
        assert!(
            (f64::from(*a) - b).abs() <= tolerance * (1.0 + b.abs()),
            "{i}: {a} {b} of {:?}",
            got.shape
        );
    }
}

fn is(e: Event, p: bool, y: u16, x: u16) -> bool {
    (e.p, e.y, e.x) == (p, y, x)
}

proptest! {
    #[test]
    fn frames_count_every_event_once(events in made::events(80), n in 1u64..50, part in 0..4, merge: bool) {
        let cut = match part {
            0 => format!(r#""by": "time", "window": {n}"#),
            1 => format!(r#""by": "time_parts", "n": {n}"#),
            2 => format!(r#""by": "count", "window": {n}"#),
            _ => format!(r#""by": "count_parts", "n": {n}"#),
        };
        let r = recording(events, SENSOR);
        let frames = counts(&format!(r#"{{"type": "to_frame", "cut": {{{cut}}}, "merge": {merge}}}"#), &r);
        let polarities = if merge { 1 } else { 2 };
        prop_assert_eq!(&frames.shape[1..], [polarities, 5, 7]);
        let image = counts(&format!(r#"{{"type": "to_image", "merge": {merge}}}"#), &r);
        prop_assert_eq!(image.shape, [1, polarities, 5, 7]);
        let of_all = |i: usize| frames.data.iter().skip(i).step_by(polarities * 35).sum::<u32>();
        prop_assert_eq!((0..polarities * 35).map(of_all).collect::<Vec<_>>(), image.data.clone());
        let expected = plain(image.shape, |_, p, y, x| {
            r.events.iter().filter(|e| is(Event { p: e.p && !merge, ..*e }, p, y, x)).count() as f64
        });
        prop_assert_eq!(image.data.iter().map(|n| f64::from(*n)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn frames_of_time_agree_with_plain_sums(events in made::events(80), n in 1u64..9, start in 800u64..1500, length in 1u64..3000) {
        let r = recording(events, SENSOR);
        let end = start + length;
        let frames = counts(&format!(
            r#"{{"type": "to_frame", "cut": {{"by": "time_parts", "n": {n}}}, "start": {start}, "end": {end}}}"#
        ), &r);
        // Bin i holds t with floor((t - start) n / length) = i.
        let bin = |e: &Event| e.t.checked_sub(start).map(|t| (t * n / length) as usize);
        let expected = plain([n as usize, 2, 5, 7], |i, p, y, x| {
            r.events.iter().filter(|e| bin(e) == Some(i) && is(*e, p, y, x)).count() as f64
        });
        prop_assert_eq!(frames.data.iter().map(|n| f64::from(*n)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn voxels_share_out_polarity(events in made::events(80), n in 1u32..9) {
        let r = recording(events, SENSOR);
        let grid = values(&format!(r#"{{"type": "to_voxel_grid", "n_bins": {n}}}"#), &r);
        prop_assert_eq!(grid.shape, [n as usize, 1, 5, 7]);
        let sign = |e: Event| if e.p { 1.0 } else { -1.0 };
        let total: f64 = r.events.iter().map(sign).sum();
        prop_assert!((grid.data.iter().map(|v| f64::from(*v)).sum::<f64>() - total).abs() < 1e-4);
        let (first, last) = r.events.view().span().unwrap_or_default();
        let expected = plain(grid.shape, |bin, _, y, x| {
            let here = r.events.iter().filter(|e| (e.y, e.x) == (y, x));
            here.map(|e| {
                let s = f64::from(n - 1) * (e.t - first) as f64 / ((last - first) as f64).max(1.0);
                sign(e) * (1.0 - (bin as f64 - s).abs()).max(0.0)
            }).sum()
        });
        close(&grid, &expected, 1e-5);
    }

    #[test]
    fn surfaces_agree_with_the_last_event_of_each_pixel(
        events in made::events(80), dt in prop::option::of(1u64..300), tau in 5.0f64..500.0, linear: bool,
    ) {
        let r = recording(events, SENSOR);
        let (dt_text, decay) = (dt.map_or("null".into(), |dt| dt.to_string()), if linear { "linear" } else { "exponential" });
        let got = values(&format!(r#"{{"type": "to_timesurface", "dt": {dt_text}, "tau": {tau}, "decay": "{decay}"}}"#), &r);
        let (first, last) = r.events.view().span().unwrap_or_default();
        let length = if r.events.is_empty() { 0 } else { last + 1 - first };
        let frames = dt.map_or(1, |dt| length.div_ceil(dt));
        prop_assert_eq!(got.shape, [frames as usize, 2, 5, 7]);
        let expected = plain(got.shape, |i, p, y, x| {
            let now = dt.map_or(last + 1, |dt| first + (i as u64 + 1) * dt);
            let before = r.events.iter().filter(|e| e.t < now && is(*e, p, y, x)).last();
            before.map_or(0.0, |e| {
                let age = (now - e.t) as f64 / tau;
                if linear { (1.0 - age / 3.0).max(0.0) } else { (-age).exp() }
            })
        });
        close(&got, &expected, 1e-6);
    }

    #[test]
    fn histograms_agree_with_a_double_loop(
        events in made::events(80), half in 0u16..3, cell in 1u16..9, window in 1u64..400, tau in 5.0f64..200.0, linear: bool,
    ) {
        let r = recording(events, SENSOR);
        let side = usize::from(2 * half + 1);
        let decay = if linear { "linear" } else { "exponential" };
        let got = values(&format!(
            r#"{{"type": "to_averaged_timesurface", "surface_size": {side}, "cell_size": {cell},
                "time_window": {window}, "tau": {tau}, "decay": "{decay}"}}"#
        ), &r);
        let columns = usize::from(7u16.div_ceil(cell));
        let cells = columns * usize::from(5u16.div_ceil(cell));
        prop_assert_eq!(got.shape, [cells, 2, side, side]);
        let of = |e: Event| usize::from(e.y / cell) * columns + usize::from(e.x / cell);
        let expected = plain(got.shape, |c, p, row, column| {
            let own: Vec<Event> = r.events.iter().filter(|e| e.p == p && of(*e) == c).collect();
            let value = |e: &Event| -> f64 {
                let there = own.iter().filter(|f| {
                    f.y + half == e.y + row && f.x + half == e.x + column && f.t < e.t && f.t + window >= e.t
                });
                there.map(|f| {
                    let age = (e.t - f.t) as f64 / tau;
                    if linear { (1.0 - age / 3.0).max(0.0) } else { (-age).exp() }
                }).sum()
            };
            own.iter().map(value).sum::<f64>() / (own.len() as f64).max(1.0)
        });
        close(&got, &expected, 1e-5);
    }

    #[test]
    fn bits_are_windows_with_events(events in made::events(80), frames in 1u32..4, bits in 1u32..9) {
        let r = recording(events, SENSOR);
        let got = values(&format!(r#"{{"type": "to_bina_rep", "n_frames": {frames}, "n_bits": {bits}}}"#), &r);
        let windows = frames * bits;
        let fine = counts(&format!(r#"{{"type": "to_frame", "cut": {{"by": "time_parts", "n": {windows}}}}}"#), &r);
        let expected = plain([frames as usize, 2, 5, 7], |i, p, y, x| {
            let place = usize::from(p) * 35 + usize::from(y * 7 + x);
            let bit = |b: u32| fine.frame(i * bits as usize + b as usize).unwrap()[place] > 0;
            let sum: f64 = (0..bits).filter(|b| bit(*b)).map(|b| f64::from(b).exp2()).sum();
            sum / (f64::from(bits).exp2() - 1.0)
        });
        close(&got, &expected, 1e-6);
    }

    #[test]
    fn spikes_are_frames_without_zeros(
        events in made::events(80), dt in 1u64..300, steps in prop::option::of(0u32..9), offset in 0u64..300, binary: bool, merge: bool,
    ) {
        let r = recording(events, SENSOR);
        let first = r.events.view().t.first().copied().unwrap_or(0);
        let start = first.saturating_sub(offset);
        let steps_text = steps.map_or("null".into(), |n| n.to_string());
        let got = spikes(&format!(
            r#"{{"type": "to_spikes", "dt": {dt}, "steps": {steps_text}, "start": {start}, "binary": {binary}, "merge": {merge}}}"#
        ), &r);
        prop_assert_eq!(got.channels, if merge { 35 } else { 70 });
        if let Some(steps) = steps {
            prop_assert_eq!(got.steps, steps);
        }
        let mut dense = vec![0; got.steps as usize * got.channels];
        for e in r.events.iter() {
            let step = ((e.t - start) / dt) as usize;
            let p = usize::from(e.p && !merge);
            if let Some(n) = dense.get_mut(step * got.channels + p * 35 + usize::from(e.y * 7 + e.x)) {
                *n += 1;
            }
        }
        prop_assert_eq!(got.outside + dense.iter().map(|n| u64::from(*n)).sum::<u64>(), r.events.len() as u64);
        if steps.is_none() {
            prop_assert_eq!(got.outside, 0);
        }
        let expected: Vec<(u32, u32, u32)> = dense.iter().enumerate().filter(|(_, n)| **n > 0).map(|(i, n)| {
            ((i / got.channels) as u32, (i % got.channels) as u32, if binary { 1 } else { *n })
        }).collect();
        let got: Vec<(u32, u32, u32)> = (0..got.step.len()).map(|i| (got.step[i], got.channel[i], got.count[i])).collect();
        prop_assert_eq!(got, expected);
    }
}

#[test]
fn nothing_has_the_shape_of_something() {
    let none = recording(Events::new(), Geometry::new(6, 3));
    let shape = |json| match transform(json).apply(&none, KEY).unwrap() {
        Output::Counts(frames) => frames.shape,
        Output::Values(frames) => frames.shape,
        other => panic!("{other:?}"),
    };
    for (json, expected) in [
        (
            r#"{"type": "to_frame", "cut": {"by": "time", "window": 9}}"#,
            [0, 2, 3, 6],
        ),
        (
            r#"{"type": "to_frame", "cut": {"by": "time_parts", "n": 4}, "merge": true}"#,
            [4, 1, 3, 6],
        ),
        (r#"{"type": "to_image"}"#, [1, 2, 3, 6]),
        (r#"{"type": "to_voxel_grid", "n_bins": 5}"#, [5, 1, 3, 6]),
        (r#"{"type": "to_bina_rep", "n_frames": 2}"#, [2, 2, 3, 6]),
        (r#"{"type": "to_timesurface", "tau": 5}"#, [1, 2, 3, 6]),
        (
            r#"{"type": "to_averaged_timesurface", "cell_size": 4, "surface_size": 3}"#,
            [2, 2, 3, 3],
        ),
    ] {
        assert_eq!(shape(json), expected, "{json}");
    }
    let none = spikes(r#"{"type": "to_spikes", "dt": 5, "steps": 7}"#, &none);
    assert_eq!((none.steps, none.channels, none.step.len()), (7, 36, 0));
}

#[test]
fn the_last_event_has_its_full_weight() {
    let event = |t, p| Event { t, x: 1, y: 2, p };
    let r = recording(
        [event(100, true), event(250, false), event(400, true)]
            .into_iter()
            .collect(),
        SENSOR,
    );
    let grid = values(r#"{"type": "to_voxel_grid", "n_bins": 4}"#, &r);
    let pixel: Vec<f32> = grid.data.iter().skip(15).step_by(35).copied().collect();
    assert_eq!(pixel, [1.0, -0.5, -0.5, 1.0]);
    // All at one time.
    let r = recording(
        [event(9, true), event(9, true)].into_iter().collect(),
        SENSOR,
    );
    assert_eq!(
        values(r#"{"type": "to_voxel_grid", "n_bins": 2}"#, &r).data[15],
        2.0
    );
}

#[test]
fn what_cannot_be_made_is_refused() {
    let event = |t| Event {
        t,
        ..Event::default()
    };
    let mut r = recording([event(0), event(1 << 50)].into_iter().collect(), SENSOR);
    for (json, part) in [
        (
            r#"{"type": "to_frame", "cut": {"by": "time", "window": 1}}"#,
            "size at frames: expected at most 1073741824 numbers",
        ),
        (r#"{"type": "to_voxel_grid", "n_bins": 0}"#, "n_bins"),
        (
            r#"{"type": "to_voxel_grid", "n_bins": 4000000000}"#,
            "size at frames",
        ),
        (r#"{"type": "to_bina_rep", "n_bits": 25}"#, "n_bits"),
        (
            r#"{"type": "to_bina_rep", "n_frames": 4000000000}"#,
            "size at frames",
        ),
        (
            r#"{"type": "to_timesurface", "dt": 1, "tau": 5}"#,
            "size at frames",
        ),
        (r#"{"type": "to_timesurface", "tau": 0}"#, "tau"),
        (
            r#"{"type": "to_averaged_timesurface", "surface_size": 4}"#,
            "an odd number",
        ),
        (
            r#"{"type": "to_averaged_timesurface", "cell_size": 0}"#,
            "cell_size",
        ),
        (
            r#"{"type": "to_averaged_timesurface", "surface_size": 65535}"#,
            "size at frames",
        ),
        (
            r#"{"type": "to_spikes", "dt": 0}"#,
            "at least 1 microsecond",
        ),
        (r#"{"type": "to_spikes", "dt": 1}"#, "fewer than 2^32 steps"),
    ] {
        let sentence = refused(json, &r);
        assert!(sentence.contains(part), "{json}: {sentence}");
    }
    r.events = [event(5), event(3)].into_iter().collect();
    for json in [
        r#"{"type": "to_frame", "cut": {"by": "time", "window": 1}}"#,
        r#"{"type": "to_averaged_timesurface"}"#,
        r#"{"type": "to_timesurface", "tau": 3}"#,
    ] {
        assert!(refused(json, &r).contains("sort them first"), "{json}");
    }
}
