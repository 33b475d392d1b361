//! A step of a neuron model as a formula.

use super::tape::{Entry, Symbol, Tape};
use crate::{Error, Result};
use cortado::neuron::{
    AdLif, Alif, Arrivals, Convention, CubaIf, CubaLi, CubaLif, Decay, I, If, Izhikevich, Li, Lif,
    Neuron, NextStep, Output, Reset, ResetTime,
};

/// What a formula is given besides constants: the states, then these.
pub(super) const CURRENT: usize = 1 << 16;
/// What arrives as spikes.
pub(super) const PULSE: usize = CURRENT + 1;
/// Whether it fired.
pub(super) const SPIKE: usize = CURRENT + 2;
/// The first constant that differs between neurons.
pub(super) const CONSTANT: usize = CURRENT + 3;

/// A step of a population.
pub(super) struct Formula {
    pub entries: Vec<Entry>,
    /// Names of the states.
    pub states: Vec<String>,
    /// The states at rest, one for all neurons or one for each.
    pub rest: Vec<Vec<f32>>,
    /// Constants of a step, by number, that differ between neurons.
    pub constants: Vec<Vec<f32>>,
    /// The states after the step.
    pub after: Vec<usize>,
    /// The membrane before the reset.
    pub membrane: usize,
    /// How far the membrane is over the threshold.
    pub gap: usize,
    pub output: Output,
}

/// What a formula is made for.
pub(super) struct Wanted<'a> {
    pub name: &'a str,
    /// Parameters, a row for all neurons or one for each.
    pub rows: &'a [Vec<f64>],
    pub convention: &'a Convention,
    pub reset: Reset,
    pub dt: f64,
    /// Whether something reaches it as a current, as spikes.
    pub arrives: [bool; 2],
}

/// The formula of a model by its name.
pub(super) fn formula(neuron: &str, want: &Wanted<'_>) -> Result<Formula> {
    let late = want.convention.reset == ResetTime::NextStep;
    let exact = want.convention.decay == Decay::Exact;
    let refused = |expected: &str, got: String| {
        let at = format!("population '{}'", want.name);
        Error::invalid("neuron", at, expected, got)
    };
    let waits = |(i, name): (usize, &str)| {
        name == "t_ref" && want.rows.iter().any(|row| row.get(i) != Some(&0.0))
    };
    let spec = cortado::neuron::models()
        .into_iter()
        .find(|s| s.name == neuron);
    let names = spec.iter().flat_map(|s| s.params).map(|p| p.name);
    if names.enumerate().any(waits) {
        let got = format!("{neuron} with one");
        return Err(refused(
            "a model without refractory period in a step of ONNX",
            got,
        ));
    }
    let found = match (neuron, late) {
        ("i", _) => record::<I, 1, 1, 1>(want),
        ("li", _) => record::<Li, 1, 3, 3>(want),
        ("cuba_li", _) => record::<CubaLi, 2, 4, 9>(want),
        ("if", false) => record::<If, 1, 5, 4>(want),
        ("if", true) => record::<NextStep<If>, 2, 5, 4>(want),
        ("lif", false) => record::<Lif, 1, 6, 6>(want),
        ("lif", true) => record::<NextStep<Lif>, 2, 6, 6>(want),
        ("cuba_if", false) => record::<CubaIf, 2, 5, 7>(want),
        ("cuba_if", true) => record::<NextStep<CubaIf>, 3, 5, 7>(want),
        ("cuba_lif", false) => record::<CubaLif, 2, 7, 9>(want),
        ("cuba_lif", true) => record::<NextStep<CubaLif>, 3, 7, 9>(want),
        ("alif", false) => record::<Alif, 2, 8, 8>(want),
        ("alif", true) => record::<NextStep<Alif>, 3, 8, 8>(want),
        ("adlif", _) => record::<AdLif<false>, 2, 9, 10>(want),
        ("se_adlif", _) => record::<AdLif<true>, 2, 9, 10>(want),
        ("izhikevich", _) if exact => record::<Izhikevich<true>, 2, 6, 7>(want),
        ("izhikevich", _) => record::<Izhikevich<false>, 2, 6, 7>(want),
        _ => None,
    };
    found.ok_or_else(|| {
        refused(
            "a model whose step makes no choice in a step of ONNX",
            neuron.into(),
        )
    })
}

fn record<M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize>(
    want: &Wanted<'_>,
) -> Option<Formula> {
    let rows: Option<Vec<&[f64; P]>> = want
        .rows
        .iter()
        .map(|r| r.as_slice().try_into().ok())
        .collect();
    let rows = rows?;
    let of_step = rows
        .iter()
        .map(|p| M::discretise(p, want.convention, want.reset, want.dt));
    let of_step: Vec<[f64; K]> = of_step.collect();
    // As the engine has them.
    let constant = |i: usize| of_step.iter().map(|k| k[i] as f32).collect::<Vec<_>>();
    let constants: Vec<Vec<f32>> = (0..K).map(constant).collect();

    let tape = Tape::default();
    let k: [Symbol<'_>; K] = std::array::from_fn(|i| match constants[i].as_slice() {
        [first, rest @ ..] if rest.iter().all(|x| x == first) => Symbol::Known(f64::from(*first)),
        _ => tape.given(CONSTANT + i),
    });
    let before: [Symbol<'_>; S] = std::array::from_fn(|i| tape.given(i));
    let port = |i: usize, number: usize| match want.arrives[i] {
        true => tape.given(number),
        false => Symbol::Known(0.0),
    };
    let early = want.convention.arrivals == Arrivals::BeforeFlow;
    let early = Symbol::Known(if early { 1.0 } else { 0.0 });
    let moved = M::advance(&k, before, port(0, CURRENT), port(1, PULSE), early);
    let gap = tape.place(M::gap(&k, &moved));
    let z = match M::SPEC.output {
        Output::Spikes => tape.given(SPIKE),
        Output::Membrane => Symbol::Known(0.0),
    };
    let after = M::reset(&k, moved, z);
    let rest = |i: usize| rows.iter().map(|p| M::rest(p)[i] as f32).collect();
    let name = |i: usize| {
        M::SPEC
            .states
            .get(i)
            .map_or("spike", |s| s.name)
            .to_string()
    };
    let after: Vec<usize> = after.iter().map(|&s| tape.place(s)).collect();
    let membrane = tape.place(moved[0]);
    Some(Formula {
        entries: tape.entries()?,
        states: (0..S).map(name).collect(),
        rest: (0..S).map(rest).collect(),
        constants,
        after,
        membrane,
        gap,
        output: M::SPEC.output,
    })
}
