//! What the tests of several crates share.
#![allow(dead_code)] // each test binary uses a part

pub mod damage;

use std::io::Write;
use std::path::{Path, PathBuf};

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
