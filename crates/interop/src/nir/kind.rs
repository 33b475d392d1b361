//! Types of nodes, with their parameters in NIR's words.

use super::graph::Graph;
use super::value::Tensor;

/// A size that is given once for both dimensions, or for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The same for both.
    Both(usize),
    /// One for each.
    Each([usize; 2]),
}

impl Extent {
    /// One for each.
    pub fn each(self) -> [usize; 2] {
        match self {
            Self::Both(n) => [n, n],
            Self::Each(pair) => pair,
        }
    }
}

/// What surrounds the input of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// So many zeros that, with stride 1, the output has the input's size.
    Same,
    /// Nothing.
    Valid,
    /// So many zeros on either side; in one dimension [`Extent::Both`].
    By(Extent),
}

/// What a node is.
///
/// Parameters of neurons and [`Kind::Scale`], [`Kind::Threshold`] and [`Kind::Delay`] have one shape in common, that of
/// the layer, without batch or time. v is the membrane potential, I the current, S the input, z the output.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// Where the graph's input comes in.
    Input {
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Where the graph's output leaves.
    Output {
        /// Its shape.
        shape: Vec<usize>,
    },
    /// y = W x + b.
    Affine {
        /// W, `[.., out, in]`.
        weight: Tensor,
        /// b, `[.., out]`.
        bias: Tensor,
    },
    /// y = W x.
    Linear {
        /// W, `[.., out, in]`.
        weight: Tensor,
    },
    /// y = s x, element by element.
    Scale {
        /// s.
        scale: Tensor,
    },
    /// Cross-correlation in one dimension.
    Conv1d {
        /// Samples of the input; nothing if it is left to be inferred.
        input_shape: Option<usize>,
        /// `[out, in / groups, kernel]`.
        weight: Tensor,
        /// Samples from one output to the next.
        stride: usize,
        /// Zeros around.
        padding: Padding,
        /// Samples from one weight to the next.
        dilation: usize,
        /// Groups of channels that do not see one another.
        groups: usize,
        /// `[out]`.
        bias: Tensor,
    },
    /// Cross-correlation in two dimensions.
    Conv2d {
        /// The input's size; nothing if it is left to be inferred.
        input_shape: Option<[usize; 2]>,
        /// `[out, in / groups, kernel, kernel]`.
        weight: Tensor,
        /// Pixels from one output to the next.
        stride: Extent,
        /// Zeros around.
        padding: Padding,
        /// Pixels from one weight to the next.
        dilation: Extent,
        /// Groups of channels that do not see one another.
        groups: usize,
        /// `[out]`.
        bias: Tensor,
    },
    /// Sums over windows.
    SumPool2d {
        /// The window.
        kernel_size: Extent,
        /// Pixels from one window to the next.
        stride: Extent,
        /// Zeros around.
        padding: Extent,
    },
    /// Means over windows.
    AvgPool2d {
        /// The window.
        kernel_size: Extent,
        /// Pixels from one window to the next.
        stride: Extent,
        /// Zeros around.
        padding: Extent,
    },
    /// Several dimensions become one.
    Flatten {
        /// The input's shape; nothing if it is left to be inferred.
        input_type: Option<Vec<usize>>,
        /// The first dimension of those; below zero from the end.
        start_dim: i64,
        /// The last of them, included; below zero from the end.
        end_dim: i64,
    },
    /// y(t) = x(t - delay).
    Delay {
        /// Seconds, unless the producer meant others.
        delay: Tensor,
    },
    /// z = 1 where x > threshold, else 0.
    Threshold {
        /// The threshold.
        threshold: Tensor,
    },
    /// dv/dt = r I.
    I {
        /// Resistance.
        r: Tensor,
    },
    /// dv/dt = r I; a spike where v > v_threshold, and then v is v_reset.
    IF {
        /// Resistance.
        r: Tensor,
        /// Threshold.
        v_threshold: Tensor,
        /// Where v goes after a spike; absent in files of versions before 1.0.6, which subtracted the threshold.
        v_reset: Option<Tensor>,
    },
    /// tau dv/dt = (v_leak - v) + r I.
    LI {
        /// Time constant.
        tau: Tensor,
        /// Resistance.
        r: Tensor,
        /// Where v rests.
        v_leak: Tensor,
    },
    /// tau dv/dt = (v_leak - v) + r I; spikes as [`Kind::IF`].
    LIF {
        /// Time constant.
        tau: Tensor,
        /// Resistance.
        r: Tensor,
        /// Where v rests.
        v_leak: Tensor,
        /// Threshold.
        v_threshold: Tensor,
        /// As that of [`Kind::IF`].
        v_reset: Option<Tensor>,
    },
    /// tau_syn dI/dt = -I + w_in S; tau_mem dv/dt = (v_leak - v) + r I.
    CubaLI {
        /// Time constant of the current.
        tau_syn: Tensor,
        /// Time constant of the membrane.
        tau_mem: Tensor,
        /// Resistance.
        r: Tensor,
        /// Where v rests.
        v_leak: Tensor,
        /// Weight of the input; 1 if absent.
        w_in: Option<Tensor>,
    },
    /// As [`Kind::CubaLI`]; spikes as [`Kind::IF`].
    CubaLIF {
        /// Time constant of the current.
        tau_syn: Tensor,
        /// Time constant of the membrane.
        tau_mem: Tensor,
        /// Resistance.
        r: Tensor,
        /// Where v rests.
        v_leak: Tensor,
        /// Threshold.
        v_threshold: Tensor,
        /// As that of [`Kind::IF`].
        v_reset: Option<Tensor>,
        /// Weight of the input; 1 if absent.
        w_in: Option<Tensor>,
    },
    /// A graph in the graph, whose inputs and outputs are this node's.
    NIRGraph(Graph),
}

impl Kind {
    /// The name of the type in a file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input { .. } => "Input",
            Self::Output { .. } => "Output",
            Self::Affine { .. } => "Affine",
            Self::Linear { .. } => "Linear",
            Self::Scale { .. } => "Scale",
            Self::Conv1d { .. } => "Conv1d",
            Self::Conv2d { .. } => "Conv2d",
            Self::SumPool2d { .. } => "SumPool2d",
            Self::AvgPool2d { .. } => "AvgPool2d",
            Self::Flatten { .. } => "Flatten",
            Self::Delay { .. } => "Delay",
            Self::Threshold { .. } => "Threshold",
            Self::I { .. } => "I",
            Self::IF { .. } => "IF",
            Self::LI { .. } => "LI",
            Self::LIF { .. } => "LIF",
            Self::CubaLI { .. } => "CubaLI",
            Self::CubaLIF { .. } => "CubaLIF",
            Self::NIRGraph(_) => "NIRGraph",
        }
    }
}
