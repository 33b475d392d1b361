//! The one writer of SVG.

use crate::colour::{GRID, INK};
use std::fmt::{self, Display, Write};

/// A number of pixels: two decimals, never NaN or infinity.
pub(crate) struct Px(pub f64);

impl Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = if self.0.is_finite() {
            self.0.clamp(-1e6, 1e6)
        } else {
            0.0
        };
        let v = (v * 100.0).round() / 100.0;
        write!(f, "{}", if v == 0.0 { 0.0 } else { v })
    }
}

/// Text as XML holds it; characters that XML does not allow become a space.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push(' '),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Where text stands beside its point.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How text looks.
#[derive(Clone, Copy)]
pub(crate) struct Font {
    pub size: f64,
    pub fill: &'static str,
    pub anchor: Anchor,
}

impl Font {
    pub fn new(size: f64) -> Self {
        Self {
            size,
            fill: INK,
            anchor: Anchor::Start,
        }
    }

    pub fn fill(self, fill: &'static str) -> Self {
        Self { fill, ..self }
    }

    pub fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
}

/// Elements in the order in which they are painted. A `style` is attributes as text.
#[derive(Default)]
pub(crate) struct Svg {
    pub body: String,
}

impl Svg {
    fn put(&mut self, args: fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.body.write_fmt(args);
    }

    /// Opens a group.
    pub fn begin(&mut self, attributes: &str) {
        self.put(format_args!("<g {attributes}>"));
    }

    /// Closes a group.
    pub fn end(&mut self) {
        self.put(format_args!("</g>\n"));
    }

    pub fn rect(&mut self, [x, y, w, h]: [f64; 4], style: &str) {
        let [x, y, w, h] = [x, y, w.max(0.0), h.max(0.0)].map(Px);
        self.put(format_args!(
            r#"<rect x="{x}" y="{y}" width="{w}" height="{h}" {style}/>"#
        ));
    }

    pub fn line(&mut self, from: [f64; 2], to: [f64; 2], style: &str) {
        let [a, b, c, d] = [from[0], from[1], to[0], to[1]].map(Px);
        self.put(format_args!(
            r#"<line x1="{a}" y1="{b}" x2="{c}" y2="{d}" {style}/>"#
        ));
    }

    /// A line of a grid.
    pub fn grid(&mut self, from: [f64; 2], to: [f64; 2]) {
        self.line(from, to, &format!(r#"stroke="{GRID}""#));
    }

    pub fn circle(&mut self, [x, y]: [f64; 2], r: f64, style: &str) {
        let [x, y, r] = [x, y, r].map(Px);
        self.put(format_args!(
            r#"<circle cx="{x}" cy="{y}" r="{r}" {style}/>"#
        ));
    }

    pub fn path(&mut self, d: &str, style: &str) {
        self.put(format_args!(r#"<path d="{d}" {style}/>"#));
    }

    /// An arrow from one point to another.
    pub fn arrow(&mut self, from: [f64; 2], to: [f64; 2], colour: &str) {
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let n = dx.hypot(dy).max(1e-9);
        let (ux, uy) = (dx / n, dy / n);
        let back = [to[0] - 8.0 * ux, to[1] - 8.0 * uy];
        self.line(
            from,
            back,
            &format!(r#"stroke="{colour}" stroke-width="1.5""#),
        );
        let [a, b] = [1.0, -1.0].map(|s| [back[0] - s * 4.0 * uy, back[1] + s * 4.0 * ux]);
        let d = Path::default().to(to).to(a).to(b).closed();
        self.path(&d, &format!(r#"fill="{colour}""#));
    }

    pub fn text(&mut self, [x, y]: [f64; 2], font: Font, text: &str) {
        self.turned([x, y], font, text, "");
    }

    /// Text that reads upwards.
    pub fn upwards(&mut self, [x, y]: [f64; 2], font: Font, text: &str) {
        let turn = format!(r#" transform="rotate(-90 {} {})""#, Px(x), Px(y));
        self.turned([x, y], font, text, &turn);
    }

    fn turned(&mut self, [x, y]: [f64; 2], font: Font, text: &str, turn: &str) {
        let anchor = match font.anchor {
            Anchor::Start => "",
            Anchor::Middle => r#" text-anchor="middle""#,
            Anchor::End => r#" text-anchor="end""#,
        };
        let (x, y, size, fill) = (Px(x), Px(y), Px(font.size), font.fill);
        self.put(format_args!(
            r#"<text x="{x}" y="{y}" font-size="{size}" fill="{fill}"{anchor}{turn}>{}</text>"#,
            escape(text)
        ));
    }
}

/// The `d` of a path; a point that is not finite breaks the line.
#[derive(Default)]
pub(crate) struct Path {
    d: String,
    /// Whether the next point goes on with the line.
    on: bool,
    /// Points so far.
    pub points: usize,
}

impl Path {
    pub fn to(mut self, p: [f64; 2]) -> Self {
        self.push(p);
        self
    }

    pub fn push(&mut self, [x, y]: [f64; 2]) {
        if !(x.is_finite() && y.is_finite()) {
            self.on = false;
            return;
        }
        let word = if self.on { 'L' } else { 'M' };
        let _ = write!(self.d, "{word}{} {}", Px(x), Px(y));
        self.on = true;
        self.points += 1;
    }

    /// A vertical stroke of its own.
    pub fn stroke(&mut self, x: f64, y: f64, h: f64) {
        let _ = write!(self.d, "M{} {}v{}", Px(x), Px(y), Px(h));
        self.on = false;
        self.points += 1;
    }

    pub fn closed(mut self) -> String {
        self.d.push('Z');
        self.d
    }

    pub fn d(&self) -> &str {
        &self.d
    }
}
