//! Background activity: events that no neighbour supports.

use cortado_base::{Error, Result};
use serde::{Deserialize, Serialize};

use super::Filter;
use crate::event::{Events, Geometry, View};
use crate::transform::within_memory;

/// Which pixels are neighbours of a pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Neighbours {
    /// Left, right, above and below.
    Four,
    /// Those and the diagonal ones.
    #[default]
    Eight,
}

impl Neighbours {
    /// How many they are.
    pub fn count(self) -> u8 {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }
}

/// Lets an event pass if at least `support` of its neighbours fired in the `window` before it, at most so many
/// microseconds ago (`delbruck2008`); all events support their neighbours, also those that do not pass.
///
/// With a support of 1 it is the classic filter; more, up to the number of neighbours, is stricter. Events of its own
/// pixel do not count.
#[derive(Clone, Debug)]
pub struct Background {
    geometry: Geometry,
    window: u64,
    support: u8,
    /// Where neighbours are, from a pixel on; the first ones if there are only four.
    offsets: [usize; 8],
    count: usize,
    /// When each pixel last fired, plus 1; 0 is never. A border of one pixel around the sensor never fires.
    last: Vec<u64>,
}

impl Background {
    /// For a sensor, a window in microseconds, and so many of the neighbours.
    ///
    /// # Errors
    /// A support of 0 or of more than there are neighbours; a sensor of more than 2^26 pixels.
    pub fn new(
        geometry: Geometry,
        window: u64,
        neighbours: Neighbours,
        support: u8,
    ) -> Result<Self> {
        within_memory(geometry)?;
        let most = neighbours.count();
        if !(1..=most).contains(&support) {
            return Err(Error::invalid(
                "support",
                "denoise",
                format!("1 to {most} neighbours"),
                support,
            ));
        }
        let row = usize::from(geometry.width) + 2;
        // Counted from the pixel above and to the left.
        let offsets = [1, row, row + 2, 2 * row + 1, 0, 2, 2 * row, 2 * row + 2];
        Ok(Self {
            geometry,
            window,
            support,
            offsets,
            count: most.into(),
            last: vec![0; row * (usize::from(geometry.height) + 2)],
        })
    }
}

impl Filter for Background {
    fn filter(&mut self, view: View<'_>, out: &mut Events) {
        let row = usize::from(self.geometry.width) + 2;
        for e in view.iter() {
            if !self.geometry.contains(e.x, e.y) {
                continue;
            }
            let corner = usize::from(e.y) * row + usize::from(e.x);
            let mut found = 0;
            for offset in &self.offsets[..self.count] {
                let last = self.last[corner + offset];
                found += u8::from(last != 0 && e.t.saturating_sub(last - 1) <= self.window);
            }
            self.last[corner + row + 1] = e.t.saturating_add(1);
            if found >= self.support {
                out.push(e);
            }
        }
    }
}
