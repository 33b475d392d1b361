//! ONNX files as other tools write them, against what ONNX Runtime gives for them; `tests/oracle/onnx_models.py` writes both.

mod common;

use common::{Samples, accuracy, folder, samples};
use cortado::num::Float;
use cortado_convert::ann::{Ann, Builder, Op, Source};
use cortado_convert::onnx;
use cortado_interop::onnx::Model;

/// The samples as the network takes them: images with their channels first.
fn inputs<R: Float>(ann: &Ann, case: &Samples) -> Vec<R> {
    let x: Vec<R> = case.input.iter().map(|&x| R::of(x)).collect();
    match (&*case.shape, &*ann.input) {
        ([_, h, w, c], [first, ..]) if c == first && c != h => channels_first(&x, h * w, *c),
        _ => x,
    }
}

/// Largest difference of the outputs from ONNX Runtime's, relative to `max(1, |output|)`.
fn off<R: Float>(ann: &Ann, case: &Samples) -> f64 {
    let y = ann.forward(&inputs::<R>(ann, case), case.shape[0]).unwrap();
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
    let (mut failures, mut most) = (Vec::new(), [0.0f64; 2]);
    for (name, case) in &cases {
        let ann = match onnx::read(&folder().join(format!("{name}.onnx"))) {
            Ok(ann) => ann,
            Err(e) => {
                failures.push(e.to_string());
                continue;
            }
        };
        let (single, double) = (off::<f32>(&ann, case), off::<f64>(&ann, case));
        most = [most[0].max(single), most[1].max(double)];
        if single > 1e-5 || double > 1e-5 {
            failures.push(format!("{name}: {single:e} in f32, {double:e} in f64"));
        }
    }
    println!("off by at most {most:?} in f32 and f64");
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

/// What is not kept is neither needed: the reader's view is whole.
#[test]
fn written_and_read_again_a_model_gives_the_same_network() {
    for (name, _) in samples() {
        let model = Model::read(&folder().join(format!("{name}.onnx"))).unwrap();
        let again = Model::parse(&model.bytes()).unwrap();
        assert_eq!(again, model, "{name}");
        assert_eq!(onnx::import(&again).unwrap(), onnx::import(&model).unwrap());
    }
}

/// The order of nodes in a file does not matter.
#[test]
fn nodes_in_any_order_give_the_same_function() {
    for (name, case) in samples() {
        let mut model = Model::read(&folder().join(format!("{name}.onnx"))).unwrap();
        model.nodes.reverse();
        let ann = onnx::import(&model).unwrap();
        assert!(off::<f64>(&ann, &case) <= 1e-5, "{name}");
    }
}

#[test]
fn folding_changes_no_output_and_leaves_no_scale_behind_weights() {
    for (name, case) in samples() {
        let ann = onnx::read(&folder().join(format!("{name}.onnx"))).unwrap();
        let folded = ann.folded();
        let x = inputs::<f64>(&ann, &case);
        let (a, b) = (
            ann.forward(&x, case.shape[0]).unwrap(),
            folded.forward(&x, case.shape[0]).unwrap(),
        );
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() <= 1e-12 * a.abs().max(1.0), "{name}: {a} {b}");
        }
        if name.starts_with("mnist") || name.starts_with("torch") {
            let left = folded
                .layers
                .iter()
                .filter(|l| l.op.name() == "affine")
                .count();
            // The norm of pixels before a convolution that pads.
            assert_eq!(
                left,
                usize::from(name.starts_with("torch-residual")),
                "{name}"
            );
        }
    }
}

#[test]
fn outputs_do_not_depend_on_the_number_of_threads() {
    let (_, case) = samples()
        .into_iter()
        .find(|(name, _)| name == "mnist-cnn")
        .unwrap();
    let ann = onnx::read(&folder().join("mnist-cnn.onnx")).unwrap();
    let x: Vec<f32> = case.input.repeat(20).iter().map(|&x| x as f32).collect();
    let bits = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let y = pool.install(|| ann.forward(&x, 60).unwrap());
        y.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    assert_eq!(bits(1), bits(3));
    assert_eq!(bits(1)[..30], bits(1)[30..60]);
}

/// With `CORTADO_WRITE` naming a folder, the files are left there for ONNX Runtime.
#[test]
fn exported_networks_come_back() {
    for (name, case) in samples() {
        let ann = onnx::read(&folder().join(format!("{name}.onnx"))).unwrap();
        let model = onnx::export(&ann);
        let back = onnx::import(&model).unwrap();
        assert_eq!(
            back.layers.last().map(|l| &l.name),
            ann.layers.last().map(|l| &l.name)
        );
        assert!(off::<f64>(&back, &case) <= 1e-5, "{name}");
        if let Some(to) = std::env::var_os("CORTADO_WRITE") {
            model
                .write(&std::path::Path::new(&to).join(format!("{name}.onnx")))
                .unwrap();
        }
    }
}

/// A quantised unit goes out as operators that the reader does not take back.
#[test]
fn quantised_units_are_written_as_they_are_computed() {
    let mut b = Builder::new(&[2]).unwrap();
    let op = Op::Qcfs {
        ceiling: 2.0,
        levels: 4,
    };
    b.push("unit", op, &[Source::Input]).unwrap();
    let model = onnx::export(&b.finish().unwrap());
    let ops: Vec<_> = model.nodes.iter().map(|n| n.op.as_str()).collect();
    assert_eq!(ops, ["Mul", "Add", "Floor", "Clip", "Mul"]);
    let e = onnx::import(&model).unwrap_err().to_string();
    assert!(e.contains("'unit.whole' (Floor)"), "{e}");
}

/// As PyTorch's newer exporter writes by default; a place that leads out of the folder, or past the end, is refused.
#[test]
fn numbers_may_stand_beside_the_model() {
    let beside = folder().join("../onnx-external/gemm.onnx");
    let inside = onnx::read(&folder().join("gemm.onnx")).unwrap();
    assert_eq!(onnx::read(&beside).unwrap(), inside);
    let bytes = std::fs::read(&beside).unwrap();
    assert!(
        Model::parse(&bytes)
            .unwrap_err()
            .to_string()
            .contains("a file beside it")
    );
    let away = tempfile::tempdir().unwrap();
    let place = away.path().join("model/gemm.onnx");
    std::fs::create_dir(away.path().join("model")).unwrap();
    let data = std::fs::read(beside.with_file_name("gemm-external.data")).unwrap();
    std::fs::write(away.path().join("m-external.data"), &data).unwrap();
    let error = |bytes: &[u8]| {
        std::fs::write(&place, bytes).unwrap();
        onnx::read(&place).unwrap_err().to_string()
    };
    let missing = error(&bytes);
    assert!(missing.contains("gemm-external.data"), "{missing}");
    let changed = |to: &[u8]| {
        let name = b"gemm-external.data";
        let mut all = bytes.clone();
        while let Some(at) = all.windows(name.len()).position(|w| w == name) {
            all[at..at + name.len()].copy_from_slice(to);
        }
        all
    };
    for to in [b"../m-external.data", b"/tmp/external.data"] {
        let outside = error(&changed(to));
        assert!(outside.contains("in the folder of the model"), "{outside}");
    }
    std::os::unix::fs::symlink(
        away.path().join("m-external.data"),
        away.path().join("model/gemm-external.data"),
    )
    .unwrap();
    assert!(error(&bytes).contains("in the folder of the model"));
    std::fs::remove_file(away.path().join("model/gemm-external.data")).unwrap();
    std::fs::write(
        away.path().join("model/gemm-external.data"),
        &data[..data.len() - 1],
    )
    .unwrap();
    let short = error(&bytes);
    assert!(short.contains("within 143 bytes"), "{short}");
}
