//! Slices tile, overlap as they say, and begin and end where asked.

mod made;

use cortado_events::slice::{Cut, Rest, Slice, Slicer};
use cortado_events::{Event, Events, Trigger, View};
use proptest::prelude::*;

fn at(times: &[u64]) -> Events {
    let event = |&t| Event {
        t,
        ..Event::default()
    };
    times.iter().map(event).collect()
}

/// Start, end and times of each slice.
fn cut(slicer: &Slicer, view: View<'_>) -> Vec<(u64, u64, Vec<u64>)> {
    let slices = slicer.slices(view, &[]).unwrap();
    let slice = |s: Slice| (s.start, s.end, s.events.t.to_vec());
    slices.iter().map(slice).collect()
}

fn slicer(cut: Cut, rest: Rest) -> Slicer {
    Slicer {
        rest,
        ..Slicer::new(cut)
    }
}

#[test]
fn windows_are_half_open_and_overlap() {
    let events = at(&[10, 14, 15, 19, 20, 24, 31]);
    let window = |overlap| Cut::Time {
        window: 10,
        overlap,
    };
    assert_eq!(
        cut(&slicer(window(0), Rest::Drop), events.view()),
        [(10, 20, vec![10, 14, 15, 19]), (20, 30, vec![20, 24]),]
    );
    assert_eq!(
        cut(&slicer(window(5), Rest::Keep), events.view()),
        [
            (10, 20, vec![10, 14, 15, 19]),
            (15, 25, vec![15, 19, 20, 24]),
            (20, 30, vec![20, 24]),
            (25, 32, vec![31]),
        ]
    );
    let count = |overlap| Cut::Count { window: 3, overlap };
    assert_eq!(
        cut(&slicer(count(1), Rest::Drop), events.view()),
        [
            (10, 16, vec![10, 14, 15]),
            (15, 21, vec![15, 19, 20]),
            (20, 32, vec![20, 24, 31]),
        ]
    );
    assert_eq!(
        cut(&slicer(count(0), Rest::Keep), events.view())[2],
        (31, 32, vec![31])
    );
    let parts = Cut::TimeParts { n: 3, overlap: 4 };
    assert_eq!(
        cut(&Slicer::new(parts), events.view()),
        [
            (10, 20, vec![10, 14, 15, 19]),
            (16, 26, vec![19, 20, 24]),
            (22, 32, vec![24, 31]),
        ]
    );
    let parts = Cut::CountParts { n: 3, overlap: 0 };
    let lengths: Vec<_> = cut(&Slicer::new(parts), events.view())
        .iter()
        .map(|s| s.2.len())
        .collect();
    assert_eq!(lengths, [3, 2, 2]);
}

#[test]
fn start_and_end_are_those_given() {
    let events = at(&[10, 14, 15, 19, 20, 24, 31]);
    let mut slicer = Slicer::new(Cut::Time {
        window: 8,
        overlap: 0,
    });
    (slicer.start, slicer.end) = (Some(0), Some(20));
    assert_eq!(
        cut(&slicer, events.view()),
        [
            (0, 8, vec![]),
            (8, 16, vec![10, 14, 15]),
            (16, 20, vec![19]),
        ]
    );
    slicer.cut = Cut::Count {
        window: 2,
        overlap: 0,
    };
    slicer.start = Some(15);
    assert_eq!(cut(&slicer, events.view()), [(15, 20, vec![15, 19])]);
    (slicer.start, slicer.end) = (Some(30), Some(20));
    assert_eq!(
        slicer.slices(events.view(), &[]).unwrap_err().to_string(),
        "end at cut: expected 30 us, its start, or later, got 20"
    );
}

#[test]
fn indices_times_and_triggers_choose() {
    let events = at(&[10, 14, 15, 19, 20, 24, 31]);
    let indices = Cut::Indices {
        ranges: vec![[1, 3], [6, 7], [2, 2]],
    };
    assert_eq!(
        cut(&Slicer::new(indices), events.view()),
        [(14, 16, vec![14, 15]), (31, 32, vec![31]), (15, 15, vec![])]
    );
    let times = Cut::Times {
        ranges: vec![[14, 20], [0, 11]],
    };
    assert_eq!(
        cut(&Slicer::new(times), events.view()),
        [(14, 20, vec![14, 15, 19]), (0, 11, vec![10])]
    );
    let edge = |t, id, value| Trigger { t, id, value };
    let triggers = [
        edge(20, 1, true),
        edge(22, 1, false),
        edge(15, 1, true),
        edge(16, 2, true),
        edge(90, 1, true),
    ];
    let mut slicer = Slicer::new(Cut::Triggers {
        id: Some(1),
        value: Some(true),
        before: 1,
        after: None,
    });
    let windows = |slicer: &Slicer| -> Vec<_> {
        let slices = slicer.slices(events.view(), &triggers).unwrap();
        slices
            .iter()
            .map(|s| (s.start, s.end, s.events.len()))
            .collect()
    };
    assert_eq!(windows(&slicer), [(14, 20, 3), (19, 32, 4)]);
    slicer.cut = Cut::Triggers {
        id: None,
        value: None,
        before: 0,
        after: Some(5),
    };
    assert_eq!(
        windows(&slicer),
        [(15, 20, 2), (16, 21, 2), (20, 25, 2), (22, 27, 1)]
    );
    let beyond = Cut::Indices {
        ranges: vec![[5, 8]],
    };
    assert_eq!(
        Slicer::new(beyond)
            .slices(events.view(), &[])
            .unwrap_err()
            .to_string(),
        "range at cut, range 0: expected a start that is not after its end, and an end up to 7, got 5..8"
    );
}

#[test]
fn what_is_not_in_order_is_refused() {
    let events = at(&[10, 14, 13]);
    let slicer = Slicer::new(Cut::TimeParts { n: 2, overlap: 0 });
    assert_eq!(
        slicer.slices(events.view(), &[]).unwrap_err().to_string(),
        "time at event 2: expected 14 us or later, events being in order of time (sort them first), got 13"
    );
    let slicer = Slicer::new(Cut::Time {
        window: 4,
        overlap: 4,
    });
    let events = at(&[10]);
    assert_eq!(
        slicer.slices(events.view(), &[]).unwrap_err().to_string(),
        "window at cut: expected more than the overlap of 4, got 4"
    );
}

#[test]
fn nothing_has_no_windows_or_as_many_as_asked() {
    let none = Events::new();
    let every = Cut::Time {
        window: 4,
        overlap: 0,
    };
    assert!(cut(&Slicer::new(every), none.view()).is_empty());
    let parts = Cut::TimeParts { n: 3, overlap: 1 };
    assert_eq!(cut(&Slicer::new(parts), none.view()).len(), 3);
    let mut slicer = Slicer::new(Cut::Time {
        window: 4,
        overlap: 0,
    });
    slicer.end = Some(10);
    slicer.start = Some(3);
    assert_eq!(cut(&slicer, none.view()).len(), 2);
}

/// The greatest times and numbers of windows that there are.
#[test]
fn no_number_is_too_large() {
    let events = at(&[0, 5, u64::MAX - 1]);
    for cut in [
        Cut::Time {
            window: u64::MAX,
            overlap: u64::MAX - 1,
        },
        Cut::Time {
            window: 1,
            overlap: 0,
        },
        Cut::TimeParts {
            n: u64::MAX,
            overlap: 0,
        },
        Cut::TimeParts {
            n: 3,
            overlap: u64::MAX,
        },
        Cut::CountParts {
            n: u64::MAX,
            overlap: 0,
        },
        Cut::Count {
            window: u64::MAX,
            overlap: 0,
        },
    ] {
        let slicer = Slicer::new(cut);
        let slices = slicer.slices(events.view(), &[]).unwrap();
        for i in [0, slices.len() / 2, slices.len() - 1] {
            let slice = slices.get(i).unwrap();
            assert!(slice.start <= slice.end, "{slicer:?} {slice:?}");
        }
        assert_eq!(slices.get(slices.len()), None);
    }
}

proptest! {
    /// Without overlap every event is in exactly one slice, whatever start, end and number.
    #[test]
    fn slices_tile(
        events in made::events(60),
        window in 1u64..90,
        kind in 0..4,
        start in prop::option::of(0u64..4000),
        length in prop::option::of(0u64..4000),
    ) {
        let first = events.view().t.first().copied().unwrap_or(0);
        let cut = match kind {
            0 => Cut::Time { window, overlap: 0 },
            1 => Cut::TimeParts { n: window, overlap: 0 },
            2 => Cut::Count { window, overlap: 0 },
            _ => Cut::CountParts { n: window, overlap: 0 },
        };
        let end = length.map(|l| start.unwrap_or(first) + l);
        let slicer = Slicer { cut, start, end, rest: Rest::Keep };
        let expected: Vec<u64> = events.view().t.iter().copied()
            .filter(|t| *t >= start.unwrap_or(0) && *t < end.unwrap_or(u64::MAX)).collect();
        let slices = slicer.slices(events.view(), &[]).unwrap();
        let got: Vec<u64> = slices.iter().flat_map(|s| s.events.t.to_vec()).collect();
        prop_assert_eq!(got, expected);
        let pieces: Vec<Slice> = slices.iter().collect();
        for pair in pieces.windows(2).filter(|_| kind < 2) {
            prop_assert_eq!(pair[0].end, pair[1].start);
        }
        if kind == 1 {
            let lengths: Vec<u64> = pieces.iter().map(|s| s.end - s.start).collect();
            prop_assert!(lengths.iter().max().unwrap() - lengths.iter().min().unwrap() <= 1);
        }
        for slice in &pieces {
            prop_assert!(slice.events.t.iter().all(|t| (slice.start..slice.end).contains(t)));
            prop_assert_eq!(events.view().slice(slice.first..slice.first + slice.events.len()), slice.events);
            let rebased = slice.rebased();
            prop_assert!(rebased.view().t.iter().zip(slice.events.t).all(|(a, b)| a + slice.start == *b));
        }
    }

    /// With overlap each window begins `window - overlap` after the one before, and all that are whole are equally long.
    #[test]
    fn windows_that_overlap_are_equally_long(
        events in made::events(60), window in 2u64..90, share in 0.0..1.0,
    ) {
        let overlap = (window as f64 * share) as u64;
        let slicer = slicer(Cut::Time { window, overlap }, Rest::Drop);
        let slices = slicer.slices(events.view(), &[]).unwrap();
        let Some(&first) = events.view().t.first() else { return Ok(()) };
        for (i, slice) in slices.iter().enumerate() {
            let start = first + i as u64 * (window - overlap);
            prop_assert_eq!((slice.start, slice.end), (start, start + window));
            let inside = |t: &&u64| (start..start + window).contains(t);
            prop_assert_eq!(slice.events.len(), events.view().t.iter().filter(inside).count());
        }
        let after = first + slices.len() as u64 * (window - overlap) + window;
        prop_assert!(after > events.view().t.last().unwrap() + 1);
    }
}
