//! Two tasks on which e-prop was shown, made up on the spot: a pattern to reproduce, and evidence to accumulate.
//!
//! # References
//! `bellec2020`

use crate::dataset::Trace;
use crate::{Dataset, Split};
use cortado::Result;
use cortado::rng::{Purpose, Rng};
use std::f64::consts::TAU;

/// Seed of the data sets that [`crate::load`] gives under the names `sines` and `evidence`.
pub const SEED: u64 = 42;

/// Steps of a pattern, of 1 ms.
pub const PATTERN: usize = 1000;

/// Cues of a trial of [`evidence`], and its parts, in steps of 1 ms.
const CUES: usize = 7;
const CUE: usize = 100;
const GAP: usize = 50;
const DELAY: usize = 1050;
const RECALL: usize = 150;

/// Steps of a trial of [`evidence`], of 1 ms.
pub const TRIAL: usize = CUES * (CUE + GAP) + DELAY + RECALL;

/// Number of trials to train on, and to test on.
pub const TRIALS: [usize; 2] = [16_000, 512];

/// Microseconds of a step.
const STEP: u32 = 1000;

/// One sample, the same in both parts: 100 inputs that fire at random, always alike, and a sum of four sines to follow.
///
/// Each input fires with probability 0.05 in each of 1000 steps of 1 ms. The sines have periods of 1000, 500, 333 and 200 ms, amplitudes
/// from 0.5 to 2 and any phase; their sum starts at 0, and is 1 at most.
///
/// # Shapes
/// Spikes `[100]`, signals `[1000][1]`.
///
/// # Errors
/// None are expected.
///
/// ```
/// let split = cortado_data::eprop::sines(7)?;
/// let wanted = split.train.signals_of(0).unwrap();
/// assert_eq!((split.train.len(), wanted.data.len(), wanted.data[0]), (1, 1000, 0.0));
/// # Ok::<(), cortado::Error>(())
/// ```
pub fn sines(seed: u64) -> Result<Split> {
    let mut rng = Rng::new(seed, 0, Purpose::Data, 0);
    let spikes = fire(&mut rng, PATTERN, 100, |_, _| 0.05);
    let waves: Vec<[f64; 3]> = [1000.0, 500.0, 333.0, 200.0]
        .into_iter()
        .map(|period| [period, 0.5 + 1.5 * rng.uniform(), TAU * rng.uniform()])
        .collect();
    let at = |t: usize| -> f64 {
        let wave = |[period, amplitude, phase]: &[f64; 3]| {
            amplitude * (TAU * t as f64 / period + phase).sin()
        };
        waves.iter().map(wave).sum()
    };
    let data: Vec<f64> = (0..PATTERN).map(|t| at(t) - at(0)).collect();
    let top = data.iter().fold(f64::MIN_POSITIVE, |m, v| m.max(v.abs()));
    let wanted = Trace {
        period: 1e-3,
        outputs: 1,
        data: data.iter().map(|v| v / top).collect(),
    };
    let set = Dataset::traced(vec![100], vec![spikes], vec![wanted])?;
    Ok(Split {
        name: "sines".into(),
        train: set.clone(),
        test: set,
    })
}

/// Trials with seven cues from the left or the right, a delay, and the question of which side had more: 0 left, 1 right.
///
/// Four groups of ten inputs. Those of a side fire with probability 0.04 in each step of a cue of 100 ms from that side, 50 ms from the next
/// cue; the third with the same probability in the last 150 ms of the trial; the fourth with 0.01 throughout. The side of
/// a trial is drawn evenly, and each cue comes from it with probability 0.7.
///
/// # Shapes
/// Spikes `[40]`; 2250 steps of 1 ms.
///
/// # Errors
/// None are expected.
///
/// ```
/// let split = cortado_data::eprop::evidence(7)?;
/// assert_eq!((split.train.len(), split.test.len(), split.train.classes), (16_000, 512, 2));
/// # Ok::<(), cortado::Error>(())
/// ```
pub fn evidence(seed: u64) -> Result<Split> {
    let part = |object: u32| -> Result<Dataset> {
        let (mut data, mut labels) = (Vec::new(), Vec::new());
        for n in 0..TRIALS[object as usize] {
            let mut rng = Rng::new(seed, object, Purpose::Data, n as u64 + 1);
            let side = rng.below(2);
            let cues: [u32; CUES] = std::array::from_fn(|_| match rng.uniform() < 0.7 {
                true => side,
                false => 1 - side,
            });
            labels.push(u32::from(2 * cues.iter().sum::<u32>() > CUES as u32));
            data.push(fire(&mut rng, TRIAL, 40, |t, i| {
                let cue = cues.get(t / (CUE + GAP));
                let on = cue.filter(|_| t % (CUE + GAP) < CUE);
                match (i / 10, on) {
                    (group @ (0 | 1), Some(&side)) if group as u32 == side => 0.04,
                    (2, _) if t >= TRIAL - RECALL => 0.04,
                    (3, _) => 0.01,
                    _ => 0.0,
                }
            }));
        }
        Dataset::spikes(vec![40], data, 2, labels)
    };
    Ok(Split {
        name: "evidence".into(),
        train: part(0)?,
        test: part(1)?,
    })
}

/// Times in microseconds and channels of spikes that fall into a step with that probability.
fn fire(
    rng: &mut Rng,
    steps: usize,
    channels: usize,
    chance: impl Fn(usize, usize) -> f64,
) -> (Vec<u32>, Vec<u32>) {
    let (mut times, mut units) = (Vec::new(), Vec::new());
    for t in 0..steps {
        for i in 0..channels {
            let chance = chance(t, i);
            if chance > 0.0 && rng.uniform() < chance {
                times.push(t as u32 * STEP);
                units.push(i as u32);
            }
        }
    }
    (times, units)
}
