//! Spiking Heidelberg Digits and Spiking Speech Commands (`cramer2020`): spoken words as spikes of 700 cochlea channels.

use crate::{Dataset, Split};
use cortado::{Error, Result};
use cortado_events::Shd;
use std::path::Path;

/// Channels of the cochlea.
const CHANNELS: usize = 700;

/// Reads `NAME_train.h5` and `NAME_test.h5` in `folder`, `name` being `shd` (20 classes) or `ssc` (35).
///
/// `split` is `official`; or, of `ssc`, `valid`, to be tested on `ssc_valid.h5`; or, of `shd`, the number of a speaker of the training
/// file, whose recordings are tested while the test file is left alone: to choose settings by.
///
/// # Shapes
/// Spikes of 700 channels.
///
/// # Errors
/// A file that [`Shd::read`] refuses; a channel or a label that is not there; an unknown split.
pub fn load(name: &str, folder: &Path, split: &str) -> Result<Split> {
    let classes = if name == "shd" { 20 } else { 35 };
    let file = |part: &str| Shd::read(&folder.join(format!("{name}_{part}.h5")));
    let unknown = || {
        let expected = match name {
            "shd" => "official, or the number of a speaker of the training file",
            _ => "official or valid",
        };
        Error::invalid("split", name.to_string(), expected, format!("'{split}'"))
    };
    let train = file("train")?;
    let make = |all: Shd, keep: &dyn Fn(usize) -> bool| {
        let mut spikes = Vec::new();
        let mut labels = Vec::new();
        for (i, (times, units)) in all.times.into_iter().zip(all.units).enumerate() {
            if keep(i) {
                // Times are finite and not negative; of those from 71 minutes on nothing is kept.
                let times = times.iter().map(|&t| (f64::from(t) * 1e6).round() as u32);
                let spike = times.zip(units.into_iter().map(u32::from));
                spikes.push(spike.filter(|&(t, _)| t < u32::MAX).unzip());
                labels.push(all.labels.get(i).copied().unwrap_or(u32::MAX));
            }
        }
        Dataset::spikes(vec![CHANNELS], spikes, classes, labels)
    };
    let (train, test) = match (name, split) {
        (_, "official") => (make(train, &|_| true)?, make(file("test")?, &|_| true)?),
        ("ssc", "valid") => (make(train, &|_| true)?, make(file("valid")?, &|_| true)?),
        ("shd", number) => {
            let number: u32 = number.parse().map_err(|_| unknown())?;
            let speakers = train.speakers.clone().ok_or_else(unknown)?;
            let spoke = |i: usize| speakers.get(i) == Some(&number);
            if !speakers.contains(&number) {
                return Err(unknown());
            }
            (make(train.clone(), &|i| !spoke(i))?, make(train, &spoke)?)
        }
        _ => return Err(unknown()),
    };
    Ok(Split {
        name: name.into(),
        train,
        test,
    })
}
