//! Out: a trained network as an ONNX model.

use super::OPSET;
use crate::ann::{Ann, Layer, Op, Source, Window};
use cortado_interop::onnx::{Attribute, Data, Dim, Element, Model, Node, Port, Tensor};
use std::collections::HashSet;

/// A network as a model that other tools run: one node for a layer, several for a scale with a shift or a quantised unit;
/// numbers in `f32`, any number of samples.
///
/// [`import`](super::import) gives the network back, but for quantised units, whose `Floor` it does not know.
///
/// ```
/// use cortado_convert::{ann::{Builder, Op, Source}, onnx};
/// let mut b = Builder::new(&[2]).unwrap();
/// let fc = Op::Linear { weight: vec![1., 2.], bias: vec![0.5] };
/// let fc = b.push("fc", fc, &[Source::Input]).unwrap();
/// b.push("relu", Op::Relu, &[fc]).unwrap();
/// let ann = b.finish().unwrap();
/// assert_eq!(onnx::import(&onnx::export(&ann)).unwrap(), ann);
/// ```
pub fn export(ann: &Ann) -> Model {
    let mut w = Writer {
        model: Model {
            ir_version: 8,
            opset: OPSET,
            producer: "cortado".into(),
            name: "network".into(),
            ..Model::default()
        },
        taken: ann.layers.iter().map(|l| l.name.clone()).collect(),
    };
    let input = w.fresh("input");
    w.model.inputs.push(port(&input, &ann.input));
    for layer in &ann.layers {
        let name = |from: &Source| match from {
            Source::Input => input.clone(),
            Source::Layer(i) => ann.layers[*i].name.clone(),
        };
        let from: Vec<String> = layer.from.iter().map(name).collect();
        w.layer(layer, from);
    }
    if let Some(last) = ann.layers.last() {
        w.model.outputs.push(port(&last.name, &last.shape));
    }
    w.model
}

struct Writer {
    model: Model,
    taken: HashSet<String>,
}

impl Writer {
    /// The name, longer where it is taken.
    fn fresh(&mut self, name: &str) -> String {
        let mut name = name.to_string();
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    fn store(&mut self, name: &str, shape: Vec<usize>, data: Data) -> String {
        let name = self.fresh(name);
        // The shapes of a network were checked when it was built.
        if let Ok(tensor) = Tensor::new(shape, data) {
            self.model.tensors.insert(name.clone(), tensor);
        }
        name
    }

    fn numbers(&mut self, name: &str, shape: Vec<usize>, list: &[f64]) -> String {
        let list = list.iter().map(|&x| x as f32).collect();
        self.store(name, shape, Data::F32(list))
    }

    fn node(
        &mut self,
        op: &str,
        inputs: Vec<String>,
        output: &str,
        settings: &[(&str, Attribute)],
    ) {
        let settings = settings.iter().map(|(k, v)| (k.to_string(), v.clone()));
        self.model.nodes.push(Node {
            name: output.into(),
            op: op.into(),
            domain: String::new(),
            inputs,
            outputs: vec![output.into()],
            attributes: settings.collect(),
        });
    }

    fn layer(&mut self, layer: &Layer, mut from: Vec<String>) {
        let name = layer.name.as_str();
        let own = |part: &str| format!("{name}.{part}");
        match &layer.op {
            Op::Linear { weight, bias } => {
                let shape = vec![bias.len(), weight.len() / bias.len()];
                from.push(self.numbers(&own("weight"), shape, weight));
                from.push(self.numbers(&own("bias"), vec![bias.len()], bias));
                self.node("Gemm", from, name, &[("transB", Attribute::Int(1))]);
            }
            Op::Conv2d {
                weight,
                bias,
                window,
                dilation,
                groups,
            } => {
                let [h, w] = window.kernel;
                let shape = vec![bias.len(), weight.len() / (bias.len() * h * w), h, w];
                from.push(self.numbers(&own("weight"), shape, weight));
                from.push(self.numbers(&own("bias"), vec![bias.len()], bias));
                let mut settings = window_settings(window);
                settings.push(("dilations", ints(dilation)));
                settings.push(("group", Attribute::Int(*groups as i64)));
                self.node("Conv", from, name, &settings);
            }
            Op::Affine { scale, shift } => {
                let mut shape = vec![1; layer.shape.len()];
                shape[0] = scale.len();
                from.push(self.numbers(&own("scale"), shape.clone(), scale));
                let scaled = self.fresh(&own("scaled"));
                self.node("Mul", from, &scaled, &[]);
                let shift = self.numbers(&own("shift"), shape, shift);
                self.node("Add", vec![scaled, shift], name, &[]);
            }
            Op::Relu => self.node("Relu", from, name, &[]),
            Op::Clip { low, high } => {
                for (part, end) in [("low", *low), ("high", *high)] {
                    from.push(match end.is_finite() {
                        true => self.numbers(&own(part), vec![], &[end]),
                        false => String::new(),
                    });
                }
                self.node("Clip", from, name, &[]);
            }
            Op::LeakyRelu { slope } => {
                self.node(
                    "LeakyRelu",
                    from,
                    name,
                    &[("alpha", Attribute::Float(*slope as f32))],
                );
            }
            Op::Qcfs { ceiling, levels } => {
                let levels = *levels as f64;
                let steps = [
                    ("Mul", "levels", vec![levels / ceiling]),
                    ("Add", "half", vec![0.5]),
                    ("Floor", "whole", vec![]),
                    ("Clip", "clipped", vec![0.0, levels]),
                ];
                for (op, part, numbers) in steps {
                    for x in numbers {
                        from.push(self.numbers(&own("number"), vec![], &[x]));
                    }
                    let to = self.fresh(&own(part));
                    self.node(op, from, &to, &[]);
                    from = vec![to];
                }
                from.push(self.numbers(&own("number"), vec![], &[ceiling / levels]));
                self.node("Mul", from, name, &[]);
            }
            Op::MaxPool2d(window) => self.node("MaxPool", from, name, &window_settings(window)),
            Op::AvgPool2d {
                window,
                count_padding,
            } => {
                let mut settings = window_settings(window);
                settings.push((
                    "count_include_pad",
                    Attribute::Int(i64::from(*count_padding)),
                ));
                self.node("AveragePool", from, name, &settings);
            }
            Op::Reshape => {
                let shape = layer.shape.iter().map(|&n| n as i64);
                let shape: Vec<i64> = std::iter::once(-1).chain(shape).collect();
                from.push(self.store(&own("shape"), vec![shape.len()], Data::I64(shape)));
                self.node("Reshape", from, name, &[]);
            }
            Op::Add => self.node("Sum", from, name, &[]),
            Op::Softmax => self.node("Softmax", from, name, &[("axis", Attribute::Int(-1))]),
        }
    }
}

fn window_settings(window: &Window) -> Vec<(&'static str, Attribute)> {
    vec![
        ("kernel_shape", ints(&window.kernel)),
        ("strides", ints(&window.stride)),
        ("pads", ints(&window.padding)),
    ]
}

pub(super) fn ints(list: &[usize]) -> Attribute {
    Attribute::Ints(list.iter().map(|&i| i as i64).collect())
}

/// A value of `f32` for any number of samples.
pub(super) fn port(name: &str, shape: &[usize]) -> Port {
    let batch = Dim::Open("batch".into());
    let rest = shape.iter().map(|&n| Dim::Known(n));
    Port {
        name: name.into(),
        element: Some(Element::F32),
        shape: Some(std::iter::once(batch).chain(rest).collect()),
    }
}
