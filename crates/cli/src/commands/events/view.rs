//! `cortado events view`.

use super::{Source, time};
use anyhow::{Context, Result, bail};
use cortado_base::write_atomic;
use cortado_events::{Event, Geometry, Recording};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Arguments of `cortado events view`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// Picture to write: an animation if its name ends in .gif, a sheet of frames if in .png; without one, the terminal
    out: Option<PathBuf>,
    /// Time that a frame collects; as long as gives --frames if absent
    #[arg(long, value_name = "TIME", value_parser = time)]
    window: Option<u64>,
    /// Number of frames, where no window is given
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=1000))]
    frames: u64,
    /// Time in which a time surface fades to 1/e; a window if absent
    #[arg(long, value_name = "TIME", value_parser = time)]
    tau: Option<u64>,
    /// Draw time surfaces in the animation and in the terminal, instead of the events of each window
    #[arg(long)]
    surface: bool,
    /// Pixels of the picture for one of the sensor; as many as make it 400 wide if absent
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    scale: Option<u32>,
    /// In the terminal and the animation, so many times as fast as it was
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
}

/// Levels of each polarity in a picture.
const LEVELS: usize = 32;
/// Nothing, brighter and darker: the first two colours of the charts, as numbers.
const INK: [[u8; 3]; 3] = [[250, 250, 250], [0, 114, 178], [213, 94, 0]];
/// A picture has at most so many pixels.
const MOST: u64 = 100_000_000;
/// A sheet has at most so many frames, besides the time surface.
const SHEET: u64 = 12;
/// And an animation so many.
const MOST_FRAMES: u64 = 10_000;
/// Pixels between the frames of a sheet.
const GAP: usize = 6;

/// What is seen at each pixel: 0 nothing, then [`LEVELS`] of brighter and of darker, the strongest last.
type Levels = Vec<u8>;

/// What a recording spans.
struct Extent {
    sensor: Geometry,
    first: u64,
    last: u64,
}

/// Gathers events into pictures.
struct Canvas {
    sensor: Geometry,
    /// More brighter than darker ones in this window.
    balance: Vec<i32>,
    /// The last event of each pixel, if there was one: its time and whether it became brighter.
    last: Vec<Option<(u64, bool)>>,
}

impl Canvas {
    fn new(sensor: Geometry) -> Self {
        let pixels = usize::from(sensor.width) * usize::from(sensor.height);
        Self {
            sensor,
            balance: vec![0; pixels],
            last: vec![None; pixels],
        }
    }

    fn add(&mut self, e: Event) {
        if self.sensor.contains(e.x, e.y) {
            let i = usize::from(e.y) * usize::from(self.sensor.width) + usize::from(e.x);
            self.balance[i] += if e.p { 1 } else { -1 };
            self.last[i] = Some((e.t, e.p));
        }
    }

    /// The events of the window, which ends: one is half as strong as three or more.
    fn frame(&mut self) -> Levels {
        let level = |b: &mut i32| {
            let strength = b.unsigned_abs().min(3) as usize * LEVELS / 6 + LEVELS / 2;
            let level = match b.signum() {
                0 => 0,
                1 => strength.min(LEVELS),
                _ => LEVELS + strength.min(LEVELS),
            };
            *b = 0;
            level as u8
        };
        self.balance.iter_mut().map(level).collect()
    }

    /// The time surface at a time: `exp((t_last - t) / tau)` at each pixel.
    fn surface(&self, t: u64, tau: u64) -> Levels {
        let level = |last: &Option<(u64, bool)>| {
            let Some((then, p)) = *last else { return 0 };
            let decay = (-(t.saturating_sub(then) as f64) / tau.max(1) as f64).exp();
            let level = (decay * LEVELS as f64).round() as usize;
            if level == 0 {
                0
            } else {
                (level + if p { 0 } else { LEVELS }) as u8
            }
        };
        self.last.iter().map(level).collect()
    }
}

/// The colour of a level.
fn colour(level: u8) -> [u8; 3] {
    let level = usize::from(level);
    let (ink, strength) = match level {
        0 => return INK[0],
        1..=LEVELS => (INK[1], level),
        _ => (INK[2], level - LEVELS),
    };
    let mix = |i: usize| {
        let (from, to) = (f64::from(INK[0][i]), f64::from(ink[i]));
        (from + (to - from) * strength as f64 / LEVELS as f64).round() as u8
    };
    [mix(0), mix(1), mix(2)]
}

/// The colours of all levels.
fn palette() -> Vec<u8> {
    (0..=2 * LEVELS)
        .flat_map(|level| colour(level as u8))
        .collect()
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let kind = args
        .out
        .as_deref()
        .map(|p| p.extension().and_then(|e| e.to_str()).unwrap_or_default());
    if !matches!(kind, None | Some("gif" | "png")) {
        bail!(
            "picture: expected a name that ends in .gif or .png, got '{}'",
            kind.unwrap_or_default()
        );
    }
    if !(args.speed > 0.0 && args.speed.is_finite()) {
        bail!("speed: expected a number above 0, got {}", args.speed);
    }
    // A file is read twice, a stream is kept.
    let kept = match args.source.file == Path::new("-") {
        true => {
            let mut all = Recording::default();
            let mut reader = args.source.open()?;
            while reader.next(&mut all).map_err(super::unreadable)? {}
            Some(all)
        }
        false => None,
    };
    let each = |see: &mut dyn FnMut(&Recording) -> Result<bool>| -> Result<()> {
        match &kept {
            Some(all) => see(all).map(|_| ()),
            None => args
                .source
                .for_each(&mut args.source.open()?, |batch| see(batch)),
        }
    };
    let mut extent: Option<Extent> = None;
    each(&mut |batch| {
        measure(&mut extent, batch);
        Ok(true)
    })?;
    let Some(Extent {
        sensor,
        first,
        last,
    }) = extent
    else {
        bail!(
            "recording at {}: expected events, got none",
            args.source.file.display()
        );
    };
    let sheet = kind == Some("png");
    let frames = if sheet {
        args.frames.min(SHEET)
    } else {
        args.frames
    };
    let window = args
        .window
        .unwrap_or(((last - first) / frames + 1).max(1))
        .max(1);
    let frames = match args.window {
        Some(_) => ((last - first) / window + 1).min(MOST_FRAMES),
        None => frames,
    };
    let windows = (last - first) / window + 1;
    let shown = if sheet { frames.min(SHEET) } else { frames };
    if shown < windows {
        eprintln!("the first {shown} of {windows} windows");
    }
    let tau = args.tau.unwrap_or(window);
    let mut show: Box<dyn Show> = match (&args.out, sheet) {
        (Some(path), true) => Box::new(Sheet::new(
            path,
            sensor,
            args.scale,
            frames.min(SHEET) as usize,
        )?),
        (Some(path), false) => {
            let delay = window as f64 / args.speed / 10_000.0;
            Box::new(Gif::new(path, sensor, args.scale, delay)?)
        }
        (None, _) => Box::new(Terminal::new(
            sensor,
            Duration::from_secs_f64(window as f64 * 1e-6 / args.speed),
        )),
    };
    let mut canvas = Canvas::new(sensor);
    let mut done = 0;
    let mut end = first.saturating_add(window);
    let mut finish = |canvas: &mut Canvas, end: u64| -> Result<bool> {
        let flat = canvas.frame();
        let picture = if args.surface {
            canvas.surface(end, tau)
        } else {
            flat
        };
        show.frame(picture, end - first)?;
        done += 1;
        Ok(done < frames)
    };
    let mut going = true;
    each(&mut |batch| {
        for event in batch.events.iter() {
            while event.t >= end && going {
                going = finish(&mut canvas, end)?;
                end = end.saturating_add(window);
            }
            if !going {
                return Ok(false);
            }
            canvas.add(event);
        }
        Ok(true)
    })?;
    if going {
        finish(&mut canvas, end)?;
    }
    show.end(canvas.surface(end.min(last + 1), tau))
}

/// Widens what is spanned by a batch.
fn measure(extent: &mut Option<Extent>, batch: &Recording) {
    let events = batch.events.view();
    let (Some((a, b)), Some(&x), Some(&y)) =
        (events.span(), events.x.iter().max(), events.y.iter().max())
    else {
        return;
    };
    let seen = Geometry::new(x.saturating_add(1), y.saturating_add(1));
    let now = extent.get_or_insert(Extent {
        sensor: seen,
        first: a,
        last: b,
    });
    let sensor = batch.geometry.unwrap_or(Geometry::new(
        now.sensor.width.max(seen.width),
        now.sensor.height.max(seen.height),
    ));
    *now = Extent {
        sensor,
        first: now.first.min(a),
        last: now.last.max(b),
    };
}

/// Where pictures go.
trait Show {
    /// The next one, and the time at which it ends, from the start.
    fn frame(&mut self, picture: Levels, t: u64) -> Result<()>;
    /// After the last one, with the time surface there.
    fn end(&mut self, surface: Levels) -> Result<()>;
}

fn scale_of(scale: Option<u32>, sensor: Geometry, frames: usize) -> Result<usize> {
    let scale = scale.unwrap_or((400 / u32::from(sensor.width)).max(1)) as usize;
    let pixels =
        u64::from(sensor.width) * u64::from(sensor.height) * (scale * scale * frames) as u64;
    let side = usize::from(sensor.width.max(sensor.height)) * scale;
    if pixels > MOST || side > usize::from(u16::MAX) {
        bail!(
            "scale: expected a picture of at most {MOST} pixels, got {scale} for a sensor of {sensor}"
        );
    }
    Ok(scale)
}

/// An animation.
struct Gif {
    path: PathBuf,
    encoder: Option<gif::Encoder<Vec<u8>>>,
    sensor: Geometry,
    scale: usize,
    /// Hundredths of a second for a frame.
    delay: u16,
}

impl Gif {
    fn new(path: &Path, sensor: Geometry, scale: Option<u32>, delay: f64) -> Result<Self> {
        let scale = scale_of(scale, sensor, 1)?;
        let [w, h] = [sensor.width, sensor.height].map(|n| (usize::from(n) * scale) as u16);
        let mut encoder = gif::Encoder::new(Vec::new(), w, h, &palette())?;
        encoder.set_repeat(gif::Repeat::Infinite)?;
        Ok(Self {
            path: path.into(),
            encoder: Some(encoder),
            sensor,
            scale,
            // Viewers slow down what is shorter.
            delay: delay.round().clamp(2.0, 1000.0) as u16,
        })
    }
}

impl Show for Gif {
    fn frame(&mut self, picture: Levels, _t: u64) -> Result<()> {
        let (w, s) = (usize::from(self.sensor.width), self.scale);
        let row = |row: &[u8]| {
            row.iter()
                .flat_map(|&l| std::iter::repeat_n(l, s))
                .collect::<Vec<u8>>()
        };
        let pixels: Vec<u8> = picture.chunks(w).flat_map(|r| row(r).repeat(s)).collect();
        let [w, h] = [self.sensor.width, self.sensor.height].map(|n| (usize::from(n) * s) as u16);
        let mut frame = gif::Frame::from_indexed_pixels(w, h, pixels, None);
        frame.delay = self.delay;
        if let Some(encoder) = &mut self.encoder {
            encoder.write_frame(&frame)?;
        }
        Ok(())
    }

    fn end(&mut self, _surface: Levels) -> Result<()> {
        if let Some(encoder) = self.encoder.take() {
            write_atomic(&self.path, &encoder.into_inner()?)?;
        }
        Ok(())
    }
}

/// Frames in rows of four, and below them the time surface of the whole at its end.
struct Sheet {
    path: PathBuf,
    sensor: Geometry,
    scale: usize,
    frames: Vec<Levels>,
    most: usize,
}

impl Sheet {
    fn new(path: &Path, sensor: Geometry, scale: Option<u32>, most: usize) -> Result<Self> {
        let fit = (1200 / 4 / u32::from(sensor.width)).max(1);
        Ok(Self {
            path: path.into(),
            sensor,
            scale: scale_of(scale.or(Some(fit)), sensor, most + 1)?,
            frames: Vec::new(),
            most,
        })
    }
}

impl Show for Sheet {
    fn frame(&mut self, picture: Levels, _t: u64) -> Result<()> {
        if self.frames.len() < self.most {
            self.frames.push(picture);
        }
        Ok(())
    }

    fn end(&mut self, surface: Levels) -> Result<()> {
        self.frames.push(surface);
        let columns = self.frames.len().min(4);
        let rows = self.frames.len().div_ceil(columns);
        let [w, h] = [self.sensor.width, self.sensor.height].map(|n| usize::from(n) * self.scale);
        let (width, height) = (columns * (w + GAP) + GAP, rows * (h + GAP) + GAP);
        let mut pixels = vec![[128u8; 3]; width * height];
        for (i, frame) in self.frames.iter().enumerate() {
            let (x0, y0) = (GAP + i % columns * (w + GAP), GAP + i / columns * (h + GAP));
            for y in 0..h {
                let row = &frame[y / self.scale * usize::from(self.sensor.width)..];
                for x in 0..w {
                    pixels[(y0 + y) * width + x0 + x] = colour(row[x / self.scale]);
                }
            }
        }
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().context("cannot write the picture")?;
        writer
            .write_image_data(pixels.as_flattened())
            .context("cannot write the picture")?;
        writer.finish().context("cannot write the picture")?;
        Ok(write_atomic(&self.path, &bytes)?)
    }
}

/// The terminal, each cell two pixels above each other.
struct Terminal {
    sensor: Geometry,
    /// Pixels of the sensor, along each side, that one in the terminal stands for.
    step: usize,
    frame: Duration,
    start: Instant,
    shown: u32,
}

impl Terminal {
    fn new(sensor: Geometry, frame: Duration) -> Self {
        let number = |name: &str| std::env::var(name).ok()?.parse::<usize>().ok();
        let (columns, lines) = (
            number("COLUMNS").unwrap_or(80).max(8),
            number("LINES").unwrap_or(24).max(4),
        );
        let (w, h) = (usize::from(sensor.width), usize::from(sensor.height));
        Self {
            sensor,
            step: w.div_ceil(columns).max(h.div_ceil(2 * (lines - 2))).max(1),
            frame,
            start: Instant::now(),
            shown: 0,
        }
    }
}

impl Show for Terminal {
    fn frame(&mut self, picture: Levels, t: u64) -> Result<()> {
        let (w, h, s) = (
            usize::from(self.sensor.width),
            usize::from(self.sensor.height),
            self.step,
        );
        // The strongest of the pixels that a place stands for.
        let place = |column: usize, row: usize| {
            let rows = (row * s).min(h)..((row + 1) * s).min(h);
            let all =
                rows.flat_map(|y| (column * s..((column + 1) * s).min(w)).map(move |x| y * w + x));
            let strength = |level: u8| {
                if usize::from(level) > LEVELS {
                    level - LEVELS as u8
                } else {
                    level
                }
            };
            all.map(|i| picture[i])
                .max_by_key(|&level| strength(level))
                .unwrap_or(0)
        };
        let mut text = String::new();
        if self.shown > 0 {
            let _ = write!(text, "\x1b[{}A", h.div_ceil(2 * s) + 1);
        }
        for row in 0..h.div_ceil(2 * s) {
            for column in 0..w.div_ceil(s) {
                let [a, b] = [place(column, 2 * row), place(column, 2 * row + 1)].map(colour);
                let _ = write!(
                    text,
                    "\x1b[38;2;{};{};{}m\x1b[48;2;{};{};{}m▀",
                    a[0], a[1], a[2], b[0], b[1], b[2]
                );
            }
            text += "\x1b[0m\n";
        }
        let _ = writeln!(text, "{:.3} s", t as f64 * 1e-6);
        self.shown += 1;
        let mut out = std::io::stdout();
        out.write_all(text.as_bytes())?;
        out.flush()?;
        if out.is_terminal() {
            let due = self.frame * self.shown;
            std::thread::sleep(due.saturating_sub(self.start.elapsed()));
        }
        Ok(())
    }

    fn end(&mut self, _surface: Levels) -> Result<()> {
        Ok(())
    }
}
