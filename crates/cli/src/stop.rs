//! What ends the command: signals that let it finish its batch, and exit codes.

use anyhow::{Context, Result};
use cortado_base::Error;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

/// What `--help` says of exit codes.
pub const CODES: &str = "\
Exit codes: 0 done; 1 failed; 2 wrong command line, of `events` and `nir` also a file that is not what it says; 130 and 143 stopped by Ctrl-C (SIGINT) and SIGTERM, after the batch \
under way and with a checkpoint, of a local rule after its next line and without. A second signal ends the command at once.";

/// The number of a signal becomes this more as an exit code.
const SIGNALLED: i32 = 128;

/// The first signal that came; 0 before.
static SIGNAL: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// From now on the first SIGINT or SIGTERM is noted, and the second ends the process.
pub fn watch() -> Result<()> {
    if SIGNAL.get().is_some() {
        return Ok(());
    }
    let (first, second) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    for signal in [SIGINT, SIGTERM] {
        let exit = SIGNALLED + signal;
        // In this order: what is armed by the first signal acts on the second.
        flag::register_conditional_shutdown(signal, exit, second.clone())
            .and_then(|_| flag::register(signal, second.clone()))
            .and_then(|_| flag::register_usize(signal, first.clone(), signal as usize))
            .context("cannot watch signals")?;
    }
    let _ = SIGNAL.set(first);
    Ok(())
}

/// The signal that came since [`watch`].
pub fn signal() -> Option<i32> {
    let number = SIGNAL.get()?.load(SeqCst) as i32;
    (number != 0).then_some(number)
}

/// A run that a signal has stopped.
#[derive(Debug)]
pub struct Stopped {
    /// The signal.
    pub signal: i32,
    /// Whether it left a checkpoint.
    pub checkpoint: bool,
    /// How to go on, as a command; none if that is not possible.
    pub resume: Option<String>,
}

impl Stopped {
    /// A training run.
    pub fn run(signal: i32, folder: PathBuf) -> Self {
        let resume = format!(
            "cortado train --resume {}",
            quoted(&folder.display().to_string())
        );
        Self {
            signal,
            checkpoint: true,
            resume: Some(resume),
        }
    }

    /// A run of a local rule.
    pub fn local(signal: i32) -> Self {
        Self {
            signal,
            checkpoint: false,
            resume: None,
        }
    }
}

/// As a shell takes it for one word.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=,:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.signal {
            SIGINT => "SIGINT",
            _ => "SIGTERM",
        };
        match &self.resume {
            Some(resume) if self.checkpoint => write!(
                f,
                "stopped by {name} with a checkpoint; `{resume}` goes on from there"
            ),
            Some(resume) => write!(
                f,
                "stopped by {name}; a local rule leaves no checkpoint: `{resume}` begins its run again and goes on"
            ),
            None => write!(
                f,
                "stopped by {name}; a local rule leaves no checkpoint to go on from"
            ),
        }
    }
}

impl std::error::Error for Stopped {}

/// A file that is not what it says; the command ends with code 2.
#[derive(Debug)]
pub struct Unreadable(pub Error);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unreadable {}

/// An error in what a file holds ends the command with another code than one of the system.
pub fn unreadable(e: Error) -> anyhow::Error {
    match e {
        e @ Error::Invalid { .. } => Unreadable(e).into(),
        e => e.into(),
    }
}

/// Says what went wrong and gives the exit code.
pub fn code(done: Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) if closed(&e) => ExitCode::SUCCESS,
        Err(e) => match e.downcast_ref::<Stopped>() {
            Some(stopped) => {
                eprintln!("{stopped}");
                ExitCode::from((SIGNALLED + stopped.signal) as u8)
            }
            None => {
                eprintln!("error: {}", sentence(&e));
                match e.downcast_ref::<Unreadable>() {
                    Some(_) => ExitCode::from(2),
                    None => ExitCode::FAILURE,
                }
            }
        },
    }
}

/// An error and its causes, each once: some say their cause themselves.
fn sentence(e: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in e.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Whether whoever read our output has enough of it.
fn closed(e: &anyhow::Error) -> bool {
    let broken = |e: &std::io::Error| e.kind() == std::io::ErrorKind::BrokenPipe;
    e.chain().any(|e| e.downcast_ref().is_some_and(broken))
}
