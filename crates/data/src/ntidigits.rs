//! N-TIDIGITS18 (`anumula2018`): spoken digits before a silicon cochlea, as spikes of 64 channels.
//!
//! `n-tidigits.hdf5` holds for the parts `train` and `test`:
//!
//! | data set | what |
//! |---|---|
//! | `PART_labels` | text, the name of each recording, such as `man-ae-b-3z1`: who, speaker, which time, digits |
//! | `PART_timestamps/NAME` | seconds, floating point |
//! | `PART_addresses/NAME` | channels, integers |
//!
//! Only recordings of a single digit are taken, as is usual: 2,464 and 2,486. Classes: `z` (zero) 0, `1` to `9`, `o` (oh) 10.

use std::collections::BTreeSet;
use std::path::Path;

use cortado::{Error, Result};
use cortado_base::hdf5::{Dataset as Column, File};

use crate::{Dataset, Split};

/// Channels of the cochlea.
const CHANNELS: usize = 64;
/// Digits in the order of their classes.
const DIGITS: &str = "z123456789o";
/// All spikes together may take so many bytes for each of the file: names of one and the same data are refused so.
const MOST: u64 = 64;

/// Reads `n-tidigits.hdf5` in `folder`.
///
/// # Shapes
/// Spikes of 64 channels, times rounded to microseconds.
///
/// # Errors
/// What [`read`] refuses; another split than `official`.
pub fn load(folder: &Path, split: &str) -> Result<Split> {
    if split != "official" {
        let got = format!("'{split}'");
        return Err(Error::invalid("split", "ntidigits", "official", got));
    }
    read(&folder.join("n-tidigits.hdf5"))
}

/// Reads a file of this layout.
///
/// # Errors
/// A file that cannot be read or is no HDF5 file; a missing data set or one of another type; a name twice, or whose end is
/// no digits; other numbers of times than of channels; a time that is no number from 0 s to below 71 minutes; a channel
/// from 64 on; no single digits.
///
/// ```
/// let split = cortado_data::ntidigits::read("tests/fixtures/ntidigits.hdf5".as_ref())?;
/// assert_eq!((split.train.labels(), split.test.labels()), (&[3, 10, 0][..], &[9][..]));
/// # Ok::<(), cortado::Error>(())
/// ```
pub fn read(path: &Path) -> Result<Split> {
    let length = std::fs::metadata(path).map_err(|e| Error::io("cannot read", path, e))?;
    let mut left = length.len().saturating_mul(MOST);
    let mut file = File::open(path)?;
    Ok(Split {
        name: "ntidigits".into(),
        train: part(&mut file, "train", &mut left)?,
        test: part(&mut file, "test", &mut left)?,
    })
}

fn part(file: &mut File, part: &str, left: &mut u64) -> Result<Dataset> {
    let names = file.need(&format!("{part}_labels"))?;
    let names = file.strings(&names)?;
    let at = format!("{}, {part}_labels", file.at());
    let (mut spikes, mut labels, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for name in &names {
        let refused = |expected: &str| {
            let got = format!("'{}'", name.escape_debug());
            Err(Error::invalid("name", at.clone(), expected, got))
        };
        if !seen.insert(name) {
            return refused("every recording once");
        }
        let said = name.rsplit('-').next().unwrap_or_default();
        if said.is_empty() || !said.chars().all(|c| DIGITS.contains(c)) {
            return refused("one that ends in - and digits, z or o");
        }
        if said.len() > 1 {
            continue;
        }
        labels.push(DIGITS.find(said).unwrap_or(0) as u32);
        spikes.push(recording(file, part, name, left)?);
    }
    if labels.is_empty() {
        let got = format!("{} recordings", names.len());
        return Err(Error::invalid("data set", at, "single digits", got));
    }
    Dataset::spikes(vec![CHANNELS], spikes, DIGITS.len(), labels)
}

/// Times and channels of one recording.
fn recording(file: &File, part: &str, name: &str, left: &mut u64) -> Result<(Vec<u32>, Vec<u32>)> {
    let mut column = |what: &str| -> Result<Column> {
        let data = file.need(&format!("{part}_{what}/{name}"))?;
        if data.shape().len() != 1 {
            return Err(data.wrong("one dimension", format!("{:?}", data.shape())));
        }
        // What is made of a number takes 4 bytes, however few it has there.
        let bytes = (data.rows() as u64).saturating_mul(data.size().max(4) as u64);
        *left = (*left).checked_sub(bytes).ok_or_else(|| {
            let expected = format!("at most {MOST} bytes of spikes for each byte of the file");
            data.wrong(&expected, "more")
        })?;
        Ok(data)
    };
    let (mut times, mut units) = (column("timestamps")?, column("addresses")?);
    let rows = times.rows();
    if units.rows() != rows {
        let expected = format!("{rows}, one for each time");
        return Err(units.wrong(&expected, units.rows()));
    }
    let (mut seconds, mut channels) = (Vec::new(), Vec::new());
    times.reals(0, rows, &mut seconds)?;
    units.wholes(0, rows, &mut channels)?;
    let time = |&t: &f64| {
        let us = (t * 1e6).round();
        let fits = (0.0..f64::from(u32::MAX)).contains(&us);
        let wrong = || times.wrong("seconds from 0 to below 71 minutes", t);
        fits.then_some(us as u32).ok_or_else(wrong)
    };
    let channel = |&c: &i64| {
        let fits = u32::try_from(c).ok().filter(|&c| (c as usize) < CHANNELS);
        fits.ok_or_else(|| units.wrong("channels from 0 to 63", c))
    };
    let seconds = seconds.iter().map(time).collect::<Result<_>>()?;
    Ok((
        seconds,
        channels.iter().map(channel).collect::<Result<_>>()?,
    ))
}
