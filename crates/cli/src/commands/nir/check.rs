//! `cortado nir check`.

use super::reading::Reading;
use anyhow::{Result, bail};
use cortado_convert::nir::{Fate, Report, check, restore};
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `cortado nir check`.
#[derive(clap::Args)]
#[command(after_help = "\
The report says what is taken as it stands, what is assumed because the file leaves it open, what is lost, and what is refused \
because nothing here computes it. Exit codes: 0 the file can be run, 1 something is refused, 2 a file that cannot be read.

Keys of --json: file, version, options (null where Cortado wrote the file and restores it), refused, and lines, an array of \
objects with fate (taken, assumed, lost, refused), node where it is of one, and what.")]
pub struct Args {
    /// A NIR file
    file: PathBuf,
    /// Step of the clock in seconds
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    dt: Option<f64>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: Reading,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let file = super::read(&args.file)?;
    let options = args.reading.options(&file, args.dt)?;
    let report: Report = match &options {
        Some(options) => check(&file, options),
        None => restore::<f32>(&file)?.report,
    };
    let mut out = std::io::stdout();
    if args.json {
        let all = json!({
            "file": args.file,
            "version": file.version,
            "options": options,
            "refused": report.refuses(),
            "lines": report.lines,
        });
        writeln!(out, "{all}")?;
    } else {
        write!(out, "{report}")?;
    }
    if let Some(line) = report.of(Fate::Refused).next() {
        bail!("{}: {}", args.file.display(), line.what);
    }
    Ok(())
}
