//! The laws that every neuron model keeps, at parameters that are not its defaults.

use cortado::neuron::{
    AdEx, AdLif, Alif, Convention, CubaIf, CubaLi, CubaLif, Decay, I, If, Izhikevich, Li, Lif,
    Neuron, Output, Reset, models,
};
use cortado::num::Dual;
use proptest::prelude::*;

/// Parameters off their defaults by a tenth, time constants apart from each other.
fn moved<M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize>() -> [f64; P] {
    std::array::from_fn(|i| {
        let p = &M::SPEC.params[i];
        let far = if p.default == 0.0 { 0.0 } else { 1.0 };
        (p.default * (1.1 + 0.07 * i as f64 * far)).clamp(p.min, p.max)
    })
}

/// A state in the range where the model lives, from numbers in -1..1.
fn state<M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize>(
    p: &[f64; P],
    at: &[f64],
) -> [f64; S] {
    let rest = M::rest(p);
    // Volts, millivolts or multiples of the threshold; the second variable in units of what it adds at a spike.
    let scale = match M::SPEC.name {
        "adex" => [8e-3, 50e-12],
        "izhikevich" => [4.0, 2.0],
        _ => [1.0, 1.0],
    };
    std::array::from_fn(|i| rest[i] + at[i] * scale[i.min(1)])
}

fn current(name: &str, x: f64) -> f64 {
    match name {
        "adex" => 300e-12 * x,
        "izhikevich" => 2.0 * x,
        _ => x,
    }
}

fn close(a: &[f64], b: &[f64], tolerance: f64, scale: f64) {
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= tolerance * b.abs().max(scale), "{a} {b}");
    }
}

fn laws<M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize>(at: &[f64], x: f64) {
    let p = moved::<M, S, P, K>();
    let c = Convention::default();
    let (s, x) = (state::<M, S, P, K>(&p, at), current(M::SPEC.name, x));
    let constants = |h: f64| M::discretise(&p, &c, Reset::Value, h);
    let flow = |h: f64, s: [f64; S]| M::flow(&constants(h), s, x);
    // No time, no flow.
    close(&flow(0.0, s), &s, 1e-14, 0.0);
    // Exact models: two steps are one.
    let (a, b) = (0.7e-3, 1.6e-3);
    if M::SPEC.order.is_none() {
        close(&flow(b, flow(a, s)), &flow(a + b, s), 1e-12, 1e-3);
    }
    // Resets.
    for reset in [Reset::Value, Reset::Subtract, Reset::None] {
        let k = M::discretise(&p, &c, reset, a);
        close(&M::reset(&k, s, 0.0), &s, 0.0, 0.0);
        if M::SPEC.output == Output::Membrane {
            continue;
        }
        let after = M::reset(&k, s, 1.0);
        let index = |name: &str| M::SPEC.param(name).unwrap();
        match reset {
            Reset::Value => {
                let v = p[index("v_reset")];
                assert!((after[0] - v).abs() < 1e-14 * (1.0 + v.abs() + s[0].abs()));
                assert!(M::gap(&k, &after) <= 0.0);
            }
            Reset::Subtract => close(&[after[0]], &[s[0] - p[index("v_threshold")]], 1e-14, 1.0),
            Reset::None => close(&[after[0]], &[s[0]], 0.0, 0.0),
        }
    }
    ahead::<M, S, P, K>(&p, s, x);
    jacobian::<M, S, P, K>(&p, s, x);
}

/// The gap as a function of time is that of the flow, and no gap on the way is larger than the reach.
fn ahead<M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize>(
    p: &[f64; P],
    s: [f64; S],
    x: f64,
) {
    let exact = M::SPEC.order.is_none() && M::SPEC.output == Output::Spikes;
    let Some(curve) = M::curve(p, &s, x) else {
        assert!(!exact, "{} has no curve", M::SPEC.name);
        return;
    };
    let constants = |h: f64| M::discretise(p, &Convention::default(), Reset::Value, h);
    let end = 23e-3;
    let reach = M::reach(&constants(end), s, x);
    for i in 0..=40 {
        let h = end * f64::from(i) / 40.0;
        let k = constants(h);
        let gap = M::gap(&k, &M::flow(&k, s, x));
        close(&[curve.at(h)], &[gap], 1e-13, 1.0);
        assert!(gap <= reach + 1e-13, "{} {gap} {reach}", M::SPEC.name);
    }
}

/// The Jacobian of a step by dual numbers is that of central differences.
fn jacobian<M: Neuron<S, P, K>, const S: usize, const P: usize, const K: usize>(
    p: &[f64; P],
    s: [f64; S],
    x: f64,
) {
    let k = M::discretise(p, &Convention::default(), Reset::Value, 0.9e-3);
    let w = if M::SPEC.name == "adex" { 1e-3 } else { 0.4 };
    for before in [0.0, 1.0] {
        let step = |s: [f64; S], x: f64, w: f64| M::advance(&k, s, x, w, before);
        let c = Dual::<f64, 1>::constant;
        for i in 0..S + 2 {
            let vary = |n: usize, v: f64| if n == i { Dual::variable(v, 0) } else { c(v) };
            let dual = M::advance(
                &k,
                std::array::from_fn(|n| vary(n, s[n])),
                vary(S, x),
                vary(S + 1, w),
                c(before),
            );
            let value = if i < S { s[i] } else { [x, w][i - S] };
            let h = 1e-5
                * value
                    .abs()
                    .max(if M::SPEC.name == "adex" { 1e-12 } else { 1e-3 });
            let moved = |by: f64| {
                let mut s = s;
                let (mut x, mut w) = (x, w);
                match i {
                    i if i < S => s[i] += by,
                    i if i == S => x += by,
                    _ => w += by,
                }
                step(s, x, w)
            };
            let (up, down) = (moved(h), moved(-h));
            for n in 0..S {
                let slope = (up[n] - down[n]) / (2.0 * h);
                let noise = f64::EPSILON * up[n].abs().max(s[n].abs()) / h;
                let error = (dual[n].d[0] - slope).abs();
                assert!(
                    error <= 1e-7 * slope.abs() + 20.0 * noise,
                    "{} d{n}/d{i}: {} {slope}",
                    M::SPEC.name,
                    dual[n].d[0]
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_model_keeps_the_laws(at in prop::array::uniform2(-1.0f64..1.0), x in 0.1f64..1.0) {
        laws::<I, 1, 1, 1>(&at, x);
        laws::<If, 1, 5, 4>(&at, x);
        laws::<Lif, 1, 6, 6>(&at, x);
        laws::<Li, 1, 3, 3>(&at, x);
        laws::<CubaIf, 2, 5, 7>(&at, x);
        laws::<CubaLif, 2, 7, 9>(&at, x);
        laws::<CubaLi, 2, 4, 9>(&at, x);
        laws::<Alif, 2, 8, 8>(&at, x);
        laws::<AdLif<false>, 2, 9, 10>(&at, x);
        laws::<AdLif<true>, 2, 9, 10>(&at, x);
        laws::<AdEx<true>, 2, 11, 13>(&at, x);
        laws::<AdEx<false>, 2, 11, 13>(&at, x);
        laws::<Izhikevich<true>, 2, 6, 7>(&at, x);
        laws::<Izhikevich<false>, 2, 6, 7>(&at, x);
    }
}

/// Current-based LIF where both time constants meet: nothing jumps.
#[test]
fn equal_time_constants_are_no_exception() {
    let step = |tau_syn: f64| {
        let p = [20e-3, tau_syn, 1.0, 0.0, 1.0, 0.0, 0.0];
        let k = CubaLif::discretise(&p, &Convention::default(), Reset::Value, 1e-3);
        CubaLif::flow(&k, [0.3, 0.8], 0.5)[0]
    };
    let at = step(20e-3);
    for exponent in 1..=10 {
        let near = 10f64.powi(-exponent);
        for delta in [near, -near] {
            let far = step(20e-3 * (1.0 + delta));
            assert!((far - at).abs() < 0.05 * near + 1e-15, "{delta} {far} {at}");
        }
    }
}

/// The error of a run falls with the order that the model declares.
fn order<M: Neuron<2, P, K>, const P: usize, const K: usize>(s: [f64; 2], x: f64, time: f64) {
    let p = moved::<M, 2, P, K>();
    let run = |n: u32| {
        let h = time / f64::from(n);
        let k = M::discretise(&p, &Convention::default(), Reset::Value, h);
        (0..n).fold(s, |s, _| M::flow(&k, s, x))
    };
    let exact = run(1 << 14);
    let error = |n: u32| (run(n)[0] - exact[0]).abs();
    let (order, n) = (
        M::SPEC.order.unwrap(),
        if M::SPEC.order == Some(1) { 128 } else { 16 },
    );
    let measured = (error(n) / error(2 * n)).log2();
    assert!(
        (measured - f64::from(order)).abs() < 0.3,
        "{} {measured}",
        M::SPEC.name
    );
}

#[test]
fn integrators_are_of_the_order_that_they_declare() {
    order::<AdLif<false>, 9, 10>([0.3, 0.1], 0.8, 40e-3);
    order::<AdLif<true>, 9, 10>([0.3, 0.1], 0.8, 40e-3);
    order::<AdEx<true>, 11, 13>([-66e-3, 20e-12], 300e-12, 4e-3);
    order::<AdEx<false>, 11, 13>([-66e-3, 20e-12], 300e-12, 4e-3);
    order::<Izhikevich<true>, 6, 7>([-66.0, -13.0], 4.0, 2e-3);
    order::<Izhikevich<false>, 6, 7>([-66.0, -13.0], 4.0, 2e-3);
}

/// Explicit Euler differs from the exact step by the square of the step.
#[test]
fn euler_is_of_first_order() {
    let p = [20e-3, 1.0, 0.0, 1.0, 0.0, 0.0];
    let euler = Convention {
        decay: Decay::Euler,
        ..Convention::default()
    };
    let error = |n: u32| {
        let h = 10e-3 / f64::from(n);
        let k = Lif::discretise(&p, &euler, Reset::Value, h);
        let v = (0..n).fold([0.2], |s, _| Lif::flow(&k, s, 0.7))[0];
        (v - (0.7 + (0.2 - 0.7) * (-0.5f64).exp())).abs()
    };
    assert!((error(50) / error(100) - 2.0).abs() < 0.05);
}

#[test]
fn every_parameter_says_what_it_is() {
    let refs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/refs.bib");
    let refs = std::fs::read_to_string(refs).unwrap();
    for model in models() {
        assert!(
            refs.contains(&format!("{{{},", model.reference)),
            "{}",
            model.reference
        );
        assert!(!model.equations.is_empty() && model.states[0].name == "v");
        for p in model.params {
            let place = format!("{}.{}", model.name, p.name);
            assert!(!p.symbol.is_empty() && !p.unit.is_empty(), "{place}");
            assert!(
                p.min < p.max && (p.min..=p.max).contains(&p.default),
                "{place}"
            );
            assert!(!p.positive || p.min > 0.0, "{place}");
        }
    }
}
