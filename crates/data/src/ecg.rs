//! An electrocardiogram with its heart beats: record 100 of the MIT-BIH arrhythmia database (`moody2001`).

use crate::{Dataset, Split, wfdb};
use cortado::{Error, Result};
use std::path::Path;

/// The record.
const RECORD: &str = "100";

/// Seconds from the start of the record that training may see.
const TRAINED: f64 = 300.0;

/// Seconds of a training sample, and from the start of one to the start of the next.
const WINDOW: [f64; 2] = [2.5, 0.5];

/// Reads `100.hea`, `100.dat` and `100.atr` in `folder`: the first lead in millivolts, and the times of its R peaks.
///
/// Training samples are windows of 2.5 s, one every half second, of the first five minutes; the test is the rest of the record, in
/// one piece.
///
/// # Shapes
/// Signals of one channel.
///
/// # Errors
/// Files that [`wfdb::read`] or [`wfdb::annotations`] refuses; a record without a lead, or too short.
pub fn load(folder: &Path) -> Result<Split> {
    let record = wfdb::read(&folder.join(format!("{RECORD}.hea")))?;
    let beats = wfdb::annotations(&folder.join(format!("{RECORD}.atr")))?;
    let place = folder.display().to_string();
    let Some(lead) = record.signals.first() else {
        return Err(Error::invalid("record", place, "at least one lead", "none"));
    };
    let (signal, rate) = (lead.physical(), record.rate);
    let peaks: Vec<f64> = beats
        .iter()
        .filter(|b| b.is_beat())
        .map(|b| b.sample as f64 / rate)
        .collect();
    let frames = |seconds: f64| (seconds * rate).round() as usize;
    if signal.len() <= frames(TRAINED) {
        let got = format!("{:.1} s", signal.len() as f64 / rate);
        return Err(Error::invalid(
            "record",
            place,
            format!("more than {TRAINED} s"),
            got,
        ));
    }
    let part = |from: f64, to: usize| {
        let end = to as f64 / rate;
        let inside = peaks.iter().filter(|&&t| t >= from && t < end);
        let times: Vec<f64> = inside.map(|t| t - from).collect();
        (signal[frames(from)..to].to_vec(), times)
    };
    let windows = (0..)
        .map(|k| f64::from(k) * WINDOW[1])
        .take_while(|from| from + WINDOW[0] <= TRAINED);
    let train: (Vec<_>, Vec<_>) = windows
        .map(|from| part(from, frames(from + WINDOW[0])))
        .unzip();
    let (signal, times) = part(TRAINED, signal.len());
    let form = (1, 1.0 / rate);
    Ok(Split {
        name: "ecg".into(),
        train: Dataset::marked(form, train.0, train.1)?,
        test: Dataset::marked(form, vec![signal], vec![times])?,
    })
}
