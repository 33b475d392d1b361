//! Each format that is read, with files to damage.

use std::path::{Path, PathBuf};

use cortado::{Error, Result};
use cortado_base::{npy, npz};
use cortado_data::sequence::Side;
use cortado_data::{dsec, mvsec, ntidigits, text, wav, wfdb};
use cortado_events::Shd;

/// A format, files of it that are whole, and its reader.
pub struct Format {
    pub name: &'static str,
    pub files: Vec<Vec<u8>>,
    pub read: fn(&[u8]) -> Result<()>,
}

/// What npz and text files may unpack to here.
const LIMIT: u64 = 16 << 20;

/// All formats, with the files of tests/fixtures.
pub fn formats() -> Vec<Format> {
    let fixtures = |ending: &str| -> Vec<Vec<u8>> {
        let crate_of = match ending {
            "h5" => "events",
            "hdf5" | "wav" => "data",
            _ => "base",
        };
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../{crate_of}/tests/fixtures"));
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|f| f.unwrap().path())
            .collect();
        files.sort();
        files.retain(|f| f.extension().is_some_and(|e| e == ending));
        // Other HDF5 files there hold events.
        let name = |f: &Path| f.file_name().unwrap().to_string_lossy().into_owned();
        files.retain(|f| match ending {
            "h5" => name(f).starts_with("shd-"),
            "hdf5" => name(f) == "ntidigits.hdf5",
            _ => true,
        });
        assert!(!files.is_empty());
        files.iter().map(|f| std::fs::read(f).unwrap()).collect()
    };
    let own = |name: &str| std::fs::read(fixture(name)).unwrap();
    let headers = [
        &b"# a comment\n100 2 360 12\n100.dat 212 200 11 1024 995 -22131 0 MLII\n\n100.dat 212 200 11 1024 1011 20052 0 V5\n# 69 M"[..],
        b"r 2 360/1(2) 4 0:00 1/1/2000\r\na.dat 16 200(-3)/mV 12 0 0\r\nb.dat 212+2 0 0 7\r\n",
        b"r 1\nr.dat 16",
    ];
    let marks = [
        18 | 28 << 10,
        3 | 63 << 10,
        0x4e28,
        0,
        59 << 10,
        1,
        2,
        5 | 1 << 10,
        1 | 61 << 10,
        2 | 62 << 10,
        3 | 60 << 10,
        7 | 5 << 10,
        0u16,
    ];
    let lines = b"# Sampling Rate (Hz):= 1000.00\n2055.0\n-3e4\n\n17\n";
    vec![
        Format {
            name: "npy",
            files: fixtures("npy"),
            read: |b| array(&npy::decode(b, "a")?),
        },
        Format {
            name: "npz",
            files: fixtures("npz"),
            read: |b| npz::decode(b, "a", LIMIT)?.values().try_for_each(array),
        },
        Format {
            name: "wav",
            files: fixtures("wav"),
            read: sound,
        },
        Format {
            name: "wfdb",
            files: headers.map(Vec::from).to_vec(),
            read: record,
        },
        Format {
            name: "annotations",
            files: vec![marks.into_iter().flat_map(u16::to_le_bytes).collect()],
            read: |b| wfdb::decode_annotations(b, "a").map(|_| ()),
        },
        Format {
            name: "hdf5",
            files: fixtures("h5"),
            read: |b| through_file(b, spikes),
        },
        Format {
            name: "ntidigits",
            files: fixtures("hdf5"),
            read: |b| through_file(b, cochlea),
        },
        Format {
            name: "mvsec",
            files: ["mvsec_data.hdf5", "mvsec_gt.hdf5"].map(own).to_vec(),
            read: |b| through_file(b, flight),
        },
        Format {
            name: "boxes",
            files: vec![own("dsec/tracks.npy")],
            read: |b| through_file(b, |path| dsec::read_tracks(path).map(|_| ())),
        },
        Format {
            name: "png",
            files: vec![
                own("dsec/disparity_event/000000.png"),
                own("dsec/optical_flow_forward_event/000000.png"),
            ],
            read: |b| through_file(b, picture),
        },
        Format {
            name: "text",
            files: vec![lines.to_vec(), super::gzip(lines)],
            read: |b| through_file(b, |path| text::read(path, LIMIT).map(|_| ())),
        },
    ]
}

/// What is read must be whole.
fn array(array: &npy::Array) -> Result<()> {
    assert_eq!(array.shape.iter().product::<usize>(), array.data.len());
    let _ = (array.to_i64("a"), array.to_u64("a"));
    assert_eq!(array.to_f32().len(), array.to_f64().len());
    Ok(())
}

fn sound(bytes: &[u8]) -> Result<()> {
    let wav = wav::decode(bytes, "a")?;
    assert!(wav.rate > 0 && wav.samples.len() == wav.frames() * wav.channels);
    assert!(wav.samples.iter().all(|x| x.is_finite()));
    Ok(())
}

/// Damages the header only: any bytes are samples.
fn record(bytes: &[u8]) -> Result<()> {
    let mut file = |name: &str| match name.contains('/') {
        true => Err(Error::invalid("file", name, "none elsewhere", "one")),
        false => Ok((0..40u8).collect()),
    };
    let record = wfdb::decode(bytes, "a", &mut file)?;
    let length = record.signals[0].samples.len();
    for signal in &record.signals {
        assert_eq!(
            (signal.samples.len(), signal.physical().len()),
            (length, length)
        );
    }
    Ok(())
}

fn spikes(path: &Path) -> Result<()> {
    let shd = Shd::read(path)?;
    assert!(shd.times.len() == shd.labels.len() && shd.units.len() == shd.labels.len());
    for (times, units) in shd.times.iter().zip(&shd.units) {
        assert_eq!(times.len(), units.len());
    }
    Ok(())
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// Events, or what is known beside those of the whole file.
fn flight(path: &Path) -> Result<()> {
    if let Ok(flight) = mvsec::Sequence::open(path, None) {
        return flight.events(Side::Left, 0, u64::MAX).map(|_| ());
    }
    let flight = mvsec::Sequence::open(&fixture("mvsec_data.hdf5"), Some(path))?;
    for mut frames in [flight.depth(Side::Left)?, flight.flow(Side::Left)?] {
        let size: usize = frames.shape().iter().product();
        let mut frame = Vec::new();
        for i in 0..frames.times().len() {
            frames.read(i, &mut frame)?;
            assert_eq!(frame.len(), size);
        }
    }
    Ok(())
}

fn picture(path: &Path) -> Result<()> {
    let (map, channels) = match dsec::read_disparity(path) {
        Ok(map) => (map, 1),
        Err(_) => (dsec::read_flow(path)?, 2),
    };
    let pixels = map.width * map.height;
    assert_eq!(
        (map.known.len(), map.values.len()),
        (pixels, pixels * channels)
    );
    Ok(())
}

fn cochlea(path: &Path) -> Result<()> {
    let split = ntidigits::read(path)?;
    assert!(split.train.features() == 64 && !split.train.is_empty() && !split.test.is_empty());
    Ok(())
}

fn through_file(bytes: &[u8], read: fn(&Path) -> Result<()>) -> Result<()> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    read(file.path())
}
