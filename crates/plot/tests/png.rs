//! A PNG is the picture of the SVG, and needs no font of the system.
#![cfg(feature = "png")]

use cortado_plot::Chart;
use cortado_plot::charts::Confusion;
use resvg::tiny_skia::Pixmap;

fn chart(title: &str) -> Confusion {
    Confusion {
        title: title.into(),
        classes: vec!["0".into(), "1".into()],
        counts: vec![vec![9, 0], vec![1, 8]],
    }
}

#[test]
fn a_png_has_the_size_of_the_figure_and_its_colours() {
    let figure = chart("").draw(300.0).unwrap();
    let png = Pixmap::decode_png(&figure.png(2.0).unwrap()).unwrap();
    assert_eq!(
        (png.width(), png.height()),
        (600, (figure.height * 2.0).ceil() as u32)
    );
    let doc = roxmltree::Document::parse(figure.svg()).unwrap();
    // The colour in a corner of each cell, where no text stands.
    for cell in doc
        .descendants()
        .filter(|n| n.attribute("class") == Some("cell"))
    {
        let [x, y] = ["x", "y"].map(|k| cell.attribute(k).unwrap().parse::<f64>().unwrap());
        let pixel = png
            .pixel((2.0 * x) as u32 + 6, (2.0 * y) as u32 + 6)
            .unwrap();
        let hex = format!(
            "#{:02x}{:02x}{:02x}",
            pixel.red(),
            pixel.green(),
            pixel.blue()
        );
        assert_eq!(Some(hex.as_str()), cell.attribute("fill"));
    }
}

#[test]
fn text_is_painted_with_greek_and_signs() {
    // The lines of pixels in which the title stands.
    let title = |title: &str| {
        let png = chart(title).draw(300.0).unwrap().png(4.0).unwrap();
        let png = Pixmap::decode_png(&png).unwrap();
        let pixels = png.pixels().iter().take(1200 * 128);
        pixels.map(|p| p.red() < 128).collect::<Vec<_>>()
    };
    let dark = |pixels: &[bool]| pixels.iter().filter(|p| **p).count();
    let (empty, missing) = (title("\u{a0}"), title("\u{4e2d}"));
    for text in [
        "word", "τ", "Σ", "ϑ", "≤", "²", "₁", "×", "−", "…", "µ", "–", "|",
    ] {
        let painted = title(text);
        assert!(
            dark(&painted) > dark(&empty) + 20 && painted != missing,
            "{text}"
        );
    }
}

#[test]
fn a_scale_without_pixels_is_a_sentence() {
    let figure = chart("").draw(300.0).unwrap();
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e5] {
        assert!(
            figure
                .png(scale)
                .unwrap_err()
                .to_string()
                .contains("1 to 1e8 pixels")
        );
    }
}
