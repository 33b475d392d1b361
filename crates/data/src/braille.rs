//! Braille letters under a robot's fingertip (`mullercleve2022`): 12 taxels, 27 letters and the space, 50 times each.

use crate::{Dataset, Split};
use cortado::rng::{Purpose, Rng};
use cortado::{Error, Result};
use cortado_base::npz;
use std::path::Path;

/// Bytes that the file may unpack to.
const LIMIT: u64 = 64 << 20;

/// Seconds from frame to frame.
///
/// The original has 40 frames a second; its tutorial plays each frame for two steps of a millisecond, and so does this.
pub const PERIOD: f64 = 2e-3;

/// One recording in so many is tested.
const TESTED: usize = 5;

/// Reads `braille.npz` in `folder`: `taxels` `[recordings, frames, 12]`, `labels`, `lengths`. A value is 1 less the share of the
/// largest reading, so that 0 is no touch.
///
/// `split` is the number of a random split of four fifths to a fifth.
///
/// # Shapes
/// Signals of 12 channels.
///
/// # Errors
/// A file that [`npz::read`] refuses, or whose arrays do not fit; a split that is no number.
pub fn load(folder: &Path, split: &str) -> Result<Split> {
    let number: u64 = split.parse().map_err(|_| {
        Error::invalid(
            "split",
            "braille",
            "the number of a split",
            format!("'{split}'"),
        )
    })?;
    let path = folder.join("braille.npz");
    let place = path.display().to_string();
    let arrays = npz::read(&path, LIMIT)?;
    let array = |name: &str| {
        arrays.get(name).ok_or_else(|| {
            let known: Vec<&str> = arrays.keys().map(String::as_str).collect();
            Error::invalid("array", place.clone(), name, known.join(", "))
        })
    };
    let (taxels, labels, lengths) = (array("taxels")?, array("labels")?, array("lengths")?);
    let labels = labels.to_u64(&place)?;
    let lengths = lengths.to_u64(&place)?;
    let &[n, frames, channels] = &taxels.shape[..] else {
        let got = format!("{:?}", taxels.shape);
        let expected = "[recordings, frames, taxels]";
        return Err(Error::invalid("shape of taxels", place, expected, got));
    };
    if labels.len() != n || lengths.len() != n || channels == 0 {
        let got = format!("{} labels and {} lengths", labels.len(), lengths.len());
        return Err(Error::invalid("arrays", place, format!("{n} of each"), got));
    }
    let values: Vec<f32> = taxels.to_f32().iter().map(|v| 1.0 - v / 255.0).collect();
    let mut data = Vec::new();
    for (i, &length) in lengths.iter().enumerate() {
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(frames);
        data.push(values[i * frames * channels..][..length * channels].to_vec());
    }
    let labels = labels.iter().map(|&l| u32::try_from(l).unwrap_or(u32::MAX));
    let all = Dataset::signals((channels, PERIOD), data, 27, labels.collect())?;
    let mut order: Vec<usize> = (0..n).collect();
    Rng::new(number, 0, Purpose::Data, 0).shuffle(&mut order);
    let (test, train) = order.split_at(n / TESTED);
    Ok(Split {
        name: "braille".into(),
        train: all.select(train),
        test: all.select(test),
    })
}
