//! The two figures of any introduction to the field, from the engine itself.

use super::{Idea, idea};
use anyhow::Result;
use cortado::encode::{Encoder, Presentation};
use cortado::network::{Network, NetworkSpec, NodeKind};
use cortado::neuron::{Convention, Gain, Pulse, Reset};
use cortado::sim::clock::{Input, Probe};
use cortado::surrogate::{Shape, Surrogate};
use cortado_plot::charts::{Cell, Grid, Line, Unit, UnitInput};

/// Both, by their names.
pub fn all() -> Result<Vec<Idea>> {
    Ok(vec![
        idea("unit-ann-snn", 960.0, unit()?),
        idea("surrogates", 960.0, surrogates()),
    ])
}

const DT: f64 = 1e-3;
const STEPS: usize = 100;
/// What goes in, and how it is weighed.
const VALUES: [f32; 3] = [0.4, 0.2, 0.3];
const WEIGHTS: [f32; 3] = [0.6, 0.4, -0.3];

/// A leaky integrate-and-fire neuron behind three weights: time constant 20 ms, threshold 1, reset by subtraction; a weighted
/// spike is added to the membrane.
fn neuron() -> Result<Network<f32>> {
    let mut spec =
        NetworkSpec::new(DT)
            .linear("w", 1)
            .population("unit", "lif", &[("tau_mem", 20e-3)]);
    spec.convention = Convention {
        gain: Gain::Unscaled,
        pulse: Pulse::Box,
        ..Convention::default()
    };
    if let Some(NodeKind::Population { reset, .. }) = spec.nodes.last_mut().map(|n| &mut n.kind) {
        *reset = Reset::Subtract;
    }
    let mut net = Network::new(&[WEIGHTS.len()], &spec, 0)?;
    net.set("w.weight", &WEIGHTS)?;
    Ok(net)
}

/// The conventional unit beside the spiking one: the same numbers go in, there as they are, here as the share of steps with a
/// spike.
pub fn unit() -> Result<Unit> {
    let net = neuron()?;
    let at = Presentation {
        steps: STEPS,
        dt: DT,
        seed: 1,
        round: 0,
    };
    let input = Encoder::Bernoulli { gain: 1.0 }.encode(&VALUES, &[0], &at)?;
    let probe = |what: &str| Probe {
        node: "unit".into(),
        what: what.into(),
        neurons: Vec::new(),
    };
    let record = net.run(&input, &[probe("v"), probe("spikes")])?;
    let fired = |rows: &[f32]| {
        (0..rows.len())
            .filter(|&t| rows[t] != 0.0)
            .collect::<Vec<_>>()
    };
    let of = |i: usize| match &input {
        Input::Spikes(s) => (0..STEPS)
            .filter(|&t| s.row(0, t).contains(&(i as u32)))
            .collect(),
        _ => Vec::new(),
    };
    let inputs = (0..VALUES.len()).map(|i| UnitInput {
        value: round(VALUES[i]),
        weight: round(WEIGHTS[i]),
        spikes: of(i),
    });
    let inputs: Vec<UnitInput> = inputs.collect();
    let sum: f64 = inputs.iter().map(|i| i.value * i.weight).sum();
    Ok(Unit {
        title: "The same input, two kinds of unit".into(),
        dt: DT,
        inputs,
        sum,
        output: sum.max(0.0),
        membrane: record.traces[0]
            .data
            .iter()
            .map(|&v| f64::from(v))
            .collect(),
        threshold: 1.0,
        spikes: fired(&record.traces[1].data),
        curve: response(&net)?,
    })
}

fn round(v: f32) -> f64 {
    (f64::from(v) * 1e4).round() / 1e4
}

/// Spikes per step against the mean weighted sum, over 20,000 steps of independent spikes like those of the figure: all values times
/// a factor, and with the signs of the weights turned for what is below 0.
fn response(net: &Network<f32>) -> Result<Vec<[f64; 2]>> {
    let steps = 20_000;
    let mut curve = Vec::new();
    let mut turned = neuron()?;
    turned.set("w.weight", &WEIGHTS.map(|w| -w))?;
    let mean: f32 = VALUES.iter().zip(WEIGHTS).map(|(v, w)| v * w).sum();
    for k in -10..=25i16 {
        let factor = f32::from(k) / 10.0;
        let values = VALUES.map(|v| (v * factor.abs()).min(1.0));
        let at = Presentation {
            steps,
            dt: DT,
            seed: 2,
            round: k.unsigned_abs().into(),
        };
        let input: Input<f32> = Encoder::Bernoulli { gain: 1.0 }.encode(&values, &[0], &at)?;
        let net = if k < 0 { &turned } else { net };
        let spikes: usize = net
            .run(&input, &[])?
            .activity
            .iter()
            .map(|a| a.spikes)
            .sum();
        curve.push([f64::from(mean * factor), spikes as f64 / steps as f64]);
    }
    Ok(curve)
}

/// The shapes with the name, and the formula of the derivative at gap `x`.
const SHAPES: [(Shape, &str, &str); 8] = [
    (Shape::FastSigmoid, "fast sigmoid", "1 / (1 + k |x|)²"),
    (Shape::Sigmoid, "sigmoid", "k s(kx) (1 − s(kx))"),
    (Shape::Arctan, "arctan", "(k/2) / (1 + (πkx/2)²)"),
    (Shape::Triangle, "triangle", "max(0, 1 − k |x|)"),
    (Shape::Boxcar, "boxcar", "1 where |x| ≤ 1/(2k)"),
    (Shape::Exponential, "exponential", "exp(−k |x|)"),
    (Shape::Gaussian, "Gaussian", "exp(−(kx)²/2)"),
    (
        Shape::MultiGaussian,
        "multi-Gaussian",
        "1.15 N(0, s) − 0.15 N(±s, 6s), s = 1/k",
    ),
];

/// Gaps to threshold that are drawn.
const SPAN: f64 = 2.0;

/// The step with its derivative, and the eight shapes that stand for it.
pub fn surrogates() -> Grid {
    let xs = || (-200..=200).map(|i| f64::from(i) / 200.0 * SPAN);
    let step = Line {
        style: 1,
        points: vec![[-SPAN, 0.0], [0.0, 0.0], [0.0, 1.0], [SPAN, 1.0]],
    };
    let mut cells = vec![Cell {
        title: "the spike: a step".into(),
        note: "its derivative is an impulse".into(),
        lines: vec![
            Line {
                style: 0,
                points: vec![[-SPAN, 0.0], [SPAN, 0.0]],
            },
            step.clone(),
        ],
        impulse: Some(0.0),
    }];
    for (shape, name, formula) in SHAPES {
        let s = Surrogate::new(shape);
        let (low, high) = (s.smooth(-1e9), s.smooth(1e9));
        let smooth = |x: f64| (s.smooth(x) - low) / (high - low);
        cells.push(Cell {
            title: format!("{name}, k = {}", s.slope()),
            note: formula.into(),
            lines: vec![
                Line {
                    style: 0,
                    points: xs().map(|x| [x, s.derivative(x)]).collect(),
                },
                Line {
                    style: 1,
                    points: xs().map(|x| [x, smooth(x)]).collect(),
                },
            ],
            impulse: None,
        });
    }
    Grid {
        title: "The derivative of a spike, and what learning puts in its place".into(),
        columns: 3,
        x: "gap to threshold x".into(),
        cells,
        legend: vec![
            "derivative".into(),
            "its integral, scaled to 1: the smooth spike".into(),
        ],
    }
}
