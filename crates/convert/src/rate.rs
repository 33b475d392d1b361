//! Rate coding: a unit's value is how often its neuron fires.

use crate::ann::{Ann, Op};
use crate::calibrate::{Scale, reach};
use crate::network::{Built, Unit, build};
use crate::{Error, Result};
use cortado::num::Float;
use serde::{Deserialize, Serialize};

/// How a network is converted to rates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rate {
    /// The value that a spike in every step stands for.
    pub scale: Scale,
    /// What takes up the scale.
    pub balance: Balance,
    /// The membrane at the start, as a share of the threshold: a half rounds, where 0 cuts off.
    pub start: f64,
    /// The clock's step in seconds.
    pub dt: f64,
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            scale: Scale::default(),
            balance: Balance::default(),
            start: 0.5,
            dt: 1e-3,
        }
    }
}

/// What takes up the scale of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// The threshold, which is the scale (threshold balancing).
    #[default]
    Threshold,
    /// The weights, which are divided by it; thresholds are 1 (`diehl2015b`).
    Weights,
}

/// A network converted to rates.
pub struct Rates {
    /// The spiking network.
    pub built: Built,
    /// For each layer of units, the value of a spike in every step: one for all, or for each channel.
    pub scales: Vec<(usize, Vec<f64>)>,
}

impl Rate {
    /// Converts a network, batch norm folded; `samples` `[count][inputs]` tell how large its values get.
    ///
    /// An integrate-and-fire neuron stands for each unit: reset by subtraction, at threshold it fires. The input is a current, biases are
    /// currents in every step, the maximum of a window passes by a gate, the readout adds up. In `T` steps of the same input a neuron fires
    /// `floor(T x / scale + start)` times, between 0 and `T`; of layers behind the first, the input comes unevenly, and the count is near
    /// that.
    ///
    /// # Errors
    /// Those of [`reach`] and [`build`]; a start that is not a share.
    pub fn convert<R: Float>(&self, ann: &Ann, samples: &[R], count: usize) -> Result<Rates> {
        if !(0.0..1.0).contains(&self.start) {
            return Err(Error::invalid(
                "start",
                "the conversion",
                "a share of the threshold in 0..1",
                self.start,
            ));
        }
        let reach = reach(ann, samples, count, self.scale)?;
        let built = build(ann, self.dt, |i| Unit::Spiking {
            scale: reach[i].clone().unwrap_or_else(|| vec![1.0]),
            start: self.start,
            balance_weights: self.balance == Balance::Weights,
        })?;
        let scales = reach.into_iter().enumerate();
        Ok(Rates {
            built,
            scales: scales.filter_map(|(i, r)| Some((i, r?))).collect(),
        })
    }
}

/// The network with units that quantise in place of its ReLUs, for training: in one step it is what its spiking form computes in
/// `levels` steps. Ceilings start at what the units reach on `samples`.
///
/// # Errors
/// As [`Rate::convert`].
pub fn quantise<R: Float>(
    ann: &Ann,
    samples: &[R],
    count: usize,
    scale: Scale,
    (levels, dt): (usize, f64),
) -> Result<Built> {
    let reach = reach(ann, samples, count, scale)?;
    build(ann, dt, |i| match (&ann.layers[i].op, &reach[i]) {
        (Op::Relu | Op::Clip { .. }, Some(reach)) => Unit::Quantised {
            ceiling: reach.iter().copied().fold(0.0, f64::max),
            levels,
        },
        _ => Unit::Same,
    })
}
