//! Weights as the nodes take them: scales of both sides in them, dilation and uneven padding written out.

use crate::ann::Window;

/// Weights `[outputs, inputs]`, times the scale of each input and over that of each output.
pub(super) fn scaled(weight: &[f64], inputs: &[f64], outputs: &Option<Vec<f64>>) -> Vec<f64> {
    let mut weight = weight.to_vec();
    for (o, row) in weight.chunks_mut(inputs.len()).enumerate() {
        let by = outputs.as_ref().map_or(1.0, |s| s[o]);
        row.iter_mut().zip(inputs).for_each(|(w, s)| *w *= s / by);
    }
    weight
}

pub(super) fn divided(bias: &[f64], by: &Option<Vec<f64>>) -> Vec<f64> {
    match by {
        None => bias.to_vec(),
        Some(by) => bias.iter().zip(by).map(|(b, s)| b / s).collect(),
    }
}

/// A kernel with its dilation and uneven padding written out as zeros, and its window.
pub(super) fn spread(weight: &[f64], window: &Window, dilation: [usize; 2]) -> (Vec<f64>, Window) {
    let [top, left, bottom, right] = window.padding;
    let (pads, before) = ([top.max(bottom), left.max(right)], [top, left]);
    let after = [bottom, right];
    let old = window.kernel;
    let size =
        |a: usize| (old[a] - 1) * dilation[a] + 1 + (pads[a] - before[a]) + (pads[a] - after[a]);
    let new = [size(0), size(1)];
    if new == old {
        return (weight.to_vec(), *window);
    }
    let mut out = vec![0.0; weight.len() / (old[0] * old[1]) * new[0] * new[1]];
    let kernels = out.chunks_mut(new[0] * new[1]);
    for (from, to) in weight.chunks(old[0] * old[1]).zip(kernels) {
        for (n, &w) in from.iter().enumerate() {
            let at = [n / old[1], n % old[1]];
            let [y, x] = [0, 1].map(|a| pads[a] - before[a] + at[a] * dilation[a]);
            to[y * new[1] + x] = w;
        }
    }
    let window = Window {
        kernel: new,
        stride: window.stride,
        padding: [pads[0], pads[1], pads[0], pads[1]],
    };
    (out, window)
}
