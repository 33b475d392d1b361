//! The slices of a recording, made one by one.

use crate::event::{Events, View};

/// Events of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice<'a> {
    /// The events.
    pub events: View<'a>,
    /// Index of the first one in what was cut.
    pub first: usize,
    /// Where the window begins, in microseconds; of a window of so many events, the time of the first.
    pub start: u64,
    /// Where it ends; of a window of so many events, a microsecond after the last.
    pub end: u64,
}

impl Slice<'_> {
    /// A copy with times that count from the start of the slice.
    pub fn rebased(&self) -> Events {
        let mut events = self.events.to_events();
        let times = events.slots().t;
        times.iter_mut().for_each(|t| *t -= self.start);
        events
    }
}

/// What is counted along: microseconds or events.
#[derive(Clone, Copy, Debug)]
pub(super) enum Axis {
    Time,
    Index,
}

/// Windows along an axis.
#[derive(Clone, Debug)]
pub(super) enum Windows {
    /// Each `stride` after the one before.
    Every { window: u64, stride: u64, n: u64 },
    /// So many that tile, and then go on for `overlap`.
    Parts { n: u64, overlap: u64 },
    /// As listed, whatever the start.
    List(Vec<[u64; 2]>),
}

/// The slices of a recording, each made when asked for.
#[derive(Clone, Debug)]
pub struct Slices<'a> {
    pub(super) view: View<'a>,
    pub(super) axis: Axis,
    /// Where windows begin and end along the axis.
    pub(super) span: [u64; 2],
    pub(super) windows: Windows,
}

/// Where part i of n begins in a length: `ceil(i length / n)`.
fn part(i: u64, length: u64, n: u64) -> u64 {
    (u128::from(i) * u128::from(length)).div_ceil(u128::from(n)) as u64
}

impl<'a> Slices<'a> {
    /// What is cut.
    pub(crate) fn view(&self) -> View<'a> {
        self.view
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match &self.windows {
            Windows::Every { n, .. } | Windows::Parts { n, .. } => *n as usize,
            Windows::List(ranges) => ranges.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Slice `i`, if there are so many.
    pub fn get(&self, i: usize) -> Option<Slice<'a>> {
        (i < self.len()).then(|| self.make(i))
    }

    /// One after the other.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Slice<'a>> + '_ {
        (0..self.len()).map(|i| self.make(i))
    }

    fn make(&self, i: usize) -> Slice<'a> {
        let [start, end] = self.span;
        let length = end - start;
        let i = i as u64;
        let [from, to] = match &self.windows {
            Windows::Every { window, stride, .. } => {
                let from = start + i * stride;
                [from, end.min(from.saturating_add(*window))]
            }
            Windows::Parts { n, overlap } => {
                let tiled = length.saturating_sub(*overlap);
                let [from, to] = [i, i + 1].map(|i| start + part(i, tiled, *n));
                [from, end.min(to.saturating_add(*overlap))]
            }
            Windows::List(ranges) => ranges[i as usize],
        };
        match self.axis {
            Axis::Time => {
                let [a, b] = [from, to].map(|t| self.view.t.partition_point(|&u| u < t));
                Slice {
                    events: self.view.slice(a..b),
                    first: a,
                    start: from,
                    end: to.max(from),
                }
            }
            Axis::Index => {
                let events = self.view.slice(from as usize..to as usize);
                // A window without events stands where the next event is.
                let next = self.view.t.get(from as usize).or(self.view.t.last());
                let start = next.copied().unwrap_or(0);
                let end = events.t.last().map_or(start, |t| t.saturating_add(1));
                Slice {
                    events,
                    first: from as usize,
                    start,
                    end,
                }
            }
        }
    }
}
