//! Recipes that learn by spike timing.

use serde_json::Value;
use std::process::Command;

/// The last line of a run, and how many lines its metrics have.
fn train(args: &[&str]) -> (Value, usize) {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cortado"));
    command.args(["train", "--json", "--out"]).arg(&run);
    let output = command.args(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    // What was learned stays: its header says how long it is.
    let bytes = std::fs::read(run.join("weights.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert!(tensors.names().iter().any(|n| n.ends_with("weights")));
    let last = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    (last, metrics.lines().count())
}

#[test]
fn digits_without_labels() {
    let (one, lines) = train(&["digits-stdp", "--threads", "1"]);
    assert!(one["accuracy"].as_f64() > Some(0.87), "{one}");
    assert!(one["accuracy_all_activity"].as_f64() > Some(0.87), "{one}");
    assert_eq!(one["silent"], 0);
    // A line for each 1,000 of 3 x 1,437 images, one for the rest, one for the test.
    assert_eq!(lines, 6);
    let (two, _) = train(&["digits-stdp", "--threads", "2"]);
    for key in ["accuracy", "accuracy_all_activity", "theta_spread"] {
        assert_eq!(one[key], two[key], "{key}");
    }
}

#[test]
fn digits_two_at_a_time() {
    let set = ["--set", "data.name=digits", "--set", "learn.rate=5e-3"];
    let (result, lines) = train(&[&["mnist-continual"], &set[..]].concat());
    assert_eq!(lines, 6);
    assert!(result["accuracy"].as_f64() > Some(0.85), "{result}");
    assert!(
        result["backprop_accuracy"].as_f64() < Some(0.25),
        "{result}"
    );
    assert!(result["forgetting"].as_f64() < Some(0.05), "{result}");
}
