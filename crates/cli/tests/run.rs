//! The command as a user meets it: runs that are killed, disks that are full, files that are cut.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn cortado(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cortado"));
    command.args(args);
    command
}

fn last_line(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(text.lines().last().unwrap_or_default())
        .unwrap_or_else(|e| panic!("{e}: {text}{error}"))
}

fn manifest(run: &Path) -> Value {
    let text = std::fs::read_to_string(run.join("checkpoint/manifest.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

const SHORT: [&str; 6] = [
    "train",
    "digits",
    "--set",
    "train.epochs=6",
    "--json",
    "--out",
];

fn train(run: &Path, more: &[&str]) -> Output {
    let run = run.to_str().unwrap();
    cortado(&SHORT).arg(run).args(more).output().unwrap()
}

#[test]
fn the_last_line_is_what_scripts_rely_on() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let result = last_line(&train(&run, &["--threads", "2"]));
    assert!(result["accuracy"].as_f64().unwrap() > 0.9, "{result}");
    for key in [
        "loss",
        "seconds",
        "spikes_per_sample",
        "synops_per_sample",
        "metric",
    ] {
        assert!(result[key].as_f64().unwrap() > 0.0, "{key}");
    }
    assert_eq!(
        [&result["epochs"], &result["seed"], &result["threads"]],
        [6, 0, 2]
    );
    assert_eq!(result["metric_name"], "accuracy");
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert_eq!(metrics.lines().count(), 7);
    let again = cortado(&["eval", run.to_str().unwrap(), "--json"]).output();
    let again = last_line(&again.unwrap());
    for key in ["accuracy", "loss", "spikes_per_sample", "epochs"] {
        assert_eq!(again[key], result[key], "{key}");
    }
    let taken = train(&run, &[]);
    assert!(!taken.status.success() && String::from_utf8_lossy(&taken.stderr).contains("--resume"));
}

/// Killed again and again wherever it happens to be, on two threads and on one, a run ends with the bits of the run that
/// was left alone.
#[test]
fn killed_and_resumed_is_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    let long = ["--set", "train.epochs=40", "--checkpoint", "0"];
    let expected = last_line(&train(&whole, &long));
    let mut kills = 0;
    let result = loop {
        let run = broken.to_str().unwrap();
        let threads = if kills % 2 == 0 { "2" } else { "1" };
        let mut command = if kills == 0 {
            let mut first = cortado(&SHORT);
            first.arg(run).args(long);
            first
        } else {
            cortado(&["train", "--resume", run, "--json", "--checkpoint", "0"])
        };
        command.args(["--threads", threads]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let before = broken.join("checkpoint/manifest.json").metadata().ok();
        // Until a checkpoint has been written and some more steps have been taken, four times.
        let changed = || {
            let now = broken.join("checkpoint/manifest.json").metadata().ok();
            now.is_some()
                && now.and_then(|m| m.modified().ok())
                    != before.as_ref().and_then(|m| m.modified().ok())
        };
        while kills < 4 && child.try_wait().unwrap().is_none() && !changed() {
            std::thread::yield_now();
        }
        if kills < 4 && child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            continue;
        }
        break last_line(&child.wait_with_output().unwrap());
    };
    assert!(kills > 0);
    for key in ["accuracy", "loss", "spikes_per_sample"] {
        assert_eq!(result[key], expected[key], "{key}");
    }
    assert_eq!(manifest(&broken)["sha256"], manifest(&whole)["sha256"]);
    let losses = |run: &Path| -> Vec<Value> {
        let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let lines = text
            .lines()
            .map(|l| serde_json::from_str::<Value>(l).unwrap());
        lines.map(|l| l["loss"].clone()).collect()
    };
    assert_eq!(losses(&broken), losses(&whole));
}

/// A limit on the size of files stands in for a full disk: the system refuses the write in the same way.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_checkpoint_before() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    last_line(&train(&run, &[]));
    let before = manifest(&run);
    // The run is done; two more epochs are asked for.
    let recipe = run.join("recipe.toml");
    let text = std::fs::read_to_string(&recipe).unwrap();
    std::fs::write(&recipe, text.replace("epochs = 6", "epochs = 8")).unwrap();
    let script = format!(
        "trap '' XFSZ; ulimit -f 20; exec {} train --resume {} --json",
        env!("CARGO_BIN_EXE_cortado"),
        run.display()
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        error.contains("cannot write") && error.contains("numbers-"),
        "{error}"
    );
    assert_eq!(manifest(&run), before);
    let result = cortado(&["train", "--resume", run.to_str().unwrap(), "--json"]).output();
    assert_eq!(last_line(&result.unwrap())["epochs"], 8);
}

#[test]
fn what_is_cut_or_changed_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    last_line(&train(&run, &[]));
    let numbers = run
        .join("checkpoint")
        .join(manifest(&run)["numbers"].as_str().unwrap());
    let whole = std::fs::read(&numbers).unwrap();
    let text = std::fs::read_to_string(run.join("checkpoint/manifest.json")).unwrap();
    let error = || {
        let output = cortado(&["eval", run.to_str().unwrap()]).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    std::fs::write(&numbers, &whole[..whole.len() / 2]).unwrap();
    assert!(error().contains("expected SHA-256"), "{}", error());
    let mut changed = whole.clone();
    changed[whole.len() - 9] ^= 1;
    std::fs::write(&numbers, changed).unwrap();
    assert!(error().contains("expected SHA-256"), "{}", error());
    std::fs::write(&numbers, &whole).unwrap();
    for (from, to, word) in [
        ("\"format\": 1", "\"format\": 2", "expected format 1, got 2"),
        ("\"dtype\": \"F32\"", "\"dtype\": \"F64\"", "expected F32"),
        ("\"n\": 64", "\"n\": 32", "expected"),
        ("\"steps\"", "\"stops\"", "stops"),
        ("}", "", "manifest.json"),
    ] {
        let path = run.join("checkpoint/manifest.json");
        std::fs::write(path, text.replace(from, to)).unwrap();
        assert!(error().contains(word), "{from}: {}", error());
    }
    std::fs::write(run.join("recipe.toml"), "about = 3").unwrap();
    assert!(error().contains("recipe.toml"), "{}", error());
}
