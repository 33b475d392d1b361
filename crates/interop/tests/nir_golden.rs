//! Files of the Python package `nir` (tests/oracle/nir_files.py) against what the package reads from them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cortado_interop::nir::{File, Graph, Kind, Metadata, Node, Tensor, Value};
use serde_json::{Value as Json, json};

fn data(name: &str) -> PathBuf {
    Path::new("tests/data").join(name)
}

fn golden(name: &str) -> Json {
    let text = std::fs::read_to_string(data(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A value in the words of the script.
fn words(value: &Value) -> Json {
    match value {
        Value::Numbers(Tensor { shape, data, dtype }) => {
            json!({"shape": shape, "dtype": dtype.name(), "data": data})
        }
        Value::Integers { shape, data, dtype } if dtype.name() == "bool" => {
            let data: Vec<bool> = data.iter().map(|&x| x == 1).collect();
            json!({"shape": shape, "dtype": "bool", "data": data})
        }
        Value::Integers { shape, data, dtype } => {
            json!({"shape": shape, "dtype": dtype.name(), "data": data})
        }
        Value::Texts { shape, data } if shape.is_empty() => json!(data[0]),
        Value::Texts { shape, data } => json!({"shape": shape, "text": data}),
        Value::Map(map) => all(map),
    }
}

fn all(map: &Metadata) -> Json {
    map.iter().map(|(k, v)| (k.clone(), words(v))).collect()
}

fn node_in_words(node: &Node) -> Json {
    let mut out = match &node.kind {
        Kind::NIRGraph(graph) => graph_in_words(graph),
        kind => {
            let fields = kind.fields().into_iter();
            fields.map(|(k, v)| (k.to_string(), words(&v))).collect()
        }
    };
    out["type"] = node.kind.name().into();
    if !node.metadata.is_empty() {
        out["metadata"] = all(&node.metadata);
    }
    out
}

fn graph_in_words(graph: &Graph) -> Json {
    let nodes: BTreeMap<_, _> = graph
        .nodes
        .iter()
        .map(|(k, n)| (k, node_in_words(n)))
        .collect();
    let mut out = json!({"type": "NIRGraph", "nodes": nodes, "edges": graph.edges});
    if !graph.metadata.is_empty() {
        out["metadata"] = all(&graph.metadata);
    }
    out
}

fn compare(got: &Json, expected: &Json, at: &str) {
    match (got, expected) {
        (Json::Object(got), Json::Object(expected)) => {
            let names = |m: &serde_json::Map<String, Json>| {
                let mut names: Vec<_> = m.keys().cloned().collect();
                names.sort();
                names
            };
            assert_eq!(names(got), names(expected), "{at}");
            for (name, value) in expected {
                compare(&got[name], value, &format!("{at}/{name}"));
            }
        }
        (Json::Array(got), Json::Array(expected)) => {
            assert_eq!(got.len(), expected.len(), "{at}");
            for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
                compare(got, expected, &format!("{at}[{i}]"));
            }
        }
        (Json::Number(got), Json::Number(expected)) if got.is_f64() || expected.is_f64() => {
            assert_eq!(got.as_f64(), expected.as_f64(), "{at}");
        }
        _ => assert_eq!(got, expected, "{at}"),
    }
}

#[test]
fn every_field_is_what_the_package_reads() {
    for name in ["types", "packed", "odd"] {
        let file = File::read(&data(&format!("{name}.nir"))).unwrap();
        assert_eq!(file.notes, [""; 0], "{name}");
        compare(
            &graph_in_words(&file.root),
            &golden(&format!("{name}.json")),
            name,
        );
    }
}

#[test]
fn without_v_reset_and_w_in_there_is_none() {
    let file = File::read(&data("old.nir")).unwrap();
    assert_eq!(file.version, "1.0.4");
    let mut expected = golden("old.json");
    for node in expected["nodes"].as_object_mut().unwrap().values_mut() {
        // What the package puts in their place.
        node.as_object_mut().unwrap().remove("v_reset");
        node.as_object_mut().unwrap().remove("w_in");
    }
    compare(&graph_in_words(&file.root), &expected, "old");
}

/// The folder that `tests/oracle/nir_round_trip.py` looks into.
fn written(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nir");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

#[test]
fn what_is_read_is_written_as_it_was() {
    for name in ["types.nir", "packed.nir", "odd.nir", "old.nir"] {
        let file = File::read(&data(name)).unwrap();
        file.write(&written(name)).unwrap();
        assert_eq!(File::read(&written(name)).unwrap(), file, "{name}");
    }
}
