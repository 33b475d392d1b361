//! The command `cortado`.

mod commands;
mod experiment;
mod observe;
mod recipe;
mod report;

use clap::{Parser, Subcommand};
use commands::{bench, cost, data, eval, plot, recipes, report as report_command, train};
use std::process::ExitCode;

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
    /// Test what a run has learned
    Eval(eval::Args),
    /// Count what inference costs a run
    Cost(cost::Args),
    /// Time training and inference on this machine
    Bench(bench::Args),
    /// Download public data sets and check them
    Data(data::Args),
    /// Draw pictures of a run, or of ideas
    Plot(plot::Args),
    /// Write the page of a run again: report.html in its folder
    Report(report_command::Args),
    /// List the recipes
    Recipes {
        /// One JSON array
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Train(args) => train::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Cost(args) => cost::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Data(args) => data::run(&args),
        Command::Plot(args) => plot::run(&args),
        Command::Report(args) => report_command::run(&args),
        Command::Recipes { json } => recipes::run(json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) if closed(&e) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether whoever read our output has enough of it.
fn closed(e: &anyhow::Error) -> bool {
    let broken = |e: &std::io::Error| e.kind() == std::io::ErrorKind::BrokenPipe;
    e.chain().any(|e| e.downcast_ref().is_some_and(broken))
}
