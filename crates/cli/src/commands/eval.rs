//! `cortado eval`: the test set under a run's last checkpoint.

use crate::experiment::{self, Trained};
use anyhow::{Context, Result};
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

/// Arguments of `cortado eval`.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the run
    run: PathBuf,
    /// Number of threads; all cores if absent. Results do not depend on it
    #[arg(long)]
    threads: Option<usize>,
    /// Override a value of the recipe that does not change the network: noise in the data, for example
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Only the last line, one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let pool = super::pool(args.threads)?;
    pool.install(|| {
        let start = Instant::now();
        let Trained {
            recipe, data, fit, ..
        } = Trained::open(&args.run, &args.set)?;
        let mut out = std::io::stdout();
        if !args.json {
            write!(out, "{}\n{}", recipe.about, fit.net).context("cannot write to stdout")?;
        }
        let mut result = experiment::test(&recipe, &fit.net, &data.test)?;
        result["epochs"] = json!(fit.epochs(data.train.len()));
        result["seconds"] = json!(start.elapsed().as_secs_f64());
        writeln!(out, "{result}").context("cannot write to stdout")
    })
}
