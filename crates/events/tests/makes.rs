//! Whoever changes what is decoded has to raise `MAKES`, by which decoded events are kept elsewhere.

mod made;

use cortado_events::format::Format;
use cortado_events::{Geometry, MAKES, Options, Recording, decode, encode, read};
use made::{changed, many};
use std::path::Path;

/// Formats whose bytes no library packs.
const PLAIN: [Format; 13] = [
    Format::Aedat2,
    Format::Aedat31,
    Format::Bs1,
    Format::Bs3,
    Format::Csv,
    Format::Dat,
    Format::Es,
    Format::Evt2,
    Format::Evt21,
    Format::Evt3,
    Format::Nmnist,
    Format::Npy,
    Format::Rpg,
];

/// Changes without roots and logarithms, in which machines differ.
const CHANGES: [&str; 5] = [
    r#"{"type": "center_crop", "width": 20, "height": 11}"#,
    r#"{"type": "time_alignment"}"#,
    r#"{"type": "denoise", "filter_time": 2000}"#,
    r#"{"type": "refractory_period", "delta": 2000}"#,
    r#"{"type": "random_flip_polarity"}"#,
];

/// FNV-1a.
struct Sum(u64);

impl Sum {
    fn bytes(&mut self, bytes: &[u8]) {
        let mix = |sum: u64, b: &u8| (sum ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3);
        self.0 = bytes.iter().fold(self.0, mix);
    }

    fn recording(&mut self, r: &Recording) {
        let size = r.geometry.map_or((0, 0), |g| (g.width, g.height));
        self.bytes(format!("{} {size:?}", r.events.view().len()).as_bytes());
        for e in r.events.iter() {
            self.bytes(&e.t.to_le_bytes());
            self.bytes(&[e.x, e.y, e.p.into()].map(u16::to_le_bytes).concat());
        }
    }
}

#[test]
fn what_is_made_has_a_number() {
    let mut sum = Sum(0xcbf2_9ce4_8422_2325);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let files = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = files.map(|e| e.unwrap().path()).collect();
    files.sort();
    let mut made = 0;
    for path in &files {
        if let Ok((recording, _)) = read(path, &Options::default()) {
            sum.recording(&recording);
            made += 1;
        }
    }
    // Bytes count as well, as a reader and a writer may change together.
    for format in PLAIN {
        for (width, height) in [(32, 24), (128, 128), (240, 180)] {
            let mut recording = many(400);
            recording.geometry = Some(Geometry::new(width, height));
            let Ok(bytes) = encode(format, &recording) else {
                continue;
            };
            let mut read = Recording::default();
            decode(&bytes, format, &Options::default(), "memory", &mut read).unwrap();
            sum.bytes(&bytes);
            sum.recording(&read);
            made += 1;
        }
    }
    for json in CHANGES {
        sum.recording(&changed(json, &many(3000)));
        made += 1;
    }
    assert!(made > 50, "{made}");
    let number = MAKES.rsplit_once(' ').unwrap().1;
    let known = format!("{number}: {:#018x}", sum.0);
    assert_eq!(
        known, "1: 0x124b6e718771ef29",
        "files or changes give something else: raise the number of MAKES, then this"
    );
}
