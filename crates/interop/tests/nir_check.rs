//! What is found in a graph: shapes along the edges, and what does not fit.

use cortado_interop::nir::{Extent, File, Graph, Kind, Padding, Tensor, Types, resets_to_value};
use proptest::prelude::*;

fn shape(sizes: &[usize]) -> Option<Vec<usize>> {
    Some(sizes.to_vec())
}

fn lif(shape: &[usize]) -> Kind {
    Kind::LIF {
        tau: Tensor::full(shape, 0.02),
        r: Tensor::full(shape, 1.0),
        v_leak: Tensor::full(shape, 0.0),
        v_threshold: Tensor::full(shape, 1.0),
        v_reset: Some(Tensor::full(shape, 0.0)),
    }
}

/// Nodes in a row between an input and an output.
fn row(input: &[usize], nodes: &[Kind], output: &[usize]) -> Graph {
    let mut graph = Graph::default();
    graph.add(
        "in",
        Kind::Input {
            shape: input.into(),
        },
    );
    let mut last = "in".to_string();
    for (i, kind) in nodes.iter().enumerate() {
        let name = format!("n{i}");
        graph.add(&name, kind.clone());
        graph.connect(&last, &name);
        last = name;
    }
    graph.add(
        "out",
        Kind::Output {
            shape: output.into(),
        },
    );
    graph.connect(&last, "out");
    graph
}

#[test]
fn files_of_the_package_fit_together() {
    for name in ["types", "packed", "odd", "old"] {
        let file = File::read(format!("tests/data/{name}.nir").as_ref()).unwrap();
        let report = file.check();
        assert_eq!(report.errors, [""; 0], "{name}");
        let unknown = report.types.values().filter(|t| t.output.is_none());
        assert_eq!(unknown.count(), 0, "{name}");
    }
    let file = File::read("tests/data/types.nir".as_ref()).unwrap();
    let types = file.check().types;
    // By hand from the parameters in tests/oracle/nir_files.py.
    assert_eq!(types["conv.2d"].output, shape(&[4, 6, 10]));
    assert_eq!(types["sum"].output, shape(&[4, 5, 5]));
    assert_eq!(types["avg"].output, shape(&[4, 3, 4]));
    assert_eq!(types["flatten"].output, shape(&[12, 4]));
    assert_eq!(types["flatten_1"].output, shape(&[48]));
    assert_eq!(types["sub"].output, shape(&[6]));
    assert_eq!(types["sub/w_rec"].input, shape(&[6]));
    assert_eq!(types["conv1d"].output, shape(&[3, 10]));
    let odd = File::read("tests/data/odd.nir".as_ref()).unwrap();
    let types = odd.check().types;
    assert_eq!(types["grouped"].output, shape(&[6, 5, 5]));
    assert_eq!(types["same"].input, shape(&[6, 5, 5]));
    assert_eq!(types["conv1d"].output, shape(&[2, 2]));
}

fn convolution(kernel: [usize; 2], stride: usize, padding: usize, dilation: usize) -> Kind {
    let [rows, columns] = kernel;
    Kind::Conv2d {
        input_shape: None,
        weight: Tensor::full(&[4, 2, rows, columns], 1.0),
        stride: Extent::Each([stride, 1]),
        padding: Padding::By(Extent::Each([padding, 0])),
        dilation: Extent::Each([dilation, 1]),
        groups: 2,
        bias: Tensor::full(&[4], 0.0),
    }
}

/// Places where a window of `k` taps, `d` apart, fits into `n` samples and `p` zeros on either side, every `s`: counted.
fn places(n: usize, k: usize, (s, p, d): (usize, usize, usize)) -> usize {
    (0..n + 2 * p)
        .step_by(s)
        .filter(|start| start + (k - 1) * d < n + 2 * p)
        .count()
}

proptest! {
    #[test]
    fn shapes_are_those_counted(
        n in 1usize..12, m in 1usize..12, k in 1usize..5, l in 1usize..5,
        s in 1usize..4, p in 0usize..4, d in 1usize..4,
    ) {
        let expected = (places(n, k, (s, p, d)), places(m, l, (1, 0, 1)));
        let graph = row(&[4, n, m], &[convolution([k, l], s, p, d)], &[4, expected.0, expected.1]);
        let report = graph.check("1.0.8");
        if expected.0 == 0 || expected.1 == 0 {
            prop_assert_eq!(report.errors.len(), 1);
            prop_assert!(report.errors[0].starts_with("shape at input of node 'n0': expected at least"));
        } else {
            prop_assert_eq!(report.errors, [""; 0]);
            let types = Types { input: shape(&[4, n, m]), output: shape(&[4, expected.0, expected.1]) };
            prop_assert_eq!(&report.types["n0"], &types);
        }
        let pool = Kind::SumPool2d {
            kernel_size: Extent::Each([k, l]),
            stride: Extent::Both(s),
            padding: Extent::Each([p, 0]),
        };
        let expected = [3, places(n, k, (s, p, 1)), places(m, l, (s, 0, 1))];
        let report = row(&[3, n, m], &[pool], &expected).check("1.0.8");
        prop_assert_eq!(report.errors.is_empty(), !expected.contains(&0));
    }
}

#[test]
fn errors_are_sentences() {
    let affine = |weight: &[usize], bias: &[usize]| Kind::Affine {
        weight: Tensor::full(weight, 1.0),
        bias: Tensor::full(bias, 1.0),
    };
    let flatten = |start_dim, end_dim| Kind::Flatten {
        input_type: None,
        start_dim,
        end_dim,
    };
    let mut uneven = lif(&[3]);
    if let Kind::LIF { r, tau, .. } = &mut uneven {
        *r = Tensor::full(&[4], 1.0);
        tau.data[1] = 0.0;
    }
    let mut loose = row(&[3], &[lif(&[3])], &[3]);
    loose.connect("n0", "nowhere");
    let mut inner = Graph::default();
    inner.add("sub", Kind::NIRGraph(row(&[3], &[lif(&[2])], &[3])));
    let mut ports = row(&[3], &[], &[3]);
    let mut two = row(&[3], &[lif(&[3])], &[3]);
    two.add("in.2", Kind::Input { shape: vec![4] });
    ports.add("sub", Kind::NIRGraph(two));
    ports.connect("in", "sub");
    ports.connect("sub", "out");
    let mut good = ports.clone();
    good.edges[1].1 = "sub.in".into();
    let mut within = ports.clone();
    within.edges[1].1 = "sub.in".into();
    within.edges[2].0 = "sub.n0".into();
    let mut bad = ports.clone();
    bad.edges[1].1 = "sub.in.2".into();
    let same = Kind::Conv1d {
        input_shape: None,
        weight: Tensor::full(&[2, 1, 3], 1.0),
        stride: 2,
        padding: Padding::Same,
        dilation: 1,
        groups: 3,
        bias: Tensor::full(&[2], 0.0),
    };
    let cases: [(Graph, &[&str]); 11] = [
        (
            row(&[3], &[affine(&[2, 3], &[3])], &[2]),
            &["parameter at node 'n0', bias: expected [2], got [3]"],
        ),
        (
            row(&[3], &[affine(&[3], &[3])], &[3]),
            &["parameter at node 'n0', weight: expected at least 2 dimensions, got [3]"],
        ),
        (
            row(&[3], &[uneven], &[3]),
            &[
                "parameter at node 'n0', tau: expected numbers above 0, got 0",
                "parameter at node 'n0', r: expected [3], got [4]",
            ],
        ),
        (
            row(&[2, 3], &[flatten(0, -1)], &[5]),
            &["shape at edge 'n0' -> 'out': expected [5], got [6]"],
        ),
        (
            row(&[2, 3], &[flatten(1, 2)], &[6]),
            &["shape at input of node 'n0': expected dimensions 1 to 2, got [2, 3]"],
        ),
        (
            loose,
            &["edge at edge 'n0' -> 'nowhere': expected a node of the graph, got 'nowhere'"],
        ),
        (
            inner,
            &[
                "shape at node 'sub', edge 'in' -> 'n0': expected [2], got [3]",
                "shape at node 'sub', edge 'n0' -> 'out': expected [3], got [2]",
            ],
        ),
        (
            ports,
            &["edge at edge 'in' -> 'sub': expected one of 'sub.in', 'sub.in.2', got 'sub'"],
        ),
        (
            within,
            &["edge at edge 'sub.n0' -> 'out': expected one of 'sub.out', got 'sub.n0'"],
        ),
        (
            bad,
            &["shape at edge 'in' -> 'sub.in.2': expected [4], got [3]"],
        ),
        (
            row(&[1, 9], &[same], &[2, 9]),
            &[
                "parameter at node 'n0', groups: expected a divisor of 2 output channels, got 3",
                "shape at input of node 'n0': expected 3 groups of 1 channels, got [1, 9]",
            ],
        ),
    ];
    for (graph, expected) in cases {
        assert_eq!(graph.check("1.0.8").errors, expected);
    }
    assert_eq!(good.check("1.0.8").errors, [""; 0]);
}

#[test]
fn notes_say_what_is_odd() {
    let mut graph = row(&[3], &[lif(&[3])], &[3]);
    assert_eq!(graph.check("1.0.8").notes, [""; 0]);
    if let Some(Kind::LIF {
        tau, v_reset, r, ..
    }) = graph.nodes.get_mut("n0").map(|n| &mut n.kind)
    {
        tau.data[2] = 20.0;
        *v_reset = None;
        r.dtype = cortado_interop::nir::DType::F32;
    }
    graph.connect("in", "n0");
    graph.add("alone", lif(&[3]));
    graph.nodes.remove("out");
    graph.edges.retain(|e| e.1 != "out");
    let starts = [
        "node 'n0': tau is up to 20; as seconds",
        "node 'n0': it has no v_reset, which the Python package reads as 0",
        "the graph: it has no node of type Output",
        "the graph: there are several edges 'in' -> 'n0'",
        "node 'alone': no edge leads to it or from it",
        "parameters have several types: float32 (node 'n0', r), float64 (node 'alone', tau)",
    ];
    let notes = graph.check("1.0.8").notes;
    assert_eq!(notes.len(), starts.len(), "{notes:?}");
    for start in starts {
        assert!(
            notes.iter().any(|n| n.starts_with(start)),
            "{start} in {notes:?}"
        );
    }
    let note = "node 'n0': it has no v_reset; before version 1.0.6 a spike subtracted v_threshold";
    assert!(
        graph
            .check("1.0.4")
            .notes
            .iter()
            .any(|n| n.starts_with(note))
    );
}

#[test]
fn versions_are_compared_by_number() {
    for (version, expected) in [
        ("1.0.5", Some(false)),
        ("1.0.6", Some(true)),
        ("1.0.10", Some(true)),
        ("0.2.9", Some(false)),
        ("1.0.7.dev3+g12", Some(true)),
        ("1.1.0rc1", Some(true)),
        ("", None),
        ("1.0", None),
    ] {
        assert_eq!(resets_to_value(version), expected, "{version}");
    }
}

/// A loop of convolutions without a known size ends, and says what is not known.
#[test]
fn loops_end() {
    let mut graph = Graph::default();
    graph.add("a", convolution([1, 1], 1, 0, 1));
    graph.add("b", convolution([2, 1], 1, 0, 1));
    graph.connect("a", "b");
    graph.connect("b", "a");
    let report = graph.check("1.0.8");
    assert_eq!(report.types["a"], Types::default());
    graph.add(
        "in",
        Kind::Input {
            shape: vec![4, 5, 5],
        },
    );
    graph.connect("in", "a");
    let report = graph.check("1.0.8");
    assert_eq!(
        report.errors,
        ["shape at edge 'b' -> 'a': expected [4, 5, 5], got [4, 4, 5]"]
    );
}
