//! Values that a sample runs through, as the file sees them and as the network keeps them.

use crate::ann::Source;

/// A value of a running network.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Flow {
    /// Where the network has it.
    pub from: Source,
    /// In which order the file sees it.
    pub view: View,
    /// Zeros that the file has put around it: top, left, bottom, right.
    pub pads: [usize; 4],
}

/// The order in which a file sees what the network keeps as `[n]` or `[channels, height, width]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum View {
    /// The same.
    Plain,
    /// An image with its channels last.
    Last,
    /// One axis, whose value `i` is value `order[i]` of the network.
    Shuffled(Vec<usize>),
}

impl Flow {
    /// As the network keeps it.
    pub fn plain(from: Source) -> Self {
        Self {
            from,
            view: View::Plain,
            pads: [0; 4],
        }
    }

    /// The same view of another value.
    pub fn with(&self, from: Source) -> Self {
        Self {
            from,
            view: self.view.clone(),
            pads: self.pads,
        }
    }

    /// The shape as the file sees it, without the batch.
    pub fn seen(&self, kept: &[usize]) -> Vec<usize> {
        let mut shape = kept.to_vec();
        if self.view == View::Last {
            shape.rotate_left(1);
        }
        shape
    }

    /// The axis of the channels, without the batch.
    pub fn channels(&self) -> usize {
        match self.view {
            View::Last => 2,
            _ => 0,
        }
    }
}

/// Where each value of an image with its channels last is kept.
pub(super) fn channels_last([c, h, w]: [usize; 3]) -> Vec<usize> {
    let mut order = Vec::with_capacity(c * h * w);
    for place in 0..h * w {
        order.extend((0..c).map(|c| c * h * w + place));
    }
    order
}
