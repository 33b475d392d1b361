//! ONNX files as other tools write them, against what ONNX Runtime gives for them; `tests/oracle/onnx_models.py` writes both.

mod common;

use common::{accuracy, folder, samples};
use cortado::num::Float;
use cortado_convert::ann::Ann;
use cortado_convert::onnx;

/// Largest difference of the outputs from ONNX Runtime's, relative to `max(1, |output|)`.
fn off<R: Float>(ann: &Ann, case: &common::Samples) -> f64 {
    let mut x: Vec<R> = case.input.iter().map(|&x| R::of(x)).collect();
    if let ([_, h, w, c], [first, ..]) = (&*case.shape, &*ann.input)
        && c == first
        && c != h
    {
        x = channels_first(&x, h * w, *c);
    }
    let y = ann.forward(&x, case.shape[0]).unwrap();
    assert_eq!(y.len(), case.output.len());
    let off = |(y, &want): (&R, &f64)| (y.value() - want).abs() / want.abs().max(1.0);
    y.iter().zip(&case.output).map(off).fold(0.0, f64::max)
}

/// Images with their channels last, turned.
fn channels_first<R: Float>(x: &[R], places: usize, channels: usize) -> Vec<R> {
    let turn = |image: &[R]| -> Vec<R> {
        let channel = |c| image.iter().skip(c).step_by(channels).copied();
        (0..channels).flat_map(channel).collect()
    };
    x.chunks_exact(places * channels).flat_map(turn).collect()
}

#[test]
fn every_file_gives_the_outputs_of_onnx_runtime() {
    let cases = samples();
    let files = std::fs::read_dir(folder()).unwrap();
    let is_model = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(".onnx");
    let files = files.filter(|f| is_model(&f.as_ref().unwrap().file_name()));
    assert_eq!(files.count(), cases.len());
    let mut failures = Vec::new();
    for (name, case) in &cases {
        let ann = match onnx::read(&folder().join(format!("{name}.onnx"))) {
            Ok(ann) => ann,
            Err(e) => {
                failures.push(e.to_string());
                continue;
            }
        };
        let (single, double) = (off::<f32>(&ann, case), off::<f64>(&ann, case));
        if single > 1e-5 || double > 1e-5 {
            failures.push(format!("{name}: {single:e} in f32, {double:e} in f64"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn mnist_networks_are_as_accurate_as_in_pytorch() {
    let Some((images, labels)) = common::mnist() else {
        eprintln!("no MNIST: left out");
        return;
    };
    for (name, correct) in common::correct() {
        let ann = onnx::read(&folder().join(format!("{name}.onnx"))).unwrap();
        // A sample in ten thousand may stand on the edge of f32.
        assert!(
            accuracy(&ann, &images, &labels).abs_diff(correct) <= 1,
            "{name}"
        );
    }
}
