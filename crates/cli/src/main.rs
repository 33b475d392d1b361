//! The command `cortado`.

mod commands;
mod recipe;

use anyhow::Result;
use clap::{Parser, Subcommand};
use commands::{bench, recipes, train};

/// Spiking neural networks: train them, test them, run them.
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
    /// Time training and inference on this machine
    Bench(bench::Args),
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
        Command::Bench(args) => bench::run(&args),
        Command::Recipes { json } => recipes::run(json),
    }
}
