//! A node's parameters, and what they make of an input.

use super::flat::place;
use super::options::{Discretisation, Gain, Options};
use super::report::{Fate, Report};
use super::shapes::Shape;
use crate::{Error, Result};
use cortado_interop::nir::Tensor;
use std::collections::BTreeMap;

/// A node's parameters, for each neuron.
pub(super) struct Table<'a> {
    pub name: &'a str,
    pub shape: &'a Shape,
    pub tensors: BTreeMap<&'static str, &'a Tensor>,
}

impl Table<'_> {
    pub fn get(&self, name: &'static str, default: f64) -> Result<Vec<f64>> {
        let n: usize = self.shape.iter().product();
        let values = match self.tensors.get(name) {
            None => vec![default],
            Some(t) => t.data.clone(),
        };
        let wrong = |expected: String, got: String| {
            Error::invalid(
                "parameter",
                format!("{name} of {}", place(self.name)),
                expected,
                got,
            )
        };
        if let Some(v) = values.iter().find(|v| !v.is_finite()) {
            return Err(wrong("finite numbers".into(), v.to_string()));
        }
        match values.len() {
            1 => Ok(vec![values[0]; n]),
            len if len == n => Ok(values),
            len => Err(wrong(
                format!("1 or {n} numbers for neurons {:?}", self.shape),
                len.to_string(),
            )),
        }
    }

    pub fn positive(&self, name: &'static str, default: f64) -> Result<Vec<f64>> {
        let values = self.get(name, default)?;
        match values.iter().find(|&&v| v <= 0.0) {
            None => Ok(values),
            Some(v) => {
                let at = format!("{name} of {}", place(self.name));
                Err(Error::invalid("parameter", at, "above 0", v))
            }
        }
    }
}

/// A state on which an input acts: its decay, and what currents and pulses are multiplied by.
pub(super) struct Input {
    /// Decay over a step; 1 without leak.
    pub b: Vec<f64>,
    /// Its time constant in seconds; none without leak.
    pub tau: Vec<f64>,
    pub current: Vec<f64>,
    pub pulse: Vec<f64>,
}

pub(super) fn zip(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
}

/// A state with a time constant and a factor of that names.
pub(super) fn leaky(
    table: &Table<'_>,
    [tau, factor]: [&'static str; 2],
    gain: Gain,
    o: &Options,
    report: &mut Report,
) -> Result<Input> {
    let weight = factor == "w_in";
    let (times, r) = (table.positive(tau, 1.0)?, table.positive(factor, 1.0)?);
    let seconds: Vec<f64> = times.iter().map(|t| t * o.unit()).collect();
    let shortest = seconds.iter().copied().fold(f64::INFINITY, f64::min);
    let longest = seconds.iter().copied().fold(0.0, f64::max);
    if o.discretisation == Discretisation::Euler && shortest < o.dt / 2.0 {
        let at = format!("{tau} of {}", place(table.name));
        let expected = format!(
            "at least half a step of {} s under Euler, or another unit of tau",
            o.dt
        );
        return Err(Error::invalid(
            "time constant",
            at,
            expected,
            format!("{shortest} s"),
        ));
    }
    if longest > 0.5 {
        report.node(
            Fate::Assumed,
            table.name,
            format!("{tau} is {longest} s: is the unit of tau right?"),
        );
    }
    let b: Vec<f64> = seconds.iter().map(|&t| o.decay(t)).collect();
    let fixed = |i: usize| if weight { r[i] } else { 1.0 };
    let current = (0..b.len()).map(|i| match gain {
        Gain::File => r[i] * (1.0 - b[i]),
        Gain::Whole => fixed(i),
        Gain::Decayed => fixed(i) * b[i],
    });
    let current: Vec<f64> = current.collect();
    let pulse = match gain {
        Gain::File => zip(&r, &times, |r, t| r / t),
        _ => current.clone(),
    };
    if gain != Gain::File {
        let word = if gain == Gain::Whole {
            "1"
        } else {
            "the decay"
        };
        let kept = if weight {
            format!("w_in times {word}")
        } else {
            word.into()
        };
        report.node(
            Fate::Assumed,
            table.name,
            format!("an input counts {kept}, not {factor}, times the step"),
        );
    }
    Ok(Input {
        b,
        tau: seconds,
        current,
        pulse,
    })
}

/// `r` of a population whose currents are to be multiplied by that.
pub(super) fn r_of(input: &Input, current: &[f64], dt: f64) -> Vec<f64> {
    zip(current, &input.b, |g, b| {
        if b == 1.0 { g / dt } else { g / (1.0 - b) }
    })
}
