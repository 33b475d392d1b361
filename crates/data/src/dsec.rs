//! DSEC (`gehrig2021`): two event cameras of 640x480 in a car, with disparity, flow, and objects (`gehrig2024`).
//!
//! A sequence is a folder, as the authors lay it out or with each archive unpacked into a folder of its name; in front of names may
//! stand that of the sequence and `_`:
//!
//! | authors' layout | or | what |
//! |---|---|---|
//! | `events/SIDE` | `events_SIDE` | `events.h5`, `rectify_map.h5` |
//! | `images/timestamps.txt` | `image_timestamps.txt` | microseconds, a line for each image |
//! | `disparity/event`, `disparity/timestamps.txt` | `disparity_event`, `disparity_timestamps.txt` | PNG, and a line for each |
//! | `optical_flow/forward`, `optical_flow/forward_timestamps.txt` | `optical_flow_forward_event`, `optical_flow_forward_timestamps.txt` | PNG, and a line `from,until` for each |
//! | `object_detections/left/tracks.npy` | `tracks.npy` | boxes |
//!
//! All times are microseconds of one clock: `t_offset` is added to those of events.

use std::fs::File as Handle;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use cortado_base::hdf5::{Dataset, File, Kind};
use cortado_base::{Error, Result, npy};
use cortado_events::{Geometry, Recording};

use crate::sequence::{Rows, Side, window};

/// The sensor of both event cameras.
pub const SENSOR: Geometry = Geometry::new(640, 480);
/// What a [`Track`] may be, by its class.
pub const CLASSES: [&str; 8] = [
    "pedestrian",
    "rider",
    "car",
    "bus",
    "truck",
    "bicycle",
    "motorcycle",
    "train",
];
/// Most bytes of a text of times, of a picture, and of boxes.
const LIMIT: usize = 64 << 20;

/// A sequence, of which everything is read when it is asked for.
pub struct Sequence {
    folder: PathBuf,
}

/// A picture of ground truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// Its time; of flow the one from which things move.
    pub from: u64,
    /// Its time; of flow the one to which things move.
    pub until: u64,
    /// The PNG file.
    pub file: PathBuf,
}

/// Numbers for each pixel, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `[rows, columns, 2]` of flow and of rectified places, `[rows, columns]` of disparity.
    pub values: Vec<f32>,
    /// `[rows, columns]`: whether the values of a pixel are known.
    pub known: Vec<bool>,
}

/// A box around an object at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Track {
    /// Microseconds.
    pub t: u64,
    /// Left edge in pixels.
    pub x: f64,
    /// Upper edge in pixels.
    pub y: f64,
    /// Width in pixels.
    pub w: f64,
    /// Height in pixels.
    pub h: f64,
    /// Its place in [`CLASSES`].
    pub class: u8,
    /// How sure the class is.
    pub confidence: f64,
    /// Boxes of one object have the same.
    pub id: u64,
}

impl Sequence {
    /// Opens the folder of a sequence.
    ///
    /// # Errors
    /// A folder without events of a camera.
    ///
    /// ```
    /// use cortado_data::{dsec, sequence::Side};
    /// let drive = dsec::Sequence::open("tests/fixtures/dsec".as_ref())?;
    /// let truth = &drive.disparity()?[0];
    /// let events = drive.events(Side::Left, truth.from - 1000, truth.from)?;
    /// assert_eq!(events.events.len(), 143);
    /// assert_eq!(dsec::read_disparity(&truth.file)?.values[2], 1.0);
    /// # Ok::<(), cortado::Error>(())
    /// ```
    pub fn open(folder: &Path) -> Result<Self> {
        let sequence = Self {
            folder: folder.into(),
        };
        let any = [Side::Left, Side::Right].map(|side| sequence.events_file(side));
        match any {
            [Err(e), Err(_)] => Err(e),
            _ => Ok(sequence),
        }
    }

    /// The file of a camera's events, which [`cortado_events::Reader`] reads as well.
    ///
    /// # Errors
    /// None there.
    pub fn events_file(&self, side: Side) -> Result<PathBuf> {
        let side = side.name();
        self.place(
            &format!("events/{side}"),
            &format!("events_{side}"),
            "events.h5",
        )
    }

    /// The events of a camera from `from` to before `until`, in microseconds of the clock of all.
    ///
    /// # Errors
    /// No events of this camera; damage; a pixel that the sensor does not have.
    pub fn events(&self, side: Side, from: u64, until: u64) -> Result<Recording> {
        let file = File::open(&self.events_file(side)?)?;
        let column = |name: &str| {
            let data = file.need(&format!("events/{name}"))?;
            match data.shape() {
                [_] => Ok(data),
                shape => Err(data.wrong("one dimension", format!("{shape:?}"))),
            }
        };
        let columns = [column("t")?, column("x")?, column("y")?, column("p")?];
        let rows = columns[0].rows();
        if let Some(other) = columns.iter().find(|c| c.rows() != rows) {
            return Err(other.wrong(&format!("{rows}, one for each time"), other.rows()));
        }
        let offset = file.need("t_offset")?;
        let single = offset.kind().whole(&offset.whole()?);
        let offset = single.ok_or_else(|| offset.wrong("a single integer", offset.kind()))?;
        let mut columns = Columns { columns, offset };
        window(&mut columns, (from, until), SENSOR, file.at())
    }

    /// Where each pixel of a camera lies without the lens's distortion: `[rows, columns, 2]`, x then y.
    ///
    /// # Errors
    /// None there; another shape; numbers that are not of floating point.
    pub fn rectify_map(&self, side: Side) -> Result<Map> {
        let side = side.name();
        let path = self.place(
            &format!("events/{side}"),
            &format!("events_{side}"),
            "rectify_map.h5",
        )?;
        let data = File::open(&path)?.need("rectify_map")?;
        let &[height, width, 2] = data.shape() else {
            return Err(data.wrong("[rows, columns, 2]", format!("{:?}", data.shape())));
        };
        let mut values = Vec::new();
        let read = data.kind().reals(&data.whole()?, data.size(), &mut values);
        read.ok_or_else(|| data.wrong("numbers of floating point", data.kind()))?;
        Ok(Map {
            width,
            height,
            values: values.iter().map(|&v| v as f32).collect(),
            known: vec![true; width * height],
        })
    }

    /// The times of the images.
    ///
    /// # Errors
    /// None there; a line that is no whole number.
    pub fn image_times(&self) -> Result<Vec<u64>> {
        let path = self.place("images", "image_timestamps.txt", "timestamps.txt")?;
        Ok(numbers::<1>(&path)?.into_iter().map(|[t]| t).collect())
    }

    /// Disparity in the view of the left event camera: times and pictures for [`read_disparity`].
    ///
    /// # Errors
    /// None there; other numbers of times than of pictures.
    pub fn disparity(&self) -> Result<Vec<Truth>> {
        let times = self.place("disparity", "disparity_timestamps.txt", "timestamps.txt")?;
        let times = numbers::<1>(&times)?;
        let folder = self.place("disparity/event", "disparity_event", "")?;
        truths(&folder, times.into_iter().map(|[t]| (t, t)).collect())
    }

    /// Flow in the view of the left event camera: times and pictures for [`read_flow`].
    ///
    /// # Errors
    /// None there; other numbers of times than of pictures.
    pub fn flow(&self) -> Result<Vec<Truth>> {
        let name = "optical_flow_forward_timestamps.txt";
        let times = self.place("optical_flow", name, "forward_timestamps.txt")?;
        let times = numbers::<2>(&times)?;
        let folder = self.place("optical_flow/forward", "optical_flow_forward_event", "")?;
        // The authors' tools expect the pictures one deeper or not.
        let deeper = folder.join("event");
        let folder = if deeper.is_dir() { deeper } else { folder };
        truths(&folder, times.into_iter().map(|[a, b]| (a, b)).collect())
    }

    /// The boxes around objects in the view of the left event camera, in the file's order.
    ///
    /// # Errors
    /// None there; a file that [`read_tracks`] refuses.
    pub fn tracks(&self) -> Result<Vec<Track>> {
        read_tracks(&self.place("object_detections/left", "tracks.npy", "tracks.npy")?)
    }

    /// `file` in the folder `folder`; or what is called `name`, or ends so after `_`, and `file` in it if it is a folder.
    fn place(&self, folder: &str, name: &str, file: &str) -> Result<PathBuf> {
        let usual = self.folder.join(folder).join(file);
        if usual.exists() {
            return Ok(usual);
        }
        let refused = |e| Error::io("cannot read", &self.folder, e);
        let mut all = Vec::new();
        for entry in self.folder.read_dir().map_err(refused)? {
            let path = entry.map_err(refused)?.path();
            let other = path.file_name().unwrap_or_default().to_string_lossy();
            let before = other.strip_suffix(name);
            if before.is_some_and(|b| b.is_empty() || b.ends_with('_')) {
                let inside = path.join(file);
                all.push(match path.is_dir() && !file.is_empty() {
                    true => inside,
                    false => path,
                });
            }
        }
        all.retain(|p| p.exists());
        all.sort();
        let at = self.folder.display().to_string();
        let expected = format!("{folder}/{file} or {name}");
        let none = || Error::invalid("sequence", at, expected, "none");
        all.into_iter().next().ok_or_else(none)
    }
}

/// Columns of events, and what is added to their times.
struct Columns {
    columns: [Dataset; 4],
    offset: i64,
}

impl Rows for Columns {
    fn rows(&self) -> usize {
        self.columns[0].rows()
    }

    fn read(&mut self, start: usize, count: usize, out: &mut Vec<[i64; 4]>) -> Result<()> {
        let mut all = [const { Vec::new() }; 4];
        for (column, values) in self.columns.iter_mut().zip(&mut all) {
            column.wholes(start, count, values)?;
        }
        let [t, x, y, p] = all;
        let rows = t.iter().zip(&x).zip(&y).zip(&p);
        out.extend(rows.map(|(((t, x), y), p)| [t.saturating_add(self.offset), *x, *y, *p]));
        Ok(())
    }
}

/// Disparity in pixels from a PNG of 16 bits: value / 256, and not known where that is 0.
///
/// # Errors
/// A file that is no PNG of one channel of 16 bits, or is damaged.
pub fn read_disparity(path: &Path) -> Result<Map> {
    let (width, height, values) = png16(path, png::ColorType::Grayscale)?;
    Ok(Map {
        width,
        height,
        known: values.iter().map(|&v| v > 0).collect(),
        values: values.iter().map(|&v| f32::from(v) / 256.0).collect(),
    })
}

/// Flow in pixels from a PNG of 16 bits and three channels: x and y, each (value - 2^15) / 128, and 1 where they are known. Where
/// they are not they are 0 here.
///
/// # Errors
/// A file that is no PNG of three channels of 16 bits, or is damaged; a third channel that is neither 0 nor 1, as when the channels
/// are the other way round.
pub fn read_flow(path: &Path) -> Result<Map> {
    let (width, height, all) = png16(path, png::ColorType::Rgb)?;
    let (mut values, mut known) = (Vec::new(), Vec::new());
    for &[x, y, valid] in all.as_chunks::<3>().0 {
        if valid > 1 {
            let at = path.display().to_string();
            return Err(Error::invalid("third channel of flow", at, "0 or 1", valid));
        }
        let pixels = |v: u16| match valid {
            1 => (f32::from(v) - 32768.0) / 128.0,
            _ => 0.0,
        };
        values.extend([pixels(x), pixels(y)]);
        known.push(valid == 1);
    }
    Ok(Map {
        width,
        height,
        values,
        known,
    })
}

/// Columns, rows and values of a PNG of 16 bits.
fn png16(path: &Path, color: png::ColorType) -> Result<(usize, usize, Vec<u16>)> {
    let at = || path.display().to_string();
    let wrong = |got: String| Error::invalid("picture", at(), "a whole PNG file", got);
    let file = Handle::open(path).map_err(|e| Error::io("cannot open", path, e))?;
    let limits = png::Limits { bytes: LIMIT };
    let decoder = png::Decoder::new_with_limits(BufReader::new(file), limits);
    let mut reader = decoder.read_info().map_err(|e| wrong(e.to_string()))?;
    let (found, bits) = reader.output_color_type();
    if (found, bits) != (color, png::BitDepth::Sixteen) {
        let expected = format!("{color:?} of 16 bits");
        let got = format!("{found:?} of {} bits", bits as u8);
        return Err(Error::invalid("picture", at(), expected, got));
    }
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let size = reader.output_buffer_size().filter(|&n| n <= LIMIT);
    let Some(size) = size else {
        let got = format!("{width} by {height} pixels");
        return Err(Error::invalid(
            "picture",
            at(),
            format!("at most {LIMIT} bytes"),
            got,
        ));
    };
    let mut bytes = vec![0; size];
    reader
        .next_frame(&mut bytes)
        .map_err(|e| wrong(e.to_string()))?;
    let words = bytes.as_chunks::<2>().0.iter();
    Ok((
        width,
        height,
        words.map(|&b| u16::from_be_bytes(b)).collect(),
    ))
}

/// The pictures of a folder by name, each with its times.
fn truths(folder: &Path, times: Vec<(u64, u64)>) -> Result<Vec<Truth>> {
    let refused = |e| Error::io("cannot read", folder, e);
    let mut files = Vec::new();
    for entry in folder.read_dir().map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        if path.extension().is_some_and(|e| e == "png") {
            files.push(path);
        }
    }
    files.sort();
    if files.len() != times.len() {
        let expected = format!("{} pictures, one for each line of times", times.len());
        let at = folder.display().to_string();
        return Err(Error::invalid("folder", at, expected, files.len()));
    }
    let truth = |(file, (from, until))| Truth { from, until, file };
    Ok(files.into_iter().zip(times).map(truth).collect())
}

/// `N` whole numbers on each line, after commas; lines that begin with `#` and empty ones are left out.
fn numbers<const N: usize>(path: &Path) -> Result<Vec<[u64; N]>> {
    let text = String::from_utf8_lossy(&limited(path)?).into_owned();
    let mut all = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let numbers: Vec<u64> = line.split(',').flat_map(|n| n.trim().parse()).collect();
        let exact = line.split(',').count() == N;
        match <[u64; N]>::try_from(numbers) {
            Ok(numbers) if exact => all.push(numbers),
            _ => {
                let at = format!("{}, line {}", path.display(), i + 1);
                let expected = format!("{N} whole microseconds");
                let got = format!("'{}'", line.escape_debug());
                return Err(Error::invalid("times", at, expected, got));
            }
        }
    }
    Ok(all)
}

/// The bytes of a file of at most [`LIMIT`].
fn limited(path: &Path) -> Result<Vec<u8>> {
    let file = Handle::open(path).map_err(|e| Error::io("cannot open", path, e))?;
    let mut bytes = Vec::new();
    let read = file.take(LIMIT as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|e| Error::io("cannot read", path, e))?;
    if bytes.len() > LIMIT {
        let at = path.display().to_string();
        return Err(Error::invalid(
            "file",
            at,
            format!("at most {LIMIT} bytes"),
            "more",
        ));
    }
    Ok(bytes)
}

/// Boxes from a `.npy` file of records with `t`, `x`, `y`, `w`, `h`, `class_id`, `class_confidence` and `track_id`.
///
/// # Errors
/// A file that is no such array; a class beyond [`CLASSES`]; a box that is not of finite numbers.
pub fn read_tracks(path: &Path) -> Result<Vec<Track>> {
    let at = path.display().to_string();
    let bytes = limited(path)?;
    let mut rest = &bytes[..];
    let layout = npy::layout(&mut rest, &at)?;
    let wrong = |expected: String, got: String| Error::invalid("boxes", at.clone(), expected, got);
    let size = layout.kind.size();
    let &[rows] = &layout.shape[..] else {
        return Err(wrong("one dimension".into(), format!("{:?}", layout.shape)));
    };
    if size == 0 || rows.checked_mul(size) != Some(rest.len()) {
        let expected = format!("{rows} records of {size} bytes");
        return Err(wrong(expected, format!("{} bytes", rest.len())));
    }
    let field = |name: &str| {
        let field = layout.kind.field(name).cloned();
        field.ok_or_else(|| wrong(format!("records with {name}"), layout.kind.to_string()))
    };
    let names = [
        "t",
        "x",
        "y",
        "w",
        "h",
        "class_id",
        "class_confidence",
        "track_id",
    ];
    let fields = names.iter().map(|n| field(n)).collect::<Result<Vec<_>>>()?;
    let mut tracks = Vec::new();
    for (i, row) in rest.chunks_exact(size).enumerate() {
        let number = |which: usize| -> Result<(i64, f64)> {
            let field = &fields[which];
            let bytes = row.get(field.offset..).unwrap_or_default();
            let bytes = bytes.get(..field.kind.size()).unwrap_or_default();
            let value = match &field.kind {
                Kind::Integer { .. } => field.kind.whole(bytes).map(|n| (n, n as f64)),
                kind => kind.real(bytes).map(|r| (r as i64, r)),
            };
            value.filter(|(_, r)| r.is_finite()).ok_or_else(|| {
                let expected = format!("a finite number as {} of box {i}", names[which]);
                wrong(expected, field.kind.to_string())
            })
        };
        let whole = |which: usize| -> Result<u64> {
            let (n, _) = number(which)?;
            let expected = format!("{} from 0 on of box {i}", names[which]);
            u64::try_from(n).map_err(|_| wrong(expected, n.to_string()))
        };
        let class = whole(5)?;
        if class >= CLASSES.len() as u64 {
            let expected = format!("class_id from 0 to 7 of box {i}");
            return Err(wrong(expected, class.to_string()));
        }
        tracks.push(Track {
            t: whole(0)?,
            x: number(1)?.1,
            y: number(2)?.1,
            w: number(3)?.1,
            h: number(4)?.1,
            class: class as u8,
            confidence: number(6)?.1,
            id: whole(7)?,
        });
    }
    Ok(tracks)
}
