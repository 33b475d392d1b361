//! Slices of a recording: half-open windows `[start, end)`, borrowed, with whole numbers only.
//!
//! Windows are found by binary search, so that events must be in order of time; a slice is made when it is asked for,
//! so that a million windows take no memory. What remains after the last whole window follows one stated rule, [`Rest`].

mod slices;

use cortado_base::{Error, Result};
use serde::{Deserialize, Serialize};

pub use slices::{Slice, Slices};

use crate::event::{Trigger, View};
use slices::{Axis, Windows};

/// How a recording is cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Cut {
    /// Windows of that many microseconds; each begins `window - overlap` after the one before.
    Time {
        /// Length in microseconds.
        window: u64,
        /// Microseconds that a window shares with the one before.
        #[serde(default)]
        overlap: u64,
    },
    /// So many windows of equal length (up to a microsecond): window i of n over a length L is
    /// `[ceil(i L / n), ceil((i + 1) L / n))`, so that windows tile.
    ///
    /// With overlap o, L is `length - o`, and each window goes on for o: the last one still ends at the end.
    TimeParts {
        /// How many.
        n: u64,
        /// Microseconds that a window shares with the one before.
        #[serde(default)]
        overlap: u64,
    },
    /// Windows of that many events.
    Count {
        /// Events in a window.
        window: u64,
        /// Events that a window shares with the one before.
        #[serde(default)]
        overlap: u64,
    },
    /// So many windows with equally many events (up to one), by the rule of [`Cut::TimeParts`].
    CountParts {
        /// How many.
        n: u64,
        /// Events that a window shares with the one before.
        #[serde(default)]
        overlap: u64,
    },
    /// From one index of an event up to, and without, another.
    Indices {
        /// First index and the one after the last.
        ranges: Vec<[u64; 2]>,
    },
    /// From one time up to, and without, another.
    Times {
        /// Microseconds.
        ranges: Vec<[u64; 2]>,
    },
    /// A window at each trigger between `start` and `end`.
    Triggers {
        /// Of this input only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u16>,
        /// Rising edges only, or falling ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<bool>,
        /// Microseconds before the trigger that belong to it.
        #[serde(default)]
        before: u64,
        /// Microseconds after the trigger that belong to it; up to the next one if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
    },
}

/// What becomes of the events after the last whole window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rest {
    /// They are a shorter window: nothing is lost.
    #[default]
    Keep,
    /// They are left out: all windows are equally long.
    Drop,
}

/// Cuts recordings.
///
/// # Deviations
/// Tonic rounds the length of each of n windows down and loses the tail, drops the last window unless told otherwise,
/// and counts its times from `i * window` also where windows overlap; here windows tile, the rest is kept, and times
/// count from where the slice begins.
///
/// ```
/// use cortado_events::{Event, Events, slice::{Cut, Slicer}};
/// let events: Events = (0..10).map(|i| Event { t: 100 + 3 * i, ..Event::default() }).collect();
/// let slices = Slicer::new(Cut::Time { window: 8, overlap: 0 }).slices(events.view(), &[])?;
/// assert_eq!(slices.iter().map(|s| s.events.len()).collect::<Vec<_>>(), [3, 3, 2, 2]);
/// assert_eq!(slices.get(2).unwrap().rebased().view().t, [2, 5]);
/// # Ok::<(), cortado_base::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slicer {
    /// How.
    pub cut: Cut,
    /// Where the first window begins, in microseconds; at the first event if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// Where the last window ends; a microsecond after the last event if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// What becomes of the rest.
    #[serde(default)]
    pub rest: Rest,
}

impl Slicer {
    /// Cuts from the first event to the last, and keeps the rest.
    pub fn new(cut: Cut) -> Self {
        Self {
            cut,
            start: None,
            end: None,
            rest: Rest::Keep,
        }
    }

    /// The slices of `view`.
    ///
    /// # Errors
    /// Events that are not in order of time; windows that are empty, or shorter than their overlap; a start after the
    /// end; indices beyond the last event.
    pub fn slices<'a>(&self, view: View<'a>, triggers: &[Trigger]) -> Result<Slices<'a>> {
        in_order(view)?;
        let [start, end] = self.span(view)?;
        let index = [start, end].map(|t| view.t.partition_point(|&u| u < t) as u64);
        let (axis, span) = match self.cut {
            Cut::Count { .. } | Cut::CountParts { .. } => (Axis::Index, index),
            Cut::Indices { .. } => (Axis::Index, [0, view.len() as u64]),
            _ => (Axis::Time, [start, end]),
        };
        let windows = match &self.cut {
            Cut::Time { window, overlap } | Cut::Count { window, overlap } => {
                self.every(*window, *overlap, span[1] - span[0])?
            }
            Cut::TimeParts { n, overlap } | Cut::CountParts { n, overlap } => {
                if *n == 0 {
                    return Err(Error::invalid("number of windows", "cut", "at least 1", 0));
                }
                Windows::Parts {
                    n: *n,
                    overlap: *overlap,
                }
            }
            Cut::Indices { ranges } => Windows::List(ordered(ranges, view.len() as u64)?),
            Cut::Times { ranges } => Windows::List(ordered(ranges, u64::MAX)?),
            Cut::Triggers {
                id,
                value,
                before,
                after,
            } => {
                let chosen = |t: &&Trigger| {
                    id.is_none_or(|id| id == t.id)
                        && value.is_none_or(|value| value == t.value)
                        && (start..end).contains(&t.t)
                };
                let mut times: Vec<u64> = triggers.iter().filter(chosen).map(|t| t.t).collect();
                times.sort_unstable();
                let next = |i: usize| times.get(i + 1).copied().unwrap_or(end);
                let window = |(i, &t): (usize, &u64)| {
                    let to = after.map_or_else(|| next(i), |after| t.saturating_add(after));
                    [t.saturating_sub(*before), to]
                };
                Windows::List(times.iter().enumerate().map(window).collect())
            }
        };
        Ok(Slices {
            view,
            axis,
            span,
            windows,
        })
    }

    /// Where windows begin and end in time.
    fn span(&self, view: View<'_>) -> Result<[u64; 2]> {
        let first = view.t.first().copied().unwrap_or(0);
        let after = view.t.last().map_or(0, |t| t.saturating_add(1));
        let start = self.start.unwrap_or(first.min(self.end.unwrap_or(first)));
        let end = self.end.unwrap_or(after.max(start));
        if end < start {
            return Err(Error::invalid(
                "end",
                "cut",
                format!("{start} us, its start, or later"),
                end,
            ));
        }
        Ok([start, end])
    }

    fn every(&self, window: u64, overlap: u64, length: u64) -> Result<Windows> {
        if overlap >= window {
            let expected = format!("more than the overlap of {overlap}");
            return Err(Error::invalid("window", "cut", expected, window));
        }
        let stride = window - overlap;
        let whole = length
            .checked_sub(window)
            .map_or(0, |rest| rest / stride + 1);
        let covered = if whole == 0 {
            0
        } else {
            (whole - 1) * stride + window
        };
        let rest = self.rest == Rest::Keep && covered < length;
        Ok(Windows::Every {
            window,
            stride,
            n: whole + u64::from(rest),
        })
    }
}

/// Refuses events that are not in order of time.
pub(crate) fn in_order(view: View<'_>) -> Result<()> {
    match view.t.windows(2).position(|t| t[1] < t[0]) {
        None => Ok(()),
        Some(i) => {
            let expected = format!(
                "{} us or later, events being in order of time (sort them first)",
                view.t[i]
            );
            Err(Error::invalid(
                "time",
                format!("event {}", i + 1),
                expected,
                view.t[i + 1],
            ))
        }
    }
}

/// Ranges that do not go backwards or beyond `end`.
fn ordered(ranges: &[[u64; 2]], end: u64) -> Result<Vec<[u64; 2]>> {
    for (i, [a, b]) in ranges.iter().enumerate() {
        if a > b || *b > end {
            let expected = format!("a start that is not after its end, and an end up to {end}");
            return Err(Error::invalid(
                "range",
                format!("cut, range {i}"),
                expected,
                format!("{a}..{b}"),
            ));
        }
    }
    Ok(ranges.to_vec())
}
