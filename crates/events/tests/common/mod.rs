//! What the tests of several formats share.
#![allow(dead_code)] // each test binary uses a part

#[path = "../../../base/tests/common/mod.rs"]
mod base;

#[allow(unused_imports)] // each test binary uses a part
pub use base::damage::{Choices, damaged};
#[allow(unused_imports)] // as above
pub use base::real_data;

use cortado_events::format::Format;
use cortado_events::{Decoder, Options, Policy, Recording, Report, decode};

pub type Read = cortado_base::Result<(Recording, Report)>;

/// A recording from bytes in pieces of these sizes, again and again.
pub fn in_pieces(bytes: &[u8], format: Format, options: &Options, sizes: &[usize]) -> Read {
    let mut decoder = Decoder::new(format, options, "memory")?;
    let mut out = Recording::default();
    let (mut rest, mut i) = (bytes, 0);
    while !rest.is_empty() {
        let size = sizes[i % sizes.len()].clamp(1, rest.len());
        decoder.feed(&rest[..size], &mut out)?;
        (rest, i) = (&rest[size..], i + 1);
    }
    decoder.finish(&mut out)?;
    Ok((out, decoder.report().clone()))
}

/// A recording from all of its bytes.
pub fn at_once(bytes: &[u8], format: Format, options: &Options) -> Read {
    let mut out = Recording::default();
    let report = decode(bytes, format, options, "memory", &mut out)?;
    Ok((out, report))
}

/// Stops at the first damage.
pub fn strict() -> Options {
    Options {
        policy: Policy::Strict,
        ..Options::default()
    }
}

/// All ways to read bytes agree, with and without damage to be skipped.
pub fn ways_agree(bytes: &[u8], format: Format, options: &Options, sizes: &[usize]) -> Read {
    let whole = at_once(bytes, format, options);
    let pieces = in_pieces(bytes, format, options, sizes);
    match (&whole, &pieces) {
        (Ok((a, one)), Ok((b, two))) => {
            assert_eq!(a, b, "{format:?}");
            assert_eq!(one, two, "{format:?}");
        }
        (Err(a), Err(b)) => assert_eq!(a.to_string(), b.to_string(), "{format:?}"),
        (a, b) => panic!("{format:?}: {:?} {:?}", a.as_ref().err(), b.as_ref().err()),
    }
    whole
}
