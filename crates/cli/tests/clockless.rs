//! `cortado run --engine`: without a clock.

mod common;

use common::spiking::{Spiking, pattern, spike_lines};
use common::{done, failed, json, last_line, train};
use cortado::encode::Sample;
use cortado::learn::Fit;
use cortado::network::Network;
use cortado::sim::event::Engine;
use cortado_base::npy::{self, Array};
use cortado_base::npz;
use serde_json::Value;
use std::path::Path;

fn network(run: &Path) -> Network<f32> {
    Fit::<f32>::load(&run.join("checkpoint")).unwrap().0.net
}

/// Spikes of the readout from the library's engine: time and neuron.
fn library(run: &Path, given: &[(f64, usize)], until: f64) -> Vec<(f64, usize)> {
    let mut engine = Engine::new(&network(run)).unwrap();
    for &(t, i) in given {
        engine.feed(t, i).unwrap();
    }
    let (readout, mut spikes) = (engine.populations().len() - 1, Vec::new());
    let sink = |s: cortado::sim::event::Spike| spikes.push((s.population, s.t, s.neuron));
    engine.run(until, sink).unwrap();
    spikes.retain(|s| s.0 == readout);
    spikes.into_iter().map(|s| (s.1, s.2)).collect()
}

/// Time and neuron of the spikes in lines of a node.
fn spikes(lines: &[Value], node: &str) -> Vec<(f64, usize)> {
    let of = lines.iter().filter(|l| l["node"] == node);
    of.flat_map(|l| {
        let t = l["t"].as_f64().unwrap();
        let neurons = l["spikes"].as_array().unwrap().iter();
        neurons.map(move |i| (t, i.as_u64().unwrap() as usize))
    })
    .collect()
}

fn event_lines(given: &[(f64, usize)]) -> String {
    let line = |(t, i): &(f64, usize)| format!("{{\"t\":{t},\"i\":{i}}}\n");
    given.iter().map(line).collect()
}

/// Trained by spike times: it runs without a clock, its decisions are those of the test, its spikes those of the library.
#[test]
fn what_was_trained_by_spike_times_runs_without_a_clock() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let path = run.to_str().unwrap();
    done(&[
        "train",
        "yin-yang-eventprop",
        "--json",
        "--out",
        path,
        "--set",
        "train.epochs=1",
        "--set",
        "data.limit=320",
    ]);
    let test = cortado_data::load("yin-yang", &cortado_data::default_folder())
        .unwrap()
        .test;
    let values: Vec<f32> = (0..test.len())
        .flat_map(|i| match test.sample(i) {
            Sample::Values(v) => v.to_vec(),
            _ => Vec::new(),
        })
        .collect();
    let file = folder.path().join("test.npy");
    let width = values.len() / test.len();
    npy::write(
        &file,
        &Array::new(vec![test.len(), width], values.clone()).unwrap(),
    )
    .unwrap();
    let args = ["run", path, file.to_str().unwrap(), "--as", "values"];
    let text = done(&[&args[..], &["--json"]].concat());
    let lines: Vec<Value> = text.lines().map(json).collect();
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["engine"], &last["why"]),
        (&"event".into(), &"trained by spike times".into())
    );
    let decisions: Vec<&Value> = lines.iter().filter(|l| l.get("class").is_some()).collect();
    let right = (0..test.len()).filter(|&i| decisions[i]["class"] == test.label(i));
    let eval = last_line(&common::cortado(&["eval", path, "--json"]).output().unwrap());
    assert_eq!(
        eval["accuracy"].as_f64(),
        Some(right.count() as f64 / test.len() as f64)
    );
    // Five inputs at 30 (1 - (x + 1) / 2) ms in the code of the recipe, the last one always at 0.
    let recipe = std::fs::read_to_string(run.join("recipe.toml")).unwrap();
    let recipe: toml::Table = recipe.parse().unwrap();
    let encoder: cortado::encode::Encoder = recipe["encoder"].clone().try_into().unwrap();
    let at = cortado::encode::Presentation {
        steps: 60,
        dt: 1e-3,
        seed: 0,
        round: 0,
    };
    for i in [0, 7, 100] {
        let sample = Sample::Values(&values[i * width..][..width]);
        let times = encoder.times(&[sample], &[i as u32], &at).unwrap();
        let (t, units) = times.sample(0);
        let given: Vec<(f64, usize)> = t
            .iter()
            .zip(units)
            .map(|(&t, &i)| (t, i as usize))
            .collect();
        let own: Vec<Value> = lines.iter().filter(|l| l["sample"] == i).cloned().collect();
        let expected = library(&run, &given, 60e-3);
        assert_eq!(spikes(&own, "readout"), expected);
        let first = expected.first().map(|s| s.0);
        let decision = own.iter().find(|l| l.get("class").is_some()).unwrap();
        assert_eq!(decision["first_spike"].as_f64(), first);
        assert_eq!(decision["decided"].as_f64(), first);
        // The first input is the one at 0.
        assert_eq!(decision["latency"].as_f64(), first);
        let scores = decision["scores"].as_array().unwrap();
        for (j, score) in scores.iter().enumerate() {
            let t = expected.iter().find(|s| s.1 == j).map_or(60e-3, |s| s.0);
            assert!((score.as_f64().unwrap() + t / 0.5e-3).abs() < 1e-12);
        }
    }
    // Arrays hold the same.
    let out = folder.path().join("out.npz");
    done(&[&args[..], &["--out", out.to_str().unwrap()]].concat());
    let all = npz::read(&out, npz::LIMIT).unwrap();
    let times: Vec<f64> = spikes(&lines, "readout").iter().map(|s| s.0).collect();
    assert_eq!(all["spikes_time"].to_f64(), times);
    assert_eq!(all["classes"].shape, [test.len()]);
    // The clock is there if asked for.
    let text = done(&[&args[..], &["--json", "--engine", "clock"]].concat());
    assert_eq!(json(text.lines().last().unwrap())["engine"], "clock");
}

/// LIF neurons fire when something arrives: on input at whole steps both engines give the same spikes.
#[test]
fn at_whole_steps_both_engines_give_the_same_spikes() {
    let net = Spiking::new();
    let rows = pattern(40);
    let input = net.file("rows", &spike_lines(&rows));
    let of = |engine: &str| net.run(&input, &["--engine", engine, "--probe", "hidden.spikes"]);
    let (clock, event) = (of("clock"), of("event"));
    for node in ["hidden", "readout"] {
        let (a, b) = (spikes(&clock, node), spikes(&event, node));
        assert!(a.len() > 20, "{}", a.len());
        assert_eq!(a.len(), b.len(), "{node}");
        for (a, b) in a.iter().zip(&b) {
            assert!(a.1 == b.1 && (a.0 - b.0).abs() < 1e-12, "{a:?} {b:?}");
        }
    }
    let decision = |lines: &[Value], key: &str| {
        lines.iter().find(|l| l.get("class").is_some()).unwrap()[key].clone()
    };
    for key in ["class", "scores"] {
        assert_eq!(decision(&clock, key), decision(&event, key));
    }
    let step = decision(&clock, "first_spike").as_f64().unwrap();
    assert!((decision(&event, "first_spike").as_f64().unwrap() - step * 1e-3).abs() < 1e-12);
    // By the clock the first output leads before anything has spiked.
    let since = decision(&clock, "decided").as_f64().unwrap();
    let since = if since == 0.0 { step } else { since };
    assert!((decision(&event, "decided").as_f64().unwrap() - since * 1e-3).abs() < 1e-12);
    // The same as an array.
    let dense: Vec<u8> = rows
        .iter()
        .flat_map(|r| (0..64).map(|i| u8::from(r.contains(&i))))
        .collect();
    let path = net.folder.path().join("array");
    npy::write(&path, &Array::new(vec![40, 64], dense).unwrap()).unwrap();
    let array = net.run(
        path.to_str().unwrap(),
        &["--engine", "event", "--probe", "hidden.spikes"],
    );
    let n = event.len() - 1;
    assert_eq!(array[..n], event[..n]);
}

/// Events keep their times; a stream cut into windows is samples, each as if alone.
#[test]
fn events_keep_their_times_and_windows_are_samples() {
    let net = Spiking::new();
    let given: Vec<(f64, usize)> = (0..900)
        .map(|k| (f64::from(k) * 0.1e-3 + 0.037e-3, (k * 29 % 64) as usize))
        .filter(|s| !(0.03..0.06).contains(&s.0))
        .collect();
    let input = net.file("events", &event_lines(&given));
    let whole = net.run(&input, &["--engine", "event"]);
    let expected = library(&net.run, &given, 90e-3);
    assert!(expected.len() > 20);
    assert_eq!(spikes(&whole, "readout"), expected);
    let last = whole.last().unwrap();
    assert_eq!(
        (&last["input_spikes"], &last["seconds"]),
        (&given.len().into(), &0.09.into())
    );
    assert!(last["latency_ms"]["median"].as_f64().unwrap() > 0.0);
    // 30 ms each, the second without input.
    let windows = net.run(&input, &["--engine", "event", "--steps", "30"]);
    for w in 0..3 {
        let of: Vec<Value> = windows
            .iter()
            .filter(|l| l["sample"] == w)
            .cloned()
            .collect();
        let since = w as f64 * 30.0 * 1e-3;
        let own = given.iter().filter(|s| (s.0 / 30e-3) as usize == w);
        let own: Vec<(f64, usize)> = own.map(|s| (s.0 - since, s.1)).collect();
        assert_eq!(
            spikes(&of, "readout"),
            library(&net.run, &own, 30e-3),
            "{w}"
        );
        assert_eq!(of.last().unwrap()["seconds"].as_f64(), Some(30e-3));
    }
    // By the clock there are as many samples.
    let clock = net.run(&input, &["--engine", "clock", "--steps", "30"]);
    assert_eq!(clock.last().unwrap()["samples"], 3);
}

/// Few spikes in a step: no clock; many, or a stream of which that is not known: a clock.
#[test]
fn the_engine_is_chosen_as_stated() {
    let net = Spiking::new();
    let path = net.folder.path().join("array");
    let chosen = |every: usize, more: &[&str]| {
        let dense: Vec<u8> = (0..40 * 64).map(|k| u8::from(k % every == 0)).collect();
        npy::write(&path, &Array::new(vec![40, 64], dense).unwrap()).unwrap();
        let last = net.run(path.to_str().unwrap(), more).pop().unwrap();
        (
            last["engine"].clone(),
            last["why"].as_str().unwrap().to_string(),
        )
    };
    assert_eq!(chosen(64 * 10, &[]).0, "event");
    assert_eq!(chosen(64, &[]).0, "clock");
    let (engine, why) = chosen(64 * 10, &["--probe", "hidden.v"]);
    assert!(engine == "clock" && why.contains("--probe"), "{why}");
    let (engine, why) = chosen(64 * 10, &["--engine", "clock"]);
    assert!(engine == "clock" && why == "asked for", "{why}");
    let last = net
        .run(&net.file("events", "{\"t\":0.1,\"i\":1}\n"), &[])
        .pop()
        .unwrap();
    assert_eq!(last["engine"], "clock");
}

#[test]
fn what_is_refused_says_what_and_why() {
    let net = Spiking::new();
    let run = net.run.to_str().unwrap();
    let bad = |text: &str, more: &[&str]| {
        let input = net.file("bad", text);
        failed(&[&["run", run, &input, "--json", "--engine", "event"], more].concat())
    };
    let good = "{\"t\":0.2,\"i\":1}\n";
    for (text, more, word) in [
        (
            &format!("{good}{{\"t\":0.1,\"i\":1}}\n")[..],
            &[][..],
            "at least 0.2 s, got 0.1",
        ),
        (
            &format!("{good}{{\"spikes\":[1]}}\n"),
            &[],
            "as the lines before",
        ),
        (
            &format!("{{\"x\":[{}]}}\n", ["0.1"; 64].join(",")),
            &[],
            "--engine clock",
        ),
        (good, &["--dt", "1e-4"], "--dt"),
        (good, &["--chunk", "3"], "--chunk"),
        (good, &["--probe", "hidden.v"], "--probe"),
        (good, &["--probe", "nothing.spikes"], "nothing"),
    ] {
        let error = bad(text, more);
        assert!(error.contains(word), "{error}");
    }
    // A network whose current is defined by steps: auto goes by the clock and says why.
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train(&run, &["train.epochs=1"]);
    let (run, input) = (run.to_str().unwrap(), net.file("good", good));
    let error = failed(&["run", run, &input, "--engine", "event"]);
    assert!(error.contains("convention"), "{error}");
    let text = done(&["run", run, &input, "--json"]);
    let last = json(text.lines().last().unwrap());
    assert_eq!(last["engine"], "clock");
    assert!(
        last["why"].as_str().unwrap().contains("convention"),
        "{last}"
    );
}
