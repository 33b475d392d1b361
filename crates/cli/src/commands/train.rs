//! `cortado train`: a recipe from data to test accuracy.

use crate::experiment::Folder;
use crate::kind::AnyRecipe;
use crate::stop::CODES;
use crate::training::Training;
use anyhow::{Context, Result};
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `cortado train`.
#[derive(clap::Args)]
#[command(after_help = CODES)]
pub struct Args {
    /// Name of a recipe, see `cortado recipes`, or a file that ends in .toml
    #[arg(required_unless_present = "resume")]
    recipe: Option<String>,
    /// Override a value of the recipe
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Number of threads; all cores if absent. Results do not depend on it
    #[arg(long)]
    threads: Option<usize>,
    /// Only the last line, one JSON object
    #[arg(long)]
    json: bool,
    /// Folder that the run leaves; runs/RECIPE-SEED-NUMBER if absent
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Go on with the run in that folder, from its checkpoint
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["recipe", "set", "out"])]
    resume: Option<PathBuf>,
    /// Seconds between checkpoints; there is one after each epoch besides
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    checkpoint: f64,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let pool = super::pool(args.threads)?;
    pool.install(|| {
        let (folder, recipe) = match &args.resume {
            Some(path) => {
                let (folder, recipe) = Folder::open(path)?;
                (folder, AnyRecipe::Network(Box::new(recipe)))
            }
            None => {
                let name = args.recipe.as_deref().unwrap_or_default();
                let recipe = AnyRecipe::load(name, &args.set)?;
                let folder = Folder::create(args.out.as_deref(), name, recipe.seed(), &recipe)?;
                (folder, recipe)
            }
        };
        let result = Training {
            recipe: &recipe,
            folder: &folder,
            resume: args.resume.is_some(),
            checkpoint: args.checkpoint,
            silent: args.json,
        }
        .run()?;
        writeln!(std::io::stdout(), "{result}").context("cannot write the result")
    })
}
