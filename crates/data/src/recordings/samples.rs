//! Samples of files: decoded, cut, changed; or found in the cache.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use cortado_base::{Error, Result};
use cortado_events::format::Format;
use cortado_events::transform::{Key, Output, Pipeline};
use cortado_events::{Options, Policy, Reader, Recording, read};
use rayon::prelude::*;

use super::{Changes, GESTURES, Part};
use crate::cache::{Address, Cache, Contents};

/// Makes samples of files, or finds them in the cache.
pub(super) struct Maker<'a> {
    changes: &'a Changes<'a>,
    /// Where that is likely to be faster.
    cache: Option<&'a Cache>,
}

impl<'a> Maker<'a> {
    /// For files of which this is the first.
    pub(super) fn new(changes: &'a Changes<'a>, first: Option<&Path>) -> Self {
        let costly = || {
            let reader = first.map(|path| Reader::open(path, None, &strict()));
            reader.is_some_and(|r| r.is_ok_and(|r| is_costly(r.format())))
        };
        let there = changes.cache.folder().is_some();
        let pays = there && (!changes.transforms.0.is_empty() || costly());
        Self {
            changes,
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
                None => read(path, &strict())?.0,
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
        let rest = format!("{:?} {part:?} {transforms:?} {drawn:?}", strict());
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

/// A sample that lacks a part would be learned from without a word: damage is an error.
fn strict() -> Options {
    Options {
        policy: Policy::Strict,
        ..Options::default()
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
            let maker = Maker::new(&changes, Some(&path));
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
