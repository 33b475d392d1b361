//! Learning curves: one panel for each metric, side by side.

use crate::axes::{Panel, SMALL, legend, stroke};
use crate::colour::{INK, series};
use crate::error::{Error, Result};
use crate::figure::{Chart, Figure, MARGIN, heading, page};
use crate::scale::{extent, short};
use crate::svg::{Anchor, Font, Svg, escape};
use crate::text;
use serde::Serialize;

/// Curves over epochs, or over something else that is counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curves {
    /// What it shows.
    pub title: String,
    /// What they run along.
    pub along: String,
    /// One panel for each.
    pub metrics: Vec<Metric>,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metric {
    /// Its name, and its unit in brackets.
    pub name: String,
    /// Its curves.
    pub curves: Vec<Curve>,
}

/// A curve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// Its name.
    pub name: String,
    /// `[count, value]`; one alone is drawn as a dot with its value.
    pub points: Vec<[f64; 2]>,
}

impl Metric {
    fn draw(
        &self,
        svg: &mut Svg,
        frame: [f64; 4],
        (along, range): (&str, [f64; 2]),
        names: &[&str],
    ) {
        let values = self
            .curves
            .iter()
            .flat_map(|c| c.points.iter().map(|p| p[1]));
        let [a, b] = extent(values).unwrap_or([0.0, 1.0]);
        let room = 0.08 * (b - a);
        // What is never negative does not get an axis below 0.
        let low = if a >= 0.0 {
            (a - room).max(0.0)
        } else {
            a - room
        };
        let panel = Panel::new(frame, range, [low, b + room]);
        panel.begin(svg, &self.name);
        panel.axis_x(svg, along, true);
        panel.axis_y(svg, "");
        panel.border(svg);
        panel.caption(svg, &self.name, INK);
        for curve in &self.curves {
            let i = names.iter().position(|n| *n == curve.name).unwrap_or(0);
            match curve.points[..] {
                [point] => dot(svg, &panel, &curve.name, point, i),
                _ => panel.line(
                    svg,
                    &curve.name,
                    curve.points.iter().copied(),
                    &stroke(i, 2.0),
                ),
            }
        }
        svg.end();
    }
}

/// A value that was measured once.
fn dot(svg: &mut Svg, panel: &Panel, name: &str, point: [f64; 2], i: usize) {
    let [x, y] = panel.at(point);
    if !(x.is_finite() && y.is_finite()) {
        return;
    }
    let style = format!(
        r#"class="dot" data-name="{}" fill="white" stroke="{}" stroke-width="2.2""#,
        escape(name),
        series(i).0
    );
    svg.circle([x, y], 4.5, &style);
    let [left, top, _, high] = panel.frame;
    let value = short(point[1]);
    let below = y + 20.0 < top + high;
    let end = x - text::width(&value, SMALL) > left;
    let anchor = if end { Anchor::End } else { Anchor::Start };
    let font = Font::new(SMALL).fill(series(i).0).anchor(anchor);
    svg.text([x, if below { y + 18.0 } else { y - 10.0 }], font, &value);
}

impl Chart for Curves {
    fn draw(&self, width: f64) -> Result<Figure> {
        let points = || {
            self.metrics
                .iter()
                .flat_map(|m| &m.curves)
                .flat_map(|c| &c.points)
        };
        let Some([a, b]) = extent(points().filter(|p| p[1].is_finite()).map(|p| p[0])) else {
            return Err(Error::empty("points", "curves"));
        };
        // One point stands in the middle.
        let [a, b] = if a < b { [a, b] } else { [a - 1.0, b + 1.0] };
        let mut svg = Svg::default();
        let y = heading(&mut svg, &self.title, width) + 20.0;
        let n = self.metrics.len() as f64;
        let each = (page(width)? - MARGIN) / n;
        let high = (each * 0.6).clamp(120.0, 240.0);
        let mut names: Vec<&str> = Vec::new();
        for c in self.metrics.iter().flat_map(|m| &m.curves) {
            if !names.contains(&c.name.as_str()) {
                names.push(&c.name);
            }
        }
        for (i, m) in self.metrics.iter().enumerate() {
            let left = i as f64 * each + 46.0;
            m.draw(
                &mut svg,
                [left, y, each - 46.0 - 8.0, high],
                (&self.along, [a, b]),
                &names,
            );
        }
        // A curve that is called as its panel is explained by that.
        let told = |name: &str| self.metrics.iter().any(|m| m.name == name);
        let entries: Vec<_> = names
            .iter()
            .enumerate()
            .filter(|(_, n)| !told(n))
            .map(|(i, n)| (n.to_string(), stroke(i, 2.0)))
            .collect();
        let bottom = legend(
            &mut svg,
            [46.0, y + high + 42.0],
            width - 46.0 - MARGIN,
            &entries,
        );
        Ok(Figure::new(&self.title, width, bottom + MARGIN, svg))
    }
}
