//! From nodes without state to those of Cortado.

use super::flat::{Flat, place};
use super::report::{Fate, Report};
use super::shapes::{Shape, Window, matrix};
use crate::{Error, Result};
use cortado::network::{self, Delays, Each, NodeKind, Pair, Values};
use cortado_interop::nir::{Kind, Tensor};

/// A node of Cortado with its weights.
pub(super) struct Weights {
    pub kind: NodeKind,
    /// `[outputs, inputs]`, or `[channels, channels of a group, height, width]`.
    pub weight: Vec<f64>,
    /// For each output or channel.
    pub bias: Option<Vec<f64>>,
}

impl Weights {
    fn bare(kind: NodeKind) -> Self {
        Self {
            kind,
            weight: Vec::new(),
            bias: None,
        }
    }

    /// Multiplies each row of weights, and each bias, by a number.
    pub fn scale(&mut self, rows: &[f64]) {
        let width = self.weight.len() / rows.len().max(1);
        for (row, s) in self.weight.chunks_exact_mut(width.max(1)).zip(rows) {
            row.iter_mut().for_each(|w| *w *= s);
        }
        self.scale_bias(rows);
    }

    pub fn scale_bias(&mut self, rows: &[f64]) {
        if let Some(bias) = &mut self.bias {
            bias.iter_mut().zip(rows).for_each(|(b, s)| *b *= s);
        }
    }
}

/// Weights from all inputs to all outputs.
pub(super) fn linear(outputs: usize, weight: Vec<f64>, bias: Option<Vec<f64>>) -> Weights {
    let kind = NodeKind::Linear {
        n: Some(outputs),
        bias: bias.is_some(),
        scale: 1.0,
        mean: 0.0,
        delays: None,
    };
    Weights { kind, weight, bias }
}

/// No identity matrix is larger.
const LARGEST_IDENTITY: usize = 4096;

/// Each value times its own number.
pub(super) fn diagonal(values: &[f64], name: &str) -> Result<Weights> {
    let n = values.len();
    if n > LARGEST_IDENTITY {
        let expected = format!("at most {LARGEST_IDENTITY} values, which stand here as a matrix");
        return Err(Error::invalid("size", place(name), expected, n));
    }
    let mut weight = vec![0.0; n * n];
    (0..n).for_each(|i| weight[i * n + i] = values[i]);
    Ok(linear(n, weight, None))
}

/// One number for each channel of an image, or each value of an axis.
pub(super) fn each(values: &[f64], shape: &Shape, name: &str) -> Result<Weights> {
    let &[c, h, w] = shape.as_slice() else {
        return diagonal(values, name);
    };
    let channels: Vec<f64> = (0..c).map(|k| values[k * h * w]).collect();
    if (0..values.len()).any(|i| values[i] != channels[i / (h * w)]) {
        return Err(Error::invalid(
            "Scale",
            place(name),
            "one number for each channel of an image",
            "one for each pixel",
        ));
    }
    let window = Window {
        kernel: [1, 1],
        stride: [1, 1],
        padding: [0, 0],
        offset: [0, 0],
        dilation: [1, 1],
    };
    Ok(convolution(&window, c, c, channels, None))
}

fn convolution(
    window: &Window,
    channels: usize,
    groups: usize,
    weight: Vec<f64>,
    bias: Option<Vec<f64>>,
) -> Weights {
    let kind = NodeKind::Conv2d {
        channels,
        kernel: Pair::Each(window.kernel),
        stride: Pair::Each(window.stride),
        padding: Pair::Each(window.padding),
        groups,
        bias: bias.is_some(),
        scale: 1.0,
    };
    Weights { kind, weight, bias }
}

/// All numbers of a tensor of that many, or one for all.
pub(super) fn spread(t: &Tensor, n: usize, name: &str) -> Result<Vec<f64>> {
    match t.data.len() {
        1 => Ok(vec![t.data[0]; n]),
        len if len == n => Ok(t.data.clone()),
        len => Err(Error::invalid(
            "length",
            place(name),
            format!("1 or {n}"),
            len,
        )),
    }
}

/// The node of Cortado that stands for a node without state, of that source.
///
/// # Errors
/// Shapes that do not fit; what Cortado does not have.
pub(super) fn weights(
    flat: &Flat<'_>,
    i: usize,
    source: &Shape,
    report: &mut Report,
) -> Result<Weights> {
    let (name, kind) = (&flat.names[i], flat.kind(i));
    let inputs: usize = source.iter().product();
    let fits = |weight: &Tensor| -> Result<usize> {
        let [o, n] = matrix(weight, name)?;
        if n == inputs {
            return Ok(o);
        }
        Err(Error::invalid(
            "shape",
            place(name),
            format!("{n} inputs"),
            format!("{source:?}"),
        ))
    };
    match kind {
        Kind::Linear { weight } => Ok(linear(fits(weight)?, weight.data.clone(), None)),
        Kind::Affine { weight, bias } => {
            let n = fits(weight)?;
            Ok(linear(n, weight.data.clone(), Some(spread(bias, n, name)?)))
        }
        Kind::Conv1d {
            weight,
            groups,
            bias,
            ..
        }
        | Kind::Conv2d {
            weight,
            groups,
            bias,
            ..
        } => {
            let image = image(source, name)?;
            let window = Window::of(kind, [image[1], image[2]], name)?;
            let (out, each) = (weight.shape[0], weight.shape[1]);
            if *groups == 0
                || each.checked_mul(*groups) != Some(image[0])
                || out == 0
                || out % groups != 0
            {
                let expected = format!("kernels over {} channels in {groups} groups", image[0]);
                return Err(Error::invalid(
                    "weight",
                    place(name),
                    expected,
                    format!("{:?}", weight.shape),
                ));
            }
            if window.dilation != [1, 1] {
                report.node(
                    Fate::Taken,
                    name,
                    "its dilation is written out as zeros of the kernel",
                );
            }
            let bias = spread(bias, out, name)?;
            let bias = bias.iter().any(|&b| b != 0.0).then_some(bias);
            Ok(convolution(
                &window,
                out,
                *groups,
                window.spread(weight),
                bias,
            ))
        }
        Kind::SumPool2d { .. } | Kind::AvgPool2d { .. } => {
            let image = image(source, name)?;
            let window = Window::of(kind, [image[1], image[2]], name)?;
            let mean = matches!(kind, Kind::AvgPool2d { .. });
            if window.padding == [0, 0] {
                let pool = network::Window {
                    kernel: Pair::Each(window.kernel),
                    stride: Some(Pair::Each(window.stride)),
                };
                let kind = if mean {
                    NodeKind::AvgPool2d(pool)
                } else {
                    NodeKind::SumPool2d(pool)
                };
                return Ok(Weights::bare(kind));
            }
            report.node(
                Fate::Taken,
                name,
                "a pool with zeros around it is a convolution with equal weights",
            );
            let size = window.kernel[0] * window.kernel[1];
            let value = if mean { 1.0 / size as f64 } else { 1.0 };
            Ok(convolution(
                &window,
                image[0],
                image[0],
                vec![value; image[0] * size],
                None,
            ))
        }
        Kind::Scale { scale } => each(&spread(scale, inputs, name)?, source, name),
        Kind::Flatten { .. } => Ok(Weights::bare(NodeKind::Flatten {})),
        _ => Err(Error::invalid(
            "node",
            place(name),
            "a node that Cortado has",
            kind.name(),
        )),
    }
}

/// An identity that holds each value back by a number of seconds of its own.
pub(super) fn held(seconds: Vec<f64>, source: &Shape, name: &str) -> Result<Weights> {
    if source.len() != 1 {
        return Err(Error::invalid(
            "Delay",
            place(name),
            "one delay for all values of an image",
            "several",
        ));
    }
    let mut w = diagonal(&vec![1.0; seconds.len()], name)?;
    if let NodeKind::Linear { delays, .. } = &mut w.kind {
        *delays = Some(Delays {
            each: Each::Input,
            ..Delays::from(Values::Each(seconds))
        });
    }
    Ok(w)
}

fn image(source: &Shape, name: &str) -> Result<[usize; 3]> {
    <[usize; 3]>::try_from(source.as_slice()).map_err(|_| {
        Error::invalid(
            "shape",
            place(name),
            "[channels, height, width]",
            format!("{source:?}"),
        )
    })
}
