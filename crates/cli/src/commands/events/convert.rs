//! `cortado events convert`.

use super::{Source, Target};
use anyhow::Result;

/// Arguments of `cortado events convert`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    target: Target,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    super::copy(&args.source, &args.target, |_| Ok(true))
}
