//! `cortado run`: files and streams through a trained network.

mod common;

use common::spiking::{Spiking, pattern, spike_lines};
use common::{cortado, done, failed, json, train};
use cortado_base::npy::{self, Array};
use cortado_base::npz;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

fn digits() -> cortado_data::Split {
    cortado_data::load("digits", Path::new(".")).unwrap()
}

/// Test samples from a file give the decisions of the test, encoded as there.
#[test]
fn values_of_the_test_set_give_its_accuracy() {
    let net = Spiking::new();
    let test = digits().test;
    let values: Vec<f32> = (0..test.len())
        .flat_map(|i| match test.sample(i) {
            cortado::encode::Sample::Values(v) => v.to_vec(),
            _ => Vec::new(),
        })
        .collect();
    let path = net.folder.path().join("test.npy");
    npy::write(
        &path,
        &Array::new(vec![test.len(), 1, 8, 8], values).unwrap(),
    )
    .unwrap();
    let (input, out) = (path.to_str().unwrap(), net.folder.path().join("out.npz"));
    let run = net.run.to_str().unwrap();
    done(&[
        "run",
        run,
        input,
        "--out",
        out.to_str().unwrap(),
        "--probe",
        "hidden.spikes",
    ]);
    let all = npz::read(&out, npz::LIMIT).unwrap();
    let classes = all["classes"].to_u64("classes").unwrap();
    let right = (0..test.len()).filter(|&i| classes[i] == u64::from(test.label(i)));
    let eval = common::last_line(&cortado(&["eval", run, "--json"]).output().unwrap());
    let accuracy = right.count() as f64 / test.len() as f64;
    assert_eq!(eval["accuracy"].as_f64(), Some(accuracy));
    // Scores, outputs and spikes say the same.
    assert_eq!(all["output"].shape, [test.len(), 12, 10]);
    let (output, scores) = (all["output"].to_f64(), all["scores"].to_f64());
    let spikes = all["spikes_step"].shape[0];
    assert_eq!(output.iter().sum::<f64>(), spikes as f64);
    assert_eq!(scores.iter().sum::<f64>(), spikes as f64);
    let hidden: f64 = all["hidden.spikes"].to_f64().iter().sum();
    let total = eval["spikes_per_sample"].as_f64().unwrap() * test.len() as f64;
    assert!((hidden + spikes as f64 - total).abs() < 0.5);
    let columns =
        ["spikes_sample", "spikes_step", "spikes_neuron"].map(|k| all[k].to_u64(k).unwrap());
    for n in 0..spikes {
        let [b, t, i] = [0, 1, 2].map(|k| columns[k][n] as usize);
        assert_eq!(output[(b * 12 + t) * 10 + i], 1.0);
    }
}

/// All that comes out, but for how long it took, is the same for chunks of any size, for a stream and for an array.
#[test]
fn chunks_of_any_size_give_the_bits_of_one_run() {
    let net = Spiking::new();
    let rows = pattern(37);
    let stream = net.file("stream", &spike_lines(&rows));
    let dense: Vec<u8> = rows
        .iter()
        .flat_map(|r| (0..64).map(|i| u8::from(r.contains(&i))))
        .collect();
    let path = net.folder.path().join("array");
    npy::write(&path, &Array::new(vec![37, 64], dense).unwrap()).unwrap();
    let array = path.to_str().unwrap().to_string();
    let probes = [
        "--probe",
        "hidden.spikes",
        "--probe",
        "hidden.v",
        "--probe",
        "readout.v",
    ];
    let lines = |input: &str, chunk: Option<&str>| {
        let chunk: Vec<&str> = chunk.iter().flat_map(|c| ["--chunk", c]).collect();
        let mut lines = net.run(input, &[&probes[..], &chunk].concat());
        let last = lines.pop().unwrap();
        assert_eq!((&last["steps"], &last["samples"]), (&37.into(), &1.into()));
        (lines, last["spikes"].clone())
    };
    let whole = lines(&array, None);
    let of = |key: &str| whole.0.iter().filter(|l| l.get(key).is_some()).count();
    assert!(
        of("spikes") > 20 && of("v") == 74,
        "{} {}",
        of("spikes"),
        of("v")
    );
    for chunk in ["1", "2", "3", "5", "8", "16", "36", "37", "1000"] {
        assert_eq!(lines(&array, Some(chunk)), whole, "array, {chunk}");
        assert_eq!(lines(&stream, Some(chunk)), whole, "stream, {chunk}");
    }
    assert_eq!(lines(&stream, None), whole);
}

/// A line comes out when its step is done, before the next goes in.
#[test]
fn a_stream_is_answered_step_by_step() {
    let net = Spiking::new();
    let mut child = cortado(&["run", net.run.to_str().unwrap(), "-", "--json"])
        .args(["--probe", "hidden.v"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || json(&output.next().unwrap().unwrap());
    for (t, row) in pattern(20).iter().enumerate() {
        input
            .write_all(spike_lines(std::slice::from_ref(row)).as_bytes())
            .unwrap();
        input.flush().unwrap();
        let mut line = next();
        while line["node"] == "readout" {
            line = next();
        }
        assert_eq!(
            (&line["step"], &line["node"]),
            (&t.into(), &"hidden".into())
        );
        assert_eq!(line["v"].as_array().unwrap().len(), 32);
    }
    drop(input);
    let mut line = next();
    while line.get("class").is_none() {
        line = next();
    }
    assert_eq!(line["steps"], 20);
    let latency = next()["latency_ms"].clone();
    let [min, median, p99, max] =
        ["min", "median", "p99", "max"].map(|k| latency[k].as_f64().unwrap());
    assert!(
        0.0 < min && min <= median && median <= p99 && p99 <= max,
        "{latency}"
    );
    assert!(child.wait().unwrap().success());
}

/// Times are put into steps, silence between them included; a time that is written as a whole step is in that step.
#[test]
fn events_are_spikes_of_their_steps() {
    let net = Spiking::new();
    let rows = pattern(9);
    let mut events = String::new();
    for (t, row) in rows.iter().enumerate().filter(|(t, _)| t % 3 == 0) {
        for (k, i) in row.iter().enumerate() {
            let time = (t as f64 + 0.9 * k as f64 / row.len() as f64) * 1e-3;
            events += &format!("{{\"t\": {time}, \"i\": {i}}}\n");
        }
    }
    let sparse = (0..7).map(|t| {
        if t % 3 == 0 {
            rows[t].clone()
        } else {
            Vec::new()
        }
    });
    let sparse: Vec<Vec<u32>> = sparse.collect();
    let mut lines = [net.file("a", &events), net.file("b", &spike_lines(&sparse))].map(|input| {
        let mut lines = net.run(&input, &["--probe", "hidden.v"]);
        lines.pop();
        lines
    });
    let expected = lines[1].split_off(0);
    assert_eq!(lines[0], expected);
}

/// A stream that is cut every so many steps is the samples of an array; what ends before goes on in silence.
#[test]
fn windows_of_a_stream_are_samples() {
    let net = Spiking::new();
    let mut rows = pattern(29);
    let stream = net.file("stream", &spike_lines(&rows));
    let windows = net.run(
        &stream,
        &["--steps", "10", "--chunk", "7", "--probe", "hidden.spikes"],
    );
    rows.resize(30, Vec::new());
    let dense: Vec<u8> = rows
        .iter()
        .flat_map(|r| (0..64).map(|i| u8::from(r.contains(&i))))
        .collect();
    let path = net.folder.path().join("array");
    npy::write(&path, &Array::new(vec![3, 10, 64], dense).unwrap()).unwrap();
    let samples = net.run(path.to_str().unwrap(), &["--probe", "hidden.spikes"]);
    let n = samples.len();
    assert_eq!((windows.len(), &windows[..n - 1]), (n, &samples[..n - 1]));
    let decisions = samples.iter().filter(|l| l.get("class").is_some()).count();
    assert_eq!(decisions, 3);
    // Longer samples of an array end in silence too.
    let longer = net.run(path.to_str().unwrap(), &["--steps", "15"]);
    let steps = longer
        .iter()
        .filter_map(|l| l.get("class").and(l.get("steps")));
    assert!(steps.clone().count() == 3 && steps.into_iter().all(|s| *s == 15));
}

/// The decision, the first spike and the time to the decision, by hand from the spikes.
#[test]
fn decisions_are_those_of_the_spikes() {
    let net = Spiking::new();
    let mut rows = pattern(30);
    rows.iter_mut().take(4).for_each(Vec::clear);
    let lines = net.run(&net.file("s", &spike_lines(&rows)), &[]);
    let (mut counts, mut leads, mut first) = (vec![0.0; 10], (0, 0), None);
    for t in 0..30 {
        for line in lines
            .iter()
            .filter(|l| l["node"] == "readout" && l["step"] == t)
        {
            first = first.or(Some(t));
            for i in line["spikes"].as_array().unwrap() {
                counts[i.as_u64().unwrap() as usize] += 1.0;
            }
        }
        let most = counts.iter().copied().fold(0.0, f64::max);
        let leader = counts.iter().position(|&c| c == most).unwrap();
        if leader != leads.0 {
            leads = (leader, t);
        }
    }
    let decision = lines.iter().find(|l| l.get("class").is_some()).unwrap();
    assert_eq!(decision["scores"], serde_json::json!(counts));
    assert_eq!(
        (&decision["class"], &decision["decided"]),
        (&leads.0.into(), &leads.1.into())
    );
    assert_eq!(decision["first_spike"], serde_json::json!(first));
    let seconds = decision["latency"].as_f64().unwrap();
    assert!((seconds - (leads.1.max(4) - 4) as f64 * 1e-3).abs() < 1e-12);
}

#[test]
fn what_is_wrong_is_a_sentence_with_its_line() {
    let net = Spiking::new();
    let run = net.run.to_str().unwrap();
    let bad = |text: &str| {
        let input = net.file("bad", text);
        failed(&["run", run, &input, "--json"])
    };
    let good = "{\"spikes\":[0]}\n";
    for (text, word) in [
        ("{\"spikes\":[64]}", "channels below 64, got 64"),
        ("{\"spikes\":[0]", "line 3"),
        ("{\"x\":[0.0]}", "as the lines before"),
        ("{\"spikes\":[0],\"x\":[0.0]}", "expected one of"),
        ("{}", "expected one of"),
        ("[]", "line 3"),
        ("[0.1, 3, null, null]", "no object"),
        ("{\"spiks\":[0]}", "spiks"),
        ("\u{0}", "line 3"),
    ] {
        let error = bad(&format!("{good}\n{text}\n"));
        assert!(error.contains("line 3") && error.contains(word), "{error}");
    }
    assert!(bad("{\"x\":[0.0]}").contains("expected 64 currents, got 1"));
    assert!(bad("{\"t\":1e-3,\"i\":1}\n{\"t\":0.9e-3,\"i\":1}").contains("at least 0.001 s"));
    assert!(bad("{\"t\":1e300,\"i\":1}").contains("2^53"));
    assert!(bad("{\"t\":-1,\"i\":1}").contains("line 1"));
    assert!(bad("{\"t\":0,\"i\":64}").contains("below 64"));
    let input = net.file("good", good);
    for (more, word) in [
        (["--probe", "nothing"], "NODE.WHAT"),
        (["--probe", "nothing.v"], "hidden"),
        (["--probe", "hidden.w"], "spikes, v"),
        (["--dt", "-1"], "positive"),
        (["--as", "values"], "arrays"),
    ] {
        let error = failed(&[&["run", run, &input], &more[..]].concat());
        assert!(error.contains(word), "{error}");
    }
    let path = net.folder.path().join("array");
    let array = |shape: &[usize]| {
        let data = vec![0.5f32; shape.iter().product()];
        npy::write(&path, &Array::new(shape.to_vec(), data).unwrap()).unwrap();
        path.to_str().unwrap().to_string()
    };
    assert!(failed(&["run", run, &array(&[3, 63])]).contains("64 inputs"));
    assert!(failed(&["run", run, &array(&[3, 64]), "--as", "spikes"]).contains("0 or 1, got 0.5"));
    assert!(failed(&["run", run, &array(&[3, 2, 2, 2])]).contains("64 values"));
    assert!(failed(&["run", run, &array(&[5, 64]), "--steps", "4"]).contains("at least the 5"));
    assert!(failed(&["run", run, &array(&[0, 64])]).contains("at least one"));
    let checkpoint = net.run.join("checkpoint");
    let values = array(&[3, 1, 8, 8]);
    let error = failed(&["run", checkpoint.to_str().unwrap(), &values]);
    assert!(error.contains("--steps"), "{error}");
    assert!(failed(&["run", "/nowhere", &input]).contains("is no run"));
}

/// Membranes of a readout are scores; a step of another length leaves time constants as they are.
#[test]
fn a_membrane_decays_by_its_time_constant_at_any_step() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let free = "network.convention.gain=\"scaled\"";
    train(
        &run,
        &["train.epochs=1", free, "network.nodes.fc1.scale=5.0"],
    );
    let mut rows = pattern(400);
    rows.iter_mut().skip(20).for_each(Vec::clear);
    let input = folder.path().join("input");
    std::fs::write(&input, spike_lines(&rows)).unwrap();
    let [run, input] = [&run, &input].map(|p| p.to_str().unwrap());
    let tau: f64 = 9.491221581029903e-3;
    for dt in ["1e-3", "5e-4"] {
        let text = done(&[
            "run",
            run,
            input,
            "--json",
            "--dt",
            dt,
            "--probe",
            "readout.v",
        ]);
        let v = |step: u64| {
            let mut lines = text.lines().map(json);
            let line = lines
                .find(|l| l["step"] == step && l.get("v").is_some())
                .unwrap();
            line["v"]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_f64().unwrap())
                .collect::<Vec<_>>()
        };
        // Long after the input nothing spikes, and the membrane alone is left.
        let (a, b, dt) = (v(100), v(110), dt.parse::<f64>().unwrap());
        let decay = (-10.0 * dt / tau).exp();
        let largest = a.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        assert!(largest > 1e-12, "{a:?}");
        for (a, b) in a.iter().zip(&b) {
            assert!((b - a * decay).abs() < 1e-5 * largest, "{a} {b}");
        }
    }
}
