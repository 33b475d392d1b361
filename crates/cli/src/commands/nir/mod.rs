//! `cortado nir`: networks as other tools hand them on.

mod diff;
mod info;

use crate::stop::Unreadable;
use anyhow::Result;
use cortado_interop::nir::File;
use std::path::Path;

/// Arguments of `cortado nir`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// What a file holds: nodes, shapes, ranges of parameters, edges, and what is odd
    Info(info::Args),
    /// Where two files differ; ends with 1 where they do
    Diff(diff::Args),
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    match &args.verb {
        Verb::Info(args) => info::run(args),
        Verb::Diff(args) => diff::run(args),
    }
}

/// Reads a file; whatever keeps it from being read ends the command with code 2.
fn read(path: &Path) -> Result<File> {
    File::read(path).map_err(|e| Unreadable(e).into())
}
