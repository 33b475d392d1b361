//! Events in files made for other things: MATLAB 5.

mod common;

use std::io::Write;

use common::{Choices, at_once, damaged, real_data, strict, ways_agree};
use cortado_events::format::Format;
use cortado_events::{Event, Geometry, Options, Policy, Recording, read};

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
