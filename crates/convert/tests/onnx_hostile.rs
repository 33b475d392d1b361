//! Damaged and hostile ONNX files: an error in words or a network, never a panic, never memory without bounds.
//!
//! More of it by hand: `CORTADO_SEEDS=1000000 cargo test -p cortado-convert --test onnx_hostile`.

mod common;
#[path = "../../base/tests/common/damage.rs"]
mod damage;

use cortado_convert::ann::{Ann, Op};
use cortado_convert::onnx;
use cortado_interop::onnx::{Attribute, Data, Dim, Element, Model, Node, Port, Tensor};
use damage::{Choices, damaged};

/// The bytes of all files that are not large.
fn files() -> Vec<Vec<u8>> {
    let names = std::fs::read_dir(common::folder()).unwrap();
    let mut paths: Vec<_> = names.map(|f| f.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "onnx"));
    paths.sort();
    let all = paths.iter().map(|p| std::fs::read(p).unwrap());
    all.filter(|b| b.len() < 50_000).collect()
}

fn seeds() -> std::ops::Range<u64> {
    let more = std::env::var("CORTADO_SEEDS").ok();
    0..more.map_or(20_000, |s| s.parse().unwrap())
}

/// Runs a network, folded and not, if that does not take long.
fn run(ann: &Ann) {
    let kernel = |op: &Op| match op {
        Op::Conv2d { window, .. } | Op::MaxPool2d(window) | Op::AvgPool2d { window, .. } => window
            .kernel[0]
            .min(100)
            .saturating_mul(window.kernel[1].min(100)),
        _ => 1,
    };
    let size = |shape: &[usize]| shape.iter().product::<usize>();
    let work = ann.layers.iter().map(|l| {
        let channels = ann.shape(l.from[0])[0];
        size(&l.shape)
            .saturating_mul(kernel(&l.op))
            .saturating_mul(channels)
    });
    if work.fold(0usize, usize::saturating_add) < 1_000_000 && ann.inputs() < 1_000_000 {
        let x = vec![0.5f32; ann.inputs()];
        assert_eq!(ann.forward(&x, 1).unwrap().len(), ann.outputs());
        assert_eq!(ann.folded().forward(&x, 1).unwrap().len(), ann.outputs());
    }
}

/// How many were networks; errors are sentences.
fn look(all: impl Iterator<Item = (u64, cortado_convert::Result<Ann>)>) -> usize {
    let mut read = 0;
    for (seed, result) in all {
        match result {
            Ok(ann) => {
                run(&ann);
                read += 1;
            }
            Err(e) => assert!(e.to_string().contains(": expected "), "{seed}: {e}"),
        }
    }
    read
}

#[test]
fn damaged_bytes() {
    let files = files();
    let result = |seed: u64| {
        let mut choices = Choices(seed);
        let file = &files[choices.below(files.len())];
        (
            seed,
            Model::parse(&damaged(file, &mut choices)).and_then(|m| onnx::import(&m)),
        )
    };
    let count = seeds().end as usize;
    let read = look(seeds().map(result));
    println!("bytes: {read} of {count} read");
    assert!(read > count / 50 && read < count);
}

#[test]
fn damaged_graphs() {
    let models: Vec<Model> = files().iter().map(|f| Model::parse(f).unwrap()).collect();
    let result = |seed: u64| {
        let mut choices = Choices(seed);
        let mut model = models[choices.below(models.len())].clone();
        for _ in 0..=choices.below(3) {
            change(&mut model, &mut choices);
        }
        (seed, onnx::import(&model))
    };
    let count = seeds().end as usize;
    let read = look(seeds().map(result));
    println!("graphs: {read} of {count} read");
    assert!(read > count / 50 && read < count);
}

const NUMBERS: [i64; 14] = [
    0,
    1,
    2,
    3,
    4,
    7,
    -1,
    -2,
    -5,
    1 << 20,
    1 << 31,
    1 << 40,
    i64::MAX,
    i64::MIN,
];
const OPS: [&str; 16] = [
    "Add",
    "Mul",
    "Div",
    "Reshape",
    "Concat",
    "Gather",
    "Slice",
    "Transpose",
    "Expand",
    "Shape",
    "Conv",
    "MaxPool",
    "Gemm",
    "Flatten",
    "ConstantOfShape",
    "Squeeze",
];

/// Changes a graph, not the bytes.
fn change(model: &mut Model, choices: &mut Choices) {
    fn pick<T: Clone>(list: &[T], choices: &mut Choices) -> T {
        list[choices.below(list.len())].clone()
    }
    let mut names: Vec<String> = model.tensors.keys().cloned().collect();
    names.extend(model.inputs.iter().map(|p| p.name.clone()));
    names.extend(model.nodes.iter().flat_map(|n| n.outputs.clone()));
    names.push(String::new());
    if model.nodes.is_empty() {
        return;
    }
    let at = choices.below(model.nodes.len());
    let node = &mut model.nodes[at];
    match choices.below(10) {
        0 | 1 if !node.inputs.is_empty() => {
            let i = choices.below(node.inputs.len());
            node.inputs[i] = pick(&names, choices);
        }
        2 => node.op = pick(&OPS, choices).into(),
        3 | 4 if !node.attributes.is_empty() => {
            let keys: Vec<String> = node.attributes.keys().cloned().collect();
            let key = pick(&keys, choices);
            match node.attributes.get_mut(&key) {
                Some(Attribute::Ints(list)) if !list.is_empty() => {
                    let i = choices.below(list.len());
                    list[i] = pick(&NUMBERS, choices);
                }
                Some(Attribute::Int(i)) => *i = pick(&NUMBERS, choices),
                Some(Attribute::Float(f)) => *f = pick(&[0.0, -1.0, f32::NAN, f32::MAX], choices),
                _ => drop(node.attributes.remove(&key)),
            }
        }
        5 => drop(model.nodes.remove(at)),
        6 | 7 => {
            let keys: Vec<String> = model.tensors.keys().cloned().collect();
            if !keys.is_empty() {
                let key = pick(&keys, choices);
                let changed = tensor(&model.tensors[&key], choices);
                model.tensors.insert(key, changed);
            }
        }
        8 => {
            let shape = model.inputs[0].shape.get_or_insert_default();
            let dim = Dim::Known(pick(&NUMBERS, choices) as usize);
            match choices.below(shape.len() + 1) {
                i if i < shape.len() => shape[i] = dim,
                _ => shape.push(dim),
            }
        }
        _ => {
            let to = choices.below(model.nodes.len());
            model.nodes.swap(at, to);
        }
    }
}

/// Another shape, other numbers.
fn tensor(old: &Tensor, choices: &mut Choices) -> Tensor {
    let mut shape = old.shape().to_vec();
    match choices.below(4) {
        0 if !shape.is_empty() => drop(shape.remove(0)),
        1 => shape.push(choices.below(3)),
        2 => shape.reverse(),
        // Nothing in it, however long its axes.
        _ if choices.below(4) == 0 => {
            let long = NUMBERS[choices.below(NUMBERS.len())].unsigned_abs() as usize;
            shape.insert(choices.below(shape.len() + 1), long);
            shape.insert(choices.below(shape.len() + 1), 0);
        }
        _ => {}
    }
    let count = shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b));
    let Some(count) = count.filter(|&n| n < 1 << 20) else {
        return old.clone();
    };
    let data = match choices.below(3) {
        0 => Data::I64(
            (0..count)
                .map(|_| NUMBERS[choices.below(NUMBERS.len())])
                .collect(),
        ),
        1 => Data::F32(
            (0..count)
                .map(|_| [0.0, 1.0, -1.0, f32::INFINITY][choices.below(4)])
                .collect(),
        ),
        _ => match old.data() {
            Data::F32(_) => Data::F32(vec![0.5; count]),
            _ => Data::I64(vec![NUMBERS[choices.below(NUMBERS.len())]; count]),
        },
    };
    Tensor::new(shape, data).unwrap()
}

/// A model from `x`, `[N, ...shape]`, to `y`.
fn model(shape: &[usize], nodes: Vec<Node>, tensors: Vec<(&str, Tensor)>) -> Model {
    let port = |name: &str, shape: &[usize]| Port {
        name: name.into(),
        element: Some(Element::F32),
        shape: Some(
            [Dim::Open("N".into())]
                .into_iter()
                .chain(shape.iter().map(|&n| Dim::Known(n)))
                .collect(),
        ),
    };
    Model {
        ir_version: 8,
        opset: 17,
        inputs: vec![port("x", shape)],
        outputs: vec![port("y", &[])],
        nodes,
        tensors: tensors
            .into_iter()
            .map(|(k, v)| (k.to_string(), v))
            .collect(),
        ..Model::default()
    }
}

fn node(op: &str, inputs: &str, output: &str, settings: &[(&str, Attribute)]) -> Node {
    Node {
        name: format!("the {op}"),
        op: op.into(),
        inputs: inputs.split(' ').map(String::from).collect(),
        outputs: vec![output.into()],
        attributes: settings
            .iter()
            .map(|(k, v)| (k.to_string(), v.clone()))
            .collect(),
        ..Node::default()
    }
}

fn floats(shape: &[usize]) -> Tensor {
    Tensor::new(shape.to_vec(), Data::F32(vec![0.5; shape.iter().product()])).unwrap()
}

fn whole(list: &[i64]) -> Tensor {
    Tensor::new(vec![list.len()], Data::I64(list.to_vec())).unwrap()
}

#[track_caller]
fn refused(model: &Model, words: &[&str]) {
    let e = onnx::import(model).unwrap_err().to_string();
    assert!(words.iter().all(|w| e.contains(w)), "{e}");
}

#[test]
fn what_is_not_known_is_named() {
    refused(
        &model(&[4], vec![node("Sin", "x", "y", &[])], vec![]),
        &["'the Sin' (Sin)"],
    );
    let mut own = node("Relu", "x", "y", &[]);
    own.domain = "com.example".into();
    refused(
        &model(&[4], vec![own], vec![]),
        &["'the Relu' (Relu)", "com.example"],
    );
    refused(
        &model(&[4], vec![node("LogSoftmax", "x", "y", &[])], vec![]),
        &["LogSoftmax"],
    );
    let product = vec![node("Relu", "x", "h", &[]), node("Mul", "h x", "y", &[])];
    refused(
        &model(&[4], product, vec![]),
        &["'the Mul' (Mul)", "constant"],
    );
    let training = node("Dropout", "x ratio on", "y", &[]);
    let on = Tensor::new(vec![], Data::Bool(vec![true])).unwrap();
    refused(
        &model(
            &[4],
            vec![training],
            vec![("ratio", floats(&[])), ("on", on)],
        ),
        &["Dropout", "training"],
    );
    let mask = vec![
        Node {
            outputs: vec!["h".into(), "mask".into()],
            ..node("Dropout", "x", "h", &[])
        },
        node("Relu", "mask", "y", &[]),
    ];
    refused(&model(&[4], mask, vec![]), &["'the Relu'", "mask"]);
    let log = node("Conv", "x w", "y", &[]);
    refused(
        &model(&[2, 8], vec![log], vec![("w", floats(&[3, 2, 3]))]),
        &["[n] or [channels, height, width]"],
    );
}

#[test]
fn loops_and_missing_values_are_named() {
    let around = vec![
        node("Add", "x b", "a", &[]),
        node("Relu", "a", "b", &[]),
        node("Relu", "b", "y", &[]),
    ];
    refused(&model(&[4], around, vec![]), &["loop"]);
    let own = vec![node("Add", "x y", "y", &[])];
    refused(&model(&[4], own, vec![]), &["'the Add' (Add)", "loop"]);
    let missing = vec![node("MatMul", "x weights", "y", &[])];
    refused(
        &model(&[4], missing, vec![]),
        &["'the MatMul' (MatMul)", "'weights'"],
    );
    refused(&model(&[4], vec![], vec![]), &["output", "'y'"]);
    let twice = vec![node("Relu", "x", "y", &[]), node("Relu", "x", "y", &[])];
    refused(&model(&[4], twice, vec![]), &["'the Relu' (Relu)", "'y'"]);
    let mut two = model(&[4], vec![node("Relu", "x", "y", &[])], vec![]);
    two.inputs.push(Port {
        name: "z".into(),
        ..two.inputs[0].clone()
    });
    refused(&two, &["inputs", "\"z\""]);
}

/// Files of a few bytes that ask for terabytes.
#[test]
fn huge_shapes_are_refused() {
    let grow = |to: &[i64]| {
        let nodes = vec![
            node("Expand", "one to", "w", &[]),
            node("MatMul", "x w", "y", &[]),
        ];
        model(
            &[4],
            nodes,
            vec![("one", floats(&[1, 1])), ("to", whole(to))],
        )
    };
    assert!(onnx::import(&grow(&[4, 3])).is_ok());
    refused(&grow(&[4, 1 << 40]), &["Expand"]);
    refused(&grow(&[4, i64::MAX]), &["Expand"]);
    refused(&grow(&[4, -2]), &["Expand"]);
    let fill = vec![
        node("ConstantOfShape", "to", "w", &[]),
        node("MatMul", "x w", "y", &[]),
    ];
    refused(
        &model(&[4], fill, vec![("to", whole(&[1 << 30, 1 << 30]))]),
        &["ConstantOfShape"],
    );
    // Each doubles what came before.
    let mut nodes: Vec<Node> = (0..40)
        .map(|i| {
            node(
                "Concat",
                &format!("c{i} c{i}"),
                &format!("c{}", i + 1),
                &[("axis", Attribute::Int(0))],
            )
        })
        .collect();
    nodes.push(node("Add", "x c40", "y", &[]));
    refused(
        &model(&[4], nodes, vec![("c0", floats(&[1000]))]),
        &["Concat"],
    );
    // One matrix that many layers take.
    let nodes = (0..3000).map(|i| {
        let (from, to) = (format!("h{i} w"), format!("h{}", i + 1));
        node(
            "MatMul",
            if i == 0 { "x w" } else { &from },
            if i == 2999 { "y" } else { &to },
            &[],
        )
    });
    let many = model(&[200], nodes.collect(), vec![("w", floats(&[200, 200]))]);
    refused(&many, &["MatMul", "size"]);
    let pads = [("pads", Attribute::Ints(vec![0, 0, i64::MAX, i64::MAX]))];
    let padded = vec![node("Conv", "x w", "y", &pads)];
    refused(
        &model(&[1, 4, 4], padded, vec![("w", floats(&[1, 1, 2, 2]))]),
        &["'the Conv' (Conv)"],
    );
    // Nothing in it, however long its axes.
    for shape in [[1 << 40, 0, 1, 1], [0, 1 << 40, 1 << 40, 1 << 40]] {
        let empty = Tensor::new(shape.to_vec(), Data::F32(vec![])).unwrap();
        let conv = model(
            &[1, 4, 4],
            vec![node("Conv", "x w", "y", &[])],
            vec![("w", empty)],
        );
        refused(&conv, &["'w'"]);
    }
    // Windows of 2^80 cells.
    let long = |n: i64| Attribute::Ints(vec![n; 2]);
    let settings = [
        ("kernel_shape", long(1 << 40)),
        ("strides", long(1 << 40)),
        ("pads", Attribute::Ints(vec![(1 << 40) - 2; 4])),
        ("count_include_pad", Attribute::Int(1)),
    ];
    let wide = vec![node("AveragePool", "x", "y", &settings)];
    run(&onnx::import(&model(&[1, 4, 4], wide, vec![])).unwrap());
    refused(
        &model(&[1 << 40], vec![node("Relu", "x", "y", &[])], vec![]),
        &["the input"],
    );
}
