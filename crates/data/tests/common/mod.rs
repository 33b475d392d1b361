//! What the tests of this crate share.
#![allow(dead_code)] // each test binary uses a part

pub mod formats;
pub mod server;
#[path = "../../../base/tests/common/mod.rs"]
mod shared;

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

#[allow(unused_imports)] // each test binary uses a part
pub use shared::{damage, fixture, real_data, skipped};

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
