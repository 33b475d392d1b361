//! Changes of polarity, and events that nobody saw.

use cortado_base::rng::Rng;
use cortado_base::{Error, Result};

use super::{Draw, SHARE, inside, sensor};
use crate::event::{Event, Recording};

pub(super) fn flip_polarity(r: &mut Recording, p: f64, all: bool, rng: &mut Rng) -> Result<()> {
    inside("p", p, SHARE)?;
    let slots = r.events.slots();
    if all {
        let flip = rng.uniform() < p;
        slots.p.iter_mut().for_each(|p| *p ^= flip);
    } else {
        slots.p.iter_mut().for_each(|q| *q ^= rng.uniform() < p);
    }
    Ok(())
}

/// No more events than that are added.
const MOST: f64 = 1e9;

pub(super) fn uniform(r: &mut Recording, n: Draw, rng: &mut Rng) -> Result<()> {
    let geometry = sensor(r)?;
    let n = n.pick(rng, "n", [0.0, MOST])?.round() as usize;
    let Some((first, last)) = r.events.view().span() else {
        return Ok(());
    };
    if geometry.width == 0 || geometry.height == 0 {
        return Err(Error::invalid(
            "geometry",
            "uniform_noise",
            "at least one pixel",
            geometry,
        ));
    }
    let duration = (last - first) as f64 + 1.0;
    r.events.reserve(n);
    for _ in 0..n {
        let t = (first + (rng.uniform() * duration) as u64).min(last);
        let x = rng.below(geometry.width.into()) as u16;
        let y = rng.below(geometry.height.into()) as u16;
        r.events.push(Event {
            t,
            x,
            y,
            p: rng.below(2) == 1,
        });
    }
    r.events.sort();
    Ok(())
}
