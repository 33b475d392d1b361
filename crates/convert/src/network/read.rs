//! Back: from a network of units without time to its layers.

use crate::ann::{Ann, Builder, Op, Source, Window};
use crate::{Error, Result};
use cortado::network::{EdgeSpec, Network, NodeKind, Values};

/// The artificial network that a network of units without time is.
///
/// # Errors
/// A node that is no part of an artificial network, with its name: a neuron with time, a delay, a loop.
pub fn read(network: &Network<f32>) -> Result<Ann> {
    let mut builder = Builder::new(network.input_shape())?;
    let mut known: Vec<(&str, Source)> = vec![("input", Source::Input)];
    let nodes = &network.spec().nodes;
    for (i, node) in nodes.iter().enumerate() {
        let refuse = |expected: &str, got: &str| {
            Error::invalid("node", format!("'{}'", node.name), expected, got)
        };
        let before = [EdgeSpec::Node(
            i.checked_sub(1)
                .map_or("input".into(), |i| nodes[i].name.clone()),
        )];
        let mut from = Vec::new();
        for edge in node.from.as_deref().unwrap_or(&before) {
            let EdgeSpec::Node(name) = edge else {
                return Err(refuse("edges without delay", "a delay"));
            };
            let source = known.iter().find(|k| k.0 == name);
            from.push(source.ok_or_else(|| refuse("nodes before it", "a loop"))?.1);
        }
        let values = |part: &str| -> Option<Vec<f64>> {
            let p = network.param(&format!("{}.{part}", node.name))?;
            Some(p.values().iter().map(|&v| f64::from(v)).collect())
        };
        let weight = || values("weight").unwrap_or_default();
        let bias = |n: usize| values("bias").unwrap_or_else(|| vec![0.0; n]);
        let window = |w: &cortado::network::Window| Window {
            kernel: w.kernel.get(),
            stride: w.stride.unwrap_or(w.kernel).get(),
            padding: [0; 4],
        };
        let mut push = |op: Op, from: &[Source]| builder.push(&node.name, op, from);
        let source = match &node.kind {
            NodeKind::Linear {
                delays: Some(_), ..
            } => return Err(refuse("no delays", "delays")),
            NodeKind::Linear { .. } => {
                let weight = weight();
                let inputs: usize = builder.shape(from[0]).iter().product();
                let n = weight.len() / inputs.max(1);
                let bias = bias(n);
                builder.push(&node.name, Op::Linear { weight, bias }, &from)?
            }
            NodeKind::Conv2d {
                channels,
                kernel,
                stride,
                padding,
                groups,
                ..
            } => {
                let [y, x] = padding.get();
                let op = Op::Conv2d {
                    weight: weight(),
                    bias: bias(*channels),
                    window: Window {
                        kernel: kernel.get(),
                        stride: stride.get(),
                        padding: [y, x, y, x],
                    },
                    dilation: [1, 1],
                    groups: *groups,
                };
                push(op, &from)?
            }
            NodeKind::MaxPool2d(w) | NodeKind::GatedMaxPool2d(w) => {
                push(Op::MaxPool2d(window(w)), &from)?
            }
            NodeKind::AvgPool2d(w) => {
                let op = Op::AvgPool2d {
                    window: window(w),
                    count_padding: true,
                };
                push(op, &from)?
            }
            NodeKind::SumPool2d(_) => return Err(refuse("a mean or a maximum", "sum_pool2d")),
            NodeKind::Flatten {} => {
                let n = builder.shape(from[0]).iter().product();
                builder.reshape(&node.name, from[0], &[n])?
            }
            NodeKind::BatchNorm { epsilon, .. } => {
                let of = |part: &str| values(part).unwrap_or_default();
                let (gamma, beta, mean, var) =
                    (weight(), of("bias"), of("running_mean"), of("running_var"));
                let scale: Vec<f64> = gamma
                    .iter()
                    .zip(&var)
                    .map(|(g, v)| g / (v + epsilon).sqrt())
                    .collect();
                let shift = (0..scale.len())
                    .map(|i| beta[i] - mean[i] * scale[i])
                    .collect();
                push(Op::Affine { scale, shift }, &from)?
            }
            NodeKind::Dropout { .. } => from[0],
            NodeKind::Population { neuron, params, .. } => {
                let input = match &from[..] {
                    [one] => *one,
                    many => builder.push(&format!("{}.sum", node.name), Op::Add, many)?,
                };
                let number = |name: &str, default: f64| {
                    let trained = values(&format!("ln_{name}")).map(|v| v[0].exp());
                    trained.or(match params.get(name) {
                        Some(Values::One(v)) => Some(*v),
                        None => Some(default),
                        _ => None,
                    })
                };
                match neuron.as_str() {
                    "relu" => builder.push(&node.name, Op::Relu, &[input])?,
                    "qcfs" => {
                        let (Some(ceiling), Some(levels)) =
                            (number("ceiling", 8.0), number("levels", 4.0))
                        else {
                            return Err(refuse("one ceiling for all units", "one for each"));
                        };
                        let op = Op::Qcfs {
                            ceiling,
                            levels: levels as usize,
                        };
                        builder.push(&node.name, op, &[input])?
                    }
                    "i" | "li" if i + 1 == nodes.len() => input,
                    other => return Err(refuse("relu or qcfs; i or li as the readout", other)),
                }
            }
        };
        known.push((&node.name, source));
    }
    builder.finish()
}
