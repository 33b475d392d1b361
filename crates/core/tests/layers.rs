//! Dependencies inside the library run one way.

use std::path::Path;

/// Modules, the lowest first; those in one line may use each other.
const LAYERS: [&[&str]; 6] = [
    &["num"],
    &["surrogate", "spikes"],
    &["neuron", "kernel"],
    &["synapse", "network", "sim"],
    &["encode", "cost"],
    &["learn"],
];

fn uses(file: &Path, out: &mut Vec<String>) {
    let text = std::fs::read_to_string(file).unwrap();
    // Tests may look upwards.
    let text = text.split("#[cfg(test)]").next().unwrap();
    for rest in text.split("crate::").skip(1) {
        let names = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap(),
            None => rest,
        };
        for name in names.split(',') {
            let word = |c: char| !(c.is_alphanumeric() || c == '_');
            out.push(name.trim().split(word).next().unwrap().to_string());
            if !rest.starts_with('{') {
                break;
            }
        }
    }
}

fn files(path: &Path, out: &mut Vec<std::path::PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            files(&entry.unwrap().path(), out);
        }
    } else {
        out.push(path.to_path_buf());
    }
}

/// A crate of this repository may use those before it.
#[test]
fn crates_run_one_way() {
    let crates = [
        "base", "core", "interop", "convert", "local", "events", "plot", "data", "cli",
    ];
    let package = |name: &str| match name {
        "core" => "cortado".to_string(),
        name => format!("cortado-{name}"),
    };
    for (height, name) in crates.iter().enumerate() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(name)
            .join("Cargo.toml");
        let table: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
        let used = table["dependencies"].as_table().unwrap();
        let upwards = crates[height..]
            .iter()
            .find(|c| used.contains_key(&package(c)));
        assert_eq!(upwards, None, "{name}");
        // Recordings, pictures and files of other tools know of no network of ours.
        let alone = ["events", "interop", "plot"].contains(name);
        assert!(!(alone && used.contains_key("cortado")), "{name} uses core");
    }
}

#[test]
fn dependencies_run_one_way() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut checked = 0;
    for (height, layer) in LAYERS.iter().enumerate() {
        for module in *layer {
            let mut list = Vec::new();
            let folder = source.join(module);
            files(
                &if folder.is_dir() {
                    folder
                } else {
                    source.join(format!("{module}.rs"))
                },
                &mut list,
            );
            for file in list {
                let mut used = Vec::new();
                uses(&file, &mut used);
                for name in used {
                    let Some(other) = LAYERS.iter().position(|l| l.contains(&name.as_str())) else {
                        continue;
                    };
                    assert!(other <= height, "{} uses {name}", file.display());
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 60);
    // Nothing is left out.
    for entry in std::fs::read_dir(&source).unwrap() {
        let name = entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .replace(".rs", "");
        assert!(
            name == "lib" || LAYERS.iter().any(|l| l.contains(&name.as_str())),
            "{name}"
        );
    }
}
