//! Colours that the colour-blind tell apart, and scales of them.

/// Colours of series, of Okabe and Ito (`okabe2008`), the yellow left out because it is faint on white.
pub const SERIES: [&str; 7] = [
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000",
];

/// Text.
pub(crate) const INK: &str = "#222222";
/// Text of less weight, and frames.
pub(crate) const DIM: &str = "#5a5a5a";
/// Lines of a grid.
pub(crate) const GRID: &str = "#e4e4e4";

/// The colour of series `i`, and the dashes that tell it from the one of the same colour.
pub(crate) fn series(i: usize) -> (&'static str, &'static str) {
    let dash = ["", "5 3", "1.5 2.5"][i / SERIES.len() % 3];
    (SERIES[i % SERIES.len()], dash)
}

fn mix(stops: &[[f64; 3]], u: f64) -> String {
    let last = stops.len() - 1;
    let u = if u.is_finite() {
        u.clamp(0.0, 1.0)
    } else {
        0.0
    } * last as f64;
    let i = (u as usize).min(last.saturating_sub(1));
    let f = u - i as f64;
    let channel = |c: usize| (stops[i][c] + f * (stops[i + 1][c] - stops[i][c])).round() as u8;
    format!("#{:02x}{:02x}{:02x}", channel(0), channel(1), channel(2))
}

/// White to dark blue for `u` in 0..=1; beyond, the nearer end.
///
/// ```
/// assert_eq!(cortado_plot::sequential(0.0), "#ffffff");
/// ```
pub fn sequential(u: f64) -> String {
    mix(
        &[
            [255.0, 255.0, 255.0],
            [166.0, 206.0, 232.0],
            [0.0, 114.0, 178.0],
            [8.0, 48.0, 90.0],
        ],
        u,
    )
}

/// Blue by white to vermilion for `u` in -1..=1; beyond, the nearer end.
///
/// ```
/// assert_eq!(cortado_plot::diverging(0.0), "#ffffff");
/// ```
pub fn diverging(u: f64) -> String {
    mix(
        &[
            [0.0, 68.0, 120.0],
            [70.0, 155.0, 210.0],
            [255.0, 255.0, 255.0],
            [232.0, 130.0, 60.0],
            [150.0, 55.0, 0.0],
        ],
        (u + 1.0) / 2.0,
    )
}
