//! What an encoder makes of a small input.

use crate::axes::{Panel, stroke};
use crate::colour::{INK, sequential};
use crate::error::{Error, Result};
use crate::figure::{Chart, Figure, MARGIN, heading, page};
use crate::scale::{Time, extent, padded};
use crate::svg::{Path, Svg};
use serde::Serialize;

/// Input and code side by side, or one above the other where the input is a signal over time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Encoding {
    /// What it shows.
    pub title: String,
    /// A step of the code in seconds.
    pub dt: f64,
    /// Number of steps of the code.
    pub steps: usize,
    /// Number of neurons or channels of the code.
    pub neurons: usize,
    /// The input.
    pub values: Vec<f64>,
    /// Seconds between two values; none if the values stand side by side.
    pub every: Option<f64>,
    /// The code.
    pub coded: Coded,
}

/// A code.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Coded {
    /// `[step, neuron]` of each spike.
    Spikes(Vec<[u32; 2]>),
    /// `[steps][neurons]`
    Currents(Vec<f64>),
}

impl Encoding {
    fn check(&self) -> Result<()> {
        let bad =
            |what, expected: String, got: String| Err(Error::new(what, &self.title, expected, got));
        if self.values.is_empty() || self.neurons == 0 || self.steps == 0 {
            return Err(Error::empty("values, neurons and steps", &self.title));
        }
        match &self.coded {
            Coded::Spikes(s) => {
                let out =
                    |s: &&[u32; 2]| s[0] as usize >= self.steps || s[1] as usize >= self.neurons;
                match s.iter().find(out) {
                    Some(s) => bad(
                        "spike",
                        format!("{} steps, {} neurons", self.steps, self.neurons),
                        format!("{s:?}"),
                    ),
                    None => Ok(()),
                }
            }
            Coded::Currents(c) if self.steps.checked_mul(self.neurons) != Some(c.len()) => bad(
                "currents",
                format!("{} x {}", self.steps, self.neurons),
                c.len().to_string(),
            ),
            Coded::Currents(_) => Ok(()),
        }
    }

    /// The values as bars, the first at the bottom.
    fn bars(&self, svg: &mut Svg, frame: [f64; 4]) {
        let n = self.values.len() as f64;
        let top = extent(self.values.iter().copied()).map_or(1.0, |e| e[1].max(1.0));
        let panel = Panel::new(frame, [0.0, top], [-0.5, n - 0.5]);
        panel.begin(svg, "input");
        panel.axis_x(svg, "value", true);
        panel.axis_y(svg, "input");
        panel.border(svg);
        let each = frame[3] / n;
        for (i, &v) in self
            .values
            .iter()
            .enumerate()
            .filter(|(_, v)| v.is_finite())
        {
            let y = panel.y.at(i as f64) - 0.4 * each;
            let wide = panel.x.at(v) - frame[0];
            svg.rect(
                [frame[0], y, wide, 0.8 * each],
                r##"class="bar" fill="#009E73""##,
            );
        }
        svg.end();
    }

    /// The values as a line over time.
    fn signal(&self, svg: &mut Svg, frame: [f64; 4], (time, span): (Time, [f64; 2]), every: f64) {
        let y = padded(
            extent(self.values.iter().copied()).unwrap_or([0.0, 1.0]),
            0.08,
        );
        let panel = Panel::new(frame, span, y);
        panel.begin(svg, "input");
        panel.axis_x(svg, "", false);
        panel.axis_y(svg, "input");
        panel.border(svg);
        let points = self.values.iter().enumerate();
        let points = points.map(|(i, &v)| [i as f64 * every * time.factor, v]);
        panel.line(svg, "input", points, &stroke(2, 1.8));
        svg.end();
    }

    fn code(&self, svg: &mut Svg, frame: [f64; 4], (time, span): (Time, [f64; 2])) {
        let panel = Panel::new(frame, span, [-0.5, self.neurons as f64 - 0.5]);
        panel.begin(svg, "code");
        panel.axis_x(svg, &time.label(), true);
        panel.axis_y(svg, "neuron");
        match &self.coded {
            Coded::Spikes(spikes) => {
                self.spikes(svg, &panel, spikes, self.dt * time.factor);
                panel.caption(svg, &format!("{} spikes", spikes.len()), INK);
            }
            Coded::Currents(data) => {
                self.currents(svg, &panel, data);
                panel.caption(svg, "current: the darker, the stronger", INK);
            }
        }
        panel.border(svg);
        svg.end();
    }

    fn spikes(&self, svg: &mut Svg, panel: &Panel, spikes: &[[u32; 2]], step: f64) {
        let [_, _, wide, high] = panel.frame;
        let wide = (wide / self.steps as f64 * 0.5).clamp(1.2, 3.5);
        let tall = (high / self.neurons as f64 * 0.8).max(1.0);
        let mut path = Path::default();
        for &[t, n] in spikes {
            let (x, y) = (panel.x.at(f64::from(t) * step), panel.y.at(f64::from(n)));
            path.stroke(x, y - tall / 2.0, tall);
        }
        let style = format!(
            r##"class="spikes" data-spikes="{}" stroke="#0072B2" stroke-width="{wide}" fill="none""##,
            spikes.len()
        );
        svg.path(path.d(), &style);
    }

    /// A rectangle for each run of one current.
    fn currents(&self, svg: &mut Svg, panel: &Panel, data: &[f64]) {
        let top = extent(data.iter().copied()).map_or(1.0, |e| e[1].max(1e-12));
        let [left, _, wide, high] = panel.frame;
        let (wide, high) = (wide / self.steps as f64, high / self.neurons as f64);
        svg.begin(r#"class="currents" shape-rendering="crispEdges""#);
        for n in 0..self.neurons {
            let at = |t: usize| data[t * self.neurons + n];
            let y = panel.y.at(n as f64) - high / 2.0;
            let mut start = 0;
            for t in 1..=self.steps {
                if t < self.steps && at(t).to_bits() == at(start).to_bits() {
                    continue;
                }
                let place = [
                    left + start as f64 * wide,
                    y,
                    (t - start) as f64 * wide,
                    high,
                ];
                let fill = sequential(at(start) / top);
                svg.rect(
                    place,
                    &format!(r#"class="cell" data-steps="{}" fill="{fill}""#, t - start),
                );
                start = t;
            }
        }
        svg.end();
    }
}

impl Chart for Encoding {
    fn draw(&self, width: f64) -> Result<Figure> {
        self.check()?;
        let mut svg = Svg::default();
        let top = heading(&mut svg, &self.title, page(width)?) + 20.0;
        let time = Time::of(self.steps as f64 * self.dt);
        let step = self.dt * time.factor;
        let axis = (time, [-0.5 * step, (self.steps as f64 - 0.5) * step]);
        let high = (self.neurons as f64 * 12.0).clamp(60.0, 220.0);
        let (left, right) = (62.0, width - MARGIN - 4.0);
        let bottom = match self.every {
            Some(every) => {
                self.signal(&mut svg, [left, top, right - left, 120.0], axis, every);
                self.code(&mut svg, [left, top + 150.0, right - left, high], axis);
                top + 150.0 + high
            }
            None => {
                let bars = 0.22 * width;
                self.bars(&mut svg, [left, top, bars, high]);
                let from = left + bars + 62.0;
                self.code(&mut svg, [from, top, right - from, high], axis);
                top + high
            }
        };
        Ok(Figure::new(&self.title, width, bottom + 42.0, svg))
    }
}
