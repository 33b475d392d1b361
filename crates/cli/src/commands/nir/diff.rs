//! `cortado nir diff`.

use anyhow::{Result, bail};
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `cortado nir diff`.
#[derive(clap::Args)]
#[command(after_help = "\
The order of nodes and edges does not count, nor does the version that wrote a file. Exit codes: 0 equal, 1 different, 2 a file \
that cannot be read.

Keys of --json: differences, an array of objects with at, first, second, and largest (the largest difference of two numbers; null \
where more than numbers differs); largest, of all numbers that were compared.")]
pub struct Args {
    /// A NIR file
    first: PathBuf,
    /// Another
    second: PathBuf,
    /// Numbers may be so far apart, and their types do not count; unless given, both are compared exactly
    #[arg(long, value_name = "X", value_parser = tolerance)]
    tolerance: Option<f64>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

fn tolerance(text: &str) -> std::result::Result<f64, String> {
    let number = text.parse::<f64>().ok();
    let good = number.filter(|x| x.is_finite() && *x >= 0.0);
    good.ok_or_else(|| "expected a number not below 0".into())
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let (first, second) = (super::read(&args.first)?, super::read(&args.second)?);
    let diff = first.root.diff(&second.root, args.tolerance);
    let mut out = std::io::stdout();
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string(&diff)?)?,
        false => write!(out, "{diff}")?,
    }
    if !diff.differences.is_empty() {
        let [a, b] = [&args.first, &args.second].map(|p| p.display());
        bail!("{a} and {b} differ");
    }
    Ok(())
}
