//! Sequences of DSEC and MVSEC, from files that h5py and numpy made (tests/oracle/sequences.py).

use cortado_data::sequence::Side;
use cortado_data::{dsec, mvsec};
use cortado_events::{Options, read};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

#[test]
fn a_drive_of_dsec() {
    let drive = dsec::Sequence::open(&fixture("dsec")).unwrap();
    let window = drive
        .events(Side::Left, 50_000_003_500, 50_000_014_007)
        .unwrap();
    // Counted and summed by the oracle; both ends are times of events.
    let events = window.events.view();
    assert_eq!(
        (events.len(), events.span()),
        (1501, Some((50_000_003_500, 50_000_014_000)))
    );
    assert_eq!(window.events.checksum(), 14890306945868037966);
    assert_eq!(window.geometry, Some(dsec::SENSOR));
    // All of it, and what the reader of files says.
    let all = drive.events(Side::Left, 0, u64::MAX).unwrap();
    let path = drive.events_file(Side::Left).unwrap();
    let (file, _) = read(&path, &Options::default()).unwrap();
    assert_eq!((all.events.len(), all.events), (3000, file.events));
    let none = drive.events(Side::Left, 50_000_020_994, u64::MAX).unwrap();
    assert!(none.events.is_empty());
    let e = drive.events(Side::Right, 0, 1).unwrap_err().to_string();
    assert!(
        e.contains("expected events/right/events.h5 or events_right"),
        "{e}"
    );
    let map = drive.rectify_map(Side::Left).unwrap();
    assert_eq!((map.width, map.height), (4, 3));
    assert_eq!(map.values[(2 * 4 + 3) * 2..], [3.25, 1.5]);
    assert_eq!(
        drive.image_times().unwrap(),
        [50_000_001_000, 50_000_051_000]
    );
}

#[test]
fn what_is_known_of_a_drive() {
    let drive = dsec::Sequence::open(&fixture("dsec")).unwrap();
    let disparity = drive.disparity().unwrap();
    let times: Vec<_> = disparity.iter().map(|d| (d.from, d.until)).collect();
    let (first, second) = (50_000_001_000, 50_000_101_000);
    assert_eq!(times, [(first, first), (second, second)]);
    let map = dsec::read_disparity(&disparity[0].file).unwrap();
    assert_eq!((map.width, map.height), (3, 2));
    assert_eq!(
        map.values,
        [0.0, 1.0 / 256.0, 1.0, 65_535.0 / 256.0, 1.5, 0.0]
    );
    assert_eq!(map.known, [false, true, true, true, true, false]);
    let flow = drive.flow().unwrap();
    assert_eq!(
        (flow.len(), flow[0].from, flow[0].until),
        (1, first, second)
    );
    let map = dsec::read_flow(&flow[0].file).unwrap();
    assert_eq!((map.width, map.height), (2, 2));
    assert_eq!(
        map.values,
        [0.0, 0.0, 1.0, -0.5, 0.0, 0.0, -256.0, 32_767.0 / 128.0]
    );
    assert_eq!(map.known, [true, true, false, true]);
    let e = dsec::read_flow(&disparity[0].file).unwrap_err().to_string();
    assert!(
        e.contains("expected Rgb of 16 bits, got Grayscale of 16 bits"),
        "{e}"
    );
    let tracks = drive.tracks().unwrap();
    let second = dsec::Track {
        t: 50_000_051_000,
        x: -3.0,
        y: 0.0,
        w: 2.0,
        h: 1.0,
        class: 7,
        confidence: 1.0,
        id: 12,
    };
    assert_eq!(tracks[1], second);
    let first = tracks[0];
    assert_eq!((first.w, first.h, first.confidence), (40.25, 30.0, 0.75));
    assert_eq!(
        (dsec::CLASSES[usize::from(first.class)], first.id),
        ("car", 9)
    );
}

/// What is wrong in a folder is said with its place.
#[test]
fn a_drive_that_is_not_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let refused = |e: cortado::Error, word: &str| {
        assert!(e.to_string().contains(word), "{word} in {e}");
    };
    let empty = dsec::Sequence::open(folder.path());
    refused(empty.err().unwrap(), "events/left/events.h5 or events_left");
    // The authors' layout.
    std::fs::create_dir_all(at("events/left")).unwrap();
    std::fs::copy(
        fixture("dsec/events_left/events.h5"),
        at("events/left/events.h5"),
    )
    .unwrap();
    std::fs::create_dir_all(at("disparity/event")).unwrap();
    std::fs::write(at("disparity/timestamps.txt"), "5\n6,7\n").unwrap();
    let drive = dsec::Sequence::open(folder.path()).unwrap();
    assert_eq!(
        drive.events(Side::Left, 0, u64::MAX).unwrap().events.len(),
        3000
    );
    refused(
        drive.disparity().unwrap_err(),
        "line 2: expected 1 whole microseconds, got '6,7'",
    );
    std::fs::write(at("disparity/timestamps.txt"), "5\n6\n").unwrap();
    refused(
        drive.disparity().unwrap_err(),
        "expected 2 pictures, one for each line of times, got 0",
    );
    refused(
        drive.flow().unwrap_err(),
        "optical_flow_forward_timestamps.txt, got none",
    );
    for cut in [60, 20] {
        let whole = std::fs::read(fixture("dsec/disparity_event/000000.png")).unwrap();
        std::fs::write(at("cut.png"), &whole[..cut]).unwrap();
        refused(
            dsec::read_disparity(&at("cut.png")).unwrap_err(),
            "a whole PNG file",
        );
    }
    let mut boxes = std::fs::read(fixture("dsec/tracks.npy")).unwrap();
    let start = boxes.len() - 2 * 57;
    boxes[start + 40] = 8;
    std::fs::write(at("tracks.npy"), &boxes).unwrap();
    refused(
        drive.tracks().unwrap_err(),
        "class_id from 0 to 7 of box 0, got 8",
    );
    boxes.pop();
    std::fs::write(at("tracks.npy"), &boxes).unwrap();
    refused(
        drive.tracks().unwrap_err(),
        "2 records of 57 bytes, got 113 bytes",
    );
}

#[test]
fn a_flight_of_mvsec() {
    let (data, truth) = (fixture("mvsec_data.hdf5"), fixture("mvsec_gt.hdf5"));
    let flight = mvsec::Sequence::open(&data, Some(&truth)).unwrap();
    assert_eq!(flight.origin(), 1_504_645_177_423_700);
    let sums = [
        (Side::Left, 250_612_025_623_205_901),
        (Side::Right, 14_507_925_916_159_266_865),
    ];
    for (side, sum) in sums {
        let window = flight.events(side, 1000, 21_005).unwrap();
        assert_eq!(window.events.view().span(), Some((1000, 21_000)));
        assert_eq!((window.events.len(), window.events.checksum()), (2001, sum));
        assert_eq!(window.geometry, Some(mvsec::SENSOR));
    }
    // Two of the right camera's events are before the origin.
    let right = flight.events(Side::Right, 0, u64::MAX).unwrap();
    assert_eq!(right.events.len(), 2498);
    // The reader of files gives times of the clock.
    let (file, report) = read(&data, &Options::default()).unwrap();
    assert_eq!(
        (file.events.len(), file.events.view().get(1).t),
        (2500, 1_504_645_177_423_710)
    );
    assert_eq!(report.damaged(), 0);

    let mut depth = flight.depth(Side::Left).unwrap();
    assert_eq!(depth.shape(), [1, 6, 4]);
    assert_eq!(depth.times(), [-10_000, 40_000, 90_000, 140_000, 190_000]);
    let mut frame = vec![7.0; 3];
    // In any order.
    for i in [4, 0, 1] {
        depth.read(i, &mut frame).unwrap();
        let expected = (0..24).map(|k| (i * 24 + k) as f32 / 4.0);
        let skip = usize::from(i == 1);
        assert!(
            frame.iter().skip(skip).copied().eq(expected.skip(skip)),
            "{i}"
        );
    }
    assert!(frame[0].is_nan());
    assert!(depth.read(5, &mut frame).is_err());
    let mut flow = flight.flow(Side::Left).unwrap();
    assert_eq!(
        (flow.shape(), flow.times()),
        ([2, 6, 4], &[0, 50_000, 100_000][..])
    );
    flow.read(2, &mut frame).unwrap();
    let expected = (96..144).map(|k| k as f32 / 8.0 - 1.0);
    assert!(frame.iter().copied().eq(expected));
    let e = flight.depth(Side::Right).err().unwrap().to_string();
    assert!(e.contains("davis/right/depth_image_rect"), "{e}");
    let alone = mvsec::Sequence::open(&data, None).unwrap();
    let e = alone.flow(Side::Left).err().unwrap().to_string();
    assert!(e.contains("a file of the ground truth"), "{e}");
    let other = mvsec::Sequence::open(&truth, None)
        .err()
        .unwrap()
        .to_string();
    assert!(other.contains("davis/left/events"), "{other}");
}
