//! Whatever bytes a file holds: an error in words or what the bytes say, never a panic.

mod common;

use common::damage::{Choices, damaged};
use common::formats::formats;
use proptest::prelude::*;

#[test]
fn whole_files_are_read() {
    for format in formats() {
        let read = format
            .files
            .iter()
            .filter(|f| (format.read)(f).is_ok())
            .count();
        assert!(read > 0, "{}", format.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_files(seed in any::<u64>()) {
        let mut choices = Choices(seed);
        for format in formats() {
            let file = &format.files[choices.below(format.files.len())];
            if let Err(e) = (format.read)(&damaged(file, &mut choices)) {
                prop_assert!(e.to_string().contains(": "));
            }
        }
    }

    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for format in formats() {
            // With the right start or without.
            let start = &format.files[0][..format.files[0].len().min(8)];
            let _ = (format.read)(&bytes);
            let _ = (format.read)(&[start, &bytes].concat());
        }
    }
}
