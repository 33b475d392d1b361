//! `cortado completions`: a completion script, made from the definition that the parser uses.

use anyhow::{Context, Result};
use clap_complete::Shell;
use std::io::Write;

/// Arguments of `cortado completions`.
#[derive(clap::Args)]
#[command(after_help = "\
For example: cortado completions bash > ~/.local/share/bash-completion/completions/cortado")]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Runs the command.
pub fn run(args: &Args, mut command: clap::Command) -> Result<()> {
    // The generator panics where it cannot write; a vector takes everything.
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "cortado", &mut text);
    let mut out = std::io::stdout();
    out.write_all(&text).context("cannot write to stdout")
}
