//! Folders of recordings of events, a folder for each class.
//!
//! ```text
//! NAME/train/CLASS/any.es      NAME/test/CLASS/other.es        as of N-MNIST, DVS-Lip, POKER-DVS, N-CARS
//! NAME/CLASS/any.bin                                           as of N-Caltech101, CIFAR10-DVS, ASL-DVS
//! NAME/trials_to_train.txt, any.aedat, any_labels.csv           as of DVS128 Gesture
//! ```
//! Folders may lie one deeper, as archives unpack (`Caltech101`, `DvsGesture`). Those of training and test are called so in any
//! case (`Train`, `Test`), or end so after `_` or `-` (`pips_train`, `n-cars_test`).
//!
//! For a name that has a manifest ([`Manifest`]) sensor and classes are those of the manifest, also of a part of
//! the set.
//!
//! Files are of any format that `cortado-events` reads, found from what is in them. Times are those of the file.

use std::path::Path;

use cortado_base::{Error, Result};
use cortado_events::transform::{Key, Output, Pipeline};
use cortado_events::{Geometry, Options, Policy, Recording, read};
use rayon::prelude::*;

use crate::layout::{self, File, TRIALS};
use crate::{Dataset, Manifest, Split};

/// Reads all recordings below `folder`.
///
/// Each is changed by `transforms` once, random ones drawn under `seed`.
///
/// With folders of training and test the split is theirs, `official`. Without them, the file of
/// number `i` of a class, in the order of names, is tested if `i mod 10` is the number that `split` says, 9 if it says
/// none.
///
/// # Shapes
/// Spikes of `[2, rows, columns]`, darker before brighter. Rows and columns are those of the manifest's sensor, or that of the
/// first file with one, or, where no file says it, as many as the events of all files need.
///
/// # Errors
/// A file that is no recording or is damaged ('cortado events convert' leaves damage out); an event outside of the sensor;
/// times from 71 minutes on; a class that the data set does not have, or that is only in the test; an unknown split;
/// no recordings; transforms of which one does not fit.
pub fn load(
    name: &str,
    folder: &Path,
    split: &str,
    transforms: &Pipeline,
    seed: u64,
) -> Result<Split> {
    let folder = &layout::root(folder)?;
    if folder.join(TRIALS).is_file() {
        return gestures(name, folder, split, transforms, seed);
    }
    let known = Manifest::built_in(name).ok();
    let layout::Layout { classes, files } = layout::find(name, folder, split, known.as_ref())?;
    let recordings: Vec<Recording> = files
        .par_iter()
        .enumerate()
        .map(|(i, f)| {
            let key = Key {
                seed,
                sample: i as u32,
                epoch: 0,
            };
            changed(opened(f, known.as_ref())?, transforms, key)
        })
        .collect::<Result<_>>()?;
    let sensor = sensor(&recordings);
    let make = |test: bool| -> Result<Dataset> {
        let chosen = files
            .iter()
            .zip(&recordings)
            .filter(|(f, _)| f.test == test);
        let spikes = chosen.clone().map(|(f, r)| channels(r, sensor, &f.path));
        let labels = chosen.map(|(f, _)| f.class).collect();
        let shape = vec![2, sensor.height.into(), sensor.width.into()];
        Dataset::spikes(shape, spikes.collect::<Result<_>>()?, classes, labels)
    };
    Ok(Split {
        name: name.into(),
        train: make(false)?,
        test: make(true)?,
    })
}

/// Gestures of recordings that lists name, each cut out at the times of a table beside it: class from 1 on, first
/// microsecond, first that is no longer of it. Times begin at 0.
fn gestures(
    name: &str,
    folder: &Path,
    split: &str,
    transforms: &Pipeline,
    seed: u64,
) -> Result<Split> {
    if !matches!(split, "" | "official") {
        return Err(Error::invalid(
            "split",
            name,
            "official",
            format!("'{split}'"),
        ));
    }
    let text =
        |file: &Path| std::fs::read_to_string(file).map_err(|e| Error::io("cannot read", file, e));
    let part = |list: &str, first: u32| -> Result<Dataset> {
        let names = text(&folder.join(list))?;
        let files: Vec<&str> = names
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty())
            .collect();
        let cut = |file: &&str| -> Result<Vec<(u32, Recording)>> {
            let path = folder.join(file);
            let table =
                path.with_file_name(format!("{}_labels.csv", file.trim_end_matches(".aedat")));
            let (all, _) = read(&path, &strict())?;
            let mut cut = Vec::new();
            for (i, line) in text(&table)?.lines().enumerate().skip(1) {
                let numbers: Vec<u64> = line
                    .split(',')
                    .filter_map(|n| n.trim().parse().ok())
                    .collect();
                let &[class @ 1..=11, from, until] = &numbers[..] else {
                    let at = format!("{}, line {}", table.display(), i + 1);
                    let expected = "a class from 1 to 11 and two times";
                    return Err(Error::invalid("label", at, expected, format!("'{line}'")));
                };
                let mut one = Recording {
                    geometry: Some(Geometry::new(128, 128)),
                    ..Recording::default()
                };
                one.events
                    .extend(all.events.iter().filter(|e| (from..until).contains(&e.t)));
                one.rebase(from);
                cut.push((class as u32 - 1, one));
            }
            Ok(cut)
        };
        let all: Vec<Vec<(u32, Recording)>> = files.par_iter().map(cut).collect::<Result<_>>()?;
        let mut sensor = Geometry::new(128, 128);
        let (mut spikes, mut labels) = (Vec::new(), Vec::new());
        for (i, (class, one)) in all.into_iter().flatten().enumerate() {
            let key = Key {
                seed,
                sample: first + i as u32,
                epoch: 0,
            };
            let one = changed(one, transforms, key)?;
            sensor = one.geometry.unwrap_or(sensor);
            spikes.push(channels(&one, sensor, &folder.join(list))?);
            labels.push(class);
        }
        let shape = vec![2, sensor.height.into(), sensor.width.into()];
        Dataset::spikes(shape, spikes, 11, labels)
    };
    let train = part("trials_to_train.txt", 0)?;
    let test = part("trials_to_test.txt", train.len() as u32)?;
    Ok(Split {
        name: name.into(),
        train,
        test,
    })
}

/// A recording after transforms.
fn changed(recording: Recording, transforms: &Pipeline, key: Key) -> Result<Recording> {
    match transforms.run(recording, key)? {
        Output::Events(recording) => Ok(recording),
        _ => {
            let expected = "ones that give events";
            Err(Error::invalid(
                "transforms",
                "the data set",
                expected,
                "one that gives an array",
            ))
        }
    }
}

/// A sample that lacks a part would be learned from without a word: damage is an error.
fn strict() -> Options {
    Options {
        policy: Policy::Strict,
        ..Options::default()
    }
}

/// A recording as it lies there, on the sensor that the manifest of its data set knows.
fn opened(file: &File, known: Option<&Manifest>) -> Result<Recording> {
    let sensor = known.and_then(|m| m.geometry);
    let sensor = sensor.map(|[width, height]| Geometry::new(width, height));
    let mut options = strict();
    options.columns = known.and_then(|m| m.columns.clone());
    // Where the header of an AEDAT file names no sensor, this says how its addresses are made up.
    if file.path.extension().is_some_and(|e| e == "aedat") {
        options.geometry = sensor;
    }
    let (mut recording, _) = read(&file.path, &options)?;
    if let Some(sensor) = sensor {
        let mut events = recording.events.iter().enumerate();
        if let Some((i, e)) = events.find(|(_, e)| !sensor.contains(e.x, e.y)) {
            let at = format!("{}, event {i}", file.path.display());
            let expected = format!("one of {sensor}");
            return Err(Error::invalid(
                "pixel",
                at,
                expected,
                format!("({}, {})", e.x, e.y),
            ));
        }
        recording.geometry = Some(sensor);
    }
    Ok(recording)
}

/// The sensor that the first file with one has, or the smallest for all events.
fn sensor(recordings: &[Recording]) -> Geometry {
    let known = recordings.iter().find_map(|r| r.geometry);
    known.unwrap_or_else(|| {
        let most = |column: fn(&Recording) -> Option<u16>| {
            let most = recordings.iter().filter_map(column).max().unwrap_or(0);
            most.saturating_add(1)
        };
        let width = most(|r| r.events.view().x.iter().max().copied());
        let height = most(|r| r.events.view().y.iter().max().copied());
        Geometry::new(width, height)
    })
}

/// Times and channels of a recording.
fn channels(r: &Recording, sensor: Geometry, path: &Path) -> Result<(Vec<u32>, Vec<u32>)> {
    let wrong = |what: &'static str, i: usize, expected: String, got: String| {
        Err(Error::invalid(
            what,
            format!("{}, event {i}", path.display()),
            expected,
            got,
        ))
    };
    let (mut times, mut units) = (Vec::new(), Vec::new());
    let (width, height) = (u32::from(sensor.width), u32::from(sensor.height));
    for (i, e) in r.events.iter().enumerate() {
        let Ok(t) = u32::try_from(e.t) else {
            let expected =
                "less than 71 minutes ('cortado events convert --zero' lets times begin at 0)";
            return wrong("time", i, expected.into(), format!("{} us", e.t));
        };
        if !sensor.contains(e.x, e.y) {
            return wrong(
                "pixel",
                i,
                format!("one of {sensor}"),
                format!("({}, {})", e.x, e.y),
            );
        }
        times.push(t);
        units.push((u32::from(e.p) * height + u32::from(e.y)) * width + u32::from(e.x));
    }
    Ok((times, units))
}
