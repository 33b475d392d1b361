//! Gradients against golden ones, and against differences of the loss.

use super::sample::{Sample, Sums};
use super::{Workspace, evaluate, job};
use crate::learn::{Loss, Objective, Targets};
use crate::network::{
    DelayedEdge, Delays, Draw, Each, EdgeSpec, Network, NetworkSpec, NodeKind, Values,
};
use crate::rng::{Purpose, Rng};
use crate::sim::event::Times;

#[path = "../../../tests/common/eventprop.rs"]
mod golden;

/// The golden network: recurrent, each synapse with a delay. Its loss holds the times of hidden spikes besides.
#[test]
fn gradients_are_those_of_the_golden_file() {
    let Some(golden) = golden::Golden::read() else {
        return;
    };
    let net = golden.network::<f64>();
    let number = |key: &str| golden.file[key].as_f64().unwrap();
    let loss = Loss::SpikeTime {
        tau0: number("loss_tau0") * 1e-3,
        alpha: number("loss_alpha"),
        tau1: number("loss_tau1") * 1e-3,
    };
    let beta = number("loss_hidden_beta") * 1e3;
    let label = number("label") as u32;
    let spikes = golden.input.iter().map(|&(t, i)| (t, i as u32)).collect();
    let input = Times::new(golden.sizes[0], golden.end, [spikes]).unwrap();
    let targets = Targets::from(vec![label]);
    let (job, _) = job(&net, &input, &targets, &loss.into()).unwrap();
    let (mut sample, mut sums) = (Sample::default(), Sums::default());
    sums.clear(&job);
    sample.forward(&job, input.sample(0), true).unwrap();
    let mut spikes: Vec<(f64, usize)> = Vec::new();
    for p in 1..3 {
        let train = &sample.trains[p];
        spikes.extend(
            (0..train.len()).map(|k| (train.t[k], golden.number(p, train.unit[k] as usize))),
        );
    }
    spikes.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!(spikes.len(), golden.spikes.len());
    for (a, b) in spikes.iter().zip(&golden.spikes) {
        assert!(a.1 == b.1 && (a.0 - b.0).abs() < 1e-12, "{a:?} {b:?}");
    }
    let hidden: f64 = sample.trains[1].t.iter().sum();
    let verdict = sample.verdict(&job, label as usize);
    let value = verdict.loss + beta * hidden;
    assert!((value - number("loss")).abs() < 1e-11, "{value}");
    sample.backward(&job, &verdict, &mut sums, |_, errors| {
        errors[1].iter_mut().for_each(|e| *e += beta)
    });
    let mut worst = [0f64; 3];
    for (name, from, to) in [("w1", 0, 1), ("rec", 1, 1), ("w2", 1, 2)] {
        for (what, k, unit) in [("weight", 2, 1.0), ("delay", 3, 1e-3)] {
            let wanted = golden.matrix(from, to, k);
            let largest = wanted.iter().fold(0f64, |m, w| m.max(w.abs()));
            let name = format!("{name}.{what}");
            let at = net.params.iter().position(|p| p.name == name).unwrap();
            let got = net.params[at]
                .places()
                .into_iter()
                .map(|p| sums.params[at][p] * unit);
            // What is not connected in the file weighs nothing here and has a derivative.
            let there = golden.matrix(from, to, 0);
            for ((got, wanted), w) in got.zip(wanted).zip(there) {
                if w != 0.0 {
                    worst[k - 2] = worst[k - 2].max((got - wanted).abs() / largest);
                }
            }
        }
    }
    for (k, entry) in golden.file["dL_dinput_time"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let wanted = entry[2].as_f64().unwrap();
        worst[2] = worst[2].max((sample.errors[0][k] * 1e-3 - wanted).abs() / wanted.abs());
    }
    println!(
        "weights {:.1e}, delays {:.1e}, input times {:.1e}",
        worst[0], worst[1], worst[2]
    );
    assert!(worst.iter().all(|&w| w < 1e-7), "{worst:?}");
}

/// A network drawn under `seed`: a loop, delays of edges and of weights, two populations, trained parameters; every fifth seed
/// neurons that fire once.
fn random(seed: u64, model: &str, readout: (&str, &[(&str, f64)])) -> NetworkSpec {
    let mut params = match model {
        "lif" => vec![("tau_mem", 13e-3), ("v_leak", 0.3)],
        "alif" => vec![
            ("tau_mem", 13e-3),
            ("tau_adapt", 60e-3),
            ("beta", 0.3),
            ("v_leak", 0.2),
        ],
        "if" => vec![],
        "cuba_if" => vec![("tau_syn", 4e-3), ("r", 180.0), ("v_threshold", 1.1)],
        _ => vec![
            ("tau_mem", 13e-3),
            ("tau_syn", 4e-3),
            ("v_leak", 0.1),
            ("v_threshold", 0.9),
        ],
    };
    if seed % 5 == 2 {
        params.push(("t_ref", 1.0));
    }
    let mut spec = NetworkSpec::new(1e-3)
        .linear("in", 9)
        .linear("rec", 9)
        .population("a", model, &params)
        .linear("skip", 5)
        .linear("w", 5)
        .population("b", model, &params)
        .linear("out", 3)
        .population("readout", readout.0, readout.1);
    let late = |node: &str, delay| {
        EdgeSpec::Delayed(DelayedEdge {
            node: node.into(),
            delay,
        })
    };
    let held = Delays {
        each: if seed % 4 < 2 {
            Each::Weight
        } else {
            Each::Input
        },
        train: true,
        ..Delays::from(Values::Drawn(Draw::Uniform([1e-3, 9e-3])))
    };
    for (name, from) in [
        ("rec", vec![late("a", 2e-3)]),
        (
            "a",
            vec![EdgeSpec::Node("in".into()), EdgeSpec::Node("rec".into())],
        ),
        ("skip", vec![late("input", 3e-3)]),
        ("w", vec![EdgeSpec::Node("a".into())]),
        (
            "b",
            vec![EdgeSpec::Node("skip".into()), EdgeSpec::Node("w".into())],
        ),
    ] {
        spec.nodes.iter_mut().find(|n| n.name == name).unwrap().from = Some(from);
    }
    for node in &mut spec.nodes {
        match &mut node.kind {
            NodeKind::Linear {
                scale,
                mean,
                delays,
                ..
            } => {
                (*scale, *mean) = match model {
                    "cuba_lif" => (3.0, 1.6),
                    _ => (0.6, 0.4),
                };
                if node.name == "rec" {
                    *mean *= -0.2;
                }
                *delays = match (seed % 3, node.name.as_str()) {
                    (1, "rec" | "w") | (2, "in" | "out") => Some(held.clone()),
                    _ => None,
                };
            }
            NodeKind::Population {
                train, per_neuron, ..
            } if seed % 2 == 1 && node.name != "readout" => {
                let all: &[&str] = match model {
                    "lif" => &["tau_mem", "v_leak", "v_threshold", "v_reset"],
                    "alif" => &["tau_mem", "tau_adapt", "beta", "v_threshold"],
                    "if" => &["v_threshold", "v_reset"],
                    "cuba_if" => &["tau_syn", "r", "v_threshold", "v_reset"],
                    _ => &[
                        "tau_mem",
                        "tau_syn",
                        "r",
                        "v_leak",
                        "v_threshold",
                        "v_reset",
                    ],
                };
                *train = all.iter().map(|s| s.to_string()).collect();
                *per_neuron = node.name == "b";
            }
            _ => {}
        }
    }
    spec
}

fn input(seed: u64, samples: usize) -> Times {
    let mut rng = Rng::new(seed, 0, Purpose::Other, 9);
    let one = |_| (0..25).map(|k| (30e-3 * rng.uniform(), k % 7)).collect();
    Times::new(7, 50e-3, (0..samples).map(one).collect::<Vec<_>>()).unwrap()
}

/// Times and neurons of all spikes of all samples.
fn spikes(
    net: &Network<f64>,
    input: &Times,
    targets: &Targets<'_>,
    objective: &Objective,
) -> Vec<(f64, u32)> {
    let (job, _) = job(net, input, targets, objective).unwrap();
    let mut sample = Sample::default();
    let mut all = Vec::new();
    for b in 0..input.samples() {
        sample.forward(&job, input.sample(b), false).unwrap();
        for train in &sample.trains[1..] {
            all.extend(train.t.iter().copied().zip(train.unit.iter().copied()));
        }
    }
    all
}

#[test]
fn gradients_are_differences_of_the_loss() {
    let cuba = [("tau_mem", 17e-3), ("tau_syn", 6e-3)];
    let objectives = [
        (("cuba_li", &cuba[..]), Loss::MaxCrossEntropy),
        (("cuba_li", &cuba[..]), Loss::Integral { tau: Some(20e-3) }),
        (("li", &cuba[..1]), Loss::Integral { tau: None }),
        (
            ("cuba_lif", &cuba[..]),
            Loss::SpikeTime {
                tau0: 4e-3,
                alpha: 0.02,
                tau1: 11e-3,
            },
        ),
    ];
    let (mut checked, mut left_out) = (0, 0);
    for model in ["cuba_lif", "cuba_if", "alif", "lif", "if"] {
        for seed in 0..12u64 {
            let (readout, loss) = objectives[seed as usize / 3];
            let mut net = Network::<f64>::new(&[7], &random(seed, model, readout), seed).unwrap();
            let (input, targets) = (input(seed, 2), Targets::from(vec![1, 2]));
            let objective = Objective::from(loss);
            let mut workspace = Workspace::new();
            workspace
                .run(&net, &input, targets.clone(), &objective)
                .unwrap();
            let gradients: Vec<Vec<f64>> = net
                .params
                .iter()
                .zip(workspace.gradients())
                .map(|(p, g)| p.values_of(g))
                .collect();
            let before = spikes(&net, &input, &targets, &objective);
            for (k, g) in gradients.iter().enumerate() {
                let (name, values) = (net.params[k].name.clone(), net.params[k].values());
                let largest = g.iter().fold(0f64, |m, g| m.max(g.abs()));
                let each = (g.len() / 7).max(1);
                for i in (0..g.len()).step_by(each) {
                    let mut at = |by: f64| {
                        let mut moved = values.clone();
                        moved[i] += by;
                        net.set(&name, &moved).unwrap();
                        let after = spikes(&net, &input, &targets, &objective);
                        // None appeared, vanished or went over to another arrival.
                        let near =
                            |a: &(f64, u32), b: &(f64, u32)| a.1 == b.1 && (a.0 - b.0).abs() < 1e-4;
                        let same = after.len() == before.len()
                            && after.iter().zip(&before).all(|(a, b)| near(a, b));
                        let loss = evaluate(&net, &input, targets.clone(), &objective)
                            .unwrap()
                            .loss;
                        net.set(&name, &values).unwrap();
                        (loss, same)
                    };
                    // Two differences, extrapolated to no step at all.
                    let mut slope = |h: f64| {
                        let ((up, a), (down, b)) = (at(h), at(-h));
                        ((up - down) / (2.0 * h), a && b)
                    };
                    let unit = if name.ends_with("delay") { 1e-2 } else { 1.0 };
                    // A wide step suffers from curvature, a narrow one from rounding: one of them has to agree.
                    let mut all_same = true;
                    let tries: Vec<(f64, f64)> = [2e-6 * unit, 2e-7 * unit]
                        .into_iter()
                        .map(|h| {
                            let ((wide, a), (narrow, b)) = (slope(2.0 * h), slope(h));
                            all_same &= a && b;
                            ((4.0 * narrow - wide) / 3.0, 1e-14 / h)
                        })
                        .collect();
                    if !all_same {
                        left_out += 1;
                        continue;
                    }
                    checked += 1;
                    let fits = |&(wanted, noise): &(f64, f64)| {
                        (g[i] - wanted).abs() < 1e-6 * largest + noise
                    };
                    assert!(
                        tries.iter().any(fits),
                        "{model} {seed} {loss:?} {name}[{i}]: {} {tries:?}, largest {largest}",
                        g[i]
                    );
                }
            }
        }
    }
    println!(
        "{checked} derivatives checked, {left_out} left out where a spike appeared or vanished"
    );
    assert!(checked > 1000 && left_out * 5 < checked);
}

/// At the birth of a spike the loss jumps and the gradient does not see it: a neuron that stays silent has none.
#[test]
fn a_spike_about_to_appear_has_no_gradient() {
    let params = [("tau_mem", 20e-3), ("tau_syn", 5e-3)];
    let spec = NetworkSpec::new(1e-3)
        .linear("w", 1)
        .population("a", "cuba_lif", &params)
        .linear("v", 2)
        .population("out", "cuba_li", &params);
    let mut net = Network::<f64>::new(&[1], &spec, 0).unwrap();
    net.set("v.weight", &[2.0, -1.0]).unwrap();
    let input = Times::new(1, 0.1, [vec![(1e-3, 0)]]).unwrap();
    // The peak of the membrane is (tau_syn / tau_mem)^(tau_mem / (tau_mem - tau_syn)) of the weight.
    let birth = 0.25f64.powf(-4.0 / 3.0);
    let mut at = |w: f64| {
        net.set("w.weight", &[w]).unwrap();
        let mut workspace = Workspace::new();
        let objective = Objective::from(Loss::MaxCrossEntropy);
        let report = workspace.run(&net, &input, vec![0], &objective).unwrap();
        (report.loss, workspace.gradients()[0][0], report.spikes)
    };
    let ((below, none, silent), (above, some, fired)) = (at(birth - 1e-9), at(birth + 1e-4));
    assert_eq!((silent, fired, none), (0, 1, 0.0));
    assert_eq!(below, 2f64.ln());
    // A jump of the loss, and just above it a slope that grows without bound: the maximum does not depend on when it is reached.
    assert!(below - above > 0.1 && some.abs() < 1e-12, "{above} {some}");
}

#[test]
fn bits_do_not_depend_on_threads_and_gradients_on_company() {
    let net = Network::<f32>::new(&[7], &random(2, "cuba_lif", ("cuba_li", &[])), 2).unwrap();
    let (input, labels) = (input(5, 13), (0..13).map(|b| b % 3).collect::<Vec<u32>>());
    let objective = Objective::from(Loss::Integral { tau: Some(30e-3) });
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let mut workspace = Workspace::new();
            let report = workspace.run(&net, &input, &labels, &objective).unwrap();
            (report, workspace.gradients().to_vec())
        })
    };
    let (one, gradients) = run(1);
    for threads in [2, 5] {
        assert_eq!(run(threads), (one, gradients.clone()));
    }
    let report = evaluate(&net, &input, &labels, &objective).unwrap();
    assert_eq!(
        (report.correct, report.spikes, report.synops),
        (one.correct, one.spikes, one.synops)
    );
    assert!((report.loss - one.loss).abs() < 1e-12);
}
