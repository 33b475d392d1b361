//! Models, samples and images of the tests.
#![allow(dead_code)] // each test binary uses a part

use cortado_base::source::Source;
use cortado_convert::ann::Ann;
use serde_json::Value;
use std::path::PathBuf;

pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx")
}

/// Samples of a model and what ONNX Runtime gives for them.
pub struct Samples {
    pub shape: Vec<usize>,
    pub input: Vec<f64>,
    pub output: Vec<f64>,
}

fn json(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// By the name of the model.
pub fn samples() -> Vec<(String, Samples)> {
    let trained = json("mnist.json")["samples"].clone();
    let others = ["small.json", "keras-torch.json", "keras-tensorflow.json"].map(json);
    let numbers = |v: &Value| -> Vec<f64> { serde_json::from_value(v.clone()).unwrap() };
    let all = others.iter().chain([&trained]);
    let all = all.flat_map(|v| v.as_object().unwrap());
    let case = |(name, v): (&String, &Value)| {
        let samples = Samples {
            shape: serde_json::from_value(v["shape"].clone()).unwrap(),
            input: numbers(&v["input"]),
            output: numbers(&v["output"]),
        };
        (name.clone(), samples)
    };
    all.map(case).collect()
}

/// Test images that each network has right in PyTorch.
pub fn correct() -> Vec<(String, usize)> {
    let all = json("mnist.json")["correct"].clone();
    let all: std::collections::BTreeMap<_, _> = serde_json::from_value(all).unwrap();
    all.into_iter().collect()
}

/// The test images, 0 to 1, and their labels.
pub fn mnist() -> Option<(Vec<f64>, Vec<u8>)> {
    let data = std::env::var_os("CORTADO_DATA");
    let data = data.map_or_else(|| PathBuf::from("../../../shared/data"), PathBuf::from);
    let read = |name: &str, header: usize| {
        let path = data.join("mnist").join(name);
        let bytes = Source::open(&path).ok()?.read(1 << 24).ok()?;
        Some(bytes[header..].to_vec())
    };
    let images = read("t10k-images-idx3-ubyte.gz", 16)?;
    let labels = read("t10k-labels-idx1-ubyte.gz", 8)?;
    Some((
        images.iter().map(|&x| f64::from(x) / 255.0).collect(),
        labels,
    ))
}

/// How many images a network has right.
pub fn accuracy(ann: &Ann, images: &[f64], labels: &[u8]) -> usize {
    let right = |i: usize, layers: &[Vec<f64>]| {
        let y = &layers[layers.len() - 1];
        let best = (0..y.len()).max_by(|&a, &b| y[a].total_cmp(&y[b]));
        best == Some(usize::from(labels[i]))
    };
    let right = ann.trace(images, labels.len(), right).unwrap();
    right.iter().filter(|&&r| r).count()
}
