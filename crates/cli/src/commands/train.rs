//! `cortado train`: a recipe from data to test accuracy.

use crate::recipe::{self, Recipe};
use anyhow::{Context, Result};
use cortado::encode::Presentation;
use cortado::learn::{BatchReport, Fit, evaluate};
use cortado::network::Network;
use cortado::sim::clock::Input;
use cortado_data::Dataset;
use std::time::Instant;

/// Arguments of `cortado train`.
#[derive(clap::Args)]
pub struct Args {
    /// Name of a recipe, see `cortado recipes`
    recipe: String,
    /// Override a value of the recipe
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Number of threads; all cores if absent. Results do not depend on it
    #[arg(long)]
    threads: Option<usize>,
    /// Only the last line, one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let recipe = recipe::load(&args.recipe, &args.set)?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads.unwrap_or(0))
        .build()?;
    pool.install(|| train(&recipe, args.json))
}

/// Samples of a data set as a recipe has them encoded; `round` 0 is the test, the epochs follow.
fn batch(
    recipe: &Recipe,
    data: &Dataset,
    ids: &[usize],
    round: u64,
) -> cortado::Result<(Input<f32>, Vec<u32>)> {
    let values: Vec<f32> = ids
        .iter()
        .flat_map(|&i| data.sample(i).iter().copied())
        .collect();
    let names: Vec<u32> = ids.iter().map(|&i| i as u32).collect();
    let at = Presentation {
        steps: recipe.steps,
        dt: recipe.network.dt,
        seed: recipe.seed,
        round,
    };
    let input = recipe.encoder.encode(&values, &names, &at)?;
    Ok((input, ids.iter().map(|&i| data.label(i)).collect()))
}

/// Samples that are tested together.
const TEST_BATCH: usize = 256;

/// The whole test set.
fn test(recipe: &Recipe, net: &Network<f32>, data: &Dataset) -> Result<BatchReport> {
    let mut sum = BatchReport::default();
    let all: Vec<usize> = (0..data.len()).collect();
    for chunk in all.chunks(TEST_BATCH) {
        let (input, labels) = batch(recipe, data, chunk, 0)?;
        sum.add(evaluate(net, &input, &labels, &recipe.train.objective)?);
    }
    Ok(sum)
}

fn train(recipe: &Recipe, json: bool) -> Result<()> {
    let start = Instant::now();
    let mut split =
        cortado_data::load(&recipe.data.name, recipe.data.folder.as_ref()).context("data")?;
    if recipe.data.limit > 0 {
        split.train.truncate(recipe.data.limit);
    }
    let net = Network::<f32>::new(&split.train.shape, &recipe.network, recipe.seed)?;
    let mut fit = Fit::new(net, recipe.train.clone())?;
    for epoch in 0..recipe.train.epochs {
        let sum = fit.epoch(
            split.train.len(),
            |ids, epoch| batch(recipe, &split.train, ids, epoch + 1),
            |_| Ok(()),
        )?;
        if !json {
            println!(
                "epoch {:3}  loss {:.4}  training accuracy {:.4}  {:.1} s",
                epoch + 1,
                sum.loss,
                sum.correct as f64 / sum.samples as f64,
                start.elapsed().as_secs_f64()
            );
        }
    }
    let sum = test(recipe, &fit.net, &split.test)?;
    let n = sum.samples as f64;
    let accuracy = sum.correct as f64 / n;
    println!(
        "{}",
        serde_json::json!({
            "accuracy": accuracy, "metric": accuracy, "metric_name": "accuracy", "loss": sum.loss,
            "epochs": recipe.train.epochs, "seconds": start.elapsed().as_secs_f64(),
            "spikes_per_sample": sum.spikes as f64 / n, "synops_per_sample": sum.synops as f64 / n,
            "seed": recipe.seed, "threads": rayon::current_num_threads(),
        })
    );
    Ok(())
}
