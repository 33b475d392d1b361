//! What stands between populations: projections with weights, pooling, batch norm, dropout.
//!
//! Each file says what one kind of node hands forward over some steps, what error it hands back, and the gradient of
//! its weights, for one block of samples.

mod conv;
mod delayed;
mod dense;
mod dropout;
mod norm;
mod pool;
mod taps;

pub(crate) use conv::Conv;
pub(crate) use delayed::Ring;
pub(crate) use dense::{Delay, Linear, Pairs};
pub(crate) use dropout::Dropout;
pub(crate) use norm::{Moments, Norm};
pub(crate) use pool::{Pool, PoolKind};
pub(crate) use taps::{Kernel, Taps};

/// Memory that a node keeps from call to call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch<R> {
    /// Zero between calls.
    pub sums: Vec<R>,
    /// Zero between calls.
    pub touched: Vec<u64>,
    pub row: Vec<R>,
    pub index: Vec<u32>,
    pub offsets: Vec<u32>,
}

/// Size of a window's output along one axis, if the window fits.
pub(crate) fn windows(size: usize, kernel: usize, stride: usize, padding: usize) -> Option<usize> {
    let room = padding
        .checked_mul(2)?
        .checked_add(size)?
        .checked_sub(kernel)?;
    (kernel > 0 && stride > 0 && padding < kernel).then(|| room / stride + 1)
}
