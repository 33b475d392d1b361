//! The command `cortado`.

mod commands;
mod experiment;
mod kind;
mod learned;
mod local;
mod observe;
mod recipe;
mod refs;
mod report;
mod runs;
mod samples;
mod stop;
mod training;

use clap::{CommandFactory, Parser, Subcommand};
use commands::{
    bench, compare, completions, convert, cost, data, eval, events, inspect, man, models, nir,
    plot, recipes, report as report_command, run, sweep, train,
};
use std::process::ExitCode;

/// Spiking neural networks: train them, test them, run them.
#[derive(Parser)]
#[command(name = "cortado", version, after_help = stop::CODES)]
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
    /// Turn a trained network into spikes: rates, few spikes, first spikes
    Convert(convert::Args),
    /// Recordings of event cameras: read, convert, cut, filter, look at them
    Events(events::Args),
    /// Networks of other tools in NIR files: look at them, check, convert, compare them
    Nir(nir::Args),
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
    /// Run a trained network on files or a stream
    Run(run::Args),
    /// Train a recipe under many values: a grid, or drawn at random
    Sweep(sweep::Args),
    /// Runs side by side
    Compare(compare::Args),
    /// Neuron models: equations, parameters, units, sources
    Models(models::Args),
    /// What a run, a checkpoint, a recipe or a data file holds
    Inspect(inspect::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print the manual page, or write all pages into a folder
    Man(man::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Train(args) => train::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Cost(args) => cost::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Data(args) => data::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Events(args) => events::run(&args),
        Command::Nir(args) => nir::run(&args),
        Command::Plot(args) => plot::run(&args),
        Command::Report(args) => report_command::run(&args),
        Command::Recipes { json } => recipes::run(json),
        Command::Run(args) => run::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Models(args) => models::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
    };
    stop::code(done)
}
