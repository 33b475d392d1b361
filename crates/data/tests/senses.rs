//! Data sets of sound, touch, heart, muscle and sensor spikes.

mod common;

use common::{fixture, real_data};
use cortado::encode::{Delta, Encoder, Presentation, Sample};
use cortado::sim::clock::Input;
use cortado_data::{Dataset, emg, load, load_split};
use std::path::Path;

fn counts(d: &Dataset) -> Vec<usize> {
    let of = |c| d.labels().iter().filter(|&&l| l as usize == c).count();
    (0..d.classes).map(of).collect()
}

fn wav(samples: &[i16], rate: u32) -> Vec<u8> {
    let mut b = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    b.extend(rate.to_le_bytes());
    b.extend((rate * 2).to_le_bytes());
    b.extend([2, 0, 16, 0]);
    b.extend(b"data");
    b.extend((samples.len() as u32 * 2).to_le_bytes());
    samples.iter().for_each(|s| b.extend(s.to_le_bytes()));
    let size = b.len() as u32 - 8;
    b[4..8].copy_from_slice(&size.to_le_bytes());
    b
}

#[test]
fn digits_are_split_by_index_or_by_speaker() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = folder.path().join("fsdd/recordings");
    std::fs::create_dir_all(&recordings).unwrap();
    for (name, value) in [
        ("3_theo_0", 8192),
        ("3_theo_7", 16384),
        ("9_lucas_12", -16384),
    ] {
        std::fs::write(
            recordings.join(format!("{name}.wav")),
            wav(&[value; 4], 8000),
        )
        .unwrap();
    }
    std::fs::write(recordings.join("README"), "no sound").unwrap();
    let split = load("fsdd", folder.path()).unwrap();
    assert_eq!(
        (split.train.labels(), split.test.labels()),
        (&[3, 9][..], &[3][..])
    );
    assert_eq!(
        (split.test.values(0), split.train.values(1)),
        (&[0.25; 4][..], &[-0.5; 4][..])
    );
    assert_eq!(split.train.duration(0), 4.0 / 8000.0);
    let theo = load_split("fsdd", folder.path(), "theo").unwrap();
    assert_eq!(
        (theo.train.labels(), theo.test.labels()),
        (&[9][..], &[3, 3][..])
    );
    let message = |split| {
        load_split("fsdd", folder.path(), split)
            .unwrap_err()
            .to_string()
    };
    assert!(
        message("nobody").contains("yweweler to be tested, got 'nobody'"),
        "{}",
        message("nobody")
    );
    std::fs::write(recordings.join("1_theo_1.wav"), wav(&[0; 4], 44100)).unwrap();
    assert!(
        message("official").contains("1_theo_1.wav: expected 8000 Hz, one channel, got 44100 Hz")
    );
}

#[test]
fn real_spoken_digits() {
    let Some(folder) = real_data("fsdd") else {
        return;
    };
    let split = load("fsdd", &folder).unwrap();
    assert_eq!(
        (counts(&split.train), counts(&split.test)),
        (vec![270; 10], vec![30; 10])
    );
    let theo = load_split("fsdd", &folder, "theo").unwrap();
    assert_eq!(
        (counts(&theo.train), counts(&theo.test)),
        (vec![250; 10], vec![50; 10])
    );
    let longest = (0..split.train.len())
        .map(|i| split.train.duration(i))
        .fold(0.0, f64::max);
    assert!((longest - 2.28).abs() < 0.01, "{longest}");
}

#[test]
fn real_braille_letters() {
    let Some(folder) = real_data("braille") else {
        return;
    };
    let [zero, one] = ["0", "1"].map(|s| load_split("braille", &folder, s).unwrap());
    for split in [&zero, &one] {
        assert_eq!((split.train.len(), split.test.len()), (1080, 270));
        let all: Vec<usize> = counts(&split.train)
            .iter()
            .zip(counts(&split.test))
            .map(|(a, b)| a + b)
            .collect();
        assert_eq!(all, [50; 27]);
        assert_eq!(
            (split.train.shape.as_slice(), split.train.classes),
            (&[12][..], 27)
        );
    }
    assert_ne!(zero.test, one.test);
    assert!(
        load_split("braille", &folder, "x")
            .unwrap_err()
            .to_string()
            .contains("the number of a split")
    );
}

/// The marks of the record are where its first lead is highest, and each lies in the training windows that hold it.
#[test]
fn real_heart_beats() {
    let Some(folder) = real_data("ecg") else {
        return;
    };
    let split = load("ecg", &folder).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (596, 1));
    let times = split.test.times(0).unwrap();
    // 2,273 beats in all, 371 of them in the first five minutes.
    assert_eq!(times.len(), 1902);
    assert!((split.test.duration(0) - (650_000.0 / 360.0 - 300.0)).abs() < 1e-6);
    let lead = split.test.values(0);
    let highest = times.iter().filter(|&&t| {
        let at = (t * 360.0).round() as usize;
        let around = &lead[at.saturating_sub(36)..(at + 36).min(lead.len())];
        let top = around.iter().copied().fold(f32::MIN, f32::max);
        lead[at.saturating_sub(2)..(at + 3).min(lead.len())].contains(&top)
    });
    assert!(highest.count() > 1880);
    for i in 0..split.train.len() - 5 {
        let (early, late) = (
            split.train.times(i).unwrap(),
            split.train.times(i + 1).unwrap(),
        );
        let moved = early.iter().map(|t| t - 0.5).filter(|t| *t >= 0.0);
        assert!(
            moved.zip(late).all(|(a, b)| (a - b).abs() < 1e-9),
            "window {i}"
        );
    }
}

/// A muscle at work crosses levels far more often than one at rest.
#[test]
fn real_muscle_bursts_are_spikes() {
    let Some(folder) = real_data("emg") else {
        return;
    };
    let data = emg::load(&folder.join("emg")).unwrap();
    assert_eq!(data.values(0).len(), 100_000);
    let steps = 100_000;
    let at = Presentation {
        steps,
        dt: 1e-3,
        seed: 0,
        round: 0,
    };
    let code = Encoder::Delta(Delta {
        thresholds: vec![10.0],
        smooth: 0.0,
    });
    let Input::Spikes(s) = code.present::<f32>(&[data.sample(0)], &[0], &at).unwrap() else {
        panic!("a current")
    };
    let seconds: Vec<usize> = (0..100)
        .map(|k| (0..1000).map(|t| s.row(0, 1000 * k + t).len()).sum())
        .collect();
    let (least, most) = (seconds.iter().min().unwrap(), seconds.iter().max().unwrap());
    assert!(*most > 20 * (least + 1), "{least} {most}");
}

fn shd(folder: &Path, name: &str, parts: &[(&str, &str)]) {
    std::fs::create_dir_all(folder.join(name)).unwrap();
    for (part, from) in parts {
        std::fs::copy(
            fixture("")
                .join("../../../events/tests/fixtures")
                .join(from),
            folder.join(name).join(format!("{name}_{part}.h5")),
        )
        .unwrap();
    }
}

#[test]
fn sensor_spikes_are_split_by_file_or_by_speaker() {
    let folder = tempfile::tempdir().unwrap();
    shd(
        folder.path(),
        "shd",
        &[("train", "shd-plain.h5"), ("test", "shd-gzip.h5")],
    );
    shd(
        folder.path(),
        "ssc",
        &[
            ("train", "shd-f4.h5"),
            ("valid", "shd-latest.h5"),
            ("test", "shd-plain.h5"),
        ],
    );
    let split = load("shd", folder.path()).unwrap();
    assert_eq!(
        (split.train.len(), split.test.len(), split.train.classes),
        (9, 9, 20)
    );
    // The script that wrote the fixtures: sample 1 has 5 spikes, the first in channel 37 at 0.101 s.
    let Sample::Events(spikes) = split.train.sample(1) else {
        panic!("no spikes")
    };
    assert_eq!(
        (spikes.units[0], spikes.units.len(), spikes.channels),
        (37, 5, 700)
    );
    assert!(spikes.times[0].abs_diff(101_000) < 100);
    let speaker = load_split("shd", folder.path(), "1").unwrap();
    assert_eq!((speaker.train.len(), speaker.test.len()), (5, 4));
    assert_eq!(
        load_split("ssc", folder.path(), "valid")
            .unwrap()
            .train
            .classes,
        35
    );
    let message = |name, split| {
        load_split(name, folder.path(), split)
            .unwrap_err()
            .to_string()
    };
    assert!(message("shd", "7").contains("the number of a speaker"));
    assert!(message("ssc", "7").contains("official or valid"));
}
