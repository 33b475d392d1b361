//! `cortado events info`.

use super::Source;
use anyhow::Result;
use cortado_events::{Reader, Recording};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;

/// Arguments of `cortado events info`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    /// One JSON object on the last line, and nothing else
    #[arg(long)]
    json: bool,
}

/// What a recording holds.
#[derive(Default, Serialize)]
pub struct Info {
    format: &'static str,
    title: &'static str,
    events: u64,
    on: u64,
    off: u64,
    /// Of the first and of the last event in the file, in microseconds.
    t_first: Option<u64>,
    t_last: Option<u64>,
    /// Between the earliest and the latest event, in microseconds.
    duration: u64,
    /// Events a second.
    rate: Option<f64>,
    rate_on: Option<f64>,
    rate_off: Option<f64>,
    width: Option<u16>,
    height: Option<u16>,
    /// Least and greatest column and row that occur, as stored.
    x: Option<[u16; 2]>,
    y: Option<[u16; 2]>,
    triggers: u64,
    /// How often the sensor's counter of time began again.
    wraps: u64,
    /// Events that are earlier than the one before.
    backward: u64,
    /// Events that came before the sensor had said a time, and were left out.
    untimed: u64,
    damage: u64,
    damage_kinds: BTreeMap<&'static str, u64>,
    damage_places: Vec<String>,
    assumptions: Vec<String>,
    /// `c <- 1000003 c + 31 t + 7 x + 3 y + p` over all events, in hexadecimal; rows as they are stored.
    checksum: String,
    header: Vec<(String, String)>,
    #[serde(skip)]
    sum: u64,
    #[serde(skip)]
    span: Option<(u64, u64)>,
}

impl Info {
    /// Adds a batch.
    fn add(&mut self, batch: &Recording) {
        let events = batch.events.view();
        self.events += events.len() as u64;
        self.on += events.p.iter().filter(|&&p| p).count() as u64;
        self.t_first = self.t_first.or(events.t.first().copied());
        let joint = self
            .t_last
            .zip(events.t.first())
            .map_or(0, |(last, first)| u64::from(*first < last));
        self.backward += joint + events.t.windows(2).filter(|w| w[1] < w[0]).count() as u64;
        self.t_last = events.t.last().copied().or(self.t_last);
        if let Some((first, last)) = events.span() {
            let (a, b) = self.span.unwrap_or((first, last));
            self.span = Some((a.min(first), b.max(last)));
        }
        let widen = |range: &mut Option<[u16; 2]>, values: &[u16]| {
            for &v in values {
                let [a, b] = range.unwrap_or([v, v]);
                *range = Some([a.min(v), b.max(v)]);
            }
        };
        widen(&mut self.x, events.x);
        widen(&mut self.y, events.y);
        self.triggers += batch.triggers.len() as u64;
        self.sum = events.checksum(self.sum);
    }

    fn finish(&mut self, reader: &Reader) {
        let report = reader.report();
        (self.format, self.title) = (reader.format().name(), reader.format().title());
        self.off = self.events - self.on;
        self.duration = self.span.map_or(0, |(a, b)| b - a);
        let seconds = self.duration as f64 * 1e-6;
        let rate = |n: u64| (seconds > 0.0).then(|| n as f64 / seconds);
        (self.rate, self.rate_on, self.rate_off) =
            (rate(self.events), rate(self.on), rate(self.off));
        (self.wraps, self.untimed) = (report.wraps, report.untimed);
        self.damage = report.damaged();
        self.damage_kinds = report.kinds().clone();
        self.damage_places = report.places().to_vec();
        self.assumptions = report.assumptions().to_vec();
        self.header.clone_from(&report.header);
        self.checksum = format!("{:016x}", self.sum);
    }
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "format       {} ({})", self.title, self.format)?;
        match (self.width, self.height) {
            (Some(w), Some(h)) => writeln!(f, "sensor       {w}x{h}")?,
            _ => writeln!(f, "sensor       not said")?,
        }
        let rate = |rate: Option<f64>| rate.map_or(String::new(), |r| format!(", {r:.0} a second"));
        writeln!(f, "events       {}{}", self.events, rate(self.rate))?;
        writeln!(f, "  brighter   {}{}", self.on, rate(self.rate_on))?;
        writeln!(f, "  darker     {}{}", self.off, rate(self.rate_off))?;
        if let (Some(first), Some(last)) = (self.t_first, self.t_last) {
            writeln!(
                f,
                "time         {first} to {last} us, {:.6} s",
                self.duration as f64 * 1e-6
            )?;
        }
        if let (Some([a, b]), Some([c, d])) = (self.x, self.y) {
            writeln!(f, "pixels       x {a} to {b}, y {c} to {d}")?;
        }
        writeln!(f, "triggers     {}", self.triggers)?;
        let notes = [
            (self.wraps, "times the counter of time began again"),
            (self.backward, "events that are earlier than the one before"),
            (self.untimed, "events before the first time, left out"),
        ];
        for (count, what) in notes.iter().filter(|(count, _)| *count > 0) {
            writeln!(f, "note         {count} {what}")?;
        }
        writeln!(f, "damage       {}", self.damage)?;
        for (what, count) in &self.damage_kinds {
            writeln!(f, "  {count} of {what}")?;
        }
        for place in &self.damage_places {
            writeln!(f, "  {place}")?;
        }
        for what in &self.assumptions {
            writeln!(f, "assumed      {what}")?;
        }
        write!(f, "checksum     {}", self.checksum)
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let mut options = args.source.how.options();
    options.raw_rows = true;
    let mut reader = args.source.open_with(&options)?;
    let mut info = Info::default();
    args.source.for_each(&mut reader, |batch| {
        info.add(batch);
        if let Some(sensor) = batch.geometry {
            (info.width, info.height) = (Some(sensor.width), Some(sensor.height));
        }
        Ok(true)
    })?;
    info.finish(&reader);
    let mut out = std::io::stdout();
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&info)?)?;
    } else {
        writeln!(out, "{info}")?;
    }
    Ok(())
}
