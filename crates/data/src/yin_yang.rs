//! The Yin-Yang task, made up on the spot: points in a disc, in the classes yin, yang and dot.
//!
//! # Deviations
//! Coordinates are multiples of 2^-24, so that `x` and `1 - x` are exact in `f32`; the published
//! generator draws 53 bits.
//!
//! # References
//! `kriener2022`

use cortado::Result;
use cortado::rng::{Purpose, Rng};

use crate::{Dataset, Split};

/// Seed of the data set that [`crate::load`] gives under the name `yin-yang`.
pub const SEED: u64 = 42;
/// Number of samples to train on.
pub const TRAIN: usize = 5000;
/// Number of samples to test on.
pub const TEST: usize = 1000;

/// Radius and centre coordinate of the disc.
const BIG: f64 = 0.5;
/// Radius of the two dots.
const SMALL: f64 = 0.1;
const CLASSES: u32 = 3;

/// The class of a point: 0 yin, 1 yang, 2 dot; nothing outside the disc around (0.5, 0.5).
///
/// # Equations
/// With R = 0.5, r = 0.1 and the distances dr to (1.5 R, R), dl to (0.5 R, R): dot if dr < r or dl < r;
/// else yang if dl <= R/2 or (y > R and dr > R/2); else yin.
///
/// ```
/// use cortado_data::yin_yang::label;
/// assert_eq!(label(0.75, 0.5), Some(2));
/// assert_eq!((label(0.5, 0.9), label(0.5, 0.1)), (Some(1), Some(0)));
/// assert_eq!(label(0.0, 0.0), None);
/// ```
pub fn label(x: f64, y: f64) -> Option<u32> {
    let distance_to = |cx: f64| ((x - cx).powi(2) + (y - BIG).powi(2)).sqrt();
    let (right, left) = (distance_to(1.5 * BIG), distance_to(0.5 * BIG));
    (distance_to(BIG) <= BIG).then_some(if right < SMALL || left < SMALL {
        2
    } else if left <= BIG / 2.0 || (y > BIG && right > BIG / 2.0) {
        1
    } else {
        0
    })
}

/// Draws the 5,000 training and 1,000 test samples that belong to `seed`.
///
/// For each sample a class is drawn evenly, then points evenly in the unit square until one has that
/// class. Training draws from the stream of object 0, the test from that of object 1, both with
/// [`Purpose::Data`] at step 0.
///
/// # Shapes
/// Samples `[4]`: (x, y, 1 - x, 1 - y).
///
/// # Errors
/// None are expected; the samples pass the checks of [`Dataset::new`].
///
/// ```
/// let split = cortado_data::yin_yang::generate(7)?;
/// assert_eq!((split.train.len(), split.test.len(), split.train.classes), (5000, 1000, 3));
/// let s = split.train.values(0);
/// assert_eq!((s[0] + s[2], s[1] + s[3]), (1.0, 1.0));
/// # Ok::<(), cortado::Error>(())
/// ```
pub fn generate(seed: u64) -> Result<Split> {
    let part = |object, n| draw(Rng::new(seed, object, Purpose::Data, 0), n);
    Ok(Split {
        name: "yin-yang".into(),
        train: part(0, TRAIN)?,
        test: part(1, TEST)?,
    })
}

fn draw(mut rng: Rng, n: usize) -> Result<Dataset> {
    let mut samples = Vec::with_capacity(4 * n);
    let mut labels = Vec::with_capacity(n);
    while labels.len() < n {
        let goal = rng.below(CLASSES);
        let (x, y) = loop {
            let (x, y) = (rng.uniform_f32(), rng.uniform_f32());
            if label(x.into(), y.into()) == Some(goal) {
                break (x, y);
            }
        };
        samples.extend([x, y, 1.0 - x, 1.0 - y]);
        labels.push(goal);
    }
    Dataset::new(vec![4], CLASSES as usize, samples, labels)
}
