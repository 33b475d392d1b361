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

mod samples;

use std::ops::Range;
use std::path::{Path, PathBuf};

use cortado_base::{Error, Result};
use cortado_events::transform::Pipeline;
use cortado_events::{Geometry, Recording};

use crate::cache::Cache;
use crate::layout::{self, TRIALS};
use crate::{Dataset, Manifest, Split};
use samples::{Maker, Manner, in_order};

/// What is done to each recording, once, and where that is kept.
#[derive(Clone, Copy, Debug)]
pub struct Changes<'a> {
    /// One after the other; the last gives events.
    pub transforms: &'a Pipeline,
    /// Of random ones.
    pub seed: u64,
    /// Samples that were made before; it changes how long loading takes and nothing else.
    pub cache: &'a Cache,
}

/// Reads all recordings below `folder`, each changed once.
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
pub fn load(name: &str, folder: &Path, split: &str, changes: &Changes<'_>) -> Result<Split> {
    let folder = &layout::root(folder)?;
    if folder.join(TRIALS).is_file() {
        return gestures(name, folder, split, changes);
    }
    let known = Manifest::built_in(name).ok();
    let layout::Layout { classes, files } = layout::find(name, folder, split, known.as_ref())?;
    let manner = known.as_ref().map(Manner::of).unwrap_or_default();
    let maker = Maker::new(changes, manner, files.first().map(|f| f.path.as_path()));
    let recordings = in_order(files.len(), |i| {
        maker.samples(&files[i].path, i as u32, &[None])
    })?;
    let recordings: Vec<Recording> = recordings.into_iter().flatten().collect();
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
fn gestures(name: &str, folder: &Path, split: &str, changes: &Changes<'_>) -> Result<Split> {
    if !matches!(split, "" | "official") {
        return Err(Error::invalid(
            "split",
            name,
            "official",
            format!("'{split}'"),
        ));
    }
    let part = |list: &str, first: usize| -> Result<Dataset> {
        let names = text(&folder.join(list))?;
        let files: Vec<&str> = names
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty())
            .collect();
        let (mut labels, mut tables, mut firsts) = (Vec::new(), Vec::new(), Vec::new());
        for file in &files {
            firsts.push((first + labels.len()) as u32);
            let (classes, cuts) = table(folder, file)?;
            labels.extend(classes);
            tables.push(cuts);
        }
        let paths: Vec<PathBuf> = files.iter().map(|f| folder.join(f)).collect();
        let maker = Maker::new(
            changes,
            Manner::default(),
            paths.first().map(PathBuf::as_path),
        );
        let samples = in_order(files.len(), |i| {
            maker.samples(&paths[i], firsts[i], &tables[i])
        })?;
        let mut sensor = GESTURES;
        let mut spikes = Vec::new();
        for one in samples.iter().flatten() {
            sensor = one.geometry.unwrap_or(sensor);
            spikes.push(channels(one, sensor, &folder.join(list))?);
        }
        let shape = vec![2, sensor.height.into(), sensor.width.into()];
        Dataset::spikes(shape, spikes, 11, labels)
    };
    let train = part(TRIALS, 0)?;
    let test = part("trials_to_test.txt", train.len())?;
    Ok(Split {
        name: name.into(),
        train,
        test,
    })
}

fn text(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|e| Error::io("cannot read", file, e))
}

/// Classes from 0 on and times of the gestures in a recording.
fn table(folder: &Path, file: &str) -> Result<(Vec<u32>, Vec<Part>)> {
    let name = format!("{}_labels.csv", file.trim_end_matches(".aedat"));
    let table = folder.join(file).with_file_name(name);
    let mut rows = (Vec::new(), Vec::new());
    for (i, line) in text(&table)?.lines().enumerate().skip(1) {
        let numbers = line.split(',').filter_map(|n| n.trim().parse().ok());
        let &[class @ 1..=11, from, until] = &numbers.collect::<Vec<u64>>()[..] else {
            let at = format!("{}, line {}", table.display(), i + 1);
            let expected = "a class from 1 to 11 and two times";
            return Err(Error::invalid("label", at, expected, format!("'{line}'")));
        };
        rows.0.push(class as u32 - 1);
        rows.1.push(Some(from..until));
    }
    Ok(rows)
}

/// The times of a recording that are a sample, or all of it.
type Part = Option<Range<u64>>;

/// The sensor of DVS128 Gesture.
const GESTURES: Geometry = Geometry::new(128, 128);

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
