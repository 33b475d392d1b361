//! Records: a real one, and the formats by hand.

mod common;

use common::real_data;
use cortado::Result;
use cortado_data::wfdb::{self, Annotation, Record, decode_annotations};
use proptest::prelude::*;

#[test]
fn record_100() {
    let Some(folder) = real_data("ecg") else {
        return;
    };
    let record = wfdb::read(&folder.join("ecg/100")).unwrap();
    assert_eq!((record.name.as_str(), record.rate), ("100", 360.0));
    assert_eq!(record.comments.last().unwrap(), "Aldomet, Inderal");
    let [mlii, v5] = &record.signals[..] else {
        panic!("two signals");
    };
    for (signal, name, first) in [(mlii, "MLII", 995), (v5, "V5", 1011)] {
        assert_eq!((signal.name.as_str(), signal.units.as_str()), (name, "mV"));
        assert_eq!(
            (signal.gain, signal.baseline, signal.adc_bits),
            (200.0, 1024, 11)
        );
        assert_eq!((signal.samples.len(), signal.samples[0]), (650_000, first));
        let physical = signal.physical();
        assert_eq!(physical[0], (first - 1024) as f32 / 200.0);
        assert!(physical.iter().all(|x| x.abs() < 6.0));
    }

    let marks = wfdb::annotations(&folder.join("ecg/100.atr")).unwrap();
    let count = |symbol| marks.iter().filter(|m| m.symbol() == Some(symbol)).count();
    assert_eq!(
        (count('N'), count('A'), count('V'), count('+')),
        (2239, 33, 1, 1)
    );
    assert_eq!(
        (marks.iter().filter(|m| m.is_beat()).count(), marks.len()),
        (2273, 2274)
    );
    assert_eq!(
        (marks[0].sample, marks[0].text.as_slice()),
        (18, &b"(N"[..])
    );
    assert!(marks.is_sorted_by_key(|m| m.sample));
    assert!(marks.last().unwrap().sample < 650_000);
    // A beat is marked at its peak: the largest sample within 100 ms is at most 3 samples away for nearly all.
    let near = marks
        .iter()
        .filter(|m| m.symbol() == Some('N'))
        .filter(|m| {
            let at = m.sample as usize;
            let from = at.saturating_sub(36);
            let window = &mlii.samples[from..(at + 37).min(650_000)];
            let top = *window.iter().max().unwrap();
            let place = window.iter().position(|&x| x == top).unwrap() + from;
            place.abs_diff(at) <= 3
        });
    assert!(near.count() > 2200);
}

fn decode(header: &str, file: &[u8]) -> Result<Record> {
    wfdb::decode(header.as_bytes(), "a test", &mut |_| Ok(file.to_vec()))
}

#[test]
fn defaults_of_the_header() {
    let record = decode("# first\nr 1\nr.dat 16\n# last", &[1, 0, 255, 255]).unwrap();
    assert_eq!(
        (record.rate, record.comments),
        (250.0, vec!["first".to_string(), "last".to_string()])
    );
    let signal = &record.signals[0];
    assert_eq!(
        (
            signal.gain,
            signal.baseline,
            signal.adc_zero,
            signal.adc_bits
        ),
        (200.0, 0, 0, 12)
    );
    assert_eq!((signal.units.as_str(), signal.name.as_str()), ("mV", ""));
    assert_eq!(signal.samples, [1, -1]);

    let record = decode(
        "r 1 100/50(3) 1\r\nr.dat 16x1:0+2 0/uV 0 7 0 -1 0 of two words",
        &[1, 0, 255, 255],
    );
    let record = record.unwrap();
    let signal = &record.signals[0];
    assert_eq!(
        (
            record.rate,
            signal.gain,
            signal.baseline,
            signal.units.as_str()
        ),
        (100.0, 200.0, 7, "uV")
    );
    assert_eq!(
        (signal.name.as_str(), &signal.samples[..]),
        ("of two words", &[-1][..])
    );

    let record = decode("r 1\nr.dat 16 -2.5e1(-3)/mm Hg", &[7, 0]).unwrap_err();
    assert!(record.to_string().contains("resolution"), "{record}");
    let record = decode("r 1\nr.dat 16 -2.5e1(-3)/mmHg", &[7, 0, 0, 128]).unwrap();
    let physical = record.signals[0].physical();
    assert_eq!(physical[0], -0.4);
    assert!(physical[1].is_nan());
}

#[test]
fn what_is_wrong_is_said() {
    let bytes = [0u8; 12];
    for (header, words) in [
        ("", "expected a record line, got none"),
        ("# only\n", "expected a record line, got none"),
        ("r/2 1 360 10", "expected one segment"),
        (
            "r",
            "number of signals at a test, line 1: expected a number that fits, got ''",
        ),
        ("r 0", "expected 1, one for each signal, got 0"),
        ("r 99999999999", "one for each signal, got 0"),
        ("r 1 -360\nr.dat 16", "a positive number of hertz, got -360"),
        ("r 1 NaN\nr.dat 16", "a positive number of hertz, got NaN"),
        (
            "r 1 360 99999999999999\nr.dat 16",
            "expected 99999999999999 samples of each signal, got 6",
        ),
        (
            "r 2 360 5\nr.dat 16\nr.dat 16",
            "expected 5 samples of each signal, got 3",
        ),
        (
            "r 1\n../r.dat 16",
            "the name of a file beside the header, got ../r.dat",
        ),
        ("r 1\nr.dat 310", "212 or 16, got 310"),
        (
            "r 1\nr.dat 212x2",
            "samples in a frame at a test, line 2: expected 1, got 2",
        ),
        ("r 1\nr.dat 212:4", "skew"),
        ("r 1\nr.dat 16 inf", "a finite number, got inf"),
        ("r 1\nr.dat 16 200(5", "baseline"),
        (
            "r 1\nr.dat 16 200 11 0 0 1",
            "sum of the samples at a test, file r.dat, signal 0: expected 1, got 0",
        ),
        (
            "r 2\nr.dat 16\nr.dat 212",
            "format 16 and offset 0 in all lines, got 212 and 0",
        ),
        (
            "r 3\na 16\nb 16\na 16",
            "the signals of a file one after the other, got a",
        ),
    ] {
        let e = decode(header, &bytes).unwrap_err().to_string();
        assert!(e.contains(words), "{header:?}: {e}");
    }
}

/// Packs samples of 12 bits as format 212 does.
fn pack(samples: &[i32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for pair in samples.chunks(2) {
        let (a, b) = (
            pair[0] as u16 & 0xfff,
            pair.get(1).map(|&b| b as u16 & 0xfff),
        );
        bytes.extend([a as u8, (a >> 8) as u8 | (b.unwrap_or(0) >> 8 << 4) as u8]);
        bytes.extend(b.map(|b| b as u8));
    }
    bytes
}

/// Marks written as the format says.
fn write(marks: &[Annotation]) -> Vec<u8> {
    let mut words: Vec<u16> = Vec::new();
    let (mut time, mut channel, mut number) = (0i64, 0, 0);
    for mark in marks {
        let interval = mark.sample as i64 - time;
        time = mark.sample as i64;
        let short = if (0..1024).contains(&interval) {
            interval as u16
        } else {
            0
        };
        if i64::from(short) != interval {
            words.extend([59 << 10, (interval >> 16) as u16, interval as u16]);
        }
        words.push(u16::from(mark.code) << 10 | short);
        if mark.subtype != 0 {
            words.push(61 << 10 | u16::from(mark.subtype as u8));
        }
        if mark.channel != channel {
            channel = mark.channel;
            words.push(62 << 10 | u16::from(channel));
        }
        if mark.number != number {
            number = mark.number;
            words.push(60 << 10 | u16::from(number as u8));
        }
        if !mark.text.is_empty() {
            words.push(63 << 10 | mark.text.len() as u16);
            words.extend(
                mark.text
                    .chunks(2)
                    .map(|c| u16::from(c[0]) | u16::from(*c.get(1).unwrap_or(&0)) << 8),
            );
        }
    }
    words.push(0);
    words.into_iter().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn marks_that_are_wrong() {
    let words = |words: &[u16]| -> Vec<u8> { words.iter().flat_map(|w| w.to_le_bytes()).collect() };
    for (bytes, expected) in [
        (vec![], "a word 0 at the end"),
        (words(&[1 << 10]), "a word 0 at the end"),
        (words(&[0, 0, 5]), "expected the end, got more"),
        (words(&[50 << 10, 0]), "an annotation first, got 50"),
        (
            words(&[1 << 10, 50 << 10, 0]),
            "a code up to 49 or from 59 on, got 50",
        ),
        (words(&[61 << 10, 0]), "an annotation first, got 61"),
        (
            words(&[1 << 10, 63 << 10 | 1023, 0]),
            "a text as long as it says",
        ),
        (
            words(&[59 << 10, 0xffff, 0xfffe, 1 << 10, 0]),
            "a time from 0 on, got -2",
        ),
        (words(&[59 << 10, 0]), "a word 0 at the end"),
    ] {
        let e = decode_annotations(&bytes, "a test")
            .unwrap_err()
            .to_string();
        assert!(e.contains(expected), "{e}");
    }
}

fn marks() -> impl Strategy<Value = Vec<Annotation>> {
    let steps = prop_oneof![0u64..1024, 0u64..1 << 31];
    let text = "[ -~]{0,7}";
    let one = (steps, 1u8..50, any::<i8>(), any::<u8>(), any::<i8>(), text);
    prop::collection::vec(one, 0..8).prop_map(|list| {
        let mut sample = 0;
        let mark = |(step, code, subtype, channel, number, text): (u64, _, _, _, _, String)| {
            sample += step;
            Annotation {
                sample,
                code,
                subtype,
                channel,
                number,
                text: text.into_bytes(),
            }
        };
        list.into_iter().map(mark).collect()
    })
}

proptest! {
    #[test]
    fn marks_there_and_back(marks in marks()) {
        prop_assert_eq!(decode_annotations(&write(&marks), "a test").unwrap(), marks);
    }

    /// Three signals in one file, an odd number of samples included, with their sums.
    #[test]
    fn samples_there_and_back(frames in prop::collection::vec([-2048i32..2048, -2048..2048, -2048..2048], 1..9)) {
        let flat: Vec<i32> = frames.concat();
        let sums: Vec<i16> = (0..3)
            .map(|i| frames.iter().fold(0i16, |sum, f| sum.wrapping_add(f[i] as i16)))
            .collect();
        for (format, bytes) in [
            (212, pack(&flat)),
            (16, flat.iter().flat_map(|&x| (x as i16).to_le_bytes()).collect()),
        ] {
            let lines: String = sums.iter().map(|s| format!("r.dat {format} 200 12 0 0 {s} 0 x\n")).collect();
            let header = format!("r 3 360 {}\n{lines}", frames.len());
            let record = decode(&header, &bytes).unwrap();
            for (i, signal) in record.signals.iter().enumerate() {
                let own: Vec<i32> = frames.iter().map(|f| f[i]).collect();
                prop_assert_eq!(&signal.samples, &own);
            }
            // One sample changed: some sum is another.
            let mut other = bytes.clone();
            other[0] ^= 1;
            prop_assert!(decode(&header, &other).is_err());
        }
    }
}
