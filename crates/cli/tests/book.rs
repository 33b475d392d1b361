//! The book: each command in it runs, each link, picture and source is there, and it leaves nothing out.
//!
//! With `CORTADO_BOOK_IMAGES` naming a folder, the pictures that the commands make are copied into it (`just book-pictures`).

use cortado::neuron::{Convention, models};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// A page, with its name below `docs`.
struct Page {
    name: String,
    text: String,
}

/// Lines between fences.
struct Block {
    /// What stands behind the opening fence.
    info: String,
    /// The line of the opening fence, from 1.
    line: usize,
    text: String,
    /// The first line behind it.
    after: String,
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
}

fn pages() -> Vec<Page> {
    let mut paths = Vec::new();
    walk(&docs(), &mut paths);
    paths.sort();
    let page = |path: PathBuf| Page {
        name: path.strip_prefix(docs()).unwrap().display().to_string(),
        text: std::fs::read_to_string(path).unwrap(),
    };
    paths.into_iter().map(page).collect()
}

fn page(name: &str) -> String {
    std::fs::read_to_string(docs().join(name)).unwrap()
}

/// The fenced blocks of a page.
fn blocks(text: &str) -> Vec<Block> {
    let (mut blocks, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    let mut last_closed = 0;
    for (n, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some(Block {
                    info: info.trim().into(),
                    line: n + 1,
                    text: String::new(),
                    after: String::new(),
                });
            }
            (Some(_), Some(_)) => {
                blocks.extend(open.take());
                last_closed = n;
            }
            (Some(block), None) => {
                block.text += line;
                block.text += "\n";
            }
            (None, None) if n <= last_closed + 2 => {
                if let Some(block) = blocks.last_mut() {
                    block.after += line;
                }
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    blocks
}

/// The text of a page with its blocks blanked, line for line.
fn prose(text: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for line in text.lines() {
        let fence = line.starts_with("```");
        inside ^= fence;
        out += if inside || fence { "" } else { line };
        out += "\n";
    }
    out
}

/// Data that is not in the repository, or nothing, said aloud.
fn data() -> Option<PathBuf> {
    let root = std::env::var_os("CORTADO_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    root.is_dir().then(|| root.canonicalize().unwrap())
}

fn say(line: &str) {
    // Straight to the stream: the test harness would hide what eprintln prints in a test that passes.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A shell in `folder` in which `cortado` is the command under test.
fn shell(folder: &Path) -> Command {
    let cortado = Path::new(env!("CARGO_BIN_EXE_cortado"));
    let own = cortado.parent().unwrap().to_path_buf();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(own).chain(std::env::split_paths(&path));
    let mut sh = Command::new("sh");
    sh.arg("-e")
        .current_dir(folder)
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("CORTADO_CACHE", folder.join(".cache"));
    if let Some(data) = data() {
        sh.env("CORTADO_DATA", data);
    }
    sh
}

/// Runs a page's blocks in order, in a folder of their own; what went wrong.
fn run(page: &Page) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (mut wrong, mut skipped) = (Vec::new(), false);
    for block in blocks(&page.text) {
        let at = format!("docs/{}:{}", page.name, block.line);
        match block.info.as_str() {
            "sh" => {}
            "sh,data" if data().is_some() => {}
            "sh,data" => {
                say(&format!(
                    "SKIPPED: {at}: no data (CORTADO_DATA names the folder)"
                ));
                skipped = true;
                continue;
            }
            "sh,norun" => {
                let because = "<!-- not run: ";
                match block.after.strip_prefix(because) {
                    Some(reason) => say(&format!(
                        "NOT RUN: {at}: {}",
                        reason.trim_end_matches(" -->")
                    )),
                    None => wrong.push(format!("{at}: no '{because}REASON -->' behind it")),
                }
                continue;
            }
            "text" | "toml" | "rust" | "python" | "json" => continue,
            other => {
                wrong.push(format!("{at}: a block of kind '{other}' is not run"));
                continue;
            }
        }
        let out = shell(folder.path())
            .args(["-c", &block.text])
            .output()
            .unwrap();
        if !out.status.success() {
            let error = String::from_utf8_lossy(&out.stderr);
            let lines: Vec<&str> = error.lines().filter(|l| !l.is_empty()).take(3).collect();
            wrong.push(format!("{at}: {}: {}", out.status, lines.join(" / ")));
        }
    }
    if wrong.is_empty() && !skipped {
        wrong = pictures(page, folder.path());
    }
    wrong
}

/// Each picture of a page is made by its commands; copies them where that is asked for.
fn pictures(page: &Page, folder: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    let made = |link: &&Link| link.picture && link.target.starts_with("images/");
    for link in links(&page.text).iter().filter(made) {
        let from = folder.join(&link.target);
        if !from.is_file() {
            let at = format!("docs/{}:{}", page.name, link.line);
            wrong.push(format!("{at}: no command made {}", link.target));
        } else if let Some(to) = std::env::var_os("CORTADO_BOOK_IMAGES") {
            let name = from.file_name().unwrap();
            std::fs::copy(&from, Path::new(&to).join(name)).unwrap();
        }
    }
    wrong
}

#[test]
fn every_command_runs() {
    let queue = Mutex::new(pages().into_iter());
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(page) = queue.lock().unwrap().next() else {
                        return;
                    };
                    let found = run(&page);
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

struct Link {
    line: usize,
    target: String,
    picture: bool,
}

/// Inline links and pictures outside of blocks and of code.
fn links(text: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (n, line) in prose(text).lines().enumerate() {
        for (at, _) in line.match_indices("](") {
            let before = &line[..at];
            let end = line[at + 2..].find(')');
            let open = before.rfind('[');
            let (Some(end), Some(open)) = (end, open) else {
                continue;
            };
            // An odd number of ticks: inside code.
            if before.matches('`').count() % 2 == 1 {
                continue;
            }
            found.push(Link {
                line: n + 1,
                target: line[at + 2..at + 2 + end].into(),
                picture: before[..open].ends_with('!'),
            });
        }
    }
    found
}

/// The anchor of a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_and_picture_resolves() {
    let mut wrong = Vec::new();
    for page in pages() {
        let folder = docs()
            .join(&page.name)
            .parent()
            .map(Path::to_path_buf)
            .unwrap();
        for link in links(&page.text) {
            if link.target.contains("://") {
                continue;
            }
            let at = format!("docs/{}:{}", page.name, link.line);
            let (file, part) = link.target.split_once('#').unwrap_or((&link.target, ""));
            let path = if file.is_empty() {
                docs().join(&page.name)
            } else {
                folder.join(file)
            };
            if !path.exists() {
                wrong.push(format!("{at}: no {file}"));
            } else if !part.is_empty() {
                let text = prose(&std::fs::read_to_string(&path).unwrap());
                let mut headings = text.lines().filter(|l| l.starts_with('#'));
                if !headings.any(|h| anchor(h) == part) {
                    wrong.push(format!("{at}: no heading #{part} in {file}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What stands between ticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|l| l.split('`').skip(1).step_by(2))
}

#[test]
fn every_source_is_in_the_list() {
    let refs = page("refs.bib");
    let keys: BTreeSet<&str> = refs
        .lines()
        .filter_map(|l| l.strip_prefix('@')?.split_once('{')?.1.split(',').next())
        .collect();
    let is_key = |word: &&str| {
        let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
        word.len() == name.len() + 4
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_lowercase())
    };
    let mut cited = 0;
    for page in pages() {
        for key in code(&prose(&page.text)).filter(is_key) {
            assert!(keys.contains(key), "docs/{}: {key}", page.name);
            cited += 1;
        }
    }
    assert!(cited > 20, "{cited}");
}

#[test]
fn every_page_is_in_the_summary() {
    let summary: BTreeSet<String> = links(&page("SUMMARY.md"))
        .into_iter()
        .map(|l| l.target)
        .collect();
    for page in pages().iter().filter(|p| p.name != "SUMMARY.md") {
        assert!(summary.contains(&page.name), "{}", page.name);
    }
}

/// Each model has a section of its own, whose table holds the defaults and units that the model has.
#[test]
fn every_model_and_parameter_is_explained() {
    let text = page("book/neurons.md");
    let sections: BTreeMap<&str, &str> = text
        .split("\n## `")
        .skip(1)
        .filter_map(|s| Some((s.split('`').next()?, s)))
        .collect();
    for model in models() {
        let section = sections
            .get(model.name)
            .unwrap_or_else(|| panic!("no section `{}`", model.name));
        let cells =
            |line: &str| -> Vec<String> { line.split('|').map(|c| c.trim().to_string()).collect() };
        for p in model.params {
            let name = format!("`{}`", p.name);
            assert!(section.contains(&name), "{}: {name}", model.name);
            let rows = section.lines().map(cells);
            for row in rows.filter(|row| row.len() == 6 && row[1] == name) {
                let number = row[3].split_whitespace().last().map(str::parse::<f64>);
                let Some(Ok(number)) = number else {
                    panic!("{}: {name}: {}", model.name, row[3])
                };
                let same = (number - p.default).abs() <= 1e-3 * p.default.abs();
                assert!(
                    same && row[4] == p.unit,
                    "{} {name}: {} {}",
                    model.name,
                    p.default,
                    p.unit
                );
            }
        }
    }
}

/// The table of presets says what the presets are.
#[test]
fn every_preset_is_as_the_book_has_it() {
    let text = page("book/discretisation.md");
    for name in Convention::PRESETS {
        let row = format!("| `{name}` |");
        let row = text
            .lines()
            .find(|l| l.starts_with(&row))
            .unwrap_or_else(|| panic!("no row '{name}'"));
        let table = code(row).find(|c| c.starts_with('{')).unwrap();
        let parsed: BTreeMap<String, Convention> = toml::from_str(&format!("c = {table}")).unwrap();
        assert_eq!(Some(parsed["c"]), Convention::preset(name), "{name}");
    }
}

#[test]
fn every_recipe_is_mentioned_and_the_one_explained_runs() {
    let text = page("book/recipes.md");
    let folder = tempfile::tempdir().unwrap();
    let cortado = |args: &str| {
        let line = format!("cortado {args}");
        let out = shell(folder.path()).args(["-c", &line]).output().unwrap();
        let error = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{line}: {error}");
        String::from_utf8(out.stdout).unwrap()
    };
    let list: serde_json::Value = serde_json::from_str(&cortado("recipes --json")).unwrap();
    for recipe in list.as_array().unwrap() {
        let name = recipe["name"].as_str().unwrap();
        assert!(text.contains(&format!("| `{name}` |")), "{name}");
    }
    let recipe = |b: &Block| b.info == "toml" && b.text.contains("about =");
    let shown = blocks(&text).into_iter().find(recipe).unwrap();
    std::fs::write(folder.path().join("shown.toml"), shown.text).unwrap();
    cortado("train shown.toml --set train.epochs=1 --json");
}
