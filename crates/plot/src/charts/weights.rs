//! Weights: a heat map, tiles, or a histogram where there are too many.

use crate::axes::{BODY, Panel, SMALL};
use crate::colour::{DIM, SERIES, diverging};
use crate::error::{Error, Result};
use crate::figure::{Chart, Figure, MARGIN, heading, page};
use crate::scale::{Scale, extent, short};
use crate::svg::{Anchor, Font, Px, Svg};
use serde::Serialize;
use std::fmt::Write;

/// Weights of a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Weights {
    /// What it shows.
    pub title: String,
    /// Their unit; none if empty.
    pub unit: String,
    /// How they are shown.
    pub values: Values,
}

/// How weights are shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Values {
    /// A matrix `[rows][columns]`.
    Heat {
        /// What a row is.
        rows: String,
        /// What a column is.
        columns: String,
        /// Number of columns.
        width: usize,
        /// The numbers.
        data: Vec<f64>,
    },
    /// Small images of one size: kernels, or what one neuron takes from an image.
    Tiles {
        /// A name for each.
        names: Vec<String>,
        /// Height and width.
        size: [usize; 2],
        /// `[tiles][height][width]`
        data: Vec<f64>,
    },
    /// How often each value occurs.
    Histogram {
        /// The numbers.
        data: Vec<f64>,
    },
}

/// Most cells that are drawn one by one.
pub const CELLS: usize = 40_000;
/// Steps of colour on either side of 0.
const LEVELS: i32 = 16;
/// Bars of a histogram.
const BARS: usize = 61;

/// Cells of one image by colour, runs of one colour as one stroke: `[left, top, cell width, cell height]`.
fn image(svg: &mut Svg, data: &[f64], width: usize, frame: [f64; 4], largest: f64) {
    let mut paths = vec![String::new(); 2 * LEVELS as usize + 1];
    for (y, row) in data.chunks(width.max(1)).enumerate() {
        let level = |v: f64| (v / largest * f64::from(LEVELS)).round().clamp(-16.0, 16.0) as i32;
        let mut x = 0;
        while x < row.len() {
            let start = x;
            let (l, bad) = (level(row[x]), !row[x].is_finite());
            while x < row.len() && level(row[x]) == l && row[x].is_finite() != bad {
                x += 1;
            }
            if bad {
                x = x.max(start + 1);
            } else if l != 0 {
                // Writing to a string does not fail.
                let _ = write!(paths[(l + LEVELS) as usize], "M{start} {y}h{}", x - start);
            }
        }
    }
    let [left, top, w, h] = frame;
    svg.begin(&format!(
        r#"class="image" data-cells="{}" shape-rendering="crispEdges" transform="translate({} {}) scale({w} {h})""#,
        data.len(),
        Px(left),
        Px(top + h / 2.0)
    ));
    for (i, d) in paths.iter().enumerate().filter(|(_, d)| !d.is_empty()) {
        let u = f64::from(i as i32 - LEVELS) / f64::from(LEVELS);
        svg.path(
            d,
            &format!(r#"fill="none" stroke="{}" data-level="{u}""#, diverging(u)),
        );
    }
    svg.end();
}

/// The scale of colours, below what it explains; its bottom.
fn colours(svg: &mut Svg, [left, top]: [f64; 2], wide: f64, (largest, unit): (f64, &str)) -> f64 {
    let n = 2 * LEVELS + 1;
    let each = wide / f64::from(n);
    svg.begin(r#"class="colours" shape-rendering="crispEdges""#);
    for i in 0..n {
        let fill = diverging(f64::from(i - LEVELS) / f64::from(LEVELS));
        svg.rect(
            [left + f64::from(i) * each, top, each + 0.5, 10.0],
            &format!(r#"fill="{fill}""#),
        );
    }
    svg.rect(
        [left, top, wide, 10.0],
        &format!(r#"fill="none" stroke="{DIM}" stroke-width="0.6""#),
    );
    svg.end();
    let font = Font::new(SMALL).fill(DIM);
    let label = |v: f64| {
        format!(
            "{}{}{}",
            short(v),
            if unit.is_empty() { "" } else { " " },
            unit
        )
    };
    svg.text([left, top + 23.0], font, &label(-largest));
    svg.text(
        [left + wide / 2.0, top + 23.0],
        font.anchor(Anchor::Middle),
        "0",
    );
    svg.text(
        [left + wide, top + 23.0],
        font.anchor(Anchor::End),
        &label(largest),
    );
    top + 28.0
}

impl Weights {
    fn heat(
        &self,
        svg: &mut Svg,
        top: f64,
        width: f64,
        (rows, columns): (&str, &str),
        (across, data): (usize, &[f64]),
    ) -> f64 {
        let high = data.len() / across.max(1);
        let (left, room) = (58.0, width - 58.0 - MARGIN);
        let w = (room / across as f64).min(18.0);
        let h = (320.0 / high as f64).clamp(1.0, 18.0).min(w.max(4.0) * 4.0);
        let frame = [left, top, w * across as f64, h * high as f64];
        // The first row is at the top.
        let down = Scale {
            domain: [-0.5, high as f64 - 0.5],
            range: [top, top + frame[3]],
        };
        let span = [-0.5, across as f64 - 0.5];
        let panel = Panel {
            y: down,
            ..Panel::new(frame, span, [0.0, 1.0])
        };
        panel.begin(svg, &self.title);
        panel.axis_x(svg, columns, true);
        panel.axis_of(svg, rows, high);
        svg.rect(frame, r#"fill="white""#);
        image(svg, data, across, [left, top, w, h], largest(data));
        panel.border(svg);
        svg.end();
        let bar = 220f64.min(room);
        colours(
            svg,
            [left, top + frame[3] + 44.0],
            bar,
            (largest(data), &self.unit),
        )
    }

    fn tiles(
        &self,
        svg: &mut Svg,
        top: f64,
        width: f64,
        names: &[String],
        (size, data): ([usize; 2], &[f64]),
    ) -> f64 {
        let room = width - 2.0 * MARGIN;
        let across = ((room / 64.0) as usize)
            .clamp(3, 10)
            .min(names.len().max(1));
        let side = room / across as f64 - 6.0;
        let cell = (side / size[1].max(1) as f64)
            .min(64.0 / size[0].max(1) as f64 * 1.5)
            .min(18.0);
        let (w, h) = (cell * size[1] as f64, cell * size[0] as f64);
        let (pitch, down) = (room / across as f64, h + 20.0);
        for (i, (name, tile)) in names.iter().zip(data.chunks(size[0] * size[1])).enumerate() {
            let x = MARGIN + (i % across) as f64 * pitch;
            let y = top + (i / across) as f64 * down;
            let font = Font::new(SMALL).fill(DIM);
            svg.text(
                [x, y + 10.0],
                font,
                &crate::text::cut(name, SMALL, pitch - 4.0),
            );
            image(svg, tile, size[1], [x, y + 14.0, cell, cell], largest(data));
            svg.rect(
                [x, y + 14.0, w, h],
                &format!(r#"fill="none" stroke="{DIM}" stroke-width="0.6""#),
            );
        }
        let bottom = top + names.len().div_ceil(across) as f64 * down + 8.0;
        colours(
            svg,
            [MARGIN, bottom],
            220f64.min(room),
            (largest(data), &self.unit),
        )
    }

    /// What the bars span, from 0 where nothing is negative; width of a bar, and the bars.
    fn bars(data: &[f64]) -> ([f64; 2], f64, Vec<usize>) {
        let top = largest(data);
        let finite = || data.iter().filter(|v| v.is_finite());
        let low = if finite().any(|v| *v < 0.0) {
            -top
        } else {
            0.0
        };
        let wide = (top - low) / BARS as f64;
        let mut bars = vec![0; BARS];
        for v in finite() {
            bars[(((v - low) / wide) as usize).min(BARS - 1)] += 1;
        }
        ([low, top], wide, bars)
    }

    fn histogram(&self, svg: &mut Svg, top: f64, width: f64, data: &[f64]) -> f64 {
        let (span, wide, bars) = Self::bars(data);
        let most = bars.iter().copied().max().unwrap_or(1) as f64;
        let frame = [66.0, top + 10.0, width - 66.0 - MARGIN, 200.0];
        let panel = Panel::new(frame, span, [0.0, most * 1.05]);
        panel.begin(svg, &self.title);
        let label = if self.unit.is_empty() {
            "weight".into()
        } else {
            format!("weight ({})", self.unit)
        };
        panel.axis_x(svg, &label, true);
        panel.axis_y(svg, "");
        let font = Font::new(BODY);
        svg.text([frame[0], frame[1] - 5.0], font, "number of weights");
        for (i, &n) in bars.iter().enumerate() {
            let [a, b] = [i, i + 1].map(|k| panel.x.at(span[0] + k as f64 * wide));
            let y = panel.y.at(n as f64);
            let style = format!(r#"class="bar" data-count="{n}" fill="{}""#, SERIES[0]);
            svg.rect([a + 0.3, y, b - a - 0.6, frame[1] + frame[3] - y], &style);
        }
        panel.border(svg);
        svg.end();
        frame[1] + frame[3] + 40.0
    }
}

/// The largest size; 1 where all are 0.
fn largest(data: &[f64]) -> f64 {
    let top = extent(data.iter().map(|v| v.abs())).map_or(0.0, |e| e[1]);
    if top > 0.0 { top } else { 1.0 }
}

impl Chart for Weights {
    fn draw(&self, width: f64) -> Result<Figure> {
        let (data, unit) = match &self.values {
            Values::Heat { data, width, .. } => (data, *width),
            Values::Tiles { data, size, names }
                if names.len().checked_mul(size[0] * size[1]) == Some(data.len()) =>
            {
                (data, size[0] * size[1])
            }
            Values::Tiles { data, .. } => (data, 0),
            Values::Histogram { data } => (data, 1),
        };
        if data.is_empty() {
            return Err(Error::empty("weights", &self.title));
        }
        if unit == 0 || data.len() % unit != 0 {
            return Err(Error::new(
                "weights",
                &self.title,
                "whole rows and tiles",
                data.len(),
            ));
        }
        if !matches!(self.values, Values::Histogram { .. }) && data.len() > CELLS {
            let expected = format!("at most {CELLS}: take a histogram");
            return Err(Error::new("weights", &self.title, expected, data.len()));
        }
        let mut svg = Svg::default();
        let top = heading(&mut svg, &self.title, page(width)?) + 6.0;
        let bottom = match &self.values {
            Values::Heat {
                rows,
                columns,
                width: across,
                data,
            } => self.heat(&mut svg, top, width, (rows, columns), (*across, data)),
            Values::Tiles { names, size, data } => {
                self.tiles(&mut svg, top, width, names, (*size, data))
            }
            Values::Histogram { data } => self.histogram(&mut svg, top, width, data),
        };
        Ok(Figure::new(&self.title, width, bottom + MARGIN, svg))
    }
}
