//! `cortado cost`: what inference costs a run's network, an ANN of the same shape beside it.

use crate::experiment::Trained;
use crate::observe::cost;
use anyhow::{Context, Result};
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `cortado cost`.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the run
    run: PathBuf,
    /// Number of test samples, the first ones
    #[arg(long, default_value_t = 256)]
    samples: usize,
    /// Number of threads; all cores if absent. Results do not depend on it
    #[arg(long)]
    threads: Option<usize>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let pool = super::pool(args.threads)?;
    pool.install(|| {
        let run = Trained::open(&args.run, &[])?;
        let section = cost::cost(&run.scene(), args.samples)?;
        let mut out = std::io::stdout();
        let text = if args.json {
            serde_json::to_string(&section)?
        } else {
            section.to_string().trim_end().to_string()
        };
        writeln!(out, "{text}").context("cannot write to stdout")
    })
}
