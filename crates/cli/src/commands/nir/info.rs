//! `cortado nir info`.

use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `cortado nir info`.
#[derive(clap::Args)]
#[command(after_help = "\
Keys of --json: version; nodes, an array of objects with path, type, input and output (shapes, null where not known), parameters \
(name, dtype, shape, min, max), settings, metadata (names); edges, pairs of paths; parameters, their count; metadata, names; \
errors and notes, sentences.")]
pub struct Args {
    /// A NIR file
    file: PathBuf,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let info = super::read(&args.file)?.info();
    let mut out = std::io::stdout();
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string(&info)?)?,
        false => write!(out, "{info}")?,
    }
    Ok(())
}
