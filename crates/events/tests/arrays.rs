//! Events in files of arrays and of text: HDF5 (ECF, DSEC, SHD), NumPy, CSV and RPG.

#[path = "../../base/tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::process::Command;

use common::damage::{Choices, damaged};
use common::{fixture, real_data, skipped};
use cortado_events::format::Format;
use cortado_events::{
    Decoder, Event, Events, Geometry, Options, Policy, Reader, Recording, Report, Trigger, decode,
    encode, read, write,
};
use proptest::prelude::*;

/// What tests/oracle/arrays.py wrote.
fn expected() -> Events {
    let event = |k: u16| Event {
        t: 999 + 37 * u64::from(k),
        x: 7 * k % 640,
        y: 3 * k % 480,
        p: k.is_multiple_of(3),
    };
    (0..600).map(event).collect()
}

fn strict() -> Options {
    Options {
        policy: Policy::Strict,
        ..Options::default()
    }
}

fn fixture_of(name: &str, options: &Options) -> (Recording, Report) {
    read(&fixture(name), options).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn what_h5py_wrote() {
    let mut names: Vec<String> = [
        "dsec-m3ed",
        "dsec-big",
        "dsec-gzip",
        "mvsec",
        "table",
        "ecf-plain",
    ]
    .map(String::from)
    .to_vec();
    for codec in ["zstd", "lz4", "blosclz"] {
        names.extend((0..3).map(|shuffle| format!("dsec-{codec}-{shuffle}")));
    }
    for name in names {
        let (recording, report) = fixture_of(&format!("{name}.h5"), &strict());
        assert_eq!(recording.events, expected(), "{name}");
        assert_eq!(report.damaged(), 0);
        if name == "ecf-plain" {
            let trigger = |t, id, value| Trigger { t, id, value };
            assert_eq!(
                recording.triggers,
                [trigger(1500, 0, true), trigger(9000, 3, false)]
            );
            assert_eq!(recording.geometry, Some(Geometry::new(640, 480)));
            assert!(report.header.contains(&("version".into(), "1.0".into())));
        }
    }
}

#[test]
fn what_numpy_wrote() {
    let order = |text: &str| Options {
        columns: Some(text.into()),
        ..strict()
    };
    for (name, options) in [
        ("events-record.npy", strict()),
        ("events-seconds.npy", strict()),
        ("events-table.npy", order("txyp")),
        ("events-fortran.npy", order("xypt")),
        ("events-columns.npz", strict()),
        ("events-record.npz", strict()),
        ("events.zip", strict()),
    ] {
        let (recording, report) = fixture_of(name, &options);
        assert_eq!(recording.events, expected(), "{name}");
        let seconds = report
            .assumptions()
            .iter()
            .any(|a| a.contains("in seconds"));
        assert_eq!(
            seconds,
            name.contains("seconds") || name.contains("fortran") || name == "events-record.npz",
            "{name}"
        );
    }
    let e = read(&fixture("events-table.npy"), &strict())
        .unwrap_err()
        .to_string();
    assert!(
        e.contains("a letter for each of t, x, y, p") && e.contains("4 columns"),
        "{e}"
    );
    let (zip, _) = fixture_of("events.zip", &strict());
    assert_eq!(zip.geometry, Some(Geometry::new(640, 480)));
    let (text, _) = fixture_of("events-savetxt.txt", &strict());
    assert_eq!(text.events.view(), expected().view().slice(0..50));
}

/// What comes before the break of a packed stream counts the same in pieces and as a whole: damage in it stops a strict reader
/// before the break does.
#[test]
fn a_broken_archive_is_read_up_to_the_break() {
    let good = std::fs::read(fixture("events.zip")).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..3000 {
        let mut choices = Choices(seed);
        let bytes = damaged(&good, &mut choices);
        for policy in [Policy::Strict, Policy::Lenient] {
            let options = Options {
                policy,
                ..Options::default()
            };
            let whole = decoded(&bytes, &options, bytes.len().max(1));
            let pieces = decoded(&bytes, &options, 1 + choices.below(900));
            assert_eq!(whole, pieces, "seed {seed}");
            kinds.insert(whole.map_or_else(
                |e| e.split(' ').next().unwrap_or("").to_string(),
                |_| "read".into(),
            ));
        }
    }
    assert!(kinds.len() >= 3, "{kinds:?}");
}

/// The events of RPG text or an archive of it in pieces of `size` bytes, or the error.
fn decoded(bytes: &[u8], options: &Options, size: usize) -> Result<Events, String> {
    let mut out = Recording::default();
    let mut decoder = Decoder::new(Format::Rpg, options, "memory").map_err(|e| e.to_string())?;
    for piece in bytes.chunks(size) {
        decoder.feed(piece, &mut out).map_err(|e| e.to_string())?;
    }
    decoder.finish(&mut out).map_err(|e| e.to_string())?;
    Ok(out.events)
}

#[test]
fn a_sample_of_spikes() {
    let options = Options {
        sample: 3,
        ..strict()
    };
    let (recording, report) = fixture_of("shd-f8.h5", &options);
    let event = |k: u64| Event {
        t: 103_000 + 31_250 * k,
        x: ((111 + 11 * k) % 700) as u16,
        y: 0,
        p: true,
    };
    assert_eq!(recording.events, (0..1).map(event).collect());
    assert_eq!(recording.geometry, Some(Geometry::new(700, 1)));
    let said = report.assumptions();
    assert!(
        said.iter().any(|a| a.contains("sample 3 of the 9")),
        "{said:?}"
    );
    assert_eq!(report.header, [("label".to_string(), "0".to_string())]);
    let (recording, _) = fixture_of(
        "shd-gzip.h5",
        &Options {
            sample: 1,
            ..strict()
        },
    );
    // In half precision, nearest to 0.101 + 0.03125 k.
    assert_eq!(
        recording.events.view().t,
        [101_013, 132_202, 163_452, 194_702, 225_952]
    );
    let e = read(
        &fixture("shd-f8.h5"),
        &Options {
            sample: 9,
            ..strict()
        },
    )
    .unwrap_err();
    assert!(e.to_string().contains("expected below 9"), "{e}");
}

const FILES: [Format; 4] = [Format::Dsec, Format::Ecf, Format::Npz, Format::Shd];
const STREAMS: [Format; 3] = [Format::Csv, Format::Npy, Format::Rpg];

fn written(format: Format, recording: &Recording) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("a.{}", format.endings()[0]));
    // Only one of these has a place for triggers; the others refuse them.
    let plain = Recording {
        triggers: Vec::new(),
        ..recording.clone()
    };
    let holds = format == Format::Ecf || recording.triggers.is_empty();
    assert_eq!(write(&path, format, recording).is_ok(), holds);
    write(&path, format, if holds { recording } else { &plain }).unwrap();
    (folder, path)
}

#[test]
fn python_reads_it() {
    let python = std::env::var("CORTADO_PYTHON").unwrap_or("python3".into());
    let has = Command::new(&python)
        .args(["-c", "import h5py, hdf5plugin"])
        .output();
    if !has.is_ok_and(|out| out.status.success()) {
        skipped("no h5py and hdf5plugin for python3 (CORTADO_PYTHON names another)");
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/arrays_read.py");
    let mut recording = Recording {
        events: expected(),
        geometry: Some(Geometry::new(640, 480)),
        ..Recording::default()
    };
    let sum = format!("600 {:016x}\n", expected().checksum());
    for format in [
        Format::Npy,
        Format::Npz,
        Format::Dsec,
        Format::Ecf,
        Format::Shd,
    ] {
        let mut words = sum.clone();
        match format {
            Format::Dsec => words += "640x480 24\n",
            Format::Ecf => {
                recording.triggers = vec![Trigger {
                    t: 1500,
                    id: 3,
                    value: true,
                }];
                words =
                    "(600,) ('x', 'y', 'p', 't') 16 (16384,) ['36559']\n640x480 [(1, 1500, 3)]\n\
                         [(0, 999), (28, 2035), (82, 4033)] 0\n"
                        .into();
            }
            Format::Shd => {
                let line = |e: Event| Event { y: 0, p: true, ..e };
                recording.events = expected().iter().map(line).collect();
                words = format!("600 {:016x}\n", recording.events.checksum());
            }
            _ => {}
        }
        let (_folder, path) = written(format, &recording);
        let out = Command::new(&python)
            .arg(&script)
            .arg(format.name())
            .arg(&path)
            .output()
            .unwrap();
        let (got, error) = (
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr),
        );
        assert_eq!(got, words, "{}: {error}", format.name());
    }
}

#[test]
fn real_files() {
    let Some(folder) = real_data("events") else {
        return;
    };
    let (csv, report) = read(&folder.join("events/csv_sample.csv"), &strict()).unwrap();
    let view = csv.events.view();
    let first = view.get(0);
    assert_eq!((view.len(), first.t, view.t.is_sorted()), (100, 0, true));
    assert!(
        report
            .assumptions()
            .iter()
            .any(|a| a.contains("in microseconds"))
    );
    let (npy, _) = read(&folder.join("events/evt3_sample.npy"), &strict()).unwrap();
    assert_eq!(npy.events.len(), 219_596);
    // As NumPy reads it. The program that wrote it took eleven steps of 4096 us too many; the RAW file beside it has 8812
    // steps of a microsecond.
    assert_eq!(npy.events.checksum(), 0xc342_183c_3d24_19f1);
    let (raw, _) = read(&folder.join("events/evt3_sample.raw"), &strict()).unwrap();
    let (a, b) = (npy.events.view(), raw.events.view());
    assert_eq!((a.x, a.y, a.p), (b.x, b.y, b.p));
    let apart = || a.t.iter().zip(b.t).map(|(a, b)| a - b);
    assert!(apart().all(|d| d % 4096 == 0) && apart().is_sorted());
    assert_eq!(apart().max(), Some(11 * 4096));
}

/// Text that is no event is found where it is, and skipped.
#[test]
fn lines_that_are_no_event() {
    let text =
        b"# made\nt;x;y;p\n1;2;3;1\n2;2\n\n3;2;70000;1\n4;2;3;yes\n5;2;3;0;9\n6;2;3;0\n-7;2;3;0";
    let mut recording = Recording::default();
    let report = decode(
        text,
        Format::Csv,
        &Options::default(),
        "a test",
        &mut recording,
    )
    .unwrap();
    assert_eq!(recording.events.view().t, [1, 6]);
    assert_eq!(report.damaged(), 5);
    let first = "line at a test, line 4, byte 23: expected a time, x, y and polarity, got \"2;2\"";
    assert_eq!(report.places()[0], first);
    let strict = decode(text, Format::Csv, &strict(), "a test", &mut recording).unwrap_err();
    assert_eq!(strict.to_string(), first);
    for (text, t) in [
        ("0.5,1,2,1\n3,1,2,0\n", [500_000, 3_000_000]),
        ("p,y,x,time [us]\n1,2,1,7\n0,2,1,9", [7, 9]),
        (
            "\u{feff}timestamp\tx\ty\tpolarity\r\n5\t1\t2\tTrue\r\n6\t1\t2\tFALSE\r\n",
            [5, 6],
        ),
    ] {
        let report = decode(
            text.as_bytes(),
            Format::Csv,
            &Options::default(),
            "a test",
            &mut recording,
        )
        .unwrap();
        let event = |t, p| Event { t, x: 1, y: 2, p };
        assert_eq!(
            recording.events,
            [event(t[0], true), event(t[1], false)]
                .into_iter()
                .collect(),
            "{text}"
        );
        assert_eq!(report.damaged(), 0);
    }
    let rpg = b"0.0000005 3 4 -1\n  1.25\t3 4 1 \n1 2\n";
    let report = decode(
        rpg,
        Format::Rpg,
        &Options::default(),
        "a test",
        &mut recording,
    )
    .unwrap();
    assert_eq!(recording.events.view().t, [1, 1_250_000]);
    assert_eq!(report.damaged(), 1);
}

#[test]
fn what_a_format_cannot_hold_is_said() {
    let one = |event: Event| Recording {
        events: [event].into_iter().collect(),
        ..Recording::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    for (format, event, words) in [
        (
            Format::Ecf,
            Event {
                x: 2048,
                ..Event::default()
            },
            "up to 2047",
        ),
        (
            Format::Shd,
            Event {
                y: 1,
                p: true,
                ..Event::default()
            },
            "row 0",
        ),
        (
            Format::Dsec,
            Event {
                t: 1 << 63,
                ..Event::default()
            },
            "2^63",
        ),
        (
            Format::Npz,
            Event {
                t: 1 << 63,
                ..Event::default()
            },
            "2^63",
        ),
        (
            Format::Npy,
            Event {
                t: 1 << 63,
                ..Event::default()
            },
            "2^63",
        ),
    ] {
        let e = write(&path, format, &one(event)).unwrap_err().to_string();
        assert!(e.contains(words), "{e}");
        assert!(!path.exists());
    }
}

/// A header that promises more than there is.
#[test]
fn rows_that_are_not_there() {
    let recording = Recording {
        events: expected(),
        ..Recording::default()
    };
    let bytes = encode(Format::Npy, &recording).unwrap();
    let mut back = Recording::default();
    let short = &bytes[..bytes.len() - 20];
    let report = decode(short, Format::Npy, &Options::default(), "a test", &mut back).unwrap();
    assert_eq!((back.events.len(), report.damaged()), (598, 1));
    assert!(
        report.places()[0].contains("byte 7966: expected the end after 600 rows"),
        "{:?}",
        report.places()
    );
    let long = [&bytes[..], b"abc"].concat();
    let report = decode(&long, Format::Npy, &Options::default(), "a test", &mut back).unwrap();
    assert_eq!((back.events.len(), report.damaged()), (600, 1));
}

fn any_recording(most: u16, triggers: bool) -> impl Strategy<Value = Recording> {
    let time = prop_oneof![
        Just(0u64),
        0..50_000u64,
        (1u64 << 31) - 5..(1u64 << 31) + 5,
        0..1u64 << 49
    ];
    let edge = prop_oneof![Just(0), Just(most), 0..=most];
    let event = (time.clone(), edge.clone(), edge, any::<bool>());
    let event = event.prop_map(|(t, x, y, p)| Event { t, x, y, p });
    let events = prop_oneof![
        prop::collection::vec(event.clone(), 0..40),
        // Rows of neighbours, as cameras send them.
        (event, 0..400u16, 1..7u16).prop_map(move |(e, n, step)| {
            let next = |k: u16| Event {
                x: (e.x % 1000 + k / step).min(most),
                t: e.t + u64::from(k / 50),
                p: k % 9 < 7,
                ..e
            };
            (0..n).map(next).collect()
        }),
    ];
    let trigger =
        (time, 0..9u16, any::<bool>()).prop_map(|(t, id, value)| Trigger { t, id, value });
    let triggers = prop::collection::vec(trigger, 0..if triggers { 4 } else { 1 });
    let size = prop::option::of((1..=most, 1..=most));
    (events, triggers, size).prop_map(move |(events, triggers, size)| Recording {
        events: events.into_iter().collect(),
        triggers,
        geometry: size.map(|(w, h)| Geometry::new(w, h)),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn streams_there_and_back(recording in any_recording(u16::MAX, false)) {
        for format in STREAMS {
            if recording.events.is_empty() && format == Format::Rpg {
                continue;
            }
            let bytes = encode(format, &recording).unwrap();
            let mut back = Recording::default();
            let report = decode(&bytes, format, &strict(), "a test", &mut back).unwrap();
            prop_assert_eq!(&back.events, &recording.events, "{}", format.name());
            prop_assert!(format != Format::Rpg || back.geometry == recording.geometry);
            prop_assert_eq!(report.damaged(), 0);
        }
    }

    /// The same bytes in any pieces, whole or damaged.
    #[test]
    fn pieces_do_not_matter(
        recording in any_recording(u16::MAX, false), seed in any::<u64>(), size in 1usize..300, table in any::<bool>(),
    ) {
        let mut inputs: Vec<(Format, Vec<u8>)> = STREAMS
            .iter()
            .map(|&f| (f, encode(f, &recording).unwrap()))
            .collect();
        inputs.push((Format::Rpg, std::fs::read(fixture("events.zip")).unwrap()));
        inputs.push((Format::Npy, std::fs::read(fixture("events-fortran.npy")).unwrap()));
        let options = Options { columns: table.then(|| "xypt".into()), ..Options::default() };
        for (format, bytes) in inputs {
            let bytes = if seed % 4 == 0 { bytes } else { damaged(&bytes, &mut Choices(seed)) };
            let run = |pieces: usize| {
                let mut out = Recording::default();
                let mut decoder = Decoder::new(format, &options, "a test").unwrap();
                let mut done = bytes.chunks(pieces).try_for_each(|piece| decoder.feed(piece, &mut out));
                done = done.and_then(|()| decoder.finish(&mut out));
                (done.map(|()| out).map_err(|e| e.to_string()), decoder.report().clone())
            };
            let (whole, report) = run(bytes.len().max(1));
            let (parts, other) = run(size);
            prop_assert_eq!(&whole, &parts, "{}", format.name());
            if whole.is_ok() {
                prop_assert_eq!(report, other);
                let events = whole.map_or(0, |w| w.events.len());
                prop_assert!(events <= 1100 * bytes.len());
            }
        }
    }
}

proptest! {
    // Each file is waited for until it is on disk.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn files_there_and_back(recording in any_recording(u16::MAX, false)) {
        for format in [Format::Dsec, Format::Npz] {
            let (_folder, path) = written(format, &recording);
            let (back, report) = read(&path, &strict()).unwrap();
            prop_assert_eq!(&back.events, &recording.events, "{}", format.name());
            prop_assert!(format != Format::Dsec || back.geometry == recording.geometry);
            prop_assert_eq!(report.damaged(), 0);
        }
    }

    #[test]
    fn ecf_there_and_back(recording in any_recording(2047, true)) {
        let (_folder, path) = written(Format::Ecf, &recording);
        let (back, _) = read(&path, &strict()).unwrap();
        prop_assert_eq!(back, recording);
    }

    #[test]
    fn shd_there_and_back(recording in any_recording(u16::MAX, false)) {
        let line = |e: Event| Event { y: 0, p: true, ..e };
        let events: Events = recording.events.iter().map(line).collect();
        let (_folder, path) = written(Format::Shd, &Recording { events: events.clone(), ..Recording::default() });
        prop_assert_eq!(read(&path, &strict()).unwrap().0.events, events);
    }
}

/// Damaged files give events or a sentence; never a panic that gets out, nor more than is there.
#[test]
fn damaged_files() {
    let recording = Recording {
        events: expected(),
        triggers: vec![Trigger {
            t: 1500,
            id: 3,
            value: true,
        }],
        geometry: Some(Geometry::new(640, 480)),
    };
    let mut inputs: Vec<Vec<u8>> = [
        "dsec-zstd-1.h5",
        "dsec-big.h5",
        "mvsec.h5",
        "shd-gzip.h5",
        "ecf-plain.h5",
        "events-columns.npz",
    ]
    .iter()
    .map(|name| std::fs::read(fixture(name)).unwrap())
    .collect();
    for format in FILES.into_iter().filter(|f| *f != Format::Shd) {
        inputs.push(std::fs::read(written(format, &recording).1).unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let (mut read_well, mut refused) = (0, 0);
    for (i, input) in inputs.iter().enumerate() {
        for seed in 0..80 {
            let bytes = damaged(input, &mut Choices(1000 * i as u64 + seed));
            std::fs::write(&path, &bytes).unwrap();
            match read(&path, &Options::default()) {
                Ok((recording, _)) => {
                    assert!(recording.events.len() <= 1100 * bytes.len() + (1 << 20));
                    read_well += 1;
                }
                Err(e) => {
                    assert!(e.to_string().contains("expected"), "{e}");
                    refused += 1;
                }
            }
        }
    }
    assert!(
        read_well > 80 && refused > 80,
        "{read_well} read, {refused} refused"
    );
}

/// What needs a file is read from a stream as well.
#[test]
fn hdf5_from_a_stream() {
    for name in ["dsec-lz4-1.h5", "events-columns.npz"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let stream = Box::new(std::io::Cursor::new(bytes));
        let mut reader = Reader::stream(stream, "a test", None, &strict()).unwrap();
        let mut recording = Recording::default();
        while reader.next(&mut recording).unwrap() {}
        assert_eq!(recording.events, expected(), "{name}");
    }
}
