//! How large the values of units get on samples: what rates, digits and times are measured in.

use crate::ann::{Ann, Op};
use crate::{Error, Result};
use cortado::num::Float;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU32, Ordering};

/// Which value of a layer counts as its largest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// The largest of all (`diehl2015b`).
    Max,
    /// That which this share of the positive values does not exceed, in percent (`rueckauer2017`).
    Percentile(f64),
    /// The same for each channel by itself.
    Channel(f64),
}

impl Default for Scale {
    fn default() -> Self {
        Self::Percentile(99.9)
    }
}

/// Bins between 0 and the largest value.
const BINS: usize = 1 << 13;

/// What each layer of units reaches on samples `[count][inputs]`: one number for the layer, or one for each channel. `None` for layers
/// that are no units.
///
/// A quantised unit reaches its ceiling, and a clip no more than its end. A layer that nothing excites reaches 1.
///
/// # Errors
/// Samples of another size; a share that is not between 0 and 100 percent; a value that is not finite.
pub fn reach<R: Float>(
    ann: &Ann,
    samples: &[R],
    count: usize,
    scale: Scale,
) -> Result<Vec<Option<Vec<f64>>>> {
    let share = match scale {
        Scale::Max => 100.0,
        Scale::Percentile(p) | Scale::Channel(p) => p,
    };
    if !(share > 0.0 && share <= 100.0) {
        return Err(Error::invalid(
            "percentile",
            "the scale",
            "above 0, up to 100",
            share,
        ));
    }
    let channels = |i: usize| {
        if ann.layers[i].op.is_unit() {
            ann.layers[i].shape[0]
        } else {
            0
        }
    };
    // The largest of each channel.
    let each = ann.trace(samples, count, |_, values: &[Vec<R>]| {
        let of = |(i, v): (usize, &Vec<R>)| -> Vec<f64> {
            let size = v.len().div_ceil(channels(i).max(1));
            let largest = |c: &[R]| c.iter().fold(0.0, |m: f64, v| m.max(v.value()));
            v.chunks(size).take(channels(i)).map(largest).collect()
        };
        values.iter().enumerate().map(of).collect::<Vec<_>>()
    })?;
    let mut largest: Vec<Vec<f64>> = (0..ann.layers.len())
        .map(|i| vec![0.0; channels(i)])
        .collect();
    for sample in &each {
        for (layer, values) in largest.iter_mut().zip(sample) {
            layer
                .iter_mut()
                .zip(values)
                .for_each(|(m, &v)| *m = m.max(v));
        }
    }
    if let Some(i) = largest
        .iter()
        .position(|l| l.iter().any(|v| !v.is_finite()))
    {
        let at = format!("layer '{}'", ann.layers[i].name);
        return Err(Error::invalid("value", at, "finite", "infinity"));
    }
    if !matches!(scale, Scale::Channel(_)) {
        for layer in largest.iter_mut().filter(|l| !l.is_empty()) {
            *layer = vec![layer.iter().copied().fold(0.0, f64::max)];
        }
    }
    if share < 100.0 {
        let bins = |n: usize| (0..n * BINS).map(|_| AtomicU32::new(0)).collect::<Vec<_>>();
        let counts: Vec<Vec<AtomicU32>> = largest.iter().map(|l| bins(l.len())).collect();
        ann.trace(samples, count, |_, values: &[Vec<R>]| {
            for ((v, largest), counts) in values.iter().zip(&largest).zip(&counts) {
                if largest.is_empty() {
                    continue;
                }
                let size = v.len().div_ceil(largest.len());
                for (c, v) in v.chunks(size).enumerate() {
                    for v in v.iter().map(|v| v.value()).filter(|&v| v > 0.0) {
                        let bin = (v / largest[c] * BINS as f64) as usize;
                        counts[c * BINS + bin.min(BINS - 1)].fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        })?;
        for (layer, counts) in largest.iter_mut().zip(&counts) {
            for (largest, counts) in layer.iter_mut().zip(counts.chunks(BINS)) {
                let counts: Vec<u64> = counts
                    .iter()
                    .map(|c| u64::from(c.load(Ordering::Relaxed)))
                    .collect();
                let below = counts.iter().sum::<u64>() as f64 * share / 100.0;
                let mut sum = 0;
                let bin = counts.iter().position(|c| {
                    sum += c;
                    sum as f64 >= below
                });
                *largest *= (bin.unwrap_or(BINS - 1) + 1) as f64 / BINS as f64;
            }
        }
    }
    let finish = |(i, mut reach): (usize, Vec<f64>)| {
        let most = reach.iter().copied().fold(0.0, f64::max);
        for r in &mut reach {
            *r = match ann.layers[i].op {
                Op::Qcfs { ceiling, .. } => ceiling,
                Op::Clip { high, .. } => r.min(high),
                _ => *r,
            };
            if *r <= 0.0 {
                *r = if most > 0.0 { most } else { 1.0 };
            }
        }
        (!reach.is_empty()).then_some(reach)
    };
    Ok(largest.into_iter().enumerate().map(finish).collect())
}
