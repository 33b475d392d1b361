//! A step of a spiking network as an ONNX model: the files of `tests/data/onnx-step`, which `tests/oracle/onnx_step.py` runs
//! in ONNX Runtime, are what is written, and their trains are those of the engine.
//!
//! `CORTADO_WRITE=1 cargo test -p cortado-convert --test onnx_step` writes them anew; then run the script.

use cortado::network::{Network, NetworkSpec};
use cortado::sim::clock::Input;
use cortado_base::rng::{Purpose, Rng};
use cortado_convert::onnx::{Given, OPSET, Step, step};
use cortado_interop::onnx::Model;
use serde_json::json;
use std::path::PathBuf;

const STEPS: usize = 30;
const SAMPLES: usize = 2;

struct Case {
    name: &'static str,
    shape: Vec<usize>,
    given: Given,
    recipe: String,
}

fn nodes(convention: &str, nodes: &str) -> String {
    format!("dt = 1e-3\nnodes = [{nodes}]\n[convention]\n{convention}\n")
}

fn cases() -> Vec<Case> {
    let case = |name, shape: &[usize], given, recipe| Case {
        name,
        shape: shape.to_vec(),
        given,
        recipe,
    };
    let both = |name, hidden: &str, convention: &str, readout: &str| {
        let all = format!(
            r#"{{ name = "fc", type = "linear", n = 12, bias = true, scale = 3.0 }},
            {{ name = "hidden", type = "population", {hidden}, from = ["fc", "back"] }},
            {{ name = "back", type = "linear", n = 12, from = ["hidden"] }},
            {{ name = "out", type = "linear", n = 3, scale = 2.0, from = ["hidden"] }},
            {{ name = "readout", type = "population", neuron = "{readout}" }}"#
        );
        case(name, &[8], Given::Spikes, nodes(convention, &all))
    };
    let early = "arrivals = \"before_flow\"\ndecay = \"euler\"";
    let boxed = "pulse = \"box\"\nthreshold = \"ge\"\nreset = \"next_step\"\ngain = \"unscaled\"";
    let each = r#"neuron = "cuba_lif", reset = "subtract", params = { tau_mem = [5e-3, 6e-3, 7e-3, 8e-3, 9e-3, 10e-3, 11e-3, 12e-3, 13e-3, 14e-3, 15e-3, 16e-3], v_leak = 0.1 }"#;
    let image = r#"{ name = "conv", type = "conv2d", channels = 4, kernel = 3, padding = 1, bias = true, scale = 3.0 },
        { name = "norm", type = "batch_norm" },
        { name = "spikes", type = "population", neuron = "if", reset = "subtract", params = { r = 1000.0 } },
        { name = "most", type = "max_pool2d", kernel = 2 },
        { name = "sum", type = "sum_pool2d", kernel = [1, 2], stride = 1 },
        { name = "mean", type = "avg_pool2d", kernel = [2, 1] },
        { name = "flat", type = "flatten" },
        { name = "drop", type = "dropout", p = 0.3 },
        { name = "fc", type = "linear", n = 5, scale = 3.0 },
        { name = "readout", type = "population", neuron = "lif" }"#;
    let late = r#"{ name = "fc", type = "linear", n = 6, scale = 4.0 },
        { name = "a", type = "population", neuron = "alif" },
        { name = "w", type = "linear", n = 6, scale = 3.0, from = [{ node = "a", delay = 3e-3 }, ] },
        { name = "b", type = "population", neuron = "adlif", from = ["w", "v"] },
        { name = "v", type = "linear", n = 6, scale = 3.0, from = [{ node = "a", delay = 1e-3 }] },
        { name = "u", type = "linear", n = 6, scale = 3.0, from = ["b"] },
        { name = "c", type = "population", neuron = "se_adlif" },
        { name = "out", type = "linear", n = 2, from = ["c"] },
        { name = "readout", type = "population", neuron = "cuba_li" }"#;
    let izhikevich = r#"{ name = "fc", type = "linear", n = 6, scale = 60.0 },
        { name = "hidden", type = "population", neuron = "izhikevich" },
        { name = "out", type = "linear", n = 2, from = ["hidden"] },
        { name = "readout", type = "population", neuron = "li" }"#;
    let converted = r#"{ name = "conv", type = "conv2d", channels = 4, kernel = 3, bias = true },
        { name = "a", type = "population", neuron = "if", reset = "subtract", params = { v_threshold = 1.5, v_init = 0.75 } },
        { name = "gate", type = "gated_max_pool2d", kernel = 2 },
        { name = "flat", type = "flatten" },
        { name = "fc", type = "linear", n = 9, bias = true },
        { name = "b", type = "population", neuron = "if", reset = "subtract", params = { v_init = 0.5 } },
        { name = "out", type = "linear", n = 5 },
        { name = "readout", type = "population", neuron = "i" }"#;
    vec![
        both("lif", r#"neuron = "lif""#, "", "li"),
        both(
            "lif-box",
            r#"neuron = "lif", params = { v_reset = -0.2 }"#,
            boxed,
            "cuba_li",
        ),
        both("cuba-lif", each, "", "li"),
        both("cuba-lif-early", r#"neuron = "cuba_lif""#, early, "lif"),
        both("cuba-if", r#"neuron = "cuba_if", reset = "none""#, "", "li"),
        case("izhikevich", &[8], Given::Current, nodes("", izhikevich)),
        case("image", &[2, 6, 6], Given::Current, nodes("", image)),
        case(
            "converted",
            &[2, 6, 6],
            Given::Current,
            nodes("gain = \"unscaled\"\nthreshold = \"ge\"", converted),
        ),
        case("late", &[8], Given::Spikes, nodes("", late)),
    ]
}

fn built(case: &Case) -> Network<f32> {
    let spec: NetworkSpec =
        toml::from_str(&case.recipe).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    let mut net = Network::<f32>::new(&case.shape, &spec, 3).unwrap();
    // Running statistics, scales and shifts that are not the first ones.
    let mut rng = Rng::new(8, 0, Purpose::Other, 0);
    for part in [
        "norm.running_mean",
        "norm.running_var",
        "norm.weight",
        "norm.bias",
        "conv.bias",
        "fc.bias",
    ] {
        if let Some(count) = net.param(part).map(|p| p.count()) {
            let values: Vec<f32> = (0..count).map(|_| (0.2 + rng.uniform()) as f32).collect();
            net.set(part, &values).unwrap();
        }
    }
    net
}

/// `[samples][steps][inputs]`
fn given(case: &Case) -> Vec<f32> {
    let mut rng = Rng::new(9, 0, Purpose::Data, 0);
    let count = SAMPLES * STEPS * case.shape.iter().product::<usize>();
    let value = |u: f64| match case.given {
        Given::Spikes => f32::from(u < 0.4),
        // Short in a file.
        Given::Current => ((u - 0.3) * 64.0).round() as f32 / 64.0,
    };
    (0..count).map(|_| value(rng.uniform())).collect()
}

fn input(case: &Case) -> Input<f32> {
    let data = given(case);
    match case.given {
        Given::Spikes => Input::Spikes(spikes(&data, case.shape.iter().product())),
        Given::Current => Input::Currents {
            samples: SAMPLES,
            steps: STEPS,
            data,
        },
    }
}

fn spikes(data: &[f32], width: usize) -> cortado::spikes::Spikes {
    cortado::spikes::Spikes::from_dense(SAMPLES, STEPS, width, data).unwrap()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx-step")
}

#[test]
fn steps_are_those_that_onnx_runtime_has_run() {
    for case in cases() {
        let net = built(&case);
        let Step { model, states } = step(&net, case.given).unwrap();
        let record = net.run(&input(&case), &[]).unwrap();
        let quiet = record
            .activity
            .iter()
            .find(|a| a.spikes == 0 && a.name != "readout");
        assert!(
            quiet.is_none(),
            "{}: {} never fires",
            case.name,
            quiet.unwrap().name
        );
        let (file, trains) = (format!("{}.onnx", case.name), format!("{}.json", case.name));
        if std::env::var_os("CORTADO_WRITE").is_some() {
            model.write(&folder().join(&file)).unwrap();
            let rest = states
                .iter()
                .map(|s| (s.name.clone(), json!({ "shape": s.shape, "rest": s.rest })));
            let text = json!({
                "shape": case.shape, "samples": SAMPLES, "steps": STEPS, "input": given(&case),
                "states": rest.collect::<serde_json::Map<_, _>>(), "output": record.output,
            });
            std::fs::write(folder().join(&trains), text.to_string() + "\n").unwrap();
        }
        // Weights are drawn and constants worked out in f64, the same everywhere but for the last bit of a logarithm.
        let stored = Model::read(&folder().join(&file)).unwrap();
        assert_eq!(stored.nodes, model.nodes, "{}", case.name);
        assert_eq!(
            (&stored.inputs, &stored.outputs),
            (&model.inputs, &model.outputs)
        );
        assert!(stored.tensors.keys().eq(model.tensors.keys()));
        for (name, tensor) in &stored.tensors {
            close(&tensor.floats(), &model.tensors[name].floats(), name);
        }
        let text = std::fs::read_to_string(folder().join(&trains)).unwrap();
        let text: serde_json::Value = serde_json::from_str(&text).unwrap();
        let want: Vec<f64> = serde_json::from_value(text["output"].clone()).unwrap();
        let have: Vec<f64> = record.output.iter().map(|&x| f64::from(x)).collect();
        close(&have, &want, case.name);
    }
}

fn close(have: &[f64], want: &[f64], name: &str) {
    assert_eq!(have.len(), want.len(), "{name}");
    for (a, b) in have.iter().zip(want) {
        assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{name}: {a} {b}");
    }
}

#[test]
fn a_step_names_its_states_and_uses_nothing_that_is_not_there() {
    for case in cases() {
        let Step { model, states } = step(&built(&case), case.given).unwrap();
        assert_eq!(model.opset, OPSET);
        assert_eq!(Model::parse(&model.bytes()).unwrap(), model);
        let mut known: Vec<&str> = model.tensors.keys().map(String::as_str).collect();
        known.extend(model.inputs.iter().map(|p| p.name.as_str()));
        for node in &model.nodes {
            for name in &node.inputs {
                assert!(known.contains(&name.as_str()), "{}: {name}", case.name);
            }
            assert!(
                node.outputs.iter().all(|o| !known.contains(&o.as_str())),
                "{}",
                case.name
            );
            known.extend(node.outputs.iter().map(String::as_str));
        }
        for port in &model.outputs {
            assert!(known.contains(&port.name.as_str()), "{}", case.name);
        }
        let ins: Vec<_> = model
            .inputs
            .iter()
            .skip(1)
            .map(|p| p.name.clone())
            .collect();
        let outs: Vec<_> = model
            .outputs
            .iter()
            .skip(1)
            .map(|p| p.name.clone())
            .collect();
        let names: Vec<_> = states.iter().map(|s| s.name.clone()).collect();
        assert_eq!(ins, names);
        assert!(
            outs.into_iter()
                .eq(names.iter().map(|n| format!("{n}.next")))
        );
        for state in &states {
            assert_eq!(state.rest.len(), state.shape.iter().product::<usize>());
            assert!(
                model
                    .notes
                    .contains_key(&format!("cortado.rest.{}", state.name))
            );
        }
    }
}

#[test]
fn what_a_step_cannot_say_is_an_error_by_name() {
    let said = |spec: NetworkSpec| {
        let net = Network::<f32>::new(&[4], &spec, 0).unwrap();
        step(&net, Given::Spikes).unwrap_err().to_string()
    };
    let plain = || NetworkSpec::new(1e-3).linear("fc", 3);
    let e = said(plain().population("cells", "lif", &[("t_ref", 2e-3)]));
    assert!(e.contains("'cells'") && e.contains("refractory"), "{e}");
    let e = said(plain().population("cells", "adex", &[]));
    assert!(e.contains("'cells'") && e.contains("adex"), "{e}");
    let delayed = nodes(
        "",
        r#"{ name = "fc", type = "linear", n = 3, delays = { values = 2e-3 } }, { name = "p", type = "population", neuron = "lif" }"#,
    );
    let e = said(toml::from_str(&delayed).unwrap());
    assert!(e.contains("'fc'") && e.contains("delays"), "{e}");
}
