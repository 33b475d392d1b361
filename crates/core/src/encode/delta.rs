//! Delta modulation: a spike whenever a signal has moved on by a threshold.

use super::value::positive;
use super::{Presentation, Series};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// Delta modulation (`corradi2015`): a reference follows the signal in steps of the threshold; each step up is a spike of
/// the channel's ON output, each step down one of its OFF output.
///
/// Between two frames the signal is a straight line, and a crossing stands in the clock's step in which the line crosses;
/// crossings of one output in one step are one spike. The reference starts at the first frame.
///
/// # Shapes
/// `[channels]` becomes `[2 levels channels]`: ON of the first threshold, ON of the next, ..., then OFF likewise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// One modulator for each, in the unit of the signal.
    pub thresholds: Vec<f64>,
    /// Time constant in seconds of a low-pass filter of first order before the modulator; none if 0.
    #[serde(default)]
    pub smooth: f64,
}

/// The smallest threshold, as a share of a signal's largest value: a frame crosses no more than two million levels.
const FINEST: f64 = 1e-6;

impl Delta {
    /// Number of outputs of a channel.
    pub fn maps(&self) -> usize {
        2 * self.thresholds.len()
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.thresholds.is_empty() {
            let expected = "at least one threshold";
            return Err(Error::invalid(
                "encoder",
                "delta.thresholds",
                expected,
                "none",
            ));
        }
        for &t in &self.thresholds {
            positive("delta.thresholds", t)?;
        }
        if !(0.0..1e6).contains(&self.smooth) {
            let expected = "seconds, 0 for none";
            return Err(Error::invalid(
                "encoder",
                "delta.smooth",
                expected,
                self.smooth,
            ));
        }
        Ok(())
    }

    /// Calls `fire` with the step and the output of each crossing.
    pub(super) fn spikes(
        &self,
        series: &Series<'_>,
        at: &Presentation,
        fire: &mut dyn FnMut(usize, usize),
    ) -> Result<()> {
        let largest = series.data.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let least = f64::from(largest) * FINEST;
        if let Some(&t) = self.thresholds.iter().find(|&&t| t < least) {
            let expected = format!("at least {least:e}, a millionth of the largest value");
            return Err(Error::invalid("encoder", "delta.thresholds", expected, t));
        }
        let (n, levels) = (series.channels, self.thresholds.len());
        let end = at.steps as f64;
        let follow = if self.smooth > 0.0 {
            1.0 - (-series.period / self.smooth).exp()
        } else {
            1.0
        };
        let steps_per_frame = series.period / at.dt;
        for c in 0..n {
            let mut signal = series.data.iter().skip(c).step_by(n).map(|&v| f64::from(v));
            let Some(first) = signal.next() else {
                return Ok(());
            };
            let mut references = vec![first; levels];
            let mut before = first;
            for (frame, raw) in signal.enumerate() {
                let now = before + follow * (raw - before);
                for (level, (&threshold, reference)) in
                    self.thresholds.iter().zip(&mut references).enumerate()
                {
                    let up = now > before;
                    let map = if up { level } else { levels + level };
                    loop {
                        let next = *reference + if up { threshold } else { -threshold };
                        // A level that the reference has just left behind is not crossed again.
                        let crosses = if up { next <= now } else { next >= now };
                        if !crosses || now == before {
                            break;
                        }
                        *reference = next;
                        let part = ((next - before) / (now - before)).clamp(0.0, 1.0);
                        let step = ((frame as f64 + part) * steps_per_frame).floor();
                        if step < end {
                            fire(step as usize, map * n + c);
                        }
                    }
                }
                before = now;
                if (frame + 1) as f64 * steps_per_frame >= end {
                    break;
                }
            }
        }
        Ok(())
    }
}
