//! Changes of time.

use std::ops::Range;

use cortado_base::Result;
use cortado_base::rng::Rng;

use super::{Draw, NUMBER, Outliers, POSITIVE, SHARE, inside};
use crate::event::Recording;

pub(super) fn crop(r: &mut Recording, window: Range<u64>) {
    r.events.retain(|e| window.contains(&e.t));
    r.triggers.retain(|t| window.contains(&t.t));
}

pub(super) fn align(r: &mut Recording) {
    if let Some((first, _)) = r.events.view().span() {
        r.events.slots().t.iter_mut().for_each(|t| *t -= first);
        r.triggers.retain(|t| t.t >= first);
        r.triggers.iter_mut().for_each(|t| t.t -= first);
    }
}

pub(super) fn jitter(r: &mut Recording, std: f64, outliers: Outliers, rng: &mut Rng) -> Result<()> {
    inside("std", std, POSITIVE)?;
    let mut n = 0;
    let slots = r.events.slots();
    for i in 0..slots.t.len() {
        // In whole numbers, as a time may have more digits than a float holds.
        let shift = (std * rng.normal()).round() as i64;
        let moved = match outliers {
            Outliers::Clamp => Some(slots.t[i].saturating_add_signed(shift)),
            Outliers::Drop => slots.t[i].checked_add_signed(shift),
        };
        if let Some(t) = moved {
            (slots.t[n], slots.x[n], slots.y[n], slots.p[n]) =
                (t, slots.x[i], slots.y[i], slots.p[i]);
            n += 1;
        }
    }
    r.events.truncate(n);
    Ok(())
}

pub(super) fn skew(
    r: &mut Recording,
    coefficient: Draw,
    offset: Draw,
    rng: &mut Rng,
) -> Result<()> {
    let a = coefficient.pick(rng, "coefficient", POSITIVE)?;
    let b = offset.pick(rng, "offset", NUMBER)?;
    let skewed = |t: u64| {
        // Exact where nothing is stretched, whatever the number of digits.
        if a == 1.0 {
            return t.checked_add_signed(b.round() as i64);
        }
        let t = (a * t as f64 + b).round();
        (t >= 0.0).then_some(t as u64)
    };
    r.events.retain(|e| skewed(e.t).is_some());
    r.events
        .slots()
        .t
        .iter_mut()
        .for_each(|t| *t = skewed(*t).unwrap_or(*t));
    r.triggers.retain(|t| skewed(t.t).is_some());
    r.triggers
        .iter_mut()
        .for_each(|t| t.t = skewed(t.t).unwrap_or(t.t));
    Ok(())
}

pub(super) fn reverse(r: &mut Recording, p: f64, flip: bool, rng: &mut Rng) -> Result<()> {
    let reversed = rng.uniform() < inside("p", p, SHARE)?;
    let times = || {
        r.events
            .view()
            .t
            .iter()
            .copied()
            .chain(r.triggers.iter().map(|t| t.t))
    };
    let (true, Some(first), Some(last)) = (reversed, times().min(), times().max()) else {
        return Ok(());
    };
    let slots = r.events.slots();
    slots.t.iter_mut().for_each(|t| *t = first + (last - *t));
    slots.t.reverse();
    slots.x.reverse();
    slots.y.reverse();
    slots.p.reverse();
    if flip {
        slots.p.iter_mut().for_each(|p| *p = !*p);
    }
    r.triggers.reverse();
    for trigger in &mut r.triggers {
        trigger.t = first + (last - trigger.t);
        trigger.value = !trigger.value;
    }
    Ok(())
}
