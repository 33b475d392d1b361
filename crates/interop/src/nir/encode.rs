//! From nodes to values by name.

use super::graph::Graph;
use super::kind::{Extent, Kind, Padding};
use super::value::{DType, Tensor, Value};

impl Kind {
    /// Its parameters as they stand in a file, in NIR's order; of a nested graph none.
    ///
    /// ```
    /// use cortado_interop::nir::{Kind, Tensor, Value};
    /// let kind = Kind::I { r: Tensor::full(&[2], 3.0) };
    /// assert_eq!(kind.fields(), [("r", Value::Numbers(Tensor::f64(&[2], vec![3.0, 3.0])))]);
    /// ```
    pub fn fields(&self) -> Vec<(&'static str, Value)> {
        let whole = self.settings().into_iter();
        let tensors = self.tensors().into_iter();
        let tensors = tensors.map(|(name, tensor)| (name, numbers(tensor)));
        let mut all: Vec<_> = whole.chain(tensors).collect();
        all.sort_by_key(|(name, _)| ORDER.iter().position(|n| n == name));
        all
    }

    /// Its parameters that are arrays of numbers.
    pub fn tensors(&self) -> Vec<(&'static str, &Tensor)> {
        let all = match self {
            Self::Affine { weight, bias }
            | Self::Conv1d { weight, bias, .. }
            | Self::Conv2d { weight, bias, .. } => {
                vec![("weight", Some(weight)), ("bias", Some(bias))]
            }
            Self::Linear { weight } => vec![("weight", Some(weight))],
            Self::Scale { scale } => vec![("scale", Some(scale))],
            Self::Delay { delay } => vec![("delay", Some(delay))],
            Self::Threshold { threshold } => vec![("threshold", Some(threshold))],
            Self::I { r } => vec![("r", Some(r))],
            Self::IF {
                r,
                v_threshold,
                v_reset,
            } => vec![
                ("r", Some(r)),
                ("v_threshold", Some(v_threshold)),
                ("v_reset", v_reset.as_ref()),
            ],
            Self::LI { tau, r, v_leak } => {
                vec![("tau", Some(tau)), ("r", Some(r)), ("v_leak", Some(v_leak))]
            }
            Self::LIF {
                tau,
                r,
                v_leak,
                v_threshold,
                v_reset,
            } => vec![
                ("tau", Some(tau)),
                ("r", Some(r)),
                ("v_leak", Some(v_leak)),
                ("v_threshold", Some(v_threshold)),
                ("v_reset", v_reset.as_ref()),
            ],
            Self::CubaLI {
                tau_syn,
                tau_mem,
                r,
                v_leak,
                w_in,
            } => vec![
                ("tau_syn", Some(tau_syn)),
                ("tau_mem", Some(tau_mem)),
                ("r", Some(r)),
                ("v_leak", Some(v_leak)),
                ("w_in", w_in.as_ref()),
            ],
            Self::CubaLIF {
                tau_syn,
                tau_mem,
                r,
                v_leak,
                v_threshold,
                v_reset,
                w_in,
            } => vec![
                ("tau_syn", Some(tau_syn)),
                ("tau_mem", Some(tau_mem)),
                ("r", Some(r)),
                ("v_leak", Some(v_leak)),
                ("v_threshold", Some(v_threshold)),
                ("v_reset", v_reset.as_ref()),
                ("w_in", w_in.as_ref()),
            ],
            Self::Input { .. }
            | Self::Output { .. }
            | Self::SumPool2d { .. }
            | Self::AvgPool2d { .. }
            | Self::Flatten { .. }
            | Self::NIRGraph(_) => Vec::new(),
        };
        let there = |(name, tensor): (_, Option<_>)| Some((name, tensor?));
        all.into_iter().filter_map(there).collect()
    }

    /// Its other parameters: sizes, and how something is done.
    pub(super) fn settings(&self) -> Vec<(&'static str, Value)> {
        match self {
            Self::Input { shape } | Self::Output { shape } => vec![("shape", sizes(shape))],
            Self::Conv1d {
                input_shape,
                stride,
                padding,
                dilation,
                groups,
                ..
            } => {
                let input = input_shape.map(|n| ("input_shape", size(n)));
                let others = [
                    ("stride", size(*stride)),
                    ("padding", around(padding)),
                    ("dilation", size(*dilation)),
                    ("groups", size(*groups)),
                ];
                input.into_iter().chain(others).collect()
            }
            Self::Conv2d {
                input_shape,
                stride,
                padding,
                dilation,
                groups,
                ..
            } => {
                let input = input_shape.map(|pair| ("input_shape", sizes(&pair)));
                let others = [
                    ("stride", extent(*stride)),
                    ("padding", around(padding)),
                    ("dilation", extent(*dilation)),
                    ("groups", size(*groups)),
                ];
                input.into_iter().chain(others).collect()
            }
            Self::SumPool2d {
                kernel_size,
                stride,
                padding,
            }
            | Self::AvgPool2d {
                kernel_size,
                stride,
                padding,
            } => vec![
                ("kernel_size", extent(*kernel_size)),
                ("stride", extent(*stride)),
                ("padding", extent(*padding)),
            ],
            Self::Flatten {
                input_type,
                start_dim,
                end_dim,
            } => {
                let input = input_type.as_ref().map(|s| ("input_type", sizes(s)));
                let others = [
                    ("start_dim", Value::from(*start_dim)),
                    ("end_dim", Value::from(*end_dim)),
                ];
                input.into_iter().chain(others).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Names of parameters, each after those that NIR puts before it.
const ORDER: [&str; 23] = [
    "shape",
    "input_type",
    "start_dim",
    "end_dim",
    "input_shape",
    "weight",
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "groups",
    "bias",
    "scale",
    "delay",
    "threshold",
    "tau_syn",
    "tau_mem",
    "tau",
    "r",
    "v_leak",
    "v_threshold",
    "v_reset",
    "w_in",
];

fn numbers(tensor: &Tensor) -> Value {
    match tensor.dtype.is_real() {
        true => Value::Numbers(tensor.clone()),
        false => Value::Integers {
            shape: tensor.shape.clone(),
            data: tensor.data.iter().map(|&x| x as i64).collect(),
            dtype: tensor.dtype,
        },
    }
}

fn integer(x: usize) -> i64 {
    i64::try_from(x).unwrap_or(i64::MAX)
}

fn size(x: usize) -> Value {
    Value::from(integer(x))
}

fn sizes(all: &[usize]) -> Value {
    Value::Integers {
        shape: vec![all.len()],
        data: all.iter().map(|&x| integer(x)).collect(),
        dtype: DType::I64,
    }
}

fn extent(extent: Extent) -> Value {
    match extent {
        Extent::Both(n) => size(n),
        Extent::Each(pair) => sizes(&pair),
    }
}

fn around(padding: &Padding) -> Value {
    match padding {
        Padding::Same => "same".into(),
        Padding::Valid => "valid".into(),
        Padding::By(by) => extent(*by),
    }
}

/// The edges as they stand in a file.
pub(super) fn edges(graph: &Graph) -> Value {
    let names = graph.edges.iter().flat_map(|(a, b)| [a, b]);
    match graph.edges.len() {
        // As NumPy makes it of no edges at all.
        0 => Value::Numbers(Tensor::f64(&[0], Vec::new())),
        n => Value::Texts {
            shape: vec![n, 2],
            data: names.cloned().collect(),
        },
    }
}
