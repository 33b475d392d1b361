//! Networks with drawn weights that have everything in them.

use cortado::rng::{Purpose, Rng};
use cortado_convert::ann::{Ann, Builder, Op, Source, Window};

pub fn numbers(n: usize, key: u64) -> Vec<f64> {
    let mut rng = Rng::new(key, 0, Purpose::Other, 0);
    (0..n).map(|_| rng.normal()).collect()
}

/// Values in 0..1, as of an image.
pub fn samples(ann: &Ann, count: usize, key: u64) -> Vec<f64> {
    let mut rng = Rng::new(key, 1, Purpose::Other, 0);
    (0..count * ann.inputs()).map(|_| rng.uniform()).collect()
}

pub fn window(kernel: [usize; 2], stride: [usize; 2], padding: [usize; 4]) -> Window {
    Window {
        kernel,
        stride,
        padding,
    }
}

pub fn conv(channels: [usize; 2], window: Window, dilation: usize, groups: usize, key: u64) -> Op {
    let each = channels[0] / groups * window.kernel[0] * window.kernel[1];
    let gain = 1.4 / (each as f64).sqrt();
    Op::Conv2d {
        weight: numbers(channels[1] * each, key)
            .iter()
            .map(|w| w * gain)
            .collect(),
        bias: numbers(channels[1], key + 1)
            .iter()
            .map(|b| b * 0.2)
            .collect(),
        window,
        dilation: [dilation; 2],
        groups,
    }
}

pub fn linear(inputs: usize, outputs: usize, key: u64) -> Op {
    let gain = 1.4 / (inputs as f64).sqrt();
    Op::Linear {
        weight: numbers(inputs * outputs, key)
            .iter()
            .map(|w| w * gain)
            .collect(),
        bias: numbers(outputs, key + 1).iter().map(|b| b * 0.2).collect(),
    }
}

/// Two layers without images.
pub fn dense() -> Ann {
    let mut b = Builder::new(&[9]).unwrap();
    let a = b.push("a", linear(9, 14, 1), &[Source::Input]).unwrap();
    let a = b.push("ra", Op::Relu, &[a]).unwrap();
    let c = b.push("c", linear(14, 11, 3), &[a]).unwrap();
    let c = b.push("rc", Op::Relu, &[c]).unwrap();
    b.push("out", linear(11, 5, 5), &[c]).unwrap();
    b.finish().unwrap()
}

/// Uneven padding, dilation, groups, an edge that skips layers, both pools, a softmax.
pub fn images() -> Ann {
    let mut b = Builder::new(&[2, 9, 8]).unwrap();
    let a = b
        .push(
            "/a/Conv",
            conv([2, 6], window([3, 2], [1, 1], [2, 0, 0, 1]), 1, 1, 11),
            &[Source::Input],
        )
        .unwrap();
    let a = b.push("/a/Relu", Op::Relu, &[a]).unwrap();
    let p = b
        .push("pool", Op::MaxPool2d(window([2, 2], [2, 2], [0; 4])), &[a])
        .unwrap();
    let c = b
        .push(
            "c",
            conv([6, 6], window([2, 2], [1, 1], [1, 2, 1, 0]), 2, 2, 13),
            &[p],
        )
        .unwrap();
    let s = b.push("sum", Op::Add, &[c, p]).unwrap();
    let s = b.push("rs", Op::Relu, &[s]).unwrap();
    let m = b
        .push(
            "mean",
            Op::AvgPool2d {
                window: window([2, 2], [1, 1], [0; 4]),
                count_padding: true,
            },
            &[s],
        )
        .unwrap();
    let f = b.reshape("flat", m, &[6 * 3 * 3]).unwrap();
    let f = b.push("d", linear(54, 12, 15), &[f]).unwrap();
    let f = b
        .push(
            "rd",
            Op::Clip {
                low: 0.0,
                high: 0.9,
            },
            &[f],
        )
        .unwrap();
    let f = b.push("out", linear(12, 5, 17), &[f]).unwrap();
    b.push("softmax", Op::Softmax, &[f]).unwrap();
    b.finish().unwrap()
}

/// The same network without its softmax.
pub fn logits(ann: &Ann) -> Ann {
    let mut ann = ann.clone();
    if ann.layers.last().is_some_and(|l| l.op == Op::Softmax) {
        ann.layers.pop();
    }
    ann
}
