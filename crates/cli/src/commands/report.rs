//! `cortado report`: the page of a run, written again.

use crate::experiment::Folder;
use crate::observe::Scene;
use crate::report;
use crate::samples::Data;
use anyhow::{Context, Result};
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `cortado report`.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the run
    run: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let (folder, recipe) = Folder::open(&args.run)?;
    let split = Data::load(&recipe)?;
    let (fit, _) = folder.load()?;
    let scene = Scene {
        recipe: &recipe,
        net: &fit.net,
        test: &split.test,
    };
    let path = report::write(&scene, folder.path())?;
    writeln!(std::io::stdout(), "{}", path.display()).context("cannot write to stdout")
}
