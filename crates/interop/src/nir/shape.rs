//! Shapes: of parameters, and of what goes through a node.

use super::kind::{Kind, Padding};
use super::value::Tensor;

/// Shapes without batch and time; nothing where they are not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Types {
    /// Of what comes in.
    pub input: Option<Vec<usize>>,
    /// Of what goes out.
    pub output: Option<Vec<usize>>,
}

/// What was expected and what was there.
pub(super) type Wrong = (String, String);

/// The shape, as sentences write it.
pub(super) fn sizes(shape: &[usize]) -> String {
    let sizes: Vec<_> = shape.iter().map(usize::to_string).collect();
    format!("[{}]", sizes.join(", "))
}

impl Kind {
    /// What its parameters alone say of the shapes; a nested graph says nothing here.
    pub(super) fn own_types(&self) -> Types {
        let both = |shape: &[usize]| Types {
            input: Some(shape.into()),
            output: Some(shape.into()),
        };
        match self {
            Self::Input { shape } | Self::Output { shape } => both(shape),
            Self::Affine { weight, .. } | Self::Linear { weight } => match &weight.shape[..] {
                [others @ .., out, ins] => Types {
                    input: Some([others, &[*ins]].concat()),
                    output: Some([others, &[*out]].concat()),
                },
                _ => Types::default(),
            },
            Self::Conv1d {
                input_shape,
                weight,
                groups,
                ..
            } => {
                let channels = weight.shape.get(1).map(|c| c.saturating_mul(*groups));
                self.typed(channels.zip(*input_shape).map(|(c, n)| vec![c, n]))
            }
            Self::Conv2d {
                input_shape,
                weight,
                groups,
                ..
            } => {
                let channels = weight.shape.get(1).map(|c| c.saturating_mul(*groups));
                self.typed(channels.zip(*input_shape).map(|(c, [h, w])| vec![c, h, w]))
            }
            Self::Flatten { input_type, .. } => self.typed(input_type.clone()),
            Self::SumPool2d { .. } | Self::AvgPool2d { .. } | Self::NIRGraph(_) => Types::default(),
            // The others have parameters of the layer's shape; one number alone fits every layer.
            _ => match self.tensors().first() {
                Some((_, tensor)) if !tensor.shape.is_empty() => both(&tensor.shape),
                _ => Types::default(),
            },
        }
    }

    fn typed(&self, input: Option<Vec<usize>>) -> Types {
        let output = input.as_ref().and_then(|i| self.output_of(i).ok());
        Types { input, output }
    }

    /// The shape that goes out when `input` comes in; a nested graph is not followed here.
    pub(super) fn output_of(&self, input: &[usize]) -> std::result::Result<Vec<usize>, Wrong> {
        let ranked = |what: &str| Err((what.to_string(), sizes(input)));
        match self {
            Self::Conv1d {
                weight,
                stride,
                padding,
                dilation,
                ..
            } => match (input, &weight.shape[..]) {
                (&[_, n], &[out, _, kernel]) => {
                    let window = Window {
                        kernel,
                        stride: *stride,
                        dilation: *dilation,
                    };
                    Ok(vec![out, window.along(n, padded(*padding, 0))?])
                }
                _ => ranked("channels and samples"),
            },
            Self::Conv2d {
                weight,
                stride,
                padding,
                dilation,
                ..
            } => match &weight.shape[..] {
                &[out, _, k0, k1] => {
                    let all = ([k0, k1], stride.each(), dilation.each());
                    image(input, out, all, *padding)
                }
                _ => ranked("channels, rows and columns"),
            },
            Self::SumPool2d {
                kernel_size,
                stride,
                padding,
            }
            | Self::AvgPool2d {
                kernel_size,
                stride,
                padding,
            } => {
                let all = (kernel_size.each(), stride.each(), [1, 1]);
                let channels = input.first().copied().unwrap_or(0);
                image(input, channels, all, Padding::By(*padding))
            }
            Self::Flatten {
                start_dim, end_dim, ..
            } => flattened(input, *start_dim, *end_dim),
            _ => Ok(self.own_types().output.unwrap_or_else(|| input.into())),
        }
    }

    /// What is wrong with its parameters on their own: which, what was expected, and what was there.
    pub(super) fn misfits(&self) -> Vec<(&'static str, Wrong)> {
        let mut all = Vec::new();
        for (name, tensor) in self.tensors() {
            let count = tensor
                .shape
                .iter()
                .try_fold(1usize, |n, &d| n.checked_mul(d));
            if count != Some(tensor.data.len()) {
                let expected = format!("as many numbers as in {}", sizes(&tensor.shape));
                all.push((name, (expected, tensor.data.len().to_string())));
            }
            let expected = self.shape_of(name);
            if let Some(expected) = expected.filter(|e| !e.fits(&tensor.shape)) {
                all.push((name, (expected.words(), sizes(&tensor.shape))));
            }
            if let Some(wrong) = self.number(name, tensor) {
                all.push((name, wrong));
            }
        }
        all.extend(self.settings_that_misfit());
        all
    }

    /// What shape a parameter has to have.
    fn shape_of(&self, name: &str) -> Option<Expected> {
        match (self, name) {
            (Self::Affine { .. } | Self::Linear { .. }, "weight") => Some(Expected::AtLeast(2)),
            (Self::Affine { .. }, "bias") => self.own_types().output.map(Expected::Just),
            (Self::Conv1d { .. }, "weight") => Some(Expected::Ranks(3)),
            (Self::Conv2d { .. }, "weight") => Some(Expected::Ranks(4)),
            (Self::Conv1d { weight, .. } | Self::Conv2d { weight, .. }, "bias") => {
                let out = weight.shape.first()?;
                Some(Expected::Just(vec![*out]))
            }
            (_, "w_in") => {
                let first = self.tensors().first()?.1.shape.clone();
                Some(Expected::JustOrOne(first))
            }
            _ => {
                let first = self.tensors().first()?.1.shape.clone();
                Some(Expected::Just(first))
            }
        }
    }

    /// A number that the parameter can not have.
    fn number(&self, name: &str, tensor: &Tensor) -> Option<Wrong> {
        let tau = name.starts_with("tau");
        let expected = match (name, tau) {
            (_, true) => "numbers above 0",
            ("delay", _) => "numbers not below 0",
            // What never spikes has no threshold that can be reached.
            ("v_threshold", _) => "numbers",
            _ => "finite numbers",
        };
        let good = |x: f64| match name {
            "v_threshold" => !x.is_nan(),
            "delay" => x.is_finite() && x >= 0.0,
            _ => x.is_finite() && !(tau && x <= 0.0),
        };
        let bad = tensor.data.iter().find(|&&x| !good(x))?;
        Some((expected.into(), bad.to_string()))
    }

    fn settings_that_misfit(&self) -> Vec<(&'static str, Wrong)> {
        let mut all = Vec::new();
        let mut above = |name, pair: [usize; 2]| {
            if pair.contains(&0) {
                all.push((name, ("at least 1".to_string(), "0".to_string())));
            }
        };
        let (weight, groups) = match self {
            Self::Conv1d {
                weight,
                stride,
                dilation,
                groups,
                ..
            } => {
                above("stride", [*stride; 2]);
                above("dilation", [*dilation; 2]);
                (weight, *groups)
            }
            Self::Conv2d {
                weight,
                stride,
                dilation,
                groups,
                ..
            } => {
                above("stride", stride.each());
                above("dilation", dilation.each());
                (weight, *groups)
            }
            Self::SumPool2d {
                kernel_size,
                stride,
                ..
            }
            | Self::AvgPool2d {
                kernel_size,
                stride,
                ..
            } => {
                above("kernel_size", kernel_size.each());
                above("stride", stride.each());
                return all;
            }
            _ => return all,
        };
        let out = weight.shape.first().copied().unwrap_or(0);
        if groups == 0 || out % groups != 0 {
            let expected = format!("a divisor of {out} output channels");
            all.push(("groups", (expected, groups.to_string())));
        }
        all
    }
}

/// What shape something has to have.
enum Expected {
    Just(Vec<usize>),
    JustOrOne(Vec<usize>),
    Ranks(usize),
    AtLeast(usize),
}

impl Expected {
    fn fits(&self, shape: &[usize]) -> bool {
        match self {
            Self::Just(just) => shape == just,
            Self::JustOrOne(just) => shape.is_empty() || shape == just,
            Self::Ranks(n) => shape.len() == *n,
            Self::AtLeast(n) => shape.len() >= *n,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Just(just) => sizes(just),
            Self::JustOrOne(just) => format!("{} or one number", sizes(just)),
            Self::Ranks(n) => format!("{n} dimensions"),
            Self::AtLeast(n) => format!("at least {n} dimensions"),
        }
    }
}

/// Zeros on either side, along a dimension; nothing for as many as keep the size.
fn padded(padding: Padding, dimension: usize) -> Option<usize> {
    match padding {
        Padding::Same => None,
        Padding::Valid => Some(0),
        Padding::By(by) => Some(by.each()[dimension]),
    }
}

/// What moves along a dimension.
struct Window {
    kernel: usize,
    stride: usize,
    dilation: usize,
}

impl Window {
    /// `floor((n + 2 p - d (k - 1) - 1) / s) + 1` places for `n` samples.
    fn along(&self, n: usize, padding: Option<usize>) -> std::result::Result<usize, Wrong> {
        let Some(padding) = padding else {
            return match self.stride {
                1 => Ok(n),
                s => Err(("stride 1 where the padding is 'same'".into(), s.to_string())),
            };
        };
        let wide = self.kernel.saturating_sub(1).saturating_mul(self.dilation);
        let wide = wide.saturating_add(1);
        let there = n.saturating_add(padding.saturating_mul(2));
        match (there.checked_sub(wide), self.kernel.min(self.stride)) {
            (Some(rest), 1..) => Ok(rest / self.stride + 1),
            (_, 0) => Err(("a kernel and a stride of at least 1".into(), "0".into())),
            (None, _) => Err((
                format!("at least {wide} with the padding"),
                there.to_string(),
            )),
        }
    }
}

fn image(
    input: &[usize],
    out: usize,
    (kernel, stride, dilation): ([usize; 2], [usize; 2], [usize; 2]),
    padding: Padding,
) -> std::result::Result<Vec<usize>, Wrong> {
    let &[_, rows, columns] = input else {
        return Err(("channels, rows and columns".into(), sizes(input)));
    };
    let along = |i: usize, n: usize| {
        let window = Window {
            kernel: kernel[i],
            stride: stride[i],
            dilation: dilation[i],
        };
        window.along(n, padded(padding, i))
    };
    Ok(vec![out, along(0, rows)?, along(1, columns)?])
}

/// The dimensions from `start` to `end`, included, become one.
fn flattened(input: &[usize], start: i64, end: i64) -> std::result::Result<Vec<usize>, Wrong> {
    let place = |dim: i64| {
        let dim = if dim < 0 {
            dim + input.len() as i64
        } else {
            dim
        };
        usize::try_from(dim).ok().filter(|&d| d < input.len())
    };
    match (place(start), place(end)) {
        (Some(start), Some(end)) if start <= end => {
            let (before, rest) = input.split_at(start);
            let (middle, after) = rest.split_at(end - start + 1);
            let size = middle.iter().fold(1usize, |n, &d| n.saturating_mul(d));
            Ok([before, &[size], after].concat())
        }
        _ => {
            let expected = format!("dimensions {start} to {end}");
            Err((expected, sizes(input)))
        }
    }
}
