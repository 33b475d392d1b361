//! Frames: numbers of events in windows.

use cortado_base::{Error, Result};

use super::{pixel, within};
use crate::event::{Geometry, View};
use crate::slice::{Cut, Slicer, Slices};

/// Numbers in four axes, `[T, P, H, W]`: windows, polarities (0 darker, 1 brighter), rows, columns.
///
/// A sensor that is a line, such as a cochlea, has H = 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Frames<T> {
    /// Length of each axis.
    pub shape: [usize; 4],
    /// The numbers, the last axis running fastest.
    pub data: Vec<T>,
}

/// No more numbers than that are made.
const MOST: usize = 1 << 30;

impl<T: Copy + Default> Frames<T> {
    /// All 0.
    ///
    /// # Errors
    /// More than 2^30 numbers.
    pub(super) fn zeros(shape: [usize; 4]) -> Result<Self> {
        let size = shape
            .iter()
            .try_fold(1usize, |n, axis| n.checked_mul(*axis));
        let size = size.filter(|size| *size <= MOST).ok_or_else(|| {
            Error::invalid(
                "size",
                "frames",
                format!("at most {MOST} numbers"),
                format!("{shape:?}"),
            )
        })?;
        Ok(Self {
            shape,
            data: vec![T::default(); size],
        })
    }

    /// Frame `i`, if there are so many.
    pub fn frame(&self, i: usize) -> Option<&[T]> {
        let size: usize = self.shape[1..].iter().product();
        self.data
            .get(i.checked_mul(size)?..)?
            .get(..size)
            .filter(|_| i < self.shape[0])
    }

    /// Frames of what `f` makes of each number.
    pub fn map<U>(&self, f: impl FnMut(T) -> U) -> Frames<U> {
        Frames {
            shape: self.shape,
            data: self.data.iter().copied().map(f).collect(),
        }
    }
}

impl Frames<u32> {
    /// In another type of number; what does not fit becomes `most`.
    ///
    /// ```
    /// # use cortado_events::transform::Frames;
    /// let frames = Frames { shape: [1, 1, 1, 2], data: vec![7u32, 700] };
    /// assert_eq!(frames.saturating(u8::MAX).data, [7, 255]);
    /// ```
    pub fn saturating<U: Copy + TryFrom<u32>>(&self, most: U) -> Frames<U> {
        self.map(|n| U::try_from(n).unwrap_or(most))
    }
}

/// Polarities that are told apart.
pub(super) fn polarities(merge: bool) -> usize {
    if merge { 1 } else { 2 }
}

/// Adds the events to a frame of `[P, H, W]`.
fn add(view: View<'_>, geometry: Geometry, merge: bool, frame: &mut [u32]) {
    let brighter = if merge { 0 } else { super::area(geometry) };
    for e in view.iter() {
        let n = &mut frame[usize::from(e.p) * brighter + pixel(geometry, e.x, e.y)];
        *n = n.saturating_add(1);
    }
}

pub(super) fn count(slices: &Slices<'_>, geometry: Geometry, merge: bool) -> Result<Frames<u32>> {
    within(slices.view(), geometry)?;
    let [h, w] = [geometry.height, geometry.width].map(usize::from);
    let mut frames = Frames::zeros([slices.len(), polarities(merge), h, w])?;
    let size = polarities(merge) * h * w;
    for (frame, slice) in frames.data.chunks_exact_mut(size.max(1)).zip(slices.iter()) {
        add(slice.events, geometry, merge, frame);
    }
    Ok(frames)
}

pub(super) fn image(view: View<'_>, geometry: Geometry, merge: bool) -> Result<Frames<u32>> {
    within(view, geometry)?;
    let mut frames = Frames::zeros([
        1,
        polarities(merge),
        geometry.height.into(),
        geometry.width.into(),
    ])?;
    add(view, geometry, merge, &mut frames.data);
    Ok(frames)
}

pub(super) fn binary(
    view: View<'_>,
    geometry: Geometry,
    n_frames: u32,
    n_bits: u32,
) -> Result<Frames<f32>> {
    within(view, geometry)?;
    if !(1..=24).contains(&n_bits) {
        return Err(Error::invalid("n_bits", "to_bina_rep", "1 to 24", n_bits));
    }
    let [h, w] = [geometry.height, geometry.width].map(usize::from);
    let mut bits = Frames::<u32>::zeros([n_frames as usize, 2, h, w])?;
    if bits.data.is_empty() {
        return Ok(bits.map(|b| b as f32));
    }
    let parts = Cut::TimeParts {
        n: u64::from(n_frames) * u64::from(n_bits),
        overlap: 0,
    };
    let slices = Slicer::new(parts).slices(view, &[])?;
    for (i, slice) in slices.iter().enumerate() {
        let (frame, bit) = (i / n_bits as usize, i % n_bits as usize);
        for e in slice.events.iter() {
            let place = (2 * frame + usize::from(e.p)) * h * w + pixel(geometry, e.x, e.y);
            bits.data[place] |= 1 << bit;
        }
    }
    let most = ((1u32 << n_bits) - 1) as f32;
    Ok(bits.map(|b| b as f32 / most))
}
