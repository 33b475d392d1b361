//! A population forward over some steps, tile by tile and sample by sample.

use super::{Lane, Layout, Rules, TILE, at, constants, load, spikes, store};
use crate::neuron::Neuron;
use crate::num::Float;
use crate::spikes::Rows;
use std::ops::Range;

/// What arrives at a population, for all samples and tiles.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a, R> {
    /// Weights `[tile][inputs][TILE]` of the inputs that fired.
    Rows {
        fired: Fired<'a, R>,
        weights: &'a [R],
        inputs: usize,
        bias: Option<&'a [R]>,
    },
    /// Weight 1 from the inputs of the same number that fired.
    Own(Fired<'a, R>),
    /// A current in every step, or the same in all.
    Each { data: &'a [R], layout: Layout },
}

/// The inputs that fired: those of step `t` and sample `b` are row `first + t * stride + b`.
#[derive(Clone, Copy)]
pub(crate) struct Fired<'a, R> {
    pub rows: &'a Rows<R>,
    pub first: usize,
    pub stride: usize,
}

impl<R: Float> Fired<'_, R> {
    #[inline(always)]
    fn range(&self, b: usize, t: usize) -> Range<usize> {
        let (r, offsets) = (self.first + t * self.stride + b, &self.rows.offsets);
        offsets[r] as usize..offsets[r + 1] as usize
    }
}

/// A population, forward.
pub struct Forward<'a, R> {
    /// `[K]`, or `[tile][K][TILE]` if parameters differ between neurons.
    pub(crate) constants: &'a [R],
    pub(crate) rules: Rules,
    /// What arrives as a current, then what arrives as a pulse; how many are currents.
    pub(crate) sources: (&'a [Source<'a, R>], usize),
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
    pub(crate) inputs: Option<[usize; 2]>,
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
    let rows = weights.as_chunks::<TILE>().0;
    match values {
        None => {
            for &i in index {
                let row = &rows[i as usize];
                for j in 0..TILE {
                    acc[j] += row[j];
                }
            }
        }
        Some(values) => {
            for (&i, &v) in index.iter().zip(values) {
                let row = &rows[i as usize];
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
                fired,
                weights,
                inputs,
                bias,
            } => {
                let range = fired.range(b, t);
                let bias = bias.map(|bias| &bias[tile * TILE..][..TILE]);
                if !range.is_empty() {
                    let mut sum = Lane::zero();
                    let values = fired.rows.values().map(|v| &v[range.clone()]);
                    let weights = &weights[tile * inputs * TILE..][..inputs * TILE];
                    add_rows(&mut sum, weights, &fired.rows.index[range], values);
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
            Source::Own(fired) => {
                let mut sum = Lane::zero();
                let values = fired.rows.values();
                for n in fired.range(b, t) {
                    let lane = (fired.rows.index[n] as usize).wrapping_sub(tile * TILE);
                    if lane < TILE {
                        sum[lane] = values.map_or(R::ONE, |v| v[n]);
                    }
                }
                for j in 0..TILE {
                    acc[j] += sum[j];
                }
                return;
            }
            Source::Each { data, layout } => {
                &data[layout.base(b, tile) + t * layout.step..][..TILE]
            }
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
    let edge = f.rules.edge::<R>();
    let (currents, pulses) = f.sources.0.split_at(f.sources.1);
    for tile in 0..f.tiles {
        let own = if OWN {
            &f.constants[tile * K * TILE..][..K * TILE]
        } else {
            f.constants
        };
        for b in 0..f.samples {
            let cell = tile * f.samples + b;
            let mut s: [Lane<R>; S] = load(f.state, cell * S * TILE, TILE);
            let mut a = s;
            let mut gap = Lane::zero();
            for t in f.steps.clone() {
                let mut x = Lane::zero();
                for source in currents {
                    source.add((tile, b), t, &mut x);
                }
                let mut w = Lane::zero();
                for source in pulses {
                    source.add((tile, b), t, &mut w);
                }
                for j in 0..TILE {
                    let k = constants::<R, K, OWN>(own, j);
                    let moved = M::advance(&k, at(&s, j), x[j], w[j], before);
                    for i in 0..S {
                        a[i][j] = moved[i];
                    }
                    gap[j] = M::gap(&k, &moved);
                }
                f.fired[cell * f.total + t] = R::above(&gap, edge);
                let z = spikes(&f.rules, &gap);
                for j in 0..TILE {
                    let k = constants::<R, K, OWN>(own, j);
                    let after = M::reset(&k, at(&a, j), z[j]);
                    for i in 0..S {
                        s[i][j] = after[i];
                    }
                }
                if let Some((out, layout)) = &mut f.graded {
                    let here = layout.base(b, tile) + t * layout.step;
                    out[here..][..TILE].copy_from_slice(&z[..]);
                }
                if let Some((tape, layout)) = &mut f.tape {
                    let here = layout.base(b, tile) + t * layout.step;
                    store(&a, tape, here, layout.column);
                    if let Some([current, pulse]) = f.inputs {
                        tape[here + current * layout.column..][..TILE].copy_from_slice(&x[..]);
                        tape[here + pulse * layout.column..][..TILE].copy_from_slice(&w[..]);
                    }
                }
                if let Some((out, layout)) = &mut f.membrane {
                    let here = layout.base(b, tile) + t * layout.step;
                    out[here..][..TILE].copy_from_slice(&a[0][..]);
                }
            }
            store(&s, f.state, cell * S * TILE, TILE);
        }
    }
}
