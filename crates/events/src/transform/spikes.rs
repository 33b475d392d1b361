//! Sparse spikes: microseconds become steps of a clock here.

use cortado_base::{Error, Result};

use super::frames::polarities;
use super::{area, pixel};
use crate::event::{Geometry, View};

/// Spikes in steps of a clock, in order of step and then channel; no step and channel comes twice.
///
/// Step i holds the events of `[start + i dt, start + (i + 1) dt)`. A channel is `p H W + y W + x` of a sensor of W
/// columns and H rows, p being 0 for darker and 1 for brighter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spikes {
    /// Number of steps.
    pub steps: u32,
    /// Number of channels.
    pub channels: usize,
    /// Step of each spike.
    pub step: Vec<u32>,
    /// Channel of each spike.
    pub channel: Vec<u32>,
    /// How many events it stands for; 1 if binary.
    pub count: Vec<u32>,
    /// Events that were before the first step or after the last.
    pub outside: u64,
}

pub(super) struct Options {
    pub dt: u64,
    pub steps: Option<u32>,
    pub start: Option<u64>,
    pub binary: bool,
    pub merge: bool,
}

pub(super) fn spikes(view: View<'_>, geometry: Geometry, options: &Options) -> Result<Spikes> {
    let Options {
        dt,
        steps,
        start,
        binary,
        merge,
    } = *options;
    if dt == 0 {
        return Err(Error::invalid(
            "dt",
            "to_spikes",
            "at least 1 microsecond",
            dt,
        ));
    }
    let (first, last) = view.span().unwrap_or_default();
    let start = start.unwrap_or(first);
    let size = area(geometry);
    let channels = polarities(merge) * size;
    if channels > u32::MAX as usize {
        return Err(Error::invalid(
            "geometry",
            "to_spikes",
            "fewer than 2^32 channels",
            geometry,
        ));
    }
    let needed = if view.is_empty() || last < start {
        0
    } else {
        (last - start) / dt + 1
    };
    let steps = match steps {
        Some(steps) => steps,
        None => u32::try_from(needed)
            .map_err(|_| Error::invalid("dt", "to_spikes", "fewer than 2^32 steps", needed))?,
    };
    let mut keys = Vec::with_capacity(view.len());
    for e in view.iter() {
        let step =
            e.t.checked_sub(start)
                .map(|t| t / dt)
                .filter(|step| *step < u64::from(steps));
        if let Some(step) = step {
            let polarity = usize::from(e.p && !merge);
            keys.push(step << 32 | (polarity * size + pixel(geometry, e.x, e.y)) as u64);
        }
    }
    let mut spikes = Spikes {
        steps,
        channels,
        outside: (view.len() - keys.len()) as u64,
        ..Spikes::default()
    };
    keys.sort_unstable();
    for equal in keys.chunk_by(|a, b| a == b) {
        spikes.step.push((equal[0] >> 32) as u32);
        spikes.channel.push(equal[0] as u32);
        spikes
            .count
            .push(if binary { 1 } else { equal.len() as u32 });
    }
    Ok(spikes)
}
