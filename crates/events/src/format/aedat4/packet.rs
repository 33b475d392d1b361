//! The bodies of AEDAT 4's packets: events and triggers.

use cortado_base::Result;

use super::flat;
use crate::event::{Geometry, Slots, Trigger};
use crate::format::records::outside;
use crate::report::Report;

/// The events of a body, 16 bytes each.
pub(super) fn elements(body: &[u8]) -> std::result::Result<&[[u8; 16]], String> {
    let found = flat::root(body, b"EVTS").and_then(|table| table.vector(0, 16));
    Ok(found.ok_or("no whole events")?.as_chunks().0)
}

/// Rows and columns of a sensor that is not known, so that none are negative.
const LARGEST: Geometry = Geometry::new(0x8000, 0x8000);

/// Puts events into places, of which there are as many; gives the number of those with a time from 0 on and a pixel of the
/// sensor. `offset` is the place of the packet in the file.
pub(super) fn columns(
    elements: &[[u8; 16]],
    sensor: Option<Geometry>,
    offset: u64,
    slots: &mut Slots<'_>,
    report: &mut Report,
) -> Result<usize> {
    let sensor = sensor.unwrap_or(LARGEST);
    let n = elements.len();
    let (ts, xs) = (&mut slots.t[..n], &mut slots.x[..n]);
    let (ys, ps) = (&mut slots.y[..n], &mut slots.p[..n]);
    for (i, element) in elements.iter().enumerate() {
        let all = u128::from_le_bytes(*element);
        let (t, rest) = (all as u64, (all >> 64) as u64);
        (ts[i], xs[i], ys[i]) = (t, rest as u16, (rest >> 16) as u16);
        ps[i] = (rest >> 32) as u8 != 0;
    }
    // What is looked for here is so seldom that it is looked for in all at once.
    let largest = |column: &[u16]| column.iter().fold(0, |a, &b| a.max(b));
    let times = ts.iter().fold(0, |a, &t| a | t);
    if times >> 63 == 0 && (n == 0 || sensor.contains(largest(xs), largest(ys))) {
        return Ok(n);
    }
    let mut kept = 0;
    for i in 0..n {
        let (t, x, y) = (slots.t[i], slots.x[i], slots.y[i]);
        if t >> 63 == 1 {
            report.damage("time", offset, "from 0 on", t as i64)?;
        } else if !sensor.contains(x, y) {
            outside(sensor, x, y, offset, report)?;
        } else {
            (slots.t[kept], slots.x[kept], slots.y[kept]) = (t, x, y);
            slots.p[kept] = slots.p[i];
            kept += 1;
        }
    }
    Ok(kept)
}

/// Kinds of triggers, with input and value: edges of signal and generator, starts and ends of frames and exposures.
pub(super) const TRIGGERS: [(i8, u16, bool); 9] = [
    (1, 0, true),
    (2, 0, false),
    (3, 0, true), // a pulse; of two kinds with one meaning the first is written
    (4, 1, true),
    (5, 1, false),
    (6, 2, true),
    (7, 2, false),
    (8, 3, true),
    (9, 3, false),
];

/// Adds the triggers of a body.
pub(super) fn triggers(
    body: &[u8],
    offset: u64,
    out: &mut Vec<Trigger>,
    report: &mut Report,
) -> Result<()> {
    let tables = flat::root(body, b"TRIG").and_then(|table| table.tables(0));
    let Some(tables) = tables else {
        return report.damage("packet", offset, "triggers", "no whole triggers");
    };
    for table in tables {
        let Some(table) = table else {
            report.damage("packet", offset, "triggers", "an offset out of the packet")?;
            continue;
        };
        let kind = table.value(1).map_or(0, |[kind]: [u8; 1]| kind as i8);
        let Some(&(_, id, value)) = TRIGGERS.iter().find(|(k, ..)| *k == kind) else {
            report.assume("resets of time and unknown kinds of triggers are left out");
            continue;
        };
        match u64::try_from(table.long(0)) {
            Ok(t) => out.push(Trigger { t, id, value }),
            Err(_) => report.damage("time", offset, "from 0 on", table.long(0))?,
        }
    }
    Ok(())
}
