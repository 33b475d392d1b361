//! `cortado train`: a recipe from data to test accuracy.

use crate::experiment::{self, Folder};
use crate::observe::Scene;
use crate::recipe::{self, Recipe};
use crate::report;
use anyhow::{Context, Result};
use cortado::learn::Fit;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Arguments of `cortado train`.
#[derive(clap::Args)]
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
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads.unwrap_or(0))
        .build()?;
    pool.install(|| match &args.resume {
        Some(path) => {
            let (folder, recipe) = Folder::open(path)?;
            train(args, &recipe, &folder, true)
        }
        None => {
            let name = args.recipe.as_deref().unwrap_or_default();
            let recipe = recipe::load(name, &args.set)?;
            let folder = Folder::create(args.out.as_deref(), name, &recipe)?;
            train(args, &recipe, &folder, false)
        }
    })
}

fn train(args: &Args, recipe: &Recipe, folder: &Folder, resume: bool) -> Result<()> {
    let start = Instant::now();
    let split = experiment::data(recipe)?;
    let samples = split.train.len();
    let fresh = || {
        let net = experiment::network(recipe, &split)?;
        Ok::<_, anyhow::Error>(Fit::new(net, recipe.train.clone())?)
    };
    // A run may have been stopped before its first checkpoint.
    let (mut fit, before) = if resume && folder.checkpoint().exists() {
        folder.load()?
    } else {
        (fresh()?, 0.0)
    };
    folder.rewind(fit.epochs(samples))?;
    let seconds = || before + start.elapsed().as_secs_f64();
    let save = |fit: &Fit<f32>| fit.save(&folder.checkpoint(), json!({ "seconds": seconds() }));
    let mut say = Say::new(args.json, recipe, &fit);
    let mut saved = Instant::now();
    while fit.epochs(samples) < recipe.train.epochs {
        let epoch = fit.epochs(samples) + 1;
        say.begin(epoch, samples, &fit);
        let sum = fit.epoch(
            samples,
            |ids, epoch| experiment::batch(recipe, &split.train, ids, epoch + 1),
            |fit| {
                say.step(fit);
                if saved.elapsed().as_secs_f64() >= args.checkpoint {
                    save(fit)?;
                    saved = Instant::now();
                }
                Ok(())
            },
        )?;
        save(&fit)?;
        let mut line = json!({
            "epoch": epoch, "loss": sum.loss,
            "spikes_per_sample": sum.spikes as f64 / sum.samples as f64, "seconds": seconds(),
        });
        let accuracy = sum.correct as f64 / sum.samples as f64;
        let mut say_accuracy = String::new();
        if split.train.classes > 0 {
            line["accuracy"] = json!(accuracy);
            say_accuracy = format!("  training accuracy {accuracy:.4}");
        }
        folder.log(&line)?;
        let loss = sum.loss;
        say.end(&format!(
            "epoch {epoch:3}  loss {loss:.4}{say_accuracy}  {:.1} s",
            seconds()
        ))?;
    }
    let mut result = experiment::test(recipe, &fit.net, &split.test)?;
    result["epochs"] = json!(recipe.train.epochs);
    result["seconds"] = json!(seconds());
    result["run"] = json!(folder.path().display().to_string());
    folder.log(&result)?;
    let scene = Scene {
        recipe,
        net: &fit.net,
        test: &split.test,
    };
    if let Err(e) = report::write(&scene, folder.path()) {
        report::warn("anything", &e);
    }
    writeln!(std::io::stdout(), "{result}").context("cannot write the result")
}

/// What a run says of itself: a bar on a terminal, a line for each epoch in a pipe, nothing under `--json`.
struct Say {
    bar: ProgressBar,
    silent: bool,
}

impl Say {
    fn new(json: bool, recipe: &Recipe, fit: &Fit<f32>) -> Self {
        let terminal = std::io::stderr().is_terminal() && !json;
        let target = if terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let template = "{prefix} {wide_bar} {pos}/{len} samples  {per_sec}  {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if terminal {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        let say = Self { bar, silent: json };
        if terminal {
            say.bar.println(format!("{}\n{}", recipe.about, fit.net));
        }
        say
    }

    fn begin(&self, epoch: usize, samples: usize, fit: &Fit<f32>) {
        self.bar.reset();
        self.bar.set_prefix(format!("epoch {epoch:3}"));
        self.bar.set_length(samples as u64);
        self.bar.set_position(fit.sum.samples as u64);
    }

    fn step(&self, fit: &Fit<f32>) {
        self.bar.set_position(fit.sum.samples as u64);
        self.bar.set_message(format!("loss {:.4}", fit.sum.loss));
    }

    fn end(&mut self, line: &str) -> Result<()> {
        if self.silent {
            return Ok(());
        }
        if self.bar.is_hidden() {
            return writeln!(std::io::stdout(), "{line}").context("cannot write to stdout");
        }
        self.bar.println(line);
        Ok(())
    }
}

impl Drop for Say {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
