//! Shapes of what nodes hand on, and the order in which their values stand in memory.

use std::sync::Arc;

/// `[n]`, or `[channels, height, width]`.
///
/// Images stand with their channels last in memory, because a convolution then moves whole runs; a flattened image keeps
/// that order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub dims: Vec<usize>,
    size: usize,
    order: Option<Arc<Order>>,
}

/// The position in `[channels, height, width]` of each place in memory, and the other way round.
#[derive(Debug, PartialEq, Eq)]
struct Order {
    positions: Vec<u32>,
    places: Vec<u32>,
}

impl Shape {
    /// `[n]` or `[channels, height, width]`.
    pub fn new(dims: &[usize]) -> Self {
        let order = match *dims {
            [c, h, w] if c > 1 => {
                let n = c * h * w;
                let turn = |a: usize| (0..n).map(|p| ((p % a) * (n / a) + p / a) as u32).collect();
                Some(Arc::new(Order {
                    positions: turn(c),
                    places: turn(h * w),
                }))
            }
            _ => None,
        };
        Self {
            dims: dims.to_vec(),
            size: dims.iter().product(),
            order,
        }
    }

    /// The number of values.
    #[inline]
    pub fn size(&self) -> usize {
        self.size
    }

    /// One axis, in the same memory.
    pub fn flat(&self) -> Self {
        Self {
            dims: vec![self.size],
            size: self.size,
            order: self.order.clone(),
        }
    }

    /// Channels, height and width.
    pub fn image(&self) -> Option<[usize; 3]> {
        match *self.dims {
            [c, h, w] => Some([c, h, w]),
            _ => None,
        }
    }

    /// Number of channels: what batch norm normalises by itself; each value of one axis.
    pub fn channels(&self) -> usize {
        self.dims[0]
    }

    /// The place in `dims` of place `p` in memory.
    pub fn canonical(&self, p: usize) -> usize {
        self.order.as_ref().map_or(p, |o| o.positions[p] as usize)
    }

    /// The place in memory of place `i` in `dims`.
    pub fn place(&self, i: usize) -> usize {
        self.places().map_or(i, |p| p[i] as usize)
    }

    /// Whether memory and `dims` agree.
    pub fn in_order(&self) -> bool {
        self.order.is_none()
    }

    /// For each place in `dims`, the place in memory, where they differ.
    #[inline]
    pub fn places(&self) -> Option<&[u32]> {
        self.order.as_ref().map(|o| &o.places[..])
    }

    /// For each place in `dims`, the place in memory.
    pub fn inverse(&self) -> Vec<u32> {
        let same = || (0..self.size as u32).collect();
        self.places().map_or_else(same, <[u32]>::to_vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_stand_last_in_memory() {
        let s = Shape::new(&[2, 2, 3]);
        let order: Vec<usize> = (0..12).map(|p| s.canonical(p)).collect();
        assert_eq!(order, [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]);
        assert_eq!(s.flat().inverse()[6], 1);
        assert!(Shape::new(&[1, 2, 3]).in_order() && Shape::new(&[5]).in_order());
    }
}
