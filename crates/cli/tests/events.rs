//! `cortado events`: recordings that the command makes itself, through every verb.

mod common;

use common::{cortado, done, json};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

/// Recordings of a few digits, made once: `train/CLASS/NUMBER.es` and `test/...`.
fn digits() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("digits-events");
        done(&[
            "events",
            "simulate",
            "digits",
            out.to_str().unwrap(),
            "--limit",
            "60",
        ]);
        folder
    });
    folder.path()
}

/// The first recording of a class.
fn digit(class: u32) -> PathBuf {
    let folder = digits().join(format!("digits-events/train/{class}"));
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    files[0].clone()
}

fn info(file: &Path) -> Value {
    json(&done(&["events", "info", file.to_str().unwrap(), "--json"]))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn info_says_all_that_others_rely_on() {
    let value = info(&digit(3));
    for key in [
        "format",
        "events",
        "on",
        "t_first",
        "t_last",
        "width",
        "height",
        "triggers",
        "damage",
        "assumptions",
        "checksum",
    ] {
        assert!(value.get(key).is_some(), "{key}");
    }
    assert_eq!(
        (&value["format"], &value["width"], &value["damage"]),
        (&"es".into(), &34.into(), &0.into())
    );
    let (events, on) = (
        value["events"].as_u64().unwrap(),
        value["on"].as_u64().unwrap(),
    );
    // A digit that comes back to where it was is as much brighter as darker.
    assert!(events > 1000 && on.abs_diff(events - on) < events / 10);
    let said = done(&["events", "info", text(&digit(3))]);
    assert!(said.contains("34x34") && said.contains(value["checksum"].as_str().unwrap()));
}

/// Through other formats and back nothing changes, be it by files or by pipes.
#[test]
fn conversion_keeps_all() {
    let folder = tempfile::tempdir().unwrap();
    let from = digit(5);
    let all = |file: &Path| {
        let v = info(file);
        (
            v["events"].clone(),
            v["on"].clone(),
            v["t_first"].clone(),
            v["t_last"].clone(),
        )
    };
    let expected = all(&from);
    for name in [
        "a.raw", "a.dat", "a.aedat", "a.aedat4", "a.bin", "a.csv", "a.txt", "a.npy", "a.npz",
        "a.h5", "a.hdf5",
    ] {
        let (there, back) = (
            folder.path().join(name),
            folder.path().join(format!("{name}.es")),
        );
        done(&["events", "convert", text(&from), text(&there)]);
        assert_eq!(all(&there), expected, "{name}");
        done(&[
            "events",
            "convert",
            text(&there),
            text(&back),
            "--geometry",
            "34x34",
        ]);
        assert_eq!(
            std::fs::read(&back).unwrap(),
            std::fs::read(&from).unwrap(),
            "{name}"
        );
    }
    let mut child = cortado(&["events", "convert", "-", "-", "--to", "evt2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let bytes = std::fs::read(&from).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let piped = folder.path().join("piped");
    std::fs::write(&piped, output.stdout).unwrap();
    assert_eq!(all(&piped), expected);
    assert_eq!(info(&piped)["format"], "evt2");
}

#[test]
fn a_part_is_cut_out() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (digit(7), folder.path().join("part.csv"));
    let whole = info(&from);
    done(&[
        "events",
        "cut",
        text(&from),
        text(&to),
        "--from",
        "100ms",
        "--until",
        "0.2s",
    ]);
    let part = info(&to);
    assert!(part["t_first"].as_u64() >= Some(100_000) && part["t_last"].as_u64() < Some(200_000));
    // Both sides of the cut and the part are the whole.
    let mut rest = 0;
    for bounds in [["--until", "100ms"], ["--from", "200ms"]] {
        let side = folder.path().join("side.csv");
        done(&[
            "events",
            "cut",
            text(&from),
            text(&side),
            bounds[0],
            bounds[1],
        ]);
        rest += info(&side)["events"].as_u64().unwrap();
    }
    assert_eq!(
        whole["events"].as_u64().unwrap(),
        rest + part["events"].as_u64().unwrap()
    );
    done(&[
        "events",
        "cut",
        text(&from),
        text(&to),
        "--skip",
        "10",
        "--events",
        "5",
        "--zero",
    ]);
    assert_eq!(
        (&info(&to)["events"], &info(&to)["t_first"]),
        (&5.into(), &0.into())
    );
}

#[test]
fn noise_is_filtered_out() {
    let folder = tempfile::tempdir().unwrap();
    let (noisy, clean) = (
        folder.path().join("noisy.csv"),
        folder.path().join("clean.csv"),
    );
    // A line that moves, a pixel that never stops, and single events far from all others.
    let mut lines = String::from("t,x,y,p\n");
    for t in 0..2000u32 {
        let row = 10 + t % 5;
        lines += &format!("{},{},{row},1\n", 50 * t, t / 50 % 30);
        lines += &format!("{},39,39,0\n", 50 * t + 10);
        if t % 100 == 0 {
            lines += &format!("{},{},30,1\n", 50 * t + 20, t / 100);
        }
    }
    std::fs::write(&noisy, lines).unwrap();
    let args = [
        "events",
        "filter",
        text(&noisy),
        text(&clean),
        "--geometry",
        "40x40",
    ];
    done(&[&args[..], &["--hot", "10000", "--background", "2ms"]].concat());
    let left = std::fs::read_to_string(&clean).unwrap();
    assert!(!left.contains(",39,39,") && !left.contains(",30,1\n"));
    assert!(info(&clean)["events"].as_u64().unwrap() > 1900);
    let transforms = folder.path().join("t.json");
    std::fs::write(
        &transforms,
        r#"[{"type": "crop_time", "start": 1000, "end": 2000}, {"type": "merge_polarities"}]"#,
    )
    .unwrap();
    done(&[&args[..], &["--transforms", text(&transforms)]].concat());
    assert_eq!(
        (&info(&clean)["on"], &info(&clean)["t_first"]),
        (&0.into(), &1000.into())
    );
}

#[test]
fn pictures_have_the_pixels_of_the_sensor() {
    let folder = tempfile::tempdir().unwrap();
    let (gif, png) = (folder.path().join("a.gif"), folder.path().join("a.png"));
    done(&[
        "events",
        "view",
        text(&digit(0)),
        text(&gif),
        "--frames",
        "6",
        "--scale",
        "3",
    ]);
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::Indexed);
    let mut decoder = options
        .read_info(std::fs::File::open(&gif).unwrap())
        .unwrap();
    assert_eq!((decoder.width(), decoder.height()), (102, 102));
    let (mut frames, mut colours) = (0, std::collections::BTreeSet::new());
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        frames += 1;
        colours.extend(frame.buffer.iter().copied());
    }
    assert_eq!(frames, 6);
    // Nothing, brighter and darker.
    assert!(
        colours.contains(&0)
            && colours.iter().any(|c| (1..=32).contains(c))
            && colours.iter().any(|&c| c > 32)
    );
    done(&[
        "events",
        "view",
        text(&digit(0)),
        text(&png),
        "--frames",
        "7",
        "--scale",
        "2",
    ]);
    let reader = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(&png).unwrap()))
        .read_info()
        .unwrap();
    // Eight pictures in two rows, 6 pixels between them.
    assert_eq!(
        (reader.info().width, reader.info().height),
        (4 * 74 + 6, 2 * 74 + 6)
    );
    let live = done(&["events", "view", text(&digit(0)), "--frames", "2"]);
    assert!(live.contains('▀') && live.contains("0.299 s"));
}

#[test]
fn what_is_no_recording_ends_with_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.raw");
    let code = |args: &[&str]| {
        let output = cortado(args).output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    std::fs::write(&bad, [0u8, 159, 146, 150, 1, 2]).unwrap();
    let (exit, said) = code(&["events", "info", text(&bad)]);
    assert_eq!(exit, Some(2), "{said}");
    assert!(said.contains("expected a known format"), "{said}");
    // Damage that can be skipped is counted, unless it is not to be.
    std::fs::write(
        &bad,
        b"% evt 2.0\n% end\n\x01\x00\x00\x80\x00\x00\x00\x50\x05\x10\x00\x10",
    )
    .unwrap();
    assert_eq!(
        (&info(&bad)["damage"], &info(&bad)["events"]),
        (&1.into(), &1.into())
    );
    let (exit, said) = code(&["events", "info", text(&bad), "--strict"]);
    assert_eq!(exit, Some(2), "{said}");
    assert!(
        said.contains("byte 20") && said.contains("0x50000000"),
        "{said}"
    );
    assert_eq!(code(&["events", "info", "nowhere"]).0, Some(1));
}

/// The whole way: event files, transforms, a recipe, a network.
#[test]
fn a_network_is_trained_from_event_files() {
    let folder = tempfile::tempdir().unwrap();
    let set = format!("data.folder={}", text(digits()));
    let run = folder.path().join("run");
    let args = [
        "train",
        "digits-events",
        "--json",
        "--out",
        text(&run),
        "--set",
        &set,
        "--set",
        "train.epochs=2",
        "--set",
        r#"data.transforms=[{type="drop_event", p=0.2}]"#,
    ];
    let value = json(done(&args).lines().last().unwrap());
    assert_eq!(value["epochs"], 2);
    // Counted events are another input, so another network.
    let counted = folder.path().join("counted");
    let mut args: Vec<&str> = args.to_vec();
    args[4] = text(&counted);
    args.extend(["--set", "encoder.counted=true"]);
    let other = json(done(&args).lines().last().unwrap());
    assert_ne!(value["loss"], other["loss"]);
}
