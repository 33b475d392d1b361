//! What a local rule has learned, in the folder of its run: `weights.safetensors`.

use anyhow::{Context, Result, bail};
use cortado_base::write_atomic;
use cortado_local::Tensor;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The entry among the file's notes that says which tensors hold images: a JSON object from names to [`Image`].
const IMAGES: &str = "images";

/// Numbers that were learned.
pub struct Learned {
    /// What they are called.
    pub name: String,
    /// Sizes of their axes.
    pub shape: Vec<usize>,
    /// Row by row.
    pub values: Vec<f64>,
    /// The images that they are, if they are.
    pub image: Option<Image>,
}

/// Images in a tensor.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Image {
    /// The axis along which the pixels of an image lie.
    pub axis: usize,
    /// Height and width.
    pub size: [usize; 2],
}

impl Learned {
    /// Whether they lead from something to something else: they have two axes or more, or are called so.
    pub fn is_weights(&self) -> bool {
        let last = self.name.rsplit('.').next().unwrap_or_default();
        let called = ["weight", "weights"].contains(&last);
        !self.values.is_empty() && (called || self.shape.len() > 1)
    }
}

fn place(folder: &Path) -> PathBuf {
    folder.join("weights.safetensors")
}

/// Writes what was learned from samples of a shape.
///
/// # Errors
/// A file that cannot be written.
pub fn save(folder: &Path, learned: &[Tensor], sample: &[usize]) -> Result<()> {
    let image = |t: &Tensor| match (t.inputs, sample) {
        (Some(axis), &[1, h, w]) => Some((t.name.clone(), Image { axis, size: [h, w] })),
        _ => None,
    };
    let images: BTreeMap<String, Image> = learned.iter().filter_map(image).collect();
    let notes = HashMap::from([(IMAGES.to_string(), serde_json::to_string(&images)?)]);
    let bytes: Vec<Vec<u8>> = learned
        .iter()
        .map(|t| t.values.iter().flat_map(|v| v.to_le_bytes()).collect())
        .collect();
    let mut views = Vec::new();
    for (t, bytes) in learned.iter().zip(&bytes) {
        let view = TensorView::new(Dtype::F32, t.shape.clone(), bytes)?;
        views.push((&t.name, view));
    }
    let notes = (!images.is_empty()).then_some(notes);
    write_atomic(&place(folder), &safetensors::serialize(views, notes)?)?;
    Ok(())
}

/// What a run has learned, by name; nothing while it is under way.
///
/// # Errors
/// A file that cannot be read, or holds something else.
pub fn load(folder: &Path) -> Result<Vec<Learned>> {
    let path = place(folder);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&bytes).with_context(|| path.display().to_string())
}

fn parse(bytes: &[u8]) -> Result<Vec<Learned>> {
    let notes = SafeTensors::read_metadata(bytes)?.1.metadata().clone();
    let images = notes.and_then(|mut n| n.remove(IMAGES));
    let images: BTreeMap<String, Image> = match images {
        Some(text) => serde_json::from_str(&text).context(IMAGES)?,
        None => BTreeMap::new(),
    };
    let all = SafeTensors::deserialize(bytes)?;
    let mut names = all.names();
    names.sort_unstable();
    let one = |name: &str| -> Result<Learned> {
        let tensor = all.tensor(name)?;
        let shape = tensor.shape().to_vec();
        if tensor.dtype() != Dtype::F32 {
            bail!("{name}: expected F32, got {:?}", tensor.dtype());
        }
        let image = images.get(name).copied();
        if let Some(Image { axis, size: [h, w] }) = image
            && (shape.len() != 2 || axis > 1 || Some(shape[axis]) != h.checked_mul(w))
        {
            bail!("{name}: expected {h} x {w} numbers along axis {axis} of 2, got {shape:?}");
        }
        let number = |b: &[u8; 4]| f64::from(f32::from_le_bytes(*b));
        let values = tensor.data().as_chunks().0.iter().map(number).collect();
        Ok(Learned {
            name: name.to_string(),
            shape,
            values,
            image,
        })
    };
    names.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_notes_that_do_not_fit_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let weights = |inputs| Tensor {
            name: "weights".into(),
            shape: vec![6, 2],
            values: (0..12u8).map(f32::from).collect(),
            inputs,
        };
        save(folder.path(), &[weights(Some(0))], &[1, 2, 3]).unwrap();
        let all = load(folder.path()).unwrap();
        let image = all[0].image.unwrap();
        assert_eq!((image.axis, image.size), (0, [2, 3]));
        assert_eq!(all[0].shape, [6, 2]);
        assert_eq!(all[0].values, (0..12u8).map(f64::from).collect::<Vec<_>>());
        // Samples of two channels are no images.
        save(folder.path(), &[weights(Some(0))], &[2, 1, 3]).unwrap();
        assert!(load(folder.path()).unwrap()[0].image.is_none());
        for (inputs, sample) in [(1, [1, 2, 3]), (2, [1, 2, 3]), (2, [1, usize::MAX, 2])] {
            save(folder.path(), &[weights(Some(inputs))], &sample).unwrap();
            let error = format!("{:#}", load(folder.path()).err().unwrap());
            assert!(error.contains("weights: expected"), "{error}");
        }
    }
}
