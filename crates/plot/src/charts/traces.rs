//! Membranes over time, with thresholds and spikes.

use crate::axes::{Panel, SMALL, legend, stroke};
use crate::colour::{DIM, INK, SERIES, series};
use crate::error::{Error, Result};
use crate::figure::{Chart, Figure, MARGIN, heading, page};
use crate::scale::{Time, extent, padded, short};
use crate::svg::{Anchor, Font, Path, Svg, escape};
use serde::Serialize;

/// Membranes of one presentation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Traces {
    /// What it shows.
    pub title: String,
    /// A step in seconds.
    pub dt: f64,
    /// One panel for each, from the top.
    pub membranes: Vec<Membrane>,
}

/// A panel: a neuron, or several that share an axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Membrane {
    /// What it shows.
    pub name: String,
    /// The unit of its values.
    pub unit: String,
    /// Where neurons fire.
    pub threshold: Option<f64>,
    /// The lines; a legend names them if there are several.
    pub traces: Vec<Trace>,
}

/// A membrane.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trace {
    /// Its name.
    pub name: String,
    /// A value for each step, before the reset.
    pub values: Vec<f64>,
    /// The steps in which it fired.
    pub spikes: Vec<usize>,
    /// Whether it stands out.
    pub strong: bool,
}

/// Height of the band in which spikes stand.
const BAND: f64 = 14.0;

/// Where the panels of a figure stand on the time axis.
struct Axis {
    dt: f64,
    steps: usize,
}

impl Axis {
    fn time(&self) -> Time {
        Time::of(self.steps as f64 * self.dt)
    }

    /// A step in the unit of the axis.
    fn step(&self) -> f64 {
        self.dt * self.time().factor
    }

    fn span(&self) -> [f64; 2] {
        [-0.5, self.steps as f64 - 0.5].map(|t| t * self.step())
    }
}

impl Membrane {
    /// Whether spikes stand above its lines.
    fn fires(&self) -> bool {
        self.threshold.is_some() || self.traces.iter().any(|t| !t.spikes.is_empty())
    }

    fn panel(&self, frame: [f64; 4], axis: &Axis) -> Panel {
        let values = self.traces.iter().flat_map(|t| t.values.iter().copied());
        let [a, b] = extent(values.chain(self.threshold)).unwrap_or([0.0, 1.0]);
        let mut y = padded([a.min(0.0), b], 0.06);
        if self.fires() {
            y[1] += (y[1] - y[0]) * BAND / (frame[3] - BAND);
        }
        Panel::new(frame, axis.span(), y)
    }

    /// Draws it, the colours of its lines from number `first` on.
    fn draw(&self, svg: &mut Svg, panel: &Panel, axis: &Axis, first: usize) {
        let unit = match self.unit.as_str() {
            "" => "membrane".into(),
            unit => format!("membrane ({unit})"),
        };
        panel.axis_y(svg, &unit);
        panel.border(svg);
        let alone = self.traces.len() == 1;
        panel.caption(svg, &self.name, if alone { series(first).0 } else { INK });
        if let Some(v) = self.threshold.filter(|v| v.is_finite()) {
            let ([left, top, w, _], at) = (panel.frame, panel.y.at(v));
            let style = format!(r#"class="threshold" stroke="{DIM}" stroke-dasharray="6 4""#);
            svg.line([left, at], [left + w, at], &style);
            let font = Font::new(SMALL).fill(DIM).anchor(Anchor::End);
            let words = format!("dashed: threshold, {} {}", short(v), self.unit);
            svg.text([left + w, top - 6.0], font, words.trim_end());
        }
        for (i, trace) in self.traces.iter().enumerate() {
            let points = trace.values.iter().enumerate();
            let points = points.map(|(t, &v)| [t as f64 * axis.step(), v]);
            panel.line(svg, &trace.name, points, &stroke(first + i, trace.width()));
            if self.fires() {
                trace.marks(svg, panel, axis, first + i);
            }
        }
    }

    fn legend(&self, svg: &mut Svg, at: [f64; 2], room: f64) -> f64 {
        let entry = |(i, t): (usize, &Trace)| (t.name.clone(), stroke(i, t.width()));
        let entries: Vec<_> = self.traces.iter().enumerate().map(entry).collect();
        legend(svg, at, room, &entries)
    }
}

impl Trace {
    fn width(&self) -> f64 {
        if self.strong { 2.6 } else { 1.5 }
    }

    fn marks(&self, svg: &mut Svg, panel: &Panel, axis: &Axis, colour: usize) {
        let mut path = Path::default();
        for &t in &self.spikes {
            let x = panel.x.at(t as f64 * axis.step());
            path.stroke(x, panel.frame[1] + 3.0, BAND - 5.0);
        }
        let style = format!(
            r#"class="spikes" data-name="{}" data-spikes="{}" stroke="{}" stroke-width="1.8" fill="none""#,
            escape(&self.name),
            self.spikes.len(),
            series(colour).0
        );
        svg.path(path.d(), &style);
    }
}

impl Chart for Traces {
    fn draw(&self, width: f64) -> Result<Figure> {
        let all = || self.membranes.iter().flat_map(|m| &m.traces);
        let steps = all().map(|t| t.values.len()).max().unwrap_or(0);
        if steps == 0 {
            return Err(Error::empty("values", "traces"));
        }
        if !(self.dt > 0.0 && self.dt.is_finite()) {
            return Err(Error::new("step", "traces", "a positive time", self.dt));
        }
        if let Some(t) =
            all().find(|t| t.values.len() != steps || t.spikes.iter().any(|&s| s >= steps))
        {
            let got = format!(
                "{} values, spikes up to step {:?}",
                t.values.len(),
                t.spikes.iter().max()
            );
            return Err(Error::new(
                "trace",
                format!("'{}'", t.name),
                format!("{steps} steps"),
                got,
            ));
        }
        let mut svg = Svg::default();
        let (left, wide) = (62.0, page(width)? - 62.0 - MARGIN - 4.0);
        let mut y = heading(&mut svg, &self.title, width);
        let axis = Axis { dt: self.dt, steps };
        let mut single = 0;
        for (i, m) in self.membranes.iter().enumerate() {
            let last = i + 1 == self.membranes.len();
            let high = if m.traces.len() > 1 { 130.0 } else { 92.0 };
            y += 20.0;
            let first = if m.traces.len() == 1 { single } else { 0 };
            single += usize::from(m.traces.len() == 1);
            let panel = m.panel([left, y, wide, high], &axis);
            panel.begin(&mut svg, &m.name);
            panel.axis_x(&mut svg, &axis.time().label(), last);
            m.draw(&mut svg, &panel, &axis, first % SERIES.len());
            svg.end();
            y += high + if last { 40.0 } else { 10.0 };
            if m.traces.len() > 1 {
                y = m.legend(&mut svg, [left, y], wide);
            }
        }
        Ok(Figure::new(&self.title, width, y + MARGIN, svg))
    }
}
