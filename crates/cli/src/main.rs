//! The command `cortado`.

mod recipe;
mod train;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Spiking neural networks: train them, from one command.
#[derive(Parser)]
#[command(name = "cortado", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a recipe and test it
    Train(train::Args),
    /// List the recipes
    Recipes {
        /// One JSON array
        #[arg(long)]
        json: bool,
    },
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Train(args) => train::run(&args),
        Command::Recipes { json } => recipe::list(json),
    }
}
