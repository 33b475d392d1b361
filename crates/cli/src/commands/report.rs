//! `cortado report`: the page of a run, written again.

use crate::experiment::{Folder, Trained};
use crate::kind::AnyRecipe;
use crate::report;
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
    let path = match Folder::any(&args.run)? {
        (folder, AnyRecipe::Local(recipe)) => report::local(&recipe, folder.path())?,
        (_, AnyRecipe::Network(_)) => {
            let run = Trained::open(&args.run, &[])?;
            report::write(&run.scene(), run.folder.path())?
        }
    };
    writeln!(std::io::stdout(), "{}", path.display()).context("cannot write to stdout")
}
