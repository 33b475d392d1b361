//! AEDAT 4: streams, tables, compression, damage inside of frames.

mod common;

use common::{Choices, at_once, damaged, in_pieces, strict, ways_agree};
use cortado_events::format::Format;
use cortado_events::{Event, Geometry, Options, Recording, Trigger, Writer, encode};

/// Events in order, so many that there are many packets and parts.
fn recording(n: u64) -> Recording {
    let mut r = Recording {
        geometry: Some(Geometry::new(640, 480)),
        ..Recording::default()
    };
    for i in 0..n {
        r.events.push(Event {
            t: 1_605_537_493_718_345 + i * 3,
            x: (i * 7919 % 640) as u16,
            y: (i / 5 % 480) as u16,
            p: i.is_multiple_of(3),
        });
    }
    let edge = |i: u64| Trigger {
        t: 1_605_537_493_718_345 + i,
        id: (i % 4) as u16,
        value: i.is_multiple_of(3),
    };
    r.triggers.extend((0..9).map(edge));
    r
}

/// Packets of a file: stream and place and length of the body.
fn packets(bytes: &[u8]) -> (usize, Vec<(i32, usize, usize)>, usize) {
    let long = |at: usize| i32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let start = 18 + long(14) as usize;
    let table = i64::from_le_bytes(bytes[62..70].try_into().unwrap());
    let table = if table < 0 {
        bytes.len()
    } else {
        table as usize
    };
    let (mut at, mut all) = (start, Vec::new());
    while at < table {
        let size = long(at + 4) as usize;
        all.push((long(at), at + 8, size));
        at += 8 + size;
    }
    (start, all, table)
}

/// The same packets in frames of Zstd; the table is left where it was or, as after an interrupted recording, left out.
fn with_zstd(bytes: &[u8], table: bool) -> Vec<u8> {
    let (start, all, at) = packets(bytes);
    let mut out = bytes[..start].to_vec();
    out[14 + 36] = 3;
    let unpack = |frame: &[u8]| {
        let mut body = Vec::new();
        let mut decoder = lz4_flex::frame::FrameDecoder::new(frame);
        std::io::Read::read_to_end(&mut decoder, &mut body).unwrap();
        body
    };
    let mut places = Vec::new();
    for (id, place, size) in all {
        let frame = rust_zstd::compress(&unpack(&bytes[place..place + size]), 3);
        out.extend(id.to_le_bytes());
        out.extend((frame.len() as u32).to_le_bytes());
        places.push((place as u64, out.len() as u64));
        out.extend(frame);
    }
    let end = if table { out.len() as i64 } else { -1 };
    out[62..70].copy_from_slice(&end.to_le_bytes());
    if table {
        let mut buffer = unpack(&bytes[at..]);
        for (old, new) in places {
            let old = old.to_le_bytes();
            let at = buffer.windows(8).position(|w| w == old).unwrap();
            buffer[at..at + 8].copy_from_slice(&new.to_le_bytes());
        }
        out.extend(rust_zstd::compress(&buffer, 3));
    }
    out
}

fn in_threads(bytes: &[u8], n: usize) -> common::Read {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(n)
        .build()
        .unwrap();
    pool.install(|| at_once(bytes, Format::Aedat4, &strict()))
}

#[test]
fn parts_agree_with_one_reader() {
    let r = recording(300_000);
    let lz4 = encode(Format::Aedat4, &r).unwrap();
    for bytes in [&lz4, &with_zstd(&lz4, true), &with_zstd(&lz4, false)] {
        for threads in [1, 3] {
            assert!(in_threads(bytes, threads).unwrap().0 == r);
        }
        assert!(
            in_pieces(bytes, Format::Aedat4, &strict(), &[100_003])
                .unwrap()
                .0
                == r
        );
    }
}

/// Without a place for the table in the header, as in a stream that cannot be gone back in.
#[test]
fn a_table_without_a_place_is_no_packet() {
    let r = recording(20_000);
    let bytes = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    struct To(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
    impl std::io::Write for To {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let to = Box::new(To(bytes.clone()));
    let mut writer = Writer::stream(to, Format::Aedat4, r.geometry).unwrap();
    writer.write(&r).unwrap();
    writer.finish().unwrap();
    let bytes = bytes.lock().unwrap().clone();
    assert_eq!(bytes[62..70], [255; 8]);
    let (again, report) = ways_agree(&bytes, Format::Aedat4, &strict(), &[1, 4099]).unwrap();
    assert!(again == r);
    assert_eq!(report.damaged(), 0);
}

/// A wrong number of events in a packet's first bytes is no reason to lose any.
#[test]
fn a_wrong_table_loses_nothing() {
    let r = recording(50_000);
    let mut bytes = with_zstd(&encode(Format::Aedat4, &r).unwrap(), true);
    let (_, all, table) = packets(&bytes);
    let mut buffer = rust_zstd::decompress(&bytes[table..]).unwrap();
    let place = (all[1].1 as u64).to_le_bytes();
    let at = buffer.windows(8).position(|w| w == place).unwrap();
    assert_eq!(buffer[at + 8..at + 12], 8192u32.to_le_bytes());
    buffer[at + 8] = 9;
    bytes.truncate(table);
    bytes.extend(rust_zstd::compress(&buffer, 3));
    assert!(in_threads(&bytes, 2).unwrap().0 == r);
}

/// Of two streams of events the lower is read, and the report says so; a stream of no name is passed over.
#[test]
fn the_lowest_stream_is_read() {
    let r = recording(100);
    let bytes = encode(Format::Aedat4, &r).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let turn = |from: &str, to: &str| {
        let at = text(&bytes)
            .find(from)
            .map(|_| bytes.windows(from.len()).position(|w| w == from.as_bytes()));
        let at = at.flatten().unwrap();
        let mut turned = bytes.clone();
        turned[at..at + from.len()].copy_from_slice(to.as_bytes());
        turned
    };
    let two = turn("TRIG", "EVTS");
    let (again, report) = ways_agree(&two, Format::Aedat4, &strict(), &[77]).unwrap();
    assert_eq!((again.events, again.triggers), (r.events.clone(), vec![]));
    assert_eq!(
        report.assumptions(),
        ["of the streams of events number 0 is read, [1] left out"]
    );
    let unknown = turn("node name=\"1\"", "node name=\"7\"");
    let (again, report) = ways_agree(&unknown, Format::Aedat4, &strict(), &[77]).unwrap();
    assert_eq!((again.events, again.triggers), (r.events.clone(), vec![]));
    assert!(report.assumptions()[0].contains("does not name"));
    assert_eq!(
        report.header[1],
        ("stream 0".into(), "EVTS 640x480 cortado".into())
    );
    let none = turn("EVTS", "IMUS");
    let (again, report) = ways_agree(&none, Format::Aedat4, &strict(), &[77]).unwrap();
    assert_eq!((again.events.len(), again.triggers), (0, r.triggers));
    assert_eq!(report.assumptions(), ["there is no stream of events"]);
}

/// Damage inside of bodies, which frames hide from a change of bytes.
#[test]
fn damage_in_bodies() {
    let r = recording(700);
    let bytes = encode(Format::Aedat4, &r).unwrap();
    let (start, all, _) = packets(&bytes);
    let mut plain = bytes[..start].to_vec();
    plain[14 + 36] = 0;
    plain[62..70].copy_from_slice(&[255; 8]);
    let header = plain.len();
    for (id, place, size) in all {
        let mut body = Vec::new();
        let mut decoder = lz4_flex::frame::FrameDecoder::new(&bytes[place..place + size]);
        std::io::Read::read_to_end(&mut decoder, &mut body).unwrap();
        plain.extend(id.to_le_bytes());
        plain.extend((body.len() as u32).to_le_bytes());
        plain.extend(body);
    }
    assert!(at_once(&plain, Format::Aedat4, &strict()).unwrap().0 == r);
    for seed in 0..500 {
        let body = damaged(&plain[header..], &mut Choices(seed));
        let bytes = [&plain[..header], &body].concat();
        for options in [Options::default(), strict()] {
            if let Ok((read, _)) = ways_agree(&bytes, Format::Aedat4, &options, &[500, 3]) {
                assert!(16 * read.events.len() <= bytes.len());
            }
        }
    }
    // A time before 1970 and a pixel outside.
    let event = header + 8 + 32;
    let mut bad = plain.clone();
    bad[event + 7] = 0x80;
    bad[event + 16 + 9] = 0x7f;
    let (again, report) = ways_agree(&bad, Format::Aedat4, &Options::default(), &[500]).unwrap();
    assert_eq!((again.events.len(), report.damaged()), (698, 2));
    assert_eq!(again.events.view().get(0), r.events.view().get(2));
}

#[test]
fn what_does_not_fit_is_a_sentence() {
    let refused = |r: &Recording| encode(Format::Aedat4, r).unwrap_err().to_string();
    let mut r = recording(0);
    r.triggers[1].id = 4;
    assert!(refused(&r).ends_with("expected at most 3 in AEDAT 4, got 4"));
    r.triggers.clear();
    r.events.push(Event {
        t: 1 << 63,
        ..Event::default()
    });
    assert!(refused(&r).starts_with("time at the event at 9223372036854775808 us"));
    r.events.clear();
    r.events.push(Event {
        x: 32_768,
        ..Event::default()
    });
    assert!(refused(&r).contains("x up to 32767"));
    let error = at_once(b"#!AER-DAT4.0\r\n\x04\0\0\0abcd", Format::Aedat4, &strict()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "header at memory, byte 14: expected a FlatBuffer of kind IOHE, got none"
    );
}
