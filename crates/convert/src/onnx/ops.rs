//! What each operator does to a value that samples run through.

use super::constant::{Constant, axis};
use super::flow::{Flow, View};
use super::importer::{Importer, at};
use super::{attributes, wrong};
use crate::Result;
use crate::ann::Op;
use cortado_interop::onnx::{Element, Node};

impl Importer {
    /// What a node gives; nothing if it is not known.
    pub(super) fn layer(&mut self, node: &Node) -> Result<Option<Flow>> {
        Ok(Some(match node.op.as_str() {
            "Identity" => self.flow(node, 0)?.clone(),
            "Cast" | "CastLike" => self.cast(node)?,
            "Dropout" => self.dropout(node)?,
            "Gemm" => self.gemm(node)?,
            "MatMul" => self.matmul(node)?,
            "Conv" => self.conv(node)?,
            "BatchNormalization" => self.batch_norm(node)?,
            "Relu" => self.each(node, Op::Relu)?,
            "LeakyRelu" => {
                let slope = attributes::float(node, "alpha")?.unwrap_or(f64::from(0.01f32));
                self.each(node, Op::LeakyRelu { slope })?
            }
            "Clip" => self.clip(node)?,
            "Add" | "Sub" | "Mul" | "Div" | "Sum" => self.arithmetic(node)?,
            "Neg" => self.affine(node, 0, vec![-1.0], vec![0.0])?,
            "Softmax" => self.softmax(node)?,
            "MaxPool" | "AveragePool" => self.pool(node)?,
            "GlobalMaxPool" | "GlobalAveragePool" | "ReduceMean" => self.global_pool(node)?,
            "Pad" => self.pad(node)?,
            "Flatten" => self.flatten(node)?,
            "Reshape" => self.reshape_to(node)?,
            "Squeeze" | "Unsqueeze" => self.squeeze(node)?,
            "Transpose" => self.transpose(node)?,
            _ => return Ok(None),
        }))
    }

    /// A layer for each value.
    fn each(&mut self, node: &Node, op: Op) -> Result<Flow> {
        let flow = self.unpadded(node, 0)?.clone();
        Ok(flow.with(self.push(node, op, &[flow.from])?))
    }

    fn cast(&self, node: &Node) -> Result<Flow> {
        let to = attributes::int(node, "to", i64::from(Element::F32.number()))?;
        let element = i32::try_from(to).ok().and_then(Element::of);
        match element {
            Some(Element::F16 | Element::F32 | Element::F64) => self.flow(node, 0).cloned(),
            _ => Err(wrong(node, "type", "floats", to)),
        }
    }

    fn dropout(&self, node: &Node) -> Result<Flow> {
        let training = self.maybe(node, 2)?;
        if training.is_some_and(|c| c.one().ok() != Some(0.0)) {
            return Err(wrong(node, "mode", "inference", "training"));
        }
        self.flow(node, 0).cloned()
    }

    /// A constant matrix as rows of outputs; `turned` if the file has it so.
    fn matrix(&mut self, node: &Node, turned: bool) -> Result<(Vec<f64>, usize)> {
        let (numbers, shape) = self.weights(node)?;
        let &[rows, columns] = shape.as_slice() else {
            return Err(wrong(node, "weights", "a matrix", format!("{shape:?}")));
        };
        if turned {
            return Ok((numbers, rows));
        }
        let column = |c: usize| (0..rows).map(move |r| r * columns + c);
        let turned = (0..columns).flat_map(column).map(|i| numbers[i]);
        Ok((turned.collect(), columns))
    }

    /// A fully connected layer of an input of one axis.
    fn linear(&mut self, node: &Node, mut weight: Vec<f64>, bias: Vec<f64>) -> Result<Flow> {
        let flow = self.unpadded(node, 0)?.clone();
        if let View::Shuffled(order) = &flow.view {
            if weight.len() != bias.len().saturating_mul(order.len()) {
                let expected = format!("{} rows of {}", bias.len(), order.len());
                return Err(wrong(node, "weights", expected, weight.len()));
            }
            let seen = weight.clone();
            for (row, seen) in weight
                .chunks_exact_mut(order.len())
                .zip(seen.chunks_exact(order.len()))
            {
                for (&place, &w) in order.iter().zip(seen) {
                    row[place] = w;
                }
            }
        } else if flow.view == View::Last {
            let got = format!("{:?}", self.seen(&flow));
            return Err(wrong(node, "input", "one axis", got));
        }
        let op = Op::Linear { weight, bias };
        Ok(Flow::plain(self.push(node, op, &[flow.from])?))
    }

    fn matmul(&mut self, node: &Node) -> Result<Flow> {
        let (weight, outputs) = self.matrix(node, false)?;
        self.linear(node, weight, vec![0.0; outputs])
    }

    fn gemm(&mut self, node: &Node) -> Result<Flow> {
        if attributes::int(node, "transA", 0)? != 0 {
            return Err(wrong(node, "transA", "0: samples in rows", 1));
        }
        let turned = attributes::int(node, "transB", 0)? != 0;
        let alpha = attributes::float(node, "alpha")?.unwrap_or(1.0);
        let beta = attributes::float(node, "beta")?.unwrap_or(1.0);
        let (mut weight, outputs) = self.matrix(node, turned)?;
        weight.iter_mut().for_each(|w| *w *= alpha);
        let mut bias = match self.maybe(node, 2)? {
            Some(c) => across(c, &[outputs], 0).map_err(|got| {
                let expected = format!("one number or {outputs}");
                wrong(node, "bias", expected, got)
            })?,
            None => vec![0.0],
        };
        if bias.len() != outputs {
            bias = vec![bias[0]; outputs];
        }
        bias.iter_mut().for_each(|b| *b *= beta);
        self.linear(node, weight, bias)
    }

    fn clip(&mut self, node: &Node) -> Result<Flow> {
        let end = |i, name, open| {
            let input = self.maybe(node, i)?.map(Constant::one);
            let input = input.transpose().map_err(|e| at(node, e))?;
            let setting = attributes::float(node, name)?;
            Ok(input.or(setting).unwrap_or(open))
        };
        let low = end(1, "min", f64::NEG_INFINITY)?;
        let high = end(2, "max", f64::INFINITY)?;
        self.each(node, Op::Clip { low, high })
    }

    /// Scales and shifts each channel; one number of either is for all.
    fn affine(&mut self, node: &Node, i: usize, scale: Vec<f64>, shift: Vec<f64>) -> Result<Flow> {
        let flow = self.unpadded(node, i)?.clone();
        let channels = self.kept(&flow)[0];
        let spread = |v: Vec<f64>| {
            if v.len() == 1 {
                return vec![v[0]; channels];
            }
            let View::Shuffled(order) = &flow.view else {
                return v;
            };
            let mut kept = v.clone();
            for (&place, &x) in order.iter().zip(&v) {
                kept[place] = x;
            }
            kept
        };
        let op = Op::Affine {
            scale: spread(scale),
            shift: spread(shift),
        };
        Ok(flow.with(self.push(node, op, &[flow.from])?))
    }

    fn arithmetic(&mut self, node: &Node) -> Result<Flow> {
        if node.attributes.contains_key("axis") || node.attributes.contains_key("broadcast") {
            let got = format!("version {}", self.opset);
            return Err(wrong(node, "operators", "version 7 or newer", got));
        }
        let constants = node.inputs.iter().map(|n| self.constant(n));
        let place = constants.enumerate().find_map(|(i, c)| Some((i, c?)));
        let Some((place, constant)) = place else {
            return self.add(node);
        };
        if node.inputs.len() != 2 {
            let got = node.inputs.len();
            return Err(wrong(node, "inputs", "two where one is constant", got));
        }
        let other = 1 - place;
        let flow = self.unpadded(node, other)?;
        let values = across(constant, &self.seen(flow), flow.channels()).map_err(|got| {
            let expected = "one number for each channel, or one for all";
            wrong(node, "constant", expected, got)
        })?;
        let negative = |v: Vec<f64>| v.into_iter().map(|x| -x).collect();
        let (scale, shift) = match (node.op.as_str(), place) {
            ("Add" | "Sum", _) => (vec![1.0], values),
            ("Sub", 1) => (vec![1.0], negative(values)),
            ("Sub", _) => (vec![-1.0], values),
            ("Mul", _) => (values, vec![0.0]),
            ("Div", 1) => (values.into_iter().map(f64::recip).collect(), vec![0.0]),
            _ => {
                return Err(wrong(
                    node,
                    "operator",
                    "a constant as divisor",
                    "one that is divided",
                ));
            }
        };
        self.affine(node, other, scale, shift)
    }

    /// The sum of values that samples run through.
    fn add(&mut self, node: &Node) -> Result<Flow> {
        if node.op != "Add" && node.op != "Sum" {
            let expected = "a constant as one of two inputs";
            return Err(wrong(node, "operator", expected, "none"));
        }
        let first = self.unpadded(node, 0)?.clone();
        let mut from = Vec::with_capacity(node.inputs.len());
        for i in 0..node.inputs.len() {
            let next = self.unpadded(node, i)?;
            if next.view != first.view {
                let expected = "inputs with their channels in one order";
                return Err(wrong(node, "inputs", expected, "two"));
            }
            from.push(next.from);
        }
        if from.len() == 1 {
            return Ok(first);
        }
        Ok(first.with(self.push(node, Op::Add, &from)?))
    }

    fn batch_norm(&mut self, node: &Node) -> Result<Flow> {
        if attributes::int(node, "training_mode", 0)? != 0 {
            return Err(wrong(node, "mode", "inference", "training"));
        }
        if attributes::int(node, "spatial", 1)? != 1 {
            return Err(wrong(node, "spatial", "1: each channel alike", 0));
        }
        let eps = attributes::float(node, "epsilon")?.unwrap_or(f64::from(1e-5f32));
        let flow = self.unpadded(node, 0)?;
        let channels = self.kept(flow)[0];
        if flow.view == View::Last {
            let got = format!("{:?}", self.seen(flow));
            return Err(wrong(node, "input", "channels first", got));
        }
        let part = |i| match self.numbers(node, i)? {
            v if v.len() == channels => Ok(v),
            v => Err(wrong(
                node,
                "inputs",
                format!("{channels} channels"),
                v.len(),
            )),
        };
        let [scale, shift, mean, variance] = [part(1)?, part(2)?, part(3)?, part(4)?];
        let scale: Vec<f64> = scale
            .iter()
            .zip(&variance)
            .map(|(s, v)| s / (v + eps).sqrt())
            .collect();
        let shift = (0..channels).map(|c| shift[c] - mean[c] * scale[c]);
        let shift = shift.collect();
        self.affine(node, 0, scale, shift)
    }

    fn softmax(&mut self, node: &Node) -> Result<Flow> {
        let rank = self.seen(self.flow(node, 0)?).len() + 1;
        let default = if self.opset < 13 { 1 } else { -1 };
        let along = attributes::int(node, "axis", default)?;
        let along = axis(along, rank).map_err(|e| at(node, e))?;
        if rank != 2 || along != 1 {
            let got = format!("axis {along} of {rank}");
            return Err(wrong(node, "axis", "the one after the batch", got));
        }
        self.each(node, Op::Softmax)
    }
}

/// The numbers of a constant that meets values of a shape (without its batch): one for each channel, or one for all.
fn across(c: &Constant, seen: &[usize], channels: usize) -> std::result::Result<Vec<f64>, String> {
    let numbers = c.floats().map_err(|e| e.to_string())?;
    let all = numbers.iter().all(|&x| x == numbers[0]);
    let bad = || format!("{:?} for {seen:?}", c.shape);
    // Aligned at the last axis; what is left stands before the samples' own axes.
    let more = (seen.len() + 1)
        .checked_sub(c.shape.len())
        .ok_or_else(bad)?;
    let mut shape = vec![1; more];
    shape.extend(&c.shape);
    let fits = |(&have, &want): (&usize, &usize)| have == 1 || have == want;
    if numbers.is_empty() || shape[0] != 1 || !shape[1..].iter().zip(seen).all(fits) {
        return Err(bad());
    }
    if all {
        return Ok(vec![numbers[0]]);
    }
    if shape[channels + 1] != numbers.len() {
        return Err(bad());
    }
    Ok(numbers)
}
