//! Builds a network layer by layer, checking every shape.

use super::{Ann, Layer, Op, Source, Window};
use crate::{Error, Result};

/// Builds an [`Ann`]; a layer that does not fit is an error that names it.
///
/// ```
/// use cortado_convert::ann::{Builder, Op, Source};
/// let mut b = Builder::new(&[2]).unwrap();
/// let fc = Op::Linear { weight: vec![1., 2., 3., 4., 5., 6.], bias: vec![0.; 3] };
/// let fc = b.push("fc", fc, &[Source::Input]).unwrap();
/// b.push("relu", Op::Relu, &[fc]).unwrap();
/// assert_eq!(b.finish().unwrap().outputs(), 3);
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    ann: Ann,
}

/// Values of a layer or weights: no more than this.
const MOST: usize = 1 << 31;

impl Builder {
    /// No layers yet.
    ///
    /// # Errors
    /// A shape that is neither `[n]` nor `[channels, height, width]`, or is empty or huge.
    pub fn new(input: &[usize]) -> Result<Self> {
        check_shape(input, "the input")?;
        Ok(Self {
            ann: Ann {
                input: input.to_vec(),
                layers: Vec::new(),
            },
        })
    }

    /// Shape of what a source hands on.
    pub fn shape(&self, from: Source) -> &[usize] {
        self.ann.shape(from)
    }

    /// Adds a layer whose shape follows from its input.
    ///
    /// # Errors
    /// A name that is taken, a source that is not there, shapes that do not fit, numbers that are not finite.
    pub fn push(&mut self, name: &str, op: Op, from: &[Source]) -> Result<Source> {
        let shape = self.output(name, &op, from)?;
        self.add(name, op, from, shape)
    }

    /// Adds a change of shape.
    ///
    /// # Errors
    /// As [`Builder::push`]; another number of values.
    pub fn reshape(&mut self, name: &str, from: Source, shape: &[usize]) -> Result<Source> {
        let before = self.output(name, &Op::Reshape, &[from])?;
        check_shape(shape, name)?;
        let (had, have): (usize, usize) = (before.iter().product(), shape.iter().product());
        if had != have {
            return Err(wrong(
                "shape",
                name,
                format!("{had} values as {before:?} has"),
                format!("{shape:?}"),
            ));
        }
        self.add(name, Op::Reshape, &[from], shape.to_vec())
    }

    /// The network.
    ///
    /// # Errors
    /// No layer.
    pub fn finish(self) -> Result<Ann> {
        if self.ann.layers.is_empty() {
            return Err(wrong("network", "its layers", "at least one", 0));
        }
        Ok(self.ann)
    }

    fn add(&mut self, name: &str, op: Op, from: &[Source], shape: Vec<usize>) -> Result<Source> {
        let layers = &mut self.ann.layers;
        if name.is_empty() || layers.iter().any(|l| l.name == name) {
            let at = format!("layer {}", layers.len());
            return Err(Error::invalid(
                "name",
                at,
                "one of its own",
                format!("'{name}'"),
            ));
        }
        check_shape(&shape, name)?;
        layers.push(Layer {
            name: name.into(),
            op,
            from: from.to_vec(),
            shape,
        });
        Ok(Source::Layer(layers.len() - 1))
    }

    /// The shape that an operation makes of its inputs.
    fn output(&self, name: &str, op: &Op, from: &[Source]) -> Result<Vec<usize>> {
        let known = |s: &Source| {
            matches!(s, Source::Input)
                || matches!(s, Source::Layer(i) if *i < self.ann.layers.len())
        };
        let many = matches!(op, Op::Add);
        if from.is_empty() || from.len() > 1 && !many || !from.iter().all(known) {
            let expected = if many {
                "layers before it"
            } else {
                "one layer before it"
            };
            return Err(wrong("sources", name, expected, format!("{from:?}")));
        }
        let input = self.ann.shape(from[0]);
        let size: usize = input.iter().product();
        match op {
            Op::Linear { weight, bias } => {
                let n = bias.len();
                if input.len() != 1 || weight.len() != n.saturating_mul(size) {
                    let expected =
                        format!("{n} rows of {size} weights for an input {input:?} of one axis");
                    return Err(wrong("weights", name, expected, weight.len()));
                }
                finite(name, &[weight, bias])?;
                Ok(vec![n])
            }
            Op::Conv2d {
                weight,
                bias,
                window,
                dilation,
                groups,
            } => {
                let [c, h, w] = image(input, name)?;
                let out = bias.len();
                if *groups == 0 || c % groups != 0 || out % groups != 0 || dilation.contains(&0) {
                    let expected =
                        format!("groups that divide {c} and {out} channels, dilation from 1");
                    return Err(wrong(
                        "convolution",
                        name,
                        expected,
                        format!("{groups} groups, dilation {dilation:?}"),
                    ));
                }
                let each = [out, c / groups, window.kernel[0], window.kernel[1]];
                let count = each.iter().try_fold(1usize, |a, &b| a.checked_mul(b));
                if count != Some(weight.len()) {
                    return Err(wrong("weights", name, format!("{each:?}"), weight.len()));
                }
                finite(name, &[weight, bias])?;
                let [h, w] = window.output([h, w], *dilation, name)?;
                Ok(vec![out, h, w])
            }
            Op::Affine { scale, shift } => {
                if scale.len() != input[0] || shift.len() != input[0] {
                    let expected = format!("{} channels", input[0]);
                    return Err(wrong(
                        "scale and shift",
                        name,
                        expected,
                        format!("{} and {}", scale.len(), shift.len()),
                    ));
                }
                finite(name, &[scale, shift])?;
                Ok(input.to_vec())
            }
            Op::Clip { low, high } => {
                // Either end may be open.
                if low.is_nan() || high.is_nan() || low > high {
                    return Err(wrong(
                        "range",
                        name,
                        "low <= high",
                        format!("{low} to {high}"),
                    ));
                }
                Ok(input.to_vec())
            }
            Op::LeakyRelu { slope } => {
                finite(name, &[&[*slope]])?;
                Ok(input.to_vec())
            }
            Op::Qcfs { ceiling, levels } => {
                if !(ceiling.is_finite() && *ceiling > 0.0) || *levels == 0 {
                    let expected = "a ceiling above 0, at least one level";
                    return Err(wrong(
                        "quantisation",
                        name,
                        expected,
                        format!("{ceiling}, {levels}"),
                    ));
                }
                Ok(input.to_vec())
            }
            Op::MaxPool2d(window) | Op::AvgPool2d { window, .. } => {
                let [c, h, w] = image(input, name)?;
                let (k, p) = (window.kernel, window.padding);
                if p[0].max(p[2]) >= k[0].max(1) || p[1].max(p[3]) >= k[1].max(1) {
                    return Err(wrong(
                        "padding",
                        name,
                        "less than the window",
                        format!("{p:?}"),
                    ));
                }
                let [h, w] = window.output([h, w], [1, 1], name)?;
                Ok(vec![c, h, w])
            }
            Op::Softmax if input.len() != 1 => {
                Err(wrong("shape", name, "one axis", format!("{input:?}")))
            }
            Op::Add => match from.iter().find(|&&f| self.ann.shape(f) != input) {
                Some(&other) => Err(wrong(
                    "shape",
                    name,
                    format!("{input:?}"),
                    format!("{:?}", self.ann.shape(other)),
                )),
                None => Ok(input.to_vec()),
            },
            Op::Relu | Op::Reshape | Op::Softmax => Ok(input.to_vec()),
        }
    }
}

impl Window {
    /// Height and width of what it makes of an image.
    fn output(&self, image: [usize; 2], dilation: [usize; 2], name: &str) -> Result<[usize; 2]> {
        let mut out = [0; 2];
        for axis in 0..2 {
            let pads = self.padding[axis].checked_add(self.padding[axis + 2]);
            let padded = pads.and_then(|p| p.checked_add(image[axis]));
            let reach = self.kernel[axis]
                .checked_sub(1)
                .and_then(|k| k.checked_mul(dilation[axis]));
            let left = padded
                .zip(reach)
                .and_then(|(p, r)| p.checked_sub(r)?.checked_sub(1));
            let (Some(left), 1..) = (left, self.stride[axis]) else {
                let expected = format!("a window that fits into {image:?}, steps from 1");
                return Err(wrong("window", name, expected, format!("{self:?}")));
            };
            out[axis] = left / self.stride[axis] + 1;
        }
        Ok(out)
    }
}

fn image(shape: &[usize], name: &str) -> Result<[usize; 3]> {
    let fits = <[usize; 3]>::try_from(shape);
    fits.map_err(|_| {
        wrong(
            "shape",
            name,
            "[channels, height, width]",
            format!("{shape:?}"),
        )
    })
}

fn check_shape(shape: &[usize], name: &str) -> Result<()> {
    let size = shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b));
    match (shape.len(), size) {
        (1 | 3, Some(1..MOST)) => Ok(()),
        _ => Err(wrong(
            "shape",
            name,
            "[n] or [channels, height, width], not empty",
            format!("{shape:?}"),
        )),
    }
}

fn finite(name: &str, lists: &[&[f64]]) -> Result<()> {
    match lists.iter().flat_map(|l| l.iter()).find(|v| !v.is_finite()) {
        Some(v) => Err(wrong("number", name, "finite", v)),
        None => Ok(()),
    }
}

fn wrong(what: &'static str, name: &str, expected: impl Into<String>, got: impl ToString) -> Error {
    Error::invalid(what, format!("layer '{name}'"), expected, got)
}
