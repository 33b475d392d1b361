//! Filters: what they let pass agrees with plain double loops, whatever the pieces.

mod made;

use cortado_events::transform::filter::{
    Background, Chain, Filter, Flicker, HotPixels, Neighbours, Refractory,
};
use cortado_events::transform::{Output, Pipeline};
use cortado_events::{Event, Events, Geometry, View};
use made::{SENSOR, changed, recording, refused};
use proptest::prelude::*;

/// All events that pass, given in pieces of that length.
fn pass(mut filter: impl Filter, view: View<'_>, piece: usize) -> Vec<Event> {
    let mut out = Events::new();
    for start in (0..view.len()).step_by(piece) {
        filter.filter(view.slice(start..start + piece), &mut out);
    }
    out.iter().collect()
}

/// How many neighbours fired in the window before event `i`, each looked for among all events.
fn supporters(view: View<'_>, i: usize, window: u64, neighbours: Neighbours) -> usize {
    let e = view.get(i);
    let near = |f: &Event| {
        let [dx, dy] = [e.x.abs_diff(f.x), e.y.abs_diff(f.y)];
        let most = if neighbours == Neighbours::Four { 1 } else { 2 };
        dx <= 1 && dy <= 1 && (1..=most).contains(&(dx + dy))
    };
    let recent = view.iter().take(i).filter(|f| f.t + window >= e.t);
    let mut pixels: Vec<(u16, u16)> = recent.filter(near).map(|f| (f.x, f.y)).collect();
    pixels.sort();
    pixels.dedup();
    pixels.len()
}

proptest! {
    #[test]
    fn background_agrees_with_a_double_loop(
        events in made::events(90), window in 0u64..120, four: bool, support in 1u8..5, piece in 1usize..40,
    ) {
        let neighbours = if four { Neighbours::Four } else { Neighbours::Eight };
        let view = events.view();
        let expected: Vec<Event> = (0..view.len())
            .filter(|&i| supporters(view, i, window, neighbours) >= support.into())
            .map(|i| view.get(i))
            .collect();
        let filter = Background::new(SENSOR, window, neighbours, support).unwrap();
        prop_assert_eq!(pass(filter, view, piece), expected.clone());
        let name = if four { "four" } else { "eight" };
        let json = format!(r#"{{"type": "denoise", "filter_time": {window}, "neighbours": "{name}", "support": {support}}}"#);
        let whole = changed(&json, &recording(events, SENSOR)).events;
        prop_assert_eq!(whole.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn refractory_periods_leave_gaps(
        events in made::events(90), delta in 0u64..200, paralysable: bool, piece in 1usize..40,
    ) {
        let mut expected: Vec<Event> = Vec::new();
        for (i, e) in events.iter().enumerate() {
            let same = |f: &Event| (f.x, f.y) == (e.x, e.y);
            let before = if paralysable {
                events.iter().take(i).filter(same).last()
            } else {
                expected.iter().copied().rfind(same)
            };
            if before.is_none_or(|f| e.t - f.t >= delta) {
                expected.push(e);
            }
        }
        let kept = pass(Refractory::new(SENSOR, delta, paralysable).unwrap(), events.view(), piece);
        for (i, e) in kept.iter().enumerate() {
            prop_assert!(kept[..i].iter().all(|f| (f.x, f.y) != (e.x, e.y) || e.t - f.t >= delta));
        }
        prop_assert_eq!(kept, expected);
    }

    /// Filters one after the other, in pieces, are the pipeline of the same changes on the whole.
    #[test]
    fn chains_are_pipelines(events in made::events(90), piece in 1usize..40) {
        let steps = r#"[{"type": "drop_pixel", "coordinates": [[3, 2], [0, 4]]},
            {"type": "refractory_period", "delta": 30}, {"type": "denoise", "filter_time": 60}]"#;
        let pipeline: Pipeline = serde_json::from_str(steps).unwrap();
        let filters = |n: usize| pipeline.0[..n].iter().map(|t| t.filter(SENSOR).unwrap().unwrap()).collect();
        for n in 0..=3 {
            let part = Pipeline(pipeline.0[..n].to_vec()).run(recording(events.clone(), SENSOR), made::KEY).unwrap();
            let Output::Events(whole) = part else { panic!() };
            let expected: Vec<Event> = whole.events.iter().collect();
            prop_assert_eq!(pass(Chain::new(filters(n)), events.view(), piece), expected);
        }
    }

    #[test]
    fn flicker_does_not_depend_on_pieces(events in made::events(90), piece in 1usize..40) {
        let filter = || Flicker::new(Geometry::new(6, 5), [2000.0, 90_000.0], 1).unwrap();
        prop_assert_eq!(pass(filter(), events.view(), piece), pass(filter(), events.view(), 1000));
    }
}

#[test]
fn an_event_at_time_0_is_one_like_others() {
    let at = |t, x| Event {
        t,
        x,
        y: 2,
        p: true,
    };
    let events: Events = [at(0, 1), at(0, 2), at(4, 1), at(10, 1)]
        .into_iter()
        .collect();
    let kept = pass(
        Refractory::new(SENSOR, 10, false).unwrap(),
        events.view(),
        9,
    );
    assert_eq!(kept, [at(0, 1), at(0, 2), at(10, 1)]);
    let filter = Background::new(SENSOR, 5, Neighbours::Eight, 1).unwrap();
    assert_eq!(pass(filter, events.view(), 9), [at(0, 2), at(4, 1)]);
}

/// A pixel that fires all the time is seen at each dead time, unless that paralyses it.
#[test]
fn a_busy_pixel_is_paralysed_only_if_asked() {
    let events: Events = (0..100)
        .map(|i| Event {
            t: 3 * i,
            ..Event::default()
        })
        .collect();
    let r = recording(events, SENSOR);
    let kept = changed(r#"{"type": "refractory_period", "delta": 10}"#, &r).events;
    assert_eq!(kept.view().t[..3], [0, 12, 24]);
    let json = r#"{"type": "refractory_period", "delta": 10, "paralysable": true}"#;
    assert_eq!(changed(json, &r).events.view().t, [0]);
}

#[test]
fn hot_pixels_are_those_above_a_rate_or_the_mean() {
    // A second: pixel x of row 0 fires 10 (x + 1) times, and pixel (6, 4) 500 times.
    let row = (0..7u64).flat_map(|x| (0..10 * (x + 1)).map(move |i| (1000 * i, x as u16, 0)));
    let hot = (0..500).map(|i| (2000 * i, 6, 4));
    let end = [(999_999, 0, 3)];
    let event = |(t, x, y)| Event { t, x, y, p: true };
    let mut events: Events = row.chain(hot).chain(end).map(event).collect();
    events.sort();
    let mut pixels = HotPixels::new(SENSOR).unwrap();
    for start in (0..events.len()).step_by(77) {
        pixels.learn(events.view().slice(start..start + 77));
    }
    let found = |frequency, deviations| -> Vec<(u16, u16)> {
        pixels
            .mask(frequency, deviations)
            .unwrap()
            .pixels()
            .collect()
    };
    assert_eq!(found(Some(60.0), None), [(6, 0), (6, 4)]);
    assert_eq!(found(Some(59.9), None), [(5, 0), (6, 0), (6, 4)]);
    assert_eq!(found(Some(500.0), None), []);
    // Counts 10 to 70, 500, 1: mean 86.8, deviation 147.7.
    assert_eq!(found(None, Some(2.7)), [(6, 4)]);
    assert_eq!(found(None, Some(2.9)), []);
    let r = recording(events, SENSOR);
    let kept = changed(r#"{"type": "hot_pixels", "frequency": 100}"#, &r).events;
    assert_eq!(kept.len(), 281);
    assert!(kept.iter().all(|e| e.y != 4));
    assert!(refused(r#"{"type": "hot_pixels"}"#, &r).contains("a frequency or a number"));
}

#[test]
fn flicker_of_the_band_is_dropped_once_it_is_known() {
    // A lamp at 100 Hz: brighter for half a period, darker for the other half, two events each.
    let lamp = |t0: u64, period: u64, x: u16| {
        (0..20u64).flat_map(move |i| {
            [
                (0, true),
                (300, true),
                (period / 2, false),
                (period / 2 + 300, false),
            ]
            .map(|(dt, p)| Event {
                t: t0 + i * period + dt,
                x,
                y: 1,
                p,
            })
        })
    };
    let slow = lamp(500, 25_000, 2);
    // The lamp goes out after 20 periods, and then something moves.
    let later = [700_000, 700_400, 701_000].map(|t| Event {
        t,
        x: 1,
        y: 1,
        p: t != 701_000,
    });
    let mut events: Events = lamp(1000, 10_000, 1).chain(slow).chain(later).collect();
    events.sort();
    let kept = pass(
        Flicker::new(SENSOR, [90.0, 110.0], 3).unwrap(),
        events.view(),
        7,
    );
    let times = |x| {
        kept.iter()
            .filter(move |e| e.x == x)
            .map(|e| e.t)
            .collect::<Vec<_>>()
    };
    // The first rise follows the first darker event, at 11000; the third period ends at 41000.
    assert_eq!(times(1).len(), 16 + 3);
    assert_eq!(times(1)[15..], [36_300, 700_000, 700_400, 701_000]);
    assert_eq!(times(2).len(), 80);
    for (band, cycles) in [
        ([0.0, 100.0], 3),
        ([120.0, 100.0], 3),
        ([90.0, f64::NAN], 3),
        ([90.0, 110.0], 0),
    ] {
        assert!(Flicker::new(SENSOR, band, cycles).is_err());
    }
}

#[test]
fn events_outside_the_sensor_never_pass() {
    let event = |t, x, y| Event { t, x, y, p: true };
    let events: Events = [
        event(1, 7, 0),
        event(2, 6, 0),
        event(3, 0, 5),
        event(4, 0, 4),
        event(5, u16::MAX, u16::MAX),
    ]
    .into_iter()
    .collect();
    let outside = |kept: Vec<Event>| kept.iter().any(|e| !SENSOR.contains(e.x, e.y));
    let mut hot = HotPixels::new(SENSOR).unwrap();
    hot.learn(events.view());
    assert!(!outside(pass(
        hot.mask(Some(1e9), None).unwrap(),
        events.view(),
        9
    )));
    assert!(!outside(pass(
        Refractory::new(SENSOR, 0, false).unwrap(),
        events.view(),
        9
    )));
    assert!(!outside(pass(
        Flicker::new(SENSOR, [1.0, 2.0], 1).unwrap(),
        events.view(),
        9
    )));
    // Nor do they support others.
    let filter = Background::new(SENSOR, 100, Neighbours::Eight, 1).unwrap();
    assert_eq!(pass(filter, events.view(), 9), []);
    assert!(Background::new(SENSOR, 1, Neighbours::Four, 5).is_err());
}
