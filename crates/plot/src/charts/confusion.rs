//! Which class was taken for which.

use crate::axes::{BODY, SMALL};
use crate::colour::{DIM, INK, sequential};
use crate::error::{Error, Result};
use crate::figure::{Chart, Figure, MARGIN, heading, page};
use crate::svg::{Anchor, Font, Svg};
use crate::text;
use serde::Serialize;

/// Decisions by class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confusion {
    /// What it shows.
    pub title: String,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// `counts[class][decision]`
    pub counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// The share of a class that was taken for each; `None` of a class without samples.
    pub fn rates(&self, class: usize) -> Option<Vec<f64>> {
        let row = self.counts.get(class)?;
        let total: u64 = row.iter().sum();
        (total > 0).then(|| row.iter().map(|&c| c as f64 / total as f64).collect())
    }

    fn cell(&self, svg: &mut Svg, [i, j]: [usize; 2], [x, y, side]: [f64; 3]) {
        let count = self.counts[i][j];
        let rate = self.rates(i).map_or(0.0, |r| r[j]);
        // A root, because what is rare is what one looks for.
        let fill = sequential(rate.sqrt());
        let style = format!(
            r##"class="cell" data-class="{i}" data-decision="{j}" data-count="{count}" fill="{fill}" stroke="#dddddd" stroke-width="0.6""##
        );
        svg.rect([x, y, side, side], &style);
        let fill = if rate > 0.3 { "#ffffff" } else { INK };
        let middle = Font::new((side * 0.34).clamp(7.0, BODY))
            .anchor(Anchor::Middle)
            .fill(fill);
        let label = count.to_string();
        if count > 0 && text::width(&label, middle.size) < side - 2.0 {
            let both = side >= 34.0;
            let cx = x + side / 2.0;
            svg.text(
                [cx, y + side / 2.0 + if both { 0.0 } else { 4.0 }],
                middle,
                &label,
            );
            if both {
                let size = (side * 0.24).clamp(7.0, 10.0);
                let percent = format!("{:.1}", rate * 100.0);
                let percent = percent.trim_end_matches(".0");
                let font = Font { size, ..middle };
                svg.text(
                    [cx, y + side / 2.0 + size + 2.0],
                    font,
                    &format!("{percent} %"),
                );
            }
        }
    }

    /// The names of a class at its row and its column, and how much of it was found.
    fn names(&self, svg: &mut Svg, i: usize, [left, top, side]: [f64; 3], slanted: bool) {
        let font = Font::new(SMALL).fill(DIM);
        let end = font.anchor(Anchor::End);
        let (grid, along) = (side * self.classes.len() as f64, (i as f64 + 0.5) * side);
        let middle = top + along + 4.0;
        let name = text::cut(&self.classes[i], SMALL, LONG);
        svg.text([left - 6.0, middle], end, &name);
        if slanted {
            svg.upwards([left + along + 4.0, top + grid + 6.0], end, &name);
        } else {
            let below = [left + along, top + grid + 14.0];
            svg.text(below, font.anchor(Anchor::Middle), &name);
        }
        let found = self.rates(i).map(|r| format!("{:.1}", r[i] * 100.0));
        let found = found.unwrap_or("–".into());
        svg.text([left + grid + 52.0, middle], end, &found);
    }
}

/// The most room that a class's name takes.
const LONG: f64 = 90.0;

impl Chart for Confusion {
    fn draw(&self, width: f64) -> Result<Figure> {
        let n = self.classes.len();
        if n == 0 {
            return Err(Error::empty("classes", "confusion matrix"));
        }
        if self.counts.len() != n || self.counts.iter().any(|r| r.len() != n) {
            let (expected, got) = (format!("{n} x {n}"), format!("{} rows", self.counts.len()));
            return Err(Error::new("counts", "confusion matrix", expected, got));
        }
        let mut svg = Svg::default();
        let names = self.classes.iter().map(|c| text::width(c, SMALL));
        let long = names.fold(0.0, f64::max).clamp(10.0, LONG);
        let (left, right) = (MARGIN + 20.0 + long + 6.0, 62.0);
        let side = ((page(width)? - left - right) / n as f64).min(52.0);
        let top = heading(&mut svg, &self.title, width) + 36.0;
        let grid = side * n as f64;
        let slanted = long > side - 4.0;
        // Names need the height of a line each.
        let every = (13.0 / side).ceil().max(1.0) as usize;
        svg.begin(&format!(r#"class="confusion" data-classes="{n}""#));
        for i in 0..n {
            for j in 0..n {
                let place = [left + j as f64 * side, top + i as f64 * side, side];
                self.cell(&mut svg, [i, j], place);
            }
            if i % every == 0 {
                self.names(&mut svg, i, [left, top, side], slanted);
            }
        }
        svg.end();
        let middle = Font::new(BODY).anchor(Anchor::Middle);
        svg.upwards([MARGIN + 10.0, top + grid / 2.0], middle, "true class");
        let foot = top + grid + if slanted { long + 26.0 } else { 32.0 };
        svg.text([left + grid / 2.0, foot], middle, "decision");
        let font = Font::new(SMALL).fill(DIM).anchor(Anchor::End);
        svg.text([left + grid + 58.0, top - 8.0], font, "recall (%)");
        Ok(Figure::new(&self.title, width, foot + MARGIN, svg))
    }
}
