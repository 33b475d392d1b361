//! Gradients of the golden file `gradient-reference/surrogate.json`, under the preset `surrogate-golden`.

use cortado::learn::{Loss, gradients};
use cortado::network::{Network, NetworkSpec, NodeKind};
use cortado::neuron::{Convention, Reset};
use cortado::sim::clock::Input;
use cortado::spikes::Spikes;
use cortado::surrogate::{Shape, Surrogate};
use serde_json::Value;
use std::path::PathBuf;

fn floats(v: &Value) -> Vec<Vec<f64>> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|r| {
            r.as_array()
                .unwrap()
                .iter()
                .map(|x| x.as_f64().unwrap())
                .collect()
        })
        .collect()
}

#[test]
fn all_cases_of_the_golden_file() {
    let folder = std::env::var_os("CORTADO_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = folder.join("gradient-reference/surrogate.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: no {}", path.display());
        return;
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    let x = floats(&file["input"]);
    let (w1, v, w2) = (floats(&file["w1"]), floats(&file["v"]), floats(&file["w2"]));
    let (inputs, hidden, outputs) = (w1.len(), v.len(), w2[0].len());
    let dense: Vec<f32> = x.iter().flatten().map(|&x| x as f32).collect();
    let input = Input::Spikes(Spikes::from_dense(1, x.len(), inputs, &dense).unwrap());
    let label = file["label"].as_u64().unwrap() as u32;
    let (dt, cases) = (1e-3, file["cases"].as_array().unwrap());
    assert_eq!(cases.len(), 28);
    for case in cases {
        let number = |k: &str| case[k].as_f64().unwrap();
        let tau = |k: &str| -dt / number(k).ln();
        let shape = match case["surrogate"].as_str().unwrap() {
            "fast_sigmoid" => Shape::FastSigmoid,
            "sigmoid" => Shape::Sigmoid,
            "atan" => Shape::Arctan,
            "triangle" => Shape::Triangle,
            "boxcar" => Shape::Boxcar,
            "exponential" => Shape::Exponential,
            "multi_gauss" => Shape::MultiGaussian,
            other => panic!("{other}"),
        };
        let surrogate = Surrogate::new(shape);
        let surrogate = if shape == Shape::FastSigmoid {
            surrogate.with_slope(number("slope"))
        } else {
            surrogate
        };
        let reset = if case["reset"] == "subtract" {
            Reset::Subtract
        } else {
            Reset::Value
        };
        let lif = [
            ("tau_mem", tau("beta")),
            ("tau_syn", tau("alpha")),
            ("v_threshold", number("theta")),
        ];
        let mut spec = NetworkSpec::new(dt)
            .linear("w1", hidden)
            .population("hidden", "cuba_lif", &lif)
            .recurrent()
            .linear("w2", outputs)
            .population("readout", "li", &[("tau_mem", tau("kappa"))]);
        spec.convention = Convention::preset("surrogate-golden").unwrap();
        spec.surrogate = surrogate;
        spec.detach_reset = case["detach"].as_bool().unwrap();
        for node in &mut spec.nodes {
            if let NodeKind::Population { reset: r, .. } = &mut node.kind {
                *r = reset;
            }
        }
        let mut net = Network::<f64>::new(&[inputs], &spec, 0).unwrap();
        // Our readout adds the weight before it decays, and its logit is ten times the mean.
        let kappa = number("kappa");
        let scale = (1.0 - kappa) / kappa / 10.0;
        // The file has a row for each input, we for each output.
        let turn = |table: &[Vec<f64>], factor: f64| -> Vec<f64> {
            let outputs = 0..table[0].len();
            outputs
                .flat_map(|j| table.iter().map(move |row| row[j] * factor))
                .collect()
        };
        for (name, table, factor) in [
            ("w1", &w1, 1.0),
            ("hidden_rec", &v, 1.0),
            ("w2", &w2, scale),
        ] {
            net.set(&format!("{name}.weight"), &turn(table, factor))
                .unwrap();
        }
        let objective = Loss::MeanCrossEntropy.into();
        let (g, report) = gradients(&net, &input, &[label], &objective).unwrap();
        assert!(
            (report.loss / number("loss") - 1.0).abs() < 1e-12,
            "{case:?}"
        );
        for (param, name, factor) in [
            ("w1", "grad_w1", 1.0),
            ("hidden_rec", "grad_v", 1.0),
            ("w2", "grad_w2", scale),
        ] {
            let k = net
                .params()
                .iter()
                .position(|p| p.name == format!("{param}.weight"));
            let golden = turn(&floats(&case[name]), 1.0);
            let largest = golden.iter().fold(0.0f64, |m, g| m.max(g.abs()));
            for (n, (got, want)) in g[k.unwrap()].iter().zip(&golden).enumerate() {
                assert!(
                    (got * factor - want).abs() <= 1e-10 * largest,
                    "{shape:?} {reset:?} {name}[{n}]: {got} {want}"
                );
            }
        }
    }
}
