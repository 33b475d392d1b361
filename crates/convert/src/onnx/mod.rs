//! Trained networks from ONNX files, as PyTorch (both exporters), Keras and tf2onnx write them; trained networks and steps
//! of spiking networks as ONNX models.
//!
//! What is worked out from constants alone (shapes, weights that are turned or scaled) is worked out; dropout and casts fall
//! away; a batch is any number of samples. Everything else is a layer or an error that names the node and its operator.

mod attributes;
mod constant;
mod export;
mod flow;
mod fold;
mod graph;
mod images;
mod importer;
mod ops;
mod shapes;
mod step;

pub use export::export;
pub use step::{Given, State, Step, step};

use crate::ann::{Ann, Builder, Source};
use crate::{Error, Result};
use cortado_interop::onnx::{Dim, Model, Node};
use std::path::Path;

/// Version of the standard operators in which models are written.
pub const OPSET: i64 = 17;

/// A network from a file.
///
/// # Errors
/// As [`Model::read`] and [`import`].
pub fn read(path: &Path) -> Result<Ann> {
    import(&Model::read(path)?)
}

/// A network from a model.
///
/// Images with the channels last are taken with the channels first where the model turns them so itself: then the samples of
/// the network are `[channels, height, width]`, as all of Cortado's.
///
/// # Errors
/// An operator, or a use of one, that is not known, by node; values that nothing gives, a loop, several inputs or outputs,
/// shapes that are open but for the batch.
pub fn import(model: &Model) -> Result<Ann> {
    let order = graph::order(model)?;
    let input = graph::input(model)?;
    let (mut shape, batch) = sample(input)?;
    let last = shape.len() == 3 && graph::channels_last(model, &input.name, &order);
    if last {
        shape.rotate_right(1);
    }
    let mut builder = importer::Importer::new(model, Builder::new(&shape)?, batch)?;
    builder.start(&input.name, last);
    for &at in &order {
        builder.take(&model.nodes[at])?;
    }
    let (ann, output) = builder.finish(&model.outputs[0].name)?;
    Ok(pruned(ann, output))
}

/// Shape of a sample, and the number of samples if the file fixes it.
fn sample(input: &cortado_interop::onnx::Port) -> Result<(Vec<usize>, Option<usize>)> {
    let wrong = |got: String| {
        let at = format!("input '{}'", input.name);
        let expected = "[batch, n] or [batch, channels, height, width], all known but the batch";
        Error::invalid("shape", at, expected, got)
    };
    let Some([batch, rest @ ..]) = input.shape.as_deref() else {
        return Err(wrong("none".into()));
    };
    let known = rest.iter().map(|d| match d {
        Dim::Known(n) => Some(*n),
        Dim::Open(_) => None,
    });
    let Some(rest) = known.collect::<Option<Vec<_>>>() else {
        return Err(wrong(format!("{:?}", input.shape)));
    };
    let batch = match batch {
        Dim::Known(n) => Some(*n),
        Dim::Open(_) => None,
    };
    Ok((rest, batch))
}

/// The network without what its output does not need.
fn pruned(mut ann: Ann, output: usize) -> Ann {
    let mut needed = vec![false; ann.layers.len()];
    needed[output] = true;
    for i in (0..=output).rev() {
        for from in &ann.layers[i].from {
            if let (true, Source::Layer(j)) = (needed[i], from) {
                needed[*j] = true;
            }
        }
    }
    let mut place = Vec::with_capacity(needed.len());
    let mut count = 0;
    for &n in &needed {
        place.push(count);
        count += usize::from(n);
    }
    let mut keep = needed.iter();
    ann.layers.retain(|_| *keep.next().unwrap_or(&false));
    for from in ann.layers.iter_mut().flat_map(|l| &mut l.from) {
        if let Source::Layer(j) = from {
            *j = place[*j];
        }
    }
    ann
}

/// An error at a node.
fn wrong(
    node: &Node,
    what: &'static str,
    expected: impl Into<String>,
    got: impl ToString,
) -> Error {
    let at = format!("node '{}' ({})", node.title(), node.op);
    Error::invalid(what, at, expected, got)
}
