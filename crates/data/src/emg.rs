//! An electromyogram: bursts of muscle activity, 1 kHz, without marks.

use crate::{Dataset, text};
use cortado::{Error, Result};
use std::path::Path;

/// Reads `emg.txt.gz` in `folder`, one recording of one channel in units of the converter, centred on its mean.
///
/// # Shapes
/// Signals of one channel; no times.
///
/// # Errors
/// A file that [`text::read`] refuses, or that does not say its sampling rate.
pub fn load(folder: &Path) -> Result<Dataset> {
    let path = folder.join("emg.txt.gz");
    let text = text::read(&path, text::LIMIT)?;
    let said = text.value("Sampling Rate (Hz)");
    let rate: Option<f64> = said.and_then(|v| v.trim().parse().ok());
    let Some(rate) = rate.filter(|r| *r > 0.0) else {
        let expected = "a comment 'Sampling Rate (Hz):= NUMBER'";
        let got = said.unwrap_or("none");
        return Err(Error::invalid(
            "sampling rate",
            path.display().to_string(),
            expected,
            got,
        ));
    };
    let n = text.numbers.len().max(1) as f64;
    let mean = (text.numbers.iter().map(|&v| f64::from(v)).sum::<f64>() / n) as f32;
    let signal = text.numbers.iter().map(|v| v - mean).collect();
    Dataset::marked((1, 1.0 / rate), vec![signal], vec![Vec::new()])
}
