//! What runs of local rules leave: their page, the table of a sweep, a comparison.

mod common;
#[path = "../../plot/tests/common/mod.rs"]
mod picture;

use common::{cortado, done, failed, json};
use picture::{all, find, line, near, number};
use roxmltree::Document;
use serde_json::Value;
use std::path::Path;

/// Few images for few neurons, three lines of metrics.
const DIGITS: [&str; 5] = [
    "learn.images=300",
    "learn.report=100",
    "learn.passes=1",
    "learn.neurons=12",
    "learn.label_images=100",
];

/// Few neurons, two seeds, two lines of metrics.
const DISTAL: [&str; 5] = [
    "learn.seeds=2",
    "learn.minutes=2",
    "learn.excitatory=40",
    "learn.inhibitory=10",
    "learn.synapses=10",
];

fn set<'a>(values: &[&'a str]) -> Vec<&'a str> {
    values.iter().flat_map(|v| ["--set", *v]).collect()
}

fn train(recipe: &str, values: &[&str], run: &Path) -> Value {
    let args = ["train", recipe, "--json", "--out", run.to_str().unwrap()];
    json(&done(&[&args[..], &set(values)].concat()))
}

/// The lines of a run's metrics before the last one.
fn lines(run: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let mut lines: Vec<Value> = text.lines().map(json).collect();
    assert!(lines.pop().unwrap().get("run").is_some());
    lines
}

/// The pictures of a page.
fn pictures(page: &str) -> Vec<String> {
    let parts = page.split("<svg").skip(1);
    let whole = |p: &str| format!("<svg{}</svg>", p.split("</svg>").next().unwrap());
    parts.map(whole).collect()
}

/// Numbers that were learned, and their shape.
fn learned(run: &Path, name: &str) -> (Vec<usize>, Vec<f64>) {
    let bytes = std::fs::read(run.join("weights.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = tensors.tensor(name).unwrap();
    let number = |b: &[u8; 4]| f64::from(f32::from_le_bytes(*b));
    let values = tensor.data().as_chunks().0.iter().map(number).collect();
    (tensor.shape().to_vec(), values)
}

/// A picture for each key of the lines but the one that is counted and the seconds, with a curve through its numbers.
fn check_curves(page: &str, lines: &[Value], along: &str) {
    let keys: Vec<&String> = lines[0].as_object().unwrap().keys().collect();
    let drawn = |k: &&&String| ![along, "seconds", "metric_name"].contains(&k.as_str());
    let pictures = pictures(page);
    for key in keys.iter().filter(drawn) {
        let name = match lines[0]["metric_name"].as_str() {
            Some(name) if *key == "metric" => name.replace('_', " "),
            _ => key.replace('_', " "),
        };
        let list = lines[0][*key].as_array().map_or(1, Vec::len);
        for i in 0..list {
            let value = |l: &Value| match &l[*key] {
                Value::Array(a) => a[i].as_f64(),
                v => v.as_f64(),
            };
            let point = |l: &Value| Some([l[along].as_f64().unwrap(), value(l)?]);
            let wanted: Vec<[f64; 2]> = lines.iter().filter_map(point).collect();
            if wanted.is_empty() {
                continue;
            }
            let panel = format!("data-name=\"{name}\"");
            let picture = pictures.iter().find(|p| p.contains(&panel));
            let picture = picture.unwrap_or_else(|| panic!("no picture of {key}"));
            let doc = Document::parse(picture).unwrap();
            let panel = find(&doc, "panel", &name);
            let curve = if list > 1 {
                format!("[{i}]")
            } else {
                name.clone()
            };
            if wanted.len() == 1 {
                find(&doc, "dot", &curve);
                continue;
            }
            let found = line(panel, find(&doc, "line", &curve));
            assert_eq!(found.len(), wanted.len(), "{key}");
            // A tenth of a pixel of a hundred.
            let size = |c: usize| wanted.iter().map(|p| p[c].abs()).fold(1e-9, f64::max);
            for (f, w) in found.iter().zip(&wanted) {
                near(f[0], w[0], 2e-3 * size(0));
                near(f[1], w[1], 2e-3 * size(1));
            }
        }
    }
}

/// The tiles of a picture are the images, each cell to half a step of its 16 shades.
fn check_tiles(page: &str, title: &str, images: &[Vec<f64>], width: usize) {
    let pictures = pictures(page);
    let named = format!("<title>{title}");
    let picture = pictures.iter().find(|p| p.contains(&named)).unwrap();
    let doc = Document::parse(picture).unwrap();
    let tiles = all(&doc, "image");
    assert_eq!(tiles.len(), images.len());
    let largest = images
        .iter()
        .flatten()
        .fold(0.0, |a: f64, v| a.max(v.abs()));
    for (tile, image) in tiles.iter().zip(images) {
        let mut shades = vec![0.0; image.len()];
        for path in tile.children().filter(|n| n.has_tag_name("path")) {
            // Runs of one shade: `M3 5h2`.
            for run in path.attribute("d").unwrap().split('M').skip(1) {
                let mut n = run.split([' ', 'h']).map(|v| v.parse::<usize>().unwrap());
                let [x, y, cells] = [(); 3].map(|()| n.next().unwrap());
                shades[y * width + x..][..cells].fill(number(path, "data-level"));
            }
        }
        for (shade, v) in shades.iter().zip(image) {
            near(*shade, v / largest, 0.5 / 16.0 + 1e-9);
        }
    }
}

fn page(run: &Path) -> String {
    std::fs::read_to_string(run.join("report.html")).unwrap()
}

#[test]
fn the_page_of_digits_shows_metrics_and_fields() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let result = train("digits-stdp", &DIGITS, &run);
    let page = page(&run);
    let lines = lines(&run);
    assert_eq!(lines.len(), 3);
    check_curves(&page, &lines, "images");
    // Seven keys without images and seconds, and the weights: thresholds are none.
    assert_eq!(
        pictures(&page).len(),
        lines[0].as_object().unwrap().len() - 2 + 1
    );
    let (shape, weights) = learned(&run, "weights");
    assert_eq!(shape, [64, 12]);
    let field = |j: usize| (0..64).map(|i| weights[i * 12 + j]).collect();
    let fields: Vec<Vec<f64>> = (0..12).map(field).collect();
    check_tiles(&page, "weights: 12 neurons", &fields, 8);
    let accuracy = format!("{:.2} %", 100.0 * result["accuracy"].as_f64().unwrap());
    assert!(page.contains(&accuracy));
    for (id, there) in [
        ("learning", 2),
        ("weights", 2),
        ("recipe", 2),
        ("network", 0),
    ] {
        let ids = [format!("<section id=\"{id}\">"), format!("href=\"#{id}\"")];
        assert_eq!(
            ids.iter().filter(|i| page.contains(*i)).count(),
            there,
            "{id}"
        );
    }
    // The settings, and a line of the metrics.
    assert!(page.contains("weight_sum = 15.0") && page.contains("<td class=\"n\">300</td>"));
    let path = run.join("report.html");
    std::fs::remove_file(&path).unwrap();
    let said = done(&["report", run.to_str().unwrap()]);
    assert_eq!(said.trim(), path.to_str().unwrap());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), page);
}

/// Neurons along the first axis, a line of metrics that is a list.
#[test]
fn the_page_of_tasks_shows_prototypes() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let values = ["data.name=digits", "learn.neurons=3", "data.limit=400"];
    train("mnist-continual", &values, &run);
    let page = page(&run);
    check_curves(&page, &lines(&run), "task");
    let (shape, weights) = learned(&run, "weights");
    let fields: Vec<Vec<f64>> = weights.chunks(64).map(<[f64]>::to_vec).collect();
    assert_eq!(shape, [fields.len(), 64]);
    let title = format!("weights: {} neurons", fields.len());
    check_tiles(&page, &title, &fields, 8);
}

#[test]
fn the_page_of_convolutions_shows_kernels() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let layers = "learn.layers=[{ maps = 4, kernel = 3, pad = 1, threshold = 1.0, images = 200 }, \
                  { maps = 3, kernel = 3, pad = 1, threshold = 1.0, images = 200 }]";
    let filters = "learn.front.filters=[3]";
    let values = ["data.name=digits", "data.limit=300", filters, layers];
    train("mnist-conv-stdp", &values, &run);
    let page = page(&run);
    for (name, kernels) in [("layers.0.weight", 8), ("layers.1.weight", 12)] {
        let (shape, weights) = learned(&run, name);
        assert_eq!(shape[2..], [3, 3]);
        let images: Vec<Vec<f64>> = weights.chunks(9).map(<[f64]>::to_vec).collect();
        assert_eq!(images.len(), kernels);
        check_tiles(
            &page,
            &format!("{name}: {kernels} of {kernels} kernels"),
            &images,
            3,
        );
    }
    // Each layer counts its images from the start.
    let picture = pictures(&page)
        .into_iter()
        .find(|p| p.contains("data-name=\"undecided\""));
    let picture = picture.unwrap();
    assert!(picture.contains("layer 1") && picture.contains("layer 2"));
}

#[test]
fn the_page_of_rewards_has_a_curve_for_each_seed() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train("distal-reward", &DISTAL, &run);
    let page = page(&run);
    let lines = lines(&run);
    assert_eq!(lines.len(), 2);
    check_curves(&page, &lines, "minute");
    // All weights are counted.
    let pictures = pictures(&page);
    let doc = pictures
        .iter()
        .find(|p| p.contains("<title>weights: 2 x 400"))
        .unwrap();
    let doc = Document::parse(doc).unwrap();
    let bars = all(&doc, "bar");
    let counts: f64 = bars.iter().map(|b| number(*b, "data-count")).sum();
    assert_eq!(counts, learned(&run, "weights").1.len() as f64);
}

/// The table holds what the runs' metrics hold; the same command runs nothing again but what was cut.
#[test]
fn a_sweep_over_settings_of_a_rule() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sweep");
    let args = [
        "sweep",
        "distal-reward",
        "--json",
        "--out",
        out.to_str().unwrap(),
    ];
    let grid = ["--grid", "learn.noise=13.0,20.0", "--seeds", "0,1"];
    let args = [&args[..], &set(&DISTAL), &grid].concat();
    let table = json(&done(&args));
    assert_eq!(table["metric_name"], "found");
    let rows = table["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    let metrics =
        |name: &str| std::fs::read_to_string(out.join(name).join("metrics.jsonl")).unwrap();
    for row in rows {
        let runs = row["folders"].as_array().unwrap();
        let last = |r: &Value| json(metrics(r.as_str().unwrap()).lines().last().unwrap());
        let results: Vec<Value> = runs.iter().map(last).collect();
        for key in ["metric", "seconds"] {
            let sum: f64 = results.iter().map(|r| r[key].as_f64().unwrap()).sum();
            assert_eq!(row[key].as_f64(), Some(sum / 2.0), "{key}");
        }
        assert_eq!((&row["runs"], &row["failed"]), (&2.into(), &0.into()));
    }
    let text = std::fs::read_to_string(out.join("table.json")).unwrap();
    assert_eq!(json(&text), table);
    assert_eq!(json(&done(&args)), table);
    // A run of the sweep is that of `train`, and has its page.
    let name = "learn.noise=20.0,seed=1";
    let single = folder.path().join("single");
    train(
        "distal-reward",
        &[&DISTAL[..], &["learn.noise=20.0", "seed=1"]].concat(),
        &single,
    );
    let bytes = |run: &Path| std::fs::read(run.join("weights.safetensors")).unwrap();
    assert_eq!(bytes(&out.join(name)), bytes(&single));
    check_curves(&page(&out.join(name)), &lines(&single), "minute");
    // Without its last line it has been cut, whatever the line before says, and begins again.
    let whole = metrics(name);
    let cut: Vec<&str> = whole.lines().take(2).collect();
    std::fs::write(out.join(name).join("metrics.jsonl"), cut.join("\n")).unwrap();
    let again = json(&done(&args));
    let values = |t: &Value| {
        t["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["metric"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(values(&again), values(&table));
    assert_eq!(metrics(name).lines().count(), whole.lines().count());
    let other = [&args[..], &["--set", "learn.reward=0.1"]].concat();
    let error = failed(&other);
    assert!(error.contains("learn.reward was 0.5, is 0.1"), "{error}");
}

#[test]
fn a_comparison_shows_settings_of_a_rule() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let results = [
        train("digits-stdp", &DIGITS, &a),
        train(
            "digits-stdp",
            &[&DIGITS[..], &["learn.rate=100.0"]].concat(),
            &b,
        ),
    ];
    let [a, b] = [&a, &b].map(|p| p.to_str().unwrap());
    let found = json(&done(&["compare", a, b, "--json"]));
    assert_eq!(
        found["differ"],
        serde_json::json!({ "learn.rate": [127.5, 100.0] })
    );
    for (i, result) in results.iter().enumerate() {
        for key in ["metric", "metric_name", "spikes_per_image", "silent", "run"] {
            assert_eq!(found["runs"][i][key], result[key], "{key}");
        }
        assert_eq!(found["runs"][i]["loss"], Value::Null);
    }
    let text = done(&["compare", a, b]);
    assert!(
        text.contains("learn.rate") && text.contains("spikes_per_image"),
        "{text}"
    );
    // What no run has is left out.
    assert!(!text.contains("synops"), "{text}");
    for command in [
        &["eval", a][..],
        &["train", "--resume", a],
        &["plot", "raster", a],
    ] {
        assert!(
            failed(command).contains("a run of a local rule"),
            "{command:?}"
        );
    }
}

/// A run under way has curves and no weights.
#[test]
fn the_page_of_a_run_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train("distal-reward", &DISTAL, &run);
    let whole = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    // Its second line has not been written to the end.
    let (first, rest) = whole.split_once('\n').unwrap();
    let cut = format!("{first}\n{}", &rest[..rest.len() / 3]);
    std::fs::write(run.join("metrics.jsonl"), cut).unwrap();
    std::fs::remove_file(run.join("weights.safetensors")).unwrap();
    let output = cortado(&["report", run.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let page = page(&run);
    assert!(page.contains("not come to its test") && !page.contains("id=\"weights\""));
    check_curves(&page, &[json(first)], "minute");
    let run = run.to_str().unwrap();
    let both = json(&done(&["compare", run, run, "--json"]));
    assert_eq!(both["runs"][0]["minute"], 1);
    assert_eq!(both["runs"][0]["weight"], json(first)["weight"]);
}

/// Of many lines the page shows some, evenly, and the last.
#[test]
fn the_page_of_many_lines() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let network = "learn.network={inputs=10,neurons=1,seconds=2.5}";
    train(
        "stdp-competition",
        &[network, "learn.report=1e-3", "learn.correlated.inputs=2"],
        &run,
    );
    let all = lines(&run);
    assert_eq!(all.len(), 2500);
    let shown: Vec<Value> = all.into_iter().step_by(3).collect();
    let page = page(&run);
    assert!(page.contains("One line in 3 of metrics.jsonl"));
    assert_eq!(shown.last().unwrap()["second"], 2.5);
    check_curves(&page, &shown, "second");
}

/// What is wrong with the value of a table that was not there before.
#[test]
fn an_error_in_an_optional_table_says_what_it_is() {
    for (set, expected) in [
        ("learn.scaling={sum=0.5}", "missing field `every`"),
        ("learn.theta={foo=1}", "unknown field `foo`"),
        ("learn.scalling={sum=0.5,every=1.0}", "nearest is 'learn."),
    ] {
        let error = failed(&["train", "stdp-competition", "--set", set]);
        assert!(
            error.contains(expected) && error.contains(set.split('=').next().unwrap()),
            "{error}"
        );
    }
    let error = failed(&["train", "digits", "--set", "data.distort={foo=1}"]);
    assert!(error.contains("unknown field `foo`"), "{error}");
}
