//! Data sets by name: the real files where they are, and what is said where they are not.

mod common;

use std::path::Path;

use common::{gzip, idx_bytes, real_data};
use cortado_data::{NAMES, Split, load};

fn refusal(name: &str, folder: &Path) -> String {
    load(name, folder).unwrap_err().to_string()
}

/// Demands 60,000 and 10,000 images of 28 x 28 in ten classes that all occur.
fn check_mnist_like(split: &Split) {
    assert_eq!((split.train.len(), split.test.len()), (60_000, 10_000));
    for part in [&split.train, &split.test] {
        assert_eq!(
            (part.shape.as_slice(), part.classes),
            (&[1, 28, 28][..], 10)
        );
        assert_eq!(part.all_values().len(), part.len() * 784);
        for class in 0..10 {
            assert!(part.labels().contains(&class));
        }
        let has = |value: f32| part.all_values().contains(&value);
        assert!(has(0.0) && has(1.0));
    }
}

#[test]
fn real_mnist() {
    let Some(folder) = real_data("mnist") else {
        return;
    };
    let split = load("mnist", &folder).unwrap();
    assert_eq!(split.name, "mnist");
    check_mnist_like(&split);
    assert_eq!(split.train.labels()[..5], [5, 0, 4, 1, 9]);
    // The published mean of the training pixels.
    let sum: f64 = split.train.all_values().iter().map(|&v| f64::from(v)).sum();
    assert!((sum / (60_000.0 * 784.0) - 0.1307).abs() < 5e-5);
}

#[test]
fn real_fashion_mnist() {
    let Some(folder) = real_data("fashion-mnist") else {
        return;
    };
    let split = load("fashion-mnist", &folder).unwrap();
    assert_eq!(split.name, "fashion-mnist");
    check_mnist_like(&split);
    for class in 0..10 {
        let count = |labels: &[u32]| labels.iter().filter(|&&l| l == class).count();
        assert_eq!(
            (count(split.train.labels()), count(split.test.labels())),
            (6000, 1000)
        );
    }
}

#[test]
fn what_is_built_in_needs_no_folder() {
    let nowhere = Path::new("no-such-folder");
    for name in ["digits", "digits-ordered", "yin-yang"] {
        assert_eq!(load(name, nowhere).unwrap().name, name);
    }
    assert_ne!(
        load("digits", nowhere).unwrap().test,
        load("digits-ordered", nowhere).unwrap().test
    );
}

#[test]
fn an_unknown_name_lists_the_names() {
    let message = refusal("cifar", Path::new("."));
    assert!(message.ends_with("got 'cifar'"), "{message}");
    for name in NAMES {
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn every_name_is_known() {
    for name in NAMES {
        if let Err(e) = load(name, Path::new("no-such-folder")) {
            assert!(e.to_string().contains("no such file"), "{e}");
        }
    }
}

#[test]
fn missing_files_say_where_and_how() {
    let folder = tempfile::tempdir().unwrap();
    let message = refusal("fashion-mnist", folder.path());
    let looked = folder.path().join("fashion-mnist").display().to_string();
    for word in [
        looked.as_str(),
        "train-images-idx3-ubyte or train-images-idx3-ubyte.gz",
        "CORTADO_DATA",
        "--set data.folder=",
        "no such file",
    ] {
        assert!(message.contains(word), "'{word}' is not in: {message}");
    }
}

#[test]
fn files_with_and_without_gz() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("mnist");
    std::fs::create_dir(&folder).unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    put(
        "train-images-idx3-ubyte",
        &idx_bytes(0x803, &[2, 1, 2], &[0, 255, 255, 0]),
    );
    put(
        "train-labels-idx1-ubyte.gz",
        &gzip(&idx_bytes(0x801, &[2], &[3, 9])),
    );
    put(
        "t10k-images-idx3-ubyte.gz",
        &gzip(&idx_bytes(0x803, &[1, 1, 2], &[51, 0])),
    );
    let message = refusal("mnist", root.path());
    assert!(message.contains("t10k-labels-idx1-ubyte or"), "{message}");
    // The suffix says gzip, the content does not: the content decides.
    put("t10k-labels-idx1-ubyte.gz", &idx_bytes(0x801, &[1], &[7]));
    let split = load("mnist", root.path()).unwrap();
    assert_eq!(
        (split.train.labels(), split.test.labels()),
        (&[3, 9][..], &[7][..])
    );
    assert_eq!(split.test.all_values(), [0.2, 0.0]);

    put(
        "t10k-images-idx3-ubyte.gz",
        &idx_bytes(0x803, &[1, 2, 1], &[51, 0]),
    );
    let message = refusal("mnist", root.path());
    assert!(
        message.starts_with("shape of the test images at "),
        "{message}"
    );
    assert!(
        message.ends_with("expected [1, 1, 2] as in training, got [1, 2, 1]"),
        "{message}"
    );
}
