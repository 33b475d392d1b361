//! The ONNX reader against files of the `onnx` package (`tests/oracle/onnx_small.py`) and bytes that are wrong in one place.

use cortado_interop::onnx::{Attribute, Data, Dim, Element, Model, Tensor};
use std::path::Path;

fn model() -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tensors.onnx");
    Model::read(&path).unwrap()
}

#[test]
fn every_type_of_number_is_read_from_bytes_and_from_its_field() {
    let model = model();
    let (floats, whole) = ([1.5, -2.0, 0.25], [3, -4, 5]);
    let halves = vec![0x3e00, 0xc000, 0x3400];
    let wanted = [
        ("float", Data::F32(floats.map(|x| x as f32).to_vec())),
        ("double", Data::F64(floats.to_vec())),
        ("float16", Data::F16(halves)),
        ("int32", Data::I32(whole.to_vec())),
        ("int64", Data::I64(whole.map(i64::from).to_vec())),
        ("bool", Data::Bool(vec![true, false, true])),
    ];
    assert_eq!(model.tensors.len(), 2 * wanted.len());
    for (name, data) in wanted {
        for way in ["field", "bytes"] {
            let tensor = &model.tensors[&format!("{name} {way}")];
            assert_eq!((tensor.shape(), tensor.data()), (&[3, 1][..], &data));
            let exact = match tensor.ints() {
                None => floats.to_vec(),
                Some(ints) => ints.iter().map(|&i| i as f64).collect(),
            };
            assert_eq!(tensor.floats(), exact);
        }
    }
}

#[test]
fn what_a_file_says_is_all_there() {
    let model = model();
    assert_eq!((model.ir_version, model.opset), (8, 17));
    assert_eq!(model.domains["test"], 2);
    assert_eq!(
        (model.producer.as_str(), model.name.as_str()),
        ("onnx", "tensors")
    );
    assert_eq!(model.notes["note"], "kept");
    let x = &model.inputs[0];
    let dims = vec![
        Dim::Open("batch".into()),
        Dim::Open(String::new()),
        Dim::Known(4),
    ];
    assert_eq!(
        (x.element, x.shape.clone()),
        (Some(Element::F32), Some(dims))
    );
    // Text is not read.
    assert_eq!(
        (model.outputs[0].element, model.outputs[0].shape.clone()),
        (None, None)
    );
    let node = &model.nodes[0];
    assert_eq!(
        (node.title(), node.op.as_str(), node.domain.as_str()),
        ("odd", "Odd", "test")
    );
    assert_eq!(
        (&node.inputs[..], &node.outputs[..]),
        (
            &["x".into(), String::new()][..],
            &["y".into(), "z".to_string()][..]
        )
    );
    let four = Tensor::new(vec![], Data::F64(vec![4.0])).unwrap();
    let wanted = [
        ("f", Attribute::Float(1.5)),
        ("floats", Attribute::Floats(vec![1.5, -2.0])),
        ("g", Attribute::Other(5)),
        ("i", Attribute::Int(-7)),
        ("ints", Attribute::Ints(vec![1, -2])),
        ("s", Attribute::Text("text".into())),
        ("strings", Attribute::Texts(vec!["a".into(), "b".into()])),
        ("t", Attribute::Tensor(four)),
    ];
    assert!(
        node.attributes
            .clone()
            .into_iter()
            .eq(wanted.map(|(k, v)| (k.to_string(), v)))
    );
}

#[test]
fn written_and_read_again_it_is_the_same() {
    let model = model();
    assert_eq!(Model::parse(&model.bytes()).unwrap(), model);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    model.write(&path).unwrap();
    assert_eq!(Model::read(&path).unwrap(), model);
}

/// A field of a message: bytes.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    [&[tag << 3 | 2, bytes.len() as u8], bytes].concat()
}

/// A field of a message: a number below 128.
fn number(tag: u8, value: u8) -> Vec<u8> {
    vec![tag << 3, value]
}

/// A model of operator set 17 that stores one tensor.
fn storing(tensor: &[Vec<u8>]) -> Vec<u8> {
    let graph = field(5, &tensor.concat());
    [field(7, &graph), field(8, &number(2, 17))].concat()
}

#[track_caller]
fn refused(bytes: &[u8], words: &[&str]) {
    let e = Model::parse(bytes).unwrap_err().to_string();
    assert!(words.iter().all(|w| e.contains(w)), "{e}");
}

#[test]
fn a_tensor_that_is_wrong_is_named() {
    let name = field(8, b"w");
    let float = number(2, 1);
    let good = [name.clone(), number(1, 2), float.clone(), field(9, &[0; 8])];
    assert_eq!(
        Model::parse(&storing(&good)).unwrap().tensors["w"].floats(),
        [0.0; 2]
    );
    let cut = [name.clone(), number(1, 2), float.clone(), field(9, &[0; 7])];
    refused(&storing(&cut), &["'w'", "piece"]);
    let few = [name.clone(), number(1, 2), float.clone(), field(9, &[0; 4])];
    refused(&storing(&few), &["'w'", "[2]", "got 1"]);
    let none = [name.clone(), number(1, 2), float.clone()];
    refused(&storing(&none), &["'w'", "got 0"]);
    let text = [name.clone(), number(1, 1), number(2, 8)];
    refused(&storing(&text), &["'w'", "type", "got 8"]);
    let below = [&[1 << 3][..], &[0xff; 9], &[1]].concat();
    refused(
        &storing(&[name.clone(), below, float.clone()]),
        &["'w'", "-1"],
    );
    // 2^40 numbers three times over: more than fits, less than the file holds.
    let huge = [1 << 3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20].to_vec();
    refused(
        &storing(&[
            name.clone(),
            huge.clone(),
            huge.clone(),
            huge,
            float.clone(),
        ]),
        &["'w'"],
    );
    let beside = [
        name.clone(),
        number(1, 2),
        float.clone(),
        field(13, &[]),
        number(14, 1),
    ];
    refused(&storing(&beside), &["'w'", "beside"]);
    let wide = [
        name,
        number(1, 1),
        number(2, 10),
        field(5, &[0x80, 0x80, 4]),
    ];
    refused(&storing(&wide), &["'w'"]);
}

#[test]
fn no_model_is_a_sentence() {
    refused(b"", &["graph"]);
    refused(b"not a model", &["ModelProto"]);
    refused(&field(7, &[]), &["operator set"]);
    let set = field(8, &number(2, 17));
    let sparse = [field(7, &field(15, &[])), set.clone()].concat();
    refused(&sparse, &["sparse"]);
    let nameless = [
        field(7, &field(5, &[number(1, 0), number(2, 1)].concat())),
        set,
    ]
    .concat();
    refused(&nameless, &["name of its own"]);
    let missing = Model::read(Path::new("no such file.onnx"))
        .unwrap_err()
        .to_string();
    assert!(missing.contains("no such file.onnx"), "{missing}");
}
