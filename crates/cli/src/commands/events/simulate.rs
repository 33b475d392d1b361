//! `cortado events simulate`.

use anyhow::{Context, Result, bail};
use cortado_data::{Dataset, default_folder};
use cortado_events::format::Format;
use cortado_events::simulate::{Options, Saccade, Simulator, saccade};
use cortado_events::{Geometry, Recording, Writer, write};
use rayon::prelude::*;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

/// Arguments of `cortado events simulate`.
#[derive(clap::Args)]
pub struct Args {
    /// What the sensor looks at: a data set of images (digits, mnist, fashion-mnist), a folder of frames as PNG in the
    /// order of their names, or one PNG
    input: PathBuf,
    /// A folder for a data set, with train/CLASS and test/CLASS; a recording otherwise
    out: PathBuf,
    /// Format to write; that of the name's ending for a recording, Event Stream for a data set
    #[arg(long, value_parser = super::format)]
    to: Option<Format>,
    /// Frames a second, of a folder
    #[arg(long, default_value_t = 30.0)]
    fps: f64,
    /// Change of the logarithm of light that makes an event
    #[arg(long)]
    contrast: Option<f64>,
    /// A noisy sensor in bad light (thresholds that differ, leak, shot noise, little bandwidth) instead of a perfect one
    #[arg(long)]
    noisy: bool,
    /// Microseconds after an event in which its pixel makes none
    #[arg(long, default_value_t = 0)]
    refractory: u64,
    /// Microseconds of each of the three saccades before a still image
    #[arg(long, default_value_t = 100_000)]
    saccade: u64,
    /// Pixels of the sensor along each side of a pixel of a still image; as many as make it 28 pixels if absent
    #[arg(long)]
    scale: Option<u16>,
    /// At most so many images of each part of a data set
    #[arg(long)]
    limit: Option<usize>,
    /// Seed of thresholds and noise
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder of the data sets [default: CORTADO_DATA, or ../shared/data]
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

/// The smallest side of a sensor before a still image.
const SIDE: u16 = 34;

impl Args {
    /// The sensor; a still image wants a higher threshold than frames do.
    fn sensor(&self, contrast: f64) -> Options {
        let contrast = self.contrast.unwrap_or(contrast);
        Options {
            c_on: contrast,
            c_off: contrast,
            refractory: self.refractory,
            seed: self.seed,
            ..if self.noisy {
                Options::noisy()
            } else {
                Options::default()
            }
        }
    }

    /// How the sensor moves before an image of that size.
    fn motion(&self, width: usize, height: usize) -> Result<Saccade> {
        let side = width.max(height).max(1);
        let scale = self.scale.unwrap_or((28 / side).max(1) as u16);
        let least = usize::from(SIDE).saturating_sub(side * usize::from(scale)) / 2;
        let usual = Saccade::default();
        Ok(Saccade {
            scale,
            margin: usual.margin.max(least as u16),
            duration: self.saccade,
            sensor: self.sensor(usual.sensor.c_on),
            ..usual
        })
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    if args.input.is_dir() {
        return frames(args);
    }
    if args.input.extension().is_some_and(|e| e == "png") {
        let image = Image::open(&args.input)?;
        return save(args, &image.still(args)?);
    }
    data_set(args)
}

/// A grey picture, 0 being black and 1 white.
struct Image {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Image {
    fn open(path: &Path) -> Result<Self> {
        let at = || format!("picture at {}", path.display());
        let mut decoder = png::Decoder::new(BufReader::new(File::open(path).with_context(at)?));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().with_context(at)?;
        let size = reader.output_buffer_size().filter(|&n| n <= 1 << 30);
        let Some(size) = size else {
            bail!("{}: expected at most 1 GiB of pixels, got more", at())
        };
        let mut bytes = vec![0; size];
        let info = reader.next_frame(&mut bytes).with_context(at)?;
        bytes.truncate(info.buffer_size());
        let grey = |rgb: &[u8]| {
            // Luma of BT.601.
            let [r, g, b] = [0, 1, 2].map(|i| f32::from(rgb[i]));
            (0.299 * r + 0.587 * g + 0.114 * b) / 255.0
        };
        let values = match info.color_type {
            png::ColorType::Grayscale => bytes.iter().map(|&v| f32::from(v) / 255.0).collect(),
            png::ColorType::GrayscaleAlpha => bytes
                .chunks_exact(2)
                .map(|p| f32::from(p[0]) / 255.0)
                .collect(),
            png::ColorType::Rgb => bytes.chunks_exact(3).map(grey).collect(),
            png::ColorType::Rgba => bytes.chunks_exact(4).map(grey).collect(),
            png::ColorType::Indexed => {
                bail!("{}: expected grey or colours, got an unknown palette", at())
            }
        };
        Ok(Self {
            width: info.width as usize,
            height: info.height as usize,
            values,
        })
    }

    /// What a sensor that moves before it records.
    fn still(&self, args: &Args) -> Result<Recording> {
        let motion = args.motion(self.width, self.height)?;
        let [w, h] = [self.width, self.height].map(|n| u16::try_from(n).unwrap_or(u16::MAX));
        Ok(saccade(&self.values, w, h, &motion)?)
    }
}

/// Writes one recording.
fn save(args: &Args, recording: &Recording) -> Result<()> {
    let format = super::format_of(&args.out, args.to)?;
    write(&args.out, format, recording)?;
    say(1, recording.events.len())
}

fn say(recordings: usize, events: usize) -> Result<()> {
    let mut out = std::io::stdout();
    Ok(writeln!(out, "{recordings} recordings, {events} events")?)
}

/// Frames in the order of their names.
fn frames(args: &Args) -> Result<()> {
    if !(args.fps > 0.0 && args.fps <= 1e6) {
        bail!(
            "fps: expected a number above 0, at most 1e6, got {}",
            args.fps
        );
    }
    let entries = std::fs::read_dir(&args.input)?;
    let mut paths = entries.map(|e| Ok(e?.path())).collect::<Result<Vec<_>>>()?;
    paths.retain(|p| p.extension().is_some_and(|e| e == "png"));
    paths.sort();
    let Some(first) = paths.first() else {
        bail!(
            "frames at {}: expected pictures that end in .png, got none",
            args.input.display()
        );
    };
    let first = Image::open(first)?;
    let [Ok(width), Ok(height)] = [first.width, first.height].map(u16::try_from) else {
        bail!(
            "frames at {}: expected at most 65535 pixels a side, got {}x{}",
            args.input.display(),
            first.width,
            first.height
        );
    };
    let sensor = Geometry::new(width, height);
    let mut simulator = Simulator::new(sensor, &args.sensor(Options::default().c_on))?;
    let format = super::format_of(&args.out, args.to)?;
    let mut writer = Writer::create(&args.out, format, Some(sensor))?;
    let mut batch = Recording {
        geometry: Some(sensor),
        ..Recording::default()
    };
    let mut events = 0;
    for (i, path) in paths.iter().enumerate() {
        let frame = Image::open(path)?;
        if (frame.width, frame.height) != (first.width, first.height) {
            bail!(
                "frame at {}: expected {sensor} as the first one, got {}x{}",
                path.display(),
                frame.width,
                frame.height
            );
        }
        let t = (i as f64 * 1e6 / args.fps).round() as u64;
        simulator.push(&frame.values, t, &mut batch.events)?;
        events += batch.events.len();
        writer.write(&batch)?;
        batch.clear();
    }
    writer.finish()?;
    say(1, events)
}

/// A data set of images: a recording for each, in folders that `cortado train` reads.
fn data_set(args: &Args) -> Result<()> {
    let name = args.input.display().to_string();
    let folder = args.data.clone().unwrap_or_else(default_folder);
    let split = cortado_data::load(&name, &folder)?;
    let format = args.to.unwrap_or(Format::Es);
    let parts = [("train", &split.train), ("test", &split.test)];
    let mut sum = (0, 0);
    for (part, set) in parts {
        let (&[.., height, width], false) = (&set.shape[..], set.all_values().is_empty()) else {
            bail!("data set '{name}': expected images, got samples of another kind");
        };
        let motion = args.motion(width, height)?;
        let count = args.limit.unwrap_or(usize::MAX).min(set.len());
        for class in 0..set.classes {
            std::fs::create_dir_all(args.out.join(part).join(class.to_string()))?;
        }
        let events: Vec<usize> = (0..count)
            .into_par_iter()
            .map(|i| {
                one(
                    set,
                    i,
                    [width, height],
                    &motion,
                    format,
                    &args.out.join(part),
                )
            })
            .collect::<Result<_>>()?;
        sum = (sum.0 + count, sum.1 + events.iter().sum::<usize>());
    }
    say(sum.0, sum.1)
}

/// Records one image of a data set and gives the number of events.
fn one(
    set: &Dataset,
    i: usize,
    [w, h]: [usize; 2],
    motion: &Saccade,
    format: Format,
    folder: &Path,
) -> Result<usize> {
    let recording = saccade(set.values(i), w as u16, h as u16, motion)?;
    let ending = format.endings()[0];
    let path = folder
        .join(set.label(i).to_string())
        .join(format!("{i:05}.{ending}"));
    write(&path, format, &recording)?;
    Ok(recording.events.len())
}
