//! `cortado inspect`: what a folder or a file holds, recognised by its content.

mod data;
mod model;
mod show;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Arguments of `cortado inspect`.
#[derive(clap::Args)]
#[command(after_help = "\
Recognised: a run folder, a checkpoint folder or its manifest, a recipe in TOML, safetensors, IDX images and labels \
(as they are or in gzip), .npy, .npz, WAV, the header of a WFDB record, HDF5 in the layout of SHD. The name of a file does \
not matter.

Keys of --json: kind, path and bytes for all; a run has recipe, epochs, result and checkpoint; a checkpoint has version, \
format, dtype, steps, epochs, seed, input, convention, network, intact, parameters (name, shape, count, min, mean, max, \
zeros, non_finite); a recipe has recipe; an array has type, shape, count, min, mean, max, zeros, \
non_finite, a sound and a signal of a record these of their values.")]
pub struct Args {
    /// A folder or a file
    path: PathBuf,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// What was found: as JSON, and tables for people besides.
struct Found {
    value: Value,
    /// Text in front of what `value` says.
    text: String,
    /// Keys of `value` that `text` says already.
    said: &'static [&'static str],
}

impl Found {
    fn plain(kind: &str, mut value: Value) -> Self {
        value["kind"] = json!(kind);
        Self {
            value,
            text: String::new(),
            said: &[],
        }
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let mut found = look(&args.path)?;
    found.value["path"] = json!(args.path.display().to_string());
    found.value["bytes"] = json!(size(&args.path)?);
    let mut out = std::io::stdout();
    if args.json {
        writeln!(out, "{}", found.value)?;
        return Ok(());
    }
    write!(out, "{}{}", show::head(&found.value), found.text)?;
    write!(out, "{}", show::rest(&found.value, found.said))?;
    Ok(())
}

fn look(path: &Path) -> Result<Found> {
    let kind =
        std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if kind.is_dir() {
        if path.join("recipe.toml").exists() {
            return model::run(path);
        }
        if path.join("manifest.json").exists() {
            return model::checkpoint(path);
        }
        bail!(
            "{}: expected a run (with recipe.toml) or a checkpoint (with manifest.json), got a folder with neither",
            path.display()
        );
    }
    let head = head(path)?;
    file(path, &head).with_context(|| path.display().to_string())
}

fn file(path: &Path, head: &[u8]) -> Result<Found> {
    match head {
        [0x1f, 0x8b, ..] => data::idx(path),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => data::npy(path),
        [b'P', b'K', ..] => data::npz(path),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'A',
            b'V',
            b'E',
            ..,
        ] => data::wav(path),
        [0x89, b'H', b'D', b'F', ..] => data::hdf5(path),
        [0, 0, 8..=14, 1..=8, ..] => data::idx(path),
        [_, _, _, _, _, _, _, _, b'{', ..] if head[3..8] == [0; 5] => model::numbers(path),
        [b'{', ..] => model::manifest(path),
        _ if data::is_wfdb(head) => data::wfdb(path),
        // A block for the user may stand in front of HDF5.
        _ if is_hdf5(path)? => data::hdf5(path),
        _ => model::recipe(path)
            .context("expected a recipe or a kind of data that --help names; read as a recipe"),
    }
}

/// Whether the signature of HDF5 stands at 512, 1024, 2048, ... bytes.
fn is_hdf5(path: &Path) -> Result<bool> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut at = 512;
    while at + 8 <= length {
        let mut word = [0; 8];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut word)?;
        if word == *b"\x89HDF\r\n\x1a\n" {
            return Ok(true);
        }
        at *= 2;
    }
    Ok(false)
}

/// The first bytes of a file.
fn head(path: &Path) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    file.take(256)
        .read_to_end(&mut head)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(head)
}

/// Bytes on disk: of a folder, those of all its files; links are not followed.
fn size(path: &Path) -> Result<u64> {
    let kind = path
        .symlink_metadata()
        .with_context(|| format!("cannot read {}", path.display()))?;
    if !kind.is_dir() {
        return Ok(path.metadata().map_or(kind.len(), |m| m.len()));
    }
    let mut sum = 0;
    for entry in
        std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?
    {
        let entry = entry?;
        let link = entry.file_type()?.is_symlink();
        sum += if link { 0 } else { size(&entry.path())? };
    }
    Ok(sum)
}

/// Smallest, mean and largest of the finite values, the number of zeros, and of values that are not finite.
#[derive(Default)]
struct Stats {
    count: u64,
    finite: u64,
    zeros: u64,
    sum: f64,
    range: Option<(f64, f64)>,
}

impl Stats {
    fn add(&mut self, v: f64) {
        self.count += 1;
        if !v.is_finite() {
            return;
        }
        self.finite += 1;
        self.zeros += u64::from(v == 0.0);
        self.sum += v;
        let (low, high) = self.range.unwrap_or((v, v));
        self.range = Some((low.min(v), high.max(v)));
    }

    fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut stats = Self::default();
        values.into_iter().for_each(|v| stats.add(v));
        stats
    }

    /// As keys of a JSON object.
    fn put(&self, value: &mut Value) {
        let mean = (self.finite > 0).then(|| self.sum / self.finite as f64);
        value["count"] = json!(self.count);
        value["min"] = json!(self.range.map(|r| r.0));
        value["mean"] = json!(mean);
        value["max"] = json!(self.range.map(|r| r.1));
        value["zeros"] = json!(self.zeros);
        value["non_finite"] = json!(self.count - self.finite);
    }
}
