//! Samples of files: decoded, cut, changed; or found in the cache.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use cortado_base::{Error, Result};
use cortado_events::format::Format;
use cortado_events::transform::{Key, Output, Pipeline};
use cortado_events::{Geometry, Options, Policy, Reader, Recording, read};
use rayon::prelude::*;

use super::{Changes, GESTURES, Part};
use crate::Manifest;
use crate::cache::{Address, Cache, Contents};

/// How the files of a data set are read, as far as its manifest says it. All of it counts in the address of a sample.
#[derive(Debug, Default)]
pub(super) struct Manner {
    sensor: Option<Geometry>,
    /// Of arrays without names.
    columns: Option<String>,
}

impl Manner {
    /// What a manifest says.
    pub(super) fn of(known: &Manifest) -> Self {
        Self {
            sensor: known.geometry.map(|[w, h]| Geometry::new(w, h)),
            columns: known.columns.clone(),
        }
    }

    /// A sample that lacks a part would be learned from without a word: damage is an error.
    fn options(&self, path: &Path) -> Options {
        // Where the header of an AEDAT file names no sensor, this says how its addresses are made up.
        let aedat = path.extension().is_some_and(|e| e == "aedat");
        Options {
            policy: Policy::Strict,
            geometry: self.sensor.filter(|_| aedat),
            columns: self.columns.clone(),
            ..Options::default()
        }
    }

    /// A recording as it lies there, on the sensor if that is known.
    fn read(&self, path: &Path) -> Result<Recording> {
        let (mut recording, _) = read(path, &self.options(path))?;
        if let Some(sensor) = self.sensor {
            let mut events = recording.events.iter().enumerate();
            if let Some((i, e)) = events.find(|(_, e)| !sensor.contains(e.x, e.y)) {
                let at = format!("{}, event {i}", path.display());
                let expected = format!("one of {sensor}");
                let got = format!("({}, {})", e.x, e.y);
                return Err(Error::invalid("pixel", at, expected, got));
            }
            recording.geometry = Some(sensor);
        }
        Ok(recording)
    }
}

/// Makes samples of files, or finds them in the cache.
pub(super) struct Maker<'a> {
    changes: &'a Changes<'a>,
    manner: Manner,
    /// Where that is likely to be faster.
    cache: Option<&'a Cache>,
}

impl<'a> Maker<'a> {
    /// For files of which this is the first.
    pub(super) fn new(changes: &'a Changes<'a>, manner: Manner, first: Option<&Path>) -> Self {
        let costly = || {
            let reader = first.map(|path| Reader::open(path, None, &manner.options(path)));
            reader.is_some_and(|r| r.is_ok_and(|r| is_costly(r.format())))
        };
        let there = changes.cache.folder().is_some();
        let pays = there && (!changes.transforms.0.is_empty() || costly());
        Self {
            changes,
            manner,
            cache: pays.then_some(changes.cache),
        }
    }

    /// The samples of a file, the first of which has the number `first`: for each part the events of its times, which begin at 0, or
    /// all as they are.
    pub(super) fn samples(
        &self,
        path: &Path,
        first: u32,
        parts: &[Part],
    ) -> Result<Vec<Recording>> {
        let contents = self.cache.and_then(|_| Contents::of(path));
        let kept = self.cache.zip(contents);
        let mut whole: Option<Recording> = None;
        let mut samples = Vec::with_capacity(parts.len());
        for (number, part) in (first..).zip(parts) {
            let kept = kept.as_ref().map(|(cache, contents)| {
                let address = self.address(contents, path, number, part.as_ref());
                (cache, contents, address)
            });
            let found = kept.as_ref().and_then(|(c, _, address)| c.get(address));
            if let Some(found) = found {
                samples.push(found);
                continue;
            }
            let read = match whole.take() {
                Some(read) => read,
                None => self.manner.read(path)?,
            };
            let sample = match part {
                None => read,
                Some(part) => cut(whole.insert(read), part),
            };
            let key = Key {
                seed: self.changes.seed,
                sample: number,
                epoch: 0,
            };
            let sample = changed(sample, self.changes.transforms, key)?;
            if let Some((cache, contents, address)) = kept
                && contents.still(path)
            {
                cache.put(&address, &sample);
            }
            samples.push(sample);
        }
        Ok(samples)
    }

    /// What a sample depends on.
    fn address(
        &self,
        contents: &Contents,
        path: &Path,
        number: u32,
        part: Option<&Range<u64>>,
    ) -> Address {
        let Changes {
            transforms, seed, ..
        } = self.changes;
        // Where the bytes do not say what they are, the ending does.
        let ending = path.extension().unwrap_or_default();
        let drawn = transforms.is_random().then_some((seed, number));
        // In the words of `Debug`, as JSON has none for numbers that are not finite.
        let (manner, options) = (&self.manner, self.manner.options(path));
        let rest = format!("{manner:?} {options:?} {part:?} {transforms:?} {drawn:?}");
        Address::new(&[&contents.sum, ending.as_encoded_bytes(), rest.as_bytes()])
    }
}

/// Whether decoding takes longer than to sum up a file and to read what was decoded: text, archives, HDF5, MATLAB. Others,
/// AEDAT 4 with LZ4 among them, are read at least as fast (`examples/cache.rs`).
fn is_costly(format: Format) -> bool {
    use Format::*;
    matches!(format, Csv | Dsec | Ecf | Mat | Npz | Rpg)
}

/// Results of `make` for 0 to `n`, made side by side; or its error for the lowest number that has one, whatever the threads.
pub(super) fn in_order<T: Send>(
    n: usize,
    make: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let failed = AtomicUsize::new(usize::MAX);
    let one = |i| {
        if i > failed.load(Ordering::Relaxed) {
            return None;
        }
        let made = make(i);
        if made.is_err() {
            failed.fetch_min(i, Ordering::Relaxed);
        }
        Some(made)
    };
    let all: Vec<Option<Result<T>>> = (0..n).into_par_iter().map(one).collect();
    all.into_iter().flatten().collect()
}

/// The events of a recording in `[start, end)`; times begin at 0.
fn cut(all: &Recording, part: &Range<u64>) -> Recording {
    let mut one = Recording {
        geometry: Some(GESTURES),
        ..Recording::default()
    };
    let inside = all.events.iter().filter(|e| part.contains(&e.t));
    one.events.extend(inside);
    one.rebase(part.start);
    one
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

#[cfg(test)]
mod tests {
    use super::*;
    use cortado_events::{Event, write};

    fn one_event(t: u64) -> Recording {
        Recording {
            events: [Event {
                t,
                ..Event::default()
            }]
            .into_iter()
            .collect(),
            ..Recording::default()
        }
    }

    /// What stands in the cache is what is given: here something else than what is in the file.
    #[test]
    fn what_is_kept_is_not_decoded_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write(&path, Format::Csv, &one_event(5)).unwrap();
        let changes = |seed, json: &str, cache: &Cache| {
            let transforms: Pipeline = serde_json::from_str(json).unwrap();
            let changes = Changes {
                transforms: &transforms,
                seed,
                cache,
            };
            let maker = Maker::new(&changes, Manner::default(), Some(&path));
            let contents = Contents::of(&path).unwrap();
            let address = maker.address(&contents, &path, 3, None);
            (maker.samples(&path, 3, &[None]).unwrap().remove(0), address)
        };
        let flip = r#"[{"type": "random_flip_polarity", "p": 0}]"#;
        for (seed, json) in [(0, "[]"), (4, flip)] {
            let cache = Cache::at(&folder.path().join("cache"));
            let (made, address) = changes(seed, json, &cache);
            assert_eq!(made.events, one_event(5).events);
            assert_eq!(cache.get(&address).map(|r| r.events), Some(made.events));
            cache.put(&address, &one_event(77));
            assert_eq!(changes(seed, json, &cache).0.events, one_event(77).events);
            assert_eq!(
                changes(seed, json, &Cache::off()).0.events,
                one_event(5).events
            );
        }
        // Drawn under another seed it is another sample.
        let cache = Cache::at(&folder.path().join("cache"));
        assert_eq!(changes(5, flip, &cache).0.events, one_event(5).events);
        assert_eq!(changes(5, "[]", &cache).0.events, one_event(77).events);
    }

    /// What a manifest says is a part of the address: with another sensor or other columns nothing is found, with the same all is.
    #[test]
    fn another_sensor_or_other_columns_are_another_sample() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(&folder.path().join("cache"));
        let transforms: Pipeline = serde_json::from_str(r#"[{"type": "sort"}]"#).unwrap();
        let changes = Changes {
            transforms: &transforms,
            seed: 0,
            cache: &cache,
        };
        // Rows of a table without names: what each number is, the columns say.
        let path = folder.path().join("a.npy");
        let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        let head = "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 4), }";
        bytes.extend(format!("{head:<117}\n").bytes());
        let rows = [10u16, 3, 5, 1, 20, 4, 2, 0];
        bytes.extend(rows.iter().flat_map(|n| n.to_le_bytes()));
        std::fs::write(&path, &bytes).unwrap();
        // A DVS128 without a chip in its header, whose address depends on the sensor.
        let aedat = folder.path().join("a.aedat");
        let address = 5u32 << 8 | 9 << 1 | 1;
        let mut bytes = b"#!AER-DAT2.0\r\n".to_vec();
        bytes.extend([address.to_be_bytes(), 7u32.to_be_bytes()].concat());
        std::fs::write(&aedat, &bytes).unwrap();

        let sensor = |w, h| Some(Geometry::new(w, h));
        let manners = [
            (&path, sensor(34, 34), Some("txyp")),
            (&path, sensor(34, 34), Some("tyxp")),
            (&path, sensor(34, 35), Some("txyp")),
            (&path, None, Some("txyp")),
            (&aedat, sensor(128, 128), None),
            (&aedat, sensor(240, 180), None),
        ];
        let mut seen: Vec<(Address, Recording)> = Vec::new();
        for (i, (path, sensor, columns)) in manners.into_iter().enumerate() {
            let get = |cache: &Cache| {
                let changes = Changes { cache, ..changes };
                let columns = columns.map(String::from);
                let maker = Maker::new(&changes, Manner { sensor, columns }, Some(path));
                let address = maker.address(&Contents::of(path).unwrap(), path, 0, None);
                let sample = maker.samples(path, 0, &[None]).unwrap().remove(0);
                (address, sample)
            };
            let plain = get(&Cache::off());
            assert_eq!(get(&cache), plain);
            assert_eq!(cache.usage().unwrap().entries, i as u64 + 1, "missed");
            assert_eq!(get(&cache), plain);
            assert_eq!(cache.usage().unwrap().entries, i as u64 + 1, "found");
            assert!(seen.iter().all(|(a, r)| *a != plain.0 && *r != plain.1));
            seen.push(plain);
        }
        let first = |i: usize| seen[i].1.events.iter().next().map(|e| (e.x, e.y));
        assert_eq!((first(0), first(1)), (Some((3, 5)), Some((5, 3))));
        assert_eq!(first(4), Some((9, 122)));
        // An event outside of the sensor is an error each time, and never kept.
        let manner = || Manner {
            sensor: sensor(4, 34),
            columns: Some("txyp".into()),
        };
        for _ in 0..2 {
            let made = Maker::new(&changes, manner(), Some(&path)).samples(&path, 0, &[None]);
            let sentence = made.unwrap_err().to_string();
            assert!(
                sentence.contains("event 1: expected one of 4x34, got (4, 2)"),
                "{sentence}"
            );
        }
        assert_eq!(cache.usage().unwrap().entries, seen.len() as u64);
    }

    #[test]
    fn the_first_error_is_the_lowest() {
        let wrong = |i: usize| Error::invalid("number", "test", "another", i);
        for threads in [1, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let pool = pool.build().unwrap();
            let got = pool.install(|| {
                in_order(500, |i| match i {
                    37.. if i % 2 == 1 => Err(wrong(i)),
                    _ => Ok(i),
                })
            });
            assert_eq!(got.unwrap_err().to_string(), wrong(37).to_string());
            let all = pool.install(|| in_order(50, Ok)).unwrap();
            assert!(all.into_iter().eq(0..50));
        }
    }
}
