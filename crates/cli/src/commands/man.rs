//! `cortado man`: manual pages, made from the definition that the parser uses.

use anyhow::{Context, Result};
use clap::Command;
use clap_mangen::Man;
use cortado_base::write_atomic;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments of `cortado man`.
#[derive(clap::Args)]
pub struct Args {
    /// Folder to write the pages of all verbs into: cortado.1, cortado-train.1, ...
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args, command: Command) -> Result<()> {
    let Some(folder) = &args.out else {
        let page = page(command)?;
        return std::io::stdout()
            .write_all(&page)
            .context("cannot write to stdout");
    };
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, command) in pages(command) {
        write(folder, &name, command)?;
    }
    Ok(())
}

/// The command and each of its verbs, under the name of its page.
fn pages(mut command: Command) -> Vec<(String, Command)> {
    command.build();
    let verbs: Vec<Command> = command.get_subcommands().cloned().collect();
    let mut pages = vec![("cortado".to_string(), command)];
    for verb in verbs.into_iter().filter(|v| v.get_name() != "help") {
        pages.push((format!("cortado-{}", verb.get_name()), verb));
    }
    pages
}

fn write(folder: &Path, name: &str, command: Command) -> Result<()> {
    let path = folder.join(format!("{name}.1"));
    Ok(write_atomic(&path, &page(command)?)?)
}

fn page(command: Command) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    Man::new(command).render(&mut text)?;
    Ok(text)
}
