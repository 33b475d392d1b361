//! What the tests of this crate share.
#![allow(dead_code)] // each test binary uses a part

pub mod damage;
pub mod formats;
pub mod server;

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// A folder of real data below `CORTADO_DATA` or the usual place, or nothing, said aloud.
pub fn real_data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("CORTADO_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    if root.join(name).is_dir() {
        return Some(root);
    }
    skipped(&format!(
        "no folder {name} in {} (CORTADO_DATA names it)",
        root.display()
    ));
    None
}

/// Says aloud that a test was skipped, and why.
pub fn skipped(why: &str) {
    // Straight to the stream: the test harness would hide what eprintln prints in a test that passes.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// A file that a script of tests/oracle wrote.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The bytes of an IDX file.
pub fn idx_bytes(magic: u32, sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let words = std::iter::once(&magic).chain(sizes);
    let mut bytes: Vec<u8> = words.flat_map(|w| w.to_be_bytes()).collect();
    bytes.extend(data);
    bytes
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
