//! What recordings of driving and flying have in common: two cameras, and events in a window of time.

use cortado_base::{Error, Result};
use cortado_events::{Event, Geometry, Recording};

/// Events that are read at once.
const BATCH: usize = 1 << 16;

/// One of two cameras.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The left one.
    Left,
    /// The right one.
    Right,
}

impl Side {
    /// Its name in files.
    ///
    /// ```
    /// assert_eq!(cortado_data::sequence::Side::Right.name(), "right");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

/// Events in a file, of ascending times.
pub(crate) trait Rows {
    /// How many there are.
    fn rows(&self) -> usize;

    /// Adds `t` in microseconds, `x`, `y`, and `p` above 0 or not, of `count` events from `start` on.
    fn read(&mut self, start: usize, count: usize, out: &mut Vec<[i64; 4]>) -> Result<()>;
}

/// The events from `from` to before `until`, found by halving, so that time and memory grow with the window only.
pub(crate) fn window(
    rows: &mut dyn Rows,
    (from, until): (u64, u64),
    sensor: Geometry,
    at: &str,
) -> Result<Recording> {
    let mut recording = Recording {
        geometry: Some(sensor),
        ..Recording::default()
    };
    let first = i64::try_from(from).unwrap_or(i64::MAX);
    let mut batch = Vec::new();
    let (mut low, mut high) = (0, rows.rows());
    while low < high {
        let middle = low + (high - low) / 2;
        batch.clear();
        rows.read(middle, 1, &mut batch)?;
        match batch.first() {
            Some(e) if e[0] < first => low = middle + 1,
            _ => high = middle,
        }
    }
    while low < rows.rows() {
        let count = BATCH.min(rows.rows() - low);
        batch.clear();
        rows.read(low, count, &mut batch)?;
        for (i, &[t, x, y, p]) in batch.iter().enumerate() {
            let Ok(t) = u64::try_from(t) else { continue };
            if t >= until {
                return Ok(recording);
            }
            let pixel = u16::try_from(x).ok().zip(u16::try_from(y).ok());
            let pixel = pixel.filter(|&(x, y)| sensor.contains(x, y));
            let Some((x, y)) = pixel else {
                let at = format!("{at}, event {}", low + i);
                let got = format!("({x}, {y})");
                return Err(Error::invalid("pixel", at, format!("one of {sensor}"), got));
            };
            if t >= from {
                let p = p > 0;
                recording.events.extend([Event { t, x, y, p }]);
            }
        }
        low += count;
    }
    Ok(recording)
}
