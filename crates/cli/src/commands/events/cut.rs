//! `cortado events cut`.

use super::{Source, Target, time};
use anyhow::{Result, bail};
use cortado_events::{Reader, Recording};
use std::path::Path;

/// Arguments of `cortado events cut`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    target: Target,
    /// First time that is taken, in the file's own: microseconds, or a number with us, ms or s
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "0")]
    from: u64,
    /// First time that is no longer taken
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<u64>,
    /// Go to the first time by an index beside the file, FILE.idx, which is made if it is not there
    #[arg(long)]
    index: bool,
    /// So many events are left out at the start of what the times take
    #[arg(long, default_value_t = 0)]
    skip: u64,
    /// At most so many events are taken
    #[arg(long)]
    events: Option<u64>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let window = args.from..args.until.unwrap_or(u64::MAX);
    if window.is_empty() {
        bail!(
            "times: expected --from before --until, got {} and {}",
            window.start,
            window.end
        );
    }
    let (mut skip, mut left) = (args.skip, args.events.unwrap_or(u64::MAX));
    let mut change = |batch: &mut Recording| {
        batch.triggers.retain(|g| window.contains(&g.t));
        batch.events.retain(|e| {
            let inside = window.contains(&e.t);
            if !inside || skip > 0 || left == 0 {
                skip -= u64::from(inside && skip > 0);
                return false;
            }
            left -= 1;
            true
        });
        Ok(left > 0)
    };
    let source = &args.source;
    if source.file == Path::new("-") || !args.index {
        return super::copy(source, &args.target, change);
    }
    let options = source.how.options();
    let reader = Reader::open_at(&source.file, source.how.format, &options, args.from);
    let reader = reader.map_err(super::unreadable)?.until(window.end);
    super::copy_from(source, &args.target, reader, &mut change)
}
