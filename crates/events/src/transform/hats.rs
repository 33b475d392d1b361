//! Histograms of averaged time surfaces.
//!
//! The surface of an event sums, at each offset, what is left of the events of a pixel in a window of time. A running sum
//! for each pixel and polarity gives that in a step: it fades with time, takes in events that are past, and gives back
//! those that left the window.

use cortado_base::{Error, Result};

use super::surface::{Decay, Fade};
use super::{Frames, area, pixel};
use crate::event::{Geometry, View};
use crate::slice::in_order;

pub(super) struct Options {
    /// Side of the surface.
    pub surface: u16,
    /// Side of a cell.
    pub cell: u16,
    /// Memory in microseconds.
    pub window: u64,
    pub fade: Fade,
}

/// The events of each pixel and polarity, one after the other.
struct Times {
    /// Where those of each begin; one more at the end.
    start: Vec<usize>,
    t: Vec<u64>,
}

impl Times {
    fn new(view: View<'_>, n: usize, place: impl Fn(usize) -> usize) -> Self {
        let mut start = vec![0; n + 1];
        (0..view.len()).for_each(|i| start[place(i) + 1] += 1);
        (0..n).for_each(|i| start[i + 1] += start[i]);
        let mut next = start.clone();
        let mut t = vec![0; view.len()];
        for i in 0..view.len() {
            let slot = &mut next[place(i)];
            t[*slot] = view.t[i];
            *slot += 1;
        }
        Self { start, t }
    }
}

/// The sum of what is left of the events `from..to` of a pixel.
#[derive(Clone, Copy, Default)]
struct Memory {
    from: usize,
    to: usize,
    at: u64,
    /// With exponential decay, the sum at `at`; with linear decay, the sum of times.
    faded: f64,
    times: u128,
}

impl Memory {
    /// The sum over events of `[now - window, now)` of what is left of them at `now`, which never goes back.
    fn read(&mut self, t: &[u64], now: u64, options: &Options) -> f64 {
        let Options { window, fade, .. } = *options;
        let window = match fade.decay {
            Decay::Exponential => window,
            Decay::Linear => window.min((3.0 * fade.tau) as u64),
        };
        if self.from < self.to {
            self.faded *= fade.after(now - self.at);
        }
        self.at = now;
        while let Some(&u) = t.get(self.to).filter(|u| **u < now) {
            self.to += 1;
            if now - u > window {
                // Nor are those before it in the window.
                (self.from, self.faded, self.times) = (self.to, 0.0, 0);
                continue;
            }
            self.faded += fade.after(now - u);
            self.times += u128::from(u);
        }
        while self.from < self.to && now - t[self.from] > window {
            self.faded -= fade.after(now - t[self.from]);
            self.times -= u128::from(t[self.from]);
            self.from += 1;
        }
        let n = self.to - self.from;
        if n == 0 {
            self.faded = 0.0;
            return 0.0;
        }
        match fade.decay {
            Decay::Exponential => self.faded,
            Decay::Linear => {
                let ages = n as u128 * u128::from(now) - self.times;
                n as f64 - ages as f64 / (3.0 * fade.tau)
            }
        }
    }
}

pub(super) fn histograms(
    view: View<'_>,
    geometry: Geometry,
    options: &Options,
) -> Result<Frames<f32>> {
    in_order(view)?;
    if options.surface.is_multiple_of(2) {
        return Err(Error::invalid(
            "surface_size",
            "to_averaged_timesurface",
            "an odd number",
            options.surface,
        ));
    }
    if options.cell == 0 {
        return Err(Error::invalid(
            "cell_size",
            "to_averaged_timesurface",
            "at least 1",
            0,
        ));
    }
    let side = usize::from(options.surface);
    let half = i32::from(options.surface / 2);
    let [columns, rows] =
        [geometry.width, geometry.height].map(|n| usize::from(n.div_ceil(options.cell)));
    let mut sums = Frames::<f64>::zeros([columns * rows, 2, side, side])?;
    let mut counts = vec![0u64; columns * rows * 2];
    let size = area(geometry);
    let place = |p: bool, x: u16, y: u16| usize::from(p) * size + pixel(geometry, x, y);
    let times = Times::new(view, 2 * size, |i| place(view.p[i], view.x[i], view.y[i]));
    let mut memory = vec![Memory::default(); 2 * size];
    for e in view.iter() {
        let [left, top] = [e.x, e.y].map(|x| x / options.cell * options.cell);
        let cell = usize::from(e.y / options.cell) * columns + usize::from(e.x / options.cell);
        let histogram = 2 * cell + usize::from(e.p);
        counts[histogram] += 1;
        // The part of the square that is in the cell and on the sensor.
        let range = |x: u16, low: u16, size: u16| {
            let high = low.saturating_add(options.cell).min(size);
            (i32::from(x) - half).max(low.into())..=(i32::from(x) + half).min(i32::from(high) - 1)
        };
        for y in range(e.y, top, geometry.height) {
            for x in range(e.x, left, geometry.width) {
                let q = place(e.p, x as u16, y as u16);
                let t = &times.t[times.start[q]..times.start[q + 1]];
                let value = memory[q].read(t, e.t, options);
                let [dx, dy] =
                    [x - i32::from(e.x) + half, y - i32::from(e.y) + half].map(|d| d as usize);
                sums.data[(histogram * side + dy) * side + dx] += value;
            }
        }
    }
    for (surface, n) in sums.data.chunks_exact_mut((side * side).max(1)).zip(counts) {
        surface.iter_mut().for_each(|v| *v /= n.max(1) as f64);
    }
    Ok(sums.map(|v| v as f32))
}
