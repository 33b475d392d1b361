//! Files that are written here: whole, as they were, and refused where they cannot be.

use std::collections::BTreeMap;
use std::path::Path;

use cortado_interop::nir::{
    DType, Extent, File, Graph, Kind, Metadata, Node, Padding, Tensor, Value,
};
use proptest::prelude::*;

fn back(file: &File) -> File {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nir");
    file.write(&path).unwrap();
    File::read(&path).unwrap()
}

/// What is not in the files of the Python package: types of numbers, extents given once, long arrays that are packed.
fn unusual() -> File {
    let mut root = Graph::default();
    let tensor = |shape: &[usize], dtype: DType| Tensor {
        shape: shape.into(),
        data: (0..shape.iter().product())
            .map(|i| (i % 2) as f64)
            .collect(),
        dtype,
    };
    root.add(
        "in",
        Kind::Input {
            shape: vec![1, 6, 6],
        },
    );
    root.add(
        "conv ü",
        Kind::Conv2d {
            input_shape: Some([6, 6]),
            weight: tensor(&[3, 1, 40, 30], DType::F16),
            stride: Extent::Both(2),
            padding: Padding::By(Extent::Both(20)),
            dilation: Extent::Both(1),
            groups: 1,
            bias: tensor(&[3], DType::I8),
        },
    );
    root.add(
        "pool",
        Kind::AvgPool2d {
            kernel_size: Extent::Both(2),
            stride: Extent::Each([1, 2]),
            padding: Extent::Both(0),
        },
    );
    root.add(
        "one",
        Kind::Scale {
            scale: tensor(&[], DType::U8),
        },
    );
    root.add(
        "empty",
        Kind::Scale {
            scale: tensor(&[0], DType::F64),
        },
    );
    root.connect("in", "conv ü");
    root.connect("conv ü", "pool");
    root.connect("pool", "one");
    let integers = |dtype, data: Vec<i64>| Value::Integers {
        shape: vec![data.len()],
        data,
        dtype,
    };
    root.metadata = Metadata::from([
        ("i64".into(), integers(DType::I64, vec![i64::MIN, i64::MAX])),
        ("u64".into(), integers(DType::U64, vec![i64::MAX])),
        (
            "i16".into(),
            integers(DType::I16, vec![i16::MIN.into(), -1, i16::MAX.into()]),
        ),
        ("bool".into(), true.into()),
        ("nothing".into(), Value::Map(Metadata::new())),
        ("inf".into(), f64::NEG_INFINITY.into()),
        ("text".into(), " blanks ".into()),
    ]);
    let mut file = File::new(root);
    file.version = "1.0.7".into();
    file
}

#[test]
fn unusual_things_come_back() {
    let file = unusual();
    assert_eq!(back(&file), file);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nir");
    std::fs::create_dir_all(&folder).unwrap();
    // The Python package has no shape of a node that is one number.
    let mut for_python = file;
    for name in ["one", "empty"] {
        for_python.root.nodes.remove(name);
    }
    for_python.root.connect("pool", "out");
    for_python.root.edges.retain(|(_, to)| to != "one");
    for_python.root.add(
        "out",
        Kind::Output {
            shape: vec![3, 3, 4],
        },
    );
    assert_eq!(for_python.check().errors, [""; 0]);
    for_python.write(&folder.join("unusual.nir")).unwrap();
}

fn values() -> impl Strategy<Value = Value> {
    let texts = prop::collection::vec("[^\0]{0,8}", 0..4).prop_map(|data| Value::Texts {
        shape: vec![data.len()],
        data,
    });
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("equal to itself", |x| !x.is_nan())
            .prop_map(Value::from),
        "[^\0]{0,12}".prop_map(|t| Value::from(t.as_str())),
        prop::collection::vec(-1e6f32..1e6, 0..600)
            .prop_map(|x| Value::Numbers(Tensor::f32(&[x.len(), 1], &x))),
        texts,
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop::collection::btree_map("[^/\0.]{1,6}", inner, 0..4).prop_map(Value::Map)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn metadata_come_back(metadata in prop::collection::btree_map("[^/\0.]{1,6}", values(), 0..5)) {
        let mut file = unusual();
        file.root.nodes.retain(|name, _| name == "in");
        file.root.nodes.get_mut("in").unwrap().metadata = metadata.clone();
        file.root.add("sub", Kind::NIRGraph(Graph { metadata, ..Graph::default() }));
        file.root.edges.clear();
        let read = back(&file);
        prop_assert_eq!(read, file);
    }
}

#[test]
fn what_cannot_be_written_is_refused_and_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nir");
    unusual().write(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    let scale = |data: Vec<f64>, dtype| Kind::Scale {
        scale: Tensor {
            shape: vec![2],
            data,
            dtype,
        },
    };
    let nested = Node {
        kind: Kind::NIRGraph(Graph::default()),
        metadata: Metadata::from([("a".into(), 1.into())]),
    };
    let texts = Node {
        kind: scale(vec![0.0; 2], DType::F32),
        metadata: Metadata::from([("a".into(), "x\0y".into())]),
    };
    let cases = [
        (
            "a/b",
            Node::new(scale(vec![0.0; 2], DType::F32)),
            "name at node 'a/b': expected one",
        ),
        (
            "",
            Node::new(scale(vec![0.0; 2], DType::F32)),
            "name at the graph: expected one",
        ),
        (
            "n",
            Node::new(scale(vec![0.0; 3], DType::F32)),
            "numbers at node 'n', scale: expected as many as in [2], got 3",
        ),
        (
            "n",
            Node::new(scale(vec![0.1, 0.0], DType::F32)),
            "number at node 'n', scale: expected float32, got 0.1",
        ),
        (
            "n",
            Node::new(scale(vec![0.0, 0.5], DType::I32)),
            "parameter at node 'n', scale: expected int32, got 0.5",
        ),
        (
            "n",
            Node::new(scale(vec![0.0, 300.0], DType::U8)),
            "number at node 'n', scale: expected uint8, got 300",
        ),
        (
            "n",
            nested,
            "metadata at node 'n': expected those of the graph, got some",
        ),
        (
            "n",
            texts,
            "text at node 'n', a: expected one without zeros",
        ),
    ];
    for (name, node, start) in cases {
        let mut root = Graph::default();
        root.nodes.insert(name.into(), node);
        let sentence = File::new(root).write(&path).unwrap_err().to_string();
        assert!(sentence.starts_with(start), "{sentence}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[test]
fn differences_are_all_of_them() {
    let first = File::read("tests/data/types.nir".as_ref()).unwrap().root;
    assert_eq!(first.diff(&first, None).to_string(), "equal\n");
    let mut second = first.clone();
    if let Some(Kind::LIF { tau, v_reset, .. }) = second.nodes.get_mut("lif").map(|n| &mut n.kind) {
        tau.data[3] += 1e-3;
        tau.dtype = DType::F64;
        *v_reset = None;
    }
    if let Some(Kind::NIRGraph(sub)) = second.nodes.get_mut("sub").map(|n| &mut n.kind) {
        sub.connect("lif", "lif");
        sub.metadata.insert("depth".into(), 2.into());
    }
    second.nodes.remove("scale");
    second.add(
        "li",
        Kind::I {
            r: Tensor::full(&[6], 1.0),
        },
    );
    second.edges.reverse();
    let near = first.diff(&second, Some(2e-3));
    let near: BTreeMap<_, _> = near
        .differences
        .iter()
        .map(|d| (d.at.as_str(), d))
        .collect();
    let words = |at: &str| (near[at].first.as_str(), near[at].second.as_str());
    assert_eq!(words("node 'lif', v_reset"), ("float32 [6]", "nothing"));
    assert_eq!(words("node 'scale'"), ("Scale", "nothing"));
    assert_eq!(words("node 'li'"), ("LI", "I"));
    assert_eq!(words("edge 'sub/lif' -> 'sub/lif'"), ("nothing", "there"));
    assert_eq!(near["node 'sub', metadata, depth"].largest, Some(1.0));
    // And the metadata of 'li', which a new node does not have.
    assert_eq!(near.len(), 6);
    let exact = first.diff(&second, None);
    assert_eq!(exact.differences.len(), 7);
    let tau = exact
        .differences
        .iter()
        .find(|d| d.at == "node 'lif', tau")
        .unwrap();
    assert_eq!(
        (tau.first.as_str(), tau.second.as_str()),
        ("float32 [6]", "float64 [6]")
    );
}
