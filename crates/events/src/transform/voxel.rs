//! Voxel grids: events in bins of time that overlap.

use cortado_base::{Error, Result};

use super::{Frames, pixel};
use crate::event::{Geometry, View};

pub(super) fn grid(view: View<'_>, geometry: Geometry, n: u32) -> Result<Frames<f32>> {
    if n == 0 {
        return Err(Error::invalid("n_bins", "to_voxel_grid", "at least 1", n));
    }
    let n = n as usize;
    let mut grid = Frames::zeros([n, 1, geometry.height.into(), geometry.width.into()])?;
    let size = super::area(geometry);
    let (first, last) = view.span().unwrap_or_default();
    let scale = if last > first {
        (n - 1) as f64 / (last - first) as f64
    } else {
        0.0
    };
    for e in view.iter() {
        let sign = if e.p { 1.0 } else { -1.0 };
        let s = (e.t - first) as f64 * scale;
        let bin = (s as usize).min(n - 1);
        let share = (s - bin as f64) as f32;
        let place = bin * size + pixel(geometry, e.x, e.y);
        grid.data[place] += sign * (1.0 - share);
        if bin + 1 < n {
            grid.data[place + size] += sign * share;
        }
    }
    Ok(grid)
}
