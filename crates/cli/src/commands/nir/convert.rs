//! `cortado nir convert`.

use super::reading::Reading;
use crate::commands::run::model::{Model, checkpoint};
use anyhow::{Result, bail};
use cortado_convert::nir::{Fed, Report, export};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments of `cortado nir convert`.
#[derive(clap::Args)]
#[command(after_help = "\
To OUT.nir from the folder of a run or of a checkpoint, or from another NIR file; to a folder, from a NIR file, a checkpoint that \
`run`, `inspect` and `cost` take. A graph is exact under forward Euler at the network's step, a spike being a current of 1 for \
one step; what NIR cannot say stands in metadata, from which Cortado reads the network back as it was.

Keys of --json: from, to, and lines as of `nir check`.")]
pub struct Args {
    /// A NIR file, or the folder of a run or of a checkpoint
    source: PathBuf,
    /// A file that ends with .nir, or a folder that is not there yet
    target: PathBuf,
    /// Step of the clock in seconds
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    dt: Option<f64>,
    /// What the network is fed with, where currents count unlike spikes
    #[arg(long, value_name = "KIND", value_parser = ["spikes", "currents"], default_value = "spikes")]
    input: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: Reading,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let (source, target) = (args.source.display(), args.target.display());
    let mut report = Report::default();
    let model = Model::load(&args.source, args.dt, &args.reading)?;
    if let Some(read) = model.report {
        report.lines.extend(read.lines);
    }
    if is_nir(&args.target) {
        let fed = match args.input.as_str() {
            "currents" => Fed::Currents,
            _ => Fed::Spikes,
        };
        let exported = export(&model.net, fed)?;
        exported.file.write(&args.target)?;
        report.lines.extend(exported.report.lines);
    } else {
        if args.target.exists() {
            bail!(
                "{target}: expected a folder that is not there yet, or a file that ends with .nir"
            );
        }
        if !is_nir(&args.source) {
            bail!("{target}: expected a file that ends with .nir, as {source} is no NIR file");
        }
        checkpoint(model.net, model.loss, &args.target)?;
    }
    let mut out = std::io::stdout();
    match args.json {
        true => writeln!(
            out,
            "{}",
            json!({ "from": args.source, "to": args.target, "lines": report.lines })
        )?,
        false => write!(out, "{report}")?,
    }
    Ok(())
}

/// Whether a path is that of a NIR file, by its name.
pub fn is_nir(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("nir"))
}
