//! Recipes of signals: what they learn in a few epochs on the real recordings, and what does not fit.

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output};

fn train(recipe: &str, set: &[&str]) -> (Output, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cortado"));
    command.args(["train", recipe, "--json", "--out"]);
    command.arg(folder.path().join("run"));
    command.args(set.iter().flat_map(|s| ["--set", s]));
    (command.output().unwrap(), folder)
}

fn result(recipe: &str, set: &[&str]) -> (Value, tempfile::TempDir) {
    let (output, folder) = train(recipe, set);
    let error = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout);
    (
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}{error}")),
        folder,
    )
}

/// `data.folder=` of the real data, if it is there.
fn real(name: &str) -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let folder =
        std::env::var_os("CORTADO_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if folder.join(name).is_dir() {
        return Some(format!(
            "data.folder={:?}",
            std::fs::canonicalize(folder).unwrap()
        ));
    }
    eprintln!("SKIPPED: no {name} in {}", folder.display());
    None
}

#[test]
fn r_peaks_are_found_from_end_to_end() {
    let Some(folder) = real("ecg") else { return };
    let short = [&folder, "train.epochs=12"];
    let (clean, run) = result("ecg-rpeak", &short);
    let number = |v: &Value, key: &str| v[key].as_f64().unwrap();
    assert!(
        number(&clean, "sensitivity") > 0.97 && number(&clean, "precision") > 0.97,
        "{clean}"
    );
    assert_eq!(number(&clean, "hits") + number(&clean, "missed"), 1901.0);
    assert!(run.path().join("run/report.html").exists());
    // The same network under noise that it has met in training is another test, and no better.
    let noisy = Command::new(env!("CARGO_BIN_EXE_cortado"))
        .args([
            "eval",
            "--json",
            "--set",
            "data.distort={snr=[6.0,6.0],drift=0.5}",
        ])
        .arg(run.path().join("run"))
        .output()
        .unwrap();
    let noisy: Value = serde_json::from_slice(&noisy.stdout).unwrap();
    assert!(
        number(&noisy, "input_spikes_per_hour") > 1.2 * number(&clean, "input_spikes_per_hour")
    );
    assert!(number(&noisy, "metric") > 0.9, "{noisy}");
}

#[test]
fn letters_are_told_by_touch() {
    let Some(folder) = real("braille") else {
        return;
    };
    let (braille, _run) = result(
        "braille",
        &[&folder, "train.epochs=8", "train.optimizer.rate=1e-2"],
    );
    assert!(braille["accuracy"].as_f64().unwrap() > 0.8, "{braille}");
}

#[test]
fn weights_are_scaled_and_spikes_varied_where_a_recipe_says_so() {
    let short = [
        "train.epochs=2",
        "encoder={type=\"latency_linear\"}",
        "train.optimizer.rate=0.0",
        "network.nodes.hidden.params.tau_mem=20e-3",
    ];
    let spikes = |more: &[&str]| {
        let (r, _run) = result("digits", &[&short[..], more].concat());
        r["spikes_per_sample"].as_f64().unwrap()
    };
    // 64 neurons, 8 steps of a millisecond: 200 spikes a second are 102 in a sample.
    let scaled = spikes(&["init={rate=200.0}"]);
    assert!((scaled / 102.4 - 1.0).abs() < 0.15, "{scaled}");
    assert_eq!(
        spikes(&[]),
        spikes(&["augment.drop=0.5"]),
        "the test is not varied"
    );
}

#[test]
fn what_does_not_fit_is_a_sentence() {
    let said = |set: &[&str]| String::from_utf8_lossy(&train("digits", set).0.stderr).into_owned();
    for (set, words) in [
        (
            "detect={delay=0.0,tolerance=0.1}",
            "has classes, no times to detect",
        ),
        ("augment.drop=0.5", "an encoder that makes spikes"),
        ("data.distort={snr=[6.0,6.0]}", "signals in time"),
        ("encoder={type=\"bin\"}", "spikes of a sensor"),
        ("init={rate=1e9}", "about 1000000000 spikes per second"),
        (
            "network.nodes.hidden.params.tau_mem={uniform=[2.0,1.0]}",
            "a range from low to high",
        ),
        (
            "network.nodes.hidden.bounds={tau_mem=[1e-3,1.0]}",
            "one of the trained",
        ),
        ("data.split=7", "the data set comes with one"),
    ] {
        let said = said(&[set]);
        assert!(said.contains(words), "{set}: {said}");
    }
}
