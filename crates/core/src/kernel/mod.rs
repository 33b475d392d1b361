//! One tile of neurons over some steps, forward and backward: the inner loops of the clock-driven engine, and the
//! dense product that both share a layout with.
//!
//! Every model runs through the same two functions; they are generic over the model and inlined under the widest
//! vector instructions of the processor. Arrays of [`TILE`] lanes stay in registers or the first cache.

mod backward;
mod forward;
mod panel;
mod tangent;

pub use backward::Backward;
pub(crate) use backward::{Incoming, backward};
pub use forward::Forward;
pub(crate) use forward::{Fired, Source, add_rows, forward};
pub(crate) use panel::{Left, Right, multiply_add, panel, transpose};
pub use tangent::Tangent;
pub(crate) use tangent::{tangent, tangent_rows};

use crate::num::Float;
use crate::surrogate::Surrogate;
use std::ops::{Deref, DerefMut};

/// Neurons that run together: one value each fills four registers of 16 lanes.
pub(crate) const TILE: usize = 64;

/// One value for each neuron of a tile, from the start of a cache line on: a register that straddles two lines is stored
/// and loaded at half the speed.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Lane<R>([R; TILE]);

impl<R: Float> Lane<R> {
    /// Zeros.
    #[inline(always)]
    pub fn zero() -> Self {
        Self([R::ZERO; TILE])
    }
}

impl<R> Deref for Lane<R> {
    type Target = [R; TILE];

    #[inline(always)]
    fn deref(&self) -> &[R; TILE] {
        &self.0
    }
}

impl<R> DerefMut for Lane<R> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [R; TILE] {
        &mut self.0
    }
}

/// `n` rounded up to whole tiles.
pub(crate) const fn padded(n: usize) -> usize {
    n.div_ceil(TILE) * TILE
}

/// What holds for a whole population.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether pulses arrive before the flow.
    pub before: bool,
    /// Whether a neuron at threshold fires.
    pub at_threshold: bool,
    /// Replaces the step by the surrogate's integral, to check gradients.
    pub smooth: Option<Surrogate>,
}

impl Rules {
    /// A neuron fires whose gap is above this.
    #[inline(always)]
    fn edge<R: Float>(&self) -> R {
        if self.at_threshold { R::UNDER } else { R::ZERO }
    }
}

/// The spikes of a tile from its gaps.
#[inline(always)]
fn spikes<R: Float>(rules: &Rules, gap: &Lane<R>) -> Lane<R> {
    let edge = rules.edge::<R>();
    let mut z = Lane::zero();
    for j in 0..TILE {
        z[j] = if gap[j] > edge { R::ONE } else { R::ZERO };
    }
    if let Some(surrogate) = &rules.smooth {
        z = smooth(surrogate, *gap);
    }
    z
}

/// Smooth spikes; apart from the inner loops, and from a copy of the gaps, so that these may stay in registers.
#[inline(never)]
fn smooth<R: Float>(surrogate: &Surrogate, gap: Lane<R>) -> Lane<R> {
    Lane(gap.map(|gap| R::of(surrogate.smooth(gap.value()))))
}

/// Where the rows of 64 lanes stand in a block of samples: `origin + sample * batch + tile * tile + step * step
/// + column * column`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layout {
    pub origin: usize,
    pub batch: usize,
    pub tile: usize,
    pub step: usize,
    pub column: usize,
}

impl Layout {
    /// `[sample][step][column][tile][64]`: all neurons of a step stand together.
    #[inline(always)]
    pub fn by_step(steps: usize, columns: usize, row: usize) -> Self {
        Self {
            origin: 0,
            batch: steps * columns * row,
            tile: TILE,
            step: columns * row,
            column: row,
        }
    }

    /// `[sample][tile][step][column][64]`: all steps of a tile stand together.
    pub fn by_tile(steps: usize, columns: usize, row: usize) -> Self {
        Self {
            origin: 0,
            batch: steps * columns * row,
            tile: steps * columns * TILE,
            step: columns * TILE,
            column: TILE,
        }
    }

    /// `[step][sample][row]`: all samples of a step stand together.
    pub fn by_time(samples: usize, row: usize) -> Self {
        Self {
            origin: 0,
            batch: row,
            tile: TILE,
            step: samples * row,
            column: row,
        }
    }

    /// `[tile][step][sample][column][64]`: the same, tile by tile.
    pub fn by_tile_and_time(samples: usize, steps: usize, columns: usize) -> Self {
        let batch = columns * TILE;
        Self {
            origin: 0,
            batch,
            tile: steps * samples * batch,
            step: samples * batch,
            column: TILE,
        }
    }

    /// `[sample][row]`, the same place for all steps.
    #[inline(always)]
    pub fn still(row: usize) -> Self {
        Self {
            step: 0,
            ..Self::by_step(1, 1, row)
        }
    }

    /// The address of a step of a sample.
    #[inline(always)]
    pub fn at(&self, sample: usize, step: usize) -> usize {
        self.base(sample, 0) + step * self.step
    }

    /// The address of step 0, column 0.
    #[inline(always)]
    pub fn base(&self, sample: usize, tile: usize) -> usize {
        self.origin + sample * self.batch + tile * self.tile
    }
}

/// Values of a block of samples, read only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a, R> {
    pub data: &'a [R],
    pub layout: Layout,
}

impl<'a, R> View<'a, R> {
    /// The address of a tile in a step.
    #[inline(always)]
    pub fn at(&self, sample: usize, step: usize, tile: usize) -> usize {
        self.layout.base(sample, tile) + step * self.layout.step
    }

    /// All neurons of a step; the layout is by step.
    pub fn row(&self, sample: usize, step: usize, width: usize) -> &'a [R] {
        debug_assert_eq!(self.layout.tile, TILE);
        &self.data[self.at(sample, step, 0)..][..width]
    }
}

#[inline(always)]
fn load<R: Float, const N: usize>(data: &[R], base: usize, stride: usize) -> [Lane<R>; N] {
    let mut out = [Lane::zero(); N];
    for (i, lane) in out.iter_mut().enumerate() {
        lane.copy_from_slice(&data[base + i * stride..][..TILE]);
    }
    out
}

#[inline(always)]
fn store<R: Float, const N: usize>(
    lanes: &[Lane<R>; N],
    data: &mut [R],
    base: usize,
    stride: usize,
) {
    for (i, lane) in lanes.iter().enumerate() {
        data[base + i * stride..][..TILE].copy_from_slice(&lane[..]);
    }
}

#[inline(always)]
fn at<R: Copy, const N: usize>(lanes: &[Lane<R>; N], j: usize) -> [R; N] {
    std::array::from_fn(|i| lanes[i][j])
}

/// The constants of neuron `j`: shared, or its own.
#[inline(always)]
fn constants<R: Float, const K: usize, const OWN: bool>(k: &[R], j: usize) -> [R; K] {
    std::array::from_fn(|i| {
        if OWN {
            k[..K * TILE][i * TILE + j]
        } else {
            k[..K][i]
        }
    })
}
