//! Spikes whose time tells a number tell it exactly.

mod nets;

use cortado_convert::ann::{Ann, Builder, Op, Source};
use cortado_convert::calibrate::{Scale, reach};
use cortado_convert::coded::{Coded, Coding, FewSpikes, FirstSpike, Spike};
use cortado_convert::store::{Code, read_ann, write_ann};
use nets::{dense, images, linear, logits, samples, window};

/// What each layer's windows have room for.
fn room(ann: &Ann, x: &[f64], count: usize, margin: f64) -> Vec<Option<f64>> {
    let reach = reach(ann, x, count, Scale::Max).unwrap();
    let of = |(i, r): (usize, &Option<Vec<f64>>)| {
        let room = r.as_ref()?[0] * margin;
        Some(match ann.layers[i].op {
            Op::Clip { high, .. } => high,
            _ => room,
        })
    };
    reach.iter().enumerate().map(of).collect()
}

#[test]
fn a_first_spike_tells_the_number() {
    for ann in [dense(), logits(&images())] {
        let count = 25;
        let x = samples(&ann, count, 1);
        let coding = FirstSpike::new(1.0, &room(&ann, &x, count, 1.5)).unwrap();
        let coded = Coded::new(ann.clone(), coding).unwrap();
        let values = ann.trace(&x, count, |_, v| v.to_vec()).unwrap();
        for (outcome, values) in coded.run(&x).unwrap().iter().zip(&values) {
            for (got, want) in outcome.outputs.iter().zip(values.last().unwrap()) {
                assert!((got - want).abs() < 1e-12, "{got} {want}");
            }
            for ((layer, told), &spikes) in outcome.units.iter().zip(&outcome.spikes) {
                for (got, want) in told.iter().zip(&values[*layer]) {
                    assert!((got - want).abs() < 1e-12, "{got} {want}");
                }
                // One spike for what is above 0, none for the others.
                assert_eq!(spikes, values[*layer].iter().filter(|&&v| v > 0.0).count());
            }
        }
    }
}

/// Integrates the equation of the map in small steps: slope `sum J` of what has fired, 1 from the window's start on.
#[test]
fn the_equation_of_the_map_gives_the_same_times() {
    let ann = dense();
    let x = samples(&ann, 1, 2);
    let room = room(&ann, &x, 1, 2.0);
    let coding = FirstSpike::new(1.0, &room).unwrap();
    let mut input = Vec::new();
    coding.encode(None, &x, &mut input);
    let Op::Linear { weight, bias } = &ann.layers[0].op else {
        panic!()
    };
    let values = ann.trace(&x, 1, |_, v| v[1].clone()).unwrap().remove(0);
    let mut spikes = Vec::new();
    coding.encode(Some(1), &values, &mut spikes);
    let (start, length, h) = (1.0, room[1].unwrap(), 1e-5);
    for i in 0..bias.len() {
        let (mut v, mut t, mut fired) = (0.0, 0.0, None);
        while t < start + length && fired.is_none() {
            let open = input.iter().filter(|s| s.time <= t);
            let slope: f64 = open.map(|s| weight[i * 9 + s.neuron as usize]).sum();
            v += h * if t < start { slope } else { 1.0 };
            t += h;
            fired = (t >= start && v >= length - bias[i]).then_some(t);
        }
        let want = spikes
            .iter()
            .find(|s| s.neuron as usize == i)
            .map(|s| s.time);
        match (fired, want) {
            (Some(t), Some(want)) => assert!((t - want).abs() < 1e-3, "{t} {want}"),
            (None, None) => {}
            // At the very end of the window.
            (t, want) => assert!(values[i] < 1e-3, "{t:?} {want:?}"),
        }
    }
    assert!(spikes.len() > 2 && spikes.len() < bias.len());
}

#[test]
fn few_spikes_tell_binary_digits() {
    for ann in [dense(), logits(&images())] {
        let count = 10;
        let x = samples(&ann, count, 3);
        let want = ann.forward(&x, count).unwrap();
        let room = room(&ann, &x, count, 1.0000001);
        let error = |steps: usize| {
            let coded =
                Coded::new(ann.clone(), FewSpikes::new(steps, room.clone()).unwrap()).unwrap();
            let outcomes = coded.run(&x).unwrap();
            for outcome in &outcomes {
                for ((layer, told), &spikes) in outcome.units.iter().zip(&outcome.spikes) {
                    let digit = room[*layer].unwrap() / 2f64.powi(steps as i32);
                    let digits: Vec<f64> = told.iter().map(|v| v / digit).collect();
                    assert!(
                        digits
                            .iter()
                            .all(|d| (d - d.round()).abs() < 1e-6 && *d < 2f64.powi(steps as i32))
                    );
                    let ones: u32 = digits.iter().map(|d| (d.round() as u64).count_ones()).sum();
                    assert_eq!(spikes, ones as usize);
                }
            }
            let got = outcomes.iter().flat_map(|o| &o.outputs);
            got.zip(&want)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f64::max)
        };
        let errors = [6, 10, 14, 30].map(error);
        // Four digits more are a sixteenth of the error, or less.
        assert!(errors[0] > 1e-4 && errors[0] < 0.3, "{errors:?}");
        assert!(
            errors[1] < errors[0] / 5.0 && errors[2] < errors[1] / 5.0 && errors[3] < 1e-7,
            "{errors:?}"
        );
    }
}

/// The first layer's digits are those of its potentials: cut off, not rounded.
#[test]
fn digits_are_cut_off() {
    let coding = FewSpikes::new(3, vec![Some(8.0)]).unwrap();
    let cases = [
        (-1.0, 0.0),
        (0.99, 0.0),
        (1.0, 1.0),
        (3.7, 3.0),
        (4.0, 4.0),
        (7.99, 7.0),
        (30.0, 7.0),
    ];
    for (potential, want) in cases {
        let mut spikes = Vec::new();
        coding.encode(Some(0), &[potential], &mut spikes);
        let told: f64 = spikes
            .iter()
            .map(|s: &Spike| coding.value(Some(0), s.time))
            .sum();
        assert_eq!(told, want, "{potential}");
    }
}

#[test]
fn the_largest_of_a_window_passes() {
    let mut b = Builder::new(&[3, 7, 6]).unwrap();
    let r = b.push("r", Op::Relu, &[Source::Input]).unwrap();
    b.push(
        "pool",
        Op::MaxPool2d(window([3, 2], [2, 1], [1, 0, 1, 1])),
        &[r],
    )
    .unwrap();
    let ann = b.finish().unwrap();
    // Few values, so that many are equal.
    let x: Vec<f64> = samples(&ann, 30, 4)
        .iter()
        .map(|v| (v * 16.0).floor() / 16.0)
        .collect();
    let want = ann.forward(&x, 30).unwrap();
    let room = vec![Some(1.0), None];
    let digits = Coded::new(ann.clone(), FewSpikes::new(4, room.clone()).unwrap())
        .unwrap()
        .run(&x)
        .unwrap();
    let times = Coded::new(ann, FirstSpike::new(1.0, &room).unwrap())
        .unwrap()
        .run(&x)
        .unwrap();
    for outcomes in [digits, times] {
        let got: Vec<f64> = outcomes.iter().flat_map(|o| o.outputs.clone()).collect();
        assert_eq!(got, want);
    }
}

#[test]
fn a_network_comes_back_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    let ann = images();
    let code = Code::FirstSpike {
        input: 1.0,
        largest: ann
            .layers
            .iter()
            .map(|l| l.op.is_unit().then_some(2.5))
            .collect(),
    };
    for code in [None, Some(&code)] {
        write_ann(&path, &ann, code).unwrap();
        assert_eq!(read_ann(&path).unwrap(), (ann.clone(), code.cloned()));
    }
    let bytes = std::fs::read(&path).unwrap();
    for cut in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        assert!(read_ann(&path).is_err(), "{cut}");
    }
    // Another shape in the header does not get through.
    let at = bytes.windows(7).position(|w| w == b"[2,9,8]").unwrap();
    let mut other = bytes.clone();
    other[at..at + 7].copy_from_slice(b"[3,9,8]");
    std::fs::write(&path, other).unwrap();
    let error = read_ann(&path).unwrap_err().to_string();
    assert!(error.contains("layer '"), "{error}");
}

#[test]
fn what_spikes_cannot_tell_is_named() {
    let mut b = Builder::new(&[3]).unwrap();
    let a = b.push("a", linear(3, 3, 1), &[Source::Input]).unwrap();
    b.push("leaky", Op::LeakyRelu { slope: 0.1 }, &[a]).unwrap();
    let error = match Coded::new(
        b.finish().unwrap(),
        FewSpikes::new(4, vec![None, Some(1.0)]).unwrap(),
    ) {
        Err(e) => e.to_string(),
        Ok(_) => panic!("converted"),
    };
    assert!(error.contains("layer 'leaky'"), "{error}");
    assert!(FewSpikes::new(0, vec![]).is_err() && FewSpikes::new(51, vec![]).is_err());
    assert!(FirstSpike::new(0.0, &[]).is_err());
    // A code that says too little, as from a damaged file.
    for largest in [vec![None], vec![None, Some(0.0), None, Some(1.0), None]] {
        let coding = FirstSpike::new(1.0, &largest).unwrap();
        let Err(error) = Coded::new(dense(), coding) else {
            panic!("{largest:?} is enough");
        };
        assert!(error.to_string().contains("layer 'ra'"), "{error}");
    }
    let coded = Coded::new(
        dense(),
        FirstSpike::new(1.0, &[None, Some(1.0), None, Some(1.0), None]).unwrap(),
    )
    .unwrap();
    let error = coded
        .run(&[0.1, 0.2, -0.3, 0.1, 0.2, 0.3, 0.1, 0.2, 0.3])
        .unwrap_err()
        .to_string();
    assert!(error.contains("got -0.3"), "{error}");
    assert!(coded.run(&[0.1; 8]).is_err() && coded.run(&[f64::NAN; 9]).is_err());
}
