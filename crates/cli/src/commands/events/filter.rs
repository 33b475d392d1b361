//! `cortado events filter`.

use super::{Settled, Source, Target, time};
use anyhow::{Context, Result, bail};
use cortado_events::transform::filter::{
    Background, Filter, Flicker, HotPixels, Neighbours, Refractory,
};
use cortado_events::transform::{Key, Output, Pipeline};
use cortado_events::{Events, Geometry, Recording};
use std::path::{Path, PathBuf};

/// Arguments of `cortado events filter`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    target: Target,
    /// Drop events of pixels with more than so many a second over the whole recording
    #[arg(long, value_name = "HERTZ")]
    hot: Option<f64>,
    /// Drop events of pixels whose number of events is so many standard deviations above the mean
    #[arg(long, value_name = "NUMBER")]
    hot_deviations: Option<f64>,
    /// Drop background activity: events without one of a neighbour in the time before
    #[arg(long, value_name = "TIME", value_parser = time)]
    background: Option<u64>,
    /// So many of the eight neighbours are needed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    support: u8,
    /// Drop events of pixels that flicker at a frequency of this band
    #[arg(long, value_name = "LOW-HIGH", value_parser = band)]
    flicker: Option<[f64; 2]>,
    /// Drop events that come within this time after one of the same pixel
    #[arg(long, value_name = "TIME", value_parser = time)]
    refractory: Option<u64>,
    /// Transforms as a JSON file, an array of objects with `type`, done last; the whole recording is in memory then
    #[arg(long, value_name = "FILE")]
    transforms: Option<PathBuf>,
    /// Seed of random transforms
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Frequencies as `40-60`.
fn band(text: &str) -> Result<[f64; 2], String> {
    let pair = text
        .split_once('-')
        .and_then(|(a, b)| Some([a.parse().ok()?, b.parse().ok()?]));
    pair.ok_or_else(|| "expected two frequencies in hertz, as 95-105".into())
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let sensor = sensor(args)?;
    let mut filters: Vec<Box<dyn Filter>> = Vec::new();
    if args.hot.is_some() || args.hot_deviations.is_some() {
        filters.push(Box::new(hot(args, sensor)?));
    }
    if let Some(band) = args.flicker {
        filters.push(Box::new(Flicker::new(sensor, band, 3)?));
    }
    if let Some(time) = args.background {
        filters.push(Box::new(Background::new(
            sensor,
            time,
            Neighbours::Eight,
            args.support,
        )?));
    }
    if let Some(time) = args.refractory {
        filters.push(Box::new(Refractory::new(sensor, time, false)?));
    }
    let pipeline = args.transforms.as_deref().map(pipeline).transpose()?;
    if filters.is_empty() && pipeline.is_none() {
        bail!(
            "filter: expected one of --hot, --hot-deviations, --flicker, --background, --refractory, --transforms, got none"
        );
    }
    let mut kept = Events::new();
    let mut through = |batch: &mut Recording| {
        for filter in &mut filters {
            kept.clear();
            filter.filter(batch.events.view(), &mut kept);
            std::mem::swap(&mut kept, &mut batch.events);
        }
    };
    let Some(pipeline) = pipeline else {
        return super::copy(&args.source, &args.target, |batch| {
            through(batch);
            Ok(true)
        });
    };
    let mut all = Recording::default();
    args.source.for_each(&mut args.source.open()?, |batch| {
        through(batch);
        all.events.append(batch.events.view());
        all.triggers.extend_from_slice(&batch.triggers);
        Ok(true)
    })?;
    all.geometry = Some(sensor);
    let key = Key {
        seed: args.seed,
        ..Key::default()
    };
    let Output::Events(mut all) = pipeline.run(all, key)? else {
        bail!("transforms: expected ones that give events, got one that gives an array");
    };
    let mut settled = Settled::default();
    args.target.settle(&mut all, &mut settled);
    let mut writer = args.target.create(all.geometry)?;
    writer.write(&all)?;
    writer.finish()?;
    settled.say(args.target.format()?)
}

fn pipeline(path: &Path) -> Result<Pipeline> {
    let at = || format!("transforms at {}", path.display());
    let text = std::fs::read_to_string(path).with_context(at)?;
    serde_json::from_str(&text).with_context(at)
}

/// The sensor, from the first batch that says it.
fn sensor(args: &Args) -> Result<Geometry> {
    let mut sensor = args.source.how.geometry;
    if sensor.is_none() && args.source.file != Path::new("-") {
        args.source.for_each(&mut args.source.open()?, |batch| {
            sensor = batch.geometry;
            Ok(sensor.is_none() && batch.events.is_empty())
        })?;
    }
    sensor.context(
        "sensor: expected --geometry, since the recording does not say it or is a stream, got none",
    )
}

/// The pixels to leave out, which takes a look at the whole recording.
fn hot(args: &Args, sensor: Geometry) -> Result<impl Filter + use<>> {
    if args.source.file == Path::new("-") {
        bail!("hot pixels: expected a file, which can be read twice, got the standard input");
    }
    let mut pixels = HotPixels::new(sensor)?;
    args.source.for_each(&mut args.source.open()?, |batch| {
        pixels.learn(batch.events.view());
        Ok(true)
    })?;
    Ok(pixels.mask(args.hot, args.hot_deviations)?)
}
