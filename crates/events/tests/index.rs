//! Windows of time by an index beside the file.

mod common;

use cortado_events::format::Format;
use cortado_events::{Event, Geometry, Options, Reader, Recording, write};

/// A minute of events, some of them late, with times that begin again in EVT 3.0.
fn recording(format: Format) -> Recording {
    let late = format != Format::Es;
    let event = |i: u64| Event {
        t: 300 * i
            + if late && i.is_multiple_of(7) {
                20_000
            } else {
                0
            },
        x: (i * 7 % 300) as u16,
        y: (i / 40 % 200) as u16,
        p: i.is_multiple_of(3),
    };
    let mut r = Recording {
        geometry: Some(Geometry::new(320, 240)),
        ..Recording::default()
    };
    r.events.extend((0..200_000).map(event));
    r
}

#[test]
fn a_window_by_the_index_is_that_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    for format in [
        Format::Evt2,
        Format::Evt21,
        Format::Evt3,
        Format::Dat,
        Format::Es,
        Format::Aedat4,
        Format::Csv,
    ] {
        let path = folder.path().join(format.name());
        let r = recording(format);
        write(&path, format, &r).unwrap();
        let indexed = format != Format::Csv;
        let mut least = usize::MAX;
        for from in [0, 1, 30_000_000, 45_123_456, 59_999_000, 90_000_000] {
            let until = from + 100_000;
            let open = Reader::open_at(&path, None, &Options::default(), from);
            let mut reader = open.unwrap().until(until);
            let (mut all, mut seen) = (Recording::default(), 0);
            let mut batch = Recording::default();
            while reader.next(&mut batch).unwrap() {
                seen += batch.events.len();
                all.events
                    .extend(batch.events.iter().filter(|e| (from..until).contains(&e.t)));
                all.geometry = batch.geometry;
                batch.clear();
            }
            if from == 45_123_456 {
                least = seen;
            }
            let expected: Vec<Event> = r
                .events
                .iter()
                .filter(|e| (from..until).contains(&e.t))
                .collect();
            assert!(all.events.iter().eq(expected), "{format:?} {from}");
            if from < 90_000_000 && indexed {
                assert_eq!(all.geometry, r.geometry, "{format:?} {from}");
            }
        }
        let index = folder.path().join(format!("{}.idx", format.name()));
        assert_eq!(index.exists(), indexed, "{format:?}");
        if indexed {
            // A small part was read, and again from the file.
            assert!(least < 120_000, "{format:?} {least}");
            assert!(std::fs::metadata(&index).unwrap().len() > 100);
        }
    }
}

/// An index of another recording, or a damaged one, is made anew.
#[test]
fn a_wrong_index_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.raw");
    let beside = folder.path().join("a.raw.idx");
    let mut r = recording(Format::Evt3);
    write(&path, Format::Evt3, &r).unwrap();
    let count = || {
        let mut reader = Reader::open_at(&path, None, &Options::default(), 50_000_000).unwrap();
        let mut all = Recording::default();
        while reader.next(&mut all).unwrap() {}
        all.events.iter().filter(|e| e.t >= 50_000_000).count()
    };
    let expected = r.events.iter().filter(|e| e.t >= 50_000_000).count();
    assert_eq!(count(), expected);
    let good = std::fs::read(&beside).unwrap();
    for bad in [&good[..good.len() - 8], &good[..17], &[], &good[8..]] {
        std::fs::write(&beside, bad).unwrap();
        assert_eq!(count(), expected);
        assert_eq!(std::fs::read(&beside).unwrap(), good);
    }
    r.events.truncate(180_000);
    write(&path, Format::Evt3, &r).unwrap();
    assert_eq!(
        count(),
        r.events.iter().filter(|e| e.t >= 50_000_000).count()
    );
    assert_ne!(std::fs::read(&beside).unwrap(), good);
}
