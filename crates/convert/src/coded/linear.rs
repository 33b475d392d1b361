//! What a spike adds to each neuron that it reaches: the layers between units, one input at a time.

use crate::ann::{Layer, Op, Window};

/// The weights of a layer, in the order in which one input needs them.
pub(super) struct Weights {
    /// `[inputs, outputs]`; `[channels in / groups, height, width, channels out]` of a convolution.
    by_input: Vec<f64>,
}

impl Weights {
    pub fn new(layer: &Layer) -> Self {
        let transposed = |weight: &[f64], rows: usize| {
            let columns = weight.len() / rows.max(1);
            let of = |c: usize| (0..rows).map(move |r| weight[r * columns + c]);
            (0..columns).flat_map(of).collect()
        };
        let by_input = match &layer.op {
            Op::Linear { weight, bias } | Op::Conv2d { weight, bias, .. } => {
                transposed(weight, bias.len())
            }
            _ => Vec::new(),
        };
        Self { by_input }
    }

    /// What the layer hands on if nothing reaches it.
    pub fn base(&self, layer: &Layer) -> Vec<f64> {
        let size: usize = layer.shape.iter().product();
        match &layer.op {
            Op::Linear { bias: each, .. }
            | Op::Conv2d { bias: each, .. }
            | Op::Affine { shift: each, .. } => {
                let area = size / each.len();
                let of = |&b: &f64| std::iter::repeat_n(b, area);
                each.iter().flat_map(of).collect()
            }
            _ => vec![0.0; size],
        }
    }

    /// Adds what input `j` of value `v` brings to each output; the number of additions.
    pub fn scatter(
        &self,
        layer: &Layer,
        input: &[usize],
        j: usize,
        v: f64,
        out: &mut [f64],
    ) -> usize {
        match &layer.op {
            Op::Linear { bias, .. } => {
                let row = &self.by_input[j * bias.len()..][..bias.len()];
                out.iter_mut().zip(row).for_each(|(o, w)| *o += w * v);
                bias.len()
            }
            Op::Conv2d {
                bias,
                window,
                dilation,
                groups,
                ..
            } => {
                let area = input[1] * input[2];
                let (channel, y, x) = (j / area, j % area / input[2], j % input[2]);
                let each = input[0] / groups;
                let rows = bias.len() / groups;
                let (group, within) = (channel / each, channel % each);
                let [h, w] = [layer.shape[1], layer.shape[2]];
                let mut count = 0;
                for (ky, oy) in taps(y, 0, window, dilation[0], h) {
                    for (kx, ox) in taps(x, 1, window, dilation[1], w) {
                        let at = (within * window.kernel[0] + ky) * window.kernel[1] + kx;
                        let weights = &self.by_input[at * bias.len()..][group * rows..][..rows];
                        let to = out[group * rows * h * w + oy * w + ox..]
                            .iter_mut()
                            .step_by(h * w);
                        to.zip(weights).for_each(|(o, w)| *o += w * v);
                        count += rows;
                    }
                }
                count
            }
            Op::AvgPool2d {
                window,
                count_padding,
            } => {
                let mut count = 0;
                windows(layer, input, j, |o| {
                    let size = if *count_padding {
                        window.kernel[0] * window.kernel[1]
                    } else {
                        inside(window, input, layer, o)
                    };
                    out[o] += v / size as f64;
                    count += 1;
                });
                count
            }
            Op::Affine { scale, .. } => {
                out[j] += scale[j / (out.len() / scale.len())] * v;
                1
            }
            _ => {
                out[j] += v;
                1
            }
        }
    }
}

/// The taps of a kernel through which place `at` of an axis is seen, and from where.
fn taps(
    at: usize,
    axis: usize,
    window: &Window,
    dilation: usize,
    size: usize,
) -> impl Iterator<Item = (usize, usize)> {
    let (stride, padded) = (window.stride[axis], at + window.padding[axis]);
    (0..window.kernel[axis]).filter_map(move |k| {
        let from = padded.checked_sub(k * dilation)?;
        (from % stride == 0 && from / stride < size).then_some((k, from / stride))
    })
}

/// Calls `f` with each output of a pool whose window holds input `j`.
pub(super) fn windows(layer: &Layer, input: &[usize], j: usize, mut f: impl FnMut(usize)) {
    let (Op::MaxPool2d(window) | Op::AvgPool2d { window, .. }) = &layer.op else {
        return;
    };
    let area = input[1] * input[2];
    let (channel, y, x) = (j / area, j % area / input[2], j % input[2]);
    let [h, w] = [layer.shape[1], layer.shape[2]];
    for (_, oy) in taps(y, 0, window, 1, h) {
        for (_, ox) in taps(x, 1, window, 1, w) {
            f((channel * h + oy) * w + ox);
        }
    }
}

/// Places of a window that are no padding.
fn inside(window: &Window, input: &[usize], layer: &Layer, o: usize) -> usize {
    let [h, w] = [layer.shape[1], layer.shape[2]];
    let at = [o / w % h, o % w];
    let along = |a: usize| {
        let start = at[a] * window.stride[a];
        let padded = start..start + window.kernel[a];
        let image = window.padding[a]..window.padding[a] + input[a + 1];
        padded
            .end
            .min(image.end)
            .saturating_sub(padded.start.max(image.start))
    };
    along(0) * along(1)
}
