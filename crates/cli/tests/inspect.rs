//! `cortado inspect`.

mod common;

use common::{done, failed, json, manifest, train};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

#[test]
fn a_run_shows_its_network_and_its_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let result = train(&run, &["train.epochs=2"]);
    let path = run.to_str().unwrap();
    let all = json(&done(&["inspect", path, "--json"]));
    assert_eq!((&all["kind"], &all["path"]), (&"run".into(), &path.into()));
    assert_eq!(all["result"]["loss"], result["loss"]);
    assert_eq!(
        all["epochs"],
        serde_json::json!({ "done": 2, "planned": 2 })
    );
    let checkpoint = &all["checkpoint"];
    assert_eq!(
        (&checkpoint["epochs"], &checkpoint["intact"]),
        (&2.into(), &true.into())
    );
    assert_eq!(checkpoint["steps"], 90);
    let mut counts = 0;
    for p in checkpoint["parameters"].as_array().unwrap() {
        counts += p["count"].as_u64().unwrap();
        assert_eq!(p["non_finite"], 0);
        let [min, mean, max] = ["min", "mean", "max"].map(|k| p[k].as_f64().unwrap());
        assert!(min < mean && mean < max, "{p}");
    }
    assert_eq!(counts, 64 * 64 + 64 * 10);
    let bytes: u64 = walk(&run).iter().map(|p| p.metadata().unwrap().len()).sum();
    assert_eq!(all["bytes"], bytes);
    let text = done(&["inspect", path]);
    for word in [
        "hidden",
        "MAC / step",
        "unscaled",
        "same_step",
        "fc1.weight",
        "after_flow",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    // The checkpoint by itself, its manifest, and its numbers under another name.
    for part in ["checkpoint", "checkpoint/manifest.json"] {
        let part = json(&done(&[
            "inspect",
            run.join(part).to_str().unwrap(),
            "--json",
        ]));
        assert_eq!(
            (&part["kind"], &part["steps"]),
            (&"checkpoint".into(), &90.into())
        );
    }
    let numbers = run
        .join("checkpoint")
        .join(manifest(&run)["numbers"].as_str().unwrap());
    let copy = folder.path().join("copy.txt");
    std::fs::copy(&numbers, &copy).unwrap();
    let tensors = json(&done(&["inspect", copy.to_str().unwrap(), "--json"]));
    assert_eq!(tensors["tensors"].as_array().unwrap().len(), 6);
    // What is damaged is said, not refused.
    let mut bytes = std::fs::read(&numbers).unwrap();
    let n = bytes.len();
    bytes[n - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&numbers, bytes).unwrap();
    let all = json(&done(&["inspect", path, "--json"]));
    assert_eq!(all["checkpoint"]["intact"], false);
}

fn walk(path: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path());
    entries
        .flat_map(|p| if p.is_dir() { walk(&p) } else { vec![p] })
        .collect()
}

#[test]
fn files_are_known_by_their_content() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_string()
    };
    let images = [
        0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 51, 255, 0,
    ];
    let value = json(&done(&["inspect", &file("a.toml", &images), "--json"]));
    assert_eq!(
        (&value["kind"], &value["type"]),
        (&"IDX images".into(), &"u8".into())
    );
    assert_eq!(value["shape"], serde_json::json!([2, 1, 2]));
    let stats = ["min", "mean", "max", "zeros"].map(|k| value[k].as_f64().unwrap());
    assert_eq!(stats, [0.0, 76.5, 255.0, 2.0]);
    let labels = [0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 2];
    let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
    zip.write_all(&labels).unwrap();
    let value = json(&done(&[
        "inspect",
        &file("b", &zip.finish().unwrap()),
        "--json",
    ]));
    assert_eq!(value["per_class"], serde_json::json!([1, 0, 2]));
    let doubles = [
        &[0, 0, 14, 1, 0, 0, 0, 2][..],
        &1.5f64.to_be_bytes(),
        &f64::NAN.to_be_bytes(),
    ];
    let value = json(&done(&["inspect", &file("c", &doubles.concat()), "--json"]));
    assert_eq!(
        (&value["mean"], &value["non_finite"]),
        (&1.5.into(), &1.into())
    );
    // What is cut, too long or unknown.
    assert!(failed(&["inspect", &file("d", &images[..18])]).contains("expected 4 values"));
    assert!(failed(&["inspect", &file("e", &[&images[..], &[1]].concat())]).contains("got 5"));
    assert!(failed(&["inspect", &file("f", b"about = ")]).contains("expected a recipe"));
    let huge = [&[0, 0, 8, 3][..], &[255; 12]].concat();
    assert!(failed(&["inspect", &file("g", &huge)]).contains("length"));
    assert!(failed(&["inspect", folder.path().to_str().unwrap()]).contains("recipe.toml"));
    assert!(failed(&["inspect", "/no/such/file"]).contains("cannot read"));
    let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes/digits.toml");
    let value = json(&done(&["inspect", recipe, "--json"]));
    assert_eq!(
        (&value["kind"], &value["recipe"]["steps"]),
        (&"recipe".into(), &8.into())
    );
}

/// The files of the readers' tests, each under a name that says nothing.
#[test]
fn arrays_sounds_records_and_spikes_are_known_too() {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../base/tests/fixtures/");
    let spikes = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/tests/fixtures/");
    let sounds = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/tests/fixtures/");
    let folder = tempfile::tempdir().unwrap();
    let look = |name: &str| {
        let copy = folder.path().join("something");
        let from = match name.rsplit('.').next() {
            Some("wav") => sounds,
            Some("h5") => spikes,
            _ => fixtures,
        };
        std::fs::copy(format!("{from}{name}"), &copy).unwrap();
        json(&done(&["inspect", copy.to_str().unwrap(), "--json"]))
    };
    for (name, kind) in [
        ("version1.npy", "npy"),
        ("types.npz", "npz"),
        ("pcm16.wav", "WAV"),
        ("shd-plain.h5", "HDF5 spikes"),
        ("shd-userblock.h5", "HDF5 spikes"),
    ] {
        assert_eq!(look(name)["kind"], kind, "{name}");
    }
    let shd = cortado_events::Shd::read(format!("{spikes}shd-plain.h5").as_ref()).unwrap();
    let value = look("shd-plain.h5");
    assert_eq!(value["samples"], shd.labels.len());
    assert_eq!(
        value["spikes"],
        shd.times.iter().map(Vec::len).sum::<usize>()
    );
    let arrays = look("types.npz")["arrays"].as_array().unwrap().clone();
    assert!(
        arrays.len() > 3 && arrays.iter().all(|a| a["count"].is_u64()),
        "{arrays:?}"
    );
    // Two samples of one signal in 12 bits each: 1000 and -1.
    let header = "r 1 360 2\nr.dat 212 200(1024)/mV 11 1024 1000 999 0 MLII\n";
    std::fs::write(folder.path().join("r.dat"), [0xe8, 0xf3, 0xff]).unwrap();
    let path = folder.path().join("header");
    std::fs::write(&path, header).unwrap();
    let value = json(&done(&["inspect", path.to_str().unwrap(), "--json"]));
    assert_eq!(
        (&value["kind"], &value["rate_hz"]),
        (&"WFDB record".into(), &360.0.into())
    );
    let max = value["signals"][0]["max"].as_f64().unwrap();
    assert!((max + 0.12).abs() < 1e-6, "{value}");
}
