//! `report.html`: a run on one page that needs no network.

mod cost;
mod html;
mod sections;

use crate::local;
use crate::observe::{Scene, Survey, metrics};
use anyhow::Result;
use cortado_base::write_atomic;
use html::escape;
use sections::sections;
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Test samples that the report looks at.
const SAMPLES: usize = 1000;

/// Lines of metrics on a page, at most.
const LINES: usize = 1000;

/// What sections are written from.
pub struct Report<'a> {
    /// What the recipe says that it does.
    about: &'a str,
    /// Seed of the run.
    seed: u64,
    /// The recipe as TOML.
    recipe: String,
    /// The network and its data; none of a local rule.
    scene: Option<&'a Scene<'a>>,
    /// Folder of the run.
    folder: &'a Path,
    /// The metrics on the way, one line for each epoch of a network; of many lines every so many-th.
    lines: Vec<Value>,
    every: usize,
    /// The result of the test, if there has been one.
    result: Option<Value>,
    /// What the network makes of test samples, if they have classes.
    survey: Option<Survey>,
}

/// Writes `report.html` into the folder of a run with a network; where it is. A section that fails is left out with a warning on stderr.
///
/// # Errors
/// Metrics that cannot be read; a file that cannot be written.
pub fn write(scene: &Scene, folder: &Path) -> Result<PathBuf> {
    let classes = scene.test.classes > 0 && !scene.test.is_empty();
    let survey = classes.then(|| Survey::new(scene, SAMPLES));
    let survey = survey.and_then(|s| s.map_err(|e| warn("the test samples", &e)).ok());
    let Scene { recipe, .. } = scene;
    save(&Report {
        scene: Some(scene),
        survey,
        ..Report::new((&recipe.about, recipe.seed), recipe, folder)?
    })
}

/// As [`write`], of a run of a local rule.
///
/// # Errors
/// As [`write`].
pub fn local(recipe: &local::Recipe, folder: &Path) -> Result<PathBuf> {
    save(&Report::new((&recipe.about, recipe.seed), recipe, folder)?)
}

/// [`LINES`] lines at most, the last one among them, and how far apart they stood.
fn thinned(lines: Vec<Value>) -> (Vec<Value>, usize) {
    let (all, every) = (lines.len(), lines.len().div_ceil(LINES).max(1));
    let kept = |(i, line): (usize, Value)| ((all - 1 - i) % every == 0).then_some(line);
    (
        lines.into_iter().enumerate().filter_map(kept).collect(),
        every,
    )
}

fn save(report: &Report) -> Result<PathBuf> {
    let path = report.folder.join("report.html");
    write_atomic(&path, report.html().as_bytes())?;
    Ok(path)
}

/// Says on stderr what the report lacks.
pub fn warn(what: &str, e: &anyhow::Error) {
    eprintln!("warning: report without {what}: {e:#}");
}

impl<'a> Report<'a> {
    /// What every run has.
    fn new(
        (about, seed): (&'a str, u64),
        recipe: &impl Serialize,
        folder: &'a Path,
    ) -> Result<Self> {
        let (lines, result) = metrics(folder)?;
        let (lines, every) = thinned(lines);
        Ok(Self {
            about,
            seed,
            recipe: toml::to_string(recipe)?,
            scene: None,
            folder,
            lines,
            every,
            result,
            survey: None,
        })
    }

    fn html(&self) -> String {
        let title = escape(self.about);
        let (mut nav, mut body) = (String::new(), String::new());
        for section in sections() {
            match (section.write)(self) {
                Ok(Some(content)) => {
                    let (id, name) = (section.id, section.title);
                    nav += &format!("<a href=\"#{id}\">{name}</a>\n");
                    body +=
                        &format!("<section id=\"{id}\">\n<h2>{name}</h2>\n{content}</section>\n");
                }
                Ok(None) => {}
                Err(e) => warn(section.title, &e),
            }
        }
        let name = self
            .folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{title}</h1>\n\
             <p class=\"sub\">run <b>{}</b>, cortado {}</p>\n<nav>\n{nav}</nav>\n</header>\n{body}</main>\n</body>\n</html>\n",
            include_str!("report.css"),
            escape(&name),
            env!("CARGO_PKG_VERSION"),
        )
    }
}
