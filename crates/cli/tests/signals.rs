//! Exit codes, and what a signal leaves.
#![cfg(unix)]

mod common;

use common::{cortado, first_epoch, kill, last_line, manifest, train};
use std::process::Stdio;

#[test]
fn exit_codes_are_those_of_the_help() {
    let help = common::done(&["--help"]);
    for code in ["0 done", "1 failed", "2 wrong command line", "130 and 143"] {
        assert!(help.replace('\n', " ").contains(code), "{help}");
    }
    let code = |args: &[&str]| cortado(args).output().unwrap().status.code();
    assert_eq!(code(&["models"]), Some(0));
    assert_eq!(code(&["train", "no-such-recipe"]), Some(1));
    assert_eq!(code(&["train", "digits", "--no-such-option"]), Some(2));
}

/// A run that a signal has stopped says how to go on, and goes on to the bits of a run that was never stopped.
#[test]
fn a_signal_stops_after_the_batch_with_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    train(&whole, &["train.epochs=40"]);
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let run = folder.path().join(signal);
        let out = run.to_str().unwrap();
        let mut child = cortado(&["train", "digits", "--set", "train.epochs=40", "--json"])
            .args(["--out", out, "--checkpoint", "1e9"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        first_epoch(&mut child, &run);
        kill(&child, signal);
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(output.stdout.is_empty() && manifest(&run)["steps"].as_u64().unwrap() > 0);
        // The command that it names, as it stands.
        let (_, rest) = error.split_once("`cortado ").unwrap();
        let command = rest.split('`').next().unwrap();
        let words: Vec<&str> = command.split(' ').collect();
        let result = last_line(&cortado(&words).output().unwrap());
        assert_eq!(result["epochs"], 40);
        assert_eq!(manifest(&run)["sha256"], manifest(&whole)["sha256"]);
        let lines = |run: &std::path::Path| {
            let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
            let lines = text.lines().map(common::json);
            lines
                .map(|l| (l["epoch"].clone(), l["loss"].clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(lines(&run), lines(&whole));
    }
}

/// A local rule stops after the line under way, and no command takes its folder for that of a network.
#[test]
fn a_signal_stops_a_local_rule_without_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let path = run.to_str().unwrap();
    let args = [
        "train",
        "digits-stdp",
        "--set",
        "learn.passes=1000",
        "--json",
    ];
    let mut child = cortado(&args)
        .args(["--out", path])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    first_epoch(&mut child, &run);
    kill(&child, "TERM");
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(143), "{error}");
    assert!(
        error.contains("no checkpoint") && !error.contains("--resume"),
        "{error}"
    );
    for command in [&["eval", path][..], &["train", "--resume", path]] {
        let output = cortado(command).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("a run of a local rule"), "{error}");
    }
}

/// A batch of a second and more is not waited for when a second signal comes.
#[cfg(target_os = "linux")]
#[test]
fn a_second_signal_stops_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut child = cortado(&[
        "train",
        "digits",
        "--set",
        "steps=10000",
        "--set",
        "train.batch=256",
    ])
    .args(["--threads", "1", "--json", "--out", run.to_str().unwrap()])
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    // Until SIGINT is caught.
    let caught = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("SigCgt:"));
        let mask = line.and_then(|l| u64::from_str_radix(l.trim(), 16).ok());
        mask.is_some_and(|m| m & 2 != 0)
    };
    while child.try_wait().unwrap().is_none() && !caught(child.id()) {
        std::thread::yield_now();
    }
    // Signals that come at once are one to the system.
    while child.try_wait().unwrap().is_none() {
        kill(&child, "INT");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!run.join("checkpoint").exists());
}
