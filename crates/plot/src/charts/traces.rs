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

impl Membrane {
    fn draw(
        &self,
        svg: &mut Svg,
        frame: [f64; 4],
        first: usize,
        dt: f64,
        (steps, last): (usize, bool),
    ) {
        let time = Time::of(steps as f64 * dt);
        let step = dt * time.factor;
        let values = self.traces.iter().flat_map(|t| t.values.iter().copied());
        let [a, b] = extent(values.chain(self.threshold)).unwrap_or([0.0, 1.0]);
        let fires = self.threshold.is_some() || self.traces.iter().any(|t| !t.spikes.is_empty());
        let mut y = padded([a.min(0.0), b], 0.06);
        if fires {
            y[1] += (y[1] - y[0]) * BAND / (frame[3] - BAND);
        }
        let panel = Panel::new(frame, [-0.5 * step, (steps as f64 - 0.5) * step], y);
        panel.begin(svg, &self.name);
        panel.axis_x(svg, &time.label(), last);
        panel.axis_y(
            svg,
            &if self.unit.is_empty() {
                "membrane".into()
            } else {
                format!("membrane ({})", self.unit)
            },
        );
        panel.border(svg);
        panel.caption(
            svg,
            &self.name,
            if self.traces.len() == 1 {
                series(first).0
            } else {
                INK
            },
        );
        if let Some(v) = self.threshold.filter(|v| v.is_finite()) {
            let ([left, _, w, _], at) = (panel.frame, panel.y.at(v));
            let style = format!(r#"class="threshold" stroke="{DIM}" stroke-dasharray="6 4""#);
            svg.line([left, at], [left + w, at], &style);
            let font = Font::new(SMALL).fill(DIM).anchor(Anchor::End);
            let words = format!("dashed: threshold, {} {}", short(v), self.unit);
            svg.text([left + w, frame[1] - 6.0], font, words.trim_end());
        }
        for (i, trace) in self.traces.iter().enumerate() {
            let wide = if trace.strong { 2.6 } else { 1.5 };
            let points = trace
                .values
                .iter()
                .enumerate()
                .map(|(t, &v)| [t as f64 * step, v]);
            panel.line(svg, &trace.name, points, &stroke(first + i, wide));
            let mut path = Path::default();
            for &t in &trace.spikes {
                path.stroke(panel.x.at(t as f64 * step), frame[1] + 3.0, BAND - 5.0);
            }
            let style = format!(
                r#"class="spikes" data-name="{}" data-spikes="{}" stroke="{}" stroke-width="1.8" fill="none""#,
                escape(&trace.name),
                trace.spikes.len(),
                series(first + i).0
            );
            if fires {
                svg.path(path.d(), &style);
            }
        }
        svg.end();
    }

    fn legend(&self, svg: &mut Svg, at: [f64; 2], room: f64) -> f64 {
        let entry =
            |(i, t): (usize, &Trace)| (t.name.clone(), stroke(i, if t.strong { 2.6 } else { 1.5 }));
        let entries: Vec<_> = self.traces.iter().enumerate().map(entry).collect();
        legend(svg, at, room, &entries)
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
        let mut single = 0;
        for (i, m) in self.membranes.iter().enumerate() {
            let last = i + 1 == self.membranes.len();
            let high = if m.traces.len() > 1 { 130.0 } else { 92.0 };
            y += 20.0;
            let first = if m.traces.len() == 1 { single } else { 0 };
            single += usize::from(m.traces.len() == 1);
            m.draw(
                &mut svg,
                [left, y, wide, high],
                first % SERIES.len(),
                self.dt,
                (steps, last),
            );
            y += high + if last { 40.0 } else { 10.0 };
            if m.traces.len() > 1 {
                y = m.legend(&mut svg, [left, y], wide);
            }
        }
        Ok(Figure::new(&self.title, width, y + MARGIN, svg))
    }
}
