//! `cortado sweep`: a recipe under many values, one run each, one table at the end.

mod axis;
mod table;

use crate::experiment::Folder;
use crate::kind::AnyRecipe;
use crate::runs;
use crate::stop::{self, CODES, Stopped};
use crate::training::Training;
use anyhow::{Context, Result, bail};
use axis::Axis;
use cortado_base::write_atomic;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use table::Row;

/// Arguments of `cortado sweep`.
#[derive(clap::Args)]
#[command(after_help = format!("\
Values of --grid: a list v1,v2,...; or from..to:n for n values from one end to the other, from..to:n:log for values of the \
same ratio. Every combination of all --grid is run. Values of --draw: low..high, low..high:log, low..high:int, \
low..high:int:log, or a list v1,v2,...; --random says how many draws there are for each combination. A draw depends on \
--draw-seed, its number and its key alone, so that more draws keep those before.

Each combination and seed is a run in a folder of its own, named by its values. The same command goes on where it was \
stopped: runs that are done are not run again, a run that was cut goes on from its checkpoint, or, of a local rule, begins \
again, and a folder with runs of another definition is refused. More values, draws or seeds may be added.

The folder gets table.json and table.csv: a row for each combination, best first, with the values, run (number of runs), \
failed, metric and metric_sd (mean and standard deviation over seeds), loss, spikes_per_sample, seconds, and the folders. \
--json prints table.json in one line.

{CODES}"))]
pub struct Args {
    /// Name of a recipe, see `cortado recipes`, or a file that ends in .toml
    recipe: String,
    /// Override a value of the recipe in all runs
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Values to combine
    #[arg(long, value_name = "KEY=VALUES")]
    grid: Vec<String>,
    /// A range to draw from; needs --random
    #[arg(long, value_name = "KEY=RANGE", requires = "random")]
    draw: Vec<String>,
    /// Number of draws
    #[arg(long, value_name = "N", requires = "draw")]
    random: Option<u32>,
    /// Seed of the draws
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    draw_seed: u64,
    /// Seeds of the runs of each combination; that of the recipe if absent
    #[arg(long, value_name = "SEEDS", value_delimiter = ',')]
    seeds: Vec<u64>,
    /// Folder of the sweep; runs/sweep-RECIPE if absent
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Number of threads; all cores if absent. Results do not depend on it
    #[arg(long)]
    threads: Option<usize>,
    /// Seconds between checkpoints; there is one after each epoch besides
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    checkpoint: f64,
    /// Only the table, one JSON object
    #[arg(long)]
    json: bool,
}

/// A combination: its values, and the run of each seed.
struct Combination {
    values: Vec<(String, String)>,
    runs: Vec<(String, AnyRecipe)>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let base = AnyRecipe::load(&args.recipe, &args.set)?;
    let all = combinations(args, &base)?;
    let stem = Path::new(&args.recipe).file_stem().unwrap_or_default();
    let name = format!("runs/sweep-{}", stem.to_string_lossy());
    let folder = args.out.clone().unwrap_or_else(|| name.into());
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    // All of them before the first run: a definition that does not fit should not be found after an hour.
    for (name, recipe) in all.iter().flat_map(|c| &c.runs) {
        runs::matches(&folder.join(name), recipe)?;
    }
    let pool = super::pool(args.threads)?;
    let total: usize = all.iter().map(|c| c.runs.len()).sum();
    let (mut rows, mut done, mut failed) = (Vec::new(), 0, 0);
    for combination in &all {
        let mut row = Row::new(combination.values.clone());
        for (name, recipe) in &combination.runs {
            done += 1;
            let path = folder.join(name);
            let outcome = pool.install(|| one(args, &path, recipe));
            match &outcome {
                Ok(result) => say(args, &format!("{done} of {total}  {}", line(name, result)))?,
                Err(e) if e.is::<Stopped>() => return Err(stopped(outcome)),
                Err(e) => {
                    failed += 1;
                    eprintln!("{done} of {total}  {name}  failed: {e:#}");
                }
            }
            row.add(name, outcome.as_ref().ok());
        }
        rows.push(row);
    }
    let table = table::value(&folder, &mut rows);
    write_atomic(
        &folder.join("table.json"),
        format!("{table:#}\n").as_bytes(),
    )?;
    write_atomic(&folder.join("table.csv"), table::csv(&rows).as_bytes())?;
    let mut out = std::io::stdout();
    match args.json {
        true => writeln!(out, "{table}")?,
        false => write!(out, "{}", table::text(&rows))?,
    }
    if failed > 0 {
        bail!("{failed} of {total} runs failed");
    }
    Ok(())
}

/// One run: its result from before, or trained to its end.
fn one(args: &Args, path: &Path, recipe: &AnyRecipe) -> Result<Value> {
    let there = runs::matches(path, recipe)?;
    if let Some(result) = runs::result(path)?.filter(|_| there) {
        return Ok(result);
    }
    let folder = match there {
        true => Folder::any(path)?.0,
        false => {
            // A folder without a recipe is what a run leaves that was stopped at once.
            let _ = std::fs::remove_dir(path);
            Folder::create(Some(path), &args.recipe, recipe.seed(), recipe)?
        }
    };
    let training = Training {
        recipe,
        folder: &folder,
        resume: there,
        checkpoint: args.checkpoint,
        silent: true,
    };
    if let Some(signal) = stop::signal() {
        return Err(training.stopped(signal));
    }
    training.run()
}

fn line(name: &str, result: &Value) -> String {
    let metric = result["metric_name"].as_str().unwrap_or("metric");
    format!(
        "{name}  {metric} {}  {} s",
        runs::cell(&result["metric"]),
        runs::cell(&result["seconds"])
    )
}

fn say(args: &Args, line: &str) -> Result<()> {
    if !args.json {
        writeln!(std::io::stdout(), "{line}").context("cannot write to stdout")?;
    }
    Ok(())
}

/// A sweep goes on by the same command.
fn stopped(outcome: Result<Value>) -> anyhow::Error {
    match outcome.map_err(|e| e.downcast::<Stopped>()) {
        Err(Ok(stopped)) => {
            let words: Vec<String> = std::env::args().skip(1).map(|w| stop::quoted(&w)).collect();
            let resume = format!("cortado {}", words.join(" "));
            let resume = Some(resume);
            Stopped { resume, ..stopped }.into()
        }
        Err(Err(e)) => e,
        Ok(_) => anyhow::anyhow!("the sweep was stopped"),
    }
}

/// Every combination of the grid with every draw, each with its runs.
fn combinations(args: &Args, base: &AnyRecipe) -> Result<Vec<Combination>> {
    let grid: Vec<Axis> = args
        .grid
        .iter()
        .map(|g| axis::grid(g))
        .collect::<Result<_>>()?;
    let draws: Vec<Axis> = args
        .draw
        .iter()
        .map(|d| axis::draw(d))
        .collect::<Result<_>>()?;
    let mut keys = BTreeSet::new();
    for axis in grid.iter().chain(&draws) {
        if axis.key == "seed" {
            bail!("seed: expected --seeds 0,1,2");
        }
        if !keys.insert(&axis.key) {
            bail!("{}: expected once, got twice", axis.key);
        }
    }
    let mut all = vec![Vec::new()];
    for axis in &grid {
        let values = axis.values()?;
        all = all
            .iter()
            .flat_map(|before: &Vec<(String, String)>| {
                let with = |v: &String| [&before[..], &[(axis.key.clone(), v.clone())]].concat();
                values.iter().map(with).collect::<Vec<_>>()
            })
            .collect();
    }
    let drawn = |k: u32| {
        draws
            .iter()
            .map(move |d| (d.key.clone(), d.draw(args.draw_seed, k)))
    };
    if let Some(n) = args.random {
        let with = |c: &Vec<(String, String)>| {
            let c = c.clone();
            (0..n)
                .map(move |k| c.iter().cloned().chain(drawn(k)).collect())
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    let seeds = match args.seeds.is_empty() {
        true => vec![base.seed()],
        false => args.seeds.clone(),
    };
    all.into_iter()
        .map(|values| combination(args, values, &seeds))
        .collect()
}

fn combination(args: &Args, values: Vec<(String, String)>, seeds: &[u64]) -> Result<Combination> {
    let mut set = args.set.clone();
    set.extend(values.iter().map(|(k, v)| format!("{k}={v}")));
    let mut runs = Vec::new();
    for seed in seeds {
        let mut set = set.clone();
        set.push(format!("seed={seed}"));
        runs.push((name(&values, *seed), AnyRecipe::load(&args.recipe, &set)?));
    }
    Ok(Combination { values, runs })
}

/// The folder of a run: its values and its seed, in letters that every file system takes.
fn name(values: &[(String, String)], seed: u64) -> String {
    let bare = |v: &str| v.trim_matches(['"', '\'']).to_string();
    let parts = values.iter().map(|(k, v)| format!("{k}={}", bare(v)));
    let parts: Vec<String> = parts.chain([format!("seed={seed}")]).collect();
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() => c,
        '.' | '-' | '=' | ',' | '_' | '+' => c,
        _ => '_',
    };
    let whole = parts.join(",");
    let name: String = whole.chars().map(plain).collect();
    match name == whole && name.len() <= 200 {
        true => name,
        // What is cut or replaced is told apart by a number.
        false => {
            let cut: String = name.chars().take(180).collect();
            format!("{cut}-{:016x}", axis::hash(&whole))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stable_and_told_apart() {
        let pair = |k: &str, v: &str| vec![(k.to_string(), v.to_string())];
        assert_eq!(name(&pair("steps", "8"), 3), "steps=8,seed=3");
        let (a, b) = (
            name(&pair("a", "\"x/y\""), 0),
            name(&pair("a", "\"x:y\""), 0),
        );
        assert!(a.starts_with("a=x_y,seed=0-") && a != b, "{a} {b}");
        assert!(name(&pair("a", &"1".repeat(500)), 0).len() < 255);
    }
}
