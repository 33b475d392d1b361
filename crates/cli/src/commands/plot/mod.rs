//! `cortado plot`: pictures of runs, and of ideas.

mod encoders;
mod figures;
mod windows;

use crate::experiment::{Folder, Trained};
use crate::observe::{self, Scene, Survey};
use anyhow::{Context, Result, bail};
use cortado_base::write_atomic;
use cortado_plot::{Chart, WIDTH};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments of `cortado plot`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(clap::Subcommand)]
enum Kind {
    /// Spikes of a test sample, by population
    Raster(Picture),
    /// Membranes of a test sample, with thresholds and spikes
    Traces(Picture),
    /// Loss and accuracy over epochs
    Curves(Picture),
    /// Which class was taken for which
    Confusion(Picture),
    /// Weights of a node
    Weights(Picture),
    /// Accuracy and activity against time
    Steps(Picture),
    /// The conventional unit beside the spiking one; the step beside the surrogates of its derivative
    Figures(Ideas),
    /// What each encoder makes of a small input
    Encoders(Ideas),
    /// Learning windows of the rules of spike timing
    Stdp(Ideas),
}

/// A picture of a run.
#[derive(clap::Args)]
struct Picture {
    /// Folder of the run
    run: PathBuf,
    /// File of the picture, .svg or .png; KIND.svg in the folder of the run if absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Number of the test sample
    #[arg(long, default_value_t = 0)]
    sample: usize,
    /// Number of test samples for a confusion matrix or steps
    #[arg(long, default_value_t = 10_000)]
    limit: usize,
    /// Name of a population, or of a node with weights
    #[arg(long)]
    node: Option<String>,
    /// Width in pixels
    #[arg(long, default_value_t = WIDTH)]
    width: f64,
    /// Print the numbers behind the picture as JSON, in place of the picture
    #[arg(long)]
    data: bool,
}

/// Pictures that need no run.
#[derive(clap::Args)]
struct Ideas {
    /// Folder of the pictures
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    /// PNG beside each SVG
    #[arg(long)]
    png: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    match &args.kind {
        Kind::Raster(p) => p.show("raster", |s| observe::raster(s, p.sample)),
        Kind::Traces(p) => p.show("traces", |s| {
            observe::traces(s, p.sample, p.node.as_deref())
        }),
        Kind::Confusion(p) => p.show("confusion", |s| Ok(Survey::new(s, p.limit)?.confusion())),
        Kind::Weights(p) => p.show("weights", |s| observe::weights(s, p.node.as_deref())),
        Kind::Steps(p) => p.show("steps", |s| Ok(Survey::new(s, p.limit)?.steps())),
        Kind::Curves(p) => {
            let (folder, recipe) = Folder::open(&p.run)?;
            p.give("curves", &observe::curves(folder.path(), &recipe.about)?)
        }
        Kind::Figures(i) => i.all(figures::all()?),
        Kind::Encoders(i) => i.all(encoders::all()?),
        Kind::Stdp(i) => i.all(windows::all()?),
    }
}

impl Picture {
    fn show<C: Chart>(&self, name: &str, chart: impl FnOnce(&Scene) -> Result<C>) -> Result<()> {
        let run = Trained::open(&self.run, &[])?;
        self.give(name, &chart(&run.scene())?)
    }

    fn give(&self, name: &str, chart: &impl Chart) -> Result<()> {
        let mut out = std::io::stdout();
        if self.data {
            return writeln!(out, "{}", serde_json::to_string(chart)?)
                .context("cannot write to stdout");
        }
        let place = self.run.join(format!("{name}.svg"));
        let path = self.out.clone().unwrap_or(place);
        save(chart, self.width, &path)?;
        writeln!(out, "{}", path.display()).context("cannot write to stdout")
    }
}

impl Ideas {
    fn all(&self, pictures: Vec<Idea>) -> Result<()> {
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot create {}", self.out.display()))?;
        for (name, width, chart) in pictures {
            for end in ["svg", "png"].into_iter().take(1 + usize::from(self.png)) {
                let path = self.out.join(format!("{name}.{end}"));
                chart(width, &path)?;
                writeln!(std::io::stdout(), "{}", path.display())
                    .context("cannot write to stdout")?;
            }
        }
        Ok(())
    }
}

/// A picture's name, its width, and what saves it.
type Idea = (String, f64, Box<dyn Fn(f64, &Path) -> Result<()>>);

fn idea(name: impl Into<String>, width: f64, chart: impl Chart + 'static) -> Idea {
    (
        name.into(),
        width,
        Box::new(move |width, path| save(&chart, width, path)),
    )
}

/// Pixels of a PNG for each of the SVG.
const SCALE: f32 = 2.0;

/// Draws a chart and writes it as what the name of the file says.
pub fn save(chart: &impl Chart, width: f64, path: &Path) -> Result<()> {
    let figure = chart.draw(width)?;
    let bytes = match path.extension().and_then(|e| e.to_str()) {
        Some("svg") => figure.svg().as_bytes().to_vec(),
        Some("png") => figure.png(SCALE)?,
        _ => bail!(
            "picture {}: expected a name that ends in .svg or .png",
            path.display()
        ),
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    Ok(write_atomic(path, &bytes)?)
}
