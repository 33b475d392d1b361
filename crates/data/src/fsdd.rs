//! Free Spoken Digit Dataset: the digits 0 to 9, 50 times each by each of six speakers, 8 kHz.

use crate::{Dataset, Split, wav};
use cortado::{Error, Result};
use flate2::read::MultiGzDecoder;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// The speakers.
pub const SPEAKERS: [&str; 6] = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"];

/// Samples of a second.
const RATE: u32 = 8000;

/// Recordings that are tested of each speaker and digit: those of index 0 to 4.
const TESTED: u32 = 5;

/// Longest recording that is read, in bytes: the longest of the originals has 2.3 s.
const LONGEST: u64 = 1 << 20;

/// What a file's name says: `DIGIT_SPEAKER_INDEX.wav`.
struct Name {
    digit: u32,
    speaker: String,
    index: u32,
}

fn name(file: &str) -> Option<Name> {
    let parts: Vec<&str> = file.strip_suffix(".wav")?.split('_').collect();
    let &[digit, speaker, index] = &parts[..] else {
        return None;
    };
    Some(Name {
        digit: digit.parse().ok().filter(|&d| d < 10)?,
        speaker: speaker.into(),
        index: index.parse().ok()?,
    })
}

/// Reads the recordings, from the folder `recordings` in `folder` or from `recordings.tar.gz` there.
///
/// `split` is `official` (index 0 to 4 of each speaker and digit are tested, 300 of 3,000) or the name of a speaker, all of
/// whose recordings are tested.
///
/// # Shapes
/// Signals of one channel.
///
/// # Errors
/// No recordings; a file that [`wav::decode`] refuses, or that is not mono at 8 kHz; an unknown split.
pub fn load(folder: &Path, split: &str) -> Result<Split> {
    if split != "official" && !SPEAKERS.contains(&split) {
        let expected = format!("official, or one of {} to be tested", SPEAKERS.join(", "));
        return Err(Error::invalid(
            "split",
            "fsdd",
            expected,
            format!("'{split}'"),
        ));
    }
    let files = files(folder)?;
    let [mut train, mut test] = [(); 2].map(|()| (Vec::new(), Vec::new()));
    for (file, bytes) in files {
        let Some(Name {
            digit,
            speaker,
            index,
        }) = name(&file)
        else {
            continue;
        };
        let sound = wav::decode(&bytes, &file)?;
        if (sound.rate, sound.channels) != (RATE, 1) {
            let got = format!("{} Hz, {} channels", sound.rate, sound.channels);
            return Err(Error::invalid("sound", file, "8000 Hz, one channel", got));
        }
        let tested = match split {
            "official" => index < TESTED,
            left_out => speaker == left_out,
        };
        let part = if tested { &mut test } else { &mut train };
        part.0.push(sound.samples);
        part.1.push(digit);
    }
    let make = |(data, labels)| Dataset::signals((1, 1.0 / f64::from(RATE)), data, 10, labels);
    let split = Split {
        name: "fsdd".into(),
        train: make(train)?,
        test: make(test)?,
    };
    if split.train.is_empty() || split.test.is_empty() {
        let expected = "files DIGIT_SPEAKER_INDEX.wav to train and to test";
        let got = format!("{} and {}", split.train.len(), split.test.len());
        return Err(Error::invalid(
            "recordings",
            folder.display().to_string(),
            expected,
            got,
        ));
    }
    Ok(split)
}

/// The bytes of each file under its name, in the order of names.
fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut all = BTreeMap::new();
    let (loose, packed) = (folder.join("recordings"), folder.join("recordings.tar.gz"));
    if loose.is_dir() {
        let refused = |e| Error::io("cannot read", &loose, e);
        for entry in std::fs::read_dir(&loose).map_err(refused)? {
            let path = entry.map_err(refused)?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            if name(&file).is_some() {
                let file = file.into_owned();
                let open =
                    std::fs::File::open(&path).map_err(|e| Error::io("cannot read", &path, e))?;
                let bytes = short(open).map_err(|e| Error::io("cannot read", &path, e))?;
                all.insert(file, bytes);
            }
        }
        return Ok(all);
    }
    let refused = |e| Error::io("cannot read", &packed, e);
    let file = std::fs::File::open(&packed).map_err(refused)?;
    let mut archive = tar::Archive::new(MultiGzDecoder::new(std::io::BufReader::new(file)));
    for entry in archive.entries().map_err(refused)? {
        let entry = entry.map_err(refused)?;
        let path = entry.path().map_err(refused)?.into_owned();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        if name(&file).is_some() {
            all.insert(file.into_owned(), short(entry).map_err(refused)?);
        }
    }
    Ok(all)
}

fn short(file: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}
