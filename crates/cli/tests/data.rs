//! `cortado data` as a user meets it, with a server on the loopback.

#[path = "../../data/tests/common/server.rs"]
mod server;

use serde_json::Value;
use server::{Server, good, serve};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

/// Of 60,000 zeros, by sha256sum.
const SUM: &str = "0946e2eb0fb9ea7ddd935efd1922bc7d1f27101c69ce6d2f5145c7ee28f1b6ba";

fn cortado(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cortado"));
    for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.arg("data").args(args);
    command
}

fn manifest(folder: &Path, url: &str) -> String {
    let path = folder.join("tiny.toml");
    let text = format!(
        "name = 'tiny'\nabout = 'Zeros'\nlicence = 'CC0'\ncite = ['nobody1900']\npage = 'p'\n\
         mirrors = ['{url}/gone', '{url}']\n\
         [[file]]\nname = 'a.bin'\nsize = 60000\nchecksum = 'sha256:{SUM}'\n"
    );
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().into()
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn get_then_check() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::new(|r, s| match r.path.starts_with("/gone") {
        true => server::send(s, "404 Not Found", "Content-Length: 0\r\n", b""),
        false => good(r, s, &[0; 60_000]),
    });
    let path = manifest(dir.path(), &server.url);
    let out = ["--out", dir.path().to_str().unwrap()];
    let before = cortado(&["check", &path]).args(out).output().unwrap();
    assert!(!before.status.success() && text(&before).0.contains("not there"));
    let done = cortado(&["get", &path]).args(out).output().unwrap();
    let (stdout, stderr) = text(&done);
    assert!(done.status.success(), "{stderr}");
    // A line for the file, without a bar; what went wrong on the way stands apart.
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{stdout}");
    assert!(lines[1].contains("CC0") && lines[1].contains("nobody1900"));
    assert!(lines[2].starts_with("a.bin ") && lines[2].contains("SHA-256 right"));
    assert!(
        stderr.contains("/gone/a.bin: status 404") && stderr.lines().count() == 1,
        "{stderr}"
    );
    let again = cortado(&["get", &path, "--json"])
        .args(out)
        .output()
        .unwrap();
    let (stdout, stderr) = text(&again);
    assert_eq!((stdout.lines().count(), stderr.as_str()), (1, ""));
    let result: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        [&result["bytes"], &result["files"][0]["bytes"]],
        [60_000, 60_000]
    );
    assert_eq!(result["files"][0]["checked"], "sha256");
    assert!(result["seconds"].is_f64());
    let right = cortado(&["check", &path]).args(out).output().unwrap();
    assert!(right.status.success(), "{}", text(&right).0);
    std::fs::write(dir.path().join("tiny/a.bin"), b"mine").unwrap();
    let wrong = cortado(&["check", &path, "--json"])
        .args(out)
        .output()
        .unwrap();
    let result: Value = serde_json::from_str(&text(&wrong).0).unwrap();
    assert_eq!(result["files"][0]["right"], false);
    assert!(!wrong.status.success());
    let refused = cortado(&["get", &path]).args(out).output().unwrap();
    assert!(!refused.status.success() && text(&refused).1.contains("--force"));
}

#[test]
fn killed_and_started_again_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::new(|r, s| match (r.path.starts_with("/gone"), r.earlier) {
        (true, _) => server::send(s, "404 Not Found", "Content-Length: 0\r\n", b""),
        (_, 0) => serve(r, s, &[0; 60_000], 60_000, Duration::from_millis(200)),
        _ => good(r, s, &[0; 60_000]),
    });
    let path = manifest(dir.path(), &server.url);
    let out = ["--out", dir.path().to_str().unwrap()];
    let mut child = cortado(&["get", &path, "--json"])
        .args(out)
        .spawn()
        .unwrap();
    let part = dir.path().join("tiny/a.bin.part");
    let arrived = loop {
        match part.metadata().map_or(0, |m| m.len()) {
            0 => std::thread::sleep(Duration::from_millis(5)),
            n => break n,
        }
        assert!(child.try_wait().unwrap().is_none(), "ended by itself");
    };
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!dir.path().join("tiny/a.bin").exists());
    let done = cortado(&["get", &path, "--json"])
        .args(out)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", text(&done).1);
    let last = server.requests().pop().unwrap();
    assert!(
        last.start().is_some_and(|s| s as u64 >= arrived),
        "{:?}",
        last.headers
    );
    assert_eq!(
        std::fs::read(dir.path().join("tiny/a.bin")).unwrap(),
        [0; 60_000]
    );
}

#[test]
fn the_list_and_unknown_names() {
    let list = cortado(&["list", "--json"]).output().unwrap();
    let result: Value = serde_json::from_str(&text(&list).0).unwrap();
    let names: Vec<&str> = result["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|d| d["name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "asl-dvs",
            "braille",
            "cifar10-dvs",
            "dsec",
            "dvs-gesture",
            "dvs-lip",
            "fashion-mnist",
            "fsdd",
            "mnist",
            "mvsec",
            "n-caltech101",
            "n-cars",
            "n-mnist",
            "ntidigits",
            "poker-dvs",
            "shd",
            "ssc",
            "yin-yang",
        ]
    );
    assert_eq!(result["data"][8]["bytes"], 11_594_722);
    let gestures = &result["data"][4];
    assert_eq!(gestures["geometry"], serde_json::json!([128, 128]));
    assert_eq!(
        (&gestures["classes"], &gestures["names"][9]),
        (&11.into(), &"air_guitar".into())
    );
    let place = tempfile::tempdir().unwrap();
    let out = place.path().display().to_string();
    let by_hand = cortado(&["get", "dvs-gesture", "--out", &out])
        .output()
        .unwrap();
    let said = text(&by_hand).1;
    assert!(!by_hand.status.success());
    assert!(
        said.contains("fetched by hand: get DvsGesture.tar.gz from https://"),
        "{said}"
    );
    let unknown = cortado(&["get", "nope"]).output().unwrap();
    assert!(!unknown.status.success() && text(&unknown).1.contains("fashion-mnist"));
}

#[test]
fn the_cache_is_shown_and_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str], place: &str, most: &str| {
        let mut command = cortado(args);
        command
            .env("CORTADO_CACHE", place)
            .env("CORTADO_CACHE_MAX", most);
        let output = command.output().unwrap();
        let (out, err) = text(&output);
        (output.status.code(), out, err)
    };
    let place = folder.path().to_str().unwrap();
    let shard = folder.path().join("samples/0a");
    std::fs::create_dir_all(&shard).unwrap();
    std::fs::write(shard.join("f".repeat(62)), [0; 300]).unwrap();
    std::fs::write(shard.join("mine"), "mine").unwrap();
    let (code, out, _) = run(&["cache", "--json"], place, "2MB");
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(
        told["kept"],
        serde_json::json!({"entries": 1, "bytes": 300})
    );
    assert_eq!(told["most"], 2_000_000);
    let (_, out, _) = run(&["cache", "--clear"], place, "");
    assert!(out.contains("removed 1 sample, 300 B"), "{out}");
    let (_, out, _) = run(&["cache"], place, "");
    assert!(out.contains("0 samples, 0 B, at most 8.00 GiB"), "{out}");
    assert!(shard.join("mine").is_file());
    let (_, out, _) = run(&["cache"], "off", "");
    assert!(out.starts_with("no cache"), "{out}");
    let (code, _, err) = run(&["cache"], place, "8 gigs");
    assert_eq!(code, Some(1));
    assert!(
        err.contains("size at CORTADO_CACHE_MAX: expected bytes"),
        "{err}"
    );
}
