//! Networks of neurons that fire once, against the closed forms by which such networks were trained before (`mostafa2018`,
//! `goeltz2021`): spike times, and gradients by the chain of their derivatives.

use cortado::learn::eventprop::Workspace;
use cortado::learn::{Loss, Objective};
use cortado::network::{Network, NetworkSpec};
use cortado::rng::{Purpose, Rng};
use cortado::sim::event::{Engine, Times};

const TAU: f64 = 5e-3;
const END: f64 = 0.2;
const SIZES: [usize; 3] = [14, 9, 4];
/// Longer than a sample: a neuron fires once.
const ONCE: (&str, f64) = ("t_ref", 1.0);

/// How a membrane rises from the spikes that came before, in closed form.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// No leak.
    Mostafa,
    /// `tau_mem = tau_syn`.
    Equal,
    /// `tau_mem = 2 tau_syn`.
    Double,
}

impl Form {
    fn model(self) -> (&'static str, Vec<(&'static str, f64)>) {
        let taus = |tau_mem: f64| vec![("tau_mem", tau_mem), ("tau_syn", TAU), ONCE];
        match self {
            Self::Mostafa => ("cuba_if", vec![("tau_syn", TAU), ("r", 1.0 / TAU), ONCE]),
            Self::Equal => ("cuba_lif", taus(TAU)),
            Self::Double => ("cuba_lif", taus(2.0 * TAU)),
        }
    }

    /// When the membrane reaches 1, if these spikes are all that came before.
    fn crossing(self, causes: &[(f64, f64)]) -> Option<f64> {
        let sum =
            |f: &dyn Fn(f64, f64) -> f64| causes.iter().map(|&(t, w)| f(t / TAU, w)).sum::<f64>();
        match self {
            Self::Mostafa => {
                let over = sum(&|_, w| w) - 1.0;
                (over > 0.0).then(|| TAU * (sum(&|t, w| w * t.exp()) / over).ln())
            }
            Self::Equal => {
                let (a, b) = (sum(&|t, w| w * t.exp()), sum(&|t, w| w * t * t.exp()));
                let x = -(b / a).exp() / a;
                (a > 0.0 && x >= -(-1f64).exp()).then(|| TAU * (b / a - lambert(x)))
            }
            Self::Double => {
                let (a, b) = (sum(&|t, w| w * (0.5 * t).exp()), sum(&|t, w| w * t.exp()));
                let root = a * a - 4.0 * b;
                (root >= 0.0 && a > 0.0).then(|| 2.0 * TAU * (2.0 * b / (a + root.sqrt())).ln())
            }
        }
    }

    /// The membrane's response to a weight of 1 that arrived `h` seconds ago, and its slope.
    fn response(self, h: f64) -> (f64, f64) {
        let (e, half) = ((-h / TAU).exp(), (-0.5 * h / TAU).exp());
        match self {
            Self::Mostafa => (1.0 - e, e / TAU),
            Self::Equal => (h / TAU * e, (1.0 - h / TAU) * e / TAU),
            Self::Double => (half - e, (e - 0.5 * half) / TAU),
        }
    }
}

/// The branch of Lambert's W that is above -1.
fn lambert(x: f64) -> f64 {
    let mut w = if x < -0.25 {
        -1.0 + (2.0 * (1.0 + 1f64.exp() * x)).max(0.0).sqrt()
    } else {
        x
    };
    for _ in 0..50 {
        let e = w.exp();
        w -= (w * e - x) / (e * (w + 1.0) - (w + 2.0) * (w * e - x) / (2.0 * w + 2.0));
    }
    w
}

/// The first spike behind weights: the causes are taken in order of time until the crossing comes before the next.
fn first(form: Form, input: &[Option<f64>], weights: &[f64]) -> Option<f64> {
    let mut order: Vec<(f64, f64)> = input
        .iter()
        .zip(weights)
        .filter_map(|(t, w)| Some(((*t)?, *w)))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    (1..=order.len()).find_map(|n| {
        let next = order.get(n).map_or(f64::INFINITY, |o| o.0);
        let t = form.crossing(&order[..n])?;
        (t >= order[n - 1].0 && t < next).then_some(t)
    })
}

/// What the price of a spike at `t` adds to the prices of weights and of the spikes before it.
fn back(
    form: Form,
    t: f64,
    price: f64,
    input: &[Option<f64>],
    weights: &[f64],
    by_weight: &mut [f64],
    by_time: &mut [f64],
) {
    let before = |s: &Option<f64>| s.filter(|&s| s < t).map(|s| form.response(t - s));
    let slope: f64 = input
        .iter()
        .zip(weights)
        .filter_map(|(s, w)| Some(w * before(s)?.1))
        .sum();
    for (i, s) in input.iter().enumerate() {
        if let Some((lift, speed)) = before(s) {
            by_weight[i] -= price * lift / slope;
            by_time[i] += price * weights[i] * speed / slope;
        }
    }
}

fn network(form: Form, seed: u64) -> Network<f64> {
    let (model, params) = form.model();
    let spec = NetworkSpec::new(1e-3)
        .linear("fc1", SIZES[1])
        .population("hidden", model, &params)
        .linear("fc2", SIZES[2])
        .population("readout", model, &params);
    let mut net = Network::new(&[SIZES[0]], &spec, 0).unwrap();
    let mut rng = Rng::new(seed, 0, Purpose::Weights, 0);
    for (name, count, mean) in [
        ("fc1.weight", SIZES[0] * SIZES[1], 1.2),
        ("fc2.weight", SIZES[1] * SIZES[2], 1.8),
    ] {
        let w: Vec<f64> = (0..count).map(|_| mean + 1.5 * rng.normal()).collect();
        net.set(name, &w).unwrap();
    }
    net
}

#[test]
fn spikes_and_gradients_are_the_closed_forms() {
    for form in [Form::Mostafa, Form::Equal, Form::Double] {
        let (mut fired, mut silent, mut worst) = (0, 0, [0f64; 2]);
        for seed in 0..40 {
            let net = network(form, seed);
            let mut rng = Rng::new(seed, 1, Purpose::Encode, 0);
            let input: Vec<f64> = (0..SIZES[0]).map(|_| 15e-3 * rng.uniform()).collect();
            let weights = |name: &str| {
                net.params()
                    .iter()
                    .find(|p| p.name == name)
                    .unwrap()
                    .values()
            };
            let (w1, w2) = (weights("fc1.weight"), weights("fc2.weight"));
            let layer = |from: &[Option<f64>], w: &[f64]| -> Vec<Option<f64>> {
                w.chunks(from.len())
                    .map(|row| first(form, from, row).filter(|&t| t < END))
                    .collect()
            };
            let start: Vec<Option<f64>> = input.iter().copied().map(Some).collect();
            let hidden = layer(&start, &w1);
            let out = layer(&hidden, &w2);

            let mut engine = Engine::new(&net).unwrap();
            let mut order: Vec<usize> = (0..SIZES[0]).collect();
            order.sort_by(|&a, &b| input[a].total_cmp(&input[b]));
            order
                .iter()
                .for_each(|&i| engine.feed(input[i], i).unwrap());
            let mut got = [vec![None; SIZES[1]], vec![None; SIZES[2]]];
            let mut take = |s: cortado::sim::event::Spike| {
                let place: &mut Option<f64> = &mut got[s.population - 1][s.neuron];
                assert!(place.is_none(), "a second spike");
                *place = Some(s.t);
            };
            engine.run(END, &mut take).unwrap();
            for (got, wanted) in got.iter().flatten().zip(hidden.iter().chain(&out)) {
                match (got, wanted) {
                    (Some(a), Some(b)) => {
                        worst[0] = worst[0].max((a - b).abs());
                        fired += 1;
                    }
                    (None, None) => silent += 1,
                    _ => panic!("{form:?} {seed}: {got:?} {wanted:?}"),
                }
            }

            // A label that fires, so that its price is that of its time.
            let Some(label) = out.iter().position(Option::is_some) else {
                continue;
            };
            let (tau0, alpha, tau1) = (2e-3, 0.01, 8e-3);
            let times: Vec<f64> = out.iter().map(|t| t.unwrap_or(END)).collect();
            let all: f64 = times.iter().map(|t| (-t / tau0).exp()).sum();
            let price = |k: usize| {
                let soft = (-times[k] / tau0).exp() / all;
                let own = if k == label { 1.0 - soft } else { -soft };
                own / tau0
                    + if k == label {
                        alpha / tau1 * (times[k] / tau1).exp()
                    } else {
                        0.0
                    }
            };
            let (mut g1, mut g2) = (vec![0.0; w1.len()], vec![0.0; w2.len()]);
            let mut by_hidden = vec![0.0; SIZES[1]];
            for (k, t) in out.iter().enumerate() {
                let at = k * SIZES[1]..(k + 1) * SIZES[1];
                if let Some(t) = t {
                    back(
                        form,
                        *t,
                        price(k),
                        &hidden,
                        &w2[at.clone()],
                        &mut g2[at],
                        &mut by_hidden,
                    );
                }
            }
            let mut by_input = vec![0.0; SIZES[0]];
            for (k, t) in hidden.iter().enumerate() {
                let at = k * SIZES[0]..(k + 1) * SIZES[0];
                if let Some(t) = t {
                    back(
                        form,
                        *t,
                        by_hidden[k],
                        &start,
                        &w1[at.clone()],
                        &mut g1[at],
                        &mut by_input,
                    );
                }
            }
            let spikes = input
                .iter()
                .enumerate()
                .map(|(i, &t)| (t, i as u32))
                .collect();
            let input = Times::new(SIZES[0], END, [spikes]).unwrap();
            let mut workspace = Workspace::new();
            let objective = Objective::from(Loss::SpikeTime { tau0, alpha, tau1 });
            workspace
                .run(&net, &input, vec![label as u32], &objective)
                .unwrap();
            let largest = g1.iter().chain(&g2).fold(0f64, |m, g| m.max(g.abs()));
            for (name, wanted) in [("fc1.weight", g1), ("fc2.weight", g2)] {
                let k = net.params().iter().position(|p| p.name == name).unwrap();
                let got = net.params()[k].values_of(&workspace.gradients()[k]);
                for (a, b) in got.iter().zip(wanted) {
                    worst[1] = worst[1].max((a - b).abs() / largest);
                }
            }
        }
        println!(
            "{form:?}: {fired} fired, {silent} silent, times {:.1e} s, gradients {:.1e}",
            worst[0], worst[1]
        );
        assert!(fired > 300 && silent > 0, "{fired} {silent}");
        assert!(worst[0] < 1e-16 && worst[1] < 1e-13, "{worst:?}");
    }
}

/// A refractory time within a sample is neither: it is refused.
#[test]
fn a_short_refractory_time_is_refused() {
    let spec =
        NetworkSpec::new(1e-3)
            .linear("fc", 1)
            .population("out", "cuba_lif", &[("t_ref", 5e-3)]);
    let net = Network::<f64>::new(&[1], &spec, 0).unwrap();
    let input = Times::new(1, 0.05, [vec![(1e-3, 0)]]).unwrap();
    let loss = Loss::SpikeTime {
        tau0: 1e-3,
        alpha: 0.0,
        tau1: 1e-3,
    };
    let e = Workspace::new()
        .run(&net, &input, vec![0u32], &loss.into())
        .unwrap_err();
    assert!(e.to_string().contains("t_ref"), "{e}");
}
