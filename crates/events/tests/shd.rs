//! Spikes in HDF5 files that h5py wrote, and in ones that are wrong.

#[path = "../../base/tests/common/mod.rs"]
mod common;

use std::path::Path;

use common::fixture;
use cortado_events::Shd;
use rust_hdf5::H5File;

/// The nearest number with 11 significant bits, which half precision has between 2^-14 and 65504.
fn to_half(x: f64) -> f32 {
    let step = 2f64.powi(x.log2().floor() as i32 - 10);
    ((x / step).round_ties_even() * step) as f32
}

/// What tests/oracle/shd.py wrote.
fn expected(round: fn(f64) -> f32, extra: bool) -> Shd {
    let spikes = |s: u32| 0..5 * s % 7;
    let time = |s: u32, k: u32| round(0.1 + 0.03125 * f64::from(k) + 0.001 * f64::from(s));
    let unit = |s: u32, k: u32| ((37 * s + 11 * k) % 700) as u16;
    Shd {
        times: (0..9)
            .map(|s| spikes(s).map(|k| time(s, k)).collect())
            .collect(),
        units: (0..9)
            .map(|s| spikes(s).map(|k| unit(s, k)).collect())
            .collect(),
        labels: (0..9).map(|s| s % 3).collect(),
        speakers: extra.then(|| (0..9).map(|s| s % 2).collect()),
        classes: extra.then(|| ["zero", "one", "two"].map(String::from).to_vec()),
    }
}

#[test]
fn what_h5py_wrote() {
    for (name, round, extra) in [
        ("plain", to_half as fn(f64) -> f32, true),
        ("gzip", to_half, true),
        ("latest", to_half, true),
        ("userblock", to_half, true),
        ("f4", |x| x as f32, true),
        ("f8", |x| x as f32, false),
    ] {
        let got = Shd::read(&fixture(&format!("shd-{name}.h5")));
        assert_eq!(got.unwrap(), expected(round, extra), "{name}");
    }
}

type Rows<'a, T> = &'a [&'a [T]];

/// Writes a file with these data sets.
fn write(path: &Path, times: Rows<f32>, units: Rows<i32>, labels: &[i32], keys: &[&str]) {
    let file = H5File::create(path).unwrap();
    file.create_group("spikes").unwrap();
    file.create_group("extra").unwrap();
    file.write_vlen_numeric("spikes/times", times).unwrap();
    file.write_vlen_numeric("spikes/units", units).unwrap();
    let data = file
        .new_dataset::<i32>()
        .shape([labels.len()])
        .create("labels")
        .unwrap();
    data.write_raw(labels).unwrap();
    if !keys.is_empty() {
        file.write_vlen_strings("extra/keys", keys).unwrap();
    }
    file.close().unwrap();
}

#[test]
fn what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5");
    let (t, u): (Rows<f32>, Rows<i32>) = (&[&[0.5, 0.25], &[]], &[&[3, 699], &[]]);
    write(&path, t, u, &[0, 1], &["a", "b"]);
    let right = Shd::read(&path).unwrap();
    assert_eq!(
        (right.times, right.units),
        (vec![vec![0.5, 0.25], vec![]], vec![vec![3, 699], vec![]])
    );
    assert_eq!(right.classes.unwrap(), ["a", "b"]);

    /// Times, units, labels, keys, and what is said of them.
    type Case<'a> = (
        Rows<'a, f32>,
        Rows<'a, i32>,
        &'a [i32],
        &'a [&'a str],
        &'a str,
    );
    let cases: [Case<'_>; 8] = [
        (
            t,
            u,
            &[0, 2],
            &["a", "b"],
            "sample 1: expected below 2, the number of classes, got 2",
        ),
        (
            t,
            u,
            &[0, -1],
            &[],
            "labels: expected whole numbers from 0 on",
        ),
        (
            t,
            u,
            &[0],
            &[],
            "spikes/times: expected 1 elements, one for each label, got 2",
        ),
        (
            t,
            &[&[3], &[]],
            &[0, 0],
            &[],
            "sample 0: expected 2, one for each time, got 1",
        ),
        (
            t,
            &[&[3, 65536], &[]],
            &[0, 0],
            &[],
            "spikes/units: expected numbers that fit",
        ),
        (
            t,
            &[&[3, -1], &[]],
            &[0, 0],
            &[],
            "spikes/units: expected numbers that fit",
        ),
        (
            &[&[0.5, -0.25], &[]],
            u,
            &[0, 0],
            &[],
            "sample 0: expected seconds from 0 on, got -0.25",
        ),
        (
            &[&[f32::NAN, 0.0], &[]],
            u,
            &[0, 0],
            &[],
            "sample 0: expected seconds from 0 on, got NaN",
        ),
    ];
    for (times, units, labels, keys, words) in cases {
        write(&path, times, units, labels, keys);
        let e = Shd::read(&path).unwrap_err().to_string();
        assert!(e.contains(words), "{e}");
    }
}

#[test]
fn other_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5");
    assert!(
        Shd::read(&path)
            .unwrap_err()
            .to_string()
            .contains("cannot open")
    );
    std::fs::write(&path, b"no HDF5").unwrap();
    let e = Shd::read(&path).unwrap_err().to_string();
    assert!(
        e.contains("HDF5 file at") && e.contains("expected readable data"),
        "{e}"
    );
    H5File::create(&path).unwrap().close().unwrap();
    let e = Shd::read(&path).unwrap_err().to_string();
    assert!(e.contains("expected labels, got none of this name"), "{e}");

    let numbers = H5File::create(&path).unwrap();
    let flat = |name: &str| {
        numbers
            .new_dataset::<f32>()
            .shape([2])
            .create(name)
            .unwrap()
    };
    numbers.create_group("spikes").unwrap();
    flat("spikes/times").write_raw(&[0.5f32, 1.0]).unwrap();
    let labels = numbers
        .new_dataset::<u16>()
        .shape([2])
        .create("labels")
        .unwrap();
    labels.write_raw(&[0u16, 0]).unwrap();
    numbers.close().unwrap();
    let e = Shd::read(&path).unwrap_err().to_string();
    assert!(e.contains("spikes/times: expected rows of numbers"), "{e}");
}

/// A shape far beyond the file costs no memory, whatever packing could make of it.
#[test]
fn more_samples_than_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5");
    let file = H5File::create(&path).unwrap();
    let labels = file
        .new_dataset::<u16>()
        .shape([1usize << 20])
        .chunk(&[1 << 16])
        .deflate(9);
    labels.create("labels").unwrap();
    file.close().unwrap();
    let e = Shd::read(&path).unwrap_err().to_string();
    assert!(e.contains("at most"), "{e}");
}
