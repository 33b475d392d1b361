//! Spoken digits of a silicon cochlea, from a file that h5py made (tests/oracle/ntidigits.py).

use cortado::encode::Sample;
use cortado_base::hdf5::{Kind, Packing, Writer};
use cortado_data::{load_split, ntidigits};
use std::path::Path;

#[test]
fn single_digits_are_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("ntidigits")).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ntidigits.hdf5");
    std::fs::copy(from, folder.path().join("ntidigits/n-tidigits.hdf5")).unwrap();
    let split = load_split("ntidigits", folder.path(), "official").unwrap();
    assert_eq!(
        (split.train.shape.as_slice(), split.train.classes),
        (&[64][..], 11)
    );
    // The one of three digits is left out.
    assert_eq!(
        (split.train.labels(), split.test.labels()),
        (&[3, 10, 0][..], &[9][..])
    );
    let spikes = |set: &cortado_data::Dataset, i| match set.sample(i) {
        Sample::Events(e) => (e.times.to_vec(), e.units.to_vec()),
        _ => panic!("no events"),
    };
    // 1.5 us is rounded away from 0.
    assert_eq!(
        spikes(&split.train, 0),
        (vec![0, 2, 250_000, 1_234_568], vec![0, 63, 7, 7])
    );
    assert_eq!(spikes(&split.train, 2), (vec![], vec![]));
    assert_eq!(spikes(&split.test, 0), (vec![3000, 3000], vec![5, 6]));
    let e = load_split("ntidigits", folder.path(), "0").unwrap_err();
    assert!(e.to_string().contains("expected official"), "{e}");
}

/// Writes a file in which both parts hold one recording.
fn made(path: &Path, names: &[&str], times: &[f64], channels: &[i64]) {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let writer = Writer::create(path).unwrap();
    for part in ["train", "test"] {
        writer.strings(&format!("{part}_labels"), &names).unwrap();
        let real = Kind::Real {
            bytes: 8,
            big: false,
        };
        let whole = Kind::Integer {
            bytes: 8,
            signed: true,
            big: false,
        };
        for (what, kind) in [("timestamps", real), ("addresses", whole)] {
            writer.group(&format!("{part}_{what}")).unwrap();
            let name = format!("{part}_{what}/m-a-a-5");
            let mut column = writer.column(&name, &kind, Packing::Zstd).unwrap();
            let bytes: Vec<u8> = match what {
                "timestamps" => times.iter().flat_map(|t| t.to_le_bytes()).collect(),
                _ => channels.iter().flat_map(|c| c.to_le_bytes()).collect(),
            };
            column.append(&bytes).unwrap();
        }
    }
    writer.finish().unwrap();
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.hdf5");
    let one = &["m-a-a-5"][..];
    type Case<'a> = (&'a [&'a str], &'a [f64], &'a [i64], &'a str);
    let cases: [Case; 9] = [
        (one, &[0.5], &[64], "channels from 0 to 63, got 64"),
        (one, &[0.5], &[-1], "channels from 0 to 63, got -1"),
        (one, &[-0.5], &[1], "below 71 minutes, got -0.5"),
        (one, &[f64::NAN], &[1], "below 71 minutes, got NaN"),
        (one, &[4294.967295], &[1], "below 71 minutes"),
        (one, &[0.5, 0.6], &[1], "2, one for each time, got 1"),
        (
            &["m-a-a-5", "m-a-a-5"],
            &[0.5],
            &[1],
            "every recording once",
        ),
        (&["m-a-a-x"], &[0.5], &[1], "digits, z or o"),
        (
            &["m-a-a-55"],
            &[0.5],
            &[1],
            "single digits, got 1 recordings",
        ),
    ];
    for (names, times, channels, word) in cases {
        made(&path, names, times, channels);
        let e = ntidigits::read(&path).unwrap_err().to_string();
        assert!(e.contains(word), "{word} in {e}");
    }
    made(&path, one, &[4294.967294], &[63]);
    assert_eq!(ntidigits::read(&path).unwrap().test.labels(), [5]);
    made(&path, &["m-a-b-5"], &[0.5], &[1]);
    let e = ntidigits::read(&path).unwrap_err().to_string();
    assert!(e.contains("train_timestamps/m-a-b-5"), "{e}");
}
