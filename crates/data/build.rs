//! Sums up the sources that decode recordings, so that what an older build kept in the cache is not taken for what this one would make.

use std::path::{Path, PathBuf};

/// What decodes, in a checkout; of these a package has only its own, and goes by its version.
const PLACES: [&str; 4] = ["src", "../events/src", "../base/src", "../../Cargo.lock"];

fn main() {
    let mut files = Vec::new();
    for place in PLACES.map(Path::new).into_iter().filter(|p| p.exists()) {
        println!("cargo::rerun-if-changed={}", place.display());
        list(place, &mut files);
    }
    files.sort();
    let sum = files.iter().fold(0xcbf2_9ce4_8422_2325, |sum, path| {
        let name = path.to_string_lossy();
        let bytes = std::fs::read(path).unwrap_or_default();
        fnv(fnv(sum, name.as_bytes()), &bytes)
    });
    println!("cargo::rustc-env=CORTADO_DATA_SOURCES={sum:016x}");
}

fn list(path: &Path, files: &mut Vec<PathBuf>) {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().for_each(|e| list(&e.path(), files)),
        Err(_) => files.push(path.into()),
    }
}

/// FNV-1a.
fn fnv(sum: u64, bytes: &[u8]) -> u64 {
    let next = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(sum, next)
}
