//! Fewer pixels, another pace.

use cortado_base::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{POSITIVE, area, inside, pixel, sensor, whole};
use crate::event::{Event, Events, Geometry, Recording, View};
use crate::slice::in_order;

/// How a large pixel makes events from those of the pixels it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Method {
    /// It adds up polarities, +1 and -1; at `threshold` of either sign it fires with that sign, at the time of the event
    /// that made it fire, and begins again at 0.
    IntegrateAndFire {
        /// From 1, which lets every event pass.
        threshold: u32,
        /// Begins again at 0 in each window of that many microseconds from the first event; never if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<u64>,
    },
    /// It adds up polarities in each window, and fires at the end of a window in which the sum is larger, or smaller, by
    /// at least `threshold` than in the window before.
    Differencing {
        /// Microseconds.
        window: u64,
        /// From 1.
        threshold: u32,
    },
}

/// Where a pixel of `from` lies on `to`.
#[inline]
fn place(x: u16, from: u16, to: u16) -> u16 {
    (u32::from(x) * u32::from(to) / u32::from(from).max(1)) as u16
}

/// The size that was asked for, which must not be larger than the sensor nor empty.
fn smaller(from: Geometry, to: Geometry) -> Result<Geometry> {
    let fits = |to: u16, from: u16| (1..=from).contains(&to);
    if fits(to.width, from.width) && fits(to.height, from.height) {
        return Ok(to);
    }
    Err(Error::invalid(
        "size",
        "downsampling",
        format!("1x1 to {from}, the sensor"),
        to,
    ))
}

pub(super) fn scale(
    r: &mut Recording,
    pace: f64,
    size: [Option<u16>; 2],
    unique: bool,
) -> Result<()> {
    inside("time_factor", pace, POSITIVE)?;
    if pace != 1.0 {
        let times = r
            .events
            .slots()
            .t
            .iter_mut()
            .chain(r.triggers.iter_mut().map(|t| &mut t.t));
        times.for_each(|t| *t = (*t as f64 * pace).round() as u64);
    }
    if size != [None, None] {
        let from = whole(r)?;
        let to = Geometry::new(
            size[0].unwrap_or(from.width),
            size[1].unwrap_or(from.height),
        );
        let to = smaller(from, to)?;
        let slots = r.events.slots();
        slots
            .x
            .iter_mut()
            .for_each(|x| *x = place(*x, from.width, to.width));
        slots
            .y
            .iter_mut()
            .for_each(|y| *y = place(*y, from.height, to.height));
        r.geometry = Some(to);
    }
    if unique {
        let geometry = whole(r)?;
        // When each pixel last fired, plus 1; 0 is never.
        let mut last = vec![[0u64; 2]; area(geometry)];
        r.events.retain(|e| {
            let last = &mut last[pixel(geometry, e.x, e.y)][usize::from(e.p)];
            std::mem::replace(last, e.t.saturating_add(1)) != e.t.saturating_add(1)
        });
    }
    Ok(())
}

pub(super) fn events(r: &mut Recording, to: Geometry, method: &Method) -> Result<()> {
    let from = sensor(r)?;
    super::within(r.events.view(), from)?;
    let to = smaller(from, to)?;
    let (threshold, window) = match *method {
        Method::IntegrateAndFire { threshold, window } => (threshold, window.unwrap_or(u64::MAX)),
        Method::Differencing { threshold, window } => (threshold, window),
    };
    if threshold == 0 || window == 0 || threshold > i32::MAX as u32 {
        let got = format!("threshold {threshold}, window {window}");
        return Err(Error::invalid(
            "method",
            "event_downsampling",
            "a threshold and a window of at least 1",
            got,
        ));
    }
    let view = r.events.view();
    in_order(view)?;
    let small = view.iter().map(|e| Event {
        x: place(e.x, from.width, to.width),
        y: place(e.y, from.height, to.height),
        ..e
    });
    let small: Events = small.collect();
    r.events = match method {
        Method::IntegrateAndFire { .. } => integrate(small, to, threshold as i32, window),
        Method::Differencing { .. } => difference(small.view(), to, threshold as i32, window),
    };
    r.geometry = Some(to);
    Ok(())
}

fn sign(p: bool) -> i32 {
    if p { 1 } else { -1 }
}

fn integrate(mut events: Events, geometry: Geometry, threshold: i32, window: u64) -> Events {
    let first = events.view().t.first().copied().unwrap_or(0);
    // The sum, and the window that it is of.
    let mut sums = vec![(0i32, 0u64); area(geometry)];
    events.retain(|e| {
        let now = (e.t - first) / window;
        let (sum, of) = &mut sums[pixel(geometry, e.x, e.y)];
        if *of != now {
            (*sum, *of) = (0, now);
        }
        *sum += sign(e.p);
        let fires = sum.abs() >= threshold;
        if fires {
            *sum = 0;
        }
        fires
    });
    events
}

/// Sums of two windows, one after the other, and the pixels that are not 0 in them.
struct Windows {
    geometry: Geometry,
    sums: [Vec<i32>; 2],
    touched: [Vec<usize>; 2],
}

impl Windows {
    /// Fires at `t` where the second window differs from the first, and begins a new second one.
    fn close(&mut self, t: u64, threshold: i32, out: &mut Events) {
        let mut touched = self.touched.concat();
        touched.sort_unstable();
        touched.dedup();
        let width = usize::from(self.geometry.width);
        for i in touched {
            let change = self.sums[1][i] - self.sums[0][i];
            if change.abs() >= threshold {
                out.push(Event {
                    t,
                    x: (i % width) as u16,
                    y: (i / width) as u16,
                    p: change > 0,
                });
            }
        }
        self.touched[0].iter().for_each(|&i| self.sums[0][i] = 0);
        self.touched[0].clear();
        self.sums.swap(0, 1);
        self.touched.swap(0, 1);
    }
}

fn difference(view: View<'_>, geometry: Geometry, threshold: i32, window: u64) -> Events {
    let mut out = Events::new();
    let Some(&first) = view.t.first() else {
        return out;
    };
    let size = area(geometry);
    let mut windows = Windows {
        geometry,
        sums: [vec![0; size], vec![0; size]],
        touched: [Vec::new(), Vec::new()],
    };
    let end = |i: u64| first.saturating_add((i + 1).saturating_mul(window));
    let mut current = 0;
    for e in view.iter() {
        let now = (e.t - first) / window;
        // After two windows without events nothing is left to compare.
        for i in current..now.min(current + 2) {
            windows.close(end(i), threshold, &mut out);
        }
        current = now;
        let i = pixel(geometry, e.x, e.y);
        windows.sums[1][i] += sign(e.p);
        windows.touched[1].push(i);
    }
    windows.close(end(current), threshold, &mut out);
    out
}
