//! Yin-Yang: the label rule against the published points, the generator against the rule's statistics.

mod common;

use std::collections::HashSet;
use std::path::Path;

use common::real_data;
use cortado_data::yin_yang::{SEED, generate, label};
use cortado_data::{Dataset, load};
use proptest::prelude::*;

/// The 64-bit little-endian words of a NumPy file, version 1, of element type `descr`.
fn npy_words(file: &Path, descr: &str) -> Vec<[u8; 8]> {
    let bytes = std::fs::read(file).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00", "{}", file.display());
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..start]).unwrap();
    assert!(
        header.contains(descr) && header.contains("'fortran_order': False"),
        "{header}"
    );
    let (words, rest) = bytes[start..].as_chunks::<8>();
    assert!(rest.is_empty());
    words.to_vec()
}

/// Samples (x, y, 1-x, 1-y) and labels of one published part.
fn published(folder: &Path, part: &str) -> (Vec<[f64; 4]>, Vec<u32>) {
    let samples = npy_words(&folder.join(format!("{part}_samples.npy")), "<f8");
    let labels = npy_words(&folder.join(format!("{part}_labels.npy")), "<i8");
    let numbers: Vec<f64> = samples.into_iter().map(f64::from_le_bytes).collect();
    (
        numbers.as_chunks::<4>().0.to_vec(),
        labels
            .into_iter()
            .map(|w| u32::try_from(i64::from_le_bytes(w)).unwrap())
            .collect(),
    )
}

#[test]
fn the_rule_labels_every_published_point() {
    let Some(root) = real_data("yin-yang") else {
        return;
    };
    for (part, n) in [("train", 5000), ("validation", 1000), ("test", 1000)] {
        let (samples, labels) = published(&root.join("yin-yang"), part);
        assert_eq!((samples.len(), labels.len()), (n, n));
        for (s, &l) in samples.iter().zip(&labels) {
            assert_eq!(label(s[0], s[1]), Some(l), "{part} {s:?}");
        }
    }
}

/// Mean of coordinate `axis` in `class`, with its squared standard error.
fn mean_of_class(points: &[(f64, u32)], class: u32) -> (f64, f64) {
    let of_class: Vec<f64> = points
        .iter()
        .filter(|p| p.1 == class)
        .map(|p| p.0)
        .collect();
    let n = of_class.len() as f64;
    let mean = of_class.iter().sum::<f64>() / n;
    let variance = of_class.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    (mean, variance / n)
}

/// Points in the slivers between the half circles and the middle line, where few random ones fall.
#[test]
fn the_rule_turns_at_the_middle_line() {
    for (x, y, class) in [
        (0.5, 0.499, 0),
        (0.5, 0.501, 1),
        (0.5, 0.45, 0),
        (0.5, 0.55, 1),
    ] {
        assert_eq!(label(x, y), Some(class), "({x}, {y})");
    }
    // On the middle line the half circles meet: the left one is yang, the right one yin.
    assert_eq!((label(0.1, 0.5), label(0.9, 0.5)), (Some(1), Some(0)));
}

#[test]
fn means_agree_with_the_published_sample() {
    let Some(root) = real_data("yin-yang") else {
        return;
    };
    let (theirs, their_labels) = published(&root.join("yin-yang"), "train");
    let ours = generate(SEED).unwrap().train;
    for axis in 0..4 {
        let theirs: Vec<_> = theirs
            .iter()
            .map(|s| s[axis])
            .zip(their_labels.clone())
            .collect();
        let ours: Vec<_> = (0..ours.len())
            .map(|i| (f64::from(ours.values(i)[axis]), ours.label(i)))
            .collect();
        for class in 0..3 {
            let ((a, va), (b, vb)) = (mean_of_class(&theirs, class), mean_of_class(&ours, class));
            assert!(
                (a - b).abs() < 5.0 * (va + vb).sqrt(),
                "axis {axis}, class {class}: {a}, {b}"
            );
        }
    }
}

fn check_part(part: &Dataset) {
    assert_eq!((part.shape.as_slice(), part.classes), (&[4][..], 3));
    let n = part.len() as f64;
    // Classes are equally likely; 5 standard deviations of a count.
    for class in 0..3 {
        let count = part.labels().iter().filter(|&&l| l == class).count() as f64;
        assert!(
            (count - n / 3.0).abs() < 5.0 * (n * 2.0 / 9.0).sqrt(),
            "class {class}: {count}"
        );
    }
    for i in 0..part.len() {
        let s = part.values(i);
        assert_eq!(
            label(s[0].into(), s[1].into()),
            Some(part.label(i)),
            "sample {i}"
        );
        assert_eq!((s[2], s[3]), (1.0 - s[0], 1.0 - s[1]));
        assert_eq!((s[0] + s[2], s[1] + s[3]), (1.0, 1.0));
    }
}

#[test]
fn generated_samples_obey_the_rule_and_are_balanced() {
    for seed in [SEED, 0, u64::MAX] {
        let split = generate(seed).unwrap();
        assert_eq!((split.train.len(), split.test.len()), (5000, 1000));
        check_part(&split.train);
        check_part(&split.test);
    }
}

/// The two dots are equally large and round: half of their points lie left, and half lie low.
#[test]
fn dots_are_spread_evenly() {
    let train = generate(SEED).unwrap().train;
    let dots: Vec<_> = (0..train.len()).filter(|&i| train.label(i) == 2).collect();
    let n = dots.len() as f64;
    for axis in 0..2 {
        let low = dots
            .iter()
            .filter(|&&i| train.values(i)[axis] < 0.5)
            .count() as f64;
        assert!(
            (low - n / 2.0).abs() < 5.0 * n.sqrt() / 2.0,
            "axis {axis}: {low} of {n}"
        );
    }
    // Even over a disc: a quarter of the points lies within half the radius.
    let inner = dots.iter().filter(|&&i| {
        let (x, y) = (train.values(i)[0] - 0.5, train.values(i)[1] - 0.5);
        (x.abs() - 0.25).hypot(y) < 0.05
    });
    let inner = inner.count() as f64;
    assert!(
        (inner - n / 4.0).abs() < 5.0 * (n * 3.0 / 16.0).sqrt(),
        "{inner} of {n}"
    );
}

#[test]
fn parts_and_seeds_differ_and_repeat() {
    let a = generate(SEED).unwrap();
    assert_eq!(a, generate(SEED).unwrap());
    assert_eq!(a, load("yin-yang", Path::new("no-such-folder")).unwrap());
    assert_ne!(a.train, generate(SEED + 1).unwrap().train);
    let key = |s: &[f32]| (s[0].to_bits(), s[1].to_bits());
    let seen: HashSet<_> = (0..a.train.len()).map(|i| key(a.train.values(i))).collect();
    assert_eq!(seen.len(), a.train.len());
    assert!((0..a.test.len()).all(|i| !seen.contains(&key(a.test.values(i)))));
}

proptest! {
    /// Half a turn around the centre exchanges yin and yang and keeps the dots.
    #[test]
    fn half_a_turn_exchanges_yin_and_yang(x in 0.0..1.0, y in 0.0..1.0) {
        let turned = label(1.0 - x, 1.0 - y);
        let expected = label(x, y).map(|l| [1, 0, 2][l as usize]);
        prop_assert_eq!(turned, expected);
    }

    /// Nothing outside the disc has a class, not even what is no number.
    #[test]
    fn nothing_outside_the_disc(angle in 0.0..std::f64::consts::TAU, beyond in 1e-9..1e6) {
        let (s, c) = angle.sin_cos();
        let r = 0.5 + beyond;
        prop_assert_eq!(label(0.5 + r * c, 0.5 + r * s), None);
        prop_assert_eq!(label(f64::NAN, 0.5), None);
    }
}
