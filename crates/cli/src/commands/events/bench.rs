//! `cortado events bench`.

use anyhow::{Result, bail};
use cortado_events::{Reader, Recording, decode};
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

/// Arguments of `cortado events bench`.
#[derive(clap::Args)]
pub struct Args {
    /// Recordings, long ones: bench/events/repeat.py makes them of short ones
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Number of threads; all cores if absent
    #[arg(long)]
    threads: Option<usize>,
    /// How often each is decoded; the fastest counts
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Read the file anew each time
    #[arg(long)]
    read: bool,
    /// One JSON object on the last line, and nothing else
    #[arg(long)]
    json: bool,
}

/// The least seconds that something takes.
fn least(rounds: u32, mut what: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..rounds {
        let start = Instant::now();
        what()?;
        least = least.min(start.elapsed().as_secs_f64());
    }
    Ok(least)
}

/// Bytes a second that a plain copy reads and writes, on as many threads.
fn copy(rounds: u32) -> Result<f64> {
    const LENGTH: usize = 64 << 20;
    let (from, mut to) = (vec![1u8; LENGTH], vec![2u8; LENGTH]);
    let part = LENGTH / rayon::current_num_threads();
    let seconds = least(rounds, || {
        rayon::scope(|scope| {
            for (from, to) in from.chunks(part).zip(to.chunks_mut(part)) {
                scope.spawn(move |_| to.copy_from_slice(std::hint::black_box(from)));
            }
        });
        std::hint::black_box(&mut to);
        Ok(())
    })?;
    Ok(2.0 * LENGTH as f64 / seconds)
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let pool = crate::commands::pool(args.threads)?;
    pool.install(|| measure(args))
}

fn measure(args: &Args) -> Result<()> {
    let copy = copy(args.rounds)?;
    let mut out = std::io::stdout();
    if !args.json {
        let threads = rayon::current_num_threads();
        writeln!(
            out,
            "{threads} threads; a plain copy reads and writes {:.1} GB a second\n",
            copy / 1e9
        )?;
        writeln!(
            out,
            "{:24} {:8} {:>12} {:>9} {:>9} {:>7}",
            "file", "format", "events", "M ev/s", "GB/s in", "of copy"
        )?;
    }
    let mut rows = Vec::new();
    let mut recording = Recording::default();
    for path in &args.files {
        let at = path.display().to_string();
        let format = Reader::open(path, None, &Default::default())
            .map_err(super::unreadable)?
            .format();
        let mut bytes = std::fs::read(path)?;
        let seconds = least(args.rounds, || {
            if args.read {
                super::load(path, &mut bytes)?;
            }
            decode(&bytes, format, &Default::default(), &at, &mut recording)
                .map_err(super::unreadable)?;
            Ok(())
        })?;
        let events = recording.events.len();
        if events == 0 {
            bail!("recording at {at}: expected events, got none");
        }
        let rate = events as f64 / seconds;
        // Bytes that come in, and 13 an event that go out.
        let moved = bytes.len() as f64 + 13.0 * events as f64;
        let of_copy = moved / seconds / copy;
        let name = path
            .file_name()
            .map_or(at.clone(), |n| n.to_string_lossy().into_owned());
        if !args.json {
            let gb = bytes.len() as f64 / seconds / 1e9;
            writeln!(
                out,
                "{name:24} {:8} {events:>12} {:>9.1} {gb:>9.2} {of_copy:>7.2}",
                format.name(),
                rate / 1e6
            )?;
        }
        rows.push(json!({
            "file": at, "format": format.name(), "bytes": bytes.len(), "events": events, "seconds": seconds,
            "events_per_second": rate, "of_copy": of_copy,
        }));
    }
    if args.json {
        let all = json!({"threads": rayon::current_num_threads(), "copy_bytes_per_second": copy, "files": rows});
        writeln!(out, "{all}")?;
    }
    Ok(())
}
