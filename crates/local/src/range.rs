//! Whether settings are numbers that make sense.

use crate::{Error, Result};
use std::ops::RangeInclusive;

/// The largest number that a setting may be: sums and products of a few stay finite in 32 bits.
pub(crate) const LARGEST: f64 = 1e9;
pub(crate) const ANY: RangeInclusive<f64> = -LARGEST..=LARGEST;
pub(crate) const NOT_NEGATIVE: RangeInclusive<f64> = 0.0..=LARGEST;
pub(crate) const SHARE: RangeInclusive<f64> = 0.0..=1.0;

/// The most numbers, of weights or of neurons, that settings may ask for.
pub(crate) const MOST: usize = 1 << 28;

/// Whether each setting, by its name, lies in its range; none does that is not a number.
pub(crate) fn within(
    at: &str,
    settings: &[(&'static str, f64, RangeInclusive<f64>)],
) -> Result<()> {
    match settings.iter().find(|(_, x, range)| !range.contains(x)) {
        Some((name, x, range)) => {
            let expected = format!("a number from {} to {}", range.start(), range.end());
            Err(Error::invalid(name, at, expected, x))
        }
        None => Ok(()),
    }
}

/// Whether the product of sizes is at most [`MOST`].
pub(crate) fn fits(what: &'static str, at: &str, sizes: &[usize]) -> Result<()> {
    let product = |all: usize, &n: &usize| all.checked_mul(n);
    if sizes.iter().try_fold(1, product).is_some_and(|n| n <= MOST) {
        return Ok(());
    }
    let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
    Err(Error::invalid(
        what,
        at,
        "at most 2^28 in all",
        sizes.join(" x "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_that_wraps_does_not_fit() {
        let says = |sizes: &[usize]| fits("weights", "here", sizes).map_err(|e| e.to_string());
        assert!(says(&[1 << 14, 1 << 14]).is_ok());
        assert!(says(&[]).is_ok());
        assert_eq!(
            says(&[1 << 32, 1 << 32]).unwrap_err(),
            "weights at here: expected at most 2^28 in all, got 4294967296 x 4294967296"
        );
        assert!(says(&[(1 << 28) + 1]).is_err());
    }
}
