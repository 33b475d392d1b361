//! A panel: two scales, a frame, ticks, labels, and marks in data coordinates.

use crate::colour::{DIM, series};
use crate::scale::{Scale, ticks};
use crate::svg::{Anchor, Font, Path, Svg, escape};
use crate::text;

/// Size of ticks' labels.
pub(crate) const SMALL: f64 = 11.0;
/// Size of axes' labels and legends.
pub(crate) const BODY: f64 = 12.0;

/// A panel of a figure.
pub(crate) struct Panel {
    pub x: Scale,
    pub y: Scale,
    /// Left, top, width, height in pixels.
    pub frame: [f64; 4],
}

impl Panel {
    /// A panel whose data span `x` and `y`, `y` upwards.
    pub fn new(frame: [f64; 4], x: [f64; 2], y: [f64; 2]) -> Self {
        let [left, top, w, h] = frame;
        Self {
            x: Scale::new(x, [left, left + w]),
            y: Scale::new(y, [top + h, top]),
            frame,
        }
    }

    /// Opens its group, which says what stands where.
    pub fn begin(&self, svg: &mut Svg, name: &str) {
        let scale = |s: &Scale| {
            let ([a, b], [p, q]) = (s.domain, s.range);
            format!("{a} {b} {p} {q}")
        };
        svg.begin(&format!(
            r#"class="panel" data-name="{}" data-x="{}" data-y="{}""#,
            escape(name),
            scale(&self.x),
            scale(&self.y)
        ));
    }

    /// Ticks, grid and label of the horizontal axis; `labels` may be left out where the panel below has the same.
    pub fn axis_x(&self, svg: &mut Svg, label: &str, labels: bool) {
        let [left, top, w, h] = self.frame;
        let (values, names) = ticks(self.x.domain, ((w / 70.0) as usize).clamp(2, 10));
        for (v, name) in values.iter().zip(&names) {
            let x = self.x.at(*v);
            svg.grid([x, top], [x, top + h]);
            if labels {
                let font = Font::new(SMALL).fill(DIM).anchor(Anchor::Middle);
                svg.text([x, top + h + 15.0], font, name);
            }
        }
        if labels {
            let font = Font::new(BODY).anchor(Anchor::Middle);
            svg.text([left + w / 2.0, top + h + 32.0], font, label);
        }
    }

    /// Ticks, grid and label of the vertical axis.
    pub fn axis_y(&self, svg: &mut Svg, label: &str) {
        self.upright(svg, label, |_| true);
    }

    /// As [`Panel::axis_y`], of things that are counted: `count` of them, from 0.
    pub fn axis_of(&self, svg: &mut Svg, label: &str, count: usize) {
        self.upright(svg, label, |v| {
            v.fract() == 0.0 && (0.0..count.max(1) as f64).contains(&v)
        });
    }

    fn upright(&self, svg: &mut Svg, label: &str, keep: impl Fn(f64) -> bool) {
        let [left, top, w, h] = self.frame;
        let (values, names) = ticks(self.y.domain, ((h / 28.0) as usize).clamp(2, 8));
        for (v, name) in values.iter().zip(&names).filter(|(v, _)| keep(**v)) {
            let y = self.y.at(*v);
            svg.grid([left, y], [left + w, y]);
            let font = Font::new(SMALL).fill(DIM).anchor(Anchor::End);
            svg.text([left - 5.0, y + 4.0], font, name);
        }
        if !label.is_empty() && text::width(label, BODY) < 2.0 * h {
            let font = Font::new(BODY).anchor(Anchor::Middle);
            svg.upwards([left - 40.0, top + h / 2.0], font, label);
        }
    }

    /// The frame; drawn after grid and before marks.
    pub fn border(&self, svg: &mut Svg) {
        let style = format!(r#"fill="none" stroke="{DIM}" stroke-width="0.8""#);
        svg.rect(self.frame, &style);
    }

    /// A line above the panel that says what it shows.
    pub fn caption(&self, svg: &mut Svg, text: &str, fill: &'static str) {
        let [left, top, w, _] = self.frame;
        let text = text::cut(text, BODY, w);
        svg.text([left, top - 6.0], Font::new(BODY).fill(fill), &text);
    }

    /// The pixel of a point; NaN, a gap, outside the panel.
    pub fn at(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        if self.x.holds(x) && self.y.holds(y) {
            [self.x.at(x), self.y.at(y)]
        } else {
            [f64::NAN, f64::NAN]
        }
    }

    /// A line through points, as a group's path with its name; one point alone is a dot.
    pub fn line(
        &self,
        svg: &mut Svg,
        name: &str,
        points: impl IntoIterator<Item = [f64; 2]>,
        style: &str,
    ) {
        let mut path = Path::default();
        points.into_iter().for_each(|p| path.push(self.at(p)));
        if path.points > 0 {
            let style = format!(
                r#"class="line" data-name="{}" data-points="{}" fill="none" stroke-linejoin="round" stroke-linecap="round" {style}"#,
                escape(name),
                path.points
            );
            svg.path(path.d(), &style);
        }
    }
}

/// The stroke of series `i`.
pub(crate) fn stroke(i: usize, width: f64) -> String {
    let (colour, dash) = series(i);
    match dash {
        "" => format!(r#"stroke="{colour}" stroke-width="{width}""#),
        _ => format!(r#"stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dash}""#),
    }
}

/// A legend in rows from `left`, at most `room` wide: name and stroke of each; the bottom of the last row.
pub(crate) fn legend(
    svg: &mut Svg,
    [left, top]: [f64; 2],
    room: f64,
    entries: &[(String, String)],
) -> f64 {
    let (mut x, mut y) = (left, top + 10.0);
    svg.begin(r#"class="legend""#);
    for (name, style) in entries {
        let name = text::cut(name, BODY, room - 26.0);
        let wide = 26.0 + text::width(&name, BODY) + 14.0;
        if x > left && x + wide - 14.0 > left + room {
            (x, y) = (left, y + 18.0);
        }
        svg.line([x, y - 4.0], [x + 20.0, y - 4.0], style);
        svg.text([x + 26.0, y], Font::new(BODY), &name);
        x += wide;
    }
    svg.end();
    y + 6.0
}
