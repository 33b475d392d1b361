//! Events as columns, and what stands beside them in a recording.

use std::ops::Range;

use cortado_base::{Error, Result};

/// A change that one pixel of a sensor saw, or a spike of one channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// Microseconds.
    pub t: u64,
    /// Column, from the left; of a sensor without columns the channel.
    pub x: u16,
    /// Row, from the top.
    pub y: u16,
    /// Whether it became brighter.
    pub p: bool,
}

/// Events, a column for each field: 13 bytes an event, in the order in which they were recorded.
///
/// ```
/// use cortado_events::{Event, Events};
/// let events: Events = [(3, 1, 2, true), (5, 7, 0, false)].map(|(t, x, y, p)| Event { t, x, y, p }).into_iter().collect();
/// assert_eq!(events.view().t, [3, 5]);
/// assert_eq!(events.checksum(), 107_000_525);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    t: Vec<u64>,
    x: Vec<u16>,
    y: Vec<u16>,
    p: Vec<bool>,
}

/// A run of events, borrowed; all columns are equally long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct View<'a> {
    /// Microseconds.
    pub t: &'a [u64],
    /// Columns.
    pub x: &'a [u16],
    /// Rows.
    pub y: &'a [u16],
    /// Polarities, `true` being brighter.
    pub p: &'a [bool],
}

/// Places for events that a decoder fills from the front; all columns are equally long.
pub(crate) struct Slots<'a> {
    pub t: &'a mut [u64],
    pub x: &'a mut [u16],
    pub y: &'a mut [u16],
    pub p: &'a mut [bool],
}

impl Events {
    /// No events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Events of these columns.
    ///
    /// # Errors
    /// Columns that are not equally long.
    pub fn from_columns(t: Vec<u64>, x: Vec<u16>, y: Vec<u16>, p: Vec<bool>) -> Result<Self> {
        let lengths = [x.len(), y.len(), p.len()];
        if lengths != [t.len(); 3] {
            let expected = format!("{} in each, as times", t.len());
            return Err(Error::invalid(
                "columns",
                "events",
                expected,
                format!("{lengths:?}"),
            ));
        }
        Ok(Self { t, x, y, p })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.t.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.t.is_empty()
    }

    /// All of them, borrowed.
    pub fn view(&self) -> View<'_> {
        View {
            t: &self.t,
            x: &self.x,
            y: &self.y,
            p: &self.p,
        }
    }

    /// One after the other.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Event> + Clone + '_ {
        self.view().iter()
    }

    /// Adds one at the end.
    #[inline]
    pub fn push(&mut self, event: Event) {
        self.t.push(event.t);
        self.x.push(event.x);
        self.y.push(event.y);
        self.p.push(event.p);
    }

    /// Adds others at the end.
    pub fn append(&mut self, other: View<'_>) {
        self.t.extend_from_slice(other.t);
        self.x.extend_from_slice(other.x);
        self.y.extend_from_slice(other.y);
        self.p.extend_from_slice(other.p);
    }

    /// Takes them all out; the memory stays.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Keeps the first `length`.
    pub fn truncate(&mut self, length: usize) {
        self.t.truncate(length);
        self.x.truncate(length);
        self.y.truncate(length);
        self.p.truncate(length);
    }

    /// Makes room for `more`.
    pub fn reserve(&mut self, more: usize) {
        self.t.reserve(more);
        self.x.reserve(more);
        self.y.reserve(more);
        self.p.reserve(more);
    }

    /// Keeps what `keep` says, in order.
    pub fn retain(&mut self, mut keep: impl FnMut(Event) -> bool) {
        let mut n = 0;
        for i in 0..self.len() {
            let event = self.view().get(i);
            if keep(event) {
                (self.t[n], self.x[n], self.y[n], self.p[n]) = (event.t, event.x, event.y, event.p);
                n += 1;
            }
        }
        self.truncate(n);
    }

    /// Puts them in order of time; those of one time stay in order.
    pub fn sort(&mut self) {
        if self.t.is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|&i| self.t[i]);
        *self = order.iter().map(|&i| self.view().get(i)).collect();
    }

    /// [`View::checksum`] of all.
    pub fn checksum(&self) -> u64 {
        self.view().checksum(0)
    }

    /// Columns to be changed in place.
    pub(crate) fn slots(&mut self) -> Slots<'_> {
        Slots {
            t: &mut self.t,
            x: &mut self.x,
            y: &mut self.y,
            p: &mut self.p,
        }
    }

    /// Puts a run of events to another place, over what is there.
    pub(crate) fn copy_within(&mut self, from: Range<usize>, to: usize) {
        self.t.copy_within(from.clone(), to);
        self.x.copy_within(from.clone(), to);
        self.y.copy_within(from.clone(), to);
        self.p.copy_within(from, to);
    }

    /// As many places as `length`, what is in them being anything.
    pub(crate) fn resize(&mut self, length: usize) {
        self.t.resize(length, 0);
        self.x.resize(length, 0);
        self.y.resize(length, 0);
        self.p.resize(length, false);
    }
}

impl<'a> Slots<'a> {
    /// The places from `n` on.
    pub fn after(self, n: usize) -> Self {
        Self {
            t: &mut self.t[n..],
            x: &mut self.x[n..],
            y: &mut self.y[n..],
            p: &mut self.p[n..],
        }
    }

    /// The places from `n` on, lent.
    pub fn rest(&mut self, n: usize) -> Slots<'_> {
        let Slots { t, x, y, p } = self;
        Slots { t, x, y, p }.after(n)
    }

    /// Takes the first `n` places off.
    pub fn split_off(&mut self, n: usize) -> Self {
        fn first<'a, T>(slots: &mut &'a mut [T], n: usize) -> &'a mut [T] {
            let (first, rest) = std::mem::take(slots).split_at_mut(n);
            *slots = rest;
            first
        }
        Self {
            t: first(&mut self.t, n),
            x: first(&mut self.x, n),
            y: first(&mut self.y, n),
            p: first(&mut self.p, n),
        }
    }
}

impl<'a> View<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.t.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.t.is_empty()
    }

    /// Event `i`.
    ///
    /// # Panics
    /// If there are not so many.
    #[inline]
    pub fn get(&self, i: usize) -> Event {
        Event {
            t: self.t[i],
            x: self.x[i],
            y: self.y[i],
            p: self.p[i],
        }
    }

    /// One after the other.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Event> + Clone + 'a {
        (0..self.len()).map(move |i| self.get(i))
    }

    /// Some of them; what is beyond the end is left out.
    pub fn slice(self, range: Range<usize>) -> Self {
        let end = range.end.min(self.len());
        let range = range.start.min(end)..end;
        View {
            t: &self.t[range.clone()],
            x: &self.x[range.clone()],
            y: &self.y[range.clone()],
            p: &self.p[range],
        }
    }

    /// A copy.
    pub fn to_events(self) -> Events {
        let mut events = Events::new();
        events.append(self);
        events
    }

    /// First and last time in the order of time, whatever the order of events.
    pub fn span(self) -> Option<(u64, u64)> {
        let first = self.t.iter().min()?;
        Some((*first, *self.t.iter().max()?))
    }

    /// A sum over all fields in order, after that of the events before, which is 0 at the start:
    /// `c <- 1000003 c + 31 t + 7 x + 3 y + p` for each event, modulo 2^64.
    pub fn checksum(self, before: u64) -> u64 {
        self.iter().fold(before, |sum, e| {
            sum.wrapping_mul(1_000_003)
                .wrapping_add(e.t.wrapping_mul(31))
                .wrapping_add(7 * u64::from(e.x) + 3 * u64::from(e.y) + u64::from(e.p))
        })
    }
}

impl FromIterator<Event> for Events {
    fn from_iter<I: IntoIterator<Item = Event>>(iter: I) -> Self {
        let mut events = Self::new();
        events.extend(iter);
        events
    }
}

impl Extend<Event> for Events {
    fn extend<I: IntoIterator<Item = Event>>(&mut self, iter: I) {
        let iter = iter.into_iter();
        self.reserve(iter.size_hint().0);
        iter.for_each(|e| self.push(e));
    }
}

/// The size of a sensor in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl Geometry {
    /// A sensor of that many columns and rows.
    pub const fn new(width: u16, height: u16) -> Self {
        Self { width, height }
    }

    /// Whether it has that pixel.
    #[inline]
    pub fn contains(self, x: u16, y: u16) -> bool {
        x < self.width && y < self.height
    }
}

impl std::fmt::Display for Geometry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// An edge of a signal beside the sensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trigger {
    /// Microseconds.
    pub t: u64,
    /// Which input.
    pub id: u16,
    /// Whether it rose.
    pub value: bool,
}

/// Events with what else was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// The events.
    pub events: Events,
    /// Edges of signals beside the sensor, in the order of the recording.
    pub triggers: Vec<Trigger>,
    /// The sensor, where it is known.
    pub geometry: Option<Geometry>,
}

impl Recording {
    /// Lets times begin at `first`: it is taken from all, and what is earlier is put at 0; gives how many were.
    pub fn rebase(&mut self, first: u64) -> usize {
        let triggers = self.triggers.iter().map(|g| g.t);
        let times = self.events.t.iter().copied().chain(triggers);
        let earlier = times.filter(|&t| t < first).count();
        self.events
            .t
            .iter_mut()
            .for_each(|t| *t = t.saturating_sub(first));
        self.triggers
            .iter_mut()
            .for_each(|g| g.t = g.t.saturating_sub(first));
        earlier
    }

    /// Takes out events and triggers; the memory and the geometry stay.
    pub fn clear(&mut self) {
        self.events.clear();
        self.triggers.clear();
    }
}
