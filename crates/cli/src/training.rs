//! A training run from its recipe to its result, whoever asks for it.

use crate::experiment::{self, Folder};
use crate::kind::AnyRecipe;
use crate::local;
use crate::observe::Scene;
use crate::recipe::Recipe;
use crate::report;
use crate::samples::{self, Data};
use crate::stop::{self, Stopped};
use anyhow::{Context, Result};
use cortado::learn::{BatchReport, Fit};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// A training run to carry out.
pub struct Training<'a> {
    /// What.
    pub recipe: &'a AnyRecipe,
    /// Where.
    pub folder: &'a Folder,
    /// Whether to go on from the checkpoint in the folder, if there is one.
    pub resume: bool,
    /// Seconds between checkpoints; there is one after each epoch besides.
    pub checkpoint: f64,
    /// Whether it says nothing on its way.
    pub silent: bool,
}

impl Training<'_> {
    /// Trains to the last epoch and tests; the last line of the metrics.
    ///
    /// # Errors
    /// What training and files refuse; [`Stopped`] when a signal came: the batch under way is finished and saved.
    pub fn run(&self) -> Result<Value> {
        match self.recipe {
            AnyRecipe::Network(recipe) => self.network(recipe),
            AnyRecipe::Local(recipe) => local::run(recipe, self.folder, self.silent),
        }
    }

    fn network(&self, recipe: &Recipe) -> Result<Value> {
        let folder = self.folder;
        let start = Instant::now();
        let split = Data::load(recipe)?;
        let samples = split.train.len();
        let fresh = || {
            let net = experiment::network(recipe, &split)?;
            Ok::<_, anyhow::Error>(Fit::new(net, recipe.train.clone())?)
        };
        // A run may have been stopped before its first checkpoint.
        let (mut fit, before) = if self.resume && folder.checkpoint().exists() {
            folder.load()?
        } else {
            (fresh()?, 0.0)
        };
        folder.rewind(fit.epochs(samples))?;
        stop::watch()?;
        let seconds = || before + start.elapsed().as_secs_f64();
        let save = |fit: &Fit<f32>| {
            let note = json!({ "seconds": seconds(), "samples": samples });
            fit.save(&folder.checkpoint(), note)
        };
        let mut say = Say::new(self.silent, recipe, &fit);
        let mut saved = Instant::now();
        while fit.epochs(samples) < recipe.train.epochs {
            let epoch = fit.epochs(samples) + 1;
            say.begin(epoch, samples, &fit);
            let sum = fit.epoch(
                samples,
                |ids, epoch| samples::presented(recipe, &split.train, ids, epoch + 1),
                |fit| -> Result<()> {
                    say.step(fit);
                    // The last batch is saved with its epoch.
                    if fit.epochs(samples) == epoch {
                        return Ok(());
                    }
                    let signal = stop::signal();
                    if signal.is_some() || saved.elapsed().as_secs_f64() >= self.checkpoint {
                        save(fit)?;
                        saved = Instant::now();
                    }
                    signal.map_or(Ok(()), |s| Err(self.stopped(s)))
                },
            )?;
            let line = line(epoch, &sum, seconds(), split.train.classes > 0);
            folder.log(&line)?;
            save(&fit)?;
            saved = Instant::now();
            say.end(&line)?;
            if let Some(signal) = stop::signal() {
                return Err(self.stopped(signal));
            }
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
        Ok(result)
    }

    /// What a signal makes of it.
    pub fn stopped(&self, signal: i32) -> anyhow::Error {
        let stopped = match self.recipe {
            AnyRecipe::Network(_) => Stopped::run(signal, self.folder.path().to_path_buf()),
            AnyRecipe::Local(_) => Stopped::local(signal),
        };
        stopped.into()
    }
}

/// An epoch in the metrics; accuracy where samples have classes.
fn line(epoch: usize, sum: &BatchReport, seconds: f64, classes: bool) -> Value {
    let n = sum.samples as f64;
    let mut line = json!({
        "epoch": epoch, "loss": sum.loss, "spikes_per_sample": sum.spikes as f64 / n, "seconds": seconds,
    });
    if classes {
        line["accuracy"] = json!(sum.correct as f64 / n);
    }
    line
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

    /// Tells a line of the metrics.
    fn end(&mut self, metrics: &Value) -> Result<()> {
        if self.silent {
            return Ok(());
        }
        let number = |key: &str| metrics[key].as_f64();
        let mut line = format!("epoch {:3}", number("epoch").unwrap_or(0.0));
        for (name, key) in [("loss", "loss"), ("training accuracy", "accuracy")] {
            if let Some(value) = number(key) {
                line += &format!("  {name} {value:.4}");
            }
        }
        line += &format!("  {:.1} s", number("seconds").unwrap_or(0.0));
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
