//! Sound from files that other programs wrote, and from bytes that lie.

mod common;

use std::io::Read;

use common::{fixture, real_data};
use cortado_data::wav::{self, Wav};
use proptest::prelude::*;

/// What tests/oracle/wav.py wrote, with the largest value that the format holds.
fn expected(largest: f32) -> Vec<f32> {
    let frame = |i: i32| [(i - 8) as f32 / 8.0, (i - 8) as f32 / 16.0];
    (0..17).flat_map(frame).map(|x| x.min(largest)).collect()
}

#[test]
fn every_format() {
    for (name, bits) in [
        ("pcm8", Some(8)),
        ("pcm16", Some(16)),
        ("pcm24", Some(24)),
        ("pcm32", Some(32)),
        ("extensible24", Some(24)),
        ("float32", None),
        ("float64", None),
    ] {
        let got = wav::read(&fixture(&format!("{name}.wav"))).unwrap();
        let largest = bits.map_or(1.0, |bits| (1.0 - 2f64.powi(1 - bits)) as f32);
        let samples = expected(largest);
        assert_eq!(
            got,
            Wav {
                rate: 8000,
                channels: 2,
                samples
            },
            "{name}"
        );
        assert_eq!(got.frames(), 17);
    }
}

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let size = (body.len() as u32).to_le_bytes();
    [name, &size[..], body, &[0][..body.len() % 2]].concat()
}

fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
    [b"RIFF\0\0\0\0WAVE".to_vec(), chunks.concat()].concat()
}

fn fmt(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let frame = channels.wrapping_mul(bits / 8);
    let mut body = [tag, channels].map(u16::to_le_bytes).concat();
    body.extend([rate, 0].map(u32::to_le_bytes).concat());
    body.extend([frame, bits].map(u16::to_le_bytes).concat());
    chunk(b"fmt ", &body)
}

#[test]
fn what_is_wrong_is_said() {
    let good = fmt(1, 1, 8000, 16);
    let data = chunk(b"data", &[0; 4]);
    let mut long = data.clone();
    long[4..8].copy_from_slice(&u32::MAX.wrapping_sub(1).to_le_bytes());
    let not_finite = chunk(b"data", &f32::NAN.to_le_bytes());
    for (bytes, words) in [
        (
            b"RIFX".to_vec(),
            "start at a test: expected RIFF, a size and WAVE, got RIFX",
        ),
        (file(&[]), "expected one named data, got none"),
        (
            file(std::slice::from_ref(&data)),
            "expected fmt before data",
        ),
        (
            file(&[good.clone(), good.clone(), data.clone()]),
            "chunk fmt at a test: expected one",
        ),
        (
            file(&[chunk(b"fmt ", &[0; 15])]),
            "at least 16 bytes, got 15",
        ),
        (file(&[fmt(2, 1, 8000, 4)]), "got 2 of 4 bits"),
        (file(&[fmt(1, 1, 8000, 12)]), "got 1 of 12 bits"),
        (file(&[fmt(0xfffe, 1, 8000, 16)]), "sub-format"),
        (file(&[fmt(1, 0, 8000, 16)]), "got 0 and 8000 Hz"),
        (file(&[fmt(1, 1, 0, 16)]), "got 1 and 0 Hz"),
        (file(&[fmt(1, 65535, 8000, 32)]), "size of a frame"),
        (
            file(&[good.clone(), chunk(b"data", &[0; 3])]),
            "whole frames of 2 bytes, got 3",
        ),
        (
            file(&[good.clone(), long]),
            "chunk data: expected 4294967294 bytes, got 4",
        ),
        (
            file(&[fmt(3, 1, 8000, 32), not_finite]),
            "frame 0: expected a finite number, got NaN",
        ),
    ] {
        let e = wav::decode(&bytes, "a test").unwrap_err().to_string();
        assert!(e.contains(words), "{e}");
    }
}

#[test]
fn a_size_that_was_not_known_goes_to_the_end() {
    let mut data = chunk(b"data", &[0, 64, 0, 192]);
    data[4..8].fill(255);
    let wav = wav::decode(&file(&[fmt(1, 1, 8000, 16), data]), "a test").unwrap();
    assert_eq!(wav.samples, [0.5, -0.5]);
}

proptest! {
    /// 16 bits there and back, after chunks of any name and size.
    #[test]
    fn samples_after_other_chunks(
        samples in prop::collection::vec(any::<i16>(), 0..20),
        others in prop::collection::vec(("[A-Z]{4}", prop::collection::vec(any::<u8>(), 0..9)), 0..4),
        rate in 1u32..,
    ) {
        let mut chunks: Vec<_> = others
            .iter()
            .map(|(name, body)| chunk(name.as_bytes().try_into().unwrap(), body))
            .collect();
        chunks.push(fmt(1, 1, rate, 16));
        let bytes: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
        chunks.push(chunk(b"data", &bytes));
        let wav = wav::decode(&file(&chunks), "a test").unwrap();
        let back: Vec<i16> = wav.samples.iter().map(|x| (x * 32768.0) as i16).collect();
        prop_assert_eq!(back, samples);
        prop_assert_eq!((wav.rate, wav.channels), (rate, 1));
    }
}

/// All recordings of spoken digits: one channel, 8 kHz, as long as the file says.
#[test]
fn spoken_digits() {
    let Some(folder) = real_data("fsdd") else {
        return;
    };
    let packed = std::fs::read(folder.join("fsdd/recordings.tar.gz")).unwrap();
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_end(&mut tar)
        .unwrap();
    let (mut count, mut longest, mut at) = (0, 0, 0);
    while let Some(head) = tar.get(at..at + 512) {
        let octal = |range: std::ops::Range<usize>| {
            let text = String::from_utf8_lossy(&head[range]).into_owned();
            usize::from_str_radix(text.trim_matches(['\0', ' ']), 8).unwrap_or(0)
        };
        let size = octal(124..136);
        let name = String::from_utf8_lossy(&head[..100]).into_owned();
        if name.trim_matches('\0').ends_with(".wav") {
            let wav = wav::decode(&tar[at + 512..at + 512 + size], &name).unwrap();
            assert_eq!((wav.rate, wav.channels), (8000, 1), "{name}");
            assert!(wav.samples.iter().all(|x| x.abs() <= 1.0));
            count += 1;
            longest = longest.max(wav.frames());
        }
        at += 512 + size.next_multiple_of(512);
    }
    assert_eq!((count, longest), (3000, 18262));
}
