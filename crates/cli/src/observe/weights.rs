//! Weights of a node as a picture that fits their number.

use super::Scene;
use crate::learned::{Image, Learned};
use anyhow::{Result, bail};
use cortado::network::NodeKind;
use cortado_plot::charts::{CELLS, Values, Weights};

/// Tiles of one picture.
const TILES: usize = 40;

/// Names of the nodes that have weights.
pub fn nodes(scene: &Scene) -> Vec<String> {
    let names = scene
        .net
        .params()
        .iter()
        .filter_map(|p| p.name.strip_suffix(".weight"));
    names.map(String::from).collect()
}

/// The weights of a node; of the first that has any if none is named.
///
/// # Errors
/// A node without weights.
pub fn weights(scene: &Scene, node: Option<&str>) -> Result<Weights> {
    let names = nodes(scene);
    let name = match node {
        Some(name) => names.iter().find(|n| *n == name),
        None => names.first(),
    };
    let param = name.and_then(|n| scene.net.param(&format!("{n}.weight")));
    let (Some(name), Some(param)) = (name, param) else {
        bail!(
            "no weights in '{}': there are {}",
            node.unwrap_or("the network"),
            names.join(", ")
        );
    };
    let data: Vec<f64> = param.values().into_iter().map(f64::from).collect();
    let [outputs, inputs] = [0, 1].map(|i| param.shape.get(i).copied().unwrap_or(1));
    let image = image(scene, name, inputs);
    let (what, values) = match (&param.shape[..], image) {
        (&[_, group, h, w], _) => kernels(data, group, [h, w]),
        (_, Some(size)) => fields(data, outputs, size),
        _ if data.len() <= CELLS => {
            let (rows, columns) = ("to neuron".into(), "from input".into());
            (
                format!("{outputs} x {inputs}"),
                Values::Heat {
                    rows,
                    columns,
                    width: inputs,
                    data,
                },
            )
        }
        _ => (format!("{outputs} x {inputs}"), Values::Histogram { data }),
    };
    Ok(Weights {
        title: format!("Weights of {name}: {what}"),
        unit: String::new(),
        values,
    })
}

/// What a local rule has learned, as a picture that fits its shape: images, or how often each value occurs.
pub fn learned(tensor: &Learned) -> Weights {
    let data = tensor.values.clone();
    let (what, values) = match (&tensor.shape[..], tensor.image) {
        (&[_, group, h, w], _) => kernels(data, group, [h, w]),
        (&[inputs, outputs], Some(Image { axis: 0, size })) => {
            let at = |k: usize| data[k % inputs * outputs + k / inputs];
            fields((0..data.len()).map(at).collect(), outputs, size)
        }
        (&[outputs, _], Some(Image { size, .. })) => fields(data, outputs, size),
        (sizes, _) => {
            let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
            (sizes.join(" x "), Values::Histogram { data })
        }
    };
    Weights {
        title: format!("{}: {what}", tensor.name),
        unit: String::new(),
        values,
    }
}

/// Height and width, if the node is the first with weights and takes an image of one channel.
fn image(scene: &Scene, name: &str, inputs: usize) -> Option<[usize; 2]> {
    let mut nodes = scene.net.spec().nodes.iter();
    let first = nodes.find(|n| !matches!(n.kind, NodeKind::Flatten {}))?;
    match scene.test.shape[..] {
        [1, h, w] if first.name == name && h.checked_mul(w) == Some(inputs) && h > 1 && w > 1 => {
            Some([h, w])
        }
        _ => None,
    }
}

/// Kernels, one tile for each pair of channels.
fn kernels(mut data: Vec<f64>, group: usize, size: [usize; 2]) -> (String, Values) {
    let each = size[0] * size[1];
    let all = data.len() / each.max(1);
    let n = all.min(TILES);
    data.truncate(n * each);
    let name = |i: usize| match group {
        1 => format!("{i}"),
        _ => format!("{} from {}", i / group, i % group),
    };
    let what = format!("{n} of {all} kernels");
    (
        what,
        Values::Tiles {
            names: (0..n).map(name).collect(),
            size,
            data,
        },
    )
}

/// What the neurons with the largest weights take from an image.
fn fields(data: Vec<f64>, outputs: usize, size: [usize; 2]) -> (String, Values) {
    let each = size[0] * size[1];
    let field = |j: usize| &data[j * each..(j + 1) * each];
    let norm = |j: usize| field(j).iter().map(|v| v * v).sum::<f64>();
    let mut order: Vec<usize> = (0..outputs).collect();
    order.sort_by(|&a, &b| norm(b).total_cmp(&norm(a)));
    order.truncate((CELLS / 2 / each.max(1)).clamp(1, TILES));
    order.sort_unstable();
    let what = match order.len() < outputs {
        true => format!(
            "the {} of {outputs} neurons with the largest norm",
            order.len()
        ),
        false => format!("{outputs} neurons"),
    };
    let names = order.iter().map(|j| j.to_string()).collect();
    let data = order.iter().flat_map(|&j| field(j).to_vec()).collect();
    (what, Values::Tiles { names, size, data })
}
