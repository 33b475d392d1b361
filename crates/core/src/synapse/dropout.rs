//! Dropout (`srivastava2014`): one mask for the whole presentation of a sample.

use super::Pairs;
use crate::kernel::View;
use crate::num::Float;
use crate::rng::{Purpose, Rng};
use crate::sim::{Class, Errors, Signal, Slot};
use std::ops::Range;

/// Silences each input with probability `p` and multiplies the others by `1 / (1 - p)`, in training only.
#[derive(Clone, Debug)]
pub(crate) struct Dropout {
    pub p: f64,
    /// The node, as a key of its random numbers.
    pub object: u32,
}

impl Dropout {
    /// Draws the masks; `samples` are the numbers of the samples within the batch.
    pub fn draw<R: Float>(
        &self,
        (seed, step): (u64, u64),
        samples: Range<usize>,
        slot: &mut Slot<R>,
    ) {
        let kept = R::of(1.0 / (1.0 - self.p));
        slot.mask.resize(samples.len() * slot.row);
        for (sample, mask) in samples.zip(slot.mask.chunks_exact_mut(slot.row)) {
            let mut rng = Rng::new(
                seed,
                self.object,
                Purpose::Dropout,
                step << 20 | sample as u64,
            );
            mask.fill_with(|| {
                if rng.uniform() < self.p {
                    R::ZERO
                } else {
                    kept
                }
            });
        }
    }

    /// Multiplies by the masks; without masks hands on its input.
    pub fn forward<R: Float>(
        &self,
        source: &Signal<'_, R>,
        out: &mut Slot<R>,
        steps: Range<usize>,
    ) {
        let steps = if out.class == Class::Constant {
            0..1
        } else {
            steps
        };
        let mask = std::mem::take(&mut out.mask);
        for t in steps {
            for b in 0..out.samples {
                let mask = mask.get(b * out.row..(b + 1) * out.row);
                if let Some((index, values)) = source.sparse(b, t) {
                    for (n, &i) in index.iter().enumerate() {
                        let v = values.map_or(R::ONE, |v| v[n]);
                        let m = mask.map_or(R::ONE, |m| m[i as usize]);
                        if m != R::ZERO {
                            out.rows.index.push(i);
                            if mask.is_some() || values.is_some() {
                                out.rows.values.push(v * m);
                            }
                        }
                    }
                    out.rows.close();
                } else if let Some(row) = source.dense(b, t) {
                    let out = out.out(b, t);
                    for j in 0..row.len() {
                        out[j] = row[j] * mask.map_or(R::ONE, |m| m[j]);
                    }
                }
            }
        }
        out.mask = mask;
    }

    /// Adds the error of the source.
    pub fn backward<R: Float>(
        &self,
        error: View<'_, R>,
        mask: &[R],
        into: &mut Errors<'_, R>,
        pairs: Pairs,
        steps: Range<usize>,
    ) {
        let row = into.row_len;
        for t in pairs.pieces(steps).flatten() {
            for b in 0..into.samples {
                let error = error.row(b, t, row);
                let mask = &mask[b * row..][..row];
                let out = into.row(b, t - pairs.shift);
                for j in 0..row {
                    out[j] += error[j] * mask[j];
                }
            }
        }
    }
}
