//! What `cortado cost` says of a run.

use serde_json::Value;
use std::process::{Command, Output};

fn cortado(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cortado"))
        .args(args)
        .output()
        .unwrap()
}

fn json(args: &[&str]) -> Value {
    let output = cortado(args);
    let error = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {error}"))
}

#[test]
fn cost_counts_what_eval_counts_and_more() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let run = run.to_str().unwrap();
    let trained = cortado(&[
        "train",
        "digits",
        "--set",
        "train.epochs=2",
        "--json",
        "--out",
        run,
    ]);
    assert!(trained.status.success());
    let eval = json(&["eval", run, "--json"]);
    let cost = json(&[
        "cost",
        run,
        "--json",
        "--samples",
        "100000",
        "--threads",
        "1",
    ]);
    let again = json(&["cost", run, "--json", "--samples", "360", "--threads", "2"]);
    assert_eq!(cost, again);
    assert_eq!(cost["counts"]["samples"], 360);
    let each = &cost["per_sample"];
    assert_eq!(each["spikes"], eval["spikes_per_sample"]);
    // No weight is zero and only spikes reach the second projection.
    assert_eq!(each["effective_acs"], eval["synops_per_sample"]);
    let number = |v: &Value| v.as_f64().unwrap();
    // Pixels that are not black, 64 weights each, in all eight steps and once.
    let pixels = number(&cost["counts"]["projections"][0]["nonzero"]) / 360.0;
    assert!((number(&each["effective_macs"]) - 64.0 * pixels).abs() < 1e-6);
    assert_eq!(
        number(&each["macs_hoisted"]),
        number(&each["effective_macs"]) / 8.0
    );
    assert_eq!(number(&cost["ann"]["macs"]), 64.0 * 64.0 + 64.0 * 10.0);
    assert_eq!(cost["per_sample"]["footprint"], 4 * 4736);
    let text = cortado(&["cost", run, "--samples", "5"]);
    let text = String::from_utf8(text.stdout).unwrap();
    for word in [
        "5 test samples",
        "fc2",
        "hidden",
        "45 nm",
        "Left out",
        "break-even",
        "ANN",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let none = cortado(&["cost", run, "--samples", "0"]);
    assert!(!none.status.success());
    assert!(String::from_utf8_lossy(&none.stderr).contains("no samples"));
}
