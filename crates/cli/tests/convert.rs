//! From a trained network to spikes, by the command.

mod common;

use common::{done, failed, json};
use cortado_base::npy::{self, Array};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// An artificial network trained on the digits, in a folder.
fn trained(folder: &Path) -> String {
    let run = folder.join("ann").display().to_string();
    let line = json(&done(&[
        "train",
        "digits-ann",
        "--json",
        "--set",
        "train.epochs=8",
        "--out",
        &run,
    ]));
    assert!(line["accuracy"].as_f64().unwrap() > 0.95, "{line}");
    run
}

fn convert(model: &str, data: &str, options: &str) -> Value {
    let mut args = vec!["convert", model, "--data", data, "--json"];
    args.extend(options.split(' '));
    json(&done(&args))
}

fn number(line: &Value, key: &str) -> f64 {
    line[key]
        .as_f64()
        .unwrap_or_else(|| panic!("no {key} in {line}"))
}

#[test]
fn every_method_keeps_the_decisions() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(folder.path());
    for (options, agreement, spikes) in [
        ("--method rate --steps 32", 0.97, 8.0),
        (
            "--method rate --steps 32 --scale channel --balance weights",
            0.97,
            8.0,
        ),
        ("--method qcfs --steps 4 --epochs 4", 0.95, 2.0),
        ("--method fs --steps 8", 0.99, 4.0),
        ("--method ttfs", 1.0, 1.0),
    ] {
        let line = convert(&run, "digits", options);
        let lost = number(&line, "ann_accuracy") - number(&line, "snn_accuracy");
        assert!(lost < 0.02, "{options}: {line}");
        assert!(number(&line, "agreement") >= agreement, "{options}: {line}");
        let each = number(&line, "spikes_per_neuron");
        assert!(each > 0.05 && each < spikes, "{options}: {line}");
        assert_eq!(line["samples"], 360);
        let steps = options
            .split("--steps ")
            .nth(1)
            .map_or(0, |s| s.split(' ').next().unwrap().parse().unwrap());
        assert_eq!(line["steps"], steps, "{options}");
    }
    let exact = convert(&run, "digits", "--method ttfs");
    assert!(number(&exact, "largest_difference") < 1e-9, "{exact}");
    // Threads change nothing.
    let [one, two] = ["1", "2"].map(|threads| {
        let mut line = convert(
            &run,
            "digits",
            &format!("--method qcfs --steps 3 --epochs 1 --limit 90 --threads {threads}"),
        );
        for key in ["seconds", "run_seconds", "threads"] {
            line.as_object_mut().unwrap().remove(key);
        }
        line
    });
    assert_eq!(one, two);
}

#[test]
fn what_is_converted_runs_and_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let run = trained(folder.path());
    let line = convert(
        &run,
        "digits",
        &format!(
            "--method rate --steps 16 --limit 5 --out {} --plot {}",
            at("spiking"),
            at("steps.svg")
        ),
    );
    assert_eq!(line["accuracy_by_step"].as_array().unwrap().len(), 16);
    assert_eq!(line["layers"].as_array().unwrap().len(), 2);
    assert!(
        std::fs::read_to_string(at("steps.svg"))
            .unwrap()
            .contains("spiking")
    );
    // A current that stays the same, line by line.
    let pixels: Vec<String> = (0..64)
        .map(|i| format!("{}", f64::from(i % 7) / 7.0))
        .collect();
    std::fs::write(
        at("x.jsonl"),
        format!("{{\"x\": [{}]}}\n", pixels.join(",")).repeat(16),
    )
    .unwrap();
    let said = done(&[
        "run",
        &at("spiking"),
        &at("x.jsonl"),
        "--steps",
        "16",
        "--json",
    ]);
    let summary = json(said.lines().last().unwrap());
    let spikes = summary["spikes"].as_object().unwrap().values();
    assert!(
        spikes.filter_map(Value::as_u64).sum::<u64>() > 50,
        "{summary}"
    );
    // Digits as an array: the clock's network and the times of first spikes decide alike.
    let pixels: Vec<f32> = (0..3 * 64).map(|i| (i * 7 % 17) as f32 / 16.0).collect();
    let array = Array {
        shape: vec![3, 1, 8, 8],
        data: npy::Data::F32(pixels),
    };
    npy::write(Path::new(&at("x.npy")), &array).unwrap();
    convert(
        &run,
        "digits",
        &format!("--method ttfs --limit 5 --out {}", at("first.safetensors")),
    );
    let class = |model: &str, more: &[&str]| -> Vec<u64> {
        let (model, input) = (at(model), at("x.npy"));
        let said = done(&[&["run", &model, &input, "--json"], more].concat());
        let classes = said.lines().map(json).filter_map(|l| l["class"].as_u64());
        classes.collect()
    };
    let first = class("first.safetensors", &[]);
    assert_eq!(first.len(), 3);
    assert_eq!(
        class("spiking", &["--as", "values", "--steps", "64"]),
        first
    );
    let model = at("first.safetensors");
    assert_eq!(
        convert(&model, "digits", "--method rate --limit 20")["samples"],
        20
    );
    assert!(failed(&["run", &model, &at("x.npy"), "--steps", "3"]).contains("--steps"));
    let error = failed(&["run", &at("spiking"), &at("x.npy"), "--as", "values"]);
    assert!(error.contains("--steps"), "{error}");
    let error = failed(&[
        "convert",
        &run,
        "--method",
        "fs",
        "--data",
        "digits",
        "--out",
        &at("x.nir"),
    ]);
    assert!(error.contains("ends in .safetensors"), "{error}");
    let error = failed(&[
        "convert",
        &run,
        "--method",
        "rate",
        "--data",
        "digits",
        "--out",
        &at("x.txt"),
    ]);
    assert!(error.contains("got .txt"), "{error}");
}

#[test]
fn what_was_lost_is_blamed_on_a_layer() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(folder.path());
    let error = failed(&[
        "convert",
        &run,
        "--method",
        "rate",
        "--steps",
        "1",
        "--data",
        "digits",
        "--max-loss",
        "1",
    ]);
    assert!(
        error.contains("more than 1")
            && (error.contains("layer 'a'") || error.contains("layer 'b'")),
        "{error}"
    );
    done(&[
        "convert",
        &run,
        "--method",
        "rate",
        "--steps",
        "32",
        "--data",
        "digits",
        "--max-loss",
        "5",
    ]);
    // One digit says little: the layer is named there too.
    let error = failed(&[
        "convert",
        &run,
        "--method",
        "fs",
        "--steps",
        "1",
        "--data",
        "digits",
        "--max-loss",
        "1",
    ]);
    assert!(error.contains("layer '"), "{error}");
    // What cannot be written is said before anything is trained or run.
    let nir = folder.path().join("x.nir").display().to_string();
    let out = common::cortado(&[
        "convert", &run, "--method", "qcfs", "--data", "digits", "--epochs", "3", "--out", &nir,
    ]);
    let out = { out }.output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(!String::from_utf8_lossy(&out.stdout).contains("fine-tuning"));
}

#[test]
fn what_cannot_be_converted_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let spiking = folder.path().join("run").display().to_string();
    common::train(Path::new(&spiking), &["train.epochs=1"]);
    let error = failed(&["convert", &spiking, "--method", "rate", "--data", "digits"]);
    assert!(
        error.contains("'hidden'") && error.contains("got lif"),
        "{error}"
    );
    let run = trained(folder.path());
    let error = failed(&["convert", &run, "--method", "rate", "--data", "yin-yang"]);
    assert!(error.contains("--data yin-yang"), "{error}");
    for (options, what) in [
        ("--steps 0", "--steps"),
        ("--percentile 0", "percentile"),
        ("--start 2", "start"),
        ("--margin 0.5 --method ttfs", "--margin"),
        ("--steps 4000000000", "steps"),
        ("--steps 18446744073709551615", "steps"),
    ] {
        let mut args = vec!["convert", &run, "--data", "digits"];
        if !options.contains("--method") {
            args.extend(["--method", "rate"]);
        }
        args.extend(options.split(' '));
        let error = failed(&args);
        assert!(error.contains(what), "{options}: {error}");
    }
    let missing = folder.path().join("none.onnx").display().to_string();
    assert!(
        failed(&["convert", &missing, "--method", "rate", "--data", "digits"])
            .contains("none.onnx")
    );
}

/// The network that PyTorch trained and wrote, on images that are not in the repository.
#[test]
fn what_pytorch_trained_spikes() {
    let root = std::env::var_os("CORTADO_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    if !root.join("mnist").is_dir() {
        eprintln!("SKIPPED: no MNIST (CORTADO_DATA names the folder)");
        return;
    }
    let model =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../convert/tests/data/onnx/mnist-cnn.onnx");
    let model = model.display().to_string();
    let place = format!("--folder {}", root.display());
    let line = convert(
        &model,
        "mnist",
        &format!("--method rate --steps 32 --limit 500 {place}"),
    );
    assert!(
        number(&line, "ann_accuracy") > 0.98 && number(&line, "agreement") > 0.98,
        "{line}"
    );
    let line = convert(
        &model,
        "mnist",
        &format!("--method ttfs --limit 200 {place}"),
    );
    assert_eq!(number(&line, "agreement"), 1.0);
    assert!(number(&line, "largest_difference") < 1e-9 && number(&line, "spikes_per_neuron") < 0.5);
}
