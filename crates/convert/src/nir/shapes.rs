//! Shapes of what nodes hand on, and the windows of convolutions and pools.

use super::flat::{Flat, place};
use crate::{Error, Result};
use cortado_interop::nir::{Extent, Kind, Padding, Tensor};

/// `[n]` or `[channels, height, width]`.
pub(super) type Shape = Vec<usize>;

/// A convolution over images, dilation and uneven padding written out with zeros in the kernel.
pub(super) struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    /// Where each weight of the file's kernel stands: `offset + dilation * position`.
    pub offset: [usize; 2],
    pub dilation: [usize; 2],
}

/// No axis of a kernel or image is longer.
const LONGEST: usize = 1 << 24;

/// No node hands on more values: a file of a few bytes may ask for any shape.
const MOST: usize = 1 << 26;

/// Shapes of the outputs of all nodes.
///
/// # Errors
/// Shapes that do not fit; nodes that nothing reaches.
pub(super) fn infer(flat: &Flat<'_>) -> Result<Vec<Shape>> {
    let n = flat.names.len();
    let mut shapes: Vec<Option<Shape>> = vec![None; n];
    loop {
        let mut found = false;
        for i in (0..n).filter(|&i| shapes[i].is_none()).collect::<Vec<_>>() {
            let source = flat.from[i].iter().find_map(|&j| shapes[j].clone());
            shapes[i] = shape(flat, i, source)?;
            if let Some(large) = shapes[i]
                .as_ref()
                .filter(|s| size(s).is_none_or(|n| n > MOST))
            {
                let expected = format!("at most {MOST} values");
                return Err(Error::invalid(
                    "shape",
                    place(&flat.names[i]),
                    expected,
                    format!("{large:?}"),
                ));
            }
            found |= shapes[i].is_some();
        }
        if !found {
            break;
        }
    }
    let all = shapes.into_iter().enumerate().map(|(i, s)| {
        s.ok_or_else(|| {
            Error::invalid(
                "edges",
                place(&flat.names[i]),
                "a way from the input",
                "none",
            )
        })
    });
    all.collect()
}

fn size(shape: &Shape) -> Option<usize> {
    shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))
}

/// A shape as Cortado has it: one axis, or an image; two axes are an image of height 1, and leading ones go.
pub(super) fn image_or_axis(dims: &[usize], name: &str) -> Result<Shape> {
    let lead = dims.iter().take_while(|&&d| d == 1).count();
    let dims = if dims.len() > 3 {
        &dims[lead.min(dims.len() - 3)..]
    } else {
        dims
    };
    let shape = match *dims {
        [] => vec![1],
        [n] => vec![n],
        [c, l] => vec![c, 1, l],
        [c, h, w] => vec![c, h, w],
        _ => {
            return Err(Error::invalid(
                "shape",
                place(name),
                "at most three axes",
                format!("{dims:?}"),
            ));
        }
    };
    if shape.iter().any(|&d| d == 0 || d > LONGEST) {
        return Err(Error::invalid(
            "shape",
            place(name),
            format!("axes of 1 to {LONGEST}"),
            format!("{dims:?}"),
        ));
    }
    Ok(shape)
}

fn shape(flat: &Flat<'_>, i: usize, source: Option<Shape>) -> Result<Option<Shape>> {
    let (name, kind) = (&flat.names[i], flat.kind(i));
    let image = |source: &Shape| {
        <[usize; 3]>::try_from(source.as_slice()).map_err(|_| {
            Error::invalid(
                "shape",
                place(name),
                "[channels, height, width]",
                format!("{source:?}"),
            )
        })
    };
    Ok(match kind {
        Kind::Input { shape } => Some(image_or_axis(shape, name)?),
        Kind::Affine { weight, .. } | Kind::Linear { weight } => {
            Some(vec![matrix(weight, name)?[0]])
        }
        Kind::Conv1d { weight, .. } | Kind::Conv2d { weight, .. } => match source {
            Some(s) => {
                let [_, h, w] = image(&s)?;
                let [h, w] = Window::of(kind, [h, w], name)?.output([h, w], name)?;
                Some(vec![weight.shape[0], h, w])
            }
            None => None,
        },
        Kind::SumPool2d { .. } | Kind::AvgPool2d { .. } => match source {
            Some(s) => {
                let [c, h, w] = image(&s)?;
                let [h, w] = Window::of(kind, [h, w], name)?.output([h, w], name)?;
                Some(vec![c, h, w])
            }
            None => None,
        },
        Kind::Flatten {
            start_dim, end_dim, ..
        } => match source {
            Some(s) => Some(flattened(flat, i, &s, [*start_dim, *end_dim])?),
            None => None,
        },
        Kind::Output { .. } => source,
        _ => {
            let own = kind
                .tensors()
                .into_iter()
                .map(|(_, t)| t)
                .find(|t| t.data.len() > 1);
            match (own, source) {
                (None, source) => source,
                (Some(t), Some(s)) if t.data.len() != s.iter().product::<usize>() => Some(s),
                (Some(t), _) => Some(image_or_axis(&t.shape, name)?),
            }
        }
    })
}

/// What flattening makes of a shape: one axis, or the same shape.
fn flattened(flat: &Flat<'_>, i: usize, source: &Shape, ends: [i64; 2]) -> Result<Shape> {
    let name = &flat.names[i];
    let size: usize = source.iter().product();
    let axes = source.len() as i64;
    let [start, end] = ends.map(|d| if d < 0 { d + axes } else { d });
    let whole = start <= 0 && end >= axes - 1;
    // Exporters count the axis of the batch, or do not; weights behind it say how long the axis has to be.
    let reads_all = flat.readers(i).iter().any(|&j| match flat.kind(j) {
        Kind::Affine { weight, .. } | Kind::Linear { weight } => weight.shape.last() == Some(&size),
        _ => false,
    });
    if whole || reads_all || axes == 1 {
        return Ok(vec![size]);
    }
    if start >= end {
        return Ok(source.clone());
    }
    let expected = "all axes made one, or none";
    Err(Error::invalid(
        "Flatten",
        place(name),
        expected,
        format!("axes {start} to {end} of {source:?}"),
    ))
}

/// `[outputs, inputs]` of a matrix.
pub(super) fn matrix(weight: &Tensor, name: &str) -> Result<[usize; 2]> {
    match weight.shape[..] {
        [ref lead @ .., o, i] if lead.iter().all(|&d| d == 1) && o > 0 && i > 0 => Ok([o, i]),
        _ => Err(Error::invalid(
            "weight",
            place(name),
            "[outputs, inputs]",
            format!("{:?}", weight.shape),
        )),
    }
}

impl Window {
    /// The window of a convolution or pool over an image of height and width.
    pub fn of(kind: &Kind, image: [usize; 2], name: &str) -> Result<Self> {
        let (size, stride, padding, dilation) = match kind {
            Kind::Conv1d {
                weight,
                stride,
                padding,
                dilation,
                ..
            } => {
                let [_, _, k] = weight.shape[..] else {
                    return Err(kernel(weight, name, "[out, in, kernel]"));
                };
                let padding = match padding {
                    Padding::By(p) => Padding::By(Extent::Each([0, p.each()[1]])),
                    p => *p,
                };
                ([1, k], [1, *stride], padding, [1, *dilation])
            }
            Kind::Conv2d {
                weight,
                stride,
                padding,
                dilation,
                ..
            } => {
                let [_, _, h, w] = weight.shape[..] else {
                    return Err(kernel(weight, name, "[out, in, kernel, kernel]"));
                };
                ([h, w], stride.each(), *padding, dilation.each())
            }
            Kind::SumPool2d {
                kernel_size,
                stride,
                padding,
            }
            | Kind::AvgPool2d {
                kernel_size,
                stride,
                padding,
            } => (
                kernel_size.each(),
                stride.each(),
                Padding::By(*padding),
                [1, 1],
            ),
            _ => {
                return Err(Error::invalid(
                    "window",
                    place(name),
                    "a convolution or pool",
                    kind.name(),
                ));
            }
        };
        let fits = |n: &usize| (1..=LONGEST).contains(n);
        let fine = size
            .iter()
            .chain(&stride)
            .chain(&dilation)
            .chain(&image)
            .all(fits);
        let reach = [0, 1].map(|a| size[a].saturating_sub(1).saturating_mul(dilation[a]));
        if !fine || reach.iter().any(|&r| r >= LONGEST) {
            let got = format!("kernel {size:?}, stride {stride:?}, dilation {dilation:?}");
            return Err(Error::invalid(
                "window",
                place(name),
                format!("sizes of 1 to {LONGEST}"),
                got,
            ));
        }
        let mut window = Self {
            kernel: reach.map(|r| r + 1),
            stride,
            padding: [0, 0],
            offset: [0, 0],
            dilation,
        };
        match padding {
            Padding::Valid => {}
            Padding::By(p) => window.padding = p.each(),
            Padding::Same if stride != [1, 1] => {
                return Err(Error::invalid(
                    "padding",
                    place(name),
                    "stride 1 with 'same'",
                    format!("{stride:?}"),
                ));
            }
            Padding::Same => {
                for a in 0..2 {
                    // An odd number of zeros: the one more stands behind the image, and a zero before the kernel.
                    let odd = reach[a] % 2;
                    window.padding[a] = reach[a] / 2 + odd;
                    window.kernel[a] += odd;
                    window.offset[a] = odd;
                }
            }
        }
        Ok(window)
    }

    /// Height and width of what comes out.
    fn output(&self, image: [usize; 2], name: &str) -> Result<[usize; 2]> {
        let axis = |a: usize| {
            let padded = self.padding[a].checked_mul(2)?.checked_add(image[a])?;
            Some(padded.checked_sub(self.kernel[a])? / self.stride[a] + 1)
        };
        match (axis(0), axis(1)) {
            (Some(h), Some(w)) => Ok([h, w]),
            _ => {
                let got = format!(
                    "kernel {:?}, padding {:?} on {image:?}",
                    self.kernel, self.padding
                );
                Err(Error::invalid(
                    "window",
                    place(name),
                    "a window within the image",
                    got,
                ))
            }
        }
    }

    /// The kernel with its zeros, of weights `[.., kernel, kernel]`.
    pub fn spread(&self, weight: &Tensor) -> Vec<f64> {
        let dims = &weight.shape[2..];
        let [h, w] = if dims.len() == 1 {
            [1, dims[0]]
        } else {
            [dims[0], dims[1]]
        };
        let each = self.kernel[0] * self.kernel[1];
        let count = weight.shape[0] * weight.shape[1];
        let mut out = vec![0.0; count * each];
        for (n, &value) in weight.data.iter().enumerate() {
            let (k, y, x) = (n / (h * w), n / w % h, n % w);
            let [y, x] = [(0, y), (1, x)].map(|(a, p)| self.offset[a] + p * self.dilation[a]);
            out[k * each + y * self.kernel[1] + x] = value;
        }
        out
    }
}

fn kernel(weight: &Tensor, name: &str, expected: &str) -> Error {
    Error::invalid(
        "weight",
        place(name),
        expected,
        format!("{:?}", weight.shape),
    )
}
