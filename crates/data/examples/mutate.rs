//! Damages files of one format for some seconds and says what the reader made of them:
//!
//! ```text
//! cargo run --release -p cortado-data --example mutate -- FORMAT SECONDS [SEED]
//! ```
//! Formats: npy, npz, wav, wfdb, annotations, hdf5, ntidigits, mvsec, boxes, png, text. It prints the number of files, how
//! many were read, how often each error came (numbers replaced by #), and each place that panicked; a panic that came out
//! of the reader also gives its seed, and the exit code is 1.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::{Duration, Instant};

#[path = "../tests/common/mod.rs"]
mod common;

use common::damage::{Choices, damaged};
use common::formats::formats;

/// How often each place panicked.
static PANICS: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| arguments.get(i).and_then(|a| a.parse::<u64>().ok());
    let formats = formats();
    let named = |name: &String| formats.iter().find(|f| f.name == name);
    let (Some(format), Some(seconds)) = (arguments.first().and_then(named), number(1)) else {
        eprintln!("mutate FORMAT SECONDS [SEED]");
        std::process::exit(2);
    };
    std::panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map_or("nowhere".into(), ToString::to_string);
        *PANICS.lock().unwrap().entry(place).or_default() += 1;
    }));

    let (mut runs, mut read, mut escaped) = (0u64, 0u64, 0u64);
    let mut errors: BTreeMap<String, u64> = BTreeMap::new();
    let mut slowest = (Duration::ZERO, 0);
    let (start, first) = (Instant::now(), number(2).unwrap_or(1));
    while start.elapsed().as_secs() < seconds {
        let seed = first + runs;
        let mut choices = Choices(seed);
        let file = &format.files[choices.below(format.files.len())];
        let bytes = damaged(file, &mut choices);
        let begun = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| (format.read)(&bytes))) {
            Ok(Ok(())) => read += 1,
            Ok(Err(e)) => *errors.entry(sketch(&e.to_string())).or_default() += 1,
            Err(_) => {
                escaped += 1;
                println!("panic with seed {seed}");
            }
        }
        slowest = slowest.max((begun.elapsed(), seed));
        runs += 1;
    }
    println!(
        "{}: {runs} files in {seconds} s, {read} read, {} distinct errors",
        format.name,
        errors.len()
    );
    println!("slowest: {:?} with seed {}", slowest.0, slowest.1);
    for (error, count) in &errors {
        println!("{count:9}  {error}");
    }
    for (place, count) in PANICS.lock().unwrap().iter() {
        println!("{count:9}  panics at {place}");
    }
    println!("{escaped} panics came out of the reader");
    std::process::exit(i32::from(escaped > 0));
}

/// An error without its numbers, its place and what was found, so that errors of one kind count together.
fn sketch(error: &str) -> String {
    let what = error.split(" at ").next().unwrap_or(error);
    let (_, after) = error.split_once(": ").unwrap_or(("", error));
    // Of an HDF5 file what was found says more than what was expected.
    let whole = error.contains("expected readable data") || error.starts_with("cannot read");
    let kind = if whole {
        after
    } else {
        after.split(", got ").next().unwrap_or(after)
    };
    let plain = |word: &&str| !word.contains(|c: char| c.is_ascii_digit() || !c.is_ascii_graphic());
    let mut out = format!("{}:", what.split(',').next().unwrap_or(what));
    for word in kind.split(' ').take(20) {
        let word = Some(word).filter(plain).unwrap_or("#");
        if !(word == "#" && out.ends_with('#')) {
            out.push(' ');
            out.push_str(word);
        }
    }
    out
}
