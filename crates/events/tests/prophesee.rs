//! EVT 2.0, 2.1 and 3.0: recordings of cameras, and what is written here.

mod common;

use common::{Choices, at_once, damaged, in_pieces, strict, ways_agree};
use cortado_events::format::Format;
use cortado_events::{Event, Geometry, Options, Recording, Trigger, encode, read};
use proptest::prelude::*;

const FORMATS: [Format; 3] = [Format::Evt2, Format::Evt21, Format::Evt3];

/// Events, of which brighter, first and last time, checksum, sensor; of the README beside the files.
type Expected = (usize, usize, u64, u64, u64, Option<(u16, u16)>);

const FILES: [(&str, Expected); 3] = [
    (
        "evt2_sample.raw",
        (
            539_481,
            367_855,
            1_317_888,
            1_367_888,
            0x1bcb_d8b0_01ed_08f1,
            Some((640, 480)),
        ),
    ),
    (
        "evt3_sample.raw",
        (
            219_596,
            115_532,
            11_718_656,
            11_727_457,
            0x27e5_2723_9084_79f1,
            Some((1280, 720)),
        ),
    ),
    (
        "evt3_trigger.raw",
        (
            82_469,
            41_439,
            14_224_870,
            15_476_187,
            0xa97a_53e4_7805_ad18,
            Some((1280, 720)),
        ),
    ),
];

fn summary(r: &Recording) -> Expected {
    let events = r.events.view();
    (
        events.len(),
        events.p.iter().filter(|&&p| p).count(),
        events.t[0],
        events.t[events.len() - 1],
        r.events.checksum(),
        r.geometry.map(|g| (g.width, g.height)),
    )
}

#[test]
fn recordings_of_cameras() {
    let Some(folder) = common::real_data("events") else {
        return;
    };
    for (name, expected) in FILES {
        let path = folder.join("events").join(name);
        let (recording, report) = read(&path, &Options::default()).unwrap();
        assert_eq!(summary(&recording), expected, "{name}");
        assert_eq!(report.damaged(), 0, "{name}: {:?}", report.places());
        let bytes = std::fs::read(&path).unwrap();
        let format = if name.starts_with("evt2") {
            Format::Evt2
        } else {
            Format::Evt3
        };
        for sizes in [&[1009][..], &[1, 7, 4096]] {
            let (pieces, _) = in_pieces(&bytes, format, &strict(), sizes).unwrap();
            assert!(pieces == recording, "{name}");
        }
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let (whole, _) = pool.install(|| at_once(&bytes, format, &strict())).unwrap();
            assert!(whole == recording, "{name}");
        }
    }
    let (r, _) = read(&folder.join("events/evt3_trigger.raw"), &Options::default()).unwrap();
    let edges: Vec<_> = r.triggers.iter().map(|g| (g.t, g.id, g.value)).collect();
    assert_eq!(edges, [(14_547_491, 0, false), (14_549_491, 0, true)]);
}

/// What a camera sent comes back from every encoding, in all of its order.
#[test]
fn through_every_encoding() {
    let Some(folder) = common::real_data("events") else {
        return;
    };
    for (name, expected) in FILES {
        let (recording, _) = read(&folder.join("events").join(name), &Options::default()).unwrap();
        for format in FORMATS {
            let bytes = encode(format, &recording).unwrap();
            let (again, report) = at_once(&bytes, format, &Options::default()).unwrap();
            assert_eq!(summary(&again), expected, "{name} {format:?}");
            assert_eq!(again.triggers, recording.triggers);
            assert_eq!(report.damaged(), 0);
        }
    }
}

/// Times in any order that is less than half a turn of any clock here behind the newest; rows and columns up to the largest.
fn recording() -> impl Strategy<Value = Recording> {
    let event = (
        -3_000_000i64..12_000_000,
        0u8..8,
        0u16..2048,
        0u16..2048,
        any::<bool>(),
    );
    let events = prop::collection::vec(event, 0..60);
    let triggers = prop::collection::vec((0u64..50_000_000, 0u16..16, any::<bool>()), 0..4);
    let all = (0u64..80_000_000, events, triggers, any::<bool>());
    all.prop_map(|(start, events, triggers, sensor)| {
        let mut r = Recording::default();
        let mut last = Event {
            t: start,
            ..Event::default()
        };
        // A reader counts from the newest one.
        let mut newest = start;
        for (step, like, x, y, p) in events {
            // Some events beside the one before, so that there are vectors.
            last = match like {
                0..3 => Event {
                    t: newest.saturating_add_signed(step),
                    x,
                    y,
                    p,
                },
                3 => Event { x: x % 64, ..last },
                _ => Event {
                    x: (last.x + 1 + x % 20).min(2047),
                    ..last
                },
            };
            newest = newest.max(last.t);
            r.events.push(last);
        }
        let trigger = |(t, id, value)| Trigger {
            t: start + t,
            id,
            value,
        };
        r.triggers = triggers.into_iter().map(trigger).collect();
        r.triggers.sort_by_key(|g| g.t);
        r.geometry = sensor.then_some(Geometry::new(2048, 2048));
        r
    })
}

/// The words of EVT 2.1 with their upper halves first.
fn halves_turned(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.windows(6).position(|w| w == b"% end\n").unwrap() + 6;
    let mut out = bytes[..start].to_vec();
    for word in bytes[start..].chunks(8) {
        out.extend([&word[4..], &word[..4]].concat());
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Without triggers, since those change the order of events against each other where times step back.
    #[test]
    fn events_come_back(r in recording(), sizes in prop::collection::vec(1usize..40, 1..5)) {
        for format in FORMATS {
            let r = Recording { triggers: Vec::new(), ..r.clone() };
            let bytes = encode(format, &r).unwrap();
            let (again, _) = at_once(&bytes, format, &strict()).unwrap();
            prop_assert_eq!(&again, &r);
            let (again, _) = in_pieces(&bytes, format, &strict(), &sizes).unwrap();
            prop_assert_eq!(&again, &r);
            if format == Format::Evt21 && r.events.len() > 3 {
                let (again, report) = at_once(&halves_turned(&bytes), format, &strict()).unwrap();
                prop_assert_eq!(&again, &r);
                prop_assert_eq!(report.assumptions().len(), 1);
            }
        }
    }

    #[test]
    fn triggers_come_back_with_events_in_order(r in recording()) {
        let mut r = r;
        r.events.sort();
        for format in FORMATS {
            let bytes = encode(format, &r).unwrap();
            let (again, _) = at_once(&bytes, format, &Options::default()).unwrap();
            prop_assert_eq!(&again, &r);
        }
    }

    /// Whatever the bytes, all ways to read them agree, and memory is that of the words.
    #[test]
    fn damage_is_found_by_all(r in recording(), seed in any::<u64>(), size in 1usize..50) {
        for format in FORMATS {
            let bytes = damaged(&encode(format, &r).unwrap(), &mut Choices(seed));
            for options in [Options::default(), strict()] {
                if let Ok((r, _)) = ways_agree(&bytes, format, &options, &[size]) {
                    prop_assert!(r.events.len() <= 6 * bytes.len());
                }
            }
        }
    }
}

/// Long enough for many segments, with states that reach from one into the next: a row and a base that are said only once,
/// and a clock that begins again.
#[test]
fn segments_agree_with_one_machine() {
    let mut r = Recording::default();
    for i in 0..3_000_000u64 {
        let (row, column) = match i < 1_500_000 {
            true => (7, i % 3 * 40),
            false => (i % 500, i * 7919 % 1200),
        };
        let t = i * 17 + i / 1000 % 2 * 9000;
        r.events.push(Event {
            t,
            x: column as u16,
            y: row as u16,
            p: i % 5 < 2,
        });
    }
    for format in FORMATS {
        let bytes = encode(format, &r).unwrap();
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let whole = || at_once(&bytes, format, &Options::default());
            let (again, report) = pool.install(whole).unwrap();
            assert!(again == r, "{format:?} {threads}");
            assert_eq!(report.wraps, if format == Format::Evt3 { 3 } else { 0 });
        }
    }
}

#[test]
fn what_does_not_fit_is_a_sentence() {
    let mut r = Recording::default();
    r.events.push(Event {
        t: 5,
        x: 2048,
        y: 0,
        p: true,
    });
    assert_eq!(
        encode(Format::Evt3, &r).unwrap_err().to_string(),
        "pixel at the event at 5 us: expected x and y up to 2047 in EVT 3.0, got (2048, 0)"
    );
    r.events.clear();
    r.events.push(Event {
        t: 1_605_537_493_718_345,
        ..Event::default()
    });
    assert!(
        encode(Format::Evt3, &r)
            .unwrap_err()
            .to_string()
            .contains("begin at 0")
    );
    r.events.clear();
    r.events.extend([30_000_000, 2].map(|t| Event {
        t,
        ..Event::default()
    }));
    assert!(
        encode(Format::Evt3, &r)
            .unwrap_err()
            .to_string()
            .contains("half a turn")
    );
    let small = Options {
        geometry: Some(Geometry::new(10, 10)),
        ..strict()
    };
    let bytes = b"% evt 3.0\n% end\n\x01\x80\x05\x00\x0b\x20";
    assert_eq!(
        at_once(bytes, Format::Evt3, &small)
            .unwrap_err()
            .to_string(),
        "pixel at memory, byte 20: expected a pixel of 10x10, got (11, 5)"
    );
    let bytes = b"% evt 2.0\n% end\n\x01\x00\x00\x80\x00\x00\x00\x50";
    assert_eq!(
        at_once(bytes, Format::Evt2, &strict())
            .unwrap_err()
            .to_string(),
        "word at memory, byte 20: expected type 0, 1, 8, 10 or 13 to 15 in the upper four bits, got 0x50000000"
    );
}
