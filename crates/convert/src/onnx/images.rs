//! Operators of images: convolution, padding, pools.

use super::constant::axis;
use super::flow::{Flow, View};
use super::importer::{Importer, at};
use super::{attributes, fold, wrong};
use crate::Result;
use crate::ann::{Op, Window};
use cortado_interop::onnx::Node;

impl Importer {
    /// Zeros around an image, kept until the convolution that follows.
    pub(super) fn pad(&mut self, node: &Node) -> Result<Flow> {
        let bad = |got: String| {
            let expected = "zeros around an image [batch, channels, height, width]";
            wrong(node, "padding", expected, got)
        };
        let mode = attributes::text(node, "mode", "constant")?;
        let value = match self.maybe(node, 2)? {
            Some(c) => c.one().map_err(|e| at(node, e))?,
            None => attributes::float(node, "value")?.unwrap_or(0.0),
        };
        if mode != "constant" || value != 0.0 || node.inputs.len() > 3 {
            return Err(bad(format!("mode {mode}, value {value}")));
        }
        let pads = match attributes::ints(node, "pads")? {
            Some(pads) => pads.to_vec(),
            None => self.known(node, 1)?.ints().map_err(|e| at(node, e))?,
        };
        let mut flow = self.flow(node, 0)?.clone();
        let [0, 0, top, left, 0, 0, bottom, right] = pads[..] else {
            return Err(bad(format!("{pads:?}")));
        };
        if flow.view != View::Plain || self.kept(&flow).len() != 3 {
            return Err(bad(format!("{:?}", self.seen(&flow))));
        }
        for (pad, more) in flow.pads.iter_mut().zip([top, left, bottom, right]) {
            let more = usize::try_from(more).ok().and_then(|m| m.checked_add(*pad));
            *pad = more.ok_or_else(|| bad(format!("{pads:?}")))?;
        }
        Ok(flow)
    }

    pub(super) fn conv(&mut self, node: &Node) -> Result<Flow> {
        let (from, [inputs, h, w]) = self.image(node, 0)?;
        let before = self.flow(node, 0)?.pads;
        let (numbers, shape) = self.weights(node)?;
        let &[channels, each, kh, kw] = shape.as_slice() else {
            let expected = "[channels out, channels in / groups, height, width]: images only";
            return Err(wrong(node, "weights", expected, format!("{shape:?}")));
        };
        let bias = match self.maybe(node, 2)? {
            Some(_) => self.numbers(node, 2)?,
            None => vec![0.0; channels],
        };
        if bias.len() != channels {
            return Err(wrong(
                node,
                "bias",
                format!("{channels} channels"),
                bias.len(),
            ));
        }
        let named = attributes::sizes::<2>(node, "kernel_shape", 0)?;
        if named != [0, 0] && named != [kh, kw] {
            let expected = format!("the kernel of the weights {shape:?}");
            return Err(wrong(node, "kernel_shape", expected, format!("{named:?}")));
        }
        let dilation = attributes::sizes(node, "dilations", 1)?;
        let groups = usize::try_from(attributes::int(node, "group", 1)?).unwrap_or(0);
        if each.checked_mul(groups) != Some(inputs) {
            let got = format!("{shape:?} in {groups} groups");
            let expected = format!("weights for {inputs} channels");
            return Err(wrong(node, "weights", expected, got));
        }
        let [top, left, bottom, right] = before;
        let padded = [
            h.saturating_add(top).saturating_add(bottom),
            w.saturating_add(left).saturating_add(right),
        ];
        let mut window = window(node, padded, [kh, kw], dilation)?;
        for (pad, more) in window.padding.iter_mut().zip(before) {
            *pad = pad.saturating_add(more);
        }
        let op = Op::Conv2d {
            weight: numbers,
            bias,
            window,
            dilation,
            groups,
        };
        Ok(Flow::plain(self.push(node, op, &[from])?))
    }

    pub(super) fn pool(&mut self, node: &Node) -> Result<Flow> {
        self.unpadded(node, 0)?;
        let (from, [_, h, w]) = self.image(node, 0)?;
        let kernel = attributes::sizes::<2>(node, "kernel_shape", 0)?;
        if attributes::sizes::<2>(node, "dilations", 1)? != [1, 1] {
            return Err(wrong(node, "dilations", "1", "others"));
        }
        let mut window = window(node, [h, w], kernel, [1, 1])?;
        let zeros = window.padding == [0; 4];
        let mut longer = false;
        if attributes::int(node, "ceil_mode", 0)? != 0 {
            for axis in 0..2 {
                let more = ceiling(&window, [h, w], axis).ok_or_else(|| {
                    wrong(
                        node,
                        "window",
                        format!("one that fits into {h} by {w}"),
                        format!("{window:?}"),
                    )
                })?;
                window.padding[axis + 2] += more;
                longer |= more > 0;
            }
        }
        if node.op == "MaxPool" {
            return Ok(Flow::plain(self.push(
                node,
                Op::MaxPool2d(window),
                &[from],
            )?));
        }
        let count_padding = attributes::int(node, "count_include_pad", 0)? != 0 && !zeros;
        if count_padding && longer {
            // What ceil_mode adds never counts.
            let expected = "either padding that counts or ceil_mode";
            return Err(wrong(node, "padding", expected, "both"));
        }
        let op = Op::AvgPool2d {
            window,
            count_padding,
        };
        Ok(Flow::plain(self.push(node, op, &[from])?))
    }

    /// A pool over whole images; `ReduceMean` over height and width.
    pub(super) fn global_pool(&mut self, node: &Node) -> Result<Flow> {
        let flow = self.unpadded(node, 0)?.clone();
        let &[c, h, w] = self.kept(&flow) else {
            let got = format!("{:?}", self.seen(&flow));
            return Err(wrong(node, "input", "an image", got));
        };
        let mut keep = true;
        if node.op == "ReduceMean" {
            let inputs = [None, self.maybe(node, 1)?];
            let named = fold::axes(node, &inputs).map_err(|e| at(node, e))?;
            let named: Result<Vec<_>> = named.iter().flatten().map(|&a| axis(a, 4)).collect();
            let mut named = named.map_err(|e| at(node, e))?;
            named.sort_unstable();
            let image = if flow.view == View::Last {
                [1, 2]
            } else {
                [2, 3]
            };
            if named != image {
                let expected = format!("height and width: {image:?}");
                return Err(wrong(node, "axes", expected, format!("{named:?}")));
            }
            keep = attributes::int(node, "keepdims", 1)? != 0;
        } else if flow.view == View::Last {
            return Err(wrong(node, "input", "channels first", "channels last"));
        }
        let window = Window {
            kernel: [h, w],
            stride: [1, 1],
            padding: [0; 4],
        };
        let op = match node.op.as_str() {
            "GlobalMaxPool" => Op::MaxPool2d(window),
            _ => Op::AvgPool2d {
                window,
                count_padding: false,
            },
        };
        let pooled = self.push(node, op, &[flow.from])?;
        if keep {
            return Ok(flow.with(pooled));
        }
        Ok(Flow::plain(self.reshape(node, pooled, &[c])?))
    }
}

/// The window of a convolution or pool.
fn window(
    node: &Node,
    image: [usize; 2],
    kernel: [usize; 2],
    dilation: [usize; 2],
) -> Result<Window> {
    let stride = attributes::sizes::<2>(node, "strides", 1)?;
    let mut padding = attributes::sizes::<4>(node, "pads", 0)?;
    let auto = attributes::text(node, "auto_pad", "NOTSET")?;
    match auto {
        "NOTSET" => {}
        "VALID" => padding = [0; 4],
        "SAME_UPPER" | "SAME_LOWER" => {
            for axis in 0..2 {
                let (n, s) = (image[axis], stride[axis].max(1));
                let reach = kernel[axis]
                    .saturating_sub(1)
                    .saturating_mul(dilation[axis]);
                let last = (n.div_ceil(s).max(1) - 1) * s;
                let total = last
                    .saturating_add(reach)
                    .saturating_add(1)
                    .saturating_sub(n);
                let (less, more) = (total / 2, total - total / 2);
                let upper = auto == "SAME_UPPER";
                padding[axis] = if upper { less } else { more };
                padding[axis + 2] = if upper { more } else { less };
            }
        }
        other => {
            return Err(wrong(
                node,
                "auto_pad",
                "NOTSET, SAME_UPPER, SAME_LOWER or VALID",
                other,
            ));
        }
    }
    Ok(Window {
        kernel,
        stride,
        padding,
    })
}

/// What `ceil_mode` adds at the end: a last window that is not full, if it begins inside the image or the padding before it.
fn ceiling(window: &Window, image: [usize; 2], axis: usize) -> Option<usize> {
    let (k, s) = (window.kernel[axis], window.stride[axis]);
    let start = window.padding[axis].checked_add(image[axis])?;
    let padded = start.checked_add(window.padding[axis + 2])?;
    let last = padded.checked_sub(k)?.checked_next_multiple_of(s)?;
    let more = last.checked_add(k)?.checked_sub(padded)?;
    Some(if last < start { more } else { 0 })
}
