//! Filters: which events are seen and which are noise. They carry their state, so that a recording may come in pieces.
//!
//! ```
//! use cortado_events::{Event, Events, Geometry, transform::filter::{Background, Filter, Neighbours}};
//! let mut filter = Background::new(Geometry::new(8, 8), 100, Neighbours::Eight, 1)?;
//! let at = |t, x| Event { t, x, y: 4, p: true };
//! let mut out = Events::new();
//! filter.filter([at(0, 3), at(90, 4)].into_iter().collect::<Events>().view(), &mut out);
//! filter.filter([at(150, 3), at(300, 2)].into_iter().collect::<Events>().view(), &mut out);
//! assert_eq!(out.view().t, [90, 150]);
//! # Ok::<(), cortado_base::Error>(())
//! ```

mod background;
mod flicker;
mod hot;
mod refractory;

pub use background::{Background, Neighbours};
pub use flicker::Flicker;
pub use hot::{HotPixels, PixelMask};
pub use refractory::Refractory;

use crate::event::{Events, Recording, View};

/// Lets some of the events pass.
pub trait Filter {
    /// Adds to `out` the events that pass, unchanged and in order; `view` follows what came before.
    ///
    /// The result does not depend on how a recording is cut into pieces. Events that are not on the sensor never pass.
    fn filter(&mut self, view: View<'_>, out: &mut Events);
}

/// Filters one after the other.
#[derive(Default)]
pub struct Chain {
    filters: Vec<Box<dyn Filter + Send>>,
    /// What passed one of them and goes to the next.
    between: [Events; 2],
}

impl Chain {
    /// The filters, the first one first.
    pub fn new(filters: Vec<Box<dyn Filter + Send>>) -> Self {
        Self {
            filters,
            between: Default::default(),
        }
    }
}

impl Filter for Chain {
    fn filter(&mut self, view: View<'_>, out: &mut Events) {
        let Some((last, first)) = self.filters.split_last_mut() else {
            return out.append(view);
        };
        let [from, to] = &mut self.between;
        from.clear();
        from.append(view);
        for filter in first {
            to.clear();
            filter.filter(from.view(), to);
            std::mem::swap(from, to);
        }
        last.filter(from.view(), out);
    }
}

/// Filters a whole recording.
pub(super) fn apply(filter: &mut dyn Filter, r: &mut Recording) {
    let mut out = Events::new();
    filter.filter(r.events.view(), &mut out);
    r.events = out;
}
