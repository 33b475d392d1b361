//! Adaptive neurons against the recurrences of their papers, written out.

use cortado::network::{Network, NetworkSpec, NodeKind, Values};
use cortado::neuron::Reset;
use cortado::rng::{Purpose, Rng};
use cortado::sim::clock::{Input, Probe};

const STEPS: usize = 400;
const DT: f64 = 1e-3;

/// Decay of membrane and adaptation, and what the membrane and a spike add.
#[derive(Clone, Copy)]
struct Constants {
    alpha: f64,
    beta: f64,
    a: f64,
    b: f64,
}

fn drive() -> Vec<f64> {
    let mut rng = Rng::new(5, 0, Purpose::Other, 0);
    (0..STEPS).map(|_| 6.0 + 8.0 * rng.normal()).collect()
}

/// Membranes before the reset, and spikes.
fn ours(neuron: &str, c: Constants, q: f64, ab: [f64; 2], reset: Reset) -> (Vec<f64>, Vec<f64>) {
    let tau = |decay: f64| -DT / decay.ln();
    let params = [
        ("tau_mem", tau(c.alpha)),
        ("tau_adapt", tau(c.beta)),
        ("a", ab[0]),
        ("b", ab[1]),
        ("q", q),
    ];
    let spec = NetworkSpec::new(DT).linear("w", 1).node(
        "p",
        NodeKind::Population {
            neuron: neuron.into(),
            params: params.map(|(k, v)| (k.into(), Values::One(v))).into(),
            reset,
            train: vec![],
            bounds: Default::default(),
            per_neuron: false,
        },
    );
    let mut net = Network::<f64>::new(&[1], &spec, 0).unwrap();
    net.set("w.weight", &[1.0]).unwrap();
    let input = Input::Currents {
        samples: 1,
        steps: STEPS,
        data: drive(),
    };
    let probe = Probe {
        node: "p".into(),
        what: "v".into(),
        neurons: vec![],
    };
    let record = net.run(&input, &[probe]).unwrap();
    (record.traces[0].data.clone(), record.output)
}

fn same(ours: &(Vec<f64>, Vec<f64>), theirs: &(Vec<f64>, Vec<f64>)) {
    let spikes: f64 = theirs.1.iter().sum();
    assert!(
        (20.0..300.0).contains(&spikes),
        "{spikes} spikes say little"
    );
    assert_eq!(ours.1, theirs.1);
    for (t, (a, b)) in ours.0.iter().zip(&theirs.0).enumerate() {
        assert!(
            (a - b).abs() < 1e-11 * b.abs().max(1.0),
            "step {t}: {a} {b}"
        );
    }
}

#[test]
fn adlif_is_that_of_bittar_and_garner() {
    let c = Constants {
        alpha: (-1.0f64 / 12.0).exp(),
        beta: (-1.0f64 / 60.0).exp(),
        a: 0.04,
        b: 0.7,
    };
    let (mut u, mut w, mut s) = (0.0, 0.0, 0.0);
    let mut theirs = (vec![], vec![]);
    for x in drive() {
        w = c.beta * w + c.a * u + c.b * s;
        u = c.alpha * (u - s) + (1.0 - c.alpha) * (x - w);
        s = f64::from(u8::from(u > 1.0));
        theirs.0.push(u);
        theirs.1.push(s);
    }
    let share = 1.0 - c.beta;
    let ours = ours("adlif", c, 1.0, [c.a / share, c.b / share], Reset::Subtract);
    same(&ours, &theirs);
}

#[test]
fn se_adlif_is_that_of_baronig_and_others() {
    let c = Constants {
        alpha: (-1.0f64 / 12.0).exp(),
        beta: (-1.0f64 / 150.0).exp(),
        a: 0.5,
        b: 1.2,
    };
    let q = 120.0;
    let (mut u, mut w) = (0.0, 0.0);
    let mut theirs = (vec![], vec![]);
    for x in drive() {
        u = c.alpha * u + (1.0 - c.alpha) * (x - w);
        let s = f64::from(u8::from(u > 1.0));
        theirs.0.push(u);
        theirs.1.push(s);
        u *= 1.0 - s;
        w = c.beta * w + (1.0 - c.beta) * q * (c.a * u + c.b * s);
    }
    same(&ours("se_adlif", c, q, [c.a, c.b], Reset::Value), &theirs);
}
