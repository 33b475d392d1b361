//! Pictures of a run, and its report, as a user gets them.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

fn cortado(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cortado"));
    command.args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// One run for all tests, with input that spikes.
fn trained() -> (&'static Path, &'static Value) {
    static RUN: OnceLock<(tempfile::TempDir, PathBuf, Value)> = OnceLock::new();
    let (_, run, result) = RUN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run <1>");
        let output = cortado(&[
            "train",
            "digits",
            "--json",
            "--set",
            "train.epochs=2",
            "--set",
            "encoder={ type = \"bernoulli\" }",
            "--set",
            "network.nodes.fc1.scale=2.0",
            "--out",
            run.to_str().unwrap(),
        ]);
        let text = stdout(&output);
        assert_eq!(
            (text.lines().count(), output.stderr.len()),
            (1, 0),
            "{text}"
        );
        (folder, run, serde_json::from_str(&text).unwrap())
    });
    (run, result)
}

fn data(kind: &str, more: &[&str]) -> Value {
    let args = ["plot", kind, trained().0.to_str().unwrap(), "--data"];
    serde_json::from_str(&stdout(&cortado(&[&args[..], more].concat()))).unwrap()
}

fn sum(v: &Value) -> f64 {
    match v {
        Value::Array(a) => a.iter().map(sum).sum(),
        v => v.as_f64().unwrap(),
    }
}

/// What stands behind the pictures is what the test of the run says.
#[test]
fn decisions_and_spikes_are_those_of_the_test() {
    let result = trained().1;
    let confusion = data("confusion", &[]);
    let counts = &confusion["counts"];
    let right: f64 = (0..10).map(|i| counts[i][i].as_f64().unwrap()).sum();
    assert_eq!(sum(counts), 360.0);
    assert_eq!(right / 360.0, result["accuracy"].as_f64().unwrap());
    let steps = data("steps", &[]);
    let accuracy = steps["accuracy"].as_array().unwrap();
    assert_eq!(accuracy.len(), 8);
    assert_eq!(accuracy[7], result["accuracy"]);
    let names: Vec<&str> = steps["activity"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["input", "hidden"]);
    let spikes = steps["activity"][1]["spikes"][7].as_f64().unwrap();
    assert!((spikes - result["spikes_per_sample"].as_f64().unwrap()).abs() < 1e-9);
    let few = data("confusion", &["--limit", "7"]);
    assert_eq!(sum(&few["counts"]), 7.0);
}

/// A mark of a membrane stands where the raster has a spike, and there the membrane is above threshold.
#[test]
fn membranes_and_raster_tell_the_same() {
    let (raster, traces) = (
        data("raster", &["--sample", "3"]),
        data("traces", &["--sample", "3"]),
    );
    let hidden = raster["populations"][1]["spikes"].as_array().unwrap();
    assert!(!hidden.is_empty());
    let mut checked = 0;
    for panel in traces["membranes"].as_array().unwrap() {
        let Some(threshold) = panel["threshold"].as_f64() else {
            continue;
        };
        let name = panel["name"].as_str().unwrap();
        let neuron: u64 = name
            .split(['n', ' ', ':'])
            .filter_map(|w| w.parse().ok())
            .next()
            .unwrap();
        let trace = &panel["traces"][0];
        let fired: Vec<u64> = trace["spikes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t.as_u64().unwrap())
            .collect();
        let expected: Vec<u64> = hidden
            .iter()
            .filter(|s| s[1] == neuron)
            .map(|s| s[0].as_u64().unwrap())
            .collect();
        assert_eq!(fired, expected, "{name}");
        for (t, v) in trace["values"].as_array().unwrap().iter().enumerate() {
            assert_eq!(
                v.as_f64().unwrap() > threshold,
                fired.contains(&(t as u64)),
                "{name} {t}"
            );
            checked += 1;
        }
    }
    assert_eq!(checked, 32);
    let curves = data("curves", &[]);
    assert_eq!(
        curves["metrics"][0]["curves"][0]["points"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let weights = data("weights", &["--node", "fc2"]);
    assert_eq!(weights["values"]["data"].as_array().unwrap().len(), 640);
}

#[test]
fn pictures_are_what_their_name_says() {
    let run = trained().0.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for kind in [
        "raster",
        "traces",
        "curves",
        "confusion",
        "weights",
        "steps",
    ] {
        for (end, start) in [("svg", &b"<svg"[..]), ("png", b"\x89PNG")] {
            let path = folder.path().join(format!("{kind}.{end}"));
            let out = path.to_str().unwrap();
            assert_eq!(
                stdout(&cortado(&["plot", kind, run, "--out", out])).trim(),
                out
            );
            assert!(std::fs::read(&path).unwrap().starts_with(start), "{kind}");
        }
    }
    for (args, word) in [
        (&["raster", run, "--out", "x.gif"][..], ".svg or .png"),
        (
            &["raster", run, "--sample", "360"],
            "sample 360: the test set has 360",
        ),
        (&["traces", run, "--node", "hiden"], "hidden, readout"),
        (&["weights", run, "--node", "hidden"], "fc1, fc2"),
        (&["curves", "nowhere"], "is no run"),
    ] {
        let output = cortado(&[&["plot"], args].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(word), "{error}");
    }
}

#[test]
fn ideas_are_drawn_without_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("figures");
    for kind in ["figures", "encoders", "stdp"] {
        stdout(&cortado(&[
            "plot",
            kind,
            "--out",
            out.to_str().unwrap(),
            "--png",
        ]));
    }
    let size = |name: &str| std::fs::metadata(out.join(name)).unwrap().len();
    for name in [
        "unit-ann-snn",
        "surrogates",
        "encoder-poisson",
        "encoder-delta",
        "encoder-cochlea",
        "stdp",
    ] {
        assert!(
            size(&format!("{name}.svg")) > 2000 && size(&format!("{name}.png")) > 5000,
            "{name}"
        );
    }
    let text = std::fs::read_to_string(out.join("surrogates.svg")).unwrap();
    assert_eq!(text.matches("class=\"panel\"").count(), 9);
}

/// The page holds all it needs, and names each section that it has.
#[test]
fn the_report_stands_alone() {
    let (run, result) = trained();
    let path = run.join("report.html");
    let page = std::fs::read_to_string(&path).unwrap();
    let own = page.replace("http://www.w3.org/2000/svg", "");
    for outside in [
        "http:", "https:", "src=", "@import", "url(", "<script", "<link",
    ] {
        assert!(!own.contains(outside), "{outside}");
    }
    let ids = [
        "result",
        "learning",
        "decisions",
        "sample",
        "weights",
        "network",
        "cost",
        "convention",
        "metrics",
        "recipe",
        "repeat",
    ];
    for id in ids {
        assert!(
            page.contains(&format!("<section id=\"{id}\">"))
                && page.contains(&format!("href=\"#{id}\"")),
            "{id}"
        );
    }
    assert_eq!(page.matches("<svg").count(), 7);
    let accuracy = format!("{:.2} %", 100.0 * result["accuracy"].as_f64().unwrap());
    assert!(page.contains(&accuracy) && page.contains("run &lt;1&gt;") && page.contains("tau_mem"));
    for tag in [
        "section", "figure", "table", "svg", "div", "tr", "td", "p", "g",
    ] {
        let open =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(open, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    // Written again, it is the same.
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        stdout(&cortado(&["report", run.to_str().unwrap()])).trim(),
        path.to_str().unwrap()
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), page);
}

/// The page is as readable to others as any file that the user makes.
#[cfg(unix)]
#[test]
fn the_report_has_the_rights_of_other_files() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |name: &str| {
        let file = trained().0.join(name);
        std::fs::metadata(file).unwrap().permissions().mode()
    };
    assert_eq!(mode("report.html"), mode("metrics.jsonl"));
}

/// A report that cannot be written warns, and the run is done.
#[test]
fn a_report_never_breaks_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let path = run.to_str().unwrap();
    stdout(&cortado(&[
        "train",
        "digits",
        "--json",
        "--set",
        "train.epochs=1",
        "--out",
        path,
    ]));
    std::fs::remove_file(run.join("report.html")).unwrap();
    std::fs::create_dir(run.join("report.html")).unwrap();
    let output = cortado(&["train", "--resume", path, "--json"]);
    let result: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(result["epochs"], 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("warning: report"));
}
