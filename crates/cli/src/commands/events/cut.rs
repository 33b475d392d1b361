//! `cortado events cut`.

use super::{Source, Target, time};
use anyhow::{Result, bail};

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
    super::copy(&args.source, &args.target, |batch| {
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
    })
}
