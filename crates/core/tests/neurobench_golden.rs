//! Counts of NeuroBench itself on snnTorch networks: tests/oracle/neurobench_counts.py.

use cortado::cost::{Cost, measure};
use cortado::network::{Network, NetworkSpec};
use cortado::neuron::Convention;
use cortado::sim::clock::Input;
use cortado::spikes::Spikes;
use serde_json::Value;

fn numbers(list: &Value) -> Vec<f32> {
    let list = list.as_array().unwrap();
    list.iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

/// The same case under its convention: weights in 64ths, inputs in fourths.
fn run(case: &Value) -> (Cost, Vec<f32>) {
    let mut spec: NetworkSpec = serde_json::from_value(case["network"].clone()).unwrap();
    spec.convention = Convention::preset("snntorch").unwrap();
    let shape = numbers(&case["shape"]);
    let shape: Vec<usize> = shape.into_iter().map(|n| n as usize).collect();
    let mut net = Network::<f32>::new(&shape, &spec, 0).unwrap();
    for (name, weights) in case["weights_in_64ths"].as_object().unwrap() {
        let weights: Vec<f32> = numbers(weights).iter().map(|w| w / 64.0).collect();
        net.set(&format!("{name}.weight"), &weights).unwrap();
    }
    let steps = case["steps"].as_u64().unwrap() as usize;
    let rows = case["inputs_in_4ths"].as_array().unwrap();
    let samples = rows.len();
    let data: Vec<f32> = rows.iter().flat_map(numbers).map(|x| x / 4.0).collect();
    let binary = data.iter().all(|&x| x == 0.0 || x == 1.0);
    let input = if binary {
        let spikes = Spikes::from_dense(samples, steps, net.inputs(), &data);
        Input::Spikes(spikes.unwrap())
    } else {
        Input::Currents {
            samples,
            steps,
            data,
        }
    };
    let output = net.run(&input, &[]).unwrap().output;
    (measure(&net, &input).unwrap(), output)
}

#[test]
fn counts_are_those_of_neurobench() {
    let all: Value = serde_json::from_str(include_str!("data/neurobench.json")).unwrap();
    let cases = all["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let (cost, output) = run(case);
        let (got, want) = (cost.totals(), &case["neurobench"]);
        let number = |path: &str| want.pointer(path).unwrap().as_f64().unwrap();
        let name = case["name"].as_str().unwrap();
        // The same network, to the spike.
        let spikes = numbers(&want["output_spikes"]);
        let each = output.len() / spikes.len();
        let sums: Vec<f32> = output.chunks(each).map(|c| c.iter().sum()).collect();
        assert_eq!(sums, spikes, "{name}");
        for (got, path) in [
            (got.dense, "/synaptic_operations/Dense"),
            (got.effective_acs, "/synaptic_operations/Effective_ACs"),
            (got.effective_macs, "/synaptic_operations/Effective_MACs"),
            (got.membrane_updates, "/membrane_updates"),
            (
                got.neuron_operations,
                "/neuron_operations/Effective Neuron Ops",
            ),
            (
                got.neuron_operations_dense,
                "/neuron_operations/Neuron Dense Ops",
            ),
            (cost.footprint.parameters as f64, "/parameter_bytes"),
        ] {
            assert_eq!(got, number(path), "{name}: {path}");
        }
        let sparsity = (got.connection_sparsity * 1e4).round() / 1e4;
        assert_eq!(sparsity, number("/connection_sparsity"), "{name}");
        let zeros = number("/activation_sparsity");
        assert!((got.activation_sparsity - zeros).abs() < 1e-12, "{name}");
    }
}
