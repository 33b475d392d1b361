//! The cache of decoded samples: it changes nothing but time.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use common::damage::{Choices, damaged};
use common::real_data;
use cortado_data::Split;
use cortado_data::cache::{Cache, Usage};
use cortado_data::recordings::{Changes, load};
use cortado_events::format::Format;
use cortado_events::transform::Pipeline;
use cortado_events::{Event, Geometry, Recording, write};
use tempfile::TempDir;

/// Events that differ with `mark`, some late, some at one time.
fn recording(mark: u64) -> Recording {
    let event = |i: u64| Event {
        t: 1000 * mark + 40 * i,
        x: (i * i + mark) as u16 % 34,
        y: (3 * i + mark) as u16 % 30,
        p: (i + mark).is_multiple_of(3),
    };
    Recording {
        events: (0..150 + mark).map(event).collect(),
        geometry: Some(Geometry::new(34, 30)),
        ..Recording::default()
    }
}

/// A data set of 6 recordings of a format, and a place for a cache.
fn folders(format: Format, ending: &str) -> (TempDir, TempDir) {
    let (data, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (i, place) in [
        "train/0", "train/0", "train/1", "train/1", "test/0", "test/1",
    ]
    .iter()
    .enumerate()
    {
        let folder = data.path().join(place);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{i}.{ending}"));
        write(&path, format, &recording(i as u64)).unwrap();
    }
    (data, cache)
}

fn pipeline(json: &str) -> Pipeline {
    serde_json::from_str(json).unwrap()
}

const CROP: &str = r#"[{"type": "crop_time", "start": 2100}]"#;
const DROP: &str = r#"[{"type": "drop_event", "p": 0.3}, {"type": "time_jitter", "std": 90}]"#;

/// What loading gives, or what it says; without the folder's name.
fn get(data: &Path, cache: &Cache, transforms: &str, seed: u64) -> Result<Split, String> {
    let changes = Changes {
        transforms: &pipeline(transforms),
        seed,
        cache,
    };
    load("set", data, "", &changes).map_err(|e| e.to_string())
}

fn entries(cache: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten();
        entries.map(|e| e.unwrap().path()).collect()
    };
    let shards = list(&cache.join("samples"));
    let mut all: Vec<PathBuf> = shards.iter().flat_map(|s| list(s)).collect();
    all.sort();
    all
}

fn count(cache: &Path) -> usize {
    entries(cache).len()
}

/// Cold, warm and none give the same, with any number of threads.
fn same_always(data: &Path, transforms: &str, seed: u64) -> (Result<Split, String>, usize) {
    let plain = get(data, &Cache::off(), transforms, seed);
    let folder = tempfile::tempdir().unwrap();
    for (threads, temperature) in [(1, "cold"), (1, "warm"), (3, "warm")] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let cache = Cache::at(folder.path());
        let got = pool
            .build()
            .unwrap()
            .install(|| get(data, &cache, transforms, seed));
        assert!(
            got == plain,
            "{transforms}, {threads} threads, {temperature}"
        );
    }
    (plain, count(folder.path()))
}

#[test]
fn made_recordings_are_the_same_with_and_without() {
    // Whether they are kept without changes as well.
    let formats = [
        (Format::Csv, "csv", true),
        (Format::Npz, "npz", true),
        (Format::Dsec, "h5", true),
        (Format::Ecf, "hdf5", true),
        (Format::Aedat4, "aedat4", false),
        (Format::Rpg, "txt", true),
        (Format::Es, "es", false),
        (Format::Nmnist, "bin", false),
        (Format::Evt3, "raw", false),
    ];
    for (format, ending, costly) in formats {
        let (data, _) = folders(format, ending);
        let (plain, kept) = same_always(data.path(), "[]", 0);
        assert_eq!(plain.unwrap().train.len(), 4, "{ending}");
        assert_eq!(kept, if costly { 6 } else { 0 }, "{ending}");
        for seed in [0, 7] {
            let (plain, kept) = same_always(data.path(), DROP_OR_CROP[seed as usize % 2], seed);
            assert_eq!((plain.unwrap().test.len(), kept), (2, 6), "{ending}");
        }
    }
}
const DROP_OR_CROP: [&str; 2] = [CROP, DROP];

#[test]
fn real_recordings_are_the_same_with_and_without() {
    let Some(root) = real_data("events") else {
        return;
    };
    let mut good = 0;
    for (file, costly) in [
        ("aedat4_sample.aedat4", false),
        ("csv_sample.csv", true),
        ("stmnist_sample.mat", true),
        ("ros_evt3_events.mcap", false),
        ("aedat2_davis240_small.aedat", false),
        ("dat_ncars_sample.dat", false),
        ("nmnist_sample.bin", false),
        ("evt3_sample.raw", false),
        ("slayer_ntidigits_1.bs1", false),
    ] {
        let data = tempfile::tempdir().unwrap();
        for place in ["train/0", "train/1", "test/0"] {
            let folder = data.path().join(place);
            fs::create_dir_all(&folder).unwrap();
            fs::copy(root.join("events").join(file), folder.join(file)).unwrap();
        }
        for (transforms, random) in [
            ("[]", false),
            (r#"[{"type": "time_alignment"}]"#, false),
            (
                r#"[{"type": "time_alignment"}, {"type": "drop_event", "p": 0.5}]"#,
                true,
            ),
        ] {
            let (plain, kept) = same_always(data.path(), transforms, 5);
            // Equal files are one entry, unless each is drawn for itself.
            let one = if random { 3 } else { 1 };
            let expected = if costly || transforms != "[]" { one } else { 0 };
            // What is not read is not kept.
            match &plain {
                Ok(_) => assert_eq!(kept, expected, "{file} {transforms}"),
                Err(e) => assert!(e.contains("71 minutes") || kept == 0, "{file}: {e}"),
            }
            good += usize::from(plain.is_ok());
        }
    }
    assert!(good > 20, "{good}");
}

#[test]
fn what_counts_is_what_is_in_a_file_and_what_is_done_to_it() {
    let (data, folder) = folders(Format::Csv, "csv");
    let at = |transforms: &str, seed: u64| {
        let got = get(data.path(), &Cache::at(folder.path()), transforms, seed).unwrap();
        (got, count(folder.path()))
    };
    assert_eq!(at("[]", 0).1, 6);
    // A seed is nothing to what is not random.
    assert_eq!(at("[]", 1).1, 6);
    assert_eq!(at(CROP, 0).1, 12);
    assert_eq!(at(CROP, 9).1, 12);
    assert_eq!(at(&CROP.replace("2100", "2200"), 0).1, 18);
    let (first, n) = at(DROP, 0);
    let (second, more) = at(DROP, 1);
    assert_eq!((n, more), (24, 30));
    assert!(first != second);
    // Another name.
    let path = data.path().join("train/0/0.csv");
    fs::rename(&path, data.path().join("train/0/00.csv")).unwrap();
    assert_eq!(at("[]", 0).1, 30);
    // Another number, which only what is random is drawn by.
    fs::rename(
        data.path().join("train/0/00.csv"),
        data.path().join("train/0/9.csv"),
    )
    .unwrap();
    assert_eq!(at("[]", 0).1, 30);
    assert_eq!(at(DROP, 0).1, 32);
    // One byte; length and time of the file stay.
    let path = data.path().join("test/0/4.csv");
    let (old, when) = (
        fs::read(&path).unwrap(),
        fs::metadata(&path).unwrap().modified().unwrap(),
    );
    let mut new = old.clone();
    let place = old.len() - 2;
    new[place] ^= 1;
    fs::write(&path, &new).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(when).unwrap();
    let (changed, n) = at("[]", 0);
    assert_eq!(n, 33);
    assert_eq!(Ok(changed), get(data.path(), &Cache::off(), "[]", 0));
}

/// Bytes that are read as one format or another by the ending of their name.
#[test]
fn the_ending_counts_where_bytes_do_not_say() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bytes: Vec<u8> = (0..40u8).flat_map(|i| [0, 9, 0, i, 7]).collect();
    let get = |ending: &str, cache: &Cache| {
        for place in ["train/0", "test/0"] {
            let _ = fs::remove_dir_all(data.path().join(place));
            fs::create_dir_all(data.path().join(place)).unwrap();
            fs::write(data.path().join(place).join(format!("a.{ending}")), &bytes).unwrap();
        }
        get(data.path(), cache, r#"[{"type": "time_alignment"}]"#, 0)
    };
    let [one, other] = ["bs1", "bs2"].map(|e| get(e, &Cache::off()));
    assert!(one != other);
    for _ in 0..2 {
        assert!(get("bs1", &Cache::at(folder.path())) == one);
        assert!(get("bs2", &Cache::at(folder.path())) == other);
    }
}

#[test]
fn damaged_entries_are_made_again() {
    let (data, folder) = folders(Format::Csv, "csv");
    let plain = get(data.path(), &Cache::off(), DROP, 3).unwrap();
    let load = || get(data.path(), &Cache::at(folder.path()), DROP, 3).unwrap();
    load();
    let all = entries(folder.path());
    let good: Vec<Vec<u8>> = all.iter().map(|p| fs::read(p).unwrap()).collect();
    let mut choices = Choices(11);
    for round in 0..60 {
        for (path, bytes) in all.iter().zip(&good) {
            fs::write(path, damaged(bytes, &mut choices)).unwrap();
        }
        assert!(load() == plain, "round {round}");
        for (path, bytes) in all.iter().zip(&good) {
            assert_eq!(&fs::read(path).unwrap(), bytes, "round {round}");
        }
    }
    // One entry in another's place, all of whose bytes are right.
    fs::write(&all[0], &good[1]).unwrap();
    assert!(load() == plain);
    // A folder in the place of one.
    fs::remove_file(&all[0]).unwrap();
    fs::create_dir(&all[0]).unwrap();
    assert!(load() == plain);
}

#[test]
fn errors_are_the_same_cold_and_warm() {
    let (data, folder) = folders(Format::Csv, "csv");
    get(data.path(), &Cache::at(folder.path()), "[]", 0).unwrap();
    // Two are damaged; the first by name is spoken of, whatever the threads.
    for name in ["train/1/3.csv", "train/0/1.csv"] {
        let path = data.path().join(name);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}5,70000,1,1\n")).unwrap();
    }
    let (plain, kept) = same_always(data.path(), "[]", 0);
    let sentence = plain.unwrap_err();
    assert!(sentence.contains("train/0/1.csv"), "{sentence}");
    // One of the files before the damage, or after it where another thread was faster.
    assert!((1..=4).contains(&kept));
    let warm = get(data.path(), &Cache::at(folder.path()), "[]", 0);
    assert_eq!(warm.unwrap_err(), sentence);
    // An event outside of the sensor of the first file is seen when all are together.
    let (data, folder) = folders(Format::Es, "es");
    let mut large = recording(4);
    large.geometry = Some(Geometry::new(50, 50));
    large.events.extend([Event {
        t: 50_000,
        x: 49,
        y: 40,
        p: true,
    }]);
    write(&data.path().join("test/0/4.es"), Format::Es, &large).unwrap();
    let plain = get(data.path(), &Cache::off(), "[{\"type\": \"sort\"}]", 0);
    assert!(
        plain.as_ref().unwrap_err().contains("pixel at"),
        "{plain:?}"
    );
    for _ in 0..2 {
        let cache = Cache::at(folder.path());
        assert_eq!(get(data.path(), &cache, "[{\"type\": \"sort\"}]", 0), plain);
    }
    assert_eq!(count(folder.path()), 6);
}

#[test]
fn gestures_are_kept_one_by_one() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let place = |name: &str| data.path().join(name);
    for (name, rows) in [
        ("user01", "3,1000,1400\n11,1400,9000\n"),
        ("user02", "1,1200,2000\n"),
    ] {
        write(
            &place(&format!("{name}.aedat")),
            Format::Aedat31,
            &recording(1),
        )
        .unwrap();
        let head = "class,startTime_usec,endTime_usec\n";
        fs::write(
            place(&format!("{name}_labels.csv")),
            format!("{head}{rows}"),
        )
        .unwrap();
    }
    fs::write(place("trials_to_train.txt"), "user01.aedat\n").unwrap();
    fs::write(place("trials_to_test.txt"), "user02.aedat\n").unwrap();
    for seed in [0, 1] {
        let (plain, kept) = same_always(data.path(), DROP, seed);
        assert_eq!((plain.unwrap().train.len(), kept), (2, 3));
    }
    // One row of the table is another; of the two of its file one is made again.
    let load = || get(data.path(), &Cache::at(folder.path()), DROP, 0).unwrap();
    load();
    fs::write(
        place("user01_labels.csv"),
        "head\n3,1000,1400\n11,1400,5000\n",
    )
    .unwrap();
    assert_eq!(Ok(load()), get(data.path(), &Cache::off(), DROP, 0));
    assert_eq!(count(folder.path()), 4);
}

#[test]
fn a_folder_that_cannot_be_written_is_no_error() {
    let (data, folder) = folders(Format::Csv, "csv");
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    let plain = get(data.path(), &Cache::off(), "[]", 0);
    assert_eq!(get(data.path(), &Cache::at(&file), "[]", 0), plain);
    assert_eq!(fs::read(&file).unwrap(), b"not a folder");
    let small = Cache::at(folder.path()).limit(100);
    assert_eq!(get(data.path(), &small, "[]", 0), plain);
    assert_eq!(count(folder.path()), 0);
}

#[test]
fn two_at_once_share_a_folder() {
    let (data, folder) = folders(Format::Csv, "csv");
    let plain = get(data.path(), &Cache::off(), DROP, 2);
    std::thread::scope(|scope| {
        let one = || {
            for round in 0..20 {
                let cache = Cache::at(folder.path());
                assert!(get(data.path(), &cache, DROP, 2) == plain);
                if round % 5 == 4 {
                    let _ = cache.clear();
                }
            }
        };
        let all = [scope.spawn(one), scope.spawn(one), scope.spawn(one)];
        all.into_iter().for_each(|t| t.join().unwrap());
    });
    // Nothing half done is left.
    assert!(
        entries(folder.path())
            .iter()
            .all(|p| p.file_name().unwrap().len() == 62)
    );
}

/// As if all were used a quarter of an hour ago, a second apart.
fn age(cache: &Path) {
    let old = SystemTime::now() - Duration::from_secs(1000);
    for (i, path) in entries(cache).iter().enumerate() {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(old + Duration::from_secs(i as u64))
            .unwrap();
    }
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let (data, folder) = folders(Format::Csv, "csv");
    let cache = || Cache::at(folder.path());
    get(data.path(), &cache(), "[]", 0).unwrap();
    let unchanged = entries(folder.path());
    get(data.path(), &cache(), CROP, 0).unwrap();
    age(folder.path());
    // Those without changes are used again.
    get(data.path(), &cache(), "[]", 0).unwrap();
    let Usage { entries: n, bytes } = cache().usage().unwrap();
    assert_eq!(n, 12);
    // Room for what is there and no more: what was used stays.
    let full = cache().limit(bytes);
    get(data.path(), &full, DROP, 0).unwrap();
    let left = entries(folder.path());
    assert!(unchanged.iter().all(|p| left.contains(p)));
    assert!(full.usage().unwrap().bytes <= bytes);
    assert!(left.len() > 6, "{}", left.len());
    // What a load itself keeps is not removed for more of it.
    let room = fs::metadata(&unchanged[0]).unwrap().len() * 5 / 2;
    let small = tempfile::tempdir().unwrap();
    let limited = || Cache::at(small.path()).limit(room);
    let plain = get(data.path(), &Cache::off(), "[]", 0);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let mut kept = Vec::new();
    for _ in 0..3 {
        let got = pool.install(|| get(data.path(), &limited(), "[]", 0));
        assert_eq!(got, plain);
        kept.push(entries(small.path()));
        age(small.path());
    }
    assert_eq!(kept[0].len(), 2);
    assert!(kept.iter().all(|k| *k == kept[0]));
}

#[test]
fn only_what_it_made_is_cleared() {
    let (data, folder) = folders(Format::Csv, "csv");
    let cache = Cache::at(folder.path());
    assert_eq!(cache.clear().unwrap(), Usage::default());
    get(data.path(), &cache, "[]", 0).unwrap();
    let samples = folder.path().join("samples");
    assert_eq!(cache.folder(), Some(samples.as_path()));
    let others = ["notes.txt", "aa/notes.txt", "zz/00", "samples.txt"];
    for other in others {
        fs::create_dir_all(samples.join(other).parent().unwrap()).unwrap();
        fs::write(samples.join(other), "mine").unwrap();
    }
    // What a program that was killed left.
    let left = samples.join("aa/.tmpAbCdEf");
    fs::write(&left, "half").unwrap();
    assert_eq!(cache.usage().unwrap().entries, 6);
    let file = fs::File::options().write(true).open(&left).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(7200))
        .unwrap();
    let bytes = cache.usage().unwrap().bytes;
    assert_eq!(cache.clear().unwrap(), Usage { entries: 7, bytes });
    assert_eq!(cache.usage().unwrap(), Usage::default());
    assert!(others.iter().all(|o| samples.join(o).is_file()));
    for other in others {
        fs::remove_file(samples.join(other)).unwrap();
    }
    // It works on.
    get(data.path(), &cache, "[]", 0).unwrap();
    assert_eq!(cache.usage().unwrap().entries, 6);
    let all = cache.clear().unwrap();
    assert!(all.entries == 6 && all.bytes > 0);
}
