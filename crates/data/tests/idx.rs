//! IDX files made by hand: the right ones are read, every wrong one is a sentence.

mod common;

use std::path::Path;

use common::{gzip, idx_bytes};
use cortado::Result;
use cortado_data::{Dataset, idx};

const PIXELS: [u8; 12] = [0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6];

fn images() -> Vec<u8> {
    idx_bytes(0x803, &[2, 2, 3], &PIXELS)
}

fn labels() -> Vec<u8> {
    idx_bytes(0x801, &[2], &[4, 1])
}

fn read(images: &[u8], labels: &[u8]) -> Result<Dataset> {
    let folder = tempfile::tempdir().unwrap();
    let [image_file, label_file] = ["pictures", "numbers"].map(|name| folder.path().join(name));
    std::fs::write(&image_file, images).unwrap();
    std::fs::write(&label_file, labels).unwrap();
    idx::read(&image_file, &label_file, 5)
}

/// Demands that reading fails with every one of `words` in the message.
#[track_caller]
fn refused(images: &[u8], labels: &[u8], words: &[&str]) {
    let message = read(images, labels).unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word), "'{word}' is not in: {message}");
    }
}

#[test]
fn plain_and_gzip_are_told_apart_by_content() {
    let (plain_images, plain_labels) = (images(), labels());
    for i in [plain_images.clone(), gzip(&plain_images)] {
        for l in [plain_labels.clone(), gzip(&plain_labels)] {
            let data = read(&i, &l).unwrap();
            assert_eq!(data.shape, [1, 2, 3]);
            assert_eq!(
                (data.len(), data.classes, data.labels()),
                (2, 5, &[4, 1][..])
            );
            assert_eq!(data.values(0), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
            assert_eq!(data.values(1)[5], 6.0 / 255.0);
        }
    }
}

#[test]
fn gzip_of_several_members_is_one_file() {
    let (head, tail) = (images(), labels());
    let joined = [gzip(&head[..20]), gzip(&head[20..])].concat();
    assert_eq!(read(&joined, &tail).unwrap().len(), 2);
}

#[test]
fn wrong_magic_numbers() {
    refused(
        &labels(),
        &labels(),
        &[
            "magic number",
            "pictures",
            "expected 0x00000803 (images)",
            "got 0x00000801",
        ],
    );
    refused(
        &images(),
        &images(),
        &[
            "magic number",
            "numbers",
            "expected 0x00000801 (labels)",
            "got 0x00000803",
        ],
    );
    refused(
        b"PK\x03\x04",
        &labels(),
        &["magic number", "got 0x504b0304"],
    );
}

#[test]
fn truncated_files() {
    refused(
        &[],
        &labels(),
        &["header length", "pictures", "expected 16 bytes", "got 0"],
    );
    refused(&[0x1f], &labels(), &["header length", "got 1 (truncated)"]);
    refused(
        &images()[..15],
        &labels(),
        &["header length", "expected 16 bytes", "got 15"],
    );
    refused(
        &images(),
        &labels()[..7],
        &["header length", "numbers", "8 bytes", "got 7"],
    );
    refused(
        &images()[..27],
        &labels(),
        &[
            "data length",
            "pictures",
            "expected 12 bytes (2 x 2 x 3)",
            "got 11 (truncated)",
        ],
    );
    refused(
        &images(),
        &gzip(&labels()[..9]),
        &[
            "data length",
            "numbers",
            "expected 2 bytes (2)",
            "got 1 (truncated)",
        ],
    );
}

#[test]
fn trailing_bytes() {
    let longer = [images(), vec![0; 9]].concat();
    let words = [
        "data length",
        "pictures",
        "expected 12 bytes",
        "got more (trailing bytes",
    ];
    refused(&longer, &labels(), &words);
    refused(&gzip(&longer), &labels(), &words);
    let garbage = [gzip(&images()), b"more".to_vec()].concat();
    refused(&garbage, &labels(), &["gzip data", "pictures", "checksum"]);
}

#[test]
fn corrupt_gzip() {
    let whole = gzip(&images());
    let expected = [
        "gzip data",
        "pictures",
        "expected a whole stream with the right checksum",
    ];
    // The last eight bytes are the checksum and the length.
    for from_end in [8, 4] {
        let mut bytes = whole.clone();
        let place = bytes.len() - from_end;
        bytes[place] ^= 1;
        refused(&bytes, &labels(), &expected);
    }
    for length in 2..whole.len() {
        refused(&whole[..length], &labels(), &expected);
    }
}

#[test]
fn a_gzip_bomb_is_not_unpacked() {
    // 64 MiB of zeros behind a header that promises 12 bytes: refused after the 13th. The second half of
    // the stream is missing; whoever unpacked it all would complain about that instead.
    let bomb = gzip(&[images(), vec![0; 64 << 20]].concat());
    refused(
        &bomb[..bomb.len() / 2],
        &labels(),
        &["data length", "expected 12 bytes", "got more"],
    );
}

#[test]
fn headers_are_not_believed() {
    refused(
        &idx_bytes(0x803, &[u32::MAX; 3], &PIXELS),
        &labels(),
        &[
            "dimensions",
            "fits in memory",
            "4294967295 x 4294967295 x 4294967295",
        ],
    );
    refused(
        &idx_bytes(0x803, &[u32::MAX, u32::MAX, 1], &PIXELS),
        &labels(),
        &["data length", "got 12 (truncated)"],
    );
    refused(
        &images(),
        &gzip(&idx_bytes(0x801, &[u32::MAX], &[1, 2])),
        &[
            "data length",
            "expected 4294967295 bytes",
            "got 2 (truncated)",
        ],
    );
}

#[test]
fn nothing_to_read() {
    for (sizes, what) in [
        ([0, 2, 3], "number of items"),
        ([2, 0, 3], "number of rows"),
        ([2, 2, 0], "number of columns"),
    ] {
        let empty = idx_bytes(0x803, &sizes, &[]);
        refused(
            &empty,
            &labels(),
            &[what, "pictures", "expected at least 1", "got 0"],
        );
    }
    refused(
        &images(),
        &idx_bytes(0x801, &[0], &[]),
        &["number of items", "numbers"],
    );
}

#[test]
fn labels_that_do_not_fit() {
    refused(
        &images(),
        &idx_bytes(0x801, &[3], &[0, 1, 2]),
        &[
            "number of labels",
            "numbers",
            "expected 2, one for each image of",
            "pictures",
            "got 3",
        ],
    );
    refused(
        &images(),
        &idx_bytes(0x801, &[2], &[4, 5]),
        &[
            "label at",
            "numbers, sample 1",
            "expected a class below 5",
            "got 5",
        ],
    );
}

#[test]
fn files_that_cannot_be_read() {
    let missing = Path::new("no-such-folder/pictures");
    let message = idx::read(missing, missing, 5).unwrap_err().to_string();
    assert!(
        message.starts_with("cannot open no-such-folder/pictures: "),
        "{message}"
    );
    let folder = tempfile::tempdir().unwrap();
    let message = idx::read(folder.path(), missing, 5)
        .unwrap_err()
        .to_string();
    assert!(message.starts_with("cannot "), "{message}");
}
