//! What goes into a network.

use super::signal::{Class, Slot};
use crate::network::{Network, Shape};
use crate::neuron::Lanes;
use crate::num::Float;
use crate::spikes::Spikes;
use crate::{Error, Result};
use std::ops::Range;

/// What goes into a network; images are `[channels, height, width]`, in that order.
#[derive(Clone, Debug)]
pub enum Input<R> {
    /// Spikes.
    Spikes(Spikes),
    /// A current `[samples][inputs]` that stays the same for all steps: what does not depend on time is computed once.
    Current {
        /// Number of samples.
        samples: usize,
        /// Number of steps.
        steps: usize,
        /// `[samples][inputs]`
        data: Vec<R>,
    },
    /// A current for each step.
    Currents {
        /// Number of samples.
        samples: usize,
        /// Number of steps.
        steps: usize,
        /// `[samples][steps][inputs]`
        data: Vec<R>,
    },
}

impl<R: Float> Input<R> {
    /// Number of samples and of steps.
    pub fn extent(&self) -> (usize, usize) {
        match self {
            Self::Spikes(s) => (s.samples, s.steps),
            Self::Current { samples, steps, .. } | Self::Currents { samples, steps, .. } => {
                (*samples, *steps)
            }
        }
    }

    /// Some of its steps.
    ///
    /// # Errors
    /// Steps that are not there.
    pub fn slice(&self, range: Range<usize>) -> Result<Self> {
        let (samples, steps) = self.extent();
        if range.start >= range.end || range.end > steps {
            let expected = format!("some of the {steps} steps");
            let got = format!("{} to {}", range.start, range.end);
            return Err(Error::invalid("steps", "the input", expected, got));
        }
        let count = range.len();
        Ok(match self {
            Self::Spikes(s) => Self::Spikes(s.slice(range)),
            Self::Current { data, .. } => Self::Current {
                samples,
                steps: count,
                data: data.clone(),
            },
            Self::Currents { data, .. } => {
                let width = data.len() / (samples * steps).max(1);
                let of = |b: usize| &data[(b * steps + range.start) * width..][..count * width];
                Self::Currents {
                    samples,
                    steps: count,
                    data: (0..samples).flat_map(of).copied().collect(),
                }
            }
        })
    }

    /// Some of the steps of a sample, by itself; both are there.
    pub(crate) fn part(&self, sample: usize, steps: Range<usize>) -> Self {
        let count = steps.len();
        match self {
            Self::Spikes(s) => {
                let mut part = Spikes::builder(1, count, s.width);
                steps.for_each(|t| part.push_row(s.row(sample, t).iter().copied()));
                Self::Spikes(part)
            }
            Self::Current { samples, data, .. } => {
                let width = data.len() / samples;
                Self::Current {
                    samples: 1,
                    steps: count,
                    data: data[sample * width..][..width].to_vec(),
                }
            }
            Self::Currents {
                samples,
                steps: all,
                data,
            } => {
                let width = data.len() / (samples * all);
                let first = (sample * all + steps.start) * width;
                Self::Currents {
                    samples: 1,
                    steps: count,
                    data: data[first..][..count * width].to_vec(),
                }
            }
        }
    }

    /// Spikes that go in; none of a current.
    pub fn spikes(&self) -> usize {
        match self {
            Self::Spikes(s) => s.count(),
            _ => 0,
        }
    }

    #[inline]
    pub(crate) fn check<L: Lanes>(&self, net: &Network<L>) -> Result<()> {
        let (samples, steps) = self.extent();
        let (values, each) = match self {
            Self::Spikes(s) => (s.width * samples * steps, samples * steps),
            Self::Current { data, .. } => (data.len(), samples),
            Self::Currents { data, .. } => (data.len(), samples * steps),
        };
        if samples == 0 || steps == 0 || values != each * net.inputs() {
            return Err(Error::invalid(
                "input",
                "the network",
                format!("{} inputs, at least one sample and step", net.inputs()),
                format!("{values} values for {samples} samples and {steps} steps"),
            ));
        }
        if let Self::Current { data, .. } | Self::Currents { data, .. } = self
            && let Some(i) = data.iter().position(|v| !v.finite())
        {
            return Err(Error::invalid(
                "value",
                format!("the input, sample {}", i * samples / data.len()),
                "a finite current",
                data[i],
            ));
        }
        net.check_delays()?;
        if matches!(self, Self::Current { .. }) && net.nodes[0].lead > 0 {
            return Err(Error::invalid(
                "input",
                "an edge from the input with a delay",
                "spikes or a current for each step",
                "a constant current",
            ));
        }
        Ok(())
    }

    /// Puts samples into the slot of the input, in the order of memory.
    #[inline]
    pub(crate) fn fill(&self, shape: &Shape, range: Range<usize>, slot: &mut Slot<R>, fresh: bool) {
        let (size, places) = (shape.size(), shape.places());
        let copy = |from: &[R], to: &mut [R]| match places {
            None => to[..size].copy_from_slice(from),
            Some(places) => from
                .iter()
                .zip(places)
                .for_each(|(&v, &p)| to[p as usize] = v),
        };
        match self {
            Self::Spikes(s) => {
                slot.begin(Class::Rows, s.steps, fresh);
                for t in 0..s.steps {
                    for b in range.clone() {
                        let row = s.row(b, t);
                        let start = slot.rows.index.len();
                        match places {
                            None => slot.rows.index.extend_from_slice(row),
                            Some(places) => {
                                let moved = row.iter().map(|&i| places[i as usize]);
                                slot.rows.index.extend(moved);
                                slot.rows.index[start..].sort_unstable();
                            }
                        }
                        slot.rows.close();
                    }
                }
            }
            Self::Current { data, steps, .. } => {
                slot.begin(Class::Constant, *steps, fresh);
                for (n, b) in range.enumerate() {
                    copy(&data[b * size..][..size], slot.out(n, 0));
                }
            }
            Self::Currents { data, steps, .. } => {
                slot.begin(Class::Dense, *steps, fresh);
                for (n, b) in range.enumerate() {
                    for t in 0..*steps {
                        copy(&data[(b * steps + t) * size..][..size], slot.out(n, t));
                    }
                }
            }
        }
    }
}
