//! Whatever bytes a file holds: an error in words, or a graph that can be checked, shown, compared and written again.

#[path = "../../base/tests/common/mod.rs"]
mod common;

use std::path::Path;

use common::damage::{Choices, damaged};
use cortado_base::hdf5::{Kind as Cell, Packing, Writer};
use cortado_interop::nir::File;

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(Path::new("tests/data").join(name)).unwrap()
}

/// `CORTADO_DAMAGED` is the count of files, the first of them with this seed or 1: `CORTADO_DAMAGED=100000,2001`.
#[test]
fn damaged_files() {
    let asked = std::env::var("CORTADO_DAMAGED").unwrap_or_default();
    let mut asked = asked.split(',').map(|n| n.parse::<u64>().ok());
    let mut asked = |unless| asked.next().flatten().unwrap_or(unless);
    let (count, first) = (asked(600), asked(1));
    let files = ["types.nir", "packed.nir", "odd.nir", "old.nir"].map(bytes);
    let folder = tempfile::tempdir().unwrap();
    let (path, again) = (folder.path().join("a.nir"), folder.path().join("b.nir"));
    let (mut read, mut written) = (0, 0);
    for seed in first..first + count {
        let mut choices = Choices(seed);
        let file = &files[choices.below(files.len())];
        std::fs::write(&path, damaged(file, &mut choices)).unwrap();
        match File::read(&path) {
            Ok(file) => {
                read += 1;
                assert!(!file.info().to_string().is_empty());
                serde_json::to_string(&file.info()).unwrap();
                let diff = file.root.diff(&file.root, None);
                assert_eq!(diff.differences, [], "seed {seed}");
                // Names that no group can have may stand in a damaged file.
                if file.write(&again).is_ok() {
                    written += 1;
                    let twice = File::read(&again).unwrap();
                    let diff = file.root.diff(&twice.root, None);
                    assert_eq!(diff.differences, [], "seed {seed}");
                }
            }
            Err(e) => assert!(e.to_string().contains(": "), "{e}"),
        }
    }
    println!("{count} damaged files: {read} read, {written} of them written again");
    assert!(read < count && written * 10 > read * 9);
}

/// A file of what `fill` puts into its node.
fn made(fill: impl Fn(&Writer)) -> cortado_interop::Result<File> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nir");
    let writer = Writer::create(&path).unwrap();
    writer.group("node").unwrap();
    fill(&writer);
    writer.finish().unwrap();
    File::read(&path)
}

fn text(writer: &Writer, name: &str, text: &str) {
    let kind = Cell::Text(text.len());
    let done = writer.array(name, &kind, &[], Packing::Plain, text.as_bytes());
    done.unwrap();
}

/// The `LIF` with one parameter given by `fill`, the others right.
fn lif(without: &str, fill: impl Fn(&Writer, &str)) -> cortado_interop::Result<File> {
    made(|writer| {
        text(writer, "node/type", "LIF");
        for name in ["tau", "r", "v_leak", "v_threshold"] {
            let place = format!("node/{name}");
            match name == without {
                true => fill(writer, &place),
                false => writer.numbers(&place, &[1, 2]).unwrap(),
            }
        }
    })
}

#[test]
fn a_node_alone_becomes_a_graph() {
    let file = lif("", |_, _| {}).unwrap();
    assert_eq!(file.root.nodes.keys().collect::<Vec<_>>(), ["lif"]);
    let notes = file.check().notes;
    assert_eq!(notes[0], "the file does not say which version wrote it");
    assert!(notes[1].starts_with("the file holds no graph but one node of type LIF"));
}

#[test]
fn errors_name_the_node_and_what_was_expected() {
    let graph = |fill: &dyn Fn(&Writer)| {
        made(|writer| {
            text(writer, "node/type", "NIRGraph");
            writer.group("node/nodes").unwrap();
            fill(writer);
        })
    };
    let edges = |writer: &Writer| {
        let kind = Cell::Text(1);
        let done = writer.array("node/edges", &kind, &[1, 2], Packing::Plain, b"ab");
        done.unwrap();
    };
    let cases = [
        (
            made(|_| {}),
            "type at the graph: expected a group with the name of a type",
        ),
        (
            made(|w| text(w, "node/type", "AdEx")),
            "type at the graph: expected a type of NIR, got AdEx",
        ),
        (
            lif("r", |_, _| {}),
            "parameter at the graph: expected r, got none of this name",
        ),
        (
            lif("r", |w, at| text(w, at, "1")),
            "parameter at the graph, r: expected numbers, got '1'",
        ),
        (
            lif("r", |w, at| w.number(at, 1 << 54).unwrap()),
            "parameter at the graph, r: expected integers up to 2^53",
        ),
        (
            lif("r", |w, at| w.group(at).unwrap()),
            "parameter at the graph, r: expected numbers, got a group",
        ),
        (
            lif("r", |w, at| {
                w.number(at, 1).unwrap();
                w.number("node/beta", 1).unwrap();
            }),
            "parameter at the graph: expected parameters of LIF, got beta",
        ),
        (
            graph(&|_| {}),
            "edges at the graph: expected pairs of names, got none",
        ),
        (
            graph(&|w| w.number("node/edges", 1).unwrap()),
            "edges at the graph: expected pairs of names, got int64",
        ),
        (
            graph(&|w| {
                edges(w);
                w.group("node/nodes/a").unwrap();
                w.group("node/nodes/a/b").unwrap();
                text(w, "node/nodes/a/b/type", "I");
            }),
            "type at node 'a': expected a group with the name of a type (a '/' in a name of a node makes groups), got none",
        ),
        (
            graph(&|w| {
                edges(w);
                w.group("node/nodes/x").unwrap();
                text(w, "node/nodes/x/type", "Conv1d");
                w.numbers("node/nodes/x/weight", &[1]).unwrap();
                w.numbers("node/nodes/x/stride", &[1, 1]).unwrap();
            }),
            "parameter at node 'x', stride: expected one integer, got uint32 [2]",
        ),
    ];
    for (read, start) in cases {
        let sentence = read.unwrap_err().to_string();
        assert!(sentence.starts_with(start), "{sentence}");
    }
}

#[test]
fn groups_in_one_another_end() {
    let read = made(|writer| {
        let mut path = "node".to_string();
        text(writer, "node/type", "I");
        for depth in 0..100 {
            path.push_str(match depth {
                0 => "/metadata",
                _ => "/a",
            });
            writer.group(&path).unwrap();
        }
    });
    let sentence = read.unwrap_err().to_string();
    assert!(
        sentence.ends_with("expected at most 64 in one another, got more"),
        "{sentence}"
    );
}

/// A group that stands in itself, and arrays that together are far more than the file: names of one that is packed.
#[test]
fn memory_is_bounded_by_the_file() {
    for (name, end) in [
        ("cycle", "expected at most 64 in one another, got more"),
        (
            "links",
            "expected less than 1024 bytes for each of the file, got more in all",
        ),
    ] {
        let path = Path::new("tests/data").join(format!("{name}.nir"));
        let sentence = File::read(&path).unwrap_err().to_string();
        assert!(sentence.ends_with(end), "{sentence}");
    }
}
