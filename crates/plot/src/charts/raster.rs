//! Spikes by population over time, and their rates below.

use crate::axes::{Panel, stroke};
use crate::colour::{INK, series};
use crate::error::{Error, Result};
use crate::figure::{Chart, Figure, MARGIN, heading, page};
use crate::scale::{Time, short};
use crate::svg::{Path, Svg, escape};
use serde::Serialize;
use std::collections::HashSet;

/// Spikes of one presentation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Raster {
    /// What it shows.
    pub title: String,
    /// A step in seconds.
    pub dt: f64,
    /// Number of steps.
    pub steps: usize,
    /// One panel for each, from the top.
    pub populations: Vec<Population>,
}

/// What a population fired.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Population {
    /// Its name.
    pub name: String,
    /// Number of neurons.
    pub neurons: usize,
    /// `[step, neuron]` of each spike.
    pub spikes: Vec<[u32; 2]>,
}

/// Most points of a line of rates; with more steps, several are one bin.
const BINS: usize = 120;

impl Raster {
    /// Steps of a bin of the rates, and for each population the rate of a neuron in each bin, in hertz.
    pub fn rates(&self) -> (usize, Vec<Vec<f64>>) {
        let bin = self.steps.div_ceil(BINS).max(1);
        let bins = self.steps.div_ceil(bin);
        let rate = |p: &Population| {
            let mut sums = vec![0.0; bins];
            for &[t, _] in &p.spikes {
                if let Some(s) = sums.get_mut(t as usize / bin) {
                    *s += 1.0;
                }
            }
            for (i, s) in sums.iter_mut().enumerate() {
                let long = bin.min(self.steps - i * bin) as f64;
                *s /= long * self.dt * p.neurons.max(1) as f64;
            }
            sums
        };
        (bin, self.populations.iter().map(rate).collect())
    }

    fn check(&self) -> Result<()> {
        if self.populations.is_empty() {
            return Err(Error::empty("populations", "raster"));
        }
        if self.steps == 0 || !(self.dt > 0.0 && self.dt.is_finite()) {
            let got = format!("{} steps of {} s", self.steps, self.dt);
            return Err(Error::new("time", "raster", "a positive time", got));
        }
        for p in &self.populations {
            let out = |s: &&[u32; 2]| s[0] as usize >= self.steps || s[1] as usize >= p.neurons;
            if let Some(s) = p.spikes.iter().find(out) {
                let expected = format!("a step below {}, a neuron below {}", self.steps, p.neurons);
                let got = format!("step {}, neuron {}", s[0], s[1]);
                return Err(Error::new(
                    "spike",
                    format!("raster, '{}'", p.name),
                    expected,
                    got,
                ));
            }
        }
        Ok(())
    }

    /// The span of the time axis in its unit: half a step more at both ends.
    fn time(&self) -> (Time, [f64; 2]) {
        let time = Time::of(self.steps as f64 * self.dt);
        let step = self.dt * time.factor;
        (time, [-0.5 * step, (self.steps as f64 - 0.5) * step])
    }

    fn population(&self, svg: &mut Svg, i: usize, frame: [f64; 4]) {
        let p = &self.populations[i];
        let (time, span) = self.time();
        let panel = Panel::new(frame, span, [-1.0, p.neurons as f64]);
        let rate = p.spikes.len() as f64 / (self.steps as f64 * self.dt * p.neurons.max(1) as f64);
        panel.begin(svg, &p.name);
        panel.axis_x(svg, "", false);
        panel.axis_of(svg, "neuron", p.neurons);
        panel.border(svg);
        let text = match p.neurons {
            1 => format!("{}: {} Hz", p.name, short(rate)),
            n => format!("{}: {n} neurons, {} Hz each", p.name, short(rate)),
        };
        panel.caption(svg, &text, series(i).0);
        // One mark for each pixel that has a spike: there may be more neurons than pixels.
        let [_, _, w, h] = frame;
        let tall = (h / p.neurons.max(1) as f64 * 0.8).clamp(1.5, 9.0);
        let wide = (w / self.steps as f64 * 0.35).clamp(1.2, 9.0);
        let (mut path, mut seen) = (Path::default(), HashSet::new());
        for &[t, n] in &p.spikes {
            let x = panel.x.at(f64::from(t) * self.dt * time.factor);
            let y = panel.y.at(f64::from(n));
            if seen.insert(((x * 2.0) as i64, (y * 2.0) as i64)) {
                path.stroke(x, y - tall / 2.0, tall);
            }
        }
        let style = format!(
            r#"class="spikes" data-name="{}" data-spikes="{}" stroke="{}" stroke-width="{wide}" fill="none""#,
            escape(&p.name),
            p.spikes.len(),
            series(i).0
        );
        svg.path(path.d(), &style);
        svg.end();
    }

    fn rate_panel(&self, svg: &mut Svg, frame: [f64; 4]) {
        let (time, span) = self.time();
        let (bin, rates) = self.rates();
        let top = rates.iter().flatten().fold(0f64, |m, &r| m.max(r));
        let panel = Panel::new(frame, span, [0.0, if top > 0.0 { top * 1.08 } else { 1.0 }]);
        panel.begin(svg, "rates");
        panel.axis_x(svg, &time.label(), true);
        panel.axis_y(svg, "rate (Hz)");
        panel.border(svg);
        let text = match bin {
            1 => "mean rate of a neuron".to_string(),
            _ => {
                let long = short(bin as f64 * self.dt * time.factor);
                format!("mean rate of a neuron, in bins of {long} {}", time.unit)
            }
        };
        panel.caption(svg, &text, INK);
        let step = self.dt * time.factor;
        for (i, (p, rate)) in self.populations.iter().zip(&rates).enumerate() {
            // A bin is a level that starts half a step before its first step.
            let edge = |k: usize| (((k * bin).min(self.steps)) as f64 - 0.5) * step;
            let levels = rate.iter().enumerate();
            let points = levels.flat_map(|(k, &r)| [[edge(k), r], [edge(k + 1), r]]);
            panel.line(svg, &p.name, points, &stroke(i, 1.6));
        }
        svg.end();
    }
}

impl Chart for Raster {
    fn draw(&self, width: f64) -> Result<Figure> {
        self.check()?;
        let mut svg = Svg::default();
        let (left, wide) = (62.0, page(width)? - 62.0 - MARGIN - 4.0);
        let mut y = heading(&mut svg, &self.title, width);
        for (i, p) in self.populations.iter().enumerate() {
            let high = (p.neurons as f64 * 9.0).clamp(44.0, 130.0);
            y += 20.0;
            self.population(&mut svg, i, [left, y, wide, high]);
            y += high + 12.0;
        }
        y += 20.0;
        self.rate_panel(&mut svg, [left, y, wide, 84.0]);
        Ok(Figure::new(&self.title, width, y + 84.0 + 42.0, svg))
    }
}
