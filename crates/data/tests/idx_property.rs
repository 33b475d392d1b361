//! Whatever bytes an IDX file holds: no panic, and no data set that the bytes do not describe.

mod common;

use std::path::PathBuf;

use common::{gzip, idx_bytes};
use cortado_data::{Dataset, idx};
use proptest::prelude::*;
use proptest::sample::Index;

/// Bytes of a pair of files that fit together, and the data set that they are.
fn files() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    (1u32..6, 1u32..5, 1u32..5).prop_flat_map(|(n, rows, columns)| {
        let pixels = prop::collection::vec(any::<u8>(), (n * rows * columns) as usize);
        let labels = prop::collection::vec(0u8..10, n as usize);
        (pixels, labels).prop_map(move |(pixels, labels)| {
            (
                idx_bytes(0x803, &[n, rows, columns], &pixels),
                idx_bytes(0x801, &[n], &labels),
            )
        })
    })
}

#[derive(Clone, Debug)]
enum Damage {
    /// Sets the byte at a place.
    Set(Index, u8),
    /// Sets one of the first 16 bytes, where the header is.
    SetHeader(usize, u8),
    /// Cuts everything from a place on.
    Cut(Index),
    /// Puts bytes in at a place.
    Insert(Index, Vec<u8>),
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let one = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(i, b)| Damage::Set(i, b)),
        (0usize..16, prop_oneof![0u8..6, any::<u8>()]).prop_map(|(i, b)| Damage::SetHeader(i, b)),
        any::<Index>().prop_map(Damage::Cut),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 1..20))
            .prop_map(|(i, b)| Damage::Insert(i, b)),
    ];
    prop::collection::vec(one, 1..4)
}

fn apply(damage: &[Damage], bytes: &mut Vec<u8>) {
    for d in damage {
        match d {
            Damage::Set(i, b) if !bytes.is_empty() => {
                let place = i.index(bytes.len());
                bytes[place] = *b;
            }
            Damage::SetHeader(i, b) if *i < bytes.len() => bytes[*i] = *b,
            Damage::Cut(i) => bytes.truncate(i.index(bytes.len() + 1)),
            Damage::Insert(i, new) => {
                let place = i.index(bytes.len() + 1);
                bytes.splice(place..place, new.iter().copied());
            }
            _ => {}
        }
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn read(&self, images: &[u8], labels: &[u8]) -> Option<Dataset> {
        idx::read(&self.put("i", images), &self.put("l", labels), 10).ok()
    }
}

/// What plain bytes say, computed without the reader: sizes that fit the bytes exactly, or nothing.
fn described(images: &[u8], labels: &[u8]) -> Option<(Vec<usize>, Vec<f32>, Vec<u32>)> {
    let word = |b: &[u8], i: usize| {
        Some(u32::from_be_bytes(
            b.get(4 * i..4 * i + 4)?.try_into().ok()?,
        ))
    };
    let (n, rows, columns) = (word(images, 1)?, word(images, 2)?, word(images, 3)?);
    let pixels = u128::from(n) * u128::from(rows) * u128::from(columns);
    let right = word(images, 0)? == 0x803
        && word(labels, 0)? == 0x801
        && word(labels, 1)? == n
        && pixels > 0
        && images.len() as u128 == 16 + pixels
        && labels.len() as u128 == 8 + u128::from(n)
        && labels[8..].iter().all(|&l| l < 10);
    right.then(|| {
        (
            vec![1, rows as usize, columns as usize],
            images[16..].iter().map(|&p| f32::from(p) / 255.0).collect(),
            labels[8..].iter().map(|&l| u32::from(l)).collect(),
        )
    })
}

fn parts(data: Dataset) -> (Vec<usize>, Vec<f32>, Vec<u32>) {
    (
        data.shape.clone(),
        data.all_values().to_vec(),
        data.labels().to_vec(),
    )
}

proptest! {
    /// Plain bytes, and the same bytes in gzip, are read if and only if they describe a data set.
    #[test]
    fn damaged_before_packing(
        (mut images, mut labels) in files(),
        image_damage in prop::option::of(damage()),
        label_damage in prop::option::of(damage()),
    ) {
        apply(&image_damage.unwrap_or_default(), &mut images);
        apply(&label_damage.unwrap_or_default(), &mut labels);
        let folder = Folder::new();
        let expected = described(&images, &labels);
        prop_assert_eq!(folder.read(&images, &labels).map(parts), expected.clone());
        prop_assert_eq!(folder.read(&gzip(&images), &gzip(&labels)).map(parts), expected);
    }

    /// Damage to the gzip stream is refused, or was harmless (a time stamp in its header).
    #[test]
    fn damaged_after_packing(
        (images, labels) in files(),
        image_damage in damage(),
        label_damage in prop::option::of(damage()),
    ) {
        let (mut packed_images, mut packed_labels) = (gzip(&images), gzip(&labels));
        apply(&image_damage, &mut packed_images);
        apply(&label_damage.unwrap_or_default(), &mut packed_labels);
        if let Some(data) = Folder::new().read(&packed_images, &packed_labels) {
            prop_assert_eq!(Some(parts(data)), described(&images, &labels));
        }
    }

    /// Bytes of no kind at all.
    #[test]
    fn noise(images in prop::collection::vec(any::<u8>(), 0..80), packed in any::<bool>()) {
        let images = if packed { [&[0x1f, 0x8b, 8][..], &images].concat() } else { images };
        let labels = idx_bytes(0x801, &[1], &[0]);
        let read = Folder::new().read(&images, &labels).map(parts);
        prop_assert_eq!(read, described(&images, &labels));
    }
}
