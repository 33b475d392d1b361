//! `cortado data`: public data sets, downloaded and checked.

use anyhow::{Result, bail};
use cortado_data::cache::Cache;
use cortado_data::default_folder;
use cortado_data::fetch::{self, Checked, Event, Fetched, State};
use cortado_data::manifest::{Classes, Manifest};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Arguments of `cortado data`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Download a data set, or what is missing of it
    ///
    /// Files arrive as NAME.part and get their names when their length and checksum are right. A download
    /// that was stopped goes on where it stopped. When a mirror fails the next one is asked. Archives are
    /// unpacked: paths that leave the folder, links, and more files or bytes than the manifest allows are
    /// refused. What was downloaded is recorded in sources.json in the folder of the data set.
    ///
    /// Where only a person can fetch a data set, it says how; what is in its folder then is checked and unpacked.
    ///
    /// Proxies are taken from ALL_PROXY, HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
    Get(Get),
    /// List the data sets that `get` knows: bytes, pixels of the sensor, classes, whether it is there or to be fetched by hand
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Show where decoded recordings are kept, and how much, or remove them
    ///
    /// Loading a folder of recordings keeps each sample, decoded and changed, where that saves time. CORTADO_CACHE names the
    /// folder (empty or 'off': none), CORTADO_CACHE_MAX the bytes at most, such as 20GB; beyond those, what was not
    /// used for longest goes.
    Cache {
        /// Remove what is kept, and nothing else that is in the folder
        #[arg(long)]
        clear: bool,
        /// One JSON object on the last line, and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Check what is there of a data set against its checksums
    ///
    /// Ends with an error when something is missing or wrong.
    Check {
        /// Name of a data set, or path of a manifest that ends in .toml
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(clap::Args)]
struct Place {
    /// Data folder, which holds one folder for each data set [default: CORTADO_DATA, or ../shared/data]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// One JSON object on the last line, and nothing else
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Get {
    /// Name of a data set (see `cortado data list`), or path of a manifest that ends in .toml
    name: String,
    #[command(flatten)]
    place: Place,
    /// Address of a folder, or path of a local folder, that holds the files, instead of the mirrors
    #[arg(long, value_name = "URL_OR_FOLDER")]
    from: Option<String>,
    /// Keep archives after they are unpacked
    #[arg(long)]
    keep: bool,
    /// Replace what is there and wrong
    #[arg(long)]
    force: bool,
    /// Longest silence of a server, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Tries at one mirror that bring nothing, before the next mirror's turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    tries: u32,
}

impl Place {
    fn folder(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(default_folder)
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    match &args.verb {
        Verb::Get(args) => get(args),
        Verb::List { place } => list(place),
        Verb::Cache { clear, json } => cache(*clear, *json),
        Verb::Check { name, place } => check(name, place),
    }
}

fn get(args: &Get) -> Result<()> {
    let (start, folder) = (Instant::now(), args.place.folder());
    let manifest = Manifest::find(&args.name)?;
    let mut out = std::io::stdout();
    if !args.place.json {
        writeln!(out, "{}\n{}", manifest.about, terms(&manifest))?;
    }
    let read = Duration::from_secs(args.timeout);
    let mut options = fetch::Options {
        read,
        tries: args.tries,
        from: args.from.clone(),
        keep: args.keep,
        force: args.force,
        ..Default::default()
    };
    options.connect = options.connect.min(read);
    let mut show = Show::new(args.place.json);
    let fetched = fetch::get(&manifest, &folder, &options, &mut |event| show.event(event));
    show.bar.finish_and_clear();
    let fetched = fetched?;
    let bytes: u64 = fetched.iter().map(|f| f.bytes).sum();
    let seconds = start.elapsed().as_secs_f64();
    let folder = folder.join(&manifest.name);
    if args.place.json {
        let files: Vec<_> = fetched.iter().map(as_json).collect();
        writeln!(
            out,
            "{}",
            json!({
                "name": manifest.name, "folder": folder, "licence": manifest.licence,
                "files": files, "bytes": bytes, "seconds": seconds,
            })
        )?;
    } else {
        writeln!(
            out,
            "{} in {}, {seconds:.1} s",
            HumanBytes(bytes),
            folder.display()
        )?;
    }
    Ok(())
}

fn terms(manifest: &Manifest) -> String {
    let cite = manifest.cite.join(", ");
    format!(
        "Licence {}. Cite {cite}. {}",
        manifest.licence, manifest.page
    )
}

fn as_json(file: &Fetched) -> serde_json::Value {
    json!({
        "name": file.name, "bytes": file.bytes, "from": file.from, "checked": word(file.checked),
    })
}

fn word(checked: Checked) -> &'static str {
    match checked {
        Checked::Sha256 => "sha256",
        Checked::Md5 => "md5",
        Checked::Recorded => "recorded",
        Checked::Size => "size",
        Checked::Nothing => "nothing",
    }
}

/// Draws what happens: a bar on a terminal, a line for each file anywhere.
struct Show {
    bar: ProgressBar,
    quiet: bool,
}

impl Show {
    fn new(quiet: bool) -> Self {
        let bar = if quiet {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(0)
        };
        Self { bar, quiet }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::File { name, bytes } => {
                let template = match bytes {
                    Some(_) => "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
                    None => "{msg} {bytes} {bytes_per_sec}",
                };
                self.bar.reset();
                self.bar.set_length(bytes.unwrap_or(0));
                if let Ok(style) = ProgressStyle::with_template(template) {
                    self.bar.set_style(style);
                }
                self.bar.set_message(name.to_string());
            }
            Event::Bytes { so_far } => self.bar.set_position(so_far),
            Event::Resumed { at } => {
                self.bar.set_position(at);
                self.bar.reset_eta();
            }
            Event::Unpacking => self.bar.set_message("unpacking"),
            Event::Failed { from, why } => self.line(&format!("  {from}: {why}"), true),
            Event::Done(file) => {
                let from = file.from.as_deref().unwrap_or("was there");
                let size = HumanBytes(file.bytes).to_string();
                self.line(
                    &format!("{:28} {size:>11}  {}  {from}", file.name, file.checked),
                    false,
                );
            }
            Event::Trying { .. } => {}
        }
    }

    fn line(&self, text: &str, aside: bool) {
        if self.quiet {
            return;
        }
        // Whoever no longer reads does not stop the download.
        self.bar.suspend(|| {
            let _ = match aside {
                true => writeln!(std::io::stderr(), "{text}"),
                false => writeln!(std::io::stdout(), "{text}"),
            };
        });
    }
}

fn list(place: &Place) -> Result<()> {
    let (folder, mut out) = (place.folder(), std::io::stdout());
    let mut rows = Vec::new();
    for name in Manifest::names() {
        let manifest = Manifest::built_in(name)?;
        let present = fetch::present(&manifest, &folder);
        let exact = manifest.files.iter().all(|f| f.size.is_some());
        let bytes: u64 = manifest.files.iter().map(|f| f.limit()).sum();
        rows.push(json!({
            "name": name, "about": manifest.about, "bytes": exact.then_some(bytes),
            "at_most": bytes, "licence": manifest.licence, "cite": manifest.cite,
            "page": manifest.page, "present": present, "manual": manifest.manual,
            "geometry": manifest.geometry, "classes": manifest.classes.as_ref().map(Classes::count),
            "names": manifest.classes.as_ref().and_then(Classes::names),
        }));
        if !place.json {
            let size = if exact {
                HumanBytes(bytes).to_string()
            } else {
                "not published".into()
            };
            let there = match (present, &manifest.manual) {
                (true, _) => "there",
                (false, Some(_)) => "by hand",
                (false, None) => "-",
            };
            let sensor = manifest.geometry.map(|[w, h]| format!("{w}x{h}"));
            let classes = manifest.classes.as_ref().map(|c| c.count().to_string());
            let or = |text: Option<String>| text.unwrap_or_else(|| "-".into());
            writeln!(
                out,
                "{name:13} {size:>13} {:>8} {:>4} {there:7} {}; {}",
                or(sensor),
                or(classes),
                manifest.about,
                manifest.licence,
            )?;
        }
    }
    if place.json {
        writeln!(out, "{}", json!({"folder": folder, "data": rows}))?;
    }
    Ok(())
}

fn cache(clear: bool, json: bool) -> Result<()> {
    let (cache, mut out) = (Cache::from_env()?, std::io::stdout());
    let usage = if clear { cache.clear() } else { cache.usage() }?;
    let (folder, most) = (cache.folder(), cache.most());
    if json {
        let what = if clear { "removed" } else { "kept" };
        let line = json!({
            "folder": folder, "most": most, what: {"entries": usage.entries, "bytes": usage.bytes},
        });
        writeln!(out, "{line}")?;
        return Ok(());
    }
    let Some(folder) = folder else {
        writeln!(
            out,
            "no cache: CORTADO_CACHE is empty or off, or there is no home folder"
        )?;
        return Ok(());
    };
    let size = HumanBytes(usage.bytes);
    let word = if usage.entries == 1 {
        "sample"
    } else {
        "samples"
    };
    let samples = format!("{} {word}, {size}", usage.entries);
    match clear {
        true => writeln!(out, "{}: removed {samples}", folder.display())?,
        false => writeln!(
            out,
            "{}: {samples}, at most {}",
            folder.display(),
            HumanBytes(most)
        )?,
    }
    Ok(())
}

fn check(name: &str, place: &Place) -> Result<()> {
    let (manifest, mut out) = (Manifest::find(name)?, std::io::stdout());
    let states = fetch::check(&manifest, &place.folder())?;
    let (mut rows, mut bad) = (Vec::new(), 0);
    for (name, state) in &states {
        let (word, text) = match state {
            State::There { checked, .. } => (word(*checked), checked.to_string()),
            State::Absent { arrived: 0 } => ("absent", "not there".into()),
            State::Absent { arrived } => {
                ("part", format!("not there, {arrived} bytes have arrived"))
            }
            State::Wrong { expected, got } => {
                ("wrong", format!("WRONG: expected {expected}, got {got}"))
            }
        };
        let right = matches!(state, State::There { .. });
        bad += usize::from(!right);
        rows.push(json!({"name": name, "right": right, "checked": word}));
        if !place.json {
            writeln!(out, "{name:28} {text}")?;
        }
    }
    if place.json {
        writeln!(out, "{}", json!({"name": manifest.name, "files": rows}))?;
    }
    if bad > 0 {
        let at = place.folder().join(&manifest.name);
        bail!(
            "data set at {}: expected {} files or folders that are right, got {bad} that are not",
            at.display(),
            states.len()
        );
    }
    Ok(())
}
