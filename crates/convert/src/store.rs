//! Networks in safetensors files: weights under their names, and what they are weights of as JSON in the file's header.
//!
//! Any reader of safetensors finds the tensors. The header's entry `cortado.ann` holds an artificial network without its weights, with
//! `cortado.code` what its spikes' times tell; `cortado.network` holds the specification of a spiking one.

use crate::ann::{Ann, Builder, Layer, Op};
use crate::{Error, Result};
use cortado::network::Network;
use cortado_base::write_atomic;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// What the times of spikes tell, see [`crate::coded`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Code {
    /// Binary digits.
    FewSpikes {
        /// Their number.
        steps: usize,
        /// The largest number that each layer tells, where it is a unit.
        largest: Vec<Option<f64>>,
    },
    /// Times to the first spike.
    FirstSpike {
        /// The largest number that the input tells.
        input: f64,
        /// As above.
        largest: Vec<Option<f64>>,
    },
}

/// The layers of a network, their weights apart.
#[derive(Serialize, Deserialize)]
struct Form {
    input: Vec<usize>,
    layers: Vec<Layer>,
}

/// The header's entries.
const ANN: &str = "cortado.ann";
const CODE: &str = "cortado.code";
const NETWORK: &str = "cortado.network";

/// Writes an artificial network, its numbers as `f64`, with a code if it has one.
///
/// # Errors
/// A clip with an open end, which JSON cannot say; those of the operating system.
pub fn write_ann(path: &Path, ann: &Ann, code: Option<&Code>) -> Result<()> {
    let mut tensors = BTreeMap::new();
    for layer in &ann.layers {
        if let Op::Clip { low, high } = layer.op
            && !(low.is_finite() && high.is_finite())
        {
            let at = format!("layer '{}'", layer.name);
            return Err(Error::invalid(
                "clip",
                at,
                "two ends",
                format!("{low} to {high}"),
            ));
        }
        for (part, numbers) in layer.op.numbers() {
            let bytes: Vec<u8> = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
            let shape = shape(ann, layer, part, numbers.len());
            tensors.insert(format!("{}.{part}", layer.name), (Dtype::F64, shape, bytes));
        }
    }
    let form = Form {
        input: ann.input.clone(),
        layers: ann.layers.clone(),
    };
    let mut header = HashMap::from([(ANN.to_string(), text(path, &form)?)]);
    if let Some(code) = code {
        header.insert(CODE.into(), text(path, code)?);
    }
    write(path, tensors, header)
}

/// Reads what [`write_ann`] wrote; every shape is checked again.
///
/// # Errors
/// A file that cannot be read, is damaged, or holds no artificial network.
pub fn read_ann(path: &Path) -> Result<(Ann, Option<Code>)> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("cannot read", path, e))?;
    let wrong = |expected: &str, got: &dyn std::fmt::Display| {
        Error::invalid("file", path.display().to_string(), expected, got)
    };
    let (_, head) = SafeTensors::read_metadata(&bytes).map_err(|e| wrong("safetensors", &e))?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|e| wrong("safetensors", &e))?;
    let entry = |name: &str| head.metadata().as_ref().and_then(|m| m.get(name));
    let form = entry(ANN).ok_or_else(|| {
        wrong(
            "an artificial network of Cortado",
            &format!("no entry {ANN}"),
        )
    })?;
    let form: Form = serde_json::from_str(form).map_err(|e| wrong("a list of layers", &e))?;
    let mut builder = Builder::new(&form.input)?;
    for mut layer in form.layers {
        for (part, numbers) in layer.op.numbers_mut() {
            let name = format!("{}.{part}", layer.name);
            let tensor = tensors
                .tensor(&name)
                .map_err(|e| wrong("a tensor for each layer with weights", &e))?;
            if tensor.dtype() != Dtype::F64 {
                return Err(wrong(
                    "numbers of type F64",
                    &format!("{name} of {:?}", tensor.dtype()),
                ));
            }
            let (words, _) = tensor.data().as_chunks::<8>();
            *numbers = words.iter().map(|b| f64::from_le_bytes(*b)).collect();
        }
        match (&layer.op, &layer.from[..]) {
            (Op::Reshape, [from]) => builder.reshape(&layer.name, *from, &layer.shape)?,
            _ => builder.push(&layer.name, layer.op, &layer.from)?,
        };
    }
    let code = entry(CODE).map(|c| serde_json::from_str(c)).transpose();
    Ok((builder.finish()?, code.map_err(|e| wrong("a code", &e))?))
}

/// Writes the weights of a spiking network under their names, as `f32`.
///
/// # Errors
/// Those of the operating system.
pub fn write_network(path: &Path, network: &Network<f32>) -> Result<()> {
    let all = network.params().iter().chain(network.buffers());
    let tensor = |p: &cortado::network::Param<f32>| {
        let bytes = p.values().iter().flat_map(|v| v.to_le_bytes()).collect();
        (p.name.clone(), (Dtype::F32, p.shape.clone(), bytes))
    };
    let spec = text(path, network.spec())?;
    write(
        path,
        all.map(tensor).collect(),
        HashMap::from([(NETWORK.to_string(), spec)]),
    )
}

/// Shape of a tensor.
fn shape(ann: &Ann, layer: &Layer, part: &str, count: usize) -> Vec<usize> {
    let input = ann.shape(layer.from[0]);
    match (&layer.op, part) {
        (Op::Linear { bias, .. }, "weight") => vec![bias.len(), input[0]],
        (
            Op::Conv2d {
                bias,
                window,
                groups,
                ..
            },
            "weight",
        ) => {
            vec![
                bias.len(),
                input[0] / groups,
                window.kernel[0],
                window.kernel[1],
            ]
        }
        _ => vec![count],
    }
}

fn text(path: &Path, value: &impl Serialize) -> Result<String> {
    let wrong = |e| {
        Error::invalid(
            "network",
            path.display().to_string(),
            "what JSON can say",
            e,
        )
    };
    serde_json::to_string(value).map_err(wrong)
}

fn write(
    path: &Path,
    tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
    header: HashMap<String, String>,
) -> Result<()> {
    let wrong = |e| {
        Error::invalid(
            "tensors",
            path.display().to_string(),
            "what safetensors can hold",
            e,
        )
    };
    let mut views = BTreeMap::new();
    for (name, (dtype, shape, bytes)) in &tensors {
        views.insert(
            name,
            TensorView::new(*dtype, shape.clone(), bytes).map_err(wrong)?,
        );
    }
    let bytes = safetensors::serialize(&views, Some(header)).map_err(wrong)?;
    write_atomic(path, &bytes)
}
