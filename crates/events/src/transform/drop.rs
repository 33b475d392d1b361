//! Changes that leave out events.

use cortado_base::rng::Rng;
use cortado_base::{Error, Result};

use super::{Draw, SHARE, area, inside, pixel, sensor, whole};
use crate::event::Recording;

/// Exactly `round(p n)` of n, by going through them once: each is dropped with the chance that is left for it.
pub(super) fn events(r: &mut Recording, p: Draw, rng: &mut Rng) -> Result<()> {
    let p = p.pick(rng, "p", SHARE)?;
    let mut left = r.events.len() as f64;
    let mut to_drop = (p * left).round();
    r.events.retain(|_| {
        let dropped = rng.uniform() * left < to_drop;
        left -= 1.0;
        to_drop -= f64::from(u8::from(dropped));
        !dropped
    });
    Ok(())
}

pub(super) fn by_time(r: &mut Recording, ratio: Draw, rng: &mut Rng) -> Result<()> {
    let ratio = ratio.pick(rng, "duration_ratio", SHARE)?;
    let Some((first, last)) = r.events.view().span() else {
        return Ok(());
    };
    let duration = (last - first) as f64 + 1.0;
    let length = (ratio * duration).round();
    // A place for each start that leaves the interval inside.
    let start = first + (rng.uniform() * (duration - length + 1.0)) as u64;
    let end = start.saturating_add(length as u64);
    r.events.retain(|e| !(start..end).contains(&e.t));
    Ok(())
}

pub(super) fn by_area(r: &mut Recording, ratio: Draw, rng: &mut Rng) -> Result<()> {
    let sensor = whole(r)?;
    let side = ratio.pick(rng, "area_ratio", SHARE)?.sqrt();
    let mut range = |size: u16| {
        let length = (side * f64::from(size)).round() as u32;
        let start = rng.below(u32::from(size) - length + 1);
        start..start + length
    };
    let (x, y) = (range(sensor.width), range(sensor.height));
    r.events
        .retain(|e| !(x.contains(&e.x.into()) && y.contains(&e.y.into())));
    Ok(())
}

pub(super) fn any(r: &mut Recording, rng: &mut Rng) -> Result<()> {
    match rng.below(4) {
        0 => Ok(()),
        1 => by_time(r, Draw::Range([0.1, 0.9]), rng),
        2 => by_area(r, Draw::Range([0.05, 0.25]), rng),
        _ => events(r, Draw::Range([0.1, 0.9]), rng),
    }
}

pub(super) fn random_pixels(r: &mut Recording, p: f64, rng: &mut Rng) -> Result<()> {
    let sensor = whole(r)?;
    inside("p", p, SHARE)?;
    let dropped: Vec<bool> = (0..area(sensor)).map(|_| rng.uniform() < p).collect();
    r.events.retain(|e| !dropped[pixel(sensor, e.x, e.y)]);
    Ok(())
}

pub(super) fn decimate(r: &mut Recording, n: u32) -> Result<()> {
    let geometry = sensor(r)?;
    super::within(r.events.view(), geometry)?;
    if n == 0 {
        return Err(Error::invalid("n", "decimation", "at least 1", n));
    }
    let mut counts = vec![0u32; area(geometry)];
    r.events.retain(|e| {
        let count = &mut counts[pixel(geometry, e.x, e.y)];
        *count = (*count + 1) % n;
        *count == 0
    });
    Ok(())
}
