//! Changes of place.

use cortado_base::rng::Rng;
use cortado_base::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{POSITIVE, SHARE, inside, sensor, whole};
use crate::event::{Geometry, Recording};

/// What becomes of events that a change would put outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outliers {
    /// They are dropped.
    #[default]
    Drop,
    /// They are put on the border.
    Clamp,
}

/// Keeps the window of that size at `origin`, which may lie outside the sensor.
pub(super) fn crop(r: &mut Recording, origin: [i32; 2], size: Geometry) {
    let mut n = 0;
    let slots = r.events.slots();
    for i in 0..slots.t.len() {
        let x = i32::from(slots.x[i]) - origin[0];
        let y = i32::from(slots.y[i]) - origin[1];
        if (0..i32::from(size.width)).contains(&x) && (0..i32::from(size.height)).contains(&y) {
            (slots.t[n], slots.p[n]) = (slots.t[i], slots.p[i]);
            (slots.x[n], slots.y[n]) = (x as u16, y as u16);
            n += 1;
        }
    }
    r.events.truncate(n);
    r.geometry = Some(size);
}

pub(super) fn center(r: &mut Recording, size: Geometry) -> Result<()> {
    let sensor = sensor(r)?;
    let middle = |have: u16, want: u16| (i32::from(have) - i32::from(want)) / 2;
    let origin = [
        middle(sensor.width, size.width),
        middle(sensor.height, size.height),
    ];
    crop(r, origin, size);
    Ok(())
}

pub(super) fn random(r: &mut Recording, size: Geometry, rng: &mut Rng) -> Result<()> {
    let sensor = sensor(r)?;
    let mut place = |have: u16, want: u16| {
        let free = have
            .checked_sub(want)
            .map(|free| rng.below(u32::from(free) + 1) as i32);
        free.ok_or_else(|| {
            Error::invalid(
                "size",
                "random_crop",
                format!("at most that of the sensor, {sensor}"),
                size,
            )
        })
    };
    let origin = [
        place(sensor.width, size.width)?,
        place(sensor.height, size.height)?,
    ];
    crop(r, origin, size);
    Ok(())
}

pub(super) fn flip(r: &mut Recording, p: f64, columns: bool, rng: &mut Rng) -> Result<()> {
    let sensor = whole(r)?;
    if rng.uniform() < inside("p", p, SHARE)? {
        let slots = r.events.slots();
        let (places, size) = if columns {
            (slots.x, sensor.width)
        } else {
            (slots.y, sensor.height)
        };
        places.iter_mut().for_each(|x| *x = size - 1 - *x);
    }
    Ok(())
}

/// Moves by a normal law with covariance `[xx, xy, yy]`.
pub(super) fn jitter(
    r: &mut Recording,
    [xx, xy, yy]: [f64; 3],
    outliers: Outliers,
    rng: &mut Rng,
) -> Result<()> {
    let sensor = whole(r)?;
    inside("var_x", xx, POSITIVE)?;
    inside("var_y", yy, POSITIVE)?;
    let most = (xx * yy).sqrt();
    inside("sigma_xy", xy, [-most, most])?;
    // The lower triangle whose square is the covariance.
    let a = xx.sqrt();
    let b = if a > 0.0 { xy / a } else { 0.0 };
    let c = (yy - b * b).max(0.0).sqrt();
    let mut n = 0;
    let slots = r.events.slots();
    for i in 0..slots.t.len() {
        let (u, v) = (rng.normal(), rng.normal());
        let mut x = f64::from(slots.x[i]) + (a * u).round();
        let mut y = f64::from(slots.y[i]) + (b * u + c * v).round();
        let [right, bottom] = [sensor.width, sensor.height].map(|size| f64::from(size) - 1.0);
        if outliers == Outliers::Clamp {
            (x, y) = (x.clamp(0.0, right), y.clamp(0.0, bottom));
        }
        if (0.0..=right).contains(&x) && (0.0..=bottom).contains(&y) {
            (slots.t[n], slots.p[n]) = (slots.t[i], slots.p[i]);
            (slots.x[n], slots.y[n]) = (x as u16, y as u16);
            n += 1;
        }
    }
    r.events.truncate(n);
    Ok(())
}
