//! `cortado nir`.

mod common;

use common::{cortado, done, failed, json};
use cortado_interop::nir::{File, Kind};
use std::path::{Path, PathBuf};

fn data(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop/tests/data");
    folder.join(name)
}

#[test]
fn info_says_what_a_file_holds() {
    let path = data("types.nir");
    let path = path.to_str().unwrap();
    let text = done(&["nir", "info", path]);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let text: Vec<_> = text.lines().map(words).collect();
    let text = text.join("\n");
    for line in [
        "NIR 1.0.8: 26 nodes, 25 edges, 679 parameters\n",
        "conv.2d Conv2d [2, 12, 10] -> [4, 6, 10]\n",
        "dilation [1,2]\n",
        "sub/lif CubaLIF [6] -> [6]\n",
        "sub/lif -> sub/w_rec\n",
        "metadata: array, big, bytes, dt, ",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let all = json(&done(&["nir", "info", path, "--json"]));
    let nodes = all["nodes"].as_array().unwrap();
    assert_eq!((nodes.len(), &all["version"]), (26, &"1.0.8".into()));
    let conv = nodes.iter().find(|n| n["path"] == "conv.2d").unwrap();
    assert_eq!(conv["output"], serde_json::json!([4, 6, 10]));
    assert_eq!(conv["settings"]["padding"], serde_json::json!([1, 2]));
    let mut numbers = 0;
    for parameter in nodes
        .iter()
        .flat_map(|n| n["parameters"].as_array().unwrap())
    {
        let sizes = parameter["shape"].as_array().unwrap();
        numbers += sizes.iter().map(|s| s.as_u64().unwrap()).product::<u64>();
        let [min, max] = ["min", "max"].map(|k| parameter[k].as_f64().unwrap());
        assert!(min < max, "{parameter}");
    }
    assert_eq!(all["parameters"], numbers);
    let old = done(&["nir", "info", data("old.nir").to_str().unwrap()]);
    assert!(
        old.contains("  tau_syn      float32  [3]  0.00875 .. 0.018749999"),
        "{old}"
    );
    assert!(
        old.contains("it has no v_reset; before version 1.0.6"),
        "{old}"
    );
}

#[test]
fn diff_ends_with_1_where_files_differ() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (data("types.nir"), folder.path().join("b.nir"));
    let mut file = File::read(&first).unwrap();
    file.write(&second).unwrap();
    let [a, b] = [&first, &second].map(|p| p.to_str().unwrap());
    assert_eq!(done(&["nir", "diff", a, b]), "equal\n");
    if let Some(Kind::Scale { scale }) = file.root.nodes.get_mut("scale").map(|n| &mut n.kind) {
        scale.data[2] += 0.125;
    }
    file.write(&second).unwrap();
    let error = failed(&["nir", "diff", a, b]);
    assert!(error.contains("differ"), "{error}");
    let shown = cortado(&["nir", "diff", a, b]).output().unwrap();
    let expected = "node 'scale', scale: numbers are up to 0.125 apart\n1 difference\n";
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), expected);
    let shown = cortado(&["nir", "diff", a, b, "--json"]).output().unwrap();
    let all = json(&String::from_utf8(shown.stdout).unwrap());
    assert_eq!(all["differences"][0]["at"], "node 'scale', scale");
    assert_eq!(all["largest"], 0.125);
    let near = done(&["nir", "diff", a, b, "--tolerance", "0.125"]);
    assert_eq!(near, "equal within 0.125\n");
}

#[test]
fn what_is_no_nir_file_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.nir");
    let bytes = std::fs::read(data("types.nir")).unwrap();
    std::fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
    let missing = folder.path().join("missing.nir");
    let good = data("old.nir");
    for path in [&broken, &missing, &data("types.json"), &data("cycle.nir")] {
        let path = path.to_str().unwrap();
        for args in [
            vec!["nir", "info", path],
            vec!["nir", "diff", good.to_str().unwrap(), path],
        ] {
            let output = cortado(&args).output().unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{error}");
            assert!(error.contains("error: ") && error.contains(path), "{error}");
        }
    }
}
