//! `cortado nir check`, `cortado nir convert`, and `cortado run` of NIR files, on what other tools wrote.

mod common;

use common::{cortado, done, failed, json};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file of another tool, what the tool did, and the options beside its preset.
const FILES: [(&str, &str, &[&str]); 6] = [
    ("norse-lif", "norse", &[]),
    ("snntorch-recurrent", "snntorch", &[]),
    ("snntorch-lif-zero", "snntorch", &["--reset", "value"]),
    ("spikingjelly-conv", "spikingjelly", &[]),
    ("sinabs-lif-whole", "sinabs", &["--gain", "whole"]),
    ("sinabs-conv", "sinabs", &[]),
];

fn data(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../convert/tests/data/nir");
    folder.join(name)
}

fn golden(name: &str) -> Value {
    json(&std::fs::read_to_string(data(&format!("{name}.json"))).unwrap())
}

fn file(name: &str) -> String {
    data(&format!("{name}.nir")).to_str().unwrap().into()
}

/// The input of a golden run as lines of steps.
fn steps(golden: &Value, folder: &Path) -> String {
    let rows = golden["runs"]["spikes"]["input"].as_array().unwrap();
    let text: Vec<String> = rows
        .iter()
        .map(|row| json!({ "spikes": row }).to_string())
        .collect();
    let path = folder.join("steps.jsonl");
    std::fs::write(&path, text.join("\n")).unwrap();
    path.to_str().unwrap().into()
}

/// What the readout fired, by step.
fn fired(lines: &str) -> BTreeMap<u64, Vec<u64>> {
    let lines = lines
        .lines()
        .map(json)
        .filter(|l| l["spikes"].is_array() && l["step"].is_u64());
    let row = |l: Value| {
        (
            l["step"].as_u64().unwrap(),
            serde_json::from_value(l["spikes"].clone()).unwrap(),
        )
    };
    lines.map(row).collect()
}

/// The same of a tool's last layer.
fn expected(golden: &Value, last: &str) -> BTreeMap<u64, Vec<u64>> {
    let trains = golden["runs"]["spikes"]["layers"][last]["spikes"]
        .as_array()
        .unwrap();
    let mut out: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (j, train) in trains.iter().enumerate() {
        for t in train.as_array().unwrap() {
            out.entry(t.as_u64().unwrap()).or_default().push(j as u64);
        }
    }
    out
}

fn last(golden: &Value) -> String {
    let layers = golden["runs"]["spikes"]["layers"].as_object().unwrap();
    layers.keys().max().unwrap().clone()
}

#[test]
fn files_of_other_tools_run_to_the_spikes_of_these_tools() {
    let folder = tempfile::tempdir().unwrap();
    for (name, producer, more) in FILES {
        let golden = golden(name);
        let (input, dt) = (steps(&golden, folder.path()), golden["dt"].to_string());
        let model = file(name);
        let mut reading = vec!["--from", producer, "--dt", &dt];
        reading.extend(more);
        let run = |model: &str, reading: &[&str]| {
            let mut args = vec!["run", model, &input, "--json", "--engine", "clock"];
            args.extend(reading);
            fired(&done(&args))
        };
        let want = expected(&golden, &last(&golden));
        assert!(!want.is_empty(), "{name}");
        assert_eq!(run(&model, &reading), want, "{name}");
        // To a checkpoint, and from there to a NIR file of our own, which needs no options.
        let [kept, own] =
            [format!("{name}-kept"), format!("{name}-own.nir")].map(|n| folder.path().join(n));
        let [kept, own] = [&kept, &own].map(|p| p.to_str().unwrap());
        let mut args = vec!["nir", "convert", &model, kept];
        args.extend(&reading);
        assert!(done(&args).contains("assumed"));
        assert_eq!(run(kept, &[]), want, "{name} as a checkpoint");
        done(&["nir", "convert", kept, own]);
        assert_eq!(run(own, &[]), want, "{name} as a file of ours");
        assert!(done(&["nir", "check", own]).contains("restored"));
    }
}

#[test]
fn check_says_what_is_assumed_and_ends_with_1_where_it_refuses() {
    let model = file("sinabs-lif");
    let text = done(&["nir", "check", &model, "--from", "sinabs", "--dt", "1e-3"]);
    for part in [
        "taken\n  0: Affine: 6 -> 10\n",
        "assumed\n",
        "  times are in steps\n",
        "norm_input",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let all = json(&done(&[
        "nir", "check", &model, "--from", "sinabs", "--dt", "1e-3", "--gain", "whole", "--json",
    ]));
    assert_eq!(
        (&all["refused"], &all["options"]["gain"]),
        (&json!(false), &json!("whole"))
    );
    assert_eq!(all["options"]["tau_unit"], "steps");
    // In seconds, a time constant of Norse's file is far less than a step.
    let args = [
        "nir",
        "check",
        &file("norse-lif"),
        "--from",
        "norse",
        "--dt",
        "1e-3",
        "--tau-unit",
        "s",
        "--json",
    ];
    let error = failed(&args);
    assert!(
        error.contains("half a step") && error.contains("'1'"),
        "{error}"
    );
    let shown = json(&String::from_utf8(cortado(&args).output().unwrap().stdout).unwrap());
    assert_eq!(shown["refused"], true);
    assert!(
        shown["lines"]
            .as_array()
            .unwrap()
            .iter()
            .any(|l| l["fate"] == "refused")
    );
    // Nothing is guessed.
    for (args, word) in [
        (vec!["--dt", "1e-3"], "--from"),
        (vec!["--from", "norse"], "--dt"),
    ] {
        let mut all = vec!["nir", "check", &model];
        all.extend(args);
        assert!(failed(&all).contains(word));
    }
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().to_str().unwrap();
    let args = [
        "nir", "convert", &model, there, "--from", "sinabs", "--dt", "1e-3",
    ];
    assert!(failed(&args).contains("not there yet"));
}
