//! `cortado train`: a recipe from data to test accuracy.

use crate::recipe::{self, Recipe};
use anyhow::{Context, Result, ensure};
use cortado::learn::{Adam, BatchReport, cosine, evaluate, gradients};
use cortado::network::Network;
use cortado::rng::{Purpose, Rng};
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

fn batch(data: &Dataset, order: &[usize], steps: usize) -> (Input<f32>, Vec<u32>) {
    let current = order
        .iter()
        .flat_map(|&i| data.sample(i).iter().copied())
        .collect();
    let labels = order.iter().map(|&i| data.label(i)).collect();
    (
        Input::Current {
            samples: order.len(),
            steps,
            data: current,
        },
        labels,
    )
}

fn train(recipe: &Recipe, json: bool) -> Result<()> {
    let start = Instant::now();
    let mut split =
        cortado_data::load(&recipe.data.name, recipe.data.folder.as_ref()).context("data")?;
    if recipe.data.limit > 0 {
        split.train.truncate(recipe.data.limit);
    }
    let t = &recipe.train;
    ensure!(t.batch > 0, "train.batch: expected at least 1, got 0");
    let mut net = Network::<f32>::new(split.train.features(), &recipe.network, recipe.seed)?;
    let mut adam = Adam::new(t.rate, t.clip);
    let mut order: Vec<usize> = (0..split.train.len()).collect();
    let total = t.epochs * order.len().div_ceil(t.batch);
    let mut done = 0;
    for epoch in 0..t.epochs {
        Rng::new(recipe.seed, 0, Purpose::Shuffle, epoch as u64).shuffle(&mut order);
        let mut sum = BatchReport::default();
        for chunk in order.chunks(t.batch) {
            let (input, labels) = batch(&split.train, chunk, t.steps);
            let (g, report) = gradients(&net, &input, &labels, t.loss)?;
            ensure!(
                report.loss.is_finite(),
                "loss at epoch {}, batch of step {done}: expected a number, got {}",
                epoch + 1,
                report.loss
            );
            adam.step(&mut net, &g, cosine(done, total));
            add(&mut sum, report);
            done += 1;
        }
        if !json {
            println!(
                "epoch {:3}  loss {:.4}  training accuracy {:.4}  {:.1} s",
                epoch + 1,
                sum.loss / sum.samples as f64,
                sum.correct as f64 / sum.samples as f64,
                start.elapsed().as_secs_f64()
            );
        }
    }
    let mut test = BatchReport::default();
    let all: Vec<usize> = (0..split.test.len()).collect();
    for chunk in all.chunks(256) {
        let (input, labels) = batch(&split.test, chunk, t.steps);
        add(&mut test, evaluate(&net, &input, &labels, t.loss)?);
    }
    let n = test.samples as f64;
    let accuracy = test.correct as f64 / n;
    println!(
        "{}",
        serde_json::json!({
            "accuracy": accuracy, "metric": accuracy, "metric_name": "accuracy", "loss": test.loss / n,
            "epochs": t.epochs, "seconds": start.elapsed().as_secs_f64(),
            "spikes_per_sample": test.spikes as f64 / n, "synops_per_sample": test.synops as f64 / n,
            "seed": recipe.seed, "threads": rayon::current_num_threads(),
        })
    );
    Ok(())
}

/// Adds a batch; the loss of a sum is the sum over samples.
fn add(sum: &mut BatchReport, batch: BatchReport) {
    sum.loss += batch.loss * batch.samples as f64;
    sum.correct += batch.correct;
    sum.samples += batch.samples;
    sum.spikes += batch.spikes;
    sum.synops += batch.synops;
}
