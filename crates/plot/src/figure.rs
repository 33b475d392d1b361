//! A finished picture.

use crate::colour::INK;
use crate::error::{Error, Result};
use crate::svg::{Font, Px, Svg, escape};
use crate::text;
use serde::Serialize;

/// The width of a picture that stands alone, in pixels.
pub const WIDTH: f64 = 720.0;

/// Room between the edge and what is drawn.
pub(crate) const MARGIN: f64 = 12.0;

/// The fonts, the first of which a PNG is set in; the others are as wide.
const FONTS: &str = "DejaVu Sans, Verdana, sans-serif";

/// A chart: numbers that can be drawn.
pub trait Chart: Serialize {
    /// Draws it at a width in pixels; the height follows.
    ///
    /// # Errors
    /// Nothing to draw; lengths that do not fit each other; a width below 200.
    fn draw(&self, width: f64) -> Result<Figure>;
}

/// A picture as SVG.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Width in pixels.
    pub width: f64,
    /// Height in pixels.
    pub height: f64,
    svg: String,
}

impl Figure {
    /// Puts a page around what was drawn; `title` is what a screen reader says.
    pub(crate) fn new(title: &str, width: f64, height: f64, drawn: Svg) -> Self {
        let (w, h) = (Px(width), Px(height));
        let svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" font-family="{FONTS}">
<title>{}</title><rect width="{w}" height="{h}" fill="white"/>
{}</svg>
"#,
            escape(title),
            drawn.body
        );
        Self { width, height, svg }
    }

    /// The picture as an SVG file, which can stand in HTML as well.
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// The same picture as PNG, `scale` pixels for each of the SVG, set in a font that comes with this crate.
    ///
    /// # Errors
    /// A scale that gives no pixels or more than 100 million.
    #[cfg(feature = "png")]
    pub fn png(&self, scale: f32) -> Result<Vec<u8>> {
        use resvg::{tiny_skia, usvg};
        let fail = |got: String| Error::new("picture", "PNG", "an SVG that can be painted", got);
        let mut options = usvg::Options::default();
        options
            .fontdb_mut()
            .load_font_data(include_bytes!("../assets/DejaVuSans-subset.ttf").to_vec());
        options.font_family = "DejaVu Sans".into();
        let tree = usvg::Tree::from_str(&self.svg, &options).map_err(|e| fail(e.to_string()))?;
        let size = [self.width, self.height].map(|v| v * f64::from(scale));
        let pixels = size[0] * size[1];
        if !(scale > 0.0 && (1.0..=1e8).contains(&pixels)) {
            return Err(Error::new("scale", "PNG", "1 to 1e8 pixels", scale));
        }
        let [w, h] = size.map(|v| v.ceil() as u32);
        let mut pixmap = tiny_skia::Pixmap::new(w, h).ok_or_else(|| fail(format!("{w} x {h}")))?;
        let transform = tiny_skia::Transform::from_scale(scale, scale);
        resvg::render(&tree, transform, &mut pixmap.as_mut());
        pixmap.encode_png().map_err(|e| fail(e.to_string()))
    }
}

/// Checks the width.
pub(crate) fn page(width: f64) -> Result<f64> {
    if (200.0..=4000.0).contains(&width) {
        return Ok(width);
    }
    Err(Error::new(
        "width",
        "the picture",
        "200 to 4000 pixels",
        width,
    ))
}

/// Writes the title, in as many lines as it takes; where the next thing may stand.
pub(crate) fn heading(svg: &mut Svg, title: &str, width: f64) -> f64 {
    let mut y = MARGIN;
    if title.is_empty() {
        return y;
    }
    for line in text::wrap(title, 14.0, width - 2.0 * MARGIN) {
        y += 16.0;
        svg.text([MARGIN, y], Font::new(14.0).fill(INK), &line);
    }
    y + 12.0
}
