//! What a network gives: a plain evaluation, one sample after the other.

use super::{Ann, Layer, Op, Source, Window};
use crate::{Error, Result};
use cortado::num::Float;
use rayon::prelude::*;

/// Numbers that the layers may have together for one sample.
const MOST: usize = 1 << 28;

impl Ann {
    /// Outputs of samples, `[count, outputs]`.
    ///
    /// Samples run in parallel; the numbers do not depend on how many threads there are.
    ///
    /// # Errors
    /// Another number of values than `count` samples have; a network too large to hold the values of a sample.
    ///
    /// ```
    /// use cortado_convert::ann::{Builder, Op, Source};
    /// let mut b = Builder::new(&[2]).unwrap();
    /// let fc = Op::Linear { weight: vec![1., 2., -3., 4.], bias: vec![0., 1.] };
    /// let fc = b.push("fc", fc, &[Source::Input]).unwrap();
    /// b.push("relu", Op::Relu, &[fc]).unwrap();
    /// let ann = b.finish().unwrap();
    /// assert_eq!(ann.forward(&[1.0f64, 1.0, 1.0, 0.0], 2).unwrap(), [3.0, 2.0, 1.0, 0.0]);
    /// ```
    pub fn forward<R: Float>(&self, samples: &[R], count: usize) -> Result<Vec<R>> {
        let last = |_: usize, layers: &[Vec<R>]| layers.last().cloned().unwrap_or_default();
        Ok(self.trace(samples, count, last)?.concat())
    }

    /// What `see` makes of each sample's number and the values of all its layers, in the order of the samples.
    ///
    /// # Errors
    /// As [`Ann::forward`].
    pub fn trace<R: Float, T: Send>(
        &self,
        samples: &[R],
        count: usize,
        see: impl Fn(usize, &[Vec<R>]) -> T + Sync,
    ) -> Result<Vec<T>> {
        let size = self.inputs();
        if Some(samples.len()) != size.checked_mul(count) || size == 0 {
            let expected = format!("{count} samples of {size} values");
            return Err(Error::invalid(
                "samples",
                "network",
                expected,
                samples.len(),
            ));
        }
        let sizes = self
            .layers
            .iter()
            .map(|l| l.shape.iter().product::<usize>());
        let total = sizes.clone().fold(0usize, usize::saturating_add);
        if total > MOST {
            let expected = format!("at most {MOST} values in all layers together");
            return Err(Error::invalid("size", "network", expected, total));
        }
        let layers: Vec<_> = self.layers.iter().map(|l| Ready::new(self, l)).collect();
        let fresh = || sizes.clone().map(|n| vec![R::ZERO; n]).collect::<Vec<_>>();
        let run = |values: &mut Vec<Vec<R>>, (i, sample): (usize, &[R])| {
            R::vectorize(
                #[inline(always)]
                || {
                    for (at, layer) in layers.iter().enumerate() {
                        let (before, rest) = values.split_at_mut(at);
                        let input = |from: Source| match from {
                            Source::Input => sample,
                            Source::Layer(j) => &before[j],
                        };
                        layer.run(input, &mut rest[0]);
                    }
                },
            );
            see(i, values)
        };
        let samples = samples.par_chunks_exact(size).enumerate();
        Ok(samples.map_init(fresh, run).collect())
    }
}

/// A layer with its numbers rounded to those that it runs on.
struct Ready<'a, R> {
    layer: &'a Layer,
    input: &'a [usize],
    /// Weight or scale.
    a: Vec<R>,
    /// Bias or shift.
    b: Vec<R>,
}

impl<'a, R: Float> Ready<'a, R> {
    fn new(ann: &'a Ann, layer: &'a Layer) -> Self {
        let none: &[f64] = &[];
        let (a, b): (&[f64], &[f64]) = match &layer.op {
            Op::Linear { weight, bias } | Op::Conv2d { weight, bias, .. } => (weight, bias),
            Op::Affine { scale, shift } => (scale, shift),
            _ => (none, none),
        };
        let round = |v: &[f64]| v.iter().map(|&x| R::of(x)).collect();
        Self {
            layer,
            input: ann.shape(layer.from[0]),
            a: round(a),
            b: round(b),
        }
    }

    #[inline(always)]
    fn run<'v>(&self, input: impl Fn(Source) -> &'v [R], out: &mut [R]) {
        let x = input(self.layer.from[0]);
        let each = |out: &mut [R], f: &dyn Fn(R) -> R| {
            for (y, &x) in out.iter_mut().zip(x) {
                *y = f(x);
            }
        };
        match &self.layer.op {
            Op::Linear { .. } => linear(&self.a, &self.b, x, out),
            Op::Conv2d {
                window,
                dilation,
                groups,
                ..
            } => {
                let shape = Shapes::new(self.input, &self.layer.shape);
                conv2d(&self.a, &self.b, x, out, &shape, window, *dilation, *groups);
            }
            Op::Affine { .. } => {
                let inner = (x.len() / self.a.len().max(1)).max(1);
                let channels = out.chunks_exact_mut(inner).zip(x.chunks_exact(inner));
                for ((out, x), (&a, &b)) in channels.zip(self.a.iter().zip(&self.b)) {
                    for (y, &x) in out.iter_mut().zip(x) {
                        *y = a * x + b;
                    }
                }
            }
            Op::Relu => each(out, &|x| if x > R::ZERO { x } else { R::ZERO }),
            Op::Clip { low, high } => {
                let (low, high) = (R::of(*low), R::of(*high));
                each(out, &|x| {
                    let x = if x < low { low } else { x };
                    if x > high { high } else { x }
                });
            }
            Op::LeakyRelu { slope } => {
                let slope = R::of(*slope);
                each(out, &|x| if x > R::ZERO { x } else { slope * x });
            }
            Op::Qcfs { ceiling, levels } => {
                let (ceiling, levels) = (*ceiling, *levels as f64);
                each(out, &|x| {
                    let level = (x.value() * levels / ceiling + 0.5).floor();
                    R::of(level.clamp(0.0, levels) * ceiling / levels)
                });
            }
            Op::MaxPool2d(window) => {
                let shape = Shapes::new(self.input, &self.layer.shape);
                pool(x, out, &shape, window, |cells, _| {
                    let mut most = None;
                    cells(&mut |x: R| {
                        if most.is_none_or(|m| x > m) {
                            most = Some(x);
                        }
                    });
                    most.unwrap_or(R::ZERO)
                });
            }
            Op::AvgPool2d {
                window,
                count_padding,
            } => {
                let shape = Shapes::new(self.input, &self.layer.shape);
                let full = window.kernel[0].saturating_mul(window.kernel[1]);
                pool(x, out, &shape, window, |cells, inside| {
                    let mut sum = R::ZERO;
                    cells(&mut |x| sum += x);
                    let count = if *count_padding { full } else { inside };
                    sum / R::of(count.max(1) as f64)
                });
            }
            Op::Reshape => out.copy_from_slice(x),
            Op::Add => {
                out.copy_from_slice(x);
                for &from in &self.layer.from[1..] {
                    for (y, &x) in out.iter_mut().zip(input(from)) {
                        *y += x;
                    }
                }
            }
            Op::Softmax => softmax(x, out),
        }
    }
}

/// `W x + b`, each sum in eight parts so that it can run in lanes.
#[inline(always)]
fn linear<R: Float>(weight: &[R], bias: &[R], x: &[R], out: &mut [R]) {
    for ((y, &b), row) in out.iter_mut().zip(bias).zip(weight.chunks_exact(x.len())) {
        let mut lanes = [R::ZERO; 8];
        let (rows, row_rest) = row.as_chunks::<8>();
        let (xs, x_rest) = x.as_chunks::<8>();
        for (w, x) in rows.iter().zip(xs) {
            for k in 0..8 {
                lanes[k] += w[k] * x[k];
            }
        }
        let mut sum = b;
        for lane in lanes {
            sum += lane;
        }
        for (&w, &x) in row_rest.iter().zip(x_rest) {
            sum += w * x;
        }
        *y = sum;
    }
}

/// Images before and after a layer.
struct Shapes {
    channels: usize,
    before: [usize; 2],
    after: [usize; 2],
}

impl Shapes {
    fn new(before: &[usize], after: &[usize]) -> Self {
        let size = |s: &[usize]| [s[s.len() - 2], s[s.len() - 1]];
        Self {
            channels: before[0],
            before: size(before),
            after: size(after),
        }
    }
}

/// Outputs from `start` to `end` whose input at `offset` (after the padding) lies in the image.
fn reach(
    offset: usize,
    padding: usize,
    stride: usize,
    before: usize,
    after: usize,
) -> (usize, usize) {
    let start = padding.saturating_sub(offset).div_ceil(stride);
    let end = (before + padding).saturating_sub(offset).div_ceil(stride);
    (start.min(after), end.min(after))
}

/// Cross-correlation: for each weight, a row of the image is added to a row of the output.
#[inline(always)]
fn conv2d<R: Float>(
    weight: &[R],
    bias: &[R],
    x: &[R],
    out: &mut [R],
    shape: &Shapes,
    window: &Window,
    dilation: [usize; 2],
    groups: usize,
) {
    let [h, w] = shape.before;
    let [oh, ow] = shape.after;
    let [kh, kw] = window.kernel;
    let [sy, sx] = window.stride;
    let each = shape.channels / groups;
    let per_group = bias.len() / groups;
    for (o, out) in out.chunks_exact_mut(oh * ow).enumerate() {
        out.fill(bias[o]);
        for c in 0..each {
            let plane = (o / per_group * each + c) * h * w;
            let image = &x[plane..plane + h * w];
            for (ky, kx) in (0..kh).flat_map(|y| (0..kw).map(move |x| (y, x))) {
                let value = weight[((o * each + c) * kh + ky) * kw + kx];
                let (dy, dx) = (ky * dilation[0], kx * dilation[1]);
                let (top, bottom) = reach(dy, window.padding[0], sy, h, oh);
                let (left, right) = reach(dx, window.padding[1], sx, w, ow);
                if left >= right {
                    continue;
                }
                for y in top..bottom {
                    let row = (y * sy + dy - window.padding[0]) * w;
                    let from = row + left * sx + dx - window.padding[1];
                    let out = &mut out[y * ow + left..y * ow + right];
                    if sx == 1 {
                        let image = &image[from..from + out.len()];
                        for (y, &x) in out.iter_mut().zip(image) {
                            *y += value * x;
                        }
                    } else {
                        for (y, &x) in out.iter_mut().zip(image[from..].iter().step_by(sx)) {
                            *y += value * x;
                        }
                    }
                }
            }
        }
    }
}

/// For each window, what `f` makes of its values inside the image and of their count.
#[inline(always)]
fn pool<R: Float>(
    x: &[R],
    out: &mut [R],
    shape: &Shapes,
    window: &Window,
    f: impl Fn(&dyn Fn(&mut dyn FnMut(R)), usize) -> R,
) {
    let [h, w] = shape.before;
    let [oh, ow] = shape.after;
    // Rows or columns of a window that lie in the image.
    let span = |at: usize, axis: usize, size: usize| {
        let start = at * window.stride[axis];
        let end = (start + window.kernel[axis]).saturating_sub(window.padding[axis]);
        let start = start.saturating_sub(window.padding[axis]);
        (start.min(size), end.min(size))
    };
    for (image, out) in x.chunks_exact(h * w).zip(out.chunks_exact_mut(oh * ow)) {
        for (place, value) in out.iter_mut().enumerate() {
            let (top, bottom) = span(place / ow, 0, h);
            let (left, right) = span(place % ow, 1, w);
            let cells = |see: &mut dyn FnMut(R)| {
                for y in top..bottom {
                    image[y * w + left..y * w + right]
                        .iter()
                        .for_each(|&x| see(x));
                }
            };
            *value = f(&cells, (bottom - top) * (right - left));
        }
    }
}

/// Taken from the largest, so that nothing overflows.
fn softmax<R: Float>(x: &[R], out: &mut [R]) {
    let most = x.iter().fold(x[0], |m, &x| if x > m { x } else { m });
    let mut sum = R::ZERO;
    for (y, &x) in out.iter_mut().zip(x) {
        *y = (x - most).exp();
        sum += *y;
    }
    out.iter_mut().for_each(|y| *y = *y / sum);
}

#[cfg(test)]
mod tests {
    use crate::ann::{Builder, Op, Source};

    #[test]
    fn a_quantised_unit_follows_its_formula() {
        let mut b = Builder::new(&[6]).unwrap();
        let op = Op::Qcfs {
            ceiling: 2.0,
            levels: 4,
        };
        b.push("unit", op, &[Source::Input]).unwrap();
        let ann = b.finish().unwrap();
        let y = ann.forward(&[-1.0f64, 0.2, 0.25, 0.74, 1.8, 9.0], 1);
        assert_eq!(y.unwrap(), [0.0, 0.0, 0.5, 0.5, 2.0, 2.0]);
    }

    #[test]
    fn every_layer_of_every_sample_is_seen_in_order() {
        let mut b = Builder::new(&[1]).unwrap();
        let up = Op::Affine {
            scale: vec![1.0],
            shift: vec![-2.0],
        };
        let up = b.push("up", up, &[Source::Input]).unwrap();
        b.push("relu", Op::Relu, &[up]).unwrap();
        let ann = b.finish().unwrap();
        let x: Vec<f32> = (0..100).map(|i| i as f32).collect();
        let seen = ann.trace(&x, 100, |i, layers| (i, layers.concat()));
        for (i, (at, values)) in seen.unwrap().into_iter().enumerate() {
            let up = i as f32 - 2.0;
            assert_eq!((at, values), (i, vec![up, up.max(0.0)]));
        }
        assert!(ann.forward(&x, 99).is_err());
        assert!(ann.forward::<f32>(&[], 0).unwrap().is_empty());
    }
}
