//! Files of data.

use super::{Found, Stats};
use anyhow::{Context, Result, bail};
use cortado::Error;
use cortado_base::npy::Array;
use cortado_base::{npy, npz};
use cortado_data::{wav, wfdb};
use cortado_events::Shd;
use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// An IDX file: two zeros, a type, the number of axes, their lengths as big-endian `u32`, and the values; in gzip or not.
pub fn idx(path: &Path) -> Result<Found> {
    let zipped = super::head(path)?.starts_with(&[0x1f, 0x8b]);
    let file = BufReader::new(File::open(path)?);
    let mut source: Box<dyn Read> = match zipped {
        true => Box::new(BufReader::new(MultiGzDecoder::new(file))),
        false => Box::new(file),
    };
    let [a, b, kind, axes] = bytes(&mut source).context("its head")?;
    let Some((name, width)) = number(kind).filter(|_| (a, b) == (0, 0) && (1..=8).contains(&axes))
    else {
        bail!(
            "magic number: expected that of IDX (0x00000801 to 0x00000e08), got {a:#04x}{b:02x}{kind:02x}{axes:02x}"
        );
    };
    let mut shape = Vec::new();
    for _ in 0..axes {
        shape.push(u32::from_be_bytes(bytes(&mut source).context("its head")?));
    }
    let (mut stats, mut classes) = (Stats::default(), [0u64; 256]);
    let (mut buffer, mut left) = ([0u8; 8192], 0);
    loop {
        // A value may be cut by the end of the buffer.
        let n = source.read(&mut buffer[left..]).context("its values")?;
        let end = left + n;
        let whole = end / width * width;
        for value in buffer[..whole].chunks_exact(width) {
            stats.add(decode(kind, value));
            classes[value[0] as usize] += 1;
        }
        buffer.copy_within(whole..end, 0);
        left = end - whole;
        if n == 0 {
            break;
        }
    }
    let want = shape
        .iter()
        .try_fold(1u64, |n, &d| n.checked_mul(u64::from(d)));
    if want != Some(stats.count) || left > 0 {
        let want = want.map_or("more than any file".into(), |n| n.to_string());
        bail!(
            "length: expected {want} values for shape {shape:?}, got {} and {left} bytes",
            stats.count
        );
    }
    let mut value = json!({ "type": name, "shape": shape, "gzip": zipped });
    stats.put(&mut value);
    if kind == 8 && axes == 1 {
        let last = classes.iter().rposition(|&n| n > 0).map_or(0, |i| i + 1);
        value["per_class"] = json!(classes[..last]);
    }
    Ok(Found::plain(
        if axes == 1 {
            "IDX labels"
        } else {
            "IDX images"
        },
        value,
    ))
}

fn bytes<const N: usize>(source: &mut impl Read) -> Result<[u8; N]> {
    let mut out = [0; N];
    source.read_exact(&mut out)?;
    Ok(out)
}

/// Name and bytes of an IDX number.
fn number(kind: u8) -> Option<(&'static str, usize)> {
    Some(match kind {
        0x08 => ("u8", 1),
        0x09 => ("i8", 1),
        0x0b => ("i16", 2),
        0x0c => ("i32", 4),
        0x0d => ("f32", 4),
        0x0e => ("f64", 8),
        _ => return None,
    })
}

fn decode(kind: u8, b: &[u8]) -> f64 {
    match (kind, b) {
        (0x08, &[a]) => f64::from(a),
        (0x09, &[a]) => f64::from(a as i8),
        (0x0b, &[a, b]) => f64::from(i16::from_be_bytes([a, b])),
        (0x0c, &[a, b, c, d]) => f64::from(i32::from_be_bytes([a, b, c, d])),
        (0x0d, &[a, b, c, d]) => f64::from(f32::from_be_bytes([a, b, c, d])),
        _ => b.try_into().map_or(f64::NAN, f64::from_be_bytes),
    }
}

/// An `.npy` file.
pub fn npy(path: &Path) -> Result<Found> {
    Ok(Found::plain("npy", array(&npy::read(path)?)))
}

/// An `.npz` file: its arrays by name.
pub fn npz(path: &Path) -> Result<Found> {
    let all = npz::read(path, npz::LIMIT)?;
    let row = |(name, a): (&String, &Array)| {
        let mut row = json!({ "name": name });
        if let (Some(row), Value::Object(rest)) = (row.as_object_mut(), array(a)) {
            row.extend(rest);
        }
        row
    };
    let rows: Vec<Value> = all.iter().map(row).collect();
    Ok(Found::plain("npz", json!({ "arrays": rows })))
}

fn array(array: &Array) -> Value {
    let mut value = json!({ "type": array.data.descr(), "shape": array.shape });
    Stats::of(array.to_f64()).put(&mut value);
    value
}

/// A sound.
pub fn wav(path: &Path) -> Result<Found> {
    let wav = wav::read(path)?;
    let seconds = wav.frames() as f64 / f64::from(wav.rate.max(1));
    let mut value = json!({
        "rate_hz": wav.rate, "channels": wav.channels, "frames": wav.frames(), "seconds": seconds,
    });
    Stats::of(wav.samples.iter().map(|&v| f64::from(v))).put(&mut value);
    Ok(Found::plain("WAV", value))
}

/// Whether a text begins like the header of a WFDB record: a name, the number of signals, samples a second.
pub fn is_wfdb(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let mut lines = text
        .lines()
        .filter(|l| !l.trim().is_empty() && !l.starts_with('#'));
    let words: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let number = |w: &str| w.starts_with(|c: char| c.is_ascii_digit());
    matches!(words[..], [_, n, rate, ..] if n.parse::<u32>().is_ok() && number(rate))
}

/// The header of a record, with the files of samples beside it.
pub fn wfdb(path: &Path) -> Result<Found> {
    let read = |path: &Path| std::fs::read(path).map_err(|e| Error::io("cannot read", path, e));
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut file = |name: &str| read(&folder.join(name));
    let record = wfdb::decode(&read(path)?, &path.display().to_string(), &mut file)?;
    let row = |s: &wfdb::Signal| {
        let mut row = json!({ "name": s.name, "units": s.units, "gain": s.gain });
        Stats::of(s.physical().into_iter().map(f64::from)).put(&mut row);
        row
    };
    let length = record.signals.first().map_or(0, |s| s.samples.len());
    Ok(Found::plain(
        "WFDB record",
        json!({
            "name": record.name, "rate_hz": record.rate, "samples": length,
            "seconds": length as f64 / record.rate,
            "signals": record.signals.iter().map(row).collect::<Vec<_>>(),
            "comments": record.comments,
        }),
    ))
}

/// Spikes in the layout of SHD and SSC.
pub fn hdf5(path: &Path) -> Result<Found> {
    let shd = Shd::read(path)?;
    let units = shd.units.iter().flatten();
    let last = shd.times.iter().flatten().fold(0.0f32, |a, &t| a.max(t));
    let mut per_class = Vec::new();
    for &label in &shd.labels {
        let at = label as usize;
        // A label without a name has no bound: those beyond any use are left out.
        if at < 65_536 {
            per_class.resize(per_class.len().max(at + 1), 0u64);
            per_class[at] += 1;
        }
    }
    let speakers = shd
        .speakers
        .as_ref()
        .map(|s| s.iter().collect::<BTreeSet<_>>().len());
    Ok(Found::plain(
        "HDF5 spikes",
        json!({
            "samples": shd.labels.len(),
            "spikes": shd.times.iter().map(Vec::len).sum::<usize>(),
            "largest_channel": units.max(), "last_spike_s": last,
            "classes": shd.classes, "per_class": per_class, "speakers": speakers,
        }),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Any bytes behind any head are described or refused; what is described is as long as its shape.
        #[test]
        fn idx_of_any_bytes(head in prop::collection::vec(0u8..16, 0..24), rest in prop::collection::vec(any::<u8>(), 0..40)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            std::fs::write(&path, [head, rest].concat()).unwrap();
            if let Ok(found) = idx(&path) {
                let shape: Vec<u64> = serde_json::from_value(found.value["shape"].clone()).unwrap();
                prop_assert_eq!(shape.iter().product::<u64>(), found.value["count"].as_u64().unwrap());
            }
        }
    }
}
