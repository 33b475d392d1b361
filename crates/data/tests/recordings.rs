//! Data sets that are folders of recordings.

mod common;

use cortado::encode::Sample;
use cortado_data::cache::Cache;
use cortado_data::recordings::{Changes, load};
use cortado_data::{Dataset, load_changed, load_split};
use cortado_events::format::Format;
use cortado_events::transform::{Pipeline, Transform};
use cortado_events::{Event, Geometry, Recording, write};
use std::path::Path;

/// Two events, the second one brighter, that tell recordings apart.
fn recording(mark: u64) -> Recording {
    let mut r = Recording {
        geometry: Some(Geometry::new(6, 4)),
        ..Recording::default()
    };
    let event = |t, x, y, p| Event { t, x, y, p };
    r.events
        .extend([event(10 + mark, 1, 2, false), event(500 + mark, 5, 3, true)]);
    r
}

fn put(path: &Path, format: Format, mark: u64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    write(path, format, &recording(mark)).unwrap();
}

fn sample(set: &Dataset, i: usize) -> (Vec<u32>, Vec<u32>, u32) {
    let Sample::Events(e) = set.sample(i) else {
        panic!("no events")
    };
    (e.times.to_vec(), e.units.to_vec(), set.label(i))
}

#[test]
fn folders_of_training_and_test() {
    let folder = tempfile::tempdir().unwrap();
    for (part, class, mark) in [("Train", "2", 0), ("Train", "10", 1), ("Test", "10", 2)] {
        put(
            &folder.path().join(format!("n/{part}/{class}/a.es")),
            Format::Es,
            mark,
        );
    }
    let split = load_split("n", folder.path(), "").unwrap();
    assert_eq!(
        (split.train.len(), split.test.len(), split.train.classes),
        (2, 1, 2)
    );
    // Darker before brighter, then rows, then columns; classes in the order of numbers.
    assert_eq!(split.train.shape, [2, 4, 6]);
    let units = vec![2 * 6 + 1, 24 + 3 * 6 + 5];
    let all = [
        sample(&split.train, 0),
        sample(&split.train, 1),
        sample(&split.test, 0),
    ];
    assert!(all.iter().all(|(_, u, _)| *u == units));
    let mut told: Vec<_> = all.iter().map(|(t, _, class)| (t[0], *class)).collect();
    told.sort();
    assert_eq!(told, [(10, 0), (11, 1), (12, 1)]);
    let changes = Pipeline(vec![
        Transform::CenterCrop {
            width: 2,
            height: 4,
        },
        Transform::MergePolarities {},
    ]);
    let all = Changes {
        transforms: &changes,
        seed: 0,
        cache: &Cache::off(),
    };
    let changed = load("n", &folder.path().join("n"), "", &all).unwrap();
    assert_eq!(changed.train.shape, [2, 4, 2]);
    let e = load_changed("digits", folder.path(), "", &changes, 0).unwrap_err();
    assert!(e.to_string().contains("no recordings of events"), "{e}");
    let e = load_split("n", folder.path(), "3").unwrap_err();
    assert!(e.to_string().contains("expected official"), "{e}");
}

/// Files without a sensor, in a folder that an archive left around them; every tenth is tested.
#[test]
fn folders_of_classes() {
    let folder = tempfile::tempdir().unwrap();
    for class in ["cat", "dog"] {
        for i in 0..20 {
            put(
                &folder.path().join(format!("c/Inner/{class}/{i:02}.bin")),
                Format::Nmnist,
                i,
            );
        }
    }
    let split = load_split("c", folder.path(), "").unwrap();
    assert_eq!((split.train.len(), split.test.len()), (36, 4));
    // As large as the events need.
    assert_eq!(split.train.shape, [2, 4, 6]);
    let times =
        |set: &Dataset| -> Vec<u32> { (0..set.len()).map(|i| sample(set, i).0[0]).collect() };
    assert_eq!(times(&split.test), [19, 29, 19, 29]);
    let other = load_split("c", folder.path(), "0").unwrap();
    assert_eq!(times(&other.test), [10, 20, 10, 20]);
    let e = load_split("nothing", folder.path(), "").unwrap_err();
    assert!(e.to_string().contains("or a folder of recordings"), "{e}");
}

#[test]
fn gestures_are_cut_out_of_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join("dvs-gesture/DvsGesture").join(name);
    for name in ["user01.aedat", "user02.aedat"] {
        put(&place(name), Format::Aedat31, 1000);
        let table = place(&name.replace(".aedat", "_labels.csv"));
        std::fs::write(
            table,
            "class,startTime_usec,endTime_usec\n3,1000,1400\n11,1400,9000\n",
        )
        .unwrap();
    }
    std::fs::write(place("trials_to_train.txt"), "user01.aedat\n").unwrap();
    std::fs::write(place("trials_to_test.txt"), "user02.aedat\n\n").unwrap();
    let split = load_split("dvs-gesture", folder.path(), "").unwrap();
    assert_eq!(
        (split.train.len(), split.test.len(), split.train.classes),
        (2, 2, 11)
    );
    assert_eq!(split.train.shape, [2, 128, 128]);
    assert_eq!(sample(&split.train, 0), (vec![10], vec![2 * 128 + 1], 2));
    assert_eq!(
        sample(&split.test, 1),
        (vec![100], vec![(128 + 3) * 128 + 5], 10)
    );
    std::fs::write(place("user02_labels.csv"), "class\n12,0,5\n").unwrap();
    let e = load_split("dvs-gesture", folder.path(), "").unwrap_err();
    assert!(
        e.to_string()
            .contains("line 2: expected a class from 1 to 11"),
        "{e}"
    );
}

/// A file of the crate's own folder of fixtures.
fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(from, to).unwrap();
}

fn refused(name: &str, folder: &Path, word: &str) {
    let e = load_split(name, folder, "").unwrap_err().to_string();
    assert!(e.contains(word), "{word} in {e}");
}

/// What a download leaves beside the folder that it unpacked is no class, and a part of the set keeps its labels and sensor.
#[test]
fn a_part_of_a_known_set_keeps_sensor_and_labels() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("n-caltech101");
    for class in ["yin_yang", "ant"] {
        for i in 0..10 {
            let place = set.join(format!("Caltech101/{class}/image_{i:04}.bin"));
            put(&place, Format::Nmnist, i);
        }
    }
    std::fs::write(set.join("sources.json"), "{}").unwrap();
    let split = load_split("n-caltech101", folder.path(), "").unwrap();
    assert_eq!(split.train.shape, [2, 180, 240]);
    assert_eq!(
        (split.train.classes, split.test.labels()),
        (101, &[7, 100][..])
    );
    assert_eq!(sample(&split.test, 0).1, [2 * 240 + 1, (180 + 3) * 240 + 5]);
    // After transforms the sensor is theirs.
    let crop = Pipeline(vec![Transform::CenterCrop {
        width: 236,
        height: 178,
    }]);
    let changed = load_changed("n-caltech101", folder.path(), "", &crop, 0).unwrap();
    assert_eq!(changed.train.shape, [2, 178, 236]);
    put(&set.join("Caltech101/unicorn/a.bin"), Format::Nmnist, 0);
    refused(
        "n-caltech101",
        folder.path(),
        "of n-caltech101: BACKGROUND_Google, Faces_easy",
    );
    refused("n-caltech101", folder.path(), "got 'unicorn'");
    // One pixel beyond.
    std::fs::remove_dir_all(set.join("Caltech101/unicorn")).unwrap();
    let mut outside = recording(0);
    outside.geometry = None;
    outside.events.extend([Event {
        t: 9,
        x: 240,
        y: 0,
        p: true,
    }]);
    write(&set.join("Caltech101/ant/z.bin"), Format::Nmnist, &outside).unwrap();
    refused(
        "n-caltech101",
        folder.path(),
        "ant/z.bin, event 2: expected one of 240x180, got (240, 0)",
    );
}

/// Tables without names, in `pips_train` and `pips_test`; the order of columns is the manifest's.
#[test]
fn poker_pips() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("poker-dvs");
    copy(&fixture("poker.npy"), &set.join("pips_train/sp/a.npy"));
    copy(&fixture("poker.npy"), &set.join("pips_test/he/b.npy"));
    let split = load_split("poker-dvs", folder.path(), "official").unwrap();
    assert_eq!(
        (split.train.shape.as_slice(), split.train.classes),
        (&[2, 35, 35][..], 4)
    );
    assert_eq!(
        sample(&split.train, 0),
        (vec![7, 900], vec![3 * 35 + 34, 35 * 35], 3)
    );
    assert_eq!(split.test.labels(), [1]);
    std::fs::create_dir_all(set.join("other-train")).unwrap();
    std::fs::create_dir_all(set.join("other-test")).unwrap();
    refused("poker-dvs", folder.path(), "got other-train, pips_train");
}

/// Records by name: `t`, `x`, `y`, `p` of DVS-Lip, in the folder that its archive has.
#[test]
fn words_on_lips() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("dvs-lip/DVS-Lip");
    copy(&fixture("lip.npy"), &set.join("train/accused/0.npy"));
    copy(&fixture("lip.npy"), &set.join("test/young/0.npy"));
    let split = load_split("dvs-lip", folder.path(), "").unwrap();
    assert_eq!(
        (split.train.shape.as_slice(), split.train.classes),
        (&[2, 128, 128][..], 100)
    );
    let units = vec![(128 + 127) * 128 + 1, 64 * 128 + 127];
    assert_eq!(sample(&split.train, 0), (vec![12, 999_999], units, 0));
    assert_eq!(split.test.labels(), [99]);
}

/// MATLAB's columns of ASL-DVS in folders of letters; there is no j, so that k is class 9.
#[test]
fn hand_shapes() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..10 {
        let place = folder.path().join(format!("asl-dvs/k/k_{i:04}.mat"));
        copy(&fixture("asl.mat"), &place);
    }
    let split = load_split("asl-dvs", folder.path(), "").unwrap();
    assert_eq!(
        (split.train.len(), split.train.shape.as_slice()),
        (9, &[2, 180, 240][..])
    );
    let units = vec![(180 + 179) * 240, 239, (180 + 3) * 240 + 2];
    assert_eq!(sample(&split.test, 0), (vec![1, 70_000, 70_001], units, 9));
}

/// A header without a sensor, as jAER's tools write it: the manifest says that it is a DVS128.
#[test]
fn moving_pictures_in_aedat() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder
        .path()
        .join("cifar10-dvs/airplane/cifar10_airplane_0.aedat");
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    let mut bytes = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n".to_vec();
    for (x, y, p, t) in [(3u32, 0u32, 1u32, 40u32), (127, 127, 0, 41)] {
        bytes.extend((y << 8 | x << 1 | p).to_be_bytes());
        bytes.extend(t.to_be_bytes());
    }
    std::fs::write(&place, &bytes).unwrap();
    let split = load_split("cifar10-dvs", folder.path(), "").unwrap();
    assert_eq!(
        (split.train.len(), split.test.len(), split.train.classes),
        (1, 0, 10)
    );
    // Rows are counted from the bottom there.
    let units = vec![(128 + 127) * 128 + 3, 127];
    assert_eq!(sample(&split.train, 0), (vec![40, 41], units, 0));
}

/// A real snippet of N-CARS, whose header says no sensor, in the folders that its archives leave.
#[test]
fn cars_or_not() {
    let Some(root) = common::real_data("events") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let real = root.join("events/dat_ncars_sample.dat");
    copy(
        &real,
        &folder.path().join("n-cars/n-cars_train/cars/obj_1_td.dat"),
    );
    copy(
        &real,
        &folder
            .path()
            .join("n-cars/n-cars_test/background/obj_2_td.dat"),
    );
    let split = load_split("n-cars", folder.path(), "").unwrap();
    assert_eq!(
        (split.train.shape.as_slice(), split.train.classes),
        (&[2, 100, 120][..], 2)
    );
    assert_eq!(
        (split.train.labels(), split.test.labels()),
        (&[1][..], &[0][..])
    );
    let (times, units, _) = sample(&split.train, 0);
    let on = units.iter().filter(|u| **u >= 120 * 100).count();
    assert_eq!(
        (times.len(), times[0], times.last(), on),
        (2009, 0, Some(&99_952), 1350)
    );
}

/// A real N-MNIST digit.
#[test]
fn a_digit_of_n_mnist() {
    let Some(root) = common::real_data("events") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for place in ["Train/5/00001.bin", "Test/7/00002.bin"] {
        let real = root.join("events/nmnist_sample.bin");
        copy(&real, &folder.path().join("n-mnist").join(place));
    }
    let split = load_split("n-mnist", folder.path(), "").unwrap();
    assert_eq!(
        (split.train.shape.as_slice(), split.train.classes),
        (&[2, 34, 34][..], 10)
    );
    assert_eq!(
        (split.train.labels(), split.test.labels()),
        (&[5][..], &[7][..])
    );
    assert_eq!(sample(&split.train, 0).0.len(), 4325);
}

#[test]
fn a_class_that_is_only_in_the_test_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join("n/a_train/cat/1.es"), Format::Es, 0);
    put(&folder.path().join("n/a_test/dog/1.es"), Format::Es, 0);
    refused(
        "n",
        folder.path(),
        "folders of classes of n: cat, got 'dog'",
    );
}
