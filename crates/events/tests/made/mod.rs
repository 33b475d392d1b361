//! Recordings that tests make up.
#![allow(dead_code)] // each test binary uses a part

use cortado_events::transform::{Key, Output, Transform};
use cortado_events::{Event, Events, Geometry, Recording};
use proptest::prelude::*;

pub const KEY: Key = Key {
    seed: 11,
    sample: 3,
    epoch: 2,
};

/// The sensor of [`events`].
pub const SENSOR: Geometry = Geometry::new(7, 5);

/// Up to `n` events in order of time, many of them together, that begin at 1000 or later.
pub fn events(n: usize) -> impl Strategy<Value = Events> {
    let event = (0u64..40, 0u16..7, 0u16..5, any::<bool>());
    (1000u64..3000, prop::collection::vec(event, 0..n)).prop_map(|(mut t, steps)| {
        let event = |(dt, x, y, p): (u64, u16, u16, bool)| {
            t += dt.saturating_sub(8);
            Event { t, x, y, p }
        };
        steps.into_iter().map(event).collect()
    })
}

pub fn recording(events: Events, geometry: Geometry) -> Recording {
    Recording {
        events,
        triggers: Vec::new(),
        geometry: Some(geometry),
    }
}

/// A thousand events and more of a sensor of 32 columns and 24 rows.
pub fn many(n: u64) -> Recording {
    let event = |i: u64| Event {
        t: 5000 + 7 * i,
        x: (i * 13 % 32) as u16,
        y: (i * i % 24) as u16,
        p: i.is_multiple_of(3),
    };
    recording((0..n).map(event).collect(), Geometry::new(32, 24))
}

/// A change from its text.
pub fn transform(json: &str) -> Transform {
    serde_json::from_str(json).unwrap_or_else(|e| panic!("{json}: {e}"))
}

/// What a change makes of a recording, with that key.
pub fn keyed(json: &str, recording: &Recording, key: Key) -> Recording {
    match transform(json).apply(recording, key).unwrap() {
        Output::Events(recording) => recording,
        other => panic!("{json} gave {other:?}"),
    }
}

/// What a change makes of a recording.
pub fn changed(json: &str, recording: &Recording) -> Recording {
    keyed(json, recording, KEY)
}

/// The sentence with which a change refuses a recording.
pub fn refused(json: &str, recording: &Recording) -> String {
    transform(json)
        .apply(recording, KEY)
        .unwrap_err()
        .to_string()
}
