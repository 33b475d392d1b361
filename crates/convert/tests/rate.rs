//! Rates tend to the values that they stand for, and say exactly what their formula says.

mod nets;

use cortado::sim::clock::{Input, Probe};
use cortado_convert::ann::{Ann, Builder, Op, Source};
use cortado_convert::calibrate::{Scale, reach};
use cortado_convert::measure::{blame, classes, decide, layers};
use cortado_convert::network::{Unit, build, read};
use cortado_convert::rate::{Balance, Rate, quantise};
use nets::{conv, dense, images, linear, logits, numbers, samples, window};

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

/// Clips are no units of a network without time: ReLUs in their place.
fn relus(ann: &Ann) -> Ann {
    let mut ann = logits(ann);
    for layer in &mut ann.layers {
        if layer.op.is_unit() {
            layer.op = Op::Relu;
        }
    }
    ann
}

fn run(net: &cortado::network::Network<f32>, x: &[f64], count: usize, steps: usize) -> Vec<f32> {
    let input = Input::Current {
        samples: count,
        steps,
        data: single(x),
    };
    net.run(&input, &[]).unwrap().output
}

#[test]
fn the_graph_goes_there_and_back() {
    for ann in [dense(), relus(&images())] {
        let x = samples(&ann, 7, 1);
        let want = ann.forward(&x, 7).unwrap();
        let net = build(&ann, 1e-3, |_| Unit::Same).unwrap().network;
        let got = run(&net, &x, 7, 1);
        let back = read(&net).unwrap().forward(&x, 7).unwrap();
        assert_eq!(got.len(), want.len());
        for ((got, want), back) in got.iter().zip(&want).zip(&back) {
            assert!((f64::from(*got) - want).abs() < 2e-6, "{got} {want}");
            assert!((back - want).abs() < 1e-6, "{back} {want}");
        }
    }
}

/// In `T` steps of the same input, first neurons fire `floor(T x / scale + 1/2)` times, clipped.
#[test]
fn the_first_layer_says_what_the_formula_says() {
    let ann = dense();
    let (count, steps) = (20, 32);
    let x = samples(&ann, count, 2);
    for (scale, balance) in [
        (Scale::Max, Balance::Threshold),
        (Scale::Percentile(90.0), Balance::Weights),
        (Scale::Channel(95.0), Balance::Threshold),
    ] {
        let rate = Rate {
            scale,
            balance,
            ..Rate::default()
        };
        let rates = rate.convert(&ann, &x, count).unwrap();
        let (layer, scales) = &rates.scales[0];
        let probe = Probe {
            node: "ra".into(),
            what: "spikes".into(),
            neurons: vec![],
        };
        let input = Input::Current {
            samples: count,
            steps,
            data: single(&x),
        };
        let trace = &rates.built.network.run(&input, &[probe]).unwrap().traces[0];
        let values = ann
            .trace(&x, count, |_, v| v[layer - 1].clone())
            .unwrap()
            .concat();
        let mut clipped = 0;
        for (n, v) in values.iter().enumerate() {
            let (b, j) = (n / 14, n % 14);
            let count: f32 = (0..steps)
                .map(|t| trace.data[(b * steps + t) * 14 + j])
                .sum();
            let share = v / scales[j.min(scales.len() - 1)] * steps as f64 + 0.5;
            if (share - share.round()).abs() > 1e-3 {
                assert_eq!(
                    f64::from(count),
                    share.floor().clamp(0.0, steps as f64),
                    "{v}"
                );
            }
            clipped += usize::from(share >= steps as f64 + 1.0);
        }
        assert_eq!(clipped > 0, scale != Scale::Max);
    }
}

/// The sum of the readout over `T` steps is `T` times the output, but for an error that does not grow with `T`.
#[test]
fn rates_tend_to_values() {
    for ann in [dense(), logits(&images())] {
        let x = samples(&ann, 4, 3);
        let want = ann.forward(&x, 4).unwrap();
        let outputs = ann.outputs();
        for balance in [Balance::Threshold, Balance::Weights] {
            let rate = Rate {
                scale: Scale::Max,
                balance,
                ..Rate::default()
            };
            let net = rate.convert(&ann, &x, 4).unwrap().built.network;
            let error = |steps: usize| {
                let got = run(&net, &x, 4, steps);
                let last = |n: usize| {
                    f64::from(got[(n / outputs * steps + steps - 1) * outputs + n % outputs])
                };
                (0..want.len())
                    .map(|n| (last(n) / steps as f64 - want[n]).abs())
                    .fold(0.0, f64::max)
            };
            let errors = [100, 1000, 4000].map(error);
            assert!(
                errors[0] < 0.15 && errors[1] < 0.015 && errors[2] < 0.004,
                "{balance:?} {errors:?}"
            );
        }
    }
}

#[test]
fn a_maximum_passes_whatever_the_balance() {
    let ann = logits(&images());
    let x = samples(&ann, 50, 4);
    let net = |balance| {
        let rate = Rate {
            balance,
            scale: Scale::Channel(99.9),
            ..Rate::default()
        };
        rate.convert(&ann, &x, 50).unwrap().built.network
    };
    let [a, b] =
        [Balance::Threshold, Balance::Weights].map(|b| decide(&net(b), &single(&x), 64).unwrap());
    let same = a
        .classes
        .iter()
        .zip(&b.classes)
        .filter(|(a, b)| a == b)
        .count();
    assert!(
        same as f64 > 0.995 * a.classes.len() as f64,
        "{same} of {}",
        a.classes.len()
    );
    let wanted = classes(&ann, &single(&x), 50).unwrap();
    let agree = a.agree(&wanted);
    assert!(agree[63] >= 46, "{agree:?}");
    assert!(a.spikes_per_neuron() > 1.0 && a.spikes_per_neuron() < 64.0);
}

/// `T = L` steps of an even input are one step of the units that quantise.
#[test]
fn a_quantised_layer_is_its_neurons() {
    let mut b = Builder::new(&[6]).unwrap();
    let a = b.push("a", linear(6, 30, 21), &[Source::Input]).unwrap();
    let a = b.push("ra", Op::Relu, &[a]).unwrap();
    b.push("out", linear(30, 4, 23), &[a]).unwrap();
    let ann = b.finish().unwrap();
    let x = samples(&ann, 40, 5);
    for levels in [1, 4, 8] {
        let units = quantise(&ann, &x, 40, Scale::default(), (levels, 1e-3))
            .unwrap()
            .network;
        let quantised = read(&units).unwrap();
        assert!(matches!(quantised.layers[1].op, Op::Qcfs { levels: l, .. } if l == levels));
        let one = run(&units, &x, 40, 1);
        let spiking = Rate::default()
            .convert(&quantised, &x, 40)
            .unwrap()
            .built
            .network;
        let all = run(&spiking, &x, 40, levels);
        for (n, one) in one.iter().enumerate() {
            let sum = all[(n / 4 * levels + levels - 1) * 4 + n % 4];
            assert!(
                (sum / levels as f32 - one).abs() < 1e-4,
                "{levels}: {sum} {one}"
            );
        }
    }
}

#[test]
fn the_reach_is_the_share_that_was_asked_for() {
    let ann = dense();
    let count = 3000;
    let x = samples(&ann, count, 6);
    let values = ann.trace(&x, count, |_, v| v[1].clone()).unwrap();
    let of = |j: Option<usize>| {
        let mut all: Vec<f64> = values
            .iter()
            .flat_map(|v| {
                v.iter()
                    .enumerate()
                    .filter(|v| j.is_none_or(|j| j == v.0))
                    .map(|v| *v.1)
            })
            .filter(|&v| v > 0.0)
            .collect();
        all.sort_by(f64::total_cmp);
        all
    };
    let largest = *of(None).last().unwrap();
    let all = of(None);
    assert_eq!(
        reach(&ann, &x, count, Scale::Max).unwrap()[1]
            .as_ref()
            .unwrap(),
        &[largest]
    );
    let got = reach(&ann, &x, count, Scale::Percentile(99.0)).unwrap()[1]
        .as_ref()
        .unwrap()[0];
    // To a bin of 1/8192 of the largest.
    let below = |v: f64| all.partition_point(|&a| a <= v) as f64 / all.len() as f64;
    assert!(
        below(got) >= 0.99 && below(got - largest / 8191.0) < 0.99,
        "{got}"
    );
    let got = reach(&ann, &x, count, Scale::Channel(100.0)).unwrap();
    for (j, got) in got[1].as_ref().unwrap().iter().enumerate() {
        let want = of(Some(j)).last().copied().unwrap_or(largest);
        assert_eq!(*got, want);
    }
    assert!(reach(&ann, &x, count, Scale::Percentile(0.0)).is_err());
}

#[test]
fn the_report_finds_the_layer_that_was_broken() {
    let ann = relus(&images());
    let x = samples(&ann, 60, 7);
    let mut rates = Rate {
        scale: Scale::Max,
        ..Rate::default()
    }
    .convert(&ann, &x, 60)
    .unwrap();
    let fine = layers(&ann, &rates, &single(&x), 128).unwrap();
    assert_eq!(fine.len(), 3);
    assert!(
        fine.iter()
            .all(|r| r.correlation > 0.99 && r.error < 0.02 && r.saturated == 0.0),
        "{fine:?}"
    );
    // A threshold far too low: the layer says nothing but its scale.
    rates.built.network = {
        let broken = rates
            .scales
            .iter()
            .position(|s| ann.layers[s.0].name == "rs")
            .unwrap();
        rates.scales[broken].1.iter_mut().for_each(|s| *s *= 0.1);
        let scales = rates.scales.clone();
        build(&ann, 1e-3, |i| Unit::Spiking {
            scale: scales.iter().find(|s| s.0 == i).unwrap().1.clone(),
            start: 0.5,
            balance_weights: false,
        })
        .unwrap()
        .network
    };
    let broken = layers(&ann, &rates, &single(&x), 128).unwrap();
    assert!(broken[1].saturated > 0.3);
    assert_eq!(blame(&broken).unwrap().layer, "rs", "{broken:?}");
}

/// A maximum before its unit is told by the unit's spikes; one that no unit follows cannot be told.
#[test]
fn units_go_before_maxima() {
    let pool = |b: &mut Builder, from| {
        let square = window([2, 2], [2, 2], [0; 4]);
        b.push("pool", Op::MaxPool2d(square), &[from]).unwrap()
    };
    let net = |behind: bool| {
        let mut b = Builder::new(&[2, 8, 8]).unwrap();
        let a = b
            .push(
                "a",
                conv([2, 5], window([3, 3], [1, 1], [1; 4]), 1, 1, 31),
                &[Source::Input],
            )
            .unwrap();
        let a = b.push("ra", Op::Relu, &[a]).unwrap();
        let mut c = b
            .push(
                "c",
                conv([5, 6], window([3, 3], [1, 1], [1; 4]), 1, 1, 33),
                &[a],
            )
            .unwrap();
        c = pool(&mut b, c);
        if behind {
            c = b.push("rc", Op::Relu, &[c]).unwrap();
        }
        let f = b.reshape("flat", c, &[6 * 4 * 4]).unwrap();
        b.push("out", linear(96, 4, 35), &[f]).unwrap();
        b.finish().unwrap()
    };
    let ann = net(true);
    let first = ann.units_first();
    let x = samples(&ann, 3, 8);
    let want = ann.forward(&x, 3).unwrap();
    assert_eq!(first.forward(&x, 3).unwrap(), want);
    let how = Rate {
        scale: Scale::Max,
        ..Rate::default()
    };
    let spiking = how.convert(&first, &x, 3).unwrap().built.network;
    let steps = 2000;
    let got = run(&spiking, &x, 3, steps);
    for (n, want) in want.iter().enumerate() {
        let sum = f64::from(got[(n / 4 * steps + steps - 1) * 4 + n % 4]);
        assert!((sum / steps as f64 - want).abs() < 0.02, "{sum} {want}");
    }
    for ann in [ann, net(false).units_first()] {
        let Err(error) = how.convert(&ann, &x, 3) else {
            panic!("a maximum of currents");
        };
        assert!(error.to_string().contains("layer 'pool'"), "{error}");
    }
}

/// Sums that no unit follows, scales past maxima, an input that is but reshaped, a unit at the end: what trained networks have.
#[test]
fn what_is_common_converts() {
    let same = |c| window([3, 3], [1, 1], [c; 4]);
    let norm = |n: usize, key: u64| Op::Affine {
        scale: numbers(n, key).iter().map(|v| 0.3 + v.abs()).collect(),
        shift: numbers(n, key + 1).iter().map(|v| 0.2 * v).collect(),
    };
    let mut b = Builder::new(&[2 * 8 * 8]).unwrap();
    let x = b.reshape("image", Source::Input, &[2, 8, 8]).unwrap();
    let a = b.push("a", conv([2, 4], same(1), 1, 1, 41), &[x]).unwrap();
    let a = b
        .push("pool", Op::MaxPool2d(window([2, 2], [2, 2], [0; 4])), &[a])
        .unwrap();
    let a = b.push("na", norm(4, 43), &[a]).unwrap();
    let a = b.push("ra", Op::Relu, &[a]).unwrap();
    let c = b.push("c", conv([4, 4], same(1), 1, 1, 45), &[a]).unwrap();
    let s = b.push("sum", Op::Add, &[a, c]).unwrap();
    let d = b.push("d", conv([4, 3], same(1), 1, 1, 47), &[s]).unwrap();
    let t = b.push("twice", Op::Add, &[d, d]).unwrap();
    let f = b.reshape("flat", t, &[48]).unwrap();
    let e = b.push("e", linear(48, 6, 49), &[f]).unwrap();
    b.push("re", Op::Relu, &[e]).unwrap();
    let ann = b.finish().unwrap();
    let count = 6;
    let x = samples(&ann, count, 9);
    let want = ann.forward(&x, count).unwrap();
    let ready = ann.folded().units_first();
    assert_eq!(ready.input, [2, 8, 8]);
    assert!(
        ready
            .layers
            .iter()
            .all(|l| !matches!(l.op, Op::Affine { .. }))
    );
    for (got, want) in ready.forward(&x, count).unwrap().iter().zip(&want) {
        assert!((got - want).abs() < 1e-12, "{got} {want}");
    }
    let how = Rate {
        scale: Scale::Max,
        ..Rate::default()
    };
    let rates = how.convert(&ready, &x, count).unwrap();
    let steps = 2000;
    let got = run(&rates.built.network, &x, count, steps);
    for (n, want) in want.iter().enumerate() {
        let sum = f64::from(got[(n / 6 * steps + steps - 1) * 6 + n % 6]);
        assert!((sum / steps as f64 - want).abs() < 0.03, "{sum} {want}");
    }
    let report = layers(&ready, &rates, &single(&x), 200).unwrap();
    assert_eq!(report.len(), 2);
    assert!(
        report.iter().all(|r| r.agreement >= Some(0.8)),
        "{report:?}"
    );
    // Trained as it stands, it comes back.
    let units = quantise(&ready, &x, count, Scale::Max, (4, 1e-3))
        .unwrap()
        .network;
    let back = read(&units).unwrap().forward(&x, count).unwrap();
    for (got, want) in run(&units, &x, count, 1).iter().zip(&back) {
        assert!((f64::from(*got) - want).abs() < 1e-4, "{got} {want}");
    }
    for (steps, what) in [(1 << 17, "steps"), (usize::MAX, "steps")] {
        let error = decide(&rates.built.network, &single(&x), steps).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn what_has_no_rate_is_named() {
    let mut b = Builder::new(&[3]).unwrap();
    let a = b.push("a", linear(3, 3, 1), &[Source::Input]).unwrap();
    b.push("leaky", Op::LeakyRelu { slope: 0.1 }, &[a]).unwrap();
    let ann = b.finish().unwrap();
    let error = |r: Rate| match r.convert(&ann, &[0.5f64; 3], 1) {
        Err(e) => e.to_string(),
        Ok(_) => panic!("converted"),
    };
    assert!(
        error(Rate::default()).contains("layer 'leaky'"),
        "{}",
        error(Rate::default())
    );
    assert!(
        error(Rate {
            start: 1.0,
            ..Rate::default()
        })
        .contains("start")
    );
    assert!(numbers(1, 1)[0].is_finite());
}
