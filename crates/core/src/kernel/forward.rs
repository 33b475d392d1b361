//! A tile of neurons forward over some steps.

use super::{Lane, Layout, Port, Rules, TILE, at, constants, load, store};
use crate::neuron::Neuron;
use crate::num::Float;
use std::ops::Range;

/// What arrives at a tile.
#[derive(Clone, Copy)]
pub(crate) struct Term<'a, R> {
    pub port: Port,
    pub source: Source<'a, R>,
}

/// Where a [`Term`] comes from.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a, R> {
    /// Rows of the weights `[inputs][TILE]` of the inputs that fired in row `first + t * stride`.
    Rows {
        offsets: &'a [u32],
        index: &'a [u32],
        values: Option<&'a [R]>,
        first: usize,
        stride: usize,
        weights: &'a [R],
        bias: Option<&'a [R]>,
    },
    /// Weight 1 from the inputs of this tile, `tile` being its first, that fired in row `first + t * stride`.
    Own {
        offsets: &'a [u32],
        index: &'a [u32],
        values: Option<&'a [R]>,
        first: usize,
        stride: usize,
        tile: usize,
    },
    /// Another current in every step: `data[base + t * stride ..]`.
    Each {
        data: &'a [R],
        base: usize,
        stride: usize,
    },
    /// The same current in every step.
    Constant(&'a [R]),
}

/// Neurons of one tile, forward.
pub struct Forward<'a, R> {
    /// `[K]`, or `[K][TILE]` if parameters differ between neurons.
    pub(crate) constants: &'a [R],
    pub(crate) rules: Rules,
    pub(crate) terms: &'a [Term<'a, R>],
    /// The steps to run, as the terms count them.
    pub(crate) steps: Range<usize>,
    /// `[S][TILE]`
    pub(crate) state: &'a mut [R],
    /// The state before the reset, with the address of step 0.
    pub(crate) tape: Option<(&'a mut [R], usize, Layout)>,
    /// Columns of the tape that keep the current and the pulse, for a Jacobian that depends on them.
    pub(crate) inputs: [Option<usize>; 2],
    /// A bit for each neuron that fired, `[steps]`.
    pub(crate) fired: &'a mut [u64],
    /// The membrane before the reset, at `base + t * stride`.
    pub(crate) membrane: Option<(&'a mut [R], usize, usize)>,
    /// The smooth spikes, at `base + t * stride`.
    pub(crate) graded: Option<(&'a mut [R], usize, usize)>,
}

/// Adds the rows of the weights that `index` names to `acc`.
#[inline(always)]
pub(crate) fn add_rows<R: Float>(
    acc: &mut Lane<R>,
    weights: &[R],
    index: &[u32],
    values: Option<&[R]>,
) {
    match values {
        None => {
            for &i in index {
                let row = &weights[i as usize * TILE..][..TILE];
                for j in 0..TILE {
                    acc[j] += row[j];
                }
            }
        }
        Some(values) => {
            for (&i, &v) in index.iter().zip(values) {
                let row = &weights[i as usize * TILE..][..TILE];
                for j in 0..TILE {
                    acc[j] += row[j] * v;
                }
            }
        }
    }
}

impl<R: Float> Source<'_, R> {
    /// Adds what arrives in step `t`: the sum of a source is taken by itself, so that its path does not show.
    #[inline(always)]
    fn add(&self, t: usize, acc: &mut Lane<R>) {
        let data = match *self {
            Source::Rows {
                offsets,
                index,
                values,
                first,
                stride,
                weights,
                bias,
            } => {
                let r = first + t * stride;
                let (lo, hi) = (offsets[r] as usize, offsets[r + 1] as usize);
                if lo < hi {
                    let mut sum = [R::ZERO; TILE];
                    let values = values.map(|v| &v[lo..hi]);
                    add_rows(&mut sum, weights, &index[lo..hi], values);
                    if let Some(bias) = bias {
                        let bias = &bias[..TILE];
                        for j in 0..TILE {
                            sum[j] = bias[j] + sum[j];
                        }
                    }
                    for j in 0..TILE {
                        acc[j] += sum[j];
                    }
                    return;
                }
                match bias {
                    Some(bias) => &bias[..TILE],
                    None => return,
                }
            }
            Source::Own {
                offsets,
                index,
                values,
                first,
                stride,
                tile,
            } => {
                let r = first + t * stride;
                for n in offsets[r] as usize..offsets[r + 1] as usize {
                    let lane = (index[n] as usize).wrapping_sub(tile);
                    if lane < TILE {
                        acc[lane] += values.map_or(R::ONE, |v| v[n]);
                    }
                }
                return;
            }
            Source::Each { data, base, stride } => &data[base + t * stride..][..TILE],
            Source::Constant(data) => &data[..TILE],
        };
        for j in 0..TILE {
            acc[j] += data[j];
        }
    }
}

#[inline(always)]
pub(crate) fn forward<
    R: Float,
    M: Neuron<S, P, K>,
    const S: usize,
    const P: usize,
    const K: usize,
>(
    f: &mut Forward<'_, R>,
) {
    if f.constants.len() == K {
        steps::<R, M, S, P, K, false>(f);
    } else {
        steps::<R, M, S, P, K, true>(f);
    }
}

#[inline(always)]
fn steps<
    R: Float,
    M: Neuron<S, P, K>,
    const S: usize,
    const P: usize,
    const K: usize,
    const OWN: bool,
>(
    f: &mut Forward<'_, R>,
) {
    let before = if f.rules.before { R::ONE } else { R::ZERO };
    let mut s: [Lane<R>; S] = load(f.state, 0, TILE);
    let mut a = s;
    let mut gap = [R::ZERO; TILE];
    for t in f.steps.clone() {
        let (mut x, mut w) = ([R::ZERO; TILE], [R::ZERO; TILE]);
        for term in f.terms {
            let port = match term.port {
                Port::Current => &mut x,
                Port::Pulse => &mut w,
            };
            term.source.add(t, port);
        }
        for j in 0..TILE {
            let k = constants::<R, K, OWN>(f.constants, j);
            let moved = M::advance(&k, at(&s, j), x[j], w[j], before);
            for i in 0..S {
                a[i][j] = moved[i];
            }
            gap[j] = M::gap(&k, &moved);
        }
        let z = f.rules.spikes(&gap);
        f.fired[t - f.steps.start] = pack(&z);
        for j in 0..TILE {
            let k = constants::<R, K, OWN>(f.constants, j);
            let after = M::reset(&k, at(&a, j), z[j]);
            for i in 0..S {
                s[i][j] = after[i];
            }
        }
        if let Some((tape, base, layout)) = &mut f.tape {
            let base = *base + t * layout.step;
            store(&a, tape, base, layout.column);
            for (lane, column) in [&x, &w].into_iter().zip(f.inputs) {
                if let Some(c) = column {
                    tape[base + c * layout.column..][..TILE].copy_from_slice(lane);
                }
            }
        }
        if let Some((out, base, stride)) = &mut f.membrane {
            out[*base + t * *stride..][..TILE].copy_from_slice(&a[0]);
        }
        if let Some((out, base, stride)) = &mut f.graded {
            out[*base + t * *stride..][..TILE].copy_from_slice(&z);
        }
    }
    store(&s, f.state, 0, TILE);
}

/// A bit for each lane that is not zero: a byte for each first, then eight at a time by a multiplication that moves
/// the lowest bit of each byte into the highest byte.
#[inline(always)]
fn pack<R: Float>(z: &Lane<R>) -> u64 {
    let mut bytes = [0u8; TILE];
    for j in 0..TILE {
        bytes[j] = u8::from(z[j] != R::ZERO);
    }
    let mut bits = 0;
    for (n, eight) in bytes.as_chunks::<8>().0.iter().enumerate() {
        let one = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits |= one << (8 * n);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_has_its_bit() {
        for j in 0..TILE {
            let mut z = [0.0f32; TILE];
            z[j] = 1.0;
            z[63 - j] = 0.25;
            assert_eq!(pack(&z), 1 << j | 1 << (63 - j));
        }
    }
}
