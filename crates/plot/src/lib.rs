//! Charts of numbers, as SVG and as PNG.
//!
//! A chart is a plain struct of numbers and names; [`Chart::draw`] turns it into a [`Figure`]. Nothing here knows what a network
//! is. Text stays text, colours are told apart by the colour-blind (`okabe2008`), axes bear units, and a number that is not finite
//! leaves a gap.
//!
//! Every panel is a group `<g class="panel" data-x="a b p q" data-y="...">` that says which data `a..b` stand at which pixels
//! `p..q`, so that a reader of the file gets the numbers back.
//!
//! ```
//! use cortado_plot::{Chart, charts::{Population, Raster}};
//! let raster = Raster {
//!     title: "one spike".into(),
//!     dt: 1e-3,
//!     steps: 10,
//!     populations: vec![Population { name: "hidden".into(), neurons: 4, spikes: vec![[3, 2]] }],
//! };
//! let figure = raster.draw(480.0)?;
//! assert!(figure.svg().contains(r#"data-spikes="1""#));
//! # Ok::<(), cortado_plot::Error>(())
//! ```

mod axes;
pub mod charts;
mod colour;
mod error;
mod figure;
mod scale;
mod svg;
mod text;

pub use colour::{SERIES, diverging, sequential};
pub use error::{Error, Result};
pub use figure::{Chart, Figure, WIDTH};
pub use scale::{Scale, Time, ticks};
