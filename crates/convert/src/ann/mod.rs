//! Artificial neural networks, layer by layer: what conversion starts from.
//!
//! An [`Ann`] is a list of layers in the order in which they run. It is checked when it is built, and its numbers are kept
//! in `f64`, which holds what ONNX and Cortado write exactly.

mod build;
mod eval;
mod fold;
mod order;

pub use build::Builder;

use serde::{Deserialize, Serialize};

/// A trained network without time; the last layer is its output.
///
/// Values of images stand as `[channels, height, width]`, weights as `[outputs, inputs]` and
/// `[channels out, channels in / groups, height, width]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Ann {
    /// Shape of a sample, without a batch: `[n]` or `[channels, height, width]`.
    pub input: Vec<usize>,
    /// The layers; each takes from those before it.
    pub layers: Vec<Layer>,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Its name, one of its own.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// Where it takes its input from: one, two or more only of [`Op::Add`].
    pub from: Vec<Source>,
    /// Shape of what it hands on.
    pub shape: Vec<usize>,
}

/// Where a layer takes its input from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The network's input.
    Input,
    /// The layer of that number.
    Layer(usize),
}

/// What a layer does; written without its weights, which are tensors ([`crate::store`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Op {
    /// `y = W x + b`
    Linear {
        /// `[outputs, inputs]`
        #[serde(skip)]
        weight: Vec<f64>,
        /// `[outputs]`
        #[serde(skip)]
        bias: Vec<f64>,
    },
    /// Cross-correlation.
    Conv2d {
        /// `[channels out, channels in / groups, height, width]`
        #[serde(skip)]
        weight: Vec<f64>,
        /// `[channels out]`
        #[serde(skip)]
        bias: Vec<f64>,
        /// The window.
        window: Window,
        /// Steps within the kernel.
        dilation: [usize; 2],
        /// Groups of channels that do not mix.
        groups: usize,
    },
    /// `y = scale x + shift` for each channel (each value of one axis): batch norm in inference, and constants.
    Affine {
        /// `[channels]`
        #[serde(skip)]
        scale: Vec<f64>,
        /// `[channels]`
        #[serde(skip)]
        shift: Vec<f64>,
    },
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, low), high)`
    Clip {
        /// Least.
        low: f64,
        /// Largest.
        high: f64,
    },
    /// `x` above 0 and `slope x` below
    LeakyRelu {
        /// The slope.
        slope: f64,
    },
    /// `step * clip(floor(x levels / ceiling + 1/2), 0, levels)`, `step = ceiling / levels` (`bu2022`).
    Qcfs {
        /// The largest value.
        ceiling: f64,
        /// Number of levels above 0.
        levels: usize,
    },
    /// Largest of a window; padding never wins.
    MaxPool2d(Window),
    /// Mean of a window.
    AvgPool2d {
        /// The window; the whole image for a global pool.
        window: Window,
        /// Whether zeros of the padding count.
        count_padding: bool,
    },
    /// The same values in another shape, in the same order.
    Reshape,
    /// Sum of all its inputs.
    Add,
    /// `exp(x) / sum exp(x)` over the only axis.
    Softmax,
}

/// A window that moves over an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Height and width.
    pub kernel: [usize; 2],
    /// Steps.
    pub stride: [usize; 2],
    /// Added around the image: top, left, bottom, right.
    pub padding: [usize; 4],
}

impl Op {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Linear { .. } => "linear",
            Self::Conv2d { .. } => "conv2d",
            Self::Affine { .. } => "affine",
            Self::Relu => "relu",
            Self::Clip { .. } => "clip",
            Self::LeakyRelu { .. } => "leaky_relu",
            Self::Qcfs { .. } => "qcfs",
            Self::MaxPool2d(_) => "max_pool2d",
            Self::AvgPool2d { .. } => "avg_pool2d",
            Self::Reshape => "reshape",
            Self::Add => "add",
            Self::Softmax => "softmax",
        }
    }

    /// Its numbers with their names: weight and bias, or scale and shift.
    pub fn numbers(&self) -> Vec<(&'static str, &Vec<f64>)> {
        match self {
            Self::Linear { weight, bias } | Self::Conv2d { weight, bias, .. } => {
                vec![("weight", weight), ("bias", bias)]
            }
            Self::Affine { scale, shift } => vec![("scale", scale), ("shift", shift)],
            _ => Vec::new(),
        }
    }

    /// The same, to be set.
    pub fn numbers_mut(&mut self) -> Vec<(&'static str, &mut Vec<f64>)> {
        match self {
            Self::Linear { weight, bias } | Self::Conv2d { weight, bias, .. } => {
                vec![("weight", weight), ("bias", bias)]
            }
            Self::Affine { scale, shift } => vec![("scale", scale), ("shift", shift)],
            _ => Vec::new(),
        }
    }

    /// Whether it is a unit that a spiking neuron stands for.
    pub fn is_unit(&self) -> bool {
        matches!(
            self,
            Self::Relu | Self::Clip { .. } | Self::LeakyRelu { .. } | Self::Qcfs { .. }
        )
    }
}

impl Ann {
    /// Shape of what a source hands on.
    pub fn shape(&self, from: Source) -> &[usize] {
        match from {
            Source::Input => &self.input,
            Source::Layer(i) => &self.layers[i].shape,
        }
    }

    /// Number of weights, biases, scales and shifts.
    pub fn parameters(&self) -> usize {
        let of = |l: &Layer| l.op.numbers().iter().map(|n| n.1.len()).sum::<usize>();
        self.layers.iter().map(of).sum()
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.input.iter().product()
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.layers
            .last()
            .map_or(self.inputs(), |l| l.shape.iter().product())
    }
}
