//! Checkpoints: a training run on disk, whole or not at all.
//!
//! A checkpoint is a folder with a manifest (JSON) and one file of numbers (safetensors) that the manifest names, with
//! its SHA-256. The numbers are written first and under a new name, then the manifest takes the place of the old one in
//! one step: a process that is killed, or a disk that is full, leaves the checkpoint before.

use super::{BatchReport, Fit, FitSpec, Optimizer};
use crate::network::{Network, NetworkSpec, Param};
use crate::neuron::Lanes;
use crate::{Error, Result, write_atomic};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the manifest in a checkpoint's folder.
const MANIFEST: &str = "manifest.json";

/// The layout of a checkpoint.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    version: String,
    dtype: String,
    /// Shape of an input.
    input: Vec<usize>,
    seed: u64,
    network: NetworkSpec,
    fit: FitSpec,
    /// Steps of the optimiser.
    steps: u64,
    /// The epoch under way.
    sum: BatchReport,
    /// What the caller put in.
    note: serde_json::Value,
    numbers: String,
    sha256: String,
}

fn dtype<R>() -> Dtype {
    if size_of::<R>() == 4 {
        Dtype::F32
    } else {
        Dtype::F64
    }
}

fn digest(bytes: &[u8]) -> String {
    let sum = Sha256::digest(bytes);
    sum.iter().map(|b| format!("{b:02x}")).collect()
}

fn wrong(path: &Path, expected: impl Into<String>, got: impl ToString) -> Error {
    Error::invalid("checkpoint", path.display().to_string(), expected, got)
}

impl<R: Lanes> Fit<R> {
    /// The trained numbers, the running statistics and the moments of the optimiser, each under its name.
    fn tensors(&self) -> BTreeMap<String, (&Param<R>, &[R])> {
        let net = &self.net;
        let own = net.params.iter().chain(&net.buffers);
        let mut all: BTreeMap<_, _> = own.map(|p| (p.name.clone(), (p, &p.data[..]))).collect();
        for (order, moments) in ["first", "second"].iter().zip(&self.optimizer.moments) {
            for (p, m) in net.params.iter().zip(moments) {
                all.insert(format!("optimizer.{order}/{}", p.name), (p, &m[..]));
            }
        }
        all
    }

    /// Writes a checkpoint into `folder`, in place of the one there; `note` comes back from [`Fit::load`].
    ///
    /// # Errors
    /// Those of the operating system; the checkpoint before is then still there.
    pub fn save(&self, folder: &Path, note: serde_json::Value) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("cannot create", folder, e))?;
        let mut data = BTreeMap::new();
        for (name, (param, numbers)) in self.tensors() {
            let mut bytes = Vec::with_capacity(param.count() * size_of::<R>());
            param
                .values_of(numbers)
                .iter()
                .for_each(|v| v.put(&mut bytes));
            data.insert(name, (param.shape.clone(), bytes));
        }
        let mut views = BTreeMap::new();
        for (name, (shape, bytes)) in &data {
            let view = TensorView::new(dtype::<R>(), shape.clone(), bytes);
            views.insert(name, view.map_err(|e| wrong(folder, "tensors", e))?);
        }
        let bytes =
            safetensors::serialize(&views, None).map_err(|e| wrong(folder, "tensors", e))?;
        let manifest = Manifest {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            dtype: format!("{:?}", dtype::<R>()),
            input: self.net.nodes[0].shape.dims.clone(),
            seed: self.net.seed,
            network: self.net.spec.clone(),
            fit: self.spec.clone(),
            steps: self.optimizer.steps(),
            sum: self.sum,
            note,
            numbers: format!("numbers-{}.safetensors", self.optimizer.steps()),
            sha256: digest(&bytes),
        };
        write_atomic(&folder.join(&manifest.numbers), &bytes)?;
        let text =
            serde_json::to_string_pretty(&manifest).map_err(|e| wrong(folder, "a manifest", e))?;
        write_atomic(&folder.join(MANIFEST), text.as_bytes())?;
        // What an older manifest named is of no use any more; that it cannot be removed does no harm.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("numbers-") && name != manifest.numbers {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    /// The run that [`Fit::save`] wrote, ready for the next step, and the note.
    ///
    /// # Errors
    /// A file that is missing, cut short or changed; another format or number type; numbers that do not fit.
    pub fn load(folder: &Path) -> Result<(Self, serde_json::Value)> {
        let path = folder.join(MANIFEST);
        let text =
            std::fs::read_to_string(&path).map_err(|e| Error::io("cannot read", &path, e))?;
        let m: Manifest = serde_json::from_str(&text).map_err(|e| wrong(&path, "a manifest", e))?;
        if m.format != FORMAT {
            return Err(wrong(&path, format!("format {FORMAT}"), m.format));
        }
        let own = format!("{:?}", dtype::<R>());
        if m.dtype != own {
            return Err(wrong(&path, own, m.dtype));
        }
        if Path::new(&m.numbers).file_name() != Some(m.numbers.as_ref()) {
            return Err(wrong(&path, "a file beside the manifest", m.numbers));
        }
        let path = folder.join(&m.numbers);
        let bytes = std::fs::read(&path).map_err(|e| Error::io("cannot read", &path, e))?;
        let sum = digest(&bytes);
        if sum != m.sha256 {
            return Err(wrong(&path, format!("SHA-256 {}", m.sha256), sum));
        }
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| wrong(&path, "tensors", e))?;
        let mut net = Network::<R>::new(&m.input, &m.network, m.seed)?;
        let mut optimizer = Optimizer::new(m.fit.optimizer, &net)?;
        optimizer.steps = m.steps;
        let read = |name: &str, like: &Param<R>| -> Result<Param<R>> {
            let tensor = tensors.tensor(name).map_err(|e| wrong(&path, name, e))?;
            if tensor.shape() != like.shape || tensor.dtype() != dtype::<R>() {
                let expected = format!("{name} of shape {:?}", like.shape);
                return Err(wrong(&path, expected, format!("{:?}", tensor.shape())));
            }
            let numbers: Vec<R> = tensor
                .data()
                .chunks_exact(size_of::<R>())
                .map(R::get)
                .collect();
            let mut param = like.clone();
            param.data.fill(R::ZERO);
            param.set(&numbers)?;
            Ok(param)
        };
        for k in 0..net.params.len() {
            let like = net.params[k].clone();
            for (order, moments) in ["first", "second"].iter().zip(&mut optimizer.moments) {
                moments[k] = read(&format!("optimizer.{order}/{}", like.name), &like)?.data;
            }
            net.params[k] = read(&like.name, &like)?;
        }
        for k in 0..net.buffers.len() {
            net.buffers[k] = read(&net.buffers[k].name, &net.buffers[k])?;
        }
        net.refresh();
        let mut fit = Fit::new(net, m.fit)?;
        fit.optimizer = optimizer;
        fit.sum = m.sum;
        Ok((fit, m.note))
    }
}
