//! Scales and shifts drawn into the weights beside them: batch norm in inference disappears.

use super::{Ann, Op, Source};

impl Ann {
    /// The same function with every scale and shift (batch norm, constants) drawn into the linear layer or convolution before
    /// it, or after it, also through a reshape or past a maximum; two that follow each other become one. An input that is but
    /// reshaped is taken in that shape.
    ///
    /// With `y = s (W x + b) + t` before, the weights are `s W` and the bias `s b + t`; with `y = W (s x + t) + b`, they are
    /// `W s` and `W t + b`. What stays: one whose value goes to several layers or follows none and meets none; one with
    /// a shift before a convolution that pads with zeros, which the shift does not reach; the only layer.
    ///
    /// ```
    /// use cortado_convert::ann::{Builder, Op, Source};
    /// let mut b = Builder::new(&[2]).unwrap();
    /// let fc = Op::Linear { weight: vec![1., 2.], bias: vec![1.] };
    /// let fc = b.push("fc", fc, &[Source::Input]).unwrap();
    /// b.push("norm", Op::Affine { scale: vec![2.], shift: vec![-1.] }, &[fc]).unwrap();
    /// let folded = b.finish().unwrap().folded();
    /// assert_eq!(folded.layers.len(), 1);
    /// assert_eq!(folded.layers[0].op, Op::Linear { weight: vec![2., 4.], bias: vec![1.] });
    /// ```
    pub fn folded(&self) -> Self {
        let mut ann = self.clone();
        ann.take_in_shape();
        // What was drawn may make way for another, so that there may be another round.
        let mut drawn = true;
        while std::mem::take(&mut drawn) {
            let mut at = 0;
            while at < ann.layers.len() {
                let affine = matches!(ann.layers[at].op, Op::Affine { .. });
                if affine && (ann.draw_before(at) || ann.draw_after(at)) {
                    ann.remove(at);
                    drawn = true;
                } else {
                    drawn |= affine && ann.pass_maximum(at);
                    at += 1;
                }
            }
        }
        ann
    }

    /// An input that is but reshaped has that shape.
    fn take_in_shape(&mut self) {
        let takes = |l: &&super::Layer| l.from.contains(&Source::Input);
        let first = self.layers.iter().position(|l| takes(&l));
        if let Some(at) = first
            && self.layers.iter().filter(takes).count() == 1
            && matches!(self.layers[at].op, Op::Reshape)
            && self.layers.len() > 1
        {
            self.input = self.layers[at].shape.clone();
            self.remove(at);
        }
    }

    /// Moves a scale above 0 towards weights, past a maximum that it makes larger or smaller as a whole.
    fn pass_maximum(&mut self, at: usize) -> bool {
        let Op::Affine { scale, .. } = &self.layers[at].op else {
            return false;
        };
        if !scale.iter().all(|&s| s > 0.0) {
            return false;
        }
        let maximum = |l: &super::Layer| matches!(l.op, Op::MaxPool2d(_));
        let Source::Layer(before) = self.layers[at].from[0] else {
            return false;
        };
        if maximum(&self.layers[before]) {
            let weighs = |l: &super::Layer| matches!(l.op, Op::Linear { .. } | Op::Conv2d { .. });
            let Source::Layer(weights) = self.layers[before].from[0] else {
                return false;
            };
            let alone =
                self.only_user(before) == Some(at) && self.only_user(weights) == Some(before);
            if alone && weighs(&self.layers[weights]) {
                self.swap(before, at);
                return true;
            }
        } else if self.layers[before].op.is_unit()
            && let Some(behind) = self.only_user(at)
            && maximum(&self.layers[behind])
        {
            self.swap(at, behind);
            return true;
        }
        false
    }

    /// The only layer that takes from one, unless it is the output.
    fn only_user(&self, of: usize) -> Option<usize> {
        let uses = |l: &super::Layer| l.from.iter().filter(|&&f| f == Source::Layer(of)).count();
        let mut users = (0..self.layers.len()).filter(|&i| uses(&self.layers[i]) > 0);
        match (users.next(), users.next()) {
            (Some(user), None) => Some(user),
            _ => None,
        }
    }

    /// Draws a scale and shift into what comes before.
    fn draw_before(&mut self, at: usize) -> bool {
        let Source::Layer(before) = self.layers[at].from[0] else {
            return false;
        };
        if self.only_user(before) != Some(at) {
            return false;
        }
        let (head, tail) = self.layers.split_at_mut(at);
        let Op::Affine { scale, shift } = &tail[0].op else {
            return false;
        };
        let (weight, bias) = match &mut head[before].op {
            Op::Linear { weight, bias } | Op::Conv2d { weight, bias, .. } => (weight, bias),
            Op::Affine { scale, shift } => (scale, shift),
            _ => return false,
        };
        let row = weight.len() / bias.len();
        for (o, row) in weight.chunks_exact_mut(row).enumerate() {
            row.iter_mut().for_each(|w| *w *= scale[o]);
            bias[o] = bias[o] * scale[o] + shift[o];
        }
        true
    }

    /// Draws a scale and shift into what comes after.
    fn draw_after(&mut self, at: usize) -> bool {
        let Some(mut after) = self.only_user(at) else {
            return false;
        };
        if let Op::Reshape = self.layers[after].op {
            match self.only_user(after) {
                Some(next) if matches!(self.layers[next].op, Op::Linear { .. }) => after = next,
                _ => return false,
            }
        }
        let channels = self.layers[at].shape[0];
        let inner = self.layers[at].shape[1..].iter().product::<usize>();
        let (head, tail) = self.layers.split_at_mut(after);
        let Op::Affine { scale, shift } = &head[at].op else {
            return false;
        };
        match &mut tail[0].op {
            Op::Linear { weight, bias } => {
                for (row, b) in weight.chunks_exact_mut(channels * inner).zip(bias) {
                    for (i, w) in row.iter_mut().enumerate() {
                        *b += *w * shift[i / inner];
                        *w *= scale[i / inner];
                    }
                }
            }
            Op::Conv2d {
                weight,
                bias,
                window,
                groups,
                ..
            } if window.padding == [0; 4] || shift.iter().all(|&t| t == 0.0) => {
                let cells = window.kernel[0] * window.kernel[1];
                let (each, outputs) = (channels / *groups, bias.len() / *groups);
                for (o, row) in weight.chunks_exact_mut(each * cells).enumerate() {
                    for (i, w) in row.iter_mut().enumerate() {
                        let c = o / outputs * each + i / cells;
                        bias[o] += *w * shift[c];
                        *w *= scale[c];
                    }
                }
            }
            _ => return false,
        }
        true
    }

    /// Takes a layer out; what took from it takes from what it took from.
    fn remove(&mut self, at: usize) {
        let from = self.layers.remove(at).from[0];
        for source in self.layers.iter_mut().flat_map(|l| &mut l.from) {
            match source {
                Source::Layer(i) if *i == at => *source = from,
                Source::Layer(i) if *i > at => *i -= 1,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ann::{Ann, Builder, Op, Source, Window};
    use cortado_base::rng::{Purpose, Rng};

    struct Draw(Rng);

    impl Draw {
        fn list(&mut self, count: usize) -> Vec<f64> {
            (0..count).map(|_| 2.0 * self.0.uniform() - 1.0).collect()
        }

        fn affine(&mut self, channels: usize) -> Op {
            Op::Affine {
                scale: self.list(channels),
                shift: self.list(channels),
            }
        }

        fn linear(&mut self, inputs: usize, outputs: usize) -> Op {
            Op::Linear {
                weight: self.list(inputs * outputs),
                bias: self.list(outputs),
            }
        }

        fn conv(&mut self, inputs: usize, outputs: usize, groups: usize, pad: usize) -> Op {
            Op::Conv2d {
                weight: self.list(outputs * inputs / groups * 9),
                bias: self.list(outputs),
                window: Window {
                    kernel: [3, 3],
                    stride: [1, 1],
                    padding: [pad; 4],
                },
                dilation: [1, 1],
                groups,
            }
        }
    }

    /// A network from its layers in a row; `None` is a reshape to one axis.
    fn chain(input: &[usize], ops: Vec<Option<Op>>) -> Ann {
        let mut b = Builder::new(input).unwrap();
        let mut from = Source::Input;
        for (i, op) in ops.into_iter().enumerate() {
            let name = format!("{i}");
            let size = b.shape(from).iter().product();
            from = match op {
                Some(op) => b.push(&name, op, &[from]).unwrap(),
                None => b.reshape(&name, from, &[size]).unwrap(),
            };
        }
        b.finish().unwrap()
    }

    fn kinds(ann: &Ann) -> Vec<&'static str> {
        ann.layers.iter().map(|l| l.op.name()).collect()
    }

    fn same(ann: &Ann, draw: &mut Draw) {
        let x = draw.list(5 * ann.inputs());
        let (a, b) = (
            ann.forward(&x, 5).unwrap(),
            ann.folded().forward(&x, 5).unwrap(),
        );
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() <= 1e-12 * a.abs().max(1.0), "{a} {b}");
        }
    }

    #[test]
    fn folding_keeps_the_function() {
        let mut d = Draw(Rng::new(3, 0, Purpose::Other, 0));
        let ops = vec![
            Some(d.affine(4)),
            Some(d.conv(4, 6, 2, 0)),
            Some(d.affine(6)),
            Some(d.affine(6)),
            Some(Op::Relu),
            Some(d.conv(6, 4, 1, 1)),
            Some(d.affine(4)),
            None,
            Some(d.linear(36, 5)),
            Some(d.affine(5)),
            Some(Op::Relu),
            Some(d.affine(5)),
            Some(d.linear(5, 3)),
            Some(Op::Softmax),
        ];
        let ann = chain(&[4, 5, 5], ops);
        same(&ann, &mut d);
        let left = [
            "conv2d", "relu", "conv2d", "reshape", "linear", "relu", "linear", "softmax",
        ];
        assert_eq!(kinds(&ann.folded()), left);
        assert_eq!(ann.folded().folded(), ann.folded());
    }

    #[test]
    fn through_a_reshape_the_scale_is_that_of_the_channel() {
        let mut d = Draw(Rng::new(4, 0, Purpose::Other, 0));
        let ops = vec![
            Some(Op::Relu),
            Some(d.affine(3)),
            None,
            Some(d.linear(12, 5)),
        ];
        let ann = chain(&[3, 2, 2], ops);
        same(&ann, &mut d);
        assert_eq!(kinds(&ann.folded()), ["relu", "reshape", "linear"]);
    }

    #[test]
    fn a_shift_stays_before_zeros_of_padding() {
        let mut d = Draw(Rng::new(5, 0, Purpose::Other, 0));
        let ann = chain(
            &[2, 4, 4],
            vec![Some(d.affine(2)), Some(d.conv(2, 3, 1, 1))],
        );
        same(&ann, &mut d);
        assert_eq!(kinds(&ann.folded()), ["affine", "conv2d"]);
        let scale = Op::Affine {
            scale: vec![2.0, 3.0],
            shift: vec![0.0; 2],
        };
        let ann = chain(&[2, 4, 4], vec![Some(scale), Some(d.conv(2, 3, 1, 1))]);
        same(&ann, &mut d);
        assert_eq!(kinds(&ann.folded()), ["conv2d"]);
    }

    /// Both the linear layer and its norm have a second user.
    #[test]
    fn what_others_take_as_well_stays() {
        let mut d = Draw(Rng::new(6, 0, Purpose::Other, 0));
        let mut b = Builder::new(&[4]).unwrap();
        let fc = b.push("fc", d.linear(4, 4), &[Source::Input]).unwrap();
        let norm = b.push("norm", d.affine(4), &[fc]).unwrap();
        let next = b.push("next", d.linear(4, 4), &[norm]).unwrap();
        b.push("sum", Op::Add, &[fc, norm, next]).unwrap();
        let ann = b.finish().unwrap();
        same(&ann, &mut d);
        assert_eq!(ann.folded(), ann);
    }
}
