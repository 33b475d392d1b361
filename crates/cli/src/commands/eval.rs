//! `cortado eval`: the test set under a run's last checkpoint.

use crate::experiment::{self, Folder};
use crate::samples::Data;
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
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads.unwrap_or(0))
        .build()?;
    pool.install(|| {
        let start = Instant::now();
        let (folder, recipe) = Folder::open(&args.run)?;
        let recipe = recipe.with(&args.set)?;
        let split = Data::load(&recipe)?;
        let (fit, _) = folder.load()?;
        let mut out = std::io::stdout();
        if !args.json {
            write!(out, "{}\n{}", recipe.about, fit.net).context("cannot write to stdout")?;
        }
        let mut result = experiment::test(&recipe, &fit.net, &split.test)?;
        result["epochs"] = json!(fit.epochs(split.train.len()));
        result["seconds"] = json!(start.elapsed().as_secs_f64());
        writeln!(out, "{result}").context("cannot write to stdout")
    })
}
