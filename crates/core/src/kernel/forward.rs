//! A population forward over some steps, tile by tile and sample by sample.

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

/// Where a [`Term`] comes from, for all samples and tiles of a population.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a, R> {
    /// Rows of the weights `[tile][inputs][TILE]` of the inputs that fired in row `first + t * stride + sample`.
    Rows {
        offsets: &'a [u32],
        index: &'a [u32],
        values: Option<&'a [R]>,
        first: usize,
        stride: usize,
        weights: &'a [R],
        inputs: usize,
        bias: Option<&'a [R]>,
    },
    /// Weight 1 from the inputs of the same number that fired in row `first + t * stride + sample`.
    Own {
        offsets: &'a [u32],
        index: &'a [u32],
        values: Option<&'a [R]>,
        first: usize,
        stride: usize,
    },
    /// Another current in every step: `data[base + sample * batch + t * stride ..]`.
    Each {
        data: &'a [R],
        base: usize,
        batch: usize,
        stride: usize,
    },
    /// The same current in every step: `data[sample * batch ..]`.
    Constant { data: &'a [R], batch: usize },
}

/// A population, forward.
pub struct Forward<'a, R> {
    /// `[K]`, or `[tile][K][TILE]` if parameters differ between neurons.
    pub(crate) constants: &'a [R],
    pub(crate) rules: Rules,
    pub(crate) terms: &'a [Term<'a, R>],
    pub(crate) tiles: usize,
    pub(crate) samples: usize,
    /// The steps to run, of how many.
    pub(crate) steps: Range<usize>,
    pub(crate) total: usize,
    /// `[tile][sample][S][TILE]`
    pub(crate) state: &'a mut [R],
    /// The state before the reset.
    pub(crate) tape: Option<(&'a mut [R], Layout)>,
    /// Columns of the tape that keep the current and the pulse, for a Jacobian that depends on them.
    pub(crate) inputs: [Option<usize>; 2],
    /// A bit for each neuron that fired, `[tile][sample][total]`.
    pub(crate) fired: &'a mut [u64],
    /// The membrane before the reset, if it is handed on.
    pub(crate) membrane: Option<(&'a mut [R], Layout)>,
    /// The smooth spikes, if they are handed on.
    pub(crate) graded: Option<(&'a mut [R], Layout)>,
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
    fn add(&self, (tile, b): (usize, usize), t: usize, acc: &mut Lane<R>) {
        let data = match *self {
            Source::Rows {
                offsets,
                index,
                values,
                first,
                stride,
                weights,
                inputs,
                bias,
            } => {
                let r = first + t * stride + b;
                let (lo, hi) = (offsets[r] as usize, offsets[r + 1] as usize);
                let bias = bias.map(|bias| &bias[tile * TILE..][..TILE]);
                if lo < hi {
                    let mut sum = [R::ZERO; TILE];
                    let values = values.map(|v| &v[lo..hi]);
                    let weights = &weights[tile * inputs * TILE..][..inputs * TILE];
                    add_rows(&mut sum, weights, &index[lo..hi], values);
                    if let Some(bias) = bias {
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
                    Some(bias) => bias,
                    None => return,
                }
            }
            Source::Own {
                offsets,
                index,
                values,
                first,
                stride,
            } => {
                let r = first + t * stride + b;
                for n in offsets[r] as usize..offsets[r + 1] as usize {
                    let lane = (index[n] as usize).wrapping_sub(tile * TILE);
                    if lane < TILE {
                        acc[lane] += values.map_or(R::ONE, |v| v[n]);
                    }
                }
                return;
            }
            Source::Each {
                data,
                base,
                batch,
                stride,
            } => &data[base + b * batch + t * stride + tile * TILE..][..TILE],
            Source::Constant { data, batch } => &data[b * batch + tile * TILE..][..TILE],
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
        cells::<R, M, S, P, K, false>(f);
    } else {
        cells::<R, M, S, P, K, true>(f);
    }
}

#[inline(always)]
fn cells<
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
    for tile in 0..f.tiles {
        let constants_of = if OWN {
            &f.constants[tile * K * TILE..][..K * TILE]
        } else {
            f.constants
        };
        for b in 0..f.samples {
            let cell = tile * f.samples + b;
            let mut s: [Lane<R>; S] = load(f.state, cell * S * TILE, TILE);
            let mut a = s;
            let mut gap = [R::ZERO; TILE];
            for t in f.steps.clone() {
                let (mut x, mut w) = ([R::ZERO; TILE], [R::ZERO; TILE]);
                for term in f.terms {
                    let port = match term.port {
                        Port::Current => &mut x,
                        Port::Pulse => &mut w,
                    };
                    term.source.add((tile, b), t, port);
                }
                for j in 0..TILE {
                    let k = constants::<R, K, OWN>(constants_of, j);
                    let moved = M::advance(&k, at(&s, j), x[j], w[j], before);
                    for i in 0..S {
                        a[i][j] = moved[i];
                    }
                    gap[j] = M::gap(&k, &moved);
                }
                let z = f.rules.spikes(&gap);
                f.fired[cell * f.total + t] = pack(&z);
                for j in 0..TILE {
                    let k = constants::<R, K, OWN>(constants_of, j);
                    let after = M::reset(&k, at(&a, j), z[j]);
                    for i in 0..S {
                        s[i][j] = after[i];
                    }
                }
                if let Some((tape, layout)) = &mut f.tape {
                    let here = layout.base(b, tile) + t * layout.step;
                    store(&a, tape, here, layout.column);
                    for (lane, column) in [&x, &w].into_iter().zip(f.inputs) {
                        if let Some(c) = column {
                            tape[here + c * layout.column..][..TILE].copy_from_slice(lane);
                        }
                    }
                }
                for (out, lane) in [(&mut f.membrane, &a[0]), (&mut f.graded, &z)] {
                    if let Some((out, layout)) = out {
                        let here = layout.base(b, tile) + t * layout.step;
                        out[here..][..TILE].copy_from_slice(lane);
                    }
                }
            }
            store(&s, f.state, cell * S * TILE, TILE);
        }
    }
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
