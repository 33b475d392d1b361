//! Streams of records and packets: real recordings, and what is written here.

mod common;

use common::{Choices, at_once, damaged, in_pieces, strict, ways_agree};
use cortado_events::format::Format;
use cortado_events::{Event, Geometry, Options, Reader, Recording, Trigger, encode};
use proptest::prelude::*;

/// Events, of which brighter, first and last time, checksum of columns as stored, sensor, places of damage.
type Expected = (usize, usize, u64, u64, u64, Option<(u16, u16)>, u64);

/// Counts and checksums stand in the README beside the files, made by throw-away decoders; those of the clips in
/// `tests/oracle/streams.py`.
const FILES: &[(&str, Format, Expected)] = &[
    (
        "nmnist_sample.bin",
        Format::Nmnist,
        (4325, 2145, 654, 311_175, 0x7ada_b7ff_9833_58e6, None, 0),
    ),
    (
        "dvs128_clip_1.bs2",
        Format::Nmnist,
        (
            63_471,
            32_164,
            28,
            1_449_996,
            0x3c49_c563_0450_9a14,
            None,
            0,
        ),
    ),
    (
        "dvs128_clip_2.bs2",
        Format::Nmnist,
        (
            84_260,
            43_472,
            45,
            1_449_969,
            0x327b_199a_6020_23c0,
            None,
            0,
        ),
    ),
    (
        "dvs128_clip_3.bs2",
        Format::Nmnist,
        (
            113_063,
            55_396,
            2,
            1_449_994,
            0x9133_2ccb_1c93_8350,
            None,
            0,
        ),
    ),
    (
        "dvs128_clip_4.bs2",
        Format::Nmnist,
        (
            151_879,
            77_731,
            3,
            1_449_993,
            0x3f02_4275_1613_14d7,
            None,
            0,
        ),
    ),
    (
        "dvs128_clip_5.bs2",
        Format::Nmnist,
        (
            181_179,
            93_262,
            8,
            1_449_984,
            0x1bda_f478_70e0_6c10,
            None,
            0,
        ),
    ),
    (
        "slayer_1.bs3",
        Format::Bs3,
        (
            63_471,
            32_164,
            28,
            1_449_996,
            0x3c49_c563_0450_9a14,
            None,
            0,
        ),
    ),
    (
        "slayer_ntidigits_1.bs1",
        Format::Bs1,
        (898, 898, 0, 1_079_040, 0x39dd_e77b_a8e3_5022, None, 0),
    ),
    (
        "dat_ncars_sample.dat",
        Format::Dat,
        (2009, 1350, 0, 99_952, 0x6623_8c5f_3429_8d82, None, 0),
    ),
    (
        "es_dvs.es",
        Format::Es,
        (
            473_225,
            270_001,
            0,
            999_000,
            0x4c9e_4a31_0114_7d0e,
            Some((320, 240)),
            0,
        ),
    ),
    (
        "es_color.es",
        Format::Es,
        (
            473_225,
            0,
            0,
            999_000,
            0x36c9_4c51_6854_739f,
            Some((320, 240)),
            0,
        ),
    ),
    (
        "es_generic.es",
        Format::Es,
        (70, 0, 0, 1_207_922, 0x3bdf_0743_b359_81bc, None, 0),
    ),
    (
        "aedat2_davis240_rotdisk.aedat",
        Format::Aedat2,
        (
            374_296,
            163_098,
            341_678,
            3_508_437,
            0xbc34_6084_9927_392a,
            Some((240, 180)),
            0,
        ),
    ),
    (
        "aedat2_synth_rotatingbar.aedat",
        Format::Aedat2,
        (
            45_000,
            45_000,
            100_000,
            90_000_000,
            0x865f_3214_8dc4_2d1e,
            Some((240, 180)),
            0,
        ),
    ),
    (
        "aedat2_synth_translatingsquare.aedat",
        Format::Aedat2,
        (
            16_000,
            8000,
            50_000,
            5_000_000,
            0x4c2e_7e4a_bf04_c040,
            Some((240, 180)),
            0,
        ),
    ),
    (
        "aedat2_dvs128_small.aedat",
        Format::Aedat2,
        (
            4,
            0,
            606_348_324,
            606_348_324,
            0x3d06_6918_6bb7_5df0,
            Some((128, 128)),
            1,
        ),
    ),
    (
        "aedat2_davis240_small.aedat",
        Format::Aedat2,
        (0, 0, 0, 0, 0x0, Some((240, 180)), 1),
    ),
    (
        "aedat2_header_only.aedat",
        Format::Aedat2,
        (0, 0, 0, 0, 0x0, Some((346, 260)), 0),
    ),
    (
        "aedat4_sample.aedat4",
        Format::Aedat4,
        (
            111_954,
            55_023,
            1_605_537_493_718_345,
            1_605_537_494_308_262,
            0xd398_9435_c67b_fc1e,
            Some((320, 240)),
            0,
        ),
    ),
];

#[test]
fn recordings_of_others() {
    let Some(folder) = common::real_data("events") else {
        return;
    };
    let raw = Options {
        raw_rows: true,
        ..Options::default()
    };
    for &(name, format, expected) in FILES {
        let path = folder.join("events").join(name);
        let mut reader = Reader::open(&path, None, &raw).unwrap();
        assert_eq!(reader.format(), format, "{name}");
        let mut read = Recording::default();
        while reader.next(&mut read).unwrap() {}
        let events = read.events.view();
        let found = (
            events.len(),
            events.p.iter().filter(|&&p| p).count(),
            *events.t.first().unwrap_or(&0),
            *events.t.last().unwrap_or(&0),
            read.events.checksum(),
            read.geometry.map(|g| (g.width, g.height)),
            reader.report().damaged(),
        );
        assert_eq!(found, expected, "{name}");
        let bytes = std::fs::read(&path).unwrap();
        for sizes in [&[1009][..], &[1, 7, 70_000]] {
            let (whole, _) = ways_agree(&bytes, format, &raw, sizes).unwrap();
            assert!(whole == read, "{name}");
        }
    }
}

/// How a format limits what it holds.
struct Limits {
    format: Format,
    /// Largest column and row.
    largest: (u16, u16),
    /// Longest step of time from the newest event, forward and back: of a clock a quarter of a turn.
    steps: (i64, i64),
    sensor: Option<Geometry>,
    triggers: bool,
}

const fn limits(format: Format, largest: (u16, u16), steps: (i64, i64)) -> Limits {
    Limits {
        format,
        largest,
        steps,
        sensor: None,
        triggers: false,
    }
}

const LIMITS: &[Limits] = &[
    Limits {
        triggers: true,
        ..limits(Format::Aedat4, (32_767, 32_767), (1 << 31, 1 << 31))
    },
    Limits {
        triggers: true,
        ..limits(Format::Aedat31, (32_767, 32_767), (1 << 33, 1 << 33))
    },
    Limits {
        sensor: Some(Geometry::new(640, 480)),
        ..limits(Format::Aedat2, (639, 479), (1_070_000_000, 1_070_000_000))
    },
    Limits {
        sensor: Some(Geometry::new(128, 128)),
        ..limits(Format::Aedat2, (127, 127), (1_070_000_000, 1_070_000_000))
    },
    limits(Format::Nmnist, (255, 239), (40_000_000, 2_090_000)),
    limits(Format::Bs1, (65_535, 0), (2_090_000, 2_090_000)),
    limits(Format::Bs3, (4095, 4095), (4_190_000, 4_190_000)),
    limits(
        Format::Dat,
        (16_383, 16_383),
        (1_070_000_000, 1_070_000_000),
    ),
    Limits {
        sensor: Some(Geometry::new(700, 500)),
        ..limits(Format::Es, (699, 499), (100_000, 0))
    },
];

/// A recording of each format: mostly small steps, some as long as can be, some back; pixels up to the largest.
fn recordings() -> impl Strategy<Value = Vec<Recording>> {
    let event = (
        0u8..10,
        any::<u32>(),
        any::<u16>(),
        any::<u16>(),
        any::<bool>(),
    );
    let triggers = prop::collection::vec((0u64..5000, 0u16..3, any::<bool>()), 0..5);
    let all = (prop::collection::vec(event, 0..80), triggers);
    all.prop_map(|(events, triggers)| {
        LIMITS
            .iter()
            .map(|l| l.recording(&events, &triggers))
            .collect()
    })
}

impl Limits {
    fn recording(
        &self,
        events: &[(u8, u32, u16, u16, bool)],
        triggers: &[(u64, u16, bool)],
    ) -> Recording {
        let mut r = Recording {
            geometry: self.sensor,
            ..Recording::default()
        };
        let mut newest = 0i64;
        for &(kind, step, x, y, p) in events {
            let step = i64::from(step);
            let t = match kind {
                0 => newest + step % (self.steps.0 + 1),
                1 | 2 => newest - step % (self.steps.1 + 1),
                _ => newest + step % 50,
            };
            // A clock cannot tell what is before its first turn.
            let t = if t < 0 { newest } else { t };
            newest = newest.max(t);
            let pick = |v: u16, largest: u16| match v % 4 {
                0 => largest,
                _ => (u32::from(v) % (u32::from(largest) + 1)) as u16,
            };
            let (x, y) = (pick(x, self.largest.0), pick(y, self.largest.1));
            r.events.push(Event {
                t: t as u64,
                x,
                y,
                p,
            });
        }
        if self.triggers {
            let trigger = |&(t, id, value): &(u64, u16, bool)| Trigger { t, id, value };
            r.triggers = triggers.iter().map(trigger).collect();
            r.triggers.sort_by_key(|g| g.t);
        }
        r
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn recordings_come_back(all in recordings(), sizes in prop::collection::vec(1usize..60, 1..5)) {
        for (limits, r) in LIMITS.iter().zip(&all) {
            let bytes = encode(limits.format, r).unwrap();
            let (again, report) = ways_agree(&bytes, limits.format, &strict(), &sizes).unwrap();
            prop_assert_eq!(&again, r, "{:?}", limits.format);
            prop_assert_eq!(report.damaged(), 0);
        }
    }

    /// Whatever the bytes, all ways to read them agree, and memory is bounded by their number.
    #[test]
    fn damage_is_found_by_all(all in recordings(), seed in any::<u64>(), size in 1usize..50) {
        for (limits, r) in LIMITS.iter().zip(&all) {
            let bytes = damaged(&encode(limits.format, r).unwrap(), &mut Choices(seed));
            let small = Some(Geometry::new(200, 100));
            for options in [Options::default(), strict(), Options { geometry: small, ..Options::default() }] {
                if let Ok((read, _)) = ways_agree(&bytes, limits.format, &options, &[size]) {
                    prop_assert!(read.events.len() <= bytes.len());
                }
            }
        }
    }
}

/// Real files with damage, also in the middle of them.
#[test]
fn real_files_with_damage() {
    let Some(folder) = common::real_data("events") else {
        return;
    };
    for &(name, format, _) in FILES {
        let bytes = std::fs::read(folder.join("events").join(name)).unwrap();
        let bytes = &bytes[..bytes.len().min(60_000)];
        for seed in 0..60 {
            let bytes = damaged(bytes, &mut Choices(seed));
            let _ = ways_agree(&bytes, format, &Options::default(), &[4099, 1, 333]);
            let _ = ways_agree(&bytes, format, &strict(), &[5000]);
        }
    }
}

fn events(times: &[(u64, u16, u16)]) -> Recording {
    let mut r = Recording::default();
    let all = times.iter().map(|&(t, x, y)| Event { t, x, y, p: true });
    r.events.extend(all);
    r
}

fn refused(format: Format, r: &Recording) -> String {
    encode(format, r).unwrap_err().to_string()
}

#[test]
fn a_silence_of_nmnist_is_marks() {
    let r = events(&[
        (7, 1, 2),
        (30_000_000, 3, 4),
        (29_999_000, 5, 6),
        (30_000_001, 7, 8),
    ]);
    let bytes = encode(Format::Nmnist, &r).unwrap();
    let marks = bytes.chunks(5).filter(|c| c[1] == 240).count();
    assert_eq!(
        marks as u64,
        (30_000_000 - 7 - ((1u64 << 22) - 1)).div_ceil(8192)
    );
    assert_eq!(at_once(&bytes, Format::Nmnist, &strict()).unwrap().0, r);
}

#[test]
fn what_does_not_fit_is_a_sentence() {
    let r = events(&[(5, 0, 240)]);
    assert_eq!(
        refused(Format::Nmnist, &r),
        "row at the event at 5 us: expected another than 240, which marks an overflow in records of 40 bits, got 240"
    );
    let r = events(&[(5, 256, 0)]);
    assert_eq!(
        refused(Format::Nmnist, &r),
        "pixel at the event at 5 us: expected x up to 255 and y up to 255 in records of 40 bits, got (256, 0)"
    );
    assert!(refused(Format::Bs1, &events(&[(5, 0, 1)])).contains("y up to 0"));
    let late = events(&[(1_605_537_493_718_345, 0, 0)]);
    for format in [Format::Nmnist, Format::Bs1, Format::Bs3, Format::Dat] {
        assert!(refused(format, &late).contains("begin at 0"), "{format:?}");
    }
    let back = events(&[
        (8_000_000, 0, 0),
        (8_388_600, 0, 0),
        (8_388_700, 0, 0),
        (4_000_000, 0, 0),
    ]);
    assert!(refused(Format::Bs1, &back).contains("half a turn"));
    assert!(refused(Format::Es, &back).contains("size of the sensor"));
    let with = |r: Recording, geometry| Recording {
        geometry: Some(geometry),
        ..r
    };
    let small = Geometry::new(5, 5);
    assert!(refused(Format::Es, &with(back, small)).contains("8388700 us or later"));
    assert!(refused(Format::Es, &with(late, small)).contains("begin at 0"));
    assert!(refused(Format::Es, &with(events(&[(1, 5, 0)]), small)).contains("one of 5x5"));
    let mut both = events(&[(1, 1, 1)]);
    both.triggers.push(Trigger {
        t: 1,
        id: 1,
        value: true,
    });
    assert!(refused(Format::Nmnist, &both).contains("has no place for them"));
    assert!(refused(Format::Dat, &both).contains("either events or triggers"));
}

#[test]
fn triggers_of_dat_come_back() {
    let mut r = Recording::default();
    let times = [
        (5, 63, true),
        (4_000_000_000, 0, false),
        (5_000_000_000, 7, true),
    ];
    r.triggers
        .extend(times.map(|(t, id, value)| Trigger { t, id, value }));
    let bytes = encode(Format::Dat, &r).unwrap();
    let (again, report) = ways_agree(&bytes, Format::Dat, &strict(), &[3, 5]).unwrap();
    assert_eq!((again, report.wraps), (r, 1));
}

#[test]
fn old_dat_and_dat_without_header() {
    let record = |t: u32, word: u32| [t.to_le_bytes(), word.to_le_bytes()].concat();
    let old = [
        &b"% Version 1\n\x00\x08"[..],
        &record(9, 300 | 200 << 9 | 1 << 17),
    ]
    .concat();
    let read = |bytes: &[u8]| at_once(bytes, Format::Dat, &strict()).unwrap();
    assert_eq!(read(&old).0, events(&[(9, 300, 200)]));
    let bare = record(9, 300 | 10_000 << 14 | 8 << 28);
    let (r, report) = read(&bare);
    assert_eq!(r, events(&[(9, 300, 10_000)]));
    assert_eq!(report.assumptions(), ["no header: events of version 2"]);
    let wrong = [&b"% Version 2\n\x07\x08"[..], &bare].concat();
    assert_eq!(
        at_once(&wrong, Format::Dat, &strict())
            .unwrap_err()
            .to_string(),
        "events at memory, byte 12: expected kind 0x00, 0x0c or 0x0e and size 8, got kind 0x07 and size 8"
    );
}

/// Long enough for many parts, with a clock that begins again, times that come late, and pixels outside of the sensor.
#[test]
fn parts_of_dat_agree_with_one_reader() {
    let mut r = Recording::default();
    let n = 600_000;
    for i in 0..n {
        let late = if i % 70_001 > 69_000 { 5_000_000 } else { 0 };
        let t = 10_000_000 + i * 25_000 - late * (i % 2);
        let (x, y) = ((i * 7919 % 1280) as u16, (i % 720) as u16);
        r.events.push(Event {
            t,
            x,
            y,
            p: i % 3 == 0,
        });
    }
    let bytes = encode(Format::Dat, &r).unwrap();
    let mut inside = r.clone();
    inside.events.retain(|e| e.x < 1200 && e.y < 700);
    let small = Options {
        geometry: Some(Geometry::new(1200, 700)),
        ..Options::default()
    };
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new();
        let pool = pool.num_threads(threads).build().unwrap();
        let (again, report) = pool
            .install(|| at_once(&bytes, Format::Dat, &strict()))
            .unwrap();
        assert!(again == r, "{threads}");
        assert_eq!(report.wraps, 3);
        let (again, report) = pool
            .install(|| at_once(&bytes, Format::Dat, &small))
            .unwrap();
        assert!(again.events == inside.events, "{threads}");
        let (_, pieces) = in_pieces(&bytes, Format::Dat, &small, &[100_003]).unwrap();
        assert_eq!(report, pieces);
        assert_eq!(
            report.damaged() as usize,
            r.events.len() - inside.events.len()
        );
    }
}

/// The layout of every type of Event Stream, byte by byte.
#[test]
fn types_of_event_stream() {
    let file = |kind: u8, rest: &[u8]| {
        let size: &[u8] = if kind == 0 { &[] } else { &[10, 0, 8, 0] };
        [b"Event Stream\x02\x00\x00", &[kind][..], size, rest].concat()
    };
    let read = |kind, rest: &[u8]| {
        let bytes = file(kind, rest);
        let (r, report) = ways_agree(&bytes, Format::Es, &strict(), &[1]).unwrap();
        let all: Vec<_> = r.events.iter().map(|e| (e.t, e.x, e.y, e.p)).collect();
        (all, report.assumptions().to_vec())
    };
    let dvs = [255, 254, 255, 126 << 1 | 1, 9, 0, 7, 0, 0, 1, 0, 0, 0];
    assert_eq!(read(1, &dvs).0, [(380, 9, 0, true), (380, 1, 7, false)]);
    let atis = [
        0xff,
        0xfc,
        62 << 2 | 2,
        3,
        0,
        0,
        0,
        5 << 2 | 1,
        4,
        0,
        0,
        0,
        1 << 2,
        5,
        0,
        0,
        0,
    ];
    let (events, said) = read(2, &atis);
    assert_eq!(events, [(251, 3, 7, true), (257, 5, 7, false)]);
    assert_eq!(said, ["1 exposures of ATIS are left out"]);
    let colour = [255, 253, 3, 0, 0, 0, 1, 2, 3];
    assert_eq!(read(4, &colour).0, [(507, 3, 7, false)]);
    let generic = [[255, 253, 0x81, 0x02].as_slice(), &[7; 192], &[3, 0]].concat();
    let (events, said) = read(0, &generic);
    assert_eq!(events, [(507, 0, 0, false), (510, 0, 0, false)]);
    assert!(said[0].contains("192 bytes"));
    let outside = at_once(&file(1, &[0, 10, 0, 7, 0]), Format::Es, &strict());
    assert_eq!(
        outside.unwrap_err().to_string(),
        "pixel at memory, byte 20: expected a pixel of 10x8, got (10, 7)"
    );
    let amd = at_once(&file(3, &[]), Format::Es, &strict());
    assert!(amd.unwrap_err().to_string().contains("got 3"));
    let endless = at_once(&file(0, &[0]), Format::Es, &strict());
    assert!(
        endless
            .unwrap_err()
            .to_string()
            .starts_with("end at memory")
    );
    let long = [&[0][..], &[255; 12]].concat();
    assert!(at_once(&file(0, &long), Format::Es, &strict()).is_err());
}

/// Files of three formats with rows from the bottom: turned, unless the options say not to.
#[test]
fn rows_from_the_bottom_are_turned() {
    let mut r = events(&[(7, 3, 0), (9, 4, 127)]);
    r.geometry = Some(Geometry::new(128, 128));
    for (format, place) in [(Format::Es, 3), (Format::Aedat2, 2)] {
        let bytes = encode(format, &r).unwrap();
        let events = &bytes[bytes.len() - if format == Format::Es { 10 } else { 16 }..];
        assert_eq!(events[place], 127, "{format:?}");
        let raw = Options {
            raw_rows: true,
            ..strict()
        };
        let (turned, _) = at_once(&bytes, format, &strict()).unwrap();
        let (stored, _) = at_once(&bytes, format, &raw).unwrap();
        assert_eq!(turned.events.view().y, [0, 127]);
        assert_eq!(stored.events.view().y, [127, 0]);
    }
}

/// Addresses and times of AEDAT 1.0 and 2.0, bit by bit.
#[test]
fn addresses_of_jaer() {
    let raw = Options {
        raw_rows: true,
        ..strict()
    };
    let read = |header: &str, records: &[u8]| {
        let bytes = [header.as_bytes(), records].concat();
        let (r, report) = ways_agree(&bytes, Format::Aedat2, &raw, &[1]).unwrap();
        let all: Vec<_> = r.events.iter().map(|e| (e.t, e.x, e.y, e.p)).collect();
        (all, report.assumptions().to_vec())
    };
    // Times go from the largest number with a sign to the smallest.
    let one = [
        0x55, 0x07, 0x7f, 0xff, 0xff, 0xff, 0x80, 0, 0, 0, 0, 0, 0x00, 0x04, 0x80, 0, 0, 2,
    ];
    let (all, said) = read("#!AER-DAT1.0\r\n", &one);
    assert_eq!(
        all,
        [(0x7fff_ffff, 3, 0x55, true), (0x8000_0002, 2, 0, false)]
    );
    assert!(
        said[1].contains("DVS128") && said[0].starts_with("1 records"),
        "{said:?}"
    );
    let davis = (77u32 << 22 | 201 << 12 | 1 << 11).to_be_bytes();
    let two = [
        &davis[..],
        &[0, 0, 0, 9],
        &[0x80, 0, 0, 0, 0, 0, 0, 9],
        &[0, 0, 4, 0, 0, 0, 0, 9],
    ];
    let (all, said) = read("#!AER-DAT2.0\n", &two.concat());
    assert_eq!(all, [(9, 201, 77, true)]);
    assert_eq!(said[1], "DAVIS240, since the header names no sensor");
    assert!(said[0].starts_with("2 records"));
    // A record that begins with the mark of a line, rows 140 to 143.
    let row = (140u32 << 22 | 201 << 12).to_be_bytes();
    assert_eq!(row[0], b'#');
    let (all, _) = read(
        "#!AER-DAT2.0\n# AEChip: DAVIS240C\n",
        &[row, [0, 0, 10, 9]].concat(),
    );
    assert_eq!(all, [(2569, 201, 140, false)]);
    let other = r_with(Geometry::new(100, 100));
    assert!(refused(Format::Aedat2, &other).contains("128x128, 208x192"));
}

fn r_with(geometry: Geometry) -> Recording {
    Recording {
        geometry: Some(geometry),
        ..events(&[(1, 2, 3)])
    }
}

/// Packets of AEDAT 3.1: number and not capacity, valid bits, the upper part of time, sources and types left out.
#[test]
fn packets_of_caer() {
    let packet = |kind: i16, source: i16, size: i32, high: i32, number: i32, rest: &[u8]| {
        let mut out = [kind.to_le_bytes(), source.to_le_bytes()].concat();
        for value in [size, 4, high, 9999, number, number] {
            out.extend(value.to_le_bytes());
        }
        out.extend(rest);
        out
    };
    let event = |x: u32, y: u32, flags: u32, t: i32| {
        [(x << 17 | y << 2 | flags).to_le_bytes(), t.to_le_bytes()].concat()
    };
    let header = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DAVIS240C\r\n#!END-HEADER\r\n";
    let two = [event(239, 179, 3, 5), event(1, 2, 2, 6), event(3, 4, 1, 7)].concat();
    let bytes = [
        header.as_slice(),
        &packet(2, 1, 36, 0, 2, &[0x23; 72]),
        &packet(1, 1, 8, 3, 3, &two),
        &packet(1, 2, 8, 3, 3, &two),
        &packet(
            0,
            1,
            8,
            0,
            2,
            &[event(0, 0, 1 | 2 << 1, 8), event(0, 0, 1 | 5 << 1, 9)].concat(),
        ),
        &packet(7, 1, 0, 0, 0, &[]),
    ]
    .concat();
    let (r, report) = ways_agree(&bytes, Format::Aedat31, &strict(), &[1]).unwrap();
    let all: Vec<_> = r.events.iter().map(|e| (e.t, e.x, e.y, e.p)).collect();
    assert_eq!(
        all,
        [
            ((3 << 31) + 5, 239, 179, true),
            ((3 << 31) + 7, 3, 4, false)
        ]
    );
    let edge = Trigger {
        t: 8,
        id: 0,
        value: true,
    };
    assert_eq!(
        (r.triggers, r.geometry),
        (vec![edge], Some(Geometry::new(240, 180)))
    );
    assert_eq!(report.assumptions().len(), 2);
    let cut = ways_agree(
        &bytes[..bytes.len() - 3],
        Format::Aedat31,
        &Options::default(),
        &[5],
    );
    assert_eq!(cut.unwrap().1.damaged(), 1);
    let negative = [&header[..], &packet(1, 1, 8, 0, -1, &[])].concat();
    let error = at_once(&negative, Format::Aedat31, &strict()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "packet at memory, byte 64: expected sizes and numbers from 0 on, got 8, 0 and -1"
    );
}
