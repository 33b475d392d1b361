//! One file for each chart.

mod confusion;
mod curves;
mod encoding;
mod grid;
mod raster;
mod steps;
mod traces;
mod unit;
mod weights;

pub use confusion::Confusion;
pub use curves::{Curve, Curves, Metric};
pub use encoding::{Coded, Encoding};
pub use grid::{Cell, Grid, Line};
pub use raster::{Population, Raster};
pub use steps::{Activity, Steps};
pub use traces::{Membrane, Trace, Traces};
pub use unit::{Unit, UnitInput};
pub use weights::{CELLS, Values, Weights};
