//! Events in files made for other things: MATLAB 5 and MCAP.

mod common;

use std::io::Write;

use common::{Choices, at_once, damaged, real_data, strict, ways_agree};
use cortado_events::format::Format;
use cortado_events::{Event, Geometry, Options, Policy, Recording, Trigger, encode, read};

fn figures(r: &Recording) -> (usize, usize, u64, u64, u64) {
    let v = r.events.view();
    let on = v.p.iter().filter(|&&p| p).count();
    let first = v.t.first().copied().unwrap_or_default();
    let last = v.t.last().copied().unwrap_or_default();
    (v.len(), on, first, last, r.events.checksum())
}

fn all(r: &Recording) -> Vec<(u64, u16, u16, bool)> {
    r.events
        .iter()
        .map(|e: Event| (e.t, e.x, e.y, e.p))
        .collect()
}

/// Damage of many kinds: no panic, and the same in any pieces.
fn survives(bytes: &[u8], format: Format, rounds: u64, sizes: &[usize]) {
    let mut read = 0;
    for seed in 0..rounds {
        let bytes = damaged(bytes, &mut Choices(seed));
        for policy in [Policy::Lenient, Policy::Strict] {
            let options = Options {
                policy,
                ..Options::default()
            };
            read += usize::from(ways_agree(&bytes, format, &options, sizes).is_ok());
        }
    }
    assert!(read > 0 && read < 2 * rounds as usize, "{read} of {rounds}");
}

/// An element of a MATLAB file.
fn element(kind: u32, bytes: &[u8], big: bool) -> Vec<u8> {
    let number = |n: u32| {
        if big {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let mut out = number(kind).to_vec();
    if (1..=4).contains(&bytes.len()) && kind < 14 {
        out = number(kind | (bytes.len() as u32) << 16).to_vec();
    } else {
        out.extend(number(bytes.len() as u32));
    }
    out.extend(bytes);
    if kind != 15 {
        out.resize(out.len().next_multiple_of(8), 0);
    }
    out
}

/// An array whose numbers are in an element of `kind`.
fn array(name: &str, [rows, columns]: [u32; 2], kind: u32, numbers: &[f64], big: bool) -> Vec<u8> {
    let end = |bytes: &[u8]| -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if big {
            bytes.reverse();
        }
        bytes
    };
    let number = |&v: &f64| match kind {
        1 => end(&(v as i8).to_le_bytes()),
        2 => end(&(v as u8).to_le_bytes()),
        3 => end(&(v as i16).to_le_bytes()),
        4 => end(&(v as u16).to_le_bytes()),
        5 => end(&(v as i32).to_le_bytes()),
        6 => end(&(v as u32).to_le_bytes()),
        7 => end(&(v as f32).to_le_bytes()),
        12 => end(&(v as i64).to_le_bytes()),
        13 => end(&(v as u64).to_le_bytes()),
        _ => end(&v.to_le_bytes()),
    };
    let numbers: Vec<u8> = numbers.iter().flat_map(number).collect();
    let pair = |a: u32, b: u32| [end(&a.to_le_bytes()), end(&b.to_le_bytes())].concat();
    let body = [
        element(6, &pair(6, 0), big),
        element(5, &pair(rows, columns), big),
        element(1, name.as_bytes(), big),
        element(kind, &numbers, big),
    ];
    element(14, &body.concat(), big)
}

fn matlab(elements: &[Vec<u8>], big: bool) -> Vec<u8> {
    let mut out = b"MATLAB 5.0 MAT-file".to_vec();
    out.resize(124, b' ');
    out.extend(if big { b"\x01\x00MI" } else { b"\x00\x01IM" });
    out.extend(elements.concat());
    out
}

fn deflated(element_: &[u8], big: bool) -> Vec<u8> {
    let level = flate2::Compression::default();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), level);
    zlib.write_all(element_).unwrap();
    element(15, &zlib.finish().unwrap(), big)
}

#[test]
fn the_sample_of_st_mnist() {
    let Some(root) = real_data("events") else {
        return;
    };
    let path = root.join("events/stmnist_sample.mat");
    let (r, report) = read(&path, &strict()).unwrap();
    // By tests/oracle/mat.py.
    let expected = (2346, 1601, 196_626, 895_745, 0xaabe_3e56_2412_a834);
    assert_eq!(figures(&r), expected);
    assert_eq!(r.geometry, Some(Geometry::new(10, 10)));
    assert!(report.header[0].1.contains("PCWIN64"));
    let bytes = std::fs::read(&path).unwrap();
    let (again, _) = ways_agree(&bytes, Format::Mat, &strict(), &[1000, 7]).unwrap();
    assert_eq!(again.events, r.events);
}

#[test]
fn arrays_of_matlab() {
    // Sensors 0 to 3, times; the last column has two events and the one before none.
    #[rustfmt::skip]
    let spikes = [
        0., -1., 0., 0., 0.25,
        0., 0., 0., 1., 0.500_000_6,
        0., 0., 0., 0., 0.6,
        2., 0., 1., 0., 0.75,
    ];
    let expected = [
        (250_000, 1, 0, false),
        (500_001, 1, 1, true),
        (750_000, 0, 0, true),
        (750_000, 0, 1, true),
    ];
    for big in [false, true] {
        let mut text = array("text", [1, 2], 4, &[104., 105.], big);
        text[if big { 19 } else { 16 }] = 4;
        let train = array("spiketrain", [5, 4], 9, &spikes, big);
        for elements in [vec![train.clone()], vec![deflated(&train, big)]] {
            let file = matlab(&elements, big);
            let (r, _) = ways_agree(&file, Format::Mat, &strict(), &[1, 50]).unwrap();
            assert_eq!(all(&r), expected);
            assert_eq!(r.geometry, Some(Geometry::new(2, 2)));
        }
        // Every kind of numbers, in columns and rows, between an array of text and one that is not wanted.
        for [t, x, y, p] in [[13, 2, 4, 1], [6, 3, 5, 7], [12, 9, 9, 9], [9, 1, 6, 2]] {
            let mut elements = vec![
                array("other", [2, 2], 9, &[1., 2., 3., 4.], big),
                array("ts", [3, 1], t, &[70_000., 70_001., 90_000.], big),
                deflated(&array("x", [1, 3], x, &[9., 100., 3.], big), big),
                array("y", [3, 1], y, &[0., 1., 120.], big),
                array("pol", [3, 1], p, &[1., 0., 1.], big),
            ];
            elements.insert(0, text.clone());
            let file = matlab(&elements, big);
            let options = Options {
                geometry: Some(Geometry::new(240, 180)),
                ..Options::default()
            };
            let (r, report) = ways_agree(&file, Format::Mat, &options, &[9]).unwrap();
            let expected = [
                (70_000, 9, 0, true),
                (70_001, 100, 1, false),
                (90_000, 3, 120, true),
            ];
            assert_eq!(all(&r), expected, "{t} {x} {y} {p}");
            assert_eq!(r.geometry, options.geometry);
            assert_eq!(report.damaged(), 0, "{:?}", report.places());
        }
    }
}

#[test]
fn wrong_arrays_of_matlab() {
    let column =
        |name: &str, numbers: &[f64]| array(name, [numbers.len() as u32, 1], 9, numbers, false);
    let read = |elements: &[Vec<u8>]| at_once(&matlab(elements, false), Format::Mat, &strict());
    let error = |elements: &[Vec<u8>]| read(elements).unwrap_err().to_string();
    let (x, y, p) = (
        column("x", &[4., 5.]),
        column("y", &[6., 7.]),
        column("p", &[-1., 1.]),
    );
    let seconds = [column("t", &[0.5, 1.25]), x.clone(), y.clone(), p.clone()];
    let (r, report) = read(&seconds).unwrap();
    assert_eq!(all(&r), [(500_000, 4, 6, false), (1_250_000, 5, 7, true)]);
    assert!(report.assumptions()[0].contains("in seconds"));
    assert_eq!(
        error(&[x.clone(), y.clone()]),
        "arrays at memory: expected spiketrain, or ts, x, y and pol, got x y"
    );
    let short = [column("t", &[1.]), x.clone(), y.clone(), p.clone()];
    assert_eq!(
        error(&short),
        "shape at memory, array x: expected 1 numbers in a row or column, one for each time, got 2 x 1"
    );
    let half = [column("t", &[1., 2.]), column("x", &[0.5, 70_000.]), y, p];
    assert_eq!(
        error(&half),
        "event at memory, event 0: expected a time from 0 on, and x and y up to 65535, got t = 1, x = -1, y = 6"
    );
    assert!(error(&[column("spiketrain", &[1., 2., 3.])]).contains("got 3 rows"));
    let lenient = at_once(&matlab(&half, false), Format::Mat, &Options::default());
    let (r, report) = lenient.unwrap();
    assert_eq!((r.events.len(), report.damaged()), (0, 2));
    let huge = element(
        14,
        &[element(6, &[6; 8], false), element(5, &[255; 8], false)].concat(),
        false,
    );
    assert!(error(&[huge]).starts_with("array at memory, byte 128"));
    let error = at_once(b"MATLAB 5.0", Format::Mat, &strict()).unwrap_err();
    assert!(error.to_string().ends_with("got a file of 10 bytes"));
}

#[test]
fn damaged_arrays_of_matlab() {
    let numbers: Vec<f64> = (0..500).map(f64::from).collect();
    let spikes: Vec<f64> = (0..500).map(|i| f64::from(i % 5 - 1) / 8.0).collect();
    for packed in [false, true] {
        let wrap = |array: Vec<u8>| {
            if packed {
                deflated(&array, false)
            } else {
                array
            }
        };
        let columns = ["t", "x", "y", "p"].map(|n| wrap(array(n, [500, 1], 4, &numbers, false)));
        survives(&matlab(&columns, false), Format::Mat, 300, &[501]);
        let train = wrap(array("spiketrain", [5, 100], 9, &spikes, false));
        survives(&matlab(&[train], false), Format::Mat, 300, &[501]);
    }
}

/// A record of MCAP.
fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u64).to_le_bytes(), body].concat()
}

fn text(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u32).to_le_bytes()[..], text].concat()
}

fn channel(number: u16, schema: &str, how: &str) -> Vec<u8> {
    let number = number.to_le_bytes();
    let first = [
        &number[..],
        &text(schema.as_bytes()),
        &text(b"ros2idl"),
        &text(b".."),
    ];
    let topic = format!("/topic/{}", number[0]);
    let second = [
        &number[..],
        &number,
        &text(topic.as_bytes()),
        &text(how.as_bytes()),
        &text(b""),
    ];
    [record(3, &first.concat()), record(4, &second.concat())].concat()
}

/// A packet of events in a message of a channel.
fn packet(
    number: u16,
    count: u64,
    base: u64,
    encoding: &str,
    payload: &[u8],
    big: bool,
) -> Vec<u8> {
    let mut out = Vec::new();
    let put = |out: &mut Vec<u8>, bytes: &[u8]| {
        out.resize(out.len().next_multiple_of(bytes.len()), 0);
        let bytes = bytes.iter().copied();
        if big {
            out.extend(bytes.rev())
        } else {
            out.extend(bytes)
        }
    };
    put(&mut out, &7u32.to_le_bytes());
    put(&mut out, &9u32.to_le_bytes());
    put(&mut out, &4u32.to_le_bytes());
    out.extend(b"eye\0");
    put(&mut out, &100u32.to_le_bytes());
    put(&mut out, &200u32.to_le_bytes());
    put(&mut out, &count.to_le_bytes());
    put(&mut out, &base.to_le_bytes());
    put(&mut out, &(encoding.len() as u32 + 1).to_le_bytes());
    out.extend(encoding.bytes());
    out.extend([0, 0]);
    put(&mut out, &(payload.len() as u32).to_le_bytes());
    out.extend(payload);
    let head = [
        &number.to_le_bytes()[..],
        &[1; 20],
        &[0, u8::from(!big), 0, 0],
    ]
    .concat();
    record(5, &[head, out].concat())
}

fn chunk(how: &str, records: &[Vec<u8>], sum: bool) -> Vec<u8> {
    let all = records.concat();
    let mut crc = flate2::Crc::new();
    crc.update(&all);
    let sum = if sum { crc.sum() } else { 0 };
    let packed = match how {
        "lz4" => {
            let mut frame = lz4_flex::frame::FrameEncoder::new(Vec::new());
            frame.write_all(&all).unwrap();
            frame.finish().unwrap()
        }
        "zstd" => rust_zstd::compress(&all, 3),
        _ => all.clone(),
    };
    let size = (all.len() as u64).to_le_bytes();
    let length = (packed.len() as u64).to_le_bytes();
    let sum = sum.to_le_bytes();
    let parts = [
        &[3; 16][..],
        &size,
        &sum,
        &text(how.as_bytes()),
        &length,
        &packed,
    ];
    record(6, &parts.concat())
}

fn mcap(records: &[Vec<u8>]) -> Vec<u8> {
    let magic = b"\x89MCAP0\r\n";
    let start = record(1, &[text(b"ros2"), text(b"a test")].concat());
    let end = [
        record(15, &[0; 4]),
        channel(9, "of the summary", "cdr"),
        record(2, &[0; 20]),
    ];
    [&magic[..], &start, &records.concat(), &end.concat(), magic].concat()
}

const EVENTS: &str = "event_camera_msgs/msg/EventPacket";

/// Events whose clock of 24 bits turns, as words of EVT 3.0, and they themselves.
fn recording() -> (Recording, Vec<u8>) {
    let mut r = Recording {
        geometry: Some(Geometry::new(200, 100)),
        ..Recording::default()
    };
    for i in 0..3000u64 {
        let (x, y) = ((i * 7 % 200) as u16, (i / 30) as u16);
        let (t, p) = (16_000_000 + i / 3 * 997, i.is_multiple_of(3));
        r.events.push(Event { t, x, y, p });
    }
    r.triggers.push(Trigger {
        t: 16_000_000 + 500 * 997,
        id: 3,
        value: true,
    });
    let file = encode(Format::Evt3, &r).unwrap();
    let end = b"% end\n";
    let start = file.windows(end.len()).position(|w| w == end).unwrap() + end.len();
    (r, file[start..].to_vec())
}

/// Words in packets of these sizes, again and again.
fn packets(words: &[u8], sizes: &[usize], big: bool) -> Vec<Vec<u8>> {
    let (mut rest, mut out) = (words, Vec::new());
    while !rest.is_empty() {
        let size = sizes[out.len() % sizes.len()].min(rest.len());
        let count = 40 + out.len() as u64;
        out.push(packet(1, count, 123, "evt3", &rest[..size], big));
        rest = &rest[size..];
    }
    out
}

#[test]
fn the_sample_of_ros() {
    let Some(root) = real_data("events") else {
        return;
    };
    let path = root.join("events/ros_evt3_events.mcap");
    let (r, report) = read(&path, &strict()).unwrap();
    // By tests/oracle/mcap.py; numbers and sum of times are also in the tests of event_camera_py.
    let expected = (
        571_266,
        211_043,
        1_744_227_144_732_712,
        1_744_227_145_732_708,
        0x13d7_e22c_4489_f819,
    );
    assert_eq!(figures(&r), expected);
    let times = r.events.view().t.iter().map(|t| t - expected.2);
    assert_eq!(times.sum::<u64>(), 335_555_680_277);
    assert_eq!(r.geometry, Some(Geometry::new(346, 260)));
    assert_eq!(report.header[1], ("encoding".into(), "libcaer_cmp".into()));
    assert_eq!(report.assumptions(), [""; 0]);
    let bytes = std::fs::read(&path).unwrap();
    let (again, _) = ways_agree(&bytes, Format::Mcap, &strict(), &[100_000, 7]).unwrap();
    assert_eq!(again.events, r.events);
}

/// Words in packets in chunks of any compression, or in none, are those of a RAW file.
#[test]
fn words_of_evt3_in_packets() {
    let (expected, words) = recording();
    for big in [false, true] {
        let packets = packets(&words, &[2, 600, 44], big);
        let other = channel(2, "sensor_msgs/msg/Imu", "cdr");
        let more = packet(2, 1, 2, "evt3", &words, false);
        for how in ["", "lz4", "zstd"] {
            let half = packets.len() / 2;
            let unknown = record(0x80, &[5; 300]);
            let first = [
                &[channel(1, EVENTS, "cdr"), other.clone()],
                &packets[..half],
            ]
            .concat();
            let second = [&[unknown.clone(), more.clone()], &packets[half..]].concat();
            let file = mcap(&[
                chunk(how, &first, true),
                record(7, &[1; 100]),
                chunk(how, &second, false),
                record(8, &[1; 10]),
            ]);
            let sizes = [1, 700, 3];
            let (r, report) = ways_agree(&file, Format::Mcap, &strict(), &sizes).unwrap();
            assert!(r == expected, "{how}");
            assert_eq!(report.wraps, 1);
            assert_eq!(report.assumptions(), [""; 0]);
            assert_eq!(report.header[2], ("frame_id".into(), "eye".into()));
        }
        let all = [&[channel(1, EVENTS, "cdr")], &packets[..]].concat();
        let (r, _) = ways_agree(&mcap(&all), Format::Mcap, &strict(), &[1]).unwrap();
        assert!(r == expected);
    }
}

/// The words of libcaer_cmp, bit by bit.
#[test]
fn words_of_libcaer() {
    let bytes = |words: &[u16]| -> Vec<u8> { words.iter().flat_map(|w| w.to_le_bytes()).collect() };
    let first = [
        0x3805, 0x1123, 0x2007, 0x3805, 0x0002, 0x3006, 0x1001, 0x480a, 0x5085, 0x5002, 0x2fff,
    ];
    // Time begins again with the packet, column and base do not.
    let second = [0x2008, 0x5001, 0x3063, 0x3064, 0x6000];
    let file = mcap(&[
        channel(1, EVENTS, "cdr"),
        packet(1, 1, 5_000_999, "libcaer_cmp", &bytes(&first), false),
        packet(1, 3, 6_000_000, "libcaer_cmp", &bytes(&second), false),
    ]);
    let options = Options::default();
    let (r, report) = ways_agree(&file, Format::Mcap, &options, &[1, 30]).unwrap();
    let t = 5000 + 0x2001;
    assert_eq!(
        all(&r),
        [
            (5000 + 0x123, 7, 5, true),
            (5000 + 0x2123, 7, 6, false),
            (t, 7, 10, true),
            (t, 7, 12, true),
            (t, 7, 17, true),
            (t, 7, 19, true),
            (6000, 8, 26, true),
            (6000, 8, 99, false),
        ]
    );
    assert_eq!((report.untimed, report.damaged()), (1, 2));
    let places = report.places();
    assert!(places[0].contains("expected a pixel of 200x100, got (8, 100)"));
    assert!(places[1].contains("expected type 0 to 5 in the upper four bits, got 0x6000"));
    assert_eq!(
        report.assumptions(),
        ["packets are missing, by their numbers"]
    );
}

#[test]
fn wrong_containers() {
    let (_, words) = recording();
    let error = |bytes: &[u8]| {
        let error = ways_agree(bytes, Format::Mcap, &strict(), &[100]).unwrap_err();
        error.to_string()
    };
    let mono = packet(1, 1, 0, "mono", &words, false);
    let start = channel(1, EVENTS, "cdr");
    assert_eq!(
        error(&mcap(&[start.clone(), mono]))
            .split_once(": ")
            .unwrap()
            .1,
        "expected evt3 or libcaer_cmp, got mono"
    );
    assert_eq!(
        error(&mcap(&[channel(1, "sensor_msgs/msg/Imu", "cdr")])),
        "messages at memory, byte 0: expected messages event_camera_msgs/msg/EventPacket, got sensor_msgs/msg/Imu"
    );
    let one = packet(1, 1, 0, "evt3", &words[..100], false);
    let other = mcap(&[channel(1, EVENTS, "ros1"), one.clone()]);
    assert!(
        error(&other).contains("expected messages in CDR, got another encoding in topic /topic/1")
    );
    let odd = packet(1, 1, 0, "evt3", &words[..99], false);
    assert!(
        error(&mcap(&[start.clone(), odd])).ends_with("expected a whole word of 2 bytes, got 1")
    );
    let mut sum = chunk("", &[start.clone(), one.clone()], true);
    sum[33] ^= 1;
    assert!(error(&mcap(&[sum.clone()])).contains("the checksum"));
    let file = mcap(&[sum]);
    let (r, report) = at_once(&file, Format::Mcap, &Options::default()).unwrap();
    assert!(r.events.len() > 20 && report.damaged() == 1);
    // Cut off in a record.
    let file = mcap(&[start, one.clone(), one]);
    let cut = &file[..file.len() - 200];
    assert!(error(cut).starts_with("end at memory, byte "));
    let (_, report) = ways_agree(cut, Format::Mcap, &Options::default(), &[9]).unwrap();
    assert_eq!(report.damaged(), 1);
    assert!(error(b"\x89MCAP").contains("magic"));
}

#[test]
fn damaged_containers() {
    let (_, words) = recording();
    let packets = packets(&words[..1000], &[60, 44], false);
    let all = [&[channel(1, EVENTS, "cdr")], &packets[..]].concat();
    survives(&mcap(&all), Format::Mcap, 300, &[501]);
    for how in ["", "lz4", "zstd"] {
        survives(&mcap(&[chunk(how, &all, false)]), Format::Mcap, 300, &[501]);
    }
}
