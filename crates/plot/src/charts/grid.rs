//! Small panels of curves, all over the same axis.

use crate::axes::{Panel, SMALL, legend};
use crate::colour::{DIM, INK};
use crate::error::{Error, Result};
use crate::figure::{Chart, Figure, MARGIN, heading, page};
use crate::scale::{extent, padded};
use crate::svg::{Font, Svg, escape};
use serde::Serialize;

/// Panels in rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Grid {
    /// What it shows.
    pub title: String,
    /// Number of panels in a row.
    pub columns: usize,
    /// Label of the horizontal axis, with its unit.
    pub x: String,
    /// The panels.
    pub cells: Vec<Cell>,
    /// What lines of each style are, by number of the style.
    pub legend: Vec<String>,
}

/// A panel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// What it shows.
    pub title: String,
    /// A second line under it.
    pub note: String,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Where an arrow stands that has no height: an impulse.
    pub impulse: Option<f64>,
}

/// A line through points.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Number of its style: 0 strong blue with its area filled, 1 dashed, 2 thin.
    pub style: usize,
    /// `[x, y]`
    pub points: Vec<[f64; 2]>,
}

fn stroke(style: usize) -> &'static str {
    match style {
        0 => r##"stroke="#0072B2" stroke-width="2.2""##,
        1 => r##"stroke="#D55E00" stroke-width="1.8" stroke-dasharray="5 3""##,
        _ => r##"stroke="#9a9a9a" stroke-width="1.4""##,
    }
}

impl Cell {
    fn draw(&self, svg: &mut Svg, frame: [f64; 4], x: [f64; 2], label: Option<&str>) {
        let values = self
            .lines
            .iter()
            .flat_map(|l| l.points.iter().map(|p| p[1]));
        let [a, b] = extent(values).unwrap_or([0.0, 1.0]);
        let panel = Panel::new(frame, x, padded([a.min(0.0), b.max(1.0)], 0.08));
        panel.begin(svg, &self.title);
        panel.axis_x(svg, label.unwrap_or(""), label.is_some());
        panel.axis_y(svg, "");
        panel.border(svg);
        let [left, top, ..] = frame;
        svg.text([left, top - 20.0], Font::new(12.5).fill(INK), &self.title);
        svg.text([left, top - 6.0], Font::new(SMALL).fill(DIM), &self.note);
        if let Some(x) = self.impulse.filter(|&x| panel.x.holds(x)) {
            let at = panel.x.at(x);
            let shaft = r##"class="impulse" stroke="#0072B2" stroke-width="5""##;
            svg.line([at, panel.y.at(0.0)], [at, top + 10.0], shaft);
            svg.arrow([at, top + 10.0], [at, top + 3.0], "#0072B2");
        }
        for line in &self.lines {
            if line.style == 0 {
                self.fill(svg, &panel, line);
            }
            let name = format!("{} {}", self.title, line.style);
            panel.line(
                svg,
                &escape(&name),
                line.points.iter().copied(),
                stroke(line.style),
            );
        }
        svg.end();
    }

    fn fill(&self, svg: &mut Svg, panel: &Panel, line: &Line) {
        let finite = line.points.iter().all(|p| panel.at(*p)[0].is_finite());
        let (Some(first), Some(last)) = (line.points.first(), line.points.last()) else {
            return;
        };
        if finite {
            let mut path = crate::svg::Path::default().to(panel.at([first[0], 0.0]));
            line.points.iter().for_each(|p| path.push(panel.at(*p)));
            let d = path.to(panel.at([last[0], 0.0])).closed();
            svg.path(&d, r##"class="area" fill="#0072B2" fill-opacity="0.16""##);
        }
    }
}

impl Chart for Grid {
    fn draw(&self, width: f64) -> Result<Figure> {
        let points = self
            .cells
            .iter()
            .flat_map(|c| &c.lines)
            .flat_map(|l| &l.points);
        let Some(x) = extent(points.map(|p| p[0])) else {
            return Err(Error::empty("points", "grid"));
        };
        let mut svg = Svg::default();
        let top = heading(&mut svg, &self.title, page(width)?);
        let columns = self.columns.clamp(1, 12);
        let rows = self.cells.len().div_ceil(columns);
        let each = (width - MARGIN) / columns as f64;
        let high = (each * 0.52).clamp(70.0, 150.0);
        let entries: Vec<_> = self
            .legend
            .iter()
            .enumerate()
            .map(|(i, n)| (n.clone(), stroke(i).to_string()))
            .collect();
        let top = legend(&mut svg, [36.0, top + 2.0], width - 36.0 - MARGIN, &entries) + 6.0;
        for (i, cell) in self.cells.iter().enumerate() {
            let (row, column) = (i / columns, i % columns);
            let frame = [
                column as f64 * each + 36.0,
                top + 40.0 + row as f64 * (high + 52.0),
                each - 36.0 - 8.0,
                high,
            ];
            let bottom = i + columns >= self.cells.len();
            cell.draw(&mut svg, frame, x, bottom.then_some(self.x.as_str()));
        }
        let bottom = top + rows as f64 * (high + 52.0) + 28.0;
        Ok(Figure::new(&self.title, width, bottom + MARGIN, svg))
    }
}
