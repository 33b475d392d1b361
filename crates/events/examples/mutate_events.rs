//! Damages recordings of one format for some seconds and says what the reader made of them:
//!
//! ```text
//! cargo run --release -p cortado-events --example mutate_events -- FORMAT SECONDS [SEED]
//! ```
//! FORMAT is a name of `cortado events --format`. Whole recordings are those that this crate writes, and the real ones
//! that `CORTADO_DATA` holds. A format that can be read in pieces is read in pieces, at once and with a stop at the first
//! damage, which must agree. It prints the number of recordings, how many were read, and each place that panicked; a
//! panic that came out of the reader also gives its seed, and the exit code is 1. Run it under `ulimit -v` to see that
//! memory is bounded.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use cortado_events::format::Format;
use cortado_events::{Event, Geometry, Options, Reader, Recording, Trigger, encode, write};

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Choices, damaged, strict, ways_agree};

/// How often each place panicked.
static PANICS: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// Bytes of a real recording that are damaged.
const MOST: usize = 1 << 16;

/// Recordings without events, with one, and with some in rows and vectors.
fn made() -> Vec<Recording> {
    let event = |i: u64| Event {
        t: 3_000_000 + i * i * 7 % 5000 + 300 * i,
        x: (i * i / 3 % 32) as u16,
        y: (i / 9 % 24) as u16,
        p: i % 5 < 2,
    };
    let with = |n: u64| Recording {
        events: (0..n).map(event).collect(),
        triggers: (0..n / 40)
            .map(|i| Trigger {
                t: 3_000_000 + 9000 * i,
                id: 1,
                value: i % 2 == 0,
            })
            .collect(),
        geometry: Some(Geometry::new(32, 24)),
    };
    [0, 1, 200]
        .map(with)
        .into_iter()
        .chain([sorted(with(200))])
        .collect()
}

/// For formats that hold no event before another, without triggers.
fn sorted(mut r: Recording) -> Recording {
    r.events.sort();
    r.triggers.clear();
    r
}

/// Whole files of a format.
fn files(format: Format, folder: &Path) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for (i, r) in made().iter().enumerate() {
        let path = folder.join(format!("whole-{i}"));
        if let Ok(bytes) = encode(format, r) {
            files.push(bytes);
        } else if write(&path, format, r).is_ok() {
            files.extend(std::fs::read(&path));
        }
    }
    let real = common::real_data("events")
        .into_iter()
        .flat_map(|f| std::fs::read_dir(f.join("events")));
    let fixtures = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"));
    for entry in real.chain(fixtures).flatten().flatten() {
        let known = Reader::open(&entry.path(), None, &Options::default()).map(|r| r.format());
        if known.is_ok_and(|f| f == format) {
            let mut bytes = std::fs::read(entry.path()).unwrap_or_default();
            if Reader::open(&entry.path(), Some(format), &Options::default()).is_ok()
                && encodes(format)
            {
                bytes.truncate(MOST);
            }
            files.push(bytes);
        }
    }
    files
}

/// Whether a format is a stream of bytes.
fn encodes(format: Format) -> bool {
    cortado_events::Decoder::new(format, &Options::default(), "").is_ok()
}

/// Reads bytes in all ways; whether there were no errors.
fn reads(bytes: &[u8], format: Format, file: &Path, size: usize) -> bool {
    if encodes(format) {
        let _ = ways_agree(bytes, format, &strict(), &[size]);
        return ways_agree(bytes, format, &Options::default(), &[size, 1000]).is_ok();
    }
    std::fs::write(file, bytes).unwrap();
    let mut out = Recording::default();
    let all = Reader::open(file, Some(format), &Options::default()).and_then(|mut reader| {
        while reader.next(&mut out)? {
            out.clear();
        }
        Ok(())
    });
    all.is_ok()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| arguments.get(i).and_then(|a| a.parse::<u64>().ok());
    let named = |name: &String| Format::ALL.iter().find(|f| f.name() == name);
    let (Some(&format), Some(seconds)) = (arguments.first().and_then(named), number(1)) else {
        eprintln!("mutate_events FORMAT SECONDS [SEED]");
        std::process::exit(2);
    };
    let folder = tempfile::tempdir().unwrap();
    let files = files(format, folder.path());
    assert!(!files.is_empty(), "no recording of {}", format.name());
    std::panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map_or("nowhere".into(), ToString::to_string);
        if std::env::var_os("SHOW").is_some() {
            eprintln!("{info}");
        }
        *PANICS.lock().unwrap().entry(place).or_default() += 1;
    }));
    let (mut runs, mut read, mut escaped) = (0u64, 0u64, 0u64);
    let mut slowest = (Duration::ZERO, 0);
    let (start, first) = (Instant::now(), number(2).unwrap_or(1));
    let file = folder.path().join("damaged");
    while start.elapsed().as_secs() < seconds {
        let seed = first + runs;
        let mut choices = Choices(seed);
        let bytes = damaged(&files[choices.below(files.len())], &mut choices);
        let size = 1 + choices.below(5000);
        let begun = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| reads(&bytes, format, &file, size))) {
            Ok(whole) => read += u64::from(whole),
            Err(_) => {
                escaped += 1;
                println!("panic with seed {seed}");
            }
        }
        slowest = slowest.max((begun.elapsed(), seed));
        runs += 1;
    }
    println!(
        "{}: {runs} recordings in {seconds} s, {read} read",
        format.name()
    );
    println!("slowest: {:?} with seed {}", slowest.0, slowest.1);
    for (place, count) in PANICS.lock().unwrap().iter() {
        println!("{count:9}  panics at {place}");
    }
    println!("{escaped} panics came out of the reader");
    std::process::exit(i32::from(escaped > 0));
}
