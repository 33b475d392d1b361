//! The UCI optical digits, built in: 1,797 grey images of 8 x 8 pixels in 10 classes.
//!
//! Origin, licence and checksum stand in `assets/SOURCES.md`. Pixels 0..=16 become 0..=1.
//!
//! # References
//! `alpaydin1998`

use std::io::Read;

use cortado::{Error, Result};
use flate2::read::GzDecoder;

use crate::{Dataset, Split};

const FILE: &str = "assets/digits.csv.gz";
const BYTES: &[u8] = include_bytes!("../assets/digits.csv.gz");
const ROWS: usize = 1797;
const PIXELS: usize = 64;
const TEST_ROWS: usize = 360;

/// The split `digits`: every fifth row (0, 5, 10, ...) is a test row.
///
/// # Shapes
/// Samples `[1, 8, 8]`; 1,437 to train, 360 to test.
///
/// # Errors
/// Only if the file built in is damaged.
///
/// ```
/// let split = cortado_data::digits::interleaved()?;
/// assert_eq!(split.test.label(1), 5); // row 5 of the file
/// assert_eq!(split.test.values(0)[2], 5.0 / 16.0);
/// # Ok::<(), cortado::Error>(())
/// ```
pub fn interleaved() -> Result<Split> {
    split("digits", |row| row % 5 == 0)
}

/// The split `digits-ordered`: the last 360 rows are the test; other people wrote them, so it is harder.
///
/// # Shapes
/// Samples `[1, 8, 8]`; 1,437 to train, 360 to test.
///
/// # Errors
/// Only if the file built in is damaged.
pub fn ordered() -> Result<Split> {
    split("digits-ordered", |row| row >= ROWS - TEST_ROWS)
}

fn split(name: &str, is_test: impl Fn(usize) -> bool) -> Result<Split> {
    let mut text = String::new();
    GzDecoder::new(BYTES)
        .read_to_string(&mut text)
        .map_err(|e| Error::io("cannot unpack", FILE, e))?;
    // Pixels and labels, of training first and of the test second.
    let mut parts = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
    for (row, line) in text.lines().enumerate() {
        let (pixels, label) = parse_row(line, row)?;
        let part = &mut parts[usize::from(is_test(row))];
        part.0.extend(pixels);
        part.1.push(label);
    }
    let found = parts[0].1.len() + parts[1].1.len();
    if found != ROWS {
        return Err(Error::invalid(
            "number of rows",
            FILE,
            ROWS.to_string(),
            found,
        ));
    }
    let [train, test] =
        parts.map(|(samples, labels)| Dataset::new(vec![1, 8, 8], 10, samples, labels));
    Ok(Split {
        name: name.into(),
        train: train?,
        test: test?,
    })
}

/// The pixels in 0..=1 and the label of one line of the file.
fn parse_row(line: &str, row: usize) -> Result<(Vec<f32>, u32)> {
    let numbers: Vec<u8> = line
        .split(',')
        .map(|word| word.parse().map_err(|_| bad_row(row, word)))
        .collect::<Result<_>>()?;
    match numbers.split_last() {
        Some((&label, pixels)) if pixels.len() == PIXELS => {
            let pixels = pixels.iter().map(|&p| f32::from(p) / 16.0).collect();
            Ok((pixels, label.into()))
        }
        _ => Err(bad_row(row, format!("{} numbers", numbers.len()))),
    }
}

fn bad_row(row: usize, got: impl ToString) -> Error {
    Error::invalid(
        "digits",
        format!("{FILE}, row {row}"),
        "64 pixels and a label, whole numbers",
        got,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class_counts(parts: [&Dataset; 2]) -> [usize; 10] {
        let mut counts = [0; 10];
        for part in parts {
            for &label in part.labels() {
                counts[label as usize] += 1;
            }
        }
        counts
    }

    #[test]
    fn both_splits_hold_every_row_once() {
        for split in [interleaved().unwrap(), ordered().unwrap()] {
            assert_eq!((split.train.len(), split.test.len()), (1437, 360));
            assert_eq!(split.train.shape, [1, 8, 8]);
            assert_eq!((split.train.classes, split.test.classes), (10, 10));
            // The counts that scikit-learn's description of the set gives.
            assert_eq!(
                class_counts([&split.train, &split.test]),
                [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
            );
            let sum: f32 = [&split.train, &split.test]
                .iter()
                .flat_map(|d| d.all_values())
                .map(|v| v * 16.0)
                .sum();
            assert_eq!(sum, 561_718.0);
        }
    }

    #[test]
    fn rows_go_where_the_split_says() {
        let (mixed, ordered) = (interleaved().unwrap(), ordered().unwrap());
        // The first rows of the file are labelled 0 1 2 3 4 5 6 7 8 9, the last ones 9 0 8 9 8.
        assert_eq!(mixed.train.labels()[..6], [1, 2, 3, 4, 6, 7]);
        assert_eq!(mixed.test.labels()[..2], [0, 5]);
        assert_eq!(ordered.train.labels()[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(ordered.test.labels()[355..], [9, 0, 8, 9, 8]);
        assert_eq!(
            ordered.train.values(0)[..6],
            [0.0, 0.0, 0.3125, 0.8125, 0.5625, 0.0625]
        );
        assert_eq!(ordered.train.values(5), mixed.test.values(1));
    }

    #[test]
    fn bad_rows_are_sentences() {
        let m = parse_row("1,2,x", 7).unwrap_err().to_string();
        assert!(m.contains("row 7") && m.ends_with("got x"), "{m}");
        let m = parse_row("1,2,3", 8).unwrap_err().to_string();
        assert!(
            m.contains("64 pixels") && m.ends_with("got 3 numbers"),
            "{m}"
        );
    }
}
