//! Data sets that are folders of recordings.

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
