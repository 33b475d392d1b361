//! The command as a process.
#![allow(dead_code)]

pub mod spiking;

use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

pub fn cortado<A: AsRef<std::ffi::OsStr>>(args: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cortado"));
    command.args(args).stdin(Stdio::null());
    // Tests leave nothing in the user's cache.
    command.env("CORTADO_CACHE", "off");
    command
}

/// Runs it and gives what it printed; it has to succeed.
pub fn done<A: AsRef<std::ffi::OsStr>>(args: &[A]) -> String {
    let output = cortado(args).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {error}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Runs it and gives what it said; it has to fail with code 1.
pub fn failed<A: AsRef<std::ffi::OsStr>>(args: &[A]) -> String {
    let output = cortado(args).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    error
}

pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

pub fn last_line(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(text.lines().last().unwrap_or_default())
        .unwrap_or_else(|e| panic!("{e}: {text}{error}"))
}

pub fn manifest(run: &Path) -> Value {
    let text = std::fs::read_to_string(run.join("checkpoint/manifest.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Trains the digits into a folder; the last line.
pub fn train(run: &Path, set: &[&str]) -> Value {
    let mut args = vec!["train", "digits", "--json", "--out", run.to_str().unwrap()];
    set.iter().for_each(|s| args.extend(["--set", s]));
    json(&done(&args))
}

/// Waits until a run has finished an epoch, or has ended.
pub fn first_epoch(child: &mut Child, run: &Path) {
    let there = || {
        let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
        text.contains('\n')
    };
    while child.try_wait().unwrap().is_none() && !there() {
        std::thread::yield_now();
    }
}

/// Sends a signal by its name.
pub fn kill(child: &Child, signal: &str) {
    let (option, pid) = (format!("-{signal}"), child.id().to_string());
    let _ = Command::new("kill").args([option, pid]).status().unwrap();
}
