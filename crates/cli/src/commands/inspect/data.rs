//! Files of data.

use super::{Found, Stats};
use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use serde_json::json;
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
