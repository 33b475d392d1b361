//! `cortado sweep` and `cortado compare`.

mod common;

use common::{cortado, done, failed, first_epoch, json, kill, manifest, train};
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;

fn sweep<'a>(out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["sweep", "digits", "--json", "--out", out.to_str().unwrap()];
    args.extend(more);
    args
}

fn names(out: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(out).unwrap().map(|e| e.unwrap());
    let folders = entries.filter(|e| e.path().is_dir());
    let mut names: Vec<String> = folders
        .map(|e| e.file_name().to_str().unwrap().to_string())
        .collect();
    names.sort();
    names
}

#[test]
fn a_grid_is_run_once_and_its_runs_are_those_of_train() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sweep");
    let grid = [
        "--set",
        "train.epochs=2",
        "--grid",
        "steps=4,8",
        "--seeds",
        "0,1",
    ];
    let table = json(&done(&sweep(&out, &grid)));
    let expected = [
        "steps=4,seed=0",
        "steps=4,seed=1",
        "steps=8,seed=0",
        "steps=8,seed=1",
    ];
    assert_eq!(names(&out), expected);
    let rows = table["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &table["metric_name"]), (2, &"accuracy".into()));
    // Means and deviations over the seeds, from the runs themselves.
    let single = train(
        &folder.path().join("one"),
        &["train.epochs=2", "steps=4", "seed=1"],
    );
    for row in rows {
        assert_eq!((&row["runs"], &row["failed"]), (&2.into(), &0.into()));
        let of = |seed: u32| {
            let name = format!("steps={},seed={seed}/metrics.jsonl", row["steps"]);
            let text = std::fs::read_to_string(out.join(name)).unwrap();
            json(text.lines().last().unwrap())["metric"]
                .as_f64()
                .unwrap()
        };
        let (a, b) = (of(0), of(1));
        assert_eq!(row["metric"].as_f64(), Some((a + b) / 2.0));
        let sd = row["metric_sd"].as_f64().unwrap();
        assert!((sd - (a - b).abs() / 2f64.sqrt()).abs() < 1e-12);
        if row["steps"] == 4 {
            assert_eq!(Some(b), single["metric"].as_f64());
        }
    }
    assert!(rows[0]["metric"].as_f64() >= rows[1]["metric"].as_f64());
    assert_eq!(
        manifest(&out.join("steps=4,seed=1"))["sha256"],
        manifest(&folder.path().join("one"))["sha256"]
    );
    let text = std::fs::read_to_string(out.join("table.json")).unwrap();
    assert_eq!(json(&text), table);
    let csv = std::fs::read_to_string(out.join("table.csv")).unwrap();
    assert_eq!(csv.lines().count(), 3);
    // Again: nothing is run, so that even the seconds are the same; one value more runs that alone.
    assert_eq!(json(&done(&sweep(&out, &grid))), table);
    let more = [
        "--set",
        "train.epochs=2",
        "--grid",
        "steps=4,8,2",
        "--seeds",
        "0,1",
    ];
    let wider = json(&done(&sweep(&out, &more)));
    let wider = wider["rows"].as_array().unwrap();
    assert_eq!(wider.len(), 3);
    assert!(rows.iter().all(|r| wider.contains(r)));
    let changed = [
        "--set",
        "train.epochs=3",
        "--grid",
        "steps=4,8",
        "--seeds",
        "0,1",
    ];
    let error = failed(&sweep(&out, &changed));
    assert!(error.contains("train.epochs was 2, is 3"), "{error}");
}

#[test]
fn draws_stay_when_there_are_more() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sweep");
    let draw = |n: &'static str| {
        let rate = "train.optimizer.rate=1e-3..1e-2:log";
        [
            "--set",
            "train.epochs=1",
            "--draw",
            rate,
            "--draw",
            "steps=2..9:int",
            "--random",
            n,
        ]
    };
    done(&sweep(&out, &draw("2")));
    let two = names(&out);
    done(&sweep(&out, &draw("3")));
    let three = names(&out);
    assert_eq!((two.len(), three.len()), (2, 3));
    assert!(two.iter().all(|n| three.contains(n)), "{two:?} {three:?}");
    for (args, word) in [
        (["--grid", "train.epocs=1,2"], "train.epochs"),
        (["--grid", "seed=1,2"], "--seeds"),
        (["--grid", "steps=1..2"], "from..to:n"),
    ] {
        let error = failed(&sweep(&folder.path().join("no"), &args));
        assert!(error.contains(word), "{error}");
    }
}

/// A combination that cannot be trained does not stop the others.
#[test]
fn what_fails_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sweep");
    let args = [
        "--set",
        "train.epochs=1",
        "--grid",
        "data.name=\"digits\",\"nothing\"",
    ];
    let output = cortado(&sweep(&out, &args)).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 of 2 runs failed"));
    let table = common::last_line(&output);
    let failed = |i: usize| table["rows"][i]["failed"].clone();
    assert_eq!((failed(0), failed(1)), (0.into(), 1.into()));
    assert_eq!(table["rows"][1]["metric"], Value::Null);
}

#[cfg(unix)]
#[test]
fn a_sweep_that_was_stopped_goes_on_by_the_same_command() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sweep");
    let args = [
        "--set",
        "train.epochs=40",
        "--grid",
        "train.batch=32,1000",
        "--checkpoint",
        "1e9",
    ];
    let mut child = cortado(&sweep(&out, &args))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    first_epoch(&mut child, &out.join("train.batch=32,seed=0"));
    kill(&child, "INT");
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{error}");
    assert!(
        error.contains("`cortado sweep digits --json --out "),
        "{error}"
    );
    assert_eq!(names(&out), ["train.batch=32,seed=0"]);
    let table = json(&done(&sweep(&out, &args)));
    assert_eq!(table["rows"].as_array().unwrap().len(), 2);
    let whole = folder.path().join("whole");
    train(&whole, &["train.epochs=40", "train.batch=32"]);
    let stopped = manifest(&out.join("train.batch=32,seed=0"));
    assert_eq!(stopped["sha256"], manifest(&whole)["sha256"]);
}

#[test]
fn a_comparison_shows_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let results = [
        train(&a, &["train.epochs=1"]),
        train(
            &b,
            &[
                "train.epochs=2",
                "network.nodes.fc1.n=32",
                "train.objective.truncate=4",
            ],
        ),
    ];
    let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());
    let all = json(&done(&["compare", a, b, "--json"]));
    let differ = all["differ"].as_object().unwrap();
    let keys: Vec<&String> = differ.keys().collect();
    assert_eq!(
        keys,
        [
            "network.nodes.fc1.n",
            "train.epochs",
            "train.objective.truncate"
        ]
    );
    assert_eq!(differ["network.nodes.fc1.n"], serde_json::json!([64, 32]));
    assert_eq!(
        differ["train.objective.truncate"],
        serde_json::json!([null, 4])
    );
    for (i, result) in results.iter().enumerate() {
        for key in [
            "metric",
            "loss",
            "spikes_per_sample",
            "synops_per_sample",
            "seconds",
        ] {
            assert_eq!(all["runs"][i][key], result[key], "{key}");
        }
    }
    let parameters = |i: usize| all["runs"][i]["parameters"].clone();
    assert_eq!(
        (parameters(0), parameters(1)),
        ((64 * 74).into(), (32 * 74).into())
    );
    let text = done(&["compare", a, b]);
    assert!(
        text.contains("train.epochs") && !text.contains("train.batch"),
        "{text}"
    );
    assert_eq!(
        cortado(&["compare", a]).output().unwrap().status.code(),
        Some(2)
    );
    assert!(failed(&["compare", a, "/nowhere"]).contains("is no run"));
}
