//! `cortado nir`: networks as other tools hand them on.

mod check;
mod convert;
mod diff;
mod info;
mod reading;

pub use convert::is_nir;
pub use reading::Reading;

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
    /// What a file means here: what is taken, assumed, lost, refused; ends with 1 where anything is refused
    Check(check::Args),
    /// A trained network to a NIR file, or a NIR file to a network
    Convert(convert::Args),
    /// Where two files differ; ends with 1 where they do
    Diff(diff::Args),
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    match &args.verb {
        Verb::Info(args) => info::run(args),
        Verb::Check(args) => check::run(args),
        Verb::Convert(args) => convert::run(args),
        Verb::Diff(args) => diff::run(args),
    }
}

/// Reads a file; whatever keeps it from being read ends the command with code 2.
pub fn read(path: &Path) -> Result<File> {
    File::read(path).map_err(|e| Unreadable(e).into())
}
